// RUN: nncc-opt %s --split-input-file --nncc-pack-weights --nncc-choose-forms | FileCheck %s
// RUN: nncc-opt %s --split-input-file --nncc-pack-weights --nncc-choose-forms=form=direct | FileCheck %s --check-prefix=DIRECT
// RUN: nncc-opt %s --split-input-file --nncc-pack-weights --nncc-choose-forms="form=winograd" | FileCheck %s --check-prefix=ASKED
// RUN: nncc-opt %s --split-input-file --nncc-pack-weights --nncc-choose-forms="form=winograd saves-code" | FileCheck %s --check-prefix=LITTLE
// RUN: not nncc-opt %s --split-input-file --nncc-pack-weights --nncc-choose-forms="kernels=narrow:winograd,k7:direct" 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not nncc-opt %s --split-input-file --nncc-pack-weights --nncc-choose-forms="kernels=stride:winograd" 2>&1 | FileCheck %s --check-prefix=UNFIT
// RUN: not nncc-opt %s --split-input-file --nncc-pack-weights --nncc-choose-forms="form=fft" 2>&1 | FileCheck %s --check-prefix=WORD

// UNKNOWN: error: a form is asked for kernel 'k7', but there is none
// UNKNOWN: note: the kernels are wide, few_pixels, narrow
// UNFIT: error: kernel 'stride' cannot run in Winograd's form: its strides are not all 1
// WORD: error: 'fft' is no form of a kernel: auto, winograd, direct
// DIRECT-NOT: nn.form

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
// 7 x 9 tiles of 4x4 pixels, 36 planes with 64 x 40 weights each. The most room is that for four strips, the least that
// for a few rows; the last form needs none. Strips serve threads better than three panels of channels.
// CHECK-LABEL: @offers_forms_from_much_room_to_none
// CHECK: nn.kernel "wide"
// CHECK: nn.forms = [{groups = 1 : i64, name = "winograd", packings = [unit, #nn.packing<"winograd", [368640, 4, 4, 40, 64, 16, 8, 1]>, #nn.packing<"pad", {{.*}}>], scratch_bytes = {{[0-9]+}} : i64, slots = 4 : i64, strip = 16 : i64, tile = array<i64: 4, 4>},
// CHECK-SAME: slots = 2 : i64, strip = 16
// CHECK-SAME: slots = 1 : i64, strip = 16
// CHECK-SAME: slots = 4 : i64, strip = 8
// CHECK-SAME: slots = 2 : i64, strip = 8
// CHECK-SAME: slots = 1 : i64, strip = 8
// CHECK-SAME: {name = "direct", packings = [unit, #nn.packing<"panels", {{.*}}>, #nn.packing<"pad", {{.*}}>]}]
// CHECK-SAME: nn.packings = [unit, #nn.packing<"panels"
// ASKED: nn.kernel "wide"
// ASKED: nn.form = {groups = 1 : i64, name = "winograd", scratch_bytes = [[BYTES:[0-9]+]] : i64,
// ASKED-SAME: nn.packings = [unit, #nn.packing<"winograd"
// ASKED-SAME: nn.scratch_bytes = [[BYTES]]
func.func @offers_forms_from_much_room_to_none(%x: tensor<1x27x35x64xf32>) -> tensor<1x27x35x40xf32> {
  %w = nn.constant dense<1.0> : tensor<40x3x3x64xf32>
  %b = nn.constant dense<1.0> : tensor<40xf32>
  %y = nn.kernel "wide" ins(%x, %w, %b : tensor<1x27x35x64xf32>, tensor<40x3x3x64xf32>, tensor<40xf32>) {
  ^bb0(%0: tensor<1x27x35x64xf32>, %1: tensor<40x3x3x64xf32>, %2: tensor<40xf32>):
    %r = nn.conv2d %0, %1 bias %2 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x27x35x64xf32>, tensor<40x3x3x64xf32>, tensor<40xf32> -> tensor<1x27x35x40xf32>
    nn.yield %r : tensor<1x27x35x40xf32>
  } -> tensor<1x27x35x40xf32>
  return %y : tensor<1x27x35x40xf32>
}

// One strip is all: threads share out groups of whole panels.
// CHECK-LABEL: @offers_groups_of_channels
// CHECK: nn.kernel "few_pixels"
// CHECK: nn.forms = [{groups = 4 : i64, name = "winograd", packings = [unit, #nn.packing<"winograd", [589824, 4, 4, 64, 64, 16, 8, 4]>], scratch_bytes = {{[0-9]+}} : i64, slots = 1 : i64, strip = 12 : i64,
// CHECK-SAME: {groups = 2 : i64
// CHECK-SAME: {groups = 1 : i64
func.func @offers_groups_of_channels(%x: tensor<1x11x15x64xf32>) -> tensor<1x11x15x64xf32> {
  %w = nn.constant dense<1.0> : tensor<64x3x3x64xf32>
  %y = nn.kernel "few_pixels" ins(%x, %w : tensor<1x11x15x64xf32>, tensor<64x3x3x64xf32>) {
  ^bb0(%0: tensor<1x11x15x64xf32>, %1: tensor<64x3x3x64xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x11x15x64xf32>, tensor<64x3x3x64xf32> -> tensor<1x11x15x64xf32>
    nn.yield %r : tensor<1x11x15x64xf32>
  } -> tensor<1x11x15x64xf32>
  return %y : tensor<1x11x15x64xf32>
}

// Three channels are sums so short that the transforms cost more than they save.
// CHECK-LABEL: @keeps_narrow_layers_direct
// CHECK-NOT: nn.form
// ASKED: nn.kernel "narrow"
// ASKED: nn.form = {groups = 1 : i64, name = "winograd"
func.func @keeps_narrow_layers_direct(%x: tensor<1x27x35x3xf32>) -> tensor<1x27x35x8xf32> {
  %w = nn.constant dense<1.0> : tensor<8x3x3x3xf32>
  %y = nn.kernel "narrow" ins(%x, %w : tensor<1x27x35x3xf32>, tensor<8x3x3x3xf32>) {
  ^bb0(%0: tensor<1x27x35x3xf32>, %1: tensor<8x3x3x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x27x35x3xf32>, tensor<8x3x3x3xf32> -> tensor<1x27x35x8xf32>
    nn.yield %r : tensor<1x27x35x8xf32>
  } -> tensor<1x27x35x8xf32>
  return %y : tensor<1x27x35x8xf32>
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
// Pixels three lines and two columns apart are images of their own, of 5 x 10 pixels: 3 * 3 tiles of lines, 2 * 3 of
// columns, in three strips.
// CHECK-LABEL: @offers_dilated_layers
// CHECK: nn.forms = [{groups = 4 : i64, name = "winograd", {{.*}}strip = 18 : i64, tile = array<i64: 2, 4>}
func.func @offers_dilated_layers(%x: tensor<1x15x20x64xf32>) -> tensor<1x15x20x64xf32> {
  %w = nn.constant dense<1.0> : tensor<64x3x3x64xf32>
  %y = nn.kernel "dilated" ins(%x, %w : tensor<1x15x20x64xf32>, tensor<64x3x3x64xf32>) {
  ^bb0(%0: tensor<1x15x20x64xf32>, %1: tensor<64x3x3x64xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [3, 2, 3, 2] dilations [3, 2] groups 1 : tensor<1x15x20x64xf32>, tensor<64x3x3x64xf32> -> tensor<1x15x20x64xf32>
    nn.yield %r : tensor<1x15x20x64xf32>
  } -> tensor<1x15x20x64xf32>
  return %y : tensor<1x15x20x64xf32>
}

// CHECK-LABEL: @keeps_strides_direct
// CHECK-NOT: nn.form
// ASKED-LABEL: @keeps_strides_direct
// ASKED-NOT: nn.form
func.func @keeps_strides_direct(%x: tensor<1x27x35x64xf32>) -> tensor<1x13x17x40xf32> {
  %w = nn.constant dense<1.0> : tensor<40x3x3x64xf32>
  %y = nn.kernel "stride" ins(%x, %w : tensor<1x27x35x64xf32>, tensor<40x3x3x64xf32>) {
  ^bb0(%0: tensor<1x27x35x64xf32>, %1: tensor<40x3x3x64xf32>):
    %r = nn.conv2d %0, %1 strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x27x35x64xf32>, tensor<40x3x3x64xf32> -> tensor<1x13x17x40xf32>
    nn.yield %r : tensor<1x13x17x40xf32>
  } -> tensor<1x13x17x40xf32>
  return %y : tensor<1x13x17x40xf32>
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
// One axis is transformed where the window has one.
// CHECK-LABEL: @transforms_one_axis
// ASKED-LABEL: @transforms_one_axis
// CHECK: tile = array<i64: 1, 4>
func.func @transforms_one_axis(%x: tensor<1x27x36x64xf32>) -> tensor<1x27x34x40xf32> {
  %w = nn.constant dense<1.0> : tensor<40x1x3x64xf32>
  %y = nn.kernel "line" ins(%x, %w : tensor<1x27x36x64xf32>, tensor<40x1x3x64xf32>) {
  ^bb0(%0: tensor<1x27x36x64xf32>, %1: tensor<40x1x3x64xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x27x36x64xf32>, tensor<40x1x3x64xf32> -> tensor<1x27x34x40xf32>
    nn.yield %r : tensor<1x27x34x40xf32>
  } -> tensor<1x27x34x40xf32>
  return %y : tensor<1x27x34x40xf32>
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144, dots = [<instruction = "llvm.x86.avx2.pmadd.wd", bits = 256, group = 2, lhs = i16, rhs = i16, adds = false, rows = 1>]>}} {
// 36 planes with 8 pairs of words for each of 40 outputs, pairs side by side.
// CHECK-LABEL: @transforms_bytes_to_words
// ASKED-LABEL: @transforms_bytes_to_words
// CHECK: nn.forms = [{groups = 1 : i64, name = "winograd", packings = [unit, #nn.packing<"winograd_words", [46080, 4, 4, 40, 15, 16, 8, 1, 1]>, unit, unit], scratch_bytes = {{[0-9]+}} : i64, slots = 4 : i64, strip = {{[0-9]+}} : i64, tile = array<i64: 4, 4>},
// CHECK-SAME: {name = "direct", packings = [unit, #nn.packing<"bytes"
func.func @transforms_bytes_to_words(%x: tensor<1x27x35x15xui8>, %z: tensor<1xui8>) -> tensor<1x27x35x40xi32> {
  %w = nn.constant dense<1> : tensor<40x3x3x15xi8>
  %f = nn.constant dense<0> : tensor<1xi8>
  %y = nn.kernel "bytes" ins(%x, %w, %z, %f : tensor<1x27x35x15xui8>, tensor<40x3x3x15xi8>, tensor<1xui8>, tensor<1xi8>) {
  ^bb0(%0: tensor<1x27x35x15xui8>, %1: tensor<40x3x3x15xi8>, %2: tensor<1xui8>, %3: tensor<1xi8>):
    %r = nn.conv2d %0, %1 zero_points (%2, %3) strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x27x35x15xui8>, tensor<40x3x3x15xi8> zero_points (tensor<1xui8>, tensor<1xi8>) -> tensor<1x27x35x40xi32>
    nn.yield %r : tensor<1x27x35x40xi32>
  } -> tensor<1x27x35x40xi32>
  return %y : tensor<1x27x35x40xi32>
}

// 9 * 115 * 128 * 255 is over 2^25: 576 of the largest sum do not have the bits of 64 free. Of 48 they have those of 16.
// CHECK-LABEL: @keeps_sums_exact
// CHECK-NOT: tile = array<i64: 4, 4>
// ASKED-LABEL: @keeps_sums_exact
// ASKED: tile = array<i64: {{4, 2|2, 4}}>
func.func @keeps_sums_exact(%x: tensor<1x27x35x115xi8>) -> tensor<1x27x35x40xi32> {
  %w = nn.constant dense<-128> : tensor<40x3x3x115xi8>
  %y = nn.kernel "large_sums" ins(%x, %w : tensor<1x27x35x115xi8>, tensor<40x3x3x115xi8>) {
  ^bb0(%0: tensor<1x27x35x115xi8>, %1: tensor<40x3x3x115xi8>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x27x35x115xi8>, tensor<40x3x3x115xi8> -> tensor<1x27x35x40xi32>
    nn.yield %r : tensor<1x27x35x40xi32>
  } -> tensor<1x27x35x40xi32>
  return %y : tensor<1x27x35x40xi32>
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 512, registers = 32, masked_stores = true, l1_bytes = 32768, l2_bytes = 1048576, dots = [<instruction = "llvm.x86.avx512.vpdpbusd.512", bits = 512, group = 4, lhs = ui8, rhs = i8, adds = true, rows = 1>]>}} {
// Where an instruction sums four bytes, there is nothing to gain.
// CHECK-LABEL: @keeps_sums_of_four_direct
// CHECK-NOT: nn.form
// ASKED-LABEL: @keeps_sums_of_four_direct
func.func @keeps_sums_of_four_direct(%x: tensor<1x27x35x64xui8>) -> tensor<1x27x35x48xi32> {
  %w = nn.constant dense<1> : tensor<48x3x3x64xi8>
  %y = nn.kernel "fours" ins(%x, %w : tensor<1x27x35x64xui8>, tensor<48x3x3x64xi8>) {
  ^bb0(%0: tensor<1x27x35x64xui8>, %1: tensor<48x3x3x64xi8>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x27x35x64xui8>, tensor<48x3x3x64xi8> -> tensor<1x27x35x48xi32>
    nn.yield %r : tensor<1x27x35x48xi32>
  } -> tensor<1x27x35x48xi32>
  return %y : tensor<1x27x35x48xi32>
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 512, registers = 32, masked_stores = true, l1_bytes = 32768, l2_bytes = 1048576>}} {
// Weights of 288 KB stay in the cache, beside as many planes as have room in five eighths of it.
// CHECK-LABEL: @strips_beside_weights
// CHECK: nn.forms = [{groups = 1 : i64, name = "winograd", {{.*}}, strip = 19 : i64, tile = array<i64: 4, 4>},
func.func @strips_beside_weights(%x: tensor<1x64x60x64xf32>) -> tensor<1x64x60x24xf32> {
  %w = nn.constant dense<1.0> : tensor<24x3x3x64xf32>
  %y = nn.kernel "beside" ins(%x, %w : tensor<1x64x60x64xf32>, tensor<24x3x3x64xf32>) {
  ^bb0(%0: tensor<1x64x60x64xf32>, %1: tensor<24x3x3x64xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x64x60x64xf32>, tensor<24x3x3x64xf32> -> tensor<1x64x60x24xf32>
    nn.yield %r : tensor<1x64x60x24xf32>
  } -> tensor<1x64x60x24xf32>
  return %y : tensor<1x64x60x24xf32>
}
// Those of 1.7 MB do not fit: strips are as long as planes have room for.
// CHECK-LABEL: @strips_with_weights_from_beyond
// CHECK: nn.forms = [{groups = 1 : i64, name = "winograd", {{.*}}, strip = 35 : i64, tile = array<i64: 4, 4>},
func.func @strips_with_weights_from_beyond(%x: tensor<1x40x56x128xf32>) -> tensor<1x40x56x96xf32> {
  %w = nn.constant dense<1.0> : tensor<96x3x3x128xf32>
  %y = nn.kernel "beyond" ins(%x, %w : tensor<1x40x56x128xf32>, tensor<96x3x3x128xf32>) {
  ^bb0(%0: tensor<1x40x56x128xf32>, %1: tensor<96x3x3x128xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x40x56x128xf32>, tensor<96x3x3x128xf32> -> tensor<1x40x56x96xf32>
    nn.yield %r : tensor<1x40x56x96xf32>
  } -> tensor<1x40x56x96xf32>
  return %y : tensor<1x40x56x96xf32>
}
// Weights of 576 KB leave little: strips are one tile of the micro-kernel, for as many threads as longer ones.
// CHECK-LABEL: @strips_of_one_tile
// CHECK: nn.forms = [{groups = 1 : i64, name = "winograd", {{.*}}, slots = 4 : i64, strip = 14 : i64, tile = array<i64: 4, 4>},
func.func @strips_of_one_tile(%x: tensor<1x160x160x64xf32>) -> tensor<1x160x160x64xf32> {
  %w = nn.constant dense<1.0> : tensor<64x3x3x64xf32>
  %y = nn.kernel "one_tile" ins(%x, %w : tensor<1x160x160x64xf32>, tensor<64x3x3x64xf32>) {
  ^bb0(%0: tensor<1x160x160x64xf32>, %1: tensor<64x3x3x64xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x160x160x64xf32>, tensor<64x3x3x64xf32> -> tensor<1x160x160x64xf32>
    nn.yield %r : tensor<1x160x160x64xf32>
  } -> tensor<1x160x160x64xf32>
  return %y : tensor<1x160x160x64xf32>
}
// Few pixels, whose weights come from memory at 8 bytes a cycle of multiply-adds.
// CHECK-LABEL: @weights_at_eight_bytes
// CHECK: nn.forms = [{groups = {{.*}}, name = "winograd", {{.*}}, tile = array<i64: 4, 2>},
func.func @weights_at_eight_bytes(%x: tensor<1x14x14x256xf32>) -> tensor<1x14x14x256xf32> {
  %w = nn.constant dense<1.0> : tensor<256x3x3x256xf32>
  %y = nn.kernel "eight_bytes" ins(%x, %w : tensor<1x14x14x256xf32>, tensor<256x3x3x256xf32>) {
  ^bb0(%0: tensor<1x14x14x256xf32>, %1: tensor<256x3x3x256xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x14x14x256xf32>, tensor<256x3x3x256xf32> -> tensor<1x14x14x256xf32>
    nn.yield %r : tensor<1x14x14x256xf32>
  } -> tensor<1x14x14x256xf32>
  return %y : tensor<1x14x14x256xf32>
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
// Tiles of 4x4 would save most, but their weights take 27 MiB more, and there is room for 8.
// CHECK-LABEL: @takes_smaller_tiles_whose_weights_have_room
// CHECK: nn.forms = [{{.*}}tile = array<i64: 2, 2>}
// ASKED-LABEL: @takes_smaller_tiles_whose_weights_have_room
// ASKED: tile = array<i64: 4, 4>
func.func @takes_smaller_tiles_whose_weights_have_room(%x: tensor<1x28x36x512xf32>) -> tensor<1x28x36x512xf32> {
  %w = nn.constant dense<1.0> : tensor<512x3x3x512xf32>
  %y = nn.kernel "large_weights" ins(%x, %w : tensor<1x28x36x512xf32>, tensor<512x3x3x512xf32>) {
  ^bb0(%0: tensor<1x28x36x512xf32>, %1: tensor<512x3x3x512xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x28x36x512xf32>, tensor<512x3x3x512xf32> -> tensor<1x28x36x512xf32>
    nn.yield %r : tensor<1x28x36x512xf32>
  } -> tensor<1x28x36x512xf32>
  return %y : tensor<1x28x36x512xf32>
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
// Tiles that were measured to be faster have no room either: then others are offered as without a measurement.
// CHECK-LABEL: @takes_smaller_tiles_than_are_tuned
// CHECK: nn.forms = [{{.*}}tile = array<i64: 2, 2>}
func.func @takes_smaller_tiles_than_are_tuned(%x: tensor<1x28x36x512xf32>) -> tensor<1x28x36x512xf32> {
  %w = nn.constant dense<2.0> : tensor<512x3x3x512xf32>
  %y = nn.kernel "tuned" ins(%x, %w : tensor<1x28x36x512xf32>, tensor<512x3x3x512xf32>) {
  ^bb0(%0: tensor<1x28x36x512xf32>, %1: tensor<512x3x3x512xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x28x36x512xf32>, tensor<512x3x3x512xf32> -> tensor<1x28x36x512xf32>
    nn.yield %r : tensor<1x28x36x512xf32>
  } -> tensor<1x28x36x512xf32> attributes {nn.tuned = {form = "winograd", tile_h = 4, tile_w = 4}}
  return %y : tensor<1x28x36x512xf32>
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
// 16 tiles of three lines in one strip are cut, 25 to 30 products in place of 36; two strips of eight whole ones would be
// slower than the direct form, so they are not offered where there is less room.
// CHECK-LABEL: @offers_no_strips_that_save_nothing
// CHECK: strip = 16 : i64, tile = array<i64: 4, 4>
// CHECK-NOT: strip = {{[1-9]}} :
// CHECK: name = "direct"
// LITTLE-LABEL: @offers_no_strips_that_save_nothing
// LITTLE: nn.form = {{{.*}}, tile = array<i64: 4, 4>, whole_tiles}
func.func @offers_no_strips_that_save_nothing(%x: tensor<1x3x63x24xf32>) -> tensor<1x3x63x24xf32> {
  %w = nn.constant dense<1.0> : tensor<24x3x3x24xf32>
  %y = nn.kernel "flat" ins(%x, %w : tensor<1x3x63x24xf32>, tensor<24x3x3x24xf32>) {
  ^bb0(%0: tensor<1x3x63x24xf32>, %1: tensor<24x3x3x24xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x3x63x24xf32>, tensor<24x3x3x24xf32> -> tensor<1x3x63x24xf32>
    nn.yield %r : tensor<1x3x63x24xf32>
  } -> tensor<1x3x63x24xf32>
  return %y : tensor<1x3x63x24xf32>
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
// Planes of 16 MB of weights save products, and nothing where they come from memory.
// CHECK-LABEL: @multiplies_few_pixels_by_weights_that_caches_keep
// CHECK: nn.forms = [{{.*}}tile = array<i64: 2, 2>
func.func @multiplies_few_pixels_by_weights_that_caches_keep(%x: tensor<1x6x8x512xf32>) -> tensor<1x6x8x512xf32> {
  %w = nn.constant dense<1.0> : tensor<512x3x3x512xf32>
  %y = nn.kernel "small_model" ins(%x, %w : tensor<1x6x8x512xf32>, tensor<512x3x3x512xf32>) {
  ^bb0(%0: tensor<1x6x8x512xf32>, %1: tensor<512x3x3x512xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x6x8x512xf32>, tensor<512x3x3x512xf32> -> tensor<1x6x8x512xf32>
    nn.yield %r : tensor<1x6x8x512xf32>
  } -> tensor<1x6x8x512xf32>
  return %y : tensor<1x6x8x512xf32>
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
// CHECK-LABEL: @multiplies_few_pixels_by_weights_from_memory
// CHECK-NOT: nn.forms
func.func @multiplies_few_pixels_by_weights_from_memory(%x: tensor<1x6x8x512xf32>) -> tensor<1x6x8x512xf32> {
  %others = nn.constant dense<1.0> : tensor<2048x4096xf32>
  %w = nn.constant dense<1.0> : tensor<512x3x3x512xf32>
  %y = nn.kernel "large_model" ins(%x, %w : tensor<1x6x8x512xf32>, tensor<512x3x3x512xf32>) {
  ^bb0(%0: tensor<1x6x8x512xf32>, %1: tensor<512x3x3x512xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x6x8x512xf32>, tensor<512x3x3x512xf32> -> tensor<1x6x8x512xf32>
    nn.yield %r : tensor<1x6x8x512xf32>
  } -> tensor<1x6x8x512xf32>
  return %y : tensor<1x6x8x512xf32>
}
}
