// nncc debug: runs a model kernel by kernel and compares every tensor with a reference, the first that diverges first.
#include "lib/analyze/TemporaryFolder.h"
#include "lib/driver/BisectPasses.h"
#include "lib/driver/CommandLine.h"
#include "lib/driver/CompareKernels.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/QuantizeModel.h"
#include "lib/driver/Remarks.h"
#include "lib/driver/Table.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace nncc {

namespace {

cl::opt<std::string> referenceOption(
    "reference",
    cl::desc("What is right: `onnxruntime` (default; needs the Python package). debug, report: or a folder of .npy "
             "files by tensor name. validate: or MODEL.onnx, the one in floats behind a quantized one; labels.npy, the "
             "right "
             "class of each sample; outputs as a data set"),
    cl::value_desc("WHAT"), cl::cat(debugCategory()), cl::cat(validateCategory()), cl::cat(reportCategory()));
cl::opt<int> kernelOption("kernel", cl::desc("Write the inputs and outputs of kernel N to --dump"), cl::init(-1),
                          cl::value_desc("N"), cl::cat(debugCategory()));
cl::opt<std::string> dumpOption("dump", cl::desc("Folder for --kernel (default: kernel-N)"), cl::value_desc("DIR"),
                                cl::cat(debugCategory()));
cl::opt<std::string>
    pythonOption("python", cl::desc("Interpreter that has onnxruntime (default: the tests' own, else python3 of PATH)"),
                 cl::value_desc("PATH"), cl::cat(debugCategory()), cl::cat(validateCategory()),
                 cl::cat(reportCategory()));
cl::opt<bool> allOption("all",
                        cl::desc("List every kernel, not only those that diverge; with --bisect: try every pass"),
                        cl::cat(debugCategory()));

cl::opt<bool> bisectOption("bisect",
                           cl::desc("Name the pass that makes the outputs diverge: run the model without the passes "
                                    "that may be left out and with all of them, then halve what lies between. Right "
                                    "is what none of them gives, or --reference"),
                           cl::cat(debugCategory()));

/// What the options said; read early, since LLD resets them (see RunCommand.cpp).
struct DebugSettings {
  std::string reference, dump, python;
  int kernel = -1;
  bool showAll = false, asJson = false;
  double rtol = 0;
  uint64_t seed = 1;
} settings;

constexpr StringLiteral sortKeys[] = {"error"};

/// Rows that diverge; with --all every one.
std::vector<const TensorComparison *> shownRows(ArrayRef<TensorComparison> rows, const RowOrder &order) {
  std::vector<const TensorComparison *> shown;
  for (const TensorComparison &row : rows)
    if (row.isDiverging || settings.showAll)
      shown.push_back(&row);
  std::vector<const TensorComparison *> ordered;
  for (size_t i : order.choose(shown.size(), [&](size_t row, size_t) { return shown[row]->relativeError(); }))
    ordered.push_back(shown[i]);
  return ordered;
}

void printRows(const ModelPlan &plan, ArrayRef<const TensorComparison *> rows) {
  if (rows.empty())
    return;
  Table table({{"#", true},
               {"kernel", false, true},
               {"op", false, false, 2},
               {""},
               {"error", true},
               {"of", true},
               {"element", true, false, 3},
               {"cosine", true, false, 1},
               {"NaN", true},
               {"tensor", false, true},
               {"nodes", false, true}});
  for (const TensorComparison *row : rows) {
    const KernelPlan &kernel = plan.kernels[row->kernel];
    std::string tensor = row->tensor.empty() ? "" : "'" + row->tensor + "'";
    if (!row->accuracy) {
      table.add({std::to_string(row->kernel), kernel.name, kernel.op,
                 row->tensor.empty() ? "no ONNX tensor" : "no reference", "", "", "", "", "", tensor, ""});
      continue;
    }
    const Accuracy &accuracy = *row->accuracy;
    table.add({std::to_string(row->kernel), kernel.name, kernel.op, row->isDiverging ? "DIVERGES" : "agrees",
               numberText(accuracy.maxError()), numberText(accuracy.largest()), std::to_string(accuracy.worstElement()),
               numberText(accuracy.cosine(), "%.7f"), accuracy.invalid() ? std::to_string(accuracy.invalid()) : "",
               tensor, row->isDiverging ? join(kernel.nodes, ", ") : ""});
  }
  table.print(outs(), terminalColumns());
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

/// `debug --bisect`
int bisectModel(const CompileOptions &options, const GivenInputs &given) {
  BisectSettings bisect;
  bisect.rtol = settings.rtol;
  bisect.seed = settings.seed;
  bisect.triesAll = settings.showAll;
  auto folder = TemporaryFolder::create("nncc-debug");
  if (!folder)
    return reportError(folder.takeError());
  if (!referenceOption.empty())
    bisect.reference = [&](const ModelPlan &plan, ArrayRef<std::vector<char>> inputs) {
      return ReferenceTensors::make(settings.reference, plan, inputs, options, settings.python, folder->path());
    };
  BisectResult result = bisectPasses(options, given, bisect);
  if (result.status)
    return result.status;
  const PassResult *first = result.firstDivergence();
  if (settings.asJson) {
    outs() << formatv("{0:2}\n", json::Value(bisectJson(options, result)));
    return first ? kNumbersDiffer : 0;
  }
  if (!first)
    outs() << result.passes.size() - 1 << " passes may be left out, and "
           << (bisect.triesAll    ? "none of them makes the outputs diverge\n"
               : bisect.reference ? "the outputs agree with the reference without and with them\n"
                                  : "the outputs with all of them agree with those with none\n");
  else if (first->pass.empty())
    outs() << "the outputs diverge without any pass that may be left out: the importer, the loops of a kernel or their "
              "code; `nncc debug` names the kernel\n";
  else
    outs() << "first: pass " << first - result.passes.data() << ", " << first->pass << "; --print-after=" << first->pass
           << " prints the IR behind it\n";
  printBisection(result, outs());
  return first ? kNumbersDiffer : 0;
}

/// Refuses what would be ignored. returns the exit status
int checkKernelOptions() {
  if (kernelOption.getNumOccurrences() && kernelOption < 0)
    return reportError("--kernel=" + Twine(kernelOption) + ": kernels count from 0");
  if (dumpOption.getNumOccurrences() && !kernelOption.getNumOccurrences() && !bisectOption)
    return reportError("--dump is the folder of --kernel\nnote: for example --kernel=0 --dump=" + dumpOption);
  if (bisectOption && (kernelOption.getNumOccurrences() || dumpOption.getNumOccurrences()))
    return reportError("--bisect compares whole models: --kernel and --dump say nothing to it\n"
                       "note: leave them out, or --bisect");
  return 0;
}

int debugModel() {
  if (int status = checkKernelOptions())
    return status;
  auto options = sharedOptions(NativeCpu::Detect);
  auto order = rowOrder(sortKeys);
  auto rtol = options ? relativeTolerance(*options) : std::nullopt;
  if (!order || !rtol)
    return 1;
  if (int status = keepIfAsked(*options))
    return status;
  auto given = readGivenInputs(*options);
  if (!given)
    return 1;
  settings = {referenceOption.empty() ? std::string("onnxruntime") : referenceOption,
              dumpOption,
              pythonOption,
              kernelOption,
              allOption,
              wantsJson(),
              *rtol,
              seedOption()};
  if (bisectOption)
    return bisectModel(*options, *given);
  auto context = makeContext();
  DiagnosticPrinter printer(*context, options->model, terminalSink());
  if (failed(enableRemarks(*context)))
    return 1;
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
  auto reference =
      ReferenceTensors::make(settings.reference, plan, *values, *options, settings.python, temporary->path());
  if (!reference)
    return reportError(reference.takeError());
  int status = 0;
  auto rows =
      compareKernels(*loaded, *values, *reference, settings.rtol, [&](unsigned index, RunnableModel::Reader read) {
        if (settings.kernel == int(index))
          status = dumpKernel(plan, read, plan.kernels[index]);
        return Error::success();
      });
  if (!rows)
    return reportError(rows.takeError());

  size_t compared = count_if(*rows, [](const TensorComparison &row) { return row.accuracy.has_value(); });
  size_t diverging = count_if(*rows, [](const TensorComparison &row) { return row.isDiverging; });
  if (settings.asJson) {
    outs() << formatv("{0:2}\n", json::Value(comparisonsJson(plan, *rows)));
  } else {
    outs() << plan.kernels.size() << " kernels, " << compared << " of " << rows->size() << " tensors compared, "
           << diverging << " diverge\n";
    if (auto first = find_if(*rows, [](const TensorComparison &row) { return row.isDiverging; }); first != rows->end())
      outs() << "first: kernel " << first->kernel << ", " << plan.kernels[first->kernel].name
             << "; --kernel=" << first->kernel << " writes its operands\n";
    printRows(plan, shownRows(*rows, *order));
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
    .overview =
        "Runs a model kernel by kernel and compares each result with the ONNX tensor of the same name.\n\n"
        "No two tensors share memory in this build, and unwritten memory is NaN. With --bisect whole models are "
        "run instead, with more or fewer passes. Exit status 2 when a tensor diverges.",
    .run = debugModel,
    .category = debugCategory,
    .takesData = true,
    .examples = "  nncc debug model.onnx --input set.npz --sample=3\n"
                "  nncc debug model.onnx --reference=tensors --all --target=aarch64-linux-gnu\n"
                "  nncc debug model.onnx --bisect --reference=onnxruntime\n",
    .printsReport = true};

} // namespace nncc
