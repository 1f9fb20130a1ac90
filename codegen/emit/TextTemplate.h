// Texts with words in them that a model fills in.
#ifndef NNCC_CODEGEN_EMIT_TEXTTEMPLATE_H
#define NNCC_CODEGEN_EMIT_TEXTTEMPLATE_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"
#include <string>
#include <utility>

namespace nncc {

/// A word, `m` for what stands in the text as `@m`, and what is written in its place.
using TemplateWord = std::pair<llvm::StringRef, std::string>;

/// Writes a text; of its words, longer ones come before their beginnings. All that follow an `@` are known.
void writeTemplate(llvm::StringRef text, llvm::ArrayRef<TemplateWord> words, llvm::raw_ostream &os);

/// What a function writes to a stream.
template <typename Writer> std::string textOf(Writer writer) {
  std::string text;
  llvm::raw_string_ostream os(text);
  writer(os);
  return text;
}

} // namespace nncc
#endif
