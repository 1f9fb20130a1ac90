// RUN: nncc-opt %s --nncc-pack-weights --nncc-choose-forms=form=direct --nncc-fuse-prologues --nncc-fuse-planes --nncc-fuse-chains | FileCheck %s

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 4096, l2_bytes = 8192>}} {
// An inverted residual: the image is added to what its third convolution makes of it. It is read twice, so that nothing is
// written over it.
// CHECK-LABEL: @joins_expansion_depthwise_and_projection
// CHECK-NOT: "expand"
// CHECK-NOT: "depthwise"
// CHECK: nn.kernel "project" ins(%{{.*}}, %[[X:.*]], %{{.*}}, %[[X]], %{{.*}} :
// CHECK: nn.conv2d
// CHECK: nn.unary relu
// CHECK: nn.conv2d
// CHECK: nn.conv2d
// CHECK: nn.binary add
// CHECK: nn.form = {name = "rows", rows = 1 : i64, scratch_bytes = {{[0-9]+}} : i64, slots = 4 : i64}
// CHECK-SAME: nodes = ["Conv_0", "Conv_1", "Conv_2", "Add"]
func.func @joins_expansion_depthwise_and_projection(%i: tensor<1x101x9x3xf32>) -> tensor<1x101x9x3xf32> {
  %u = nn.constant dense<1.0> : tensor<24x1x1x3xf32>
  %v = nn.constant dense<2.0> : tensor<24x3x3x1xf32>
  %w = nn.constant dense<3.0> : tensor<3x1x1x24xf32>
  %x = nn.kernel "before" ins(%i : tensor<1x101x9x3xf32>) {
  ^bb0(%0: tensor<1x101x9x3xf32>):
    %r = nn.unary exp %0 : tensor<1x101x9x3xf32> -> tensor<1x101x9x3xf32>
    nn.yield %r : tensor<1x101x9x3xf32>
  } -> tensor<1x101x9x3xf32> attributes {nodes = ["Exp"]}
  %a = nn.kernel "expand" ins(%x, %u : tensor<1x101x9x3xf32>, tensor<24x1x1x3xf32>) {
  ^bb0(%0: tensor<1x101x9x3xf32>, %1: tensor<24x1x1x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x3xf32>, tensor<24x1x1x3xf32> -> tensor<1x101x9x24xf32>
    %p = nn.unary relu %r : tensor<1x101x9x24xf32> -> tensor<1x101x9x24xf32>
    nn.yield %p : tensor<1x101x9x24xf32>
  } -> tensor<1x101x9x24xf32> attributes {nodes = ["Conv_0"]}
  %b = nn.kernel "depthwise" ins(%a, %v : tensor<1x101x9x24xf32>, tensor<24x3x3x1xf32>) {
  ^bb0(%0: tensor<1x101x9x24xf32>, %1: tensor<24x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 24 : tensor<1x101x9x24xf32>, tensor<24x3x3x1xf32> -> tensor<1x101x9x24xf32>
    nn.yield %r : tensor<1x101x9x24xf32>
  } -> tensor<1x101x9x24xf32> attributes {nodes = ["Conv_1"]}
  %y = nn.kernel "project" ins(%b, %w, %x : tensor<1x101x9x24xf32>, tensor<3x1x1x24xf32>, tensor<1x101x9x3xf32>) {
  ^bb0(%0: tensor<1x101x9x24xf32>, %1: tensor<3x1x1x24xf32>, %2: tensor<1x101x9x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x24xf32>, tensor<3x1x1x24xf32> -> tensor<1x101x9x3xf32>
    %s = nn.binary add %r, %2 : tensor<1x101x9x3xf32>, tensor<1x101x9x3xf32> -> tensor<1x101x9x3xf32>
    nn.yield %s : tensor<1x101x9x3xf32>
  } -> tensor<1x101x9x3xf32> attributes {nodes = ["Conv_2", "Add"]}
  return %y : tensor<1x101x9x3xf32>
}

// Another kernel finds room for fewer threads then: the arena falls by much.
// CHECK-LABEL: @joins_where_fewer_threads_share_another_kernel
// CHECK-NOT: "expand"
// CHECK: nn.kernel "project"
// CHECK: nn.form = {name = "rows"
func.func @joins_where_fewer_threads_share_another_kernel(%i: tensor<1x101x9x3xf32>) -> tensor<1x101x9x3xf32> {
  %u = nn.constant dense<1.0> : tensor<24x1x1x3xf32>
  %v = nn.constant dense<2.0> : tensor<24x3x3x1xf32>
  %w = nn.constant dense<3.0> : tensor<3x1x1x24xf32>
  %x = nn.kernel "before" ins(%i : tensor<1x101x9x3xf32>) {
  ^bb0(%0: tensor<1x101x9x3xf32>):
    %r = nn.unary exp %0 : tensor<1x101x9x3xf32> -> tensor<1x101x9x3xf32>
    nn.yield %r : tensor<1x101x9x3xf32>
  } -> tensor<1x101x9x3xf32> attributes {nodes = ["Exp"]}
  %a = nn.kernel "expand" ins(%x, %u : tensor<1x101x9x3xf32>, tensor<24x1x1x3xf32>) {
  ^bb0(%0: tensor<1x101x9x3xf32>, %1: tensor<24x1x1x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x3xf32>, tensor<24x1x1x3xf32> -> tensor<1x101x9x24xf32>
    %p = nn.unary relu %r : tensor<1x101x9x24xf32> -> tensor<1x101x9x24xf32>
    nn.yield %p : tensor<1x101x9x24xf32>
  } -> tensor<1x101x9x24xf32> attributes {nodes = ["Conv_0"]}
  %b = nn.kernel "depthwise" ins(%a, %v : tensor<1x101x9x24xf32>, tensor<24x3x3x1xf32>) {
  ^bb0(%0: tensor<1x101x9x24xf32>, %1: tensor<24x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 24 : tensor<1x101x9x24xf32>, tensor<24x3x3x1xf32> -> tensor<1x101x9x24xf32>
    nn.yield %r : tensor<1x101x9x24xf32>
  } -> tensor<1x101x9x24xf32> attributes {nodes = ["Conv_1"]}
  %y = nn.kernel "project" ins(%b, %w, %x : tensor<1x101x9x24xf32>, tensor<3x1x1x24xf32>, tensor<1x101x9x3xf32>) {
  ^bb0(%0: tensor<1x101x9x24xf32>, %1: tensor<3x1x1x24xf32>, %2: tensor<1x101x9x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x24xf32>, tensor<3x1x1x24xf32> -> tensor<1x101x9x3xf32>
    %s = nn.binary add %r, %2 : tensor<1x101x9x3xf32>, tensor<1x101x9x3xf32> -> tensor<1x101x9x3xf32>
    nn.yield %s : tensor<1x101x9x3xf32>
  } -> tensor<1x101x9x3xf32> attributes {nodes = ["Conv_2", "Add"]}
  %z = nn.kernel "other" ins(%y : tensor<1x101x9x3xf32>) {
  ^bb0(%0: tensor<1x101x9x3xf32>):
    %r = nn.unary exp %0 : tensor<1x101x9x3xf32> -> tensor<1x101x9x3xf32>
    nn.yield %r : tensor<1x101x9x3xf32>
  } -> tensor<1x101x9x3xf32> attributes {nn.forms = [{name = "winograd", scratch_bytes = 70000 : i64, slots = 15 : i64, strip = 8 : i64}, {name = "winograd", scratch_bytes = 10000 : i64, slots = 1 : i64, strip = 8 : i64}, {name = "direct"}]}
  return %z : tensor<1x101x9x3xf32>
}

// Here it would run in another way.
// CHECK-LABEL: @keeps_room_for_the_form_of_another_kernel
// CHECK: nn.kernel "expand"
// CHECK: nn.kernel "project"
func.func @keeps_room_for_the_form_of_another_kernel(%i: tensor<1x101x9x3xf32>) -> tensor<1x101x9x3xf32> {
  %u = nn.constant dense<1.0> : tensor<24x1x1x3xf32>
  %v = nn.constant dense<2.0> : tensor<24x3x3x1xf32>
  %w = nn.constant dense<3.0> : tensor<3x1x1x24xf32>
  %x = nn.kernel "before" ins(%i : tensor<1x101x9x3xf32>) {
  ^bb0(%0: tensor<1x101x9x3xf32>):
    %r = nn.unary exp %0 : tensor<1x101x9x3xf32> -> tensor<1x101x9x3xf32>
    nn.yield %r : tensor<1x101x9x3xf32>
  } -> tensor<1x101x9x3xf32> attributes {nodes = ["Exp"]}
  %a = nn.kernel "expand" ins(%x, %u : tensor<1x101x9x3xf32>, tensor<24x1x1x3xf32>) {
  ^bb0(%0: tensor<1x101x9x3xf32>, %1: tensor<24x1x1x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x3xf32>, tensor<24x1x1x3xf32> -> tensor<1x101x9x24xf32>
    %p = nn.unary relu %r : tensor<1x101x9x24xf32> -> tensor<1x101x9x24xf32>
    nn.yield %p : tensor<1x101x9x24xf32>
  } -> tensor<1x101x9x24xf32> attributes {nodes = ["Conv_0"]}
  %b = nn.kernel "depthwise" ins(%a, %v : tensor<1x101x9x24xf32>, tensor<24x3x3x1xf32>) {
  ^bb0(%0: tensor<1x101x9x24xf32>, %1: tensor<24x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 24 : tensor<1x101x9x24xf32>, tensor<24x3x3x1xf32> -> tensor<1x101x9x24xf32>
    nn.yield %r : tensor<1x101x9x24xf32>
  } -> tensor<1x101x9x24xf32> attributes {nodes = ["Conv_1"]}
  %y = nn.kernel "project" ins(%b, %w, %x : tensor<1x101x9x24xf32>, tensor<3x1x1x24xf32>, tensor<1x101x9x3xf32>) {
  ^bb0(%0: tensor<1x101x9x24xf32>, %1: tensor<3x1x1x24xf32>, %2: tensor<1x101x9x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x101x9x24xf32>, tensor<3x1x1x24xf32> -> tensor<1x101x9x3xf32>
    %s = nn.binary add %r, %2 : tensor<1x101x9x3xf32>, tensor<1x101x9x3xf32> -> tensor<1x101x9x3xf32>
    nn.yield %s : tensor<1x101x9x3xf32>
  } -> tensor<1x101x9x3xf32> attributes {nodes = ["Conv_2", "Add"]}
  %z = nn.kernel "other" ins(%y : tensor<1x101x9x3xf32>) {
  ^bb0(%0: tensor<1x101x9x3xf32>):
    %r = nn.unary exp %0 : tensor<1x101x9x3xf32> -> tensor<1x101x9x3xf32>
    nn.yield %r : tensor<1x101x9x3xf32>
  } -> tensor<1x101x9x3xf32> attributes {nn.forms = [{name = "winograd", scratch_bytes = 70000 : i64, slots = 15 : i64, strip = 8 : i64}, {name = "winograd", scratch_bytes = 10000 : i64, slots = 1 : i64, strip = 4 : i64}, {name = "direct"}]}
  return %z : tensor<1x101x9x3xf32>
}

// Where the arena is fullest there is no window, and nothing is gained.
// CHECK-LABEL: @joins_nothing_where_the_arena_stays
// CHECK: nn.kernel "first"
// CHECK: nn.kernel "second"
func.func @joins_nothing_where_the_arena_stays(%x: tensor<1x31x9x3xf32>, %m: tensor<800x700xf32>) -> (tensor<1x31x9x2xf32>, tensor<800x1xf32>) {
  %v = nn.constant dense<1.0> : tensor<5x1x1x3xf32>
  %w = nn.constant dense<2.0> : tensor<2x1x1x5xf32>
  %e = nn.kernel "wide" ins(%m : tensor<800x700xf32>) {
  ^bb0(%0: tensor<800x700xf32>):
    %r = nn.unary exp %0 : tensor<800x700xf32> -> tensor<800x700xf32>
    nn.yield %r : tensor<800x700xf32>
  } -> tensor<800x700xf32>
  %s = nn.kernel "sum" ins(%e : tensor<800x700xf32>) {
  ^bb0(%0: tensor<800x700xf32>):
    %r = nn.reduce sum %0 axes [1] : tensor<800x700xf32> -> tensor<800x1xf32>
    nn.yield %r : tensor<800x1xf32>
  } -> tensor<800x1xf32>
  %a = nn.kernel "first" ins(%x, %v : tensor<1x31x9x3xf32>, tensor<5x1x1x3xf32>) {
  ^bb0(%0: tensor<1x31x9x3xf32>, %1: tensor<5x1x1x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x31x9x3xf32>, tensor<5x1x1x3xf32> -> tensor<1x31x9x5xf32>
    nn.yield %r : tensor<1x31x9x5xf32>
  } -> tensor<1x31x9x5xf32>
  %y = nn.kernel "second" ins(%a, %w : tensor<1x31x9x5xf32>, tensor<2x1x1x5xf32>) {
  ^bb0(%0: tensor<1x31x9x5xf32>, %1: tensor<2x1x1x5xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x31x9x5xf32>, tensor<2x1x1x5xf32> -> tensor<1x31x9x2xf32>
    nn.yield %r : tensor<1x31x9x2xf32>
  } -> tensor<1x31x9x2xf32>
  return %y, %s : tensor<1x31x9x2xf32>, tensor<800x1xf32>
}
}
