// Executes packing recipes on the raw bytes of constants.
#include "codegen/cpu/Packing.h"
#include "codegen/cpu/MacForm.h"
#include "codegen/cpu/Tiling.h"
#include "dialects/nn/ConstantData.h"
#include "lib/support/InternalError.h"
#include "passes/graph/PanelOrder.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

/// The sizes of all panels of a batch, of so many bytes for each column of one of a width.
static int64_t sizeOfBatch(const PanelPacking &panels, function_ref<int64_t(int64_t)> columnSize) {
  int64_t full = panels.outputs / panels.panel, size = full * panels.panel * columnSize(panels.panel);
  if (panels.outputs % panels.panel) {
    int64_t width = panelWidth(panels.outputs, panels.panel, panels.lanes, full);
    size += width * columnSize(width);
  }
  return size;
}

int64_t PanelPacking::batchSize() const {
  return sizeOfBatch(*this, [&](int64_t) { return depth; });
}

nn::PackingAttr PanelPacking::getAttr(MLIRContext *context, Type element) const {
  SmallVector<int64_t> numbers{batches * batchSize() * nn::constantElementBytes(element),
                               batches,
                               outputs,
                               depth,
                               panel,
                               lanes,
                               outputsInnermost};
  if (planes != 1)
    numbers.push_back(planes);
  return nn::PackingAttr::get(context, kind, numbers);
}

std::optional<PanelPacking> PanelPacking::from(nn::PackingAttr packing) {
  ArrayRef<int64_t> n = packing.getNumbers();
  if (packing.getKind() != kind || (n.size() != 7 && n.size() != 8) ||
      llvm::any_of(n.take_front(6), [](int64_t x) { return x < 1; }))
    return std::nullopt;
  PanelPacking panels{n[1], n[2], n[3], n[4], n[5], n[6] != 0};
  if (n.size() == 8) {
    panels.planes = n[7];
    if (panels.planes < 1 || panels.depth % panels.planes != 0 || panels.outputsInnermost)
      return std::nullopt;
  }
  return panels;
}

int64_t BytePacking::placeInGroup(int64_t o, int64_t k, int64_t width) const {
  if (group != kWordGroup)
    return o * group + k;
  constexpr int64_t pairs = kWordGroup / 2, lanes = pairs / 2;
  int64_t lane = o % lanes, turns = (k / 2 + pairs - lane) % pairs, step = turns % lanes, half = turns / lanes;
  int64_t vector = step * (width / lanes) + o / lanes;
  return vector * kWordGroup + half * pairs + lane * 2 + k % 2;
}

int64_t BytePacking::rowsOfGroups() const {
  return isOrdered() ? lines() * rowsOfLine() : panels.depth / run * static_cast<int64_t>(llvm::alignTo(run, group));
}

int64_t BytePacking::columnSize(int64_t width) const {
  int64_t size = sumBytes() + rowsOfGroups();
  if (!isOrdered())
    return size;
  return static_cast<int64_t>(llvm::alignTo(size + llvm::divideCeil(lines() * tableBytes(), width), group));
}

int64_t BytePacking::batchSize() const {
  return sizeOfBatch(panels, [&](int64_t width) { return columnSize(width); });
}

nn::PackingAttr BytePacking::getAttr(MLIRContext *context) const {
  SmallVector<int64_t> numbers{panels.batches * batchSize(),
                               panels.batches,
                               panels.outputs,
                               panels.depth,
                               panels.panel,
                               panels.lanes,
                               panels.outputsInnermost,
                               group,
                               run,
                               tapsW};
  if (isOrdered())
    numbers.push_back(*spares);
  for (const auto &taps : sums)
    for (const TapRange &range : taps)
      numbers.append({range.start, range.step, range.count});
  return nn::PackingAttr::get(context, isOrdered() ? kindOfOrdered : kind, numbers);
}

std::optional<BytePacking> BytePacking::from(nn::PackingAttr packing) {
  ArrayRef<int64_t> n = packing.getNumbers();
  const bool isOrdered = packing.getKind() == kindOfOrdered;
  const size_t fixed = isOrdered ? 11 : 10;
  if ((packing.getKind() != kind && !isOrdered) || n.size() < fixed || (n.size() - fixed) % 6 != 0 ||
      llvm::any_of(n.take_front(6), [](int64_t x) { return x < 1; }) ||
      llvm::any_of(n.slice(7, 3), [](int64_t x) { return x < 1; }) ||
      llvm::any_of(n, [](int64_t x) { return x < 0; }) || n[3] % n[8] != 0 || n[3] / n[8] % n[9] != 0)
    return std::nullopt;
  BytePacking bytes{{n[1], n[2], n[3], n[4], n[5], n[6] != 0}, n[7], n[8], n[9], {}, {}};
  if (isOrdered) {
    // What is read beyond less than a block is there where another line is.
    if (bytes.group != PanelOrder::kGroup || bytes.line() < PanelOrder::kLeast ||
        (bytes.line() < PanelOrder::kBlock && bytes.lines() == 1))
      return std::nullopt;
    bytes.spares = n[10];
  }
  int64_t tapsH = n[3] / n[8] / n[9];
  for (n = n.drop_front(fixed); !n.empty(); n = n.drop_front(6)) {
    std::array<TapRange, 2> taps{{{n[0], n[1], n[2]}, {n[3], n[4], n[5]}}};
    for (auto [range, end] : llvm::zip(taps, std::array<int64_t, 2>{tapsH, bytes.tapsW}))
      if (range.count > end || (range.count && range.start + (range.count - 1) * range.step >= end))
        return std::nullopt;
    bytes.sums.push_back(taps);
  }
  return bytes;
}

int64_t NibblePacking::rowBytes(int64_t width) const {
  return llvm::divideCeil(width / panels.lanes, 2) * panels.lanes;
}

int64_t NibblePacking::size() const {
  int64_t full = panels.outputs / panels.panel, rest = panels.outputs % panels.panel;
  int64_t ofRow = full * rowBytes(panels.panel);
  if (rest)
    ofRow += rowBytes(panelWidth(panels.outputs, panels.panel, panels.lanes, full));
  return ofRow * panels.depth;
}

nn::PackingAttr NibblePacking::getAttr(MLIRContext *context) const {
  return nn::PackingAttr::get(context, kind, {size(), panels.outputs, panels.depth, panels.panel, panels.lanes});
}

std::optional<NibblePacking> NibblePacking::from(nn::PackingAttr packing) {
  ArrayRef<int64_t> n = packing.getNumbers();
  if (packing.getKind() != kind || n.size() != 5 || llvm::any_of(n.drop_front(), [](int64_t x) { return x < 1; }) ||
      n[3] % n[4] != 0)
    return std::nullopt;
  return NibblePacking{{1, n[1], n[2], n[3], n[4], /*outputsInnermost=*/true}};
}

int64_t PadPacking::batchSize() const { return llvm::alignTo(count, lanes); }

nn::PackingAttr PadPacking::getAttr(MLIRContext *context, Type element) const {
  return nn::PackingAttr::get(context, kind,
                              {batches * batchSize() * nn::constantElementBytes(element), batches, count, lanes});
}

std::optional<PadPacking> PadPacking::from(nn::PackingAttr packing) {
  ArrayRef<int64_t> n = packing.getNumbers();
  if (packing.getKind() != kind || n.size() != 4 || llvm::any_of(n, [](int64_t x) { return x < 1; }))
    return std::nullopt;
  return PadPacking{n[1], n[2], n[3]};
}

int64_t WinogradPacking::outputsOfGroup() const {
  return groups == 1 ? outputs : panel * llvm::divideCeil(llvm::divideCeil(outputs, panel), groups);
}

nn::PackingAttr WinogradPacking::getAttr(MLIRContext *context) const {
  int64_t size = (groups - 1) * groupSize(outputsOfGroup()) + groupSize(outputsOfLast());
  SmallVector<int64_t> numbers{size * 4, tile.h, tile.w, outputs, depth, panel, lanes, groups};
  if (ofWords)
    numbers.push_back(areInterleaved);
  return nn::PackingAttr::get(context, ofWords ? kindOfWords : kind, numbers);
}

std::optional<WinogradPacking> WinogradPacking::from(nn::PackingAttr packing) {
  ArrayRef<int64_t> n = packing.getNumbers();
  auto isSide = [](int64_t side) { return side == 1 || side == 2 || side == 4; };
  bool ofWords = packing.getKind() == kindOfWords;
  if ((packing.getKind() != kind && !ofWords) || n.size() != (ofWords ? 9 : 8) ||
      llvm::any_of(n.take_front(8), [](int64_t x) { return x < 1; }) || !isSide(n[1]) || !isSide(n[2]) || n[7] > n[3])
    return std::nullopt;
  WinogradPacking recipe{{n[1], n[2]}, n[3], n[4], n[5], n[6], n[7], ofWords, ofWords && n[8] != 0};
  return recipe.hasGroups() ? std::optional(recipe) : std::nullopt;
}

int64_t cpu::packedBytes(nn::PackingAttr packing) { return packing.getNumbers().front(); }

/// Writes the groups and the table of a line of a panel in an order; false where it has more spares than the recipe
/// says.
static bool writeLine(const BytePacking &recipe, int64_t exists, int64_t width,
                      function_ref<char(int64_t, int64_t)> byte, bool isFirst, char *groups, char *table) {
  const int64_t depth = recipe.line(), group = recipe.group;
  PanelOrder order =
      PanelOrder::of(depth, exists, [&](int64_t o, int64_t k) { return static_cast<int8_t>(byte(o, k)); });
  if (static_cast<int64_t>(order.spares.size()) > *recipe.spares)
    return false;
  auto put = [&](int64_t place, int64_t k) {
    for (int64_t o = 0; o < exists; ++o)
      groups[place / group * width * group + o * group + place % group] = byte(o, k);
  };
  for (auto [place, k] : llvm::enumerate(order.places))
    if (k != PanelOrder::kNone)
      put(static_cast<int64_t>(place), k);
  char *firsts = table + recipe.shuffleBytes();
  for (int64_t block = 0; block * PanelOrder::kBlock < depth; ++block)
    llvm::copy(order.shuffleOf(block, depth, isFirst), table + block * PanelOrder::kBlock);
  for (auto [i, spare] : llvm::enumerate(order.spares)) {
    llvm::support::endian::write32le(firsts + 4 * i, static_cast<uint32_t>(spare.first));
    for (int64_t j = 0; j < group; ++j)
      if (spare.isTaken[j])
        put(static_cast<int64_t>(order.places.size() + i * group) + j, spare.first + j);
  }
  return true;
}

/// Writes all lines of a panel in an order.
static bool writeOrdered(const BytePacking &recipe, int64_t exists, int64_t width,
                         function_ref<char(int64_t, int64_t)> byte, char *groups) {
  char *tables = groups + recipe.rowsOfGroups() * width;
  for (int64_t line = 0; line < recipe.lines(); ++line) {
    auto byteOfLine = [&](int64_t o, int64_t k) { return byte(o, line * recipe.line() + k); };
    if (!writeLine(recipe, exists, width, byteOfLine, line == 0, groups + line * recipe.rowsOfLine() * width,
                   tables + line * recipe.tableBytes()))
      return false;
  }
  return true;
}

/// Writes the panels of a constant of bytes; false where its size is not what the recipe says.
static bool writeBytes(const nn::ConstantReader &reader, const BytePacking &recipe, raw_ostream &os) {
  const PanelPacking &panels = recipe.panels;
  int64_t outputs = panels.outputs, depth = panels.depth, run = recipe.run, group = recipe.group;
  if (panels.batches * outputs * depth != reader.size() || reader.getType().getElementTypeBitWidth() != 8)
    return false;
  int64_t runGroups = llvm::divideCeil(run, group);
  SmallVector<char, 0> block;
  for (int64_t batch = 0; batch < panels.batches; ++batch) {
    int64_t first = batch * outputs * depth;
    for (int64_t output = 0, index = 0; output < outputs; output += panels.panel, ++index) {
      int64_t width = panelWidth(outputs, panels.panel, panels.lanes, index);
      int64_t exists = std::min(panels.panel, outputs - output);
      auto byte = [&](int64_t o, int64_t k) {
        return *reader.at(panels.outputsInnermost ? first + k * outputs + output + o
                                                  : first + (output + o) * depth + k);
      };
      block.assign(recipe.columnSize(width) * width, 0);
      for (int64_t o = 0; o < exists; ++o) {
        for (auto [set, taps] : llvm::enumerate(recipe.sums)) {
          int32_t sum = 0;
          for (int64_t h = 0; h < taps[0].count; ++h)
            for (int64_t w = 0; w < taps[1].count; ++w) {
              int64_t tap = (taps[0].start + h * taps[0].step) * recipe.tapsW + taps[1].start + w * taps[1].step;
              for (int64_t k = tap * run; k < (tap + 1) * run; ++k)
                sum += static_cast<int8_t>(byte(o, k));
            }
          llvm::support::endian::write32le(block.data() + (set * width + o) * 4, sum);
        }
        if (recipe.isOrdered())
          continue;
        char *groups = block.data() + recipe.sumBytes() * width;
        for (int64_t tap = 0; tap < depth / run; ++tap)
          for (int64_t k = 0; k < run; ++k)
            groups[(tap * runGroups + k / group) * width * group + recipe.placeInGroup(o, k % group, width)] =
                byte(o, tap * run + k);
      }
      if (recipe.isOrdered() && !writeOrdered(recipe, exists, width, byte, block.data() + recipe.sumBytes() * width))
        return false;
      os.write(block.data(), block.size());
    }
  }
  return true;
}

/// Writes the panels of a constant of bytes that 4 bits hold; false where its size is not what the recipe says.
static bool writeNibbles(const nn::ConstantReader &reader, const NibblePacking &recipe, raw_ostream &os) {
  const PanelPacking &panels = recipe.panels;
  int64_t outputs = panels.outputs, depth = panels.depth, lanes = panels.lanes;
  if (outputs * depth != reader.size() || reader.getType().getElementTypeBitWidth() != 8)
    return false;
  SmallVector<char, 0> block;
  for (int64_t output = 0, index = 0; output < outputs; output += panels.panel, ++index) {
    int64_t rowBytes = recipe.rowBytes(panelWidth(outputs, panels.panel, lanes, index));
    int64_t exists = std::min(panels.panel, outputs - output);
    block.assign(depth * rowBytes, 0);
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t o = 0; o < exists; ++o) {
        int64_t vector = o / lanes;
        block[k * rowBytes + vector / 2 * lanes + o % lanes] |= (*reader.at(k * outputs + output + o) & 15)
                                                                << (vector % 2 * 4);
      }
    os.write(block.data(), block.size());
  }
  return true;
}

namespace {

/// Writes the panels of a transformed filter.
class WinogradPanels {
public:
  WinogradPanels(const nn::ConstantReader &reader, const WinogradPacking &recipe)
      : reader(reader), recipe(recipe), h(recipe.tile.h, recipe.ofWords), w(recipe.tile.w, recipe.ofWords) {}

  /// False where the size or type of the filter is not what the recipe says.
  bool write(raw_ostream &os) {
    Type element = reader.getType().getElementType();
    if (recipe.outputs * recipe.depth * h.taps() * w.taps() != reader.size() ||
        !(recipe.ofWords ? element.isSignlessInteger(8) : element.isF32()))
      return false;
    for (int64_t first = 0, end; first < recipe.outputs; first = end) {
      end = std::min(first + recipe.outputsOfGroup(), recipe.outputs);
      for (ArrayRef<double> ofRows : h.weights)
        for (ArrayRef<double> ofColumns : w.weights)
          for (int64_t output = first; output < end; output += recipe.panel)
            writePanel(ofRows, ofColumns, output, os);
    }
    return true;
  }

private:
  const nn::ConstantReader &reader;
  const WinogradPacking &recipe;
  WinogradTransform h, w;
  SmallVector<char, 0> block;

  void writePanel(ArrayRef<double> ofRows, ArrayRef<double> ofColumns, int64_t output, raw_ostream &os) {
    int64_t width = panelWidth(recipe.outputs, recipe.panel, recipe.lanes, output / recipe.panel);
    block.assign(recipe.rows() * width * 4, 0);
    SmallVector<double> sums(recipe.depth);
    for (int64_t o = 0, exists = std::min(recipe.panel, recipe.outputs - output); o < exists; ++o) {
      llvm::fill(sums, 0);
      for (int64_t tap = 0; tap < h.taps() * w.taps(); ++tap)
        if (double factor = ofRows[tap / w.taps()] * ofColumns[tap % w.taps()]; factor != 0)
          addTap(sums, factor, ((output + o) * h.taps() * w.taps() + tap) * recipe.depth);
      for (auto [k, sum] : llvm::enumerate(sums))
        put(sum, k, o, width);
    }
    os.write(block.data(), block.size());
  }

  void addTap(MutableArrayRef<double> sums, double factor, int64_t first) {
    for (auto [k, sum] : llvm::enumerate(sums))
      sum += factor * (recipe.ofWords ? static_cast<double>(static_cast<int8_t>(*reader.at(first + k)))
                                      : static_cast<double>(reader.get<float>(first + k)));
  }

  void put(double sum, int64_t k, int64_t column, int64_t width) {
    using namespace llvm::support::endian;
    if (!recipe.ofWords)
      return write32le(&block[(k * width + column) * 4], llvm::bit_cast<uint32_t>(static_cast<float>(sum)));
    int64_t row = k / 2 * width, lanes = recipe.lanes;
    int64_t word = recipe.areInterleaved ? (row + column) * 2 + k % 2
                                         : (row + column / lanes * lanes) * 2 + k % 2 * lanes + column % lanes;
    write16le(&block[word * 2], static_cast<int16_t>(sum));
  }
};

} // namespace

llvm::Error cpu::writePacked(ElementsAttr value, nn::PackingAttr packing, raw_ostream &os) {
  auto fail = [&](const Twine &reason) { return internalError("packing '" + packing.getKind() + "': " + reason); };
  auto reader = nn::ConstantReader::get(value);
  if (!reader)
    return fail("the bytes of the constant are not here");
  int64_t bytes = nn::constantElementBytes(value.getElementType());
  auto source = [&](int64_t index) { return reader->at(index); };

  if (auto pad = PadPacking::from(packing)) {
    if (pad->batches * pad->count != value.getNumElements())
      return fail("the numbers do not fit the constant");
    for (int64_t batch = 0; batch < pad->batches; ++batch) {
      for (int64_t i = 0; i < pad->count; ++i)
        os.write(source(batch * pad->count + i), bytes);
      os.write_zeros((pad->batchSize() - pad->count) * bytes);
    }
    return llvm::Error::success();
  }

  if (auto recipe = BytePacking::from(packing))
    return writeBytes(*reader, *recipe, os) ? llvm::Error::success() : fail("the numbers do not fit the constant");
  if (auto recipe = NibblePacking::from(packing))
    return writeNibbles(*reader, *recipe, os) ? llvm::Error::success() : fail("the numbers do not fit the constant");
  if (auto recipe = WinogradPacking::from(packing))
    return WinogradPanels(*reader, *recipe).write(os) ? llvm::Error::success()
                                                      : fail("the numbers do not fit the constant");
  auto panels = PanelPacking::from(packing);
  if (!panels)
    return fail("unknown recipe");
  if (panels->batches * panels->outputs * panels->depth != value.getNumElements())
    return fail("the numbers do not fit the constant");
  int64_t outputs = panels->outputs, depth = panels->depth;
  SmallVector<char, 0> block;
  for (int64_t batch = 0; batch < panels->batches; ++batch) {
    int64_t first = batch * outputs * depth;
    for (int64_t output = 0, index = 0; output < outputs; output += panels->panel, ++index) {
      int64_t width = panelWidth(outputs, panels->panel, panels->lanes, index);
      int64_t exists = std::min(panels->panel, outputs - output);
      block.assign(depth * width * bytes, 0);
      for (int64_t k = 0; k < depth; ++k) {
        char *row = block.data() + k * width * bytes;
        if (panels->outputsInnermost && !reader->isSplat()) {
          std::memcpy(row, source(first + k * outputs + output), exists * bytes);
          continue;
        }
        for (int64_t o = 0; o < exists; ++o)
          std::memcpy(row + o * bytes, source(first + (output + o) * depth + panels->sourceOf(k)), bytes);
      }
      os.write(block.data(), block.size());
    }
  }
  return llvm::Error::success();
}
