// Whose mistake a failed command was: the user's ends with status 1, nncc's own with 70 and the words for it.
#include "lib/driver/Diagnostics.h"
#include "lib/support/InternalError.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"

using namespace nncc;

namespace {
struct Diagnostics : testing::Test {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  std::vector<std::string> said;
  DiagnosticPrinter printer{context, "m.onnx", [this](Severity, const std::string &text) { said.push_back(text); }};
  mlir::Location place = mlir::NameLoc::get(mlir::StringAttr::get(&context, "conv1"));
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(place);
};
} // namespace

TEST_F(Diagnostics, AnErrorAtAPlaceOfTheModelIsTheUsers) {
  mlir::emitError(place) << "strides [1, 0] must be positive";
  EXPECT_EQ(printer.exitStatus(), 1);
  EXPECT_EQ(said, std::vector<std::string>{"m.onnx: error: node 'conv1': strides [1, 0] must be positive"});
}

TEST_F(Diagnostics, AnErrorAboutAnOpIsOurs) {
  module->emitOpError() << "has no lowering";
  EXPECT_EQ(printer.exitStatus(), 70);
  EXPECT_EQ(said.front(), "m.onnx: internal error: node 'conv1': 'builtin.module' op has no lowering");
  EXPECT_EQ(said.back(), kReportBug);
}

TEST_F(Diagnostics, AnErrorAboutAnOpIsOursWithoutItsNote) {
  context.printOpOnDiagnostic(false);
  module->emitOpError() << "has no lowering";
  EXPECT_EQ(printer.exitStatus(), 70);
}

TEST_F(Diagnostics, AnErrorOfAConversionIsOurs) {
  mlir::emitError(place) << "failed to legalize operation 'vector.mask'";
  EXPECT_EQ(printer.exitStatus(), 70);
}

TEST_F(Diagnostics, OneMistakeOfOursAmongTheUsersIsOurs) {
  module->emitError() << "has no lowering";
  mlir::emitError(place) << "strides [1, 0] must be positive";
  EXPECT_EQ(printer.exitStatus(), 70);
}

TEST_F(Diagnostics, AFailureWithoutAWordIsOurs) {
  EXPECT_EQ(printer.exitStatus(), 70);
  EXPECT_EQ(said.front(), "nncc: internal error: a step of the compiler failed and did not say why");
}

TEST_F(Diagnostics, ErrorsThatAreNoDiagnosticsCount) {
  printer.report(llvm::createStringError("cannot write 'x'\nnote: no space"));
  EXPECT_EQ(said, (std::vector<std::string>{"nncc: error: cannot write 'x'", "note: no space"}));
  EXPECT_EQ(printer.exitStatus(), 1);
  printer.report(internalError("the module is broken"));
  EXPECT_EQ(said[2], "nncc: internal error: the module is broken");
  EXPECT_EQ(printer.exitStatus(), 70);
}

TEST_F(Diagnostics, WarningsFailNothing) {
  module->emitWarning() << "odd";
  EXPECT_EQ(said.front(), "m.onnx: warning: node 'conv1': odd");
}
