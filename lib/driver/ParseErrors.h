// What LLVM's parser of options finds wrong with a command line, in the words of nncc.
#ifndef NNCC_LIB_DRIVER_PARSEERRORS_H
#define NNCC_LIB_DRIVER_PARSEERRORS_H
#include "lib/driver/CommandLine.h"

namespace nncc {

/// Lets LLVM read the options of a command, whose name and own words stand first.
///
/// returns  what it says that is wrong, which it prints in part on standard error; empty: nothing is
std::string parseOptions(llvm::ArrayRef<const char *> arguments);

/// The message, and behind it what may be given instead.
///
/// said  by the parser: one line or several
std::string parseErrorText(llvm::StringRef said, const Command &command);

} // namespace nncc
#endif
