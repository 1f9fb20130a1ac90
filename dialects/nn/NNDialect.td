// The nn dialect: its name, its tensor types and the base class of its ops.
#ifndef NNCC_DIALECTS_NN_NNDIALECT_TD
#define NNCC_DIALECTS_NN_NNDIALECT_TD
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/nn/NNInterfaces.td"

def NN_Dialect : Dialect {
  let name = "nn";
  let cppNamespace = "::nncc::nn";
  let summary = "A neural network with static shapes and one opset's meaning";
  let description = [{
    What a model is between import and code generation. Shapes are static, element types are signless integers
    (signed meaning), `ui` integers (unsigned), floats, and `i1` for booleans. Image ops are NHWC. Elementwise ops
    broadcast: operands have one rank, and every dim is either equal or 1.

    Stages: N1 (ops on tensors), N2 (`nn.kernel` on tensors), P (`nn.kernel` on memrefs placed in one arena).

    Discardable attributes: `nn.tensor` names the ONNX tensor whose values a result has, `nn.perm` says that result
    dim `i` is dim `perm[i]` of it; `nn.name` on arguments and results of `@main` is the ONNX name;
    `nn.machines` on the module maps device names to `#nn.machine`.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
}

def NN_Tensor : AnyTypeOf<[StaticShapeTensorOf<[AnyFloat, AnyInteger]>], "tensor of static shape", "::mlir::RankedTensorType">;
def NN_FloatTensor : AnyTypeOf<[StaticShapeTensorOf<[AnyFloat]>], "float tensor of static shape", "::mlir::RankedTensorType">;
def NN_BoolTensor : AnyTypeOf<[StaticShapeTensorOf<[I1]>], "tensor of booleans", "::mlir::RankedTensorType">;
def NN_IndexTensor : AnyTypeOf<[StaticShapeTensorOf<[I32, I64]>], "tensor of i32 or i64 indices", "::mlir::RankedTensorType">;
def NN_ByteTensor : AnyTypeOf<[StaticShapeTensorOf<[I8, UI8]>], "tensor of integers of 8 bits", "::mlir::RankedTensorType">;
def NN_QuantizedTensor : AnyTypeOf<[StaticShapeTensorOf<[I8, UI8, I16, UI16]>], "tensor of integers of 8 or 16 bits", "::mlir::RankedTensorType">;
def NN_F32Tensor : AnyTypeOf<[StaticShapeTensorOf<[F32]>], "f32 tensor of static shape", "::mlir::RankedTensorType">;
def NN_I32Tensor : AnyTypeOf<[StaticShapeTensorOf<[I32]>], "i32 tensor of static shape", "::mlir::RankedTensorType">;
def NN_MemRef : AnyTypeOf<[StaticShapeMemRefOf<[AnyFloat, AnyInteger]>], "memref of static shape", "::mlir::MemRefType">;
def NN_Value : AnyTypeOf<[NN_Tensor, NN_MemRef]>;

/// A number for elements of any type, exact for each: an f64, or the bits of an integer of 64 bits. `numberAs` of
/// ConstantData.h makes an element of it.
def NN_NumberAttr : Attr<Or<[F64Attr.predicate, I64Attr.predicate]>, "f64 or 64-bit integer"> {
  let storageType = "::mlir::TypedAttr";
  let returnType = "::mlir::TypedAttr";
  let convertFromStorage = "$_self";
  let constBuilderCall = "::mlir::TypedAttr($_builder.getF64FloatAttr($0))";
}

/// One element of the result reads one element of each operand, which broadcast; no side effects. What knows such ops
/// by the trait alone (kernels, epilogues, loops, layouts) takes a new one as it is.
def NN_Elementwise : NativeOpTrait<"ElementwiseFunction"> {
  let cppNamespace = "::nncc::nn";
}

def NN_DeclareEvaluated : DeclareOpInterfaceMethods<NN_Evaluated>;

class NN_Op<string mnemonic, list<Trait> traits = []> : Op<NN_Dialect, mnemonic, traits>;

/// An op without effects whose result type follows from its operands and attributes.
class NN_InferredOp<string mnemonic, list<Trait> traits = []>
    : NN_Op<mnemonic, !listconcat([Pure, InferTypeOpAdaptor], traits)>;
#endif
