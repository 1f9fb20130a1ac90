// Which windows can sweep, how they are cut into blocks, and the code of one block. Why this form, and what it brings:
// docs/decisions/0006-sliding-windows.md.
#include "codegen/cpu/SlidingWindow.h"
#include "codegen/cpu/ByteWindow.h"
#include "codegen/cpu/Tiling.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

int64_t SlidingWindow::liveColumns() const { return llvm::divideCeil(tapsW, strideW); }

std::optional<SlidingWindow> SlidingWindow::match(Operation *root, TapBody body) {
  SlidingWindow window;
  ArrayRef<int64_t> strides, dilations, pads, in, out = typeOf(root->getResult(0)).getShape();
  bool countsPads = true;
  if (auto conv = dyn_cast<nn::Conv2DOp>(root)) {
    in = typeOf(conv.getInput()).getShape();
    strides = conv.getStrides(), dilations = conv.getDilations(), pads = conv.getPads();
    window.tapsH = typeOf(conv.getFilter()).getDimSize(1);
    window.tapsW = typeOf(conv.getFilter()).getDimSize(2);
  } else if (auto pool = dyn_cast<nn::Pool2DOp>(root)) {
    in = typeOf(pool.getInput()).getShape();
    strides = pool.getStrides(), dilations = pool.getDilations(), pads = pool.getPads();
    window.tapsH = pool.getKernel()[0];
    window.tapsW = pool.getKernel()[1];
    countsPads = pool.getCountIncludePad();
  } else {
    return std::nullopt;
  }
  window.inH = in[1], window.inW = in[2], window.outH = out[1], window.outW = out[2];
  window.strideH = strides[0], window.strideW = strides[1];
  window.padTop = pads[0], window.padLeft = pads[1];
  int64_t live = window.liveColumns();
  if (body == TapBody::Product || llvm::any_of(dilations, [](int64_t d) { return d != 1; }))
    return std::nullopt;
  // Windows that share nothing gain nothing; steps of very large ones, and long starts of lines, are much code.
  bool shares = window.tapsW > window.strideW || window.tapsH > window.strideH;
  if (!shares || live > 5 || window.tapsH * window.tapsW > 25)
    return std::nullopt;
  // Columns that are missing belong to the steps before the first and after the last stored one, which are written out.
  if (window.outW < std::max<int64_t>(live - 1, 1) || window.padLeft > (live - 1) * window.strideW ||
      window.inW + window.padLeft < window.outW * window.strideW)
    return std::nullopt;
  // Every row of a block has an input row. This and what an epilogue reads are all here that depends on rows: sums of
  // bytes are packed for how the whole runs, so chains ask whether some of its rows would run otherwise
  // (runsAlikeInParts() in ChainPlan.cpp). A condition more belongs there, too.
  if (window.padTop >= window.tapsH || (window.outH - 1) * window.strideH - window.padTop >= window.inH)
    return std::nullopt;
  // A mean has one divisor everywhere.
  if (body == TapBody::Sum) {
    bool isInside = (window.outH - 1) * window.strideH + window.tapsH <= window.inH + window.padTop + pads[2] &&
                    (window.outW - 1) * window.strideW + window.tapsW <= window.inW + window.padLeft + pads[3];
    bool hasPads = llvm::any_of(pads, [](int64_t pad) { return pad != 0; });
    if (!isInside || (hasPads && !countsPads))
      return std::nullopt;
  }
  if (auto reversed = root->getAttrOfType<IntegerAttr>(kReversedRowsAttr))
    window.reversed = reversed.getInt();
  return window;
}

std::optional<SlidingWindow> SlidingWindow::match(Operation *root, TapBody body, const Epilogue &epilogue) {
  // A heavy epilogue runs over the finished block, so sums have to fit the memory of the result.
  if (epilogue.isHeavy()) {
    Type element = typeOf(root->getResult(0)).getElementType();
    if (epilogue.storedElement() != memoryType(element) || computeType(element) != memoryType(element) ||
        llvm::any_of(epilogue.leaves(), [](const Leaf &leaf) { return leaf.variesByPixel; }))
      return std::nullopt;
  }
  return match(root, body);
}

int64_t SlidingWindow::chooseVectors(nn::MachineAttr machine, const MacForm &mac, int64_t vectors) const {
  // Two vectors fill the cache lines that a sweep passes by (AVX2), or the pair that is fetched together (AVX-512):
  // 14x14x512 took 46 instead of 95 us, 34 instead of 48. With 128 bits the weights of one vector stay in registers.
  // Bytes of two are half a load.
  bool fits =
      registersOf(mac, 2, 2) <= machine.getVectorRegisters() && (machine.getVectorBits() > 128 || mac.isOfBytes());
  return std::min<int64_t>(vectors, fits ? 2 : 1);
}

int64_t SlidingWindow::registersOf(const MacForm &mac, int64_t rows, int64_t vectors) const {
  // The sums, one input vector of each row or those of the groups of a window, weights.
  int64_t inputs = mac.dot ? RowGroups::of(mac, tapsH, strideH).steps * vectors : rows;
  return liveColumns() * rows * vectors + inputs + 2;
}

int64_t SlidingWindow::registersOfWeights(const MacForm &mac, int64_t rows, int64_t vectors) const {
  if (!mac.isOfBytes())
    return tapsH * tapsW * vectors;
  if (!mac.dot) // words: half as long as sums
    return tapsH * tapsW * llvm::divideCeil(vectors, 2);
  RowGroups groups = RowGroups::of(mac, tapsH, strideH);
  return tapsW * std::min(groups.unit, rows) * groups.steps * vectors;
}

int64_t SlidingWindow::chooseRows(nn::MachineAttr machine, const MacForm &mac, int64_t vectors) const {
  // Beyond four rows, or two that share less, nothing is gained.
  int64_t registers = machine.getVectorRegisters(), rows = strideH == 1 ? 4 : 2;
  while (rows > 1 && registersOf(mac, rows, vectors) > registers)
    --rows;
  // A row less, if that keeps the weights in registers beside what an epilogue needs: 4x4 with a PReLU spilled on NEON.
  constexpr int64_t epilogue = 6;
  int64_t weights = registersOfWeights(mac, rows, vectors);
  if (weights <= registers / 2)
    while (rows > 2 && weights + registersOf(mac, rows, vectors) + epilogue > registers)
      --rows;
  // Whole units of rows whose taps lie in the same groups.
  int64_t unit = RowGroups::of(mac, tapsH, strideH).unit;
  return rows > unit ? rows - rows % unit : rows;
}

SmallVector<SlidingWindow::Blocks> SlidingWindow::cut(nn::MachineAttr machine, const MacForm &mac,
                                                      int64_t vectors) const {
  int64_t rows = chooseRows(machine, mac, vectors);
  SmallVector<Blocks> blocks;
  int64_t first = 0, columns = (outW - 1) * strideW + tapsW;
  // After as many steps as columns are alive sums are in the same registers again. Where that is much code, sums move
  // in every step: on x86 moves of registers cost nothing, on NEON as much as a multiply-add.
  int64_t trip = liveColumns();
  if (machine.getFmaLane() ? trip * rows * tapsH * tapsW > 400 : trip > 3)
    trip = 1;
  for (RowCut cut : cutRows(outH, rows))
    for (int64_t i = 0; i < cut.tiles; ++i, first += cut.rows) {
      int64_t top = first * strideH - padTop, height = (cut.rows - 1) * strideH + tapsH;
      SlidingTile tile{.rows = cut.rows,
                       .tapsH = tapsH,
                       .tapsW = tapsW,
                       .strideH = strideH,
                       .strideW = strideW,
                       .firstRow = std::max<int64_t>(-top, 0),
                       .endRow = std::min(height, inH - top),
                       .before = padLeft,
                       .after = std::max<int64_t>(columns - padLeft - inW, 0),
                       .stepsPerTrip = trip,
                       .keepsWeights = registersOfWeights(mac, rows, vectors) + registersOf(mac, rows, vectors) <=
                                       machine.getVectorRegisters()};
      if (reversed > 0 && top < reversed)
        tile.reversed = reversed, tile.above = top;
      if (!blocks.empty() && blocks.back().tile == tile)
        ++blocks.back().count;
      else
        blocks.push_back({tile, first, 1, top + tile.firstRow});
    }
  return blocks;
}

namespace {

// Sums of a column that are too few to hide the latency of a multiply-add.
constexpr int64_t kFewSums = 1;

class SlidingEmitter : ByteWindow {
public:
  SlidingEmitter(Code &code, const TileShape &shape, const Epilogue &epilogue, Block::BlockArgListType arguments)
      : ByteWindow(code, shape, epilogue, arguments), tile(*shape.sliding),
        live(llvm::divideCeil(tile.tapsW, tile.strideW)) {}

  void run() {
    pixelA = field(CallEntry::RowA);
    pixelC = field(CallEntry::RowC);
    inputRow = field(CallEntry::InputRow);
    outputRow = field(CallEntry::OutputRow);
    trips = field(CallEntry::Tiles);
    rest = field(CallEntry::RestSteps);
    for (unsigned k = 0; k < epilogue.leaves().size(); ++k)
      pixelLeaf.push_back(epilogue.leaves()[k].variesByPixel ? field(CallEntry::leafField(k, 2)) : Value());
    if (isOfBytes()) {
      readTaps();
      for (int64_t j = 0; j < shape.vectors; ++j)
        begins.push_back(initial(j));
    } else if (matrix && tile.keepsWeights)
      for (int64_t tap = 0; tap < tile.tapsH * tile.tapsW; ++tap)
        for (int64_t j = 0; j < shape.vectors; ++j)
          factors.push_back(loadWeights(matrix, tap, j));
    Value lineA = code.mul(inputRow, tile.rows * tile.strideH), lineC = code.mul(outputRow, tile.rows);
    code.loop(zero, field(CallEntry::Lines), 1, start.list(), [&](Value, ValueRange carried) {
      TilePlace place = TilePlace::from(carried);
      sweep(place);
      return advance(place, lineA, lineC, 1, 1);
    });
  }

private:
  const SlidingTile &tile;
  const int64_t live;
  Value pixelA, pixelC, inputRow, outputRow, trips, rest;
  SmallVector<Value> pixelLeaf, factors;
  SmallVector<Value> begins;              ///< what sums of bytes begin with, by vector: corrected once for all steps
  SmallVector<Value> inputs, outputs;     ///< the way from the first row of the block to each
  SmallVector<SmallVector<Value>> leaves; ///< the same per leaf that varies by pixel
  TilePlace block;                        ///< where the block begins

  /// Sums of products of bytes: their taps are those of ByteWindow.
  bool isOfBytes() const { return shape.mac.isOfBytes(); }

  /// A pixel of the first row. Within a trip of a loop the pointer stays, so that all ways from it stay the same.
  struct Pixel {
    Value pointer, way;
    Type element;
  };

  /// What goes on from step to step: unfinished output columns, oldest first, and how far input, output and leaves are.
  struct State {
    SmallVector<Column> columns;
    Pixel input, output;
    SmallVector<Pixel> leaf;
  };

  /// A finished column that is to be stored, and where.
  struct Finished {
    Column sums;
    Pixel output;
    SmallVector<Pixel> leaf;
  };
  std::optional<Finished> finished;

  Pixel pixelAt(Value pointer, Type element) { return {pointer, zero, element}; }
  Value addressOf(const Pixel &pixel, Value row) {
    return code.at(pixel.pointer, code.add(pixel.way, row), pixel.element);
  }

  /// The values that a loop carries. LLVM would compute where the input is behind the loop beside the loop's own
  /// pointer: `isInLoop` keeps it from knowing. It still has to know that output and leaves are not the input.
  SmallVector<Value> listOf(const State &state, bool isInLoop) {
    SmallVector<Value> values;
    for (const Column &column : state.columns)
      values.append(column);
    Value input = addressOf(state.input, zero);
    values.append({isInLoop ? code.opaque(input) : input, addressOf(state.output, zero)});
    for (const Pixel &leaf : state.leaf)
      values.push_back(addressOf(leaf, zero));
    return values;
  }

  State stateFrom(ValueRange values, const State &like) {
    State state;
    int64_t size = tile.rows * shape.vectors;
    for (int64_t d = 1; d < live; ++d) {
      state.columns.push_back(llvm::to_vector(values.take_front(size)));
      values = values.drop_front(size);
    }
    state.input = pixelAt(values[0], like.input.element);
    state.output = pixelAt(values[1], like.output.element);
    for (auto [value, leaf] : llvm::zip(values.drop_front(2), like.leaf))
      state.leaf.push_back(pixelAt(value, leaf.element));
    return state;
  }

  Value loadWeights(Value from, int64_t tap, int64_t j) {
    return loadFactor(code.at(from, tap * shape.width(), memoryOfB), j);
  }

  SmallVector<Value> waysToRows(Value stride, int64_t count) {
    SmallVector<Value> ways;
    for (int64_t i = 0; i < count; ++i)
      ways.push_back(code.mul(stride, i));
    return ways;
  }

  void sweep(const TilePlace &place) {
    inputs.clear();
    for (int64_t row = tile.firstRow; row < tile.endRow; ++row)
      inputs.push_back(code.mul(inputRow, tile.placeOf(row) - tile.firstRow));
    outputs = waysToRows(outputRow, tile.rows);
    leaves.clear();
    block = place;
    State state;
    state.columns.resize(live - 1);
    state.input = pixelAt(code.at(place.a, code.mul(pixelA, -tile.before), memory), memory);
    state.output = pixelAt(place.c, epilogue.storedElement());
    for (auto [k, leaf] : llvm::enumerate(epilogue.leaves()))
      if (leaf.variesByPixel) {
        leaves.push_back(waysToRows(field(CallEntry::leafField(k, 3)), tile.rows));
        state.leaf.push_back(pixelAt(place.leaves[k], leaf.memoryElement()));
      }

    for (int64_t m = 0; m + 1 < live; ++m)
      step(state, /*starts=*/true, /*youngest=*/0, /*oldest=*/m,
           [&](int64_t e) { return m * tile.strideW + e >= tile.before; });
    auto always = [](int64_t) { return true; };
    int64_t perTrip = tile.stepsPerTrip;
    for (bool isRest : {false, true}) {
      if (isRest && perTrip == 1)
        break;
      SmallVector<Value> last =
          code.loop(zero, isRest ? rest : trips, 1, listOf(state, false), [&](Value, ValueRange carried) {
            State inner = stateFrom(carried, state);
            for (int64_t i = 0; i < (isRest ? 1 : perTrip); ++i)
              step(inner, true, 0, live - 1, always);
            storeFinished();
            return listOf(inner, true);
          });
      state = stateFrom(last, state);
    }
    // Of the columns behind the last one that starts a sum, as many exist as windows reach and the input has.
    for (int64_t t = 0; t + 1 < live; ++t)
      step(state, /*starts=*/false, /*youngest=*/t + 1, /*oldest=*/live - 1,
           [&](int64_t e) { return t * tile.strideW + e < tile.tapsW - tile.strideW - tile.after; });
    storeFinished();
    if (epilogue.isHeavy())
      finishBlock();
  }

  void move(Pixel &pixel, Value stride, int64_t count) { pixel.way = code.add(pixel.way, code.mul(stride, count)); }

  /// Takes in as many columns of the input as the stride has. The output column of age d is at its taps
  /// d * strideW + e; those from `youngest` to `oldest` exist, and the one of age live - 1 is finished.
  void step(State &state, bool starts, int64_t youngest, int64_t oldest, function_ref<bool(int64_t e)> exists) {
    SmallVector<Column> byAge(live);
    if (starts)
      for (int64_t i = 0; i < tile.rows; ++i)
        for (int64_t j = 0; j < shape.vectors; ++j)
          byAge[0].push_back(isOfBytes() ? begins[j] : initial(j));
    for (int64_t age = 1; age < live; ++age)
      byAge[age] = state.columns[state.columns.size() - age];

    // Weights that do not stay in registers are read again in every step, each for all rows.
    if (isOfBytes())
      beginStep();
    Value weights = matrix && !tile.keepsWeights && !isOfBytes() ? code.opaque(matrix, /*staysInPlace=*/true) : Value();
    for (int64_t e = 0; e < tile.strideW; ++e) {
      if (!exists(e) && !isOfBytes())
        continue;
      Pixel input = state.input;
      move(input, pixelA, e);
      if (isOfBytes()) {
        addColumn(byAge, e, youngest, oldest, [&](int64_t r) {
          bool isThere = exists(e) && r >= tile.firstRow && r < tile.endRow;
          return isThere ? addressOf(input, inputs[r - tile.firstRow]) : Value();
        });
        continue;
      }
      for (int64_t j = 0; j < shape.vectors; ++j) {
        SmallVector<Value> column(tile.endRow);
        for (int64_t h = 0; h < tile.tapsH; ++h)
          for (int64_t age = youngest; age <= oldest && age * tile.strideW + e < tile.tapsW; ++age) {
            int64_t tap = h * tile.tapsW + age * tile.strideW + e;
            Value factor;
            for (int64_t i = 0; i < tile.rows; ++i) {
              int64_t r = i * tile.strideH + h;
              if (r < tile.firstRow || r >= tile.endRow)
                continue;
              if (!column[r])
                column[r] = loadInput(addressOf(input, inputs[r - tile.firstRow]), j);
              if (matrix && !factor)
                factor = weights ? loadWeights(weights, tap, j) : factors[tap * shape.vectors + j];
              addTap(byAge[age][i * shape.vectors + j], column[r], factor);
            }
          }
      }
    }
    move(state.input, pixelA, tile.strideW);

    if (oldest == live - 1) {
      // The epilogue of one column waits for its last multiply-add: it follows those of the next.
      storeFinished();
      finished = Finished{byAge.back(), state.output, state.leaf};
      if (tile.rows * shape.vectors > kFewSums)
        storeFinished();
      move(state.output, pixelC, 1);
      unsigned next = 0;
      for (Value stride : pixelLeaf)
        if (stride)
          move(state.leaf[next++], stride, 1);
    }
    state.columns.assign(byAge.rbegin() + 1, byAge.rend());
  }

  void storeFinished() {
    if (!finished)
      return;
    storeColumn(finished->sums, *finished);
    finished.reset();
  }

  void storeColumn(Column sums, const Finished &state) {
    if (shape.body == TapBody::Sum) {
      Value divisor = arith::ConstantOp::create(b, b.getFloatAttr(sumType, double(tile.tapsH * tile.tapsW)));
      for (auto [i, sum] : llvm::enumerate(sums))
        sum = arith::DivFOp::create(b, sum, code.broadcast(divisor, vectorOf(i % shape.vectors)));
    } else if (shape.body == TapBody::SumOfSquares) {
      for (Value &sum : sums)
        sum = math::SqrtOp::create(b, sum);
    }
    for (auto [i, sum] : llvm::enumerate(sums))
      sum = complete(sum, i % shape.vectors);
    for (Span span : spansOfRow()) {
      for (int64_t i = 0; i < tile.rows; ++i) {
        Value row = addressOf(state.output, outputs[i]), sum = sumsOf(sums, i, span);
        if (epilogue.isHeavy())
          code.storePart(sum, code.at(row, span.first, resultType), span.exists);
        else
          storeRow(sum, leafValues(i, span, state), row, span);
      }
      storeWaiting();
    }
  }

  SmallVector<Value> leafValues(int64_t i, Span span, const Finished &state) {
    SmallVector<Value> values;
    unsigned next = 0;
    for (auto [k, leaf] : llvm::enumerate(epilogue.leaves())) {
      Value place = block.leaves[k];
      if (leaf.variesByPixel) {
        place = addressOf(state.leaf[next], leaves[next][i]);
        ++next;
      }
      values.push_back(loadLeaf(leaf, place, span));
    }
    return values;
  }

  /// The epilogue over the sums of the block, which lie where its results belong.
  void finishBlock() {
    int64_t perTrip = tile.stepsPerTrip;
    Value width = code.add(code.add(code.mul(trips, perTrip), perTrip > 1 ? rest : zero), code.constant(live - 1));
    code.loop(zero, code.constant(tile.rows), 1, block.c, [&](Value, ValueRange line) -> SmallVector<Value> {
      code.loop(zero, width, 1, line, [&](Value, ValueRange pixel) -> SmallVector<Value> {
        for (int64_t j = 0; j < shape.vectors; ++j) {
          auto [first, lanes, exists] = span(j);
          Value sums = code.loadPart(code.at(pixel[0], first, resultType), VectorType::get(lanes, resultType), exists);
          storeOne(sums, leafValues(0, span(j), Finished()), pixel[0], span(j));
        }
        return {code.at(pixel[0], pixelC, resultType)};
      });
      return {code.at(line[0], outputRow, resultType)};
    });
  }
};

} // namespace

void cpu::emitSlidingWindow(Code &code, const TileShape &shape, const Epilogue &epilogue,
                            Block::BlockArgListType arguments) {
  SlidingEmitter(code, shape, epilogue, arguments).run();
}
