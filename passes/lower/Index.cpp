// Loops of ops that read or write at indices found in a tensor.
// An index is a loop without a loop: the last loops of a nest stand for it, and the cursor holds what was read.
#include "dialects/nn/Kinds.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "passes/lower/KernelLoops.h"

using namespace mlir;

namespace nncc {

using Values = SmallVector<Value>;

/// Runs `body` over the first `nest.extents.size() - kept` loops. Vectors run along the last of them when `vectors` is
/// set and access `along` is contiguous there. `prepare` runs outside of the vector loop: it may set the kept indices.
static void walk(KernelLoops &loops, const Nest &nest, size_t kept, const Access *along,
                 function_ref<void(Cursor &)> prepare, function_ref<void(const Cursor &)> body) {
  LoopBuilder &build = loops.build;
  int count = nest.extents.size() - kept;
  if (llvm::is_contained(ArrayRef<int64_t>(nest.extents).take_front(count), 0))
    return;
  int vectorLoop = -1;
  if (along && count > 0 && along->strides[count - 1] == 1 && nest.extents[count - 1] >= 4)
    vectorLoop = count - 1;
  SmallVector<int> outer = sameLoops(vectorLoop < 0 ? count : count - 1);
  Cursor start;
  start.indices.resize(nest.extents.size());
  build.loops(nest, outer, start, [&](const Cursor &cursor) {
    Cursor row = cursor;
    if (prepare)
      prepare(row);
    if (vectorLoop < 0)
      return body(row);
    // Two registers at once: mere copies wait for memory.
    auto tile = [&](Value begin, int64_t lanes) {
      Cursor at = row;
      at.indices[vectorLoop] = begin;
      at.vectorLoop = vectorLoop;
      at.lanes = lanes;
      body(at);
    };
    build.tiles(nest.extents[vectorLoop], 2 * loops.lanes(along->element), tile,
                nest.isReduced[vectorLoop] ? Order::Sequential : Order::Parallel);
  });
}

LogicalResult lowerGather(KernelLoops &loops, nn::GatherOp op) {
  LoopBuilder &build = loops.build;
  ArrayRef<int64_t> data = loops.typeOf(op.getData()).getShape(), indices = loops.typeOf(op.getIndices()).getShape();
  ArrayRef<int64_t> shape = loops.typeOf(op.getOutput()).getShape();
  int64_t axis = op.getAxis(), size = data[axis];
  int index = shape.size(); // the loop that stands for the index
  Nest nest;
  nest.extents.assign(shape.begin(), shape.end());
  nest.extents.push_back(size);
  nest.isReduced.assign(nest.extents.size(), false);
  SmallVector<int> dataLoops, indexLoops;
  for (int64_t d = 0; d < (int64_t)data.size(); ++d)
    dataLoops.push_back(d < axis ? d : d == axis ? index : d - 1 + (int)indices.size());
  for (size_t d = 0; d < indices.size(); ++d)
    indexLoops.push_back(axis + d);
  nest.accesses.push_back(loops.input(op.getData(), dataLoops, nest.extents.size()));
  nest.accesses.push_back(loops.input(op.getIndices(), indexLoops, nest.extents.size()));
  nest.accesses.push_back(loops.output(0, sameLoops(shape.size()), nest.extents.size()));
  nest.simplify(/*kept=*/1);
  const Access &x = nest.accesses[0], &positions = nest.accesses[1], &y = nest.accesses[2];
  index = nest.extents.size() - 1;

  // Slices are copied by vectors, when there is more of one than a single element.
  bool isSlice = index > 0 && positions.strides[index - 1] == 0 && x.strides[index - 1] == 1;
  auto read = [&](Cursor &row) { row.indices[index] = loops.wrapIndex(build.loadRaw(positions, row), size); };
  walk(loops, nest, 1, isSlice ? &y : nullptr, read,
       [&](const Cursor &at) { build.storeRaw(y, at, build.loadRaw(x, at)); });
  return success();
}

LogicalResult lowerGatherElements(KernelLoops &loops, nn::GatherElementsOp op) {
  LoopBuilder &build = loops.build;
  ArrayRef<int64_t> data = loops.typeOf(op.getData()).getShape(), shape = loops.typeOf(op.getOutput()).getShape();
  int64_t axis = op.getAxis();
  int rank = shape.size(), index = rank;
  Nest nest;
  nest.extents.assign(shape.begin(), shape.end());
  nest.extents.push_back(data[axis]);
  nest.isReduced.assign(rank + 1, false);
  SmallVector<int> dataLoops = sameLoops(rank);
  dataLoops[axis] = index;
  nest.accesses.push_back(loops.input(op.getData(), dataLoops, rank + 1));
  nest.accesses.push_back(loops.input(op.getIndices(), sameLoops(rank), rank + 1));
  nest.accesses.push_back(loops.output(0, sameLoops(rank), rank + 1));
  nest.simplify(/*kept=*/1);
  index = nest.extents.size() - 1;
  walk(
      loops, nest, 1, nullptr,
      [&](Cursor &row) { row.indices[index] = loops.wrapIndex(build.loadRaw(nest.accesses[1], row), data[axis]); },
      [&](const Cursor &at) { build.storeRaw(nest.accesses[2], at, build.loadRaw(nest.accesses[0], at)); });
  return success();
}

/// What gather_nd and scatter_nd share: loops over tuples and slices, and one kept loop per element of a tuple.
///
/// data    B... x D[tuple]... x S...    moved by the batch loops, the kept loops and the slice loops
/// tuples  B... x T... x tuple          moved by the first loops
/// slices  B... x T... x S...           the output of a gather, the updates of a scatter
namespace {
struct TupleNest {
  Nest nest; ///< accesses: data, tuples (element 0), slices
  int64_t tuple = 0;
  SmallVector<int64_t> sizes; ///< of the dims that a tuple addresses
  int64_t tupleStride = 0;

  TupleNest(KernelLoops &loops, Value data, Access dataAccess, Value indices, Value slices, Access slicesAccess,
            int64_t batch) {
    ArrayRef<int64_t> dataShape = loops.typeOf(data).getShape(), indexShape = loops.typeOf(indices).getShape();
    ArrayRef<int64_t> shape = loops.typeOf(slices).getShape();
    tuple = indexShape.back();
    int rank = shape.size(), count = rank + tuple, outer = indexShape.size() - 1;
    nest.extents.assign(shape.begin(), shape.end());
    for (int64_t t = 0; t < tuple; ++t) {
      sizes.push_back(dataShape[batch + t]);
      nest.extents.push_back(dataShape[batch + t]);
    }
    nest.isReduced.assign(count, false);
    SmallVector<int> dataLoops, indexLoops = sameLoops(outer);
    for (int d = 0, end = dataShape.size(); d < end; ++d)
      dataLoops.push_back(d < batch ? d : d < batch + tuple ? rank + d - batch : outer + d - batch - tuple);
    indexLoops.push_back(-1);
    Value memory = loops.memory(indices);
    SmallVector<int64_t> strides;
    int64_t offset;
    (void)cast<MemRefType>(memory.getType()).getStridesAndOffset(strides, offset);
    tupleStride = strides.back();
    nest.accesses.push_back(moved(dataAccess, dataLoops, dataShape, count));
    nest.accesses.push_back(loops.input(indices, indexLoops, count));
    nest.accesses.push_back(moved(slicesAccess, sameLoops(rank), shape, count));
    nest.simplify(/*kept=*/tuple);
  }

  /// An access whose strides are still per dim.
  static Access moved(Access access, ArrayRef<int> loopOfDim, ArrayRef<int64_t> shape, size_t count) {
    SmallVector<int64_t> perDim = access.strides;
    access.strides.assign(count, 0);
    for (auto [d, loop] : llvm::enumerate(loopOfDim))
      if (shape[d] != 1)
        access.strides[loop] += perDim[d];
    return access;
  }

  /// Reads the tuple at the cursor into its kept indices.
  void read(KernelLoops &loops, Cursor &row) {
    size_t first = nest.extents.size() - tuple;
    for (int64_t t = 0; t < tuple; ++t) {
      Access element = nest.accesses[1];
      element.offset += t * tupleStride;
      row.indices[first + t] = loops.wrapIndex(loops.build.loadRaw(element, row), sizes[t]);
    }
  }

  /// Slices are contiguous on both sides: vectors can run along them.
  bool hasSlices() const {
    int last = (int)nest.extents.size() - tuple - 1;
    return last >= 0 && nest.accesses[1].strides[last] == 0 && nest.accesses[0].strides[last] == 1 &&
           nest.accesses[2].strides[last] == 1;
  }
};

/// An access with one stride per dim of its memref.
Access perDim(LoopBuilder &build, Value memory, Type element) {
  return build.access(memory, element, sameLoops(cast<MemRefType>(memory.getType()).getRank()),
                      cast<MemRefType>(memory.getType()).getRank());
}
} // namespace

LogicalResult lowerGatherND(KernelLoops &loops, nn::GatherNDOp op) {
  LoopBuilder &build = loops.build;
  TupleNest tuples(loops, op.getData(), perDim(build, loops.memory(op.getData()), loops.elementOf(op.getData())),
                   op.getIndices(), op.getOutput(),
                   perDim(build, loops.kernel.getOutputs()[0], loops.elementOf(op.getOutput())), op.getBatchDims());
  const Access &x = tuples.nest.accesses[0], &y = tuples.nest.accesses[2];
  walk(
      loops, tuples.nest, tuples.tuple, tuples.hasSlices() ? &y : nullptr,
      [&](Cursor &row) { tuples.read(loops, row); },
      [&](const Cursor &at) { build.storeRaw(y, at, build.loadRaw(x, at)); });
  return success();
}

//===-- scatter ---------------------------------------------------------===//

/// Copies the data to the output, unless they are one memory. Vectorized with the other linalg ops.
static void copyData(KernelLoops &loops, Value data) {
  Value source = loops.memory(data), target = loops.kernel.getOutputs()[0];
  if (source == target)
    return;
  unsigned rank = cast<MemRefType>(target.getType()).getRank();
  AffineMap map = loops.build.builder.getMultiDimIdentityMap(rank);
  linalg::GenericOp::create(loops.build.builder, loops.build.loc, source, target, ArrayRef<AffineMap>{map, map},
                            SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
                            [](OpBuilder &nested, Location loc, ValueRange arguments) {
                              linalg::YieldOp::create(nested, loc, arguments.front());
                            });
}

static void update(LoopBuilder &build, nn::ScatterReduction reduction, const Access &target, const Access &updates,
                   const Cursor &at) {
  if (reduction == nn::ScatterReduction::replace)
    return build.storeRaw(target, at, build.loadRaw(updates, at));
  nn::BinaryKind function = reduction == nn::ScatterReduction::add   ? nn::kind::add
                            : reduction == nn::ScatterReduction::mul ? nn::kind::mul
                            : reduction == nn::ScatterReduction::max ? nn::kind::max
                                                                     : nn::kind::min;
  Value result = build.math.binary(function, build.load(target, at), build.load(updates, at), target.element);
  build.store(target, at, result);
}

LogicalResult lowerScatterElements(KernelLoops &loops, nn::ScatterElementsOp op) {
  LoopBuilder &build = loops.build;
  copyData(loops, op.getData());
  ArrayRef<int64_t> data = loops.typeOf(op.getData()).getShape(), shape = loops.typeOf(op.getUpdates()).getShape();
  int64_t axis = op.getAxis();
  int rank = shape.size();
  Nest nest;
  nest.extents.assign(shape.begin(), shape.end());
  nest.extents.push_back(data[axis]);
  nest.isReduced.assign(rank + 1, true); // two updates may meet in one element
  SmallVector<int> dataLoops = sameLoops(rank);
  dataLoops[axis] = rank;
  nest.accesses.push_back(loops.output(0, dataLoops, rank + 1));
  nest.accesses.push_back(loops.input(op.getIndices(), sameLoops(rank), rank + 1));
  nest.accesses.push_back(loops.input(op.getUpdates(), sameLoops(rank), rank + 1));
  nest.simplify(/*kept=*/1);
  int index = nest.extents.size() - 1;
  walk(
      loops, nest, 1, nullptr,
      [&](Cursor &row) { row.indices[index] = loops.wrapIndex(build.loadRaw(nest.accesses[1], row), data[axis]); },
      [&](const Cursor &at) { update(build, op.getReduction(), nest.accesses[0], nest.accesses[2], at); });
  return success();
}

LogicalResult lowerScatterND(KernelLoops &loops, nn::ScatterNDOp op) {
  LoopBuilder &build = loops.build;
  copyData(loops, op.getData());
  TupleNest tuples(loops, op.getData(), perDim(build, loops.kernel.getOutputs()[0], loops.elementOf(op.getData())),
                   op.getIndices(), op.getUpdates(),
                   perDim(build, loops.memory(op.getUpdates()), loops.elementOf(op.getUpdates())), /*batch=*/0);
  tuples.nest.isReduced.assign(tuples.nest.extents.size(), true); // two updates may meet in one element
  const Access &target = tuples.nest.accesses[0], &updates = tuples.nest.accesses[2];
  walk(
      loops, tuples.nest, tuples.tuple, tuples.hasSlices() ? &updates : nullptr,
      [&](Cursor &row) { tuples.read(loops, row); },
      [&](const Cursor &at) { update(build, op.getReduction(), target, updates, at); });
  return success();
}

//===-- one hot, top k --------------------------------------------------===//

LogicalResult lowerOneHot(KernelLoops &loops, nn::OneHotOp op) {
  LoopBuilder &build = loops.build;
  OpBuilder &b = build.builder;
  Location loc = build.loc;
  ArrayRef<int64_t> shape = loops.typeOf(op.getOutput()).getShape();
  int64_t axis = op.getAxis(), depth = op.getDepth();
  int rank = shape.size();
  Type integer = loops.elementOf(op.getIndices());
  Nest nest;
  nest.extents.assign(shape.begin(), shape.end());
  nest.isReduced.assign(rank, false);
  SmallVector<int> indexLoops;
  for (int d = 0; d < rank; ++d)
    if (d != axis)
      indexLoops.push_back(d);
  nest.accesses.push_back(loops.input(op.getIndices(), indexLoops, rank));
  nest.accesses.push_back(loops.output(0, sameLoops(rank), rank));
  // The values are two scalars, read once.
  Access off = loops.input(op.getValues(), {-1}, rank), on = off;
  SmallVector<int64_t> strides;
  int64_t offset;
  (void)cast<MemRefType>(loops.memory(op.getValues()).getType()).getStridesAndOffset(strides, offset);
  on.offset += strides[0];
  Cursor scalar;
  scalar.indices.resize(rank);
  Value offValue = build.load(off, scalar), onValue = build.load(on, scalar);

  walk(loops, nest, 0, &nest.accesses[1], nullptr, [&](const Cursor &at) {
    Value index = build.loadRaw(nest.accesses[0], at);
    auto number = [&](int64_t value) { return build.math.constant(integer, value, at.splat()); };
    Value isNegative = build.math.binary(nn::kind::less, index, number(0), integer);
    Value wrapped = build.math.binary(nn::kind::add, index, number(depth), integer);
    index = arith::SelectOp::create(b, loc, isNegative, wrapped, index);
    Value position = arith::IndexCastOp::create(b, loc, integer, at.indices[axis]);
    position = build.splat(position, at.lanes);
    if (at.lanes > 1 && at.vectorLoop == axis) {
      SmallVector<APInt> steps;
      for (int64_t lane = 0; lane < at.lanes; ++lane)
        steps.push_back(APInt(integer.getIntOrFloatBitWidth(), lane));
      Value offsets =
          arith::ConstantOp::create(b, loc, DenseElementsAttr::get(VectorType::get({at.lanes}, integer), steps));
      position = arith::AddIOp::create(b, loc, position, offsets);
    }
    Value isHot = build.math.binary(nn::kind::equal, index, position, integer);
    build.store(
        nest.accesses[1], at,
        arith::SelectOp::create(b, loc, isHot, build.splat(onValue, at.lanes), build.splat(offValue, at.lanes)));
  });
  return success();
}

/// Walks over the elements once and keeps the best ones so far in the result, in order: most elements are not better
/// than the last of them, and cost one comparison. No memory beside the result is needed.
LogicalResult lowerTopK(KernelLoops &loops, nn::TopKOp op) {
  LoopBuilder &build = loops.build;
  ScalarMath &math = build.math;
  OpBuilder &b = build.builder;
  Location loc = build.loc;
  ArrayRef<int64_t> shape = loops.typeOf(op.getInput()).getShape();
  Type element = loops.elementOf(op.getInput()), i64 = b.getI64Type();
  int64_t axis = op.getAxis(), count = loops.typeOf(op.getValues()).getDimSize(axis);
  int rank = shape.size();

  // The axis has two loops: over the results, and over the elements (the last one).
  Nest nest;
  nest.extents.assign(shape.begin(), shape.end());
  nest.extents[axis] = count;
  nest.extents.push_back(shape[axis]);
  nest.isReduced.assign(rank + 1, false);
  SmallVector<int> inputLoops = sameLoops(rank), outer;
  inputLoops[axis] = rank;
  nest.accesses.push_back(loops.input(op.getInput(), inputLoops, rank + 1));
  nest.accesses.push_back(loops.output(0, sameLoops(rank), rank + 1));
  nest.accesses.push_back(loops.output(1, sameLoops(rank), rank + 1));
  if (nest.isEmpty())
    return success();
  for (int d = 0; d < rank; ++d)
    if (d != axis)
      outer.push_back(d);
  const Access &x = nest.accesses[0], &values = nest.accesses[1], &positions = nest.accesses[2];
  nn::BinaryKind better = op.getLargest() ? nn::kind::greater : nn::kind::less;

  auto resultAt = [&](const Cursor &row, Value place) {
    Cursor at = row;
    at.indices[axis] = place;
    return at;
  };
  /// Makes room for a value between those that are better, or as good and before it, and the others; place `last` is
  /// free or is given up.
  auto insert = [&](const Cursor &row, Value value, Value position, Value last) {
    auto before = [&](Value place) {
      // Also computed at place 0, where it does not matter.
      return resultAt(row, arith::MaxSIOp::create(b, loc, build.sub(place, build.index(1)), build.index(0)));
    };
    auto loop = scf::WhileOp::create(b, loc, TypeRange{b.getIndexType()}, ValueRange{last});
    OpBuilder::InsertionGuard guard(b);
    Block *condition = b.createBlock(&loop.getBefore(), {}, b.getIndexType(), loc);
    Value place = condition->getArgument(0);
    Value isBehind = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, place, build.index(0));
    Value isBetter = math.binary(better, value, build.load(values, before(place)), element);
    scf::ConditionOp::create(b, loc, arith::AndIOp::create(b, loc, isBehind, isBetter), place);
    Block *body = b.createBlock(&loop.getAfter(), {}, b.getIndexType(), loc);
    place = body->getArgument(0);
    for (const Access *access : {&values, &positions})
      build.storeRaw(*access, resultAt(row, place), build.loadRaw(*access, before(place)));
    scf::YieldOp::create(b, loc, build.sub(place, build.index(1)));
    b.setInsertionPointAfter(loop);
    build.store(values, resultAt(row, loop.getResult(0)), value);
    build.store(positions, resultAt(row, loop.getResult(0)), arith::IndexCastOp::create(b, loc, i64, position));
  };

  Cursor start;
  start.indices.resize(rank + 1);
  build.loops(nest, outer, start, [&](const Cursor &row) {
    auto load = [&](Value i) {
      Cursor at = row;
      at.indices[rank] = i;
      return build.load(x, at);
    };
    build.loop(build.index(0), build.index(count), 1, {}, [&](Value i, ValueRange) {
      insert(row, load(i), i, i);
      return Values();
    });
    Value end = build.index(count - 1);
    build.loop(build.index(count), build.index(shape[axis]), 1, build.load(values, resultAt(row, end)),
               [&](Value i, ValueRange worst) {
                 Value value = load(i);
                 auto branch =
                     scf::IfOp::create(b, loc, worst.getTypes(), math.binary(better, value, worst[0], element),
                                       /*withElseRegion=*/true);
                 OpBuilder::InsertionGuard guard(b);
                 b.setInsertionPointToStart(branch.elseBlock());
                 scf::YieldOp::create(b, loc, worst);
                 b.setInsertionPointToStart(branch.thenBlock());
                 insert(row, value, i, end);
                 scf::YieldOp::create(b, loc, build.load(values, resultAt(row, end)));
                 return Values{branch.getResult(0)};
               });
  });
  return success();
}

} // namespace nncc
