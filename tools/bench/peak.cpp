// Tells the multiply-add peak of this core whenever it is asked: one line on standard input, one list on standard
// output, of GFLOP/s with vector registers of 512, 256 and 128 bits. 0 stands for registers that this core lacks.
#include "lib/analyze/PeakFlops.h"
#include <algorithm>
#include <cstdio>
#include <sched.h>

/// The most of some measurements with registers of that many bits: what interrupts one only makes it smaller.
static double peakGflops(unsigned bits) {
  double most = 0;
  for (int attempt = 0; attempt < 8; ++attempt)
    most = std::max(most, nncc::measurePeakGflops(bits));
  return most;
}

int main() {
  char line[64];
  sched_param high{1}, ordinary{0};
  std::printf("{}\n");
  std::fflush(stdout);
  while (std::fgets(line, sizeof line, stdin)) {
    (void)sched_setscheduler(0, SCHED_FIFO, &high); // refused to ordinary users
    double peaks[] = {peakGflops(512), peakGflops(256), peakGflops(128)};
    (void)sched_setscheduler(0, SCHED_OTHER, &ordinary);
    std::printf("[%.3f, %.3f, %.3f]\n", peaks[0], peaks[1], peaks[2]);
    std::fflush(stdout);
  }
}
