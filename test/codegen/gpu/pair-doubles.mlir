// RUN: nncc-opt %s --nncc-pair-doubles --split-input-file | FileCheck %s

// A sum carried through a loop is carried as two numbers, and additions stay as they are written.
// CHECK-LABEL: func.func private @adds_up_blocks
// CHECK:         scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}) -> (f32, f32)
// CHECK-COUNT-9:   arith.{{(addf|subf)}} {{.*}} : f32
// CHECK-NOT:     f64
// CHECK-NOT:     fastmath
func.func private @adds_up_blocks(%x: memref<7xf32>, %y: memref<1xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c7 = arith.constant 7 : index
  %zero = arith.constant 0.0 : f64
  %sum = scf.for %i = %c0 to %c7 step %c1 iter_args(%before = %zero) -> f64 {
    %value = memref.load %x[%i] : memref<7xf32>
    %wide = arith.extf %value : f32 to f64
    %next = arith.addf %before, %wide : f64
    scf.yield %next : f64
  }
  %result = arith.truncf %sum : f64 to f32
  memref.store %result, %y[%c0] : memref<1xf32>
  return
}

// -----

// A constant has what f32 lacks of it in its low part.
// CHECK-LABEL: func.func private @splits_a_constant
// CHECK-DAG:     arith.constant dense<1.000000e-01> : vector<4xf32>
// CHECK-DAG:     arith.constant dense<-1.49011614E-9> : vector<4xf32>
// CHECK-NOT:     f64
func.func private @splits_a_constant(%x: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  %tenth = arith.constant dense<0.1> : vector<4xf64>
  %value = vector.load %x[%c0] : memref<4xf32>, vector<4xf32>
  %wide = arith.extf %value : vector<4xf32> to vector<4xf64>
  %sum = arith.addf %wide, %tenth : vector<4xf64>
  %result = arith.truncf %sum : vector<4xf64> to vector<4xf32>
  vector.store %result, %x[%c0] : memref<4xf32>, vector<4xf32>
  return
}

// -----

// Memory of f64 keeps a function from the GPU: nothing is changed.
// CHECK-LABEL: func.func private @leaves_memory_of_doubles
// CHECK:         arith.addf {{.*}} : f64
func.func private @leaves_memory_of_doubles(%x: memref<1xf64>) {
  %c0 = arith.constant 0 : index
  %value = memref.load %x[%c0] : memref<1xf64>
  %sum = arith.addf %value, %value : f64
  memref.store %sum, %x[%c0] : memref<1xf64>
  return
}
