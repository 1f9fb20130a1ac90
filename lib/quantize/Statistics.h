// What a model's tensors held in samples, as a file: counts of many runs, on many machines, that add up exactly.
#ifndef NNCC_LIB_QUANTIZE_STATISTICS_H
#define NNCC_LIB_QUANTIZE_STATISTICS_H
#include "lib/quantize/Histogram.h"
#include "onnx/onnx_pb.h"
#include "llvm/Support/Error.h"
#include <string>

namespace nncc::quantize {

/// docs/schemas/statistics.json, as far as ranges need it.
struct Statistics {
  std::string path;      ///< of the file; empty before it is written
  std::string model;     ///< the file name of the model
  std::string modelHash; ///< hashOfModel()
  uint64_t samples = 0;
  std::map<std::string, Histogram> tensors; ///< what contractions read, by names that are UTF-8
};

llvm::json::Value toJson(const Statistics &statistics);

/// error  a file that cannot be read, or holds anything else
llvm::Expected<Statistics> readStatistics(llvm::StringRef path);

/// The SHA-256 of a model with all of its weights, which may be more than one protobuf file holds: in hex. The model is
/// as before when this returns.
std::string hashOfModel(onnx::ModelProto &model);

} // namespace nncc::quantize
#endif
