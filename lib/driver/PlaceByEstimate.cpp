// See PlaceByEstimate.h.
#include "lib/driver/PlaceByEstimate.h"
#include "codegen/mali/GpuTime.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/EstimateCode.h"
#include "lib/estimate/ChoosePlaces.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;

namespace nncc {

/// The kernels that are given what a kernel makes.
static std::vector<unsigned> readersOf(ArrayRef<KernelPlan> kernels, size_t maker) {
  std::vector<unsigned> readers;
  auto meets = [](const OperandPlan &a, const OperandPlan &b) {
    return a.memory == b.memory && a.index == b.index && a.byteOffset < b.byteOffset + b.bytes &&
           b.byteOffset < a.byteOffset + a.bytes;
  };
  for (const OperandPlan &result : kernels[maker].operands) {
    bool isAlive = result.isOutput;
    for (size_t number = maker + 1; isAlive && number < kernels.size(); ++number)
      for (const OperandPlan &operand : kernels[number].operands)
        if (meets(result, operand)) {
          isAlive &= !operand.isOutput; // its bytes are those of another tensor from here on
          if (!operand.isOutput && !is_contained(readers, number))
            readers.push_back(number);
        }
  }
  return readers;
}

/// What the kernels of a compiled model take on either side; nothing where the code cannot be estimated.
static std::vector<PlaceCost> costsOf(Compilation &compilation, const CompileOptions &options,
                                      const Placement &placement) {
  auto estimated = estimateCode(compilation, options);
  if (!estimated) {
    consumeError(estimated.takeError());
    return {};
  }
  const CpuTiming &timing = options.target.cpu.timing;
  std::vector<PlaceCost> result;
  for (auto [kernel, cost] : zip(compilation.plan.kernels, estimated->costs)) {
    PlaceCost &place = result.emplace_back();
    place.cpuUs = timeOf(cost, timing.mhz, timing.ramGBs).us;
    if (kernel.dispatch)
      place.gpuUs = timeOf(*kernel.dispatch, kernel.bytesTouched(), *options.gpu).us;
    place.follows = kernel.placedAs.empty();
    if (kernel.isLeftOut)
      place.leftOutWith = readersOf(compilation.plan.kernels, result.size() - 1);
    for (const auto &[name, where] : placement.kernels)
      if (name == kernel.placedAs)
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

/// The same as nncc::choosePlaces, but parts of kernels run where all parts of kernels do: on the side with the least
/// time of all.
static std::vector<bool> choosePlacesOf(ArrayRef<KernelPlan> kernels, ArrayRef<PlaceCost> costs) {
  StringMap<unsigned> parts;
  for (const KernelPlan &kernel : kernels)
    ++parts[kernel.placedAs];
  auto isPart = [&](const KernelPlan &kernel) { return !kernel.placedAs.empty() && parts[kernel.placedAs] > 1; };
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
  auto context = makeContext();
  // What is wrong with the model is said when it is compiled in earnest.
  DiagnosticPrinter silence(*context, options.model, [](Severity, const std::string &) {});
  auto compilation = compile(trial, *context);
  if (failed(compilation))
    return std::nullopt;
  ArrayRef<KernelPlan> kernels = compilation->plan.kernels;
  std::vector<PlaceCost> costs = costsOf(*compilation, trial, options.placement);
  if (costs.empty())
    return std::nullopt;
  std::vector<bool> onGpu = choosePlacesOf(kernels, costs);
  EstimatedPlaces places;
  places.reason = formatv("estimated: {0:f3} ms as it is, {1:f3} ms all on the CPU, {2:f3} ms on the GPU",
                          placedUs(costs, onGpu) * 1e-3, allOn(costs, false) * 1e-3, allOn(costs, true) * 1e-3);
  for (auto [kernel, isOnGpu] : zip(kernels, onGpu))
    if (!kernel.placedAs.empty())
      places.kernels.emplace_back(kernel.placedAs, isOnGpu ? "gpu" : "cpu");
  return places;
}

} // namespace nncc
