// nncc completion: what shells read to complete commands and options.
#include "lib/driver/CommandLine.h"
#include "lib/driver/Diagnostics.h"
#include "lib/driver/Help.h"

using namespace llvm;

namespace nncc {

static int writeCompletion() {
  const std::string &shell = modelArgument();
  if (printCompletion(shell, outs()))
    return 0;
  return reportError((shell.empty() ? "no shell given" : "'" + shell + "' is no shell that is known") +
                     "\nnote: nncc completion bash, zsh or fish");
}

const Command completionCommand = {.name = "completion",
                                   .summary = "what bash, zsh or fish read to complete commands and options",
                                   .overview = "Prints a script for a shell, made of the options of all commands.",
                                   .run = writeCompletion,
                                   .category = completionCategory,
                                   .isCompiler = false,
                                   .examples = "  source <(nncc completion bash)\n"
                                               "  nncc completion fish > ~/.config/fish/completions/nncc.fish\n",
                                   .argument = "SHELL"};

} // namespace nncc
