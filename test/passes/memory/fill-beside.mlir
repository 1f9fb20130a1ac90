// RUN: nncc-opt %s --split-input-file --nncc-plan-memory | FileCheck %s

// A residual block whose result is padded with channels of 0 (16 to 20), and read as it is, too. Apart they take 36
// channels of 48 bytes. Where the result lies in what is padded from the start, and overwrites its operand there, 20 and
// the 4 of k1 are enough; a kernel writes the zeros.
// CHECK-LABEL: func.func @main
// CHECK-SAME:  memref<1152xi8> {nn.memory = "arena"}
// CHECK:       nn.kernel "k0" ins({{.*}}) outs(%{{.*}} : memref<1x3x4x16xf32, strided<[240, 80, 20, 1]>>)
// CHECK:       nn.kernel "k2" ins({{.*}}memref<1x3x4x16xf32, strided<[240, 80, 20, 1]>>) outs(%{{.*}} : memref<1x3x4x16xf32, strided<[240, 80, 20, 1]>>)
// CHECK:       nn.in_place_of
// CHECK:       %[[ZEROS:.*]] = nn.place %{{.*}} at 64 : memref<1152xi8> to memref<1x3x4x4xf32, strided<[240, 80, 20, 1]>>
// CHECK-NEXT:  nn.kernel "k3_high" ins() outs(%[[ZEROS]] :
// CHECK-NEXT:    nn.constant dense<0.000000e+00> : tensor<1x3x4x4xf32>
// CHECK-NOT:   nn.pad
// CHECK-NOT:   nn.overwrites
func.func @main(%x: tensor<1x3x4x5xf32> {nn.name = "x"}) -> (tensor<1x3x4x2xf32> {nn.name = "y"}) {
  %w0 = nn.constant dense<0.5> : tensor<16x1x1x5xf32>
  %w1 = nn.constant dense<0.5> : tensor<4x1x1x16xf32>
  %w2 = nn.constant dense<0.5> : tensor<16x1x1x4xf32>
  %w4 = nn.constant dense<0.5> : tensor<2x1x1x16xf32>
  %w5 = nn.constant dense<0.5> : tensor<2x1x1x20xf32>
  %0 = nn.kernel "k0" ins(%x, %w0 : tensor<1x3x4x5xf32>, tensor<16x1x1x5xf32>) {
  ^bb0(%p: tensor<1x3x4x5xf32>, %q: tensor<16x1x1x5xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x5xf32>, tensor<16x1x1x5xf32> -> tensor<1x3x4x16xf32>
    nn.yield %a : tensor<1x3x4x16xf32>
  } -> tensor<1x3x4x16xf32>
  %1 = nn.kernel "k1" ins(%0, %w1 : tensor<1x3x4x16xf32>, tensor<4x1x1x16xf32>) {
  ^bb0(%p: tensor<1x3x4x16xf32>, %q: tensor<4x1x1x16xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x16xf32>, tensor<4x1x1x16xf32> -> tensor<1x3x4x4xf32>
    nn.yield %a : tensor<1x3x4x4xf32>
  } -> tensor<1x3x4x4xf32>
  %2 = nn.kernel "k2" ins(%1, %w2, %0 : tensor<1x3x4x4xf32>, tensor<16x1x1x4xf32>, tensor<1x3x4x16xf32>) {
  ^bb0(%p: tensor<1x3x4x4xf32>, %q: tensor<16x1x1x4xf32>, %r: tensor<1x3x4x16xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x4xf32>, tensor<16x1x1x4xf32> -> tensor<1x3x4x16xf32>
    %b = nn.binary add %a, %r : tensor<1x3x4x16xf32>, tensor<1x3x4x16xf32> -> tensor<1x3x4x16xf32>
    nn.yield %b : tensor<1x3x4x16xf32>
  } -> tensor<1x3x4x16xf32>
  %3 = nn.kernel "k3" ins(%2 : tensor<1x3x4x16xf32>) {
  ^bb0(%p: tensor<1x3x4x16xf32>):
    %a = nn.pad constant %p low [0, 0, 0, 0] high [0, 0, 0, 4] {value = 0.0 : f64} : tensor<1x3x4x16xf32> -> tensor<1x3x4x20xf32>
    nn.yield %a : tensor<1x3x4x20xf32>
  } -> tensor<1x3x4x20xf32>
  %4 = nn.kernel "k4" ins(%2, %w4 : tensor<1x3x4x16xf32>, tensor<2x1x1x16xf32>) {
  ^bb0(%p: tensor<1x3x4x16xf32>, %q: tensor<2x1x1x16xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x16xf32>, tensor<2x1x1x16xf32> -> tensor<1x3x4x2xf32>
    nn.yield %a : tensor<1x3x4x2xf32>
  } -> tensor<1x3x4x2xf32>
  %5 = nn.kernel "k5" ins(%3, %w5, %4 : tensor<1x3x4x20xf32>, tensor<2x1x1x20xf32>, tensor<1x3x4x2xf32>) {
  ^bb0(%p: tensor<1x3x4x20xf32>, %q: tensor<2x1x1x20xf32>, %r: tensor<1x3x4x2xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x20xf32>, tensor<2x1x1x20xf32> -> tensor<1x3x4x2xf32>
    %b = nn.binary add %a, %r : tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32> -> tensor<1x3x4x2xf32>
    nn.yield %b : tensor<1x3x4x2xf32>
  } -> tensor<1x3x4x2xf32>
  return %5 : tensor<1x3x4x2xf32>
}

// -----

// Rows of less than a cache line are copied.
// CHECK-LABEL: func.func @main
// CHECK:       nn.pad constant
func.func @main(%x: tensor<1x3x4x5xf32> {nn.name = "x"}) -> (tensor<1x3x4x2xf32> {nn.name = "y"}) {
  %w0 = nn.constant dense<0.5> : tensor<15x1x1x5xf32>
  %w2 = nn.constant dense<0.5> : tensor<2x1x1x20xf32>
  %0 = nn.kernel "k0" ins(%x, %w0 : tensor<1x3x4x5xf32>, tensor<15x1x1x5xf32>) {
  ^bb0(%p: tensor<1x3x4x5xf32>, %q: tensor<15x1x1x5xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x5xf32>, tensor<15x1x1x5xf32> -> tensor<1x3x4x15xf32>
    nn.yield %a : tensor<1x3x4x15xf32>
  } -> tensor<1x3x4x15xf32>
  %1 = nn.kernel "k1" ins(%0 : tensor<1x3x4x15xf32>) {
  ^bb0(%p: tensor<1x3x4x15xf32>):
    %a = nn.pad constant %p low [0, 0, 0, 2] high [0, 0, 0, 3] {value = 1.0 : f64} : tensor<1x3x4x15xf32> -> tensor<1x3x4x20xf32>
    nn.yield %a : tensor<1x3x4x20xf32>
  } -> tensor<1x3x4x20xf32>
  %2 = nn.kernel "k2" ins(%1, %w2 : tensor<1x3x4x20xf32>, tensor<2x1x1x20xf32>) {
  ^bb0(%p: tensor<1x3x4x20xf32>, %q: tensor<2x1x1x20xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x20xf32>, tensor<2x1x1x20xf32> -> tensor<1x3x4x2xf32>
    nn.yield %a : tensor<1x3x4x2xf32>
  } -> tensor<1x3x4x2xf32>
  return %2 : tensor<1x3x4x2xf32>
}

// -----

// What the sum could overwrite is a concatenation: its first piece would lie in what is padded, and k6 reads it. So k6
// comes first, and the sum is copied.
// CHECK-LABEL: func.func @main
// CHECK:       nn.kernel "k6"
// CHECK:       nn.kernel "k2" ins({{.*}}) outs(%{{.*}} : memref<1x3x4x20xf32>)
// CHECK:       nn.kernel "k3" ins(%{{.*}} : memref<1x3x4x20xf32>) outs(%{{.*}} : memref<1x3x4x24xf32>)
// CHECK:         nn.pad
func.func @main(%x: tensor<1x3x4x5xf32> {nn.name = "x"}) -> (tensor<1x3x4x2xf32> {nn.name = "y"}) {
  %w0 = nn.constant dense<0.5> : tensor<16x1x1x5xf32>
  %w1 = nn.constant dense<0.5> : tensor<4x1x1x16xf32>
  %w2 = nn.constant dense<0.5> : tensor<20x1x1x4xf32>
  %w4 = nn.constant dense<0.5> : tensor<2x1x1x20xf32>
  %w5 = nn.constant dense<0.5> : tensor<2x1x1x24xf32>
  %w6 = nn.constant dense<0.5> : tensor<2x1x1x16xf32>
  %0 = nn.kernel "k0" ins(%x, %w0 : tensor<1x3x4x5xf32>, tensor<16x1x1x5xf32>) {
  ^bb0(%p: tensor<1x3x4x5xf32>, %q: tensor<16x1x1x5xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x5xf32>, tensor<16x1x1x5xf32> -> tensor<1x3x4x16xf32>
    nn.yield %a : tensor<1x3x4x16xf32>
  } -> tensor<1x3x4x16xf32>
  %y = nn.kernel "ky" ins(%x, %w1 : tensor<1x3x4x5xf32>, tensor<4x1x1x16xf32>) {
  ^bb0(%p: tensor<1x3x4x5xf32>, %q: tensor<4x1x1x16xf32>):
    %c = nn.constant dense<1.0> : tensor<1x3x4x4xf32>
    nn.yield %c : tensor<1x3x4x4xf32>
  } -> tensor<1x3x4x4xf32>
  %o = nn.kernel "ko" ins(%0, %y : tensor<1x3x4x16xf32>, tensor<1x3x4x4xf32>) {
  ^bb0(%p: tensor<1x3x4x16xf32>, %q: tensor<1x3x4x4xf32>):
    %a = nn.concat %p, %q axis 3 : tensor<1x3x4x16xf32>, tensor<1x3x4x4xf32> -> tensor<1x3x4x20xf32>
    nn.yield %a : tensor<1x3x4x20xf32>
  } -> tensor<1x3x4x20xf32>
  %1 = nn.kernel "k1" ins(%0, %w1 : tensor<1x3x4x16xf32>, tensor<4x1x1x16xf32>) {
  ^bb0(%p: tensor<1x3x4x16xf32>, %q: tensor<4x1x1x16xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x16xf32>, tensor<4x1x1x16xf32> -> tensor<1x3x4x4xf32>
    nn.yield %a : tensor<1x3x4x4xf32>
  } -> tensor<1x3x4x4xf32>
  %2 = nn.kernel "k2" ins(%1, %w2, %o : tensor<1x3x4x4xf32>, tensor<20x1x1x4xf32>, tensor<1x3x4x20xf32>) {
  ^bb0(%p: tensor<1x3x4x4xf32>, %q: tensor<20x1x1x4xf32>, %r: tensor<1x3x4x20xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x4xf32>, tensor<20x1x1x4xf32> -> tensor<1x3x4x20xf32>
    %b = nn.binary add %a, %r : tensor<1x3x4x20xf32>, tensor<1x3x4x20xf32> -> tensor<1x3x4x20xf32>
    nn.yield %b : tensor<1x3x4x20xf32>
  } -> tensor<1x3x4x20xf32>
  %3 = nn.kernel "k3" ins(%2 : tensor<1x3x4x20xf32>) {
  ^bb0(%p: tensor<1x3x4x20xf32>):
    %a = nn.pad constant %p low [0, 0, 0, 0] high [0, 0, 0, 4] {value = 0.0 : f64} : tensor<1x3x4x20xf32> -> tensor<1x3x4x24xf32>
    nn.yield %a : tensor<1x3x4x24xf32>
  } -> tensor<1x3x4x24xf32>
  %4 = nn.kernel "k4" ins(%2, %w4 : tensor<1x3x4x20xf32>, tensor<2x1x1x20xf32>) {
  ^bb0(%p: tensor<1x3x4x20xf32>, %q: tensor<2x1x1x20xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x20xf32>, tensor<2x1x1x20xf32> -> tensor<1x3x4x2xf32>
    nn.yield %a : tensor<1x3x4x2xf32>
  } -> tensor<1x3x4x2xf32>
  %5 = nn.kernel "k5" ins(%3, %w5, %4 : tensor<1x3x4x24xf32>, tensor<2x1x1x24xf32>, tensor<1x3x4x2xf32>) {
  ^bb0(%p: tensor<1x3x4x24xf32>, %q: tensor<2x1x1x24xf32>, %r: tensor<1x3x4x2xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x24xf32>, tensor<2x1x1x24xf32> -> tensor<1x3x4x2xf32>
    %b = nn.binary add %a, %r : tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32> -> tensor<1x3x4x2xf32>
    nn.yield %b : tensor<1x3x4x2xf32>
  } -> tensor<1x3x4x2xf32>
  %6 = nn.kernel "k6" ins(%0, %w6 : tensor<1x3x4x16xf32>, tensor<2x1x1x16xf32>) {
  ^bb0(%p: tensor<1x3x4x16xf32>, %q: tensor<2x1x1x16xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x16xf32>, tensor<2x1x1x16xf32> -> tensor<1x3x4x2xf32>
    nn.yield %a : tensor<1x3x4x2xf32>
  } -> tensor<1x3x4x2xf32>
  %7 = nn.kernel "k7" ins(%5, %6 : tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32>) {
  ^bb0(%p: tensor<1x3x4x2xf32>, %r: tensor<1x3x4x2xf32>):
    %b = nn.binary add %p, %r : tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32> -> tensor<1x3x4x2xf32>
    nn.yield %b : tensor<1x3x4x2xf32>
  } -> tensor<1x3x4x2xf32>
  return %7 : tensor<1x3x4x2xf32>
}
