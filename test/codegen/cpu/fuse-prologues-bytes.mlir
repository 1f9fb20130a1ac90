// RUN: nncc-opt %s --split-input-file --nncc-pack-weights --nncc-fuse-prologues | FileCheck %s

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 4096, l2_bytes = 262144>}} {
// Bytes that are computed with as floats: a norm of what a concatenation holds.
// CHECK-LABEL: @moves_what_makes_bytes
// CHECK-NOT: "before"
// CHECK: nn.quantize
// CHECK-NEXT: nn.conv2d
// CHECK: nn.form = {name = "strips"
func.func @moves_what_makes_bytes(%x: tensor<1x37x41x16xui8>) -> tensor<1x37x41x32xi32> {
  %s = nn.constant dense<2.0> : tensor<1x1x1x16xf32>
  %scale = nn.constant dense<0.5> : tensor<1x1x1x1xf32>
  %zero = nn.constant dense<3> : tensor<1x1x1x1xui8>
  %w = nn.constant dense<1> : tensor<32x1x1x16xi8>
  %a = nn.kernel "before" ins(%x, %s, %scale, %zero : tensor<1x37x41x16xui8>, tensor<1x1x1x16xf32>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xui8>) {
  ^bb0(%0: tensor<1x37x41x16xui8>, %1: tensor<1x1x1x16xf32>, %2: tensor<1x1x1x1xf32>, %3: tensor<1x1x1x1xui8>):
    %d = nn.dequantize %0, %2, %3 : tensor<1x37x41x16xui8>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xui8> -> tensor<1x37x41x16xf32>
    %m = nn.binary mul %d, %1 : tensor<1x37x41x16xf32>, tensor<1x1x1x16xf32> -> tensor<1x37x41x16xf32>
    %q = nn.quantize %m, %2, %3 : tensor<1x37x41x16xf32>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xui8> -> tensor<1x37x41x16xui8>
    nn.yield %q : tensor<1x37x41x16xui8>
  } -> tensor<1x37x41x16xui8> attributes {nodes = ["Mul"]}
  %y = nn.kernel "conv" ins(%a, %w : tensor<1x37x41x16xui8>, tensor<32x1x1x16xi8>) {
  ^bb0(%0: tensor<1x37x41x16xui8>, %1: tensor<32x1x1x16xi8>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x37x41x16xui8>, tensor<32x1x1x16xi8> -> tensor<1x37x41x32xi32>
    nn.yield %r : tensor<1x37x41x32xi32>
  } -> tensor<1x37x41x32xi32> attributes {nodes = ["Conv"]}
  return %y : tensor<1x37x41x32xi32>
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 4096, l2_bytes = 262144>}} {
// Where any kernel may take another form, that works in the memory of what is between.
// CHECK-LABEL: @keeps_bytes_beside_other_forms
// CHECK: nn.kernel "before"
func.func @keeps_bytes_beside_other_forms(%x: tensor<1x37x41x16xui8>, %z: tensor<1x5x5x3xf32>) -> (tensor<1x37x41x32xi32>, tensor<1x3x3x8xf32>) {
  %scale = nn.constant dense<0.5> : tensor<1x1x1x1xf32>
  %zero = nn.constant dense<3> : tensor<1x1x1x1xui8>
  %w = nn.constant dense<1> : tensor<32x1x1x16xi8>
  %v = nn.constant dense<1.0> : tensor<8x3x3x3xf32>
  %a = nn.kernel "before" ins(%x, %scale, %zero : tensor<1x37x41x16xui8>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xui8>) {
  ^bb0(%0: tensor<1x37x41x16xui8>, %2: tensor<1x1x1x1xf32>, %3: tensor<1x1x1x1xui8>):
    %d = nn.dequantize %0, %2, %3 : tensor<1x37x41x16xui8>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xui8> -> tensor<1x37x41x16xf32>
    %m = nn.unary exp %d : tensor<1x37x41x16xf32> -> tensor<1x37x41x16xf32>
    %q = nn.quantize %m, %2, %3 : tensor<1x37x41x16xf32>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xui8> -> tensor<1x37x41x16xui8>
    nn.yield %q : tensor<1x37x41x16xui8>
  } -> tensor<1x37x41x16xui8> attributes {nodes = ["Exp"]}
  %y = nn.kernel "conv" ins(%a, %w : tensor<1x37x41x16xui8>, tensor<32x1x1x16xi8>) {
  ^bb0(%0: tensor<1x37x41x16xui8>, %1: tensor<32x1x1x16xi8>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x37x41x16xui8>, tensor<32x1x1x16xi8> -> tensor<1x37x41x32xi32>
    nn.yield %r : tensor<1x37x41x32xi32>
  } -> tensor<1x37x41x32xi32> attributes {nodes = ["Conv"]}
  %u = nn.kernel "other" ins(%z, %v : tensor<1x5x5x3xf32>, tensor<8x3x3x3xf32>) {
  ^bb0(%0: tensor<1x5x5x3xf32>, %1: tensor<8x3x3x3xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x5x5x3xf32>, tensor<8x3x3x3xf32> -> tensor<1x3x3x8xf32>
    nn.yield %r : tensor<1x3x3x8xf32>
  } -> tensor<1x3x3x8xf32> attributes {nn.forms = [{}], nodes = ["Other"]}
  return %y, %u : tensor<1x37x41x32xi32>, tensor<1x3x3x8xf32>
}
}
