// Pooling: windows become nn.pool2d on NHWC, global pools become reductions.
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/Window.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {
namespace {

void importWindow(Node &node, PoolKind kind) {
  if (!node.requireNumber(0))
    return;
  if (node.rank(0) == 5)
    return node.error("3-D windows are not supported", "nncc supports 1-D and 2-D ones");
  if (!node.requireRank(0, 3, 4))
    return;
  ArrayRef<int64_t> x = node.shape(0);
  bool isMax = kind == PoolKind::max;
  // Dilations came to MaxPool in opset 10, to AveragePool in 19, to LpPool in 18.
  Window window = readWindow(node, x.drop_front(2), {}, /*hasDilations=*/isMax || node.has("dilations"));
  if (node.flag("ceil_mode", false))
    roundUp(window, x.drop_front(2));
  bool countsPads = kind == PoolKind::average && node.flag("count_include_pad", false);
  if (isMax)
    node.ignore({"storage_order"}); // of the indices, which are refused
  Value result = node.make<Pool2DOp>(kind, node.toImage(node.input(0)), window.kernel, window.strides, window.pads,
                                     window.dilations, window.overhang, countsPads);
  node.set(0, node.fromImage(result, x.size(), 0));
}

void importMaxPool(Node &node) {
  if (node.wants(1))
    return node.error("the output of indices is not supported");
  importWindow(node, PoolKind::max);
}

void importAveragePool(Node &node) {
  if (node.requireFloat(0))
    importWindow(node, PoolKind::average);
}

void importLpPool(Node &node) {
  if (node.integer("p", 2) != 2)
    return node.error("p " + Twine(node.integer("p", 2)) + " is not supported", "nncc supports p = 2");
  if (node.requireFloat(0))
    importWindow(node, PoolKind::l2);
}

/// Over all spatial dims. Images are reduced in NHWC, where the neighbours' transposes meet.
void importGlobal(Node &node, ReduceKind kind) {
  if (!node.requireFloat(0) || !node.requireRank(0, 2, 8))
    return;
  int64_t rank = node.rank(0);
  Value x = node.input(0);
  if (rank == 4)
    return node.set(0, node.fromImage(node.reduce(kind, node.toImage(x), {1, 2}), 4, 0));
  node.set(0, node.reduce(kind, x, llvm::to_vector(llvm::seq<int64_t>(2, rank))));
}

void importGlobalAveragePool(Node &node) { importGlobal(node, ReduceKind::mean); }
void importGlobalMaxPool(Node &node) { importGlobal(node, ReduceKind::max); }
void importGlobalLpPool(Node &node) {
  int64_t p = node.integer("p", 2);
  if (p != 1 && p != 2)
    return node.error("p " + Twine(p) + " is not supported", "nncc supports p = 1 and p = 2");
  importGlobal(node, p == 1 ? ReduceKind::l1 : ReduceKind::l2);
}

const OpEntry kOps[] = {
    {"MaxPool", 1, 1, importMaxPool},
    {"AveragePool", 1, 1, importAveragePool},
    {"LpPool", 1, 1, importLpPool},
    {"GlobalAveragePool", 1, 1, importGlobalAveragePool},
    {"GlobalMaxPool", 1, 1, importGlobalMaxPool},
    {"GlobalLpPool", 1, 1, importGlobalLpPool},
};
} // namespace

ArrayRef<OpEntry> poolOps() { return kOps; }

} // namespace nncc::import
