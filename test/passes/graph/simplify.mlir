// RUN: nncc-opt %s --nncc-simplify --nncc-check=N1 --split-input-file | FileCheck %s

// CHECK-LABEL: @neutral_operands
// CHECK-SAME: (%[[X:.*]]: tensor<2x3xf32>)
// CHECK-NEXT: return %[[X]]
func.func @neutral_operands(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %zero = nn.constant dense<0.0> : tensor<1x1xf32>
  %one = nn.constant dense<1.0> : tensor<1x3xf32>
  %0 = nn.binary add %zero, %x : tensor<1x1xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %1 = nn.binary div %0, %one : tensor<2x3xf32>, tensor<1x3xf32> -> tensor<2x3xf32>
  %2 = nn.binary pow %1, %one : tensor<2x3xf32>, tensor<1x3xf32> -> tensor<2x3xf32>
  %3 = nn.binary sub %2, %zero : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  return %3 : tensor<2x3xf32>
}

// -----

// The constant is what gives the result its shape.
// CHECK-LABEL: @keeps_a_broadcasting_operand
// CHECK: nn.binary add
func.func @keeps_a_broadcasting_operand(%x: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %zero = nn.constant dense<0.0> : tensor<2x1xf32>
  %0 = nn.binary add %x, %zero : tensor<1x3xf32>, tensor<2x1xf32> -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// -----

// CHECK-LABEL: @one_multiplication
// CHECK-NEXT: %[[C:.*]] = nn.constant dense<{{\[\[}}1.250000e-01, 2.500000e-01, 3.750000e-01]]>
// CHECK-NEXT: nn.binary mul %{{.*}}, %[[C]] {nn.tensor = "y"}
// CHECK-NEXT: return
func.func @one_multiplication(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %two = nn.constant dense<2.0> : tensor<1x1xf32>
  %c = nn.constant dense<[[0.25, 0.5, 0.75]]> : tensor<1x3xf32>
  %0 = nn.binary div %x, %two : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %1 = nn.binary mul %c, %0 {nn.tensor = "y"} : tensor<1x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  return %1 : tensor<2x3xf32>
}

// -----

// 41 * (1 / 41) is not 1. Where that cannot show, and for powers of two, a product is the same and cheaper.
// CHECK-LABEL: @quotients
// CHECK: %[[A:.*]] = nn.binary div %arg0
// CHECK: nn.unary floor %[[A]]
// CHECK: %[[B:.*]] = nn.binary div %arg0
// CHECK: nn.cast %[[B]]
// CHECK: %[[C:.*]] = nn.binary div %arg0
// CHECK: %[[D:.*]] = nn.binary mul %[[C]]
// CHECK: nn.binary less_equal %[[D]]
// CHECK: %[[E:.*]] = nn.binary mul %arg0
// CHECK: nn.binary add %[[E]]
func.func @quotients(%x: tensor<2x3xf32>, %y: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xui8>, tensor<2x3xi1>, tensor<2x3xf32>, tensor<2x3xf32>) {
  %c = nn.constant dense<41.0> : tensor<1x1xf32>
  %d = nn.constant dense<255.0> : tensor<1x1xf32>
  %e = nn.constant dense<0.25> : tensor<1x1xf32>
  %a0 = nn.binary div %x, %c : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %a1 = nn.unary floor %a0 : tensor<2x3xf32> -> tensor<2x3xf32>
  %b0 = nn.binary div %x, %d : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %b1 = nn.cast %b0 : tensor<2x3xf32> -> tensor<2x3xui8>
  %c0 = nn.binary div %x, %c : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %c1 = nn.binary div %c0, %e : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %c2 = nn.binary less_equal %c1, %y : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xi1>
  %d0 = nn.binary div %x, %d : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %d1 = nn.binary add %d0, %y : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %e0 = nn.unary exp %d1 : tensor<2x3xf32> -> tensor<2x3xf32>
  %e1 = nn.unary floor %e0 : tensor<2x3xf32> -> tensor<2x3xf32>
  return %a1, %b1, %c2, %d1, %e1 : tensor<2x3xf32>, tensor<2x3xui8>, tensor<2x3xi1>, tensor<2x3xf32>, tensor<2x3xf32>
}

// -----

// A divisor keeps errors in proportion as long as nothing was subtracted; zero stays zero.
// CHECK-LABEL: @divisors
// CHECK: %[[A:.*]] = nn.binary mul %arg0
// CHECK: nn.binary div %arg1, %[[A]]
// CHECK: %[[B:.*]] = nn.binary div %arg0
// CHECK: %[[C:.*]] = nn.binary add %[[B]]
// CHECK: nn.binary div %arg1, %[[C]]
func.func @divisors(%x: tensor<2x3xf32>, %y: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %c = nn.constant dense<41.0> : tensor<1x1xf32>
  %one = nn.constant dense<1.0> : tensor<1x1xf32>
  %a0 = nn.binary div %x, %c : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %a1 = nn.binary div %y, %a0 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %b0 = nn.binary div %x, %c : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %b1 = nn.binary sub %b0, %one : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %b2 = nn.binary div %y, %b1 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  return %a1, %b2 : tensor<2x3xf32>, tensor<2x3xf32>
}

// -----

// The reciprocal of a half has as many digits as the tolerance.
// CHECK-LABEL: @quotients_of_halves
// CHECK: nn.binary div %arg0
// CHECK: nn.binary mul %arg0
func.func @quotients_of_halves(%x: tensor<2x3xf16>) -> (tensor<2x3xf16>, tensor<2x3xf16>) {
  %c = nn.constant dense<41.0> : tensor<1x1xf16>
  %d = nn.constant dense<8.0> : tensor<1x1xf16>
  %0 = nn.binary div %x, %c : tensor<2x3xf16>, tensor<1x1xf16> -> tensor<2x3xf16>
  %1 = nn.binary div %x, %d : tensor<2x3xf16>, tensor<1x1xf16> -> tensor<2x3xf16>
  return %0, %1 : tensor<2x3xf16>, tensor<2x3xf16>
}

// -----

// Rounds to integers: the sum leaves no digits behind the point.
// CHECK-LABEL: @keeps_sums_apart
// CHECK: %[[A:.*]] = nn.binary add %arg0
// CHECK: nn.binary add %[[A]]
func.func @keeps_sums_apart(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %c = nn.constant dense<12582912.0> : tensor<1x1xf32>
  %0 = nn.binary add %x, %c : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %1 = nn.binary sub %0, %c : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  return %1 : tensor<2x3xf32>
}

// -----

// 1e25 * 1e25 is no f32, 256 * 256 no half; 1e25 * 1e-25 is 1, but x * 1e25 may be infinite.
// CHECK-LABEL: @keeps_factors_apart
// CHECK-COUNT-8: nn.binary mul
func.func @keeps_factors_apart(%x: tensor<2x3xf32>, %h: tensor<2x3xf16>) -> (tensor<2x3xf32>, tensor<2x3xf16>, tensor<2x3xf32>, tensor<2x3xf32>) {
  %big = nn.constant dense<1.0e25> : tensor<1x1xf32>
  %small = nn.constant dense<1.0e-25> : tensor<1x1xf32>
  %half = nn.constant dense<256.0> : tensor<1x1xf16>
  %a0 = nn.binary mul %x, %big : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %a1 = nn.binary mul %a0, %big : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %b0 = nn.binary mul %h, %half : tensor<2x3xf16>, tensor<1x1xf16> -> tensor<2x3xf16>
  %b1 = nn.binary mul %b0, %half : tensor<2x3xf16>, tensor<1x1xf16> -> tensor<2x3xf16>
  %c0 = nn.binary mul %x, %big : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %c1 = nn.binary mul %c0, %small : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %d0 = nn.binary mul %x, %small : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %d1 = nn.binary mul %d0, %small : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  return %a1, %b1, %c1, %d1 : tensor<2x3xf32>, tensor<2x3xf16>, tensor<2x3xf32>, tensor<2x3xf32>
}

// -----

// The power of -infinity is infinity, its root is NaN.
// CHECK-LABEL: @roots
// CHECK: nn.binary pow %arg0
// CHECK: %[[A:.*]] = nn.unary abs %arg0
// CHECK: nn.unary sqrt %[[A]]
func.func @roots(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %half = nn.constant dense<0.5> : tensor<1x1xf32>
  %0 = nn.binary pow %x, %half : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %1 = nn.unary abs %x : tensor<2x3xf32> -> tensor<2x3xf32>
  %2 = nn.binary pow %1, %half : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  return %0, %2 : tensor<2x3xf32>, tensor<2x3xf32>
}

// -----

// A variance over other dims than the last ones is no layer normalization.
// CHECK-LABEL: @variance_of_rows
// CHECK: nn.reduce sum_square %{{.*}} axes [0]
// CHECK-LABEL: @variance_of_columns
// CHECK: nn.reduce mean %{{.*}} axes [1]
// CHECK: nn.reduce mean %{{.*}} axes [1]
func.func @variance_of_rows(%x: tensor<2x3xf32>) -> tensor<1x3xf32> {
  %0 = nn.reduce mean %x axes [0] : tensor<2x3xf32> -> tensor<1x3xf32>
  %1 = nn.binary sub %x, %0 : tensor<2x3xf32>, tensor<1x3xf32> -> tensor<2x3xf32>
  %2 = nn.binary mul %1, %1 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %3 = nn.reduce mean %2 axes [0] : tensor<2x3xf32> -> tensor<1x3xf32>
  return %3 : tensor<1x3xf32>
}
func.func @variance_of_columns(%x: tensor<2x3xf32>) -> tensor<2x1xf32> {
  %0 = nn.reduce mean %x axes [1] : tensor<2x3xf32> -> tensor<2x1xf32>
  %1 = nn.binary sub %x, %0 : tensor<2x3xf32>, tensor<2x1xf32> -> tensor<2x3xf32>
  %2 = nn.binary mul %1, %1 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %3 = nn.reduce mean %2 axes [1] : tensor<2x3xf32> -> tensor<2x1xf32>
  return %3 : tensor<2x1xf32>
}

// -----

// A sum of squares may be infinite in half where their mean is not.
// CHECK-LABEL: @means_of_squares
// CHECK: %[[S:.*]] = nn.reduce sum_square %arg0
// CHECK: nn.binary mul %[[S]]
// CHECK: nn.reduce mean
func.func @means_of_squares(%x: tensor<2x3xf32>, %h: tensor<2x3xf16>) -> (tensor<2x1xf32>, tensor<2x1xf16>) {
  %0 = nn.binary mul %x, %x : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %1 = nn.reduce mean %0 axes [1] : tensor<2x3xf32> -> tensor<2x1xf32>
  %2 = nn.binary mul %h, %h : tensor<2x3xf16>, tensor<2x3xf16> -> tensor<2x3xf16>
  %3 = nn.reduce mean %2 axes [1] : tensor<2x3xf16> -> tensor<2x1xf16>
  return %1, %3 : tensor<2x1xf32>, tensor<2x1xf16>
}

// -----

// Where a rounding shows, a hard sigmoid and a mean stay as they are written.
// CHECK-LABEL: @keeps_forms_that_are_rounded
// CHECK-NOT: hard_sigmoid
// CHECK: nn.reduce sum
// CHECK-NOT: nn.reduce mean
func.func @keeps_forms_that_are_rounded(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x1xf32>) {
  %three = nn.constant dense<3.0> : tensor<1x1xf32>
  %six = nn.constant dense<6.0> : tensor<1x1xf32>
  %third = nn.constant dense<0.333333343> : tensor<1x1xf32>
  %a0 = nn.binary add %x, %three : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %a1 = nn.unary clip %a0 {alpha = 0.0, beta = 6.0} : tensor<2x3xf32> -> tensor<2x3xf32>
  %a2 = nn.binary div %a1, %six : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %a3 = nn.unary round %a2 : tensor<2x3xf32> -> tensor<2x3xf32>
  %b0 = nn.reduce sum %x axes [1] : tensor<2x3xf32> -> tensor<2x1xf32>
  %b1 = nn.binary mul %b0, %third : tensor<2x1xf32>, tensor<1x1xf32> -> tensor<2x1xf32>
  %b2 = nn.unary floor %b1 : tensor<2x1xf32> -> tensor<2x1xf32>
  return %a3, %b2 : tensor<2x3xf32>, tensor<2x1xf32>
}

// -----

// CHECK-LABEL: @clips
// CHECK: nn.unary clip %{{.*}} {beta = 6.000000e+00 : f64}
// CHECK-NEXT: nn.unary relu
// CHECK-NEXT: return
func.func @clips(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %six = nn.constant dense<6.0> : tensor<1x1xf32>
  %zero = nn.constant dense<0.0> : tensor<1x1xf32>
  %0 = nn.unary relu %x : tensor<2x3xf32> -> tensor<2x3xf32>
  %1 = nn.binary min %0, %six : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %2 = nn.binary max %x, %zero : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %3 = nn.unary relu %2 : tensor<2x3xf32> -> tensor<2x3xf32>
  return %1, %3 : tensor<2x3xf32>, tensor<2x3xf32>
}

// -----

// CHECK-LABEL: @activations
// CHECK-SAME: (%[[X:.*]]: tensor<2x3xf32>)
// CHECK: %[[A:.*]] = nn.unary silu %[[X]]
// CHECK: %[[B:.*]] = nn.unary hard_swish %[[X]]
// CHECK: %[[C:.*]] = nn.unary hard_swish %[[X]]
// CHECK: %[[D:.*]] = nn.unary gelu %[[X]]
// CHECK: %[[E:.*]] = nn.unary hard_sigmoid %[[X]] {alpha = 0.16666666666666666 : f64, beta = 5.000000e-01 : f64}
// CHECK-NEXT: return %[[A]], %[[B]], %[[C]], %[[D]], %[[E]]
func.func @activations(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>) {
  %one = nn.constant dense<1.0> : tensor<1x1xf32>
  %three = nn.constant dense<3.0> : tensor<1x1xf32>
  %six = nn.constant dense<6.0> : tensor<1x1xf32>
  %half = nn.constant dense<0.5> : tensor<1x1xf32>
  %root = nn.constant dense<1.41421354> : tensor<1x1xf32>
  %a0 = nn.unary sigmoid %x : tensor<2x3xf32> -> tensor<2x3xf32>
  %a1 = nn.binary mul %a0, %x : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>

  %b0 = nn.binary add %x, %three : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %b1 = nn.unary clip %b0 {alpha = 0.0, beta = 6.0} : tensor<2x3xf32> -> tensor<2x3xf32>
  %b2 = nn.binary mul %x, %b1 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %b3 = nn.binary div %b2, %six : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>

  %c0 = nn.binary add %x, %three : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %c1 = nn.unary clip %c0 {alpha = 0.0, beta = 6.0} : tensor<2x3xf32> -> tensor<2x3xf32>
  %c2 = nn.binary div %c1, %six : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %c3 = nn.binary mul %x, %c2 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>

  %d0 = nn.binary div %x, %root : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %d1 = nn.unary erf %d0 : tensor<2x3xf32> -> tensor<2x3xf32>
  %d2 = nn.binary add %d1, %one : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %d3 = nn.binary mul %x, %d2 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %d4 = nn.binary mul %d3, %half : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>

  %e0 = nn.binary add %x, %three : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %e1 = nn.unary clip %e0 {alpha = 0.0, beta = 6.0} : tensor<2x3xf32> -> tensor<2x3xf32>
  %e2 = nn.binary div %e1, %six : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  return %a1, %b3, %c3, %d4, %e2 : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>
}

// -----

// CHECK-LABEL: @layer_norm
// CHECK-SAME: (%[[X:.*]]: tensor<2x5x3xf32>)
// CHECK-DAG: %[[S:.*]] = nn.constant dense<[1.000000e+00, 2.000000e+00, 3.000000e+00]> : tensor<3xf32>
// CHECK-DAG: %[[B:.*]] = nn.constant dense<[4.000000e+00, 5.000000e+00, 6.000000e+00]> : tensor<3xf32>
// CHECK: nn.layer_norm %[[X]] scale %[[S]] : tensor<3xf32> bias %[[B]] : tensor<3xf32> axis 2 epsilon {{.*}} {nn.tensor = "y"}
// CHECK-NEXT: return
func.func @layer_norm(%x: tensor<2x5x3xf32>) -> tensor<2x5x3xf32> {
  %two = nn.constant dense<2.0> : tensor<1x1x1xf32>
  %epsilon = nn.constant dense<1.0e-5> : tensor<1x1x1xf32>
  %scale = nn.constant dense<[[[1.0, 2.0, 3.0]]]> : tensor<1x1x3xf32>
  %bias = nn.constant dense<[[[4.0, 5.0, 6.0]]]> : tensor<1x1x3xf32>
  %0 = nn.reduce mean %x axes [2] : tensor<2x5x3xf32> -> tensor<2x5x1xf32>
  %1 = nn.binary sub %x, %0 : tensor<2x5x3xf32>, tensor<2x5x1xf32> -> tensor<2x5x3xf32>
  %2 = nn.binary pow %1, %two : tensor<2x5x3xf32>, tensor<1x1x1xf32> -> tensor<2x5x3xf32>
  %3 = nn.reduce mean %2 axes [2] : tensor<2x5x3xf32> -> tensor<2x5x1xf32>
  %4 = nn.binary add %3, %epsilon : tensor<2x5x1xf32>, tensor<1x1x1xf32> -> tensor<2x5x1xf32>
  %5 = nn.unary sqrt %4 : tensor<2x5x1xf32> -> tensor<2x5x1xf32>
  %6 = nn.binary div %1, %5 : tensor<2x5x3xf32>, tensor<2x5x1xf32> -> tensor<2x5x3xf32>
  %7 = nn.binary mul %6, %scale : tensor<2x5x3xf32>, tensor<1x1x3xf32> -> tensor<2x5x3xf32>
  %8 = nn.binary add %7, %bias {nn.tensor = "y"} : tensor<2x5x3xf32>, tensor<1x1x3xf32> -> tensor<2x5x3xf32>
  return %8 : tensor<2x5x3xf32>
}

// -----

// CHECK-LABEL: @merges_layout_ops
// CHECK-SAME: (%[[X:.*]]: tensor<2x7xf32>, %[[Y:.*]]: tensor<2x3xf32>)
// CHECK: %[[S:.*]] = nn.slice %[[X]] starts [0, 2] sizes [2, 2] steps [1, 4]
// CHECK: nn.concat %[[S]], %[[Y]], %[[Y]] axis 1
// CHECK-NEXT: return
func.func @merges_layout_ops(%x: tensor<2x7xf32>, %y: tensor<2x3xf32>) -> tensor<2x8xf32> {
  %0 = nn.slice %x starts [0, 2] sizes [2, 3] steps [1, 2] : tensor<2x7xf32> -> tensor<2x3xf32>
  %1 = nn.slice %0 starts [0, 0] sizes [2, 2] steps [1, 2] : tensor<2x3xf32> -> tensor<2x2xf32>
  %2 = nn.concat %y, %y axis 1 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x6xf32>
  %3 = nn.concat %1, %2 axis 1 : tensor<2x2xf32>, tensor<2x6xf32> -> tensor<2x8xf32>
  return %3 : tensor<2x8xf32>
}

// -----

// CHECK-LABEL: @pad_from_concat_of_64_bits
// CHECK: nn.pad constant %arg0 low [1] high [0] {value = 9223372036854775807 : i64}
func.func @pad_from_concat_of_64_bits(%x: tensor<7xi64>) -> tensor<8xi64> {
  %c = nn.constant dense<9223372036854775807> : tensor<1xi64>
  %0 = nn.concat %c, %x axis 0 : tensor<1xi64>, tensor<7xi64> -> tensor<8xi64>
  return %0 : tensor<8xi64>
}

// -----

// CHECK-LABEL: @pad_from_concat
// CHECK-NEXT: nn.pad constant %{{.*}} low [0, 0] high [0, 4]
func.func @pad_from_concat(%x: tensor<2x7xf32>) -> tensor<2x11xf32> {
  %zeros = nn.constant dense<0.0> : tensor<2x4xf32>
  %0 = nn.concat %x, %zeros axis 1 : tensor<2x7xf32>, tensor<2x4xf32> -> tensor<2x11xf32>
  return %0 : tensor<2x11xf32>
}

// -----

// CHECK-LABEL: @slice_from_gather
// CHECK-NEXT: %[[S:.*]] = nn.slice %{{.*}} starts [0, 6] sizes [2, 1] steps [1, 1]
// CHECK-NEXT: nn.reshape %[[S]] : tensor<2x1xf32> -> tensor<2xf32>
func.func @slice_from_gather(%x: tensor<2x7xf32>) -> tensor<2xf32> {
  %i = nn.constant dense<-1> : tensor<i64>
  %0 = nn.gather %x, %i axis 1 : tensor<2x7xf32>, tensor<i64> -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// CHECK-LABEL: @broadcasting_expands
// CHECK-SAME: (%[[X:.*]]: tensor<2x3xf32>, %[[Y:.*]]: tensor<1x3xf32>)
// CHECK-NEXT: nn.binary add %[[X]], %[[Y]]
func.func @broadcasting_expands(%x: tensor<2x3xf32>, %y: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.tile %y repeats [2, 1] : tensor<1x3xf32> -> tensor<2x3xf32>
  %1 = nn.binary add %x, %0 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  return %1 : tensor<2x3xf32>
}

// -----

// CHECK-LABEL: @pads_into_windows
// CHECK: nn.conv2d %{{.*}} pads [1, 2, 3, 4]
// CHECK-NEXT: nn.pool2d average %{{.*}} pads [0, 0, 1, 1] dilations [1, 1] overhang [0, 0] count_include_pad
// CHECK-NEXT: return
func.func @pads_into_windows(%x: tensor<1x7x9x3xf32>, %w: tensor<5x2x2x3xf32>) -> tensor<1x5x7x5xf32> {
  %0 = nn.pad constant %x low [0, 1, 2, 0] high [0, 3, 4, 0] {value = 0.0} : tensor<1x7x9x3xf32> -> tensor<1x11x15x3xf32>
  %1 = nn.conv2d %0, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x11x15x3xf32>, tensor<5x2x2x3xf32> -> tensor<1x10x14x5xf32>
  %2 = nn.pad constant %1 low [0, 0, 0, 0] high [0, 1, 1, 0] {value = 0.0} : tensor<1x10x14x5xf32> -> tensor<1x11x15x5xf32>
  %3 = nn.pool2d average %2 kernel [2, 2] strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] overhang [0, 0] : tensor<1x11x15x5xf32> -> tensor<1x5x7x5xf32>
  return %3 : tensor<1x5x7x5xf32>
}

// -----

// A zero may be larger than all elements of the window.
// CHECK-LABEL: @keeps_a_pad_that_can_win
// CHECK: nn.pad
func.func @keeps_a_pad_that_can_win(%x: tensor<1x7x9x3xf32>) -> tensor<1x7x9x3xf32> {
  %0 = nn.pad constant %x low [0, 1, 1, 0] high [0, 0, 0, 0] {value = 0.0} : tensor<1x7x9x3xf32> -> tensor<1x8x10x3xf32>
  %1 = nn.pool2d max %0 kernel [2, 2] strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] overhang [0, 0] : tensor<1x8x10x3xf32> -> tensor<1x7x9x3xf32>
  return %1 : tensor<1x7x9x3xf32>
}

// -----

// Nothing is less than the least of the type, integers' too.
// CHECK-LABEL: @pads_integers_into_windows
// CHECK-NOT: nn.pad
// CHECK: nn.pool2d max %{{.*}} pads [1, 1, 0, 0] {{.*}}xui8>
// CHECK: nn.pool2d max %{{.*}} pads [1, 1, 0, 0] {{.*}}xi8>
func.func @pads_integers_into_windows(%x: tensor<1x7x9x3xui8>, %y: tensor<1x7x9x3xi8>) -> (tensor<1x7x9x3xui8>, tensor<1x7x9x3xi8>) {
  %0 = nn.pad constant %x low [0, 1, 1, 0] high [0, 0, 0, 0] {value = 0 : i64} : tensor<1x7x9x3xui8> -> tensor<1x8x10x3xui8>
  %1 = nn.pool2d max %0 kernel [2, 2] strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] overhang [0, 0] : tensor<1x8x10x3xui8> -> tensor<1x7x9x3xui8>
  %2 = nn.pad constant %y low [0, 1, 1, 0] high [0, 0, 0, 0] {value = -128 : i64} : tensor<1x7x9x3xi8> -> tensor<1x8x10x3xi8>
  %3 = nn.pool2d max %2 kernel [2, 2] strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] overhang [0, 0] : tensor<1x8x10x3xi8> -> tensor<1x7x9x3xi8>
  return %1, %3 : tensor<1x7x9x3xui8>, tensor<1x7x9x3xi8>
}

// -----

// CHECK-LABEL: @two_dimensional_products
// CHECK: %[[L:.*]] = nn.reshape %{{.*}} : tensor<2x5x3xf32> -> tensor<10x3xf32>
// CHECK: %[[M:.*]] = nn.matmul %[[L]], %{{.*}} : tensor<10x3xf32>, tensor<3x7xf32> -> tensor<10x7xf32>
// CHECK: nn.reshape %[[M]] : tensor<10x7xf32> -> tensor<2x5x7xf32>
func.func @two_dimensional_products(%x: tensor<2x5x3xf32>, %w: tensor<1x3x7xf32>) -> tensor<2x5x7xf32> {
  %0 = nn.matmul %x, %w : tensor<2x5x3xf32>, tensor<1x3x7xf32> -> tensor<2x5x7xf32>
  return %0 : tensor<2x5x7xf32>
}

// -----

// CHECK-LABEL: @transposed_right_side
// CHECK: %[[T:.*]] = nn.transpose %{{.*}} [1, 0] : tensor<7x3xf32> -> tensor<3x7xf32>
// CHECK: nn.matmul %{{.*}}, %[[T]] :
func.func @transposed_right_side(%x: tensor<5x3xf32>, %y: tensor<7x3xf32>) -> tensor<5x7xf32> {
  %0 = nn.matmul %x, %y transpose_b : tensor<5x3xf32>, tensor<7x3xf32> -> tensor<5x7xf32>
  return %0 : tensor<5x7xf32>
}

// -----

// Attention that is written with channels ahead: what is smaller than the softmax is transposed in its place.
// CHECK-LABEL: @transposed_softmax
// CHECK: %[[P:.*]] = nn.softmax %arg1
// CHECK: %[[X:.*]] = nn.transpose %arg0 [0, 2, 1] : tensor<2x5x13xf32> -> tensor<2x13x5xf32>
// CHECK: %[[R:.*]] = nn.matmul %[[P]], %[[X]] : tensor<2x17x13xf32>, tensor<2x13x5xf32> -> tensor<2x17x5xf32>
// CHECK: %[[T:.*]] = nn.transpose %[[R]] [0, 2, 1] : tensor<2x17x5xf32> -> tensor<2x5x17xf32>
// CHECK: return %[[T]]
func.func @transposed_softmax(%x: tensor<2x5x13xf32>, %s: tensor<2x17x13xf32>) -> tensor<2x5x17xf32> {
  %p = nn.softmax %s axis 2 : tensor<2x17x13xf32> -> tensor<2x17x13xf32>
  %t = nn.transpose %p [0, 2, 1] : tensor<2x17x13xf32> -> tensor<2x13x17xf32>
  %0 = nn.matmul %x, %t : tensor<2x5x13xf32>, tensor<2x13x17xf32> -> tensor<2x5x17xf32>
  return %0 : tensor<2x5x17xf32>
}

// CHECK-LABEL: @transposed_softmax_as_small
// CHECK: %[[T:.*]] = nn.transpose %
// CHECK: nn.matmul %arg0, %[[T]]
func.func @transposed_softmax_as_small(%x: tensor<2x11x13xf32>, %s: tensor<2x17x13xf32>) -> tensor<2x11x17xf32> {
  %p = nn.softmax %s axis 2 : tensor<2x17x13xf32> -> tensor<2x17x13xf32>
  %t = nn.transpose %p [0, 2, 1] : tensor<2x17x13xf32> -> tensor<2x13x17xf32>
  %0 = nn.matmul %x, %t : tensor<2x11x13xf32>, tensor<2x13x17xf32> -> tensor<2x11x17xf32>
  return %0 : tensor<2x11x17xf32>
}

// Few rows are multiplied with the right side as it lies, by dot products.
// CHECK-LABEL: @transposed_right_side_of_few_rows
// CHECK-NOT: nn.transpose
// CHECK: nn.matmul %{{.*}}, %arg1 transpose_b
// CHECK: nn.matmul %{{.*}}, %arg2 transpose_b
func.func @transposed_right_side_of_few_rows(%x: tensor<3x5xf32>, %y: tensor<7x5xf32>, %z: tensor<2x7xf32>) -> tensor<3x2xf32> {
  %0 = nn.transpose %y [1, 0] : tensor<7x5xf32> -> tensor<5x7xf32>
  %1 = nn.matmul %x, %0 : tensor<3x5xf32>, tensor<5x7xf32> -> tensor<3x7xf32>
  %2 = nn.matmul %1, %z transpose_b : tensor<3x7xf32>, tensor<2x7xf32> -> tensor<3x2xf32>
  return %2 : tensor<3x2xf32>
}

// -----

// Packing reads constant weights in either order.
// CHECK-LABEL: @constant_transposed_right_side
// CHECK: nn.matmul %{{.*}}, %{{.*}} transpose_b
func.func @constant_transposed_right_side(%x: tensor<5x3xf32>) -> tensor<5x2xf32> {
  %w = nn.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %0 = nn.matmul %x, %w transpose_b : tensor<5x3xf32>, tensor<2x3xf32> -> tensor<5x2xf32>
  return %0 : tensor<5x2xf32>
}

// CHECK-LABEL: @reverses_the_filter_and_not_the_image
//       CHECK: %[[W:.*]] = nn.constant dense<{{\[\[\[\[}}2.000000e+00, 1.000000e+00, 0.000000e+00]]], {{\[\[\[}}5.000000e+00, 4.000000e+00, 3.000000e+00]]]]>
//       CHECK: nn.conv2d %arg0, %[[W]]
func.func @reverses_the_filter_and_not_the_image(%x: tensor<1x5x7x3xf32>) -> tensor<1x5x7x2xf32> {
  %w = nn.constant dense<[[[[0.0, 1.0, 2.0]]], [[[3.0, 4.0, 5.0]]]]> : tensor<2x1x1x3xf32>
  %0 = nn.slice %x starts [0, 0, 0, 2] sizes [1, 5, 7, 3] steps [1, 1, 1, -1] : tensor<1x5x7x3xf32> -> tensor<1x5x7x3xf32>
  %1 = nn.conv2d %0, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x5x7x3xf32>, tensor<2x1x1x3xf32> -> tensor<1x5x7x2xf32>
  return %1 : tensor<1x5x7x2xf32>
}

// CHECK-LABEL: @keeps_reversals_of_rows_and_before_groups
//       CHECK: nn.slice
//       CHECK: nn.slice
//   CHECK-NOT: nn.slice
func.func @keeps_reversals_of_rows_and_before_groups(%x: tensor<1x5x7x3xf32>) -> (tensor<1x5x7x2xf32>, tensor<1x5x7x3xf32>) {
  %w = nn.constant dense<[[[[0.0, 1.0, 2.0]]], [[[3.0, 4.0, 5.0]]]]> : tensor<2x1x1x3xf32>
  %d = nn.constant dense<[[[[1.0]]], [[[2.0]]], [[[3.0]]]]> : tensor<3x1x1x1xf32>
  %0 = nn.slice %x starts [0, 4, 0, 0] sizes [1, 5, 7, 3] steps [1, -1, 1, 1] : tensor<1x5x7x3xf32> -> tensor<1x5x7x3xf32>
  %1 = nn.conv2d %0, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x5x7x3xf32>, tensor<2x1x1x3xf32> -> tensor<1x5x7x2xf32>
  %2 = nn.slice %x starts [0, 0, 0, 2] sizes [1, 5, 7, 3] steps [1, 1, 1, -1] : tensor<1x5x7x3xf32> -> tensor<1x5x7x3xf32>
  %3 = nn.conv2d %2, %d strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 3 : tensor<1x5x7x3xf32>, tensor<3x1x1x1xf32> -> tensor<1x5x7x3xf32>
  return %1, %3 : tensor<1x5x7x2xf32>, tensor<1x5x7x3xf32>
}

// -----

// Two output channels fill no vector: all taps at once do.
// CHECK-LABEL: @few_channels_of_a_transposed_convolution
// CHECK: %[[P:.*]] = nn.matmul %{{.*}}, %{{.*}} transpose_b : tensor<15x7xf32>, tensor<12x7xf32> -> tensor<15x12xf32>
// CHECK: nn.transpose %{{.*}} [0, 1, 3, 2, 4, 5] : tensor<1x3x5x2x3x2xf32> -> tensor<1x3x2x5x3x2xf32>
// CHECK: nn.binary add
func.func @few_channels_of_a_transposed_convolution(%x: tensor<1x3x5x7xf32>) -> tensor<1x6x15x2xf32> {
  %w = nn.constant dense<1.0> : tensor<2x2x3x7xf32>
  %b = nn.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %0 = nn.conv_transpose2d %x, %w bias %b strides [2, 3] pads [0, 0, 0, 0] dilations [1, 1] output_padding [0, 0] groups 1 : tensor<1x3x5x7xf32>, tensor<2x2x3x7xf32>, tensor<2xf32> -> tensor<1x6x15x2xf32>
  return %0 : tensor<1x6x15x2xf32>
}

// The same of bytes, whose zero points are those of matrices.
// CHECK-LABEL: @few_channels_of_a_transposed_convolution_of_bytes
// CHECK-DAG: %[[Z:.*]] = nn.reshape %{{.*}} : tensor<1xui8> -> tensor<1x1xui8>
// CHECK-DAG: %[[F:.*]] = nn.constant dense<0> : tensor<1x1xi8>
// CHECK: nn.matmul %{{.*}}, %{{.*}} transpose_b zero_points(%[[Z]], %[[F]]) : tensor<15x7xui8>, tensor<12x7xi8> zero_points(tensor<1x1xui8>, tensor<1x1xi8>) -> tensor<15x12xi32>
// CHECK: nn.transpose %{{.*}} [0, 1, 3, 2, 4, 5] : tensor<1x3x5x2x3x2xi32> -> tensor<1x3x2x5x3x2xi32>
func.func @few_channels_of_a_transposed_convolution_of_bytes(%x: tensor<1x3x5x7xui8>, %z: tensor<1xui8>) -> tensor<1x6x15x2xi32> {
  %w = nn.constant dense<1> : tensor<2x2x3x7xi8>
  %f = nn.constant dense<0> : tensor<1xi8>
  %0 = nn.conv_transpose2d %x, %w zero_points (%z, %f) strides [2, 3] pads [0, 0, 0, 0] dilations [1, 1] output_padding [0, 0] groups 1 : tensor<1x3x5x7xui8>, tensor<2x2x3x7xi8> zero_points (tensor<1xui8>, tensor<1xi8>) -> tensor<1x6x15x2xi32>
  return %0 : tensor<1x6x15x2xi32>
}
