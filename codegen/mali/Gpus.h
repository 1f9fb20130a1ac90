// The GPUs that nncc knows by name, and those that a file describes: the names that users write and the numbers that
// travel in the IR as `#nn.gpu`.
#ifndef NNCC_CODEGEN_MALI_GPUS_H
#define NNCC_CODEGEN_MALI_GPUS_H
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>

namespace nncc {

/// How the instructions of a warp share a core's pipes: formulas of Arm's counters for its GPUs.
enum class GpuPipes {
  Bifrost,     ///< one instruction after the other
  Valhall,     ///< floats, conversions and special functions beside each other
  ValhallOne,  ///< G310 to G710: one issue slot for floats and conversions
  ValhallFma2, ///< G615 to G720: two multiply-adds in a slot
  TwoSlots,    ///< G725 and later
};

/// What estimates of time go by; every row has its source in codegen/mali/Gpus.cpp.
struct GpuTiming {
  GpuPipes pipes;
  int64_t macsPerCycle; ///< f32 multiply-adds of one core
  int64_t threads;      ///< that a core holds, while each has at most 32 registers
  bool isHalvingKnown;  ///< beyond 32 registers half as many threads are documented
  int64_t cores, mhz;   ///< of a common chip, where the user says none
  double ramGBs;        ///< what the GPU of that chip reads from memory
};

/// The numbers of one GPU; every row has its source in codegen/mali/Gpus.cpp.
struct GpuSpec {
  std::string name;    ///< as the user writes it
  int64_t warp;        ///< threads that run in step
  int64_t registers;   ///< 32-bit registers of a thread beyond which it spills
  int64_t tileRows;    ///< pixels that a thread of a contraction makes
  int64_t tileColumns; ///< channels that it makes of each, a multiple of 4
  GpuTiming timing;
};

/// Finds what `--device` names: a GPU, or a file with the numbers of one.
///
/// name   `mali-g610`, or the path of a file that ends with `.json`:
///        {"name": "board", "warp": 16, "registers": 64, "tile_rows": 4, "tile_columns": 4}; for estimates also
///        "macs_per_cycle", "threads", "cores", "mhz" and "ram_gbs", by default those of `mali`
/// error  the message of a user's mistake: a first line, then lines of notes that list what is valid
llvm::Expected<GpuSpec> parseGpu(llvm::StringRef name);

/// Names for help texts and messages, in the order of the list.
llvm::SmallVector<llvm::StringRef> gpuNames();

} // namespace nncc
#endif
