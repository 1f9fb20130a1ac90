// What a model computes on this machine, for the self-test of the machine that it is compiled for.
#ifndef NNCC_LIB_DRIVER_SELFTEST_H
#define NNCC_LIB_DRIVER_SELFTEST_H
#include "codegen/emit/SelfTestFile.h"
#include "lib/driver/BuildAndLoad.h"

namespace nncc {

/// Compiles the model for this machine, runs it, and measures the tensors that kernels of the target write as well.
///
/// plan     of the target
/// options  of the target
/// given    inputs that the test is to be made with; others get values that the board makes by itself
/// error    a machine that cannot run it, an input of another name, type or shape: reported, nothing is returned
std::optional<SelfTest> makeSelfTest(const ModelPlan &plan, const CompileOptions &options, const GivenInputs &given);

} // namespace nncc
#endif
