// The choice among the instructions of a machine.
#include "codegen/cpu/MacForm.h"

using namespace mlir;
using namespace nncc;
using namespace nncc::cpu;

static bool sumsWords(nn::DotAttr dot) { return dot.getGroup() == kWordGroup; }

/// The first instruction of the machine for vectors of `lanes` sums that `isWorth` it; one of the other sign before
/// none.
static MacForm chooseDot(nn::MachineAttr machine, MacForm form, int64_t lanes, bool mayUseWords, bool isOrdered,
                         llvm::function_ref<bool(nn::DotAttr)> isWorth) {
  auto fits = [&](nn::DotAttr dot) {
    return dot.getBits() == lanes * 32 && (dot.getRhs() == form.rhs || dot.getRhs().isInteger(16)) &&
           (mayUseWords || !sumsWords(dot)) && isOrdered == dot.saturates() && isWorth(dot);
  };
  if (!form.lhs.isInteger(8) || !form.sum.isInteger(32))
    return form;
  for (bool flipsSign : {false, true})
    for (nn::DotAttr dot : machine.getDots())
      if (fits(dot) && (flipsSign || dot.getLhs() == form.lhs || dot.getLhs().isInteger(16))) {
        form.dot = dot;
        form.flipsSign = flipsSign;
        form.isInWords = sumsWords(dot);
        form.isOrdered = isOrdered;
        return form;
      }
  return form;
}

MacForm MacForm::choose(nn::MachineAttr machine, Type lhs, Type rhs, Type sum, int64_t lanes, int64_t depth,
                        bool mayUseWords, bool isOrdered) {
  return chooseDot(machine, {lhs, rhs, sum, {}}, lanes, mayUseWords, isOrdered, [&](nn::DotAttr dot) {
    // Where half of a group of a product of matrices were zeros, an instruction of half the length does as much, and
    // its taps are one run.
    return dot.getRows() == 1 || depth > dot.getGroup() / 2;
  });
}

MacForm MacForm::chooseForWindow(nn::MachineAttr machine, Type lhs, Type rhs, Type sum, int64_t lanes,
                                 bool mayUseWords) {
  MacForm form = chooseDot(machine, {lhs, rhs, sum, {}}, lanes, mayUseWords, /*isOrdered=*/false,
                           [](nn::DotAttr dot) { return dot.getRows() == 1; });
  if (form.isInWords) // of one channel nothing lies side by side
    form.dot = {};
  return form;
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
