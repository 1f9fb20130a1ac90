// The stages of the IR as tables of what may be where, and the question that every pass asks first.
#ifndef NNCC_PASSES_CHECK_STAGE_H
#define NNCC_PASSES_CHECK_STAGE_H
#include "mlir/IR/Operation.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <vector>

namespace nncc {

/// What may be where at one stage. A list holds op names and `dialect.*`; `!` before an entry excludes it.
struct StageRules {
  llvm::StringRef name;
  /// Beside functions, in the module.
  std::vector<llvm::StringRef> inModule;
  /// In @main. At every other place of a function in `inFunction` (kernels that were outlined, and those of a GPU).
  std::vector<llvm::StringRef> inMain, inFunction;
  /// In the body of an nn.kernel; empty: there may be none.
  std::vector<llvm::StringRef> inKernel;
  bool tensors;     ///< values of tensor type outside kernel bodies
  bool memrefs;     ///< values of memref type
  bool needsDevice; ///< kernels name a device
};

/// N1, N2, P, L1, L2 and G.
const std::vector<StageRules> &stages();

/// True when a list of StageRules has the name of an op.
bool allows(llvm::ArrayRef<llvm::StringRef> list, mlir::Operation *op);

/// Fails, with an error about the first op that may not be there, unless what a pass works on is IR of one of the
/// stages (of several: each op of any of them).
///
/// Cheap, since every pass asks: kinds of ops and types of values. `nncc-check` compares all that a contract says.
mlir::LogicalResult requireStage(mlir::Pass &pass, mlir::Operation *root, std::initializer_list<llvm::StringRef> names);

} // namespace nncc
#endif
