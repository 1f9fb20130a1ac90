// Writes L2 code: 64-bit integers, pointers and one-dimensional vectors, with the tails of vectors.
#ifndef NNCC_CODEGEN_CPU_CODE_H
#define NNCC_CODEGEN_CPU_CODE_H
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace nncc::cpu {

/// A builder with short words for what micro-kernels are made of. Offsets count elements.
class Code {
public:
  Code(mlir::Location loc, mlir::OpBuilder &builder, bool maskedStores) : b(loc, builder), maskedStores(maskedStores) {}

  mlir::ImplicitLocOpBuilder b;

  mlir::Type pointer() { return mlir::LLVM::LLVMPointerType::get(b.getContext()); }
  mlir::Value constant(int64_t value) { return mlir::arith::ConstantIntOp::create(b, value, 64); }
  mlir::Value zero(mlir::Type type) { return mlir::arith::ConstantOp::create(b, b.getZeroAttr(type)); }
  mlir::Value add(mlir::Value x, mlir::Value y) { return mlir::arith::AddIOp::create(b, x, y); }
  mlir::Value mul(mlir::Value x, mlir::Value y) { return mlir::arith::MulIOp::create(b, x, y); }
  mlir::Value mul(mlir::Value x, int64_t y) { return y == 1 ? x : mul(x, constant(y)); }

  /// Where a memref begins; one that was made of a pointer begins there.
  mlir::Value pointerTo(mlir::Value memory);

  /// `base` plus `offset` elements.
  mlir::Value at(mlir::Value base, mlir::Value offset, mlir::Type element);
  mlir::Value at(mlir::Value base, int64_t offset, mlir::Type element);

  /// The same address, of which LLVM no longer knows how it was made: it keeps its own register.
  ///
  /// staysInPlace  it is made anew where it is written, so that no load through it moves out of a loop
  mlir::Value opaque(mlir::Value address, bool staysInPlace = false);

  /// Loads `type`, a scalar or a vector, aligned as its elements are.
  mlir::Value load(mlir::Value address, mlir::Type type);
  /// Two to four vectors that follow each other, by an instruction that loads them at once (`run_load` of
  /// `#nn.machine`).
  llvm::SmallVector<mlir::Value> loadRun(llvm::StringRef instruction, mlir::Value address, mlir::VectorType type,
                                         int64_t count);
  void store(mlir::Value value, mlir::Value address);
  /// Brings a cache line into the L2 cache, where the machine can; any address may be given.
  void prefetch(mlir::Value address);
  /// The first `count` elements of a vector, the others are zero; reads nothing beyond them.
  mlir::Value loadPart(mlir::Value address, mlir::VectorType type, int64_t count);
  /// Stores the first `count` elements, writes nothing beyond them.
  void storePart(mlir::Value value, mlir::Value address, int64_t count);

  mlir::Value broadcast(mlir::Value scalar, mlir::VectorType type) {
    return mlir::vector::BroadcastOp::create(b, type, scalar);
  }

  /// What `body` makes of `values` where a condition holds, else these.
  llvm::SmallVector<mlir::Value> when(mlir::Value condition, mlir::ValueRange values,
                                      llvm::function_ref<llvm::SmallVector<mlir::Value>()> body);
  /// for (i = from; i < to; i += step) values = body(i, values); returns the last values.
  llvm::SmallVector<mlir::Value>
  loop(mlir::Value from, mlir::Value to, int64_t step, mlir::ValueRange values,
       llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::ValueRange)> body);

private:
  bool maskedStores;
  mlir::Value mask(mlir::VectorType type, int64_t count);
};

} // namespace nncc::cpu
#endif
