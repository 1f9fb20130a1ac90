// The two transforms of Winograd's convolution as micro-kernels: input pixels to planes, planes to output pixels. Both
// run over the tiles of one strip, which follow each other in lines of an image and in images.
#ifndef NNCC_CODEGEN_CPU_WINOGRADCODE_H
#define NNCC_CODEGEN_CPU_WINOGRADCODE_H
#include "codegen/cpu/Code.h"
#include "codegen/cpu/MicroKernel.h"
#include "mlir/IR/Block.h"
#include <string>

namespace nncc::cpu {

/// The words that a transform reads. Strides count elements, those of planes elements of 32 bits.
struct WinogradEntry {
  enum Field : unsigned {
    Height,
    Width, // of the image
    ImageStep,
    LineStep,
    PixelStep, // the way to the next one
    DilationH,
    DilationW, // lines and pixels from one of a tile to the next; read where the transform is of such tiles
    TilesH,
    TilesW, // tiles of an image
    Strip,
    Tiles,   // tiles of a strip, and of all images
    Vectors, // whole vectors of channels
    Pitch,
    Plane, // the way from tile to tile in a plane, and from plane to plane
    Top,
    Left,      // the line and the pixel where the first tile begins; in the input, pads make it less
    FirstLeaf, // then per leaf of the epilogue: the way to the next image, line and pixel
  };
  static unsigned leafField(unsigned leaf, unsigned which) { return FirstLeaf + 3 * leaf + which; }
};

/// A part of a name that no other transform has, but for its bias and epilogue.
std::string nameOfTransform(llvm::StringRef what, const WinogradPiece &piece, int64_t lanes, int64_t tail,
                            bool isDilated);

/// Writes the body of MicroKernels::getInputTransform. Pixels outside of the image are zeros, or the zero point, which
/// bytes are made less by. All strips have whole rows of planes: the last one begins so early that it ends with the
/// last tile.
void emitInputTransform(Code &code, const InputTransform &transform, mlir::Block::BlockArgListType arguments);

/// Writes the body of a micro-kernel whose shape has a `winograd` tile: (planes, C, [bias,] leaves..., entry, number of
/// the strip). Only tiles of its own are written, and of these the pixels in the image.
void emitOutputTransform(Code &code, const TileShape &shape, const Epilogue &epilogue,
                         mlir::Block::BlockArgListType arguments);

} // namespace nncc::cpu
#endif
