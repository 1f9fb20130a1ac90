// RUN: nncc-opt %s --nncc-share-reductions="team=8 least-of-row=4 most-rows=6" --split-input-file | FileCheck %s
// RUN: nncc-opt %s --nncc-share-reductions="team=8 least-of-row=4 most-rows=6" --canonicalize --nncc-map-threads="block-threads=8" --canonicalize --split-input-file | FileCheck %s --check-prefix=G

// Six rows of four: two teams of four are a workgroup, each with its own part of the memory that they share.
// CHECK-LABEL: func.func private @rows
// CHECK:         memref.alloca() : memref<4xf32>
// CHECK-COUNT-3:   {nn.team}
// G-LABEL:     gpu.module @rows
// G:             nn.block = 8 : i64, nn.grid = array<i64: 3, 1>
// G:             %[[SHARED:.*]] = memref.alloc() : memref<8xf32, 3>
// G:             %[[THREAD:.*]] = arith.remui %{{.*}}, %c4
// G:             %[[TEAM:.*]] = arith.divui %{{.*}}, %c4
// G:             %[[FIRST:.*]] = arith.muli %[[TEAM]], %c4
// G:             %[[AT:.*]] = arith.addi %[[FIRST]], %[[THREAD]]
// G:             memref.store %{{.*}}, %[[SHARED]][%[[AT]]]
// G-COUNT-3:     gpu.barrier
func.func private @rows(%x: memref<24xf32>, %y: memref<6xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c6 = arith.constant 6 : index
  %zero = arith.constant 0.0 : f32
  scf.for %row = %c0 to %c6 step %c1 {
    %first = arith.muli %row, %c4 : index
    %sum = scf.for %i = %c0 to %c4 step %c1 iter_args(%before = %zero) -> f32 {
      %at = arith.addi %first, %i : index
      %value = memref.load %x[%at] : memref<24xf32>
      %next = arith.addf %before, %value : f32
      scf.yield %next : f32
    }
    memref.store %sum, %y[%row] : memref<6xf32>
  } {nn.parallel}
  return
}

// -----

// Five rows do not fill workgroups of two: each has a whole one.
// CHECK-LABEL: func.func private @odd_rows
// CHECK:         memref.alloca() : memref<8xf32>
func.func private @odd_rows(%x: memref<20xf32>, %y: memref<5xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c5 = arith.constant 5 : index
  %zero = arith.constant 0.0 : f32
  scf.for %row = %c0 to %c5 step %c1 {
    %first = arith.muli %row, %c4 : index
    %sum = scf.for %i = %c0 to %c4 step %c1 iter_args(%before = %zero) -> f32 {
      %at = arith.addi %first, %i : index
      %value = memref.load %x[%at] : memref<20xf32>
      %next = arith.addf %before, %value : f32
      scf.yield %next : f32
    }
    memref.store %sum, %y[%row] : memref<5xf32>
  } {nn.parallel}
  return
}

// -----

// Columns: threads beside each other read elements beside each other as they are.
// CHECK-LABEL: func.func private @columns
// CHECK-NOT:     nn.team
func.func private @columns(%x: memref<120xf32>, %y: memref<6xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c6 = arith.constant 6 : index
  %c30 = arith.constant 30 : index
  %zero = arith.constant 0.0 : f32
  scf.for %column = %c0 to %c6 step %c1 {
    %sum = scf.for %i = %c0 to %c4 step %c1 iter_args(%before = %zero) -> f32 {
      %line = arith.muli %i, %c30 : index
      %at = arith.addi %line, %column : index
      %value = memref.load %x[%at] : memref<120xf32>
      %next = arith.addf %before, %value : f32
      scf.yield %next : f32
    }
    memref.store %sum, %y[%column] : memref<6xf32>
  } {nn.parallel}
  return
}
