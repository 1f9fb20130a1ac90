// The table of a model's self-test: M.selftest.c.
#include "codegen/emit/SelfTestFile.h"
#include "codegen/emit/Header.h"
#include "codegen/emit/PortType.h"
#include "codegen/emit/TextTemplate.h"
#include "codegen/emit/WeightsFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

using namespace llvm;

namespace nncc {

/// The text of a file. `@m` stands for the model's name, `@M` for it in capitals, the other words for what
/// writeSelfTest() puts there.
static const char *const fileText = R"(/* What @m computes on the machine that compiled it, for nncc_self_test_run() of
 * nncc/selftest.h. On a board with a C library, as a program of its own:
 *
 *   cc -DNNCC_SELF_TEST_MAIN @m.selftest.c lib@m.a -lnncc_runtime
 *   cc -DNNCC_SELF_TEST_MAIN -DNNCC_SELF_TEST_VULKAN=0 @m.selftest.c lib@m.a -lnncc_runtime -lnncc_vulkan
 *
 * The second one runs on the first GPU; 1, 2 ... are all devices in their order.
 * It exits with 0 where all is well; with 2 where a tensor differs, and says
 * which kernel is the first; with 1 where it could not run. */
#include "@m.h"
#include "nncc/selftest.h"

#ifdef __cplusplus
extern "C"
#endif
const nncc_self_test @m_self_test;

@inputs
@tensors
const nncc_self_test @m_self_test = {&@m_model, inputs, tensors, @count, 0};

#ifdef NNCC_SELF_TEST_MAIN
#include "nncc/runtime.h"
#include <stdio.h>
#ifdef NNCC_SELF_TEST_VULKAN
#include "nncc/vulkan.h"
static nncc_vulkan vulkan;
#else
static _Alignas(@M_ARENA_ALIGN) unsigned char memory[@M_ARENA_BYTES];
#endif
static @m_context context;
@buffers
int main(int argc, char **argv) {
  const nncc_model *model = &@m_model;
  nncc_options options = {.size = sizeof options};
  nncc_self_test_result result;
  options.cpu_features = nncc_cpu_features();
#ifdef NNCC_SELF_TEST_VULKAN
  nncc_vulkan_options device = {.size = sizeof device};
  device.models = &model;
  device.num_models = 1;
  device.device_number = NNCC_SELF_TEST_VULKAN;
  device.gpu_only = 1; /* an answer of the CPU would say nothing */
  nncc_vulkan_create(&vulkan, &device);
  printf("GPU: %s\n", nncc_vulkan_message(&vulkan));
  options.device = nncc_vulkan_device(&vulkan);
  if (!options.device)
    return 1;
  void *memory = nncc_vulkan_allocate(&vulkan, @M_ARENA_BYTES);
#endif
@weights  nncc_status status = nncc_self_test_run(&@m_self_test, &context, memory, @M_ARENA_BYTES, &options,
      input_buffers, output_buffers, &result);
  if (status != NNCC_OK) {
    printf("%s: %s\n", model->name, nncc_status_string(status));
    return 1;
  }
  printf("%s for %s: %u of %u tensors are right\n", model->name, model->cpu,
      (unsigned)(result.num_compared - result.num_wrong), (unsigned)result.num_compared);
  if (!result.first)
    return 0;
  printf("first wrong: kernel %u, %s, tensor '%s'\n", (unsigned)result.first->kernel,
      model->kernels[result.first->kernel].name, result.first->name);
  if (result.sample < NNCC_SELF_TEST_SAMPLES)
    printf("element %llu is %.17g, expected %.17g within %.2g\n", (unsigned long long)result.element,
        result.measured.samples[result.sample], result.first->expected.samples[result.sample],
        result.first->tolerance);
  else if (result.measured.not_finite != result.first->expected.not_finite)
    printf("%llu elements are NaN, infinite or beyond 1e30, expected %llu\n",
        (unsigned long long)result.measured.not_finite,
        (unsigned long long)result.first->expected.not_finite);
  else
    printf("the sampled elements are right, sums over all differ: %.17g, expected %.17g within %.2g\n",
        result.measured.sums[0], result.first->expected.sums[0], result.first->sum_tolerance);
  return 2;
}
#endif
)";

/// A string literal of C, whatever the text holds.
static std::string literal(StringRef text) {
  std::string result = "\"";
  for (char c : text) {
    if (isAlnum(c) || StringRef(" _-./:[](),+*<>=").contains(c))
      result += c;
    else
      result += "\\" + std::string(1, '0' + (uint8_t(c) >> 6)) + std::string(1, '0' + (uint8_t(c) >> 3 & 7)) +
                std::string(1, '0' + (uint8_t(c) & 7));
  }
  return result + "\"";
}

/// Whether the file holds the values of an input. An array of no elements is no C, and fills as well by itself.
static bool hasArray(const SelfTest::Input &input) { return input.values && !input.values->empty(); }

static void writeInputs(const ModelPlan &plan, const SelfTest &test, raw_ostream &os) {
  for (auto [i, input] : enumerate(test.inputs))
    if (hasArray(input)) {
      // Words of the widest element: aligned for all of them.
      os << "static const uint64_t values" << i << "[] = {";
      for (size_t at = 0; at < input.values->size(); at += 8) {
        uint64_t word = 0;
        for (size_t byte = 0; byte < 8 && at + byte < input.values->size(); ++byte)
          word |= uint64_t(uint8_t((*input.values)[at + byte])) << 8 * byte;
        os << (at % 64 ? " " : "\n    ") << format("UINT64_C(0x%llx),", (unsigned long long)word);
      }
      os << "\n};\n";
    }
  os << "static const nncc_self_test_input inputs[] = {\n";
  for (auto [i, input] : enumerate(test.inputs))
    os << "    {" << (hasArray(input) ? "values" + std::to_string(i) : "NULL") << ", " << input.below << ", 0}, /* '"
       << commentText(plan.inputs[i].name) << "' */\n";
  if (test.inputs.empty())
    os << "    {NULL, 0, 0}, /* there are none */\n";
  os << "};\n";
}

/// Writes numbers so that what is read is the same to the last bit: integers are compared exactly.
static void writeNumbers(ArrayRef<double> numbers, raw_ostream &os) {
  os << '{';
  interleaveComma(numbers, os, [&](double number) { os << format("%.17g", number); });
  os << '}';
}

static void writeTensors(const SelfTest &test, raw_ostream &os) {
  for (auto [i, tensor] : enumerate(test.tensors)) {
    os << "static const int64_t layout" << i << "[] = {";
    interleaveComma(tensor.result->shape, os);
    os << (tensor.result->shape.empty() ? "0" : ", ");
    interleaveComma(tensor.result->strides, os);
    os << "};\n";
  }
  os << "static const nncc_self_test_tensor tensors[] = {\n";
  for (auto [i, tensor] : enumerate(test.tensors)) {
    const OperandPlan &place = tensor.result->place;
    size_t rank = tensor.result->shape.size();
    os << "    {" << literal(tensor.result->tensor) << ", " << tensor.kernel << ", "
       << portType(tensor.result->elementType)->id << ", "
       << (place.memory == Memory::Output ? int64_t(place.index) : int64_t(-1)) << ", " << rank << ", "
       << place.byteOffset << ", layout" << i << ", layout" << i << " + " << rank
       << format(", %.7g, %.7g,\n     {", tensor.tolerance, tensor.sumTolerance) << tensor.expected.not_finite << ", ";
    writeNumbers(tensor.expected.samples, os);
    os << ", ";
    writeNumbers(tensor.expected.sums, os);
    os << "}},\n";
  }
  if (test.tensors.empty())
    os << "    {NULL, 0, 0, 0, 0, 0, NULL, NULL, 0, 0, {0, {0}, {0}}}, /* there are none */\n";
  os << "};\n";
}

static void writeBuffers(ArrayRef<PortPlan> ports, StringRef kind, raw_ostream &os) {
  std::string list;
  for (auto [i, port] : enumerate(ports)) {
    std::string name = (kind + "_buffer" + Twine(i)).str();
    os << "static uint64_t " << name << "[" << std::max<int64_t>(divideCeil(portBytes(port), 8), 1) << "];\n";
    list += (list.empty() ? "" : ", ") + name;
  }
  os << "static void *const " << kind << "_buffers[] = {" << (list.empty() ? "NULL" : list) << "};\n";
}

/// Where the weights lie outside: they are read from the file that the program is given.
static void writeWeights(const ModelPlan &plan, raw_ostream &os) {
  if (!plan.externWeights) {
    os << "  (void)argc;\n  (void)argv;\n";
    return;
  }
  os << "  static _Alignas(" << NNCC_WEIGHTS_ALIGN << ") unsigned char weights[" << weightsFileBytes(plan) << "];\n"
     << "  FILE *file = argc > 1 ? fopen(argv[1], \"rb\") : NULL;\n"
     << "  if (!file) {\n    puts(\"give the path of " << weightsFileName(plan) << "\");\n    return 1;\n  }\n"
     << "  options.weights = weights;\n  options.weights_bytes = fread(weights, 1, sizeof weights, file);\n"
     << "  fclose(file);\n";
}

void writeSelfTest(const ModelPlan &plan, const SelfTest &test, raw_ostream &os) {
  const TemplateWord words[] = {{"inputs", textOf([&](raw_ostream &text) { writeInputs(plan, test, text); })},
                                {"tensors", textOf([&](raw_ostream &text) { writeTensors(test, text); })},
                                {"count", std::to_string(test.tensors.size())},
                                {"buffers", textOf([&](raw_ostream &text) {
                                   writeBuffers(plan.inputs, "input", text);
                                   writeBuffers(plan.outputs, "output", text);
                                 })},
                                {"weights", textOf([&](raw_ostream &text) { writeWeights(plan, text); })},
                                {"m", plan.name},
                                {"M", StringRef(plan.name).upper()}};
  writeTemplate(fileText, words, os);
}

} // namespace nncc
