// See CompareSamples.h.
#include "lib/driver/CompareSamples.h"
#include "lib/driver/CommandLine.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/Elements.h"
#include "lib/driver/Table.h"
#include "llvm/Support/Path.h"
#include <cstring>

using namespace llvm;

namespace nncc {

/// The array of classes in a file: integers, one for each sample, in an array of its own file or of a usual name.
static const StoredArray *findLabels(ArrayRef<StoredArray> arrays) {
  const StoredArray *found = find_if(arrays, [&](const StoredArray &array) {
    return (arrays.size() == 1 || is_contained({"labels", "label", "y"}, StringRef(array.name))) &&
           StringRef(array.type).trim("u").starts_with("i") && !array.shape.empty() &&
           all_of(ArrayRef(array.shape).drop_front(), [](int64_t dim) { return dim == 1; });
  });
  return found == arrays.end() ? nullptr : found;
}

/// Reads the classes where the reference is a file of such.
///
/// returns  nothing where it is something else
static Expected<std::optional<Labels>> readLabels(StringRef path, const ModelPlan &plan, uint64_t samples) {
  Labels labels;
  auto output = find_if(plan.outputs, [](const PortPlan &port) { return classesOf(port.shape) > 0; });
  if (output == plan.outputs.end() || !isa<mlir::FloatType>(output->elementType) || !isArrayFile(path))
    return std::nullopt;
  auto arrays = readArrayFile(path);
  if (!arrays)
    return arrays.takeError();
  const StoredArray *array = findLabels(*arrays);
  if (!array)
    return std::nullopt;
  if (uint64_t(array->shape[0]) != samples)
    return createStringError("'" + path + "' has " + Twine(array->shape[0]) + " labels, the data has " +
                             Twine(samples) + " samples");
  auto values = readAll(*array);
  if (!values)
    return createStringError("'" + path + "': " + toString(values.takeError()));
  labels.output = output - plan.outputs.begin();
  int64_t classes = classesOf(output->shape);
  size_t step = bytesOfType(array->type);
  for (size_t at = 0; at < values->data.size(); at += step) {
    // Little-endian; classes are small, whatever the type's sign.
    int64_t label = 0;
    std::memcpy(&label, values->data.data() + at, step);
    if (label < 0 || label >= classes)
      return createStringError("'" + path + "': label " + Twine(at / step) + " is " + Twine(label) + ", output '" +
                               output->name + "' has the classes 0 to " + Twine(classes - 1));
    labels.classes.push_back(label);
  }
  return labels;
}

std::optional<Truth> openTruth(StringRef reference, StringRef data, StringRef python, const CompileOptions &options,
                               const ModelPlan &plan, uint64_t samples) {
  std::string what = reference.str();
  if (what.empty())
    what = holdsTestOutputs(data) ? data.str() : "onnxruntime";
  Truth truth{what, nullptr, std::nullopt};
  if (sys::path::extension(what) == ".onnx") {
    truth.reference = makeModelReference(what, options, plan);
    return truth.reference ? std::optional(std::move(truth)) : std::nullopt;
  }
  auto use = [&](Expected<std::unique_ptr<Reference>> made) -> std::optional<Truth> {
    if (!made) {
      reportError(made.takeError());
      return std::nullopt;
    }
    truth.reference = std::move(*made);
    return std::move(truth);
  };
  if (what == "onnxruntime")
    return use(makeOnnxruntimeReference(options, plan, python));
  auto labels = readLabels(what, plan, samples);
  if (!labels) {
    reportError(labels.takeError());
    return std::nullopt;
  }
  if (!*labels)
    return use(makeFileReference(what, plan, samples));
  truth.labels = std::move(*labels);
  return std::move(truth);
}

Expected<SampleErrors> compareSamples(LoadedModel &loaded, Samples &samples, ArrayRef<SamplePort> ports, uint64_t count,
                                      Truth &truth) {
  const ModelPlan &plan = loaded.plan;
  std::vector<size_t> portOfInput;
  for (const PortPlan &input : plan.inputs)
    portOfInput.push_back(find_if(ports, [&](const SamplePort &port) { return port.name == input.name; }) -
                          ports.begin());
  SampleErrors errors{count, truth.labels.has_value(), {}, {}};
  for (auto [output, port] : enumerate(plan.outputs))
    if (!truth.labels || truth.labels->output == output) {
      errors.outputs.push_back(output);
      errors.accuracies.emplace_back(classesOf(port.shape));
    }
  std::vector<std::vector<char>> values, inputs(plan.inputs.size()), results;
  for (const PortPlan &port : plan.outputs)
    results.emplace_back(portBytes(port));
  std::vector<MutableArrayRef<char>> outputViews(results.begin(), results.end());
  ProgressBar bar(count);
  for (uint64_t sample = 0; sample < count; ++sample) {
    bar(sample);
    auto more = samples.next(values);
    if (!more)
      return more.takeError();
    for (auto [input, port] : zip(inputs, portOfInput))
      input = values[port];
    std::vector<ArrayRef<char>> inputViews(inputs.begin(), inputs.end());
    if (auto done = loaded.runnable->run(inputViews, outputViews); !done)
      return done.takeError();
    auto actual = [&](size_t output) { return toDoubles(plan.outputs[output].elementType, results[output]); };
    if (truth.labels) {
      errors.accuracies[0].addLabel(actual(truth.labels->output), truth.labels->classes[sample]);
      continue;
    }
    auto expected = truth.reference->next(inputs);
    if (!expected)
      return expected.takeError();
    for (size_t i = 0; i < results.size(); ++i)
      errors.accuracies[i].add(actual(i), (*expected)[i]);
  }
  return errors;
}

static json::Value accuracyJson(const PortPlan &port, const Accuracy &accuracy, bool isOfLabels) {
  json::Object object{{"name", json::fixUTF8(port.name)},
                      {"type", typeName(port.elementType)},
                      {"shape", json::Array(port.shape)},
                      {"top1", finiteOrNull(accuracy.top1())},
                      {"top5", finiteOrNull(accuracy.top5())}};
  if (isOfLabels)
    return object;
  object["max_error"] = finiteOrNull(accuracy.maxError());
  object["mean_error"] = finiteOrNull(accuracy.meanError());
  object["max_value"] = accuracy.largest();
  object["cosine"] = accuracy.cosine();
  object["least_cosine"] = accuracy.leastCosine();
  object["sqnr_db"] = finiteOrNull(accuracy.sqnr());
  object["invalid"] = accuracy.invalid();
  object["worst_sample"] = accuracy.worstSample();
  return object;
}

json::Array sampleErrorsJson(const ModelPlan &plan, const SampleErrors &errors) {
  json::Array outputs;
  for (auto [output, accuracy] : zip(errors.outputs, errors.accuracies))
    outputs.push_back(accuracyJson(plan.outputs[output], accuracy, errors.isOfLabels));
  return outputs;
}

} // namespace nncc
