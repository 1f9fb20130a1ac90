// nncc doctor: what of this machine's programs nncc can use, and what is missing for what.
#include "codegen/Target.h"
#include "lib/analyze/ChildProcess.h"
#include "lib/driver/CommandLine.h"
#include "lib/driver/Onnxruntime.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/DynamicLibrary.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Program.h"

using namespace llvm;

namespace nncc {

namespace {

/// Something that is there or not.
struct Finding {
  std::string name;
  bool isThere;
  std::string what; ///< where it is; else what to do
  std::string use;  ///< what it is for
};

Finding lookFor(StringRef name, ArrayRef<StringRef> programs, StringRef use, StringRef remedy) {
  for (StringRef program : programs)
    if (auto path = sys::findProgramByName(program))
      return {name.str(), true, *path, use.str()};
  return {name.str(), false, remedy.str(), use.str()};
}

Finding lookForCpu() {
  auto target = parseTarget("", "native", NativeCpu::Detect);
  std::string use = "running models here";
  if (target)
    return {"CPU", true, target->cpu.name, use};
  std::string message = toString(target.takeError());
  return {"CPU", false, StringRef(message).split('\n').first.str(), use};
}

/// Asks an interpreter for the versions of what `debug` and `validate` import.
Finding lookForOnnxruntime() {
  Finding finding{"onnxruntime", false, "python3 -m pip install onnxruntime onnx numpy",
                  "the reference of debug and validate"};
  auto python = findPython("");
  if (!python) {
    consumeError(python.takeError());
    return finding;
  }
  auto child =
      TalkingChild::start({*python, "-c",
                           "import sys\ntry:\n import numpy, onnx, onnxruntime\n print(onnxruntime.__version__)\n"
                           "except ImportError:\n print('')"});
  if (!child) {
    consumeError(child.takeError());
    return finding;
  }
  if (auto version = child->receiveLine(100); version && !version->empty()) {
    finding.isThere = true;
    finding.what = *version + " in " + *python;
  }
  return finding;
}

/// The archives that programs link beside a model lie beside this program.
Finding lookForRuntime() {
  std::string archive = besideProgram("lib/nncc/" + hostTargetName().str() + "/libnncc_pool.a");
  bool isThere = sys::fs::exists(archive);
  return {"runtime archives", isThere, isThere ? archive : "build or install all of nncc: " + archive + " is missing",
          "threads and GPUs in programs"};
}

Finding lookForVulkan() {
  std::string error;
  bool isThere = sys::DynamicLibrary::getPermanentLibrary("libvulkan.so.1", &error).isValid();
  return {"Vulkan", isThere, isThere ? "libvulkan.so.1" : "apt-get install libvulkan1, and the driver of the GPU",
          "run, bench and debug with --device=vulkan"};
}

std::vector<Finding> examine() {
  return {lookForCpu(),
          lookForRuntime(),
          lookFor("C compiler", {"cc", "gcc", "clang"}, "programs that use a library", "apt-get install gcc"),
          lookFor("C compiler for AArch64", {"aarch64-linux-gnu-gcc"}, "such programs for AArch64",
                  "apt-get install gcc-aarch64-linux-gnu, or clang with --target"),
          lookFor("CMake", {"cmake"}, "find_package(nncc)", "apt-get install cmake"),
          lookFor("qemu-aarch64", {"qemu-aarch64", "qemu-aarch64-static"}, "run, debug and validate for AArch64",
                  "apt-get install qemu-user"),
          lookForOnnxruntime(),
          lookForVulkan()};
}

int reportHealth() {
  std::vector<Finding> findings = examine();
  if (wantsJson()) {
    json::Array list;
    for (const Finding &finding : findings)
      list.push_back(json::Object{{"name", finding.name},
                                  {"found", finding.isThere},
                                  {"what", json::fixUTF8(finding.what)},
                                  {"for", finding.use}});
    outs() << formatv("{0:2}\n", json::Value(json::Object{{"schema", "nncc-doctor"},
                                                          {"version", 1},
                                                          {"nncc", NNCC_VERSION},
                                                          {"llvm", LLVM_VERSION_STRING},
                                                          {"host", hostTargetName()},
                                                          {"findings", std::move(list)}}));
    return 0;
  }
  outs() << "nncc " NNCC_VERSION " (LLVM " LLVM_VERSION_STRING ") on "
         << (hostTargetName().empty() ? "a machine that is no target" : hostTargetName()) << "\n\n";
  for (const Finding &finding : findings)
    outs() << (finding.isThere ? "  found    " : "  missing  ") << left_justify(finding.name, 24) << finding.what
           << "\n"
           << std::string(35, ' ') << "for " << finding.use << "\n";
  size_t missing = count_if(findings, [](const Finding &finding) { return !finding.isThere; });
  outs() << "\n" << (missing ? "Compiling needs none of what is missing.\n" : "Nothing is missing.\n");
  return 0;
}

} // namespace

const Command doctorCommand = {
    .name = "doctor",
    .summary = "what this machine has for nncc: CPU, emulator, Python, compilers",
    .overview =
        "Looks for everything that a command of nncc can use, and says what is missing for what, and how to get "
        "it. Changes nothing.",
    .run = reportHealth,
    .category = doctorCategory,
    .isCompiler = false,
    .examples = "  nncc doctor\n  nncc doctor --json\n",
    .printsReport = true,
    .argument = ""};

} // namespace nncc
