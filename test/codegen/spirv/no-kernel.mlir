// What the conversion has to know of a kernel, and is not told.
// RUN: nncc-opt %s --nncc-convert-to-spirv --split-input-file --verify-diagnostics

module {
  gpu.module @no_threads {
    // expected-error @+1 {{'gpu.func' op must say nn.block, the threads of a workgroup: 1 to 128}}
    gpu.func @main(%x: memref<8xf32>) kernel {
      gpu.return
    }
  }
}

// -----

module {
  gpu.module @empty_block {
    // expected-error @+1 {{'gpu.func' op must say nn.block, the threads of a workgroup: 1 to 128}}
    gpu.func @main(%x: memref<8xf32>) kernel attributes {nn.block = 0 : i64} {
      gpu.return
    }
  }
}

// -----

module {
  gpu.module @large_block {
    // expected-error @+1 {{'gpu.func' op must say nn.block, the threads of a workgroup: 1 to 128}}
    gpu.func @main(%x: memref<8xf32>) kernel attributes {nn.block = 129 : i64} {
      gpu.return
    }
  }
}

// -----

module {
  // expected-error @+1 {{'gpu.module' op must have one kernel}}
  gpu.module @empty {
  }
}
