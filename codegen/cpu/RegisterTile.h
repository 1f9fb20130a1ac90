// Tiles of output pixels by output channels whose sums lie in registers, over all taps and values of k.
#ifndef NNCC_CODEGEN_CPU_REGISTERTILE_H
#define NNCC_CODEGEN_CPU_REGISTERTILE_H
#include "codegen/cpu/Code.h"
#include "codegen/cpu/MicroKernel.h"
#include "mlir/IR/Block.h"

namespace nncc::cpu {

/// Writes the body of a micro-kernel whose shape is neither a sweep nor Winograd's.
void emitRegisterTile(Code &code, const TileShape &shape, const Epilogue &epilogue,
                      mlir::Block::BlockArgListType arguments);

} // namespace nncc::cpu
#endif
