// Writes a set of files all or none: temporaries beside their targets, renamed
// at the end.
#include "codegen/emit/OutputFiles.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>

using namespace llvm;

static Error cannotWrite(const Twine &path, std::error_code why) {
  return createStringError(why, "cannot write '" + path + "': " + why.message());
}

static void removeTemporary(StringRef path) {
  (void)sys::fs::remove(path);
  sys::DontRemoveFileOnSignal(path);
}

/// Removes the temporaries of programs that were killed: those of a day ago.
static void removeLeftovers(StringRef folder) {
  std::error_code why;
  auto dayAgo = std::chrono::system_clock::now() - std::chrono::hours(24);
  for (sys::fs::directory_iterator entry(folder, why), end; !why && entry != end; entry.increment(why)) {
    StringRef name = sys::path::filename(entry->path());
    if (!name.starts_with(".nncc-") || !name.ends_with(".tmp"))
      continue;
    sys::fs::file_status status;
    if (!sys::fs::status(entry->path(), status) && status.getLastModificationTime() < dayAgo)
      (void)sys::fs::remove(entry->path());
  }
}

namespace nncc {

Expected<std::unique_ptr<OutputFiles>> OutputFiles::create(StringRef folder) {
  if (folder.empty())
    folder = ".";
  bool isThere = sys::fs::exists(folder);
  if (isThere && !sys::fs::is_directory(folder))
    return createStringError(std::make_error_code(std::errc::not_a_directory),
                             "output folder '" + folder + "' is a file");
  if (isThere)
    removeLeftovers(folder);
  else if (std::error_code why = sys::fs::create_directories(folder, /*IgnoreExisting=*/true, sys::fs::all_all))
    return createStringError(why, "cannot make the output folder '" + folder + "': " + why.message());
  return std::unique_ptr<OutputFiles>(new OutputFiles(folder.str(), /*madeFolder=*/!isThere));
}

OutputFiles::~OutputFiles() {
  if (isCommitted)
    return;
  for (const File &file : files)
    removeTemporary(file.temporary);
  if (madeFolder)
    (void)sys::fs::remove(folder); // fails if another has put a file there
}

std::string OutputFiles::pathOf(StringRef name) const {
  SmallString<128> path(folder);
  sys::path::append(path, name);
  return std::string(path);
}

SmallVector<OutputFiles::Written> OutputFiles::written() const {
  return map_to_vector(
      files, [](const File &file) { return Written{sys::path::filename(file.target).str(), file.temporary}; });
}

Expected<std::string> OutputFiles::writeTemporary(const Twine &shownAs, Writer writer) {
  // A name of fixed form, so that one left by a killed machine is recognized.
  int descriptor;
  SmallString<128> path;
  if (std::error_code why = sys::fs::createUniqueFile(pathOf(".nncc-%%%%%%%%.tmp"), descriptor, path))
    return cannotWrite(shownAs, why);
  sys::RemoveFileOnSignal(path);

  raw_fd_ostream os(descriptor, /*shouldClose=*/true);
  Error error = writer(os);
  os.close();
  // A stream that is destroyed with its error unread ends the program.
  std::error_code why = os.error();
  os.clear_error();
  if (error || why) {
    removeTemporary(path);
    if (!why)
      return std::move(error);
    consumeError(std::move(error)); // the disk came first
    return cannotWrite(shownAs, why);
  }
  return std::string(path);
}

Error OutputFiles::write(StringRef name, Writer writer) {
  std::string target = pathOf(name);
  if (sys::fs::is_directory(target))
    return cannotWrite(target, std::make_error_code(std::errc::is_a_directory));
  Expected<std::string> temporary = writeTemporary(target, writer);
  if (!temporary)
    return temporary.takeError();
  files.push_back({std::move(*temporary), std::move(target)});
  return Error::success();
}

Error OutputFiles::commit() {
  // Old contents, by file; empty where there was none.
  SmallVector<std::string> backups;
  auto undo = [&](unsigned renamed) {
    for (unsigned i = 0; i < renamed; ++i)
      (void)sys::fs::remove(files[i].target);
    for (unsigned i = 0; i < backups.size(); ++i)
      if (!backups[i].empty())
        (void)sys::fs::rename(backups[i], files[i].target);
  };
  for (const File &file : files) {
    backups.emplace_back();
    if (!sys::fs::exists(file.target))
      continue;
    SmallString<128> backup;
    if (std::error_code why = sys::fs::getPotentiallyUniqueFileName(pathOf(".nncc-%%%%%%%%.old"), backup)) {
      undo(0);
      return cannotWrite(file.target, why);
    }
    if (std::error_code why = sys::fs::rename(file.target, backup)) {
      undo(0);
      return cannotWrite(file.target, why);
    }
    backups.back() = std::string(backup);
  }
  for (unsigned i = 0; i < files.size(); ++i) {
    if (std::error_code why = sys::fs::rename(files[i].temporary, files[i].target)) {
      undo(i);
      return cannotWrite(files[i].target, why);
    }
    sys::DontRemoveFileOnSignal(files[i].temporary);
  }
  for (const std::string &backup : backups)
    if (!backup.empty())
      (void)sys::fs::remove(backup);
  isCommitted = true;
  return Error::success();
}

} // namespace nncc
