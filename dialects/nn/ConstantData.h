// Typed access to the elements of constants, whatever attribute holds them, and the making of new ones.
// Constants are dense (small), splats, or dense_resource (bytes owned by the context or mapped from a file).
#ifndef NNCC_DIALECTS_NN_CONSTANTDATA_H
#define NNCC_DIALECTS_NN_CONSTANTDATA_H
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"
#include <limits>
#include <memory>
#include <optional>

namespace nncc::nn {

/// Bytes that one element occupies in a constant: `i1` one byte (0 or 1), all others their width.
int64_t constantElementBytes(mlir::Type element);

/// Bytes that a tensor of this type occupies as a constant.
int64_t constantBytes(mlir::RankedTensorType type);

/// A number (see NN_NumberAttr) as an element: rounded to a float type, clamped to an integer type (NaN is 0).
mlir::TypedAttr numberAs(mlir::TypedAttr number, mlir::Type element);

/// The number that begins at `bytes`, of a float of at most 64 bits.
double readFloat(const char *bytes, mlir::FloatType type);

/// A number of a float as an integer type holds it: toward zero, clamped to the type's range, NaN is 0.
template <typename T> T saturate(double value) {
  using Limits = std::numeric_limits<T>;
  if (value != value)
    return 0;
  // The largest number of 64 bits is rounded up to a power of two: what is below that fits.
  return value <= (double)Limits::min() ? Limits::min() : value >= (double)Limits::max() ? Limits::max() : (T)value;
}

/// Reads a constant without copying it (only dense `i1`, which MLIR packs into bits, is unpacked).
/// The bytes live as long as the context.
class ConstantReader {
public:
  /// error   an attribute whose bytes are not here (an elided resource) or have another size than the type: nullopt
  static std::optional<ConstantReader> get(mlir::ElementsAttr value);
  /// The reader of an `nn.constant` result; nullopt for any other value.
  static std::optional<ConstantReader> get(mlir::Value value);

  mlir::ElementsAttr getAttr() const { return attr; }
  mlir::RankedTensorType getType() const { return type; }
  mlir::Type getElementType() const { return type.getElementType(); }
  int64_t size() const { return type.getNumElements(); }
  /// True when only one element is stored (every element has its value).
  bool isSplat() const { return splat; }
  /// Elements in row-major order, little-endian; one element when `isSplat()`.
  llvm::ArrayRef<char> getBytes() const { return bytes; }
  /// True when all elements are the same bits, stored once or not.
  bool isUniform() const;

  /// Element `index` in row-major order as the host type of its width: float, double, int64_t ...
  template <typename T> T get(int64_t index) const {
    T value;
    __builtin_memcpy(&value, bytes.data() + (splat ? 0 : index * (int64_t)sizeof(T)), sizeof(T));
    return value;
  }
  /// Any float or integer element, converted.
  double getFloat(int64_t index) const;
  /// Any integer element, sign- or zero-extended by its type; floats are truncated, and clamped.
  int64_t getInteger(int64_t index) const;
  /// Any element, exact: see NN_NumberAttr.
  mlir::TypedAttr getNumber(int64_t index) const;
  /// Where element `index` begins.
  const char *at(int64_t index) const { return bytes.data() + (splat ? 0 : index * elementBytes); }

private:
  mlir::ElementsAttr attr;
  mlir::RankedTensorType type;
  llvm::ArrayRef<char> bytes;
  int64_t elementBytes = 0;
  bool splat = false;
  std::shared_ptr<std::vector<char>> unpacked; ///< owner of `bytes` where MLIR's form had to be changed
};

/// Fills the bytes of a new constant.
///
///     ConstantBuilder builder(type);
///     builder.setFloat(0, 1.0);
///     ElementsAttr value = builder.finish("conv1.weight");
class ConstantBuilder {
public:
  /// isSplat  one element is stored, which all elements are; the type must have elements
  explicit ConstantBuilder(mlir::RankedTensorType type, bool isSplat = false);
  ~ConstantBuilder();

  mlir::RankedTensorType getType() const { return type; }
  mlir::Type getElementType() const { return type.getElementType(); }
  /// The dims of what is stored: all are 1 for a splat.
  llvm::SmallVector<int64_t> getStoredShape() const;
  int64_t getStoredCount() const { return byteCount / elementBytes; }
  llvm::MutableArrayRef<char> getBytes() { return {data, (size_t)byteCount}; }
  char *at(int64_t index) { return data + index * elementBytes; }
  template <typename T> void set(int64_t index, T value) {
    __builtin_memcpy(data + index * (int64_t)sizeof(T), &value, sizeof(T));
  }
  /// Rounds to the element type; integers take the truncated value, clamped.
  void setFloat(int64_t index, double value);
  /// Wraps to the element type; floats take the converted value.
  void setInteger(int64_t index, int64_t value);

  /// The attribute: dense below 1 KiB, otherwise a `dense_resource` that takes over the bytes, under a name made
  /// from `name` (made unique by a suffix).
  mlir::ElementsAttr finish(llvm::StringRef name);

private:
  mlir::RankedTensorType type;
  int64_t elementBytes, byteCount;
  bool splat;
  char *data;
};

/// The same bytes under another shape of as many elements; nothing is copied. Null when there is no such attribute.
mlir::ElementsAttr reshapeConstant(mlir::ElementsAttr value, mlir::RankedTensorType type);

} // namespace nncc::nn
#endif
