// RUN: nncc-opt %s --nncc-emit-contractions | FileCheck %s

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {

// Tiles that go on in lines: 14 pixels of 16, the gap between them in A and, last, in C.
// CHECK: llvm.mlir.global private constant @[[$JOINED:nncc_calls_[0-9]+]](dense<[1, 128, 14, 31, 64, 256, {{.*}}, 512

// One call of 20 tiles.
// CHECK: llvm.mlir.global private constant @[[$WHOLE:nncc_calls_[0-9]+]](dense<[1, 0, 0, 20, 288, {{.*}}]>

// An entry for calls that differ in where they begin alone, behind it how far into A and C that is, for each of them.
// CHECK: llvm.mlir.global private constant @[[$EVEN:nncc_calls_[0-9]+]](dense<[1, 0, 0, 17, 288, {{.*}}, 0, 0, 4608, 29376, 71808, 4608]>

// Scalars of the epilogues of @three_times and @twice, the bits of 3.0 and of 2.0.
// CHECK: llvm.mlir.global private constant @nncc_calls_{{[0-9]+}}(dense<[{{[0-9, ]+}}, 1077936128]>
// CHECK: llvm.mlir.global private constant @nncc_calls_{{[0-9]+}}(dense<[{{[0-9, ]+}}, 1073741824]>

// The calls of @shares_pixels follow each other at one distance: the words of one are those of all.
// CHECK: llvm.mlir.global private constant @[[$EQUAL:nncc_calls_[0-9]+]](dense<[1, 0, 0, 5, 64, 32, 64, 1, 64, 64, 1, 0, 64, 0]>

// Every region of the border has its own taps; interior and borders are calls of one table, a panel is one loop trip.
// CHECK: llvm.mlir.global private constant @nncc_calls_0

// CHECK-LABEL: func.func @convolution
// CHECK-NOT: nn.kernel
// CHECK: llvm.mlir.addressof @nncc_calls_0
// CHECK: call @nncc_gemm_f32_6x16_bias_relu
func.func @convolution(%x: memref<1x14x12x5xf32> {llvm.noalias}, %w: memref<5760xi8> {llvm.noalias}, %b: memref<128xi8> {llvm.noalias}, %y: memref<1x14x12x32xf32> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w, %b : memref<1x14x12x5xf32>, memref<5760xi8>, memref<128xi8>) outs(%y : memref<1x14x12x32xf32>) {
  ^bb0(%0: tensor<1x14x12x5xf32>, %1: tensor<32x3x3x5xf32>, %2: tensor<32xf32>):
    %r = nn.conv2d %0, %1 bias %2 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x14x12x5xf32>, tensor<32x3x3x5xf32>, tensor<32xf32> -> tensor<1x14x12x32xf32>
    %s = nn.unary relu %r : tensor<1x14x12x32xf32> -> tensor<1x14x12x32xf32>
    nn.yield %s : tensor<1x14x12x32xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [5760, 1, 32, 45, 16, 8, 0]>, #nn.packing<"pad", [128, 1, 32, 8]>]}
  return
}

// Threads share out what a layer has more of: pixels here, so that every part runs all panels (the loop outside) over
// some of the calls. A call says how much work it is, on average over its table.
// CHECK-LABEL: func.func @shares_pixels
// CHECK: scf.for {{.*}} = %c0{{.*}} to %c2{{.*}} step
// CHECK:   scf.for %[[I:.*]] = {{.*}} to %c{{1[0-9]}}_i64
// CHECK-NOT: llvm.load
// CHECK:     arith.muli %[[I]]
// CHECK:     call @nncc_gemm_f32_6x16({{.*}}) {nn.work = {{[0-9]+}} : i64}
// CHECK:   } {{{.*}}nn.parallel}
// CHECK: } {{{.*}}nn.parallel, nn.uncut}
func.func @shares_pixels(%x: memref<480x64xf32> {llvm.noalias}, %w: memref<8192xi8> {llvm.noalias}, %y: memref<480x32xf32> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w : memref<480x64xf32>, memref<8192xi8>) outs(%y : memref<480x32xf32>) {
  ^bb0(%0: tensor<480x64xf32>, %1: tensor<64x32xf32>):
    %r = nn.matmul %0, %1 : tensor<480x64xf32>, tensor<64x32xf32> -> tensor<480x32xf32>
    nn.yield %r : tensor<480x32xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [8192, 1, 32, 64, 16, 8, 1]>]}
  return
}

// Layers whose epilogues differ in constants alone share their micro-kernel, which reads these from the call, behind
// the 17 words of its entry. What all have in common, here a half, is a constant of the code.
// CHECK-LABEL: func.func @twice
// CHECK: call @[[$SCALED:nncc_gemm_f32_6x16_mul_add[_0-9]*]](
func.func @twice(%x: memref<6x16xf32> {llvm.noalias}, %w: memref<1024xi8> {llvm.noalias}, %y: memref<6x16xf32> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w : memref<6x16xf32>, memref<1024xi8>) outs(%y : memref<6x16xf32>) {
  ^bb0(%0: tensor<6x16xf32>, %1: tensor<16x16xf32>):
    %r = nn.matmul %0, %1 : tensor<6x16xf32>, tensor<16x16xf32> -> tensor<6x16xf32>
    %c = nn.constant dense<2.0> : tensor<1x1xf32>
    %h = nn.constant dense<0.5> : tensor<1x1xf32>
    %s = nn.binary mul %r, %c : tensor<6x16xf32>, tensor<1x1xf32> -> tensor<6x16xf32>
    %t = nn.binary add %s, %h : tensor<6x16xf32>, tensor<1x1xf32> -> tensor<6x16xf32>
    nn.yield %t : tensor<6x16xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [1024, 1, 16, 16, 16, 8, 1]>]}
  return
}

// CHECK-LABEL: func.func @three_times
// CHECK: call @[[$SCALED]](
func.func @three_times(%x: memref<6x16xf32> {llvm.noalias}, %w: memref<1024xi8> {llvm.noalias}, %y: memref<6x16xf32> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w : memref<6x16xf32>, memref<1024xi8>) outs(%y : memref<6x16xf32>) {
  ^bb0(%0: tensor<6x16xf32>, %1: tensor<16x16xf32>):
    %r = nn.matmul %0, %1 : tensor<6x16xf32>, tensor<16x16xf32> -> tensor<6x16xf32>
    %c = nn.constant dense<3.0> : tensor<1x1xf32>
    %h = nn.constant dense<0.5> : tensor<1x1xf32>
    %s = nn.binary mul %r, %c : tensor<6x16xf32>, tensor<1x1xf32> -> tensor<6x16xf32>
    %t = nn.binary add %s, %h : tensor<6x16xf32>, tensor<1x1xf32> -> tensor<6x16xf32>
    nn.yield %t : tensor<6x16xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [1024, 1, 16, 16, 16, 8, 1]>]}
  return
}

// The same code reads an operand of each channel in one, of each row in the other: they share nothing.
// CHECK-LABEL: func.func @of_channels
// CHECK: call @[[$CHANNELS:nncc_gemm_f32_6x16_mul_add[_0-9]*]](
func.func @of_channels(%x: memref<6x16xf32> {llvm.noalias}, %w: memref<1024xi8> {llvm.noalias}, %l: memref<1x16xf32> {llvm.noalias}, %y: memref<6x16xf32> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w, %l : memref<6x16xf32>, memref<1024xi8>, memref<1x16xf32>) outs(%y : memref<6x16xf32>) {
  ^bb0(%0: tensor<6x16xf32>, %1: tensor<16x16xf32>, %2: tensor<1x16xf32>):
    %r = nn.matmul %0, %1 : tensor<6x16xf32>, tensor<16x16xf32> -> tensor<6x16xf32>
    %c = nn.constant dense<2.0> : tensor<1x1xf32>
    %s = nn.binary mul %r, %2 : tensor<6x16xf32>, tensor<1x16xf32> -> tensor<6x16xf32>
    %t = nn.binary add %s, %c : tensor<6x16xf32>, tensor<1x1xf32> -> tensor<6x16xf32>
    nn.yield %t : tensor<6x16xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [1024, 1, 16, 16, 16, 8, 1]>, unit]}
  return
}

// CHECK-LABEL: func.func @of_rows
// CHECK-NOT: call @[[$CHANNELS]](
// CHECK: call @nncc_gemm_f32_6x16_mul_add
func.func @of_rows(%x: memref<6x16xf32> {llvm.noalias}, %w: memref<1024xi8> {llvm.noalias}, %l: memref<6x1xf32> {llvm.noalias}, %y: memref<6x16xf32> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w, %l : memref<6x16xf32>, memref<1024xi8>, memref<6x1xf32>) outs(%y : memref<6x16xf32>) {
  ^bb0(%0: tensor<6x16xf32>, %1: tensor<16x16xf32>, %2: tensor<6x1xf32>):
    %r = nn.matmul %0, %1 : tensor<6x16xf32>, tensor<16x16xf32> -> tensor<6x16xf32>
    %c = nn.constant dense<3.0> : tensor<1x1xf32>
    %s = nn.binary mul %r, %2 : tensor<6x16xf32>, tensor<6x1xf32> -> tensor<6x16xf32>
    %t = nn.binary add %s, %c : tensor<6x16xf32>, tensor<1x1xf32> -> tensor<6x16xf32>
    nn.yield %t : tensor<6x16xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [1024, 1, 16, 16, 16, 8, 1]>, unit]}
  return
}

// 34 tiles, of which half the L2 cache holds the input of 18: two calls of 17 each, since parts are cut as if the calls
// of a table were equally long.
// CHECK-LABEL: func.func @calls_are_even
// CHECK: llvm.mlir.addressof @[[$EVEN]]
func.func @calls_are_even(%x: memref<204x288xf32> {llvm.noalias}, %w: memref<811008xi8> {llvm.noalias}, %y: memref<204x704xf32> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w : memref<204x288xf32>, memref<811008xi8>) outs(%y : memref<204x704xf32>) {
  ^bb0(%0: tensor<204x288xf32>, %1: tensor<288x704xf32>):
    %r = nn.matmul %0, %1 : tensor<204x288xf32>, tensor<288x704xf32> -> tensor<204x704xf32>
    nn.yield %r : tensor<204x704xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [811008, 1, 704, 288, 16, 8, 1]>]}
  return
}

// The input of 20 tiles is more than half the L2 cache, but fits it beside a panel: all pass by each panel at once.
// CHECK-LABEL: func.func @fits_beside_a_panel
// CHECK: llvm.mlir.addressof @[[$WHOLE]]
func.func @fits_beside_a_panel(%x: memref<120x288xf32> {llvm.noalias}, %w: memref<294912xi8> {llvm.noalias}, %y: memref<120x256xf32> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w : memref<120x288xf32>, memref<294912xi8>) outs(%y : memref<120x256xf32>) {
  ^bb0(%0: tensor<120x288xf32>, %1: tensor<288x256xf32>):
    %r = nn.matmul %0, %1 : tensor<120x288xf32>, tensor<288x256xf32> -> tensor<120x256xf32>
    nn.yield %r : tensor<120x256xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [294912, 1, 256, 288, 16, 8, 1]>]}
  return
}

// Half the L2 cache holds the input of a third of the pixels. 48 panels pass by each third: what comes of weights
// again is less than half of what the input would be with every panel, but not less than a fifth.
// CHECK-LABEL: func.func @pixels_in_blocks
// CHECK: scf.for {{.*}} to %c3_i64
// CHECK: scf.for {{.*}} to %c48_i64
func.func @pixels_in_blocks(%x: memref<1x10x12x576xf32> {llvm.noalias}, %w: memref<1769472xi8> {llvm.noalias}, %y: memref<1x10x12x768xf32> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w : memref<1x10x12x576xf32>, memref<1769472xi8>) outs(%y : memref<1x10x12x768xf32>) {
  ^bb0(%0: tensor<1x10x12x576xf32>, %1: tensor<768x1x1x576xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x10x12x576xf32>, tensor<768x1x1x576xf32> -> tensor<1x10x12x768xf32>
    nn.yield %r : tensor<1x10x12x768xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [1769472, 1, 768, 576, 16, 8, 0]>]}
  return
}

// As many pixels that strides leave: all pass by each panel.
// CHECK-LABEL: func.func @strided_pixels_at_once
// CHECK-NOT: scf.for
// CHECK: scf.for {{.*}} to %c48_i64
func.func @strided_pixels_at_once(%x: memref<1x20x24x576xf32> {llvm.noalias}, %w: memref<1769472xi8> {llvm.noalias}, %y: memref<1x10x12x768xf32> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w : memref<1x20x24x576xf32>, memref<1769472xi8>) outs(%y : memref<1x10x12x768xf32>) {
  ^bb0(%0: tensor<1x20x24x576xf32>, %1: tensor<768x1x1x576xf32>):
    %r = nn.conv2d %0, %1 strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x20x24x576xf32>, tensor<768x1x1x576xf32> -> tensor<1x10x12x768xf32>
    nn.yield %r : tensor<1x10x12x768xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [1769472, 1, 768, 576, 16, 8, 0]>]}
  return
}

// Between the borders 14 lines of 14 pixels are 33 tiles, or 42 line by line.
// CHECK-LABEL: func.func @tiles_go_on_between_borders
// CHECK: llvm.mlir.addressof @[[$JOINED]]
func.func @tiles_go_on_between_borders(%x: memref<1x16x16x64xf32> {llvm.noalias}, %w: memref<589824xi8> {llvm.noalias}, %y: memref<1x16x16x256xf32> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w : memref<1x16x16x64xf32>, memref<589824xi8>) outs(%y : memref<1x16x16x256xf32>) {
  ^bb0(%0: tensor<1x16x16x64xf32>, %1: tensor<256x3x3x64xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x16x16x64xf32>, tensor<256x3x3x64xf32> -> tensor<1x16x16x256xf32>
    nn.yield %r : tensor<1x16x16x256xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [589824, 1, 256, 576, 16, 8, 0]>]}
  return
}

// More weights than pixels: panels are shared out.
// CHECK-LABEL: func.func @shares_panels
// CHECK: scf.for
// CHECK: call @nncc_gemm_f32_6x16
// CHECK-NOT: nn.uncut
// CHECK-LABEL: func.func @another_layer
func.func @shares_panels(%x: memref<12x64xf32> {llvm.noalias}, %w: memref<16384xi8> {llvm.noalias}, %y: memref<12x64xf32> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w : memref<12x64xf32>, memref<16384xi8>) outs(%y : memref<12x64xf32>) {
  ^bb0(%0: tensor<12x64xf32>, %1: tensor<64x64xf32>):
    %r = nn.matmul %0, %1 : tensor<12x64xf32>, tensor<64x64xf32> -> tensor<12x64xf32>
    nn.yield %r : tensor<12x64xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [16384, 1, 64, 64, 16, 8, 1]>]}
  return
}

// The same tile and epilogue: the same function.
// CHECK: call @nncc_gemm_f32_6x16_bias_relu({{.*}}
func.func @another_layer(%x: memref<24x7xf32> {llvm.noalias}, %w: memref<448xi8> {llvm.noalias}, %b: memref<64xi8> {llvm.noalias}, %y: memref<24x16xf32> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w, %b : memref<24x7xf32>, memref<448xi8>, memref<64xi8>) outs(%y : memref<24x16xf32>) {
  ^bb0(%0: tensor<24x7xf32>, %1: tensor<7x16xf32>, %2: tensor<16xf32>):
    %r = nn.matmul %0, %1 bias %2 : tensor<24x7xf32>, tensor<7x16xf32>, tensor<16xf32> -> tensor<24x16xf32>
    %s = nn.unary relu %r : tensor<24x16xf32> -> tensor<24x16xf32>
    nn.yield %s : tensor<24x16xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [448, 1, 16, 7, 16, 8, 1]>, #nn.packing<"pad", [64, 1, 16, 8]>]}
  return
}

// A residual that the plan put in the place of the output aliases it; both pointers lose noalias.
// CHECK-LABEL: func.func @in_place
// CHECK: call @nncc_gemm_f32_6x16_add
func.func @in_place(%x: memref<24x7xf32> {llvm.noalias}, %w: memref<448xi8> {llvm.noalias}, %z: memref<24x16xf32>, %y: memref<24x16xf32>) {
  nn.kernel "k" ins(%x, %w, %z : memref<24x7xf32>, memref<448xi8>, memref<24x16xf32>) outs(%y : memref<24x16xf32>) {
  ^bb0(%0: tensor<24x7xf32>, %1: tensor<7x16xf32>, %2: tensor<24x16xf32>):
    %r = nn.matmul %0, %1 : tensor<24x7xf32>, tensor<7x16xf32> -> tensor<24x16xf32>
    %s = nn.binary add %r, %2 : tensor<24x16xf32>, tensor<24x16xf32> -> tensor<24x16xf32>
    nn.yield %s : tensor<24x16xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [448, 1, 16, 7, 16, 8, 1]>, unit]}
  return
}

// A filter that is not constant is packed into scratch memory: 8 outputs times 11 values of k, eight of them as a square,
// three as a rest. The bias has no readable tail.
// CHECK-LABEL: func.func @filter_is_not_constant
// CHECK-NOT: nn.kernel
// CHECK-COUNT-8: llvm.load %{{.*}} -> vector<8xf32>
// CHECK: vector.shuffle
// CHECK-COUNT-8: llvm.store %{{.*}} : vector<8xf32>
// CHECK: llvm.load %{{.*}} -> vector<2xf32>
// CHECK-COUNT-3: llvm.store %{{.*}} : vector<8xf32>
// CHECK-NOT: llvm.store
// CHECK: call @nncc_gemm_f32_8x8_bias(
func.func @filter_is_not_constant(%x: memref<1x4x4x11xf32>, %w: memref<8x1x1x11xf32>, %b: memref<8xf32>, %y: memref<1x4x4x8xf32>, %s: memref<352xi8>) {
  nn.kernel "k" ins(%x, %w, %b : memref<1x4x4x11xf32>, memref<8x1x1x11xf32>, memref<8xf32>) outs(%y : memref<1x4x4x8xf32>) scratch(%s : memref<352xi8>) {
  ^bb0(%0: tensor<1x4x4x11xf32>, %1: tensor<8x1x1x11xf32>, %2: tensor<8xf32>):
    %r = nn.conv2d %0, %1 bias %2 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x4x4x11xf32>, tensor<8x1x1x11xf32>, tensor<8xf32> -> tensor<1x4x4x8xf32>
    nn.yield %r : tensor<1x4x4x8xf32>
  }
  return
}

// What micro-kernels cannot do is left to other loops.
// CHECK-LABEL: func.func @one_column
// CHECK: nn.kernel
func.func @one_column(%x: memref<4x3xf32>, %w: memref<3x1xf32>, %y: memref<4x1xf32>) {
  nn.kernel "k" ins(%x, %w : memref<4x3xf32>, memref<3x1xf32>) outs(%y : memref<4x1xf32>) {
  ^bb0(%0: tensor<4x3xf32>, %1: tensor<3x1xf32>):
    %r = nn.matmul %0, %1 : tensor<4x3xf32>, tensor<3x1xf32> -> tensor<4x1xf32>
    nn.yield %r : tensor<4x1xf32>
  }
  return
}

// Twelve accumulators, two loads of B, six broadcasts of A, four values of k per trip, every row of A at an address of its
// own; the weights to come are fetched. Then the values of k that are left.
// CHECK-LABEL: func.func private @nncc_gemm_f32_6x16_bias_relu(
// CHECK-SAME: !llvm.ptr {llvm.noalias}, %{{.*}}: !llvm.ptr {llvm.noalias}, %{{.*}}: !llvm.ptr {llvm.noalias}
// CHECK-COUNT-6: llvm.inline_asm
// CHECK-NOT: llvm.inline_asm
// CHECK-COUNT-48: vector.fma
// CHECK-NOT: vector.fma
// CHECK: llvm.intr.prefetch
// CHECK-COUNT-12: vector.fma
// CHECK-NOT: {{vector.fma|prefetch}}
// CHECK: arith.maximumf
// CHECK: func.func private @[[$SCALED]]({{.*}}%[[ENTRY:[a-z0-9]+]]: !llvm.ptr {llvm.noalias}) {
// CHECK: llvm.getelementptr %[[ENTRY]][14]
// CHECK: arith.bitcast {{.*}} : i32 to f32
// CHECK: arith.constant dense<5.000000e-01>
// CHECK-LABEL: func.func private @nncc_gemm_f32_6x16_add(
// CHECK-SAME: %{{[a-z0-9]+}}: !llvm.ptr {llvm.noalias}, %{{[a-z0-9]+}}: !llvm.ptr {llvm.noalias}, %{{[a-z0-9]+}}: !llvm.ptr, %{{[a-z0-9]+}}: !llvm.ptr {llvm.noalias}, %{{[a-z0-9]+}}: !llvm.ptr, %{{[a-z0-9]+}}: !llvm.ptr {llvm.noalias}

}
