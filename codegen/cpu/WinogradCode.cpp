// Each transform goes over the columns of a tile, then over its rows. The values between them are on the stack, or in
// registers where there are enough of these.
#include "codegen/cpu/WinogradCode.h"
#include "codegen/cpu/TileCode.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

std::string cpu::nameOfTransform(StringRef what, const WinogradPiece &piece, int64_t lanes, int64_t tail,
                                 bool isDilated) {
  std::string name;
  llvm::raw_string_ostream os(name);
  os << "nncc_winograd_" << what << '_' << piece.tile.h << 'x' << piece.tile.w;
  if (piece.outputs != piece.tile)
    os << "_cut" << piece.outputs.h << 'x' << piece.outputs.w;
  os << '_' << lanes << 't' << tail << (isDilated ? "_dilated" : "");
  return name;
}

namespace {

/// Multiplies vectors by the matrices of a transform: of floats, or of integers, which wrap.
class Transformer {
public:
  Transformer(Code &code, VectorType type) : b(code.b), type(type), isOfFloats(isa<FloatType>(type.getElementType())) {}

  /// Input values to points. The rows of +x and -x are the sum and the difference of their even and odd powers.
  SmallVector<Value> input(const WinogradTransform &transform, ArrayRef<Value> values) {
    if (transform.points() == 1)
      return llvm::to_vector(values);
    // Single points before pairs and behind them: fewer values are needed at once.
    int64_t pairs = transform.pairs(), singles = transform.points() - 2 * pairs;
    auto singlePoints = [&](int64_t from, int64_t count) {
      return llvm::map_to_vector(ArrayRef(transform.input).slice(2 * pairs + from, count),
                                 [&](ArrayRef<double> row) { return combine(row, values); });
    };
    SmallVector<Value> first = singlePoints(0, singles / 2), points;
    for (int64_t pair = 0; pair < pairs; ++pair) {
      ArrayRef<double> row = transform.input[2 * pair];
      SmallVector<double> even(row), odd(row);
      double highest = 0; // odd powers are made with factor 1 for the highest: one multiplication less
      for (auto [power, coefficient] : llvm::enumerate(row)) {
        (power % 2 ? even : odd)[power] = 0;
        if (power % 2 && coefficient != 0)
          highest = coefficient;
      }
      for (double &coefficient : odd)
        coefficient /= highest;
      Value sum = combine(even, values), difference = combine(odd, values);
      points.push_back(addScaled(highest, difference, sum));
      points.push_back(addScaled(-highest, difference, sum));
    }
    llvm::append_range(points, first);
    llvm::append_range(points, singlePoints(singles / 2, singles - singles / 2));
    return points;
  }

  /// Points to output values. Even powers of +x and -x are equal, odd ones opposite.
  SmallVector<Value> output(const WinogradTransform &transform, ArrayRef<Value> points) {
    if (transform.points() == 1)
      return llvm::to_vector(points);
    SmallVector<Value> sums, differences;
    for (int64_t pair = 0; pair < transform.pairs(); ++pair) {
      Value plus = points[2 * pair], minus = points[2 * pair + 1];
      sums.push_back(add(plus, minus));
      differences.push_back(subtract(plus, minus));
    }
    for (Value single : points.drop_front(2 * transform.pairs())) {
      sums.push_back(single);
      differences.push_back(single);
    }
    SmallVector<Value> outputs;
    for (auto [power, row] : llvm::enumerate(transform.output)) {
      SmallVector<double> factors;
      for (int64_t pair = 0; pair < transform.pairs(); ++pair)
        factors.push_back(row[2 * pair]);
      llvm::append_range(factors, llvm::drop_begin(row, 2 * transform.pairs()));
      outputs.push_back(combine(factors, power % 2 ? differences : sums));
    }
    return outputs;
  }

  Value add(Value x, Value y) {
    return isOfFloats ? arith::AddFOp::create(b, x, y).getResult() : arith::AddIOp::create(b, x, y).getResult();
  }

  /// A multiple of `divisor` of 32 bits, that may have wrapped, divided by it: the right integer where that is less
  /// than 2^31 by the power of two in the divisor. The odd part has an inverse modulo 2^32.
  Value divide(Value multiple, int64_t divisor) {
    int powers = llvm::countr_zero(static_cast<uint64_t>(divisor));
    if (auto odd = static_cast<uint32_t>(divisor >> powers); odd != 1) {
      // Every step of Newton's doubles the right bits, of which an odd number has three as its own inverse.
      uint32_t inverse = odd;
      for (int bits = 3; bits < 32; bits *= 2)
        inverse *= 2 - odd * inverse;
      multiple = arith::MulIOp::create(b, multiple, splat(APInt(32, inverse)));
    }
    return powers ? arith::ShRSIOp::create(b, multiple, splat(APInt(32, powers))).getResult() : multiple;
  }

private:
  ImplicitLocOpBuilder &b;
  VectorType type;
  bool isOfFloats;

  Value splat(const APInt &value) { return arith::ConstantOp::create(b, DenseElementsAttr::get(type, value)); }

  Value constant(double value) {
    if (!isOfFloats)
      return splat(APInt(type.getElementTypeBitWidth(), static_cast<int64_t>(value), /*isSigned=*/true));
    return arith::ConstantOp::create(b, DenseElementsAttr::get(type, static_cast<float>(value)));
  }

  Value subtract(Value x, Value y) {
    return isOfFloats ? arith::SubFOp::create(b, x, y).getResult() : arith::SubIOp::create(b, x, y).getResult();
  }

  Value multiply(double factor, Value value) {
    return isOfFloats ? arith::MulFOp::create(b, constant(factor), value).getResult()
                      : arith::MulIOp::create(b, constant(factor), value).getResult();
  }

  /// sum + factor * value
  Value addScaled(double factor, Value value, Value sum) {
    if (factor == 1)
      return add(sum, value);
    if (factor == -1)
      return subtract(sum, value);
    return isOfFloats ? vector::FMAOp::create(b, constant(factor), value, sum).getResult()
                      : add(sum, multiply(factor, value));
  }

  /// The sum of factors times values; one of factor 1 begins it, where there is one.
  Value combine(ArrayRef<double> factors, ArrayRef<Value> values) {
    size_t first = llvm::find(factors, 1.0) - factors.begin();
    bool hasOne = first < factors.size();
    if (!hasOne)
      first = llvm::find_if(factors, [](double factor) { return factor != 0; }) - factors.begin();
    Value sum = hasOne ? values[first] : multiply(factors[first], values[first]);
    for (size_t i = 0; i < factors.size(); ++i)
      if (i != first && factors[i] != 0)
        sum = addScaled(factors[i], values[i], sum);
    return sum;
  }
};

/// Where a tile lies, in tiles.
struct TilePosition {
  Value image, line, column;

  TilePosition(Code &code, Value number, Value tilesH, Value tilesW) {
    Value ofImage = code.mul(tilesH, tilesW);
    image = arith::DivUIOp::create(code.b, number, ofImage);
    Value inImage = arith::RemUIOp::create(code.b, number, ofImage);
    line = arith::DivUIOp::create(code.b, inImage, tilesW);
    column = arith::RemUIOp::create(code.b, inImage, tilesW);
  }
};

/// Where the lines (or pixels) of a tile lie along an axis of an image.
class TileAxis {
public:
  /// dilation  null: they lie side by side
  TileAxis(Code &code, int64_t outputs, Value dilation) : code(&code), outputs(outputs), dilation(dilation) {}

  /// The first one of tile `index`. Tiles of the images that lie between each other follow each other in turns.
  Value first(Value index) const {
    if (!dilation)
      return code->mul(index, outputs);
    Value inImage = arith::DivUIOp::create(code->b, index, dilation);
    Value image = arith::RemUIOp::create(code->b, index, dilation);
    return code->add(code->mul(code->mul(inImage, outputs), dilation), image);
  }

  /// So many of its lines, or the way from one to the next, in lines of the image.
  Value over(Value lines) const { return dilation ? code->mul(lines, dilation) : lines; }

  /// How many of its lines lie in so many of the image, at most `most`.
  Value within(Value lines, int64_t most) const {
    if (dilation) {
      Value before = code->add(dilation, code->constant(-1));
      Value some = arith::MaxSIOp::create(code->b, lines, code->constant(0));
      lines = arith::DivUIOp::create(code->b, code->add(some, before), dilation);
    }
    return arith::MinSIOp::create(code->b, lines, code->constant(most));
  }

private:
  Code *code;
  int64_t outputs;
  Value dilation;
};

/// The first tile of a strip whose rows of planes are all tiles.
Value firstOfPlanes(Code &code, Value first, Value tiles, Value strip) {
  return arith::MinSIOp::create(code.b, first, arith::SubIOp::create(code.b, tiles, strip));
}

Value reserve(Code &code, Type type, int64_t count) {
  return LLVM::AllocaOp::create(code.b, code.pointer(), type, code.constant(count), 64);
}

class InputEmitter {
public:
  InputEmitter(Code &code, const InputTransform &transform, Block::BlockArgListType arguments)
      : code(code), b(code.b), shape(transform), alongH(transform.piece.alongH(transform.isOfBytes())),
        alongW(transform.piece.alongW(transform.isOfBytes())), lanes(transform.lanes), image(arguments[0]),
        planes(arguments[1]), entry(arguments.drop_back().back()), number(arguments.back()),
        memory(memoryType(transform.element)), element(transform.isOfBytes() ? b.getI16Type() : memory),
        word(b.getI32Type()), vector(VectorType::get(lanes, element)), zero(code.constant(0)) {
    if (transform.hasZero)
      zeroPoint = widen(code.broadcast(code.load(arguments[2], memory), VectorType::get(lanes, memory)));
  }

  void run() {
    pixelStep = field(WinogradEntry::PixelStep);
    plane = field(WinogradEntry::Plane);
    vectors = field(WinogradEntry::Vectors);
    if (shape.isDilated) {
      dilationH = field(WinogradEntry::DilationH);
      dilationW = field(WinogradEntry::DilationW);
    }
    stack = reserve(code, vector, alongH.points() * alongW.points());
    Value strip = field(WinogradEntry::Strip), pitch = field(WinogradEntry::Pitch);
    Value first = firstOfPlanes(code, code.mul(number, strip), field(WinogradEntry::Tiles), strip);
    code.loop(zero, strip, 1, planes, [&](Value i, ValueRange target) -> SmallVector<Value> {
      transformTile(code.add(first, i), target.front());
      return {code.at(target.front(), pitch, word)};
    });
  }

private:
  Code &code;
  ImplicitLocOpBuilder &b;
  const InputTransform &shape;
  WinogradTransform alongH, alongW;
  int64_t lanes;
  Value image, planes, entry, number;
  Type memory, element; ///< of the input, and as it is computed with
  Type word;            ///< what strides of planes count
  VectorType vector;
  Value zero, zeroPoint, pixelStep, plane, vectors, stack;
  Value dilationH, dilationW;      ///< null where they are 1
  SmallVector<Value> lines, masks; ///< of the tile: where they begin, and all bits set where they exist
  Value begin, end, columnStep;    ///< the columns of the tile that exist, and the way from one to the next
  // Where values stay in registers, tiles that reach beyond the image are copied first, with zeros around, and all
  // tiles of bytes, as words.
  Value isCopied;
  SmallVector<Value> places;   ///< where lines of the tile, or of its copy, begin
  Value copyStep, channelStep; ///< the way from column to column there, and to the next vector of channels

  Value field(unsigned index) {
    return arith::ExtSIOp::create(b, b.getI64Type(), code.load(code.at(entry, index, b.getI32Type()), b.getI32Type()));
  }
  Value clamp(Value value, Value low, Value high) {
    return arith::MaxSIOp::create(b, arith::MinSIOp::create(b, value, high), low);
  }

  void transformTile(Value index, Value target) {
    TilePosition at(code, index, field(WinogradEntry::TilesH), field(WinogradEntry::TilesW));
    Value height = field(WinogradEntry::Height), width = field(WinogradEntry::Width), one = code.constant(1);
    TileAxis axisH(code, alongH.outputs(), dilationH), axisW(code, alongW.outputs(), dilationW);
    Value top = code.add(axisH.first(at.line), field(WinogradEntry::Top));
    Value left = code.add(axisW.first(at.column), field(WinogradEntry::Left));
    Value source = code.at(image, code.mul(at.image, field(WinogradEntry::ImageStep)), memory);
    source = code.at(source, code.mul(left, pixelStep), memory);
    // Columns that do not exist stay zeros on the stack; of lines, another one is read, and masked.
    Value columns = code.constant(alongW.points());
    auto within = [&](Value pixels) -> Value {
      return arith::MaxSIOp::create(b, axisW.within(pixels, alongW.points()), zero);
    };
    begin = within(arith::SubIOp::create(b, zero, left));
    end = within(arith::SubIOp::create(b, width, left));
    lines.clear();
    masks.clear();
    for (int64_t i = 0; i < alongH.points(); ++i) {
      Value line = code.add(top, axisH.over(code.constant(i)));
      Value inside = clamp(line, zero, arith::SubIOp::create(b, height, one));
      Value exists = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, line, inside);
      lines.push_back(code.at(source, code.mul(inside, field(WinogradEntry::LineStep)), memory));
      Type bits = b.getIntegerType(element.getIntOrFloatBitWidth());
      masks.push_back(code.broadcast(arith::ExtSIOp::create(b, bits, exists), vector.clone(bits)));
    }
    columnStep = axisW.over(pixelStep);
    if (shape.isInRegisters)
      return transformInRegisters(target, code.add(top, axisH.over(code.constant(alongH.points() - 1))), top, height);
    clearColumns(zero, begin);
    clearColumns(end, columns);
    code.loop(zero, vectors, 1, target, [&](Value i, ValueRange to) -> SmallVector<Value> {
      transform(code.mul(i, lanes), to.front(), lanes);
      return {code.at(to.front(), lanes, element)};
    });
    if (shape.tail) {
      Value offset = code.mul(vectors, lanes);
      transform(offset, code.at(target, offset, element), shape.tail);
    }
  }

  Value stackColumn(Value column) { return code.at(stack, code.mul(column, alongH.points() * lanes), element); }

  void clearColumns(Value from, Value to) {
    code.loop(from, to, 1, {}, [&](Value column, ValueRange) -> SmallVector<Value> {
      Value place = stackColumn(column);
      for (int64_t i = 0; i < alongH.points(); ++i)
        code.store(code.zero(vector), code.at(place, i * lanes, element));
      return {};
    });
  }

  /// One vector of channels, of which `count` exist, at `channel` of the pixels.
  void transform(Value channel, Value target, int64_t count) {
    Transformer transformer(code, vector);
    code.loop(begin, end, 1, {}, [&](Value column, ValueRange) -> SmallVector<Value> {
      Value offset = code.add(code.mul(column, columnStep), channel);
      SmallVector<Value> values;
      for (auto [line, mask] : llvm::zip(lines, masks))
        values.push_back(masked(loadPart(code.at(line, offset, memory), count), mask));
      Value place = stackColumn(column);
      for (auto [i, value] : llvm::enumerate(transformer.input(alongH, values)))
        code.store(value, code.at(place, i * lanes, element));
      return {};
    });
    Value rows = code.constant(alongH.points());
    code.loop(zero, rows, 1, {stack, target}, [&](Value, ValueRange at) -> SmallVector<Value> {
      SmallVector<Value> values;
      for (int64_t i = 0; i < alongW.points(); ++i)
        values.push_back(code.load(code.at(at[0], i * alongH.points() * lanes, element), vector));
      // One base and offsets that stay: no address is computed from the one before.
      for (auto [i, value] : llvm::enumerate(transformer.input(alongW, values)))
        code.store(value, code.at(at[1], code.mul(plane, i), word));
      return {code.at(at[0], lanes, element), code.at(at[1], code.mul(plane, shape.piece.planesOfLine()), word)};
    });
  }

  /// All channels of a tile whose lines begin at `top` and end with `bottom`, lines of an image that has `height`.
  void transformInRegisters(Value target, Value bottom, Value top, Value height) {
    auto compare = [&](arith::CmpIPredicate how, Value x, Value y) -> Value {
      return arith::CmpIOp::create(b, how, x, y);
    };
    Value columns = code.constant(alongW.points());
    Value isCut = arith::OrIOp::create(b, compare(arith::CmpIPredicate::slt, top, zero),
                                       compare(arith::CmpIPredicate::sge, bottom, height));
    Value isNarrow = compare(arith::CmpIPredicate::ne, arith::SubIOp::create(b, end, begin), columns);
    isCopied = shape.isOfBytes() ? arith::ConstantIntOp::create(b, 1, 1).getResult()
                                 : arith::OrIOp::create(b, isCut, isNarrow).getResult();
    auto choose = [&](Value ofCopy, Value ofImage) -> Value {
      return arith::SelectOp::create(b, isCopied, ofCopy, ofImage);
    };
    auto ifCopied = scf::IfOp::create(b, isCopied);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(ifCopied.thenYield());
      clearColumns(zero, columns);
    }
    copyStep = choose(code.constant(alongH.points() * lanes), columnStep);
    channelStep = choose(zero, code.constant(lanes));
    SmallVector<Value> values{target};
    for (auto [i, line] : llvm::enumerate(lines))
      values.push_back(choose(code.at(stack, static_cast<int64_t>(i) * lanes, element), line));
    values = code.loop(zero, vectors, 1, values,
                       [&](Value i, ValueRange at) { return transformVector(code.mul(i, lanes), at, lanes); });
    if (shape.tail)
      transformVector(code.mul(vectors, lanes), values, shape.tail);
  }

  /// One vector of channels: `at` is where its points begin in the planes, and where lines do. Returns these of the
  /// next one.
  SmallVector<Value> transformVector(Value channel, ValueRange at, int64_t count) {
    auto ifCopied = scf::IfOp::create(b, isCopied);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(ifCopied.thenYield());
      copyColumns(channel, count);
    }
    SmallVector<Value> lines = llvm::to_vector(at.drop_front());
    // All lines of points at once are too many values for larger tiles: first those of pairs.
    constexpr int64_t mostValues = 24;
    const int64_t points = alongH.points();
    const int64_t first = points * alongW.points() > mostValues ? 2 * alongH.pairs() : points;
    Value target = transformLines(lines, at.front(), 0, first, count);
    if (first < points) {
      // LLVM would keep what they share in registers, of which there are none.
      for (Value &line : lines)
        line = code.opaque(line);
      transformLines(lines, target, first, points, count);
    }
    SmallVector<Value> next{code.at(at.front(), lanes, element)};
    for (Value line : lines)
      next.push_back(code.at(line, channelStep, memory));
    return next;
  }

  /// The copy of the columns that exist, with zeros for lines that do not.
  void copyColumns(Value channel, int64_t count) {
    code.loop(begin, end, 1, {}, [&](Value column, ValueRange) -> SmallVector<Value> {
      Value offset = code.add(code.mul(column, columnStep), channel), place = stackColumn(column);
      for (auto [i, line] : llvm::enumerate(lines))
        code.store(masked(loadPart(code.at(line, offset, memory), count), masks[i]),
                   code.at(place, i * lanes, element));
      return {};
    });
  }

  /// The lines of points from `from` to `to`, the first of them at `target`; returns the place of the next one.
  Value transformLines(ArrayRef<Value> lines, Value target, int64_t from, int64_t to, int64_t count) {
    Transformer transformer(code, vector);
    SmallVector<SmallVector<Value>> columns; // points of each, of which only those lines are used
    for (int64_t column = 0; column < alongW.points(); ++column) {
      SmallVector<Value> values;
      for (Value line : lines)
        values.push_back(code.loadPart(code.at(line, code.mul(copyStep, column), element), vector,
                                       shape.isOfBytes() ? lanes : count));
      columns.push_back(transformer.input(alongH, values));
    }
    for (int64_t line = from; line < to; ++line) {
      SmallVector<Value> values;
      for (ArrayRef<Value> column : columns)
        values.push_back(column[line]);
      for (auto [i, value] : llvm::enumerate(transformer.input(alongW, values)))
        code.store(value, code.at(target, code.mul(plane, i), word));
      target = code.at(target, code.mul(plane, shape.piece.planesOfLine()), word);
    }
    return target;
  }

  /// The first `count` channels of a vector, bytes less their zero point. What is in the lanes behind them is
  /// multiplied by zeros.
  Value loadPart(Value address, int64_t count) {
    Value values = code.loadPart(address, VectorType::get(lanes, memory), count);
    if (!shape.isOfBytes())
      return values;
    values = widen(values);
    return zeroPoint ? arith::SubIOp::create(b, values, zeroPoint).getResult() : values;
  }

  Value widen(Value bytes) {
    return shape.element.isUnsignedInteger() ? arith::ExtUIOp::create(b, vector, bytes).getResult()
                                             : arith::ExtSIOp::create(b, vector, bytes).getResult();
  }

  Value masked(Value value, Value mask) {
    if (shape.isOfBytes())
      return arith::AndIOp::create(b, value, mask);
    Value bits = LLVM::BitcastOp::create(b, mask.getType(), value);
    return LLVM::BitcastOp::create(b, vector, arith::AndIOp::create(b, bits, mask));
  }
};

class OutputEmitter : TileCode {
public:
  OutputEmitter(Code &code, const TileShape &shape, const Epilogue &epilogue, Block::BlockArgListType arguments)
      : TileCode(code, shape, epilogue, arguments), isOfIntegers(isa<IntegerType>(sumType)),
        alongH(shape.winograd->alongH(isOfIntegers)), alongW(shape.winograd->alongW(isOfIntegers)),
        planesOfLine(shape.winograd->planesOfLine()), axisH(code, alongH.outputs(), Value()),
        axisW(code, alongW.outputs(), Value()), number(arguments.back()) {}

  void run() {
    plane = field(WinogradEntry::Plane);
    vectors = field(WinogradEntry::Vectors);
    if (shape.isDilated) {
      axisH = TileAxis(code, alongH.outputs(), field(WinogradEntry::DilationH));
      axisW = TileAxis(code, alongW.outputs(), field(WinogradEntry::DilationW));
    }
    pixelStep = axisW.over(field(WinogradEntry::PixelStep));
    lineStep = axisH.over(field(WinogradEntry::LineStep));
    for (unsigned k = 0; k < epilogue.leaves().size(); ++k) {
      leafLines.push_back(axisH.over(leafStep(k, 1)));
      leafPixels.push_back(axisW.over(leafStep(k, 2)));
    }
    if (!shape.isInRegisters)
      stack = reserve(code, vector, alongH.outputs() * alongW.points());
    // LLVM would keep it in registers, and copy these from line to line.
    line = code.opaque(reserve(code, vector, (shape.isInRegisters ? alongH.outputs() : 1) * alongW.outputs()));
    Value strip = field(WinogradEntry::Strip), tiles = field(WinogradEntry::Tiles), pitch = field(WinogradEntry::Pitch);
    Value first = code.mul(number, strip);
    Value skipped = arith::SubIOp::create(b, first, firstOfPlanes(code, first, tiles, strip));
    Value end = arith::MinSIOp::create(b, code.add(first, strip), tiles);
    Value source = code.at(start.a, code.mul(skipped, pitch), memory);
    code.loop(first, end, 1, source, [&](Value index, ValueRange from) -> SmallVector<Value> {
      finishTile(index, from.front());
      return {code.at(from.front(), pitch, memory)};
    });
  }

private:
  bool isOfIntegers;
  WinogradTransform alongH, alongW;
  int64_t planesOfLine;
  TileAxis axisH, axisW;
  Value number, plane, vectors, stack, line;
  Value lineStep, pixelStep; ///< from one of a tile to the next
  SmallVector<Value> leafLines, leafPixels;
  Value rows, columns; ///< of the tile, in the image

  Value leafStep(unsigned leaf, unsigned which) { return field(WinogradEntry::leafField(leaf, which)); }
  Value leafAt(unsigned k, Value leaf, Value offset) {
    return code.at(leaf, offset, epilogue.leaves()[k].memoryElement());
  }
  Value outputAt(Value place, Value offset) { return code.at(place, offset, epilogue.storedElement()); }

  void finishTile(Value index, Value source) {
    TilePosition at(code, index, field(WinogradEntry::TilesH), field(WinogradEntry::TilesW));
    Value top = code.add(axisH.first(at.line), field(WinogradEntry::Top));
    Value left = code.add(axisW.first(at.column), field(WinogradEntry::Left));
    rows = code.constant(alongH.outputs());
    columns = code.constant(alongW.outputs());
    if (!shape.isWhole) {
      Value below = arith::SubIOp::create(b, field(WinogradEntry::Height), top);
      Value behind = arith::SubIOp::create(b, field(WinogradEntry::Width), left);
      rows = axisH.within(below, alongH.outputs());
      columns = axisW.within(behind, alongW.outputs());
    }
    auto offsetOf = [&](Value image, Value line, Value pixel) {
      return code.add(code.add(code.mul(at.image, image), code.mul(top, line)), code.mul(left, pixel));
    };
    // The places in the planes, of the output and the bias, and of the leaves: all move along the channels.
    SmallVector<Value> places{
        source, outputAt(start.c, offsetOf(field(WinogradEntry::ImageStep), field(WinogradEntry::LineStep),
                                           field(WinogradEntry::PixelStep)))};
    if (bias)
      places.push_back(bias);
    for (auto [k, leaf] : llvm::enumerate(start.leaves))
      places.push_back(leafAt(k, leaf, offsetOf(leafStep(k, 0), leafStep(k, 1), leafStep(k, 2))));
    SmallVector<Value> rest = code.loop(zero, vectors, 1, places, [&](Value, ValueRange at) {
      finishVector(at, {0, shape.lanes, shape.lanes});
      return nextVector(at);
    });
    if (shape.tail != shape.lanes)
      finishVector(rest, {0, shape.lanes, shape.tail});
  }

  SmallVector<Value> nextVector(ValueRange places) {
    SmallVector<Value> next{code.at(places[0], shape.lanes, memory),
                            code.at(places[1], shape.lanes, epilogue.storedElement())};
    if (bias)
      next.push_back(code.at(places[2], shape.lanes, memory));
    for (auto [leaf, place] : llvm::zip(epilogue.leaves(), places.take_back(epilogue.leaves().size())))
      next.push_back(leaf.variesByChannel ? code.at(place, shape.lanes, leaf.memoryElement()) : place);
    return next;
  }

  /// One vector of channels of all pixels of the tile.
  void finishVector(ValueRange places, Span span) {
    if (shape.isInRegisters)
      return finishInRegisters(places, span);
    Transformer transformer(code, vector);
    code.loop(zero, code.constant(alongW.points()), 1, {places[0], stack}, [&](Value, ValueRange at) {
      SmallVector<Value> points;
      Value to = at[1];
      for (int64_t i = 0; i < alongH.points(); ++i)
        points.push_back(code.load(code.at(at[0], code.mul(plane, i * planesOfLine), memory), vector));
      for (auto [i, value] : llvm::enumerate(transformer.output(alongH, points)))
        code.store(value, code.at(to, i * alongW.points() * shape.lanes, memory));
      return SmallVector<Value>{code.at(at[0], plane, memory), code.at(to, shape.lanes, memory)};
    });
    Value added = biasAt(places, span);
    SmallVector<Value> lines{stack, places[1]};
    llvm::append_range(lines, places.take_back(epilogue.leaves().size()));
    code.loop(zero, rows, 1, lines, [&](Value, ValueRange at) {
      SmallVector<Value> points;
      for (int64_t i = 0; i < alongW.points(); ++i)
        points.push_back(code.load(code.at(at[0], i * shape.lanes, memory), vector));
      storeLine(sumsOfLine(transformer, points, added), at[1], at.drop_front(2), span);
      SmallVector<Value> next{code.at(at[0], alongW.points() * shape.lanes, memory), outputAt(at[1], lineStep)};
      for (auto [k, leaf] : llvm::enumerate(at.drop_front(2)))
        next.push_back(leafAt(k, leaf, leafLines[k]));
      return next;
    });
  }

  Value biasAt(ValueRange places, Span span) {
    if (!bias)
      return {};
    return shape.isBiasPadded ? code.load(places[2], vector) : code.loadPart(places[2], vector, span.exists);
  }

  /// What the pixels of a line are before the epilogue.
  SmallVector<Value> sumsOfLine(Transformer &transformer, ArrayRef<Value> points, Value added) {
    SmallVector<Value> sums = transformer.output(alongW, points);
    for (Value &sum : sums) {
      if (isOfIntegers)
        sum = transformer.divide(sum, alongH.divisor * alongW.divisor);
      sum = added ? transformer.add(sum, added) : sum;
    }
    return sums;
  }

  /// The same with all sums in registers. Pixels of a tile that is not whole, and what long epilogues take, pass the
  /// stack.
  void finishInRegisters(ValueRange places, Span span) {
    Transformer transformer(code, vector);
    SmallVector<SmallVector<Value>> ofColumns;
    Value from = places[0];
    for (int64_t column = 0; column < alongW.points(); ++column) {
      SmallVector<Value> points;
      for (int64_t i = 0; i < alongH.points(); ++i)
        points.push_back(code.load(code.at(from, code.mul(plane, i * planesOfLine), memory), vector));
      ofColumns.push_back(transformer.output(alongH, points));
      from = code.at(from, plane, memory);
    }
    Value added = biasAt(places, span);
    SmallVector<SmallVector<Value>> sums;
    for (int64_t i = 0; i < alongH.outputs(); ++i) {
      SmallVector<Value> points;
      for (ArrayRef<Value> column : ofColumns)
        points.push_back(column[i]);
      sums.push_back(sumsOfLine(transformer, points, added));
    }
    SmallVector<Value> first{places[1]};
    llvm::append_range(first, places.take_back(epilogue.leaves().size()));
    if (epilogue.isHeavy())
      return storeLines(sums, first, span);
    auto storeAll = [&] {
      SmallVector<Value> line = first;
      for (ArrayRef<Value> pixels : sums) {
        for (auto [j, sum] : llvm::enumerate(pixels))
          storePixel(sum, pixelOf(line, j), span);
        line = nextLine(line);
      }
    };
    if (shape.isWhole)
      return storeAll();
    auto isAll = [&](Value count, int64_t all) -> Value {
      return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, count, code.constant(all));
    };
    Value isWhole = arith::AndIOp::create(b, isAll(rows, alongH.outputs()), isAll(columns, alongW.outputs()));
    auto choice = scf::IfOp::create(b, isWhole, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    storeAll();
    b.setInsertionPointToStart(choice.elseBlock());
    storeLines(sums, first, span);
  }

  void storeLines(ArrayRef<SmallVector<Value>> sums, ArrayRef<Value> first, Span span) {
    const int64_t ofLine = alongW.outputs() * shape.lanes;
    for (auto [i, pixels] : llvm::enumerate(sums))
      for (auto [j, sum] : llvm::enumerate(pixels))
        code.store(sum, code.at(line, i * ofLine + j * shape.lanes, memory));
    code.loop(zero, rows, 1, first, [&](Value i, ValueRange places) {
      storeColumns(code.at(line, code.mul(i, ofLine), memory), places, span);
      return nextLine(places);
    });
  }

  /// Pixels side by side: all of them from registers where the line is whole and the epilogue short.
  void storeLine(ArrayRef<Value> sums, Value output, ValueRange leaves, Span span) {
    SmallVector<Value> first{output};
    llvm::append_range(first, leaves);
    if (epilogue.isHeavy())
      return storePixels(sums, first, span);
    auto storeAll = [&] {
      SmallVector<Value> places = first;
      for (Value sum : sums) {
        storePixel(sum, places, span);
        places = nextPixel(places);
      }
    };
    if (shape.isWhole)
      return storeAll();
    Value isWhole = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, columns, code.constant(alongW.outputs()));
    auto choice = scf::IfOp::create(b, isWhole, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    storeAll();
    b.setInsertionPointToStart(choice.elseBlock());
    storePixels(sums, first, span);
  }

  void storePixels(ArrayRef<Value> sums, ArrayRef<Value> first, Span span) {
    for (auto [i, sum] : llvm::enumerate(sums))
      code.store(sum, code.at(line, i * shape.lanes, memory));
    storeColumns(line, first, span);
  }

  /// The pixels that the tile has of a line, whose sums lie in memory.
  void storeColumns(Value sums, ValueRange first, Span span) {
    code.loop(zero, columns, 1, first, [&](Value i, ValueRange places) {
      storePixel(code.load(code.at(sums, code.mul(i, shape.lanes), memory), vector), places, span);
      return nextPixel(places);
    });
  }

  void storePixel(Value sum, ValueRange places, Span span) {
    SmallVector<Value> values;
    for (auto [leaf, place] : llvm::zip(epilogue.leaves(), places.drop_front()))
      values.push_back(loadLeaf(leaf, place, span));
    storeOne(sum, values, places.front(), span);
  }

  SmallVector<Value> nextPixel(ValueRange places) { return pixelOf(places, 1); }

  /// The places of the output and the leaves so many pixels further, or one line.
  SmallVector<Value> pixelOf(ValueRange places, int64_t pixels) {
    SmallVector<Value> next{outputAt(places.front(), code.mul(pixelStep, pixels))};
    for (auto [k, leaf] : llvm::enumerate(places.drop_front()))
      next.push_back(leafAt(k, leaf, code.mul(leafPixels[k], pixels)));
    return next;
  }
  SmallVector<Value> nextLine(ValueRange places) {
    SmallVector<Value> next{outputAt(places.front(), lineStep)};
    for (auto [k, leaf] : llvm::enumerate(places.drop_front()))
      next.push_back(leafAt(k, leaf, leafLines[k]));
    return next;
  }
};

} // namespace

void cpu::emitInputTransform(Code &code, const InputTransform &transform, Block::BlockArgListType arguments) {
  InputEmitter(code, transform, arguments).run();
}

void cpu::emitOutputTransform(Code &code, const TileShape &shape, const Epilogue &epilogue,
                              Block::BlockArgListType arguments) {
  OutputEmitter(code, shape, epilogue, arguments).run();
}
