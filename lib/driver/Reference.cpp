// See Reference.h.
#include "lib/driver/Reference.h"
#include "lib/analyze/ChildProcess.h"
#include "lib/driver/BuildAndLoad.h"
#include "lib/driver/DataSet.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/Elements.h"
#include "lib/driver/Onnxruntime.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"

using namespace llvm;

namespace nncc {

using Outputs = std::vector<std::vector<double>>;

namespace {

/// The output of a reference for one of the model: by name, else by place.
size_t placeOf(const ModelPlan &plan, size_t output, ArrayRef<std::string> names) {
  const std::string *found = find(names, plan.outputs[output].name);
  return found == names.end() ? output : found - names.begin();
}

Error otherOutput(const Reference &reference, const PortPlan &port, const Twine &is) {
  return createStringError("output '" + port.name + "' is " + describeType(port.elementType, port.shape) + ", " +
                           reference.name() + " has " + is);
}

class ModelReference : public Reference {
public:
  ModelReference(StringRef model, std::unique_ptr<mlir::MLIRContext> context, LoadedModel loaded,
                 std::vector<size_t> places)
      : Reference(model.str()), context(std::move(context)), loaded(std::move(loaded)), places(std::move(places)) {
    for (const PortPlan &port : this->loaded.plan.outputs)
      results.emplace_back(portBytes(port));
  }

  Expected<Outputs> next(ArrayRef<std::vector<char>> inputs) override {
    std::vector<ArrayRef<char>> inputViews(inputs.begin(), inputs.end());
    std::vector<MutableArrayRef<char>> outputViews(results.begin(), results.end());
    if (auto done = loaded.runnable->run(inputViews, outputViews); !done)
      return done.takeError();
    Outputs outputs;
    for (size_t place : places)
      outputs.push_back(toDoubles(loaded.plan.outputs[place].elementType, results[place]));
    return outputs;
  }

private:
  std::unique_ptr<mlir::MLIRContext> context; ///< owns the types of the plan
  LoadedModel loaded;
  std::vector<size_t> places; ///< of the model's outputs among those of the reference
  std::vector<std::vector<char>> results;
};

class OnnxruntimeReference : public Reference {
public:
  OnnxruntimeReference(const CompileOptions &options, const ModelPlan &plan, TalkingChild child,
                       std::optional<TemporaryFolder> folder)
      : Reference("onnxruntime"), import(options.import), plan(plan), folder(std::move(folder)),
        child(std::move(child)) {}

  Expected<Outputs> next(ArrayRef<std::vector<char>> inputs) override {
    for (auto [port, bytes] : zip(plan.inputs, inputs)) {
      NpyArray array = modelInput(port, bytes, import);
      if (!child.send(array.data.data(), array.data.size()))
        return gone();
    }
    // Names of tensors may be long; nothing else in it is.
    auto line = child.receiveLine(1 << 20);
    auto said = line ? json::parse(*line) : Expected<json::Value>(createStringError(""));
    if (!said) {
      consumeError(said.takeError());
      return gone();
    }
    std::vector<std::string> names;
    std::vector<NpyArray> arrays;
    const json::Array *outputsSaid = said->getAsArray();
    if (!outputsSaid)
      return gone();
    for (const json::Value &value : *outputsSaid) {
      const json::Object *object = value.getAsObject();
      if (!object || !object->getArray("shape") || !object->getString("name"))
        return gone();
      auto array = receive(*object);
      if (!array)
        return array.takeError();
      names.push_back(object->getString("name")->str());
      arrays.push_back(std::move(*array));
    }
    Outputs outputs;
    for (auto [i, port] : enumerate(plan.outputs)) {
      size_t place = placeOf(plan, i, names);
      if (place >= arrays.size())
        return otherOutput(*this, port, "none");
      const NpyArray &array = arrays[place];
      if (array.type != typeName(port.elementType) || array.shape != port.shape)
        return otherOutput(*this, port, StoredArray{names[place], "", array.type, array.shape, {}}.describe());
      outputs.push_back(toDoubles(port.elementType, array.data));
    }
    return outputs;
  }

private:
  Expected<NpyArray> receive(const json::Object &said) {
    NpyArray array;
    array.type = typeOfNumpyName(said.getString("dtype").value_or(""));
    uint64_t bytes = bytesOfType(array.type);
    for (const json::Value &dim : *said.getArray("shape")) {
      array.shape.push_back(dim.getAsInteger().value_or(0));
      bytes *= array.shape.back();
    }
    if (array.type.empty())
      return createStringError("onnxruntime's output is of a type that NumPy lacks");
    array.data.resize(bytes);
    return child.receive(array.data.data(), bytes) ? Expected<NpyArray>(std::move(array)) : gone();
  }

  /// The program says itself, on standard error, why it left.
  Error gone() {
    child.end();
    return createStringError("onnxruntime gave no reference\nnote: --reference=float.onnx compares with another model, "
                             "--reference=DIR or FILE.npz with outputs in files");
  }

  ImportOptions import;
  const ModelPlan &plan;
  std::optional<TemporaryFolder> folder; ///< of the model, which the child reads
  TalkingChild child;
};

class FileReference : public Reference {
public:
  FileReference(StringRef path, const ModelPlan &plan, Samples samples)
      : Reference(path.str()), plan(plan), samples(std::move(samples)) {}

  Expected<Outputs> next(ArrayRef<std::vector<char>>) override {
    std::vector<std::vector<char>> values;
    auto more = samples.next(values);
    if (!more)
      return more.takeError();
    Outputs outputs;
    for (auto [port, bytes] : zip(plan.outputs, values))
      outputs.push_back(toDoubles(port.elementType, bytes));
    return outputs;
  }

private:
  const ModelPlan &plan;
  Samples samples;
};

} // namespace

std::unique_ptr<Reference> makeModelReference(StringRef model, const CompileOptions &options, const ModelPlan &plan) {
  auto fail = [](const Twine &why) {
    reportError(why);
    return nullptr;
  };
  // Where it runs, and how it is cut, is the compiled model's own.
  CompileOptions own;
  own.model = model.str();
  own.name = "reference";
  own.import = options.import;
  own.import.model = nullptr;
  auto host = parseTarget("", "", NativeCpu::Detect);
  if (!host)
    return fail(toString(host.takeError()));
  own.target = *host;
  auto context = makeContext();
  std::optional<LoadedModel> loaded;
  {
    DiagnosticPrinter printer(*context, own.model, terminalSink());
    loaded = buildAndLoad(own, *context, printer, {});
    if (!loaded) {
      printer.exitStatus();
      return nullptr;
    }
  }

  auto describe = [](const PortPlan &port) {
    return "'" + port.name + "' " + describeType(port.elementType, port.shape);
  };
  const ModelPlan &its = loaded->plan;
  for (size_t i = 0; i < std::max(plan.inputs.size(), its.inputs.size()); ++i) {
    std::string mine = i < plan.inputs.size() ? describe(plan.inputs[i]) : "none";
    std::string theirs = i < its.inputs.size() ? describe(its.inputs[i]) : "none";
    if (StringRef(mine).rsplit("' ").second != StringRef(theirs).rsplit("' ").second)
      return fail("input " + Twine(i) + " of the model is " + mine + ", that of '" + model + "' " + theirs);
  }
  std::vector<std::string> names;
  for (const PortPlan &port : its.outputs)
    names.push_back(port.name);
  std::vector<size_t> places;
  for (auto [i, port] : enumerate(plan.outputs)) {
    size_t place = placeOf(plan, i, names);
    if (place >= its.outputs.size() || its.outputs[place].shape != port.shape)
      return fail("output " + describe(port) + " of the model is " +
                  (place >= its.outputs.size() ? "none" : describe(its.outputs[place])) + " of '" + model + "'");
    places.push_back(place);
  }
  return std::make_unique<ModelReference>(model, std::move(context), std::move(*loaded), std::move(places));
}

Expected<std::unique_ptr<Reference>> makeOnnxruntimeReference(const CompileOptions &options, const ModelPlan &plan,
                                                              StringRef python) {
  for (const PortPlan &port : plan.outputs)
    if (!port.format.empty())
      return createStringError("output '" + port.name + "' lies in memory as " + port.format +
                               ", onnxruntime's does not\nnote: leave out --output-layout: it changes no number");
  auto command = onnxruntimeCommand(python, options.model, options.import);
  if (!command)
    return command.takeError();
  uint64_t bytes = 0;
  for (const PortPlan &port : plan.inputs) {
    NpyArray array = modelInput(port, std::vector<char>(portBytes(port)), options.import);
    bytes += array.data.size();
    std::string name = numpyTypeName(array.type), dims;
    if (name.empty())
      return createStringError("input '" + port.name + "' is of bf16, which NumPy lacks");
    for (int64_t dim : array.shape)
      dims += (dims.empty() ? "" : ",") + std::to_string(dim);
    command->words.insert(command->words.end(), {"--stream", port.name + "=" + name + ":" + dims});
  }
  if (!bytes)
    return createStringError("the inputs of the model have no elements: there is nothing to compare");
  auto child = TalkingChild::start(command->words);
  if (!child)
    return child.takeError();
  return std::make_unique<OnnxruntimeReference>(options, plan, std::move(*child), std::move(command->folder));
}

Expected<std::unique_ptr<Reference>> makeFileReference(StringRef path, const ModelPlan &plan, uint64_t samples) {
  auto opened = Samples::open(path, outputPorts(plan), SampleKind::Outputs);
  if (!opened)
    return opened.takeError();
  if (opened->count() != samples)
    return createStringError("'" + path + "' has " + Twine(opened->count()) + " samples of the outputs, the data has " +
                             Twine(samples) + " of the inputs");
  return std::make_unique<FileReference>(path, plan, std::move(*opened));
}

} // namespace nncc
