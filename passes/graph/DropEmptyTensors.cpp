// Takes tensors without elements out of the graph: what is left reads and writes something.
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/NN.h"
#include "dialects/nn/Origin.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "passes/Passes.h"
#include "passes/check/Stage.h"
#include "llvm/ADT/TypeSwitch.h"
#include <limits>

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
#define GEN_PASS_DEF_DROPEMPTYTENSORS
#include "passes/Passes.h.inc"

namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }
bool isEmpty(Value value) { return typeOf(value).getNumElements() == 0; }

/// What a reduction of no integers gives: the number of the type that is nearest to what floats give.
Attribute reductionOfNoIntegers(ReduceKind kind, IntegerType type) {
  unsigned width = type.getWidth();
  bool isUnsigned = type.isUnsigned() || width == 1;
  llvm::APInt least = isUnsigned ? llvm::APInt::getMinValue(width) : llvm::APInt::getSignedMinValue(width);
  llvm::APInt most = isUnsigned ? llvm::APInt::getMaxValue(width) : llvm::APInt::getSignedMaxValue(width);
  switch (kind) {
  case ReduceKind::max:
  case ReduceKind::log_sum:
  case ReduceKind::log_sum_exp:
    return IntegerAttr::get(type, least);
  case ReduceKind::min:
    return IntegerAttr::get(type, most);
  default:
    return IntegerAttr::get(type, llvm::APInt(width, kind == ReduceKind::prod));
  }
}

/// What a reduction gives that has nothing to reduce.
///
/// source  ONNX ReduceSum-13 and its like, "reduction over an empty set of values"; the mean is 0 / 0
Attribute reductionOfNothing(ReduceKind kind, Type element) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (auto type = dyn_cast<IntegerType>(element))
    return reductionOfNoIntegers(kind, type);
  switch (kind) {
  case ReduceKind::max:
  case ReduceKind::log_sum:
  case ReduceKind::log_sum_exp:
    return FloatAttr::get(element, -infinity);
  case ReduceKind::min:
    return FloatAttr::get(element, infinity);
  case ReduceKind::mean:
    return FloatAttr::get(element, std::numeric_limits<double>::quiet_NaN());
  default:
    return FloatAttr::get(element, kind == ReduceKind::prod ? 1.0 : 0.0);
  }
}

struct DropEmptyTensors : impl::DropEmptyTensorsBase<DropEmptyTensors> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N1"})))
      return signalPassFailure();
    for (Block &block : getOperation().getBody()) {
      // Operands come before their users: one walk is enough.
      for (Operation &op : llvm::make_early_inc_range(block))
        if (!isa<ConstantOp>(op) && !op.hasTrait<OpTrait::IsTerminator>())
          drop(&op);
    }
  }

  static void drop(Operation *op) {
    OpBuilder b(op);
    if (llvm::any_of(op->getResults(), isEmpty)) {
      for (Value result : op->getResults())
        if (isEmpty(result)) {
          auto nothing = DenseElementsAttr::get(typeOf(result), ArrayRef<Attribute>());
          result.replaceAllUsesWith(ConstantOp::create(b, op->getLoc(), nothing));
        }
    } else if (llvm::any_of(op->getOperands(), isEmpty)) {
      Value made = withoutThem(b, op);
      if (!made)
        return;
      if (getOrigin(made).tensor.empty()) // what was there before keeps its name
        carryOrigin(op->getResult(0), made);
      op->getResult(0).replaceAllUsesWith(made);
    }
    if (!op->use_empty())
      return;
    remark::passed(op->getLoc(), remark::RemarkOpts::name("DropEmptyTensors").category("nncc-drop-empty-tensors"))
        << op->getName().getStringRef() << " has no elements, or reads none";
    op->erase();
  }

  /// What an op computes whose result has elements and some of whose operands have none.
  static Value withoutThem(OpBuilder &b, Operation *op) {
    Location loc = op->getLoc();
    RankedTensorType type = typeOf(op->getResult(0));
    auto everywhere = [&](Attribute number) -> Value {
      return ConstantOp::create(b, loc, DenseElementsAttr::get(type, number));
    };
    // A sum of no products, and the bias along the last dim.
    auto bias = [&](Value bias) -> Value {
      if (!bias)
        return everywhere(b.getZeroAttr(type.getElementType()));
      SmallVector<int64_t> shape(type.getRank(), 1);
      shape.back() = typeOf(bias).getNumElements();
      Value row = ReshapeOp::create(b, loc, RankedTensorType::get(shape, type.getElementType()), bias);
      return ExpandOp::create(b, loc, type, row);
    };
    return llvm::TypeSwitch<Operation *, Value>(op)
        .Case([&](ConcatOp concat) -> Value {
          SmallVector<Value> full;
          llvm::copy_if(concat.getInputs(), std::back_inserter(full), [](Value input) { return !isEmpty(input); });
          return full.size() == 1 ? full[0] : Value(ConcatOp::create(b, loc, type, full, concat.getAxis()));
        })
        .Case([&](PadOp pad) { return everywhere(numberAs(pad.getValue(), type.getElementType())); })
        .Case([&](ReduceOp reduce) { return everywhere(reductionOfNothing(reduce.getKind(), type.getElementType())); })
        .Case<MatMulOp, Conv2DOp, ConvTranspose2DOp>([&](auto product) { return bias(product.getBias()); })
        .Case<ScatterElementsOp, ScatterNDOp>([](auto scatter) { return scatter.getData(); })
        .Default(Value());
  }
};
} // namespace
} // namespace nncc
