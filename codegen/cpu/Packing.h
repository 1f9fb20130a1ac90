// Packed weights: the recipes in `#nn.packing` attributes, and their execution.
#ifndef NNCC_CODEGEN_CPU_PACKING_H
#define NNCC_CODEGEN_CPU_PACKING_H
#include "codegen/cpu/WinogradTransform.h"
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/NN.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <array>

namespace nncc::cpu {

/// `#nn.packing<"panels", [bytes, batches, outputs, depth, panel, lanes, outputsInnermost]>`: per batch, panels of
/// `panel` output channels, the last one as narrow as whole vectors of `lanes` allow and filled up with zeros; in a
/// panel one row of output channels per value of k.
///
/// source  [batches][outputs][depth], or [batches][depth][outputs] with outputsInnermost = 1
/// packed  [batches][outputs / panel][depth][panel]
///
/// Filters of convolutions [O][KH][KW][C/g] have batches = groups and depth = KH * KW * C / groups; depthwise ones
/// batches = 1 and depth = KH * KW. With `planes` as one more number, the innermost dim of the source has as many
/// channels, and they come first in the packed depth: [planes][depth / planes], for images that lie channel by channel.
struct PanelPacking {
  static constexpr llvm::StringLiteral kind = "panels";
  int64_t batches = 1, outputs, depth, panel, lanes;
  bool outputsInnermost = false;
  int64_t planes = 1;

  /// Where value k of a packed column comes from in the source's depth.
  int64_t sourceOf(int64_t k) const { return k % (depth / planes) * planes + k / (depth / planes); }
  /// Values of one packed batch.
  int64_t batchSize() const;
  nn::PackingAttr getAttr(mlir::MLIRContext *context, mlir::Type element) const;
  /// The recipe of an attribute of this kind; nothing for another one.
  static std::optional<PanelPacking> from(nn::PackingAttr packing);
};

/// Taps of a window that exist in a part of its output: every `step`-th from `start` on, `count` of them.
struct TapRange {
  int64_t start, step, count;
  bool operator==(const TapRange &) const = default;
};

/// `#nn.packing<"bytes", [bytes, batches, outputs, depth, panel, lanes, outputsInnermost, group, run, tapsW, (start,
/// step, count of rows of taps, the same of columns)...]>`: panels as above for instructions that sum `group` products
/// of bytes. `group` values of k lie side by side; runs of `run` values (the channels of a tap) are filled up with
/// zeros to whole groups. In groups of 16, which are multiplied in words, four channels of a panel have the eight pairs
/// of their values in four steps (`placeInGroup`). A panel begins with a row of i32 for each pair of ranges of taps:
/// the sums of the bytes of these taps, for each output channel.
///
/// packed  [batches][outputs / panel]( [sets][panel] i32, [runs of groups][panel][group] i8 )
///
/// `"ordered_bytes"` with `spares` behind tapsW: the same in groups of four and the order of PanelOrder, up to `spares`
/// groups behind the others. Lines of taps, whose values follow each other, have an order each, and follow each other.
/// Each panel ends with a table for each of them: a byte for each place of every block of 16 that says which of the 16
/// values of k there it takes, then an i32 for each spare: where it begins in k.
struct BytePacking {
  static constexpr llvm::StringLiteral kind = "bytes", kindOfOrdered = "ordered_bytes";
  PanelPacking panels;
  int64_t group = 1, run = 1, tapsW = 1;
  llvm::SmallVector<std::array<TapRange, 2>> sums;
  std::optional<int64_t> spares; ///< in an order

  bool isOrdered() const { return spares.has_value(); }

  /// Where value k of a group of column `o` lies in the group's row of a panel of so many columns. In groups of words
  /// (MacForm::isInWords) step s of four has, for lane i of a vector of channels, pair i + s in the lower half of 16
  /// bytes and pair i + s + 4 in the upper one, modulo 8: what lies in lane i of a vector of A that was turned s times
  /// by a pair.
  int64_t placeInGroup(int64_t o, int64_t k, int64_t width) const;
  /// Bytes of the sums above a column of a panel.
  int64_t sumBytes() const { return 4 * sums.size(); }
  /// Values of k in an order, and how many there are of these.
  int64_t line() const { return run * tapsW; }
  int64_t lines() const { return panels.depth / line(); }
  /// Rows of a panel in an order for each line.
  int64_t rowsOfLine() const { return static_cast<int64_t>(llvm::alignTo(line(), group)) + *spares * group; }
  /// Rows of a panel behind its sums, less its tables.
  int64_t rowsOfGroups() const;
  /// Bytes of the shuffles of a table, and of all of it.
  int64_t shuffleBytes() const { return static_cast<int64_t>(llvm::alignTo(line(), 16)); }
  int64_t tableBytes() const { return shuffleBytes() + 4 * *spares; }
  /// Bytes of a column of a panel of so many columns. Panels in an order are whole groups, so that no vector of the
  /// next one lies in two cache lines.
  int64_t columnSize(int64_t width) const;
  int64_t batchSize() const;
  nn::PackingAttr getAttr(mlir::MLIRContext *context) const;
  static std::optional<BytePacking> from(nn::PackingAttr packing);
};

/// `#nn.packing<"nibbles", [bytes, outputs, depth, panel, lanes]>`: panels of a matrix [depth][outputs] as above, of
/// bytes that 4 bits hold. Of every two vectors of a row, which are lanes side by side, the first lies in the lower
/// halves of as many bytes and the second in the upper ones.
///
/// packed  [outputs / panel][depth][pairs of vectors][lanes]
struct NibblePacking {
  static constexpr llvm::StringLiteral kind = "nibbles";
  PanelPacking panels;

  /// Bytes of a row of a panel of so many columns, whole vectors.
  int64_t rowBytes(int64_t width) const;
  int64_t size() const;
  nn::PackingAttr getAttr(mlir::MLIRContext *context) const;
  static std::optional<NibblePacking> from(nn::PackingAttr packing);
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

/// `#nn.packing<"winograd", [bytes, tileH, tileW, outputs, depth, panel, lanes, groups]>`: a filter transformed for
/// tiles of tileH x tileW outputs (WinogradTransform.h), in double precision. Every plane of products has panels as
/// above. Each of several groups of outputs follows the one before it with all of its planes. All have as many
/// panels; the last one has what is left.
///
/// `"winograd_words"` with `areInterleaved` as one more number: the same of bytes, by the matrices of integers, in
/// words of 16 bits. Two rows of k (zeros behind the last) are one of 32-bit elements: every element is two values of a
/// column where words are interleaved; else each vector of `lanes` elements is as many words of the first row, then of
/// the second.
///
/// source  [outputs][KH][KW][depth] f32 or i8; KH and KW are the taps of the transforms
/// packed  [groups][planes][panels of the group][rows][panel]
struct WinogradPacking {
  static constexpr llvm::StringLiteral kind = "winograd", kindOfWords = "winograd_words";
  WinogradTile tile;
  int64_t outputs, depth, panel, lanes, groups = 1;
  bool ofWords = false, areInterleaved = false;

  /// Rows of a panel, of elements of 32 bits.
  int64_t rows() const { return ofWords ? llvm::divideCeil(depth, 2) : depth; }

  /// Outputs of every group but the last, and of that one.
  int64_t outputsOfGroup() const;
  int64_t outputsOfLast() const { return outputs - (groups - 1) * outputsOfGroup(); }
  /// False where there are too few panels for so many groups, or one output is left for the last, whose products would
  /// have one column.
  bool hasGroups() const { return groups == 1 || outputsOfLast() > 1; }
  /// Panels of so many planes of a group of so many outputs, as a product reads them.
  PanelPacking panels(int64_t planes, int64_t ofGroup) const {
    return {planes, ofGroup, rows(), panel, lanes, /*outputsInnermost=*/true};
  }
  /// Elements of a plane of such a group, and of all of them.
  int64_t planeSize(int64_t ofGroup) const { return panels(1, ofGroup).batchSize(); }
  int64_t groupSize(int64_t ofGroup) const { return tile.planes() * planeSize(ofGroup); }
  nn::PackingAttr getAttr(mlir::MLIRContext *context) const;
  static std::optional<WinogradPacking> from(nn::PackingAttr packing);
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
