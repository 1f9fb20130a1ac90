// See Help.h.
#include "lib/driver/Help.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Process.h"

using namespace llvm;

namespace nncc {

cl::OptionCategory &modelGroup() {
  static cl::OptionCategory group("model");
  return group;
}
cl::OptionCategory &quantizingGroup() {
  static cl::OptionCategory group("quantizing");
  return group;
}
cl::OptionCategory &targetGroup() {
  static cl::OptionCategory group("target");
  return group;
}
cl::OptionCategory &outputGroup() {
  static cl::OptionCategory group("output");
  return group;
}
cl::OptionCategory &developerGroup() {
  static cl::OptionCategory group("for developers of nncc");
  return group;
}

namespace {

using Values = std::vector<std::pair<std::string, std::string>>; ///< and what each stands for

std::map<std::string, Values> &valuesOfOptions() {
  static std::map<std::string, Values> all;
  return all;
}

/// What is said of an option.
struct OptionText {
  std::string flag;  ///< `--target`, `-o`
  std::string value; ///< `TARGET`; empty for one without
  std::string help;
  const Values *values; ///< those that it may have; null: any
  bool isSeparate;      ///< `-o DIR`, not `--target=TARGET`

  std::string usage() const { return value.empty() ? flag : flag + (isSeparate ? " " : "=") + value; }
};

struct OptionGroup {
  StringRef title;
  std::vector<OptionText> options;
};

OptionText describe(const cl::Option &option) {
  bool isLetter = option.ArgStr.size() == 1;
  bool takesValue = option.getValueExpectedFlag() == cl::ValueRequired;
  auto values = valuesOfOptions().find(option.ArgStr.str());
  StringRef value = option.ValueStr.empty() ? (values == valuesOfOptions().end() ? "X" : "WHAT") : option.ValueStr;
  return {(isLetter ? "-" : "--") + option.ArgStr.str(), takesValue ? value.str() : "", option.HelpStr.str(),
          values == valuesOfOptions().end() ? nullptr : &values->second, isLetter};
}

/// The options of a command: its own first, then those of groups that commands share.
std::vector<OptionGroup> groupsOf(const Command &command) {
  std::vector<OptionGroup> groups{{"options", {}}};
  std::vector<const cl::OptionCategory *> categories{nullptr};
  for (cl::OptionCategory *group :
       {&modelGroup(), &quantizingGroup(), &targetGroup(), &outputGroup(), &developerGroup()}) {
    groups.push_back({group->getName(), {}});
    categories.push_back(group);
  }
  for (auto &[name, option] : cl::getRegisteredOptions()) {
    if (!is_contained(option->Categories, &command.category()) || option->ArgStr.empty())
      continue;
    size_t at = 0;
    for (size_t i = 1; i < groups.size(); ++i)
      if (is_contained(option->Categories, categories[i]))
        at = i;
    groups[at].options.push_back(describe(*option));
  }
  erase_if(groups, [](const OptionGroup &group) { return group.options.empty(); });
  for (OptionGroup &group : groups)
    sort(group.options, [](const OptionText &a, const OptionText &b) { return a.flag < b.flag; });
  return groups;
}

/// The paragraphs of an overview, whose lines are those of its source.
std::vector<std::string> paragraphsOf(StringRef text) {
  std::vector<std::string> paragraphs;
  SmallVector<StringRef> parts, words;
  text.split(parts, "\n\n", -1, /*KeepEmpty=*/false);
  for (StringRef part : parts) {
    words.clear();
    SplitString(part, words, " \n");
    paragraphs.push_back(join(words, " "));
  }
  return paragraphs;
}

/// Prints a text in lines of a width, all but the first indented.
///
/// column  where the first line begins: that much of it is printed already
void wrap(raw_ostream &os, StringRef text, size_t width, size_t indent, size_t column) {
  SmallVector<StringRef> words;
  text.split(words, ' ', -1, /*KeepEmpty=*/false);
  bool isFirst = true;
  for (StringRef word : words) {
    if (!isFirst && column + 1 + word.size() > width) {
      os << "\n" << std::string(indent, ' ');
      column = indent;
    } else if (!isFirst) {
      os << ' ';
      ++column;
    }
    os << word;
    column += word.size();
    isFirst = false;
  }
  os << "\n";
}

size_t terminalWidth() {
  unsigned columns = sys::Process::StandardOutColumns();
  return columns ? std::min(std::max(columns, 50u), 120u) : 100;
}

/// A word, and behind it what it means.
void printRow(raw_ostream &os, StringRef word, StringRef meaning, size_t indent, size_t column, size_t width) {
  os << std::string(indent, ' ') << word;
  size_t at = indent + word.size();
  if (at + 2 > column) {
    os << "\n";
    at = 0;
  }
  os << std::string(column - at, ' ');
  wrap(os, meaning, width, column, column);
}

std::string usageOf(const Command &command) {
  return "nncc " + std::string(command.name) + (*command.argument ? " " + std::string(command.argument) : "") +
         " [OPTIONS]";
}

constexpr const char *kExitStatus = "0 it worked; 1 the model, the command or the environment is wrong, and a message "
                                    "says how; 2 numbers differ (run --check, debug, validate --require); 70 an "
                                    "internal error of nncc.";

/// A text in the language of man pages.
std::string troff(StringRef text) {
  std::string escaped;
  for (char c : text)
    escaped += c == '\\' ? std::string("\\e") : c == '-' ? std::string("\\-") : std::string(1, c);
  // A line that begins so would be a command.
  return StringRef(escaped).starts_with(".") || StringRef(escaped).starts_with("'") ? "\\&" + escaped : escaped;
}

/// A text as a word of a shell.
std::string shellWord(StringRef text) {
  std::string word = "'";
  for (char c : text)
    word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

/// Everything that may be written behind a command: `--target=`, `--json`, and values, `--emit=lib`.
std::vector<std::string> completionsOf(const Command &command) {
  std::vector<std::string> words;
  for (const OptionGroup &group : groupsOf(command))
    for (const OptionText &option : group.options) {
      words.push_back(option.flag + (option.value.empty() || option.isSeparate ? "" : "="));
      if (option.values)
        for (auto &[value, meaning] : *option.values)
          words.push_back(option.flag + "=" + value);
    }
  return words;
}

std::string namesOfCommands() {
  std::string names = "help";
  for (const Command *command : allCommands())
    names += " " + std::string(command->name);
  return names;
}

/// zsh reads the same: it has bash's way of completing.
void printBash(raw_ostream &os) {
  os << "_nncc() {\n"
        "  local word=${COMP_WORDS[COMP_CWORD]} line=${COMP_LINE:0:COMP_POINT} words=''\n"
        "  COMPREPLY=()\n"
        "  if [[ $COMP_CWORD == 1 || ${COMP_WORDS[1]} == help ]]; then\n"
        "    COMPREPLY=($(compgen -W '"
     << namesOfCommands()
     << "' -- \"$word\"))\n"
        "    return\n"
        "  fi\n"
        "  case ${COMP_WORDS[1]} in\n";
  for (const Command *command : allCommands())
    os << "    " << command->name << ") words=" << shellWord(join(completionsOf(*command), " ")) << " ;;\n";
  os << "  esac\n"
        "  # The shell cuts words at '='; what is offered begins behind it.\n"
        "  local whole=${line##* }\n"
        "  if [[ $whole == -* ]]; then\n"
        "    local prefix=''\n"
        "    [[ $whole == *=* && $COMP_WORDBREAKS == *=* ]] && prefix=${whole%=*}=\n"
        "    local offers=($(compgen -W \"$words\" -- \"$whole\"))\n"
        "    COMPREPLY=(\"${offers[@]#\"$prefix\"}\")\n"
        "    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null\n"
        "  fi\n"
        "  # No option: a file.\n"
        "  if [[ ${#COMPREPLY[@]} == 0 ]]; then COMPREPLY=($(compgen -f -- \"${word#=}\")); fi\n"
        "}\n"
        "complete -o filenames -F _nncc nncc\n";
}

void printFish(raw_ostream &os) {
  os << "complete -c nncc -n __fish_use_subcommand -x -a " << shellWord(namesOfCommands()) << "\n";
  for (const Command *command : allCommands()) {
    std::string condition = "-n '__fish_seen_subcommand_from " + std::string(command->name) + "'";
    for (const OptionGroup &group : groupsOf(*command))
      for (const OptionText &option : group.options) {
        os << "complete -c nncc " << condition << (option.isSeparate ? " -s " : " -l ")
           << option.flag.substr(option.isSeparate ? 1 : 2) << (option.value.empty() ? "" : " -r") << " -d "
           << shellWord(StringRef(option.help).split('.').first);
        if (option.values) {
          std::string words;
          for (auto &[value, meaning] : *option.values)
            words += (words.empty() ? "" : " ") + value;
          os << " -f -a " << shellWord(words);
        }
        os << "\n";
      }
  }
}

} // namespace

cl::ValuesClass namedValues(StringRef option, std::initializer_list<cl::OptionEnumValue> values) {
  Values &described = valuesOfOptions()[option.str()];
  for (const cl::OptionEnumValue &value : values)
    described.emplace_back(value.Name.str(), value.Description.str());
  return cl::ValuesClass(values);
}

std::vector<std::string> valuesOf(StringRef option) {
  std::vector<std::string> values;
  if (auto known = valuesOfOptions().find(option.str()); known != valuesOfOptions().end())
    for (auto &[value, meaning] : known->second)
      values.push_back(value);
  return values;
}

void printOverview(raw_ostream &os) {
  size_t width = terminalWidth();
  os << "nncc " NNCC_VERSION ": compiles an ONNX model to a static library and a C header\n\n"
        "usage: nncc COMMAND MODEL.onnx [OPTIONS]\n\ncommands:\n";
  for (const Command *command : allCommands())
    printRow(os, command->name, command->summary, 2, 14, width);
  printRow(os, "help", "explain a command and its options: nncc help COMMAND", 2, 14, width);
  os << "\nexamples:\n"
        "  nncc compile model.onnx -o out               libmodel.a, model.h, model.json\n"
        "  nncc compile model.onnx -o out --target=aarch64-linux-gnu --cpu=cortex-a55\n"
        "  nncc run model.onnx --input image=photo.npy  compile for this machine and run\n"
        "  nncc inspect model.onnx                      inputs, dims, kernels, memory\n\n";
  wrap(os, std::string("exit status: ") + kExitStatus, width, 0, 0);
}

void printHelp(const Command &command, raw_ostream &os) {
  size_t width = terminalWidth();
  os << "usage: " << usageOf(command) << "\n\n";
  for (const std::string &paragraph : paragraphsOf(command.overview)) {
    wrap(os, paragraph, width, 0, 0);
    os << "\n";
  }
  if (*command.examples)
    os << "examples:\n" << command.examples << "\n";
  for (const OptionGroup &group : groupsOf(command)) {
    os << group.title << ":\n";
    for (const OptionText &option : group.options) {
      printRow(os, option.usage(), option.help, 2, 28, width);
      if (!option.values)
        continue;
      size_t longest = 0;
      for (auto &[value, meaning] : *option.values)
        longest = std::max(longest, value.size());
      for (auto &[value, meaning] : *option.values)
        printRow(os, value, meaning, 30, 32 + longest, width);
    }
    os << "\n";
  }
}

void printManual(raw_ostream &os) {
  os << ".TH NNCC 1 \"\" \"nncc " NNCC_VERSION "\"\n"
        ".SH NAME\nnncc \\- compile a neural network to a static library\n"
        ".SH SYNOPSIS\n.B nncc\n.I COMMAND MODEL.onnx\n.RI [ OPTIONS ]\n.br\n.B nncc help\n.I COMMAND\n"
        ".SH DESCRIPTION\n.B nncc\ncompiles an ONNX model ahead of time: to machine code without interpreter or heap, "
        "with its weights in read\\-only data and one working memory whose size is a constant of the header.\n"
        ".SH COMMANDS\n";
  for (const Command *command : allCommands()) {
    os << ".SS " << troff(usageOf(*command)) << "\n";
    for (const std::string &paragraph : paragraphsOf(command->overview))
      os << troff(paragraph) << "\n.PP\n";
    if (*command->examples) {
      SmallVector<StringRef> lines;
      StringRef(command->examples).split(lines, '\n', -1, false);
      os << ".nf\n";
      for (StringRef line : lines)
        os << troff(line) << "\n";
      os << ".fi\n";
    }
    for (const OptionGroup &group : groupsOf(*command))
      for (const OptionText &option : group.options) {
        os << ".TP\n.B " << troff(option.usage()) << "\n" << troff(option.help) << "\n";
        if (option.values)
          for (auto &[value, meaning] : *option.values)
            os << ".br\n" << troff(value) << ": " << troff(meaning) << "\n";
      }
  }
  os << ".SH EXIT STATUS\n"
     << troff(kExitStatus)
     << "\n.SH SEE ALSO\nthe files in the documentation folder\n.IR share/doc/nncc ,\n.BR pkg\\-config (1),\n"
        ".BR cmake (1)\n";
}

bool printCompletion(StringRef shell, raw_ostream &os) {
  if (shell == "fish")
    return printFish(os), true;
  if (shell == "zsh")
    os << "#compdef nncc\nautoload -U +X bashcompinit && bashcompinit\n";
  else if (shell != "bash")
    return false;
  printBash(os);
  return true;
}

} // namespace nncc
