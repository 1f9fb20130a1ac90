// What `nncc report` shows, as one JSON document: those of the other commands, and what a compile sees on its way.
#ifndef NNCC_LIB_DRIVER_REPORTDOCUMENT_H
#define NNCC_LIB_DRIVER_REPORTDOCUMENT_H
#include "lib/driver/EstimateReport.h"
#include "lib/import/onnx/Import.h"
#include "llvm/Support/JSON.h"
#include <map>

namespace nncc {

/// Texts of IR that explain kernels, taken while a model is compiled.
class SeenCode {
public:
  struct Kernel {
    std::vector<std::string> ops; ///< of its body, in order: "conv2d", "relu"
    std::string body;             ///< the kernel at stage P
  };

  /// For CompileOptions::onStage.
  void operator()(Stage stage, mlir::ModuleOp module);

  const Kernel &kernel(const std::string &name) const;
  /// Functions of kernels and micro-kernels at L2, by symbol; long ones are cut.
  const std::map<std::string, std::string> &functions() const { return texts; }

private:
  std::map<std::string, Kernel> kernels;
  std::map<std::string, std::string> texts;
};

/// Everything that a report may hold.
struct ReportParts {
  std::string file; ///< of the model, without folders
  const OnnxModelInfo &info;
  const ModelPlan &plan;
  const LibraryFacts &facts;
  const SeenCode &seen;
  const EstimateReport &estimate;
  std::optional<llvm::json::Object> bench, debug; ///< documents of these commands; none: not asked for
  std::optional<llvm::json::Object> outputs;      ///< errors over all samples; none: not compared
};

/// docs/schemas/report.json says what is in it. The same for the same parts.
llvm::json::Value reportDocument(ReportParts parts);

} // namespace nncc
#endif
