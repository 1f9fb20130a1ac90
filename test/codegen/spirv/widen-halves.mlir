// RUN: nncc-opt %s --nncc-widen-halves="in-words=true" | FileCheck %s
// RUN: nncc-opt %s --nncc-widen-halves="in-words=false" | FileCheck %s --check-prefix=STORAGE16
// RUN: nncc-opt %s --nncc-widen-halves="in-words=true" --nncc-convert-to-spirv | FileCheck %s --check-prefix=SPIRV
// RUN: nncc-opt %s --nncc-widen-halves="in-words=false" --nncc-convert-to-spirv="storage16=true" | FileCheck %s --check-prefix=SPIRV16

// Four are two words; one is half of a word, whose other half may be another thread's.
// CHECK-LABEL: gpu.module @k
// CHECK-SAME:  {
// CHECK:       gpu.func @main(%{{.*}}: memref<8xvector<2xi32>>{{.*}}, %{{.*}}: memref<4xi32>
// CHECK-NOT:   f16
// CHECK:       spirv.GL.UnpackHalf2x16 {{.*}} : i32 -> vector<2xf32>
// CHECK:       %[[SQUARE:.*]] = arith.mulf {{.*}} : vector<4xf32>
// It is rounded before it is packed: drivers may cut it off.
// CHECK:       arith.bitcast %[[SQUARE]] : vector<4xf32> to vector<4xi32>
// CHECK:       math.roundeven
// CHECK:       arith.bitcast {{.*}} : vector<4xi32> to vector<4xf32>
// CHECK:       spirv.GL.PackHalf2x16 {{.*}} : vector<2xf32> -> i32
// CHECK:       memref.store {{.*}} : memref<8xvector<2xi32>>
// CHECK:       memref.atomic_rmw andi
// CHECK:       memref.atomic_rmw ori

// STORAGE16:   %[[X:.*]] = memref.load {{.*}} : memref<8xvector<4xf16>>
// STORAGE16:   %[[W:.*]] = arith.extf %[[X]] {{.*}} : vector<4xf16> to vector<4xf32>
// STORAGE16:   %[[Y:.*]] = arith.mulf %[[W]], %[[W]]
// STORAGE16-NOT: math.roundeven
// STORAGE16:   spirv.FConvert %[[Y]] {fp_rounding_mode = #spirv.fp_rounding_mode<RTE>{{.*}}} : vector<4xf32> to vector<4xf16>

// SPIRV:       spirv.AtomicAnd <Device> <None>
// SPIRV:       spirv.AtomicOr <Device> <None>
// SPIRV16:     spirv.FConvert %{{.*}} {fp_rounding_mode = #spirv.fp_rounding_mode<RTE>} : vector<4xf32> to vector<4xf16>
module {
  gpu.module @k {
    gpu.func @main(%x: memref<8xvector<4xf16>>, %y: memref<7xf16>)
        kernel attributes {nn.block = 64 : i64, nn.grid = array<i64: 1, 1>} {
      %id = gpu.thread_id x
      %v = memref.load %x[%id] : memref<8xvector<4xf16>>
      %wide = arith.extf %v : vector<4xf16> to vector<4xf32>
      %square = arith.mulf %wide, %wide : vector<4xf32>
      %half = arith.truncf %square : vector<4xf32> to vector<4xf16>
      memref.store %half, %x[%id] : memref<8xvector<4xf16>>
      %one = vector.extract %half[0] : f16 from vector<4xf16>
      memref.store %one, %y[%id] : memref<7xf16>
      gpu.return
    }
  }
}
