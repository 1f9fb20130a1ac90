// The C interface of include/nncc/compiler.h: what `nncc compile` does, called from a program.
#include "codegen/emit/OutputFiles.h"
#include "lib/driver/Compile.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/OutputName.h"
#include "lib/support/InternalError.h"
#include "nncc/compiler.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/Module.h"
#include <algorithm>
#include <cstddef>
#include <cstring>

using namespace llvm;

namespace {

class Request {
public:
  explicit Request(const nncc_compile_options &options) : options(options) {}

  nncc_compile_status run() {
    nncc::CompileOptions compileOptions;
    compileOptions.model = options.model;
    compileOptions.name = options.name ? options.name : "";
    compileOptions.lineInfo = options.debug_info != 0;
    auto targets = nncc::parseTargets(options.target ? options.target : "", options.cpu ? options.cpu : "");
    if (!targets)
      return fail(toString(targets.takeError()));
    compileOptions.target = targets->front();
    if (targets->size() > 1)
      for (const nncc::TargetSpec &target : *targets)
        compileOptions.cpus.push_back(target.cpu);
    for (size_t i = 0; i < options.num_dims; ++i) {
      auto [name, value] = StringRef(options.dims[i]).split('=');
      int64_t size = 0;
      if (name.empty() || value.getAsInteger(10, size) || size < 1)
        return fail("dim '" + Twine(options.dims[i]) + "' is not NAME=N with a size of at least 1");
      compileOptions.import.dims[name.str()] = size;
    }
    for (size_t i = 0; i < options.num_binds; ++i) {
      auto [name, value] = StringRef(options.binds[i]).split('=');
      if (name.empty() || value.empty())
        return fail("bind '" + Twine(options.binds[i]) + "' is not INPUT=VALUE");
      compileOptions.import.binds[name.str()] = value.str();
    }

    for (size_t i = 0; i < options.num_inputs; ++i) {
      auto [name, format] = StringRef(options.inputs[i]).split('=');
      if (name.empty() || format.empty())
        return fail("input '" + Twine(options.inputs[i]) + "' is not NAME=FORMAT");
      compileOptions.import.inputFormats[name.str()] = format.str();
    }
    for (size_t i = 0; i < options.num_output_layouts; ++i) {
      auto [name, layout] = StringRef(options.output_layouts[i]).rsplit('=');
      if (name.empty() || layout.empty())
        return fail("output layout '" + Twine(options.output_layouts[i]) + "' is not NAME=nhwc or NAME=nchw");
      compileOptions.import.outputLayouts[name.str()] = layout.str();
    }
    for (size_t i = 0; i < options.num_shapes; ++i) {
      auto shape = nncc::ImportOptions::parseShape(options.shapes[i]);
      if (!shape)
        return fail("shape '" + Twine(options.shapes[i]) + "' is not NAME=N,N,... with sizes of at least 1");
      if (!compileOptions.import.inputShapes.insert(std::move(*shape)).second)
        return fail("shape '" + Twine(options.shapes[i]) + "' is the second of its input");
    }
    compileOptions.import.begin.assign(options.begin, options.begin + options.num_begin);
    compileOptions.import.end.assign(options.end, options.end + options.num_end);
    for (size_t i = 0; i < options.num_renames; ++i) {
      auto [old, renamed] = StringRef(options.renames[i]).rsplit('=');
      if (old.empty() || renamed.empty())
        return fail("rename '" + Twine(options.renames[i]) + "' is not OLD=NEW");
      if (!compileOptions.renames.insert({old.str(), renamed.str()}).second)
        return fail("rename '" + Twine(options.renames[i]) + "' is the second of its name");
    }
    compileOptions.optimize = options.optimize_for_size ? nncc::Optimize::Size : nncc::Optimize::Speed;
    if (Error error = joinErrors(nncc::setArenaSlack(options.arena_slack ? options.arena_slack : "", compileOptions),
                                 nncc::setTuning(options.tuning ? options.tuning : "", compileOptions)))
      return fail(toString(std::move(error)));
    StringRef floats = options.float_format ? options.float_format : "f32";
    auto format = StringSwitch<std::optional<nncc::FloatFormat>>(floats)
                      .Case("f32", nncc::FloatFormat::F32)
                      .Case("f16", nncc::FloatFormat::F16)
                      .Case("f16-arithmetic", nncc::FloatFormat::F16Arithmetic)
                      .Default(std::nullopt);
    if (!format)
      return fail("float format '" + floats + "' is none of f32, f16, f16-arithmetic");
    if (Error error = nncc::setFloats(*format, compileOptions))
      return fail(toString(std::move(error)));
    compileOptions.externWeights = options.extern_weights != 0;
    compileOptions.form = options.shared_library ? nncc::LibraryForm::Shared : nncc::LibraryForm::Archive;
    if (Error error = nncc::checkLibraryForm(compileOptions))
      return fail(toString(std::move(error)));

    auto context = nncc::makeContext();
    nncc::DiagnosticPrinter printer(*context, options.model, [this](nncc::Severity severity, const std::string &text) {
      send(severity == nncc::Severity::Error     ? NNCC_ERROR
           : severity == nncc::Severity::Warning ? NNCC_WARNING
                                                 : NNCC_NOTE,
           text);
    });
    if (Error error = compileTo(options.output_directory, compileOptions, *context))
      printer.report(std::move(error));
    else if (isWritten)
      return NNCC_COMPILE_OK;
    return printer.exitStatus() == nncc::kInternalErrorStatus ? NNCC_COMPILE_INTERNAL_ERROR : NNCC_COMPILE_ERROR;
  }

private:
  /// Sets `isWritten` when all files are there; a failure of the compiler itself is reported as diagnostics.
  Error compileTo(const char *folder, const nncc::CompileOptions &compileOptions, mlir::MLIRContext &context) {
    auto files = nncc::OutputFiles::create(folder);
    if (!files)
      return files.takeError();
    if (Error error = nncc::checkLibraryName(compileOptions, folder, nncc::libraryName(compileOptions) + ".json"))
      return error;
    auto compilation = nncc::compile(compileOptions, context);
    if (failed(compilation))
      return Error::success();
    auto hash = nncc::hashOfFile(compileOptions.model);
    if (!hash)
      return hash.takeError();
    compilation->plan.sourceHash = std::move(*hash);
    auto facts = nncc::emitLibrary(std::move(compilation->llvmModule), compilation->plan,
                                   nncc::emitOptions(compileOptions), **files);
    if (!facts)
      return facts.takeError();
    if (Error error = (*files)->commit())
      return error;
    isWritten = true;
    return Error::success();
  }

  void send(nncc_severity severity, const std::string &text) {
    if (options.on_message)
      options.on_message(options.user, severity, text.c_str());
  }

  nncc_compile_status fail(const Twine &message) {
    // Notes are lines of their own.
    SmallVector<StringRef> lines;
    std::string text = message.str();
    StringRef(text).split(lines, '\n');
    for (auto [index, line] : enumerate(lines))
      send(index ? NNCC_NOTE : NNCC_ERROR, index ? line.str() : ("nncc: error: " + line).str());
    return NNCC_COMPILE_ERROR;
  }

  const nncc_compile_options &options;
  bool isWritten = false;
};

} // namespace

extern "C" nncc_compile_status nncc_compile(const nncc_compile_options *given) {
  // Programs of the first version end before `inputs`.
  if (!given || given->size < offsetof(nncc_compile_options, inputs))
    return NNCC_COMPILE_BAD_ARGUMENT;
  nncc_compile_options options = {};
  std::memcpy(&options, given, std::min<size_t>(given->size, sizeof options));
  if (!options.model || !options.output_directory || (options.num_dims && !options.dims) ||
      (options.num_binds && !options.binds) || (options.num_inputs && !options.inputs) ||
      (options.num_output_layouts && !options.output_layouts) || (options.num_shapes && !options.shapes) ||
      (options.num_renames && !options.renames))
    return NNCC_COMPILE_BAD_ARGUMENT;
  return Request(options).run();
}

extern "C" const char *nncc_host_cpu(void) {
  static const std::string name = [] {
    auto target = nncc::parseTarget("", "native", nncc::NativeCpu::Detect);
    return target ? std::string(target->cpu.name) : (consumeError(target.takeError()), std::string());
  }();
  return name.empty() ? nullptr : name.c_str();
}

extern "C" const char *nncc_version(void) { return NNCC_VERSION; }
