// RUN: nncc-opt %s --nncc-apply-tuning --nncc-pack-weights --nncc-choose-forms 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=WARN --implicit-check-not=warning: < %t

// WARN: warning: 1 of the kernels that are tuned are not in this model
// WARN: note: matmul(9x9xf32, 9x9xf32) -> 9x9xf32
// WARN: warning: kernel matmul(11x7xf32, const 7x24xf32) -> 11x24xf32 is not computed as it is tuned: a tile of 6 rows by 3 vectors, for which registers hold 1 to 4 rows
// WARN: warning: kernel matmul(11x7xf32, const 7x32xf32) -> 11x32xf32 is not computed as it is tuned: blocks of -1 of 11 pixels, not 0 (none) or 1 and more
// WARN: warning: kernel matmul(5x7xf32, const 7x32xf32) -> 5x32xf32 is not computed as it is tuned: a panel of 9 vectors, not 1 to 8
// WARN: warning: kernel conv2d({{.*}} is not computed as it is tuned: its window has no such tiles, or its strips are not of 1 to all tiles

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}, nn.tuning = [
  {kernel = "matmul(10x7xf32, const 7x32xf32) -> 10x32xf32", form = "direct", panel = 1, rows = 5, block = 0},
  {kernel = "matmul(11x7xf32, const 7x24xf32) -> 11x24xf32", form = "direct", rows = 6},
  {kernel = "matmul(11x7xf32, const 7x32xf32) -> 11x32xf32", form = "direct", block = -1},
  {kernel = "matmul(5x7xf32, const 7x32xf32) -> 5x32xf32", form = "direct", panel = 9},
  {kernel = "matmul(9x9xf32, 9x9xf32) -> 9x9xf32", form = "direct", panel = 1},
  {kernel = "conv2d(1x27x35x64xf32, const 40x3x3x64xf32) -> 1x27x35x40xf32 {dilations = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 1, 1, 1>, strides = array<i64: 1, 1>}", form = "winograd", tile_h = 2, tile_w = 4, strip = 9},
  {kernel = "conv2d(1x27x35x64xf32, const 32x3x3x64xf32) -> 1x27x35x32xf32 {dilations = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 1, 1, 1>, strides = array<i64: 1, 1>}", form = "winograd", tile_h = 3}
]} {
// CHECK-LABEL: @takes_tiles_of_its_kernel
// CHECK: nn.packings = [unit, #nn.packing<"panels", [896, 1, 32, 7, 8, 8, 1]>], nn.tuned = {block = 0 : i64, form = "direct", panel = 1 : i64, rows = 5 : i64}
func.func @takes_tiles_of_its_kernel(%x: tensor<10x7xf32>) -> tensor<10x32xf32> {
  %w = nn.constant dense<1.0> : tensor<7x32xf32>
  %y = nn.kernel "k0" ins(%x, %w : tensor<10x7xf32>, tensor<7x32xf32>) {
  ^bb0(%0: tensor<10x7xf32>, %1: tensor<7x32xf32>):
    %r = nn.matmul %0, %1 : tensor<10x7xf32>, tensor<7x32xf32> -> tensor<10x32xf32>
    nn.yield %r : tensor<10x32xf32>
  } -> tensor<10x32xf32>
  return %y : tensor<10x32xf32>
}

// CHECK-LABEL: @keeps_what_registers_do_not_hold
// CHECK-NOT: nn.tuned
func.func @keeps_what_registers_do_not_hold(%x: tensor<11x7xf32>) -> tensor<11x24xf32> {
  %w = nn.constant dense<1.0> : tensor<7x24xf32>
  %y = nn.kernel "k1" ins(%x, %w : tensor<11x7xf32>, tensor<7x24xf32>) {
  ^bb0(%0: tensor<11x7xf32>, %1: tensor<7x24xf32>):
    %r = nn.matmul %0, %1 : tensor<11x7xf32>, tensor<7x24xf32> -> tensor<11x24xf32>
    nn.yield %r : tensor<11x24xf32>
  } -> tensor<11x24xf32>
  return %y : tensor<11x24xf32>
}

// CHECK-LABEL: @keeps_what_blocks_do_not_cut
// CHECK-NOT: nn.tuned
func.func @keeps_what_blocks_do_not_cut(%x: tensor<11x7xf32>) -> tensor<11x32xf32> {
  %w = nn.constant dense<1.0> : tensor<7x32xf32>
  %y = nn.kernel "k2" ins(%x, %w : tensor<11x7xf32>, tensor<7x32xf32>) {
  ^bb0(%0: tensor<11x7xf32>, %1: tensor<7x32xf32>):
    %r = nn.matmul %0, %1 : tensor<11x7xf32>, tensor<7x32xf32> -> tensor<11x32xf32>
    nn.yield %r : tensor<11x32xf32>
  } -> tensor<11x32xf32>
  return %y : tensor<11x32xf32>
}

// CHECK-LABEL: @keeps_what_is_too_wide
// CHECK-NOT: nn.tuned
func.func @keeps_what_is_too_wide(%x: tensor<5x7xf32>) -> tensor<5x32xf32> {
  %w = nn.constant dense<1.0> : tensor<7x32xf32>
  %y = nn.kernel "k3" ins(%x, %w : tensor<5x7xf32>, tensor<7x32xf32>) {
  ^bb0(%0: tensor<5x7xf32>, %1: tensor<7x32xf32>):
    %r = nn.matmul %0, %1 : tensor<5x7xf32>, tensor<7x32xf32> -> tensor<5x32xf32>
    nn.yield %r : tensor<5x32xf32>
  } -> tensor<5x32xf32>
  return %y : tensor<5x32xf32>
}

// CHECK-LABEL: @offers_the_tiles_and_strips_of_its_kernel
// CHECK: nn.forms = [{groups = 1 : i64, name = "winograd", {{.*}} strip = 9 : i64, tile = array<i64: 2, 4>}
func.func @offers_the_tiles_and_strips_of_its_kernel(%x: tensor<1x27x35x64xf32>) -> tensor<1x27x35x40xf32> {
  %w = nn.constant dense<1.0> : tensor<40x3x3x64xf32>
  %y = nn.kernel "k4" ins(%x, %w : tensor<1x27x35x64xf32>, tensor<40x3x3x64xf32>) {
  ^bb0(%0: tensor<1x27x35x64xf32>, %1: tensor<40x3x3x64xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x27x35x64xf32>, tensor<40x3x3x64xf32> -> tensor<1x27x35x40xf32>
    nn.yield %r : tensor<1x27x35x40xf32>
  } -> tensor<1x27x35x40xf32>
  return %y : tensor<1x27x35x40xf32>
}

// CHECK-LABEL: @keeps_what_windows_do_not_have
func.func @keeps_what_windows_do_not_have(%x: tensor<1x27x35x64xf32>) -> tensor<1x27x35x32xf32> {
  %w = nn.constant dense<1.0> : tensor<32x3x3x64xf32>
  %y = nn.kernel "k5" ins(%x, %w : tensor<1x27x35x64xf32>, tensor<32x3x3x64xf32>) {
  ^bb0(%0: tensor<1x27x35x64xf32>, %1: tensor<32x3x3x64xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x27x35x64xf32>, tensor<32x3x3x64xf32> -> tensor<1x27x35x32xf32>
    nn.yield %r : tensor<1x27x35x32xf32>
  } -> tensor<1x27x35x32xf32>
  return %y : tensor<1x27x35x32xf32>
}

// One warning for both.
func.func @keeps_another_one_of_the_same_kind(%x: tensor<1x27x35x64xf32>) -> tensor<1x27x35x32xf32> {
  %w = nn.constant dense<2.0> : tensor<32x3x3x64xf32>
  %y = nn.kernel "k6" ins(%x, %w : tensor<1x27x35x64xf32>, tensor<32x3x3x64xf32>) {
  ^bb0(%0: tensor<1x27x35x64xf32>, %1: tensor<32x3x3x64xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x27x35x64xf32>, tensor<32x3x3x64xf32> -> tensor<1x27x35x32xf32>
    nn.yield %r : tensor<1x27x35x32xf32>
  } -> tensor<1x27x35x32xf32>
  return %y : tensor<1x27x35x32xf32>
}
}
