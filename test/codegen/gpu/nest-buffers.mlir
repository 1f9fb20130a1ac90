// RUN: nncc-opt %s --nncc-nest-buffers --canonicalize --cse --split-input-file | FileCheck %s

// A panel of weights in steps of four rows: panels, steps, rows and vectors each are a dim, and no index is a sum.
// CHECK-LABEL: gpu.func @main
// CHECK-SAME:    %[[X:.*]]: memref<8xvector<4xf32>>, %[[W:.*]]: memref<2x8x4x16xvector<4xf32>>
// CHECK-DAG:     %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG:     %[[C3:.*]] = arith.constant 3 : index
// CHECK:         %[[PANEL:.*]] = arith.divui
// CHECK:         %[[T:.*]] = arith.remui
// CHECK:         scf.for %[[K:[^ ]*]] =
// CHECK-NOT:       arith
// CHECK:           memref.load %[[X]][%[[K]]]
// CHECK-NEXT:      memref.load %[[W]][%[[PANEL]], %[[K]], %[[C1]], %[[T]]]
// CHECK-NEXT:      memref.load %[[W]][%[[PANEL]], %[[K]], %[[C3]], %[[T]]]
module {
  gpu.module @k {
    gpu.func @main(%x: memref<8xvector<4xf32>>, %w: memref<1024xvector<4xf32>>, %i: index) kernel {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c8 = arith.constant 8 : index
      %c16 = arith.constant 16 : index
      %c48 = arith.constant 48 : index
      %c64 = arith.constant 64 : index
      %c512 = arith.constant 512 : index
      %zero = arith.constant dense<0.0> : vector<4xf32>
      %panel = arith.divui %i, %c16 : index
      %t = arith.remui %i, %c16 : index
      %begin = arith.muli %panel, %c512 : index
      %start = arith.addi %begin, %t : index
      %sum = scf.for %k = %c0 to %c8 step %c1 iter_args(%s = %zero) -> (vector<4xf32>) {
        %v = memref.load %x[%k] : memref<8xvector<4xf32>>
        %step = arith.muli %k, %c64 : index
        %at = arith.addi %start, %step : index
        %second = arith.addi %at, %c16 : index
        %a = memref.load %w[%second] : memref<1024xvector<4xf32>>
        %last = arith.addi %at, %c48 : index
        %b = memref.load %w[%last] : memref<1024xvector<4xf32>>
        %p = vector.fma %v, %a, %s : vector<4xf32>
        %q = vector.fma %v, %b, %p : vector<4xf32>
        scf.yield %q : vector<4xf32>
      }
      memref.store %sum, %x[%c0] : memref<8xvector<4xf32>>
      gpu.return
    }
  }
}

// -----

// Results of a tile: what is stored lies in parts, too. Steps of a group are a sum where they are in no row.
// CHECK-LABEL: gpu.func @main
// CHECK-SAME:    %[[Y:.*]]: memref<6x4xvector<4xf32>>, %[[I:[^ ]*]]: index
// CHECK:         %[[AT:.*]] = arith.addi %[[I]], %{{.*}}
// CHECK:         memref.store %{{.*}}, %[[Y]][%[[AT]], %c1]
// CHECK:         memref.store %{{.*}}, %[[Y]][%[[AT]], %c3]
module {
  gpu.module @k {
    gpu.func @main(%y: memref<24xvector<4xf32>>, %i: index, %j: index) kernel {
      %c1 = arith.constant 1 : index
      %c3 = arith.constant 3 : index
      %c4 = arith.constant 4 : index
      %c8 = arith.constant 8 : index
      %zero = arith.constant dense<0.0> : vector<4xf32>
      %a = arith.muli %i, %c4 : index
      %b = arith.muli %j, %c8 : index
      %at = arith.addi %a, %b : index
      %second = arith.addi %at, %c1 : index
      memref.store %zero, %y[%second] : memref<24xvector<4xf32>>
      %last = arith.addi %at, %c3 : index
      memref.store %zero, %y[%last] : memref<24xvector<4xf32>>
      gpu.return
    }
  }
}

// -----

// Single numbers, three at a time, in lines of 129, where a loop has additions for them; those of 16 bits stay flat, since
// two share a word.
// CHECK-LABEL: gpu.func @main
// CHECK-SAME:    %[[X:.*]]: memref<3x43x3xf32>, %{{.*}}: memref<387xf16>, %{{.*}}: memref<387xf32>
// CHECK:         memref.load %[[X]][%{{.*}}, %{{.*}}, %c1]
// CHECK:         memref.load %[[X]][%{{.*}}, %{{.*}}, %c2]
module {
  gpu.module @k {
    gpu.func @main(%x: memref<387xf32>, %h: memref<387xf16>, %once: memref<387xf32>, %line: index) kernel {
      %c0 = arith.constant 0 : index
      %c43 = arith.constant 43 : index
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %c3 = arith.constant 3 : index
      %c129 = arith.constant 129 : index
      %begin = arith.muli %line, %c129 : index
      scf.for %k = %c0 to %c43 step %c1 {
        %step = arith.muli %k, %c3 : index
        %at = arith.addi %begin, %step : index
        %second = arith.addi %at, %c1 : index
        %third = arith.addi %at, %c2 : index
        %a = memref.load %x[%second] : memref<387xf32>
        %b = memref.load %x[%third] : memref<387xf32>
        %sum = arith.addf %a, %b : f32
        memref.store %sum, %x[%second] : memref<387xf32>
        %c = memref.load %h[%second] : memref<387xf16>
        memref.store %c, %h[%third] : memref<387xf16>
      }
      %i = arith.muli %line, %c3 : index
      %next = arith.addi %i, %c1 : index
      %d = memref.load %once[%next] : memref<387xf32>
      memref.store %d, %once[%i] : memref<387xf32>
      gpu.return
    }
  }
}

// -----

// The vector of a part may be any, or one access lies otherwise: the buffer stays flat. The last group need not be whole.
// CHECK-LABEL: gpu.func @main
// CHECK-SAME:    memref<32xvector<4xf32>>, %{{.*}}: memref<4x2x4xvector<4xf32>>, %{{.*}}: memref<32xvector<4xf32>>
module {
  gpu.module @k {
    gpu.func @main(%any: memref<32xvector<4xf32>>, %cut: memref<31xvector<4xf32>>, %odd: memref<32xvector<4xf32>>, %i: index,
                   %j: index) kernel {
      %c1 = arith.constant 1 : index
      %c3 = arith.constant 3 : index
      %c4 = arith.constant 4 : index
      %c8 = arith.constant 8 : index
      %zero = arith.constant dense<0.0> : vector<4xf32>
      %group = arith.muli %i, %c8 : index
      %t = arith.addi %group, %j : index
      memref.store %zero, %any[%t] : memref<32xvector<4xf32>>
      %behind = arith.addi %t, %c4 : index
      memref.store %zero, %any[%behind] : memref<32xvector<4xf32>>
      memref.store %zero, %cut[%group] : memref<31xvector<4xf32>>
      %next = arith.addi %group, %c4 : index
      memref.store %zero, %cut[%next] : memref<31xvector<4xf32>>
      memref.store %zero, %odd[%group] : memref<32xvector<4xf32>>
      memref.store %zero, %odd[%next] : memref<32xvector<4xf32>>
      %third = arith.muli %i, %c3 : index
      memref.store %zero, %odd[%third] : memref<32xvector<4xf32>>
      gpu.return
    }
  }
}
