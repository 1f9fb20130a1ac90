// See KernelForms.h.
#include "dialects/nn/KernelForms.h"

using namespace mlir;
using namespace nncc;

static constexpr StringLiteral kPackings = "packings";

LogicalResult nn::verifyForms(KernelOp kernel) {
  Attribute forms = kernel->getAttr(kFormsAttr);
  if (!forms)
    return success();
  auto isForm = [&](Attribute attr) {
    auto form = dyn_cast<DictionaryAttr>(attr);
    Attribute packings = form ? form.get(kPackings) : Attribute();
    auto list = dyn_cast_or_null<ArrayAttr>(packings);
    return form && (!packings || (list && list.size() == kernel.getInputs().size()));
  };
  if (!isa<ArrayAttr>(forms) || !llvm::all_of(cast<ArrayAttr>(forms), isForm))
    return kernel.emitOpError() << "has '" << kFormsAttr << "' that are no dictionaries, or do not pack each input";
  return success();
}

ArrayAttr nn::offeredForms(KernelOp kernel) {
  auto forms = kernel->getAttrOfType<ArrayAttr>(kFormsAttr);
  return forms ? forms : ArrayAttr::get(kernel.getContext(), {});
}

StringRef nn::formName(DictionaryAttr form) {
  auto name = form.getAs<StringAttr>("name");
  return name ? name.getValue() : "";
}

int64_t nn::scratchBytes(DictionaryAttr form) {
  auto bytes = form.getAs<IntegerAttr>("scratch_bytes");
  return bytes ? bytes.getInt() : 0;
}

void nn::takeForm(KernelOp kernel, DictionaryAttr form) {
  if (auto packings = form.getAs<ArrayAttr>(kPackings))
    kernel->setAttr("nn.packings", packings);
  NamedAttrList rest(form);
  rest.erase(kPackings);
  kernel->setAttr(kFormAttr, rest.getDictionary(kernel.getContext()));
  kernel->removeAttr(kFormsAttr);
}
