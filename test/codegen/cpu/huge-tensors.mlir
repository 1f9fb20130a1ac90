// RUN: nncc-opt %s --nncc-pack-weights | FileCheck %s

// A tensor that 32 bits cannot span: no contraction is packed for micro-kernels, loops take them all.
// CHECK-LABEL: @main
// CHECK-NOT: nn.packings
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
func.func @main(%x: tensor<536870912x2xf32>) -> tensor<536870912x3xf32> {
  %w = nn.constant dense<1.0> : tensor<2x3xf32>
  %y = nn.kernel "k" ins(%x, %w : tensor<536870912x2xf32>, tensor<2x3xf32>) {
  ^bb0(%0: tensor<536870912x2xf32>, %1: tensor<2x3xf32>):
    %r = nn.matmul %0, %1 : tensor<536870912x2xf32>, tensor<2x3xf32> -> tensor<536870912x3xf32>
    nn.yield %r : tensor<536870912x3xf32>
  } -> tensor<536870912x3xf32>
  return %y : tensor<536870912x3xf32>
}
}
