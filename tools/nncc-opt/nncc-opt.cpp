// nncc-opt: runs single passes and checks stages on IR in text form, for people who work on the compiler.
#include "lib/driver/Registry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  nncc::registerDialects(registry);
  nncc::registerPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "nncc-opt: runs nncc's passes on IR in text form\n", registry));
}
