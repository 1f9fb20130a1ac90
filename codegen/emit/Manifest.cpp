// The manifest of a generated library: M.json, for tools and build systems.
#include "codegen/emit/Manifest.h"
#include "codegen/emit/DeviceProgram.h"
#include "codegen/emit/ModelEntry.h"
#include "codegen/emit/PortType.h"
#include "codegen/emit/WeightsFile.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace nncc;

namespace {
/// JSON text is UTF-8; names in a file need not be.
json::Value text(StringRef value) { return json::fixUTF8(value); }

void writeShape(json::OStream &json, StringRef key, ArrayRef<int64_t> values) {
  json.attributeArray(key, [&] {
    for (int64_t value : values)
      json.value(value);
  });
}

void writeStrings(json::OStream &json, StringRef key, ArrayRef<std::string> values) {
  json.attributeArray(key, [&] {
    for (const std::string &value : values)
      json.value(text(value));
  });
}

std::string typeName(mlir::Type type) {
  if (std::optional<PortType> known = portType(type))
    return known->name.str();
  std::string name;
  raw_string_ostream os(name);
  type.print(os);
  return name;
}

std::string hex(uint64_t number) {
  std::string digits;
  raw_string_ostream(digits) << format("%016llx", (unsigned long long)number);
  return digits;
}

StringRef memoryName(Memory memory) {
  switch (memory) {
  case Memory::Arena:
    return "arena";
  case Memory::Weights:
    return "weights";
  case Memory::Input:
    return "input";
  case Memory::Output:
    return "output";
  }
  llvm_unreachable("no such memory");
}

void writePlace(json::OStream &json, const OperandPlan &place) {
  json.attribute("memory", memoryName(place.memory));
  if (place.memory == Memory::Input || place.memory == Memory::Output)
    json.attribute("index", place.index);
  json.attribute("offset", place.byteOffset);
  json.attribute("bytes", place.bytes);
}

void writePorts(json::OStream &json, StringRef key, ArrayRef<PortPlan> ports) {
  json.attributeArray(key, [&] {
    for (const PortPlan &port : ports)
      json.object([&] {
        json.attribute("name", text(port.name));
        json.attribute("identifier", port.identifier);
        json.attribute("type", typeName(port.elementType));
        writeShape(json, "shape", port.shape);
        json.attribute("bytes", portBytes(port));
        if (!port.format.empty())
          json.attribute("format", port.format);
      });
  });
}

void writeKernel(json::OStream &json, const KernelPlan &kernel) {
  json.attribute("name", text(kernel.name));
  json.attribute("op", text(kernel.op));
  writeStrings(json, "nodes", kernel.nodes);
  json.attribute("device", kernel.device);
  if (!kernel.placed.empty())
    json.attribute("placed", text(kernel.placed));
  if (!kernel.form.empty())
    json.attribute("form", kernel.form);
  json.attribute("variant", text(kernel.function));
  json.attribute("macs", kernel.macs);
  json.attribute("parts", kernel.parts);
  json.attribute("bytes_read", kernel.bytesRead);
  json.attribute("bytes_written", kernel.bytesWritten);
  json.attribute("weight_bytes", kernel.weightBytes);
  if (!kernel.inPlaceOf.empty())
    json.attribute("in_place_of", text(kernel.inPlaceOf));
  json.attributeArray("operands", [&] {
    for (const OperandPlan &operand : kernel.operands)
      json.object([&] {
        writePlace(json, operand);
        json.attribute("output", operand.isOutput);
      });
  });
  json.attributeArray("results", [&] {
    for (const ResultPlan &result : kernel.results)
      json.object([&] {
        if (!result.tensor.empty())
          json.attribute("tensor", text(result.tensor));
        if (!result.perm.empty())
          writeShape(json, "perm", result.perm);
        json.attribute("type", typeName(result.elementType));
        writeShape(json, "shape", result.shape);
        if (!result.strides.empty())
          writeShape(json, "strides", result.strides);
        writePlace(json, result.place);
      });
  });
}

void writeArena(json::OStream &json, const ModelPlan &plan) {
  json.attribute("bytes", plan.arenaBytes);
  json.attribute("align", plan.arenaAlign);
  json.attribute("lower_bound", plan.arenaLowerBound);
  if (plan.peakKernel < plan.kernels.size())
    json.attribute("peak_kernel", text(plan.kernels[plan.peakKernel].name));
  json.attributeArray("tensors", [&] {
    for (const ArenaEntry &entry : plan.arena)
      json.object([&] {
        json.attribute("tensor", text(entry.tensor));
        json.attribute("offset", entry.byteOffset);
        json.attribute("bytes", entry.bytes);
        json.attribute("first_kernel", entry.firstKernel);
        json.attribute("last_kernel", entry.lastKernel);
      });
  });
}

void writeWeightList(json::OStream &json, const ModelPlan &plan) {
  json.attribute("bytes", plan.weightsBytes);
  if (plan.externWeights) {
    json.attribute("file", weightsFileName(plan));
    json.attribute("file_bytes", weightsFileBytes(plan));
    // Strings: a number of JSON has 53 bits.
    json.attribute("layout", hex(plan.weightsLayout));
    json.attribute("xxh64", hex(plan.weightsHash));
  } else if (plan.weightsBytes) {
    json.attribute("section", weightsSection(plan));
  }
  json.attributeArray("tensors", [&] {
    for (const WeightPlan &weight : plan.weights)
      json.object([&] {
        json.attribute("name", text(weight.name));
        json.attribute("offset", weight.byteOffset);
        json.attribute("bytes", weight.bytes);
        if (weight.packing) {
          std::string recipe;
          raw_string_ostream os(recipe);
          weight.packing.print(os);
          json.attribute("packing", text(recipe));
        }
      });
  });
}

/// What the model takes on the device, at a glance: bytes of read-only memory, then of RAM.
void writeSizes(json::OStream &json, const ModelPlan &plan, const LibraryFacts &facts) {
  uint64_t code = 0, constants = 0;
  for (const LibraryFacts::Section &section : facts.sections)
    if (section.name != weightsSection(plan))
      (section.name == ".text" ? code : constants) += section.bytes;
  json.attribute("code", code);
  json.attribute("constants", constants);
  json.attribute("weights", plan.externWeights ? int64_t(weightsFileBytes(plan)) : plan.weightsBytes);
  json.attribute("arena", plan.arenaBytes);
  json.attribute("context", contextWords(plan) * sizeof(uint64_t));
  if (plan.stackBytes >= 0)
    json.attribute("stack", plan.stackBytes);
}

/// What a run on the GPU is made of.
void writeProgram(json::OStream &json, const DeviceProgram &program) {
  json.attribute("functions", program.functions.size());
  json.attribute("spirv_bytes", program.words.size() * sizeof(uint32_t));
  json.attribute("constants_bytes", program.constantsBytes);
  json.attribute("segments", program.segments.size());
  json.attribute("dispatches", llvm::count_if(program.dispatches, [](const nncc_device_dispatch &dispatch) {
                   return !(dispatch.flags & NNCC_DISPATCH_UNREAD);
                 }));
  json.attribute("barriers", llvm::count_if(program.dispatches, [](const nncc_device_dispatch &dispatch) {
                   return dispatch.flags & NNCC_DISPATCH_BARRIER && !(dispatch.flags & NNCC_DISPATCH_UNREAD);
                 }));
}

/// What there is for each of several CPUs; the kernels of all stand in one list.
void writeVariants(json::OStream &json, const ModelPlan &plan, const LibraryFacts &facts) {
  for (auto [variant, code] : zip_equal(plan.variants, facts.codeOfVariants))
    json.object([&] {
      json.attribute("cpu", text(variant.cpu));
      json.attribute("cpu_required", hex(variant.cpuRequired));
      json.attribute("first_kernel", variant.firstKernel);
      json.attribute("kernels", variant.numKernels);
      json.attribute("arena", variant.arenaBytes);
      json.attribute("code", code.bytes);
      if (variant.device)
        json.attributeObject("gpu_program", [&] { writeProgram(json, *variant.device); });
    });
}

void writeLibrary(json::OStream &json, const ModelPlan &plan, const LibraryFacts &facts) {
  json.attribute("file", libraryFileName(plan));
  json.attributeArray("sections", [&] {
    for (const LibraryFacts::Section &section : facts.sections)
      json.object([&] {
        json.attribute("name", text(section.name));
        json.attribute("bytes", section.bytes);
      });
  });
  writeStrings(json, "undefined_symbols", facts.undefined);
  if (plan.stackBytes >= 0)
    json.attribute("stack_bytes", plan.stackBytes);
  json.attribute("code_blake3", facts.codeHash);
  if (!facts.weightsHash.empty())
    json.attribute("weights_blake3", facts.weightsHash);
}
} // namespace

std::string nncc::libraryFileName(const ModelPlan &plan) {
  switch (plan.form) {
  case LibraryForm::Archive:
    return "lib" + plan.name + ".a";
  case LibraryForm::Shared:
    return "lib" + plan.name + ".so";
  case LibraryForm::Objects:
    return plan.name + ".o";
  }
  llvm_unreachable("no such form");
}

void nncc::writeManifest(const ModelPlan &plan, const LibraryFacts &facts, raw_ostream &os) {
  json::OStream json(os, /*IndentSize=*/1);
  json.object([&] {
    json.attribute("schema", "nncc-manifest"); // docs/schemas/manifest.json
    json.attribute("version", 1);
    json.attribute("name", plan.name);
    if (!plan.namedAfter.empty())
      json.attribute("named_after", text(plan.namedAfter));
    json.attribute("nncc", NNCC_VERSION);
    json.attribute("abi_version", NNCC_ABI_VERSION);
    json.attribute("target", text(plan.target));
    json.attribute("cpu", text(plan.cpu));
    if (!plan.gpu.empty())
      json.attribute("gpu", text(plan.gpu));
    if (!plan.variants.empty())
      json.attributeArray("variants", [&] { writeVariants(json, plan, facts); });
    json.attribute("model_sha256", text(plan.sourceHash));
    if (!plan.fileHash.empty())
      json.attribute("file_sha256", text(plan.fileHash));
    json.attributeObject("sizes", [&] { writeSizes(json, plan, facts); });
    writePorts(json, "inputs", plan.inputs);
    writePorts(json, "outputs", plan.outputs);
    json.attributeObject("arena", [&] { writeArena(json, plan); });
    json.attributeObject("weights", [&] { writeWeightList(json, plan); });
    if (plan.device)
      json.attributeObject("gpu_program", [&] { writeProgram(json, *plan.device); });
    json.attributeArray("kernels", [&] {
      for (const KernelPlan &kernel : plan.kernels)
        json.object([&] { writeKernel(json, kernel); });
    });
    json.attributeObject("library", [&] { writeLibrary(json, plan, facts); });
  });
  os << '\n';
}
