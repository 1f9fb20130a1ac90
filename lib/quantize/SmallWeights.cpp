// See SmallWeights.h.
#include "lib/quantize/SmallWeights.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <limits>

using namespace llvm;

namespace nncc::quantize {

static const fltSemantics &semanticsOf(WeightForm form) {
  return form == WeightForm::F16 ? APFloat::IEEEhalf() : APFloat::BFloat();
}

static APFloat narrowed(float value, WeightForm form) {
  APFloat half(value);
  bool losesInfo;
  half.convert(semanticsOf(form), APFloat::rmNearestTiesToEven, &losesInfo);
  return half;
}

/// A scale as f16, where it is a normal number of that; else as it is. Libraries keep those that f16 holds in two
/// bytes.
static float asScale(float scale) {
  APFloat half = narrowed(scale, WeightForm::F16);
  return half.isFinite() && half.isNormal() ? half.convertToFloat() : scale;
}

/// The step that a value becomes, -8 to 7.
static float stepOf(float value, float scale) { return std::clamp(std::nearbyint(value / scale), -8.0f, 7.0f); }

/// The scale by which the squared error of a block is least. Large ones hold all values, smaller ones cut off the
/// largest and are finer for all others.
static float chooseScale(ArrayRef<float> values) {
  float most = 0;
  for (float value : values)
    most = std::max(most, std::fabs(value));
  const float largest = std::max(most / 7, std::numeric_limits<float>::min());
  float best = largest;
  double least = std::numeric_limits<double>::infinity();
  constexpr int tries = 16;
  for (int i = 0; i < tries; ++i) {
    float scale = asScale(largest * (1 - 0.02f * i));
    double error = 0;
    for (float value : values) {
      double difference = value - scale * stepOf(value, scale);
      error += difference * difference;
    }
    if (error < least) {
      least = error;
      best = scale;
    }
  }
  return std::max(best, std::numeric_limits<float>::min());
}

BlockedWeights quantizeBlocks(const Contraction &contraction, int64_t block) {
  bool isByColumn = contraction.weightAxis == 0;
  int64_t depth = contraction.weight.dim(isByColumn ? 1 : 0), columns = contraction.weight.dim(isByColumn ? 0 : 1);
  int64_t blocks = divideCeil(depth, block);
  BlockedWeights result{depth, columns, blocks, {}, {}};
  // 8 is 0: what fills up the last block.
  result.bytes.assign(columns * blocks * block / 2, 0x88);
  std::vector<float> values;
  for (int64_t n = 0; n < columns; ++n)
    for (int64_t first = 0; first < depth; first += block) {
      values.clear();
      for (int64_t k = first; k < std::min(first + block, depth); ++k)
        values.push_back(contraction.weight.values[isByColumn ? n * depth + k : k * columns + n]);
      float scale = chooseScale(values);
      uint8_t *bytes = result.bytes.data() + (n * blocks + first / block) * block / 2;
      for (auto [i, value] : enumerate(values)) {
        unsigned step = (unsigned)(stepOf(value, scale) + 8), shift = i % 2 * 4;
        bytes[i / 2] = (uint8_t)((bytes[i / 2] & ~(15u << shift)) | step << shift);
      }
      result.scales.push_back(scale);
    }
  return result;
}

bool canHaveBlocks(const onnx::ModelProto &model, const Contraction &contraction) {
  if ((contraction.op != "MatMul" && contraction.op != "Gemm") || contraction.weight.rank() != 2)
    return false;
  const onnx::NodeProto &node = model.graph().node(contraction.node);
  return contraction.takesBias || node.input_size() < 3 || node.input(2).empty();
}

void BlockedProducts::write(const Contraction &contraction) {
  Matrix &matrix = written[contraction.matrixKey()];
  if (matrix.values.empty()) {
    BlockedWeights weights = quantizeBlocks(contraction, block);
    matrix = {weights.depth, weights.columns,
              editor.addConstant<uint8_t>(contraction.weightName + "_quantized",
                                          {weights.columns, weights.blocks, block / 2}, weights.bytes),
              editor.addConstant<float>(contraction.weightName + "_scale", {weights.columns * weights.blocks},
                                        weights.scales)};
  }
  onnx::NodeProto &old = editor.node(contraction.node);
  std::string output = old.output(0), name = old.name();
  std::string result = contraction.bias ? editor.freshName(output + "_product") : output;
  onnx::NodeProto product = makeNode("MatMulNBits", contraction.bias ? editor.freshName(result + "_node") : name,
                                     {contraction.input, matrix.values, matrix.scales}, result);
  product.set_domain("com.microsoft");
  addAttribute(product, "K", matrix.depth);
  addAttribute(product, "N", matrix.columns);
  addAttribute(product, "bits", 4);
  addAttribute(product, "block_size", block);
  if (!contraction.bias) {
    old = std::move(product);
    return;
  }
  editor.insertBefore(contraction.node, std::move(product));
  std::string bias = editor.addConstant<float>(contraction.weightName + "_bias", {(int64_t)contraction.bias->size()},
                                               *contraction.bias);
  editor.node(contraction.node) = makeNode("Add", name, {result, bias}, output);
}

bool canBeHalves(ArrayRef<float> values, WeightForm form) {
  return all_of(values, [&](float value) { return narrowed(value, form).isFinite(); });
}

std::string addHalves(ModelEditor &editor, const std::string &name, const FloatTensor &tensor, WeightForm form) {
  std::vector<uint16_t> bits;
  for (float value : tensor.values)
    bits.push_back((uint16_t)narrowed(value, form).bitcastToAPInt().getZExtValue());
  return editor.addConstant(name + (form == WeightForm::F16 ? "_f16" : "_bf16"),
                            form == WeightForm::F16 ? onnx::TensorProto::FLOAT16 : onnx::TensorProto::BFLOAT16,
                            tensor.shape, {(const char *)bits.data(), bits.size() * sizeof(uint16_t)});
}

onnx::NodeProto makeWidening(ModelEditor &editor, const std::string &halves, const std::string &result) {
  onnx::NodeProto cast = makeNode("Cast", editor.freshName(result + "_Cast"), {halves}, result);
  addAttribute(cast, "to", (int64_t)onnx::TensorProto::FLOAT);
  return cast;
}

} // namespace nncc::quantize
