// Accesses of micro-kernels to memory, and what they do with single vectors.
#include "codegen/cpu/TileCode.h"
#include "dialects/nn/BinaryKind.h"
#include "lib/support/Assert.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

TileCode::TileCode(Code &code, const TileShape &shape, const Epilogue &epilogue, Block::BlockArgListType arguments)
    : code(code), b(code.b), shape(shape), epilogue(epilogue), math(b, b.getLoc()), memory(memoryType(shape.mac.lhs)),
      sumType(computeType(shape.mac.sum)), vector(VectorType::get(shape.lanes, sumType)) {
  unsigned next = 0;
  start.a = arguments[next++];
  if (shape.hasB())
    matrix = arguments[next++];
  start.c = arguments[next++];
  if (shape.hasBias)
    bias = arguments[next++];
  if (shape.hasZero)
    zeroPoint = arguments[next++];
  for (unsigned i = 0; i < epilogue.leaves().size(); ++i)
    start.leaves.push_back(arguments[next++]);
  entry = arguments[next];
  zero = code.constant(0);
}

Value TileCode::field(unsigned index) {
  Value narrow = code.load(code.at(entry, index, b.getI32Type()), b.getI32Type());
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
  auto type = VectorType::get(shape.lanes, memoryType(element));
  return math.fromMemory(isPadded ? code.load(place, type) : code.loadPart(place, type, extent(j)), element);
}

Value TileCode::multiplyAdd(Value x, Value y, Value sum) {
  if (isa<FloatType>(sumType))
    return vector::FMAOp::create(b, x, y, sum);
  return arith::AddIOp::create(b, arith::MulIOp::create(b, x, y), sum);
}

Value TileCode::initial(int64_t j) {
  if (shape.hasBias)
    return loadChannels(bias, j, shape.isBiasPadded, shape.mac.sum);
  if (shape.body != TapBody::Maximum)
    return code.zero(vector);
  Attribute lowest;
  if (auto real = dyn_cast<FloatType>(sumType))
    lowest = b.getFloatAttr(real, APFloat::getInf(real.getFloatSemantics(), /*Negative=*/true));
  else
    lowest = b.getIntegerAttr(sumType, shape.mac.lhs.isUnsignedInteger()
                                           ? APInt::getMinValue(sumType.getIntOrFloatBitWidth())
                                           : APInt::getSignedMinValue(sumType.getIntOrFloatBitWidth()));
  return arith::ConstantOp::create(b, DenseElementsAttr::get(vector, lowest));
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

Value TileCode::loadLeaf(const Leaf &leaf, Value row, Span span) {
  Type element = leaf.memoryElement();
  auto type = VectorType::get(span.lanes, element);
  if (!leaf.variesByChannel)
    return code.broadcast(code.load(row, element), type);
  return code.loadPart(code.at(row, span.first, element), type, span.exists);
}

void TileCode::storeOne(Value sum, ArrayRef<Value> leafValues, Value row, Span span) {
  Value result = epilogue.emit(code, sum, leafValues);
  NNCC_ASSERT(result, "the epilogue was matched, but cannot be emitted");
  code.storePart(result, code.at(row, span.first, epilogue.storedElement()), span.exists);
}
