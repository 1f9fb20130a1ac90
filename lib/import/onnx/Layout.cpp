// Operators that arrange elements: transposes and reshapes of every kind.
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/ModelFile.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {
namespace {

void importTranspose(Node &node) {
  int64_t rank = node.rank(0);
  SmallVector<int64_t> perm = node.integers("perm", llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, rank))));
  SmallVector<int64_t> sorted(perm);
  llvm::sort(sorted);
  if (!llvm::equal(sorted, llvm::seq<int64_t>(0, rank)))
    return node.error("perm " + describeShape(perm) + " is no permutation of " + Twine(rank) + " dims");
  node.set(0, node.transpose(node.input(0), perm));
}

/// The shape that 0 (keep the dim) and -1 (whatever is left) stand for.
void importReshape(Node &node) {
  bool zeroIsZero = node.flag("allowzero", false);
  node.ignore({"consumed_inputs"});
  SmallVector<int64_t> shape;
  if (node.opset() < 5) {
    shape = node.integers("shape");
  } else if (auto given = node.integersOf(1, "shape")) {
    shape = *given;
  } else {
    return;
  }
  ArrayRef<int64_t> before = node.shape(0);
  SmallVector<int64_t> asked(shape);
  int64_t open = -1, known = 1;
  for (auto [i, dim] : llvm::enumerate(shape)) {
    if (dim == 0 && !zeroIsZero) {
      if (i >= before.size())
        return node.error("shape " + describeShape(asked) + " keeps dim " + Twine(i) + " of a tensor of rank " +
                          Twine(before.size()));
      dim = before[i];
    }
    if (dim == -1 && open >= 0)
      return node.error("shape " + describeShape(asked) + " has two dims of -1");
    if (dim < -1)
      return node.error("shape " + describeShape(asked) + " has a negative dim");
    if (dim == -1)
      open = i;
    else if (llvm::MulOverflow(known, dim, known))
      return node.error("the size of " + describeShape(asked) + " overflows");
  }
  if (open >= 0) {
    int64_t count = product(before);
    if (known == 0 ? count != 0 : count % known != 0)
      return node.error("a tensor of shape " + describeShape(before) + " cannot take the shape " +
                        describeShape(asked));
    shape[open] = known == 0 ? 0 : count / known;
  }
  if (!node.failed())
    node.set(0, node.reshape(node.input(0), shape));
}

void importFlatten(Node &node) {
  int64_t raw = node.integer("axis", 1), rank = node.rank(0);
  int64_t axis = raw == rank ? rank : node.axis(raw, rank);
  ArrayRef<int64_t> shape = node.shape(0);
  if (!node.failed())
    node.set(0, node.reshape(node.input(0), {product(shape.take_front(axis)), product(shape.drop_front(axis))}));
}

/// Axes by attribute before opset 13, by input since. Nothing when there are none.
std::optional<SmallVector<int64_t>> readAxes(Node &node) {
  if (node.has("axes"))
    return node.integers("axes");
  if (node.hasInput(1))
    return node.integersOf(1, "axes");
  return std::nullopt;
}

void importSqueeze(Node &node) {
  auto raw = readAxes(node);
  if (node.failed())
    return;
  ArrayRef<int64_t> shape = node.shape(0);
  SmallVector<int64_t> axes, left;
  if (raw)
    axes = node.axes(*raw, shape.size());
  for (auto [i, dim] : llvm::enumerate(shape)) {
    bool drops = raw ? llvm::is_contained(axes, (int64_t)i) : dim == 1;
    if (drops && dim != 1)
      return node.error("dim " + Twine(i) + " of " + describeShape(shape) + " is not 1");
    if (!drops)
      left.push_back(dim);
  }
  if (!node.failed())
    node.set(0, node.reshape(node.input(0), left));
}

void importUnsqueeze(Node &node) {
  auto raw = readAxes(node);
  if (node.failed())
    return;
  if (!raw)
    return node.error("axes are missing");
  if (raw->size() > (size_t)kMaxRank)
    return node.error("has " + Twine(raw->size()) + " axes");
  SmallVector<int64_t> shape(node.shape(0));
  SmallVector<int64_t> axes = node.axes(*raw, shape.size() + raw->size());
  if (node.failed())
    return;
  for (int64_t axis : axes)
    shape.insert(shape.begin() + axis, 1);
  node.set(0, node.reshape(node.input(0), shape));
}

/// Splits dims, permutes, joins dims: what DepthToSpace and SpaceToDepth are.
void rearrange(Node &node, ArrayRef<int64_t> split, ArrayRef<int64_t> perm, ArrayRef<int64_t> joined) {
  node.set(0, node.reshape(node.transpose(node.reshape(node.input(0), split), perm), joined));
}

bool checkBlock(Node &node, int64_t block) {
  if (!node.requireRank(0, 4, 4))
    return false;
  if (block < 1 || block > 65536)
    node.error("blocksize " + Twine(block) + " is out of range");
  return !node.failed();
}

void importDepthToSpace(Node &node) {
  int64_t b = node.requiredInteger("blocksize");
  std::string mode = node.text("mode", "DCR");
  if (mode != "DCR" && mode != "CRD")
    return node.error("mode '" + mode + "' is not known", "it is DCR or CRD");
  if (!checkBlock(node, b))
    return;
  ArrayRef<int64_t> x = node.shape(0);
  if (x[1] % (b * b))
    return node.error("blocksize " + Twine(b) + " squared does not divide " + Twine(x[1]) + " channels");
  int64_t c = x[1] / (b * b);
  if (mode == "DCR")
    rearrange(node, {x[0], b, b, c, x[2], x[3]}, {0, 3, 4, 1, 5, 2}, {x[0], c, x[2] * b, x[3] * b});
  else
    rearrange(node, {x[0], c, b, b, x[2], x[3]}, {0, 1, 4, 2, 5, 3}, {x[0], c, x[2] * b, x[3] * b});
}

void importSpaceToDepth(Node &node) {
  int64_t b = node.requiredInteger("blocksize");
  std::string mode = node.text("mode", "DCR");
  if (mode != "DCR" && mode != "CRD")
    return node.error("mode '" + mode + "' is not known", "it is DCR or CRD");
  if (!checkBlock(node, b))
    return;
  ArrayRef<int64_t> x = node.shape(0);
  if (x[2] % b || x[3] % b)
    return node.error("blocksize " + Twine(b) + " does not divide an image of " + Twine(x[2]) + " x " + Twine(x[3]));
  SmallVector<int64_t> perm =
      mode == "DCR" ? SmallVector<int64_t>{0, 3, 5, 1, 2, 4} : SmallVector<int64_t>{0, 1, 3, 5, 2, 4};
  rearrange(node, {x[0], x[1], x[2] / b, b, x[3] / b, b}, perm, {x[0], x[1] * b * b, x[2] / b, x[3] / b});
}

const OpEntry kOps[] = {
    {"Transpose", 1, 1, importTranspose},       {"Reshape", 1, 2, importReshape},
    {"Flatten", 1, 1, importFlatten},           {"Squeeze", 1, 2, importSqueeze},
    {"Unsqueeze", 1, 2, importUnsqueeze},       {"DepthToSpace", 1, 1, importDepthToSpace},
    {"SpaceToDepth", 1, 1, importSpaceToDepth},
};
} // namespace

ArrayRef<OpEntry> layoutOps() { return kOps; }

} // namespace nncc::import
