// See PatternRemarks.h.
#include "passes/rewrite/PatternRemarks.h"
#include "dialects/nn/Origin.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace nncc {

StringRef patternName(StringRef debugName) {
  StringRef name = debugName.take_until([](char c) { return c == '<'; });
  if (size_t scope = name.rfind("::"); scope != StringRef::npos)
    name = name.drop_front(scope + 2);
  return name.empty() ? "a pattern" : name;
}

Location remarkLocation(Operation *op) {
  if (!op->getContext()->getRemarkEngine())
    return op->getLoc();
  Operation *below = op;
  while (nn::getNodeNames(below->getLoc()).empty() && !below->use_empty())
    below = *below->user_begin();
  return nn::getNodeNames(below->getLoc()).empty() ? op->getLoc() : below->getLoc();
}

RewriterBase::Listener *PatternRemarks::listener() { return context->getRemarkEngine() ? this : nullptr; }

void PatternRemarks::notifyPatternBegin(const Pattern &, Operation *op) {
  root.emplace(remarkLocation(op), op->getName());
}

void PatternRemarks::notifyPatternEnd(const Pattern &pattern, LogicalResult status) {
  if (succeeded(status)) {
    StringRef name = patternName(pattern.getDebugName());
    remark::passed(root->first, remark::RemarkOpts::name(name).category(pass))
        << name << " rewrites " << root->second.getStringRef();
  }
  root.reset();
}

void PatternRemarks::notifyOperationReplaced(Operation *op, ValueRange) {
  // Outside of patterns the driver replaces what folds; constants only move to the front of a block.
  if (!root && !matchPattern(op, m_Constant()))
    remark::passed(remarkLocation(op), remark::RemarkOpts::name("fold").category(pass))
        << op->getName().getStringRef() << " folds";
}

} // namespace nncc
