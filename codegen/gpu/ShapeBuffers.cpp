// Element types of buffers, and offsets of operands; see GpuPasses.td.
#include "codegen/gpu/GpuPasses.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/check/Stage.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_SHAPEBUFFERS
#include "codegen/gpu/GpuPasses.h.inc"

namespace {

/// True when an index is a multiple of four, by how it is computed.
bool isMultipleOfFour(Value value) {
  if (auto number = getConstantIntValue(value))
    return *number % kGpuLanes == 0;
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
    return loop && argument == loop.getInductionVar() && isMultipleOfFour(loop.getLowerBound()) &&
           isMultipleOfFour(loop.getStep());
  }
  Operation *op = value.getDefiningOp();
  auto is = [&](unsigned operand) { return isMultipleOfFour(op->getOperand(operand)); };
  if (isa<arith::AddIOp, arith::SubIOp>(op))
    return is(0) && is(1);
  if (isa<arith::RemUIOp>(op))
    return is(0) && is(1);
  if (isa<arith::MulIOp, arith::AndIOp>(op))
    return is(0) || is(1);
  return isa<arith::SelectOp>(op) && is(1) && is(2);
}

/// A quarter of an index that is a multiple of four: divided where it is made, so that loops count in vectors.
class Quarters {
public:
  Value of(Value value) {
    Value &known = quarters[value];
    if (known)
      return known;
    OpBuilder builder(value.getContext());
    builder.setInsertionPointAfterValue(value);
    Value quarter = make(builder, value);
    return quarters[value] = quarter;
  }

private:
  Value make(OpBuilder &builder, Value value) {
    Location loc = value.getLoc();
    auto constant = [&](int64_t number) { return arith::ConstantIndexOp::create(builder, loc, number).getResult(); };
    if (auto number = getConstantIntValue(value))
      return constant(*number / kGpuLanes);
    Operation *op = value.getDefiningOp();
    if (op && isa<arith::AddIOp, arith::SubIOp, arith::RemUIOp>(op) && isMultipleOfFour(op->getOperand(0)) &&
        isMultipleOfFour(op->getOperand(1))) {
      Value a = of(op->getOperand(0)), b = of(op->getOperand(1));
      builder.setInsertionPoint(op);
      Operation *quarter = builder.create(loc, op->getName().getIdentifier(), {a, b}, op->getResultTypes());
      return quarter->getResult(0);
    }
    if (op && isa<arith::MulIOp>(op))
      for (unsigned factor : {1, 0})
        if (auto number = getConstantIntValue(op->getOperand(factor)); number && *number % kGpuLanes == 0)
          return builder.createOrFold<arith::MulIOp>(loc, op->getOperand(1 - factor), constant(*number / kGpuLanes));
    return arith::ShRUIOp::create(builder, loc, value, constant(2));
  }

  DenseMap<Value, Value> quarters;
};

/// A load or store of a flat buffer, of an element or a vector.
struct BufferAccess {
  Operation *op;
  Value index;
  VectorType vector; ///< null for an element
  Value stored;      ///< null for a load

  static std::optional<BufferAccess> of(Operation *op) {
    return TypeSwitch<Operation *, std::optional<BufferAccess>>(op)
        .Case([](memref::LoadOp load) { return BufferAccess{load, load.getIndices()[0], {}, {}}; })
        .Case([](vector::LoadOp load) { return BufferAccess{load, load.getIndices()[0], load.getVectorType(), {}}; })
        .Case([](memref::StoreOp store) {
          return BufferAccess{store, store.getIndices()[0], {}, store.getValueToStore()};
        })
        .Case([](vector::StoreOp store) {
          return BufferAccess{store, store.getIndices()[0], store.getVectorType(), store.getValueToStore()};
        })
        .Default([](Operation *) { return std::nullopt; });
  }

  bool isWholeVector() const { return vector && vector.getNumElements() == kGpuLanes && isMultipleOfFour(index); }
};

/// Shapes one buffer of a kernel.
class Shaper {
public:
  Shaper(gpu::GPUFuncOp kernel, BlockArgument buffer, Quarters &quarters)
      : kernel(kernel), buffer(buffer), type(cast<MemRefType>(buffer.getType())), builder(kernel), quarters(quarters) {}

  LogicalResult run() {
    if (type.getRank() != 1 || !type.hasStaticShape() || !type.getElementType().isIntOrFloat())
      return kernel.emitOpError() << "argument " << buffer.getArgNumber()
                                  << " must be a flat buffer of integers or floats";
    for (Operation *user : buffer.getUsers()) {
      std::optional<BufferAccess> access = BufferAccess::of(user);
      if (!access)
        return user->emitOpError() << "is no load or store of a buffer";
      accesses.push_back(*access);
    }
    auto multiple = kernel.getArgAttrOfType<IntegerAttr>(buffer.getArgNumber(), nn::kOffsetMultipleAttr);
    int64_t vectorBytes = kGpuLanes * type.getElementTypeBitWidth() / 8;
    bool isOfVectors = !accesses.empty() && (type.getElementTypeBitWidth() == 32 || type.getElementType().isF16()) &&
                       (!multiple || multiple.getInt() % vectorBytes == 0) &&
                       llvm::all_of(accesses, [](const BufferAccess &access) { return access.isWholeVector(); });
    if (isOfVectors)
      buffer.setType(MemRefType::get({llvm::divideCeilSigned(type.getNumElements(), kGpuLanes)},
                                     VectorType::get({kGpuLanes}, type.getElementType())));
    if (multiple)
      addOffset();
    for (const BufferAccess &access : accesses)
      if (isOfVectors)
        rewriteWhole(access);
      else if (access.vector)
        rewriteByElements(access);
      else
        rewriteElement(access);
    return success();
  }

private:
  /// The offset of the buffer as one more argument of the kernel.
  void addOffset() {
    unsigned number = kernel.getNumArguments();
    (void)kernel.insertArgument(number, builder.getIndexType(), {}, buffer.getLoc());
    kernel.setArgAttr(number, nn::kOffsetOfAttr, builder.getI64IntegerAttr(buffer.getArgNumber()));
    offset = kernel.getBody().getArgument(number);
  }

  /// An index behind the offset, which is added to its first summand: that one does not change in inner loops.
  Value withOffset(Value index) {
    if (!offset)
      return index;
    Value &known = placed[index];
    if (known)
      return known;
    OpBuilder at(index.getContext());
    at.setInsertionPointAfterValue(index);
    auto sum = index.getDefiningOp<arith::AddIOp>();
    Value result = sum ? arith::AddIOp::create(at, buffer.getLoc(), withOffset(sum.getLhs()), sum.getRhs())
                       : arith::AddIOp::create(at, buffer.getLoc(), index, offset);
    return placed[index] = result;
  }

  Value place(Value index, int64_t lane = 0) {
    index = withOffset(index);
    if (lane)
      index = arith::AddIOp::create(builder, buffer.getLoc(), index,
                                    arith::ConstantIndexOp::create(builder, buffer.getLoc(), lane));
    return index;
  }

  void rewriteElement(const BufferAccess &access) {
    builder.setInsertionPoint(access.op);
    access.op->getOpOperands().back().set(place(access.index));
  }

  void rewriteWhole(const BufferAccess &access) {
    Value quarter = quarters.of(access.index);
    builder.setInsertionPoint(access.op);
    if (access.stored)
      memref::StoreOp::create(builder, access.op->getLoc(), access.stored, buffer, place(quarter));
    else
      access.op->replaceAllUsesWith(memref::LoadOp::create(builder, access.op->getLoc(), buffer, place(quarter)));
    access.op->erase();
  }

  void rewriteByElements(const BufferAccess &access) {
    builder.setInsertionPoint(access.op);
    Location loc = access.op->getLoc();
    SmallVector<Value> elements;
    for (int64_t lane = 0; lane < access.vector.getNumElements(); ++lane) {
      Value at = place(access.index, lane);
      if (access.stored)
        memref::StoreOp::create(builder, loc, vector::ExtractOp::create(builder, loc, access.stored, lane), buffer, at);
      else
        elements.push_back(memref::LoadOp::create(builder, loc, buffer, at));
    }
    if (!access.stored)
      access.op->replaceAllUsesWith(vector::FromElementsOp::create(builder, loc, access.vector, elements));
    access.op->erase();
  }

  gpu::GPUFuncOp kernel;
  BlockArgument buffer;
  MemRefType type;
  OpBuilder builder;
  Quarters &quarters;
  SmallVector<BufferAccess> accesses;
  Value offset;
  DenseMap<Value, Value> placed;
};

struct ShapeBuffers : impl::ShapeBuffersBase<ShapeBuffers> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"G"})))
      return signalPassFailure();
    WalkResult result = getOperation().walk([&](gpu::GPUFuncOp kernel) {
      Quarters quarters;
      for (BlockArgument argument : llvm::to_vector(kernel.getArguments()))
        if (isa<MemRefType>(argument.getType()) && failed(Shaper(kernel, argument, quarters).run()))
          return WalkResult::interrupt();
      kernel.setFunctionType(FunctionType::get(&getContext(), kernel.getBody().getArgumentTypes(), {}));
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
} // namespace nncc
