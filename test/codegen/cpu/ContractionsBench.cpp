// Speed of single layers on this core, against a loop of multiply-adds on registers; for people, not for pass or fail.
#include "test/codegen/cpu/KernelRunner.h"
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

using namespace nncc::test;

namespace {

struct Layer {
  const char *name;
  int64_t h, w, c, o, k, stride, groups;
};

KernelCase makeCase(const Layer &layer, const char *machine) {
  auto number = [](int64_t value) { return std::to_string(value); };
  int64_t pad = layer.k / 2, oh = (layer.h + 2 * pad - layer.k) / layer.stride + 1,
          ow = (layer.w + 2 * pad - layer.k) / layer.stride + 1;
  std::string x = "tensor<1x" + number(layer.h) + "x" + number(layer.w) + "x" + number(layer.c) + "xf32>";
  std::string f = "tensor<" + number(layer.o) + "x" + number(layer.k) + "x" + number(layer.k) + "x" +
                  number(layer.c / layer.groups) + "xf32>";
  std::string b = "tensor<" + number(layer.o) + "xf32>";
  KernelCase c;
  c.machine = machine;
  c.inputs = {x, f, b};
  c.constants = {false, true, true};
  c.outputType = "tensor<1x" + number(oh) + "x" + number(ow) + "x" + number(layer.o) + "xf32>";
  std::string s = number(layer.stride), p = number(pad);
  c.body = "%r = nn.conv2d %0, %1 bias %2 strides [" + s + ", " + s + "] pads [" + p + ", " + p + ", " + p + ", " + p +
           "] dilations [1, 1] groups " + number(layer.groups) + " : " + x + ", " + f + ", " + b + " -> " +
           c.outputType + "\n%s = nn.unary relu %r : " + c.outputType + " -> " + c.outputType + "\n";
  c.yielded = "%s";
  return c;
}

double macs(const Layer &layer) {
  int64_t pad = layer.k / 2, oh = (layer.h + 2 * pad - layer.k) / layer.stride + 1,
          ow = (layer.w + 2 * pad - layer.k) / layer.stride + 1;
  return double(oh) * ow * layer.o * layer.k * layer.k * (layer.c / layer.groups);
}

/// GFLOP/s of twelve independent chains of 256-bit multiply-adds, for about 30 microseconds.
double peakNow() {
#if defined(__x86_64__)
  auto start = std::chrono::steady_clock::now();
  long trips = 20000;
  asm volatile("1:\n\t"
               "vfmadd231ps %%ymm0, %%ymm0, %%ymm2\n\tvfmadd231ps %%ymm0, %%ymm0, %%ymm3\n\t"
               "vfmadd231ps %%ymm0, %%ymm0, %%ymm4\n\tvfmadd231ps %%ymm0, %%ymm0, %%ymm5\n\t"
               "vfmadd231ps %%ymm0, %%ymm0, %%ymm6\n\tvfmadd231ps %%ymm0, %%ymm0, %%ymm7\n\t"
               "vfmadd231ps %%ymm0, %%ymm0, %%ymm8\n\tvfmadd231ps %%ymm0, %%ymm0, %%ymm9\n\t"
               "vfmadd231ps %%ymm0, %%ymm0, %%ymm10\n\tvfmadd231ps %%ymm0, %%ymm0, %%ymm11\n\t"
               "vfmadd231ps %%ymm0, %%ymm0, %%ymm12\n\tvfmadd231ps %%ymm0, %%ymm0, %%ymm13\n\t"
               "dec %0\n\tjnz 1b"
               : "+r"(trips)
               :
               : "ymm0", "ymm2", "ymm3", "ymm4", "ymm5", "ymm6", "ymm7", "ymm8", "ymm9", "ymm10", "ymm11", "ymm12",
                 "ymm13");
  double ns = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
  return 20000.0 * 12 * 8 * 2 / ns;
#else
  return NAN;
#endif
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

} // namespace

int main() {
  const Layer layers[] = {
      {"1x1 56x56 64>128", 56, 56, 64, 128, 1, 1, 1},     {"1x1 28x28 512>512", 28, 28, 512, 512, 1, 1, 1},
      {"1x1 14x14 512>512", 14, 14, 512, 512, 1, 1, 1},   {"1x1 7x7 1024>1024", 7, 7, 1024, 1024, 1, 1, 1},
      {"1x1 112x112 16>96", 112, 112, 16, 96, 1, 1, 1},   {"1x1 56x56 144>24", 56, 56, 144, 24, 1, 1, 1},
      {"3x3 56x56 64>64", 56, 56, 64, 64, 3, 1, 1},       {"3x3 28x28 128>128", 28, 28, 128, 128, 3, 1, 1},
      {"3x3 14x14 256>256", 14, 14, 256, 256, 3, 1, 1},   {"3x3 7x7 512>512", 7, 7, 512, 512, 3, 1, 1},
      {"3x3/2 56x56 128>128", 56, 56, 128, 128, 3, 2, 1}, {"3x3/2 224x224 3>32", 224, 224, 3, 32, 3, 2, 1},
      {"7x7/2 224x224 3>64", 224, 224, 3, 64, 7, 2, 1},   {"dw3x3 112x112x32", 112, 112, 32, 32, 3, 1, 32},
      {"dw3x3 56x56x128", 56, 56, 128, 128, 3, 1, 128},   {"dw3x3/2 56x56x144", 56, 56, 144, 144, 3, 2, 144},
      {"dw3x3 14x14x512", 14, 14, 512, 512, 3, 1, 512},   {"dw3x3 7x7x1024", 7, 7, 1024, 1024, 3, 1, 1024},
      {"dw5x5 28x28x120", 28, 28, 120, 120, 5, 1, 120},   {"1x1 1x1 1280>1000", 1, 1, 1280, 1000, 1, 1, 1},
  };
  const char *filter = std::getenv("NNCC_BENCH");
  std::printf("%-24s %9s %9s %12s\n", "layer", "best us", "GFLOP/s", "% of peak");
  for (const Layer &layer : layers) {
    if (filter && std::string(layer.name).find(filter) == std::string::npos)
      continue;
    // The core's clock and its other users vary: every run is compared with the peak around it.
    double work = 2 * macs(layer), best = INFINITY;
    std::vector<double> ratios;
    Outcome outcome = runKernel(makeCase(layer, kAvx2), [&](llvm::function_ref<void()> run) {
      for (int round = 0; round < 200 && (round < 20 || best * round < 3e8); ++round) {
        double before = peakNow();
        auto start = std::chrono::steady_clock::now();
        run();
        double ns = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
        ratios.push_back(work / ns / std::max(before, peakNow()));
        best = std::min(best, ns);
      }
    });
    if (!outcome.error.empty())
      std::printf("%s: %s\n", layer.name, outcome.error.c_str());
    else
      std::printf("%-24s %9.1f %9.1f %12.1f\n", layer.name, best / 1e3, work / best, 100 * median(ratios));
  }
}
