// What is padded along one dim can be written where it is padded: a concatenation in place, beside which a kernel of
// its own writes the fill. The tensor lies in memory once then, and nothing is copied. Nothing can overwrite the padded
// tensor while the other is read, though.
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/Origin.h"
#include "mlir/IR/Builders.h"
#include "passes/lower/KernelCost.h"
#include "passes/lower/Machine.h"
#include "passes/memory/MemoryLayout.h"
#include "passes/place/Placed.h"

using namespace mlir;

namespace nncc {

using namespace nn;

namespace {

/// What is written side by side has to be as long as a cache line: shorter rows take more instructions than copies.
constexpr int64_t kLeastRowBytes = 64;

/// The dim that a tensor is padded along, if it is one.
std::optional<int64_t> paddedDim(PadOp pad) {
  std::optional<int64_t> dim;
  for (auto [number, low, high] : llvm::enumerate(pad.getLow(), pad.getHigh())) {
    if (low < 0 || high < 0 || ((low || high) && dim))
      return std::nullopt;
    if (low || high)
      dim = number;
  }
  return dim;
}

/// A kernel on the device of another, for the same nodes, that yields what `build` makes of its arguments.
KernelOp addKernel(OpBuilder &builder, KernelOp like, const Twine &name, ValueRange inputs, RankedTensorType type,
                   llvm::function_ref<Value(OpBuilder &, ValueRange)> build) {
  auto kernel = KernelOp::create(builder, like.getLoc(), type, name.str(), inputs, ValueRange(), Value(), StringAttr(),
                                 like.getNodesAttr());
  placeLike(kernel, like);
  if (Attribute placed = like->getAttr(kPlacedAsAttr))
    kernel->setAttr(kPlacedAsAttr, placed);
  Block &body = kernel.getBody().emplaceBlock();
  for (Value input : inputs)
    body.addArgument(input.getType(), like.getLoc());
  OpBuilder inner = OpBuilder::atBlockEnd(&body);
  YieldOp::create(inner, like.getLoc(), build(inner, body.getArguments()));
  return kernel;
}

/// A kernel and all that runs before it in any order.
SmallPtrSet<Operation *, 16> neededBy(KernelOp kernel) {
  SmallVector<Operation *> left{kernel};
  SmallPtrSet<Operation *, 16> found{kernel.getOperation()};
  while (!left.empty())
    for (Value operand : left.pop_back_val()->getOperands())
      if (Operation *maker = operand.getDefiningOp(); maker && found.insert(maker).second)
        left.push_back(maker);
  return found;
}

/// The operand that the kernel which writes what is padded could overwrite: others read it before, and not by a view,
/// which is read later. No concatenation, whose pieces have readers, too.
std::optional<unsigned> operandToOverwrite(KernelOp kernel) {
  auto maker = kernel.getInputs().front().getDefiningOp<KernelOp>();
  if (!maker || maker.getNumResults() != 1)
    return std::nullopt;
  SmallPtrSet<Operation *, 16> before = neededBy(maker);
  auto readsBefore = [&](Operation *user) {
    auto reader = dyn_cast<KernelOp>(user);
    return reader && !soleOp<SliceOp>(reader) && !soleConcat(reader) && before.contains(reader);
  };
  for (auto [number, operand] : llvm::enumerate(maker.getInputs())) {
    auto made = operand.getDefiningOp<KernelOp>();
    if (made && !soleConcat(made) && mayBeInPlace(maker, number) && llvm::count(maker.getInputs(), operand) == 1 &&
        llvm::all_of(operand.getUsers(), readsBefore))
      return number;
  }
  return std::nullopt;
}

} // namespace

bool mayFillBeside(KernelOp kernel) {
  auto pad = soleOp<PadOp>(kernel);
  if (!pad || pad.getMode() != PadMode::constant)
    return false;
  // On a GPU what fills is a dispatch more, and what it waits for a barrier.
  StringRef device = kernel.getDevice().value_or("cpu0");
  if (cpuFor(kernel->getParentOfType<ModuleOp>(), device) != device)
    return false;
  std::optional<int64_t> dim = paddedDim(pad);
  RankedTensorType type = tensorOf(pad.getInput());
  if (!dim || type.getNumElements() == 0)
    return false;
  int64_t row = elementBytes(type);
  for (int64_t size : type.getShape().drop_front(*dim))
    row *= size;
  return row >= kLeastRowBytes;
}

void fillBeside(KernelOp kernel) {
  auto pad = soleOp<PadOp>(kernel);
  int64_t dim = *paddedDim(pad);
  RankedTensorType type = tensorOf(pad.getOutput());
  OpBuilder builder(kernel);
  SmallVector<Value> pieces;
  auto fill = [&](int64_t size, StringRef where) {
    if (!size)
      return;
    SmallVector<int64_t> shape(type.getShape());
    shape[dim] = size;
    auto part = RankedTensorType::get(shape, type.getElementType());
    auto value = DenseElementsAttr::get(part, numberAs(pad.getValue(), type.getElementType()));
    auto build = [&](OpBuilder &inner, ValueRange) -> Value {
      return ConstantOp::create(inner, kernel.getLoc(), value);
    };
    pieces.push_back(addKernel(builder, kernel, kernel.getName() + where, {}, part, build).getResult(0));
  };
  fill(pad.getLow()[dim], "_low");
  pieces.push_back(kernel.getInputs().front());
  fill(pad.getHigh()[dim], "_high");
  auto whole = addKernel(builder, kernel, kernel.getName(), pieces, type, [&](OpBuilder &inner, ValueRange arguments) {
    Value joined = ConcatOp::create(inner, kernel.getLoc(), type, arguments, dim).getOutput();
    setOrigin(joined, getOrigin(pad.getOutput()));
    return joined;
  });
  kernel.getResult(0).replaceAllUsesWith(whole.getResult(0));
  kernel.erase();
}

bool mayFillBesideInPlace(KernelOp kernel) { return mayFillBeside(kernel) && operandToOverwrite(kernel); }

void fillBesideInPlace(KernelOp kernel) {
  OpBuilder builder(kernel);
  kernel.getInputs().front().getDefiningOp()->setAttr(kOverwritesAttr,
                                                      builder.getI64IntegerAttr(*operandToOverwrite(kernel)));
  fillBeside(kernel);
}

} // namespace nncc
