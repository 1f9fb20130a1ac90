// Finding GPUs by name, and reading the numbers of those that a file describes.
#include "codegen/mali/Gpus.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace nncc;
using llvm::StringRef;

namespace {
/// One row: numbers that differ between GPUs.
struct Row {
  StringRef name;
  int64_t warp, tileRows;
  GpuTiming timing;
};
} // namespace

// Warps: the product table of Arm's libGPUInfo. Registers, for all: 64 of 32 bits to a thread, from 33 on half as many
// threads (Arm's best practices for Mali GPUs; for G31, G51, G71 and G72 that is not documented). Tiles: accumulators
// and operands of 4 pixels by 4 channels need 58 to 79 registers in Mesa's compilers for Bifrost and Valhall, 4 by 8
// spill. On a G76, a pixel tile of 2 instead of 4 made pointwise convolutions 1.63 to 1.82 times as fast (ExecuTorch,
// pull requests 22781 and 22909): so it is for G52 and G76, which are alike.
//
// Times: multiply-adds and threads of a core from the same table of libGPUInfo, in agreement with Arm's GPU datasheet
// of 2021 (G52 with two engines, G310 and G510 in their largest configuration; 1024 threads from G310 on is what a
// driver of G720 says, not what Arm publishes); pipes from the formulas of Arm's performance counters (libGPUCounters).
// That more than 32 registers halve the threads is documented for G52, G57, G68 and from G76 on. Cores, clock and
// bandwidth are a common chip's (RK3588 for G610, RK3568 for G52, Kirin, Exynos, Dimensity and Tensor chips for
// others), rounded.
static constexpr int64_t kRegisters = 64, kTileColumns = 4;
static constexpr Row rows[] = {
    // Any of them: what is right for most.
    {"mali", 16, 4, {GpuPipes::ValhallOne, 64, 1024, false, 4, 1000, 15}},
    // Bifrost, first and second generation: warps of 4.
    {"mali-g31", 4, 4, {GpuPipes::Bifrost, 8, 512, false, 2, 650, 3}},
    {"mali-g51", 4, 4, {GpuPipes::Bifrost, 12, 768, false, 4, 1000, 8}},
    {"mali-g71", 4, 4, {GpuPipes::Bifrost, 12, 384, false, 8, 1000, 12}},
    {"mali-g72", 4, 4, {GpuPipes::Bifrost, 12, 384, false, 12, 750, 15}},
    // Bifrost, third generation: warps of 8.
    {"mali-g52", 8, 2, {GpuPipes::Bifrost, 16, 768, true, 2, 800, 6}},
    {"mali-g76", 8, 2, {GpuPipes::Bifrost, 24, 768, true, 10, 720, 20}},
    // Valhall: warps of 16.
    {"mali-g57", 16, 4, {GpuPipes::Valhall, 32, 1024, true, 2, 950, 10}},
    {"mali-g68", 16, 4, {GpuPipes::Valhall, 32, 1024, true, 4, 900, 15}},
    {"mali-g77", 16, 4, {GpuPipes::Valhall, 32, 1024, true, 9, 850, 25}},
    {"mali-g78", 16, 4, {GpuPipes::Valhall, 32, 1024, true, 14, 850, 30}},
    {"mali-g310", 16, 4, {GpuPipes::ValhallOne, 64, 1024, true, 1, 900, 8}},
    {"mali-g510", 16, 4, {GpuPipes::ValhallOne, 64, 1024, true, 2, 900, 10}},
    {"mali-g610", 16, 4, {GpuPipes::ValhallOne, 64, 1024, true, 4, 1000, 20}},
    {"mali-g615", 16, 4, {GpuPipes::ValhallFma2, 128, 1024, true, 4, 1000, 30}},
    {"mali-g710", 16, 4, {GpuPipes::ValhallOne, 64, 1024, true, 10, 850, 35}},
    {"mali-g715", 16, 4, {GpuPipes::ValhallFma2, 128, 1024, true, 7, 900, 40}},
    // 5th generation: warps of 16.
    {"mali-g620", 16, 4, {GpuPipes::ValhallFma2, 128, 1024, true, 4, 1000, 30}},
    {"mali-g720", 16, 4, {GpuPipes::ValhallFma2, 128, 1024, true, 12, 1300, 50}},
    {"mali-g725", 16, 4, {GpuPipes::TwoSlots, 128, 1024, true, 6, 1400, 50}},
    {"mali-g925", 16, 4, {GpuPipes::TwoSlots, 128, 1024, true, 12, 1600, 60}},
};

static llvm::Error userError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

llvm::SmallVector<StringRef> nncc::gpuNames() {
  return llvm::to_vector(llvm::map_range(rows, [](const Row &row) { return row.name; }));
}

static std::string validNames() {
  return "\nnote: the devices are " + llvm::join(gpuNames(), ", ") + ", or a FILE.json with the numbers of one";
}

/// Why no code can be made for a GPU of Arm that is older than those of the list; empty: it is none.
static std::string whyTooOld(StringRef name) {
  if (!name.consume_front_insensitive("mali-"))
    return "";
  // Arm's names: three digits alone are Utgard, a T before them is Midgard.
  if (name.size() >= 3 && llvm::all_of(name.take_front(3), llvm::isDigit))
    return "Utgard GPUs have no compute shaders";
  if (name.size() >= 4 && llvm::toLower(name[0]) == 't' && llvm::all_of(name.substr(1, 3), llvm::isDigit))
    return "drivers of Midgard GPUs end at Vulkan 1.0, nncc needs 1.1";
  return "";
}

/// Reads a GPU from the text of a file. `where` begins its messages.
static llvm::Expected<GpuSpec> parseFile(StringRef text, const std::string &where) {
  std::string shape = "\nnote: for example {\"name\": \"board\", \"warp\": 16, \"registers\": 64, \"tile_rows\": 4, "
                      "\"tile_columns\": 4}";
  auto json = llvm::json::parse(text);
  if (!json)
    return userError(where + " is no JSON: " + llvm::toString(json.takeError()) + shape);
  const llvm::json::Object *object = json->getAsObject();
  if (!object)
    return userError(where + " is no JSON object" + shape);
  GpuSpec gpu{};
  gpu.timing = rows[0].timing;
  int64_t ramGBs = gpu.timing.ramGBs;
  struct {
    StringRef name;
    int64_t &value, least, most;
    bool isOptional;
  } numbers[] = {{"warp", gpu.warp, 1, 128, false},
                 {"registers", gpu.registers, 32, 256, false},
                 {"tile_rows", gpu.tileRows, 1, 16, false},
                 {"tile_columns", gpu.tileColumns, 4, 16, false},
                 {"macs_per_cycle", gpu.timing.macsPerCycle, 1, 4096, true},
                 {"threads", gpu.timing.threads, 1, 65536, true},
                 {"cores", gpu.timing.cores, 1, 1024, true},
                 {"mhz", gpu.timing.mhz, 1, 100000, true},
                 {"ram_gbs", ramGBs, 1, 100000, true}};
  for (const auto &[key, value] : *object)
    if (key != "name" && llvm::none_of(numbers, [&](auto &number) { return StringRef(key) == number.name; }))
      return userError(where + " has a key that means nothing: '" + StringRef(key) + "'" + shape);
  auto name = object->getString("name");
  if (!name || name->empty() || !llvm::json::isUTF8(*name))
    return userError(where + " has no 'name', a string" + shape);
  gpu.name = name->str();
  for (auto &number : numbers) {
    auto value = object->getInteger(number.name);
    if (number.isOptional && !object->get(number.name))
      continue;
    if (!value || *value < number.least || *value > number.most)
      return userError(where + " has no '" + number.name + "', an integer from " + llvm::Twine(number.least) + " to " +
                       llvm::Twine(number.most) + shape);
    number.value = *value;
  }
  gpu.timing.ramGBs = ramGBs;
  if (!llvm::isPowerOf2_64(gpu.warp) || gpu.tileColumns % 4)
    return userError(where + " says warp " + llvm::Twine(gpu.warp) + " and tile_columns " +
                     llvm::Twine(gpu.tileColumns) + "; the first is a power of two, the second a multiple of 4" +
                     shape);
  return gpu;
}

llvm::Expected<GpuSpec> nncc::parseGpu(StringRef name) {
  if (name.ends_with_insensitive(".json")) {
    auto file = llvm::MemoryBuffer::getFile(name);
    if (!file)
      return userError("--device: cannot read '" + name + "': " + file.getError().message());
    return parseFile((*file)->getBuffer(), "--device=" + name.str());
  }
  for (const Row &row : rows)
    if (name == row.name)
      return GpuSpec{name.str(), row.warp, kRegisters, row.tileRows, kTileColumns, row.timing};
  std::string reason = whyTooOld(name);
  return userError("--device=" + name + (reason.empty() ? " is unknown" : " is refused: " + reason) + validNames());
}
