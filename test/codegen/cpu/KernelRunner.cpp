// A whole small compiler around one kernel; buffers end where memory ends, so that a read beyond them is a crash.
#include "test/codegen/cpu/KernelRunner.h"
#include "codegen/LowerToLLVM.h"
#include "codegen/ObjectCode.h"
#include "codegen/cpu/CpuPasses.h"
#include "codegen/cpu/Packing.h"
#include "codegen/gpu/GpuPasses.h"
#include "dialects/nn/BinaryKind.h"
#include "dialects/nn/ConstantData.h"
#include "dialects/nn/KernelForms.h"
#include "dialects/nn/NN.h"
#include "dialects/nn/Origin.h"
#include "dialects/nn/UnaryKind.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Passes.h"
#include "passes/lower/ScalarMath.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/TargetSelect.h"
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;
using namespace nncc;
using namespace nncc::test;

std::string KernelCase::text() const {
  std::string arguments, values, types, blockArguments;
  for (auto [i, type] : llvm::enumerate(inputs)) {
    std::string comma = i ? ", " : "", number = std::to_string(i);
    arguments += comma + "%x" + number + ": " + type;
    values += comma + "%x" + number;
    types += comma + type;
    blockArguments += comma + "%" + number + ": " + type;
  }
  return "module attributes {nn.machines = {cpu0 = " + machine + "}} {\nfunc.func @main(" + arguments + ") -> " +
         outputType + " {\n%r = nn.kernel \"k\" ins(" + values + " : " + types + ") {\n^bb0(" + blockArguments +
         "):\n" + body + "\nnn.yield " + yielded + " : " + outputType + "\n} -> " + outputType +
         "\nreturn %r : " + outputType + "\n}\n}\n";
}

namespace {

/// A tensor in double precision.
struct Tensor {
  SmallVector<int64_t> shape;
  std::vector<double> data;
  explicit Tensor(ArrayRef<int64_t> shape = {}) : shape(shape) {
    int64_t size = 1;
    for (int64_t dim : shape)
      size *= dim;
    data.resize(size);
  }
  double at(int64_t n, int64_t h, int64_t w, int64_t c) const {
    return data[((n * shape[1] + h) * shape[2] + w) * shape[3] + c];
  }
  double &at(int64_t n, int64_t h, int64_t w, int64_t c) {
    return data[((n * shape[1] + h) * shape[2] + w) * shape[3] + c];
  }
  /// The element that broadcasting puts at linear index `index` of `of`.
  double broadcast(int64_t index, ArrayRef<int64_t> of) const {
    int64_t offset = 0, stride = 1;
    for (int64_t dim = of.size() - 1; dim >= 0; --dim) {
      if (shape[dim] != 1)
        offset += index % of[dim] * stride;
      stride *= shape[dim];
      index /= of[dim];
    }
    return data[offset];
  }
};

double unary(nn::UnaryOp op, double x) {
  double a = op.getAlpha().convertToDouble(), b = op.getBeta().convertToDouble();
  switch (op.getKind()) {
  case nn::UnaryKind::relu:
    return std::max(x, 0.0);
  case nn::UnaryKind::clip:
    return std::min(std::max(x, a), b);
  case nn::UnaryKind::leaky_relu:
    return x < 0 ? a * x : x;
  case nn::UnaryKind::hard_swish:
    return x * std::max(0.0, std::min(1.0, x / 6 + 0.5));
  case nn::UnaryKind::sigmoid:
    return 1 / (1 + std::exp(-x));
  case nn::UnaryKind::silu:
    return x / (1 + std::exp(-x));
  case nn::UnaryKind::tanh:
    return std::tanh(x);
  case nn::UnaryKind::gelu:
    return x * (1 + std::erf(x / std::sqrt(2.0))) / 2;
  default:
    llvm_unreachable("the reference does not know this function");
  }
}

double binary(nn::BinaryKind kind, double x, double y) {
  switch (kind) {
  case nn::BinaryKind::add:
    return x + y;
  case nn::BinaryKind::sub:
    return x - y;
  case nn::BinaryKind::mul:
    return x * y;
  case nn::BinaryKind::prelu:
    return x < 0 ? x * y : x;
  case nn::BinaryKind::less:
    return x < y;
  default:
    llvm_unreachable("the reference does not know this function");
  }
}

/// What the ops of nn mean, by their definitions.
class Reference {
public:
  explicit Reference(nn::KernelOp kernel, ArrayRef<Tensor> inputs) {
    Block &body = kernel.getBody().front();
    for (auto [argument, tensor] : llvm::zip(body.getArguments(), inputs))
      values[argument] = tensor;
    for (Operation &op : body.without_terminator())
      values[op.getResult(0)] = compute(&op);
    result = values[kernel.getYielded().front()];
  }
  Tensor result;

private:
  DenseMap<Value, Tensor> values;

  Tensor compute(Operation *op) {
    Tensor out(cast<RankedTensorType>(op->getResult(0).getType()).getShape());
    auto get = [&](Value value) -> const Tensor & { return values[value]; };
    if (auto constant = dyn_cast<nn::ConstantOp>(op)) {
      auto reader = nn::ConstantReader::get(constant.getValue());
      for (int64_t i = 0; i < (int64_t)out.data.size(); ++i)
        out.data[i] = reader->getFloat(i);
    } else if (auto conv = dyn_cast<nn::Conv2DOp>(op)) {
      convolve(conv, centered(conv.getInput(), conv.getInputZeroPoint()), get(conv.getFilter()), out);
      addBias(conv.getBias(), out);
    } else if (auto conv = dyn_cast<nn::ConvTranspose2DOp>(op)) {
      scatter(conv, centered(conv.getInput(), conv.getInputZeroPoint()), get(conv.getFilter()), out);
      addBias(conv.getBias(), out);
    } else if (auto matmul = dyn_cast<nn::MatMulOp>(op)) {
      multiply(matmul, centered(matmul.getLhs(), matmul.getLhsZeroPoint()), get(matmul.getRhs()), out);
      addBias(matmul.getBias(), out);
    } else if (auto pool = dyn_cast<nn::Pool2DOp>(op)) {
      slide(pool, get(pool.getInput()), out);
    } else {
      for (int64_t i = 0; i < (int64_t)out.data.size(); ++i) {
        auto x = [&](unsigned operand) { return get(op->getOperand(operand)).broadcast(i, out.shape); };
        if (auto unaryOp = dyn_cast<nn::UnaryOp>(op))
          out.data[i] = unary(unaryOp, x(0));
        else if (auto binaryOp = dyn_cast<nn::BinaryOp>(op))
          out.data[i] = binary(binaryOp.getKind(), x(0), x(1));
        else if (auto requantize = dyn_cast<nn::RequantizeOp>(op))
          out.data[i] = quantized(float(x(0)) * float(x(1)), x(2), requantize.getType().getElementType());
        else if (isa<nn::CastOp>(op))
          out.data[i] = x(0);
        else
          out.data[i] = x(0) != 0 ? x(1) : x(2);
      }
    }
    return out;
  }

  /// An operand less its zero point. That of weights is 0.
  Tensor centered(Value value, Value zero) {
    Tensor tensor = values[value];
    if (zero)
      for (double &number : tensor.data)
        number -= values[zero].data[0];
    return tensor;
  }

  static double quantized(float steps, double zero, Type type) {
    double low = type.isUnsignedInteger() ? 0 : -128;
    return std::clamp(std::nearbyint(steps) + zero, low, low + 255);
  }

  void addBias(Value bias, Tensor &out) {
    if (bias)
      for (size_t i = 0; i < out.data.size(); ++i)
        out.data[i] += values[bias].data[i % out.shape.back()];
  }

  static void convolve(nn::Conv2DOp op, const Tensor &x, const Tensor &w, Tensor &y) {
    int64_t perGroup = w.shape[3], outputs = y.shape[3] / op.getGroups();
    auto s = op.getStrides(), p = op.getPads(), d = op.getDilations();
    for (int64_t n = 0; n < y.shape[0]; ++n)
      for (int64_t h = 0; h < y.shape[1]; ++h)
        for (int64_t v = 0; v < y.shape[2]; ++v)
          for (int64_t o = 0; o < y.shape[3]; ++o)
            for (int64_t kh = 0; kh < w.shape[1]; ++kh)
              for (int64_t kw = 0; kw < w.shape[2]; ++kw) {
                int64_t ih = h * s[0] - p[0] + kh * d[0], iw = v * s[1] - p[1] + kw * d[1];
                if (ih < 0 || iw < 0 || ih >= x.shape[1] || iw >= x.shape[2])
                  continue;
                for (int64_t c = 0; c < perGroup; ++c)
                  y.at(n, h, v, o) += x.at(n, ih, iw, o / outputs * perGroup + c) * w.at(o, kh, kw, c);
              }
  }

  static void scatter(nn::ConvTranspose2DOp op, const Tensor &x, const Tensor &w, Tensor &y) {
    int64_t perGroup = w.shape[3], outputs = y.shape[3] / op.getGroups();
    auto s = op.getStrides(), p = op.getPads(), d = op.getDilations();
    for (int64_t n = 0; n < x.shape[0]; ++n)
      for (int64_t h = 0; h < x.shape[1]; ++h)
        for (int64_t v = 0; v < x.shape[2]; ++v)
          for (int64_t o = 0; o < y.shape[3]; ++o)
            for (int64_t kh = 0; kh < w.shape[1]; ++kh)
              for (int64_t kw = 0; kw < w.shape[2]; ++kw) {
                int64_t oh = h * s[0] - p[0] + kh * d[0], ow = v * s[1] - p[1] + kw * d[1];
                if (oh < 0 || ow < 0 || oh >= y.shape[1] || ow >= y.shape[2])
                  continue;
                for (int64_t c = 0; c < perGroup; ++c)
                  y.at(n, oh, ow, o) += x.at(n, h, v, o / outputs * perGroup + c) * w.at(o, kh, kw, c);
              }
  }

  static void multiply(nn::MatMulOp op, const Tensor &a, const Tensor &b, Tensor &y) {
    int64_t rank = y.shape.size(), m = y.shape[rank - 2], n = y.shape[rank - 1], k = a.shape[rank - 1];
    int64_t batches = y.data.size() / (m * n);
    auto start = [&](const Tensor &t, int64_t batch) {
      int64_t offset = 0, stride = t.shape[rank - 1] * t.shape[rank - 2];
      for (int64_t dim = rank - 3; dim >= 0; --dim) {
        if (t.shape[dim] != 1)
          offset += batch % y.shape[dim] * stride;
        stride *= t.shape[dim];
        batch /= y.shape[dim];
      }
      return offset;
    };
    for (int64_t batch = 0; batch < batches; ++batch) {
      const double *x = a.data.data() + start(a, batch), *w = b.data.data() + start(b, batch);
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (int64_t l = 0; l < k; ++l)
            sum += x[i * k + l] * (op.getTransposeB() ? w[j * k + l] : w[l * n + j]);
          y.data[(batch * m + i) * n + j] = sum;
        }
    }
  }

  static void slide(nn::Pool2DOp op, const Tensor &x, Tensor &y) {
    auto s = op.getStrides(), p = op.getPads(), d = op.getDilations(), k = op.getKernel();
    for (int64_t n = 0; n < y.shape[0]; ++n)
      for (int64_t h = 0; h < y.shape[1]; ++h)
        for (int64_t v = 0; v < y.shape[2]; ++v)
          for (int64_t c = 0; c < y.shape[3]; ++c) {
            double best = -INFINITY, sum = 0, squares = 0;
            int64_t inside = 0, padded = 0;
            for (int64_t kh = 0; kh < k[0]; ++kh)
              for (int64_t kw = 0; kw < k[1]; ++kw) {
                int64_t ih = h * s[0] - p[0] + kh * d[0], iw = v * s[1] - p[1] + kw * d[1];
                padded += ih < x.shape[1] + p[2] && iw < x.shape[2] + p[3];
                if (ih < 0 || iw < 0 || ih >= x.shape[1] || iw >= x.shape[2])
                  continue;
                double value = x.at(n, ih, iw, c);
                best = std::max(best, value);
                sum += value;
                squares += value * value;
                ++inside;
              }
            y.at(n, h, v, c) = op.getKind() == nn::PoolKind::max  ? best
                               : op.getKind() == nn::PoolKind::l2 ? std::sqrt(squares)
                                                                  : sum / (op.getCountIncludePad() ? padded : inside);
          }
  }
};

/// Memory whose last byte is the last of a page that is followed by none.
class GuardedBuffer {
public:
  explicit GuardedBuffer(size_t bytes) : bytes(bytes) {
    size_t page = sysconf(_SC_PAGESIZE);
    mapped = (bytes + page - 1) / page * page + page;
    base = static_cast<char *>(mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base + mapped - page, page, PROT_NONE);
    start = base + mapped - page - bytes;
    std::memset(base, 0xff, mapped - page); // NaN in every float type
  }
  GuardedBuffer(const GuardedBuffer &) = delete;
  ~GuardedBuffer() { munmap(base, mapped); }
  char *start;
  size_t bytes;

private:
  char *base;
  size_t mapped;
};

/// Row-major strides with `pitch` unused elements behind the innermost dim.
SmallVector<int64_t> stridesOf(ArrayRef<int64_t> shape, int64_t pitch) {
  SmallVector<int64_t> strides(shape.size(), 1);
  int64_t step = shape.empty() ? 1 : shape.back() + pitch;
  for (int64_t dim = (int64_t)shape.size() - 2; dim >= 0; --dim) {
    strides[dim] = step;
    step *= shape[dim];
  }
  return strides;
}

/// Calls `visit(linear index, offset in elements)` for all elements.
void forEachElement(ArrayRef<int64_t> shape, ArrayRef<int64_t> strides,
                    llvm::function_ref<void(int64_t, int64_t)> visit) {
  int64_t size = 1;
  for (int64_t dim : shape)
    size *= dim;
  for (int64_t i = 0; i < size; ++i) {
    int64_t offset = 0, rest = i;
    for (int64_t dim = (int64_t)shape.size() - 1; dim >= 0; --dim) {
      offset += rest % shape[dim] * strides[dim];
      rest /= shape[dim];
    }
    visit(i, offset);
  }
}

double tolerance(Type element) {
  if (isa<IntegerType>(element))
    return 0;
  // Sums in f32; f16 and bf16 round the result.
  return element.isF16() ? 2e-3 : element.isBF16() ? 2e-2 : 2e-5;
}

/// What a GPU runs in threads, as loops: its L2.
void addGpuLowering(PassManager &passes) {
  passes.addPass(createEmitTiles());
  passes.addPass(createLowerToLoops());
  OpPassManager &functions = passes.nest<func::FuncOp>();
  functions.addPass(createVectorizeLoops());
  functions.addPass(createNarrowVectors());
  functions.addPass(createPairDoubles());
}

} // namespace

bool nncc::test::canRun(const std::string &cpu) {
  auto target = parseTarget("", cpu);
  if (!target) {
    llvm::consumeError(target.takeError());
    return false;
  }
  return target->architecture->canRun(target->cpu);
}

Outcome nncc::test::runKernel(const KernelCase &kernelCase,
                              llvm::function_ref<void(llvm::function_ref<void()>)> measure) {
  static bool initialized = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    return true;
  }();
  (void)initialized;
  Outcome outcome;
  auto fail = [&](const Twine &message) {
    outcome.error = (message + "\n" + kernelCase.text()).str();
    return outcome;
  };

  DialectRegistry registry;
  registry.insert<nn::NNDialect, affine::AffineDialect, arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect,
                  LLVM::LLVMDialect, math::MathDialect, memref::MemRefDialect, scf::SCFDialect, ub::UBDialect,
                  vector::VectorDialect>();
  registerLLVMTranslation(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  auto module = parseSourceString<ModuleOp>(kernelCase.text(), &context);
  if (!module)
    return fail("does not parse");
  auto main = module->lookupSymbol<func::FuncOp>("main");
  nn::KernelOp kernel = *main.getOps<nn::KernelOp>().begin();

  // Random inputs; constants become nn.constant.
  std::mt19937_64 random(kernelCase.seed);
  std::uniform_real_distribution<double> uniform(-1, 1);
  SmallVector<Tensor> tensors;
  SmallVector<ElementsAttr> elements;
  OpBuilder builder(kernel);
  for (auto [i, input] : llvm::enumerate(kernel.getInputs())) {
    auto type = cast<RankedTensorType>(input.getType());
    nn::ConstantBuilder values(type);
    bool isInteger = isa<IntegerType>(type.getElementType());
    // Winograd's form errs by its planes, and the bound is of the outputs: a clip behind large sums would hide these.
    bool isFilter = kernelCase.form == "winograd" && i == 1;
    double reach = isFilter ? 1 / std::sqrt((double)type.getNumElements() / (double)type.getDimSize(0)) : 1;
    auto byte = [&]() -> int64_t {
      if (kernelCase.oneInLarge && i == 1)
        return random() % kernelCase.oneInLarge ? static_cast<int64_t>(random() % 63) - 31
                                                : 127 + static_cast<int64_t>(random() % 2);
      if (kernelCase.ofExtremes)
        return (type.getElementType().isUnsignedInteger() ? 0 : 128) + (random() % 2 ? 255 : 0);
      return static_cast<int64_t>(random() % 256);
    };
    for (int64_t j = 0; j < type.getNumElements(); ++j)
      isInteger ? values.setInteger(j, llvm::is_contained(kernelCase.zeros, i) ? 0
                                       : type.getElementType().isInteger(1)    ? random() % 2
                                       : type.getElementType().isInteger(8)    ? byte()
                                                                               : random() % 100)
                : values.setFloat(j, reach * uniform(random));
    elements.push_back(values.finish("w"));
    auto reader = nn::ConstantReader::get(elements.back());
    Tensor tensor(type.getShape());
    for (int64_t j = 0; j < type.getNumElements(); ++j)
      tensor.data[j] = reader->getFloat(j);
    tensors.push_back(tensor);
    if (kernelCase.constants[i])
      kernel.setOperand(i, nn::ConstantOp::create(builder, kernel.getLoc(), elements.back()));
  }
  Reference reference(kernel, tensors);

  PassManager pack(&context);
  pack.addPass(createPackWeights());
  ChooseFormsOptions forms;
  forms.form = kernelCase.form;
  pack.addPass(createChooseForms(forms));
  if (failed(pack.run(*module)))
    return fail("packing failed");
  for (auto [i, input] : llvm::enumerate(kernel.getInputs()))
    if (auto constant = input.getDefiningOp<nn::ConstantOp>())
      elements[i] = constant.getValue(); // which packing may have made anew: biases with zero points in them

  // What memory planning and outlining do.
  SmallVector<Type> memories;
  SmallVector<SmallVector<int64_t>> strides;
  auto packings = kernel->getAttrOfType<ArrayAttr>(cpu::kPackingsAttr);
  auto packingOf = [&](size_t i) {
    return packings && i < packings.size() ? dyn_cast<nn::PackingAttr>(packings[i]) : nullptr;
  };
  auto pitchOf = [&](size_t i) { return i < kernelCase.pitch.size() ? kernelCase.pitch[i] : 0; };
  auto addMemory = [&](RankedTensorType type, size_t i) {
    strides.push_back(stridesOf(type.getShape(), pitchOf(i)));
    memories.push_back(MemRefType::get(type.getShape(), memoryType(type.getElementType()),
                                       StridedLayoutAttr::get(&context, 0, strides.back())));
  };
  for (auto [i, input] : llvm::enumerate(kernel.getInputs())) {
    if (auto packing = packingOf(i)) {
      strides.push_back({1});
      memories.push_back(MemRefType::get({cpu::packedBytes(packing)}, builder.getI8Type()));
    } else {
      addMemory(cast<RankedTensorType>(input.getType()), i);
    }
  }
  auto outputType = cast<RankedTensorType>(kernel.getResult(0).getType());
  const size_t output = kernelCase.inputs.size();
  addMemory(outputType, output);
  if (auto scratch = kernel->getAttrOfType<IntegerAttr>("nn.scratch_bytes")) {
    strides.push_back({1});
    memories.push_back(MemRefType::get({scratch.getInt()}, builder.getI8Type()));
  }
  builder.setInsertionPointToEnd(module->getBody());
  auto function = func::FuncOp::create(builder, kernel.getLoc(), "k", builder.getFunctionType(memories, {}));
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToEnd(body);
  auto planned = nn::KernelOp::create(builder, kernel.getLoc(), TypeRange(), kernel.getNameAttr(),
                                      body->getArguments().take_front(output), body->getArgument(output),
                                      memories.size() > output + 1 ? body->getArgument(output + 1) : Value(),
                                      kernel.getDeviceAttr(), kernel.getNodesAttr());
  planned.getBody().takeBody(kernel.getBody());
  if (packings)
    planned->setAttr(cpu::kPackingsAttr, packings);
  if (Attribute form = kernel->getAttr(nn::kFormAttr))
    planned->setAttr(nn::kFormAttr, form);
  else if (kernelCase.form != "direct")
    return fail("has not the form that was asked for");
  func::ReturnOp::create(builder, kernel.getLoc());
  for (unsigned i = 0; i < memories.size(); ++i)
    if (kernelCase.inPlace < 0 || (i != (unsigned)kernelCase.inPlace && i != output))
      function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), builder.getUnitAttr());
  main.erase();
  if (failed(mlir::verify(*module)))
    return fail("the planned kernel is not valid");

  PassManager emit(&context);
  if (kernelCase.gpu.empty()) {
    emit.addPass(createEmitContractions());
  } else {
    Attribute gpu = parseAttribute(kernelCase.gpu, &context);
    module->getOperation()->setAttr(nn::kMachinesAttr, builder.getDictionaryAttr(builder.getNamedAttr("gpu0", gpu)));
    planned.removeDeviceAttr();
    addGpuLowering(emit);
  }
  if (failed(emit.run(*module)))
    return fail("emission failed");
  if (function->hasAttr(nn::kRefusedAttr)) {
    outcome.isRefused = true;
    return outcome;
  }
  if (!function.getOps<nn::KernelOp>().empty()) {
    outcome.isRefused = true;
    return outcome;
  }
  bool dumps = std::getenv("NNCC_TEST_DUMP") != nullptr;
  if (dumps)
    module->dump();

  auto target = parseTarget("", kernelCase.cpu);
  if (!target)
    return fail(llvm::toString(target.takeError()));
  llvm::LLVMContext llvmContext;
  auto code = lowerToLLVM(*module, *target, llvmContext);
  if (failed(code))
    return fail("lowering failed");
  (*code)->getFunction("k")->setLinkage(llvm::GlobalValue::ExternalLinkage);
  ObjectOptions options;
  auto object = compileToObject(**code, *target, options);
  if (!object)
    return fail(llvm::toString(object.takeError()));

  auto jit = llvm::cantFail(llvm::orc::LLJITBuilder().create());
  llvm::cantFail(jit->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy({object->data(), object->size()})));
  auto address = jit->lookup("k");
  if (!address)
    return fail(llvm::toString(address.takeError()));
  using Pointer = void *;
  auto entry = address->toPtr<void (*)(Pointer, Pointer, Pointer, Pointer, Pointer, Pointer, Pointer, Pointer)>();

  // Buffers.
  std::vector<std::unique_ptr<GuardedBuffer>> buffers;
  SmallVector<Pointer> pointers(8, nullptr);
  for (auto [i, memory] : llvm::enumerate(memories)) {
    auto type = cast<MemRefType>(memory);
    int64_t bytes = nn::constantElementBytes(type.getElementType()), extent = 1;
    for (auto [size, stride] : llvm::zip(type.getShape(), strides[i]))
      extent += (size - 1) * stride;
    if (i == output && kernelCase.inPlace >= 0) {
      pointers[i] = pointers[kernelCase.inPlace];
      continue;
    }
    buffers.push_back(std::make_unique<GuardedBuffer>(extent * bytes));
    char *start = buffers.back()->start;
    pointers[i] = start;
    if (i >= output)
      continue;
    if (auto packing = packingOf(i)) {
      std::string packed;
      llvm::raw_string_ostream stream(packed);
      if (llvm::Error error = cpu::writePacked(elements[i], packing, stream))
        return fail(llvm::toString(std::move(error)));
      if ((int64_t)packed.size() != cpu::packedBytes(packing))
        return fail("packed size is not what the recipe says");
      std::memcpy(start, packed.data(), packed.size());
      continue;
    }
    auto reader = nn::ConstantReader::get(elements[i]);
    forEachElement(type.getShape(), strides[i], [&](int64_t index, int64_t offset) {
      std::memcpy(start + offset * bytes, reader->at(index), bytes);
    });
  }
  auto run = [&] {
    entry(pointers[0], pointers[1], pointers[2], pointers[3], pointers[4], pointers[5], pointers[6], pointers[7]);
  };
  run();

  // Compare, and look whether the gaps between pixels are what they were.
  auto type = cast<MemRefType>(memories[output]);
  const char *result = static_cast<char *>(pointers[output]);
  nn::ConstantBuilder got(outputType);
  int64_t bytes = nn::constantElementBytes(outputType.getElementType());
  std::vector<bool> isElement;
  forEachElement(type.getShape(), strides[output], [&](int64_t index, int64_t offset) {
    std::memcpy(got.at(index), result + offset * bytes, bytes);
    if (offset >= (int64_t)isElement.size())
      isElement.resize(offset + 1);
    isElement[offset] = true;
  });
  if (kernelCase.inPlace < 0)
    for (size_t i = 0; i < isElement.size(); ++i)
      for (int64_t byte = 0; byte < bytes; ++byte)
        if (!isElement[i] && (unsigned char)result[i * bytes + byte] != 0xff)
          return fail("writes between pixels, at element " + Twine(i));
  auto reader = nn::ConstantReader::get(got.finish("r"));
  double largest = 0, worst = 0;
  int64_t where = 0;
  for (int64_t i = 0; i < outputType.getNumElements(); ++i) {
    double want = reference.result.data[i], have = reader->getFloat(i), error = std::abs(want - have);
    largest = std::max(largest, std::abs(want));
    if (!(error <= worst)) { // NaN too
      worst = error;
      where = i;
      if (std::isnan(error))
        break;
    }
  }
  if (!(worst <= tolerance(outputType.getElementType()) * std::max(largest, 1e-3)))
    return fail("element " + Twine(where) + " is " + std::to_string(reader->getFloat(where)) + ", expected " +
                std::to_string(reference.result.data[where]));

  if (measure)
    measure(run);
  return outcome;
}
