// RUN: nncc-opt %s --nncc-plan-memory | FileCheck %s
// RUN: nncc-opt %s --nncc-plan-memory=reuse=false | FileCheck %s --check-prefix=APART

// k1 and k2 write the halves of a concatenation, which is the caller's memory: no concatenation is left.
// k3 takes over the memory of its operand.
// CHECK-LABEL: func.func @main
// CHECK-SAME:  memref<96xi8> {nn.memory = "arena"}
// CHECK-SAME:  memref<64xi8> {nn.memory = "weights"}
// CHECK-SAME:  %[[Y:arg[0-9]+]]: memref<1x4x2x6xf32> {nn.memory = "output", nn.name = "y"}
// CHECK-SAME:  nn.arena_lower_bound = 96
// CHECK:       nn.kernel "k0"
// CHECK:       %[[A:.*]] = nn.place %arg0 at [[AT:[0-9]+]] : memref<96xi8> to memref<1x4x2x3xf32>
// CHECK:       %[[B:.*]] = nn.place %arg0 at [[AT]] : memref<96xi8> to memref<1x4x2x3xf32>
// CHECK-NEXT:  nn.kernel "k3" ins(%[[A]] : {{.*}}) outs(%[[B]] :
// CHECK:       nn.in_place_of
// CHECK:       %[[L:.*]] = nn.place %[[Y]] at 0 : memref<1x4x2x6xf32> to memref<1x4x2x3xf32, strided<[48, 12, 6, 1]>>
// CHECK:       nn.kernel "k1" ins({{.*}}) outs(%[[L]]
// CHECK:       %[[R:.*]] = nn.place %[[Y]] at 12 : memref<1x4x2x6xf32> to memref<1x4x2x3xf32, strided<[48, 12, 6, 1]>>
// CHECK:       nn.kernel "k2" ins({{.*}}) outs(%[[R]]
// CHECK-NOT:   nn.concat

// Without reuse every tensor keeps its memory to the end.
// APART: memref<224xi8> {nn.memory = "arena"}
// APART-NOT: nn.in_place_of
func.func @main(%x: tensor<1x4x2x3xf32> {nn.name = "x"}) -> (tensor<1x4x2x6xf32> {nn.name = "y"}) {
  %w = nn.constant dense<0.5> : tensor<3x1x1x3xf32>
  %a = nn.kernel "k0" ins(%x, %w : tensor<1x4x2x3xf32>, tensor<3x1x1x3xf32>) {
  ^bb0(%p: tensor<1x4x2x3xf32>, %q: tensor<3x1x1x3xf32>):
    %0 = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x4x2x3xf32>, tensor<3x1x1x3xf32> -> tensor<1x4x2x3xf32>
    nn.yield %0 : tensor<1x4x2x3xf32>
  } -> tensor<1x4x2x3xf32>
  %e = nn.kernel "k3" ins(%a : tensor<1x4x2x3xf32>) {
  ^bb0(%p: tensor<1x4x2x3xf32>):
    %0 = nn.unary tanh %p : tensor<1x4x2x3xf32> -> tensor<1x4x2x3xf32>
    nn.yield %0 : tensor<1x4x2x3xf32>
  } -> tensor<1x4x2x3xf32>
  %b = nn.kernel "k1" ins(%e : tensor<1x4x2x3xf32>) {
  ^bb0(%p: tensor<1x4x2x3xf32>):
    %0 = nn.unary relu %p : tensor<1x4x2x3xf32> -> tensor<1x4x2x3xf32>
    nn.yield %0 : tensor<1x4x2x3xf32>
  } -> tensor<1x4x2x3xf32>
  %c = nn.kernel "k2" ins(%e : tensor<1x4x2x3xf32>) {
  ^bb0(%p: tensor<1x4x2x3xf32>):
    %0 = nn.unary exp %p : tensor<1x4x2x3xf32> -> tensor<1x4x2x3xf32>
    nn.yield %0 : tensor<1x4x2x3xf32>
  } -> tensor<1x4x2x3xf32>
  %d = nn.kernel "k4" ins(%b, %c : tensor<1x4x2x3xf32>, tensor<1x4x2x3xf32>) {
  ^bb0(%p: tensor<1x4x2x3xf32>, %q: tensor<1x4x2x3xf32>):
    %0 = nn.concat %p, %q axis 3 : tensor<1x4x2x3xf32>, tensor<1x4x2x3xf32> -> tensor<1x4x2x6xf32>
    nn.yield %0 : tensor<1x4x2x6xf32>
  } -> tensor<1x4x2x6xf32>
  return %d : tensor<1x4x2x6xf32>
}
