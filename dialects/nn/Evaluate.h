// Evaluation of ops on constants: what `Evaluated::evaluate` of every family gets and shares.
#ifndef NNCC_DIALECTS_NN_EVALUATE_H
#define NNCC_DIALECTS_NN_EVALUATE_H
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/NN.h"
#include <array>
#include <type_traits>

namespace nncc::nn {

/// What the evaluation of an op may cost; what is beyond is not evaluated. Splats cost nothing.
struct EvaluationLimits {
  int64_t floats = INT64_MAX, integers = INT64_MAX; ///< elements of each operand and result, by element type
  int64_t growth = INT64_MAX;                       ///< bytes that a result may have more than all operands
};

/// The value of an op whose operands are all `nn.constant`s; null for any other, for one that has no meaning on them
/// (see `Evaluated`), and beyond the limits. `name` names the bytes of a new constant.
mlir::ElementsAttr evaluate(mlir::Operation *op, llvm::StringRef name, const EvaluationLimits &limits);

/// What makes larger weights of small ones: nn.dequantize, and nn.cast of matrices of f16 or bf16 to f32. It is left
/// unevaluated until it is clear which ops read their weights as they are stored.
bool widensWeights(mlir::Operation *op);

/// The operands of an op, and the making of its result.
class Evaluation {
public:
  size_t size() const { return operands.size(); }
  const ConstantReader &operator[](size_t i) const { return operands[i]; }
  bool areAllSplats() const {
    return llvm::all_of(operands, [](const ConstantReader &operand) { return operand.isSplat(); });
  }

  /// A constant of the result's type: `fill` sets every stored element, or returns false where it has no value. Null
  /// then, and for what would be too big.
  mlir::ElementsAttr make(bool isSplat, llvm::function_ref<bool(ConstantBuilder &)> fill) const;
  /// The bytes of an operand as the result.
  mlir::ElementsAttr view(size_t operand) const { return reshapeConstant(operands[operand].getAttr(), type); }
  /// Elements of operand 0, found dim by dim: the sum of `source(d, i)` over the dims d of the result and the position
  /// i in each is an offset in it; where one of them is negative the element is `fill`.
  mlir::ElementsAttr rearrange(llvm::function_ref<int64_t(size_t, int64_t)> source,
                               mlir::TypedAttr fill = mlir::TypedAttr()) const;

private:
  friend mlir::ElementsAttr evaluate(mlir::Operation *, llvm::StringRef, const EvaluationLimits &);
  mlir::RankedTensorType type;
  llvm::SmallVector<ConstantReader> operands;
  llvm::StringRef name;
  int64_t maxBytes = INT64_MAX;
};

//===-- Elements ---------------------------------------------------------===//

/// Calls `body` with a zero of the host type that elements are computed in, halves as float; null for other types.
template <typename Body> mlir::ElementsAttr withComputeType(mlir::Type element, Body body) {
  if (element.isF64())
    return body(double());
  if (mlir::isa<mlir::FloatType>(element))
    return element.getIntOrFloatBitWidth() <= 32 ? body(float()) : mlir::ElementsAttr();
  bool isUnsigned = element.isUnsignedInteger();
  switch (element.getIntOrFloatBitWidth()) {
  case 1:
    return body(bool());
  case 8:
    return isUnsigned ? body(uint8_t()) : body(int8_t());
  case 16:
    return isUnsigned ? body(uint16_t()) : body(int16_t());
  case 32:
    return isUnsigned ? body(uint32_t()) : body(int32_t());
  case 64:
    return isUnsigned ? body(uint64_t()) : body(int64_t());
  default:
    return {};
  }
}

/// The element that begins at `bytes`, in its compute type.
template <typename T> T loadFrom(const char *bytes, mlir::Type element) {
  if constexpr (std::is_same_v<T, bool>)
    return *bytes != 0;
  if constexpr (std::is_same_v<T, float>)
    if (!element.isF32())
      return (float)readFloat(bytes, mlir::cast<mlir::FloatType>(element));
  T value;
  __builtin_memcpy(&value, bytes, sizeof(T));
  return value;
}
template <typename T> T load(const ConstantReader &from, int64_t index) {
  return loadFrom<T>(from.at(index), from.getElementType());
}

/// Stores a number of the compute type: a half is rounded.
template <typename T> void store(ConstantBuilder &to, int64_t index, T value) {
  if constexpr (std::is_same_v<T, bool>)
    to.set<uint8_t>(index, value);
  else if constexpr (std::is_same_v<T, float>)
    to.getElementType().isF32() ? to.set<float>(index, value) : to.setFloat(index, value);
  else
    to.set<T>(index, value);
}

// Arithmetic as it runs: integers wrap, booleans are one bit, NaN propagates through minima and maxima.
template <typename T> T sumOf(T x, T y) {
  if constexpr (std::is_floating_point_v<T>)
    return x + y;
  else if constexpr (std::is_same_v<T, bool>)
    return x != y;
  else
    return (T)((uint64_t)x + (uint64_t)y);
}
template <typename T> T productOf(T x, T y) {
  if constexpr (std::is_floating_point_v<T>)
    return x * y;
  else
    return (T)((uint64_t)x * (uint64_t)y);
}
template <typename T> T minimumOf(T x, T y) { return x != x || x < y ? x : y; }
template <typename T> T maximumOf(T x, T y) { return x != x || x > y ? x : y; }

/// x / y toward zero; x by 0 is x, and the least number by -1 itself: nothing may stop a program.
template <typename T> T quotientOf(T x, T y) {
  if constexpr (std::is_floating_point_v<T>)
    return x / y;
  else if constexpr (std::is_unsigned_v<T>)
    return y == 0 ? x : (T)(x / y);
  else
    return y == 0 ? x : y == -1 ? (T)(0 - (uint64_t)x) : (T)(x / y);
}

//===-- Walking ----------------------------------------------------------===//

/// Elements between neighbours of each dim, row-major.
llvm::SmallVector<int64_t> rowMajorStrides(llvm::ArrayRef<int64_t> shape);
/// The same, 0 where a dim has one element: what reads a tensor as if it had been broadcast.
llvm::SmallVector<int64_t> broadcastStrides(llvm::ArrayRef<int64_t> shape);

/// Calls `visit(at)` for every index of `shape` in row-major order, with the offsets that N lists of strides give it.
template <size_t N, typename Visit>
void forEach(llvm::ArrayRef<int64_t> shape, std::array<llvm::ArrayRef<int64_t>, N> strides, Visit &&visit,
             std::array<int64_t, N> at = {}) {
  if (shape.empty())
    return visit(at);
  for (int64_t i = 0; i < shape[0]; ++i) {
    if (shape.size() == 1) {
      visit(at);
    } else {
      std::array<llvm::ArrayRef<int64_t>, N> inner;
      for (size_t n = 0; n < N; ++n)
        inner[n] = strides[n].drop_front();
      forEach<N>(shape.drop_front(), inner, visit, at);
    }
    for (size_t n = 0; n < N; ++n)
      at[n] += strides[n][0];
  }
}

} // namespace nncc::nn
#endif
