// Data sets on the command line: which arrays the inputs of a model take, and the sizes that they give to open dims.
#ifndef NNCC_LIB_DRIVER_DATASET_H
#define NNCC_LIB_DRIVER_DATASET_H
#include "codegen/emit/ModelPlan.h"
#include "lib/data/Samples.h"
#include "lib/import/onnx/Import.h"
#include "lib/import/onnx/InputFormat.h"
#include <optional>

namespace nncc {

/// The inputs of a model that a data set has to have, as they lie in memory: all but those that are bound, and
/// `others`.
///
/// import  its inputShapes get the sizes of one sample, so that dims which the model leaves open are bound when it is
///         compiled
/// error   a file that is no model, no data set, or lacks an array: printed
std::optional<std::vector<SamplePort>> inputPorts(llvm::StringRef model, llvm::StringRef dataSet, ImportOptions &import,
                                                  llvm::ArrayRef<std::string> others = {});

/// The type of an array that has an input in this format, as SamplePort::type.
std::string sampleTypeOf(const InputFormat &format);

/// The outputs of a compiled model.
std::vector<SamplePort> outputPorts(const ModelPlan &plan);

} // namespace nncc
#endif
