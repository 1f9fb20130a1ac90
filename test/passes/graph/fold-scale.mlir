// RUN: nncc-opt %s --nncc-fold-scale --nncc-drop-unused-ops --nncc-check=N1 --split-input-file | FileCheck %s

// Output channels are scaled by 2 and 10: the rows of the filter. The bias is scaled, then shifted.
// CHECK-LABEL: @batch_normalization_into_a_convolution
// CHECK-DAG: %[[W:.*]] = nn.constant dense<{{\[\[\[\[}}2.000000e+00, 4.000000e+00, 6.000000e+00]]], {{\[\[\[}}4.000000e+01, 5.000000e+01, 6.000000e+01]]]]> : tensor<2x1x1x3xf32>
// CHECK-DAG: %[[B:.*]] = nn.constant dense<[1.020000e+02, 2.200000e+02]> : tensor<2xf32>
// CHECK: nn.conv2d %{{.*}}, %[[W]] bias %[[B]]
// CHECK-SAME: {nn.tensor = "bn"}
// CHECK-NEXT: return
func.func @batch_normalization_into_a_convolution(%x: tensor<1x5x7x3xf32>) -> tensor<1x5x7x2xf32> {
  %w = nn.constant dense<[[[[1.0, 2.0, 3.0]]], [[[4.0, 5.0, 6.0]]]]> : tensor<2x1x1x3xf32>
  %b = nn.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %s = nn.constant dense<[[[[2.0, 10.0]]]]> : tensor<1x1x1x2xf32>
  %t = nn.constant dense<[[[[100.0, 200.0]]]]> : tensor<1x1x1x2xf32>
  %0 = nn.conv2d %x, %w bias %b strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 {nn.tensor = "conv"} : tensor<1x5x7x3xf32>, tensor<2x1x1x3xf32>, tensor<2xf32> -> tensor<1x5x7x2xf32>
  %1 = nn.binary mul %0, %s : tensor<1x5x7x2xf32>, tensor<1x1x1x2xf32> -> tensor<1x5x7x2xf32>
  %2 = nn.binary add %1, %t {nn.tensor = "bn"} : tensor<1x5x7x2xf32>, tensor<1x1x1x2xf32> -> tensor<1x5x7x2xf32>
  return %2 : tensor<1x5x7x2xf32>
}

// -----

// CHECK-LABEL: @columns_of_a_product
// CHECK-DAG: %[[W:.*]] = nn.constant dense<{{\[\[}}2.000000e+00, 2.000000e+01], [6.000000e+00, 4.000000e+01]]>
// CHECK: nn.matmul %{{.*}}, %[[W]] :
func.func @columns_of_a_product(%x: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = nn.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %s = nn.constant dense<[[2.0, 10.0]]> : tensor<1x2xf32>
  %0 = nn.matmul %x, %w : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %1 = nn.binary mul %0, %s : tensor<3x2xf32>, tensor<1x2xf32> -> tensor<3x2xf32>
  return %1 : tensor<3x2xf32>
}

// -----

// CHECK-LABEL: @rows_of_transposed_weights
// CHECK-DAG: %[[W:.*]] = nn.constant dense<{{\[\[}}2.000000e+00, 4.000000e+00], [3.000000e+01, 4.000000e+01]]>
// CHECK: nn.matmul %{{.*}}, %[[W]] transpose_b :
func.func @rows_of_transposed_weights(%x: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = nn.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %s = nn.constant dense<[[2.0, 10.0]]> : tensor<1x2xf32>
  %0 = nn.matmul %x, %w transpose_b : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %1 = nn.binary mul %0, %s : tensor<3x2xf32>, tensor<1x2xf32> -> tensor<3x2xf32>
  return %1 : tensor<3x2xf32>
}

// -----

// Weights that come from elsewhere can't be scaled, but an addition is a bias all the same.
// CHECK-LABEL: @bias_of_unknown_weights
// CHECK: %[[B:.*]] = nn.constant dense<[5.000000e+00, 6.000000e+00]> : tensor<2xf32>
// CHECK: %[[M:.*]] = nn.matmul %{{.*}}, %{{.*}} bias %[[B]]
// CHECK: nn.binary mul %[[M]]
func.func @bias_of_unknown_weights(%x: tensor<3x2xf32>, %w: tensor<2x2xf32>) -> tensor<3x2xf32> {
  %s = nn.constant dense<[[5.0, 6.0]]> : tensor<1x2xf32>
  %0 = nn.matmul %x, %w : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %1 = nn.binary add %0, %s : tensor<3x2xf32>, tensor<1x2xf32> -> tensor<3x2xf32>
  %2 = nn.binary mul %1, %s : tensor<3x2xf32>, tensor<1x2xf32> -> tensor<3x2xf32>
  return %2 : tensor<3x2xf32>
}

// -----

// CHECK-LABEL: @keeps_a_value_with_two_users
// CHECK: %[[M:.*]] = nn.matmul
// CHECK: nn.binary add
// CHECK: return %[[M]],
func.func @keeps_a_value_with_two_users(%x: tensor<3x2xf32>, %w: tensor<2x2xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>) {
  %s = nn.constant dense<[[5.0, 6.0]]> : tensor<1x2xf32>
  %0 = nn.matmul %x, %w : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %1 = nn.binary add %0, %s : tensor<3x2xf32>, tensor<1x2xf32> -> tensor<3x2xf32>
  return %0, %1 : tensor<3x2xf32>, tensor<3x2xf32>
}

// -----

// One value per row is no bias.
// CHECK-LABEL: @keeps_an_addition_per_row
// CHECK: nn.matmul %{{.*}}, %{{.*}} : tensor<3x2xf32>
// CHECK: nn.binary add
func.func @keeps_an_addition_per_row(%x: tensor<3x2xf32>, %w: tensor<2x3xf32>) -> tensor<3x3xf32> {
  %s = nn.constant dense<[[5.0], [6.0], [7.0]]> : tensor<3x1xf32>
  %0 = nn.matmul %x, %w : tensor<3x2xf32>, tensor<2x3xf32> -> tensor<3x3xf32>
  %1 = nn.binary add %0, %s : tensor<3x3xf32>, tensor<3x1xf32> -> tensor<3x3xf32>
  return %1 : tensor<3x3xf32>
}

// -----

// 300 * 300 is no half: weights whose scaled values all are may be scaled, others not.
// CHECK-LABEL: @halves
// CHECK-DAG: %[[S:.*]] = nn.constant dense<3.000000e+02> : tensor<1x1xf16>
// CHECK-DAG: %[[W:.*]] = nn.constant dense<3.000000e+02> : tensor<2x2xf16>
// CHECK-DAG: %[[V:.*]] = nn.constant dense<6.000000e+02> : tensor<2x2xf16>
// CHECK-DAG: %[[M:.*]] = nn.matmul %{{.*}}, %[[W]]
// CHECK-DAG: %[[A:.*]] = nn.binary mul %[[M]], %[[S]]
// CHECK-DAG: %[[B:.*]] = nn.matmul %{{.*}}, %[[V]]
// CHECK: return %[[A]], %[[B]]
func.func @halves(%x: tensor<3x2xf16>) -> (tensor<3x2xf16>, tensor<3x2xf16>) {
  %w = nn.constant dense<300.0> : tensor<2x2xf16>
  %s = nn.constant dense<300.0> : tensor<1x1xf16>
  %two = nn.constant dense<2.0> : tensor<1x1xf16>
  %0 = nn.matmul %x, %w : tensor<3x2xf16>, tensor<2x2xf16> -> tensor<3x2xf16>
  %1 = nn.binary mul %0, %s : tensor<3x2xf16>, tensor<1x1xf16> -> tensor<3x2xf16>
  %2 = nn.matmul %x, %w : tensor<3x2xf16>, tensor<2x2xf16> -> tensor<3x2xf16>
  %3 = nn.binary mul %2, %two : tensor<3x2xf16>, tensor<1x1xf16> -> tensor<3x2xf16>
  return %1, %3 : tensor<3x2xf16>, tensor<3x2xf16>
}

// -----

// Batch normalization of halves is computed in f32, and folded through the casts.
// CHECK-LABEL: @through_casts
// CHECK-DAG: %[[W:.*]] = nn.constant dense<{{\[\[}}5.000000e-01, 1.000000e+00], [1.500000e+00, 2.000000e+00]]> : tensor<2x2xf16>
// CHECK-DAG: %[[B:.*]] = nn.constant dense<[5.000000e+00, 6.000000e+00]> : tensor<2xf16>
// CHECK: nn.matmul %{{.*}}, %[[W]] bias %[[B]]
// CHECK-NEXT: return
func.func @through_casts(%x: tensor<3x2xf16>) -> tensor<3x2xf16> {
  %w = nn.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf16>
  %s = nn.constant dense<2.0> : tensor<1x1xf32>
  %t = nn.constant dense<[[5.0, 6.0]]> : tensor<1x2xf32>
  %0 = nn.matmul %x, %w : tensor<3x2xf16>, tensor<2x2xf16> -> tensor<3x2xf16>
  %1 = nn.cast %0 : tensor<3x2xf16> -> tensor<3x2xf32>
  %2 = nn.binary div %1, %s : tensor<3x2xf32>, tensor<1x1xf32> -> tensor<3x2xf32>
  %3 = nn.binary add %2, %t : tensor<3x2xf32>, tensor<1x2xf32> -> tensor<3x2xf32>
  %4 = nn.cast %3 : tensor<3x2xf32> -> tensor<3x2xf16>
  return %4 : tensor<3x2xf16>
}

// -----

// As a bias, so large a number would take the digits of every product; and the two are no zero: they round.
// CHECK-LABEL: @keeps_rounding_by_adding
// CHECK: %[[M:.*]] = nn.matmul
// CHECK-NOT: bias
// CHECK: %[[A:.*]] = nn.binary add %[[M]]
// CHECK: nn.binary add %[[A]]
func.func @keeps_rounding_by_adding(%x: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = nn.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %c = nn.constant dense<12582912.0> : tensor<1x1xf32>
  %d = nn.constant dense<-12582912.0> : tensor<1x1xf32>
  %0 = nn.matmul %x, %w : tensor<3x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %1 = nn.binary add %0, %c : tensor<3x2xf32>, tensor<1x1xf32> -> tensor<3x2xf32>
  %2 = nn.binary add %1, %d : tensor<3x2xf32>, tensor<1x1xf32> -> tensor<3x2xf32>
  return %2 : tensor<3x2xf32>
}

// -----

// More channels than fit any bias: nothing is counted for each of them.
// CHECK-LABEL: @huge
// CHECK: nn.matmul
// CHECK: nn.binary add
func.func @huge(%x: tensor<2x1xf32>, %w: tensor<1x2147483647xf32>) -> tensor<2x2147483647xf32> {
  %c = nn.constant dense<2.0> : tensor<1x1xf32>
  %y = nn.matmul %x, %w : tensor<2x1xf32>, tensor<1x2147483647xf32> -> tensor<2x2147483647xf32>
  %z = nn.binary add %y, %c : tensor<2x2147483647xf32>, tensor<1x1xf32> -> tensor<2x2147483647xf32>
  return %z : tensor<2x2147483647xf32>
}
