// RUN: nncc-opt %s --split-input-file --nncc-emit-contractions | FileCheck %s

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {

// 3 x 4 tiles in three strips of 4, two of which threads may work on: a loop over their memory, and in it one over
// strips: transform, a batch of 36 products, transform with bias and epilogue.
// CHECK-LABEL: func.func @strips_of_tiles
// CHECK-NOT: nn.kernel
// CHECK: scf.for %[[SLOT:.*]] = %c0{{.*}} to %c2{{.*}} step
// CHECK:   scf.for %[[STRIP:.*]] =
// CHECK:     call @nncc_winograd_input_4x4_8t5(%{{.*}}, %[[V:.*]], %{{.*}}, %[[STRIP]])
// CHECK:     scf.for {{.*}} to %c36
// CHECK:       call @nncc_gemm_f32_4x16
// CHECK:     call @nncc_winograd_output_4x4_8t8_bias_relu({{.*}}, %[[STRIP]])
// CHECK:   } {nn.work = {{[0-9]+}} : i64}
// CHECK: } {nn.parallel}
func.func @strips_of_tiles(%x: memref<1x10x15x5xf32> {llvm.noalias}, %w: memref<11520xi8> {llvm.noalias}, %b: memref<64xi8> {llvm.noalias}, %y: memref<1x10x15x16xf32> {llvm.noalias}, %s: memref<73728xi8> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w, %b : memref<1x10x15x5xf32>, memref<11520xi8>, memref<64xi8>) outs(%y : memref<1x10x15x16xf32>) scratch(%s : memref<73728xi8>) {
  ^bb0(%0: tensor<1x10x15x5xf32>, %1: tensor<16x3x3x5xf32>, %2: tensor<16xf32>):
    %r = nn.conv2d %0, %1 bias %2 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x10x15x5xf32>, tensor<16x3x3x5xf32>, tensor<16xf32> -> tensor<1x10x15x16xf32>
    %t = nn.unary relu %r : tensor<1x10x15x16xf32> -> tensor<1x10x15x16xf32>
    nn.yield %t : tensor<1x10x15x16xf32>
  } attributes {nn.form = {name = "winograd", scratch_bytes = 73728, slots = 2, groups = 1, strip = 4, tile = array<i64: 4, 4>},
                nn.packings = [unit, #nn.packing<"winograd", [11520, 4, 4, 16, 5, 16, 8, 1]>, #nn.packing<"pad", [64, 1, 16, 8]>]}
  return
}

// All tiles are one strip, and threads share out two groups of channels: whoever runs the first of some groups transforms
// the input for all of them, into planes of that group's own.
// CHECK-LABEL: func.func @groups_of_channels
// CHECK: scf.for {{.*}} = %c0{{.*}} to %c1{{.*}} step
// CHECK:   scf.for %[[GROUP:.*]] = %c0{{.*}} to %c2{{.*}} step {{.*}} iter_args(%[[FIRST:.*]] = %c-1
// CHECK:     %[[IS_FIRST:.*]] = arith.cmpi eq, %[[FIRST]], %c-1
// CHECK:     %[[OWNER:.*]] = arith.select %[[IS_FIRST]], %[[GROUP]], %[[FIRST]]
// CHECK:     %[[AT:.*]] = arith.muli %[[OWNER]], %c4608
// CHECK:     %[[V:.*]] = llvm.getelementptr %{{.*}}[%[[AT]]]
// CHECK:     scf.if %[[IS_FIRST]] {
// CHECK:       call @nncc_winograd_input_4x4_8t5(%{{.*}}, %[[V]],
// CHECK:     scf.for {{.*}} to %c36
// CHECK:       call @nncc_gemm_f32_4x16
// CHECK:     call @nncc_winograd_output_4x4_8t8_bias
// CHECK:     scf.yield %[[OWNER]]
// CHECK:   } {nn.parallel}
// CHECK: } {nn.parallel, nn.uncut}
func.func @groups_of_channels(%x: memref<1x4x16x5xf32> {llvm.noalias}, %w: memref<23040xi8> {llvm.noalias}, %b: memref<128xi8> {llvm.noalias}, %y: memref<1x4x16x32xf32> {llvm.noalias}, %s: memref<64512xi8> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w, %b : memref<1x4x16x5xf32>, memref<23040xi8>, memref<128xi8>) outs(%y : memref<1x4x16x32xf32>) scratch(%s : memref<64512xi8>) {
  ^bb0(%0: tensor<1x4x16x5xf32>, %1: tensor<32x3x3x5xf32>, %2: tensor<32xf32>):
    %r = nn.conv2d %0, %1 bias %2 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x4x16x5xf32>, tensor<32x3x3x5xf32>, tensor<32xf32> -> tensor<1x4x16x32xf32>
    nn.yield %r : tensor<1x4x16x32xf32>
  } attributes {nn.form = {name = "winograd", scratch_bytes = 64512, slots = 1, groups = 2, strip = 4, tile = array<i64: 4, 4>},
                nn.packings = [unit, #nn.packing<"winograd", [23040, 4, 4, 32, 5, 16, 8, 2]>, #nn.packing<"pad", [128, 1, 32, 8]>]}
  return
}

// Three panels: the second group has one, and code of its own.
// CHECK-LABEL: func.func @groups_that_differ
// CHECK: %[[IS_LAST:.*]] = arith.cmpi eq
// CHECK: scf.if %[[IS_LAST]] {
// CHECK:   scf.for {{.*}} to %c36
// CHECK:     call @nncc_gemm_f32_2x3
// CHECK:   call @nncc_winograd_output_4x4_8t3_bias
// CHECK: } else {
// CHECK:   scf.for {{.*}} to %c36
// CHECK:     scf.for {{.*}} to %c2
// CHECK:       call @nncc_gemm_f32_2x16
// CHECK:   call @nncc_winograd_output_4x4_8t8_bias
func.func @groups_that_differ(%x: memref<1x4x8x5xf32> {llvm.noalias}, %w: memref<28800xi8> {llvm.noalias}, %b: memref<160xi8> {llvm.noalias}, %y: memref<1x4x8x35xf32> {llvm.noalias}, %s: memref<36864xi8> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w, %b : memref<1x4x8x5xf32>, memref<28800xi8>, memref<160xi8>) outs(%y : memref<1x4x8x35xf32>) scratch(%s : memref<36864xi8>) {
  ^bb0(%0: tensor<1x4x8x5xf32>, %1: tensor<35x3x3x5xf32>, %2: tensor<35xf32>):
    %r = nn.conv2d %0, %1 bias %2 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x4x8x5xf32>, tensor<35x3x3x5xf32>, tensor<35xf32> -> tensor<1x4x8x35xf32>
    nn.yield %r : tensor<1x4x8x35xf32>
  } attributes {nn.form = {name = "winograd", scratch_bytes = 36864, slots = 1, groups = 2, strip = 2, tile = array<i64: 4, 4>},
                nn.packings = [unit, #nn.packing<"winograd", [28800, 4, 4, 35, 5, 16, 8, 2]>, #nn.packing<"pad", [160, 1, 35, 8]>]}
  return
}

// Equal transforms are one function, whatever the image.
// CHECK: func.func private @nncc_winograd_input_4x4_8t5(%{{.*}}: !llvm.ptr {llvm.noalias}, %{{.*}}: !llvm.ptr {llvm.noalias}, %{{.*}}: !llvm.ptr {llvm.noalias}, %{{.*}}: i64)
// CHECK-NOT: @nncc_winograd_input_4x4
func.func @another_image(%x: memref<1x10x6x5xf32> {llvm.noalias}, %w: memref<11520xi8> {llvm.noalias}, %b: memref<64xi8> {llvm.noalias}, %y: memref<1x8x4x16xf32> {llvm.noalias}, %s: memref<18432xi8> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w, %b : memref<1x10x6x5xf32>, memref<11520xi8>, memref<64xi8>) outs(%y : memref<1x8x4x16xf32>) scratch(%s : memref<18432xi8>) {
  ^bb0(%0: tensor<1x10x6x5xf32>, %1: tensor<16x3x3x5xf32>, %2: tensor<16xf32>):
    %r = nn.conv2d %0, %1 bias %2 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x10x6x5xf32>, tensor<16x3x3x5xf32>, tensor<16xf32> -> tensor<1x8x4x16xf32>
    nn.yield %r : tensor<1x8x4x16xf32>
  } attributes {nn.form = {name = "winograd", scratch_bytes = 18432, slots = 1, groups = 1, strip = 2, tile = array<i64: 4, 4>},
                nn.packings = [unit, #nn.packing<"winograd", [11520, 4, 4, 16, 5, 16, 8, 1]>, #nn.packing<"pad", [64, 1, 16, 8]>]}
  return
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144, dots = [<instruction = "llvm.x86.avx2.pmadd.wd", bits = 256, group = 2, lhs = i16, rhs = i16, adds = false, rows = 1>]>}} {
// Three pairs of words are what five channels of bytes, less the zero point, become. Sums of 4 x 6 points of integers
// are 48 times the output: 3 is divided by its inverse modulo 2^32, 16 by a shift.
// CHECK-LABEL: func.func @bytes
// CHECK: call @nncc_winograd_input_2x4_16t5_ui8_zero(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}})
// CHECK: scf.for {{.*}} to %c24
// CHECK:   call @nncc_gemm_i32_4x16
// CHECK: call @nncc_winograd_output_2x4_8t8
// CHECK: func.func private @nncc_winograd_input_2x4_16t5_ui8_zero
// CHECK:   arith.extui %{{.*}} : vector<16xi8> to vector<16xi16>
// CHECK:   arith.subi %{{.*}} : vector<16xi16>
// CHECK: func.func private @nncc_gemm_i32_4x16
// CHECK:   llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%{{.*}}, %{{.*}}) : (vector<16xi16>, vector<16xi16>) -> vector<8xi32>
// CHECK: func.func private @nncc_winograd_output_2x4_8t8
// CHECK:   %[[INVERSE:.*]] = arith.constant dense<-1431655765> : vector<8xi32>
// CHECK:   %[[MULTIPLE:.*]] = arith.muli %{{.*}}, %[[INVERSE]]
// CHECK:   arith.shrsi %[[MULTIPLE]], %{{.*}}
func.func @bytes(%x: memref<1x10x15x5xi8> {llvm.noalias}, %w: memref<4608xi8> {llvm.noalias}, %z: memref<1xi8> {llvm.noalias}, %f: memref<1xi8> {llvm.noalias}, %y: memref<1x10x15x16xi32> {llvm.noalias}, %s: memref<30720xi8> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w, %z, %f : memref<1x10x15x5xi8>, memref<4608xi8>, memref<1xi8>, memref<1xi8>) outs(%y : memref<1x10x15x16xi32>) scratch(%s : memref<30720xi8>) {
  ^bb0(%0: tensor<1x10x15x5xui8>, %1: tensor<16x3x3x5xi8>, %2: tensor<1xui8>, %3: tensor<1xi8>):
    %r = nn.conv2d %0, %1 zero_points (%2, %3) strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x10x15x5xui8>, tensor<16x3x3x5xi8> zero_points (tensor<1xui8>, tensor<1xi8>) -> tensor<1x10x15x16xi32>
    nn.yield %r : tensor<1x10x15x16xi32>
  } attributes {nn.form = {name = "winograd", scratch_bytes = 30720, slots = 1, groups = 1, strip = 4, tile = array<i64: 2, 4>},
                nn.packings = [unit, #nn.packing<"winograd_words", [4608, 2, 4, 16, 5, 16, 8, 1, 1]>, unit, unit]}
  return
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
// Two images of lines and three of columns lie between each other, of one tile and two: 12 tiles in three strips. Where
// a tile begins, and how many of its lines and columns are there, is divided by the dilations.
// CHECK-LABEL: func.func @dilated
// CHECK: call @nncc_winograd_input_4x4_8t5_dilated(
// CHECK: call @nncc_winograd_output_4x4_8t8_dilated_bias(
// CHECK: func.func private @nncc_winograd_input_4x4_8t5_dilated
// CHECK-COUNT-4: arith.remui %{{.*}}, %{{.*}} : i64
func.func @dilated(%x: memref<1x7x13x5xf32> {llvm.noalias}, %w: memref<11520xi8> {llvm.noalias}, %b: memref<64xi8> {llvm.noalias}, %y: memref<1x7x13x16xf32> {llvm.noalias}, %s: memref<36864xi8> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w, %b : memref<1x7x13x5xf32>, memref<11520xi8>, memref<64xi8>) outs(%y : memref<1x7x13x16xf32>) scratch(%s : memref<36864xi8>) {
  ^bb0(%0: tensor<1x7x13x5xf32>, %1: tensor<16x3x3x5xf32>, %2: tensor<16xf32>):
    %r = nn.conv2d %0, %1 bias %2 strides [1, 1] pads [2, 3, 2, 3] dilations [2, 3] groups 1 : tensor<1x7x13x5xf32>, tensor<16x3x3x5xf32>, tensor<16xf32> -> tensor<1x7x13x16xf32>
    nn.yield %r : tensor<1x7x13x16xf32>
  } attributes {nn.form = {name = "winograd", scratch_bytes = 36864, slots = 1, groups = 1, strip = 4, tile = array<i64: 4, 4>},
                nn.packings = [unit, #nn.packing<"winograd", [11520, 4, 4, 16, 5, 16, 8, 1]>, #nn.packing<"pad", [64, 1, 16, 8]>]}
  return
}
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
// 6 x 11 pixels are one line of two whole tiles; below lie two of which two lines exist, behind them one of three
// columns, and one of both. Of 6 x 6 points they have 4 x 6, 6 x 5 and 4 x 5: those of 4 x 5 are multiplied for six
// tiles, those that are left of lines and columns for four and three, those of neither for two.
// CHECK-LABEL: func.func @tiles_at_edges
// CHECK: scf.for %[[STRIP:.*]] =
// CHECK: call @nncc_winograd_input_4x4_cut2x4_8t5(
// CHECK: call @nncc_winograd_input_4x4_8t5(
// CHECK: call @nncc_winograd_input_4x4_cut4x3_8t5(
// CHECK: call @nncc_winograd_input_4x4_cut2x3_8t5(
// CHECK: scf.for {{.*}} to %c4_
// CHECK:   scf.for {{.*}} to %c5_
// CHECK:     call @nncc_gemm_f32_6x16
// CHECK: scf.for {{.*}} to %c4_
// CHECK:   call @nncc_gemm_f32_4x16
// CHECK: scf.for {{.*}} to %c2_
// CHECK:   scf.for {{.*}} to %c5_
// CHECK:     call @nncc_gemm_f32_3x16
// CHECK: scf.for {{.*}} to %c2_
// CHECK:   call @nncc_gemm_f32_2x16
// CHECK: call @nncc_winograd_output_4x4_cut2x4_8t8_bias(
// CHECK: call @nncc_winograd_output_4x4_8t8_bias(
// CHECK: call @nncc_winograd_output_4x4_cut4x3_8t8_bias(
// CHECK: call @nncc_winograd_output_4x4_cut2x3_8t8_bias(
func.func @tiles_at_edges(%x: memref<1x6x11x5xf32> {llvm.noalias}, %w: memref<11520xi8> {llvm.noalias}, %b: memref<64xi8> {llvm.noalias}, %y: memref<1x6x11x16xf32> {llvm.noalias}, %s: memref<55296xi8> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w, %b : memref<1x6x11x5xf32>, memref<11520xi8>, memref<64xi8>) outs(%y : memref<1x6x11x16xf32>) scratch(%s : memref<55296xi8>) {
  ^bb0(%0: tensor<1x6x11x5xf32>, %1: tensor<16x3x3x5xf32>, %2: tensor<16xf32>):
    %r = nn.conv2d %0, %1 bias %2 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x6x11x5xf32>, tensor<16x3x3x5xf32>, tensor<16xf32> -> tensor<1x6x11x16xf32>
    nn.yield %r : tensor<1x6x11x16xf32>
  } attributes {nn.form = {name = "winograd", scratch_bytes = 55296, slots = 1, groups = 1, strip = 6, tile = array<i64: 4, 4>},
                nn.packings = [unit, #nn.packing<"winograd", [11520, 4, 4, 16, 5, 16, 8, 1]>, #nn.packing<"pad", [64, 1, 16, 8]>]}
  return
}
// The same image of six tiles where none is to be cut.
// CHECK-LABEL: func.func @whole_tiles_at_edges
// CHECK-NOT: _cut
// CHECK: call @nncc_winograd_input_4x4_8t5(
// CHECK: scf.for {{.*}} to %c36
// CHECK:   call @nncc_gemm_f32_6x16
// CHECK: call @nncc_winograd_output_4x4_8t8_bias_1(
// CHECK: return
func.func @whole_tiles_at_edges(%x: memref<1x6x11x5xf32> {llvm.noalias}, %w: memref<11520xi8> {llvm.noalias}, %b: memref<64xi8> {llvm.noalias}, %y: memref<1x6x11x16xf32> {llvm.noalias}, %s: memref<55296xi8> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w, %b : memref<1x6x11x5xf32>, memref<11520xi8>, memref<64xi8>) outs(%y : memref<1x6x11x16xf32>) scratch(%s : memref<55296xi8>) {
  ^bb0(%0: tensor<1x6x11x5xf32>, %1: tensor<16x3x3x5xf32>, %2: tensor<16xf32>):
    %r = nn.conv2d %0, %1 bias %2 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x6x11x5xf32>, tensor<16x3x3x5xf32>, tensor<16xf32> -> tensor<1x6x11x16xf32>
    nn.yield %r : tensor<1x6x11x16xf32>
  } attributes {nn.form = {name = "winograd", scratch_bytes = 55296, slots = 1, groups = 1, strip = 6, tile = array<i64: 4, 4>, whole_tiles},
                nn.packings = [unit, #nn.packing<"winograd", [11520, 4, 4, 16, 5, 16, 8, 1]>, #nn.packing<"pad", [64, 1, 16, 8]>]}
  return
}
}
