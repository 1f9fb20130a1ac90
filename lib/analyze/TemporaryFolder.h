// A folder for the files of one run, which goes whatever becomes of this process.
#ifndef NNCC_LIB_ANALYZE_TEMPORARYFOLDER_H
#define NNCC_LIB_ANALYZE_TEMPORARYFOLDER_H
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <sys/types.h>

namespace nncc {

/// A folder in the system's place for temporary files. It is removed with this object, and also when this process is
/// interrupted, crashes or is killed: another process waits for its end.
class TemporaryFolder {
public:
  /// prefix  what its name begins with
  static llvm::Expected<TemporaryFolder> create(llvm::StringRef prefix);
  TemporaryFolder(TemporaryFolder &&other);
  ~TemporaryFolder();

  const std::string &path() const { return folder; }
  /// Writes a file and returns its path.
  llvm::Expected<std::string> write(llvm::StringRef name, llvm::StringRef contents) const;

private:
  TemporaryFolder() = default;

  std::string folder;
  pid_t keeper = -1;
  int lifeline = -1; ///< the end of a pipe that closes with this process
};

} // namespace nncc
#endif
