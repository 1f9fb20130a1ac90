// RUN: nncc-opt %s --nncc-emit-contractions | FileCheck %s

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 512, registers = 32, masked_stores = true, l1_bytes = 32768, l2_bytes = 1048576>}} {

// 28 rows as tiles of 14.
// CHECK-LABEL: func.func @rows_in_many_sets
// CHECK: call @nncc_gemm_f64_14x16(
func.func @rows_in_many_sets(%x: memref<28x504xf64> {llvm.noalias}, %w: memref<64512xi8> {llvm.noalias}, %y: memref<28x16xf64> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w : memref<28x504xf64>, memref<64512xi8>) outs(%y : memref<28x16xf64>) {
  ^bb0(%0: tensor<28x504xf64>, %1: tensor<504x16xf64>):
    %r = nn.matmul %0, %1 : tensor<28x504xf64>, tensor<504x16xf64> -> tensor<28x16xf64>
    nn.yield %r : tensor<28x16xf64>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [64512, 1, 16, 504, 16, 8, 1]>]}
  return
}

// Rows of A that lie 4096 bytes apart meet in one set of the L1 cache, of eight ways.
// CHECK-LABEL: func.func @rows_in_one_set
// CHECK: call @nncc_gemm_f64_7x16(
func.func @rows_in_one_set(%x: memref<28x512xf64> {llvm.noalias}, %w: memref<65536xi8> {llvm.noalias}, %y: memref<28x16xf64> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w : memref<28x512xf64>, memref<65536xi8>) outs(%y : memref<28x16xf64>) {
  ^bb0(%0: tensor<28x512xf64>, %1: tensor<512x16xf64>):
    %r = nn.matmul %0, %1 : tensor<28x512xf64>, tensor<512x16xf64> -> tensor<28x16xf64>
    nn.yield %r : tensor<28x16xf64>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [65536, 1, 16, 512, 16, 8, 1]>]}
  return
}

// Products of f32 with one matrix take tiles of up to eight rows: 23 as 8, 8 and 7.
// CHECK-LABEL: func.func @low_tiles
// CHECK: call @nncc_gemm_f32_8x32(
// CHECK: call @nncc_gemm_f32_7x32(
func.func @low_tiles(%x: memref<23x96xf32> {llvm.noalias}, %w: memref<12288xi8> {llvm.noalias}, %y: memref<23x32xf32> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w : memref<23x96xf32>, memref<12288xi8>) outs(%y : memref<23x32xf32>) {
  ^bb0(%0: tensor<23x96xf32>, %1: tensor<96x32xf32>):
    %r = nn.matmul %0, %1 : tensor<23x96xf32>, tensor<96x32xf32> -> tensor<23x32xf32>
    nn.yield %r : tensor<23x32xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [12288, 1, 32, 96, 32, 16, 1]>]}
  return
}

// 24 output channels are one register and half of one; packed weights are as wide as two.
// CHECK-LABEL: func.func @half_a_register
// CHECK: call @nncc_gemm_f32_2x24(
func.func @half_a_register(%x: memref<2x96xf32> {llvm.noalias}, %w: memref<12288xi8> {llvm.noalias}, %y: memref<2x24xf32> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w : memref<2x96xf32>, memref<12288xi8>) outs(%y : memref<2x24xf32>) {
  ^bb0(%0: tensor<2x96xf32>, %1: tensor<96x24xf32>):
    %r = nn.matmul %0, %1 : tensor<2x96xf32>, tensor<96x24xf32> -> tensor<2x24xf32>
    nn.yield %r : tensor<2x24xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [12288, 1, 24, 96, 32, 16, 1]>]}
  return
}

// Nine channels in the last register are more than half of it.
// CHECK-LABEL: func.func @more_than_half
// CHECK: call @nncc_gemm_f32_2x25(
func.func @more_than_half(%x: memref<2x96xf32> {llvm.noalias}, %w: memref<12288xi8> {llvm.noalias}, %y: memref<2x25xf32> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w : memref<2x96xf32>, memref<12288xi8>) outs(%y : memref<2x25xf32>) {
  ^bb0(%0: tensor<2x96xf32>, %1: tensor<96x25xf32>):
    %r = nn.matmul %0, %1 : tensor<2x96xf32>, tensor<96x25xf32> -> tensor<2x25xf32>
    nn.yield %r : tensor<2x25xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [12288, 1, 25, 96, 32, 16, 1]>]}
  return
}

// CHECK-LABEL: func.func private @nncc_gemm_f32_2x24(
// CHECK: vector.fma %{{.*}} : vector<16xf32>
// CHECK: vector.extract_strided_slice %{{.*}} {offsets = [0], sizes = [8], strides = [1]} : vector<16xf32> to vector<8xf32>
// CHECK: vector.fma %{{.*}} : vector<8xf32>
// CHECK: llvm.store %{{.*}} : vector<16xf32>
// CHECK: llvm.store %{{.*}} : vector<8xf32>

// CHECK-LABEL: func.func private @nncc_gemm_f32_2x25(
// CHECK-NOT: vector<8xf32>
// CHECK: return
}
