// RUN: nncc-opt %s --nncc-plan-memory | FileCheck %s

// A dense block that begins with an input of the model: it is copied once, into the memory of the largest concatenation,
// and the smaller one lies there as well.
// CHECK-LABEL: func.func @main
// CHECK-SAME:  %[[X:arg[0-9]+]]: memref<1x2x3x4xf32> {nn.memory = "input"
// CHECK-SAME:  %[[Y:arg[0-9]+]]: memref<1x2x3x14xf32> {nn.memory = "output"
// CHECK:       nn.kernel "k0" {{.*}} outs(%{{.*}} : memref<1x2x3x5xf32, strided<[84, 42, 14, 1]>>)
// CHECK:       %[[FROM:.*]] = nn.place %[[X]] at 0
// CHECK:       %[[TO:.*]] = nn.place %[[Y]] at 0 : memref<1x2x3x14xf32> to memref<1x2x3x4xf32, strided<[84, 42, 14, 1]>>
// CHECK-NEXT:  nn.kernel "small_0" ins(%[[FROM]] : {{.*}}) outs(%[[TO]] :
// CHECK:       %[[SMALL:.*]] = nn.place %[[Y]] at 0 : memref<1x2x3x14xf32> to memref<1x2x3x9xf32, strided<[84, 42, 14, 1]>>
// CHECK:       nn.kernel "k1" ins(%[[SMALL]],
// CHECK-NOT:   nn.kernel
func.func @main(%x: tensor<1x2x3x4xf32> {nn.name = "x"}) -> (tensor<1x2x3x14xf32> {nn.name = "y"}) {
  %w0 = nn.constant dense<0.5> : tensor<5x1x1x4xf32>
  %w1 = nn.constant dense<0.5> : tensor<5x1x1x9xf32>
  %0 = nn.kernel "k0" ins(%x, %w0 : tensor<1x2x3x4xf32>, tensor<5x1x1x4xf32>) {
  ^bb0(%p: tensor<1x2x3x4xf32>, %q: tensor<5x1x1x4xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x4xf32>, tensor<5x1x1x4xf32> -> tensor<1x2x3x5xf32>
    nn.yield %a : tensor<1x2x3x5xf32>
  } -> tensor<1x2x3x5xf32>
  %small = nn.kernel "small" ins(%x, %0 : tensor<1x2x3x4xf32>, tensor<1x2x3x5xf32>) {
  ^bb0(%p: tensor<1x2x3x4xf32>, %q: tensor<1x2x3x5xf32>):
    %a = nn.concat %p, %q axis 3 : tensor<1x2x3x4xf32>, tensor<1x2x3x5xf32> -> tensor<1x2x3x9xf32>
    nn.yield %a : tensor<1x2x3x9xf32>
  } -> tensor<1x2x3x9xf32>
  %1 = nn.kernel "k1" ins(%small, %w1 : tensor<1x2x3x9xf32>, tensor<5x1x1x9xf32>) {
  ^bb0(%p: tensor<1x2x3x9xf32>, %q: tensor<5x1x1x9xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x9xf32>, tensor<5x1x1x9xf32> -> tensor<1x2x3x5xf32>
    nn.yield %a : tensor<1x2x3x5xf32>
  } -> tensor<1x2x3x5xf32>
  %large = nn.kernel "large" ins(%x, %0, %1 : tensor<1x2x3x4xf32>, tensor<1x2x3x5xf32>, tensor<1x2x3x5xf32>) {
  ^bb0(%p: tensor<1x2x3x4xf32>, %q: tensor<1x2x3x5xf32>, %r: tensor<1x2x3x5xf32>):
    %a = nn.concat %p, %q, %r axis 3 : tensor<1x2x3x4xf32>, tensor<1x2x3x5xf32>, tensor<1x2x3x5xf32> -> tensor<1x2x3x14xf32>
    nn.yield %a : tensor<1x2x3x14xf32>
  } -> tensor<1x2x3x14xf32>
  return %large : tensor<1x2x3x14xf32>
}
