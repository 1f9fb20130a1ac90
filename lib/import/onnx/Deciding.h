// Inputs whose values decide branches or shapes, found in the file alone: what `nncc inspect` lists to be bound.
#ifndef NNCC_LIB_IMPORT_ONNX_DECIDING_H
#define NNCC_LIB_IMPORT_ONNX_DECIDING_H
#include "lib/import/onnx/Import.h"
#include "onnx/onnx_pb.h"
#include <vector>

namespace nncc::import {

/// The integer and boolean inputs of at most one dim that a condition of If, a count or condition of Loop, or a shape,
/// axis or size of an operator is computed from.
///
/// Only integer arithmetic is followed, and none through Shape and Size, whose results no value changes.
std::vector<OnnxDecidingInput> decidingInputs(const onnx::GraphProto &graph);

} // namespace nncc::import
#endif
