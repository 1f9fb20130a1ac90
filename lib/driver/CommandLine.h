// The command line of nncc: which commands there are, the options that several of them share.
#ifndef NNCC_LIB_DRIVER_COMMANDLINE_H
#define NNCC_LIB_DRIVER_COMMANDLINE_H
#include "lib/driver/Compile.h"
#include "llvm/Support/CommandLine.h"
#include <memory>

namespace nncc {

class OutputFiles;

/// Runs nncc. Returns the exit status: 0 it worked; 1 the model, the command or the environment is wrong, and a message
/// says how; 2 numbers differ (`run --check`, `debug`, `validate --require`); 70 an internal error.
int runCommandLine(int argc, char **argv);

/// Exit status of a comparison that failed.
inline constexpr int kNumbersDiffer = 2;

/// One command of nncc: `nncc NAME ...`. CommandLine.cpp lists them; nothing else has to know a new one.
struct Command {
  const char *name;
  const char *summary;  ///< a line of `nncc --help`
  const char *overview; ///< above the options of `nncc help NAME`; empty lines part paragraphs
  int (*run)();
  /// Its options are those with this category. Every command's file defines its own.
  llvm::cl::OptionCategory &(*category)();
  bool takesData = false;              ///< `--input` may name files with the values of inputs
  bool isCompiler = true;              ///< has the options that say what is compiled for which target
  bool needsOnnx = false;              ///< a model that is IR is refused
  const char *examples = "";           ///< lines of the help
  bool printsReport = false;           ///< has `--json`, and `-o` names a file for what it prints
  const char *argument = "MODEL.onnx"; ///< what comes behind its name; may be empty
};

/// All of them, in the order of the help.
llvm::ArrayRef<const Command *> allCommands();

/// The categories of commands whose options lie in several files.
llvm::cl::OptionCategory &compileCategory();
llvm::cl::OptionCategory &runCategory();
llvm::cl::OptionCategory &benchCategory();
llvm::cl::OptionCategory &debugCategory();
llvm::cl::OptionCategory &inspectCategory();
llvm::cl::OptionCategory &validateCategory();
llvm::cl::OptionCategory &reportCategory();
llvm::cl::OptionCategory &quantizeCategory();
llvm::cl::OptionCategory &tuneCategory();
llvm::cl::OptionCategory &estimateCategory();
llvm::cl::OptionCategory &targetsCategory();
llvm::cl::OptionCategory &opsCategory();
llvm::cl::OptionCategory &doctorCategory();
llvm::cl::OptionCategory &completionCategory();

extern const Command compileCommand, runCommand, benchCommand, debugCommand, inspectCommand, validateCommand,
    tuneCommand, reportCommand, quantizeCommand, estimateCommand, targetsCommand, opsCommand, doctorCommand,
    completionCommand;

/// The groups of options in a command's help; an option without one is the command's own.
llvm::cl::OptionCategory &modelGroup();
llvm::cl::OptionCategory &quantizingGroup();
llvm::cl::OptionCategory &targetGroup();
llvm::cl::OptionCategory &outputGroup();
llvm::cl::OptionCategory &developerGroup();

/// cl::values() of an option, which help and completion know as well.
llvm::cl::ValuesClass namedValues(llvm::StringRef option, std::initializer_list<llvm::cl::OptionEnumValue> values);

/// Frees a name that an option inside LLVM's libraries has, so that one of ours can have it. Returns the name.
llvm::StringRef ownOptionName(llvm::StringRef name);

/// The model's path, as given.
const std::string &modelArgument();

/// What the shared options say: model, target, dims, bindings, IR printing.
///
/// native           whether `--cpu=native` may be said
/// isNativeDefault  it is what is meant where no CPU is named, for code that runs on this machine
/// error            printed; nothing is returned
std::optional<CompileOptions> sharedOptions(NativeCpu native, bool isNativeDefault = false);

/// `-o`: the folder of compile and run, the file of quantize; empty where it is not given.
const std::string &outputArgument();
/// error: a file to write is the model itself, which would be lost
llvm::Error checkOutputFile(llvm::StringRef path);
/// A file that is written when all is known. Its folder is tried at once: an unusable one is said before the work.
///
/// example  a name for such a file, which is said where the path is none
llvm::Expected<std::unique_ptr<OutputFiles>> openOutputFile(llvm::StringRef path, llvm::StringRef example);

/// The `--input NAME=FILE.npy` and `--input SET` of run, bench and debug. Formats, `--input NAME=u8,...`, are among the
/// shared options.
std::vector<std::string> inputFiles();
/// Which sample of a data set `--input` takes: `--sample`.
uint64_t sampleOption();
/// What run and debug share: `--seed`, `--rtol`, whose default is what the floats of the code allow.
uint64_t seedOption();
/// error: a number that the pool cannot have: printed, nothing is returned
std::optional<unsigned> threadsOption();
/// error: no number of at least 0: printed, nothing is returned
std::optional<double> relativeTolerance(const CompileOptions &options);
/// True where `--rtol` is given.
bool isToleranceGiven();
/// `--json` of every command that prints a report.
bool wantsJson();
/// What debug, validate and report share: `--reference`, empty where it is not given, and `--python`.
std::string referenceArgument();
std::string pythonArgument();

/// What validate, quantize, `--quantize` and report share: `--data`.
std::string dataArgument();
/// `--samples` of validate and report. error: none is asked for: printed, nothing is returned
std::optional<uint64_t> samplesArgument();

/// A line on standard error that says what is being done, on terminals, when it takes longer than a second.
class Progress {
public:
  Progress();
  ~Progress(); ///< the line goes; so it does before a message, and before what eraseStatus() stands in front of
  void operator()(llvm::StringRef what);

private:
  bool isShown;
  double start;
};

/// A bar on standard error, on terminals: how many of a known number of things are done, and how long the rest takes.
class ProgressBar {
public:
  explicit ProgressBar(uint64_t total);
  ~ProgressBar();
  void operator()(uint64_t done);

private:
  uint64_t total;
  bool isShown;
  double start, last;
};

} // namespace nncc
#endif
