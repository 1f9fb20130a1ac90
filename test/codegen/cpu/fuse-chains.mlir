// RUN: nncc-opt %s --nncc-pack-weights --nncc-choose-forms=form=direct --nncc-fuse-prologues --nncc-fuse-planes --nncc-fuse-chains=join=false | FileCheck %s
// RUN: nncc-opt %s --nncc-pack-weights --nncc-choose-forms=form=direct --nncc-fuse-prologues --nncc-fuse-planes "--nncc-fuse-chains=saves-code=true join=false" | FileCheck %s --check-prefix=LITTLE

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 4096, l2_bytes = 8192>}} {
// Six rows between the convolutions for each of four threads are a quarter of all, and fit a quarter of the L2 cache: two
// of the output read five.
// CHECK-LABEL: @moves_a_convolution_into_a_depthwise_one
// CHECK-NOT: "first"
// CHECK: nn.kernel "second" ins(%[[W:.*]], %arg0, %[[V:.*]] : tensor<8x3x3x1xf32>, tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32>)
// CHECK-NEXT: ^bb0(%[[W:.*]]: tensor<8x3x3x1xf32>, %[[X:.*]]: tensor<1x101x9x3xf32>, %[[V:.*]]: tensor<8x1x1x3xf32>)
// CHECK-NEXT: %[[A:.*]] = nn.conv2d %[[X]], %[[V]]
// CHECK-NEXT: %[[P:.*]] = nn.unary relu %[[A]]
// CHECK-NEXT: nn.conv2d %[[P]], %[[W]]
// CHECK: nn.form = {name = "rows", rows = 2 : i64, scratch_bytes = 6144 : i64, slots = 4 : i64}
// CHECK-SAME: nn.packings = [#nn.packing<"panels", {{[^>]*}}>, unit, #nn.packing<"panels", {{[^>]*}}>]
// CHECK-SAME: nn.scratch_bytes = 6144
// CHECK-SAME: nn.whole_bytes = 29088
// CHECK-SAME: nodes = ["Conv_0", "Relu", "Conv_1"]
func.func @moves_a_convolution_into_a_depthwise_one(%x: tensor<1x101x9x3xf32>) -> tensor<1x51x5x8xf32> {
  %v = nn.constant dense<1.0> : tensor<8x1x1x3xf32>
  %w = nn.constant dense<2.0> : tensor<8x3x3x1xf32>
  %a = nn.kernel "first" ins(%x, %v : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32>) {
  ^bb0(%0: tensor<1x101x9x3xf32>, %1: tensor<8x1x1x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32> -> tensor<1x101x9x8xf32>
    %p = nn.unary relu %r : tensor<1x101x9x8xf32> -> tensor<1x101x9x8xf32>
    nn.yield %p : tensor<1x101x9x8xf32>
  } -> tensor<1x101x9x8xf32> attributes {nodes = ["Conv_0", "Relu"]}
  %y = nn.kernel "second" ins(%a, %w : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32>) {
  ^bb0(%0: tensor<1x101x9x8xf32>, %1: tensor<8x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x51x5x8xf32>
    nn.yield %r : tensor<1x51x5x8xf32>
  } -> tensor<1x51x5x8xf32> attributes {nodes = ["Conv_1"]}
  return %y : tensor<1x51x5x8xf32>
}

// Filters that are stored in 8 and 16 bits.
// CHECK-LABEL: @moves_what_reads_small_weights
// CHECK-NOT: "first"
// CHECK: nn.kernel "second" ins(%{{.*}}, %arg0, %{{.*}} : tensor<8x3x3x1xf16>, tensor<1x101x9x3xf32>, tensor<8x1x1x3xi8>)
// CHECK: nn.form = {name = "rows", rows = 2 : i64, scratch_bytes = 6144 : i64, slots = 4 : i64}
func.func @moves_what_reads_small_weights(%x: tensor<1x101x9x3xf32>) -> tensor<1x51x5x8xf32> {
  %v = nn.constant dense<1> : tensor<8x1x1x3xi8>
  %w = nn.constant dense<2.0> : tensor<8x3x3x1xf16>
  %a = nn.kernel "first" ins(%x, %v : tensor<1x101x9x3xf32>, tensor<8x1x1x3xi8>) {
  ^bb0(%0: tensor<1x101x9x3xf32>, %1: tensor<8x1x1x3xi8>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x3xf32>, tensor<8x1x1x3xi8> -> tensor<1x101x9x8xf32>
    %p = nn.unary relu %r : tensor<1x101x9x8xf32> -> tensor<1x101x9x8xf32>
    nn.yield %p : tensor<1x101x9x8xf32>
  } -> tensor<1x101x9x8xf32> attributes {nodes = ["Conv_0", "Relu"]}
  %y = nn.kernel "second" ins(%a, %w : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf16>) {
  ^bb0(%0: tensor<1x101x9x8xf32>, %1: tensor<8x3x3x1xf16>):
    %r = nn.conv2d %0, %1 strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf16> -> tensor<1x51x5x8xf32>
    nn.yield %r : tensor<1x51x5x8xf32>
  } -> tensor<1x51x5x8xf32> attributes {nodes = ["Conv_1"]}
  return %y : tensor<1x51x5x8xf32>
}

// What makes the image for it alone, of an input of the model and of what is the same for all lines, comes along: rows of
// it are made for each strip, in 4 x 384 bytes beside those between the convolutions.
// CHECK-LABEL: @makes_its_image_line_by_line
// CHECK-NOT: "image"
// CHECK: nn.kernel "second" ins(%{{.*}}, %{{.*}}, %arg0, %{{.*}} : tensor<8x3x3x1xf32>, tensor<8x1x1x3xf32>, tensor<1x101x9x3xui8>, tensor<1x1x9x3xf32>)
// CHECK: nn.cast
// CHECK: nn.binary add
// CHECK: nn.conv2d
// CHECK: nn.unary relu
// CHECK: nn.conv2d
// CHECK: nn.form = {name = "rows", rows = 2 : i64, scratch_bytes = 8448 : i64, slots = 4 : i64}
// CHECK-SAME: nodes = ["input x", "Conv_0", "Relu", "Conv_1"]
func.func @makes_its_image_line_by_line(%x: tensor<1x101x9x3xui8>) -> tensor<1x51x5x8xf32> {
  %m = nn.constant dense<3.0> : tensor<1x1x9x3xf32>
  %v = nn.constant dense<1.0> : tensor<8x1x1x3xf32>
  %w = nn.constant dense<2.0> : tensor<8x3x3x1xf32>
  %i = nn.kernel "image" ins(%x, %m : tensor<1x101x9x3xui8>, tensor<1x1x9x3xf32>) {
  ^bb0(%0: tensor<1x101x9x3xui8>, %1: tensor<1x1x9x3xf32>):
    %r = nn.cast %0 : tensor<1x101x9x3xui8> -> tensor<1x101x9x3xf32>
    %c = nn.binary add %r, %1 : tensor<1x101x9x3xf32>, tensor<1x1x9x3xf32> -> tensor<1x101x9x3xf32>
    nn.yield %c : tensor<1x101x9x3xf32>
  } -> tensor<1x101x9x3xf32> attributes {nodes = ["input x"]}
  %a = nn.kernel "first" ins(%i, %v : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32>) {
  ^bb0(%0: tensor<1x101x9x3xf32>, %1: tensor<8x1x1x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32> -> tensor<1x101x9x8xf32>
    %p = nn.unary relu %r : tensor<1x101x9x8xf32> -> tensor<1x101x9x8xf32>
    nn.yield %p : tensor<1x101x9x8xf32>
  } -> tensor<1x101x9x8xf32> attributes {nodes = ["Conv_0", "Relu"]}
  %y = nn.kernel "second" ins(%a, %w : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32>) {
  ^bb0(%0: tensor<1x101x9x8xf32>, %1: tensor<8x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x51x5x8xf32>
    nn.yield %r : tensor<1x51x5x8xf32>
  } -> tensor<1x51x5x8xf32> attributes {nodes = ["Conv_1"]}
  return %y : tensor<1x51x5x8xf32>
}

// Three of four bytes a pixel are read where they lie.
// CHECK-LABEL: @makes_its_image_of_three_of_four_bytes
// CHECK: %[[RGB:.*]] = nn.kernel "part" ins(%arg0
// CHECK-NOT: "image"
// CHECK: nn.kernel "second" ins(%{{.*}}, %{{.*}}, %[[RGB]] : tensor<8x3x3x1xf32>, tensor<8x1x1x3xf32>, tensor<1x101x9x3xui8>)
// CHECK: nn.form = {name = "rows"
func.func @makes_its_image_of_three_of_four_bytes(%x: tensor<1x101x9x4xui8>) -> tensor<1x51x5x8xf32> {
  %v = nn.constant dense<1.0> : tensor<8x1x1x3xf32>
  %w = nn.constant dense<2.0> : tensor<8x3x3x1xf32>
  %p = nn.kernel "part" ins(%x : tensor<1x101x9x4xui8>) {
  ^bb0(%0: tensor<1x101x9x4xui8>):
    %r = nn.slice %0 starts [0, 0, 0, 0] sizes [1, 101, 9, 3] steps [1, 1, 1, 1] : tensor<1x101x9x4xui8> -> tensor<1x101x9x3xui8>
    nn.yield %r : tensor<1x101x9x3xui8>
  } -> tensor<1x101x9x3xui8> attributes {nodes = ["input x"]}
  %i = nn.kernel "image" ins(%p : tensor<1x101x9x3xui8>) {
  ^bb0(%0: tensor<1x101x9x3xui8>):
    %r = nn.cast %0 : tensor<1x101x9x3xui8> -> tensor<1x101x9x3xf32>
    nn.yield %r : tensor<1x101x9x3xf32>
  } -> tensor<1x101x9x3xf32> attributes {nodes = ["input x"]}
  %a = nn.kernel "first" ins(%i, %v : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32>) {
  ^bb0(%0: tensor<1x101x9x3xf32>, %1: tensor<8x1x1x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32> -> tensor<1x101x9x8xf32>
    nn.yield %r : tensor<1x101x9x8xf32>
  } -> tensor<1x101x9x8xf32> attributes {nodes = ["Conv_0"]}
  %y = nn.kernel "second" ins(%a, %w : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32>) {
  ^bb0(%0: tensor<1x101x9x8xf32>, %1: tensor<8x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x51x5x8xf32>
    nn.yield %r : tensor<1x51x5x8xf32>
  } -> tensor<1x51x5x8xf32> attributes {nodes = ["Conv_1"]}
  return %y : tensor<1x51x5x8xf32>
}

// Of five or more, vectors would read more that is not asked for.
// CHECK-LABEL: @keeps_an_image_of_three_of_five_bytes
// CHECK: nn.kernel "image"
// CHECK: nn.form = {name = "rows"
func.func @keeps_an_image_of_three_of_five_bytes(%x: tensor<1x101x9x5xui8>) -> tensor<1x51x5x8xf32> {
  %v = nn.constant dense<1.0> : tensor<8x1x1x3xf32>
  %w = nn.constant dense<2.0> : tensor<8x3x3x1xf32>
  %p = nn.kernel "part" ins(%x : tensor<1x101x9x5xui8>) {
  ^bb0(%0: tensor<1x101x9x5xui8>):
    %r = nn.slice %0 starts [0, 0, 0, 0] sizes [1, 101, 9, 3] steps [1, 1, 1, 1] : tensor<1x101x9x5xui8> -> tensor<1x101x9x3xui8>
    nn.yield %r : tensor<1x101x9x3xui8>
  } -> tensor<1x101x9x3xui8> attributes {nodes = ["input x"]}
  %i = nn.kernel "image" ins(%p : tensor<1x101x9x3xui8>) {
  ^bb0(%0: tensor<1x101x9x3xui8>):
    %r = nn.cast %0 : tensor<1x101x9x3xui8> -> tensor<1x101x9x3xf32>
    nn.yield %r : tensor<1x101x9x3xf32>
  } -> tensor<1x101x9x3xf32> attributes {nodes = ["input x"]}
  %a = nn.kernel "first" ins(%i, %v : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32>) {
  ^bb0(%0: tensor<1x101x9x3xf32>, %1: tensor<8x1x1x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32> -> tensor<1x101x9x8xf32>
    nn.yield %r : tensor<1x101x9x8xf32>
  } -> tensor<1x101x9x8xf32> attributes {nodes = ["Conv_0"]}
  %y = nn.kernel "second" ins(%a, %w : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32>) {
  ^bb0(%0: tensor<1x101x9x8xf32>, %1: tensor<8x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x51x5x8xf32>
    nn.yield %r : tensor<1x51x5x8xf32>
  } -> tensor<1x51x5x8xf32> attributes {nodes = ["Conv_1"]}
  return %y : tensor<1x51x5x8xf32>
}

// An image that a table makes stays a kernel of its own, beside the chain.
// CHECK-LABEL: @keeps_an_image_of_a_table
// CHECK: nn.kernel "image"
// CHECK: nn.kernel "second"
// CHECK: nn.form = {name = "rows"
// CHECK-SAME: nodes = ["Conv_0", "Relu", "Conv_1"]
func.func @keeps_an_image_of_a_table(%x: tensor<1x101x9x3xui8>) -> tensor<1x51x5x8xf32> {
  %v = nn.constant dense<1.0> : tensor<8x1x1x3xf32>
  %w = nn.constant dense<2.0> : tensor<8x3x3x1xf32>
  %i = nn.kernel "image" ins(%x : tensor<1x101x9x3xui8>) {
  ^bb0(%0: tensor<1x101x9x3xui8>):
    %t = nn.lookup %0 dense<7> : tensor<256xui8> : tensor<1x101x9x3xui8> -> tensor<1x101x9x3xui8>
    %r = nn.cast %t : tensor<1x101x9x3xui8> -> tensor<1x101x9x3xf32>
    nn.yield %r : tensor<1x101x9x3xf32>
  } -> tensor<1x101x9x3xf32> attributes {nodes = ["Sigmoid"]}
  %a = nn.kernel "first" ins(%i, %v : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32>) {
  ^bb0(%0: tensor<1x101x9x3xf32>, %1: tensor<8x1x1x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32> -> tensor<1x101x9x8xf32>
    %p = nn.unary relu %r : tensor<1x101x9x8xf32> -> tensor<1x101x9x8xf32>
    nn.yield %p : tensor<1x101x9x8xf32>
  } -> tensor<1x101x9x8xf32> attributes {nodes = ["Conv_0", "Relu"]}
  %y = nn.kernel "second" ins(%a, %w : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32>) {
  ^bb0(%0: tensor<1x101x9x8xf32>, %1: tensor<8x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x51x5x8xf32>
    nn.yield %r : tensor<1x51x5x8xf32>
  } -> tensor<1x51x5x8xf32> attributes {nodes = ["Conv_1"]}
  return %y : tensor<1x51x5x8xf32>
}

// What is between would lie in z: the arena would not need it, and strips would lie there.
// CHECK-LABEL: @keeps_what_would_lie_in_an_output
// CHECK: nn.kernel "first"
// CHECK-NOT: nn.form
func.func @keeps_what_would_lie_in_an_output(%x: tensor<1x101x9x3xf32>) -> (tensor<1x51x5x8xf32>, tensor<8000xf32>) {
  %v = nn.constant dense<1.0> : tensor<8x1x1x3xf32>
  %w = nn.constant dense<2.0> : tensor<8x3x3x1xf32>
  %zeros = nn.constant dense<0.0> : tensor<8000xf32>
  %a = nn.kernel "first" ins(%x, %v : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32>) {
  ^bb0(%0: tensor<1x101x9x3xf32>, %1: tensor<8x1x1x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32> -> tensor<1x101x9x8xf32>
    nn.yield %r : tensor<1x101x9x8xf32>
  } -> tensor<1x101x9x8xf32>
  %y = nn.kernel "second" ins(%a, %w : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32>) {
  ^bb0(%0: tensor<1x101x9x8xf32>, %1: tensor<8x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x51x5x8xf32>
    nn.yield %r : tensor<1x51x5x8xf32>
  } -> tensor<1x51x5x8xf32>
  %m = nn.kernel "most" ins(%y : tensor<1x51x5x8xf32>) {
  ^bb0(%0: tensor<1x51x5x8xf32>):
    %r = nn.reduce max %0 axes [0, 1, 2, 3] : tensor<1x51x5x8xf32> -> tensor<1x1x1x1xf32>
    nn.yield %r : tensor<1x1x1x1xf32>
  } -> tensor<1x1x1x1xf32>
  %n = nn.reshape %m : tensor<1x1x1x1xf32> -> tensor<1xf32>
  %z = nn.kernel "wide" ins(%n, %zeros : tensor<1xf32>, tensor<8000xf32>) {
  ^bb0(%0: tensor<1xf32>, %1: tensor<8000xf32>):
    %r = nn.binary add %0, %1 : tensor<1xf32>, tensor<8000xf32> -> tensor<8000xf32>
    nn.yield %r : tensor<8000xf32>
  } -> tensor<8000xf32>
  return %y, %z : tensor<1x51x5x8xf32>, tensor<8000xf32>
}

// Here strips take less than the image does, 10,908 bytes of the arena: that is what the kernels took of it.
// CHECK-LABEL: @promises_nothing_of_outputs
// CHECK-NOT: "first"
// CHECK: nn.kernel "second"
// CHECK: nn.whole_bytes = 10908
func.func @promises_nothing_of_outputs(%x: tensor<1x102x10x3xf32>) -> (tensor<1x51x5x8xf32>, tensor<8000xf32>) {
  %v = nn.constant dense<1.0> : tensor<8x1x1x3xf32>
  %w = nn.constant dense<2.0> : tensor<8x3x3x1xf32>
  %zeros = nn.constant dense<0.0> : tensor<8000xf32>
  %image = nn.kernel "image" ins(%x : tensor<1x102x10x3xf32>) {
  ^bb0(%0: tensor<1x102x10x3xf32>):
    %r = nn.pool2d max %0 kernel [2, 2] strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] overhang [0, 0] : tensor<1x102x10x3xf32> -> tensor<1x101x9x3xf32>
    nn.yield %r : tensor<1x101x9x3xf32>
  } -> tensor<1x101x9x3xf32>
  %a = nn.kernel "first" ins(%image, %v : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32>) {
  ^bb0(%0: tensor<1x101x9x3xf32>, %1: tensor<8x1x1x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32> -> tensor<1x101x9x8xf32>
    nn.yield %r : tensor<1x101x9x8xf32>
  } -> tensor<1x101x9x8xf32>
  %y = nn.kernel "second" ins(%a, %w : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32>) {
  ^bb0(%0: tensor<1x101x9x8xf32>, %1: tensor<8x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x51x5x8xf32>
    nn.yield %r : tensor<1x51x5x8xf32>
  } -> tensor<1x51x5x8xf32>
  %m = nn.kernel "most" ins(%y : tensor<1x51x5x8xf32>) {
  ^bb0(%0: tensor<1x51x5x8xf32>):
    %r = nn.reduce max %0 axes [0, 1, 2, 3] : tensor<1x51x5x8xf32> -> tensor<1x1x1x1xf32>
    nn.yield %r : tensor<1x1x1x1xf32>
  } -> tensor<1x1x1x1xf32>
  %n = nn.reshape %m : tensor<1x1x1x1xf32> -> tensor<1xf32>
  %z = nn.kernel "wide" ins(%n, %zeros : tensor<1xf32>, tensor<8000xf32>) {
  ^bb0(%0: tensor<1xf32>, %1: tensor<8000xf32>):
    %r = nn.binary add %0, %1 : tensor<1xf32>, tensor<8000xf32> -> tensor<8000xf32>
    nn.yield %r : tensor<8000xf32>
  } -> tensor<8000xf32>
  return %y, %z : tensor<1x51x5x8xf32>, tensor<8000xf32>
}

// Of three in a row the larger tensor goes: the last two are one kernel.
// CHECK-LABEL: @moves_where_most_is_saved
// CHECK: nn.kernel "first"
// CHECK-NOT: "second"
// CHECK: nn.kernel "third"
// CHECK: nn.form = {name = "rows"
func.func @moves_where_most_is_saved(%x: tensor<1x101x9x3xf32>) -> tensor<1x50x4x16xf32> {
  %u = nn.constant dense<1.0> : tensor<8x1x1x3xf32>
  %v = nn.constant dense<1.0> : tensor<16x1x1x8xf32>
  %a = nn.kernel "first" ins(%x, %u : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32>) {
  ^bb0(%0: tensor<1x101x9x3xf32>, %1: tensor<8x1x1x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32> -> tensor<1x101x9x8xf32>
    nn.yield %r : tensor<1x101x9x8xf32>
  } -> tensor<1x101x9x8xf32>
  %b = nn.kernel "second" ins(%a, %v : tensor<1x101x9x8xf32>, tensor<16x1x1x8xf32>) {
  ^bb0(%0: tensor<1x101x9x8xf32>, %1: tensor<16x1x1x8xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x8xf32>, tensor<16x1x1x8xf32> -> tensor<1x101x9x16xf32>
    nn.yield %r : tensor<1x101x9x16xf32>
  } -> tensor<1x101x9x16xf32>
  %y = nn.kernel "third" ins(%b : tensor<1x101x9x16xf32>) {
  ^bb0(%0: tensor<1x101x9x16xf32>):
    %r = nn.pool2d max %0 kernel [2, 2] strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] overhang [0, 0] : tensor<1x101x9x16xf32> -> tensor<1x50x4x16xf32>
    nn.yield %r : tensor<1x50x4x16xf32>
  } -> tensor<1x50x4x16xf32>
  return %y : tensor<1x50x4x16xf32>
}

// Each of four threads begins with two rows that others make, too: 6 of 101. Eight rows are a third of all for them.
// CHECK-LABEL: @moves_windows_that_overlap
// CHECK-NOT: "first"
// CHECK: nn.form = {name = "rows", rows = 4 : i64, scratch_bytes = 7168 : i64, slots = 4 : i64}
// LITTLE-LABEL: @moves_windows_that_overlap
// LITTLE-NOT: "first"
// LITTLE: nn.form = {moves, name = "rows"
func.func @moves_windows_that_overlap(%x: tensor<1x101x9x3xf32>) -> tensor<1x99x7x8xf32> {
  %v = nn.constant dense<1.0> : tensor<8x1x1x3xf32>
  %w = nn.constant dense<2.0> : tensor<8x3x3x1xf32>
  %a = nn.kernel "first" ins(%x, %v : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32>) {
  ^bb0(%0: tensor<1x101x9x3xf32>, %1: tensor<8x1x1x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32> -> tensor<1x101x9x8xf32>
    nn.yield %r : tensor<1x101x9x8xf32>
  } -> tensor<1x101x9x8xf32>
  %y = nn.kernel "second" ins(%a, %w : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32>) {
  ^bb0(%0: tensor<1x101x9x8xf32>, %1: tensor<8x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 8 : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x99x7x8xf32>
    nn.yield %r : tensor<1x99x7x8xf32>
  } -> tensor<1x99x7x8xf32>
  return %y : tensor<1x99x7x8xf32>
}

// The arena is as large without this chain: it takes code for time.
// CHECK-LABEL: @moves_beside_a_larger_tensor
// CHECK-NOT: "first"
// CHECK: nn.form = {name = "rows"
// LITTLE-LABEL: @moves_beside_a_larger_tensor
// LITTLE: nn.kernel "first"
// LITTLE-NOT: nn.form
func.func @moves_beside_a_larger_tensor(%x: tensor<1x101x9x3xf32>, %u: tensor<100x90xf32>) -> (tensor<1x99x7x8xf32>, tensor<90x100xf32>) {
  %v = nn.constant dense<1.0> : tensor<8x1x1x3xf32>
  %w = nn.constant dense<2.0> : tensor<8x3x3x1xf32>
  %a = nn.kernel "first" ins(%x, %v : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32>) {
  ^bb0(%0: tensor<1x101x9x3xf32>, %1: tensor<8x1x1x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32> -> tensor<1x101x9x8xf32>
    nn.yield %r : tensor<1x101x9x8xf32>
  } -> tensor<1x101x9x8xf32>
  %y = nn.kernel "second" ins(%a, %w : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32>) {
  ^bb0(%0: tensor<1x101x9x8xf32>, %1: tensor<8x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 8 : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x99x7x8xf32>
    nn.yield %r : tensor<1x99x7x8xf32>
  } -> tensor<1x99x7x8xf32>
  %c = nn.kernel "third" ins(%u : tensor<100x90xf32>) {
  ^bb0(%0: tensor<100x90xf32>):
    %r = nn.unary exp %0 : tensor<100x90xf32> -> tensor<100x90xf32>
    nn.yield %r : tensor<100x90xf32>
  } -> tensor<100x90xf32>
  %d = nn.kernel "fourth" ins(%c : tensor<100x90xf32>) {
  ^bb0(%0: tensor<100x90xf32>):
    %r = nn.transpose %0 [1, 0] : tensor<100x90xf32> -> tensor<90x100xf32>
    nn.yield %r : tensor<90x100xf32>
  } -> tensor<90x100xf32>
  %e = nn.kernel "fifth" ins(%d : tensor<90x100xf32>) {
  ^bb0(%0: tensor<90x100xf32>):
    %r = nn.unary exp %0 : tensor<90x100xf32> -> tensor<90x100xf32>
    nn.yield %r : tensor<90x100xf32>
  } -> tensor<90x100xf32>
  return %y, %e : tensor<1x99x7x8xf32>, tensor<90x100xf32>
}

// Each of four threads would begin with two rows that others make, too: 6 of 49.
// CHECK-LABEL: @keeps_windows_that_overlap_much
// CHECK: nn.kernel "first"
// CHECK-NOT: nn.form
func.func @keeps_windows_that_overlap_much(%x: tensor<1x49x9x3xf32>) -> tensor<1x47x7x8xf32> {
  %v = nn.constant dense<1.0> : tensor<8x1x1x3xf32>
  %w = nn.constant dense<2.0> : tensor<8x3x3x1xf32>
  %a = nn.kernel "first" ins(%x, %v : tensor<1x49x9x3xf32>, tensor<8x1x1x3xf32>) {
  ^bb0(%0: tensor<1x49x9x3xf32>, %1: tensor<8x1x1x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x49x9x3xf32>, tensor<8x1x1x3xf32> -> tensor<1x49x9x8xf32>
    nn.yield %r : tensor<1x49x9x8xf32>
  } -> tensor<1x49x9x8xf32>
  %y = nn.kernel "second" ins(%a, %w : tensor<1x49x9x8xf32>, tensor<8x3x3x1xf32>) {
  ^bb0(%0: tensor<1x49x9x8xf32>, %1: tensor<8x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 8 : tensor<1x49x9x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x47x7x8xf32>
    nn.yield %r : tensor<1x47x7x8xf32>
  } -> tensor<1x47x7x8xf32>
  return %y : tensor<1x47x7x8xf32>
}

// The rows inside of the image would have no padding: dot products, which are no contraction.
// CHECK-LABEL: @keeps_one_output_channel_between_rows_of_padding
// CHECK: nn.kernel "first"
// CHECK-NOT: nn.form
func.func @keeps_one_output_channel_between_rows_of_padding(%x: tensor<1x101x9x3xf32>) -> tensor<1x103x9x1xf32> {
  %v = nn.constant dense<1.0> : tensor<8x1x1x3xf32>
  %w = nn.constant dense<2.0> : tensor<1x1x1x8xf32>
  %a = nn.kernel "first" ins(%x, %v : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32>) {
  ^bb0(%0: tensor<1x101x9x3xf32>, %1: tensor<8x1x1x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32> -> tensor<1x101x9x8xf32>
    nn.yield %r : tensor<1x101x9x8xf32>
  } -> tensor<1x101x9x8xf32>
  %y = nn.kernel "second" ins(%a, %w : tensor<1x101x9x8xf32>, tensor<1x1x1x8xf32>) {
  ^bb0(%0: tensor<1x101x9x8xf32>, %1: tensor<1x1x1x8xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 0, 1, 0] dilations [1, 1] groups 1 : tensor<1x101x9x8xf32>, tensor<1x1x1x8xf32> -> tensor<1x103x9x1xf32>
    nn.yield %r : tensor<1x103x9x1xf32>
  } -> tensor<1x103x9x1xf32>
  return %y : tensor<1x103x9x1xf32>
}

// Strips would lie in the arena beside an input and a result that are as large as what is between them.
// CHECK-LABEL: @keeps_what_would_make_the_arena_larger
// CHECK: nn.kernel "first"
// CHECK-NOT: nn.form
func.func @keeps_what_would_make_the_arena_larger(%x: tensor<1x101x9x8xf32>) -> tensor<1x101x9x8xf32> {
  %v = nn.constant dense<1.0> : tensor<8x1x1x8xf32>
  %w = nn.constant dense<2.0> : tensor<8x1x1x8xf32>
  %a = nn.kernel "first" ins(%x, %v : tensor<1x101x9x8xf32>, tensor<8x1x1x8xf32>) {
  ^bb0(%0: tensor<1x101x9x8xf32>, %1: tensor<8x1x1x8xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x8xf32>, tensor<8x1x1x8xf32> -> tensor<1x101x9x8xf32>
    nn.yield %r : tensor<1x101x9x8xf32>
  } -> tensor<1x101x9x8xf32>
  %y = nn.kernel "second" ins(%a, %w : tensor<1x101x9x8xf32>, tensor<8x1x1x8xf32>) {
  ^bb0(%0: tensor<1x101x9x8xf32>, %1: tensor<8x1x1x8xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x8xf32>, tensor<8x1x1x8xf32> -> tensor<1x101x9x8xf32>
    nn.yield %r : tensor<1x101x9x8xf32>
  } -> tensor<1x101x9x8xf32>
  return %y : tensor<1x101x9x8xf32>
}

// The caller reads what is between, too.
// CHECK-LABEL: @keeps_a_result_with_two_readers
// CHECK: nn.kernel "first"
// CHECK-NOT: nn.form
func.func @keeps_a_result_with_two_readers(%x: tensor<1x101x9x3xf32>) -> (tensor<1x51x5x8xf32>, tensor<1x101x9x8xf32>) {
  %v = nn.constant dense<1.0> : tensor<8x1x1x3xf32>
  %w = nn.constant dense<2.0> : tensor<8x3x3x1xf32>
  %a = nn.kernel "first" ins(%x, %v : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32>) {
  ^bb0(%0: tensor<1x101x9x3xf32>, %1: tensor<8x1x1x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32> -> tensor<1x101x9x8xf32>
    nn.yield %r : tensor<1x101x9x8xf32>
  } -> tensor<1x101x9x8xf32>
  %y = nn.kernel "second" ins(%a, %w : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32>) {
  ^bb0(%0: tensor<1x101x9x8xf32>, %1: tensor<8x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x51x5x8xf32>
    nn.yield %r : tensor<1x51x5x8xf32>
  } -> tensor<1x51x5x8xf32>
  return %y, %a : tensor<1x51x5x8xf32>, tensor<1x101x9x8xf32>
}

// What makes an image is a transposition away from the convolution that reads its planes.
// CHECK-LABEL: @keeps_planes_that_a_convolution_makes
// CHECK: nn.kernel "first"
// CHECK: nn.kernel "second"
// CHECK-NOT: nn.form
func.func @keeps_planes_that_a_convolution_makes(%x: tensor<64x4x4x16xf32>) -> tensor<64x4x512x2xf32> {
  %v = nn.constant dense<1.0> : tensor<512x1x1x16xf32>
  %w = nn.constant dense<2.0> : tensor<2x3x3x4xf32>
  %a = nn.kernel "first" ins(%x, %v : tensor<64x4x4x16xf32>, tensor<512x1x1x16xf32>) {
  ^bb0(%0: tensor<64x4x4x16xf32>, %1: tensor<512x1x1x16xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<64x4x4x16xf32>, tensor<512x1x1x16xf32> -> tensor<64x4x4x512xf32>
    nn.yield %r : tensor<64x4x4x512xf32>
  } -> tensor<64x4x4x512xf32>
  %t = nn.kernel "transposed" ins(%a : tensor<64x4x4x512xf32>) {
  ^bb0(%0: tensor<64x4x4x512xf32>):
    %r = nn.transpose %0 [0, 2, 3, 1] : tensor<64x4x4x512xf32> -> tensor<64x4x512x4xf32>
    nn.yield %r : tensor<64x4x512x4xf32>
  } -> tensor<64x4x512x4xf32>
  %y = nn.kernel "second" ins(%t, %w : tensor<64x4x512x4xf32>, tensor<2x3x3x4xf32>) {
  ^bb0(%0: tensor<64x4x512x4xf32>, %1: tensor<2x3x3x4xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<64x4x512x4xf32>, tensor<2x3x3x4xf32> -> tensor<64x4x512x2xf32>
    nn.yield %r : tensor<64x4x512x2xf32>
  } -> tensor<64x4x512x2xf32>
  return %y : tensor<64x4x512x2xf32>
}

// A depthwise convolution that does not sweep adds up its taps along the axis of more pixels: one row at a time in another
// order than two. One that sweeps does not.
// CHECK-LABEL: @keeps_sums_whose_order_depends_on_rows
// LITTLE-LABEL: @keeps_sums_whose_order_depends_on_rows
// CHECK: nn.kernel "first"
// CHECK-NOT: nn.form
// CHECK-LABEL: @moves_a_sweep_ahead
// CHECK: nn.form = {name = "rows"
func.func @keeps_sums_whose_order_depends_on_rows(%x: tensor<1x101x9x8xf32>) -> tensor<1x51x5x8xf32> {
  %v = nn.constant dense<1.0> : tensor<8x3x3x1xf32>
  %w = nn.constant dense<2.0> : tensor<8x3x3x1xf32>
  %a = nn.kernel "first" ins(%x, %v : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32>) {
  ^bb0(%0: tensor<1x101x9x8xf32>, %1: tensor<8x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 2, 1, 2] dilations [1, 2] groups 8 : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x101x9x8xf32>
    nn.yield %r : tensor<1x101x9x8xf32>
  } -> tensor<1x101x9x8xf32> attributes {nodes = ["Conv_0"]}
  %y = nn.kernel "second" ins(%a, %w : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32>) {
  ^bb0(%0: tensor<1x101x9x8xf32>, %1: tensor<8x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x51x5x8xf32>
    nn.yield %r : tensor<1x51x5x8xf32>
  } -> tensor<1x51x5x8xf32> attributes {nodes = ["Conv_1"]}
  return %y : tensor<1x51x5x8xf32>
}
func.func @moves_a_sweep_ahead(%x: tensor<1x101x9x8xf32>) -> tensor<1x51x5x8xf32> {
  %v = nn.constant dense<1.0> : tensor<8x3x3x1xf32>
  %w = nn.constant dense<2.0> : tensor<8x3x3x1xf32>
  %a = nn.kernel "first" ins(%x, %v : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32>) {
  ^bb0(%0: tensor<1x101x9x8xf32>, %1: tensor<8x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x101x9x8xf32>
    nn.yield %r : tensor<1x101x9x8xf32>
  } -> tensor<1x101x9x8xf32> attributes {nodes = ["Conv_0"]}
  %y = nn.kernel "second" ins(%a, %w : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32>) {
  ^bb0(%0: tensor<1x101x9x8xf32>, %1: tensor<8x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x51x5x8xf32>
    nn.yield %r : tensor<1x51x5x8xf32>
  } -> tensor<1x51x5x8xf32> attributes {nodes = ["Conv_1"]}
  return %y : tensor<1x51x5x8xf32>
}

// A transposed convolution has no window that a chain could begin with, and stays behind the chain.
// CHECK-LABEL: @leaves_a_transposed_convolution_behind
// CHECK-NOT: "first"
// CHECK: nn.kernel "second"
// CHECK: nn.form = {name = "rows"
// CHECK: nn.kernel "third"
// CHECK: nn.conv_transpose2d
func.func @leaves_a_transposed_convolution_behind(%x: tensor<1x101x9x3xf32>) -> tensor<1x102x10x4xf32> {
  %v = nn.constant dense<1.0> : tensor<8x1x1x3xf32>
  %w = nn.constant dense<2.0> : tensor<8x3x3x1xf32>
  %u = nn.constant dense<3.0> : tensor<4x2x2x8xf32>
  %a = nn.kernel "first" ins(%x, %v : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32>) {
  ^bb0(%0: tensor<1x101x9x3xf32>, %1: tensor<8x1x1x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x3xf32>, tensor<8x1x1x3xf32> -> tensor<1x101x9x8xf32>
    %p = nn.unary relu %r : tensor<1x101x9x8xf32> -> tensor<1x101x9x8xf32>
    nn.yield %p : tensor<1x101x9x8xf32>
  } -> tensor<1x101x9x8xf32> attributes {nodes = ["Conv_0", "Relu"]}
  %b = nn.kernel "second" ins(%a, %w : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32>) {
  ^bb0(%0: tensor<1x101x9x8xf32>, %1: tensor<8x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x101x9x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x51x5x8xf32>
    nn.yield %r : tensor<1x51x5x8xf32>
  } -> tensor<1x51x5x8xf32> attributes {nodes = ["Conv_1"]}
  %y = nn.kernel "third" ins(%b, %u : tensor<1x51x5x8xf32>, tensor<4x2x2x8xf32>) {
  ^bb0(%0: tensor<1x51x5x8xf32>, %1: tensor<4x2x2x8xf32>):
    %r = nn.conv_transpose2d %0, %1 strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] output_padding [0, 0] groups 1 : tensor<1x51x5x8xf32>, tensor<4x2x2x8xf32> -> tensor<1x102x10x4xf32>
    nn.yield %r : tensor<1x102x10x4xf32>
  } -> tensor<1x102x10x4xf32> attributes {nodes = ["ConvTranspose_2"]}
  return %y : tensor<1x102x10x4xf32>
}
}
