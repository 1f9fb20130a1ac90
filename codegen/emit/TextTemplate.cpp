// See TextTemplate.h.
#include "codegen/emit/TextTemplate.h"
#include "lib/support/Assert.h"
#include "llvm/ADT/STLExtras.h"

using namespace llvm;

namespace nncc {

void writeTemplate(StringRef text, ArrayRef<TemplateWord> words, raw_ostream &os) {
  for (StringRef rest = text; !rest.empty();) {
    auto [before, after] = rest.split('@');
    os << before;
    if (after.empty())
      break;
    const auto *word = find_if(words, [&](const TemplateWord &w) { return after.starts_with(w.first); });
    NNCC_ASSERT(word != words.end(), "the text has an unknown word");
    os << word->second;
    rest = after.drop_front(word->first.size());
  }
}

} // namespace nncc
