/* CPU detection on x86-64: CPUID, and XGETBV for what the operating system
 * saves. Source: Intel SDM, volume 2, CPUID; x86-64 psABI, table 3.1. */
#include "nncc/runtime.h"
#include <cpuid.h>

static int has(uint32_t value, uint32_t bits) { return (value & bits) == bits; }

uint64_t nncc_cpu_features(void) {
  uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d))
    return 0;
  uint32_t leaf1 = c;
  if (!has(leaf1, bit_SSE3 | bit_SSSE3 | bit_CMPXCHG16B | bit_SSE4_1 | bit_SSE4_2 | bit_POPCNT))
    return 0;
  uint64_t features = NNCC_CPU_X86_64_V2;
  if (!has(leaf1, bit_OSXSAVE))
    return features;
  uint32_t saved, high;
  __asm__("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
  uint32_t leaf7 = 0, leaf7c = 0, extended = 0, leaf7sub1 = 0, leaf7d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    leaf7 = b;
    leaf7c = c;
    leaf7d = d;
    if (a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d))
      leaf7sub1 = a;
  }
  if (__get_cpuid(0x80000001, &a, &b, &c, &d))
    extended = c;
  /* Bits of XCR0: 1 and 2 are SSE and AVX state, 5 to 7 are AVX-512 state. */
  if (!has(saved, 0x6) || !has(leaf1, bit_AVX | bit_FMA | bit_F16C | bit_MOVBE) ||
      !has(leaf7, bit_AVX2 | bit_BMI | bit_BMI2) || !has(extended, bit_LZCNT))
    return features;
  features |= NNCC_CPU_X86_64_V3;
  if (has(leaf7sub1, bit_AVXVNNI))
    features |= NNCC_CPU_X86_AVX_VNNI;
  if (!has(saved, 0xe6) || !has(leaf7, bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL))
    return features;
  features |= NNCC_CPU_X86_64_V4;
  if (has(leaf7c, bit_AVX512VNNI))
    features |= NNCC_CPU_X86_AVX512_VNNI;
  if (has(leaf7sub1, bit_AVX512BF16))
    features |= NNCC_CPU_X86_AVX512_BF16;
  if (has(leaf7d, bit_AVX512FP16))
    features |= NNCC_CPU_X86_AVX512_FP16;
  return features;
}
