// Panels are transposed in registers: square blocks of as many outputs, and as many values of k, as a vector has lanes.
#include "codegen/cpu/PackAtRunTime.h"
#include "codegen/cpu/Tiling.h"
#include "passes/lower/LoopBuilder.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

namespace {

class Packer {
public:
  Packer(Code &code, ArrayRef<int64_t> shape, ArrayRef<int64_t> strides, const PanelPacking &packing, Type memory)
      : code(code), packing(packing), memory(memory), outputStride(strides[0]) {
    runs = {{{shape[1], strides[1]}, {shape[2], strides[2]}}};
    length = shape[3];
    // Taps that follow each other in memory are one run.
    for (auto &[count, stride] : llvm::reverse(runs))
      if (count == 1 || stride == length) {
        length *= count;
        count = 1;
      } else {
        break;
      }
  }

  int64_t stride() const { return outputStride; }

  /// `outputs` rows of the source become one panel of `width` columns.
  void panel(Value source, Value target, int64_t outputs, int64_t width) {
    for (int64_t first = 0; first < width; first += packing.lanes) {
      int64_t rows = std::clamp<int64_t>(outputs - first, 0, packing.lanes);
      Value from = code.at(source, first * outputStride, memory), to = code.at(target, first, memory);
      code.loop(code.constant(0), code.constant(runs[0].first), 1, {}, [&](Value h, ValueRange) -> SmallVector<Value> {
        code.loop(
            code.constant(0), code.constant(runs[1].first), 1, {}, [&](Value w, ValueRange) -> SmallVector<Value> {
              Value offset = code.add(code.mul(h, runs[0].second), code.mul(w, runs[1].second));
              Value number = code.add(code.mul(h, runs[1].first), w);
              run(code.at(from, offset, memory), code.at(to, code.mul(number, length * width), memory), rows, width);
              return {};
            });
        return {};
      });
    }
  }

private:
  Code &code;
  const PanelPacking &packing;
  Type memory;
  int64_t outputStride;
  std::array<std::pair<int64_t, int64_t>, 2> runs; ///< how many, and how far apart, outermost first
  int64_t length;                                  ///< of a run

  /// The values of k of one run.
  void run(Value source, Value target, int64_t rows, int64_t width) {
    int64_t whole = length - length % packing.lanes;
    if (whole)
      code.loop(
          code.constant(0), code.constant(whole), packing.lanes, {}, [&](Value k, ValueRange) -> SmallVector<Value> {
            block(code.at(source, k, memory), code.at(target, code.mul(k, width), memory), rows, packing.lanes, width);
            return {};
          });
    if (whole < length)
      block(code.at(source, whole, memory), code.at(target, whole * width, memory), rows, length - whole, width);
  }

  /// One vector per value of k from `rows` outputs, zeros for the outputs that do not exist.
  void block(Value source, Value target, int64_t rows, int64_t values, int64_t width) {
    auto type = VectorType::get(packing.lanes, memory);
    SmallVector<Value> vectors;
    for (int64_t row = 0; row < packing.lanes; ++row)
      vectors.push_back(row < rows ? code.loadPart(code.at(source, row * outputStride, memory), type, values)
                                   : code.zero(type));
    vectors = LoopBuilder(code.b, code.b.getLoc()).transpose(vectors);
    for (int64_t k = 0; k < values; ++k)
      code.store(vectors[k], code.at(target, k * width, memory));
  }
};

} // namespace

void cpu::packAtRunTime(Code &code, Value source, ArrayRef<int64_t> shape, ArrayRef<int64_t> strides, Value panels,
                        const PanelPacking &packing, Type memory) {
  Packer packer(code, shape, strides, packing, memory);
  int64_t full = packing.outputs / packing.panel, rest = packing.outputs % packing.panel;
  int64_t sourceStep = packing.panel * packer.stride(), targetStep = packing.panel * packing.depth;
  code.loop(code.constant(0), code.constant(packing.batches), 1, {},
            [&](Value batch, ValueRange) -> SmallVector<Value> {
              Value from = code.at(source, code.mul(batch, packing.outputs * packer.stride()), memory);
              Value to = code.at(panels, code.mul(batch, packing.batchSize()), memory);
              if (full)
                code.loop(code.constant(0), code.constant(full), 1, {}, [&](Value i, ValueRange) -> SmallVector<Value> {
                  packer.panel(code.at(from, code.mul(i, sourceStep), memory),
                               code.at(to, code.mul(i, targetStep), memory), packing.panel, packing.panel);
                  return {};
                });
              if (rest)
                packer.panel(code.at(from, full * sourceStep, memory), code.at(to, full * targetStep, memory), rest,
                             panelWidth(packing.outputs, packing.panel, packing.lanes, full));
              return {};
            });
}
