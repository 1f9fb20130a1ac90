// A made-up model of four kernels in LLVM IR, to test emission without the rest
// of the compiler, and the smallest way from a module to an object.
#include "test/codegen/emit/TinyModel.h"
#include "codegen/ObjectCode.h"
#include "mlir/IR/Builders.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace nncc::test {

// The kernels are external and may be called anything: emission makes them
// internal. The unused global must not become visible either.
static const char *const kernels = R"(
@table = constant [2 x float] [float 1.0, float 2.0]
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

define void @k000_scale(ptr %x, ptr %w, ptr %count, ptr %out) {
entry:
  %n = load i64, ptr %count
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %px = getelementptr float, ptr %x, i64 %i
  %pw = getelementptr float, ptr %w, i64 %i
  %po = getelementptr float, ptr %out, i64 %i
  %a = load float, ptr %px
  %b = load float, ptr %pw
  %c = fmul float %a, %b
  store float %c, ptr %po
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %done
done:
  ret void
}

; Takes the range of its work: elements.
define void @k001_copy(ptr %in, ptr %count, ptr %out, i64 %begin, i64 %end) {
  %n = sub i64 %end, %begin
  %bytes = mul i64 %n, 4
  %from = getelementptr float, ptr %in, i64 %begin
  %to = getelementptr float, ptr %out, i64 %begin
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %bytes, i1 false)
  ret void
}

define void @k002_sum(ptr %in, ptr %bias, ptr %out) {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %sum = phi float [ 0.0, %entry ], [ %added, %loop ]
  %p = getelementptr float, ptr %in, i64 %i
  %v = load float, ptr %p
  %added = fadd float %sum, %v
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, 64
  br i1 %more, label %loop, label %store
store:
  %j = phi i64 [ 0, %loop ], [ %jnext, %store ]
  %pb = getelementptr float, ptr %bias, i64 %j
  %po = getelementptr float, ptr %out, i64 %j
  %b = load float, ptr %pb
  %r = fadd float %added, %b
  store float %r, ptr %po
  %jnext = add i64 %j, 1
  %jmore = icmp ult i64 %jnext, 10
  br i1 %jmore, label %store, label %done
done:
  ret void
}
)";

float tinyResult(const float *x, int j) {
  float sum = 0;
  for (int i = 0; i < 64; ++i)
    sum += x[i] * float(i + 1);
  return (sum + float(j * j)) * 0.5f;
}

ModelPlan tinyPlan(mlir::MLIRContext &context, StringRef name, StringRef target, int64_t extraWeightBytes) {
  mlir::Builder builder(&context);
  mlir::Type f32 = builder.getF32Type(), i64 = builder.getI64Type();
  ModelPlan plan;
  plan.name = name.str();
  plan.sourceHash = std::string(64, '0');
  plan.target = target.str();
  plan.cpu = target.starts_with("x86_64") ? "x86-64-v3" : "generic";
  plan.inputs = {{"image:0", "image_0", f32, {1, 64}}};
  plan.outputs = {{"scores", "scores", f32, {10}}};

  auto addWeight = [&](StringRef weightName, mlir::ElementsAttr value, int64_t bytes) -> OperandPlan {
    int64_t at = (plan.weightsBytes + 63) / 64 * 64;
    plan.weights.push_back({weightName.str(), value, nullptr, at, bytes});
    plan.weightsBytes = at + bytes;
    return {Memory::Weights, 0, at, bytes, false};
  };
  SmallVector<float> w, b;
  for (int i = 0; i < 64; ++i)
    w.push_back(i + 1);
  for (int j = 0; j < 10; ++j)
    b.push_back(j * j);
  auto tensor = [](int64_t n, mlir::Type type) { return mlir::RankedTensorType::get({n}, type); };
  OperandPlan scale = addWeight("w", mlir::DenseElementsAttr::get(tensor(64, f32), ArrayRef(w)), 256);
  OperandPlan bias = addWeight("b", mlir::DenseElementsAttr::get(tensor(10, f32), ArrayRef(b)), 40);
  OperandPlan half = addWeight("v", mlir::DenseElementsAttr::get(tensor(10, f32), 0.5f), 40);
  OperandPlan count64 = addWeight("n64", mlir::DenseElementsAttr::get(tensor(1, i64), int64_t(64)), 8);
  OperandPlan count10 = addWeight("n10", mlir::DenseElementsAttr::get(tensor(1, i64), int64_t(10)), 8);
  if (extraWeightBytes)
    addWeight("extra", mlir::DenseElementsAttr::get(tensor(extraWeightBytes, builder.getI8Type()), int8_t(7)),
              extraWeightBytes);

  OperandPlan x{Memory::Input, 0, 0, 256, false};
  OperandPlan y{Memory::Output, 0, 0, 40, true};
  OperandPlan h{Memory::Arena, 0, 0, 256, true};
  OperandPlan g{Memory::Arena, 0, 256, 256, true};
  auto addKernel = [&](StringRef kernelName, StringRef function, StringRef node, std::vector<OperandPlan> operands) {
    KernelPlan kernel;
    kernel.name = kernelName.str();
    kernel.function = function.str();
    kernel.nodes = {node.str()};
    kernel.op = "elementwise";
    kernel.operands = std::move(operands);
    plan.kernels.push_back(kernel);
  };
  addKernel("k000_scale", "k000_scale", "Mul/1", {x, scale, count64, h});
  addKernel("k001_copy", "k001_copy", "Identity", {h, count64, g});
  addKernel("k002_sum", "k002_sum", "ReduceSum", {g, bias, y});
  addKernel("k003_scale", "k000_scale", "Mul/2", {y, half, count10, y});
  plan.kernels[0].macs = 64;
  plan.kernels[1].work = 64;
  plan.kernels[1].parts = 8;
  plan.arena = {{"h", 0, 256, 0, 1}, {"g", 256, 256, 1, 2}};
  plan.arenaBytes = plan.arenaLowerBound = 512;
  plan.peakKernel = 1;
  return plan;
}

std::unique_ptr<Module> tinyModule(LLVMContext &context, const ModelPlan &plan) {
  SMDiagnostic diagnostic;
  std::unique_ptr<Module> module = parseAssemblyString(kernels, diagnostic, context);
  if (!module) {
    diagnostic.print("tiny model", errs());
    return nullptr;
  }
  return module;
}

ObjectCompiler tinyCompiler(const ModelPlan &plan) {
  return [&plan](Module &module) -> Expected<SmallVector<char, 0>> {
    Expected<TargetSpec> target = parseTarget(plan.target, plan.cpu);
    if (!target)
      return target.takeError();
    return nncc::compileToObject(module, *target);
  };
}

} // namespace nncc::test
