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

/// A matrix product, or a convolution that is one: of all pixels with the filters of 1 x 1.
struct Product {
  Operation *op;
  Value lhs, rhs, bias; ///< the bias may be null
  bool isTransposed;    ///< the right side lies as N x K
  int64_t depth, columns;

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
                   shape[shape.size() - (isTransposed ? 2 : 1)]};
  }

private:
  static std::optional<Product> of(Conv2DOp op) {
    ArrayRef<int64_t> filter = typeOf(op.getFilter()).getShape(); // O x KH x KW x C
    auto areAll = [](ArrayRef<int64_t> numbers, int64_t value) {
      return llvm::all_of(numbers, [&](int64_t number) { return number == value; });
    };
    if (op.getGroups() != 1 || filter[1] != 1 || filter[2] != 1 || !areAll(op.getStrides(), 1) ||
        !areAll(op.getPads(), 0))
      return std::nullopt;
    return Product{op, op.getInput(), op.getFilter(), op.getBias(), /*isTransposed=*/true, filter[3], filter[0]};
  }
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

  std::optional<Matrix> values() const { return moved(stored->getAttr()); }
  /// An operand of the dequantize as every weight has it.
  std::optional<Matrix> parameter(unsigned operand) const {
    auto reader = ConstantReader::get(widening->getOperand(operand));
    if (!reader)
      return std::nullopt;
    ConstantBuilder all(stored->getType().clone(reader->getElementType()), reader->isUniform());
    if (all.getStoredCount() == 1) {
      std::memcpy(all.at(0), reader->at(0), all.getBytes().size());
      return moved(all.finish("parameter"));
    }
    ArrayRef<int64_t> shape = stored->getType().getShape();
    SmallVector<int64_t> from = broadcastStrides(typeOf(widening->getOperand(operand)).getShape());
    int64_t bytes = constantElementBytes(reader->getElementType()), next = 0;
    forEach<1>(shape, {from},
               [&](std::array<int64_t, 1> at) { std::memcpy(all.at(next++), reader->at(at[0]), bytes); });
    return moved(all.finish("parameter"));
  }

private:
  SmallVector<Operation *> moves; ///< the last one first
  Operation *widening = nullptr;
  std::optional<ConstantReader> stored;
  bool isTransposed = false;

  std::optional<Matrix> moved(ElementsAttr value) const {
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
    return Matrix::of(value, depth, columns, isTransposed);
  }
};

/// Values of a right side, with what goes with them, as `nn.matmul_widened` takes them.
struct Stored {
  ElementsAttr values, scale, zero; ///< the last two may be null
  int64_t block, bits;
};

/// The longest blocks of K, of a length that divides `block`, in which all rows of a matrix are equal; 0 divides by all
/// numbers, and is the length where there are no others.
int64_t blockOf(const Matrix &matrix, int64_t depth, int64_t columns, int64_t block) {
  if (matrix->isSplat())
    return block;
  int64_t bytes = constantElementBytes(matrix->getElementType());
  for (int64_t k = 1; k < depth && block != 1; ++k) {
    if (block && k % block == 0)
      continue;
    for (int64_t n = 0; n < columns; ++n)
      if (std::memcmp(matrix->at(matrix.at(k, n)), matrix->at(matrix.at(k - 1, n)), bytes) != 0) {
        block = std::gcd(block, k);
        break;
      }
  }
  return block;
}

/// Every `step`-th row of a matrix.
ElementsAttr rowsOf(const Matrix &matrix, int64_t depth, int64_t columns, int64_t step, StringRef name) {
  int64_t rows = llvm::divideCeil(depth, step), bytes = constantElementBytes(matrix->getElementType());
  ConstantBuilder result(RankedTensorType::get({rows, columns}, matrix->getElementType()));
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t n = 0; n < columns; ++n)
      std::memcpy(result.at(row * columns + n), matrix->at(matrix.at(row * step, n)), bytes);
  return result.finish(name);
}

/// Integers of 8 bits and their zero points, less the latter where there is one for all and the result fits.
std::optional<Stored> storeIntegers(const Weights &weights, const std::string &name) {
  auto values = weights.values(), scale = weights.parameter(1), zero = weights.parameter(2);
  if (!values || !scale || !zero)
    return std::nullopt;
  int64_t depth = weights.depth, columns = weights.columns;
  int64_t block = blockOf(*zero, depth, columns, blockOf(*scale, depth, columns, 0));
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
  bool fits = isUnsigned ? high - less <= 15 : low - less >= -8 && high - less <= 7;
  ConstantBuilder integers(RankedTensorType::get({depth, columns}, element));
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t n = 0; n < columns; ++n)
      integers.setInteger(k * columns + n, (*values)->getInteger(values->at(k, n)) - less);
  return Stored{integers.finish(name), rowsOf(*scale, depth, columns, block, name + ".scale"),
                hasZeros ? rowsOf(*zero, depth, columns, block, name + ".zero_point") : ElementsAttr(), block,
                fits ? 4 : 8};
}

std::optional<Stored> storeHalves(const Weights &weights, const std::string &name) {
  auto values = weights.values();
  if (!values)
    return std::nullopt;
  return Stored{rowsOf(*values, weights.depth, weights.columns, 1, name), {}, {}, weights.depth, 16};
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

  void keep(const Product &product) {
    Operation *op = product.op;
    RankedTensorType type = typeOf(op->getResult(0));
    if (!type.getElementType().isF32() || type.getNumElements() == 0)
      return;
    auto weights = Weights::of(product);
    if (!weights || weights->columns < kLeast || weights->depth < 1)
      return;
    std::string name = constantName(op->getResult(0)) + ".weights";
    auto stored = weights->isQuantized() ? storeIntegers(*weights, name) : storeHalves(*weights, name);
    if (!stored) {
      remark::missed(op->getLoc(), remark::RemarkOpts::name("KeepSmallWeights").category("nncc-keep-small-weights"))
          << remark::reason("{0}", "scales that are no constants of blocks of K");
      return;
    }
    OpBuilder builder(op);
    auto constant = [&](ElementsAttr value) {
      return value ? Value(ConstantOp::create(builder, op->getLoc(), value)) : Value();
    };
    int64_t columns = weights->columns, rows = type.getNumElements() / columns;
    Type f32 = builder.getF32Type();
    Value lhs = product.lhs;
    auto flat = RankedTensorType::get({rows, weights->depth}, f32),
         wanted = RankedTensorType::get({rows, columns}, f32);
    if (lhs.getType() != flat)
      lhs = ReshapeOp::create(builder, op->getLoc(), flat, lhs);
    Value result =
        MatMulWidenedOp::create(builder, op->getLoc(), wanted, lhs, constant(stored->values), constant(stored->scale),
                                constant(stored->zero), stored->block, stored->bits);
    if (product.bias) {
      Value bias = ReshapeOp::create(builder, op->getLoc(), RankedTensorType::get({1, columns}, f32), product.bias);
      result = BinaryOp::create(builder, op->getLoc(), kind::add, result, bias);
    }
    if (type != wanted)
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
