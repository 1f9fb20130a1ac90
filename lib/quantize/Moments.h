// How the terms that a contraction sums up vary together over the samples.
#ifndef NNCC_LIB_QUANTIZE_MOMENTS_H
#define NNCC_LIB_QUANTIZE_MOMENTS_H
#include "lib/quantize/Observe.h"

namespace nncc::quantize {

/// A symmetric matrix, row by row up to its diagonal.
class LowerTriangle {
public:
  explicit LowerTriangle(int64_t size) : size(size), values(size * (size + 1) / 2, 0) {}
  float *row(int64_t i) { return values.data() + i * (i + 1) / 2; }
  const float *row(int64_t i) const { return values.data() + i * (i + 1) / 2; }

  int64_t size;
  std::vector<float> values;
};

/// Second moments of the terms of one group of output channels: of how far they are from the mean of their channel,
/// where a bias can take what that adds.
class Moments {
public:
  explicit Moments(int64_t terms) : sum(terms) {}

  /// Adds what one sample shows: `count` rows of terms.
  void add(llvm::ArrayRef<float> rows, int64_t count);
  /// Adds what others show of the same terms.
  void add(const Moments &others);
  /// The moments that are likely for other samples: what terms have in common is less, the more it differs between
  /// those that were seen. That of a sample is one number, since its places are alike.
  ///
  /// source  Schaefer and Strimmer 2005, "A shrinkage approach to large-scale covariance matrix estimation", target D
  LowerTriangle shrunk() const;
  /// False where nothing was seen, or squares of it are no f32 any more.
  bool areKnown() const;

private:
  LowerTriangle sum;
  double squares = 0; ///< of what each sample adds off the diagonal
  int64_t samples = 0;
};

/// The moments of each group of a contraction.
using GroupMoments = std::vector<Moments>;

/// Runs the float model on the samples that are kept. Returned are the moments of those contractions that `isWanted`,
/// by the node: without those that no single row of terms belongs to (ConvTranspose), those of too many terms or of too
/// large ones.
///
/// error  reported, and nothing is returned
std::optional<std::map<int, GroupMoments>>
findMoments(const onnx::ModelProto &model, llvm::ArrayRef<Contraction> contractions, const Observations &observations,
            llvm::function_ref<bool(const Contraction &)> isWanted, Host &host);

} // namespace nncc::quantize
#endif
