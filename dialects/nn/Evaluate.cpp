// The entry of evaluation, and what families share; see Evaluate.h.
#include "dialects/nn/Evaluate.h"
#include <cstring>

using namespace mlir;

namespace nncc::nn {

SmallVector<int64_t> rowMajorStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t i = (int64_t)shape.size() - 2; i >= 0; --i)
    strides[i] = strides[i + 1] * shape[i + 1];
  return strides;
}

SmallVector<int64_t> broadcastStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides = rowMajorStrides(shape);
  for (auto [dim, stride] : llvm::zip(shape, strides))
    stride = dim == 1 ? 0 : stride;
  return strides;
}

ElementsAttr Evaluation::make(bool isSplat, function_ref<bool(ConstantBuilder &)> fill) const {
  if (type.getNumElements() == 0)
    return ConstantBuilder(type).finish(name);
  if (!isSplat && constantBytes(type) > maxBytes)
    return {};
  ConstantBuilder to(type, isSplat);
  return fill(to) ? to.finish(name) : ElementsAttr();
}

/// A copy of one element, without a call for the sizes that there are.
static void copyElement(char *to, const char *from, int64_t bytes) {
  switch (bytes) {
  case 1:
    return (void)std::memcpy(to, from, 1);
  case 2:
    return (void)std::memcpy(to, from, 2);
  case 4:
    return (void)std::memcpy(to, from, 4);
  case 8:
    return (void)std::memcpy(to, from, 8);
  default:
    std::memcpy(to, from, bytes);
  }
}

/// Copies what a row of the result reads: runs of neighbours at once.
static void copyRow(ConstantBuilder &to, int64_t at, const ConstantReader &from, int64_t base, ArrayRef<int64_t> row) {
  int64_t bytes = constantElementBytes(to.getElementType());
  for (size_t i = 0, end; i < row.size(); i = end) {
    if (row[i] < 0) {
      end = i + 1;
      continue;
    }
    for (end = i + 1; end < row.size() && row[end] == row[end - 1] + 1 && !from.isSplat();)
      ++end;
    if (end == i + 1)
      copyElement(to.at(at + i), from.at(base + row[i]), bytes);
    else
      std::memcpy(to.at(at + i), from.at(base + row[i]), (end - i) * bytes);
  }
}

ElementsAttr Evaluation::rearrange(function_ref<int64_t(size_t, int64_t)> source, TypedAttr fill) const {
  const ConstantReader &from = operands[0];
  // One element, for the padding to be copied from.
  auto filling = fill ? ConstantReader::get(DenseElementsAttr::get(RankedTensorType::get({}, fill.getType()), fill))
                      : std::nullopt;
  int64_t bytes = constantElementBytes(from.getElementType());
  bool isSplat = from.isSplat() && (!filling || std::memcmp(filling->at(0), from.at(0), bytes) == 0);
  return make(isSplat, [&](ConstantBuilder &to) {
    if (isSplat)
      return std::memcpy(to.at(0), from.at(0), bytes), true;
    if (filling)
      for (int64_t i = 0, end = to.getStoredCount(); i < end; ++i)
        copyElement(to.at(i), filling->at(0), bytes);
    SmallVector<SmallVector<int64_t>> sources(std::max<int64_t>(type.getRank(), 1));
    if (type.getRank() == 0)
      sources[0].push_back(0);
    for (auto [d, size] : llvm::enumerate(type.getShape()))
      for (int64_t i = 0; i < size; ++i)
        sources[d].push_back(source(d, i));
    int64_t at = 0;
    auto walk = [&](auto &walk, size_t dim, int64_t base) -> void {
      if (dim + 1 < sources.size()) {
        for (int64_t offset : sources[dim])
          walk(walk, dim + 1, offset < 0 || base < 0 ? -1 : base + offset);
        return;
      }
      if (base >= 0)
        copyRow(to, at, from, base, sources.back());
      at += sources.back().size();
    };
    walk(walk, 0, 0);
    return true;
  });
}

ElementsAttr evaluate(Operation *op, StringRef name, const EvaluationLimits &limits) {
  auto evaluated = dyn_cast<Evaluated>(op);
  if (!evaluated || op->getNumResults() != 1 || op->getNumOperands() == 0)
    return {};
  auto limitOf = [&](Type element) { return isa<FloatType>(element) ? limits.floats : limits.integers; };
  Evaluation evaluation;
  evaluation.type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  evaluation.name = name;
  if (!evaluation.type || !evaluation.type.hasStaticShape())
    return {};
  int64_t operandBytes = 0;
  for (Value operand : op->getOperands()) {
    if (!getConstantValue(operand))
      return {};
    auto type = cast<RankedTensorType>(operand.getType());
    // Asked before the reader unpacks booleans.
    if (!isa<SplatElementsAttr>(getConstantValue(operand)) && type.getNumElements() > limitOf(type.getElementType()))
      return {};
    auto reader = ConstantReader::get(operand);
    if (!reader)
      return {};
    operandBytes += reader->getBytes().size();
    evaluation.operands.push_back(std::move(*reader));
  }
  Type element = evaluation.type.getElementType();
  int64_t most = limitOf(element), bytes = constantElementBytes(element);
  evaluation.maxBytes = std::min(most > INT64_MAX / bytes ? INT64_MAX : most * bytes,
                                 limits.growth > INT64_MAX - operandBytes ? INT64_MAX : operandBytes + limits.growth);
  return evaluated.evaluate(evaluation);
}

bool widensWeights(Operation *op) {
  if (isa<DequantizeOp>(op))
    return true;
  auto widening = dyn_cast<CastOp>(op);
  if (!widening)
    return false;
  constexpr int64_t least = 64; // fewer are hardly weights
  auto from = cast<RankedTensorType>(widening.getInput().getType());
  Type half = from.getElementType(), to = cast<RankedTensorType>(widening.getOutput().getType()).getElementType();
  return from.getRank() >= 2 && from.getNumElements() >= least && to.isF32() && (half.isF16() || half.isBF16());
}

} // namespace nncc::nn
