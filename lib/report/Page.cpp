// See Page.h. The bytes of the three files are taken in by the assembler.
#include "lib/report/Page.h"
#include "lib/support/Assert.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

#define NNCC_EMBED(name, path)                                                                                         \
  __asm__(".pushsection .rodata\n"                                                                                     \
          ".hidden nncc_page_" name "_begin, nncc_page_" name "_end\n"                                                 \
          ".globl nncc_page_" name "_begin, nncc_page_" name "_end\n"                                                  \
          "nncc_page_" name "_begin: .incbin \"" path "\"\n"                                                           \
          "nncc_page_" name "_end:\n"                                                                                  \
          ".popsection\n")
NNCC_EMBED("html", NNCC_PAGE_FOLDER "/page.html");
NNCC_EMBED("css", NNCC_PAGE_FOLDER "/page.css");
NNCC_EMBED("js", NNCC_PAGE_FOLDER "/page.js");
#undef NNCC_EMBED

extern "C" const char nncc_page_html_begin[], nncc_page_html_end[], nncc_page_css_begin[], nncc_page_css_end[],
    nncc_page_js_begin[], nncc_page_js_end[];

using namespace llvm;

namespace nncc {

static StringRef embedded(const char *begin, const char *end) { return StringRef(begin, end - begin); }

/// JSON as ASCII that no parser of HTML takes for a tag, the end of a script or a reference.
static void writeEscaped(StringRef text, raw_ostream &os) {
  const auto *at = text.bytes_begin(), *end = text.bytes_end();
  while (at < end) {
    if (*at < 0x80 && *at != '<' && *at != '>' && *at != '&') {
      os << char(*at++);
      continue;
    }
    UTF32 code = 0;
    ConversionResult result = convertUTF8Sequence(&at, end, &code, strictConversion);
    NNCC_ASSERT(result == conversionOK, "documents are UTF-8");
    if (code < 0x10000)
      os << format("\\u%04x", unsigned(code));
    else
      os << format("\\u%04x\\u%04x", unsigned(0xd800 + ((code - 0x10000) >> 10)),
                   unsigned(0xdc00 + ((code - 0x10000) & 0x3ff)));
  }
}

void writePage(const json::Value &document, raw_ostream &os) {
  StringRef rest = embedded(nncc_page_html_begin, nncc_page_html_end);
  while (!rest.empty()) {
    auto [before, behind] = rest.split("{{");
    os << before;
    auto [what, after] = behind.split("}}");
    if (what == "style")
      os << embedded(nncc_page_css_begin, nncc_page_css_end);
    else if (what == "script")
      os << embedded(nncc_page_js_begin, nncc_page_js_end);
    else if (what == "document")
      writeEscaped(formatv("{0}", document).str(), os);
    else
      NNCC_ASSERT(what.empty(), "page.html names what is put there");
    rest = after;
  }
}

} // namespace nncc
