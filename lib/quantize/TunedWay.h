// A way to quantize in which each tensor has a grid of its own, beside the one whose grids are all found alike.
#ifndef NNCC_LIB_QUANTIZE_TUNEDWAY_H
#define NNCC_LIB_QUANTIZE_TUNEDWAY_H
#include "lib/quantize/Raise.h"
#include "lib/quantize/Trials.h"

namespace nncc::quantize {

/// A candidate, and which of its tensors stay float: none where that was not found.
struct WayWithFloats {
  Candidate candidate;
  Raised floats;
};

class TunedWay {
public:
  explicit TunedWay(Trials &trials) : trials(trials) {}

  /// Remembers what grids of single tensors are found for: the model as it was given, where it may have any.
  void beginWith(const Candidate &candidate);
  bool canBeFound() const { return plain.has_value(); }
  /// Takes grids of single tensors where `best` errs enough, and by much less with them. error: reported, and false
  bool tryOn(Candidate &best);
  /// The way with corrected biases, whatever it errs; found where it was not yet. error: reported, and nothing is
  /// returned
  std::optional<Candidate> corrected();

  /// What is best without grids of single tensors, where they are taken.
  std::optional<WayWithFloats> untuned;

private:
  bool find(double limit);
  bool measure();

  Trials &trials;
  std::optional<Candidate> plain, tuned;
};

} // namespace nncc::quantize
#endif
