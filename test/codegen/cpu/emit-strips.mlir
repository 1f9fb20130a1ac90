// RUN: nncc-opt %s --nncc-emit-contractions | FileCheck %s

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>}} {

// 133 pixels are five strips of 27, of 28 at most, the last of 25: a slot has three of them, or two. Pixels of 5 channels
// lie 32 apart in a strip. What the epilogue reads moves along with the output; the weights are whole for all.
// CHECK-LABEL: func.func @strips_of_pixels
// CHECK-SAME: %[[X:[a-z0-9]*]]: memref<1x7x19x5xf32>
// CHECK-SAME: %[[W:[a-z0-9]*]]: memref<320xi8>
// CHECK-SAME: %[[O:[a-z0-9]*]]: memref<1x7x19x16xf32>
// CHECK-SAME: %[[Y:[a-z0-9]*]]: memref<1x7x19x16xf32>
// CHECK-NOT: nn.kernel
// CHECK: scf.for %[[SLOT:.*]] = %c0{{.*}} to %c2{{.*}} step
// CHECK:   %[[FIRST:.*]] = arith.muli %[[SLOT]], %c3
// CHECK:   %[[AT:.*]] = arith.muli %[[SLOT]], %c896
// CHECK:   %[[MADE:.*]] = llvm.getelementptr %{{.*}}[%[[AT]]]
// CHECK:   %[[LAST:.*]] = arith.minsi %{{.*}}, %c5
// CHECK:   scf.for %[[STRIP:.*]] = %[[FIRST]] to %[[LAST]] step
// CHECK:     %[[PART:.*]] = arith.remui %[[STRIP]], %c5
// CHECK:     memref.extract_aligned_pointer_as_index %[[X]]
// CHECK:     memref.extract_aligned_pointer_as_index %[[O]]
// CHECK:     memref.extract_aligned_pointer_as_index %[[Y]]
// CHECK:     %[[TO_X:.*]] = arith.muli %[[PART]], %c135
// CHECK:     %[[STRIP_OF_X:.*]] = llvm.getelementptr %{{.*}}[%[[TO_X]]]
// CHECK:     %[[TO_O:.*]] = arith.muli %[[PART]], %c432
// CHECK:     %[[STRIP_OF_O:.*]] = llvm.getelementptr %{{.*}}[%[[TO_O]]]
// CHECK:     %[[TO_Y:.*]] = arith.muli %[[PART]], %c432
// CHECK:     %[[STRIP_OF_Y:.*]] = llvm.getelementptr %{{.*}}[%[[TO_Y]]]
// CHECK:     arith.cmpi eq, %[[PART]], %c4
// CHECK:     scf.if
// CHECK:       call @nncc_prologue_0_relu(%[[STRIP_OF_X]], %[[MADE]], %c25{{[^,]*}}, %c32{{[^,]*}}, %c5{{[^,]*}})
// CHECK:       memref.extract_aligned_pointer_as_index %[[W]]
// CHECK:       call @nncc_gemm_f32_5x16_add(%[[MADE]], %{{.*}}, %[[STRIP_OF_Y]], %{{.*}}, %[[STRIP_OF_O]], %{{.*}})
// CHECK:     } else {
// CHECK:       call @nncc_prologue_0_relu(%[[STRIP_OF_X]], %[[MADE]], %c27
// CHECK:       call @nncc_gemm_f32_6x16_add(%[[MADE]],
// CHECK:       call @nncc_gemm_f32_5x16_add(
// CHECK:   } {nn.work = {{[0-9]+}} : i64}
// CHECK: } {nn.parallel}
func.func @strips_of_pixels(%x: memref<1x7x19x5xf32> {llvm.noalias}, %w: memref<320xi8> {llvm.noalias}, %o: memref<1x7x19x16xf32> {llvm.noalias}, %y: memref<1x7x19x16xf32> {llvm.noalias}, %s: memref<7168xi8> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w, %o : memref<1x7x19x5xf32>, memref<320xi8>, memref<1x7x19x16xf32>) outs(%y : memref<1x7x19x16xf32>) scratch(%s : memref<7168xi8>) {
  ^bb0(%0: tensor<1x7x19x5xf32>, %1: tensor<16x1x1x5xf32>, %2: tensor<1x7x19x16xf32>):
    %p = nn.unary relu %0 : tensor<1x7x19x5xf32> -> tensor<1x7x19x5xf32>
    %r = nn.conv2d %p, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x7x19x5xf32>, tensor<16x1x1x5xf32> -> tensor<1x7x19x16xf32>
    %t = nn.binary add %r, %2 : tensor<1x7x19x16xf32>, tensor<1x7x19x16xf32> -> tensor<1x7x19x16xf32>
    nn.yield %t : tensor<1x7x19x16xf32>
  } attributes {nn.form = {name = "strips", pixels = 28, scratch_bytes = 7168, slots = 2},
                nn.packings = [unit, #nn.packing<"panels", [320, 1, 16, 5, 16, 8, 0]>, unit]}
  return
}

// Lines of a part of a concatenation lie apart: strips are cut from lines, and a strip's line follows from its number.
// CHECK-LABEL: func.func @strips_of_lines
// CHECK: scf.for %{{.*}} = %c0{{.*}} to %c1{{.*}} step
// CHECK:   scf.for %[[STRIP:.*]] = %{{.*}} to %{{.*}} step
// CHECK:     %[[PART:.*]] = arith.remui %[[STRIP]], %c2
// CHECK:     %[[LINE:.*]] = arith.divui %[[STRIP]], %c2
// CHECK:     arith.muli %[[PART]], %c50
// CHECK:     arith.muli %[[PART]], %c160
// CHECK:     %[[OF_LINES:.*]] = arith.remui %[[LINE]], %c7
// CHECK:     arith.muli %[[OF_LINES]], %c95
// CHECK:     arith.muli %[[OF_LINES]], %c400
func.func @strips_of_lines(%x: memref<1x7x19x5xf32> {llvm.noalias}, %w: memref<320xi8> {llvm.noalias}, %y: memref<1x7x19x16xf32, strided<[2800, 400, 16, 1]>> {llvm.noalias}, %s: memref<1536xi8> {llvm.noalias}) {
  nn.kernel "k" ins(%x, %w : memref<1x7x19x5xf32>, memref<320xi8>) outs(%y : memref<1x7x19x16xf32, strided<[2800, 400, 16, 1]>>) scratch(%s : memref<1536xi8>) {
  ^bb0(%0: tensor<1x7x19x5xf32>, %1: tensor<16x1x1x5xf32>):
    %p = nn.unary relu %0 : tensor<1x7x19x5xf32> -> tensor<1x7x19x5xf32>
    %r = nn.conv2d %p, %1 strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x7x19x5xf32>, tensor<16x1x1x5xf32> -> tensor<1x7x19x16xf32>
    nn.yield %r : tensor<1x7x19x16xf32>
  } attributes {nn.form = {name = "strips", pixels = 12, scratch_bytes = 1536, slots = 1},
                nn.packings = [unit, #nn.packing<"panels", [320, 1, 16, 5, 16, 8, 0]>]}
  return
}
}
