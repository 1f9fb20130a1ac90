// Tails are one masked access where masks cost nothing, and pieces of 2^n elements elsewhere.
#include "codegen/cpu/Code.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace nncc::cpu;

static unsigned alignmentOf(Type type) { return std::max(1u, getElementTypeOrSelf(type).getIntOrFloatBitWidth() / 8); }

Value Code::pointerTo(Value memory) {
  if (auto cast = memory.getDefiningOp<UnrealizedConversionCastOp>())
    return cast.getOperand(0);
  Value index = memref::ExtractAlignedPointerAsIndexOp::create(b, memory);
  Value address = arith::IndexCastOp::create(b, b.getI64Type(), index);
  return LLVM::IntToPtrOp::create(b, pointer(), address);
}

Value Code::at(Value base, Value offset, Type element) {
  return LLVM::GEPOp::create(b, pointer(), element, base, ArrayRef<LLVM::GEPArg>{offset});
}

Value Code::at(Value base, int64_t offset, Type element) {
  if (offset == 0)
    return base;
  if (llvm::isInt<32>(offset))
    return LLVM::GEPOp::create(b, pointer(), element, base, ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(offset)});
  return at(base, constant(offset), element);
}

Value Code::opaque(Value address, bool staysInPlace) {
  auto dialect = LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT);
  return LLVM::InlineAsmOp::create(b, pointer(), address, /*asm_string=*/"", /*constraints=*/"=r,0",
                                   /*has_side_effects=*/staysInPlace, /*is_align_stack=*/false,
                                   LLVM::tailcallkind::TailCallKind::None, dialect, /*operand_attrs=*/ArrayAttr())
      .getResult(0);
}

Value Code::load(Value address, Type type) { return LLVM::LoadOp::create(b, type, address, alignmentOf(type)); }

SmallVector<Value> Code::loadRun(StringRef instruction, Value address, VectorType type, int64_t count) {
  auto run = LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(count, type));
  StringAttr name = b.getStringAttr(instruction + Twine(count));
  Value all = LLVM::CallIntrinsicOp::create(b, run, name, address).getResult(0);
  SmallVector<Value> vectors;
  for (int64_t i = 0; i < count; ++i)
    vectors.push_back(LLVM::ExtractValueOp::create(b, all, i));
  return vectors;
}

void Code::store(Value value, Value address) { LLVM::StoreOp::create(b, value, address, alignmentOf(value.getType())); }

void Code::prefetch(Value address) { LLVM::Prefetch::create(b, address, /*rw=*/0, /*hint=*/2, /*cache=*/1); }

Value Code::mask(VectorType type, int64_t count) {
  SmallVector<bool> bits(type.getNumElements(), false);
  std::fill_n(bits.begin(), count, true);
  auto maskType = VectorType::get(type.getShape(), b.getI1Type());
  return arith::ConstantOp::create(b, DenseElementsAttr::get(maskType, ArrayRef<bool>(bits)));
}

Value Code::loadPart(Value address, VectorType type, int64_t count) {
  int64_t lanes = type.getNumElements();
  Type element = type.getElementType();
  if (count == lanes)
    return load(address, type);
  if (maskedStores)
    return LLVM::MaskedLoadOp::create(b, type, address, mask(type, count), zero(type), alignmentOf(type));
  if (element.isBF16()) // LLVM 22 calls a library to put one into a vector on x86 (__truncsfbf2)
    return vector::BitCastOp::create(b, type, loadPart(address, type.clone(b.getI16Type()), count));
  Value whole = zero(type);
  for (int64_t from = 0; from < count;) {
    int64_t size = llvm::bit_floor(static_cast<uint64_t>(count - from));
    Value place = at(address, from, element);
    if (size == 1) {
      whole = vector::InsertOp::create(b, load(place, element), whole, ArrayRef<int64_t>{from});
    } else {
      Value piece = load(place, VectorType::get(size, element));
      SmallVector<int64_t> widen(lanes, vector::ShuffleOp::kPoisonIndex), blend(lanes);
      for (int64_t i = 0; i < lanes; ++i)
        blend[i] = i;
      for (int64_t i = 0; i < size; ++i) {
        widen[i] = i;
        blend[from + i] = lanes + i;
      }
      Value wide = vector::ShuffleOp::create(b, piece, piece, widen);
      whole = vector::ShuffleOp::create(b, whole, wide, blend);
    }
    from += size;
  }
  return whole;
}

void Code::storePart(Value value, Value address, int64_t count) {
  auto type = cast<VectorType>(value.getType());
  if (count == type.getNumElements())
    return store(value, address);
  // LLVM 22 (X86, reduceMaskedStoreToScalarStore) makes a store of the wide element where one narrowed element is
  // stored under a mask.
  if (maskedStores && count > 1) {
    LLVM::MaskedStoreOp::create(b, value, address, mask(type, count), alignmentOf(type));
    return;
  }
  if (type.getElementType().isBF16()) // as in loadPart
    return storePart(vector::BitCastOp::create(b, type.clone(b.getI16Type()), value), address, count);
  for (int64_t from = 0; from < count;) {
    int64_t size = llvm::bit_floor(static_cast<uint64_t>(count - from));
    Value place = at(address, from, type.getElementType());
    if (size == 1) {
      store(vector::ExtractOp::create(b, value, ArrayRef<int64_t>{from}), place);
    } else {
      SmallVector<int64_t> piece(size);
      for (int64_t i = 0; i < size; ++i)
        piece[i] = from + i;
      store(vector::ShuffleOp::create(b, value, value, piece), place);
    }
    from += size;
  }
}

SmallVector<Value> Code::when(Value condition, ValueRange values, function_ref<SmallVector<Value>()> body) {
  auto choice = scf::IfOp::create(b, values.getTypes(), condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  scf::YieldOp::create(b, body());
  b.setInsertionPointToStart(choice.elseBlock());
  scf::YieldOp::create(b, values);
  return SmallVector<Value>(choice.getResults());
}

SmallVector<Value> Code::loop(Value from, Value to, int64_t step, ValueRange values,
                              function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(b, from, to, constant(step), values,
                                 [&](OpBuilder &nested, Location, Value index, ValueRange carried) {
                                   OpBuilder::InsertionGuard guard(b);
                                   b.setInsertionPoint(nested.getInsertionBlock(), nested.getInsertionPoint());
                                   SmallVector<Value> next = body(index, carried);
                                   scf::YieldOp::create(b, next);
                                 });
  return SmallVector<Value>(loop.getResults());
}
