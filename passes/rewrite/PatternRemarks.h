// Says which patterns of a pass fired, on which nodes: `--remarks=PASS`.
#ifndef NNCC_PASSES_REWRITE_PATTERNREMARKS_H
#define NNCC_PASSES_REWRITE_PATTERNREMARKS_H
#include "mlir/IR/PatternMatch.h"

namespace nncc {

/// Makes a remark of a pass for each pattern that fires and each op that folds, at the nodes of the op that it was
/// applied to. Patterns need no word of their own for it: the greedy driver tells a listener.
class PatternRemarks : public mlir::RewriterBase::Listener {
public:
  /// `pass`: the flag of the pass, which lives longer, as Pass::getArgument() does.
  PatternRemarks(mlir::MLIRContext *context, llvm::StringRef pass) : context(context), pass(pass) {}

  /// What goes into the driver's configuration: nothing where nobody asks for remarks, and it then tells nobody.
  mlir::RewriterBase::Listener *listener();

private:
  void notifyPatternBegin(const mlir::Pattern &pattern, mlir::Operation *op) override;
  void notifyPatternEnd(const mlir::Pattern &pattern, llvm::LogicalResult status) override;
  void notifyOperationReplaced(mlir::Operation *op, mlir::ValueRange replacement) override;

  mlir::MLIRContext *context;
  llvm::StringRef pass;
  /// What the pattern being tried is applied to: the op itself is gone when one has fired.
  std::optional<std::pair<mlir::Location, mlir::OperationName>> root;
};

/// Where a remark about an op belongs: at the op, or where that has no node, as constants and what is computed of them,
/// at the first op below it that has one.
mlir::Location remarkLocation(mlir::Operation *op);

/// The name of a pattern as its source has it: without namespaces and template arguments.
llvm::StringRef patternName(llvm::StringRef debugName);

} // namespace nncc
#endif
