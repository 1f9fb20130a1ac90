// Matrix multiplication.
#ifndef NNCC_DIALECTS_NN_MATMUL_TD
#define NNCC_DIALECTS_NN_MATMUL_TD
include "dialects/nn/NNDialect.td"

def NN_MatMulOp : NN_InferredOp<"matmul"> {
  let summary = "matrix product of the last two dims, batched over the others";
  let description = [{
    | name   | shape                                        |
    |--------|----------------------------------------------|
    | lhs    | B... x M x K                                 |
    | rhs    | B... x K x N, or B... x N x K with transpose_b |
    | bias   | N                                            |
    | output | B... x M x N                                 |

    Both operands have one rank >= 2; batch dims broadcast (equal or 1). ONNX MatMul, Gemm (alpha and beta are
    folded by the importer).

    ```mlir
    %y = nn.matmul %a, %b transpose_b bias %c : tensor<2x3xf32>, tensor<5x3xf32>, tensor<5xf32> -> tensor<2x5xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$lhs, NN_Tensor:$rhs, Optional<NN_Tensor>:$bias, UnitAttr:$transpose_b);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $lhs `,` $rhs (`transpose_b` $transpose_b^)? (`bias` $bias^)? attr-dict
    `:` type($lhs) `,` type($rhs) (`,` type($bias)^)? `->` type($output)
  }];
}
#endif
