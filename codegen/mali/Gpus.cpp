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
};
} // namespace

// Warps: the product table of Arm's libGPUInfo. Registers, for all: 64 of 32 bits to a thread, from 33 on half as many
// threads (Arm's best practices for Mali GPUs; for G31, G51, G71 and G72 that is not documented). Tiles: accumulators
// and operands of 4 pixels by 4 channels need 58 to 79 registers in Mesa's compilers for Bifrost and Valhall, 4 by 8
// spill. On a G76, a pixel tile of 2 instead of 4 made pointwise convolutions 1.63 to 1.82 times as fast (ExecuTorch,
// pull requests 22781 and 22909): so it is for G52 and G76, which are alike.
static constexpr int64_t kRegisters = 64, kTileColumns = 4;
static constexpr Row rows[] = {
    // Any of them: what is right for most.
    {"mali", 16, 4},
    // Bifrost, first and second generation: warps of 4.
    {"mali-g31", 4, 4},
    {"mali-g51", 4, 4},
    {"mali-g71", 4, 4},
    {"mali-g72", 4, 4},
    // Bifrost, third generation: warps of 8.
    {"mali-g52", 8, 2},
    {"mali-g76", 8, 2},
    // Valhall: warps of 16.
    {"mali-g57", 16, 4},
    {"mali-g68", 16, 4},
    {"mali-g77", 16, 4},
    {"mali-g78", 16, 4},
    {"mali-g310", 16, 4},
    {"mali-g510", 16, 4},
    {"mali-g610", 16, 4},
    {"mali-g615", 16, 4},
    {"mali-g710", 16, 4},
    {"mali-g715", 16, 4},
    // 5th generation: warps of 16.
    {"mali-g620", 16, 4},
    {"mali-g720", 16, 4},
    {"mali-g725", 16, 4},
    {"mali-g925", 16, 4},
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
  struct {
    StringRef name;
    int64_t &value, least, most;
  } numbers[] = {{"warp", gpu.warp, 1, 128},
                 {"registers", gpu.registers, 32, 256},
                 {"tile_rows", gpu.tileRows, 1, 16},
                 {"tile_columns", gpu.tileColumns, 4, 16}};
  for (const auto &[key, value] : *object)
    if (key != "name" && llvm::none_of(numbers, [&](auto &number) { return StringRef(key) == number.name; }))
      return userError(where + " has a key that means nothing: '" + StringRef(key) + "'" + shape);
  auto name = object->getString("name");
  if (!name || name->empty() || !llvm::json::isUTF8(*name))
    return userError(where + " has no 'name', a string" + shape);
  gpu.name = name->str();
  for (auto &number : numbers) {
    auto value = object->getInteger(number.name);
    if (!value || *value < number.least || *value > number.most)
      return userError(where + " has no '" + number.name + "', an integer from " + llvm::Twine(number.least) + " to " +
                       llvm::Twine(number.most) + shape);
    number.value = *value;
  }
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
      return GpuSpec{name.str(), row.warp, kRegisters, row.tileRows, kTileColumns};
  std::string reason = whyTooOld(name);
  return userError("--device=" + name + (reason.empty() ? " is unknown" : " is refused: " + reason) + validNames());
}
