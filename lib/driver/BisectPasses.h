// Which pass changes what a model computes: the model is compiled again and again, without the passes behind one.
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
  bool triesAll =
      false; ///< else the passes are halved: a pass that makes outputs diverge that agree at the end is lost
};

/// The outputs after a pass and all that come before it.
struct PassResult {
  std::string pass;              ///< its flag; empty: no pass that may be left out has run
  bool isTried = false;          ///< else the others told enough, and the rest says nothing
  bool isCompiled = false;       ///< else no code can be made without passes behind it
  bool isChanged = false;        ///< other bits than behind the last pass before it that was tried
  bool isDiverging = false;      ///< an output errs by more than is allowed
  double error = 0, largest = 0; ///< of the output that errs most for its size, and its largest value
};

struct BisectResult {
  int status = 1;                 ///< exit status of what went wrong, which is reported; 0: nothing did
  std::vector<PassResult> passes; ///< in the order in which they run, behind the result without any

  /// The first pass that was tried and whose result diverges; null: none does.
  const PassResult *firstDivergence() const;
};

/// Compiles and runs a model without the passes that may be left out, with all of them, and, where these differ, with
/// the first half of those among which the outputs begin to diverge, until one is left.
BisectResult bisectPasses(const CompileOptions &options, const GivenInputs &given, const BisectSettings &settings);

void printBisection(const BisectResult &result, llvm::raw_ostream &os);
/// The document of `debug --bisect --json`.
llvm::json::Object bisectJson(const CompileOptions &options, const BisectResult &result);

} // namespace nncc
#endif
