// The taps of a column go to the machine's instruction in groups of rows; without one they are words, one by one.
#include "codegen/cpu/ByteWindow.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/MathExtras.h"
#include <utility>

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

RowGroups RowGroups::of(const MacForm &mac, int64_t tapsH, int64_t strideH) {
  int64_t group = mac.group(), steps = llvm::divideCeil(tapsH, group);
  return {group, steps, (steps * group - tapsH) / strideH + 1};
}

ByteWindow::ByteWindow(Code &code, const TileShape &shape, const Epilogue &epilogue, Block::BlockArgListType arguments)
    : ProductCode(code, shape, epilogue, arguments),
      groups(RowGroups::of(shape.mac, shape.sliding->tapsH, shape.sliding->strideH)) {}

bool ByteWindow::hasTaps(int64_t row, int64_t step) const {
  int64_t first = step * groups.group - row * shape.sliding->strideH;
  return first < shape.sliding->tapsH && first + groups.group > 0;
}

/// Bytes of two vectors in turn.
Value ByteWindow::zip(Value first, Value second) {
  auto type = cast<VectorType>(first.getType());
  int64_t count = type.getNumElements(), whole = std::max<int64_t>(count, 16);
  // LLVM's optimizer makes two permutations of two zips in a row of 512 bits, and a dozen of the same as shuffles.
  if (pieceLanes() >= 16)
    return LLVM::vector_interleave2::create(b, VectorType::get(2 * count, memory), first, second);
  // Half registers are widened first: one instruction zips whole ones, where LLVM looks halves up in a table (AArch64).
  SmallVector<int64_t> widen(whole, vector::ShuffleOp::kPoisonIndex), turns;
  for (int64_t i = 0; i < count; ++i) {
    widen[i] = i;
    turns.append({i, whole + i});
  }
  if (whole != count)
    for (Value *value : {&first, &second})
      *value = vector::ShuffleOp::create(b, *value, *value, widen);
  return vector::ShuffleOp::create(b, first, second, turns);
}

/// All rows of a group in turn, channel by channel.
Value ByteWindow::merge(ArrayRef<Value> rows) {
  if (rows.size() == 1)
    return rows.front();
  SmallVector<Value> even, odd;
  for (auto [i, row] : llvm::enumerate(rows))
    (i % 2 ? odd : even).push_back(row);
  return zip(merge(even), merge(odd));
}

/// What an instruction reads of a group, for each vector of sums. `pieceOf` gives channels of a row of the group.
ByteWindow::Vectors ByteWindow::grouped(function_ref<Value(int64_t, int64_t)> pieceOf, Type element) {
  Vectors vectors;
  int64_t lanes = pieceLanes(), each = shape.lanes * groups.group;
  for (int64_t first = 0; first < shape.width(); first += lanes) {
    SmallVector<Value> rows;
    for (int64_t row = 0; row < groups.group; ++row)
      rows.push_back(pieceOf(row, first));
    Value all = merge(rows);
    if (shape.mac.isInWords) {
      vectors.push_back(all);
      continue;
    }
    // Single words are widened together: half vectors as well as whole ones.
    bool isWidened = !shape.mac.dot || shape.mac.isWidened();
    if (!shape.mac.dot)
      all = widen(all, element, b.getI16Type());
    for (int64_t at = 0; at < lanes * groups.group; at += each) {
      Value vector = vector::ExtractStridedSliceOp::create(b, all, ArrayRef<int64_t>{at}, ArrayRef<int64_t>{each},
                                                           ArrayRef<int64_t>{1});
      vectors.push_back(isWidened && shape.mac.dot ? widen(vector, element, b.getI16Type()) : vector);
    }
  }
  return vectors;
}

/// Taps of a column of the window as row `row` of a unit meets them in a group; zeros where the group has others.
ByteWindow::Vectors ByteWindow::tapsOf(int64_t column, int64_t row, int64_t step) {
  const SlidingTile &tile = *shape.sliding;
  int64_t first = step * groups.group - row * tile.strideH;
  return grouped(
      [&](int64_t ofGroup, int64_t channel) -> Value {
        auto type = VectorType::get(pieceLanes(), memory);
        int64_t h = first + ofGroup;
        if (h < 0 || h >= tile.tapsH)
          return code.zero(type);
        return code.load(code.at(matrix, (h * tile.tapsW + column) * shape.width() + channel, memory), type);
      },
      shape.mac.rhs);
}

VectorType ByteWindow::vectorOfTaps() {
  if (shape.mac.isInWords)
    return VectorType::get(pieceLanes(), memory);
  bool isOfWords = !shape.mac.dot || shape.mac.isWidened();
  return VectorType::get(shape.lanes * groups.group, isOfWords ? b.getI16Type() : memory);
}

void ByteWindow::readTaps() {
  readSums(code.constant(shape.width()));
  const SlidingTile &tile = *shape.sliding;
  int64_t count = tile.tapsW * rowsOfUnit() * groups.steps * shape.vectors;
  VectorType type = vectorOfTaps();
  if (tile.keepsWeights)
    taps.resize(count);
  else
    staged = LLVM::AllocaOp::create(b, code.pointer(), type, code.constant(count), 64);
  for (int64_t column = 0; column < tile.tapsW; ++column)
    for (int64_t row = 0; row < rowsOfUnit(); ++row)
      for (int64_t step = 0; step < groups.steps; ++step)
        if (hasTaps(row, step))
          for (auto [j, vector] : llvm::enumerate(tapsOf(column, row, step))) {
            int64_t index = tapIndex(column, row, step, j);
            if (tile.keepsWeights)
              taps[index] = vector;
            else
              code.store(vector, code.at(staged, index * type.getNumElements(), type.getElementType()));
          }
  // The zero point, whether sums or the bias are corrected by it. Without it, this is what is multiplied as 0.
  if (shape.hasZero)
    missing = code.load(zeroPoint, memory);
  else
    missing = arith::ConstantIntOp::create(b, shape.hasSums ? 0 : static_cast<int8_t>(shape.mac.offset()), 8);
}

void ByteWindow::beginStep() {
  if (staged)
    stagedOfStep = code.opaque(staged, /*staysInPlace=*/true);
}

Value ByteWindow::tap(int64_t index) {
  if (!staged)
    return taps[index];
  VectorType type = vectorOfTaps();
  return code.load(code.at(stagedOfStep, index * type.getNumElements(), type.getElementType()), type);
}

/// The group of input rows that begins at a row under the block; nothing where it adds nothing to any sum.
ByteWindow::Vectors ByteWindow::inputAt(int64_t firstRow, function_ref<Value(int64_t)> rowAt) {
  const SlidingTile &tile = *shape.sliding;
  int64_t height = (tile.rows - 1) * tile.strideH + tile.tapsH, channels = shape.width() - shape.lanes + shape.tail;
  SmallVector<Value> rows;
  for (int64_t row = firstRow; row < firstRow + groups.group; ++row)
    rows.push_back(row < height ? rowAt(row) : Value());
  if (!shape.hasSums && !shape.hasZero && llvm::none_of(rows, [](Value row) { return row != nullptr; }))
    return {};
  Vectors vectors = grouped(
      [&](int64_t ofGroup, int64_t first) {
        auto type = VectorType::get(pieceLanes(), memory);
        Value row = rows[ofGroup];
        return row ? code.loadPart(code.at(row, first, memory), type, std::min(pieceLanes(), channels - first))
                   : code.broadcast(missing, type);
      },
      shape.mac.lhs);
  for (Value &vector : vectors)
    vector = withSign(vector);
  return vectors;
}

void ByteWindow::addColumn(MutableArrayRef<Column> byAge, int64_t e, int64_t youngest, int64_t oldest,
                           function_ref<Value(int64_t)> rowAt) {
  if (shape.mac.isInWords)
    return addColumnInWords(byAge, e, youngest, oldest, rowAt);
  const SlidingTile &tile = *shape.sliding;
  llvm::SmallDenseMap<int64_t, Vectors> inputs; ///< by the first row of a group
  // Every tap once for all units of rows.
  for (int64_t row = 0; row < rowsOfUnit(); ++row)
    for (int64_t step = 0; step < groups.steps; ++step) {
      if (!hasTaps(row, step))
        continue;
      for (int64_t age = youngest; age <= oldest && age * tile.strideW + e < tile.tapsW; ++age)
        for (int64_t i = row; i < tile.rows; i += groups.unit) {
          auto [place, isNew] = inputs.try_emplace((i - row) * tile.strideH + step * groups.group);
          if (isNew)
            place->second = inputAt(place->first, rowAt);
          for (auto [j, input] : llvm::enumerate(place->second)) {
            Value &sum = byAge[age][i * shape.vectors + j];
            sum = multiplyStep(input, tap(tapIndex(age * tile.strideW + e, row, step, j)), sum);
          }
        }
    }
}

/// The same where two products fit a word: those of two rows of the window, and the last one by itself.
void ByteWindow::addColumnInWords(MutableArrayRef<Column> byAge, int64_t e, int64_t youngest, int64_t oldest,
                                  function_ref<Value(int64_t)> rowAt) {
  const SlidingTile &tile = *shape.sliding;
  SmallVector<Vectors> inputs; // by input row
  for (int64_t row = 0; row < (tile.rows - 1) * tile.strideH + tile.tapsH; ++row)
    inputs.push_back(inputAt(row, rowAt));
  auto toWords = [&](Value bytes, Type element) { return widen(bytes, element, b.getI16Type()); };
  for (int64_t i = 0; i < tile.rows; ++i)
    for (int64_t age = youngest; age <= oldest && age * tile.strideW + e < tile.tapsW; ++age)
      for (int64_t piece = 0; piece < shape.width() / pieceLanes(); ++piece) {
        Value words;
        bool isFull = false;
        for (int64_t h = 0; h < tile.tapsH; ++h) {
          const Vectors &input = inputs[i * tile.strideH + h];
          if (input.empty())
            continue;
          Value product =
              arith::MulIOp::create(b, toWords(input[piece], b.getI8Type()),
                                    toWords(tap(tapIndex(age * tile.strideW + e, 0, h, piece)), shape.mac.rhs));
          words = words ? code.add(words, product) : product;
          if (isFull)
            addWords(byAge[age], i, piece, std::exchange(words, Value()));
          isFull = words && !isFull;
        }
        if (words)
          addWords(byAge[age], i, piece, words);
      }
}

/// Adds words, one for each channel of a piece, to the sums of an output row.
void ByteWindow::addWords(Column &sums, int64_t row, int64_t piece, Value words) {
  int64_t vectors = pieceLanes() / shape.lanes;
  for (int64_t j = 0; j < vectors; ++j) {
    Value part = vector::ExtractStridedSliceOp::create(b, words, ArrayRef<int64_t>{j * shape.lanes},
                                                       ArrayRef<int64_t>{shape.lanes}, ArrayRef<int64_t>{1});
    Value &sum = sums[row * shape.vectors + piece * vectors + j];
    sum = code.add(sum, arith::ExtSIOp::create(b, vector, part));
  }
}
