// From the values that a tensor took to the range that its 8 bits cover.
#ifndef NNCC_LIB_QUANTIZE_RANGES_H
#define NNCC_LIB_QUANTIZE_RANGES_H
#include "lib/quantize/Histogram.h"

namespace nncc::quantize {

/// How a range is found.
enum class RangeMethod {
  MinMax,     ///< all that was seen
  Wide,       ///< a tenth more: what comes later exceeds what was seen
  Percentile, ///< all but a 10,000th at either end
  Error,      ///< the least sum of squared errors, of rounding inside and of cutting off outside
};
inline constexpr RangeMethod kRangeMethods[] = {RangeMethod::MinMax, RangeMethod::Wide, RangeMethod::Percentile,
                                                RangeMethod::Error};
const char *nameOf(RangeMethod method);

/// A grid of 256 steps: real = (step - zeroPoint) * scale, step in [0, 255].
struct ActivationGrid {
  float scale = 1;
  int zeroPoint = 0;

  /// The grid of a range, which is widened to hold 0: padding and rectifiers make that exact.
  static ActivationGrid of(double low, double high);
  double low() const { return -(double)zeroPoint * scale; }
  double high() const { return (255.0 - zeroPoint) * scale; }
  bool operator==(const ActivationGrid &) const = default;
};

ActivationGrid findGrid(const Histogram &values, RangeMethod method);
/// The grid of all values but a share of them at either end.
ActivationGrid findGridWithin(const Histogram &values, double cutOff);

/// What a grid does to the values that were seen.
struct GridQuality {
  double noise = 0, signal = 0; ///< sums of squares
  double saturatedShare = 0;    ///< of the values
  double decibels() const;
};
GridQuality qualityOf(const Histogram &values, const ActivationGrid &grid);

} // namespace nncc::quantize
#endif
