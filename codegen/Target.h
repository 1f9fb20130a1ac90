// What nncc knows about the machine that it compiles for: the names that users
// write, what LLVM is told, and the numbers that travel in the IR. Targets.def
// lists the targets, codegen/<architecture> the CPUs.
#ifndef NNCC_CODEGEN_TARGET_H
#define NNCC_CODEGEN_TARGET_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/TargetParser/Triple.h"
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace llvm {
class Function;
class IRBuilderBase;
class TargetMachine;
class TargetOptions;
class Value;
} // namespace llvm

namespace nncc {

/// An instruction that sums products of small integers, as `#nn.dot` says it; one width of vectors each.
struct DotInstruction {
  /// What it multiplies. Words are 16-bit integers, which 8-bit ones of either sign are widened to.
  enum class Factor { U8, S8, Word };

  const char *intrinsic; ///< LLVM's name
  unsigned bits;         ///< width of its vectors
  unsigned group;        ///< products for each lane
  Factor lhs, rhs;
  bool adds;     ///< to its first operand
  unsigned rows; ///< 2: a product of two rows by two
  /// Where pairs are summed in words that saturate: what sums two of these, and what orders 16 bytes.
  const char *wordSum = "", *shuffle = "";
};

/// The numbers of one CPU that passes are handed as `#nn.machine`; every value
/// has its source beside it in codegen/<architecture>/Machines.cpp.
struct MachineNumbers {
  unsigned vectorBits;                 ///< widest register that code should use
  unsigned registers;                  ///< vector registers
  bool hasFmaLaneOperand;              ///< a multiply-add can take one lane of a register as
                                       ///< its factor (`fmla v.4s, v.4s, v.s[i]`)
  bool hasMaskedStores;                ///< masks cost nothing: tails may be masked
  bool hasMaxNum;                      ///< the larger of two floats, also where one is NaN, is one instruction
  bool hasHalfArithmetic;              ///< of f16, twice as many to an instruction as of f32
  uint64_t l1Bytes;                    ///< first-level data cache of one core
  uint64_t l2Bytes;                    ///< second-level cache that one core can count on
  llvm::ArrayRef<DotInstruction> dots; ///< the fastest first
  /// LLVM's name, less their number, of what loads two to four vectors that follow each other; empty: no faster than
  /// single loads.
  const char *runLoad = "";
};

/// What estimates of time go by. Sources stand beside the rows.
struct CpuTiming {
  const char *model;     ///< the CPU whose scheduling model in LLVM is nearest
  unsigned macsPerCycle; ///< vector multiply-adds that it starts; 0: as the model says
  unsigned mhz;          ///< clock of a common chip, where the user says none
  double ramGBs;         ///< what one core of that chip reads from memory
  uint64_t cacheKiB;     ///< of its last cache before memory
};

/// One value of `--cpu`.
struct CpuSpec {
  const char *name;         ///< as the user writes it
  const char *llvmCpu;      ///< LLVM's `target-cpu`
  const char *llvmFeatures; ///< LLVM's `target-features` beyond those of the cpu
  MachineNumbers machine;
  bool unrollsLoops; ///< LLVM's unroller pays off (not on cores that issue in
                     ///< order)
  CpuTiming timing;
};

/// One instruction set; codegen/<architecture> defines it.
struct Architecture {
  const char *name; ///< first part of the target names
  llvm::ArrayRef<CpuSpec> cpus;
  /// LLVM's name of a CPU that all machines run the code of, also those that nncc has no CPU for.
  const char *baseLlvmCpu;
  /// The CPU of the list that the machine which nncc runs on can execute, or
  /// null.
  const CpuSpec *(*detectHost)();
  /// Whether the machine which nncc runs on executes code for a CPU of the list.
  bool (*canRun)(const CpuSpec &cpu);
  /// Makes a function take subnormal numbers for zeros while it runs; null where they cost no more than others.
  void (*flushSubnormals)(llvm::Function &function);
  /// A register of bytes (16, or as many as a machine's register has) as what a table of 256 has at these positions.
  llvm::Value *(*lookUp)(llvm::IRBuilderBase &builder, llvm::ArrayRef<uint8_t> table, llvm::Value *bytes);
};

/// A target and a CPU, both valid.
struct TargetSpec {
  std::string name; ///< `aarch64-linux-gnu`
  llvm::Triple triple;
  const Architecture *architecture;
  CpuSpec cpu;

  /// Runs on an operating system with Linux' system calls.
  bool isLinux() const { return triple.isOSLinux(); }
  /// nncc itself runs on such a machine, so that emitted code can be run in
  /// process.
  bool isHost() const;
};

/// Whether `native` may be said: it depends on the machine, so a compile
/// refuses it.
enum class NativeCpu { Refuse, Detect };

/// Finds what `--target` and `--cpu` name.
///
/// target  empty: the machine that nncc runs on, or Linux on one that has `cpu`
/// cpu     empty: the default of the target
/// error   the message of a user's mistake: a first line, then lines of notes
/// that list what is valid
llvm::Expected<TargetSpec> parseTarget(llvm::StringRef target, llvm::StringRef cpu,
                                       NativeCpu native = NativeCpu::Refuse);

/// Finds what `--target` and a `--cpu` of several CPUs, parted by commas, name.
///
/// returns  a target for each, in their order; of one CPU what parseTarget() returns
/// error    as parseTarget(); a CPU that is named twice, or no name beside a comma
llvm::Expected<llvm::SmallVector<TargetSpec>> parseTargets(llvm::StringRef target, llvm::StringRef cpus,
                                                           NativeCpu native = NativeCpu::Refuse);

/// The same target with another of its CPUs.
TargetSpec withCpu(const TargetSpec &target, const CpuSpec &cpu);

/// The least CPU of a target: every other one runs its code.
TargetSpec leastCpu(const TargetSpec &target);

/// The target that nncc itself runs on: `x86_64-linux-gnu`; empty where there
/// is none.
llvm::StringRef hostTargetName();

/// Names for help texts and messages, in the order of the lists.
llvm::SmallVector<llvm::StringRef> targetNames();
llvm::SmallVector<llvm::StringRef> cpuNames(const Architecture &architecture);

/// LLVM's view of a target, set up as every object of nncc is generated:
/// position independent (but on bare metal), with `.stack_sizes`; multiply-adds
/// become one instruction where their flags say so.
std::unique_ptr<llvm::TargetMachine> createTargetMachine(const TargetSpec &target);

} // namespace nncc
#endif
