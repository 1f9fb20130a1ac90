// RUN: nncc-opt %s --nncc-drop-empty-tensors --nncc-drop-unused-ops --nncc-check=N1 | FileCheck %s

// CHECK-LABEL: @is_a_constant_whatever_computes_it
// CHECK-NEXT: %[[Y:.*]] = nn.constant dense<> : tensor<0x3xi1>
// CHECK-NEXT: return %[[Y]]
func.func @is_a_constant_whatever_computes_it(%x: tensor<0x5xf32>, %w: tensor<5x3xf32>, %c: tensor<1x3xf32>) -> tensor<0x3xi1> {
  %0 = nn.matmul %x, %w : tensor<0x5xf32>, tensor<5x3xf32> -> tensor<0x3xf32>
  %1 = nn.binary less %0, %c : tensor<0x3xf32>, tensor<1x3xf32> -> tensor<0x3xi1>
  return %1 : tensor<0x3xi1>
}

// Both results at once.
// CHECK-LABEL: @top_0
// CHECK-DAG: nn.constant dense<> : tensor<2x0xf32>
// CHECK-DAG: nn.constant dense<> : tensor<2x0xi64>
// CHECK-NOT: nn.topk
func.func @top_0(%x: tensor<2x3xf32>) -> (tensor<2x0xf32>, tensor<2x0xi64>) {
  %v, %i = nn.topk %x axis 1 largest : tensor<2x3xf32> -> tensor<2x0xf32>, tensor<2x0xi64>
  return %v, %i : tensor<2x0xf32>, tensor<2x0xi64>
}

// CHECK-LABEL: @reductions_of_nothing
// CHECK-DAG: nn.constant dense<0.000000e+00> : tensor<2x1xf32>
// CHECK-DAG: nn.constant dense<0xFF800000> : tensor<2x1xf32>
// CHECK-DAG: nn.constant dense<1> : tensor<2x1xi32>
// CHECK-DAG: nn.constant dense<-2147483648> : tensor<2x1xi32>
// CHECK-DAG: nn.constant dense<255> : tensor<2x1xui8>
// CHECK-NOT: nn.reduce
func.func @reductions_of_nothing(%x: tensor<2x0xf32>, %i: tensor<2x0xi32>, %u: tensor<2x0xui8>)
    -> (tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x1xi32>, tensor<2x1xi32>, tensor<2x1xui8>) {
  %0 = nn.reduce l2 %x axes [1] : tensor<2x0xf32> -> tensor<2x1xf32>
  %1 = nn.reduce log_sum_exp %x axes [1] : tensor<2x0xf32> -> tensor<2x1xf32>
  %2 = nn.reduce prod %i axes [1] : tensor<2x0xi32> -> tensor<2x1xi32>
  %3 = nn.reduce max %i axes [1] : tensor<2x0xi32> -> tensor<2x1xi32>
  %4 = nn.reduce min %u axes [1] : tensor<2x0xui8> -> tensor<2x1xui8>
  return %0, %1, %2, %3, %4 : tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x1xi32>, tensor<2x1xi32>, tensor<2x1xui8>
}

// CHECK-LABEL: @product_of_nothing_is_the_bias
// CHECK: %[[ROW:.*]] = nn.reshape %arg2 : tensor<3xf32> -> tensor<1x3xf32>
// CHECK: %[[Y:.*]] = nn.expand %[[ROW]] {nn.tensor = "y"} : tensor<1x3xf32> -> tensor<2x3xf32>
// CHECK: return %[[Y]]
func.func @product_of_nothing_is_the_bias(%x: tensor<2x0xf32>, %w: tensor<0x3xf32>, %b: tensor<3xf32>) -> tensor<2x3xf32> {
  %0 = nn.matmul %x, %w bias %b {nn.tensor = "y"} : tensor<2x0xf32>, tensor<0x3xf32>, tensor<3xf32> -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// The window lies in the padding alone.
// CHECK-LABEL: @convolution_of_nothing
// CHECK: %[[Y:.*]] = nn.constant dense<0.000000e+00> : tensor<1x1x5x4xf32>
// CHECK: return %[[Y]]
func.func @convolution_of_nothing(%x: tensor<1x0x5x2xf32>, %w: tensor<4x3x1x2xf32>) -> tensor<1x1x5x4xf32> {
  %0 = nn.conv2d %x, %w strides [1, 1] pads [1, 0, 2, 0] dilations [1, 1] groups 1 : tensor<1x0x5x2xf32>, tensor<4x3x1x2xf32> -> tensor<1x1x5x4xf32>
  return %0 : tensor<1x1x5x4xf32>
}

// CHECK-LABEL: @other_pieces_stay
// CHECK: nn.concat %arg1, %arg2 axis 1 : tensor<2x3xf32>, tensor<2x5xf32> -> tensor<2x8xf32>
// CHECK: return %{{.*}}, %arg1
func.func @other_pieces_stay(%x: tensor<2x0xf32>, %y: tensor<2x3xf32>, %z: tensor<2x5xf32>) -> (tensor<2x8xf32>, tensor<2x3xf32>) {
  %0 = nn.concat %y, %x, %z axis 1 : tensor<2x3xf32>, tensor<2x0xf32>, tensor<2x5xf32> -> tensor<2x8xf32>
  %1 = nn.concat %x, %y axis 1 : tensor<2x0xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  return %0, %1 : tensor<2x8xf32>, tensor<2x3xf32>
}

// CHECK-LABEL: @padding_and_data_stay
// CHECK: %[[P:.*]] = nn.constant dense<2> : tensor<2x3xi64>
// CHECK: return %[[P]], %arg1
func.func @padding_and_data_stay(%x: tensor<2x0xi64>, %d: tensor<2x3xf32>, %i: tensor<0x1xi64>, %u: tensor<0x3xf32>) -> (tensor<2x3xi64>, tensor<2x3xf32>) {
  %0 = nn.pad constant %x low [0, 1] high [0, 2] {value = 2.0} : tensor<2x0xi64> -> tensor<2x3xi64>
  %1 = nn.scatter_nd add %d, %i, %u : tensor<2x3xf32>, tensor<0x1xi64>, tensor<0x3xf32>
  return %0, %1 : tensor<2x3xi64>, tensor<2x3xf32>
}
