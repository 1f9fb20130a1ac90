// Prints MLIR remarks, one line each: `remark: PASS: node 'x': text`.
#include "lib/driver/Remarks.h"
#include "dialects/nn/Origin.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace nncc {
namespace {

struct Streamer : remark::detail::MLIRRemarkStreamerBase {
  void streamOptimizationRemark(const remark::detail::Remark &remark) override {
    llvm::errs() << "remark: ";
    remark.print(llvm::errs());
    llvm::errs() << "\n";
  }
};

} // namespace

LogicalResult enableRemarks(MLIRContext &context) {
  if (remarkFilters().empty())
    return success();
  std::string pattern;
  for (const std::string &pass : remarkFilters())
    pattern += (pattern.empty() ? "" : "|") + (pass == "all" ? ".*" : llvm::Regex::escape(pass));
  remark::RemarkCategories categories{pattern, pattern, pattern, pattern, pattern};
  return remark::enableOptimizationRemarks(context, std::make_unique<Streamer>(),
                                           std::make_unique<remark::RemarkEmittingPolicyAll>(), categories);
}

} // namespace nncc
