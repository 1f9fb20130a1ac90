// Limits are relative to the L2 cache and to what is between the ops.
#include "codegen/cpu/ChainPlan.h"
#include "codegen/cpu/MergeKernels.h"
#include "passes/lower/DotProducts.h"
#include "passes/lower/KernelCost.h"
#include "passes/lower/Machine.h"
#include "passes/lower/ScalarMath.h"
#include "passes/memory/MemoryLayout.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

// Threads that strips of rows have room for.
static constexpr int64_t kSlots = 4;

static ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

int64_t cpu::chainBytesOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getNumElements() *
         (memoryType(getElementTypeOrSelf(value)).getIntOrFloatBitWidth() / 8);
}

//===-- links -------------------------------------------------------------===//

static bool isOfFloatsOrBytes(const Contraction &contraction) {
  return isa<FloatType>(contraction.element) || contraction.isOfBytes() || contraction.element.isInteger(8);
}

/// Strips inside of an image have no padding above or below, and are no contraction then.
static bool hasDotProducts(Operation *window) {
  auto conv = dyn_cast<nn::Conv2DOp>(window);
  return conv && areInnerRowsDotProducts(conv);
}

/// Sums that correct products of bytes are packed for windows that sweep, or for each set of taps of those that do
/// not. A few rows by themselves may sweep where the whole does not (SlidingWindow::match()): one of its rows reads
/// none of the input, an operand of a heavy epilogue varies from row to row, or it was measured to be slower, which
/// parts do not know of. Products never sweep.
static bool runsAlikeInParts(const Contraction &contraction) {
  if (!contraction.isOfBytes() || contraction.sliding || contraction.body == TapBody::Product)
    return true;
  bool isTuned = contraction.tuning && contraction.tuning->form == Tuning::direct;
  bool variesByRow = contraction.epilogue->isHeavy() &&
                     llvm::any_of(contraction.epilogue->leaves(), [](const auto &leaf) { return leaf.variesByPixel; });
  int64_t last = shapeOf(contraction.root->getResult(0))[1] - 1;
  return !isTuned && !variesByRow && llvm::all_of(std::array<int64_t, 2>{0, last}, [&](int64_t row) {
    return RowsRead::of(contraction.root, {row, row + 1}).rows.count() > 0;
  });
}

/// Windows that do not sweep run along the axis whose pixels share columns, so the number of rows decides in which
/// order taps are added. Rows that two threads make have to be the same, bit by bit.
static bool addsInOneOrder(const Contraction &contraction) {
  return contraction.body != TapBody::Channelwise || contraction.sliding || contraction.isOfBytes() ||
         contraction.tapsH == 1 || contraction.tapsW == 1;
}

static bool isPackedConvolution(nn::KernelOp kernel, const Contraction &contraction) {
  return isa<nn::Conv2DOp>(contraction.root) && getPacking(kernel, *contraction.rhs);
}

std::optional<ChainLink> ChainLink::match(ModuleOp module, nn::KernelOp kernel, std::string &reason) {
  nn::MachineAttr machine = getMachine(kernel);
  StringRef device = kernel.getDevice().value_or("cpu0");
  if (!machine || cpuFor(module, device) != device) {
    reason = "it is for another device than a CPU";
    return std::nullopt;
  }
  auto contraction = Contraction::match(kernel, reason);
  if (!contraction)
    return std::nullopt;
  ChainLink link{contraction->root, contraction->lhs, bool(prologueOf(kernel)), 0, "", "", "", machine};
  const bool isConvolution = isPackedConvolution(kernel, *contraction) && isOfFloatsOrBytes(*contraction);
  auto pool = dyn_cast<nn::Pool2DOp>(link.window);
  if (!isConvolution && !(pool && pool.getKind() == nn::PoolKind::max && isOfFloatsOrBytes(*contraction)))
    link.notBehind = "no convolution of floats or bytes with constant weights, and no maximum of windows";
  else if (contraction->readsPlanes)
    link.notBehind = "a transposition lies between it and what makes its input";
  else if (contraction->isOrdered && contraction->readsLines())
    link.notBehind = "pixels of its input have to follow each other";
  // What an epilogue reads may be what its kernel is written over.
  if (!isConvolution)
    link.notAhead = "no convolution of floats or bytes makes its input for it alone";
  else if (!kernel.getBody().getArgument(contraction->lhs).hasOneUse() ||
           llvm::any_of(contraction->epilogue->leaves(), [](const Leaf &leaf) { return leaf.variesByPixel; }))
    link.notAhead = "the convolution that makes its input reads more than an image";
  else if (!addsInOneOrder(*contraction))
    link.notAhead = "the convolution that makes its input adds up in an order that its number of rows decides";
  if (hasDotProducts(link.window))
    link.notInParts = "rows of it that read no padding are dot products, which have loops of their own";
  else if (!runsAlikeInParts(*contraction))
    link.notInParts = "parts of it would read weights that are packed in another way";
  if (isConvolution)
    link.weightBytes = chainBytesOf(link.window->getOperand(1));
  return link;
}

//===-- prologues ---------------------------------------------------------===//

std::optional<unsigned> cpu::imageOf(nn::KernelOp kernel) {
  SmallVector<Operation *> windows = windowsOf(kernel);
  if (windows.empty())
    return std::nullopt;
  Operation *reader = windows.front();
  if (nn::TransposeOp transpose = transposeOfPlanes(reader))
    reader = transpose;
  auto image = dyn_cast<BlockArgument>(reader->getOperand(0));
  return image ? std::optional(image.getArgNumber()) : std::nullopt;
}

/// Some channels of an input of the model, or some rows: what reads them reads the input itself, in which pixels and
/// planes lie as far from each other as before.
static bool isPartOfInput(Value value) {
  auto maker = value.getDefiningOp<nn::KernelOp>();
  nn::SliceOp slice = maker && value.hasOneUse() ? soleOp<nn::SliceOp>(maker) : nn::SliceOp();
  if (!slice || !isa<BlockArgument>(maker.getInputs().front()))
    return false;
  ArrayRef<int64_t> whole = shapeOf(slice.getInput()), part = shapeOf(value);
  return whole.size() == 4 && llvm::all_of(slice.getStarts(), [](int64_t start) { return start == 0; }) &&
         llvm::all_of(slice.getSteps(), [](int64_t step) { return step == 1; }) &&
         (whole.back() == part.back() || whole.back() <= kMostHeld);
}

nn::KernelOp cpu::prologueOf(nn::KernelOp kernel) {
  std::optional<unsigned> image = imageOf(kernel);
  nn::KernelOp maker = image ? soleMakerOf(kernel, *image) : nn::KernelOp();
  // Inputs and constants lie as chains read them.
  auto isWhole = [](Value value) { return isa<BlockArgument>(value) || nn::getConstantValue(value); };
  if (!maker || hasForm(maker) || maker->hasAttr(kPackingsAttr))
    return {};
  unsigned input = 0;
  std::string reason;
  bool isOfPlanes = transposeOfPlanes(windowsOf(kernel).front()) != nullptr;
  auto prologue = matchPrologueOfLines(maker, maker.getBody().front().getTerminator(), isOfPlanes, input, reason);
  // Rows that several strips read are made for each of them.
  if (failed(prologue) || prologue->isHeavy())
    return {};
  bool areThere = llvm::all_of(llvm::enumerate(maker.getInputs()), [&](auto operand) {
    return isWhole(operand.value()) || (operand.index() == input && isPartOfInput(operand.value()));
  });
  return areThere ? maker : nn::KernelOp();
}

nn::KernelOp cpu::mergePrologue(nn::KernelOp kernel) {
  nn::KernelOp prologue = prologueOf(kernel);
  return prologue ? mergeKernels(prologue, kernel, *imageOf(kernel)) : kernel;
}

//===-- strips ------------------------------------------------------------===//

int64_t ChainPlan::bytesBetween() const {
  int64_t bytes = 0;
  for (Operation *window : llvm::drop_begin(windows))
    bytes += chainBytesOf(window->getOperand(0));
  return bytes;
}

void ChainPlan::giveFormTo(nn::KernelOp kernel) const {
  giveForm(kernel, form.getAttr(kernel.getContext(), scratchBytes), scratchBytes);
}

std::optional<ChainPlan> ChainPlan::of(ArrayRef<ChainLink> links, const ChainLimits &limits, std::string &reason,
                                       int64_t most) {
  ChainPlan plan;
  int64_t weightBytes = 0;
  for (const ChainLink &link : links) {
    plan.windows.push_back(link.window);
    weightBytes += link.weightBytes;
  }
  plan.hasPrologue = links.front().hasPrologue;
  int64_t l2 = links.back().machine.getL2Bytes();
  if (weightBytes > l2 / limits.weights) {
    reason = "its weights and those of what makes its input would leave the cache in each strip";
    return std::nullopt;
  }
  return plan.chooseRows(l2, limits, most, reason) ? std::optional(plan) : std::nullopt;
}

/// The most rows whose slot takes its share of the L2 cache, or the fewest. All slots are at most their share of what
/// is between the ops. 0 where not even those of a window fit.
int64_t ChainPlan::mostRows(int64_t l2Bytes, const ChainLimits &limits) const {
  // Bytes without a border: of one row of the output, and from one to the next.
  int64_t ofFirst = 0, ofNext = 0, rows = 1, step = 1;
  for (size_t i = windows.size() - 1; i > 0; --i) {
    Value between = windows[i]->getOperand(0);
    auto [window, stride] = rowsOfWindow(windows[i]);
    int64_t ofRow = chainBytesOf(between) / (shapeOf(between)[0] * shapeOf(between)[1]);
    rows = window + (rows - 1) * stride;
    step *= stride;
    ofFirst += rows * ofRow;
    ofNext += step * ofRow;
  }
  int64_t most = bytesBetween() / (limits.ofBetween * kSlots), fits = std::min<int64_t>(l2Bytes / limits.ofCache, most);
  return fits >= ofFirst ? (fits - ofFirst) / ofNext + 1 : most >= ofFirst ? 1 : 0;
}

bool ChainPlan::chooseRows(int64_t l2Bytes, const ChainLimits &limits, int64_t most, std::string &reason) {
  auto refuse = [&](const Twine &why) {
    reason = why.str();
    return false;
  };
  int64_t rows = std::min(mostRows(l2Bytes, limits), most);
  // Whole blocks of rows of a window that sweeps.
  for (int64_t block : {4, 2})
    if (rows >= block) {
      rows -= rows % block;
      break;
    }
  auto [window, stride] = rowsOfWindow(windows.back());
  if (rows < 1 || rows * stride < window - stride)
    return refuse("the rows of a window are too many of all");
  form = {rows, kSlots};
  auto strips = RowStrips::cut(windows, form, hasPrologue);
  if (!strips)
    return refuse("its rows cannot be cut into strips of " + Twine(rows));
  // Ops weigh as much as they multiply.
  double twice = 0, all = 0;
  int64_t rowsTwice = 0, rowsOfAll = 0;
  for (auto [stage, maker] : llvm::zip(strips->stages, windows)) {
    ArrayRef<int64_t> made = shapeOf(maker->getResult(0)), filter = shapeOf(maker->getOperand(1));
    int64_t rows = made[0] * made[1];
    double ofRow = static_cast<double>(made[2] * made[3]) * filter[1] * filter[2] * filter[3];
    rowsTwice += stage.rowsMade - rows;
    rowsOfAll += rows;
    twice += ofRow * (stage.rowsMade - rows);
    all += ofRow * rows;
  }
  if (100 * twice > limits.mostMadeTwice * all)
    return refuse("strips of four threads would make " + Twine(rowsTwice) + " of " + Twine(rowsOfAll) + " rows twice");
  scratchBytes = kSlots * strips->slotBytes;
  return true;
}
