// Makes what lies between nn.dequantize and nn.quantize work on integers. The patterns are in FormIntegers*.cpp; what
// every form computes, bit by bit, is docs/quantization.md.
#include "passes/graph/FormIntegers.h"
#include "dialects/nn/Origin.h"
#include "dialects/nn/UnaryKind.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/check/Stage.h"
#include "passes/rewrite/PatternRemarks.h"
#include <cmath>

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
#define GEN_PASS_DEF_FORMINTEGERS
#include "passes/Passes.h.inc"

std::optional<Grid> Grid::of(Value scale, Value zeroPoint) {
  auto scales = ConstantReader::get(scale), zeros = ConstantReader::get(zeroPoint);
  if (!scales || !zeros || scales->size() != 1 || zeros->size() != 1)
    return std::nullopt;
  float number = scales->get<float>(0);
  // Below the least normal number a step may be lost on the way to a float and back.
  if (!(number >= std::numeric_limits<float>::min()) || std::isinf(number))
    return std::nullopt;
  return Grid{number, zeros->getInteger(0), zeros->getElementType()};
}

int64_t Grid::stepOf(float real) const {
  float steps = std::nearbyintf(real / scale) + (float)zero;
  return steps >= (float)high() ? high() : steps > (float)low() ? (int64_t)steps : low();
}

std::optional<Steps> Steps::of(Value real) {
  auto dequantize = real.getDefiningOp<DequantizeOp>();
  if (!dequantize)
    return std::nullopt;
  auto grid = Grid::of(dequantize.getScale(), dequantize.getZeroPoint());
  if (!grid || !grid->isByte())
    return std::nullopt;
  return Steps{dequantize.getInput(), *grid};
}

bool Rounding::isLimit(Operation *op) {
  auto unary = dyn_cast_or_null<UnaryOp>(op);
  return unary && (unary.getKind() == UnaryKind::relu || unary.getKind() == UnaryKind::clip);
}

void Rounding::limit(Operation *op) {
  auto unary = cast<UnaryOp>(op);
  bool isRelu = unary.getKind() == UnaryKind::relu;
  double least = isRelu ? 0 : unary.getAlpha().convertToDouble();
  double most = isRelu ? std::numeric_limits<double>::infinity() : unary.getBeta().convertToDouble();
  // min(max(x, least), most), and behind it the limits that are known.
  low = std::min(std::max(low, least), most < low ? low : std::max(low, most));
  high = most < low ? low : std::min(high, most);
  low = std::min(low, high);
}

std::optional<Rounding> Rounding::of(QuantizeOp quantize) {
  auto grid = Grid::of(quantize.getScale(), quantize.getZeroPoint());
  if (!grid || !grid->isByte() ||
      typeOf(quantize.getInput()) != quantize.getType().clone(typeOf(quantize.getInput()).getElementType()))
    return std::nullopt;
  Rounding rounding{quantize, *grid, quantize.getInput()};
  while (isLimit(rounding.source.getDefiningOp()) && rounding.source.hasOneUse()) {
    Operation *op = rounding.source.getDefiningOp();
    rounding.limit(op);
    rounding.source = op->getOperand(0);
  }
  return rounding;
}

Value Rounding::limited(PatternRewriter &rewriter, Value steps) const {
  int64_t least = std::isinf(low) ? grid.low() : grid.stepOf((float)low);
  int64_t most = std::isinf(high) ? grid.high() : grid.stepOf((float)high);
  if (least <= grid.low() && most >= grid.high())
    return steps;
  return UnaryOp::create(rewriter, steps.getLoc(), steps.getType(), UnaryKind::clip, steps,
                         llvm::APFloat((double)least), llvm::APFloat((double)most));
}

Value oneNumber(PatternRewriter &rewriter, Location location, Type element, int64_t rank, double number) {
  auto type = RankedTensorType::get(SmallVector<int64_t>(rank, 1), element);
  return ConstantOp::create(rewriter, location, DenseElementsAttr::get(type, rewriter.getFloatAttr(element, number)));
}

Value oneStep(PatternRewriter &rewriter, Location location, Type element, int64_t rank, int64_t number) {
  auto type = RankedTensorType::get(SmallVector<int64_t>(rank, 1), element);
  return ConstantOp::create(rewriter, location, DenseElementsAttr::get(type, rewriter.getIntegerAttr(element, number)));
}

Value viewed(PatternRewriter &rewriter, Value value, ArrayRef<int64_t> shape) {
  if (typeOf(value).getShape() == shape)
    return value;
  if (Value constant = reshapedConstant(rewriter, value, shape))
    return constant;
  return ReshapeOp::create(rewriter, value.getLoc(), typeOf(value).clone(shape), value);
}

std::optional<int64_t> dimBehindReshape(RankedTensorType from, RankedTensorType to, int64_t dim) {
  auto countBefore = [](RankedTensorType type, int64_t dim) {
    int64_t count = 1;
    for (int64_t size : type.getShape().take_front(dim))
      count *= size;
    return count;
  };
  for (int64_t other = 0; other < to.getRank(); ++other)
    if (to.getDimSize(other) == from.getDimSize(dim) && countBefore(to, other) == countBefore(from, dim))
      return other;
  return std::nullopt;
}

namespace {

bool isQuantized(Operation *op) {
  return isa<QuantizeOp, DequantizeOp, RequantizeOp>(op) ||
         (isa<Conv2DOp, ConvTranspose2DOp, MatMulOp>(op) && typeOf(op->getOperand(0)).getElementType().isInteger(8));
}

/// Says which contractions read quantized tensors and stay floats.
void reportFloats(func::FuncOp function) {
  function.walk([](Operation *op) {
    if (isa<Conv2DOp, ConvTranspose2DOp, MatMulOp>(op) && op->getOperand(0).getDefiningOp<DequantizeOp>())
      remark::missed(op->getLoc(), remark::RemarkOpts::name("StaysFloat").category("nncc-form-integers"))
          << "computed in floats: weights that are not quantized per tensor or output channel, parameters that are not "
             "known, or sums that could pass 2^31";
  });
}

struct FormIntegers : impl::FormIntegersBase<FormIntegers> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N1"})))
      return signalPassFailure();
    if (!getOperation()
             .walk([](Operation *op) { return isQuantized(op) ? WalkResult::interrupt() : WalkResult::advance(); })
             .wasInterrupted())
      return;
    run([](RewritePatternSet &patterns) {
      addIntegerLayout(patterns);
      addIntegerElementwise(patterns);
      addIntegerContractions(patterns);
    });
    run(addIntegerRemains);
    reportFloats(getOperation());
    subtractZeroPoints(getOperation());
    chooseSigns(getOperation());
    fillUpChannels(getOperation());
    stateBounds(getOperation());
    foldZeroPoints(getOperation());
  }

  void run(function_ref<void(RewritePatternSet &)> add) {
    RewritePatternSet patterns(&getContext());
    add(patterns);
    GreedyRewriteConfig config;
    // Layout moves towards the quantize below it, once for each op; every other pattern leaves fewer floats.
    config.setMaxIterations(10);
    config.setUseTopDownTraversal(true);
    PatternRemarks remarks(&getContext(), getArgument());
    config.setListener(remarks.listener());
    (void)applyPatternsGreedily(getOperation(), std::move(patterns), config);
  }
};
} // namespace
} // namespace nncc
