// How cameras and displays lay out pixels: bytes with a fourth one that nobody reads, and luma with chroma at half the
// resolution.
#ifndef NNCC_LIB_IMPORT_ONNX_PIXELFORMAT_H
#define NNCC_LIB_IMPORT_ONNX_PIXELFORMAT_H
#include "mlir/IR/Builders.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>
#include <vector>

namespace nncc {

/// The pixels of N images of H x W, by the names of V4L2 and GStreamer.
///
/// | kind       | bytes                                                                | image            |
/// |------------|----------------------------------------------------------------------|------------------|
/// | RGBX       | N x H x W x 4, the fourth of a pixel unread                          | N x H x W x 3    |
/// | NV12, NV21 | N x 3H/2 x W: H rows of luma, then H/2 of pairs U V (NV21: V U)      | N x 3 x H x W    |
/// | YUYV, UYVY | N x H x W x 2: a pair of pixels is Y U Y V (UYVY: U Y V Y)           | N x 3 x H x W    |
///
/// Of YUV the image is red, green and blue in f32, 0 to 255:
///
///     R = a (Y - y0) + 2 (1 - Kr) c (V - 128)
///     G = a (Y - y0) - 2 Kb (1 - Kb) / Kg c (U - 128) - 2 Kr (1 - Kr) / Kg c (V - 128)
///     B = a (Y - y0) + 2 (1 - Kb) c (U - 128)
///
/// cut to 0 to 255, not rounded; pixels that share a chroma sample take it as it is. Kr, Kb = 0.299, 0.114 (ITU-R
/// BT.601) or 0.2126, 0.0722 (BT.709), Kg the rest of 1; a, c, y0 = 255/219, 255/224, 16, or 1, 1, 0 in full range
/// (JPEG).
struct PixelFormat {
  enum class Kind { RGBX, NV12, NV21, YUYV, UYVY };

  Kind kind = Kind::RGBX;
  bool isBT709 = false;
  bool isFullRange = false;

  /// rgbx, nv12, ...; bgrx, rgba and bgra are RGBX, whose order of channels is the caller's affair.
  static std::optional<Kind> kindNamed(llvm::StringRef word);

  bool isYUV() const { return kind != Kind::RGBX; }
  /// Luma and chroma lie in planes of their own.
  bool isPlanar() const { return kind == Kind::NV12 || kind == Kind::NV21; }

  /// `nv12,bt709,full`.
  std::string text() const;

  /// What an image of H x W has to be for it, or nothing when all is well.
  std::optional<std::string> complaint(int64_t height, int64_t width) const;

  /// Shape of the bytes of an image, and of the image of bytes; nothing for bytes that are none. A dim of -1 is not
  /// known.
  std::vector<int64_t> memoryShape(llvm::ArrayRef<int64_t> image) const;
  std::optional<std::vector<int64_t>> imageShape(llvm::ArrayRef<int64_t> memory) const;

  /// The image as nn ops: ui8 of RGBX, f32 of YUV.
  mlir::Value read(mlir::OpBuilder &builder, mlir::Location location, mlir::Value memory) const;

  /// The same for bytes in the compiler's memory.
  std::vector<float> read(llvm::ArrayRef<char> memory, llvm::ArrayRef<int64_t> image) const;

private:
  struct Chroma;
  Chroma chroma() const;
};

} // namespace nncc
#endif
