// Registers the ops and attributes of the nn dialect; shape helpers that several families share.
#include "dialects/nn/BinaryKind.h"
#include "dialects/nn/NN.h"
#include "dialects/nn/UnaryKind.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

#include "dialects/nn/BinaryKind.cpp.inc"
#include "dialects/nn/IndexEnums.cpp.inc"
#include "dialects/nn/NNDialect.cpp.inc"
#include "dialects/nn/NNInterfaces.cpp.inc"
#include "dialects/nn/PoolEnums.cpp.inc"
#include "dialects/nn/ReduceEnums.cpp.inc"
#include "dialects/nn/ResampleEnums.cpp.inc"
#include "dialects/nn/SliceEnums.cpp.inc"
#include "dialects/nn/UnaryKind.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/nn/NNAttributes.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/nn/NNOps.cpp.inc"

using namespace mlir;

namespace nncc::nn {

void NNDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/nn/NNAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/NNOps.cpp.inc"
      >();
}

Operation *NNDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location loc) {
  auto elements = dyn_cast<ElementsAttr>(value);
  if (!elements || elements.getType() != type)
    return nullptr;
  return ConstantOp::create(builder, loc, elements);
}

FailureOr<SmallVector<int64_t>> broadcastShapes(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  if (a.size() != b.size())
    return failure();
  SmallVector<int64_t> shape;
  for (auto [x, y] : llvm::zip(a, b)) {
    if (x != y && x != 1 && y != 1)
      return failure();
    shape.push_back(x == 1 ? y : x);
  }
  return shape;
}

FailureOr<int64_t> windowOutputSize(int64_t size, int64_t padBefore, int64_t padAfter, int64_t kernel, int64_t dilation,
                                    int64_t stride) {
  int64_t reach = 0, room = 0;
  if (stride < 1 || dilation < 1 || kernel < 1 || llvm::MulOverflow(dilation, kernel - 1, reach) ||
      llvm::AddOverflow(size, padBefore, room) || llvm::AddOverflow(room, padAfter, room) ||
      llvm::SubOverflow(room, reach, room) || room < 1)
    return failure();
  return (room - 1) / stride + 1;
}

ElementsAttr getConstantValue(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  return constant ? constant.getValue() : ElementsAttr();
}

Type sumType(Type element) {
  auto integer = dyn_cast<IntegerType>(element);
  return integer && integer.getWidth() == 8 ? IntegerType::get(element.getContext(), 32) : element;
}

bool isElementwise(Operation *op) { return op->hasTrait<ElementwiseFunction>(); }

//===-- #nn.machine ------------------------------------------------------===//

Attribute MachineAttr::parse(AsmParser &parser, Type) {
  int64_t vectorBits = 0, registers = 0, l1 = 0, l2 = 0, mostLanes = 0;
  std::string runLoad;
  SmallVector<DotAttr> dots;
  bool fmaLane = false, maskedStores = false, maxNum = false, halfArithmetic = false;
  auto parseField = [&]() -> ParseResult {
    StringRef key;
    auto loc = parser.getCurrentLocation();
    if (parser.parseKeyword(&key) || parser.parseEqual())
      return failure();
    auto parseBool = [&](bool &value) -> ParseResult {
      StringRef word;
      if (parser.parseKeyword(&word))
        return failure();
      value = word == "true";
      return success(word == "true" || word == "false");
    };
    if (key == "vector_bits")
      return parser.parseInteger(vectorBits);
    if (key == "registers")
      return parser.parseInteger(registers);
    if (key == "l1_bytes")
      return parser.parseInteger(l1);
    if (key == "l2_bytes")
      return parser.parseInteger(l2);
    if (key == "most_lanes")
      return parser.parseInteger(mostLanes);
    if (key == "fma_lane")
      return parseBool(fmaLane);
    if (key == "masked_stores")
      return parseBool(maskedStores);
    if (key == "max_num")
      return parseBool(maxNum);
    if (key == "half_arithmetic")
      return parseBool(halfArithmetic);
    if (key == "run_load")
      return parser.parseString(&runLoad);
    if (key == "dots")
      return parser.parseCommaSeparatedList(
          AsmParser::Delimiter::Square, [&] { return parser.parseCustomAttributeWithFallback(dots.emplace_back()); });
    return parser.emitError(loc) << "unknown machine number '" << key << "'";
  };
  auto loc = parser.getCurrentLocation();
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater, parseField))
    return {};
  if (vectorBits < 64 || registers < 8) {
    parser.emitError(loc) << "a machine needs vector_bits >= 64 and registers >= 8";
    return {};
  }
  // SVE ends at 2048 bits; no machine has more registers than the 256 of its longest encodings, or caches of terabytes.
  constexpr int64_t maxCache = int64_t(1) << 40;
  if (vectorBits > 2048 || !llvm::isPowerOf2_64(vectorBits) || registers > 256 || l1 < 0 || l2 < 0 || l1 > maxCache ||
      l2 > maxCache) {
    parser.emitError(loc) << "no machine has vectors of " << vectorBits << " bits, " << registers << " registers and "
                          << l1 << " and " << l2 << " bytes of cache";
    return {};
  }
  if (mostLanes != 0 && (mostLanes < 4 || !llvm::isPowerOf2_64(mostLanes))) {
    parser.emitError(loc) << "values of at most " << mostLanes << " lanes are no power of two from 4 on";
    return {};
  }
  return MachineAttr::get(parser.getContext(), vectorBits, registers, fmaLane, maskedStores, maxNum, halfArithmetic, l1,
                          l2, mostLanes, runLoad, dots);
}

void MachineAttr::print(AsmPrinter &p) const {
  p << "<vector_bits = " << getVectorBits() << ", registers = " << getVectorRegisters();
  if (getFmaLane())
    p << ", fma_lane = true";
  if (getMaskedStores())
    p << ", masked_stores = true";
  if (getMaxNum())
    p << ", max_num = true";
  if (getHalfArithmetic())
    p << ", half_arithmetic = true";
  p << ", l1_bytes = " << getL1Bytes() << ", l2_bytes = " << getL2Bytes();
  if (getMostLanes())
    p << ", most_lanes = " << getMostLanes();
  if (!getRunLoad().empty())
    p << ", run_load = \"" << getRunLoad() << '"';
  if (!getDots().empty()) {
    p << ", dots = [";
    llvm::interleaveComma(getDots(), p, [&](DotAttr dot) { p.printStrippedAttrOrType(dot); });
    p << "]";
  }
  p << ">";
}

//===-- #nn.dot ----------------------------------------------------------===//

LogicalResult DotAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef instruction, int64_t bits,
                              int64_t group, Type lhs, Type rhs, bool adds, int64_t rows, StringRef wordSum,
                              StringRef shuffle) {
  auto isSmall = [](Type type) { return type.isInteger(8) || type.isInteger(16); };
  if (instruction.empty() || !isSmall(lhs) || !isSmall(rhs))
    return emitError() << "a dot names an instruction, and multiplies integers of 8 or 16 bits";
  if (rows < 1 || rows > 2 || (group != 2 && group != 4 && group != 8 && (group != 16 || rows != 1 || bits != 128)))
    return emitError() << "a dot takes 2, 4 or 8 products, of 1 or 2 rows, or 16 in vectors of 128 bits";
  if (bits < 128 || bits > 2048 || !llvm::isPowerOf2_64(bits) || (rows == 2 && bits != 128))
    return emitError() << "no dot has vectors of " << bits << " bits";
  if (wordSum.empty() != shuffle.empty() || (!wordSum.empty() && (group != 4 || rows != 1 || adds)))
    return emitError() << "a dot that saturates takes 4 products, has a shuffle, and adds to nothing";
  return success();
}

//===-- #nn.gpu ----------------------------------------------------------===//

LogicalResult GpuAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t vectorBits, int64_t registers,
                              int64_t warp, int64_t tileRows, int64_t tileColumns) {
  if (vectorBits != 128)
    return emitError() << "a GPU has loads of 128 bits, not of " << vectorBits;
  // Tiles are unrolled: each element is a register, and beyond 256 no GPU has any.
  if (registers < 32 || registers > 256 || warp < 1 || warp > 128 || !llvm::isPowerOf2_64(warp))
    return emitError() << "no GPU has " << registers << " registers for each of " << warp << " threads of a warp";
  if (tileRows < 1 || tileRows > 16 || tileColumns < 4 || tileColumns > 16 || tileColumns % 4)
    return emitError() << "a thread makes no tile of " << tileRows << " pixels by " << tileColumns << " channels";
  return success();
}

MachineAttr GpuAttr::getThread() const {
  return MachineAttr::get(getContext(), getVectorBits(), getRegisters() / 4, /*fmaLane=*/true, /*maskedStores=*/false,
                          /*maxNum=*/true, /*halfArithmetic=*/false, /*l1Bytes=*/0, /*l2Bytes=*/0,
                          /*mostLanes=*/getVectorBits() / 32,
                          /*runLoad=*/"", /*dots=*/{});
}

} // namespace nncc::nn
