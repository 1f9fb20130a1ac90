// LLVM's objcopy does it.
#include "codegen/emit/StripObject.h"
#include "llvm/ObjCopy/CommonConfig.h"
#include "llvm/ObjCopy/ELF/ELFConfig.h"
#include "llvm/ObjCopy/ELF/ELFObjcopy.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

Expected<SmallVector<char, 0>> nncc::strippedObject(MemoryBufferRef object) {
  auto file = object::ELF64LEObjectFile::create(object);
  if (!file)
    return file.takeError();
  objcopy::CommonConfig config;
  auto named = [](StringRef pattern) {
    return objcopy::NameOrPattern::create(pattern, objcopy::MatchStyle::Wildcard, [](Error error) { return error; });
  };
  if (Error error = joinErrors(config.ToRemove.addMatcher(named(".stack_sizes")),
                               config.UnneededSymbolsToRemove.addMatcher(named(".L*"))))
    return std::move(error);
  SmallVector<char, 0> bytes;
  raw_svector_ostream stream(bytes);
  if (Error error = objcopy::elf::executeObjcopyOnBinary(config, objcopy::ELFConfig(), *file, stream))
    return std::move(error);
  return bytes;
}
