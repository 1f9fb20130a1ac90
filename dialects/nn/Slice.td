// Ops that cut, join, extend and repeat tensors.
#ifndef NNCC_DIALECTS_NN_SLICE_TD
#define NNCC_DIALECTS_NN_SLICE_TD
include "dialects/nn/NNDialect.td"

def NN_SliceOp : NN_InferredOp<"slice", [NN_DeclareEvaluated]> {
  let summary = "every step-th element from a start, in each dim";
  let description = [{
    Output element i of a dim is input element `start + i * step`; steps may be negative, all elements read lie inside
    the input. ONNX Slice, Split.

    ```mlir
    %y = nn.slice %x starts [0, 1] sizes [2, 3] steps [1, 2] : tensor<2x7xf32> -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, DenseI64ArrayAttr:$starts, DenseI64ArrayAttr:$sizes, DenseI64ArrayAttr:$steps);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$input `starts` $starts `sizes` $sizes `steps` $steps attr-dict `:` type($input) `->` type($output)";
  let hasFolder = 1;
}

def NN_ConcatOp : NN_InferredOp<"concat", [NN_DeclareEvaluated]> {
  let summary = "joins tensors along one axis";
  let description = [{
    ONNX Concat.

    ```mlir
    %y = nn.concat %a, %b axis 1 : tensor<2x3xf32>, tensor<2x5xf32> -> tensor<2x8xf32>
    ```
  }];
  let arguments = (ins Variadic<NN_Tensor>:$inputs, I64Attr:$axis);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$inputs `axis` $axis attr-dict `:` type($inputs) `->` type($output)";
  let hasFolder = 1;
}

def NN_PadMode : I32EnumAttr<"PadMode", "where padding takes its values from",
    [I32EnumAttrCase<"constant", 0>, I32EnumAttrCase<"reflect", 1>, I32EnumAttrCase<"edge", 2>, I32EnumAttrCase<"wrap", 3>]> {
  let genSpecializedAttr = 0;
  let cppNamespace = "::nncc::nn";
}
def NN_PadModeAttr : EnumAttr<NN_Dialect, NN_PadMode, "pad_mode">;

def NN_PadOp : NN_InferredOp<"pad", [NN_DeclareEvaluated]> {
  let summary = "extends every dim before and after";
  let description = [{
    `low` and `high` are >= 0 (the importer slices for negative ones). `value` fills where the mode is constant: an
    f64, or an integer of 64 bits, as an element of the input (see `NN_NumberAttr`). ONNX Pad.

    ```mlir
    %y = nn.pad constant %x low [0, 1] high [0, 2] {value = 0.0} : tensor<2x3xf32> -> tensor<2x6xf32>
    ```
  }];
  let arguments = (ins NN_PadModeAttr:$mode, NN_Tensor:$input, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high,
                       DefaultValuedAttr<NN_NumberAttr, "0.0">:$value);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$mode $input `low` $low `high` $high attr-dict `:` type($input) `->` type($output)";
  let extraClassDeclaration = [{
    /// The position in the input that position `i` of a dim of the result repeats; -1 where it is filled.
    int64_t sourceOf(int64_t dim, int64_t i);
  }];
}

def NN_ExpandOp : NN_Op<"expand", [Pure, NN_DeclareEvaluated]> {
  let summary = "repeats dims of size 1";
  let description = [{
    Ranks are equal; every input dim is the output's or 1. ONNX Expand.

    ```mlir
    %y = nn.expand %x : tensor<2x1xf32> -> tensor<2x5xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($output)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def NN_TileOp : NN_InferredOp<"tile", [NN_DeclareEvaluated]> {
  let summary = "repeats the whole tensor along its dims";
  let description = [{
    Output index i of a dim is input index i mod size. ONNX Tile.

    ```mlir
    %y = nn.tile %x repeats [2, 3] : tensor<2x5xf32> -> tensor<4x15xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, DenseI64ArrayAttr:$repeats);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$input `repeats` $repeats attr-dict `:` type($input) `->` type($output)";
}
#endif
