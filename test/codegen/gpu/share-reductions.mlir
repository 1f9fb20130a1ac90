// RUN: nncc-opt %s --nncc-share-reductions="team=8 least-iterations=20 most-threads=4" --split-input-file | FileCheck %s
// RUN: nncc-opt %s --nncc-share-reductions="team=8 least-iterations=20 most-threads=4" --canonicalize --nncc-map-threads="block-threads=8" --split-input-file | FileCheck %s --check-prefix=G
// RUN: not nncc-opt %s --nncc-share-reductions=team=6 2>&1 | FileCheck %s --check-prefix=TEAM
// TEAM: error: team must be a power of two, not 6

// Three rows of 21: eight threads take every eighth element, the last round is for some of them. Four of them join the
// others' results, then two, then one. In G each row is a workgroup, which waits for all of that, and its first thread
// stores.
// CHECK-LABEL: func.func private @sums
// CHECK:         scf.for
// CHECK:           %[[PARTIAL:.*]] = memref.alloca() : memref<8xf32>
// CHECK:           scf.for %[[T:.*]] = %c0{{.*}} to %c8{{.*}} step
// CHECK:             scf.for %[[ROUND:.*]] = %c0{{.*}} to %c3{{.*}} step {{.*}} iter_args
// CHECK:               scf.if
// CHECK:                 memref.load
// CHECK:             memref.store %{{.*}}, %[[PARTIAL]][%[[T]]]
// CHECK:           } {nn.team}
// CHECK-COUNT-3:   } {nn.team}
// CHECK:           memref.load %[[PARTIAL]][%c0
// CHECK:           memref.store
// CHECK:         } {nn.parallel}
// G-LABEL:     gpu.module @sums

// G:             nn.block = 8 : i64, nn.grid = array<i64: 3, 1>, nn.iterations = 7 : i64
// G:             memref.alloc() : memref<8xf32, 3>
// G:             scf.for
// G-COUNT-4:     gpu.barrier
// G:             arith.cmpi eq
// G:             scf.if
// G:               memref.store
func.func private @sums(%x: memref<63xf32>, %y: memref<3xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c21 = arith.constant 21 : index
  %zero = arith.constant 0.0 : f32
  scf.for %row = %c0 to %c3 step %c1 {
    %first = arith.muli %row, %c21 : index
    %sum = scf.for %i = %c0 to %c21 step %c1 iter_args(%before = %zero) -> f32 {
      %at = arith.addi %first, %i : index
      %value = memref.load %x[%at] : memref<63xf32>
      %next = arith.addf %before, %value : f32
      scf.yield %next : f32
    }
    memref.store %sum, %y[%row] : memref<3xf32>
  } {nn.parallel}
  return
}

// -----

// What depends on the sum so far cannot be shared out; nor can what is written on the way.
// CHECK-LABEL: func.func private @depends
// CHECK-NOT:     nn.team
func.func private @depends(%x: memref<21xf32>, %y: memref<1xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c21 = arith.constant 21 : index
  %zero = arith.constant 0.0 : f32
  %sum = scf.for %i = %c0 to %c21 step %c1 iter_args(%before = %zero) -> f32 {
    %value = memref.load %x[%i] : memref<21xf32>
    %scaled = arith.mulf %before, %value : f32
    %next = arith.addf %before, %scaled : f32
    scf.yield %next : f32
  }
  %most = scf.for %i = %c0 to %c21 step %c1 iter_args(%before = %zero) -> f32 {
    %value = memref.load %x[%i] : memref<21xf32>
    %next = arith.maximumf %before, %value : f32
    memref.store %value, %x[%i] : memref<21xf32>
    scf.yield %next : f32
  }
  %both = arith.addf %sum, %most : f32
  memref.store %both, %y[%c0] : memref<1xf32>
  return
}

// -----

// A step of 0 has no number of iterations.
// CHECK-LABEL: func.func private @stands_still
// CHECK-NOT:     nn.team
func.func private @stands_still(%x: memref<21xf32>, %y: memref<1xf32>) {
  %c0 = arith.constant 0 : index
  %c21 = arith.constant 21 : index
  %zero = arith.constant 0.0 : f32
  %sum = scf.for %i = %c0 to %c21 step %c0 iter_args(%before = %zero) -> f32 {
    %value = memref.load %x[%i] : memref<21xf32>
    %next = arith.addf %before, %value : f32
    scf.yield %next : f32
  }
  memref.store %sum, %y[%c0] : memref<1xf32>
  return
}

// -----

// What follows of the sum for each element is shared, too; without a sum there is nothing to share.
// CHECK-LABEL: func.func private @normalizes
// CHECK:         memref.alloca
// CHECK:         scf.for %[[T:.*]] = %c0{{.*}} to %c8{{.*}} step
// CHECK:           memref.store
// CHECK:         } {nn.team}
// CHECK:         scf.for
// CHECK:           scf.for %{{.*}} = %c0{{.*}} to %c3
// CHECK:             memref.store %{{.*}}, %arg1
// CHECK:         } {nn.team}
// CHECK-LABEL: func.func private @scales
// CHECK-NOT:     nn.team
func.func private @normalizes(%x: memref<21xf32>, %y: memref<21xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c21 = arith.constant 21 : index
  %zero = arith.constant 0.0 : f32
  %sum = scf.for %i = %c0 to %c21 step %c1 iter_args(%before = %zero) -> f32 {
    %value = memref.load %x[%i] : memref<21xf32>
    %next = arith.addf %before, %value : f32
    scf.yield %next : f32
  }
  scf.for %i = %c0 to %c21 step %c1 {
    %value = memref.load %x[%i] : memref<21xf32>
    %part = arith.divf %value, %sum : f32
    memref.store %part, %y[%i] : memref<21xf32>
  } {nn.independent}
  return
}
func.func private @scales(%x: memref<21xf32>, %y: memref<21xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c21 = arith.constant 21 : index
  %half = arith.constant 0.5 : f32
  scf.for %i = %c0 to %c21 step %c1 {
    %value = memref.load %x[%i] : memref<21xf32>
    %part = arith.mulf %value, %half : f32
    memref.store %part, %y[%i] : memref<21xf32>
  } {nn.independent}
  return
}
