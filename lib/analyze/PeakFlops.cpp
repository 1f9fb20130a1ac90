// Inline assembly, so that no compiler can take the loop apart. Twelve chains hide the latency of two units of 4 to 6
// cycles (Agner Fog, "Instruction tables").
#include "lib/analyze/PeakFlops.h"
#include <ctime>

namespace nncc {

double threadSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec + now.tv_nsec * 1e-9;
}

static constexpr long kTrips = 20000;

/// Seconds of one run of a loop.
template <typename Loop> static double secondsOf(Loop loop) {
  double start = threadSeconds();
  loop();
  return threadSeconds() - start;
}

double measurePeakGflops(unsigned vectorBits) {
  double seconds = 0;
#if defined(__x86_64__)
#define NNCC_CHAINS(R)                                                                                                 \
  "1:\n\t"                                                                                                             \
  "vfmadd231ps %%" R "0, %%" R "0, %%" R "2\n\tvfmadd231ps %%" R "0, %%" R "0, %%" R "3\n\t"                           \
  "vfmadd231ps %%" R "0, %%" R "0, %%" R "4\n\tvfmadd231ps %%" R "0, %%" R "0, %%" R "5\n\t"                           \
  "vfmadd231ps %%" R "0, %%" R "0, %%" R "6\n\tvfmadd231ps %%" R "0, %%" R "0, %%" R "7\n\t"                           \
  "vfmadd231ps %%" R "0, %%" R "0, %%" R "8\n\tvfmadd231ps %%" R "0, %%" R "0, %%" R "9\n\t"                           \
  "vfmadd231ps %%" R "0, %%" R "0, %%" R "10\n\tvfmadd231ps %%" R "0, %%" R "0, %%" R "11\n\t"                         \
  "vfmadd231ps %%" R "0, %%" R "0, %%" R "12\n\tvfmadd231ps %%" R "0, %%" R "0, %%" R "13\n\t"                         \
  "dec %0\n\tjnz 1b"
#define NNCC_CLOBBERS                                                                                                  \
  "xmm0", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "cc"
  if (vectorBits == 512 && __builtin_cpu_supports("avx512f"))
    seconds = secondsOf([] {
      long trips = kTrips;
      asm volatile("vpxord %%zmm0, %%zmm0, %%zmm0\n\t" NNCC_CHAINS("zmm") : "+r"(trips) : : NNCC_CLOBBERS);
    });
  else if (vectorBits == 256 && __builtin_cpu_supports("fma"))
    seconds = secondsOf([] {
      long trips = kTrips;
      asm volatile("vxorps %%ymm0, %%ymm0, %%ymm0\n\t" NNCC_CHAINS("ymm") : "+r"(trips) : : NNCC_CLOBBERS);
    });
#undef NNCC_CHAINS
#undef NNCC_CLOBBERS
#elif defined(__aarch64__)
  if (vectorBits == 128)
    seconds = secondsOf([] {
      long trips = kTrips;
      asm volatile("movi v0.4s, #0\n"
                   "1: fmla v2.4s, v0.4s, v0.4s\n fmla v3.4s, v0.4s, v0.4s\n fmla v4.4s, v0.4s, v0.4s\n"
                   "fmla v5.4s, v0.4s, v0.4s\n fmla v6.4s, v0.4s, v0.4s\n fmla v7.4s, v0.4s, v0.4s\n"
                   "fmla v16.4s, v0.4s, v0.4s\n fmla v17.4s, v0.4s, v0.4s\n fmla v18.4s, v0.4s, v0.4s\n"
                   "fmla v19.4s, v0.4s, v0.4s\n fmla v20.4s, v0.4s, v0.4s\n fmla v21.4s, v0.4s, v0.4s\n"
                   "subs %0, %0, #1\n b.ne 1b"
                   : "+r"(trips)
                   :
                   : "v0", "v2", "v3", "v4", "v5", "v6", "v7", "v16", "v17", "v18", "v19", "v20", "v21", "cc");
    });
#endif
  return seconds > 0 ? kTrips * 12.0 * (vectorBits / 32) * 2 / seconds * 1e-9 : 0;
}

} // namespace nncc
