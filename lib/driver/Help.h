// What nncc says of itself, all of it from the commands and their options: help, the page of the manual, completion.
#ifndef NNCC_LIB_DRIVER_HELP_H
#define NNCC_LIB_DRIVER_HELP_H
#include "lib/driver/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

namespace nncc {

/// `nncc --help`
void printOverview(llvm::raw_ostream &os);
/// `nncc help COMMAND`: what it is for, examples, its options in groups, as wide as the terminal.
void printHelp(const Command &command, llvm::raw_ostream &os);
/// nncc.1, for man.
void printManual(llvm::raw_ostream &os);
/// What a shell reads to complete commands, options and their values.
///
/// shell    bash, zsh or fish
/// returns  false for another one
bool printCompletion(llvm::StringRef shell, llvm::raw_ostream &os);

/// The values that an option may have, by its name without dashes; none where it may have any.
std::vector<std::string> valuesOf(llvm::StringRef option);

} // namespace nncc
#endif
