// The unit of everything a user sees: the kernel, where its operands lie, and its launch.
#ifndef NNCC_DIALECTS_NN_KERNEL_TD
#define NNCC_DIALECTS_NN_KERNEL_TD
include "dialects/nn/NNAttributes.td"
include "dialects/nn/NNDialect.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"

def NN_KernelOp : NN_Op<"kernel", [IsolatedFromAbove, AttrSizedOperandSegments, SingleBlock,
                                   DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "a root op with its prologue and epilogue, run as one piece of code";
  let description = [{
    The region says what is computed, on tensors: one block argument per input, `nn.yield` at the end. The operands say
    where: tensors before memory is planned (N2), memrefs of the arena, the weights or the caller after (P); then
    `outs` has one memref per yielded value, and the op has no results. Memrefs are signless, and `i1` takes a byte.

    Discardable attributes: `nn.packings` has a `#nn.packing` (or `unit`) for each input; a packed constant is placed as
    so many bytes as the recipe's first number says. `nn.scratch_bytes` asks for a scratch buffer in the arena.

    ```mlir
    %y = nn.kernel "k000_conv1" ins(%x, %w : tensor<1x8x8x3xf32>, tensor<4x3x3x3xf32>) {
    ^bb0(%a: tensor<1x8x8x3xf32>, %b: tensor<4x3x3x3xf32>):
      %0 = nn.conv2d %a, %b strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : tensor<1x8x8x3xf32>, tensor<4x3x3x3xf32> -> tensor<1x6x6x4xf32>
      nn.yield %0 : tensor<1x6x6x4xf32>
    } -> tensor<1x6x6x4xf32> attributes {device = "cpu0", nodes = ["conv1"]}
    ```
  }];
  let arguments = (ins StrAttr:$name, Variadic<NN_Value>:$inputs, Variadic<NN_MemRef>:$outputs, Optional<NN_MemRef>:$scratch,
                       OptionalAttr<StrAttr>:$device, OptionalAttr<StrArrayAttr>:$nodes);
  let results = (outs Variadic<NN_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $name `ins` `(` ($inputs^ `:` type($inputs))? `)` (`outs` `(` $outputs^ `:` type($outputs) `)`)?
    (`scratch` `(` $scratch^ `:` type($scratch) `)`)? $body (`->` type($results)^)? attr-dict-with-keyword
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// True from stage P on: operands are memrefs, results are written to `outs`.
    bool isPlanned() { return !getOutputs().empty(); }
    /// The op that the kernel is made around: a contraction, reduction, ... or the last elementwise op.
    mlir::Operation *getRoot();
    /// The values that the body yields.
    mlir::OperandRange getYielded();
  }];
}

def NN_YieldOp : NN_Op<"yield", [Pure, Terminator, ReturnLike, ParentOneOf<["KernelOp"]>]> {
  let summary = "ends the body of a kernel";
  let arguments = (ins Variadic<NN_Tensor>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}

def NN_PlaceOp : NN_Op<"place", [Pure]> {
  let summary = "a tensor's place in the arena, the weights or the caller's memory";
  let description = [{
    The result begins `byte_offset` bytes after the base. In the weights, `value` is what lies there, laid out by
    `packing` (row-major without).

    ```mlir
    %0 = nn.place %arena at 4096 : memref<65536xi8> to memref<1x6x6x4xf32>
    ```
  }];
  let arguments = (ins NN_MemRef:$base, I64Attr:$byte_offset, OptionalAttr<ElementsAttr>:$value,
                       OptionalAttr<NN_PackingAttr>:$packing);
  let results = (outs NN_MemRef:$output);
  let assemblyFormat = "$base `at` $byte_offset (`value` $value^)? (`packing` $packing^)? attr-dict `:` type($base) `to` type($output)";
}

def NN_LaunchOp : NN_Op<"launch", [DeclareOpInterfaceMethods<SymbolUserOpInterface>, MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "runs an outlined kernel";
  let description = [{
    Operands are the kernel's inputs, outputs and scratch in that order. A function with `nn.work` takes two numbers
    more, the range of its work that is to be done; a launch means all of it. A kernel for a GPU is launched `on` a
    function of that device's module, too, once there is one: `callee` is its code for the CPU.

    ```mlir
    nn.launch @k000_conv1(%x, %w, %y) {name = "k000_conv1"} : memref<1x8x8x3xf32>, memref<4x3x3x3xf32>, memref<1x6x6x4xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, OptionalAttr<SymbolRefAttr>:$device_callee, Variadic<NN_MemRef>:$operands_, StrAttr:$name);
  let assemblyFormat = "$callee (`on` $device_callee^)? `(` $operands_ `)` attr-dict `:` type($operands_)";
}
#endif
