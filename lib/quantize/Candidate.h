// What the quantizer compares: ways to quantize a model, and how one of them runs.
#ifndef NNCC_LIB_QUANTIZE_CANDIDATE_H
#define NNCC_LIB_QUANTIZE_CANDIDATE_H
#include "lib/quantize/Observe.h"
#include "lib/quantize/Ranges.h"
#include "lib/quantize/Statistics.h"
#include "lib/quantize/Stored.h"
#include "lib/quantize/WriteModels.h"
#include <array>
#include <memory>
#include <set>

namespace nncc::quantize {

using Grids = std::map<std::string, ActivationGrid>;
using Offsets = std::map<std::string, std::vector<float>>;
/// The grids of all tensors, and what biases take out of some.
struct Placement {
  Grids grids;
  Offsets offsets;
};
/// By which ranges are judged: for each fold of the samples, grids that the others show. A range that holds just what
/// was seen looks better on that than it is.
using Judged = std::array<Placement, kFolds>;

/// A model that computes what the float model does, and what its contractions read in all samples.
struct Source {
  onnx::ModelProto model;
  std::vector<Contraction> contractions;
  std::vector<StoredTensor> stored; ///< that are to be in 8 bits as well
  Observations observations;
  /// Of weights that are rounded together, by their contraction's node; nothing: not tried yet.
  std::optional<std::map<int, std::vector<int8_t>>> stepsTogether;

  std::vector<std::string> storedNames() const;
};

/// How one would be quantized. Candidates of one source share it.
struct Candidate {
  std::shared_ptr<Source> source = std::make_shared<Source>();
  Decision decision;
  Judged judged;                            ///< beside those of the decision
  std::string channels;                     ///< what was done to them, for the report
  RangeMethod method = RangeMethod::MinMax; ///< by which its ranges were found
  std::optional<RangeMethod> ofInputs;      ///< by which those of what a caller gives were, where otherwise
  bool hasFactors = false;                  ///< a Mul makes channels alike
  bool isCorrected = false;                 ///< biases are
  bool areWeightsRoundedTogether = false;   ///< to the steps of the source
  bool isTuned = false;                     ///< each tensor has a range of its own
  double error = 0;                         ///< of the outputs

  /// The ranges of all tensors by a method, of all samples and of those outside of each fold.
  Grids gridsOf(RangeMethod by) const;
  Judged judgedGridsOf(RangeMethod by) const;
  /// Grids by what each tensor is seen to hold, and those that share its grid.
  Grids gridsOf(RangeMethod by, llvm::function_ref<Histogram(const TensorStatistics &)> seen) const;
  /// The error that decides.
  double rank() const;
  /// What its ranges are by, in words, and what it is.
  std::string ranges() const;
  std::string way() const;
  /// Forgets what no contraction reads, and is not stored either.
  void dropUnread();
  /// Puts counts of files in the place of what samples showed. returns  what they have no values of, and forget:
  /// tensors that contractions read, and others that are stored
  std::pair<std::set<std::string>, std::set<std::string>> takeCounts(const std::map<std::string, Histogram> &counts);
  /// What tensors were seen to hold, for a file: of a model by its name and hash.
  Statistics statistics(llvm::StringRef model, llvm::StringRef modelHash) const;
  /// Leaves what would become infinite in 16 bits as it is.
  void dropLargeValues(const ModelEditor &editor);
  /// Why there is nothing to quantize, for a message.
  ///
  /// isKept  contractions stay float since the caller says so
  std::string whyNothing(bool isKept) const;
  /// Decides by what was seen which tensors are large enough to be stored in 8 bits.
  void chooseStored();
  /// Gives contractions the steps that their weights have together, if the candidate takes those.
  void applySteps() const;
  /// Takes what rounded weights add on average out of the biases.
  void correctBiases() const;
  /// Gives contractions the weights and biases that were decided, but for what grids add.
  void correct() const;
  /// Takes what grids add out of the biases, where that was decided.
  void takeOutOffsets() const;
};

/// A candidate that runs, with grids that can be exchanged.
struct Switchable {
  BuiltModel built;
  std::map<std::string, GridInputs> inputs;

  /// The values of its inputs: the grids of all tensors, and of those in `off` one that changes nothing.
  std::map<std::string, std::vector<float>> values(const Candidate &candidate, const Placement &placement,
                                                   const std::set<std::string> &off) const;
};

} // namespace nncc::quantize
#endif
