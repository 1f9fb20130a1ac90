// RUN: nncc-opt %s --nncc-emit-contractions | FileCheck %s

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 512, registers = 32, masked_stores = true, l1_bytes = 32768, l2_bytes = 1048576>}} {

// 28 rows as tiles of 14.
// CHECK-LABEL: func.func @rows_in_many_sets
// CHECK: call @nncc_gemm_f32_14x32(
func.func @rows_in_many_sets(%x: memref<28x1008xf32> {llvm.noalias}, %w: memref<129024xi8> {llvm.noalias}, %y: memref<28x32xf32> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w : memref<28x1008xf32>, memref<129024xi8>) outs(%y : memref<28x32xf32>) {
  ^bb0(%0: tensor<28x1008xf32>, %1: tensor<1008x32xf32>):
    %r = nn.matmul %0, %1 : tensor<28x1008xf32>, tensor<1008x32xf32> -> tensor<28x32xf32>
    nn.yield %r : tensor<28x32xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [129024, 1, 32, 1008, 32, 16, 1]>]}
  return
}

// Rows of A that lie 4096 bytes apart meet in one set of the L1 cache, of eight ways.
// CHECK-LABEL: func.func @rows_in_one_set
// CHECK: call @nncc_gemm_f32_7x32(
func.func @rows_in_one_set(%x: memref<28x1024xf32> {llvm.noalias}, %w: memref<131072xi8> {llvm.noalias}, %y: memref<28x32xf32> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w : memref<28x1024xf32>, memref<131072xi8>) outs(%y : memref<28x32xf32>) {
  ^bb0(%0: tensor<28x1024xf32>, %1: tensor<1024x32xf32>):
    %r = nn.matmul %0, %1 : tensor<28x1024xf32>, tensor<1024x32xf32> -> tensor<28x32xf32>
    nn.yield %r : tensor<28x32xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [131072, 1, 32, 1024, 32, 16, 1]>]}
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
