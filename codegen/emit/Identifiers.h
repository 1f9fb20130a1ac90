// C identifiers for names that came from a file and may hold anything.
#ifndef NNCC_CODEGEN_EMIT_IDENTIFIERS_H
#define NNCC_CODEGEN_EMIT_IDENTIFIERS_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

namespace nncc {

/// Makes a C identifier of any text, the same one each time.
///
/// Runs of other characters become one `_` ("conv/bn:0" -> "conv_bn_0"); a
/// leading digit gets an `x` ("17" -> "x17"); keywords of C and C++ and macros
/// of standard headers get a `_` ("int" -> "int_", "INT32_MAX" -> "INT32_MAX_");
/// nothing left gives "x".
/// returns neither empty nor reserved: it does not begin with `_`
std::string cIdentifier(llvm::StringRef text);

/// cIdentifier of each; repetitions get `_2`, `_3` ... so that all differ.
std::vector<std::string> cIdentifiers(llvm::ArrayRef<std::string> texts);

/// cIdentifier for a model: the prefix of its symbols. Never "nncc", whose
/// `nncc_model` and `nncc_status` are taken by the ABI.
std::string modelIdentifier(llvm::StringRef text);

} // namespace nncc
#endif
