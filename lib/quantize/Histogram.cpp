// See Histogram.h.
#include "lib/quantize/Histogram.h"
#include "llvm/ADT/bit.h"
#include <algorithm>
#include <cmath>

using namespace llvm;

namespace nncc::quantize {

bool Histogram::add(ArrayRef<float> values) {
  std::vector<uint64_t> *pagesByExponent[512] = {};
  for (float value : values) {
    uint32_t bits = llvm::bit_cast<uint32_t>(value);
    if ((bits >> 23 & 255) == 255)
      return false;
    std::vector<uint64_t> *&page = pagesByExponent[bits >> 23];
    if (!page) {
      page = &pages[bits >> 23];
      page->resize(kPageBins);
    }
    ++(*page)[bits >> 16 & (kPageBins - 1)];
    least = std::min(least, value);
    most = std::max(most, value);
  }
  total += values.size();
  return true;
}

void Histogram::merge(const Histogram &other) {
  for (auto &[key, page] : other.pages) {
    std::vector<uint64_t> &mine = pages[key];
    mine.resize(kPageBins);
    for (unsigned i = 0; i < kPageBins; ++i)
      mine[i] += page[i];
  }
  least = std::min(least, other.least);
  most = std::max(most, other.most);
  total += other.total;
}

std::vector<Histogram::Bin> Histogram::bins() const {
  std::vector<Bin> result;
  for (auto &[key, page] : pages)
    for (unsigned i = 0; i < kPageBins; ++i)
      if (page[i]) {
        uint32_t bits = uint32_t(key) << 23 | i << 16;
        bool isZero = !(bits & 0x7fffffff); // and what is below the least normal number
        result.push_back({isZero ? 0.0 : (double)llvm::bit_cast<float>(bits | 0x8000), page[i]});
      }
  std::sort(result.begin(), result.end(), [](const Bin &a, const Bin &b) { return a.value < b.value; });
  return result;
}

json::Value Histogram::toJson() const {
  json::Array bins;
  for (auto &[key, page] : pages)
    for (unsigned i = 0; i < kPageBins; ++i)
      if (page[i])
        bins.push_back(json::Array{int64_t(key) * kPageBins + i, int64_t(page[i])});
  // Floats as bits: a text of decimals would have to be read by the same rules everywhere.
  return json::Object{{"low_bits", int64_t(llvm::bit_cast<uint32_t>(least))},
                      {"high_bits", int64_t(llvm::bit_cast<uint32_t>(most))},
                      {"bins", std::move(bins)}};
}

std::optional<Histogram> Histogram::fromJson(const json::Value &value) {
  const json::Object *object = value.getAsObject();
  if (!object)
    return std::nullopt;
  auto low = object->getInteger("low_bits"), high = object->getInteger("high_bits");
  const json::Array *bins = object->getArray("bins");
  if (!low || !high || !bins)
    return std::nullopt;
  auto isBits = [](int64_t number) { return number >= 0 && number <= (int64_t)UINT32_MAX; };
  if (!isBits(*low) || !isBits(*high))
    return std::nullopt;
  Histogram result;
  result.least = llvm::bit_cast<float>((uint32_t)*low);
  result.most = llvm::bit_cast<float>((uint32_t)*high);
  for (const json::Value &entry : *bins) {
    const json::Array *pair = entry.getAsArray();
    auto key = pair && pair->size() == 2 ? (*pair)[0].getAsInteger() : std::nullopt;
    auto count = key ? (*pair)[1].getAsInteger() : std::nullopt;
    constexpr int64_t kMostValues = int64_t(1) << 52; // no sum of what files may hold wraps
    if (!count || *key < 0 || *key >= 512 * (int64_t)kPageBins || *key / kPageBins % 256 == 255 || *count < 0 ||
        *count > kMostValues || result.total + (uint64_t)*count > (uint64_t)kMostValues)
      return std::nullopt;
    std::vector<uint64_t> &page = result.pages[*key / kPageBins];
    page.resize(kPageBins);
    page[*key % kPageBins] += *count;
    result.total += *count;
  }
  bool isEmpty = std::isinf(result.least) && std::isinf(result.most);
  bool isRange = std::isfinite(result.least) && std::isfinite(result.most) && result.least <= result.most;
  if (result.total ? !isRange : !isEmpty)
    return std::nullopt;
  return result;
}

} // namespace nncc::quantize
