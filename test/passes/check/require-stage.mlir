// Every pass says which stage it needs when it is given IR of another one.
// RUN: not nncc-opt %s --nncc-plan-memory 2>&1 | FileCheck %s --check-prefix=PLAN
// RUN: not nncc-opt %s --nncc-pack-weights 2>&1 | FileCheck %s --check-prefix=PACK
// RUN: not nncc-opt %s --nncc-outline-kernels 2>&1 | FileCheck %s --check-prefix=OUTLINE
// RUN: not nncc-opt %s --nncc-lower-to-linalg 2>&1 | FileCheck %s --check-prefix=LINALG
// RUN: not nncc-opt %s --nncc-emit-contractions 2>&1 | FileCheck %s --check-prefix=CONTRACTIONS
// RUN: not nncc-opt %s --nncc-lower-to-loops 2>&1 | FileCheck %s --check-prefix=LOOPS
// RUN: not nncc-opt %s --nncc-cut-kernels 2>&1 | FileCheck %s --check-prefix=CUT
// RUN: not nncc-opt %s --nncc-convert-to-llvm-dialect 2>&1 | FileCheck %s --check-prefix=LLVM
// RUN: nncc-opt %s --nncc-form-kernels | not nncc-opt --nncc-simplify 2>&1 | FileCheck %s --check-prefix=SIMPLIFY
// RUN: nncc-opt %s --nncc-form-kernels | not nncc-opt --nncc-form-kernels 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: nncc-opt %s --nncc-form-kernels --nncc-plan-memory | not nncc-opt --nncc-plan-memory 2>&1 | FileCheck %s --check-prefix=TWICE

// PLAN: error: 'nn.unary' op may not be in @main at stage N2, which nncc-plan-memory requires
// PACK: error: 'nn.unary' op may not be in @main at stage N2, which nncc-pack-weights requires
// OUTLINE: error: 'func.func' op may have no tensor at stage P, which nncc-outline-kernels requires
// LINALG: error: 'func.func' op may have no tensor at stage L1, which nncc-lower-to-linalg requires
// CONTRACTIONS: error: 'func.func' op may have no tensor at stage L1, which nncc-emit-contractions requires
// LOOPS: error: 'func.func' op may have no tensor at stage L1 or L2, which nncc-lower-to-loops requires
// CUT: error: 'func.func' op may have no tensor at stage L2, which nncc-cut-kernels requires
// LLVM: error: 'func.func' op may have no tensor at stage L2, which nncc-convert-to-llvm-dialect requires
// SIMPLIFY: error: 'nn.kernel' op may not be in @main at stage N1, which nncc-simplify requires
// FORM: error: 'nn.kernel' op may not be in @main at stage N1, which nncc-form-kernels requires
// TWICE: error: 'func.func' op may have no memref at stage N2, which nncc-plan-memory requires
func.func @main(%x: tensor<2x7xf32>) -> tensor<2x7xf32> {
  %0 = nn.unary exp %x : tensor<2x7xf32> -> tensor<2x7xf32>
  return %0 : tensor<2x7xf32>
}
