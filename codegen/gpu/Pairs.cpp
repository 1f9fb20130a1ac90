// Ops that move pairs; see Pairs.h.
#include "codegen/gpu/Pairs.h"

using namespace mlir;

namespace {

template <typename Op> struct PairMove : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
  LogicalResult matchAndRewrite(Op op, typename OpConversionPattern<Op>::OneToNOpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    SmallVector<Type> types;
    if (failed(this->getTypeConverter()->convertType(op->getResult(0).getType(), types)) || types.size() != 2)
      return rewriter.notifyMatchFailure(op, "not a pair");
    SmallVector<Value> parts;
    for (unsigned part : {0, 1}) {
      SmallVector<Value> operands;
      for (ValueRange operand : adaptor.getOperands())
        operands.push_back(operand[operand.size() == 1 ? 0 : part]);
      OperationState state(op.getLoc(), op->getName(), operands, types[part], op->getAttrs());
      state.propertiesAttr = op->getPropertiesAsAttribute();
      parts.push_back(rewriter.create(state)->getResult(0));
    }
    rewriter.replaceOpWithMultiple(op, {parts});
    return success();
  }
};

} // namespace

bool nncc::isPairMove(Operation *op) {
  return isa<arith::SelectOp, vector::ExtractOp, vector::ShuffleOp, vector::BroadcastOp, vector::FromElementsOp>(op);
}

void nncc::populatePairMoves(RewritePatternSet &patterns, const TypeConverter &converter) {
  patterns.add<PairMove<arith::SelectOp>, PairMove<vector::ExtractOp>, PairMove<vector::ShuffleOp>,
               PairMove<vector::BroadcastOp>, PairMove<vector::FromElementsOp>>(converter, patterns.getContext());
}
