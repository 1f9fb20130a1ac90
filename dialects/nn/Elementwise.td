// Elementwise ops: constants, unary and binary functions, select, cast.
#ifndef NNCC_DIALECTS_NN_ELEMENTWISE_TD
#define NNCC_DIALECTS_NN_ELEMENTWISE_TD
include "dialects/nn/BinaryKind.td"
include "dialects/nn/NNDialect.td"
include "dialects/nn/UnaryKind.td"

def NN_ConstantOp : NN_Op<"constant", [Pure, ConstantLike, AllTypesMatch<["value", "output"]>]> {
  let summary = "a tensor known at compile time";
  let description = [{
    Big values are `dense_resource` attributes, which refer to bytes owned by the context and are elided in dumps.

    ```mlir
    %c = nn.constant dense<1.0> : tensor<2x3xf32>
    ```
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
}

def NN_UnaryKindAttr : EnumAttr<NN_Dialect, NN_UnaryKind, "unary_kind">;

def NN_UnaryOp : NN_InferredOp<"unary", [NN_Elementwise, NN_DeclareEvaluated]> {
  let summary = "a function of every element";
  let description = [{
    The functions are the rows of `UnaryKind`; `alpha` and `beta` are the parameters a and b of those that have any.
    NaN propagates through `relu` and `clip`. Every unary operator of ONNX.

    ```mlir
    %y = nn.unary clip %x {alpha = 0.0, beta = 6.0} : tensor<2x3xf32> -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins NN_UnaryKindAttr:$kind, NN_Tensor:$input, DefaultValuedAttr<F64Attr, "0.0">:$alpha,
                       DefaultValuedAttr<F64Attr, "0.0">:$beta);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$kind $input attr-dict `:` type($input) `->` type($output)";
}

def NN_BinaryKindAttr : EnumAttr<NN_Dialect, NN_BinaryKind, "binary_kind">;

def NN_BinaryOp : NN_InferredOp<"binary", [NN_Elementwise, NN_DeclareEvaluated]> {
  let summary = "a function of the elements of two tensors, broadcast";
  let description = [{
    Operands have one element type and one rank; each dim is equal or 1. Integer arithmetic wraps. Every binary
    operator of ONNX.

    ```mlir
    %y = nn.binary add %a, %b : tensor<2x3xf32>, tensor<1x3xf32> -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins NN_BinaryKindAttr:$kind, NN_Tensor:$lhs, NN_Tensor:$rhs);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$kind $lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs) `->` type($output)";
}

def NN_SelectOp : NN_InferredOp<"select", [NN_Elementwise, NN_DeclareEvaluated]> {
  let summary = "condition ? a : b, elementwise, broadcast";
  let description = [{
    ONNX Where.

    ```mlir
    %y = nn.select %c, %a, %b : tensor<2x1xi1>, tensor<2x3xf32>, tensor<1x3xf32> -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins NN_BoolTensor:$condition, NN_Tensor:$if_true, NN_Tensor:$if_false);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$condition `,` $if_true `,` $if_false attr-dict `:` type($condition) `,` type($if_true) `,` type($if_false) `->` type($output)";
}

def NN_CastOp : NN_Op<"cast", [Pure, NN_Elementwise, NN_DeclareEvaluated, SameOperandsAndResultShape]> {
  let summary = "converts every element to another type";
  let description = [{
    Float to integer truncates toward zero; what is out of range becomes the end of the range, NaN becomes 0. Integer to
    narrower integer wraps, unless `saturate`. What becomes a float is rounded once, to the nearest, ties to even.
    Anything to `i1` is `x != 0`. ONNX Cast, CastLike.

    ```mlir
    %y = nn.cast %x : tensor<2x3xi64> -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, UnitAttr:$saturate);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($output)";
}
#endif
