// Pooling windows.
#ifndef NNCC_DIALECTS_NN_POOL_TD
#define NNCC_DIALECTS_NN_POOL_TD
include "dialects/nn/NNDialect.td"

def NN_PoolKind : I32EnumAttr<"PoolKind", "what a pooling window computes",
    [I32EnumAttrCase<"max", 0>, I32EnumAttrCase<"average", 1>, I32EnumAttrCase<"l2", 2>]> {
  let genSpecializedAttr = 0;
  let cppNamespace = "::nncc::nn";
}
def NN_PoolKindAttr : EnumAttr<NN_Dialect, NN_PoolKind, "pool_kind">;

def NN_Pool2DOp : NN_InferredOp<"pool2d"> {
  let summary = "2-D pooling, NHWC";
  let description = [{
    | name   | shape            |
    |--------|------------------|
    | input  | N x H x W x C    |
    | output | N x H' x W' x C  |

    `pads` are [top, left, bottom, right]. `overhang` [h, w] extends the input at the bottom and right by as much as
    rounding up needs (ONNX ceil_mode); it counts as input nowhere. `max` ignores padding; `average` divides by the
    elements inside the input, or inside input and pads (not overhang) with `count_include_pad`.
    H' = (H + top + bottom + overhang - dilation * (KH - 1) - 1) / stride + 1. ONNX MaxPool, AveragePool, LpPool (p = 2).

    ```mlir
    %y = nn.pool2d max %x kernel [3, 3] strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] overhang [0, 0] : tensor<1x9x7x5xf32> -> tensor<1x5x4x5xf32>
    ```
  }];
  let arguments = (ins NN_PoolKindAttr:$kind, NN_Tensor:$input, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$overhang,
                       UnitAttr:$count_include_pad);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $kind $input `kernel` $kernel `strides` $strides `pads` $pads `dilations` $dilations `overhang` $overhang
    (`count_include_pad` $count_include_pad^)? attr-dict `:` type($input) `->` type($output)
  }];
}
#endif
