// The order of the values of k of a panel of bytes in which no pair of products saturates a word.
#ifndef NNCC_PASSES_GRAPH_PANELORDER_H
#define NNCC_PASSES_GRAPH_PANELORDER_H
#include "dialects/nn/ConstantData.h"
#include <array>
#include <cstdint>

namespace nncc {

/// Where values of k lie in a panel that is multiplied by pairs (MacForm::isOrdered): bytes without a sign by weights
/// with one, two products to a word of 16 bits. A pair fits, if in no column its weights of one sign sum up to more
/// than 128, as 255 * 128 fits a word. Blocks of values are cut into pairs that fit; of those that find no partner, one
/// takes the place of a pair where a block has one left, and the others lie behind all blocks, in groups of four
/// neighbours.
struct PanelOrder {
  static constexpr int64_t kBlock = 16, kGroup = 4;
  static constexpr int64_t kLeast = 13; ///< fewer values of k have fewer groups than a block
  static constexpr int64_t kNone = -1;  ///< a place without a value, where the weights are zeros

  /// Four neighbours behind the blocks.
  struct Spare {
    int64_t first; ///< value of k, as many as four before the last
    std::array<bool, kGroup> isTaken;
  };

  /// Value of k of each place: 16 for each whole block, whole groups of what is left of k.
  mlir::SmallVector<int64_t> places;
  mlir::SmallVector<Spare> spares;

  /// depth   values of k, at least kLeast
  /// width   columns
  /// weight  of a column and a value of k
  static PanelOrder of(int64_t depth, int64_t width, mlir::function_ref<int8_t(int64_t, int64_t)> weight);

  /// Where a block of places reads: its own values, or the last 16 of k. Less than a block reads what is behind k where
  /// nothing need be in front of it, else what is there.
  static int64_t windowOf(int64_t block, int64_t depth, bool isFirst);
  /// Which of the 16 bytes from there on each of its places takes.
  std::array<uint8_t, kBlock> shuffleOf(int64_t block, int64_t depth, bool isFirst) const;
};

/// How many spares each panel of a matrix or filter of bytes, whose `outputs` columns are cut into panels of `panel`,
/// has in the orders of its lines, each of `line` values of k: in that which has the most.
mlir::SmallVector<int32_t> countSpares(const nn::ConstantReader &weights, int64_t outputs, int64_t panel,
                                       bool outputsInnermost, int64_t line);

/// True where so few spares of each panel are worth an order of `line` values of k.
bool areFewSpares(mlir::ArrayRef<int32_t> spares, int64_t line);

} // namespace nncc
#endif
