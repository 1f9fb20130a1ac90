// Names of any content become C identifiers.
#include "codegen/emit/Identifiers.h"
#include "gtest/gtest.h"

using namespace nncc;

TEST(Identifiers, KeepWhatIsOne) { EXPECT_EQ(cIdentifier("conv1_Relu6"), "conv1_Relu6"); }

TEST(Identifiers, ReplaceRunsOfOtherCharacters) {
  EXPECT_EQ(cIdentifier("model/conv.1:0"), "model_conv_1_0");
  EXPECT_EQ(cIdentifier("/a//b/"), "a_b");
  EXPECT_EQ(cIdentifier("{\"name\": \"x\"}"), "name_x");
}

TEST(Identifiers, DoNotBeginWithADigitOrUnderscore) {
  EXPECT_EQ(cIdentifier("17"), "x17");
  EXPECT_EQ(cIdentifier("__reserved"), "reserved");
  EXPECT_EQ(cIdentifier("_Bool"), "Bool");
}

TEST(Identifiers, SurviveNothingAndOtherAlphabets) {
  EXPECT_EQ(cIdentifier(""), "x");
  EXPECT_EQ(cIdentifier("???"), "x");
  EXPECT_EQ(cIdentifier("gr\xc3\xb6\xc3\x9f"
                        "e"),
            "gr_e");
  EXPECT_EQ(cIdentifier("\xe7\x94\xbb\xe5\x83\x8f"), "x");
  EXPECT_EQ(cIdentifier(llvm::StringRef("a\0b", 3)), "a_b");
}

TEST(Identifiers, AvoidKeywordsOfCAndCxxAndMacros) {
  for (const char *taken : {"int", "class", "template", "new", "bool", "linux", "errno", "I", "NULL"})
    EXPECT_EQ(cIdentifier(taken), std::string(taken) + "_");
  EXPECT_EQ(cIdentifier("integer"), "integer");
  for (const char *macro :
       {"INT32_MAX", "UINT_FAST8_MAX", "EINVAL", "SIGINT", "PRIu64", "SCNxPTR", "FLT_EPSILON", "PATH_MAX"})
    EXPECT_EQ(cIdentifier(macro), std::string(macro) + "_");
  for (const char *free : {"ENCODER_OUT", "MAX", "PRIOR", "SIG", "E", "X", "max_", "INT32"})
    EXPECT_EQ(cIdentifier(free), llvm::StringRef(free).rtrim('_').str());
}

TEST(Identifiers, DifferWithinAList) {
  EXPECT_EQ(cIdentifiers({"a", "a", "b"}), (std::vector<std::string>{"a", "a_2", "b"}));
  EXPECT_EQ(cIdentifiers({"a:0", "a/0", "a.0"}), (std::vector<std::string>{"a_0", "a_0_2", "a_0_3"}));
}

TEST(Identifiers, GiveWayToNamesThatNeedNoSuffix) {
  EXPECT_EQ(cIdentifiers({"a", "a", "a_2"}), (std::vector<std::string>{"a", "a_3", "a_2"}));
}

TEST(Identifiers, OfModelsKeepOffTheAbi) {
  EXPECT_EQ(modelIdentifier("mobilenet-v2"), "mobilenet_v2");
  EXPECT_EQ(modelIdentifier("nncc"), "xnncc");
  EXPECT_EQ(modelIdentifier("3dcnn"), "x3dcnn");
  EXPECT_EQ(modelIdentifier("EMBED"), "EMBED"); // no name is the prefix alone
}
