// Floats are broadcast and multiplied as they lie; bytes go to an instruction in groups, or are widened to 16 bits.
#include "codegen/cpu/ProductCode.h"
#include "lib/support/Assert.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

Value ProductCode::widen(Value value, Type element, Type to) {
  auto vector = dyn_cast<VectorType>(value.getType());
  Type wide = vector ? Type(vector.clone(to)) : to;
  if (element.isUnsignedInteger())
    return arith::ExtUIOp::create(b, wide, value);
  return arith::ExtSIOp::create(b, wide, value);
}

Value ProductCode::bitcast(Value value, Type type) {
  return value.getType() == type ? value : LLVM::BitcastOp::create(b, type, value).getResult();
}

/// One half of each of two vectors.
Value ProductCode::half(Value first, Value second, int64_t which) {
  int64_t count = cast<VectorType>(first.getType()).getNumElements();
  SmallVector<int64_t> from;
  for (int64_t i = 0; i < count; ++i)
    from.push_back(which * count / 2 + i % (count / 2) + i / (count / 2) * count);
  return vector::ShuffleOp::create(b, first, second, from);
}

Value ProductCode::withSign(Value value) {
  if (!shape.mac.flipsSign)
    return value;
  auto type = cast<VectorType>(value.getType());
  unsigned bits = type.getElementTypeBitWidth();
  auto mask = DenseElementsAttr::get(type, APInt::getSplat(bits, APInt(8, 0x80)));
  return arith::XOrIOp::create(b, value, arith::ConstantOp::create(b, mask));
}

/// `count` values of a group, from memory, in one integer; zeros behind them. Reads nothing else.
Value ProductCode::wordAt(Value address, int64_t count) {
  const MacForm &mac = shape.mac;
  int64_t bits = mac.isWidened() ? 16 : 8;
  Type wordType = b.getIntegerType(mac.group() * bits);
  if (mac.isWidened() && count == mac.group())
    return bitcast(widen(code.load(address, bytes(count)), mac.lhs, b.getI16Type()), wordType);
  Value word;
  for (int64_t from = 0; from < count;) {
    int64_t size = mac.isWidened() ? 1 : llvm::bit_floor(static_cast<uint64_t>(count - from));
    Value piece = LLVM::LoadOp::create(b, b.getIntegerType(size * 8), code.at(address, from, memory), /*alignment=*/1);
    if (mac.isWidened())
      piece = widen(piece, mac.lhs, b.getI16Type());
    if (piece.getType() != wordType)
      piece = arith::ExtUIOp::create(b, wordType, piece);
    if (from)
      piece = arith::ShLIOp::create(
          b, piece, arith::ConstantOp::create(b, b.getIntegerAttr(wordType, static_cast<int64_t>(from * bits))));
    word = word ? Value(arith::OrIOp::create(b, word, piece)) : piece;
    from += size;
  }
  return word;
}

void ProductCode::readSums(Value rowOfB) {
  if (!shape.hasSums)
    return;
  Value less = arith::ConstantIntOp::create(b, -shape.mac.offset(), 32);
  if (shape.hasZero)
    less = code.add(less, widen(code.load(zeroPoint, memory), shape.mac.lhs, b.getI32Type()));
  less = code.broadcast(less, vector);
  Value sums = code.at(matrix, code.mul(field(CallEntry::Sums), rowOfB), memory);
  for (int64_t j = 0; j < shape.vectors; ++j)
    corrections.push_back(code.mul(less, code.load(code.at(sums, j * shape.lanes, sumType), vector)));
}

Value ProductCode::initial(int64_t j) {
  Value first = TileCode::initial(j);
  return corrections.empty() ? first : arith::SubIOp::create(b, first, corrections[j]);
}

SmallVector<Value> ProductCode::toSteps(SmallVector<Value> sums) {
  if (shape.mac.rows() == 1)
    return sums;
  SmallVector<Value> squares;
  for (int64_t i = 0; i < shape.rows; i += 2)
    for (int64_t j = 0; j < shape.vectors; ++j)
      for (int64_t h : {0, 1})
        squares.push_back(
            half(sums[i * shape.vectors + j], sums[std::min(i + 1, shape.rows - 1) * shape.vectors + j], h));
  return squares;
}

SmallVector<Value> ProductCode::fromSteps(SmallVector<Value> squares) {
  if (shape.mac.rows() == 1)
    return squares;
  SmallVector<Value> sums(shape.rows * shape.vectors);
  // Upper halves first: on AArch64 lower ones (INS) are written over what both come from, which is not copied then.
  for (int64_t i = shape.rows; i-- > 0;)
    for (int64_t j = 0; j < shape.vectors; ++j) {
      size_t at = (i / 2 * shape.vectors + j) * 2;
      sums[i * shape.vectors + j] = half(squares[at], squares[at + 1], i % 2);
    }
  return sums;
}

SmallVector<Value> ProductCode::channelsOfB(Value rowOfB) {
  const MacForm &mac = shape.mac;
  SmallVector<Value> columns;
  if (!mac.isOfBytes()) {
    for (int64_t j = 0; j < shape.vectors; ++j)
      columns.push_back(loadChannels(rowOfB, j, shape.isPadded));
    return columns;
  }
  Type wide = b.getI16Type();
  if (!mac.dot) {
    // All channels at once: half vectors are widened as well as whole ones.
    Value all = widen(code.load(rowOfB, bytes(shape.width())), mac.rhs, wide);
    for (int64_t j = 0; j < shape.vectors; ++j)
      columns.push_back(vector::ExtractStridedSliceOp::create(b, all, ArrayRef<int64_t>{j * shape.lanes},
                                                              ArrayRef<int64_t>{shape.lanes}, ArrayRef<int64_t>{1}));
    return columns;
  }
  int64_t each = shape.lanes * mac.group() / mac.rows();
  for (int64_t j = 0; j < shape.vectors * mac.rows(); ++j) {
    auto type = VectorType::get(each, elementOfPanel);
    Value column = code.load(code.at(rowOfB, j * each, elementOfPanel), type);
    columns.push_back(mac.isWidened() && !shape.widensPanel ? widen(column, mac.rhs, wide) : column);
  }
  return columns;
}

void ProductCode::step(MutableArrayRef<Value> sums, Value rowOfB, function_ref<Value(int64_t)> factorOf) {
  if (shape.mac.isInWords)
    return stepInWords(sums, rowOfB, factorOf);
  step(sums, channelsOfB(rowOfB), factorOf);
}

void ProductCode::step(MutableArrayRef<Value> sums, ArrayRef<Value> all, function_ref<Value(int64_t)> factorOf) {
  SmallVector<Value> factors;
  auto multiply = [&](int64_t i, int64_t j, Value factor) {
    Value &sum = sums[i * all.size() + j];
    sum = multiplyStep(factor, all[j], sum);
  };
  int64_t rows = llvm::divideCeil(shape.rows, shape.mac.rows()), count = all.size();
  if (!shape.byLane) {
    for (int64_t i = 0; i < rows; ++i) {
      Value factor = factorOf(i);
      for (int64_t j = 0; j < count; ++j)
        multiply(i, j, factor);
    }
    return;
  }
  // Lanes of A are there anyway: column by column, so that the register of one is free for the next step early.
  for (int64_t i = 0; i < rows; ++i)
    factors.push_back(factorOf(i));
  for (int64_t j = 0; j < count; ++j)
    for (int64_t i = 0; i < rows; ++i)
      multiply(i, j, factors[i]);
}

/// A vector of values of k of every row, turned by a pair of them from step to step, meets the pairs of four channels
/// in the same order (BytePacking::placeInGroup). In a row, the four steps are more than LLVM schedules without spills
/// (Cortex-A53), and four times the code.
void ProductCode::stepInWords(MutableArrayRef<Value> sums, Value rowOfB, function_ref<Value(int64_t)> factorOf) {
  constexpr int64_t steps = 4;
  const int64_t count = shape.rows * shape.vectors;
  SmallVector<Value> carried(sums.begin(), sums.begin() + count);
  for (int64_t i = 0; i < shape.rows; ++i)
    carried.push_back(factorOf(i));
  carried.push_back(rowOfB);
  SmallVector<int64_t> turned(kWordGroup);
  for (int64_t i = 0; i < kWordGroup; ++i)
    turned[i] = (i + 2) % kWordGroup;
  carried = code.loop(zero, code.constant(steps), 1, carried, [&](Value, ValueRange before) {
    SmallVector<Value> values = llvm::to_vector(before);
    MutableArrayRef<Value> factors = MutableArrayRef(values).slice(count, shape.rows);
    for (int64_t j = 0; j < shape.vectors; ++j) {
      Value column = code.load(code.at(values.back(), j * kWordGroup, memory), bytes(kWordGroup));
      for (int64_t i = 0; i < shape.rows; ++i) {
        Value &sum = values[i * shape.vectors + j];
        sum = sumInWords(factors[i], column, sum);
      }
    }
    for (Value &factor : factors)
      factor = vector::ShuffleOp::create(b, factor, factor, turned);
    values.back() = code.at(values.back(), shape.vectors * kWordGroup, memory);
    return values;
  });
  llvm::copy(ArrayRef(carried).take_front(count), sums.begin());
}

/// Products of the lower and the upper halves, summed in words, and neighbours of these.
Value ProductCode::sumInWords(Value factor, Value column, Value sum) {
  Value words;
  for (int64_t which : {0, 1}) {
    SmallVector<int64_t> half(kWordGroup / 2);
    std::iota(half.begin(), half.end(), which * kWordGroup / 2);
    auto wide = [&](Value value, Type element) {
      return widen(vector::ShuffleOp::create(b, value, value, half), element, b.getI16Type());
    };
    // What is flipped has the sign of the instruction.
    Value product = arith::MulIOp::create(b, wide(factor, b.getI8Type()), wide(column, shape.mac.rhs));
    words = words ? code.add(words, product) : product;
  }
  Value pairs =
      LLVM::CallIntrinsicOp::create(b, vector, b.getStringAttr(shape.mac.dot.getInstruction()), words).getResult(0);
  return code.add(sum, pairs);
}

Value ProductCode::multiplyStep(Value factor, Value column, Value sum) {
  const MacForm &mac = shape.mac;
  if (mac.ofWordPairs)
    return multiplyWords(factor, column, sum);
  if (!mac.isOfBytes())
    return multiplyAdd(factor, column, sum);
  if (!mac.dot)
    return multiplyAdd(widen(factor, b.getI16Type(), sumType), widen(column, b.getI16Type(), sumType), sum);
  factor = bitcast(factor, column.getType());
  SmallVector<Value> arguments{factor, column};
  // Lanes are of the last operand (Arm ARM, C7.2, SDOT by element).
  if (shape.byLane && mac.rows() == 1 && mac.dot.getLhs() == mac.dot.getRhs())
    std::swap(arguments[0], arguments[1]);
  if (mac.isOrdered)
    return sumOfPairs(factor, column, sum);
  return sumOfDot(mac.dot, arguments, sum);
}

/// Pairs of products are words, which are summed by products with ones.
Value ProductCode::sumOfPairs(Value factor, Value column, Value sum) {
  auto words = VectorType::get(2 * shape.lanes, b.getI16Type());
  auto call = [&](StringRef instruction, Type type, ValueRange arguments) {
    return LLVM::CallIntrinsicOp::create(b, type, b.getStringAttr(instruction), arguments).getResult(0);
  };
  Value ones = arith::ConstantOp::create(b, DenseElementsAttr::get(words, APInt(16, 1)));
  Value pairs = call(shape.mac.dot.getInstruction(), words, {factor, column});
  return code.add(sum, call(shape.mac.dot.getWordSum(), vector, {pairs, ones}));
}

/// What an instruction gives, added to a sum.
Value ProductCode::sumOfDot(nn::DotAttr dot, SmallVector<Value> factors, Value sum) {
  if (dot.getAdds())
    factors.insert(factors.begin(), sum);
  Value result = LLVM::CallIntrinsicOp::create(b, vector, b.getStringAttr(dot.getInstruction()), factors).getResult(0);
  return dot.getAdds() ? result : code.add(sum, result);
}

Value ProductCode::multiplyWords(Value factor, Value column, Value sum) {
  auto words = VectorType::get(2 * shape.lanes, b.getI16Type());
  factor = bitcast(factor, words);
  column = bitcast(column, words);
  if (nn::DotAttr dot = shape.mac.dotOfWords)
    return sumOfDot(dot, {factor, column}, sum);
  for (int64_t which : {0, 1}) {
    SmallVector<int64_t> lane(shape.lanes, which), half(shape.lanes);
    std::iota(half.begin(), half.end(), which * shape.lanes);
    Value x = vector::ShuffleOp::create(b, factor, factor, lane);
    Value y = vector::ShuffleOp::create(b, column, column, half);
    sum = multiplyAdd(widen(x, b.getI16Type(), sumType), widen(y, b.getI16Type(), sumType), sum);
  }
  return sum;
}

void ProductCode::reserveStage() {
  if (shape.isStaged() || shape.mac.isOrdered)
    stage = LLVM::AllocaOp::create(b, code.pointer(), shape.isStaged() ? b.getI16Type() : memory,
                                   code.constant(shape.rows * shape.tripDepth()), 64);
}

Value ProductCode::orderOfA(ArrayRef<Value> rows, Value k, Value shuffle) {
  auto block = bytes(shape.tripDepth());
  Value order = code.load(shuffle, block);
  for (auto [i, row] : llvm::enumerate(rows)) {
    Value values = code.load(code.at(row, k, memory), block);
    auto ordered =
        LLVM::CallIntrinsicOp::create(b, block, b.getStringAttr(shape.mac.dot.getShuffle()), ValueRange{values, order});
    code.store(withSign(ordered.getResult(0)), code.at(stage, i * shape.tripDepth(), memory));
  }
  // LLVM would take the vectors apart by shuffles, if it knew that they are what is read.
  return code.opaque(stage, /*staysInPlace=*/true);
}

SmallVector<Value> ProductCode::lanesOfA(ArrayRef<Value> rows, Value k, int64_t count) {
  const MacForm &mac = shape.mac;
  SmallVector<Value> lanes;
  for (auto [i, row] : llvm::enumerate(rows)) {
    Value values = code.load(code.at(row, k, memory), VectorType::get(count, memory));
    if (!mac.isOfBytes())
      lanes.push_back(asFactor(values, mac.lhs));
    else
      lanes.push_back(mac.isWidened() ? widen(values, mac.lhs, b.getI16Type()) : withSign(values));
    if (stage)
      code.store(lanes.back(), code.at(stage, i * shape.tripDepth(), b.getI16Type()));
  }
  // LLVM would take the vectors apart by shuffles, if it knew that they are what is read.
  if (stage)
    return {code.opaque(stage, /*staysInPlace=*/true)};
  return lanes;
}

Value ProductCode::factorOfLane(ArrayRef<Value> lanes, int64_t i, int64_t step) {
  const MacForm &mac = shape.mac;
  if (mac.rows() == 2)
    return half(lanes[2 * i], lanes[std::min<int64_t>(2 * i + 1, shape.rows - 1)], step);
  if (stage) // the rest of a trip may begin at an odd element
    return code.broadcast(
        LLVM::LoadOp::create(b, sumType,
                             code.at(lanes.front(), i * shape.tripDepth() + step * mac.group(), b.getI16Type()),
                             /*alignment=*/2),
        vector);
  Value all = lanes[i];
  if (mac.isInWords)
    return all;
  if (mac.dot)
    all = bitcast(all, VectorType::get(cast<VectorType>(all.getType()).getNumElements() / mac.group(), sumType));
  Value lane = vector::ExtractOp::create(b, all, ArrayRef<int64_t>{step});
  return code.broadcast(lane, VectorType::get(shape.lanes, lane.getType()));
}

Value ProductCode::factorAt(ArrayRef<Value> rows, int64_t i, Value k, int64_t offset, int64_t count) {
  const MacForm &mac = shape.mac;
  auto place = [&](int64_t row) { return code.at(code.at(rows[row], k, memory), offset, memory); };
  if (!mac.dot) {
    Value scalar = code.load(place(i), memory);
    if (mac.isOfBytes())
      return code.broadcast(widen(scalar, mac.lhs, b.getI16Type()), VectorType::get(shape.lanes, b.getI16Type()));
    return code.broadcast(asFactor(scalar, mac.lhs), vector);
  }
  if (mac.isInWords)
    return withSign(code.loadPart(place(i), bytes(kWordGroup), count));
  if (mac.rows() == 1)
    return withSign(code.broadcast(wordAt(place(i), count), vector));
  auto wordType = b.getIntegerType(mac.group() * 8);
  Value pair = code.zero(VectorType::get(2, wordType));
  for (int64_t row : {0, 1})
    pair = vector::InsertOp::create(b, wordAt(place(std::min(2 * i + row, shape.rows - 1)), count), pair,
                                    ArrayRef<int64_t>{row});
  return withSign(bitcast(pair, bytes(2 * mac.group())));
}
