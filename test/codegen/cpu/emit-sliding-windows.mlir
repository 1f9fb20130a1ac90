// Windows whose channels stay apart sweep over blocks of rows: blocks at the borders have functions of their own, a vector
// of the input is loaded once for all its taps, and edges of lines are written out.
// RUN: nncc-opt %s --split-input-file --nncc-emit-contractions | FileCheck %s

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, fma_lane = true, l1_bytes = 32768, l2_bytes = 131072>}} {

// Nine rows of output are three blocks of three.
// CHECK-LABEL: func.func @depthwise
// CHECK: call @nncc_depthwise_f32_3x4_k3x3s1x1(
// CHECK: call @nncc_depthwise_f32_3x4_k3x3s1x1_1(
// CHECK: call @nncc_depthwise_f32_3x4_k3x3s1x1_2(
func.func @depthwise(%x: memref<1x9x11x4xf32>, %w: memref<144xi8>, %y: memref<1x9x11x4xf32>) {
  nn.kernel "k" ins(%x, %w : memref<1x9x11x4xf32>, memref<144xi8>) outs(%y : memref<1x9x11x4xf32>) {
  ^bb0(%0: tensor<1x9x11x4xf32>, %1: tensor<4x3x3x1xf32>):
    %r = nn.conv2d %0, %1 strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 4 : tensor<1x9x11x4xf32>, tensor<4x3x3x1xf32> -> tensor<1x9x11x4xf32>
    nn.yield %r : tensor<1x9x11x4xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [144, 1, 4, 9, 4, 4, 0]>]}
  return
}

// A dilated window does not.
// CHECK-LABEL: func.func @dilated
// CHECK-NOT: _k3x3
// CHECK: return
func.func @dilated(%x: memref<1x9x11x4xf32>, %y: memref<1x5x7x4xf32>) {
  nn.kernel "k" ins(%x : memref<1x9x11x4xf32>) outs(%y : memref<1x5x7x4xf32>) {
  ^bb0(%0: tensor<1x9x11x4xf32>):
    %r = nn.pool2d max %0 kernel [3, 3] strides [1, 1] pads [0, 0, 0, 0] dilations [2, 2] overhang [0, 0] : tensor<1x9x11x4xf32> -> tensor<1x5x7x4xf32>
    nn.yield %r : tensor<1x5x7x4xf32>
  }
  return
}

// The block inside: nine weights stay in registers. The first real column of a line (5 rows) feeds two output columns, a
// column of the inner loop three; three columns per trip, then one, then the last, which starts no sums.
// CHECK-LABEL: func.func private @nncc_depthwise_f32_3x4_k3x3s1x1_1(
// CHECK-COUNT-14: llvm.load %{{.*}} -> vector<4xf32>
// CHECK-NOT: llvm.load %{{.*}} -> vector<4xf32>
// CHECK: scf.for
// CHECK-COUNT-15: llvm.load %{{.*}} -> vector<4xf32>
// CHECK-NOT: llvm.load %{{.*}} -> vector<4xf32>
// CHECK: scf.yield
// CHECK: scf.for
// CHECK-COUNT-5: llvm.load %{{.*}} -> vector<4xf32>
// CHECK-NOT: llvm.load %{{.*}} -> vector<4xf32>
// CHECK: scf.yield
// CHECK-COUNT-5: llvm.load %{{.*}} -> vector<4xf32>
// CHECK-NOT: llvm.load %{{.*}} -> vector<4xf32>
// CHECK: return
}

// -----

// Four rows of bytes are brought side by side, channel by channel, and multiplied by one instruction with three taps of a
// column: for one output row as they are, for the next moved by a row.
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, fma_lane = true, l1_bytes = 32768, l2_bytes = 131072, dots = [<instruction = "llvm.aarch64.neon.sdot", bits = 128, group = 4, lhs = i8, rhs = i8, adds = true, rows = 1>]>}} {

// CHECK-LABEL: func.func @bytes
// CHECK: call @nncc_depthwise_i8_2x8_k3x3s1x1(
func.func @bytes(%x: memref<1x6x11x8xi8>, %w: memref<104xi8>, %z: memref<1xi8>, %zw: memref<1xi8>, %y: memref<1x4x9x8xi32>) {
  nn.kernel "k" ins(%x, %w, %z, %zw : memref<1x6x11x8xi8>, memref<104xi8>, memref<1xi8>, memref<1xi8>) outs(%y : memref<1x4x9x8xi32>) {
  ^bb0(%0: tensor<1x6x11x8xi8>, %1: tensor<8x3x3x1xi8>, %2: tensor<1xi8>, %3: tensor<1xi8>):
    %r = nn.conv2d %0, %1 zero_points (%2, %3) strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 8 : tensor<1x6x11x8xi8>, tensor<8x3x3x1xi8> zero_points (tensor<1xi8>, tensor<1xi8>) -> tensor<1x4x9x8xi32>
    nn.yield %r : tensor<1x4x9x8xi32>
  } attributes {nn.packings = [unit, #nn.packing<"bytes", [104, 1, 8, 9, 8, 4, 0, 1, 1, 3, 0, 1, 3, 0, 1, 3]>, unit, unit]}
  return
}

// A column of the inner loop: two vectors of eight channels, three output columns of two rows each.
// CHECK-LABEL: func.func private @nncc_depthwise_i8_2x8_k3x3s1x1(
// CHECK: scf.for
// CHECK: scf.for
// CHECK-COUNT-4: llvm.load %{{.*}} -> vector<8xi8>
// CHECK-NOT: llvm.load
// CHECK-COUNT-12: llvm.call_intrinsic "llvm.aarch64.neon.sdot"
// CHECK: scf.yield
}

// -----

// Where nothing sums neighbours, products of two rows of the window are summed in words of 16 bits: of eight channels.
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, fma_lane = true, l1_bytes = 32768, l2_bytes = 131072, dots = [<instruction = "llvm.aarch64.neon.saddlp", bits = 128, group = 16, lhs = i8, rhs = i8, adds = false, rows = 1>]>}} {

func.func @words(%x: memref<1x6x11x8xi8>, %w: memref<104xi8>, %z: memref<1xi8>, %zw: memref<1xi8>, %y: memref<1x4x9x8xi32>) {
  nn.kernel "k" ins(%x, %w, %z, %zw : memref<1x6x11x8xi8>, memref<104xi8>, memref<1xi8>, memref<1xi8>) outs(%y : memref<1x4x9x8xi32>) {
  ^bb0(%0: tensor<1x6x11x8xi8>, %1: tensor<8x3x3x1xi8>, %2: tensor<1xi8>, %3: tensor<1xi8>):
    %r = nn.conv2d %0, %1 zero_points (%2, %3) strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 8 {nn.fits_words} : tensor<1x6x11x8xi8>, tensor<8x3x3x1xi8> zero_points (tensor<1xi8>, tensor<1xi8>) -> tensor<1x4x9x8xi32>
    nn.yield %r : tensor<1x4x9x8xi32>
  } attributes {nn.packings = [unit, #nn.packing<"bytes", [104, 1, 8, 9, 8, 4, 0, 1, 1, 3, 0, 1, 3, 0, 1, 3]>, unit, unit]}
  return
}

// A column of the inner loop: for each of three output columns and two rows three products, which are two words; each of
// these is added to two vectors of sums.
// CHECK-LABEL: func.func private @nncc_depthwise_i8_2x8_k3x3s1x1(
// CHECK: scf.for
// CHECK: scf.for
// CHECK-COUNT-4: llvm.load %{{.*}} -> vector<8xi8>
// CHECK: arith.muli %{{.*}} : vector<8xi16>
// CHECK-NEXT: arith.extsi
// CHECK-NEXT: arith.extsi
// CHECK-NEXT: arith.muli %{{.*}} : vector<8xi16>
// CHECK-NEXT: arith.addi %{{.*}} : vector<8xi16>
// CHECK-NEXT: vector.extract_strided_slice %{{.*}} : vector<8xi16> to vector<4xi16>
// CHECK-NEXT: arith.extsi
// CHECK-NEXT: arith.addi %{{.*}} : vector<4xi32>
}
