// RUN: nncc-opt %s --nncc-outline-kernels --split-input-file --verify-diagnostics | FileCheck %s

// Equal kernels share a function; what distinguishes the launches stays with them.
// CHECK-LABEL: func.func @main
// CHECK: nn.launch @k0_a(%{{.*}}, %{{.*}}) {device = "cpu0", inputs = 1 : i64, macs = 0 : i64, name = "k0_a", nodes = ["a"], op = "unary", outputs = 1 : i64}
// CHECK: nn.launch @k0_a({{.*}}name = "k1_b", nodes = ["b"]
// CHECK: nn.launch @k2_c({{.*}}nn.tensor = "c"
// CHECK: func.func private @k0_a(%{{.*}}: memref<2x3xf32> {llvm.noalias}, %{{.*}}: memref<2x3xf32> {llvm.noalias}) attributes {nn.device = "cpu0"}
// CHECK: nn.kernel "kernel"
// CHECK-NOT: func.func private @k1_b
// In place: neither pointer may promise to be alone.
// CHECK: func.func private @k2_c(%{{[a-z0-9]*}}: memref<2x3xf32>, %{{[a-z0-9]*}}: memref<2x3xf32>)
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 1048576>}} {
  func.func @main(%arena: memref<256xi8>, %x: memref<2x3xf32>, %y: memref<2x3xf32>) {
    %0 = nn.place %arena at 0 : memref<256xi8> to memref<2x3xf32>
    %1 = nn.place %arena at 64 : memref<256xi8> to memref<2x3xf32>
    nn.kernel "k0_a" ins(%x : memref<2x3xf32>) outs(%0 : memref<2x3xf32>) {
    ^bb0(%a: tensor<2x3xf32>):
      %r = nn.unary relu %a {nn.tensor = "a"} : tensor<2x3xf32> -> tensor<2x3xf32>
      nn.yield %r : tensor<2x3xf32>
    } attributes {device = "cpu0", nodes = ["a"]}
    nn.kernel "k1_b" ins(%0 : memref<2x3xf32>) outs(%1 : memref<2x3xf32>) {
    ^bb0(%a: tensor<2x3xf32>):
      %r = nn.unary relu %a {nn.tensor = "b"} : tensor<2x3xf32> -> tensor<2x3xf32>
      nn.yield %r : tensor<2x3xf32>
    } attributes {device = "cpu0", nodes = ["b"]}
    nn.kernel "k2_c" ins(%1 : memref<2x3xf32>) outs(%1 : memref<2x3xf32>) {
    ^bb0(%a: tensor<2x3xf32>):
      %r = nn.unary relu %a : tensor<2x3xf32> -> tensor<2x3xf32>
      nn.yield %r : tensor<2x3xf32>
    } attributes {device = "cpu0", nodes = ["c"], nn.tensor = "c"}
    return
  }
}

// -----

// Two columns of one buffer interleave, but share no element.
// CHECK-LABEL: func.func private @interleaved(
// CHECK-SAME: {llvm.noalias}{{.*}}{llvm.noalias}
module {
  func.func @main(%arena: memref<256xi8>) {
    %0 = nn.place %arena at 0 : memref<256xi8> to memref<5x3xf32, strided<[8, 1]>>
    %1 = nn.place %arena at 12 : memref<256xi8> to memref<5x3xf32, strided<[8, 1]>>
    nn.kernel "interleaved" ins(%0 : memref<5x3xf32, strided<[8, 1]>>) outs(%1 : memref<5x3xf32, strided<[8, 1]>>) {
    ^bb0(%a: tensor<5x3xf32>):
      %r = nn.unary relu %a : tensor<5x3xf32> -> tensor<5x3xf32>
      nn.yield %r : tensor<5x3xf32>
    }
    return
  }
}

// -----

// A single column beside others of the same buffer.
// CHECK-LABEL: func.func private @single_column(
// CHECK-SAME: {llvm.noalias}{{.*}}{llvm.noalias}
module {
  func.func @main(%arena: memref<256xi8>) {
    %0 = nn.place %arena at 0 : memref<256xi8> to memref<5x3xf32, strided<[8, 1]>>
    %1 = nn.place %arena at 28 : memref<256xi8> to memref<5x1xf32, strided<[8, 1]>>
    nn.kernel "single_column" ins(%0 : memref<5x3xf32, strided<[8, 1]>>) outs(%1 : memref<5x1xf32, strided<[8, 1]>>) {
    ^bb0(%a: tensor<5x3xf32>):
      %r = nn.slice %a starts [0, 1] sizes [5, 1] steps [1, 1] : tensor<5x3xf32> -> tensor<5x1xf32>
      nn.yield %r : tensor<5x1xf32>
    }
    return
  }
}

// -----

module {
  func.func @main(%arena: memref<256xi8>) {
    %0 = nn.place %arena at 0 : memref<256xi8> to memref<5x3xf32, strided<[8, 1]>>
    %1 = nn.place %arena at 8 : memref<256xi8> to memref<5x1xf32, strided<[8, 1]>>
    // expected-error @below {{operands 0 and 1 share a part of their memory; they must be apart or identical}}
    nn.kernel "partial_column" ins(%0 : memref<5x3xf32, strided<[8, 1]>>) outs(%1 : memref<5x1xf32, strided<[8, 1]>>) {
    ^bb0(%a: tensor<5x3xf32>):
      %r = nn.slice %a starts [0, 1] sizes [5, 1] steps [1, 1] : tensor<5x3xf32> -> tensor<5x1xf32>
      nn.yield %r : tensor<5x1xf32>
    }
    return
  }
}

// -----

module {
  func.func @main(%arena: memref<256xi8>) {
    %0 = nn.place %arena at 0 : memref<256xi8> to memref<5x3xf32, strided<[8, 1]>>
    %1 = nn.place %arena at 8 : memref<256xi8> to memref<5x3xf32, strided<[8, 1]>>
    // expected-error @below {{operands 0 and 1 share a part of their memory; they must be apart or identical}}
    nn.kernel "partial" ins(%0 : memref<5x3xf32, strided<[8, 1]>>) outs(%1 : memref<5x3xf32, strided<[8, 1]>>) {
    ^bb0(%a: tensor<5x3xf32>):
      %r = nn.unary relu %a : tensor<5x3xf32> -> tensor<5x3xf32>
      nn.yield %r : tensor<5x3xf32>
    }
    return
  }
}

// -----

// Integers over floats of as many bits: every element lies where the other one lay.
// CHECK-LABEL: func.func private @cast_in_place(
// CHECK-SAME: memref<2x3xf32>, %{{[a-z0-9]*}}: memref<2x3xi32>)
module {
  func.func @main(%arena: memref<64xi8>) {
    %0 = nn.place %arena at 0 : memref<64xi8> to memref<2x3xf32>
    %1 = nn.place %arena at 0 : memref<64xi8> to memref<2x3xi32>
    nn.kernel "cast_in_place" ins(%0 : memref<2x3xf32>) outs(%1 : memref<2x3xi32>) {
    ^bb0(%a: tensor<2x3xf32>):
      %r = nn.cast %a : tensor<2x3xf32> -> tensor<2x3xi32>
      nn.yield %r : tensor<2x3xi32>
    }
    return
  }
}

// -----

// Narrower elements would overwrite what is still to be read.
module {
  func.func @main(%arena: memref<64xi8>) {
    %0 = nn.place %arena at 0 : memref<64xi8> to memref<2x3xf32>
    %1 = nn.place %arena at 0 : memref<64xi8> to memref<2x3xi16>
    // expected-error @below {{operands 0 and 1 share a part of their memory; they must be apart or identical}}
    nn.kernel "narrower" ins(%0 : memref<2x3xf32>) outs(%1 : memref<2x3xi16>) {
    ^bb0(%a: tensor<2x3xf32>):
      %r = nn.cast %a : tensor<2x3xf32> -> tensor<2x3xi16>
      nn.yield %r : tensor<2x3xi16>
    }
    return
  }
}

// -----

// A kernel of a GPU has code for the CPU and, in a module of its own, for the GPU; equal code is shared on each.
// CHECK-LABEL: module attributes {nn.machines = {cpu0 = #nn.machine<{{.*}}>, gpu0 = #nn.gpu<{{.*}}>}}
// CHECK: nn.launch @k0_gpu on @gpu0::@k0_gpu({{.*}}device = "gpu0"
// CHECK: nn.launch @k0_gpu({{.*}}device = "cpu0"
// CHECK: nn.launch @k0_gpu on @gpu0::@k0_gpu({{.*}}device = "gpu0"
// CHECK: module @gpu0 attributes {nn.machines = {gpu0 = #nn.gpu<{{.*}}>}} {
// CHECK-NEXT: func.func private @k0_gpu({{.*}}) attributes {nn.device = "gpu0"}
// CHECK: device = "gpu0"
// CHECK: func.func private @k0_gpu({{.*}}) attributes {nn.device = "cpu0"}
// CHECK: device = "cpu0"
// CHECK-NOT: func.func
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 1048576>, gpu0 = #nn.gpu<vector_bits = 128, registers = 64, warp = 16, tile_rows = 4, tile_columns = 4>}} {
  func.func @main(%x: memref<2x3xf32>, %y: memref<2x3xf32>, %z: memref<2x3xf32>, %t: memref<2x3xf32>) {
    nn.kernel "k0_gpu" ins(%x : memref<2x3xf32>) outs(%y : memref<2x3xf32>) {
    ^bb0(%a: tensor<2x3xf32>):
      %r = nn.unary relu %a : tensor<2x3xf32> -> tensor<2x3xf32>
      nn.yield %r : tensor<2x3xf32>
    } attributes {device = "gpu0"}
    nn.kernel "k1_cpu" ins(%y : memref<2x3xf32>) outs(%z : memref<2x3xf32>) {
    ^bb0(%a: tensor<2x3xf32>):
      %r = nn.unary relu %a : tensor<2x3xf32> -> tensor<2x3xf32>
      nn.yield %r : tensor<2x3xf32>
    } attributes {device = "cpu0"}
    nn.kernel "k2_gpu" ins(%z : memref<2x3xf32>) outs(%t : memref<2x3xf32>) {
    ^bb0(%a: tensor<2x3xf32>):
      %r = nn.unary relu %a : tensor<2x3xf32> -> tensor<2x3xf32>
      nn.yield %r : tensor<2x3xf32>
    } attributes {device = "gpu0"}
    return
  }
}

// -----

// Products of floats may take subnormal numbers for zeros; not so integers, nor where an epilogue tells them apart.
// CHECK: func.func @main
// CHECK: func.func private @scaled(
// CHECK-SAME: attributes {nn.flushes_subnormals}
// CHECK: func.func private @logarithm(
// CHECK-NOT: nn.flushes_subnormals
// CHECK: func.func private @divisor(
// CHECK-NOT: nn.flushes_subnormals
// CHECK: func.func private @integers(
// CHECK-NOT: nn.flushes_subnormals
module {
  func.func @main(%x: memref<1x2x3xf32>, %w: memref<1x3x5xf32>, %d: memref<1x2x5xf32>, %y: memref<1x2x5xf32>, %i: memref<1x2x3xi32>, %j: memref<1x3x5xi32>, %k: memref<1x2x5xi32>) {
    nn.kernel "scaled" ins(%x, %w : memref<1x2x3xf32>, memref<1x3x5xf32>) outs(%y : memref<1x2x5xf32>) {
    ^bb0(%a: tensor<1x2x3xf32>, %b: tensor<1x3x5xf32>):
      %c = nn.constant dense<8.0> : tensor<1x1x1xf32>
      %p = nn.matmul %a, %b : tensor<1x2x3xf32>, tensor<1x3x5xf32> -> tensor<1x2x5xf32>
      %q = nn.binary div %p, %c : tensor<1x2x5xf32>, tensor<1x1x1xf32> -> tensor<1x2x5xf32>
      %r = nn.unary relu %q : tensor<1x2x5xf32> -> tensor<1x2x5xf32>
      nn.yield %r : tensor<1x2x5xf32>
    }
    nn.kernel "logarithm" ins(%x, %w : memref<1x2x3xf32>, memref<1x3x5xf32>) outs(%y : memref<1x2x5xf32>) {
    ^bb0(%a: tensor<1x2x3xf32>, %b: tensor<1x3x5xf32>):
      %p = nn.matmul %a, %b : tensor<1x2x3xf32>, tensor<1x3x5xf32> -> tensor<1x2x5xf32>
      %r = nn.unary log %p : tensor<1x2x5xf32> -> tensor<1x2x5xf32>
      nn.yield %r : tensor<1x2x5xf32>
    }
    nn.kernel "divisor" ins(%x, %w, %d : memref<1x2x3xf32>, memref<1x3x5xf32>, memref<1x2x5xf32>) outs(%y : memref<1x2x5xf32>) {
    ^bb0(%a: tensor<1x2x3xf32>, %b: tensor<1x3x5xf32>, %c: tensor<1x2x5xf32>):
      %p = nn.matmul %a, %b : tensor<1x2x3xf32>, tensor<1x3x5xf32> -> tensor<1x2x5xf32>
      %r = nn.binary div %p, %c : tensor<1x2x5xf32>, tensor<1x2x5xf32> -> tensor<1x2x5xf32>
      nn.yield %r : tensor<1x2x5xf32>
    }
    nn.kernel "integers" ins(%i, %j : memref<1x2x3xi32>, memref<1x3x5xi32>) outs(%k : memref<1x2x5xi32>) {
    ^bb0(%a: tensor<1x2x3xi32>, %b: tensor<1x3x5xi32>):
      %p = nn.matmul %a, %b : tensor<1x2x3xi32>, tensor<1x3x5xi32> -> tensor<1x2x5xi32>
      nn.yield %p : tensor<1x2x5xi32>
    }
    return
  }
}
