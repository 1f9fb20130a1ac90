// An elementwise kernel that is all that reads a concatenation can read the pieces instead, in a kernel for each: the
// concatenation needs no memory then, and nothing is copied. In a dense block the last concatenation is of that kind;
// without it, the buffer that all pieces share is smaller by the last.
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/Origin.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "passes/memory/MemoryLayout.h"
#include "passes/place/Placed.h"

using namespace mlir;

namespace nncc {

using namespace nn;

namespace {

/// Constants up to this size are cut; scales and shifts of channels are far smaller.
constexpr int64_t kLargestCutConstant = 1 << 20;

/// One axis of tensors that are broadcast against each other, counted from the last dim.
struct Axis {
  int64_t fromLast, size;

  static Axis of(ConcatOp concat) {
    auto type = tensorOf(concat.getOutput());
    int64_t axis = concat.getAxis();
    return {type.getRank() - axis, type.getDimSize(axis)};
  }

  /// The dim of a type that is this axis in full; none where the type is the same for all pieces.
  std::optional<int64_t> dimOf(RankedTensorType type) const {
    int64_t dim = type.getRank() - fromLast;
    if (dim < 0 || type.getDimSize(dim) != size)
      return std::nullopt;
    return dim;
  }

  RankedTensorType cut(RankedTensorType type, int64_t to) const {
    auto dim = dimOf(type);
    if (!dim)
      return type;
    SmallVector<int64_t> shape(type.getShape());
    shape[*dim] = to;
    return RankedTensorType::get(shape, type.getElementType());
  }
};

/// Elements [start, start + type's size) of a constant along a dim.
ElementsAttr cutConstant(const ConstantReader &whole, RankedTensorType type, int64_t dim, int64_t start) {
  ConstantBuilder part(type);
  auto shape = whole.getType().getShape();
  int64_t outer = 1, inner = 1, bytes = elementBytes(type);
  for (int64_t i = 0; i < dim; ++i)
    outer *= shape[i];
  for (int64_t i = dim + 1; i < (int64_t)shape.size(); ++i)
    inner *= shape[i];
  int64_t size = type.getDimSize(dim);
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < size * inner; ++i)
      memcpy(part.at(o * size * inner + i), whole.at((o * shape[dim] + start) * inner + i), bytes);
  return part.finish("cut");
}

/// True when a constant can be cut along the axis, or need not be.
bool isCuttable(Value value, Axis axis) {
  if (!axis.dimOf(tensorOf(value)))
    return true;
  auto reader = ConstantReader::get(value);
  return reader && (int64_t)reader->getBytes().size() <= kLargestCutConstant &&
         tensorOf(value).getElementTypeBitWidth() % 8 == 0;
}

ConcatOp concatOf(Value value) {
  auto kernel = value.getDefiningOp<KernelOp>();
  return kernel ? soleConcat(kernel) : ConcatOp();
}

/// The pieces of a concatenation, those that are a concatenation themselves taken together: the more there are, the
/// more kernels.
SmallVector<Value> largePieces(KernelOp whole) {
  ConcatOp concat = soleConcat(whole);
  auto pieces = [](KernelOp kernel, ConcatOp op) {
    return llvm::map_to_vector(op.getInputs(), [&](Value piece) {
      return Value(kernel.getInputs()[cast<BlockArgument>(piece).getArgNumber()]);
    });
  };
  SmallVector<Value> all = pieces(whole, concat), large;
  for (size_t at = 0; at < all.size();) {
    Value best = all[at];
    size_t taken = 1;
    for (Operation *user : all[at].getUsers()) {
      auto other = dyn_cast<KernelOp>(user);
      ConcatOp part = other ? soleConcat(other) : ConcatOp();
      if (!part || other == whole || part.getAxis() != concat.getAxis() || !other->isBeforeInBlock(whole))
        continue;
      SmallVector<Value> inner = pieces(other, part);
      if (inner.size() > taken && ArrayRef(all).drop_front(at).take_front(inner.size()) == ArrayRef(inner))
        best = other.getResult(0), taken = inner.size();
    }
    large.push_back(best);
    at += taken;
  }
  return large;
}

} // namespace

bool maySplitOverConcat(KernelOp reader) {
  if (reader.getNumResults() != 1 || reader->hasAttr("nn.packings") || reader->hasAttr("nn.scratch_bytes"))
    return false;
  auto input = llvm::find_if(reader.getInputs(), [](Value value) { return concatOf(value) != nullptr; });
  if (input == reader.getInputs().end() || !(*input).hasOneUse())
    return false;
  ConcatOp concat = concatOf(*input);
  Axis axis = Axis::of(concat);
  if (tensorOf(reader.getResult(0)).getShape() != tensorOf(*input).getShape())
    return false;
  for (Value other : reader.getInputs())
    if (other != *input && !isCuttable(other, axis))
      return false;
  return llvm::all_of(reader.getBody().front().without_terminator(), [&](Operation &op) {
    if (auto constant = dyn_cast<ConstantOp>(&op)) {
      auto value = dyn_cast<DenseElementsAttr>(constant.getValue());
      return !axis.dimOf(tensorOf(constant.getOutput())) || (value && value.isSplat());
    }
    return isElementwise(&op);
  });
}

void splitOverConcat(KernelOp reader) {
  Value whole = *llvm::find_if(reader.getInputs(), [](Value value) { return concatOf(value) != nullptr; });
  auto concatKernel = whole.getDefiningOp<KernelOp>();
  Axis axis = Axis::of(concatOf(whole));
  int64_t dim = concatOf(whole).getAxis();
  Location loc = reader.getLoc();
  OpBuilder builder(reader);
  Block &body = reader.getBody().front();

  SmallVector<Value> results;
  int64_t start = 0;
  for (Value piece : largePieces(concatKernel)) {
    int64_t size = tensorOf(piece).getDimSize(dim);
    SmallVector<Value> inputs;
    for (Value input : reader.getInputs()) {
      auto whereToCut = axis.dimOf(tensorOf(input));
      if (input == whole)
        inputs.push_back(piece);
      else if (!whereToCut)
        inputs.push_back(input);
      else
        inputs.push_back(ConstantOp::create(
            builder, input.getLoc(),
            cutConstant(*ConstantReader::get(input), axis.cut(tensorOf(input), size), *whereToCut, start)));
    }
    auto part = KernelOp::create(builder, loc, axis.cut(tensorOf(reader.getResult(0)), size),
                                 (reader.getName() + "_" + Twine(results.size())).str(), inputs, ValueRange(), Value(),
                                 StringAttr(), reader.getNodesAttr());
    placeLike(part, reader);
    if (Attribute placed = reader->getAttr(kPlacedAsAttr))
      part->setAttr(kPlacedAsAttr, placed);
    Block &partBody = part.getBody().emplaceBlock();
    IRMapping mapping;
    for (auto [argument, input] : llvm::zip(body.getArguments(), inputs))
      mapping.map(argument, partBody.addArgument(input.getType(), argument.getLoc()));
    OpBuilder inner = OpBuilder::atBlockEnd(&partBody);
    for (Operation &op : body) {
      Operation *clone = inner.clone(op, mapping);
      for (Value result : clone->getResults()) {
        result.setType(axis.cut(tensorOf(result), size));
        setOrigin(result, {}); // a part of the ONNX tensor
      }
      if (auto constant = dyn_cast<ConstantOp>(clone))
        if (auto value = dyn_cast<DenseElementsAttr>(constant.getValue()); value && value.isSplat())
          constant.setValueAttr(
              DenseElementsAttr::get(tensorOf(constant.getOutput()), value.getSplatValue<Attribute>()));
    }
    results.push_back(part.getResult(0));
    start += size;
  }

  auto joined = KernelOp::create(builder, loc, reader.getResult(0).getType(), (reader.getName() + "_joined").str(),
                                 results, ValueRange(), Value(), StringAttr(), reader.getNodesAttr());
  placeLike(joined, reader);
  Block &joinedBody = joined.getBody().emplaceBlock();
  for (Value result : results)
    joinedBody.addArgument(result.getType(), loc);
  OpBuilder inner = OpBuilder::atBlockEnd(&joinedBody);
  auto concat = ConcatOp::create(inner, loc, reader.getResult(0).getType(), joinedBody.getArguments(), dim);
  setOrigin(concat.getOutput(), getOrigin(reader.getYielded().front()));
  YieldOp::create(inner, loc, ValueRange(concat.getOutput()));

  reader.getResult(0).replaceAllUsesWith(joined.getResult(0));
  reader.erase();
  concatKernel.erase();
}

} // namespace nncc
