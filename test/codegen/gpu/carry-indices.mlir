// RUN: nncc-opt %s --nncc-carry-indices --canonicalize --cse --split-input-file | FileCheck %s

// A product and a sum in every step become one sum, by which the loop counts, since nothing else needs its counter; what
// is a constant behind it stays so.
// CHECK-LABEL: gpu.func @carries_the_place_of_weights
// CHECK-SAME:    %[[X:.*]]: memref<64xf32>, %[[START:.*]]: index
// CHECK:         %[[FIRST:.*]] = arith.addi %[[START]], %c32
// CHECK:         %[[END:.*]] = arith.addi %[[START]], %c128
// CHECK:         scf.for %[[AT:.*]] = %[[FIRST]] to %[[END]] step %c32 iter_args(%[[SUM:.*]] = %{{.*}})
// CHECK-NOT:       arith.muli
// CHECK:           memref.load %[[X]][%[[AT]]]
// CHECK:           %[[BEHIND:.*]] = arith.addi %[[AT]], %c3
// CHECK:           memref.load %[[X]][%[[BEHIND]]]
// CHECK-NOT:       arith.addi
// CHECK:           scf.yield
module {
  gpu.module @k {
    gpu.func @carries_the_place_of_weights(%x: memref<64xf32>, %start: index, %y: memref<1xf32>) kernel {
      %c0 = arith.constant 0 : index
      %c2 = arith.constant 2 : index
      %c3 = arith.constant 3 : index
      %c7 = arith.constant 7 : index
      %c16 = arith.constant 16 : index
      %zero = arith.constant 0.0 : f32
      %sum = scf.for %i = %c2 to %c7 step %c2 iter_args(%s = %zero) -> f32 {
        %0 = arith.muli %i, %c16 : index
        %1 = arith.addi %start, %0 : index
        %a = memref.load %x[%1] : memref<64xf32>
        %2 = arith.addi %1, %c3 : index
        %b = memref.load %x[%2] : memref<64xf32>
        %p = math.fma %a, %b, %s : f32
        scf.yield %p : f32
      }
      memref.store %sum, %y[%c0] : memref<1xf32>
      gpu.return
    }
  }
}

// -----

// The line of a window is looked at in every step: it counts. Its place in memory is carried.
// CHECK-LABEL: gpu.func @carries_the_place_of_a_line
// CHECK-SAME:    %[[X:.*]]: memref<96xf32>, %[[TOP:.*]]: index, %[[COLUMN:.*]]: index
// CHECK:         %[[LINE:.*]] = arith.subi %[[TOP]], %c1
// CHECK:         %[[SCALED:.*]] = arith.muli %[[LINE]], %c12
// CHECK:         %[[FIRST:.*]] = arith.addi %[[SCALED]], %[[COLUMN]]
// CHECK:         %[[END:.*]] = arith.addi %[[TOP]], %c2
// CHECK:         scf.for %[[AT_LINE:.*]] = %[[LINE]] to %[[END]] step %c1 iter_args(%[[SUM:.*]] = %{{.*}}, %[[AT:.*]] = %[[FIRST]])
// CHECK-NEXT:      arith.cmpi ult, %[[AT_LINE]], %c8
// CHECK:           scf.if
// CHECK-NOT:         arith.muli
// CHECK:             memref.load %[[X]][%[[AT]]]
// CHECK:           arith.addi %[[AT]], %c12
module {
  gpu.module @k {
    gpu.func @carries_the_place_of_a_line(%x: memref<96xf32>, %top: index, %column: index, %y: memref<1xf32>) kernel {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c3 = arith.constant 3 : index
      %c8 = arith.constant 8 : index
      %c12 = arith.constant 12 : index
      %zero = arith.constant 0.0 : f32
      %sum = scf.for %kh = %c0 to %c3 step %c1 iter_args(%s = %zero) -> f32 {
        %0 = arith.addi %top, %kh : index
        %line = arith.subi %0, %c1 : index
        %inside = arith.cmpi ult, %line, %c8 : index
        %next = scf.if %inside -> f32 {
          %1 = arith.muli %line, %c12 : index
          %2 = arith.addi %1, %column : index
          %a = memref.load %x[%2] : memref<96xf32>
          %b = arith.addf %s, %a : f32
          scf.yield %b : f32
        } else {
          scf.yield %s : f32
        }
        scf.yield %next : f32
      }
      memref.store %sum, %y[%c0] : memref<1xf32>
      gpu.return
    }
  }
}

// -----

// A product that something else needs, too, stays; so do those of loops around others, which run less often.
// CHECK-LABEL: gpu.func @keeps_products
// CHECK:         scf.for %[[I:.*]] = %c0 to %c3 step %c1 {
// CHECK:           %[[OUTER:.*]] = arith.muli %[[I]], %c16
// CHECK:           scf.for %[[J:.*]] = %c0 to %c3 step %c1 {
// CHECK:             %[[INNER:.*]] = arith.muli %[[J]], %c16
// CHECK:             memref.load %{{.*}}[%[[INNER]]]
module {
  gpu.module @k {
    gpu.func @keeps_products(%x: memref<64xf32>, %y: memref<64xf32>) kernel {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c3 = arith.constant 3 : index
      %c16 = arith.constant 16 : index
      scf.for %i = %c0 to %c3 step %c1 {
        %0 = arith.muli %i, %c16 : index
        scf.for %j = %c0 to %c3 step %c1 {
          %1 = arith.muli %j, %c16 : index
          %a = memref.load %x[%1] : memref<64xf32>
          %2 = arith.addi %0, %1 : index
          memref.store %a, %y[%2] : memref<64xf32>
        }
      }
      gpu.return
    }
  }
}

// -----

// The rows of a tile: the first counts, the others are as far behind as before, where that is known as constants.
// CHECK-LABEL: gpu.func @counts_by_a_row
// CHECK-SAME:    %[[X:.*]]: memref<64xf32>, %[[A:.*]]: index, %[[B:.*]]: index
// CHECK:         %[[BEHIND:.*]] = arith.subi %[[B]], %[[A]]
// CHECK:         %[[END:.*]] = arith.addi %[[A]], %c4
// CHECK:         scf.for %[[AT:.*]] = %[[A]] to %[[END]] step %c1
// CHECK-NEXT:      memref.load %[[X]][%[[AT]]]
// CHECK-NEXT:      %[[SECOND:.*]] = arith.addi %[[AT]], %[[BEHIND]]
// CHECK-NEXT:      memref.load %[[X]][%[[SECOND]]]
// CHECK-NEXT:      %[[THIRD:.*]] = arith.addi %[[AT]], %c16
// CHECK-NEXT:      memref.load %[[X]][%[[THIRD]]]
module {
  gpu.module @k {
    gpu.func @counts_by_a_row(%x: memref<64xf32>, %a: index, %b: index, %y: memref<1xf32>) kernel {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c4 = arith.constant 4 : index
      %c16 = arith.constant 16 : index
      %zero = arith.constant 0.0 : f32
      %third = arith.addi %a, %c16 : index
      %sum = scf.for %i = %c0 to %c4 step %c1 iter_args(%s = %zero) -> f32 {
        %0 = arith.addi %a, %i : index
        %1 = memref.load %x[%0] : memref<64xf32>
        %2 = arith.addi %b, %i : index
        %3 = memref.load %x[%2] : memref<64xf32>
        %4 = arith.addi %third, %i : index
        %5 = memref.load %x[%4] : memref<64xf32>
        %6 = math.fma %1, %3, %5 : f32
        %7 = arith.addf %s, %6 : f32
        scf.yield %7 : f32
      }
      memref.store %sum, %y[%c0] : memref<1xf32>
      gpu.return
    }
  }
}

// -----

// A counter that is an index itself stays: it is no sum.
// CHECK-LABEL: gpu.func @keeps_counters_that_are_indices
// CHECK:         scf.for %[[I:.*]] = %c0 to %c4 step %c1
// CHECK-NEXT:      memref.load %{{.*}}[%[[I]]]
// CHECK-NEXT:      arith.addi %{{.*}}, %[[I]]
module {
  gpu.module @k {
    gpu.func @keeps_counters_that_are_indices(%x: memref<64xf32>, %a: index) kernel {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c4 = arith.constant 4 : index
      scf.for %i = %c0 to %c4 step %c1 {
        %0 = memref.load %x[%i] : memref<64xf32>
        %1 = arith.addi %a, %i : index
        memref.store %0, %x[%1] : memref<64xf32>
      }
      gpu.return
    }
  }
}

// -----

// Indices in a branch: what is the same in each step moves out, constants are added last.
// CHECK-LABEL: gpu.func @looks_into_branches
// CHECK-SAME:    %[[X:.*]]: memref<96xf32>, %[[A:[^:]*]]: index, %
// CHECK:         %[[PIECE:.*]] = arith.muli %[[A]], %c3
// CHECK:         %[[FIRST:.*]] = arith.addi %{{.*}}, %[[PIECE]]
// CHECK:         scf.for %{{.*}} iter_args(%{{.*}} = %{{.*}}, %[[AT:.*]] = %[[FIRST]])
// CHECK:           scf.if
// CHECK-NOT:         arith.muli
// CHECK:             memref.load %[[X]][%[[AT]]]
// CHECK-NEXT:        %[[NEXT:.*]] = arith.addi %[[AT]], %c5
// CHECK-NEXT:        memref.load %[[X]][%[[NEXT]]]
module {
  gpu.module @k {
    gpu.func @looks_into_branches(%x: memref<96xf32>, %a: index, %top: index, %y: memref<1xf32>) kernel {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c3 = arith.constant 3 : index
      %c5 = arith.constant 5 : index
      %c8 = arith.constant 8 : index
      %c12 = arith.constant 12 : index
      %zero = arith.constant 0.0 : f32
      %sum = scf.for %kh = %c0 to %c3 step %c1 iter_args(%s = %zero) -> f32 {
        %line = arith.addi %top, %kh : index
        %inside = arith.cmpi ult, %line, %c8 : index
        %next = scf.if %inside -> f32 {
          %0 = arith.muli %line, %c12 : index
          %piece = arith.muli %a, %c3 : index
          %1 = arith.addi %0, %piece : index
          %2 = memref.load %x[%1] : memref<96xf32>
          %behind = arith.addi %piece, %c5 : index
          %3 = arith.addi %0, %behind : index
          %4 = memref.load %x[%3] : memref<96xf32>
          %5 = math.fma %2, %4, %s : f32
          scf.yield %5 : f32
        } else {
          scf.yield %s : f32
        }
        scf.yield %next : f32
      }
      memref.store %sum, %y[%c0] : memref<1xf32>
      gpu.return
    }
  }
}
