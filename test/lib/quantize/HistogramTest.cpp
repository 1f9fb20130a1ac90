// Counts of values: exact in any order, in shards, through a file.
#include "lib/quantize/Histogram.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace llvm;
using nncc::quantize::Histogram;

static std::vector<float> someValues(unsigned seed, size_t count) {
  std::mt19937 random(seed);
  std::vector<float> values;
  for (size_t i = 0; i < count; ++i)
    values.push_back(i % 7 ? std::ldexp((float)random() - 2147483648.0f, (int)(random() % 40) - 50) : 0);
  return values;
}

static std::string textOf(const Histogram &histogram) { return formatv("{0}", histogram.toJson()).str(); }

TEST(Histogram, ShardsMergeToTheSameBytes) {
  std::vector<float> values = someValues(1, 1000);
  Histogram whole, merged;
  EXPECT_TRUE(whole.add(values));
  for (size_t begin : {600, 0, 250}) {
    size_t end = begin == 600 ? 1000 : begin == 0 ? 250 : 600;
    Histogram shard;
    EXPECT_TRUE(shard.add(ArrayRef(values).slice(begin, end - begin)));
    merged.merge(shard);
  }
  EXPECT_EQ(textOf(whole), textOf(merged));
  EXPECT_EQ(merged.count(), 1000u);
}

TEST(Histogram, SurvivesAFile) {
  Histogram histogram;
  histogram.add(someValues(2, 300));
  auto parsed = json::parse(textOf(histogram));
  ASSERT_TRUE((bool)parsed);
  auto read = Histogram::fromJson(*parsed);
  ASSERT_TRUE(read);
  EXPECT_EQ(textOf(histogram), textOf(*read));
  EXPECT_FALSE(Histogram::fromJson(json::Object{{"low_bits", 0}, {"high_bits", 0}, {"bins", json::Array{1}}}));
  EXPECT_FALSE(Histogram::fromJson(
      json::Object{{"low_bits", 0}, {"high_bits", 0}, {"bins", json::Array{json::Array{65536, 1}}}}));
}

TEST(Histogram, KeepsTheEndsAndRefusesWhatIsNoNumber) {
  Histogram histogram;
  EXPECT_TRUE(histogram.add({-3.25f, 0.0f, 7.125f, 0.0f}));
  EXPECT_EQ(histogram.low(), -3.25f);
  EXPECT_EQ(histogram.high(), 7.125f);
  auto bins = histogram.bins();
  ASSERT_EQ(bins.size(), 3u);
  EXPECT_EQ(bins[1].value, 0);
  EXPECT_EQ(bins[1].count, 2u);
  EXPECT_NEAR(bins[2].value, 7.125, 7.125 / 128);
  EXPECT_FALSE(histogram.add({NAN}));
  EXPECT_FALSE(histogram.add({1, -INFINITY}));
}
