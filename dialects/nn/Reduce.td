// Reductions along axes, softmax, cumulative sums.
#ifndef NNCC_DIALECTS_NN_REDUCE_TD
#define NNCC_DIALECTS_NN_REDUCE_TD
include "dialects/nn/NNDialect.td"

def NN_ReduceKind : I32EnumAttr<"ReduceKind", "what a reduction computes",
    [I32EnumAttrCase<"sum", 0>, I32EnumAttrCase<"mean", 1>, I32EnumAttrCase<"max", 2>, I32EnumAttrCase<"min", 3>,
     I32EnumAttrCase<"prod", 4>, I32EnumAttrCase<"l1", 5>, I32EnumAttrCase<"l2", 6>, I32EnumAttrCase<"log_sum", 7>,
     I32EnumAttrCase<"log_sum_exp", 8>, I32EnumAttrCase<"sum_square", 9>]> {
  let genSpecializedAttr = 0;
  let cppNamespace = "::nncc::nn";
}
def NN_ReduceKindAttr : EnumAttr<NN_Dialect, NN_ReduceKind, "reduce_kind">;

def NN_ReduceOp : NN_InferredOp<"reduce", [NN_DeclareEvaluated]> {
  let summary = "reduces some axes; they stay as dims of size 1";
  let description = [{
    Axes are distinct, ascending, in [0, rank). The importer reshapes where ONNX drops the dims. ONNX Reduce*,
    GlobalAveragePool, GlobalMaxPool.

    ```mlir
    %y = nn.reduce mean %x axes [1, 2] : tensor<1x7x5x3xf32> -> tensor<1x1x1x3xf32>
    ```
  }];
  let arguments = (ins NN_ReduceKindAttr:$kind, NN_Tensor:$input, DenseI64ArrayAttr:$axes);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$kind $input `axes` $axes attr-dict `:` type($input) `->` type($output)";
}

def NN_ArgReduceKind : I32EnumAttr<"ArgReduceKind", "which extreme",
    [I32EnumAttrCase<"argmax", 0>, I32EnumAttrCase<"argmin", 1>]> {
  let genSpecializedAttr = 0;
  let cppNamespace = "::nncc::nn";
}
def NN_ArgReduceKindAttr : EnumAttr<NN_Dialect, NN_ArgReduceKind, "arg_reduce_kind">;

def NN_ArgReduceOp : NN_InferredOp<"arg_reduce"> {
  let summary = "the i64 index of an extreme along one axis, which stays as a dim of size 1";
  let description = [{
    The first of equal extremes, or the last with `select_last`. ONNX ArgMax, ArgMin.

    ```mlir
    %y = nn.arg_reduce argmax %x axis 1 : tensor<2x7xf32> -> tensor<2x1xi64>
    ```
  }];
  let arguments = (ins NN_ArgReduceKindAttr:$kind, NN_Tensor:$input, I64Attr:$axis, UnitAttr:$select_last);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$kind $input `axis` $axis (`select_last` $select_last^)? attr-dict `:` type($input) `->` type($output)";
}

def NN_SoftmaxOp : NN_InferredOp<"softmax"> {
  let summary = "e^x / sum of e^x along one axis, or its logarithm";
  let description = [{
    The maximum is subtracted first. ONNX Softmax and LogSoftmax of opset 13 (earlier ones are reshaped on import).

    ```mlir
    %y = nn.softmax %x axis 1 : tensor<2x7xf32> -> tensor<2x7xf32>
    ```
  }];
  let arguments = (ins NN_FloatTensor:$input, I64Attr:$axis, UnitAttr:$log);
  let results = (outs NN_FloatTensor:$output);
  let assemblyFormat = "$input `axis` $axis (`log` $log^)? attr-dict `:` type($input) `->` type($output)";
}

def NN_CumSumOp : NN_InferredOp<"cumsum", [NN_DeclareEvaluated]> {
  let summary = "running sum along one axis";
  let description = [{
    `exclusive` leaves out the element itself, `reverse` runs from the end. ONNX CumSum.

    ```mlir
    %y = nn.cumsum %x axis 1 : tensor<2x7xf32> -> tensor<2x7xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, I64Attr:$axis, UnitAttr:$exclusive, UnitAttr:$reverse);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$input `axis` $axis (`exclusive` $exclusive^)? (`reverse` $reverse^)? attr-dict `:` type($input) `->` type($output)";
}
#endif
