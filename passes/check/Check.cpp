// The pass that checks IR against the contract of a stage: all that it says, not only what every pass asks of its
// input.
#include "dialects/nn/NN.h"
#include "dialects/nn/Origin.h"
#include "dialects/nn/Threads.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/Passes.h"
#include "passes/check/Stage.h"
#include "passes/check/Trips.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
#define GEN_PASS_DEF_CHECK
#include "passes/Passes.h.inc"

namespace {

struct Check : impl::CheckBase<Check> {
  using CheckBase::CheckBase;

  /// `--nncc-check=N1` is short for `--nncc-check=stage=N1`.
  LogicalResult initializeOptions(StringRef options, function_ref<LogicalResult(const Twine &)> errorHandler) override {
    std::string full = options.contains('=') || options.empty() ? options.str() : ("stage=" + options).str();
    return Pass::initializeOptions(full, errorHandler);
  }

  void runOnOperation() override {
    const StageRules *rules = llvm::find_if(stages(), [&](const StageRules &s) { return s.name == stage; }).base();
    if (rules == stages().data() + stages().size()) {
      getOperation().emitError() << "unknown stage '" << stage << "'; the stages are N1, N2, P, L1, L2 and G";
      return signalPassFailure();
    }
    markAllAnalysesPreserved();
    if (!checkModule(*rules, getOperation()) || failed(requireStage(*this, getOperation(), {rules->name})))
      signalPassFailure();
  }

private:
  bool checkModule(const StageRules &rules, ModuleOp module) {
    bool good = checkMachines(module);
    for (Operation &op : *module.getBody()) {
      // Kernels may carry read-only tables, once they are functions.
      if (isa<memref::GlobalOp>(op) && rules.memrefs && !rules.inFunction.empty())
        continue;
      if (auto function = dyn_cast<func::FuncOp>(op))
        good &= checkFunction(rules, function);
      else if (!allows(rules.inModule, &op))
        good = complain(rules, &op, "in a module");
      else if (auto nested = dyn_cast<ModuleOp>(op))
        good &= checkModule(rules, nested);
      else if (auto kernels = dyn_cast<gpu::GPUModuleOp>(op))
        good &= checkGpuModule(rules, kernels);
    }
    return good;
  }

  static bool complain(const StageRules &rules, Operation *op, const Twine &where) {
    op->emitOpError() << "may not be " << where << " at stage " << rules.name;
    return false;
  }

  bool checkMachines(ModuleOp module) {
    devices.clear();
    Attribute attr = module->getAttr(kMachinesAttr);
    auto machines = dyn_cast_or_null<DictionaryAttr>(attr);
    if (attr && !machines) {
      module.emitError() << kMachinesAttr << " must be a dictionary of #nn.machine and #nn.gpu";
      return false;
    }
    for (NamedAttribute machine : machines ? machines : DictionaryAttr::get(&getContext())) {
      if (!isa<MachineAttr, GpuAttr>(machine.getValue())) {
        module.emitError() << "device '" << machine.getName().getValue() << "' is neither #nn.machine nor #nn.gpu";
        return false;
      }
      devices.insert(machine.getName());
    }
    return true;
  }

  bool checkFunction(const StageRules &rules, func::FuncOp function) {
    bool isMain = function.getName() == "main" || rules.inFunction.empty();
    if (function.isDeclaration())
      return true;
    bool good = true;
    for (Type type : function.getArgumentTypes())
      good &= checkType(rules, function, type);
    kernelNames.clear();
    function.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (auto kernel = dyn_cast<KernelOp>(op); kernel && !rules.inKernel.empty()) {
        good &= checkKernel(rules, kernel);
        if (!allows(isMain ? rules.inMain : rules.inFunction, op))
          good = complain(rules, op, isMain ? "in @main" : "in a kernel's function");
        return WalkResult::skip(); // the body has rules of its own
      }
      if (!allows(isMain ? rules.inMain : rules.inFunction, op))
        good = complain(rules, op, isMain ? "in @main" : "in a kernel's function");
      for (Type type : op->getResultTypes())
        good &= checkType(rules, op, type);
      return WalkResult::advance();
    });
    return good;
  }

  static bool checkType(const StageRules &rules, Operation *op, Type type) {
    auto shaped = dyn_cast<ShapedType>(type);
    if (!shaped || isa<VectorType>(type))
      return true;
    bool isMemory = isa<BaseMemRefType>(type);
    if (isMemory ? !rules.memrefs : !rules.tensors) {
      op->emitOpError() << "has a value of type " << type << ": stage " << rules.name << " has no "
                        << (isMemory ? "memrefs" : "tensors");
      return false;
    }
    // Subviews inside of lowered kernels may have dynamic sizes; tensors never do.
    if (!isMemory && !shaped.hasStaticShape()) {
      op->emitOpError() << "has a value of type " << type << ": shapes must be static";
      return false;
    }
    return true;
  }

  bool checkKernel(const StageRules &rules, KernelOp kernel) {
    bool good = true;
    if (kernel.isPlanned() != !rules.tensors) {
      kernel.emitOpError() << (rules.tensors ? "works on memrefs" : "works on tensors") << " at stage " << rules.name;
      good = false;
    }
    if (rules.needsDevice) {
      for (Value value :
           llvm::concat<Value>(llvm::to_vector(kernel->getOperands()), llvm::to_vector(kernel->getResults())))
        if (cast<ShapedType>(value.getType()).getNumElements() == 0) {
          kernel.emitOpError() << "works on a value without elements: " << value.getType();
          good = false;
        }
      if (!kernel.getDevice() || (!devices.empty() && !devices.contains(*kernel.getDevice()))) {
        kernel.emitOpError() << "names no device of the module";
        good = false;
      }
      if (!kernelNames.insert(kernel.getName()).second) {
        kernel.emitOpError() << "has the name of another kernel: \"" << kernel.getName() << "\"";
        good = false;
      }
    }
    Operation *root = nullptr;
    for (Operation &op : kernel.getBody().front()) {
      if (!allows(rules.inKernel, &op))
        good = complain(rules, &op, "in a kernel");
      if (isa<ConstantOp, YieldOp>(op) || isElementwise(&op))
        continue;
      if (root) {
        op.emitOpError() << "is a second root of kernel \"" << kernel.getName() << "\"";
        good = false;
      }
      root = &op;
    }
    return good;
  }

  //===-- Kernels of a GPU ------------------------------------------------===//

  bool checkGpuModule(const StageRules &rules, gpu::GPUModuleOp kernels) {
    bool good = true;
    for (Operation &op : *kernels.getBody()) {
      auto kernel = dyn_cast<gpu::GPUFuncOp>(op);
      good &= kernel ? checkGpuKernel(rules, kernel) : complain(rules, &op, "in a gpu.module");
    }
    if (llvm::range_size(kernels.getOps<gpu::GPUFuncOp>()) == 1)
      return good;
    kernels.emitOpError() << "must have one kernel";
    return false;
  }

  bool checkGpuKernel(const StageRules &rules, gpu::GPUFuncOp kernel) {
    bool good = true;
    auto fail = [&](Operation *op, const Twine &what) {
      op->emitOpError() << what << " at stage " << rules.name;
      good = false;
    };
    auto atMost = [&](StringRef name, int64_t most) {
      auto number = kernel->getAttrOfType<IntegerAttr>(name);
      if (!number || number.getInt() > most)
        fail(kernel, "must say " + name + ", at most " + Twine(most) + ",");
    };
    atMost(kBlockAttr, kMostBlockThreads);
    atMost(kIterationsAttr, kMostThreadIterations);
    llvm::SmallDenseSet<int64_t> bindings;
    for (BlockArgument argument : kernel.getArguments()) {
      if (argument.getType().isIndex())
        continue;
      auto binding = kernel.getArgAttrOfType<IntegerAttr>(argument.getArgNumber(), kBindingAttr);
      if (!binding || !isBuffer(argument.getType()))
        fail(kernel, "argument " + Twine(argument.getArgNumber()) + " must be a buffer of words with a binding");
      else
        bindings.insert(binding.getInt());
    }
    if (static_cast<int64_t>(bindings.size()) > kMostBindings)
      fail(kernel, "may have no more than " + Twine(kMostBindings) + " bindings");
    kernel.getBody().walk([&](Operation *op) {
      if (!allows(rules.inFunction, op))
        good = complain(rules, op, "in a kernel of a GPU");
      if (auto loop = dyn_cast<scf::ForOp>(op))
        if (!constantTrips(loop))
          fail(op, "must have bounds that are a constant apart");
      for (Type type : op->getResultTypes())
        if (auto vector = dyn_cast<VectorType>(type); vector && (vector.getRank() != 1 || vector.getNumElements() > 4))
          fail(op, "may have no vector of more than 4 lanes");
    });
    return good;
  }

  /// memref<N x T>, memref<N x vector<4xT>>, or those with dims for rows, groups and parts; T of 32 bits.
  static bool isBuffer(Type type) {
    auto memory = dyn_cast<MemRefType>(type);
    if (!memory || !memory.getLayout().isIdentity())
      return false;
    Type element = memory.getElementType();
    if (memory.getRank() < 1 || memory.getRank() > 4)
      return false;
    if (auto vector = dyn_cast<VectorType>(element))
      element = vector.getShape() == ArrayRef<int64_t>{4} ? vector.getElementType() : Type();
    return element && element.isIntOrFloat() && element.getIntOrFloatBitWidth() == 32;
  }

  llvm::StringSet<> devices, kernelNames;
};
} // namespace
} // namespace nncc
