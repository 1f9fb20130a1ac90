// PNG images: every filter, color and depth as an encoder of its own writes them, and whatever else a file may hold.
#include "lib/data/PngFile.h"
#include "lib/data/Samples.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"
#include <random>
#include <zlib.h>

using namespace llvm;
using namespace nncc;

namespace {

using Bytes = std::vector<uint8_t>;

std::string big(uint32_t value) {
  std::string text(4, 0);
  support::endian::write32be(text.data(), value);
  return text;
}

std::string chunk(StringRef type, StringRef body) {
  std::string checked = (type + body).str();
  return big(body.size()) + checked + big(crc32_z(0, (const Bytef *)checked.data(), checked.size()));
}

struct Image {
  uint32_t width, height;
  uint8_t depth, color;
  unsigned samples;
  Bytes rows; ///< packed as in a file, without filters
  std::string palette;
  uint8_t interlace = 0;

  size_t rowBytes() const { return (width * samples * depth + 7) / 8; }
};

/// The file of an image whose row y has the filter y % 5.
std::string png(const Image &image) {
  std::string filtered;
  int pixel = std::max(1u, image.samples * image.depth / 8), bytes = image.rowBytes();
  auto at = [&](int y, int i) { return y < 0 || i < 0 ? 0 : int(image.rows[y * bytes + i]); };
  for (int y = 0; y < int(image.height); ++y) {
    filtered += char(y % 5);
    for (int i = 0; i < bytes; ++i) {
      int left = at(y, i - pixel), above = at(y - 1, i), before = i < pixel ? 0 : at(y - 1, i - pixel);
      int guess = left + above - before, nearest = before;
      if (std::abs(guess - above) <= std::abs(guess - nearest))
        nearest = above;
      if (std::abs(guess - left) <= std::abs(guess - nearest))
        nearest = left;
      int predicted[] = {0, left, above, (left + above) / 2, nearest};
      filtered += char(at(y, i) - predicted[y % 5]);
    }
  }
  std::string packed(compressBound(filtered.size()), 0);
  uLongf length = packed.size();
  compress((Bytef *)packed.data(), &length, (const Bytef *)filtered.data(), filtered.size());
  packed.resize(length);
  std::string header = big(image.width) + big(image.height);
  header += {char(image.depth), char(image.color), 0, 0, char(image.interlace)};
  // Data may be cut anywhere, and what is not known is passed by.
  return std::string("\x89PNG\r\n\x1a\n", 8) + chunk("IHDR", header) + chunk("tEXt", "of a test") +
         (image.palette.empty() ? "" : chunk("PLTE", image.palette)) + chunk("IDAT", packed.substr(0, 3)) +
         chunk("IDAT", packed.substr(3)) + chunk("IEND", "");
}

Image noise(uint32_t width, uint32_t height, uint8_t depth, uint8_t color, unsigned samples) {
  Image image{width, height, depth, color, samples, {}, {}};
  std::mt19937 random(width + color);
  for (size_t i = 0; i < image.rowBytes() * height; ++i)
    image.rows.push_back(random() % 4 ? random() : 200);
  return image;
}

class PngFileTest : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(sys::fs::createUniqueDirectory("images", folder)); }
  void TearDown() override { sys::fs::remove_directories(folder); }

  std::string write(StringRef name, StringRef bytes) {
    SmallString<128> path(folder);
    sys::path::append(path, name);
    std::error_code code;
    raw_fd_ostream(path, code) << bytes;
    return std::string(path);
  }
  Expected<NpyArray> read(const Image &image) { return readPng(write("x.png", png(image))); }
  std::string whyNot(StringRef bytes) {
    auto image = readPng(write("x.png", bytes));
    return image ? "" : toString(image.takeError());
  }

  SmallString<128> folder;
};

TEST_F(PngFileTest, ReadsEveryFilterAndColor) {
  for (auto [color, samples] : {std::pair(0, 1), {2, 3}, {4, 2}, {6, 4}}) {
    Image image = noise(7, 11, 8, color, samples);
    auto array = read(image);
    ASSERT_TRUE(bool(array)) << toString(array.takeError());
    EXPECT_EQ(array->type, "ui8");
    EXPECT_EQ(array->shape, (std::vector<int64_t>{1, 11, 7, samples}));
    EXPECT_EQ(Bytes(array->data.begin(), array->data.end()), image.rows);
  }
}

TEST_F(PngFileTest, SpreadsGraysOfFewBits) {
  // 2 bits: 0 1 2 3 | 3 in the next byte.
  auto array = read({5, 1, 2, 0, 1, {0b00011011, 0b11000000}, {}});
  ASSERT_TRUE(bool(array)) << toString(array.takeError());
  EXPECT_EQ(Bytes(array->data.begin(), array->data.end()), (Bytes{0, 85, 170, 255, 255}));
}

TEST_F(PngFileTest, LooksUpPalettes) {
  for (uint8_t depth : {4, 8}) {
    Bytes row = depth == 4 ? Bytes{0x10, 0x20} : Bytes{1, 0, 2};
    auto array = read({3, 1, depth, 3, 1, row, std::string("\x01\x02\x03\x04\x05\x06\x07\x08\x09")});
    ASSERT_TRUE(bool(array)) << toString(array.takeError());
    EXPECT_EQ(array->shape, (std::vector<int64_t>{1, 1, 3, 3}));
    EXPECT_EQ(Bytes(array->data.begin(), array->data.end()), (Bytes{4, 5, 6, 1, 2, 3, 7, 8, 9}));
  }
  EXPECT_EQ(whyNot(png({1, 1, 8, 3, 1, {3}, "123456789"})), "is a damaged PNG: a color that its palette has not");
}

TEST_F(PngFileTest, SaysWhatItDoesNotRead) {
  EXPECT_EQ(whyNot("no image at all, but enough bytes for one"), "is no PNG");
  EXPECT_EQ(whyNot(""), "is no PNG");
  EXPECT_EQ(whyNot(png(noise(3, 2, 16, 2, 3))),
            "has 16 bits per channel\nnote: 8 bits are read; convert it, or give a .npy file");
  Image interlaced = noise(3, 2, 8, 2, 3);
  interlaced.interlace = 1;
  EXPECT_EQ(whyNot(png(interlaced)), "is interlaced\nnote: save it without, or give a .npy file");
  std::string large = png(noise(3, 2, 8, 2, 3));
  large.replace(16, 8, big(1 << 20) + big(1 << 20));
  EXPECT_EQ(whyNot(large), "has 1048576 x 1048576 pixels, more than 1 GiB\nnote: give a .npy file");
}

/// Whatever is in a file: it is read to its end or refused.
TEST_F(PngFileTest, RefusesDamagedFiles) {
  Image image = noise(5, 6, 8, 3, 1);
  image.palette = std::string(768, 'p');
  std::string good = png(image);
  ASSERT_EQ(whyNot(good), "");
  for (size_t at = 0; at < good.size(); ++at) {
    for (char byte : {'\x01', '\x7f', '\xff'}) {
      std::string bad = good;
      bad[at] = byte;
      (void)whyNot(bad);
    }
    if (at % 7 == 0)
      EXPECT_NE(whyNot(StringRef(good).take_front(at)), "");
  }
  std::string flipped = good;
  flipped[good.find("PLTE") + 5] ^= 1;
  EXPECT_EQ(whyNot(flipped), "is a damaged PNG: a checksum does not fit its bytes");
}

TEST_F(PngFileTest, IsASampleOfADataSet) {
  SamplePort port{"image", "", "ui8", {1, 11, 7, 3}, 0};
  for (StringRef name : {"10.PNG", "9.png"})
    write(name, png(noise(7, 11, 8, 2, 3)));
  auto samples = Samples::open(folder, {port});
  ASSERT_TRUE(bool(samples)) << toString(samples.takeError());
  EXPECT_EQ(samples->count(), 2u);
  EXPECT_TRUE(bool(Samples::open((folder + "/10.PNG").str(), {port})));
  port = {"image", "", "f32", {1, 3, 11, 7}, 0};
  auto floats = Samples::open((folder + "/9.png").str(), {port});
  ASSERT_FALSE(bool(floats));
  EXPECT_NE(toString(floats.takeError())
                .find("note: or let nncc convert it: --input image=u8,nhwc; samples of --quantize are converted by "
                      "quantize and validate alone"),
            std::string::npos);
}

} // namespace
