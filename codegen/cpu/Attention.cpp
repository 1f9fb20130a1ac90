// The function of an attention kernel: a loop over slots, in it one over parts of heads, which packs the keys, and one
// over blocks of queries. Both products of a block are emitted as kernels of their own.
#include "codegen/cpu/Attention.h"
#include "codegen/cpu/KernelPart.h"
#include "codegen/cpu/MergeKernels.h"
#include "codegen/cpu/PackAtRunTime.h"
#include "dialects/nn/KernelForms.h"
#include "dialects/nn/Parts.h"
#include "passes/lower/ScalarMath.h"
#include "passes/lower/Softmax.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

static constexpr int64_t kCacheLine = 64;

static int64_t bytesOf(Type element) { return memoryType(element).getIntOrFloatBitWidth() / 8; }

static int64_t scoreBytes(int64_t rows, int64_t columns, Type element) {
  return llvm::alignTo(rows * rowPitch(columns) * bytesOf(element), kCacheLine);
}

/// The scores of all rows have the type of their product but for casts, which change no size.
int64_t AttentionForm::slotBytes(nn::MatMulOp scores, const std::optional<PanelPacking> &keys) const {
  auto type = cast<RankedTensorType>(scores.getOutput().getType());
  int64_t ofKeys = keys ? packedBytes(keys->getAttr(scores.getContext(), type.getElementType())) : 0;
  return scoreBytes(rows, type.getShape().back(), type.getElementType()) + llvm::alignTo(ofKeys, kCacheLine);
}

DictionaryAttr AttentionForm::getAttr(MLIRContext *context, int64_t scratchBytes) const {
  return slotForm(context, kind, "rows", rows, slots, scratchBytes);
}

std::optional<AttentionForm> AttentionForm::from(DictionaryAttr form) {
  auto found = readSlotForm(form, kind, "rows");
  return found ? std::optional(AttentionForm{found->first, found->second}) : std::nullopt;
}

PanelPacking cpu::packKeys(nn::MatMulOp scores, int64_t rows, nn::MachineAttr machine) {
  Contraction ofBlock;
  ofBlock.root = scores;
  ofBlock.element = ofBlock.rhsElement = ofBlock.sum = getElementTypeOrSelf(scores.getOutput());
  ofBlock.outputs = cast<RankedTensorType>(scores.getOutput().getType()).getShape().back();
  ofBlock.depth = cast<RankedTensorType>(scores.getLhs().getType()).getShape().back();
  ofBlock.rows = rows;
  PanelPacking packing = ofBlock.panels(machine);
  packing.batches = 1;
  return packing;
}

//===-- softmax of a block ------------------------------------------------===//

/// The function that replaces rows of scores, rowPitch(columns) apart, by their softmax: (scores, number of rows) ->
/// ().
static func::FuncOp softmaxFunction(ModuleOp module, Type element, int64_t columns, int64_t lanes, bool maskedStores) {
  std::string text;
  llvm::raw_string_ostream(text) << "nncc_softmax_" << element << '_' << columns << 'x' << lanes;
  if (auto function = module.lookupSymbol<func::FuncOp>(text))
    return function;
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Location loc = module.getLoc();
  auto type = builder.getFunctionType({LLVM::LLVMPointerType::get(module.getContext()), builder.getI64Type()}, {});
  auto function = func::FuncOp::create(builder, loc, text, type);
  function.setPrivate();
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToStart(body);
  Code code(loc, builder, maskedStores);
  LoopBuilder build(code.b, loc);
  Nest nest{{columns}, {true}, {Access{Value(), element, 0, {1}}}};
  Type memory = memoryType(element);
  Value one = code.constant(1);
  code.loop(code.constant(0), body->getArgument(1), 1, body->getArgument(0), [&](Value, ValueRange at) {
    auto place = [&](const Cursor &cursor) {
      Value index = cursor.indices[0];
      return index ? code.at(at[0], arith::IndexCastOp::create(code.b, one.getType(), index), memory) : at[0];
    };
    auto load = [&](const Cursor &cursor) {
      Type loaded = cursor.lanes > 1 ? Type(VectorType::get(cursor.lanes, memory)) : memory;
      return build.math.fromMemory(code.load(place(cursor), loaded), element);
    };
    auto store = [&](const Cursor &cursor, Value value) {
      code.store(build.math.toMemory(value, element), place(cursor));
    };
    Rows rows(build, nest, lanes, kSoftmaxChains);
    emitSoftmax(build, rows, {element, /*isLog=*/false, memory == computeType(element), load, load, store});
    return SmallVector<Value>{code.at(at[0], rowPitch(columns), memory)};
  });
  func::ReturnOp::create(code.b, loc);
  return function;
}

//===-- its function ------------------------------------------------------===//

namespace {

/// Dims of the memory of an operand as the products see it: elements from one to the next, 0 where it is broadcast.
struct Steps {
  Value memory;
  SmallVector<int64_t> of; ///< per dim
};

class AttentionWriter {
public:
  AttentionWriter(func::FuncOp function, nn::KernelOp kernel, MicroKernels &kernels, const AttentionForm &form,
                  std::string &reason)
      : function(function), kernel(kernel), kernels(kernels), form(form), reason(reason), builder(kernel),
        code(kernel.getLoc(), builder, kernels.hasMaskedStores()) {}

  LogicalResult run() {
    if (failed(findOps()) || failed(findOperands()) || failed(checkMemory()))
      return failure();
    cutRows();
    Operation *before = kernel->getPrevNode();
    reason.clear();
    loopOverSlots();
    return finishParts(kernel, before, reason);
  }

private:
  func::FuncOp function;
  nn::KernelOp kernel;
  MicroKernels &kernels;
  const AttentionForm &form;
  std::string &reason;
  OpBuilder builder;
  Code code;

  nn::MatMulOp scores, mix;
  nn::SoftmaxOp softmax;
  Value result; ///< of the second product and its epilogue, before a transposition
  /// The ops of each product, and the inputs of the kernel that they read elementwise.
  SmallVector<Operation *> scoreOps, mixOps;
  SmallVector<Value> scoreLeaves, mixLeaves;
  int64_t queries = 0, keys = 0, depth = 0, width = 0; ///< width: of a value
  Type element;                                        ///< of the scores

  /// What moves from head to head: queries, keys, values and the output, then leaves.
  enum Operand : unsigned { Queries, Keys, Values, Output, FirstLeaf };
  SmallVector<Steps> operands;
  DenseMap<Value, unsigned> operandOf; ///< of what the products and what is behind them read
  std::optional<PanelPacking> packing; ///< of keys
  int64_t slotBytes = 0;

  int64_t heads = 1, chunks = 1; ///< parts of a head, each of which packs its keys
  int64_t ofBlock = 0, ofLast = 0, blocks = 0, ofChunk = 0;

  LogicalResult refuse(const Twine &why) {
    reason = why.str();
    return failure();
  }

  static ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

  LogicalResult findOps() {
    SmallVector<nn::MatMulOp> products;
    SmallVector<nn::SoftmaxOp> softmaxes;
    for (Operation &op : kernel.getBody().front())
      if (auto product = dyn_cast<nn::MatMulOp>(op))
        products.push_back(product);
      else if (auto found = dyn_cast<nn::SoftmaxOp>(op))
        softmaxes.push_back(found);
    if (!kernel.isPlanned() || kernel.getOutputs().size() != 1 || products.size() != 2 || softmaxes.size() != 1)
      return refuse("it is no planned attention");
    scores = products[0], mix = products[1], softmax = softmaxes[0];
    auto isPlain = [](nn::MatMulOp product) {
      return product->getNumOperands() == 2 && !product.getTransposeB() &&
             isa<FloatType>(getElementTypeOrSelf(product.getOutput())) && product.getRhs().hasOneUse();
    };
    result = kernel.getYielded().front();
    if (auto transpose = result.getDefiningOp<nn::TransposeOp>())
      result = transpose.getInput();
    int64_t rank = shapeOf(scores.getOutput()).size();
    if (!isPlain(scores) || !isPlain(mix) || rank < 2 || mix.getLhs() != softmax.getOutput() ||
        softmax.getInput().getType() != scores.getOutput().getType() || shapeOf(result) != shapeOf(mix.getOutput()) ||
        shapeOf(scores.getOutput()).drop_back(2) != shapeOf(mix.getOutput()).drop_back(2) || softmax.getLog() ||
        (int64_t)softmax.getAxis() != rank - 1)
      return refuse("its products and softmax do not follow each other");
    element = getElementTypeOrSelf(softmax.getInput());
    queries = shapeOf(scores.getOutput())[rank - 2];
    keys = shapeOf(scores.getOutput())[rank - 1];
    depth = shapeOf(scores.getLhs()).back();
    width = shapeOf(mix.getOutput()).back();
    for (int64_t size : shapeOf(scores.getOutput()).drop_back(2))
      heads *= size;
    if (keys < 2 || width < 2)
      return refuse("one column is no contraction");
    return success(succeeded(opsOf(scores, softmax.getInput(), scoreOps, scoreLeaves)) &&
                   succeeded(opsOf(mix, result, mixOps, mixLeaves)));
  }

  /// What makes `end` of a product, in order.
  LogicalResult opsOf(nn::MatMulOp product, Value end, SmallVectorImpl<Operation *> &ops,
                      SmallVectorImpl<Value> &leaves) {
    llvm::SetVector<Operation *> makers;
    SmallVector<Value> left{end};
    llvm::SetVector<Value> read;
    while (!left.empty()) {
      Value value = left.pop_back_val();
      Operation *maker = value.getDefiningOp();
      if (!maker) {
        if (shapeOf(value).size() != shapeOf(end).size())
          return refuse("an operand has another rank than the result");
        read.insert(value);
      } else if (!isa<nn::ConstantOp>(maker) && makers.insert(maker) && maker != product) {
        if (!nn::isElementwise(maker))
          return refuse("it has other ops than products, softmax and elementwise ones");
        llvm::append_range(left, maker->getOperands());
      }
    }
    if (!makers.contains(product))
      return refuse("its products and softmax do not follow each other");
    for (Operation &op : kernel.getBody().front())
      if (makers.contains(&op))
        ops.push_back(&op);
    leaves = read.takeVector();
    return success();
  }

  /// Where an operand lies: an input of the kernel, perhaps transposed.
  LogicalResult addOperand(Value value, Value output = Value()) {
    auto transpose =
        output ? kernel.getYielded().front().getDefiningOp<nn::TransposeOp>() : value.getDefiningOp<nn::TransposeOp>();
    Value stored = transpose && !output ? transpose.getInput() : value;
    auto argument = dyn_cast<BlockArgument>(stored);
    if (!output && !argument)
      return refuse("an operand of a product is computed in the kernel");
    Value memory = output ? output : kernel.getInputs()[argument.getArgNumber()];
    auto type = cast<MemRefType>(memory.getType());
    SmallVector<int64_t> strides;
    int64_t offset;
    if (failed(type.getStridesAndOffset(strides, offset)) || offset != 0 ||
        llvm::any_of(strides, ShapedType::isDynamic))
      return refuse("an operand has no static layout at offset 0");
    Steps steps{memory, strides};
    if (transpose)
      for (auto [to, from] : llvm::enumerate(transpose.getPerm()))
        steps.of[output ? from : to] = strides[output ? to : from];
    for (auto [step, size] : llvm::zip(steps.of, shapeOf(value)))
      if (size == 1)
        step = 0;
    operands.push_back(std::move(steps));
    return success();
  }

  LogicalResult findOperands() {
    if (failed(addOperand(scores.getLhs())) || failed(addOperand(scores.getRhs())) ||
        failed(addOperand(mix.getRhs())) || failed(addOperand(result, kernel.getOutputs().front())))
      return failure();
    operandOf = {{scores.getLhs(), Queries}, {scores.getRhs(), Keys}, {mix.getRhs(), Values}};
    for (Value leaf : llvm::concat<Value>(scoreLeaves, mixLeaves)) {
      if (!operandOf.try_emplace(leaf, operands.size()).second)
        continue;
      if (failed(addOperand(leaf)))
        return failure();
    }
    for (auto [i, operand] : llvm::enumerate(operands))
      if (i != Keys && operand.of.back() > 1)
        return refuse("elements of an operand's rows are not side by side");
    return success();
  }

  LogicalResult checkMemory() {
    const SmallVector<int64_t> &steps = operands[Keys].of;
    if (steps.back() > 1) {
      if (steps[steps.size() - 2] > 1)
        return refuse("its keys lie side by side along neither dim");
      packing = packKeys(scores, std::min(queries, form.rows), getMachine(kernel));
    }
    slotBytes = form.slotBytes(scores, packing);
    Value scratch = kernel.getScratch();
    if (!scratch || cast<MemRefType>(scratch.getType()).getNumElements() / form.slots < slotBytes)
      return refuse("there is no scratch memory for its scores");
    return success();
  }

  /// Blocks of one length but for the last; where there are fewer heads than slots, several slots share a head.
  void cutRows() {
    ofBlock = llvm::divideCeil(queries, llvm::divideCeil(queries, form.rows));
    blocks = llvm::divideCeil(queries, ofBlock);
    ofLast = queries - (blocks - 1) * ofBlock;
    chunks = std::min<int64_t>(llvm::divideCeil(form.slots, heads), blocks);
    ofChunk = llvm::divideCeil(blocks, chunks);
    chunks = llvm::divideCeil(blocks, ofChunk);
  }

  Value quotient(Value number, int64_t by) { return arith::DivUIOp::create(code.b, number, code.constant(by)); }
  Value rest(Value number, int64_t by) { return arith::RemUIOp::create(code.b, number, code.constant(by)); }

  /// Parts of one slot follow each other in the same memory.
  void loopOverSlots() {
    int64_t parts = heads * chunks, ofSlot = llvm::divideCeil(parts, std::min(form.slots, parts));
    Value scratch = code.pointerTo(kernel.getScratch());
    Value zero = code.constant(0), one = code.constant(1);
    auto overSlots = scf::ForOp::create(code.b, zero, code.constant(llvm::divideCeil(parts, ofSlot)), one);
    overSlots->setAttr(nn::kParallelAttr, code.b.getUnitAttr());
    OpBuilder::InsertionGuard guard(code.b);
    code.b.setInsertionPointToStart(overSlots.getBody());
    Value slot = overSlots.getInductionVar(), first = code.mul(slot, ofSlot);
    Value memory = code.at(scratch, code.mul(slot, slotBytes), code.b.getI8Type());
    Value end = arith::MinSIOp::create(code.b, code.add(first, code.constant(ofSlot)), code.constant(parts));
    auto overParts = scf::ForOp::create(code.b, first, end, one);
    overParts->setAttr(nn::kWorkAttr, code.b.getI64IntegerAttr(ofSlot * workOfPart()));
    code.b.setInsertionPointToStart(overParts.getBody());
    emitPart(overParts.getInductionVar(), memory);
  }

  /// Operations on vectors of 32 bytes.
  int64_t workOfPart() const {
    constexpr int64_t ofSoftmax = 25;
    return ofChunk * ofBlock * (llvm::divideCeil(keys, 8) * (depth + ofSoftmax) + llvm::divideCeil(width, 8) * keys);
  }

  /// Moves the pointers along one dim.
  void move(SmallVectorImpl<Value> &places, Value index, unsigned dim) {
    for (auto [place, operand] : llvm::zip(places, operands))
      if (operand.of[dim])
        place = code.at(place, code.mul(index, operand.of[dim]), elementOf(operand));
  }
  static Type elementOf(const Steps &operand) { return cast<MemRefType>(operand.memory.getType()).getElementType(); }

  void emitPart(Value part, Value memory) {
    SmallVector<Value> places;
    for (const Steps &operand : operands)
      places.push_back(code.pointerTo(operand.memory));
    Value chunk = rest(part, chunks), head = quotient(part, chunks);
    ArrayRef<int64_t> shape = shapeOf(scores.getOutput());
    for (int64_t dim = (int64_t)shape.size() - 3; dim >= 0; --dim)
      if (shape[dim] > 1) {
        move(places, rest(head, shape[dim]), dim);
        head = quotient(head, shape[dim]);
      }
    Value packed = code.at(memory, scoreBytes(form.rows, keys, element), code.b.getI8Type());
    if (packing) {
      // A panel is packed as a filter of one tap is.
      Type type = memoryType(getElementTypeOrSelf(scores.getRhs()));
      int64_t step = operands[Keys].of.back();
      packAtRunTime(code, places[Keys], {keys, 1, 1, depth}, {step, depth, depth, 1}, packed, *packing, type);
    }
    Value begin = code.mul(chunk, ofChunk);
    Value end = arith::MinSIOp::create(code.b, code.add(begin, code.constant(ofChunk)), code.constant(blocks));
    auto overBlocks = scf::ForOp::create(code.b, begin, end, code.constant(1));
    OpBuilder::InsertionGuard guard(code.b);
    code.b.setInsertionPointToStart(overBlocks.getBody());
    emitBlock(overBlocks.getInductionVar(), places, memory, packed);
  }

  void emitBlock(Value block, SmallVector<Value> places, Value memory, Value packed) {
    Value row = code.mul(block, ofBlock);
    // Keys and values have other rows than queries.
    Value ofKeys = places[Keys], ofValues = places[Values];
    move(places, row, shapeOf(result).size() - 2);
    places[Keys] = packing ? packed : ofKeys;
    places[Values] = ofValues;
    if (ofLast == ofBlock)
      return emitRows(ofBlock, places, memory);
    Value isLast = arith::CmpIOp::create(code.b, arith::CmpIPredicate::eq, block, code.constant(blocks - 1));
    auto ifLast = scf::IfOp::create(code.b, isLast, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(code.b);
    code.b.setInsertionPointToStart(ifLast.thenBlock());
    emitRows(ofLast, places, memory);
    code.b.setInsertionPointToStart(ifLast.elseBlock());
    emitRows(ofBlock, places, memory);
  }

  void emitRows(int64_t count, ArrayRef<Value> places, Value memory) {
    int64_t pitch = rowPitch(keys);
    auto view = [&](Value value, int64_t rows, Value pointer, int64_t step) {
      RankedTensorType type = ofRows(value, rows);
      return PartOperand{type, viewAt(code, pointer, type, 0, step), code.b.getUnitAttr()};
    };
    auto read = [&](Value value) {
      if (value == mix.getLhs())
        return view(value, count, memory, pitch);
      if (value == scores.getRhs() && packing)
        return packedKeys(places[Keys]);
      unsigned operand = operandOf.lookup(value);
      int64_t step = rowStep(operand), rows = value == scores.getRhs() ? depth : value == mix.getRhs() ? keys : count;
      return view(value, step ? rows : 1, places[operand], step);
    };
    auto typeOf = [&](Value value) { return ofRows(value, count); };
    auto keep = [](Operation *) {};
    auto emit = [&](ArrayRef<Operation *> ops, Value made, Value pointer, int64_t step) {
      KernelPart part{function, kernel, ops, read, typeOf, keep};
      part.emit(code, kernels, view(made, count, pointer, step).memory, reason);
    };
    emit(scoreOps, softmax.getInput(), memory, pitch);
    int64_t lanes = std::max<int64_t>(4, getMachine(kernel).lanes(computeType(element).getIntOrFloatBitWidth()));
    func::FuncOp rows =
        softmaxFunction(function->getParentOfType<ModuleOp>(), element, keys, lanes, kernels.hasMaskedStores());
    func::CallOp::create(code.b, rows, ValueRange{memory, code.constant(count)});
    emit(mixOps, result, places[Output], rowStep(Output));
  }

  /// Elements from row to row of an operand.
  int64_t rowStep(unsigned operand) const { return operands[operand].of[operands[operand].of.size() - 2]; }

  /// The type of so many rows of one head.
  static RankedTensorType ofRows(Value value, int64_t rows) {
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<int64_t> shape(type.getRank(), 1);
    shape[type.getRank() - 2] = rows;
    shape.back() = type.getShape().back();
    return type.clone(shape);
  }

  PartOperand packedKeys(Value pointer) {
    nn::PackingAttr recipe = packing->getAttr(code.b.getContext(), getElementTypeOrSelf(scores.getRhs()));
    auto bytes = MemRefType::get({packedBytes(recipe)}, code.b.getI8Type());
    return {ofRows(scores.getRhs(), depth), UnrealizedConversionCastOp::create(code.b, bytes, pointer).getResult(0),
            recipe};
  }
};

} // namespace

LogicalResult cpu::emitAttention(func::FuncOp function, nn::KernelOp kernel, MicroKernels &kernels,
                                 const AttentionForm &form, std::string &reason) {
  return AttentionWriter(function, kernel, kernels, form, reason).run();
}
