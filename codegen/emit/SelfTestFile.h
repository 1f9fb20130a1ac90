// The table of a model's self-test: M.selftest.c, for include/nncc/selftest.h.
#ifndef NNCC_CODEGEN_EMIT_SELFTESTFILE_H
#define NNCC_CODEGEN_EMIT_SELFTESTFILE_H
#include "codegen/emit/ModelPlan.h"
#include "nncc/selftest.h"
#include <optional>

namespace llvm {
class raw_ostream;
}

namespace nncc {

/// What a right run of a model gives.
struct SelfTest {
  struct Input {
    std::optional<std::vector<char>> values; ///< none: nncc_self_test_fill() makes them
    uint32_t below = 0;
  };
  struct Tensor {
    const ResultPlan *result; ///< of the model's plan
    uint32_t kernel;
    double tolerance, sumTolerance;
    nncc_self_test_values expected;
  };
  std::vector<Input> inputs;
  std::vector<Tensor> tensors; ///< in the order of kernels
};

/// Writes M.selftest.c: C99, with a main() for boards that have a C library behind NNCC_SELF_TEST_MAIN.
void writeSelfTest(const ModelPlan &plan, const SelfTest &test, llvm::raw_ostream &os);

} // namespace nncc
#endif
