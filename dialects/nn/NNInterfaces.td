// What ops of the nn dialect can be asked.
#ifndef NNCC_DIALECTS_NN_NNINTERFACES_TD
#define NNCC_DIALECTS_NN_NNINTERFACES_TD
include "mlir/IR/OpBase.td"

def NN_Evaluated : OpInterface<"Evaluated"> {
  let cppNamespace = "::nncc::nn";
  let description = [{
    An op whose result can be computed at compile time, each in the file of its family, with the meaning of the code
    that runs: integers wrap at their width; f32, f64 are computed as such, halves as f32, and rounded once; functions
    that run as polynomials are right to the last place here.
  }];
  let methods = [InterfaceMethod<[{
    The result for constant operands, which `evaluation` holds; null where it has no meaning or would be too big.
  }], "::mlir::ElementsAttr", "evaluate", (ins "const ::nncc::nn::Evaluation &":$evaluation)>];
}
#endif
