// What the outputs of a model are compared with by `nncc validate`: another model, onnxruntime, files.
#ifndef NNCC_LIB_DRIVER_REFERENCE_H
#define NNCC_LIB_DRIVER_REFERENCE_H
#include "lib/driver/Compile.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace nncc {

/// The right outputs, sample by sample.
class Reference {
public:
  virtual ~Reference() = default;

  /// What it is: "onnxruntime".
  const std::string &name() const { return called; }
  /// The outputs for the next sample.
  ///
  /// inputs   [inputs] as the model is given them
  /// returns  [outputs of the model][elements]
  /// error    it has no more samples, its outputs have another shape, it cannot be run
  virtual llvm::Expected<std::vector<std::vector<double>>> next(llvm::ArrayRef<std::vector<char>> inputs) = 0;

protected:
  explicit Reference(std::string called) : called(std::move(called)) {}

private:
  std::string called;
};

/// A model of the same inputs and outputs, compiled for this machine: the one in floats behind a quantized one. Outputs
/// belong together by name, else by place.
///
/// options  of the compiled model; the reference has the same bindings and formats
/// error    reported: nothing is returned
std::unique_ptr<Reference> makeModelReference(llvm::StringRef model, const CompileOptions &options,
                                              const ModelPlan &plan);

/// The file of the compiled model in onnxruntime, which runs beside this process.
///
/// python  the interpreter; empty: findPython() decides
/// error   no interpreter
llvm::Expected<std::unique_ptr<Reference>> makeOnnxruntimeReference(const CompileOptions &options,
                                                                    const ModelPlan &plan, llvm::StringRef python);

/// Outputs in files: a data set of them, see lib/data/Samples.h.
///
/// samples  how many there have to be
/// error    another number of samples, other outputs
llvm::Expected<std::unique_ptr<Reference>> makeFileReference(llvm::StringRef path, const ModelPlan &plan,
                                                             uint64_t samples);

} // namespace nncc
#endif
