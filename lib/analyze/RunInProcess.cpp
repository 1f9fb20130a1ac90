// Links emitted objects into this process (LLVM JITLink) and calls the model: the same bytes that ship.
#include "lib/analyze/RunModel.h"
#include "lib/support/InternalError.h"
#include "nncc/abi.h"
#include "nncc/pool.h"
#include "nncc/vulkan.h"
#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/MapperJITLinkMemoryManager.h"
#include "llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h"
#include "llvm/ExecutionEngine/Orc/SelfExecutorProcessControl.h"
#include "llvm/Support/Alignment.h"
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>

using namespace nncc;
using llvm::Error;

static uint64_t nowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

namespace {
class InProcessModel : public RunnableModel {
public:
  static llvm::Expected<std::unique_ptr<RunnableModel>> load(ModelObjects objects, unsigned threads,
                                                             std::optional<uint32_t> vulkanDevice);
  ~InProcessModel() override {
    if (hasPool)
      nncc_pool_destroy(&pool);
    if (vulkan)
      nncc_vulkan_destroy(vulkan.get()); // the arena, too
    else
      std::free(arenaMemory);
    if (session)
      llvm::consumeError(session->endSession());
  }

  Error fillArena(uint8_t value) override {
    std::memset(arenaMemory, value, arena);
    return Error::success();
  }

private:
  llvm::Expected<std::vector<uint64_t>> runBound(Inputs inputs, Outputs outputs, unsigned runs) override {
    bind(inputs, outputs);
    std::vector<uint64_t> times(runs);
    for (uint64_t &time : times) {
      submissions.clear();
      uint64_t begin = nowNs();
      nncc_status status = model->run(context.data(), inputPointers.data(), outputPointers.data());
      time = nowNs() - begin;
      if (Error error = statusError("run", status))
        return error;
    }
    return times;
  }

  Error start(Inputs inputs, Outputs outputs) override {
    bind(inputs, outputs);
    return statusError("start", model->start(context.data(), inputPointers.data(), outputPointers.data()));
  }

  llvm::Expected<StepResult> stepOnce() override {
    uint64_t begin = nowNs();
    nncc_status status = model->step(context.data(), 1);
    uint64_t time = nowNs() - begin;
    if (status != NNCC_MORE)
      if (Error error = statusError("step", status))
        return error;
    return StepResult{status == NNCC_OK, time};
  }

  Error fetchOutputs(Outputs) override { return Error::success(); }

  llvm::Expected<llvm::SmallVector<char, 0>> readArena(uint64_t byteOffset, uint64_t bytes) override {
    const char *begin = static_cast<const char *>(arenaMemory) + byteOffset;
    return llvm::SmallVector<char, 0>(begin, begin + bytes);
  }

  /// Opens a device of Vulkan and takes the arena from it.
  Error openDevice(uint32_t number, nncc_options &options);

  /// The model works on the caller's memory. An empty tensor has no memory, but no null pointer either.
  void bind(Inputs inputs, Outputs outputs) {
    static uint64_t nothing;
    inputPointers.clear();
    outputPointers.clear();
    for (llvm::ArrayRef<char> input : inputs)
      inputPointers.push_back(input.empty() ? static_cast<const void *>(&nothing) : input.data());
    for (llvm::MutableArrayRef<char> output : outputs)
      outputPointers.push_back(output.empty() ? static_cast<void *>(&nothing) : output.data());
  }

  std::unique_ptr<llvm::orc::ExecutionSession> session;
  std::unique_ptr<llvm::orc::ObjectLinkingLayer> linker;
  const nncc_model *model = nullptr;
  nncc_pool pool;
  bool hasPool = false;
  std::unique_ptr<nncc_vulkan> vulkan; ///< null: the CPU runs everything
  std::vector<uint64_t> context;
  void *arenaMemory = nullptr;
  std::vector<const void *> inputPointers;
  std::vector<void *> outputPointers;
};
} // namespace

Error InProcessModel::openDevice(uint32_t number, nncc_options &options) {
  nncc_vulkan_options wanted = {};
  wanted.size = sizeof wanted;
  wanted.device_number = number;
  wanted.models = &model;
  wanted.num_models = 1;
  wanted.gpu_only = 1;
  // Software renderers take their time, and the first run of a model compiles its code there.
  wanted.timeout_ms = 10 * 60 * 1000;
  wanted.user = this;
  wanted.on_times = [](void *user, const nncc_vulkan_times *times) {
    static_cast<InProcessModel *>(user)->submissions.push_back(*times);
  };
  vulkan = std::make_unique<nncc_vulkan>();
  if (nncc_vulkan_create(vulkan.get(), &wanted) != NNCC_OK) {
    Error error = llvm::createStringError(std::string(nncc_vulkan_message(vulkan.get())) +
                                          "\nnote: vulkan:0, vulkan:1 ... are all devices of this machine, in the "
                                          "order of vulkaninfo --summary");
    nncc_vulkan_destroy(vulkan.get());
    vulkan.reset();
    return error;
  }
  gpu = nncc_vulkan_message(vulkan.get());
  options.device = nncc_vulkan_device(vulkan.get());
  arenaMemory = nncc_vulkan_allocate(vulkan.get(), std::max<uint64_t>(arena, 1));
  return Error::success();
}

llvm::Expected<std::unique_ptr<RunnableModel>> InProcessModel::load(ModelObjects objects, unsigned threads,
                                                                    std::optional<uint32_t> vulkanDevice) {
  using namespace llvm::orc;
  auto loaded = std::make_unique<InProcessModel>();
  auto process = SelfExecutorProcessControl::Create();
  if (!process)
    return process.takeError();
  loaded->session = std::make_unique<ExecutionSession>(std::move(*process));
  ExecutionSession &session = *loaded->session;
  session.setErrorReporter([](Error error) { llvm::consumeError(std::move(error)); }); // lookup() returns them too

  // One reservation for everything, since code reaches its weights relative to itself: within 2 GiB.
  uint64_t objectBytes = objects.code->getBufferSize() + (objects.weights ? objects.weights->getBufferSize() : 0);
  uint64_t reservation = llvm::alignTo(objectBytes + (16u << 20), 1u << 20);
  auto memory = MapperJITLinkMemoryManager::CreateWithMapper<InProcessMemoryMapper>(reservation);
  if (!memory)
    return memory.takeError();
  loaded->linker = std::make_unique<ObjectLinkingLayer>(session, std::move(*memory));

  JITDylib &library = session.createBareJITDylib(objects.name);
  // All that a model may need from outside.
  SymbolMap callable;
  auto flags = llvm::JITSymbolFlags::Exported | llvm::JITSymbolFlags::Callable;
  callable[session.intern("memcpy")] = {ExecutorAddr::fromPtr(&std::memcpy), flags};
  callable[session.intern("memmove")] = {ExecutorAddr::fromPtr(&std::memmove), flags};
  callable[session.intern("memset")] = {ExecutorAddr::fromPtr(&std::memset), flags};
  if (Error error = library.define(absoluteSymbols(std::move(callable))))
    return error;
  if (objects.weights)
    if (Error error = loaded->linker->add(library, std::move(objects.weights)))
      return error;
  if (Error error = loaded->linker->add(library, std::move(objects.code)))
    return error;
  auto symbol = session.lookup({&library}, session.intern(objects.name + "_model"));
  if (!symbol)
    return symbol.takeError();

  const nncc_model *model = symbol->getAddress().toPtr<const nncc_model *>();
  if (model->abi_version != NNCC_ABI_VERSION)
    return internalError("the model is of another ABI version");
  loaded->model = model;
  loaded->arena = model->arena_bytes;
  loaded->kernelCount = model->num_kernels;
  for (uint32_t i = 0; i < model->num_inputs; ++i)
    loaded->inputSizes.push_back(model->inputs[i].bytes);
  for (uint32_t i = 0; i < model->num_outputs; ++i)
    loaded->outputSizes.push_back(model->outputs[i].bytes);
  loaded->context.resize(llvm::divideCeil(model->context_bytes, sizeof(uint64_t)));
  nncc_options options = {};
  options.size = sizeof options;
  if (vulkanDevice) {
    if (Error error = loaded->openDevice(*vulkanDevice, options))
      return std::move(error);
  } else {
    loaded->arenaMemory = std::aligned_alloc(model->arena_align, llvm::alignTo(model->arena_bytes, model->arena_align));
  }
  if (!loaded->arenaMemory && model->arena_bytes)
    return llvm::createStringError(llvm::inconvertibleErrorCode(), "no memory for an arena of %llu bytes",
                                   static_cast<unsigned long long>(model->arena_bytes));
  if (threads > 1) {
    if (int error = nncc_pool_create(&loaded->pool, threads))
      return llvm::createStringError(std::error_code(error, std::generic_category()), "cannot start %u threads: %s",
                                     threads, std::strerror(error));
    loaded->hasPool = true;
    options.threads = threads;
    options.parallel_for = nncc_pool_parallel_for;
    options.user = &loaded->pool;
  }
  if (Error error =
          statusError("init", model->init(loaded->context.data(), loaded->arenaMemory, model->arena_bytes, &options)))
    return error;
  return loaded;
}

llvm::Expected<std::unique_ptr<RunnableModel>> nncc::loadInProcess(ModelObjects objects, unsigned threads,
                                                                   std::optional<uint32_t> vulkan) {
  return InProcessModel::load(std::move(objects), threads, vulkan);
}
