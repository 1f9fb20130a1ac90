// fuzz-import: an input is an ONNX file. It becomes IR that verifies, or is refused with words for a user.
#include "codegen/emit/OutputFiles.h"
#include "lib/driver/Compile.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/Registry.h"
#include "lib/import/onnx/Import.h"
#include "mlir/IR/Verifier.h"
#include "tools/fuzz/Fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace nncc;
  std::string path = fuzz::writeFile("model.onnx", {reinterpret_cast<const char *>(data), size});
  auto context = makeContext();
  size_t errors = 0;
  DiagnosticPrinter printer(*context, path, [&](Severity severity, const std::string &text) {
    errors += severity == Severity::Error;
    fuzz::requireWordsForUsers(text);
  });
  auto module = importOnnx(path, {}, *context);
  if (failed(module) && errors == 0)
    fuzz::fail("refused without a message");
  if (succeeded(module) && failed(mlir::verify(**module)))
    fuzz::fail("imported as IR that does not verify");
  return 0;
}
