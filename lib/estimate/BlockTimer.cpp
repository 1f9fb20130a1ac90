// See BlockTimer.h.
#include "lib/estimate/BlockTimer.h"
#include "lib/support/InternalError.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/MC/MCAsmInfo.h"
#include "llvm/MC/MCContext.h"
#include "llvm/MC/MCDisassembler/MCDisassembler.h"
#include "llvm/MC/MCInst.h"
#include "llvm/MC/MCInstrAnalysis.h"
#include "llvm/MC/MCInstrInfo.h"
#include "llvm/MC/MCRegisterInfo.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/MCA/Context.h"
#include "llvm/MCA/InstrBuilder.h"
#include "llvm/MCA/Pipeline.h"
#include "llvm/MCA/SourceMgr.h"
#include "llvm/MCA/Support.h"
#include "llvm/Target/TargetMachine.h"

using namespace llvm;
using namespace nncc;

/// Instructions of a loop that are simulated before it counts, and those that count.
static constexpr unsigned kWarmUp = 400, kTimed = 800;

struct BlockTimer::Parts {
  explicit Parts(const TargetSpec &target)
      : timing(target.cpu.timing), machine(createTargetMachine(target)), info(*machine->getMCInstrInfo()),
        registers(*machine->getMCRegisterInfo()),
        context(target.triple, machine->getMCAsmInfo(), &registers, machine->getMCSubtargetInfo()),
        disassembler(machine->getTarget().createMCDisassembler(*machine->getMCSubtargetInfo(), context)),
        model(machine->getTarget().createMCSubtargetInfo(target.triple, target.cpu.timing.model,
                                                         machine->getTargetFeatureString())),
        analysis(machine->getTarget().createMCInstrAnalysis(&info)) {}

  bool issuesInOrder() const { return !model->getSchedModel().isOutOfOrder(); }
  MCInst withoutStoreWait(const MCInst &store, const BitVector &written) const;
  std::vector<std::unique_ptr<mca::Instruction>> lower(mca::InstrBuilder &builder, ArrayRef<MCInst> instructions);
  double simulate(ArrayRef<std::unique_ptr<mca::Instruction>> instructions, unsigned passes);
  double resourceBound(ArrayRef<std::unique_ptr<mca::Instruction>> instructions) const;
  double multiplyBound(ArrayRef<MCInst> instructions) const;

  const CpuTiming &timing;
  std::unique_ptr<TargetMachine> machine;
  const MCInstrInfo &info;
  const MCRegisterInfo &registers;
  MCContext context;
  std::unique_ptr<MCDisassembler> disassembler;
  std::unique_ptr<MCSubtargetInfo> model; ///< whose scheduling model times the code
  std::unique_ptr<MCInstrAnalysis> analysis;
};

BlockTimer::BlockTimer(std::unique_ptr<Parts> parts) : parts(std::move(parts)) {}
BlockTimer::~BlockTimer() = default;

Expected<std::unique_ptr<BlockTimer>> BlockTimer::create(const TargetSpec &target) {
  auto parts = std::make_unique<Parts>(target);
  if (!parts->disassembler || !parts->model || !parts->model->getSchedModel().hasInstrSchedModel())
    return internalError("LLVM cannot time code of " + std::string(target.cpu.name));
  return std::unique_ptr<BlockTimer>(new BlockTimer(std::move(parts)));
}

Expected<std::vector<MCInst>> BlockTimer::decode(ArrayRef<uint8_t> bytes) {
  std::vector<MCInst> instructions;
  for (uint64_t at = 0; at < bytes.size();) {
    MCInst &instruction = instructions.emplace_back();
    uint64_t size = 0;
    if (parts->disassembler->getInstruction(instruction, size, bytes.drop_front(at), at, nulls()) ==
        MCDisassembler::Fail)
      return internalError("the code has bytes that are no instruction");
    at += size;
  }
  return instructions;
}

/// A store that also moves its address: llvm-mca makes the new address wait for the stored data, which no core does. So
/// it stores registers that nothing waits for.
MCInst BlockTimer::Parts::withoutStoreWait(const MCInst &store, const BitVector &written) const {
  const MCInstrDesc &desc = info.get(store.getOpcode());
  if (!desc.mayStore() || desc.mayLoad() || desc.getNumDefs() != 1)
    return store;
  MCInst changed = store;
  for (unsigned i = 1; i < std::min<unsigned>(store.getNumOperands(), desc.getNumOperands()); ++i) {
    if (desc.getOperandConstraint(i, MCOI::TIED_TO) >= 0)
      return changed; // the address; what comes behind it is no data
    const MCOperandInfo &operand = desc.operands()[i];
    if (!store.getOperand(i).isReg() || operand.RegClass < 0)
      continue;
    for (MCPhysReg candidate : registers.getRegClass(operand.RegClass))
      if (!written.test(candidate)) {
        changed.getOperand(i).setReg(candidate);
        break;
      }
  }
  return store; // it moves no address
}

/// Instructions as llvm-mca takes them; those that the model does not know are left out, and so are calls and returns,
/// of which it knows nothing.
std::vector<std::unique_ptr<mca::Instruction>> BlockTimer::Parts::lower(mca::InstrBuilder &builder,
                                                                        ArrayRef<MCInst> instructions) {
  BitVector written(registers.getNumRegs());
  for (const MCInst &instruction : instructions)
    for (unsigned i = 0; i < info.get(instruction.getOpcode()).getNumDefs() && i < instruction.getNumOperands(); ++i)
      if (instruction.getOperand(i).isReg())
        for (MCRegAliasIterator alias(instruction.getOperand(i).getReg(), &registers, /*IncludeSelf=*/true);
             alias.isValid(); ++alias)
          written.set(MCRegister(*alias).id());
  std::vector<std::unique_ptr<mca::Instruction>> lowered;
  for (const MCInst &instruction : instructions) {
    const MCInstrDesc &desc = info.get(instruction.getOpcode());
    if (desc.isCall() || desc.isReturn())
      continue;
    auto made = builder.createInstruction(withoutStoreWait(instruction, written), {});
    if (made)
      lowered.push_back(std::move(*made));
    else
      consumeError(made.takeError());
  }
  return lowered;
}

double BlockTimer::Parts::simulate(ArrayRef<std::unique_ptr<mca::Instruction>> instructions, unsigned passes) {
  mca::CircularSourceMgr source(instructions, passes);
  mca::CustomBehaviour behaviour(*model, source, info);
  mca::Context simulated(registers, *model);
  // Queues and widths as the model says; stores never alias loads: kernels are tiled so that they do not meet.
  mca::PipelineOptions options(0, 0, 0, 0, 0, 0, /*NoAlias=*/true);
  auto pipeline = issuesInOrder() ? simulated.createInOrderPipeline(options, source, behaviour)
                                  : simulated.createDefaultPipeline(options, source, behaviour);
  auto cycles = pipeline->run();
  if (cycles)
    return *cycles;
  consumeError(cycles.takeError());
  return 0;
}

/// What the fullest resource takes: issue width or a kind of unit.
double BlockTimer::Parts::resourceBound(ArrayRef<std::unique_ptr<mca::Instruction>> instructions) const {
  const MCSchedModel &schedule = model->getSchedModel();
  SmallVector<uint64_t> masks(schedule.getNumProcResourceKinds());
  mca::computeProcResourceMasks(schedule, masks);
  SmallVector<unsigned> indexOf(schedule.getNumProcResourceKinds()), used(schedule.getNumProcResourceKinds());
  for (unsigned i = 1; i < masks.size(); ++i)
    indexOf[mca::getResourceStateIndex(masks[i])] = i;
  unsigned microOps = 0;
  for (const auto &instruction : instructions) {
    microOps += instruction->getDesc().NumMicroOps;
    for (const auto &[mask, usage] : instruction->getDesc().Resources)
      if (usage.size())
        used[indexOf[mca::getResourceStateIndex(mask)]] += usage.size();
  }
  return mca::computeBlockRThroughput(schedule, schedule.IssueWidth, microOps, used);
}

/// What the multiply-adds take where LLVM's model starts more of them than the CPU can.
double BlockTimer::Parts::multiplyBound(ArrayRef<MCInst> instructions) const {
  if (!timing.macsPerCycle)
    return 0;
  size_t macs = count_if(instructions, [&](const MCInst &instruction) {
    StringRef name = info.getName(instruction.getOpcode());
    return any_of(ArrayRef<StringRef>{"FMLA", "FMLS", "SDOT", "UDOT", "USDOT", "SMLAL", "UMLAL", "VFMADD"},
                  [&](StringRef prefix) { return name.starts_with(prefix); });
  });
  return double(macs) / timing.macsPerCycle;
}

double BlockTimer::cyclesOf(ArrayRef<MCInst> instructions, bool isLoop) {
  mca::InstrumentManager instruments(*parts->model, parts->info);
  mca::InstrBuilder builder(*parts->model, parts->info, parts->registers, parts->analysis.get(), instruments,
                            /*CallLatency=*/1);
  auto lowered = parts->lower(builder, instructions);
  if (lowered.empty())
    return 0;
  double bound = parts->multiplyBound(instructions);
  if (!isLoop && !parts->issuesInOrder())
    return std::max(bound, parts->resourceBound(lowered));
  unsigned before = 1 + kWarmUp / lowered.size(), timed = 1 + kTimed / lowered.size();
  double start = parts->simulate(lowered, before), end = parts->simulate(lowered, before + timed);
  return std::max(bound, (end - start) / timed);
}
