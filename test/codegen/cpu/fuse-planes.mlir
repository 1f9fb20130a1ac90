// RUN: nncc-opt %s --split-input-file --nncc-pack-weights --nncc-choose-forms=form=direct --nncc-fuse-planes | FileCheck %s

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16>}} {
// The weights of each of three planes follow each other.
// CHECK-LABEL: @reads_planes
// CHECK-NOT: "transposed"
// CHECK: nn.kernel "conv" ins(%[[W:.*]], %arg0 : tensor<8x2x3x3xf32>, tensor<1x3x5x7xf32>)
// CHECK-NEXT: ^bb0(%[[W:.*]]: tensor<8x2x3x3xf32>, %[[X:.*]]: tensor<1x3x5x7xf32>)
// CHECK-NEXT: %[[T:.*]] = nn.transpose %[[X]]
// CHECK-NEXT: nn.conv2d %[[T]], %[[W]]
// CHECK: nn.packings = [#nn.packing<"panels", [576, 1, 8, 18, 8, 8, 0, 3]>, unit]
// CHECK-SAME: nodes = ["Transpose", "Conv"]
func.func @reads_planes(%x: tensor<1x3x5x7xf32>) -> tensor<1x4x5x8xf32> {
  %w = nn.constant dense<1.0> : tensor<8x2x3x3xf32>
  %t = nn.kernel "transposed" ins(%x : tensor<1x3x5x7xf32>) {
  ^bb0(%0: tensor<1x3x5x7xf32>):
    %r = nn.transpose %0 [0, 2, 3, 1] : tensor<1x3x5x7xf32> -> tensor<1x5x7x3xf32>
    nn.yield %r : tensor<1x5x7x3xf32>
  } -> tensor<1x5x7x3xf32> attributes {nodes = ["Transpose"]}
  %y = nn.kernel "conv" ins(%t, %w : tensor<1x5x7x3xf32>, tensor<8x2x3x3xf32>) {
  ^bb0(%0: tensor<1x5x7x3xf32>, %1: tensor<8x2x3x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x5x7x3xf32>, tensor<8x2x3x3xf32> -> tensor<1x4x5x8xf32>
    nn.yield %r : tensor<1x4x5x8xf32>
  } -> tensor<1x4x5x8xf32> attributes {nodes = ["Conv"]}
  return %y : tensor<1x4x5x8xf32>
}

// CHECK-LABEL: @keeps_many_planes
// CHECK: nn.kernel "transposed"
func.func @keeps_many_planes(%x: tensor<1x5x5x7xf32>) -> tensor<1x4x5x8xf32> {
  %w = nn.constant dense<1.0> : tensor<8x2x3x5xf32>
  %t = nn.kernel "transposed" ins(%x : tensor<1x5x5x7xf32>) {
  ^bb0(%0: tensor<1x5x5x7xf32>):
    %r = nn.transpose %0 [0, 2, 3, 1] : tensor<1x5x5x7xf32> -> tensor<1x5x7x5xf32>
    nn.yield %r : tensor<1x5x7x5xf32>
  } -> tensor<1x5x7x5xf32> attributes {nodes = ["Transpose"]}
  %y = nn.kernel "conv" ins(%t, %w : tensor<1x5x7x5xf32>, tensor<8x2x3x5xf32>) {
  ^bb0(%0: tensor<1x5x7x5xf32>, %1: tensor<8x2x3x5xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x5x7x5xf32>, tensor<8x2x3x5xf32> -> tensor<1x4x5x8xf32>
    nn.yield %r : tensor<1x4x5x8xf32>
  } -> tensor<1x4x5x8xf32> attributes {nodes = ["Conv"]}
  return %y : tensor<1x4x5x8xf32>
}

// One value of a line is no run.
// CHECK-LABEL: @keeps_single_columns
// CHECK: nn.kernel "transposed"
func.func @keeps_single_columns(%x: tensor<1x3x5x7xf32>) -> tensor<1x4x7x8xf32> {
  %w = nn.constant dense<1.0> : tensor<8x2x1x3xf32>
  %t = nn.kernel "transposed" ins(%x : tensor<1x3x5x7xf32>) {
  ^bb0(%0: tensor<1x3x5x7xf32>):
    %r = nn.transpose %0 [0, 2, 3, 1] : tensor<1x3x5x7xf32> -> tensor<1x5x7x3xf32>
    nn.yield %r : tensor<1x5x7x3xf32>
  } -> tensor<1x5x7x3xf32> attributes {nodes = ["Transpose"]}
  %y = nn.kernel "conv" ins(%t, %w : tensor<1x5x7x3xf32>, tensor<8x2x1x3xf32>) {
  ^bb0(%0: tensor<1x5x7x3xf32>, %1: tensor<8x2x1x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x5x7x3xf32>, tensor<8x2x1x3xf32> -> tensor<1x4x7x8xf32>
    nn.yield %r : tensor<1x4x7x8xf32>
  } -> tensor<1x4x7x8xf32> attributes {nodes = ["Conv"]}
  return %y : tensor<1x4x7x8xf32>
}

// CHECK-LABEL: @keeps_what_others_read
// CHECK: nn.kernel "transposed"
func.func @keeps_what_others_read(%x: tensor<1x3x5x7xf32>) -> (tensor<1x4x5x8xf32>, tensor<1x5x7x3xf32>) {
  %w = nn.constant dense<1.0> : tensor<8x2x3x3xf32>
  %t = nn.kernel "transposed" ins(%x : tensor<1x3x5x7xf32>) {
  ^bb0(%0: tensor<1x3x5x7xf32>):
    %r = nn.transpose %0 [0, 2, 3, 1] : tensor<1x3x5x7xf32> -> tensor<1x5x7x3xf32>
    nn.yield %r : tensor<1x5x7x3xf32>
  } -> tensor<1x5x7x3xf32> attributes {nodes = ["Transpose"]}
  %y = nn.kernel "conv" ins(%t, %w : tensor<1x5x7x3xf32>, tensor<8x2x3x3xf32>) {
  ^bb0(%0: tensor<1x5x7x3xf32>, %1: tensor<8x2x3x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x5x7x3xf32>, tensor<8x2x3x3xf32> -> tensor<1x4x5x8xf32>
    nn.yield %r : tensor<1x4x5x8xf32>
  } -> tensor<1x4x5x8xf32> attributes {nodes = ["Conv"]}
  return %y, %t : tensor<1x4x5x8xf32>, tensor<1x5x7x3xf32>
}
}

// -----

// Neighbours in a long line share vectors of columns, whose lanes are multiplied.
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, fma_lane = true>}} {
// CHECK-LABEL: @reads_lanes_of_columns
// CHECK-NOT: "transposed"
// CHECK: nn.packings = [#nn.packing<"panels", [576, 1, 8, 18, 8, 4, 0, 3]>, unit]
func.func @reads_lanes_of_columns(%x: tensor<1x3x5x65xf32>) -> tensor<1x2x32x8xf32> {
  %w = nn.constant dense<1.0> : tensor<8x2x3x3xf32>
  %t = nn.kernel "transposed" ins(%x : tensor<1x3x5x65xf32>) {
  ^bb0(%0: tensor<1x3x5x65xf32>):
    %r = nn.transpose %0 [0, 2, 3, 1] : tensor<1x3x5x65xf32> -> tensor<1x5x65x3xf32>
    nn.yield %r : tensor<1x5x65x3xf32>
  } -> tensor<1x5x65x3xf32> attributes {nodes = ["Transpose"]}
  %y = nn.kernel "conv" ins(%t, %w : tensor<1x5x65x3xf32>, tensor<8x2x3x3xf32>) {
  ^bb0(%0: tensor<1x5x65x3xf32>, %1: tensor<8x2x3x3xf32>):
    %r = nn.conv2d %0, %1 strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x5x65x3xf32>, tensor<8x2x3x3xf32> -> tensor<1x2x32x8xf32>
    nn.yield %r : tensor<1x2x32x8xf32>
  } -> tensor<1x2x32x8xf32> attributes {nodes = ["Conv"]}
  return %y : tensor<1x2x32x8xf32>
}

// The sides, which are pixel by pixel, are most of a short line.
// CHECK-LABEL: @keeps_short_lines
// CHECK: nn.kernel "transposed"
func.func @keeps_short_lines(%x: tensor<1x3x5x7xf32>) -> tensor<1x4x5x8xf32> {
  %w = nn.constant dense<1.0> : tensor<8x2x3x3xf32>
  %t = nn.kernel "transposed" ins(%x : tensor<1x3x5x7xf32>) {
  ^bb0(%0: tensor<1x3x5x7xf32>):
    %r = nn.transpose %0 [0, 2, 3, 1] : tensor<1x3x5x7xf32> -> tensor<1x5x7x3xf32>
    nn.yield %r : tensor<1x5x7x3xf32>
  } -> tensor<1x5x7x3xf32> attributes {nodes = ["Transpose"]}
  %y = nn.kernel "conv" ins(%t, %w : tensor<1x5x7x3xf32>, tensor<8x2x3x3xf32>) {
  ^bb0(%0: tensor<1x5x7x3xf32>, %1: tensor<8x2x3x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x5x7x3xf32>, tensor<8x2x3x3xf32> -> tensor<1x4x5x8xf32>
    nn.yield %r : tensor<1x4x5x8xf32>
  } -> tensor<1x4x5x8xf32> attributes {nodes = ["Conv"]}
  return %y : tensor<1x4x5x8xf32>
}
}
