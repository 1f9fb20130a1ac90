// Stores f32 tensors as f16; see Passes.td.
#include "dialects/nn/BinaryKind.h"
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/Kinds.h"
#include "dialects/nn/NN.h"
#include "dialects/nn/Origin.h"
#include "dialects/nn/UnaryKind.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "passes/Passes.h"
#include "passes/check/Stage.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/GlobPattern.h"
#include <cmath>

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_HALVEFLOATS
#include "passes/Passes.h.inc"

namespace {

bool isWide(Type type) { return getElementTypeOrSelf(type).isF32(); }

constexpr double kLargestHalf = 65504;

/// Whether a finite number of a constant is out of the range of f16.
bool exceedsHalf(Value value) {
  std::optional<nn::ConstantReader> reader = nn::ConstantReader::get(value);
  if (!reader || !reader->getElementType().isF32())
    return false;
  for (int64_t i = 0, count = reader->isSplat() ? 1 : reader->size(); i < count; ++i)
    if (double number = std::fabs(reader->getFloat(i)); std::isfinite(number) && number > kLargestHalf)
      return true;
  return false;
}

/// False where a number of a constant is out of the range of f16, or all of them are so small that f16 has few digits
/// of them, or none: an epsilon is not to become 0.
bool fitsHalf(nn::ConstantReader reader) {
  constexpr double kSmallestNormal = 0x1p-14;
  double largest = 0;
  for (int64_t i = 0, count = reader.isSplat() ? 1 : reader.size(); i < count; ++i) {
    double magnitude = std::fabs(reader.getFloat(i));
    if (std::isfinite(magnitude))
      largest = std::max(largest, magnitude);
  }
  return largest == 0 || (largest >= kSmallestNormal && largest <= kLargestHalf);
}

/// A square has twice the exponent: of numbers below 0.008 it is too small for f16, of those above 255 too large.
bool isSquare(Operation *op) {
  if (auto binary = dyn_cast<nn::BinaryOp>(op))
    return binary.getKind() == nn::kind::pow ||
           (binary.getKind() == nn::kind::mul && binary.getLhs() == binary.getRhs());
  auto reduce = dyn_cast<nn::ReduceOp>(op);
  return reduce && reduce.getKind() == nn::ReduceKind::sum_square;
}

/// Sums of weights that are integers (nncc-keep-small-weights), and integers that become floats: they have the range of
/// other tensors when their scale has been multiplied in.
bool isUnscaled(Operation *op) {
  if (auto conv = dyn_cast<nn::Conv2DOp>(op))
    return isWide(conv.getType()) && isa<IntegerType>(getElementTypeOrSelf(conv.getFilter()));
  auto cast = dyn_cast<nn::CastOp>(op);
  auto from = cast && isWide(cast.getType()) ? dyn_cast<IntegerType>(getElementTypeOrSelf(cast.getInput())) : nullptr;
  if (!from || from.getWidth() < 16)
    return false;
  // A mask, as what exporters count in i64.
  auto narrower = cast.getInput().getDefiningOp<nn::CastOp>();
  return !narrower || getElementTypeOrSelf(narrower.getInput()).getIntOrFloatBitWidth() > 8;
}

bool isScaling(Operation *op) {
  auto binary = dyn_cast<nn::BinaryOp>(op);
  return binary && (binary.getKind() == nn::kind::mul || binary.getKind() == nn::kind::div);
}

/// Whether results of an op on squares have the range of other tensors again.
bool takesRoot(Operation *op) {
  auto unary = dyn_cast<nn::UnaryOp>(op);
  return unary &&
         (unary.getKind() == nn::kind::sqrt || unary.getKind() == nn::kind::rsqrt || unary.getKind() == nn::kind::log);
}

/// Whether results of an op are of the range of f16 whatever its operands are, as where a GELU takes tanh of a cube.
bool isBounded(Operation *op) {
  if (isa<nn::SoftmaxOp, nn::LayerNormOp>(op))
    return true;
  auto unary = dyn_cast<nn::UnaryOp>(op);
  return unary &&
         llvm::is_contained({nn::kind::tanh, nn::kind::sigmoid, nn::kind::erf, nn::UnaryKind::sin, nn::UnaryKind::cos},
                            unary.getKind());
}

/// Whether results of an op on squares are as those of any other op.
bool endsSquares(Operation *op) { return takesRoot(op) || isBounded(op); }

/// Whether a root or logarithm is taken of a square, element by element: of a row that a reduction joins, as for a norm
/// or a variance, the largest elements count.
bool endsInRoot(Value square) {
  llvm::SetVector<Operation *> users(llvm::from_range, square.getUsers());
  for (size_t i = 0; i < users.size(); ++i) {
    if (takesRoot(users[i]))
      return true;
    if (!isa<nn::ReduceOp>(users[i]) && !isBounded(users[i]))
      users.insert_range(users[i]->getUsers());
  }
  return false;
}

bool isMove(Operation *op) { return isa<nn::ReshapeOp, nn::TransposeOp, nn::SliceOp, nn::ConcatOp, nn::PadOp>(op); }

bool isElementwise(Operation *op) { return isMove(op) || isa<nn::BinaryOp, nn::UnaryOp, nn::SelectOp, nn::CastOp>(op); }

/// The ops that only moved the elements of a value, from the last to the first, and those whose results they moved.
llvm::SetVector<Operation *> historyOf(Value value) {
  llvm::SetVector<Operation *> history;
  auto add = [&](Value moved) {
    if (Operation *op = moved.getDefiningOp())
      history.insert(op);
  };
  add(value);
  for (size_t i = 0; i < history.size(); ++i)
    if (Operation *op = history[i]; isMove(op))
      llvm::for_each(op->getOperands(), add);
  return history;
}

/// The sums that a spectrum is made of, and what moves their operands and results. A quiet band is a small sum of large
/// products: what rounding takes from each of them is more than what is left, and a root or logarithm shows it.
class Spectra {
public:
  explicit Spectra(func::FuncOp function) {
    for (Operation &op : function.getBody().front())
      if (isa<nn::BinaryOp>(op) && isSquare(&op) && endsInRoot(op.getResult(0)))
        addSums(op.getOperand(0));
  }

  bool contains(Operation *op) const { return ops.contains(op); }

private:
  static bool isSum(Operation *op) { return isa<nn::Conv2DOp, nn::ConvTranspose2DOp, nn::MatMulOp>(op); }

  void addSums(Value squared) {
    llvm::SetVector<Operation *> history = historyOf(squared);
    if (llvm::none_of(history, isSum))
      return;
    for (Operation *op : history) {
      if (!isSum(op) && !isMove(op))
        continue;
      ops.insert(op);
      for (Value operand : op->getOperands())
        if (isSum(op))
          ops.insert_range(llvm::make_filter_range(historyOf(operand), isMove));
    }
  }

  DenseSet<Operation *> ops;
};

/// Functions with a period, and what makes their angles: of an angle of 100, f16 has steps of 1/16, and so it has of a
/// place in an image, whose fraction weighs pixels, or which becomes the index of the nearest. Ops on elements and
/// cumulative sums make angles of frequencies and phases, which have to be as exact; what products, convolutions and
/// reductions make angles of need not. So are the boxes of regions such places, in pixels.
class Angles {
public:
  explicit Angles(func::FuncOp function) {
    for (Operation &op : function.getBody().front())
      if (showsDigits(&op))
        ops.insert(&op);
    for (size_t i = 0; i < ops.size(); ++i) {
      if (auto regions = dyn_cast<nn::RoiAlignOp>(ops[i]))
        addMaker(regions.getBoxes());
      if (Operation *op = ops[i];
          isElementwise(op) || isa<nn::CumSumOp, nn::ResizeOp, nn::ExpandOp, nn::TileOp, nn::GatherOp>(op))
        for (Value operand : op->getOperands())
          addMaker(operand);
    }
  }

  bool contains(Operation *op) const { return ops.contains(op); }

private:
  void addMaker(Value value) {
    if (Operation *maker = value.getDefiningOp())
      ops.insert(maker);
  }

  /// Whether a result depends on digits of an operand that f16 has not.
  static bool showsDigits(Operation *op) {
    if (isa<nn::RoiAlignOp>(op))
      return true;
    if (auto cast = dyn_cast<nn::CastOp>(op))
      return isWide(cast.getInput().getType()) && isIndex(cast.getType());
    if (auto unary = dyn_cast<nn::UnaryOp>(op))
      return llvm::is_contained({nn::UnaryKind::sin, nn::UnaryKind::cos, nn::UnaryKind::tan}, unary.getKind());
    auto binary = dyn_cast<nn::BinaryOp>(op);
    if (!binary || !isWide(binary.getType()))
      return false;
    return binary.getKind() == nn::kind::mod || binary.getKind() == nn::BinaryKind::fmod || takesFraction(binary);
  }

  static bool isIndex(Type type) {
    auto integer = dyn_cast<IntegerType>(getElementTypeOrSelf(type));
    return integer && integer.getWidth() > 8;
  }

  /// x - floor(x), or what is left of x when it is rounded.
  static bool takesFraction(nn::BinaryOp binary) {
    auto whole = binary.getRhs().getDefiningOp<nn::UnaryOp>();
    return binary.getKind() == nn::kind::sub && whole && whole.getOperand() == binary.getLhs() &&
           (whole.getKind() == nn::kind::floor || whole.getKind() == nn::kind::round);
  }

  llvm::SetVector<Operation *> ops;
};

/// What rounds floats to steps of a scale that is only known at run time, and what makes scales and zero points. A
/// scale is a 255th of a tensor's range, the product of two is that of sums: less than f16's least number in many a
/// network. 255 steps and what f16 has between them are no more than its digits.
class ComputedSteps {
public:
  explicit ComputedSteps(func::FuncOp function) {
    for (Operation &op : function.getBody().front()) {
      if (auto cast = dyn_cast<nn::CastOp>(op); cast && isByte(cast.getType()) && isWide(cast.getInput().getType()))
        addRounding(cast);
      if (auto binary = dyn_cast<nn::BinaryOp>(op); binary && isScaling(binary))
        for (auto [sum, scale] : {std::pair(binary.getLhs(), binary.getRhs()), {binary.getRhs(), binary.getLhs()}})
          if (isSumOfIntegers(sum) && sizeOf(scale) < sizeOf(sum))
            addParameter(scale);
      // A scale that is given at run time; constants say themselves whether they are of f16.
      if (isa<nn::QuantizeOp, nn::DequantizeOp>(op) && !nn::ConstantReader::get(op.getOperand(1))) {
        ops.insert(&op);
        addParameter(op.getOperand(1));
      }
    }
  }

  bool contains(Operation *op) const { return ops.contains(op); }

private:
  static int64_t sizeOf(Value value) { return mlir::cast<RankedTensorType>(value.getType()).getNumElements(); }
  static bool isByte(Type type) { return getElementTypeOrSelf(type).isInteger(8); }

  static bool isSumOfIntegers(Value value) {
    auto isIt = [](Operation *op) {
      auto cast = dyn_cast<nn::CastOp>(op);
      return cast && getElementTypeOrSelf(cast.getInput()).isInteger(32);
    };
    return llvm::any_of(historyOf(value), isIt);
  }

  /// Back to the division by the scale, or the product with its reciprocal, through all that has an element for each
  /// that is rounded; a function that has none in it rounds to no scale.
  void addRounding(nn::CastOp rounded) {
    // Each with the op that reads it.
    llvm::MapVector<Operation *, Operation *> readers;
    readers.insert({rounded, nullptr});
    for (size_t i = 0; i < readers.size(); ++i) {
      Operation *op = readers.begin()[i].first;
      if (std::optional<unsigned> scale = findScale(op)) {
        addParameter(op->getOperand(*scale));
        for (; op; op = readers.lookup(op)) {
          ops.insert(op);
          if (Operation *reader = readers.lookup(op))
            for (Value other : reader->getOperands())
              if (other != op->getResult(0))
                addParameter(other);
        }
        return;
      }
      for (Value operand : op->getOperands())
        if (Operation *maker = operand.getDefiningOp();
            maker && isa<nn::BinaryOp, nn::UnaryOp>(maker) && sizeOf(operand) == sizeOf(rounded))
          readers.insert({maker, op});
    }
  }

  /// The operand by which an op divides; of a product a factor that fewer elements have, and that is no constant.
  static std::optional<unsigned> findScale(Operation *op) {
    auto binary = dyn_cast<nn::BinaryOp>(op);
    if (binary && binary.getKind() == nn::kind::div)
      return 1;
    if (binary && binary.getKind() == nn::kind::mul)
      for (OpOperand &factor : binary->getOpOperands())
        if (sizeOf(factor.get()) < sizeOf(binary) && !nn::ConstantReader::get(factor.get()))
          return factor.getOperandNumber();
    return std::nullopt;
  }

  /// All that makes it of what was reduced to the ends of a range.
  void addParameter(Value parameter) {
    SmallVector<Value> left = {parameter};
    while (!left.empty())
      if (Operation *op = left.pop_back_val().getDefiningOp(); op && isElementwise(op) && ops.insert(op).second)
        left.append(op->operand_begin(), op->operand_end());
  }

  DenseSet<Operation *> ops;
};

/// Ops that stay f32 by the names of their nodes, or of the tensors that they make.
class KeptOps {
public:
  LogicalResult read(func::FuncOp function, ArrayRef<std::string> patterns) {
    for (const std::string &text : patterns) {
      auto pattern = llvm::GlobPattern::create(text);
      if (!pattern)
        return emitError(function.getLoc()) << "--keep " << text << "=f32: " << llvm::toString(pattern.takeError());
      bool isUsed = false;
      for (Operation &op : function.getBody().front())
        if (!isa<nn::ConstantOp>(op) && names(*pattern, &op)) {
          ops.insert(&op);
          isUsed = true;
        }
      if (!isUsed)
        emitWarning(function.getLoc()) << "no node, and no tensor between nodes, is named '" << text
                                       << "': nothing stays f32 by it";
    }
    return success();
  }

  bool contains(Operation *op) const { return ops.contains(op); }

private:
  static bool names(const llvm::GlobPattern &pattern, Operation *op) {
    auto matches = [&](const std::string &name) { return !name.empty() && pattern.match(name); };
    return llvm::any_of(nn::getNodeNames(op->getLoc()), matches) ||
           llvm::any_of(op->getResults(), [&](Value result) { return matches(nn::getOrigin(result).tensor); });
  }

  DenseSet<Operation *> ops;
};

/// The tensors of a function in both types.
class Halver {
public:
  explicit Halver(MLIRContext *context) : builder(context) {}

  void run(func::FuncOp function, const KeptOps &kept) {
    Spectra spectra(function);
    Angles angles(function);
    ComputedSteps steps(function);
    for (Operation &op : llvm::make_early_inc_range(function.getBody().front()))
      if (!isa<nn::ConstantOp>(op))
        convert(&op, spectra.contains(&op) || angles.contains(&op) || steps.contains(&op) || kept.contains(&op));
  }

private:
  void convert(Operation *op, bool stays) {
    stays |= op->hasTrait<OpTrait::IsTerminator>() || op->getNumRegions() > 0 || !computesFloats(op) ||
             ordersInput(op) || llvm::any_of(op->getOperands(), hasOtherRange);
    if (isSquare(op) || llvm::any_of(op->getOperands(), [&](Value operand) { return squares.contains(operand); })) {
      stays = true;
      if (!endsSquares(op))
        squares.insert_range(op->getResults());
    }
    if (isUnscaled(op) || llvm::any_of(op->getOperands(), [&](Value operand) { return unscaled.contains(operand); })) {
      stays = true;
      if (isUnscaled(op) || !endsUnscaled(op))
        unscaled.insert_range(llvm::make_filter_range(op->getResults(), mayBeLarge));
    }
    if (!stays && succeeded(tryHalf(op)))
      return;
    for (OpOperand &operand : op->getOpOperands())
      if (Value wide = wideOf.lookup(operand.get()))
        operand.set(wide);
      else if (halved.contains(operand.get()))
        operand.set(cast(operand.get(), builder.getF32Type(), wideOf));
  }

  /// Whether results of an op are of the range of other tensors again, whatever integers it reads: where no factor has
  /// scaled them, products of them are as large as they.
  bool endsUnscaled(Operation *op) const {
    auto binary = dyn_cast<nn::BinaryOp>(op);
    if (binary && binary.getKind() == nn::kind::mul)
      return !unscaled.contains(binary.getLhs()) || !unscaled.contains(binary.getRhs());
    return isScaling(op) || isBounded(op);
  }

  /// False of truth values and bytes, as what a comparison of large numbers makes.
  static bool mayBeLarge(Value value) { return getElementTypeOrSelf(value).getIntOrFloatBitWidth() > 8; }

  static bool computesFloats(Operation *op) {
    return llvm::any_of(op->getOperandTypes(), isWide) || llvm::any_of(op->getResultTypes(), isWide) ||
           llvm::any_of(op->getOperandTypes(), [](Type type) { return getElementTypeOrSelf(type).isF16(); });
  }

  /// Whether an op puts the elements of an input in another order. It does so before they are rounded: a kernel that
  /// transposes takes what is done with each element after it, not before.
  static bool ordersInput(Operation *op) { return isa<nn::TransposeOp>(op) && isa<BlockArgument>(op->getOperand(0)); }

  static bool hasOtherRange(Value value) {
    std::optional<nn::ConstantReader> reader = nn::ConstantReader::get(value);
    return reader && reader->getElementType().isF32() && !fitsHalf(*reader);
  }

  /// Gives an op operands and results of f16, if it is still one then.
  LogicalResult tryHalf(Operation *op) {
    // A cast from or to f32 stays what it is to the other type.
    SmallVector<Value> operands = llvm::to_vector(op->getOperands());
    SmallVector<Type> types = llvm::to_vector(op->getResultTypes());
    for (OpOperand &operand : op->getOpOperands())
      if (isWide(operand.get().getType()))
        operand.set(halfOf(operand.get()));
    for (Value result : op->getResults())
      if (isWide(result.getType()))
        result.setType(halfType(result.getType()));
    ScopedDiagnosticHandler silence(op->getContext(), [](Diagnostic &) { return success(); });
    if (succeeded(verify(op))) {
      for (auto [result, type] : llvm::zip(op->getResults(), types))
        if (result.getType() != type)
          halved.insert(result);
      return success();
    }
    op->setOperands(operands);
    for (auto [result, type] : llvm::zip(op->getResults(), types))
      result.setType(type);
    return failure();
  }

  Type halfType(Type type) { return mlir::cast<RankedTensorType>(type).clone(builder.getF16Type()); }

  Value halfOf(Value wide) {
    if (Value known = halves.lookup(wide))
      return known;
    Operation *op = wide.getDefiningOp();
    if (op && llvm::any_of(op->getOperands(), exceedsHalf))
      return halves[wide] = saturated(op);
    return cast(wide, builder.getF16Type(), halves);
  }

  /// What a constant beyond f16 made, no larger than f16 goes: a mask of the least number of f32 leaves rows that are
  /// masked as a whole, of which a softmax makes numbers, where of infinities it makes none.
  Value saturated(Operation *op) {
    Value wide = op->getResult(0);
    builder.setInsertionPointAfter(op);
    Value limited = nn::UnaryOp::create(builder, op->getLoc(), wide.getType(), nn::kind::clip, wide,
                                        llvm::APFloat(-kLargestHalf), llvm::APFloat(kLargestHalf));
    DenseMap<Value, Value> once;
    return cast(limited, builder.getF16Type(), once);
  }

  /// The tensor in another type, once for all users.
  Value cast(Value value, Type element, DenseMap<Value, Value> &known) {
    builder.setInsertionPointAfterValue(value);
    Type type = mlir::cast<RankedTensorType>(value.getType()).clone(element);
    return known[value] = nn::CastOp::create(builder, value.getLoc(), type, value);
  }

  OpBuilder builder;
  DenseSet<Value> squares;       ///< and what is made of them, up to an op that ends it
  DenseSet<Value> unscaled;      ///< sums of integers, up to their scale
  DenseSet<Value> halved;        ///< results that were f32
  DenseMap<Value, Value> halves; ///< of f32 tensors
  DenseMap<Value, Value> wideOf; ///< of those in `halved`
};

struct HalveFloats : impl::HalveFloatsBase<HalveFloats> {
  using HalveFloatsBase::HalveFloatsBase;

  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N1"})))
      return signalPassFailure();
    if (!getOperation().getBody().hasOneBlock())
      return;
    KeptOps kept;
    if (failed(kept.read(getOperation(), keep)))
      return signalPassFailure();
    Halver(&getContext()).run(getOperation(), kept);
  }
};
} // namespace
} // namespace nncc
