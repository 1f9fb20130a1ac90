// RUN: nncc-opt %s --split-input-file --nncc-pack-weights --nncc-choose-forms=form=direct --nncc-fuse-prologues --nncc-fuse-chains=join=false | FileCheck %s
// RUN: nncc-opt %s --split-input-file --nncc-pack-weights --nncc-choose-forms=form=direct --nncc-fuse-prologues --nncc-fuse-chains=join=false --remarks-filter=nncc-fuse-chains --remark-format=emitRemark --mlir-disable-threading -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// What is between stays in the L2 cache, but the arena falls from 7,296 to 1,536 bytes. Both zero points go with the kernel.
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 4096, l2_bytes = 16384>}} {
// CHECK-LABEL: @moves_where_the_arena_falls
// CHECK-NOT: "first"
// CHECK: nn.kernel "second" ins(%{{[^:]*}} : tensor<8x3x3x1xi8>, tensor<1xui8>, tensor<1xi8>, tensor<1x101x9x3xui8>, tensor<8x1x1x3xi8>, tensor<1xui8>, tensor<1xi8>)
// CHECK: %[[A:.*]] = nn.conv2d
// CHECK-NEXT: %[[Q:.*]] = nn.requantize %[[A]]
// CHECK: nn.conv2d %[[Q]]
// CHECK: nn.form = {name = "rows", rows = 2 : i64, scratch_bytes = 1536 : i64, slots = 4 : i64}
func.func @moves_where_the_arena_falls(%x: tensor<1x101x9x3xui8>) -> tensor<1x51x5x8xui8> {
  %v = nn.constant dense<1> : tensor<8x1x1x3xi8>
  %w = nn.constant dense<2> : tensor<8x3x3x1xi8>
  %zx = nn.constant dense<7> : tensor<1xui8>
  %za = nn.constant dense<9> : tensor<1xui8>
  %zw = nn.constant dense<0> : tensor<1xi8>
  %a = nn.kernel "first" ins(%x, %v, %zx, %zw : tensor<1x101x9x3xui8>, tensor<8x1x1x3xi8>, tensor<1xui8>, tensor<1xi8>) {
  ^bb0(%0: tensor<1x101x9x3xui8>, %1: tensor<8x1x1x3xi8>, %2: tensor<1xui8>, %3: tensor<1xi8>):
    %m = nn.constant dense<0.5> : tensor<1x1x1x1xf32>
    %z = nn.constant dense<9> : tensor<1x1x1x1xui8>
    %r = nn.conv2d %0, %1 zero_points (%2, %3) strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x3xui8>, tensor<8x1x1x3xi8> zero_points (tensor<1xui8>, tensor<1xi8>) -> tensor<1x101x9x8xi32>
    %q = nn.requantize %r, %m, %z : tensor<1x101x9x8xi32>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xui8> -> tensor<1x101x9x8xui8>
    nn.yield %q : tensor<1x101x9x8xui8>
  } -> tensor<1x101x9x8xui8>
  %y = nn.kernel "second" ins(%a, %w, %za, %zw : tensor<1x101x9x8xui8>, tensor<8x3x3x1xi8>, tensor<1xui8>, tensor<1xi8>) {
  ^bb0(%0: tensor<1x101x9x8xui8>, %1: tensor<8x3x3x1xi8>, %2: tensor<1xui8>, %3: tensor<1xi8>):
    %m = nn.constant dense<0.25> : tensor<1x1x1x1xf32>
    %z = nn.constant dense<5> : tensor<1x1x1x1xui8>
    %r = nn.conv2d %0, %1 zero_points (%2, %3) strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x101x9x8xui8>, tensor<8x3x3x1xi8> zero_points (tensor<1xui8>, tensor<1xi8>) -> tensor<1x51x5x8xi32>
    %q = nn.requantize %r, %m, %z : tensor<1x51x5x8xi32>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xui8> -> tensor<1x51x5x8xui8>
    nn.yield %q : tensor<1x51x5x8xui8>
  } -> tensor<1x51x5x8xui8>
  return %y : tensor<1x51x5x8xui8>
}
}

// -----

// What another kernel reads and writes is more than all that a chain would save.
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 4096, l2_bytes = 16384>}} {
// CHECK-LABEL: @keeps_what_is_not_where_the_arena_is_fullest
// CHECK: nn.kernel "first"
// CHECK: nn.kernel "second"
// CHECK-NOT: nn.form
func.func @keeps_what_is_not_where_the_arena_is_fullest(%x: tensor<1x101x9x3xi8>, %u: tensor<60x70xf32>) -> (tensor<1x50x4x16xi8>, tensor<70x60xf32>) {
  %v = nn.constant dense<1> : tensor<16x1x1x3xi8>
  %zero = nn.constant dense<0> : tensor<1xi8>
  %a = nn.kernel "first" ins(%x, %v, %zero : tensor<1x101x9x3xi8>, tensor<16x1x1x3xi8>, tensor<1xi8>) {
  ^bb0(%0: tensor<1x101x9x3xi8>, %1: tensor<16x1x1x3xi8>, %2: tensor<1xi8>):
    %m = nn.constant dense<0.5> : tensor<1x1x1x1xf32>
    %z = nn.constant dense<9> : tensor<1x1x1x1xi8>
    %r = nn.conv2d %0, %1 zero_points (%2, %2) strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x3xi8>, tensor<16x1x1x3xi8> zero_points (tensor<1xi8>, tensor<1xi8>) -> tensor<1x101x9x16xi32>
    %q = nn.requantize %r, %m, %z : tensor<1x101x9x16xi32>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xi8> -> tensor<1x101x9x16xi8>
    nn.yield %q : tensor<1x101x9x16xi8>
  } -> tensor<1x101x9x16xi8>
  %b = nn.kernel "second" ins(%a : tensor<1x101x9x16xi8>) {
  ^bb0(%0: tensor<1x101x9x16xi8>):
    %r = nn.pool2d max %0 kernel [2, 2] strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] overhang [0, 0] : tensor<1x101x9x16xi8> -> tensor<1x50x4x16xi8>
    nn.yield %r : tensor<1x50x4x16xi8>
  } -> tensor<1x50x4x16xi8>
  %c = nn.kernel "third" ins(%u : tensor<60x70xf32>) {
  ^bb0(%0: tensor<60x70xf32>):
    %r = nn.unary exp %0 : tensor<60x70xf32> -> tensor<60x70xf32>
    nn.yield %r : tensor<60x70xf32>
  } -> tensor<60x70xf32>
  %d = nn.kernel "fourth" ins(%c : tensor<60x70xf32>) {
  ^bb0(%0: tensor<60x70xf32>):
    %r = nn.transpose %0 [1, 0] : tensor<60x70xf32> -> tensor<70x60xf32>
    nn.yield %r : tensor<70x60xf32>
  } -> tensor<70x60xf32>
  %e = nn.kernel "fifth" ins(%d : tensor<70x60xf32>) {
  ^bb0(%0: tensor<70x60xf32>):
    %r = nn.unary exp %0 : tensor<70x60xf32> -> tensor<70x60xf32>
    nn.yield %r : tensor<70x60xf32>
  } -> tensor<70x60xf32>
  return %b, %e : tensor<1x50x4x16xi8>, tensor<70x60xf32>
}
}

// -----

// As one kernel it does not sweep, since its last row reads nothing but padding; the strips above would, and want other
// sums of its weights.
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 4096, l2_bytes = 16384>}} {
// CHECK-LABEL: @keeps_a_window_whose_parts_would_sweep
// CHECK: nn.kernel "first"
// CHECK-NOT: nn.form
func.func @keeps_a_window_whose_parts_would_sweep(%x: tensor<1x101x9x3xi8>) -> tensor<1x52x5x8xi32> {
  %v = nn.constant dense<1> : tensor<8x1x1x3xi8>
  %w = nn.constant dense<2> : tensor<8x3x3x1xi8>
  %zero = nn.constant dense<0> : tensor<1xi8>
  %a = nn.kernel "first" ins(%x, %v, %zero : tensor<1x101x9x3xi8>, tensor<8x1x1x3xi8>, tensor<1xi8>) {
  ^bb0(%0: tensor<1x101x9x3xi8>, %1: tensor<8x1x1x3xi8>, %2: tensor<1xi8>):
    %m = nn.constant dense<0.5> : tensor<1x1x1x1xf32>
    %z = nn.constant dense<9> : tensor<1x1x1x1xi8>
    %r = nn.conv2d %0, %1 zero_points (%2, %2) strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x3xi8>, tensor<8x1x1x3xi8> zero_points (tensor<1xi8>, tensor<1xi8>) -> tensor<1x101x9x8xi32>
    %q = nn.requantize %r, %m, %z : tensor<1x101x9x8xi32>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xi8> -> tensor<1x101x9x8xi8>
    nn.yield %q : tensor<1x101x9x8xi8>
  } -> tensor<1x101x9x8xi8>
  %y = nn.kernel "second" ins(%a, %w, %zero : tensor<1x101x9x8xi8>, tensor<8x3x3x1xi8>, tensor<1xi8>) {
  ^bb0(%0: tensor<1x101x9x8xi8>, %1: tensor<8x3x3x1xi8>, %2: tensor<1xi8>):
    %r = nn.conv2d %0, %1 zero_points (%2, %2) strides [2, 2] pads [1, 1, 3, 1] dilations [1, 1] groups 8 : tensor<1x101x9x8xi8>, tensor<8x3x3x1xi8> zero_points (tensor<1xi8>, tensor<1xi8>) -> tensor<1x52x5x8xi32>
    nn.yield %r : tensor<1x52x5x8xi32>
  } -> tensor<1x52x5x8xi32>
  return %y : tensor<1x52x5x8xi32>
}
}

// -----

// Between the two, "changed" writes over the image in place. A chain would read the image behind it, so that both had
// memory of their own: tensors of 20,180 bytes are alive then, of 19,271 without.
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 4096, l2_bytes = 16384>}} {
// CHECK-LABEL: @keeps_an_image_that_is_overwritten_between
// CHECK: nn.kernel "first"
// CHECK-NOT: nn.form
func.func @keeps_an_image_that_is_overwritten_between(%x: tensor<1x101x9x10xi8>) -> tensor<1x50x4x10xi8> {
  %v = nn.constant dense<1> : tensor<9x1x1x10xi8>
  %w = nn.constant dense<2> : tensor<10x2x2x9xi8>
  %zero = nn.constant dense<0> : tensor<1xi8>
  %image = nn.kernel "image" ins(%x : tensor<1x101x9x10xi8>) {
  ^bb0(%0: tensor<1x101x9x10xi8>):
    %m = nn.constant dense<3> : tensor<1x1x1x1xi8>
    %r = nn.binary max %0, %m : tensor<1x101x9x10xi8>, tensor<1x1x1x1xi8> -> tensor<1x101x9x10xi8>
    nn.yield %r : tensor<1x101x9x10xi8>
  } -> tensor<1x101x9x10xi8>
  %a = nn.kernel "first" ins(%image, %v, %zero : tensor<1x101x9x10xi8>, tensor<9x1x1x10xi8>, tensor<1xi8>) {
  ^bb0(%0: tensor<1x101x9x10xi8>, %1: tensor<9x1x1x10xi8>, %2: tensor<1xi8>):
    %m = nn.constant dense<0.5> : tensor<1x1x1x1xf32>
    %z = nn.constant dense<9> : tensor<1x1x1x1xi8>
    %r = nn.conv2d %0, %1 zero_points (%2, %2) strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x10xi8>, tensor<9x1x1x10xi8> zero_points (tensor<1xi8>, tensor<1xi8>) -> tensor<1x101x9x9xi32>
    %q = nn.requantize %r, %m, %z : tensor<1x101x9x9xi32>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xi8> -> tensor<1x101x9x9xi8>
    nn.yield %q : tensor<1x101x9x9xi8>
  } -> tensor<1x101x9x9xi8>
  %changed = nn.kernel "changed" ins(%image : tensor<1x101x9x10xi8>) {
  ^bb0(%0: tensor<1x101x9x10xi8>):
    %m = nn.constant dense<7> : tensor<1x1x1x1xi8>
    %r = nn.binary max %0, %m : tensor<1x101x9x10xi8>, tensor<1x1x1x1xi8> -> tensor<1x101x9x10xi8>
    nn.yield %r : tensor<1x101x9x10xi8>
  } -> tensor<1x101x9x10xi8>
  %small = nn.kernel "small" ins(%changed : tensor<1x101x9x10xi8>) {
  ^bb0(%0: tensor<1x101x9x10xi8>):
    %r = nn.pool2d max %0 kernel [2, 2] strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] overhang [0, 0] : tensor<1x101x9x10xi8> -> tensor<1x50x4x10xi8>
    nn.yield %r : tensor<1x50x4x10xi8>
  } -> tensor<1x50x4x10xi8>
  %y = nn.kernel "second" ins(%a, %w, %zero, %small : tensor<1x101x9x9xi8>, tensor<10x2x2x9xi8>, tensor<1xi8>, tensor<1x50x4x10xi8>) {
  ^bb0(%0: tensor<1x101x9x9xi8>, %1: tensor<10x2x2x9xi8>, %2: tensor<1xi8>, %3: tensor<1x50x4x10xi8>):
    %m = nn.constant dense<0.5> : tensor<1x1x1x1xf32>
    %z = nn.constant dense<9> : tensor<1x1x1x1xi8>
    %r = nn.conv2d %0, %1 zero_points (%2, %2) strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x9xi8>, tensor<10x2x2x9xi8> zero_points (tensor<1xi8>, tensor<1xi8>) -> tensor<1x50x4x10xi32>
    %q = nn.requantize %r, %m, %z : tensor<1x50x4x10xi32>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xi8> -> tensor<1x50x4x10xi8>
    %s = nn.binary max %q, %3 : tensor<1x50x4x10xi8>, tensor<1x50x4x10xi8> -> tensor<1x50x4x10xi8>
    nn.yield %s : tensor<1x50x4x10xi8>
  } -> tensor<1x50x4x10xi8>
  return %y : tensor<1x50x4x10xi8>
}
}

// -----

// Wider limits are for floats.
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 4096, l2_bytes = 4096>}} {
// REMARK: Reason="strips of four threads would make 6 of 101 rows twice", Remark=overlapping, Remark=" has no chain: "
// REMARK-NOT: Remark=overlapping
// CHECK-LABEL: @keeps_windows_of_bytes_that_overlap
// CHECK: nn.kernel "first"
// CHECK-NOT: nn.form
func.func @keeps_windows_of_bytes_that_overlap(%x: tensor<1x101x9x3xi8>) -> tensor<1x99x7x8xi32> {
  %v = nn.constant dense<1> : tensor<8x1x1x3xi8>
  %w = nn.constant dense<2> : tensor<8x3x3x1xi8>
  %zero = nn.constant dense<0> : tensor<1xi8>
  %a = nn.kernel "first" ins(%x, %v, %zero : tensor<1x101x9x3xi8>, tensor<8x1x1x3xi8>, tensor<1xi8>) {
  ^bb0(%0: tensor<1x101x9x3xi8>, %1: tensor<8x1x1x3xi8>, %2: tensor<1xi8>):
    %m = nn.constant dense<0.5> : tensor<1x1x1x1xf32>
    %z = nn.constant dense<9> : tensor<1x1x1x1xi8>
    %r = nn.conv2d %0, %1 zero_points (%2, %2) strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x3xi8>, tensor<8x1x1x3xi8> zero_points (tensor<1xi8>, tensor<1xi8>) -> tensor<1x101x9x8xi32>
    %q = nn.requantize %r, %m, %z : tensor<1x101x9x8xi32>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xi8> -> tensor<1x101x9x8xi8>
    nn.yield %q : tensor<1x101x9x8xi8>
  } -> tensor<1x101x9x8xi8>
  %y = nn.kernel "overlapping" ins(%a, %w, %zero : tensor<1x101x9x8xi8>, tensor<8x3x3x1xi8>, tensor<1xi8>) {
  ^bb0(%0: tensor<1x101x9x8xi8>, %1: tensor<8x3x3x1xi8>, %2: tensor<1xi8>):
    %r = nn.conv2d %0, %1 zero_points (%2, %2) strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 8 : tensor<1x101x9x8xi8>, tensor<8x3x3x1xi8> zero_points (tensor<1xi8>, tensor<1xi8>) -> tensor<1x99x7x8xi32>
    nn.yield %r : tensor<1x99x7x8xi32>
  } -> tensor<1x99x7x8xi32>
  return %y : tensor<1x99x7x8xi32>
}
}
