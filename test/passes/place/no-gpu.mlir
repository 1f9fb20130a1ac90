// RUN: nncc-opt %s --nncc-place --verify-diagnostics

// expected-error@+1 {{the module describes no GPU that kernels could run on (nn.machines)}}
module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 128, registers = 32, l1_bytes = 0, l2_bytes = 0>}} {
}
