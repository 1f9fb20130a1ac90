// What --place says: on which device kernels run.
#ifndef NNCC_LIB_DRIVER_PLACEMENT_H
#define NNCC_LIB_DRIVER_PLACEMENT_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <utility>
#include <vector>

namespace nncc {

/// On which device kernels run: all of them, and single ones.
struct Placement {
  std::string where = "auto";                               ///< or gpu, cpu
  bool isEstimated = false;                                 ///< `auto` was said: times decide
  std::vector<std::pair<std::string, std::string>> kernels; ///< names, and gpu or cpu
};

/// Reads the values of `--place` in order: auto, gpu, cpu, KERNEL=gpu, KERNEL=cpu, or a file that holds such words, one
/// a line; `#` begins a comment. The last word about a kernel, or about all, holds.
///
/// error  the message of a user's mistake
llvm::Expected<Placement> readPlacement(llvm::ArrayRef<std::string> words);

} // namespace nncc
#endif
