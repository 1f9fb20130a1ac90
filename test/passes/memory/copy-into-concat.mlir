// RUN: nncc-opt %s --nncc-plan-memory | FileCheck %s

// The beginning of a dense block. The concatenation (30 channels) would take memory from its first piece on, beside what
// k1 reads (60). The piece gets memory of its own, 10 channels, and is copied when that is free again: 70 channels of 48
// bytes, not 90.
// CHECK-LABEL: func.func @main
// CHECK-SAME:  memref<3360xi8> {nn.memory = "arena"}
// CHECK:       nn.kernel "k1" ins({{.*}}) outs(%{{.*}} : memref<1x3x4x10xf32>)
// CHECK:       nn.kernel "k1_copy" ins(%{{.*}} : memref<1x3x4x10xf32>) outs(%{{.*}} : memref<1x3x4x10xf32, strided<[360, 120, 30, 1]>>)
// CHECK:       nn.kernel "k2" ins({{.*}} : memref<1x3x4x10xf32, strided<[360, 120, 30, 1]>>
// CHECK:       nn.kernel "k3" ins({{.*}} : memref<1x3x4x30xf32>
func.func @main(%x: tensor<1x3x4x5xf32> {nn.name = "x"}) -> (tensor<1x3x4x2xf32> {nn.name = "y"}) {
  %w0 = nn.constant dense<0.5> : tensor<60x1x1x5xf32>
  %w1 = nn.constant dense<0.5> : tensor<10x1x1x60xf32>
  %w2 = nn.constant dense<0.5> : tensor<20x1x1x10xf32>
  %w3 = nn.constant dense<0.5> : tensor<2x1x1x30xf32>
  %0 = nn.kernel "k0" ins(%x, %w0 : tensor<1x3x4x5xf32>, tensor<60x1x1x5xf32>) {
  ^bb0(%p: tensor<1x3x4x5xf32>, %q: tensor<60x1x1x5xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x5xf32>, tensor<60x1x1x5xf32> -> tensor<1x3x4x60xf32>
    nn.yield %a : tensor<1x3x4x60xf32>
  } -> tensor<1x3x4x60xf32>
  %1 = nn.kernel "k1" ins(%0, %w1 : tensor<1x3x4x60xf32>, tensor<10x1x1x60xf32>) {
  ^bb0(%p: tensor<1x3x4x60xf32>, %q: tensor<10x1x1x60xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x60xf32>, tensor<10x1x1x60xf32> -> tensor<1x3x4x10xf32>
    nn.yield %a : tensor<1x3x4x10xf32>
  } -> tensor<1x3x4x10xf32>
  %2 = nn.kernel "k2" ins(%1, %w2 : tensor<1x3x4x10xf32>, tensor<20x1x1x10xf32>) {
  ^bb0(%p: tensor<1x3x4x10xf32>, %q: tensor<20x1x1x10xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x10xf32>, tensor<20x1x1x10xf32> -> tensor<1x3x4x20xf32>
    nn.yield %a : tensor<1x3x4x20xf32>
  } -> tensor<1x3x4x20xf32>
  %joined = nn.kernel "joined" ins(%1, %2 : tensor<1x3x4x10xf32>, tensor<1x3x4x20xf32>) {
  ^bb0(%p: tensor<1x3x4x10xf32>, %q: tensor<1x3x4x20xf32>):
    %a = nn.concat %p, %q axis 3 : tensor<1x3x4x10xf32>, tensor<1x3x4x20xf32> -> tensor<1x3x4x30xf32>
    nn.yield %a : tensor<1x3x4x30xf32>
  } -> tensor<1x3x4x30xf32>
  %3 = nn.kernel "k3" ins(%joined, %w3 : tensor<1x3x4x30xf32>, tensor<2x1x1x30xf32>) {
  ^bb0(%p: tensor<1x3x4x30xf32>, %q: tensor<2x1x1x30xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x30xf32>, tensor<2x1x1x30xf32> -> tensor<1x3x4x2xf32>
    nn.yield %a : tensor<1x3x4x2xf32>
  } -> tensor<1x3x4x2xf32>
  return %3 : tensor<1x3x4x2xf32>
}
