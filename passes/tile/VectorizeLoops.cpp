// Turns every linalg.generic into loops over vectors: collapse, choose the contiguous loop, whole tiles, static tails.
#include "dialects/nn/NN.h"
#include "dialects/nn/Origin.h"
#include "dialects/nn/Parts.h"
#include "lib/support/Assert.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "passes/Passes.h"
#include "passes/check/Stage.h"
#include "passes/lower/ConstantTable.h"
#include "passes/lower/LoopBuilder.h"
#include "passes/lower/Machine.h"
#include "llvm/ADT/TypeSwitch.h"
#include <numeric>

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_VECTORIZELOOPS
#include "passes/Passes.h.inc"

namespace {

/// constant + sum(coefficients[d] * dim d), or failure for an expression that is not linear.
LogicalResult linear(AffineExpr expr, int64_t factor, MutableArrayRef<int64_t> coefficients, int64_t &constant) {
  if (auto number = dyn_cast<AffineConstantExpr>(expr)) {
    constant += factor * number.getValue();
    return success();
  }
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    coefficients[dim.getPosition()] += factor;
    return success();
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (binary && expr.getKind() == AffineExprKind::Add)
    return success(succeeded(linear(binary.getLHS(), factor, coefficients, constant)) &&
                   succeeded(linear(binary.getRHS(), factor, coefficients, constant)));
  if (binary && expr.getKind() == AffineExprKind::Mul)
    if (auto number = dyn_cast<AffineConstantExpr>(binary.getRHS()))
      return linear(binary.getLHS(), factor * number.getValue(), coefficients, constant);
  return failure();
}

/// The loops of one linalg.generic and what it does in them.
class Vectorizer {
public:
  Vectorizer(linalg::GenericOp op, const nn::MachineAttr &machine)
      : op(op), builder(op), build(builder, op.getLoc(), machine.getMostLanes()), machine(machine) {}

  LogicalResult run() {
    SmallVector<int64_t> extents = op.getStaticLoopRanges();
    nest.extents.assign(extents.begin(), extents.end());
    for (utils::IteratorType iterator : op.getIteratorTypesArray())
      nest.isReduced.push_back(iterator != utils::IteratorType::parallel);
    for (OpOperand &operand : op->getOpOperands())
      if (failed(addAccess(operand)))
        return op.emitOpError() << "has an operand that is not read by linear indices";
    if (nest.isEmpty())
      return success();
    if (llvm::is_contained(nest.isReduced, true) || op.getNumDpsInits() != 1) {
      scalarLoops();
      return success();
    }
    orderByOutput();
    nest.simplify();
    if (nest.extents.empty())
      addLoop(); // a single element can be left to one part, too
    emit();
    return success();
  }

private:
  Access &output() { return nest.accesses.back(); }

  LogicalResult addAccess(OpOperand &operand) {
    auto type = cast<MemRefType>(operand.get().getType());
    Access access = build.flatten(operand.get(), type.getElementType());
    access.strides.assign(nest.extents.size(), 0);
    SmallVector<int64_t> strides;
    int64_t offset;
    (void)type.getStridesAndOffset(strides, offset);
    for (auto [stride, expr] : llvm::zip(strides, op.getMatchingIndexingMap(&operand).getResults())) {
      SmallVector<int64_t> coefficients(nest.extents.size(), 0);
      int64_t constant = 0;
      if (failed(linear(expr, 1, coefficients, constant)))
        return failure();
      access.offset += constant * stride;
      for (auto [loop, coefficient] : llvm::enumerate(coefficients))
        access.strides[loop] += coefficient * stride;
    }
    nest.accesses.push_back(access);
    return success();
  }

  /// The loop that moves the output least is the innermost: writes go through memory in order.
  void orderByOutput() {
    SmallVector<size_t> order = llvm::to_vector(llvm::seq<size_t>(0, nest.extents.size()));
    llvm::sort(order, [&](size_t a, size_t b) {
      return std::pair(-output().strides[a], a) < std::pair(-output().strides[b], b);
    });
    Nest sorted;
    sorted.accesses = nest.accesses;
    for (auto [to, from] : llvm::enumerate(order)) {
      sorted.extents.push_back(nest.extents[from]);
      sorted.isReduced.push_back(nest.isReduced[from]);
      for (auto [access, old] : llvm::zip(sorted.accesses, nest.accesses))
        access.strides[to] = old.strides[from];
    }
    nest = sorted;
  }

  /// A loop of one trip.
  void addLoop() {
    nest.extents.push_back(1);
    nest.isReduced.push_back(false);
    for (Access &access : nest.accesses)
      access.strides.push_back(0);
  }

  //===-- the body ------------------------------------------------------===//

  /// The body once, on values loaded at the cursor: scalars or vectors.
  Value compute(ValueRange loaded, int64_t lanes) {
    Block &body = *op.getBody();
    IRMapping mapping;
    for (auto [argument, value] : llvm::zip(body.getArguments(), loaded))
      mapping.map(argument, value);
    for (Operation &inner : body.without_terminator()) {
      if (auto constant = dyn_cast<arith::ConstantOp>(inner); constant && lanes > 1) {
        auto type = VectorType::get({lanes}, constant.getType());
        auto splat = DenseElementsAttr::get(type, constant.getValue());
        mapping.map(constant.getResult(), arith::ConstantOp::create(builder, inner.getLoc(), splat).getResult());
        continue;
      }
      if (auto load = dyn_cast<memref::LoadOp>(inner); load && lanes > 1) {
        mapping.map(load.getResult(), lookUp(load, mapping, lanes));
        continue;
      }
      Operation *clone = builder.clone(inner, mapping);
      if (lanes > 1)
        for (Value result : clone->getResults())
          result.setType(VectorType::get({lanes}, result.getType()));
    }
    return build.splat(mapping.lookupOrDefault(body.getTerminator()->getOperand(0)), lanes);
  }

  /// Elements of a table at computed positions.
  Value lookUp(memref::LoadOp load, const IRMapping &mapping, int64_t lanes) {
    Value table = mapping.lookupOrDefault(load.getMemRef()), positions = mapping.lookup(load.getIndices().front());
    return gatherAll(builder, load.getLoc(), table, positions);
  }

  SmallVector<Value> loadAll(const Cursor &cursor) {
    SmallVector<Value> loaded;
    for (Access &access : nest.accesses) {
      // What the body does not use (mostly the output) is not read.
      bool isUsed = !op.getBody()->getArgument(loaded.size()).use_empty();
      loaded.push_back(isUsed ? build.loadRaw(access, cursor) : unused(access, cursor.lanes));
    }
    return loaded;
  }

  Value unused(const Access &access, int64_t lanes) {
    Type scalar = cast<MemRefType>(access.memory.getType()).getElementType();
    Value zero = arith::ConstantOp::create(builder, op.getLoc(), builder.getZeroAttr(scalar));
    return build.splat(zero, lanes);
  }

  void point(const Cursor &cursor) { build.storeRaw(output(), cursor, compute(loadAll(cursor), cursor.lanes)); }

  //===-- loops ---------------------------------------------------------===//

  void scalarLoops() {
    SmallVector<int> all = llvm::to_vector(llvm::seq<int>(0, nest.extents.size()));
    build.loops(nest, all, Cursor(), [&](const Cursor &cursor) { point(cursor); });
  }

  /// Bits of the widest value that the body works on. Positions in tables stay the bytes that they were.
  int64_t widestBits() {
    int64_t bits = 8;
    auto see = [&](Type type) {
      if (!type.isInteger(1) && type.isIntOrFloat())
        bits = std::max<int64_t>(bits, type.getIntOrFloatBitWidth());
    };
    for (Type type : op.getBody()->getArgumentTypes())
      see(type);
    for (Operation &inner : *op.getBody())
      for (Type type : inner.getResultTypes())
        see(type);
    return bits;
  }

  void emit() {
    // The innermost loop in which the output is contiguous; the longest loop where a step between elements is needed
    // anyway.
    int innermost = -1;
    for (int loop = 0, end = nest.extents.size(); loop < end; ++loop)
      if (output().strides[loop] == 1)
        innermost = loop;
    // Wide elements take two registers: tiles have at least four lanes.
    int64_t lanes = std::max<int64_t>(4, machine.lanes(widestBits()));
    if (innermost < 0)
      return scalarOrStrided(innermost, lanes);
    if (int other = transposedLoop(innermost); other >= 0)
      return emitTransposed(innermost, other, lanes);
    if (int other = planesLoop(innermost); other >= 0)
      return emitPlanes(innermost, other, 2 * lanes);
    if (int other = groupedLoop(innermost, lanes); other >= 0)
      return emitGrouped(innermost, other, lanes);
    if (int other = interleavedLoop(innermost); other >= 0)
      return emitInterleaved(innermost, other, lanes);
    if (nest.extents[innermost] < 4)
      return scalarOrStrided(innermost, lanes);

    // Two registers at once, unless the body is so long that they would spill: one waits while the other computes.
    constexpr int64_t kLongBody = 96;
    bool isLong = std::distance(op.getBody()->begin(), op.getBody()->end()) > kLongBody;
    vectorLoops(innermost, isLong ? lanes : 2 * lanes);
  }

  void vectorLoops(int vectorLoop, int64_t lanes) {
    SmallVector<int> outer;
    for (int loop = 0, end = nest.extents.size(); loop < end; ++loop)
      if (loop != vectorLoop)
        outer.push_back(loop);
    build.loops(nest, outer, Cursor(), [&](const Cursor &cursor) {
      build.tiles(nest.extents[vectorLoop], lanes, [&](Value begin, int64_t count) {
        Cursor here = cursor;
        here.indices[vectorLoop] = begin;
        here.vectorLoop = vectorLoop;
        here.lanes = count;
        point(here);
      });
    });
  }

  /// So much that vectors pay, even if they are loaded and stored element by element.
  bool computes() { return std::distance(op.getBody()->begin(), op.getBody()->end()) > 4; }

  /// No loop worth a vector load of the output: when the body computes, vectors along the longest loop still pay.
  void scalarOrStrided(int innermost, int64_t lanes) {
    int longest = -1;
    for (int loop = 0, end = nest.extents.size(); loop < end; ++loop)
      if (nest.extents[loop] >= 4 && (longest < 0 || nest.extents[loop] > nest.extents[longest]))
        longest = loop;
    if (computes() && longest >= 0)
      return vectorLoops(longest, lanes);
    scalarLoops();
  }

  /// A loop other than `innermost` in which an input is contiguous that steps in `innermost`: the input lies
  /// transposed.
  int transposedLoop(int innermost) {
    for (Access &access : nest.accesses) {
      if (&access == &output() || access.strides[innermost] == 0 || access.strides[innermost] == 1)
        continue;
      for (int loop = 0, end = nest.extents.size(); loop < end; ++loop)
        if (loop != innermost && access.strides[loop] == 1 && nest.extents[loop] >= 4 && nest.extents[innermost] >= 4)
          return loop;
    }
    return -1;
  }

  /// A loop around a very short `innermost` (the channels of an image) that steps from one group of elements to the
  /// next in the output, while an input is contiguous in it (planes become pixels), or there is much to compute.
  int interleavedLoop(int innermost) {
    int64_t group = nest.extents[innermost];
    if (group < 2 || group > 4)
      return -1;
    for (int loop = 0, end = nest.extents.size(); loop < end; ++loop)
      if (loop != innermost && output().strides[loop] == group && nest.extents[loop] >= 4 &&
          (computes() || llvm::any_of(nest.accesses, [&](const Access &access) { return access.strides[loop] == 1; })))
        return loop;
    return -1;
  }

  /// True for an input whose elements along `innermost` are groups, with the elements of a group along `other`.
  bool isPixels(const Access &access, int innermost, int other) {
    return &access != &output() && access.strides[other] == 1 && access.strides[innermost] == nest.extents[other];
  }

  /// A loop over two or three planes of the output whose elements are those of pixels in an input.
  int planesLoop(int innermost) {
    for (int loop = 0, end = nest.extents.size(); loop < end; ++loop) {
      if (loop == innermost || nest.extents[loop] < 2 || nest.extents[loop] > 3 || nest.extents[innermost] < 4)
        continue;
      bool hasPixels = false, isEasy = true;
      for (Access &access : nest.accesses) {
        bool isPixel = isPixels(access, innermost, loop);
        hasPixels |= isPixel;
        isEasy &= isPixel || access.strides[innermost] == 0 || access.strides[innermost] == 1;
      }
      if (hasPixels && isEasy)
        return loop;
    }
    return -1;
  }

  /// Pixels are loaded whole and taken apart in registers: one vector for each plane.
  void emitPlanes(int innermost, int other, int64_t lanes) {
    int64_t group = nest.extents[other];
    SmallVector<int> outer;
    for (int loop = 0, end = nest.extents.size(); loop < end; ++loop)
      if (loop != innermost && loop != other)
        outer.push_back(loop);
    build.loops(nest, outer, Cursor(), [&](const Cursor &cursor) {
      build.tiles(nest.extents[innermost], lanes, [&](Value begin, int64_t count) {
        Cursor here = cursor;
        here.indices[innermost] = begin;
        here.indices[other] = build.index(0);
        here.vectorLoop = innermost;
        here.lanes = count;
        SmallVector<Value> pixels(nest.accesses.size());
        for (auto [number, access] : llvm::enumerate(nest.accesses))
          if (count > 1 && isPixels(access, innermost, other)) {
            Type scalar = cast<MemRefType>(access.memory.getType()).getElementType();
            pixels[number] = vector::LoadOp::create(builder, op.getLoc(), VectorType::get({count * group}, scalar),
                                                    access.memory, build.elementIndex(access, here));
          }
        for (int64_t plane = 0; plane < group; ++plane) {
          here.indices[other] = build.index(plane);
          SmallVector<int64_t> turns;
          for (int64_t lane = 0; lane < count; ++lane)
            turns.push_back(lane * group + plane);
          SmallVector<Value> loaded;
          for (auto [number, access] : llvm::enumerate(nest.accesses)) {
            if (op.getBody()->getArgument(number).use_empty())
              loaded.push_back(unused(access, count));
            else if (pixels[number])
              loaded.push_back(vector::ShuffleOp::create(builder, op.getLoc(), pixels[number], pixels[number], turns));
            else
              loaded.push_back(build.loadRaw(access, here));
          }
          build.storeRaw(output(), here, compute(loaded, count));
        }
      });
    });
  }

  /// How an access lies on groups of `innermost` elements that follow each other in the loop `other`.
  enum class Lie { Contiguous, Repeated, PerGroup, Splat, Other };
  Lie lieOf(const Access &access, int innermost, int other) {
    int64_t step = access.strides[other], inner = access.strides[innermost];
    if (inner == 1)
      return step == nest.extents[innermost] ? Lie::Contiguous : step == 0 ? Lie::Repeated : Lie::Other;
    if (inner == 0)
      return step == 1 ? Lie::PerGroup : step == 0 ? Lie::Splat : Lie::Other;
    return Lie::Other;
  }

  /// Elements of the shortest run of whole groups that is one of whole vectors, and at least two of them.
  static int64_t groupedRun(int64_t group, int64_t lanes) {
    int64_t run = std::lcm(group, lanes);
    return run < 2 * lanes ? 2 * run : run;
  }

  /// A loop around a short `innermost` that goes on where that ends, in the output and in what is not broadcast: the
  /// pixels of an image with few channels, which something per channel or per pixel is applied to.
  int groupedLoop(int innermost, int64_t lanes) {
    int64_t group = nest.extents[innermost];
    if (group < 2 || group >= lanes || groupedRun(group, lanes) > 8 * lanes)
      return -1;
    for (int loop = 0, end = nest.extents.size(); loop < end; ++loop)
      if (loop != innermost && lieOf(output(), innermost, loop) == Lie::Contiguous &&
          nest.extents[loop] >= groupedRun(group, lanes) / group &&
          llvm::all_of(nest.accesses,
                       [&](const Access &access) { return lieOf(access, innermost, loop) != Lie::Other; }))
        return loop;
    return -1;
  }

  /// Whole vectors over groups; what is broadcast is repeated in registers.
  void emitGrouped(int innermost, int other, int64_t lanes) {
    int64_t group = nest.extents[innermost], run = groupedRun(group, lanes), groups = run / group;
    int64_t whole = nest.extents[other] / groups, rest = nest.extents[other] % groups;
    SmallVector<int> outer;
    for (int loop = 0, end = nest.extents.size(); loop < end; ++loop)
      if (loop != innermost && loop != other)
        outer.push_back(loop);
    build.loops(nest, outer, Cursor(), [&](const Cursor &cursor) {
      build.parallelLoop(0, whole * groups, groups, [&](Value begin) {
        Cursor here = cursor;
        here.indices[other] = begin;
        here.indices[innermost] = build.index(0);
        for (int64_t first = 0; first < run; first += lanes) {
          SmallVector<Value> loaded;
          for (Access &access : nest.accesses) {
            bool isUsed = !op.getBody()->getArgument(loaded.size()).use_empty();
            loaded.push_back(isUsed ? loadGrouped(access, here, innermost, other, first, lanes)
                                    : unused(access, lanes));
          }
          vector::StoreOp::create(builder, op.getLoc(), compute(loaded, lanes), output().memory,
                                  build.add(build.elementIndex(output(), here), build.index(first)));
        }
      });
      build.parallelLoop(whole * groups, whole * groups + rest, 1, [&](Value number) {
        Cursor here = cursor;
        here.indices[other] = number;
        here.vectorLoop = innermost;
        here.lanes = group;
        point(here);
      });
    });
  }

  /// Elements [first, first + lanes) of the run of groups at the cursor.
  Value loadGrouped(const Access &access, const Cursor &cursor, int innermost, int other, int64_t first,
                    int64_t lanes) {
    int64_t group = nest.extents[innermost];
    Type scalar = cast<MemRefType>(access.memory.getType()).getElementType();
    Value start = build.elementIndex(access, cursor);
    auto load = [&](int64_t offset, int64_t count) -> Value {
      return vector::LoadOp::create(builder, op.getLoc(), VectorType::get({count}, scalar), access.memory,
                                    build.add(start, build.index(offset)));
    };
    SmallVector<int64_t> sources;
    switch (lieOf(access, innermost, other)) {
    case Lie::Contiguous:
      return load(first, lanes);
    case Lie::Repeated:
      for (int64_t lane = 0; lane < lanes; ++lane)
        sources.push_back((first + lane) % group);
      break;
    case Lie::PerGroup:
      for (int64_t lane = 0; lane < lanes; ++lane)
        sources.push_back((first + lane) / group);
      break;
    case Lie::Splat:
    case Lie::Other: {
      Cursor scalarCursor = cursor;
      return build.splat(build.loadRaw(access, scalarCursor), lanes);
    }
    }
    int64_t low = sources.front(), count = 1;
    for (int64_t source : sources) {
      low = std::min(low, source);
      count = std::max(count, source + 1);
    }
    Value few = load(low, count - low);
    for (int64_t &source : sources)
      source -= low;
    return vector::ShuffleOp::create(builder, op.getLoc(), few, few, sources);
  }

  /// One vector along `other` for each element of a group; their elements are stored by turns.
  void emitInterleaved(int innermost, int other, int64_t lanes) {
    int64_t group = nest.extents[innermost];
    SmallVector<int> outer;
    for (int loop = 0, end = nest.extents.size(); loop < end; ++loop)
      if (loop != innermost && loop != other)
        outer.push_back(loop);
    build.loops(nest, outer, Cursor(), [&](const Cursor &cursor) {
      build.tiles(nest.extents[other], lanes, [&](Value begin, int64_t count) {
        SmallVector<Value> parts;
        Cursor here = cursor;
        here.indices[other] = begin;
        here.vectorLoop = other;
        here.lanes = count;
        for (int64_t number = 0; number < group; ++number) {
          here.indices[innermost] = build.index(number);
          if (count == 1)
            point(here);
          else
            parts.push_back(compute(loadAll(here), count));
        }
        if (count == 1)
          return;
        Value all = build.interleave(parts);
        here.indices[innermost] = build.index(0);
        vector::StoreOp::create(builder, op.getLoc(), all, output().memory, build.elementIndex(output(), here));
      });
    });
  }

  /// Square blocks: rows are loaded along `other`, transposed in registers, and stored along `innermost`.
  void emitTransposed(int innermost, int other, int64_t lanes) {
    int64_t block = std::min<int64_t>({lanes, 8, (int64_t)llvm::bit_floor((uint64_t)nest.extents[innermost]),
                                       (int64_t)llvm::bit_floor((uint64_t)nest.extents[other])});
    SmallVector<int> outer;
    for (int loop = 0, end = nest.extents.size(); loop < end; ++loop)
      if (loop != innermost && loop != other)
        outer.push_back(loop);
    build.loops(nest, outer, Cursor(), [&](const Cursor &cursor) {
      build.tiles(nest.extents[other], block, [&](Value row, int64_t rows) {
        build.tiles(nest.extents[innermost], block, [&](Value column, int64_t columns) {
          Cursor here = cursor;
          here.indices[other] = row;
          here.indices[innermost] = column;
          if (rows == block && columns == block)
            transposedBlock(here, innermost, other, block);
          else
            edgeBlock(here, innermost, other, rows, columns);
        });
      });
    });
  }

  bool isTransposed(const Access &access, int innermost, int other) {
    return &access != &output() && access.strides[other] == 1 && access.strides[innermost] > 1;
  }

  void transposedBlock(const Cursor &corner, int innermost, int other, int64_t block) {
    auto at = [&](int64_t row, int64_t column) {
      Cursor cursor = corner;
      cursor.indices[other] = build.add(corner.indices[other], build.index(row));
      cursor.indices[innermost] = build.add(corner.indices[innermost], build.index(column));
      cursor.lanes = block;
      return cursor;
    };
    SmallVector<SmallVector<Value>> columns(nest.accesses.size());
    for (auto [number, access] : llvm::enumerate(nest.accesses)) {
      if (!isTransposed(access, innermost, other))
        continue;
      SmallVector<Value> lines;
      for (int64_t column = 0; column < block; ++column) {
        Cursor cursor = at(0, column);
        cursor.vectorLoop = other;
        lines.push_back(build.loadRaw(access, cursor));
      }
      columns[number] = build.transpose(lines);
    }
    for (int64_t row = 0; row < block; ++row) {
      Cursor cursor = at(row, 0);
      cursor.vectorLoop = innermost;
      SmallVector<Value> loaded;
      for (auto [number, access] : llvm::enumerate(nest.accesses)) {
        if (!columns[number].empty())
          loaded.push_back(columns[number][row]);
        else if (op.getBody()->getArgument(number).use_empty())
          loaded.push_back(unused(access, block));
        else
          loaded.push_back(build.loadRaw(access, cursor));
      }
      build.storeRaw(output(), cursor, compute(loaded, block));
    }
  }

  /// What is left at the edges of the blocks, row by row.
  void edgeBlock(const Cursor &corner, int innermost, int other, int64_t rows, int64_t columns) {
    build.loop(rows, [&](Value row) {
      Cursor cursor = corner;
      cursor.indices[other] = build.add(corner.indices[other], row);
      cursor.vectorLoop = innermost;
      cursor.lanes = columns;
      point(cursor);
    });
  }

  linalg::GenericOp op;
  OpBuilder builder;
  LoopBuilder build;
  const nn::MachineAttr &machine;
  Nest nest;
};

/// The memory that a view shows.
Value memoryOf(Value view) {
  while (auto source = view.getDefiningOp<ViewLikeOpInterface>())
    view = source.getViewSource();
  return view;
}

/// What is loaded and what is stored by the loops that a function has already.
struct Touched {
  DenseSet<Value> read, written;

  explicit Touched(func::FuncOp function) {
    function.walk([&](Operation *op) {
      TypeSwitch<Operation *>(op)
          .Case<memref::LoadOp, memref::StoreOp>([&](auto access) { add(access, access.getMemRef()); })
          .Case<vector::LoadOp, vector::StoreOp>([&](auto access) { add(access, access.getBase()); });
    });
  }

  /// True where iterations of `op` and those loops depend on each other, so that they have to keep their order.
  bool order(linalg::GenericOp op) const {
    return llvm::any_of(op->getOperands(),
                        [&](Value operand) {
                          return isa<MemRefType>(operand.getType()) && written.contains(memoryOf(operand));
                        }) ||
           llvm::any_of(op.getDpsInits(), [&](Value output) { return read.contains(memoryOf(output)); });
  }

private:
  void add(Operation *op, Value view) { (op->getNumResults() ? read : written).insert(memoryOf(view)); }
};

struct VectorizeLoops : impl::VectorizeLoopsBase<VectorizeLoops> {
  /// Writes one op as loops. Those that have to stay in front of or behind others are not parallel.
  static LogicalResult vectorize(linalg::GenericOp op, const nn::MachineAttr &machine, bool isOrdered) {
    Operation *before = op->getPrevNode();
    if (failed(Vectorizer(op, machine).run()))
      return failure();
    Block::iterator begin = before ? std::next(before->getIterator()) : op->getBlock()->begin();
    if (isOrdered)
      for (Operation &made : llvm::make_range(begin, op->getIterator()))
        made.walk([](scf::ForOp loop) { loop->removeAttr(nn::kParallelAttr); });
    op.erase();
    return success();
  }

  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"L1", "L2"})))
      return signalPassFailure();
    FailureOr<nn::MachineAttr> machine = machineOf(getOperation());
    SmallVector<linalg::GenericOp> generics;
    getOperation().walk([&](linalg::GenericOp op) { generics.push_back(op); });
    if (generics.empty())
      return;
    if (failed(machine))
      return signalPassFailure();
    Touched touched(getOperation());
    for (linalg::GenericOp op : generics)
      if (failed(vectorize(op, *machine, touched.order(op))))
        return signalPassFailure();
    // Views were only words for the maps.
    SmallVector<Operation *> views;
    getOperation().walk([&](Operation *op) {
      if (isa<memref::SubViewOp, memref::ReinterpretCastOp, memref::GetGlobalOp>(op))
        views.push_back(op);
    });
    for (Operation *view : llvm::reverse(views))
      if (view->use_empty())
        view->erase();
  }
};
} // namespace
} // namespace nncc
