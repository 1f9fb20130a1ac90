// The plan of one compiled model: what code emission, the header, the manifest and the reports all read.
#ifndef NNCC_CODEGEN_EMIT_MODELPLAN_H
#define NNCC_CODEGEN_EMIT_MODELPLAN_H
#include "codegen/gpu/GpuWork.h"
#include "mlir/IR/BuiltinAttributes.h"
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nncc {

struct DeviceProgram;

/// Which of the memories of a model an operand lies in. The numbers are not part of any file format.
enum class Memory { Arena, Weights, Input, Output };

/// One pointer that a kernel is called with.
struct OperandPlan {
  Memory memory = Memory::Arena;
  unsigned index = 0;     ///< which input or output; 0 for arena and weights
  int64_t byteOffset = 0; ///< from the start of that memory
  int64_t bytes = 0;      ///< extent that the kernel may touch
  bool isOutput = false;  ///< written by the kernel
  mlir::Type elementType = {};
  std::vector<int64_t> shape = {}, strides = {}; ///< strides in elements
};

/// A model input or output as the caller sees it.
struct PortPlan {
  std::string name;       ///< ONNX name, any characters
  std::string identifier; ///< C identifier, unique among its kind
  mlir::Type elementType; ///< i1 is one byte per element
  std::vector<int64_t> shape;
  std::string format = ""; ///< `u8,nhwc,mean=127.5`: how the memory of an input becomes what the model takes; of an
                           ///< output the layout, `nhwc`; empty: as in the model
};

/// A tensor that a kernel produces, for the manifest and the numeric debugger.
struct ResultPlan {
  std::string tensor;        ///< ONNX tensor name; empty when no ONNX tensor has these values
  std::vector<int64_t> perm; ///< result dim i is dim perm[i] of the ONNX tensor; empty = identity
  mlir::Type elementType;
  std::vector<int64_t> shape;   ///< of the result as the kernel stores it
  std::vector<int64_t> strides; ///< in elements
  OperandPlan place;
};

struct KernelPlan {
  std::string name;               ///< `k017_conv1`
  std::string function;           ///< symbol that runs it; several kernels may share one
  std::vector<int32_t> numbers;   ///< that the function is given a pointer to, behind the operands; none: it is not
  std::vector<std::string> nodes; ///< ONNX node names it came from
  std::string op;                 ///< root op: `conv2d`
  std::string device = "cpu0";
  std::string form;                    ///< how it is computed, where there was a choice; else empty
  std::string placed;                  ///< why it runs there; empty: there is one device alone
  std::string placedAs;                ///< which kernel it is, or is a part of, where kernels are placed; or empty
  std::string deviceFunction;          ///< of ModelPlan::device, runs it on a GPU; empty: it is the CPU's
  std::optional<GpuDispatch> dispatch; ///< of `deviceFunction`, for estimates
  bool isLeftOut = false;              ///< of a run on the GPU: no code for it reads the results
  uint64_t macs = 0;                   ///< multiply-accumulates
  uint64_t work =
      0; ///< the function takes the range of its work, [0, work), to run as two more arguments; 0: it does not
  unsigned parts = 1; ///< into how many ranges it may be cut at most
  uint64_t bytesRead = 0, bytesWritten = 0, weightBytes = 0;
  uint64_t weightsRead = 0;          ///< bytes of its weights that a run reads at most
  std::string inPlaceOf;             ///< name of the tensor whose memory the result took over, or empty
  std::vector<OperandPlan> operands; ///< in call order: inputs, outputs, scratch
  std::vector<ResultPlan> results;

  /// What it reads and writes, once.
  uint64_t bytesTouched() const { return bytesRead + bytesWritten + weightsRead; }
};

/// One constant in the weights blob.
struct WeightPlan {
  std::string name; ///< ONNX initializer name
  mlir::ElementsAttr value;
  mlir::Attribute packing; ///< recipe (`#nn.packing<...>`) or null: elements in row-major order
  int64_t byteOffset = 0, bytes = 0;
};

/// A tensor in the arena and the kernels [firstKernel, lastKernel] during which it is alive.
struct ArenaEntry {
  std::string tensor;
  int64_t byteOffset = 0, bytes = 0;
  unsigned firstKernel = 0, lastKernel = 0;
};

/// A kernel that would run in another form if the arena could be larger.
struct WithoutRoom {
  std::string kernel, form;
  int64_t slackBytes; ///< what the arena has to be larger by than its tensors are
};

/// A tensor that is alive during the fullest kernel. The bytes of all of them add up to the lower bound.
struct PeakTensor {
  std::string tensor, kernel; ///< ONNX tensor, the kernel that wrote it
  int64_t byteOffset = 0, bytes = 0;
};

/// What holds code and weights.
enum class LibraryForm {
  Archive, ///< libM.a
  Shared,  ///< libM.so
  Objects, ///< M.o and M.weights.o
};

/// One of several CPUs that a library has code for.
struct VariantPlan {
  std::string cpu;
  uint64_t cpuRequired = 0;                 ///< NNCC_CPU_* bits
  unsigned firstKernel = 0, numKernels = 0; ///< of ModelPlan::kernels
  int64_t arenaBytes = 0;
  std::shared_ptr<const DeviceProgram> device; ///< as ModelPlan::device, for its kernels
};

struct ModelPlan {
  std::string name;        ///< C identifier, prefix of every symbol
  std::string sourceHash;  ///< SHA-256 of the model, hex
  std::string fileHash;    ///< of the file that it was quantized from; empty where that is the model
  std::string namedAfter;  ///< file name of the model, without folder and ending, that `name` was made of; may be empty
  std::string target, cpu; ///< several CPUs are parted by commas
  std::string gpu;         ///< `--device`; empty: none
  std::shared_ptr<const DeviceProgram> device; ///< what kernels with a `deviceFunction` run; null where none has, and
                                               ///< with several CPUs: each variant has its own
  std::vector<PortPlan> inputs, outputs;
  std::vector<KernelPlan> kernels;
  std::vector<VariantPlan> variants; ///< the first that the CPU has all features of runs; empty: code for one CPU. Else
                                     ///< `kernels` are those of all, in their order, and all sizes are the largest
  std::vector<WeightPlan> weights;
  std::vector<ArenaEntry> arena;
  int64_t arenaBytes = 0, arenaAlign = 64, arenaLowerBound = 0, weightsBytes = 0;
  int64_t transformBytes = 0; ///< of the weights, what they are larger by for Winograd's form
  unsigned peakKernel = 0;    ///< the kernel during which the arena is fullest
  std::vector<PeakTensor> peakTensors;
  std::vector<WithoutRoom> withoutRoom;
  int64_t stackBytes = -1; ///< bound on the stack that M_run uses; -1 until computed
  LibraryForm form = LibraryForm::Archive;
  bool externWeights = false; ///< in M.weights instead of the library
  uint64_t weightsLayout = 0; ///< of the header of M.weights; set by addModelEntry()
  uint64_t weightsHash = 0;   ///< of the header of M.weights; set when it is written

  /// Steps of a run, at most.
  size_t numSteps() const {
    size_t steps = variants.empty() ? kernels.size() : 0;
    for (const VariantPlan &variant : variants)
      steps = std::max<size_t>(steps, variant.numKernels);
    return steps;
  }
};

} // namespace nncc
#endif
