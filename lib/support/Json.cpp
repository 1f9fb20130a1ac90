// See Json.h.
#include "lib/support/Json.h"

using namespace llvm;

namespace nncc {

constexpr unsigned kMostNesting = 64;

/// Whether more lists and objects than that are open at some place. Brackets in strings open nothing.
static bool isTooDeep(StringRef text) {
  unsigned open = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '"')
      inString = !inString;
    else if (inString)
      i += c == '\\';
    else if (c == '[' || c == '{') {
      if (++open > kMostNesting)
        return true;
    } else if ((c == ']' || c == '}') && open)
      --open;
  }
  return false;
}

Expected<json::Value> parseJson(StringRef text) {
  if (isTooDeep(text))
    return createStringError("more than " + Twine(kMostNesting) + " lists and objects are nested");
  return json::parse(text);
}

} // namespace nncc
