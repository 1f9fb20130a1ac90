// See PlaceByEstimate.h.
#include "lib/driver/PlaceByEstimate.h"
#include "codegen/mali/GpuTime.h"
#include "dialects/nn/NN.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/EstimateCode.h"
#include "lib/estimate/ChoosePlaces.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;

namespace nncc {

/// What the kernels of a compiled model take on either side; nothing where the code cannot be estimated.
///
/// kernels  by which names the user places them
static std::vector<PlaceCost> costsOf(Compilation &compilation, const CompileOptions &options,
                                      ArrayRef<std::string> kernels, const Placement &placement) {
  auto estimated = estimateCode(compilation, options);
  if (!estimated) {
    consumeError(estimated.takeError());
    return {};
  }
  const CpuTiming &timing = options.target.cpu.timing;
  std::vector<PlaceCost> result;
  for (auto [kernel, placed, cost] : zip(compilation.plan.kernels, kernels, estimated->costs)) {
    PlaceCost &place = result.emplace_back();
    place.cpuUs = timeOf(cost, timing.mhz, timing.ramGBs).us;
    if (kernel.dispatch)
      place.gpuUs = timeOf(*kernel.dispatch, kernel.bytesTouched(), *options.gpu).us;
    for (const auto &[name, where] : placement.kernels)
      if (name == placed)
        place.onGpu = where == "gpu" && place.gpuUs;
  }
  return result;
}

/// All on the CPU, or as far as there is code on the GPU.
static double allOn(ArrayRef<PlaceCost> costs, bool gpu) {
  std::vector<bool> places;
  for (const PlaceCost &cost : costs)
    places.push_back(gpu && cost.gpuUs);
  return placedUs(costs, places);
}

/// The kernel that was one when places are chosen: itself, or the one that the memory plan cut `name` from (NAME_0,
/// NAME_1, ...). Empty: the plan made it, as a copy, and it runs where its neighbours do.
static std::string placeableOf(const KernelPlan &kernel, const StringSet<> &placeable) {
  StringRef name = kernel.name, whole = name.rtrim("0123456789");
  if (kernel.op == "copy")
    return "";
  if (placeable.contains(name))
    return name.str();
  return whole.consume_back("_") && placeable.contains(whole) ? whole.str() : "";
}

/// The same as nncc::choosePlaces, but parts of kernels run where all parts of kernels do: on the side with the least
/// time of all.
///
/// kernels  the one that each was, with the same name for all parts
static std::vector<bool> choosePlacesOf(ArrayRef<std::string> kernels, ArrayRef<PlaceCost> costs) {
  StringMap<unsigned> parts;
  for (const std::string &kernel : kernels)
    ++parts[kernel];
  auto isPart = [&](const std::string &kernel) { return !kernel.empty() && parts[kernel] > 1; };
  if (none_of(kernels, isPart))
    return choosePlaces(costs);
  std::vector<bool> best;
  double least = 0;
  for (bool onGpu : {false, true}) {
    std::vector<PlaceCost> sided = costs.vec();
    for (auto [cost, kernel] : zip(sided, kernels))
      if (isPart(kernel) && !cost.onGpu)
        cost.onGpu = onGpu;
    std::vector<bool> places = choosePlaces(sided);
    if (double us = placedUs(sided, places); best.empty() || us < least) {
      best = places;
      least = us;
    }
  }
  return best;
}

std::optional<EstimatedPlaces> placesByEstimate(const CompileOptions &options) {
  CompileOptions trial = asideOf(options);
  trial.placement.isEstimated = false;
  trial.placement.kernels.clear();
  trial.stopAfter = Stage::LLVM;
  StringSet<> placeable;
  trial.onStage = [&](Stage stage, mlir::ModuleOp module) {
    if (stage == Stage::N2)
      module.walk([&](nn::KernelOp kernel) { placeable.insert(kernel.getName()); });
  };
  auto context = makeContext();
  // What is wrong with the model is said when it is compiled in earnest.
  DiagnosticPrinter silence(*context, options.model, [](Severity, const std::string &) {});
  auto compilation = compile(trial, *context);
  if (failed(compilation))
    return std::nullopt;
  std::vector<std::string> kernels;
  for (const KernelPlan &kernel : compilation->plan.kernels)
    kernels.push_back(placeableOf(kernel, placeable));
  std::vector<PlaceCost> costs = costsOf(*compilation, trial, kernels, options.placement);
  if (costs.empty())
    return std::nullopt;
  std::vector<bool> onGpu = choosePlacesOf(kernels, costs);
  EstimatedPlaces places;
  places.reason = formatv("estimated: {0:f3} ms as it is, {1:f3} ms all on the CPU, {2:f3} ms on the GPU",
                          placedUs(costs, onGpu) * 1e-3, allOn(costs, false) * 1e-3, allOn(costs, true) * 1e-3);
  for (auto [kernel, isOnGpu] : zip(kernels, onGpu))
    if (!kernel.empty())
      places.kernels.emplace_back(kernel, isOnGpu ? "gpu" : "cpu");
  return places;
}

} // namespace nncc
