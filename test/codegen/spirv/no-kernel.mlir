// What the conversion has to know of a kernel, and is not told.
// RUN: nncc-opt %s --nncc-convert-to-spirv --split-input-file --verify-diagnostics

module {
  gpu.module @no_threads {
    // expected-error @+1 {{'gpu.func' op must say nn.block, the threads of a workgroup}}
    gpu.func @main(%x: memref<8xf32>) kernel {
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
