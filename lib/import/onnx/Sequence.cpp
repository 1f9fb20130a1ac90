// Sequences and optionals: their tensors are known one by one, so nothing of them is left when the import ends.
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/ModelFile.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {
namespace {

/// More tensors than this in one sequence make more code than anybody wants.
constexpr int64_t kMaxParts = 1024;

/// A position in a sequence of `size`, counted from the end when it is negative.
///
/// input   absent: `byDefault`
std::optional<int64_t> position(Node &node, size_t input, int64_t size, int64_t byDefault) {
  if (!node.hasInput(input))
    return byDefault;
  auto at = node.integerOf(input, "position");
  if (!at)
    return std::nullopt;
  if (*at >= -size && *at < size)
    return *at < 0 ? *at + size : *at;
  node.error("position " + Twine(*at) + " is out of range for a sequence of " + Twine(size));
  return std::nullopt;
}

void importSequenceEmpty(Node &node) {
  node.ignore({"dtype"}); // what is put into it has a type
  node.set(0, Item{{}, Sequence()});
}

void importSequenceConstruct(Node &node) {
  Sequence made;
  for (size_t i = 0; i < node.inputCount(); ++i)
    made.parts.push_back(node.input(i));
  node.set(0, Item{{}, made});
}

void importSequenceLength(Node &node) {
  if (const Sequence *from = node.sequence(0))
    node.set(0, node.constant({(int64_t)from->parts.size()}, {}, node.builder.getI64Type()));
}

void importSequenceAt(Node &node) {
  const Sequence *from = node.sequence(0);
  if (!from)
    return;
  if (auto at = position(node, 1, from->parts.size(), 0))
    node.set(0, from->parts[*at]);
}

void importSequenceInsert(Node &node) {
  const Sequence *from = node.sequence(0);
  Value part = node.input(1);
  if (!from || !part)
    return;
  Sequence made = *from;
  int64_t size = made.parts.size(), at = size;
  if (node.hasInput(2)) {
    auto given = node.integerOf(2, "position");
    if (!given)
      return;
    at = *given < 0 ? *given + size : *given;
    if (at < 0 || at > size)
      return node.error("position " + Twine(*given) + " is out of range for a sequence of " + Twine(size));
  }
  if (size >= kMaxParts)
    return node.error("makes a sequence of more than " + Twine(kMaxParts) + " tensors");
  made.parts.insert(made.parts.begin() + at, part);
  node.set(0, Item{{}, made});
}

void importSequenceErase(Node &node) {
  const Sequence *from = node.sequence(0);
  if (!from)
    return;
  Sequence made = *from;
  auto at = position(node, 1, made.parts.size(), (int64_t)made.parts.size() - 1);
  if (at && *at < 0)
    return node.error("erases from an empty sequence");
  if (!at)
    return;
  made.parts.erase(made.parts.begin() + *at);
  node.set(0, Item{{}, made});
}

/// The sizes of the parts that a dim is split into: a list, pieces of one size with a smaller last, or single rows.
std::optional<SmallVector<int64_t>> splitSizes(Node &node, int64_t dim) {
  SmallVector<int64_t> sizes(node.hasInput(1) ? 0 : std::min(dim, kMaxParts + 1), 1);
  if (node.hasInput(1)) {
    auto given = node.integersOf(1, "split");
    if (!given)
      return std::nullopt;
    bool isOne = node.rank(1) == 0;
    if (isOne && ((*given)[0] < 1 || dim / (*given)[0] > kMaxParts)) {
      node.error("split " + Twine((*given)[0]) + " is out of range for a dim of " + Twine(dim));
      return std::nullopt;
    }
    for (int64_t at = 0; isOne && at < dim; at += (*given)[0])
      sizes.push_back(std::min((*given)[0], dim - at));
    if (!isOne)
      sizes = *given;
  }
  int64_t left = dim;
  for (int64_t size : sizes)
    left = size < 0 || size > left ? -1 : left - size;
  if (left != 0 || (int64_t)sizes.size() > kMaxParts) {
    node.error("split " + describeShape(ArrayRef(sizes).take_front(8)) + " does not fit a dim of " + Twine(dim));
    return std::nullopt;
  }
  return sizes;
}

void importSplitToSequence(Node &node) {
  int64_t raw = node.integer("axis", 0);
  bool keepDims = node.flag("keepdims", true) || node.hasInput(1);
  if (!node.input(0) || !node.requireRank(0, 1, kMaxRank))
    return;
  Value x = node.input(0);
  int64_t axis = node.axis(raw, rankOf(x));
  auto sizes = node.failed() ? std::nullopt : splitSizes(node, shapeOf(x)[axis]);
  if (!sizes)
    return;
  Sequence made;
  int64_t at = 0;
  for (int64_t size : *sizes) {
    Value part = node.slice(x, axis, at, size);
    SmallVector<int64_t> shape(part ? shapeOf(part) : ArrayRef<int64_t>());
    if (!keepDims && part)
      shape.erase(shape.begin() + axis);
    made.parts.push_back(part ? node.reshape(part, shape) : part);
    at += size;
  }
  if (!node.failed())
    node.set(0, Item{{}, made});
}

void importConcatFromSequence(Node &node) {
  int64_t raw = node.requiredInteger("axis");
  bool isNewAxis = node.flag("new_axis", false);
  const Sequence *from = node.sequence(0);
  if (!from)
    return;
  if (from->parts.empty())
    return node.error("joins an empty sequence, whose type and shape are not known");
  SmallVector<Value> parts;
  int64_t rank = rankOf(from->parts[0]), axis = node.axis(raw, rank + isNewAxis);
  for (Value part : from->parts) {
    if (rankOf(part) != rank || elementOf(part) != elementOf(from->parts[0]))
      return node.error("joins " + describeShape(shapeOf(from->parts[0])) + " of " + nameOf(elementOf(from->parts[0])) +
                        " and " + describeShape(shapeOf(part)) + " of " + nameOf(elementOf(part)));
    SmallVector<int64_t> shape(shapeOf(part));
    if (isNewAxis && !node.failed())
      shape.insert(shape.begin() + axis, 1);
    parts.push_back(node.reshape(part, shape));
  }
  if (!node.failed())
    node.set(0, node.concat(parts, axis));
}

//===-- Optionals ---------------------------------------------------------===//

/// A value stands for itself; without an input there is none.
void importOptional(Node &node) {
  node.ignore({"type"});
  if (node.hasInput(0))
    return node.set(0, node.item(0));
  Sequence none;
  none.isAbsent = true;
  node.set(0, Item{{}, none});
}

bool isAbsent(Node &node) {
  Item item = node.item(0);
  return !node.hasInput(0) || (item.sequence && item.sequence->isAbsent);
}

void importOptionalHasElement(Node &node) {
  node.set(0, node.constant({!isAbsent(node)}, {}, node.builder.getI1Type()));
}

void importOptionalGetElement(Node &node) {
  if (isAbsent(node))
    return node.error("the optional has no value");
  node.set(0, node.item(0));
}

const OpEntry kOps[] = {
    {"SequenceEmpty", 0, 0, importSequenceEmpty},
    {"SequenceConstruct", 1, kAny, importSequenceConstruct},
    {"SequenceLength", 1, 1, importSequenceLength},
    {"SequenceAt", 2, 2, importSequenceAt},
    {"SequenceInsert", 2, 3, importSequenceInsert},
    {"SequenceErase", 1, 2, importSequenceErase},
    {"SplitToSequence", 1, 2, importSplitToSequence},
    {"ConcatFromSequence", 1, 1, importConcatFromSequence},
    {"Optional", 0, 1, importOptional},
    {"OptionalHasElement", 0, 1, importOptionalHasElement},
    {"OptionalGetElement", 1, 1, importOptionalGetElement},
};
} // namespace

ArrayRef<OpEntry> sequenceOps() { return kOps; }

} // namespace nncc::import
