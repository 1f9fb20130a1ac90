// See SelfTest.h.
#include "lib/driver/SelfTest.h"
#include "lib/driver/CommandLine.h"
#include "lib/driver/Elements.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <numeric>

using namespace llvm;

namespace nncc {

/// By how much an element may differ: sums run in another order on every machine.
///
/// largest  of the magnitudes of its tensor that are compared
static double toleranceOf(mlir::Type type, FloatFormat format, double largest) {
  if (type.isInteger())
    return type.getIntOrFloatBitWidth() == 8 ? 1 : 0; // a sum of floats may fall on the other side of a step
  double relative = type.isBF16() ? 3e-2 : type.isF16() ? 4e-3 : 1e-4;
  return largest * (format != FloatFormat::F32 ? std::max(relative, 2e-2) : relative);
}

/// The strides of a result in the order of the dims that the same tensor has on the target; nothing where the shapes
/// have nothing to do with each other.
static std::optional<std::vector<int64_t>> stridesInOrderOf(const ResultPlan &target, const ResultPlan &here) {
  size_t rank = target.shape.size();
  auto onnxDim = [](const ResultPlan &result, size_t dim) {
    return result.perm.empty() ? int64_t(dim) : result.perm[dim];
  };
  if (here.shape.size() != rank)
    return std::nullopt;
  std::vector<int64_t> strides(rank);
  for (size_t i = 0; i < rank; ++i) {
    size_t own = 0;
    while (own < rank && onnxDim(here, own) != onnxDim(target, i))
      ++own;
    if (own == rank || here.shape[own] != target.shape[i])
      return std::nullopt;
    strides[i] = here.strides[own];
  }
  return strides;
}

/// What is expected of a tensor of the target that has these elements, in its own order.
static SelfTest::Tensor measure(const ResultPlan &target, uint32_t kernel, ArrayRef<double> elements,
                                FloatFormat format) {
  double largest = 0;
  for (double element : elements)
    if (std::abs(element) < NNCC_SELF_TEST_BEYOND) // false for NaN
      largest = std::max(largest, std::abs(element));
  SelfTest::Tensor tensor{&target, kernel, toleranceOf(target.elementType, format, largest), 0, {}};
  // Differences of elements are independent, and so are the signs.
  tensor.sumTolerance = tensor.tolerance * std::sqrt(double(elements.size()));
  const int64_t count = elements.size(), step = 1;
  nncc_self_test_tensor line = {};
  line.type = NNCC_F64;
  line.rank = 1;
  line.dims = &count;
  line.strides = &step;
  nncc_self_test_measure(&line, elements.data(), &tensor.expected);
  return tensor;
}

/// The inputs as the board has them, and as they are given to the model here.
static std::optional<std::vector<std::vector<char>>> inputsOf(const ModelPlan &plan, const GivenInputs &given,
                                                              SelfTest &test) {
  auto values = makeInputs(plan, given, /*seed=*/1);
  if (!values)
    return std::nullopt;
  for (auto [i, port] : enumerate(plan.inputs)) {
    SelfTest::Input &input = test.inputs.emplace_back();
    if (given.contains(port.name)) {
      input.values = (*values)[i];
      continue;
    }
    PortType type = *portType(port.elementType);
    // As makeInputs() draws them.
    input.below = type.id == NNCC_BOOL ? 2 : !port.format.empty() && type.bytes == 1 ? 256 : 10;
    nncc_self_test_fill((*values)[i].data(), type.id, portBytes(port) / type.bytes, input.below, i);
  }
  return values;
}

std::optional<SelfTest> makeSelfTest(const ModelPlan &plan, const CompileOptions &options, const GivenInputs &given) {
  CompileOptions here = asideOf(options);
  auto machine = parseTarget("", "");
  if (!machine)
    return reportError(machine.takeError()), std::nullopt;
  here.target = *machine;
  here.gpu.reset();
  here.placement = {};
  here.form = LibraryForm::Archive;
  here.externWeights = here.lineInfo = false;
  auto context = makeContext();
  DiagnosticPrinter printer(*context, here.model, withoutWarnings());
  auto loaded = buildAndLoad(here, *context, printer, given);
  if (!loaded)
    return std::nullopt;
  SelfTest test;
  auto values = inputsOf(loaded->plan, given, test);
  if (!values)
    return std::nullopt;

  StringMap<std::pair<const ResultPlan *, uint32_t>> wanted;
  for (auto [i, kernel] : enumerate(plan.kernels))
    for (const ResultPlan &result : kernel.results)
      if (!result.tensor.empty() && result.shape.size() <= NNCC_SELF_TEST_RANK)
        wanted[result.tensor] = {&result, uint32_t(i)};
  std::vector<std::vector<char>> outputs;
  for (const PortPlan &port : loaded->plan.outputs)
    outputs.emplace_back(portBytes(port));
  std::vector<ArrayRef<char>> inputViews(values->begin(), values->end());
  std::vector<MutableArrayRef<char>> outputViews(outputs.begin(), outputs.end());
  Error error = loaded->runnable->step(
      inputViews, outputViews, [&](unsigned index, uint64_t, RunnableModel::Reader read) -> Error {
        for (const ResultPlan &result : loaded->plan.kernels[index].results) {
          auto found = wanted.find(result.tensor);
          if (found == wanted.end())
            continue;
          auto [target, kernel] = found->second;
          auto strides = stridesInOrderOf(*target, result);
          if (!strides)
            continue;
          auto bytes = read(result.place.memory, result.place.index, result.place.byteOffset, result.place.bytes);
          if (!bytes)
            return bytes.takeError();
          test.tensors.push_back(measure(*target, kernel,
                                         elementsOf(result.elementType, target->shape, *strides, bytes->data()),
                                         options.cpuFloat));
        }
        return Error::success();
      });
  if (error)
    return reportError(std::move(error)), std::nullopt;
  llvm::sort(test.tensors, [](const auto &a, const auto &b) {
    return std::pair(a.kernel, a.result) < std::pair(b.kernel, b.result);
  });
  return test;
}

} // namespace nncc
