// How much stack a function of an object file can use at most.
#include "codegen/emit/StackBound.h"
#include "codegen/ObjectCode.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Object/ELFObjectFile.h"
#include <map>

using namespace llvm;
using namespace llvm::object;

namespace {
/// What LLVM moves out of several functions into one (on AArch64, where code is to be small). Around a call of it, or
/// in it, the link register may be saved, 16 bytes each, of which frames know nothing.
constexpr StringRef kOutlined = "OUTLINED_FUNCTION_";
constexpr int64_t kSavedLinks = 32;

struct FunctionInfo {
  std::string name;
  int64_t frameBytes = -1; ///< -1: not in .stack_sizes
  SmallSetVector<unsigned, 8> callees;
  enum { Unseen, OnPath, Done } state = Unseen;
  int64_t totalBytes = 0;
};

/// Reads frames and calls of one object, then walks them.
class StackAnalysis {
public:
  explicit StackAnalysis(const ELF64LEObjectFile &object) : object(object) {}

  Error read();
  Expected<int64_t> bound(StringRef root);

private:
  Error readFunctions();
  Error readFrames(StringRef bytes);
  Error readCalls(const SectionRef &relocations);
  /// The function that holds an address of a section, or -1.
  int find(const SectionRef &section, uint64_t address) const;
  Expected<int64_t> walk(unsigned function);

  const ELF64LEObjectFile &object;
  std::vector<FunctionInfo> functions;
  StringMap<unsigned> byName;
  /// By section index and start address.
  std::map<std::pair<uint64_t, uint64_t>, unsigned> byAddress;
};
} // namespace

Error StackAnalysis::readFunctions() {
  for (const ELFSymbolRef &symbol : object.symbols()) {
    if (symbol.getELFType() != ELF::STT_FUNC)
      continue;
    Expected<section_iterator> section = symbol.getSection();
    if (!section)
      return section.takeError();
    if (*section == object.section_end())
      continue; // defined elsewhere
    Expected<StringRef> name = symbol.getName();
    Expected<uint64_t> address = symbol.getValue();
    if (!name || !address)
      return joinErrors(name.takeError(), address.takeError());
    auto [at, isNew] = byAddress.try_emplace({(*section)->getIndex(), *address}, functions.size());
    if (isNew)
      functions.emplace_back().name = name->str();
    byName[*name] = at->second;
  }
  return Error::success();
}

int StackAnalysis::find(const SectionRef &section, uint64_t address) const {
  auto after = byAddress.upper_bound({section.getIndex(), address});
  if (after == byAddress.begin())
    return -1;
  auto at = std::prev(after);
  return at->first.first == section.getIndex() ? int(at->second) : -1;
}

/// Frames are what .stack_sizes says; on x86-64 that leaves out the return
/// address of 8 bytes that the call pushes.
Error StackAnalysis::readFrames(StringRef bytes) {
  Expected<std::vector<nncc::StackUse>> uses = nncc::readStackSizes(bytes);
  if (!uses)
    return uses.takeError();
  int64_t pushed = object.getArch() == Triple::x86_64 ? 8 : 0;
  for (const nncc::StackUse &use : *uses) {
    auto at = byName.find(use.function);
    if (at != byName.end())
      functions[at->second].frameBytes =
          use.bytes + pushed + (StringRef(use.function).starts_with(kOutlined) ? kSavedLinks : 0);
  }
  return Error::success();
}

/// Every relocation in code against a function counts as a call: tail calls are
/// jumps, and an address that is taken may be called.
Error StackAnalysis::readCalls(const SectionRef &relocations) {
  Expected<section_iterator> code = relocations.getRelocatedSection();
  if (!code)
    return code.takeError();
  if (*code == object.section_end() || !(*code)->isText())
    return Error::success();
  for (const ELFRelocationRef relocation : relocations.relocations()) {
    auto symbol = relocation.getSymbol();
    if (symbol == object.symbol_end())
      continue;
    ELFSymbolRef elfSymbol(*symbol);
    Expected<section_iterator> section = elfSymbol.getSection();
    Expected<int64_t> addend = relocation.getAddend();
    Expected<uint64_t> value = elfSymbol.getValue();
    if (!section || !addend || !value)
      return joinErrors(section.takeError(), joinErrors(addend.takeError(), value.takeError()));
    if (*section == object.section_end() || !(*section)->isText())
      continue;
    // Against a section, the addend says where. It may be off by the distance
    // from the patched bytes to the end of the instruction (x86), which cannot
    // leave a section that holds one function.
    uint64_t address = elfSymbol.getELFType() == ELF::STT_SECTION ? uint64_t(std::max<int64_t>(*addend, 0)) : *value;
    int callee = find(**section, address);
    int caller = find(**code, relocation.getOffset());
    if (caller >= 0 && callee >= 0 && caller != callee)
      functions[caller].callees.insert(callee);
    else if (caller >= 0 && caller == callee && elfSymbol.getELFType() == ELF::STT_FUNC)
      functions[caller].callees.insert(callee); // calls itself
  }
  return Error::success();
}

Error StackAnalysis::read() {
  if (Error error = readFunctions())
    return error;
  if (Error error = readFrames(object.getData()))
    return error;
  // A call inside of one section needs no relocation and would not be seen.
  std::map<uint64_t, unsigned> functionsIn;
  for (const auto &entry : byAddress)
    if (++functionsIn[entry.first.first] > 1)
      return createStringError("function '" + functions[entry.second].name + "' shares its section with another one");
  for (const SectionRef &section : object.sections())
    if (Error error = readCalls(section))
      return error;
  return Error::success();
}

Expected<int64_t> StackAnalysis::walk(unsigned index) {
  FunctionInfo &function = functions[index];
  if (function.state == FunctionInfo::Done)
    return function.totalBytes;
  if (function.state == FunctionInfo::OnPath)
    return createStringError("function '" + function.name + "' calls itself: its stack has no bound");
  if (function.frameBytes < 0)
    return createStringError("the frame of function '" + function.name + "' has no fixed size");
  function.state = FunctionInfo::OnPath;
  int64_t deepest = 0;
  for (unsigned callee : function.callees) {
    Expected<int64_t> bytes = walk(callee);
    if (!bytes)
      return bytes;
    deepest = std::max(deepest, *bytes);
  }
  function.state = FunctionInfo::Done;
  function.totalBytes = function.frameBytes + deepest;
  return function.totalBytes;
}

Expected<int64_t> StackAnalysis::bound(StringRef root) {
  auto at = byName.find(root);
  if (at == byName.end())
    return createStringError("no function '" + root + "'");
  return walk(at->second);
}

Expected<int64_t> nncc::stackBound(MemoryBufferRef buffer, ArrayRef<std::string> roots) {
  Expected<ELF64LEObjectFile> object = ELF64LEObjectFile::create(buffer);
  if (!object)
    return object.takeError();
  StackAnalysis analysis(*object);
  if (Error error = analysis.read())
    return std::move(error);
  int64_t deepest = 0;
  for (const std::string &root : roots) {
    Expected<int64_t> bytes = analysis.bound(root);
    if (!bytes)
      return bytes;
    deepest = std::max(deepest, *bytes);
  }
  return deepest;
}
