// Shapes of convolutions.
#include "dialects/nn/NN.h"

using namespace mlir;
using namespace nncc::nn;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Zero points come in pairs, one of the input, and one or one for each output channel of the filter.
template <typename Adaptor>
static LogicalResult checkZeroPoints(std::optional<Location> location, Adaptor &op, int64_t outputs) {
  Value ofInput = op.getInputZeroPoint(), ofFilter = op.getFilterZeroPoint();
  if (!ofInput && !ofFilter)
    return success();
  if (!ofInput || !ofFilter)
    return emitOptionalError(location, "has the zero point of one operand only");
  for (auto [zero, operand] : {std::pair(ofInput, op.getInput()), std::pair(ofFilter, op.getFilter())})
    if (typeOf(zero).getElementType() != typeOf(operand).getElementType())
      return emitOptionalError(location, "a zero point is ", typeOf(zero).getElementType(), ", its operand is ",
                               typeOf(operand).getElementType());
  if (typeOf(ofInput).getShape() != ArrayRef<int64_t>{1} || (typeOf(ofFilter).getShape() != ArrayRef<int64_t>{1} &&
                                                             typeOf(ofFilter).getShape() != ArrayRef<int64_t>{outputs}))
    return emitOptionalError(location, "zero points are ", typeOf(ofInput), " and ", typeOf(ofFilter),
                             ", must be one of the input, and one or ", outputs, " of the filter");
  return success();
}

/// What conv2d and conv_transpose2d share: ranks, groups, list lengths, bias.
///
/// mayWiden  floats may be multiplied by a filter that is stored in fewer bits
template <typename Adaptor>
static LogicalResult checkConvolution(std::optional<Location> location, Adaptor &op, bool mayWiden) {
  auto input = typeOf(op.getInput()), filter = typeOf(op.getFilter());
  if (input.getRank() != 4 || filter.getRank() != 4)
    return emitOptionalError(location, "input and filter must have rank 4, got ", input.getRank(), " and ",
                             filter.getRank());
  if (op.getStrides().size() != 2 || op.getPads().size() != 4 || op.getDilations().size() != 2)
    return emitOptionalError(location, "needs 2 strides, 4 pads and 2 dilations");
  int64_t groups = op.getGroups(), channels = input.getDimSize(3), outputs = filter.getDimSize(0);
  if (groups < 1 || channels % groups || outputs % groups)
    return emitOptionalError(location, groups, " groups do not divide ", channels, " input and ", outputs,
                             " output channels");
  if (filter.getDimSize(3) != channels / groups)
    return emitOptionalError(location, "filter has ", filter.getDimSize(3), " input channels, expected ",
                             channels / groups);
  if (op.getBias() && typeOf(op.getBias()).getShape() != ArrayRef<int64_t>{outputs})
    return emitOptionalError(location, "bias must have one value per output channel (", outputs, ")");
  // Two tensors of 8 bits may differ in sign.
  Type element = input.getElementType(), sum = sumType(element), stored = filter.getElementType();
  bool isWidened = mayWiden && element.isF32() && (stored.isInteger(8) || stored.isF16() || stored.isBF16());
  if (stored != element && !isWidened &&
      (sum == element || sumType(filter.getElementType()) != sum ||
       filter.getElementTypeBitWidth() != input.getElementTypeBitWidth()))
    return emitOptionalError(location, "filter is ", filter.getElementType(), ", the input is ", element);
  if (op.getBias() && typeOf(op.getBias()).getElementType() != sum)
    return emitOptionalError(location, "bias is ", typeOf(op.getBias()).getElementType(), ", the sum is ", sum);
  return checkZeroPoints(location, op, outputs);
}

bool Conv2DOp::isDepthwise() {
  auto filter = typeOf(getFilter());
  return getGroups() > 1 && filter.getDimSize(3) == 1 && filter.getDimSize(0) == (int64_t)getGroups();
}

LogicalResult Conv2DOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                         SmallVectorImpl<Type> &types) {
  if (failed(checkConvolution(location, op, /*mayWiden=*/true)))
    return failure();
  auto input = typeOf(op.getInput()), filter = typeOf(op.getFilter());
  auto pads = op.getPads();
  SmallVector<int64_t> shape{input.getDimSize(0)};
  for (int i : {0, 1}) {
    auto size = windowOutputSize(input.getDimSize(1 + i), pads[i], pads[2 + i], filter.getDimSize(1 + i),
                                 op.getDilations()[i], op.getStrides()[i]);
    if (failed(size))
      return emitOptionalError(location, "a window of ", filter.getDimSize(1 + i), " with dilation ",
                               op.getDilations()[i], " does not fit into ", input.getDimSize(1 + i),
                               " elements with pads ", pads[i], " and ", pads[2 + i]);
    shape.push_back(*size);
  }
  shape.push_back(filter.getDimSize(0));
  types.push_back(RankedTensorType::get(shape, sumType(input.getElementType())));
  return success();
}

LogicalResult ConvTranspose2DOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor op,
                                                  SmallVectorImpl<Type> &types) {
  if (failed(checkConvolution(location, op, /*mayWiden=*/false)))
    return failure();
  if (op.getOutputPadding().size() != 2)
    return emitOptionalError(location, "needs 2 output paddings");
  auto input = typeOf(op.getInput()), filter = typeOf(op.getFilter());
  auto pads = op.getPads();
  SmallVector<int64_t> shape{input.getDimSize(0)};
  for (int i : {0, 1}) {
    int64_t size = (input.getDimSize(1 + i) - 1) * op.getStrides()[i] +
                   op.getDilations()[i] * (filter.getDimSize(1 + i) - 1) + 1 + op.getOutputPadding()[i] - pads[i] -
                   pads[2 + i];
    if (size < 1)
      return emitOptionalError(location, "output dim ", 1 + i, " would have ", size, " elements");
    shape.push_back(size);
  }
  shape.push_back(filter.getDimSize(0));
  types.push_back(RankedTensorType::get(shape, sumType(input.getElementType())));
  return success();
}
