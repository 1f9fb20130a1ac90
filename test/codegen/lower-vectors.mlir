// RUN: nncc-opt %s --nncc-lower-vectors | FileCheck %s

// A sum over the outer dim adds whole vectors.
// CHECK-LABEL: func.func private @outer_sum
// CHECK:         arith.addf {{.*}} : vector<8xf32>
// CHECK-NOT:     vector.multi_reduction
// CHECK-NOT:     vector<2x8xf32>
func.func private @outer_sum(%x: memref<2x8xf32>, %y: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %pad = arith.constant 0.0 : f32
  %zero = arith.constant dense<0.0> : vector<8xf32>
  %v = vector.transfer_read %x[%c0, %c0], %pad {in_bounds = [true, true]} : memref<2x8xf32>, vector<2x8xf32>
  %s = vector.multi_reduction <add>, %v, %zero [0] : vector<2x8xf32> to vector<8xf32>
  vector.transfer_write %s, %y[%c0] {in_bounds = [true]} : vector<8xf32>, memref<8xf32>
  return
}
