// Quantizes a model after training: what contractions read and their weights become 8 bits, and for size all that lies
// between nodes, by the values that samples show. What the result computes is docs/quantization.md.
#ifndef NNCC_LIB_QUANTIZE_QUANTIZE_H
#define NNCC_LIB_QUANTIZE_QUANTIZE_H
#include "lib/quantize/Observe.h"
#include "lib/quantize/Ranges.h"
#include "lib/quantize/Statistics.h"
#include "lib/quantize/WriteModels.h"

namespace nncc::quantize {

enum class Recipe {
  Int8,        ///< weights and what contractions read
  Mixed,       ///< the same, but for tensors that hurt the outputs too much
  Int8Weights, ///< weights alone, and tables
  Int4Weights, ///< the same, but for products: 4 bits, a scale for each block of K
  F16,         ///< weights alone, and tables, as floats of 16 bits
  BF16,        ///< the same as bfloat16
  Int8Dynamic, ///< weights of products and tables; what products read, by its range in every run
};

struct QuantizeOptions {
  Recipe recipe = Recipe::Int8;
  std::optional<RangeMethod> method;     ///< none: the one with the least error of the outputs
  std::vector<std::string> keepFloat;    ///< patterns of nodes or tensors, with * and ?
  double minCosine = 0, minDecibels = 0; ///< of Mixed; 0: not asked for
  bool storesAll = false;                ///< in 8 bits, not what contractions read alone: Int8, Mixed
  int64_t block = 32;                    ///< of Int4Weights
  bool hasSamples = true;                ///< without: nothing is measured
  std::vector<Statistics> statistics;    ///< ranges are found by these together, instead of by the samples
  bool gathersStatistics = false;        ///< of the samples, as gatherStatistics() does

  /// Whether ranges are those of values that were seen.
  bool hasRanges() const { return recipe == Recipe::Int8 || recipe == Recipe::Mixed; }
};

struct TensorReport {
  std::string name;
  ActivationGrid grid;
  float low = 0, high = 0; ///< what was seen
  GridQuality quality;
  bool isRaised = false;            ///< stays float since it hurts the outputs most
  std::optional<double> errorShare; ///< of what all tensors do to the outputs, each alone; Mixed
};

struct QuantizeReport {
  size_t contractions = 0, quantized = 0, tables = 0;
  size_t toStore = 0, inBytes = 0;  ///< tensors between nodes, and those of them in 8 bits: for size
  size_t samples = 0;               ///< by which ranges are found, or outputs measured where there are none
  std::string stored = "in 8 bits"; ///< how what is quantized lies in the file
  int64_t opsetBefore = 0, opsetAfter = 0;
  unsigned foldedNorms = 0;
  uint64_t bytesBefore = 0, bytesAfter = 0; ///< of the files
  std::string method;
  std::vector<std::string> steps; ///< what was tried, and what it did to the error
  std::vector<std::string> floatNodes;
  /// By contraction: output channels whose weights got a larger scale, since their bias had no 32 bits in the old one.
  std::map<std::string, std::vector<int64_t>> raisedChannels;
  std::vector<TensorReport> tensors;
  std::vector<OutputError> outputs;
};

struct QuantizeResult {
  onnx::ModelProto model;
  QuantizeReport report;
  std::optional<Statistics> statistics; ///< where they are asked for
};

/// Quantizes a model. error: reported to `host`, nothing is returned
std::optional<QuantizeResult> quantize(onnx::ModelProto model, const std::string &path, const QuantizeOptions &options,
                                       Host &host);

/// Counts what the contractions of a model read in all samples, for QuantizeOptions::statistics; and what is stored,
/// where options say so.
///
/// error  reported to `host`, nothing is returned
std::optional<Statistics> gatherStatistics(onnx::ModelProto model, const std::string &path,
                                           const QuantizeOptions &options, Host &host);

} // namespace nncc::quantize
#endif
