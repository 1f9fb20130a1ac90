// The object file that holds a model's weights: data only, streamed to disk one
// weight at a time, so that no weight is held in memory twice.
#include "codegen/emit/WeightsObject.h"
#include "lib/support/InternalError.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Support/EndianStream.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/TargetParser/Triple.h"
#include <algorithm>

using namespace llvm;

/// A mistake of ours, not of the user: the plan does not fit what it describes.
static Error badPlan(const nncc::WeightPlan &weight, const Twine &what) {
  return nncc::internalError("weight '" + weight.name + "': " + what);
}

std::string nncc::weightsSymbol(const ModelPlan &plan) { return plan.name + "_nncc_weights"; }
std::string nncc::weightsSection(const ModelPlan &plan) { return ".rodata.nncc." + plan.name + ".weights"; }

/// Writes `count` copies of `element` without a call for each.
static void writeRepeated(ArrayRef<char> element, int64_t count, raw_ostream &os) {
  SmallVector<char, 4096> block;
  int64_t perBlock = std::clamp<int64_t>(4096 / element.size(), 1, count);
  for (int64_t i = 0; i < perBlock; ++i)
    block.append(element.begin(), element.end());
  for (; count >= perBlock; count -= perBlock)
    os.write(block.data(), block.size());
  os.write(block.data(), count * element.size());
}

static void writeBool(bool value, raw_ostream &os) { os << char(value); }

Error nncc::writeRowMajor(const WeightPlan &weight, raw_ostream &os) {
  if (!weight.value)
    return badPlan(weight, "no value");
  int64_t count = weight.value.getNumElements();
  mlir::Type type = weight.value.getElementType();
  if (!type.isIntOrFloat())
    return badPlan(weight, "elements are neither integers nor floats");
  unsigned bits = type.getIntOrFloatBitWidth();
  bool isBool = bits == 1;
  if (!isBool && bits % 8)
    return badPlan(weight, "elements of " + Twine(bits) + " bits");
  int64_t bytes = count * (isBool ? 1 : bits / 8);
  if (bytes != weight.bytes)
    return badPlan(weight, Twine(bytes) + " bytes of elements, planned " + Twine(weight.bytes));
  if (count == 0)
    return Error::success();

  if (auto resource = dyn_cast<mlir::DenseResourceElementsAttr>(weight.value)) {
    mlir::AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      return badPlan(weight, "its bytes were dropped");
    ArrayRef<char> data = blob->getData();
    if (int64_t(data.size()) == bytes) {
      os.write(data.data(), data.size());
      return Error::success();
    }
    if (isBool && data.size() == divideCeil(uint64_t(count), 8)) {
      for (int64_t i = 0; i < count; ++i)
        writeBool(data[i / 8] >> (i % 8) & 1, os);
      return Error::success();
    }
    return badPlan(weight, "a resource of " + Twine(data.size()) + " bytes for " + Twine(bytes));
  }
  auto dense = dyn_cast<mlir::DenseElementsAttr>(weight.value);
  if (!dense)
    return badPlan(weight, "neither dense nor a resource");
  if (isBool) {
    // How DenseElementsAttr stores bools is its own affair.
    if (dense.isSplat())
      writeRepeated(char(dense.getSplatValue<bool>()), count, os);
    else
      for (bool value : dense.getValues<bool>())
        writeBool(value, os);
    return Error::success();
  }
  ArrayRef<char> data = dense.getRawData();
  if (dense.isSplat())
    writeRepeated(data, count, os);
  else
    os.write(data.data(), data.size());
  return Error::success();
}

Error nncc::writeWeights(const ModelPlan &plan, const WeightWriter &pack, raw_ostream &os) {
  std::vector<const WeightPlan *> weights;
  for (const WeightPlan &weight : plan.weights)
    weights.push_back(&weight);
  llvm::sort(weights, [](const WeightPlan *a, const WeightPlan *b) {
    return std::pair(a->byteOffset, a) < std::pair(b->byteOffset, b);
  });
  uint64_t start = os.tell();
  int64_t end = 0; // of what is written
  const WeightPlan *last = nullptr;
  for (const WeightPlan *weight : weights) {
    if (weight->bytes == 0)
      continue;
    if (last && last->byteOffset == weight->byteOffset && last->bytes == weight->bytes)
      continue; // merged with an equal one
    if (weight->byteOffset < end)
      return badPlan(*weight, "overlaps weight '" + (last ? last->name : std::string()) + "'");
    if (weight->byteOffset + weight->bytes > plan.weightsBytes)
      return badPlan(*weight, "ends at " + Twine(weight->byteOffset + weight->bytes) + ", beyond the " +
                                  Twine(plan.weightsBytes) + " bytes of all weights");
    os.write_zeros(weight->byteOffset - end);
    if (weight->packing && !pack)
      return badPlan(*weight, "has a packing recipe that no one carries out");
    if (Error error = weight->packing ? pack(*weight, os) : writeRowMajor(*weight, os))
      return error;
    end = weight->byteOffset + weight->bytes;
    if (os.tell() - start != uint64_t(end))
      return badPlan(*weight, "packed into " + Twine(os.tell() - start - weight->byteOffset) + " bytes, planned " +
                                  Twine(weight->bytes));
    last = weight;
  }
  os.write_zeros(plan.weightsBytes - end);
  return Error::success();
}

namespace {
/// Numbers of the sections in the section header table.
enum Section { Null, Weights, NoteStack, NoteProperty, Symtab, Strtab, NumSections };
constexpr uint64_t weightsAlign = 64;

/// The note that allows landing pads (ObjectCode.cpp): a program has them only if all its objects say so, those without
/// code too. Empty where no loader asks.
std::string propertyNote(const Triple &triple) {
  std::string note;
  if (!triple.isOSLinux())
    return note;
  raw_string_ostream os(note);
  support::endian::Writer out(os, endianness::little);
  bool isArm = triple.isAArch64();
  for (uint32_t word : {uint32_t(sizeof "GNU"), 16u, uint32_t(ELF::NT_GNU_PROPERTY_TYPE_0)})
    out.write<uint32_t>(word);
  os.write("GNU", sizeof "GNU");
  for (uint32_t word :
       {isArm ? uint32_t(ELF::GNU_PROPERTY_AARCH64_FEATURE_1_AND) : uint32_t(ELF::GNU_PROPERTY_X86_FEATURE_1_AND), 4u,
        isArm ? uint32_t(ELF::GNU_PROPERTY_AARCH64_FEATURE_1_BTI)
              : uint32_t(ELF::GNU_PROPERTY_X86_FEATURE_1_IBT | ELF::GNU_PROPERTY_X86_FEATURE_1_SHSTK),
        0u})
    out.write<uint32_t>(word);
  return note;
}

/// Where everything lies in the object, in the order of the file. All sizes are known before anything is written.
struct ObjectLayout {
  explicit ObjectLayout(const nncc::ModelPlan &plan)
      : symbolName(add(nncc::weightsSymbol(plan))), weightsName(add(nncc::weightsSection(plan))),
        noteName(add(".note.GNU-stack")), propertyName(add(".note.gnu.property")), symtabName(add(".symtab")),
        strtabName(add(".strtab")), property(propertyNote(Triple(Triple::normalize(plan.target)))),
        propertyAt(alignTo(weightsAt + plan.weightsBytes, 8)), symtabAt(propertyAt + property.size()),
        strtabAt(symtabAt + symtabBytes), sectionsAt(alignTo(strtabAt + strings.size(), 8)),
        end(sectionsAt + NumSections * sizeof(ELF::Elf64_Shdr)) {}

  std::string strings = std::string(1, '\0'); ///< one table serves the symbol and the sections
  uint32_t symbolName, weightsName, noteName, propertyName, symtabName, strtabName;
  std::string property; ///< a multiple of 8 bytes
  static constexpr uint64_t weightsAt = 64;
  static constexpr uint64_t symtabBytes = 2 * sizeof(ELF::Elf64_Sym);
  uint64_t propertyAt, symtabAt, strtabAt, sectionsAt, end;

private:
  uint32_t add(StringRef text) {
    uint32_t at = strings.size();
    strings += text;
    strings += '\0';
    return at;
  }
};
static_assert(ObjectLayout::weightsAt == sizeof(ELF::Elf64_Ehdr) && ObjectLayout::weightsAt % weightsAlign == 0);
} // namespace

uint64_t nncc::weightsObjectBytes(const ModelPlan &plan) { return ObjectLayout(plan).end; }

static Expected<uint16_t> elfMachine(const Triple &triple) {
  switch (triple.getArch()) {
  case Triple::x86_64:
    return ELF::EM_X86_64;
  case Triple::aarch64:
    return ELF::EM_AARCH64;
  default:
    return nncc::internalError("no weights object for target '" + triple.str() + "'");
  }
}

Error nncc::writeWeightsObject(const ModelPlan &plan, const WeightWriter &pack, raw_ostream &os) {
  Expected<uint16_t> machine = elfMachine(Triple(plan.target));
  if (!machine)
    return machine.takeError();

  ObjectLayout layout(plan);
  uint64_t start = os.tell();
  auto padTo = [&](uint64_t at) { os.write_zeros(at - (os.tell() - start)); };
  support::endian::Writer out(os, endianness::little);

  os.write(ELF::ElfMagic, 4);
  os << char(ELF::ELFCLASS64) << char(ELF::ELFDATA2LSB) << char(ELF::EV_CURRENT) << char(ELF::ELFOSABI_NONE);
  os.write_zeros(ELF::EI_NIDENT - 8);
  out.write<uint16_t>(ELF::ET_REL);
  out.write<uint16_t>(*machine);
  out.write<uint32_t>(ELF::EV_CURRENT);
  out.write<uint64_t>(0); // e_entry
  out.write<uint64_t>(0); // e_phoff
  out.write<uint64_t>(layout.sectionsAt);
  out.write<uint32_t>(0); // e_flags
  out.write<uint16_t>(sizeof(ELF::Elf64_Ehdr));
  out.write<uint16_t>(0); // e_phentsize
  out.write<uint16_t>(0); // e_phnum
  out.write<uint16_t>(sizeof(ELF::Elf64_Shdr));
  out.write<uint16_t>(NumSections);
  out.write<uint16_t>(Strtab); // e_shstrndx

  padTo(layout.weightsAt);
  if (Error error = writeWeights(plan, pack, os))
    return error;

  padTo(layout.propertyAt);
  os << layout.property;
  padTo(layout.symtabAt);
  os.write_zeros(sizeof(ELF::Elf64_Sym));
  out.write<uint32_t>(layout.symbolName);
  os << char(ELF::STB_GLOBAL << 4 | ELF::STT_OBJECT) << char(ELF::STV_HIDDEN);
  out.write<uint16_t>(Weights);
  out.write<uint64_t>(0); // st_value
  out.write<uint64_t>(plan.weightsBytes);
  os << layout.strings;

  padTo(layout.sectionsAt);
  auto writeSection = [&](uint32_t name, uint32_t type, uint64_t flags, uint64_t at, uint64_t bytes, uint32_t link,
                          uint32_t info, uint64_t align, uint64_t entryBytes) {
    out.write<uint32_t>(name);
    out.write<uint32_t>(type);
    out.write<uint64_t>(flags);
    out.write<uint64_t>(0); // sh_addr
    out.write<uint64_t>(at);
    out.write<uint64_t>(bytes);
    out.write<uint32_t>(link);
    out.write<uint32_t>(info);
    out.write<uint64_t>(align);
    out.write<uint64_t>(entryBytes);
  };
  writeSection(0, ELF::SHT_NULL, 0, 0, 0, 0, 0, 0, 0);
  writeSection(layout.weightsName, ELF::SHT_PROGBITS, ELF::SHF_ALLOC, layout.weightsAt, plan.weightsBytes, 0, 0,
               weightsAlign, 0);
  writeSection(layout.noteName, ELF::SHT_PROGBITS, 0, layout.symtabAt, 0, 0, 0, 1, 0);
  bool hasProperty = !layout.property.empty(); // else an empty section that nobody loads
  writeSection(layout.propertyName, hasProperty ? ELF::SHT_NOTE : ELF::SHT_PROGBITS, hasProperty ? ELF::SHF_ALLOC : 0,
               layout.propertyAt, layout.property.size(), 0, 0, 8, 0);
  writeSection(layout.symtabName, ELF::SHT_SYMTAB, 0, layout.symtabAt, layout.symtabBytes, Strtab,
               /*first global=*/1, 8, sizeof(ELF::Elf64_Sym));
  writeSection(layout.strtabName, ELF::SHT_STRTAB, 0, layout.strtabAt, layout.strings.size(), 0, 0, 1, 0);
  return Error::success();
}

Expected<std::unique_ptr<MemoryBuffer>> nncc::makeWeightsObject(const ModelPlan &plan, const WeightWriter &pack) {
  if (!plan.weightsBytes)
    return nullptr;
  SmallVector<char, 0> bytes;
  bytes.reserve(weightsObjectBytes(plan));
  raw_svector_ostream os(bytes);
  if (Error error = writeWeightsObject(plan, pack, os))
    return std::move(error);
  return std::make_unique<SmallVectorMemoryBuffer>(std::move(bytes), plan.name + "_weights.o",
                                                   /*RequiresNullTerminator=*/false);
}
