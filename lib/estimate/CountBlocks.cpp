// See CountBlocks.h.
#include "lib/estimate/CountBlocks.h"
#include "codegen/Target.h"
#include "lib/support/InternalError.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Analysis/BranchProbabilityInfo.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/Analysis/ValueTracking.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Utils/Cloning.h"

using namespace llvm;
using namespace nncc;

/// What the names of numbered blocks begin with; code generation names its own otherwise.
static constexpr StringLiteral kBlockPrefix = "nncc.";

void nncc::numberBlocks(llvm::Module &module) {
  unsigned number = 0;
  for (Function &function : module)
    for (BasicBlock &block : function)
      block.setName(kBlockPrefix + Twine(number++));
}

std::optional<unsigned> nncc::blockNumber(StringRef name) {
  unsigned number = 0;
  if (!name.consume_front(kBlockPrefix) || name.getAsInteger(10, number))
    return std::nullopt;
  return number;
}

namespace {

/// Which values are numbers that the compiler knows, and which come from tensors.
class DataFlow {
public:
  /// operands  the arguments of kernels that point to tensors
  DataFlow(ArrayRef<Function *> functions, ArrayRef<const Argument *> operands);

  bool isData(const Value *value) const { return data.contains(value); }

private:
  bool readsTable(const LoadInst &load) const;
  bool makesData(const Instruction &instruction) const;
  /// What is known after another look; true if it is more than before.
  bool visit(const Function &function);
  bool passArguments(const CallInst &call);

  DenseSet<const Value *> data;
  /// Arguments that may point to tensors; all others point to constants of the module.
  DenseSet<const Value *> tensors;
};

/// Turns a module into one that only counts.
class Skeleton {
public:
  explicit Skeleton(llvm::Module &module) : module(module), context(module.getContext()) {}

  void build(ArrayRef<KernelCall> calls);

  static std::string callName(size_t index) { return "nncc_count_call_" + std::to_string(index); }
  static constexpr StringLiteral kRuns = "nncc_count_runs", kBytes = "nncc_count_bytes", kCoins = "nncc_count_coins";
  size_t blocks = 0;

private:
  SmallVector<Function *> reachable(ArrayRef<KernelCall> calls) const;
  SmallVector<const Argument *> operandsOf(ArrayRef<KernelCall> calls) const;
  void dropOthers(ArrayRef<Function *> kept);
  void cut(Function &function, const DataFlow &flow);
  void decideByCoin(Function &function, const DataFlow &flow);
  void countIn(Function &function);
  void add(IRBuilder<> &builder, GlobalVariable *counters, unsigned index, Value *amount);
  GlobalVariable *addCounters(StringRef name, size_t size);
  Function *makeRandom();
  void addCall(size_t index, const KernelCall &call);

  llvm::Module &module;
  LLVMContext &context;
  GlobalVariable *runs = nullptr, *bytes = nullptr, *coins = nullptr;
  Function *random = nullptr;
};

} // namespace

DataFlow::DataFlow(ArrayRef<Function *> functions, ArrayRef<const Argument *> operands)
    : tensors(operands.begin(), operands.end()) {
  for (bool isNew = true; isNew;) {
    isNew = false;
    for (const Function *function : functions)
      isNew |= visit(*function);
  }
}

/// Whether a value is loaded from constants of the module, not from tensors.
bool DataFlow::readsTable(const LoadInst &load) const {
  SmallVector<const Value *> objects;
  getUnderlyingObjects(load.getPointerOperand(), objects, nullptr, /*MaxLookup=*/0);
  return all_of(objects, [&](const Value *object) {
    if (auto *global = dyn_cast<GlobalVariable>(object))
      return global->isConstant() && global->hasInitializer();
    return isa<Argument>(object) && !tensors.contains(object);
  });
}

bool DataFlow::makesData(const Instruction &instruction) const {
  if (auto *load = dyn_cast<LoadInst>(&instruction))
    return !load->isSimple() || !readsTable(*load);
  if (auto *call = dyn_cast<CallInst>(&instruction)) {
    // Functions of integers that any machine has.
    auto *intrinsic = dyn_cast<IntrinsicInst>(call);
    return !intrinsic || Intrinsic::isTargetIntrinsic(intrinsic->getIntrinsicID()) ||
           !intrinsic->doesNotAccessMemory() || !intrinsic->getType()->isIntOrIntVectorTy() ||
           any_of(intrinsic->args(), [](const Use &use) { return use->getType()->isFPOrFPVectorTy(); });
  }
  return instruction.mayReadOrWriteMemory();
}

bool DataFlow::passArguments(const CallInst &call) {
  const Function *callee = call.getCalledFunction();
  if (!callee || callee->isDeclaration())
    return false;
  bool isNew = false;
  for (auto [argument, use] : zip(callee->args(), call.args())) {
    isNew |= isData(use) && data.insert(&argument).second;
    if (!argument.getType()->isPointerTy() || tensors.contains(&argument))
      continue;
    SmallVector<const Value *> objects;
    getUnderlyingObjects(use, objects, nullptr, /*MaxLookup=*/0);
    bool isTable = !isData(use) && all_of(objects, [&](const Value *object) {
      auto *global = dyn_cast<GlobalVariable>(object);
      return (global && global->isConstant() && global->hasInitializer()) ||
             (isa<Argument>(object) && !tensors.contains(object));
    });
    isNew |= !isTable && tensors.insert(&argument).second;
  }
  return isNew;
}

bool DataFlow::visit(const Function &function) {
  bool isNew = false;
  for (const Instruction &instruction : instructions(function)) {
    if (auto *call = dyn_cast<CallInst>(&instruction))
      isNew |= passArguments(*call);
    if (instruction.getType()->isVoidTy() || isData(&instruction))
      continue;
    if (makesData(instruction) || any_of(instruction.operands(), [&](const Use &use) { return isData(use); }))
      isNew |= data.insert(&instruction).second;
  }
  return isNew;
}

SmallVector<Function *> Skeleton::reachable(ArrayRef<KernelCall> calls) const {
  SmallSetVector<Function *, 32> found;
  for (const KernelCall &call : calls)
    found.insert(module.getFunction(call.function));
  for (size_t i = 0; i < found.size(); ++i)
    for (Instruction &instruction : instructions(found[i]))
      if (auto *call = dyn_cast<CallInst>(&instruction))
        if (Function *callee = call->getCalledFunction(); callee && !callee->isDeclaration())
          found.insert(callee);
  return SmallVector<Function *>(found.begin(), found.end());
}

/// The argument for the numbers of a call that has some.
static unsigned placeOfNumbers(const Function &function, const KernelCall &call) {
  return function.arg_size() - (call.work ? 3 : 1);
}

SmallVector<const Argument *> Skeleton::operandsOf(ArrayRef<KernelCall> calls) const {
  SmallVector<const Argument *> operands;
  for (const KernelCall &call : calls)
    for (const Argument &argument : module.getFunction(call.function)->args())
      if (call.numbers.empty() || argument.getArgNo() != placeOfNumbers(*argument.getParent(), call))
        operands.push_back(&argument);
  return operands;
}

/// Leaves functions and constants that are called and read, and no more.
void Skeleton::dropOthers(ArrayRef<Function *> kept) {
  DenseSet<const Function *> isKept(kept.begin(), kept.end());
  for (Function &function : module)
    if (!isKept.contains(&function) && !function.isDeclaration())
      function.deleteBody();
  // Tables of the model name functions that are gone: what nobody reads is to go, too.
  for (StringRef list : {"llvm.used", "llvm.compiler.used"})
    if (GlobalVariable *used = module.getNamedGlobal(list))
      used->eraseFromParent();
  for (GlobalVariable &global : module.globals())
    if (global.hasInitializer())
      global.setLinkage(GlobalValue::InternalLinkage);
}

/// A function that draws 32 random bits, the same at every start.
///
/// source  Marsaglia 2003, "Xorshift RNGs": the triple (13, 17, 5)
Function *Skeleton::makeRandom() {
  IRBuilder<> builder(context);
  Type *i32 = builder.getInt32Ty();
  auto *state = new GlobalVariable(module, i32, false, GlobalValue::InternalLinkage, builder.getInt32(2463534242),
                                   "nncc_count_state");
  auto *function =
      Function::Create(FunctionType::get(i32, false), GlobalValue::InternalLinkage, "nncc_count_random", module);
  builder.SetInsertPoint(BasicBlock::Create(context, "", function));
  Value *x = builder.CreateLoad(i32, state);
  x = builder.CreateXor(x, builder.CreateShl(x, 13));
  x = builder.CreateXor(x, builder.CreateLShr(x, 17));
  x = builder.CreateXor(x, builder.CreateShl(x, 5));
  builder.CreateStore(x, state);
  add(builder, coins, 0, builder.getInt64(1));
  builder.CreateRet(x);
  return function;
}

GlobalVariable *Skeleton::addCounters(StringRef name, size_t size) {
  auto *type = ArrayType::get(Type::getInt64Ty(context), size);
  return new GlobalVariable(module, type, false, GlobalValue::ExternalLinkage, ConstantAggregateZero::get(type), name);
}

void Skeleton::add(IRBuilder<> &builder, GlobalVariable *counters, unsigned index, Value *amount) {
  Value *place = builder.CreateConstInBoundsGEP2_64(counters->getValueType(), counters, 0, index);
  builder.CreateStore(builder.CreateAdd(builder.CreateLoad(builder.getInt64Ty(), place), amount), place);
}

/// Branches that tensors decide are taken at random.
void Skeleton::decideByCoin(Function &function, const DataFlow &flow) {
  auto decidedBy = [](Instruction *last) -> Value * {
    if (auto *branch = dyn_cast<BranchInst>(last))
      return branch->isConditional() ? branch->getCondition() : nullptr;
    auto *choice = dyn_cast<SwitchInst>(last);
    return choice ? choice->getCondition() : nullptr;
  };
  if (none_of(function, [&](BasicBlock &block) { return flow.isData(decidedBy(block.getTerminator())); }))
    return;
  DominatorTree dominators(function);
  LoopInfo loops(dominators);
  BranchProbabilityInfo probabilities(function, loops);
  for (BasicBlock &block : function) {
    Instruction *last = block.getTerminator();
    IRBuilder<> builder(last);
    if (!flow.isData(decidedBy(last)))
      continue;
    if (auto *branch = dyn_cast<BranchInst>(last)) {
      BranchProbability taken = probabilities.getEdgeProbability(&block, 0u);
      auto threshold = uint32_t(taken.scale(UINT32_MAX));
      branch->setCondition(builder.CreateICmpULT(builder.CreateCall(random), builder.getInt32(threshold)));
    } else {
      auto *choice = cast<SwitchInst>(last);
      Value *drawn = builder.CreateURem(builder.CreateCall(random), builder.getInt32(choice->getNumSuccessors()));
      SwitchInst *other = builder.CreateSwitch(drawn, choice->getDefaultDest(), choice->getNumCases());
      for (auto [index, option] : enumerate(choice->cases()))
        other->addCase(builder.getInt32(index), option.getCaseSuccessor());
      choice->eraseFromParent();
    }
  }
}

/// Takes out of a function all but branches, calls and what they depend on.
void Skeleton::cut(Function &function, const DataFlow &flow) {
  SmallSetVector<Instruction *, 32> kept;
  SmallVector<std::pair<BasicBlock *, Value *>> moves; // where, how many bytes
  auto keep = [&](Value *value) {
    if (auto *instruction = dyn_cast<Instruction>(value); instruction && !flow.isData(value))
      kept.insert(instruction);
  };
  for (Instruction &instruction : instructions(function)) {
    if (instruction.isTerminator()) {
      kept.insert(&instruction);
      if (auto *result = dyn_cast<ReturnInst>(&instruction); result && result->getReturnValue())
        result->setOperand(0, Constant::getNullValue(function.getReturnType()));
    }
    auto *call = dyn_cast<CallInst>(&instruction);
    if (call && call->getCalledFunction() && !call->getCalledFunction()->isDeclaration()) {
      kept.insert(call);
      for (Use &use : call->args())
        if (flow.isData(use))
          use = Constant::getNullValue(use->getType());
    }
    if (auto *move = dyn_cast<MemIntrinsic>(&instruction); move && !flow.isData(move->getLength())) {
      keep(move->getLength());
      moves.emplace_back(move->getParent(), move->getLength());
    }
  }
  for (size_t i = 0; i < kept.size(); ++i)
    for (Use &use : kept[i]->operands())
      keep(use);
  for (BasicBlock &block : function)
    for (Instruction &instruction : make_early_inc_range(reverse(block)))
      if (!kept.contains(&instruction)) {
        instruction.replaceAllUsesWith(PoisonValue::get(instruction.getType()));
        instruction.eraseFromParent();
      }
  for (auto [block, length] : moves) {
    IRBuilder<> builder(block->getTerminator());
    add(builder, bytes, *blockNumber(block->getName()), builder.CreateZExtOrTrunc(length, builder.getInt64Ty()));
  }
}

void Skeleton::countIn(Function &function) {
  for (BasicBlock &block : function) {
    IRBuilder<> builder(&block, block.getFirstInsertionPt());
    add(builder, runs, *blockNumber(block.getName()), builder.getInt64(1));
  }
}

/// A function without arguments that makes a call. Operands have addresses that nobody reads.
void Skeleton::addCall(size_t index, const KernelCall &call) {
  IRBuilder<> builder(context);
  auto *function = Function::Create(FunctionType::get(builder.getVoidTy(), false), GlobalValue::ExternalLinkage,
                                    callName(index), module);
  builder.SetInsertPoint(BasicBlock::Create(context, "", function));
  Function *callee = module.getFunction(call.function);
  SmallVector<Value *> arguments;
  for (Argument &argument : callee->args()) {
    bool isPointer = argument.getType()->isPointerTy();
    // Far apart, and aligned as an arena is.
    uint64_t address = uint64_t(argument.getArgNo() + 1) << 40;
    arguments.push_back(isPointer ? builder.CreateIntToPtr(builder.getInt64(address), argument.getType())
                                  : Constant::getNullValue(argument.getType()));
  }
  if (call.work)
    arguments.back() = ConstantInt::get(arguments.back()->getType(), call.work);
  if (!call.numbers.empty()) {
    SmallVector<uint32_t> words(call.numbers.begin(), call.numbers.end());
    Constant *value = ConstantDataArray::get(context, words);
    arguments[placeOfNumbers(*callee, call)] = new GlobalVariable(
        module, value->getType(), /*isConstant=*/true, GlobalValue::InternalLinkage, value, "nncc_count_numbers");
  }
  builder.CreateCall(callee, arguments)->setCallingConv(callee->getCallingConv());
  builder.CreateRetVoid();
}

void Skeleton::build(ArrayRef<KernelCall> calls) {
  for (Function &function : module)
    blocks += function.size();
  SmallVector<Function *> functions = reachable(calls);
  dropOthers(functions);
  DataFlow flow(functions, operandsOf(calls));
  runs = addCounters(kRuns, blocks);
  bytes = addCounters(kBytes, blocks);
  coins = addCounters(kCoins, 1);
  random = makeRandom();
  for (Function *function : functions) {
    // What was said of memory, of the target and of inlining holds no longer.
    function->setAttributes(AttributeList());
    function->setLinkage(GlobalValue::InternalLinkage);
    function->setComdat(nullptr);
    for (Instruction &instruction : instructions(function))
      if (auto *call = dyn_cast<CallInst>(&instruction); call && !isa<IntrinsicInst>(call))
        call->setAttributes(AttributeList());
    decideByCoin(*function, flow);
  }
  // All coins are there before anything is taken out: what is new may have the address of what is gone, which the data
  // flow knows by its address.
  for (Function *function : functions)
    cut(*function, flow);
  for (Function *function : functions)
    countIn(*function);
  for (auto [index, call] : enumerate(calls))
    addCall(index, call);
}

/// Optimizes the skeleton and generates code of this machine.
static Expected<std::unique_ptr<MemoryBuffer>> compileHere(llvm::Module &module) {
  auto host = parseTarget("", "");
  if (!host)
    return host.takeError();
  std::unique_ptr<TargetMachine> machine = createTargetMachine(*host);
  for (NamedMDNode &flags : make_early_inc_range(module.named_metadata()))
    module.eraseNamedMetadata(&flags); // of the other target
  module.setTargetTriple(host->triple);
  module.setDataLayout(machine->createDataLayout());
  if (verifyModule(module, &errs()))
    return internalError("the counting copy of the code is no valid module");
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager components;
  ModuleAnalysisManager modules;
  PassBuilder builder(machine.get());
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(OptimizationLevel::O2).run(module, modules);
  SmallVector<char, 0> object;
  raw_svector_ostream stream(object);
  legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr, CodeGenFileType::ObjectFile))
    return internalError("no code generator for this machine");
  passes.run(module);
  return std::make_unique<SmallVectorMemoryBuffer>(std::move(object), "counts.o", /*RequiresNullTerminator=*/false);
}

Expected<std::vector<BlockCounts>> nncc::countBlocks(const llvm::Module &original, ArrayRef<KernelCall> calls) {
  std::unique_ptr<llvm::Module> module = CloneModule(original);
  Skeleton skeleton(*module);
  skeleton.build(calls);
  auto object = compileHere(*module);
  if (!object)
    return object.takeError();
  auto jit = orc::LLJITBuilder().create();
  if (!jit)
    return internalError(toString(jit.takeError()));
  if (Error error = (*jit)->addObjectFile(std::move(*object)))
    return internalError(toString(std::move(error)));
  auto addressOf = [&](StringRef name, auto *&pointer) -> Error {
    auto address = (*jit)->lookup(name);
    if (address)
      pointer = address->toPtr<std::remove_reference_t<decltype(pointer)>>();
    return address ? Error::success() : internalError(toString(address.takeError()));
  };
  uint64_t *runs = nullptr, *bytes = nullptr, *coins = nullptr;
  for (auto [name, pointer] :
       {std::pair(Skeleton::kRuns, &runs), {Skeleton::kBytes, &bytes}, {Skeleton::kCoins, &coins}})
    if (Error error = addressOf(name, *pointer))
      return std::move(error);
  std::vector<BlockCounts> counts;
  for (size_t index = 0; index < calls.size(); ++index) {
    void (*call)() = nullptr;
    if (Error error = addressOf(Skeleton::callName(index), call))
      return std::move(error);
    std::fill_n(runs, skeleton.blocks, 0);
    std::fill_n(bytes, skeleton.blocks, 0);
    *coins = 0;
    call();
    counts.push_back({{runs, runs + skeleton.blocks}, {bytes, bytes + skeleton.blocks}, *coins > 0});
  }
  return counts;
}
