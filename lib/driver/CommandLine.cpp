// Options that several commands share, and the way from argv to a command.
#include "lib/driver/CommandLine.h"
#include "codegen/emit/OutputFiles.h"
#include "lib/driver/CompileVariants.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/Dump.h"
#include "lib/driver/Help.h"
#include "lib/driver/ParseErrors.h"
#include "lib/driver/Registry.h"
#include "lib/driver/Remarks.h"
#include "lib/import/onnx/InputFormat.h"
#include "lib/support/InternalError.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/PrettyStackTrace.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/TargetSelect.h"
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

using namespace llvm;

namespace nncc {

StringRef ownOptionName(StringRef name) {
  auto &registered = cl::getRegisteredOptions();
  if (auto known = registered.find(name); known != registered.end())
    known->second->removeArgument();
  return name;
}

cl::OptionCategory &compileCategory() {
  static cl::OptionCategory category("Options");
  return category;
}
cl::OptionCategory &runCategory() {
  static cl::OptionCategory category("Options of run");
  return category;
}
cl::OptionCategory &debugCategory() {
  static cl::OptionCategory category("Options of debug");
  return category;
}
cl::OptionCategory &benchCategory() {
  static cl::OptionCategory category("Options of bench");
  return category;
}
cl::OptionCategory &inspectCategory() {
  static cl::OptionCategory category("Options of inspect");
  return category;
}
cl::OptionCategory &validateCategory() {
  static cl::OptionCategory category("Options of validate");
  return category;
}
cl::OptionCategory &reportCategory() {
  static cl::OptionCategory category("Options of report");
  return category;
}
cl::OptionCategory &quantizeCategory() {
  static cl::OptionCategory category("Options of quantize");
  return category;
}
cl::OptionCategory &tuneCategory() {
  static cl::OptionCategory category("Options of tune");
  return category;
}
cl::OptionCategory &estimateCategory() {
  static cl::OptionCategory category("Options of estimate");
  return category;
}
cl::OptionCategory &targetsCategory() {
  static cl::OptionCategory category("Options of targets");
  return category;
}
cl::OptionCategory &opsCategory() {
  static cl::OptionCategory category("Options of ops");
  return category;
}
cl::OptionCategory &doctorCategory() {
  static cl::OptionCategory category("Options of doctor");
  return category;
}
cl::OptionCategory &completionCategory() {
  static cl::OptionCategory category("Options of completion");
  return category;
}

namespace {

const Command *const commands[] = {&compileCommand, &runCommand,       &benchCommand,   &tuneCommand,
                                   &debugCommand,   &validateCommand,  &inspectCommand, &estimateCommand,
                                   &reportCommand,  &quantizeCommand,  &targetsCommand, &opsCommand,
                                   &doctorCommand,  &completionCommand};

/// What `--mlir-timing` shows: the passes of all pass managers in one table, printed when the last user is gone.
struct PassTimes {
  PassTimes() {
    mlir::applyDefaultTimingManagerCLOptions(manager);
    root = manager.getRootScope();
  }
  mlir::DefaultTimingManager manager;
  mlir::TimingScope root;
};

bool isOptionOf(const cl::Option &option, const Command &command) {
  return is_contained(option.Categories, &command.category());
}

/// Puts an option into every command that compiles, and into a group of their help.
struct Everywhere {
  cl::OptionCategory &(*group)();

  template <typename Option> void apply(Option &option) const {
    option.addCategory(group());
    for (const Command *command : commands)
      if (command->isCompiler)
        option.addCategory(command->category());
  }
};
/// Puts an option into every command, or into those that print a report.
struct OfOutput {
  bool (*isMeant)(const Command &);

  template <typename Option> void apply(Option &option) const {
    option.addCategory(outputGroup());
    for (const Command *command : commands)
      if (isMeant(*command))
        option.addCategory(command->category());
  }
};
const OfOutput everyCommand{[](const Command &) { return true; }};
const OfOutput forReports{[](const Command &command) { return command.printsReport || &command == &runCommand; }};
const Everywhere ofModel{modelGroup}, ofTarget{targetGroup}, forDevelopers{developerGroup};

cl::opt<std::string> model(cl::Positional, cl::desc("MODEL.onnx"), cl::cat(compileCategory()));
cl::opt<std::string>
    targetName("target", cl::desc("What the code runs on (default: this machine, or Linux on one that has --cpu)"),
               cl::value_desc("TARGET"), ofTarget);
cl::opt<std::string>
    cpuName("cpu",
            cl::desc("CPU of the target, one of `nncc targets` (default: x86-64-v3, generic; run, bench "
                     "and report --bench on this machine: native, all that it has). compile: also several, "
                     "cortex-a53,cortex-a76: NAME_init chooses by what the machine has"),
            cl::value_desc("CPU"), ofTarget);
cl::opt<std::string> deviceName(
    "device",
    cl::desc(
        "A GPU that kernels may run on, by Vulkan: mali, mali-g610, ... or FILE.json with the numbers of one. run, "
        "bench, debug: vulkan, the first GPU of this machine, or vulkan:N, number N of all its devices"),
    cl::value_desc("GPU"), ofTarget);
cl::list<std::string> places(
    "place",
    cl::desc("With --device: where kernels run: gpu (default), cpu, auto (by estimated times), KERNEL=gpu|cpu, or a "
             "FILE with such lines. May be repeated"),
    cl::value_desc("WHERE"), ofTarget);
cl::list<std::string> forms(
    "form",
    cl::desc("How convolutions are computed: auto (default), by what is estimated to be faster; direct; winograd, "
             "where it can be, even if the arena grows; or KERNEL=direct|winograd. May be repeated"),
    cl::value_desc("FORM"), ofTarget);
cl::opt<bool> noWinograd("no-winograd",
                         cl::desc("As --form=direct: Winograd's form is faster, but its weights take up to four times "
                                  "the memory, those of bytes eight times"),
                         ofTarget);
cl::opt<bool> noChains("no-chains",
                       cl::desc("Every convolution and pooling writes all of its output: no strips of rows from one "
                                "to the next, for which the arena is smaller"),
                       ofTarget);
cl::opt<Optimize> optimizeOption("optimize",
                                 cl::desc("What code, and a quantized model, are made for (default: speed)"),
                                 namedValues("optimize", {clEnumValN(Optimize::Speed, "speed", "short times (default)"),
                                                          clEnumValN(Optimize::Size, "size",
                                                                     "little code: tiles that layers share, the direct "
                                                                     "form unless --form says otherwise; quantizing by "
                                                                     "int8 or mixed stores all that lies between "
                                                                     "nodes in 8 bits: a small arena, larger errors")}),
                                 cl::init(Optimize::Speed), ofTarget, cl::cat(quantizeCategory()));
cl::opt<std::string> tuningFile("tuning",
                                cl::desc("What `nncc tune` measured to be the fastest form of kernels on the CPU"),
                                cl::value_desc("FILE"), ofTarget);
cl::opt<std::string> arenaSlack("arena-slack",
                                cl::desc("By how much the arena may grow for the scratch memory of faster forms: "
                                         "bytes, 256kB, 2MB or a share of it, 10% (default: 0)"),
                                cl::value_desc("BYTES|PERCENT"), ofTarget);
cl::opt<FloatFormat> floatFormat(
    "float", cl::desc("How floats between inputs and outputs, and weights, lie in memory"),
    namedValues("float", {clEnumValN(FloatFormat::F32, "f32", "as in the model (default)"),
                          clEnumValN(FloatFormat::F16, "f16", "f32 as f16, half the memory; sums are f32"),
                          clEnumValN(FloatFormat::F16Arithmetic, "f16-arithmetic",
                                     "as f16, and products are added up in f16, on CPUs and GPUs that compute with "
                                     "it: up to 256 on a CPU, 32 on a GPU")}),
    cl::init(FloatFormat::F32), ofTarget);
cl::opt<FloatFormat> gpuFloat("gpu-float", cl::desc("With --device: the same, but that sums of the CPU stay f32"),
                              namedValues("gpu-float", {clEnumValN(FloatFormat::F32, "f32", "as --float=f32"),
                                                        clEnumValN(FloatFormat::F16, "f16", "as --float=f16"),
                                                        clEnumValN(FloatFormat::F16Arithmetic, "f16-arithmetic",
                                                                   "as --float=f16-arithmetic on the GPU")}),
                              cl::init(FloatFormat::F32), ofTarget);
cl::opt<int64_t> maxDispatchUs(
    "max-dispatch-us",
    cl::desc("With --device: kernels that may keep a slow GPU busy for longer are cut into several dispatches "
             "(default: 2000000 microseconds, 0: never)"),
    cl::init(CompileOptions::kMaxDispatchUs), cl::value_desc("N"), ofTarget);
cl::list<std::string> dims("dim", cl::desc("Size of a symbolic dim; may be repeated"), cl::value_desc("NAME=N"),
                           ofModel, cl::cat(quantizeCategory()));
cl::list<std::string> binds("bind", cl::desc("Make an input a constant: a number, a list or FILE.npy; may be repeated"),
                            cl::value_desc("INPUT=VALUE"), ofModel, cl::cat(quantizeCategory()));
cl::list<std::string> inputs(
    "input",
    cl::desc(
        "How an input lies in the program's memory: u8, s8 or f32, then nhwc or nchw, bgr, or a camera's pixels "
        "(nv12, nv21, yuyv, uyvy, rgbx, bgrx), mean=M[,M...], scale=S[,S...] or std=D[,D...]; the model gets "
        "(x - mean) * scale, channels in their place. "
        "run, bench, debug: also NAME=FILE.npy, .npz, .pb or .png with its value (default: random), or a data set with "
        "those of all inputs, as --data of validate. quantize: how samples of the input lie in --data. "
        "May be repeated"),
    cl::value_desc("NAME=u8,nhwc,..."), ofModel, cl::cat(quantizeCategory()));
cl::list<std::string> outputLayouts(
    "output-layout",
    cl::desc("nhwc: an output that is NCHW in the model lies in memory as NHWC; nchw: the other way. May be repeated"),
    cl::value_desc("NAME=nhwc"), ofModel);
cl::list<std::string>
    shapes("shape",
           cl::desc("Shape of an input, as it lies in memory, which gives symbolic dims their sizes; may be repeated"),
           cl::value_desc("NAME=1,3,640,640"), ofModel, cl::cat(quantizeCategory()));
cl::list<std::string> begins("begin",
                             cl::desc("Let the model begin with these tensors: they become inputs, beside those of its "
                                      "own that are still read. f32 where the file gives them no type, integers "
                                      "of a quantizer. May be repeated"),
                             cl::value_desc("TENSOR,..."), cl::CommaSeparated, ofModel, cl::cat(quantizeCategory()));
cl::list<std::string> ends("end",
                           cl::desc("Let the model end with these tensors instead of its outputs: what only others "
                                    "need, such as the part of a detector that no operator here computes, is left "
                                    "out. May be repeated"),
                           cl::value_desc("TENSOR,..."), cl::CommaSeparated, ofModel, cl::cat(quantizeCategory()));
cl::list<std::string> printAfter(ownOptionName("print-after"), cl::desc("Print the IR after a pass; may be repeated"),
                                 cl::value_desc("PASS"), forDevelopers);
cl::list<std::string> remarks("remarks", cl::desc("Print what a pass did and why not; `all` for every pass"),
                              cl::value_desc("PASS"), forDevelopers);

cl::opt<std::string> output("o",
                            cl::desc("compile, run: the folder to write to; made if it does not exist. quantize, tune: "
                                     "the file to write. Other commands: the file to write instead "
                                     "of standard output, `-`"),
                            cl::value_desc("PATH"), everyCommand);
cl::opt<bool> asJson("json", cl::desc("Print a JSON document; docs/schemas describes it"), forReports);

cl::opt<int64_t> partWork("part-work",
                          cl::desc("Least work of a part of a kernel, for threads: in operations on 32-byte vectors "
                                   "(default: 8000); 1 cuts all that can be cut"),
                          cl::init(0), cl::value_desc("N"), forDevelopers);

/// Splits `NAME=VALUE` at the last `=` in front of the value; names may hold anything else.
bool splitAssignment(StringRef text, std::string &name, std::string &value) {
  size_t at = text.find('=');
  if (at == StringRef::npos || at == 0)
    return false;
  name = text.substr(0, at).str();
  value = text.substr(at + 1).str();
  return true;
}

/// Reads --form, --no-winograd and --no-chains.
Error readForms(CompileOptions &options) {
  auto contrary = find_if(forms, [](StringRef text) { return text == "auto" || text.ends_with("winograd"); });
  if (noWinograd && contrary != forms.end())
    return createStringError("--no-winograd and --form=" + *contrary +
                             " contradict each other\nnote: leave out one of them");
  if (noWinograd)
    options.kernelForm = "direct";
  options.makesChains = !noChains;
  for (StringRef text : forms) {
    auto [kernel, form] = text.rsplit('=');
    bool isForm = form == "winograd" || form == "direct";
    if (!kernel.empty() && isForm)
      options.kernelForms.push_back((kernel + ":" + form).str());
    else if (text == "auto" || text == "winograd" || text == "direct")
      options.kernelForm = text.str();
    else
      return createStringError(
          "--form=" + text +
          " does not say how kernels are computed\nnote: auto, winograd, direct, KERNEL=winograd or "
          "KERNEL=direct; `nncc inspect` lists the kernels");
  }
  return Error::success();
}

/// Reads --optimize, --tuning and --arena-slack.
Error readTuningOptions(CompileOptions &options) {
  options.optimize = optimizeOption;
  return joinErrors(setArenaSlack(arenaSlack, options), setTuning(tuningFile, options));
}

/// Splits `NAME=u8,...` in front of the element type. Values of inputs, `NAME=FILE.npy`, are no formats.
bool splitFormat(StringRef text, std::string &name, std::string &format) {
  for (size_t at = text.find('=', 1); at != StringRef::npos; at = text.find('=', at + 1))
    if (InputFormat::isMeant(text.substr(at + 1))) {
      name = text.substr(0, at).str();
      format = text.substr(at + 1).str();
      return true;
    }
  return false;
}

/// Reads --float and --gpu-float.
Error readFloats(CompileOptions &options) {
  if (!gpuFloat.getNumOccurrences())
    return setFloats(floatFormat, options);
  if (deviceName.empty())
    return createStringError("--gpu-float needs --device\nnote: --float says the same of code for the CPU");
  if (floatFormat.getNumOccurrences())
    return createStringError("--float and --gpu-float both say how floats lie in memory\n"
                             "note: --float is of CPU and GPU, --gpu-float leaves sums of the CPU f32");
  options.gpuFloat = gpuFloat;
  options.cpuFloat = gpuFloat == FloatFormat::F32 ? FloatFormat::F32 : FloatFormat::F16;
  return Error::success();
}

/// Reads --device and --place.
///
/// runsHere  what is compiled for a GPU runs on the first of this machine, unless another is named
Error readDevice(CompileOptions &options, bool runsHere) {
  if (maxDispatchUs < 0)
    return createStringError("--max-dispatch-us=" + Twine(int64_t(maxDispatchUs)) +
                             " is no time\nnote: 0 cuts nothing");
  if (deviceName.empty() && maxDispatchUs.getNumOccurrences())
    return createStringError("--max-dispatch-us needs --device\nnote: without a GPU there are no dispatches");
  if (deviceName.empty())
    return places.empty() ? Error::success()
                          : createStringError("--place needs --device\nnote: without a GPU all kernels run on the CPU");
  StringRef name = deviceName;
  bool isHere = name.consume_front("vulkan") && (name.empty() || name.starts_with(":"));
  if (isHere) {
    uint32_t number = 0;
    if (!name.empty() && (name.drop_front().getAsInteger(10, number) || number == UINT32_MAX))
      return createStringError("--device=" + deviceName +
                               " does not say which device of Vulkan\n"
                               "note: vulkan is the first GPU, vulkan:0 the first of all devices");
    if (!options.target.isHost())
      return createStringError("--device=" + deviceName + " is a GPU of this machine, not of " + options.target.name);
    options.vulkanDevice = name.empty() ? 0 : number + 1;
  }
  auto gpu = parseGpu(isHere ? StringRef("mali") : StringRef(deviceName));
  if (!gpu)
    return gpu.takeError();
  if (!options.target.isLinux())
    return createStringError("--device=" + deviceName + " does not go with --target=" + options.target.name +
                             ": a GPU is driven by Vulkan, which needs an operating system\n"
                             "note: targets with one are x86_64-linux-gnu, aarch64-linux-gnu, aarch64-linux-android");
  auto placement = readPlacement(places);
  if (!placement)
    return placement.takeError();
  if (isHere && placement->isEstimated)
    return createStringError("--place=auto weighs estimates, and nncc has none of the GPU of this machine\n"
                             "note: --place=gpu, or name a GPU, such as --device=mali-g610");
  if (runsHere && !isHere)
    options.vulkanDevice = 0;
  options.gpu = std::move(*gpu);
  options.placement = std::move(*placement);
  options.maxDispatchUs = maxDispatchUs;
  return Error::success();
}

/// Several CPUs: `compile` makes code for all of them, every other command for one, which it says.
Error takeCpus(ArrayRef<TargetSpec> targets, bool asksForAll, CompileOptions &options) {
  std::vector<CpuSpec> cpus;
  for (const TargetSpec &target : targets)
    cpus.push_back(target.cpu);
  if (asksForAll) {
    options.cpus = std::move(cpus);
    return Error::success();
  }
  auto chosen = chooseCpu(targets.front(), cpus);
  if (!chosen)
    return chosen.takeError();
  options.target.cpu = *chosen;
  terminalSink()(Severity::Note, "note: of --cpu=" + cpuName + " this is " + chosen->name);
  return Error::success();
}

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// Options that were given, but that the command does not have.
int checkOptions(const Command &command) {
  for (auto &[name, option] : cl::getRegisteredOptions()) {
    bool isOurs = any_of(commands, [&](const Command *its) { return isOptionOf(*option, *its); });
    if (option->getNumOccurrences() && isOurs && !isOptionOf(*option, command))
      return reportError("'" + Twine(command.name) + "' has no option '" + (name.size() == 1 ? "-" : "--") + name +
                         "'\nnote: `nncc " + command.name + " --help` lists its options");
  }
  if (!model.empty() && !*command.argument)
    return reportError("'" + Twine(command.name) + "' takes no file, and '" + model + "' is given");
  if (Error error = command.needsOnnx ? requireOnnx(model, "'" + Twine(command.name) + "'") : Error::success())
    return reportError(std::move(error));
  if (auto files = inputFiles(); !command.takesData && !files.empty())
    return reportError("--input=" + files[0] +
                       " is no format that begins with u8, s8 or f32\n"
                       "note: for example --input image=u8,nhwc,mean=127.5,scale=0.0078125");
  return 0;
}

} // namespace

ArrayRef<const Command *> allCommands() { return commands; }

const std::string &modelArgument() { return model; }

std::vector<std::string> inputFiles() {
  std::vector<std::string> files;
  std::string name, format;
  for (const std::string &text : inputs)
    if (!splitFormat(text, name, format))
      files.push_back(text);
  return files;
}

std::optional<CompileOptions> sharedOptions(NativeCpu native, bool isNativeDefault) {
  CompileOptions options;
  options.model = model;
  if (model.empty()) {
    reportError("no model given\nnote: the model comes after the command: nncc compile model.onnx -o out");
    return std::nullopt;
  }
  for (const cl::opt<std::string> *option : {&targetName, &cpuName, &deviceName})
    if (option->getNumOccurrences() && option->empty()) {
      reportError("--" + option->ArgStr + "= names nothing\nnote: `nncc targets` lists what it may name");
      return std::nullopt;
    }
  bool isHere = targetName.empty() || targetName == hostTargetName();
  auto targets =
      parseTargets(targetName, cpuName.empty() && isNativeDefault && isHere ? "native" : cpuName.getValue(), native);
  if (!targets) {
    reportError(targets.takeError());
    return std::nullopt;
  }
  options.target = targets->front();
  if (targets->size() > 1)
    if (Error error = takeCpus(*targets, /*asksForAll=*/native == NativeCpu::Refuse, options)) {
      reportError(std::move(error));
      return std::nullopt;
    }
  Error ofDevice = readDevice(options, native == NativeCpu::Detect);
  Error ofFloats = readFloats(options); // asks whether there is a GPU
  Error ofCode = joinErrors(readForms(options), readTuningOptions(options));
  if (Error error = joinErrors(joinErrors(std::move(ofDevice), std::move(ofFloats)), std::move(ofCode))) {
    reportError(std::move(error));
    return std::nullopt;
  }
  for (const std::string &text : dims) {
    std::string name, value;
    int64_t size = 0;
    if (!splitAssignment(text, name, value) || StringRef(value).getAsInteger(10, size) || size < 1) {
      reportError("--dim=" + text + " is not NAME=N with a size of at least 1\nnote: for example --dim batch=1");
      return std::nullopt;
    }
    if (!options.import.dims.insert({name, size}).second) {
      reportError("--dim " + name + " is given twice");
      return std::nullopt;
    }
  }
  options.import.begin = begins;
  options.import.end = ends;
  for (const std::string &text : shapes) {
    auto shape = ImportOptions::parseShape(text);
    if (!shape) {
      reportError("--shape=" + text +
                  " is not NAME=N,N,... with sizes of at least 1\n"
                  "note: for example --shape image=1,3,640,640");
      return std::nullopt;
    }
    if (!options.import.inputShapes.insert(*shape).second) {
      reportError("--shape " + shape->first + " is given twice");
      return std::nullopt;
    }
  }
  for (const std::string &text : binds) {
    std::string name, value;
    if (!splitAssignment(text, name, value)) {
      reportError("--bind=" + text + " is not INPUT=VALUE\nnote: for example --bind sr=16000");
      return std::nullopt;
    }
    options.import.binds[name] = value;
  }
  if (partWork.getNumOccurrences()) {
    if (partWork < 1) {
      reportError("--part-work must be at least 1");
      return std::nullopt;
    }
    options.partWork = partWork;
  }
  if (!printAfter.empty())
    registerPasses(); // by name: nothing else asks for that
  for (const std::string &pass : printAfter)
    if (!mlir::PassInfo::lookup(pass)) {
      reportError("--print-after=" + pass +
                  " names no pass\nnote: `nncc-opt --help` lists the passes, such as nncc-form-kernels");
      return std::nullopt;
    }
  for (const std::string &text : inputs) {
    std::string name, format;
    if (splitFormat(text, name, format) && !options.import.inputFormats.insert({name, format}).second) {
      reportError("--input " + name + " has two formats");
      return std::nullopt;
    }
  }
  for (const std::string &text : outputLayouts) {
    auto [name, layout] = StringRef(text).rsplit('=');
    if (name == text || name.empty()) {
      reportError("--output-layout=" + text + " is not NAME=nhwc or NAME=nchw");
      return std::nullopt;
    }
    options.import.outputLayouts[name.str()] = layout.str();
  }
  std::vector<std::string> shown(printAfter.begin(), printAfter.end());
  auto times = std::make_shared<PassTimes>();
  options.configure = [shown, times](mlir::PassManager &passes) {
    passes.enableTiming(times->root);
    if (!shown.empty())
      passes.enableIRPrinting(
          [](mlir::Pass *, mlir::Operation *) { return false; },
          [shown](mlir::Pass *pass, mlir::Operation *) { return is_contained(shown, pass->getArgument()); },
          /*printModuleScope=*/true, /*printAfterOnlyOnChange=*/false,
          /*printAfterOnlyOnFailure=*/false, errs());
    return mlir::applyPassManagerCLOptions(passes);
  };
  return options;
}

const std::string &outputArgument() { return output; }

Error checkOutputFile(StringRef path) {
  if (model.empty() || !sys::fs::equivalent(path, model))
    return Error::success();
  return createStringError("'" + path + "' is the model itself\nnote: give another name; the file would be lost");
}

Expected<std::unique_ptr<OutputFiles>> openOutputFile(StringRef path, StringRef example) {
  sys::fs::file_status there;
  if (path == "-" || sys::path::filename(path).empty() ||
      (!sys::fs::status(path, there) && !sys::fs::is_regular_file(there)))
    return createStringError("'" + path + "' is no file to write\nnote: for example -o " + example);
  if (Error error = checkOutputFile(path))
    return std::move(error);
  StringRef folder = sys::path::parent_path(path);
  if (std::error_code code = sys::fs::access(folder.empty() ? "." : folder, sys::fs::AccessMode::Write))
    return createStringError("cannot write '" + path + "': " + code.message());
  return OutputFiles::create(folder);
}

bool wantsJson() { return asJson; }

llvm::ArrayRef<std::string> remarkFilters() { return remarks; }

Progress::Progress() : isShown(errs().is_displayed()), start(now()) {}

Progress::~Progress() { eraseStatus(); }

void Progress::operator()(StringRef what) {
  if (!isShown || now() - start < 1)
    return;
  showStatus(what + " ...");
}

ProgressBar::ProgressBar(uint64_t total) : total(total), isShown(errs().is_displayed()), start(now()), last(start) {}

ProgressBar::~ProgressBar() { eraseStatus(); }

void ProgressBar::operator()(uint64_t done) {
  double time = now();
  if (!isShown || time - last < 0.1 || !total)
    return;
  last = time;
  constexpr uint64_t width = 30;
  uint64_t filled = std::min(width, width * done / total);
  std::string text = "[" + std::string(filled, '=') + std::string(width - filled, ' ') + "] " + std::to_string(done) +
                     " of " + std::to_string(total);
  if (done)
    text += formatv(", {0:f0} s left", (time - start) / double(done) * double(total - std::min(done, total)));
  showStatus(text);
}

/// A crash while another one is reported, which needs memory, ends with the same status. To be called before LLVM
/// handles signals: while it does, what was there before it is in force.
static void handleCrashesOfReports() {
  for (int number : {SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE})
    std::signal(number, [](int) { ::_exit(kInternalErrorStatus); });
}

/// A crash ends with the status of an internal error, after the stack was printed.
static void handleCrashes() {
  sys::AddSignalHandler([](void *) { ::_exit(kInternalErrorStatus); }, nullptr);
  std::signal(SIGXFSZ, SIG_IGN); // no crash: the write fails, and is reported
  install_fatal_error_handler([](void *, const char *reason, bool) {
    errs() << "nncc: internal error: " << reason << "\n" << kReportBug << "\n";
    std::abort();
  });
  // No message that needs memory. The machine may be too small, so it is no crash.
  install_bad_alloc_error_handler([](void *, const char *, bool) {
    static const char text[] = "nncc: error: out of memory\n"
                               "note: compile on a machine with more of it, or with smaller sizes (--dim)\n";
    (void)!::write(STDERR_FILENO, text, sizeof text - 1);
    sys::RunInterruptHandlers(); // removes files that are half written
    ::_exit(1);
  });
}

static const Command *findCommand(StringRef name) {
  auto found = find_if(commands, [&](const Command *command) { return name == command->name; });
  return found == std::end(commands) ? nullptr : *found;
}

static int reportUnknownCommand(StringRef name) {
  const Command *nearest = *min_element(commands, [&](const Command *a, const Command *b) {
    return name.edit_distance(a->name) < name.edit_distance(b->name);
  });
  bool isClose = name.edit_distance(nearest->name) <= 2;
  return reportError("unknown command '" + name + "'" +
                     (isClose ? Twine("\nnote: did you mean '") + nearest->name + "'?"
                              : Twine("\nnote: `nncc --help` lists the commands")));
}

static bool isHelpFlag(StringRef argument) { return argument == "--help" || argument == "-h" || argument == "-help"; }

/// Runs a command whose standard output goes to a file, which is there when it is complete and not before.
static int runIntoFile(const Command &command, std::string path) {
  if (Error error = checkOutputFile(path))
    return reportError(std::move(error));
  SmallString<128> temporary;
  int file = -1;
  sys::fs::file_status there;
  bool isDirect = !sys::fs::status(path, there) && !sys::fs::is_regular_file(there); // a pipe or device
  std::error_code code = isDirect ? sys::fs::openFileForWrite(path, file, sys::fs::CD_OpenExisting)
                                  : sys::fs::createUniqueFile(path + ".%%%%%%%%.tmp", file, temporary);
  if (code)
    return reportError("cannot write '" + path + "': " + code.message());
  if (!isDirect)
    sys::RemoveFileOnSignal(temporary);
  int terminal = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  outs().flush();
  ::dup2(file, STDOUT_FILENO);
  ::close(file);
  int status = command.run();
  outs().flush();
  code = outs().error();
  outs().clear_error();
  ::dup2(terminal, STDOUT_FILENO);
  ::close(terminal);
  if (isDirect)
    return code ? reportError("cannot write '" + path + "': " + code.message()) : status;
  if (!code && (status == 0 || status == kNumbersDiffer))
    code = sys::fs::rename(temporary, path);
  if (code || (status != 0 && status != kNumbersDiffer))
    sys::fs::remove(temporary);
  sys::DontRemoveFileOnSignal(temporary);
  return code ? reportError("cannot write '" + path + "': " + code.message()) : status;
}

static int runArguments(int argc, char **argv) {
  StringRef first = argc > 1 ? StringRef(argv[1]) : "--help", second = argc > 2 ? StringRef(argv[2]) : "";
  if (first == "--version") {
    outs() << "nncc " NNCC_VERSION " (LLVM " LLVM_VERSION_STRING ")\n";
    return 0;
  }
  bool wantsHelp = first == "--help" || first == "-h" || first == "help";
  if (wantsHelp && second == "--man") {
    printManual(outs());
    return 0;
  }
  if (wantsHelp && (second.empty() || first != "help")) {
    printOverview(outs());
    return argc > 1 ? 0 : 1;
  }
  StringRef name = wantsHelp ? second : first;
  const Command *command = findCommand(name);
  if (!command)
    return reportUnknownCommand(name);
  if (wantsHelp || any_of(ArrayRef(argv + 2, argc - 2), isHelpFlag)) {
    printHelp(*command, outs());
    return 0;
  }

  mlir::registerPassManagerCLOptions();
  mlir::registerAsmPrinterCLOptions();
  mlir::registerMLIRContextCLOptions();
  mlir::registerDefaultTimingManagerCLOptions();
  // Weights never flood a dump.
  std::vector<const char *> arguments{"nncc: error", "--mlir-elide-elementsattrs-if-larger=32",
                                      "--mlir-elide-resource-strings-if-larger=32"};
  arguments.insert(arguments.end(), argv + 2, argv + argc);
  if (std::string said = parseOptions(arguments); !said.empty())
    return reportError(parseErrorText(said, *command));
  if (int status = checkOptions(*command))
    return status;
  bool onlyPrints = command->printsReport || command == &completionCommand;
  if (onlyPrints && !output.empty() && output != "-")
    return runIntoFile(*command, output);
  return command->run();
}

int runCommandLine(int argc, char **argv) {
  setBugReportMsg(
      "nncc: internal error: this is a bug in nncc, not in your model; please report it with the model, the "
      "command and these lines\n");
  handleCrashesOfReports();
  InitLLVM init(argc, argv);
  handleCrashes();
  int status = runArguments(argc, argv);
  outs().flush();
  std::error_code code = outs().error();
  outs().clear_error();
  return code ? reportError("cannot write to standard output: " + code.message()) : status;
}

} // namespace nncc
