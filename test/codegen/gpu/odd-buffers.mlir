// Buffers that are no flat rows of words or halves.
// RUN: nncc-opt %s --nncc-shape-buffers --split-input-file --verify-diagnostics

module {
  gpu.module @indices {
    // expected-error @+1 {{'gpu.func' op argument 0 must be a flat buffer of integers or floats}}
    gpu.func @main(%x: memref<32xindex>, %i: index) kernel {
      %v = vector.load %x[%i] : memref<32xindex>, vector<4xindex>
      vector.store %v, %x[%i] : memref<32xindex>, vector<4xindex>
      gpu.return
    }
  }
}

// -----

module {
  gpu.module @number {
    // expected-error @+1 {{'gpu.func' op argument 0 must be a flat buffer of integers or floats}}
    gpu.func @main(%x: memref<f32>) kernel {
      %v = memref.load %x[] : memref<f32>
      memref.store %v, %x[] : memref<f32>
      gpu.return
    }
  }
}
