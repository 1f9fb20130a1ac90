// The page of `nncc report`: one HTML file that needs no other.
#ifndef NNCC_LIB_REPORT_PAGE_H
#define NNCC_LIB_REPORT_PAGE_H
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

namespace nncc {

/// Writes page.html with its style and its script, which draws what the document says (docs/schemas/report.json).
///
/// Names in a document are those of a file, and may be anything: in the page they are ASCII without `<`, `>` or `&`,
/// and the script makes text of them, never elements.
void writePage(const llvm::json::Value &document, llvm::raw_ostream &os);

} // namespace nncc
#endif
