// Kernels, operands and lifetimes as @main at stage P says them.
#include "lib/driver/BuildPlan.h"
#include "codegen/cpu/Winograd.h"
#include "codegen/emit/Identifiers.h"
#include "dialects/nn/KernelForms.h"
#include "dialects/nn/NN.h"
#include "dialects/nn/Origin.h"
#include "dialects/nn/Parts.h"
#include "lib/support/Assert.h"
#include "passes/lower/KernelCost.h"
#include "passes/place/Placed.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace nncc {
using namespace nn;

namespace {

int64_t elementBytes(Type element) { return llvm::divideCeil(element.getIntOrFloatBitWidth(), 8); }

/// Bytes from the first to the last element of a memref, both included.
int64_t extent(MemRefType type) {
  if (type.getNumElements() == 0)
    return 0;
  auto [strides, offset] = type.getStridesAndOffset();
  int64_t last = 0;
  for (auto [dim, stride] : llvm::zip(type.getShape(), strides))
    last += (dim - 1) * stride;
  return (last + 1) * elementBytes(type.getElementType());
}

class PlanBuilder {
public:
  PlanBuilder(ModuleOp module, std::string name) : main(module.lookupSymbol<func::FuncOp>("main")) {
    NNCC_ASSERT(main, "a planned module has a main function");
    plan.name = std::move(name);
  }

  ModelPlan build() {
    describePorts();
    auto number = [&](StringRef attr) { return cast<IntegerAttr>(main->getAttr(attr)).getInt(); };
    plan.arenaLowerBound = number("nn.arena_lower_bound");
    plan.peakKernel = number("nn.peak_kernel");
    for (Attribute attr : cast<ArrayAttr>(main->getAttr("nn.peak_tensors"))) {
      auto tensor = cast<DictionaryAttr>(attr);
      auto integer = [&](StringRef name) { return cast<IntegerAttr>(tensor.get(name)).getInt(); };
      auto text = [&](StringRef name) { return cast<StringAttr>(tensor.get(name)).str(); };
      plan.peakTensors.push_back({text("tensor"), text("kernel"), integer("offset"), integer("bytes")});
    }
    for (Attribute attr : cast<ArrayAttr>(main->getAttr("nn.arena_tensors"))) {
      auto tensor = cast<DictionaryAttr>(attr);
      auto integer = [&](StringRef name) { return cast<IntegerAttr>(tensor.get(name)).getInt(); };
      plan.arena.push_back({cast<StringAttr>(tensor.get("tensor")).str(), integer("offset"), integer("bytes"),
                            unsigned(integer("first")), unsigned(integer("last"))});
    }
    for (auto kernel : cast<ArrayAttr>(main->getAttr("nn.without_room")).getAsRange<DictionaryAttr>())
      plan.withoutRoom.push_back({kernel.getAs<StringAttr>("kernel").str(), kernel.getAs<StringAttr>("form").str(),
                                  kernel.getAs<IntegerAttr>("slack").getInt()});
    for (auto place : main.getOps<PlaceOp>())
      if (place.getValue())
        describeWeight(place);
    for (auto kernel : main.getOps<KernelOp>())
      describeKernel(kernel);
    return std::move(plan);
  }

private:
  void describePorts() {
    unsigned inputs = 0, outputs = 0;
    std::vector<std::string> inputNames, outputNames;
    auto addPort = [&](std::vector<PortPlan> &ports, std::vector<std::string> &names, BlockArgument argument,
                       Attribute type) {
      auto tensor = cast<RankedTensorType>(cast<TypeAttr>(type).getValue());
      PortPlan port;
      if (auto name = main.getArgAttrOfType<StringAttr>(argument.getArgNumber(), kNameAttr))
        port.name = name.str();
      port.elementType = tensor.getElementType();
      port.shape.assign(tensor.getShape().begin(), tensor.getShape().end());
      names.push_back(port.name);
      ports.push_back(std::move(port));
    };
    auto inputTypes = cast<ArrayAttr>(main->getAttr("nn.input_types"));
    auto outputTypes = cast<ArrayAttr>(main->getAttr("nn.output_types"));
    for (BlockArgument argument : main.getArguments()) {
      auto kind = main.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "nn.memory").getValue();
      int64_t bytes = extent(cast<MemRefType>(argument.getType()));
      if (kind == "arena") {
        memories[argument] = {Memory::Arena, 0};
        plan.arenaBytes = bytes;
      } else if (kind == "weights") {
        memories[argument] = {Memory::Weights, 0};
        plan.weightsBytes = bytes;
      } else if (kind == "input") {
        memories[argument] = {Memory::Input, inputs};
        addPort(plan.inputs, inputNames, argument, inputTypes[inputs++]);
      } else {
        memories[argument] = {Memory::Output, outputs};
        addPort(plan.outputs, outputNames, argument, outputTypes[outputs++]);
      }
    }
    std::vector<std::string> inputIds = cIdentifiers(inputNames), outputIds = cIdentifiers(outputNames);
    for (auto [port, id] : llvm::zip(plan.inputs, inputIds))
      port.identifier = id;
    for (auto [port, id] : llvm::zip(plan.outputs, outputIds))
      port.identifier = id;
  }

  OperandPlan operand(Value value, bool isOutput) {
    auto place = value.getDefiningOp<PlaceOp>();
    NNCC_ASSERT(place, "operands of planned kernels are places");
    OperandPlan plan;
    std::tie(plan.memory, plan.index) = memories.lookup(place.getBase());
    plan.byteOffset = place.getByteOffset();
    auto type = cast<MemRefType>(value.getType());
    plan.bytes = extent(type);
    plan.isOutput = isOutput;
    plan.elementType = type.getElementType();
    plan.shape.assign(type.getShape().begin(), type.getShape().end());
    auto [strides, offset] = type.getStridesAndOffset();
    plan.strides.assign(strides.begin(), strides.end());
    return plan;
  }

  /// A weight is its value in one packing: many places may show it, and one without elements begins where the next
  /// does.
  void describeWeight(PlaceOp place) {
    if (!seenWeights.insert({*place.getValue(), place.getPackingAttr()}).second)
      return;
    WeightPlan weight;
    if (auto name = place->getAttrOfType<StringAttr>(kTensorAttr))
      weight.name = name.str();
    weight.value = *place.getValue();
    weight.packing = place.getPackingAttr();
    weight.byteOffset = place.getByteOffset();
    weight.bytes = extent(cast<MemRefType>(place.getType()));
    if (auto packing = place.getPackingAttr(); packing && cpu::WinogradPacking::from(packing))
      plan.transformBytes += weight.bytes - weight.value.getNumElements() * elementBytes(weight.value.getElementType());
    plan.weights.push_back(std::move(weight));
  }

  void describeKernel(KernelOp kernel) {
    KernelPlan step;
    step.name = kernel.getName().str();
    if (kernel.getDevice())
      step.device = kernel.getDevice()->str();
    if (auto why = kernel->getAttrOfType<StringAttr>(kPlacedAttr))
      step.placed = why.str();
    if (auto placed = kernel->getAttrOfType<StringAttr>(kPlacedAsAttr))
      step.placedAs = placed.str();
    step.form = cpu::describeForm(kernel);
    if (auto nodes = kernel.getNodes())
      for (Attribute node : *nodes)
        step.nodes.push_back(cast<StringAttr>(node).str());
    Operation *root = kernel.getRoot();
    step.op = root ? root->getName().stripDialect().str() : "copy";
    step.macs = multiplyAccumulates(kernel);
    if (auto tensor = kernel->getAttrOfType<StringAttr>("nn.in_place_of"))
      step.inPlaceOf = tensor.getValue().empty() ? "input" : tensor.str();
    for (Value input : kernel.getInputs()) {
      OperandPlan read = operand(input, false);
      // What the GPU's code reads in the place of another input is not read beside it.
      bool isRead = !kernel.getBody().getArgument(step.operands.size()).use_empty();
      uint64_t touched =
          std::min(bytesGathered(kernel, step.operands.size()).value_or(read.bytes), isRead ? uint64_t(read.bytes) : 0);
      (read.memory == Memory::Weights ? step.weightsRead : step.bytesRead) += touched;
      if (read.memory == Memory::Weights)
        step.weightBytes += read.bytes;
      step.operands.push_back(read);
    }
    for (auto [output, value] : llvm::zip(kernel.getOutputs(), kernel.getYielded())) {
      OperandPlan written = operand(output, true);
      step.bytesWritten += written.bytes;
      auto type = cast<MemRefType>(output.getType());
      auto tensor = cast<RankedTensorType>(value.getType());
      ResultPlan result;
      Origin origin = getOrigin(value);
      result.tensor = origin.tensor;
      result.perm.assign(origin.perm.begin(), origin.perm.end());
      result.elementType = tensor.getElementType();
      result.shape.assign(tensor.getShape().begin(), tensor.getShape().end());
      auto [strides, offset] = type.getStridesAndOffset();
      result.strides.assign(strides.begin(), strides.end());
      result.place = written;
      step.results.push_back(std::move(result));
      step.operands.push_back(written);
    }
    if (Value scratch = kernel.getScratch())
      step.operands.push_back(operand(scratch, true));
    plan.kernels.push_back(std::move(step));
  }

  func::FuncOp main;
  ModelPlan plan;
  DenseMap<Value, std::pair<Memory, unsigned>> memories;
  DenseSet<std::pair<Attribute, Attribute>> seenWeights; ///< value and packing
};

} // namespace

/// Code reaches what lies beside it in a program by 32 bits: weights in the library may not push it farther away.
static constexpr int64_t kMaxWeightsInLibrary = (int64_t(1) << 31) - (int64_t(1) << 24);
/// A number that a model writes once is never written out as often as this.
static constexpr int64_t kMaxSplatBytes = int64_t(1) << 30;
/// No machine that nncc compiles for has more memory than this, or can map a larger file.
static constexpr int64_t kMaxMemoryBytes = int64_t(1) << 40;

LogicalResult checkSizes(ModuleOp module, const ModelPlan &plan) {
  auto fail = [&](const Twine &reason, StringRef whatToDo) {
    InFlightDiagnostic diagnostic = emitError(module.getLoc()) << reason;
    diagnostic.attachNote() << whatToDo;
    return failure();
  };
  for (const WeightPlan &weight : plan.weights)
    if (isa<SplatElementsAttr>(weight.value) && weight.bytes > kMaxSplatBytes)
      return fail("a constant" + Twine(weight.name.empty() ? "" : " ('" + weight.name + "')") + " is one number in " +
                      Twine(weight.value.getNumElements()) + " elements, which would be written out with " +
                      Twine(weight.bytes) + " bytes",
                  "the limit is " + std::to_string(kMaxSplatBytes) +
                      " bytes; is a shape wrong, or a dim bound to too large a value?");
  int64_t mostWeights = plan.externWeights ? kMaxMemoryBytes : kMaxWeightsInLibrary;
  if (plan.weightsBytes > mostWeights)
    return fail("the constants of the model have " + Twine(plan.weightsBytes) + " bytes, which is more than " +
                    Twine(mostWeights) + (plan.externWeights ? "" : " in one library"),
                plan.externWeights ? "is a shape wrong, or a dim bound to too large a value?"
                                   : "--weights=extern writes them to a file of their own");
  if (plan.arenaBytes > kMaxMemoryBytes)
    return fail("the working memory would have " + Twine(plan.arenaBytes) + " bytes, which is more than " +
                    Twine(kMaxMemoryBytes),
                "is a shape wrong, or a dim bound to too large a value?");
  return success();
}

ModelPlan buildPlan(ModuleOp module, std::string name) { return PlanBuilder(module, std::move(name)).build(); }

LogicalResult renamePorts(ModuleOp module, const std::map<std::string, std::string> &renames, ModelPlan &plan) {
  std::string names;
  llvm::StringSet<> known;
  for (const auto *ports : {&plan.inputs, &plan.outputs})
    for (const PortPlan &port : *ports) {
      known.insert(port.name);
      names += (names.empty() ? "" : ", ") + port.name;
    }
  for (const auto &[old, name] : renames)
    if (!known.contains(old)) {
      InFlightDiagnostic diagnostic = emitError(module.getLoc())
                                      << "--rename " << old << "=" << name << ": the model has no input or output of "
                                      << "this name";
      diagnostic.attachNote() << "it has " << names;
      return failure();
    }
  for (auto [kind, ports] : {std::pair("inputs", &plan.inputs), std::pair("outputs", &plan.outputs)}) {
    std::vector<std::string> renamed;
    llvm::StringSet<> taken;
    for (PortPlan &port : *ports) {
      if (auto found = renames.find(port.name); found != renames.end())
        port.name = found->second;
      if (!renames.empty() && !taken.insert(port.name).second)
        return emitError(module.getLoc()) << "--rename: two " << kind << " would be called '" << port.name << "'";
      renamed.push_back(port.name);
    }
    for (auto [port, identifier] : llvm::zip(*ports, cIdentifiers(renamed)))
      port.identifier = identifier;
  }
  return success();
}

void readParts(ModuleOp module, ModelPlan &plan) {
  for (KernelPlan &kernel : plan.kernels) {
    auto function = module.lookupSymbol<func::FuncOp>(kernel.function);
    if (auto work = function->getAttrOfType<IntegerAttr>(kWorkAttr)) {
      kernel.work = work.getInt();
      kernel.parts = function->getAttrOfType<IntegerAttr>(kPartsAttr).getInt();
    }
  }
}

LogicalResult nameFunctions(ModuleOp module, ModelPlan &plan) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  size_t index = 0;
  for (auto launch : main.getOps<LaunchOp>()) {
    if (index >= plan.kernels.size() || plan.kernels[index].operands.size() != launch.getOperands_().size())
      return launch.emitOpError() << "does not match kernel " << index << " of the plan";
    KernelPlan &kernel = plan.kernels[index++];
    kernel.function = launch.getCallee().str();
    if (auto device = launch.getDeviceCallee())
      kernel.deviceFunction = device->getLeafReference().str();
  }
  if (index != plan.kernels.size())
    return main.emitOpError() << "launches " << index << " kernels, the plan has " << plan.kernels.size();
  return success();
}

} // namespace nncc
