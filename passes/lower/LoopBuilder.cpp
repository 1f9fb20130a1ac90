// Loops, indices, loads and stores; see LoopBuilder.h.
#include "passes/lower/LoopBuilder.h"
#include "dialects/nn/Kinds.h"
#include "dialects/nn/Parts.h"
#include "lib/support/Assert.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;

namespace nncc {

void Nest::simplify(size_t kept) {
  auto drop = [&](size_t loop) {
    extents.erase(extents.begin() + loop);
    isReduced.erase(isReduced.begin() + loop);
    for (Access &access : accesses)
      access.strides.erase(access.strides.begin() + loop);
  };
  for (size_t loop = extents.size() - kept; loop-- > 0;)
    if (extents[loop] == 1)
      drop(loop);
  for (size_t loop = extents.size() - kept; loop-- > 1;) {
    bool joins = isReduced[loop - 1] == isReduced[loop] && llvm::all_of(accesses, [&](const Access &access) {
                   return access.strides[loop - 1] == access.strides[loop] * extents[loop];
                 });
    if (!joins)
      continue;
    extents[loop - 1] *= extents[loop];
    for (Access &access : accesses)
      access.strides[loop - 1] = access.strides[loop];
    drop(loop);
  }
}

//===-- memory ----------------------------------------------------------===//

/// The value that views are made of.
static Value viewedValue(Value memref) {
  while (auto view = memref.getDefiningOp<ViewLikeOpInterface>())
    memref = view.getViewSource();
  return memref;
}

Access LoopBuilder::flatten(Value memref, Type element) {
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<int64_t> strides;
  Access access;
  access.element = element;
  bool isStrided = succeeded(type.getStridesAndOffset(strides, access.offset));
  NNCC_ASSERT(isStrided && !ShapedType::isDynamic(access.offset), "memory of a kernel must have static strides");

  // The whole memory that views are taken of, from its first to its last element.
  Value source = viewedValue(memref);
  Value &memory = flat[source];
  if (!memory) {
    auto sourceType = cast<MemRefType>(source.getType());
    SmallVector<int64_t> sourceStrides;
    int64_t sourceOffset;
    (void)sourceType.getStridesAndOffset(sourceStrides, sourceOffset);
    NNCC_ASSERT(sourceOffset == 0, "memory of a kernel must start at its pointer");
    int64_t span = sourceType.getNumElements() == 0 ? 0 : 1;
    for (auto [size, stride] : llvm::zip(sourceType.getShape(), sourceStrides))
      if (span > 0)
        span += (size - 1) * stride;
    auto flatType = MemRefType::get({span}, sourceType.getElementType());
    if (sourceType == flatType) {
      memory = source;
    } else {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointAfterValue(source);
      memory = memref::ReinterpretCastOp::create(builder, loc, flatType, source, /*offset=*/0, ArrayRef<int64_t>{span},
                                                 ArrayRef<int64_t>{1});
    }
  }
  access.memory = memory;
  return access;
}

Access LoopBuilder::access(Value memref, Type element, ArrayRef<int> loopOfDim, size_t loops) {
  Access access = flatten(memref, element);
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<int64_t> strides;
  int64_t offset;
  (void)type.getStridesAndOffset(strides, offset);
  access.strides.assign(loops, 0);
  for (auto [dim, loop] : llvm::enumerate(loopOfDim))
    if (loop >= 0 && type.getDimSize(dim) != 1)
      access.strides[loop] += strides[dim];
  return access;
}

Value LoopBuilder::elementIndex(const Access &access, const Cursor &cursor) {
  Value sum = index(access.offset);
  for (auto [iv, stride] : llvm::zip(cursor.indices, access.strides))
    if (iv && stride != 0)
      sum = add(sum, mul(iv, stride));
  return sum;
}

Value LoopBuilder::loadRaw(const Access &access, const Cursor &cursor) {
  Value first = elementIndex(access, cursor);
  int64_t stride = cursor.lanes > 1 ? access.strides[cursor.vectorLoop] : 0;
  Type scalar = cast<MemRefType>(access.memory.getType()).getElementType();
  if (stride == 0) {
    Value value = memref::LoadOp::create(builder, loc, access.memory, first);
    return splat(value, cursor.lanes);
  }
  auto type = VectorType::get({cursor.lanes}, scalar);
  if (stride == 1)
    return vector::LoadOp::create(builder, loc, type, access.memory, first);
  SmallVector<Value> elements;
  for (int64_t lane = 0; lane < cursor.lanes; ++lane)
    elements.push_back(memref::LoadOp::create(builder, loc, access.memory, add(first, index(lane * stride))));
  return vector::FromElementsOp::create(builder, loc, type, elements);
}

void LoopBuilder::storeRaw(const Access &access, const Cursor &cursor, Value value) {
  Value first = elementIndex(access, cursor);
  if (cursor.lanes == 1) {
    memref::StoreOp::create(builder, loc, value, access.memory, first);
    return;
  }
  int64_t stride = access.strides[cursor.vectorLoop];
  value = splat(value, cursor.lanes);
  if (stride == 1) {
    vector::StoreOp::create(builder, loc, value, access.memory, first);
    return;
  }
  for (int64_t lane = 0; lane < cursor.lanes; ++lane)
    memref::StoreOp::create(builder, loc, lanes(value, lane, 1), access.memory, add(first, index(lane * stride)));
}

Value LoopBuilder::load(const Access &access, const Cursor &cursor) {
  return math.fromMemory(loadRaw(access, cursor), access.element);
}

void LoopBuilder::store(const Access &access, const Cursor &cursor, Value value) {
  storeRaw(access, cursor, math.toMemory(value, access.element));
}

SmallVector<Value> LoopBuilder::loadGroups(const Access &access, const Cursor &cursor, int inner, int64_t group) {
  NNCC_ASSERT(access.strides[inner] == 1, "elements of a group lie side by side");
  SmallVector<Value> values;
  Cursor at = cursor;
  if (cursor.lanes == 1) {
    for (int64_t number = 0; number < group; ++number) {
      at.indices[inner] = index(number);
      values.push_back(load(access, at));
    }
    return values;
  }
  at.indices[inner] = index(0);
  Type scalar = cast<MemRefType>(access.memory.getType()).getElementType();
  Value all = vector::LoadOp::create(builder, loc, VectorType::get({cursor.lanes * group}, scalar), access.memory,
                                     elementIndex(access, at));
  for (int64_t number = 0; number < group; ++number) {
    SmallVector<int64_t> turns;
    for (int64_t lane = 0; lane < cursor.lanes; ++lane)
      turns.push_back(lane * group + number);
    values.push_back(math.fromMemory(vector::ShuffleOp::create(builder, loc, all, all, turns), access.element));
  }
  return values;
}

void LoopBuilder::storeGroups(const Access &access, const Cursor &cursor, int inner, ValueRange values) {
  NNCC_ASSERT(access.strides[inner] == 1, "elements of a group lie side by side");
  Cursor at = cursor;
  SmallVector<Value> stored;
  for (auto [number, value] : llvm::enumerate(values)) {
    at.indices[inner] = index(number);
    if (cursor.lanes == 1)
      store(access, at, value);
    else
      stored.push_back(math.toMemory(value, access.element));
  }
  if (cursor.lanes == 1)
    return;
  at.indices[inner] = index(0);
  vector::StoreOp::create(builder, loc, interleave(stored), access.memory, elementIndex(access, at));
}

//===-- indices ---------------------------------------------------------===//

Value LoopBuilder::index(int64_t number) { return arith::ConstantIndexOp::create(builder, loc, number); }
Value LoopBuilder::add(Value a, Value b) { return builder.createOrFold<arith::AddIOp>(loc, a, b); }
Value LoopBuilder::sub(Value a, Value b) { return builder.createOrFold<arith::SubIOp>(loc, a, b); }
Value LoopBuilder::mul(Value a, int64_t factor) { return builder.createOrFold<arith::MulIOp>(loc, a, index(factor)); }

//===-- loops -----------------------------------------------------------===//

void LoopBuilder::loop(int64_t extent, function_ref<void(Value)> body) {
  if (extent <= 0)
    return;
  loop(index(0), index(extent), 1, {}, [&](Value iv, ValueRange) {
    body(iv);
    return SmallVector<Value>();
  });
}

SmallVector<Value> LoopBuilder::loop(Value begin, Value end, int64_t step, ValueRange initial,
                                     function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  std::optional<int64_t> first = getConstantIntValue(begin), last = getConstantIntValue(end);
  if (first && last) {
    if (*first >= *last)
      return llvm::to_vector(initial);
    if (*first + step >= *last)
      return body(begin, initial);
  }
  auto loop = scf::ForOp::create(builder, loc, begin, end, index(step), initial,
                                 [&](OpBuilder &, Location, Value, ValueRange) {});
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  // scf.for ends its body by itself when it carries nothing.
  if (initial.empty() && loop.getBody()->mightHaveTerminator())
    loop.getBody()->getTerminator()->erase();
  builder.setInsertionPointToEnd(loop.getBody());
  SmallVector<Value> results = body(loop.getInductionVar(), loop.getRegionIterArgs());
  scf::YieldOp::create(builder, loc, results);
  return llvm::to_vector(ValueRange(loop.getResults()));
}

SmallVector<TilePiece> LoopBuilder::cutTiles(int64_t extent, int64_t lanes) const {
  // The smallest vector that is worth its own code.
  constexpr int64_t kSmallestTile = 4;
  SmallVector<TilePiece> pieces;
  if (mostLanes > 0)
    lanes = std::min(lanes, mostLanes);
  int64_t begin = 0;
  for (; lanes > 1; lanes /= 2) {
    if (lanes < kSmallestTile)
      continue;
    if (int64_t count = (extent - begin) / lanes) {
      pieces.push_back({begin, count, lanes});
      begin += count * lanes;
    }
  }
  if (begin < extent)
    pieces.push_back({begin, extent - begin, 1});
  return pieces;
}

void LoopBuilder::markedLoop(StringRef mark, int64_t begin, int64_t end, int64_t step, function_ref<void(Value)> body) {
  if (begin >= end)
    return;
  auto loop = scf::ForOp::create(builder, loc, index(begin), index(end), index(step));
  loop->setAttr(mark, builder.getUnitAttr());
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void LoopBuilder::parallelLoop(int64_t begin, int64_t end, int64_t step, function_ref<void(Value)> body) {
  markedLoop(nn::kParallelAttr, begin, end, step, body);
}

void LoopBuilder::independentLoop(int64_t begin, int64_t end, int64_t step, function_ref<void(Value)> body) {
  markedLoop(nn::kIndependentAttr, begin, end, step, body);
}

void LoopBuilder::tiles(int64_t extent, int64_t lanes, function_ref<void(Value, int64_t)> body, Order order) {
  for (TilePiece piece : cutTiles(extent, lanes)) {
    int64_t end = piece.begin + piece.count * piece.lanes;
    if (order == Order::Sequential)
      loop(index(piece.begin), index(end), piece.lanes, {}, [&](Value iv, ValueRange) {
        body(iv, piece.lanes);
        return SmallVector<Value>();
      });
    else
      markedLoop(order == Order::Parallel ? nn::kParallelAttr : nn::kIndependentAttr, piece.begin, end, piece.lanes,
                 [&](Value iv) { body(iv, piece.lanes); });
  }
}

void LoopBuilder::loops(const Nest &nest, ArrayRef<int> loops, Cursor cursor, function_ref<void(const Cursor &)> body) {
  cursor.indices.resize(nest.extents.size());
  if (loops.empty())
    return body(cursor);
  int number = loops.front();
  auto inside = [&](Value iv) {
    cursor.indices[number] = iv;
    this->loops(nest, loops.drop_front(), cursor, body);
  };
  if (nest.isReduced[number])
    loop(nest.extents[number], inside);
  else
    parallelLoop(0, nest.extents[number], 1, inside);
}

//===-- vectors ---------------------------------------------------------===//

Value LoopBuilder::splat(Value value, int64_t lanes) {
  if (lanes <= 1 || isa<VectorType>(value.getType()))
    return value;
  return vector::BroadcastOp::create(builder, loc, VectorType::get({lanes}, value.getType()), value);
}

Value LoopBuilder::lanes(Value vector, int64_t first, int64_t count) {
  if (count == 1)
    return vector::ExtractOp::create(builder, loc, vector, first);
  SmallVector<int64_t> mask = llvm::to_vector(llvm::seq(first, first + count));
  return vector::ShuffleOp::create(builder, loc, vector, vector, mask);
}

Value LoopBuilder::interleave(ValueRange vectors, int64_t run) {
  int64_t group = vectors.size(), lanes = cast<VectorType>(vectors[0].getType()).getNumElements();
  NNCC_ASSERT(group >= 2 && group <= 4, "two to four vectors take turns");
  // Vectors of one length only are joined: shuffles of others become single moves.
  SmallVector<int64_t> joined = llvm::to_vector(llvm::seq<int64_t>(0, 2 * lanes)), turns;
  auto join = [&](Value a, Value b) -> Value { return vector::ShuffleOp::create(builder, loc, a, b, joined); };
  Value low = join(vectors[0], vectors[1]);
  Value high = group > 2 ? join(vectors[2], vectors[group - 1]) : low;
  for (int64_t lane = 0; lane < lanes; lane += run)
    for (int64_t number = 0; number < group; ++number)
      for (int64_t i = 0; i < run; ++i)
        turns.push_back(number * lanes + lane + i);
  return vector::ShuffleOp::create(builder, loc, low, high, turns);
}

SmallVector<Value> LoopBuilder::transpose(ArrayRef<Value> rows) {
  int64_t size = rows.size();
  // log2(size) rounds of zipping row i with row i + size / 2.
  SmallVector<Value> current(rows);
  SmallVector<int64_t> low, high;
  for (int64_t lane = 0; lane < size / 2; ++lane) {
    low.append({lane, size + lane});
    high.append({size / 2 + lane, size + size / 2 + lane});
  }
  for (int64_t round = 1; round < size; round *= 2) {
    SmallVector<Value> next(size);
    for (int64_t row = 0; row < size / 2; ++row) {
      next[2 * row] = vector::ShuffleOp::create(builder, loc, current[row], current[row + size / 2], low);
      next[2 * row + 1] = vector::ShuffleOp::create(builder, loc, current[row], current[row + size / 2], high);
    }
    current = next;
  }
  return current;
}

//===-- rows ------------------------------------------------------------===//

Rows::Rows(LoopBuilder &build, const Nest &nest, int64_t lanes, int64_t chains)
    : build(build), nest(nest), lanes(lanes), chains(chains) {
  const Access &primary = nest.accesses.front();
  for (int loop = 0, end = nest.extents.size(); loop < end; ++loop)
    if (primary.strides[loop] == 1 && nest.extents[loop] >= 4)
      vectorLoop = loop;
  alongRow = vectorLoop >= 0 && nest.isReduced[vectorLoop];
  for (int loop = 0, end = nest.extents.size(); loop < end; ++loop)
    if (loop != vectorLoop)
      (nest.isReduced[loop] ? reduced : parallel).push_back(loop);
}

void Rows::forEach(function_ref<void(const Cursor &)> body) {
  // A reduction of nothing still has a result; no results need no loops.
  for (auto [extent, isReduced] : llvm::zip(nest.extents, nest.isReduced))
    if (extent == 0 && !isReduced)
      return;
  build.loops(nest, parallel, Cursor(), [&](const Cursor &cursor) {
    if (vectorLoop < 0 || alongRow)
      return body(cursor);
    build.tiles(nest.extents[vectorLoop], lanes * chains, [&](Value begin, int64_t count) {
      Cursor row = cursor;
      row.indices[vectorLoop] = begin;
      row.vectorLoop = vectorLoop;
      row.lanes = count;
      body(row);
    });
  });
}

int64_t sumBlock(int64_t count, int64_t each) {
  int64_t most = std::max<int64_t>(kSumBlock / each, 1);
  for (int64_t size = most; 2 * size > most; --size)
    if (count % size == 0)
      return size;
  return most;
}

int64_t Rows::Part::steps() const {
  int64_t steps = 1;
  for (const Level &level : levels)
    steps *= level.count;
  return steps;
}

SmallVector<Rows::Part> Rows::partsOf(const Cursor &row) const {
  SmallVector<Level> around;
  for (int loop : reduced)
    around.push_back({loop, 0, 1, nest.extents[loop]});
  if (!alongRow)
    return {{row, around}};
  SmallVector<Part> parts;
  for (TilePiece piece : build.cutTiles(nest.extents[vectorLoop], lanes * chains)) {
    Part part{row, around};
    part.levels.push_back({vectorLoop, piece.begin, piece.lanes, piece.count});
    part.cursor.vectorLoop = vectorLoop;
    part.cursor.lanes = piece.lanes;
    parts.push_back(part);
  }
  return parts;
}

/// Carries values through all steps of some loops.
Rows::Values Rows::run(ArrayRef<Level> levels, const Cursor &cursor, ValueRange carried,
                       function_ref<Values(const Cursor &, ValueRange)> step) {
  if (levels.empty())
    return step(cursor, carried);
  const Level &level = levels.front();
  return build.loop(build.index(level.begin), build.index(level.begin + level.count * level.step), level.step, carried,
                    [&](Value iv, ValueRange values) {
                      Cursor here = cursor;
                      here.indices[level.loop] = iv;
                      return run(levels.drop_front(), here, values, step);
                    });
}

/// A tree over the lanes of partial results: the upper half joins the lower one until one lane is left.
Rows::Values Rows::joinLanes(Values values, function_ref<Values(ValueRange, ValueRange)> combine) {
  auto vector = dyn_cast<VectorType>(values.front().getType());
  for (int64_t width = vector ? vector.getNumElements() : 1; width > 1; width /= 2) {
    Values low, high;
    for (Value value : values) {
      low.push_back(build.lanes(value, 0, width / 2));
      high.push_back(build.lanes(value, width / 2, width / 2));
    }
    values = combine(low, high);
  }
  return values;
}

Rows::Values Rows::reduce(const Cursor &row, function_ref<Values(int64_t)> initial,
                          function_ref<Values(const Cursor &, ValueRange)> step,
                          function_ref<Values(ValueRange, ValueRange)> combine) {
  Values total;
  for (const Part &part : partsOf(row)) {
    Values partial = run(part.levels, part.cursor, initial(part.cursor.splat()), step);
    if (alongRow)
      partial = joinLanes(partial, combine);
    total = total.empty() ? partial : combine(total, partial);
  }
  return total;
}

Value Rows::sum(const Cursor &row, Type element, function_ref<Value(const Cursor &)> value) {
  auto add = [&](ValueRange a, ValueRange b) { return Values{build.math.binary(nn::kind::add, a[0], b[0], element)}; };
  SmallVector<Part> parts = partsOf(row);
  auto isLong = [&](const Part &part) { return isa<FloatType>(element) && part.steps() > kLongestPlainSum; };
  bool isAnyLong = llvm::any_of(parts, isLong);
  Value total;
  for (const Part &part : parts) {
    Values sum;
    if (isLong(part))
      sum.push_back(sumInBlocks(part, element, value));
    else
      sum = run(part.levels, part.cursor, build.math.constant(element, 0.0, part.cursor.splat()),
                [&](const Cursor &at, ValueRange sum) { return add(sum, value(at)); });
    if (alongRow)
      sum = joinLanes(sum, add);
    if (isAnyLong)
      sum[0] = build.math.widenSum(sum[0], element);
    total = total ? add(total, sum[0])[0] : sum[0];
  }
  return build.math.narrowSum(total, element);
}

/// The sum of a part in f64.
Value Rows::sumInBlocks(const Part &part, Type element, function_ref<Value(const Cursor &)> value) {
  auto add = [&](Value a, Value b) { return build.math.binary(nn::kind::add, a, b, element); };
  int64_t splat = part.cursor.splat();
  // The innermost loops that together are no longer than a block, and the one around them, which is cut.
  ArrayRef<Level> outer = part.levels, inner;
  int64_t each = 1;
  for (; each * outer.back().count <= kSumBlock; outer = outer.drop_back()) {
    each *= outer.back().count;
    inner = ArrayRef<Level>(part.levels).drop_front(outer.size() - 1);
  }
  Level level = outer.back();
  outer = outer.drop_back();
  int64_t size = sumBlock(level.count, each), whole = level.count / size, rest = level.count % size;
  auto addBlock = [&](const Cursor &cursor, Value total, Value begin, int64_t count) -> Value {
    Value zero = build.math.constant(element, 0.0, splat);
    Value sum = build.loop(
        build.index(0), build.index(count * level.step), level.step, zero, [&](Value iv, ValueRange carried) {
          Cursor here = cursor;
          here.indices[level.loop] = build.add(begin, iv);
          return run(inner, here, carried,
                     [&](const Cursor &at, ValueRange sum) { return Values{add(sum[0], value(at))}; });
        })[0];
    return add(total, build.math.widenSum(sum, element));
  };
  Value zero = build.math.constant(build.builder.getF64Type(), 0.0, splat);
  return run(outer, part.cursor, zero, [&](const Cursor &cursor, ValueRange carried) {
    int64_t end = level.begin + whole * size * level.step;
    Values total =
        build.loop(build.index(level.begin), build.index(end), size * level.step, carried,
                   [&](Value begin, ValueRange total) { return Values{addBlock(cursor, total[0], begin, size)}; });
    return rest ? Values{addBlock(cursor, total[0], build.index(end), rest)} : total;
  })[0];
}

void Rows::each(const Cursor &row, function_ref<void(const Cursor &)> body) { eachOf(reduced, row, body); }

void Rows::eachOf(ArrayRef<int> loops, Cursor cursor, function_ref<void(const Cursor &)> body) {
  if (!loops.empty())
    return build.independentLoop(0, nest.extents[loops.front()], 1, [&](Value iv) {
      cursor.indices[loops.front()] = iv;
      eachOf(loops.drop_front(), cursor, body);
    });
  if (!alongRow)
    return body(cursor);
  cursor.vectorLoop = vectorLoop;
  build.tiles(
      nest.extents[vectorLoop], lanes * 2,
      [&](Value begin, int64_t count) {
        cursor.indices[vectorLoop] = begin;
        cursor.lanes = count;
        body(cursor);
      },
      Order::Independent);
}

Value Rows::position(const Cursor &cursor, Type type) {
  Value position = build.index(0);
  int64_t stride = 1;
  for (int loop = nest.extents.size(); loop-- > 0;) {
    if (!nest.isReduced[loop])
      continue;
    if (Value iv = cursor.indices[loop])
      position = build.add(position, build.mul(iv, stride));
    stride *= nest.extents[loop];
  }
  Value value = arith::IndexCastOp::create(build.builder, build.loc, type, position);
  if (cursor.lanes == 1)
    return value;
  value = build.splat(value, cursor.lanes);
  if (!alongRow)
    return value;
  auto vectorType = cast<VectorType>(value.getType());
  // Positions along the vector; its loop is the innermost reduced one unless loops between it and the end stayed.
  int64_t laneStride = 1;
  for (int loop = vectorLoop + 1, end = nest.extents.size(); loop < end; ++loop)
    if (nest.isReduced[loop])
      laneStride *= nest.extents[loop];
  SmallVector<APInt> steps;
  for (int64_t lane = 0; lane < cursor.lanes; ++lane)
    steps.push_back(APInt(type.getIntOrFloatBitWidth(), lane * laneStride));
  Value offsets = arith::ConstantOp::create(build.builder, build.loc, DenseElementsAttr::get(vectorType, steps));
  return arith::AddIOp::create(build.builder, build.loc, value, offsets);
}

} // namespace nncc
