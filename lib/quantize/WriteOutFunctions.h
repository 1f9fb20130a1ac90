// Writes a model without the functions that it defines: only nodes of its graphs are quantized.
#ifndef NNCC_LIB_QUANTIZE_WRITEOUTFUNCTIONS_H
#define NNCC_LIB_QUANTIZE_WRITEOUTFUNCTIONS_H
#include "onnx/onnx_pb.h"
#include <string>

namespace nncc::quantize {

/// Puts the bodies of functions in the place of their calls, also in subgraphs and in other functions. Nodes and
/// tensors are called after the call, `call/node`, as the compiler calls them.
///
/// A call stays where the compiler has an operator of that name, where the function is of other opsets than the model
/// or has overloads, and where it is given a graph.
///
/// error   functions that call each other without an end, or write out too much: the reason, and false
/// source  FunctionProto in onnx.proto
bool writeOutFunctions(onnx::ModelProto &model, std::string &error);

} // namespace nncc::quantize
#endif
