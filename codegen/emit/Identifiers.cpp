// C identifiers for names that came from a file and may hold anything.
#include "codegen/emit/Identifiers.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace llvm;

/// Keywords of C11 and C++20, and lower-case macros that headers or compilers
/// define (`linux` is one in GNU mode).
static bool isTaken(StringRef text) {
  static const StringSet<> taken = {"alignas",
                                    "alignof",
                                    "and",
                                    "and_eq",
                                    "asm",
                                    "assert",
                                    "auto",
                                    "bitand",
                                    "bitor",
                                    "bool",
                                    "break",
                                    "case",
                                    "catch",
                                    "char",
                                    "char16_t",
                                    "char32_t",
                                    "char8_t",
                                    "class",
                                    "co_await",
                                    "co_return",
                                    "co_yield",
                                    "compl",
                                    "complex",
                                    "concept",
                                    "const",
                                    "const_cast",
                                    "consteval",
                                    "constexpr",
                                    "constinit",
                                    "continue",
                                    "decltype",
                                    "default",
                                    "delete",
                                    "do",
                                    "double",
                                    "dynamic_cast",
                                    "else",
                                    "enum",
                                    "errno",
                                    "explicit",
                                    "export",
                                    "extern",
                                    "false",
                                    "float",
                                    "for",
                                    "friend",
                                    "goto",
                                    "i386",
                                    "if",
                                    "imaginary",
                                    "inline",
                                    "int",
                                    "linux",
                                    "long",
                                    "mutable",
                                    "namespace",
                                    "new",
                                    "noexcept",
                                    "noreturn",
                                    "not",
                                    "not_eq",
                                    "nullptr",
                                    "offsetof",
                                    "operator",
                                    "or",
                                    "or_eq",
                                    "private",
                                    "protected",
                                    "public",
                                    "register",
                                    "reinterpret_cast",
                                    "requires",
                                    "restrict",
                                    "return",
                                    "short",
                                    "signed",
                                    "sizeof",
                                    "static",
                                    "static_assert",
                                    "static_cast",
                                    "stderr",
                                    "stdin",
                                    "stdout",
                                    "struct",
                                    "switch",
                                    "template",
                                    "this",
                                    "thread_local",
                                    "throw",
                                    "true",
                                    "try",
                                    "typedef",
                                    "typeid",
                                    "typename",
                                    "typeof",
                                    "union",
                                    "unix",
                                    "unsigned",
                                    "using",
                                    "virtual",
                                    "void",
                                    "volatile",
                                    "wchar_t",
                                    "while",
                                    "xor",
                                    "xor_eq",
                                    "EOF",
                                    "I",
                                    "INFINITY",
                                    "NAN",
                                    "NULL"};
  return taken.contains(text);
}

std::string nncc::cIdentifier(StringRef text) {
  std::string result;
  for (char c : text) {
    if (isAlnum(c))
      result += c;
    else if (!result.empty() && result.back() != '_')
      result += '_';
  }
  while (!result.empty() && result.back() == '_')
    result.pop_back();
  if (result.empty() || isDigit(result.front()))
    result.insert(result.begin(), 'x');
  if (isTaken(result))
    result += '_';
  return result;
}

std::vector<std::string> nncc::cIdentifiers(ArrayRef<std::string> texts) {
  // Names that need no suffix keep theirs, whatever comes before them: "a_2"
  // stays "a_2" beside "a" and "a".
  std::vector<std::string> result;
  StringMap<unsigned> count;
  for (const std::string &text : texts) {
    result.push_back(cIdentifier(text));
    ++count[result.back()];
  }
  StringSet<> used;
  for (std::string &name : result) {
    if (used.insert(name).second)
      continue;
    unsigned suffix = 2;
    std::string candidate;
    do {
      candidate = name + "_" + utostr(suffix++);
    } while (count.contains(candidate) || !used.insert(candidate).second);
    name = candidate;
  }
  return result;
}

std::string nncc::modelIdentifier(StringRef text) {
  std::string result = cIdentifier(text);
  return StringRef(result).starts_with_insensitive("nncc") ? "x" + result : result;
}
