// Every value is the one that nn.dequantize would have made: integers less a zero point, as floats, times a scale; the
// scale comes after the sums of a block where weights are multiplied in registers.
#include "codegen/cpu/WidenedWeights.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

int64_t WidenedWeights::chunk(int64_t width) const {
  // 16 KB: half of the smallest L1 caches.
  int64_t most = std::max<int64_t>(4096 / width, 8);
  if (!block)
    return most;
  if (block <= most)
    return most / block * block;
  int64_t chunk = most;
  while (block % chunk)
    --chunk;
  return chunk;
}

void PanelWidening::run(Value k, Value count, Value to) {
  int64_t blockLength = shape.widened->block;
  if (!blockLength || blockLength >= shape.widened->chunk(shape.width()))
    return block(k, count, to);
  code.loop(code.constant(0), count, blockLength, {}, [&](Value first, ValueRange) -> Vectors {
    Value left = arith::SubIOp::create(code.b, count, first);
    block(code.add(k, first), arith::MinSIOp::create(code.b, left, code.constant(blockLength)),
          code.at(to, code.mul(first, shape.width()), f32()));
    return {};
  });
}

/// Rows of one block.
void PanelWidening::block(Value k, Value count, Value to) {
  Block parameters = parametersAt(k);
  code.loop(code.constant(0), count, 1, {}, [&](Value i, ValueRange) -> Vectors {
    Vectors values = floatsAt(parameters, code.add(k, i), /*inPlace=*/false);
    Value target = code.at(to, code.mul(i, shape.width()), f32());
    for (auto [j, value] : llvm::enumerate(values)) {
      if (scales)
        value = arith::MulFOp::create(code.b, value, parameters.factors[j]);
      code.store(value, code.at(target, j * shape.lanes, f32()));
    }
    return {};
  });
}

/// The scales and zero points of the block of row k.
PanelWidening::Block PanelWidening::parametersAt(Value k) {
  Block found;
  int64_t length = shape.widened->block;
  Value number = scales && length ? Value(arith::DivUIOp::create(code.b, k, code.constant(length))) : Value();
  if (scales)
    for (Value factor : rowOf(scales, number, memoryType(shape.widened->scale)))
      found.factors.push_back(math.fromMemory(factor, shape.widened->scale));
  if (zeros)
    for (Value integers : rowOf(zeros, number, stored()))
      found.zeros.push_back(extended(integers));
  return found;
}

PanelWidening::Block PanelWidening::blockAt(Value k) {
  Block found = parametersAt(k);
  for (auto [j, factor] : llvm::enumerate(found.factors))
    if (isInPlace())
      factor = arith::MulFOp::create(code.b, factor, splat(j % 2 ? 0x1p-4f : 0x1p-28f));
  return found;
}

PanelWidening::Vectors PanelWidening::unscaled(const Block &block, Value k) { return floatsAt(block, k, isInPlace()); }

void PanelWidening::prefetch(Value k) {
  int64_t rowElements = shape.widened->rowElements(shape.vectors, shape.lanes);
  int64_t ahead = 2048 * 8 / stored().getIntOrFloatBitWidth();
  code.prefetch(code.at(code.at(weights, code.mul(k, rowElements), stored()), ahead, stored()));
}

/// The vectors of row k, less their zero points, not scaled.
PanelWidening::Vectors PanelWidening::floatsAt(const Block &block, Value k, bool inPlace) {
  const WidenedWeights &widened = *shape.widened;
  Value row = code.at(weights, code.mul(k, widened.rowElements(shape.vectors, shape.lanes)), stored());
  Vectors values;
  if (isa<FloatType>(widened.element)) {
    for (int64_t j = 0; j < shape.vectors; ++j)
      values.push_back(
          math.fromMemory(code.load(code.at(row, j * shape.lanes, stored()), vectorOf(stored())), widened.element));
    return values;
  }
  values = integersAt(row, inPlace);
  for (auto [j, value] : llvm::enumerate(values)) {
    if (zeros)
      value = arith::SubIOp::create(code.b, value, block.zeros[j]);
    value = arith::SIToFPOp::create(code.b, vectorOf(f32()), value);
  }
  return values;
}

/// The vectors of row `block` of scales or zero points; of the first one where there is no number.
PanelWidening::Vectors PanelWidening::rowOf(Value blocks, Value block, Type element) {
  Value row = block ? code.at(blocks, code.mul(block, shape.width()), element) : blocks;
  Vectors vectors;
  for (int64_t j = 0; j < shape.vectors; ++j)
    vectors.push_back(code.load(code.at(row, j * shape.lanes, element), vectorOf(element)));
  return vectors;
}

/// Stored integers in 32 bits.
Value PanelWidening::extended(Value integers) {
  Type wide = vectorOf(code.b.getI32Type());
  if (shape.widened->element.isUnsignedInteger())
    return arith::ExtUIOp::create(code.b, wide, integers);
  return arith::ExtSIOp::create(code.b, wide, integers);
}

/// The vectors of a row of a panel, in 32 bits.
///
/// inPlace  values of 4 bits with a sign stay in the bits that they have: of even vectors 2^28 times, of odd ones 2^4
///          times what they are, one instruction for each
PanelWidening::Vectors PanelWidening::integersAt(Value row, bool inPlace) {
  bool isUnsigned = shape.widened->element.isUnsignedInteger(), isPaired = shape.widened->bits == 4;
  auto number = [&](int64_t value) {
    return code.broadcast(arith::ConstantIntOp::create(code.b, value, 32), vectorOf(code.b.getI32Type()));
  };
  Vectors vectors;
  for (int64_t j = 0; j < shape.vectors; j += isPaired ? 2 : 1) {
    int64_t at = isPaired ? j / 2 : j;
    Value all = extended(code.load(code.at(row, at * shape.lanes, stored()), vectorOf(stored())));
    if (!isPaired) {
      vectors.push_back(all);
      continue;
    }
    Value low = isUnsigned ? arith::AndIOp::create(code.b, all, number(15)).getResult()
                           : arith::ShLIOp::create(code.b, all, number(28)).getResult();
    vectors.push_back(isUnsigned || inPlace ? low : arith::ShRSIOp::create(code.b, low, number(28)).getResult());
    // Bits above the upper half are those of its sign, or zeros.
    if (j + 1 < shape.vectors)
      vectors.push_back(inPlace ? arith::AndIOp::create(code.b, all, number(-16)).getResult()
                                : arith::ShRSIOp::create(code.b, all, number(4)).getResult());
  }
  return vectors;
}
