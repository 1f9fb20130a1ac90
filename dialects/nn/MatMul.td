// Matrix multiplication.
#ifndef NNCC_DIALECTS_NN_MATMUL_TD
#define NNCC_DIALECTS_NN_MATMUL_TD
include "dialects/nn/NNDialect.td"

def NN_MatMulOp : NN_InferredOp<"matmul", [AttrSizedOperandSegments]> {
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

    Operands of 8 bits, each signed or not, are multiplied less their zero points (0 without `zero_points`) and added
    up in `i32`, which bias and result are; sums wrap. A zero point has the rank of its operand, broadcasts to it, and
    is one along K. ONNX MatMulInteger, the sums of QLinearMatMul.

    ```mlir
    %y = nn.matmul %a, %b transpose_b bias %c : tensor<2x3xf32>, tensor<5x3xf32>, tensor<5xf32> -> tensor<2x5xf32>
    %q = nn.matmul %u, %v zero_points (%zu, %zv) : tensor<2x3xui8>, tensor<3x5xi8> zero_points (tensor<1x1xui8>, tensor<1x5xi8>) -> tensor<2x5xi32>
    ```
  }];
  let arguments = (ins NN_Tensor:$lhs, NN_Tensor:$rhs, Optional<NN_Tensor>:$bias,
                       Optional<NN_ByteTensor>:$lhs_zero_point, Optional<NN_ByteTensor>:$rhs_zero_point,
                       UnitAttr:$transpose_b);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $lhs `,` $rhs (`transpose_b` $transpose_b^)? (`bias` $bias^)?
    (`zero_points` `(` $lhs_zero_point^ `,` $rhs_zero_point `)`)? attr-dict
    `:` type($lhs) `,` type($rhs) (`,` type($bias)^)?
    (`zero_points` `(` type($lhs_zero_point)^ `,` type($rhs_zero_point) `)`)? `->` type($output)
  }];
  let builders = [
    /// Without zero points.
    OpBuilder<(ins "::mlir::Type":$output, "::mlir::Value":$lhs, "::mlir::Value":$rhs, "::mlir::Value":$bias,
                   "bool":$transpose_b),
              [{ build($_builder, $_state, output, lhs, rhs, bias, ::mlir::Value(), ::mlir::Value(), transpose_b); }]>
  ];
}
#endif
