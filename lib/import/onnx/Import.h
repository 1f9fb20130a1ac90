// Reads an ONNX file: the model as nn ops (stage N1), or a description of what it takes and gives.
#ifndef NNCC_LIB_IMPORT_ONNX_IMPORT_H
#define NNCC_LIB_IMPORT_ONNX_IMPORT_H
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace onnx {
class ModelProto;
}

namespace nncc {

/// The opsets of ONNX's own domain that nncc knows: every operator that it reads was held against its definition in
/// each of them, and differences are in the operator's import function. ONNX changes an operator by a new attribute,
/// input or element type, which are refused where they are not known, so that newer opsets are read too, with a
/// warning. test/harness/onnx_versions.py holds the newest one against ONNX's Python package.
inline constexpr int64_t kOldestOpset = 1, kNewestOpset = 28;
/// What messages tell people to export with: no field of its files is unknown to the protobuf classes.
inline constexpr int64_t kAdvisedOpset = 17;

/// What a model leaves open and the user decides.
struct ImportOptions {
  /// Sizes of symbolic dims: `batch`, or `x.0` (input and position) for a dim without a name.
  std::map<std::string, int64_t> dims;
  /// Inputs that become constants, as text: `5`, `0.5`, `true`, `1,2,3`, `[1, 2, 3]`, `FILE.npy` or `@FILE.npy`.
  std::map<std::string, std::string> binds;
  /// Formats of inputs' memory as text, where it is not what the model takes: InputFormat::parse() reads it.
  std::map<std::string, std::string> inputFormats;
  /// Layouts of outputs' memory, `nhwc` or `nchw`, where that is not the model's: the other one of the two.
  std::map<std::string, std::string> outputLayouts;
  /// Shapes of inputs that are given as files, as they lie in memory; they bind symbolic dims like `dims` does.
  std::map<std::string, std::vector<int64_t>> inputShapes;

  /// Tensors that the model begins and ends with instead of its own inputs and outputs; empty: its own.
  std::vector<std::string> begin, end;

  /// Reads `NAME=1,3,640,640` or `NAME=[1,3,640,640]`; nothing behind the last `=` is a scalar.
  static std::optional<std::pair<std::string, std::vector<int64_t>>> parseShape(llvm::StringRef text);

  /// A model in memory, without external data, that is imported in the place of the file, which messages still name.
  std::shared_ptr<const onnx::ModelProto> model;

  /// Hears the path of every file that is read beside the model: external data, values of `binds`.
  std::function<void(llvm::StringRef)> onFile;
};

/// A dim of an input or output as the file says it.
struct OnnxDim {
  int64_t size = -1; ///< -1: not fixed by the file
  std::string key;   ///< what `--dim KEY=N` calls it; empty for fixed dims
};

struct OnnxValueInfo {
  std::string name;
  std::string type; ///< f32, i64, ...; `sequence`, `string`, ... for what nncc cannot take
  std::vector<OnnxDim> dims;
  bool hasShape = true;
};

/// An input whose value decides branches or shapes: it has to be bound where no code serves all values.
struct OnnxDecidingInput {
  std::string name;
  std::string example; ///< a value that the graph compares it with, else `1`
};

/// What `nncc inspect` says about a file before anything is compiled.
struct OnnxModelInfo {
  std::string producer;
  int64_t irVersion = 0;
  std::map<std::string, int64_t> opsets; ///< by domain; ONNX's own is ""
  std::vector<OnnxValueInfo> inputs, outputs;
  std::vector<OnnxDecidingInput> deciding;
  std::map<std::string, size_t> ops; ///< count by operator, subgraphs included
  size_t nodes = 0;
  uint64_t weightBytes = 0;
};

/// An operator that is read.
struct OnnxOperator {
  std::string name;
  std::string domain; ///< empty: ONNX's own
  std::string family; ///< of docs/operators.md: `Conv`
};

/// All of them, by family and name.
std::vector<OnnxOperator> onnxOperators();

/// Imports a model: a module with `func.func @main` at stage N1. Arguments and results carry `nn.name`.
///
/// error   everything that is wrong with the file or the options is reported as MLIR diagnostics located at `path`
///         (FileLineColLoc, line 0): all nodes that cannot be compiled in one run, at most 20
/// source  ONNX IR specification; operators of opsets kOldestOpset to kNewestOpset
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> importOnnx(llvm::StringRef path, const ImportOptions &options,
                                                              mlir::MLIRContext &context);

/// Describes a model without importing it, or its part between `options.begin` and `options.end`. Reports like
/// `importOnnx`.
mlir::FailureOr<OnnxModelInfo> readOnnxModelInfo(llvm::StringRef path, const ImportOptions &options,
                                                 mlir::MLIRContext &context);

} // namespace nncc
#endif
