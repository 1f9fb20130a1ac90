// What LLVM says of options becomes a sentence of nncc, with what may be given instead.
#include "lib/driver/ParseErrors.h"
#include "gtest/gtest.h"

using namespace nncc;

namespace {

std::string first(llvm::StringRef said) {
  return llvm::StringRef(parseErrorText(said, benchCommand)).split('\n').first.str();
}

TEST(ParseErrorsTest, SaysWhatIsWrongWithAValue) {
  EXPECT_EQ(first("nncc: error: for the --rounds option: 'x' value invalid for uint argument!\n"),
            "--rounds=x is no whole number from 0 on");
  EXPECT_EQ(first("nncc: error: for the --mhz option: 'fast' value invalid for floating point argument!\n"),
            "--mhz=fast is no number");
  EXPECT_EQ(first("nncc: error: for the --top option: requires a value!\n"), "--top needs a value");
  EXPECT_EQ(first("nncc: error: for the --json option: does not allow a value! 'x' specified.\n"),
            "--json takes no value, and 'x' is given");
  EXPECT_EQ(first("nncc: error: for the --cpu option: may only occur zero or one times!\n"),
            "--cpu is given more than once");
  EXPECT_EQ(first("nncc: error: Too many positional arguments specified!\n"), "more than one file is given");
}

TEST(ParseErrorsTest, NamesWhatWasMeant) {
  EXPECT_EQ(
      parseErrorText("nncc: error: Unknown command line argument '--per-kernels'.  Try: 'nncc --help'\n", benchCommand),
      "'bench' has no option '--per-kernels'\nnote: did you mean '--per-kernel'?");
  EXPECT_EQ(parseErrorText("nncc: error: Unknown command line argument '-O3'.\n", benchCommand),
            "'bench' has no option '-O3'\nnote: code is always optimized: there are no levels");
}

TEST(ParseErrorsTest, NeverNamesWhatIsFarOff) {
  EXPECT_EQ(parseErrorText("nncc: error: Unknown command line argument '--bogus'.\n", doctorCommand),
            "'doctor' has no option '--bogus'\nnote: `nncc doctor --help` lists the options and their values");
}

} // namespace
