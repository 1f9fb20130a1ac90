// See Statistics.h.
#include "lib/quantize/Statistics.h"
#include "lib/support/Json.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SHA256.h"

using namespace llvm;

namespace nncc::quantize {

static constexpr StringRef kSchema = "nncc-statistics";
static constexpr int64_t kVersion = 1;
/// More samples than this in one file are refused: sums of those of several files do not wrap.
static constexpr int64_t kMostSamples = int64_t(1) << 40;

json::Value toJson(const Statistics &statistics) {
  json::Object tensors;
  for (auto &[name, values] : statistics.tensors)
    tensors[name] = values.toJson();
  return json::Object{{"schema", kSchema},
                      {"version", kVersion},
                      {"model", json::fixUTF8(statistics.model)},
                      {"model_sha256", statistics.modelHash},
                      {"samples", (int64_t)statistics.samples},
                      {"tensors", std::move(tensors)}};
}

Expected<Statistics> readStatistics(StringRef path) {
  auto file = MemoryBuffer::getFile(path);
  if (!file)
    return createStringError("cannot read '" + path + "': " + file.getError().message());
  auto fail = [&](const Twine &why) {
    return createStringError("'" + path + "' holds no statistics: " + why +
                             "\nnote: nncc quantize MODEL.onnx --data=SET --stats-out=FILE.json writes them");
  };
  auto document = parseJson((*file)->getBuffer());
  if (!document)
    return fail(toString(document.takeError()));
  const json::Object *top = document->getAsObject();
  if (!top || top->getString("schema") != kSchema)
    return fail("its schema is not " + kSchema);
  if (top->getInteger("version") != kVersion)
    return fail("its version is not " + Twine(kVersion));
  auto model = top->getString("model"), hash = top->getString("model_sha256");
  auto samples = top->getInteger("samples");
  const json::Object *tensors = top->getObject("tensors");
  if (!model || !hash || !samples || !tensors)
    return fail("it lacks model, model_sha256, samples or tensors");
  if (*samples < 1 || *samples > kMostSamples)
    return fail("it is of " + Twine(*samples) + " samples");
  Statistics statistics{path.str(), model->str(), hash->str(), (uint64_t)*samples, {}};
  for (auto &[name, value] : *tensors) {
    auto values = Histogram::fromJson(value);
    if (!values)
      return fail("the counts of tensor '" + name.str() + "' are damaged");
    statistics.tensors[name.str()] = std::move(*values);
  }
  return statistics;
}

std::string hashOfModel(onnx::ModelProto &model) {
  SHA256 hash;
  std::vector<std::pair<onnx::TensorProto *, std::string *>> taken;
  for (onnx::TensorProto &weight : *model.mutable_graph()->mutable_initializer())
    if (weight.has_raw_data()) {
      hash.update(weight.raw_data());
      taken.emplace_back(&weight, weight.release_raw_data());
    }
  hash.update(model.SerializeAsString());
  for (auto [weight, bytes] : taken)
    weight->set_allocated_raw_data(bytes);
  return toHex(hash.final(), /*LowerCase=*/true);
}

} // namespace nncc::quantize
