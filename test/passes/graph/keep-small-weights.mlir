// RUN: nncc-opt %s --nncc-keep-small-weights --nncc-check=N1 --split-input-file | FileCheck %s

// One zero point for all is taken out of the values, which 4 bits hold then; scales of blocks that 16 bits hold take no
// more.
// CHECK-LABEL: @four_bits_in_blocks
// CHECK-DAG: %[[Q:.*]] = nn.constant dense<-3> : tensor<16x8xi8>
// CHECK-DAG: %[[S:.*]] = nn.constant dense<{{\[\[}}5.000000e-01, 5.000000e-01, {{.*}}], [2.000000e+00, {{.*}}]]> : tensor<2x8xf16>
// CHECK: nn.matmul_widened %arg0, %[[Q]] scale %[[S]] block 8 bits 4 : {{.*}} -> tensor<3x8xf32>
func.func @four_bits_in_blocks(%a: tensor<3x16xf32>) -> tensor<3x8xf32> {
  %q = nn.constant dense<5> : tensor<2x8x8xui8>
  %s = nn.constant dense<[[[0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]], [[2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 3.0]]]> : tensor<2x1x8xf32>
  %z = nn.constant dense<8> : tensor<1x1x1xui8>
  %0 = nn.dequantize %q, %s, %z : tensor<2x8x8xui8>, tensor<2x1x8xf32>, tensor<1x1x1xui8> -> tensor<2x8x8xf32>
  %1 = nn.reshape %0 : tensor<2x8x8xf32> -> tensor<16x8xf32>
  %2 = nn.matmul %a, %1 : tensor<3x16xf32>, tensor<16x8xf32> -> tensor<3x8xf32>
  return %2 : tensor<3x8xf32>
}

// -----

// Scales and zero points of columns; the right side is transposed, batches become rows, the bias is added.
// CHECK-LABEL: @bytes_by_column
// CHECK: %[[A:.*]] = nn.reshape %arg0 : tensor<2x5x3xf32> -> tensor<10x3xf32>
// CHECK: %[[Q:.*]] = nn.constant dense<200> : tensor<3x8xui8>
// CHECK: %[[Z:.*]] = nn.constant dense<{{\[\[}}1, 2, 3, 4, 5, 6, 7, 8]]> : tensor<1x8xui8>
// CHECK: %[[Y:.*]] = nn.matmul_widened %[[A]], %[[Q]] scale %{{.*}} zero_point %[[Z]] block 3 bits 8
// CHECK: add %[[Y]], %{{.*}} : tensor<10x8xf32>, tensor<1x8xf32>
func.func @bytes_by_column(%a: tensor<2x5x3xf32>, %c: tensor<8xf32>) -> tensor<2x5x8xf32> {
  %q = nn.constant dense<200> : tensor<8x3xui8>
  %s = nn.constant dense<0.5> : tensor<1x1xf32>
  %z = nn.constant dense<[[1], [2], [3], [4], [5], [6], [7], [8]]> : tensor<8x1xui8>
  %0 = nn.dequantize %q, %s, %z : tensor<8x3xui8>, tensor<1x1xf32>, tensor<8x1xui8> -> tensor<8x3xf32>
  %1 = nn.reshape %0 : tensor<8x3xf32> -> tensor<1x8x3xf32>
  %2 = nn.matmul %a, %1 transpose_b bias %c : tensor<2x5x3xf32>, tensor<1x8x3xf32>, tensor<8xf32> -> tensor<2x5x8xf32>
  return %2 : tensor<2x5x8xf32>
}

// -----

// CHECK-LABEL: @halves
// CHECK: nn.matmul_widened %arg0, %{{.*}} block 3 bits 16 : tensor<2x3xf32>, tensor<3x8xbf16> -> tensor<2x8xf32>
func.func @halves(%a: tensor<2x3xf32>) -> tensor<2x8xf32> {
  %w = nn.constant dense<0.5> : tensor<3x8xbf16>
  %0 = nn.cast %w : tensor<3x8xbf16> -> tensor<3x8xf32>
  %1 = nn.matmul %a, %0 : tensor<2x3xf32>, tensor<3x8xf32> -> tensor<2x8xf32>
  return %1 : tensor<2x8xf32>
}

// -----

// A convolution of 1 x 1 stays one, which chains take, unless it has a zero point for each channel, or 4 bits.
// CHECK-LABEL: @pointwise_window
// CHECK-DAG: %[[Q:.*]] = nn.constant {{.*}}dense<100> : tensor<8x1x1x16xi8>
// CHECK: %[[C:.*]] = nn.conv2d %arg0, %[[Q]] strides {{.*}} : tensor<1x2x5x16xf32>, tensor<8x1x1x16xi8> -> tensor<1x2x5x8xf32>
// CHECK: nn.binary mul %[[C]], %{{.*}} : tensor<1x2x5x8xf32>, tensor<1x1x1x8xf32>
// CHECK: nn.matmul_widened %{{.*}} zero_point %{{.*}} block 16 bits 8 : tensor<10x16xf32>, tensor<16x8xui8>
// CHECK: nn.matmul_widened %{{.*}} block 16 bits 4 : tensor<10x16xf32>, tensor<16x8xi8>
func.func @pointwise_window(%x: tensor<1x2x5x16xf32>) -> (tensor<1x2x5x8xf32>, tensor<1x2x5x8xf32>, tensor<1x2x5x8xf32>) {
  %s = nn.constant dense<0.5> : tensor<1x1x1x1xf32>
  %q = nn.constant dense<100> : tensor<8x1x1x16xi8>
  %z = nn.constant dense<0> : tensor<1x1x1x1xi8>
  %w = nn.dequantize %q, %s, %z : tensor<8x1x1x16xi8>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xi8> -> tensor<8x1x1x16xf32>
  %0 = nn.conv2d %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x5x16xf32>, tensor<8x1x1x16xf32> -> tensor<1x2x5x8xf32>
  %r = nn.constant dense<200> : tensor<8x1x1x16xui8>
  %y = nn.constant dense<[[[[1]]], [[[2]]], [[[3]]], [[[4]]], [[[5]]], [[[6]]], [[[7]]], [[[8]]]]> : tensor<8x1x1x1xui8>
  %v = nn.dequantize %r, %s, %y : tensor<8x1x1x16xui8>, tensor<1x1x1x1xf32>, tensor<8x1x1x1xui8> -> tensor<8x1x1x16xf32>
  %1 = nn.conv2d %x, %v strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x5x16xf32>, tensor<8x1x1x16xf32> -> tensor<1x2x5x8xf32>
  %n = nn.constant dense<7> : tensor<8x1x1x16xi8>
  %u = nn.dequantize %n, %s, %z : tensor<8x1x1x16xi8>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xi8> -> tensor<8x1x1x16xf32>
  %2 = nn.conv2d %x, %u strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x5x16xf32>, tensor<8x1x1x16xf32> -> tensor<1x2x5x8xf32>
  return %0, %1, %2 : tensor<1x2x5x8xf32>, tensor<1x2x5x8xf32>, tensor<1x2x5x8xf32>
}

// -----

// One of few channels is a product of its pixels.
// CHECK-LABEL: @pointwise_convolution
// CHECK: %[[A:.*]] = nn.reshape %arg0 : tensor<1x2x5x3xf32> -> tensor<10x3xf32>
// CHECK: %[[Y:.*]] = nn.matmul_widened %[[A]], %{{.*}} scale %{{.*}} block 3 bits 8 : tensor<10x3xf32>, tensor<3x8xi8>
// CHECK: %[[B:.*]] = nn.binary add %[[Y]], %{{.*}} : tensor<10x8xf32>, tensor<1x8xf32>
// CHECK: nn.reshape %[[B]] : tensor<10x8xf32> -> tensor<1x2x5x8xf32>
func.func @pointwise_convolution(%x: tensor<1x2x5x3xf32>, %b: tensor<8xf32>) -> tensor<1x2x5x8xf32> {
  %q = nn.constant dense<100> : tensor<8x1x1x3xi8>
  %s = nn.constant dense<0.5> : tensor<1x1x1x1xf32>
  %z = nn.constant dense<0> : tensor<1x1x1x1xi8>
  %w = nn.dequantize %q, %s, %z : tensor<8x1x1x3xi8>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xi8> -> tensor<8x1x1x3xf32>
  %y = nn.conv2d %x, %w bias %b strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x2x5x3xf32>, tensor<8x1x1x3xf32>, tensor<8xf32> -> tensor<1x2x5x8xf32>
  return %y : tensor<1x2x5x8xf32>
}

// -----

// Windows of several taps, steps, pads and groups are no product of the pixels as they lie: the filter stays as it is
// stored, less a zero point for all, and the sums are scaled.
// CHECK-LABEL: @window
// CHECK: %[[Q:.*]] = nn.constant {{.*}}dense<-3> : tensor<16x1x2x16xi8>
// CHECK: %[[S:.*]] = nn.constant {{.*}}dense<5.000000e-01> : tensor<16xf32>
// CHECK: %[[C:.*]] = nn.conv2d %arg0, %[[Q]] strides [1, 2] pads [0, 0, 1, 0] dilations [1, 1] groups 2 : tensor<1x3x5x32xf32>, tensor<16x1x2x16xi8> -> tensor<1x4x2x16xf32>
// CHECK: %[[F:.*]] = nn.reshape %[[S]] : tensor<16xf32> -> tensor<1x1x1x16xf32>
// CHECK: %[[M:.*]] = nn.binary mul %[[C]], %[[F]]
// CHECK: nn.binary add %[[M]], %{{.*}} : tensor<1x4x2x16xf32>, tensor<1x1x1x16xf32>
func.func @window(%x: tensor<1x3x5x32xf32>, %b: tensor<16xf32>) -> tensor<1x4x2x16xf32> {
  %q = nn.constant dense<125> : tensor<16x1x2x16xui8>
  %s = nn.constant dense<0.5> : tensor<16x1x1x1xf32>
  %z = nn.constant dense<128> : tensor<16x1x1x1xui8>
  %w = nn.dequantize %q, %s, %z : tensor<16x1x2x16xui8>, tensor<16x1x1x1xf32>, tensor<16x1x1x1xui8> -> tensor<16x1x2x16xf32>
  %y = nn.conv2d %x, %w bias %b strides [1, 2] pads [0, 0, 1, 0] dilations [1, 1] groups 2 : tensor<1x3x5x32xf32>, tensor<16x1x2x16xf32>, tensor<16xf32> -> tensor<1x4x2x16xf32>
  return %y : tensor<1x4x2x16xf32>
}

// -----

// CHECK-LABEL: @window_of_halves
// CHECK: nn.conv2d %arg0, %{{.*}} groups 1 : tensor<1x3x5x16xf32>, tensor<8x2x1x16xf16> -> tensor<1x2x5x8xf32>
func.func @window_of_halves(%x: tensor<1x3x5x16xf32>) -> tensor<1x2x5x8xf32> {
  %h = nn.constant dense<0.5> : tensor<8x2x1x16xf16>
  %w = nn.cast %h : tensor<8x2x1x16xf16> -> tensor<8x2x1x16xf32>
  %y = nn.conv2d %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x5x16xf32>, tensor<8x2x1x16xf32> -> tensor<1x2x5x8xf32>
  return %y : tensor<1x2x5x8xf32>
}

// -----

// A scale or zero point for each row of taps belongs to no sum.
// CHECK-LABEL: @parameters_of_taps
// CHECK-COUNT-2: nn.conv2d %arg0, %{{.*}} : tensor<1x3x5x16xf32>, tensor<8x2x1x16xf32> -> tensor<1x2x5x8xf32>
func.func @parameters_of_taps(%x: tensor<1x3x5x16xf32>) -> (tensor<1x2x5x8xf32>, tensor<1x2x5x8xf32>) {
  %q = nn.constant dense<125> : tensor<8x2x1x16xi8>
  %s = nn.constant dense<[[[[0.5]], [[0.25]]]]> : tensor<1x2x1x1xf32>
  %z = nn.constant dense<0> : tensor<1x1x1x1xi8>
  %w = nn.dequantize %q, %s, %z : tensor<8x2x1x16xi8>, tensor<1x2x1x1xf32>, tensor<1x1x1x1xi8> -> tensor<8x2x1x16xf32>
  %0 = nn.conv2d %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x5x16xf32>, tensor<8x2x1x16xf32> -> tensor<1x2x5x8xf32>
  %t = nn.constant dense<0.5> : tensor<1x1x1x1xf32>
  %u = nn.constant dense<[[[[-3]]], [[[2]]], [[[0]]], [[[0]]], [[[0]]], [[[0]]], [[[0]]], [[[0]]]]> : tensor<8x1x1x1xi8>
  %v = nn.dequantize %q, %t, %u : tensor<8x2x1x16xi8>, tensor<1x1x1x1xf32>, tensor<8x1x1x1xi8> -> tensor<8x2x1x16xf32>
  %1 = nn.conv2d %x, %v strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x5x16xf32>, tensor<8x2x1x16xf32> -> tensor<1x2x5x8xf32>
  return %0, %1 : tensor<1x2x5x8xf32>, tensor<1x2x5x8xf32>
}

// -----

// CHECK-LABEL: @depthwise
// CHECK: nn.conv2d %arg0, %{{.*}} groups 8 : tensor<1x3x5x8xf32>, tensor<8x2x1x1xf16> -> tensor<1x2x5x8xf32>
func.func @depthwise(%x: tensor<1x3x5x8xf32>) -> tensor<1x2x5x8xf32> {
  %h = nn.constant dense<0.5> : tensor<8x2x1x1xf16>
  %w = nn.cast %h : tensor<8x2x1x1xf16> -> tensor<8x2x1x1xf32>
  %y = nn.conv2d %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 8 : tensor<1x3x5x8xf32>, tensor<8x2x1x1xf32> -> tensor<1x2x5x8xf32>
  return %y : tensor<1x2x5x8xf32>
}

// -----

// Few channels.
// CHECK-LABEL: @small_convolutions
// CHECK-COUNT-3: nn.conv2d %{{.*}}xf32>, tensor<{{.*}}xf32> ->
func.func @small_convolutions(%x: tensor<1x3x5x8xf32>) -> (tensor<1x2x5x8xf32>, tensor<1x2x3x8xf32>, tensor<1x4x5x8xf32>) {
  %h = nn.constant dense<0.5> : tensor<8x2x1x8xf16>
  %w = nn.cast %h : tensor<8x2x1x8xf16> -> tensor<8x2x1x8xf32>
  %0 = nn.conv2d %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x5x8xf32>, tensor<8x2x1x8xf32> -> tensor<1x2x5x8xf32>
  %g = nn.constant dense<0.5> : tensor<8x1x1x8xf16>
  %v = nn.cast %g : tensor<8x1x1x8xf16> -> tensor<8x1x1x8xf32>
  %1 = nn.conv2d %x, %v strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x5x8xf32>, tensor<8x1x1x8xf32> -> tensor<1x2x3x8xf32>
  %2 = nn.conv2d %x, %v strides [1, 1] pads [1, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x5x8xf32>, tensor<8x1x1x8xf32> -> tensor<1x4x5x8xf32>
  return %0, %1, %2 : tensor<1x2x5x8xf32>, tensor<1x2x3x8xf32>, tensor<1x4x5x8xf32>
}

// -----

// A scale for each row of K would outweigh what bytes save; scales of the caller are not known.
// CHECK-LABEL: @stays_float
// CHECK-COUNT-2: nn.matmul %
// CHECK-NOT: nn.matmul_widened
func.func @stays_float(%a: tensor<2x9xf32>, %scale: tensor<1x1xf32>) -> (tensor<2x8xf32>, tensor<2x8xf32>) {
  %q = nn.constant dense<5> : tensor<9x8xi8>
  %s = nn.constant dense<[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [7.0], [8.0], [9.0]]> : tensor<9x1xf32>
  %z = nn.constant dense<0> : tensor<1x1xi8>
  %0 = nn.dequantize %q, %s, %z : tensor<9x8xi8>, tensor<9x1xf32>, tensor<1x1xi8> -> tensor<9x8xf32>
  %1 = nn.matmul %a, %0 : tensor<2x9xf32>, tensor<9x8xf32> -> tensor<2x8xf32>
  %2 = nn.dequantize %q, %scale, %z : tensor<9x8xi8>, tensor<1x1xf32>, tensor<1x1xi8> -> tensor<9x8xf32>
  %3 = nn.matmul %a, %2 : tensor<2x9xf32>, tensor<9x8xf32> -> tensor<2x8xf32>
  return %1, %3 : tensor<2x8xf32>, tensor<2x8xf32>
}

// -----

// A product reads the one before, which has been replaced by then.
// CHECK-LABEL: @two_in_a_row
// CHECK: %[[A:.*]] = nn.matmul_widened %arg0, %{{.*}} block 24 bits 16
// CHECK: %[[Y:.*]] = nn.matmul_widened %[[A]], %{{.*}} block 40 bits 16
// CHECK: return %[[Y]]
func.func @two_in_a_row(%x: tensor<9x24xf32>) -> tensor<9x16xf32> {
  %h = nn.constant dense<1.5> : tensor<24x40xf16>
  %v = nn.cast %h : tensor<24x40xf16> -> tensor<24x40xf32>
  %a = nn.matmul %x, %v : tensor<9x24xf32>, tensor<24x40xf32> -> tensor<9x40xf32>
  %g = nn.constant dense<2.5> : tensor<40x16xf16>
  %w = nn.cast %g : tensor<40x16xf16> -> tensor<40x16xf32>
  %y = nn.matmul %a, %w : tensor<9x40xf32>, tensor<40x16xf32> -> tensor<9x16xf32>
  return %y : tensor<9x16xf32>
}
