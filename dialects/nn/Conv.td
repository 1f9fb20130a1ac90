// Convolutions.
#ifndef NNCC_DIALECTS_NN_CONV_TD
#define NNCC_DIALECTS_NN_CONV_TD
include "dialects/nn/NNDialect.td"

def NN_Conv2DOp : NN_InferredOp<"conv2d", [AttrSizedOperandSegments]> {
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
    Depthwise convolution is `groups` = C. ONNX Conv (1-D has H = 1).

    Input and filter of 8 bits, each signed or not, are multiplied less their zero points (0 without `zero_points`: one
    of the input, one or O of the filter) and added up in `i32`, which bias and result are; sums wrap. Padding is the
    zero point of the input: it adds nothing. ONNX ConvInteger, the sums of QLinearConv.

    An input of f32 takes a filter of 8-bit integers, f16 or bf16 as well: its values are widened as they are multiplied.

    ```mlir
    %y = nn.conv2d %x, %w bias %b strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x8x8x3xf32>, tensor<4x3x3x3xf32>, tensor<4xf32> -> tensor<1x6x6x4xf32>
    %q = nn.conv2d %u, %v zero_points (%zu, %zv) strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x8x8x3xui8>, tensor<4x3x3x3xi8> zero_points (tensor<1xui8>, tensor<4xi8>) -> tensor<1x6x6x4xi32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$filter, Optional<NN_Tensor>:$bias,
                       Optional<NN_ByteTensor>:$input_zero_point, Optional<NN_ByteTensor>:$filter_zero_point,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations,
                       I64Attr:$groups);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $input `,` $filter (`bias` $bias^)? (`zero_points` `(` $input_zero_point^ `,` $filter_zero_point `)`)?
    `strides` $strides `pads` $pads `dilations` $dilations `groups` $groups attr-dict
    `:` type($input) `,` type($filter) (`,` type($bias)^)?
    (`zero_points` `(` type($input_zero_point)^ `,` type($filter_zero_point) `)`)? `->` type($output)
  }];
  let builders = [
    /// Without zero points.
    OpBuilder<(ins "::mlir::Type":$output, "::mlir::Value":$input, "::mlir::Value":$filter, "::mlir::Value":$bias,
                   "::llvm::ArrayRef<int64_t>":$strides, "::llvm::ArrayRef<int64_t>":$pads,
                   "::llvm::ArrayRef<int64_t>":$dilations, "uint64_t":$groups),
              [{ build($_builder, $_state, output, input, filter, bias, ::mlir::Value(), ::mlir::Value(), strides, pads,
                       dilations, groups); }]>
  ];
  let extraClassDeclaration = [{
    /// True when every output channel reads exactly one input channel and there are as many of both.
    bool isDepthwise();
  }];
}

def NN_ConvTranspose2DOp : NN_InferredOp<"conv_transpose2d", [AttrSizedOperandSegments]> {
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
    `oh = ih * stride + kh * dilation - top`. Operands of 8 bits as in `nn.conv2d`. ONNX ConvTranspose.

    ```mlir
    %y = nn.conv_transpose2d %x, %w strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] output_padding [0, 0] groups 1 : tensor<1x5x3x6xf32>, tensor<4x2x2x6xf32> -> tensor<1x10x6x4xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$filter, Optional<NN_Tensor>:$bias,
                       Optional<NN_ByteTensor>:$input_zero_point, Optional<NN_ByteTensor>:$filter_zero_point,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations,
                       DenseI64ArrayAttr:$output_padding, I64Attr:$groups);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $input `,` $filter (`bias` $bias^)? (`zero_points` `(` $input_zero_point^ `,` $filter_zero_point `)`)?
    `strides` $strides `pads` $pads `dilations` $dilations `output_padding` $output_padding `groups` $groups attr-dict
    `:` type($input) `,` type($filter) (`,` type($bias)^)?
    (`zero_points` `(` type($input_zero_point)^ `,` type($filter_zero_point) `)`)? `->` type($output)
  }];
  let builders = [
    /// Without zero points.
    OpBuilder<(ins "::mlir::Type":$output, "::mlir::Value":$input, "::mlir::Value":$filter, "::mlir::Value":$bias,
                   "::llvm::ArrayRef<int64_t>":$strides, "::llvm::ArrayRef<int64_t>":$pads,
                   "::llvm::ArrayRef<int64_t>":$dilations, "::llvm::ArrayRef<int64_t>":$output_padding,
                   "uint64_t":$groups),
              [{ build($_builder, $_state, output, input, filter, bias, ::mlir::Value(), ::mlir::Value(), strides, pads,
                       dilations, output_padding, groups); }]>
  ];
}
#endif
