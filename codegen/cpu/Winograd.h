// Convolutions by Winograd's way: strips of tiles of the input become planes of points, each plane is multiplied by one
// of the weights' planes, and the products become tiles of the output.
#ifndef NNCC_CODEGEN_CPU_WINOGRAD_H
#define NNCC_CODEGEN_CPU_WINOGRAD_H
#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/WinogradTransform.h"
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/NN.h"
#include "llvm/Support/MathExtras.h"

namespace nncc::cpu {

/// A convolution that can be computed so, as numbers.
struct WinogradLayer {
  int64_t images, height, width, depth, outputs, tapsH, tapsW; ///< height and width are the output's
  bool ofBytes;
  /// Lines and pixels from tap to tap. Those of the image that lie so far apart are an image of their own: a tile is of
  /// one of these.
  int64_t dilationH = 1, dilationW = 1;

  /// returns  nothing but for dense convolutions of f32 or bytes with strides of 1, three taps along one axis or both
  ///          and several output channels, whose weights are packed as constants; `reason` says what is missing
  static std::optional<WinogradLayer> match(nn::KernelOp kernel, const Contraction &contraction, std::string &reason);

  int64_t tiles(const WinogradTile &tile) const { return images * tilesH(tile) * tilesW(tile); }
  /// Tiles of an image along each axis.
  int64_t tilesH(const WinogradTile &tile) const { return tilesAlong(height, dilationH, tile.h); }
  int64_t tilesW(const WinogradTile &tile) const { return tilesAlong(width, dilationW, tile.w); }
  bool isDilated() const { return dilationH > 1 || dilationW > 1; }
  /// The sizes of tiles that fit the taps.
  llvm::SmallVector<WinogradTile> tileSizes() const;
  /// Elements of 32 bits that the channels of a pixel fill in a plane: words of 16 bits are what bytes become there.
  int64_t depthInPlanes() const { return ofBytes ? llvm::divideCeil(depth, 2) : depth; }
  /// True where sums of products are right although what is added up wraps: a multiple of them is computed in 32 bits,
  /// and the sums that are possible with these weights are less than 2^31 by its powers of two.
  ///
  /// largestSum  of an output channel: what largestSumOfBytes() gives
  bool isExact(const WinogradTile &tile, int64_t largestSum) const;
  /// The largest absolute value that a sum can have, before the bias: any bytes less any zero point times these
  /// weights.
  int64_t largestSumOfBytes(const nn::ConstantReader &filter) const;

private:
  static int64_t tilesAlong(int64_t extent, int64_t dilation, int64_t ofTile) {
    return dilation * static_cast<int64_t>(llvm::divideCeil(llvm::divideCeil(extent, dilation), ofTile));
  }
};

/// Tiles of a strip, of which as much is computed: all, or those that lie at the same edges of the images.
struct WinogradPart {
  WinogradPiece piece;
  int64_t tilesH, tilesW; ///< of an image
  int64_t top, left;      ///< where the first one begins in the output
  int64_t first, count;   ///< of all images, in the strip
};

/// Products of the points in some lines and columns of planes: those of the tiles that have them, one behind the other.
struct WinogradProducts {
  int64_t firstLine, endLine, firstColumn, endColumn;
  int64_t firstRow, rows;
};

/// `{name = "winograd", tile = array<i64: 4, 4>, strip = 49, slots = 2, groups = 1, scratch_bytes = .., packings =
/// [..]}` of `nn.forms` and `nn.form`; with `whole_tiles` where no tile is cut. Threads share out slots, or groups of
/// output channels, of which there is one then.
struct WinogradForm {
  static constexpr llvm::StringLiteral kind = "winograd";
  WinogradTile tile;
  int64_t strip; ///< tiles whose planes are in memory at once
  int64_t slots; ///< strips that threads may work on at the same time, each in memory of its own
  /// Groups of output channels that threads may work on at the same time: each in planes of the input of its own, since
  /// whoever runs the first of some groups makes those for all of them.
  int64_t groups = 1;
  bool hasWholeTiles = false; ///< also at the edges of an image: transforms of cut tiles are code of their own

  int64_t inputElements(const WinogradLayer &layer) const {
    return tile.planes() * strip * rowPitch(layer.depthInPlanes());
  }
  int64_t slotElements(const WinogradLayer &layer) const {
    return groups * inputElements(layer) + tile.planes() * strip * rowPitch(layer.outputs);
  }
  int64_t scratchBytes(const WinogradLayer &layer) const { return 4 * slots * slotElements(layer); }
  /// Where all tiles are one strip, those at the lower and the right edge of an image are computed as far as it
  /// reaches, from fewer points, but with `hasWholeTiles`. Other strips, and those of dilated windows, are tiles of one
  /// size.
  llvm::SmallVector<WinogradPart> parts(const WinogradLayer &layer) const;
  llvm::SmallVector<WinogradProducts> products(const WinogradLayer &layer) const;
  /// Rows of all products of planes of a strip.
  int64_t productRows(const WinogradLayer &layer) const;
  /// Its tiles are those of the layer, no slot is without a strip, and the planes of one have less than 2^31 elements.
  bool fits(const WinogradLayer &layer) const;
  WinogradPacking packing(const WinogradLayer &layer, const Contraction &contraction, nn::MachineAttr machine) const;

  mlir::DictionaryAttr getAttr(nn::KernelOp kernel, const WinogradLayer &layer, const Contraction &contraction,
                               nn::MachineAttr machine) const;
  /// Nothing for the attribute of another form.
  static std::optional<WinogradForm> from(mlir::DictionaryAttr form);
};

/// What users are told of how a kernel is computed: "winograd, tiles of 4x4, strips of 49, 2 at a time" ("tiles of 4x4
/// cut at edges" where there are smaller ones), "strips of 56 pixels, 4 at a time", "chain, strips of 8 rows, 4 at a
/// time", or "direct, 6 rows, 2 vectors" where that was tuned; else empty for the direct form.
std::string describeForm(nn::KernelOp kernel);

/// Replaces the body of `function`, whose planned kernel has such a form, by loops over strips.
///
/// error  a layout of the operands that only other forms read: `reason` says why, nothing changed
mlir::LogicalResult emitWinograd(mlir::func::FuncOp function, nn::KernelOp kernel, MicroKernels &kernels,
                                 const WinogradForm &form, std::string &reason);

} // namespace nncc::cpu
#endif
