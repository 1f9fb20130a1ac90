// See Moments.h.
#include "lib/quantize/Moments.h"
#include "lib/quantize/Terms.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace llvm;

namespace nncc::quantize {

/// How many places of a sample are looked at: neighbours show little that is new.
static constexpr int64_t kPlaces = 128;
/// More terms than this are not looked at: moments grow with their square, and what factors them with their cube.
static constexpr int64_t kMostTerms = 2048;

void Moments::add(ArrayRef<float> rows, int64_t count) {
  LowerTriangle own(sum.size);
  for (int64_t i = 0; i < sum.size; ++i) {
    float *to = own.row(i);
    const float *row = rows.data();
    for (int64_t n = 0; n < count; ++n, row += sum.size) {
      float factor = row[i] / (float)count;
      for (int64_t j = 0; j <= i; ++j)
        to[j] += factor * row[j];
    }
    for (int64_t j = 0; j < i; ++j)
      squares += (double)to[j] * to[j];
  }
  for (auto [all, one] : zip(sum.values, own.values))
    all += one;
  ++samples;
}

void Moments::add(const Moments &others) {
  for (auto [all, more] : zip(sum.values, others.sum.values))
    all += more;
  squares += others.squares;
  samples += others.samples;
}

LowerTriangle Moments::shrunk() const {
  LowerTriangle result = sum;
  double common = 0;
  for (int64_t i = 0; i < sum.size; ++i)
    for (int64_t j = 0; j <= i; ++j) {
      result.row(i)[j] /= (float)samples;
      if (j < i)
        common += (double)result.row(i)[j] * result.row(i)[j];
    }
  double variance = samples > 1 ? (squares / (double)samples - common) / (double)(samples - 1) : common;
  float kept = common > 0 ? (float)std::max(1 - variance / common, 0.0) : 0;
  for (int64_t i = 0; i < sum.size; ++i)
    for (int64_t j = 0; j < i; ++j)
      result.row(i)[j] *= kept;
  return result;
}

bool Moments::areKnown() const {
  return samples > 0 && all_of(sum.values, [](float value) { return std::isfinite(value); });
}

namespace {

/// A contraction whose moments are gathered.
struct Gathered {
  Terms terms;
  std::vector<float> means; ///< of each channel of what it reads; empty: what they add stays in the outputs
  GroupMoments *moments;

  void add(ArrayRef<float> values, ArrayRef<int64_t> shape) {
    int64_t places = terms.places(shape), taken = std::min(places, kPlaces);
    if (!taken)
      return;
    std::vector<float> rows(taken * terms.count());
    for (auto [group, of] : enumerate(*moments)) {
      for (int64_t i = 0; i < taken; ++i) {
        float *row = rows.data() + i * terms.count();
        terms.read(values, shape, group, placeOf(i, places, taken), row);
        if (!means.empty())
          for (int64_t term = 0; term < terms.count(); ++term)
            row[term] -= means[terms.channel(group, term)];
      }
      of.add(rows, taken);
    }
  }

  /// Spread over all places, without the period of lines: the golden section never falls into step with them.
  static int64_t placeOf(int64_t i, int64_t places, int64_t taken) {
    constexpr double golden = 0.6180339887498949;
    double turns = (double)i * golden;
    return taken == places ? i : (int64_t)((turns - std::floor(turns)) * (double)places);
  }
};

std::vector<float> meansOf(const TensorStatistics &seen) {
  std::vector<float> means;
  for (int64_t channel = 0; channel < (int64_t)seen.sums.size(); ++channel)
    means.push_back((float)seen.mean(channel));
  return means;
}

} // namespace

std::optional<std::map<int, GroupMoments>> findMoments(const onnx::ModelProto &model,
                                                       ArrayRef<Contraction> contractions,
                                                       const Observations &observations,
                                                       function_ref<bool(const Contraction &)> isWanted, Host &host) {
  std::map<int, GroupMoments> result;
  std::map<std::string, std::vector<Gathered>> readers;
  for (const Contraction &contraction : contractions) {
    auto terms = Terms::of(model.graph().node(contraction.node), contraction);
    auto seen = observations.tensors.find(contraction.input);
    if (!terms || terms->count() > kMostTerms || seen == observations.tensors.end() || !isWanted(contraction))
      continue;
    GroupMoments &moments = result[contraction.node];
    moments.assign(terms->groups(), Moments(terms->count()));
    // Channels are those of the first reader: another one may have others, and no bias takes what their means add.
    bool isCentered = contraction.takesBias && (int64_t)seen->second.sums.size() == terms->channels();
    readers[contraction.input].push_back(
        {std::move(*terms), isCentered ? meansOf(seen->second) : std::vector<float>(), &moments});
  }
  bool isRun = replay(model, contractions, observations, host,
                      [&](const std::string &tensor, ArrayRef<float> values, ArrayRef<int64_t> shape, unsigned) {
                        for (Gathered &reader : readers[tensor])
                          reader.add(values, shape);
                      });
  if (!isRun)
    return std::nullopt;
  for (auto found = result.begin(); found != result.end();)
    found = all_of(found->second, [](const Moments &moments) { return moments.areKnown(); }) ? std::next(found)
                                                                                             : result.erase(found);
  return result;
}

} // namespace nncc::quantize
