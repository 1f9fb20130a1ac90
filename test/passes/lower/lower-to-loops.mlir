// RUN: nncc-opt %s --nncc-lower-to-loops | FileCheck %s

module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 16, l1_bytes = 32768, l2_bytes = 1048576>}} {
  // A gather copies whole rows as vectors; indices from the end count back from it.
  // CHECK-LABEL: func.func private @rows(
  // CHECK-NOT:   nn.kernel
  // CHECK:       memref.load %{{.*}} : memref<3xi64>
  // CHECK:       arith.select
  // CHECK:       arith.minsi
  // CHECK:       vector.load %{{.*}} : memref<40xf32>, vector<4xf32>
  // CHECK:       vector.store %{{.*}} : memref<24xf32>, vector<4xf32>
  func.func private @rows(%data: memref<5x8xf32> {llvm.noalias}, %indices: memref<3xi64> {llvm.noalias},
                          %rows: memref<3x8xf32> {llvm.noalias}) attributes {nn.device = "cpu0"} {
    nn.kernel "kernel" ins(%data, %indices : memref<5x8xf32>, memref<3xi64>) outs(%rows : memref<3x8xf32>) {
    ^bb0(%a: tensor<5x8xf32>, %b: tensor<3xi64>):
      %0 = nn.gather %a, %b axis 0 : tensor<5x8xf32>, tensor<3xi64> -> tensor<3x8xf32>
      nn.yield %0 : tensor<3x8xf32>
    } attributes {device = "cpu0"}
    return
  }
}
