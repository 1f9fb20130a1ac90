// What is measured of outputs and a reference, on numbers that are counted by hand.
#include "lib/analyze/Accuracy.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace nncc;

TEST(AccuracyTest, MeasuresErrors) {
  Accuracy accuracy;
  accuracy.add({3, 4}, {3, 4});
  accuracy.add({3, 0, 1}, {3, 4, 1});
  EXPECT_EQ(accuracy.samples(), 2u);
  EXPECT_EQ(accuracy.maxError(), 4);
  EXPECT_EQ(accuracy.worstSample(), 1u);
  EXPECT_EQ(accuracy.meanError(), 0.8);
  EXPECT_EQ(accuracy.largest(), 4);
  // Squares: of the reference 9 + 16 and 9 + 16 + 1, of the error 16.
  EXPECT_NEAR(accuracy.sqnr(), 10 * std::log10(51.0 / 16), 1e-12);
  double second = 10 / std::sqrt(10.0 * 26);
  EXPECT_NEAR(accuracy.cosine(), (1 + second) / 2, 1e-12);
  EXPECT_NEAR(accuracy.leastCosine(), second, 1e-12);
  EXPECT_FALSE(accuracy.top1());
}

TEST(AccuracyTest, IsExactOnEqualsOfAnyKind) {
  Accuracy accuracy;
  accuracy.add({NAN, INFINITY, -INFINITY, 0}, {NAN, INFINITY, -INFINITY, 0});
  EXPECT_EQ(accuracy.maxError(), 0);
  EXPECT_TRUE(std::isinf(accuracy.sqnr()));
  EXPECT_EQ(accuracy.cosine(), 1);
  accuracy.add({NAN, 1}, {2, INFINITY});
  EXPECT_EQ(accuracy.invalid(), 1u);
  EXPECT_TRUE(std::isinf(accuracy.maxError()));
  EXPECT_EQ(accuracy.leastCosine(), 0);
}

TEST(AccuracyTest, HasNoRatioToNothingAndOfAnErrorWithoutBound) {
  Accuracy ofZero, ofNaN;
  ofZero.add({1, 2}, {0, 0});
  EXPECT_EQ(ofZero.sqnr(), -INFINITY);
  ofNaN.add({NAN, 2}, {1, 2});
  EXPECT_EQ(ofNaN.sqnr(), -INFINITY);
}

TEST(AccuracyTest, CountsDecisions) {
  Accuracy accuracy(6);
  accuracy.add({0, 1, 2, 3, 4, 9, 7, 0, 0, 0, 0, 0}, {0, 1, 2, 3, 9, 4, 7, 0, 0, 0, 0, 0});
  EXPECT_EQ(accuracy.top1(), 0.5); // the first row has another best class, among the best five
  EXPECT_EQ(accuracy.top5(), 1);
  Accuracy labels(6);
  labels.addLabel({5, 4, 3, 2, 1, 0}, 5);
  labels.addLabel({5, 4, 3, 2, 1, 0}, 0);
  labels.addLabel({2, 2, 2, 2, 2, 2}, 0); // of equals the first is the best
  labels.addLabel({NAN, 1, 0, 0, 0, 0}, 1);
  EXPECT_EQ(labels.top1(), 0.75);
  EXPECT_EQ(labels.top5(), 0.75);
  Accuracy five(5);
  five.addLabel({5, 4, 3, 2, 1}, 4);
  EXPECT_FALSE(five.top5());
}

TEST(AccuracyTest, KnowsWhatDecides) {
  EXPECT_EQ(classesOf({1, 10}), 10);
  EXPECT_EQ(classesOf({7}), 7);
  EXPECT_EQ(classesOf({1, 10, 1, 1}), 10);
  EXPECT_EQ(classesOf({1, 10, 3}), 0);
  EXPECT_EQ(classesOf({4, 1}), 0);
  EXPECT_EQ(classesOf({}), 0);
}
