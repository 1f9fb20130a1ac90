// Convolutions.
#ifndef NNCC_DIALECTS_NN_CONV_TD
#define NNCC_DIALECTS_NN_CONV_TD
include "dialects/nn/NNDialect.td"

def NN_Conv2DOp : NN_InferredOp<"conv2d"> {
  let summary = "2-D convolution, NHWC";
  let description = [{
    Sums the products of a window of the input with each filter, then adds the bias.

    | name   | shape                   |
    |--------|-------------------------|
    | input  | N x H x W x C           |
    | filter | O x KH x KW x C/groups  |
    | bias   | O                       |
    | output | N x H' x W' x O         |

    H' = (H + top + bottom - dilation * (KH - 1) - 1) / stride + 1, rounded down; `pads` are [top, left, bottom, right].
    Depthwise convolution is `groups` = C. ONNX Conv, opsets 1 to 22 (1-D has H = 1).

    ```mlir
    %y = nn.conv2d %x, %w bias %b strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x8x8x3xf32>, tensor<4x3x3x3xf32>, tensor<4xf32> -> tensor<1x6x6x4xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$filter, Optional<NN_Tensor>:$bias, DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations, I64Attr:$groups);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $input `,` $filter (`bias` $bias^)? `strides` $strides `pads` $pads `dilations` $dilations `groups` $groups attr-dict
    `:` type($input) `,` type($filter) (`,` type($bias)^)? `->` type($output)
  }];
  let extraClassDeclaration = [{
    /// True when every output channel reads exactly one input channel and there are as many of both.
    bool isDepthwise();
  }];
}

def NN_ConvTranspose2DOp : NN_InferredOp<"conv_transpose2d"> {
  let summary = "2-D transposed convolution, NHWC";
  let description = [{
    Adds every input pixel times the filter into a window of the output; the gradient of `nn.conv2d`.

    | name   | shape                  |
    |--------|------------------------|
    | input  | N x H x W x C          |
    | filter | O x KH x KW x C/groups |
    | bias   | O                      |
    | output | N x H' x W' x O        |

    H' = (H - 1) * stride + dilation * (KH - 1) + 1 + output_padding - top - bottom. Output pixel
    `oh = ih * stride + kh * dilation - top`. ONNX ConvTranspose, opsets 1 to 22.

    ```mlir
    %y = nn.conv_transpose2d %x, %w strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] output_padding [0, 0] groups 1 : tensor<1x5x3x6xf32>, tensor<4x2x2x6xf32> -> tensor<1x10x6x4xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$filter, Optional<NN_Tensor>:$bias, DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$output_padding,
                       I64Attr:$groups);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $input `,` $filter (`bias` $bias^)? `strides` $strides `pads` $pads `dilations` $dilations
    `output_padding` $output_padding `groups` $groups attr-dict
    `:` type($input) `,` type($filter) (`,` type($bias)^)? `->` type($output)
  }];
}
#endif
