// RUN: nncc-opt %s --nncc-pack-weights --split-input-file | FileCheck %s

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {

// 37 output channels: two panels of 16, and one of 8 for the last 5. 2 x 3 x 5 values of k: (16 + 16 + 8) * 30 * 4 bytes.
// CHECK-LABEL: @panels_of_a_filter
// CHECK: nn.packings = [unit, #nn.packing<"panels", [4800, 1, 37, 30, 16, 8, 0]>, #nn.packing<"pad", [160, 1, 37, 8]>]
func.func @panels_of_a_filter(%x: tensor<1x7x9x5xf32>) -> tensor<1x6x7x37xf32> {
  %w = nn.constant dense<1.0> : tensor<37x2x3x5xf32>
  %b = nn.constant dense<1.0> : tensor<37xf32>
  %y = nn.kernel "k" ins(%x, %w, %b : tensor<1x7x9x5xf32>, tensor<37x2x3x5xf32>, tensor<37xf32>) {
  ^bb0(%0: tensor<1x7x9x5xf32>, %1: tensor<37x2x3x5xf32>, %2: tensor<37xf32>):
    %r = nn.conv2d %0, %1 bias %2 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x7x9x5xf32>, tensor<37x2x3x5xf32>, tensor<37xf32> -> tensor<1x6x7x37xf32>
    nn.yield %r : tensor<1x6x7x37xf32>
  } -> tensor<1x6x7x37xf32>
  return %y : tensor<1x6x7x37xf32>
}

// Of no channels there is nothing to pack.
// CHECK-LABEL: @no_channels
// CHECK-NOT: nn.packings
// CHECK: return
func.func @no_channels(%x: tensor<1x7x9x0xi8>) -> tensor<1x6x7x37xi32> {
  %w = nn.constant dense<1> : tensor<37x2x3x0xi8>
  %y = nn.kernel "k" ins(%x, %w : tensor<1x7x9x0xi8>, tensor<37x2x3x0xi8>) {
  ^bb0(%0: tensor<1x7x9x0xi8>, %1: tensor<37x2x3x0xi8>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x7x9x0xi8>, tensor<37x2x3x0xi8> -> tensor<1x6x7x37xi32>
    nn.yield %r : tensor<1x6x7x37xi32>
  } -> tensor<1x6x7x37xi32>
  return %y : tensor<1x6x7x37xi32>
}

// One row is bound by reading weights: wide panels.
// CHECK-LABEL: @wide_panels_for_one_row
// CHECK: nn.packings = [unit, #nn.packing<"panels", {{\[}}52000, 1, 1000, 13, 64, 8, 1]>]
func.func @wide_panels_for_one_row(%x: tensor<1x13xf32>) -> tensor<1x1000xf32> {
  %w = nn.constant dense<1.0> : tensor<13x1000xf32>
  %y = nn.kernel "k" ins(%x, %w : tensor<1x13xf32>, tensor<13x1000xf32>) {
  ^bb0(%0: tensor<1x13xf32>, %1: tensor<13x1000xf32>):
    %r = nn.matmul %0, %1 : tensor<1x13xf32>, tensor<13x1000xf32> -> tensor<1x1000xf32>
    nn.yield %r : tensor<1x1000xf32>
  } -> tensor<1x1000xf32>
  return %y : tensor<1x1000xf32>
}

// Four bits: two vectors of a row share their bytes, so the last three of a panel take two (32 + 16 bytes for each k);
// a row of scales for each block of 4 values of k.
// CHECK-LABEL: @nibbles
// CHECK: nn.packings = [unit, #nn.packing<"nibbles", [240, 37, 10, 16, 8]>, #nn.packing<"panels", [480, 1, 37, 3, 16, 8, 1]>]
func.func @nibbles(%x: tensor<6x10xf32>) -> tensor<6x37xf32> {
  %w = nn.constant dense<1> : tensor<10x37xi8>
  %s = nn.constant dense<1.0> : tensor<3x37xf32>
  %y = nn.kernel "k" ins(%x, %w, %s : tensor<6x10xf32>, tensor<10x37xi8>, tensor<3x37xf32>) {
  ^bb0(%0: tensor<6x10xf32>, %1: tensor<10x37xi8>, %2: tensor<3x37xf32>):
    %r = nn.matmul_widened %0, %1 scale %2 block 4 bits 4 : tensor<6x10xf32>, tensor<10x37xi8> scale tensor<3x37xf32> -> tensor<6x37xf32>
    nn.yield %r : tensor<6x37xf32>
  } -> tensor<6x37xf32>
  return %y : tensor<6x37xf32>
}

// Filters of bytes that floats are multiplied by, of two groups: as they are stored.
// CHECK-LABEL: @widened_filter
// CHECK: nn.packings = [unit, #nn.packing<"panels", [1920, 2, 12, 60, 16, 8, 0]>]
func.func @widened_filter(%x: tensor<1x7x9x20xf32>) -> tensor<1x6x7x24xf32> {
  %w = nn.constant dense<1> : tensor<24x2x3x10xi8>
  %y = nn.kernel "k" ins(%x, %w : tensor<1x7x9x20xf32>, tensor<24x2x3x10xi8>) {
  ^bb0(%0: tensor<1x7x9x20xf32>, %1: tensor<24x2x3x10xi8>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 2 : tensor<1x7x9x20xf32>, tensor<24x2x3x10xi8> -> tensor<1x6x7x24xf32>
    nn.yield %r : tensor<1x6x7x24xf32>
  } -> tensor<1x6x7x24xf32>
  return %y : tensor<1x6x7x24xf32>
}

// A filter that is not constant is packed by its kernel, into as much memory; the constant bias is packed now.
// CHECK-LABEL: @scratch_for_a_filter
// CHECK: nn.packings = [unit, unit, #nn.packing<"pad", [160, 1, 37, 8]>]
// CHECK-SAME: nn.scratch_bytes = 4800
func.func @scratch_for_a_filter(%x: tensor<1x7x9x5xf32>, %w: tensor<37x2x3x5xf32>) -> tensor<1x6x7x37xf32> {
  %b = nn.constant dense<1.0> : tensor<37xf32>
  %y = nn.kernel "k" ins(%x, %w, %b : tensor<1x7x9x5xf32>, tensor<37x2x3x5xf32>, tensor<37xf32>) {
  ^bb0(%0: tensor<1x7x9x5xf32>, %1: tensor<37x2x3x5xf32>, %2: tensor<37xf32>):
    %r = nn.conv2d %0, %1 bias %2 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x7x9x5xf32>, tensor<37x2x3x5xf32>, tensor<37xf32> -> tensor<1x6x7x37xf32>
    nn.yield %r : tensor<1x6x7x37xf32>
  } -> tensor<1x6x7x37xf32>
  return %y : tensor<1x6x7x37xf32>
}

// What is not constant is read as it lies.
// CHECK-LABEL: @activations_stay
// CHECK-NOT: nn.packings
func.func @activations_stay(%x: tensor<4x13xf32>, %w: tensor<13x7xf32>) -> tensor<4x7xf32> {
  %y = nn.kernel "k" ins(%x, %w : tensor<4x13xf32>, tensor<13x7xf32>) {
  ^bb0(%0: tensor<4x13xf32>, %1: tensor<13x7xf32>):
    %r = nn.matmul %0, %1 : tensor<4x13xf32>, tensor<13x7xf32> -> tensor<4x7xf32>
    nn.yield %r : tensor<4x7xf32>
  } -> tensor<4x7xf32>
  return %y : tensor<4x7xf32>
}

// Nearly every sample of a signal sees other taps of a window as long: such a filter is left to loops, as it is.
// CHECK-LABEL: @window_as_long_as_the_signal
// CHECK: nn.kernel "k"
// CHECK-NOT: nn.packings
// CHECK: return
func.func @window_as_long_as_the_signal(%x: tensor<1x1x2000x3xf32>) -> tensor<1x1x2000x2xf32> {
  %w = nn.constant dense<1.0> : tensor<2x1x2049x3xf32>
  %y = nn.kernel "k" ins(%x, %w : tensor<1x1x2000x3xf32>, tensor<2x1x2049x3xf32>) {
  ^bb0(%0: tensor<1x1x2000x3xf32>, %1: tensor<2x1x2049x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 1024, 0, 1024] dilations [1, 1] groups 1 : tensor<1x1x2000x3xf32>, tensor<2x1x2049x3xf32> -> tensor<1x1x2000x2xf32>
    nn.yield %r : tensor<1x1x2000x2xf32>
  } -> tensor<1x1x2000x2xf32>
  return %y : tensor<1x1x2000x2xf32>
}

}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144, dots = [<instruction = "llvm.x86.avx2.pmadd.wd", bits = 256, group = 2, lhs = i16, rhs = i16, adds = false, rows = 1>]>}} {

// Bytes in pairs: the 5 channels of each of 6 taps are filled up to 6, below the sums of 4 sets of taps: of the corner, of
// the first row, of the first column, of all others. (16 + 16 + 8) * (6 * 6 + 4 * 4) bytes.
// CHECK-LABEL: @panels_of_bytes
// CHECK: nn.packings = [unit, #nn.packing<"bytes", [2080, 1, 37, 30, 16, 8, 0, 2, 5, 3, 1, 1, 1, 1, 1, 2, 1, 1, 1, 0, 1, 3, 0, 1, 2, 1, 1, 2, 0, 1, 2, 0, 1, 3]>, unit, unit]
func.func @panels_of_bytes(%x: tensor<1x7x9x5xui8>) -> tensor<1x7x8x37xi32> {
  %w = nn.constant dense<1> : tensor<37x2x3x5xi8>
  %zx = nn.constant dense<7> : tensor<1xui8>
  %zw = nn.constant dense<0> : tensor<1xi8>
  %y = nn.kernel "k" ins(%x, %w, %zx, %zw : tensor<1x7x9x5xui8>, tensor<37x2x3x5xi8>, tensor<1xui8>, tensor<1xi8>) {
  ^bb0(%0: tensor<1x7x9x5xui8>, %1: tensor<37x2x3x5xi8>, %2: tensor<1xui8>, %3: tensor<1xi8>):
    %r = nn.conv2d %0, %1 zero_points (%2, %3) strides [1, 1] pads [1, 1, 0, 0] dilations [1, 1] groups 1 : tensor<1x7x9x5xui8>, tensor<37x2x3x5xi8> zero_points (tensor<1xui8>, tensor<1xi8>) -> tensor<1x7x8x37xi32>
    nn.yield %r : tensor<1x7x8x37xi32>
  } -> tensor<1x7x8x37xi32>
  return %y : tensor<1x7x8x37xi32>
}

// A window that sweeps has all its taps everywhere: one row of sums above 9 rows of taps. 16 * (4 + 9) bytes.
// CHECK-LABEL: @bytes_that_stay_apart
// CHECK: nn.packings = [unit, #nn.packing<"bytes", [208, 1, 11, 9, 8, 8, 0, 1, 1, 3, 0, 1, 3, 0, 1, 3]>, unit, unit]
func.func @bytes_that_stay_apart(%x: tensor<1x7x9x11xui8>) -> tensor<1x7x9x11xi32> {
  %w = nn.constant dense<1> : tensor<11x3x3x1xi8>
  %zx = nn.constant dense<7> : tensor<1xui8>
  %zw = nn.constant dense<0> : tensor<1xi8>
  %y = nn.kernel "k" ins(%x, %w, %zx, %zw : tensor<1x7x9x11xui8>, tensor<11x3x3x1xi8>, tensor<1xui8>, tensor<1xi8>) {
  ^bb0(%0: tensor<1x7x9x11xui8>, %1: tensor<11x3x3x1xi8>, %2: tensor<1xui8>, %3: tensor<1xi8>):
    %r = nn.conv2d %0, %1 zero_points (%2, %3) strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 11 : tensor<1x7x9x11xui8>, tensor<11x3x3x1xi8> zero_points (tensor<1xui8>, tensor<1xi8>) -> tensor<1x7x9x11xi32>
    nn.yield %r : tensor<1x7x9x11xi32>
  } -> tensor<1x7x9x11xi32>
  return %y : tensor<1x7x9x11xi32>
}

// Zero points of weights are no business of instructions: loops multiply these.
// CHECK-LABEL: @weights_with_a_zero_point
// CHECK-NOT: nn.packings
func.func @weights_with_a_zero_point(%x: tensor<4x13xui8>) -> tensor<4x7xi32> {
  %w = nn.constant dense<1> : tensor<13x7xi8>
  %zx = nn.constant dense<0> : tensor<1x1xui8>
  %zw = nn.constant dense<5> : tensor<1x1xi8>
  %y = nn.kernel "k" ins(%x, %w, %zx, %zw : tensor<4x13xui8>, tensor<13x7xi8>, tensor<1x1xui8>, tensor<1x1xi8>) {
  ^bb0(%0: tensor<4x13xui8>, %1: tensor<13x7xi8>, %2: tensor<1x1xui8>, %3: tensor<1x1xi8>):
    %r = nn.matmul %0, %1 zero_points (%2, %3) : tensor<4x13xui8>, tensor<13x7xi8> zero_points (tensor<1x1xui8>, tensor<1x1xi8>) -> tensor<4x7xi32>
    nn.yield %r : tensor<4x7xi32>
  } -> tensor<4x7xi32>
  return %y : tensor<4x7xi32>
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144, dots = [<instruction = "llvm.x86.avx2.pmadd.ub.sw", bits = 256, group = 4, lhs = ui8, rhs = i8, adds = false, rows = 1, wordSum = "llvm.x86.avx2.pmadd.wd", shuffle = "llvm.x86.ssse3.pshuf.b.128">, <instruction = "llvm.x86.avx2.pmadd.wd", bits = 256, group = 2, lhs = i16, rhs = i16, adds = false, rows = 1>]>}} {

// Two weights of 64 are a pair that fits a word: 24 rows of each panel, and a table of two blocks of 16 places; no
// spares. A column has 24 + 2 bytes, or 24 + 4 in the panel of 8: whole groups are 28.
// CHECK-LABEL: @bytes_in_an_order
// CHECK: nn.conv2d {{.*}}nn.ordered = array<i32: 0, 0, 0>
// CHECK: nn.packings = [unit, #nn.packing<"ordered_bytes", [1120, 1, 37, 22, 16, 8, 0, 4, 22, 1, 0]>]
func.func @bytes_in_an_order(%x: tensor<1x7x9x22xui8>) -> tensor<1x7x9x37xi32> {
  %w = nn.constant dense<64> : tensor<37x1x1x22xi8>
  %y = nn.kernel "k" ins(%x, %w : tensor<1x7x9x22xui8>, tensor<37x1x1x22xi8>) {
  ^bb0(%0: tensor<1x7x9x22xui8>, %1: tensor<37x1x1x22xi8>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x7x9x22xui8>, tensor<37x1x1x22xi8> -> tensor<1x7x9x37xi32>
    nn.yield %r : tensor<1x7x9x37xi32>
  } -> tensor<1x7x9x37xi32>
  return %y : tensor<1x7x9x37xi32>
}

// Fifteen values of a line of taps have an order each: five times sixteen rows, then as many bytes for each line. A column
// has the sums of all taps, too: 4 + 80 + 5 bytes, which are whole groups in 92.
// CHECK-LABEL: @lines_in_an_order
// CHECK: nn.conv2d {{.*}}nn.ordered = array<i32: 0>
// CHECK: nn.packings = [unit, #nn.packing<"ordered_bytes", [1472, 1, 16, 75, 16, 8, 0, 4, 3, 5, 0, 0, 1, 5, 0, 1, 5]>, unit, unit]
func.func @lines_in_an_order(%x: tensor<1x8x8x3xui8>) -> tensor<1x4x4x16xi32> {
  %w = nn.constant dense<64> : tensor<16x5x5x3xi8>
  %z = nn.constant dense<7> : tensor<1xui8>
  %zw = nn.constant dense<0> : tensor<16xi8>
  %p = nn.kernel "p" ins(%x : tensor<1x8x8x3xui8>) {
  ^bb0(%0: tensor<1x8x8x3xui8>):
    %r = nn.pad constant %0 low [0, 2, 2, 0] high [0, 1, 1, 0] {value = 7 : i64} : tensor<1x8x8x3xui8> -> tensor<1x11x11x3xui8>
    nn.yield %r : tensor<1x11x11x3xui8>
  } -> tensor<1x11x11x3xui8>
  %y = nn.kernel "k" ins(%p, %w, %z, %zw : tensor<1x11x11x3xui8>, tensor<16x5x5x3xi8>, tensor<1xui8>, tensor<16xi8>) {
  ^bb0(%0: tensor<1x11x11x3xui8>, %1: tensor<16x5x5x3xi8>, %2: tensor<1xui8>, %3: tensor<16xi8>):
    %r = nn.conv2d %0, %1 zero_points(%2, %3) strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x11x11x3xui8>, tensor<16x5x5x3xi8> zero_points(tensor<1xui8>, tensor<16xi8>) -> tensor<1x4x4x16xi32>
    nn.yield %r : tensor<1x4x4x16xi32>
  } -> tensor<1x4x4x16xi32>
  return %y : tensor<1x4x4x16xi32>
}

// What a zero point takes from all sums is in the bias: 22 weights of 64 times 7, less 10000. No sums are packed.
// CHECK-LABEL: @zero_in_bias
// CHECK: %[[BIAS:.*]] = nn.constant dense<144> : tensor<37xi32>
// CHECK: ins(%{{.*}}, %{{.*}}, %[[BIAS]], %{{.*}}, %{{.*}} :
// CHECK: nn.conv2d {{.*}}nn.zero_in_bias
// CHECK: #nn.packing<"ordered_bytes", [1120, 1, 37, 22, 16, 8, 0, 4, 22, 1, 0]>
func.func @zero_in_bias(%x: tensor<1x7x9x22xui8>) -> tensor<1x7x9x37xi32> {
  %w = nn.constant dense<64> : tensor<37x1x1x22xi8>
  %b = nn.constant dense<10000> : tensor<37xi32>
  %z = nn.constant dense<7> : tensor<1xui8>
  %zw = nn.constant dense<0> : tensor<37xi8>
  %y = nn.kernel "k" ins(%x, %w, %b, %z, %zw : tensor<1x7x9x22xui8>, tensor<37x1x1x22xi8>, tensor<37xi32>, tensor<1xui8>, tensor<37xi8>) {
  ^bb0(%0: tensor<1x7x9x22xui8>, %1: tensor<37x1x1x22xi8>, %2: tensor<37xi32>, %3: tensor<1xui8>, %4: tensor<37xi8>):
    %r = nn.conv2d %0, %1 bias %2 zero_points(%3, %4) strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x7x9x22xui8>, tensor<37x1x1x22xi8>, tensor<37xi32> zero_points(tensor<1xui8>, tensor<37xi8>) -> tensor<1x7x9x37xi32>
    nn.yield %r : tensor<1x7x9x37xi32>
  } -> tensor<1x7x9x37xi32>
  return %y : tensor<1x7x9x37xi32>
}

// The only line of results reads padding alone: its sums have no tap, nor anything too much.
// CHECK-LABEL: @zero_without_taps
// CHECK: nn.constant dense<10000> : tensor<37xi32>
// CHECK-NOT: nn.zero_in_bias
// CHECK: #nn.packing<"ordered_bytes", [{{[0-9]+}}, 1, 37, 22, 16, 8, 0, 4, 22, 1, 0, 0, 0, 0, 0, 0, 0]>
func.func @zero_without_taps(%x: tensor<1x1x9x22xui8>) -> tensor<1x1x9x37xi32> {
  %w = nn.constant dense<64> : tensor<37x1x1x22xi8>
  %b = nn.constant dense<10000> : tensor<37xi32>
  %z = nn.constant dense<7> : tensor<1xui8>
  %zw = nn.constant dense<0> : tensor<37xi8>
  %y = nn.kernel "k" ins(%x, %w, %b, %z, %zw : tensor<1x1x9x22xui8>, tensor<37x1x1x22xi8>, tensor<37xi32>, tensor<1xui8>, tensor<37xi8>) {
  ^bb0(%0: tensor<1x1x9x22xui8>, %1: tensor<37x1x1x22xi8>, %2: tensor<37xi32>, %3: tensor<1xui8>, %4: tensor<37xi8>):
    %r = nn.conv2d %0, %1 bias %2 zero_points(%3, %4) strides [2, 1] pads [1, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x1x9x22xui8>, tensor<37x1x1x22xi8>, tensor<37xi32> zero_points(tensor<1xui8>, tensor<37xi8>) -> tensor<1x1x9x37xi32>
    nn.yield %r : tensor<1x1x9x37xi32>
  } -> tensor<1x1x9x37xi32>
  return %y : tensor<1x1x9x37xi32>
}

// Two of 65 are none.
// CHECK-LABEL: @bytes_without_an_order
// CHECK-NOT: nn.ordered
// CHECK: #nn.packing<"bytes", [880, 1, 37, 22, 16, 8, 0, 2, 22, 1]>
func.func @bytes_without_an_order(%x: tensor<1x7x9x22xui8>) -> tensor<1x7x9x37xi32> {
  %w = nn.constant dense<65> : tensor<37x1x1x22xi8>
  %y = nn.kernel "k" ins(%x, %w : tensor<1x7x9x22xui8>, tensor<37x1x1x22xi8>) {
  ^bb0(%0: tensor<1x7x9x22xui8>, %1: tensor<37x1x1x22xi8>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x7x9x22xui8>, tensor<37x1x1x22xi8> -> tensor<1x7x9x37xi32>
    nn.yield %r : tensor<1x7x9x37xi32>
  } -> tensor<1x7x9x37xi32>
  return %y : tensor<1x7x9x37xi32>
}

// Tiles in an order have five rows of two vectors; of those that were tuned to have six, words are multiplied.
// CHECK-LABEL: @bytes_of_five_rows
// CHECK: nn.ordered
func.func @bytes_of_five_rows(%x: tensor<32x64xui8>) -> tensor<32x16xi32> {
  %w = nn.constant dense<1> : tensor<64x16xi8>
  %y = nn.kernel "k" ins(%x, %w : tensor<32x64xui8>, tensor<64x16xi8>) {
  ^bb0(%0: tensor<32x64xui8>, %1: tensor<64x16xi8>):
    %r = nn.matmul %0, %1 : tensor<32x64xui8>, tensor<64x16xi8> -> tensor<32x16xi32>
    nn.yield %r : tensor<32x16xi32>
  } -> tensor<32x16xi32> attributes {nn.tuned = {form = "direct", panel = 2, rows = 5}}
  return %y : tensor<32x16xi32>
}

// CHECK-LABEL: @bytes_of_six_rows
// CHECK-NOT: nn.ordered
// CHECK: #nn.packing<"bytes", [1024, 1, 16, 64, 16, 8, 1, 2, 64, 1]>
func.func @bytes_of_six_rows(%x: tensor<32x64xui8>) -> tensor<32x16xi32> {
  %w = nn.constant dense<1> : tensor<64x16xi8>
  %y = nn.kernel "k" ins(%x, %w : tensor<32x64xui8>, tensor<64x16xi8>) {
  ^bb0(%0: tensor<32x64xui8>, %1: tensor<64x16xi8>):
    %r = nn.matmul %0, %1 : tensor<32x64xui8>, tensor<64x16xi8> -> tensor<32x16xi32>
    nn.yield %r : tensor<32x16xi32>
  } -> tensor<32x16xi32> attributes {nn.tuned = {form = "direct", panel = 2, rows = 6}}
  return %y : tensor<32x16xi32>
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, fma_lane = true, l1_bytes = 32768, l2_bytes = 262144>}} {

// Lanes of A are factors: of tiles of 5 x 4 and 7 x 3 vectors most instructions are multiply-adds. 3 x 2 vectors leave no
// narrower panel: 2 * 12 * 5 * 4 bytes.
// CHECK-LABEL: @three_vectors_by_lane
// CHECK: #nn.packing<"panels", [480, 1, 22, 5, 12, 4, 1]>
func.func @three_vectors_by_lane(%x: tensor<49x5xf32>) -> tensor<49x22xf32> {
  %w = nn.constant dense<1.0> : tensor<5x22xf32>
  %y = nn.kernel "k" ins(%x, %w : tensor<49x5xf32>, tensor<5x22xf32>) {
  ^bb0(%0: tensor<49x5xf32>, %1: tensor<5x22xf32>):
    %r = nn.matmul %0, %1 : tensor<49x5xf32>, tensor<5x22xf32> -> tensor<49x22xf32>
    nn.yield %r : tensor<49x22xf32>
  } -> tensor<49x22xf32>
  return %y : tensor<49x22xf32>
}

// One panel of 4 vectors beats 3 and 1.
// CHECK-LABEL: @four_vectors_by_lane
// CHECK: #nn.packing<"panels", [320, 1, 16, 5, 16, 4, 1]>
func.func @four_vectors_by_lane(%x: tensor<50x5xf32>) -> tensor<50x16xf32> {
  %w = nn.constant dense<1.0> : tensor<5x16xf32>
  %y = nn.kernel "k" ins(%x, %w : tensor<50x5xf32>, tensor<5x16xf32>) {
  ^bb0(%0: tensor<50x5xf32>, %1: tensor<5x16xf32>):
    %r = nn.matmul %0, %1 : tensor<50x5xf32>, tensor<5x16xf32> -> tensor<50x16xf32>
    nn.yield %r : tensor<50x16xf32>
  } -> tensor<50x16xf32>
  return %y : tensor<50x16xf32>
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {

// CHECK-LABEL: @groups_without_outputs
// CHECK-NOT: nn.packings
func.func @groups_without_outputs(%x: tensor<1x5x7x12xf32>, %w: tensor<0x1x1x4xf32>) -> tensor<1x5x7x0xf32> {
  %y = nn.kernel "k" ins(%x, %w : tensor<1x5x7x12xf32>, tensor<0x1x1x4xf32>) {
  ^bb0(%0: tensor<1x5x7x12xf32>, %1: tensor<0x1x1x4xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 3 : tensor<1x5x7x12xf32>, tensor<0x1x1x4xf32> -> tensor<1x5x7x0xf32>
    nn.yield %r : tensor<1x5x7x0xf32>
  } -> tensor<1x5x7x0xf32>
  return %y : tensor<1x5x7x0xf32>
}

}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, fma_lane = true, l1_bytes = 32768, l2_bytes = 131072, dots = [<instruction = "llvm.aarch64.neon.saddlp", bits = 128, group = 16, lhs = i8, rhs = i8, adds = false, rows = 1>]>}} {

// Products of bytes that are summed in words: 17 values of k fill two groups of 16, 24 columns are two panels of three
// vectors.
// CHECK-LABEL: @in_words
// CHECK: nn.matmul {{.*}} {nn.fits_words}
// CHECK: nn.packings = [unit, #nn.packing<"bytes", [768, 1, 24, 17, 12, 4, 1, 16, 17, 1]>]
func.func @in_words(%x: tensor<5x17xi8>) -> tensor<5x24xi32> {
  %w = nn.constant dense<-127> : tensor<17x24xi8>
  %y = nn.kernel "k" ins(%x, %w : tensor<5x17xi8>, tensor<17x24xi8>) {
  ^bb0(%0: tensor<5x17xi8>, %1: tensor<17x24xi8>):
    %r = nn.matmul %0, %1 : tensor<5x17xi8>, tensor<17x24xi8> -> tensor<5x24xi32>
    nn.yield %r : tensor<5x24xi32>
  } -> tensor<5x24xi32>
  return %y : tensor<5x24xi32>
}

// Two products of -128 do not fit a word.
// CHECK-LABEL: @too_large
// CHECK-NOT: nn.fits_words
// CHECK: nn.packings = [unit, #nn.packing<"bytes", [408, 1, 24, 17, 8, 4, 1, 1, 17, 1]>]
func.func @too_large(%x: tensor<5x17xi8>) -> tensor<5x24xi32> {
  %w = nn.constant dense<-128> : tensor<17x24xi8>
  %y = nn.kernel "k" ins(%x, %w : tensor<5x17xi8>, tensor<17x24xi8>) {
  ^bb0(%0: tensor<5x17xi8>, %1: tensor<17x24xi8>):
    %r = nn.matmul %0, %1 : tensor<5x17xi8>, tensor<17x24xi8> -> tensor<5x24xi32>
    nn.yield %r : tensor<5x24xi32>
  } -> tensor<5x24xi32>
  return %y : tensor<5x24xi32>
}

// Of 15 values of k one group would be zeros for a part, and the instructions as many.
// CHECK-LABEL: @too_short
// CHECK: nn.packings = [unit, #nn.packing<"bytes", [360, 1, 24, 15, 8, 4, 1, 1, 15, 1]>]
func.func @too_short(%x: tensor<5x15xi8>) -> tensor<5x24xi32> {
  %w = nn.constant dense<1> : tensor<15x24xi8>
  %y = nn.kernel "k" ins(%x, %w : tensor<5x15xi8>, tensor<15x24xi8>) {
  ^bb0(%0: tensor<5x15xi8>, %1: tensor<15x24xi8>):
    %r = nn.matmul %0, %1 : tensor<5x15xi8>, tensor<15x24xi8> -> tensor<5x24xi32>
    nn.yield %r : tensor<5x24xi32>
  } -> tensor<5x24xi32>
  return %y : tensor<5x24xi32>
}

}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, fma_lane = true, l1_bytes = 32768, l2_bytes = 131072, dots = [<instruction = "llvm.aarch64.neon.smmla", bits = 128, group = 8, lhs = i8, rhs = i8, adds = true, rows = 2>, <instruction = "llvm.aarch64.neon.sdot", bits = 128, group = 4, lhs = i8, rhs = i8, adds = true, rows = 1>]>}} {

// Four channels would be half a group of eight of a product of matrices.
// CHECK-LABEL: @half_groups
// CHECK: nn.packings = [unit, #nn.packing<"bytes", [192, 1, 8, 24, 8, 4, 0, 4, 4, 3]>]
func.func @half_groups(%x: tensor<1x7x9x4xi8>) -> tensor<1x6x7x8xi32> {
  %w = nn.constant dense<1> : tensor<8x2x3x4xi8>
  %y = nn.kernel "k" ins(%x, %w : tensor<1x7x9x4xi8>, tensor<8x2x3x4xi8>) {
  ^bb0(%0: tensor<1x7x9x4xi8>, %1: tensor<8x2x3x4xi8>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x7x9x4xi8>, tensor<8x2x3x4xi8> -> tensor<1x6x7x8xi32>
    nn.yield %r : tensor<1x6x7x8xi32>
  } -> tensor<1x6x7x8xi32>
  return %y : tensor<1x6x7x8xi32>
}

}
