// Wide vectors as pieces of at most four lanes; see GpuPasses.td.
#include "codegen/gpu/GpuPasses.h"
#include "lib/support/Assert.h"
#include "mlir/IR/IRMapping.h"
#include "passes/check/Stage.h"

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_NARROWVECTORS
#include "codegen/gpu/GpuPasses.h.inc"

namespace {

VectorType wideType(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return vector && vector.getRank() == 1 && vector.getNumElements() > kGpuLanes ? vector : VectorType();
}

class Narrower {
public:
  explicit Narrower(func::FuncOp function) : function(function), builder(function) {}

  /// Ops in order, so that the pieces of operands are there; the wide ones are erased, last first.
  void run() {
    function.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (llvm::any_of(op->getOperandTypes(), wideType) || llvm::any_of(op->getResultTypes(), wideType))
        wide.push_back(op);
    });
    SmallVector<Operation *> replaced;
    for (Operation *op : wide) {
      builder.setInsertionPoint(op);
      if (narrow(op))
        replaced.push_back(op);
    }
    for (Operation *op : llvm::reverse(replaced))
      if (op->use_empty())
        op->erase();
  }

private:
  using Pieces = SmallVector<Value>;

  /// The lanes of piece number `index`.
  static int64_t lanesOf(VectorType type, int64_t index) {
    return std::min(kGpuLanes, type.getNumElements() - index * kGpuLanes);
  }
  static int64_t piecesOf(VectorType type) { return llvm::divideCeil(type.getNumElements(), kGpuLanes); }
  static Type pieceType(VectorType type, int64_t index) {
    int64_t lanes = lanesOf(type, index);
    return lanes == 1 ? type.getElementType() : VectorType::get({lanes}, type.getElementType());
  }

  /// One lane of a vector, wide or not.
  Value lane(Location loc, Value vector, int64_t number) {
    auto known = pieces.find(vector);
    if (known != pieces.end()) {
      vector = known->second[number / kGpuLanes];
      number %= kGpuLanes;
    }
    return isa<VectorType>(vector.getType()) ? vector::ExtractOp::create(builder, loc, vector, number).getResult()
                                             : vector;
  }

  Value join(Location loc, Type type, ArrayRef<Value> elements) {
    return elements.size() == 1 ? elements[0]
                                : vector::FromElementsOp::create(builder, loc, type, elements).getResult();
  }

  Value plus(Location loc, Value index, int64_t number) {
    return builder.createOrFold<arith::AddIOp>(loc, index, arith::ConstantIndexOp::create(builder, loc, number));
  }

  bool narrow(Operation *op) {
    return TypeSwitch<Operation *, bool>(op)
        .Case([&](vector::LoadOp load) { return narrowLoad(load); })
        .Case([&](vector::StoreOp store) { return narrowStore(store); })
        .Case([&](vector::ShuffleOp shuffle) {
          SmallVector<Value> elements;
          int64_t split = shuffle.getV1VectorType().getNumElements();
          for (int64_t source : shuffle.getMask())
            elements.push_back(source < split ? lane(op->getLoc(), shuffle.getV1(), source)
                                              : lane(op->getLoc(), shuffle.getV2(), source - split));
          return replaceByElements(op, elements);
        })
        .Case([&](vector::FromElementsOp from) {
          return replaceByElements(op, llvm::to_vector(ValueRange(from.getElements())));
        })
        .Case([&](vector::BroadcastOp broadcast) {
          if (isa<VectorType>(broadcast.getSourceType()))
            return false;
          return replaceByElements(
              op, SmallVector<Value>(broadcast.getResultVectorType().getNumElements(), broadcast.getSource()));
        })
        .Case([&](vector::ExtractOp extract) {
          if (extract.getStaticPosition().size() != 1 || extract.hasDynamicPosition())
            return false;
          op->getResult(0).replaceAllUsesWith(lane(op->getLoc(), extract.getSource(), extract.getStaticPosition()[0]));
          return true;
        })
        .Case([&](arith::ConstantOp constant) { return narrowConstant(constant); })
        .Default([&](Operation *) {
          return OpTrait::hasElementwiseMappableTraits(op) && op->getNumResults() == 1 ? narrowElementwise(op) : false;
        });
  }

  bool narrowLoad(vector::LoadOp load) {
    VectorType type = load.getVectorType();
    Value base = load.getBase();
    for (int64_t index = 0; index < piecesOf(type); ++index) {
      Type piece = pieceType(type, index);
      Value at = plus(load.getLoc(), load.getIndices()[0], index * kGpuLanes);
      Value loaded = isa<VectorType>(piece)
                         ? Value(vector::LoadOp::create(builder, load.getLoc(), piece, base, at).getResult())
                         : memref::LoadOp::create(builder, load.getLoc(), base, at).getResult();
      pieces[load.getResult()].push_back(loaded);
    }
    return true;
  }

  bool narrowStore(vector::StoreOp store) {
    auto known = pieces.find(store.getValueToStore());
    if (known == pieces.end())
      return false;
    for (auto [index, piece] : llvm::enumerate(Pieces(known->second))) {
      Value at = plus(store.getLoc(), store.getIndices()[0], index * kGpuLanes);
      if (isa<VectorType>(piece.getType()))
        vector::StoreOp::create(builder, store.getLoc(), piece, store.getBase(), at);
      else
        memref::StoreOp::create(builder, store.getLoc(), piece, store.getBase(), at);
    }
    return true;
  }

  bool narrowConstant(arith::ConstantOp constant) {
    auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (!elements)
      return false;
    auto values = elements.getValues<Attribute>();
    for (int64_t index = 0; index < piecesOf(cast<VectorType>(constant.getType())); ++index) {
      Type piece = pieceType(cast<VectorType>(constant.getType()), index);
      auto first = values.begin() + index * kGpuLanes;
      if (auto vector = dyn_cast<VectorType>(piece)) {
        SmallVector<Attribute> some(first, first + vector.getNumElements());
        pieces[constant].push_back(
            arith::ConstantOp::create(builder, constant.getLoc(), DenseElementsAttr::get(vector, some)));
      } else {
        pieces[constant].push_back(arith::ConstantOp::create(builder, constant.getLoc(), cast<TypedAttr>(*first)));
      }
    }
    return true;
  }

  /// The same op on each piece. A scalar operand (the condition of a select) goes into all of them.
  bool narrowElementwise(Operation *op) {
    auto type = cast<VectorType>(op->getResult(0).getType());
    for (Value operand : op->getOperands())
      if (isa<VectorType>(operand.getType()) && !pieces.contains(operand))
        return false;
    for (int64_t index = 0; index < piecesOf(type); ++index) {
      IRMapping mapping;
      for (Value operand : op->getOperands())
        if (isa<VectorType>(operand.getType()))
          mapping.map(operand, pieces[operand][index]);
      Operation *clone = builder.clone(*op, mapping);
      clone->getResult(0).setType(pieceType(type, index));
      pieces[op->getResult(0)].push_back(clone->getResult(0));
    }
    return true;
  }

  bool replaceByElements(Operation *op, ArrayRef<Value> elements) {
    auto type = cast<VectorType>(op->getResult(0).getType());
    if (!wideType(type)) {
      op->getResult(0).replaceAllUsesWith(join(op->getLoc(), type, elements));
      return true;
    }
    for (int64_t index = 0; index < piecesOf(type); ++index)
      pieces[op->getResult(0)].push_back(
          join(op->getLoc(), pieceType(type, index), elements.slice(index * kGpuLanes, lanesOf(type, index))));
    return true;
  }

  func::FuncOp function;
  OpBuilder builder;
  SmallVector<Operation *> wide;
  DenseMap<Value, Pieces> pieces;
};

struct NarrowVectors : impl::NarrowVectorsBase<NarrowVectors> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"L2"})))
      return signalPassFailure();
    Narrower(getOperation()).run();
  }
};
} // namespace
} // namespace nncc
