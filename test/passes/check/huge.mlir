// Sizes and elements that no machine holds are refused before a pass computes with them.
// RUN: not nncc-opt %s --split-input-file --nncc-fold-scale 2>&1 | FileCheck %s
// RUN: not nncc-opt %s --split-input-file --nncc-check=N1 2>&1 | FileCheck %s --check-prefix=CONTRACT
// CONTRACT: may have no value of so many elements at stage N1, which nncc-check requires

// CHECK: error: 'func.func' op may have no value of so many elements at stage N1, which nncc-fold-scale requires
func.func @main(%x: tensor<3x5xf32>, %y: tensor<4611686018427387904x5xf32>) -> tensor<3x5xf32> {
  return %x : tensor<3x5xf32>
}

// -----

// CHECK: error: no machine has vectors of 96 bits, 32 registers and 0 and 0 bytes of cache
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 96, registers = 32, l1_bytes = 0, l2_bytes = 0>}} {}

// -----

// CHECK: error: 'func.func' op may have no tensor of elements that are neither integers nor floats at stage N1, which nncc-fold-scale requires
func.func @main(%x: tensor<1x0xindex>) -> tensor<1x0xindex> {
  return %x : tensor<1x0xindex>
}
