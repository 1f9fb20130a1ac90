// RUN: nncc-opt %s --nncc-plan-memory | FileCheck %s
// RUN: nncc-opt %s --nncc-plan-memory=reuse=false | FileCheck %s --check-prefix=APART

// The end of a dense block. The concatenation (70 channels) would take memory from its first piece on, also in k2, where
// the result of k1 (50) and its own (40) are alive: 160 channels of 48 bytes. All that reads it is k4, which is split:
// the first half runs at once, then k1 can overwrite the piece, and 90 channels are enough. (Where y, of halves, is to be
// written no floats lie before.)
// CHECK-LABEL: func.func @main
// CHECK-SAME:  memref<4320xi8> {nn.memory = "arena"}
// CHECK-SAME:  %[[Y:arg[0-9]+]]: memref<1x3x4x70xf16> {nn.memory = "output", nn.name = "y"}
// CHECK-SAME:  nn.arena_lower_bound = 4320
// CHECK:       nn.kernel "k0"
// CHECK:       %[[CUT:.*]] = nn.place {{.*}} value dense<2.000000e+00> : tensor<1x1x1x50xf32>
// CHECK-NEXT:  %[[Y0:.*]] = nn.place %[[Y]] at 0 : memref<1x3x4x70xf16> to memref<1x3x4x50xf16, strided<[840, 280, 70, 1]>>
// CHECK-NEXT:  nn.kernel "k4_0" ins(%{{.*}}, %[[CUT]] : memref<1x3x4x50xf32>, memref<1x1x1x50xf32>) outs(%[[Y0]] :
// CHECK-NOT:   nn.tensor
// CHECK:         nn.binary mul %{{.*}}, %{{.*}} : tensor<1x3x4x50xf32>, tensor<1x1x1x50xf32> -> tensor<1x3x4x50xf32>
// CHECK:       nn.kernel "k1"
// CHECK:       nn.kernel "k2"
// CHECK:       nn.kernel "k3"
// CHECK:       %[[Y1:.*]] = nn.place %[[Y]] at 100 : memref<1x3x4x70xf16> to memref<1x3x4x20xf16, strided<[840, 280, 70, 1]>>
// CHECK-NEXT:  nn.kernel "k4_1" ins(%{{.*}}, %{{.*}} : memref<1x3x4x20xf32>, memref<1x1x1x20xf32>) outs(%[[Y1]] :
// CHECK-NOT:   nn.kernel

// APART: nn.kernel "k4" ins(%{{.*}}, %{{.*}} : memref<1x3x4x70xf32>, memref<1x1x1x70xf32>)
func.func @main(%x: tensor<1x3x4x5xf32> {nn.name = "x"}) -> (tensor<1x3x4x70xf16> {nn.name = "y"}) {
  %w0 = nn.constant dense<0.5> : tensor<50x1x1x5xf32>
  %w2 = nn.constant dense<0.5> : tensor<40x1x1x50xf32>
  %w3 = nn.constant dense<0.5> : tensor<20x1x1x40xf32>
  %scale = nn.constant dense<2.0> : tensor<1x1x1x70xf32>
  %0 = nn.kernel "k0" ins(%x, %w0 : tensor<1x3x4x5xf32>, tensor<50x1x1x5xf32>) {
  ^bb0(%p: tensor<1x3x4x5xf32>, %q: tensor<50x1x1x5xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x5xf32>, tensor<50x1x1x5xf32> -> tensor<1x3x4x50xf32>
    nn.yield %a : tensor<1x3x4x50xf32>
  } -> tensor<1x3x4x50xf32>
  %1 = nn.kernel "k1" ins(%0 : tensor<1x3x4x50xf32>) {
  ^bb0(%p: tensor<1x3x4x50xf32>):
    %a = nn.unary exp %p : tensor<1x3x4x50xf32> -> tensor<1x3x4x50xf32>
    nn.yield %a : tensor<1x3x4x50xf32>
  } -> tensor<1x3x4x50xf32>
  %2 = nn.kernel "k2" ins(%1, %w2 : tensor<1x3x4x50xf32>, tensor<40x1x1x50xf32>) {
  ^bb0(%p: tensor<1x3x4x50xf32>, %q: tensor<40x1x1x50xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x50xf32>, tensor<40x1x1x50xf32> -> tensor<1x3x4x40xf32>
    nn.yield %a : tensor<1x3x4x40xf32>
  } -> tensor<1x3x4x40xf32>
  %3 = nn.kernel "k3" ins(%2, %w3 : tensor<1x3x4x40xf32>, tensor<20x1x1x40xf32>) {
  ^bb0(%p: tensor<1x3x4x40xf32>, %q: tensor<20x1x1x40xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x40xf32>, tensor<20x1x1x40xf32> -> tensor<1x3x4x20xf32>
    nn.yield %a : tensor<1x3x4x20xf32>
  } -> tensor<1x3x4x20xf32>
  %joined = nn.kernel "joined" ins(%0, %3 : tensor<1x3x4x50xf32>, tensor<1x3x4x20xf32>) {
  ^bb0(%p: tensor<1x3x4x50xf32>, %q: tensor<1x3x4x20xf32>):
    %a = nn.concat %p, %q axis 3 : tensor<1x3x4x50xf32>, tensor<1x3x4x20xf32> -> tensor<1x3x4x70xf32>
    nn.yield %a : tensor<1x3x4x70xf32>
  } -> tensor<1x3x4x70xf32>
  %4 = nn.kernel "k4" ins(%joined, %scale : tensor<1x3x4x70xf32>, tensor<1x1x1x70xf32>) {
  ^bb0(%p: tensor<1x3x4x70xf32>, %q: tensor<1x1x1x70xf32>):
    %a = nn.binary mul %p, %q : tensor<1x3x4x70xf32>, tensor<1x1x1x70xf32> -> tensor<1x3x4x70xf32>
    %b = nn.cast %a {nn.tensor = "y"} : tensor<1x3x4x70xf32> -> tensor<1x3x4x70xf16>
    nn.yield %b : tensor<1x3x4x70xf16>
  } -> tensor<1x3x4x70xf16>
  return %4 : tensor<1x3x4x70xf16>
}
