// From an llvm::Module to object code, in process: the LLVM pass pipeline of
// nncc and the code generator.
#ifndef NNCC_CODEGEN_OBJECTCODE_H
#define NNCC_CODEGEN_OBJECTCODE_H
#include "codegen/Target.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <string>
#include <vector>

namespace llvm {
class MachineFunction;
class Module;
} // namespace llvm

namespace nncc {

/// What a module is written as. `Object` is what ships; the others are the same
/// code for people.
enum class CodeForm {
  Object,   ///< ELF relocatable
  Assembly, ///< text, as the object is
  LLVM,     ///< text of LLVM IR after optimization
};

/// Looks on while code is made, for those who say what it will cost. The code is
/// the same with and without; the object gets a section that maps its blocks
/// (`.llvm_bb_addr_map`), which no library may carry.
struct CodeObserver {
  /// The module as the code generator gets it. Blocks may be given names.
  std::function<void(llvm::Module &)> optimized;
  /// Each function as it is written, its blocks in order. They remember the
  /// blocks of the module that they come from.
  std::function<void(const llvm::MachineFunction &)> written;
};

struct ObjectOptions {
  CodeForm form = CodeForm::Object;
  bool keepLineInfo = false; ///< `-g`: keep the line table that the module
                             ///< carries; otherwise it is stripped
  const CodeObserver *observer = nullptr;
};

/// Where the time went, for `--timing` and the benchmarks.
struct ObjectTimes {
  double optimizeMs = 0, generateMs = 0;
};

/// A function that runs before anybody knows what the machine has: an attribute of LLVM that leaves it to instructions
/// which all machines have.
inline constexpr llvm::StringLiteral runsAnywhere = "nncc-runs-anywhere";

/// Says on a module what target it is for: triple, data layout, and per
/// function the CPU, its features and what nncc promises about floating point
/// and unwinding. Done by compileToObject(); call it earlier when IR of another
/// origin is linked in.
void prepareModule(llvm::Module &module, const TargetSpec &target);

/// Optimizes a module that prepareModule() was called for, in place: the first half of compileToObject().
///
/// error  as compileToObject
llvm::Error optimizeModule(llvm::Module &module, const TargetSpec &target, bool keepLineInfo = false);

/// Generates code for a module as it is: the second half. Functions may be for several CPUs, as their attributes say;
/// `target` is what they have in common.
///
/// error  as compileToObject
llvm::Expected<llvm::SmallVector<char, 0>> generateObject(llvm::Module &module, const TargetSpec &target,
                                                          const ObjectOptions &options = {});

/// Optimizes `module` (in place) and generates code for it.
///
/// The bytes depend on the module and the target alone: no paths, no time, no
/// host. Functions that are `internal` stay local symbols under their names; no
/// unwind tables are written; the only functions that code generation may call
/// by itself are memcpy, memmove and memset.
///
/// error  what LLVM had to say about code that it cannot generate: a bug of
/// nncc, not of the user
llvm::Expected<llvm::SmallVector<char, 0>> compileToObject(llvm::Module &module, const TargetSpec &target,
                                                           const ObjectOptions &options = {},
                                                           ObjectTimes *times = nullptr);

/// One function of an object and the bytes of stack that it takes itself,
/// without its callees.
struct StackUse {
  std::string function;
  uint64_t bytes;
};

/// Reads the `.stack_sizes` sections of an ELF object; in the order of the
/// sections.
llvm::Expected<std::vector<StackUse>> readStackSizes(llvm::StringRef object);

/// The symbols that an ELF object needs from elsewhere, sorted.
llvm::Expected<std::vector<std::string>> undefinedSymbols(llvm::StringRef object);

} // namespace nncc
#endif
