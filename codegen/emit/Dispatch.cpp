// Kernels that differ only in where their operands lie are called by the same code, which reads that from a table.
#include "codegen/emit/Dispatch.h"
#include "codegen/emit/WeightsObject.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include <map>
#include <numeric>
#include <tuple>

using namespace llvm;
using namespace nncc;

namespace {
/// Below these, numbers in the code take less memory: kernels that share a call, and kernels of a model.
constexpr size_t fewestOfCall = 3, fewestWithRanges = 5;

/// Read-only numbers, each as wide as the largest needs.
struct Table {
  GlobalVariable *global = nullptr;
  Type *element = nullptr;
};

/// Kernels that the same code calls.
struct SharedCall {
  SmallVector<size_t> kernels;
  std::vector<SmallVector<uint64_t>> columns; ///< offsets of an argument in which they differ, of each of them
};

class DispatchBuilder {
public:
  DispatchBuilder(llvm::Module &module, const ModelPlan &plan)
      : module(module), plan(plan), context(module.getContext()), ptr(PointerType::get(context, 0)), builder(context) {}

  Function *build();

private:
  void findCalls();
  void addNumbers();
  void addColumns(SharedCall &call);
  SmallVector<uint64_t> offsetsOf(const SharedCall &call, size_t argument) const;
  Table makeTable(ArrayRef<uint64_t> values, const Twine &name);
  Value *read(const Table &table, Value *place);
  void addWeights();
  Value *baseOf(const OperandPlan &operand);
  Value *boundOf(Value *number, Value *work) { return builder.CreateUDiv(builder.CreateMul(number, work), parts); }
  void addCall(const SharedCall &call);

  bool readsRanges() const { return plan.kernels.size() >= fewestWithRanges; }

  llvm::Module &module;
  const ModelPlan &plan;
  LLVMContext &context;
  PointerType *ptr;
  IRBuilder<> builder;
  std::vector<SharedCall> calls;
  GlobalVariable *numbers = nullptr;                                                 ///< of all kernels
  SmallVector<uint64_t> numbersAt;                                                   ///< of each, in bytes
  SmallVector<uint64_t> rows;                                                        ///< columns, kernel by kernel
  SmallVector<uint64_t> rowAt;                                                       ///< where that of each begins
  Value *arena = nullptr, *inputs = nullptr, *outputs = nullptr, *weights = nullptr; ///< where memories begin
  Value *part = nullptr, *next = nullptr, *parts = nullptr;
  Value *begin = nullptr, *end = nullptr; ///< the range, where it is computed for all kernels
  Table table;                            ///< of `rows`
  Value *row = nullptr;                   ///< where that of the kernel begins
};
} // namespace

/// Kernels share a call if they run one function with operands that lie in the same memories.
void DispatchBuilder::findCalls() {
  using Place = std::pair<Memory, unsigned>;
  using Key = std::tuple<StringRef, std::vector<Place>, uint64_t>;
  std::map<Key, size_t> known;
  std::vector<SharedCall> alike;
  for (auto [index, kernel] : llvm::enumerate(plan.kernels)) {
    std::vector<Place> places;
    for (const OperandPlan &operand : kernel.operands)
      places.emplace_back(operand.memory, operand.index);
    auto [entry, isNew] = known.try_emplace({kernel.function, places, readsRanges() ? 0 : kernel.work}, alike.size());
    if (isNew)
      alike.emplace_back();
    alike[entry->second].kernels.push_back(index);
  }
  for (SharedCall &call : alike) {
    if (call.kernels.size() >= fewestOfCall)
      calls.push_back(std::move(call));
    else
      for (size_t kernel : call.kernels)
        calls.push_back({{kernel}, {}});
  }
  // Where no kernels share a call, its number is that of its kernel.
  llvm::sort(calls, [](const SharedCall &a, const SharedCall &b) { return a.kernels.front() < b.kernels.front(); });
}

/// What functions that kernels share read of each: words beside the tables of calls.
void DispatchBuilder::addNumbers() {
  std::map<ArrayRef<int32_t>, size_t> known;
  SmallVector<uint32_t> words;
  for (const KernelPlan &kernel : plan.kernels) {
    auto [entry, isNew] = known.try_emplace(kernel.numbers, words.size());
    if (isNew)
      words.append(kernel.numbers.begin(), kernel.numbers.end());
    numbersAt.push_back(sizeof(uint32_t) * entry->second);
  }
  Constant *value = ConstantDataArray::get(context, words);
  numbers = new GlobalVariable(module, value->getType(), /*isConstant=*/true, GlobalValue::PrivateLinkage, value,
                               "nncc_numbers");
  numbers->setUnnamedAddr(GlobalValue::UnnamedAddr::Global);
  numbers->setSection(".rodata.nncc_calls");
}

/// Where an argument of each kernel lies from the begin of its memory on: an operand, or the numbers behind them.
SmallVector<uint64_t> DispatchBuilder::offsetsOf(const SharedCall &call, size_t argument) const {
  return llvm::map_to_vector(call.kernels, [&](size_t index) -> uint64_t {
    const KernelPlan &kernel = plan.kernels[index];
    return argument < kernel.operands.size() ? kernel.operands[argument].byteOffset : numbersAt[index];
  });
}

/// How many low bits no value has: most operands begin at multiples of a cache line.
static unsigned sharedZeros(ArrayRef<uint64_t> values) {
  return llvm::countr_zero(std::accumulate(values.begin(), values.end(), uint64_t(0), std::bit_or<>()));
}

void DispatchBuilder::addColumns(SharedCall &call) {
  for (size_t argument = 0; argument <= plan.kernels[call.kernels.front()].operands.size(); ++argument) {
    SmallVector<uint64_t> offsets = offsetsOf(call, argument);
    if (!llvm::all_equal(offsets) && !llvm::is_contained(call.columns, offsets))
      call.columns.push_back(std::move(offsets));
  }
  for (auto [i, kernel] : llvm::enumerate(call.kernels)) {
    rowAt[kernel] = rows.size();
    for (const SmallVector<uint64_t> &column : call.columns)
      rows.push_back(column[i] >> sharedZeros(column));
  }
}

Table DispatchBuilder::makeTable(ArrayRef<uint64_t> values, const Twine &name) {
  uint64_t most = *llvm::max_element(values);
  auto as = [&](auto element) -> Constant * {
    SmallVector<decltype(element)> narrow(values);
    return ConstantDataArray::get(context, narrow);
  };
  Constant *value = isUInt<8>(most)    ? as(uint8_t())
                    : isUInt<16>(most) ? as(uint16_t())
                    : isUInt<32>(most) ? as(uint32_t())
                                       : as(uint64_t());
  auto *global =
      new GlobalVariable(module, value->getType(), /*isConstant=*/true, GlobalValue::PrivateLinkage, value, name);
  global->setUnnamedAddr(GlobalValue::UnnamedAddr::Global);
  return {global, value->getType()->getArrayElementType()};
}

/// An element of a table, as an i64.
Value *DispatchBuilder::read(const Table &table, Value *place) {
  Value *address = builder.CreateInBoundsGEP(table.element, table.global, place);
  return builder.CreateZExt(builder.CreateLoad(table.element, address), builder.getInt64Ty());
}

void DispatchBuilder::addWeights() {
  auto *global = new GlobalVariable(module, ArrayType::get(builder.getInt8Ty(), plan.weightsBytes),
                                    /*isConstant=*/true, GlobalValue::ExternalLinkage, nullptr, weightsSymbol(plan));
  global->setVisibility(GlobalValue::HiddenVisibility);
  global->setDSOLocal(true);
  global->setAlignment(Align(64));
  weights = global;
}

/// Where the memory of an operand begins.
Value *DispatchBuilder::baseOf(const OperandPlan &operand) {
  auto port = [&](Value *table) -> Value * {
    return builder.CreateLoad(ptr, builder.CreateConstGEP1_64(ptr, table, operand.index));
  };
  switch (operand.memory) {
  case Memory::Arena:
    return arena;
  case Memory::Weights:
    // No weights at all: an empty operand of an empty memory.
    return weights ? weights : ConstantPointerNull::get(ptr);
  case Memory::Input:
    return port(inputs);
  case Memory::Output:
    return port(outputs);
  }
  llvm_unreachable("no such memory");
}

void DispatchBuilder::addCall(const SharedCall &call) {
  const KernelPlan &kernel = plan.kernels[call.kernels.front()];
  auto place = [&](Value *base, size_t argument) -> Value * {
    SmallVector<uint64_t> offsets = offsetsOf(call, argument);
    Value *offset;
    if (llvm::all_equal(offsets)) {
      if (!offsets.front())
        return base;
      offset = builder.getInt64(offsets.front());
    } else {
      size_t column = llvm::find(call.columns, offsets) - call.columns.begin();
      offset = builder.CreateShl(read(table, builder.CreateAdd(row, builder.getInt64(column))), sharedZeros(offsets));
    }
    return builder.CreateInBoundsPtrAdd(base, offset);
  };
  SmallVector<Value *> arguments;
  for (auto [i, operand] : llvm::enumerate(kernel.operands))
    arguments.push_back(place(baseOf(operand), i));
  if (!kernel.numbers.empty())
    arguments.push_back(place(numbers, kernel.operands.size()));
  if (kernel.work) {
    Value *work = builder.getInt64(kernel.work);
    arguments.push_back(begin ? begin : boundOf(part, work));
    arguments.push_back(end ? end : boundOf(next, work));
  }
  Function *callee = module.getFunction(kernel.function);
  builder.CreateCall(callee, arguments)->setCallingConv(callee->getCallingConv());
}

Function *DispatchBuilder::build() {
  findCalls();
  addNumbers();
  rowAt.resize(plan.kernels.size());
  SmallVector<uint64_t> callOf(plan.kernels.size());
  for (auto [index, call] : llvm::enumerate(calls)) {
    for (size_t kernel : call.kernels)
      callOf[kernel] = index;
    if (call.kernels.size() > 1)
      addColumns(call);
  }

  auto *function =
      Function::Create(FunctionType::get(builder.getVoidTy(), {ptr, builder.getInt32Ty()}, /*isVarArg=*/false),
                       GlobalValue::ExternalLinkage, "nncc_core_dispatch", module);
  // nncc_job of runtime/model/core.h.
  enum { Kernel, Parts, Arena, Inputs, Outputs, Weights };
  StructType *job = StructType::get(context, {builder.getInt32Ty(), builder.getInt32Ty(), ptr, ptr, ptr, ptr});
  builder.SetInsertPoint(BasicBlock::Create(context, "entry", function));
  auto member = [&](unsigned number) -> Value * {
    return builder.CreateLoad(job->getElementType(number), builder.CreateStructGEP(job, function->getArg(0), number));
  };
  auto wide = [&](Value *number) { return builder.CreateZExt(number, builder.getInt64Ty()); };
  arena = member(Arena), inputs = member(Inputs), outputs = member(Outputs);
  if (plan.externWeights)
    weights = member(Weights);
  else if (plan.weightsBytes)
    addWeights();
  part = wide(function->getArg(1)), next = builder.CreateAdd(part, builder.getInt64(1)), parts = wide(member(Parts));
  Value *kernel = wide(member(Kernel));
  // The range is computed once, from a table of the work of all kernels, and not in the code of each.
  if (readsRanges()) {
    Value *work = read(
        makeTable(llvm::map_to_vector(plan.kernels, [](const KernelPlan &k) { return k.work; }), "nncc_work"), kernel);
    begin = boundOf(part, work);
    end = boundOf(next, work);
  }
  if (!rows.empty()) {
    table = makeTable(rows, "nncc_rows");
    row = read(makeTable(rowAt, "nncc_row_of"), kernel);
  }

  // The core asks for no other kernels than there are.
  BasicBlock *done = BasicBlock::Create(context, "done", function);
  Value *number = calls.size() < plan.kernels.size() ? read(makeTable(callOf, "nncc_call_of"), kernel) : kernel;
  SwitchInst *choose = builder.CreateSwitch(number, done, calls.size());
  for (auto [index, call] : llvm::enumerate(calls)) {
    BasicBlock *block =
        BasicBlock::Create(context, plan.kernels[call.kernels.front()].name, function, /*InsertBefore=*/done);
    choose->addCase(builder.getInt64(index), block);
    builder.SetInsertPoint(block);
    addCall(call);
    builder.CreateBr(done);
  }
  builder.SetInsertPoint(done);
  builder.CreateRetVoid();
  return function;
}

Function *nncc::addDispatch(llvm::Module &module, const ModelPlan &plan) {
  return DispatchBuilder(module, plan).build();
}
