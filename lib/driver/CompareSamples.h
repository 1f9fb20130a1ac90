// Runs the samples of a data set and compares the outputs with what is right: what validate prints, and report shows.
#ifndef NNCC_LIB_DRIVER_COMPARESAMPLES_H
#define NNCC_LIB_DRIVER_COMPARESAMPLES_H
#include "lib/analyze/Accuracy.h"
#include "lib/data/Samples.h"
#include "lib/driver/BuildAndLoad.h"
#include "lib/driver/Reference.h"
#include "llvm/Support/JSON.h"

namespace nncc {

/// The right class of each sample.
struct Labels {
  std::vector<int64_t> classes;
  size_t output = 0; ///< the output that says which class it is
};

/// What the model's outputs are held against: one of the two.
struct Truth {
  std::string name;
  std::unique_ptr<Reference> reference;
  std::optional<Labels> labels;
};

/// Opens what `--reference` names; where it names nothing, the outputs in ONNX's test data, else onnxruntime.
///
/// samples  how many the data has
/// error    printed; nothing is returned
std::optional<Truth> openTruth(llvm::StringRef reference, llvm::StringRef data, llvm::StringRef python,
                               const CompileOptions &options, const ModelPlan &plan, uint64_t samples);

/// How far the outputs are from what is right.
struct SampleErrors {
  uint64_t samples = 0;
  bool isOfLabels = false;          ///< nothing but decisions is known
  std::vector<size_t> outputs;      ///< of the model, that were compared
  std::vector<Accuracy> accuracies; ///< one for each of them
};

/// Runs the first `count` samples, with a progress bar.
///
/// ports  of the samples, in their order
/// error  of the model, of files, of the reference
llvm::Expected<SampleErrors> compareSamples(LoadedModel &loaded, Samples &samples, llvm::ArrayRef<SamplePort> ports,
                                            uint64_t count, Truth &truth);

/// `outputs` in the document of `validate --json`.
llvm::json::Array sampleErrorsJson(const ModelPlan &plan, const SampleErrors &errors);

} // namespace nncc
#endif
