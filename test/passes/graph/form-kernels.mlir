// RUN: nncc-opt %s --nncc-form-kernels --nncc-check=N2 --split-input-file | FileCheck %s
// RUN: nncc-opt %s --nncc-form-kernels=only-contractions --split-input-file | FileCheck %s --check-prefix=CONTRACTIONS

// CHECK-LABEL: @takes_the_epilogue
// CHECK-SAME: (%[[X:.*]]: tensor<2x3xf32>, %[[W:.*]]: tensor<3x5xf32>)
// CHECK: %[[R:.*]] = nn.kernel "k000_fc_1" ins(%[[X]], %[[W]] : tensor<2x3xf32>, tensor<3x5xf32>) {
// CHECK-NEXT: ^bb0(%[[A:.*]]: tensor<2x3xf32>, %[[B:.*]]: tensor<3x5xf32>):
// CHECK-NEXT: %[[M:.*]] = nn.matmul %[[A]], %[[B]]
// CHECK-NEXT: %[[U:.*]] = nn.unary relu %[[M]] {nn.tensor = "y"}
// CHECK-NEXT: nn.yield %[[U]]
// CHECK-NEXT: } -> tensor<2x5xf32> attributes {device = "cpu0", nodes = ["fc/1", "relu"]}
// CHECK-NEXT: return %[[R]]
func.func @takes_the_epilogue(%x: tensor<2x3xf32>, %w: tensor<3x5xf32>) -> tensor<2x5xf32> {
  %0 = nn.matmul %x, %w : tensor<2x3xf32>, tensor<3x5xf32> -> tensor<2x5xf32> loc("fc/1")
  %1 = nn.unary relu %0 {nn.tensor = "y"} : tensor<2x5xf32> -> tensor<2x5xf32> loc("relu")
  return %1 : tensor<2x5xf32>
}

// -----

// The value between is read by two ops of the same kernel: it needs not be a result.
// CHECK-LABEL: @takes_a_dag
// CHECK: nn.kernel
// CHECK: nn.matmul
// CHECK-NEXT: nn.unary sigmoid
// CHECK-NEXT: nn.binary mul
// CHECK-NOT: nn.kernel
func.func @takes_a_dag(%x: tensor<2x3xf32>, %w: tensor<3x5xf32>) -> tensor<2x5xf32> {
  %0 = nn.matmul %x, %w : tensor<2x3xf32>, tensor<3x5xf32> -> tensor<2x5xf32>
  %1 = nn.unary sigmoid %0 : tensor<2x5xf32> -> tensor<2x5xf32>
  %2 = nn.binary mul %0, %1 : tensor<2x5xf32>, tensor<2x5xf32> -> tensor<2x5xf32>
  return %2 : tensor<2x5xf32>
}

// -----

// CHECK-LABEL: @keeps_a_value_with_another_user
// CHECK: %[[M:.*]] = nn.kernel "k000_matmul"
// CHECK-NEXT: ^bb0
// CHECK-NEXT: nn.matmul
// CHECK-NEXT: nn.yield
// CHECK: %[[R:.*]] = nn.kernel "k001_unary" ins(%[[M]] :
// CHECK: return %[[M]], %[[R]]
func.func @keeps_a_value_with_another_user(%x: tensor<2x3xf32>, %w: tensor<3x5xf32>) -> (tensor<2x5xf32>, tensor<2x5xf32>) {
  %0 = nn.matmul %x, %w : tensor<2x3xf32>, tensor<3x5xf32> -> tensor<2x5xf32>
  %1 = nn.unary relu %0 : tensor<2x5xf32> -> tensor<2x5xf32>
  return %0, %1 : tensor<2x5xf32>, tensor<2x5xf32>
}

// -----

// CHECK-LABEL: @residual_joins_the_later_contraction
// CHECK: %[[FIRST:.*]] = nn.kernel "k000_first"
// CHECK-NEXT: ^bb0
// CHECK-NEXT: nn.matmul
// CHECK-NEXT: nn.unary relu
// CHECK-NEXT: nn.yield
// CHECK: nn.kernel "k001_second" ins(%{{.*}}, %{{.*}}, %[[FIRST]] :
// CHECK: nn.matmul
// CHECK-NEXT: nn.binary add
// CHECK-NEXT: nn.yield
func.func @residual_joins_the_later_contraction(%x: tensor<2x3xf32>, %w: tensor<3x5xf32>) -> tensor<2x5xf32> {
  %0 = nn.matmul %x, %w : tensor<2x3xf32>, tensor<3x5xf32> -> tensor<2x5xf32> loc("first")
  %1 = nn.unary relu %0 : tensor<2x5xf32> -> tensor<2x5xf32>
  %2 = nn.matmul %x, %w : tensor<2x3xf32>, tensor<3x5xf32> -> tensor<2x5xf32> loc("second")
  %3 = nn.binary add %1, %2 : tensor<2x5xf32>, tensor<2x5xf32> -> tensor<2x5xf32>
  return %3 : tensor<2x5xf32>
}

// -----

// The result has more elements than the root's: the root would be computed seven times.
// CHECK-LABEL: @does_not_join_a_larger_result
// CHECK: nn.kernel "k000_matmul"
// CHECK: nn.kernel "k001_binary"
func.func @does_not_join_a_larger_result(%x: tensor<1x3xf32>, %w: tensor<3x5xf32>, %y: tensor<7x5xf32>) -> tensor<7x5xf32> {
  %0 = nn.matmul %x, %w : tensor<1x3xf32>, tensor<3x5xf32> -> tensor<1x5xf32>
  %1 = nn.binary add %0, %y : tensor<1x5xf32>, tensor<7x5xf32> -> tensor<7x5xf32>
  return %1 : tensor<7x5xf32>
}

// -----

// The small operand is computed once, by a kernel of its own.
// CHECK-LABEL: @does_not_repeat_a_broadcast_operand
// CHECK: %[[GATE:.*]] = nn.kernel "k000_unary"
// CHECK: nn.kernel "k001_binary" ins(%{{.*}}, %[[GATE]] :
func.func @does_not_repeat_a_broadcast_operand(%x: tensor<2x3x5xf32>, %g: tensor<1x1x5xf32>) -> tensor<2x3x5xf32> {
  %0 = nn.unary sigmoid %g : tensor<1x1x5xf32> -> tensor<1x1x5xf32>
  %1 = nn.binary mul %x, %0 : tensor<2x3x5xf32>, tensor<1x1x5xf32> -> tensor<2x3x5xf32>
  return %1 : tensor<2x3x5xf32>
}

// -----

// CHECK-LABEL: @elementwise_dag
// CHECK: nn.kernel "k000_sum" ins(%{{.*}}, %{{.*}} :
// CHECK-NEXT: ^bb0
// CHECK-NEXT: nn.unary exp
// CHECK-NEXT: nn.unary neg
// CHECK-NEXT: nn.binary add
// CHECK-NOT: nn.kernel
func.func @elementwise_dag(%x: tensor<2x3xf32>, %y: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.unary exp %x : tensor<2x3xf32> -> tensor<2x3xf32> loc("e")
  %1 = nn.unary neg %y : tensor<2x3xf32> -> tensor<2x3xf32> loc("n")
  %2 = nn.binary add %0, %1 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32> loc("sum")
  return %2 : tensor<2x3xf32>
}

// -----

// CHECK-LABEL: @uniform_constants_move_inside
// CHECK-SAME: (%[[X:.*]]: tensor<2x3xf32>)
// CHECK-NEXT: %[[W:.*]] = nn.constant dense<{{\[\[}}1.000000e+00, 2.000000e+00, 3.000000e+00{{\]\]}}>
// CHECK-NEXT: nn.kernel "k000_binary" ins(%[[X]], %[[W]] : tensor<2x3xf32>, tensor<1x3xf32>)
// CHECK: nn.constant dense<2.000000e+00> : tensor<1x3xf32>
// CHECK: nn.binary mul
// CHECK: nn.binary add
func.func @uniform_constants_move_inside(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %w = nn.constant dense<[[1.0, 2.0, 3.0]]> : tensor<1x3xf32>
  %c = nn.constant dense<2.0> : tensor<1x3xf32>
  %0 = nn.binary mul %x, %c : tensor<2x3xf32>, tensor<1x3xf32> -> tensor<2x3xf32>
  %1 = nn.binary add %0, %w : tensor<2x3xf32>, tensor<1x3xf32> -> tensor<2x3xf32>
  return %1 : tensor<2x3xf32>
}

// -----

// CHECK-LABEL: @reshape_stays_outside
// CHECK: %[[A:.*]] = nn.kernel
// CHECK: %[[B:.*]] = nn.reshape %[[A]]
// CHECK: nn.kernel {{.*}}ins(%[[B]] :
func.func @reshape_stays_outside(%x: tensor<2x3xf32>) -> tensor<6xf32> {
  %0 = nn.unary exp %x : tensor<2x3xf32> -> tensor<2x3xf32>
  %1 = nn.reshape %0 : tensor<2x3xf32> -> tensor<6xf32>
  %2 = nn.unary neg %1 : tensor<6xf32> -> tensor<6xf32>
  return %2 : tensor<6xf32>
}

// -----

// CHECK-LABEL: @several_results
// CHECK: %[[R:.*]]:2 = nn.kernel "k000_topk"
// CHECK: nn.yield %{{.*}}, %{{.*}} : tensor<2x3xf32>, tensor<2x3xi64>
// CHECK: return %[[R]]#1
func.func @several_results(%x: tensor<2x7xf32>) -> tensor<2x3xi64> {
  %v, %i = nn.topk %x axis 1 largest : tensor<2x7xf32> -> tensor<2x3xf32>, tensor<2x3xi64>
  return %i : tensor<2x3xi64>
}

// -----

// The first machine of the module is the device.
module attributes {nn.machines = {neon0 = #nn.machine<vector_bits = 128, registers = 32, l1_bytes = 32768, l2_bytes = 1048576>}} {
  // CHECK-LABEL: @names_the_device
  // CHECK: attributes {device = "neon0"
  func.func @names_the_device(%x: tensor<2x7xf32>) -> tensor<2x7xf32> {
    %0 = nn.unary exp %x : tensor<2x7xf32> -> tensor<2x7xf32>
    return %0 : tensor<2x7xf32>
  }
}

// -----

// What is not a contraction has an epilogue, too: the result is stored once.
// CHECK-LABEL: @epilogues_of_other_roots
// CHECK: nn.kernel "k000_pool2d"
// CHECK: nn.pool2d
// CHECK-NEXT: nn.binary add
// CHECK-NEXT: nn.yield
// CHECK: nn.kernel "k001_reduce"
// CHECK: nn.reduce
// CHECK-NEXT: nn.unary sigmoid
// CHECK-NEXT: nn.yield
// CHECK: nn.kernel "k002_transpose"
// CHECK: nn.transpose
// CHECK-NEXT: nn.unary tanh
// CHECK-NEXT: nn.yield
// CONTRACTIONS-LABEL: @epilogues_of_other_roots
// CONTRACTIONS: nn.pool2d
// CONTRACTIONS-NEXT: nn.yield
func.func @epilogues_of_other_roots(%x: tensor<1x4x6x3xf32>, %y: tensor<1x2x3x3xf32>) -> (tensor<1x1x1x3xf32>, tensor<1x3x2x3xf32>) {
  %0 = nn.pool2d max %x kernel [2, 2] strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] overhang [0, 0] : tensor<1x4x6x3xf32> -> tensor<1x2x3x3xf32>
  %1 = nn.binary add %0, %y : tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32> -> tensor<1x2x3x3xf32>
  %2 = nn.reduce mean %1 axes [1, 2] : tensor<1x2x3x3xf32> -> tensor<1x1x1x3xf32>
  %3 = nn.unary sigmoid %2 : tensor<1x1x1x3xf32> -> tensor<1x1x1x3xf32>
  %4 = nn.transpose %1 [0, 3, 1, 2] : tensor<1x2x3x3xf32> -> tensor<1x3x2x3xf32>
  %5 = nn.unary tanh %4 : tensor<1x3x2x3xf32> -> tensor<1x3x2x3xf32>
  return %3, %5 : tensor<1x1x1x3xf32>, tensor<1x3x2x3xf32>
}

// -----

// Bytes that a sum and a product read are stored as bytes: each widens its own.
// CHECK-LABEL: @widens_bytes_in_every_reader
// CHECK: nn.kernel "k000_reduce" ins(%[[X:.*]] : tensor<1x4x3x5xui8>)
// CHECK: nn.cast
// CHECK-NEXT: nn.reduce
// CHECK-NEXT: nn.yield
// CHECK: nn.kernel "k001_binary" ins(%[[X]], 
// CHECK: nn.cast
// CHECK-NEXT: nn.binary mul
// CHECK-NEXT: nn.yield
func.func @widens_bytes_in_every_reader(%x: tensor<1x4x3x5xui8>) -> tensor<1x4x3x5xi32> {
  %0 = nn.cast %x : tensor<1x4x3x5xui8> -> tensor<1x4x3x5xi32>
  %1 = nn.reduce sum %0 axes [1, 2] : tensor<1x4x3x5xi32> -> tensor<1x1x1x5xi32>
  %2 = nn.binary mul %0, %1 : tensor<1x4x3x5xi32>, tensor<1x1x1x5xi32> -> tensor<1x4x3x5xi32>
  return %2 : tensor<1x4x3x5xi32>
}

// -----

// A gather reads them from memory.
// CHECK-LABEL: @stores_what_others_read
// CHECK: nn.kernel "k000_cast"
// CHECK: nn.kernel "k001_gather"
// CHECK: nn.kernel "k002_reduce"
// CHECK-NOT: nn.cast
func.func @stores_what_others_read(%x: tensor<4x3xui8>, %at: tensor<2xi64>) -> (tensor<2x3xi32>, tensor<1x3xi32>) {
  %0 = nn.cast %x : tensor<4x3xui8> -> tensor<4x3xi32>
  %1 = nn.gather %0, %at axis 0 : tensor<4x3xi32>, tensor<2xi64> -> tensor<2x3xi32>
  %2 = nn.reduce sum %0 axes [0] : tensor<4x3xi32> -> tensor<1x3xi32>
  return %1, %2 : tensor<2x3xi32>, tensor<1x3xi32>
}
