// Ranges: 0 is always a step, outliers are cut off where that pays, no scale is no number.
#include "lib/quantize/Ranges.h"
#include <gtest/gtest.h>

using namespace nncc::quantize;

TEST(Ranges, HoldZeroExactly) {
  ActivationGrid positive = ActivationGrid::of(2, 5.1), negative = ActivationGrid::of(-5.1, -2);
  EXPECT_EQ(positive.zeroPoint, 0);
  EXPECT_FLOAT_EQ(positive.scale, 0.02f);
  EXPECT_EQ(negative.zeroPoint, 255);
  EXPECT_FLOAT_EQ(negative.scale, 0.02f);
  EXPECT_EQ(ActivationGrid::of(-1, 1.55).zeroPoint, 100);
}

TEST(Ranges, OfNothingAndOfTinyNumbersAreNormal) {
  EXPECT_EQ(ActivationGrid::of(0, 0).scale, 1);
  EXPECT_GE(ActivationGrid::of(0, 1e-40).scale, std::numeric_limits<float>::min());
  EXPECT_EQ(findGrid(Histogram(), RangeMethod::Error).scale, 1);
}

TEST(Ranges, CutOffWhatIsRare) {
  Histogram values;
  std::vector<float> many;
  for (int i = 0; i < 100000; ++i)
    many.push_back((float)i / 100000);
  many.push_back(50);
  values.add(many);
  EXPECT_FLOAT_EQ((float)findGrid(values, RangeMethod::MinMax).high(), 50);
  EXPECT_NEAR(findGrid(values, RangeMethod::Percentile).high(), 1, 0.02);
  EXPECT_FLOAT_EQ((float)findGridWithin(values, 0).high(), 50);
  EXPECT_NEAR(findGridWithin(values, 1e-3).high(), 1, 0.02);
  ActivationGrid grid = findGrid(values, RangeMethod::Error);
  EXPECT_LT(grid.high(), 50);
  EXPECT_LT(qualityOf(values, grid).noise, qualityOf(values, findGrid(values, RangeMethod::MinMax)).noise);
  EXPECT_NEAR(qualityOf(values, grid).saturatedShare, 1e-5, 1e-6);
}
