// Makes every planned kernel of @main a function of its operands' memory; equal kernels share one function.
#include "dialects/nn/KernelForms.h"
#include "dialects/nn/NN.h"
#include "dialects/nn/Origin.h"
#include "dialects/nn/Threads.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "passes/Passes.h"
#include "passes/check/Stage.h"
#include "passes/lower/KernelCost.h"
#include "passes/lower/Machine.h"
#include "passes/lower/ScalarMath.h"
#include "passes/lower/Subnormals.h"
#include "llvm/ADT/StringMap.h"
#include <map>

using namespace mlir;

namespace nncc {
#define GEN_PASS_DEF_OUTLINEKERNELS
#include "passes/Passes.h.inc"

namespace {

/// The type of an operand inside of the function: signless, starting at the pointer, row-major without a layout.
MemRefType parameterType(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  (void)type.getStridesAndOffset(strides, offset);
  MemRefType dense = MemRefType::get(type.getShape(), memoryType(type.getElementType()));
  SmallVector<int64_t> denseStrides;
  (void)dense.getStridesAndOffset(denseStrides, offset);
  // Strides of dims of size 1 mean nothing, and must not keep kernels from sharing a function.
  for (auto [dim, size] : llvm::enumerate(type.getShape()))
    if (size == 1)
      strides[dim] = denseStrides[dim];
  if (strides == denseStrides)
    return dense;
  return MemRefType::get(type.getShape(), dense.getElementType(),
                         StridedLayoutAttr::get(type.getContext(), 0, strides));
}

//===-- Which operands share memory -------------------------------------===//

int64_t elementBytesOf(MemRefType type) {
  return std::max<int64_t>(1, memoryType(type.getElementType()).getIntOrFloatBitWidth() / 8);
}

/// True when operands of these types that begin at one place have every element at one place. What its bits mean there
/// is the kernel's affair: a cast may write integers over the floats that it reads.
bool liesAlike(MemRefType a, MemRefType b) {
  MemRefType x = parameterType(a), y = parameterType(b);
  return x.getShape() == y.getShape() && x.getStridesAndOffset().first == y.getStridesAndOffset().first &&
         elementBytesOf(x) == elementBytesOf(y);
}

enum class Overlap { None, Identical, Partial };

/// The elements of a placed operand: those at `begin + sum(i[d] * strides[d])`, all in bytes.
struct Extent {
  Value base;
  int64_t begin = 0, elementBytes = 1;
  SmallVector<int64_t> sizes, strides; ///< outermost first, dims of size 1 left out
  bool isEmpty = false;

  explicit Extent(Value operand) : base(operand) {
    auto type = cast<MemRefType>(operand.getType());
    if (auto place = operand.getDefiningOp<nn::PlaceOp>()) {
      base = place.getBase();
      begin = place.getByteOffset();
    }
    elementBytes = elementBytesOf(type);
    SmallVector<int64_t> elementStrides;
    int64_t offset;
    (void)type.getStridesAndOffset(elementStrides, offset);
    begin += offset * elementBytes;
    for (auto [size, stride] : llvm::zip(type.getShape(), elementStrides)) {
      isEmpty |= size == 0;
      if (size != 1) {
        sizes.push_back(size);
        strides.push_back(stride * elementBytes);
      }
    }
    SmallVector<size_t> order = llvm::to_vector(llvm::seq<size_t>(0, sizes.size()));
    llvm::sort(order, [&](size_t a, size_t b) { return std::pair(-strides[a], a) < std::pair(-strides[b], b); });
    auto unsortedSizes = sizes, unsortedStrides = strides;
    for (auto [to, from] : llvm::enumerate(order)) {
      sizes[to] = unsortedSizes[from];
      strides[to] = unsortedStrides[from];
    }
  }

  int64_t end() const {
    int64_t last = begin + elementBytes;
    for (auto [size, stride] : llvm::zip(sizes, strides))
      last += (size - 1) * stride;
    return last;
  }
};

/// Whether `distance` = sum(m[d] * strides[d]) + rest with |m[d]| < sizes[d] and |rest| < elementBytes has a solution.
bool reaches(ArrayRef<int64_t> sizesA, ArrayRef<int64_t> sizesB, ArrayRef<int64_t> strides, int64_t distance,
             int64_t elementBytes) {
  if (strides.empty())
    return std::abs(distance) < elementBytes;
  // What the inner dims and the element itself can make up for.
  int64_t inner = elementBytes - 1;
  for (auto [a, b, stride] : llvm::drop_begin(llvm::zip(sizesA, sizesB, strides)))
    inner += (std::max(a, b) - 1) * stride;
  int64_t stride = strides.front();
  int64_t low = llvm::divideCeilSigned(distance - inner, stride),
          high = llvm::divideFloorSigned(distance + inner, stride);
  for (int64_t m = std::max(low, 1 - sizesB.front()); m <= std::min(high, sizesA.front() - 1); ++m)
    if (reaches(sizesA.drop_front(), sizesB.drop_front(), strides.drop_front(), distance - m * stride, elementBytes))
      return true;
  return false;
}

Overlap overlapOf(Value a, Value b) {
  Extent x(a), y(b);
  // Bases are the arena, the weights and the caller's tensors, which never overlap.
  if (x.base != y.base || x.isEmpty || y.isEmpty)
    return Overlap::None;
  auto typeA = cast<MemRefType>(a.getType()), typeB = cast<MemRefType>(b.getType());
  if (a == b || (x.begin == y.begin && liesAlike(typeA, typeB)))
    return Overlap::Identical;
  if (x.end() <= y.begin || y.end() <= x.begin)
    return Overlap::None;
  // Interleaved parts of one buffer, such as two of the pieces of a concatenation. A piece of one channel lacks the
  // stride of channels: it is a dim of size 1.
  SmallVector<int64_t> strides, sizesX, sizesY;
  for (size_t i = 0, j = 0; i < x.strides.size() || j < y.strides.size();) {
    int64_t next = std::max(i < x.strides.size() ? x.strides[i] : 0, j < y.strides.size() ? y.strides[j] : 0);
    if (next <= 0)
      return Overlap::Partial;
    strides.push_back(next);
    sizesX.push_back(i < x.strides.size() && x.strides[i] == next ? x.sizes[i++] : 1);
    sizesY.push_back(j < y.strides.size() && y.strides[j] == next ? y.sizes[j++] : 1);
  }
  if (x.elementBytes == y.elementBytes && !reaches(sizesX, sizesY, strides, y.begin - x.begin, x.elementBytes))
    return Overlap::None;
  return Overlap::Partial;
}

//===-- Functions -------------------------------------------------------===//

/// The functions of one device's module, each with what is equal code.
class Functions {
public:
  explicit Functions(ModuleOp module) : symbols(module) {}

  /// Adds a function, which was detached, under a name, or returns the one that it equals.
  func::FuncOp share(func::FuncOp function, StringRef name, bool &isNew) {
    // Equal text is equal code: names and origins are not part of it.
    std::string text;
    llvm::raw_string_ostream stream(text);
    OpPrintingFlags flags;
    // Tables are part of the code: none may be left out of the text for its length.
    flags.elideLargeElementsAttrs(std::numeric_limits<int64_t>::max());
    function->print(stream, flags.printGenericOpForm().useLocalScope());
    func::FuncOp &shared = functions[text];
    isNew = !shared;
    if (isNew) {
      function.setName(name);
      shared = function;
      symbols.insert(shared);
    } else {
      function->erase();
    }
    return shared;
  }

private:
  SymbolTable symbols;
  llvm::StringMap<func::FuncOp> functions;
};

struct OutlineKernels : impl::OutlineKernelsBase<OutlineKernels> {
  void runOnOperation() override {
    if (failed(requireStage(*this, getOperation(), {"P"})))
      return signalPassFailure();
    Functions functions(getOperation());
    std::map<StringRef, Functions> ofDevice; // those that are not the CPU
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    for (auto kernel : llvm::make_early_inc_range(main.getOps<nn::KernelOp>())) {
      if (!kernel.isPlanned()) {
        kernel.emitOpError() << "has no memory yet: plan it before it is outlined";
        return signalPassFailure();
      }
      StringRef device = kernel.getDevice().value_or(""), cpu = cpuFor(getOperation(), device);
      FailureOr<func::FuncOp> function = makeFunction(kernel, cpu);
      if (failed(function))
        return signalPassFailure();
      SymbolRefAttr deviceFunction;
      if (device != cpu) {
        auto module = ofDevice.find(device);
        if (module == ofDevice.end())
          module = ofDevice.emplace(device, addModule(device)).first;
        // What has failed for neither device fails for none.
        bool isNew;
        func::FuncOp shared = module->second.share(*makeFunction(kernel, device), kernel.getName(), isNew);
        deviceFunction = SymbolRefAttr::get(kernel.getContext(), device, FlatSymbolRefAttr::get(shared.getNameAttr()));
      }
      bool isNew;
      func::FuncOp shared = functions.share(*function, kernel.getName(), isNew);
      remark::passed(kernel.getLoc(), remark::RemarkOpts::name("OutlineKernels").category("nncc-outline-kernels"))
          << kernel.getName().str() << (isNew ? " has its own function" : " shares a function");
      launch(kernel, shared, deviceFunction);
      kernel.erase();
    }
  }

  /// The module of what runs on a device, with its numbers.
  ModuleOp addModule(StringRef device) {
    OpBuilder builder = OpBuilder::atBlockEnd(getOperation().getBody());
    auto module = ModuleOp::create(builder, getOperation().getLoc(), device);
    Attribute machine = getOperation()->getAttrOfType<DictionaryAttr>(nn::kMachinesAttr).get(device);
    module->setAttr(nn::kMachinesAttr, builder.getDictionaryAttr(builder.getNamedAttr(device, machine)));
    return module;
  }

  /// A detached function for a device (empty: for none in particular) with the kernel in it, without anything that says
  /// where it came from.
  static FailureOr<func::FuncOp> makeFunction(nn::KernelOp kernel, StringRef device) {
    OpBuilder builder(kernel.getContext());
    SmallVector<Type> types;
    for (Value operand : kernel.getOperands())
      types.push_back(parameterType(cast<MemRefType>(operand.getType())));
    auto function = func::FuncOp::create(kernel.getLoc(), "kernel", builder.getFunctionType(types, {}));
    function.setPrivate();
    if (!device.empty())
      function->setAttr(kDeviceAttr, builder.getStringAttr(device));
    Block *entry = function.addEntryBlock();
    builder.setInsertionPointToStart(entry);

    IRMapping mapping;
    mapping.map(kernel.getOperands(), entry->getArguments());
    auto inner = cast<nn::KernelOp>(builder.clone(*kernel, mapping));
    // Two operands that are one value are still two arguments.
    for (auto [operand, argument] : llvm::zip(inner->getOpOperands(), entry->getArguments()))
      operand.set(argument);
    inner.setName("kernel");
    if (!device.empty())
      inner.setDevice(device);
    inner.removeNodesAttr();
    for (NamedAttribute attr : llvm::to_vector(inner->getDiscardableAttrs()))
      // How its operands are to be read, and by which tiles.
      if (!llvm::is_contained({StringRef("nn.packings"), StringRef(nn::kFormAttr), StringRef(nn::kTunedAttr),
                               StringRef(nn::kPlanesAttr)},
                              attr.getName()))
        inner->removeDiscardableAttr(attr.getName());
    inner.getBody().walk([](Operation *op) {
      op->removeDiscardableAttr(nn::kTensorAttr);
      op->removeDiscardableAttr(nn::kPermAttr);
    });
    func::ReturnOp::create(builder, kernel.getLoc());
    if (mayFlushSubnormals(inner))
      function->setAttr(kFlushesAttr, builder.getUnitAttr());

    // Only written memory matters: two inputs may be one tensor and stay noalias.
    unsigned inputs = kernel.getInputs().size(), operands = kernel->getNumOperands();
    SmallVector<bool> isAlone(operands, true);
    for (unsigned written = inputs; written < operands; ++written)
      for (unsigned other = 0; other < written; ++other)
        switch (overlapOf(kernel->getOperand(written), kernel->getOperand(other))) {
        case Overlap::None:
          break;
        case Overlap::Identical:
          isAlone[written] = isAlone[other] = false;
          break;
        case Overlap::Partial:
          kernel.emitOpError() << "operands " << other << " and " << written
                               << " share a part of their memory; they must be apart or identical";
          function.erase();
          return failure();
        }
    for (unsigned argument = 0; argument < operands; ++argument)
      if (isAlone[argument])
        function.setArgAttr(argument, LLVM::LLVMDialect::getNoAliasAttrName(), builder.getUnitAttr());
    return function;
  }

  /// Replaces the kernel in @main by a launch, which keeps everything that reports need.
  static void launch(nn::KernelOp kernel, func::FuncOp function, SymbolRefAttr deviceFunction) {
    OpBuilder builder(kernel);
    auto launch = nn::LaunchOp::create(builder, kernel.getLoc(), FlatSymbolRefAttr::get(function.getNameAttr()),
                                       deviceFunction, kernel.getOperands(), kernel.getNameAttr());
    for (NamedAttribute attr : kernel->getDiscardableAttrs())
      launch->setAttr(attr.getName(), attr.getValue());
    if (kernel.getDeviceAttr())
      launch->setAttr("device", kernel.getDeviceAttr());
    if (kernel.getNodesAttr())
      launch->setAttr("nodes", kernel.getNodesAttr());
    launch->setAttr("inputs", builder.getI64IntegerAttr(kernel.getInputs().size()));
    launch->setAttr("outputs", builder.getI64IntegerAttr(kernel.getOutputs().size()));
    launch->setAttr("op",
                    builder.getStringAttr(kernel.getRoot() ? kernel.getRoot()->getName().stripDialect() : "copy"));
    launch->setAttr("macs", builder.getI64IntegerAttr(multiplyAccumulates(kernel)));
  }
};
} // namespace
} // namespace nncc
