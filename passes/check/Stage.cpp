// The contracts of the stages N1, N2, P, L1, L2 and G. A new op of the nn dialect needs no row here; a new kind of op
// at a stage does.
#include "passes/check/Stage.h"
#include "dialects/nn/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc {

const std::vector<StageRules> &stages() {
  static const std::vector<StringRef> graphOps = {"nn.*",      "!nn.kernel", "!nn.yield",
                                                  "!nn.place", "!nn.launch", "func.return"};
  static const std::vector<StringRef> bodyOps = {"nn.*", "!nn.kernel", "!nn.place", "!nn.launch", "!nn.reshape"};
  static const std::vector<StringRef> launches = {"nn.place", "nn.launch", "func.return"};
  // Tables that a kernel's code reads: resize positions, coefficients.
  static const std::vector<StringRef> globals = {"memref.global", "llvm.mlir.global"};
  // What is for another device lies in a module of its own, until it is taken out to be lowered.
  static const std::vector<StringRef> globalsAndDevices = {"memref.global", "llvm.mlir.global", "builtin.module"};
  static const std::vector<StageRules> table = {
      {"N1", {}, graphOps, {}, {}, true, false, false},
      {"N2", {}, {"nn.constant", "nn.reshape", "nn.kernel", "func.return"}, {}, bodyOps, true, false, true},
      {"P", {}, {"nn.place", "nn.kernel", "func.return"}, {}, bodyOps, false, true, true},
      {"L1",
       globalsAndDevices,
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
       false},
      {"G",
       {"memref.global", "gpu.module"},
       {},
       {"arith.*",       "math.fma",    "math.sqrt",  "math.absf",      "math.copysign",     "math.floor",
        "math.ceil",     "math.trunc",  "math.round", "math.roundeven", "memref.load",       "memref.store",
        "memref.alloc",  "vector.*",    "scf.for",    "scf.if",         "scf.yield",         "gpu.block_id",
        "gpu.thread_id", "gpu.barrier", "gpu.return", "ub.poison",      "memref.atomic_rmw", "spirv.*"},
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

namespace {

/// Vectors are taken apart into registers, an instruction each: the largest tiles have 16 x 16 elements, and this many
/// would fill the registers of any machine four times.
constexpr int64_t kMaxVectorElements = 2048;

/// Looks for the first op that none of some stages has.
class StageGuard {
public:
  StageGuard(StringRef pass, ArrayRef<StringRef> names) : pass(pass), names(names) {
    for (const StageRules &rules : stages())
      if (llvm::is_contained(names, rules.name))
        allowed.push_back(&rules);
  }

  LogicalResult check(Operation *root) {
    if (auto function = dyn_cast<func::FuncOp>(root))
      return checkFunction(function);
    for (Operation &op : root->getRegion(0).getOps()) {
      bool holdsOps = isa<func::FuncOp, ModuleOp>(op);
      if (failed(holdsOps ? check(&op) : checkGlobal(&op)))
        return failure();
    }
    return success();
  }

private:
  enum Place { Main, Function, Kernel, NumPlaces };

  LogicalResult complain(Operation *op, const Twine &what) {
    return op->emitOpError() << what << " at stage " << llvm::join(names, " or ") << ", which " << pass << " requires";
  }

  LogicalResult checkGlobal(Operation *op) {
    for (const StageRules *rules : allowed)
      if (isa<memref::GlobalOp>(op) ? rules->memrefs : allows(rules->inModule, op))
        return success();
    return complain(op, "may not be in a module");
  }

  LogicalResult checkFunction(func::FuncOp function) {
    for (Type type : function.getArgumentTypes())
      if (failed(checkType(function, type)))
        return failure();
    bool isMain = function.getName() == "main" ||
                  llvm::all_of(allowed, [](const StageRules *rules) { return rules->inFunction.empty(); });
    WalkResult result = function.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
      auto kernel = op->getParentOfType<KernelOp>();
      Place place = kernel ? Kernel : isMain ? Main : Function;
      if (!mayBe(op, place))
        return WalkResult(complain(op, place == Kernel ? "may not be in a kernel"
                                       : isMain        ? "may not be in @main"
                                                       : "may not be in a kernel's function"));
      // The body of a kernel is of tensors at every stage.
      for (Type type : op->getResultTypes())
        if (kernel ? isHuge(type) : failed(checkType(op, type)))
          return kernel ? WalkResult(complain(op, "may have no value of so many elements")) : WalkResult::interrupt();
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

  bool mayBe(Operation *op, Place place) {
    auto [known, isNew] = answers[place].try_emplace(op->getName(), false);
    if (isNew)
      known->second = llvm::any_of(allowed, [&](const StageRules *rules) {
        return allows(place == Kernel ? rules->inKernel : place == Main ? rules->inMain : rules->inFunction, op);
      });
    if (auto kernel = dyn_cast<KernelOp>(op); kernel && known->second)
      return llvm::any_of(allowed, [&](const StageRules *rules) { return kernel.isPlanned() == rules->memrefs; });
    return known->second;
  }

  /// More elements than any machine holds: what is computed from sizes fits 64 bits with room to spare. An arena has
  /// the bytes of many tensors.
  static bool isHuge(Type type) {
    const int64_t maxElements = int64_t(1) << (isa<MemRefType>(type) ? 50 : 40);
    auto shaped = dyn_cast<ShapedType>(type);
    if (!shaped || !shaped.hasStaticShape())
      return false;
    int64_t count = 1; // a 0 counts as 1, so that no product of some of the dims overflows either
    return llvm::any_of(shaped.getShape(), [&](int64_t dim) {
      return llvm::MulOverflow(count, std::max<int64_t>(dim, 1), count) || count > maxElements;
    });
  }

  LogicalResult checkType(Operation *op, Type type) {
    if (isHuge(type))
      return complain(op, "may have no value of so many elements");
    if (auto vector = dyn_cast<VectorType>(type); vector && vector.getNumElements() > kMaxVectorElements)
      return complain(op, "may have no vector of more than " + Twine(kMaxVectorElements) + " elements");
    bool isTensor = isa<TensorType>(type), isMemory = isa<BaseMemRefType>(type);
    if (!isTensor && !isMemory)
      return success();
    if (isTensor && !isa<RankedTensorType>(type))
      return complain(op, "may have no tensor of unknown rank");
    if (isTensor && !cast<RankedTensorType>(type).hasStaticShape())
      return complain(op, "may have no tensor of unknown shape");
    if (isTensor && !getElementTypeOrSelf(type).isIntOrFloat())
      return complain(op, "may have no tensor of elements that are neither integers nor floats");
    if (llvm::any_of(allowed, [&](const StageRules *rules) { return isMemory ? rules->memrefs : rules->tensors; }))
      return success();
    return complain(op, isMemory ? "may have no memref" : "may have no tensor");
  }

  StringRef pass;
  ArrayRef<StringRef> names;
  SmallVector<const StageRules *> allowed;
  DenseMap<OperationName, bool> answers[NumPlaces];
};

} // namespace

LogicalResult requireStage(Pass &pass, Operation *root, std::initializer_list<StringRef> names) {
  return StageGuard(pass.getArgument(), names).check(root);
}

} // namespace nncc
