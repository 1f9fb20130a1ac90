// How one step of a product is computed: one multiply-add, or an instruction of the machine that sums several products.
#ifndef NNCC_CODEGEN_CPU_MACFORM_H
#define NNCC_CODEGEN_CPU_MACFORM_H
#include "dialects/nn/NN.h"

namespace nncc::cpu {

/// Values of k that are multiplied in words together: a vector of bytes.
inline constexpr int64_t kWordGroup = 16;

/// What is fixed in a step of k for one lane of sums.
struct MacForm {
  mlir::Type lhs, rhs; ///< nn element types of A and B
  mlir::Type sum;      ///< nn element type of their sums
  nn::DotAttr dot;     ///< null: one multiply-add
  /// The instruction reads bytes of A with the other sign: they are multiplied as a - 128 where they are unsigned, as
  /// a + 128 where they are not.
  bool flipsSign = false;
  /// Two products of bytes are summed in a word of 16 bits before they are added to a sum of 32 bits: by `dot`, in
  /// steps of kWordGroup values of k, or, where channels stay apart, for each of them.
  bool isInWords = false;
  /// Pairs of products of bytes are summed in words that saturate: values of k lie in an order in which none does
  /// (BytePacking::isOrdered).
  bool isOrdered = false;
  /// Elements of A and B are two words of 16 bits each, whose products are summed: by this instruction of pairs of
  /// words that lie side by side in both, or, where it is null, one after the other. B lies as
  /// WinogradPacking::areInterleaved says.
  bool ofWordPairs = false;
  nn::DotAttr dotOfWords = {};
  /// f16 is multiplied, added up and compared as it lies in memory.
  bool ofHalves = false;

  /// The fastest form of a machine for vectors of `lanes` sums.
  ///
  /// depth        values of k of a tap, which fill whole groups
  /// mayUseWords  sums of two products of bytes fit 16 bits
  /// isOrdered    values of k are packed in an order
  static MacForm choose(nn::MachineAttr machine, mlir::Type lhs, mlir::Type rhs, mlir::Type sum, int64_t lanes,
                        int64_t depth, bool mayUseWords, bool isOrdered);
  /// The fastest one that multiplies every lane by its own values: for channels that stay apart.
  static MacForm chooseForWindow(nn::MachineAttr machine, mlir::Type lhs, mlir::Type rhs, mlir::Type sum, int64_t lanes,
                                 bool mayUseWords);

  /// Products of pairs of words, of i32 by i32 as elements are counted.
  static MacForm ofWords(nn::MachineAttr machine, mlir::Type sum, int64_t lanes);

  /// Values of k in a step: they lie side by side in A, and for each output channel in packed B.
  int64_t group() const { return dot ? dot.getGroup() : 1; }
  /// Rows of A in a step.
  int64_t rows() const { return dot ? dot.getRows() : 1; }
  /// Integers that are multiplied wider than they lie in memory.
  bool isWidened() const { return lhs != sum && (!dot || dot.getLhs().isInteger(16)); }
  bool isOfBytes() const { return lhs != sum; }
  /// What the bytes of A are less when they are multiplied.
  int64_t offset() const { return !flipsSign ? 0 : lhs.isUnsignedInteger() ? 128 : -128; }

  bool operator==(const MacForm &) const = default;
};

} // namespace nncc::cpu
#endif
