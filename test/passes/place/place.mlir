// RUN: nncc-opt %s --split-input-file --nncc-place --verify-diagnostics | FileCheck %s --check-prefixes=CHECK,AUTO
// RUN: nncc-opt %s --split-input-file --nncc-place="where=cpu kernels=k000:gpu" --verify-diagnostics=only-expected | FileCheck %s --check-prefixes=CHECK,SINGLE
// RUN: nncc-opt %s --split-input-file --nncc-place="where=beside kernels=k000:cpu" --verify-diagnostics=only-expected | FileCheck %s --check-prefixes=CHECK,BESIDE
// RUN: nncc-opt %s --split-input-file --nncc-place="where=beside kernels=k001:cpu" --verify-diagnostics=only-expected | FileCheck %s --check-prefixes=CHECK,BESIDE
// RUN: not nncc-opt %s --split-input-file --nncc-place="kernels=k001:cpu,k002:cpu" 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not nncc-opt %s --split-input-file --nncc-place="where=npu" 2>&1 | FileCheck %s --check-prefix=WORD

// UNKNOWN: error: kernel 'k002' is to be placed, but there is none
// UNKNOWN: note: the kernels are k000, k001
// WORD: error: {{.*}}'npu' is no place for kernels: auto, beside, gpu or cpu

// CHECK-LABEL: @places_all_kernels_or_single_ones
// CHECK: nn.kernel "k000"
// AUTO: attributes {device = "gpu0", nn.placed = "the GPU takes what it has code for", nn.placed_as = "k000"}
// SINGLE: attributes {device = "gpu0", nn.placed = "as asked for", nn.placed_as = "k000"}
// BESIDE: attributes {device = "cpu0", nn.placed = "as asked for"
// CHECK: nn.kernel "k001"
// AUTO: attributes {device = "gpu0", nn.placed = "the GPU takes what it has code for", nn.placed_as = "k001"}
// SINGLE: attributes {device = "cpu0", nn.placed = "as asked for", nn.placed_as = "k001"}
// BESIDE: attributes {device = "cpu0", nn.placed = "as asked for"
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, l1_bytes = 0, l2_bytes = 0>, gpu0 = #nn.gpu<vector_bits = 128, registers = 64, warp = 16, tile_rows = 4, tile_columns = 4>}} {
  func.func @places_all_kernels_or_single_ones(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
    %0 = nn.kernel "k000" ins(%x : tensor<2x3xf32>) {
    ^bb0(%a: tensor<2x3xf32>):
      %r = nn.unary relu %a : tensor<2x3xf32> -> tensor<2x3xf32>
      nn.yield %r : tensor<2x3xf32>
    } -> tensor<2x3xf32> attributes {device = "cpu0"}
    %1 = nn.kernel "k001" ins(%0 : tensor<2x3xf32>) {
    ^bb0(%a: tensor<2x3xf32>):
      %r = nn.unary exp %a : tensor<2x3xf32> -> tensor<2x3xf32>
      nn.yield %r : tensor<2x3xf32>
    } -> tensor<2x3xf32> attributes {device = "cpu0"}
    return %1 : tensor<2x3xf32>
  }
}
