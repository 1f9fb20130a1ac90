// RUN: nncc-opt %s --nncc-narrow-vectors --split-input-file | FileCheck %s

// A group load: every lane comes from the piece that has it.
// CHECK-LABEL: func.func private @takes_planes_apart
// CHECK:         %[[LOW:.*]] = vector.load %{{.*}} : memref<16xf32>, vector<4xf32>
// CHECK:         %[[HIGH:.*]] = vector.load %{{.*}} : memref<16xf32>, vector<2xf32>
// CHECK-NOT:     vector<6xf32>
// CHECK:         vector.extract %[[LOW]][1]
// CHECK:         vector.extract %[[LOW]][3]
// CHECK:         vector.extract %[[HIGH]][1]
// CHECK:         vector.from_elements {{.*}} : vector<3xf32>
func.func private @takes_planes_apart(%x: memref<16xf32>, %y: memref<3xf32>, %i: index) {
  %c0 = arith.constant 0 : index
  %all = vector.load %x[%i] : memref<16xf32>, vector<6xf32>
  %odd = vector.shuffle %all, %all [1, 3, 5] : vector<6xf32>, vector<6xf32>
  vector.store %odd, %y[%c0] : memref<3xf32>, vector<3xf32>
  return
}

// -----

// What is computed with wide vectors is computed piece by piece; a single last lane is a scalar.
// CHECK-LABEL: func.func private @computes_in_pieces
// CHECK-DAG:     arith.constant dense<[1.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00]> : vector<4xf32>
// CHECK-DAG:     arith.constant 5.000000e+00 : f32
// CHECK:         arith.addf {{.*}} : vector<4xf32>
// CHECK-NEXT:    arith.addf {{.*}} : f32
// CHECK:         vector.store {{.*}} : memref<5xf32>, vector<4xf32>
// CHECK:         memref.store {{.*}} : memref<5xf32>
// CHECK-NOT:     vector<5xf32>
func.func private @computes_in_pieces(%x: memref<5xf32>) {
  %c0 = arith.constant 0 : index
  %steps = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0]> : vector<5xf32>
  %all = vector.load %x[%c0] : memref<5xf32>, vector<5xf32>
  %sum = arith.addf %all, %steps : vector<5xf32>
  vector.store %sum, %x[%c0] : memref<5xf32>, vector<5xf32>
  return
}
