// Prints MLIR remarks, one line each: `remark: PASS: node 'x': text`, with `missed: ` before what was not done.
#include "lib/driver/Remarks.h"
#include "dialects/nn/Origin.h"
#include "lib/driver/Diagnostics.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace nncc {
namespace {

/// Whom a remark is about: the nodes of its location, else its function; what is about neither speaks for itself.
std::string subjectOf(const remark::detail::Remark &remark) {
  std::string subject;
  for (const std::string &node : nn::getNodeNames(remark.getLocation()))
    subject += (subject.empty() ? "node '" : ", '") + node + "'";
  if (subject.empty() && remark.getFunction() != "<unknown function>") // what MLIR says where there is none
    return "'" + remark.getFunction().str() + "'";
  return subject;
}

struct Streamer : remark::detail::MLIRRemarkStreamerBase {
  void streamOptimizationRemark(const remark::detail::Remark &remark) override {
    std::string subject = subjectOf(remark);
    llvm::raw_ostream &os = llvm::errs();
    os << "remark: " << remark.getCategoryName() << ": " << subject << (subject.empty() ? "" : ": ")
       << (remark.getRemarkTypeString() == "Missed" ? "missed: " : "");
    for (const auto &part : remark.getArgs())
      os << part.val;
    os << "\n";
  }
};

/// The passes that say what they did.
constexpr llvm::StringLiteral kRemarking[] = {"nncc-apply-tuning",     "nncc-choose-forms",
                                              "nncc-cut-kernels",      "nncc-drop-empty-tensors",
                                              "nncc-drop-unused-ops",  "nncc-emit-contractions",
                                              "nncc-expand-math",      "nncc-expand-views",
                                              "nncc-fold-constants",   "nncc-fold-scale",
                                              "nncc-form-integers",    "nncc-form-kernels",
                                              "nncc-fuse-attention",   "nncc-fuse-chains",
                                              "nncc-fuse-planes",      "nncc-fuse-prologues",
                                              "nncc-hoist-transposes", "nncc-keep-small-weights",
                                              "nncc-lower-vectors",    "nncc-narrow-halves",
                                              "nncc-outline-kernels",  "nncc-place",
                                              "nncc-plan-memory",      "nncc-read-planes",
                                              "nncc-simplify",         "nncc-sink-transposes"};

} // namespace

LogicalResult enableRemarks(MLIRContext &context) {
  if (remarkFilters().empty())
    return success();
  for (const std::string &pass : remarkFilters())
    if (pass != "all" && !llvm::is_contained(kRemarking, pass)) {
      reportError("--remarks=" + pass + " names no pass that makes remarks\nnote: all, or one of " +
                  llvm::join(std::begin(kRemarking), std::end(kRemarking), ", "));
      return failure();
    }
  std::string pattern;
  for (const std::string &pass : remarkFilters())
    pattern += (pattern.empty() ? "" : "|") + (pass == "all" ? ".*" : llvm::Regex::escape(pass));
  remark::RemarkCategories categories{pattern, pattern, pattern, pattern, pattern};
  return remark::enableOptimizationRemarks(context, std::make_unique<Streamer>(),
                                           std::make_unique<remark::RemarkEmittingPolicyAll>(), categories);
}

} // namespace nncc
