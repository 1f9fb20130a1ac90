// Chooses packing recipes before memory is planned; they are executed when the weights are written.
#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/CpuPasses.h"
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/Origin.h"
#include "passes/check/Stage.h"
#include "passes/graph/PanelOrder.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_PACKWEIGHTS
#include "codegen/cpu/CpuPasses.h.inc"

namespace {
struct PackWeights : impl::PackWeightsBase<PackWeights> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N2"})))
      return signalPassFailure();
    if (hasHugeTensors())
      return;
    WalkResult result = getOperation().walk([&](nn::KernelOp kernel) {
      std::string reason;
      auto contraction = cpu::Contraction::match(kernel, reason);
      if (!contraction || !contraction->rhs)
        return WalkResult::advance();
      nn::MachineAttr machine = cpu::getMachine(kernel);
      if (!machine) {
        kernel.emitOpError() << "runs on device '" << kernel.getDevice().value_or("cpu0") << "', which the module's "
                             << nn::kMachinesAttr << " do not describe";
        return WalkResult::interrupt();
      }
      auto isConstant = [&](std::optional<unsigned> input) {
        return !input || nn::getConstantValue(kernel.getInputs()[*input]) != nullptr;
      };
      // One input read twice by the root, or by the epilogue too, keeps its own layout.
      auto isReadTwice = [&](std::optional<unsigned> input) {
        return llvm::count(ArrayRef<std::optional<unsigned>>{contraction->lhs, contraction->rhs, contraction->bias},
                           input) > 1 ||
               llvm::any_of(contraction->epilogue->leaves(),
                            [&](const cpu::Leaf &leaf) { return leaf.input == input; });
      };
      auto readerOf = [&](std::optional<unsigned> input) {
        return input ? nn::ConstantReader::get(kernel.getInputs()[*input]) : std::nullopt;
      };
      if (contraction->isOfBytes() && contraction->rhsZero) {
        auto zero = readerOf(contraction->rhsZero);
        if (!zero || !zero->isUniform() || zero->getInteger(0) != 0)
          return WalkResult::advance();
      }
      Builder builder(kernel.getContext());
      SmallVector<Attribute> packings(kernel.getInputs().size(), builder.getUnitAttr());
      nn::PackingAttr panels;
      if (contraction->isOfBytes()) {
        std::optional<int64_t> spares;
        if (isConstant(contraction->rhs) && !isReadTwice(contraction->rhs))
          spares = orderWeights(kernel, *contraction, machine, readerOf(contraction->rhs));
        int64_t offset = contraction->mac(machine, contraction->lanes(machine)).offset();
        auto zero = readerOf(contraction->zero);
        bool isCorrected = contraction->zero ? !zero || zero->getInteger(0) != offset : offset != 0;
        isCorrected &= !contraction->isOfFloatedBytes();
        if (isCorrected && zero && isConstant(contraction->rhs) && isConstant(contraction->bias) &&
            !isReadTwice(contraction->rhs) && !isReadTwice(contraction->bias))
          isCorrected = !putIntoBias(kernel, *contraction, machine, zero->getInteger(0) - offset);
        cpu::BytePacking bytes = contraction->bytes(machine, isCorrected);
        bytes.spares = spares;
        panels = bytes.getAttr(kernel.getContext());
      } else {
        panels = contraction->panels(machine).getAttr(kernel.getContext(), contraction->element);
      }
      if (contraction->widened) {
        if (!packWidened(kernel, *contraction, machine, packings))
          return WalkResult::advance();
        panels = cast<nn::PackingAttr>(packings[*contraction->rhs]);
      }
      bool isPacked = isConstant(contraction->rhs) && !isReadTwice(contraction->rhs);
      if (isPacked) {
        packings[*contraction->rhs] = panels;
        if (contraction->mac(machine, contraction->lanes(machine)).isInWords)
          contraction->root->setAttr(cpu::kFitsWordsAttr, builder.getUnitAttr());
      } else if (contraction->isOfBytes() || !contraction->needsPacking())
        return WalkResult::advance();
      else
        kernel->setAttr("nn.scratch_bytes", builder.getI64IntegerAttr(cpu::packedBytes(panels)));
      // A bias that is only known at run time has no readable tail; its weights may be packed all the same.
      if (contraction->bias && isConstant(contraction->bias) && !isReadTwice(contraction->bias))
        packings[*contraction->bias] = contraction->padding(machine).getAttr(kernel.getContext(), contraction->sum);
      if (!llvm::all_of(packings, llvm::IsaPred<UnitAttr>))
        kernel->setAttr(cpu::kPackingsAttr, builder.getArrayAttr(packings));
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

  /// Takes what every sum has too much, by the sum of its weights times what bytes of A are less, from a bias where all
  /// pixels have all taps, or what is in their place; false where there is none, or it would not be right for all
  /// forms of the contraction.
  static bool putIntoBias(nn::KernelOp kernel, const cpu::Contraction &contraction, nn::MachineAttr machine,
                          int64_t less) {
    const bool isPointwise = contraction.body == cpu::TapBody::Product && contraction.tapsH * contraction.tapsW == 1;
    cpu::PanelPacking panels = contraction.panels(machine);
    // Where all pixels lack their only tap, sums have nothing too much.
    auto isWhole = [&](const std::array<cpu::TapRange, 2> &taps) {
      return taps[0].count == contraction.tapsH && taps[1].count == contraction.tapsW;
    };
    if (!contraction.bias || (!isPointwise && !contraction.sliding) || !llvm::all_of(contraction.tapSets(), isWhole) ||
        (contraction.isOfMatrices() && panels.batches > 1))
      return false;
    Value old = kernel.getInputs()[*contraction.bias];
    auto bias = nn::ConstantReader::get(old), weights = nn::ConstantReader::get(kernel.getInputs()[*contraction.rhs]);
    if (!bias || !weights || bias->size() != panels.batches * panels.outputs)
      return false;
    nn::ConstantBuilder corrected(bias->getType());
    for (int64_t o = 0; o < bias->size(); ++o) {
      int64_t sum = 0;
      for (int64_t k = 0; k < panels.depth; ++k)
        sum += weights->getInteger(panels.outputsInnermost ? k * panels.outputs + o : o * panels.depth + k);
      corrected.setInteger(o, bias->getInteger(o) - less * sum);
    }
    OpBuilder builder(kernel);
    Value made = nn::ConstantOp::create(builder, old.getLoc(), corrected.finish(nn::constantName(old)));
    kernel.getInputsMutable()[*contraction.bias].assign(made);
    if (old.use_empty())
      old.getDefiningOp()->erase();
    contraction.root->setAttr(cpu::kZeroInBiasAttr, builder.getUnitAttr());
    return true;
  }

  /// The most spares of a panel where weights are worth an order (BytePacking): the contraction has them in it from
  /// then on. Larger tiles that were tuned are of words.
  static std::optional<int64_t> orderWeights(nn::KernelOp kernel, cpu::Contraction &contraction,
                                             nn::MachineAttr machine,
                                             const std::optional<nn::ConstantReader> &weights) {
    contraction.isOrdered = true;
    auto isAsTuned = [&] {
      std::string reason;
      return !contraction.tuning || succeeded(cpu::checkTuning(*contraction.tuning, contraction, machine, reason));
    };
    bool isWindow = contraction.tapsH * contraction.tapsW > 1;
    if (weights && contraction.mayBeOrdered(machine) && isAsTuned() &&
        (!isWindow || isOfItsOwn(kernel.getInputs()[contraction.lhs]))) {
      cpu::PanelPacking panels = contraction.panels(machine);
      int64_t line = isWindow ? contraction.depth * contraction.tapsW : panels.depth;
      SmallVector<int32_t> spares = countSpares(*weights, panels.outputs, panels.panel, panels.outputsInnermost, line);
      if (areFewSpares(spares, line)) {
        contraction.root->setAttr(cpu::kOrderedAttr, DenseI32ArrayAttr::get(contraction.root->getContext(), spares));
        return *llvm::max_element(spares);
      }
    }
    contraction.isOrdered = false;
    return std::nullopt;
  }

  /// An image that is read once, made by a kernel that pads or transposes it: its pixels follow each other, wherever it
  /// will lie.
  static bool isOfItsOwn(Value image) {
    auto maker = image.getDefiningOp<nn::KernelOp>();
    return maker && isa_and_present<nn::PadOp, nn::TransposeOp>(maker.getRoot()) && image.hasOneUse();
  }

  /// The recipes of weights that are widened, and of what goes with them; false where one of these is no constant, or
  /// is read otherwise, too.
  static bool packWidened(nn::KernelOp kernel, const cpu::Contraction &contraction, nn::MachineAttr machine,
                          MutableArrayRef<Attribute> packings) {
    const cpu::WidenedWeights &weights = *contraction.widened;
    MLIRContext *context = kernel.getContext();
    cpu::PanelPacking panels = contraction.panels(machine);
    SmallVector<std::pair<unsigned, nn::PackingAttr>> recipes{
        {*contraction.rhs,
         weights.bits == 4 ? cpu::NibblePacking{panels}.getAttr(context) : panels.getAttr(context, weights.element)}};
    cpu::PanelPacking parameters = contraction.parameters(machine);
    if (contraction.rhsScale)
      recipes.push_back({*contraction.rhsScale, parameters.getAttr(context, weights.scale)});
    if (contraction.rhsZero)
      recipes.push_back({*contraction.rhsZero, parameters.getAttr(context, weights.element)});
    for (auto [input, recipe] : recipes) {
      bool isLeaf = llvm::any_of(contraction.epilogue->leaves(),
                                 [input = input](const cpu::Leaf &leaf) { return leaf.input == input; });
      if (isLeaf || !nn::getConstantValue(kernel.getInputs()[input]) || isa<nn::PackingAttr>(packings[input]))
        return false;
      packings[input] = recipe;
    }
    return true;
  }

  /// Call tables of micro-kernels have 32 bits for a distance. Where views and concatenations will lie is not known
  /// yet, so one tensor beyond that leaves all contractions of the model to loops, which take weights as they are.
  bool hasHugeTensors() {
    auto isHuge = [](Type type) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      return tensor && !llvm::isInt<31>(tensor.getNumElements());
    };
    return getOperation()
        .walk([&](Operation *op) {
          bool any = llvm::any_of(op->getOperandTypes(), isHuge) || llvm::any_of(op->getResultTypes(), isHuge);
          return any ? WalkResult::interrupt() : WalkResult::advance();
        })
        .wasInterrupted();
  }
};
} // namespace
} // namespace nncc
