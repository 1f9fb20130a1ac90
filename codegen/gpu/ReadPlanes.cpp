// Convolutions of a GPU that read an input of the model as it lies; see GpuPasses.td.
#include "codegen/gpu/Tiles.h"
#include "dialects/nn/NN.h"
#include "dialects/nn/Origin.h"
#include "mlir/IR/Remarks.h"
#include "passes/check/Stage.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_READPLANES
#include "codegen/gpu/GpuPasses.h.inc"

namespace {

/// More channels are read as vectors, and are worth being beside each other.
constexpr int64_t kMostChannels = 4;

/// The input of the model whose channels a kernel puts innermost, if that is all that it does.
Value planesOf(nn::KernelOp kernel) {
  Block &body = kernel.getBody().front();
  auto transpose = dyn_cast<nn::TransposeOp>(body.front());
  if (!transpose || transpose->getNextNode() != body.getTerminator() || kernel.getInputs().size() != 1 ||
      transpose.getPerm() != ArrayRef<int64_t>{0, 2, 3, 1})
    return {};
  Value source = kernel.getInputs().front();
  return isa<BlockArgument>(source) ? source : Value();
}

/// True where tiles of so many pixels read a few pieces of four from lines of a plane: windows are more than a pixel,
/// and lines and tiles begin at multiples of four. Single numbers would cost more than the transposition.
bool readsPieces(nn::Conv2DOp conv, int64_t tileRows) {
  int64_t inputs = cast<RankedTensorType>(conv.getInput().getType()).getDimSize(2);
  ArrayRef<int64_t> filter = cast<RankedTensorType>(conv.getFilter().getType()).getShape();
  int64_t stride = conv.getStrides()[1];
  return filter[1] * filter[2] > 1 && isFewPieces(filter[3] * filter[2], (tileRows - 1) * stride + filter[2]) &&
         conv.getDilations()[1] == 1 && inputs % kGpuLanes == 0 && tileRows * stride % kGpuLanes == 0;
}

struct ReadPlanes : impl::ReadPlanesBase<ReadPlanes> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N2"})))
      return signalPassFailure();
    getOperation().walk([&](nn::KernelOp kernel) {
      if (Value planes = planesFor(kernel))
        read(kernel, planes);
    });
  }

  /// What a dense convolution of few channels on a GPU can read instead of its transposed image; null: nothing.
  Value planesFor(nn::KernelOp kernel) {
    auto conv = dyn_cast_or_null<nn::Conv2DOp>(kernel.getRoot());
    auto image = conv ? dyn_cast<BlockArgument>(conv.getInput()) : BlockArgument();
    StringRef device = kernel.getDevice().value_or("cpu0");
    auto machines = getOperation()->getAttrOfType<DictionaryAttr>(nn::kMachinesAttr);
    auto gpu = machines ? machines.getAs<nn::GpuAttr>(device) : nn::GpuAttr();
    if (!image || !gpu || conv.getGroups() != 1 || !readsPieces(conv, gpu.getTileRows()))
      return {};
    Value transposed = kernel.getInputs()[image.getArgNumber()];
    auto maker = transposed.getDefiningOp<nn::KernelOp>();
    int64_t channels = cast<RankedTensorType>(transposed.getType()).getDimSize(3);
    return maker && maker.getDevice() == device && channels <= kMostChannels ? planesOf(maker) : Value();
  }

  void read(nn::KernelOp kernel, Value planes) {
    kernel->setAttr(nn::kPlanesAttr, Builder(&getContext()).getI64IntegerAttr(kernel.getInputs().size()));
    kernel.getInputsMutable().append(planes);
    kernel.getBody().addArgument(planes.getType(), planes.getLoc());
    remark::passed(kernel.getLoc(), remark::RemarkOpts::name("ReadPlanes").category("nncc-read-planes"))
        << kernel.getName().str() << " reads its image channel by channel, as the model is given it";
  }
};
} // namespace
} // namespace nncc
