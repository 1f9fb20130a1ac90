// Which products with a softmax between them become one kernel, and in blocks of how many rows.
#include "codegen/cpu/Attention.h"
#include "codegen/cpu/CpuPasses.h"
#include "codegen/cpu/MergeKernels.h"
#include "dialects/nn/KernelForms.h"
#include "dialects/nn/Origin.h"
#include "mlir/IR/Remarks.h"
#include "passes/check/Stage.h"
#include "passes/lower/Machine.h"
#include "passes/lower/ScalarMath.h"
#include "passes/memory/MemoryLayout.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_FUSEATTENTION
#include "codegen/cpu/CpuPasses.h.inc"

namespace {
using cpu::AttentionForm;

// Rows of a block: as many as pass by the keys and values while these are in the cache, and no more than are worth it.
constexpr int64_t kMostRows = 64, kLeastRows = 16;
// Threads that blocks have room for, and the fewest that must find some.
constexpr int64_t kMostSlots = 4, kLeastSlots = 2;

ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

int64_t bytesOf(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return type.getNumElements() * (memoryType(type.getElementType()).getIntOrFloatBitWidth() / 8);
}

class Fusion {
public:
  Fusion(ModuleOp module, nn::KernelOp mix) : module(module), mix(mix) {}

  /// Finds out whether a product weighs values by the softmax of another one, and is better done with it; `reason` says
  /// why not.
  bool match(std::string &reason) {
    auto refuse = [&](StringRef why) {
      reason = why.str();
      return false;
    };
    StringRef device = mix.getDevice().value_or("cpu0");
    machine = cpu::getMachine(mix);
    if (!machine || cpuFor(module, device) != device)
      return refuse("it is for another device than a CPU");
    if (!isPlainProduct(mix, reason))
      return false;
    softmax = makerOf(mix, productOf(mix).getLhs());
    auto op = softmax ? soleOp<nn::SoftmaxOp>(softmax) : nn::SoftmaxOp();
    if (!op || op.getLog() || (int64_t)op.getAxis() != (int64_t)shapeOf(op).size() - 1)
      return refuse("its left side is no softmax of rows, made for it alone");
    scores = makerOf(softmax, op.getInput());
    if (!scores || !isPlainProduct(scores, reason))
      return refuse("what the softmax reads is no product, made for it alone");
    ArrayRef<int64_t> shape = shapeOf(productOf(mix).getLhs());
    if (productOf(mix).getLhs().getType() != productOf(scores).getOutput().getType() ||
        shape.drop_back(2) != shapeOf(productOf(mix).getOutput()).drop_back(2))
      return refuse("its products have other batches or elements");
    if (mix.getInputs().size() + scores.getInputs().size() - 1 > cpu::kMostInputs)
      return refuse("its operands are too many");
    findTransposes();
    return chooseForm(reason);
  }

  void run() {
    remark::passed(mix.getLoc(), remark::RemarkOpts::name("FuseAttention").category("nncc-fuse-attention"))
        << mix.getName().str() << " computes what " << scores.getName().str() << " and " << softmax.getName().str()
        << " did, " << remark::metric("Rows", form.rows) << " rows at a time";
    takeReshapesOut();
    std::string name = mix.getName().str();
    nn::KernelOp fused = merged(softmax, mix);
    fused = merged(scores, fused);
    for (nn::KernelOp transpose : {ofValues, ofKeys, ofQueries})
      if (transpose)
        fused = merged(transpose, fused);
    if (ofResult)
      fused = merged(fused, ofResult);
    fused.setName(name);
    fused->removeAttr(nn::kTunedAttr);
    fused->removeAttr(cpu::kPackingsAttr);
    cpu::giveForm(fused, form.getAttr(fused.getContext(), scratchBytes), scratchBytes);
  }

private:
  ModuleOp module;
  nn::KernelOp mix, softmax, scores;
  nn::KernelOp ofQueries, ofKeys, ofValues, ofResult; ///< transpositions that only say how memory is read or written
  nn::MachineAttr machine;
  AttentionForm form{0, kMostSlots};
  int64_t scratchBytes = 0;

  static nn::MatMulOp productOf(nn::KernelOp kernel) { return cast<nn::MatMulOp>(kernel.getRoot()); }

  /// The kernel that makes an operand of the root, for this reader alone. Between them there may be reshapes that keep
  /// matrices.
  static nn::KernelOp makerOf(nn::KernelOp reader, Value inner) {
    auto argument = dyn_cast<BlockArgument>(inner);
    if (!argument || !argument.hasOneUse())
      return {};
    Value outer = beforeReshapes(reader.getInputs()[argument.getArgNumber()]);
    auto maker = outer.getDefiningOp<nn::KernelOp>();
    bool isSole = maker && maker.getNumResults() == 1 && outer.hasOneUse() &&
                  maker.getDeviceAttr() == reader.getDeviceAttr() && isPlain(maker);
    return isSole ? maker : nn::KernelOp();
  }

  static Value beforeReshapes(Value value) {
    auto reshape = value.getDefiningOp<nn::ReshapeOp>();
    while (reshape && value.hasOneUse() && shapeOf(value).take_back(2) == shapeOf(reshape.getInput()).take_back(2)) {
      value = reshape.getInput();
      reshape = value.getDefiningOp<nn::ReshapeOp>();
    }
    return value;
  }

  static bool isPlain(nn::KernelOp kernel) { return !cpu::hasForm(kernel) && !kernel->hasAttr(cpu::kPackingsAttr); }

  /// A product of floats that micro-kernels run, whose operands are made at run time.
  bool isPlainProduct(nn::KernelOp kernel, std::string &reason) {
    auto product = dyn_cast_or_null<nn::MatMulOp>(kernel.getRoot());
    if (!product || product->getNumOperands() != 2 || product.getTransposeB() ||
        !isa<FloatType>(getElementTypeOrSelf(product.getOutput())) || !isPlain(kernel) ||
        !product.getRhs().hasOneUse()) {
      reason = "it is no product of floats that are made at run time";
      return false;
    }
    return cpu::Contraction::match(kernel, reason).has_value();
  }

  /// A kernel that does nothing but transpose, and moves the innermost dim to `place`, counted from the end.
  static bool isTranspose(nn::KernelOp kernel, unsigned place) {
    auto transpose = soleOp<nn::TransposeOp>(kernel);
    ArrayRef<int64_t> perm = transpose ? transpose.getPerm() : ArrayRef<int64_t>();
    return perm.size() >= place && perm[perm.size() - place] == (int64_t)perm.size() - 1;
  }

  static nn::KernelOp transposeOf(nn::KernelOp reader, Value inner, unsigned place) {
    auto argument = dyn_cast<BlockArgument>(inner);
    nn::KernelOp maker = argument ? cpu::makerOf(reader, argument.getArgNumber()) : nn::KernelOp();
    return maker && isTranspose(maker, place) ? maker : nn::KernelOp();
  }

  void findTransposes() {
    ofQueries = transposeOf(scores, productOf(scores).getLhs(), 1);
    ofKeys = transposeOf(scores, productOf(scores).getRhs(), 2);
    ofValues = transposeOf(mix, productOf(mix).getRhs(), 1);
    auto reader =
        mix.getResult(0).hasOneUse() ? dyn_cast<nn::KernelOp>(*mix.getResult(0).getUsers().begin()) : nn::KernelOp();
    if (reader && reader.getDeviceAttr() == mix.getDeviceAttr() && isTranspose(reader, 1))
      ofResult = reader;
  }

  /// Chooses the blocks: those of four threads if possible, even where they are short. What they need has to be less
  /// than the scores that are no longer in memory: values and result are alive beside queries and keys then, too.
  bool chooseForm(std::string &reason) {
    nn::MatMulOp product = productOf(scores);
    auto type = cast<RankedTensorType>(product.getOutput().getType());
    int64_t rows = type.getShape()[type.getRank() - 2], bytes = bytesOf(product.getOutput());
    int64_t ofRow = cpu::rowPitch(type.getShape().back()) * (bytes / type.getNumElements());
    int64_t room = bytes - bytesOf(productOf(mix).getRhs()) - bytesOf(productOf(mix).getOutput());
    int64_t most = std::clamp<int64_t>(machine.getL2Bytes() / 4 / ofRow, kLeastRows, kMostRows);
    for (; most >= kLeastRows; most /= 2) {
      form.rows = llvm::divideCeil(rows, llvm::divideCeil(rows, most)); // of blocks that are equally long
      std::optional<cpu::PanelPacking> keys;
      if (ofKeys)
        keys = cpu::packKeys(product, form.rows, machine);
      int64_t slotBytes = form.slotBytes(product, keys);
      form.slots = std::clamp<int64_t>(room / slotBytes, 0, kMostSlots);
      scratchBytes = form.slots * slotBytes;
      if (form.slots == kMostSlots)
        return true;
    }
    reason = "its scores take less memory than blocks of them would";
    return form.slots >= kLeastSlots;
  }

  /// Puts a softmax of the product's own matrices in the place of one of reshaped ones.
  void takeReshapesOut() {
    auto op = soleOp<nn::SoftmaxOp>(softmax);
    Value made = scores.getResult(0), read = softmax.getInputs().front();
    auto type = cast<RankedTensorType>(made.getType());
    if (read == made && op.getType() == type && readsDirectly())
      return;
    softmax.getInputsMutable().assign(made);
    softmax.getBody().getArgument(0).setType(type);
    op.getResult().setType(type);
    op.setAxis(type.getRank() - 1);
    softmax.getResult(0).setType(type);
    unsigned input = cast<BlockArgument>(productOf(mix).getLhs()).getArgNumber();
    Value after = mix.getInputs()[input];
    mix.getInputsMutable()[input].set(softmax.getResult(0));
    for (Value left : {after, read})
      while (auto reshape = left.use_empty() ? left.getDefiningOp<nn::ReshapeOp>() : nn::ReshapeOp()) {
        left = reshape.getInput();
        reshape.erase();
      }
  }

  bool readsDirectly() { return llvm::is_contained(mix.getInputs(), softmax.getResult(0)); }

  /// One kernel in the place of two, the first of which makes an input of the second.
  static nn::KernelOp merged(nn::KernelOp first, nn::KernelOp second) {
    unsigned input = llvm::find(second.getInputs(), first.getResult(0)) - second.getInputs().begin();
    return cpu::mergeKernels(first, second, input);
  }
};

struct FuseAttention : impl::FuseAttentionBase<FuseAttention> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N2"})))
      return signalPassFailure();
    // Products alone: other kernels are erased where these take them in, and so are products before a softmax, which
    // come first.
    SmallVector<nn::KernelOp> kernels;
    getOperation().walk([&](nn::KernelOp kernel) {
      if (isa_and_nonnull<nn::MatMulOp>(kernel.getRoot()))
        kernels.push_back(kernel);
    });
    for (nn::KernelOp kernel : kernels) {
      Fusion fusion(getOperation(), kernel);
      std::string reason;
      if (fusion.match(reason))
        fusion.run();
      else
        remark::missed(kernel.getLoc(), remark::RemarkOpts::name("FuseAttention").category("nncc-fuse-attention"))
            << kernel.getName().str() << " is not fused with a softmax: " << remark::reason("{0}", reason);
    }
  }
};
} // namespace
} // namespace nncc
