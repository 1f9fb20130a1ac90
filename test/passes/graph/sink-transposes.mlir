// RUN: nncc-opt %s --nncc-sink-transposes --nncc-fold-constants --nncc-drop-unused-ops --nncc-check=N1 --split-input-file | FileCheck %s

// CHECK-LABEL: @cancels_between_image_ops
// CHECK-NOT: nn.transpose
// CHECK: nn.unary relu %{{.*}} {nn.perm = array<i64: 0, 2, 3, 1>, nn.tensor = "r"} : tensor<1x5x7x3xf32>
// CHECK-NOT: nn.transpose
func.func @cancels_between_image_ops(%x: tensor<1x5x7x3xf32>) -> tensor<1x5x7x3xf32> {
  %0 = nn.transpose %x [0, 3, 1, 2] : tensor<1x5x7x3xf32> -> tensor<1x3x5x7xf32>
  %1 = nn.unary relu %0 {nn.tensor = "r"} : tensor<1x3x5x7xf32> -> tensor<1x3x5x7xf32>
  %2 = nn.transpose %1 [0, 2, 3, 1] : tensor<1x3x5x7xf32> -> tensor<1x5x7x3xf32>
  return %2 : tensor<1x5x7x3xf32>
}

// -----

// CHECK-LABEL: @transposes_constant_operands
// CHECK-NEXT: %[[C:.*]] = nn.constant dense<{{.*}}1.000000e+00, 2.000000e+00, 3.000000e+00{{.*}}> : tensor<1x1x1x3xf32>
// CHECK-NEXT: %[[A:.*]] = nn.binary prelu %{{.*}}, %[[C]] : tensor<1x5x7x3xf32>, tensor<1x1x1x3xf32>
// CHECK-NEXT: nn.transpose %[[A]] [0, 3, 1, 2]
func.func @transposes_constant_operands(%x: tensor<1x5x7x3xf32>) -> tensor<1x3x5x7xf32> {
  %c = nn.constant dense<[[[[1.0]], [[2.0]], [[3.0]]]]> : tensor<1x3x1x1xf32>
  %0 = nn.transpose %x [0, 3, 1, 2] : tensor<1x5x7x3xf32> -> tensor<1x3x5x7xf32>
  %1 = nn.binary prelu %0, %c : tensor<1x3x5x7xf32>, tensor<1x3x1x1xf32> -> tensor<1x3x5x7xf32>
  return %1 : tensor<1x3x5x7xf32>
}

// -----

// A gate of one value per channel becomes NHWC by a reshape.
// CHECK-LABEL: @reshapes_a_gate
// CHECK-SAME: (%[[X:.*]]: tensor<1x5x7x3xf32>, %[[G:.*]]: tensor<1x3xf32>)
// CHECK-NEXT: %[[R:.*]] = nn.reshape %[[G]] : tensor<1x3xf32> -> tensor<1x1x1x3xf32>
// CHECK-NEXT: nn.binary mul %[[X]], %[[R]]
func.func @reshapes_a_gate(%x: tensor<1x5x7x3xf32>, %g: tensor<1x3xf32>) -> tensor<1x3x5x7xf32> {
  %0 = nn.transpose %x [0, 3, 1, 2] : tensor<1x5x7x3xf32> -> tensor<1x3x5x7xf32>
  %1 = nn.reshape %g : tensor<1x3xf32> -> tensor<1x3x1x1xf32>
  %2 = nn.binary mul %0, %1 : tensor<1x3x5x7xf32>, tensor<1x3x1x1xf32> -> tensor<1x3x5x7xf32>
  return %2 : tensor<1x3x5x7xf32>
}

// -----

// CHECK-LABEL: @permutes_axes
// CHECK: nn.concat %{{.*}}, %{{.*}} axis 3 : tensor<2x5x7x3xf32>, tensor<2x5x7x3xf32>
// CHECK: nn.slice %{{.*}} starts [0, 2, 3, 1] sizes [2, 3, 4, 5] steps [1, 1, 1, 1]
// CHECK: nn.pad constant %{{.*}} low [0, 2, 3, 1] high [0, 20, 30, 10]
// CHECK: nn.resize nearest %{{.*}} axes [1, 2] scales
// CHECK: nn.softmax %{{.*}} axis 3
// CHECK: nn.reduce mean %{{.*}} axes [1, 2]
// CHECK: nn.reshape %{{.*}} : tensor<2x1x1x16xf32> -> tensor<2x16xf32>
func.func @permutes_axes(%x: tensor<2x5x7x3xf32>) -> tensor<2x16xf32> {
  %0 = nn.transpose %x [0, 3, 1, 2] : tensor<2x5x7x3xf32> -> tensor<2x3x5x7xf32>
  %1 = nn.concat %0, %0 axis 1 : tensor<2x3x5x7xf32>, tensor<2x3x5x7xf32> -> tensor<2x6x5x7xf32>
  %2 = nn.slice %1 starts [0, 1, 2, 3] sizes [2, 5, 3, 4] steps [1, 1, 1, 1] : tensor<2x6x5x7xf32> -> tensor<2x5x3x4xf32>
  %3 = nn.pad constant %2 low [0, 1, 2, 3] high [0, 10, 20, 30] {value = 0.0} : tensor<2x5x3x4xf32> -> tensor<2x16x25x37xf32>
  %4 = nn.resize nearest %3 axes [2, 3] scales [2.0, 3.0] {coordinate = "asymmetric", nearest = "floor"} : tensor<2x16x25x37xf32> -> tensor<2x16x50x111xf32>
  %5 = nn.softmax %4 axis 1 : tensor<2x16x50x111xf32> -> tensor<2x16x50x111xf32>
  %6 = nn.reduce mean %5 axes [2, 3] : tensor<2x16x50x111xf32> -> tensor<2x16x1x1xf32>
  %7 = nn.transpose %6 [0, 2, 3, 1] : tensor<2x16x1x1xf32> -> tensor<2x1x1x16xf32>
  %8 = nn.reshape %7 : tensor<2x1x1x16xf32> -> tensor<2x16xf32>
  return %8 : tensor<2x16xf32>
}

// -----

// The rows of the weights are [c][h][w]; they become [h][w][c].
// CHECK-LABEL: @permutes_weights
// CHECK-SAME: (%[[X:.*]]: tensor<1x2x1x3xf32>)
// CHECK-NEXT: %[[W:.*]] = nn.constant dense<{{\[\[}}1.000000e+00], [3.000000e+00], [5.000000e+00], [2.000000e+00], [4.000000e+00], [6.000000e+00]]> : tensor<6x1xf32>
// CHECK-NEXT: %[[F:.*]] = nn.reshape %[[X]] : tensor<1x2x1x3xf32> -> tensor<1x6xf32>
// CHECK-NEXT: nn.matmul %[[F]], %[[W]]
func.func @permutes_weights(%x: tensor<1x2x1x3xf32>) -> tensor<1x1xf32> {
  %w = nn.constant dense<[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]]> : tensor<6x1xf32>
  %0 = nn.transpose %x [0, 3, 1, 2] : tensor<1x2x1x3xf32> -> tensor<1x3x2x1xf32>
  %1 = nn.reshape %0 : tensor<1x3x2x1xf32> -> tensor<1x6xf32>
  %2 = nn.matmul %1, %w : tensor<1x6xf32>, tensor<6x1xf32> -> tensor<1x1xf32>
  return %2 : tensor<1x1xf32>
}

// -----

// CHECK-LABEL: @permutes_transposed_weights
// CHECK-NEXT: nn.constant dense<{{\[\[}}1.000000e+00, 3.000000e+00, 5.000000e+00, 2.000000e+00, 4.000000e+00, 6.000000e+00]]> : tensor<1x6xf32>
// CHECK-NOT: nn.transpose
func.func @permutes_transposed_weights(%x: tensor<7x2x3xf32>) -> tensor<7x1xf32> {
  %w = nn.constant dense<[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]> : tensor<1x6xf32>
  %0 = nn.transpose %x [0, 2, 1] : tensor<7x2x3xf32> -> tensor<7x3x2xf32>
  %1 = nn.reshape %0 : tensor<7x3x2xf32> -> tensor<7x6xf32>
  %2 = nn.matmul %1, %w transpose_b : tensor<7x6xf32>, tensor<1x6xf32> -> tensor<7x1xf32>
  return %2 : tensor<7x1xf32>
}

// -----

// The transposition moves rows of the product, too: no weight can make up for that.
// CHECK-LABEL: @keeps_a_transposed_batch
// CHECK: nn.transpose
func.func @keeps_a_transposed_batch(%x: tensor<2x7x3xf32>) -> tensor<7x1xf32> {
  %w = nn.constant dense<1.0> : tensor<6x1xf32>
  %0 = nn.transpose %x [1, 2, 0] : tensor<2x7x3xf32> -> tensor<7x3x2xf32>
  %1 = nn.reshape %0 : tensor<7x3x2xf32> -> tensor<7x6xf32>
  %2 = nn.matmul %1, %w : tensor<7x6xf32>, tensor<6x1xf32> -> tensor<7x1xf32>
  return %2 : tensor<7x1xf32>
}

// -----

// One-dimensional convolutions are two-dimensional ones between reshapes, which an activation in between must not keep apart.
// CHECK-LABEL: @sinks_through_reshapes
// CHECK-SAME: (%[[X:.*]]: tensor<1x1x5x3xf32>)
// CHECK-NEXT: %[[C:.*]] = nn.constant {{.*}} : tensor<1x1x1x3xf32>
// CHECK-NEXT: %[[M:.*]] = nn.binary mul %[[X]], %[[C]]
// CHECK-NEXT: return %[[M]]
func.func @sinks_through_reshapes(%x: tensor<1x1x5x3xf32>) -> tensor<1x1x5x3xf32> {
  %c = nn.constant dense<[[[1.0], [2.0], [3.0]]]> : tensor<1x3x1xf32>
  %0 = nn.transpose %x [0, 3, 1, 2] : tensor<1x1x5x3xf32> -> tensor<1x3x1x5xf32>
  %1 = nn.reshape %0 : tensor<1x3x1x5xf32> -> tensor<1x3x5xf32>
  %2 = nn.binary mul %1, %c : tensor<1x3x5xf32>, tensor<1x3x1xf32> -> tensor<1x3x5xf32>
  %3 = nn.reshape %2 : tensor<1x3x5xf32> -> tensor<1x3x1x5xf32>
  %4 = nn.transpose %3 [0, 2, 3, 1] : tensor<1x3x1x5xf32> -> tensor<1x1x5x3xf32>
  return %4 : tensor<1x1x5x3xf32>
}

// -----

// CHECK-LABEL: @keeps_an_addition_of_two_layouts
// CHECK: nn.transpose
// CHECK-NEXT: nn.binary add
func.func @keeps_an_addition_of_two_layouts(%x: tensor<3x2xf32>, %y: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.transpose %x [1, 0] : tensor<3x2xf32> -> tensor<2x3xf32>
  %1 = nn.binary add %0, %y : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  return %1 : tensor<2x3xf32>
}

// -----

// Neither reshape may trade places with the other for ever.
// CHECK-LABEL: @reshapes_of_two_ranks
// CHECK: nn.binary add
func.func @reshapes_of_two_ranks(%x: tensor<f32>, %y: tensor<1xf32>) -> tensor<1x1xf32> {
  %0 = nn.reshape %x : tensor<f32> -> tensor<1x1xf32>
  %1 = nn.reshape %y : tensor<1xf32> -> tensor<1x1xf32>
  %2 = nn.binary add %0, %1 : tensor<1x1xf32>, tensor<1x1xf32> -> tensor<1x1xf32>
  return %2 : tensor<1x1xf32>
}

// -----

// The addition is then computed with the product.
// CHECK-LABEL: @residual_of_a_collapsed_batch
// CHECK: %[[M:.*]] = nn.matmul
// CHECK: %[[R:.*]] = nn.reshape %{{.*}} : tensor<2x5x7xf32> -> tensor<10x7xf32>
// CHECK: %[[S:.*]] = nn.binary add %[[M]], %[[R]]
// CHECK: nn.reshape %[[S]] : tensor<10x7xf32> -> tensor<2x5x7xf32>
func.func @residual_of_a_collapsed_batch(%x: tensor<10x3xf32>, %w: tensor<3x7xf32>, %y: tensor<2x5x7xf32>) -> tensor<2x5x7xf32> {
  %0 = nn.matmul %x, %w : tensor<10x3xf32>, tensor<3x7xf32> -> tensor<10x7xf32>
  %1 = nn.reshape %0 : tensor<10x7xf32> -> tensor<2x5x7xf32>
  %2 = nn.binary add %1, %y : tensor<2x5x7xf32>, tensor<2x5x7xf32> -> tensor<2x5x7xf32>
  return %2 : tensor<2x5x7xf32>
}

// -----

// H and W become one dim, which is moved as one.
// CHECK-LABEL: @moves_groups_of_dims
// CHECK-NEXT: %[[R:.*]] = nn.reshape %{{.*}} : tensor<2x5x7x3xf32> -> tensor<2x35x3xf32>
// CHECK-NEXT: return %[[R]]
func.func @moves_groups_of_dims(%x: tensor<2x5x7x3xf32>) -> tensor<2x35x3xf32> {
  %0 = nn.transpose %x [0, 3, 1, 2] : tensor<2x5x7x3xf32> -> tensor<2x3x5x7xf32>
  %1 = nn.reshape %0 : tensor<2x3x5x7xf32> -> tensor<2x3x35xf32>
  %2 = nn.transpose %1 [0, 2, 1] : tensor<2x3x35xf32> -> tensor<2x35x3xf32>
  return %2 : tensor<2x35x3xf32>
}

// -----

// CHECK-LABEL: @squeezes
// CHECK-NEXT: %[[R:.*]] = nn.reshape %{{.*}} : tensor<1x1x5x3xf32> -> tensor<1x5x3xf32>
// CHECK-NEXT: return %[[R]]
func.func @squeezes(%x: tensor<1x1x5x3xf32>) -> tensor<1x5x3xf32> {
  %0 = nn.transpose %x [0, 3, 1, 2] : tensor<1x1x5x3xf32> -> tensor<1x3x1x5xf32>
  %1 = nn.reshape %0 : tensor<1x3x1x5xf32> -> tensor<1x3x5xf32>
  %2 = nn.transpose %1 [0, 2, 1] : tensor<1x3x5xf32> -> tensor<1x5x3xf32>
  return %2 : tensor<1x5x3xf32>
}

// -----

// The reshape joins dims that the transposition took apart.
// CHECK-LABEL: @keeps_groups_that_are_mixed
// CHECK: nn.transpose
// CHECK: nn.reshape
func.func @keeps_groups_that_are_mixed(%x: tensor<2x5x3xf32>) -> tensor<2x15xf32> {
  %0 = nn.transpose %x [0, 2, 1] : tensor<2x5x3xf32> -> tensor<2x3x5xf32>
  %1 = nn.reshape %0 : tensor<2x3x5xf32> -> tensor<2x15xf32>
  return %1 : tensor<2x15xf32>
}

// -----

// All reshapes of one element are as good: what is left of them must not change places for ever.
// CHECK-LABEL: @reshapes_of_one_element
// CHECK: nn.select
// CHECK-NEXT: nn.reshape
// CHECK-NEXT: return
func.func @reshapes_of_one_element(%b: tensor<1x1x1xi1>, %x: tensor<1xf32>) -> tensor<1x1xf32> {
  %c = nn.constant dense<2.0> : tensor<1x1xf32>
  %0 = nn.reshape %b : tensor<1x1x1xi1> -> tensor<1x1xi1>
  %1 = nn.reshape %x : tensor<1xf32> -> tensor<1x1xf32>
  %2 = nn.select %0, %c, %1 : tensor<1x1xi1>, tensor<1x1xf32>, tensor<1x1xf32> -> tensor<1x1xf32>
  return %2 : tensor<1x1xf32>
}

// -----

// Instances: means of channels are vectors, and nothing of the image's size is moved.
// CHECK-LABEL: @normalizes_channels_last
// CHECK-SAME: (%[[X:.*]]: tensor<2x5x7x3xf32>)
// CHECK-NEXT: %[[S:.*]] = nn.reduce mean %[[X]] axes [1, 2] : tensor<2x5x7x3xf32> -> tensor<2x1x1x3xf32>
// CHECK-NEXT: %[[G:.*]] = nn.reshape %[[S]] : tensor<2x1x1x3xf32> -> tensor<2x3x1xf32>
// CHECK-NEXT: %[[M:.*]] = nn.reshape %[[G]] : tensor<2x3x1xf32> -> tensor<2x1x1x3xf32>
// CHECK-NEXT: %[[C:.*]] = nn.binary sub %[[X]], %[[M]]
// CHECK-NEXT: %[[Q:.*]] = nn.binary mul %[[C]], %[[C]]
// CHECK-NEXT: nn.reduce mean %[[Q]] axes [1, 2]
// CHECK-NOT: nn.transpose
// CHECK: return %{{.*}} : tensor<2x5x7x3xf32>
func.func @normalizes_channels_last(%x: tensor<2x5x7x3xf32>) -> tensor<2x5x7x3xf32> {
  %0 = nn.transpose %x [0, 3, 1, 2] : tensor<2x5x7x3xf32> -> tensor<2x3x5x7xf32>
  %1 = nn.layer_norm %0 axis 2 epsilon 1.0e-05 : tensor<2x3x5x7xf32> -> tensor<2x3x5x7xf32>
  %2 = nn.transpose %1 [0, 2, 3, 1] : tensor<2x3x5x7xf32> -> tensor<2x5x7x3xf32>
  return %2 : tensor<2x5x7x3xf32>
}

// -----

// Groups, as exporters flatten them: two of three channels.
// CHECK-LABEL: @normalizes_groups
// CHECK: nn.reduce mean %{{.*}} axes [1, 2] : tensor<2x5x7x6xf32> -> tensor<2x1x1x6xf32>
// CHECK-NEXT: nn.reshape %{{.*}} : tensor<2x1x1x6xf32> -> tensor<2x2x3xf32>
// CHECK-NEXT: nn.reduce mean %{{.*}} axes [2] : tensor<2x2x3xf32> -> tensor<2x2x1xf32>
// CHECK-NEXT: nn.expand %{{.*}} : tensor<2x2x1xf32> -> tensor<2x2x3xf32>
// CHECK-NOT: nn.transpose
// CHECK: return %{{.*}} : tensor<2x5x7x6xf32>
func.func @normalizes_groups(%x: tensor<2x5x7x6xf32>) -> tensor<2x5x7x6xf32> {
  %0 = nn.transpose %x [0, 3, 1, 2] : tensor<2x5x7x6xf32> -> tensor<2x6x5x7xf32>
  %1 = nn.reshape %0 : tensor<2x6x5x7xf32> -> tensor<2x2x105xf32>
  %2 = nn.layer_norm %1 axis 2 epsilon 1.0e-05 : tensor<2x2x105xf32> -> tensor<2x2x105xf32>
  %3 = nn.reshape %2 : tensor<2x2x105xf32> -> tensor<2x6x5x7xf32>
  %4 = nn.transpose %3 [0, 2, 3, 1] : tensor<2x6x5x7xf32> -> tensor<2x5x7x6xf32>
  return %4 : tensor<2x5x7x6xf32>
}

// -----

// One group of all channels: their order does not matter.
// CHECK-LABEL: @normalizes_all
// CHECK-NEXT: %[[Y:.*]] = nn.layer_norm %arg0 axis 1 epsilon {{.*}} : tensor<2x5x7x6xf32> -> tensor<2x5x7x6xf32>
// CHECK-NEXT: return %[[Y]]
func.func @normalizes_all(%x: tensor<2x5x7x6xf32>) -> tensor<2x5x7x6xf32> {
  %0 = nn.transpose %x [0, 3, 1, 2] : tensor<2x5x7x6xf32> -> tensor<2x6x5x7xf32>
  %1 = nn.reshape %0 : tensor<2x6x5x7xf32> -> tensor<2x1x210xf32>
  %2 = nn.layer_norm %1 axis 2 epsilon 1.0e-05 : tensor<2x1x210xf32> -> tensor<2x1x210xf32>
  %3 = nn.reshape %2 : tensor<2x1x210xf32> -> tensor<2x6x5x7xf32>
  %4 = nn.transpose %3 [0, 2, 3, 1] : tensor<2x6x5x7xf32> -> tensor<2x5x7x6xf32>
  return %4 : tensor<2x5x7x6xf32>
}

// -----

// Columns alone, a group that ends within a channel, or halves, whose sums stay inside of the op.
// CHECK-LABEL: @leaves_other_norms
// CHECK: nn.layer_norm %{{.*}} axis 3
// CHECK: nn.layer_norm %{{.*}} axis 1 {{.*}} tensor<20x21xf32>
// CHECK: nn.layer_norm %{{.*}} axis 2 {{.*}} tensor<2x6x5x7xf16>
func.func @leaves_other_norms(%x: tensor<2x5x7x6xf32>, %h: tensor<2x5x7x6xf16>) -> (tensor<2x6x5x7xf32>, tensor<20x21xf32>, tensor<2x6x5x7xf16>) {
  %0 = nn.transpose %x [0, 3, 1, 2] : tensor<2x5x7x6xf32> -> tensor<2x6x5x7xf32>
  %1 = nn.layer_norm %0 axis 3 epsilon 1.0e-05 : tensor<2x6x5x7xf32> -> tensor<2x6x5x7xf32>
  %2 = nn.reshape %0 : tensor<2x6x5x7xf32> -> tensor<20x21xf32>
  %3 = nn.layer_norm %2 axis 1 epsilon 1.0e-05 : tensor<20x21xf32> -> tensor<20x21xf32>
  %4 = nn.transpose %h [0, 3, 1, 2] : tensor<2x5x7x6xf16> -> tensor<2x6x5x7xf16>
  %5 = nn.layer_norm %4 axis 2 epsilon 1.0e-05 : tensor<2x6x5x7xf16> -> tensor<2x6x5x7xf16>
  return %1, %3, %5 : tensor<2x6x5x7xf32>, tensor<20x21xf32>, tensor<2x6x5x7xf16>
}
