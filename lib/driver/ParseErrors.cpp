// See ParseErrors.h. The sentences on the left are those of CommandLine.cpp in LLVM.
#include "lib/driver/ParseErrors.h"
#include "lib/driver/Help.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

using namespace llvm;

namespace nncc {

namespace {

/// What stands between the first two quotes of a sentence.
StringRef quotedIn(StringRef text) { return text.split('\'').second.split('\'').first; }

std::string dashed(StringRef name) { return (name.size() == 1 ? "-" : "--") + name.str(); }

/// What an option may have been meant to be: one of the command that differs in few letters.
std::string hintFor(StringRef flag, const Command &command) {
  if (flag.starts_with("-O") && flag.size() <= 3)
    return "\nnote: code is always optimized: there are no levels";
  auto [name, value] = flag.ltrim('-').split('=');
  std::string nearest;
  unsigned least = std::max<size_t>(1, name.size() / 2) + 1;
  for (auto &[known, option] : cl::getRegisteredOptions())
    if (is_contained(option->Categories, &command.category()) && name.edit_distance(known) < least) {
      least = name.edit_distance(known);
      nearest = known.str();
    }
  return nearest.empty() || name.size() < 2
             ? ""
             : "\nnote: did you mean '" + dashed(nearest) + (value.empty() ? "" : "=") + value.str() + "'?";
}

/// What is wrong with the value of an option; empty where the parser says what is not known here.
std::string valueError(StringRef option, StringRef complaint) {
  std::string given = option.str() + "=" + quotedIn(complaint).str();
  if (complaint.starts_with("Cannot find option named")) {
    std::string values = join(valuesOf(option.ltrim('-')), ", ");
    return given + " is none of its values" + (values.empty() ? "" : "\nnote: it may be " + values);
  }
  if (complaint.contains("value invalid for floating point argument"))
    return given + " is no number";
  if (complaint.contains("value invalid for u"))
    return given + " is no whole number from 0 on";
  if (complaint.contains("value invalid for"))
    return given + " is no whole number";
  if (complaint.starts_with("requires a value"))
    return option.str() + " needs a value";
  if (complaint.starts_with("does not allow a value") || complaint.contains("invalid value for boolean argument"))
    return option.str() + " takes no value, and '" + quotedIn(complaint).str() + "' is given";
  if (complaint.starts_with("may only occur"))
    return option.str() + " is given more than once";
  return "";
}

} // namespace

std::string parseOptions(ArrayRef<const char *> arguments) {
  std::string said;
  raw_string_ostream problems(said);
  // Wrong values are told to standard error, whatever stream is given.
  std::FILE *printed = std::tmpfile();
  int terminal = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  bool isCaught = printed && terminal >= 0 && ::dup2(::fileno(printed), STDERR_FILENO) >= 0;
  bool isRight = cl::ParseCommandLineOptions(arguments.size(), arguments.data(), "", &problems, nullptr, nullptr, true);
  if (isCaught) {
    ::dup2(terminal, STDERR_FILENO);
    std::rewind(printed);
    for (int c; (c = std::fgetc(printed)) != EOF;)
      said += char(c);
  }
  if (terminal >= 0)
    ::close(terminal);
  if (printed)
    std::fclose(printed);
  return isRight ? "" : said.empty() ? "an option is wrong" : said;
}

std::string parseErrorText(StringRef said, const Command &command) {
  std::string help = "\nnote: `nncc " + std::string(command.name) + " --help` lists the options and their values";
  StringRef first = said.ltrim().split('\n').first;
  first.consume_front("nncc: error: ");
  if (first.starts_with("Unknown command line argument")) {
    std::string hint = hintFor(quotedIn(first), command);
    return "'" + std::string(command.name) + "' has no option '" + quotedIn(first).str() + "'" +
           (hint.empty() ? help : hint);
  }
  if (first.starts_with("Too many positional arguments"))
    return "more than one file is given\nnote: a command takes one model, and options begin with a dash";
  if (StringRef complaint = first; complaint.consume_front("for the ")) {
    auto [option, rest] = complaint.split(" option: ");
    if (std::string text = valueError(option, rest); !text.empty())
      return StringRef(text).contains("\nnote: ") ? text : text + help;
  }
  return first.str() + help;
}

} // namespace nncc
