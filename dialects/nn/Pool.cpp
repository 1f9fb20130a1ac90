// Shapes of pooling.
#include "dialects/nn/NN.h"

using namespace mlir;
using namespace nncc::nn;

LogicalResult Pool2DOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                         SmallVectorImpl<Type> &types) {
  auto input = cast<RankedTensorType>(op.getInput().getType());
  if (input.getRank() != 4)
    return emitOptionalError(location, "input must have rank 4, got ", input.getRank());
  if (op.getKernel().size() != 2 || op.getStrides().size() != 2 || op.getPads().size() != 4 ||
      op.getDilations().size() != 2 || op.getOverhang().size() != 2)
    return emitOptionalError(location, "needs 2 kernel sizes, 2 strides, 4 pads, 2 dilations and 2 overhangs");
  SmallVector<int64_t> shape{input.getDimSize(0)};
  for (int i : {0, 1}) {
    auto size = windowOutputSize(input.getDimSize(1 + i), op.getPads()[i], op.getPads()[2 + i] + op.getOverhang()[i],
                                 op.getKernel()[i], op.getDilations()[i], op.getStrides()[i]);
    if (failed(size))
      return emitOptionalError(location, "a window of ", op.getKernel()[i], " does not fit into ",
                               input.getDimSize(1 + i), " elements with pads ", op.getPads()[i], " and ",
                               op.getPads()[2 + i]);
    shape.push_back(*size);
  }
  if (input.getDimSize(1) == 0 || input.getDimSize(2) == 0)
    return emitOptionalError(location, "there is nothing under a window over ", input.getDimSize(1), " x ",
                             input.getDimSize(2), " elements");
  shape.push_back(input.getDimSize(3));
  types.push_back(RankedTensorType::get(shape, input.getElementType()));
  return success();
}
