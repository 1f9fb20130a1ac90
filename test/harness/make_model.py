#!/usr/bin/env python3
"""Writes small ONNX files for tests, byte by byte: also those that no ONNX library would write.

Usage: make_model.py CASE FILE, with a case of the list below (`make_model.py --list`). Needs no package. A case is a function
that returns the bytes of the file; the field numbers are those of onnx.proto.
"""
import pathlib
import struct
import sys

FLOAT, UINT8, INT64, STRING, FLOAT16 = 1, 2, 7, 8, 10


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def field(number, value):
    """One protobuf field: an int is a varint, a float 32 bits, text, bytes and messages are length-delimited."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def shape_of(dims):
    return b"".join(field(1, field(2, d) if isinstance(d, str) else field(1, d)) for d in dims)


def value_info(name, dims, dtype=FLOAT):
    return field(1, name) + field(2, field(1, field(1, dtype) + field(2, shape_of(dims))))


def tensor(name, dims, data=None, dtype=FLOAT, external=None):
    """`data` are floats or integers by dtype, or bytes; `external` are the entries of external_data."""
    out = b"".join(field(1, d) for d in dims) + field(2, dtype) + field(8, name)
    if external is not None:
        return out + b"".join(field(13, field(1, k) + field(2, v)) for k, v in external.items()) + field(14, 1)
    if not isinstance(data, bytes):
        data = struct.pack(f"<{len(data)}{'f' if dtype == FLOAT else 'q'}", *data)
    return out + field(9, data)


def attribute(name, value):
    kind, number = {int: (2, 3), float: (1, 2), str: (3, 4), bytes: (4, 5)}.get(type(value), (0, 0))  # bytes are a tensor
    if isinstance(value, list):
        kind, number = {float: (6, 7), str: (8, 9)}.get(type(value[0]), (7, 8))
    payload = b"".join(field(number, v) for v in value) if isinstance(value, list) else field(number, value)
    return field(1, name) + payload + field(20, kind)


def node(op, inputs, outputs, name="", domain="", extra=b"", **attributes):
    return (b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in outputs)
            + (field(3, name) if name else b"") + field(4, op)
            + b"".join(field(5, attribute(k, v)) for k, v in attributes.items()) + (field(7, domain) if domain else b"") + extra)


def model(nodes, inputs, outputs, weights=(), opset=13, domains=(), ir_version=8, extra=b""):
    graph = (b"".join(field(1, n) for n in nodes) + field(2, "graph") + b"".join(field(5, w) for w in weights)
             + b"".join(field(11, i) for i in inputs) + b"".join(field(12, o) for o in outputs))
    return (field(1, ir_version) + field(7, graph) + field(8, field(1, "") + field(2, opset))
            + b"".join(field(8, field(1, d) + field(2, 1)) for d in domains) + extra)


X = value_info("x", [2, 3])
Y = value_info("y", [2, 3])


def relu(x=X, y=Y, **more):
    return model([node("Relu", ["x"], ["y"], "relu")], [x], [y], **more)


def add_weight(weight, dims=(2, 3)):
    """y = x + w."""
    return model([node("Add", ["x", "w"], ["y"], "add")], [value_info("x", list(dims))], [value_info("y", list(dims))], [weight])


CASES = {}


def case(function):
    CASES[function.__name__.replace("_", "-")] = function
    return function


@case
def valid():
    return relu()


@case
def empty():
    return b""


@case
def table():
    """Three rows of a table of 4,096, which is 64 KiB, added to rows of another."""
    return model([node("Gather", ["t", "i"], ["a"], "rows"), node("Gather", ["w", "i"], ["b"], "weights"), node("Add", ["a", "b"], ["y"], "add")],
                 [value_info("t", [4096, 4]), value_info("i", [3], INT64)], [value_info("y", [3, 4])], [tensor("w", [4096, 4], [0.5, 1.5] * 8192)])


@case
def truncated():
    return add_weight(tensor("w", [2, 3], [1.0] * 6))[:-40]


@case
def not_onnx():
    return b"%PDF-1.4 this is a document\n" * 10


@case
def no_graph():
    return field(1, 8) + field(8, field(1, "") + field(2, 13))


@case
def old_opset():
    return relu(opset=0)


@case
def new_opset():
    return relu(opset=99)


@case
def no_opset():
    return field(1, 8) + field(7, field(1, node("Relu", ["x"], ["y"])) + field(11, X) + field(12, Y))


@case
def external_missing():
    return add_weight(tensor("w", [2, 3], external={"location": "weights.bin", "offset": "0", "length": "24"}))


@case
def external_two_missing():
    weights = [tensor(name, [2, 3], external={"location": "weights.bin"}) for name in ("v", "w")]
    nodes = [node("Add", ["x", "v"], ["t"], "first"), node("Add", ["t", "w"], ["y"], "second")]
    return model(nodes, [X], [Y], weights)


@case
def external_parent():
    return add_weight(tensor("w", [2, 3], external={"location": "../outside.bin"}))


@case
def external_hidden_parent():
    return add_weight(tensor("w", [2, 3], external={"location": "here/../../outside.bin"}))


@case
def external_absolute():
    return add_weight(tensor("w", [2, 3], external={"location": "/etc/passwd", "length": "24"}))


@case
def external_bad_offset():
    return add_weight(tensor("w", [2, 3], external={"location": "weights.bin", "offset": "16", "length": "24"}))


@case
def external_huge_offset():
    return add_weight(tensor("w", [2, 3], external={"location": "weights.bin", "offset": "18446744073709551608", "length": "24"}))


@case
def external_valid():
    return add_weight(tensor("w", [2, 3], external={"location": "weights.bin", "offset": "8", "length": "24"}))


@case
def unknown_ops():
    nodes = [node("Relu", ["x"], ["a"], "first"),
             node("FancyConv", ["a"], ["b"], "head/fancy", domain="com.example", alpha=1),
             node("StringNormalizer", ["b"], ["c"]),
             node("FeatureVectorizer", ["c"], ["d"], "columns", domain="ai.onnx.ml"),
             node("NoSuchOp", ["d"], ["y"], "tail/none")]
    return model(nodes, [X], [Y], domains=["com.example", "ai.onnx.ml"])


@case
def maps_of_scores():
    return model([node("ZipMap", ["x"], ["y"], "zip", domain="ai.onnx.ml", classlabels_int64s=[7, 5, 11])], [X], [Y], domains=["ai.onnx.ml"])


@case
def maps_of_a_class_twice():
    return model([node("ZipMap", ["x"], ["y"], "zip", domain="ai.onnx.ml", classlabels_int64s=[7, 5, 7])], [X], [Y], domains=["ai.onnx.ml"])


@case
def maps_of_other_classes():
    return model([node("ZipMap", ["x"], ["y"], "zip", domain="ai.onnx.ml", classlabels_strings=["cat", "dog"])], [X], [Y],
                 domains=["ai.onnx.ml"])


@case
def onnxruntime_layouts():
    """What onnxruntime saves of two convolutions with all its optimizations."""
    nodes = [node("Relu", ["x"], ["a"], "first"), node("ReorderInput", ["a"], ["b"], "in", domain="com.microsoft.nchwc"),
             node("Conv", ["b"], ["c"], "conv0", domain="com.microsoft.nchwc"), node("Conv", ["c"], ["d"], "conv1", domain="com.microsoft.nchwc"),
             node("ReorderOutput", ["d"], ["y"], "out", domain="com.microsoft.nchwc")]
    return model(nodes, [X], [Y], domains=["com.microsoft.nchwc"])


@case
def detector():
    """Two heads on one trunk, and an operator behind them that nncc does not have."""
    nodes = [node("Relu", ["x"], ["trunk"], "trunk/relu"),
             node("Split", ["trunk"], ["left", "right"], "split", axis=1),
             node("Add", ["left", "bias"], ["boxes"], "head/boxes"),
             node("Sigmoid", ["right"], ["scores"], "head/scores"),
             node("Constant", [], ["limit"], value_float=0.5),
             node("NoSuchOp", ["boxes", "scores", "bias", "limit"], ["y"], "suppress")]
    return model(nodes, [value_info("x", ["batch", 6])], [value_info("y", [7])], [tensor("bias", [3], [1.0, 2.0, 3.0]), tensor("unused", [1], [1.0])])


@case
def drawn():
    """Noise that is drawn while the model runs, as in text to speech."""
    nodes = [node("Relu", ["x"], ["mean"], "mean"), node("RandomNormalLike", ["mean"], ["noise"], "draw", dtype=1),
             node("Add", ["mean", "noise"], ["y"], "sum")]
    return model(nodes, [value_info("x", [2, 3])], [value_info("y", [2, 3])])


@case
def many_unknown_ops():
    nodes = [node(f"NoSuchOp{i}", [f"t{i}"], [f"t{i + 1}"], f"bad{i}") for i in range(30)]
    return model(nodes, [value_info("t0", [2, 3])], [value_info("t30", [2, 3])])


@case
def same_unknown_op():
    nodes = [node("NoSuchOp", [f"t{i}"], [f"t{i + 1}"], f"bad{i}" if i != 2 else "") for i in range(8)]
    return model(nodes, [value_info("t0", [2, 3])], [value_info("t8", [2, 3])])


def graph_attribute(name, nodes, outputs):
    graph = b"".join(field(1, n) for n in nodes) + field(2, name) + b"".join(field(12, o) for o in outputs)
    return field(5, field(1, name) + field(6, graph) + field(20, 5))


@case
def undecided_if():
    """y = x where rate is 16000, else what no tool knows: nothing can be compiled before rate has a value."""
    branches = (graph_attribute("then_branch", [node("Relu", ["x"], ["a"], "relu")], [value_info("a", [2, "n"])])
                + graph_attribute("else_branch", [node("NoSuchOp", ["x"], ["b"], "odd")], [value_info("b", [2, "n"])]))
    nodes = [node("Equal", ["rate", "known"], ["is_known"], "compare"), node("If", ["is_known"], ["y"], "choose", extra=branches)]
    return model(nodes, [value_info("rate", [], INT64), value_info("x", [2, "n"])], [value_info("y", [2, "n"])],
                 [tensor("known", [], [16000], INT64)])


@case
def shape_by_data():
    """y is one row or two, as the first value of what Relu makes says: no shape is known, and the branch needs no more than that."""
    whole = graph_attribute("then_branch", [node("Neg", ["positive"], ["a"])], [value_info("a", [2, 3])])
    part = graph_attribute("else_branch", [node("NonZero", ["positive"], ["b"], "find")], [value_info("b", [2, "n"])])
    nodes = [node("Relu", ["x"], ["positive"], "relu"), node("ReduceMax", ["positive"], ["highest"], "highest", keepdims=0),
             node("Greater", ["highest", "one"], ["is_high"], "compare"), node("If", ["is_high"], ["y"], "choose", extra=whole + part)]
    return model(nodes, [X], [value_info("y", [2, "n"])], [tensor("one", [], [1.0])])


@case
def cyclic():
    return model([node("Add", ["x", "b"], ["a"], "one"), node("Relu", ["a"], ["b"], "two"), node("Relu", ["b"], ["y"], "three")], [X], [Y])


@case
def self_cycle():
    return model([node("Add", ["x", "y"], ["y"], "loop")], [X], [Y])


@case
def duplicate_tensor():
    return model([node("Relu", ["x"], ["a"], "one"), node("Neg", ["x"], ["a"], "two"), node("Relu", ["a"], ["y"], "three")], [X], [Y])


@case
def duplicate_input():
    return model([node("Relu", ["x"], ["y"], "relu")], [X, X], [Y])


@case
def undefined_tensor():
    return model([node("Add", ["x", "nowhere"], ["y"], "add")], [X], [Y])


@case
def undefined_output():
    return model([node("Relu", ["x"], ["y"], "relu")], [X], [Y, value_info("z", [2, 3])])


@case
def dynamic_dim():
    return relu(value_info("x", ["batch", 3, "width"]), value_info("y", ["batch", 3, "width"]))


@case
def unnamed_dim():
    return relu(field(1, "x") + field(2, field(1, field(1, FLOAT) + field(2, field(1, b"") + field(1, field(1, 3))))), value_info("y", ["n", 3]))


@case
def placeholder_dims():
    return relu(value_info("x", ["?", 3, "?"]), value_info("y", ["?", 3, "?"]))


@case
def odd_image():
    return relu(value_info("x", [1, 3, 5, 4]), value_info("y", [1, 3, 5, 4]))


@case
def no_shape():
    return relu(field(1, "x") + field(2, field(1, field(1, FLOAT))), Y)


@case
def huge_shape():
    return relu(value_info("x", [1 << 40, 1 << 40]), value_info("y", [1 << 40, 1 << 40]))


@case
def huge_expand():
    weight = tensor("shape", [3], [1 << 31, 1 << 31, 6], INT64)
    return model([node("Expand", ["x", "shape"], ["y"], "expand")], [value_info("x", [6])], [value_info("y", ["a", "b", 6])], [weight])


@case
def too_big():
    """A tensor of 8 TB: the product fits, no machine does."""
    return model([node("Relu", ["x"], ["a"], "relu"), node("Neg", ["a"], ["y"], "neg")], [value_info("x", [1 << 21, 1 << 20])], [value_info("y", [1 << 21, 1 << 20])])


@case
def huge_splat():
    """A number in 2^33 elements that a product reads from memory."""
    shape = tensor("shape", [2], [65536, 131072], INT64)
    nodes = [node("ConstantOfShape", ["shape"], ["w"], "fill"), node("MatMul", ["x", "w"], ["y"], "product")]
    return model(nodes, [value_info("x", [2, 65536])], [value_info("y", [2, 131072])], [shape])


@case
def huge_arena():
    """2^43 bytes between two nodes."""
    shape = tensor("shape", [2], [1 << 20, 1 << 20], INT64)
    nodes = [node("Expand", ["x", "shape"], ["t"], "expand"), node("Softmax", ["t"], ["u"], "softmax"),
             node("ReduceMax", ["u"], ["y"], "reduce", axes=[0, 1])]
    return model(nodes, [value_info("x", [1 << 20, 1])], [value_info("y", [1, 1])], [shape])


@case
def endless_arithmetic():
    """500 additions of a constant of 2^18 - 1 integers."""
    ends = [tensor(name, [], [value], INT64) for name, value in (("start", 0), ("limit", (1 << 18) - 1), ("delta", 1))]
    nodes = [node("Range", ["start", "limit", "delta"], ["v0"], "range")]
    nodes += [node("Add", [f"v{i}", "v0"], [f"v{i + 1}"], f"add{i}") for i in range(500)]
    nodes.append(node("Identity", ["v500"], ["y"], "end"))
    return model(nodes, [], [value_info("y", [(1 << 18) - 1], INT64)], ends)


@case
def negative_dim():
    return relu(value_info("x", [-2, 3]), value_info("y", [-2, 3]))


@case
def zero_dim():
    return relu(value_info("x", [0, 3]), value_info("y", [0, 3]))


@case
def short_weight():
    return add_weight(tensor("w", [2, 3], bytes(20)))


@case
def huge_weight():
    return add_weight(tensor("w", [1 << 40, 1 << 40], bytes(24)))


@case
def negative_weight_dim():
    return add_weight(tensor("w", [-2, -3], bytes(24)))


@case
def bad_dtype():
    return add_weight(tensor("w", [2, 3], bytes(24), dtype=77))


@case
def string_weight():
    return add_weight(field(1, 2) + field(2, STRING) + field(8, "w") + field(6, b"one") + field(6, b"two"))


@case
def broadcast_mismatch():
    return add_weight(tensor("w", [2, 4], [1.0] * 8))


@case
def wrong_output_shape():
    return relu(X, value_info("y", [3, 2]))


@case
def image():
    """A convolution of an image whose lines begin at multiples of four numbers."""
    return model([node("Conv", ["x", "w"], ["y"], "conv", pads=[1, 1, 1, 1])], [value_info("x", [1, 3, 6, 8])], [value_info("y", [1, 5, 6, 8])],
                 [tensor("w", [5, 3, 3, 3], [0.5] * 135)])


@case
def flat_image():
    """A convolution of an image with fewer lines than tiles of 4x4 pixels."""
    return model([node("Conv", ["x", "w"], ["y"], "conv", pads=[1, 1, 1, 1])], [value_info("x", [1, 16, 3, 32])], [value_info("y", [1, 16, 3, 32])],
                 [tensor("w", [16, 16, 3, 3], [0.5] * 2304)])


@case
def wide_middle():
    """Three convolutions, the second from 64 channels to 64: while it runs the arena is full."""
    def filters(name, outputs, inputs):
        return tensor(name, [outputs, inputs, 3, 3], [(i % 7 - 3) / 8 for i in range(outputs * inputs * 9)])
    nodes = [node("Conv", [x, w], [y], y, pads=[1, 1, 1, 1]) for x, w, y in (("x", "u", "a"), ("a", "v", "b"), ("b", "w", "y"))]
    return model(nodes, [value_info("x", [1, 4, 24, 24])], [value_info("y", [1, 4, 24, 24])],
                 [filters("u", 64, 4), filters("v", 64, 64), filters("w", 4, 64)])


@case
def bad_dilations():
    weight = tensor("w", [4, 3, 3, 3], [0.5] * 108)
    return model([node("Conv", ["x", "w"], ["y"], "backbone/conv1", kernel_shape=[3, 3], strides=[1, 0])],
                 [value_info("x", [1, 3, 8, 8])], [value_info("y", [1, 4, 6, 6])], [weight])


def conv(weight_nodes, inputs, weights, **attributes):
    return model([*weight_nodes, node("Conv", inputs, ["y"], "conv", **attributes)], [value_info("x", [1, 3, 8, 7])], [value_info("y", [1, 4, "h", "w"])],
                 weights)


@case
def huge_window():
    """A window of 2^40 rows, each 2^24 below the one before."""
    shape = tensor("s", [4], [4, 3, 1 << 36, 1], INT64)
    return conv([node("ConstantOfShape", ["s"], ["w"], "fill")], ["x", "w"], [shape], dilations=[1 << 24, 1])


@case
def integer_bias():
    return conv([], ["x", "w", "b"], [tensor("w", [4, 3, 1, 1], [0.5] * 12), tensor("b", [4], [1] * 4, INT64)])


@case
def concat_of_numbers():
    return model([node("Concat", ["x", "x"], ["y"], "concat", axis=-1)], [value_info("x", [])], [value_info("y", [2])])


@case
def axis_of_halves():
    """Computed in f32: what widens the input comes behind the axis, which is wrong."""
    return model([node("RMSNormalization", ["x", "s"], ["y"], "norm", axis=9)],
                 [value_info("x", [2, 3], FLOAT16), value_info("s", [3], FLOAT16)],
                 [value_info("y", [2, 3], FLOAT16)], opset=23)


@case
def expand_of_a_sequence():
    return model([node("SequenceConstruct", ["x"], ["q"], "make"), node("Expand", ["q", "s"], ["y"], "expand")], [X], [Y],
                 [tensor("s", [2], [2, 3], INT64)])


@case
def nan_in_roi():
    roi = tensor("r", [4], [0.0, float("nan"), 1.0, 1.0])
    return model([node("Resize", ["x", "r", "s"], ["y"], "resize", coordinate_transformation_mode="tf_crop_and_resize")], [X],
                 [value_info("y", [4, 6])], [roi, tensor("s", [2], [2.0, 2.0])])


@case
def huge_resize():
    """Twice as many rows: a table of 2^28 positions."""
    return model([node("Resize", ["x", "", "s"], ["y"], "resize")], [value_info("x", [1 << 27, 3])], [value_info("y", [1 << 28, 3])],
                 [tensor("s", [2], [2.0, 1.0])])


@case
def huge_pads_of_edges():
    """Pad in mode edge to a dim of 2^31 + 3, of which a table of sources would take 16 GB."""
    return model([node("Pad", ["x", "p"], ["y"], "pad", mode="edge")], [value_info("x", [1, 4])], [value_info("y", ["h", "w"])],
                 [tensor("p", [4], [3, 1, (1 << 31) - 1, 1], INT64)])


@case
def huge_pads_of_indices():
    """MaxPool with positions, of an image that pads make 2^26 pixels large."""
    return model([node("MaxPool", ["x"], ["v", "y"], "pool", kernel_shape=[2, 2], pads=[1 << 12] * 4)], [value_info("x", [1, 1, 8, 7])],
                 [value_info("y", [1, 1, "h", "w"], INT64)])


@case
def initial_cell_of_numbers():
    weights = [tensor("w", [1, 8, 3], [0.5] * 24), tensor("r", [1, 8, 2], [0.5] * 16), tensor("c", [], [1.0])]
    return model([node("LSTM", ["x", "w", "r", "", "", "", "c"], ["y"], "lstm", hidden_size=2)], [value_info("x", [2, 1, 3])],
                 [value_info("y", [2, 1, 1, 2])], weights)


@case
def extreme_of_nothing():
    return model([node("ArgMax", ["x"], ["y"], "argmax", axis=0)], [value_info("x", [0, 3])], [value_info("y", [1, 3], INT64)])


@case
def bad_attribute_type():
    return model([node("Concat", ["x", "x"], ["y"], "concat", axis="first")], [X], [value_info("y", [4, 3])])


@case
def missing_attribute():
    return model([node("Concat", ["x", "x"], ["y"], "concat")], [X], [value_info("y", [4, 3])])


@case
def axis_out_of_range():
    return model([node("Concat", ["x", "x"], ["y"], "concat", axis=5)], [X], [value_info("y", [4, 3])])


def tree(when_true, when_false):
    """A tree of two branches, 0 and 1, and two leaves, 2 and 3."""
    nodes = len(when_true)
    ids = dict(nodes_treeids=[0] * nodes, nodes_nodeids=list(range(nodes)), nodes_truenodeids=when_true, nodes_falsenodeids=when_false)
    tests = dict(nodes_featureids=[0] * nodes, nodes_values=[0.5] * nodes, nodes_modes=["BRANCH_LEQ"] * 2 + ["LEAF"] * 2)
    leaves = dict(target_treeids=[0, 0], target_nodeids=[2, 3], target_ids=[0, 0], target_weights=[1.0, 2.0], n_targets=1)
    return model([node("TreeEnsembleRegressor", ["x"], ["y"], "trees", domain="ai.onnx.ml", **ids, **tests, **leaves)], [X],
                 [value_info("y", [2, 1])], domains=["ai.onnx.ml"])


@case
def branch_to_itself():
    return tree([1, 3, 0, 0], [2, 1, 0, 0])


@case
def branches_in_a_circle():
    return tree([1, 3, 0, 0], [2, 0, 0, 0])


@case
def branch_without_child():
    return tree([1, 3, 0, 0], [2, 7, 0, 0])


def ensemble(modes=(b"\0\0", UINT8), **more):
    """Trees of opset 5, with two comparisons, 0 and 1, and three leaves."""
    ways = dict(nodes_truenodeids=[1, 0], nodes_trueleafs=[0, 1], nodes_falsenodeids=[2, 1], nodes_falseleafs=[1, 1])
    tests = dict(nodes_modes=tensor("", [2], *modes), nodes_splits=tensor("", [2], [0.5, 0.25]), nodes_featureids=[0, 0])
    leaves = dict(leaf_targetids=[0] * 3, leaf_weights=tensor("", [3], [1.0, 2.0, 3.0]), n_targets=1)
    return model([node("TreeEnsemble", ["x"], ["y"], "trees", domain="ai.onnx.ml", tree_roots=[0], **ways | tests | leaves | more)], [X],
                 [value_info("y", [2, 1])], extra=field(8, field(1, "ai.onnx.ml") + field(2, 5)))


@case
def modes_of_floats():
    return ensemble(modes=([0.0, 0.5], FLOAT))


@case
def leaf_out_of_range():
    """So far that its number, counted on from the last comparison, is negative."""
    return ensemble(nodes_falsenodeids=[(1 << 63) - 1, 1])


@case
def set_of_many():
    """A set of more members than trees have levels."""
    return ensemble(modes=(b"\6\0", UINT8), membership_values=tensor("", [600], [float(member) for member in range(600)]))


@case
def classes_without_vectors():
    kernel = dict(kernel_type="LINEAR", kernel_params=[0.0, 0.0, 0.0])
    return model([node("SVMClassifier", ["x"], ["y"], "vectors", domain="ai.onnx.ml", vectors_per_class=[0, 0], rho=[0.5], classlabels_ints=[0, 1],
                       **kernel)], [X], [value_info("y", [2], INT64)], domains=["ai.onnx.ml"])


@case
def aligned_misfit():
    """More regions than there are images of them."""
    return model([node("RoiAlign", ["x", "boxes", "images"], ["y"], "regions")],
                 [value_info("x", [1, 2, 5, 7]), value_info("boxes", [3, 4]), value_info("images", [2], INT64)],
                 [value_info("y", [3, 2, 1, 1])], opset=16)


@case
def deformed_misfit():
    """A window larger than the image: a quotient that is rounded towards 0 finds one place for it."""
    return model([node("DeformConv", ["x", "w", "offsets"], ["y"], "taps", strides=[2, 2])],
                 [value_info("x", [1, 1, 1, 1]), value_info("w", [1, 1, 2, 2]), value_info("offsets", [1, 8, 1, 1])],
                 [value_info("y", [1, 1, 1, 1])], opset=19)


@case
def missing_input():
    return model([node("Add", ["x"], ["y"], "add")], [X], [Y])


@case
def too_many_inputs():
    return model([node("Relu", ["x", "x", "x"], ["y"], "relu")], [X], [Y])


@case
def unknown_field():
    """A node with field 99: something that a newer ONNX says and this compiler does not know."""
    return model([node("Relu", ["x"], ["y"], "relu", extra=field(99, 5))], [X], [Y])


@case
def hostile_names():
    names = ['int', '"; system("x"); /* */ //', "1.2:0/π\n\\"]
    markup = '</script><img src=x onerror="document.title=1">\u202e<!--\x01'
    nodes = [node("Relu", [names[0]], ["a"], names[1]), node("Abs", ["a"], [markup], markup), node("Neg", [markup], [names[2]], "*/ #error")]
    return model(nodes, [value_info(names[0], [2, 3])], [value_info(names[2], [2, 3])])


@case
def clashing_names():
    """Inputs whose C identifiers would be the same."""
    return model([node("Add", ["a/b", "a.b"], ["a_b"], "add")], [value_info("a/b", [2, 3]), value_info("a.b", [2, 3])], [value_info("a_b", [2, 3])])


@case
def deep_if():
    """If nested far deeper than any honest model: a parser that recurses without a limit dies here."""
    graph = field(1, node("Relu", ["x"], ["y"]))
    for _ in range(2000):
        graph = field(1, field(1, "c") + field(2, "y") + field(4, "If") + field(5, field(1, "then_branch") + field(6, graph) + field(20, 5)))
    return field(1, 8) + field(7, graph + field(11, X) + field(12, Y)) + field(8, field(1, "") + field(2, 13))


@case
def long_chain():
    """20,000 nodes one after the other: whatever recurses along a graph runs out of stack here."""
    count = 20000
    nodes = [node("Relu" if i % 2 else "Neg", [f"t{i}"], [f"t{i + 1}"]) for i in range(count)]
    return model(nodes, [value_info("t0", [4])], [value_info(f"t{count}", [4])])


@case
def big_gemm():
    """200 MB of weights in one Gemm: 7168 x 7168 floats, of a cheap generator with a period that no compressor or merger shortens."""
    n = 7168
    row = bytearray()
    state = 12345
    for _ in range(n):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        row += struct.pack("<f", state / 0x80000000 - 0.5)
    row = bytes(row)
    data = b"".join(row[4 * (i % n):] + row[:4 * (i % n)] for i in range(n))
    return model([node("Gemm", ["x", "w", "b"], ["y"], "gemm", transB=1)], [value_info("x", [1, n])], [value_info("y", [1, n])],
                 [tensor("w", [n, n], data), tensor("b", [n], bytes(4 * n))])


@case
def half_of_integers():
    """A Gemm whose alpha no integer holds."""
    return model([node("Gemm", ["x", "w"], ["y"], "gemm", alpha=0.5)], [value_info("x", [2, 3], INT64)], [value_info("y", [2, 5], INT64)],
                 [tensor("w", [3, 5], list(range(15)), INT64)])


@case
def no_outputs():
    return model([node("Relu", ["x"], ["y"], "relu")], [X], [])


@case
def passthrough():
    """An output that is an input, and one that is a weight."""
    return model([], [X], [X, value_info("w", [2])], [tensor("w", [2], [1.0, 2.0])])


@case
def dense_block():
    """The memory plan cuts the kernel behind the concatenation in two."""
    pointwise = lambda name, channels, of: tensor(name, [channels, of, 1, 1], [0.5] * (channels * of))
    weights = [pointwise("w0", 50, 5), pointwise("w2", 40, 50), pointwise("w3", 20, 40), pointwise("w6", 3, 70), tensor("s", [1, 70, 1, 1], [2.0] * 70)]
    nodes = [node("Conv", ["x", "w0"], ["a"], "first"), node("Exp", ["a"], ["b"], "exp"), node("Conv", ["b", "w2"], ["c"], "second"),
             node("Conv", ["c", "w3"], ["d"], "third"), node("Concat", ["a", "d"], ["e"], "join", axis=1), node("Mul", ["e", "s"], ["f"], "scaled"),
             node("Conv", ["f", "w6"], ["y"], "last")]
    return model(nodes, [value_info("x", [1, 5, 3, 4])], [value_info("y", [1, 3, 3, 4])], weights)


@case
def chain():
    """Between two convolutions lies more than caches hold."""
    weights = [tensor("w0", [40, 3, 1, 1], [0.25, -0.5, 0.125] * 40), tensor("w1", [40, 1, 3, 3], [0.5, -0.25, 0.125, 1.0, -1.0, 0.75, 0.25, 2.0, -0.5] * 40)]
    nodes = [node("Conv", ["x", "w0"], ["t"], "first"), node("Relu", ["t"], ["r"], "relu"),
             node("Conv", ["r", "w1"], ["y"], "second", group=40, strides=[2, 2], pads=[1, 1, 1, 1])]
    return model(nodes, [value_info("x", [1, 3, 240, 100])], [value_info("y", [1, 40, 120, 50])], weights)


@case
def chain_beside_output():
    """What lies between two convolutions is as large as the output, whose memory is free until it is transposed there."""
    weights = [tensor("w0", [96, 8, 1, 1], [0.25, -0.5, 0.125, 1.0] * 192), tensor("w1", [96, 1, 3, 3], [0.5, -0.25, 0.125] * 288)]
    nodes = [node("Conv", ["x", "w0"], ["t"], "first"), node("Relu", ["t"], ["r"], "relu"),
             node("Conv", ["r", "w1"], ["y"], "second", group=96, pads=[1, 1, 1, 1])]
    return model(nodes, [value_info("x", [1, 8, 200, 48])], [value_info("y", [1, 96, 200, 48])], weights)


def main():
    if len(sys.argv) == 2 and sys.argv[1] == "--list":
        print("\n".join(CASES))
    elif len(sys.argv) == 3 and sys.argv[1] in CASES:
        path = pathlib.Path(sys.argv[2])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CASES[sys.argv[1]]())
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
