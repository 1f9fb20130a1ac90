// See Tuning.h.
#include "codegen/cpu/Tuning.h"
#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/Tiling.h"
#include "codegen/cpu/Winograd.h"
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/KernelForms.h"
#include "dialects/nn/Origin.h"
#include "passes/lower/Machine.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

// Each block of pixels has entries in the kernel's table of calls, some 100 bytes each.
constexpr int64_t kMostBlocks = 256;
// No panel is wider without tuning (choosePanelVectors).
constexpr int64_t kMostPanelVectors = 8;

//===-- attributes --------------------------------------------------------===//

DictionaryAttr Tuning::getAttr(MLIRContext *context) const {
  Builder b(context);
  NamedAttrList attrs;
  attrs.set("form", b.getStringAttr(form));
  Tuning copy = *this;
  for (auto [name, number] : llvm::zip(numberNames, copy.numbers()))
    if (*number)
      attrs.set(name, b.getI64IntegerAttr(**number));
  return attrs.getDictionary(context);
}

std::optional<Tuning> Tuning::from(DictionaryAttr attr) {
  auto form = attr ? attr.getAs<StringAttr>("form") : StringAttr();
  if (!form || (form.getValue() != direct && form.getValue() != winograd))
    return std::nullopt;
  Tuning tuning;
  tuning.form = form.str();
  for (auto [name, number] : llvm::zip(numberNames, tuning.numbers()))
    if (auto value = attr.getAs<IntegerAttr>(name))
      *number = value.getInt();
  return tuning;
}

std::optional<Tuning> Tuning::of(nn::KernelOp kernel) {
  return from(kernel->getAttrOfType<DictionaryAttr>(nn::kTunedAttr));
}

std::string Tuning::describe() const {
  std::string text = form;
  llvm::raw_string_ostream os(text);
  if (rows)
    os << ", " << *rows << (*rows == 1 ? " row" : " rows");
  if (panel)
    os << ", " << *panel << (*panel == 1 ? " vector" : " vectors");
  if (block)
    os << (*block ? ", blocks of " + std::to_string(*block) + " pixels" : ", no blocks");
  if (tileH && tileW)
    os << ", tiles of " << *tileH << 'x' << *tileW;
  if (strip)
    os << ", strips of " << *strip;
  return text;
}

std::string cpu::describeKernel(nn::KernelOp kernel) {
  Operation *root = kernel.getRoot();
  std::string text;
  llvm::raw_string_ostream os(text);
  auto print = [&](Type type) {
    auto tensor = cast<RankedTensorType>(type);
    for (int64_t size : tensor.getShape())
      os << size << 'x';
    os << tensor.getElementType();
  };
  os << root->getName().stripDialect() << '(';
  llvm::interleaveComma(root->getOperands(), os, [&](Value operand) {
    auto argument = dyn_cast<BlockArgument>(operand);
    if (argument && nn::getConstantValue(kernel.getInputs()[argument.getArgNumber()]))
      os << "const ";
    print(operand.getType());
  });
  os << ") -> ";
  print(root->getResult(0).getType());
  SmallVector<NamedAttribute> attrs;
  for (NamedAttribute attr : root->getAttrDictionary())
    if (!attr.getName().getValue().starts_with("nn.") && attr.getName() != "operandSegmentSizes")
      attrs.push_back(attr);
  if (!attrs.empty())
    os << ' ' << DictionaryAttr::get(kernel.getContext(), attrs);
  return text;
}

//===-- what fits ---------------------------------------------------------===//

/// Output pixels of one image (or all rows of a product), which blocks cut.
static int64_t pixelsOf(const Contraction &contraction) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(contraction.root->getResult(0).getType()).getShape();
  if (contraction.isOfMatrices())
    return shape[shape.size() - 2];
  return shape[1] * shape[2];
}

static bool hasBlocks(const Contraction &contraction, int64_t panel) {
  return contraction.body == TapBody::Product && contraction.outputs > panel;
}

LogicalResult cpu::checkTuning(const Tuning &tuning, const Contraction &contraction, nn::MachineAttr machine,
                               std::string &reason) {
  auto refuse = [&](const llvm::formatv_object_base &why) {
    reason = why.str();
    return failure();
  };
  if (contraction.body != TapBody::Product && contraction.isOfBytes())
    return refuse(llvm::formatv("a window of bytes, which runs as a sweep"));
  if (tuning.panel && (*tuning.panel < 1 || *tuning.panel > kMostPanelVectors))
    return refuse(llvm::formatv("a panel of {0} vectors, not 1 to {1}", *tuning.panel, kMostPanelVectors));
  int64_t panel = contraction.panel(machine), vectors = panel / contraction.lanes(machine);
  int64_t most = contraction.mostTileRows(machine, vectors);
  if (tuning.rows && (*tuning.rows < 1 || *tuning.rows > most))
    return refuse(llvm::formatv("a tile of {0} rows by {1} vectors, for which registers hold 1 to {2} rows",
                                *tuning.rows, vectors, most));
  int64_t pixels = pixelsOf(contraction);
  if (tuning.block && (*tuning.block < 0 || (*tuning.block && *tuning.block < pixels / kMostBlocks)))
    return refuse(llvm::formatv("blocks of {0} of {1} pixels, not 0 (none) or {2} and more", *tuning.block, pixels,
                                std::max<int64_t>(pixels / kMostBlocks, 1)));
  return success();
}

//===-- what can be tried -------------------------------------------------===//

namespace {

/// A candidate and in how many ways it differs from what is chosen without tuning.
struct Ranked {
  Tuning tuning;
  int64_t distance;
};

/// Sizes of blocks: none, and those whose input fills so many bytes.
SmallVector<std::optional<int64_t>> blocksToTry(const Contraction &contraction, nn::MachineAttr machine) {
  auto input = cast<RankedTensorType>(contraction.root->getOperand(0).getType());
  int64_t pixels = pixelsOf(contraction), images = std::max<int64_t>(input.getDimSize(0), 1);
  int64_t ofAll = input.getNumElements() * (contraction.element.getIntOrFloatBitWidth() / 8);
  int64_t ofPixel = std::max<int64_t>(ofAll / (contraction.isOfMatrices() ? pixels : images * pixels), 1);
  int64_t l1 = machine.getL1Bytes(), l2 = machine.getL2Bytes();
  SmallVector<std::optional<int64_t>> blocks{std::nullopt, 0};
  for (int64_t bytes : {l2 / 2, l2 / 4, l2 / 8, l1, l1 / 2, l2, l2 / 16})
    if (int64_t block = bytes / ofPixel;
        block < pixels && block >= std::max<int64_t>(pixels / kMostBlocks, 1) && !llvm::is_contained(blocks, block))
      blocks.push_back(block);
  return blocks;
}

void addDirect(const Contraction &contraction, nn::MachineAttr machine, std::vector<Ranked> &found) {
  int64_t lanes = contraction.lanes(machine), vectors = llvm::divideCeil(contraction.outputs, lanes);
  Contraction plain = contraction;
  plain.tuning.reset();
  int64_t chosen = plain.panel(machine) / lanes;
  for (int64_t panel = 1; panel <= std::min(vectors, kMostPanelVectors); ++panel) {
    int64_t most = std::min(contraction.mostTileRows(machine, panel), std::max<int64_t>(contraction.rows, 1));
    int64_t own = std::min(plain.tileRows(machine, panel), most);
    SmallVector<std::optional<int64_t>> blocks{std::nullopt};
    if (hasBlocks(contraction, panel * lanes))
      blocks = blocksToTry(contraction, machine);
    for (int64_t rows = most; rows >= 1; --rows)
      for (auto [number, block] : llvm::enumerate(blocks)) {
        Tuning tuning;
        tuning.panel = panel;
        tuning.rows = rows;
        tuning.block = block;
        found.push_back({tuning, std::abs(panel - chosen) + std::abs(own - rows) + static_cast<int64_t>(number)});
      }
  }
}

/// A window that would sweep, as tiles of pixels.
void addWindow(const Contraction &contraction, nn::MachineAttr machine, std::vector<Ranked> &found) {
  int64_t lanes = contraction.lanes(machine), vectors = llvm::divideCeil(contraction.outputs, lanes);
  for (int64_t panel = 1; panel <= std::min<int64_t>(vectors, 2); ++panel)
    for (int64_t rows = contraction.mostTileRows(machine, panel); rows >= 4; rows -= 2) {
      Tuning tuning;
      tuning.panel = panel;
      tuning.rows = rows;
      found.push_back({tuning, panel + rows});
    }
}

void addWinograd(nn::KernelOp kernel, const Contraction &contraction, nn::MachineAttr machine,
                 std::vector<Ranked> &found) {
  std::string reason;
  auto layer = WinogradLayer::match(kernel, contraction, reason);
  if (!layer)
    return;
  for (auto [number, tile] : llvm::enumerate(layer->tileSizes())) {
    Tuning tuning;
    tuning.form = Tuning::winograd.str();
    tuning.tileH = tile.h;
    tuning.tileW = tile.w;
    found.push_back({tuning, 0});
    int64_t tiles = layer->tiles(tile);
    for (int64_t strips = 1, distance = 1; strips <= 64 && strips < tiles; strips *= 2, ++distance) {
      tuning.strip = llvm::divideCeil(tiles, strips);
      found.push_back({tuning, distance + 2 * static_cast<int64_t>(number)});
    }
  }
}

std::vector<Tuning> candidatesOf(nn::KernelOp kernel, const Contraction &contraction, nn::MachineAttr machine) {
  std::vector<Ranked> found;
  if (contraction.body == TapBody::Product)
    addDirect(contraction, machine, found);
  else if (!contraction.isOfBytes() && contraction.sliding)
    addWindow(contraction, machine, found);
  addWinograd(kernel, contraction, machine, found);
  auto order = llvm::to_vector(llvm::seq<size_t>(0, found.size()));
  llvm::sort(order,
             [&](size_t a, size_t b) { return std::pair(found[a].distance, a) < std::pair(found[b].distance, b); });
  std::vector<Tuning> candidates;
  for (size_t index : order)
    candidates.push_back(std::move(found[index].tuning));
  return candidates;
}

} // namespace

std::vector<TunableKernel> cpu::findTunable(ModuleOp module) {
  std::vector<TunableKernel> kernels;
  llvm::StringMap<size_t> numberOf;
  module.walk([&](nn::KernelOp kernel) {
    std::string reason;
    nn::MachineAttr machine = getMachine(kernel);
    auto contraction = machine ? Contraction::match(kernel, reason) : std::nullopt;
    if (!contraction || kernel.getDevice().value_or("cpu0") != cpuFor(module, kernel.getDevice().value_or("cpu0")))
      return;
    std::string text = describeKernel(kernel);
    auto [number, isNew] = numberOf.try_emplace(text, kernels.size());
    if (isNew)
      kernels.push_back({text, {}, candidatesOf(kernel, *contraction, machine)});
    kernels[number->second].names.push_back(kernel.getName().str());
  });
  llvm::erase_if(kernels, [](const TunableKernel &kernel) { return kernel.candidates.empty(); });
  return kernels;
}
