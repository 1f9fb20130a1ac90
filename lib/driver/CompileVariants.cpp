// See CompileVariants.h.
#include "lib/driver/CompileVariants.h"
#include "codegen/CpuFeatures.h"
#include "codegen/ObjectCode.h"
#include "codegen/emit/Variants.h"
#include "lib/driver/BuildPlan.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace nncc {

std::vector<CpuSpec> inOrderOfFeatures(const TargetSpec &target, llvm::ArrayRef<CpuSpec> cpus) {
  // By number of features, then by place.
  llvm::SmallVector<std::tuple<int, size_t, const CpuSpec *>> counted;
  for (const CpuSpec &cpu : cpus)
    counted.push_back({-llvm::popcount(requiredCpuFeatures(withCpu(target, cpu))), counted.size(), &cpu});
  llvm::sort(counted);
  std::vector<CpuSpec> ordered;
  for (auto [count, place, cpu] : counted)
    ordered.push_back(*cpu);
  return ordered;
}

llvm::Expected<CpuSpec> chooseCpu(const TargetSpec &target, llvm::ArrayRef<CpuSpec> cpus) {
  for (const CpuSpec &cpu : inOrderOfFeatures(target, cpus))
    if (!target.isHost() || target.architecture->canRun(cpu))
      return cpu;
  return llvm::createStringError("this machine runs code for none of the CPUs of --cpu\n"
                                 "note: `nncc targets` says which it runs");
}

/// What features cannot decide.
static void warnOfEquals(Location location, llvm::ArrayRef<VariantCode> variants) {
  for (auto [i, variant] : llvm::enumerate(variants)) {
    auto before = variants.take_front(i);
    const auto *equal =
        llvm::find_if(before, [&](const VariantCode &other) { return other.cpuRequired == variant.cpuRequired; });
    if (equal != before.end())
      emitWarning(location) << "no feature tells " << variant.plan.cpu << " from " << equal->plan.cpu << ": code for "
                            << equal->plan.cpu << " runs, unless the program names the other in options.cpu";
  }
}

/// The code for one CPU, ready to be linked with that for others. What LLVM says of code that it cannot optimize is our
/// mistake.
static FailureOr<VariantCode> compileVariant(OwningOpRef<ModuleOp> imported, const CompileOptions &options,
                                             std::vector<NodeLines> &nodeLines) {
  Location location = imported->getLoc();
  auto compilation = compileImported(std::move(imported), options);
  if (failed(compilation))
    return failure();
  llvm::Module &module = *compilation->llvmModule;
  separateSymbols(module, compilation->plan);
  prepareModule(module, options.target);
  if (llvm::Error error = optimizeModule(module, options.target, options.lineInfo))
    return emitError(location, llvm::toString(std::move(error)));
  VariantCode variant{std::move(compilation->plan), requiredCpuFeatures(options.target), {}};
  llvm::raw_svector_ostream os(variant.bitcode);
  llvm::WriteBitcodeToFile(module, os);
  llvm::move(compilation->nodeLines, std::back_inserter(nodeLines));
  return variant;
}

FailureOr<Compilation> compileVariants(OwningOpRef<ModuleOp> imported, const CompileOptions &options) {
  Location location = imported->getLoc();
  Compilation result;
  std::vector<VariantCode> variants;
  for (const CpuSpec &cpu : inOrderOfFeatures(options.target, options.cpus)) {
    CompileOptions one = options;
    one.target = withCpu(options.target, cpu);
    one.cpus.clear();
    one.nodesSuffix = symbolSuffix(cpu.name);
    auto variant = compileVariant(imported->clone(), one, result.nodeLines);
    if (failed(variant))
      return failure();
    variants.push_back(std::move(*variant));
  }
  warnOfEquals(location, variants);
  result.llvmContext = std::make_unique<llvm::LLVMContext>();
  auto merged = mergeVariants(std::move(variants), packWeight, *result.llvmContext);
  if (!merged)
    return emitError(location, llvm::toString(merged.takeError()));
  result.llvmModule = std::move(merged->module);
  result.plan = std::move(merged->plan);
  if (failed(checkSizes(*imported, result.plan)))
    return failure();
  return result;
}

} // namespace nncc
