// RUN: nncc-opt %s --nncc-plan-memory | FileCheck %s

// What has no elements is written by no one: nothing runs, and nothing is placed.
// CHECK-LABEL: func.func @main
// CHECK-SAME:  nn.arena_lower_bound = 0
// CHECK-NEXT:  return
func.func @main(%x: tensor<1x0xf32> {nn.name = "x"}) -> (tensor<1x0xf32> {nn.name = "y"}) {
  return %x : tensor<1x0xf32>
}
