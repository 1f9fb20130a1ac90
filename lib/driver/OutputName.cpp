// See OutputName.h.
#include "lib/driver/OutputName.h"
#include "codegen/emit/Identifiers.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace nncc {

std::string libraryName(const CompileOptions &options) {
  return modelIdentifier(options.name.empty() ? sys::path::stem(options.model) : StringRef(options.name));
}

/// The file name that gave a library of a folder its name, from its manifest.
static std::optional<std::string> namedAfter(StringRef folder, StringRef name) {
  SmallString<128> path(folder);
  sys::path::append(path, name + ".json");
  auto file = MemoryBuffer::getFile(path);
  if (!file)
    return std::nullopt;
  auto manifest = json::parse((*file)->getBuffer());
  if (!manifest) {
    consumeError(manifest.takeError()); // another program's file: OutputFiles replaces it, as always
    return std::nullopt;
  }
  const json::Object *top = manifest->getAsObject();
  auto text = top ? top->getString("named_after") : std::nullopt;
  return text ? std::optional(text->str()) : std::nullopt;
}

Error checkLibraryName(const CompileOptions &options, StringRef folder) {
  if (!options.name.empty())
    return Error::success();
  std::string name = libraryName(options), stem = json::fixUTF8(sys::path::stem(options.model));
  auto other = namedAfter(folder, name);
  if (!other || *other == stem)
    return Error::success();
  return createStringError("'" + folder + "' has the library of another model, '" + *other +
                           ".onnx', which is called '" + name +
                           "' as well\nnote: give this one another name, for example --name=" + name + "_2");
}

Error checkLibraryForm(const CompileOptions &options) {
  if (!options.isShared || options.target.isLinux())
    return Error::success();
  return createStringError("programs of " + options.target.name +
                           " load no shared libraries\nnote: a static library, --emit=lib, is for every target");
}

} // namespace nncc
