// RUN: nncc-opt %s --nncc-pack-weights --nncc-choose-forms=form=direct --nncc-fuse-prologues | FileCheck %s

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 4096, l2_bytes = 262144>}} {
// Tiles of 6 pixels, strips of 4 of them (eleven would be too many) for four threads; a pixel takes 32 elements, not 16.
// CHECK-LABEL: @moves_what_is_before_into_strips
// CHECK-NOT: "before"
// CHECK: nn.kernel "conv" ins(%[[W:.*]], %arg0, %[[S:.*]] : tensor<32x1x1x16xf32>, tensor<1x19x21x16xf32>, tensor<1x1x1x16xf32>)
// CHECK-NEXT: ^bb0(%[[W:.*]]: tensor<32x1x1x16xf32>, %[[X:.*]]: tensor<1x19x21x16xf32>, %[[S:.*]]: tensor<1x1x1x16xf32>)
// CHECK-NEXT: %[[M:.*]] = nn.binary mul %[[X]], %[[S]]
// CHECK-NEXT: %[[P:.*]] = nn.unary relu %[[M]]
// CHECK-NEXT: nn.conv2d %[[P]], %[[W]]
// CHECK: nn.form = {name = "strips", pixels = 24 : i64, scratch_bytes = 12288 : i64, slots = 4 : i64}
// CHECK-SAME: nn.packings = [#nn.packing<"panels", {{.*}}>, unit, unit]
// CHECK-SAME: nn.scratch_bytes = 12288
// CHECK-SAME: nodes = ["Mul", "Relu", "Conv"]
func.func @moves_what_is_before_into_strips(%x: tensor<1x19x21x16xf32>) -> tensor<1x19x21x32xf32> {
  %s = nn.constant dense<2.0> : tensor<1x1x1x16xf32>
  %w = nn.constant dense<1.0> : tensor<32x1x1x16xf32>
  %a = nn.kernel "before" ins(%x, %s : tensor<1x19x21x16xf32>, tensor<1x1x1x16xf32>) {
  ^bb0(%0: tensor<1x19x21x16xf32>, %1: tensor<1x1x1x16xf32>):
    %m = nn.binary mul %0, %1 : tensor<1x19x21x16xf32>, tensor<1x1x1x16xf32> -> tensor<1x19x21x16xf32>
    %p = nn.unary relu %m : tensor<1x19x21x16xf32> -> tensor<1x19x21x16xf32>
    nn.yield %p : tensor<1x19x21x16xf32>
  } -> tensor<1x19x21x16xf32> attributes {nodes = ["Mul", "Relu"]}
  %y = nn.kernel "conv" ins(%a, %w : tensor<1x19x21x16xf32>, tensor<32x1x1x16xf32>) {
  ^bb0(%0: tensor<1x19x21x16xf32>, %1: tensor<32x1x1x16xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x19x21x16xf32>, tensor<32x1x1x16xf32> -> tensor<1x19x21x32xf32>
    nn.yield %r : tensor<1x19x21x32xf32>
  } -> tensor<1x19x21x32xf32> attributes {nodes = ["Conv"]}
  return %y : tensor<1x19x21x32xf32>
}

// Four tiles of 7 pixels for four threads would be too many, but what is tuned is fused as it is without: three of them.
// CHECK-LABEL: @moves_what_is_before_into_strips_of_tuned_tiles
// CHECK-NOT: "before"
// CHECK: nn.form = {name = "strips", pixels = 21 : i64,
func.func @moves_what_is_before_into_strips_of_tuned_tiles(%x: tensor<1x13x17x16xf32>) -> tensor<1x13x17x32xf32> {
  %s = nn.constant dense<2.0> : tensor<1x1x1x16xf32>
  %w = nn.constant dense<1.0> : tensor<32x1x1x16xf32>
  %a = nn.kernel "before" ins(%x, %s : tensor<1x13x17x16xf32>, tensor<1x1x1x16xf32>) {
  ^bb0(%0: tensor<1x13x17x16xf32>, %1: tensor<1x1x1x16xf32>):
    %m = nn.binary mul %0, %1 : tensor<1x13x17x16xf32>, tensor<1x1x1x16xf32> -> tensor<1x13x17x16xf32>
    %p = nn.unary relu %m : tensor<1x13x17x16xf32> -> tensor<1x13x17x16xf32>
    nn.yield %p : tensor<1x13x17x16xf32>
  } -> tensor<1x13x17x16xf32> attributes {nodes = ["Mul", "Relu"]}
  %y = nn.kernel "conv" ins(%a, %w : tensor<1x13x17x16xf32>, tensor<32x1x1x16xf32>) {
  ^bb0(%0: tensor<1x13x17x16xf32>, %1: tensor<32x1x1x16xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x13x17x16xf32>, tensor<32x1x1x16xf32> -> tensor<1x13x17x32xf32>
    nn.yield %r : tensor<1x13x17x32xf32>
  } -> tensor<1x13x17x32xf32> attributes {nn.tuned = {form = "direct", panel = 1, rows = 7}, nodes = ["Conv"]}
  return %y : tensor<1x13x17x32xf32>
}

// Nobody else reads the operand: the elementwise kernel needs no memory as it is.
// CHECK-LABEL: @keeps_what_may_be_overwritten
// CHECK: nn.kernel "before"
// CHECK-NOT: nn.form
func.func @keeps_what_may_be_overwritten(%x: tensor<1x19x21x16xf32>) -> tensor<1x19x21x32xf32> {
  %s = nn.constant dense<2.0> : tensor<1x1x1x16xf32>
  %w = nn.constant dense<1.0> : tensor<32x1x1x16xf32>
  %k = nn.kernel "maker" ins(%x : tensor<1x19x21x16xf32>) {
  ^bb0(%0: tensor<1x19x21x16xf32>):
    %q = nn.softmax %0 axis 3 : tensor<1x19x21x16xf32> -> tensor<1x19x21x16xf32>
    nn.yield %q : tensor<1x19x21x16xf32>
  } -> tensor<1x19x21x16xf32>
  %a = nn.kernel "before" ins(%k, %s : tensor<1x19x21x16xf32>, tensor<1x1x1x16xf32>) {
  ^bb0(%0: tensor<1x19x21x16xf32>, %1: tensor<1x1x1x16xf32>):
    %m = nn.binary mul %0, %1 : tensor<1x19x21x16xf32>, tensor<1x1x1x16xf32> -> tensor<1x19x21x16xf32>
    %p = nn.unary relu %m : tensor<1x19x21x16xf32> -> tensor<1x19x21x16xf32>
    nn.yield %p : tensor<1x19x21x16xf32>
  } -> tensor<1x19x21x16xf32> attributes {nodes = ["Mul", "Relu"]}
  %y = nn.kernel "conv" ins(%a, %w : tensor<1x19x21x16xf32>, tensor<32x1x1x16xf32>) {
  ^bb0(%0: tensor<1x19x21x16xf32>, %1: tensor<32x1x1x16xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x19x21x16xf32>, tensor<32x1x1x16xf32> -> tensor<1x19x21x32xf32>
    nn.yield %r : tensor<1x19x21x32xf32>
  } -> tensor<1x19x21x32xf32> attributes {nodes = ["Conv"]}
  return %y : tensor<1x19x21x32xf32>
}

// The caller reads it, too.
// CHECK-LABEL: @moves_what_is_before_beside_another_reader
// CHECK-NOT: "before"
// CHECK: nn.form = {name = "strips"
func.func @moves_what_is_before_beside_another_reader(%x: tensor<1x19x21x16xf32>) -> (tensor<1x19x21x32xf32>, tensor<1x19x21x16xf32>) {
  %s = nn.constant dense<2.0> : tensor<1x1x1x16xf32>
  %w = nn.constant dense<1.0> : tensor<32x1x1x16xf32>
  %k = nn.kernel "maker" ins(%x : tensor<1x19x21x16xf32>) {
  ^bb0(%0: tensor<1x19x21x16xf32>):
    %q = nn.softmax %0 axis 3 : tensor<1x19x21x16xf32> -> tensor<1x19x21x16xf32>
    nn.yield %q : tensor<1x19x21x16xf32>
  } -> tensor<1x19x21x16xf32>
  %a = nn.kernel "before" ins(%k, %s : tensor<1x19x21x16xf32>, tensor<1x1x1x16xf32>) {
  ^bb0(%0: tensor<1x19x21x16xf32>, %1: tensor<1x1x1x16xf32>):
    %m = nn.binary mul %0, %1 : tensor<1x19x21x16xf32>, tensor<1x1x1x16xf32> -> tensor<1x19x21x16xf32>
    %p = nn.unary relu %m : tensor<1x19x21x16xf32> -> tensor<1x19x21x16xf32>
    nn.yield %p : tensor<1x19x21x16xf32>
  } -> tensor<1x19x21x16xf32> attributes {nodes = ["Mul", "Relu"]}
  %y = nn.kernel "conv" ins(%a, %w : tensor<1x19x21x16xf32>, tensor<32x1x1x16xf32>) {
  ^bb0(%0: tensor<1x19x21x16xf32>, %1: tensor<32x1x1x16xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x19x21x16xf32>, tensor<32x1x1x16xf32> -> tensor<1x19x21x32xf32>
    nn.yield %r : tensor<1x19x21x32xf32>
  } -> tensor<1x19x21x32xf32> attributes {nodes = ["Conv"]}
  return %y, %k : tensor<1x19x21x32xf32>, tensor<1x19x21x16xf32>
}

// Strips for four threads would be more than half of these pixels.
// CHECK-LABEL: @keeps_few_pixels
// CHECK: nn.kernel "before"
// CHECK-NOT: nn.form
func.func @keeps_few_pixels(%x: tensor<1x11x17x16xf32>) -> tensor<1x11x17x32xf32> {
  %s = nn.constant dense<2.0> : tensor<1x1x1x16xf32>
  %w = nn.constant dense<1.0> : tensor<32x1x1x16xf32>
  %a = nn.kernel "before" ins(%x, %s : tensor<1x11x17x16xf32>, tensor<1x1x1x16xf32>) {
  ^bb0(%0: tensor<1x11x17x16xf32>, %1: tensor<1x1x1x16xf32>):
    %m = nn.binary mul %0, %1 : tensor<1x11x17x16xf32>, tensor<1x1x1x16xf32> -> tensor<1x11x17x16xf32>
    %p = nn.unary relu %m : tensor<1x11x17x16xf32> -> tensor<1x11x17x16xf32>
    nn.yield %p : tensor<1x11x17x16xf32>
  } -> tensor<1x11x17x16xf32> attributes {nodes = ["Mul", "Relu"]}
  %y = nn.kernel "conv" ins(%a, %w : tensor<1x11x17x16xf32>, tensor<32x1x1x16xf32>) {
  ^bb0(%0: tensor<1x11x17x16xf32>, %1: tensor<32x1x1x16xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x11x17x16xf32>, tensor<32x1x1x16xf32> -> tensor<1x11x17x32xf32>
    nn.yield %r : tensor<1x11x17x32xf32>
  } -> tensor<1x11x17x32xf32> attributes {nodes = ["Conv"]}
  return %y : tensor<1x11x17x32xf32>
}

// Pixels of a window are read several times, and zeros beside them.
// CHECK-LABEL: @keeps_windows
// CHECK: nn.kernel "before"
// CHECK-NOT: nn.form
func.func @keeps_windows(%x: tensor<1x19x21x16xf32>) -> tensor<1x19x21x32xf32> {
  %s = nn.constant dense<2.0> : tensor<1x1x1x16xf32>
  %w = nn.constant dense<1.0> : tensor<32x3x3x16xf32>
  %a = nn.kernel "before" ins(%x, %s : tensor<1x19x21x16xf32>, tensor<1x1x1x16xf32>) {
  ^bb0(%0: tensor<1x19x21x16xf32>, %1: tensor<1x1x1x16xf32>):
    %m = nn.binary mul %0, %1 : tensor<1x19x21x16xf32>, tensor<1x1x1x16xf32> -> tensor<1x19x21x16xf32>
    %p = nn.unary relu %m : tensor<1x19x21x16xf32> -> tensor<1x19x21x16xf32>
    nn.yield %p : tensor<1x19x21x16xf32>
  } -> tensor<1x19x21x16xf32> attributes {nodes = ["Mul", "Relu"]}
  %y = nn.kernel "conv" ins(%a, %w : tensor<1x19x21x16xf32>, tensor<32x3x3x16xf32>) {
  ^bb0(%0: tensor<1x19x21x16xf32>, %1: tensor<32x3x3x16xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x19x21x16xf32>, tensor<32x3x3x16xf32> -> tensor<1x19x21x32xf32>
    nn.yield %r : tensor<1x19x21x32xf32>
  } -> tensor<1x19x21x32xf32> attributes {nodes = ["Conv"]}
  return %y : tensor<1x19x21x32xf32>
}

// The caller reads what the elementwise kernel makes.
// CHECK-LABEL: @keeps_a_result_with_two_readers
// CHECK: nn.kernel "before"
// CHECK-NOT: nn.form
func.func @keeps_a_result_with_two_readers(%x: tensor<1x19x21x16xf32>) -> (tensor<1x19x21x32xf32>, tensor<1x19x21x16xf32>) {
  %s = nn.constant dense<2.0> : tensor<1x1x1x16xf32>
  %w = nn.constant dense<1.0> : tensor<32x1x1x16xf32>
  %a = nn.kernel "before" ins(%x, %s : tensor<1x19x21x16xf32>, tensor<1x1x1x16xf32>) {
  ^bb0(%0: tensor<1x19x21x16xf32>, %1: tensor<1x1x1x16xf32>):
    %m = nn.binary mul %0, %1 : tensor<1x19x21x16xf32>, tensor<1x1x1x16xf32> -> tensor<1x19x21x16xf32>
    %p = nn.unary relu %m : tensor<1x19x21x16xf32> -> tensor<1x19x21x16xf32>
    nn.yield %p : tensor<1x19x21x16xf32>
  } -> tensor<1x19x21x16xf32> attributes {nodes = ["Mul", "Relu"]}
  %y = nn.kernel "conv" ins(%a, %w : tensor<1x19x21x16xf32>, tensor<32x1x1x16xf32>) {
  ^bb0(%0: tensor<1x19x21x16xf32>, %1: tensor<32x1x1x16xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x19x21x16xf32>, tensor<32x1x1x16xf32> -> tensor<1x19x21x32xf32>
    nn.yield %r : tensor<1x19x21x32xf32>
  } -> tensor<1x19x21x32xf32> attributes {nodes = ["Conv"]}
  return %y, %a : tensor<1x19x21x32xf32>, tensor<1x19x21x16xf32>
}
}
