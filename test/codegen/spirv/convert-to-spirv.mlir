// RUN: nncc-opt %s --nncc-convert-to-spirv --split-input-file | FileCheck %s

// What may not contract says so; the offset is a push constant; the buffer of vectors stays one.
// CHECK-LABEL: spirv.module @k
// CHECK:         spirv.GlobalVariable @{{.*}}push_constant
// CHECK:         spirv.Load "PushConstant"
// CHECK:         spirv.FAdd %{{.*}} {no_contraction} : vector<4xf32>
// CHECK:         spirv.FMul %[[A:.*]], %[[A]] : vector<4xf32>
module {
  gpu.module @k {
    gpu.func @main(%x: memref<8xvector<4xf32>> {nn.operand = 0 : i64, llvm.noalias}, %offset: index {nn.offset_of = 0 : i64})
        kernel attributes {nn.block = 64 : i64, nn.grid = array<i64: 1, 1>} {
      %v = memref.load %x[%offset] : memref<8xvector<4xf32>>
      %exact = arith.addf %v, %v : vector<4xf32>
      %free = arith.mulf %exact, %exact fastmath<contract> : vector<4xf32>
      memref.store %free, %x[%offset] : memref<8xvector<4xf32>>
      gpu.return
    }
  }
}

// -----

// A choice between vectors has a vector of conditions; nothing rounds toward zero by itself.
// CHECK-LABEL: spirv.module @choices
// CHECK:         spirv.GL.Floor
// CHECK:         %[[C:.*]] = spirv.CompositeConstruct %{{.*}} : (i1, i1, i1, i1) -> vector<4xi1>
// CHECK:         spirv.Select %[[C]]
module {
  gpu.module @choices {
    gpu.func @main(%x: memref<8xvector<4xf32>>) kernel attributes {nn.block = 64 : i64, nn.grid = array<i64: 1, 1>} {
      %id = gpu.thread_id x
      %c3 = arith.constant 3 : index
      %is = arith.cmpi ult, %id, %c3 : index
      %v = memref.load %x[%id] : memref<8xvector<4xf32>>
      %t = math.trunc %v : vector<4xf32>
      %chosen = arith.select %is, %t, %v : vector<4xf32>
      memref.store %chosen, %x[%id] : memref<8xvector<4xf32>>
      gpu.return
    }
  }
}

// -----

// Dims of a buffer are arrays of arrays, the first without an end: a constant place in one needs no arithmetic.
// CHECK-LABEL: spirv.module @nested
// CHECK:         !spirv.struct<(!spirv.rtarray<!spirv.array<4 x !spirv.array<2 x vector<4xf32>, stride=16>, stride=32>, stride=128>
// CHECK:         %[[C3:.*]] = spirv.Constant 3 : i32
// CHECK:         %[[FROM:.*]] = spirv.AccessChain %{{.*}}[%{{.*}}, %{{.*}}, %[[C3]], %{{.*}}]
// CHECK-NEXT:    spirv.Load "StorageBuffer" %[[FROM]]
// CHECK:         %[[TO:.*]] = spirv.AccessChain
// CHECK-NEXT:    spirv.Store "StorageBuffer" %[[TO]]
module {
  gpu.module @nested {
    gpu.func @main(%x: memref<3x4x2xvector<4xf32>>) kernel attributes {nn.block = 64 : i64, nn.grid = array<i64: 1, 1>} {
      %id = gpu.thread_id x
      %c0 = arith.constant 0 : index
      %c3 = arith.constant 3 : index
      %v = memref.load %x[%c0, %c3, %id] : memref<3x4x2xvector<4xf32>>
      memref.store %v, %x[%c0, %c0, %id] : memref<3x4x2xvector<4xf32>>
      gpu.return
    }
  }
}

// -----

// A bound is compared with; NaN is beyond none. Of two numbers, or of zeros that differ, either may be asked for.
// CHECK-LABEL: spirv.module @bounds
// CHECK-DAG:     %[[ZERO:.*]] = spirv.Constant dense<0.000000e+00>
// CHECK:         %[[X:.*]] = spirv.Load
// CHECK:         %[[BELOW:.*]] = spirv.FOrdLessThan %[[X]], %[[ZERO]]
// CHECK-NEXT:    %[[MOST:.*]] = spirv.Select %[[BELOW]], %[[ZERO]], %[[X]]
// CHECK:         %[[ABOVE:.*]] = spirv.FOrdGreaterThan %[[MOST]]
// CHECK-NEXT:    spirv.Select %[[ABOVE]]
// CHECK:         spirv.GL.FMax
// CHECK:         spirv.GL.FMax
module {
  gpu.module @bounds {
    gpu.func @main(%x: memref<8xvector<4xf32>>) kernel attributes {nn.block = 64 : i64, nn.grid = array<i64: 1, 1>} {
      %id = gpu.thread_id x
      %zero = arith.constant dense<0.0> : vector<4xf32>
      %six = arith.constant dense<6.0> : vector<4xf32>
      %v = memref.load %x[%id] : memref<8xvector<4xf32>>
      %low = arith.maximumf %v, %zero fastmath<nsz> : vector<4xf32>
      %high = arith.minimumf %low, %six fastmath<nsz> : vector<4xf32>
      %both = arith.maximumf %high, %v fastmath<nsz> : vector<4xf32>
      %exact = arith.maximumf %both, %zero : vector<4xf32>
      memref.store %exact, %x[%id] : memref<8xvector<4xf32>>
      gpu.return
    }
  }
}

// -----

// Two operands in one buffer, and one that another may touch, are aliased; one alone is not.
// CHECK-LABEL: spirv.module @shared
// CHECK-SAME:    nn.aliased = array<i64: 0, 2>
module {
  gpu.module @shared {
    gpu.func @main(%a: memref<8xf32> {nn.binding = 0 : i64, llvm.noalias}, %b: memref<8xf32> {nn.binding = 0 : i64, llvm.noalias},
                   %c: memref<8xf32> {nn.binding = 1 : i64, llvm.noalias}, %d: memref<8xf32> {nn.binding = 2 : i64})
        kernel attributes {nn.block = 64 : i64, nn.grid = array<i64: 1, 1>} {
      %c0 = arith.constant 0 : index
      %v = memref.load %a[%c0] : memref<8xf32>
      memref.store %v, %b[%c0] : memref<8xf32>
      memref.store %v, %c[%c0] : memref<8xf32>
      memref.store %v, %d[%c0] : memref<8xf32>
      gpu.return
    }
  }
}

// -----

// What a loop makes is the value at its head; what nothing reads behind it is no result.
// CHECK-LABEL: spirv.module @unread
// CHECK-NOT:     spirv.Variable
// CHECK:         %[[SUM:.*]] = spirv.mlir.loop -> f32
// CHECK:         ^bb1(%{{.*}}: i32, %[[HEAD:.*]]: f32, %{{.*}}: i32)
// CHECK:           spirv.mlir.merge %[[HEAD]] : f32
// CHECK:         spirv.Store "StorageBuffer" %{{.*}}, %[[SUM]]
module {
  gpu.module @unread {
    gpu.func @main(%x: memref<8xf32>) kernel attributes {nn.block = 64 : i64, nn.grid = array<i64: 1, 1>} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c4 = arith.constant 4 : index
      %zero = arith.constant 0.0 : f32
      %sum, %at = scf.for %i = %c0 to %c4 step %c1 iter_args(%s = %zero, %p = %c1) -> (f32, index) {
        %v = memref.load %x[%p] : memref<8xf32>
        %next = arith.addf %s, %v : f32
        %behind = arith.addi %p, %c1 : index
        scf.yield %next, %behind : f32, index
      }
      memref.store %sum, %x[%c0] : memref<8xf32>
      gpu.return
    }
  }
}

// -----

// Branches in loops hand their values on, too.
// CHECK-LABEL: spirv.module @branch
// CHECK-NOT:     spirv.Variable
// CHECK:         %[[SUM:.*]] = spirv.mlir.loop -> f32
// CHECK:         ^bb1(%{{.*}}: i32, %[[HEAD:.*]]: f32)
// CHECK:           %[[NEXT:.*]] = spirv.mlir.selection -> f32
// CHECK:             spirv.Branch ^bb3(%[[ADDED:.*]] : f32)
// CHECK:             spirv.Branch ^bb3(%[[HEAD]] : f32)
// CHECK:           ^bb3(%[[JOINED:.*]]: f32)
// CHECK:             spirv.mlir.merge %[[JOINED]] : f32
// CHECK:           spirv.Branch ^bb1(%{{.*}}, %[[NEXT]] : i32, f32)
// CHECK:           spirv.mlir.merge %[[HEAD]] : f32
module {
  gpu.module @branch {
    gpu.func @main(%x: memref<8xf32>) kernel attributes {nn.block = 64 : i64, nn.grid = array<i64: 1, 1>} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %c4 = arith.constant 4 : index
      %zero = arith.constant 0.0 : f32
      %sum = scf.for %i = %c0 to %c4 step %c1 iter_args(%s = %zero) -> (f32) {
        %inside = arith.cmpi ult, %i, %c2 : index
        %next = scf.if %inside -> f32 {
          %v = memref.load %x[%i] : memref<8xf32>
          %added = arith.addf %s, %v : f32
          scf.yield %added : f32
        } else {
          scf.yield %s : f32
        }
        scf.yield %next : f32
      }
      memref.store %sum, %x[%c0] : memref<8xf32>
      gpu.return
    }
  }
}
