// A model's file, or the part of it that lies between two sets of its tensors.
#ifndef NNCC_LIB_IMPORT_ONNX_CUTMODEL_H
#define NNCC_LIB_IMPORT_ONNX_CUTMODEL_H
#include "lib/import/onnx/Import.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Location.h"
#include "onnx/onnx_pb.h"

namespace nncc::import {

/// Reads a model's file and cuts it at `options.begin` and `options.end`: what no tensor of `end` needs is left out,
/// and so is what makes those of `begin`. An input of the part that the file gives no type is f32, and one without a
/// shape gets it from `options.inputShapes`. `options.model` is taken as it is.
///
/// error  a file that is no model; names that no node makes: reported at `loc`, null
std::unique_ptr<onnx::ModelProto> readModel(const std::string &path, const ImportOptions &options, mlir::Location loc);

/// Says what an input or output of a part is, where the file does not.
void completePort(onnx::ValueInfoProto &port, mlir::RankedTensorType type);

} // namespace nncc::import
#endif
