// The nn dialect: everything that code working on it includes.
#ifndef NNCC_DIALECTS_NN_NN_H
#define NNCC_DIALECTS_NN_NN_H
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/nn/IndexEnums.h.inc"
#include "dialects/nn/NNDialect.h.inc"
#include "dialects/nn/PoolEnums.h.inc"
#include "dialects/nn/ReduceEnums.h.inc"
#include "dialects/nn/ResampleEnums.h.inc"
#include "dialects/nn/SliceEnums.h.inc"

namespace nncc::nn {
enum class UnaryKind : uint32_t;  ///< dialects/nn/UnaryKind.h has the rows
enum class BinaryKind : uint32_t; ///< dialects/nn/BinaryKind.h has the rows
class Evaluation;                 ///< dialects/nn/Evaluate.h

/// See NN_Elementwise.
template <typename ConcreteOp>
class ElementwiseFunction : public mlir::OpTrait::TraitBase<ConcreteOp, ElementwiseFunction> {};
} // namespace nncc::nn

#include "dialects/nn/NNInterfaces.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/nn/NNAttributes.h.inc"
#define GET_OP_CLASSES
#include "dialects/nn/NNOps.h.inc"

namespace nncc::nn {
/// The shape that ranks and dims broadcast to (one rank; dims equal or 1), or failure.
mlir::FailureOr<llvm::SmallVector<int64_t>> broadcastShapes(llvm::ArrayRef<int64_t> a, llvm::ArrayRef<int64_t> b);

/// Output size of a window that slides over `size` elements: floor((size + pads - dilation*(kernel-1) - 1) / stride)
/// + 1. error   a window larger than the padded input, or a stride below 1: failure
mlir::FailureOr<int64_t> windowOutputSize(int64_t size, int64_t padBefore, int64_t padAfter, int64_t kernel,
                                          int64_t dilation, int64_t stride);

/// The ElementsAttr of a value that is an `nn.constant`, or null.
mlir::ElementsAttr getConstantValue(mlir::Value value);

/// The element type of sums of products: `i32` for operands of 8 bits, the operands' own for all others.
mlir::Type sumType(mlir::Type element);

/// One output element reads one element of each operand: see NN_Elementwise.
bool isElementwise(mlir::Operation *op);
} // namespace nncc::nn
#endif
