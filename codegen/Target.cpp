// Finding targets and CPUs by name, and setting up LLVM for them.
#include "codegen/Target.h"
#include "codegen/aarch64/Machines.h"
#include "codegen/x86_64/Machines.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include <mutex>

using namespace nncc;
using llvm::StringRef;

namespace {
/// One line of Targets.def.
struct TargetLine {
  StringRef name, triple;
  const Architecture &(*architecture)();
  StringRef defaultCpu;
};
struct NonGoalLine {
  StringRef prefix, what;
};
} // namespace

static const TargetLine targetLines[] = {
#define NNCC_TARGET(name, llvmTriple, architecture, defaultCpu) {name, llvmTriple, architecture, defaultCpu},
#include "codegen/Targets.def"
};
static const NonGoalLine nonGoals[] = {
#define NNCC_NON_GOAL(prefix, what) {prefix, what},
#include "codegen/Targets.def"
};

/// LLVM registers the code generators of a shared libLLVM one by one; only
/// those that nncc has are started.
static void startCodeGenerators() {
  static std::once_flag once;
  std::call_once(once, [] {
#define NNCC_ARCHITECTURE(function, llvmName)                                                                          \
  LLVMInitialize##llvmName##TargetInfo();                                                                              \
  LLVMInitialize##llvmName##Target();                                                                                  \
  LLVMInitialize##llvmName##TargetMC();                                                                                \
  LLVMInitialize##llvmName##AsmPrinter();                                                                              \
  LLVMInitialize##llvmName##AsmParser();                                                                               \
  LLVMInitialize##llvmName##Disassembler();
#include "codegen/Targets.def"
  });
}

static llvm::Error userError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// What a name stands for that nncc never means to support, or an empty string.
static StringRef nonGoal(StringRef name) {
  for (const NonGoalLine &line : nonGoals)
    if (name.starts_with_insensitive(line.prefix))
      return line.what;
  if (name.contains_insensitive("darwin") || name.contains_insensitive("macos") || name.contains_insensitive("apple"))
    return "macOS";
  if (name.contains_insensitive("windows") || name.contains_insensitive("mingw") || name.contains_insensitive("msvc"))
    return "Windows";
  return "";
}

/// The first line of the refusal of `--option=name`.
static std::string refusal(StringRef option, StringRef name, StringRef unknown) {
  StringRef what = nonGoal(name);
  std::string reason = what.empty() ? " " + unknown.str() : ": " + what.str() + " is not a target of nncc, by choice";
  return ("--" + option + "=" + name + reason).str();
}

/// `x86_64-unknown-linux-gnu` and `x86_64-pc-linux-gnu` are what other tools
/// call `x86_64-linux-gnu`.
static std::string withoutVendor(StringRef target) {
  auto [arch, rest] = target.split('-');
  auto [vendor, system] = rest.split('-');
  if (!system.empty() && (vendor == "unknown" || vendor == "pc"))
    return (arch + "-" + system).str();
  return target.str();
}

llvm::SmallVector<StringRef> nncc::targetNames() {
  llvm::SmallVector<StringRef> names;
  for (const TargetLine &line : targetLines)
    names.push_back(line.name);
  return names;
}

llvm::SmallVector<StringRef> nncc::cpuNames(const Architecture &architecture) {
  llvm::SmallVector<StringRef> names;
  for (const CpuSpec &cpu : architecture.cpus)
    names.push_back(cpu.name);
  return names;
}

StringRef nncc::hostTargetName() {
#if defined(__x86_64__) && defined(__linux__)
  return "x86_64-linux-gnu";
#elif defined(__aarch64__) && defined(__linux__)
  return "aarch64-linux-gnu";
#else
  return "";
#endif
}

static bool hasCpu(const TargetLine &line, StringRef cpu) {
  return llvm::any_of(line.architecture().cpus, [&](const CpuSpec &known) { return known.name == cpu; });
}

/// The target of nobody's choice: this machine, or the first that has a CPU which this machine's architecture has not.
/// `generic` names no CPU.
static StringRef defaultTarget(StringRef cpu) {
  StringRef host = hostTargetName();
  auto isHost = [&](const TargetLine &line) { return line.name == host; };
  const TargetLine *here = llvm::find_if(targetLines, isHost);
  if (cpu.empty() || cpu == "generic" || (here != std::end(targetLines) && hasCpu(*here, cpu)))
    return host;
  const TargetLine *other = llvm::find_if(targetLines, [&](const TargetLine &line) { return hasCpu(line, cpu); });
  return other == std::end(targetLines) ? host : other->name;
}

bool TargetSpec::isHost() const { return name == hostTargetName(); }

llvm::Expected<TargetSpec> nncc::parseTarget(StringRef targetName, StringRef cpuName, NativeCpu native) {
  std::string validTargets = "\nnote: the targets are " + llvm::join(targetNames(), ", ");
  bool isChosen = !targetName.empty();
  if (!isChosen)
    targetName = defaultTarget(cpuName);
  if (targetName.empty())
    return userError("no --target given, and this machine is none of them" + validTargets);

  std::string plainName = withoutVendor(targetName);
  const TargetLine *line =
      llvm::find_if(targetLines, [&](const TargetLine &candidate) { return candidate.name == plainName; });
  if (line == std::end(targetLines))
    return userError(refusal("target", targetName, "is unknown") + validTargets);

  const Architecture &architecture = line->architecture();
  std::string validCpus = "\nnote: its CPUs are " + llvm::join(cpuNames(architecture), ", ");
  if (cpuName == "native") {
    if (native == NativeCpu::Refuse)
      return userError("--cpu=native is for run and bench only: what is compiled must not depend on this machine" +
                       validCpus);
    if (line->name != hostTargetName())
      return userError("--cpu=native needs the target of this machine, not " + line->name + validCpus);
    const CpuSpec *host = architecture.detectHost();
    if (!host)
      return userError("this machine is less than " + llvm::Twine(architecture.cpus.front().name) +
                       ", which nncc needs to run models on it");
    return TargetSpec{line->name.str(), llvm::Triple(line->triple), &architecture, *host};
  }
  if (cpuName.empty())
    cpuName = line->defaultCpu;
  for (const CpuSpec &cpu : architecture.cpus)
    if (cpuName == cpu.name)
      return TargetSpec{line->name.str(), llvm::Triple(line->triple), &architecture, cpu};
  return userError(refusal("cpu", cpuName, ("is unknown for " + line->name).str()) + validCpus +
                   (isChosen ? "" : "; `nncc targets` lists those of every target"));
}

llvm::Expected<llvm::SmallVector<TargetSpec>> nncc::parseTargets(StringRef targetName, StringRef cpus,
                                                                 NativeCpu native) {
  llvm::SmallVector<StringRef> names;
  cpus.split(names, ',');
  if (targetName.empty() && names.size() > 1) // `generic` is a CPU of several targets
    if (auto named = llvm::find_if(names, [](StringRef name) { return name != "generic"; }); named != names.end())
      targetName = defaultTarget(*named);
  llvm::SmallVector<TargetSpec> targets;
  for (auto [i, name] : llvm::enumerate(names)) {
    if (names.size() > 1 &&
        (name.empty() || name == "native" || llvm::is_contained(llvm::ArrayRef(names).take_front(i), name)))
      return userError("--cpu=" + cpus +
                       (name.empty()       ? " has no name beside a comma"
                        : name == "native" ? ": native does not go with others"
                                           : " has " + name.str() + " twice") +
                       "\nnote: for example --cpu=cortex-a53,cortex-a76");
    auto target = parseTarget(targetName, name, native);
    if (!target)
      return target.takeError();
    targets.push_back(std::move(*target));
  }
  return targets;
}

TargetSpec nncc::withCpu(const TargetSpec &target, const CpuSpec &cpu) {
  return {target.name, target.triple, target.architecture, cpu};
}

TargetSpec nncc::leastCpu(const TargetSpec &target) { return withCpu(target, target.architecture->cpus.front()); }

std::unique_ptr<llvm::TargetMachine> nncc::createTargetMachine(const TargetSpec &target) {
  startCodeGenerators();
  std::string error;
  const llvm::Target *generator = llvm::TargetRegistry::lookupTarget(target.triple, error);
  if (!generator)
    llvm::report_fatal_error(llvm::StringRef(error)); // LLVM was built without a target of Targets.def
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard; // only what has the flag `contract`, or is an fma already
  options.EmitStackSizeSection = true;                  // the stack bound is computed from it
  options.FunctionSections = true; // a call between sections is a relocation: the static call graph can be read
  options.DataSections = true;     // linkers drop M_model where a program does not use it
  // Bare metal has no loader that would process relocations of constant data.
  llvm::Reloc::Model relocation = target.isLinux() ? llvm::Reloc::PIC_ : llvm::Reloc::Static;
  return std::unique_ptr<llvm::TargetMachine>(
      generator->createTargetMachine(target.triple, target.cpu.llvmCpu, target.cpu.llvmFeatures, options, relocation,
                                     /*CM=*/std::nullopt, llvm::CodeGenOptLevel::Default));
}
