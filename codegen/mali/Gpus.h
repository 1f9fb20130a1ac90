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

/// The numbers of one GPU; every row has its source in codegen/mali/Gpus.cpp.
struct GpuSpec {
  std::string name;    ///< as the user writes it
  int64_t warp;        ///< threads that run in step
  int64_t registers;   ///< 32-bit registers of a thread beyond which it spills
  int64_t tileRows;    ///< pixels that a thread of a contraction makes
  int64_t tileColumns; ///< channels that it makes of each, a multiple of 4
};

/// Finds what `--device` names: a GPU, or a file with the numbers of one.
///
/// name   `mali-g610`, or the path of a file that ends with `.json`:
///        {"name": "board", "warp": 16, "registers": 64, "tile_rows": 4, "tile_columns": 4}
/// error  the message of a user's mistake: a first line, then lines of notes that list what is valid
llvm::Expected<GpuSpec> parseGpu(llvm::StringRef name);

/// Names for help texts and messages, in the order of the list.
llvm::SmallVector<llvm::StringRef> gpuNames();

} // namespace nncc
#endif
