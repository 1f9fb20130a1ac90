// What a library tells the GPU that runs some of its kernels; see DeviceProgram.h.
#include "codegen/emit/DeviceProgram.h"
#include "codegen/emit/PortType.h"
#include "lib/support/Assert.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Module.h"
#include <functional>
#include <map>

using namespace llvm;

namespace nncc {

namespace {

/// Every Vulkan device binds as much at once: VkPhysicalDeviceLimits, maxStorageBufferRange.
constexpr int64_t kMaxBindingBytes = int64_t(1) << 27;

/// A memory of the device: its kind, and which of that kind.
using MemoryId = std::pair<uint32_t, uint32_t>;

MemoryId memoryOf(const OperandPlan &operand) {
  switch (operand.memory) {
  case Memory::Arena:
    return {NNCC_DEVICE_ARENA, 0};
  case Memory::Weights:
    return {NNCC_DEVICE_CONSTANTS, 0};
  case Memory::Input:
    return {NNCC_DEVICE_INPUT, operand.index};
  case Memory::Output:
    return {NNCC_DEVICE_OUTPUT, operand.index};
  }
  llvm_unreachable("no such memory");
}

/// Bytes [begin, end) of one memory.
struct Span {
  int64_t begin, end;
  bool meets(const Span &other) const { return begin < other.end && other.begin < end; }
};

/// Bytes of the memories of a model, as disjoint spans in order.
class Bytes {
public:
  void add(MemoryId memory, Span span) {
    if (span.begin >= span.end)
      return;
    std::vector<Span> &spans = of[memory], merged;
    for (const Span &other : spans)
      if (other.end < span.begin || span.end < other.begin)
        merged.push_back(other);
      else
        span = {std::min(span.begin, other.begin), std::max(span.end, other.end)};
    merged.insert(llvm::upper_bound(merged, span, [](const Span &a, const Span &b) { return a.begin < b.begin; }),
                  span);
    spans = std::move(merged);
  }
  void add(const OperandPlan &operand) {
    add(memoryOf(operand), {operand.byteOffset, operand.byteOffset + operand.bytes});
  }
  void add(const Bytes &other) {
    for (const auto &[memory, spans] : other.of)
      for (const Span &span : spans)
        add(memory, span);
  }

  bool meets(const OperandPlan &operand) const {
    Span span{operand.byteOffset, operand.byteOffset + operand.bytes};
    auto spans = of.find(memoryOf(operand));
    return spans != of.end() && llvm::any_of(spans->second, [&](const Span &other) { return span.meets(other); });
  }

  /// The bytes of a kind of memory that are in both.
  Bytes meetIn(uint32_t kind, const Bytes &other) const {
    Bytes both;
    for (const auto &[memory, spans] : of)
      if (auto others = other.of.find(memory); memory.first == kind && others != other.of.end())
        for (const Span &a : spans)
          for (const Span &b : others->second)
            both.add(memory, {std::max(a.begin, b.begin), std::min(a.end, b.end)});
    return both;
  }
  Bytes only(uint32_t kind) const {
    Bytes part;
    for (const auto &[memory, spans] : of)
      if (memory.first == kind)
        part.of[memory] = spans;
    return part;
  }

  void writeTo(std::vector<nncc_device_range> &ranges) const {
    for (const auto &[memory, spans] : of)
      for (const Span &span : spans)
        ranges.push_back({memory.first, memory.second, uint64_t(span.begin), uint64_t(span.end - span.begin)});
  }

private:
  std::map<MemoryId, std::vector<Span>> of;
};

bool isOnDevice(const KernelPlan &kernel) { return !kernel.deviceFunction.empty(); }

/// Where tables of device code begin in the memory of constants: behind the weights.
int64_t tablesBegin(const ModelPlan &plan) { return alignTo(plan.weightsBytes, NNCC_DEVICE_OFFSET_ALIGN); }

/// The range that a binding of a function is given for one kernel.
nncc_device_range rangeOf(const ModelPlan &plan, const KernelPlan &kernel, const GpuBinding &binding,
                          const GpuCode &code) {
  std::optional<MemoryId> memory;
  Span span{INT64_MAX, 0};
  auto cover = [&](MemoryId in, int64_t begin, int64_t bytes) {
    NNCC_ASSERT(!memory || *memory == in, "a binding lies in one memory");
    memory = in;
    span = {std::min(span.begin, begin), std::max(span.end, begin + bytes)};
  };
  for (unsigned operand : binding.operands) {
    const OperandPlan &place = kernel.operands[operand];
    cover(memoryOf(place), place.byteOffset, place.bytes);
  }
  for (unsigned table : binding.tables)
    cover({NNCC_DEVICE_CONSTANTS, 0}, tablesBegin(plan) + code.tables[table].byteOffset, code.tables[table].bytes);
  NNCC_ASSERT(memory, "a binding binds something");
  span.begin = alignDown(span.begin, NNCC_DEVICE_OFFSET_ALIGN);
  // Where a GPU has no 16-bit storage, two elements are a word, and so is the last one alone.
  span.end = alignTo(span.end, sizeof(uint32_t));
  return {memory->first, memory->second, uint64_t(span.begin), uint64_t(span.end - span.begin)};
}

/// Multiply-adds that the slowest GPU does in a microsecond: a Mali-G31 of one core does 4 in each clock (the product
/// table of Arm's libGPUInfo), of which there are 650 in a microsecond, and code reaches a third of that.
constexpr double kSlowestMacsPerUs = 800;

/// How long a kernel may take on a slow GPU.
double slowestUs(const KernelPlan &kernel, const GpuFunction &function) {
  double threads = double(function.grid[0]) * function.grid[1] * function.block[0];
  // An iteration of a loop, or a thread without, works on a vector.
  double vectors = threads * std::max<int64_t>(function.iterations, 1);
  return std::max<double>(kernel.macs, 4 * vectors) / kSlowestMacsPerUs;
}

/// A segment takes at most as long as so many of the longest dispatches.
constexpr int64_t kDispatchesOfSegment = 8;

class ProgramBuilder {
public:
  ProgramBuilder(const ModelPlan &plan, const GpuCode &code, int64_t mostDispatchUs)
      : plan(plan), code(code), mostDispatchUs(mostDispatchUs) {}

  DeviceProgram build() {
    addConstants();
    for (const GpuFunction &function : code.functions)
      if (llvm::any_of(plan.kernels, [&](const KernelPlan &k) { return k.deviceFunction == function.name; }))
        addFunction(function);
    for (const KernelPlan &kernel : plan.kernels) {
      program.firstDispatch.push_back(program.dispatches.size());
      if (isOnDevice(kernel))
        addDispatch(kernel);
    }
    program.firstDispatch.push_back(program.dispatches.size());
    markUnread();
    addSegments();
    return std::move(program);
  }

private:
  void addConstants() {
    program.tables = code.tableBytes;
    bool readsWeights = llvm::any_of(plan.kernels, [](const KernelPlan &kernel) {
      return isOnDevice(kernel) && llvm::any_of(kernel.operands, [](const OperandPlan &operand) {
               return operand.memory == Memory::Weights;
             });
    });
    if (readsWeights)
      program.uploads.push_back({/*is_table=*/0, 0, 0, 0, uint64_t(plan.weightsBytes)});
    if (!program.tables.empty())
      program.uploads.push_back({/*is_table=*/1, 0, 0, uint64_t(tablesBegin(plan)), program.tables.size()});
    if (!program.uploads.empty())
      program.constantsBytes = program.uploads.back().byte_offset + program.uploads.back().bytes;
  }

  void addFunction(const GpuFunction &function) {
    functions[function.name] = {&function, program.functions.size()};
    program.functionNames.push_back(function.name);
    program.functions.push_back({uint32_t(program.variants.size()), uint32_t(function.variants.size()),
                                 uint32_t(function.bindings.size()), uint32_t(function.pushConstants.size())});
    for (const GpuVariant &variant : function.variants) {
      program.features |= variant.features;
      program.variants.push_back({variant.features, uint32_t(program.words.size()), uint32_t(variant.words.size())});
      llvm::append_range(program.words, variant.words);
    }
  }

  void addDispatch(const KernelPlan &kernel) {
    auto [function, number] = functions.lookup(kernel.deviceFunction);
    NNCC_ASSERT(function, "every kernel of the GPU has a function");
    nncc_device_dispatch dispatch{};
    dispatch.function = number;
    llvm::copy(function->grid, dispatch.groups);
    dispatch.first_binding = program.bindings.size();
    dispatch.first_push_constant = program.pushConstants.size();
    for (const GpuBinding &binding : function->bindings)
      program.bindings.push_back(rangeOf(plan, kernel, binding, code));
    for (const GpuPushConstant &constant : function->pushConstants)
      program.pushConstants.push_back(pushed(kernel, *function, constant, dispatch.first_binding));
    checkBegins(kernel, *function, dispatch.first_binding);
    addParts(dispatch, slowestUs(kernel, *function));
  }

  /// A dispatch, or several of rows of workgroups, or of workgroups of the only row.
  void addParts(nncc_device_dispatch whole, double us) {
    unsigned along = whole.groups[1] > 1 ? 1 : 0;
    uint32_t groups = whole.groups[along], step = groups;
    if (mostDispatchUs > 0 && us > mostDispatchUs)
      step = std::max<uint32_t>(groups * (mostDispatchUs / us), 1);
    for (uint32_t first = 0; first < groups; first += step) {
      nncc_device_dispatch part = whole;
      part.groups[along] = std::min(step, groups - first);
      part.first_group = first;
      if (first)
        part.flags |= along ? NNCC_DISPATCH_PART_Y : NNCC_DISPATCH_PART_X;
      program.dispatches.push_back(part);
    }
  }

  int64_t beginOf(const KernelPlan &kernel, bool isTable, unsigned number) const {
    return isTable ? tablesBegin(plan) + code.tables[number].byteOffset : kernel.operands[number].byteOffset;
  }

  /// How far behind the start of its binding's range an operand or table begins.
  uint32_t pushed(const KernelPlan &kernel, const GpuFunction &function, const GpuPushConstant &constant,
                  uint32_t firstBinding) const {
    int64_t begin = beginOf(kernel, constant.isTable, constant.number);
    for (auto [number, binding] : llvm::enumerate(function.bindings))
      if (llvm::is_contained(constant.isTable ? binding.tables : binding.operands, constant.number)) {
        int64_t distance = begin - int64_t(program.bindings[firstBinding + number].byte_offset);
        NNCC_ASSERT(distance % constant.unitBytes == 0, "a push constant counts whole units");
        return distance / constant.unitBytes;
      }
    llvm_unreachable("a push constant is of something that is bound");
  }

  /// Code without a push constant for an operand or table takes the start of the range for its own.
  void checkBegins(const KernelPlan &kernel, const GpuFunction &function, uint32_t firstBinding) const {
    for (auto [number, binding] : llvm::enumerate(function.bindings))
      for (bool isTable : {false, true})
        for (unsigned bound : isTable ? binding.tables : binding.operands) {
          bool isPushed = llvm::any_of(function.pushConstants, [&, bound](const GpuPushConstant &constant) {
            return constant.isTable == isTable && constant.number == bound;
          });
          NNCC_ASSERT(isPushed || beginOf(kernel, isTable, bound) ==
                                      int64_t(program.bindings[firstBinding + number].byte_offset),
                      "what has no push constant begins where its binding does");
        }
  }

  /// Whether a kernel's code touches an operand: that of a GPU need not touch all.
  bool touches(const KernelPlan &kernel, size_t operand) const {
    return !isOnDevice(kernel) ||
           llvm::any_of(functions.lookup(kernel.deviceFunction).first->bindings,
                        [&](const GpuBinding &binding) { return llvm::is_contained(binding.operands, operand); });
  }

  MutableArrayRef<nncc_device_dispatch> dispatchesOf(size_t kernel) {
    return MutableArrayRef(program.dispatches)
        .slice(program.firstDispatch[kernel], program.firstDispatch[kernel + 1] - program.firstDispatch[kernel]);
  }

  /// Marks the dispatches of kernels whose results are read by code for the CPU alone, of kernels that the GPU runs.
  void markUnread() {
    for (auto [number, kernel] : llvm::enumerate(plan.kernels))
      if (isOnDevice(kernel) && llvm::all_of(kernel.operands, [&, number = number](const OperandPlan &operand) {
            return !operand.isOutput || isUnread(operand, number + 1);
          }))
        for (nncc_device_dispatch &dispatch : dispatchesOf(number))
          dispatch.flags |= NNCC_DISPATCH_UNREAD;
  }

  /// Whether kernels from number `next` on are given a result, but none touches it.
  bool isUnread(const OperandPlan &result, size_t next) const {
    if (result.memory != Memory::Arena)
      return false;
    Bytes bytes;
    bytes.add(result);
    bool isGiven = false;
    for (const KernelPlan &kernel : ArrayRef(plan.kernels).drop_front(next))
      for (auto [number, operand] : llvm::enumerate(kernel.operands)) {
        if (!bytes.meets(operand))
          continue;
        if (operand.isOutput)
          return isGiven; // its bytes are those of another tensor from here on
        if (touches(kernel, number))
          return false;
        isGiven = true;
      }
    return isGiven;
  }

  /// Segments, and what is handed over for each.
  void addSegments() {
    // Caches know lines, not tensors: what lies beside what the CPU touches is handed over, too.
    Bytes touchedByCpu;
    for (const KernelPlan &kernel : plan.kernels)
      if (!isOnDevice(kernel))
        for (const OperandPlan &operand : kernel.operands)
          touchedByCpu.add(memoryOf(operand),
                           {int64_t(alignDown(operand.byteOffset, NNCC_DEVICE_OFFSET_ALIGN)),
                            int64_t(alignTo(operand.byteOffset + operand.bytes, NNCC_DEVICE_OFFSET_ALIGN))});
    Bytes inputsGiven;
    for (size_t first = 0; first < plan.kernels.size();) {
      size_t last = first;
      double us = 0;
      while (last < plan.kernels.size() && isOnDevice(plan.kernels[last])) {
        us += slowestUs(plan.kernels[last], *functions.lookup(plan.kernels[last].deviceFunction).first);
        if (mostDispatchUs > 0 && last > first && us > kDispatchesOfSegment * double(mostDispatchUs))
          break;
        ++last;
      }
      if (last > first)
        addSegment(first, last, touchedByCpu, inputsGiven);
      first = std::max(last, first + 1);
    }
  }

  void addSegment(size_t first, size_t last, const Bytes &touchedByCpu, Bytes &inputsGiven) {
    addBarriers(first, last);
    Bytes touched, written;
    for (const KernelPlan &kernel : ArrayRef(plan.kernels).slice(first, last - first))
      for (const OperandPlan &operand : kernel.operands) {
        if (operand.memory == Memory::Input) { // the whole port, once
          if (!inputsGiven.meets(operand))
            touched.add({NNCC_DEVICE_INPUT, operand.index}, {0, portBytes(plan.inputs[operand.index])});
          continue;
        }
        touched.add(operand);
        if (operand.isOutput)
          written.add(operand);
      }
    Bytes take = written.meetIn(NNCC_DEVICE_ARENA, touchedByCpu);
    take.add(written.only(NNCC_DEVICE_OUTPUT));
    // What the CPU touched in an earlier run may be in its caches, too, and be written back over what the device
    // writes.
    Bytes give = touched.meetIn(NNCC_DEVICE_ARENA, touchedByCpu);
    give.add(touched.only(NNCC_DEVICE_INPUT));
    give.add(touched.only(NNCC_DEVICE_OUTPUT));
    give.add(take);
    inputsGiven.add(touched.only(NNCC_DEVICE_INPUT));

    nncc_device_segment segment{};
    segment.first_kernel = first;
    segment.num_kernels = last - first;
    segment.first_range = program.ranges.size();
    give.writeTo(program.ranges);
    segment.num_give = program.ranges.size() - segment.first_range;
    for (nncc_device_range &range : MutableArrayRef(program.ranges).drop_front(segment.first_range))
      if (range.memory == NNCC_DEVICE_OUTPUT && !isOfOthers(range.index))
        range.memory = NNCC_DEVICE_FRESH_OUTPUT;
    take.writeTo(program.ranges);
    segment.num_take = program.ranges.size() - segment.first_range - segment.num_give;
    program.segments.push_back(segment);
  }

  /// Whether any kernel reads an output of the model, or the CPU writes a part of it: what the device writes may have
  /// gaps, and is taken back with them.
  bool isOfOthers(unsigned output) const {
    return llvm::any_of(plan.kernels, [&](const KernelPlan &kernel) {
      return llvm::any_of(kernel.operands, [&](const OperandPlan &operand) {
        return operand.memory == Memory::Output && operand.index == output &&
               (!operand.isOutput || !isOnDevice(kernel));
      });
    });
  }

  void addBarriers(size_t first, size_t last) {
    Bytes read, written; // since the last barrier
    for (size_t number = first; number < last; ++number) {
      MutableArrayRef<nncc_device_dispatch> dispatches = dispatchesOf(number);
      bool isLeftOut = dispatches.front().flags & NNCC_DISPATCH_UNREAD;
      const KernelPlan &kernel = plan.kernels[number];
      SmallVector<OperandPlan> touched;
      for (auto [place, operand] : llvm::enumerate(kernel.operands))
        if (touches(kernel, place))
          touched.push_back(operand);
      bool waits = llvm::any_of(touched, [&](const OperandPlan &operand) {
        return written.meets(operand) || (operand.isOutput && read.meets(operand));
      });
      if (waits) {
        dispatches.front().flags |= NNCC_DISPATCH_BARRIER;
        if (!isLeftOut) // else its barrier is left out with it
          read = written = Bytes();
      }
      for (const OperandPlan &operand : touched)
        (operand.isOutput ? written : read).add(operand);
    }
  }

  const ModelPlan &plan;
  const GpuCode &code;
  int64_t mostDispatchUs;
  DeviceProgram program;
  llvm::StringMap<std::pair<const GpuFunction *, uint32_t>> functions;
};

//===-- In LLVM IR --------------------------------------------------------===//

/// Writes the programs of a library, and what they have in common once.
class ProgramWriter {
public:
  ProgramWriter(Module &module, const ModelPlan &plan, GlobalVariable *weights)
      : module(module), plan(plan), context(module.getContext()), ptr(PointerType::get(context, 0)), weights(weights) {}

  Constant *write(const DeviceProgram &program) {
    Constant *words = table(program.words, "words");
    NNCC_ASSERT(!words->isNullValue(), "a program has code");
    cast<GlobalVariable>(words)->setSection(".rodata.nncc." + plan.name + ".spirv");
    Constant *value = ConstantStruct::getAnon(context, {u32(sizeof(nncc_device_program)),
                                                        u32(NNCC_PROGRAM_SPIRV),
                                                        u64(program.features),
                                                        words,
                                                        plan.externWeights || !weights ? null() : weights,
                                                        table(program.tables, "tables"),
                                                        u64(program.constantsBytes),
                                                        u32(program.uploads.size()),
                                                        u32(program.functions.size()),
                                                        u32(program.variants.size()),
                                                        u32(program.dispatches.size()),
                                                        u32(program.bindings.size()),
                                                        u32(program.pushConstants.size()),
                                                        u32(program.segments.size()),
                                                        u32(program.ranges.size()),
                                                        table(program.uploads, "uploads"),
                                                        table(program.functions, "functions"),
                                                        table(program.variants, "variants"),
                                                        table(program.dispatches, "dispatches"),
                                                        table(program.bindings, "bindings"),
                                                        table(program.pushConstants, "push_constants"),
                                                        table(program.segments, "segments"),
                                                        table(program.ranges, "ranges"),
                                                        table(program.firstDispatch, "first_dispatch")});
    static_assert(sizeof(nncc_device_program) == 152, "the members above follow nncc_device_program of nncc/abi.h");
    GlobalVariable *&known = programs[value];
    if (!known)
      known = new GlobalVariable(module, value->getType(), /*isConstant=*/true, GlobalValue::InternalLinkage, value,
                                 "nncc_device_program");
    return known;
  }

private:
  Constant *null() const { return ConstantPointerNull::get(ptr); }
  Constant *u32(uint64_t value) const { return ConstantInt::get(Type::getInt32Ty(context), value); }
  Constant *u64(uint64_t value) const { return ConstantInt::get(Type::getInt64Ty(context), value); }

  /// A table of the ABI has the same bytes here and on the device: both are little-endian, with 64 bits.
  template <typename T> Constant *table(const std::vector<T> &elements, StringRef name) {
    if (elements.empty())
      return null();
    StringRef bytes(reinterpret_cast<const char *>(elements.data()), elements.size() * sizeof(T));
    Constant *value = ConstantDataArray::getString(context, bytes, /*AddNull=*/false);
    GlobalVariable *&known = tables[{name, value}];
    if (known)
      return known;
    known = new GlobalVariable(module, value->getType(), /*isConstant=*/true, GlobalValue::InternalLinkage, value,
                               "nncc_device_" + name);
    known->setUnnamedAddr(GlobalValue::UnnamedAddr::Global);
    known->setAlignment(Align(std::max<size_t>(alignof(T), sizeof(uint32_t))));
    return known;
  }

  Module &module;
  const ModelPlan &plan;
  LLVMContext &context;
  PointerType *ptr;
  GlobalVariable *weights;
  DenseMap<std::pair<StringRef, Constant *>, GlobalVariable *> tables; ///< by name and what they hold
  DenseMap<Constant *, GlobalVariable *> programs;
};

} // namespace

DeviceProgram makeDeviceProgram(const ModelPlan &plan, const GpuCode &code, int64_t mostDispatchUs) {
  return ProgramBuilder(plan, code, mostDispatchUs).build();
}

std::string whyNotBindable(const ModelPlan &plan, const KernelPlan &kernel, const GpuFunction &function,
                           const GpuCode &code) {
  for (const GpuBinding &binding : function.bindings)
    if (uint64_t bytes = rangeOf(plan, kernel, binding, code).bytes; bytes > kMaxBindingBytes)
      return "it would bind " + std::to_string(bytes) + " bytes at once, a GPU need not bind more than " +
             std::to_string(kMaxBindingBytes);
  return "";
}

void moveWeights(DeviceProgram &program, ArrayRef<WeightPlan> weights, ArrayRef<int64_t> offsets) {
  auto isOfWeights = [](const nncc_device_upload &upload) { return !upload.is_table; };
  if (llvm::none_of(program.uploads, isOfWeights))
    return;
  std::map<int64_t, std::pair<int64_t, int64_t>> places; // where they are now, and their bytes, by where they were
  for (auto [weight, offset] : llvm::zip_equal(weights, offsets))
    if (weight.bytes)
      places[weight.byteOffset] = {offset, weight.bytes};
  std::vector<nncc_device_upload> uploads;
  for (auto [before, place] : places) {
    auto [now, bytes] = place;
    // Those that moved together are one piece, with what lies between them.
    if (!uploads.empty() && now - int64_t(uploads.back().source_offset) == before - int64_t(uploads.back().byte_offset))
      uploads.back().bytes = before + bytes - uploads.back().byte_offset;
    else
      uploads.push_back({/*is_table=*/0, 0, uint64_t(now), uint64_t(before), uint64_t(bytes)});
  }
  llvm::copy_if(program.uploads, std::back_inserter(uploads), std::not_fn(isOfWeights));
  program.uploads = std::move(uploads);
}

void shareModules(ArrayRef<DeviceProgram *> programs) {
  std::vector<uint32_t> words;
  std::map<std::vector<uint32_t>, uint32_t> places;
  uint64_t features = 0;
  for (DeviceProgram *program : programs) {
    features |= program->features;
    for (nncc_device_variant &variant : program->variants) {
      ArrayRef<uint32_t> module = ArrayRef(program->words).slice(variant.first_word, variant.num_words);
      auto [place, isNew] = places.try_emplace(module.vec(), words.size());
      if (isNew)
        llvm::append_range(words, module);
      variant.first_word = place->second;
    }
  }
  for (DeviceProgram *program : programs) {
    program->words = words;
    program->features = features;
  }
}

std::vector<const DeviceProgram *> devicePrograms(const ModelPlan &plan) {
  if (plan.variants.empty())
    return {plan.device.get()};
  std::vector<const DeviceProgram *> programs;
  for (const VariantPlan &variant : plan.variants)
    programs.push_back(variant.device.get());
  return programs;
}

std::vector<Constant *> addDevicePrograms(Module &module, const ModelPlan &plan, GlobalVariable *weights) {
  ProgramWriter writer(module, plan, weights);
  std::vector<Constant *> pointers;
  for (const DeviceProgram *program : devicePrograms(plan))
    pointers.push_back(program ? writer.write(*program)
                               : ConstantPointerNull::get(PointerType::get(module.getContext(), 0)));
  return pointers;
}

uint64_t deviceContextWords(const ModelPlan &plan) {
  uint64_t most = 0;
  for (const DeviceProgram *program : devicePrograms(plan))
    if (program)
      most = std::max<uint64_t>(most, NNCC_CONTEXT_DEVICE_WORDS +
                                          NNCC_DEVICE_STATE_WORDS(program->functions.size(), program->dispatches.size(),
                                                                  program->segments.size(),
                                                                  plan.inputs.size() + plan.outputs.size()));
  return most;
}

} // namespace nncc
