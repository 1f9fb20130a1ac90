// fuzz-compiler-api: an input is a line of options and an ONNX file, for nncc_compile() of include/nncc/compiler.h. It
// writes all files, or none and says why.
#include "nncc/compiler.h"
#include "tools/fuzz/Fuzzing.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/FileSystem.h"
#include <vector>

using namespace llvm;

namespace {

/// The options of a line of words: `dim:N=3 bind:x=1 input:x=u8 target:aarch64-linux-gnu cpu:cortex-a53 name:m extern
/// debug`.
struct Options {
  explicit Options(StringRef line) {
    options.size = sizeof options;
    SmallVector<StringRef> words;
    line.split(words, ' ', /*MaxSplit=*/20, /*KeepEmpty=*/false);
    texts.reserve(words.size());
    for (StringRef word : words)
      add(word);
    options.dims = dims.data(), options.num_dims = dims.size();
    options.binds = binds.data(), options.num_binds = binds.size();
    options.inputs = inputs.data(), options.num_inputs = inputs.size();
  }

  void add(StringRef word) {
    auto [key, value] = word.split(':');
    const char *text = texts.emplace_back(value.str()).c_str();
    if (key == "dim")
      dims.push_back(text);
    else if (key == "bind")
      binds.push_back(text);
    else if (key == "input")
      inputs.push_back(text);
    else if (key == "target")
      options.target = text;
    else if (key == "cpu")
      options.cpu = text;
    else if (key == "name")
      options.name = text;
    else if (key == "extern")
      options.extern_weights = 1;
    else if (key == "debug")
      options.debug_info = 1;
  }

  nncc_compile_options options = {};
  std::vector<std::string> texts;
  std::vector<const char *> dims, binds, inputs;
};

/// The files of a folder.
size_t countFiles(const std::string &path) {
  size_t count = 0;
  std::error_code error;
  for (sys::fs::directory_iterator entry(path, error), end; entry != end && !error; entry.increment(error))
    ++count;
  return count;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace nncc;
  auto [line, model] = StringRef(reinterpret_cast<const char *>(data), size).split('\n');
  Options given(line);
  std::string path = fuzz::writeFile("model.onnx", {model.data(), model.size()}), out = fuzz::folder() + "/out";
  sys::fs::remove_directories(out);
  size_t errors = 0;
  given.options.model = path.c_str();
  given.options.output_directory = out.c_str();
  given.options.user = &errors;
  given.options.on_message = [](void *user, nncc_severity severity, const char *text) {
    *static_cast<size_t *>(user) += severity == NNCC_ERROR;
    fuzz::requireWordsForUsers(text);
  };
  nncc_compile_status status = nncc_compile(&given.options);
  if (status != NNCC_COMPILE_OK && status != NNCC_COMPILE_ERROR)
    fuzz::fail("another status than ok and error");
  if (status == NNCC_COMPILE_ERROR && (errors == 0 || countFiles(out) != 0))
    fuzz::fail("refused without a message, or with files");
  if (status == NNCC_COMPILE_OK && countFiles(out) < 3)
    fuzz::fail("compiled, but files are missing");
  return 0;
}
