// What kernels of a GPU are made of: the contract of stage G.
// RUN: nncc-opt %s --nncc-check=G --split-input-file --verify-diagnostics

module {
  memref.global "private" constant @table : memref<4xf32> = dense<0.0>
  gpu.module @good {
    gpu.func @main(%x: memref<8xvector<4xf32>> {nn.binding = 0 : i64}, %y: memref<7xi32> {nn.binding = 1 : i64}, %offset: index)
        kernel attributes {nn.block = 64 : i64, nn.grid = array<i64: 2, 1>, nn.iterations = 3 : i64} {
      %id = gpu.thread_id x
      %v = memref.load %x[%id] : memref<8xvector<4xf32>>
      memref.store %v, %x[%offset] : memref<8xvector<4xf32>>
      gpu.return
    }
  }
}

// -----

module {
  gpu.module @large {
    // expected-error @+2 {{'gpu.func' op must say nn.block, at most 128, at stage G}}
    // expected-error @+1 {{'gpu.func' op must say nn.iterations, at most 16384, at stage G}}
    gpu.func @main(%x: memref<8xf32> {nn.binding = 0 : i64})
        kernel attributes {nn.block = 256 : i64, nn.grid = array<i64: 2, 1>, nn.iterations = 65536 : i64} {
      gpu.return
    }
  }
}

// -----

module {
  gpu.module @buffers {
    // expected-error @+2 {{'gpu.func' op argument 1 must be a buffer of words with a binding at stage G}}
    // expected-error @+1 {{'gpu.func' op argument 2 must be a buffer of words with a binding at stage G}}
    gpu.func @main(%x: memref<8xf32> {nn.binding = 0 : i64}, %y: memref<8xi8> {nn.binding = 1 : i64}, %z: memref<8xf32>)
        kernel attributes {nn.block = 64 : i64, nn.grid = array<i64: 2, 1>, nn.iterations = 0 : i64} {
      gpu.return
    }
  }
}

// -----

module {
  gpu.module @code {
    gpu.func @main(%x: memref<8xf32> {nn.binding = 0 : i64}, %n: index)
        kernel attributes {nn.block = 64 : i64, nn.grid = array<i64: 2, 1>, nn.iterations = 0 : i64} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      // expected-error @+1 {{'arith.constant' op may have no vector of more than 4 lanes at stage G}}
      %wide = arith.constant dense<0.0> : vector<8xf32>
      // expected-error @+1 {{'scf.for' op must have bounds that are a constant apart at stage G}}
      scf.for %i = %c0 to %n step %c1 {
        // expected-error @+1 {{'math.exp' op may not be in a kernel of a GPU at stage G}}
        %e = math.exp %wide : vector<8xf32>
        // expected-error @-1 {{'math.exp' op may have no vector of more than 4 lanes at stage G}}
      }
      gpu.return
    }
  }
}

// -----

module {
  gpu.module @bindings {
    // expected-error @+1 {{'gpu.func' op may have no more than 4 bindings at stage G}}
    gpu.func @main(%a: memref<8xf32> {nn.binding = 0 : i64}, %b: memref<8xf32> {nn.binding = 1 : i64}, %c: memref<8xf32> {nn.binding = 2 : i64},
                   %d: memref<8xf32> {nn.binding = 3 : i64}, %e: memref<8xf32> {nn.binding = 4 : i64})
        kernel attributes {nn.block = 64 : i64, nn.grid = array<i64: 2, 1>, nn.iterations = 0 : i64} {
      gpu.return
    }
  }
}
