// RUN: nncc-opt %s --nncc-plan-memory | FileCheck %s

// Heads of a detector: results that are seen as rows lie where the concatenation wants them, though the stride of its
// first dim, of one element, is another. Nothing is copied.
// CHECK-LABEL: func.func @main
// CHECK-SAME:  %[[Y:arg[0-9]+]]: memref<1x10x4xf32> {nn.memory = "output", nn.name = "y"}
// CHECK:       nn.place %[[Y]] at 0 :
// CHECK-NEXT:  nn.kernel "k0"
// CHECK:       nn.place %[[Y]] at 96 :
// CHECK-NEXT:  nn.kernel "k1"
// CHECK-NOT:   nn.kernel
func.func @main(%x: tensor<1x2x3x4xf32> {nn.name = "x"}, %z: tensor<1x2x2x4xf32> {nn.name = "z"}) -> (tensor<1x10x4xf32> {nn.name = "y"}) {
  %a = nn.kernel "k0" ins(%x : tensor<1x2x3x4xf32>) {
  ^bb0(%p: tensor<1x2x3x4xf32>):
    %0 = nn.unary relu %p : tensor<1x2x3x4xf32> -> tensor<1x2x3x4xf32>
    nn.yield %0 : tensor<1x2x3x4xf32>
  } -> tensor<1x2x3x4xf32>
  %b = nn.kernel "k1" ins(%z : tensor<1x2x2x4xf32>) {
  ^bb0(%p: tensor<1x2x2x4xf32>):
    %0 = nn.unary relu %p : tensor<1x2x2x4xf32> -> tensor<1x2x2x4xf32>
    nn.yield %0 : tensor<1x2x2x4xf32>
  } -> tensor<1x2x2x4xf32>
  %c = nn.reshape %a : tensor<1x2x3x4xf32> -> tensor<1x6x4xf32>
  %d = nn.reshape %b : tensor<1x2x2x4xf32> -> tensor<1x4x4xf32>
  %e = nn.kernel "k2" ins(%c, %d : tensor<1x6x4xf32>, tensor<1x4x4xf32>) {
  ^bb0(%p: tensor<1x6x4xf32>, %q: tensor<1x4x4xf32>):
    %0 = nn.concat %p, %q axis 1 : tensor<1x6x4xf32>, tensor<1x4x4xf32> -> tensor<1x10x4xf32>
    nn.yield %0 : tensor<1x10x4xf32>
  } -> tensor<1x10x4xf32>
  return %e : tensor<1x10x4xf32>
}
