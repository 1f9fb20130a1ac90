// RUN: nncc-opt %s --nncc-apply-tuning --nncc-pack-weights --nncc-choose-forms 2>&1 | FileCheck %s

// Tiles of many rows, which a product does not get by itself on AVX-512, are there to be tuned.
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 512, registers = 32, l1_bytes = 32768, l2_bytes = 1048576>}, nn.tuning = [
  {kernel = "matmul(28x64xf32, const 64x64xf32) -> 28x64xf32", form = "direct", panel = 2, rows = 14}
]} {
// CHECK-NOT: warning
// CHECK: nn.packings = [unit, #nn.packing<"panels", [16384, 1, 64, 64, 32, 16, 1]>], nn.tuned = {form = "direct", panel = 2 : i64, rows = 14 : i64}
func.func @takes_tiles_of_many_rows(%x: tensor<28x64xf32>) -> tensor<28x64xf32> {
  %w = nn.constant dense<1.0> : tensor<64x64xf32>
  %y = nn.kernel "k0" ins(%x, %w : tensor<28x64xf32>, tensor<64x64xf32>) {
  ^bb0(%0: tensor<28x64xf32>, %1: tensor<64x64xf32>):
    %r = nn.matmul %0, %1 : tensor<28x64xf32>, tensor<64x64xf32> -> tensor<28x64xf32>
    nn.yield %r : tensor<28x64xf32>
  } -> tensor<28x64xf32>
  return %y : tensor<28x64xf32>
}
}
