// Runs one kernel, given as text of N2, through weight packing, the contraction emitter and object code in this
// process, and computes what it should have given in double precision.
#ifndef NNCC_TEST_CODEGEN_CPU_KERNELRUNNER_H
#define NNCC_TEST_CODEGEN_CPU_KERNELRUNNER_H
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace nncc::test {

/// A kernel and how its operands lie in memory.
struct KernelCase {
  /// `#nn.machine<...>`, and the CPU that the code is generated for.
  std::string machine, cpu = "x86-64-v3";
  /// `#nn.gpu<...>`: with weights as they are packed for the machine, the kernel is written as tiles of its threads,
  /// and run one thread after the other; empty: it is for the machine.
  std::string gpu = "";
  /// The form of nncc-choose-forms that it is to have.
  std::string form = "direct";
  /// Types of the inputs, in order: `tensor<1x8x8x3xf32>`; those in `constants` are nn.constant outside the kernel.
  std::vector<std::string> inputs;
  std::vector<bool> constants;
  /// Inputs that are 0 instead of random.
  std::vector<unsigned> zeros;
  /// Bytes are the least or the greatest.
  bool ofExtremes = false;
  /// One in so many weights of bytes is one of these, the others are below a quarter; 0: they are like all bytes.
  int oneInLarge = 0;
  /// The body, on %0, %1, ... for the inputs; it ends with the value to yield.
  std::string body, yielded, outputType;
  /// Elements between pixels beyond the channels, per input and (last) for the output: views into wider buffers.
  std::vector<int64_t> pitch;
  /// The input whose memory the output takes, or -1.
  int inPlace = -1;
  uint64_t seed = 1;

  std::string text() const;
};

/// What went wrong, empty when the numbers are right. `isRefused` says that the emitter left the kernel alone.
struct Outcome {
  std::string error;
  bool isRefused = false;
};

/// `measure` gets a function that runs the kernel once more, after its numbers were found right.
/// True where this machine executes code for a CPU of its own architecture.
bool canRun(const std::string &cpu);

Outcome runKernel(const KernelCase &kernel, llvm::function_ref<void(llvm::function_ref<void()>)> measure = nullptr);

inline constexpr const char *kGpu4x4 =
    "#nn.gpu<vector_bits = 128, registers = 64, warp = 16, tile_rows = 4, tile_columns = 4>";
inline constexpr const char *kGpu2x8 =
    "#nn.gpu<vector_bits = 128, registers = 64, warp = 8, tile_rows = 2, tile_columns = 8>";
inline constexpr const char *kAvx2 =
    "#nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144>";
inline constexpr const char *kAvx2Pairs =
    "#nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 262144, dots = [<instruction = "
    "\"llvm.x86.avx2.pmadd.ub.sw\", bits = 256, group = 4, lhs = ui8, rhs = i8, adds = false, rows = 1, wordSum = "
    "\"llvm.x86.avx2.pmadd.wd\", shuffle = \"llvm.x86.ssse3.pshuf.b.128\">, <instruction = "
    "\"llvm.x86.avx2.pmadd.wd\", bits = 256, group = 2, lhs = i16, rhs = i16, adds = false, rows = 1>, <instruction = "
    "\"llvm.x86.sse2.pmadd.wd\", bits = 128, group = 2, lhs = i16, rhs = i16, adds = false, rows = 1>]>";
inline constexpr const char *kVnni =
    "#nn.machine<vector_bits = 512, registers = 32, masked_stores = true, l1_bytes = 32768, l2_bytes = 1048576, dots = "
    "[<instruction = \"llvm.x86.avx512.vpdpbusd.512\", bits = 512, group = 4, lhs = ui8, rhs = i8, adds = true, rows = "
    "1>, <instruction = \"llvm.x86.avx512.vpdpbusd.256\", bits = 256, group = 4, lhs = ui8, rhs = i8, adds = true, "
    "rows "
    "= 1>, <instruction = \"llvm.x86.avx512.vpdpbusd.128\", bits = 128, group = 4, lhs = ui8, rhs = i8, adds = true, "
    "rows = 1>]>";
inline constexpr const char *kAvx512 =
    "#nn.machine<vector_bits = 512, registers = 32, masked_stores = true, l1_bytes = 32768, l2_bytes = 1048576>";
/// Groups of four in registers of 128 bits, as NEON has them.
inline constexpr const char *kNarrowFours =
    "#nn.machine<vector_bits = 128, registers = 32, l1_bytes = 32768, l2_bytes = 131072, dots = [<instruction = "
    "\"llvm.x86.avx512.vpdpbusd.128\", bits = 128, group = 4, lhs = ui8, rhs = i8, adds = true, rows = 1>]>";
inline constexpr const char *kNeon =
    "#nn.machine<vector_bits = 128, registers = 32, fma_lane = true, l1_bytes = 32768, l2_bytes = 131072>";

} // namespace nncc::test
#endif
