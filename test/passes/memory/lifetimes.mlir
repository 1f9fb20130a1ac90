// RUN: nncc-opt %s --nncc-plan-memory=reuse=false | FileCheck %s

// A tensor lives as long as anything that shows it is read: k0's until k2, which reads rows of it. Those rows have no
// entry of their own.
// CHECK-LABEL: func.func @main
// CHECK-SAME:  nn.arena_tensors = [{bytes = 24 : i64, first = 0 : i64, last = 2 : i64, offset = {{[0-9]+}} : i64, tensor = "a"}, {bytes = 24 : i64, first = 1 : i64, last = 2 : i64, offset = {{[0-9]+}} : i64, tensor = "b"}]
// What is returned without elements is written by no one.
// CHECK-COUNT-3: nn.kernel
// CHECK-NOT:     nn.kernel
func.func @main(%x: tensor<2x3xf32> {nn.name = "x"}) -> (tensor<1x3xf32> {nn.name = "y"}, tensor<0x3xf32> {nn.name = "z"}) {
  %none = nn.constant dense<> : tensor<0x3xf32>
  %0 = nn.kernel "k0" ins(%x : tensor<2x3xf32>) {
  ^bb0(%p: tensor<2x3xf32>):
    %a = nn.unary tanh %p {nn.tensor = "a"} : tensor<2x3xf32> -> tensor<2x3xf32>
    nn.yield %a : tensor<2x3xf32>
  } -> tensor<2x3xf32>
  %1 = nn.kernel "k1" ins(%0 : tensor<2x3xf32>) {
  ^bb0(%p: tensor<2x3xf32>):
    %a = nn.unary exp %p {nn.tensor = "b"} : tensor<2x3xf32> -> tensor<2x3xf32>
    nn.yield %a : tensor<2x3xf32>
  } -> tensor<2x3xf32>
  %row = nn.kernel "row" ins(%0 : tensor<2x3xf32>) {
  ^bb0(%p: tensor<2x3xf32>):
    %a = nn.slice %p starts [1, 0] sizes [1, 3] steps [1, 1] : tensor<2x3xf32> -> tensor<1x3xf32>
    nn.yield %a : tensor<1x3xf32>
  } -> tensor<1x3xf32>
  %other = nn.kernel "other" ins(%1 : tensor<2x3xf32>) {
  ^bb0(%p: tensor<2x3xf32>):
    %a = nn.slice %p starts [0, 0] sizes [1, 3] steps [1, 1] : tensor<2x3xf32> -> tensor<1x3xf32>
    nn.yield %a : tensor<1x3xf32>
  } -> tensor<1x3xf32>
  %2 = nn.kernel "k2" ins(%row, %other : tensor<1x3xf32>, tensor<1x3xf32>) {
  ^bb0(%p: tensor<1x3xf32>, %q: tensor<1x3xf32>):
    %a = nn.binary add %p, %q : tensor<1x3xf32>, tensor<1x3xf32> -> tensor<1x3xf32>
    nn.yield %a : tensor<1x3xf32>
  } -> tensor<1x3xf32>
  return %2, %none : tensor<1x3xf32>, tensor<0x3xf32>
}
