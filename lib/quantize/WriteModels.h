// The models that quantizing writes: with what contractions read as outputs, with switches, and the quantized one.
#ifndef NNCC_LIB_QUANTIZE_WRITEMODELS_H
#define NNCC_LIB_QUANTIZE_WRITEMODELS_H
#include "lib/quantize/Contractions.h"
#include "lib/quantize/Observe.h"
#include "lib/quantize/Ranges.h"
#include "lib/quantize/SmallWeights.h"
#include "lib/quantize/Tables.h"
#include "llvm/ADT/STLExtras.h"
#include <set>

namespace nncc::quantize {

/// What is decided: how the tensors that contractions read become integers.
struct Decision {
  enum class Inputs {
    OnGrids, ///< those of `grids`, and the contractions that read them are quantized
    Float,   ///< none: weights of all contractions are integers alone
    Dynamic, ///< those of all products, on grids that are found in every run
  };
  Inputs inputs = Inputs::OnGrids;
  WeightForm weights = WeightForm::Int8; ///< where inputs are Float
  int64_t block = 0;                     ///< of Int4
  std::map<std::string, ActivationGrid> grids;
  /// What rounding to its grid adds to each channel of a tensor on average, where biases are to take that out.
  std::map<std::string, std::vector<float>> offsets;
  std::set<std::string> stored; ///< those of them that all nodes read on their grid, not contractions alone
  std::vector<Table> tables;    ///< matrices of rows that become integers

  bool needsGrids() const { return inputs == Inputs::OnGrids; }
  /// Whether rows of its weights are read, too: each of those is to be the nearest.
  bool sharesTable(const Contraction &contraction) const {
    return llvm::any_of(tables, [&](const Table &table) { return table.weightName == contraction.weightName; });
  }
  bool quantizes(const Contraction &contraction) const { return !needsGrids() || grids.count(contraction.input); }
};

/// A copy whose outputs are those of the model and then `tensors`.
onnx::ModelProto writeObserved(const onnx::ModelProto &model, llvm::ArrayRef<std::string> tensors);

/// The inputs by which a switchable model is told the grid of a tensor.
struct GridInputs {
  std::string scale, low, high; ///< f32 scalars: round(x / scale) is limited to [low, high], and multiplied by scale
  /// f32 scalar, where contractions read the tensor and their weights can be switched: 1, these are rounded; 0, not.
  std::string weights;
  /// f32, one for each channel, where the decision has such: biases take it out, as in the quantized model.
  std::string offsets;
};

/// A copy that computes in floats what the quantized model computes in integers: weights have the values that their
/// integers stand for, and every tensor with a grid is put on one that is an input of the model.
///
/// tensors        what contractions were seen to read
/// switchWeights  an input says for each tensor whether the weights and biases of what reads it are rounded, too
struct SwitchableModel {
  onnx::ModelProto model;
  std::map<std::string, GridInputs> inputs; ///< by tensor
};
SwitchableModel writeSwitchable(const onnx::ModelProto &model, llvm::ArrayRef<Contraction> contractions,
                                const Decision &decision, const std::map<std::string, TensorStatistics> &tensors,
                                bool switchWeights = false);

/// Whether a contraction can find the grid of what it reads in every run: products can, unless their sums of steps
/// could pass 31 bits; convolutions stay as they are.
bool canBeDynamic(const onnx::ModelProto &model, const Contraction &contraction);

/// The quantized model: QuantizeLinear and DequantizeLinear in front of contractions and behind what is stored, weights
/// in 8 and biases in 32 bits behind a DequantizeLinear. Dynamic: DynamicQuantizeLinear and MatMulInteger, as
/// onnxruntime's quantize_dynamic writes them, with a scale for each column of the weights.
///
/// raised  hears of channels whose scale had to grow for their bias
onnx::ModelProto writeQuantized(const onnx::ModelProto &model, llvm::ArrayRef<Contraction> contractions,
                                const Decision &decision,
                                llvm::function_ref<void(const Contraction &, llvm::ArrayRef<int64_t>)> raised);

} // namespace nncc::quantize
#endif
