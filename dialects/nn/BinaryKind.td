// The table of functions of two elements; see UnaryKind.td.
#ifndef NNCC_DIALECTS_NN_BINARYKIND_TD
#define NNCC_DIALECTS_NN_BINARYKIND_TD
include "mlir/IR/EnumAttr.td"

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
#endif
