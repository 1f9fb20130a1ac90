// The table of functions of one element. A file of its own, so that a new row compiles only what knows single rows.
#ifndef NNCC_DIALECTS_NN_UNARYKIND_TD
#define NNCC_DIALECTS_NN_UNARYKIND_TD
include "mlir/IR/EnumAttr.td"

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
#endif
