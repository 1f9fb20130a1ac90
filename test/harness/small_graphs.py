"""Graphs of a few nodes that no generator draws, against onnxruntime: what they do to the plan of memory, and what is quantized by a tool.

    small_graphs.py [--group empty booleans tabular places memory halves ranges channels gates quantized] [--graph NAME] [--target both] [--float=f16] [--optimize=size]

On x86-64 each runs as random_graphs.py runs its own: between guards, kernel by kernel with dead memory spoiled, in parts.
"""
import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, shape_inference
from onnxruntime.quantization import QuantType, quantize_dynamic

import nncc
import oracle
import random_graphs
from random_ops import Graph, numbers

# What is best of many is decided by less than what f16 has.
CHOOSE = {"detector-head"}
# What was rounded to f16 may be another of 255 steps.
QUANTIZED_HALVES = 2e-2
GROUPS: dict[str, dict] = {"empty": {}, "booleans": {}, "tabular": {}, "places": {}, "memory": {}, "halves": {}, "ranges": {}, "channels": {}, "gates": {}, "quantized": {}}


def graph(group: str):
    """Registers a function that builds a graph: it takes a random number source and a Graph."""
    def register(build):
        GROUPS[group][build.__name__.replace("_", "-")] = build
        return build
    return register


def integers(*values) -> np.ndarray:
    return np.array(values, np.int64)


# ---- Tensors without elements --------------------------------------------------------------------------------------------------


@graph("empty")
def constant_before_a_convolution(random, g):
    """A constant without elements, and the weights behind it."""
    x = g.input(numbers(random, [1, 3, 5, 4]))
    g.output(g.node("Concat", [g.constant(numbers(random, [0, 2])), g.input(numbers(random, [3, 2]))], axis=0))
    g.output(g.node("Conv", [x, g.constant(numbers(random, [4, 3, 3, 3]))]))


@graph("empty")
def slice_of_nothing(random, g):
    """Rows behind the last one, multiplied, joined with what there is, reduced."""
    x = g.input(numbers(random, [4, 3]))
    none = g.node("Slice", [x, g.constant(integers(4)), g.constant(integers(9))])
    product = g.node("Gemm", [none, g.constant(numbers(random, [3, 5])), g.constant(numbers(random, [5]))])
    g.output(product)
    g.output(g.node("Relu", [g.node("Concat", [none, x], axis=0)]))
    g.output(g.node("ReduceSum", [product, g.constant(integers(0))]))


@graph("empty")
def split_with_empty_parts(random, g):
    parts = g.node("Split", [g.input(numbers(random, [2, 7])), g.constant(integers(0, 4, 0, 3))], results=4, axis=1)
    g.output(g.node("Tanh", [parts[0]]))
    g.output(g.node("Concat", [parts[3], parts[2], parts[1]], axis=1))


@graph("empty")
def product_without_inner_dim(random, g):
    """Zeros and a bias, whether the operands are constants or not."""
    x = g.input(np.zeros([2, 0], np.float32))
    for weight in (g.constant(np.zeros([0, 3], np.float32)), g.input(np.zeros([0, 3], np.float32))):
        g.output(g.node("Exp", [g.node("Add", [g.node("MatMul", [x, weight]), g.constant(numbers(random, [3]))])]))


@graph("empty")
def nothing_in_the_batch(random, g):
    """A small network, no image."""
    x = g.input(np.zeros([0, 3, 8, 6], np.float32))
    a = g.node("Relu", [g.node("Conv", [x, g.constant(numbers(random, [4, 3, 3, 3]))], pads=[1, 1, 1, 1])])
    b = g.node("GlobalAveragePool", [g.node("MaxPool", [a], kernel_shape=[2, 2])])
    g.output(g.node("Softmax", [g.node("Gemm", [g.node("Flatten", [b]), g.constant(numbers(random, [4, 5]))])]))


@graph("empty")
def nothing_to_scatter(random, g):
    """No position is chosen: NonZero of zeros, and a Compress that takes none."""
    x = g.node("Sigmoid", [g.input(numbers(random, [4, 3]))])
    where = g.node("Transpose", [g.node("NonZero", [g.constant(np.zeros([4, 3], np.float32))])])
    g.output(g.node("ScatterND", [x, where, g.input(np.zeros([0], np.float32))]))
    g.output(g.node("GatherND", [x, where]))
    g.output(g.node("Compress", [x, g.constant(np.zeros([4], bool))], axis=0))


@graph("empty")
def top_0(random, g):
    values, positions = g.node("TopK", [g.input(numbers(random, [4, 3])), g.constant(integers(0))], results=2)
    g.output(g.node("Cast", [values], to=TensorProto.INT32), np.int32)
    g.output(positions, np.int64)


@graph("empty")
def padding_around_nothing(random, g):
    x = g.input(np.zeros([2, 0], np.float32))
    padded = g.node("Pad", [x, g.constant(integers(0, 1, 0, 2)), g.constant(np.float32(2.5))])
    g.output(g.node("Mul", [padded, g.input(numbers(random, [2, 3]))]))


@graph("empty")
def input_returned(random, g):
    """Nothing to compute: no kernel at all."""
    x = g.input(np.zeros([2, 0, 3], np.float32))
    g.output(g.node("Identity", [x]))
    g.output(g.node("Transpose", [x]))


# ---- Booleans ------------------------------------------------------------------------------------------------------------------


def any_bytes(random, shape) -> np.ndarray:
    """Booleans as a caller may write them: 0 is false, every other byte is true."""
    return random.choice(np.array([0, 0, 1, 82, 128, 253], np.uint8), shape).view(np.bool_)


@graph("booleans")
def copied(random, g):
    """Ops that only move elements."""
    x = g.input(any_bytes(random, [5, 7]))
    for moved in (g.node("Identity", [x]), g.node("Transpose", [x]), g.node("Reshape", [x, g.constant(integers(7, 5))]),
                  g.node("Concat", [x, g.node("Slice", [x, g.constant(integers(1)), g.constant(integers(4))])], axis=0),
                  g.node("Expand", [x, g.constant(integers(3, 5, 7))]), g.node("Tile", [x, g.constant(integers(1, 2))]),
                  g.node("Gather", [x, g.constant(integers(3, 0, 3))], axis=1)):
        g.output(moved, np.bool_)


@graph("booleans")
def computed(random, g):
    """Ops that look at them."""
    x, y = g.input(any_bytes(random, [5, 7])), g.input(any_bytes(random, [5, 7]))
    for op in ("And", "Or", "Xor", "Equal"):
        g.output(g.node(op, [x, y]), np.bool_)
    g.output(g.node("Not", [x]), np.bool_)
    g.output(g.node("Cast", [x], to=TensorProto.INT32), np.int32)


# ---- Of ai.onnx.ml: what scikit-learn's exporter writes around networks -----------------------------------------------------------


def ml(g, op, operands, results=1, **attributes):
    return g.node(op, operands, results, domain="ai.onnx.ml", **attributes)


@graph("tabular")
def perceptron_behind_a_scaler(random, g):
    """A pipeline of StandardScaler and MLPClassifier: the label is looked up by the place of the largest score."""
    x = ml(g, "Scaler", [g.input(numbers(random, [7, 4]))], offset=[0.5, -0.25, 0.125, 1.0], scale=[2.0, 0.5, 1.5, 0.75])
    hidden = g.node("Relu", [linear(random, g, x, 4, 9)])
    scores = g.node("Softmax", [linear(random, g, hidden, 9, 3)], axis=-1)
    best = g.node("Cast", [g.node("ArgMax", [scores], axis=1, keepdims=0)], to=TensorProto.INT64)
    g.output(ml(g, "ArrayFeatureExtractor", [g.constant(integers(20, 10, 30)), best]), np.int64)
    g.output(scores)


@graph("tabular")
def imputed_and_binarized(random, g):
    """NaN in the columns, one number for all of them, and whole numbers that are scaled."""
    values = numbers(random, [5, 3])
    values[1, 0] = values[4, 2] = np.nan
    x = g.input(values)
    g.output(ml(g, "Imputer", [x], imputed_value_floats=[0.5, -1.5, 2.5], replaced_value_float=float("nan")))
    whole = ml(g, "Imputer", [x], imputed_value_floats=[0.25], replaced_value_float=float("nan"))
    g.output(ml(g, "Binarizer", [whole], threshold=0.125))
    g.output(ml(g, "Scaler", [g.input(random.integers(-9, 9, [2, 3]))], offset=[1.0], scale=[0.5]))


@graph("tabular")
def normalized_rows(random, g):
    """Each of the norms, with a row of zeros."""
    values = numbers(random, [4, 5])
    values[2] = 0
    x = g.input(values)
    for norm in ("MAX", "L1", "L2"):
        g.output(ml(g, "Normalizer", [x], norm=norm))


@graph("tabular")
def chosen_columns(random, g):
    """Columns in another order, one of them twice; of a vector."""
    columns = g.constant(integers(2, 0, 2))
    g.output(ml(g, "ArrayFeatureExtractor", [g.input(numbers(random, [3, 4])), columns]))
    g.output(ml(g, "ArrayFeatureExtractor", [g.input(numbers(random, [5])), columns]))


@graph("tabular")
def linear_models(random, g):
    """Two targets; three classes with their labels; scores of two classes, each its own logistic."""
    x = g.input(numbers(random, [6, 4]))
    weights = [[float(value) for value in numbers(random, [count])] for count in (8, 12, 8)]
    g.output(ml(g, "LinearRegressor", [x], coefficients=weights[0], intercepts=[0.5, -0.5], targets=2))
    label, scores = ml(g, "LinearClassifier", [x], 2, coefficients=weights[1], intercepts=[0.25, 0.0, -0.25], classlabels_ints=[5, 3, 9],
                       multi_class=1, post_transform="SOFTMAX")
    g.output(label, np.int64)
    g.output(scores)
    label, scores = ml(g, "LinearClassifier", [x], 2, coefficients=weights[2], intercepts=[0.25, -0.25], classlabels_ints=[0, 1],
                       multi_class=0, post_transform="LOGISTIC")
    g.output(label, np.int64)
    g.output(scores)


@graph("tabular")
def categories(random, g):
    """Places of categories, integers and floats, which are cut to integers, and what is none of them; values of keys, the
    first of equal ones, of which NaN is none."""
    x = random.uniform(-2, 5, [5, 3]).astype(np.float32)
    g.output(ml(g, "OneHotEncoder", [g.input(x)], cats_int64s=[3, 0, -1, 7], zeros=1))
    g.output(ml(g, "OneHotEncoder", [g.input(random.integers(0, 5, [7]))], cats_int64s=[4, 2, 1]))
    x = np.round(x)
    x[random.random(x.shape) < 0.2] = np.nan
    whole = g.input(random.integers(-2, 5, [2, 1, 4]))
    g.output(ml(g, "LabelEncoder", [g.input(x)], keys_floats=[0.0, 1.0, float("nan"), 3.0], values_floats=[0.5, -1.5, 2.25, 4.0]))
    g.output(ml(g, "LabelEncoder", [whole], keys_int64s=[-1, 3, 3, 2], values_floats=[1.5, float("-inf"), 4.0, 2.0], default_float=-7.5))
    g.output(ml(g, "LabelEncoder", [whole], keys_int64s=[4, 0], values_int64s=[1 << 40, 9]), np.int64)
    g.output(ml(g, "LabelEncoder", [g.input(np.round(x))], keys_floats=[1.0, -2.0], values_int64s=[5, 6], default_int64=8), np.int64)


@graph("tabular")
def support_vectors(random, g):
    """Every kernel, a linear model, one class."""
    x = g.input(numbers(random, [5, 3]))
    for kind in ("LINEAR", "POLY", "RBF", "SIGMOID"):
        vectors = dict(coefficients=numbers(random, [7]).tolist(), support_vectors=numbers(random, [21]).tolist(), n_supports=7, rho=[0.25],
                       kernel_type=kind, kernel_params=[0.5, 0.125, 3.0])
        g.output(ml(g, "SVMRegressor", [x], **vectors))
    g.output(ml(g, "SVMRegressor", [x], **vectors, one_class=1))
    g.output(ml(g, "SVMRegressor", [x], coefficients=[0.5, -1.0, 2.0], rho=[0.5], kernel_type="LINEAR", kernel_params=[0.0, 0.0, 0.0]))


@graph("tabular")
def classes_of_support_vectors(random, g):
    """A score of two classes, with both signs; scores of pairs, which vote; a class that has no vectors; probabilities of them all."""
    x = g.input(numbers(random, [9, 3]))
    for vectors, kind, more in (([4, 3], "RBF", {}), ([2, 5], "POLY", dict(post_transform="LOGISTIC")), ([3, 1, 3], "LINEAR", {}),
                                ([2, 0, 3, 2], "SIGMOID", dict(post_transform="SOFTMAX")), ([1, 1, 0, 2, 1, 1, 1], "RBF", {})):
        count = len(vectors)
        label, scores = ml(g, "SVMClassifier", [x], 2, coefficients=numbers(random, [7 * (count - 1)]).tolist(), kernel_type=kind,
                           support_vectors=numbers(random, [21]).tolist(), vectors_per_class=vectors, kernel_params=[0.5, 0.125, 3.0],
                           rho=numbers(random, [count * (count - 1) // 2], -0.25, 0.25).tolist(), classlabels_ints=[7, 3, 5, 20, 1, 9, 4][:count], **more)
        g.output(label, np.int64)
        g.output(scores)
        slopes, offsets = (numbers(random, [count * (count - 1) // 2], low, high).tolist() for low, high in ((-4, -1), (-0.5, 0.5)))
        label, scores = ml(g, "SVMClassifier", [x], 2, coefficients=numbers(random, [7 * (count - 1)]).tolist(), kernel_type="RBF",
                           support_vectors=numbers(random, [21]).tolist(), vectors_per_class=vectors, kernel_params=[0.5, 0.125, 3.0],
                           rho=numbers(random, [count * (count - 1) // 2], -0.25, 0.25).tolist(), classlabels_ints=[7, 3, 5, 20, 1, 9, 4][:count],
                           prob_a=slopes, prob_b=offsets)
        g.output(label, np.int64)
        g.output(scores)


# Children where comparisons are true and false, of two trees of different depths whose nodes are numbered in no order.
TWO_TREES = {0: {7: (2, 5), 2: (9, 1), 5: None, 9: None, 1: None}, 3: {0: (1, 2), 1: None, 2: (4, 3), 3: None, 4: (6, 5), 5: None, 6: None}}
# Sets of categories: nodes that share a child, which is on different levels by each way.
SHARED_CHILDREN = {0: {0: (4, 1), 1: (4, 2), 2: (4, 3), 3: None, 4: (5, 6), 5: None, 6: None}, 1: {9: (7, 8), 8: (7, 6), 7: None, 6: (5, 4), 5: None, 4: None}}


def trees(random, features, mode="BRANCH_LEQ", children=TWO_TREES, **more):
    """Attributes of these trees, and the leaves (tree, node)."""
    nodes = [(tree, number, below) for tree, of in children.items() for number, below in of.items()]
    attributes = dict(nodes_treeids=[tree for tree, _, _ in nodes], nodes_nodeids=[number for _, number, _ in nodes],
                      nodes_featureids=[int(random.integers(0, features)) for _ in nodes],
                      nodes_values=[float(value) for value in numbers(random, [len(nodes)], -0.5, 0.5)],
                      nodes_modes=[mode if below else "LEAF" for _, _, below in nodes],
                      nodes_truenodeids=[below[0] if below else 0 for _, _, below in nodes],
                      nodes_falsenodeids=[below[1] if below else 0 for _, _, below in nodes], **more)
    return attributes, [(tree, number) for tree, number, below in nodes if not below]


def said(random, leaves, targets, prefix, low=-1.0):
    """What each leaf says of each target."""
    pairs = [(tree, number, target) for tree, number in leaves for target in targets]
    return {f"{prefix}_treeids": [tree for tree, _, _ in pairs], f"{prefix}_nodeids": [number for _, number, _ in pairs],
            f"{prefix}_ids": [target for _, _, target in pairs],
            f"{prefix}_weights": [float(value) for value in numbers(random, [len(pairs)], low)]}


@graph("tabular")
def regression_trees(random, g):
    """Each comparison; two targets, sums and means; NaN that goes where comparisons are true, which
    1 alone says, and where they are false."""
    x = g.input(numbers(random, [9, 4]))
    for mode in ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ"):
        attributes, leaves = trees(random, 4, mode)
        g.output(ml(g, "TreeEnsembleRegressor", [x], **attributes, **said(random, leaves, [0], "target"), n_targets=1))
    holes = numbers(random, [9, 4])
    holes[random.random(holes.shape) < 0.3] = np.nan
    holes = g.input(holes)
    for tracks in ({}, {"nodes_missing_value_tracks_true": [int(value) for value in random.integers(0, 3, 12)]}):
        attributes, leaves = trees(random, 4, **tracks)
        g.output(ml(g, "TreeEnsembleRegressor", [holes], **attributes, **said(random, leaves, [0, 1], "target"), n_targets=2,
                    aggregate_function="AVERAGE" if tracks else "SUM", base_values=[0.5, -0.25]))


@graph("tabular")
def trees_of_mixed_modes(random, g):
    """Nodes of different comparisons, as boosting writes with categories beside numbers: values that often equal thresholds, and NaN."""
    values = random.integers(-1, 2, [23, 4]).astype(np.float32)
    values[random.random(values.shape) < 0.2] = np.nan
    x = g.input(values)
    for modes in (("BRANCH_LEQ", "BRANCH_EQ"), ("BRANCH_NEQ",), ("BRANCH_LT", "BRANCH_NEQ", "BRANCH_EQ", "BRANCH_GTE", "BRANCH_GT")):
        for tracks in ({}, {"nodes_missing_value_tracks_true": [int(value) for value in random.integers(0, 2, 12)]}):
            attributes, leaves = trees(random, 4, **tracks)
            inner = [i for i, mode in enumerate(attributes["nodes_modes"]) if mode != "LEAF"]
            for i, at in enumerate(inner):
                attributes["nodes_modes"][at] = modes[i % len(modes)]
            attributes["nodes_values"] = [float(value) for value in random.integers(-1, 2, 12)]
            g.output(ml(g, "TreeEnsembleRegressor", [x], **attributes, **said(random, leaves, [0], "target"), n_targets=1))
    attributes, leaves = trees(random, 4, "BRANCH_EQ", SHARED_CHILDREN)
    attributes["nodes_values"] = [float(value) for value in random.integers(-1, 2, 13)]
    g.output(ml(g, "TreeEnsembleRegressor", [x], **attributes, **said(random, leaves, [0], "target"), n_targets=1))


@graph("tabular")
def classes_of_trees(random, g):
    """Three classes; two that share one sum, which is a probability or not; two with sums of their own, whose top class is no question to
    onnxruntime: it takes the second wherever its sum is above 0."""
    x = g.input(numbers(random, [9, 4]))
    for labels, targets, low, more in (([4, 2, 8], [0, 1, 2], -1.0, dict(post_transform="SOFTMAX", base_values=[0.1, 0.2, 0.3])),
                                       ([3, 5], [0], -1.0, dict(post_transform="LOGISTIC", base_values=[0.125])),
                                       ([3, 5], [0], 0.0, dict(post_transform="LOGISTIC")),
                                       ([3, 5], [0], -1.0, {}), ([0, 1], [0], 0.0, {}), ([0, 1], [0, 1], 0.0, {})):
        attributes, leaves = trees(random, 4)
        label, scores = ml(g, "TreeEnsembleClassifier", [x], 2, **attributes, **said(random, leaves, targets, "class", low),
                           classlabels_int64s=labels, **more)
        if len(targets) != 2:
            g.output(label, np.int64)
        g.output(scores)


@graph("tabular")
def ensembles(random, g):
    """Trees of opset 5: each function, each comparison and sets of members, NaN; values that often equal thresholds."""
    g.versions["ai.onnx.ml"] = 5
    values = random.integers(-1, 2, [23, 4]).astype(np.float32)
    values[random.random(values.shape) < 0.2] = np.nan
    x, nan = g.input(values), np.nan
    for modes, members in (([0, 0, 0, 0, 0], None), ([1, 2, 3, 4, 5], None), ([6, 0, 6, 3, 6], [0, 1, nan, -1, nan, 0, -1, 2]),
                           ([6, 6, 5, 0, 4], [1, nan, -1, 0, 1, nan])):
        for function, targets in ((0, 1), (1, 2), (2, 3), (3, 1)):
            attributes = dict(nodes_missing_value_tracks_true=[int(value) for value in random.integers(0, 2, 5)]) if function % 2 else {}
            if members:
                attributes["membership_values"] = onnx.numpy_helper.from_array(np.array(members, np.float32))
            g.output(ml(g, "TreeEnsemble", [x], **attributes, tree_roots=[0, 3], n_targets=targets, aggregate_function=function,
                        nodes_modes=onnx.numpy_helper.from_array(np.array(modes, np.uint8)),
                        nodes_splits=onnx.numpy_helper.from_array(random.integers(-1, 2, 5).astype(np.float32)),
                        nodes_featureids=[int(value) for value in random.integers(0, 4, 5)],
                        nodes_truenodeids=[1, 1, 2, 4, 5], nodes_trueleafs=[0, 1, 1, 1, 1],
                        nodes_falsenodeids=[0, 2, 3, 4, 6], nodes_falseleafs=[1, 0, 1, 0, 1],
                        leaf_targetids=[int(value) for value in random.integers(0, targets, 7)],
                        leaf_weights=onnx.numpy_helper.from_array(numbers(random, [7]))))


def silent_trees(random, targets, prefix):
    """Attributes of trees whose leaves say nothing of some targets. A threshold of a leaf is 0, as converters write it: of a silent one
    onnxruntime takes it for what is said of a single target."""
    attributes, leaves = trees(random, 4)
    attributes["nodes_values"] = [0.0 if mode == "LEAF" else value for mode, value in zip(attributes["nodes_modes"], attributes["nodes_values"])]
    weights = said(random, leaves, targets, prefix)
    kept = [entry for entry in zip(*weights.values()) if entry[:3] not in SILENT]
    return attributes | dict(zip(weights, map(list, zip(*kept))))


# Tree, leaf and target. There are rows where no leaf speaks of a target, each of the three.
SILENT = {(0, 5, 0), (0, 9, 0), (3, 1, 0), (3, 3, 0), (3, 5, 0), (0, 1, 1), (0, 5, 1), (3, 6, 1), (3, 3, 1), (3, 1, 1), (0, 5, 2), (3, 5, 2)}


@graph("tabular")
def silent_leaves(random, g):
    """Leaves that say nothing of a target, of which then no leaf of a row may speak: each function, with and without a base; a class of which
    no leaf speaks is not chosen, though others are below 0. Of infinities, which leaves do say."""
    x = g.input(numbers(random, [23, 4]))
    for function in ("SUM", "AVERAGE", "MIN", "MAX"):
        for targets in ([0], [0, 1, 2]):
            for base in ({}, {"base_values": [5.0, -7.0, 0.5][:len(targets)]}):
                g.output(ml(g, "TreeEnsembleRegressor", [x], **silent_trees(random, targets, "target"), **base, n_targets=len(targets),
                            aggregate_function=function))
    for function in ("MIN", "MAX"):
        attributes, leaves = trees(random, 4)
        weights = said(random, leaves, [0, 1], "target")
        weights["target_weights"] = [float(value) for value in random.choice([-np.inf, np.inf], len(weights["target_weights"]))]
        g.output(ml(g, "TreeEnsembleRegressor", [x], **attributes, **weights, n_targets=2, aggregate_function=function))
    for more in ({}, {"base_values": [0.1, 0.2, -0.3]}, {"post_transform": "SOFTMAX"}):
        label, scores = ml(g, "TreeEnsembleClassifier", [x], 2, **silent_trees(random, [0, 1, 2], "class"), classlabels_int64s=[4, 2, 8], **more)
        g.output(label, np.int64)
        g.output(scores)


@graph("tabular")
def silent_ensembles(random, g):
    """The same of trees of opset 5, whose leaves speak of one target each: of targets that few leaves speak of, or none."""
    g.versions["ai.onnx.ml"] = 5
    x = g.input(numbers(random, [23, 4]))
    for function in range(4):
        for targets in ([0, 1, 0, 1, 1, 3, 0], [2, 2, 2, 3, 3, 3, 3]):
            g.output(ml(g, "TreeEnsemble", [x], tree_roots=[0, 3], n_targets=5, aggregate_function=function,
                        nodes_modes=onnx.numpy_helper.from_array(np.zeros(5, np.uint8)),
                        nodes_splits=onnx.numpy_helper.from_array(numbers(random, [5])),
                        nodes_featureids=[int(value) for value in random.integers(0, 4, 5)],
                        nodes_truenodeids=[1, 1, 2, 4, 5], nodes_trueleafs=[0, 1, 1, 1, 1],
                        nodes_falsenodeids=[0, 2, 3, 4, 6], nodes_falseleafs=[1, 0, 1, 0, 1], leaf_targetids=targets,
                        leaf_weights=onnx.numpy_helper.from_array(numbers(random, [7], 0.25, 1.0))))


# ---- Places that are nowhere -------------------------------------------------------------------------------------------------------


@graph("places")
def deformed_far_away(random, g):
    """Taps that are infinitely far away, farther than integers reach, a pixel beside the image, or nowhere: all read 0."""
    g.opset = 19
    offsets = numbers(random, [2, 16, 3, 3], -3, 3)
    far = random.random(offsets.shape)
    offsets[far < 0.2] = random.choice(np.float32([np.nan, np.inf, -np.inf, 1e30, -1e30, 9e9]), offsets.shape)[far < 0.2]
    offsets[far > 0.8] = np.round(offsets)[far > 0.8]
    g.output(g.node("DeformConv", [g.input(numbers(random, [2, 4, 4, 4])), g.constant(numbers(random, [6, 2, 2, 2])), g.input(offsets)],
                    group=2, offset_group=2))


# ---- What lies in memory where it is fullest -------------------------------------------------------------------------------------


@graph("memory")
def padded_residual(random, g):
    """A sum that is padded with channels of 0 and read as it is: both lie in one place, where the sum overwrites its operand."""
    x = g.node("Relu", [g.node("Conv", [g.input(numbers(random, [1, 5, 9, 7])), g.constant(numbers(random, [16, 5, 1, 1]))])])
    less = g.node("Relu", [g.node("Conv", [x, g.constant(numbers(random, [4, 16, 1, 1]))])])
    total = g.node("Relu", [g.node("Add", [g.node("Conv", [less, g.constant(numbers(random, [16, 4, 1, 1]))]), x])])
    padded = g.node("Concat", [total, g.constant(np.zeros([1, 4, 9, 7], np.float32))], axis=1)
    other = g.node("Relu", [g.node("Conv", [total, g.constant(numbers(random, [2, 16, 3, 3]))], strides=[2, 2], pads=[1, 1, 1, 1])])
    g.output(g.node("Add", [g.node("Conv", [padded, g.constant(numbers(random, [2, 20, 3, 3]))], strides=[2, 2], pads=[1, 1, 1, 1]), other]))


@graph("memory")
def padded_sum_of_pieces(random, g):
    """The same where what the sum could overwrite is a concatenation, of which a piece is read later."""
    def conv(x, outputs: int, channels: int, kernel: int = 1):
        steps = dict(strides=[2, 2], pads=[1, 1, 1, 1]) if kernel > 1 else {}
        return g.node("Conv", [x, g.constant(numbers(random, [outputs, channels, kernel, kernel]))], **steps)
    image = g.input(numbers(random, [1, 5, 32, 32]))
    piece = g.node("Relu", [conv(image, 16, 5)])
    pieces = g.node("Concat", [piece, g.node("Relu", [conv(image, 4, 5)])], axis=1)
    less = g.node("Relu", [conv(piece, 4, 16)])
    total = g.node("Relu", [g.node("Add", [conv(less, 20, 4), pieces])])
    padded = g.node("Concat", [total, g.constant(np.zeros([1, 4, 32, 32], np.float32))], axis=1)
    g.output(g.node("Relu", [g.node("Add", [conv(padded, 2, 24, 3), g.node("Relu", [conv(total, 2, 20, 3)])])]))
    g.output(g.node("Tanh", [conv(piece, 2, 16, 3)]))


@graph("memory")
def rows_behind_padding(random, g):
    """Images of two strips of a chain whose second has rows of padding above it, too, and keeps rows of the first."""
    value = g.node("Relu", [g.node("Conv", [g.input(numbers(random, [20, 4, 7, 64])), g.constant(numbers(random, [32, 4, 1, 1]))])])
    g.output(g.node("Conv", [value, g.constant(numbers(random, [32, 1, 6, 3]))], group=32, strides=[2, 1], pads=[5, 1, 0, 1]))


@graph("memory")
def padded_rows(random, g):
    """Rows of 1.5 in front of and behind what others read, too."""
    x = g.node("Tanh", [g.node("Conv", [g.input(numbers(random, [1, 2, 8, 10])), g.constant(numbers(random, [6, 2, 1, 1]))])])
    padded = g.node("Pad", [x, g.constant(integers(0, 0, 1, 0, 0, 0, 3, 0)), g.constant(np.float32(1.5))])
    most = g.node("GlobalMaxPool", [x])
    g.output(g.node("Mul", [g.node("AveragePool", [padded], kernel_shape=[3, 3], strides=[3, 3]), most]))


# ---- Constants that are stored in 16 bits and read as f32 -------------------------------------------------------------------------


@graph("halves")
def halves_as_weights_and_else(random, g):
    """Filters stay as they are stored; biases, scales of blocks and what a shape is computed from are known at compile time."""
    def half(*shape, low=-0.5, high=0.5):
        return g.node("Cast", [g.constant(numbers(random, shape, low, high).astype(np.float16))], to=TensorProto.FLOAT)
    x = g.node("Conv", [g.input(numbers(random, [1, 16, 9, 7])), half(24, 16, 1, 1)])
    g.output(g.node("Add", [g.node("Relu", [g.node("Conv", [x, half(24, 1, 3, 3)], group=24)]), half(1, 24, 7, 1)]))
    size = g.node("Cast", [g.node("ReduceMax", [half(8, 8, low=3, high=3)], keepdims=0)], to=TensorProto.INT64)
    shape = g.node("Concat", [g.node("Reshape", [size, g.constant(integers(1))]), g.constant(integers(5))], axis=0)
    g.output(g.node("Expand", [g.input(numbers(random, [1, 5])), shape]))
    bytes, scales = random.integers(0, 256, [32, 4, 16]).astype(np.uint8), half(32, 4, low=0.01, high=0.1)
    g.output(g.node("MatMulNBits", [g.input(numbers(random, [2, 128])), g.constant(bytes), scales], domain="com.microsoft", K=128, N=32, bits=4, block_size=32))


# ---- Numbers that f16 has not, between inputs and outputs that it has -------------------------------------------------------------


@graph("ranges")
def oscillators(random, g):
    """Phases are the sums of all frequencies so far, as in a vocoder: many turns, of which the fraction counts."""
    turns = g.node("CumSum", [g.input(numbers(random, [1, 1, 128], 0, 0.25)), g.constant(np.int64(2))])
    angles = g.node("Mul", [g.node("Resize", [turns, "", g.constant(np.float32([1, 1, 2]))], mode="linear"), g.constant(np.float32(2 * np.pi))])
    g.output(g.node("Sin", [g.node("Add", [angles, g.constant(numbers(random, [1, 3, 1]))])]))
    scaled = g.node("Mul", [g.input(numbers(random, [3, 7], 0, 50)), g.constant(np.float32(3))])
    g.output(g.node("Sub", [scaled, g.node("Floor", [scaled])]))
    g.output(g.node("Mod", [scaled, g.constant(np.float32(0.25))], fmod=1))


@graph("ranges")
def nearest_of_many(random, g):
    """Places between elements become indices of the nearest: in f16 those beyond 1,024 are whole numbers, and wrong ones beyond 2,048."""
    places = g.node("Mul", [g.input(numbers(random, [64], 0, 1)), g.constant(np.float32(3999))])
    nearest = g.node("Cast", [g.node("Floor", [places])], to=TensorProto.INT64)
    g.output(g.node("Gather", [g.input(numbers(random, [4000])), nearest]))
    image = g.input(numbers(random, [1, 2, 200, 300]))
    grid = g.node("Tanh", [g.input(numbers(random, [1, 9, 11, 2]))])
    g.output(g.node("GridSample", [image, grid], mode="nearest", padding_mode="border", align_corners=1))


@graph("ranges")
def large_integers(random, g):
    """Products of samples and of sizes in pixels, which are scaled behind a sum of products, an activation, another product."""
    samples = g.node("Cast", [g.input(random.integers(-32768, 32768, [2, 64]).astype(np.int16))], to=TensorProto.FLOAT)
    heard = g.node("Relu", [g.node("MatMul", [samples, g.constant(numbers(random, [64, 5]))])])
    g.output(g.node("Mul", [heard, g.constant(np.float32(1 / 32768))]))
    width, height = (g.node("Cast", [g.input(random.integers(300, 4000, [1, 7]).astype(np.int32))], to=TensorProto.FLOAT) for _ in range(2))
    g.output(g.node("Div", [g.node("Mul", [width, height]), g.constant(np.float32(5e4))]))


# ---- Steps that differ from channel to channel of what is computed ----------------------------------------------------------------


@graph("channels")
def channels_of_activations(random, g):
    """A scale and a zero point for each channel of an activation: read by a convolution, a rectifier, and in another order."""
    scale, zero = g.constant(numbers(random, [4], 0.01, 0.05)), g.constant(random.integers(0, 255, 4).astype(np.uint8))
    steps = g.node("QuantizeLinear", [g.input(numbers(random, [2, 4, 6, 5], -5, 5)), scale, zero], axis=1)
    real = g.node("DequantizeLinear", [steps, scale, zero], axis=-3)
    for value in (real, g.node("Relu", [real]), g.node("Conv", [real, g.constant(numbers(random, [7, 4, 1, 1]))])):
        g.output(value)
    g.output(g.node("Transpose", [steps], perm=[0, 2, 3, 1]), np.uint8)


# ---- Gates that are computed from means --------------------------------------------------------------------------------------------


@graph("gates")
def gate_of_pixels(random, g):
    """Channels of a convolution of single pixels, far from 0, are weighted by what is computed from their means."""
    x = g.input(numbers(random, [2, 5, 9, 7], 90, 110))
    made = g.node("Conv", [x, g.constant(numbers(random, [12, 5, 1, 1])), g.constant(numbers(random, [12], 0, 900))])
    mean = g.node("GlobalAveragePool", [made])
    squeezed = g.node("Relu", [g.node("Conv", [mean, g.constant(numbers(random, [3, 12, 1, 1]))])])
    gate = g.node("HardSigmoid", [g.node("Conv", [squeezed, g.constant(numbers(random, [12, 3, 1, 1], -0.01, 0.01))])])
    g.output(g.node("Add", [made, g.node("Mul", [made, gate])]))
    g.output(mean)


@graph("gates")
def means_of_pixels(random, g):
    """Nothing but means is read: of groups, of a step of two, of padding, of windows."""
    x = g.input(numbers(random, [1, 8, 6, 5]))
    weights = g.constant(numbers(random, [6, 4, 1, 1]))
    for attributes in ({}, {"strides": [2, 2]}, {"pads": [1, 0, 0, 1]}):
        g.output(g.node("GlobalAveragePool", [g.node("Conv", [x, weights], group=2, **attributes)]))
    g.output(g.node("ReduceMean", [g.node("Conv", [x, g.constant(numbers(random, [6, 8, 1, 3]))])], axes=[2, 3], keepdims=0))


# ---- Quantized by onnxruntime's tool -------------------------------------------------------------------------------------------


def linear(random, g, x, inputs, outputs):
    return g.node("Add", [g.node("MatMul", [x, g.constant(numbers(random, [inputs, outputs]))]), g.constant(numbers(random, [outputs]))])


def heads(random, g, x, width, count, perm):
    """[1, n, width] -> [1, count, n, width / count] in the order of `perm`."""
    split = g.node("Reshape", [linear(random, g, x, width, width), g.constant(integers(1, -1, count, width // count))])
    return g.node("Transpose", [split], perm=perm)


def attend(random, g, x, width, count, bias):
    """What all three projections read is quantized once, and shared."""
    query, key, value = (heads(random, g, x, width, count, perm) for perm in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]))
    scores = g.node("Add", [g.node("MatMul", [query, key]), bias])
    mixed = g.node("MatMul", [g.node("Softmax", [scores], axis=-1), value])
    joined = g.node("Reshape", [g.node("Transpose", [mixed], perm=[0, 2, 1, 3]), g.constant(integers(1, -1, width))])
    return g.node("Add", [x, linear(random, g, joined, width, width)])


@graph("quantized")
def masked_rows(random, g):
    """Attention of words to words, neither of them left out, by the least number of f32: rows that are masked as a whole, as in DeBERTa."""
    n, width, count = 9, 24, 3
    x = g.input(numbers(random, [1, n, width]))
    seen = g.input((np.arange(n) < 6)[None, None])
    pairs = g.node("And", [g.node("Unsqueeze", [seen, g.constant(integers(2))]), g.node("Unsqueeze", [seen, g.constant(integers(3))])])
    query, key, value = (heads(random, g, x, width, count, perm) for perm in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]))
    scores = g.node("Where", [pairs, g.node("MatMul", [query, key]), g.constant(np.float32(np.finfo(np.float32).min))])
    mixed = g.node("MatMul", [g.node("Softmax", [scores], axis=-1), value])
    joined = g.node("Reshape", [g.node("Transpose", [mixed], perm=[0, 2, 1, 3]), g.constant(integers(1, -1, width))])
    g.output(linear(random, g, joined, width, width))


@graph("quantized")
def bert_layer(random, g):
    """Embeddings, attention under a mask, GELU by erf, layer normalization: a layer of MiniLM and DistilBERT."""
    n, width = 9, 24
    x = g.node("Gather", [g.constant(numbers(random, [50, width])), g.input(random.integers(0, 50, [1, n]))])
    mask = g.node("Cast", [g.node("Unsqueeze", [g.input((np.arange(n) < 6).astype(np.int64)[None]), g.constant(integers(1, 2))])], to=1)
    bias = g.node("Mul", [g.node("Sub", [g.constant(np.float32(1)), mask]), g.constant(np.float32(-10000))])
    x = attend(random, g, x, width, 3, bias)
    x = g.node("LayerNormalization", [x, g.constant(numbers(random, [width], 0.5, 1.5)), g.constant(numbers(random, [width]))])
    h = linear(random, g, x, width, 40)
    gate = g.node("Add", [g.node("Erf", [g.node("Div", [h, g.constant(np.float32(2 ** 0.5))])]), g.constant(np.float32(1))])
    h = g.node("Mul", [g.node("Mul", [h, gate]), g.constant(np.float32(0.5))])
    g.output(g.node("Add", [x, linear(random, g, h, 40, width)]))


@graph("quantized")
def t5_encoder_layer(random, g):
    """Buckets of relative positions: integers to floats, logarithm, and back; normalization by the root of the mean square."""
    n, width, buckets = 11, 24, 16
    x = g.node("Gather", [g.constant(numbers(random, [50, width])), g.input(random.integers(0, 50, [1, n]))])
    distance = g.input(np.arange(n)[None] - np.arange(n)[:, None])
    far = g.node("Cast", [g.node("Greater", [distance, g.constant(np.int64(0))])], to=TensorProto.INT64)
    size = g.node("Abs", [distance])
    wide = g.node("Log", [g.node("Max", [g.node("Mul", [g.node("Cast", [size], to=1), g.constant(np.float32(0.25))]), g.constant(np.float32(0.01))])])
    wide = g.node("Cast", [g.node("Mul", [wide, g.constant(np.float32(1.9))])], to=TensorProto.INT64)
    wide = g.node("Min", [g.node("Add", [wide, g.constant(np.int64(4))]), g.constant(np.int64(buckets // 2 - 1))])
    near = g.node("Where", [g.node("Less", [size, g.constant(np.int64(4))]), size, wide])
    bucket = g.node("Add", [g.node("Mul", [far, g.constant(np.int64(buckets // 2))]), near])
    bias = g.node("Transpose", [g.node("Gather", [g.constant(numbers(random, [buckets, 3])), bucket])], perm=[2, 0, 1])
    square = g.node("ReduceMean", [g.node("Mul", [x, x])], axes=[-1])
    root = g.node("Sqrt", [g.node("Add", [square, g.constant(np.float32(1e-6))])])
    x = attend(random, g, g.node("Mul", [g.node("Div", [x, root]), g.constant(numbers(random, [width], 0.5, 1.5))]), width, 3, bias)
    g.output(g.node("Add", [x, linear(random, g, g.node("Relu", [linear(random, g, x, width, 40)]), 40, width)]))


@graph("quantized")
def ds_cnn(random, g):
    """Depthwise and 1x1 convolutions: keyword spotting."""
    x = g.node("Relu", [g.node("Conv", [g.input(numbers(random, [1, 1, 21, 10])), g.constant(numbers(random, [16, 1, 5, 4], -0.4, 0.4))], strides=[2, 2])])
    for _ in range(2):
        depthwise = g.node("Conv", [x, g.constant(numbers(random, [16, 1, 3, 3])), g.constant(numbers(random, [16]))], group=16, pads=[1] * 4)
        x = g.node("Relu", [g.node("Conv", [g.node("Relu", [depthwise]), g.constant(numbers(random, [16, 16, 1, 1], -0.5, 0.5))])])
    flat = g.node("Flatten", [g.node("GlobalAveragePool", [x])])
    g.output(g.node("Gemm", [flat, g.constant(numbers(random, [16, 12]))]))


@graph("quantized")
def detector_head(random, g):
    """Boxes and classes of two scales, the best twenty of them: positions as integers of 64 and 32 bits and as floats."""
    levels = [g.node("Reshape", [g.node("Conv", [g.input(numbers(random, [1, 8, s, s])), g.constant(numbers(random, [12, 8, 1, 1]))]),
                                 g.constant(integers(1, 12, -1))]) for s in (6, 3)]
    joined = g.node("Transpose", [g.node("Concat", levels, axis=2)], perm=[0, 2, 1])
    boxes, scores = g.node("Split", [joined, g.constant(integers(4, 8))], results=2, axis=2)
    scores = g.node("Reshape", [g.node("Sigmoid", [scores]), g.constant(integers(1, -1))])
    best, at = g.node("TopK", [scores, g.constant(integers(20))], results=2)
    row, label = g.node("Div", [at, g.constant(np.int64(8))]), g.node("Mod", [at, g.constant(np.int64(8))])
    rows = g.node("Tile", [g.node("Unsqueeze", [row, g.constant(integers(2))]), g.constant(integers(1, 1, 4))])
    label = g.node("Cast", [g.node("Cast", [label], to=TensorProto.INT32)], to=1)
    columns = [g.node("Unsqueeze", [value, g.constant(integers(2))]) for value in (best, label)]
    g.output(g.node("Concat", [g.node("GatherElements", [boxes, rows], axis=1), *columns], axis=2))


# ---- Running -------------------------------------------------------------------------------------------------------------------


def run_model(program: nncc.Nncc, path: Path, inputs: dict, limit: float | None) -> str | None:
    """What is wrong with a model, or None. `limit` as for random_graphs.first_difference."""
    honest = {name: value != 0 if value.dtype == np.bool_ else value for name, value in inputs.items()}
    expected = oracle.run(path.read_bytes(), honest, oracle.NODE_BY_NODE)
    try:
        if program.target != nncc.X86_64:
            return random_graphs.first_difference(program.run(path, inputs).outputs, expected, limit)
        with tempfile.TemporaryDirectory(prefix="nncc-small-") as scratch:
            return random_graphs.run_in_process(program, path, Path(scratch), inputs, expected, limit)
    except (nncc.NnccError, RuntimeError) as error:
        return str(error)


def run_graph(program: nncc.Nncc, group: str, name: str, folder: Path) -> list[str]:
    """What is wrong with a graph, and with what the quantizer makes of it."""
    build = Graph()
    GROUPS[group][name](np.random.default_rng(1), build)
    path = folder / f"{name}.onnx"
    onnx.save(shape_inference.infer_shapes(build.model()), path)
    limit = program.error_of_halves
    failures = [run_model(program, path, build.inputs, limit)]
    if group == "quantized":
        for weights in (QuantType.QInt8, QuantType.QUInt8):
            quantized = folder / f"{name}-{weights.name}.onnx"
            quantize_dynamic(path, quantized, weight_type=weights, per_channel=weights is QuantType.QInt8)
            failure = run_model(program, quantized, build.inputs, limit and QUANTIZED_HALVES)
            failures.append(failure and f"{weights.name}: {failure}")
    return [failure for failure in failures if failure]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--group", nargs="+", choices=list(GROUPS), default=list(GROUPS))
    parser.add_argument("--graph")
    nncc.add_machine_arguments(parser)
    nncc.add_float_argument(parser)
    parser.add_argument("--optimize", choices=["speed", "size"], default="speed")
    options = parser.parse_args()
    failed = count = 0
    with tempfile.TemporaryDirectory(prefix="nncc-small-") as folder:
        for program in nncc.machines(options):
            program.flags.append(f"--optimize={options.optimize}")
            for group, graphs in GROUPS.items():
                for name in graphs if group in options.group else ():
                    if options.graph in (None, name) and not (program.error_of_halves and name in CHOOSE):
                        failures = run_graph(program, group, name, Path(folder))
                        count, failed = count + 1, failed + bool(failures)
                        for failure in failures:
                            print(f"{program.target} {name}: {failure}", file=sys.stderr)
    print(f"{count - failed} of {count} graphs are right")
    sys.exit(failed > 0 or not count)


if __name__ == "__main__":
    main()
