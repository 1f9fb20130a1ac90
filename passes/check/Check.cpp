// The contracts of the stages N1, N2, P, L1 and L2 as a table, and the pass that checks IR against them.
// A new op of the nn dialect needs no row here; a new kind of op at a stage does.
#include "dialects/nn/NN.h"
#include "dialects/nn/Origin.h"
#include "passes/Passes.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc {
#define GEN_PASS_DEF_CHECK
#include "passes/Passes.h.inc"

namespace {

/// What may be where at one stage. A list holds op names and `dialect.*`; `!` before an entry excludes it.
struct Stage {
  StringRef name;
  /// Beside functions, in the module.
  std::vector<StringRef> inModule;
  /// In @main. At every other place of a function in `inFunction` (kernels that were outlined).
  std::vector<StringRef> inMain, inFunction;
  /// In the body of an nn.kernel; empty: there may be none.
  std::vector<StringRef> inKernel;
  bool tensors;     ///< values of tensor type outside kernel bodies
  bool memrefs;     ///< values of memref type
  bool needsDevice; ///< kernels name a device
};

const std::vector<Stage> &stages() {
  static const std::vector<StringRef> graphOps = {"nn.*",      "!nn.kernel", "!nn.yield",
                                                  "!nn.place", "!nn.launch", "func.return"};
  static const std::vector<StringRef> bodyOps = {"nn.*", "!nn.kernel", "!nn.place", "!nn.launch", "!nn.reshape"};
  static const std::vector<StringRef> launches = {"nn.place", "nn.launch", "func.return"};
  // Tables that a kernel's code reads: resize positions, coefficients.
  static const std::vector<StringRef> globals = {"memref.global", "llvm.mlir.global"};
  static const std::vector<Stage> table = {
      {"N1", {}, graphOps, {}, {}, true, false, false},
      {"N2", {}, {"nn.constant", "nn.reshape", "nn.kernel", "func.return"}, {}, bodyOps, true, false, true},
      {"P", {}, {"nn.place", "nn.kernel", "func.return"}, {}, bodyOps, false, true, true},
      {"L1",
       globals,
       launches,
       {"nn.kernel", "linalg.*", "arith.*", "math.*", "memref.*", "scf.*", "vector.*", "affine.*", "func.return",
        "!memref.alloc", "!memref.realloc", "!memref.dealloc"},
       bodyOps,
       false,
       true,
       false},
      {"L2",
       globals,
       launches,
       {"arith.*", "math.*", "memref.*", "scf.*", "cf.*", "vector.*", "affine.*", "llvm.*", "ub.*", "index.*",
        "func.return", "func.call", "!memref.alloc", "!memref.realloc", "!memref.dealloc"},
       {},
       false,
       true,
       false}};
  return table;
}

bool allows(ArrayRef<StringRef> list, Operation *op) {
  StringRef name = op->getName().getStringRef(), dialect = op->getName().getDialectNamespace();
  bool allowed = false;
  for (StringRef entry : list) {
    bool excludes = entry.consume_front("!");
    if (entry == name || (entry.ends_with(".*") && entry.drop_back(2) == dialect)) {
      if (excludes)
        return false;
      allowed = true;
    }
  }
  return allowed;
}

struct Check : impl::CheckBase<Check> {
  using CheckBase::CheckBase;

  /// `--nncc-check=N1` is short for `--nncc-check=stage=N1`.
  LogicalResult initializeOptions(StringRef options, function_ref<LogicalResult(const Twine &)> errorHandler) override {
    std::string full = options.contains('=') || options.empty() ? options.str() : ("stage=" + options).str();
    return Pass::initializeOptions(full, errorHandler);
  }

  void runOnOperation() override {
    const Stage *rules = llvm::find_if(stages(), [&](const Stage &s) { return s.name == stage; }).base();
    if (rules == stages().data() + stages().size()) {
      getOperation().emitError() << "unknown stage '" << stage << "'; the stages are N1, N2, P, L1 and L2";
      return signalPassFailure();
    }
    bool good = checkMachines(getOperation());
    for (Operation &op : *getOperation().getBody()) {
      auto function = dyn_cast<func::FuncOp>(op);
      // Kernels may carry read-only tables, once they are functions.
      if (isa<memref::GlobalOp>(op) && rules->memrefs && !rules->inFunction.empty())
        continue;
      if (function)
        good &= checkFunction(*rules, function);
      else if (!allows(rules->inModule, &op))
        good = complain(*rules, &op, "in a module");
    }
    markAllAnalysesPreserved();
    if (!good)
      signalPassFailure();
  }

private:
  static bool complain(const Stage &rules, Operation *op, const Twine &where) {
    op->emitOpError() << "may not be " << where << " at stage " << rules.name;
    return false;
  }

  bool checkMachines(ModuleOp module) {
    devices.clear();
    Attribute attr = module->getAttr(kMachinesAttr);
    auto machines = dyn_cast_or_null<DictionaryAttr>(attr);
    if (attr && !machines) {
      module.emitError() << kMachinesAttr << " must be a dictionary of #nn.machine";
      return false;
    }
    for (NamedAttribute machine : machines ? machines : DictionaryAttr::get(&getContext())) {
      if (!isa<MachineAttr>(machine.getValue())) {
        module.emitError() << "device '" << machine.getName().getValue() << "' is no #nn.machine";
        return false;
      }
      devices.insert(machine.getName());
    }
    return true;
  }

  bool checkFunction(const Stage &rules, func::FuncOp function) {
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

  static bool checkType(const Stage &rules, Operation *op, Type type) {
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

  bool checkKernel(const Stage &rules, KernelOp kernel) {
    bool good = true;
    if (kernel.isPlanned() != !rules.tensors) {
      kernel.emitOpError() << (rules.tensors ? "works on memrefs" : "works on tensors") << " at stage " << rules.name;
      good = false;
    }
    if (rules.needsDevice) {
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

  llvm::StringSet<> devices, kernelNames;
};
} // namespace
} // namespace nncc
