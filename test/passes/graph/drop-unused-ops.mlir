// RUN: nncc-opt %s --nncc-drop-unused-ops | FileCheck %s

// CHECK-LABEL: @drops_a_chain
// CHECK-NEXT: return %arg0
func.func @drops_a_chain(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.unary relu %x : tensor<2x3xf32> -> tensor<2x3xf32>
  %1 = nn.unary neg %0 : tensor<2x3xf32> -> tensor<2x3xf32>
  return %x : tensor<2x3xf32>
}

// CHECK-LABEL: @keeps_what_is_returned
// CHECK: nn.unary relu
func.func @keeps_what_is_returned(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.unary relu %x : tensor<2x3xf32> -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}
