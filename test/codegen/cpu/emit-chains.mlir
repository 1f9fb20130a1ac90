// RUN: nncc-opt %s --nncc-emit-contractions | FileCheck %s
// RUN: nncc-opt %s --nncc-emit-contractions | FileCheck %s --check-prefix=THREE
// RUN: nncc-opt %s --nncc-emit-contractions | FileCheck %s --check-prefix=RGB
// RUN: nncc-opt %s --nncc-emit-contractions | FileCheck %s --check-prefix=TURNS

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {

// Seven rows are strips of 2, 2, 2 and 1, two of which are a slot's. The first strip has padding above and makes three
// rows, the next one keeps two of these and makes two, downwards in front of them. So does the first of the other slot
// behind it, upwards; where a thread begins with it, it makes all four that it reads. Those that were kept are read in
// reverse order. The last one, with padding below, reads both and makes none: nothing moves.
// CHECK: llvm.mlir.global private constant @nncc_calls_0(dense<[0, 0, 0, 0, 1, 1, 1, 1, 2, 3, 2, 3, 4, 4, 4, 4]> : tensor<16xi32>)
// CHECK-LABEL: func.func @strips_of_rows
// CHECK-SAME: %[[X:[a-z0-9]*]]: memref<1x7x5x3xf32>
// CHECK-SAME: %[[Y:[a-z0-9]*]]: memref<1x7x5x8xf32>
// CHECK-NOT: nn.kernel
// CHECK: scf.for %[[SLOT:.*]] = %{{.*}} iter_args(%[[BEGUN:.*]] = %c-1_i64)
// CHECK:   %[[ALONE:.*]] = arith.cmpi slt, %[[BEGUN]], %c0_i64
// CHECK:   arith.select %[[ALONE]], %[[SLOT]], %[[BEGUN]]
// CHECK:   scf.for
// CHECK:     %[[FIRST:.*]] = arith.cmpi eq
// CHECK:     arith.andi %[[ALONE]], %[[FIRST]]
// CHECK-NOT: memmove
// CHECK:     call @nncc_gemm
// CHECK-NOT: memmove
// CHECK:     %[[DOWN:.*]] = llvm.getelementptr %[[SLOT0:.*]][40] : (!llvm.ptr) -> !llvm.ptr, f32
// CHECK:     call @nncc_gemm_{{.*}}(%{{.*}}, %{{.*}}, %[[DOWN]],
// CHECK-NOT: memmove
// CHECK:     %[[UP:.*]] = llvm.getelementptr %[[SLOT0]][80] : (!llvm.ptr) -> !llvm.ptr, f32
// CHECK:     call @nncc_gemm_{{.*}}(%{{.*}}, %{{.*}}, %[[UP]],
// CHECK-NOT: memmove
// CHECK:     call @nncc_gemm_{{.*}}(%{{.*}}, %{{.*}}, %[[SLOT0]],
// CHECK-NOT: memmove
// CHECK:     call @nncc_depthwise_f32_2x8_k3x3s1x1(
// CHECK:     %[[LAST:.*]] = llvm.getelementptr %[[SLOT0]][120] : (!llvm.ptr) -> !llvm.ptr, f32
// CHECK:     call @nncc_depthwise_f32_2x8_k3x3s1x1_1(%[[LAST]],
// CHECK:     call @nncc_depthwise_f32_2x8_k3x3s1x1_1(%[[SLOT0]],
// CHECK:     call @nncc_depthwise_f32_2x8_k3x3s1x1_2(%[[SLOT0]],
// CHECK:     call @nncc_depthwise_f32_1x8
// CHECK: } {nn.parallel}
func.func @strips_of_rows(%x: memref<1x7x5x3xf32> {llvm.noalias}, %v: memref<96xi8> {llvm.noalias}, %w: memref<288xi8> {llvm.noalias}, %y: memref<1x7x5x8xf32> {llvm.noalias}, %s: memref<1536xi8> {llvm.noalias}) {
  nn.kernel "k" ins(%w, %x, %v : memref<288xi8>, memref<1x7x5x3xf32>, memref<96xi8>) outs(%y : memref<1x7x5x8xf32>) scratch(%s : memref<1536xi8>) {
  ^bb0(%0: tensor<8x3x3x1xf32>, %1: tensor<1x7x5x3xf32>, %2: tensor<8x1x1x3xf32>):
    %a = nn.conv2d %1, %2 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x7x5x3xf32>, tensor<8x1x1x3xf32> -> tensor<1x7x5x8xf32>
    %p = nn.unary relu %a : tensor<1x7x5x8xf32> -> tensor<1x7x5x8xf32>
    %r = nn.conv2d %p, %0 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x7x5x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x7x5x8xf32>
    nn.yield %r : tensor<1x7x5x8xf32>
  } attributes {nn.form = {name = "rows", rows = 2, scratch_bytes = 1536, slots = 2},
                nn.packings = [#nn.packing<"panels", [288, 1, 8, 9, 8, 8, 0]>, unit, #nn.packing<"panels", [96, 1, 8, 3, 8, 8, 0]>]}
  return
}

// The same where code is to be small: both rows that are kept move.
// CHECK-LABEL: func.func @strips_that_move_rows
// CHECK-NOT: memmove
// CHECK:     call @nncc_gemm
// CHECK:     "llvm.intr.memmove"({{.*}}, %c320_i64)
// CHECK:     call @nncc_gemm
// CHECK-NOT: memmove
// CHECK:     call @nncc_gemm
// CHECK-NOT: memmove
// CHECK:     call @nncc_depthwise
// CHECK: } {nn.parallel}
func.func @strips_that_move_rows(%x: memref<1x7x5x3xf32> {llvm.noalias}, %v: memref<96xi8> {llvm.noalias}, %w: memref<288xi8> {llvm.noalias}, %y: memref<1x7x5x8xf32> {llvm.noalias}, %s: memref<1536xi8> {llvm.noalias}) {
  nn.kernel "k" ins(%w, %x, %v : memref<288xi8>, memref<1x7x5x3xf32>, memref<96xi8>) outs(%y : memref<1x7x5x8xf32>) scratch(%s : memref<1536xi8>) {
  ^bb0(%0: tensor<8x3x3x1xf32>, %1: tensor<1x7x5x3xf32>, %2: tensor<8x1x1x3xf32>):
    %a = nn.conv2d %1, %2 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x7x5x3xf32>, tensor<8x1x1x3xf32> -> tensor<1x7x5x8xf32>
    %p = nn.unary relu %a : tensor<1x7x5x8xf32> -> tensor<1x7x5x8xf32>
    %r = nn.conv2d %p, %0 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x7x5x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x7x5x8xf32>
    nn.yield %r : tensor<1x7x5x8xf32>
  } attributes {nn.form = {name = "rows", rows = 2, scratch_bytes = 1536, slots = 2, moves},
                nn.packings = [#nn.packing<"panels", [288, 1, 8, 9, 8, 8, 0]>, unit, #nn.packing<"panels", [96, 1, 8, 3, 8, 8, 0]>]}
  return
}

// Of windows with steps of two one row is kept. Seven rows are strips of one, three of which are a slot's: the first
// strip of a slot goes up like the one before it, whose last row moves then, if the thread made it. A strip that goes up
// makes rows 1 and 2 of the slot and reads 0 to 2, one that goes down makes 1 and 0 and reads 2 to 0.
// TURNS: dense<[0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 2, 2, 1, 1, 1, 1, 2, 2, 2, 2, 4, 5, 3, 4]> : tensor<28xi32>
// TURNS-LABEL: func.func @strips_that_take_turns
// TURNS: %[[ALONE:.*]] = arith.cmpi slt, %{{.*}}, %c0_i64
// TURNS: scf.if %[[ALONE]] {
// TURNS-NEXT: } else {
// TURNS-NEXT: %[[END:.*]] = llvm.getelementptr %[[ROWS:.*]][80] : (!llvm.ptr) -> !llvm.ptr, f32
// TURNS: "llvm.intr.memmove"(%[[ROWS]], %[[END]], %c160_i64)
// TURNS-NOT: memmove
// TURNS: call @nncc_gemm
// TURNS: %[[MIDDLE:.*]] = llvm.getelementptr %[[ROWS]][40] : (!llvm.ptr) -> !llvm.ptr, f32
// TURNS: call @nncc_gemm_{{.*}}(%{{.*}}, %{{.*}}, %[[MIDDLE]],
// TURNS: call @nncc_depthwise
// TURNS: %[[TOP:.*]] = llvm.getelementptr %[[ROWS]][80] : (!llvm.ptr) -> !llvm.ptr, f32
// TURNS: call @nncc_depthwise_f32_1x8_k3x3s2x2_1(%[[TOP]],
// TURNS: call @nncc_depthwise_f32_1x8_k3x3s2x2_1(%[[ROWS]],
// TURNS: } {nn.parallel}
func.func @strips_that_take_turns(%x: memref<1x13x5x3xf32> {llvm.noalias}, %v: memref<96xi8> {llvm.noalias}, %w: memref<288xi8> {llvm.noalias}, %y: memref<1x7x3x8xf32> {llvm.noalias}, %s: memref<1536xi8> {llvm.noalias}) {
  nn.kernel "k" ins(%w, %x, %v : memref<288xi8>, memref<1x13x5x3xf32>, memref<96xi8>) outs(%y : memref<1x7x3x8xf32>) scratch(%s : memref<1536xi8>) {
  ^bb0(%0: tensor<8x3x3x1xf32>, %1: tensor<1x13x5x3xf32>, %2: tensor<8x1x1x3xf32>):
    %a = nn.conv2d %1, %2 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x13x5x3xf32>, tensor<8x1x1x3xf32> -> tensor<1x13x5x8xf32>
    %p = nn.unary relu %a : tensor<1x13x5x8xf32> -> tensor<1x13x5x8xf32>
    %r = nn.conv2d %p, %0 strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x13x5x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x7x3x8xf32>
    nn.yield %r : tensor<1x7x3x8xf32>
  } attributes {nn.form = {name = "rows", rows = 1, scratch_bytes = 1536, slots = 3},
                nn.packings = [#nn.packing<"panels", [288, 1, 8, 9, 8, 8, 0]>, unit, #nn.packing<"panels", [96, 1, 8, 3, 8, 8, 0]>]}
  return
}

// Three windows: for each strip the table says how the rows of either slot get there, then what is swept. The second
// convolution of a middle strip reads four rows of the first one's, of which two were kept, and makes two; the third reads
// these two alone, so that nothing is kept for it.
// THREE: dense<[0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 2, 3, 2, 3, 0, 4, 4, 4, 4, 1]> : tensor<20xi32>
// CHECK-LABEL: func.func @strips_of_three_windows
// CHECK-NOT: nn.kernel
// CHECK-NOT: memmove
// CHECK: call @nncc_gemm
// CHECK-NOT: memmove
// CHECK: call @nncc_depthwise
// CHECK-NOT: memmove
// CHECK: call @nncc_depthwise
// CHECK-NOT: memmove
// CHECK: call @nncc_gemm
// CHECK: } {nn.parallel}
func.func @strips_of_three_windows(%x: memref<1x7x5x3xf32> {llvm.noalias}, %u: memref<128xi8> {llvm.noalias}, %v: memref<96xi8> {llvm.noalias}, %w: memref<288xi8> {llvm.noalias}, %y: memref<1x7x5x2xf32> {llvm.noalias}, %s: memref<2560xi8> {llvm.noalias}) {
  nn.kernel "k" ins(%u, %w, %x, %v : memref<128xi8>, memref<288xi8>, memref<1x7x5x3xf32>, memref<96xi8>) outs(%y : memref<1x7x5x2xf32>) scratch(%s : memref<2560xi8>) {
  ^bb0(%3: tensor<2x1x1x8xf32>, %0: tensor<8x3x3x1xf32>, %1: tensor<1x7x5x3xf32>, %2: tensor<8x1x1x3xf32>):
    %a = nn.conv2d %1, %2 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x7x5x3xf32>, tensor<8x1x1x3xf32> -> tensor<1x7x5x8xf32>
    %r = nn.conv2d %a, %0 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x7x5x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x7x5x8xf32>
    %p = nn.unary relu %r : tensor<1x7x5x8xf32> -> tensor<1x7x5x8xf32>
    %q = nn.conv2d %p, %3 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x7x5x8xf32>, tensor<2x1x1x8xf32> -> tensor<1x7x5x2xf32>
    nn.yield %q : tensor<1x7x5x2xf32>
  } attributes {nn.form = {name = "rows", rows = 2, scratch_bytes = 2560, slots = 2},
                nn.packings = [#nn.packing<"panels", [128, 1, 2, 8, 4, 4, 0]>, #nn.packing<"panels", [288, 1, 8, 9, 8, 8, 0]>, unit, #nn.packing<"panels", [96, 1, 8, 3, 8, 8, 0]>]}
  return
}

// The image is made of bytes, so many lines of 15 elements at a time as the first convolution reads: in memory of its own
// behind the rows between both, which take 768 bytes of a slot.
// CHECK-LABEL: func.func @strips_behind_a_prologue
// CHECK-SAME: %[[X:[a-z0-9]*]]: memref<1x7x5x3xi8>
// CHECK-SAME: %[[M:[a-z0-9]*]]: memref<1x1x5x3xf32>
// CHECK-NOT: nn.kernel
// CHECK: memref.extract_aligned_pointer_as_index %[[X]]
// CHECK: %[[ROWS:.*]] = llvm.getelementptr %{{.*}}[768] : (!llvm.ptr) -> !llvm.ptr, i8
// CHECK: memref.extract_aligned_pointer_as_index %[[M]]
// CHECK: call @nncc_prologue_0_cast_add(%{{.*}}, %[[ROWS]], %{{.*}}, %c3_i64{{.*}}, %c15_i64{{.*}}, %c15_i64{{.*}})
// CHECK: call @nncc_gemm_{{.*}}(%[[ROWS]],
// CHECK: } {nn.parallel}
func.func @strips_behind_a_prologue(%x: memref<1x7x5x3xi8> {llvm.noalias}, %m: memref<1x1x5x3xf32> {llvm.noalias}, %v: memref<96xi8> {llvm.noalias}, %w: memref<288xi8> {llvm.noalias}, %y: memref<1x7x5x8xf32> {llvm.noalias}, %s: memref<2048xi8> {llvm.noalias}) {
  nn.kernel "k" ins(%w, %v, %x, %m : memref<288xi8>, memref<96xi8>, memref<1x7x5x3xi8>, memref<1x1x5x3xf32>) outs(%y : memref<1x7x5x8xf32>) scratch(%s : memref<2048xi8>) {
  ^bb0(%0: tensor<8x3x3x1xf32>, %2: tensor<8x1x1x3xf32>, %1: tensor<1x7x5x3xui8>, %3: tensor<1x1x5x3xf32>):
    %f = nn.cast %1 : tensor<1x7x5x3xui8> -> tensor<1x7x5x3xf32>
    %i = nn.binary add %f, %3 : tensor<1x7x5x3xf32>, tensor<1x1x5x3xf32> -> tensor<1x7x5x3xf32>
    %a = nn.conv2d %i, %2 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x7x5x3xf32>, tensor<8x1x1x3xf32> -> tensor<1x7x5x8xf32>
    %p = nn.unary relu %a : tensor<1x7x5x8xf32> -> tensor<1x7x5x8xf32>
    %r = nn.conv2d %p, %0 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x7x5x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x7x5x8xf32>
    nn.yield %r : tensor<1x7x5x8xf32>
  } attributes {nn.form = {name = "rows", rows = 2, scratch_bytes = 2048, slots = 2},
                nn.packings = [#nn.packing<"panels", [288, 1, 8, 9, 8, 8, 0]>, #nn.packing<"panels", [96, 1, 8, 3, 8, 8, 0]>, unit, unit]}
  return
}

// Three of four bytes a pixel: eight pixels become three vectors of what is made, of 16 bytes each, and the last two a part
// of one, of the eight bytes that are there.
// CHECK-LABEL: func.func @prologue_of_three_of_four_bytes
// CHECK-NOT: nn.kernel
// CHECK: call @nncc_prologue_1_cast(%{{.*}}, %{{.*}}, %c3_i64{{.*}}, %c30_i64{{.*}}, %c40_i64{{.*}})
// CHECK: call @nncc_gemm
// CHECK: } {nn.parallel}
// RGB: func.func private @nncc_prologue_1_cast(%[[FROM:[a-z0-9]*]]: !llvm.ptr
// RGB: scf.for
// RGB: scf.for
// RGB: %[[AT:.*]] = llvm.getelementptr %{{.*}}[%{{.*}}] : (!llvm.ptr, i64) -> !llvm.ptr, i8
// RGB: %[[FIRST:.*]] = llvm.load %[[AT]] {{.*}} -> vector<16xi8>
// RGB: vector.shuffle %[[FIRST]], %[[FIRST]] [0, 1, 2, 4, 5, 6, 8, 9]
// RGB: llvm.getelementptr %[[AT]][8]
// RGB: vector.shuffle %{{.*}} [2, 4, 5, 6, 8, 9, 10, 12]
// RGB: llvm.getelementptr %[[AT]][16]
// RGB: vector.shuffle %{{.*}} [5, 6, 8, 9, 10, 12, 13, 14]
// RGB: llvm.load %{{.*}} -> vector<8xi8>
// RGB: [0, 1, 2, 4, 5, 6, 8, 9]
// RGB: llvm.store %{{.*}} : vector<4xf32>
// RGB: llvm.store %{{.*}} : vector<2xf32>
func.func @prologue_of_three_of_four_bytes(%x: memref<1x7x10x3xi8, strided<[280, 40, 4, 1]>> {llvm.noalias}, %v: memref<96xi8> {llvm.noalias}, %w: memref<288xi8> {llvm.noalias}, %y: memref<1x7x10x8xf32> {llvm.noalias}, %s: memref<4096xi8> {llvm.noalias}) {
  nn.kernel "k" ins(%w, %v, %x : memref<288xi8>, memref<96xi8>, memref<1x7x10x3xi8, strided<[280, 40, 4, 1]>>) outs(%y : memref<1x7x10x8xf32>) scratch(%s : memref<4096xi8>) {
  ^bb0(%0: tensor<8x3x3x1xf32>, %2: tensor<8x1x1x3xf32>, %1: tensor<1x7x10x3xui8>):
    %i = nn.cast %1 : tensor<1x7x10x3xui8> -> tensor<1x7x10x3xf32>
    %a = nn.conv2d %i, %2 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x7x10x3xf32>, tensor<8x1x1x3xf32> -> tensor<1x7x10x8xf32>
    %p = nn.unary relu %a : tensor<1x7x10x8xf32> -> tensor<1x7x10x8xf32>
    %r = nn.conv2d %p, %0 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x7x10x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x7x10x8xf32>
    nn.yield %r : tensor<1x7x10x8xf32>
  } attributes {nn.form = {name = "rows", rows = 2, scratch_bytes = 4096, slots = 2},
                nn.packings = [#nn.packing<"panels", [288, 1, 8, 9, 8, 8, 0]>, #nn.packing<"panels", [96, 1, 8, 3, 8, 8, 0]>, unit]}
  return
}

// Of three windows, the last one reads what no strip keeps: lines of the image lie there before, and need no more memory.
// CHECK-LABEL: func.func @prologue_where_rows_are_made_behind_it
// CHECK-NOT: nn.kernel
// CHECK: %[[LINES:.*]] = llvm.getelementptr %{{.*}}[768] : (!llvm.ptr) -> !llvm.ptr, i8
// CHECK: call @nncc_prologue_{{[0-9]}}_relu(%{{.*}}, %[[LINES]], %c3_i64{{.*}}, %c15_i64{{.*}}, %c15_i64{{.*}})
// CHECK: call @nncc_gemm
// CHECK: call @nncc_depthwise
// CHECK: } {nn.parallel}
func.func @prologue_where_rows_are_made_behind_it(%x: memref<1x7x5x3xf32> {llvm.noalias}, %u: memref<128xi8> {llvm.noalias}, %v: memref<96xi8> {llvm.noalias}, %w: memref<288xi8> {llvm.noalias}, %y: memref<1x7x5x2xf32> {llvm.noalias}, %s: memref<2560xi8> {llvm.noalias}) {
  nn.kernel "k" ins(%u, %w, %x, %v : memref<128xi8>, memref<288xi8>, memref<1x7x5x3xf32>, memref<96xi8>) outs(%y : memref<1x7x5x2xf32>) scratch(%s : memref<2560xi8>) {
  ^bb0(%3: tensor<2x1x1x8xf32>, %0: tensor<8x3x3x1xf32>, %1: tensor<1x7x5x3xf32>, %2: tensor<8x1x1x3xf32>):
    %i = nn.unary relu %1 : tensor<1x7x5x3xf32> -> tensor<1x7x5x3xf32>
    %a = nn.conv2d %i, %2 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x7x5x3xf32>, tensor<8x1x1x3xf32> -> tensor<1x7x5x8xf32>
    %r = nn.conv2d %a, %0 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x7x5x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x7x5x8xf32>
    %p = nn.unary relu %r : tensor<1x7x5x8xf32> -> tensor<1x7x5x8xf32>
    %q = nn.conv2d %p, %3 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x7x5x8xf32>, tensor<2x1x1x8xf32> -> tensor<1x7x5x2xf32>
    nn.yield %q : tensor<1x7x5x2xf32>
  } attributes {nn.form = {name = "rows", rows = 2, scratch_bytes = 2560, slots = 2},
                nn.packings = [#nn.packing<"panels", [128, 1, 2, 8, 4, 4, 0]>, #nn.packing<"panels", [288, 1, 8, 9, 8, 8, 0]>, unit, #nn.packing<"panels", [96, 1, 8, 3, 8, 8, 0]>]}
  return
}

// Planes are made plane by plane, each with its own mean: the window reads them where it would have read the input.
// CHECK-LABEL: func.func @prologue_of_planes
// CHECK-NOT: nn.kernel
// CHECK: %[[TO:.*]] = llvm.getelementptr %{{.*}}[768] : (!llvm.ptr) -> !llvm.ptr, i8
// CHECK: call @[[ADD:nncc_prologue_[0-9]_cast_add]](%[[FROM:.*]], %[[TO]], %[[M:.*]], %c4_i64{{.*}}, %c5_i64{{.*}}, %c5_i64{{.*}})
// CHECK: %[[FROM1:.*]] = llvm.getelementptr %[[FROM]][35] : (!llvm.ptr) -> !llvm.ptr, i8
// CHECK: %[[TO1:.*]] = llvm.getelementptr %[[TO]][20] : (!llvm.ptr) -> !llvm.ptr, f32
// CHECK: %[[M1:.*]] = llvm.getelementptr %{{.*}}[1] : (!llvm.ptr) -> !llvm.ptr, f32
// CHECK: call @[[ADD]](%[[FROM1]], %[[TO1]], %[[M1]], %c4_i64{{.*}}, %c5_i64{{.*}}, %c5_i64{{.*}})
// CHECK: call @nncc_gemm_{{.*}}(%[[TO]],
// CHECK: } {nn.parallel}
func.func @prologue_of_planes(%x: memref<1x2x7x5xi8> {llvm.noalias}, %m: memref<1x2x1x1xf32> {llvm.noalias}, %v: memref<576xi8> {llvm.noalias}, %w: memref<288xi8> {llvm.noalias}, %y: memref<1x7x5x8xf32> {llvm.noalias}, %s: memref<4096xi8> {llvm.noalias}) {
  nn.kernel "k" ins(%w, %v, %x, %m : memref<288xi8>, memref<576xi8>, memref<1x2x7x5xi8>, memref<1x2x1x1xf32>) outs(%y : memref<1x7x5x8xf32>) scratch(%s : memref<4096xi8>) {
  ^bb0(%0: tensor<8x3x3x1xf32>, %2: tensor<8x3x3x2xf32>, %1: tensor<1x2x7x5xui8>, %3: tensor<1x2x1x1xf32>):
    %f = nn.cast %1 : tensor<1x2x7x5xui8> -> tensor<1x2x7x5xf32>
    %i = nn.binary add %f, %3 : tensor<1x2x7x5xf32>, tensor<1x2x1x1xf32> -> tensor<1x2x7x5xf32>
    %t = nn.transpose %i [0, 2, 3, 1] : tensor<1x2x7x5xf32> -> tensor<1x7x5x2xf32>
    %a = nn.conv2d %t, %2 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x7x5x2xf32>, tensor<8x3x3x2xf32> -> tensor<1x7x5x8xf32>
    %p = nn.unary relu %a : tensor<1x7x5x8xf32> -> tensor<1x7x5x8xf32>
    %r = nn.conv2d %p, %0 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x7x5x8xf32>, tensor<8x3x3x1xf32> -> tensor<1x7x5x8xf32>
    nn.yield %r : tensor<1x7x5x8xf32>
  } attributes {nn.form = {name = "rows", rows = 2, scratch_bytes = 4096, slots = 2},
                nn.packings = [#nn.packing<"panels", [288, 1, 8, 9, 8, 8, 0]>, #nn.packing<"panels", [576, 1, 8, 18, 8, 8, 0, 2]>, unit, unit]}
  return
}

// Of bytes: both parts have the zero points of the whole, whose packed weights hold the sums that correct them, and what
// is kept are as many bytes as elements.
// CHECK-LABEL: func.func @strips_of_bytes
// CHECK-SAME: (%{{.*}}: memref<104xi8>, %[[ZA:[a-z0-9]*]]: memref<1xi8>, %{{.*}}: memref<1x7x5x3xi8>, %{{.*}}: memref<56xi8>, %[[ZX:[a-z0-9]*]]: memref<1xi8>
// CHECK-NOT: nn.kernel
// CHECK: memref.extract_aligned_pointer_as_index %[[ZX]]
// CHECK: call @nncc_gemm_ui8_{{.*}}_requantize
// CHECK: "llvm.intr.memmove"(%{{.*}}, %{{.*}}, %c80_i64)
// CHECK: memref.extract_aligned_pointer_as_index %[[ZA]]
// CHECK: call @nncc_depthwise_ui8_{{.*}}_k3x3s1x1
func.func @strips_of_bytes(%w: memref<104xi8>, %za: memref<1xi8>, %x: memref<1x7x5x3xi8>, %v: memref<56xi8>, %zx: memref<1xi8>, %zw: memref<1xi8>, %y: memref<1x7x5x8xi32>, %s: memref<512xi8>) {
  nn.kernel "k" ins(%w, %za, %x, %v, %zx, %zw : memref<104xi8>, memref<1xi8>, memref<1x7x5x3xi8>, memref<56xi8>, memref<1xi8>, memref<1xi8>) outs(%y : memref<1x7x5x8xi32>) scratch(%s : memref<512xi8>) {
  ^bb0(%0: tensor<8x3x3x1xi8>, %1: tensor<1xui8>, %2: tensor<1x7x5x3xui8>, %3: tensor<8x1x1x3xi8>, %4: tensor<1xui8>, %n: tensor<1xi8>):
    %m = nn.constant dense<0.5> : tensor<1x1x1x1xf32>
    %z = nn.constant dense<9> : tensor<1x1x1x1xui8>
    %a = nn.conv2d %2, %3 zero_points (%4, %n) strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x7x5x3xui8>, tensor<8x1x1x3xi8> zero_points (tensor<1xui8>, tensor<1xi8>) -> tensor<1x7x5x8xi32>
    %q = nn.requantize %a, %m, %z : tensor<1x7x5x8xi32>, tensor<1x1x1x1xf32>, tensor<1x1x1x1xui8> -> tensor<1x7x5x8xui8>
    %r = nn.conv2d %q, %0 zero_points (%1, %n) strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 8 : tensor<1x7x5x8xui8>, tensor<8x3x3x1xi8> zero_points (tensor<1xui8>, tensor<1xi8>) -> tensor<1x7x5x8xi32>
    nn.yield %r : tensor<1x7x5x8xi32>
  } attributes {nn.form = {name = "rows", rows = 2, scratch_bytes = 512, slots = 2},
                nn.packings = [#nn.packing<"bytes", [104, 1, 8, 9, 8, 8, 0, 1, 1, 3, 0, 1, 3, 0, 1, 3]>, unit, unit, #nn.packing<"bytes", [56, 1, 8, 3, 8, 8, 0, 1, 3, 1, 0, 1, 1, 0, 1, 1]>, unit, unit]}
  return
}
}
