// Finds the weights that a model stores in few bits in front of its products, and how their scales lie in blocks of K.
// Nothing is assumed of the ops in between: they are evaluated on the weights, and on what every weight is scaled by.
#include "dialects/nn/Evaluate.h"
#include "dialects/nn/Kinds.h"
#include "dialects/nn/Origin.h"
#include "mlir/IR/Remarks.h"
#include "passes/Passes.h"
#include "passes/check/Stage.h"
#include <numeric>

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
#define GEN_PASS_DEF_KEEPSMALLWEIGHTS
#include "passes/Passes.h.inc"

namespace {

/// Fewer columns than this fill panels with zeros, shorter blocks have more bytes of scales than weights save.
constexpr int64_t kLeast = 8;
/// Taps of fewer channels than this are less work than to bring their weights, and the sums so far, into registers.
constexpr int64_t kLeastChannels = 16;

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// A constant as a matrix K x N.
class Matrix {
public:
  /// isTransposed  it lies as N x K
  static std::optional<Matrix> of(ElementsAttr value, int64_t depth, int64_t columns, bool isTransposed) {
    auto reader = value ? ConstantReader::get(value) : std::nullopt;
    if (!reader || reader->size() != depth * columns)
      return std::nullopt;
    return Matrix(*reader, isTransposed ? 1 : columns, isTransposed ? depth : 1);
  }
  int64_t at(int64_t k, int64_t n) const { return k * toRow + n * toColumn; }
  const ConstantReader &operator*() const { return reader; }
  const ConstantReader *operator->() const { return &reader; }

private:
  Matrix(ConstantReader reader, int64_t toRow, int64_t toColumn)
      : reader(std::move(reader)), toRow(toRow), toColumn(toColumn) {}
  ConstantReader reader;
  int64_t toRow, toColumn;
};

/// A product of a left side with weights, which make K x N of them. A convolution of single pixels is one of matrices,
/// too.
struct Product {
  Operation *op;
  Value lhs, rhs, bias; ///< the bias may be null
  bool isTransposed;    ///< the right side lies as N x K
  int64_t depth, columns;
  bool isOfMatrices; ///< the result is that of two matrices: of all pixels with the filters, where these are of 1 x 1
  bool isWindow;     ///< a convolution that may stay one: chains take it

  static std::optional<Product> of(Operation *op) {
    if (auto conv = dyn_cast<Conv2DOp>(op))
      return of(conv);
    auto product = dyn_cast<MatMulOp>(op);
    ArrayRef<int64_t> shape = product ? typeOf(product.getRhs()).getShape() : ArrayRef<int64_t>();
    if (!product || !llvm::all_of(shape.drop_back(2), [](int64_t dim) { return dim == 1; }))
      return std::nullopt;
    bool isTransposed = product.getTransposeB();
    return Product{op,
                   product.getLhs(),
                   product.getRhs(),
                   product.getBias(),
                   isTransposed,
                   shape[shape.size() - (isTransposed ? 1 : 2)],
                   shape[shape.size() - (isTransposed ? 2 : 1)],
                   /*isOfMatrices=*/true,
                   /*isWindow=*/false};
  }

private:
  static std::optional<Product> of(Conv2DOp op) {
    ArrayRef<int64_t> filter = typeOf(op.getFilter()).getShape(); // O x KH x KW x C
    auto areAll = [](ArrayRef<int64_t> numbers, int64_t value) {
      return llvm::all_of(numbers, [&](int64_t number) { return number == value; });
    };
    bool isOfMatrices = op.getGroups() == 1 && filter[1] == 1 && filter[2] == 1 && areAll(op.getStrides(), 1) &&
                        areAll(op.getPads(), 0);
    bool hasMany = filter[3] >= kLeastChannels && filter[0] / (int64_t)op.getGroups() >= kLeast;
    bool isWindow = hasMany || op.isDepthwise();
    if (!isOfMatrices && !isWindow)
      return std::nullopt;
    return Product{op,
                   op.getInput(),
                   op.getFilter(),
                   op.getBias(),
                   /*isTransposed=*/true,
                   filter[1] * filter[2] * filter[3],
                   filter[0],
                   isOfMatrices,
                   isWindow};
  }
};

/// Where the elements of a tensor lie in a parameter that was broadcast and moved. Every dim is made of digits, the
/// last one the fastest: reshapes split and join these, and none of them is ever written out.
class Layout {
public:
  /// A parameter as a tensor of `shape` has it, which it is broadcast to.
  Layout(ArrayRef<int64_t> shape, ArrayRef<int64_t> parameter) {
    for (auto [size, stride] : llvm::zip(shape, broadcastStrides(parameter)))
      dims.push_back(size == 1 ? Digits() : Digits{{size, stride}});
  }

  /// Moves the elements as an op does; false where digits would have to be cut otherwise than into equal parts.
  bool move(Operation *op) {
    if (auto transpose = dyn_cast<TransposeOp>(op)) {
      SmallVector<Digits> before = dims;
      for (auto [dim, from] : llvm::zip(dims, transpose.getPerm()))
        dim = before[from];
      return true;
    }
    if (auto slice = dyn_cast<SliceOp>(op))
      return cut(slice);
    return reshape(typeOf(op->getResult(0)).getShape());
  }

  /// The same elements as a tensor of another shape; false as above.
  bool reshape(ArrayRef<int64_t> shape) {
    Digits left; // the next one last
    for (const Digits &digits : llvm::reverse(dims))
      left.append(digits.rbegin(), digits.rend());
    dims.clear();
    for (int64_t size : shape) {
      dims.emplace_back();
      while (size > 1) {
        Digit digit = left.pop_back_val();
        int64_t taken = std::gcd(size, digit.size);
        if (taken != size && taken != digit.size)
          return false;
        if (taken != digit.size)
          left.push_back({digit.size / taken, digit.stride});
        dims.back().push_back({taken, digit.stride * (digit.size / taken)});
        size /= taken;
      }
    }
    return true;
  }

  /// The offset of every index of a dim; those of all dims add up.
  SmallVector<int64_t> offsets(size_t dim) const {
    SmallVector<int64_t> result{dim == 0 ? start : 0};
    for (auto [size, stride] : dims[dim]) {
      SmallVector<int64_t> outer = std::move(result);
      result.clear();
      for (int64_t offset : outer)
        for (int64_t i = 0; i < size; ++i)
          result.push_back(offset + i * stride);
    }
    return result;
  }

private:
  struct Digit {
    int64_t size, stride;
  };
  using Digits = SmallVector<Digit, 2>;
  SmallVector<Digits> dims;
  int64_t start = 0;

  bool cut(SliceOp op) {
    ArrayRef<int64_t> before = typeOf(op.getInput()).getShape(), after = op.getType().getShape();
    for (auto [i, dim] : llvm::enumerate(dims)) {
      int64_t first = op.getStarts()[i], step = op.getSteps()[i];
      if (before[i] == after[i] && step == 1)
        continue;
      if (dim.size() != 1)
        return false;
      start += first * dim[0].stride;
      dim[0] = {after[i], step * dim[0].stride};
    }
    return true;
  }
};

/// What every weight of a matrix K x N is scaled by, or its zero point.
class Parameter {
public:
  Parameter(ConstantReader reader, SmallVector<int64_t> rows, SmallVector<int64_t> columns)
      : reader(std::move(reader)), rows(std::move(rows)), columns(std::move(columns)) {}

  const ConstantReader *operator->() const { return &reader; }
  const char *at(int64_t k, int64_t n) const { return reader.at(rows[k] + columns[n]); }
  /// Whether row k holds what the one before it does.
  bool isAsBefore(int64_t k) const {
    int64_t bytes = constantElementBytes(reader.getElementType());
    return rows[k] == rows[k - 1] || llvm::all_of(llvm::seq<int64_t>(columns.size()), [&](int64_t n) {
             return std::memcmp(at(k, n), at(k - 1, n), bytes) == 0;
           });
  }
  int64_t depth() const { return rows.size(); }

  /// The type of 16 bits that holds all numbers as they are; their own where there is none.
  Type narrowest() const {
    MLIRContext *context = reader.getElementType().getContext();
    for (FloatType half : {FloatType(Float16Type::get(context)), FloatType(BFloat16Type::get(context))}) {
      auto holds = [&](int64_t i) {
        llvm::APFloat number(reader.getFloat(i));
        bool losesInfo;
        number.convert(half.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
        return !losesInfo;
      };
      if (llvm::all_of(llvm::seq<int64_t>(reader.isSplat() ? 1 : reader.size()), holds))
        return half;
    }
    return reader.getElementType();
  }

  /// Every `step`-th row, as a tensor of `shape` of a type that holds all numbers.
  ElementsAttr rowsAt(int64_t step, ArrayRef<int64_t> shape, Type element, StringRef name) const {
    bool isSame = element == reader.getElementType();
    int64_t bytes = constantElementBytes(reader.getElementType()), next = 0;
    ConstantBuilder result(RankedTensorType::get(shape, element));
    for (int64_t k = 0; k < depth(); k += step)
      for (int64_t n = 0; n < (int64_t)columns.size(); ++n, ++next)
        if (isSame)
          std::memcpy(result.at(next), at(k, n), bytes);
        else
          result.setFloat(next, reader.getFloat(rows[k] + columns[n]));
    return result.finish(name);
  }

private:
  ConstantReader reader;
  SmallVector<int64_t> rows, columns;
};

/// The right side of a product: what is stored, and how it is moved to where it is read.
class Weights {
public:
  static std::optional<Weights> of(const Product &product) {
    Weights found;
    Value value = product.rhs;
    while (Operation *producer = value.getDefiningOp()) {
      if (!isa<ReshapeOp, TransposeOp, SliceOp>(producer))
        break;
      found.moves.push_back(producer);
      value = producer->getOperand(0);
    }
    found.widening = value.getDefiningOp();
    if (!isa_and_nonnull<DequantizeOp, CastOp>(found.widening))
      return std::nullopt;
    found.stored = ConstantReader::get(found.widening->getOperand(0));
    if (!found.stored)
      return std::nullopt;
    Type element = found.stored->getElementType();
    bool isHalf = isa<CastOp>(found.widening) && (element.isF16() || element.isBF16());
    if (!isHalf && !(found.isQuantized() && element.isInteger(8)))
      return std::nullopt;
    found.isTransposed = product.isTransposed;
    found.depth = product.depth;
    found.columns = product.columns;
    return found;
  }

  bool isQuantized() const { return isa<DequantizeOp>(widening); }
  int64_t depth = 0, columns = 0;

  std::optional<Matrix> values() const { return Matrix::of(moved(stored->getAttr()), depth, columns, isTransposed); }

  /// An operand of the dequantize as every weight has it.
  std::optional<Parameter> parameter(unsigned operand) const {
    Value value = widening->getOperand(operand);
    auto reader = ConstantReader::get(value);
    if (!reader)
      return std::nullopt;
    Layout layout(stored->getType().getShape(), typeOf(value).getShape());
    for (Operation *move : llvm::reverse(moves))
      if (!layout.move(move))
        return std::nullopt;
    if (!layout.reshape(isTransposed ? ArrayRef{columns, depth} : ArrayRef{depth, columns}))
      return std::nullopt;
    return Parameter(*reader, layout.offsets(isTransposed), layout.offsets(!isTransposed));
  }

private:
  SmallVector<Operation *> moves; ///< the last one first
  Operation *widening = nullptr;
  std::optional<ConstantReader> stored;
  bool isTransposed = false;

  ElementsAttr moved(ElementsAttr value) const {
    OpBuilder builder(widening);
    SmallVector<Operation *> made;
    for (Operation *move : llvm::reverse(moves)) {
      if (!value)
        break;
      made.push_back(ConstantOp::create(builder, move->getLoc(), value));
      IRMapping mapping;
      mapping.map(move->getOperand(0), made.back()->getResult(0));
      made.push_back(builder.clone(*move, mapping));
      Value result = made.back()->getResult(0);
      result.setType(typeOf(result).clone(cast<RankedTensorType>(value.getType()).getElementType()));
      value = evaluate(made.back(), "weights", {});
    }
    for (Operation *op : llvm::reverse(made))
      op->erase();
    return value;
  }
};

/// Values of a right side, K x N or as the filter lies, with what goes with them.
struct Stored {
  ElementsAttr values, scale, zero; ///< blocks x N; the last two may be null
  int64_t block, bits;
  bool isWindow; ///< the filter of a convolution, with one scale for each channel
};

/// The longest blocks of K, of a length that divides `block`, in which all rows of a parameter are equal; 0 divides by
/// all numbers, and is the length where there are no others.
int64_t blockOf(const Parameter &parameter, int64_t block) {
  for (int64_t k = 1; k < parameter.depth() && block != 1; ++k)
    if ((!block || k % block) && !parameter.isAsBefore(k))
      block = std::gcd(block, k);
  return block;
}

/// The weights of a product, each made by `write(to, which, from)` of the one that is stored: K x N, or as the filter
/// lies.
template <typename Write>
ElementsAttr storeValues(const Product &product, bool isWindow, const Matrix &values, Type element, StringRef name,
                         Write write) {
  int64_t depth = product.depth, columns = product.columns;
  SmallVector<int64_t> shape{depth, columns};
  if (isWindow)
    shape.assign(typeOf(product.rhs).getShape());
  ConstantBuilder result(RankedTensorType::get(shape, element));
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t n = 0; n < columns; ++n)
      write(result, isWindow ? n * depth + k : k * columns + n, values.at(k, n));
  return result.finish(name);
}

/// Integers of 8 bits and their zero points, less the latter where there is one for all and the result fits.
std::optional<Stored> storeIntegers(const Product &product, const Weights &weights, const std::string &name) {
  auto values = weights.values();
  auto scale = weights.parameter(1), zero = weights.parameter(2);
  if (!values || !scale || !zero)
    return std::nullopt;
  int64_t depth = product.depth, columns = product.columns;
  int64_t block = blockOf(*zero, blockOf(*scale, 0));
  if (block == 0)
    block = depth;
  if (block < std::min(kLeast, depth))
    return std::nullopt;
  int64_t less = 0, low = INT64_MAX, high = INT64_MIN;
  bool hasZeros = !(*zero)->isUniform();
  if (!hasZeros)
    less = (*zero)->getInteger(0);
  for (int64_t i = 0, stored = (*values)->isSplat() ? 1 : (*values)->size(); i < stored; ++i) {
    int64_t value = (*values)->getInteger(i);
    low = std::min(low, value);
    high = std::max(high, value);
  }
  Type element = (*values)->getElementType();
  bool fitsSigned = low - less >= -128 && high - less <= 127;
  if (!hasZeros && fitsSigned) {
    element = IntegerType::get(element.getContext(), 8);
  } else if (less != 0) {
    hasZeros = true;
    less = 0;
  }
  bool isUnsigned = element.isUnsignedInteger();
  bool fits = product.isOfMatrices && (isUnsigned ? high - less <= 15 : low - less >= -8 && high - less <= 7);
  // A filter has one scale for each channel, and nothing is taken from what is multiplied.
  bool isWindow = product.isWindow && block == depth && !hasZeros && !fits;
  if (!isWindow && !product.isOfMatrices)
    return std::nullopt;
  auto integers =
      storeValues(product, isWindow, *values, element, name, [&](ConstantBuilder &to, int64_t at, int64_t from) {
        to.setInteger(at, (*values)->getInteger(from) - less);
      });
  SmallVector<int64_t> blocks{(int64_t)llvm::divideCeil(depth, block), columns};
  auto rows = [&](const Parameter &parameter, Type type, const char *suffix) {
    return parameter.rowsAt(block, isWindow ? ArrayRef(columns) : ArrayRef(blocks), type, name + suffix);
  };
  // One scale for a column is little beside its values.
  Type ofScale = block < depth ? scale->narrowest() : (*scale)->getElementType();
  return Stored{integers,
                rows(*scale, ofScale, ".scale"),
                hasZeros ? rows(*zero, (*zero)->getElementType(), ".zero_point") : ElementsAttr(),
                block,
                fits ? 4 : 8,
                isWindow};
}

std::optional<Stored> storeHalves(const Product &product, const Weights &weights, const std::string &name) {
  auto values = weights.values();
  if (!values)
    return std::nullopt;
  int64_t bytes = constantElementBytes((*values)->getElementType());
  auto halves = storeValues(
      product, product.isWindow, *values, (*values)->getElementType(), name,
      [&](ConstantBuilder &to, int64_t at, int64_t from) { std::memcpy(to.at(at), (*values)->at(from), bytes); });
  return Stored{halves, {}, {}, product.depth, 16, product.isWindow};
}

struct KeepSmallWeights : impl::KeepSmallWeightsBase<KeepSmallWeights> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N1"})))
      return signalPassFailure();
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (isa<Conv2DOp, MatMulOp>(op))
        ops.push_back(op);
    });
    // One after the other: a product may read what took the place of the one before.
    for (Operation *op : ops)
      if (auto product = Product::of(op))
        keep(*product);
  }

  /// Null for no value.
  static Value constantOf(OpBuilder &builder, const Product &product, ElementsAttr value) {
    return value ? Value(ConstantOp::create(builder, product.op->getLoc(), value)) : Value();
  }

  static Value multiplyMatrices(OpBuilder &builder, const Product &product, const Stored &stored) {
    Location location = product.op->getLoc();
    int64_t columns = product.columns, rows = typeOf(product.op->getResult(0)).getNumElements() / columns;
    Type f32 = builder.getF32Type();
    Value lhs = product.lhs;
    auto flat = RankedTensorType::get({rows, product.depth}, f32);
    if (lhs.getType() != flat)
      lhs = ReshapeOp::create(builder, location, flat, lhs);
    Value values = constantOf(builder, product, stored.values), scale = constantOf(builder, product, stored.scale);
    return MatMulWidenedOp::create(builder, location, RankedTensorType::get({rows, columns}, f32), lhs, values, scale,
                                   constantOf(builder, product, stored.zero), stored.block, stored.bits);
  }

  /// The sums of the stored values are scaled: a factor for each channel is part of what is done with them.
  static Value convolve(OpBuilder &builder, const Product &product, const Stored &stored) {
    auto conv = cast<Conv2DOp>(product.op);
    Value values = constantOf(builder, product, stored.values), scale = constantOf(builder, product, stored.scale);
    Value sums = Conv2DOp::create(builder, conv.getLoc(), conv.getType(), product.lhs, values, /*bias=*/Value(),
                                  conv.getStrides(), conv.getPads(), conv.getDilations(), conv.getGroups());
    return scale ? BinaryOp::create(builder, conv.getLoc(), kind::mul, sums, perChannel(builder, product, scale, sums))
                 : sums;
  }

  static Value addBias(OpBuilder &builder, const Product &product, Value result) {
    if (!product.bias)
      return result;
    return BinaryOp::create(builder, product.op->getLoc(), kind::add, result,
                            perChannel(builder, product, product.bias, result));
  }

  /// Numbers of the columns, as an elementwise op with `result` takes them.
  static Value perChannel(OpBuilder &builder, const Product &product, Value numbers, Value result) {
    SmallVector<int64_t> shape(typeOf(result).getRank(), 1);
    shape.back() = product.columns;
    auto type = RankedTensorType::get(shape, builder.getF32Type());
    return numbers.getType() == type ? numbers : ReshapeOp::create(builder, product.op->getLoc(), type, numbers);
  }

  void keep(const Product &product) {
    Operation *op = product.op;
    RankedTensorType type = typeOf(op->getResult(0));
    if (!type.getElementType().isF32() || type.getNumElements() == 0)
      return;
    auto weights = Weights::of(product);
    if (!weights || weights->columns < kLeast || weights->depth < 1)
      return;
    std::string name = constantName(op->getResult(0)) + ".weights";
    auto stored =
        weights->isQuantized() ? storeIntegers(product, *weights, name) : storeHalves(product, *weights, name);
    if (!stored) {
      remark::missed(op->getLoc(), remark::RemarkOpts::name("KeepSmallWeights").category("nncc-keep-small-weights"))
          << remark::reason("{0}", "scales that are no constants of blocks of K");
      return;
    }
    OpBuilder builder(op);
    Value result = stored->isWindow ? convolve(builder, product, *stored) : multiplyMatrices(builder, product, *stored);
    result = addBias(builder, product, result);
    if (type != result.getType())
      result = ReshapeOp::create(builder, op->getLoc(), type, result);
    carryOrigin(op->getResult(0), result);
    remark::passed(op->getLoc(), remark::RemarkOpts::name("KeepSmallWeights").category("nncc-keep-small-weights"))
        << "weights stay in " << remark::metric("Bits", stored->bits) << " bits";
    SmallVector<Operation *> unused{op};
    op->replaceAllUsesWith(result.getDefiningOp());
    // What widened the weights is of use to others, or to nobody.
    while (!unused.empty()) {
      Operation *last = unused.pop_back_val();
      SmallVector<Operation *> producers;
      for (Value operand : last->getOperands())
        if (Operation *producer = operand.getDefiningOp(); producer && !llvm::is_contained(producers, producer))
          producers.push_back(producer);
      last->erase();
      for (Operation *producer : producers)
        if (producer->use_empty() && isa<ReshapeOp, TransposeOp, SliceOp, DequantizeOp, CastOp, ConstantOp>(producer))
          unused.push_back(producer);
    }
  }
};
} // namespace
} // namespace nncc
