// Normalizations. Batch normalization is a multiplication and an addition from import on.
#ifndef NNCC_DIALECTS_NN_NORM_TD
#define NNCC_DIALECTS_NN_NORM_TD
include "dialects/nn/NNDialect.td"

def NN_LayerNormOp : NN_InferredOp<"layer_norm", [AttrSizedOperandSegments]> {
  let summary = "normalizes the dims from `axis` on to mean 0 and variance 1, then scales and shifts";
  let description = [{
    | name        | shape                     |
    |-------------|---------------------------|
    | input       | B... x D...               |
    | scale, bias | D... (the dims from axis) |
    | output      | B... x D...               |

    y = (x - mean) / sqrt(variance + epsilon) * scale + bias. ONNX LayerNormalization-17.

    ```mlir
    %y = nn.layer_norm %x scale %s : tensor<4xf32> bias %b : tensor<4xf32> axis 1 epsilon 1.0e-05 : tensor<3x4xf32> -> tensor<3x4xf32>
    ```
  }];
  let arguments = (ins NN_FloatTensor:$input, Optional<NN_FloatTensor>:$scale, Optional<NN_FloatTensor>:$bias,
                       I64Attr:$axis, F64Attr:$epsilon);
  let results = (outs NN_FloatTensor:$output);
  let assemblyFormat = [{
    $input (`scale` $scale^ `:` type($scale))? (`bias` $bias^ `:` type($bias))? `axis` $axis `epsilon` $epsilon attr-dict
    `:` type($input) `->` type($output)
  }];
}
#endif
