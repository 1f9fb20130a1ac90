// Runs a model kernel by kernel and compares every tensor with a reference: what debug and report say of numbers.
#ifndef NNCC_LIB_DRIVER_COMPAREKERNELS_H
#define NNCC_LIB_DRIVER_COMPAREKERNELS_H
#include "lib/analyze/Accuracy.h"
#include "lib/driver/BuildAndLoad.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/JSON.h"

namespace nncc {

/// The right tensors of one run, in files, by their names in the ONNX file.
class ReferenceTensors {
public:
  /// What `--reference` of debug and report names.
  ///
  /// what    `onnxruntime`, which runs the model's file, or a folder that somebody wrote: NAME.npy, or tensors.json,
  ///         which says where each lies
  /// inputs  [inputs] as the compiled model is given them
  /// python  the interpreter; empty: findPython() decides
  /// folder  where onnxruntime's tensors go
  /// error   no folder; no interpreter, no onnxruntime, a model that it cannot run
  static llvm::Expected<ReferenceTensors> make(llvm::StringRef what, const ModelPlan &plan,
                                               llvm::ArrayRef<std::vector<char>> inputs, const CompileOptions &options,
                                               llvm::StringRef python, llvm::StringRef folder);

  /// returns  nothing for a tensor that it does not have
  std::optional<NpyArray> read(const std::string &tensor) const;

private:
  explicit ReferenceTensors(llvm::StringRef folder) : folder(folder) {}
  static llvm::Expected<ReferenceTensors> open(llvm::StringRef folder);
  static llvm::Expected<ReferenceTensors> run(const ModelPlan &plan, llvm::ArrayRef<std::vector<char>> inputs,
                                              const CompileOptions &options, llvm::StringRef python,
                                              llvm::StringRef folder);
  void readNames();

  std::string folder;
  std::map<std::string, std::string> files; ///< by name
};

/// Whether a tensor is too far from its reference: floats may err by `rtol` of the largest value, integers not at all.
bool diverges(const Accuracy &accuracy, mlir::Type elementType, double rtol);

/// A kernel's result beside the ONNX tensor of its origin.
struct TensorComparison {
  unsigned kernel;
  std::string tensor;
  std::optional<Accuracy> accuracy; ///< none: there is no such tensor, or none of this type and size
  bool isDiverging = false;

  /// What was not compared has -1.
  double relativeError() const;
};

/// Steps through a model that keeps every tensor (CompileOptions::reuseArena is off). What a kernel reads without
/// anyone having written it is NaN.
///
/// rtol         as diverges() reads it
/// afterKernel  may look at memory
llvm::Expected<std::vector<TensorComparison>>
compareKernels(LoadedModel &loaded, llvm::ArrayRef<std::vector<char>> inputs, const ReferenceTensors &reference,
               double rtol, llvm::function_ref<llvm::Error(unsigned kernel, RunnableModel::Reader)> afterKernel);

/// The document of `debug --json`.
llvm::json::Object comparisonsJson(const ModelPlan &plan, llvm::ArrayRef<TensorComparison> rows);

} // namespace nncc
#endif
