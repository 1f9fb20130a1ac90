// What a library asks of the CPU that it runs on, in the words of the ABI.
#include "codegen/CpuFeatures.h"
#include "nncc/abi.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/Target/TargetMachine.h"

namespace {
/// Bits of the ABI and LLVM's names of what they stand for. The x86-64 levels are told by the part of them that vector
/// code uses (x86-64 psABI, table 3.1).
struct Feature {
  uint64_t bit;
  const char *llvmFeatures;
};
constexpr Feature armFeatures[] = {
    {NNCC_CPU_ARM_NEON, "+neon"}, {NNCC_CPU_ARM_FP16, "+fullfp16"}, {NNCC_CPU_ARM_DOTPROD, "+dotprod"},
    {NNCC_CPU_ARM_I8MM, "+i8mm"}, {NNCC_CPU_ARM_BF16, "+bf16"},     {NNCC_CPU_ARM_LSE, "+lse"},
    {NNCC_CPU_ARM_RDM, "+rdm"},   {NNCC_CPU_ARM_SVE, "+sve"},       {NNCC_CPU_ARM_SVE2, "+sve2"}};
constexpr Feature x86Features[] = {{NNCC_CPU_X86_64_V2, "+sse4.2,+popcnt,+cx16"},
                                   {NNCC_CPU_X86_64_V3, "+avx2,+fma,+f16c,+bmi2"},
                                   {NNCC_CPU_X86_64_V4, "+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl"},
                                   {NNCC_CPU_X86_AVX512_VNNI, "+avx512vnni"},
                                   {NNCC_CPU_X86_AVX_VNNI, "+avxvnni"},
                                   {NNCC_CPU_X86_AVX512_BF16, "+avx512bf16"},
                                   {NNCC_CPU_X86_AVX512_FP16, "+avx512fp16"}};
} // namespace

uint64_t nncc::requiredCpuFeatures(const TargetSpec &target) {
  std::unique_ptr<llvm::TargetMachine> machine = createTargetMachine(target);
  const llvm::MCSubtargetInfo &cpu = *machine->getMCSubtargetInfo();
  uint64_t bits = 0;
  auto collect = [&](llvm::ArrayRef<Feature> features) {
    for (const Feature &feature : features)
      if (cpu.checkFeatures(feature.llvmFeatures))
        bits |= feature.bit;
  };
  if (target.triple.isAArch64())
    collect(armFeatures);
  else
    collect(x86Features);
  return bits;
}
