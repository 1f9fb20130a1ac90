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
#endif
