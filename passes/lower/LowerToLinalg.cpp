// Kernels that are perfect nests (elementwise DAGs, copies, transposes, slices, pads ...) become linalg.generic.
// An element of the result is followed back through the body to the inputs; the way there is the indexing map.
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/NN.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/Passes.h"
#include "passes/check/Stage.h"
#include "passes/lower/ConstantTable.h"
#include "passes/lower/ScalarMath.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_LOWERTOLINALG
#include "passes/Passes.h.inc"

namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Ops that only say which element of their input an element of their result is.
bool isRearrangement(Operation *op) { return isa<nn::TransposeOp, nn::SliceOp, nn::ExpandOp>(op); }

bool isPerfectNest(Value value) {
  if (isa<BlockArgument>(value))
    return true;
  Operation *op = value.getDefiningOp();
  if (isa<nn::ConstantOp>(op))
    return true;
  return (nn::isElementwise(op) || isRearrangement(op)) && llvm::all_of(op->getOperands(), isPerfectNest);
}

/// Where the elements of one output dim come from: `length` elements from `begin` on are elements
/// `source + i * step` of the input, or none of it (padding).
struct Run {
  int64_t begin, length, source, step;
  bool isPadding;
};

/// Cuts a list of source positions (-1: padding) into runs.
SmallVector<Run> cutRuns(ArrayRef<int64_t> sources) {
  SmallVector<Run> runs;
  for (auto [position, source] : llvm::enumerate(sources)) {
    if (!runs.empty()) {
      Run &run = runs.back();
      if (run.isPadding && source < 0) {
        ++run.length;
        continue;
      }
      int64_t step = source - (run.source + (run.length - 1) * run.step);
      if (!run.isPadding && source >= 0 && (run.length == 1 ? std::abs(step) <= 1 : step == run.step)) {
        run.step = step;
        ++run.length;
        continue;
      }
    }
    runs.push_back({(int64_t)position, 1, source, 0, source < 0});
  }
  return runs;
}

/// Lowers one kernel.
class Lowering {
public:
  explicit Lowering(nn::KernelOp kernel)
      : kernel(kernel), builder(kernel), loc(kernel.getLoc()), context(kernel.getContext()) {}

  /// Writes the nests of the kernel before it; false, with nothing written, when it is not one of perfect nests.
  bool run() {
    if (kernel.getYielded().size() != 1)
      return false;
    Value result = kernel.getYielded().front(), output = kernel.getOutputs().front();
    Operation *op = result.getDefiningOp();
    if (isPerfectNest(result)) {
      nest(result, output);
      return true;
    }
    if (!op || !llvm::all_of(op->getOperands(), isPerfectNest))
      return false;
    return llvm::TypeSwitch<Operation *, bool>(op)
        .Case<nn::ConcatOp, nn::PadOp, nn::TileOp, nn::ReshapeOp>([&](auto op) { return lower(op, output); })
        .Default(false);
  }

private:
  using Map = SmallVector<AffineExpr>;

  AffineExpr dim(unsigned number) { return builder.getAffineDimExpr(number); }
  AffineExpr number(int64_t value) { return builder.getAffineConstantExpr(value); }
  Map identity(unsigned rank) {
    Map map;
    for (unsigned d = 0; d < rank; ++d)
      map.push_back(dim(d));
    return map;
  }

  //===-- one nest ------------------------------------------------------===//

  void nest(Value result, Value output) {
    nest(result, typeOf(result).getElementType(), identity(cast<MemRefType>(output.getType()).getRank()), output);
  }

  /// output[i] = element map(i) of `value`, for every i of the output.
  void nest(Value value, Type element, Map map, Value output) {
    auto outputType = cast<MemRefType>(output.getType());
    unsigned rank = outputType.getRank();
    // A mere copy needs no arithmetic. Booleans are any bytes where the caller wrote them, and 0 or 1 in what is made.
    bool isCopy = !element.isInteger(1);
    for (Value v = value; !isa<BlockArgument>(v); v = v.getDefiningOp()->getOperand(0))
      if (!isRearrangement(v.getDefiningOp())) {
        isCopy = false;
        break;
      }

    leaves.clear();
    collect(value, map);
    SmallVector<Value> inputs;
    SmallVector<AffineMap> maps;
    for (auto &leaf : leaves) {
      inputs.push_back(trimmed(leaf, outputType));
      maps.push_back(leaf.map);
    }
    maps.push_back(builder.getMultiDimIdentityMap(rank));
    SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
    OpBuilder outside(kernel); // `builder` itself is in the body while that is made
    linalg::GenericOp::create(
        builder, loc, inputs, output, maps, iterators, [&](OpBuilder &nested, Location, ValueRange arguments) {
          ScalarMath math(nested, loc, &outside);
          computed.clear();
          Value result = isCopy ? arguments.front() : math.toMemory(evaluate(math, value, map, arguments), element);
          linalg::YieldOp::create(nested, loc, result);
        });
  }

  /// One element everywhere.
  void fill(Type element, Attribute value, Value output) {
    unsigned rank = cast<MemRefType>(output.getType()).getRank();
    linalg::GenericOp::create(builder, loc, ValueRange(), output, builder.getMultiDimIdentityMap(rank),
                              SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
                              [&](OpBuilder &nested, Location, ValueRange) {
                                ScalarMath math(nested, loc);
                                linalg::YieldOp::create(nested, loc,
                                                        math.toMemory(math.constant(element, value), element));
                              });
  }

  /// The map of an op's operand, given that of its result.
  Map operandMap(Operation *op, Value operand, const Map &map) {
    Map result(typeOf(operand).getRank());
    if (auto transpose = dyn_cast<nn::TransposeOp>(op)) {
      for (auto [to, from] : llvm::enumerate(transpose.getPerm()))
        result[from] = map[to];
      return result;
    }
    if (auto slice = dyn_cast<nn::SliceOp>(op)) {
      for (auto [d, expr] : llvm::enumerate(map))
        result[d] = expr * slice.getSteps()[d] + slice.getStarts()[d];
      return result;
    }
    // Elementwise ops and expand broadcast dims of size 1.
    for (auto [d, expr] : llvm::enumerate(map))
      result[d] = typeOf(operand).getDimSize(d) == 1 ? number(0) : expr;
    return result;
  }

  struct Leaf {
    Value value, memory;
    AffineMap map;
  };

  /// The part of a leaf's memory that the loops read: linalg takes the loops' extents from plain dims of any operand.
  Value trimmed(const Leaf &leaf, MemRefType outputType) {
    auto type = cast<MemRefType>(leaf.memory.getType());
    SmallVector<int64_t> offsets(type.getRank(), 0), sizes(type.getShape());
    for (auto [d, expr] : llvm::enumerate(leaf.map.getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(expr))
        sizes[d] = outputType.getDimSize(dim.getPosition());
    if (ArrayRef<int64_t>(sizes) == type.getShape())
      return leaf.memory;
    return subview(leaf.memory, offsets, sizes);
  }

  AffineMap affine(const Map &map) {
    unsigned dims = outputRank;
    return AffineMap::get(dims, 0, map, context);
  }

  /// Finds what has to be read: each input once per way that it is read in.
  void collect(Value value, const Map &map) {
    Operation *op = value.getDefiningOp();
    if (!op || isa<nn::ConstantOp>(op)) {
      Value memory = memoryOf(value);
      AffineMap way = affine(map);
      if (memory && llvm::none_of(leaves, [&](const Leaf &leaf) { return leaf.value == value && leaf.map == way; }))
        leaves.push_back({value, memory, way});
      return;
    }
    for (Value operand : op->getOperands())
      collect(operand, operandMap(op, operand, map));
  }

  /// The memref of a kernel input, or of a constant with different elements; null for uniform constants.
  Value memoryOf(Value value) {
    if (auto argument = dyn_cast<BlockArgument>(value))
      return kernel.getInputs()[argument.getArgNumber()];
    auto constant = cast<nn::ConstantOp>(value.getDefiningOp());
    if (isa<SplatElementsAttr>(constant.getValue()))
      return {};
    Value &table = tables[value];
    if (!table)
      table = makeConstantTable(builder, constant.getValue());
    return table;
  }

  Value evaluate(ScalarMath &math, Value value, const Map &map, ValueRange arguments) {
    AffineMap way = affine(map);
    Value &known = computed[{value, way}];
    if (known)
      return known;
    Operation *op = value.getDefiningOp();
    Type element = typeOf(value).getElementType();
    if (!op || isa<nn::ConstantOp>(op)) {
      if (!memoryOf(value)) {
        auto splat = cast<SplatElementsAttr>(cast<nn::ConstantOp>(op).getValue());
        return known = math.constant(element, splat.getSplatValue<Attribute>());
      }
      auto leaf = llvm::find_if(leaves, [&](const Leaf &leaf) { return leaf.value == value && leaf.map == way; });
      return known = math.fromMemory(arguments[leaf - leaves.begin()], element);
    }
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(evaluate(math, operand, operandMap(op, operand, map), arguments));
    Value result = isRearrangement(op) ? operands.front() : math.elementwise(op, operands);
    if (!result) {
      // The importer lets no such function through; say so instead of crashing.
      op->emitOpError() << "has no meaning on " << element;
      isBroken = true;
      result = math.constant(element, 0.0);
    }
    return computed[{value, way}] = result;
  }

  //===-- several nests -------------------------------------------------===//

  Value subview(Value memory, ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes) {
    SmallVector<int64_t> ones(offsets.size(), 1);
    return memref::SubViewOp::create(builder, loc, memory, offsets, sizes, ones);
  }

  bool lower(nn::ConcatOp concat, Value output) {
    unsigned rank = typeOf(concat.getOutput()).getRank();
    SmallVector<int64_t> offsets(rank, 0);
    outputRank = rank;
    for (Value input : concat.getInputs()) {
      RankedTensorType type = typeOf(input);
      if (type.getNumElements() != 0)
        nest(input, subview(output, offsets, type.getShape()));
      offsets[concat.getAxis()] += type.getDimSize(concat.getAxis());
    }
    return true;
  }

  bool lower(nn::PadOp pad, Value output) {
    RankedTensorType type = typeOf(pad.getInput()), result = typeOf(pad.getOutput());
    outputRank = result.getRank();
    SmallVector<SmallVector<Run>> runs;
    for (unsigned d = 0; d < outputRank; ++d) {
      int64_t low = pad.getLow()[d], size = type.getDimSize(d), high = pad.getHigh()[d];
      if (pad.getMode() == nn::PadMode::constant) {
        // As cutRuns() finds them, however many elements there are.
        SmallVector<Run> &made = runs.emplace_back();
        if (low)
          made.push_back({0, low, -1, 0, /*isPadding=*/true});
        if (size)
          made.push_back({low, size, 0, size > 1, /*isPadding=*/false});
        if (high)
          made.push_back({low + size, high, -1, 0, /*isPadding=*/true});
        continue;
      }
      SmallVector<int64_t> sources;
      for (int64_t i = 0; i < result.getDimSize(d); ++i)
        sources.push_back(pad.sourceOf(d, i));
      runs.push_back(cutRuns(sources));
    }
    SmallVector<int64_t> offsets(outputRank, 0), sizes(result.getShape());
    Attribute value = nn::numberAs(pad.getValue(), type.getElementType());
    Map map(outputRank);
    std::function<void(unsigned)> piece = [&](unsigned d) {
      if (d == outputRank)
        return nest(pad.getInput(), type.getElementType(), map, subview(output, offsets, sizes));
      for (const Run &run : runs[d]) {
        offsets[d] = run.begin;
        sizes[d] = run.length;
        if (run.isPadding) {
          // All of the inner dims at once.
          fill(type.getElementType(), value, subview(output, offsets, sizes));
          continue;
        }
        map[d] = run.length == 1 ? number(run.source) : dim(d) * run.step + run.source;
        piece(d + 1);
      }
      offsets[d] = 0;
      sizes[d] = result.getDimSize(d);
    };
    if (result.getNumElements() != 0)
      piece(0);
    return true;
  }

  /// The output seen as [repeats, size] per dim.
  bool lower(nn::TileOp tile, Value output) {
    auto outputType = cast<MemRefType>(output.getType());
    RankedTensorType type = typeOf(tile.getInput());
    SmallVector<int64_t> strides, sizes, viewStrides;
    int64_t offset;
    (void)outputType.getStridesAndOffset(strides, offset);
    Map map;
    for (auto [d, repeats] : llvm::enumerate(tile.getRepeats())) {
      sizes.append({repeats, type.getDimSize(d)});
      viewStrides.append({strides[d] * type.getDimSize(d), strides[d]});
      map.push_back(dim(2 * d + 1));
    }
    outputRank = sizes.size();
    Value view = memref::ReinterpretCastOp::create(
        builder, loc,
        MemRefType::get(sizes, outputType.getElementType(), StridedLayoutAttr::get(context, offset, viewStrides)),
        output, offset, sizes, viewStrides);
    nest(tile.getInput(), type.getElementType(), map, view);
    return true;
  }

  /// A copy to another shape: the side without gaps in memory is seen in the other's shape.
  bool lower(nn::ReshapeOp reshape, Value output) {
    auto argument = dyn_cast<BlockArgument>(reshape.getInput());
    if (!argument)
      return false;
    Value input = kernel.getInputs()[argument.getArgNumber()];
    auto inputType = cast<MemRefType>(input.getType()), outputType = cast<MemRefType>(output.getType());
    auto seenAs = [&](Value memory, ArrayRef<int64_t> shape) -> Value {
      auto type = MemRefType::get(shape, cast<MemRefType>(memory.getType()).getElementType());
      SmallVector<int64_t> strides;
      int64_t offset;
      (void)type.getStridesAndOffset(strides, offset);
      auto strided = MemRefType::get(shape, type.getElementType(), StridedLayoutAttr::get(context, 0, strides));
      return memref::ReinterpretCastOp::create(builder, loc, strided, memory, 0, shape, strides);
    };
    if (inputType.getLayout().isIdentity())
      input = seenAs(input, outputType.getShape());
    else if (outputType.getLayout().isIdentity())
      output = seenAs(output, inputType.getShape());
    else
      return false;
    unsigned rank = cast<MemRefType>(output.getType()).getRank();
    AffineMap map = builder.getMultiDimIdentityMap(rank);
    linalg::GenericOp::create(builder, loc, input, output, ArrayRef<AffineMap>{map, map},
                              SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
                              [&](OpBuilder &nested, Location, ValueRange arguments) {
                                Type element = typeOf(reshape.getOutput()).getElementType();
                                Value value = arguments.front();
                                if (ScalarMath math(nested, loc); element.isInteger(1))
                                  value = math.toMemory(math.fromMemory(value, element), element);
                                linalg::YieldOp::create(nested, loc, value);
                              });
    return true;
  }

public:
  bool isBroken = false;

private:
  nn::KernelOp kernel;
  OpBuilder builder;
  Location loc;
  MLIRContext *context;
  unsigned outputRank = kernel.getOutputs().empty() ? 0 : cast<MemRefType>(kernel.getOutputs()[0].getType()).getRank();
  SmallVector<Leaf> leaves;
  DenseMap<Value, Value> tables;
  DenseMap<std::pair<Value, AffineMap>, Value> computed;
};

struct LowerToLinalg : impl::LowerToLinalgBase<LowerToLinalg> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"L1"})))
      return signalPassFailure();
    SmallVector<nn::KernelOp> kernels;
    getOperation().walk([&](nn::KernelOp kernel) {
      if (kernel.isPlanned())
        kernels.push_back(kernel);
    });
    for (nn::KernelOp kernel : kernels) {
      Lowering lowering(kernel);
      if (lowering.run())
        kernel.erase();
      if (lowering.isBroken)
        return signalPassFailure();
    }
  }
};
} // namespace
} // namespace nncc
