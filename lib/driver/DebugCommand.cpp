// nncc debug: runs a model kernel by kernel and compares every tensor with a reference, the first that diverges first.
#include "lib/analyze/ChildProcess.h"
#include "lib/analyze/TemporaryFolder.h"
#include "lib/driver/BuildAndLoad.h"
#include "lib/driver/CommandLine.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/Elements.h"
#include "lib/driver/Onnxruntime.h"
#include "lib/driver/Remarks.h"
#include "lib/driver/Table.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include <cmath>

using namespace llvm;

namespace nncc {

namespace {

cl::opt<std::string> referenceOption(
    "reference",
    cl::desc("What is right: `onnxruntime` (default; needs the Python package). debug: or a folder of .npy files by "
             "tensor name. validate: or MODEL.onnx, the one in floats behind a quantized one; labels.npy, the right "
             "class of each sample; outputs as a data set"),
    cl::value_desc("WHAT"), cl::cat(debugCategory()), cl::cat(validateCategory()));
cl::opt<int> kernelOption("kernel", cl::desc("Write the inputs and outputs of kernel N to --dump"), cl::init(-1),
                          cl::value_desc("N"), cl::cat(debugCategory()));
cl::opt<std::string> dumpOption("dump", cl::desc("Folder for --kernel (default: kernel-N)"), cl::value_desc("DIR"),
                                cl::cat(debugCategory()));
cl::opt<std::string>
    pythonOption("python", cl::desc("Interpreter that has onnxruntime (default: the tests' own, else python3 of PATH)"),
                 cl::value_desc("PATH"), cl::cat(debugCategory()), cl::cat(validateCategory()));
cl::opt<bool> allOption("all", cl::desc("List every kernel, not only those that diverge"), cl::cat(debugCategory()));

/// What the options said; read early, since LLD resets them (see RunCommand.cpp).
struct DebugSettings {
  std::string reference, dump, python;
  int kernel = -1;
  bool showAll = false, asJson = false;
  double rtol = 0;
  uint64_t seed = 1;
} settings;

/// Where tensors of the reference lie, by ONNX name.
using ReferenceFiles = std::map<std::string, std::string>;

/// Reads DIR/tensors.json where there is one; else files are found by name.
ReferenceFiles readReferenceFolder(StringRef folder) {
  ReferenceFiles files;
  SmallString<128> path(folder);
  sys::path::append(path, "tensors.json");
  auto buffer = MemoryBuffer::getFile(path);
  if (!buffer)
    return files;
  auto parsed = json::parse((*buffer)->getBuffer());
  if (!parsed) {
    consumeError(parsed.takeError());
    return files;
  }
  if (auto *top = parsed->getAsObject())
    if (auto *tensors = top->getArray("tensors"))
      for (json::Value &entry : *tensors)
        if (auto *tensor = entry.getAsObject()) {
          auto name = tensor->getString("name"), file = tensor->getString("file");
          if (name && file) {
            SmallString<128> full(folder);
            sys::path::append(full, *file);
            files[name->str()] = std::string(full);
          }
        }
  return files;
}

std::optional<NpyArray> readReference(const ReferenceFiles &files, StringRef folder, const std::string &tensor) {
  std::string error;
  auto known = files.find(tensor);
  if (known != files.end())
    return readNpy(known->second, error);
  SmallString<128> path(folder);
  sys::path::append(path, tensor + ".npy");
  return sys::fs::exists(path) ? readNpy(std::string(path), error) : std::nullopt;
}

/// Runs onnxruntime on the inputs; tensors land in `folder`. error: printed, false
bool runOnnxruntime(const ModelPlan &plan, ArrayRef<std::vector<char>> inputs, const ImportOptions &import,
                    StringRef model, StringRef folder) {
  auto arguments = onnxruntimeCommand(settings.python, model, import);
  if (!arguments) {
    reportError("--reference=onnxruntime: " + toString(arguments.takeError()) +
                "\nnote: or give a folder of .npy files: --reference=DIR");
    return false;
  }
  arguments->insert(arguments->end(), {"--output", folder.str()});
  for (auto [index, port] : enumerate(plan.inputs)) {
    SmallString<128> path(folder);
    sys::path::append(path, "input" + std::to_string(index) + ".npy");
    std::string error;
    NpyArray array = modelInput(port, inputs[index], import);
    if (!writeNpy(std::string(path), array.type, array.shape, array.data.data(), error)) {
      reportError("cannot write '" + path + "': " + error);
      return false;
    }
    arguments->insert(arguments->end(), {"--input", port.name + "=" + std::string(path)});
  }
  auto child = startChild(*arguments);
  std::string message = child ? "" : ": " + toString(child.takeError());
  if (child && waitForChild(*child) == 0)
    return true;
  reportError("onnxruntime gave no reference" + message +
              "\nnote: a folder of .npy files does as well: --reference=DIR");
  return false;
}

struct Comparison {
  double largestError = 0, largestValue = 0, cosine = 1;
  size_t worst = 0, invalid = 0;
};

/// Compares a kernel's result (in its own layout) with the ONNX tensor of its origin.
/// returns nothing when the shapes do not fit
std::optional<Comparison> compareResult(const ResultPlan &result, ArrayRef<char> memory, const NpyArray &expected) {
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
  if (count != expectedCount)
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

  size_t width = divideCeil(result.elementType.getIntOrFloatBitWidth(), 8);
  size_t referenceWidth = bytesOfType(expected.type);
  if (expected.type != typeName(result.elementType) || expected.data.size() < count * referenceWidth)
    return std::nullopt;
  Comparison comparison;
  double dot = 0, squareA = 0, squareB = 0;
  std::vector<int64_t> index(rank, 0);
  for (int64_t n = 0; n < count; ++n) {
    int64_t at = 0, from = 0;
    for (size_t i = 0; i < rank; ++i)
      at += index[i] * result.strides[i], from += index[i] * referenceStrides[i];
    double a = elementAsDouble(result.elementType, memory.data() + at * width);
    double b = elementAsDouble(result.elementType, expected.data.data() + from * referenceWidth);
    if (!(a == b || (std::isnan(a) && std::isnan(b)))) {
      double error = std::fabs(a - b);
      if (std::isnan(error))
        error = INFINITY, ++comparison.invalid;
      if (error > comparison.largestError)
        comparison.largestError = error, comparison.worst = n;
    }
    if (std::isfinite(b))
      comparison.largestValue = std::max(comparison.largestValue, std::fabs(b));
    dot += a * b, squareA += a * a, squareB += b * b;
    for (size_t i = rank; i-- > 0;) {
      if (++index[i] < result.shape[i])
        break;
      index[i] = 0;
    }
  }
  if (squareA > 0 && squareB > 0)
    comparison.cosine = dot / std::sqrt(squareA * squareB);
  return comparison;
}

struct Row {
  unsigned kernel;
  std::string tensor;
  std::optional<Comparison> comparison;
  bool isDiverging = false;
};

const StringRef sortKeys[] = {"error"};

/// The error of a row as a share of the largest value; what was not compared has none.
double relativeError(const Row &row) {
  if (!row.comparison)
    return -1;
  return row.comparison->largestValue > 0 ? row.comparison->largestError / row.comparison->largestValue
                                          : row.comparison->largestError;
}

/// Rows that diverge; with --all every one.
std::vector<const Row *> shownRows(ArrayRef<Row> rows, const RowOrder &order) {
  std::vector<const Row *> shown;
  for (const Row &row : rows)
    if (row.isDiverging || settings.showAll)
      shown.push_back(&row);
  std::vector<const Row *> ordered;
  for (size_t i : order.choose(shown.size(), [&](size_t row, size_t) { return relativeError(*shown[row]); }))
    ordered.push_back(shown[i]);
  return ordered;
}

void printRows(const ModelPlan &plan, ArrayRef<const Row *> rows) {
  if (rows.empty())
    return;
  auto text = [](const char *how, double value) {
    std::string number;
    raw_string_ostream(number) << format(how, value);
    return number;
  };
  Table table({{"#", true},
               {"kernel", false, true},
               {"op"},
               {""},
               {"error", true},
               {"of", true},
               {"element", true},
               {"cosine", true},
               {"NaN", true},
               {"tensor", false, true},
               {"nodes", false, true}});
  for (const Row *row : rows) {
    const KernelPlan &kernel = plan.kernels[row->kernel];
    std::string tensor = row->tensor.empty() ? "" : "'" + row->tensor + "'";
    if (!row->comparison) {
      table.add({std::to_string(row->kernel), kernel.name, kernel.op,
                 row->tensor.empty() ? "no ONNX tensor" : "no reference", "", "", "", "", "", tensor, ""});
      continue;
    }
    const Comparison &c = *row->comparison;
    table.add({std::to_string(row->kernel), kernel.name, kernel.op, row->isDiverging ? "DIVERGES" : "agrees",
               text("%.3g", c.largestError), text("%.3g", c.largestValue), std::to_string(c.worst),
               text("%.7f", c.cosine), c.invalid ? std::to_string(c.invalid) : "", tensor,
               row->isDiverging ? join(kernel.nodes, ", ") : ""});
  }
  table.print(outs(), terminalColumns());
}

json::Value rowsJson(const ModelPlan &plan, ArrayRef<Row> rows) {
  json::Array list;
  for (const Row &row : rows) {
    const KernelPlan &kernel = plan.kernels[row.kernel];
    json::Object object{{"number", row.kernel},
                        {"kernel", kernel.name},
                        {"op", kernel.op},
                        {"tensor", json::fixUTF8(row.tensor)},
                        {"compared", row.comparison.has_value()},
                        {"diverges", row.isDiverging}};
    if (const auto &c = row.comparison) {
      object["max_error"] = finiteOrNull(c->largestError);
      object["max_value"] = c->largestValue;
      object["worst_element"] = int64_t(c->worst);
      object["cosine"] = finiteOrNull(c->cosine);
      object["nan"] = int64_t(c->invalid);
    }
    list.push_back(std::move(object));
  }
  return json::Object{{"schema", "nncc-debug"},    {"version", 1},    {"model", plan.name},
                      {"target", plan.target},     {"cpu", plan.cpu}, {"kernels", int64_t(plan.kernels.size())},
                      {"tensors", std::move(list)}};
}

int dumpKernel(const ModelPlan &plan, RunnableModel::Reader read, const KernelPlan &kernel) {
  std::string folder = settings.dump.empty() ? "kernel-" + std::to_string(settings.kernel) : settings.dump;
  if (std::error_code code = sys::fs::create_directories(folder))
    return reportError("cannot make the folder '" + folder + "': " + code.message());
  // Inputs are what earlier kernels left: their results by place. Whole memory ranges are written where no tensor is
  // known.
  unsigned inputs = 0, outputs = 0;
  for (const OperandPlan &operand : kernel.operands) {
    if (operand.memory == Memory::Weights || operand.memory == Memory::Input)
      continue;
    auto bytes = read(operand.memory, operand.index, operand.byteOffset, operand.bytes);
    if (!bytes)
      return reportError(bytes.takeError());
    SmallString<128> path(folder);
    sys::path::append(
        path, (operand.isOutput ? "output" + std::to_string(outputs++) : "input" + std::to_string(inputs++)) + ".npy");
    std::string error;
    // Strided views come with what lies between their elements.
    bool isFloat = operand.bytes % 4 == 0 && !kernel.results.empty() && kernel.results[0].elementType.isF32();
    std::string type = isFloat ? "f32" : "ui8";
    if (!writeNpy(std::string(path), type, {operand.bytes / (isFloat ? 4 : 1)}, bytes->data(), error))
      return reportError("cannot write '" + path + "': " + error);
  }
  (settings.asJson ? errs() : outs()) << "wrote the operands of " << kernel.name << " to " << folder << "\n";
  return 0;
}

int debugModel() {
  auto options = sharedOptions(NativeCpu::Detect);
  auto order = rowOrder(sortKeys);
  if (!options || !order)
    return 1;
  auto given = readGivenInputs(*options);
  if (!given)
    return 1;
  auto context = makeContext();
  DiagnosticPrinter printer(*context, options->model, terminalSink());
  if (failed(enableRemarks(*context)))
    return 1;
  settings = {referenceOption.empty() ? std::string("onnxruntime") : referenceOption,
              dumpOption,
              pythonOption,
              kernelOption,
              allOption,
              wantsJson(),
              relativeTolerance(),
              seedOption()};
  options->reuseArena = false;
  auto loaded = buildAndLoad(*options, *context, printer, *given);
  if (!loaded)
    return printer.exitStatus();
  const ModelPlan &plan = loaded->plan;
  if (settings.kernel >= int(plan.kernels.size()))
    return reportError("--kernel=" + Twine(settings.kernel) + ": the model has kernels 0 to " +
                       Twine(plan.kernels.size() - 1));
  auto values = makeInputs(plan, *given, settings.seed);
  if (!values)
    return 1;

  auto temporary = TemporaryFolder::create("nncc-debug");
  if (!temporary)
    return reportError(temporary.takeError());
  std::string folder = settings.reference == "onnxruntime" ? temporary->path() : settings.reference;
  if (settings.reference == "onnxruntime" && !runOnnxruntime(plan, *values, options->import, options->model, folder))
    return 1;
  if (!sys::fs::is_directory(folder))
    return reportError("--reference=" + folder + " is no folder");
  ReferenceFiles files = readReferenceFolder(folder);

  std::vector<std::vector<char>> results;
  for (const PortPlan &port : plan.outputs)
    results.emplace_back(portBytes(port));
  std::vector<ArrayRef<char>> inputViews(values->begin(), values->end());
  std::vector<MutableArrayRef<char>> outputViews(results.begin(), results.end());
  // What a kernel reads without anyone having written it becomes NaN, and shows.
  if (Error error = loaded->runnable->fillArena(0xFF))
    return reportError(std::move(error));
  std::vector<Row> rows;
  int status = 0;
  Error error = loaded->runnable->step(
      inputViews, outputViews, [&](unsigned index, uint64_t, RunnableModel::Reader read) -> Error {
        const KernelPlan &kernel = plan.kernels[index];
        if (settings.kernel == int(index))
          status = dumpKernel(plan, read, kernel);
        for (const ResultPlan &result : kernel.results) {
          Row row{index, result.tensor, std::nullopt};
          std::optional<NpyArray> expected;
          if (!result.tensor.empty())
            expected = readReference(files, folder, result.tensor);
          if (expected) {
            auto bytes = read(result.place.memory, result.place.index, result.place.byteOffset, result.place.bytes);
            if (!bytes)
              return bytes.takeError();
            row.comparison = compareResult(result, *bytes, *expected);
          }
          if (row.comparison) {
            double allowed =
                isa<mlir::FloatType>(result.elementType) ? settings.rtol * row.comparison->largestValue : 0;
            row.isDiverging = row.comparison->largestError > allowed;
          }
          rows.push_back(std::move(row));
        }
        return Error::success();
      });
  if (error)
    return reportError(std::move(error));

  size_t compared = count_if(rows, [](const Row &row) { return row.comparison.has_value(); });
  size_t diverging = count_if(rows, [](const Row &row) { return row.isDiverging; });
  if (settings.asJson) {
    outs() << formatv("{0:2}\n", rowsJson(plan, rows));
  } else {
    outs() << plan.kernels.size() << " kernels, " << compared << " of " << rows.size() << " tensors compared, "
           << diverging << " diverge\n";
    if (auto first = find_if(rows, [](const Row &row) { return row.isDiverging; }); first != rows.end())
      outs() << "first: kernel " << first->kernel << ", " << plan.kernels[first->kernel].name
             << "; --kernel=" << first->kernel << " writes its operands\n";
    printRows(plan, shownRows(rows, *order));
  }
  outs().flush();
  if (!compared)
    return reportError("nothing was compared: no tensor of the reference has the name of a kernel's result");
  return status ? status : diverging ? kNumbersDiffer : 0;
}

} // namespace

std::string referenceArgument() { return referenceOption; }
std::string pythonArgument() { return pythonOption; }

const Command debugCommand = {
    .name = "debug",
    .summary = "compare every kernel with onnxruntime, the first divergence first",
    .overview = "Runs a model kernel by kernel and compares each result with the ONNX tensor of the same name.\n\n"
                "No two tensors share memory in this build, and unwritten memory is NaN. Exit status 2 when a tensor "
                "diverges.",
    .run = debugModel,
    .category = debugCategory,
    .takesData = true,
    .examples = "  nncc debug model.onnx --input set.npz --sample=3\n"
                "  nncc debug model.onnx --reference=tensors --all --target=aarch64-linux-gnu\n",
    .printsReport = true};

} // namespace nncc
