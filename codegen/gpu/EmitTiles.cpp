// Finds the contractions that tiles can run, and the kernels that no GPU lowering can; see GpuPasses.td.
#include "codegen/cpu/Contraction.h"
#include "codegen/gpu/Tiles.h"
#include "dialects/nn/Origin.h"
#include "passes/check/Stage.h"
#include "passes/lower/Machine.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_EMITTILES
#include "codegen/gpu/GpuPasses.h.inc"

namespace {

template <typename Conv> TileWindow windowOf(Conv op) {
  auto shapeOf = [](Value value) { return cast<RankedTensorType>(value.getType()).getShape(); };
  ArrayRef<int64_t> input = shapeOf(op.getInput()), filter = shapeOf(op.getFilter()), output = shapeOf(op.getOutput());
  auto dim = [&](int d) {
    return WindowDim{input[1 + d],    filter[1 + d],        op.getStrides()[d],
                     op.getPads()[d], op.getDilations()[d], std::is_same_v<Conv, nn::ConvTranspose2DOp>};
  };
  return {dim(0), dim(1), output[1], output[2]};
}

class TileEmitter {
public:
  TileEmitter(func::FuncOp function, nn::KernelOp kernel, nn::MachineAttr thread, TileSize tile)
      : function(function), kernel(kernel), builder(kernel), build(builder, kernel.getLoc(), thread.getMostLanes()),
        loops(build, kernel, thread), tile(tile) {}

  /// True when the kernel has been written; then it is to be erased.
  bool run() {
    Operation *root = kernel.getRoot();
    if (!root || !isa<nn::Conv2DOp, nn::ConvTranspose2DOp, nn::MatMulOp>(root) || !readsPlainInputs(root))
      return false;
    std::optional<Weights> weights = weightsOf(root);
    if (!weights)
      return false;
    if (auto matmul = dyn_cast<nn::MatMulOp>(root)) {
      unpackBias(root);
      return succeeded(writeProduct(loops, matmul, *weights, tile));
    }
    if (!weights->panels)
      return false; // filters that are only known at run time lie along their channels: plain loops
    return TypeSwitch<Operation *, bool>(root)
        .Case<nn::Conv2DOp, nn::ConvTranspose2DOp>([&](auto op) { return writeConvolution(op, *weights); })
        .Default(false);
  }

  /// Makes the kernel one of operands that lie as they are. Only a bias that is filled up at its end does so anyway;
  /// false where something else is packed.
  bool unpack() {
    auto packings = kernel->getAttrOfType<ArrayAttr>(cpu::kPackingsAttr);
    if (!packings)
      return true;
    for (Attribute recipe : packings) {
      auto packing = dyn_cast<nn::PackingAttr>(recipe);
      std::optional<cpu::PadPacking> pad = packing ? cpu::PadPacking::from(packing) : std::nullopt;
      if (packing && (!pad || (pad->batches > 1 && pad->batchSize() != pad->count)))
        return false;
    }
    Value bias = kernel.getRoot()->getOperand(2);
    setType(loops.memory(bias), MemRefType::get(KernelLoops::typeOf(bias).getShape(), KernelLoops::elementOf(bias)));
    kernel->removeAttr(cpu::kPackingsAttr);
    return true;
  }

private:
  /// Operands of the root are inputs of the kernel, of floats that are computed in f32.
  static bool readsPlainInputs(Operation *root) {
    return llvm::all_of(root->getOperands(), [](Value operand) {
      return isa<BlockArgument>(operand) &&
             (KernelLoops::elementOf(operand).isF32() || KernelLoops::elementOf(operand).isF16());
    });
  }

  static unsigned inputOf(Value operand) { return cast<BlockArgument>(operand).getArgNumber(); }

  void setType(Value argument, MemRefType type) {
    argument.setType(type);
    function.setFunctionType(FunctionType::get(function.getContext(), function.getBody().getArgumentTypes(), {}));
  }

  /// Packed constants are bytes for the plan; here they are elements.
  Value retype(Value operand) {
    Value memory = loops.memory(operand);
    auto type = cast<MemRefType>(memory.getType());
    Type element = KernelLoops::elementOf(operand);
    if (type.getElementType().isInteger(8))
      setType(memory, MemRefType::get({type.getNumElements() / (element.getIntOrFloatBitWidth() / 8)}, element));
    return memory;
  }

  std::optional<Weights> weightsOf(Operation *root) {
    unsigned input = inputOf(root->getOperand(1));
    nn::PackingAttr packing = cpu::getPacking(kernel, input);
    if (!packing)
      return Weights{loops.memory(root->getOperand(1)), std::nullopt};
    std::optional<cpu::PanelPacking> panels = cpu::PanelPacking::from(packing);
    // Vectors of a panel are whole ones of a GPU.
    if (!panels || panels->lanes % kGpuLanes != 0)
      return std::nullopt;
    return Weights{retype(root->getOperand(1)), panels};
  }

  /// The elements from the bias of one group to that of the next.
  int64_t unpackBias(Operation *root, int64_t perGroup = 0) {
    if (root->getNumOperands() < 3)
      return perGroup;
    nn::PackingAttr packing = cpu::getPacking(kernel, inputOf(root->getOperand(2)));
    std::optional<cpu::PadPacking> pad = packing ? cpu::PadPacking::from(packing) : std::nullopt;
    if (!pad)
      return perGroup;
    retype(root->getOperand(2));
    return pad->batchSize();
  }

  template <typename Conv> bool writeConvolution(Conv op, const Weights &weights) {
    int64_t groups = op.getGroups(), outputs = KernelLoops::typeOf(op.getFilter()).getDimSize(0);
    TileWindow window = windowOf(op);
    int64_t biasPitch = unpackBias(op, outputs / groups);
    bool isDepthwise = groups > 1 && KernelLoops::typeOf(op.getFilter()).getDimSize(3) == 1 && outputs == groups;
    if (!isDepthwise)
      return succeeded(nncc::writeConvolution(loops, op, groups, window, weights, biasPitch, tile));
    writeDepthwise(loops, op, window, *weights.panels, weights.memory, tile);
    return true;
  }

  func::FuncOp function;
  nn::KernelOp kernel;
  OpBuilder builder;
  LoopBuilder build;
  KernelLoops loops;
  TileSize tile;
};

struct EmitTiles : impl::EmitTilesBase<EmitTiles> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"L1"})))
      return signalPassFailure();
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      auto kernels = llvm::to_vector(function.getOps<nn::KernelOp>());
      nn::GpuAttr gpu = gpuOf(function);
      if (kernels.size() != 1 || !kernels.front().isPlanned())
        continue;
      if (!gpu) {
        function.emitError() << "the module does not describe the GPU of this function";
        return signalPassFailure();
      }
      nn::KernelOp kernel = kernels.front();
      TileSize tile{gpu.getTileRows(), gpu.getTileColumns() / kGpuLanes, gpu.getRegisters()};
      TileEmitter emitter(function, kernel, gpu.getThread(), tile);
      bool isWritten = emitter.run();
      if (!isWritten && emitter.unpack())
        continue; // LowerToLoops has plain loops for it
      kernel.erase();
      if (!isWritten)
        function->setAttr(nn::kRefusedAttr,
                          StringAttr::get(&getContext(), "no tile reads its weights as they are packed for the CPU"));
    }
  }
};
} // namespace
} // namespace nncc
