// The x86-64 CPUs: the micro-architecture levels of the x86-64 psABI,
// version 1.0, section 3.1.1.
#include "codegen/x86_64/Machines.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"

using namespace nncc;

// Registers: 16 YMM (Intel SDM volume 1, 14.1.1), 32 ZMM (15.1.1). A memory
// operand can be broadcast into a multiply-add on AVX-512, but no lane of a
// register can. AVX2's vmaskmov exists for 32- and 64-bit elements only and is
// slow on AMD, so tails are not masked there. Caches: the smallest machines of
// each level that are common. v3: Haswell, 32 KiB and 256 KiB (Intel
// optimization manual, table 2-22); v4: Skylake-SP, 32 KiB and 1 MiB
// (same, 2.6.1).
static const CpuSpec cpus[] = {
    {"x86-64-v3",
     "x86-64-v3",
     "",
     {/*vectorBits=*/256, /*registers=*/16, /*hasFmaLaneOperand=*/false,
      /*hasMaskedStores=*/false,
      /*l1Bytes=*/32 << 10, /*l2Bytes=*/256 << 10},
     /*unrollsLoops=*/true},
    {"x86-64-v4",
     "x86-64-v4",
     "-prefer-256-bit",
     {/*vectorBits=*/512, /*registers=*/32, /*hasFmaLaneOperand=*/false,
      /*hasMaskedStores=*/true,
      /*l1Bytes=*/32 << 10, /*l2Bytes=*/1 << 20},
     /*unrollsLoops=*/true},
};

/// The highest level that this machine has, by CPUID and by what the operating
/// system saves.
static const CpuSpec *detectHost() {
#if defined(__x86_64__)
  llvm::StringMap<bool> has = llvm::sys::getHostCPUFeatures();
  auto hasAll = [&](std::initializer_list<const char *> features) {
    for (const char *feature : features)
      if (!has.lookup(feature))
        return false;
    return true;
  };
  if (!hasAll({"avx2", "fma", "f16c", "bmi", "bmi2", "lzcnt", "movbe"}))
    return nullptr;
  return &cpus[hasAll({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}) ? 1 : 0];
#else
  return nullptr;
#endif
}

/// Each level includes those before it.
static bool canRun(const CpuSpec &cpu) {
  const CpuSpec *host = detectHost();
  return host && cpu.machine.vectorBits <= host->machine.vectorBits;
}

const Architecture &nncc::x86_64Architecture() {
  static const Architecture architecture = {"x86_64", cpus, detectHost, canRun};
  return architecture;
}
