// RUN: nncc-opt %s --nncc-expand-views | FileCheck %s

// CHECK-LABEL: func.func private @row
// CHECK:         %[[OFFSET:.*]] = arith.muli %{{.*}}, %{{.*}} : index
// CHECK:         memref.reinterpret_cast %{{.*}} to offset: [%[[OFFSET]]], sizes: [8], strides: [1]
// CHECK-NOT:     memref.subview
func.func private @row(%x: memref<4x8xf32>, %i: index) -> f32 {
  %c0 = arith.constant 0 : index
  %row = memref.subview %x[%i, 0] [1, 8] [1, 1] : memref<4x8xf32> to memref<8xf32, strided<[1], offset: ?>>
  %v = memref.load %row[%c0] : memref<8xf32, strided<[1], offset: ?>>
  return %v : f32
}
