// What a program hands to an input when that is not what the model takes: a camera's bytes, its layout, not normalized.
// `--input NAME=u8,nhwc,mean=..,scale=..`.
#ifndef NNCC_LIB_IMPORT_ONNX_INPUTFORMAT_H
#define NNCC_LIB_IMPORT_ONNX_INPUTFORMAT_H
#include "lib/import/onnx/PixelFormat.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>
#include <vector>

namespace nncc {

/// The format of an input's memory, and the way from there to what the model takes:
///
///     x[n, c, h, w] = (memory[n, h, w, c'] - mean[c]) * scale[c]
///
/// for `nhwc` memory and a model of NCHW; c' = 2 - c with `bgr`, else c. Computed in f32, in this order. With a format
/// of pixels (`nv12`, `rgbx`, ...), the image that it makes of the memory stands for the memory; `bgr` is of the model
/// then, blue first.
struct InputFormat {
  enum class Element { U8, S8, F32 };
  enum class Layout { NCHW, NHWC };

  Element element = Element::F32;
  std::optional<PixelFormat> pixels; ///< of an image of 3 channels; not given: elements as they are
  std::optional<Layout> layout;      ///< of the memory, or of the image of its pixels; not given: that of the model
  std::optional<Layout> modelLayout; ///< of the model; not given: NCHW, as ONNX's image operators want it
  bool isReversed = false;           ///< `bgr`: the memory has the channels of the model in the other order
  std::vector<double> mean, scale;   ///< one for all, or one for each channel in the model's order; empty: 0, 1

  /// Reads `u8,nhwc,mean=127.5,scale=0.0078125`.
  ///
  /// text   an element type first: u8, s8, f32; then in any order nhwc or nchw, model=nhwc or model=nchw, bgr or rgb,
  ///        mean=M[,M...], scale=S[,S...] or std=D[,D...] (scale = 1 / D); of u8 also rgbx, bgrx, nv12, nv21, yuyv or
  ///        uyvy, of YUV bt601 or bt709, limited or full
  /// error  what is wrong with it
  static llvm::Expected<InputFormat> parse(llvm::StringRef text);

  /// True for what parse() could have meant: it begins with an element type. Everything else may be a file.
  static bool isMeant(llvm::StringRef text);

  /// The same in one spelling, for headers and manifests.
  std::string text() const;

  /// Checks that the format can be one of an input.
  ///
  /// type   of the model's input
  /// error  another rank or number of channels than the format speaks of; numbers that are not those of a float
  llvm::Error check(mlir::RankedTensorType type) const;

  /// Type of the memory for a model's input that passed check(): unsigned integers, dims in the order of the memory.
  mlir::RankedTensorType memoryType(mlir::RankedTensorType type) const;

  /// Shape of the model's input for a shape of the memory, and the other way; as given for one that cannot be of the
  /// format. A dim of -1 is not known.
  std::vector<int64_t> modelShape(llvm::ArrayRef<int64_t> memoryShape) const;
  std::vector<int64_t> memoryShape(llvm::ArrayRef<int64_t> modelShape) const;

  /// Makes the model's input from the memory: cast, normalization and transposition as nn ops.
  mlir::Value convert(mlir::OpBuilder &builder, mlir::Location location, mlir::Value memory,
                      mlir::RankedTensorType type) const;

  /// The same for an array in the compiler's memory, as f32: what a reference is given.
  std::vector<float> convert(llvm::ArrayRef<char> memory, llvm::ArrayRef<int64_t> modelShape) const;

private:
  bool movesChannels() const;
  std::vector<int64_t> imageShape(llvm::ArrayRef<int64_t> modelShape) const;
  llvm::Error checkPixels(mlir::RankedTensorType type) const;
  std::vector<float> floatsOf(llvm::ArrayRef<char> memory) const;
  int64_t channels(llvm::ArrayRef<int64_t> modelShape) const;
};

} // namespace nncc
#endif
