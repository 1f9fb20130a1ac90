// RUN: nncc-opt %s --nncc-pack-weights --nncc-fuse-attention | FileCheck %s

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 4096, l2_bytes = 262144>}} {
// Transposed operands and results are read and written where they lie, keys are packed: 104 columns of 8 values. Blocks
// of 26 rows of 128 elements, for four threads: 51 rows would take more memory than the scores.
// CHECK-LABEL: @computes_blocks_of_scores
// CHECK-SAME: %[[Q:.*]]: tensor<1x101x3x8xf32>, %[[K:.*]]: tensor<1x103x3x8xf32>, %[[V:.*]]: tensor<1x103x3x6xf32>, %[[M:.*]]: tensor<1x1x1x103xf32>
// CHECK-NEXT: %[[Y:.*]] = nn.kernel "mix" ins(%[[M]], %[[V]], %[[K]], %[[Q]] : {{.*}}) {
// CHECK-NEXT: ^bb0(%[[M:.*]]: tensor<1x1x1x103xf32>, %[[V:.*]]: tensor<1x103x3x6xf32>, %[[K:.*]]: tensor<1x103x3x8xf32>, %[[Q:.*]]: tensor<1x101x3x8xf32>):
// CHECK-NEXT: %[[QT:.*]] = nn.transpose %[[Q]] [0, 2, 1, 3]
// CHECK-NEXT: %[[KT:.*]] = nn.transpose %[[K]] [0, 2, 3, 1]
// CHECK-NEXT: %[[VT:.*]] = nn.transpose %[[V]] [0, 2, 1, 3]
// CHECK-NEXT: %[[S:.*]] = nn.matmul %[[QT]], %[[KT]]
// CHECK-NEXT: %[[A:.*]] = nn.binary add %[[S]], %[[M]]
// CHECK-NEXT: %[[P:.*]] = nn.softmax %[[A]] axis 3
// CHECK-NEXT: %[[O:.*]] = nn.matmul %[[P]], %[[VT]]
// CHECK-NEXT: %[[OT:.*]] = nn.transpose %[[O]] [0, 2, 1, 3]
// CHECK-NEXT: nn.yield %[[OT]]
// CHECK: nn.form = {name = "attention", rows = 26 : i64, scratch_bytes = 66560 : i64, slots = 4 : i64}
// CHECK-SAME: nn.scratch_bytes = 66560
// CHECK-SAME: nodes = ["Add", "Softmax", "MatMul"]
// CHECK-NEXT: return %[[Y]]
func.func @computes_blocks_of_scores(%q: tensor<1x101x3x8xf32>, %k: tensor<1x103x3x8xf32>, %v: tensor<1x103x3x6xf32>, %m: tensor<1x1x1x103xf32>) -> tensor<1x101x3x6xf32> {
  %qt = nn.kernel "queries" ins(%q : tensor<1x101x3x8xf32>) {
  ^bb0(%0: tensor<1x101x3x8xf32>):
    %t = nn.transpose %0 [0, 2, 1, 3] : tensor<1x101x3x8xf32> -> tensor<1x3x101x8xf32>
    nn.yield %t : tensor<1x3x101x8xf32>
  } -> tensor<1x3x101x8xf32>
  %kt = nn.kernel "keys" ins(%k : tensor<1x103x3x8xf32>) {
  ^bb0(%0: tensor<1x103x3x8xf32>):
    %t = nn.transpose %0 [0, 2, 3, 1] : tensor<1x103x3x8xf32> -> tensor<1x3x8x103xf32>
    nn.yield %t : tensor<1x3x8x103xf32>
  } -> tensor<1x3x8x103xf32>
  %s = nn.kernel "scores" ins(%qt, %kt, %m : tensor<1x3x101x8xf32>, tensor<1x3x8x103xf32>, tensor<1x1x1x103xf32>) {
  ^bb0(%0: tensor<1x3x101x8xf32>, %1: tensor<1x3x8x103xf32>, %2: tensor<1x1x1x103xf32>):
    %r = nn.matmul %0, %1 : tensor<1x3x101x8xf32>, tensor<1x3x8x103xf32> -> tensor<1x3x101x103xf32>
    %a = nn.binary add %r, %2 : tensor<1x3x101x103xf32>, tensor<1x1x1x103xf32> -> tensor<1x3x101x103xf32>
    nn.yield %a : tensor<1x3x101x103xf32>
  } -> tensor<1x3x101x103xf32> attributes {nodes = ["Add"]}
  %p = nn.kernel "softmax" ins(%s : tensor<1x3x101x103xf32>) {
  ^bb0(%0: tensor<1x3x101x103xf32>):
    %r = nn.softmax %0 axis 3 : tensor<1x3x101x103xf32> -> tensor<1x3x101x103xf32>
    nn.yield %r : tensor<1x3x101x103xf32>
  } -> tensor<1x3x101x103xf32> attributes {nodes = ["Softmax"]}
  %vt = nn.kernel "values" ins(%v : tensor<1x103x3x6xf32>) {
  ^bb0(%0: tensor<1x103x3x6xf32>):
    %t = nn.transpose %0 [0, 2, 1, 3] : tensor<1x103x3x6xf32> -> tensor<1x3x103x6xf32>
    nn.yield %t : tensor<1x3x103x6xf32>
  } -> tensor<1x3x103x6xf32>
  %o = nn.kernel "mix" ins(%p, %vt : tensor<1x3x101x103xf32>, tensor<1x3x103x6xf32>) {
  ^bb0(%0: tensor<1x3x101x103xf32>, %1: tensor<1x3x103x6xf32>):
    %r = nn.matmul %0, %1 : tensor<1x3x101x103xf32>, tensor<1x3x103x6xf32> -> tensor<1x3x101x6xf32>
    nn.yield %r : tensor<1x3x101x6xf32>
  } -> tensor<1x3x101x6xf32> attributes {nodes = ["MatMul"]}
  %ot = nn.kernel "result" ins(%o : tensor<1x3x101x6xf32>) {
  ^bb0(%0: tensor<1x3x101x6xf32>):
    %t = nn.transpose %0 [0, 2, 1, 3] : tensor<1x3x101x6xf32> -> tensor<1x101x3x6xf32>
    nn.yield %t : tensor<1x101x3x6xf32>
  } -> tensor<1x101x3x6xf32>
  return %ot : tensor<1x101x3x6xf32>
}

// One head: products are of two dims, the softmax between them may be of more.
// CHECK-LABEL: @sees_through_reshapes
// CHECK-NOT: nn.reshape
// CHECK: %[[S:.*]] = nn.matmul {{.*}} -> tensor<101x103xf32>
// CHECK-NEXT: %[[P:.*]] = nn.softmax %[[S]] axis 1 : tensor<101x103xf32>
// CHECK-NEXT: nn.matmul %[[P]]
// CHECK: nn.form = {name = "attention", rows = 15 : i64,
func.func @sees_through_reshapes(%q: tensor<101x8xf32>, %k: tensor<8x103xf32>, %v: tensor<103x5xf32>) -> tensor<101x5xf32> {
  %s = nn.kernel "scores" ins(%q, %k : tensor<101x8xf32>, tensor<8x103xf32>) {
  ^bb0(%0: tensor<101x8xf32>, %1: tensor<8x103xf32>):
    %r = nn.matmul %0, %1 : tensor<101x8xf32>, tensor<8x103xf32> -> tensor<101x103xf32>
    nn.yield %r : tensor<101x103xf32>
  } -> tensor<101x103xf32>
  %t = nn.reshape %s : tensor<101x103xf32> -> tensor<1x1x101x103xf32>
  %p = nn.kernel "softmax" ins(%t : tensor<1x1x101x103xf32>) {
  ^bb0(%0: tensor<1x1x101x103xf32>):
    %r = nn.softmax %0 axis 3 : tensor<1x1x101x103xf32> -> tensor<1x1x101x103xf32>
    nn.yield %r : tensor<1x1x101x103xf32>
  } -> tensor<1x1x101x103xf32>
  %u = nn.reshape %p : tensor<1x1x101x103xf32> -> tensor<101x103xf32>
  %o = nn.kernel "mix" ins(%u, %v : tensor<101x103xf32>, tensor<103x5xf32>) {
  ^bb0(%0: tensor<101x103xf32>, %1: tensor<103x5xf32>):
    %r = nn.matmul %0, %1 : tensor<101x103xf32>, tensor<103x5xf32> -> tensor<101x5xf32>
    nn.yield %r : tensor<101x5xf32>
  } -> tensor<101x5xf32>
  return %o : tensor<101x5xf32>
}

// Keys that lie as the product reads them are not packed.
// CHECK-LABEL: @reads_keys_where_they_lie
// CHECK: nn.form = {name = "attention", rows = 51 : i64, scratch_bytes = 104448 : i64, slots = 4 : i64}
func.func @reads_keys_where_they_lie(%q: tensor<3x101x8xf32>, %k: tensor<3x8x103xf32>, %v: tensor<3x103x5xf32>) -> tensor<3x101x5xf32> {
  %s = nn.kernel "scores" ins(%q, %k : tensor<3x101x8xf32>, tensor<3x8x103xf32>) {
  ^bb0(%0: tensor<3x101x8xf32>, %1: tensor<3x8x103xf32>):
    %r = nn.matmul %0, %1 : tensor<3x101x8xf32>, tensor<3x8x103xf32> -> tensor<3x101x103xf32>
    nn.yield %r : tensor<3x101x103xf32>
  } -> tensor<3x101x103xf32>
  %p = nn.kernel "softmax" ins(%s : tensor<3x101x103xf32>) {
  ^bb0(%0: tensor<3x101x103xf32>):
    %r = nn.softmax %0 axis 2 : tensor<3x101x103xf32> -> tensor<3x101x103xf32>
    nn.yield %r : tensor<3x101x103xf32>
  } -> tensor<3x101x103xf32>
  %o = nn.kernel "mix" ins(%p, %v : tensor<3x101x103xf32>, tensor<3x103x5xf32>) {
  ^bb0(%0: tensor<3x101x103xf32>, %1: tensor<3x103x5xf32>):
    %r = nn.matmul %0, %1 : tensor<3x101x103xf32>, tensor<3x103x5xf32> -> tensor<3x101x5xf32>
    nn.yield %r : tensor<3x101x5xf32>
  } -> tensor<3x101x5xf32>
  return %o : tensor<3x101x5xf32>
}

// The scores of short texts are less than blocks of them, values and result.
// CHECK-LABEL: @keeps_few_scores
// CHECK: nn.kernel "scores"
// CHECK-NOT: nn.form
func.func @keeps_few_scores(%q: tensor<3x17x8xf32>, %k: tensor<3x8x19xf32>, %v: tensor<3x19x8xf32>) -> tensor<3x17x8xf32> {
  %s = nn.kernel "scores" ins(%q, %k : tensor<3x17x8xf32>, tensor<3x8x19xf32>) {
  ^bb0(%0: tensor<3x17x8xf32>, %1: tensor<3x8x19xf32>):
    %r = nn.matmul %0, %1 : tensor<3x17x8xf32>, tensor<3x8x19xf32> -> tensor<3x17x19xf32>
    nn.yield %r : tensor<3x17x19xf32>
  } -> tensor<3x17x19xf32>
  %p = nn.kernel "softmax" ins(%s : tensor<3x17x19xf32>) {
  ^bb0(%0: tensor<3x17x19xf32>):
    %r = nn.softmax %0 axis 2 : tensor<3x17x19xf32> -> tensor<3x17x19xf32>
    nn.yield %r : tensor<3x17x19xf32>
  } -> tensor<3x17x19xf32>
  %o = nn.kernel "mix" ins(%p, %v : tensor<3x17x19xf32>, tensor<3x19x8xf32>) {
  ^bb0(%0: tensor<3x17x19xf32>, %1: tensor<3x19x8xf32>):
    %r = nn.matmul %0, %1 : tensor<3x17x19xf32>, tensor<3x19x8xf32> -> tensor<3x17x8xf32>
    nn.yield %r : tensor<3x17x8xf32>
  } -> tensor<3x17x8xf32>
  return %o : tensor<3x17x8xf32>
}

// The caller reads the probabilities, too.
// CHECK-LABEL: @keeps_what_others_read
// CHECK: nn.kernel "scores"
// CHECK-NOT: nn.form
func.func @keeps_what_others_read(%q: tensor<3x101x8xf32>, %k: tensor<3x8x103xf32>, %v: tensor<3x103x5xf32>) -> (tensor<3x101x5xf32>, tensor<3x101x103xf32>) {
  %s = nn.kernel "scores" ins(%q, %k : tensor<3x101x8xf32>, tensor<3x8x103xf32>) {
  ^bb0(%0: tensor<3x101x8xf32>, %1: tensor<3x8x103xf32>):
    %r = nn.matmul %0, %1 : tensor<3x101x8xf32>, tensor<3x8x103xf32> -> tensor<3x101x103xf32>
    nn.yield %r : tensor<3x101x103xf32>
  } -> tensor<3x101x103xf32>
  %p = nn.kernel "softmax" ins(%s : tensor<3x101x103xf32>) {
  ^bb0(%0: tensor<3x101x103xf32>):
    %r = nn.softmax %0 axis 2 : tensor<3x101x103xf32> -> tensor<3x101x103xf32>
    nn.yield %r : tensor<3x101x103xf32>
  } -> tensor<3x101x103xf32>
  %o = nn.kernel "mix" ins(%p, %v : tensor<3x101x103xf32>, tensor<3x103x5xf32>) {
  ^bb0(%0: tensor<3x101x103xf32>, %1: tensor<3x103x5xf32>):
    %r = nn.matmul %0, %1 : tensor<3x101x103xf32>, tensor<3x103x5xf32> -> tensor<3x101x5xf32>
    nn.yield %r : tensor<3x101x5xf32>
  } -> tensor<3x101x5xf32>
  return %o, %p : tensor<3x101x5xf32>, tensor<3x101x103xf32>
}

// A softmax of columns takes all rows.
// CHECK-LABEL: @keeps_softmax_of_columns
// CHECK: nn.kernel "scores"
// CHECK-NOT: nn.form
func.func @keeps_softmax_of_columns(%q: tensor<3x101x8xf32>, %k: tensor<3x8x103xf32>, %v: tensor<3x103x5xf32>) -> tensor<3x101x5xf32> {
  %s = nn.kernel "scores" ins(%q, %k : tensor<3x101x8xf32>, tensor<3x8x103xf32>) {
  ^bb0(%0: tensor<3x101x8xf32>, %1: tensor<3x8x103xf32>):
    %r = nn.matmul %0, %1 : tensor<3x101x8xf32>, tensor<3x8x103xf32> -> tensor<3x101x103xf32>
    nn.yield %r : tensor<3x101x103xf32>
  } -> tensor<3x101x103xf32>
  %p = nn.kernel "softmax" ins(%s : tensor<3x101x103xf32>) {
  ^bb0(%0: tensor<3x101x103xf32>):
    %r = nn.softmax %0 axis 1 : tensor<3x101x103xf32> -> tensor<3x101x103xf32>
    nn.yield %r : tensor<3x101x103xf32>
  } -> tensor<3x101x103xf32>
  %o = nn.kernel "mix" ins(%p, %v : tensor<3x101x103xf32>, tensor<3x103x5xf32>) {
  ^bb0(%0: tensor<3x101x103xf32>, %1: tensor<3x103x5xf32>):
    %r = nn.matmul %0, %1 : tensor<3x101x103xf32>, tensor<3x103x5xf32> -> tensor<3x101x5xf32>
    nn.yield %r : tensor<3x101x5xf32>
  } -> tensor<3x101x5xf32>
  return %o : tensor<3x101x5xf32>
}
}
