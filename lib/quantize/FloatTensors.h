// Which tensors stay float, of the ways to quantize that were found: the recipe `mixed`.
#ifndef NNCC_LIB_QUANTIZE_FLOATTENSORS_H
#define NNCC_LIB_QUANTIZE_FLOATTENSORS_H
#include "lib/quantize/TunedWay.h"

namespace nncc::quantize {

class FloatTensors {
public:
  FloatTensors(Trials &trials, TunedWay &tunedWay) : trials(trials), tunedWay(tunedWay) {}

  bool isGoodEnough(llvm::ArrayRef<OutputError> outputs) const;
  /// Finds which tensors are to stay float, with the weights behind them, and leaves them so: those of the way to
  /// quantize that errs least, or where these are many, of grids of single tensors or none if fewer are float so.
  /// error: reported, and false
  bool choose(Candidate &best);
  /// Leaves another twentieth of the tensors float. What was tuned is given up where no fewer are float than without.
  void chooseMore(Candidate &best);

  /// What each tensor, quantized alone, does to the outputs.
  const std::map<std::string, double> &errorsAlone() const { return floats.alone; }
  /// The grids that those which stay float would have.
  const Grids &grids() const { return raised; }

private:
  bool chooseOther(Candidate &best, std::optional<Candidate> other);
  std::optional<Raised> findOf(const Candidate &candidate);
  void setFloat(Candidate &candidate);

  Trials &trials;
  TunedWay &tunedWay;
  Raised floats;
  Grids raised;
};

} // namespace nncc::quantize
#endif
