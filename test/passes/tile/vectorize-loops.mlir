// RUN: nncc-opt %s --nncc-vectorize-loops --canonicalize --cse --split-input-file --verify-diagnostics | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#flip = affine_map<(d0, d1) -> (d1, d0)>
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, l1_bytes = 32768, l2_bytes = 1048576>}} {

// 3 x 7 elements in one go: two registers at once, then one, then the last element; nothing twice.
// CHECK-LABEL: @contiguous
// CHECK: scf.for %[[I:.*]] = %c0 to %c16 step %c8
// CHECK:   vector.load %{{.*}}[%[[I]]] : memref<21xf32>, vector<8xf32>
// CHECK: vector.load %{{.*}}[%c16] : memref<21xf32>, vector<4xf32>
// CHECK: memref.load %{{.*}}[%c20]
// CHECK-NOT: memref.load
func.func @contiguous(%x: memref<3x7xf32>, %y: memref<3x7xf32>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : memref<3x7xf32>) outs(%y : memref<3x7xf32>) {
  ^bb0(%0: f32, %1: f32):
    %2 = arith.addf %0, %0 : f32
    linalg.yield %2 : f32
  }
  return
}

// A transposed input comes in as rows and leaves as columns.
// CHECK-LABEL: @transpose
// CHECK-COUNT-4: vector.load
// CHECK-COUNT-8: vector.shuffle
// CHECK-COUNT-4: vector.store
func.func @transpose(%x: memref<8x4xf32>, %y: memref<4x8xf32>) {
  linalg.generic {indexing_maps = [#flip, #id], iterator_types = ["parallel", "parallel"]} ins(%x : memref<8x4xf32>) outs(%y : memref<4x8xf32>) {
  ^bb0(%0: f32, %1: f32):
    linalg.yield %0 : f32
  }
  return
}

// Three planes become pixels: a vector of each plane, stored by turns.
// CHECK-LABEL: @interleave
// CHECK-COUNT-3: vector.load {{.*}} vector<4xf32>
// CHECK: vector.shuffle {{.*}} [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
// CHECK: vector.store {{.*}} vector<12xf32>
func.func @interleave(%x: memref<3x4xf32>, %y: memref<4x3xf32>) {
  linalg.generic {indexing_maps = [#flip, #id], iterator_types = ["parallel", "parallel"]} ins(%x : memref<3x4xf32>) outs(%y : memref<4x3xf32>) {
  ^bb0(%0: f32, %1: f32):
    linalg.yield %0 : f32
  }
  return
}

// The widest element type says how many lanes fit.
// CHECK-LABEL: @widen
// CHECK: vector.load {{.*}} vector<4xi8>
// CHECK: arith.sitofp {{.*}} : vector<4xi8> to vector<4xf64>
func.func @widen(%x: memref<2x2xi8>, %y: memref<2x2xf64>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : memref<2x2xi8>) outs(%y : memref<2x2xf64>) {
  ^bb0(%0: i8, %1: f64):
    %2 = arith.sitofp %0 : i8 to f64
    linalg.yield %2 : f64
  }
  return
}

// Three channels and a number for each: four pixels are three vectors, and the numbers are repeated in registers. What
// is left are single pixels.
// CHECK-LABEL: @per_channel
// CHECK: scf.for {{.*}} = %c0 to %c8 step %c4
// CHECK:   vector.load {{.*}} memref<27xf32>, vector<4xf32>
// CHECK:   vector.load {{.*}} memref<3xf32>, vector<3xf32>
// CHECK:   vector.shuffle {{.*}} [0, 1, 2, 0] : vector<3xf32>, vector<3xf32>
// CHECK:   vector.shuffle {{.*}} [1, 2, 0, 1] : vector<3xf32>, vector<3xf32>
// CHECK:   vector.shuffle {{.*}} [2, 0, 1, 2] : vector<3xf32>, vector<3xf32>
// CHECK: vector.load {{.*}} memref<27xf32>, vector<3xf32>
func.func @per_channel(%x: memref<9x3xf32>, %c: memref<3xf32>, %y: memref<9x3xf32>) {
  linalg.generic {indexing_maps = [#id, affine_map<(d0, d1) -> (d1)>, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %c : memref<9x3xf32>, memref<3xf32>) outs(%y : memref<9x3xf32>) {
  ^bb0(%0: f32, %1: f32, %2: f32):
    %3 = arith.mulf %0, %1 : f32
    linalg.yield %3 : f32
  }
  return
}

// Pixels become planes: three vectors of each load.
// CHECK-LABEL: @planes
// CHECK: vector.load {{.*}} memref<24xf32>, vector<24xf32>
// CHECK: vector.shuffle {{.*}} [0, 3, 6, 9, 12, 15, 18, 21]
// CHECK: vector.store {{.*}} vector<8xf32>
// CHECK: vector.shuffle {{.*}} [1, 4, 7, 10, 13, 16, 19, 22]
// CHECK: vector.shuffle {{.*}} [2, 5, 8, 11, 14, 17, 20, 23]
func.func @planes(%x: memref<8x3xf32>, %y: memref<3x8xf32>) {
  linalg.generic {indexing_maps = [#flip, #id], iterator_types = ["parallel", "parallel"]} ins(%x : memref<8x3xf32>) outs(%y : memref<3x8xf32>) {
  ^bb0(%0: f32, %1: f32):
    linalg.yield %0 : f32
  }
  return
}

// What something else of the function goes on writing is not parallel: iterations keep their order.
// CHECK-LABEL: @copies_in_front_of_updates
// CHECK: vector.store {{.*}} vector<8xf32>
// CHECK-NOT: nn.parallel
// CHECK: memref.store
func.func @copies_in_front_of_updates(%x: memref<16xf32>, %y: memref<16xf32>, %u: memref<3xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : memref<16xf32>) outs(%y : memref<16xf32>) {
  ^bb0(%0: f32, %1: f32):
    linalg.yield %0 : f32
  }
  scf.for %i = %c0 to %c3 step %c1 {
    %0 = memref.load %u[%i] : memref<3xf32>
    memref.store %0, %y[%i] : memref<16xf32>
  }
  return
}
}

// -----

#id = affine_map<(d0) -> (d0)>
// expected-error @below {{the module names no machine to generate code for (nn.machines)}}
func.func @no_machine(%x: memref<8xf32>, %y: memref<8xf32>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : memref<8xf32>) outs(%y : memref<8xf32>) {
  ^bb0(%0: f32, %1: f32):
    linalg.yield %0 : f32
  }
  return
}
