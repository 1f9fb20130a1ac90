// Elementwise ops: constants, unary and binary functions, select, cast.
#ifndef NNCC_DIALECTS_NN_ELEMENTWISE_TD
#define NNCC_DIALECTS_NN_ELEMENTWISE_TD
include "dialects/nn/NNDialect.td"

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

/// name, number, meaning with x the operand, a = alpha, b = beta. One row is all that a new unary function needs here.
class NN_Unary<string name, int number, string meaning> : I32EnumAttrCase<name, number> { string mean = meaning; }
def NN_UnaryKind : I32EnumAttr<"UnaryKind", "a function of one element", [
    NN_Unary<"abs", 0, "|x|">, NN_Unary<"neg", 1, "-x">, NN_Unary<"exp", 2, "e^x">, NN_Unary<"log", 3, "ln x">,
    NN_Unary<"sqrt", 4, "sqrt x">, NN_Unary<"rsqrt", 5, "1 / sqrt x">, NN_Unary<"reciprocal", 6, "1 / x">,
    NN_Unary<"floor", 7, "largest integer <= x">, NN_Unary<"ceil", 8, "smallest integer >= x">,
    NN_Unary<"round", 9, "nearest integer, ties to even">, NN_Unary<"sign", 10, "-1, 0 or 1">,
    NN_Unary<"logical_not", 11, "not x, booleans">, NN_Unary<"bitwise_not", 12, "~x">, NN_Unary<"erf", 13, "error function">,
    NN_Unary<"sin", 14, "sine">, NN_Unary<"cos", 15, "cosine">, NN_Unary<"tan", 16, "tangent">,
    NN_Unary<"asin", 17, "arc sine">, NN_Unary<"acos", 18, "arc cosine">, NN_Unary<"atan", 19, "arc tangent">,
    NN_Unary<"sinh", 20, "hyperbolic sine">, NN_Unary<"cosh", 21, "hyperbolic cosine">, NN_Unary<"tanh", 22, "hyperbolic tangent">,
    NN_Unary<"asinh", 23, "inverse of sinh">, NN_Unary<"acosh", 24, "inverse of cosh">, NN_Unary<"atanh", 25, "inverse of tanh">,
    NN_Unary<"sigmoid", 26, "1 / (1 + e^-x)">, NN_Unary<"relu", 27, "max(x, 0)">,
    NN_Unary<"leaky_relu", 28, "x < 0 ? a * x : x">, NN_Unary<"elu", 29, "x < 0 ? a * (e^x - 1) : x">,
    NN_Unary<"selu", 30, "b * (x <= 0 ? a * (e^x - 1) : x)">, NN_Unary<"celu", 31, "max(0, x) + min(0, a * (e^(x/a) - 1))">,
    NN_Unary<"thresholded_relu", 32, "x > a ? x : 0">, NN_Unary<"hard_sigmoid", 33, "max(0, min(1, a * x + b))">,
    NN_Unary<"hard_swish", 34, "x * max(0, min(1, x / 6 + 0.5))">, NN_Unary<"silu", 35, "x * sigmoid(x)">,
    NN_Unary<"gelu", 36, "x * (1 + erf(x / sqrt 2)) / 2">, NN_Unary<"gelu_tanh", 37, "tanh approximation of gelu">,
    NN_Unary<"softplus", 38, "ln(1 + e^x)">, NN_Unary<"softsign", 39, "x / (1 + |x|)">,
    NN_Unary<"mish", 40, "x * tanh(softplus(x))">, NN_Unary<"clip", 41, "min(max(x, a), b)">,
    NN_Unary<"is_nan", 42, "x is NaN, gives booleans">, NN_Unary<"is_inf", 43, "x is infinite; a: +inf counts, b: -inf counts">]> {
  let genSpecializedAttr = 0;
  let cppNamespace = "::nncc::nn";
}
def NN_UnaryKindAttr : EnumAttr<NN_Dialect, NN_UnaryKind, "unary_kind">;

def NN_UnaryOp : NN_InferredOp<"unary"> {
  let summary = "a function of every element";
  let description = [{
    The functions are the rows of `UnaryKind`; `alpha` and `beta` are the parameters a and b of those that have any.
    NaN propagates through `relu` and `clip`. Every unary operator of ONNX, opsets 1 to 22.

    ```mlir
    %y = nn.unary clip %x {alpha = 0.0, beta = 6.0} : tensor<2x3xf32> -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins NN_UnaryKindAttr:$kind, NN_Tensor:$input, DefaultValuedAttr<F64Attr, "0.0">:$alpha,
                       DefaultValuedAttr<F64Attr, "0.0">:$beta);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$kind $input attr-dict `:` type($input) `->` type($output)";
}

class NN_Binary<string name, int number, string meaning> : I32EnumAttrCase<name, number> { string mean = meaning; }
def NN_BinaryKind : I32EnumAttr<"BinaryKind", "a function of two elements", [
    NN_Binary<"add", 0, "x + y">, NN_Binary<"sub", 1, "x - y">, NN_Binary<"mul", 2, "x * y">,
    NN_Binary<"div", 3, "x / y, integers toward zero">, NN_Binary<"pow", 4, "x^y">,
    NN_Binary<"mod", 5, "remainder with the sign of y">, NN_Binary<"fmod", 6, "remainder with the sign of x">,
    NN_Binary<"min", 7, "NaN propagates">, NN_Binary<"max", 8, "NaN propagates">,
    NN_Binary<"prelu", 9, "x < 0 ? x * y : x">, NN_Binary<"logical_and", 10, "booleans">,
    NN_Binary<"logical_or", 11, "booleans">, NN_Binary<"logical_xor", 12, "booleans">,
    NN_Binary<"bitwise_and", 13, "">, NN_Binary<"bitwise_or", 14, "">, NN_Binary<"bitwise_xor", 15, "">,
    NN_Binary<"shift_left", 16, "">, NN_Binary<"shift_right", 17, "">,
    NN_Binary<"equal", 18, "gives booleans">, NN_Binary<"less", 19, "gives booleans">,
    NN_Binary<"less_equal", 20, "gives booleans">, NN_Binary<"greater", 21, "gives booleans">,
    NN_Binary<"greater_equal", 22, "gives booleans">]> {
  let genSpecializedAttr = 0;
  let cppNamespace = "::nncc::nn";
}
def NN_BinaryKindAttr : EnumAttr<NN_Dialect, NN_BinaryKind, "binary_kind">;

def NN_BinaryOp : NN_InferredOp<"binary"> {
  let summary = "a function of the elements of two tensors, broadcast";
  let description = [{
    Operands have one element type and one rank; each dim is equal or 1. Integer arithmetic wraps. Every binary
    operator of ONNX, opsets 7 to 22.

    ```mlir
    %y = nn.binary add %a, %b : tensor<2x3xf32>, tensor<1x3xf32> -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins NN_BinaryKindAttr:$kind, NN_Tensor:$lhs, NN_Tensor:$rhs);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$kind $lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs) `->` type($output)";
}

def NN_SelectOp : NN_InferredOp<"select"> {
  let summary = "condition ? a : b, elementwise, broadcast";
  let description = [{
    ONNX Where, opsets 9 to 22.

    ```mlir
    %y = nn.select %c, %a, %b : tensor<2x1xi1>, tensor<2x3xf32>, tensor<1x3xf32> -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins NN_BoolTensor:$condition, NN_Tensor:$if_true, NN_Tensor:$if_false);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$condition `,` $if_true `,` $if_false attr-dict `:` type($condition) `,` type($if_true) `,` type($if_false) `->` type($output)";
}

def NN_CastOp : NN_Op<"cast", [Pure, SameOperandsAndResultShape]> {
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
