// RUN: nncc-opt %s --nncc-emit-contractions | FileCheck %s

// Two heads for two threads, each with 896 bytes of scratch memory: scores of five rows, 32 elements apart, and behind
// them the keys of the head in a panel. A head's queries, keys, values and results begin where the layers before and
// after have them, 8 (keys: 8, values and results: 6) elements from row to row; the mask is the same for all rows.
// CHECK-LABEL: func.func @k
// CHECK: scf.for %[[SLOT:.*]] = %c0{{.*}} to %c2{{.*}} step
// CHECK:   %[[AT:.*]] = arith.muli %[[SLOT]], %c896
// CHECK:   %[[SCORES:.*]] = llvm.getelementptr %{{.*}}[%[[AT]]] : {{.*}}, i8
// CHECK:   scf.for %[[PART:.*]] = %[[SLOT]] to %{{.*}} step
// CHECK:     memref.extract_aligned_pointer_as_index %arg3
// CHECK:     %[[M:.*]] = llvm.inttoptr
// CHECK:     %[[HEAD:.*]] = arith.remui %{{.*}}, %c2
// CHECK:     arith.muli %[[HEAD]], %c4
// CHECK:     %[[Q:.*]] = llvm.getelementptr
// CHECK:     arith.muli %[[HEAD]], %c4
// CHECK:     %[[K:.*]] = llvm.getelementptr
// CHECK:     arith.muli %[[HEAD]], %c3
// CHECK:     %[[V:.*]] = llvm.getelementptr
// CHECK:     arith.muli %[[HEAD]], %c3
// CHECK:     %[[Y:.*]] = llvm.getelementptr
// CHECK:     %[[KEYS:.*]] = llvm.getelementptr %[[SCORES]][640]
// CHECK:     scf.for
// CHECK:       llvm.getelementptr %[[K]]
// CHECK:       llvm.getelementptr %[[KEYS]]
// CHECK:       %[[ROW:.*]] = arith.muli %[[BLOCK:.*]], %c5
// CHECK:       %[[TO_Q:.*]] = arith.muli %[[ROW]], %c8
// CHECK:       %[[BLOCK_OF_Q:.*]] = llvm.getelementptr %[[Q]][%[[TO_Q]]]
// CHECK:       arith.muli %[[ROW]], %c6
// CHECK:       %[[TO_Y:.*]] = arith.muli %[[ROW]], %c6
// CHECK:       %[[BLOCK_OF_Y:.*]] = llvm.getelementptr %[[Y]][%[[TO_Y]]]
// CHECK:       arith.cmpi eq, %[[BLOCK]], %c1
// CHECK:       scf.if
// CHECK:         call @nncc_gemm_f32_4x11_add(%[[BLOCK_OF_Q]], %[[KEYS]], %[[SCORES]], %{{.*}}, %[[M]],
// CHECK:         call @nncc_softmax_f32_11x8(%[[SCORES]], %c4
// CHECK:         call @nncc_gemm_f32_4x3(%[[SCORES]], %[[V]], %[[BLOCK_OF_Y]],
// CHECK:       } else {
// CHECK:         call @nncc_gemm_f32_5x11_add(%[[BLOCK_OF_Q]], %[[KEYS]], %[[SCORES]], %{{.*}}, %[[M]],
// CHECK:         call @nncc_softmax_f32_11x8(%[[SCORES]], %c5
// CHECK:         call @nncc_gemm_f32_5x3(%[[SCORES]], %[[V]], %[[BLOCK_OF_Y]],
// CHECK:   } {nn.work = {{[0-9]+}} : i64}
// CHECK: } {nn.parallel}
// CHECK-LABEL: func.func private @nncc_softmax_f32_11x8
// CHECK: math.fma
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
func.func @k(%q: memref<1x9x2x4xf32> {llvm.noalias}, %k: memref<1x11x2x4xf32> {llvm.noalias}, %v: memref<1x11x2x3xf32> {llvm.noalias}, %m: memref<1x1x1x11xf32> {llvm.noalias}, %y: memref<1x9x2x3xf32> {llvm.noalias}, %s: memref<1792xi8> {llvm.noalias}) {
  nn.kernel "k" ins(%q, %k, %v, %m : memref<1x9x2x4xf32>, memref<1x11x2x4xf32>, memref<1x11x2x3xf32>, memref<1x1x1x11xf32>) outs(%y : memref<1x9x2x3xf32>) scratch(%s : memref<1792xi8>) {
  ^bb0(%0: tensor<1x9x2x4xf32>, %1: tensor<1x11x2x4xf32>, %2: tensor<1x11x2x3xf32>, %3: tensor<1x1x1x11xf32>):
    %qt = nn.transpose %0 [0, 2, 1, 3] : tensor<1x9x2x4xf32> -> tensor<1x2x9x4xf32>
    %kt = nn.transpose %1 [0, 2, 3, 1] : tensor<1x11x2x4xf32> -> tensor<1x2x4x11xf32>
    %vt = nn.transpose %2 [0, 2, 1, 3] : tensor<1x11x2x3xf32> -> tensor<1x2x11x3xf32>
    %r = nn.matmul %qt, %kt : tensor<1x2x9x4xf32>, tensor<1x2x4x11xf32> -> tensor<1x2x9x11xf32>
    %a = nn.binary add %r, %3 : tensor<1x2x9x11xf32>, tensor<1x1x1x11xf32> -> tensor<1x2x9x11xf32>
    %p = nn.softmax %a axis 3 : tensor<1x2x9x11xf32> -> tensor<1x2x9x11xf32>
    %o = nn.matmul %p, %vt : tensor<1x2x9x11xf32>, tensor<1x2x11x3xf32> -> tensor<1x2x9x3xf32>
    %t = nn.transpose %o [0, 2, 1, 3] : tensor<1x2x9x3xf32> -> tensor<1x9x2x3xf32>
    nn.yield %t : tensor<1x9x2x3xf32>
  } attributes {nn.form = {name = "attention", rows = 5, slots = 2, scratch_bytes = 1792}}
  return
}
}
