// See CompareKernels.h.
#include "lib/driver/CompareKernels.h"
#include "lib/analyze/ChildProcess.h"
#include "lib/driver/Elements.h"
#include "lib/driver/Onnxruntime.h"
#include "lib/driver/Table.h"
#include "lib/support/Json.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace nncc {

Expected<ReferenceTensors> ReferenceTensors::make(StringRef what, const ModelPlan &plan,
                                                  ArrayRef<std::vector<char>> inputs, const CompileOptions &options,
                                                  StringRef python, StringRef folder) {
  return what == "onnxruntime" ? run(plan, inputs, options, python, folder) : open(what);
}

Expected<ReferenceTensors> ReferenceTensors::open(StringRef folder) {
  if (!sys::fs::is_directory(folder))
    return createStringError("--reference=" + folder + " is no folder");
  ReferenceTensors tensors(folder);
  tensors.readNames();
  return tensors;
}

/// Reads tensors.json where there is one; other tensors are found by name.
void ReferenceTensors::readNames() {
  SmallString<128> path(folder);
  sys::path::append(path, "tensors.json");
  auto buffer = MemoryBuffer::getFile(path);
  if (!buffer)
    return;
  auto parsed = parseJson((*buffer)->getBuffer());
  if (!parsed) {
    consumeError(parsed.takeError());
    return;
  }
  auto *top = parsed->getAsObject();
  auto *tensors = top ? top->getArray("tensors") : nullptr;
  if (!tensors)
    return;
  for (json::Value &entry : *tensors)
    if (auto *tensor = entry.getAsObject()) {
      auto name = tensor->getString("name"), file = tensor->getString("file");
      if (name && file) {
        SmallString<128> full(folder);
        sys::path::append(full, *file);
        files[name->str()] = std::string(full);
      }
    }
}

std::optional<NpyArray> ReferenceTensors::read(const std::string &tensor) const {
  std::string error;
  auto known = files.find(tensor);
  if (known != files.end())
    return readNpy(known->second, error);
  SmallString<128> path(folder);
  sys::path::append(path, tensor + ".npy");
  return sys::fs::exists(path) ? readNpy(std::string(path), error) : std::nullopt;
}

Expected<ReferenceTensors> ReferenceTensors::run(const ModelPlan &plan, ArrayRef<std::vector<char>> inputs,
                                                 const CompileOptions &options, StringRef python, StringRef folder) {
  auto command = onnxruntimeCommand(python, options.model, options.import);
  if (!command)
    return createStringError("--reference=onnxruntime: " + toString(command.takeError()) +
                             "\nnote: or give a folder of .npy files: --reference=DIR");
  std::vector<std::string> &arguments = command->words;
  arguments.insert(arguments.end(), {"--output", folder.str()});
  for (auto [index, port] : enumerate(plan.inputs)) {
    SmallString<128> path(folder);
    sys::path::append(path, "input" + std::to_string(index) + ".npy");
    std::string error;
    NpyArray array = modelInput(port, inputs[index], options.import);
    if (!writeNpy(std::string(path), array.type, array.shape, array.data.data(), error))
      return createStringError("cannot write '" + path + "': " + error);
    arguments.insert(arguments.end(), {"--input", port.name + "=" + std::string(path)});
  }
  auto child = startChild(arguments);
  std::string message = child ? "" : ": " + toString(child.takeError());
  if (child && waitForChild(*child) == 0)
    return open(folder);
  return createStringError("onnxruntime gave no reference" + message +
                           "\nnote: a folder of .npy files does as well: --reference=DIR");
}

/// The type of a reference's elements: that of the result, or f32 where it is stored as f16. Null: they do not fit.
static mlir::Type referenceType(mlir::Type stored, StringRef reference) {
  if (reference == typeName(stored))
    return stored;
  mlir::Type wide = mlir::Float32Type::get(stored.getContext());
  return stored.isF16() && reference == typeName(wide) ? wide : mlir::Type();
}

/// Compares a kernel's result (in its own layout) with the ONNX tensor of its origin.
///
/// returns  nothing when types or sizes do not fit
static std::optional<Accuracy> compareResult(const ResultPlan &result, ArrayRef<char> memory,
                                             const NpyArray &expected) {
  size_t rank = result.shape.size();
  std::vector<int64_t> perm(result.perm);
  if (perm.empty() || expected.shape.size() != rank)
    for (perm.clear(); perm.size() < rank;)
      perm.push_back(perm.size());
  int64_t count = 1, expectedCount = 1;
  for (int64_t dim : result.shape)
    count *= dim;
  for (int64_t dim : expected.shape)
    expectedCount *= dim;
  mlir::Type expectedType = referenceType(result.elementType, expected.type);
  if (count != expectedCount || !expectedType || expected.data.size() < count * bytesOfType(expected.type))
    return std::nullopt;
  // Strides of the reference in the order of the result's dims. Where ranks differ the values are the same in order.
  std::vector<int64_t> referenceStrides(rank, 1);
  std::vector<int64_t> onnxShape(rank);
  for (size_t i = 0; i < rank; ++i)
    onnxShape[perm[i]] = result.shape[i];
  std::vector<int64_t> onnxStrides(rank, 1);
  for (size_t i = rank; i-- > 1;)
    onnxStrides[i - 1] = onnxStrides[i] * onnxShape[i];
  for (size_t i = 0; i < rank; ++i)
    referenceStrides[i] = onnxStrides[perm[i]];
  Accuracy accuracy;
  accuracy.add(elementsOf(result.elementType, result.shape, result.strides, memory.data()),
               elementsOf(expectedType, result.shape, referenceStrides, expected.data.data()));
  return accuracy;
}

bool diverges(const Accuracy &accuracy, mlir::Type elementType, double rtol) {
  return accuracy.maxError() > (isa<mlir::FloatType>(elementType) ? rtol * accuracy.largest() : 0);
}

double TensorComparison::relativeError() const { return accuracy ? accuracy->relativeError() : -1; }

Expected<std::vector<TensorComparison>>
compareKernels(LoadedModel &loaded, ArrayRef<std::vector<char>> inputs, const ReferenceTensors &reference, double rtol,
               function_ref<Error(unsigned, RunnableModel::Reader)> afterKernel) {
  const ModelPlan &plan = loaded.plan;
  std::vector<std::vector<char>> results;
  for (const PortPlan &port : plan.outputs)
    results.emplace_back(portBytes(port));
  std::vector<ArrayRef<char>> inputViews(inputs.begin(), inputs.end());
  std::vector<MutableArrayRef<char>> outputViews(results.begin(), results.end());
  if (Error error = loaded.runnable->fillArena(0xFF))
    return std::move(error);
  std::vector<TensorComparison> rows;
  Error error = loaded.runnable->step(
      inputViews, outputViews, [&](unsigned index, uint64_t, RunnableModel::Reader read) -> Error {
        if (Error stopped = afterKernel(index, read))
          return stopped;
        for (const ResultPlan &result : plan.kernels[index].results) {
          TensorComparison &row = rows.emplace_back(TensorComparison{index, result.tensor, std::nullopt});
          std::optional<NpyArray> expected;
          if (!result.tensor.empty())
            expected = reference.read(result.tensor);
          if (!expected)
            continue;
          auto bytes = read(result.place.memory, result.place.index, result.place.byteOffset, result.place.bytes);
          if (!bytes)
            return bytes.takeError();
          row.accuracy = compareResult(result, *bytes, *expected);
          row.isDiverging = row.accuracy && diverges(*row.accuracy, result.elementType, rtol);
        }
        return Error::success();
      });
  if (error)
    return std::move(error);
  return rows;
}

json::Object comparisonsJson(const ModelPlan &plan, ArrayRef<TensorComparison> rows) {
  json::Array list;
  for (const TensorComparison &row : rows) {
    const KernelPlan &kernel = plan.kernels[row.kernel];
    json::Object object{{"number", row.kernel},
                        {"kernel", kernel.name},
                        {"op", kernel.op},
                        {"tensor", json::fixUTF8(row.tensor)},
                        {"compared", row.accuracy.has_value()},
                        {"diverges", row.isDiverging}};
    if (const auto &accuracy = row.accuracy) {
      object["max_error"] = finiteOrNull(accuracy->maxError());
      object["max_value"] = accuracy->largest();
      object["worst_element"] = accuracy->worstElement();
      object["cosine"] = finiteOrNull(accuracy->cosine());
      object["nan"] = accuracy->invalid();
    }
    list.push_back(std::move(object));
  }
  return json::Object{{"schema", "nncc-debug"},    {"version", 1},    {"model", plan.name},
                      {"target", plan.target},     {"cpu", plan.cpu}, {"kernels", int64_t(plan.kernels.size())},
                      {"tensors", std::move(list)}};
}

} // namespace nncc
