// Packed weights: the recipes in `#nn.packing` attributes, and their execution.
#ifndef NNCC_CODEGEN_CPU_PACKING_H
#define NNCC_CODEGEN_CPU_PACKING_H
#include "dialects/nn/NN.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace nncc::cpu {

/// `#nn.packing<"panels", [bytes, batches, outputs, depth, panel, lanes, outputsInnermost]>`: per batch, panels of
/// `panel` output channels, the last one as narrow as whole vectors of `lanes` allow and filled up with zeros; in a
/// panel one row of output channels per value of k.
///
/// source  [batches][outputs][depth], or [batches][depth][outputs] with outputsInnermost = 1
/// packed  [batches][outputs / panel][depth][panel]
///
/// Filters of convolutions [O][KH][KW][C/g] have batches = groups and depth = KH * KW * C / groups; depthwise ones
/// batches = 1 and depth = KH * KW.
struct PanelPacking {
  static constexpr llvm::StringLiteral kind = "panels";
  int64_t batches = 1, outputs, depth, panel, lanes;
  bool outputsInnermost = false;

  /// Values of one packed batch.
  int64_t batchSize() const;
  nn::PackingAttr getAttr(mlir::MLIRContext *context, mlir::Type element) const;
  /// The recipe of an attribute of this kind; nothing for another one.
  static std::optional<PanelPacking> from(nn::PackingAttr packing);
};

/// `#nn.packing<"pad", [bytes, batches, count, lanes]>`: every batch of `count` values is filled up with zeros to
/// whole vectors. For biases.
struct PadPacking {
  static constexpr llvm::StringLiteral kind = "pad";
  int64_t batches = 1, count, lanes;

  int64_t batchSize() const;
  nn::PackingAttr getAttr(mlir::MLIRContext *context, mlir::Type element) const;
  static std::optional<PadPacking> from(nn::PackingAttr packing);
};

/// The size of a packed constant: the first number of every recipe.
int64_t packedBytes(nn::PackingAttr packing);

/// Writes a constant as `packing` says, panel by panel: nothing bigger than one panel is ever held.
///
/// value  dense or dense_resource elements of any type of whole bytes
/// error  a recipe that does not fit the value, or one of an unknown kind
llvm::Error writePacked(mlir::ElementsAttr value, nn::PackingAttr packing, llvm::raw_ostream &os);

/// The attribute of `nn.kernel` that has one recipe (or unit) per input; the operand of a packed input is a memref of
/// bytes.
inline constexpr llvm::StringLiteral kPackingsAttr = "nn.packings";

} // namespace nncc::cpu
#endif
