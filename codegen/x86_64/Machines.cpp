// The x86-64 CPUs: the micro-architecture levels of the x86-64 psABI,
// version 1.0, section 3.1.1.
#include "codegen/x86_64/Machines.h"
#include "codegen/x86_64/ByteTables.h"
#include "codegen/x86_64/Subnormals.h"
#include "llvm/ADT/STLExtras.h"
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
// Integer dots: pairs of words everywhere (Intel SDM volume 2, PMADDWD); four bytes, unsigned by signed, without
// saturation, where the CPU has VNNI (same, VPDPBUSD), which no level includes.
using Factor = DotInstruction::Factor;
static constexpr DotInstruction ofFour[] = {
    {"llvm.x86.avx512.vpdpbusd.512", 512, 4, Factor::U8, Factor::S8, /*adds=*/true, /*rows=*/1},
    {"llvm.x86.avx512.vpdpbusd.256", 256, 4, Factor::U8, Factor::S8, /*adds=*/true, /*rows=*/1},
    {"llvm.x86.avx512.vpdpbusd.128", 128, 4, Factor::U8, Factor::S8, /*adds=*/true, /*rows=*/1}};
// Pairs of bytes without VNNI, where they do not saturate (same, PMADDUBSW), in an order of k (PSHUFB).
static constexpr DotInstruction ofPairs[] = {
    {"llvm.x86.avx512.pmaddw.d.512", 512, 2, Factor::Word, Factor::Word, /*adds=*/false, /*rows=*/1},
    {"llvm.x86.avx2.pmadd.ub.sw", 256, 4, Factor::U8, Factor::S8, /*adds=*/false, /*rows=*/1, "llvm.x86.avx2.pmadd.wd",
     "llvm.x86.ssse3.pshuf.b.128"},
    {"llvm.x86.avx2.pmadd.wd", 256, 2, Factor::Word, Factor::Word, /*adds=*/false, /*rows=*/1},
    {"llvm.x86.sse2.pmadd.wd", 128, 2, Factor::Word, Factor::Word, /*adds=*/false, /*rows=*/1}};

static constexpr MachineNumbers avx2(llvm::ArrayRef<DotInstruction> dots) {
  return {/*vectorBits=*/256,
          /*registers=*/16,
          /*hasFmaLaneOperand=*/false,
          /*hasMaskedStores=*/false,
          /*hasMaxNum=*/false,
          /*hasHalfArithmetic=*/false,
          /*l1Bytes=*/32 << 10,
          /*l2Bytes=*/256 << 10,
          dots};
}

static constexpr MachineNumbers avx512(llvm::ArrayRef<DotInstruction> dots) {
  return {/*vectorBits=*/512,
          /*registers=*/32,
          /*hasFmaLaneOperand=*/false,
          /*hasMaskedStores=*/true,
          /*hasMaxNum=*/false,
          /*hasHalfArithmetic=*/false,
          /*l1Bytes=*/32 << 10,
          /*l2Bytes=*/1 << 20,
          dots};
}

// Each level includes those before it; VNNI is beside them, so code for one is not what all that follow can run.
//
// Times: the first core of Intel's of each level (of v4 with VNNI, Cascade Lake: LLVM's models of Ice Lake and Sapphire
// Rapids start one multiply-add of 512 bits in a cycle, their servers two); clock, what one core reads from memory and
// its share of the last cache are a server's, rounded.
static const CpuSpec cpus[] = {
    {"x86-64-v3", "x86-64-v3", "", avx2(llvm::ArrayRef(ofPairs).drop_front()), /*unrollsLoops=*/true,
     CpuTiming{"haswell", 0, 3000, 15.0, 32768}},
    {"x86-64-v3-vnni", "x86-64-v3", "+avxvnni", avx2(llvm::ArrayRef(ofFour).drop_front()), /*unrollsLoops=*/true,
     CpuTiming{"alderlake", 0, 3000, 15.0, 32768}},
    {"x86-64-v4", "x86-64-v4", "-prefer-256-bit", avx512(ofPairs), /*unrollsLoops=*/true,
     CpuTiming{"skylake-avx512", 0, 3000, 15.0, 32768}},
    {"x86-64-v4-vnni", "x86-64-v4", "-prefer-256-bit,+avx512vnni", avx512(ofFour), /*unrollsLoops=*/true,
     CpuTiming{"cascadelake", 0, 3000, 15.0, 32768}},
};

/// By CPUID and by what the operating system saves.
static bool canRun(const CpuSpec &cpu) {
#if defined(__x86_64__)
  static const llvm::StringMap<bool> has = llvm::sys::getHostCPUFeatures();
  auto hasAll = [&](std::initializer_list<const char *> features) {
    return llvm::all_of(features, [&](const char *feature) { return has.lookup(feature); });
  };
  if (!hasAll({"avx2", "fma", "f16c", "bmi", "bmi2", "lzcnt", "movbe"}))
    return false;
  llvm::StringRef name = cpu.name;
  if (name.starts_with("x86-64-v4") && !hasAll({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}))
    return false;
  return !name.ends_with("-vnni") || has.lookup(cpu.machine.vectorBits == 512 ? "avx512vnni" : "avxvnni");
#else
  return false;
#endif
}

/// The last of the list that this machine can run.
static const CpuSpec *detectHost() {
  const CpuSpec *last = nullptr;
  for (const CpuSpec &cpu : cpus)
    if (canRun(cpu))
      last = &cpu;
  return last;
}

const Architecture &nncc::x86_64Architecture() {
  static const Architecture architecture = {"x86_64",        cpus,         "x86-64", detectHost, canRun,
                                            flushSubnormals, lookUpOnX8664};
  return architecture;
}
