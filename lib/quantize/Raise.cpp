// See Raise.h.
#include "lib/quantize/Raise.h"

using namespace llvm;

namespace nncc::quantize {

namespace {

constexpr size_t kAllSamples = SIZE_MAX;
/// What each tensor does alone is found on fewer: it is an order, no result.
constexpr size_t kAloneSamples = 4;

class Raiser {
public:
  Raiser(const std::set<std::string> &tensors, MeasureBeside measure, IsGoodEnough isGoodEnough, Host &host)
      : all(tensors), measure(measure), isGoodEnough(isGoodEnough), host(host) {}

  std::optional<Raised> run() {
    if (!orderByAlone() || !raise() || !lower())
      return std::nullopt;
    return std::move(result);
  }

private:
  bool orderByAlone() {
    for (const std::string &tensor : all) {
      host.progress("quantizing '" + tensor + "' alone");
      std::set<std::string> others = all;
      others.erase(tensor);
      auto outputs = measure(others, kAloneSamples);
      if (!outputs)
        return false;
      result.alone[tensor] = errorOf(*outputs);
    }
    return true;
  }

  bool raise() {
    for (;;) {
      auto outputs = measure(result.tensors, kAllSamples);
      if (!outputs)
        return false;
      if (isGoodEnough(*outputs) || result.tensors.size() == all.size())
        return true;
      result.tensors.insert(result.worstBeside(result.tensors));
    }
  }

  /// Quantizes again what need not stay float beside the others, as long as the bounds hold, from the tensor on that
  /// does least alone: errors of several are not the sum of theirs. Whichever errs least next would leave fewer, but
  /// fits these samples only. error: reported, and false
  bool lower() {
    std::vector<std::string> order(result.tensors.begin(), result.tensors.end());
    llvm::sort(order, [&](const std::string &a, const std::string &b) {
      return std::pair(result.alone.at(a), a) < std::pair(result.alone.at(b), b);
    });
    for (const std::string &tensor : order) {
      host.progress("quantizing '" + tensor + "' again");
      std::set<std::string> fewer = result.tensors;
      fewer.erase(tensor);
      auto outputs = measure(fewer, kAllSamples);
      if (!outputs)
        return false;
      if (isGoodEnough(*outputs))
        result.tensors = std::move(fewer);
    }
    return true;
  }

  const std::set<std::string> &all;
  MeasureBeside measure;
  IsGoodEnough isGoodEnough;
  Host &host;
  Raised result;
};

} // namespace

std::string Raised::worstBeside(const std::set<std::string> &raised) const {
  std::string worst;
  for (auto &[tensor, error] : alone)
    if (!raised.count(tensor) && (worst.empty() || error > alone.at(worst)))
      worst = tensor;
  return worst;
}

std::optional<Raised> findRaised(const std::set<std::string> &tensors, MeasureBeside measure, IsGoodEnough isGoodEnough,
                                 Host &host) {
  return Raiser(tensors, measure, isGoodEnough, host).run();
}

} // namespace nncc::quantize
