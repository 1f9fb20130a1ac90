// Numbers with units, and tables that fit a terminal.
#include "lib/driver/Table.h"
#include "gtest/gtest.h"

using namespace nncc;

TEST(TableTest, HasUnits) {
  EXPECT_EQ(bytesText(0), "0 B");
  EXPECT_EQ(bytesText(1023), "1023 B");
  EXPECT_EQ(bytesText(3840), "3.75 KiB");
  EXPECT_EQ(bytesText(uint64_t(20) << 20), "20.0 MiB");
  EXPECT_EQ(bytesText(uint64_t(5000) << 30), "5000 GiB");
  EXPECT_EQ(timeText(0.25), "0.25 us");
  EXPECT_EQ(timeText(123.4), "123 us");
  EXPECT_EQ(timeText(1234), "1.23 ms");
  EXPECT_EQ(timeText(2.5e6), "2.50 s");
  EXPECT_EQ(countText(0), "");
  EXPECT_EQ(countText(999), "999");
  EXPECT_EQ(countText(41472), "41.5 k");
  EXPECT_EQ(countText(7372800), "7.37 M");
}

TEST(TableTest, CutsNamesInTheMiddle) {
  Table table({{"#", true}, {"kernel", false, true}, {"op"}});
  table.add({"0", "k000_features_block_1_conv_3", "conv2d"});
  table.add({"10", "k010_pool", "pool2d"});
  std::string whole, narrow;
  llvm::raw_string_ostream wholeStream(whole), narrowStream(narrow);
  table.print(wholeStream, 0);
  EXPECT_EQ(whole, "   #  kernel                        op\n"
                   "   0  k000_features_block_1_conv_3  conv2d\n"
                   "  10  k010_pool                     pool2d\n");
  table.print(narrowStream, 30);
  EXPECT_EQ(narrow, "   #  kernel            op\n"
                    "   0  k000_fe...conv_3  conv2d\n"
                    "  10  k010_pool         pool2d\n");
}

TEST(TableTest, LeavesColumnsOutBeforeNamesAreUnreadable) {
  Table table(
      {{"#", true}, {"kernel", false, true}, {"op", false, false, 1}, {"NaN", true}, {"results", false, false, 2}});
  table.add({"0", "k000_features_block_1_conv_3", "conv2d", "", "f32[1, 64, 64, 24]"});
  std::string text;
  llvm::raw_string_ostream stream(text);
  table.print(stream, 36);
  EXPECT_EQ(text, "  #  kernel                   op\n"
                  "  0  k000_featu...k_1_conv_3  conv2d\n"
                  "  no room for: results (a wider terminal, -o FILE or --json has all)\n");
}

TEST(TableTest, WrapsWords) {
  EXPECT_EQ(wrapped("3 nodes:", {"Add", "Conv x2", "Relu"}, 0), "3 nodes: Add Conv x2 Relu\n");
  EXPECT_EQ(wrapped("3 nodes:", {"Add", "Conv x2", "Relu"}, 20), "3 nodes: Add Conv x2\n         Relu\n");
  EXPECT_EQ(wrapped("3 nodes:", {"ConvTranspose"}, 4), "3 nodes: ConvTranspose\n");
}

TEST(TableTest, ChoosesRows) {
  double sizes[] = {2, 5, 5, 1};
  auto value = [&](size_t row, size_t) { return sizes[row]; };
  EXPECT_EQ((RowOrder{0, false, 3, true}.choose(4, value)), (std::vector<size_t>{0, 1, 2}));
  EXPECT_EQ((RowOrder{0, true, 9, true}.choose(4, value)), (std::vector<size_t>{1, 2, 0, 3}));
}
