// RUN: nncc-opt %s --nncc-plan-memory | FileCheck %s
// RUN: nncc-opt %s --nncc-plan-memory=reuse=false | FileCheck %s --check-prefix=APART

// Both branches begin with a large tensor and end with a small one: the first runs to its end before the second begins.
// The bound is the input of both, a large and a small tensor, in the step that makes the small one. In the order of the
// file it would be 240 + 2 x 4800.
// CHECK-LABEL: func.func @main
// CHECK-SAME:  memref<5296xi8> {nn.memory = "arena"}
// CHECK-SAME:  nn.arena_lower_bound = 5280 : i64
// CHECK-SAME:  nn.peak_kernel = 2 : i64
// CHECK-SAME:  nn.peak_tensors = [{bytes = 240 : i64, kernel = "k0",
// CHECK-SAME:  {bytes = 4800 : i64, kernel = "k1",
// CHECK-SAME:  {bytes = 240 : i64, kernel = "k3",
// CHECK:       nn.kernel "k0"
// CHECK:       nn.kernel "k1"
// CHECK:       nn.kernel "k3"
// CHECK:       nn.kernel "k2"
// CHECK:       nn.kernel "k4"
// CHECK:       nn.kernel "k5"

// Without reuse there is nothing to gain: the order stays.
// APART: nn.kernel "k2"
// APART: nn.kernel "k3"
func.func @main(%x: tensor<1x3x4x5xf32> {nn.name = "x"}) -> (tensor<1x3x4x5xf16> {nn.name = "y"}) {
  %wide = nn.constant dense<0.5> : tensor<100x1x1x5xf32>
  %narrow = nn.constant dense<0.5> : tensor<5x1x1x100xf32>
  %0 = nn.kernel "k0" ins(%x : tensor<1x3x4x5xf32>) {
  ^bb0(%p: tensor<1x3x4x5xf32>):
    %a = nn.unary tanh %p : tensor<1x3x4x5xf32> -> tensor<1x3x4x5xf32>
    nn.yield %a : tensor<1x3x4x5xf32>
  } -> tensor<1x3x4x5xf32>
  %1 = nn.kernel "k1" ins(%0, %wide : tensor<1x3x4x5xf32>, tensor<100x1x1x5xf32>) {
  ^bb0(%p: tensor<1x3x4x5xf32>, %q: tensor<100x1x1x5xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x5xf32>, tensor<100x1x1x5xf32> -> tensor<1x3x4x100xf32>
    nn.yield %a : tensor<1x3x4x100xf32>
  } -> tensor<1x3x4x100xf32>
  %2 = nn.kernel "k2" ins(%0, %wide : tensor<1x3x4x5xf32>, tensor<100x1x1x5xf32>) {
  ^bb0(%p: tensor<1x3x4x5xf32>, %q: tensor<100x1x1x5xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x5xf32>, tensor<100x1x1x5xf32> -> tensor<1x3x4x100xf32>
    %b = nn.unary relu %a : tensor<1x3x4x100xf32> -> tensor<1x3x4x100xf32>
    nn.yield %b : tensor<1x3x4x100xf32>
  } -> tensor<1x3x4x100xf32>
  %3 = nn.kernel "k3" ins(%1, %narrow : tensor<1x3x4x100xf32>, tensor<5x1x1x100xf32>) {
  ^bb0(%p: tensor<1x3x4x100xf32>, %q: tensor<5x1x1x100xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x100xf32>, tensor<5x1x1x100xf32> -> tensor<1x3x4x5xf32>
    nn.yield %a : tensor<1x3x4x5xf32>
  } -> tensor<1x3x4x5xf32>
  %4 = nn.kernel "k4" ins(%2, %narrow : tensor<1x3x4x100xf32>, tensor<5x1x1x100xf32>) {
  ^bb0(%p: tensor<1x3x4x100xf32>, %q: tensor<5x1x1x100xf32>):
    %a = nn.conv2d %p, %q strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x3x4x100xf32>, tensor<5x1x1x100xf32> -> tensor<1x3x4x5xf32>
    nn.yield %a : tensor<1x3x4x5xf32>
  } -> tensor<1x3x4x5xf32>
  // Its result is smaller than what it reads, which so cannot lie in the caller's memory.
  %5 = nn.kernel "k5" ins(%3, %4 : tensor<1x3x4x5xf32>, tensor<1x3x4x5xf32>) {
  ^bb0(%p: tensor<1x3x4x5xf32>, %q: tensor<1x3x4x5xf32>):
    %a = nn.binary add %p, %q : tensor<1x3x4x5xf32>, tensor<1x3x4x5xf32> -> tensor<1x3x4x5xf32>
    %b = nn.cast %a : tensor<1x3x4x5xf32> -> tensor<1x3x4x5xf16>
    nn.yield %b : tensor<1x3x4x5xf16>
  } -> tensor<1x3x4x5xf16>
  return %5 : tensor<1x3x4x5xf16>
}
