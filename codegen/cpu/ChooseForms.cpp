// Weighs Winograd's form against the direct one, in cycles of the machine and in bytes of weights.
#include "codegen/cpu/CpuPasses.h"
#include "codegen/cpu/Tiling.h"
#include "codegen/cpu/Winograd.h"
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/KernelForms.h"
#include "dialects/nn/Origin.h"
#include "mlir/IR/Remarks.h"
#include "passes/check/KernelOptions.h"
#include "passes/check/Stage.h"
#include "passes/lower/Machine.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_CHOOSEFORMS
#include "codegen/cpu/CpuPasses.h.inc"

namespace {
using cpu::WinogradForm;
using cpu::WinogradTile;

// The form has to save so much of a kernel's cycles: estimates are rough.
constexpr double kLeastSaving = 0.15;
// Weights of a model may grow by half, or by so many bytes where that is more: what small models lose by that is little
// memory, what large ones gain by more is little time.
constexpr int64_t kGrowth = 8 << 20;
// Bytes in a cycle that come from a cache behind the L2, of what bytesOfStrips() counts.
constexpr double kBytesFromCache = 24;

/// How weights come, once in a run.
struct WeightFetch {
  double bytesInCycle;
  double notHidden; ///< of the shorter of fetching and multiplying: what it takes beside the other

  /// bytes       of all weights of a model. On x86-64 servers a core reads 12 to 15 GB/s of pages of 4 KB at 4 GHz, and
  ///             less while it multiplies, of weights that no cache has kept since the last run. Phones have less of
  ///             both, and multiply more slowly, too.
  /// vectorBits  of the machine. Cores of AMD's take twice as long for a multiply-add of 512 bits as Estimate counts,
  ///             and read 30 to 40 GB/s: twice the bytes meanwhile. Intel's take as long either way (decision 0057).
  static WeightFetch of(int64_t bytes, int64_t vectorBits) {
    constexpr int64_t mostInCaches = 32 << 20;
    WeightFetch fetch = bytes > mostInCaches ? WeightFetch{2.5, 0.3} : WeightFetch{4, 1};
    if (vectorBits == 512)
      fetch.bytesInCycle *= 2;
    return fetch;
  }
};

/// What a form of a kernel costs.
struct Cost {
  double cycles = 0;
  int64_t weightBytes = 0;
};

/// A kernel that could run in Winograd's form, and what that brings.
struct Candidate {
  nn::KernelOp kernel;
  cpu::Contraction contraction;
  cpu::WinogradLayer layer;
  nn::MachineAttr machine;
  WinogradForm form;
  double direct = 0;    ///< cycles without it
  double saved = 0;     ///< cycles
  int64_t growth = 0;   ///< bytes of weights
  bool isTuned = false; ///< measured to be better, whatever is estimated

  bool isWorth(double cycles) const { return cycles >= kLeastSaving * direct; }
  double savedPerByte() const { return saved / std::max<int64_t>(growth, 1); }
};
using Candidates = SmallVector<Candidate, 0>; ///< of one kernel

/// Estimates of one layer on one machine. Two multiply-adds of vectors start in a cycle; for the products of bytes, see
/// stepOfBytes() and stepOfWords().
class Estimate {
public:
  Estimate(const cpu::WinogradLayer &layer, const cpu::Contraction &contraction, nn::MachineAttr machine,
           int64_t bytesOfModel)
      : layer(layer), contraction(contraction), machine(machine), lanes(contraction.lanes(machine)),
        fetch(WeightFetch::of(bytesOfModel, machine.getVectorBits())) {}

  Cost direct() const {
    Cost cost;
    int64_t taps = layer.tapsH * layer.tapsW;
    cost.weightBytes = bytesOf(taps, layer.ofBytes ? 1 : 4);
    double step = layer.ofBytes ? stepOfBytes() : 0.5;
    int64_t products = layer.images * layer.height * layer.width * taps * layer.depth;
    cost.cycles = withWeights(step * products * vectorsOf(layer.outputs), cost.weightBytes);
    return cost;
  }

  Cost winograd(const WinogradForm &form) const {
    Cost cost;
    cost.weightBytes = bytesOf(form.tile.planes(), layer.ofBytes ? 2 : 4);
    // Sums of products are stored, and begin anew for every plane.
    double ofSums = 1.5 * rowsOf(form) * vectorsOf(layer.outputs);
    double step = layer.ofBytes ? stepOfWords() : 0.5;
    cost.cycles = withWeights(step * rowsOf(form) * layer.depthInPlanes() * vectorsOf(layer.outputs) +
                                  transform(form, layer.depthInPlanes()) + transform(form, layer.outputs) + ofSums +
                                  bytesOfStrips(form) / kBytesFromCache,
                              cost.weightBytes);
    return cost;
  }

  /// Cycles until so many threads are done.
  double shared(const WinogradForm &form, int64_t threads) const {
    double all = winograd(form).cycles;
    if (form.groups > 1) {
      int64_t ofGroup = form.packing(layer, contraction, machine).outputsOfGroup();
      int64_t ofThread = std::min<int64_t>(llvm::divideCeil(form.groups, threads) * ofGroup, layer.outputs);
      double ofEach = transform(form, layer.depthInPlanes());
      return ofEach + (all - ofEach) * ofThread / layer.outputs;
    }
    int64_t strips = stripsOf(form), ofSlot = llvm::divideCeil(strips, form.slots);
    int64_t slots = llvm::divideCeil(strips, ofSlot), ofThread = llvm::divideCeil(slots, threads) * ofSlot;
    return all * std::min(ofThread, strips) / strips;
  }

  /// All tiles at once, or as many as stay in the cache: what costs less.
  int64_t stripOf(const WinogradTile &tile) const {
    WinogradForm whole{tile, layer.tiles(tile), 1}, some{tile, stripInCache(tile), 1};
    return winograd(whole).cycles < winograd(some).cycles ? whole.strip : some.strip;
  }

  /// As many tiles as have their planes in the L2 cache, but enough for each plane of weights to be worth its way from
  /// there; the same number in each strip.
  int64_t stripInCache(const WinogradTile &tile) const {
    WinogradForm one{tile, 1, 1};
    int64_t cache = machine.getL2Bytes() * 3 / 4, tiles = layer.tiles(tile);
    int64_t rows = cpu::chooseTileRows(machine, 2), least = 3 * rows, most = 4 * least;
    // Where weights stay in the cache, too, planes take what they leave: tiles of many rows, as only registers of 512
    // bits have, read them seldom, so that one may be a strip. The first of few strips waits for weights, while as much
    // as possible should be computed.
    constexpr int64_t manyRows = 9, manyStrips = 16;
    int64_t weights = bytesOf(tile.planes(), layer.ofBytes ? 2 : 4);
    if (rows >= manyRows && weights <= cache && tiles >= manyStrips * rows) {
      cache = std::max<int64_t>(machine.getL2Bytes() * 5 / 8 - weights, 0);
      least = rows;
    }
    int64_t strip = std::clamp<int64_t>(cache / one.scratchBytes(layer), least, most);
    return llvm::divideCeil(tiles, llvm::divideCeil(tiles, strip));
  }

private:
  const cpu::WinogradLayer &layer;
  const cpu::Contraction &contraction;
  nn::MachineAttr machine;
  int64_t lanes;
  WeightFetch fetch;

  /// What takes so many cycles, and the weights that it needs.
  double withWeights(double cycles, int64_t bytes) const {
    double fetching = bytes / fetch.bytesInCycle;
    return std::max(cycles, fetching) + fetch.notHidden * std::min(cycles, fetching);
  }

  /// What comes from behind the L2 cache beside the weights of the first strip: those of the others, and planes that
  /// are larger than it, which are written and read again.
  double bytesOfStrips(const WinogradForm &form) const {
    double weights = (stripsOf(form) - 1.0) * bytesOf(form.tile.planes(), layer.ofBytes ? 2 : 4);
    WinogradForm one{form.tile, form.strip, 1};
    int64_t planes = one.scratchBytes(layer);
    return weights + (form.strip > stripInCache(form.tile) ? 2.0 * planes * stripsOf(form) : 0);
  }

  double vectorsOf(int64_t channels) const { return llvm::divideCeil(channels, lanes); }
  int64_t stripsOf(const WinogradForm &form) const { return llvm::divideCeil(layer.tiles(form.tile), form.strip); }
  int64_t rowsOf(const WinogradForm &form) const { return stripsOf(form) * form.productRows(layer); }
  /// A value of a plane is loaded, stored, and passes the stack: some three cycles for each vector.
  double transform(const WinogradForm &form, int64_t channels) const {
    return 3.5 * rowsOf(form) * vectorsOf(channels);
  }
  /// Cycles of a value of k of bytes for a vector of sums. Instructions that sum bytes start twice in a cycle; bytes
  /// that are widened take 0.4 cycles on AVX2 (a multiplication and an addition for two of them, and their share of
  /// what widens), and no less where nothing sums; in words two thirds of that.
  double stepOfBytes() const {
    cpu::MacForm mac = contraction.mac(machine, lanes);
    return !mac.dot ? 0.55 : mac.isInWords ? 0.37 : mac.isWidened() ? 0.4 : 0.5 / mac.group();
  }
  /// Cycles of a pair of words: a multiplication that sums both and an addition, which share three pipes, or two
  /// multiply-adds.
  double stepOfWords() const { return cpu::MacForm::ofWords(machine, contraction.sum, lanes).dotOfWords ? 0.67 : 1; }
  int64_t bytesOf(int64_t planes, int64_t ofValue) const {
    return ofValue * planes * layer.depth * static_cast<int64_t>(vectorsOf(layer.outputs)) * lanes;
  }
};

struct ChooseForms : impl::ChooseFormsBase<ChooseForms> {
  using ChooseFormsBase::ChooseFormsBase;

  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"N2"})))
      return signalPassFailure();
    llvm::StringMap<StringRef> asked;
    if (failed(checkWord(form, {"auto", "winograd", "direct"})) || failed(readKernels(asked)))
      return signalPassFailure();
    weightBytes = bytesOfWeights();
    std::vector<Candidates> candidates; // per kernel
    llvm::StringSet<> said;             // kernels that are one are tuned, and warned of, together
    WalkResult result = getOperation().walk([&](nn::KernelOp kernel) {
      auto single = asked.find(kernel.getName());
      bool isSingle = single != asked.end();
      StringRef word = isSingle ? single->second : StringRef(form);
      auto tuning = word == "auto" ? cpu::Tuning::of(kernel) : std::nullopt;
      if (word == "direct" || (tuning && tuning->form == cpu::Tuning::direct))
        return WalkResult::advance();
      std::string reason;
      bool isAsked = word == WinogradForm::kind;
      Candidates ofKernel = weigh(kernel, isAsked, tuning, reason);
      if (tuning && ofKernel.empty() && said.insert(cpu::describeKernel(kernel)).second)
        emitWarning(getOperation().getLoc())
            << "kernel " << cpu::describeKernel(kernel) << " is not computed as it is tuned: " << reason;
      if (!ofKernel.empty() && isAsked) {
        take(ofKernel.front());
      } else if (!ofKernel.empty()) {
        candidates.push_back(std::move(ofKernel));
      } else if (isSingle) {
        emitError(kernel.getLoc()) << "kernel '" << kernel.getName() << "' cannot run in Winograd's form: " << reason;
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    offerBest(candidates);
  }

private:
  int64_t weightBytes = 0; ///< of the model

  int64_t bytesOfWeights() {
    int64_t bytes = 0;
    getOperation().walk([&](nn::ConstantOp constant) {
      auto type = cast<RankedTensorType>(constant.getType());
      bytes += type.getNumElements() * nn::constantElementBytes(type.getElementType());
    });
    return bytes;
  }

  LogicalResult checkWord(StringRef word, ArrayRef<StringRef> words) {
    if (llvm::is_contained(words, word))
      return success();
    return emitError(getOperation().getLoc()) << "'" << word << "' is no form of a kernel: " << llvm::join(words, ", ");
  }

  /// Reads the option that decides for single kernels, each of which has to exist.
  LogicalResult readKernels(llvm::StringMap<StringRef> &asked) {
    return readKernelOptions(getOperation(), *kernels, "a form is asked for kernel", ", but there is none",
                             [&](StringRef name, StringRef word) {
                               asked.insert_or_assign(name, word);
                               return checkWord(word, {"winograd", "direct"});
                             });
  }

  /// Every size of tiles that may serve, with strips of a good length, or those that are tuned.
  SmallVector<WinogradForm> formsOf(const cpu::WinogradLayer &layer, const Estimate &estimate,
                                    const std::optional<cpu::Tuning> &tuning, std::string &reason) {
    SmallVector<WinogradForm> forms;
    for (const WinogradTile &tile : layer.tileSizes()) {
      if (tuning && (tuning->tileH.value_or(tile.h) != tile.h || tuning->tileW.value_or(tile.w) != tile.w))
        continue;
      int64_t strip = tuning && tuning->strip ? *tuning->strip : estimate.stripOf(tile);
      WinogradForm form{tile, strip, 1, 1, savesCode};
      if (strip >= 1 && form.fits(layer))
        forms.push_back(form);
    }
    reason = tuning ? "its window has no such tiles, or its strips are not of 1 to all tiles"
                    : "its planes have more than 2^31 elements";
    return forms;
  }

  /// The forms of a layer, as tuned or all: what saves most comes first.
  ///
  /// base        what they have in common
  /// largestSum  of bytes: see WinogradLayer::isExact()
  /// reason      why there are none
  Candidates ranked(const Candidate &base, const std::optional<cpu::Tuning> &tuning, std::optional<int64_t> largestSum,
                    std::string &reason) {
    Estimate estimate(base.layer, base.contraction, base.machine, weightBytes);
    Cost direct = estimate.direct();
    Candidates candidates;
    for (const WinogradForm &form : formsOf(base.layer, estimate, tuning, reason)) {
      if (largestSum && !base.layer.isExact(form.tile, *largestSum)) {
        reason = "its sums may be larger than the form has bits for";
        continue;
      }
      Cost cost = estimate.winograd(form);
      Candidate &candidate = candidates.emplace_back(base);
      candidate.form = form;
      candidate.direct = direct.cycles;
      candidate.saved = direct.cycles - cost.cycles;
      candidate.growth = cost.weightBytes - direct.weightBytes;
      candidate.isTuned = tuning.has_value();
    }
    auto rank = [](const Candidate &c) { return std::tuple(-c.saved, c.growth, -c.form.tile.h, -c.form.tile.w); };
    llvm::sort(candidates, [&](const auto &a, const auto &b) { return rank(a) < rank(b); });
    return candidates;
  }

  /// The forms for a kernel: the best as it is asked for or tuned, then those that are worth it, with fewer bytes of
  /// weights than the ones before them. Where weights of tuned tiles find no room, those of others may.
  Candidates weigh(nn::KernelOp kernel, bool isAsked, const std::optional<cpu::Tuning> &tuning, std::string &reason) {
    // A GPU reads the weights, too, as the direct form has them.
    StringRef device = kernel.getDevice().value_or("cpu0");
    nn::MachineAttr machine = cpu::getMachine(kernel);
    if (!machine || cpuFor(getOperation(), device) != device) {
      reason = "it is for another device than a CPU";
      return {};
    }
    auto contraction = cpu::Contraction::match(kernel, reason);
    auto layer = contraction ? cpu::WinogradLayer::match(kernel, *contraction, reason) : std::nullopt;
    if (!layer)
      return {};
    std::optional<int64_t> largestSum;
    if (layer->ofBytes) {
      auto filter = nn::ConstantReader::get(kernel.getInputs()[*contraction->rhs]);
      if (!filter) {
        reason = "its weights are not here";
        return {};
      }
      largestSum = layer->largestSumOfBytes(*filter);
    }
    Candidate base{kernel, *contraction, *layer, machine, {}};
    Candidates candidates = ranked(base, tuning, largestSum, reason);
    if (tuning && !candidates.empty())
      llvm::append_range(candidates, ranked(base, std::nullopt, largestSum, reason));
    Candidates smaller;
    for (Candidate &candidate : candidates) {
      bool isWorth = candidate.isWorth(candidate.saved);
      if (smaller.empty() ? isWorth || isAsked || tuning : isWorth && candidate.growth < smaller.back().growth)
        smaller.push_back(std::move(candidate));
    }
    return smaller;
  }

  /// The ways in which threads can share out strips of so many tiles, at most four threads: those that serve two and
  /// four best come first, and each needs less memory than the ones before it. The last is for one thread.
  SmallVector<WinogradForm> sharings(const Candidate &candidate, int64_t strip) {
    const cpu::WinogradLayer &layer = candidate.layer;
    Estimate estimate(layer, candidate.contraction, candidate.machine, weightBytes);
    SmallVector<WinogradForm> forms{candidate.form};
    forms.front().strip = strip;
    for (int64_t threads : {4, 2}) {
      WinogradForm slots = forms.front(), groups = forms.front();
      slots.slots = std::min<int64_t>(threads, llvm::divideCeil(layer.tiles(slots.tile), strip));
      groups.groups = threads;
      if (slots.fits(layer))
        forms.push_back(slots);
      if (groups.fits(layer) && groups.packing(layer, candidate.contraction, candidate.machine).hasGroups())
        forms.push_back(groups);
    }
    auto cycles = [&](const WinogradForm &form) { return estimate.shared(form, 2) + estimate.shared(form, 4); };
    auto rank = [&](const WinogradForm &form) {
      return std::tuple(cycles(form), form.scratchBytes(layer), form.groups, form.slots);
    };
    llvm::sort(forms, [&](const auto &a, const auto &b) { return rank(a) < rank(b); });
    SmallVector<WinogradForm> smaller;
    for (const WinogradForm &form : forms)
      if (smaller.empty() || form.scratchBytes(layer) < smaller.back().scratchBytes(layer))
        smaller.push_back(form);
    return smaller;
  }

  void take(const Candidate &candidate) {
    nn::KernelOp kernel = candidate.kernel;
    WinogradForm form = sharings(candidate, candidate.form.strip).front();
    kernel->setAttr("nn.scratch_bytes", Builder(kernel).getI64IntegerAttr(form.scratchBytes(candidate.layer)));
    nn::takeForm(kernel, attrOf(candidate, form));
  }

  static DictionaryAttr attrOf(const Candidate &candidate, const WinogradForm &form) {
    return form.getAttr(candidate.kernel, candidate.layer, candidate.contraction, candidate.machine);
  }

  /// Offers the form to the kernels that it saves most cycles for a byte of weights, first to those that are tuned.
  /// Those whose weights have no room then come again with the tiles that save most after these.
  void offerBest(ArrayRef<Candidates> kernels) {
    int64_t room = std::max(weightBytes / 2, kGrowth);
    SmallVector<size_t> order = llvm::to_vector(llvm::seq<size_t>(0, kernels.size()));
    for (size_t place = 0; !order.empty(); ++place) {
      llvm::sort(order, [&](size_t a, size_t b) {
        auto rank = [&](size_t i) {
          return std::tuple(!kernels[i][place].isTuned, -kernels[i][place].savedPerByte(), i);
        };
        return rank(a) < rank(b);
      });
      SmallVector<size_t> left;
      for (size_t index : order) {
        const Candidate &candidate = kernels[index][place];
        if (candidate.growth <= room) {
          room -= candidate.growth;
          offer(candidate);
        } else if (place + 1 < kernels[index].size()) {
          left.push_back(index);
        }
      }
      order = std::move(left);
    }
  }

  void offer(const Candidate &candidate) {
    nn::KernelOp kernel = candidate.kernel;
    Builder b(kernel);
    SmallVector<Attribute> forms;
    int64_t most = candidate.form.strip, least = std::min(most, cpu::chooseTileRows(candidate.machine, 2));
    Estimate estimate(candidate.layer, candidate.contraction, candidate.machine, weightBytes);
    SmallVector<int64_t> strips{most};
    int64_t inCache = estimate.stripInCache(candidate.form.tile);
    for (int64_t strip = most; strip > least;) {
      // What is more than the cache holds is worth it for all tiles alone.
      strip = strip > inCache && !candidate.isTuned ? inCache : llvm::divideCeil(strip, 2);
      strip = std::max(strip, least);
      // Tiles of several strips are whole, and the last strip is computed as if it had as many as the others.
      WinogradForm shorter = candidate.form;
      shorter.strip = strip;
      if (candidate.isTuned || candidate.isWorth(candidate.direct - estimate.winograd(shorter).cycles))
        strips.push_back(strip);
    }
    for (int64_t strip : strips)
      for (const WinogradForm &form : sharings(candidate, strip))
        forms.push_back(attrOf(candidate, form));
    forms.push_back(b.getDictionaryAttr({b.getNamedAttr("name", b.getStringAttr("direct")),
                                         b.getNamedAttr("packings", kernel->getAttr(cpu::kPackingsAttr))}));
    kernel->setAttr(nn::kFormsAttr, b.getArrayAttr(forms));
    remark::passed(kernel.getLoc(), remark::RemarkOpts::name("ChooseForms").category("nncc-choose-forms"))
        << llvm::formatv("{0} may run in Winograd's form: {1} thousand cycles less, {2} bytes of weights more",
                         kernel.getName(), int64_t(candidate.saved / 1000), candidate.growth)
               .str();
  }
};
} // namespace
} // namespace nncc
