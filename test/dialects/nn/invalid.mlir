// RUN: nncc-opt %s --split-input-file --verify-diagnostics

func.func @conv2d_channels(%x: tensor<1x5x7x3xf32>, %w: tensor<4x1x1x2xf32>) {
  // expected-error@+2 {{filter has 2 input channels, expected 3}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = nn.conv2d %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x5x7x3xf32>, tensor<4x1x1x2xf32> -> tensor<1x5x7x4xf32>
  return
}

// -----

func.func @conv2d_window(%x: tensor<1x5x7x3xf32>, %w: tensor<4x6x1x3xf32>) {
  // expected-error@+2 {{a window of 6 with dilation 1 does not fit into 5 elements with pads 0 and 0}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = nn.conv2d %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x5x7x3xf32>, tensor<4x6x1x3xf32> -> tensor<1x1x7x4xf32>
  return
}

// -----

func.func @conv2d_result(%x: tensor<1x5x7x3xf32>, %w: tensor<4x1x1x3xf32>) {
  // expected-error@+2 {{failed to infer returned types}}
  // expected-error@+1 {{inferred type(s) 'tensor<1x5x7x4xf32>' are incompatible with return type(s) of operation 'tensor<1x5x7x5xf32>'}}
  %0 = nn.conv2d %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x5x7x3xf32>, tensor<4x1x1x3xf32> -> tensor<1x5x7x5xf32>
  return
}

// -----

func.func @binary_broadcast(%x: tensor<2x3xf32>, %y: tensor<2x4xf32>) {
  // expected-error@+2 {{do not broadcast}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = nn.binary add %x, %y : tensor<2x3xf32>, tensor<2x4xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @binary_types(%x: tensor<2x3xf32>, %y: tensor<2x3xi32>) {
  // expected-error@+2 {{element types differ: 'f32' and 'i32'}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = nn.binary add %x, %y : tensor<2x3xf32>, tensor<2x3xi32> -> tensor<2x3xf32>
  return
}

// -----

func.func @dynamic_shape(%x: tensor<?x3xf32>) {
  // expected-error@+1 {{operand #0 must be tensor of static shape}}
  %0 = nn.unary relu %x : tensor<?x3xf32> -> tensor<?x3xf32>
  return
}

// -----

func.func @matmul_inner_dims(%x: tensor<2x3xf32>, %y: tensor<4x5xf32>) {
  // expected-error@+2 {{inner dims differ: 3 and 4}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = nn.matmul %x, %y : tensor<2x3xf32>, tensor<4x5xf32> -> tensor<2x5xf32>
  return
}

// -----

func.func @transpose_perm(%x: tensor<2x3xf32>) {
  // expected-error@+2 {{perm is no permutation of 2 dims}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = nn.transpose %x [0, 0] : tensor<2x3xf32> -> tensor<2x2xf32>
  return
}

// -----

func.func @reshape_elements(%x: tensor<2x3xf32>) {
  // expected-error@+1 {{cannot turn 'tensor<2x3xf32>' into 'tensor<7xf32>'}}
  %0 = nn.reshape %x : tensor<2x3xf32> -> tensor<7xf32>
  return
}

// -----

func.func @slice_bounds(%x: tensor<2x7xf32>) {
  // expected-error@+2 {{start 5, size 3 and step 1 leave dim 1 of 7 elements}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = nn.slice %x starts [0, 5] sizes [2, 3] steps [1, 1] : tensor<2x7xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @concat_dims(%x: tensor<2x7xf32>, %y: tensor<3x7xf32>) {
  // expected-error@+2 {{dim 0 differs: 2 and 3}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = nn.concat %x, %y axis 1 : tensor<2x7xf32>, tensor<3x7xf32> -> tensor<2x14xf32>
  return
}

// -----

func.func @expand_shape(%x: tensor<2x7xf32>) {
  // expected-error@+1 {{cannot expand 'tensor<2x7xf32>' to 'tensor<4x7xf32>'}}
  %0 = nn.expand %x : tensor<2x7xf32> -> tensor<4x7xf32>
  return
}

// -----

func.func @reduce_axes(%x: tensor<2x7xf32>) {
  // expected-error@+2 {{axis 2 is not a dim of a tensor of rank 2}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = nn.reduce mean %x axes [2] : tensor<2x7xf32> -> tensor<2x7xf32>
  return
}

// -----

func.func @kernel_arguments(%x: tensor<2x7xf32>) {
  // expected-error@+1 {{has 1 inputs and 0 block arguments}}
  %0 = nn.kernel "k000" ins(%x : tensor<2x7xf32>) {
    %1 = nn.constant dense<0.0> : tensor<2x7xf32>
    nn.yield %1 : tensor<2x7xf32>
  } -> tensor<2x7xf32>
  return
}

// -----

func.func @kernel_destination(%x: memref<2x7xf32>, %y: memref<2x8xf32>) {
  // expected-error@+1 {{yielded value 0 of type 'tensor<2x7xf32>' does not fit its destination}}
  nn.kernel "k000" ins(%x : memref<2x7xf32>) outs(%y : memref<2x8xf32>) {
  ^bb0(%a: tensor<2x7xf32>):
    nn.yield %a : tensor<2x7xf32>
  }
  return
}

// -----

// expected-error@+1 {{a machine needs vector_bits >= 64 and registers >= 8}}
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 8, registers = 16>}} {}

// -----

// expected-error@+1 {{a dot takes 2, 4 or 8 products, of 1 or 2 rows}}
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 16, dots = [<instruction = "x", bits = 128, group = 3, lhs = i8, rhs = i8, adds = true, rows = 1>]>}} {}

// -----

// expected-error@+1 {{unknown machine number 'cores'}}
module attributes {nn.machines = {cpu0 = #nn.machine<cores = 8>}} {}

// -----

// expected-error@+1 {{values of at most 3 lanes are no power of two from 4 on}}
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, most_lanes = 3>}} {}

// -----

// expected-error@+1 {{no GPU has 8 registers for each of 16 threads of a warp}}
module attributes {nn.machines = {gpu0 = #nn.gpu<vector_bits = 128, registers = 8, warp = 16, tile_rows = 4, tile_columns = 4>}} {}

// -----

// expected-error@+1 {{a thread makes no tile of 4 pixels by 6 channels}}
module attributes {nn.machines = {gpu0 = #nn.gpu<vector_bits = 128, registers = 64, warp = 16, tile_rows = 4, tile_columns = 6>}} {}

// -----

module attributes {nn.machines = {gpu0 = #nn.gpu<vector_bits = 128, registers = 64, warp = 16, tile_rows = 4, tile_columns = 4>}} {
  module @gpu0 {
    func.func private @k000(%x: memref<2x3xf32>, %y: memref<2x3xf32>) {
      return
    }
  }
  func.func private @k000(%x: memref<2x3xf32>, %y: memref<2x3xf32>) {
    return
  }
  func.func @main(%x: memref<2x3xf32>, %y: memref<2x3xf32>) {
    // expected-error@+1 {{launches unknown function @gpu0::@k001}}
    nn.launch @k000 on @gpu0::@k001(%x, %y) {name = "k000"} : memref<2x3xf32>, memref<2x3xf32>
    return
  }
}

// -----

func.func @quantize_broadcast(%x: tensor<2x3xf32>, %s: tensor<2x2xf32>, %z: tensor<1x1xui8>) {
  // expected-error@+2 {{shapes 'tensor<2x3xf32>' and 'tensor<2x2xf32>' do not broadcast}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = nn.quantize %x, %s, %z : tensor<2x3xf32>, tensor<2x2xf32>, tensor<1x1xui8> -> tensor<2x3xui8>
  return
}

// -----

func.func @dequantize_zero_point(%x: tensor<2x3xi8>, %s: tensor<1x1xf32>, %z: tensor<1x1xui8>) {
  // expected-error@+2 {{the zero point is 'ui8', the input 'i8'}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = nn.dequantize %x, %s, %z : tensor<2x3xi8>, tensor<1x1xf32>, tensor<1x1xui8> -> tensor<2x3xf32>
  return
}

// -----

func.func @requantize_sum_shape(%a: tensor<2x3xi8>, %m: tensor<1x1xf32>) {
  // expected-error@+1 {{operands broadcast to another shape than that of the result, 'tensor<2x4xi8>'}}
  %0 = nn.requantize_sum %a * %m, %a * %m, %m : tensor<2x3xi8> * tensor<1x1xf32>, tensor<2x3xi8> * tensor<1x1xf32>, tensor<1x1xf32> -> tensor<2x4xi8>
  return
}

// -----

func.func @lookup_table(%x: tensor<2x3xi8>) {
  // expected-error@+2 {{the table is 'tensor<128xi8>', must be 256 integers of 8 bits}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = nn.lookup %x dense<7> : tensor<128xi8> : tensor<2x3xi8> -> tensor<2x3xi8>
  return
}

// -----

func.func @conv2d_zero_points(%x: tensor<1x5x7x3xui8>, %w: tensor<4x1x1x3xi8>, %zx: tensor<1xui8>, %zw: tensor<3xi8>) {
  // expected-error@+2 {{zero points are 'tensor<1xui8>' and 'tensor<3xi8>', must be one of the input, and one or 4 of the filter}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = nn.conv2d %x, %w zero_points (%zx, %zw) strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x5x7x3xui8>, tensor<4x1x1x3xi8> zero_points (tensor<1xui8>, tensor<3xi8>) -> tensor<1x5x7x4xi32>
  return
}

// -----

func.func @conv2d_widths(%x: tensor<1x5x7x3xui8>, %w: tensor<4x1x1x3xi32>) {
  // expected-error@+2 {{filter is 'i32', the input is 'ui8'}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = nn.conv2d %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x5x7x3xui8>, tensor<4x1x1x3xi32> -> tensor<1x5x7x4xi32>
  return
}

// -----

func.func @matmul_zero_point_along_inner_dim(%x: tensor<2x3xui8>, %y: tensor<3x5xi8>, %zx: tensor<1x3xui8>, %zy: tensor<1x1xi8>) {
  // expected-error@+2 {{a zero point of type 'tensor<1x3xui8>' does not fit an operand of type 'tensor<2x3xui8>'}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = nn.matmul %x, %y zero_points (%zx, %zy) : tensor<2x3xui8>, tensor<3x5xi8> zero_points (tensor<1x3xui8>, tensor<1x1xi8>) -> tensor<2x5xi32>
  return
}

// -----

func.func @forms(%x: tensor<3xf32>) {
  // expected-error@+1 {{has 'nn.forms' that are no dictionaries, or do not pack each input}}
  %0 = nn.kernel "k" ins(%x : tensor<3xf32>) {
  ^bb0(%a: tensor<3xf32>):
    %1 = nn.unary relu %a : tensor<3xf32> -> tensor<3xf32>
    nn.yield %1 : tensor<3xf32>
  } -> tensor<3xf32> attributes {nn.forms = [{name = "none", packings = [unit, unit]}]}
  return
}

// -----

func.func @matmul_widened_blocks(%x: tensor<2x9xf32>, %w: tensor<9x8xi8>, %s: tensor<2x8xf32>) {
  // expected-error@+2 {{a scale or zero point of type 'tensor<2x8xf32>' does not fit blocks of 4 of 'tensor<9x8xi8>'}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = nn.matmul_widened %x, %w scale %s block 4 bits 8 : tensor<2x9xf32>, tensor<9x8xi8> scale tensor<2x8xf32> -> tensor<2x8xf32>
  return
}

// -----

func.func @matmul_widened_scale(%x: tensor<2x9xf32>, %w: tensor<9x8xi8>, %s: tensor<3x8xf64>) {
  // expected-error@+2 {{a scale of 'f64'}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = nn.matmul_widened %x, %w scale %s block 4 bits 8 : tensor<2x9xf32>, tensor<9x8xi8> scale tensor<3x8xf64> -> tensor<2x8xf32>
  return
}

// -----

func.func @matmul_widened_bits(%x: tensor<2x9xf32>, %w: tensor<9x8xf16>) {
  // expected-error@+2 {{a right side of 'f16' has no 4 bits}}
  // expected-error@+1 {{failed to infer returned types}}
  %0 = nn.matmul_widened %x, %w block 9 bits 4 : tensor<2x9xf32>, tensor<9x8xf16> -> tensor<2x8xf32>
  return
}
