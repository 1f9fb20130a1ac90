// What vectors are taken apart into, an instruction for each row or register, is bounded.
// RUN: not nncc-opt %s --split-input-file --nncc-lower-vectors 2>&1 | FileCheck %s

// CHECK: error: 'vector.transfer_read' op may have no vector of more than 2048 elements at stage L2, which nncc-lower-vectors requires
func.func private @rows(%x: memref<65537x3xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %v = vector.transfer_read %x[%c0, %c0], %zero {in_bounds = [true, true]} : memref<65537x3xf32>, vector<65537x3xf32>
  return
}

// -----

// CHECK: error: 'arith.constant' op may have no vector of more than 2048 elements at stage L2, which nncc-lower-vectors requires
func.func private @lanes() {
  %v = arith.constant dense<0.0> : vector<2049xf32>
  return
}

// -----

// CHECK: error: 'func.func' op may have no vector of more than 2048 elements at stage L2, which nncc-lower-vectors requires
func.func private @argument(%v: vector<3x700xf32>) {
  return
}
