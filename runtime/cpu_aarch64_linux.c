/* CPU detection on AArch64 under Linux and Android: the kernel's hardware
 * capabilities. Source: Linux, arch/arm64/include/uapi/asm/hwcap.h. */
#include "nncc/runtime.h"

unsigned long getauxval(unsigned long type); /* <sys/auxv.h>, declared here so that no libc
                                                headers are needed */

uint64_t nncc_cpu_features(void) {
  static const struct {
    uint8_t word, bit;
    uint16_t feature;
  } table[] = {
      {0, 1, NNCC_CPU_ARM_NEON},     /* HWCAP_ASIMD */
      {0, 10, NNCC_CPU_ARM_FP16},    /* HWCAP_ASIMDHP */
      {0, 20, NNCC_CPU_ARM_DOTPROD}, /* HWCAP_ASIMDDP */
      {1, 13, NNCC_CPU_ARM_I8MM},    /* HWCAP2_I8MM */
      {1, 14, NNCC_CPU_ARM_BF16},    /* HWCAP2_BF16 */
      {0, 8, NNCC_CPU_ARM_LSE},      /* HWCAP_ATOMICS */
      {0, 12, NNCC_CPU_ARM_RDM},     /* HWCAP_ASIMDRDM */
      {0, 22, NNCC_CPU_ARM_SVE},     /* HWCAP_SVE */
      {1, 1, NNCC_CPU_ARM_SVE2},     /* HWCAP2_SVE2 */
  };
  unsigned long words[2] = {getauxval(16 /* AT_HWCAP */), getauxval(26 /* AT_HWCAP2 */)};
  uint64_t features = 0;
  for (size_t i = 0; i < sizeof table / sizeof *table; ++i)
    if (words[table[i].word] >> table[i].bit & 1)
      features |= table[i].feature;
  return features;
}
