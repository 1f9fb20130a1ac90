// Runs candidates on the samples: what their tensors hold, and what their outputs err.
#ifndef NNCC_LIB_QUANTIZE_TRIALS_H
#define NNCC_LIB_QUANTIZE_TRIALS_H
#include "lib/quantize/Candidate.h"
#include "lib/quantize/Quantize.h"

namespace nncc::quantize {

inline constexpr size_t kAllSamples = SIZE_MAX;
/// Ranges that err so many times more than the best are not improved any further.
inline constexpr double kHopeless = 3;
/// Only those that err at most so many times more than the best have their weights rounded together.
inline constexpr double kNear = 1.15;

/// What all candidates of one model are tried by.
class Trials {
public:
  Trials(const QuantizeOptions &options, Host &host) : options(options), host(host) {}

  /// Runs the candidate in floats. error: reported, and false
  bool observeOn(Candidate &candidate);
  /// A candidate of a model that computes the same, and what its contractions read. error: reported, and nothing
  std::optional<Candidate> rewritten(const Candidate &plain, ModelEditor &editor);

  /// error: reported, and nothing is returned
  std::optional<Switchable> buildSwitchable(const Candidate &candidate, bool switchWeights = false);
  /// The errors of the outputs with these grids, but for tensors that are `off`. error: reported, and nothing is
  /// returned
  std::optional<std::vector<OutputError>> compareWith(Switchable &model, const Candidate &candidate,
                                                      const Judged &judged, const std::set<std::string> &off,
                                                      size_t samples);
  /// The same, of all outputs together. error: reported, and nothing is returned
  std::optional<double> errorWith(Switchable &model, const Candidate &candidate, const Judged &judged,
                                  const std::set<std::string> &off = {}, size_t samples = kAllSamples);
  /// Its error with corrected biases. error: reported, and nothing is returned
  std::optional<double> errorOfCorrected(Candidate &candidate);

  /// Takes what rounded weights add on average out of the biases, where the candidate errs less so.
  ///
  /// error  reported, and false
  bool tryCorrected(Candidate &candidate);
  /// Rounds weights together, and takes what that adds on average out of the biases, where the candidate errs less so.
  ///
  /// error  reported, and false
  bool tryRoundedTogether(Candidate &candidate);

  /// What a model made for size stores in 8 bits; nothing for others.
  std::vector<StoredTensor> storedOf(const onnx::ModelProto &model) const;
  void dropKept(std::vector<Contraction> &contractions) const;

  /// Notes for the report what was tried, and what it did to the error.
  void note(const std::string &what, double error);

  const QuantizeOptions &options;
  Host &host;
  std::vector<std::string> measured; ///< what a model that gives indices alone chooses by: outputs, but of the result
  std::set<std::string> kept;        ///< contractions that stay float, by name
  std::vector<std::string> steps;    ///< of the report

private:
  /// The steps of all weights whose terms are known, for every candidate of the source: scales are those of the weights
  /// alone. error: reported, and false
  bool findStepsTogether(const Candidate &candidate);
};

} // namespace nncc::quantize
#endif
