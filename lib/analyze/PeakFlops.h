// The multiply-add peak of the core that this runs on: what a kernel's speed is measured against.
#ifndef NNCC_LIB_ANALYZE_PEAKFLOPS_H
#define NNCC_LIB_ANALYZE_PEAKFLOPS_H

namespace nncc {

/// Runs twelve independent chains of f32 multiply-adds in registers for about a millisecond.
///
/// vectorBits  256 or 512 on x86-64, 128 on AArch64: the registers that the measured code uses
/// returns     GFLOP/s of processor time, a multiply-add counting two; 0 where this machine has no such registers
double measurePeakGflops(unsigned vectorBits);

/// Processor time of the calling thread: what others do on a busy machine is not in it.
double threadSeconds();

} // namespace nncc
#endif
