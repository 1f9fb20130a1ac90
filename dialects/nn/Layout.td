// Ops that change how elements are arranged, never their values.
#ifndef NNCC_DIALECTS_NN_LAYOUT_TD
#define NNCC_DIALECTS_NN_LAYOUT_TD
include "dialects/nn/NNDialect.td"

def NN_TransposeOp : NN_InferredOp<"transpose", [NN_DeclareEvaluated]> {
  let summary = "permutes dims: output dim i is input dim perm[i]";
  let description = [{
    ONNX Transpose.

    ```mlir
    %y = nn.transpose %x [0, 2, 3, 1] : tensor<1x3x5x7xf32> -> tensor<1x5x7x3xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, DenseI64ArrayAttr:$perm);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$input $perm attr-dict `:` type($input) `->` type($output)";
  let hasFolder = 1;
}

def NN_ReshapeOp : NN_Op<"reshape", [Pure, NN_DeclareEvaluated]> {
  let summary = "the same elements in row-major order under another shape";
  let description = [{
    ONNX Reshape, Flatten, Squeeze, Unsqueeze. A view unless the input is strided.

    ```mlir
    %y = nn.reshape %x : tensor<2x3x4xf32> -> tensor<6x4xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($output)";
  let hasFolder = 1;
  let hasVerifier = 1;
}
#endif
