// Folds per-channel multiplications and additions after a contraction into its weights and bias. Batch normalization
// is such a pair from import on.
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/NN.h"
#include "dialects/nn/Origin.h"
#include "mlir/IR/Remarks.h"
#include "passes/Passes.h"
#include "passes/graph/Evaluate.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
#define GEN_PASS_DEF_FOLDSCALE
#include "passes/Passes.h.inc"

namespace {

// Above this a scaled copy of the weights costs more compile-time memory than the multiplication costs at run time.
constexpr int64_t kMaxScaledBytes = 64 << 20;

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// A contraction as the pass sees it: the weights, and their dim that numbers the output channels.
struct Contraction {
  OpOperand *weights = nullptr;
  Value bias;
  int64_t channelDim = 0;

  static std::optional<Contraction> of(Operation *op) {
    Contraction found;
    if (isa<Conv2DOp, ConvTranspose2DOp>(op)) {
      found.weights = &op->getOpOperand(1);
      found.bias = op->getNumOperands() > 2 ? op->getOperand(2) : Value();
      return found;
    }
    auto matmul = dyn_cast<MatMulOp>(op);
    if (!matmul)
      return std::nullopt;
    found.weights = &op->getOpOperand(1);
    found.bias = matmul.getBias();
    found.channelDim = typeOf(matmul.getRhs()).getRank() - (matmul.getTransposeB() ? 2 : 1);
    return found;
  }
};

/// y = x * scale + shift per output channel (the last dim of the result).
struct Affine {
  std::vector<double> scale, shift;
  bool scales = false, shifts = false;
  Operation *last = nullptr; ///< the op that makes y
  SmallVector<Location> locations;
};

/// The constant operand of an addition or multiplication of `value` when it has one value per channel or one in all.
std::optional<ConstantReader> perChannelOperand(BinaryOp op, Value value, int64_t channels) {
  Value other = op.getLhs() == value ? op.getRhs() : op.getLhs();
  if (other == value || op.getType() != value.getType())
    return std::nullopt;
  auto reader = ConstantReader::get(other);
  if (!reader || (reader->size() != 1 && (reader->size() != channels || typeOf(other).getShape().back() != channels)))
    return std::nullopt;
  return reader;
}

/// Follows the only user of `value` as long as that multiplies or adds constants per channel.
Affine followUsers(Value value, bool mayScale) {
  int64_t channels = typeOf(value).getShape().back();
  Affine affine{std::vector<double>(channels, 1), std::vector<double>(channels, 0), false, false, nullptr, {}};
  while (value.hasOneUse()) {
    auto op = dyn_cast<BinaryOp>(*value.user_begin());
    bool isAdd = op && op.getKind() == BinaryKind::add, isMul = op && op.getKind() == BinaryKind::mul && mayScale;
    if (!isAdd && !isMul)
      break;
    auto constant = perChannelOperand(op, value, channels);
    if (!constant)
      break;
    for (int64_t c = 0; c < channels; ++c) {
      double number = constant->getFloat(constant->size() == 1 ? 0 : c);
      if (isAdd) {
        affine.shift[c] += number;
      } else {
        affine.scale[c] *= number;
        affine.shift[c] *= number;
      }
    }
    (isAdd ? affine.shifts : affine.scales) = true;
    affine.last = op;
    affine.locations.push_back(op.getLoc());
    value = op;
  }
  return affine;
}

struct FoldScale : impl::FoldScaleBase<FoldScale> {
  void runOnOperation() override {
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
    if (!isa<FloatType>(output.getElementType()))
      return;
    auto bias = contraction.bias ? ConstantReader::get(contraction.bias) : std::nullopt;
    if (contraction.bias && !bias)
      return;
    auto weights = ConstantReader::get(contraction.weights->get());
    bool mayScale = weights && (int64_t)weights->getBytes().size() <= kMaxScaledBytes;
    Affine affine = followUsers(op->getResult(0), mayScale);
    if (!affine.last)
      return;

    OpBuilder b(op);
    int64_t channels = output.getShape().back();
    SmallVector<Value> operands(op->getOperands());
    if (affine.scales)
      operands[1] = scaleWeights(b, contraction, *weights, affine.scale);
    ConstantBuilder sum(RankedTensorType::get({channels}, output.getElementType()));
    for (int64_t c = 0; c < channels; ++c)
      sum.setFloat(c, (bias ? bias->getFloat(c) * affine.scale[c] : 0) + affine.shift[c]);
    if (bias || affine.shifts) {
      std::string name = contraction.bias ? constantName(contraction.bias) : constantName(op->getResult(0)) + ".bias";
      Value constant = ConstantOp::create(b, op->getLoc(), sum.finish(name));
      operands.resize(2);
      operands.push_back(constant);
    }
    affine.locations.insert(affine.locations.begin(), op->getLoc());
    OperationState state(b.getFusedLoc(affine.locations), op->getName().getStringRef(), operands,
                         affine.last->getResultTypes(), op->getAttrs());
    Operation *folded = b.create(state);
    setOrigin(folded->getResult(0), {});
    carryOrigin(affine.last->getResult(0), folded->getResult(0));
    remark::passed(op->getLoc(), remark::RemarkOpts::name("FoldScale").category("nncc-fold-scale"))
        << (affine.scales ? "scale and shift" : "shift");
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

  static Value scaleWeights(OpBuilder &b, const Contraction &contraction, const ConstantReader &weights,
                            ArrayRef<double> scale) {
    ConstantBuilder scaled(weights.getType());
    // Elements of one channel come in runs of `inner`.
    ArrayRef<int64_t> shape = weights.getType().getShape();
    int64_t inner = 1, channels = shape[contraction.channelDim];
    for (int64_t dim : shape.drop_front(contraction.channelDim + 1))
      inner *= dim;
    for (int64_t i = 0, e = weights.size(); i < e; ++i)
      scaled.setFloat(i, weights.getFloat(i) * scale[(i / inner) % channels]);
    Value old = contraction.weights->get();
    return ConstantOp::create(b, old.getLoc(), scaled.finish(constantName(old)));
  }
};
} // namespace
} // namespace nncc
