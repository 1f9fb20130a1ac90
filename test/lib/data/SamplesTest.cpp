// Data sets in all their forms: the same samples, and what is said of files that are not what they claim.
#include "lib/data/Samples.h"
#include "lib/data/ZipFile.h"
#include "onnx/onnx_pb.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"
#include <zlib.h>

using namespace nncc;
using namespace llvm;

namespace {

struct Member {
  std::string name, bytes;
  bool isDeflated = false;
};

std::string deflated(StringRef bytes) {
  z_stream state = {};
  deflateInit2(&state, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&state, bytes.size()), 0);
  state.next_in = (Bytef *)bytes.data(), state.avail_in = bytes.size();
  state.next_out = (Bytef *)packed.data(), state.avail_out = packed.size();
  deflate(&state, Z_FINISH);
  packed.resize(state.total_out);
  deflateEnd(&state);
  return packed;
}

/// A little-endian number of so many bytes.
std::string number(uint64_t value, size_t bytes) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i)
    text += char(value >> (8 * i));
  return text;
}

/// A zip archive, its local headers as numpy.savez() writes them: with an extra field that the list lacks.
std::string zip(ArrayRef<Member> members) {
  std::string file, list;
  for (const Member &member : members) {
    std::string packed = member.isDeflated ? deflated(member.bytes) : member.bytes;
    std::string shared = number(member.isDeflated ? 8 : 0, 2) + number(0, 4) +
                         number(crc32_z(0, (const Bytef *)member.bytes.data(), member.bytes.size()), 4) +
                         number(packed.size(), 4) + number(member.bytes.size(), 4) + number(member.name.size(), 2);
    list += number(0x02014b50, 4) + number(45, 2) + number(45, 2) + number(0, 2) + shared + number(0, 12) +
            number(file.size(), 4) + member.name;
    file += number(0x04034b50, 4) + number(45, 2) + number(0, 2) + shared + number(20, 2) + member.name + number(1, 2) +
            number(16, 2) + number(packed.size(), 8) + number(member.bytes.size(), 8) + packed;
  }
  return file + list + number(0x06054b50, 4) + number(0, 4) + number(members.size(), 2) + number(members.size(), 2) +
         number(list.size(), 4) + number(file.size(), 4) + number(0, 2);
}

/// A .npy file of f32 that count up from `first`.
std::string npy(ArrayRef<int64_t> shape, float first = 0, bool isFortran = false, StringRef type = "<f4") {
  std::string dims, data;
  size_t count = 1;
  for (int64_t dim : shape)
    dims += std::to_string(dim) + ",", count *= dim;
  for (size_t i = 0; i < count; ++i) {
    float value = first + i;
    data.append((const char *)&value, 4);
  }
  std::string header = ("{'descr': '" + type + "', 'fortran_order': " + (isFortran ? "True" : "False") +
                        ", 'shape': (" + dims + "), }\n")
                           .str();
  return std::string("\x93NUMPY\x01\x00", 8) + number(header.size(), 2) + header + data;
}

std::string tensor(ArrayRef<int64_t> shape, float first) {
  onnx::TensorProto proto;
  proto.set_data_type(onnx::TensorProto::FLOAT);
  int64_t count = 1;
  for (int64_t dim : shape)
    proto.add_dims(dim), count *= dim;
  for (int64_t i = 0; i < count; ++i)
    proto.add_float_data(first + i);
  return proto.SerializeAsString();
}

class SamplesTest : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(sys::fs::createUniqueDirectory("samples", folder)); }
  void TearDown() override { sys::fs::remove_directories(folder); }

  std::string write(StringRef name, StringRef bytes) {
    SmallString<128> path(folder);
    sys::path::append(path, name);
    sys::fs::create_directories(sys::path::parent_path(path));
    std::error_code code;
    raw_fd_ostream(path, code) << bytes;
    return std::string(path);
  }

  /// The first element of every input of every sample.
  std::string firsts(StringRef path, ArrayRef<SamplePort> ports, SampleKind kind = SampleKind::Inputs) {
    auto samples = Samples::open(path, ports, kind);
    if (!samples)
      return toString(samples.takeError());
    std::string text, again;
    for (std::string *to : {&text, &again}) {
      std::vector<std::vector<char>> values;
      uint64_t count = 0;
      while (true) {
        auto more = samples->next(values);
        if (!more)
          return toString(more.takeError());
        if (!*more)
          break;
        ++count;
        for (const std::vector<char> &value : values) {
          float first;
          memcpy(&first, value.data(), sizeof first);
          *to += (to->empty() ? "" : " ") + std::to_string(int(first));
        }
      }
      EXPECT_EQ(count, samples->count());
      samples->rewind();
    }
    EXPECT_EQ(text, again);
    return text;
  }

  SmallString<128> folder;
  const SamplePort x{"x", "", "f32", {1, 3}, 0}, y{"y.1", "y_1", "f32", {2}, 1};
};

TEST_F(SamplesTest, ReadsStoredAndDeflatedMembers) {
  for (bool isDeflated : {false, true}) {
    std::string path =
        write("set.npz", zip({{"x.npy", npy({4, 3}), isDeflated}, {"y_1.npy", npy({4, 2}, 100), isDeflated}}));
    EXPECT_EQ(firsts(path, {x, y}), "0 100 3 102 6 104 9 106");
  }
}

TEST_F(SamplesTest, TakesTheOnlyArrayForTheOnlyInput) {
  EXPECT_EQ(firsts(write("photos.npy", npy({2, 3})), {x}), "0 3");
  EXPECT_EQ(firsts(write("a.npz", zip({{"photos.npy", npy({2, 1, 3})}})), {x}), "0 3");
  EXPECT_EQ(firsts(write("b.npz", zip({{"arr_0.npy", npy({2, 3})}, {"arr_1.npy", npy({2, 2}, 50)}})), {x, y}),
            "0 50 3 52");
}

TEST_F(SamplesTest, CutsSamplesOutOfTheFirstDim) {
  SamplePort batch{"x", "", "f32", {2, 3}, 0}, scalar{"x", "", "f32", {}, 0};
  EXPECT_EQ(firsts(write("two.npy", npy({4, 3})), {batch}), "0 6");
  EXPECT_EQ(firsts(write("one.npy", npy({2, 3})), {batch}), "0");
  EXPECT_EQ(firsts(write("front.npy", npy({2, 2, 3})), {batch}), "0 6");
  EXPECT_EQ(firsts(write("scalars.npy", npy({3})), {scalar}), "0 1 2");
  EXPECT_NE(firsts(write("odd.npy", npy({3, 3})), {batch}).find("'odd' f32[3, 3], input 'x' f32[2, 3]"),
            std::string::npos);
}

TEST_F(SamplesTest, RepeatsWhatIsOneSample) {
  std::string path = write("set.npz", zip({{"x.npy", npy({3, 3})}, {"y.1.npy", npy({2}, 7)}}));
  EXPECT_EQ(firsts(path, {x, y}), "0 7 3 7 6 7");
  path = write("unequal.npz", zip({{"x.npy", npy({3, 3})}, {"y.1.npy", npy({4, 2})}}));
  EXPECT_NE(firsts(path, {x, y}).find("unequal numbers of samples: 3 in 'x' f32[3, 3], 4 in 'y.1'"), std::string::npos);
}

TEST_F(SamplesTest, TurnsColumnMajorArrays) {
  // Column by column 0 1 | 2 3 | 4 5: the second row begins with 1.
  EXPECT_EQ(firsts(write("f.npy", npy({2, 3}, 0, true)), {x}), "0 1");
}

TEST_F(SamplesTest, ReadsFolders) {
  write("named/x.npy", npy({2, 3}));
  write("named/y_1.npy", npy({2, 2}, 30));
  EXPECT_EQ(firsts((folder + "/named").str(), {x, y}), "0 30 3 32");
  for (const char *name : {"files/10.npy", "files/9.npy", "files/1.npy"})
    write(name, npy({3}, StringRef(name) == "files/10.npy" ? 10 : name[6] - '0'));
  EXPECT_EQ(firsts((folder + "/files").str(), {x}), "1 9 10");
  write("sets/a.npz", zip({{"x.npy", npy({2, 3})}}));
  write("sets/b.npz", zip({{"x.npy", npy({1, 3}, 20)}}));
  EXPECT_EQ(firsts((folder + "/sets").str(), {x}), "0 3 20");
}

TEST_F(SamplesTest, ReadsTestData) {
  for (int set : {0, 2, 10}) {
    std::string at = "model/test_data_set_" + std::to_string(set) + "/";
    write(at + "input_0.pb", tensor({1, 3}, set));
    write(at + "input_1.pb", tensor({2}, 100 + set));
    write(at + "output_0.pb", tensor({2}, 200 + set));
  }
  std::string path = (folder + "/model").str();
  EXPECT_EQ(firsts(path, {x, y}), "0 100 2 102 10 110");
  EXPECT_EQ(firsts(path + "/test_data_set_2", {x, y}), "2 102");
  EXPECT_EQ(firsts(path, {{"z", "", "f32", {2}, 0}}, SampleKind::Outputs), "200 202 210");
}

TEST_F(SamplesTest, SaysWhatDoesNotFit) {
  auto has = [&](const std::string &text, StringRef part) {
    EXPECT_NE(text.find(part.str()), std::string::npos) << text;
  };
  std::string path = write("set.npz", zip({{"a.npy", npy({2, 3})}, {"b.npy", npy({2, 3})}}));
  has(firsts(path, {x}), "has no array for input 'x'\nnote: it has 'a' f32[2, 3], 'b' f32[2, 3]\n");
  has(firsts(write("wide.npy", npy({2, 3})), {{"x", "", "f16", {1, 3}, 0}}),
      "the array is 'wide' f32[2, 3], input 'x' f16[1, 3]\nnote: convert it with array.astype(numpy.float16)");
  has(firsts(write("none.npy", npy({0, 3})), {x}), "has no samples");
  has(firsts((folder + "/absent").str(), {x}), "does not exist");
  has(firsts(write("set.txt", ""), {x}), "is no data set");
  sys::fs::create_directories(folder + "/empty");
  has(firsts((folder + "/empty").str(), {x}), "has no samples of the inputs");
}

TEST_F(SamplesTest, FindsShapesOfModelsWithOpenDims) {
  std::string path = write("set.npz", zip({{"x.npy", npy({4, 3})}, {"y_1.npy", npy({4, 2})}}));
  auto shapes = sampleShapes(path, {{"x", "", "f32", {-1, -1}, 0}, {"y.1", "y_1", "f32", {-1}, 1}});
  ASSERT_TRUE(bool(shapes));
  EXPECT_EQ((*shapes)[0], (std::vector<int64_t>{1, 3}));
  EXPECT_EQ((*shapes)[1], (std::vector<int64_t>{2}));
}

/// Whatever is in a file: it is read to its end or refused.
TEST_F(SamplesTest, RefusesDamagedArchives) {
  std::string good = zip({{"x.npy", npy({4, 3}), true}, {"y_1.npy", npy({4, 2})}}), right = "0 0 3 2 6 4 9 6";
  ASSERT_EQ(firsts(write("set.npz", good), {x, y}), right);
  for (size_t at = 0; at < good.size(); ++at) {
    for (char byte : {'\x01', '\xff'}) {
      std::string bad = good;
      bad[at] = byte;
      (void)firsts(write("set.npz", bad), {x, y});
    }
    if (at % 5 == 0)
      (void)firsts(write("set.npz", StringRef(good).take_front(at)), {x, y});
  }
  std::string flipped = good;
  flipped[good.find(npy({4, 2})) + npy({4, 2}).size() - 1] ^= 1;
  EXPECT_NE(firsts(write("set.npz", flipped), {x, y}).find("a checksum does not fit its bytes"), std::string::npos);
  // Nobody asks for more samples than there are.
  auto samples = Samples::open((folder + "/set.npz").str(), {x, y});
  ASSERT_TRUE(bool(samples));
  std::vector<std::vector<char>> values;
  for (unsigned i = 1; i < samples->count(); ++i)
    EXPECT_TRUE(cantFail(samples->next(values)));
  EXPECT_TRUE(errorToBool(samples->next(values).takeError()));
}

} // namespace
