// RUN: nncc-opt %s --split-input-file --nncc-emit-contractions | FileCheck %s

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {
// An image of three planes, 99 elements apart, whose lines have 11: three values of k follow each other in a line of a
// plane, two lines are inner taps, and planes are outer ones, each with six rows of weights.
// CHECK-DAG: llvm.mlir.global private constant @[[$PLANES:nncc_calls_[0-9]+]](dense<[4, 22, 80, 1, 2, 16, 3, 2, 11, 3, 3, 99, 6, {{[0-9, ]+}}]>
// Where the first line of taps is above the image, the first call has one, and begins with the second row of weights.
// CHECK-DAG: llvm.mlir.global private constant @[[$BORDER:nncc_calls_[0-9]+]](dense<[1, 0, 0, 1, 2, 16, 3, 1, 11, 3, 3, 99, 6, {{[0-9, ]+}}, 4, 22, 80, 1, 2, 16, 3, 2, 11, 3, 3, 99, 6, {{[0-9, ]+}}, 0, 0, 3, 0, 14, 11, 0, 80]>

// CHECK-LABEL: func.func @planes
// CHECK-NOT: nn.kernel
// CHECK: llvm.mlir.addressof @[[$PLANES]]
// CHECK: call @nncc_gemm_f32_5x16_k3s2(
func.func @planes(%x: memref<1x3x9x11xf32> {llvm.noalias}, %w: memref<1152xi8> {llvm.noalias}, %y: memref<1x4x5x16xf32> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w : memref<1x3x9x11xf32>, memref<1152xi8>) outs(%y : memref<1x4x5x16xf32>) {
  ^bb0(%0: tensor<1x3x9x11xf32>, %1: tensor<16x2x3x3xf32>):
    %t = nn.transpose %0 [0, 2, 3, 1] : tensor<1x3x9x11xf32> -> tensor<1x9x11x3xf32>
    %r = nn.conv2d %t, %1 strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x9x11x3xf32>, tensor<16x2x3x3xf32> -> tensor<1x4x5x16xf32>
    nn.yield %r : tensor<1x4x5x16xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [1152, 1, 16, 18, 16, 8, 0, 3]>]}
  return
}

// CHECK-LABEL: func.func @border
// CHECK-NOT: nn.kernel
// CHECK: llvm.mlir.addressof @[[$BORDER]]
// CHECK: call @nncc_gemm_f32_5x16_k3s2(
func.func @border(%x: memref<1x3x9x11xf32> {llvm.noalias}, %w: memref<1152xi8> {llvm.noalias}, %y: memref<1x5x5x16xf32> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w : memref<1x3x9x11xf32>, memref<1152xi8>) outs(%y : memref<1x5x5x16xf32>) {
  ^bb0(%0: tensor<1x3x9x11xf32>, %1: tensor<16x2x3x3xf32>):
    %t = nn.transpose %0 [0, 2, 3, 1] : tensor<1x3x9x11xf32> -> tensor<1x9x11x3xf32>
    %r = nn.conv2d %t, %1 strides [2, 2] pads [1, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x9x11x3xf32>, tensor<16x2x3x3xf32> -> tensor<1x5x5x16xf32>
    nn.yield %r : tensor<1x5x5x16xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [1152, 1, 16, 18, 16, 8, 0, 3]>]}
  return
}

// The three values of k of a line are no loop: the last pixel of five reads columns 8 to 10.
// CHECK-LABEL: func.func private @nncc_gemm_f32_5x16_k3s2
// CHECK-COUNT-4: scf.for
// CHECK-NOT: scf.for
// CHECK: llvm.getelementptr %{{.*}}[8] : (!llvm.ptr) -> !llvm.ptr, f32
// CHECK: llvm.getelementptr %{{.*}}[9] : (!llvm.ptr) -> !llvm.ptr, f32
// CHECK: llvm.getelementptr %{{.*}}[10] : (!llvm.ptr) -> !llvm.ptr, f32
// CHECK: scf.yield
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, fma_lane = true, l1_bytes = 32768, l2_bytes = 262144>}} {
// By lane, seven pixels at steps of two share fifteen columns of a line: vectors of the first twelve, and of the last
// four. The first pixel lacks a column, and takes its values one by one.
// CHECK-LABEL: func.func @columns
// CHECK: call @nncc_gemm_f32_7x8_k3s2
// CHECK: call @nncc_gemm_f32_1x8(
// CHECK-LABEL: func.func private @nncc_gemm_f32_7x8_k3s2
// CHECK: %[[LINE:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr -> vector<4xf32>
// CHECK-COUNT-2: llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr -> vector<4xf32>
// CHECK: llvm.getelementptr %{{.*}}[11]
// CHECK-NEXT: llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr -> vector<4xf32>
func.func @columns(%x: memref<1x3x9x29xf32> {llvm.noalias}, %w: memref<576xi8> {llvm.noalias}, %y: memref<1x4x15x8xf32> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w : memref<1x3x9x29xf32>, memref<576xi8>) outs(%y : memref<1x4x15x8xf32>) {
  ^bb0(%0: tensor<1x3x9x29xf32>, %1: tensor<8x2x3x3xf32>):
    %t = nn.transpose %0 [0, 2, 3, 1] : tensor<1x3x9x29xf32> -> tensor<1x9x29x3xf32>
    %r = nn.conv2d %t, %1 strides [2, 2] pads [0, 2, 0, 0] dilations [1, 1] groups 1 : tensor<1x9x29x3xf32>, tensor<8x2x3x3xf32> -> tensor<1x4x15x8xf32>
    nn.yield %r : tensor<1x4x15x8xf32>
  } attributes {nn.packings = [unit, #nn.packing<"panels", [576, 1, 8, 18, 8, 4, 0, 3]>]}
  return
}
}
