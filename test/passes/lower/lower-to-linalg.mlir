// RUN: nncc-opt %s --nncc-lower-to-linalg | FileCheck %s

// Broadcast dims become zeros of the map; uniform constants are in the body.
// CHECK-DAG: #[[$ID:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[$ROW:.*]] = affine_map<(d0, d1) -> (0, d1)>
// CHECK-DAG: #[[$FLIP:.*]] = affine_map<(d0, d1) -> (d1, d0 * -2 + 5)>
// CHECK-LABEL: @elementwise
// CHECK: linalg.generic {indexing_maps = [#[[$ID]], #[[$ROW]], #[[$ID]]]
// CHECK: arith.addf
// CHECK: arith.maximumf
func.func @elementwise(%x: memref<2x3xf32>, %b: memref<1x3xf32>, %y: memref<2x3xf32>) {
  nn.kernel "k" ins(%x, %b : memref<2x3xf32>, memref<1x3xf32>) outs(%y : memref<2x3xf32>) {
  ^bb0(%0: tensor<2x3xf32>, %1: tensor<1x3xf32>):
    %2 = nn.binary add %0, %1 : tensor<2x3xf32>, tensor<1x3xf32> -> tensor<2x3xf32>
    %3 = nn.constant dense<0.5> : tensor<1x1xf32>
    %4 = nn.binary max %2, %3 : tensor<2x3xf32>, tensor<1x1xf32> -> tensor<2x3xf32>
    nn.yield %4 : tensor<2x3xf32>
  }
  return
}

// Rearrangements are only another way to the elements.
// CHECK-LABEL: @transposed_slice
// CHECK: linalg.generic {indexing_maps = [#[[$FLIP]], #[[$ID]]]
// CHECK-NEXT: ^bb0(%[[IN:.*]]: i8, %{{.*}}: i8):
// CHECK-NEXT: linalg.yield %[[IN]]
func.func @transposed_slice(%x: memref<2x7xi8>, %y: memref<3x2xi8>) {
  nn.kernel "k" ins(%x : memref<2x7xi8>) outs(%y : memref<3x2xi8>) {
  ^bb0(%0: tensor<2x7xi8>):
    %1 = nn.slice %0 starts [0, 5] sizes [2, 3] steps [1, -2] : tensor<2x7xi8> -> tensor<2x3xi8>
    %2 = nn.transpose %1 [1, 0] : tensor<2x3xi8> -> tensor<3x2xi8>
    nn.yield %2 : tensor<3x2xi8>
  }
  return
}

// Booleans of the caller are any bytes; what is written is 0 or 1.
// CHECK-LABEL: @copy_of_booleans
// CHECK: %[[TRUE:.*]] = arith.cmpi ne
// CHECK: %[[BYTE:.*]] = arith.extui %[[TRUE]] : i1 to i8
// CHECK: linalg.yield %[[BYTE]]
func.func @copy_of_booleans(%x: memref<2x7xi8>, %y: memref<7x2xi8>) {
  nn.kernel "k" ins(%x : memref<2x7xi8>) outs(%y : memref<7x2xi8>) {
  ^bb0(%0: tensor<2x7xi1>):
    %1 = nn.transpose %0 [1, 0] : tensor<2x7xi1> -> tensor<7x2xi1>
    nn.yield %1 : tensor<7x2xi1>
  }
  return
}

// Each run of positions is a nest: padding of a whole slab, mirrored elements, the tensor itself.
// CHECK-LABEL: @pad
// CHECK: memref.subview %{{.*}}[0, 0] [1, 5]
// CHECK: memref.subview %{{.*}}[1, 0] [2, 1]
// CHECK: memref.subview %{{.*}}[1, 1] [2, 3]
// CHECK: memref.subview %{{.*}}[1, 4] [2, 1]
func.func @pad(%x: memref<2x3xf32>, %y: memref<3x5xf32>) {
  nn.kernel "k" ins(%x : memref<2x3xf32>) outs(%y : memref<3x5xf32>) {
  ^bb0(%0: tensor<2x3xf32>):
    %1 = nn.pad constant %0 low [1, 1] high [0, 1] : tensor<2x3xf32> -> tensor<3x5xf32>
    nn.yield %1 : tensor<3x5xf32>
  }
  return
}

// Booleans are bytes in memory and i1 in registers.
// CHECK-LABEL: @booleans
// CHECK: arith.cmpf olt
// CHECK: arith.extui %{{.*}} : i1 to i8
func.func @booleans(%x: memref<2x3xf32>, %y: memref<2x3xi8>) {
  nn.kernel "k" ins(%x : memref<2x3xf32>) outs(%y : memref<2x3xi8>) {
  ^bb0(%0: tensor<2x3xf32>):
    %1 = nn.binary less %0, %0 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xi1>
    nn.yield %1 : tensor<2x3xi1>
  }
  return
}

// A known scale divides by products, if all numbers become the same integers by them; another one divides. Bounds come
// first: nothing infinite is multiplied.
// CHECK-LABEL: @quantize
// CHECK-NOT: arith.divf
// CHECK: arith.maxnumf
// CHECK: %[[X:.*]] = arith.minnumf
// CHECK: %[[REST:.*]] = arith.mulf %[[X]], %{{.*}} : f32
// CHECK: math.fma %[[X]], %{{.*}}, %[[REST]] : f32
// CHECK-NOT: arith.divf
// CHECK: linalg.yield
// CHECK: arith.divf
func.func @quantize(%x: memref<3xf32>, %s: memref<1xf32>, %y: memref<3xi8>, %z: memref<3xi8>) {
  nn.kernel "known" ins(%x : memref<3xf32>) outs(%y : memref<3xi8>) {
  ^bb0(%0: tensor<3xf32>):
    %1 = nn.constant dense<0.1> : tensor<1xf32>
    %2 = nn.constant dense<7> : tensor<1xui8>
    %3 = nn.quantize %0, %1, %2 : tensor<3xf32>, tensor<1xf32>, tensor<1xui8> -> tensor<3xui8>
    nn.yield %3 : tensor<3xui8>
  }
  nn.kernel "unknown" ins(%x, %s : memref<3xf32>, memref<1xf32>) outs(%z : memref<3xi8>) {
  ^bb0(%0: tensor<3xf32>, %1: tensor<1xf32>):
    %2 = nn.constant dense<7> : tensor<1xui8>
    %3 = nn.quantize %0, %1, %2 : tensor<3xf32>, tensor<1xf32>, tensor<1xui8> -> tensor<3xui8>
    nn.yield %3 : tensor<3xui8>
  }
  return
}

// What is read as floats again was rounded, but never a byte, whatever zero point it is less.
// CHECK-LABEL: @rounded
// CHECK: arith.sitofp
// CHECK-NOT: arith.sitofp
// CHECK: %[[ROUNDED:.*]] = arith.addf
// CHECK: %[[STEPS:.*]] = arith.subf %[[ROUNDED]], %{{.*}} : f32
// CHECK: arith.mulf %[[STEPS]], %{{.*}} : f32
// CHECK-LABEL: @another_zero_point
// CHECK: arith.sitofp
// CHECK-NOT: arith.sitofp
// CHECK: %[[ROUNDED:.*]] = arith.addf
// CHECK: %[[STEPS:.*]] = arith.subf %[[ROUNDED]], %{{.*}} : f32
// CHECK: arith.mulf %[[STEPS]], %{{.*}} : f32
func.func @rounded(%x: memref<3xi32>, %y: memref<3xf32>) {
  nn.kernel "same" ins(%x : memref<3xi32>) outs(%y : memref<3xf32>) {
  ^bb0(%0: tensor<3xi32>):
    %1 = nn.constant dense<0.1> : tensor<1xf32>
    %2 = nn.constant dense<7> : tensor<1xui8>
    %3 = nn.requantize %0, %1, %2 : tensor<3xi32>, tensor<1xf32>, tensor<1xui8> -> tensor<3xui8>
    %4 = nn.dequantize %3, %1, %2 : tensor<3xui8>, tensor<1xf32>, tensor<1xui8> -> tensor<3xf32>
    nn.yield %4 : tensor<3xf32>
  }
  return
}
func.func @another_zero_point(%x: memref<3xi32>, %y: memref<3xf32>) {
  nn.kernel "another" ins(%x : memref<3xi32>) outs(%y : memref<3xf32>) {
  ^bb0(%0: tensor<3xi32>):
    %1 = nn.constant dense<0.1> : tensor<1xf32>
    %2 = nn.constant dense<7> : tensor<1xui8>
    %3 = nn.constant dense<8> : tensor<1xui8>
    %4 = nn.requantize %0, %1, %2 : tensor<3xi32>, tensor<1xf32>, tensor<1xui8> -> tensor<3xui8>
    %5 = nn.dequantize %4, %1, %3 : tensor<3xui8>, tensor<1xf32>, tensor<1xui8> -> tensor<3xf32>
    nn.yield %5 : tensor<3xf32>
  }
  return
}

// Steps that fit words are not limited before they are rounded, but where they are read as floats.
// CHECK-LABEL: @fits
// CHECK: arith.mulf
// CHECK-NOT: arith.maxnumf
// CHECK: %[[ROUNDED:.*]] = math.roundeven
// CHECK: arith.fptosi %[[ROUNDED]] : f32 to i16
// CHECK: arith.maxsi
// CHECK: arith.minsi
// CHECK: arith.trunci %{{.*}} : i16 to i8
// CHECK-LABEL: @fits_nothing
// CHECK: arith.maxnumf
// CHECK: arith.minnumf
// CHECK: math.roundeven
// CHECK-LABEL: @fits_and_is_read
// CHECK: arith.maxnumf
// CHECK: arith.minnumf
// CHECK: arith.addf
func.func @fits(%x: memref<3xi32>, %y: memref<3xi8>) {
  nn.kernel "k" ins(%x : memref<3xi32>) outs(%y : memref<3xi8>) {
  ^bb0(%0: tensor<3xi32>):
    %1 = nn.constant dense<0.1> : tensor<1xf32>
    %2 = nn.constant dense<7> : tensor<1xui8>
    %3 = nn.requantize %0, %1, %2 {fits} : tensor<3xi32>, tensor<1xf32>, tensor<1xui8> -> tensor<3xui8>
    nn.yield %3 : tensor<3xui8>
  }
  return
}
func.func @fits_nothing(%x: memref<3xi32>, %y: memref<3xi8>) {
  nn.kernel "k" ins(%x : memref<3xi32>) outs(%y : memref<3xi8>) {
  ^bb0(%0: tensor<3xi32>):
    %1 = nn.constant dense<0.1> : tensor<1xf32>
    %2 = nn.constant dense<7> : tensor<1xui8>
    %3 = nn.requantize %0, %1, %2 : tensor<3xi32>, tensor<1xf32>, tensor<1xui8> -> tensor<3xui8>
    nn.yield %3 : tensor<3xui8>
  }
  return
}
func.func @fits_and_is_read(%x: memref<3xi32>, %y: memref<3xf32>) {
  nn.kernel "k" ins(%x : memref<3xi32>) outs(%y : memref<3xf32>) {
  ^bb0(%0: tensor<3xi32>):
    %1 = nn.constant dense<0.1> : tensor<1xf32>
    %2 = nn.constant dense<7> : tensor<1xui8>
    %3 = nn.requantize %0, %1, %2 {fits} : tensor<3xi32>, tensor<1xf32>, tensor<1xui8> -> tensor<3xui8>
    %4 = nn.dequantize %3, %1, %2 : tensor<3xui8>, tensor<1xf32>, tensor<1xui8> -> tensor<3xf32>
    nn.yield %4 : tensor<3xf32>
  }
  return
}
