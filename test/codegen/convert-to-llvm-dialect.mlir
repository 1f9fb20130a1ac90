// RUN: nncc-opt %s --nncc-convert-to-llvm-dialect | FileCheck %s

// CHECK-LABEL: llvm.func @load(
// CHECK-SAME:    %{{.*}}: !llvm.ptr, %{{.*}}: i64)
// CHECK:         llvm.load %{{.*}} : !llvm.ptr -> vector<4xf32>
func.func @load(%x: memref<8xf32>, %i: index) -> vector<4xf32> {
  %v = vector.load %x[%i] : memref<8xf32>, vector<4xf32>
  return %v : vector<4xf32>
}
