// C identifiers for names that came from a file and may hold anything.
#include "codegen/emit/Identifiers.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace llvm;

static StringSet<> setOf(StringRef list) {
  StringSet<> set;
  for (StringRef word : llvm::split(list, ' '))
    set.insert(word);
  return set;
}

/// Keywords of C23 and C++20, lower-case macros that headers or compilers define (`linux` is one in GNU mode), and the
/// types that a header of ours uses, whose names C++ lets no member of the same struct have.
static bool isWord(StringRef text) {
  static const StringSet<> words =
      setOf("alignas alignof and and_eq asm assert auto bitand bitor bool break case catch char char16_t char32_t "
            "char8_t class co_await co_return co_yield compl complex concept const const_cast consteval constexpr "
            "constinit continue decltype default delete do double dynamic_cast else enum errno explicit export extern "
            "false float for friend goto i386 if imaginary inline int int16_t int32_t int64_t int8_t linux long "
            "math_errhandling mutable namespace new noexcept noreturn not not_eq nullptr offsetof operator or or_eq "
            "private protected public register reinterpret_cast requires restrict return short signed size_t sizeof "
            "static static_assert static_cast stderr stdin stdout struct switch template this thread_local throw true "
            "try typedef typeid typename typeof typeof_unqual uint16_t uint32_t uint64_t uint8_t union unix unsigned "
            "using virtual void volatile wchar_t while xor xor_eq");
  return words.contains(text);
}

/// True for a name that a header of standard C may define as a macro, or one of POSIX that comes with it.
/// source  C11, 7.31 (names reserved for headers) and Annex B; <limits.h> and <signal.h> of POSIX.1-2017 and glibc
static bool isMacroOfHeaders(StringRef text) {
  static const StringSet<> names =
      setOf("BIG_ENDIAN BUFSIZ BYTE_ORDER CHAR_BIT CLOCKS_PER_SEC DECIMAL_DIG EOF EXIT_FAILURE EXIT_SUCCESS "
            "FD_SETSIZE HUGE_VAL HUGE_VALF HUGE_VALL I INFINITY LITTLE_ENDIAN L_ctermid L_tmpnam MAX_CANON MAX_INPUT "
            "MINSIGSTKSZ NAN NDEBUG NFDBITS NGREG NSIG NULL ONCE_FLAG_INIT PDP_ENDIAN PIPE_BUF "
            "PTHREAD_DESTRUCTOR_ITERATIONS PTHREAD_STACK_MIN P_tmpdir TIMER_ABSTIME TIME_UTC TSS_DTOR_ITERATIONS "
            "WCONTINUED WEOF WEXITED WNOHANG WNOWAIT WSTOPPED WUNTRACED");
  if (names.contains(text))
    return true;
  for (StringRef family :
       {"ATOMIC_", "BUS_", "CLD_",  "CLOCK_", "DBL_",  "FE_",   "FLT_", "FPE_", "FP_", "ILL_", "LC_",    "LDBL_",
        "MATH_",   "M_",   "POLL_", "SA_",    "SEEK_", "SEGV_", "SI_",  "SS_",  "sa_", "si_",  "sigev_", "atomic_"})
    if (text.starts_with(family))
      return true;
  bool isUpper = llvm::none_of(text, [](char c) { return isLower(c); });
  // errno.h: E and capitals; signal.h: SIG and capitals.
  if (isUpper && text.size() > 1 && text.front() == 'E' && !text.contains('_'))
    return true;
  if (isUpper && text.size() > 3 && text.starts_with("SIG"))
    return true;
  // limits.h, stdint.h: INT32_MAX, UINT_FAST8_MAX, PATH_MAX, INT_WIDTH.
  if (isUpper && (text.ends_with("_MAX") || text.ends_with("_MIN") || text.ends_with("_WIDTH")))
    return true;
  // inttypes.h: PRId32, SCNuPTR.
  StringRef format = text;
  return (format.consume_front("PRI") || format.consume_front("SCN")) && !format.empty() &&
         StringRef("diouxX").contains(format.front()) && format.size() > 1 &&
         (isDigit(format[1]) || llvm::is_contained({"MAX", "PTR"}, format.drop_front()) ||
          format.drop_front().starts_with("FAST") || format.drop_front().starts_with("LEAST"));
}

/// An identifier, with a letter in front.
static std::string mangled(StringRef text) {
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
  return result;
}

std::string nncc::cIdentifier(StringRef text) {
  std::string result = mangled(text);
  return isWord(result) || isMacroOfHeaders(result) ? result + "_" : result;
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
  // No name of the header is the prefix alone, but a name of a file may be one of a variable.
  std::string result = mangled(text);
  if (isWord(result))
    result += '_';
  return StringRef(result).starts_with_insensitive("nncc") ? "x" + result : result;
}
