// A set of files is written as a whole or not at all.
#include "codegen/emit/OutputFiles.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"
#include <chrono>
#include <csignal>
#include <sys/resource.h>

using namespace llvm;
using nncc::OutputFiles;

namespace {
class OutputFilesTest : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(sys::fs::createUniqueDirectory("nncc-output-files", folder)); }
  void TearDown() override { (void)sys::fs::remove_directories(folder); }

  std::unique_ptr<OutputFiles> open(const Twine &below = "") {
    auto files = OutputFiles::create((folder + below).str());
    EXPECT_TRUE(bool(files)) << toString(files.takeError());
    return std::move(*files);
  }
  /// A writer of a text.
  static auto writes(StringRef text) {
    return [text](raw_ostream &os) {
      os << text;
      return Error::success();
    };
  }
  std::string read(const Twine &name) {
    auto file = MemoryBuffer::getFile(folder + "/" + name);
    return file ? (*file)->getBuffer().str() : "<no file>";
  }
  /// Names in the folder, hidden ones too.
  std::vector<std::string> list() {
    std::vector<std::string> names;
    std::error_code error;
    for (sys::fs::directory_iterator it(folder, error), end; it != end && !error; it.increment(error))
      names.push_back(sys::path::filename(it->path()).str());
    llvm::sort(names);
    return names;
  }
  using Names = std::vector<std::string>;
  SmallString<128> folder;
};

TEST_F(OutputFilesTest, AppearOnCommit) {
  auto files = open();
  EXPECT_FALSE(bool(files->write("a.txt", writes("one"))));
  EXPECT_FALSE(bool(files->write("b.txt", writes("two"))));
  EXPECT_EQ(read("a.txt"), "<no file>");
  EXPECT_FALSE(bool(files->commit()));
  files.reset();
  EXPECT_EQ(list(), (Names{"a.txt", "b.txt"}));
  EXPECT_EQ(read("b.txt"), "two");
}

TEST_F(OutputFilesTest, RemoveWhatAKilledProgramLeftYesterday) {
  auto yesterday = std::chrono::system_clock::now() - std::chrono::hours(25);
  for (auto [name, isOld] : {std::pair(".nncc-old.tmp", true), {".nncc-new.tmp", false}, {"others.tmp", true}}) {
    int file;
    ASSERT_FALSE(sys::fs::openFileForWrite(folder + "/" + name, file));
    if (isOld)
      ASSERT_FALSE(sys::fs::setLastAccessAndModificationTime(file, yesterday));
    ASSERT_FALSE(sys::Process::SafelyCloseFileDescriptor(file));
  }
  auto files = open();
  EXPECT_EQ(list(), (Names{".nncc-new.tmp", "others.tmp"}));
}

TEST_F(OutputFilesTest, LeaveNothingWithoutCommit) {
  auto files = open();
  EXPECT_FALSE(bool(files->write("a.txt", writes("one"))));
  files.reset();
  EXPECT_EQ(list(), Names{});
}

TEST_F(OutputFilesTest, RemoveTheFolderThatTheyMade) {
  auto files = open("/new");
  EXPECT_FALSE(bool(files->write("a.txt", writes("one"))));
  files.reset();
  EXPECT_EQ(list(), Names{});
}

TEST_F(OutputFilesTest, ReplaceOlderOnes) {
  for (const char *text : {"old", "new"}) {
    auto files = open();
    EXPECT_FALSE(bool(files->write("a.txt", writes(text))));
    EXPECT_FALSE(bool(files->commit()));
  }
  EXPECT_EQ(list(), Names{"a.txt"});
  EXPECT_EQ(read("a.txt"), "new");
}

TEST_F(OutputFilesTest, PassOnTheWritersError) {
  auto files = open();
  Error error = files->write("a.txt", [](raw_ostream &os) {
    os << "half of";
    return createStringError("no more");
  });
  EXPECT_EQ(toString(std::move(error)), "no more");
  files.reset();
  EXPECT_EQ(list(), Names{});
}

TEST_F(OutputFilesTest, RefuseAFolderInPlaceOfAFile) {
  ASSERT_FALSE(sys::fs::create_directory(folder + "/a.txt"));
  auto files = open();
  EXPECT_EQ(toString(files->write("a.txt", writes("one"))),
            ("cannot write '" + folder + "/a.txt': Is a directory").str());
}

TEST_F(OutputFilesTest, GiveBackOldContentsWhenACommitFails) {
  {
    auto files = open();
    EXPECT_FALSE(bool(files->write("a.txt", writes("old"))));
    EXPECT_FALSE(bool(files->commit()));
  }
  auto files = open();
  EXPECT_FALSE(bool(files->write("a.txt", writes("new"))));
  EXPECT_FALSE(bool(files->write("b.txt", writes("second"))));
  // Someone takes the temporary of the second file away.
  for (const std::string &name : list())
    if (read(name) == "second")
      (void)sys::fs::remove(folder + "/" + name);
  Error error = files->commit();
  EXPECT_EQ(toString(std::move(error)), ("cannot write '" + folder + "/b.txt': No such file or directory").str());
  files.reset();
  EXPECT_EQ(list(), Names{"a.txt"});
  EXPECT_EQ(read("a.txt"), "old");
}

TEST_F(OutputFilesTest, ReportALimitedFileSize) {
  // The same way through the code as a full disk, without a disk to fill up.
  rlimit old;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  rlimit small = {1000, old.rlim_max};
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  auto files = open();
  Error error = files->write("a.txt", [](raw_ostream &os) {
    os.write_zeros(100000);
    return Error::success();
  });
  files.reset();
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(toString(std::move(error)), ("cannot write '" + folder + "/a.txt': File too large").str());
  EXPECT_EQ(list(), Names{});
}
} // namespace
