// The functions of a module that micro-kernels are, their names, and the tables of their calls.
#include "codegen/cpu/MicroKernel.h"
#include "codegen/KeepOrder.h"
#include "codegen/cpu/RegisterTile.h"
#include "codegen/cpu/SlidingWindow.h"
#include "codegen/cpu/Strips.h"
#include "codegen/cpu/WinogradCode.h"
#include "lib/support/Assert.h"
#include "passes/lower/ScalarMath.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

static StringRef nameOf(TapBody body) {
  switch (body) {
  case TapBody::Product:
    return "gemm";
  case TapBody::Channelwise:
    return "depthwise";
  case TapBody::Maximum:
    return "maxpool";
  case TapBody::Sum:
    return "avgpool";
  case TapBody::SumOfSquares:
    return "l2pool";
  }
  return "";
}

int64_t TileShape::lanesOf(int64_t j) const {
  const int64_t bits = lanes * computeType(mac.sum).getIntOrFloatBitWidth();
  const bool isOfFloats = isa<FloatType>(mac.lhs) && !mac.ofHalves && !winograd && !widened && !block;
  return isOfFloats && bits == 512 && j + 1 == vectors && 2 * tail <= lanes ? lanes / 2 : lanes;
}

void MicroKernels::learn(const Epilogue &epilogue) {
  ArrayRef<EpilogueConstant> constants = epilogue.constants();
  auto [place, isNew] = learned.try_emplace(epilogue.structure());
  Learned &known = place->second;
  if (isNew) {
    known.constants = llvm::to_vector(constants);
    known.differ.resize(constants.size());
  }
  for (auto [i, constant] : llvm::enumerate(constants))
    if (known.constants[i] != constant)
      known.differ.set(i);
}

void MicroKernels::makeScalars(Epilogue &epilogue) const {
  auto known = learned.find(epilogue.structure());
  if (known == learned.end())
    return;
  // One that was not learned may differ in a constant that all others share.
  const auto &[constants, differ] = known->second;
  for (auto [i, constant] : llvm::enumerate(epilogue.constants()))
    if (!differ[i] && constants[i] != constant)
      return;
  epilogue.makeScalars(differ, hasMaxNum);
}

func::FuncOp MicroKernels::get(const TileShape &shape, const Epilogue &epilogue) {
  std::string name;
  llvm::raw_string_ostream(name) << "nncc_" << nameOf(shape.body) << '_' << shape.mac.lhs << '_' << shape.rows << 'x'
                                 << (shape.width() - shape.lanes + shape.tail);
  if (shape.widened)
    llvm::raw_string_ostream(name) << '_' << shape.widened->element << '_' << shape.widened->bits << "bits";
  if (shape.widened && shape.widened->scale && !shape.widened->scale.isF32())
    llvm::raw_string_ostream(name) << '_' << shape.widened->scale << "scale";
  if (shape.columnTaps)
    name += "_k" + std::to_string(shape.columnTaps) + "s" + std::to_string(shape.columnStep);
  if (shape.sliding)
    llvm::raw_string_ostream(name) << "_k" << shape.sliding->tapsH << 'x' << shape.sliding->tapsW << 's'
                                   << shape.sliding->strideH << 'x' << shape.sliding->strideW;
  if (shape.winograd)
    name = nameOfTransform("output", *shape.winograd, shape.lanes, shape.tail, shape.isDilated);
  name += (shape.hasBias ? "_bias" : "") + epilogue.name();
  // Kernels of one name are few.
  std::vector<Made> &namesakes = made[name];
  for (const Made &other : namesakes)
    if (other.shape == shape && other.epilogue == epilogue.key())
      return other.function;
  if (size_t copies = namesakes.size())
    name += "_" + std::to_string(copies);

  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Location loc = module.getLoc();
  Type pointer = LLVM::LLVMPointerType::get(module.getContext());
  unsigned ofWidened = shape.widened ? (shape.widened->scale != nullptr) + shape.widened->hasZero : shape.widensPanel;
  unsigned arguments = 2 + shape.hasB() + shape.hasBias + shape.hasZero + ofWidened + shape.mac.isOrdered +
                       shape.prefetches() + epilogue.leaves().size() + 1;
  SmallVector<Type> types(arguments, pointer);
  if (shape.winograd)
    types.push_back(builder.getI64Type());
  auto function = func::FuncOp::create(builder, loc, name, builder.getFunctionType(types, {}));
  namesakes.push_back({shape, std::string(epilogue.key()), function});
  function.setPrivate();
  // The plan proves operands disjoint, except for a leaf that is updated in place.
  bool anyInPlace = llvm::is_contained(shape.inPlace, true);
  unsigned firstLeaf = arguments - 1 - epilogue.leaves().size(), output = shape.hasB() ? 2 : 1;
  for (unsigned i = 0; i < arguments; ++i) {
    bool isLeaf = i >= firstLeaf && i < arguments - 1;
    if (isLeaf ? !shape.inPlace[i - firstLeaf] : i != output || !anyInPlace)
      function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), builder.getUnitAttr());
  }

  // Where tiles fill the registers, LLVM's scheduler would take more than there are to have runs early, and has few
  // left to have single loads early: a Cortex-A53 waits for every pair, 334 cycles for 160 multiply-adds in place of
  // 265.
  if (!shape.runLoad.empty() || shape.loadsAhead())
    function->setAttr("passthrough", builder.getStrArrayAttr({kKeepsOrder}));
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToStart(body);
  Code code(loc, builder, maskedStores);
  if (shape.sliding)
    emitSlidingWindow(code, shape, epilogue, body->getArguments());
  else if (shape.winograd)
    emitOutputTransform(code, shape, epilogue, body->getArguments());
  else
    emitRegisterTile(code, shape, epilogue, body->getArguments());
  func::ReturnOp::create(code.b);
  return function;
}

func::FuncOp MicroKernels::getInputTransform(const InputTransform &transform) {
  std::string name = nameOfTransform("input", transform.piece, transform.lanes, transform.tail, transform.isDilated);
  if (transform.isOfBytes())
    llvm::raw_string_ostream(name) << '_' << transform.element << (transform.hasZero ? "_zero" : "");
  func::FuncOp &function = inputTransforms[name];
  if (function)
    return function;
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Type pointer = LLVM::LLVMPointerType::get(module.getContext());
  SmallVector<Type> types(transform.hasZero ? 4 : 3, pointer);
  types.push_back(builder.getI64Type());
  function = func::FuncOp::create(builder, module.getLoc(), name, builder.getFunctionType(types, {}));
  function.setPrivate();
  for (unsigned i = 0; i + 1 < types.size(); ++i)
    function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), builder.getUnitAttr());
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToStart(body);
  Code code(module.getLoc(), builder, maskedStores);
  emitInputTransform(code, transform, body->getArguments());
  func::ReturnOp::create(code.b);
  return function;
}

func::FuncOp MicroKernels::getWidening(int64_t count) {
  std::string name = "nncc_widen_" + std::to_string(count);
  func::FuncOp &function = widenings[name];
  if (function)
    return function;
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Type pointer = LLVM::LLVMPointerType::get(module.getContext()), byte = builder.getI8Type();
  function = func::FuncOp::create(builder, module.getLoc(), name,
                                  builder.getFunctionType({pointer, pointer, builder.getI64Type()}, {}));
  function.setPrivate();
  for (unsigned i : {0, 1})
    function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), builder.getUnitAttr());
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToStart(body);
  Code code(module.getLoc(), builder, maskedStores);
  auto words = VectorType::get(count, builder.getI16Type());
  code.loop(code.constant(0), body->getArgument(2), 1, {}, [&](Value i, ValueRange) -> SmallVector<Value> {
    Value first = code.mul(i, count);
    Value bytes = code.load(code.at(body->getArgument(0), first, byte), VectorType::get(count, byte));
    code.store(arith::ExtSIOp::create(code.b, words, bytes),
               code.at(body->getArgument(1), first, words.getElementType()));
    return {};
  });
  func::ReturnOp::create(code.b);
  return function;
}

func::FuncOp MicroKernels::getPrologue(const Epilogue &prologue, int64_t channels, const PixelGroups &groups,
                                       nn::MachineAttr machine) {
  PixelVectors vectors = PixelVectors::of(prologue, channels, groups, machine);
  std::string key;
  llvm::raw_string_ostream(key) << prologue.startElement() << ' ' << prologue.key() << ' ' << vectors.lanes << ' '
                                << vectors.whole << ' ' << vectors.tail << ' ' << groups.read << ' ' << groups.held;
  func::FuncOp &function = prologues[key];
  if (function)
    return function;
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  unsigned pointers = 2 + prologue.leaves().size();
  SmallVector<Type> types(pointers, LLVM::LLVMPointerType::get(module.getContext()));
  types.append(3 + llvm::count_if(prologue.leaves(), [](const Leaf &leaf) { return leaf.variesByPixel; }),
               builder.getI64Type());
  std::string name = "nncc_prologue_" + std::to_string(prologues.size() - 1) + prologue.name();
  function = func::FuncOp::create(builder, module.getLoc(), name, builder.getFunctionType(types, {}));
  function.setPrivate();
  for (unsigned i = 0; i < pointers; ++i)
    function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), builder.getUnitAttr());
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToStart(body);
  Code code(module.getLoc(), builder, maskedStores);
  emitPrologue(code, prologue, vectors, body->getArguments());
  func::ReturnOp::create(code.b);
  return function;
}

EntryLayout::EntryLayout(const TileShape &shape, const Epilogue &epilogue)
    : isThere(CallEntry::firstScalar(epilogue) + epilogue.scalars().size(), true) {
  // Their entries have fields of their own.
  static_assert(unsigned(WinogradEntry::FirstLeaf) <= unsigned(CallEntry::FirstLeaf));
  if (shape.winograd)
    return;
  auto drop = [&](std::initializer_list<unsigned> fields) {
    for (unsigned field : fields)
      isThere.reset(field);
  };
  if (!shape.readsTaps())
    drop({CallEntry::Taps0, CallEntry::Tap0A, CallEntry::Tap0B, CallEntry::Taps1});
  if (!shape.readsTaps() && !shape.sliding)
    drop({CallEntry::Tap1A, CallEntry::Tap1B});
  // Blocks are so many rows apart.
  if (shape.sliding)
    drop({CallEntry::LineA, CallEntry::LineC});
  // Tiles that go on in lines have their first column in the place of the row length of B.
  if (!shape.goesOnInLines && (shape.isPadded || !shape.hasB() || shape.sliding))
    drop({CallEntry::RowB});
  if (!shape.hasSums && (shape.body != TapBody::Sum || shape.sliding))
    drop({CallEntry::Divisor});
  if (!shape.prefetches())
    drop({CallEntry::AheadStep});
  if (!shape.goesOnInLines)
    drop({CallEntry::LineGapC});
  for (auto [i, leaf] : llvm::enumerate(epilogue.leaves())) {
    if (!leaf.variesByPixel)
      drop({CallEntry::leafField(i, 1), CallEntry::leafField(i, 2)});
    if (!leaf.variesByPixel || !shape.sliding)
      drop({CallEntry::leafField(i, 3)});
  }
}

unsigned EntryLayout::at(unsigned field) const {
  NNCC_ASSERT(field < isThere.size() && isThere[field], "a field of a call is read that is not there");
  unsigned word = 0;
  for (unsigned before = 0; before < field; ++before)
    word += isThere[before];
  return word;
}

SmallVector<int64_t> EntryLayout::words(ArrayRef<int64_t> fields) const {
  SmallVector<int64_t> words;
  for (unsigned field : isThere.set_bits())
    words.push_back(fields[field]);
  return words;
}

CallTable MicroKernels::getTable(ArrayRef<CallEntry> calls, const EntryLayout &layout) {
  CallTable table;
  SmallVector<SmallVector<int64_t>> entries;
  SmallVector<size_t> numberOf;
  for (const CallEntry &call : calls) {
    SmallVector<int64_t> entry = layout.words(call.fields);
    auto *found = llvm::find(entries, entry);
    numberOf.push_back(found - entries.begin());
    if (found == entries.end())
      entries.push_back(std::move(entry));
  }
  int64_t fields = entries.front().size();
  table.firstRow = entries.size() * fields;
  table.hasEntries = entries.size() > 1;
  table.rowSize = table.hasEntries;
  for (size_t i = 0; i < calls.front().offsets.size(); ++i) {
    bool isThere = llvm::any_of(calls, [&](const CallEntry &call) { return call.offsets[i] != 0; });
    table.columns.push_back(isThere ? table.rowSize++ : -1);
  }
  SmallVector<int64_t> words;
  for (const SmallVector<int64_t> &entry : entries)
    llvm::append_range(words, entry);
  for (auto [call, number] : llvm::zip(calls, numberOf)) {
    if (table.hasEntries)
      words.push_back(number * fields);
    for (auto [column, offset] : llvm::zip(table.columns, call.offsets))
      if (column >= 0)
        words.push_back(offset);
  }
  table.global = getWords(words);
  return table;
}

LLVM::GlobalOp MicroKernels::getWords(ArrayRef<int64_t> words) {
  std::string key;
  SmallVector<int32_t> values;
  for (int64_t value : words) {
    NNCC_ASSERT(llvm::isInt<32>(value), "a stride does not fit the call table");
    values.push_back(static_cast<int32_t>(value));
    key += std::to_string(value) + ',';
  }
  LLVM::GlobalOp &table = tables[key];
  if (table)
    return table;
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  auto tensor = RankedTensorType::get(values.size(), builder.getI32Type());
  // Most are short: a name and a section for each would be as many bytes of the library.
  table = LLVM::GlobalOp::create(
      builder, module.getLoc(), LLVM::LLVMArrayType::get(builder.getI32Type(), values.size()),
      /*isConstant=*/true, LLVM::Linkage::Private, "nncc_calls_" + std::to_string(tables.size() - 1),
      DenseElementsAttr::get(tensor, ArrayRef<int32_t>(values)), /*alignment=*/4);
  table.setSection(".rodata.nncc_calls");
  return table;
}
