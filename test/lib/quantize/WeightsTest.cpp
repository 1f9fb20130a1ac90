// Weights in 8 bits: a scale for each channel, biases that fit, channels that are nothing.
#include "lib/quantize/Weights.h"
#include <gtest/gtest.h>

using namespace nncc::quantize;

static Contraction threeChannels(std::vector<float> weights, std::vector<float> bias) {
  Contraction contraction;
  contraction.op = "Conv";
  contraction.weight = {{3, 2, 1, 1}, std::move(weights)};
  contraction.bias = std::move(bias);
  return contraction;
}

TEST(Weights, HaveAScaleForEachChannel) {
  QuantizedWeights weights = quantizeWeights(threeChannels({127, -64, 0.127f, 0.001f, 0, 0}, {1, 2, 3}), 0.5f);
  EXPECT_EQ(weights.steps, (std::vector<int8_t>{127, -64, 127, 1, 0, 0}));
  EXPECT_FLOAT_EQ(weights.scales[0], 1);
  EXPECT_FLOAT_EQ(weights.scales[1], 0.001f);
  EXPECT_FLOAT_EQ(weights.scales[2], 1); // none of its own: that of the others
  EXPECT_EQ(weights.bias, (std::vector<int32_t>{2, 4000, 6}));
  EXPECT_TRUE(weights.raised.empty());
}

TEST(Weights, LargeBiasesRaiseTheScale) {
  QuantizedWeights weights = quantizeWeights(threeChannels({1, 1, 1e-6f, 1e-6f, 1, 1}, {0, 1e6f, 0}), 1e-3f);
  EXPECT_EQ(weights.raised, std::vector<int64_t>{1});
  EXPECT_LE(std::abs(weights.bias[1]), 1 << 30);
  EXPECT_NEAR(weights.biasValues()[1], 1e6f, 1);
}

TEST(Weights, StepsThatWereChosenHoldForTheScalesOfTheWeights) {
  Contraction contraction = threeChannels({127, 3.6f, 1, 1, 1, 1}, {0, 0, 0});
  contraction.steps = {127, 3, 127, 127, 127, 127};
  EXPECT_EQ(quantizeWeights(contraction, 0.5f).steps, contraction.steps);
  contraction.bias = {1e12f, 0, 0}; // raises the scale of the first channel
  EXPECT_EQ(quantizeWeights(contraction, 0.5f).steps[1], 0);
}

TEST(Weights, OfNothingAreZero) {
  QuantizedWeights weights = quantizeWeights(threeChannels({1, 1, 1e-30f, 1e-38f, 1, 1}, {0, 1e-25f, 0}), 0.01f);
  EXPECT_EQ(weights.steps[2], 0);
  EXPECT_EQ(weights.steps[3], 0);
  EXPECT_EQ(weights.bias[1], 0);
}
