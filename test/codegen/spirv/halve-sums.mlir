// RUN: nncc-opt %s --split-input-file --nncc-halve-sums | FileCheck %s
// RUN: nncc-opt %s --split-input-file --nncc-halve-sums --nncc-convert-to-spirv="storage16=true" | FileCheck %s --check-prefix=SPIRV

// Blocks of iterations are added up in f16: the longest that divide the loop, of at most 32 products.
// CHECK-LABEL: gpu.module @blocks_of_a_loop
// CHECK:       %[[SUM:.*]] = scf.for %[[AT:.*]] = %c0{{.*}} to %c72{{.*}} step %c24{{.*}} iter_args(%[[BEFORE:.*]] = {{.*}}) -> (vector<4xf32>)
// CHECK:         %[[HALF:.*]] = scf.for %[[BEHIND:.*]] = %c0{{.*}} to %c24{{.*}} step %c1{{.*}} iter_args(%[[P:.*]] = %{{.*}}) -> (vector<4xf16>)
// CHECK:           %[[I:.*]] = arith.addi %[[AT]], %[[BEHIND]]
// CHECK:           %[[X:.*]] = memref.load %{{.*}}[%[[I]]] : memref<72xf16>
// CHECK:           %[[ALL:.*]] = vector.broadcast %[[X]] : f16 to vector<4xf16>
// CHECK:           vector.fma %[[ALL]], %{{.*}}, %[[P]] : vector<4xf16>
// CHECK:         %[[WIDE:.*]] = arith.extf %[[HALF]] : vector<4xf16> to vector<4xf32>
// CHECK:         arith.addf %[[BEFORE]], %[[WIDE]] : vector<4xf32>
// SPIRV-LABEL: spirv.module @blocks_of_a_loop
// SPIRV:       spirv.GL.Fma {{.*}} : vector<4xf16>
gpu.module @blocks_of_a_loop {
  gpu.func @main(%x: memref<72xf16>, %w: memref<72xvector<4xf16>>, %y: memref<1xvector<4xf32>>)
      kernel attributes {nn.block = 64 : i64, nn.grid = array<i64: 1, 1>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c72 = arith.constant 72 : index
    %zero = arith.constant dense<0.0> : vector<4xf32>
    %sum = scf.for %i = %c0 to %c72 step %c1 iter_args(%s = %zero) -> (vector<4xf32>) {
      %a = memref.load %x[%i] : memref<72xf16>
      %aw = arith.extf %a : f16 to f32
      %all = vector.broadcast %aw : f32 to vector<4xf32>
      %b = memref.load %w[%i] : memref<72xvector<4xf16>>
      %bw = arith.extf %b : vector<4xf16> to vector<4xf32>
      %next = vector.fma %all, %bw, %s : vector<4xf32>
      scf.yield %next : vector<4xf32>
    }
    memref.store %sum, %y[%c0] : memref<1xvector<4xf32>>
    gpu.return
  }
}

// -----

// 37 iterations are two blocks of 18 and a loop of the one that is left over, in f32. Rows outside of an image are 0.
// CHECK-LABEL: gpu.module @rest_of_a_loop
// CHECK:       scf.for %{{.*}} = %c0{{.*}} to %c36{{.*}} step %c18{{.*}} -> (vector<4xf32>)
// CHECK:         scf.for {{.*}} -> (vector<4xf16>)
// CHECK:           arith.select %{{.*}}, %{{.*}}, %{{.*}} : vector<4xf16>
// CHECK:       scf.for %{{.*}} = %c36{{.*}} to %c37{{.*}} step %c1{{.*}} -> (vector<4xf32>)
// CHECK:         vector.fma {{.*}} : vector<4xf32>
gpu.module @rest_of_a_loop {
  gpu.func @main(%w: memref<37xvector<4xf16>>, %y: memref<1xvector<4xf32>>)
      kernel attributes {nn.block = 64 : i64, nn.grid = array<i64: 1, 1>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c37 = arith.constant 37 : index
    %id = gpu.thread_id x
    %isInside = arith.cmpi ult, %id, %c37 : index
    %zero = arith.constant dense<0.0> : vector<4xf32>
    %sum = scf.for %i = %c0 to %c37 step %c1 iter_args(%s = %zero) -> (vector<4xf32>) {
      %b = memref.load %w[%i] : memref<37xvector<4xf16>>
      %bw = arith.extf %b : vector<4xf16> to vector<4xf32>
      %a = arith.select %isInside, %bw, %zero : vector<4xf32>
      %next = vector.fma %a, %bw, %s : vector<4xf32>
      scf.yield %next : vector<4xf32>
    }
    memref.store %sum, %y[%c0] : memref<1xvector<4xf32>>
    gpu.return
  }
}

// -----

// Factors that are computed in f32 are no f16, and the products of seven are too few.
// CHECK-LABEL: gpu.module @keeps_f32
// CHECK-NOT:   vector.fma {{.*}} : vector<4xf16>
// SPIRV-LABEL: spirv.module @keeps_f32
// SPIRV-NOT:   spirv.GL.Fma {{.*}} : vector<4xf16>
gpu.module @keeps_f32 {
  gpu.func @main(%w: memref<64xvector<4xf16>>, %y: memref<2xvector<4xf32>>)
      kernel attributes {nn.block = 64 : i64, nn.grid = array<i64: 1, 1>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c7 = arith.constant 7 : index
    %c64 = arith.constant 64 : index
    %zero = arith.constant dense<0.0> : vector<4xf32>
    %computed = scf.for %i = %c0 to %c64 step %c1 iter_args(%s = %zero) -> (vector<4xf32>) {
      %b = memref.load %w[%i] : memref<64xvector<4xf16>>
      %bw = arith.extf %b : vector<4xf16> to vector<4xf32>
      %square = arith.mulf %bw, %bw : vector<4xf32>
      %next = vector.fma %square, %bw, %s : vector<4xf32>
      scf.yield %next : vector<4xf32>
    }
    %few = scf.for %i = %c0 to %c7 step %c1 iter_args(%s = %zero) -> (vector<4xf32>) {
      %b = memref.load %w[%i] : memref<64xvector<4xf16>>
      %bw = arith.extf %b : vector<4xf16> to vector<4xf32>
      %next = vector.fma %bw, %bw, %s : vector<4xf32>
      scf.yield %next : vector<4xf32>
    }
    memref.store %computed, %y[%c0] : memref<2xvector<4xf32>>
    memref.store %few, %y[%c1] : memref<2xvector<4xf32>>
    gpu.return
  }
}

// -----

// What is written out is a chain: eight products, and then their sum is added to what was there.
// CHECK-LABEL: gpu.module @written_out
// SPIRV-LABEL: spirv.module @written_out
// CHECK-COUNT-8: vector.fma {{.*}} : vector<4xf16>
// CHECK-NOT:   vector.fma
// CHECK:       %[[WIDE:.*]] = arith.extf %{{.*}} : vector<4xf16> to vector<4xf32>
// CHECK:       %[[SUM:.*]] = arith.addf %{{.*}}, %[[WIDE]]
// CHECK:       memref.store %[[SUM]]
gpu.module @written_out {
  gpu.func @main(%w: memref<1xvector<4xf16>>, %y: memref<1xvector<4xf32>>)
      kernel attributes {nn.block = 64 : i64, nn.grid = array<i64: 1, 1>} {
    %c0 = arith.constant 0 : index
    %before = memref.load %y[%c0] : memref<1xvector<4xf32>>
    %b = memref.load %w[%c0] : memref<1xvector<4xf16>>
    %bw = arith.extf %b : vector<4xf16> to vector<4xf32>
    %1 = vector.fma %bw, %bw, %before : vector<4xf32>
    %2 = vector.fma %bw, %bw, %1 : vector<4xf32>
    %3 = vector.fma %bw, %bw, %2 : vector<4xf32>
    %4 = vector.fma %bw, %bw, %3 : vector<4xf32>
    %5 = vector.fma %bw, %bw, %4 : vector<4xf32>
    %6 = vector.fma %bw, %bw, %5 : vector<4xf32>
    %7 = vector.fma %bw, %bw, %6 : vector<4xf32>
    %8 = vector.fma %bw, %bw, %7 : vector<4xf32>
    memref.store %8, %y[%c0] : memref<1xvector<4xf32>>
    gpu.return
  }
}
