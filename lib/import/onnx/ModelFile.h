// An ONNX file: reading it, and what is in it as types, shapes and weights.
#ifndef NNCC_LIB_IMPORT_ONNX_MODELFILE_H
#define NNCC_LIB_IMPORT_ONNX_MODELFILE_H
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace llvm {
class MemoryBuffer;
}

namespace nncc::import {

/// Reports a mistake: what is wrong, and what to do (may be empty).
using ErrorSink = llvm::function_ref<void(const llvm::Twine &reason, const llvm::Twine &whatToDo)>;

/// Reads a file. Reports at `loc` what is no ONNX model.
std::unique_ptr<onnx::ModelProto> readModelFile(const std::string &path, mlir::Location loc);

/// The nn element type of an ONNX data type; null for strings, complex numbers and narrow floats.
mlir::Type elementTypeOf(int32_t dataType, mlir::MLIRContext *context);

/// What people call an ONNX data type: `f32`, `string`, `77` ...
std::string nameOfDataType(int32_t dataType);

/// "element type string is not supported", or "... is unknown" for a number that means nothing.
std::string describeUnsupported(int32_t dataType);

/// What people call an nn element type: `f32`, `bool`, `ui8`.
std::string nameOf(mlir::Type elementType);

/// `[1, 3, 224]`
std::string describeShape(llvm::ArrayRef<int64_t> shape);

/// More elements than this in one tensor are refused: no machine that nncc compiles for holds them.
inline constexpr int64_t kMaxElements = int64_t(1) << 40;
/// More dims than this are refused.
inline constexpr int64_t kMaxRank = 32;

/// What is wrong with the size of a shape: "the size of [...] overflows"; nothing when it is fine.
std::optional<std::string> checkShape(llvm::ArrayRef<int64_t> shape);

/// The number of a field that the protobuf classes do not know and that may change the meaning; 0 when there is none.
int unknownFieldOf(const onnx::NodeProto &node);
int unknownFieldOf(const onnx::TensorProto &tensor);

/// Makes attributes of the file's tensors. Big ones own the bytes that the file was read to, or map external files.
class WeightReader {
public:
  /// onFile  hears the path of every external file that is opened; may be empty
  WeightReader(const std::string &modelPath, mlir::MLIRContext *context,
               std::function<void(llvm::StringRef)> onFile = {});

  /// Keeps the tensors of functions and subgraphs here, and leaves references in their place: what is imported many
  /// times is copied cheaply, and read once. To be called before anything is read.
  void share(onnx::ModelProto &model);

  /// The values of a tensor, whose bytes are taken out of it: a tensor that is not shared can be read once. A
  /// file that cannot be read is one error, however many tensors lie there.
  mlir::ElementsAttr read(onnx::TensorProto &tensor, ErrorSink error);
  /// True for integers of 4 bits, which become one byte each.
  bool isOfNibbles(const onnx::TensorProto &tensor) const;

private:
  /// A tensor that copies of a node refer to, until it is read.
  struct Shared {
    std::unique_ptr<onnx::TensorProto> tensor;
    mlir::ElementsAttr value;
  };

  mlir::ElementsAttr readExternal(onnx::TensorProto &tensor, mlir::RankedTensorType type, ErrorSink error);
  std::shared_ptr<llvm::MemoryBuffer> openExternal(const std::string &location, ErrorSink error);

  mlir::MLIRContext *context;
  std::function<void(llvm::StringRef)> onFile;
  std::string folder;
  std::vector<Shared> shared;
  std::map<std::string, std::shared_ptr<llvm::MemoryBuffer>> files;
};

/// Constants of at most this size are dense attributes, which a dump shows.
inline constexpr size_t kMaxInlineBytes = 256;

/// The attribute of a tensor with these bytes (little-endian, i1 as one byte each), copied.
mlir::ElementsAttr makeConstant(mlir::RankedTensorType type, llvm::ArrayRef<char> bytes, llvm::StringRef name);

/// The same values under another shape. Bytes in resources are shared.
mlir::ElementsAttr reshapeConstant(mlir::ElementsAttr attr, llvm::ArrayRef<int64_t> shape);

} // namespace nncc::import
#endif
