// RUN: nncc-opt %s --nncc-emit-contractions | FileCheck %s

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, fma_lane = true, half_arithmetic = true, l1_bytes = 65536, l2_bytes = 262144>}} {

// Three vectors of eight channels, eight values of k to a trip; sums are f16 and widened when they are complete.
// CHECK-LABEL: func.func private @nncc_gemm_f16_7x24(
// CHECK:         vector.fma {{.*}} : vector<8xf16>
// CHECK-NOT:     vector.fma {{.*}} : vector<8xf32>
// CHECK:         arith.extf {{.*}} : vector<8xf16> to vector<8xf32>
func.func @short(%x: memref<70x64xf16> {llvm.noalias}, %w: memref<3072xi8> {llvm.noalias}, %y: memref<70x24xf16> {llvm.noalias}) {
  nn.kernel "short" ins(%x, %w : memref<70x64xf16>, memref<3072xi8>) outs(%y : memref<70x24xf16>) {
  ^bb0(%0: tensor<70x64xf16>, %1: tensor<64x24xf16>):
    %r = nn.matmul %0, %1 : tensor<70x64xf16>, tensor<64x24xf16> -> tensor<70x24xf16>
    nn.yield %r : tensor<70x24xf16>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [3072, 1, 24, 64, 24, 8, 1]>]}
  return
}

// More than 256 products: blocks, whose totals are f32.
// CHECK-LABEL: func.func private @nncc_gemm_f16_7x24_1(
// CHECK:         arith.constant 256 : i64
// CHECK:         vector.fma {{.*}} : vector<8xf16>
// CHECK:         arith.addf {{.*}} : vector<8xf32>
func.func @long(%x: memref<70x512xf16> {llvm.noalias}, %w: memref<24576xi8> {llvm.noalias}, %y: memref<70x24xf16> {llvm.noalias}) {
  nn.kernel "long" ins(%x, %w : memref<70x512xf16>, memref<24576xi8>) outs(%y : memref<70x24xf16>) {
  ^bb0(%0: tensor<70x512xf16>, %1: tensor<512x24xf16>):
    %r = nn.matmul %0, %1 : tensor<70x512xf16>, tensor<512x24xf16> -> tensor<70x24xf16>
    nn.yield %r : tensor<70x24xf16>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [24576, 1, 24, 512, 24, 8, 1]>]}
  return
}
}
