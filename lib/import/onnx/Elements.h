// Constants as plain numbers, for shape arithmetic and for reading what an op needs to know at compile time.
#ifndef NNCC_LIB_IMPORT_ONNX_ELEMENTS_H
#define NNCC_LIB_IMPORT_ONNX_ELEMENTS_H
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include <optional>
#include <vector>

namespace nncc::import {

/// A small constant tensor. Integers and booleans are in `ints` (ui64 as its bits), floats in `floats`.
struct Elements {
  mlir::RankedTensorType type;
  std::vector<int64_t> ints;
  std::vector<double> floats;

  bool isFloat() const { return mlir::isa<mlir::FloatType>(type.getElementType()); }
  int64_t size() const { return isFloat() ? floats.size() : ints.size(); }
};

/// Longer constants are left to the graph passes. Masks and index tables of real models are integers of this size.
inline constexpr int64_t kMaxFoldedInts = 1 << 18, kMaxFoldedFloats = 1 << 14;

/// The numbers of an attribute, dense or in a resource; nothing when it has more than `limit` elements.
std::optional<Elements> readElements(mlir::ElementsAttr attr, int64_t limit = kMaxFoldedInts);

/// The attribute with these numbers, each wrapped or rounded to the element type.
mlir::ElementsAttr makeElements(const Elements &elements);

/// Wraps an integer to an element type: sign- or zero-extended from its width.
int64_t wrapToType(int64_t value, mlir::Type type);

/// Rounds a number to the precision of a float type.
double roundToType(double value, mlir::Type type);

} // namespace nncc::import
#endif
