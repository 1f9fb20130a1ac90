// Runs a model of another architecture under an emulator: links it with the loader (runtime/loader) into a program
// and talks to that over a socket, so that one start serves any number of inputs.
#include "codegen/emit/SharedLibrary.h"
#include "lib/analyze/ChildProcess.h"
#include "lib/analyze/LoaderObject.h"
#include "lib/analyze/RunModel.h"
#include "lib/analyze/TemporaryFolder.h"
#include "lib/support/InternalError.h"
#include "nncc/abi.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include <cstring>
#include <optional>
#include <sys/wait.h>

using namespace nncc;
using llvm::Error;
using llvm::StringRef;

// What runtime/loader/loader.c says and understands, by its names.
static constexpr uint64_t loaderVersion = 1;
enum class Command : uint64_t { Quit, Inputs, Run, Outputs, Start, Step, Read, Fill };

static Error failure(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

namespace {
class RemoteModel : public RunnableModel {
public:
  static llvm::Expected<std::unique_ptr<RunnableModel>> load(ModelObjects objects, const TargetSpec &target);
  Error fillArena(uint8_t value) override { return send(Command::Fill, value); }

private:
  llvm::Expected<std::vector<uint64_t>> runBound(Inputs inputs, Outputs outputs, unsigned runs) override {
    if (Error error = sendInputs(inputs))
      return error;
    std::vector<uint64_t> answer(1 + runs);
    if (Error error = send(Command::Run, runs))
      return error;
    if (Error error = receive(answer.data(), answer.size() * sizeof(uint64_t)))
      return error;
    if (Error error = statusError("run", answer[0]))
      return error;
    if (Error error = fetchOutputs(outputs))
      return error;
    answer.erase(answer.begin());
    return answer;
  }

  Error start(Inputs inputs, Outputs) override {
    if (Error error = sendInputs(inputs))
      return error;
    uint64_t status;
    if (Error error = send(Command::Start))
      return error;
    if (Error error = receive(&status, sizeof status))
      return error;
    return statusError("start", status);
  }

  llvm::Expected<StepResult> stepOnce() override {
    uint64_t answer[2];
    if (Error error = send(Command::Step))
      return error;
    if (Error error = receive(answer, sizeof answer))
      return error;
    if (answer[0] != NNCC_MORE)
      if (Error error = statusError("step", answer[0]))
        return error;
    return StepResult{answer[0] == NNCC_OK, answer[1]};
  }

  Error fetchOutputs(Outputs outputs) override {
    if (Error error = send(Command::Outputs))
      return error;
    for (llvm::MutableArrayRef<char> output : outputs)
      if (Error error = receive(output.data(), output.size()))
        return error;
    return Error::success();
  }

  llvm::Expected<llvm::SmallVector<char, 0>> readArena(uint64_t byteOffset, uint64_t bytes) override {
    llvm::SmallVector<char, 0> contents(bytes);
    if (Error error = send(Command::Read, byteOffset, bytes))
      return error;
    if (Error error = receive(contents.data(), bytes))
      return error;
    return contents;
  }

  Error sendInputs(Inputs inputs) {
    if (Error error = send(Command::Inputs))
      return error;
    for (llvm::ArrayRef<char> input : inputs)
      if (Error error = sendBytes(input.data(), input.size()))
        return error;
    return Error::success();
  }

  Error send(Command command, uint64_t a = 0, uint64_t b = 0) {
    const uint64_t words[] = {static_cast<uint64_t>(command), a, b};
    return sendBytes(words, sizeof words);
  }

  Error sendBytes(const void *from, size_t bytes) { return loader->send(from, bytes) ? Error::success() : reportEnd(); }
  Error receive(void *to, size_t bytes) { return loader->receive(to, bytes) ? Error::success() : reportEnd(); }

  /// Says how the program ended that should be answering.
  Error reportEnd() {
    int status = loader->end();
    if (WIFSIGNALED(status))
      return internalError("the model ended by signal " + llvm::Twine(WTERMSIG(status)) + " (" +
                           ::strsignal(WTERMSIG(status)) + ") under " + emulator);
    return internalError("the model ended with status " + llvm::Twine(WEXITSTATUS(status)) + " under " + emulator);
  }

  Error readHello();

  std::string emulator;
  std::optional<TalkingChild> loader; ///< leaves at the end of its input
};
} // namespace

/// Finds qemu's user-mode emulator of an architecture.
static llvm::Expected<std::string> findEmulator(const TargetSpec &target) {
  std::string name = "qemu-" + std::string(target.architecture->name);
  for (const std::string &candidate : {name, name + "-static"})
    if (llvm::ErrorOr<std::string> path = llvm::sys::findProgramByName(candidate))
      return *path;
  return failure("running " + target.name + " code on this machine needs " + name +
                 "\nnote: install it with `apt-get install qemu-user`");
}

/// Links a model and the loader into a static program, in process.
static llvm::Expected<std::string> linkProgram(const ModelObjects &objects, const TemporaryFolder &folder) {
  auto code = folder.write("code.o", objects.code->getBuffer());
  if (!code)
    return code.takeError();
  auto loader = folder.write("loader.o", embedded::loaderAArch64);
  if (!loader)
    return loader.takeError();
  std::vector<std::string> words = {"ld.lld",
                                    "-static",
                                    "--no-dynamic-linker",
                                    "-o",
                                    folder.path() + "/program",
                                    *code,
                                    *loader,
                                    "--defsym=nncc_loaded_model=" + objects.name + "_model"};
  if (objects.weights) {
    auto weights = folder.write("weights.o", objects.weights->getBuffer());
    if (!weights)
      return weights.takeError();
    words.push_back(*weights);
  }
  if (Error error = runLinker(words))
    return internalError("cannot link the model with its loader: " + llvm::toString(std::move(error)));
  return words[4];
}

Error RemoteModel::readHello() {
  uint64_t hello[6];
  if (Error error = receive(hello, sizeof hello))
    return error;
  if (hello[0] != loaderVersion || hello[1] != NNCC_ABI_VERSION)
    return internalError("the loader is of another version than this program");
  arena = hello[2];
  inputSizes.resize(hello[3]);
  outputSizes.resize(hello[4]);
  kernelCount = hello[5];
  if (Error error = receive(inputSizes.data(), inputSizes.size() * sizeof(uint64_t)))
    return error;
  return receive(outputSizes.data(), outputSizes.size() * sizeof(uint64_t));
}

llvm::Expected<std::unique_ptr<RunnableModel>> RemoteModel::load(ModelObjects objects, const TargetSpec &target) {
  static_assert(llvm::endianness::native == llvm::endianness::little, "the loader answers in little endian");
  if (!target.isLinux() || target.triple.getArch() != llvm::Triple::aarch64)
    return failure(target.name + " code cannot be run on this machine\nnote: it can run " + hostTargetName() +
                   ", aarch64-linux-gnu, aarch64-linux-android");
  auto loaded = std::make_unique<RemoteModel>();
  auto emulator = findEmulator(target);
  if (!emulator)
    return emulator.takeError();
  loaded->emulator = *emulator;
  auto folder = TemporaryFolder::create("nncc-run");
  if (!folder)
    return folder.takeError();
  auto program = linkProgram(objects, *folder);
  if (!program)
    return program.takeError();
  auto loader = TalkingChild::start({*emulator, *program});
  if (!loader)
    return loader.takeError();
  loaded->loader.emplace(std::move(*loader));
  // After the greeting the program is in memory, and its files may go.
  if (Error error = loaded->readHello())
    return error;
  return loaded;
}

llvm::Expected<std::unique_ptr<RunnableModel>> nncc::loadUnderEmulator(ModelObjects objects, const TargetSpec &target) {
  return RemoteModel::load(std::move(objects), target);
}
