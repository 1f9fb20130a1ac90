// Recipes of packed weights that are not those of their kernel.
// RUN: nncc-opt %s --nncc-emit-contractions --split-input-file --verify-diagnostics

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
func.func @depth(%x: memref<12x7xf32>, %w: memref<448xi8>, %y: memref<12x16xf32>) {
  // expected-error @+1 {{'nn.kernel' op has packed weights, but no micro-kernel runs it: the weights are packed in another way}}
  nn.kernel "k" ins(%x, %w : memref<12x7xf32>, memref<448xi8>) outs(%y : memref<12x16xf32>) {
  ^bb0(%0: tensor<12x7xf32>, %1: tensor<7x16xf32>):
    %r = nn.matmul %0, %1 : tensor<12x7xf32>, tensor<7x16xf32> -> tensor<12x16xf32>
    nn.yield %r : tensor<12x16xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [448, 1, 16, 4294967297, 16, 8, 1]>]}
  return
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
func.func @batches(%x: memref<3x12x7xf32>, %w: memref<1344xi8>, %y: memref<3x12x16xf32>) {
  // expected-error @+1 {{'nn.kernel' op has packed weights, but no micro-kernel runs it: the weights are packed in another way}}
  nn.kernel "k" ins(%x, %w : memref<3x12x7xf32>, memref<1344xi8>) outs(%y : memref<3x12x16xf32>) {
  ^bb0(%0: tensor<3x12x7xf32>, %1: tensor<3x7x16xf32>):
    %r = nn.matmul %0, %1 : tensor<3x12x7xf32>, tensor<3x7x16xf32> -> tensor<3x12x16xf32>
    nn.yield %r : tensor<3x12x16xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [448, 1, 16, 7, 16, 8, 1]>]}
  return
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
func.func @lanes(%x: memref<12x7xf32>, %w: memref<448xi8>, %y: memref<12x16xf32>) {
  // expected-error @+1 {{'nn.kernel' op has packed weights, but no micro-kernel runs it: the weights are packed in another way}}
  nn.kernel "k" ins(%x, %w : memref<12x7xf32>, memref<448xi8>) outs(%y : memref<12x16xf32>) {
  ^bb0(%0: tensor<12x7xf32>, %1: tensor<7x16xf32>):
    %r = nn.matmul %0, %1 : tensor<12x7xf32>, tensor<7x16xf32> -> tensor<12x16xf32>
    nn.yield %r : tensor<12x16xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [448, 1, 16, 7, 16, 16, 1]>]}
  return
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
func.func @panel_of_part_of_a_vector(%x: memref<12x7xf32>, %w: memref<448xi8>, %y: memref<12x16xf32>) {
  // expected-error @+1 {{'nn.kernel' op has packed weights, but no micro-kernel runs it: the weights are packed in another way}}
  nn.kernel "k" ins(%x, %w : memref<12x7xf32>, memref<448xi8>) outs(%y : memref<12x16xf32>) {
  ^bb0(%0: tensor<12x7xf32>, %1: tensor<7x16xf32>):
    %r = nn.matmul %0, %1 : tensor<12x7xf32>, tensor<7x16xf32> -> tensor<12x16xf32>
    nn.yield %r : tensor<12x16xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [448, 1, 16, 7, 12, 8, 1]>]}
  return
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
func.func @panel_of_too_many_registers(%x: memref<12x7xf32>, %w: memref<448xi8>, %y: memref<12x16xf32>) {
  // expected-error @+1 {{'nn.kernel' op has packed weights, but no micro-kernel runs it: the weights are packed in another way}}
  nn.kernel "k" ins(%x, %w : memref<12x7xf32>, memref<448xi8>) outs(%y : memref<12x16xf32>) {
  ^bb0(%0: tensor<12x7xf32>, %1: tensor<7x16xf32>):
    %r = nn.matmul %0, %1 : tensor<12x7xf32>, tensor<7x16xf32> -> tensor<12x16xf32>
    nn.yield %r : tensor<12x16xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [448, 1, 16, 7, 4611686018427387904, 8, 1]>]}
  return
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
func.func @less_memory(%x: memref<12x7xf32>, %w: memref<4xi8>, %y: memref<12x16xf32>) {
  // expected-error @+1 {{'nn.kernel' op has packed weights, but no micro-kernel runs it: the packed weights are larger than their memory}}
  nn.kernel "k" ins(%x, %w : memref<12x7xf32>, memref<4xi8>) outs(%y : memref<12x16xf32>) {
  ^bb0(%0: tensor<12x7xf32>, %1: tensor<7x16xf32>):
    %r = nn.matmul %0, %1 : tensor<12x7xf32>, tensor<7x16xf32> -> tensor<12x16xf32>
    nn.yield %r : tensor<12x16xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [448, 1, 16, 7, 16, 8, 1]>]}
  return
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144, dots = [<instruction = "llvm.x86.avx2.pmadd.ub.sw", bits = 256, group = 4, lhs = ui8, rhs = i8, adds = false, rows = 1, wordSum = "llvm.x86.avx2.pmadd.wd", shuffle = "llvm.x86.ssse3.pshuf.b.128">, <instruction = "llvm.x86.avx2.pmadd.wd", bits = 256, group = 2, lhs = i16, rhs = i16, adds = false, rows = 1>]>}} {
func.func @order(%x: memref<24x70xi8>, %w: memref<1280xi8>, %y: memref<24x16xi32>) {
  // expected-error @+1 {{'nn.kernel' op has packed weights, but no micro-kernel runs it: the weights are packed in another order}}
  nn.kernel "k" ins(%x, %w : memref<24x70xi8>, memref<1280xi8>) outs(%y : memref<24x16xi32>) {
  ^bb0(%0: tensor<24x70xui8>, %1: tensor<70x16xi8>):
    %s = nn.matmul %0, %1 : tensor<24x70xui8>, tensor<70x16xi8> -> tensor<24x16xi32>
    nn.yield %s : tensor<24x16xi32>
  } attributes {nn.packings = [unit, #nn.packing<"ordered_bytes", [1280, 1, 16, 70, 16, 8, 1, 4, 70, 1, 0]>]}
  return
}
}

// -----

// Of a chain: its first window's weights take 96 bytes.
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
func.func @part(%x: memref<1x7x5x3xf32>, %v: memref<2xi8>, %w: memref<288xi8>, %y: memref<1x7x5x8xf32>, %s: memref<1536xi8>) {
  // expected-error @+1 {{'nn.kernel' op has packed weights, but no micro-kernel runs it: the packed weights are larger than their memory}}
  nn.kernel "k" ins(%w, %x, %v : memref<288xi8>, memref<1x7x5x3xf32>, memref<2xi8>) outs(%y : memref<1x7x5x8xf32>) scratch(%s : memref<1536xi8>) {
  ^bb0(%0: tensor<8x3x3x1xf32>, %1: tensor<1x7x5x3xf32>, %2: tensor<8x1x1x3xf32>):
    %a = nn.conv2d %1, %2 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x7x5x3xf32>, tensor<8x1x1x3xf32> -> tensor<1x7x5x8xf32>
    %r = nn.conv2d %a, %0 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x7x5x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x7x5x8xf32>
    nn.yield %r : tensor<1x7x5x8xf32>
  } attributes {nn.form = {name = "rows", rows = 2, scratch_bytes = 1536, slots = 2},
                nn.packings = [#nn.packing<"panels", [288, 1, 8, 9, 8, 8, 0]>, unit, #nn.packing<"panels", [96, 1, 8, 3, 8, 8, 0]>]}
  return
}
}
