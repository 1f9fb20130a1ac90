// nncc-reduce: shrinks an IR file that makes a pass fail to a small one that still does.
#include "lib/driver/Registry.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"
#include "tools/nncc-reduce/ReduceGraph.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  nncc::registerDialects(registry);
  nncc::registerPasses();
  nncc::registerReduceGraphPass();
  mlir::MLIRContext context(registry);
  return mlir::failed(mlir::mlirReduceMain(argc, argv, context));
}
