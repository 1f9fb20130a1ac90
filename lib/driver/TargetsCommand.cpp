// nncc targets: what --target, --cpu and --device may name.
#include "codegen/Target.h"
#include "codegen/mali/Gpus.h"
#include "lib/driver/CommandLine.h"
#include "lib/driver/Table.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace llvm;

namespace nncc {

namespace {

struct CpuRow {
  const CpuSpec *cpu;
  bool isDefault, isNative, runsHere;
};

std::vector<CpuRow> cpusOf(const TargetSpec &target) {
  const Architecture &architecture = *target.architecture;
  const CpuSpec *native = target.isHost() ? architecture.detectHost() : nullptr;
  std::vector<CpuRow> rows;
  for (const CpuSpec &cpu : architecture.cpus)
    rows.push_back({&cpu, target.cpu.name == StringRef(cpu.name), native && native->name == StringRef(cpu.name),
                    target.isHost() && architecture.canRun(cpu)});
  return rows;
}

/// How wide its vectors are, and what it has beyond them.
std::string featuresOf(const CpuSpec &cpu) {
  std::string text =
      std::to_string(cpu.machine.vectorBits) + "-bit vectors, " + std::to_string(cpu.machine.registers) + " registers";
  SmallVector<StringRef> features;
  StringRef(cpu.llvmFeatures).split(features, ',', -1, false);
  for (StringRef feature : features)
    if (feature.consume_front("+"))
      text += ", " + feature.str();
  if (any_of(cpu.machine.dots, [](const DotInstruction &dot) { return dot.rows == 2; }))
    text += ", int8 matrix products";
  else if (any_of(cpu.machine.dots, [](const DotInstruction &dot) { return dot.adds && dot.bits >= 128; }))
    text += ", int8 dot products";
  return text;
}

json::Value targetJson(const TargetSpec &target) {
  json::Array cpus;
  for (const CpuRow &row : cpusOf(target))
    cpus.push_back(json::Object{{"name", row.cpu->name},
                                {"llvm_cpu", row.cpu->llvmCpu},
                                {"llvm_features", row.cpu->llvmFeatures},
                                {"vector_bits", row.cpu->machine.vectorBits},
                                {"vector_registers", row.cpu->machine.registers},
                                {"l1_bytes", row.cpu->machine.l1Bytes},
                                {"l2_bytes", row.cpu->machine.l2Bytes},
                                {"default", row.isDefault},
                                {"native", row.isNative},
                                {"runs_here", row.runsHere}});
  return json::Object{{"name", target.name}, {"host", target.isHost()}, {"cpus", std::move(cpus)}};
}

void printTarget(const TargetSpec &target) {
  outs() << target.name << (target.isHost() ? " (this machine)" : "") << "\n";
  for (const CpuRow &row : cpusOf(target)) {
    std::string marks;
    for (auto [is, mark] : {std::pair(row.isDefault, "default"),
                            {row.isNative, "native"},
                            {target.isHost() && !row.runsHere, "not on this machine"}})
      if (is)
        marks += (marks.empty() ? " (" : ", ") + std::string(mark);
    outs() << "  " << left_justify(row.cpu->name, 16) << featuresOf(*row.cpu) << marks << (marks.empty() ? "" : ")")
           << "\n";
  }
}

int listTargets() {
  std::vector<TargetSpec> targets;
  for (StringRef name : targetNames())
    targets.push_back(cantFail(parseTarget(name, "")));
  if (wantsJson()) {
    json::Array list, gpus;
    for (const TargetSpec &target : targets)
      list.push_back(targetJson(target));
    for (StringRef name : gpuNames())
      gpus.push_back(name);
    outs() << formatv(
        "{0:2}\n",
        json::Value(json::Object{
            {"schema", "nncc-targets"}, {"version", 1}, {"targets", std::move(list)}, {"gpus", std::move(gpus)}}));
    return 0;
  }
  const Architecture *last = nullptr;
  for (const TargetSpec &target : targets) {
    if (target.architecture == last) {
      outs() << target.name << "\n  the same CPUs, default " << target.cpu.name << "\n";
      continue;
    }
    printTarget(target);
    last = target.architecture;
  }
  std::vector<std::string> gpus;
  for (StringRef name : gpuNames())
    gpus.push_back(name.str() + ",");
  gpus.push_back("or FILE.json with the numbers of one");
  outs() << "\n" << wrapped("GPUs of --device:", gpus, terminalColumns());
  return 0;
}

} // namespace

const Command targetsCommand = {
    .name = "targets",
    .summary = "the targets, their CPUs and GPUs",
    .overview = "Lists what --target, --cpu and --device may name, and which CPU --cpu=native stands for.",
    .run = listTargets,
    .category = targetsCategory,
    .isCompiler = false,
    .examples = "  nncc targets\n  nncc targets --json\n",
    .printsReport = true,
    .argument = ""};

} // namespace nncc
