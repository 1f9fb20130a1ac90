// RUN: nncc-opt %s --nncc-pair-integers --canonicalize --split-input-file | FileCheck %s

// An index is the low word of what is in memory.
// CHECK-LABEL: gpu.func @main
// CHECK-SAME:    %[[X:.*]]: memref<10xi32>
// CHECK:         %[[LOW:.*]] = memref.load %[[X]][%c6] : memref<10xi32>
// CHECK:         %[[AT:.*]] = arith.index_cast %[[LOW]] : i32 to index
// CHECK:         memref.load %{{.*}}[%[[AT]]]
module {
  gpu.module @k {
    gpu.func @main(%x: memref<5xi64>, %t: memref<7xf32>, %y: memref<1xf32>) kernel {
      %c0 = arith.constant 0 : index
      %c3 = arith.constant 3 : index
      %number = memref.load %x[%c3] : memref<5xi64>
      %at = arith.index_cast %number : i64 to index
      %v = memref.load %t[%at] : memref<7xf32>
      memref.store %v, %y[%c0] : memref<1xf32>
      gpu.return
    }
  }
}

// -----

// A position that is written keeps its sign in the high word.
// CHECK-LABEL: gpu.func @main
// CHECK:         %[[HIGH:.*]] = arith.shrsi %[[LOW:.*]], %c31_i32 : i32
// CHECK:         memref.store %[[LOW]], %{{.*}}[%c4] : memref<10xi32>
// CHECK:         memref.store %[[HIGH]], %{{.*}}[%c5] : memref<10xi32>
module {
  gpu.module @k {
    gpu.func @main(%x: memref<5xi64>, %n: memref<1xi32>) kernel {
      %c0 = arith.constant 0 : index
      %c2 = arith.constant 2 : index
      %short = memref.load %n[%c0] : memref<1xi32>
      %number = arith.extsi %short : i32 to i64
      memref.store %number, %x[%c2] : memref<5xi64>
      gpu.return
    }
  }
}

// -----

// Arithmetic is not moving: nothing is changed.
// CHECK-LABEL: gpu.func @main
// CHECK-SAME:    memref<5xi64>
module {
  gpu.module @k {
    gpu.func @main(%x: memref<5xi64>) kernel {
      %c0 = arith.constant 0 : index
      %number = memref.load %x[%c0] : memref<5xi64>
      %twice = arith.addi %number, %number : i64
      memref.store %twice, %x[%c0] : memref<5xi64>
      gpu.return
    }
  }
}
