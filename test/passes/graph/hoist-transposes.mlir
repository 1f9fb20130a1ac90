// RUN: nncc-opt %s --nncc-hoist-transposes --nncc-check=N1 --split-input-file | FileCheck %s

// CHECK-LABEL: @one_instead_of_two
// CHECK-SAME: (%[[X:.*]]: tensor<3x2xf32>, %[[Y:.*]]: tensor<2x3xf32>)
// CHECK-NEXT: %[[T:.*]] = nn.transpose %[[Y]] [1, 0]
// CHECK-NEXT: %[[R:.*]] = nn.binary add %[[X]], %[[T]] {nn.perm = array<i64: 1, 0>, nn.tensor = "sum"}
// CHECK-NEXT: return %[[R]]
func.func @one_instead_of_two(%x: tensor<3x2xf32>, %y: tensor<2x3xf32>) -> tensor<3x2xf32> {
  %0 = nn.transpose %x [1, 0] : tensor<3x2xf32> -> tensor<2x3xf32>
  %1 = nn.binary add %0, %y {nn.tensor = "sum"} : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %2 = nn.transpose %1 [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  return %2 : tensor<3x2xf32>
}

// -----

// CHECK-LABEL: @keeps_what_would_not_get_less
// CHECK: nn.binary add
// CHECK-NEXT: nn.transpose
func.func @keeps_what_would_not_get_less(%x: tensor<2x3xf32>, %y: tensor<2x3xf32>) -> tensor<3x2xf32> {
  %0 = nn.binary add %x, %y : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %1 = nn.transpose %0 [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  return %1 : tensor<3x2xf32>
}

// -----

// CHECK-LABEL: @keeps_a_value_with_another_user
// CHECK: nn.transpose
// CHECK: nn.unary relu
// CHECK: nn.transpose
func.func @keeps_a_value_with_another_user(%x: tensor<3x2xf32>) -> (tensor<2x3xf32>, tensor<3x2xf32>) {
  %0 = nn.transpose %x [1, 0] : tensor<3x2xf32> -> tensor<2x3xf32>
  %1 = nn.unary relu %0 : tensor<2x3xf32> -> tensor<2x3xf32>
  %2 = nn.transpose %1 [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  return %1, %2 : tensor<2x3xf32>, tensor<3x2xf32>
}

// -----

// CHECK-LABEL: @unit_dims
// CHECK-NEXT: nn.reshape %{{.*}} {nn.perm = array<i64: 0, 2, 3, 1>, nn.tensor = "pool"} : tensor<1x3x1x1xf32> -> tensor<1x1x1x3xf32>
// CHECK-NOT: nn.transpose
func.func @unit_dims(%x: tensor<1x3x1x1xf32>) -> tensor<1x1x1x3xf32> {
  %0 = nn.transpose %x [0, 2, 3, 1] {nn.tensor = "pool", nn.perm = array<i64: 0, 2, 3, 1>} : tensor<1x3x1x1xf32> -> tensor<1x1x1x3xf32>
  return %0 : tensor<1x1x1x3xf32>
}
