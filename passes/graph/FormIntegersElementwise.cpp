// Functions of quantized values as integers: tables of single values, sums and products of two, means.
#include "dialects/nn/BinaryKind.h"
#include "dialects/nn/Evaluate.h"
#include "dialects/nn/Origin.h"
#include "dialects/nn/UnaryKind.h"
#include "mlir/IR/IRMapping.h"
#include "passes/graph/FormIntegers.h"
#include "llvm/ADT/SetVector.h"
#include <cmath>

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
namespace {

// Longer functions are not written between two quantized tensors.
constexpr size_t kMostOps = 32;

Value replaceRounding(PatternRewriter &rewriter, const Rounding &rounding, Value steps) {
  Value limited = rounding.limited(rewriter, steps);
  QuantizeOp quantize = rounding.quantize;
  replaceKeepingOrigin(rewriter, quantize, limited);
  return limited;
}

//===-- Tables -----------------------------------------------------------===//

/// A function of one quantized tensor and constants of one number.
struct UnaryFunction {
  DequantizeOp source;
  SmallVector<Operation *> ops; ///< in order

  static std::optional<UnaryFunction> of(Value result) {
    UnaryFunction function;
    llvm::SetVector<Operation *> seen;
    if (!function.collect(result, seen) || !function.source)
      return std::nullopt;
    function.ops = llvm::to_vector(seen);
    return function;
  }

private:
  /// Operands before their users.
  bool collect(Value value, llvm::SetVector<Operation *> &seen) {
    Operation *op = value.getDefiningOp();
    if (!op || seen.size() > kMostOps)
      return false;
    if (seen.contains(op) || op == source)
      return true;
    if (auto dequantize = dyn_cast<DequantizeOp>(op); dequantize && !getConstantValue(dequantize.getInput())) {
      if (source)
        return false;
      source = dequantize;
      return true;
    }
    if (isa<ConstantOp>(op))
      return typeOf(value).getNumElements() == 1 || isa<SplatElementsAttr>(getConstantValue(value));
    bool isConstantStep = isa<DequantizeOp>(op) && typeOf(value).getNumElements() == 1;
    if (!isConstantStep && !isa<UnaryOp, BinaryOp, SelectOp, CastOp>(op))
      return false;
    for (Value operand : op->getOperands())
      if (!collect(operand, seen))
        return false;
    seen.insert(op);
    return true;
  }
};

/// The function on a list of 256 values, evaluated in f64: `ops` become copies in front of `at`, and are gone after.
class TableMaker {
public:
  TableMaker(PatternRewriter &rewriter, Location loc) : rewriter(rewriter), loc(loc) {}

  /// The table of quantize(function(dequantize(byte))), null where a part of it is not evaluated.
  ElementsAttr make(const UnaryFunction &function, QuantizeOp quantize, Grid from) {
    auto list = [&](Type element) { return RankedTensorType::get({256}, element); };
    ConstantBuilder bytes(list(from.element));
    for (int64_t i = 0; i < 256; ++i)
      bytes.set<uint8_t>(i, i);
    DequantizeOp source = function.source;
    mapping.map(source.getInput(), constant(bytes.finish("")));
    Value real = evaluated(clone(source, list(rewriter.getF32Type())));
    if (real)
      mapping.map(source.getResult(), evaluated(CastOp::create(rewriter, loc, list(rewriter.getF64Type()), real)));
    for (Operation *op : function.ops) {
      if (!real)
        break;
      real = evaluated(clone(op, widened(op)));
      if (auto step = dyn_cast<DequantizeOp>(op); real && step)
        real = wideStep(step, real);
      if (real)
        mapping.map(op->getResult(0), real);
    }
    Value last = real ? mapping.lookupOrNull(quantize.getInput()) : Value();
    ElementsAttr table;
    if (last && typeOf(last).getNumElements() == 256) {
      Value narrow = evaluated(CastOp::create(rewriter, loc, list(rewriter.getF32Type()), last));
      if (narrow)
        mapping.map(quantize.getInput(), narrow);
      Value steps = narrow ? evaluated(clone(quantize, list(quantize.getType().getElementType()))) : Value();
      if (steps)
        table = getConstantValue(steps);
    }
    for (Operation *op : llvm::reverse(made))
      rewriter.eraseOp(op);
    return table;
  }

  /// The table of integer ops from `source`, which are computed as they are.
  ElementsAttr make(ArrayRef<Operation *> ops, Value source) {
    ConstantBuilder bytes(RankedTensorType::get({256}, typeOf(source).getElementType()));
    for (int64_t i = 0; i < 256; ++i)
      bytes.set<uint8_t>(i, i);
    Value last = constant(bytes.finish(""));
    mapping.map(source, last);
    for (Operation *op : ops) {
      last = evaluated(clone(op, widened(op)));
      if (!last)
        break;
      mapping.map(op->getResult(0), last);
    }
    ElementsAttr table = last && typeOf(last).getNumElements() == 256 ? getConstantValue(last) : ElementsAttr();
    for (Operation *op : llvm::reverse(made))
      rewriter.eraseOp(op);
    return table;
  }

private:
  /// A constant of one step in f64. Masks are made of the least number of f32, and their scale is a 127th of it,
  /// rounded: what is infinite in f32 is taken as it is, since 0 times that is 0.
  Value wideStep(DequantizeOp step, Value real) {
    Type f64 = rewriter.getF64Type();
    auto grid = Grid::of(step.getScale(), step.getZeroPoint());
    auto number = ConstantReader::get(real), bits = ConstantReader::get(step.getInput());
    if (grid && number && bits && std::isinf(number->getFloat(0)))
      return constant(DenseElementsAttr::get(typeOf(real).clone(f64),
                                             double(bits->getInteger(0) - grid->zero) * double(grid->scale)));
    return evaluated(CastOp::create(rewriter, loc, typeOf(real).clone(f64), real));
  }

  Type wide(Type element) { return element.isF32() ? Type(rewriter.getF64Type()) : element; }

  /// What an op makes of lists: the longest of its operands, with elements as wide.
  RankedTensorType widened(Operation *op) {
    int64_t size = 1;
    for (Value operand : op->getOperands())
      size = std::max(size, typeOf(mapped(operand)).getNumElements());
    Type element = typeOf(op->getResult(0)).getElementType();
    return RankedTensorType::get({size}, isa<DequantizeOp>(op) ? element : wide(element));
  }

  /// An operand as a list: constants have one number.
  Value mapped(Value operand) {
    if (Value known = mapping.lookupOrNull(operand))
      return known;
    auto reader = ConstantReader::get(operand);
    ConstantBuilder one(RankedTensorType::get({1}, reader->getElementType()));
    llvm::copy(reader->getBytes().take_front(one.getBytes().size()), one.getBytes().begin());
    Value value = constant(one.finish(""));
    mapping.map(operand, value);
    return value;
  }

  Operation *clone(Operation *op, RankedTensorType type) {
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      Value value = mapped(operand);
      bool isReal =
          typeOf(value).getElementType().isF32() && !isa<DequantizeOp, QuantizeOp, RequantizeOp, RequantizeSumOp>(op);
      if (isReal)
        value = evaluated(CastOp::create(rewriter, loc, typeOf(value).clone(rewriter.getF64Type()), value));
      operands.push_back(value);
    }
    OperationState state(loc, op->getName().getStringRef(), operands, type, op->getAttrs());
    return rewriter.create(state);
  }

  Value constant(ElementsAttr value) {
    auto op = ConstantOp::create(rewriter, loc, value);
    made.push_back(op);
    return op;
  }

  Value evaluated(Operation *op) {
    ElementsAttr value = nn::evaluate(op, "table", {});
    rewriter.eraseOp(op);
    return value ? constant(value) : Value();
  }

  PatternRewriter &rewriter;
  Location loc;
  IRMapping mapping;
  SmallVector<Operation *> made;
};

/// quantize(f(dequantize(x))) -> a table of 256 bytes, or x itself where the table says so.
struct TableFromFunction : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    auto to = Grid::of(op.getScale(), op.getZeroPoint());
    auto function = to && to->isByte() ? UnaryFunction::of(op.getInput()) : std::nullopt;
    if (!function)
      return rewriter.notifyMatchFailure(op, "no function of one quantized tensor");
    auto from = Grid::of(function->source.getScale(), function->source.getZeroPoint());
    Value x = function->source.getInput();
    if (!from || !from->isByte() || typeOf(x).getShape() != op.getType().getShape())
      return rewriter.notifyMatchFailure(op, "not of bytes, or broadcast");
    ElementsAttr table = TableMaker(rewriter, op.getLoc()).make(*function, op, *from);
    auto bytes = table ? ConstantReader::get(table) : std::nullopt;
    if (!bytes)
      return rewriter.notifyMatchFailure(op, "not evaluated");
    bool isIdentity = from->element == to->element;
    for (int64_t i = 0; i < 256 && isIdentity; ++i)
      isIdentity = bytes->get<uint8_t>(i) == i;
    replaceKeepingOrigin(rewriter, op, isIdentity ? x : Value(LookupOp::create(rewriter, op.getLoc(), x, table)));
    return success();
  }
};

bool isOfBytes(Value value) { return typeOf(value).getElementType().isInteger(8); }

/// Integer ops between one tensor of bytes and an op that makes bytes again, tables among them.
struct StepFunction {
  Value source;
  SmallVector<Operation *> ops; ///< in order
  int64_t tables = 0;

  static std::optional<StepFunction> of(Operation *last) {
    StepFunction function;
    llvm::SetVector<Operation *> seen;
    if (!function.collectOperands(last, seen) || !function.source)
      return std::nullopt;
    seen.insert(last);
    function.ops = llvm::to_vector(seen);
    function.tables = llvm::count_if(seen, [](Operation *op) { return isa<LookupOp>(op); });
    return function;
  }

private:
  bool collectOperands(Operation *op, llvm::SetVector<Operation *> &seen) {
    return llvm::all_of(op->getOperands(), [&](Value operand) { return collect(operand, seen); });
  }

  bool collect(Value value, llvm::SetVector<Operation *> &seen) {
    if (Attribute constant = getConstantValue(value))
      return typeOf(value).getNumElements() == 1 || isa<SplatElementsAttr>(constant);
    Operation *op = value.getDefiningOp();
    if (op && seen.contains(op))
      return true;
    bool isInside = isOfBytes(value) ? isa_and_nonnull<LookupOp>(op) : isa_and_nonnull<CastOp, BinaryOp, UnaryOp>(op);
    if (!isInside) {
      bool isSource = isOfBytes(value) && (!source || source == value);
      source = value;
      return isSource;
    }
    if (seen.size() > kMostOps || !typeOf(value).getElementType().isInteger() || !collectOperands(op, seen))
      return false;
    seen.insert(op);
    return true;
  }
};

/// A step function with a table in it -> one table: a hard swish, whose factors are both functions of one tensor.
template <typename LastOp> struct TableFromSteps : OpRewritePattern<LastOp> {
  using OpRewritePattern<LastOp>::OpRewritePattern;
  LogicalResult matchAndRewrite(LastOp op, PatternRewriter &rewriter) const override {
    if (!isOfBytes(op.getResult()))
      return rewriter.notifyMatchFailure(op, "not of bytes");
    auto function = StepFunction::of(op);
    if (!function || function->ops.size() < 2 || !function->tables ||
        typeOf(function->source).getShape() != typeOf(op.getResult()).getShape())
      return rewriter.notifyMatchFailure(op, "no function of one tensor with a table in it");
    ElementsAttr table = TableMaker(rewriter, op.getLoc()).make(function->ops, function->source);
    if (!table)
      return rewriter.notifyMatchFailure(op, "not evaluated");
    replaceKeepingOrigin(rewriter, op, LookupOp::create(rewriter, op.getLoc(), function->source, table));
    return success();
  }
};

//===-- Slopes of channels ------------------------------------------------===//

/// quantize(prelu(dequantize(x), slopes)): both scales go into a factor of x and into the slopes, if every byte still
/// gives the same step, for each slope. So a table for each channel would not pay, and nothing is divided. By slopes of
/// at most 1 it is the larger of x and x * slope, of which machines have an instruction: dequantized bytes are no NaN.
struct PreluOfSteps : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    auto to = Grid::of(op.getScale(), op.getZeroPoint());
    BinaryOp prelu = to && to->isByte() && to->scale != 1 ? binaryOf(op.getInput(), BinaryKind::prelu) : BinaryOp();
    auto x = prelu && prelu->hasOneUse() ? Steps::of(prelu.getLhs()) : std::nullopt;
    auto slopes = x ? ConstantReader::get(prelu.getRhs()) : std::nullopt;
    if (!slopes || !slopes->getElementType().isF32())
      return rewriter.notifyMatchFailure(op, "no function of a quantized tensor by constant slopes");
    auto factor = nearestThat(x->grid.scale / to->scale, [&](float factor) {
      return isSame(x->grid, *to, 0, x->grid.high() - x->grid.zero, factor, 1, 1);
    });
    if (!factor)
      return rewriter.notifyMatchFailure(op, "no factor gives the same steps");
    ConstantBuilder newSlopes(RankedTensorType::get(typeOf(prelu.getRhs()).getShape(), rewriter.getF32Type()));
    float mostSlope = 1;
    bool areAtMostOne = true;
    for (int64_t i = 0; i < slopes->size(); ++i) {
      float slope = slopes->get<float>(i);
      auto same = nearestThat(slope, [&](float newSlope) {
        return isSame(x->grid, *to, x->grid.low() - x->grid.zero, -1, *factor, slope, newSlope);
      });
      if (!same || !std::isfinite(*same)) // infinity times 0 is no number
        return rewriter.notifyMatchFailure(op, "no finite slope gives the same steps");
      newSlopes.set<float>(i, *same);
      areAtMostOne &= *same <= 1;
      mostSlope = std::max(mostSlope, std::fabs(*same));
    }
    Location loc = rewriter.getFusedLoc({prelu.getLoc(), op.getLoc()});
    int64_t rank = op.getType().getRank();
    auto one = [&](float number) { return oneNumber(rewriter, loc, rewriter.getF32Type(), rank, number); };
    Value real = DequantizeOp::create(rewriter, loc, x->steps, one(*factor),
                                      oneStep(rewriter, loc, x->grid.element, rank, x->grid.zero));
    Value slope = ConstantOp::create(rewriter, loc, newSlopes.finish(constantName(prelu.getRhs())));
    if (areAtMostOne) {
      Value product = BinaryOp::create(rewriter, loc, BinaryKind::mul, real, slope);
      Value isLarger = BinaryOp::create(rewriter, loc, BinaryKind::greater, real, product);
      real = SelectOp::create(rewriter, loc, isLarger, real, product);
    } else {
      real = BinaryOp::create(rewriter, loc, BinaryKind::prelu, real, slope);
    }
    auto quantize = QuantizeOp::create(rewriter, loc, op.getType(), real, one(1), op.getZeroPoint());
    quantize.setFits(x->grid.reach() * std::fabs(*factor) * mostSlope <= 0x1p15 - 512);
    replaceKeepingOrigin(rewriter, op, quantize);
    return success();
  }

private:
  /// The number next to `start` that does; nothing where none of the nearest floats do.
  static std::optional<float> nearestThat(float start, function_ref<bool(float)> does) {
    constexpr int floats = 16;
    float up = start, down = start;
    for (int i = 0; i < floats; ++i) {
      for (float candidate : {up, down})
        if (does(candidate))
          return candidate;
      up = std::nextafter(up, std::numeric_limits<float>::infinity());
      down = std::nextafter(down, -std::numeric_limits<float>::infinity());
    }
    return std::nullopt;
  }

  /// Whether steps `first` to `last` from the zero point become the same ones without the scales.
  static bool isSame(const Grid &from, const Grid &to, int64_t first, int64_t last, float factor, float slope,
                     float newSlope) {
    Grid plain{1, to.zero, to.element};
    for (int64_t step = first; step <= last; ++step) {
      float real = static_cast<float>(step) * from.scale, plainReal = static_cast<float>(step) * factor;
      if (to.stepOf(real * slope) != plain.stepOf(plainReal * newSlope))
        return false;
    }
    return true;
  }
};

//===-- Two tensors ------------------------------------------------------===//

/// quantize(dequantize(a) + dequantize(b))
struct SumOfSteps : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    auto rounding = Rounding::of(op);
    BinaryOp sum = rounding ? binaryOf(rounding->source, BinaryKind::add) : BinaryOp();
    auto a = sum ? Steps::of(sum.getLhs()) : std::nullopt, b = sum ? Steps::of(sum.getRhs()) : std::nullopt;
    if (!a || !b || !sum->hasOneUse())
      return rewriter.notifyMatchFailure(op, "no sum of quantized tensors");
    // Rounded in f32 after each step, as onnxruntime's kernel finds them.
    float ofA = a->grid.scale / rounding->grid.scale, ofB = b->grid.scale / rounding->grid.scale;
    float zeroA = ofA * (float)a->grid.zero, zeroB = ofB * (float)b->grid.zero;
    float zeros = zeroA + zeroB;
    float offset = (float)rounding->grid.zero - zeros;
    auto one = [&](float number) {
      return oneNumber(rewriter, op.getLoc(), rewriter.getF32Type(), op.getType().getRank(), number);
    };
    Location loc = rewriter.getFusedLoc({sum.getLoc(), op.getLoc()});
    Value steps =
        RequantizeSumOp::create(rewriter, loc, op.getType(), a->steps, one(ofA), b->steps, one(ofB), one(offset));
    replaceRounding(rewriter, *rounding, steps);
    return success();
  }
};

/// Steps less their zero point, in 32 bits.
Value centered(PatternRewriter &rewriter, Location loc, const Steps &of) {
  Type i32 = rewriter.getI32Type();
  auto type = typeOf(of.steps).clone(i32);
  Value wide = CastOp::create(rewriter, loc, type, of.steps);
  if (of.grid.zero == 0)
    return wide;
  Value zero = oneStep(rewriter, loc, i32, type.getRank(), of.grid.zero);
  return BinaryOp::create(rewriter, loc, BinaryKind::sub, wide, zero);
}

Value requantized(PatternRewriter &rewriter, Location loc, Value sums, float multiplier, const Grid &to) {
  int64_t rank = typeOf(sums).getRank();
  return RequantizeOp::create(rewriter, loc, sums, oneNumber(rewriter, loc, rewriter.getF32Type(), rank, multiplier),
                              oneStep(rewriter, loc, to.element, rank, to.zero));
}

/// quantize(dequantize(a) * dequantize(b))
struct ProductOfSteps : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    auto rounding = Rounding::of(op);
    BinaryOp product = rounding ? binaryOf(rounding->source, BinaryKind::mul) : BinaryOp();
    auto a = product ? Steps::of(product.getLhs()) : std::nullopt,
         b = product ? Steps::of(product.getRhs()) : std::nullopt;
    if (!a || !b || !product->hasOneUse())
      return rewriter.notifyMatchFailure(op, "no product of quantized tensors");
    Location loc = rewriter.getFusedLoc({product.getLoc(), op.getLoc()});
    float scales = a->grid.scale * b->grid.scale;
    Value integers =
        BinaryOp::create(rewriter, loc, BinaryKind::mul, centered(rewriter, loc, *a), centered(rewriter, loc, *b));
    replaceRounding(rewriter, *rounding,
                    requantized(rewriter, loc, integers, scales / rounding->grid.scale, rounding->grid));
    return success();
  }
};

/// quantize(mean(dequantize(x))): the sum of the steps is requantized.
struct MeanOfSteps : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    auto rounding = Rounding::of(op);
    auto mean = rounding ? rounding->source.getDefiningOp<ReduceOp>() : ReduceOp();
    auto x = mean && mean.getKind() == ReduceKind::mean ? Steps::of(mean.getInput()) : std::nullopt;
    if (!x || !mean->hasOneUse())
      return rewriter.notifyMatchFailure(op, "no mean of a quantized tensor");
    int64_t count = typeOf(x->steps).getNumElements() / std::max<int64_t>(1, mean.getType().getNumElements());
    if (count < 1 || count > INT32_MAX / 256)
      return rewriter.notifyMatchFailure(op, "the sum could wrap");
    Location loc = rewriter.getFusedLoc({mean.getLoc(), op.getLoc()});
    Type i32 = rewriter.getI32Type();
    Value wide = CastOp::create(rewriter, loc, typeOf(x->steps).clone(i32), x->steps);
    Value sum = ReduceOp::create(rewriter, loc, ReduceKind::sum, wide, mean.getAxes());
    if (x->grid.zero != 0)
      sum = BinaryOp::create(rewriter, loc, BinaryKind::add, sum,
                             oneStep(rewriter, loc, i32, typeOf(sum).getRank(), -count * x->grid.zero));
    float divisor = (float)count * rounding->grid.scale;
    replaceRounding(rewriter, *rounding, requantized(rewriter, loc, sum, x->grid.scale / divisor, rounding->grid));
    return success();
  }
};

/// quantize(mean of windows of dequantize(x)): sums are those of a convolution with ones. The zero point is added
/// before the rounding, which is to even steps.
struct MeanOfWindows : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    auto rounding = Rounding::of(op);
    auto pool = rounding ? rounding->source.getDefiningOp<Pool2DOp>() : Pool2DOp();
    auto x = pool && pool.getKind() == PoolKind::average ? Steps::of(pool.getInput()) : std::nullopt;
    if (!x || !pool->hasOneUse())
      return rewriter.notifyMatchFailure(op, "no mean of windows of a quantized tensor");
    auto isZero = [](int64_t number) { return number == 0; };
    bool hasOneCount =
        llvm::all_of(pool.getOverhang(), isZero) && (pool.getCountIncludePad() || llvm::all_of(pool.getPads(), isZero));
    int64_t count = pool.getKernel()[0] * pool.getKernel()[1];
    if (!hasOneCount || count > INT32_MAX / 256)
      return rewriter.notifyMatchFailure(op, "windows of several sizes, or sums that could wrap");
    Location loc = rewriter.getFusedLoc({pool.getLoc(), op.getLoc()});
    int64_t channels = pool.getType().getShape().back();
    auto filterType =
        RankedTensorType::get({channels, pool.getKernel()[0], pool.getKernel()[1], 1}, rewriter.getI8Type());
    Value ones = ConstantOp::create(rewriter, loc, DenseElementsAttr::get(filterType, rewriter.getI8IntegerAttr(1)));
    Value sums = Conv2DOp::create(rewriter, loc, pool.getType().clone(rewriter.getI32Type()), x->steps, ones, Value(),
                                  oneStep(rewriter, loc, x->grid.element, 1, x->grid.zero),
                                  oneStep(rewriter, loc, rewriter.getI8Type(), 1, 0), pool.getStrides(), pool.getPads(),
                                  pool.getDilations(), channels);
    replaceRounding(rewriter, *rounding, rounded(rewriter, loc, sums, x->grid.scale, count, rounding->grid));
    return success();
  }

private:
  static Value rounded(PatternRewriter &rewriter, Location loc, Value sums, float scale, int64_t count,
                       const Grid &to) {
    Type f32 = rewriter.getF32Type();
    auto type = typeOf(sums).clone(f32);
    auto one = [&](double number) { return oneNumber(rewriter, loc, f32, type.getRank(), number); };
    float divisor = (float)count * to.scale;
    Value steps = CastOp::create(rewriter, loc, type, sums);
    steps = BinaryOp::create(rewriter, loc, BinaryKind::mul, steps, one(scale / divisor));
    steps = BinaryOp::create(rewriter, loc, BinaryKind::add, steps, one(to.zero));
    auto unary = [&](UnaryKind kind, double low, double high) {
      return UnaryOp::create(rewriter, loc, type, kind, steps, llvm::APFloat(low), llvm::APFloat(high));
    };
    steps = unary(UnaryKind::round, 0, 0);
    steps = unary(UnaryKind::clip, to.low(), to.high());
    return CastOp::create(rewriter, loc, type.clone(to.element), steps);
  }
};
} // namespace

void addIntegerElementwise(RewritePatternSet &patterns) {
  patterns
      .add<TableFromFunction, TableFromSteps<RequantizeOp>, TableFromSteps<RequantizeSumOp>, TableFromSteps<LookupOp>,
           TableFromSteps<UnaryOp>, PreluOfSteps, SumOfSteps, ProductOfSteps, MeanOfSteps, MeanOfWindows>(
          patterns.getContext());
}

} // namespace nncc
