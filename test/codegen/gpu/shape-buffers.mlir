// RUN: nncc-opt %s --nncc-shape-buffers --canonicalize --split-input-file | FileCheck %s

// Every access is a vector at a multiple of four: the index is divided where it is made.
// CHECK-LABEL: gpu.func @main
// CHECK-SAME:    %[[X:.*]]: memref<8xvector<4xf32>>, %[[I:.*]]: index
// CHECK-NOT:     arith.shrui
// CHECK:         %[[AT:.*]] = arith.muli %[[I]], %c2
// CHECK:         memref.load %[[X]][%[[AT]]] : memref<8xvector<4xf32>>
// CHECK:         memref.store {{.*}}, %[[X]][%[[AT]]]
module {
  gpu.module @k {
    gpu.func @main(%x: memref<32xf32>, %i: index) kernel {
      %c8 = arith.constant 8 : index
      %at = arith.muli %i, %c8 : index
      %v = vector.load %x[%at] : memref<32xf32>, vector<4xf32>
      %s = arith.addf %v, %v : vector<4xf32>
      vector.store %s, %x[%at] : memref<32xf32>, vector<4xf32>
      gpu.return
    }
  }
}

// -----

// One that is at no multiple of four makes all of them single elements.
// CHECK-LABEL: gpu.func @main
// CHECK-SAME:    %[[X:.*]]: memref<32xf32>
// CHECK-COUNT-4: memref.load %[[X]]
// CHECK:         vector.from_elements
module {
  gpu.module @k {
    gpu.func @main(%x: memref<32xf32>, %y: memref<4xf32>, %i: index) kernel {
      %c0 = arith.constant 0 : index
      %v = vector.load %x[%i] : memref<32xf32>, vector<4xf32>
      vector.store %v, %y[%c0] : memref<4xf32>, vector<4xf32>
      gpu.return
    }
  }
}

// -----

// An operand behind the start of its binding: its offset is one more argument. 8 bytes are no whole vectors.
// CHECK-LABEL: gpu.func @main
// CHECK-SAME:    %[[X:.*]]: memref<4xf32> {nn.binding = 0 : i64, nn.offset_multiple = 8 : i64}
// CHECK-SAME:    %[[Y:.*]]: memref<1xvector<4xf32>> {nn.binding = 0 : i64, nn.offset_multiple = 32 : i64}
// CHECK-SAME:    %[[OFX:.*]]: index {nn.offset_of = 0 : i64}, %[[OFY:.*]]: index {nn.offset_of = 1 : i64}
// CHECK:         memref.load %[[X]][%[[OFX]]]
// CHECK:         memref.store {{.*}}, %[[Y]][%[[OFY]]] : memref<1xvector<4xf32>>
module {
  gpu.module @k {
    gpu.func @main(%x: memref<4xf32> {nn.binding = 0 : i64, nn.offset_multiple = 8 : i64},
                   %y: memref<4xf32> {nn.binding = 0 : i64, nn.offset_multiple = 32 : i64}) kernel {
      %c0 = arith.constant 0 : index
      %v = vector.load %x[%c0] : memref<4xf32>, vector<4xf32>
      vector.store %v, %y[%c0] : memref<4xf32>, vector<4xf32>
      gpu.return
    }
  }
}
