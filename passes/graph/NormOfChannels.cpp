// Instance and group normalization without transpositions: sums over positions are vectors of channels, and what the
// channels of a group share is computed from these few numbers.
#include "passes/graph/NormOfChannels.h"
#include "dialects/nn/Kinds.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Makes the ops of one normalization of [N, positions..., C], all at its location.
struct Writer {
  OpBuilder &b;
  Location location;
  int64_t groups;

  Value binary(BinaryKind kind, Value lhs, Value rhs) { return BinaryOp::create(b, location, kind, lhs, rhs); }

  Value view(Value x, ArrayRef<int64_t> shape) {
    return ReshapeOp::create(b, location, RankedTensorType::get(shape, typeOf(x).getElementType()), x);
  }

  /// For each group: [1, 1, 1].
  Value constant(double number, Value like) {
    auto type = RankedTensorType::get({1, 1, 1}, typeOf(like).getElementType());
    auto attr = DenseElementsAttr::get(type, b.getFloatAttr(type.getElementType(), number));
    return ConstantOp::create(b, location, attr);
  }

  /// The mean over positions and over the channels of a group: [N, groups, 1].
  Value meanOfGroups(Value x) {
    ArrayRef<int64_t> shape = typeOf(x).getShape();
    SmallVector<int64_t> positions = llvm::to_vector(llvm::seq<int64_t>(1, shape.size() - 1));
    int64_t size = shape.back() / groups;
    Value mean = ReduceOp::create(b, location, ReduceKind::mean, x, positions);
    mean = view(mean, {shape[0], groups, size});
    // Channels have equally many positions.
    return size == 1 ? mean : Value(ReduceOp::create(b, location, ReduceKind::mean, mean, ArrayRef<int64_t>{2}));
  }

  /// What each group has [N, groups, 1], for each channel of `x`: [N, 1..., C].
  Value forChannels(Value ofGroups, Value x) {
    SmallVector<int64_t> shape(typeOf(x).getShape());
    int64_t size = shape.back() / groups;
    std::fill(shape.begin() + 1, shape.end() - 1, 1);
    auto expanded = RankedTensorType::get({shape[0], groups, size}, typeOf(x).getElementType());
    return view(size == 1 ? ofGroups : Value(ExpandOp::create(b, location, expanded, ofGroups)), shape);
  }
};
} // namespace

std::optional<NormOfChannels> NormOfChannels::of(LayerNormOp norm) {
  auto flatten = norm.getInput().getDefiningOp<ReshapeOp>();
  auto transpose = (flatten ? flatten.getInput() : norm.getInput()).getDefiningOp<TransposeOp>();
  // Halves are summed in f32 inside of the op.
  bool isWide = typeOf(norm).getElementTypeBitWidth() >= 32;
  if (!transpose || norm.getScale() || norm.getBias() || !isWide)
    return std::nullopt;
  RankedTensorType source = typeOf(transpose.getInput());
  int64_t rank = source.getRank();
  SmallVector<int64_t> channelsFirst{0, rank - 1};
  llvm::append_range(channelsFirst, llvm::seq<int64_t>(1, rank - 1));
  if (rank < 3 || transpose.getPerm() != ArrayRef<int64_t>(channelsFirst) || source.getNumElements() == 0)
    return std::nullopt;
  int64_t rows = 1, images = source.getDimSize(0), channels = source.getShape().back();
  for (int64_t dim : typeOf(norm).getShape().take_front(norm.getAxis()))
    rows *= dim;
  int64_t groups = rows / images;
  if (rows % images != 0 || groups == 0 || channels % groups != 0)
    return std::nullopt;
  return NormOfChannels{transpose, groups};
}

Value NormOfChannels::build(OpBuilder &b, LayerNormOp norm) {
  Value x = transpose.getInput();
  if (groups == 1) // of all elements of an image, in whatever order
    return LayerNormOp::create(b, norm.getLoc(), typeOf(x), x, Value(), Value(), b.getI64IntegerAttr(1),
                               norm.getEpsilonAttr());
  Writer write{b, norm.getLoc(), groups};
  Value centered = write.binary(kind::sub, x, write.forChannels(write.meanOfGroups(x), x));
  // The variance of centered values: the difference of two large sums would cancel.
  Value variance = write.meanOfGroups(write.binary(kind::mul, centered, centered));
  Value shifted = write.binary(kind::add, variance, write.constant(norm.getEpsilon().convertToDouble(), x));
  Value factor = UnaryOp::create(b, norm.getLoc(), shifted.getType(), kind::rsqrt, shifted, llvm::APFloat(0.0),
                                 llvm::APFloat(0.0));
  return write.binary(kind::mul, centered, write.forChannels(factor, x));
}

} // namespace nncc
