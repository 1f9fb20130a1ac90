// The Python beside nncc that runs models in onnxruntime: what debug and validate compare with.
#ifndef NNCC_LIB_DRIVER_ONNXRUNTIME_H
#define NNCC_LIB_DRIVER_ONNXRUNTIME_H
#include "codegen/emit/ModelPlan.h"
#include "lib/analyze/TemporaryFolder.h"
#include "lib/import/onnx/Import.h"
#include "lib/support/Npy.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

namespace nncc {

/// A path from the folder above the one that nncc lies in: the installation, or the build tree.
std::string besideProgram(llvm::StringRef relative);

/// The interpreter: the one asked for, that of the tests of the repository that nncc was built in, python3 of PATH.
///
/// error  there is none; with what to do
llvm::Expected<std::string> findPython(llvm::StringRef asked);

/// The command that runs a model: interpreter, script, model, bound inputs. What it does is left to be said.
struct OnnxruntimeCommand {
  std::vector<std::string> words;
  /// Where the part of a model lies that is run instead of the whole; until the command has ended.
  std::optional<TemporaryFolder> folder;
};

/// error  no interpreter; the model is IR
llvm::Expected<OnnxruntimeCommand> onnxruntimeCommand(llvm::StringRef python, llvm::StringRef model,
                                                      const ImportOptions &import);

/// An input as the file of the model takes it: the bytes of the program, or what a format makes of them, as f32.
NpyArray modelInput(const PortPlan &port, llvm::ArrayRef<char> bytes, const ImportOptions &import);

} // namespace nncc
#endif
