// RUN: not nncc-opt %s --nncc-check=N2 --split-input-file 2>&1 | FileCheck %s --check-prefix=N2
// RUN: not nncc-opt %s --nncc-check=L2 --split-input-file 2>&1 | FileCheck %s --check-prefix=L2
// RUN: not nncc-opt %s --nncc-check=N7 --split-input-file 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// UNKNOWN: error: unknown stage 'N7'; the stages are N1, N2, P, L1, L2 and G

// N2: error: 'nn.unary' op may not be in @main at stage N2
// L2: error: 'func.func' op has a value of type 'tensor<2x7xf32>': stage L2 has no tensors
// L2: error: 'nn.unary' op may not be in @main at stage L2
func.func @main(%x: tensor<2x7xf32>) -> tensor<2x7xf32> {
  %0 = nn.unary exp %x : tensor<2x7xf32> -> tensor<2x7xf32>
  return %0 : tensor<2x7xf32>
}

// -----

// N2: error: 'func.func' op has a value of type 'memref<4xf32>': stage N2 has no memrefs
// L2: error: 'memref.alloc' op may not be in a kernel's function at stage L2
func.func private @k000(%x: memref<4xf32>) {
  %0 = memref.alloc() : memref<4xf32>
  memref.copy %x, %0 : memref<4xf32> to memref<4xf32>
  return
}

// -----

// N2: error: 'nn.kernel' op names no device of the module
// N2: error: 'nn.reshape' op may not be in a kernel at stage N2
// N2: error: 'nn.reshape' op is a second root of kernel "k000"
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, l1_bytes = 0, l2_bytes = 0>}} {
  func.func @main(%x: tensor<2x3xf32>, %w: tensor<3x5xf32>) -> tensor<10xf32> {
    %0 = nn.kernel "k000" ins(%x, %w : tensor<2x3xf32>, tensor<3x5xf32>) {
    ^bb0(%a: tensor<2x3xf32>, %b: tensor<3x5xf32>):
      %1 = nn.matmul %a, %b : tensor<2x3xf32>, tensor<3x5xf32> -> tensor<2x5xf32>
      %2 = nn.reshape %1 : tensor<2x5xf32> -> tensor<10xf32>
      nn.yield %2 : tensor<10xf32>
    } -> tensor<10xf32> attributes {device = "gpu0"}
    return %0 : tensor<10xf32>
  }
}

// -----

// N2: error: device 'cpu0' is neither #nn.machine nor #nn.gpu
module attributes {nn.machines = {cpu0 = 5 : i32}} {
}

// -----

// N2: error: 'builtin.module' op may not be in a module at stage N2
// L2: error: 'builtin.module' op may not be in a module at stage L2
module @holds_a_module_of_another_device {
  module @gpu0 attributes {nn.machines = {gpu0 = #nn.gpu<vector_bits = 128, registers = 64, warp = 16, tile_rows = 4, tile_columns = 4>}} {
  }
}

// -----

// N2: error: 'nn.kernel' op works on a value without elements: 'tensor<0x3xf32>'
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, l1_bytes = 0, l2_bytes = 0>}} {
  func.func @main(%x: tensor<0x3xf32>, %y: tensor<2x3xf32>) -> tensor<2x3xf32> {
    %0 = nn.kernel "k000" ins(%x, %y : tensor<0x3xf32>, tensor<2x3xf32>) {
    ^bb0(%a: tensor<0x3xf32>, %b: tensor<2x3xf32>):
      %1 = nn.concat %a, %b axis 0 : tensor<0x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
      nn.yield %1 : tensor<2x3xf32>
    } -> tensor<2x3xf32> attributes {device = "cpu0"}
    return %0 : tensor<2x3xf32>
  }
}
