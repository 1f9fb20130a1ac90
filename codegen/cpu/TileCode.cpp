// Accesses of micro-kernels to memory, and what they do with single vectors.
#include "codegen/cpu/TileCode.h"
#include "dialects/nn/BinaryKind.h"
#include "lib/support/Assert.h"
#include <numeric>
#include <utility>

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

/// 1.5 * 2^23, to which integers of magnitudes below 2^22 add up in the last bits (IEEE 754, binary32).
static constexpr float kFloatOfBits = 3 << 22;

/// Winograd's form has its sums from other kernels; heavy epilogues read them from memory of the result's type.
static bool startsAsFloatBits(const TileShape &shape, const Epilogue &epilogue) {
  return shape.mac.isOfBytes() && !shape.isOfFloatedBytes() && !shape.winograd && epilogue.takesFloats() &&
         !epilogue.isHeavy();
}

TileCode::TileCode(Code &code, const TileShape &shape, const Epilogue &epilogue, Block::BlockArgListType arguments)
    : code(code), b(code.b), shape(shape), epilogue(epilogue), math(b, b.getLoc()), memory(memoryType(shape.mac.lhs)),
      sumType(shape.isOfFloatedBytes() ? b.getF32Type()
              : shape.mac.ofHalves     ? b.getF16Type()
                                       : computeType(shape.mac.sum)),
      memoryOfB(shape.widened       ? memoryType(shape.widened->element)
                : shape.widensPanel ? b.getI16Type()
                                    : memory),
      elementOfPanel(shape.widensPanel ? b.getI16Type() : memory),
      resultType(startsAsFloatBits(shape, epilogue) ? b.getF32Type() : computeType(shape.mac.sum)),
      vector(VectorType::get(shape.lanes, sumType)), layout(shape, epilogue) {
  unsigned next = 0;
  start.a = arguments[next++];
  if (shape.hasB())
    matrix = arguments[next++];
  start.c = arguments[next++];
  if (shape.hasBias)
    bias = arguments[next++];
  if (shape.hasZero)
    zeroPoint = arguments[next++];
  if (shape.widened && shape.widened->scale)
    scalesOfB = arguments[next++];
  if (shape.widened && shape.widened->hasZero)
    zerosOfB = arguments[next++];
  if (shape.mac.isOrdered)
    sparesOfB = arguments[next++];
  if (shape.prefetches())
    nextOfB = arguments[next++];
  if (shape.widensPanel)
    words = arguments[next++];
  for (unsigned i = 0; i < epilogue.leaves().size(); ++i)
    start.leaves.push_back(arguments[next++]);
  entry = arguments[next];
  zero = code.constant(0);
  for (auto [i, scalar] : llvm::enumerate(epilogue.scalars())) {
    Value word =
        code.load(code.at(entry, layout.at(CallEntry::firstScalar(epilogue) + i), b.getI32Type()), b.getI32Type());
    if (scalar.type.isF32())
      word = arith::BitcastOp::create(b, scalar.type, word);
    else if (!scalar.type.isInteger(32))
      word = arith::TruncIOp::create(b, scalar.type, word);
    scalars.push_back(word);
  }
  if (shape.isOfFloatedBytes() && zeroPoint)
    zeroOfWindow =
        floated(code.broadcast(code.load(zeroPoint, memory), VectorType::get(shape.lanes, memory)), shape.mac.lhs);
}

Value TileCode::field(unsigned index) {
  Value narrow = code.load(code.at(entry, layout.at(index), b.getI32Type()), b.getI32Type());
  return arith::ExtSIOp::create(b, b.getI64Type(), narrow);
}

SmallVector<Value> TileCode::advance(TilePlace place, Value a, Value c, int64_t rows, unsigned which) {
  place.a = code.at(place.a, a, memory);
  place.c = code.at(place.c, c, epilogue.storedElement());
  for (auto [i, leaf] : llvm::enumerate(epilogue.leaves()))
    if (leaf.variesByPixel)
      place.leaves[i] =
          code.at(place.leaves[i], code.mul(field(CallEntry::leafField(i, which)), rows), leaf.memoryElement());
  return place.list();
}

Value TileCode::loadChannels(Value address, int64_t j, bool isPadded, Type element) {
  Value place = code.at(address, j * shape.lanes, memoryType(element));
  auto type = VectorType::get(shape.lanesOf(j), memoryType(element));
  return asFactor(isPadded ? code.load(place, type) : code.loadPart(place, type, extent(j)), element);
}

Value TileCode::floated(Value bytes, Type element) {
  return math.cast(math.fromMemory(bytes, element), element, sumType);
}

Value TileCode::loadInput(Value address, int64_t j) {
  Value value = loadChannels(address, j, /*isPadded=*/false);
  if (!shape.isOfFloatedBytes())
    return value;
  value = floated(value, shape.mac.lhs);
  return zeroOfWindow ? arith::SubFOp::create(b, value, zeroOfWindow).getResult() : value;
}

Value TileCode::loadFactor(Value address, int64_t j) {
  if (shape.widened) {
    Type stored = shape.widened->element;
    return math.cast(loadChannels(address, j, shape.isPadded, stored), stored, sumType);
  }
  Value value = loadChannels(address, j, shape.isPadded, shape.mac.rhs);
  return shape.isOfFloatedBytes() ? floated(value, shape.mac.rhs) : value;
}

Value TileCode::complete(Value sum, int64_t j) {
  if (areFloatBits()) {
    auto floats = VectorType::get(shape.lanes, resultType);
    Value base = arith::ConstantOp::create(b, DenseElementsAttr::get(floats, kFloatOfBits));
    return arith::SubFOp::create(b, arith::BitcastOp::create(b, floats, sum), base);
  }
  if (!shape.isOfFloatedBytes())
    return sum;
  sum = arith::FPToSIOp::create(b, VectorType::get(shape.lanes, resultType), sum);
  return shape.hasBias ? code.add(sum, loadChannels(bias, j, shape.isBiasPadded, shape.mac.sum)) : sum;
}

Value TileCode::multiplyAdd(Value x, Value y, Value sum) {
  // A number that is the same in all lanes, and a vector that is narrower.
  if (auto type = cast<VectorType>(sum.getType()); x.getType() != type)
    x = vector::ExtractStridedSliceOp::create(b, x, ArrayRef<int64_t>{0}, ArrayRef<int64_t>{type.getNumElements()},
                                              ArrayRef<int64_t>{1});
  if (isa<FloatType>(sumType))
    return vector::FMAOp::create(b, x, y, sum);
  return arith::AddIOp::create(b, arith::MulIOp::create(b, x, y), sum);
}

Value TileCode::initial(int64_t j) {
  bool addsBias = shape.hasBias && !shape.isOfFloatedBytes();
  Value first = addsBias ? loadChannels(bias, j, shape.isBiasPadded, shape.mac.sum) : code.zero(vectorOf(j));
  if (areFloatBits()) {
    auto bits = DenseElementsAttr::get(vector, llvm::bit_cast<int32_t>(kFloatOfBits));
    return code.add(first, arith::ConstantOp::create(b, bits));
  }
  if (addsBias || shape.body != TapBody::Maximum)
    return first;
  Attribute lowest;
  if (auto real = dyn_cast<FloatType>(sumType))
    lowest = b.getFloatAttr(real, APFloat::getInf(real.getFloatSemantics(), /*Negative=*/true));
  else
    lowest = b.getIntegerAttr(sumType, shape.mac.lhs.isUnsignedInteger()
                                           ? APInt::getMinValue(sumType.getIntOrFloatBitWidth())
                                           : APInt::getSignedMinValue(sumType.getIntOrFloatBitWidth()));
  return arith::ConstantOp::create(b, DenseElementsAttr::get(vectorOf(j), lowest));
}

void TileCode::addTap(Value &sum, Value x, Value factor) {
  switch (shape.body) {
  case TapBody::Channelwise:
    sum = multiplyAdd(x, factor, sum);
    break;
  case TapBody::SumOfSquares:
    sum = multiplyAdd(x, x, sum);
    break;
  case TapBody::Sum:
    sum = arith::AddFOp::create(b, x, sum);
    break;
  case TapBody::Maximum:
    sum = math.binary(nn::BinaryKind::max, x, sum, shape.mac.lhs);
    break;
  case TapBody::Product:
    break;
  }
}

bool TileCode::isNarrowed() const {
  return shape.mac.isOfBytes() && epilogue.storedElement().getIntOrFloatBitWidth() < 32;
}

SmallVector<Span> TileCode::spansOfRow() const {
  SmallVector<Span> spans;
  const int64_t whole = extent(shape.vectors - 1) == shape.lanes ? shape.vectors : shape.vectors - 1;
  for (int64_t j = 0; j < shape.vectors;) {
    // What is not scheduled is written for several vectors in turn, instruction by instruction; a part of one by
    // itself.
    int64_t most = isNarrowed() ? shape.vectors - j : shape.loadsAhead() ? whole - j : 1;
    int64_t count = llvm::bit_floor(static_cast<uint64_t>(std::max<int64_t>(most, 1)));
    if (count == 1)
      spans.push_back(span(j));
    else
      spans.push_back({j * shape.lanes, count * shape.lanes, (count - 1) * shape.lanes + extent(j + count - 1)});
    j += count;
  }
  return spans;
}

Value TileCode::sumsOf(ArrayRef<Value> sums, int64_t i, Span span) {
  ArrayRef<Value> row =
      sums.slice(i * shape.vectors + span.first / shape.lanes, std::max<int64_t>(span.lanes / shape.lanes, 1));
  if (row.size() == 1)
    return widened(row.front());
  Value all = code.zero(VectorType::get(span.lanes, resultType));
  for (auto [j, part] : llvm::enumerate(row))
    all = vector::InsertStridedSliceOp::create(
        b, widened(part), all, ArrayRef<int64_t>{static_cast<int64_t>(j) * shape.lanes}, ArrayRef<int64_t>{1});
  return all;
}

Value TileCode::widened(Value sum) {
  auto type = cast<VectorType>(sum.getType());
  return type.getElementType().isF16() ? arith::ExtFOp::create(b, type.clone(resultType), sum).getResult() : sum;
}

Value TileCode::loadLeaf(const Leaf &leaf, Value row, Span span) {
  Type element = leaf.memoryElement();
  auto type = VectorType::get(span.lanes, element);
  if (!leaf.variesByChannel)
    return code.broadcast(code.load(row, element), type);
  return code.loadPart(code.at(row, span.first, element), type, span.exists);
}

void TileCode::storeOne(Value sum, ArrayRef<Value> leafValues, Value row, Span span) {
  Value result = epilogue.emit(code, sum, leafValues, scalars);
  NNCC_ASSERT(result, "the epilogue was matched, but cannot be emitted");
  code.storePart(result, code.at(row, span.first, epilogue.storedElement()), span.exists);
}

void TileCode::storeRow(Value sum, ArrayRef<Value> leafValues, Value row, Span span) {
  // Of 128 bits, one register holds the words of two rows as well as two do: nothing is gained.
  int64_t bits = epilogue.storedElement().getIntOrFloatBitWidth();
  int64_t together = isNarrowed() && shape.lanes >= 8 ? shape.lanes * 32 / bits / span.lanes : 1;
  if (together <= 1)
    return storeOne(sum, leafValues, row, span);
  waiting.push_back({sum, llvm::to_vector(leafValues), row, span});
  if (static_cast<int64_t>(waiting.size()) == together)
    storeWaiting();
}

/// The values of rows side by side, the last ones once more where they are no power of two: LLVM takes vectors of other
/// sizes apart.
static Value joined(ImplicitLocOpBuilder &b, SmallVector<Value> values) {
  while (values.size() > 1) {
    SmallVector<Value> pairs;
    for (size_t i = 0; i < values.size(); i += 2) {
      Value first = values[i], second = values[std::min(i + 1, values.size() - 1)];
      SmallVector<int64_t> lanes(2 * cast<VectorType>(first.getType()).getNumElements());
      std::iota(lanes.begin(), lanes.end(), 0);
      pairs.push_back(vector::ShuffleOp::create(b, first, second, lanes));
    }
    values = pairs;
  }
  return values.front();
}

void TileCode::storeTogether(ArrayRef<Row> rows) {
  auto join = [&](llvm::function_ref<Value(const Row &)> valueOf) {
    return joined(b, llvm::to_vector(llvm::map_range(rows, valueOf)));
  };
  SmallVector<Value> leafValues;
  for (unsigned k = 0; k < epilogue.leaves().size(); ++k)
    leafValues.push_back(join([&](const Row &row) { return row.leafValues[k]; }));
  Value all = epilogue.emit(code, join([](const Row &row) { return row.sum; }), leafValues, scalars);
  NNCC_ASSERT(all, "the epilogue was matched, but cannot be emitted");
  for (auto [i, row] : llvm::enumerate(rows)) {
    Value result =
        vector::ExtractStridedSliceOp::create(b, all, ArrayRef<int64_t>{static_cast<int64_t>(i) * row.span.lanes},
                                              ArrayRef<int64_t>{row.span.lanes}, ArrayRef<int64_t>{1});
    code.storePart(result, code.at(row.place, row.span.first, epilogue.storedElement()), row.span.exists);
  }
}

void TileCode::storeWaiting() {
  if (!waiting.empty())
    storeTogether(std::exchange(waiting, {}));
}
