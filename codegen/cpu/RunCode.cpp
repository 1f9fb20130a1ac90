// Floats are broadcast, or multiplied by lanes of A; bytes go by groups of k, in order or in that of a PanelOrder.
#include "codegen/cpu/RunCode.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

/// The rows of B in turn, from an address on, of trips or of a line of a plane.
class RunCode::RowsOfB {
public:
  RowsOfB(RunCode &tile, Value first) : tile(tile), code(tile.code), shape(tile.shape), at(first) {}

  SmallVector<Value> next() {
    SmallVector<Value> row;
    if (shape.loads.run > 1)
      return nextOfRuns();
    if (shape.loadsAhead()) {
      for (int64_t j = 0; j < shape.vectors; ++j)
        row.push_back(nextVector());
      return row;
    }
    row = tile.channelsOfB(at);
    at = code.at(at, tile.rowB, tile.memory);
    return row;
  }

  /// The next vector of trips. The load of the first two of a trip moves the place in B on, the others count back
  /// from there.
  Value nextVector() {
    const int64_t ofTrip = shape.tripSteps() * shape.vectors;
    if (vector == 0)
      behind = code.opaque(code.at(at, ofTrip * shape.lanes, tile.memory));
    Value place = vector < 2 ? code.at(at, vector * shape.lanes, tile.memory)
                             : code.at(behind, (vector - ofTrip) * shape.lanes, tile.memory);
    if (++vector == ofTrip) {
      vector = 0;
      at = behind;
    }
    return tile.loadChannels(place, 0, /*isPadded=*/true);
  }

  /// Where the next row begins, behind whole trips. Opaque: LLVM would compute where pointers stop anew, and keep
  /// where they began.
  Value end() { return shape.loads.run > 1 || shape.loadsAhead() ? at : code.opaque(at); }

private:
  RunCode &tile;
  Code &code;
  const TileShape &shape;
  Value at, behind;          ///< the next row, or its trip; what is behind that
  int64_t vector = 0;        ///< of the trip, the next one
  SmallVector<Value> loaded; ///< of runs, and not used

  /// Every load of a run moves the place in B on.
  SmallVector<Value> nextOfRuns() {
    while (static_cast<int64_t>(loaded.size()) < shape.vectors) {
      SmallVector<Value> run = code.loadRun(shape.runLoad, at, tile.vector, shape.loads.run);
      at = code.opaque(code.at(at, static_cast<int64_t>(run.size()) * shape.lanes, tile.memory));
      llvm::append_range(loaded, run);
    }
    SmallVector<Value> row(ArrayRef(loaded).take_front(shape.vectors));
    loaded.erase(loaded.begin(), loaded.begin() + shape.vectors);
    return row;
  }
};

void RunCode::prefetchNext(SmallVectorImpl<Value> &values, Value ahead) {
  if (!ahead)
    return;
  const int64_t lineElements = kLineBytes * 8 / memory.getIntOrFloatBitWidth();
  for (int64_t line = 0; line < shape.linesAhead; ++line)
    code.prefetch(code.at(values.back(), line * lineElements, memory));
  values.back() = code.at(values.back(), aheadStep, memory);
}

SmallVector<Value> RunCode::product(SmallVector<Value> rows, Value matrixRow, Value first, Value end, ValueRange before,
                                    Value ahead) {
  SmallVector<Value> sums = llvm::to_vector(before);
  if (ahead)
    sums.push_back(ahead);
  if (shape.mac.isOrdered)
    return productInOrder(rows, matrixRow, code.at(matrixRow, tap1B, memory), Value(), end, sums, ahead);
  const int64_t group = shape.mac.group(), trip = shape.tripDepth();
  Value done = shape.isUnrolled() ? arith::AndIOp::create(b, end, code.constant(-trip)).getResult() : first,
        origin = zero;
  if (shape.isOfLanes()) {
    sums = tripsOfLanes(rows, matrixRow, first, done, sums);
    origin = done;
  } else if (shape.isUnrolled()) {
    // By lane, one vector of A per row serves all steps of a trip.
    sums = code.loop(first, done, trip, sums, [&](Value k, ValueRange carried) {
      SmallVector<Value> values = llvm::to_vector(carried), lanes;
      if (shape.readsLanes())
        lanes = lanesOfA(rows, k, trip);
      Value block = code.at(matrixRow, code.mul(k, rowB), elementOfPanel);
      for (int64_t u = 0; u < shape.tripSteps(); ++u) {
        step(values, block, [&](int64_t i) {
          return shape.readsLanes() ? factorOfLane(lanes, i, u) : factorAt(rows, i, k, u * group, group);
        });
        block = code.at(block, code.mul(rowB, group), elementOfPanel);
      }
      prefetchNext(values, ahead);
      return values;
    });
  }
  Value wholeGroups = shape.rest ? code.add(end, code.constant(-shape.rest)) : end;
  if (shape.isStaged()) {
    std::tie(done, sums) = restOfTrip(rows, matrixRow, first, done, end, wholeGroups, sums);
    std::tie(done, sums) = shortTrips(rows, matrixRow, done, wholeGroups, sums);
  } else if (shape.byLane && shape.mac.dot && shape.tripSteps() > 2) {
    std::tie(done, sums) = shortTrips(rows, matrixRow, done, wholeGroups, sums);
  }
  auto stepAt = [&](SmallVectorImpl<Value> &values, Value k, int64_t count) {
    Value here = arith::SubIOp::create(b, k, origin);
    step(values, code.at(matrixRow, code.mul(here, rowB), elementOfPanel),
         [&](int64_t i) { return factorAt(rows, i, here, 0, count); });
  };
  if (trip > group || !shape.isUnrolled())
    sums = code.loop(done, wholeGroups, group, sums, [&](Value k, ValueRange carried) {
      SmallVector<Value> values = llvm::to_vector(carried);
      stepAt(values, k, group);
      if (!shape.isUnrolled())
        prefetchNext(values, ahead);
      return values;
    });
  if (shape.rest)
    stepAt(sums, wholeGroups, shape.rest);
  return sums;
}

SmallVector<Value> RunCode::productInOrder(ArrayRef<Value> rows, Value matrixRow, Value table, Value isFirst,
                                           Value count, SmallVector<Value> sums, Value ahead) {
  const int64_t group = shape.mac.group(), block = shape.tripDepth();
  // The last groups of a line are as many as a block has, where they are four.
  Value whole = isFirst ? code.add(count, code.constant(group - 1)) : count;
  whole = arith::AndIOp::create(b, whole, code.constant(-block));
  auto orderAt = [&](Value k, Value place) { return orderOfA(rows, k, code.at(table, place, memory)); };
  auto stepAt = [&](SmallVectorImpl<Value> &values, Value k, function_ref<Value(int64_t)> placeOf) {
    step(values, code.at(matrixRow, code.mul(k, rowB), elementOfPanel), [&](int64_t i) {
      Value four = LLVM::LoadOp::create(b, sumType, placeOf(i), /*alignment=*/1);
      return code.broadcast(four, vector);
    });
  };
  sums = code.loop(zero, whole, block, sums, [&](Value k, ValueRange carried) {
    SmallVector<Value> values = llvm::to_vector(carried);
    Value from = k;
    if (isFirst) { // PanelOrder::windowOf
      from = arith::MinSIOp::create(b, k, arith::SubIOp::create(b, count, code.constant(block)));
      from = arith::SelectOp::create(b, isFirst, arith::MaxSIOp::create(b, from, zero), from);
    }
    Value place = orderAt(from, k);
    for (int64_t u = 0; u < block; u += group)
      stepAt(values, code.add(k, code.constant(u)), [&](int64_t i) { return code.at(place, i * block + u, memory); });
    prefetchNext(values, ahead);
    return values;
  });
  // What is left of k is among its last values.
  Value hasRest = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, whole, count);
  sums = code.loop(zero, arith::ExtUIOp::create(b, b.getI64Type(), hasRest), 1, sums, [&](Value, ValueRange carried) {
    Value place = orderAt(arith::SubIOp::create(b, count, code.constant(block)), whole);
    return code.loop(whole, count, group, carried, [&](Value k, ValueRange inner) {
      SmallVector<Value> values = llvm::to_vector(inner);
      Value from = code.at(place, arith::SubIOp::create(b, k, whole), memory);
      stepAt(values, k, [&](int64_t i) { return code.at(from, i * block, memory); });
      return values;
    });
  });
  auto roundUp = [&](Value k, int64_t to) {
    return arith::AndIOp::create(b, code.add(k, code.constant(to - 1)), code.constant(-to)).getResult();
  };
  Value firsts = code.at(table, roundUp(count, block), memory), first = roundUp(count, group);
  auto numberAt = [&](Value numbers, Value i) {
    Value number = code.load(code.at(numbers, i, b.getI32Type()), b.getI32Type());
    return arith::ExtUIOp::create(b, b.getI64Type(), number).getResult();
  };
  return code.loop(zero, numberAt(sparesOfB, zero), 1, sums, [&](Value i, ValueRange carried) {
    SmallVector<Value> values = llvm::to_vector(carried);
    Value k = numberAt(firsts, i);
    step(values, code.at(matrixRow, code.mul(code.add(first, code.mul(i, group)), rowB), elementOfPanel),
         [&](int64_t row) { return factorAt(rows, row, k, 0, group); });
    return values;
  });
}

std::pair<Value, SmallVector<Value>> RunCode::restOfTrip(ArrayRef<Value> rows, Value matrixRow, Value first, Value done,
                                                         Value end, Value wholeGroups, ArrayRef<Value> sums) {
  const int64_t group = shape.mac.group(), trip = shape.tripDepth();
  Value back = code.add(end, code.constant(-trip));
  Value hasVector = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, back, first);
  Value hasGroups = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, done, wholeGroups);
  Value once = arith::ExtUIOp::create(b, b.getI64Type(), arith::AndIOp::create(b, hasVector, hasGroups));
  SmallVector<Value> added = code.loop(zero, once, 1, sums, [&](Value, ValueRange carried) {
    Value place = lanesOfA(rows, back, trip).front();
    return code.loop(done, wholeGroups, group, carried, [&](Value k, ValueRange inner) {
      SmallVector<Value> values = llvm::to_vector(inner);
      Value from = code.at(place, arith::SubIOp::create(b, k, back), b.getI16Type());
      step(values, code.at(matrixRow, code.mul(k, rowB), elementOfPanel),
           [&](int64_t i) { return factorOfLane(from, i, 0); });
      return values;
    });
  });
  return {arith::SelectOp::create(b, hasVector, wholeGroups, done), added};
}

std::pair<Value, SmallVector<Value>> RunCode::shortTrips(ArrayRef<Value> rows, Value matrixRow, Value first,
                                                         Value wholeGroups, ArrayRef<Value> sums) {
  const int64_t group = shape.mac.group(), steps = 2, trip = steps * group;
  Value count = arith::AndIOp::create(b, arith::SubIOp::create(b, wholeGroups, first), code.constant(-trip));
  Value end = code.add(first, count);
  SmallVector<Value> added = code.loop(first, end, trip, sums, [&](Value k, ValueRange carried) {
    SmallVector<Value> values = llvm::to_vector(carried), lanes = lanesOfA(rows, k, trip);
    for (int64_t u = 0; u < steps; ++u)
      step(values, code.at(matrixRow, code.mul(code.add(k, code.constant(u * group)), rowB), elementOfPanel),
           [&](int64_t i) { return factorOfLane(lanes, i, u); });
    return values;
  });
  return {end, added};
}

SmallVector<Value> RunCode::tripsOfLanes(SmallVector<Value> &rows, Value &matrixRow, Value first, Value done,
                                         ArrayRef<Value> sums) {
  const int64_t trip = shape.tripDepth(), count = sums.size();
  Value trips = arith::ShRUIOp::create(b, arith::SubIOp::create(b, done, first), code.constant(llvm::Log2_64(trip)));
  SmallVector<Value> carried = llvm::to_vector(sums);
  carried.push_back(code.at(matrixRow, code.mul(first, rowB), memory));
  for (Value row : rows)
    carried.push_back(code.at(row, first, memory));
  auto behind = [&](ValueRange now, int64_t together) {
    SmallVector<Value> values = llvm::to_vector(now);
    auto all = MutableArrayRef(values);
    tripsTogether(all.take_front(count), all.drop_front(count + 1), values[count], together);
    return values;
  };
  const int64_t together = shape.loads.pairedRows ? 2 : 1;
  if (together > 1) {
    Value isOdd = arith::TruncIOp::create(b, b.getI1Type(), trips);
    carried = code.when(isOdd, carried, [&] { return behind(carried, 1); });
    trips = arith::ShRUIOp::create(b, trips, code.constant(1));
  }
  carried = code.loop(zero, trips, 1, carried, [&](Value, ValueRange now) { return behind(now, together); });
  matrixRow = carried[count];
  rows.assign(carried.begin() + count + 1, carried.end());
  carried.truncate(count);
  return carried;
}

void RunCode::tripsTogether(MutableArrayRef<Value> sums, MutableArrayRef<Value> places, Value &block,
                            int64_t together) {
  const int64_t trip = shape.tripDepth(), steps = together * shape.tripSteps();
  SmallVector<SmallVector<Value>> ofA(shape.rows); // what is loaded of each row, the vector in use first
  auto loadRow = [&](int64_t i) {
    int64_t count = i < shape.loads.pairedRows ? together : 1;
    for (int64_t v = 0; v < count; ++v)
      llvm::append_range(ofA[i], lanesOfA(code.at(places[i], v * trip, memory), zero, trip));
    places[i] = code.opaque(code.at(places[i], count * trip, memory));
  };
  RowsOfB ofB(*this, block);
  SmallVector<Value> columns = ofB.next();
  for (int64_t u = 0; u < steps; ++u) {
    const int64_t lane = u % shape.tripSteps();
    const bool loadsAhead = shape.loadsAhead() && u + 1 < steps;
    SmallVector<Value> next;
    for (int64_t j = 0; j < shape.vectors; ++j) {
      for (int64_t i = 0; i < shape.rows; ++i) {
        if (lane == 0 && j == 0) {
          ofA[i].erase(ofA[i].begin(), ofA[i].begin() + (u > 0));
          if (ofA[i].empty())
            loadRow(i);
        }
        Value &sum = sums[i * shape.vectors + j];
        sum = multiplyStep(factorOfLane(ArrayRef(ofA[i]).take_front(), 0, lane), columns[j], sum);
      }
      // A core in order waits for what it loads: the next vectors come as soon as a pair of these is done with.
      if (loadsAhead && (j % 2 == 1 || j + 1 == shape.vectors))
        while (static_cast<int64_t>(next.size()) <= j)
          next.push_back(ofB.nextVector());
    }
    if (u + 1 < steps)
      columns = loadsAhead ? next : ofB.next();
  }
  block = ofB.end();
}

SmallVector<Value> RunCode::productOfColumns(Value line, Value weights, ValueRange before) {
  const int64_t columns = (shape.rows - 1) * shape.columnStep + shape.columnTaps;
  SmallVector<Value> lanes, sums = llvm::to_vector(before);
  RowsOfB ofB(*this, weights);
  // Every column by itself: one base and constants, no counter. Opaque: LLVM would keep those that two pixels read, for
  // which there are no registers.
  if (!shape.byLane) {
    for (int64_t k = 0; k < shape.columnTaps; ++k, line = code.opaque(line))
      step(sums, ofB.next(), [&](int64_t row) {
        Value column = code.load(code.at(line, row * shape.columnStep + k, memory), memory);
        return code.broadcast(asFactor(column, shape.mac.lhs), vector);
      });
    return sums;
  }
  // The last vector ends with the last column: nothing behind it may be read.
  auto firstOf = [&](int64_t i) { return std::min(i * shape.lanes, columns - shape.lanes); };
  for (int64_t i = 0; i * shape.lanes < columns; ++i)
    lanes.push_back(code.load(code.at(line, firstOf(i), memory), vector));
  for (int64_t k = 0; k < shape.columnTaps; ++k)
    step(sums, ofB.next(), [&](int64_t row) {
      int64_t column = row * shape.columnStep + k, i = column / shape.lanes;
      return factorOfLane(lanes, i, column - firstOf(i));
    });
  return sums;
}
