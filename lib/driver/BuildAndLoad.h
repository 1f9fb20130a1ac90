// Compiles a model and makes it ready to run here: what run, bench and debug begin with.
#ifndef NNCC_LIB_DRIVER_BUILDANDLOAD_H
#define NNCC_LIB_DRIVER_BUILDANDLOAD_H
#include "codegen/emit/PortType.h"
#include "lib/analyze/RunModel.h"
#include "lib/driver/Compile.h"
#include "lib/driver/Diagnostics.h"
#include "lib/support/Npy.h"
#include <optional>

namespace nncc {

/// A model that runs, and the plan that explains its memory.
struct LoadedModel {
  ModelPlan plan;
  std::unique_ptr<RunnableModel> runnable;
};

/// Values of inputs that a command was given.
using GivenInputs = std::map<std::string, NpyArray>;

/// Reads the files of `--input`: NAME=FILE, an array of one input, and SET, a sample of a data set, `--sample`, for all
/// inputs that have no file of their own.
///
/// options  of the model; the sizes of the set's arrays are put there, for dims that the model leaves open; onFile
///          hears of all files that are read
/// error    printed, nothing is returned
std::optional<GivenInputs> readGivenInputs(CompileOptions &options);

/// Adds a sample of a data set, `--sample`, for the inputs that are not given; otherwise as readGivenInputs().
///
/// returns  false on an error: printed
bool readInputSet(llvm::StringRef path, CompileOptions &options, GivenInputs &given);

/// Loads code that was made of a plan.
///
/// error  weights or working memory that this machine has no room for, a target that it cannot run
llvm::Expected<LoadedModel> loadCode(ModelPlan plan, EmittedCode code, const CompileOptions &options,
                                     unsigned threads = 1);

/// Compiles and loads; kernels run on so many threads. How far it is, is told to `options.progress`, or to the
/// terminal.
///
/// error    reported to `printer`, nothing is returned
std::optional<LoadedModel> buildAndLoad(CompileOptions &options, mlir::MLIRContext &context, DiagnosticPrinter &printer,
                                        const GivenInputs &given, unsigned threads = 1);

/// The bytes of every input in order: those given, else seeded random numbers.
///
/// Floats lie in [-1, 1), integers in [0, 10), booleans are 0 or 1.
/// error  a given input that the model does not have, or of another type or shape: printed
std::optional<std::vector<std::vector<char>>> makeInputs(const ModelPlan &plan, const GivenInputs &given,
                                                         uint64_t seed);

/// `f32[1, 3, 5]`
std::string describeType(mlir::Type elementType, llvm::ArrayRef<int64_t> shape);
/// As NpyArray::type names it.
std::string typeName(mlir::Type elementType);

} // namespace nncc
#endif
