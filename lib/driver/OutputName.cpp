// See OutputName.h.
#include "lib/driver/OutputName.h"
#include "codegen/emit/Identifiers.h"
#include "lib/support/Json.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace nncc {

std::string libraryName(const CompileOptions &options) {
  return modelIdentifier(options.name.empty() ? sys::path::stem(options.model) : StringRef(options.name));
}

namespace {
/// What the files of a folder were made from, as one of them says.
struct Origin {
  std::string namedAfter; ///< the file name that gave them their name
  std::string fileHash;   ///< of that file
  sys::TimePoint<> written;
};
} // namespace

static std::string fileNameOf(const CompileOptions &options) { return json::fixUTF8(sys::path::stem(options.model)); }

Expected<std::string> originLine(const CompileOptions &options, StringRef comment) {
  auto hash = hashOfModel(options), ofFile = hashOfQuantizedFile(options);
  if (Error error = joinErrors(hash.takeError(), ofFile.takeError()))
    return error;
  json::Object origin{{"named_after", fileNameOf(options)}, {"model_sha256", *hash}};
  if (!ofFile->empty())
    origin["file_sha256"] = *ofFile;
  std::string line;
  raw_string_ostream(line) << comment << " nncc " << json::Value(std::move(origin)) << "\n";
  return line;
}

/// The object in a manifest, or in the first line of any other file.
static StringRef originText(StringRef text, bool isManifest) {
  if (isManifest)
    return text;
  StringRef line = text.split('\n').first;
  return line.drop_front(std::min(line.find('{'), line.size()));
}

/// The origin of a file, unless its name was given, or it is another program's: OutputFiles replaces that, as always.
static std::optional<Origin> findOrigin(StringRef folder, StringRef fileName) {
  SmallString<128> path(folder);
  sys::path::append(path, fileName);
  sys::fs::file_status status;
  auto file = MemoryBuffer::getFile(path);
  if (!file || sys::fs::status(path, status))
    return std::nullopt;
  auto origin = parseJson(originText((*file)->getBuffer(), fileName.ends_with(".json")));
  if (!origin) {
    consumeError(origin.takeError());
    return std::nullopt;
  }
  const json::Object *top = origin->getAsObject();
  auto namedAfter = top ? top->getString("named_after") : std::nullopt,
       hash = top ? top->getString("model_sha256") : std::nullopt,
       ofFile = top ? top->getString("file_sha256") : std::nullopt;
  if (!namedAfter || !hash)
    return std::nullopt;
  return Origin{namedAfter->str(), ofFile.value_or(*hash).str(), status.getLastModificationTime()};
}

/// True when a library, or other output, cannot come from a model of its name: that has been there for longer, and is
/// not what the output was made from. One that is younger is taken for the next version of it.
static bool isOfAnotherFile(const Origin &origin, const CompileOptions &options) {
  sys::fs::file_status status;
  if (sys::fs::status(options.model, status) || status.getLastModificationTime() >= origin.written)
    return false;
  auto hash = hashOfFile(options.model);
  if (!hash) {
    consumeError(hash.takeError()); // the importer says it
    return false;
  }
  return *hash != origin.fileHash;
}

Error checkLibraryName(const CompileOptions &options, StringRef folder, StringRef fileName) {
  if (!options.name.empty())
    return Error::success();
  auto other = findOrigin(folder, fileName);
  if (!other)
    return Error::success();
  std::string name = libraryName(options), stem = fileNameOf(options);
  std::string there = ("'" + folder + "' has the " + (fileName.ends_with(".json") ? "library" : fileName)).str();
  if (other->namedAfter != stem)
    return createStringError(there + " of another model, '" + other->namedAfter + ".onnx', which is called '" + name +
                             "' as well\nnote: give this one another name, for example --name=" + name + "_2");
  if (isOfAnotherFile(*other, options))
    return createStringError(there + " of another file '" + stem +
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
