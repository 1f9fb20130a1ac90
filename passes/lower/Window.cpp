// Walking the window of an output pixel; see Window.h.
#include "passes/lower/Window.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace nncc {

using Values = SmallVector<Value>;

std::pair<Value, Value> tapPosition(LoopBuilder &build, const WindowDim &dim, Value output, Value tap) {
  OpBuilder &b = build.builder;
  Location loc = build.loc;
  auto compare = [&](arith::CmpIPredicate predicate, Value x, int64_t y) -> Value {
    return arith::CmpIOp::create(b, loc, predicate, x, build.index(y));
  };
  auto both = [&](Value x, Value y) -> Value { return arith::AndIOp::create(b, loc, x, y); };
  Value along = build.mul(tap, dim.dilation);
  if (!dim.isTransposed) {
    Value position = build.sub(build.add(build.mul(output, dim.stride), along), build.index(dim.pad));
    // A negative position is a very large unsigned one.
    return {position, compare(arith::CmpIPredicate::ult, position, dim.input)};
  }
  Value distance = build.sub(build.add(output, build.index(dim.pad)), along);
  Value stride = build.index(dim.stride);
  Value position = arith::DivUIOp::create(b, loc, distance, stride);
  Value rest = arith::RemUIOp::create(b, loc, distance, stride);
  Value isInside =
      both(compare(arith::CmpIPredicate::sge, distance, 0),
           both(compare(arith::CmpIPredicate::eq, rest, 0), compare(arith::CmpIPredicate::ult, position, dim.input)));
  return {position, isInside};
}

Values walkWindow(LoopBuilder &build, const WindowDim &h, const WindowDim &w, Value oh, Value ow, ValueRange initial,
                  function_ref<Values(Value, Value, Value, Value, ValueRange)> body) {
  auto guarded = [&](Value condition, ValueRange carried, function_ref<Values()> inside) -> Values {
    auto branch = scf::IfOp::create(build.builder, build.loc, carried.getTypes(), condition, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(build.builder);
    build.builder.setInsertionPointToStart(branch.thenBlock());
    scf::YieldOp::create(build.builder, build.loc, inside());
    build.builder.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(build.builder, build.loc, carried);
    return llvm::to_vector(ValueRange(branch.getResults()));
  };
  Value zero = build.index(0);
  return build.loop(zero, build.index(h.kernel), 1, initial, [&](Value kh, ValueRange carried) {
    auto [ih, isRowInside] = tapPosition(build, h, oh, kh);
    return guarded(isRowInside, carried, [&, ih = ih] {
      return build.loop(zero, build.index(w.kernel), 1, carried, [&](Value kw, ValueRange carried) {
        auto [iw, isInside] = tapPosition(build, w, ow, kw);
        return guarded(isInside, carried, [&, iw = iw] { return body(ih, iw, kh, kw, carried); });
      });
    });
  });
}

} // namespace nncc
