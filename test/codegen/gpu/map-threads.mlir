// RUN: nncc-opt %s --nncc-map-threads --split-input-file | FileCheck %s
// RUN: nncc-opt %s --nncc-map-threads="block-threads=16 most-iterations=4" --split-input-file | FileCheck %s --check-prefix=FEW

// Two loops are one number: the inner one is the rest, the outer one the quotient. 21 threads are one group of 64.
// CHECK-LABEL: gpu.module @joins_loops
// CHECK:         gpu.func @main(%[[X:.*]]: memref<21xf32> {nn.operand = 0 : i64}) kernel
// CHECK-SAME:      nn.block = 64 : i64, nn.grid = array<i64: 1, 1>, nn.iterations = 0 : i64
// CHECK:         %[[ID:.*]] = arith.addi
// CHECK:         arith.cmpi ult, %[[ID]], %{{.*}} : index
// CHECK:         scf.if
// CHECK:           arith.remui %[[ID]]
// CHECK:           arith.divui %[[ID]]
// CHECK-NOT:       scf.for
// CHECK:           memref.store {{.*}}, %[[X]]
// FEW-LABEL:   gpu.module @joins_loops
// FEW:           nn.block = 16 : i64, nn.grid = array<i64: 2, 1>
func.func private @joins_loops(%x: memref<7x3xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c7 = arith.constant 7 : index
  %zero = arith.constant 0.0 : f32
  %flat = memref.reinterpret_cast %x to offset: [0], sizes: [21], strides: [1] : memref<7x3xf32> to memref<21xf32>
  scf.for %i = %c0 to %c7 step %c1 {
    scf.for %j = %c0 to %c3 step %c1 {
      %line = arith.muli %i, %c3 : index
      %at = arith.addi %line, %j : index
      memref.store %zero, %flat[%at] : memref<21xf32>
    } {nn.parallel}
  } {nn.parallel}
  return
}

// -----

// Whole vectors, and the tail beside them: the threads of the tail come after the others.
// CHECK-LABEL: gpu.module @tail_beside_vectors
// CHECK:         scf.if
// CHECK:           vector.store
// CHECK:         %[[TAIL:.*]] = arith.subi
// CHECK:         arith.cmpi ult, %[[TAIL]]
// CHECK:         scf.if
// CHECK:           memref.store
func.func private @tail_beside_vectors(%x: memref<10xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %c10 = arith.constant 10 : index
  %zero = arith.constant 0.0 : f32
  %zeros = arith.constant dense<0.0> : vector<4xf32>
  scf.for %i = %c0 to %c8 step %c4 {
    vector.store %zeros, %x[%i] : memref<10xf32>, vector<4xf32>
  } {nn.parallel}
  scf.for %i = %c8 to %c10 step %c1 {
    memref.store %zero, %x[%i] : memref<10xf32>
  } {nn.parallel}
  return
}

// -----

// A table is an argument behind the operands, and a loop that is not parallel stays in the thread.
// CHECK-LABEL: gpu.module @reads_a_table
// CHECK:         gpu.func @main(%{{.*}}: memref<5xf32> {nn.operand = 0 : i64}, %[[T:.*]]: memref<5xf32> {nn.table = @table}) kernel
// CHECK-SAME:      nn.iterations = 5 : i64
// CHECK:         scf.for
// CHECK:           memref.load %[[T]]
// FEW:         func.func private @reads_a_table
// FEW-SAME:      nn.refused = "one thread would run 5 iterations, more than 4"
memref.global "private" constant @table : memref<5xf32> = dense<[1.0, 2.0, 3.0, 4.0, 5.0]>
func.func private @reads_a_table(%x: memref<5xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %table = memref.get_global @table : memref<5xf32>
  scf.for %i = %c0 to %c5 step %c1 {
    %value = memref.load %table[%i] : memref<5xf32>
    memref.store %value, %x[%i] : memref<5xf32>
  }
  return
}

// -----

// CHECK-LABEL: func.func private @size_of_run_time
// CHECK-SAME:    nn.refused = "the iterations of a loop are only known at run time"
func.func private @size_of_run_time(%x: memref<5xf32>, %n: memref<1xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %some = memref.load %n[%c0] : memref<1xi32>
  %count = arith.index_cast %some : i32 to index
  scf.for %i = %c0 to %count step %c1 {
    memref.store %zero, %x[%i] : memref<5xf32>
  }
  return
}

// -----

// What has arguments that are no memory, or results, is no kernel: it stays what it is.
// CHECK-LABEL: func.func @of_vectors
// CHECK-SAME:    nn.refused = "it has arguments or results that are no buffers of known size"
// CHECK:         math.sqrt
func.func @of_vectors(%x: vector<4xf32>) -> vector<4xf32> {
  %y = math.sqrt %x : vector<4xf32>
  return %y : vector<4xf32>
}

// -----

// CHECK-LABEL: func.func private @memory_and_vector
// CHECK-SAME:    (%{{.*}}: memref<2x3xf32>, %{{.*}}: vector<4xf32>)
// CHECK-SAME:    nn.refused = "it has arguments or results that are no buffers of known size"
// CHECK:         memref.reinterpret_cast
func.func private @memory_and_vector(%x: memref<2x3xf32>, %v: vector<4xf32>) {
  %c0 = arith.constant 0 : index
  %flat = memref.reinterpret_cast %x to offset: [0], sizes: [6], strides: [1] : memref<2x3xf32> to memref<6xf32>
  vector.store %v, %flat[%c0] : memref<6xf32>, vector<4xf32>
  return
}

// -----

// CHECK-LABEL: func.func private @has_result
// CHECK-SAME:    nn.refused = "it has arguments or results that are no buffers of known size"
// CHECK:         return %{{.*}} : f32
func.func private @has_result(%x: memref<6xf32>) -> f32 {
  %c0 = arith.constant 0 : index
  %value = memref.load %x[%c0] : memref<6xf32>
  return %value : f32
}

// -----

// What lies flat before memory that does not stays what it is, too.
// CHECK-LABEL: func.func private @flat_and_not
// CHECK-SAME:    (%{{.*}}: memref<2x3xf32>, %{{.*}}: memref<2x3xf32>)
// CHECK-SAME:    nn.refused = "its memory is reached by views"
func.func private @flat_and_not(%x: memref<2x3xf32>, %y: memref<2x3xf32>) {
  %c0 = arith.constant 0 : index
  %flat = memref.reinterpret_cast %x to offset: [0], sizes: [6], strides: [1] : memref<2x3xf32> to memref<6xf32>
  %value = memref.load %flat[%c0] : memref<6xf32>
  memref.store %value, %y[%c0, %c0] : memref<2x3xf32>
  return
}

// -----

// How often a loop runs does not say where it begins.
// CHECK-LABEL: func.func private @moving_bounds
// CHECK-SAME:    nn.refused = "the iterations of a loop are only known at run time"
func.func private @moving_bounds(%x: memref<2100xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c700 = arith.constant 700 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c700 step %c1 {
    %line = arith.muli %i, %c3 : index
    %end = arith.addi %line, %c3 overflow<nsw> : index
    scf.for %j = %line to %end step %c1 {
      memref.store %zero, %x[%j] : memref<2100xf32>
    } {nn.parallel}
  } {nn.parallel}
  return
}
