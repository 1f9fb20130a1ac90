// See Placement.h.
#include "lib/driver/Placement.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace llvm;

namespace nncc {

/// Takes one word into `placement`; false: it is none.
static bool takeWord(StringRef word, Placement &placement) {
  if (word == "auto" || word == "gpu" || word == "cpu") {
    placement.where = word.str();
    placement.isEstimated = word == "auto";
    return true;
  }
  auto [kernel, where] = word.rsplit('=');
  if (kernel.empty() || (where != "gpu" && where != "cpu"))
    return false;
  placement.kernels.emplace_back(kernel.str(), where.str());
  return true;
}

Expected<Placement> readPlacement(ArrayRef<std::string> words) {
  Placement placement;
  std::string valid =
      "\nnote: auto, gpu, cpu, KERNEL=gpu, KERNEL=cpu, or a file of such lines; `nncc inspect` lists the "
      "kernels";
  for (const std::string &word : words) {
    if (takeWord(word, placement))
      continue;
    auto file = MemoryBuffer::getFile(word);
    if (!file)
      return createStringError(inconvertibleErrorCode(), "--place=" + word +
                                                             " is no place, and no file that can be "
                                                             "read: " +
                                                             file.getError().message() + valid);
    SmallVector<StringRef> lines;
    (*file)->getBuffer().split(lines, '\n');
    for (auto [index, line] : enumerate(lines)) {
      StringRef text = line.split('#').first.trim();
      if (!text.empty() && !takeWord(text, placement))
        return createStringError(inconvertibleErrorCode(),
                                 "'" + word + "', line " + Twine(index + 1) + ": '" + text + "' is no place" + valid);
    }
  }
  return placement;
}

} // namespace nncc
