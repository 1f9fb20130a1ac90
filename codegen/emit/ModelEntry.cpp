// Makes a model callable: adds the dispatcher, the tables, the public functions
// and the runtime core to the LLVM module that holds its kernels.
#include "codegen/emit/ModelEntry.h"
#include "codegen/ObjectCode.h"
#include "codegen/emit/DeviceProgram.h"
#include "codegen/emit/Dispatch.h"
#include "codegen/emit/Embedded.h"
#include "codegen/emit/PortType.h"
#include "codegen/emit/WeightsFile.h"
#include "codegen/emit/WeightsObject.h"
#include "lib/support/InternalError.h"
#include "nncc/abi.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Transforms/IPO/ConstantMerge.h"

using namespace llvm;
using namespace nncc;

namespace {
/// The attributes that say what code a function may use. Those of the kernels count: the core and the stubs get the
/// same, until prepareModule() gives them less.
constexpr StringLiteral targetAttributes[] = {"target-cpu", "target-features", "tune-cpu"};

class EntryBuilder {
public:
  EntryBuilder(llvm::Module &module, const ModelPlan &plan, uint64_t cpuRequired)
      : module(module), plan(plan), cpuRequired(cpuRequired), context(module.getContext()),
        ptr(PointerType::get(context, 0)), i8(Type::getInt8Ty(context)), i32(Type::getInt32Ty(context)),
        i64(Type::getInt64Ty(context)) {}

  Error build();

private:
  Error checkPlan();
  Error prepareKernels();
  Error link(StringRef bitcode, StringRef what);
  Error linkCore();
  Error addQuestion();
  void prepareDispatch();
  Constant *describe(ArrayRef<KernelPlan> kernels, int64_t arenaBytes, uint64_t required, Constant *program);
  GlobalVariable *addDescription();
  GlobalVariable *addVariantDescriptions();
  Function *addStub(StringRef suffix, StringRef coreFunction, GlobalVariable *description);
  Constant *makeKernels(ArrayRef<KernelPlan> kernels);
  Constant *makeVariants(ArrayRef<Constant *> kernels);
  void addTable(ArrayRef<Function *> stubs, Function *variantStub);

  int64_t memoryBytes(const OperandPlan &operand) const;
  void setTargetAttributes(Function &function) const;
  GlobalVariable *addConstant(Constant *value, const Twine &name);
  Constant *makeArray(ArrayRef<Constant *> elements, Type *elementType, const Twine &name);
  Constant *makeString(StringRef text);
  Constant *makeStruct(ArrayRef<Constant *> members) { return ConstantStruct::getAnon(context, members); }
  Constant *makeInt(Type *type, uint64_t value) { return ConstantInt::get(type, value); }
  Constant *makePorts(ArrayRef<PortPlan> ports, const Twine &name);

  llvm::Module &module;
  const ModelPlan &plan;
  uint64_t cpuRequired;
  LLVMContext &context;
  PointerType *ptr;
  Type *i8, *i32, *i64;
  Function *anyKernel = nullptr; ///< whose target attributes all others get
  Constant *portTable = nullptr; ///< the nncc_ports of the inputs, then the outputs
  /// That of the model, or of each of its CPUs; null pointers: all kernels are the CPU's.
  std::vector<Constant *> devicePrograms;
};
} // namespace

std::vector<std::string> nncc::publicSymbols(const ModelPlan &plan) {
  std::vector<std::string> symbols;
  for (const char *suffix : {"_init", "_run", "_start", "_step", "_model"})
    symbols.push_back(plan.name + suffix);
  return symbols;
}

uint64_t nncc::contextWords(const ModelPlan &plan) {
  return NNCC_CONTEXT_FIXED_WORDS + plan.inputs.size() + plan.outputs.size() + deviceContextWords(plan);
}

int64_t EntryBuilder::memoryBytes(const OperandPlan &operand) const {
  switch (operand.memory) {
  case Memory::Arena:
    return plan.arenaBytes;
  case Memory::Weights:
    return plan.weightsBytes;
  case Memory::Input:
    return operand.index < plan.inputs.size() ? portBytes(plan.inputs[operand.index]) : -1;
  case Memory::Output:
    return operand.index < plan.outputs.size() ? portBytes(plan.outputs[operand.index]) : -1;
  }
  llvm_unreachable("no such memory");
}

Error EntryBuilder::checkPlan() {
  for (const auto &ports : {plan.inputs, plan.outputs})
    for (const PortPlan &port : ports)
      if (!portType(port.elementType))
        return internalError("'" + port.name + "' has a type that the ABI lacks");
  if (plan.arenaAlign <= 0 || !isPowerOf2_64(plan.arenaAlign))
    return internalError("the arena's alignment is no power of two");
  for (const KernelPlan &kernel : plan.kernels) {
    Function *function = module.getFunction(kernel.function);
    // With several CPUs the kernels are linked in later.
    if (!function || (function->isDeclaration() && plan.variants.empty()))
      return internalError("kernel '" + kernel.name + "': no function '" + kernel.function + "'");
    FunctionType *type = function->getFunctionType();
    unsigned pointers = kernel.operands.size() + !kernel.numbers.empty(), numbers = kernel.work ? 2 : 0;
    if (!type->getReturnType()->isVoidTy() || type->isVarArg() || type->getNumParams() != pointers + numbers ||
        !llvm::all_of(type->params().take_front(pointers), [](Type *t) { return t->isPointerTy(); }) ||
        !llvm::all_of(type->params().drop_front(pointers), [&](Type *t) { return t == i64; }))
      return internalError("kernel '" + kernel.name + "': function '" + kernel.function + "' does not take " +
                           Twine(pointers) + " pointers and " + Twine(numbers) + " numbers");
    // The dispatcher multiplies them.
    if (kernel.parts < 1 || (kernel.parts > 1 && !kernel.work) || kernel.work > (UINT64_MAX >> 1) / kernel.parts)
      return internalError("kernel '" + kernel.name + "' cannot be cut into " + Twine(kernel.parts) + " parts");
    for (auto [i, operand] : llvm::enumerate(kernel.operands))
      if (operand.byteOffset < 0 || operand.bytes < 0 || operand.byteOffset > memoryBytes(operand) - operand.bytes)
        return internalError("kernel '" + kernel.name + "': operand " + Twine(i) + " [" + Twine(operand.byteOffset) +
                             ", +" + Twine(operand.bytes) + ") lies outside of its memory of " +
                             Twine(memoryBytes(operand)) + " bytes");
  }
  return Error::success();
}

void EntryBuilder::setTargetAttributes(Function &function) const {
  for (StringRef name : targetAttributes) {
    function.removeFnAttr(name);
    if (anyKernel && anyKernel->hasFnAttribute(name))
      function.addFnAttr(anyKernel->getFnAttribute(name));
  }
}

Error EntryBuilder::prepareKernels() {
  if (module.getNamedGlobal("llvm.global_ctors") || module.getNamedGlobal("llvm.global_dtors"))
    return internalError("the kernels have static constructors");
  for (const KernelPlan &kernel : plan.kernels) {
    Function *function = module.getFunction(kernel.function);
    if (!anyKernel)
      anyKernel = function;
    // A kernel stays a function of its own: profilers, debuggers and the stack
    // bound see it by its name.
    function->addFnAttr(Attribute::NoInline);
  }
  for (Function &function : module)
    if (!function.isDeclaration())
      function.setDoesNotThrow(); // no unwind tables
  return Error::success();
}

static bool isX86(const ModelPlan &plan) { return Triple(plan.target).getArch() == Triple::x86_64; }

static bool hasOperatingSystem(const ModelPlan &plan) { return Triple(Triple::normalize(plan.target)).isOSLinux(); }

bool nncc::asksMachine(const ModelPlan &plan) { return !plan.variants.empty() && hasOperatingSystem(plan); }

bool nncc::asksLibraryOfC(const ModelPlan &plan) { return asksMachine(plan) && !isX86(plan); }

Error EntryBuilder::linkCore() {
  return link(isX86(plan) ? embedded::coreX8664 : embedded::coreAArch64, "the runtime core");
}

/// nncc_cpu_features() of a library that chooses a CPU. Without an operating system reading the ID registers may be
/// forbidden: the program says, or nobody knows.
Error EntryBuilder::addQuestion() {
  if (hasOperatingSystem(plan))
    return link(isX86(plan) ? embedded::cpuX8664 : embedded::cpuAArch64, "the question for the CPU");
  Function *question = module.getFunction("nncc_cpu_features");
  IRBuilder<> builder(BasicBlock::Create(context, "entry", question));
  builder.CreateRet(builder.getInt64(0));
  return Error::success();
}

/// Links C code that nncc carries as bitcode.
Error EntryBuilder::link(StringRef bitcode, StringRef what) {
  Expected<std::unique_ptr<Module>> core = parseBitcodeFile(MemoryBufferRef(bitcode, what), context);
  if (!core)
    return core.takeError();
  (*core)->setTargetTriple(module.getTargetTriple());
  (*core)->setDataLayout(module.getDataLayout());
  // What its compilation recorded (PIC level, wchar size, producer) is not what
  // the model's module says.
  for (NamedMDNode &node : llvm::make_early_inc_range((*core)->named_metadata()))
    if (node.getName().starts_with("llvm."))
      node.eraseFromParent();
  for (Function &function : **core) {
    setTargetAttributes(function);
    function.addFnAttr(runsAnywhere); // M_init, which finds out whether the machine runs the kernels
    for (StringRef name : {"min-legal-vector-width", "no-trapping-math", "stack-protector-buffer-size"})
      function.removeFnAttr(name);
  }
  if (Linker::linkModules(module, std::move(*core)))
    return internalError(what + " does not link");
  return Error::success();
}

GlobalVariable *EntryBuilder::addConstant(Constant *value, const Twine &name) {
  return new GlobalVariable(module, value->getType(), /*isConstant=*/true, GlobalValue::InternalLinkage, value, name);
}

Constant *EntryBuilder::makeArray(ArrayRef<Constant *> elements, Type *elementType, const Twine &name) {
  if (elements.empty())
    return ConstantPointerNull::get(ptr);
  GlobalVariable *array = addConstant(ConstantArray::get(ArrayType::get(elementType, elements.size()), elements), name);
  array->setUnnamedAddr(GlobalValue::UnnamedAddr::Global);
  return array;
}

Constant *EntryBuilder::makeString(StringRef text) {
  GlobalVariable *string = addConstant(ConstantDataArray::getString(context, text), "nncc.string");
  string->setLinkage(GlobalValue::PrivateLinkage);
  string->setUnnamedAddr(GlobalValue::UnnamedAddr::Global);
  string->setAlignment(Align(1));
  return string;
}

/// nncc_core_dispatch(), of which one copy serves run and step.
void EntryBuilder::prepareDispatch() {
  Function *function = addDispatch(module, plan);
  setTargetAttributes(*function);
  function->setDoesNotThrow();
  function->addFnAttr(Attribute::NoInline);
  function->addFnAttr(Attribute::OptimizeForSize);
}

/// An nncc_model_desc.
///
/// program  that of the device
Constant *EntryBuilder::describe(ArrayRef<KernelPlan> kernels, int64_t arenaBytes, uint64_t required,
                                 Constant *program) {
  if (!portTable) {
    SmallVector<Constant *> ports;
    for (const auto *list : {&plan.inputs, &plan.outputs})
      for (const PortPlan &port : *list)
        ports.push_back(makeStruct({makeInt(i64, portBytes(port)), makeInt(i64, portType(port.elementType)->bytes)}));
    portTable = makeArray(ports, StructType::get(context, {i64, i64}), "nncc_ports");
  }
  SmallVector<Constant *> parts;
  if (llvm::any_of(kernels, [](const KernelPlan &kernel) { return kernel.parts > 1; }))
    for (const KernelPlan &kernel : kernels)
      parts.push_back(makeInt(i32, kernel.parts));
  return makeStruct({makeInt(i64, arenaBytes), makeInt(i64, plan.arenaAlign), makeInt(i64, required),
                     makeInt(i32, plan.inputs.size()), makeInt(i32, plan.outputs.size()), makeInt(i32, kernels.size()),
                     makeInt(i32, 0), portTable, makeInt(i64, plan.externWeights ? weightsFileBytes(plan) : 0),
                     makeInt(i64, plan.weightsLayout), makeArray(parts, i32, "nncc_parts"), program});
}

/// The nncc_model_desc of the model.
GlobalVariable *EntryBuilder::addDescription() {
  return addConstant(describe(plan.kernels, plan.arenaBytes, cpuRequired, devicePrograms.front()), "nncc_description");
}

static ArrayRef<KernelPlan> kernelsOf(const ModelPlan &plan, const VariantPlan &variant) {
  return ArrayRef(plan.kernels).slice(variant.firstKernel, variant.numKernels);
}

/// The nncc_variants_desc of the model.
GlobalVariable *EntryBuilder::addVariantDescriptions() {
  SmallVector<Constant *> variants;
  for (auto [variant, program] : llvm::zip_equal(plan.variants, devicePrograms))
    variants.push_back(
        makeStruct({makeString(variant.cpu), makeInt(i32, variant.firstKernel), makeInt(i32, 0),
                    describe(kernelsOf(plan, variant), variant.arenaBytes, variant.cpuRequired, program)}));
  Constant *table = makeArray(variants, variants.front()->getType(), "nncc_variants");
  return addConstant(makeStruct({makeInt(i32, variants.size()), makeInt(i32, hasOperatingSystem(plan)), table}),
                     "nncc_description");
}

/// M_<suffix>: the core's function of the same arguments, without its first,
/// the description.
Function *EntryBuilder::addStub(StringRef suffix, StringRef coreFunction, GlobalVariable *description) {
  Function *core = module.getFunction(coreFunction);
  FunctionType *coreType = core->getFunctionType();
  auto *function =
      Function::Create(FunctionType::get(coreType->getReturnType(), coreType->params().drop_front(), false),
                       GlobalValue::ExternalLinkage, plan.name + suffix, module);
  function->setAttributes(
      AttributeList::get(context, core->getAttributes().getFnAttrs(), core->getAttributes().getRetAttrs(), {}));
  // True of the core alone, not of what it calls once the dispatcher is known.
  function->removeFnAttr(Attribute::Memory);
  IRBuilder<> builder(BasicBlock::Create(context, "entry", function));
  SmallVector<Value *> arguments = {description};
  for (Argument &argument : function->args())
    arguments.push_back(&argument);
  CallInst *call = builder.CreateCall(core, arguments);
  call->setTailCall();
  builder.CreateRet(call);
  return function;
}

Constant *EntryBuilder::makePorts(ArrayRef<PortPlan> ports, const Twine &name) {
  SmallVector<Constant *> rows;
  Type *type = StructType::get(context, {ptr, ptr, ptr, i32, i32, i64});
  for (const PortPlan &port : ports) {
    SmallVector<Constant *> dims;
    for (int64_t dim : port.shape)
      dims.push_back(makeInt(i64, dim));
    rows.push_back(makeStruct({makeString(port.name), makeString(port.identifier), makeArray(dims, i64, "nncc_dims"),
                               makeInt(i32, port.shape.size()), makeInt(i32, portType(port.elementType)->id),
                               makeInt(i64, portBytes(port))}));
  }
  return makeArray(rows, type, name);
}

/// The nncc_kernels of some kernels.
Constant *EntryBuilder::makeKernels(ArrayRef<KernelPlan> kernels) {
  SmallVector<Constant *> rows;
  for (const KernelPlan &kernel : kernels)
    rows.push_back(makeStruct({makeString(kernel.name), makeString(kernel.op), makeInt(i64, kernel.macs)}));
  return makeArray(rows, StructType::get(context, {ptr, ptr, i64}), "nncc_kernels");
}

/// The nncc_variants of the model.
///
/// kernels  the table of each
Constant *EntryBuilder::makeVariants(ArrayRef<Constant *> kernels) {
  SmallVector<Constant *> rows;
  for (auto [variant, table] : llvm::zip(plan.variants, kernels))
    rows.push_back(
        makeStruct({makeString(variant.cpu), makeInt(i64, variant.cpuRequired), makeInt(i64, variant.arenaBytes),
                    makeInt(i32, variant.numKernels), makeInt(i32, 0), table}));
  return makeArray(rows, StructType::get(context, {ptr, i64, i64, i32, i32, ptr}), "nncc_variants");
}

/// Whether two lists of kernels are the same to a program.
static bool areAlike(ArrayRef<KernelPlan> a, ArrayRef<KernelPlan> b) {
  return llvm::equal(a, b, [](const KernelPlan &one, const KernelPlan &other) {
    return one.name == other.name && one.op == other.op && one.macs == other.macs;
  });
}

/// M_model, the nncc_model of the model. M_inputs and M_outputs are structs of
/// pointers alone, so that its functions are the public ones themselves.
void EntryBuilder::addTable(ArrayRef<Function *> stubs, Function *variantStub) {
  SmallVector<Constant *> tables;
  size_t longest = 0;
  for (auto [i, variant] : llvm::enumerate(plan.variants)) {
    // Most CPUs run the same kernels.
    ArrayRef<KernelPlan> first = kernelsOf(plan, plan.variants.front()), kernels = kernelsOf(plan, variant);
    tables.push_back(i && areAlike(first, kernels) ? tables.front() : makeKernels(kernels));
    if (variant.numKernels > plan.variants[longest].numKernels)
      longest = i;
  }
  Constant *kernels = tables.empty() ? makeKernels(plan.kernels) : tables[longest];
  SmallVector<Constant *> members = {makeInt(i32, NNCC_ABI_VERSION),
                                     makeInt(i32, sizeof(nncc_model)),
                                     makeString(plan.name),
                                     makeString(plan.target),
                                     makeString(plan.cpu),
                                     makeInt(i64, plan.arenaBytes),
                                     makeInt(i64, plan.arenaAlign),
                                     makeInt(i64, contextWords(plan) * sizeof(uint64_t)),
                                     makeInt(i64, plan.weightsBytes),
                                     makeInt(i64, cpuRequired),
                                     makeInt(i32, plan.inputs.size()),
                                     makeInt(i32, plan.outputs.size()),
                                     makeInt(i32, plan.numSteps()),
                                     makeInt(i32, plan.variants.size()),
                                     makePorts(plan.inputs, "nncc_inputs"),
                                     makePorts(plan.outputs, "nncc_outputs"),
                                     kernels};
  members.append(stubs.begin(), stubs.end());
  members.push_back(makeInt(i64, plan.externWeights ? weightsFileBytes(plan) : 0));
  auto some = llvm::find_if(devicePrograms, [](Constant *program) { return !program->isNullValue(); });
  members.push_back(some == devicePrograms.end() ? devicePrograms.front() : *some);
  members.push_back(makeVariants(tables));
  members.push_back(variantStub ? static_cast<Constant *>(variantStub) : ConstantPointerNull::get(ptr));
  Constant *table = makeStruct(members);
  static_assert(sizeof(nncc_model) == 176, "the members above follow nncc_model of nncc/abi.h");
  addConstant(table, plan.name + "_model")->setLinkage(GlobalValue::ExternalLinkage);
}

/// Makes all but the public names of a module its own.
static void internalize(llvm::Module &module, const ModelPlan &plan) {
  std::vector<std::string> keep = publicSymbols(plan);
  for (GlobalValue &value : module.global_values()) {
    if (value.isDeclaration() || llvm::is_contained(keep, value.getName()))
      continue;
    if (!value.hasLocalLinkage())
      value.setLinkage(GlobalValue::InternalLinkage);
    value.setVisibility(GlobalValue::DefaultVisibility);
    value.setDSOLocal(true);
    if (auto *object = dyn_cast<GlobalObject>(&value))
      object->setComdat(nullptr);
  }
}

Error EntryBuilder::build() {
  if (Error error = checkPlan())
    return error;
  if (Error error = prepareKernels())
    return error;
  prepareDispatch();
  if (Error error = linkCore())
    return error;
  devicePrograms = addDevicePrograms(module, plan, module.getNamedGlobal(weightsSymbol(plan)));
  bool choosesCpu = !plan.variants.empty();
  if (choosesCpu)
    if (Error error = addQuestion())
      return error;
  GlobalVariable *description = choosesCpu ? addVariantDescriptions() : addDescription();
  SmallVector<Function *> stubs;
  // Libraries whose kernels are all the CPU's, or of one CPU, carry no code for anything else.
  std::string init = plan.externWeights ? "nncc_core_init_extern" : "nncc_core_init",
              forVariants = choosesCpu ? "_variants" : "",
              forAll = (deviceContextWords(plan) ? "_device" : "") + forVariants;
  stubs.push_back(addStub("_init", init + forAll, description));
  stubs.push_back(addStub("_run", "nncc_core_run" + forAll, description));
  stubs.push_back(addStub("_start", "nncc_core_start" + forVariants, description));
  stubs.push_back(addStub("_step", "nncc_core_step" + forAll, description));
  addTable(stubs, choosesCpu ? addStub("_variant", "nncc_core_variant", description) : nullptr);
  internalize(module, plan);
  std::string complaint;
  raw_string_ostream os(complaint);
  if (verifyModule(module, &os))
    return internalError("the module is broken: " + complaint);
  return Error::success();
}

Error nncc::addModelEntry(llvm::Module &module, ModelPlan &plan, uint64_t cpuRequired) {
  if (plan.externWeights)
    plan.weightsLayout = weightsLayout(module, plan);
  return EntryBuilder(module, plan, cpuRequired).build();
}

Error nncc::addVariantsEntry(llvm::Module &module, ModelPlan &plan, uint64_t cpuRequired,
                             const ModuleOptimizer &optimize) {
  if (plan.externWeights)
    plan.weightsLayout = weightsLayout(module, plan);
  auto entry = std::make_unique<llvm::Module>("entry", module.getContext());
  entry->setTargetTriple(module.getTargetTriple());
  entry->setDataLayout(module.getDataLayout());
  for (const KernelPlan &kernel : plan.kernels)
    if (Function *function = module.getFunction(kernel.function))
      entry->getOrInsertFunction(kernel.function, function->getFunctionType());
  if (Error error = EntryBuilder(*entry, plan, cpuRequired).build())
    return error;
  if (Error error = optimize(*entry))
    return error;
  if (Linker::linkModules(module, std::move(entry)))
    return internalError("the entry points do not link");
  internalize(module, plan);
  ModuleAnalysisManager analyses;
  ConstantMergePass().run(module, analyses); // tables of calls are the same for many CPUs
  return Error::success();
}
