// What importers of linear models and of trees (ai.onnx.ml) share.
#ifndef NNCC_LIB_IMPORT_ONNX_TABULAR_H
#define NNCC_LIB_IMPORT_ONNX_TABULAR_H
#include "lib/import/onnx/Families.h"

namespace nncc::import {

/// A constant of f32.
Value floats(Node &node, ArrayRef<double> values, ArrayRef<int64_t> shape);

/// Input 0 as f32; null with an error where it has no numbers.
Value asFloats(Node &node);

/// The classes of a classifier.
struct Classes {
  SmallVector<int64_t> labels; ///< empty where they are strings
  int64_t count;
};

/// error   classes that are strings, where something reads the output of classes
std::optional<Classes> readClasses(Node &node, StringRef integers);

/// Sets output 0 by places [N, 1] in the list of classes, of integers or booleans.
void setClass(Node &node, Value places, const Classes &classes);

/// What a `post_transform` makes of scores [N, targets].
/// error   a name that is not NONE, SOFTMAX or LOGISTIC
Value postTransform(Node &node, Value scores, StringRef kind);

} // namespace nncc::import
#endif
