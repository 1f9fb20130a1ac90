// Which tensors stay float so that the outputs keep their bounds: the recipe `mixed`.
#ifndef NNCC_LIB_QUANTIZE_RAISE_H
#define NNCC_LIB_QUANTIZE_RAISE_H
#include "lib/quantize/Observe.h"
#include <set>

namespace nncc::quantize {

struct Raised {
  std::set<std::string> tensors;       ///< stay float
  std::map<std::string, double> alone; ///< what each tensor, quantized alone, does to the outputs

  /// At most a tenth.
  bool areFew() const { return tensors.size() * 10 <= alone.size(); }
  /// Of the tensors that are not among `raised`, the one that does most alone; empty where there is none.
  std::string worstBeside(const std::set<std::string> &raised) const;
};

/// The errors of the outputs where all tensors but `floats` are quantized, on so many samples at most. error: reported,
/// and nothing is returned
using MeasureBeside =
    llvm::function_ref<std::optional<std::vector<OutputError>>(const std::set<std::string> &floats, size_t samples)>;
using IsGoodEnough = llvm::function_ref<bool(llvm::ArrayRef<OutputError>)>;

/// Finds what each tensor and the weights behind it do to the outputs alone, leaves those float that do most, until the
/// outputs are good enough, and quantizes again what need not be float beside the others.
///
/// error  reported, and nothing is returned
std::optional<Raised> findRaised(const std::set<std::string> &tensors, MeasureBeside measure, IsGoodEnough isGoodEnough,
                                 Host &host);

} // namespace nncc::quantize
#endif
