// Folds per-channel multiplications and additions after a contraction into its weights and bias. Batch normalization
// is such a pair from import on.
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/Kinds.h"
#include "dialects/nn/NN.h"
#include "dialects/nn/Origin.h"
#include "mlir/IR/Remarks.h"
#include "passes/Passes.h"
#include "passes/check/Stage.h"
#include "passes/graph/Precision.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
#define GEN_PASS_DEF_FOLDSCALE
#include "passes/Passes.h.inc"

namespace {

// Above this a scaled copy of the weights costs more compile-time memory than the multiplication costs at run time.
constexpr int64_t kMaxScaledBytes = 64 << 20;

// Additions of more than so many times the sum of a channel's weights stay: 2^12 leaves half of the 24 bits of f32 to
// the products of inputs of size 1, fewer show against the tolerance.
constexpr double kMostAdded = 4096;

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// A contraction as the pass sees it: the weights, and their dim that numbers the output channels.
struct Contraction {
  Value weights, bias;
  int64_t channelDim = 0;

  static std::optional<Contraction> of(Operation *op) {
    Contraction found;
    found.bias = biasOf(op);
    if (isa<Conv2DOp, ConvTranspose2DOp>(op)) {
      found.weights = op->getOperand(1);
      return found;
    }
    auto matmul = dyn_cast<MatMulOp>(op);
    if (!matmul)
      return std::nullopt;
    found.weights = matmul.getRhs();
    found.channelDim = typeOf(matmul.getRhs()).getRank() - (matmul.getTransposeB() ? 2 : 1);
    return found;
  }

  static Value biasOf(Operation *op) {
    return llvm::TypeSwitch<Operation *, Value>(op)
        .Case<Conv2DOp, ConvTranspose2DOp, MatMulOp>([](auto contraction) { return contraction.getBias(); })
        .Default(Value());
  }

  static void setBias(Operation *op, Value bias) {
    llvm::TypeSwitch<Operation *>(op).Case<Conv2DOp, ConvTranspose2DOp, MatMulOp>(
        [&](auto contraction) { contraction.getBiasMutable().assign(bias); });
  }
};

/// y = x * scale + shift per output channel (the last dim of the result).
struct Affine {
  std::vector<double> scale, shift;
  std::vector<double> added; ///< per channel, the magnitudes of all that was added, scaled like y
  bool scales = false, shifts = false;
  Operation *last = nullptr; ///< the op that makes y
  SmallVector<Location> locations;

  Affine(int64_t channels, const std::optional<ConstantReader> &bias)
      : scale(channels, 1), shift(channels, 0), added(channels, 0) {
    for (int64_t c = 0; bias && c < channels; ++c) {
      shift[c] = bias->getFloat(c);
      added[c] = std::fabs(shift[c]);
    }
  }

  /// Appends an op with constants per channel.
  void append(BinaryOp op, const ConstantReader &constant) {
    bool isAdd = op.getKind() == kind::add;
    for (auto [c, a] : llvm::enumerate(added)) {
      double number = constant.getFloat(constant.size() == 1 ? 0 : c);
      if (isAdd) {
        shift[c] += number;
        a += std::fabs(number);
        continue;
      }
      double factor = op.getKind() == kind::div ? 1 / number : number;
      scale[c] *= factor;
      shift[c] *= factor;
      a *= std::fabs(factor);
    }
    (isAdd ? shifts : scales) = true;
  }
};

/// Per output channel of constant weights: the largest magnitude, and the sum of all.
struct Norms {
  std::vector<double> most, sum;
  explicit Norms(int64_t channels) : most(channels, 0), sum(channels, 0) {}
};

/// The constant operand of an addition, multiplication or division of `value` when it has one value per channel or one
/// in all.
std::optional<ConstantReader> perChannelOperand(BinaryOp op, Value value, int64_t channels) {
  Value other = op.getLhs() == value ? op.getRhs() : op.getLhs();
  if (other == value || op.getType() != value.getType() || (op.getKind() == kind::div && op.getRhs() == value))
    return std::nullopt;
  auto reader = ConstantReader::get(other);
  if (!reader || (reader->size() != 1 && (reader->size() != channels || typeOf(other).getShape().back() != channels)))
    return std::nullopt;
  return reader;
}

/// What can become of weights and bias: calls `found` for every value behind `value` that is an affine function of it.
/// Follows only users, through multiplications and additions of constants per channel, and through casts to wider
/// floats and back: results have the type of `value`.
void followUsers(Value value, Affine affine, bool mayScale, function_ref<void(const Affine &)> found) {
  int64_t channels = typeOf(value).getShape().back();
  auto type = cast<FloatType>(typeOf(value).getElementType());
  while (value.hasOneUse()) {
    Operation *user = *value.user_begin();
    if (auto op = dyn_cast<BinaryOp>(user)) {
      bool isAdd = op.getKind() == kind::add;
      bool isFactor = mayScale && (op.getKind() == kind::mul || op.getKind() == kind::div);
      auto constant = isAdd || isFactor ? perChannelOperand(op, value, channels) : std::nullopt;
      if (!constant)
        return;
      affine.append(op, *constant);
    } else if (auto cast = dyn_cast<CastOp>(user)) {
      auto to = dyn_cast<FloatType>(typeOf(cast).getElementType());
      if (!to || (to != type && to.getWidth() <= type.getWidth()))
        return;
    } else {
      return;
    }
    affine.last = user;
    affine.locations.push_back(user->getLoc());
    value = user->getResult(0);
    if (typeOf(value).getElementType() == type && (affine.scales || affine.shifts))
      found(affine);
  }
}

struct FoldScale : impl::FoldScaleBase<FoldScale> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N1"})))
      return signalPassFailure();
    SmallVector<Operation *> contractions;
    getOperation().walk([&](Operation *op) {
      if (Contraction::of(op))
        contractions.push_back(op);
    });
    for (Operation *op : contractions)
      fold(op);
  }

  static void fold(Operation *op) {
    Contraction contraction = *Contraction::of(op);
    auto output = typeOf(op->getResult(0));
    auto type = dyn_cast<FloatType>(output.getElementType());
    if (!type)
      return;
    auto bias = contraction.bias ? ConstantReader::get(contraction.bias) : std::nullopt;
    if (contraction.bias && !bias)
      return;
    auto weights = ConstantReader::get(contraction.weights);
    // Weights in fewer bits than they are multiplied in stay as they are stored.
    bool mayScale =
        weights && weights->getElementType() == type && (int64_t)weights->getBytes().size() <= kMaxScaledBytes;
    int64_t channels = output.getShape().back();
    if (channels > kMaxScaledBytes / (int64_t)sizeof(double)) // a bias has a number for each
      return;
    std::optional<Norms> norms;
    std::optional<Affine> best;
    followUsers(op->getResult(0), Affine(channels, bias), mayScale, [&](const Affine &affine) {
      if (mayScale && !norms)
        norms = normsOf(contraction, *weights);
      if (isFaithful(affine, norms, type))
        best = affine;
    });
    if (!best)
      return;
    Affine &affine = *best;

    OpBuilder b(op);
    Operation *folded = op->clone();
    if (affine.scales)
      folded->setOperand(1, scaleWeights(b, contraction, *weights, affine.scale));
    if (bias || affine.shifts) {
      ConstantBuilder sum(RankedTensorType::get({channels}, type));
      for (int64_t c = 0; c < channels; ++c)
        sum.setFloat(c, affine.shift[c]);
      std::string name = contraction.bias ? constantName(contraction.bias) : constantName(op->getResult(0)) + ".bias";
      Value constant = ConstantOp::create(b, op->getLoc(), sum.finish(name));
      Contraction::setBias(folded, constant);
    }
    affine.locations.insert(affine.locations.begin(), op->getLoc());
    folded->setLoc(b.getFusedLoc(affine.locations));
    b.insert(folded);
    setOrigin(folded->getResult(0), {});
    carryOrigin(affine.last->getResult(0), folded->getResult(0));
    remark::passed(op->getLoc(), remark::RemarkOpts::name("FoldScale").category("nncc-fold-scale"))
        << op->getName().getStringRef() << " takes " << (affine.scales ? "a scale and a shift" : "a shift")
        << " into its weights";
    affine.last->replaceAllUsesWith(folded);
    for (Operation *dead = affine.last; dead;) {
      // Each link of the chain had one user, which is gone.
      Operation *above = nullptr;
      if (dead != op)
        for (Value operand : dead->getOperands())
          if (!getConstantValue(operand))
            above = operand.getDefiningOp();
      dead->erase();
      dead = above;
    }
  }

  /// True when the folded op computes what the ops did: weights and biases keep their digits, and nothing of the size
  /// that makes roundings of the rest was added, neither to stay (sums begin with the bias) nor to be taken away. The
  /// largest channel counts, as it does for the tolerance: others may be as good as dead.
  static bool isFaithful(const Affine &affine, const std::optional<Norms> &norms, FloatType type) {
    double weights = 0, products = norms ? 0 : 1, added = 0;
    for (auto [c, scale] : llvm::enumerate(affine.scale)) {
      double scaled = norms ? norms->most[c] * std::fabs(scale) : 0;
      if (!isFiniteIn(scaled, type) || !isFiniteIn(affine.shift[c], type))
        return false;
      weights = std::max(weights, scaled);
      products = std::max(products, norms ? norms->sum[c] * std::fabs(scale) : 0);
      added = std::max(added, affine.added[c]);
    }
    if (affine.scales && !keepsDigits(weights, type))
      return false;
    return !affine.shifts || products == 0 || added <= kMostAdded * products;
  }

  static bool isFiniteIn(double number, FloatType type) {
    llvm::APFloat rounded(number);
    bool losesInfo;
    rounded.convert(type.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
    return rounded.isFinite();
  }

  /// Calls `visit(channel, index)` for every element of the weights.
  template <typename Visit>
  static void forEachWeight(const Contraction &contraction, const ConstantReader &weights, Visit visit) {
    // Elements of one channel come in runs of `inner`.
    ArrayRef<int64_t> shape = weights.getType().getShape();
    int64_t inner = 1, channels = shape[contraction.channelDim];
    for (int64_t dim : shape.drop_front(contraction.channelDim + 1))
      inner *= dim;
    for (int64_t i = 0, e = weights.size(); i < e; ++i)
      visit((i / inner) % channels, i);
  }

  static Norms normsOf(const Contraction &contraction, const ConstantReader &weights) {
    Norms norms(weights.getType().getDimSize(contraction.channelDim));
    forEachWeight(contraction, weights, [&](int64_t channel, int64_t i) {
      double magnitude = std::fabs(weights.getFloat(i));
      norms.most[channel] = std::fmax(norms.most[channel], magnitude);
      norms.sum[channel] += magnitude;
    });
    return norms;
  }

  static Value scaleWeights(OpBuilder &b, const Contraction &contraction, const ConstantReader &weights,
                            ArrayRef<double> scale) {
    ConstantBuilder scaled(weights.getType());
    forEachWeight(contraction, weights,
                  [&](int64_t channel, int64_t i) { scaled.setFloat(i, weights.getFloat(i) * scale[channel]); });
    Value old = contraction.weights;
    return ConstantOp::create(b, old.getLoc(), scaled.finish(constantName(old)));
  }
};
} // namespace
} // namespace nncc
