// Static libraries: GNU archives with a symbol table, the same bytes each time.
// Members are streamed, so that a large one is never in memory; LLVM's writer would want all of them there.
#include "codegen/emit/Archive.h"
#include "lib/support/InternalError.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

Expected<nncc::ArchiveMember> nncc::objectMember(std::string name, MemoryBufferRef buffer) {
  auto object = object::ELF64LEObjectFile::create(buffer);
  if (!object)
    return object.takeError();
  ArchiveMember member;
  for (const object::ELFSymbolRef &symbol : object->symbols()) {
    Expected<StringRef> symbolName = symbol.getName();
    Expected<uint32_t> flags = symbol.getFlags();
    if (!symbolName || !flags)
      return joinErrors(symbolName.takeError(), flags.takeError());
    if ((*flags & object::SymbolRef::SF_Global) && !(*flags & object::SymbolRef::SF_Undefined))
      member.symbols.push_back(symbolName->str());
  }
  member.name = std::move(name);
  member.bytes = buffer.getBufferSize();
  member.write = [bytes = buffer.getBuffer()](raw_ostream &os) {
    os << bytes;
    return Error::success();
  };
  return member;
}

/// The 60 bytes before each member.
static constexpr uint64_t headerBytes = 60;
static void writeHeader(StringRef name, unsigned mode, uint64_t bytes, raw_ostream &os) {
  os << format("%-16s%-12u%-6u%-6u%-8o%-10llu`\n", name.str().c_str(), /*date=*/0, /*user=*/0, /*group=*/0, mode,
               (unsigned long long)bytes);
}

Error nncc::writeArchive(ArrayRef<ArchiveMember> members, raw_ostream &os) {
  // Names of 16 characters and more stand in a table of their own.
  std::string longNames;
  std::vector<std::string> fieldNames;
  std::string symbolNames;
  uint64_t symbols = 0;
  for (const ArchiveMember &member : members) {
    if (member.name.size() < 16) {
      fieldNames.push_back(member.name + "/");
    } else {
      fieldNames.push_back("/" + std::to_string(longNames.size()));
      longNames += member.name + "/\n";
    }
    for (const std::string &symbol : member.symbols) {
      symbolNames += symbol;
      symbolNames += '\0';
      ++symbols;
    }
  }
  // Members start at even offsets.
  if (longNames.size() % 2)
    longNames += '\n';
  if (symbolNames.size() % 2)
    symbolNames += '\0';
  uint64_t tableBytes = 4 + 4 * symbols + symbolNames.size();

  StringRef magic = "!<arch>\n";
  uint64_t at = magic.size() + (symbols ? headerBytes + tableBytes : 0) +
                (longNames.empty() ? 0 : headerBytes + longNames.size());
  os << magic;
  if (symbols) {
    writeHeader("/", /*mode=*/0, tableBytes, os);
    auto writeBigEndian = [&](uint32_t value) {
      char bytes[4];
      support::endian::write32be(bytes, value);
      os.write(bytes, sizeof bytes);
    };
    writeBigEndian(symbols);
    for (const ArchiveMember &member : members) {
      if (at > UINT32_MAX)
        return createStringError("the archive's member '" + member.name +
                                 "' would begin beyond 4 GB, where no linker finds it\n"
                                 "note: --weights=extern keeps weights out of the library");
      for (size_t i = 0; i < member.symbols.size(); ++i)
        writeBigEndian(at);
      at += headerBytes + alignTo(member.bytes, 2);
    }
    os << symbolNames;
  }
  if (!longNames.empty()) {
    os << format("%-48s%-10llu`\n", "//", (unsigned long long)longNames.size());
    os << longNames;
  }
  for (auto [member, fieldName] : zip_equal(members, fieldNames)) {
    writeHeader(fieldName, /*mode=*/0644, member.bytes, os);
    uint64_t start = os.tell();
    if (Error error = member.write(os))
      return error;
    if (os.tell() - start != member.bytes)
      return internalError("the archive's member '" + member.name + "' has " + Twine(os.tell() - start) +
                           " bytes instead of " + Twine(member.bytes));
    if (member.bytes % 2)
      os << '\n';
  }
  return Error::success();
}
