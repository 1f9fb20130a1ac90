// RUN: nncc-opt %s --nncc-fold-constants --nncc-check=N1 --split-input-file | FileCheck %s

// CHECK-LABEL: @transpose
// CHECK-NEXT: %[[C:.*]] = nn.constant {nn.tensor = "w"} dense<{{\[\[}}1.000000e+00, 4.000000e+00], [2.000000e+00, 5.000000e+00], [3.000000e+00, 6.000000e+00]]>
// CHECK-NEXT: return %[[C]]
func.func @transpose() -> tensor<3x2xf32> {
  %c = nn.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %0 = nn.transpose %c [1, 0] {nn.tensor = "w"} : tensor<2x3xf32> -> tensor<3x2xf32>
  return %0 : tensor<3x2xf32>
}

// -----

// CHECK-LABEL: @layout_chain
// CHECK-NEXT: nn.constant dense<{{\[\[}}3, 0, 9], [6, 0, 9]]> : tensor<2x3xi32>
// CHECK-NEXT: return
func.func @layout_chain() -> tensor<2x3xi32> {
  %c = nn.constant dense<[1, 2, 3, 4, 5, 6]> : tensor<6xi32>
  %n = nn.constant dense<[[9]]> : tensor<1x1xi32>
  %0 = nn.reshape %c : tensor<6xi32> -> tensor<2x3xi32>
  %1 = nn.slice %0 starts [0, 2] sizes [2, 1] steps [1, 1] : tensor<2x3xi32> -> tensor<2x1xi32>
  %2 = nn.pad constant %1 low [0, 0] high [0, 1] {value = 0.0} : tensor<2x1xi32> -> tensor<2x2xi32>
  %3 = nn.expand %n : tensor<1x1xi32> -> tensor<2x1xi32>
  %4 = nn.concat %2, %3 axis 1 : tensor<2x2xi32>, tensor<2x1xi32> -> tensor<2x3xi32>
  return %4 : tensor<2x3xi32>
}

// -----

// CHECK-LABEL: @gather_with_negative_index
// CHECK-NEXT: nn.constant dense<{{\[\[}}3, 2], [6, 5]]> : tensor<2x2xi64>
func.func @gather_with_negative_index() -> tensor<2x2xi64> {
  %c = nn.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi64>
  %i = nn.constant dense<[-1, 1]> : tensor<2xi64>
  %0 = nn.gather %c, %i axis 1 : tensor<2x3xi64>, tensor<2xi64> -> tensor<2x2xi64>
  return %0 : tensor<2x2xi64>
}

// -----

// CHECK-LABEL: @arithmetic_broadcasts
// CHECK-NEXT: nn.constant dense<{{\[\[}}3.000000e+00, 6.000000e+00, 9.000000e+00], [6.000000e+00, 1.200000e+01, 1.800000e+01]]>
func.func @arithmetic_broadcasts() -> tensor<2x3xf32> {
  %a = nn.constant dense<[[1.0, 2.0, 3.0]]> : tensor<1x3xf32>
  %b = nn.constant dense<[[9.0], [36.0]]> : tensor<2x1xf32>
  %0 = nn.unary sqrt %b : tensor<2x1xf32> -> tensor<2x1xf32>
  %1 = nn.binary mul %a, %0 : tensor<1x3xf32>, tensor<2x1xf32> -> tensor<2x3xf32>
  return %1 : tensor<2x3xf32>
}

// -----

// CHECK-LABEL: @integers_wrap_and_unsigned_divides
// CHECK-DAG: nn.constant dense<-128> : tensor<2xi8>
// CHECK-DAG: nn.constant dense<127> : tensor<2xui8>
func.func @integers_wrap_and_unsigned_divides() -> (tensor<2xi8>, tensor<2xui8>) {
  %a = nn.constant dense<127> : tensor<2xi8>
  %b = nn.constant dense<1> : tensor<2xi8>
  %c = nn.constant dense<255> : tensor<2xui8>
  %d = nn.constant dense<2> : tensor<2xui8>
  %0 = nn.binary add %a, %b : tensor<2xi8>, tensor<2xi8> -> tensor<2xi8>
  %1 = nn.binary div %c, %d : tensor<2xui8>, tensor<2xui8> -> tensor<2xui8>
  return %0, %1 : tensor<2xi8>, tensor<2xui8>
}

// -----

// CHECK-LABEL: @booleans
// CHECK-NEXT: nn.constant dense<[2.000000e+00, 7.000000e+00, 2.000000e+00]>
func.func @booleans() -> tensor<3xf32> {
  %a = nn.constant dense<[1, 0, 5]> : tensor<3xi64>
  %x = nn.constant dense<2.0> : tensor<3xf32>
  %y = nn.constant dense<7.0> : tensor<3xf32>
  %0 = nn.cast %a : tensor<3xi64> -> tensor<3xi1>
  %1 = nn.select %0, %x, %y : tensor<3xi1>, tensor<3xf32>, tensor<3xf32> -> tensor<3xf32>
  return %1 : tensor<3xf32>
}

// -----

// CHECK-LABEL: @mean
// CHECK-NEXT: nn.constant dense<{{\[\[}}2.000000e+00], [5.000000e+00]]>
func.func @mean() -> tensor<2x1xf32> {
  %c = nn.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %0 = nn.reduce mean %c axes [1] : tensor<2x3xf32> -> tensor<2x1xf32>
  return %0 : tensor<2x1xf32>
}

// -----

// A big result that is not a splat is not made: the op costs nothing like 8 MiB of weights.
// CHECK-LABEL: @does_not_grow
// CHECK: nn.expand
func.func @does_not_grow() -> tensor<1048576x2xf32> {
  %c = nn.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %0 = nn.expand %c : tensor<1x2xf32> -> tensor<1048576x2xf32>
  return %0 : tensor<1048576x2xf32>
}

// -----

// A resource whose bytes were elided stays as it is.
// CHECK-LABEL: @elided_resource
// CHECK: nn.transpose
func.func @elided_resource() -> tensor<3x2xf32> {
  %c = nn.constant dense_resource<__elided__> : tensor<2x3xf32>
  %0 = nn.transpose %c [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  return %0 : tensor<3x2xf32>
}

// -----

// CHECK-LABEL: @resource_bytes
// CHECK-NEXT: nn.constant dense<{{\[\[}}1.000000e+00, 3.000000e+00], [2.000000e+00, 4.000000e+00]]> : tensor<2x2xf32>
func.func @resource_bytes() -> tensor<2x2xf32> {
  %c = nn.constant dense_resource<bytes> : tensor<2x2xf32>
  %0 = nn.transpose %c [1, 0] : tensor<2x2xf32> -> tensor<2x2xf32>
  return %0 : tensor<2x2xf32>
}
{-#
  dialect_resources: {
    builtin: {
      bytes: "0x040000000000803F000000400000404000008040"
    }
  }
#-}

// -----

// 2^33 elements: nothing is written out.
// CHECK-LABEL: @splats_stay_splats
// CHECK-NEXT: %[[C:.*]] = nn.constant dense<7.000000e+00> : tensor<131072x65536xf32>
// CHECK-NEXT: return %[[C]]
func.func @splats_stay_splats() -> tensor<131072x65536xf32> {
  %c = nn.constant dense<2.0> : tensor<65536x131072xf32>
  %d = nn.constant dense<3.0> : tensor<1x131072xf32>
  %e = nn.constant dense<1.0> : tensor<1x1xf32>
  %0 = nn.binary mul %c, %d : tensor<65536x131072xf32>, tensor<1x131072xf32> -> tensor<65536x131072xf32>
  %1 = nn.expand %e : tensor<1x1xf32> -> tensor<65536x131072xf32>
  %2 = nn.binary add %0, %1 : tensor<65536x131072xf32>, tensor<65536x131072xf32> -> tensor<65536x131072xf32>
  %3 = nn.transpose %2 [1, 0] : tensor<65536x131072xf32> -> tensor<131072x65536xf32>
  return %3 : tensor<131072x65536xf32>
}

// -----

// CHECK-LABEL: @fills_with_64_bits
// CHECK-NEXT: nn.constant dense<[9223372036854775807, 5, -9223372036854775807]> : tensor<3xi64>
func.func @fills_with_64_bits() -> tensor<3xi64> {
  %c = nn.constant dense<5> : tensor<1xi64>
  %0 = nn.pad constant %c low [1] high [0] {value = 9223372036854775807} : tensor<1xi64> -> tensor<2xi64>
  %1 = nn.pad constant %0 low [0] high [1] {value = -9223372036854775807} : tensor<2xi64> -> tensor<3xi64>
  return %1 : tensor<3xi64>
}

// -----

// CHECK-LABEL: @sign_of_unsigned
// CHECK-NEXT: nn.constant dense<[1, 0, 1]> : tensor<3xui64>
func.func @sign_of_unsigned() -> tensor<3xui64> {
  %c = nn.constant dense<[18446744073709551615, 0, 3]> : tensor<3xui64>
  %0 = nn.unary sign %c : tensor<3xui64> -> tensor<3xui64>
  return %0 : tensor<3xui64>
}

// -----

// CHECK-LABEL: @maximum_keeps_nan
// CHECK-NEXT: nn.constant dense<{{\[\[}}0x7FC00000], [3.000000e+00]]> : tensor<2x1xf32>
func.func @maximum_keeps_nan() -> tensor<2x1xf32> {
  %c = nn.constant dense<[[1.0, 0x7FC00000], [3.0, 2.0]]> : tensor<2x2xf32>
  %0 = nn.reduce max %c axes [1] : tensor<2x2xf32> -> tensor<2x1xf32>
  return %0 : tensor<2x1xf32>
}

// -----

// CHECK-LABEL: @maximum_of_nothing
// CHECK-DAG: nn.constant dense<false> : tensor<2x1xi1>
// CHECK-DAG: nn.constant dense<-128> : tensor<2x1xi8>
// CHECK-DAG: nn.constant dense<0xFF800000> : tensor<2x1xf32>
func.func @maximum_of_nothing() -> (tensor<2x1xi1>, tensor<2x1xi8>, tensor<2x1xf32>) {
  %a = nn.constant dense<> : tensor<2x0xi1>
  %b = nn.constant dense<> : tensor<2x0xi8>
  %c = nn.constant dense<> : tensor<2x0xf32>
  %0 = nn.reduce max %a axes [1] : tensor<2x0xi1> -> tensor<2x1xi1>
  %1 = nn.reduce max %b axes [1] : tensor<2x0xi8> -> tensor<2x1xi8>
  %2 = nn.reduce max %c axes [1] : tensor<2x0xf32> -> tensor<2x1xf32>
  return %0, %1, %2 : tensor<2x1xi1>, tensor<2x1xi8>, tensor<2x1xf32>
}

// -----

// What has no meaning in integers runs as it does, without stopping: x / 0 is x, shifts beyond the width are 0.
// CHECK-LABEL: @integers_without_a_result
// CHECK-DAG: nn.constant dense<[7, -128]> : tensor<2xi8>
// CHECK-DAG: nn.constant dense<0> : tensor<2xui8>
func.func @integers_without_a_result() -> (tensor<2xi8>, tensor<2xui8>) {
  %a = nn.constant dense<[7, -128]> : tensor<2xi8>
  %b = nn.constant dense<[0, -1]> : tensor<2xi8>
  %c = nn.constant dense<[1, 255]> : tensor<2xui8>
  %d = nn.constant dense<[8, 200]> : tensor<2xui8>
  %0 = nn.binary div %a, %b : tensor<2xi8>, tensor<2xi8> -> tensor<2xi8>
  %1 = nn.binary shift_left %c, %d : tensor<2xui8>, tensor<2xui8> -> tensor<2xui8>
  return %0, %1 : tensor<2xi8>, tensor<2xui8>
}
