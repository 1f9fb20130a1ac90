// Quantized values: steps of a scale from a zero point. Scales and zero points are operands, which broadcast: one for a
// tensor, one for each index of a dim; blocks are a dim of their own.
#ifndef NNCC_DIALECTS_NN_QUANT_TD
#define NNCC_DIALECTS_NN_QUANT_TD
include "dialects/nn/NNDialect.td"

def NN_QuantizeOp : NN_InferredOp<"quantize", [NN_Elementwise, NN_DeclareEvaluated]> {
  let summary = "a real number as the nearest of equal steps";
  let description = [{
    `saturate(roundeven(x / scale) + zero_point)` in the type of the zero point; the division is rounded to f32, ties of
    the rounding go to the even step. NaN becomes the lowest value. ONNX QuantizeLinear.

    `fits` says that all x are numbers whose quotients have magnitudes of at most 2^15 - 512, so that steps fit 16 bits,
    also with a zero point of 8 bits: code may be shorter, no result is another.

    ```mlir
    %q = nn.quantize %x, %scale, %zero : tensor<2x3xf32>, tensor<1x1xf32>, tensor<1x1xui8> -> tensor<2x3xui8>
    ```
  }];
  let arguments = (ins NN_F32Tensor:$input, NN_F32Tensor:$scale, NN_QuantizedTensor:$zero_point, UnitAttr:$fits);
  let results = (outs NN_QuantizedTensor:$output);
  let assemblyFormat = "$input `,` $scale `,` $zero_point attr-dict `:` type($input) `,` type($scale) `,` type($zero_point) `->` type($output)";
}

def NN_DequantizeOp : NN_InferredOp<"dequantize", [NN_Elementwise, NN_DeclareEvaluated]> {
  let summary = "the real number that a step stands for";
  let description = [{
    `f32(x - zero_point) * scale`; the difference is computed in i32, where it wraps, and is exact for 8 and 16 bits.
    ONNX DequantizeLinear.

    ```mlir
    %x = nn.dequantize %q, %scale, %zero : tensor<2x3xui8>, tensor<2x1xf32>, tensor<2x1xui8> -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins AnyTypeOf<[NN_QuantizedTensor, NN_I32Tensor], "tensor of integers of 8, 16 or 32 bits",
                                 "::mlir::RankedTensorType">:$input,
                       NN_F32Tensor:$scale,
                       AnyTypeOf<[NN_QuantizedTensor, NN_I32Tensor], "tensor of integers of 8, 16 or 32 bits",
                                 "::mlir::RankedTensorType">:$zero_point);
  let results = (outs NN_F32Tensor:$output);
  let assemblyFormat = "$input `,` $scale `,` $zero_point attr-dict `:` type($input) `,` type($scale) `,` type($zero_point) `->` type($output)";
}

def NN_RequantizeOp : NN_InferredOp<"requantize", [NN_Elementwise, NN_DeclareEvaluated]> {
  let summary = "sums of products of steps as steps of another scale";
  let description = [{
    `saturate(roundeven(f32(x) * multiplier) + zero_point)` in the type of the zero point. The sum is rounded to f32, the
    product is rounded by itself, and ties of the rounding go to the even step. NaN becomes the lowest value. What
    follows the sums of ONNX QLinearConv, QLinearMatMul: the multiplier is (scale of x * scale of w) / scale of y.

    What is known of all values lets code be shorter, and changes no result: `fits` says that the products of sums and
    multipliers have magnitudes of at most 2^15 - 512, so that the rounded ones, also with a zero point of 8 bits, fit
    16 bits; `small_sums` that the sums have magnitudes below 2^22.

    ```mlir
    %q = nn.requantize %sums, %m, %zero {fits} : tensor<2x3xi32>, tensor<1x3xf32>, tensor<1x1xi8> -> tensor<2x3xi8>
    ```
  }];
  let arguments = (ins NN_I32Tensor:$input, NN_F32Tensor:$multiplier, NN_QuantizedTensor:$zero_point,
                       UnitAttr:$fits, UnitAttr:$small_sums);
  let results = (outs NN_QuantizedTensor:$output);
  let assemblyFormat = "$input `,` $multiplier `,` $zero_point attr-dict `:` type($input) `,` type($multiplier) `,` type($zero_point) `->` type($output)";
}

def NN_RequantizeSumOp : NN_Op<"requantize_sum", [Pure, NN_Elementwise, NN_DeclareEvaluated]> {
  let summary = "the sum of two quantized values as steps of another scale";
  let description = [{
    `saturate(roundeven(fma(f32(a), a_multiplier, fma(f32(b), b_multiplier, offset))))` in the type of the result; each
    fma rounds once, ties of the last rounding go to the even step. NaN becomes the lowest value. com.microsoft
    QLinearAdd: multipliers are scales of the operands by that of the result, the offset holds all zero points.

    ```mlir
    %q = nn.requantize_sum %a * %ma, %b * %mb, %c : tensor<2x3xui8> * tensor<1x1xf32>, tensor<2x3xui8> * tensor<1x1xf32>, tensor<1x1xf32> -> tensor<2x3xui8>
    ```
  }];
  let arguments = (ins NN_QuantizedTensor:$a, NN_F32Tensor:$a_multiplier, NN_QuantizedTensor:$b,
                       NN_F32Tensor:$b_multiplier, NN_F32Tensor:$offset);
  let results = (outs NN_QuantizedTensor:$output);
  let assemblyFormat = [{
    $a `*` $a_multiplier `,` $b `*` $b_multiplier `,` $offset attr-dict
    `:` type($a) `*` type($a_multiplier) `,` type($b) `*` type($b_multiplier) `,` type($offset) `->` type($output)
  }];
  let hasVerifier = 1;
}

def NN_LookupOp : NN_InferredOp<"lookup", [NN_Elementwise, NN_DeclareEvaluated]> {
  let summary = "a function of 8 bits as a table of 256 bytes";
  let description = [{
    The element of the table whose position is the input's bits, read as unsigned: for `i8`, elements 128 to 255 are the
    values of -128 to -1. Functions between a DequantizeLinear and a QuantizeLinear of ONNX become tables.

    ```mlir
    %q = nn.lookup %x dense<7> : tensor<256xui8> : tensor<2x3xi8> -> tensor<2x3xui8>
    ```
  }];
  let arguments = (ins NN_ByteTensor:$input, ElementsAttr:$table);
  let results = (outs NN_ByteTensor:$output);
  let assemblyFormat = "$input $table attr-dict `:` type($input) `->` type($output)";
}

def NN_MatMulWidenedOp : NN_InferredOp<"matmul_widened", [AttrSizedOperandSegments]> {
  let summary = "a matrix product whose right side is stored in fewer bits than it is multiplied in";
  let description = [{
    | name       | shape                       | type                                       |
    |------------|-----------------------------|--------------------------------------------|
    | lhs        | M x K                       | f32                                        |
    | rhs        | K x N                       | i8, ui8 with `scale`; f16, bf16 without    |
    | scale      | (K / block, rounded up) x N | f32, f16, bf16                             |
    | zero_point | that of `scale`             | that of rhs                                |
    | output     | M x N                       | f32                                        |

    The product of `lhs` with `f32(rhs[k][n] - zero_point[k / block][n]) * f32(scale[k / block][n])`, each rounded to
    f32, or with `f32(rhs)`. With `bits = 4` all values of the right side, which is a constant then, are those of 4 bits (-8 to 7
    of i8, 0 to 15 of ui8), and two of them lie in a byte of a library. ONNX MatMul, Gemm of a DequantizeLinear or Cast
    of a constant, MatMulNBits.

    ```mlir
    %y = nn.matmul_widened %a, %q scale %s zero_point %z block 2 bits 4 : tensor<2x3xf32>, tensor<3x5xui8> scale tensor<2x5xf32> zero_point tensor<2x5xui8> -> tensor<2x5xf32>
    ```
  }];
  let arguments = (ins NN_F32Tensor:$lhs, NN_Tensor:$rhs, Optional<NN_FloatTensor>:$scale,
                       Optional<NN_ByteTensor>:$zero_point, I64Attr:$block, I64Attr:$bits);
  let results = (outs NN_F32Tensor:$output);
  let assemblyFormat = [{
    $lhs `,` $rhs (`scale` $scale^)? (`zero_point` $zero_point^)? `block` $block `bits` $bits attr-dict
    `:` type($lhs) `,` type($rhs) (`scale` type($scale)^)? (`zero_point` type($zero_point)^)? `->` type($output)
  }];
}
#endif
