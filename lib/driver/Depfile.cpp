// See Depfile.h.
#include "lib/driver/Depfile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace nncc {

/// A path as make reads it: `$` doubled, a backslash before blanks and `#`, and before backslashes in front of a blank.
static std::string escape(StringRef path) {
  std::string text;
  size_t backslashes = 0;
  for (char c : path) {
    if (c == ' ' || c == '\t')
      text.append(backslashes, '\\');
    if (c == ' ' || c == '\t' || c == '#')
      text += '\\';
    if (c == '$')
      text += '$';
    text += c;
    backslashes = c == '\\' ? backslashes + 1 : 0;
  }
  return text;
}

static Error cannotWrite(StringRef path, std::error_code why) {
  return createStringError(why, "cannot write '" + path + "': " + why.message());
}

Expected<std::unique_ptr<OutputFiles>> writeDepfile(StringRef path, ArrayRef<std::string> targets,
                                                    ArrayRef<std::string> dependencies) {
  // A model may read the same file for many weights.
  SmallSetVector<StringRef, 8> files;
  files.insert_range(dependencies);
  std::string text;
  for (const std::string &target : targets)
    text += (text.empty() ? "" : " ") + escape(target);
  text += ":";
  for (StringRef file : files)
    text += " " + escape(file);
  text += "\n";
  for (StringRef file : drop_begin(files))
    text += escape(file) + ": \n"; // CMake 3.22 cannot read an empty rule without the blank
  for (StringRef named : concat<const std::string>(targets, dependencies))
    if (named.contains('\n'))
      return createStringError("--depfile: the path '" + named + "' has a line break, which no rule can hold");

  if (sys::fs::exists(path) && !sys::fs::is_regular_file(path)) {
    std::error_code why;
    raw_fd_ostream os(path, why);
    if (why)
      return cannotWrite(path, why);
    os << text;
    os.close();
    if ((why = os.error())) {
      os.clear_error();
      return cannotWrite(path, why);
    }
    return nullptr;
  }
  auto rule = OutputFiles::create(sys::path::parent_path(path));
  if (!rule)
    return rule.takeError();
  Error error = (*rule)->write(sys::path::filename(path), [&](raw_ostream &os) {
    os << text;
    return Error::success();
  });
  if (error)
    return std::move(error);
  return rule;
}

} // namespace nncc
