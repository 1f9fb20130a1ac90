// Contractions and pooling of many geometries against their definitions, for the register tiles of all machines.
#include "test/codegen/cpu/KernelRunner.h"
#include "gtest/gtest.h"
#include <cstdlib>
#include <random>

using namespace nncc::test;

namespace {

std::string tensor(std::initializer_list<int64_t> shape, const std::string &element = "f32") {
  std::string type = "tensor<";
  for (int64_t size : shape)
    type += std::to_string(size) + "x";
  return type + element + ">";
}

std::string list(std::initializer_list<int64_t> numbers) {
  std::string text = "[";
  for (int64_t number : numbers)
    text += (text.size() > 1 ? ", " : "") + std::to_string(number);
  return text + "]";
}

/// Builds cases at random: geometry first, then an epilogue behind it.
class RandomCases {
public:
  RandomCases(uint64_t seed, const char *machine) : random(seed), machine(machine), seed(seed) {}

  KernelCase next() {
    KernelCase c;
    c.machine = machine;
    c.seed = ++seed;
    switch (pick(0, 9)) {
    case 0:
    case 1:
      matmul(c);
      break;
    case 2:
    case 3:
      pool(c);
      break;
    case 4:
      convTranspose(c);
      break;
    default:
      conv(c);
    }
    return c;
  }

  /// A convolution or product of bytes, and often what makes bytes of its sums.
  KernelCase nextOfBytes() {
    KernelCase c;
    c.machine = machine;
    c.seed = ++seed;
    bytes = chance(50) ? "ui8" : "i8";
    chance(30) ? matmul(c) : chance(20) ? convTranspose(c) : conv(c);
    return c;
  }

  /// A product or a convolution of single pixels whose weights are worth an order, nearly all of them: few that are
  /// large find no partner.
  KernelCase nextInAnOrder() {
    KernelCase c;
    c.machine = machine;
    c.seed = ++seed;
    c.oneInLarge = chance(60) ? 64 : chance(50) ? 24 : 8;
    c.ofExtremes = chance(50);
    bytes = chance(70) ? "ui8" : "i8";
    int64_t h = pick(1, 7), w = pick(1, 9), depth = pick(16, 90), outputs = pick(5, 60), step = chance(70) ? 1 : 2;
    window(c, "nn.conv2d", {1, h, w, depth}, {outputs, 1, 1, depth},
           {1, (h - 1) / step + 1, (w - 1) / step + 1, outputs},
           " strides " + list({step, step}) + " pads [0, 0, 0, 0] dilations [1, 1] groups 1");
    return c;
  }

  /// A convolution in Winograd's form: of images with many tiles or less than one, with pads wider than the window,
  /// some dilated.
  KernelCase nextOfWinograd(bool ofBytes) {
    KernelCase c;
    if (ofBytes)
      bytes = chance(50) ? "ui8" : "i8";
    c.ofExtremes = ofBytes && chance(40);
    c.machine = machine;
    c.form = "winograd";
    c.seed = ++seed;
    int64_t shape = pick(0, 3), kh = shape == 0 ? 1 : 3, kw = shape == 1 ? 1 : 3, n = chance(20) ? 2 : 1;
    bool isLarge = chance(15);
    int64_t dh = chance(70) ? 1 : pick(2, 6), dw = chance(70) ? 1 : pick(2, 6);
    int64_t spanH = (kh - 1) * dh + 1, spanW = (kw - 1) * dw + 1;
    int64_t pt = pick(0, kh), pl = pick(0, 7), pb = pick(0, kh), pr = pick(0, kw), most = isLarge ? 70 : 14;
    int64_t h = std::max<int64_t>(pick(1, most), spanH - pt - pb);
    int64_t w = std::max<int64_t>(pick(1, most), spanW - pl - pr);
    int64_t channels = pick(1, isLarge ? 9 : 40), filters = pick(2, isLarge ? 9 : 70);
    if (!isLarge && chance(30)) // whole panels, which threads may share out
      filters = 32 * pick(1, 2);
    window(c, "nn.conv2d", {n, h, w, channels}, {filters, kh, kw, channels},
           {n, h + pt + pb - spanH + 1, w + pl + pr - spanW + 1, filters},
           " strides [1, 1] pads " + list({pt, pl, pb, pr}) + " dilations " + list({dh, dw}) + " groups 1");
    c.constants[1] = true;
    return c;
  }

  int64_t pick(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); }
  bool chance(int64_t percent) { return pick(1, 100) <= percent; }

  void conv(KernelCase &c) {
    int64_t n = chance(20) ? 2 : 1, kh = pick(1, 4), kw = chance(50) ? kh : pick(1, 5), sh = pick(1, 2),
            sw = chance(70) ? sh : pick(1, 3), dh = chance(75) ? 1 : 2, dw = chance(75) ? 1 : pick(1, 3);
    if (chance(30))
      kh = kw = 1;
    int64_t pt = pick(0, (kh - 1) * dh), pl = pick(0, (kw - 1) * dw), pb = pick(0, (kh - 1) * dh), pr = pick(0, kw - 1);
    int64_t h = (kh - 1) * dh + pick(1, 12), w = (kw - 1) * dw + pick(1, 17);
    if (chance(15))
      h = kh = sh = dh = 1, pt = pb = 0;
    int64_t groups = 1, perGroup = pick(1, 20), outputs = chance(20) ? pick(1, 70) : pick(1, 24);
    switch (pick(0, 5)) {
    case 0: // depthwise
      groups = pick(2, 40), perGroup = 1, outputs = 1;
      break;
    case 1:
      groups = pick(2, 4), perGroup = pick(1, 9), outputs = pick(1, 20);
      break;
    }
    if (groups == 1 && outputs == 1) // of single pixels: dot products, which other loops do
      outputs = 2;
    int64_t oh = (h + pt + pb - dh * (kh - 1) - 1) / sh + 1, ow = (w + pl + pr - dw * (kw - 1) - 1) / sw + 1;
    int64_t channels = groups * perGroup, filters = groups * outputs;
    window(c, "nn.conv2d", {n, h, w, channels}, {filters, kh, kw, perGroup}, {n, oh, ow, filters},
           " strides " + list({sh, sw}) + " pads " + list({pt, pl, pb, pr}) + " dilations " + list({dh, dw}) +
               " groups " + std::to_string(groups));
  }

  void convTranspose(KernelCase &c) {
    int64_t n = chance(20) ? 2 : 1, h = pick(1, 7), w = pick(1, 9), kh = pick(1, 4), kw = pick(1, 4), sh = pick(1, 3),
            sw = pick(1, 3), dh = chance(80) ? 1 : 2, dw = chance(80) ? 1 : 2;
    int64_t ph = pick(0, 1), pw = pick(0, 1), extra = pick(0, 1);
    int64_t groups = chance(80) ? 1 : 2, perGroup = pick(1, 9), outputs = pick(1, 20);
    if (chance(25)) // depthwise
      groups = pick(2, 40), perGroup = outputs = 1;
    int64_t oh = (h - 1) * sh + dh * (kh - 1) + 1 + extra - ph, ow = (w - 1) * sw + dw * (kw - 1) + 1 + extra - pw;
    if (oh < 1 || ow < 1)
      return conv(c);
    window(c, "nn.conv_transpose2d", {n, h, w, groups * perGroup}, {groups * outputs, kh, kw, perGroup},
           {n, oh, ow, groups * outputs},
           " strides " + list({sh, sw}) + " pads " + list({ph, 0, 0, pw}) + " dilations " + list({dh, dw}) +
               " output_padding " + list({extra, extra}) + " groups " + std::to_string(groups));
  }

  void window(KernelCase &c, const std::string &op, std::initializer_list<int64_t> x,
              std::initializer_list<int64_t> filter, std::initializer_list<int64_t> y, const std::string &numbers) {
    std::string xType = tensor(x, typeOfA()), fType = tensor(filter, typeOfB()),
                bType = tensor({*filter.begin()}, typeOfC());
    bool hasBias = chance(70);
    c.inputs = {xType, fType};
    c.constants = {false, !bytes.empty() || chance(85)};
    if (hasBias) {
      c.inputs.push_back(bType);
      c.constants.push_back(chance(85));
    }
    auto [zeros, types] = zeroPoints(c, {1}, {1});
    c.outputType = tensor(y, typeOfC());
    c.body = "%r = " + op + " %0, %1" + (hasBias ? " bias %2" : "") + zeros + numbers + " : " + xType + ", " + fType +
             (hasBias ? ", " + bType : "") + types + " -> " + c.outputType + "\n";
    bytes.empty() ? finish(c, y) : quantize(c, y);
  }

  void matmul(KernelCase &c) {
    int64_t m = chance(30) ? pick(1, 3) : pick(1, 40), k = pick(1, 40), n = chance(30) ? pick(40, 150) : pick(2, 40);
    bool isConstant = !bytes.empty() || chance(60), transposed = isConstant && chance(50), hasBias = chance(50);
    int64_t batch = chance(40) ? pick(2, 3) : 1, heads = chance(40) ? pick(2, 3) : 1;
    int64_t aBatch = chance(80) ? batch : 1, bHeads = chance(70) ? heads : 1, bBatch = chance(50) ? batch : 1;
    if (aBatch == 1)
      bBatch = batch;
    std::string a = tensor({aBatch, heads, m, k}, typeOfA());
    std::string b = transposed ? tensor({bBatch, bHeads, n, k}, typeOfB()) : tensor({bBatch, bHeads, k, n}, typeOfB());
    std::string bias = tensor({n}, typeOfC());
    c.inputs = {a, b};
    c.constants = {false, isConstant};
    if (hasBias) {
      c.inputs.push_back(bias);
      c.constants.push_back(chance(80));
    }
    auto [zeros, types] = zeroPoints(c, {1, 1, 1, 1}, {1, 1, 1, 1});
    c.outputType = tensor({batch, heads, m, n}, typeOfC());
    c.body = std::string("%r = nn.matmul %0, %1") + (transposed ? " transpose_b" : "") + (hasBias ? " bias %2" : "") +
             zeros + " : " + a + ", " + b + (hasBias ? ", " + bias : "") + types + " -> " + c.outputType + "\n";
    bytes.empty() ? finish(c, {batch, heads, m, n}) : quantize(c, {batch, heads, m, n});
  }

  void pool(KernelCase &c) {
    const char *kinds[] = {"max", "average", "l2"};
    int64_t kind = pick(0, 2), n = chance(20) ? 2 : 1, kh = pick(1, 4), kw = pick(1, 4), sh = pick(1, 3),
            sw = pick(1, 3);
    int64_t dh = chance(80) ? 1 : 2, dw = chance(80) ? 1 : 2, channels = pick(1, 40);
    int64_t pt = pick(0, kh - 1), pl = pick(0, kw - 1), pb = pick(0, kh - 1), pr = pick(0, kw - 1);
    int64_t h = dh * (kh - 1) + pick(1, 9), w = dw * (kw - 1) + pick(1, 9);
    auto size = [&](int64_t in, int64_t before, int64_t after, int64_t k, int64_t d, int64_t s, int64_t &over) {
      int64_t reach = in + before + after - d * (k - 1) - 1;
      over = chance(50) ? (s - reach % s) % s : 0;
      // A window that begins in the overhang has no elements: ONNX leaves it out.
      if ((reach + over) / s * s >= in + before)
        over = 0;
      return (reach + over) / s + 1;
    };
    int64_t overH, overW, oh = size(h, pt, pb, kh, dh, sh, overH), ow = size(w, pl, pr, kw, dw, sw, overW);
    if (dh > 1 || dw > 1) // a dilated window may lie between padding and padding
      pt = pl = pb = pr = overH = overW = 0, oh = (h - dh * (kh - 1) - 1) / sh + 1,
      ow = (w - dw * (kw - 1) - 1) / sw + 1;
    std::string x = tensor({n, h, w, channels});
    c.inputs = {x};
    c.constants = {false};
    c.outputType = tensor({n, oh, ow, channels});
    c.body = std::string("%r = nn.pool2d ") + kinds[kind] + " %0 kernel " + list({kh, kw}) + " strides " +
             list({sh, sw}) + " pads " + list({pt, pl, pb, pr}) + " dilations " + list({dh, dw}) + " overhang " +
             list({overH, overW}) + (chance(50) ? " count_include_pad" : "") + " : " + x + " -> " + c.outputType + "\n";
    finish(c, {n, oh, ow, channels});
  }

  std::string typeOfA() const { return bytes.empty() ? "f32" : bytes; }
  std::string typeOfB() const { return bytes.empty() ? "f32" : "i8"; }
  std::string typeOfC() const { return bytes.empty() ? "f32" : "i32"; }

  /// Maybe the zero points of a product of bytes, as new inputs: the words of the op, and their types.
  std::pair<std::string, std::string> zeroPoints(KernelCase &c, std::initializer_list<int64_t> ofA,
                                                 std::initializer_list<int64_t> ofB) {
    if (bytes.empty() || chance(30))
      return {};
    std::string a = tensor(ofA, typeOfA()), b = tensor(ofB, typeOfB()), first = std::to_string(c.inputs.size());
    c.inputs.insert(c.inputs.end(), {a, b});
    c.constants.insert(c.constants.end(), {chance(70), true});
    if (chance(30))
      c.zeros.push_back(c.inputs.size() - 2);
    c.zeros.push_back(c.inputs.size() - 1);
    return {" zero_points (%" + first + ", %" + std::to_string(c.inputs.size() - 1) + ")",
            " zero_points (" + a + ", " + b + ")"};
  }

  /// Maybe makes bytes of the sums; pitches.
  void quantize(KernelCase &c, std::initializer_list<int64_t> shape) {
    c.yielded = "%r";
    if (chance(75)) {
      std::string sums = c.outputType, multiplier = tensor({1, 1, 1, chance(60) ? SmallShape(shape).dims[3] : 1});
      std::string zero = tensor({1, 1, 1, 1}, bytes), input = "%" + std::to_string(c.inputs.size());
      c.inputs.push_back(multiplier);
      c.constants.push_back(true);
      c.outputType = tensor(shape, bytes);
      c.body += "%z = nn.constant dense<3> : " + zero + "\n%scaled = nn.requantize %r, " + input + ", %z : " + sums +
                ", " + multiplier + ", " + zero + " -> " + c.outputType + "\n";
      c.yielded = "%scaled";
    }
    for (size_t i = 0; i <= c.inputs.size(); ++i)
      c.pitch.push_back(i != 1 && chance(25) ? pick(1, 9) : 0);
  }

  /// Adds up to three elementwise ops, pitches, and a result in the place of a residual.
  void finish(KernelCase &c, std::initializer_list<int64_t> shape) {
    std::string type = c.outputType, last = "%r";
    SmallShape y(shape);
    int residual = -1;
    for (int64_t i = 0, count = pick(0, 3); i < count; ++i) {
      std::string name = "%e" + std::to_string(i);
      auto addInput = [&](const std::string &inputType) {
        c.inputs.push_back(inputType);
        c.constants.push_back(false);
        return "%" + std::to_string(c.inputs.size() - 1);
      };
      switch (pick(0, 10)) {
      case 0:
      case 1:
        c.body += name + " = nn.unary relu " + last + " : " + type + " -> " + type + "\n";
        break;
      case 2:
        c.body += name + " = nn.unary clip " + last + " {alpha = -0.5, beta = 0.75} : " + type + " -> " + type + "\n";
        break;
      case 3:
        c.body += name + " = nn.unary silu " + last + " : " + type + " -> " + type + "\n";
        break;
      case 4:
        c.body += name + " = nn.unary hard_swish " + last + " : " + type + " -> " + type + "\n";
        break;
      case 5: { // per channel
        std::string small = tensor({1, 1, 1, y.dims[3]}), input = addInput(small);
        c.body +=
            name + " = nn.binary prelu " + last + ", " + input + " : " + type + ", " + small + " -> " + type + "\n";
        break;
      }
      case 6: { // per pixel
        std::string small = tensor({1, y.dims[1], y.dims[2], 1}), input = addInput(small);
        c.body += name + " = nn.binary mul " + input + ", " + last + " : " + small + ", " + type + " -> " + type + "\n";
        break;
      }
      case 7: { // per image and channel
        std::string small = tensor({y.dims[0], 1, 1, y.dims[3]}), input = addInput(small);
        c.body += name + " = nn.binary mul " + last + ", " + input + " : " + type + ", " + small + " -> " + type + "\n";
        break;
      }
      case 8: {
        c.body += "%k" + std::to_string(i) + " = nn.constant dense<0.25> : tensor<1x1x1x1xf32>\n";
        c.body += name + " = nn.binary sub " + last + ", %k" + std::to_string(i) + " : " + type +
                  ", tensor<1x1x1x1xf32> -> " + type + "\n";
        break;
      }
      default: {
        std::string input = addInput(type);
        residual = c.inputs.size() - 1;
        c.body += name + " = nn.binary add " + last + ", " + input + " : " + type + ", " + type + " -> " + type + "\n";
      }
      }
      last = name;
    }
    c.yielded = last;
    for (size_t i = 0; i <= c.inputs.size(); ++i)
      c.pitch.push_back(chance(25) ? pick(1, 9) : 0);
    if (residual >= 0 && chance(50)) {
      c.inPlace = residual;
      c.pitch[residual] = c.pitch.back();
    }
  }

private:
  struct SmallShape {
    int64_t dims[4];
    SmallShape(std::initializer_list<int64_t> shape) { std::copy(shape.begin(), shape.end(), dims); }
  };
  std::mt19937_64 random;
  const char *machine;
  std::string bytes; ///< the type of A; empty for floats
  uint64_t seed;
};

enum class Kind { Floats, Bytes, OrderedBytes, Winograd, WinogradOfBytes };

/// Runs `count` random cases; NNCC_TEST_CASES runs more of them, NNCC_TEST_SEED other ones.
void runRandomCases(const char *machine, int count, Kind kind = Kind::Floats, const char *cpu = "x86-64-v3",
                    const char *gpu = "") {
  if (!canRun(cpu))
    GTEST_SKIP() << "this machine is no " << cpu;
  if (const char *more = std::getenv("NNCC_TEST_CASES"))
    count = std::atoi(more);
  const char *seed = std::getenv("NNCC_TEST_SEED");
  RandomCases cases(seed ? std::atoll(seed) : 1, machine);
  int refused = 0;
  for (int i = 0; i < count && !testing::Test::HasFailure(); ++i) {
    KernelCase kernel = kind == Kind::Bytes             ? cases.nextOfBytes()
                        : kind == Kind::OrderedBytes    ? cases.nextInAnOrder()
                        : kind == Kind::Winograd        ? cases.nextOfWinograd(/*ofBytes=*/false)
                        : kind == Kind::WinogradOfBytes ? cases.nextOfWinograd(/*ofBytes=*/true)
                                                        : cases.next();
    kernel.cpu = cpu;
    kernel.gpu = gpu;
    Outcome outcome = runKernel(kernel);
    refused += outcome.isRefused;
    EXPECT_EQ(outcome.error, "") << "case " << i;
  }
  EXPECT_EQ(refused, 0);
}

} // namespace

TEST(Contractions, RandomOnAvx2Tiles) { runRandomCases(kAvx2, 20); }
TEST(Contractions, RandomOnAvx512Tiles) { runRandomCases(kAvx512, 20); }
TEST(Contractions, RandomOnNeonTiles) { runRandomCases(kNeon, 20); }
TEST(Contractions, RandomOfBytesInPairs) { runRandomCases(kAvx2Pairs, 20, Kind::Bytes); }
TEST(Contractions, RandomOfBytesInAnOrder) { runRandomCases(kAvx2Pairs, 40, Kind::OrderedBytes); }
TEST(Contractions, RandomOfBytesInFours) { runRandomCases(kVnni, 20, Kind::Bytes, "x86-64-v4-vnni"); }
TEST(Contractions, RandomOfBytesInNarrowFours) { runRandomCases(kNarrowFours, 20, Kind::Bytes, "x86-64-v4-vnni"); }
TEST(Contractions, RandomOfBytesOneByOne) { runRandomCases(kNeon, 20, Kind::Bytes); }
TEST(Contractions, RandomByWinogradOnAvx2) { runRandomCases(kAvx2, 15, Kind::Winograd); }
TEST(Contractions, RandomByWinogradOnAvx512) { runRandomCases(kAvx512, 15, Kind::Winograd, "x86-64-v4"); }
TEST(Contractions, RandomByWinogradOnNeon) { runRandomCases(kNeon, 15, Kind::Winograd); }
TEST(Contractions, RandomOfBytesByWinogradInPairs) { runRandomCases(kAvx2Pairs, 15, Kind::WinogradOfBytes); }
TEST(Contractions, RandomOfBytesByWinogradOneByOne) { runRandomCases(kNeon, 15, Kind::WinogradOfBytes); }
// The tiles of a GPU read what is packed for a CPU: panels of one to four vectors of 4, 8 or 16.
TEST(Contractions, RandomAsTilesOfThreads) { runRandomCases(kNeon, 20, Kind::Floats, "x86-64-v3", kGpu4x4); }
TEST(Contractions, RandomAsTilesAcrossPanels) { runRandomCases(kNeon, 10, Kind::Floats, "x86-64-v3", kGpu2x8); }
TEST(Contractions, RandomAsWideTilesOfThreads) { runRandomCases(kAvx512, 20, Kind::Floats, "x86-64-v3", kGpu2x8); }
