// Runs the model on the samples: what contractions read, and what the model gives.
#ifndef NNCC_LIB_QUANTIZE_OBSERVE_H
#define NNCC_LIB_QUANTIZE_OBSERVE_H
#include "lib/quantize/Contractions.h"
#include "lib/quantize/Histogram.h"
#include "lib/quantize/Host.h"
#include <array>

namespace nncc::quantize {

/// Into how many parts samples are split, in turn.
inline constexpr unsigned kFolds = 4;

/// What one tensor held in all samples.
struct TensorStatistics {
  std::vector<int64_t> shape; ///< in every sample
  Histogram values;
  Histogram folds[kFolds];      ///< of every fourth sample: ranges that all but one show are judged on that one
  std::vector<double> sums;     ///< of the values of each channel of the contractions that read it
  uint64_t summed = 0;          ///< how many values they are of; those that `values` counts may be others
  std::vector<float> low, high; ///< of each channel, at most and at least 0

  /// What was seen in the other folds; in all samples where that is unknown.
  Histogram outside(unsigned fold) const;
  double mean(int64_t channel) const {
    return sums[channel] / std::max<double>((double)summed / (double)sums.size(), 1);
  }
};

struct Observations {
  std::map<std::string, TensorStatistics> tensors;
  size_t samples = 0;
  std::vector<Port> inputs, outputs; ///< of the model itself
  /// Samples that answers are compared on: inputs, and what the float model gives.
  std::vector<std::vector<std::vector<char>>> sampleInputs, sampleOutputs;
  std::vector<unsigned> sampleFolds; ///< the fold that each of them is of
};

/// Builds the model with what its contractions read as outputs, and runs it on all samples.
///
/// others   tensors of f32 that are observed as well
/// choices  outputs that may hold infinities, as masks have them, and NaN
/// error    reported, and nothing is returned: no samples, NaN or infinity in them or behind them
std::optional<Observations> observe(const onnx::ModelProto &model, llvm::ArrayRef<Contraction> contractions,
                                    llvm::ArrayRef<std::string> others, llvm::ArrayRef<std::string> choices,
                                    Host &host);

/// Runs the float model on the samples that are kept, and calls back with what its contractions read in each, and the
/// fold that it is of.
///
/// observations  those of the same model
/// error         reported, and false
bool replay(const onnx::ModelProto &model, llvm::ArrayRef<Contraction> contractions, const Observations &observations,
            Host &host,
            llvm::function_ref<void(const std::string &tensor, llvm::ArrayRef<float>, llvm::ArrayRef<int64_t> shape,
                                    unsigned fold)>
                visit);

/// How far one output is from that of the float model, over all samples that are compared.
struct OutputError {
  std::string name;
  double noise = 0, dot = 0, squareFloat = 0, squareOther = 0;
  double cosine() const;
  double decibels() const;
  /// Counts what both models give for a sample. Where the float model has infinities or NaN in it, those of both count
  /// as 0: a mask of the same places is no difference, one of others is as large as what it hides.
  void add(llvm::ArrayRef<float> right, llvm::ArrayRef<float> other);
};

/// The mean over all outputs of noise over signal: what is to become small.
double errorOf(llvm::ArrayRef<OutputError> outputs);

using ExtraInputs = std::array<std::map<std::string, std::vector<float>>, kFolds>;

/// Runs a model on the samples that are kept and compares its outputs. Outputs that are no floats are left out.
///
/// extra   values of inputs that the float model has not, by name: for each fold of the samples
/// limit   how many samples at most
/// error   reported, and nothing is returned
std::optional<std::vector<OutputError>> compare(BuiltModel &built, const Observations &observations,
                                                const ExtraInputs &extra, size_t limit, Host &host);

} // namespace nncc::quantize
#endif
