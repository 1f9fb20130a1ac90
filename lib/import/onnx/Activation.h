// Activations that are named by an attribute: of recurrent networks, and of operators that other tools fuse.
#ifndef NNCC_LIB_IMPORT_ONNX_ACTIVATION_H
#define NNCC_LIB_IMPORT_ONNX_ACTIVATION_H
#include "lib/import/onnx/Node.h"

namespace nncc::import {

/// An activation function with its parameters.
struct Activation {
  std::string name;
  double alpha, beta;
};

/// How many parameters an activation takes (0 to 2), and their defaults in ONNX; any case. Unknown names take none.
unsigned parametersOf(StringRef name);
Activation withDefaults(StringRef name);

/// f(x)
/// error  a name that is not known
Value activate(Node &node, const Activation &f, Value x);

/// Reads the attribute `activation` of a fused operator, and its parameters: a list `activation_params`, or numbers
/// `activation_alpha` and `activation_beta`. Nothing is fused without it.
Value activateAsFused(Node &node, Value x);

} // namespace nncc::import
#endif
