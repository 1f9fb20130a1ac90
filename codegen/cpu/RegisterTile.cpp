// The loop nest of a register tile, outermost first: lines, tiles of a line, outer taps, inner taps, depth. Goto and
// van de Geijn 2008 for the register tile; Georganas et al. 2018 for convolution as a direct loop around it.
#include "codegen/cpu/RegisterTile.h"
#include "codegen/cpu/RunCode.h"
#include "codegen/cpu/WidenedWeights.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "passes/lower/LoopBuilder.h"
#include "passes/lower/ScalarMath.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

namespace {

class TileEmitter : RunCode {
public:
  TileEmitter(Code &code, const TileShape &shape, const Epilogue &epilogue, Block::BlockArgListType arguments)
      : RunCode(code, shape, epilogue, arguments) {}

  void run() {
    readEntry();
    reserveStage();
    if (epilogue.isHeavy()) {
      Value count = code.constant(shape.rows * shape.vectors);
      stack = LLVM::AllocaOp::create(b, code.pointer(), VectorType::get(shape.lanes, resultType), count, 64);
    }
    if (shape.widened && shape.body == TapBody::Product)
      return runWidened();
    Value lineStrideC = field(CallEntry::LineC), lineStrideA = field(CallEntry::LineA);
    // What is prefetched goes on from tile to tile, and so does the pixel of a line of A.
    SmallVector<Value> first = start.list();
    if (shape.goesOnInLines)
      first.push_back(field(CallEntry::FirstColumn));
    if (shape.prefetches())
      first.push_back(nextOfB);
    if (shape.widensPanel)
      matrix = words;
    const unsigned places = start.list().size();
    auto withRest = [](SmallVector<Value> list, ArrayRef<Value> rest) {
      list.append(rest.begin(), rest.end());
      return list;
    };
    code.loop(zero, field(CallEntry::Lines), 1, first, [&](Value, ValueRange line) {
      SmallVector<Value> last = code.loop(zero, field(CallEntry::Tiles), 1, line, [&](Value, ValueRange tile) {
        Value ahead = shape.prefetches() ? tile.back() : Value();
        if (shape.goesOnInLines)
          columnOfTile = tile[places];
        TilePlace place = TilePlace::from(tile.take_front(places));
        storeTile(accumulate(place.a, ahead), place);
        SmallVector<Value> rest,
            next = advance(place, code.mul(rowA, shape.rows), code.mul(rowC, shape.rows), shape.rows, 2);
        if (shape.goesOnInLines) {
          Value column = code.add(columnOfTile, code.constant(shape.rows));
          Value isBehind = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, column, lineWidth);
          Value ofNext = arith::SubIOp::create(b, column, lineWidth);
          rest.push_back(arith::SelectOp::create(b, isBehind, ofNext, column));
          next = behindGap(TilePlace::from(next), isBehind).list();
        }
        if (ahead)
          rest.push_back(ahead);
        return withRest(next, rest);
      });
      TilePlace place = TilePlace::from(line.take_front(places));
      return withRest(advance(place, lineStrideA, lineStrideC, 1, 1), ArrayRef(last).drop_front(places));
    });
  }

private:
  Value stack;
  Value rowA, rowC, depth, taps0, tap0A, tap0B, taps1, tap1A;
  // Where a tile goes on in lines; the last is that of its first pixel.
  Value lineWidth, lineGap, lineGapC, columnOfTile;

  void readEntry() {
    rowA = field(CallEntry::RowA);
    rowC = field(CallEntry::RowC);
    if (shape.readsTaps()) {
      taps0 = field(CallEntry::Taps0);
      tap0A = field(CallEntry::Tap0A);
      taps1 = field(CallEntry::Taps1);
      tap1A = field(CallEntry::Tap1A);
    }
    if (shape.goesOnInLines) {
      lineWidth = field(CallEntry::LineWidth);
      lineGap = field(CallEntry::LineGap);
      lineGapC = field(CallEntry::LineGapC);
    }
    if (!shape.hasB())
      return;
    // The rows of packed B are as long as this tile is wide.
    rowB = shape.isPadded ? code.constant(shape.width()) : field(CallEntry::RowB);
    if (shape.readsTaps()) {
      tap0B = code.mul(field(CallEntry::Tap0B), rowB);
      tap1B = code.mul(field(CallEntry::Tap1B), rowB);
    }
    depth = field(CallEntry::Depth);
    readSums(rowB);
    if (shape.prefetches())
      aheadStep = field(CallEntry::AheadStep);
  }

  /// The same where a part of the panel is widened at a time: all tiles, or as many as have room for their sums, pass
  /// by each part.
  void runWidened() {
    // 16 KB of sums, beside as much of the panel. Tiles share nothing where weights stay in registers.
    const bool inRegisters = shape.multipliesInRegisters();
    const int64_t ofTile = shape.rows * shape.width();
    const int64_t together = inRegisters ? 1 : std::max<int64_t>(4096 / ofTile, 1);
    const int64_t chunk = inRegisters ? shape.widened->run(shape.width()) : shape.widened->chunk(shape.width());
    Value panel;
    if (!inRegisters)
      panel = LLVM::AllocaOp::create(b, code.pointer(), sumType, code.constant(chunk * shape.width()), 64);
    Value waiting = LLVM::AllocaOp::create(b, code.pointer(), sumType, code.constant(together * ofTile), 64);
    PanelWidening widening(code, math, shape, matrix, scalesOfB, zerosOfB);
    auto leastOf = [&](int64_t most, Value all, Value from) {
      return arith::MinSIOp::create(b, arith::SubIOp::create(b, all, from), code.constant(most)).getResult();
    };
    auto sumAt = [&](Value tile, int64_t i) {
      return code.at(waiting, code.add(code.mul(tile, ofTile), code.constant(i * shape.lanes)), sumType);
    };
    const int64_t count = shape.rows * shape.vectors;
    SmallVector<Value> zeros(count, code.zero(vector));
    Value tiles = field(CallEntry::Tiles), lineA = field(CallEntry::LineA), lineC = field(CallEntry::LineC);
    Value all = code.mul(field(CallEntry::Lines), tiles);
    Value tileA = code.mul(rowA, shape.rows), tileC = code.mul(rowC, shape.rows);
    // A walk over tiles: the number of one in its line, where it is, and where its line begins.
    auto nextOf = [&](Value tile, ArrayRef<Value> nextTile, ValueRange line, ArrayRef<Value> nextLine) {
      Value next = code.add(tile, code.constant(1));
      Value isBehind = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, next, tiles);
      auto choose = [&](Value ofNextLine, Value ofThis) {
        return arith::SelectOp::create(b, isBehind, ofNextLine, ofThis).getResult();
      };
      SmallVector<Value> walk{choose(zero, next)};
      for (auto [ofNextLine, ofThis] : llvm::zip(nextLine, nextTile))
        walk.push_back(choose(ofNextLine, ofThis));
      for (auto [ofNextLine, ofThis] : llvm::zip(nextLine, line))
        walk.push_back(choose(ofNextLine, ofThis));
      return walk;
    };
    SmallVector<Value> walk{zero}, places = start.list();
    for (int i = 0; i < 2; ++i)
      walk.append(places.begin(), places.end());
    code.loop(zero, all, together, walk, [&](Value first, ValueRange group) {
      Value here = leastOf(together, all, first), lineOfA = group[1 + places.size()];
      code.loop(zero, here, 1, {}, [&](Value tile, ValueRange) -> SmallVector<Value> {
        for (int64_t i = 0; i < count; ++i)
          code.store(initial(i % shape.vectors), sumAt(tile, i));
        return {};
      });
      forEachPart(chunk, [&](Value inA, Value row, Value values) {
        PanelWidening::Block block;
        if (inRegisters)
          block = widening.blockAt(row);
        else
          widening.run(row, values, panel);
        code.loop(zero, here, 1, {group[0], group[1], lineOfA}, [&](Value tile, ValueRange at) {
          SmallVector<Value> rows = rowsFrom(code.at(at[1], inA, memory));
          SmallVector<Value> sums = inRegisters ? productOfBlock(widening, block, rows, row, values, zeros)
                                                : product(rows, panel, zero, values, zeros, Value());
          for (auto [i, sum] : llvm::enumerate(sums)) {
            Value before = code.load(sumAt(tile, i), vector);
            Value after = block.factors.empty() ? arith::AddFOp::create(b, before, sum).getResult()
                                                : multiplyAdd(sum, block.factors[i % shape.vectors], before);
            code.store(after, sumAt(tile, i));
          }
          return nextOf(at[0], code.at(at[1], tileA, memory), at.drop_front(2), code.at(at[2], lineA, memory));
        });
      });
      return code.loop(zero, here, 1, group, [&](Value tile, ValueRange at) {
        SmallVector<Value> sums;
        for (int64_t i = 0; i < count; ++i)
          sums.push_back(code.load(sumAt(tile, i), vector));
        TilePlace place = TilePlace::from(at.slice(1, places.size()));
        ValueRange line = at.drop_front(1 + places.size());
        storeTile(sums, place);
        return nextOf(at[0], advance(place, tileA, tileC, shape.rows, 2), line,
                      advance(TilePlace::from(line), lineA, lineC, 1, 1));
      });
    });
  }

  /// body(where it begins in a row of A, its first row of B, how many values of k) for parts of k of at most `chunk`,
  /// tap by tap.
  void forEachPart(int64_t chunk, function_ref<void(Value, Value, Value)> body) {
    Value rowsOfTap0 = field(CallEntry::Tap0B), rowsOfTap1 = field(CallEntry::Tap1B);
    auto loop = [&](Value count, int64_t step, function_ref<void(Value)> of) {
      code.loop(zero, count, step, {}, [&](Value i, ValueRange) -> SmallVector<Value> {
        of(i);
        return {};
      });
    };
    loop(taps1, 1, [&](Value tap1) {
      loop(taps0, 1, [&](Value tap0) {
        Value inA = code.add(code.mul(tap1, tap1A), code.mul(tap0, tap0A));
        Value row = code.add(code.mul(tap1, rowsOfTap1), code.mul(tap0, rowsOfTap0));
        loop(depth, chunk, [&](Value k) {
          Value left = arith::SubIOp::create(b, depth, k);
          body(code.add(inA, k), code.add(row, k), arith::MinSIOp::create(b, left, code.constant(chunk)));
        });
      });
    });
  }

  /// The sums of `count` values of k of one block, not scaled.
  SmallVector<Value> productOfBlock(PanelWidening &widening, const PanelWidening::Block &block, ArrayRef<Value> rows,
                                    Value k, Value count, ValueRange zeros) {
    return code.loop(zero, count, 1, zeros, [&](Value i, ValueRange before) {
      SmallVector<Value> sums = llvm::to_vector(before), columns = widening.unscaled(block, code.add(k, i));
      // Every byte is read once, from memory: the hardware alone does not fetch it early enough.
      widening.prefetch(code.add(k, i));
      for (auto [r, row] : llvm::enumerate(rows)) {
        Value factor = code.broadcast(code.load(code.at(row, i, memory), sumType), vector);
        for (auto [j, column] : llvm::enumerate(columns)) {
          Value &sum = sums[r * shape.vectors + j];
          sum = multiplyAdd(factor, column, sum);
        }
      }
      return sums;
    });
  }

  /// The sums of a tile. `ahead` is what to prefetch next, and is moved on; null where nothing is.
  SmallVector<Value> accumulate(Value a, Value &ahead) {
    if (shape.block)
      return accumulateInBlocks(a, ahead);
    SmallVector<Value> carried(shape.rows * shape.vectors);
    for (int64_t j = 0; j < shape.vectors; ++j) {
      Value first = initial(j);
      for (int64_t i = 0; i < shape.rows; ++i)
        carried[i * shape.vectors + j] = first;
    }
    carried = toSteps(carried);
    if (shape.isOneRun) {
      SmallVector<Value> sums = product(rowsFrom(a), matrix, zero, depth, carried, ahead);
      if (ahead)
        ahead = sums.pop_back_val();
      return fromSteps(sums);
    }
    if (shape.mac.isOrdered)
      return accumulateLines(a, carried, ahead);
    unsigned count = carried.size();
    carried.push_back(a);
    if (matrix)
      carried.push_back(matrix);
    if (ahead)
      carried.push_back(ahead);
    // Sums and the place to prefetch come from the inner loop, the places in A and B from the outer one.
    auto next = [&](SmallVector<Value> inner, ValueRange outer, Value stepA, Value stepB) {
      SmallVector<Value> values(inner.begin(), inner.begin() + count);
      values.push_back(code.at(outer[count], stepA, memory));
      if (matrix)
        values.push_back(code.at(outer[count + 1], stepB, memoryOfB));
      if (ahead)
        values.push_back(inner.back());
      return values;
    };
    SmallVector<Value> sums = code.loop(zero, taps1, 1, carried, [&](Value, ValueRange outer) {
      if (shape.columnTaps && shape.body != TapBody::Product)
        return next(columns(outer[count], matrix ? outer[count + 1] : Value(), outer.take_front(count)), outer, tap1A,
                    tap1B);
      SmallVector<Value> inner = code.loop(zero, taps0, 1, outer, [&](Value, ValueRange tap) {
        ValueRange before = tap.take_front(count);
        if (shape.columnTaps) {
          // A panel of so few values of k is there soon: nothing is prefetched.
          SmallVector<Value> values = productOfColumns(tap[count], tap[count + 1], before);
          if (ahead)
            values.push_back(tap.back());
          return next(values, tap, tap0A, tap0B);
        }
        SmallVector<Value> rows = rowsFrom(tap[count]);
        return next(shape.body == TapBody::Product
                        ? product(rows, tap[count + 1], zero, depth, before, ahead ? tap.back() : Value())
                        : window(rows, matrix ? tap[count + 1] : Value(), before),
                    tap, tap0A, tap0B);
      });
      return next(inner, outer, tap1A, tap1B);
    });
    if (ahead)
      ahead = sums.back();
    sums.truncate(count);
    return fromSteps(sums);
  }

  /// The sums over lines of taps in an order each.
  SmallVector<Value> accumulateLines(Value a, SmallVector<Value> sums, Value &ahead) {
    if (ahead)
      sums.push_back(ahead);
    Value tables = code.at(matrix, code.mul(taps1, tap1B), memory), table = field(CallEntry::Table);
    sums = code.loop(zero, taps1, 1, sums, [&](Value line, ValueRange before) {
      SmallVector<Value> rows = rowsFrom(code.at(a, code.mul(line, tap1A), memory));
      Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, line, zero);
      return productInOrder(rows, code.at(matrix, code.mul(line, tap1B), memory),
                            code.at(tables, code.mul(line, table), memory), isFirst, depth, llvm::to_vector(before),
                            ahead);
    });
    if (ahead)
      ahead = sums.pop_back_val();
    return sums;
  }

  /// A sum in the type of totals of blocks.
  Value asTotal(Value sum) { return shape.mac.ofHalves ? widened(sum) : math.widenSum(sum, shape.mac.sum); }

  /// The same sums in blocks: each begins at zero, and is added to a total in f64, or in f32 where sums are f16.
  SmallVector<Value> accumulateInBlocks(Value a, Value &ahead) {
    SmallVector<Value> totals(shape.rows * shape.vectors);
    for (int64_t j = 0; j < shape.vectors; ++j) {
      Value first = asTotal(initial(j));
      for (int64_t i = 0; i < shape.rows; ++i)
        totals[i * shape.vectors + j] = first;
    }
    unsigned count = totals.size();
    auto add = [&](SmallVector<Value> sums, ValueRange before) {
      for (unsigned i = 0; i < count; ++i)
        sums[i] = arith::AddFOp::create(b, before[i], asTotal(sums[i]));
      return sums;
    };
    SmallVector<Value> zeros(count, code.zero(vector));
    /// values = body(first, end, values) for each block of [0, all).
    auto overBlocks = [&](Value all, int64_t size, ValueRange values,
                          function_ref<SmallVector<Value>(Value, Value, ValueRange)> body) {
      return code.loop(zero, all, size, values, [&](Value first, ValueRange carried) {
        Value end = arith::MinSIOp::create(b, code.add(first, code.constant(size)), all);
        return body(first, end, carried);
      });
    };
    if (ahead)
      totals.push_back(ahead);
    if (shape.body == TapBody::Product)
      totals = code.loop(zero, taps1, 1, totals, [&](Value line, ValueRange carried) {
        return code.loop(zero, taps0, 1, carried, [&](Value tap, ValueRange carried) {
          SmallVector<Value> rows = rowsFrom(tapOf(a, memory, line, tap1A, tap, tap0A));
          Value weights = tapOf(matrix, memoryOfB, line, tap1B, tap, tap0B);
          return overBlocks(depth, shape.block, carried, [&](Value first, Value end, ValueRange carried) {
            return add(product(rows, weights, first, end, zeros, ahead ? carried.back() : ahead), carried);
          });
        });
      });
    else
      totals = overBlocks(taps1, shape.block, totals, [&](Value firstLine, Value endLine, ValueRange carried) {
        // All taps of a line at once, or as many as are a block.
        Value taps = shape.columnTaps ? code.constant(1) : taps0;
        return overBlocks(taps, kSumBlock, carried, [&](Value firstTap, Value endTap, ValueRange carried) {
          SmallVector<Value> sums = code.loop(firstLine, endLine, 1, zeros, [&](Value line, ValueRange before) {
            return partOfLine(a, line, firstTap, endTap, before);
          });
          return add(sums, carried);
        });
      });
    if (ahead)
      ahead = totals.pop_back_val();
    for (Value &total : totals)
      total = math.narrowSum(total, shape.mac.sum);
    return totals;
  }

  /// Where a tap begins in an operand; null for one that does not exist.
  Value tapOf(Value start, Type element, Value line, Value stepOfLine, Value tap, Value stepOfTap) {
    if (!start)
      return {};
    return code.at(start, code.add(code.mul(line, stepOfLine), code.mul(tap, stepOfTap)), element);
  }

  /// Taps [firstTap, endTap) of a line of a window whose channels stay apart; all of them where columns are shared.
  SmallVector<Value> partOfLine(Value a, Value line, Value firstTap, Value endTap, ValueRange before) {
    if (shape.columnTaps)
      return columns(tapOf(a, memory, line, tap1A, zero, tap0A), tapOf(matrix, memoryOfB, line, tap1B, zero, tap0B),
                     before);
    return code.loop(firstTap, endTap, 1, before, [&](Value tap, ValueRange sums) {
      return window(rowsFrom(tapOf(a, memory, line, tap1A, tap, tap0A)),
                    tapOf(matrix, memoryOfB, line, tap1B, tap, tap0B), sums);
    });
  }

  /// A place in the next line, where that is so: what the ways from pixel to pixel are less than to there.
  TilePlace behindGap(TilePlace place, Value isBehind) {
    auto gap = [&](Value way) -> Value { return arith::SelectOp::create(b, isBehind, way, zero); };
    place.a = code.at(place.a, gap(lineGap), memory);
    place.c = code.at(place.c, gap(lineGapC), epilogue.storedElement());
    for (auto [k, leaf] : llvm::enumerate(epilogue.leaves()))
      if (leaf.variesByPixel)
        place.leaves[k] = code.at(place.leaves[k], gap(field(CallEntry::leafField(k, 1))), leaf.memoryElement());
    return place;
  }

  /// A place one row of the tile further, at row `i` of it, as far as it is written there.
  TilePlace nextRow(const TilePlace &place, Value i) {
    TilePlace next = TilePlace::from(advance(place, zero, rowC, 1, 2));
    if (!shape.goesOnInLines)
      return next;
    Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, code.add(columnOfTile, i), lineWidth);
    return behindGap(next, isFirst);
  }

  /// The places in A of the rows of a tile.
  SmallVector<Value> rowsFrom(Value first) {
    SmallVector<Value> rows{first};
    for (int64_t i = 1; i < shape.rows; ++i)
      rows.push_back(code.at(rows.back(), rowA, memory));
    for (int64_t i = 1; shape.goesOnInLines && i < shape.rows; ++i) {
      Value isBehind =
          arith::CmpIOp::create(b, arith::CmpIPredicate::sge, code.add(columnOfTile, code.constant(i)), lineWidth);
      rows[i] = code.at(rows[i], arith::SelectOp::create(b, isBehind, lineGap, zero), memory);
    }
    // Loads from eight bases and one index need no arithmetic; sums of one base and multiples of the stride do.
    if (shape.isUnrolled())
      for (Value &row : rows)
        row = code.opaque(row);
    return rows;
  }

  /// One tap of a window whose channels stay apart.
  SmallVector<Value> window(ArrayRef<Value> rows, Value weights, ValueRange before) {
    SmallVector<Value> sums = llvm::to_vector(before), factors;
    if (weights)
      for (int64_t j = 0; j < shape.vectors; ++j)
        factors.push_back(loadFactor(weights, j));
    for (int64_t i = 0; i < shape.rows; ++i)
      for (int64_t j = 0; j < shape.vectors; ++j) {
        Value x = loadInput(rows[i], j);
        addTap(sums[i * shape.vectors + j], x, weights ? factors[j] : Value());
      }
    return sums;
  }

  /// All inner taps of such a window, input column after input column: each is a tap of several pixels.
  SmallVector<Value> columns(Value column, Value weights, ValueRange before) {
    SmallVector<Value> sums = llvm::to_vector(before), factors;
    for (int64_t tap = 0; weights && tap < shape.columnTaps; ++tap) {
      for (int64_t j = 0; j < shape.vectors; ++j)
        factors.push_back(loadFactor(weights, j));
      weights = code.at(weights, tap0B, memoryOfB);
    }
    for (int64_t at = 0; at < (shape.rows - 1) * shape.columnStep + shape.columnTaps; ++at) {
      for (int64_t j = 0; j < shape.vectors; ++j) {
        Value x;
        for (int64_t i = 0; i < shape.rows; ++i) {
          int64_t tap = at - i * shape.columnStep;
          if (tap < 0 || tap >= shape.columnTaps)
            continue;
          if (!x)
            x = loadInput(column, j);
          addTap(sums[i * shape.vectors + j], x, matrix ? factors[tap * shape.vectors + j] : Value());
        }
      }
      column = code.at(column, tap0A, memory);
    }
    return sums;
  }

  /// What a window does once, after its last tap.
  void finish(SmallVectorImpl<Value> &sums) {
    for (auto [i, sum] : llvm::enumerate(sums))
      sum = complete(sum, i % shape.vectors);
    if (shape.body == TapBody::Sum) {
      Value divisor = code.load(code.at(entry, layout.at(CallEntry::Divisor), b.getI32Type()), b.getI32Type());
      divisor = arith::SIToFPOp::create(b, sumType, divisor);
      for (auto [i, sum] : llvm::enumerate(sums))
        sum = arith::DivFOp::create(b, sum, code.broadcast(divisor, vectorOf(i % shape.vectors)));
    } else if (shape.body == TapBody::SumOfSquares) {
      for (Value &sum : sums)
        sum = math::SqrtOp::create(b, sum);
    }
  }

  /// Applies the epilogue to the accumulators and stores them, column after column of the tile.
  void storeTile(SmallVector<Value> sums, const TilePlace &place) {
    finish(sums);
    ArrayRef<Leaf> leaves = epilogue.leaves();
    SmallVector<Span> spans = spansOfRow();
    if (stack) {
      for (auto [i, sum] : llvm::enumerate(sums))
        code.store(widened(sum), code.at(stack, i * shape.lanes, resultType));
      TilePlace first = place;
      code.loop(zero, code.constant(shape.rows), 1, place.list(), [&](Value i, ValueRange row) {
        TilePlace at = TilePlace::from(row);
        for (Span span : spans) {
          Value offset = code.add(code.mul(i, shape.width()), code.constant(span.first));
          Value sum = code.load(code.at(stack, offset, resultType), VectorType::get(span.lanes, resultType));
          SmallVector<Value> values;
          for (auto [leaf, address] : llvm::zip(leaves, at.leaves))
            values.push_back(loadLeaf(leaf, address, span));
          storeOne(sum, values, at.c, span);
        }
        return nextRow(at, code.add(i, code.constant(1))).list();
      });
      return;
    }
    if (shape.byLane && epilogue.storedElement().getIntOrFloatBitWidth() == 32)
      return storeRows(sums, place, spans);
    for (Span span : spans) {
      SmallVector<Value> values(leaves.size());
      for (auto [k, leaf] : llvm::enumerate(leaves))
        if (!leaf.variesByPixel)
          values[k] = loadLeaf(leaf, place.leaves[k], span);
      TilePlace row = place;
      auto readRow = [&](int64_t i) {
        if (i)
          row = nextRow(row, code.constant(i));
        for (auto [k, leaf] : llvm::enumerate(leaves))
          if (leaf.variesByPixel)
            values[k] = loadLeaf(leaf, row.leaves[k], span);
      };
      // A part of a row is stored under a mask that reaches into the next row. Where the result lies in the place of a
      // leaf, that row's load would wait for the store to leave the core: it goes first.
      bool readsAhead = epilogue.storedElement().getIntOrFloatBitWidth() < 32 && span.exists < span.lanes;
      readRow(0);
      for (int64_t i = 0; i < shape.rows; ++i) {
        SmallVector<Value> here = values;
        Value c = row.c;
        bool hasNext = i + 1 < shape.rows;
        if (readsAhead && hasNext)
          readRow(i + 1);
        storeRow(sumsOf(sums, i, span), here, c, span);
        if (!readsAhead && hasNext)
          readRow(i + 1);
      }
      storeWaiting();
    }
  }

  /// The same, row after row: vectors that lie side by side are loaded and stored in pairs.
  void storeRows(ArrayRef<Value> sums, TilePlace place, ArrayRef<Span> spans) {
    ArrayRef<Leaf> leaves = epilogue.leaves();
    SmallVector<SmallVector<Value>> values(spans.size(), SmallVector<Value>(leaves.size()));
    auto read = [&](bool variesByPixel) {
      for (auto [k, leaf] : llvm::enumerate(leaves))
        for (auto [j, span] : llvm::enumerate(spans))
          if (leaf.variesByPixel == variesByPixel)
            values[j][k] = loadLeaf(leaf, place.leaves[k], span);
    };
    read(false);
    for (int64_t i = 0; i < shape.rows; ++i) {
      if (i)
        place = nextRow(place, code.constant(i));
      read(true);
      for (auto [j, span] : llvm::enumerate(spans))
        storeOne(sumsOf(sums, i, span), values[j], place.c, span);
    }
  }
};

} // namespace

void cpu::emitRegisterTile(Code &code, const TileShape &shape, const Epilogue &epilogue,
                           Block::BlockArgListType arguments) {
  TileEmitter(code, shape, epilogue, arguments).run();
}
