// Convolutions and matrix products of quantized tensors as sums of products of bytes.
#include "dialects/nn/BinaryKind.h"
#include "dialects/nn/Origin.h"
#include "passes/graph/FormIntegers.h"
#include "passes/graph/PanelOrder.h"
#include "passes/graph/Permute.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace nncc::nn;

namespace nncc {

bool isContraction(Operation *op) { return isa_and_nonnull<Conv2DOp, ConvTranspose2DOp, MatMulOp>(op); }

Value biasOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case<Conv2DOp, ConvTranspose2DOp, MatMulOp>([](auto contraction) { return contraction.getBias(); })
      .Default(Value());
}

int64_t channelDim(Operation *op) {
  auto matmul = dyn_cast<MatMulOp>(op);
  return matmul ? typeOf(matmul.getRhs()).getRank() - (matmul.getTransposeB() ? 2 : 1) : 0;
}

Value contractLike(OpBuilder &builder, Location loc, Operation *op, RankedTensorType type, const ContractionOf &of) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](Conv2DOp conv) {
        return Conv2DOp::create(builder, loc, type, of.left, of.right, of.bias, of.leftZero, of.rightZero,
                                conv.getStrides(), conv.getPads(), conv.getDilations(), conv.getGroups());
      })
      .Case([&](ConvTranspose2DOp conv) {
        return ConvTranspose2DOp::create(builder, loc, type, of.left, of.right, of.bias, of.leftZero, of.rightZero,
                                         conv.getStrides(), conv.getPads(), conv.getDilations(),
                                         conv.getOutputPadding(), conv.getGroups());
      })
      .Case([&](MatMulOp matmul) {
        return MatMulOp::create(builder, loc, type, of.left, of.right, of.bias, of.leftZero, of.rightZero,
                                matmul.getTransposeB());
      })
      .Default(Value());
}

std::pair<Value, Value> zeroPointsOf(Operation *op) {
  using Pair = std::pair<Value, Value>;
  return llvm::TypeSwitch<Operation *, Pair>(op)
      .Case<Conv2DOp, ConvTranspose2DOp>(
          [](auto conv) -> Pair { return {conv.getInputZeroPoint(), conv.getFilterZeroPoint()}; })
      .Case([](MatMulOp matmul) -> Pair { return {matmul.getLhsZeroPoint(), matmul.getRhsZeroPoint()}; })
      .Default(Pair());
}

bool isAlong(Value parameter, int64_t dim) {
  RankedTensorType type = typeOf(parameter);
  return type.getNumElements() == 1 || (dim < type.getRank() && type.getNumElements() == type.getDimSize(dim));
}

std::vector<double> magnitudesOf(const ConstantReader &weights, const ConstantReader *zeros, int64_t dim) {
  ArrayRef<int64_t> shape = weights.getType().getShape();
  int64_t inner = 1, channels = shape[dim];
  for (int64_t size : shape.drop_front(dim + 1))
    inner *= size;
  std::vector<double> sums(channels, 0);
  for (int64_t i = 0, e = weights.size(); i < e; ++i) {
    int64_t channel = i / inner % channels;
    int64_t zero = zeros ? zeros->getInteger(zeros->size() == 1 ? 0 : channel) : 0;
    sums[channel] += std::fabs((double)(weights.getInteger(i) - zero));
  }
  return sums;
}

namespace {

/// A contraction of quantized tensors, and what can be said of its sums.
struct Product {
  Operation *op;
  Steps left;
  DequantizeOp right;
  SmallVector<float> scales; ///< of the sums: one, or one for each output channel
  std::vector<double> most;  ///< of each output channel: the largest magnitude of a sum without bias

  static std::optional<Product> of(Operation *op) {
    if (!isContraction(op))
      return std::nullopt;
    auto left = Steps::of(op->getOperand(0));
    auto right = op->getOperand(1).getDefiningOp<DequantizeOp>();
    if (!left || !right || !typeOf(right.getInput()).getElementType().isInteger(8))
      return std::nullopt;
    auto scale = ConstantReader::get(right.getScale()), zero = ConstantReader::get(right.getZeroPoint());
    int64_t dim = channelDim(op);
    if (!scale || !zero || !isAlong(right.getScale(), dim) || !isAlong(right.getZeroPoint(), dim))
      return std::nullopt;
    Product product{op, *left, right, {}, {}};
    for (int64_t c = 0; c < scale->size(); ++c) {
      float number = left->grid.scale * scale->get<float>(c);
      if (!(number >= std::numeric_limits<float>::min()) || std::isinf(number))
        return std::nullopt;
      product.scales.push_back(number);
    }
    if (auto weights = ConstantReader::get(right.getInput())) {
      product.most = magnitudesOf(*weights, &*zero, dim);
    } else {
      int64_t depth = typeOf(op->getOperand(0)).getShape().back();
      if (!isa<MatMulOp>(op) || scale->size() != 1 || zero->size() != 1)
        return std::nullopt;
      Grid grid{1, zero->getInteger(0), zero->getElementType()};
      product.most.assign(product.channels(), (double)depth * grid.reach());
    }
    for (double &sum : product.most)
      sum *= left->grid.reach();
    return product;
  }

  int64_t channels() const { return typeOf(op->getResult(0)).getShape().back(); }
  float scaleOf(int64_t channel) const { return scales[scales.size() == 1 ? 0 : channel]; }

  /// The steps that the op's own bias is, of each channel; nullopt where it is not known.
  std::optional<std::vector<double>> biasSteps() const {
    std::vector<double> steps(channels(), 0);
    Value bias = biasOf(op);
    if (!bias)
      return steps;
    if (auto reader = ConstantReader::get(bias)) {
      for (int64_t c = 0; c < channels(); ++c)
        steps[c] = reader->getFloat(c) / (double)scaleOf(c);
      return steps;
    }
    auto dequantize = bias.getDefiningOp<DequantizeOp>();
    auto values = dequantize ? ConstantReader::get(dequantize.getInput()) : std::nullopt;
    auto scale = values ? ConstantReader::get(dequantize.getScale()) : std::nullopt;
    auto zero = scale ? ConstantReader::get(dequantize.getZeroPoint()) : std::nullopt;
    if (!zero)
      return std::nullopt;
    for (int64_t c = 0; c < channels(); ++c) {
      double ratio = (double)scale->get<float>(scale->size() == 1 ? 0 : c) / scaleOf(c);
      double value = values->getInteger(c) - zero->getInteger(zero->size() == 1 ? 0 : c);
      // Of the same scale as the sums, but for its last places: then it is what is added to them.
      steps[c] = std::fabs(ratio - 1) < 1e-5 ? value : value * ratio;
    }
    return steps;
  }

  /// True for a channel whose results all are the zero point, though its bias is large: a quantizer gives channels that
  /// hardly differ from 0 such small scales that their bias fills 32 bits.
  bool isStill(int64_t channel, double bias, double multiplier) const {
    constexpr double small = 0x1p22, step = 0.49; // a half, less what a rounding of the product may add
    double sum = most[channel] + std::fabs(bias);
    return sum >= small && sum * std::fabs(multiplier) < step;
  }

  /// The sums in i32, with a bias; null where one of them could pass 2^31.
  Value sums(PatternRewriter &rewriter, Location loc, ArrayRef<double> bias) const {
    ConstantBuilder numbers(RankedTensorType::get({channels()}, rewriter.getI32Type()));
    bool hasBias = false;
    for (auto [c, steps] : llvm::enumerate(bias)) {
      double number = std::nearbyint(steps);
      if (!(most[c] + std::fabs(number) < 2147483648.0))
        return {};
      hasBias |= number != 0;
      numbers.setInteger(c, (int64_t)number);
    }
    Value added =
        hasBias ? Value(ConstantOp::create(rewriter, loc, numbers.finish(constantName(op->getResult(0)) + ".bias")))
                : Value();
    auto type = typeOf(op->getResult(0)).clone(rewriter.getI32Type());
    DequantizeOp dequantize = right;
    Value x = left.steps, w = dequantize.getInput(), wZero = dequantize.getZeroPoint();
    auto leftZero = [&](int64_t rank) { return oneStep(rewriter, loc, left.grid.element, rank, left.grid.zero); };
    if (isa<MatMulOp>(op))
      return contractLike(rewriter, loc, op, type, {x, w, added, leftZero(type.getRank()), wZero});
    return contractLike(rewriter, loc, op, type,
                        {x, w, added, leftZero(1), viewed(rewriter, wZero, {typeOf(wZero).getNumElements()})});
  }

  /// A number for each channel as it goes with the sums; one where all are equal.
  Value perChannel(PatternRewriter &rewriter, Location loc, ArrayRef<float> numbers) const {
    int64_t rank = typeOf(op->getResult(0)).getRank();
    if (llvm::all_equal(numbers))
      return oneNumber(rewriter, loc, rewriter.getF32Type(), rank, numbers[0]);
    SmallVector<int64_t> shape(rank, 1);
    shape.back() = channels();
    ConstantBuilder builder(RankedTensorType::get(shape, rewriter.getF32Type()));
    for (auto [c, number] : llvm::enumerate(numbers))
      builder.set<float>(c, number);
    return ConstantOp::create(rewriter, loc, builder.finish(constantName(op->getResult(0)) + ".scale"));
  }
};

/// What lies between a contraction and the quantize behind it: y = x * scale + shift per channel, then limits; ops that
/// only move elements anywhere.
class Chain {
public:
  Operation *contraction = nullptr;
  SmallVector<double> scale, shift;
  SmallVector<Operation *> moves; ///< in order
  SmallVector<Location> locations;

  /// Follows `rounding` up. error   anything else on the way, or read elsewhere: nullopt
  static std::optional<Chain> of(Rounding &rounding) {
    Chain chain;
    SmallVector<Operation *> above; // from the quantize up
    Value value = rounding.source;
    bool mayLimit = true;
    for (;;) {
      Operation *op = value.getDefiningOp();
      if (!op || !value.hasOneUse())
        return std::nullopt;
      if (isContraction(op)) {
        chain.contraction = op;
        break;
      }
      if (Rounding::isLimit(op)) {
        if (!mayLimit)
          return std::nullopt;
        rounding.limit(op);
      } else if (!isa<TransposeOp, ReshapeOp, BinaryOp>(op)) {
        return std::nullopt;
      } else if (isa<BinaryOp>(op)) {
        mayLimit = false; // a limit in front of it is of other numbers
      }
      above.push_back(op);
      value = op->getOperand(isa<BinaryOp>(op) && getConstantValue(op->getOperand(0)) ? 1 : 0);
    }
    return chain.walk(llvm::reverse(above)) ? std::optional(std::move(chain)) : std::nullopt;
  }

  bool isScaled() const {
    return llvm::any_of(scale, [](double number) { return number != 1; });
  }

private:
  template <typename Ops> bool walk(Ops ops) {
    RankedTensorType type = typeOf(contraction->getResult(0));
    scale.assign(type.getShape().back(), 1);
    shift.assign(type.getShape().back(), 0);
    locations.push_back(contraction->getLoc());
    std::optional<int64_t> channel = type.getRank() - 1;
    for (Operation *op : ops) {
      locations.push_back(op->getLoc());
      if (auto binary = dyn_cast<BinaryOp>(op)) {
        if (!append(binary, channel))
          return false;
      } else if (auto transpose = dyn_cast<TransposeOp>(op)) {
        moves.push_back(op);
        if (channel)
          channel = llvm::find(transpose.getPerm(), *channel) - transpose.getPerm().begin();
      } else if (auto reshape = dyn_cast<ReshapeOp>(op)) {
        moves.push_back(op);
        if (channel)
          channel = dimBehindReshape(typeOf(reshape.getInput()), reshape.getType(), *channel);
      }
    }
    return true;
  }

  bool append(BinaryOp op, std::optional<int64_t> channel) {
    bool isLeft = getConstantValue(op.getLhs()) != nullptr;
    Value other = isLeft ? op.getLhs() : op.getRhs();
    auto numbers = ConstantReader::get(other);
    bool isCommutative = op.getKind() == BinaryKind::add || op.getKind() == BinaryKind::mul;
    bool isKnown = isCommutative || (!isLeft && (op.getKind() == BinaryKind::sub || op.getKind() == BinaryKind::div));
    if (!numbers || !isKnown || op.getType() != (isLeft ? op.getRhs() : op.getLhs()).getType())
      return false;
    if (numbers->size() != 1 && (!channel || !isAlong(other, *channel)))
      return false;
    for (size_t c = 0; c < scale.size(); ++c) {
      double number = numbers->getFloat(numbers->size() == 1 ? 0 : c);
      switch (op.getKind()) {
      case BinaryKind::add:
        shift[c] += number;
        break;
      case BinaryKind::sub:
        shift[c] -= number;
        break;
      case BinaryKind::mul:
        scale[c] *= number, shift[c] *= number;
        break;
      default:
        scale[c] /= number, shift[c] /= number;
      }
    }
    return true;
  }
};

/// quantize(contraction(dequantize(x), dequantize(w))) -> requantize(contraction(x, w))
struct ContractSteps : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    auto rounding = Rounding::of(op);
    auto chain = rounding ? Chain::of(*rounding) : std::nullopt;
    auto product = chain ? Product::of(chain->contraction) : std::nullopt;
    auto bias = product ? product->biasSteps() : std::nullopt;
    if (!bias)
      return rewriter.notifyMatchFailure(op, "no contraction of quantized tensors");
    SmallVector<float> multipliers;
    for (int64_t c = 0; c < product->channels(); ++c) {
      double scale = chain->scale[c];
      if (!std::isfinite(scale) || scale == 0 || !std::isfinite(chain->shift[c]))
        return rewriter.notifyMatchFailure(op, "a channel that is scaled by 0");
      (*bias)[c] += chain->shift[c] / scale / product->scaleOf(c);
      multipliers.push_back(scale == 1 ? product->scaleOf(c) / rounding->grid.scale
                                       : (float)(product->scaleOf(c) * scale / rounding->grid.scale));
      if (product->isStill(c, (*bias)[c], multipliers.back()))
        (*bias)[c] = multipliers.back() = 0;
    }
    chain->locations.push_back(op.getLoc());
    Location loc = rewriter.getFusedLoc(chain->locations);
    Value sums = product->sums(rewriter, loc, *bias);
    if (!sums)
      return rewriter.notifyMatchFailure(op, "sums could pass 2^31");
    Value steps = RequantizeOp::create(
        rewriter, loc, sums, product->perChannel(rewriter, loc, multipliers),
        oneStep(rewriter, loc, rounding->grid.element, typeOf(sums).getRank(), rounding->grid.zero));
    steps = rounding->limited(rewriter, steps);
    for (Operation *move : chain->moves) {
      OperationState state(move->getLoc(), move->getName().getStringRef(), steps,
                           typeOf(move->getResult(0)).clone(rounding->grid.element), move->getAttrs());
      steps = rewriter.create(state)->getResult(0);
      setOrigin(steps, {});
    }
    replaceKeepingOrigin(rewriter, op, steps);
    return success();
  }
};

/// contraction(dequantize(x), dequantize(w)) whose result is read as floats -> dequantize(contraction(x, w))
template <typename ContractionOp> struct ContractToFloats : OpRewritePattern<ContractionOp> {
  using OpRewritePattern<ContractionOp>::OpRewritePattern;
  LogicalResult matchAndRewrite(ContractionOp op, PatternRewriter &rewriter) const override {
    auto product = Product::of(op);
    auto bias = product ? product->biasSteps() : std::nullopt;
    Value sums = bias ? product->sums(rewriter, op.getLoc(), *bias) : Value();
    if (!sums)
      return rewriter.notifyMatchFailure(op, "not of quantized tensors, or sums could pass 2^31");
    SmallVector<float> scales;
    for (int64_t c = 0; c < product->channels(); ++c)
      scales.push_back(product->scaleOf(c));
    Value zero = oneStep(rewriter, op.getLoc(), rewriter.getI32Type(), typeOf(sums).getRank(), 0);
    replaceKeepingOrigin(
        rewriter, op,
        DequantizeOp::create(rewriter, op.getLoc(), sums, product->perChannel(rewriter, op.getLoc(), scales), zero));
    return success();
  }
};

/// Constant weights, less their zero points, as i8 where they fit: what machines multiply, and no zero point is left.
template <typename ContractionOp> struct SignWeights : OpRewritePattern<ContractionOp> {
  using OpRewritePattern<ContractionOp>::OpRewritePattern;
  LogicalResult matchAndRewrite(ContractionOp op, PatternRewriter &rewriter) const override {
    MutableOperandRange leftZero = this->leftZero(op), rightZero = this->rightZero(op);
    if (leftZero.empty())
      return rewriter.notifyMatchFailure(op, "no zero points");
    auto isZero = [](OpOperand &operand) {
      auto zero = ConstantReader::get(operand.get());
      return zero &&
             llvm::all_of(llvm::seq<int64_t>(0, zero->size()), [&](int64_t i) { return zero->getInteger(i) == 0; });
    };
    OpOperand &right = op->getOpOperand(1);
    bool isSigned = typeOf(right.get()).getElementType().isSignlessInteger(8);
    if (isSigned && isZero(rightZero[0])) {
      if (!isZero(leftZero[0]))
        return rewriter.notifyMatchFailure(op, "done");
      rewriter.modifyOpInPlace(op, [&] {
        this->rightZero(op).clear();
        this->leftZero(op).clear();
      });
      return success();
    }
    auto weights = ConstantReader::get(right.get()), zeros = ConstantReader::get(rightZero[0].get());
    int64_t dim = channelDim(op);
    // The zero points of a matrix have its rank, those of a filter are a list.
    if (!weights || !zeros || !isAlong(rightZero[0].get(), dim))
      return rewriter.notifyMatchFailure(op, "not constant, or not one for each channel");
    Value fitting = centered(rewriter, *weights, *zeros, dim, right.get());
    if (!fitting)
      return rewriter.notifyMatchFailure(op, "more than 8 bits");
    int64_t rank = typeOf(rightZero[0].get()).getRank();
    Value zero = oneStep(rewriter, op.getLoc(), rewriter.getI8Type(), rank, 0);
    rewriter.modifyOpInPlace(op, [&] {
      op->setOperand(1, fitting);
      this->rightZero(op).assign(zero);
    });
    return success();
  }

private:
  static MutableOperandRange leftZero(MatMulOp op) { return op.getLhsZeroPointMutable(); }
  static MutableOperandRange rightZero(MatMulOp op) { return op.getRhsZeroPointMutable(); }
  template <typename Op> static MutableOperandRange leftZero(Op op) { return op.getInputZeroPointMutable(); }
  template <typename Op> static MutableOperandRange rightZero(Op op) { return op.getFilterZeroPointMutable(); }

  static Value centered(PatternRewriter &rewriter, const ConstantReader &weights, const ConstantReader &zeros,
                        int64_t dim, Value old) {
    RankedTensorType type = weights.getType();
    int64_t inner = 1;
    for (int64_t size : type.getShape().drop_front(dim + 1))
      inner *= size;
    ConstantBuilder result(RankedTensorType::get(type.getShape(), rewriter.getI8Type()));
    for (int64_t i = 0, e = weights.size(); i < e; ++i) {
      int64_t number =
          weights.getInteger(i) - zeros.getInteger(zeros.size() == 1 ? 0 : i / inner % type.getDimSize(dim));
      if (number < -128 || number > 127)
        return {};
      result.set<int8_t>(i, (int8_t)number);
    }
    return ConstantOp::create(rewriter, old.getLoc(), result.finish(constantName(old)));
  }
};

/// What makes the pixels of an image of planes; null for any other image.
TransposeOp transposeOfPlanes(Value image) {
  auto transpose = image.getDefiningOp<TransposeOp>();
  return transpose && transpose.getPerm() == ArrayRef<int64_t>{0, 2, 3, 1} ? transpose : TransposeOp();
}

/// [N, H, W, 3] -> [N, H, W, 4]; whole planes of a transposed image are copied, rather than pixels.
Value fourChannels(OpBuilder &builder, Value image) {
  TransposeOp transpose = transposeOfPlanes(image);
  const bool hasPlanes = transpose != nullptr;
  SmallVector<int64_t> low(4, 0), high(4, 0);
  high[hasPlanes ? 1 : 3] = 1;
  Location loc = image.getLoc();
  Value filled = PadOp::create(builder, loc, PadMode::constant, hasPlanes ? transpose.getInput() : image, low, high,
                               cast<TypedAttr>(builder.getI64IntegerAttr(0)));
  return hasPlanes ? TransposeOp::create(builder, loc, filled, transpose.getPerm()).getResult() : filled;
}

/// The filter of a convolution of three channels that is worth the copy of its image: many products read each of its
/// pixels. `zero` is the weight that stands for nothing.
std::optional<ConstantReader> filterOfThree(Conv2DOp op, int64_t &zero) {
  auto type = typeOf(op.getFilter());
  if (!typeOf(op.getInput()).getElementType().isInteger(8) || op.getGroups() != 1 || type.getShape().back() != 3)
    return std::nullopt;
  constexpr int64_t leastProducts = 32; // of each value of the image
  if (type.getDimSize(2) == 1 || type.getNumElements() / 3 < leastProducts * op.getStrides()[0] * op.getStrides()[1])
    return std::nullopt;
  if (Value point = op.getFilterZeroPoint()) {
    auto reader = ConstantReader::get(point);
    if (!reader || !reader->isUniform())
      return std::nullopt;
    zero = reader->getInteger(0);
  }
  return ConstantReader::get(op.getFilter());
}

/// True where any machine is such a one.
bool anyMachine(Operation *op, function_ref<bool(MachineAttr)> isOne) {
  auto module = op->getParentOfType<ModuleOp>();
  auto machines = module ? module->getAttrOfType<DictionaryAttr>(kMachinesAttr) : DictionaryAttr();
  return machines && llvm::any_of(machines.getValue(), [&](NamedAttribute machine) {
           auto cpu = dyn_cast<MachineAttr>(machine.getValue());
           return cpu && isOne(cpu);
         });
}

/// True where a machine sums products of neighbouring bytes: others multiply what is filled up, too.
bool sumsNeighbours(func::FuncOp function) {
  // Words are for taps of more channels.
  return anyMachine(function, [](MachineAttr machine) {
    return llvm::any_of(machine.getDots(), [](DotAttr dot) { return dot.getGroup() <= 8; });
  });
}

/// The image with the padding of a convolution, which stands for nothing: its zero point. Null where that is not known.
Value paddedImage(OpBuilder &builder, Conv2DOp op) {
  int64_t fill = 0;
  if (Value point = op.getInputZeroPoint()) {
    auto zero = ConstantReader::get(point);
    if (!zero)
      return {};
    fill = zero->getInteger(0);
  }
  Value image = op.getInput();
  auto transpose = transposeOfPlanes(image);
  ArrayRef<int64_t> pads = op.getPads();
  SmallVector<int64_t> low{0, pads[0], pads[1]}, high{0, pads[2], pads[3]};
  low.insert(transpose ? low.begin() : low.end(), 0);
  high.insert(transpose ? high.begin() : high.end(), 0);
  Location loc = image.getLoc();
  Value padded = PadOp::create(builder, loc, PadMode::constant, transpose ? transpose.getInput() : image, low, high,
                               cast<TypedAttr>(builder.getI64IntegerAttr(fill)));
  return transpose ? TransposeOp::create(builder, loc, padded, transpose.getPerm()).getResult() : padded;
}
} // namespace

bool readsPaddedLines(Conv2DOp op) {
  RankedTensorType type = typeOf(op.getFilter());
  int64_t values = 3 * type.getDimSize(2);
  if (!typeOf(op.getInput()).getElementType().isInteger(8) || type.getShape().back() != 3 || op.getGroups() != 1 ||
      op.getDilations()[1] != 1 || op.getStrides()[0] * op.getStrides()[1] == 1 || type.getDimSize(1) == 1 ||
      values % 16 <= 12)
    return false;
  int64_t lanes = 0;
  if (!anyMachine(op, [&](MachineAttr machine) {
        lanes = machine.lanes();
        return llvm::any_of(machine.getDots(), [](DotAttr dot) { return dot.saturates(); });
      }))
    return false;
  // One copy of an image that several read, with four channels, is less than one for each.
  auto isReader = [](Operation *reader) { return isa<Conv2DOp>(reader); };
  auto filter = ConstantReader::get(op.getFilter());
  if (!filter || type.getElementType().isUnsignedInteger() || llvm::count_if(op.getInput().getUsers(), isReader) > 1)
    return false;
  // The panels that tiles of more than a few pixels have: of two vectors, or all columns in three.
  int64_t outputs = type.getDimSize(0), panel = outputs <= 3 * lanes ? outputs : 2 * lanes;
  return areFewSpares(countSpares(*filter, outputs, panel, /*outputsInnermost=*/false, values), values);
}

void fillUpChannels(func::FuncOp function) {
  if (!sumsNeighbours(function))
    return;
  // Who else reads an image changes with each of its readers.
  SmallVector<std::pair<Conv2DOp, bool>> convolutions;
  function.walk([&](Conv2DOp op) { convolutions.emplace_back(op, readsPaddedLines(op)); });
  for (auto [op, readsLines] : convolutions) {
    int64_t zero = 0;
    auto filter = filterOfThree(op, zero);
    if (!filter)
      continue;
    OpBuilder builder(op);
    if (readsLines && llvm::any_of(op.getPads(), [](int64_t pad) { return pad != 0; })) {
      if (Value padded = paddedImage(builder, op)) {
        op.getInputMutable().assign(padded);
        op.setPads({0, 0, 0, 0});
        continue;
      }
    } else if (readsLines && op.getInput().hasOneUse() &&
               isa_and_present<PadOp, TransposeOp>(op.getInput().getDefiningOp())) {
      continue;
    }
    auto type = typeOf(op.getFilter());
    SmallVector<int64_t> shape(type.getShape());
    shape.back() = 4;
    ConstantBuilder filled(RankedTensorType::get(shape, type.getElementType()));
    for (int64_t i = 0; i < filter->size() / 3; ++i)
      for (int64_t c = 0; c < 4; ++c)
        filled.setInteger(4 * i + c, c < 3 ? filter->getInteger(3 * i + c) : zero);
    op.getFilterMutable().assign(
        ConstantOp::create(builder, op.getFilter().getLoc(), filled.finish(constantName(op.getFilter()))));
    op.getInputMutable().assign(fourChannels(builder, op.getInput()));
  }
}

void addIntegerContractions(RewritePatternSet &patterns) { patterns.add<ContractSteps>(patterns.getContext()); }

void addIntegerRemains(RewritePatternSet &patterns) {
  patterns.add<ContractToFloats<Conv2DOp>, ContractToFloats<ConvTranspose2DOp>, ContractToFloats<MatMulOp>,
               SignWeights<Conv2DOp>, SignWeights<ConvTranspose2DOp>, SignWeights<MatMulOp>>(patterns.getContext());
}

} // namespace nncc
