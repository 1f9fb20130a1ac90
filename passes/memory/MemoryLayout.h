// Which tensors share memory, and what each step reads and writes: the memory plan before there are offsets.
#ifndef NNCC_PASSES_MEMORY_MEMORYLAYOUT_H
#define NNCC_PASSES_MEMORY_MEMORYLAYOUT_H
#include "dialects/nn/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include <string>
#include <vector>

namespace nncc {

enum class BufferKind { Arena, Input, Output };

/// Memory that one or several values share.
struct Buffer {
  BufferKind kind;
  unsigned index; ///< which input or output
  int64_t bytes = 0;
  unsigned first = ~0u; ///< step of the first write
  unsigned last = 0;    ///< step of the last use
  int64_t offset = 0;   ///< in the arena, once planned
  int mergedInto = -1;  ///< the buffer that this one continues in place
};

/// Where the elements of a value lie.
struct Place {
  int buffer = -1;
  int64_t byteOffset = 0;
  llvm::SmallVector<int64_t> strides; ///< in elements
};

/// What one step writes: the unit of liveness. Views (reshapes, slices, concatenations in place) are no tensors of
/// their own; reading one reads the tensors behind it.
struct Tensor {
  mlir::Value value; ///< the kernel's result, or what a copy copies
  unsigned step;
  int buffer;
  int64_t bytes;
};

/// One kernel of the plan: an `nn.kernel` of the model, or a copy that no view could replace.
struct Step {
  nn::KernelOp kernel;    ///< null for a copy
  mlir::Value copySource; ///< what a copy reads
  Place copyFrom;         ///< where it lay when the copy was decided; no buffer for constants
  Place copyDestination;
  std::string copyName;
  mlir::Operation *origin = nullptr;         ///< op that names the nodes of a copy
  int scratch = -1;                          ///< buffer of the kernel's scratch memory
  int overwrites = -1;                       ///< input that the result takes the memory of
  std::string overwritten;                   ///< its ONNX tensor
  llvm::SmallVector<unsigned> reads, writes; ///< tensors
};

/// The kernel that computes `value`, else one that reads it: a copy runs where its neighbour does. May be null.
nn::KernelOp neighbourOf(mlir::Value value);

/// The kernel on whose device a step runs: its own, or the neighbour of what a copy reads. May be null.
nn::KernelOp placedLike(const Step &step);

/// Has a kernel run where another does, for the same reason; null: on the CPU.
void placeLike(nn::KernelOp kernel, nn::KernelOp other);

struct MemoryLayout {
  std::vector<Buffer> buffers;
  std::vector<Tensor> tensors;
  std::vector<Step> steps;
  llvm::DenseMap<mlir::Value, Place> places; ///< of all values but constants

  /// The buffer whose memory a buffer lies in, after merging in place.
  int root(int buffer) const {
    while (buffers[buffer].mergedInto >= 0)
      buffer = buffers[buffer].mergedInto;
    return buffer;
  }
};

/// Gives every value a buffer and a place in it. Results of the model, and pieces of concatenations, are written where
/// they are wanted; reshapes and slices are views; what no view can replace is a copy. The steps are in the order of
/// the function's kernels.
MemoryLayout layOut(mlir::func::FuncOp function);

/// Puts the steps in another order: `order[i]` becomes step i. Every tensor has to be written before it is read.
void reorder(MemoryLayout &layout, llvm::ArrayRef<unsigned> order);

/// Sets `first` and `last` of all buffers from the steps.
void computeLifetimes(MemoryLayout &layout);

/// Lets elementwise kernels write into an operand that dies in them, if it may be.
void mergeInPlace(MemoryLayout &layout);

/// Where the arena is fullest, moves what fits into the caller's memory of outputs that nothing has been written to
/// yet, also what the kernel that writes an output overwrites in place. Not beside a GPU. Lifetimes are set, and what
/// is in place. Returns whether anything moved.
bool useOutputs(MemoryLayout &layout);

/// The layout of a function in the order of its kernels that needs less memory: the function's own, or the one with the
/// lowest peak that a search finds. Lifetimes are set, and what may be in place is. Forms are still to be taken.
MemoryLayout layOutInBestOrder(mlir::func::FuncOp function);

/// Bytes of the arena that each step needs: all buffers that are alive in it, each rounded up to cache lines.
std::vector<int64_t> loadsOfSteps(const MemoryLayout &layout);

/// Inputs of a step whose memory its result could take, if they die in it.
llvm::SmallVector<unsigned> inputsToOverwrite(const MemoryLayout &layout, const Step &step);

/// How much memory one step needs: the tensors that are alive in it, and its scratch memory.
struct StepLoad {
  int64_t bytes = 0;
  unsigned step = 0;
  llvm::SmallVector<unsigned> alive; ///< tensors in the arena, by the step that writes them
};

/// The step that needs the most bytes: no plan for this order of the steps and these forms of kernels needs less. A
/// tensor is alive from the step that writes it to the last that reads it or a view of it; what a kernel overwrites in
/// place counts once.
StepLoad fullestStep(const MemoryLayout &layout);

/// True for an elementwise kernel that is the only reader of a concatenation and could read the pieces instead.
bool maySplitOverConcat(nn::KernelOp reader);

/// Replaces such a kernel by one for each piece. Pieces that are a concatenation of their own, in the memory of another
/// reader, count as one. The kernels write the pieces of the result, which is a concatenation now.
void splitOverConcat(nn::KernelOp reader);

/// True for a kernel of a CPU that does nothing but pad along one dim with a number.
bool mayFillBeside(nn::KernelOp kernel);

/// Replaces such a kernel by a concatenation of what it reads and of kernels that write the number.
void fillBeside(nn::KernelOp kernel);

/// The number of an operand that a kernel overwrites where its result is a piece of a concatenation: both lie there.
/// Nothing may read the operand later, in whatever order kernels run.
inline constexpr llvm::StringLiteral kOverwritesAttr = "nn.overwrites";

/// True where what is padded is written by a kernel that could overwrite an operand.
bool mayFillBesideInPlace(nn::KernelOp kernel);

/// The same as fillBeside(), and what is padded overwrites an operand of its kernel.
void fillBesideInPlace(nn::KernelOp kernel);

/// Replaces the body of the function by kernels on places of the arena, the weights and the caller's memory.
void rewriteToPlaces(mlir::func::FuncOp function, const MemoryLayout &layout, int64_t arenaBytes);

//===-- tensors in memory ------------------------------------------------===//

mlir::RankedTensorType tensorOf(mlir::Value value);
/// The ONNX tensor that a value of the function is; empty when there is none.
std::string tensorName(mlir::Value value);
int64_t byteSize(mlir::RankedTensorType type);
int64_t elementBytes(mlir::RankedTensorType type);
llvm::SmallVector<int64_t> contiguousStrides(llvm::ArrayRef<int64_t> shape);

/// The only op in a kernel's body besides the yield, when it is a T on the kernel's inputs that is yielded.
template <typename T> T soleOp(nn::KernelOp kernel) {
  mlir::Block &body = kernel.getBody().front();
  auto op = llvm::hasSingleElement(body.without_terminator()) ? mlir::dyn_cast<T>(&body.front()) : T();
  if (!op || kernel.getYielded().size() != 1 || kernel.getYielded().front().getDefiningOp() != op.getOperation())
    return {};
  return llvm::all_of(op->getOperands(), llvm::IsaPred<mlir::BlockArgument>) ? op : T();
}

/// The concatenation when a kernel is nothing else.
nn::ConcatOp soleConcat(nn::KernelOp kernel);

/// True when the elements lie in row-major order without gaps; dims of size 1 may have any stride.
bool isContiguous(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> strides);

} // namespace nncc
#endif
