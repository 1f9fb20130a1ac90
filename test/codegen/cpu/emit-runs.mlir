// RUN: nncc-opt %s --nncc-emit-contractions | FileCheck %s

// Where one instruction loads several vectors, rows of packed weights are loaded by it.
// CHECK: #nn.machine<{{.*}}, run_load = "llvm.aarch64.neon.ld1x">
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, fma_lane = true, l1_bytes = 65536, l2_bytes = 262144, run_load = "llvm.aarch64.neon.ld1x">}} {

// Three vectors are a row. Four steps of k where that many are left of eight, then a loop of eight, for which the
// register that is left takes two vectors of a row of A at once.
// CHECK-LABEL: func.func private @nncc_gemm_f32_7x12(
// CHECK:         scf.if
// CHECK-COUNT-4: llvm.call_intrinsic "llvm.aarch64.neon.ld1x3"
// CHECK:         scf.for
// CHECK-NEXT:    llvm.call_intrinsic "llvm.aarch64.neon.ld1x3"
// CHECK-COUNT-8: llvm.load {{.*}} : !llvm.ptr -> vector<4xf32>
// CHECK-COUNT-4: llvm.call_intrinsic "llvm.aarch64.neon.ld1x3"
// CHECK-COUNT-6: llvm.load {{.*}} : !llvm.ptr -> vector<4xf32>
// CHECK-COUNT-3: llvm.call_intrinsic "llvm.aarch64.neon.ld1x3"({{.*}}) : (!llvm.ptr) -> !llvm.struct<(vector<4xf32>, vector<4xf32>, vector<4xf32>)>
// CHECK-NOT:     llvm.call_intrinsic
func.func @rows(%x: memref<70x64xf32> {llvm.noalias}, %w: memref<3072xi8> {llvm.noalias}, %y: memref<70x12xf32> {llvm.noalias}) {
  nn.kernel "rows" ins(%x, %w : memref<70x64xf32>, memref<3072xi8>) outs(%y : memref<70x12xf32>) {
  ^bb0(%0: tensor<70x64xf32>, %1: tensor<64x12xf32>):
    %r = nn.matmul %0, %1 : tensor<70x64xf32>, tensor<64x12xf32> -> tensor<70x12xf32>
    nn.yield %r : tensor<70x12xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [3072, 1, 12, 64, 12, 4, 1]>]}
  return
}

// Four vectors are two rows of two.
// CHECK-LABEL: func.func private @nncc_gemm_f32_8x8(
// CHECK-COUNT-6: llvm.call_intrinsic "llvm.aarch64.neon.ld1x4"
// CHECK-NOT:     llvm.call_intrinsic
func.func @two_rows(%x: memref<64x64xf32> {llvm.noalias}, %w: memref<2048xi8> {llvm.noalias}, %y: memref<64x8xf32> {llvm.noalias}) {
  nn.kernel "two_rows" ins(%x, %w : memref<64x64xf32>, memref<2048xi8>) outs(%y : memref<64x8xf32>) {
  ^bb0(%0: tensor<64x64xf32>, %1: tensor<64x8xf32>):
    %r = nn.matmul %0, %1 : tensor<64x64xf32>, tensor<64x8xf32> -> tensor<64x8xf32>
    nn.yield %r : tensor<64x8xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [2048, 1, 8, 64, 8, 4, 1]>]}
  return
}

// Weights that lie as the model has them are loaded vector by vector.
// CHECK-LABEL: func.func private @nncc_gemm_f32_7x12_1(
// CHECK-NOT:     llvm.call_intrinsic
func.func @as_they_lie(%x: memref<70x64xf32> {llvm.noalias}, %w: memref<64x12xf32> {llvm.noalias}, %y: memref<70x12xf32> {llvm.noalias}) {
  nn.kernel "as_they_lie" ins(%x, %w : memref<70x64xf32>, memref<64x12xf32>) outs(%y : memref<70x12xf32>) {
  ^bb0(%0: tensor<70x64xf32>, %1: tensor<64x12xf32>):
    %r = nn.matmul %0, %1 : tensor<70x64xf32>, tensor<64x12xf32> -> tensor<70x12xf32>
    nn.yield %r : tensor<70x12xf32>
  }
  return
}
}
