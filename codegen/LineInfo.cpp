// Names in locations become lines of a file.
#include "codegen/LineInfo.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/BinaryFormat/Dwarf.h"

using namespace mlir;
using namespace nncc;

/// The name of the node that a location speaks of, or an empty string.
static StringRef nodeName(Location location) {
  StringRef name;
  location->walk([&](Location part) {
    auto named = dyn_cast<NameLoc>(part);
    if (!named)
      return WalkResult::advance();
    name = named.getName().getValue();
    return WalkResult::interrupt();
  });
  return name;
}

void nncc::attachLineInfo(ModuleOp module, NodeLines &lines) {
  MLIRContext *context = module.getContext();
  auto file = LLVM::DIFileAttr::get(context, lines.fileName, /*directory=*/"");
  // C11 is the closest language of those that debuggers know.
  auto unit = LLVM::DICompileUnitAttr::get(DistinctAttr::create(UnitAttr::get(context)), llvm::dwarf::DW_LANG_C11, file,
                                           StringAttr::get(context, "nncc"),
                                           /*isOptimized=*/true, LLVM::DIEmissionKind::LineTablesOnly);
  auto type = LLVM::DISubroutineTypeAttr::get(context, ArrayRef<LLVM::DITypeAttr>());

  llvm::MapVector<StringRef, unsigned> lineOf;
  auto lineOfName = [&](StringRef name) {
    return lineOf.try_emplace(name, static_cast<unsigned>(lineOf.size()) + 1).first->second;
  };
  for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
    if (function.isExternal())
      continue;
    StringRef functionNode = nodeName(function.getLoc());
    unsigned functionLine = lineOfName(functionNode.empty() ? function.getName() : functionNode), line = functionLine;
    function.walk([&](Operation *op) {
      if (op == function)
        return;
      StringRef name = nodeName(op->getLoc());
      line = name.empty() ? line : lineOfName(name);
      op->setLoc(FileLineColLoc::get(context, lines.fileName, line, 0));
    });
    auto name = function.getSymNameAttr();
    auto entry = LLVM::DISubprogramAttr::get(
        context, DistinctAttr::create(UnitAttr::get(context)), unit, file, name, name, file, functionLine, functionLine,
        LLVM::DISubprogramFlags::Definition | LLVM::DISubprogramFlags::Optimized, type, {}, {});
    Location place = FileLineColLoc::get(context, lines.fileName, functionLine, 0);
    function->setLoc(FusedLoc::get(context, {place}, entry));
  }
  lines.text.clear();
  for (auto &[name, line] : lineOf)
    lines.text += name.str() + "\n";
}
