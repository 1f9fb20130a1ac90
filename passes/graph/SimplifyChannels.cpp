// Rewrites of the Simplify pass: channels that no input can change, such as those that training has shrunk to filters
// of zeros.
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/Evaluate.h"
#include "dialects/nn/Origin.h"
#include "passes/graph/Simplify.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
namespace {

/// As many channels stay as fill vectors: 16 floats are one of AVX-512, 16 bytes one of NEON. Fewer save nothing, and
/// pixels would begin in the middle of a cache line.
constexpr int64_t kVector = 16;
/// How far in front of a convolution is looked: what has more in front of it is no block of a network.
constexpr unsigned kMostOps = 32;

/// Whether some elements of a constant are all 0: those at `first`, and `count` in all, `step` apart.
bool areZeros(const ConstantReader &constant, int64_t first, int64_t count, int64_t step) {
  for (int64_t i = 0; i < count; ++i)
    if (constant.getFloat(first + i * step) != 0)
      return false;
  return true;
}

/// A convolution whose filter is a constant with no zero point but 0, and whose bias is a constant, too.
struct ConstantConv {
  Conv2DOp op;
  ConstantReader filter;
  std::optional<ConstantReader> bias;
  double zero = 0; ///< what its padding is, and what adds nothing

  static std::optional<ConstantConv> of(Operation *op) {
    auto conv = dyn_cast_or_null<Conv2DOp>(op);
    auto filter = conv ? ConstantReader::get(conv.getFilter()) : std::nullopt;
    if (!filter)
      return std::nullopt;
    ConstantConv found{conv, *filter, std::nullopt};
    if (conv.getBias() && !(found.bias = ConstantReader::get(conv.getBias())))
      return std::nullopt;
    if (conv.getInputZeroPoint()) {
      auto zero = ConstantReader::get(conv.getInputZeroPoint()),
           ofFilter = ConstantReader::get(conv.getFilterZeroPoint());
      if (!zero || !ofFilter || !areZeros(*ofFilter, 0, ofFilter->size(), 1))
        return std::nullopt;
      found.zero = zero->getFloat(0);
    }
    return found;
  }

  /// Whether an output channel is its bias alone. Filters of zeros are 0 also times what is infinite: weights that
  /// training took away say nothing.
  bool isBias(int64_t output) const {
    int64_t each = filter.size() / filter.getType().getDimSize(0);
    return areZeros(filter, output * each, each, 1);
  }
  /// Whether no output of a convolution of one group reads an input channel.
  bool ignores(int64_t input) const {
    int64_t inputs = filter.getType().getShape().back();
    return areZeros(filter, input, filter.size() / inputs, inputs);
  }
  double biasOf(int64_t output) const { return bias ? bias->getFloat(output) : 0; }
};

/// The value of each channel that no input changes.
using Channels = std::vector<std::optional<double>>;

/// A copy of a constant with some of the indices of a dim.
Value keepIndices(PatternRewriter &rewriter, Value value, int64_t dim, ArrayRef<int64_t> kept) {
  ConstantReader all = *ConstantReader::get(value);
  SmallVector<int64_t> shape(all.getType().getShape());
  int64_t inner = 1, before = shape[dim];
  for (int64_t size : ArrayRef(shape).drop_front(dim + 1))
    inner *= size;
  shape[dim] = kept.size();
  ConstantBuilder some(RankedTensorType::get(shape, all.getElementType()));
  for (int64_t i = 0, e = some.getStoredCount(); i < e; ++i) {
    int64_t outer = i / inner / (int64_t)kept.size(), index = kept[i / inner % kept.size()];
    memcpy(some.at(i), all.at((outer * before + index) * inner + i % inner),
           constantElementBytes(all.getElementType()));
  }
  return ConstantOp::create(rewriter, value.getLoc(), some.finish(constantName(value)));
}

/// What lies between convolutions of one group and one that reads what becomes of their results: functions of single
/// elements with constants for channels, and depthwise convolutions. Nobody else reads any of it.
class Between {
public:
  /// What is in front of `reader`. error: why that is nothing, in `reason`
  static std::optional<Between> of(Conv2DOp reader, const char *&reason) {
    Between found;
    found.end = reader.getInput();
    found.channels = typeOf(found.end).getShape().back();
    if (!found.add(found.end, kMostOps)) {
      reason = "something else than convolutions and functions of their elements makes its input";
      return std::nullopt;
    }
    // A convolution of one group that is in between itself reads all channels of what it reads.
    auto readsThemApart = [&](Operation *user) {
      auto conv = dyn_cast<Conv2DOp>(user);
      return found.ops.contains(user) && (!conv || conv.getGroups() != 1);
    };
    for (Operation *op : found.ops)
      if (llvm::any_of(op->getUsers(), [&](Operation *user) { return user != reader && !readsThemApart(user); })) {
        reason = "others read its input, or what that is made of";
        return std::nullopt;
      }
    return found;
  }

  int64_t size() const { return channels; }

  /// For each channel of the end, the value that it has whatever the model reads. Nothing where that is not evaluated.
  std::optional<Channels> findConstants() const {
    llvm::DenseMap<Value, Channels> known;
    for (Operation *op : ops) {
      auto conv = ConstantConv::of(op);
      auto values = conv ? std::optional(apply(*conv, known)) : apply(op, known);
      if (!values)
        return std::nullopt;
      known[op->getResult(0)] = std::move(*values);
    }
    return known.lookup(end);
  }

  /// The end, of some channels alone.
  Value keep(ArrayRef<int64_t> kept, PatternRewriter &rewriter) const {
    IRMapping map;
    for (Operation *op : ops) {
      rewriter.setInsertionPoint(op);
      auto conv = dyn_cast<Conv2DOp>(op);
      for (Value operand : op->getOperands())
        if (auto constant = ConstantReader::get(operand); constant && constant->size() != 1) {
          bool isFirstDim = conv && operand == conv.getFilter();
          map.map(operand, keepIndices(rewriter, operand, isFirstDim ? 0 : typeOf(operand).getRank() - 1, kept));
        }
      Operation *fewer = rewriter.clone(*op, map);
      auto type = typeOf(op->getResult(0));
      SmallVector<int64_t> shape(type.getShape());
      shape.back() = kept.size();
      fewer->getResult(0).setType(RankedTensorType::get(shape, type.getElementType()));
      setOrigin(fewer->getResult(0), {}); // the model's tensor has all of them
      if (conv && conv.getGroups() != 1)
        cast<Conv2DOp>(fewer).setGroups(kept.size());
      map.map(op->getResult(0), fewer->getResult(0));
    }
    return map.lookup(end);
  }

private:
  /// Adds what makes a value, after what makes that; in a row at most `most`.
  bool add(Value value, unsigned most) {
    Operation *op = value.getDefiningOp();
    if (!op || most == 0 || op->getNumResults() != 1 || typeOf(value).getRank() == 0 ||
        typeOf(value).getShape().back() != channels)
      return false;
    if (ops.contains(op))
      return true;
    if (auto conv = ConstantConv::of(op)) {
      if (conv->op.getGroups() != 1 && (!conv->op.isDepthwise() || !add(conv->op.getInput(), most - 1)))
        return false;
    } else if (!isElementwise(op) || !llvm::all_of(op->getOperands(), [&](Value operand) {
                 auto constant = ConstantReader::get(operand);
                 return constant ? constant->size() == 1 || isOfChannels(*constant) : add(operand, most - 1);
               })) {
      return false;
    }
    ops.insert(op);
    return true;
  }

  bool isOfChannels(const ConstantReader &constant) const {
    return constant.size() == channels && constant.getType().getShape().back() == channels;
  }

  Channels apply(const ConstantConv &conv, const llvm::DenseMap<Value, Channels> &known) const {
    // Of one group, all channels are read by each.
    Conv2DOp op = conv.op;
    Channels values(channels), read = op.getGroups() != 1 ? known.lookup(op.getInput()) : Channels();
    for (auto [c, value] : llvm::enumerate(values))
      if (conv.isBias(c) || (!read.empty() && read[c] == conv.zero))
        value = conv.biasOf(c);
    return values;
  }

  /// Computes a function of single elements of the channels that are known.
  std::optional<Channels> apply(Operation *op, const llvm::DenseMap<Value, Channels> &known) const {
    // What is evaluated is not part of the model: nothing may change where nothing comes of it.
    OpBuilder apart(op->getContext());
    SmallVector<Operation *> made;
    Channels values(channels, 0);
    IRMapping map;
    auto typeLike = [&](Value value) {
      SmallVector<int64_t> shape(typeOf(value).getRank(), 1);
      shape.back() = channels;
      return RankedTensorType::get(shape, typeOf(value).getElementType());
    };
    for (Value operand : op->getOperands()) {
      auto read = known.find(operand);
      if (read == known.end())
        continue;
      ConstantBuilder constant(typeLike(operand));
      for (auto [c, value] : llvm::enumerate(read->second)) {
        constant.setFloat(c, value.value_or(0));
        if (!value)
          values[c].reset();
      }
      made.push_back(ConstantOp::create(apart, op->getLoc(), constant.finish("channels")));
      map.map(operand, made.back()->getResult(0));
    }
    Operation *ofChannels = op->clone(map);
    ofChannels->getResult(0).setType(typeLike(op->getResult(0)));
    ElementsAttr result = evaluate(ofChannels, "channels", {});
    ofChannels->erase();
    for (Operation *constant : made)
      constant->erase();
    auto computed = result ? ConstantReader::get(result) : std::nullopt;
    if (!computed)
      return std::nullopt;
    for (auto [c, value] : llvm::enumerate(values))
      if (value)
        value = computed->getFloat(c);
    return values;
  }

  llvm::SetVector<Operation *> ops; ///< each behind what it reads
  Value end;
  int64_t channels = 0;
};

/// conv2d(f(conv2d(x))) -> the same without the channels between that no x changes: what they add is part of the bias.
struct DropConstantChannels : OpRewritePattern<Conv2DOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(Conv2DOp op, PatternRewriter &rewriter) const override {
    auto reader = ConstantConv::of(op);
    if (!reader || op.getGroups() != 1 || reader->filter.size() == 0)
      return rewriter.notifyMatchFailure(op, "no constant filter of one group");
    const char *reason = nullptr;
    auto between = Between::of(op, reason);
    if (!between)
      return rewriter.notifyMatchFailure(op, reason);
    auto values = between->findConstants();
    if (!values)
      return rewriter.notifyMatchFailure(op, "a function of its input is not evaluated at compile time");
    bool isPadded = llvm::any_of(op.getPads(), [](int64_t pad) { return pad != 0; });
    SmallVector<int64_t> kept, dropped;
    for (auto [c, value] : llvm::enumerate(*values)) {
      bool addsAConstant = value && std::isfinite(*value) && (!isPadded || *value == reader->zero);
      (addsAConstant || reader->ignores(c) ? dropped : kept).push_back(c);
    }
    int64_t count = std::max(llvm::alignTo(kept.size(), kVector), (uint64_t)kVector);
    if (count >= between->size())
      return rewriter.notifyMatchFailure(op, "its input has no vector of channels that are constant");
    auto more = dropped.begin() + (count - kept.size());
    kept.append(dropped.begin(), more);
    dropped.erase(dropped.begin(), more);
    llvm::sort(kept);
    auto bias = biasWith(*reader, *values, dropped, rewriter);
    if (!bias)
      return rewriter.notifyMatchFailure(op, "what the channels add is no number of its type");
    Value input = between->keep(kept, rewriter);
    rewriter.setInsertionPoint(op);
    Value filter = keepIndices(rewriter, op.getFilter(), 3, kept);
    rewriter.modifyOpInPlace(op, [&] {
      op.getInputMutable().assign(input);
      op.getFilterMutable().assign(filter);
      if (*bias)
        op.getBiasMutable().assign(*bias);
    });
    return success();
  }

private:
  /// The bias of a convolution, and what constant channels add. Null where both are nothing; nothing where that is no
  /// number of its type.
  static std::optional<Value> biasWith(ConstantConv conv, const Channels &values, ArrayRef<int64_t> channels,
                                       PatternRewriter &rewriter) {
    Type type = typeOf(conv.op.getOutput()).getElementType();
    int64_t outputs = conv.filter.getType().getDimSize(0), inputs = conv.filter.getType().getShape().back();
    int64_t each = conv.filter.size() / outputs;
    ConstantBuilder sums(RankedTensorType::get({outputs}, type));
    bool addsAny = false;
    for (int64_t output = 0; output < outputs; ++output) {
      double sum = 0;
      for (int64_t channel : channels)
        for (int64_t i = channel; i < each && values[channel]; i += inputs)
          sum += conv.filter.getFloat(output * each + i) * (*values[channel] - conv.zero);
      addsAny |= sum != 0;
      sum += conv.biasOf(output);
      if (type.isInteger() ? std::fabs(sum) > INT32_MAX : !(std::fabs(sum) <= std::numeric_limits<float>::max()))
        return std::nullopt;
      sums.setFloat(output, sum);
    }
    if (!addsAny)
      return conv.op.getBias();
    // Rounded to 16 bits the sum of them all is less exact than what they add one by one in f32.
    if (isa<FloatType>(type) && type.getIntOrFloatBitWidth() < 32)
      return std::nullopt;
    Value like = conv.op.getBias() ? conv.op.getBias() : conv.op.getFilter();
    return ConstantOp::create(rewriter, conv.op.getLoc(), sums.finish(constantName(like)));
  }
};
} // namespace

void addChannelSimplifications(RewritePatternSet &patterns) {
  patterns.add<DropConstantChannels>(patterns.getContext());
}

} // namespace nncc
