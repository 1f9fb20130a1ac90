// RUN: nncc-opt %s --nncc-simplify --nncc-check=N1 --split-input-file | FileCheck %s

// CHECK-LABEL: @mean_of_pixels
// CHECK-SAME: (%[[X:.*]]: tensor<2x5x3x4xf32>
// CHECK: %[[M:.*]] = nn.reduce mean %[[X]] axes [1, 2] : tensor<2x5x3x4xf32> -> tensor<2x1x1x4xf32>
// CHECK: nn.conv2d %[[M]], %{{.*}} bias %{{.*}} groups 2 : tensor<2x1x1x4xf32>, tensor<6x1x1x2xf32>, tensor<6xf32> -> tensor<2x1x1x6xf32>
// CHECK-NOT: nn.conv2d
func.func @mean_of_pixels(%x: tensor<2x5x3x4xf32>, %w: tensor<6x1x1x2xf32>, %b: tensor<6xf32>) -> tensor<2x1x1x6xf32> {
  %0 = nn.conv2d %x, %w bias %b strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 2 : tensor<2x5x3x4xf32>, tensor<6x1x1x2xf32>, tensor<6xf32> -> tensor<2x5x3x6xf32>
  %1 = nn.reduce mean %0 axes [1, 2] : tensor<2x5x3x6xf32> -> tensor<2x1x1x6xf32>
  return %1 : tensor<2x1x1x6xf32>
}

// -----

// A convolution that is read elsewhere, too, stays: the mean moves where it then reads no more channels.
// CHECK-LABEL: @to_more_channels
// CHECK-SAME: (%[[X:.*]]: tensor<1x5x3x4xf32>
// CHECK: nn.conv2d %[[X]]
// CHECK: nn.reduce mean %[[X]]
func.func @to_more_channels(%x: tensor<1x5x3x4xf32>, %w: tensor<6x1x1x4xf32>) -> (tensor<1x5x3x6xf32>, tensor<1x1x1x6xf32>) {
  %0 = nn.conv2d %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x5x3x4xf32>, tensor<6x1x1x4xf32> -> tensor<1x5x3x6xf32>
  %1 = nn.reduce mean %0 axes [1, 2] : tensor<1x5x3x6xf32> -> tensor<1x1x1x6xf32>
  return %0, %1 : tensor<1x5x3x6xf32>, tensor<1x1x1x6xf32>
}

// -----

// CHECK-LABEL: @keeps_fewer_channels
// CHECK: %[[Y:.*]] = nn.conv2d
// CHECK: nn.reduce mean %[[Y]]
func.func @keeps_fewer_channels(%x: tensor<1x5x3x7xf32>, %w: tensor<6x1x1x7xf32>) -> (tensor<1x5x3x6xf32>, tensor<1x1x1x6xf32>) {
  %0 = nn.conv2d %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x5x3x7xf32>, tensor<6x1x1x7xf32> -> tensor<1x5x3x6xf32>
  %1 = nn.reduce mean %0 axes [1, 2] : tensor<1x5x3x6xf32> -> tensor<1x1x1x6xf32>
  return %0, %1 : tensor<1x5x3x6xf32>, tensor<1x1x1x6xf32>
}

// -----

// Pixels that a stride leaves out, and those of padding, are in only one of the two means.
// CHECK-LABEL: @keeps_strides_and_padding
// CHECK: %[[S:.*]] = nn.conv2d %arg0
// CHECK: nn.reduce mean %[[S]]
// CHECK: %[[P:.*]] = nn.conv2d %arg0
// CHECK: nn.reduce mean %[[P]]
func.func @keeps_strides_and_padding(%x: tensor<1x5x3x4xf32>, %w: tensor<6x1x1x4xf32>) -> (tensor<1x1x1x6xf32>, tensor<1x1x1x6xf32>) {
  %0 = nn.conv2d %x, %w strides [2, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x5x3x4xf32>, tensor<6x1x1x4xf32> -> tensor<1x3x3x6xf32>
  %1 = nn.reduce mean %0 axes [1, 2] : tensor<1x3x3x6xf32> -> tensor<1x1x1x6xf32>
  %2 = nn.conv2d %x, %w strides [1, 1] pads [0, 1, 0, 0] dilations [1, 1] groups 1 : tensor<1x5x3x4xf32>, tensor<6x1x1x4xf32> -> tensor<1x5x4x6xf32>
  %3 = nn.reduce mean %2 axes [1, 2] : tensor<1x5x4x6xf32> -> tensor<1x1x1x6xf32>
  return %1, %3 : tensor<1x1x1x6xf32>, tensor<1x1x1x6xf32>
}

// -----

// A result of halves is rounded before its mean; a quantized mean shows how it was rounded.
// CHECK-LABEL: @keeps_halves_and_what_is_rounded
// CHECK: %[[H:.*]] = nn.conv2d
// CHECK: nn.reduce mean %[[H]]
// CHECK: %[[Q:.*]] = nn.conv2d
// CHECK: nn.reduce mean %[[Q]]
func.func @keeps_halves_and_what_is_rounded(%h: tensor<1x5x3x4xf16>, %v: tensor<6x1x1x4xf16>, %x: tensor<1x5x3x4xf32>, %w: tensor<6x1x1x4xf32>) -> (tensor<1x1x1x6xf16>, tensor<1x1x1x6xf32>) {
  %0 = nn.conv2d %h, %v strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x5x3x4xf16>, tensor<6x1x1x4xf16> -> tensor<1x5x3x6xf16>
  %1 = nn.reduce mean %0 axes [1, 2] : tensor<1x5x3x6xf16> -> tensor<1x1x1x6xf16>
  %2 = nn.conv2d %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x5x3x4xf32>, tensor<6x1x1x4xf32> -> tensor<1x5x3x6xf32>
  %3 = nn.reduce mean %2 axes [1, 2] : tensor<1x5x3x6xf32> -> tensor<1x1x1x6xf32>
  %4 = nn.unary round %3 : tensor<1x1x1x6xf32> -> tensor<1x1x1x6xf32>
  return %1, %4 : tensor<1x1x1x6xf16>, tensor<1x1x1x6xf32>
}
