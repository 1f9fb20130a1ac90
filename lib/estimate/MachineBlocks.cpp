// See MachineBlocks.h.
#include "lib/estimate/MachineBlocks.h"
#include "lib/support/InternalError.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/CodeGen/MachineFunction.h"
#include "llvm/CodeGen/MachineInstr.h"
#include "llvm/IR/BasicBlock.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Transforms/Utils/SampleProfileInference.h"

using namespace llvm;
using namespace nncc;

/// Functions of the C library that LLVM calls for intrinsics are external symbols.
static bool callsLibrary(const MachineBasicBlock &block) {
  return any_of(block, [](const MachineInstr &instruction) {
    return instruction.isCall() &&
           any_of(instruction.operands(), [](const MachineOperand &operand) { return operand.isSymbol(); });
  });
}

MachineCode nncc::readMachineFunction(const MachineFunction &function) {
  MachineCode code;
  code.name = function.getName().str();
  DenseMap<const MachineBasicBlock *, unsigned> index;
  for (const MachineBasicBlock &block : function)
    index[&block] = index.size();
  for (const MachineBasicBlock &block : function) {
    MachineBlock &made = code.blocks.emplace_back();
    if (auto id = block.getBBID())
      made.id = id->BaseID;
    if (const BasicBlock *origin = block.getBasicBlock())
      made.origin = blockNumber(origin->getName());
    for (const MachineBasicBlock *successor : block.successors())
      made.successors.push_back(index.lookup(successor));
    made.isLoop = block.isSuccessor(&block);
    made.callsLibrary = callsLibrary(block);
  }
  return code;
}

namespace {
using File = object::ELF64LEObjectFile;

/// Where the blocks of one function lie in its section.
struct CodeSection {
  ArrayRef<uint8_t> bytes;
  DenseMap<uint32_t, std::pair<uint32_t, uint32_t>> blocks; ///< by id: offset and size
};

/// The code of each section, by the section's index.
Expected<DenseMap<unsigned, CodeSection>> readMaps(const File &file) {
  DenseMap<unsigned, CodeSection> codes;
  const auto &elf = file.getELFFile();
  auto sections = elf.sections();
  if (!sections)
    return sections.takeError();
  DenseMap<unsigned, const File::Elf_Shdr *> relocations;
  for (const auto &section : *sections)
    if (section.sh_type == ELF::SHT_RELA || section.sh_type == ELF::SHT_CREL)
      relocations[section.sh_info] = &section;
  for (auto [index, section] : enumerate(*sections)) {
    if (section.sh_type != ELF::SHT_LLVM_BB_ADDR_MAP)
      continue;
    auto maps = elf.decodeBBAddrMap(section, relocations.lookup(index));
    auto text = elf.getSection(section.sh_link);
    if (!maps || !text)
      return joinErrors(maps.takeError(), text.takeError());
    auto bytes = elf.getSectionContents(**text);
    if (!bytes)
      return bytes.takeError();
    CodeSection &code = codes[section.sh_link];
    code.bytes = *bytes;
    for (const auto &map : *maps)
      for (const auto &range : map.getBBRanges())
        for (const auto &block : range.BBEntries)
          code.blocks[block.ID] = {block.Offset, block.Size};
  }
  return codes;
}
} // namespace

Error nncc::findCode(StringRef bytes, std::vector<MachineCode> &functions) {
  auto file = File::create(MemoryBufferRef(bytes, "object"));
  if (!file)
    return file.takeError();
  auto codes = readMaps(*file);
  if (!codes)
    return codes.takeError();
  StringMap<const CodeSection *> byName;
  for (const object::ELFSymbolRef symbol : file->symbols()) {
    if (symbol.getELFType() != ELF::STT_FUNC)
      continue;
    auto section = symbol.getSection();
    auto name = symbol.getName();
    if (!section || !name)
      return joinErrors(section.takeError(), name.takeError());
    if (*section == file->section_end())
      continue;
    if (auto code = codes->find((*section)->getIndex()); code != codes->end())
      byName[*name] = &code->second;
  }
  for (MachineCode &function : functions) {
    const CodeSection *code = byName.lookup(function.name);
    if (!code)
      return internalError("the object has no map of function '" + function.name + "'");
    for (MachineBlock &block : function.blocks) {
      auto place = code->blocks.find(block.id);
      if (place == code->blocks.end() || place->second.first + place->second.second > code->bytes.size())
        return internalError("the object has no block " + Twine(block.id) + " of function '" + function.name + "'");
      block.bytes = code->bytes.slice(place->second.first, place->second.second);
    }
  }
  return Error::success();
}

/// The blocks that can be reached from the entry.
static BitVector reachableBlocks(const MachineCode &function) {
  BitVector reached(function.blocks.size());
  SmallVector<unsigned> open{0};
  reached.set(0);
  while (!open.empty())
    for (unsigned successor : function.blocks[open.pop_back_val()].successors)
      if (!reached.test(successor)) {
        reached.set(successor);
        open.push_back(successor);
      }
  return reached;
}

std::vector<uint64_t> nncc::runsOf(const MachineCode &function, const BlockCounts &counts) {
  DenseMap<unsigned, unsigned> copies;
  for (const MachineBlock &block : function.blocks)
    if (block.origin)
      ++copies[*block.origin];
  BitVector reached = reachableBlocks(function);
  FlowFunction flow;
  flow.Blocks.resize(function.blocks.size());
  bool isAllKnown = true, runs = false;
  size_t jumps = 0;
  for (auto [index, block] : enumerate(function.blocks)) {
    FlowBlock &node = flow.Blocks[index];
    node.Index = index;
    bool isKnown = !reached.test(index) || (block.origin && copies[*block.origin] == 1);
    isAllKnown &= isKnown;
    node.HasUnknownWeight = !isKnown;
    node.Weight = isKnown && reached.test(index) ? counts.runs[*block.origin] : 0;
    node.Flow = node.Weight;
    runs |= block.origin && counts.runs[*block.origin];
    jumps += block.successors.size();
  }
  if (runs && !isAllKnown) {
    flow.Jumps.reserve(jumps); // blocks point into it
    for (auto [index, block] : enumerate(function.blocks))
      for (unsigned successor : block.successors)
        if (reached.test(index)) {
          FlowJump &jump = flow.Jumps.emplace_back();
          jump.Source = index;
          jump.Target = successor;
          flow.Blocks[index].SuccJumps.push_back(&jump);
          flow.Blocks[successor].PredJumps.push_back(&jump);
        }
    applyFlowInference(flow);
  }
  std::vector<uint64_t> result(function.blocks.size());
  for (auto [index, node] : enumerate(flow.Blocks))
    result[index] = runs ? node.Flow : 0;
  return result;
}
