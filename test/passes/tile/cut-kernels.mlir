// RUN: nncc-opt %s --nncc-cut-kernels=part-work=100 --canonicalize --cse | FileCheck %s
// RUN: nncc-opt %s --nncc-cut-kernels=part-work=100 --remarks-filter=nncc-cut-kernels --remark-format=emitRemark --mlir-disable-threading -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// One loop of 512 trips of 3 operations each: a part begins with the trip whose work begins in it.
// CHECK-LABEL: func.func @whole_trips
// CHECK-SAME: %[[BEGIN:[a-z0-9]+]]: i64, %[[END:[a-z0-9]+]]: i64) attributes {nn.parts = 15 : i64, nn.work = 1536 : i64}
// CHECK: %[[B:.*]] = arith.index_cast %[[BEGIN]]
// CHECK: %[[E:.*]] = arith.index_cast %[[END]]
// CHECK: arith.addi %{{.*}}, %c2
// CHECK: arith.divui %{{.*}}, %c3
// CHECK: %[[LOW:.*]] = arith.minui %{{.*}}, %c512
// CHECK: %[[HIGH:.*]] = arith.minui %{{.*}}, %c512
// CHECK: %[[FROM:.*]] = arith.muli %[[LOW]], %c8
// CHECK: %[[TO:.*]] = arith.muli %[[HIGH]], %c8
// CHECK: scf.for %{{.*}} = %[[FROM]] to %[[TO]] step %c8
// CHECK-NOT: nn.parallel
func.func @whole_trips(%x: memref<4096xf32>, %y: memref<4096xf32>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c4096 = arith.constant 4096 : index
  scf.for %i = %c0 to %c4096 step %c8 {
    %0 = vector.load %x[%i] : memref<4096xf32>, vector<8xf32>
    %1 = arith.addf %0, %0 : vector<8xf32>
    vector.store %1, %y[%i] : memref<4096xf32>, vector<8xf32>
  } {nn.parallel}
  return
}

// What is left behind whole vectors is one unit: whoever has its number runs it.
// CHECK-LABEL: func.func @tail
// CHECK: scf.for
// CHECK: %[[BEHIND:.*]] = arith.cmpi sle, %{{.*}}, %c1533
// CHECK: %[[BEFORE:.*]] = arith.cmpi sgt, %{{.*}}, %c1533
// CHECK: %[[MINE:.*]] = arith.andi %[[BEHIND]], %[[BEFORE]]
// CHECK: scf.if %[[MINE]] {
// CHECK-NEXT: vector.load %{{.*}}[%c4088] : memref<4092xf32>, vector<4xf32>
func.func @tail(%x: memref<4092xf32>, %y: memref<4092xf32>) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %c4088 = arith.constant 4088 : index
  %c4092 = arith.constant 4092 : index
  scf.for %i = %c0 to %c4088 step %c8 {
    %0 = vector.load %x[%i] : memref<4092xf32>, vector<8xf32>
    %1 = arith.addf %0, %0 : vector<8xf32>
    vector.store %1, %y[%i] : memref<4092xf32>, vector<8xf32>
  } {nn.parallel}
  scf.for %i = %c4088 to %c4092 step %c4 {
    %0 = vector.load %x[%i] : memref<4092xf32>, vector<4xf32>
    %1 = arith.addf %0, %0 : vector<4xf32>
    vector.store %1, %y[%i] : memref<4092xf32>, vector<4xf32>
  } {nn.parallel}
  return
}

// Three rows are too few units: the loop in them is cut, too, and its bounds depend on the row.
// CHECK-LABEL: func.func @rows
// CHECK-SAME: nn.work = 1500 : i64
// CHECK: scf.for %[[ROW:.*]] = %{{.*}} to %{{.*}} step %c1 {
// CHECK: %[[BEFORE:.*]] = arith.muli %[[ROW]], %c500
// CHECK: arith.subi %{{.*}}, %[[BEFORE]]
// CHECK: scf.for
// CHECK: nncc_micro
func.func private @nncc_micro(%x: memref<3x5xf32>, %row: index, %column: index)
func.func @rows(%x: memref<3x5xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c5 = arith.constant 5 : index
  scf.for %i = %c0 to %c3 step %c1 {
    scf.for %j = %c0 to %c5 step %c1 {
      func.call @nncc_micro(%x, %i, %j) {nn.work = 100 : i64} : (memref<3x5xf32>, index, index) -> ()
    } {nn.parallel}
  } {nn.parallel}
  return
}

// A store outside of parallel loops may be what the loops read: all stays whole.
// CHECK-LABEL: func.func @two_phases(%{{[a-z0-9]+}}: memref<4096xf32>, %{{[a-z0-9]+}}: memref<4096xf32>)
// REMARK: Missed{{.*}}two_phases{{.*}}effects outside of independent loops
func.func @two_phases(%x: memref<4096xf32>, %y: memref<4096xf32>) attributes {nn.device = "cpu0"} {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c4096 = arith.constant 4096 : index
  %one = arith.constant 1.0 : f32
  memref.store %one, %y[%c0] : memref<4096xf32>
  scf.for %i = %c0 to %c4096 step %c8 {
    %0 = vector.load %x[%i] : memref<4096xf32>, vector<8xf32>
    %1 = arith.addf %0, %0 : vector<8xf32>
    vector.store %1, %y[%i] : memref<4096xf32>, vector<8xf32>
  } {nn.parallel}
  return
}

// A scalar that all parts read is read by each of them; not when it may lie in what they write.
// CHECK-LABEL: func.func @reads_a_scalar(
// CHECK-SAME: nn.parts = 15
// CHECK-LABEL: func.func @reads_what_it_may_write(
// CHECK-NOT: nn.parts
func.func @reads_a_scalar(%x: memref<1xf32> {llvm.noalias}, %y: memref<4096xf32> {llvm.noalias}) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c4096 = arith.constant 4096 : index
  %0 = memref.load %x[%c0] : memref<1xf32>
  %1 = vector.broadcast %0 : f32 to vector<8xf32>
  scf.for %i = %c0 to %c4096 step %c8 {
    %2 = vector.load %y[%i] : memref<4096xf32>, vector<8xf32>
    %3 = arith.addf %1, %2 : vector<8xf32>
    vector.store %3, %y[%i] : memref<4096xf32>, vector<8xf32>
  } {nn.parallel}
  return
}
func.func @reads_what_it_may_write(%x: memref<1xf32>, %y: memref<4096xf32>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c4096 = arith.constant 4096 : index
  %0 = memref.load %x[%c0] : memref<1xf32>
  %1 = vector.broadcast %0 : f32 to vector<8xf32>
  scf.for %i = %c0 to %c4096 step %c8 {
    %2 = vector.load %y[%i] : memref<4096xf32>, vector<8xf32>
    %3 = arith.addf %1, %2 : vector<8xf32>
    vector.store %3, %y[%i] : memref<4096xf32>, vector<8xf32>
  } {nn.parallel}
  return
}

// A loop that every part runs all of: the one in it is cut, by what all of its trips do.
// CHECK-LABEL: func.func @uncut
// CHECK-SAME: nn.work = 3000 : i64
// CHECK: scf.for %{{.*}} = %c0 to %c3 step %c1 {
// CHECK-NOT: arith.divui %{{.*}}, %c100
// CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} step %c1
func.func @uncut(%x: memref<3x5xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c10 = arith.constant 10 : index
  scf.for %i = %c0 to %c3 step %c1 {
    scf.for %j = %c0 to %c10 step %c1 {
      func.call @nncc_micro(%x, %i, %j) {nn.work = 100 : i64} : (memref<3x5xf32>, index, index) -> ()
    } {nn.parallel}
  } {nn.parallel, nn.uncut}
  return
}

// What every part may write for itself is no effect that keeps the loops beside it whole.
// CHECK-LABEL: func.func @repeated
// CHECK-SAME: nn.work = 3000 : i64
// CHECK: scf.for %{{.*}} = %c0 to %c3 step %c1 {
// CHECK: call @nncc_micro(%{{[a-z0-9]+}}, %{{[a-z0-9]+}}, %c0)
// CHECK-NOT: nn.repeats
// CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} step %c1
func.func @repeated(%x: memref<3x5xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c10 = arith.constant 10 : index
  scf.for %i = %c0 to %c3 step %c1 {
    func.call @nncc_micro(%x, %i, %c0) {nn.repeats, nn.work = 0 : i64} : (memref<3x5xf32>, index, index) -> ()
    scf.for %j = %c0 to %c10 step %c1 {
      func.call @nncc_micro(%x, %i, %j) {nn.work = 100 : i64} : (memref<3x5xf32>, index, index) -> ()
    } {nn.parallel}
  } {nn.parallel, nn.uncut}
  return
}

// Little work is not worth a second thread.
// CHECK-LABEL: func.func @little
// CHECK-SAME: (%{{[a-z0-9]+}}: memref<64xf32>, %{{[a-z0-9]+}}: memref<64xf32>) {
func.func @little(%x: memref<64xf32>, %y: memref<64xf32>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c64 = arith.constant 64 : index
  scf.for %i = %c0 to %c64 step %c8 {
    %0 = vector.load %x[%i] : memref<64xf32>, vector<8xf32>
    vector.store %0, %y[%i] : memref<64xf32>, vector<8xf32>
  } {nn.parallel}
  return
}

// A step of 0 has no number of trips: such a loop is no work to share out.
// CHECK-LABEL: func.func @stands_still(%{{[a-z0-9]+}}: memref<4096xf32>, %{{[a-z0-9]+}}: memref<4096xf32>) {
// CHECK-NEXT: return
func.func @stands_still(%x: memref<4096xf32>, %y: memref<4096xf32>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c4096 = arith.constant 4096 : index
  scf.for %i = %c0 to %c4096 step %c0 {
    scf.for %j = %c0 to %c4096 step %c8 {
      %0 = vector.load %x[%j] : memref<4096xf32>, vector<8xf32>
      %1 = arith.addf %0, %0 : vector<8xf32>
      vector.store %1, %y[%j] : memref<4096xf32>, vector<8xf32>
    } {nn.parallel}
  } {nn.parallel}
  return
}

// Where a loop begins is known only in the row around it: it stays whole, however few rows there are.
// CHECK-LABEL: func.func @moving_bounds
// CHECK: %[[LINE:.*]] = arith.muli %{{.*}}, %c5
// CHECK: %[[END:.*]] = arith.addi %[[LINE]], %c5
// CHECK: scf.for %{{.*}} = %[[LINE]] to %[[END]] step %c1
func.func @moving_bounds(%x: memref<3x5xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c5 = arith.constant 5 : index
  scf.for %i = %c0 to %c3 step %c1 {
    %line = arith.muli %i, %c5 : index
    %end = arith.addi %line, %c5 overflow<nsw> : index
    scf.for %j = %line to %end step %c1 {
      func.call @nncc_micro(%x, %i, %j) {nn.work = 100 : i64} : (memref<3x5xf32>, index, index) -> ()
    } {nn.parallel}
  } {nn.parallel}
  return
}
