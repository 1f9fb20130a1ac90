// RUN: nncc-opt %s --split-input-file --nncc-emit-contractions | FileCheck %s

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, fma_lane = true, l1_bytes = 32768, l2_bytes = 131072, dots = [<instruction = "llvm.aarch64.neon.saddlp", bits = 128, group = 16, lhs = i8, rhs = i8, adds = false, rows = 1>]>}} {

func.func @in_words(%x: memref<4x19xi8>, %w: memref<512xi8>, %m: memref<1x16xf32>, %z: memref<1x1xi8>, %y: memref<4x16xi8>) {
  nn.kernel "k" ins(%x, %w, %m, %z : memref<4x19xi8>, memref<512xi8>, memref<1x16xf32>, memref<1x1xi8>) outs(%y : memref<4x16xi8>) {
  ^bb0(%0: tensor<4x19xi8>, %1: tensor<19x16xi8>, %2: tensor<1x16xf32>, %3: tensor<1x1xi8>):
    %s = nn.matmul %0, %1 {nn.fits_words} : tensor<4x19xi8>, tensor<19x16xi8> -> tensor<4x16xi32>
    %r = nn.requantize %s, %2, %3 {fits, small_sums} : tensor<4x16xi32>, tensor<1x16xf32>, tensor<1x1xi8> -> tensor<4x16xi8>
    nn.yield %r : tensor<4x16xi8>
  } attributes {nn.packings = [unit, #nn.packing<"bytes", [512, 1, 16, 19, 16, 4, 1, 16, 19, 1]>, unit, unit]}
  return
}

// Four rows by four vectors of sums, which begin as the bits of 1.5 * 2^23. A trip is a vector of A for each row, and four
// steps between which these are turned; there is no loop around one run. Behind the trips three values of k are left.
// CHECK-LABEL: func.func private @nncc_gemm_i8_4x16_requantize(
// CHECK: arith.constant dense<1262485504> : vector<4xi32>
// CHECK: scf.for
// CHECK-COUNT-4: llvm.load %{{.*}} -> vector<16xi8>
// CHECK: scf.for
// CHECK-COUNT-16: llvm.call_intrinsic "llvm.aarch64.neon.saddlp"
// CHECK-COUNT-4: vector.shuffle {{.*}}[2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1]
// CHECK: scf.yield
// CHECK: scf.for
// CHECK-COUNT-16: llvm.call_intrinsic "llvm.aarch64.neon.saddlp"
// CHECK-NOT: saddlp
// CHECK-COUNT-16: arith.subf
// CHECK-NOT: {{sitofp|maxnumf}}
// CHECK: return
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144, dots = [<instruction = "llvm.x86.avx2.pmadd.wd", bits = 256, group = 2, lhs = i16, rhs = i16, adds = false, rows = 1>]>}} {

// Four tiles of six rows: the ten rows of the panel become words once for all of them, in memory of every part's own.
// CHECK-LABEL: func.func @words_of_a_panel(
// CHECK: %[[WORDS:.*]] = llvm.alloca %c160_i64 x i16 {{.*}}nn.repeats
// CHECK: call @nncc_widen_16(%{{.*}}, %[[WORDS]], %c10_i64) {nn.repeats}
// CHECK: call @nncc_gemm_ui8_6x16(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[WORDS]], %{{.*}})
func.func @words_of_a_panel(%x: memref<24x10xi8>, %w: memref<160xi8>, %y: memref<24x16xi32>) {
  nn.kernel "k" ins(%x, %w : memref<24x10xi8>, memref<160xi8>) outs(%y : memref<24x16xi32>) {
  ^bb0(%0: tensor<24x10xui8>, %1: tensor<10x16xi8>):
    %s = nn.matmul %0, %1 : tensor<24x10xui8>, tensor<10x16xi8> -> tensor<24x16xi32>
    nn.yield %s : tensor<24x16xi32>
  } attributes {nn.packings = [unit, #nn.packing<"bytes", [160, 1, 16, 10, 16, 8, 1, 2, 10, 1]>]}
  return
}

// Three tiles do not pay for that.
// CHECK-LABEL: func.func @bytes_of_a_panel(
// CHECK-NOT: nncc_widen
// CHECK: call @nncc_gemm_ui8_6x16_1(%{{[0-9]*}}, %{{[0-9]*}}, %{{[0-9]*}}, %{{[0-9]*}}, %{{[0-9]*}})
func.func @bytes_of_a_panel(%x: memref<18x10xi8>, %w: memref<160xi8>, %y: memref<18x16xi32>) {
  nn.kernel "k" ins(%x, %w : memref<18x10xi8>, memref<160xi8>) outs(%y : memref<18x16xi32>) {
  ^bb0(%0: tensor<18x10xui8>, %1: tensor<10x16xi8>):
    %s = nn.matmul %0, %1 : tensor<18x10xui8>, tensor<10x16xi8> -> tensor<18x16xi32>
    nn.yield %s : tensor<18x16xi32>
  } attributes {nn.packings = [unit, #nn.packing<"bytes", [160, 1, 16, 10, 16, 8, 1, 2, 10, 1]>]}
  return
}

// CHECK-LABEL: func.func private @nncc_widen_16(
// CHECK: arith.extsi %{{.*}} : vector<16xi8> to vector<16xi16>
// CHECK-LABEL: func.func private @nncc_gemm_ui8_6x16(
// CHECK-NOT: extsi {{.*}} to vector<16xi16>
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
// CHECK-NOT: extsi {{.*}} to vector<16xi16>
// CHECK-LABEL: func.func private @nncc_gemm_ui8_6x16_1(
// CHECK: extsi {{.*}} to vector<16xi16>
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
}

// -----

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144, dots = [<instruction = "llvm.x86.avx2.pmadd.ub.sw", bits = 256, group = 4, lhs = ui8, rhs = i8, adds = false, rows = 1, wordSum = "llvm.x86.avx2.pmadd.wd", shuffle = "llvm.x86.ssse3.pshuf.b.128">]>}} {

func.func @in_an_order(%x: memref<24x70xi8>, %w: memref<1280xi8>, %y: memref<24x16xi32>) {
  nn.kernel "k" ins(%x, %w : memref<24x70xi8>, memref<1280xi8>) outs(%y : memref<24x16xi32>) {
  ^bb0(%0: tensor<24x70xui8>, %1: tensor<70x16xi8>):
    %s = nn.matmul %0, %1 {nn.ordered = array<i32: 0>} : tensor<24x70xui8>, tensor<70x16xi8> -> tensor<24x16xi32>
    nn.yield %s : tensor<24x16xi32>
  } attributes {nn.packings = [unit, #nn.packing<"ordered_bytes", [1280, 1, 16, 70, 16, 8, 1, 4, 70, 1, 0]>]}
  return
}

// Of each row of a block a vector is put in its order, from where groups of four are read: those of whole blocks, of what
// is left of k, which is among its last 16 values, and of spares, as they lie.
// CHECK-LABEL: func.func private @nncc_gemm_ui8_5x16(
// CHECK: scf.for
// CHECK-COUNT-5: llvm.call_intrinsic "llvm.x86.ssse3.pshuf.b.128"
// CHECK: %[[ONES:.*]] = arith.constant dense<1> : vector<16xi16>
// CHECK: %[[PAIRS:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"
// CHECK-NEXT: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%[[PAIRS]], %[[ONES]])
// CHECK-NEXT: arith.addi
// CHECK-COUNT-39: llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"
// CHECK: scf.yield
// CHECK: scf.for
// CHECK-COUNT-5: llvm.call_intrinsic "llvm.x86.ssse3.pshuf.b.128"
// CHECK: scf.for
// CHECK-COUNT-10: llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"
// CHECK: scf.for
// CHECK-NOT: pshuf
// CHECK-COUNT-10: llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"
// CHECK-NOT: pmadd.ub.sw
// CHECK-LABEL: func.func private @nncc_gemm_ui8_4x16(
}
