// RUN: nncc-opt %s --nncc-simplify --nncc-check=N1 --split-input-file | FileCheck %s

// Two of 18 channels are 2 and -0.5 at every pixel: 1.5 in all, which the bias takes.
// CHECK-LABEL: @drops_filters_of_zeros
// CHECK-DAG: %[[BIAS:.*]] = nn.constant dense<1.500000e+00> : tensor<5xf32>
// CHECK: %[[X:.*]] = nn.conv2d {{.*}} -> tensor<1x2x3x16xf32>
// CHECK-NEXT: %[[Y:.*]] = nn.unary leaky_relu %[[X]] {{.*}} -> tensor<1x2x3x16xf32>
// CHECK-NEXT: nn.conv2d %[[Y]], {{.*}} bias %[[BIAS]] {{.*}} tensor<5x1x1x16xf32>
func.func @drops_filters_of_zeros(%x: tensor<1x2x3x1xf32>) -> tensor<1x2x3x5xf32> {
  %w = nn.constant dense<[[[[1.0]]], [[[1.0]]], [[[1.0]]], [[[0.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[0.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]]]> : tensor<18x1x1x1xf32>
  %b = nn.constant dense<[0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]> : tensor<18xf32>
  %slope = nn.constant dense<0.5> : tensor<1x1x1x18xf32>
  %v = nn.constant dense<1.0> : tensor<5x1x1x18xf32>
  %0 = nn.conv2d %x, %w bias %b strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x1xf32>, tensor<18x1x1x1xf32>, tensor<18xf32> -> tensor<1x2x3x18xf32>
  %1 = nn.binary prelu %0, %slope : tensor<1x2x3x18xf32>, tensor<1x1x1x18xf32> -> tensor<1x2x3x18xf32>
  %2 = nn.conv2d %1, %v strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x18xf32>, tensor<5x1x1x18xf32> -> tensor<1x2x3x5xf32>
  return %2 : tensor<1x2x3x5xf32>
}

// -----

// What a depthwise convolution does not read goes, too, up to the convolution that makes it.
// CHECK-LABEL: @drops_what_is_not_read
// CHECK: nn.conv2d {{.*}} groups 1 {{.*}} -> tensor<1x2x3x16xf32>
// CHECK-NEXT: nn.conv2d {{.*}} groups 16 {{.*}} -> tensor<1x2x3x16xf32>
// CHECK-NEXT: nn.conv2d {{.*}} tensor<5x1x1x16xf32>
func.func @drops_what_is_not_read(%x: tensor<1x2x3x1xf32>) -> tensor<1x2x3x5xf32> {
  %w = nn.constant dense<1.0> : tensor<18x1x1x1xf32>
  %d = nn.constant dense<[[[[1.0]]], [[[1.0]]], [[[1.0]]], [[[0.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[0.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]]]> : tensor<18x1x1x1xf32>
  %v = nn.constant dense<1.0> : tensor<5x1x1x18xf32>
  %0 = nn.conv2d %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x1xf32>, tensor<18x1x1x1xf32> -> tensor<1x2x3x18xf32>
  %1 = nn.conv2d %0, %d strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 18 : tensor<1x2x3x18xf32>, tensor<18x1x1x1xf32> -> tensor<1x2x3x18xf32>
  %2 = nn.conv2d %1, %v strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x18xf32>, tensor<5x1x1x18xf32> -> tensor<1x2x3x5xf32>
  return %2 : tensor<1x2x3x5xf32>
}

// -----

// At the border padding is 0, and the channels are not.
// CHECK-LABEL: @keeps_what_padding_changes
// CHECK: -> tensor<1x2x3x18xf32>
func.func @keeps_what_padding_changes(%x: tensor<1x2x3x1xf32>) -> tensor<1x2x3x5xf32> {
  %w = nn.constant dense<[[[[1.0]]], [[[1.0]]], [[[1.0]]], [[[0.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[0.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]]]> : tensor<18x1x1x1xf32>
  %b = nn.constant dense<2.0> : tensor<18xf32>
  %v = nn.constant dense<1.0> : tensor<5x1x3x18xf32>
  %0 = nn.conv2d %x, %w bias %b strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x1xf32>, tensor<18x1x1x1xf32>, tensor<18xf32> -> tensor<1x2x3x18xf32>
  %1 = nn.conv2d %0, %v strides [1, 1] pads [0, 1, 0, 1] dilations [1, 1] groups 1 : tensor<1x2x3x18xf32>, tensor<5x1x3x18xf32> -> tensor<1x2x3x5xf32>
  return %1 : tensor<1x2x3x5xf32>
}

// -----

// CHECK-LABEL: @keeps_what_others_read
// CHECK: -> tensor<1x2x3x18xf32>
func.func @keeps_what_others_read(%x: tensor<1x2x3x1xf32>) -> (tensor<1x2x3x5xf32>, tensor<1x2x3x18xf32>) {
  %w = nn.constant dense<[[[[1.0]]], [[[1.0]]], [[[1.0]]], [[[0.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[0.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]]]> : tensor<18x1x1x1xf32>
  %v = nn.constant dense<1.0> : tensor<5x1x1x18xf32>
  %0 = nn.conv2d %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x1xf32>, tensor<18x1x1x1xf32> -> tensor<1x2x3x18xf32>
  %1 = nn.conv2d %0, %v strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x18xf32>, tensor<5x1x1x18xf32> -> tensor<1x2x3x5xf32>
  return %1, %0 : tensor<1x2x3x5xf32>, tensor<1x2x3x18xf32>
}

// -----

// 17 of 18 fill two vectors of 16, as 18 do.
// CHECK-LABEL: @keeps_less_than_a_vector
// CHECK: -> tensor<1x2x3x18xf32>
func.func @keeps_less_than_a_vector(%x: tensor<1x2x3x1xf32>) -> tensor<1x2x3x5xf32> {
  %w = nn.constant dense<[[[[1.0]]], [[[1.0]]], [[[1.0]]], [[[0.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]]]> : tensor<18x1x1x1xf32>
  %v = nn.constant dense<1.0> : tensor<5x1x1x18xf32>
  %0 = nn.conv2d %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x1xf32>, tensor<18x1x1x1xf32> -> tensor<1x2x3x18xf32>
  %1 = nn.conv2d %0, %v strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x18xf32>, tensor<5x1x1x18xf32> -> tensor<1x2x3x5xf32>
  return %1 : tensor<1x2x3x5xf32>
}

// -----

// The zero point is what padding is, and adds nothing; functions that read a tensor twice are followed as well.
// CHECK-LABEL: @drops_channels_of_bytes
// CHECK: nn.conv2d {{.*}} -> tensor<1x2x3x16xi32>
// CHECK: nn.select {{.*}} -> tensor<1x2x3x16xf32>
// CHECK: nn.quantize {{.*}} -> tensor<1x2x3x16xui8>
// CHECK-NEXT: nn.conv2d {{.*}} tensor<5x1x3x16xi8>
// CHECK-NOT: bias
func.func @drops_channels_of_bytes(%x: tensor<1x2x3x1xui8>) -> tensor<1x2x3x5xi32> {
  %w = nn.constant dense<[[[[1]]], [[[1]]], [[[1]]], [[[0]]], [[[1]]], [[[1]]], [[[1]]], [[[0]]], [[[1]]], [[[1]]], [[[1]]], [[[1]]], [[[1]]], [[[1]]], [[[1]]], [[[1]]], [[[1]]], [[[1]]]]> : tensor<18x1x1x1xi8>
  %v = nn.constant dense<1> : tensor<5x1x3x18xi8>
  %zero = nn.constant dense<5> : tensor<1xui8>
  %none = nn.constant dense<0> : tensor<1xi8>
  %m = nn.constant dense<0.25> : tensor<1x1x1x18xf32>
  %slope = nn.constant dense<0.5> : tensor<1x1x1x18xf32>
  %s = nn.constant dense<0.1> : tensor<1x1x1x1xf32>
  %zy = nn.constant dense<5> : tensor<1x1x1x1xui8>
  %0 = nn.conv2d %x, %w zero_points (%zero, %none) strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x1xui8>, tensor<18x1x1x1xi8> zero_points (tensor<1xui8>, tensor<1xi8>) -> tensor<1x2x3x18xi32>
  %1 = nn.requantize %0, %m, %zy : tensor<1x2x3x18xi32>, tensor<1x1x1x18xf32>, tensor<1x1x1x1xui8> -> tensor<1x2x3x18xui8>
  %2 = nn.dequantize %1, %s, %zy : tensor<1x2x3x18xui8>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xui8> -> tensor<1x2x3x18xf32>
  %3 = nn.binary mul %2, %slope : tensor<1x2x3x18xf32>, tensor<1x1x1x18xf32> -> tensor<1x2x3x18xf32>
  %4 = nn.binary greater %2, %3 : tensor<1x2x3x18xf32>, tensor<1x2x3x18xf32> -> tensor<1x2x3x18xi1>
  %5 = nn.select %4, %2, %3 : tensor<1x2x3x18xi1>, tensor<1x2x3x18xf32>, tensor<1x2x3x18xf32> -> tensor<1x2x3x18xf32>
  %6 = nn.quantize %5, %s, %zy : tensor<1x2x3x18xf32>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xui8> -> tensor<1x2x3x18xui8>
  %7 = nn.conv2d %6, %v zero_points (%zero, %none) strides [1, 1] pads [0, 1, 0, 1] dilations [1, 1] groups 1 : tensor<1x2x3x18xui8>, tensor<5x1x3x18xi8> zero_points (tensor<1xui8>, tensor<1xi8>) -> tensor<1x2x3x5xi32>
  return %7 : tensor<1x2x3x5xi32>
}

// -----

// A convolution of one group reads all channels of what it reads, also where it is in between itself.
// CHECK-LABEL: @keeps_what_a_residual_branch_reads_first
// CHECK-NOT: tensor<1x2x3x16xf32>
func.func @keeps_what_a_residual_branch_reads_first(%x: tensor<1x2x3x1xf32>) -> tensor<1x2x3x5xf32> {
  %w = nn.constant dense<[[[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]]]> : tensor<32x1x1x1xf32>
  %u = nn.constant dense<0.0> : tensor<32x1x1x32xf32>
  %v = nn.constant dense<1.0> : tensor<5x1x1x32xf32>
  %0 = nn.conv2d %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x1xf32>, tensor<32x1x1x1xf32> -> tensor<1x2x3x32xf32>
  %1 = nn.conv2d %0, %u strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x32xf32>, tensor<32x1x1x32xf32> -> tensor<1x2x3x32xf32>
  %2 = nn.binary add %0, %1 : tensor<1x2x3x32xf32>, tensor<1x2x3x32xf32> -> tensor<1x2x3x32xf32>
  %3 = nn.conv2d %2, %v strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x32xf32>, tensor<5x1x1x32xf32> -> tensor<1x2x3x5xf32>
  return %3 : tensor<1x2x3x5xf32>
}

// -----

// A convolution of one group reads all channels of what it reads, also where it is in between itself.
// CHECK-LABEL: @keeps_what_a_residual_branch_reads_second
// CHECK-NOT: tensor<1x2x3x16xf32>
func.func @keeps_what_a_residual_branch_reads_second(%x: tensor<1x2x3x1xf32>) -> tensor<1x2x3x5xf32> {
  %w = nn.constant dense<[[[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]]]> : tensor<32x1x1x1xf32>
  %u = nn.constant dense<0.0> : tensor<32x1x1x32xf32>
  %v = nn.constant dense<1.0> : tensor<5x1x1x32xf32>
  %0 = nn.conv2d %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x1xf32>, tensor<32x1x1x1xf32> -> tensor<1x2x3x32xf32>
  %1 = nn.conv2d %0, %u strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x32xf32>, tensor<32x1x1x32xf32> -> tensor<1x2x3x32xf32>
  %2 = nn.binary add %1, %0 : tensor<1x2x3x32xf32>, tensor<1x2x3x32xf32> -> tensor<1x2x3x32xf32>
  %3 = nn.conv2d %2, %v strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x32xf32>, tensor<5x1x1x32xf32> -> tensor<1x2x3x5xf32>
  return %3 : tensor<1x2x3x5xf32>
}

// -----

// What 16 channels add, 65536, is no number of 16 bits; where it is one it is rounded once for all.
// CHECK-LABEL: @keeps_constants_of_halves
// CHECK: -> tensor<1x2x3x32xf16>
func.func @keeps_constants_of_halves(%x: tensor<1x2x3x1xf16>) -> tensor<1x2x3x1xf16> {
  %w = nn.constant dense<[[[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[0.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]], [[[1.0]]]]> : tensor<32x1x1x1xf16>
  %b = nn.constant dense<64.0> : tensor<32xf16>
  %v = nn.constant dense<64.0> : tensor<1x1x1x32xf16>
  %0 = nn.conv2d %x, %w bias %b strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x1xf16>, tensor<32x1x1x1xf16>, tensor<32xf16> -> tensor<1x2x3x32xf16>
  %1 = nn.conv2d %0, %v strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x3x32xf16>, tensor<1x1x1x32xf16> -> tensor<1x2x3x1xf16>
  return %1 : tensor<1x2x3x1xf16>
}
