// See SharedLibrary.h.
#include "codegen/emit/SharedLibrary.h"
#include "codegen/emit/Manifest.h"
#include "lib/support/InternalError.h"
#include "lld/Common/Driver.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Triple.h"
#include <cerrno>
#include <fcntl.h>
#include <mutex>
#include <optional>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

using namespace llvm;

namespace nncc {

Error runLinker(ArrayRef<std::string> words) {
  static std::mutex oneAtATime; // LLD keeps the context of its run in a global variable
  std::lock_guard<std::mutex> lock(oneAtATime);
  std::vector<const char *> arguments;
  for (const std::string &word : words)
    arguments.push_back(word.c_str());
  std::string said;
  raw_string_ostream stream(said);
  lld::Result result = lld::lldMain(arguments, stream, stream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode == 0)
    return Error::success();
  StringRef text = StringRef(said).trim();
  text.consume_front("ld.lld: error: ");
  return createStringError(text);
}

namespace {
std::error_code lastError() { return std::error_code(errno, std::generic_category()); }

std::string pathOf(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }

/// A file without a place on a disk, for LLD, which reads paths.
class MemoryFile {
public:
  static Expected<MemoryFile> create(const char *name) {
    int descriptor = ::memfd_create(name, MFD_CLOEXEC);
    if (descriptor < 0)
      return createStringError(lastError(), "cannot make a file in memory");
    return MemoryFile(descriptor);
  }
  MemoryFile(MemoryFile &&other) : descriptor(other.descriptor) { other.descriptor = -1; }
  ~MemoryFile() {
    if (descriptor >= 0)
      ::close(descriptor);
  }

  std::string path() const { return pathOf(descriptor); }

  Error write(OutputFiles::Writer writer) {
    raw_fd_ostream os(descriptor, /*shouldClose=*/false);
    Error error = writer(os);
    os.flush();
    std::error_code why = os.error();
    os.clear_error();
    return why && !error ? createStringError(why, "cannot write a file in memory") : std::move(error);
  }

private:
  explicit MemoryFile(int descriptor) : descriptor(descriptor) {}

  int descriptor;
};
} // namespace

/// Runs LLD and passes its output on. It comes through a pipe: LLD maps a file that it writes into memory, and is
/// killed where the disk gets full.
static Error runLinkerInto(raw_ostream &os, std::vector<std::string> words) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return createStringError(lastError(), "cannot open a pipe");
  words.insert(words.end(), {"-o", pathOf(ends[1])});
  std::optional<Error> result;
  std::thread linker([&] {
    result.emplace(runLinker(words));
    ::close(ends[1]);
  });
  char block[1 << 14];
  for (ssize_t bytes; (bytes = ::read(ends[0], block, sizeof block)) != 0;)
    if (bytes > 0)
      os.write(block, bytes);
    else if (errno != EINTR)
      break;
  linker.join();
  ::close(ends[0]);
  return std::move(*result);
}

/// Links a library without code that says which name the C library of a target has and what is taken from it: where
/// nncc runs there need be no C library of the target to link against.
static Error linkLibraryOfC(const Triple &target, raw_ostream &os) {
  auto nothing = MemoryFile::create("nothing"); // the linker wants a file
  if (!nothing)
    return nothing.takeError();
  return runLinkerInto(os,
                       {"ld.lld", "-shared", "-m", target.isAArch64() ? "aarch64linux" : "elf_x86_64", "-soname",
                        target.isAndroid() ? "libc.so" : "libc.so.6", "--defsym=memcpy=0", "--defsym=memmove=0",
                        "--defsym=memset=0", "--defsym=getauxval=0", "--threads=1", "-b", "binary", nothing->path()});
}

Error writeSharedLibrary(const ModelPlan &plan, MemoryBufferRef code, const OutputFiles::Writer *writeWeights,
                         OutputFiles &files) {
  std::string name = libraryFileName(plan);
  auto codeFile = MemoryFile::create("code"), weights = MemoryFile::create("weights"),
       libraryOfC = MemoryFile::create("libc");
  for (auto *file : {&codeFile, &weights, &libraryOfC})
    if (!*file)
      return file->takeError();
  if (Error error = codeFile->write([&](raw_ostream &os) {
        os << code.getBuffer();
        return Error::success();
      }))
    return error;
  Triple target(Triple::normalize(plan.target));
  if (Error error = libraryOfC->write([&](raw_ostream &os) { return linkLibraryOfC(target, os); }))
    return internalError("cannot link a library of C: " + toString(std::move(error)));

  std::vector<std::string> words = {"ld.lld", "-shared", "-soname", name,
                                    // What it needs is known, and closed once it is loaded.
                                    "--no-undefined", "-z", "relro", "-z", "now", "-z", "noexecstack", "--gc-sections",
                                    // The same bytes each time, for old loaders, too.
                                    "--build-id=none", "--hash-style=both", "--threads=1", codeFile->path()};
  if (writeWeights) {
    if (Error error = weights->write(*writeWeights))
      return error;
    words.push_back(weights->path());
  }
  words.insert(words.end(), {"--as-needed", libraryOfC->path()});
  return files.write(name, [&](raw_ostream &os) -> Error {
    if (Error error = runLinkerInto(os, words))
      return internalError("cannot link '" + name + "': " + toString(std::move(error)));
    return Error::success();
  });
}

} // namespace nncc
