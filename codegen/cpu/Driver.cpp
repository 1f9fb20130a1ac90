// The code of one layer: loops over batches, groups and panels around the calls of micro-kernels that cover its output.
#include "codegen/cpu/Attention.h"
#include "codegen/cpu/Calls.h"
#include "codegen/cpu/Chains.h"
#include "codegen/cpu/PackAtRunTime.h"
#include "codegen/cpu/Strips.h"
#include "codegen/cpu/Winograd.h"
#include "dialects/nn/KernelForms.h"
#include "dialects/nn/Parts.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/lower/LoopBuilder.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

namespace {

class Driver {
public:
  Driver(func::FuncOp function, nn::KernelOp kernel, MicroKernels &kernels, const Contraction &contraction,
         const Operands &operands, const Calls &calls)
      : function(function), kernel(kernel), kernels(kernels), contraction(contraction), epilogue(*contraction.epilogue),
        operands(operands), calls(calls), builder(kernel), code(kernel.getLoc(), builder, kernels.hasMaskedStores()) {}

  /// Writes the code in front of the kernel.
  void emit() {
    Pointers pointers;
    SmallVector<int64_t> groupStrides;
    for (const Operand &operand : operands.streams) {
      pointers.push_back(operand.memory ? code.pointerTo(operand.memory) : Value());
      groupStrides.push_back(operand.group);
    }
    if (contraction.isOrdered) {
      auto spares = llvm::map_to_vector(contraction.spares, [](int32_t count) -> int64_t { return count; });
      pointers[SparesOfB] = LLVM::AddressOfOp::create(code.b, kernel.getLoc(), kernels.getWords(spares));
    }
    if (calls.widensPanel())
      words = reserveWords();
    // All loops read the packed filter: this comes before them.
    if (operands.packing)
      packAtRunTime(code, code.pointerTo(operands.filter), cast<MemRefType>(operands.filter.getType()).getShape(),
                    operands.filterStrides, pointers[B], *operands.packing, operands[B].element);
    loopOuter(0, pointers, [&](Pointers pointers) {
      loopOver(contraction.groups, groupStrides, pointers, [&](Pointers pointers) { emitGroup(pointers); });
    });
  }

private:
  using Pointers = SmallVector<Value>; ///< per stream; null where absent

  func::FuncOp function;
  nn::KernelOp kernel;
  MicroKernels &kernels;
  const Contraction &contraction;
  const Epilogue &epilogue;
  const Operands &operands;
  const Calls &calls;
  OpBuilder builder;
  Code code;
  Value words; ///< of the panel of this trip, where it is widened

  /// Memory of this call of the function for the words of a panel.
  Value reserveWords() {
    OpBuilder::InsertionGuard guard(code.b);
    code.b.setInsertionPointToStart(&function.getBody().front());
    auto memory = LLVM::AllocaOp::create(code.b, code.pointer(), code.b.getI16Type(),
                                         code.constant(calls.rowsOfPanel() * operands.panel), 64);
    memory->setAttr(nn::kRepeatsAttr, code.b.getUnitAttr());
    return memory;
  }

  void widenPanel(Value panel, int64_t channels) {
    int64_t width = operands.vectorsOf(channels) * operands.lanes, count = 2 * operands.lanes;
    SmallVector<Value> arguments{code.at(panel, operands.bytes->sumBytes() * width, operands[B].element), words,
                                 code.constant(calls.rowsOfPanel() * width / count)};
    auto made = func::CallOp::create(code.b, kernels.getWidening(count), arguments);
    made->setAttr(nn::kRepeatsAttr, code.b.getUnitAttr());
  }

  /// Tells LLVM not to unroll a loop.
  LLVM::LoopAnnotationAttr keepLoop() {
    MLIRContext *context = code.b.getContext();
    auto unroll = LLVM::LoopUnrollAttr::get(context, code.b.getBoolAttr(true), {}, {}, {}, {}, {}, {});
    return LLVM::LoopAnnotationAttr::get(context, {}, {}, {}, unroll, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {});
  }

  /// A loop whose trips write different pixels or channels: they may run at the same time (nn.parallel).
  ///
  /// isUncut  every part runs all of them, and the loops inside are shared out
  void parallelLoop(int64_t count, function_ref<void(Value)> body, bool isUncut = false) {
    auto loop = scf::ForOp::create(code.b, code.constant(0), code.constant(count), code.constant(1));
    loop->setAttr(nn::kParallelAttr, code.b.getUnitAttr());
    if (isUncut)
      loop->setAttr(nn::kUncutAttr, code.b.getUnitAttr());
    // Trips are calls: without the loop they take more code, and no less time.
    loop->setAttr("llvm.loop_annotation", keepLoop());
    OpBuilder::InsertionGuard guard(code.b);
    code.b.setInsertionPointToStart(loop.getBody());
    body(loop.getInductionVar());
  }

  /// A loop that moves every present pointer by its stride; none for one trip.
  void loopOver(int64_t count, ArrayRef<int64_t> strides, Pointers pointers, function_ref<void(Pointers)> body,
                bool isUncut = false) {
    if (count == 1)
      return body(pointers);
    auto trip = [&](Value i) {
      Pointers moved = pointers;
      for (auto [pointer, stride, operand] : llvm::zip(moved, strides, operands.streams))
        if (pointer && stride)
          pointer = code.at(pointer, code.mul(i, stride), operand.element);
      body(moved);
    };
    parallelLoop(count, trip, isUncut);
  }

  /// A call in the loop over those of a table.
  struct Call {
    Value entry;
    SmallVector<Value> offsets; ///< per stream; null: it begins where the operand does
  };

  /// Offsets of calls in one operand that follow each other at one distance, as most do.
  struct Steps {
    int64_t first, step;
  };
  static std::optional<Steps> stepsOf(ArrayRef<CallEntry> entries, unsigned stream) {
    Steps steps{entries.front().offsets[stream], 0};
    if (entries.size() > 1)
      steps.step = entries[1].offsets[stream] - steps.first;
    for (auto [i, entry] : llvm::enumerate(entries))
      if (entry.offsets[stream] != steps.first + static_cast<int64_t>(i) * steps.step)
        return std::nullopt;
    return steps;
  }

  /// A loop over the calls of a variant, by their table: offsets that it need not hold are computed.
  void overCalls(const Variant &variant, ArrayRef<CallEntry> entries, function_ref<void(const Call &)> body) {
    // A product takes one or two instructions more than a word of a table.
    constexpr size_t fewRows = 3;
    SmallVector<std::optional<Steps>> evenly(operands.streams.size());
    SmallVector<CallEntry> inTable(entries);
    SmallVector<int64_t> onlyRow;
    for (unsigned stream = 0; stream < evenly.size(); ++stream) {
      if (entries.size() > fewRows)
        evenly[stream] = stepsOf(entries, stream);
      if (entries.size() == 1)
        onlyRow.push_back(entries.front().offsets[stream]);
      if (evenly[stream] || entries.size() == 1)
        for (CallEntry &entry : inTable)
          entry.offsets[stream] = 0;
    }
    CallTable table = kernels.getTable(inTable, EntryLayout(calls.shapeOf(variant, operands.panel), epilogue));
    Value base = LLVM::AddressOfOp::create(code.b, table.global);
    Type word = code.b.getI32Type();
    auto wordAt = [&](Value row, int64_t column) -> Value {
      return arith::ExtSIOp::create(code.b, code.b.getI64Type(), code.load(code.at(row, column, word), word));
    };
    parallelLoop(entries.size(), [&](Value i) {
      Value row = table.rowSize ? code.at(code.at(base, table.firstRow, word), code.mul(i, table.rowSize), word) : base;
      // LLVM reads the row of one call by itself, and drops it.
      if (llvm::any_of(onlyRow, [](int64_t offset) { return offset != 0; }))
        row = LLVM::AddressOfOp::create(code.b, kernel.getLoc(), kernels.getWords(onlyRow));
      Call call{table.hasEntries ? code.at(base, wordAt(row, 0), word) : base, {}};
      for (auto [stream, steps] : llvm::enumerate(evenly)) {
        Value offset;
        if (table.columns[stream] >= 0)
          offset = wordAt(row, table.columns[stream]);
        else if (steps && steps->step)
          offset = code.mul(i, steps->step);
        if (steps && steps->first)
          offset = offset ? code.add(offset, code.constant(steps->first)) : code.constant(steps->first);
        if (!onlyRow.empty() && onlyRow[stream])
          offset = wordAt(row, stream);
        call.offsets.push_back(offset);
      }
      body(call);
    });
  }

  /// The calls of one group of channels of one batch.
  void emitGroup(const Pointers &pointers) {
    // Few pixels under many panels: a panel stays in the cache while all pixels pass. Many pixels: the other way.
    if (calls.areOutsideOfPanels())
      for (auto &[variant, entries] : calls.ofVariants())
        overCalls(variant, entries, [&](const Call &call) {
          overPanels(pointers, [&](Pointers at, int64_t width) { emitCall(variant, entries, at, width, call); });
        });
    else
      overPanels(
          pointers,
          [&](Pointers at, int64_t width) {
            for (auto &[variant, entries] : calls.ofVariants())
              overCalls(variant, entries, [&](const Call &call) { emitCall(variant, entries, at, width, call); });
          },
          calls.sharesPixels());
  }

  void loopOuter(unsigned depth, Pointers pointers, function_ref<void(Pointers)> body) {
    if (depth == calls.batches().size())
      return body(pointers);
    const Axis &axis = calls.batches()[depth];
    loopOver(axis.count, axis.strides, pointers, [&](Pointers moved) { loopOuter(depth + 1, moved, body); });
  }

  /// Full panels in a loop (which every part runs through where `isUncut`), then what is left.
  void overPanels(Pointers pointers, function_ref<void(Pointers, int64_t)> body, bool isUncut = false) {
    int64_t panel = operands.panel, full = contraction.outputs / panel, rest = contraction.outputs % panel;
    SmallVector<int64_t> strides;
    for (const Operand &operand : operands.streams)
      strides.push_back(operand.panel);
    auto onPanel = [&](Pointers moved, int64_t channels) {
      if (words)
        widenPanel(moved[B], channels);
      body(moved, channels);
    };
    if (full)
      loopOver(full, strides, pointers, [&](Pointers moved) { onPanel(moved, panel); }, isUncut);
    if (!rest)
      return;
    for (auto [pointer, stride, operand] : llvm::zip(pointers, strides, operands.streams))
      if (pointer && stride && full)
        pointer = code.at(pointer, full * stride, operand.element);
    onPanel(pointers, rest);
  }

  /// Where a call begins in the words of its panel, which has none of its sums.
  Value wordsOf(const Call &call, int64_t width) {
    Value offset = call.offsets[B];
    if (!offset)
      return words;
    offset = arith::SubIOp::create(code.b, offset, code.constant(operands.bytes->sumBytes()));
    return code.at(words, code.mul(offset, width), code.b.getI16Type());
  }

  /// Calls the micro-kernel for `channels` output channels.
  void emitCall(const Variant &variant, ArrayRef<CallEntry> entries, Pointers pointers, int64_t channels,
                const Call &call) {
    TileShape shape = calls.shapeOf(variant, channels);
    for (unsigned i = 0; i < epilogue.leaves().size(); ++i)
      shape.inPlace.push_back(mayShare(function, operands[FirstLeaf + i].memory, operands[C].memory));
    SmallVector<Value> arguments;
    for (auto [stream, pointer] : llvm::enumerate(pointers)) {
      if (words && stream == FirstLeaf)
        arguments.push_back(wordsOf(call, shape.width()));
      if (!pointer)
        continue;
      // Offsets in packed weights count rows of a panel.
      if (Value offset = call.offsets[stream])
        pointer = code.at(pointer, stream == B ? code.mul(offset, shape.width()) : offset, operands[stream].element);
      arguments.push_back(pointer);
    }
    if (words && pointers.size() == FirstLeaf)
      arguments.push_back(wordsOf(call, shape.width()));
    arguments.push_back(call.entry);
    auto made = func::CallOp::create(code.b, kernels.get(shape, epilogue), arguments);
    made->setAttr(nn::kWorkAttr, code.b.getI64IntegerAttr(calls.workOf(variant, entries, shape.vectors)));
  }
};

} // namespace

/// The argument of the function that memory is a part of.
static Value argumentOf(Value memory) {
  while (Operation *op = memory.getDefiningOp()) {
    if (!isa<UnrealizedConversionCastOp, LLVM::GEPOp, LLVM::IntToPtrOp, arith::IndexCastOp,
             memref::ExtractAlignedPointerAsIndexOp>(op))
      break;
    memory = op->getOperand(0);
  }
  return memory;
}

bool cpu::mayShare(func::FuncOp function, Value memory, Value output) {
  memory = argumentOf(memory);
  output = argumentOf(output);
  auto isDisjoint = [&](Value value) {
    auto argument = dyn_cast<BlockArgument>(value);
    return argument && argument.getOwner() == &function.getBody().front() &&
           function.getArgAttr(argument.getArgNumber(), LLVM::LLVMDialect::getNoAliasAttrName());
  };
  return memory == output || (!isDisjoint(memory) && !isDisjoint(output));
}

/// Writes the code of a kernel; `isLoops` becomes false where that is more than loops around calls.
static LogicalResult emitAnyForm(func::FuncOp function, nn::KernelOp kernel, MicroKernels &kernels, bool &isLoops,
                                 std::string &reason) {
  auto form = kernel->getAttrOfType<DictionaryAttr>(nn::kFormAttr);
  if (auto winograd = WinogradForm::from(form))
    return emitWinograd(function, kernel, kernels, *winograd, reason);
  if (auto strips = StripForm::from(form))
    return emitStrips(function, kernel, kernels, *strips, reason);
  if (auto rows = RowsForm::from(form))
    return emitChain(function, kernel, kernels, *rows, reason);
  if (auto attention = AttentionForm::from(form)) {
    isLoops = false;
    return emitAttention(function, kernel, kernels, *attention, reason);
  }
  auto machine = getMachine(kernel);
  auto contraction = Contraction::match(kernel, reason);
  if (!contraction)
    return failure();
  kernels.makeScalars(*contraction->epilogue);
  auto operands = Operands::of(kernel, *contraction, machine, reason);
  if (!operands)
    return failure();
  isLoops = !operands->packing;
  // What lies in a loop is a part of a kernel that one thread runs.
  bool isShared = kernel->getParentOp() == function;
  Calls calls(*contraction, *operands, machine, isShared);
  Driver(function, kernel, kernels, *contraction, *operands, calls).emit();
  kernel.erase();
  return success();
}

LogicalResult cpu::emitContraction(func::FuncOp function, nn::KernelOp kernel, MicroKernels &kernels,
                                   std::string &reason) {
  bool isWhole = kernel->getParentOp() == function, isLoops = true;
  if (failed(emitAnyForm(function, kernel, kernels, isLoops, reason)))
    return failure();
  // Hardly any time passes outside of the calls: divisions may take longer where they take less code.
  if (isWhole && isLoops)
    function->setAttr("passthrough", Builder(function).getStrArrayAttr({"minsize", "optsize"}));
  return success();
}
