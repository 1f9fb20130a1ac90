// Where an op comes from: the ONNX nodes (its location) and the ONNX tensor whose values it makes.
#ifndef NNCC_DIALECTS_NN_ORIGIN_H
#define NNCC_DIALECTS_NN_ORIGIN_H
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

namespace nncc::nn {

/// The ONNX tensor that has the values of a result.
struct Origin {
  std::string tensor;              ///< empty when there is none
  llvm::SmallVector<int64_t> perm; ///< result dim i is dim perm[i] of the tensor; empty = identity
};

inline constexpr llvm::StringLiteral kTensorAttr = "nn.tensor";
inline constexpr llvm::StringLiteral kPermAttr = "nn.perm";
inline constexpr llvm::StringLiteral kNameAttr = "nn.name";
inline constexpr llvm::StringLiteral kMachinesAttr = "nn.machines";

/// Reads the origin of an op result; empty for block arguments and unnamed results.
Origin getOrigin(mlir::Value value);
/// Says that `value` (an op result) has the values of an ONNX tensor. An empty tensor name removes the origin.
void setOrigin(mlir::Value value, const Origin &origin);
/// `to` replaces `from` and has the same values; dims of `to` are dims perm[i] of `from` (empty = identity).
void carryOrigin(mlir::Value from, mlir::Value to, llvm::ArrayRef<int64_t> perm = {});

/// The ONNX node names in a location (NameLoc leaves of fused locations), in order, without repeats.
std::vector<std::string> getNodeNames(mlir::Location location);

/// A name for a constant that has the values of `value`: its ONNX tensor, else its node, else "constant".
std::string constantName(mlir::Value value);

} // namespace nncc::nn
#endif
