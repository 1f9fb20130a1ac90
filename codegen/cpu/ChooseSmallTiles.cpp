// Tiles that the layers of a model can share, so that there are few micro-kernels: --optimize=size.
#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/CpuPasses.h"
#include "dialects/nn/KernelForms.h"
#include "passes/check/Stage.h"
#include "passes/lower/Machine.h"
#include <map>

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_CHOOSESMALLTILES
#include "codegen/cpu/CpuPasses.h.inc"

namespace {
struct ChooseSmallTiles : impl::ChooseSmallTilesBase<ChooseSmallTiles> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N2"})))
      return signalPassFailure();
    // Products whose tiles have the same registers.
    std::map<int64_t, SmallVector<Product>> products;
    getOperation().walk([&](nn::KernelOp kernel) {
      if (auto product = match(kernel))
        products[product->mostRows].push_back(*product);
    });
    for (auto &[mostRows, group] : products) {
      int64_t rows = sharedRows(group, mostRows);
      for (Product &product : group) {
        cpu::Tuning tuning;
        tuning.panel = product.panel;
        tuning.rows = rows;
        product.kernel->setAttr(nn::kTunedAttr, tuning.getAttr(&getContext()));
      }
    }
  }

private:
  struct Product {
    nn::KernelOp kernel;
    int64_t panel;    ///< vectors
    int64_t mostRows; ///< of a tile
    int64_t pixels;   ///< that follow each other, most of which are cut into tiles
  };

  /// A product that is not tuned to be one: Winograd's form is not for little code. Few rows are bound by reading
  /// weights, which takes wide panels.
  std::optional<Product> match(nn::KernelOp kernel) {
    constexpr int64_t fewRows = 3; // as choosePanelVectors()
    std::string reason;
    StringRef device = kernel.getDevice().value_or("cpu0");
    nn::MachineAttr machine = cpu::getMachine(kernel);
    auto tuning = cpu::Tuning::of(kernel);
    if (!machine || (tuning && tuning->form == cpu::Tuning::direct) || cpuFor(getOperation(), device) != device)
      return std::nullopt;
    auto contraction = cpu::Contraction::match(kernel, reason);
    if (!contraction || contraction->body != cpu::TapBody::Product || contraction->rows <= fewRows)
      return std::nullopt;
    int64_t vectors = llvm::divideCeil(contraction->outputs, contraction->lanes(machine));
    // Two vectors leave a panel of one where their number is odd, which is a micro-kernel more; three leave more kinds.
    int64_t panel = vectors == 3 ? 3 : std::min<int64_t>(vectors, 2), pixels = contraction->rows;
    if (contraction->tapsH * contraction->tapsW > 1) {
      pixels = 1;
      auto [lines, ofLine] = contraction->regions();
      for (const cpu::AxisRegion &region : ofLine)
        pixels = std::max(pixels, region.count);
    }
    // Where single pixels have low tiles, windows take as low ones: they share the code.
    cpu::Contraction single = *contraction;
    single.tapsH = single.tapsW = 1;
    return Product{kernel, panel, std::min(contraction->tileRows(machine, panel), single.tileRows(machine, panel)),
                   pixels};
  }

  /// Rows of a tile, at least half of what registers hold, that cut most products without a rest.
  static int64_t sharedRows(ArrayRef<Product> products, int64_t mostRows) {
    int64_t best = mostRows, bestCount = 0;
    for (int64_t rows = mostRows; 2 * rows >= mostRows && rows > 0; --rows) {
      int64_t count = llvm::count_if(products, [&](const Product &product) { return product.pixels % rows == 0; });
      if (count > bestCount) {
        best = rows;
        bestCount = count;
      }
    }
    return best;
  }
};
} // namespace
} // namespace nncc
