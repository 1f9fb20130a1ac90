// How far the outputs of a model are from those of a reference, over the samples of a data set.
#ifndef NNCC_LIB_ANALYZE_ACCURACY_H
#define NNCC_LIB_ANALYZE_ACCURACY_H
#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <optional>

namespace nncc {

/// Differences of one output, sample by sample.
class Accuracy {
public:
  /// classes  how many neighbouring elements are the scores of one decision; 0: the output decides nothing
  explicit Accuracy(int64_t classes = 0) : classes(classes) {}

  /// Adds a sample.
  ///
  /// actual, expected  [elements] of the output
  void add(llvm::ArrayRef<double> actual, llvm::ArrayRef<double> expected);
  /// Adds a sample whose right class is known, and nothing else.
  void addLabel(llvm::ArrayRef<double> actual, int64_t label);

  uint64_t samples() const { return sampleCount; }
  double maxError() const { return largestError; }
  double meanError() const { return elements ? sumError / double(elements) : 0; }
  /// The largest finite magnitude of the reference.
  double largest() const { return largestValue; }
  /// The largest error as a share of the largest value; of a reference that is zero the error itself.
  double relativeError() const { return largestValue > 0 ? largestError / largestValue : largestError; }
  /// The mean cosine of a sample with its reference. One without length counts 1 where both are, else 0.
  double cosine() const { return sampleCount ? sumCosine / double(sampleCount) : 1; }
  double leastCosine() const { return leastOfCosines; }
  /// Signal to quantization noise in dB: the squares of the reference over those of the error. Infinite without error;
  /// minus infinity where the error has no bound, or the reference is zero.
  double sqnr() const;
  /// Elements where one of the two is NaN and the other is not.
  uint64_t invalid() const { return invalidCount; }
  /// The sample with the largest error, and its error is maxError(); with labels none.
  uint64_t worstSample() const { return worst; }

  /// The element of it that has that error.
  uint64_t worstElement() const { return worstPlace; }

  /// The share of decisions whose best class is the reference's; whose right one is among the best five.
  ///
  /// returns  nothing for an output that decides nothing, and of the five where there are no more classes
  std::optional<double> top1() const { return share(rightCount, 1); }
  std::optional<double> top5() const { return share(amongFiveCount, 5); }

private:
  void addDecision(llvm::ArrayRef<double> scores, int64_t right);
  std::optional<double> share(uint64_t count, int64_t least) const;

  int64_t classes;
  uint64_t sampleCount = 0, elements = 0, invalidCount = 0, worst = 0, worstPlace = 0;
  double largestError = 0, sumError = 0, largestValue = 0, sumCosine = 0, leastOfCosines = 1;
  double squareError = 0, squareReference = 0;
  uint64_t decisions = 0, rightCount = 0, amongFiveCount = 0;
};

/// The `classes` of an Accuracy for an output of that shape: its last dim where the others count samples alone, as in
/// [1, 1000] and [1, 1000, 1, 1]; else 0.
int64_t classesOf(llvm::ArrayRef<int64_t> shape);

} // namespace nncc
#endif
