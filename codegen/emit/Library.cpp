// The last step of a compile: from an LLVM module and a plan to libM.a or libM.so,
// M.h and M.json.
#include "codegen/emit/Library.h"
#include "codegen/emit/Archive.h"
#include "codegen/emit/HashingStream.h"
#include "codegen/emit/Header.h"
#include "codegen/emit/ModelEntry.h"
#include "codegen/emit/SharedLibrary.h"
#include "codegen/emit/StackBound.h"
#include "codegen/emit/StripObject.h"
#include "codegen/emit/Variants.h"
#include "codegen/emit/WeightsFile.h"
#include "lib/support/InternalError.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace nncc {

static std::string hashOf(StringRef bytes) {
  raw_null_ostream nowhere;
  HashingStream hash(nowhere);
  hash << bytes;
  return hash.hex();
}

/// Whether code may need a function that nncc does not make.
static bool mayNeed(StringRef name, const ModelPlan &plan) {
  return name == "memcpy" || name == "memset" || name == "memmove" || (name == "getauxval" && asksLibraryOfC(plan));
}

/// Checks the symbols of the code object and collects what the manifest says.
static Error inspectObject(MemoryBufferRef buffer, const ModelPlan &plan, LibraryFacts &facts) {
  auto object = object::ELF64LEObjectFile::create(buffer);
  if (!object)
    return object.takeError();
  std::vector<std::string> allowed = publicSymbols(plan);
  for (const object::ELFSymbolRef &symbol : object->symbols()) {
    Expected<StringRef> name = symbol.getName();
    Expected<uint32_t> flags = symbol.getFlags();
    if (!name || !flags)
      return joinErrors(name.takeError(), flags.takeError());
    if (*flags & object::SymbolRef::SF_Undefined) {
      if (name->empty() || *name == weightsSymbol(plan))
        continue;
      if (!mayNeed(*name, plan))
        return internalError("the code needs the symbol '" + *name + "'");
      facts.undefined.push_back(name->str());
    } else if (*flags & object::SymbolRef::SF_Global && !is_contained(allowed, *name)) {
      return internalError("the code defines the global symbol '" + *name + "'");
    }
  }
  llvm::sort(facts.undefined);

  for (const VariantPlan &variant : plan.variants)
    facts.codeOfVariants.push_back({variant.cpu, 0});
  // With a section for each function, sums by kind are what a reader wants.
  std::vector<LibraryFacts::Section> &sums = facts.sections;
  for (const object::ELFSectionRef section : object->sections()) {
    Expected<StringRef> name = section.getName();
    if (!name)
      return name.takeError();
    if (name->starts_with(".init_array") || name->starts_with(".ctors"))
      return internalError("the code has static constructors");
    if (!(section.getFlags() & ELF::SHF_ALLOC) || section.getSize() == 0)
      continue;
    StringRef kind = *name;
    for (StringRef known : {".text", ".data.rel.ro", ".rodata", ".data", ".bss"})
      if (name->starts_with(known)) {
        kind = known;
        break;
      }
    auto sum = llvm::find_if(sums, [&](auto &s) { return s.name == kind; });
    if (sum == sums.end())
      sum = sums.insert(sums.end(), {kind.str(), 0});
    sum->bytes += section.getSize();
    for (LibraryFacts::Section &variant : facts.codeOfVariants)
      if (kind == ".text" && name->ends_with(symbolSuffix(variant.name)))
        variant.bytes += section.getSize();
  }
  return Error::success();
}

Expected<EmittedCode> emitCode(llvm::Module &module, ModelPlan &plan, const EmitOptions &options) {
  if (Error error = plan.variants.empty() ? addModelEntry(module, plan, options.cpuRequired)
                                          : addVariantsEntry(module, plan, options.cpuRequired, options.optimizeEntry))
    return std::move(error);
  EmittedCode code;
  Expected<SmallVector<char, 0>> object = options.compileToObject(module);
  if (!object)
    return object.takeError();
  code.object =
      std::make_unique<SmallVectorMemoryBuffer>(std::move(*object), plan.name + ".o", /*RequiresNullTerminator=*/false);
  if (Error error = inspectObject(code.object->getMemBufferRef(), plan, code.facts))
    return std::move(error);
  std::vector<std::string> functions = publicSymbols(plan);
  functions.pop_back(); // M_model is no function
  Expected<int64_t> stack = stackBound(code.object->getMemBufferRef(), functions);
  plan.stackBytes = stack ? *stack : -1;
  // Without a bound the library is as good as with one.
  consumeError(stack.takeError());
  Expected<SmallVector<char, 0>> stripped = strippedObject(code.object->getMemBufferRef());
  if (!stripped)
    return stripped.takeError();
  code.object = std::make_unique<SmallVectorMemoryBuffer>(std::move(*stripped), plan.name + ".o",
                                                          /*RequiresNullTerminator=*/false);
  code.facts.codeHash = hashOf(code.object->getBuffer());
  return code;
}

Error emitWeightsFile(ModelPlan &plan, const WeightWriter &pack, OutputFiles &files) {
  return files.write(weightsFileName(plan), [&](raw_pwrite_stream &os) -> Error {
    Expected<uint64_t> hash = writeWeightsFile(plan, pack, os);
    if (!hash)
      return hash.takeError();
    plan.weightsHash = *hash;
    return Error::success();
  });
}

/// Writes M.o and M.weights.o.
static Error writeObjects(const ModelPlan &plan, MemoryBufferRef code, OutputFiles::Writer *writeWeights,
                          OutputFiles &files) {
  if (Error error = files.write(libraryFileName(plan), [&](raw_ostream &os) {
        os << code.getBuffer();
        return Error::success();
      }))
    return error;
  return writeWeights ? files.write(plan.name + ".weights.o", *writeWeights) : Error::success();
}

/// Writes code and weights in the form of the plan.
static Error writeLibrary(const ModelPlan &plan, const EmitOptions &options, MemoryBufferRef code, LibraryFacts &facts,
                          OutputFiles &files) {
  bool hasWeights = plan.weightsBytes && !plan.externWeights;
  if (hasWeights)
    facts.sections.push_back({weightsSection(plan), uint64_t(plan.weightsBytes)});
  auto writeWeights = [&](raw_ostream &os) -> Error {
    HashingStream hash(os);
    if (Error error = writeWeightsObject(plan, options.packWeight, hash))
      return error;
    facts.weightsHash = hash.hex();
    return Error::success();
  };
  OutputFiles::Writer writer = writeWeights;
  if (plan.form == LibraryForm::Shared)
    return writeSharedLibrary(plan, code, hasWeights ? &writer : nullptr, files);
  if (plan.form == LibraryForm::Objects)
    return writeObjects(plan, code, hasWeights ? &writer : nullptr, files);
  std::vector<ArchiveMember> members;
  Expected<ArchiveMember> codeMember = objectMember(plan.name + ".o", code);
  if (!codeMember)
    return codeMember.takeError();
  members.push_back(std::move(*codeMember));
  if (hasWeights)
    members.push_back({plan.name + "_weights.o", weightsObjectBytes(plan), {weightsSymbol(plan)}, writeWeights});
  return files.write(libraryFileName(plan), [&](raw_ostream &os) { return writeArchive(members, os); });
}

Expected<LibraryFacts> emitLibrary(std::unique_ptr<llvm::Module> module, ModelPlan &plan, const EmitOptions &options,
                                   OutputFiles &files) {
  Expected<EmittedCode> code = emitCode(*module, plan, options);
  if (!code)
    return code.takeError();
  module.reset();
  LibraryFacts facts = std::move(code->facts);
  if (Error error = writeLibrary(plan, options, code->object->getMemBufferRef(), facts, files))
    return std::move(error);
  if (plan.externWeights)
    if (Error error = emitWeightsFile(plan, options.packWeight, files))
      return std::move(error);
  if (Error error = files.write(plan.name + ".h", [&](raw_ostream &os) {
        writeHeader(plan, os);
        return Error::success();
      }))
    return std::move(error);
  if (Error error = files.write(plan.name + ".json", [&](raw_ostream &os) {
        writeManifest(plan, facts, os);
        return Error::success();
      }))
    return std::move(error);
  return facts;
}

} // namespace nncc
