// The AArch64 CPUs: `generic` is Armv8.0-A, which every 64-bit Arm core
// executes.
#include "codegen/aarch64/Machines.h"
#include "codegen/aarch64/ByteTables.h"
#include "llvm/TargetParser/Host.h"

using namespace nncc;

// Integer dots (Arm ARM, C7.2): SDOT and UDOT come with +dotprod, SMMLA, UMMLA, USMMLA and USDOT with +i8mm.
using Factor = DotInstruction::Factor;
// What all have multiplies bytes to words of 16 bits, adds products to them, and sums neighbours (SMULL, SMLAL,
// SADALP).
static constexpr DotInstruction inWords[] = {
    {"llvm.aarch64.neon.saddlp", 128, 16, Factor::S8, Factor::S8, /*adds=*/false, /*rows=*/1}};
static constexpr DotInstruction dotprod[] = {
    {"llvm.aarch64.neon.sdot", 128, 4, Factor::S8, Factor::S8, /*adds=*/true, /*rows=*/1}};
static constexpr DotInstruction i8mm[] = {
    {"llvm.aarch64.neon.smmla", 128, 8, Factor::S8, Factor::S8, /*adds=*/true, /*rows=*/2},
    {"llvm.aarch64.neon.usmmla", 128, 8, Factor::U8, Factor::S8, /*adds=*/true, /*rows=*/2},
    {"llvm.aarch64.neon.sdot", 128, 4, Factor::S8, Factor::S8, /*adds=*/true, /*rows=*/1},
    {"llvm.aarch64.neon.usdot", 128, 4, Factor::U8, Factor::S8, /*adds=*/true, /*rows=*/1}};

/// NEON: 32 registers of 128 bits (Arm ARM, C1.2.5), multiply-add by lane (C7.2, FMLA by element), no masks, maxima
/// that a NaN does not win (C7.2, FMAXNM).
static constexpr MachineNumbers neon(uint64_t l1KiB, uint64_t l2KiB) {
  return {/*vectorBits=*/128,          /*registers=*/32,
          /*hasFmaLaneOperand=*/true,
          /*hasMaskedStores=*/false,   /*hasMaxNum=*/true,
          /*hasHalfArithmetic=*/false,
          /*l1Bytes=*/l1KiB << 10,
          /*l2Bytes=*/l2KiB << 10,     inWords};
}

/// A core out of order: LD1 of three or four registers takes the load pipes as long as loads of pairs do, and moves its
/// address, too (Arm's software optimization guides, "ASIMD load instructions"). In order it holds up what is behind
/// it: 104 cycles a trip of a tile of 7 x 12 in place of 91, by llvm-mca for Cortex-A55.
static constexpr MachineNumbers loadingRuns(MachineNumbers numbers) {
  numbers.runLoad = "llvm.aarch64.neon.ld1x";
  return numbers;
}

/// The cores of Armv8.2 here all have FP16 beside integer dots (their TRMs).
static constexpr MachineNumbers neon82(uint64_t l1KiB, uint64_t l2KiB, llvm::ArrayRef<DotInstruction> dots) {
  MachineNumbers numbers = neon(l1KiB, l2KiB);
  numbers.hasHalfArithmetic = true;
  numbers.dots = dots;
  return numbers;
}

// Cache sizes are configurable on most cores; these are what common chips have, from the core's technical reference
// manual (TRM). `generic` takes the smallest. The cores up to A55 issue in order: LLVM's unroller makes big register
// tiles spill there (docs/architecture.md, "Code"). Cores that have SVE run NEON code: their vectors are no longer.
//
// Times: LLVM's cortex-a76 and cortex-a78 are its model of the A57, which starts half as many multiply-adds: the model
// of Neoverse N1 is that of the same family (Arm Neoverse N1 TRM, 1.1), as V1 is for X1 and N2 for A710. Its models of
// A53 and A55 start two vector multiply-adds a cycle; the cores have two pipes of 64 bits (Arm Cortex-A55 Software
// Optimization Guide, 3.1). Clocks, what one core reads from memory and the last cache are those of common boards
// (Raspberry Pi 3, 4 and 5, RK3568), phones of the core's year and cloud machines, rounded.
static const CpuSpec cpus[] = {
    {"generic", "generic", "+neon", neon(32, 128),
     /*unrollsLoops=*/true, CpuTiming{"cortex-a53", 1, 1200, 2.0, 512}},
    {"cortex-a53", "cortex-a53", "", neon(32, 512),
     /*unrollsLoops=*/false, CpuTiming{"cortex-a53", 1, 1200, 2.0, 512}}, // TRM 2.1: 8-64 KiB, 128 KiB-2 MiB
    {"cortex-a55", "cortex-a55", "", neon82(32, 128, dotprod),
     /*unrollsLoops=*/false, CpuTiming{"cortex-a55", 1, 1800, 4.0, 512}}, // TRM A1.1: 16-64 KiB, 64-256 KiB
    {"cortex-a72", "cortex-a72", "", loadingRuns(neon(32, 1024)),
     /*unrollsLoops=*/true, CpuTiming{"cortex-a72", 0, 1500, 4.0, 1024}}, // TRM 2.1: 32 KiB, 512 KiB-4 MiB
    {"cortex-a76", "cortex-a76", "", loadingRuns(neon82(64, 256, dotprod)),
     /*unrollsLoops=*/true, CpuTiming{"neoverse-n1", 0, 2400, 7.0, 2048}}, // TRM A1.3: 64 KiB, 128-512 KiB
    {"cortex-a78", "cortex-a78", "", loadingRuns(neon82(32, 256, dotprod)),
     /*unrollsLoops=*/true, CpuTiming{"neoverse-n1", 0, 2200, 10.0, 4096}}, // TRM A1.3: 32 or 64 KiB, 256-512 KiB
    {"cortex-a710", "cortex-a710", "-sve", loadingRuns(neon82(32, 256, i8mm)),
     /*unrollsLoops=*/true, CpuTiming{"neoverse-n2", 0, 2500, 15.0, 8192}}, // TRM 2.3: 32 or 64 KiB, 256 or 512 KiB
    {"cortex-x1", "cortex-x1", "", loadingRuns(neon82(64, 512, dotprod)),
     /*unrollsLoops=*/true, CpuTiming{"neoverse-v1", 0, 2800, 15.0, 8192}}, // TRM A1.3: 64 KiB, 512 KiB-1 MiB
    {"neoverse-n1", "neoverse-n1", "", loadingRuns(neon82(64, 1024, dotprod)),
     /*unrollsLoops=*/true, CpuTiming{"neoverse-n1", 0, 2500, 15.0, 32768}}, // TRM A1.3: 64 KiB, 256 KiB-1 MiB
    {"neoverse-v1", "neoverse-v1", "-sve", loadingRuns(neon82(64, 1024, i8mm)),
     /*unrollsLoops=*/true, CpuTiming{"neoverse-v1", 0, 2600, 20.0, 32768}}, // TRM 2.3: 64 KiB, 512 KiB or 1 MiB
};

/// The core of the list that this machine reports; every other 64-bit Arm core
/// runs `generic`.
static const CpuSpec *detectHost() {
#if defined(__aarch64__)
  llvm::StringRef host = llvm::sys::getHostCPUName();
  for (const CpuSpec &cpu : cpus)
    if (host == cpu.name)
      return &cpu;
  return &cpus[0];
#else
  return nullptr;
#endif
}

/// What a core lacks is not looked up: code for another core than the own one is the caller's risk.
static bool canRun(const CpuSpec &) { return detectHost() != nullptr; }

const Architecture &nncc::aarch64Architecture() {
  // Arm's cores compute with subnormal numbers as fast as with others.
  static const Architecture architecture = {
      "aarch64", cpus, "generic", detectHost, canRun, /*flushSubnormals=*/nullptr, lookUpOnAArch64};
  return architecture;
}
