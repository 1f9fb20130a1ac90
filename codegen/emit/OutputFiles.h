// Writes a set of files all or none: temporaries beside their targets, renamed
// at the end.
#ifndef NNCC_CODEGEN_EMIT_OUTPUTFILES_H
#define NNCC_CODEGEN_EMIT_OUTPUTFILES_H
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>

namespace llvm {
class raw_pwrite_stream;
}

namespace nncc {

/// A transaction on one folder. What was not committed when it is destroyed is
/// removed, also when a signal ends the program; so is a folder that it made.
/// What a killed program left, which had no time to, goes when the folder is
/// written to again a day later: nothing compiles that long.
class OutputFiles {
public:
  using Writer = llvm::function_ref<llvm::Error(llvm::raw_pwrite_stream &)>;

  /// Makes the folder if it does not exist. error: it cannot be made or written
  static llvm::Expected<std::unique_ptr<OutputFiles>> create(llvm::StringRef folder);
  ~OutputFiles();
  OutputFiles(const OutputFiles &) = delete;
  OutputFiles &operator=(const OutputFiles &) = delete;

  /// Writes the temporary that commit() renames to `name`.
  /// error: one of the writer's, a full disk, any failed write
  llvm::Error write(llvm::StringRef name, Writer writer);

  /// Gives every file its name. If one of them fails, those before it get
  /// their old contents back.
  llvm::Error commit();

  /// Path that a file will have after commit().
  std::string pathOf(llvm::StringRef name) const;

  /// What was written so far: the names after commit(), and the temporaries that hold the contents until then.
  struct Written {
    std::string name, temporary;
  };
  llvm::SmallVector<Written> written() const;

private:
  struct File {
    std::string temporary, target;
  };
  OutputFiles(std::string folder, bool madeFolder) : folder(std::move(folder)), madeFolder(madeFolder) {}
  llvm::Expected<std::string> writeTemporary(const llvm::Twine &shownAs, Writer writer);

  std::string folder;
  bool madeFolder;
  bool isCommitted = false;
  llvm::SmallVector<File> files;
};

} // namespace nncc
#endif
