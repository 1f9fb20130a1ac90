// RUN: nncc-opt %s --nncc-choose-small-tiles --nncc-pack-weights | FileCheck %s

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
// Two vectors, of whose tiles registers hold 6 rows: with 5, neither product has a rest.
// CHECK-LABEL: @products_share_a_tile
// CHECK: nn.kernel "four_vectors"
// CHECK: #nn.packing<"panels", [896, 1, 32, 7, 16, 8, 1]>], nn.tuned = {form = "direct", panel = 2 : i64, rows = 5 : i64}
// CHECK: nn.kernel "five_vectors"
// CHECK: nn.tuned = {form = "direct", panel = 2 : i64, rows = 5 : i64}
func.func @products_share_a_tile(%x: tensor<10x7xf32>, %z: tensor<25x7xf32>) -> (tensor<10x32xf32>, tensor<25x40xf32>) {
  %v = nn.constant dense<1.0> : tensor<7x32xf32>
  %w = nn.constant dense<1.0> : tensor<7x40xf32>
  %y = nn.kernel "four_vectors" ins(%x, %v : tensor<10x7xf32>, tensor<7x32xf32>) {
  ^bb0(%0: tensor<10x7xf32>, %1: tensor<7x32xf32>):
    %r = nn.matmul %0, %1 : tensor<10x7xf32>, tensor<7x32xf32> -> tensor<10x32xf32>
    nn.yield %r : tensor<10x32xf32>
  } -> tensor<10x32xf32>
  %u = nn.kernel "five_vectors" ins(%z, %w : tensor<25x7xf32>, tensor<7x40xf32>) {
  ^bb0(%0: tensor<25x7xf32>, %1: tensor<7x40xf32>):
    %r = nn.matmul %0, %1 : tensor<25x7xf32>, tensor<7x40xf32> -> tensor<25x40xf32>
    nn.yield %r : tensor<25x40xf32>
  } -> tensor<25x40xf32>
  return %y, %u : tensor<10x32xf32>, tensor<25x40xf32>
}

// CHECK-LABEL: @three_vectors_are_one_panel
// CHECK: nn.tuned = {form = "direct", panel = 3 : i64, rows = 4 : i64}
func.func @three_vectors_are_one_panel(%x: tensor<11x7xf32>) -> tensor<11x24xf32> {
  %w = nn.constant dense<1.0> : tensor<7x24xf32>
  %y = nn.kernel "k1" ins(%x, %w : tensor<11x7xf32>, tensor<7x24xf32>) {
  ^bb0(%0: tensor<11x7xf32>, %1: tensor<7x24xf32>):
    %r = nn.matmul %0, %1 : tensor<11x7xf32>, tensor<7x24xf32> -> tensor<11x24xf32>
    nn.yield %r : tensor<11x24xf32>
  } -> tensor<11x24xf32>
  return %y : tensor<11x24xf32>
}

// One row waits for weights.
// CHECK-LABEL: @few_rows_keep_wide_panels
// CHECK-NOT: nn.tuned
func.func @few_rows_keep_wide_panels(%x: tensor<1x7xf32>) -> tensor<1x32xf32> {
  %w = nn.constant dense<1.0> : tensor<7x32xf32>
  %y = nn.kernel "k2" ins(%x, %w : tensor<1x7xf32>, tensor<7x32xf32>) {
  ^bb0(%0: tensor<1x7xf32>, %1: tensor<7x32xf32>):
    %r = nn.matmul %0, %1 : tensor<1x7xf32>, tensor<7x32xf32> -> tensor<1x32xf32>
    nn.yield %r : tensor<1x32xf32>
  } -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @keeps_what_is_tuned
// CHECK: nn.tuned = {form = "direct", panel = 4 : i64}
func.func @keeps_what_is_tuned(%x: tensor<10x7xf32>) -> tensor<10x32xf32> {
  %w = nn.constant dense<1.0> : tensor<7x32xf32>
  %y = nn.kernel "k3" ins(%x, %w : tensor<10x7xf32>, tensor<7x32xf32>) {
  ^bb0(%0: tensor<10x7xf32>, %1: tensor<7x32xf32>):
    %r = nn.matmul %0, %1 : tensor<10x7xf32>, tensor<7x32xf32> -> tensor<10x32xf32>
    nn.yield %r : tensor<10x32xf32>
  } -> tensor<10x32xf32> attributes {nn.tuned = {form = "direct", panel = 4}}
  return %y : tensor<10x32xf32>
}

// Little code has no Winograd's form.
// CHECK-LABEL: @makes_tiles_of_what_is_tuned_to_another_form
// CHECK: nn.tuned = {form = "direct", panel = 2 : i64, rows = 5 : i64}
func.func @makes_tiles_of_what_is_tuned_to_another_form(%x: tensor<1x5x10x7xf32>) -> tensor<1x5x10x32xf32> {
  %w = nn.constant dense<1.0> : tensor<32x3x3x7xf32>
  %y = nn.kernel "k4" ins(%x, %w : tensor<1x5x10x7xf32>, tensor<32x3x3x7xf32>) {
  ^bb0(%0: tensor<1x5x10x7xf32>, %1: tensor<32x3x3x7xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x5x10x7xf32>, tensor<32x3x3x7xf32> -> tensor<1x5x10x32xf32>
    nn.yield %r : tensor<1x5x10x32xf32>
  } -> tensor<1x5x10x32xf32> attributes {nn.tuned = {form = "winograd", tile_h = 4, tile_w = 4}}
  return %y : tensor<1x5x10x32xf32>
}
}
