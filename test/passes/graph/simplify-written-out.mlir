// RUN: nncc-opt %s --nncc-simplify | FileCheck %s

// Activations and normalizations that exporters write out get their names.

// CHECK-LABEL: @sigmoid(
// CHECK-NEXT: %[[Y:.*]] = nn.unary sigmoid %arg0 :
// CHECK-NEXT: return %[[Y]]
func.func @sigmoid(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.constant dense<1.0> : tensor<1x1xf32>
  %1 = nn.unary neg %x : tensor<2x3xf32> -> tensor<2x3xf32>
  %2 = nn.unary exp %1 : tensor<2x3xf32> -> tensor<2x3xf32>
  %3 = nn.constant dense<1.0> : tensor<1x1xf32>
  %4 = nn.binary add %2, %3 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %5 = nn.binary div %0, %4 : tensor<1x1xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  return %5 : tensor<2x3xf32>
}

// CHECK-LABEL: @silu(
// CHECK-NEXT: %[[Y:.*]] = nn.unary silu %arg0 :
// CHECK-NEXT: return %[[Y]]
func.func @silu(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.unary neg %x : tensor<2x3xf32> -> tensor<2x3xf32>
  %1 = nn.unary exp %0 : tensor<2x3xf32> -> tensor<2x3xf32>
  %2 = nn.constant dense<1.0> : tensor<1x1xf32>
  %3 = nn.binary add %1, %2 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %4 = nn.binary div %x, %3 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  return %4 : tensor<2x3xf32>
}

// CHECK-LABEL: @hard_swish_scaled(
// CHECK-NEXT: %[[Y:.*]] = nn.unary hard_swish %arg0 :
// CHECK-NEXT: return %[[Y]]
func.func @hard_swish_scaled(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.constant dense<0.16666666666666666> : tensor<1x1xf32>
  %1 = nn.binary mul %x, %0 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %2 = nn.constant dense<0.5> : tensor<1x1xf32>
  %3 = nn.binary add %1, %2 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %4 = nn.unary clip %3 {alpha = 0.0, beta = 1.0} : tensor<2x3xf32> -> tensor<2x3xf32>
  %5 = nn.binary mul %x, %4 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  return %5 : tensor<2x3xf32>
}

// CHECK-LABEL: @hard_swish_of_six(
// CHECK-NEXT: %[[Y:.*]] = nn.unary hard_swish %arg0 :
// CHECK-NEXT: return %[[Y]]
func.func @hard_swish_of_six(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.constant dense<3.0> : tensor<1x1xf32>
  %1 = nn.binary add %x, %0 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %2 = nn.unary clip %1 {alpha = 0.0, beta = 6.0} : tensor<2x3xf32> -> tensor<2x3xf32>
  %3 = nn.binary mul %x, %2 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %4 = nn.constant dense<6.0> : tensor<1x1xf32>
  %5 = nn.binary div %3, %4 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  return %5 : tensor<2x3xf32>
}

// CHECK-LABEL: @gelu_half_erf(
// CHECK-NEXT: %[[Y:.*]] = nn.unary gelu %arg0 :
// CHECK-NEXT: return %[[Y]]
func.func @gelu_half_erf(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.constant dense<0.70710678> : tensor<1x1xf32>
  %1 = nn.binary mul %x, %0 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %2 = nn.unary erf %1 : tensor<2x3xf32> -> tensor<2x3xf32>
  %3 = nn.constant dense<0.5> : tensor<1x1xf32>
  %4 = nn.binary mul %2, %3 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %5 = nn.constant dense<0.5> : tensor<1x1xf32>
  %6 = nn.binary add %4, %5 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %7 = nn.binary mul %x, %6 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  return %7 : tensor<2x3xf32>
}

// CHECK-LABEL: @gelu_tanh(
// CHECK-NEXT: %[[Y:.*]] = nn.unary gelu_tanh %arg0 :
// CHECK-NEXT: return %[[Y]]
func.func @gelu_tanh(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.constant dense<0.5> : tensor<1x1xf32>
  %1 = nn.binary mul %0, %x : tensor<1x1xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %2 = nn.constant dense<3.0> : tensor<1x1xf32>
  %3 = nn.binary pow %x, %2 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %4 = nn.constant dense<0.044715> : tensor<1x1xf32>
  %5 = nn.binary mul %4, %3 : tensor<1x1xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %6 = nn.binary add %x, %5 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %7 = nn.constant dense<0.7978845608> : tensor<1x1xf32>
  %8 = nn.binary mul %7, %6 : tensor<1x1xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %9 = nn.unary tanh %8 : tensor<2x3xf32> -> tensor<2x3xf32>
  %10 = nn.constant dense<1.0> : tensor<1x1xf32>
  %11 = nn.binary add %10, %9 : tensor<1x1xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %12 = nn.binary mul %1, %11 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  return %12 : tensor<2x3xf32>
}

// CHECK-LABEL: @gelu_tanh_gate(
// CHECK-NEXT: %[[Y:.*]] = nn.unary gelu_tanh %arg0 :
// CHECK-NEXT: return %[[Y]]
func.func @gelu_tanh_gate(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.constant dense<0.7978845608> : tensor<1x1xf32>
  %1 = nn.binary mul %x, %0 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %2 = nn.constant dense<0.044715> : tensor<1x1xf32>
  %3 = nn.binary mul %x, %2 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %4 = nn.binary mul %3, %x : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %5 = nn.constant dense<1.0> : tensor<1x1xf32>
  %6 = nn.binary add %5, %4 : tensor<1x1xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %7 = nn.binary mul %1, %6 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %8 = nn.unary tanh %7 : tensor<2x3xf32> -> tensor<2x3xf32>
  %9 = nn.constant dense<1.0> : tensor<1x1xf32>
  %10 = nn.binary add %9, %8 : tensor<1x1xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %11 = nn.constant dense<0.5> : tensor<1x1xf32>
  %12 = nn.binary mul %11, %10 : tensor<1x1xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %13 = nn.binary mul %x, %12 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  return %13 : tensor<2x3xf32>
}

// Not every cubic is this activation's.
// CHECK-LABEL: @another_cubic(
// CHECK: nn.unary tanh
func.func @another_cubic(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.constant dense<0.7978845608> : tensor<1x1xf32>
  %1 = nn.binary mul %x, %0 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %2 = nn.constant dense<0.05> : tensor<1x1xf32>
  %3 = nn.binary mul %x, %2 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %4 = nn.binary mul %3, %x : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %5 = nn.constant dense<1.0> : tensor<1x1xf32>
  %6 = nn.binary add %5, %4 : tensor<1x1xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %7 = nn.binary mul %1, %6 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %8 = nn.unary tanh %7 : tensor<2x3xf32> -> tensor<2x3xf32>
  %9 = nn.constant dense<1.0> : tensor<1x1xf32>
  %10 = nn.binary add %9, %8 : tensor<1x1xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %11 = nn.constant dense<0.5> : tensor<1x1xf32>
  %12 = nn.binary mul %11, %10 : tensor<1x1xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %13 = nn.binary mul %x, %12 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  return %13 : tensor<2x3xf32>
}

// CHECK-LABEL: @mish(
// CHECK-NEXT: %[[Y:.*]] = nn.unary mish %arg0 :
// CHECK-NEXT: return %[[Y]]
func.func @mish(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.unary exp %x : tensor<2x3xf32> -> tensor<2x3xf32>
  %1 = nn.constant dense<1.0> : tensor<1x1xf32>
  %2 = nn.binary add %1, %0 : tensor<1x1xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %3 = nn.unary log %2 : tensor<2x3xf32> -> tensor<2x3xf32>
  %4 = nn.unary tanh %3 : tensor<2x3xf32> -> tensor<2x3xf32>
  %5 = nn.binary mul %x, %4 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  return %5 : tensor<2x3xf32>
}

// CHECK-LABEL: @prelu_of_two_relus(
// CHECK-NEXT: %[[Y:.*]] = nn.binary prelu %arg0, %arg1 :
// CHECK-NEXT: return %[[Y]]
func.func @prelu_of_two_relus(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.unary relu %x : tensor<2x3xf32> -> tensor<2x3xf32>
  %1 = nn.unary neg %x : tensor<2x3xf32> -> tensor<2x3xf32>
  %2 = nn.unary relu %1 : tensor<2x3xf32> -> tensor<2x3xf32>
  %3 = nn.unary neg %2 : tensor<2x3xf32> -> tensor<2x3xf32>
  %4 = nn.binary mul %s, %3 : tensor<1x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %5 = nn.binary add %0, %4 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  return %5 : tensor<2x3xf32>
}

// CHECK-LABEL: @prelu_of_abs(
// CHECK-NEXT: %[[Y:.*]] = nn.binary prelu %arg0, %arg1 :
// CHECK-NEXT: return %[[Y]]
func.func @prelu_of_abs(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.unary relu %x : tensor<2x3xf32> -> tensor<2x3xf32>
  %1 = nn.unary abs %x : tensor<2x3xf32> -> tensor<2x3xf32>
  %2 = nn.binary sub %x, %1 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %3 = nn.binary mul %s, %2 : tensor<1x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %4 = nn.constant dense<0.5> : tensor<1x1xf32>
  %5 = nn.binary mul %3, %4 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %6 = nn.binary add %0, %5 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  return %6 : tensor<2x3xf32>
}

// CHECK-LABEL: @prelu_of_min(
// CHECK-NEXT: %[[Y:.*]] = nn.binary prelu %arg0, %arg1 :
// CHECK-NEXT: return %[[Y]]
func.func @prelu_of_min(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.constant dense<0.0> : tensor<1x1xf32>
  %1 = nn.binary min %x, %0 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %2 = nn.binary mul %s, %1 : tensor<1x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %3 = nn.constant dense<0.0> : tensor<1x1xf32>
  %4 = nn.binary max %x, %3 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %5 = nn.binary add %2, %4 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  return %5 : tensor<2x3xf32>
}

// CHECK-LABEL: @leaky_relu_of_sub(
// CHECK-NEXT: %[[Y:.*]] = nn.unary leaky_relu %arg0 {alpha = 2.500000e-01 : f64} :
// CHECK-NEXT: return %[[Y]]
func.func @leaky_relu_of_sub(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.unary relu %x : tensor<2x3xf32> -> tensor<2x3xf32>
  %1 = nn.unary neg %x : tensor<2x3xf32> -> tensor<2x3xf32>
  %2 = nn.unary relu %1 : tensor<2x3xf32> -> tensor<2x3xf32>
  %3 = nn.constant dense<0.25> : tensor<1x1xf32>
  %4 = nn.binary mul %2, %3 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %5 = nn.binary sub %0, %4 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  return %5 : tensor<2x3xf32>
}

// CHECK-LABEL: @leaky_relu_of_max(
// CHECK-NEXT: %[[Y:.*]] = nn.unary leaky_relu %arg0 {alpha = 2.500000e-01 : f64} :
// CHECK-NEXT: return %[[Y]]
func.func @leaky_relu_of_max(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.constant dense<0.25> : tensor<1x1xf32>
  %1 = nn.binary mul %x, %0 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %2 = nn.binary max %x, %1 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}

// A steeper line is the maximum on the other side.
// CHECK-LABEL: @max_of_steeper(
// CHECK: nn.binary max
func.func @max_of_steeper(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.constant dense<1.5> : tensor<1x1xf32>
  %1 = nn.binary mul %x, %0 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
  %2 = nn.binary max %x, %1 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}

// CHECK-LABEL: @prelu_of_select(
// CHECK-NEXT: %[[Y:.*]] = nn.binary prelu %arg0, %arg1 :
// CHECK-NEXT: return %[[Y]]
func.func @prelu_of_select(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.constant dense<0.0> : tensor<1x1xf32>
  %1 = nn.binary greater %x, %0 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xi1>
  %2 = nn.binary mul %x, %s : tensor<2x3xf32>, tensor<1x3xf32> -> tensor<2x3xf32>
  %3 = nn.select %1, %x, %2 : tensor<2x3xi1>, tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  return %3 : tensor<2x3xf32>
}

// CHECK-LABEL: @prelu_of_less(
// CHECK-NEXT: %[[Y:.*]] = nn.binary prelu %arg0, %arg1 :
// CHECK-NEXT: return %[[Y]]
func.func @prelu_of_less(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.constant dense<0.0> : tensor<1x1xf32>
  %1 = nn.binary less_equal %x, %0 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xi1>
  %2 = nn.binary mul %x, %s : tensor<2x3xf32>, tensor<1x3xf32> -> tensor<2x3xf32>
  %3 = nn.select %1, %2, %x : tensor<2x3xi1>, tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  return %3 : tensor<2x3xf32>
}

// CHECK-LABEL: @shifted_layer_norm(
// CHECK: %[[N:.*]] = nn.layer_norm %arg0 scale
// CHECK-NEXT: nn.binary add %[[N]], %arg1
func.func @shifted_layer_norm(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.reduce mean %x axes [1] : tensor<2x3xf32> -> tensor<2x1xf32>
  %1 = nn.binary sub %x, %0 : tensor<2x3xf32>, tensor<2x1xf32> -> tensor<2x3xf32>
  %2 = nn.binary mul %1, %1 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %3 = nn.reduce mean %2 axes [1] : tensor<2x3xf32> -> tensor<2x1xf32>
  %4 = nn.constant dense<1.0e-05> : tensor<1x1xf32>
  %5 = nn.binary add %3, %4 : tensor<2x1xf32>, tensor<1x1xf32> -> tensor<2x1xf32>
  %6 = nn.unary rsqrt %5 : tensor<2x1xf32> -> tensor<2x1xf32>
  %7 = nn.constant dense<[[1.0, 2.0, 3.0]]> : tensor<1x3xf32>
  %8 = nn.binary mul %6, %7 : tensor<2x1xf32>, tensor<1x3xf32> -> tensor<2x3xf32>
  %9 = nn.binary mul %x, %8 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %10 = nn.binary mul %0, %8 : tensor<2x1xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %11 = nn.binary sub %s, %10 : tensor<1x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %12 = nn.binary add %9, %11 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  return %12 : tensor<2x3xf32>
}

// CHECK-LABEL: @mean_of_sum(
// CHECK-NEXT: %[[Y:.*]] = nn.reduce mean %arg0 axes [1]
// CHECK-NEXT: return %[[Y]]
func.func @mean_of_sum(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x1xf32> {
  %0 = nn.reduce sum %x axes [1] : tensor<2x3xf32> -> tensor<2x1xf32>
  %1 = nn.constant dense<3.0> : tensor<1x1xf32>
  %2 = nn.binary div %0, %1 : tensor<2x1xf32>, tensor<1x1xf32> -> tensor<2x1xf32>
  return %2 : tensor<2x1xf32>
}

// Squares are summed as they are read.
// CHECK-LABEL: @rms_norm(
// CHECK: %[[S:.*]] = nn.reduce sum_square %arg0 axes [1]
// CHECK-NEXT: nn.binary mul %[[S]]
func.func @rms_norm(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.binary mul %x, %x : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %1 = nn.reduce mean %0 axes [1] : tensor<2x3xf32> -> tensor<2x1xf32>
  %2 = nn.constant dense<1.0e-05> : tensor<1x1xf32>
  %3 = nn.binary add %1, %2 : tensor<2x1xf32>, tensor<1x1xf32> -> tensor<2x1xf32>
  %4 = nn.unary sqrt %3 : tensor<2x1xf32> -> tensor<2x1xf32>
  %5 = nn.binary div %x, %4 : tensor<2x3xf32>, tensor<2x1xf32> -> tensor<2x3xf32>
  return %5 : tensor<2x3xf32>
}

// CHECK-LABEL: @l2_norm(
// CHECK-NEXT: %[[S:.*]] = nn.reduce l2 %arg0 axes [1]
// CHECK-NEXT: nn.binary div %arg0, %[[S]]
func.func @l2_norm(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.binary mul %x, %x : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %1 = nn.reduce sum %0 axes [1] : tensor<2x3xf32> -> tensor<2x1xf32>
  %2 = nn.unary sqrt %1 : tensor<2x1xf32> -> tensor<2x1xf32>
  %3 = nn.binary div %x, %2 : tensor<2x3xf32>, tensor<2x1xf32> -> tensor<2x3xf32>
  return %3 : tensor<2x3xf32>
}

// CHECK-LABEL: @softmax(
// CHECK-NEXT: %[[Y:.*]] = nn.softmax %arg0 axis 1 :
// CHECK-NEXT: return %[[Y]]
func.func @softmax(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.unary exp %x : tensor<2x3xf32> -> tensor<2x3xf32>
  %1 = nn.reduce sum %0 axes [1] : tensor<2x3xf32> -> tensor<2x1xf32>
  %2 = nn.binary div %0, %1 : tensor<2x3xf32>, tensor<2x1xf32> -> tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}

// CHECK-LABEL: @shifted_softmax(
// CHECK-NEXT: %[[Y:.*]] = nn.softmax %arg0 axis 1 :
// CHECK-NEXT: return %[[Y]]
func.func @shifted_softmax(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.reduce max %x axes [1] : tensor<2x3xf32> -> tensor<2x1xf32>
  %1 = nn.binary sub %x, %0 : tensor<2x3xf32>, tensor<2x1xf32> -> tensor<2x3xf32>
  %2 = nn.unary exp %1 : tensor<2x3xf32> -> tensor<2x3xf32>
  %3 = nn.reduce sum %2 axes [1] : tensor<2x3xf32> -> tensor<2x1xf32>
  %4 = nn.binary div %2, %3 : tensor<2x3xf32>, tensor<2x1xf32> -> tensor<2x3xf32>
  return %4 : tensor<2x3xf32>
}

// CHECK-LABEL: @log_softmax(
// CHECK-NEXT: %[[Y:.*]] = nn.softmax %arg0 axis 1 log :
// CHECK-NEXT: return %[[Y]]
func.func @log_softmax(%x: tensor<2x3xf32>, %s: tensor<1x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.reduce max %x axes [1] : tensor<2x3xf32> -> tensor<2x1xf32>
  %1 = nn.binary sub %x, %0 : tensor<2x3xf32>, tensor<2x1xf32> -> tensor<2x3xf32>
  %2 = nn.unary exp %1 : tensor<2x3xf32> -> tensor<2x3xf32>
  %3 = nn.reduce sum %2 axes [1] : tensor<2x3xf32> -> tensor<2x1xf32>
  %4 = nn.binary div %2, %3 : tensor<2x3xf32>, tensor<2x1xf32> -> tensor<2x3xf32>
  %5 = nn.unary log %4 : tensor<2x3xf32> -> tensor<2x3xf32>
  return %5 : tensor<2x3xf32>
}
