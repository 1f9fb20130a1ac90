// Measures the generated mathematical functions against the C library: f32 against double, f64 against long double.
// Each is compiled as a loop over vectors, as kernels have it, and run in this process.
#include "passes/lower/MathFunctions.h"
#include "codegen/LowerToLLVM.h"
#include "codegen/ObjectCode.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h"
#include "llvm/ExecutionEngine/Orc/SelfExecutorProcessControl.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "gtest/gtest.h"
#include <bit>
#include <cmath>
#include <cstring>
#include <random>

using namespace nncc;

namespace {
constexpr int chunk = 4096; // elements that one call computes

/// `void kernel(x, y, out)`, compiled from a text that says how the vector %r comes from %x and %y. VECTOR stands for
/// their type.
class Kernel {
public:
  using Function = void (*)(const void *, const void *, void *);

  /// The same by a function that no op stands for.
  Kernel(Real (*formula)(Real), const std::string &type, int lanes)
      : Kernel("%r = math.absf %x : VECTOR", type, lanes, formula) {}

  Kernel(std::string body, const std::string &type, int lanes, Real (*formula)(Real) = nullptr) {
    std::string text = R"mlir(
      func.func private @kernel(%a: MEMORY, %b: MEMORY, %c: MEMORY) {
        %zero = arith.constant 0 : index
        %end = arith.constant 4096 : index
        %step = arith.constant LANES : index
        scf.for %i = %zero to %end step %step {
          %x = vector.load %a[%i] : MEMORY, VECTOR
          %y = vector.load %b[%i] : MEMORY, VECTOR
          BODY
          vector.store %r, %c[%i] : MEMORY, VECTOR
        }
        return
      })mlir";
    auto replaceAll = [&](llvm::StringRef word, llvm::StringRef by) {
      for (size_t at; (at = text.find(word)) != std::string::npos;)
        text.replace(at, word.size(), by);
    };
    replaceAll("BODY", body);
    replaceAll("VECTOR", "vector<LANESx" + type + ">");
    replaceAll("MEMORY", "memref<4096x" + type + ">");
    replaceAll("LANES", std::to_string(lanes));
    mlir::DialectRegistry registry;
    registry.insert<mlir::arith::ArithDialect, mlir::func::FuncDialect, mlir::math::MathDialect,
                    mlir::memref::MemRefDialect, mlir::scf::SCFDialect, mlir::vector::VectorDialect>();
    registerLLVMTranslation(registry);
    mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    if (formula)
      module->walk([&](mlir::math::AbsFOp op) {
        mlir::ImplicitLocOpBuilder builder(op.getLoc(), op);
        op.replaceAllUsesWith(formula({&builder, op.getOperand()}).value);
      });
    auto target = llvm::cantFail(parseTarget("", "native", NativeCpu::Detect));
    llvm::LLVMContext llvmContext;
    auto code = lowerToLLVM(*module, target, llvmContext);
    if (failed(code)) {
      ADD_FAILURE() << "not lowered: " << body;
      return;
    }
    (*code)->getFunction("kernel")->setLinkage(llvm::GlobalValue::ExternalLinkage);
    auto object = llvm::cantFail(compileToObject(**code, target));
    llvm::StringRef bytes(object.data(), object.size());
    EXPECT_EQ(llvm::cantFail(undefinedSymbols(bytes)), std::vector<std::string>{}) << body << " calls a library";

    session =
        std::make_unique<llvm::orc::ExecutionSession>(llvm::cantFail(llvm::orc::SelfExecutorProcessControl::Create()));
    linker = std::make_unique<llvm::orc::ObjectLinkingLayer>(*session);
    llvm::orc::JITDylib &library = session->createBareJITDylib("kernel");
    llvm::cantFail(linker->add(library, llvm::MemoryBuffer::getMemBufferCopy(bytes, "kernel")));
    function = llvm::cantFail(session->lookup({&library}, "kernel")).getAddress().toPtr<Function>();
  }
  ~Kernel() {
    if (session)
      llvm::cantFail(session->endSession());
  }

  /// Any number of elements.
  template <typename T> std::vector<T> operator()(std::vector<T> x, std::vector<T> y = {}) const {
    size_t count = x.size();
    x.resize((count + chunk - 1) / chunk * chunk);
    y.resize(x.size());
    std::vector<T> result(x.size());
    for (size_t i = 0; i < x.size() && function; i += chunk)
      function(&x[i], &y[i], &result[i]);
    result.resize(count);
    return result;
  }

private:
  std::unique_ptr<llvm::orc::ExecutionSession> session;
  std::unique_ptr<llvm::orc::ObjectLinkingLayer> linker;
  Function function = nullptr;
};

/// The distance of a result from the exact value in units of the last place of the result's type.
template <typename T, typename Wide> double ulpError(T result, Wide exact) {
  T rounded = static_cast<T>(exact);
  if (std::isnan(rounded) || std::isnan(result))
    return std::isnan(rounded) == std::isnan(result) ? 0 : HUGE_VAL;
  if (result == rounded)
    return 0;
  if (std::isinf(rounded) || std::isinf(result)) // one step over the edge is one unit
    return std::nextafter(result, rounded) == rounded ? 1 : HUGE_VAL;
  T magnitude = std::fmax(std::fabs(rounded), std::numeric_limits<T>::min());
  T unit = magnitude - std::nextafter(magnitude, T(0));
  return std::fabs(static_cast<double>((static_cast<Wide>(result) - exact) / unit));
}

template <typename T, typename Wide> struct Case {
  const char *op;
  Wide (*exact)(Wide);
  double limit; ///< ulp
  T low, high;  ///< arguments
};

/// Every argument that a stride through the bit patterns of a type hits in [low, high], and infinities, zeros and NaN.
template <typename T> std::vector<T> argumentsIn(T low, T high, uint64_t count) {
  using Word = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  using Limits = std::numeric_limits<T>;
  std::vector<T> arguments = {T(0), T(-0.0), Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN()};
  for (T special : {T(1), T(-1), Limits::denorm_min(), Limits::max(), Limits::lowest()})
    if (special >= low && special <= high)
      arguments.push_back(special);
  Word stride = static_cast<Word>(~Word(0) / count) | 1;
  Word bits = 0;
  for (uint64_t i = 0; i < count; ++i, bits += stride) {
    T value = std::bit_cast<T>(bits);
    if (value >= low && value <= high)
      arguments.push_back(value);
  }
  // The bit patterns are dense near 0; evenly spaced arguments see the rest.
  for (uint64_t i = 0; i < count / 4 && low > std::numeric_limits<T>::lowest(); ++i)
    arguments.push_back(low + (high - low) * (T(i) / T(count / 4)));
  return arguments;
}

template <typename T, typename Wide> void measure(const Case<T, Wide> &test, const char *type, int lanes) {
  Kernel kernel("%r = " + std::string(test.op) + " %x : VECTOR", type, lanes);
  std::vector<T> arguments = argumentsIn(test.low, test.high, sizeof(T) == 4 ? 1 << 20 : 1 << 18);
  std::vector<T> results = kernel(arguments);
  double worst = 0;
  T worstAt = 0;
  for (size_t i = 0; i < arguments.size(); ++i) {
    double error = ulpError<T, Wide>(results[i], test.exact(arguments[i]));
    if (error > worst) {
      worst = error;
      worstAt = arguments[i];
    }
  }
  std::printf("%-14s %s  %7.2f ulp at %a\n", test.op, type, worst, static_cast<double>(worstAt));
  EXPECT_LE(worst, test.limit) << test.op << " " << type << " at " << std::hexfloat << worstAt;
}
constexpr float all = std::numeric_limits<float>::max();
constexpr double allDouble = std::numeric_limits<double>::max();
// The last angles before 2^60.
constexpr float angles = 0x1.fffffep59f;
constexpr double anglesDouble = 0x1.fffffffffffffp59;
} // namespace

TEST(MathFunctions, SinglePrecision) {
  const Case<float, double> cases[] = {
      {"math.exp", std::exp, 1, -all, all},       {"math.exp2", std::exp2, 1.5, -all, all},
      {"math.expm1", std::expm1, 2, -all, all},   {"math.log", std::log, 1, 0, all},
      {"math.log2", std::log2, 2, 0, all},        {"math.log10", std::log10, 2.5, 0, all},
      {"math.log1p", std::log1p, 3, -1, all},     {"math.sin", std::sin, 2, -angles, angles},
      {"math.cos", std::cos, 2, -angles, angles}, {"math.tan", std::tan, 4, -angles, angles},
      {"math.asin", std::asin, 3, -1, 1},         {"math.acos", std::acos, 3, -1, 1},
      {"math.atan", std::atan, 3, -all, all},     {"math.sinh", std::sinh, 3, -all, all},
      {"math.cosh", std::cosh, 2, -all, all},     {"math.tanh", std::tanh, 3, -all, all},
      {"math.asinh", std::asinh, 4, -all, all},   {"math.acosh", std::acosh, 4, -all, all},
      {"math.atanh", std::atanh, 4, -1, 1},       {"math.erf", std::erf, 4, -all, all},
  };
  for (const auto &test : cases)
    measure(test, "f32", 8);
}

TEST(MathFunctions, DoublePrecision) {
  using L = long double;
  const Case<double, L> cases[] = {
      {"math.exp", std::exp, 2, -allDouble, allDouble},
      {"math.exp2", std::exp2, 2, -allDouble, allDouble},
      {"math.expm1", std::expm1, 3, -allDouble, allDouble},
      {"math.log", std::log, 1, 0, allDouble},
      {"math.log2", std::log2, 3, 0, allDouble},
      {"math.log10", std::log10, 3, 0, allDouble},
      {"math.log1p", std::log1p, 3, -1, allDouble},
      {"math.sin", std::sin, 1.5, -1e9, 1e9},
      {"math.sin", std::sin, 1.6, -anglesDouble, anglesDouble},
      {"math.cos", std::cos, 1.5, -1e9, 1e9},
      {"math.cos", std::cos, 1.6, -anglesDouble, anglesDouble},
      {"math.tan", std::tan, 3, -1e9, 1e9},
      {"math.tan", std::tan, 3.1, -anglesDouble, anglesDouble},
      {"math.asin", std::asin, 3, -1, 1},
      {"math.acos", std::acos, 3, -1, 1},
      {"math.atan", std::atan, 3, -allDouble, allDouble},
      {"math.sinh", std::sinh, 4, -allDouble, allDouble},
      {"math.cosh", std::cosh, 3, -allDouble, allDouble},
      {"math.tanh", std::tanh, 4, -allDouble, allDouble},
      {"math.asinh", std::asinh, 4, -allDouble, allDouble},
      {"math.acosh", std::acosh, 4, -allDouble, allDouble},
      {"math.atanh", std::atanh, 4, -1, 1},
      {"math.erf", std::erf, 4, -allDouble, allDouble},
  };
  for (const auto &test : cases)
    measure(test, "f64", 4);
}

TEST(MathFunctions, ExpOfNonPositive) {
  Kernel kernel(expOfNonPositive, "f32", 8);
  std::vector<float> arguments = argumentsIn<float>(-87.3f, 0, 1 << 20);
  std::erase_if(arguments, [](float x) { return x > 0; });
  std::vector<float> results = kernel(arguments);
  double worst = 0;
  for (size_t i = 0; i < arguments.size(); ++i)
    worst = std::fmax(worst, ulpError<float, double>(results[i], std::exp(double(arguments[i]))));
  std::printf("expOfNonPositive f32 %6.2f ulp\n", worst);
  EXPECT_LE(worst, 1.5);
  // What is no normal number is zero, not a subnormal one.
  std::vector<float> below{-87.34f, -88, -88.1f, -90, -104, -1e4f, -1e9f, -1e30f, -INFINITY};
  for (float x = -88; x > -1e6f; x *= 1.0001f)
    below.push_back(x);
  for (float result : kernel(below))
    EXPECT_EQ(result, 0);
  for (uint32_t bits : {0x7fc00000u, 0xffc00000u, 0x7fc001ffu, 0xffffffffu, 0x7f800001u})
    EXPECT_TRUE(std::isnan(kernel(std::vector<float>{std::bit_cast<float>(bits)})[0]));
  Kernel wide(expOfNonPositive, "f64", 4);
  for (double x : {-708.0, -1.0, -1e-9, 0.0})
    EXPECT_NEAR(wide(std::vector<double>{x})[0] / std::exp(x), 1, 1e-15);
}

TEST(MathFunctions, Gelu) {
  auto exact = [](double x) { return 0.5 * x * std::erfc(-x * std::sqrt(0.5)); };
  Kernel kernel(geluOf, "f32", 8);
  std::vector<float> arguments = argumentsIn<float>(-1e30f, 1e30f, 1 << 20);
  for (float x = -12; x < 12; x += 1e-4f)
    arguments.push_back(x);
  std::erase_if(arguments, [](float x) { return std::isinf(x); }); // -infinity is 0 * infinity
  std::vector<float> results = kernel(arguments);
  double worst = 0;
  for (size_t i = 0; i < arguments.size(); ++i) {
    double x = arguments[i];
    if (std::isnan(x)) {
      EXPECT_TRUE(std::isnan(results[i]));
      continue;
    }
    double error = std::fabs(results[i] - exact(x));
    worst = std::fmax(worst, error / std::fmax(std::fabs(x), std::numeric_limits<float>::min()));
  }
  std::printf("geluOf         f32  %7.2g of |x|\n", worst);
  EXPECT_LE(worst, 3e-7);
  for (float x : {-6.0f, -100.0f, -1e30f}) {
    EXPECT_EQ(kernel(std::vector<float>{x})[0], 0);
    EXPECT_EQ(kernel(std::vector<float>{-x})[0], -x);
  }
  Kernel wide(geluOf, "f64", 4);
  for (double x : {-3.0, -0.5, 1e-9, 0.7, 5.0})
    EXPECT_NEAR(wide(std::vector<double>{x})[0], exact(x), 1e-15 * std::fabs(x));
}

TEST(MathFunctions, PowersAndRemainders) {
  std::vector<float> x, y;
  const float special[] = {0.0f,  -0.0f,  1,        -1,        2,   -2,   0.5f, -0.5f,    3,        -3,
                           1e30f, 1e-30f, INFINITY, -INFINITY, NAN, 7.5f, 2.5f, 16777216, 33554432, -1e30f};
  for (float a : special)
    for (float b : special) {
      x.push_back(a);
      y.push_back(b);
    }
  std::mt19937 random(1);
  std::uniform_real_distribution<float> base(0, 20), exponent(-30, 30);
  for (int i = 0; i < 200000; ++i) {
    x.push_back(base(random));
    y.push_back(exponent(random));
  }
  std::vector<float> powers = Kernel("%r = math.powf %x, %y : VECTOR", "f32", 8)(x, y);
  std::vector<float> rests = Kernel("%r = arith.remf %x, %y : VECTOR", "f32", 8)(x, y);
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    double error = ulpError<float, double>(powers[i], std::pow(double(x[i]), double(y[i])));
    EXPECT_LE(error, 1) << "pow(" << x[i] << ", " << y[i] << ") = " << powers[i];
    worst = std::fmax(worst, error);
    if (!(std::fabs(x[i] / y[i]) < 0x1p50))
      continue;
    float rest = std::fmod(x[i], y[i]);
    EXPECT_TRUE(rests[i] == rest || (std::isnan(rest) && std::isnan(rests[i])))
        << "fmod(" << x[i] << ", " << y[i] << ") = " << rests[i];
  }
  std::printf("math.powf      f32  %7.2f ulp\n", worst);

  std::vector<double> a(x.begin(), x.end()), b(y.begin(), y.end());
  std::vector<double> widePowers = Kernel("%r = math.powf %x, %y : VECTOR", "f64", 4)(a, b);
  for (size_t i = 0; i < a.size(); ++i) {
    double exact = std::pow(a[i], b[i]);
    if (std::isfinite(exact) && std::fabs(exact) >= std::numeric_limits<double>::min())
      EXPECT_NEAR(widePowers[i] / exact, 1, 1e-12) << "pow(" << a[i] << ", " << b[i] << ")";
  }
}

TEST(MathFunctions, DoubleToHalfRoundsOnce) {
  // Just above a tie of f16 (1 + 2^-11): rounding to f32 first would give the tie, and then the even neighbour.
  const std::vector<std::pair<double, double>> cases = {{1 + 0x1p-11 + 0x1p-40, 1 + 0x1p-10},
                                                        {1 + 0x1p-11, 1},
                                                        {1 + 0x3p-11 - 0x1p-40, 1 + 0x1p-10},
                                                        {65504, 65504},
                                                        {65519.9999999999, 65504},
                                                        {65520, HUGE_VAL},
                                                        {1e300, HUGE_VAL},
                                                        {-1e300, -HUGE_VAL},
                                                        {0x1p-25, 0},
                                                        {0x1.0000000001p-25, 0x1p-24},
                                                        {HUGE_VAL, HUGE_VAL}};
  std::vector<double> x;
  for (auto [value, rounded] : cases)
    x.push_back(value);
  Kernel kernel("%h = arith.truncf %x : VECTOR to vector<LANESxf16>\n"
                "%r = arith.extf %h : vector<LANESxf16> to VECTOR",
                "f64", 4);
  std::vector<double> results = kernel(x);
  for (size_t i = 0; i < x.size(); ++i)
    EXPECT_EQ(results[i], cases[i].second) << std::hexfloat << x[i];
}

TEST(MathFunctions, BrainFloatRoundsToEven) {
  const std::vector<float> x = {1, 1 + 0x1p-8, 1 + 0x3p-8, 1 + 0x1p-8 + 0x1p-20, 3.0e38f, INFINITY, -2.5f};
  const std::vector<float> expected = {1, 1, 1 + 0x1p-6, 1 + 0x1p-7, 0x1.c4p+127f, INFINITY, -2.5f};
  Kernel kernel("%h = arith.truncf %x : VECTOR to vector<LANESxbf16>\n"
                "%r = arith.extf %h : vector<LANESxbf16> to VECTOR",
                "f32", 8);
  EXPECT_EQ(kernel(x), expected);
}
