// Origins are discardable attributes: `nn.tensor` and `nn.perm`, arrays of them on ops with several results.
#include "dialects/nn/Origin.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace nncc::nn {

/// The slot of result `number` in an attribute that is an array when the op has several results.
static Attribute slot(Operation *op, StringRef name, unsigned number) {
  Attribute attr = op->getDiscardableAttr(name);
  if (!attr || op->getNumResults() == 1)
    return attr;
  auto array = dyn_cast<ArrayAttr>(attr);
  return array && number < array.size() ? array[number] : Attribute();
}

static void setSlot(Operation *op, StringRef name, unsigned number, Attribute value) {
  if (op->getNumResults() == 1) {
    if (value)
      op->setDiscardableAttr(name, value);
    else
      op->removeDiscardableAttr(name);
    return;
  }
  SmallVector<Attribute> all(op->getNumResults(), UnitAttr::get(op->getContext()));
  if (auto array = dyn_cast_or_null<ArrayAttr>(op->getDiscardableAttr(name)))
    llvm::copy(array, all.begin());
  all[number] = value ? value : UnitAttr::get(op->getContext());
  op->setDiscardableAttr(name, ArrayAttr::get(op->getContext(), all));
}

Origin getOrigin(Value value) {
  Origin origin;
  auto result = dyn_cast<OpResult>(value);
  if (!result)
    return origin;
  if (auto tensor = dyn_cast_or_null<StringAttr>(slot(result.getOwner(), kTensorAttr, result.getResultNumber())))
    origin.tensor = tensor.str();
  if (auto perm = dyn_cast_or_null<DenseI64ArrayAttr>(slot(result.getOwner(), kPermAttr, result.getResultNumber())))
    origin.perm.assign(perm.asArrayRef().begin(), perm.asArrayRef().end());
  return origin;
}

void setOrigin(Value value, const Origin &origin) {
  auto result = dyn_cast<OpResult>(value);
  if (!result)
    return;
  Builder b(value.getContext());
  Operation *op = result.getOwner();
  unsigned number = result.getResultNumber();
  bool identity = llvm::equal(origin.perm, llvm::seq<int64_t>(0, origin.perm.size()));
  setSlot(op, kTensorAttr, number, origin.tensor.empty() ? Attribute() : b.getStringAttr(origin.tensor));
  setSlot(op, kPermAttr, number, origin.tensor.empty() || identity ? Attribute() : b.getDenseI64ArrayAttr(origin.perm));
}

void carryOrigin(Value from, Value to, ArrayRef<int64_t> perm) {
  Origin origin = getOrigin(from);
  if (origin.tensor.empty())
    return;
  if (!perm.empty()) {
    SmallVector<int64_t> composed;
    for (int64_t dim : perm)
      composed.push_back(origin.perm.empty() ? dim : origin.perm[dim]);
    origin.perm = composed;
  }
  setOrigin(to, origin);
}

static void collect(Location location, std::vector<std::string> &names) {
  if (auto name = dyn_cast<NameLoc>(location)) {
    std::string text = name.getName().str();
    if (!llvm::is_contained(names, text))
      names.push_back(text);
  } else if (auto fused = dyn_cast<FusedLoc>(location)) {
    for (Location part : fused.getLocations())
      collect(part, names);
  } else if (auto call = dyn_cast<CallSiteLoc>(location)) {
    collect(call.getCallee(), names);
  }
}

std::vector<std::string> getNodeNames(Location location) {
  std::vector<std::string> names;
  collect(location, names);
  return names;
}

std::string constantName(Value value) {
  Origin origin = getOrigin(value);
  if (!origin.tensor.empty())
    return origin.tensor;
  std::vector<std::string> nodes = getNodeNames(value.getLoc());
  return nodes.empty() ? "constant" : nodes.front();
}

} // namespace nncc::nn
