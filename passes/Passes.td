// Every pass in pipeline order: reading this file from top to bottom is the tour of the compiler.
#ifndef NNCC_PASSES_PASSES_TD
#define NNCC_PASSES_PASSES_TD
include "mlir/Pass/PassBase.td"

//===-- graph: N1 -> N2 -------------------------------------------------===//

def DropUnusedOps : Pass<"nncc-drop-unused-ops", "::mlir::func::FuncOp"> {
  let summary = "Erases ops without effects whose results nobody uses";
  let description = [{
    Requires N1, guarantees N1.

    ```mlir
    %0 = nn.unary relu %x : tensor<4xf32> -> tensor<4xf32>   // erased
    return %x : tensor<4xf32>
    ```
  }];
}

//===-- lower: P -> L1 -> L2 --------------------------------------------===//

def ExpandMath : Pass<"nncc-expand-math", "::mlir::func::FuncOp"> {
  let summary = "Rewrites mathematical functions as arithmetic, so that code calls no C library";
  let description = [{
    Requires scalars and vectors (L2), guarantees L2 without `math` ops but fma, sqrt, absf, copysign and the
    roundings, which are instructions. Accuracy: docs/architecture.md.

    ```mlir
    %0 = math.exp %x : vector<8xf32>
    // becomes clamping, a polynomial of degree 6 and two multiplications by powers of two
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::vector::VectorDialect"];
}
#endif
