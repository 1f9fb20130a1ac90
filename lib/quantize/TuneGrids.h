// Grids that single tensors have of their own, beside what biases take out of each.
#ifndef NNCC_LIB_QUANTIZE_TUNEGRIDS_H
#define NNCC_LIB_QUANTIZE_TUNEGRIDS_H
#include "lib/quantize/Candidate.h"

namespace nncc::quantize {

/// A grid, and what rounding to it adds to each channel on average: parts of a picture that are flat are all off by the
/// same, which no sum over them makes less. What the grid cuts off does not count. Empty where no bias can take it.
struct PlacedTensor {
  ActivationGrid grid;
  std::vector<float> offsets;
};

/// A grid that a tensor may have.
struct GridChoice {
  PlacedTensor ofAll;                      ///< by all samples
  std::array<PlacedTensor, kFolds> judged; ///< by those outside of each fold
  double gain = 1;                         ///< taken where the error falls below so much of what it is
};

/// By tensor: a grid for all values, a wider one, and some that cut ever more of them off at both ends.
using GridChoices = std::map<std::string, std::vector<GridChoice>>;

/// Runs the float model once more. error: reported, and nothing is returned
std::optional<GridChoices> findGridChoices(const Source &source, Host &host);

/// Gives every tensor its first grid.
void takeFirst(Candidate &candidate, const GridChoices &choices);

/// The error of the outputs with the grids by which a candidate is judged, but for tensors that stay float, on so many
/// samples. error: reported, and nothing is returned
using MeasureGrids =
    llvm::function_ref<std::optional<double>(const Candidate &, const std::set<std::string> &floats, size_t samples)>;

/// Gives each tensor the grid by which the outputs err least where it alone is quantized. What hardly errs keeps the
/// first. error: reported, and false
bool chooseGrids(Candidate &candidate, const GridChoices &choices, MeasureGrids measure, Host &host);

} // namespace nncc::quantize
#endif
