// Which contractions make their input by themselves, and in strips of how many pixels.
#include "codegen/cpu/CpuPasses.h"
#include "codegen/cpu/MergeKernels.h"
#include "codegen/cpu/Strips.h"
#include "codegen/cpu/Tiling.h"
#include "dialects/nn/KernelForms.h"
#include "mlir/IR/Remarks.h"
#include "passes/check/Stage.h"
#include "passes/lower/Machine.h"
#include "passes/lower/ScalarMath.h"
#include "passes/memory/MemoryLayout.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_FUSEPROLOGUES
#include "codegen/cpu/CpuPasses.h.inc"

namespace {
using cpu::StripForm;

// Threads that strips have room for. More would take more memory than the whole that is saved.
constexpr int64_t kSlots = 4;

ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

/// Adds all that reads the memory of a value, itself or as a part of a concatenation, or as parts that are one.
void addReaders(Value value, DenseSet<Value> &seen, SmallVectorImpl<Operation *> &readers) {
  if (!seen.insert(value).second)
    return;
  auto isView = [](Operation *op) {
    auto kernel = dyn_cast_or_null<nn::KernelOp>(op);
    return isa_and_nonnull<nn::ReshapeOp>(op) || (kernel && soleConcat(kernel));
  };
  if (Operation *maker = value.getDefiningOp(); isView(maker))
    for (Value part : maker->getOperands())
      addReaders(part, seen, readers);
  for (Operation *user : value.getUsers())
    if (isView(user))
      addReaders(user->getResult(0), seen, readers);
    else
      readers.push_back(user);
}

/// True where something that comes behind a kernel in any order reads the memory of a value, or nobody may write there.
bool isReadBehind(Value value, nn::KernelOp kernel) {
  if (isa<BlockArgument>(value))
    return true;
  DenseSet<Value> seen;
  SmallVector<Operation *> readers, left{kernel};
  addReaders(value, seen, readers);
  DenseSet<Operation *> behind;
  while (!left.empty())
    for (Operation *user : left.pop_back_val()->getUsers())
      if (behind.insert(user).second)
        left.push_back(user);
  return llvm::any_of(readers, [&](Operation *reader) { return behind.contains(reader); });
}

/// A convolution or product that computes an output pixel from the input's at the same place, with the same weights for
/// all of them.
bool isOfSinglePixels(const cpu::Contraction &contraction) {
  if (contraction.body != cpu::TapBody::Product || contraction.groups != 1 ||
      contraction.tapsH * contraction.tapsW != 1)
    return false;
  if (auto conv = dyn_cast<nn::Conv2DOp>(contraction.root))
    return shapeOf(conv.getInput()).drop_back() == shapeOf(conv.getOutput()).drop_back() &&
           llvm::all_of(conv.getStrides(), [](int64_t step) { return step == 1; });
  auto matmul = dyn_cast<nn::MatMulOp>(contraction.root);
  return matmul && shapeOf(matmul.getLhs()).drop_back() == shapeOf(matmul.getOutput()).drop_back() &&
         llvm::all_of(shapeOf(matmul.getRhs()).drop_back(2), [](int64_t size) { return size == 1; });
}

class Fusion {
public:
  /// takesBytes  also those of contractions of bytes
  Fusion(ModuleOp module, nn::KernelOp kernel, bool takesBytes)
      : module(module), kernel(kernel), takesBytes(takesBytes) {}

  /// Finds out whether a contraction has a prologue that is worth it; `reason` says why not.
  bool match(std::string &reason) {
    auto refuse = [&](StringRef why) {
      reason = why.str();
      return false;
    };
    machine = cpu::getMachine(kernel);
    StringRef device = kernel.getDevice().value_or("cpu0");
    if (!machine || cpuFor(module, device) != device)
      return refuse("it is for another device than a CPU");
    contraction = cpu::Contraction::match(kernel, reason);
    if (!contraction)
      return false;
    if (!isOfSinglePixels(*contraction) || !(isa<FloatType>(contraction->element) || contraction->isOfBytes()) ||
        !cpu::getPacking(kernel, *contraction->rhs))
      return refuse("no contraction of floats or bytes of single pixels with constant weights");
    if (contraction->isOfBytes() && !takesBytes)
      return refuse("what it reads is memory that kernels in another form may work in");
    prologue = cpu::makerOf(kernel, contraction->lhs);
    if (!prologue || prologue->hasAttr(cpu::kPackingsAttr))
      return refuse("no elementwise kernel on the same device makes its input for it alone");
    if (!isElementwise(reason))
      return false;
    return hasManyPixels() || refuse("too few pixels for strips");
  }

  void run() {
    int64_t bytes = form.scratchBytes(contraction->depth, memoryType(contraction->element));
    std::string name = prologue.getName().str();
    nn::KernelOp merged = cpu::mergeKernels(prologue, kernel, contraction->lhs);
    cpu::giveForm(merged, form.getAttr(merged.getContext(), bytes), bytes);
    remark::passed(merged.getLoc(), remark::RemarkOpts::name("FusePrologues").category("nncc-fuse-prologues"))
        << merged.getName().str() << " makes what " << name << " made, in strips";
  }

private:
  ModuleOp module;
  nn::KernelOp kernel, prologue;
  bool takesBytes;
  nn::MachineAttr machine;
  std::optional<cpu::Contraction> contraction;
  StripForm form{0, kSlots};

  /// The kernel before the contraction is elementwise, and all but one of its operands are the same for all pixels: its
  /// main operand, which is no larger than its result, and stays in memory anyway.
  bool isElementwise(std::string &reason) {
    Value result = prologue.getResult(0);
    std::optional<unsigned> main;
    for (auto [i, input] : llvm::enumerate(prologue.getInputs())) {
      if (llvm::all_of(shapeOf(input).drop_back(shapeOf(input).empty() ? 0 : 1),
                       [](int64_t size) { return size == 1; }))
        continue;
      if (main || shapeOf(input) != shapeOf(result)) {
        reason = "the kernel that makes its input reads several operands that vary by pixel";
        return false;
      }
      main = i;
    }
    if (!main) {
      reason = "the kernel that makes its input reads nothing that varies by pixel";
      return false;
    }
    Value operand = prologue.getInputs()[*main];
    auto bits = [](Value value) { return memoryType(getElementTypeOrSelf(value)).getIntOrFloatBitWidth(); };
    if (bits(operand) > bits(result) || !isReadBehind(operand, kernel)) {
      reason = "its input can lie where the operand of the kernel that makes it lay";
      return false;
    }
    unsigned number = 0;
    // The yield takes the place of the root.
    return succeeded(cpu::Epilogue::matchPrologue(prologue, prologue.getBody().front().getTerminator(),
                                                  shapeOf(result).size() - 1, number, reason));
  }

  /// Chooses the strips: as many tiles of pixels as half of the first cache holds, but at least eight, and 64 pixels;
  /// else just those, or four tiles, unless weights are widened for every strip. They have to be at most half of the
  /// pixels, since the rest is what is saved.
  bool hasManyPixels() {
    // What is fused does not depend on tuning: a kernel that is measured does the same work, and the arena stays.
    cpu::Contraction plain = *contraction;
    plain.tuning.reset();
    int64_t pixels = 1, lanes = plain.lanes(machine);
    for (int64_t size : shapeOf(contraction->root->getResult(0)).drop_back())
      pixels *= size;
    // Of low tiles as many pixels as tiles of many rows have: what strips take is room for other forms.
    auto rowsOf = [&](const cpu::Contraction &of) {
      return of.hasLowTiles(machine) && !of.tuning ? cpu::chooseTileRows(machine, 2)
                                                   : of.tileRows(machine, llvm::divideCeil(of.panel(machine), lanes));
    };
    int64_t rows = rowsOf(plain);
    int64_t ofPixel = contraction->depth * contraction->element.getIntOrFloatBitWidth() / 8;
    // All weights pass by each strip: 64 pixels are worth that.
    int64_t many = std::max<int64_t>(8, llvm::divideCeil(64, rows));
    int64_t least = plain.mac(machine, lanes).isInWords ? many : 4;
    for (int64_t tiles : {std::max(many, machine.getL1Bytes() / 2 / (rows * ofPixel)), many, least}) {
      form.pixels = tiles * rows;
      if (2 * kSlots * form.pixels > pixels)
        continue;
      // Whole tiles, or as many pixels as tiles of many rows have.
      int64_t own = rowsOf(*contraction);
      form.pixels = std::max(own, form.pixels / own * own);
      return true;
    }
    return false;
  }
};

struct FusePrologues : impl::FuseProloguesBase<FusePrologues> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N2"})))
      return signalPassFailure();
    // Contractions alone: elementwise kernels are erased where their readers take them in.
    SmallVector<nn::KernelOp> kernels;
    getOperation().walk([&](nn::KernelOp kernel) {
      if (kernel->hasAttr(cpu::kPackingsAttr))
        kernels.push_back(kernel);
    });
    // What prologues of bytes make is a small part of the memory of floats, but room for the scratch memory of forms
    // that are faster: DenseNet-121 on x86-64-v3 takes 1.2 times as long without. Floats save four times as much.
    bool takesBytes = llvm::none_of(kernels, [](nn::KernelOp kernel) { return kernel->hasAttr(nn::kFormsAttr); });
    for (nn::KernelOp kernel : kernels) {
      Fusion fusion(getOperation(), kernel, takesBytes);
      std::string reason;
      if (fusion.match(reason))
        fusion.run();
      else
        remark::missed(kernel.getLoc(), remark::RemarkOpts::name("FusePrologues").category("nncc-fuse-prologues"))
            << kernel.getName().str() << " has no prologue: " << remark::reason("{0}", reason);
    }
  }
};
} // namespace
} // namespace nncc
