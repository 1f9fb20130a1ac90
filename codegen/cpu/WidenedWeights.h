// Packed weights of few bits become floats in memory that a micro-kernel reads as a panel.
#ifndef NNCC_CODEGEN_CPU_WIDENEDWEIGHTS_H
#define NNCC_CODEGEN_CPU_WIDENEDWEIGHTS_H
#include "codegen/cpu/TileCode.h"

namespace nncc::cpu {

/// Writes code that widens a part of a panel.
class PanelWidening {
public:
  /// weights  [depth] rows of a panel, as `shape.widened` says
  /// scales   [blocks][width], zeros [blocks][width], of the types that `shape.widened` says; null where there are none
  PanelWidening(Code &code, ScalarMath &math, const TileShape &shape, mlir::Value weights, mlir::Value scales,
                mlir::Value zeros)
      : code(code), math(math), shape(shape), weights(weights), scales(scales), zeros(zeros) {}

  using Vectors = llvm::SmallVector<mlir::Value>;

  /// Rows [k, k + count) as [count][width] f32; `k` is a multiple of the chunk, `count` is at most that.
  void run(mlir::Value k, mlir::Value count, mlir::Value to);

  /// Rows of one block are multiplied in registers, and their sums scaled: for so few rows of A that a panel is read
  /// once. `factors` are what the sums of each vector are multiplied by; empty: they are what they are.
  struct Block {
    Vectors zeros, factors;
  };
  Block blockAt(mlir::Value k);
  /// The vectors of row k of a block, not multiplied by its factors.
  Vectors unscaled(const Block &block, mlir::Value k);
  /// Fetches what comes 2 KB behind row k.
  void prefetch(mlir::Value k);

private:
  Code &code;
  ScalarMath &math;
  const TileShape &shape;
  mlir::Value weights, scales, zeros;

  mlir::Type f32() { return code.b.getF32Type(); }
  mlir::Type stored() { return memoryType(shape.widened->element); }
  mlir::VectorType vectorOf(mlir::Type element) { return mlir::VectorType::get(shape.lanes, element); }
  mlir::Value extended(mlir::Value integers);
  Vectors rowOf(mlir::Value blocks, mlir::Value block, mlir::Type element);
  Vectors integersAt(mlir::Value row, bool inPlace);
  bool isInPlace() const { return shape.widened->bits == 4 && !shape.widened->element.isUnsignedInteger() && !zeros; }
  mlir::Value splat(float value) {
    return code.broadcast(mlir::arith::ConstantOp::create(code.b, code.b.getF32FloatAttr(value)), vectorOf(f32()));
  }
  Block parametersAt(mlir::Value k);
  Vectors floatsAt(const Block &block, mlir::Value k, bool inPlace);
  void block(mlir::Value k, mlir::Value count, mlir::Value to);
};

} // namespace nncc::cpu
#endif
