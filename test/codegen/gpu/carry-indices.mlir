// RUN: nncc-opt %s --nncc-carry-indices --canonicalize --cse --split-input-file | FileCheck %s

// A product and a sum in every step become one sum; what is a constant behind it stays so.
// CHECK-LABEL: gpu.func @carries_the_place_of_weights
// CHECK-SAME:    %[[X:.*]]: memref<64xf32>, %[[START:.*]]: index
// CHECK:         %[[FIRST:.*]] = arith.addi %[[START]], %c32
// CHECK:         scf.for {{.*}} = %c2 to %c7 step %c2 iter_args(%[[SUM:.*]] = %{{.*}}, %[[AT:.*]] = %[[FIRST]])
// CHECK-NOT:       arith.muli
// CHECK:           memref.load %[[X]][%[[AT]]]
// CHECK:           %[[BEHIND:.*]] = arith.addi %[[AT]], %c3
// CHECK:           memref.load %[[X]][%[[BEHIND]]]
// CHECK:           %[[NEXT:.*]] = arith.addi %[[AT]], %c32
// CHECK:           scf.yield %{{.*}}, %[[NEXT]]
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

// The line of a window is looked at in every step, its place in memory is carried.
// CHECK-LABEL: gpu.func @carries_the_place_of_a_line
// CHECK-SAME:    %[[X:.*]]: memref<96xf32>, %[[TOP:.*]]: index, %[[COLUMN:.*]]: index
// CHECK:         %[[LINE:.*]] = arith.subi %[[TOP]], %c1
// CHECK:         %[[SCALED:.*]] = arith.muli %[[LINE]], %c12
// CHECK:         %[[FIRST:.*]] = arith.addi %[[SCALED]], %[[COLUMN]]
// CHECK:         scf.for {{.*}} iter_args(%[[SUM:.*]] = %{{.*}}, %[[AT:.*]] = %[[FIRST]])
// CHECK:           arith.cmpi ult
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
