// RUN: nncc-opt %s --nncc-fold-constants=keep-quantized=true | FileCheck %s

// Halves that are weights of a product, as they lie or moved, or rows of a table, stay; what else reads them has f32.
// CHECK-LABEL: @halves
// CHECK: %[[W:.*]] = nn.cast %{{.*}} : tensor<8x8xf16> -> tensor<8x8xf32>
// CHECK: nn.matmul %arg0, %[[W]]
// CHECK: %[[V:.*]] = nn.cast %{{.*}} : tensor<8x8xf16> -> tensor<8x8xf32>
// CHECK: nn.transpose %[[V]] [1, 0] : tensor<8x8xf32>
// CHECK: %[[U:.*]] = nn.cast %{{.*}} : tensor<8x8xf16> -> tensor<8x8xf32>
// CHECK: nn.gather %[[U]], %arg1
// CHECK: %[[S:.*]] = nn.constant dense<5.000000e-01> : tensor<8x8xf32>
// CHECK: nn.binary add %arg0, %[[S]]
func.func @halves(%x: tensor<8x8xf32>, %i: tensor<3xi32>) -> (tensor<8x8xf32>, tensor<8x8xf32>, tensor<3x8xf32>, tensor<8x8xf32>) {
  %h = nn.constant dense<0.5> : tensor<8x8xf16>
  %w = nn.cast %h : tensor<8x8xf16> -> tensor<8x8xf32>
  %0 = nn.matmul %x, %w : tensor<8x8xf32>, tensor<8x8xf32> -> tensor<8x8xf32>
  %v = nn.cast %h : tensor<8x8xf16> -> tensor<8x8xf32>
  %t = nn.transpose %v [1, 0] : tensor<8x8xf32> -> tensor<8x8xf32>
  %1 = nn.matmul %x, %t : tensor<8x8xf32>, tensor<8x8xf32> -> tensor<8x8xf32>
  %u = nn.cast %h : tensor<8x8xf16> -> tensor<8x8xf32>
  %2 = nn.gather %u, %i axis 0 : tensor<8x8xf32>, tensor<3xi32> -> tensor<3x8xf32>
  %s = nn.cast %h : tensor<8x8xf16> -> tensor<8x8xf32>
  %3 = nn.binary add %x, %s : tensor<8x8xf32>, tensor<8x8xf32> -> tensor<8x8xf32>
  return %0, %1, %2, %3 : tensor<8x8xf32>, tensor<8x8xf32>, tensor<3x8xf32>, tensor<8x8xf32>
}
