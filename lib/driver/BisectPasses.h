// Which pass changes what a model computes: the model is compiled again and again, each time with one pass more.
#ifndef NNCC_LIB_DRIVER_BISECTPASSES_H
#define NNCC_LIB_DRIVER_BISECTPASSES_H
#include "lib/driver/CompareKernels.h"
#include "llvm/Support/JSON.h"
#include <functional>

namespace nncc {

/// Whether code can be made without a pass: it makes a model smaller or faster, and no other pass needs what it does.
bool mayBeLeftOut(llvm::StringRef passFlag);

struct BisectSettings {
  double rtol = 1e-4; ///< as diverges() reads it
  uint64_t seed = 1;  ///< of random inputs
  /// The right outputs, for the inputs; none: those without any of the passes are right.
  std::function<llvm::Expected<ReferenceTensors>(const ModelPlan &, llvm::ArrayRef<std::vector<char>>)> reference;
  std::function<bool(llvm::StringRef)> isOptional = mayBeLeftOut;
};

/// The outputs after a pass and all that come before it.
struct PassResult {
  std::string pass;              ///< its flag; empty: no pass that may be left out has run
  bool isCompiled = false;       ///< else no code can be made without passes behind it
  bool isChanged = false;        ///< other bits than before the pass
  bool isDiverging = false;      ///< an output errs by more than is allowed
  double error = 0, largest = 0; ///< of the output that errs most for its size, and its largest value
};

struct BisectResult {
  int status = 1;                 ///< exit status of what went wrong, which is reported; 0: nothing did
  std::vector<PassResult> passes; ///< in the order in which they run, behind the result without any

  /// The first pass whose result diverges; null: none does.
  const PassResult *firstDivergence() const;
};

/// Compiles and runs a model without the passes that may be left out, then with one more of them each time.
BisectResult bisectPasses(const CompileOptions &options, const GivenInputs &given, const BisectSettings &settings);

void printBisection(const BisectResult &result, llvm::raw_ostream &os);
/// The document of `debug --bisect --json`.
llvm::json::Object bisectJson(const CompileOptions &options, const BisectResult &result);

} // namespace nncc
#endif
