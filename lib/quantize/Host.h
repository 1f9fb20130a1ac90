// What quantizing needs of whoever asks for it: models that run, samples, somebody who listens.
#ifndef NNCC_LIB_QUANTIZE_HOST_H
#define NNCC_LIB_QUANTIZE_HOST_H
#include "lib/analyze/RunModel.h"
#include "lib/data/Samples.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/STLExtras.h"
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nncc::quantize {

/// An input or output of a model that runs.
struct Port {
  SamplePort sample; ///< its names, type and shape
  uint64_t bytes;

  bool isFloat() const { return sample.type == "f32" || sample.type == "f64" || isHalf(); }
  bool isHalf() const { return sample.type == "f16" || sample.type == "bf16"; }
};

struct BuiltModel {
  std::vector<Port> inputs, outputs;
  std::unique_ptr<RunnableModel> runnable;
};

/// Samples as a model takes them.
class ModelSamples {
public:
  /// From the bytes of a file to those that the input takes.
  using Conversion = std::function<std::vector<char>(llvm::ArrayRef<char>)>;

  /// conversions  one for each input; none where the file has what the input takes
  ModelSamples(Samples samples, std::vector<Conversion> conversions)
      : samples(std::move(samples)), conversions(std::move(conversions)) {}

  uint64_t count() const { return samples.count(); }
  /// Reads the next sample, as Samples::next() does.
  llvm::Expected<bool> next(std::vector<std::vector<char>> &values) {
    auto isRead = samples.next(values);
    if (isRead && *isRead)
      for (auto [value, convert] : llvm::zip(values, conversions))
        if (convert)
          value = convert(value);
    return isRead;
  }

private:
  Samples samples;
  std::vector<Conversion> conversions;
};

/// Compiles models, opens samples, and tells a person what happens.
class Host {
public:
  virtual ~Host() = default;
  /// error: reported, and nothing is returned
  virtual std::optional<BuiltModel> build(const onnx::ModelProto &model) = 0;
  /// Samples of these inputs, in this order. error: reported, and nothing is returned
  virtual std::optional<ModelSamples> openSamples(llvm::ArrayRef<SamplePort> inputs) = 0;
  virtual void progress(llvm::StringRef what) = 0;
  virtual void warn(const std::string &message) = 0;
  virtual void error(const std::string &message) = 0;
};

} // namespace nncc::quantize
#endif
