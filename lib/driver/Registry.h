// The dialects and passes that nncc knows, for the driver and every tool.
#ifndef NNCC_LIB_DRIVER_REGISTRY_H
#define NNCC_LIB_DRIVER_REGISTRY_H
#include "mlir/IR/DialectRegistry.h"

namespace nncc {
/// Inserts every dialect, interface and translation that a model passes through on its way.
void registerDialects(mlir::DialectRegistry &registry);
/// Registers nncc's own passes and the upstream ones that its pipelines use, by name.
void registerPasses();
} // namespace nncc
#endif
