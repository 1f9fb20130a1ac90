// The LLVM half of the compiler: optimization passes, code generation, and a
// look into the objects made.
#include "codegen/ObjectCode.h"
#include "codegen/KeepOrder.h"
#include "codegen/MoveBfloats.h"
#include "lib/support/InternalError.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Analysis/RuntimeLibcallInfo.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/CodeGen/CodeGenTargetMachineImpl.h"
#include "llvm/CodeGen/MachineFunctionPass.h"
#include "llvm/CodeGen/MachineModuleInfo.h"
#include "llvm/CodeGen/Passes.h"
#include "llvm/CodeGen/TargetPassConfig.h"
#include "llvm/IR/DebugInfo.h"
#include "llvm/IR/DiagnosticHandler.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/OptBisect.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/DataExtractor.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/IPO/AlwaysInliner.h"
#include "llvm/Transforms/IPO/ConstantMerge.h"
#include "llvm/Transforms/IPO/GlobalDCE.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/ADCE.h"
#include "llvm/Transforms/Scalar/DeadStoreElimination.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/GVN.h"
#include "llvm/Transforms/Scalar/IndVarSimplify.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopDeletion.h"
#include "llvm/Transforms/Scalar/LoopIdiomRecognize.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/LoopRotation.h"
#include "llvm/Transforms/Scalar/LoopUnrollPass.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"
#include <chrono>

using namespace nncc;
using llvm::StringRef;

namespace {
/// Milliseconds since it was made.
class Stopwatch {
public:
  double ms() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  }

private:
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};

/// Keeps the errors of LLVM, which would print them and leave the process, as long as it lives.
class CollectedErrors {
public:
  explicit CollectedErrors(llvm::LLVMContext &context) : context(context), old(context.getDiagnosticHandler()) {
    context.setDiagnosticHandler(std::make_unique<Handler>(text));
  }
  ~CollectedErrors() { context.setDiagnosticHandler(std::move(old)); }

  llvm::Error take() { return text.empty() ? llvm::Error::success() : internalError(text); }

private:
  struct Handler : llvm::DiagnosticHandler {
    explicit Handler(std::string &text) : text(text) {}
    bool handleDiagnostics(const llvm::DiagnosticInfo &info) override {
      if (info.getSeverity() == llvm::DS_Error) {
        llvm::raw_string_ostream stream(text);
        llvm::DiagnosticPrinterRawOStream printer(stream);
        info.print(printer);
        stream << '\n';
      }
      return true;
    }
    std::string &text;
  };

  llvm::LLVMContext &context;
  std::unique_ptr<llvm::DiagnosticHandler> old;
  std::string text;
};
} // namespace

namespace {
/// Keeps LLVM's scheduler from functions that keep their order, as long as it lives.
class KeptOrders : public llvm::OptPassGate {
public:
  explicit KeptOrders(llvm::Module &module) : context(module.getContext()), old(context.getOptPassGate()) {
    for (const llvm::Function &function : module)
      if (function.hasFnAttribute(kKeepsOrder))
        inOrder.insert(("function (" + function.getName() + ")").str());
    context.setOptPassGate(*this);
  }
  ~KeptOrders() override { context.setOptPassGate(old); }

  bool isEnabled() const override { return !inOrder.empty(); }
  bool shouldRunPass(StringRef pass, StringRef unit) const override {
    return pass != "machine-scheduler" || !inOrder.contains(unit);
  }

private:
  llvm::LLVMContext &context;
  llvm::OptPassGate &old;
  llvm::StringSet<> inOrder; ///< as passes are told of them
};
} // namespace

/// What code may call although nobody wrote the call: what an embedded C
/// library surely has, and no more. LLVM also knows strlen, bcmp,
/// memset_pattern16 and the functions of libm; none of them may appear.
static llvm::TargetLibraryInfoImpl callableLibrary(const llvm::Triple &triple) {
  llvm::TargetLibraryInfoImpl library(triple);
  library.disableAllFunctions();
  for (llvm::LibFunc function : {llvm::LibFunc_memcpy, llvm::LibFunc_memmove, llvm::LibFunc_memset})
    library.setAvailable(function);
  return library;
}

/// Programs may insist on landing pads: that indirect calls end at BTI (Arm) or ENDBR (x86) and returns are those of
/// calls (x86 shadow stacks). Code says that it does, with the note that linkers look for; only what has its address
/// taken, the entry points above all, gets the instruction. Firmware has no loader that would ask.
///
/// source  ELF for the Arm 64-bit architecture, 6.2; x86-64 psABI, 13.2
static void addLandingPads(llvm::Module &module, const TargetSpec &target) {
  if (!target.isLinux())
    return;
  bool isArm = target.triple.isAArch64();
  llvm::SmallVector<StringRef> flags{"cf-protection-branch", "cf-protection-return"};
  if (isArm)
    flags = {"branch-target-enforcement"};
  for (StringRef flag : flags)
    if (!module.getModuleFlag(flag))
      module.addModuleFlag(llvm::Module::Min, flag, 1);
  if (isArm)
    for (llvm::Function &function : module)
      if (!function.isDeclaration())
        function.addFnAttr("branch-target-enforcement");
}

static void setCpu(llvm::Function &function, const TargetSpec &target) {
  function.removeFnAttr("tune-cpu");
  if (function.hasFnAttribute(runsAnywhere)) {
    function.addFnAttr("target-cpu", target.architecture->baseLlvmCpu);
    function.addFnAttr("target-features", ""); // without it those of the code generator would do
    return;
  }
  function.addFnAttr("target-cpu", target.cpu.llvmCpu);
  function.removeFnAttr("target-features");
  if (*target.cpu.llvmFeatures)
    function.addFnAttr("target-features", target.cpu.llvmFeatures);
  // Without this LLVM keeps to 256 bits on most CPUs that have 512.
  function.addFnAttr("prefer-vector-width", std::to_string(target.cpu.machine.vectorBits));
}

void nncc::prepareModule(llvm::Module &module, const TargetSpec &target) {
  std::unique_ptr<llvm::TargetMachine> machine = createTargetMachine(target);
  module.setTargetTriple(target.triple);
  module.setDataLayout(machine->createDataLayout());
  // A level that is set again is a second flag, which LLVM's verifier refuses.
  if (machine->isPositionIndependent() && module.getPICLevel() == llvm::PICLevel::NotPIC)
    module.setPICLevel(llvm::PICLevel::BigPIC);
  addLandingPads(module, target);
  // The name and version of a compiler that made a part of the module would
  // become a `.comment`.
  for (StringRef name : {"llvm.ident", "llvm.commandline"})
    if (llvm::NamedMDNode *node = module.getNamedMetadata(name))
      module.eraseNamedMetadata(node);
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    setCpu(function, target);
    function.addFnAttr("no-trapping-math",
                       "true"); // nobody reads the floating-point flags
    function.addFnAttr(llvm::Attribute::NoUnwind);
    function.addFnAttr(llvm::Attribute::MustProgress);
    function.removeFnAttr(llvm::Attribute::UWTable);
  }
}

/// The passes that fit code which is vectorized and tiled already. Against
/// LLVM's own -O2 they take a third of the time, leave out the vectorizers,
/// function specialization and inlining across kernels (each kernel stays the
/// function that the profile shows).
static llvm::ModulePassManager buildPasses(const TargetSpec &target) {
  using namespace llvm;
  SimplifyCFGOptions lateCFG;
  lateCFG.convertSwitchRangeToICmp(true).hoistCommonInsts(true).sinkCommonInsts(true);

  FunctionPassManager early; // memref descriptors, constants of unrolled vector code
  early.addPass(SROAPass(SROAOptions::ModifyCFG));
  early.addPass(EarlyCSEPass(/*UseMemorySSA=*/true));
  early.addPass(SimplifyCFGPass());
  early.addPass(InstCombinePass());

  FunctionPassManager loops; // loops of known length become straight code, the
                             // others lose what does not change
  LoopPassManager invariants;
  invariants.addPass(LoopRotatePass());
  invariants.addPass(LICMPass(LICMOptions()));
  loops.addPass(createFunctionToLoopPassAdaptor(std::move(invariants),
                                                /*UseMemorySSA=*/true));
  loops.addPass(SimplifyCFGPass());
  loops.addPass(InstCombinePass());
  LoopPassManager shapes;
  shapes.addPass(LoopIdiomRecognizePass());
  shapes.addPass(IndVarSimplifyPass());
  shapes.addPass(LoopDeletionPass());
  shapes.addPass(LoopFullUnrollPass(
      /*OptLevel=*/2, /*OnlyWhenForced=*/!target.cpu.unrollsLoops));
  loops.addPass(createFunctionToLoopPassAdaptor(std::move(shapes)));
  loops.addPass(SROAPass(SROAOptions::ModifyCFG));

  FunctionPassManager late;
  late.addPass(GVNPass());
  late.addPass(InstCombinePass());
  late.addPass(DSEPass());
  late.addPass(createFunctionToLoopPassAdaptor(LICMPass(LICMOptions()),
                                               /*UseMemorySSA=*/true));
  late.addPass(LoopUnrollPass(LoopUnrollOptions(
      /*OptLevel=*/2, /*OnlyWhenForced=*/!target.cpu.unrollsLoops)));
  late.addPass(EarlyCSEPass());
  late.addPass(InstCombinePass());
  late.addPass(createFunctionToLoopPassAdaptor(LICMPass(LICMOptions()),
                                               /*UseMemorySSA=*/true));
  late.addPass(ADCEPass());
  late.addPass(SimplifyCFGPass(lateCFG));

  ModulePassManager passes;
  passes.addPass(AlwaysInlinerPass());
  passes.addPass(GlobalDCEPass());
  passes.addPass(createModuleToFunctionPassAdaptor(std::move(early)));
  passes.addPass(createModuleToFunctionPassAdaptor(std::move(loops)));
  passes.addPass(createModuleToFunctionPassAdaptor(std::move(late)));
  passes.addPass(GlobalDCEPass());
  passes.addPass(ConstantMergePass());
  return passes;
}

static void optimize(llvm::Module &module, const TargetSpec &target, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loopAnalyses;
  llvm::FunctionAnalysisManager functionAnalyses;
  llvm::CGSCCAnalysisManager callGraphAnalyses;
  llvm::ModuleAnalysisManager moduleAnalyses;
  functionAnalyses.registerPass([&] { return llvm::TargetLibraryAnalysis(callableLibrary(target.triple)); });
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(moduleAnalyses);
  builder.registerCGSCCAnalyses(callGraphAnalyses);
  builder.registerFunctionAnalyses(functionAnalyses);
  builder.registerLoopAnalyses(loopAnalyses);
  builder.crossRegisterProxies(loopAnalyses, functionAnalyses, callGraphAnalyses, moduleAnalyses);
  buildPasses(target).run(module, moduleAnalyses);
  moveBfloatsAsBits(module);
}

namespace {
/// Shows each function to an observer.
class ShowMachineCode : public llvm::MachineFunctionPass {
public:
  explicit ShowMachineCode(const CodeObserver &observer) : MachineFunctionPass(ID), observer(observer) {}

  static char ID;

private:
  StringRef getPassName() const override { return "Show machine code"; }
  void getAnalysisUsage(llvm::AnalysisUsage &usage) const override {
    usage.setPreservesAll();
    MachineFunctionPass::getAnalysisUsage(usage);
  }
  bool runOnMachineFunction(llvm::MachineFunction &function) override {
    observer.written(function);
    return false;
  }

  const CodeObserver &observer;
};
char ShowMachineCode::ID = 0;
} // namespace

/// What TargetMachine::addPassesToEmitFile() does, with an observer (or null) behind the last pass. Returns true on
/// failure, as that does.
static bool addMachinePasses(llvm::legacy::PassManager &passes, llvm::TargetMachine &machine,
                             llvm::raw_pwrite_stream &stream, llvm::CodeGenFileType fileType,
                             const CodeObserver *observer) {
  auto &generator = static_cast<llvm::CodeGenTargetMachineImpl &>(machine);
  auto *info = new llvm::MachineModuleInfoWrapperPass(&generator);
  llvm::TargetPassConfig *config = generator.createPassConfig(passes);
  config->setDisableVerify(true);
  // On x86-64 it does little but make trees of sums of integers: chains that steps of products add to one after the
  // other, so that registers hold every product of a trip, and half of the sums pass the stack.
  if (machine.getTargetTriple().isX86_64())
    config->disablePass(&llvm::MachineCombinerID);
  passes.add(config);
  passes.add(info);
  const llvm::TargetOptions &options = machine.Options;
  passes.add(new llvm::RuntimeLibraryInfoWrapper(machine.getTargetTriple(), options.ExceptionModel,
                                                 options.FloatABIType, options.EABIVersion, options.MCOptions.ABIName,
                                                 options.VecLib));
  if (config->addISelPasses())
    return true;
  config->addMachinePasses();
  config->setInitialized();
  if (observer)
    passes.add(new ShowMachineCode(*observer));
  if (generator.addAsmPrinter(passes, stream, nullptr, fileType, info->getMMI().getContext()))
    return true;
  passes.add(llvm::createFreeMachineFunctionPass());
  return false;
}

llvm::Error nncc::optimizeModule(llvm::Module &module, const TargetSpec &target, bool keepLineInfo) {
  CollectedErrors errors(module.getContext());
  if (!keepLineInfo)
    llvm::StripDebugInfo(module);
  optimize(module, target, *createTargetMachine(target));
  return errors.take();
}

llvm::Expected<llvm::SmallVector<char, 0>> nncc::generateObject(llvm::Module &module, const TargetSpec &target,
                                                                const ObjectOptions &options) {
  CollectedErrors errors(module.getContext());
  std::unique_ptr<llvm::TargetMachine> machine = createTargetMachine(target);
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  if (options.form == CodeForm::LLVM) {
    module.print(stream, nullptr);
  } else {
    llvm::legacy::PassManager passes;
    passes.add(new llvm::TargetLibraryInfoWrapperPass(callableLibrary(target.triple)));
    auto fileType =
        options.form == CodeForm::Object ? llvm::CodeGenFileType::ObjectFile : llvm::CodeGenFileType::AssemblyFile;
    machine->Options.BBAddrMap = options.observer != nullptr;
    KeptOrders kept(module);
    if (addMachinePasses(passes, *machine, stream, fileType, options.observer))
      return internalError("no code generator for " + target.name);
    passes.run(module);
  }
  if (llvm::Error error = errors.take())
    return std::move(error);
  return bytes;
}

llvm::Expected<llvm::SmallVector<char, 0>> nncc::compileToObject(llvm::Module &module, const TargetSpec &target,
                                                                 const ObjectOptions &options, ObjectTimes *times) {
  prepareModule(module, target);
  Stopwatch optimizing;
  if (llvm::Error error = optimizeModule(module, target, options.keepLineInfo))
    return std::move(error);
  if (times)
    times->optimizeMs = optimizing.ms();
  if (options.observer)
    options.observer->optimized(module);

  Stopwatch generating;
  auto bytes = generateObject(module, target, options);
  if (times)
    times->generateMs = generating.ms();
  return bytes;
}

/// Opens the bytes of an object of nncc, which is ELF, 64 bits, little endian
/// on every target.
static llvm::Expected<llvm::object::ELF64LEObjectFile> openObject(StringRef object) {
  return llvm::object::ELF64LEObjectFile::create(llvm::MemoryBufferRef(object, "object"));
}

llvm::Expected<std::vector<std::string>> nncc::undefinedSymbols(StringRef object) {
  auto file = openObject(object);
  if (!file)
    return file.takeError();
  std::vector<std::string> names;
  for (llvm::object::ELFSymbolRef symbol : file->symbols()) {
    auto flags = symbol.getFlags();
    auto name = symbol.getName();
    if (!flags || !name)
      return llvm::joinErrors(flags.takeError(), name.takeError());
    if ((*flags & llvm::object::SymbolRef::SF_Undefined) && !name->empty())
      names.push_back(name->str());
  }
  llvm::sort(names);
  return names;
}

namespace {
/// Names of functions by section and address, as the relocations of `.stack_sizes` name them: by their section's
/// symbol.
using FunctionNames = std::map<std::pair<uint64_t, uint64_t>, std::string>;
} // namespace

static llvm::Expected<FunctionNames> readFunctionNames(const llvm::object::ELF64LEObjectFile &file) {
  FunctionNames functions;
  for (llvm::object::ELFSymbolRef symbol : file.symbols()) {
    if (symbol.getELFType() != llvm::ELF::STT_FUNC)
      continue;
    auto section = symbol.getSection();
    auto name = symbol.getName();
    auto address = symbol.getValue();
    if (!section || !name || !address)
      return llvm::joinErrors(llvm::joinErrors(section.takeError(), name.takeError()), address.takeError());
    if (*section != file.section_end())
      functions[{(*section)->getIndex(), *address}] = name->str();
  }
  return functions;
}

/// Reads the entries of one `.stack_sizes`: the address of a function, which is what `relocations` says of its offset,
/// then the size as ULEB128.
static llvm::Error readEntries(const llvm::object::ELF64LEObjectFile &file, const llvm::object::SectionRef &relocations,
                               StringRef contents, const FunctionNames &functions, std::vector<StackUse> &uses) {
  std::map<uint64_t, std::string> functionAt; // offset in this section -> function
  for (llvm::object::ELFRelocationRef relocation : relocations.relocations()) {
    llvm::object::symbol_iterator symbol = relocation.getSymbol();
    if (symbol == file.symbol_end())
      continue;
    auto addend = relocation.getAddend();
    auto value = symbol->getValue();
    auto section = symbol->getSection();
    if (!addend || !value || !section)
      return llvm::joinErrors(llvm::joinErrors(addend.takeError(), value.takeError()), section.takeError());
    if (*section == file.section_end())
      continue;
    if (auto name = functions.find({(*section)->getIndex(), *value + *addend}); name != functions.end())
      functionAt[relocation.getOffset()] = name->second;
  }
  llvm::DataExtractor data(contents, /*IsLittleEndian=*/true, /*AddressSize=*/8);
  llvm::DataExtractor::Cursor cursor(0);
  while (cursor && cursor.tell() < contents.size()) {
    uint64_t entry = cursor.tell();
    data.getAddress(cursor);
    uint64_t bytes = data.getULEB128(cursor);
    if (cursor)
      uses.push_back({functionAt[entry], bytes});
  }
  return cursor.takeError();
}

llvm::Expected<std::vector<StackUse>> nncc::readStackSizes(StringRef object) {
  auto file = openObject(object);
  if (!file)
    return file.takeError();
  auto functions = readFunctionNames(*file);
  if (!functions)
    return functions.takeError();
  std::vector<StackUse> uses;
  // Every function has a section, and a .stack_sizes of its own: they are found by their relocations, in one go.
  for (const llvm::object::SectionRef &relocations : file->sections()) {
    auto section = relocations.getRelocatedSection();
    if (!section)
      return section.takeError();
    if (*section == file->section_end())
      continue;
    auto name = (*section)->getName();
    auto contents = (*section)->getContents();
    if (!name || !contents)
      return llvm::joinErrors(name.takeError(), contents.takeError());
    if (*name != ".stack_sizes")
      continue;
    if (llvm::Error error = readEntries(*file, relocations, *contents, *functions, uses))
      return std::move(error);
  }
  return uses;
}
