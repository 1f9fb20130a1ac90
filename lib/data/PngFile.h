// PNG images as arrays of bytes. What few files use is refused in words: 16 bits per channel, interlacing.
// Format: PNG specification, third edition (W3C 2025).
#ifndef NNCC_LIB_DATA_PNGFILE_H
#define NNCC_LIB_DATA_PNGFILE_H
#include "lib/support/Npy.h"
#include "llvm/Support/Error.h"
#include <vector>

namespace nncc {

/// The shape of an image as readPng() reads it. Only its header is read.
///
/// error  no such file, no PNG, one that is not read or of more than 1 GiB; without the path
llvm::Expected<std::vector<int64_t>> readPngShape(llvm::StringRef path);

/// Reads an image.
///
/// returns  ui8 [1, height, width, channels]: 1 of gray, 2 of gray and opacity, 3 of red, green, blue (a palette's
/// too),
///          4 of those and opacity. Grays of fewer than 8 bits are spread over 0 to 255; no gamma is applied
/// error    as of readPngShape(), or a damaged file
llvm::Expected<NpyArray> readPng(llvm::StringRef path);

} // namespace nncc
#endif
