// What values a tensor took: counts that merge exactly, whatever order or how many shards they came in.
#ifndef NNCC_LIB_QUANTIZE_HISTOGRAM_H
#define NNCC_LIB_QUANTIZE_HISTOGRAM_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/JSON.h"
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <vector>

namespace nncc::quantize {

/// The values of one tensor, counted by sign, exponent and the first seven bits of the mantissa: bins as wide as a
/// 128th of a power of two, the same for every tensor, so that two histograms add up bin by bin.
class Histogram {
public:
  /// A bin: the value in its middle (0 exactly for 0), and how often it was seen.
  struct Bin {
    double value;
    uint64_t count;
  };

  /// Counts values. The first that is NaN or infinite ends it, and false is returned.
  bool add(llvm::ArrayRef<float> values);
  void merge(const Histogram &other);

  float low() const { return least; } ///< the least value itself; infinity when nothing was seen
  float high() const { return most; } ///< the greatest one
  uint64_t count() const { return total; }
  /// The bins that saw something, from the least value to the greatest.
  std::vector<Bin> bins() const;

  /// `{"low":, "high":, "bins": [[key, count], ...]}`; exact. error: no such object
  llvm::json::Value toJson() const;
  static std::optional<Histogram> fromJson(const llvm::json::Value &value);

private:
  static constexpr unsigned kPageBins = 128; // an exponent of one sign
  std::map<uint16_t, std::vector<uint64_t>> pages;
  float least = std::numeric_limits<float>::infinity(), most = -std::numeric_limits<float>::infinity();
  uint64_t total = 0;
};

} // namespace nncc::quantize
#endif
