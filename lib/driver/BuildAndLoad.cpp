// See BuildAndLoad.h.
#include "lib/driver/BuildAndLoad.h"
#include "codegen/emit/WeightsObject.h"
#include "lib/driver/CommandLine.h"
#include "lib/driver/DataSet.h"
#include "lib/driver/Diagnostics.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Memory.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cstring>
#include <random>
#include <unistd.h>

using namespace llvm;

namespace nncc {

std::string typeName(mlir::Type elementType) {
  std::string text;
  raw_string_ostream os(text);
  os << elementType;
  return text;
}

std::string describeType(mlir::Type elementType, ArrayRef<int64_t> shape) {
  std::string text = typeName(elementType) + "[";
  for (auto [i, dim] : enumerate(shape))
    text += (i ? ", " : "") + std::to_string(dim);
  return text + "]";
}

/// The array of an input in a file: of its name, or the only one.
static Expected<NpyArray> readInputFile(StringRef path, StringRef name) {
  auto arrays = readArrayFile(path);
  if (!arrays)
    return arrays.takeError();
  auto found = find_if(*arrays, [&](const StoredArray &array) { return array.name == name; });
  if (found == arrays->end() && arrays->size() == 1)
    found = arrays->begin();
  if (found == arrays->end()) {
    std::string names;
    for (const StoredArray &array : *arrays)
      names += (names.empty() ? "" : ", ") + array.describe();
    return createStringError("'" + path + "' has no array '" + name + "'\nnote: it has " + names);
  }
  auto array = readAll(*found);
  return array ? std::move(array) : createStringError("'" + path + "': " + toString(array.takeError()));
}

static void tellOfFile(const CompileOptions &options, StringRef path) {
  if (options.import.onFile)
    options.import.onFile(path);
}

bool readInputSet(StringRef path, CompileOptions &options, GivenInputs &given) {
  std::vector<std::string> others;
  for (auto &[name, array] : given)
    others.push_back(name);
  auto ports = inputPorts(options.model, path, options.import, others);
  if (!ports)
    return false;
  auto samples = Samples::open(path, *ports);
  if (!samples)
    return reportError(samples.takeError()), false;
  for (const std::string &file : samples->files())
    tellOfFile(options, file);
  uint64_t number = sampleOption();
  if (number >= samples->count())
    return reportError("--sample=" + Twine(number) + ": '" + path + "' has the samples 0 to " +
                       Twine(samples->count() - 1)),
           false;
  std::vector<std::vector<char>> values;
  for (uint64_t i = 0; i <= number; ++i)
    if (auto more = samples->next(values); !more)
      return reportError(more.takeError()), false;
  for (auto [port, bytes] : zip(*ports, values))
    given[port.name] = {port.type, port.shape, std::move(bytes)};
  return true;
}

std::optional<GivenInputs> readGivenInputs(CompileOptions &options) {
  GivenInputs given;
  std::vector<std::string> sets;
  for (const std::string &text : inputFiles()) {
    // Names may hold '=', paths seldom do.
    size_t at = text.rfind('=');
    if (sys::fs::exists(text)) {
      sets.push_back(text);
      continue;
    }
    if (at == std::string::npos || at == 0) {
      reportError("--input=" + text +
                  " is neither NAME=FILE.npy, nor a format, NAME=u8,..., nor a data set that exists");
      return std::nullopt;
    }
    std::string name = text.substr(0, at);
    auto array = readInputFile(text.substr(at + 1), name);
    if (!array) {
      reportError(array.takeError());
      return std::nullopt;
    }
    tellOfFile(options, StringRef(text).substr(at + 1));
    given[name] = std::move(*array);
  }
  if (sets.empty() && sampleOption() > 0) {
    reportError("--sample=" + Twine(sampleOption()) + " counts the samples of a data set, and none is given\nnote: " +
                (dataArgument().empty() ? "for example --input set.npz"
                                        : "--data is for --quantize, what a run reads is --input " + dataArgument()));
    return std::nullopt;
  }
  for (const std::string &set : sets)
    if (!readInputSet(set, options, given))
      return std::nullopt;
  return given;
}

/// Reports a model whose inputs, outputs and arena this machine has no memory for: allocating them would end the
/// program, or the machine.
static Error checkMemory(const ModelPlan &plan) {
  uint64_t bytes = plan.arenaBytes;
  for (const auto *ports : {&plan.inputs, &plan.outputs})
    for (const PortPlan &port : *ports)
      bytes = SaturatingAdd<uint64_t>(bytes, portBytes(port));
  uint64_t machine = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  if (bytes <= machine) {
    // Memory that is never touched costs nothing, and is refused where a limit is set.
    std::error_code code;
    sys::OwningMemoryBlock probe(
        sys::Memory::allocateMappedMemory(bytes, nullptr, sys::Memory::MF_READ | sys::Memory::MF_WRITE, code));
    if (!code)
      return Error::success();
  }
  return createStringError("inputs, outputs and arena of the model need " + std::to_string(bytes) +
                           " bytes, which are not there\n" + "note: this machine has " + std::to_string(machine) +
                           " bytes of memory; give smaller sizes with --dim, or compile for another machine");
}

Expected<LoadedModel> loadCode(ModelPlan plan, EmittedCode code, const CompileOptions &options, unsigned threads) {
  if (Error error = checkMemory(plan))
    return std::move(error);
  auto weights = makeWeightsObject(plan, emitOptions(options).packWeight);
  if (!weights)
    return weights.takeError();
  ModelObjects objects;
  objects.name = plan.name;
  objects.code = std::move(code.object);
  objects.weights = std::move(*weights);
  auto runnable = loadModel(std::move(objects), options.target, threads, options.vulkanDevice);
  if (!runnable)
    return runnable.takeError();
  return LoadedModel{std::move(plan), std::move(*runnable)};
}

static Expected<LoadedModel> load(Compilation &compilation, const CompileOptions &options, unsigned threads) {
  auto code = emitCode(*compilation.llvmModule, compilation.plan, emitOptions(options));
  if (!code)
    return code.takeError();
  return loadCode(std::move(compilation.plan), std::move(*code), options, threads);
}

std::optional<LoadedModel> buildAndLoad(CompileOptions &options, mlir::MLIRContext &context, DiagnosticPrinter &printer,
                                        const GivenInputs &given, unsigned threads) {
  for (auto &[name, array] : given)
    options.import.inputShapes[name] = array.shape;
  std::optional<Progress> progress;
  if (!options.progress)
    options.progress = std::ref(progress.emplace());
  scope_exit atEnd([&] {
    if (progress)
      options.progress = nullptr;
  });
  auto compilation = compile(options, context);
  if (failed(compilation))
    return std::nullopt;
  auto loaded = load(*compilation, options, threads);
  if (loaded)
    return std::move(*loaded);
  printer.report(loaded.takeError());
  return std::nullopt;
}

/// Fills a tensor with random elements of its type.
static void fillRandom(mlir::Type type, std::vector<char> &bytes, std::mt19937_64 &random) {
  auto uniform = [&] { return (random() >> 11) * 0x1p-53; };
  unsigned width = type.getIntOrFloatBitWidth();
  auto fill = [&](auto next) {
    using T = decltype(next());
    for (size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T)) {
      T value = next();
      std::memcpy(bytes.data() + at, &value, sizeof(T));
    }
  };
  if (auto floating = dyn_cast<mlir::FloatType>(type)) {
    if (type.isF32())
      return fill([&] { return float(2 * uniform() - 1); });
    if (type.isF64())
      return fill([&] { return 2 * uniform() - 1; });
    return fill([&] {
      APFloat value(2 * uniform() - 1);
      bool losesInfo;
      value.convert(floating.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
      return uint16_t(value.bitcastToAPInt().getZExtValue());
    });
  }
  if (width == 1)
    return fill([&] { return uint8_t(random() & 1); });
  switch (width) {
  case 8:
    return fill([&] { return uint8_t(random() % 10); });
  case 16:
    return fill([&] { return uint16_t(random() % 10); });
  case 32:
    return fill([&] { return uint32_t(random() % 10); });
  default:
    return fill([&] { return uint64_t(random() % 10); });
  }
}

std::optional<std::vector<std::vector<char>>> makeInputs(const ModelPlan &plan, const GivenInputs &given,
                                                         uint64_t seed) {
  std::vector<std::vector<char>> inputs;
  std::mt19937_64 random(seed);
  for (const PortPlan &port : plan.inputs) {
    auto array = given.find(port.name);
    if (array == given.end()) {
      inputs.emplace_back(portBytes(port));
      if (!port.format.empty() && port.elementType.isInteger(8)) // a picture
        std::generate(inputs.back().begin(), inputs.back().end(), [&] { return char(random()); });
      else
        fillRandom(port.elementType, inputs.back(), random);
      continue;
    }
    std::string type = typeName(port.elementType);
    if (array->second.type != type || array->second.shape != port.shape) {
      reportError("input '" + port.name + "' is " + describeType(port.elementType, port.shape) + ", the file holds " +
                  array->second.type + " with " + std::to_string(array->second.shape.size()) + " dims");
      return std::nullopt;
    }
    inputs.push_back(array->second.data);
  }
  for (auto &[name, array] : given)
    if (none_of(plan.inputs, [&](const PortPlan &port) { return port.name == name; })) {
      std::string names;
      for (const PortPlan &port : plan.inputs)
        names += (names.empty() ? "" : ", ") + port.name;
      reportError("the model has no input '" + name + "'\nnote: its inputs are: " + names);
      return std::nullopt;
    }
  return inputs;
}

} // namespace nncc
