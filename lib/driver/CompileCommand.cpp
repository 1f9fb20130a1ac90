// nncc compile: the library, or the IR at a stage.
#include "codegen/ObjectCode.h"
#include "codegen/emit/BillOfMaterials.h"
#include "codegen/emit/DeviceProgram.h"
#include "codegen/emit/Identifiers.h"
#include "codegen/emit/ModelEntry.h"
#include "codegen/emit/OutputFiles.h"
#include "codegen/emit/WeightsFile.h"
#include "lib/driver/CommandLine.h"
#include "lib/driver/Depfile.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/Dump.h"
#include "lib/driver/OutputName.h"
#include "lib/driver/QuantizeModel.h"
#include "lib/driver/Remarks.h"
#include "lib/driver/SelfTest.h"
#include "lib/driver/Table.h"
#include "mlir/IR/OperationSupport.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace nncc {

namespace {

enum class Emit { Library, Shared, Object, Assembly, LLVM, MLIR, Spirv };

cl::opt<std::string> name("name", cl::desc("Prefix of all symbols and files (default: the file's name)"),
                          cl::value_desc("NAME"), cl::cat(compileCategory()), cl::cat(outputGroup()));
cl::list<std::string>
    renameOption("rename", cl::desc("Another name for an input or output in header and manifest; may be repeated"),
                 cl::value_desc("OLD=NEW"), cl::cat(compileCategory()), cl::cat(modelGroup()));
cl::opt<bool> lineInfo("g", cl::desc("Keep line information that maps code to node names"), cl::cat(compileCategory()),
                       cl::cat(outputGroup()));
cl::opt<Emit>
    emit("emit", cl::desc("What to write"), cl::init(Emit::Library),
         namedValues("emit", {clEnumValN(Emit::Library, "lib", "libNAME.a, NAME.h, NAME.json"),
                              clEnumValN(Emit::Shared, "shared", "libNAME.so instead of libNAME.a"),
                              clEnumValN(Emit::Object, "obj", "NAME.o and NAME.weights.o instead of libNAME.a"),
                              clEnumValN(Emit::Assembly, "asm", "assembly"), clEnumValN(Emit::LLVM, "llvm", "LLVM IR"),
                              clEnumValN(Emit::MLIR, "mlir", "the IR of nncc, at --stop-after"),
                              clEnumValN(Emit::Spirv, "spirv", "with --device: NAME.FUNCTION.spv, what the GPU runs")}),
         cl::cat(compileCategory()), cl::cat(outputGroup()));
cl::opt<Stage> stopAfter(ownOptionName("stop-after"), cl::desc("Stage of --emit=mlir"), cl::init(Stage::LLVM),
                         namedValues("stop-after", {clEnumValN(Stage::N1, "N1", "nn ops as imported"),
                                                    clEnumValN(Stage::N2, "N2", "kernels on tensors: fused"),
                                                    clEnumValN(Stage::P, "P", "kernels on memory: planned"),
                                                    clEnumValN(Stage::L1, "L1", "functions of linalg ops"),
                                                    clEnumValN(Stage::L2, "L2", "functions of vector code")}),
                         cl::cat(compileCategory()), cl::cat(developerGroup()));
enum class WeightsPlace { Embed, Extern };
cl::opt<WeightsPlace>
    weightsPlace("weights", cl::desc("Where the weights lie"), cl::init(WeightsPlace::Embed),
                 namedValues("weights", {clEnumValN(WeightsPlace::Embed, "embed", "in the library, in a section"),
                                         clEnumValN(WeightsPlace::Extern, "extern",
                                                    "in NAME.weights, which the program gives to NAME_init")}),
                 cl::cat(compileCategory()), cl::cat(outputGroup()));
cl::opt<bool> selfTest("self-test",
                       cl::desc("Also write NAME.selftest.c: what every kernel computes here, to be compared on the "
                                "board; with inputs of --input NAME=FILE, or ones that the board makes by itself"),
                       cl::cat(compileCategory()), cl::cat(outputGroup()));
cl::opt<bool>
    sbom("sbom",
         cl::desc("Also write NAME.cdx.json, a bill of materials (CycloneDX): the files read and written with "
                  "their SHA-256, what nncc put into the library, compilers and licenses"),
         cl::cat(compileCategory()), cl::cat(outputGroup()));
cl::opt<std::string> depfile("depfile", cl::desc("Write a rule for make and Ninja that names every file read"),
                             cl::value_desc("FILE"), cl::cat(compileCategory()), cl::cat(outputGroup()));

/// The file that says what a folder's output was made from.
std::string originFileName(StringRef prefix) {
  switch (emit) {
  case Emit::Library:
  case Emit::Shared:
  case Emit::Object:
    return (prefix + ".json").str();
  case Emit::Assembly:
    return (prefix + ".s").str();
  case Emit::LLVM:
    return (prefix + ".ll").str();
  case Emit::MLIR:
    return (prefix + ".mlir").str();
  case Emit::Spirv:
    return (prefix + ".modules").str();
  }
  llvm_unreachable("no such output");
}

/// Writes one text to a folder, behind a comment that says what it was made from, or to standard output.
int writeText(const CompileOptions &options, OutputFiles *files, StringRef comment,
              function_ref<void(raw_ostream &)> print) {
  if (!files) {
    eraseStatus();
    print(outs());
    return 0;
  }
  auto origin = originLine(options, comment);
  if (!origin)
    return reportError(origin.takeError());
  Error error = files->write(originFileName(libraryName(options)), [&](raw_ostream &os) {
    os << *origin;
    print(os);
    return Error::success();
  });
  if (!error)
    error = files->commit();
  return error ? reportError(std::move(error)) : 0;
}

/// The file of a variant of a function that the GPU runs.
std::string moduleFileName(StringRef prefix, StringRef function, const nncc_device_variant &variant) {
  StringRef suffix = variant.features & NNCC_GPU_FLOAT16     ? ".float16.spv"
                     : variant.features & NNCC_GPU_STORAGE16 ? ".storage16.spv"
                                                             : ".spv";
  return (prefix + "." + function + suffix).str();
}

/// Writes which modules there are, a line each, with the kernels that they run.
void printModules(const ModelPlan &plan, StringRef prefix, raw_ostream &os) {
  const DeviceProgram &program = *plan.device;
  for (auto [name, function] : zip(program.functionNames, program.functions))
    for (const nncc_device_variant &variant :
         ArrayRef(program.variants).slice(function.first_variant, function.num_variants)) {
      os << moduleFileName(prefix, name, variant);
      for (const KernelPlan &kernel : plan.kernels)
        if (kernel.deviceFunction == name)
          os << ' ' << kernel.name;
      os << '\n';
    }
}

/// Writes a module for each function that the GPU runs, and says how Arm's offline compiler is asked about them.
int emitModules(const CompileOptions &options, const ModelPlan &plan, OutputFiles &files) {
  if (!plan.device) {
    std::string reasons;
    for (const KernelPlan &kernel : plan.kernels)
      reasons += "\nnote: " + kernel.name + ": " + kernel.placed;
    return reportError("no kernel of the model runs on the GPU" + reasons);
  }
  const DeviceProgram &program = *plan.device;
  std::string prefix = libraryName(options), first;
  for (auto [name, function] : zip(program.functionNames, program.functions))
    for (const nncc_device_variant &variant :
         ArrayRef(program.variants).slice(function.first_variant, function.num_variants)) {
      std::string fileName = moduleFileName(prefix, name, variant);
      if (first.empty())
        first = fileName;
      if (Error error = files.write(fileName, [&](raw_ostream &os) {
            auto words = ArrayRef(program.words).slice(variant.first_word, variant.num_words);
            os.write(reinterpret_cast<const char *>(words.data()), words.size() * sizeof(uint32_t));
            return Error::success();
          }))
        return reportError(std::move(error));
    }
  if (int status = writeText(options, &files, "#", [&](raw_ostream &os) { printModules(plan, prefix, os); }))
    return status;
  StringRef gpu = plan.gpu;
  bool isArms = gpu.consume_front("mali-g");
  outs() << program.functions.size() << " modules; Arm's offline compiler on one of them:\n  malioc --vulkan --spirv "
         << "--compute --core Mali-G" << (isArms ? gpu : "610") << " " << files.pathOf(first) << "\n";
  return 0;
}

/// Writes NAME.selftest.c; returns the exit status.
int emitSelfTest(const CompileOptions &options, const ModelPlan &plan, const GivenInputs &given, OutputFiles &files) {
  auto test = makeSelfTest(plan, options, given);
  if (!test)
    return 1;
  Error error = files.write(plan.name + ".selftest.c", [&](raw_ostream &os) {
    writeSelfTest(plan, *test, os);
    return Error::success();
  });
  return error ? reportError(std::move(error)) : 0;
}

/// An error for a file that was read and has no hash any more: a pipe gives what is in it once.
Error checkHasHash(StringRef path) {
  if (sys::fs::is_regular_file(path))
    return Error::success();
  return createStringError("--sbom: '" + path + "' is no regular file, and cannot be read again for its hash");
}

/// Writes NAME.cdx.json, about the files that were read and all that are to be committed.
Error emitBillOfMaterials(const ModelPlan &plan, ArrayRef<std::string> filesRead, OutputFiles &files) {
  SmallVector<FileDigest> sources, outputs;
  auto add = [](SmallVectorImpl<FileDigest> &digests, StringRef name, StringRef path) -> Error {
    Expected<std::string> hash = hashOfFile(path);
    if (!hash)
      return hash.takeError();
    digests.push_back({sys::path::filename(name).str(), std::move(*hash)});
    return Error::success();
  };
  for (const std::string &path : filesRead) {
    if (Error error = checkHasHash(path))
      return error;
    if (Error error = add(sources, path, path))
      return error;
  }
  for (const OutputFiles::Written &file : files.written())
    if (Error error = add(outputs, file.name, file.temporary))
      return error;
  return files.write(billOfMaterialsFileName(plan), [&](raw_ostream &os) {
    writeBillOfMaterials(plan, sources, outputs, os);
    return Error::success();
  });
}

/// A line for people: scripts read the manifest.
void printSizes(const ModelPlan &plan, const LibraryFacts &facts, StringRef path) {
  eraseStatus();
  uint64_t bytes = 0;
  for (const LibraryFacts::Section &section : facts.sections)
    bytes += section.bytes;
  outs() << path << ": " << bytesText(bytes) << " of code and constants";
  if (plan.weightsBytes)
    outs() << (plan.externWeights ? " and beside it " : ", of them ") << bytesText(plan.weightsBytes) << " of weights";
  outs() << "; " << bytesText(plan.arenaBytes) << " of working memory; " << plan.numSteps() << " kernels for "
         << plan.target << " " << plan.cpu << "\n";
}

int compileModel() {
  bool isText = emit == Emit::Assembly || emit == Emit::LLVM || emit == Emit::MLIR;
  if (!depfile.empty() && emit != Emit::Library && emit != Emit::Shared)
    return reportError("--depfile needs --emit=lib or shared: its rule is that of the library");
  if (stopAfter.getNumOccurrences() && emit != Emit::MLIR)
    return reportError("--stop-after needs --emit=mlir");
  auto options = sharedOptions(NativeCpu::Refuse);
  if (!options)
    return 1;
  if ((isText || emit == Emit::Spirv) && !options->cpus.empty())
    return reportError("--emit=" +
                       Twine(emit == Emit::Assembly ? "asm"
                             : emit == Emit::LLVM   ? "llvm"
                             : emit == Emit::MLIR   ? "mlir"
                                                    : "spirv") +
                       " shows the code of one CPU\nnote: for example --cpu=" + options->cpus.front().name);
  if (emit == Emit::Spirv && !options->gpu)
    return reportError("--emit=spirv needs --device\nnote: for example --device=mali-g610");
  if (options->vulkanDevice)
    return reportError("--device=vulkan names no GPU to compile for: it is for run, bench and debug, on this machine\n"
                       "note: for example --device=mali");
  if (outputArgument().empty() && !isText)
    return reportError("no output folder given\nnote: nncc compile " + modelArgument() + " -o out");
  if (!name.empty() && modelIdentifier(name) != name)
    return reportError("--name=" + name +
                       " is no C identifier that a library can use\nnote: for example --name=" + modelIdentifier(name));
  options->name = name;
  for (const std::string &text : renameOption) {
    auto [old, renamed] = StringRef(text).rsplit('=');
    if (old.empty() || renamed.empty() || old == text)
      return reportError("--rename=" + text + " is not OLD=NEW\nnote: for example --rename input.1=image");
    if (!options->renames.insert({old.str(), renamed.str()}).second)
      return reportError("--rename " + old + " is given twice");
  }
  bool writesLibrary = emit == Emit::Library || emit == Emit::Shared || emit == Emit::Object;
  if (sbom && !writesLibrary)
    return reportError("--sbom needs --emit=lib, shared or obj: it says what a library is made of");
  if (selfTest && !writesLibrary)
    return reportError("--self-test needs --emit=lib, shared or obj: it is a test of a library");
  if (selfTest && !options->cpus.empty())
    return reportError("--self-test is of one CPU: it knows kernels by their numbers, which the chosen CPU decides\n"
                       "note: for example --cpu=" +
                       StringRef(options->cpus.front().name));
  if (auto files = inputFiles(); !selfTest && !files.empty())
    return reportError("--input=" + files.front() +
                       " is no format that begins with u8, s8 or f32\n"
                       "note: for example --input image=u8,nhwc,mean=127.5,scale=0.0078125\n"
                       "note: the values of inputs go with --self-test");
  std::vector<std::string> filesRead = {options->model};
  if (!options->tuningFile.empty())
    filesRead.push_back(options->tuningFile);
  // What can be known before the work is said before it; that a file is missing, where it is read.
  if (sbom)
    for (const std::string &path : filesRead)
      if (Error error = sys::fs::exists(path) ? checkHasHash(path) : Error::success())
        return reportError(std::move(error));
  options->import.onFile = [&](StringRef path) { filesRead.push_back(path.str()); };
  auto given = readGivenInputs(*options);
  if (!given)
    return 1;
  for (auto &[name, array] : *given)
    options->import.inputShapes[name] = array.shape;
  options->lineInfo = lineInfo;
  options->form = emit == Emit::Shared   ? LibraryForm::Shared
                  : emit == Emit::Object ? LibraryForm::Objects
                                         : LibraryForm::Archive;
  options->externWeights = weightsPlace == WeightsPlace::Extern;
  bool needsNoCode = emit == Emit::MLIR || emit == Emit::Spirv;
  options->stopAfter = needsNoCode && stopAfter == Stage::LLVM ? Stage::L2 : stopAfter;

  auto context = makeContext();
  DiagnosticPrinter printer(*context, options->model, terminalSink());
  if (failed(enableRemarks(*context)))
    return 1;
  Progress progress;
  options->progress = std::ref(progress);

  if (Error error = checkLibraryForm(*options))
    return reportError(std::move(error));
  std::string prefix = libraryName(*options);
  // An unusable folder is said before the work, not after.
  std::unique_ptr<OutputFiles> files;
  bool isShown = isText && (outputArgument().empty() || outputArgument() == "-");
  if (!isShown) {
    auto created = OutputFiles::create(outputArgument());
    if (!created)
      return reportError(created.takeError());
    files = std::move(*created);
  }
  if (int status = quantizeIfAsked(*options))
    return status;
  if (!isShown)
    if (Error error = checkLibraryName(*options, outputArgument(), originFileName(prefix)))
      return reportError(std::move(error));
  auto compilation = compile(*options, *context);
  if (failed(compilation))
    return printer.exitStatus();
  if (emit == Emit::MLIR && files && options->stopAfter == Stage::N1) {
    // This stage is a model as it was read: what people make of it can be compiled again.
    auto [text, weights] = writeDump(*compilation->module);
    Error error = files->write(dumpWeightsPath(originFileName(prefix)), [&, &rest = weights](raw_ostream &os) {
      os << rest;
      return Error::success();
    });
    return error ? reportError(std::move(error))
                 : writeText(*options, files.get(), "//", [&, &shown = text](raw_ostream &os) { os << shown; });
  }
  if (emit == Emit::MLIR)
    return writeText(*options, files.get(), "//", [&](raw_ostream &os) {
      mlir::OpPrintingFlags flags;
      flags.elideLargeElementsAttrs(32).elideLargeResourceString(32);
      compilation->module->print(os, flags);
    });
  if (emit == Emit::Spirv)
    return emitModules(*options, compilation->plan, *files);
  if (emit == Emit::Assembly || emit == Emit::LLVM) {
    // The entry points too: without them nothing would call the kernels.
    if (Error error = addModelEntry(*compilation->llvmModule, compilation->plan, emitOptions(*options).cpuRequired))
      return reportError(std::move(error));
    ObjectOptions form;
    form.keepLineInfo = lineInfo;
    form.form = emit == Emit::Assembly ? CodeForm::Assembly : CodeForm::LLVM;
    auto text = compileToObject(*compilation->llvmModule, options->target, form);
    if (!text)
      return reportError(text.takeError());
    // All assemblers take # in the first column for a comment.
    return writeText(*options, files.get(), emit == Emit::Assembly ? "#" : ";",
                     [&](raw_ostream &os) { os << StringRef(text->data(), text->size()); });
  }
  if (lineInfo)
    for (const NodeLines &lines : compilation->nodeLines)
      if (Error error = files->write(lines.fileName, [&](raw_ostream &os) {
            os << lines.text;
            return Error::success();
          }))
        return reportError(std::move(error));
  auto hash = hashOfModel(*options), ofFile = hashOfQuantizedFile(*options);
  if (Error error = joinErrors(hash.takeError(), ofFile.takeError()))
    return reportError(std::move(error));
  compilation->plan.sourceHash = std::move(*hash);
  compilation->plan.fileHash = std::move(*ofFile);
  // LLD, which links shared libraries, resets all options of LLVM's command line.
  EmitOptions emitting = emitOptions(*options);
  const std::string rulePath = depfile;
  const bool writesBill = sbom;
  if (selfTest)
    if (int status = emitSelfTest(*options, compilation->plan, *given, *files))
      return status;
  auto facts = emitLibrary(std::move(compilation->llvmModule), compilation->plan, emitting, *files);
  if (!facts)
    return reportError(facts.takeError());
  if (writesBill)
    if (Error error = emitBillOfMaterials(compilation->plan, filesRead, *files))
      return reportError(std::move(error));
  std::unique_ptr<OutputFiles> rule;
  if (!rulePath.empty()) {
    std::vector<std::string> targets{files->pathOf(libraryFileName(compilation->plan))};
    if (options->externWeights)
      targets.push_back(files->pathOf(weightsFileName(compilation->plan)));
    auto written = writeDepfile(rulePath, targets, filesRead);
    if (!written)
      return reportError(written.takeError());
    rule = std::move(*written);
  }
  Error error = files->commit();
  if (!error && rule)
    error = rule->commit();
  if (error)
    return reportError(std::move(error));
  if (outs().is_displayed())
    printSizes(compilation->plan, *facts, files->pathOf(libraryFileName(compilation->plan)));
  return 0;
}

} // namespace

const Command compileCommand = {
    .name = "compile",
    .summary = "write libNAME.a, NAME.h and NAME.json",
    .overview = "Compiles a model to a static library, a C header and a manifest.\n\n"
                "The library needs memcpy, memset and memmove at most, no heap and no runtime; docs/using-in-c.md "
                "shows how to call it. All files are written, or none.\n\n"
                "targets: x86_64-linux-gnu, aarch64-linux-gnu, aarch64-linux-android, aarch64-none-elf; "
                "`nncc targets` lists their CPUs.",
    .run = compileModel,
    .category = compileCategory,
    .takesData = true,
    .examples = "  nncc compile model.onnx -o out --target=aarch64-linux-gnu --cpu=cortex-a53\n"
                "  nncc compile model.onnx -o out --input image=u8,nhwc,mean=127.5,scale=0.0078125\n"};

} // namespace nncc
