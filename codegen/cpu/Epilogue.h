// The elementwise ops that a contraction applies to its result before it is stored, or to its input before it is read.
#ifndef NNCC_CODEGEN_CPU_EPILOGUE_H
#define NNCC_CODEGEN_CPU_EPILOGUE_H
#include "codegen/cpu/Code.h"
#include "dialects/nn/NN.h"
#include "llvm/ADT/BitVector.h"
#include <string>

namespace nncc::cpu {

/// A kernel input that the epilogue reads besides, broadcast to the shape of the result.
struct Leaf {
  unsigned input;              ///< index among the inputs of the kernel
  mlir::RankedTensorType type; ///< as the body sees it
  bool variesByChannel;        ///< the dims of channels, mostly the innermost alone, are not broadcast
  bool variesByPixel;          ///< a dim that the rows of a tile may run along is not broadcast

  /// Elements as they lie in memory: booleans are bytes.
  mlir::Type memoryElement() const;
};

/// A constant of an epilogue's code, the same in all lanes.
struct EpilogueConstant {
  mlir::Type type; ///< f32, or an integer of at most 32 bits
  uint32_t bits;
  bool operator==(const EpilogueConstant &) const = default;
};

/// A DAG of elementwise ops on the accumulator, leaves and splat constants. A prologue is one, too, on an input of the
/// kernel in the accumulator's place.
class Epilogue {
public:
  /// Reads the body of a kernel behind its root; failure (with a reason) when it has what tiles cannot do.
  ///
  /// pixelDims  how many dims, before the innermost, may become rows of tiles: 2 for images, 1 for matrices
  static mlir::FailureOr<Epilogue> match(nn::KernelOp kernel, mlir::Operation *root, unsigned pixelDims,
                                         std::string &reason);
  /// Reads what makes the first operand of the root. It begins with an input of that shape, the first there is:
  /// `input` is its number.
  ///
  /// channelDims  how many dims, the innermost ones, are channels to its code: 2 where that runs along lines of pixels
  static mlir::FailureOr<Epilogue> matchPrologue(nn::KernelOp kernel, mlir::Operation *root, unsigned pixelDims,
                                                 unsigned &input, std::string &reason, unsigned channelDims = 1);

  llvm::ArrayRef<Leaf> leaves() const { return leafList; }
  /// True when the instructions are too many to repeat them for every accumulator; sums that become narrow integers
  /// need more of them, which are not worth a tile on the stack.
  bool isHeavy() const { return cost > (isa<mlir::IntegerType>(storedElement()) ? 32 : 6); }

  /// True when all that reads the sums rounds them to f32, which changes none of them (`small_sums`): they may be
  /// handed over as f32.
  bool takesFloats() const { return areSumsSmall; }

  /// The type of what it begins with, and of what is stored as it lies in memory.
  mlir::Type startElement() const;
  mlir::Type storedElement() const;

  /// What two epilogues share exactly when they mean the same code, but for what is a scalar.
  std::string key() const { return areScalars.none() ? keyText : structureText; }
  /// What two epilogues share whose code differs in constants alone.
  const std::string &structure() const { return structureText; }
  /// These, in the order of the code; none where the structure does not tell them apart.
  llvm::ArrayRef<EpilogueConstant> constants() const { return constantList; }
  /// Makes scalars of some of them: runtime numbers of a call, so that the code is that of other layers, too.
  ///
  /// hasMaxNum  the machine's number
  void makeScalars(const llvm::BitVector &which, bool hasMaxNum) {
    areScalars = which;
    comparesScalars = !hasMaxNum;
  }
  llvm::SmallVector<EpilogueConstant> scalars() const;
  /// A part of a function name: `_add_relu`; not unique.
  const std::string &name() const { return nameText; }

  /// Applies the ops to a vector of the root's compute type, or of f32 (takesFloats), and returns what is to be stored;
  /// null when a function has no meaning on its type.
  ///
  /// leafValues  what the leaves' memory holds there, broadcast to vectors
  /// scalars     the values of scalars()
  mlir::Value emit(Code &code, mlir::Value value, llvm::ArrayRef<mlir::Value> leafValues,
                   llvm::ArrayRef<mlir::Value> scalars = {}) const;

private:
  mlir::LogicalResult readOps(llvm::ArrayRef<mlir::Operation *> list, unsigned pixelDims, unsigned channelDims,
                              std::string &reason);
  mlir::LogicalResult readCode(std::string &reason);
  void readStructure(mlir::Block &code, mlir::Value yielded);
  mlir::Value emitOps(Code &code, mlir::Value value, llvm::ArrayRef<mlir::Value> leafValues) const;

  mlir::Value start; ///< the root's result; the input that a prologue begins with
  llvm::SmallVector<mlir::Operation *> ops;
  llvm::SmallVector<Leaf> leafList;
  mlir::Value yielded;
  unsigned cost = 0;
  bool areSumsSmall = false;
  std::string keyText, structureText, nameText;
  llvm::SmallVector<EpilogueConstant> constantList;
  llvm::BitVector areScalars;
  bool comparesScalars = false; ///< for maxima and minima
};

} // namespace nncc::cpu
#endif
