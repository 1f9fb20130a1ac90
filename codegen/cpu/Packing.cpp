// Executes packing recipes on the raw bytes of constants.
#include "codegen/cpu/Packing.h"
#include "codegen/cpu/Tiling.h"
#include "dialects/nn/ConstantData.h"
#include "lib/support/InternalError.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

int64_t PanelPacking::batchSize() const {
  int64_t full = outputs / panel, size = full * panel * depth;
  return outputs % panel ? size + depth * panelWidth(outputs, panel, lanes, full) : size;
}

nn::PackingAttr PanelPacking::getAttr(MLIRContext *context, Type element) const {
  return nn::PackingAttr::get(context, kind,
                              {batches * batchSize() * nn::constantElementBytes(element), batches, outputs, depth,
                               panel, lanes, outputsInnermost});
}

std::optional<PanelPacking> PanelPacking::from(nn::PackingAttr packing) {
  ArrayRef<int64_t> n = packing.getNumbers();
  if (packing.getKind() != kind || n.size() != 7 || llvm::any_of(n.drop_back(), [](int64_t x) { return x < 1; }))
    return std::nullopt;
  return PanelPacking{n[1], n[2], n[3], n[4], n[5], n[6] != 0};
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

int64_t cpu::packedBytes(nn::PackingAttr packing) { return packing.getNumbers().front(); }

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
          std::memcpy(row + o * bytes, source(first + (output + o) * depth + k), bytes);
      }
      os.write(block.data(), block.size());
    }
  }
  return llvm::Error::success();
}
