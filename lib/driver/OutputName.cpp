// See OutputName.h.
#include "lib/driver/OutputName.h"
#include "codegen/emit/Identifiers.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace nncc {

std::string libraryName(const CompileOptions &options) {
  return modelIdentifier(options.name.empty() ? sys::path::stem(options.model) : StringRef(options.name));
}

namespace {
/// A library of a folder, by its manifest.
struct Library {
  std::string namedAfter; ///< the file name that gave it its name
  std::string modelHash;  ///< of that file
  sys::TimePoint<> written;
};
} // namespace

/// The library of a name, unless its name was given, or the manifest is another program's file: OutputFiles replaces
/// that, as always.
static std::optional<Library> findLibrary(StringRef folder, StringRef name) {
  SmallString<128> path(folder);
  sys::path::append(path, name + ".json");
  sys::fs::file_status status;
  auto file = MemoryBuffer::getFile(path);
  if (!file || sys::fs::status(path, status))
    return std::nullopt;
  auto manifest = json::parse((*file)->getBuffer());
  if (!manifest) {
    consumeError(manifest.takeError());
    return std::nullopt;
  }
  const json::Object *top = manifest->getAsObject();
  auto namedAfter = top ? top->getString("named_after") : std::nullopt,
       modelHash = top ? top->getString("model_sha256") : std::nullopt;
  if (!namedAfter || !modelHash)
    return std::nullopt;
  return Library{namedAfter->str(), modelHash->str(), status.getLastModificationTime()};
}

/// True when a library cannot come from a model of its name: it has been there for longer than the library, and is not
/// what the library was made from. One that is younger is taken for the next version of it.
static bool isOfAnotherFile(const Library &library, StringRef model) {
  sys::fs::file_status status;
  if (sys::fs::status(model, status) || status.getLastModificationTime() >= library.written)
    return false;
  auto hash = hashOfFile(model);
  if (!hash) {
    consumeError(hash.takeError()); // the importer says it
    return false;
  }
  return *hash != library.modelHash;
}

Error checkLibraryName(const CompileOptions &options, StringRef folder) {
  if (!options.name.empty())
    return Error::success();
  std::string name = libraryName(options), stem = json::fixUTF8(sys::path::stem(options.model));
  auto other = findLibrary(folder, name);
  if (!other)
    return Error::success();
  if (other->namedAfter != stem)
    return createStringError("'" + folder + "' has the library of another model, '" + other->namedAfter +
                             ".onnx', which is called '" + name +
                             "' as well\nnote: give this one another name, for example --name=" + name + "_2");
  if (isOfAnotherFile(*other, options.model))
    return createStringError("'" + folder + "' has the library of another file '" + stem +
                             ".onnx'\nnote: give this one another name, for example --name=" + name +
                             "_2; --name=" + name + " replaces what is there");
  return Error::success();
}

Error checkLibraryForm(const CompileOptions &options) {
  if (options.form != LibraryForm::Shared || options.target.isLinux())
    return Error::success();
  return createStringError("programs of " + options.target.name +
                           " load no shared libraries\nnote: a static library, --emit=lib, is for every target");
}

} // namespace nncc
