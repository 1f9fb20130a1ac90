// See Variants.h.
#include "codegen/emit/Variants.h"
#include "codegen/emit/DeviceProgram.h"
#include "codegen/emit/HashingStream.h"
#include "codegen/emit/Identifiers.h"
#include "lib/support/InternalError.h"
#include "nncc/abi.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/Module.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Support/MathExtras.h"

using namespace llvm;

namespace nncc {

std::string symbolSuffix(StringRef cpu) { return "." + cIdentifier(cpu); }

void separateSymbols(Module &module, ModelPlan &plan) {
  std::string suffix = symbolSuffix(plan.cpu);
  for (GlobalValue &value : module.global_values())
    if (!value.isDeclaration())
      value.setName(value.getName() + suffix);
  // Tables are known by what they hold, so that CPUs share them.
  for (GlobalVariable &table : module.globals())
    if (table.isConstant())
      table.setUnnamedAddr(GlobalValue::UnnamedAddr::Global);
  for (KernelPlan &kernel : plan.kernels) {
    kernel.function += suffix;
    Function *function = module.getFunction(kernel.function);
    if (!function)
      continue; // the library's own check names it
    function->setLinkage(GlobalValue::ExternalLinkage);
    function->setVisibility(GlobalValue::HiddenVisibility);
  }
}

namespace {
/// Puts the weights of several plans into one blob. What has the same bytes is there once: all that is packed alike,
/// and most biases.
class WeightsMerger {
public:
  WeightsMerger(ModelPlan &merged, const WeightWriter &pack) : merged(merged), pack(pack) {}

  /// Adds the weights of a plan, and lets its kernels read them where they are now, and its device take them from
  /// there.
  ///
  /// program  of the plan; null: it has none
  Error add(ModelPlan &plan, DeviceProgram *program) {
    std::vector<int64_t> offsets;
    for (const WeightPlan &weight : plan.weights) {
      Expected<int64_t> offset = place(weight);
      if (!offset)
        return offset.takeError();
      offsets.push_back(*offset);
    }
    for (KernelPlan &kernel : plan.kernels) {
      for (OperandPlan &operand : kernel.operands)
        if (Error error = move(operand, plan.weights, offsets))
          return error;
      for (ResultPlan &result : kernel.results)
        if (Error error = move(result.place, plan.weights, offsets))
          return error;
    }
    if (program)
      moveWeights(*program, plan.weights, offsets);
    return Error::success();
  }

private:
  Expected<int64_t> place(const WeightPlan &weight) {
    auto [known, isNew] = byValue.try_emplace({weight.value, weight.packing}, 0);
    if (!isNew)
      return known->second;
    raw_null_ostream nowhere;
    HashingStream hash(nowhere);
    if (Error error = weight.packing ? pack(weight, hash) : writeRowMajor(weight, hash))
      return std::move(error);
    auto [same, isFirst] = byBytes.try_emplace(hash.hex(), 0);
    if (isFirst) {
      same->second = alignTo(merged.weightsBytes, NNCC_WEIGHTS_ALIGN);
      merged.weights.push_back(weight);
      merged.weights.back().byteOffset = same->second;
      merged.weightsBytes = same->second + weight.bytes;
    }
    return known->second = same->second;
  }

  static Error move(OperandPlan &operand, ArrayRef<WeightPlan> weights, ArrayRef<int64_t> offsets) {
    if (operand.memory != Memory::Weights)
      return Error::success();
    if (operand.bytes == 0) {
      operand.byteOffset = 0;
      return Error::success();
    }
    for (auto [weight, offset] : zip(weights, offsets))
      if (operand.byteOffset >= weight.byteOffset &&
          operand.byteOffset + operand.bytes <= weight.byteOffset + weight.bytes) {
        operand.byteOffset += offset - weight.byteOffset;
        return Error::success();
      }
    return internalError("an operand is no part of one weight");
  }

  ModelPlan &merged;
  const WeightWriter &pack;
  DenseMap<std::pair<mlir::Attribute, mlir::Attribute>, int64_t> byValue;
  StringMap<int64_t> byBytes; ///< by their hash
};

/// The arena that a program has to give is that of the variant which needs most; the list of its tensors is that one's.
void takeLargestArena(ModelPlan &merged, const ModelPlan &plan, unsigned firstKernel) {
  if (firstKernel && plan.arenaBytes <= merged.arenaBytes)
    return;
  merged.arenaBytes = plan.arenaBytes;
  merged.arenaLowerBound = plan.arenaLowerBound;
  merged.peakTensors = plan.peakTensors;
  merged.withoutRoom = plan.withoutRoom;
  merged.peakKernel = firstKernel + plan.peakKernel;
  merged.arena = plan.arena;
  for (ArenaEntry &entry : merged.arena) {
    entry.firstKernel += firstKernel;
    entry.lastKernel += firstKernel;
  }
}
} // namespace

Expected<MergedVariants> mergeVariants(std::vector<VariantCode> variants, const WeightWriter &pack,
                                       LLVMContext &context) {
  MergedVariants merged;
  ModelPlan &plan = merged.plan;
  plan = variants.front().plan;
  plan.kernels.clear();
  plan.weights.clear();
  plan.weightsBytes = plan.transformBytes = 0;
  plan.device = nullptr;
  plan.cpu = join(map_range(variants, [](const VariantCode &variant) { return variant.plan.cpu; }), ",");
  WeightsMerger weights(plan, pack);
  std::vector<DeviceProgram *> programs;
  for (VariantCode &variant : variants) {
    ModelPlan &own = variant.plan;
    unsigned firstKernel = plan.kernels.size();
    auto program = own.device ? std::make_shared<DeviceProgram>(*own.device) : nullptr;
    if (program)
      programs.push_back(program.get());
    plan.variants.push_back(
        {own.cpu, variant.cpuRequired, firstKernel, unsigned(own.kernels.size()), own.arenaBytes, program});
    plan.arenaAlign = std::max(plan.arenaAlign, own.arenaAlign);
    takeLargestArena(plan, own, firstKernel);
    plan.transformBytes += own.transformBytes;
    if (Error error = weights.add(own, program.get()))
      return std::move(error);
    llvm::move(own.kernels, std::back_inserter(plan.kernels));

    auto module = parseBitcodeFile(
        MemoryBufferRef(StringRef(variant.bitcode.data(), variant.bitcode.size()), "variant"), context);
    if (!module)
      return module.takeError();
    if (!merged.module)
      merged.module = std::move(*module);
    else if (Linker::linkModules(*merged.module, std::move(*module)))
      return internalError("the code of " + own.cpu + " does not link");
  }
  plan.weightsBytes = alignTo(plan.weightsBytes, NNCC_WEIGHTS_ALIGN);
  shareModules(programs);
  return merged;
}

} // namespace nncc
