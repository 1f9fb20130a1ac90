// Read-only tables of kernels; see ConstantTable.h.
#include "passes/lower/ConstantTable.h"
#include "lib/support/Assert.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"
#include "passes/lower/ScalarMath.h"

using namespace mlir;

namespace nncc {

/// The elements as DenseElements of memory types.
static DenseElementsAttr inMemoryTypes(ElementsAttr elements) {
  auto type = cast<RankedTensorType>(elements.getType());
  Type element = type.getElementType(), memory = memoryType(element);
  auto memoryTensor = RankedTensorType::get(type.getShape(), memory);
  if (isa<FloatType>(element)) {
    if (auto dense = dyn_cast<DenseElementsAttr>(elements))
      return dense;
    return DenseElementsAttr::get(memoryTensor, llvm::to_vector(elements.getValues<APFloat>()));
  }
  SmallVector<APInt> values;
  for (APInt value : elements.getValues<APInt>())
    values.push_back(value.zextOrTrunc(memory.getIntOrFloatBitWidth()));
  return DenseElementsAttr::get(memoryTensor, values);
}

Value makeConstantTable(OpBuilder &builder, ElementsAttr elements) {
  DenseElementsAttr values = inMemoryTypes(elements);
  auto type = MemRefType::get(values.getType().getShape(), values.getElementType());
  auto module = builder.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
  if (!module)
    module = cast<ModuleOp>(builder.getInsertionBlock()->getParentOp());
  Location loc = builder.getUnknownLoc();
  memref::GlobalOp global;
  for (auto other : module.getOps<memref::GlobalOp>())
    if (other.getInitialValue() == values && other.getConstant())
      global = other;
  if (!global) {
    SymbolTable symbols(module);
    OpBuilder atModule(module.getBodyRegion());
    global = memref::GlobalOp::create(atModule, loc, "table", builder.getStringAttr("private"), type, values,
                                      /*constant=*/true, /*alignment=*/builder.getI64IntegerAttr(64));
    global->remove();
    symbols.insert(global);
  }
  return memref::GetGlobalOp::create(builder, loc, type, global.getSymName());
}

Value gatherAll(OpBuilder &builder, Location loc, Value table, Value positions) {
  auto shape = cast<VectorType>(positions.getType());
  VectorType type = shape.clone(cast<MemRefType>(table.getType()).getElementType());
  auto every = DenseElementsAttr::get(shape.clone(builder.getI1Type()), true);
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value none = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  return vector::GatherOp::create(builder, loc, type, table, zero, positions,
                                  arith::ConstantOp::create(builder, loc, every), none);
}

} // namespace nncc
