// What can be chosen otherwise for one contraction than its types say, and what a kernel is, as tuning files name it.
#ifndef NNCC_CODEGEN_CPU_TUNING_H
#define NNCC_CODEGEN_CPU_TUNING_H
#include "codegen/cpu/WinogradTransform.h"
#include "dialects/nn/NN.h"

namespace nncc::cpu {

struct Contraction;

/// `{form = "direct", panel = 2, rows = 6, block = 784}` of `nn.tuned`; of `nn.tuning` with `kernel`, too. A number
/// that is not there is chosen as without tuning.
struct Tuning {
  static constexpr llvm::StringLiteral direct = "direct", winograd = "winograd";
  /// The names of the numbers, in the IR and in tuning files.
  static constexpr llvm::StringLiteral numberNames[] = {"panel", "rows", "block", "tile_h", "tile_w", "strip"};

  /// So many of them are of the direct form, the others of Winograd's.
  static constexpr size_t numbersOfDirect = 3;

  std::string form = direct.str();
  /// Of the direct form: vectors of a panel of weights, rows of a register tile, output pixels that pass by all panels
  /// before the next ones do (0: all of them do).
  std::optional<int64_t> panel, rows, block;
  /// Of Winograd's form: the tile, and how many of them are transformed at once.
  std::optional<int64_t> tileH, tileW, strip;

  /// The numbers in the order of their names.
  std::array<std::optional<int64_t> *, 6> numbers() { return {&panel, &rows, &block, &tileH, &tileW, &strip}; }

  mlir::DictionaryAttr getAttr(mlir::MLIRContext *context) const;
  /// Nothing for an attribute that is none.
  static std::optional<Tuning> from(mlir::DictionaryAttr attr);
  /// What users are told: "direct, 6 rows, 2 vectors, blocks of 784 pixels".
  std::string describe() const;
  /// What `nn.tuned` of a kernel says.
  static std::optional<Tuning> of(nn::KernelOp kernel);
};

/// What a kernel is, whatever its name and place: `conv2d(1x8x8x3xf32, const 4x3x3x3xf32) -> 1x8x8x4xf32 {dilations =
/// array<i64: 1, 1>, ...}`.
std::string describeKernel(nn::KernelOp kernel);

/// Finds out whether a contraction can run as the direct form of a tuning says, as Contraction::match() does for one
/// that is on the kernel.
///
/// contraction  with the tuning
/// error        `reason` says with which numbers it could
mlir::LogicalResult checkTuning(const Tuning &tuning, const Contraction &contraction, nn::MachineAttr machine,
                                std::string &reason);

/// Kernels that are one as describeKernel() says, and what can be tried for them.
struct TunableKernel {
  std::string text;
  std::vector<std::string> names;
  std::vector<Tuning> candidates; ///< those first that differ least from what is chosen without tuning
};

/// All kernels of a module at N2, whose forms are chosen, that can be tuned.
std::vector<TunableKernel> findTunable(mlir::ModuleOp module);

} // namespace nncc::cpu
#endif
