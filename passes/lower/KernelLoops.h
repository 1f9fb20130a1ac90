// A kernel as the lowering of its root sees it: where operands lie, what happens to the root's result.
// Each op family has a file with its loops (Reduce.cpp, Index.cpp ...); LowerToLoops.cpp calls them.
#ifndef NNCC_PASSES_LOWER_KERNELLOOPS_H
#define NNCC_PASSES_LOWER_KERNELLOOPS_H
#include "passes/lower/LoopBuilder.h"

namespace nncc {

class KernelLoops {
public:
  KernelLoops(LoopBuilder &build, nn::KernelOp kernel, nn::MachineAttr machine);

  LoopBuilder &build;
  nn::KernelOp kernel;
  mlir::Operation *root;
  nn::MachineAttr machine;

  static mlir::RankedTensorType typeOf(mlir::Value value) {
    return mlir::cast<mlir::RankedTensorType>(value.getType());
  }
  static mlir::Type elementOf(mlir::Value value) { return typeOf(value).getElementType(); }

  /// The memory of an operand of the root: a kernel input, or the table of a constant in the body.
  mlir::Value memory(mlir::Value operand);
  /// An access to an operand of the root that moves dim d with loop loopOfDim[d]; dims of size 1 do not move.
  Access input(mlir::Value operand, llvm::ArrayRef<int> loopOfDim, size_t loops);
  /// The same for result `number` of the kernel.
  Access output(unsigned number, llvm::ArrayRef<int> loopOfDim, size_t loops);

  /// True for an elementwise op behind the root; a root that widens what it reads has one in front of it.
  bool isEpilogue(mlir::Operation *op);
  /// Adds to the nest the kernel's result, and what the epilogue reads; loopOfDim belongs to the root's result.
  void addResult(Nest &nest, llvm::ArrayRef<int> loopOfDim);
  /// Stores the root's value at the cursor, after the elementwise ops that follow the root.
  void finish(const Nest &nest, const Cursor &cursor, mlir::Value value);

  /// How many elements of the widest type of the body (at least 8 bits) a vector register holds; at least 4.
  int64_t lanes();
  /// How many elements of one type a vector register holds; at least 4.
  int64_t lanes(mlir::Type element);

  /// Index number `value` (from memory, integer) into a dim of `size` elements: negative ones count from the end,
  /// others outside are clamped.
  mlir::Value wrapIndex(mlir::Value value, int64_t size);

private:
  size_t resultAccess = 0;
  llvm::DenseMap<mlir::Value, size_t> epilogueAccess;
};

/// Dims 0, 1, ... rank - 1 moved by loops of the same number.
llvm::SmallVector<int> sameLoops(size_t rank);

/// Write the loops of one kernel with such a root. All fail without a trace on what they cannot do.
mlir::LogicalResult lowerReduce(KernelLoops &loops, nn::ReduceOp op);
mlir::LogicalResult lowerArgReduce(KernelLoops &loops, nn::ArgReduceOp op);
mlir::LogicalResult lowerSoftmax(KernelLoops &loops, nn::SoftmaxOp op);
mlir::LogicalResult lowerCumSum(KernelLoops &loops, nn::CumSumOp op);
mlir::LogicalResult lowerLayerNorm(KernelLoops &loops, nn::LayerNormOp op);
mlir::LogicalResult lowerMatMul(KernelLoops &loops, nn::MatMulOp op);
mlir::LogicalResult lowerMatMulWidened(KernelLoops &loops, nn::MatMulWidenedOp op);
mlir::LogicalResult lowerConv2D(KernelLoops &loops, nn::Conv2DOp op);
mlir::LogicalResult lowerConvTranspose2D(KernelLoops &loops, nn::ConvTranspose2DOp op);
mlir::LogicalResult lowerPool2D(KernelLoops &loops, nn::Pool2DOp op);
mlir::LogicalResult lowerGather(KernelLoops &loops, nn::GatherOp op);
mlir::LogicalResult lowerGatherElements(KernelLoops &loops, nn::GatherElementsOp op);
mlir::LogicalResult lowerGatherND(KernelLoops &loops, nn::GatherNDOp op);
mlir::LogicalResult lowerScatterElements(KernelLoops &loops, nn::ScatterElementsOp op);
mlir::LogicalResult lowerScatterND(KernelLoops &loops, nn::ScatterNDOp op);
mlir::LogicalResult lowerOneHot(KernelLoops &loops, nn::OneHotOp op);
mlir::LogicalResult lowerTopK(KernelLoops &loops, nn::TopKOp op);
mlir::LogicalResult lowerResize(KernelLoops &loops, nn::ResizeOp op);
mlir::LogicalResult lowerRoiAlign(KernelLoops &loops, nn::RoiAlignOp op);

} // namespace nncc
#endif
