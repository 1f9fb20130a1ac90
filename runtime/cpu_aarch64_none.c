/* CPU detection on AArch64 without an operating system: the ID registers,
 * readable from EL1 on. Source: Arm ARM DDI 0487, D24.2 (ID_AA64PFR0_EL1,
 * ID_AA64ISAR0_EL1, ID_AA64ISAR1_EL1). */
#include "nncc/runtime.h"

static unsigned field(uint64_t value, unsigned lowest) { return value >> lowest & 15; }

uint64_t nncc_cpu_features(void) {
  uint64_t pfr0, isar0, isar1;
  __asm__("mrs %0, ID_AA64PFR0_EL1" : "=r"(pfr0));
  __asm__("mrs %0, ID_AA64ISAR0_EL1" : "=r"(isar0));
  __asm__("mrs %0, ID_AA64ISAR1_EL1" : "=r"(isar1));
  uint64_t features = 0;
  unsigned simd = field(pfr0, 20); /* AdvSIMD: 0 = yes, 1 = with half precision, 15 = no */
  if (simd != 15)
    features |= NNCC_CPU_ARM_NEON;
  if (simd == 1)
    features |= NNCC_CPU_ARM_FP16;
  if (field(pfr0, 32)) {
    features |= NNCC_CPU_ARM_SVE;
    uint64_t zfr0;
    __asm__("mrs %0, S3_0_C0_C4_4" : "=r"(zfr0)); /* ID_AA64ZFR0_EL1 */
    if (field(zfr0, 0))
      features |= NNCC_CPU_ARM_SVE2;
  }
  if (field(isar0, 44))
    features |= NNCC_CPU_ARM_DOTPROD;
  if (field(isar0, 28))
    features |= NNCC_CPU_ARM_RDM;
  if (field(isar0, 20))
    features |= NNCC_CPU_ARM_LSE;
  if (field(isar1, 52))
    features |= NNCC_CPU_ARM_I8MM;
  if (field(isar1, 44))
    features |= NNCC_CPU_ARM_BF16;
  return features;
}
