// Archives are what LLVM's archiver would write.
#include "codegen/emit/Archive.h"
#include "test/codegen/emit/TinyModel.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

using namespace llvm;
using namespace nncc;

namespace {
/// An object with the weights of the made-up model as model `name`.
std::string weightsObject(StringRef name, int64_t extraBytes) {
  mlir::MLIRContext context;
  ModelPlan plan = test::tinyPlan(context, name, "x86_64-linux-gnu", extraBytes);
  std::string bytes;
  raw_string_ostream os(bytes);
  EXPECT_FALSE(bool(writeWeightsObject(plan, nullptr, os)));
  EXPECT_EQ(bytes.size(), weightsObjectBytes(plan));
  return bytes;
}

ArchiveMember member(std::string name, StringRef bytes) {
  auto member = objectMember(std::move(name), MemoryBufferRef(bytes, ""));
  EXPECT_TRUE(bool(member)) << toString(member.takeError());
  return std::move(*member);
}

std::string archive(ArrayRef<ArchiveMember> members) {
  std::string bytes;
  raw_string_ostream os(bytes);
  Error error = writeArchive(members, os);
  EXPECT_FALSE(bool(error)) << toString(std::move(error));
  return bytes;
}

std::string archiveOfLLVM(ArrayRef<std::pair<std::string, std::string>> members) {
  std::vector<NewArchiveMember> list;
  for (const auto &[name, bytes] : members) {
    NewArchiveMember newMember(MemoryBufferRef(bytes, name));
    newMember.MemberName = name;
    list.push_back(std::move(newMember));
  }
  auto buffer = writeArchiveToBuffer(list, SymtabWritingMode::NormalSymtab, object::Archive::K_GNU,
                                     /*Deterministic=*/true, /*Thin=*/false);
  return cantFail(std::move(buffer))->getBuffer().str();
}

TEST(Archive, IsWhatLLVMWrites) {
  std::string a = weightsObject("a", 0), odd = weightsObject("odd", 0), b = weightsObject("ab", 1234567);
  for (auto [first, second] :
       {std::pair("a.o", "b.o"), std::pair("fifteen-chars.o", "sixteen--chars.o"),
        std::pair("a_rather_long_name.o", "another_rather_long_name.o"), std::pair("a_rather_long_name.o", "b.o")}) {
    std::string ours = archive({member(first, a), member(second, b), member("c.o", odd)});
    EXPECT_EQ(ours, archiveOfLLVM({{first, a}, {second, b}, {"c.o", odd}}));
  }
}

TEST(Archive, StreamsItsMembers) {
  std::string a = weightsObject("a", 0);
  ArchiveMember streamed{"a.o", a.size(), {"a_nncc_weights"}, [&](raw_ostream &os) {
                           for (char c : a)
                             os << c;
                           return Error::success();
                         }};
  EXPECT_EQ(archive({streamed}), archiveOfLLVM({{"a.o", a}}));
}

TEST(Archive, RefusesAMemberOfAnotherSize) {
  ArchiveMember wrong{"a.o", 8, {}, [](raw_ostream &os) {
                        os << "1234";
                        return Error::success();
                      }};
  std::string bytes;
  raw_string_ostream os(bytes);
  EXPECT_EQ(toString(writeArchive({wrong}, os)), "the archive's member 'a.o' has 4 bytes instead of 8");
}

TEST(Archive, RefusesWhatIsNoObject) {
  auto noObject = objectMember("a.o", MemoryBufferRef("hello", ""));
  EXPECT_FALSE(bool(noObject));
  consumeError(noObject.takeError());
}
} // namespace
