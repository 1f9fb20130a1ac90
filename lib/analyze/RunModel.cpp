// What running a model in process and under an emulator have in common.
#include "lib/analyze/RunModel.h"
#include "lib/support/InternalError.h"
#include "nncc/runtime.h"

using namespace nncc;
using llvm::Error;

Error nncc::statusError(llvm::StringRef what, uint64_t status) {
  if (status == NNCC_OK)
    return Error::success();
  return internalError(what + " returned status " + llvm::Twine(status) + ": " +
                       nncc_status_string(static_cast<nncc_status>(status)));
}

Error RunnableModel::checkBuffers(Inputs inputs, Outputs outputs) const {
  auto check = [](llvm::StringRef what, auto buffers, llvm::ArrayRef<uint64_t> sizes) -> Error {
    if (buffers.size() != sizes.size())
      return internalError("the model has " + llvm::Twine(sizes.size()) + " " + what + "s, given were " +
                           llvm::Twine(buffers.size()));
    for (auto [index, buffer] : llvm::enumerate(buffers))
      if (buffer.size() != sizes[index])
        return internalError(what + " " + llvm::Twine(index) + " has " + llvm::Twine(sizes[index]) +
                             " bytes, given were " + llvm::Twine(buffer.size()));
    return Error::success();
  };
  if (Error error = check("input", inputs, inputSizes))
    return error;
  return check("output", outputs, outputSizes);
}

llvm::Expected<std::vector<uint64_t>> RunnableModel::run(Inputs inputs, Outputs outputs, unsigned runs) {
  if (Error error = checkBuffers(inputs, outputs))
    return error;
  return runBound(inputs, outputs, runs);
}

Error RunnableModel::step(Inputs inputs, Outputs outputs,
                          llvm::function_ref<Error(unsigned, uint64_t, Reader)> afterKernel) {
  if (Error error = checkBuffers(inputs, outputs))
    return error;
  if (Error error = start(inputs, outputs))
    return error;
  auto read = [&](Memory memory, unsigned index, uint64_t byteOffset,
                  uint64_t bytes) -> llvm::Expected<llvm::SmallVector<char, 0>> {
    if (memory == Memory::Arena && byteOffset <= arena && bytes <= arena - byteOffset)
      return readArena(byteOffset, bytes);
    if (memory == Memory::Output && index < outputs.size() && byteOffset <= outputs[index].size() &&
        bytes <= outputs[index].size() - byteOffset) {
      if (Error error = fetchOutputs(outputs))
        return error;
      const char *begin = outputs[index].data() + byteOffset;
      return llvm::SmallVector<char, 0>(begin, begin + bytes);
    }
    return internalError("no such memory to read");
  };
  for (unsigned kernel = 0; kernel < kernelCount; ++kernel) {
    auto result = stepOnce();
    if (!result)
      return result.takeError();
    if (result->isLast != (kernel + 1 == kernelCount))
      return internalError("the model ended with kernel " + llvm::Twine(kernel) + " of " + llvm::Twine(kernelCount));
    if (Error error = afterKernel(kernel, result->timeNs, read))
      return error;
  }
  return fetchOutputs(outputs);
}

llvm::Expected<std::unique_ptr<RunnableModel>> nncc::loadModel(ModelObjects objects, const TargetSpec &target,
                                                               unsigned threads, std::optional<uint32_t> vulkan) {
  if (!target.isHost() && threads > 1)
    return llvm::createStringError(target.name +
                                   " code runs on one thread here, under an emulator\nnote: leave out --threads");
  if (!target.isHost())
    return loadUnderEmulator(std::move(objects), target);
  if (!target.architecture->canRun(target.cpu))
    return llvm::createStringError("this machine cannot run code for " + llvm::Twine(target.cpu.name) +
                                   "\nnote: --cpu=native is what it can run");
  return loadInProcess(std::move(objects), threads, vulkan);
}
