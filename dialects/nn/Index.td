// Ops that read or write at indices found in a tensor.
#ifndef NNCC_DIALECTS_NN_INDEX_TD
#define NNCC_DIALECTS_NN_INDEX_TD
include "dialects/nn/NNDialect.td"

def NN_GatherOp : NN_InferredOp<"gather", [NN_DeclareEvaluated]> {
  let summary = "slices of the data along one axis, chosen by indices";
  let description = [{
    | name    | shape                    |
    |---------|--------------------------|
    | data    | A... x D x B...          |
    | indices | I...                     |
    | output  | A... x I... x B...       |

    Negative indices count from the end; others out of range are clamped into it. ONNX Gather.

    ```mlir
    %y = nn.gather %x, %i axis 1 : tensor<2x7x3xf32>, tensor<4xi64> -> tensor<2x4x3xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$data, NN_IndexTensor:$indices, I64Attr:$axis);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$data `,` $indices `axis` $axis attr-dict `:` type($data) `,` type($indices) `->` type($output)";
}

def NN_GatherElementsOp : NN_InferredOp<"gather_elements", [NN_DeclareEvaluated]> {
  let summary = "one element per index: along `axis` the position is the index, elsewhere its own";
  let description = [{
    The output has the shape of the indices. Negative indices count from the end. ONNX GatherElements.

    ```mlir
    %y = nn.gather_elements %x, %i axis 1 : tensor<2x7xf32>, tensor<2x3xi64> -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$data, NN_IndexTensor:$indices, I64Attr:$axis);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$data `,` $indices `axis` $axis attr-dict `:` type($data) `,` type($indices) `->` type($output)";
}

def NN_GatherNDOp : NN_InferredOp<"gather_nd", [NN_DeclareEvaluated]> {
  let summary = "slices of the data at index tuples";
  let description = [{
    The last dim of the indices is a tuple that addresses the dims of the data after `batch_dims`. ONNX GatherND.

    ```mlir
    %y = nn.gather_nd %x, %i batch_dims 0 : tensor<2x7x3xf32>, tensor<4x2xi64> -> tensor<4x3xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$data, NN_IndexTensor:$indices, I64Attr:$batch_dims);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$data `,` $indices `batch_dims` $batch_dims attr-dict `:` type($data) `,` type($indices) `->` type($output)";
}

def NN_ScatterReduction : I32EnumAttr<"ScatterReduction", "what happens where something is written",
    [I32EnumAttrCase<"replace", 0>, I32EnumAttrCase<"add", 1>, I32EnumAttrCase<"mul", 2>, I32EnumAttrCase<"max", 3>,
     I32EnumAttrCase<"min", 4>]> {
  let genSpecializedAttr = 0;
  let cppNamespace = "::nncc::nn";
}
def NN_ScatterReductionAttr : EnumAttr<NN_Dialect, NN_ScatterReduction, "scatter_reduction">;

def NN_ScatterElementsOp : NN_Op<"scatter_elements", [Pure, NN_DeclareEvaluated, AllTypesMatch<["data", "output"]>]> {
  let summary = "a copy of the data with single elements replaced or reduced";
  let description = [{
    The inverse of `nn.gather_elements`. ONNX ScatterElements, Scatter.

    ```mlir
    %y = nn.scatter_elements replace %x, %i, %u axis 1 : tensor<2x7xf32>, tensor<2x3xi64>, tensor<2x3xf32>
    ```
  }];
  let arguments = (ins NN_ScatterReductionAttr:$reduction, NN_Tensor:$data, NN_IndexTensor:$indices, NN_Tensor:$updates, I64Attr:$axis);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$reduction $data `,` $indices `,` $updates `axis` $axis attr-dict `:` type($data) `,` type($indices) `,` type($updates)";
}

def NN_ScatterNDOp : NN_Op<"scatter_nd", [Pure, NN_DeclareEvaluated, AllTypesMatch<["data", "output"]>]> {
  let summary = "a copy of the data with slices at index tuples replaced or reduced";
  let description = [{
    The inverse of `nn.gather_nd`. ONNX ScatterND.

    ```mlir
    %y = nn.scatter_nd add %x, %i, %u : tensor<2x7xf32>, tensor<4x1xi64>, tensor<4x7xf32>
    ```
  }];
  let arguments = (ins NN_ScatterReductionAttr:$reduction, NN_Tensor:$data, NN_IndexTensor:$indices, NN_Tensor:$updates);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$reduction $data `,` $indices `,` $updates attr-dict `:` type($data) `,` type($indices) `,` type($updates)";
}

def NN_OneHotOp : NN_InferredOp<"one_hot"> {
  let summary = "on at the index, off elsewhere, along a new axis";
  let description = [{
    `values` is [off, on]. Indices in [-depth, depth) count, others give off everywhere. ONNX OneHot.

    ```mlir
    %y = nn.one_hot %i, %v axis 1 depth 7 : tensor<2x3xi64>, tensor<2xf32> -> tensor<2x7x3xf32>
    ```
  }];
  let arguments = (ins NN_IndexTensor:$indices, NN_Tensor:$values, I64Attr:$axis, I64Attr:$depth);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$indices `,` $values `axis` $axis `depth` $depth attr-dict `:` type($indices) `,` type($values) `->` type($output)";
}

def NN_TopKOp : NN_Op<"topk", [Pure]> {
  let summary = "the k largest (or smallest) elements along an axis, sorted, and their indices";
  let description = [{
    Of equal elements the one with the lower index comes first. ONNX TopK.

    ```mlir
    %v, %i = nn.topk %x axis 1 largest : tensor<2x7xf32> -> tensor<2x3xf32>, tensor<2x3xi64>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, I64Attr:$axis, UnitAttr:$largest);
  let results = (outs NN_Tensor:$values, NN_Tensor:$indices);
  let assemblyFormat = "$input `axis` $axis (`largest` $largest^)? attr-dict `:` type($input) `->` type($values) `,` type($indices)";
}
#endif
