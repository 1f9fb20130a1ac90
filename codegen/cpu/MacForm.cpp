// The choice among the instructions of a machine.
#include "codegen/cpu/MacForm.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

/// The first instruction of the machine of at most `mostRows` rows that fits.
static MacForm chooseDot(nn::MachineAttr machine, Type lhs, Type rhs, Type sum, int64_t lanes, int64_t mostRows) {
  MacForm form{lhs, rhs, sum, {}};
  if (!lhs.isInteger(8) || !sum.isInteger(32))
    return form;
  auto fits = [&](nn::DotAttr dot) {
    return dot.getRows() <= mostRows && dot.getBits() == lanes * 32 &&
           (dot.getRhs() == rhs || dot.getRhs().isInteger(16));
  };
  for (nn::DotAttr dot : machine.getDots())
    if (fits(dot) && (dot.getLhs() == lhs || dot.getLhs().isInteger(16))) {
      form.dot = dot;
      return form;
    }
  // One of the other sign, before none.
  for (nn::DotAttr dot : machine.getDots())
    if (fits(dot)) {
      form.dot = dot;
      form.flipsSign = true;
      return form;
    }
  return form;
}

MacForm MacForm::choose(nn::MachineAttr machine, Type lhs, Type rhs, Type sum, int64_t lanes) {
  return chooseDot(machine, lhs, rhs, sum, lanes, /*mostRows=*/2);
}

MacForm MacForm::chooseForWindow(nn::MachineAttr machine, Type lhs, Type rhs, Type sum, int64_t lanes) {
  return chooseDot(machine, lhs, rhs, sum, lanes, /*mostRows=*/1);
}

MacForm MacForm::ofWords(nn::MachineAttr machine, Type sum, int64_t lanes) {
  MacForm form{sum, sum, sum, {}};
  form.ofWordPairs = true;
  auto fits = [&](nn::DotAttr dot) {
    return dot.getLhs().isInteger(16) && dot.getRhs().isInteger(16) && dot.getGroup() == 2 && dot.getRows() == 1 &&
           dot.getBits() == lanes * 32;
  };
  if (const auto *dot = llvm::find_if(machine.getDots(), fits); dot != machine.getDots().end())
    form.dotOfWords = *dot;
  return form;
}
