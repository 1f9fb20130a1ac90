#!/usr/bin/env python3
"""Imports a small model of the list below and prints the module of stage N1, or the messages.

Usage: n1.py CASE FOLDER [options of nncc compile]. The model is written into FOLDER. Spaces are single, weights elided, locations left out.
"""
import math
import pathlib
import re
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[4] / "harness"))
from make_model import FLOAT, INT64, field, model, node, tensor, value_info  # noqa: E402

BOOL, FLOAT16, UINT8, INT8, INT32 = 9, 10, 2, 3, 6


def ramp(name, *dims):
    """Weights 0, 1, 2 ..."""
    count = 1
    for dim in dims:
        count *= dim
    return tensor(name, dims, [float(i) for i in range(count)])


def floats(name, values, dims=None):
    return tensor(name, [len(values)] if dims is None else dims, [float(v) for v in values])


def ints(name, *values):
    return tensor(name, [len(values)], list(values), INT64)


def steps(name, *values):
    return tensor(name, [len(values)], struct.pack(f"<{len(values)}i", *values), INT32)


def scalar(name, value):
    return tensor(name, [], [value], INT64)


def gather_blocks(scale_dims, zero_dims):
    """A table [3, 16] of bytes that hold two values each, in blocks of 16."""
    operands = [tensor("table", [3, 16], bytes(48), UINT8), ramp("scale", *scale_dims), tensor("zero", zero_dims, bytes(math.prod(zero_dims)), UINT8)]
    return model([node("GatherBlockQuantized", ["table", "x", "scale", "zero"], ["y"], "n", "com.microsoft", block_size=16)],
                 [value_info("x", [2], INT64)], [field(1, "y")], operands, domains=["com.microsoft"])


def grouped_query_attention(*total, past=([1, 2, 3, 4], [1, 2, 3, 4])):
    """Two new keys, three that are kept; how many that makes is known, or an input."""
    operands = ["q", "k", "v", "past_k", "past_v", "last", "total"]
    shapes = ([1, 2, 16], [1, 2, 8], [1, 2, 8], *past)
    inputs = [value_info(name, shape) for name, shape in zip(operands, shapes)] + [value_info("last", [1], INT32)]
    return model([node("GroupQueryAttention", operands, ["y", "present_k", "present_v"], "n", "com.microsoft", num_heads=4, kv_num_heads=2)],
                 inputs + ([] if total else [value_info("total", [1], INT32)]), [field(1, "y"), field(1, "present_k")], total, domains=["com.microsoft"])


def projected_attention(columns=24, past=(2, 2, 2, 4, 4), **attributes):
    """Two rows of three words, two heads of four numbers, and four words that are kept."""
    operands = ["x", "weights", "bias", "", "past"]
    return model([node("Attention", operands, ["y", "present"], "n", "com.microsoft", num_heads=2, **attributes)],
                 [value_info("x", [2, 3, 5]), value_info("past", past)], [field(1, "y"), field(1, "present")],
                 [ramp("weights", 5, 24), ramp("bias", columns)], domains=["com.microsoft"])


def embedding(*absent, words=4):
    """Tables of nine words, four positions and two segments."""
    operands = ["x", "segment", "word", "position", "segments", "gamma", "beta"]
    names = ["" if name in absent else name for name in operands]
    tables = [ramp("word", 9, 6), ramp("position", 4, 6), ramp("segments", 2, 6), ramp("gamma", 6), ramp("beta", 6)]
    return model([node("EmbedLayerNormalization", names, ["y", "count"], "n", "com.microsoft")],
                 [value_info("x", [2, words], INT32), value_info("segment", [2, words], INT32)], [field(1, "y"), field(1, "count")], tables,
                 domains=["com.microsoft"])


def graph_attribute(name, graph):
    """An attribute that holds a graph: AttributeProto.g, type GRAPH."""
    return field(5, field(1, name) + field(6, graph) + field(20, 5))


def branch(op, output):
    return field(1, node(op, ["x"], [output])) + field(12, field(1, output))


def one(op, inputs, *dims, weights=(), opset=13, name="n", dtype=FLOAT, **attributes):
    """One node that reads `x` of the given dims and more operands, which are weights."""
    return model([node(op, inputs, ["y"], name, **attributes)], [value_info("x", dims, dtype)], [field(1, "y")], weights, opset)


CASES = {
    # Graph
    "names": lambda: one("Relu", ["x"], 2, 3),
    "unsorted": lambda: model([node("Exp", ["y"], ["z"]), node("Neg", ["x"], ["y"])], [value_info("x", [2, 3])], [field(1, "z")]),
    "wrong-output-shape": lambda: model([node("Relu", ["x"], ["y"])], [value_info("x", [2, 3])], [value_info("y", [3, 2])]),
    "scalar-output": lambda: model([node("Relu", ["x"], ["y"])], [value_info("x", [2, 3])], [value_info("y", [])]),
    "new-opset": lambda: one("Relu", ["x"], 2, 3, opset=99),
    "dead-node": lambda: model([node("Relu", ["x"], ["y"]), node("NoSuchOp", ["x"], ["dead"])], [value_info("x", [2, 3])], [field(1, "y")]),
    "unused-domain": lambda: model([node("Relu", ["x"], ["y"])], [value_info("x", [2, 3])], [field(1, "y")], domains=["com.example"]),
    "two-inputs": lambda: model([node("Add", ["x", "z"], ["y"])], [value_info("x", ["n", 3]), value_info("z", ["n", 3])], [field(1, "y")]),
    "bound-shape": lambda: model([node("Reshape", ["x", "shape"], ["y"], "r")], [value_info("x", [6]), value_info("shape", [2], INT64)], [field(1, "y")]),
    "shape-arithmetic": lambda: model(
        [node("Shape", ["x"], ["shape"]), node("Gather", ["shape", "zero"], ["batch"], axis=0), node("Unsqueeze", ["batch", "axes"], ["batch1"]),
         node("Concat", ["batch1", "rest"], ["target"], axis=0), node("Reshape", ["x", "target"], ["y"])],
        [value_info("x", [2, 3, 5])], [field(1, "y")], [scalar("zero", 0), ints("axes", 0), ints("rest", -1)]),
    "behind-a-failure": lambda: model([node("Transpose", ["x"], ["t"], "bad", perm=[0, 0]), node("Transpose", ["t"], ["y"], "behind", perm=[7, 7])],
                                      [value_info("x", [2, 3])], [field(1, "y")]),
    "unknown-attribute": lambda: one("Relu", ["x"], 2, 3, leak=0.5),
    "if-bound": lambda: model(
        [node("Equal", ["rate", "high"], ["is_high"]),
         node("If", ["is_high"], ["y"], extra=graph_attribute("then_branch", branch("Relu", "a")) + graph_attribute("else_branch", branch("NoSuchOp", "b")))],
        [value_info("x", [2, 3]), value_info("rate", [], INT64)], [field(1, "y")], [scalar("high", 16000)]),
    "if-unknown": lambda: model(
        [node("If", ["c"], ["y"], extra=graph_attribute("then_branch", branch("Relu", "a")) + graph_attribute("else_branch", branch("Neg", "b")))],
        [value_info("x", [2, 3]), value_info("c", [], BOOL)], [field(1, "y")]),
    "loop": lambda: model(
        [node("Loop", ["count", "", "x"], ["y"], extra=graph_attribute("body", b"".join(
            [field(1, node("Identity", ["go"], ["go_on"])), field(1, node("Exp", ["v"], ["w"]))]
            + [field(11, field(1, n)) for n in ("i", "go", "v")] + [field(12, field(1, n)) for n in ("go_on", "w")])))],
        [value_info("x", [2, 3])], [field(1, "y")], [scalar("count", 3)]),
    # FunctionProto: name 1, input 4, output 5, attribute 6, node 7, opset_import 9, domain 10; ModelProto.functions 25.
    "function": lambda: model(
        [node("Leaky", ["x"], ["y"], domain="local", slope=0.25)], [value_info("x", [2, 3])], [field(1, "y")], domains=["local"],
        extra=field(25, field(1, "Leaky") + field(4, "a") + field(5, "b") + field(6, "slope") + field(9, field(1, "") + field(2, 13)) + field(10, "local")
                    + field(7, field(1, "a") + field(2, "b") + field(4, "LeakyRelu") + field(5, field(1, "alpha") + field(20, 1) + field(21, "slope"))))),
    "function-of-itself": lambda: model(
        [node("Again", ["x"], ["y"], domain="local")], [value_info("x", [2, 3])], [field(1, "y")], domains=["local"],
        extra=field(25, field(1, "Again") + field(4, "a") + field(5, "b") + field(10, "local")
                    + field(7, field(1, "a") + field(2, "b") + field(4, "Again") + field(7, "local")))),
    # y = (x + c) + c, each by a call of a function that holds c.
    "constant-of-function": lambda: model(
        [node("Shift", ["x"], ["t"], domain="local"), node("Shift", ["t"], ["y"], domain="local")], [value_info("x", [100, 3])],
        [field(1, "y")], domains=["local"],
        extra=field(25, field(1, "Shift") + field(4, "a") + field(5, "b") + field(9, field(1, "") + field(2, 13)) + field(10, "local")
                    + field(7, field(2, "c") + field(4, "Constant") + field(5, field(1, "value") + field(20, 4) + field(5, ramp("c", 100, 3))))
                    + field(7, field(1, "a") + field(1, "c") + field(2, "b") + field(4, "Add")))),
    # Weights
    "typed-fields": lambda: one("Add", ["x", "w"], 3, weights=[field(1, 3) + field(2, FLOAT) + field(8, "w") + field(4, struct.pack("<3f", 1.5, -2, 4))]),
    "bytes-in-int32": lambda: one("Add", ["x", "w"], 3, dtype=UINT8, weights=[field(1, 3) + field(2, UINT8) + field(8, "w") + b"".join(field(5, v) for v in (1, 200, 3))]),
    "halves-in-int32": lambda: one("Add", ["x", "w"], 3, dtype=FLOAT16,
                                   weights=[field(1, 3) + field(2, FLOAT16) + field(8, "w") + b"".join(field(5, v) for v in (0x3C00, 0xC000, 0x4400))]),
    "big-weight": lambda: one("Add", ["x", "w"], 100, 3, weights=[ramp("w", 100, 3)]),
    "weight-as-input": lambda: model([node("Add", ["x", "w"], ["y"])], [value_info("x", [2, 3]), value_info("w", [3])], [field(1, "y")], [ramp("w", 3)]),
    # Families
    "conv": lambda: one("Conv", ["x", "w"], 1, 3, 8, 7, weights=[ramp("w", 4, 3, 3, 5)], pads=[1, 2, 1, 2], strides=[2, 1]),
    "conv-1d": lambda: one("Conv", ["x", "w"], 2, 3, 20, weights=[ramp("w", 4, 3, 5)]),
    "conv-3d": lambda: one("Conv", ["x", "w", "b"], 2, 3, 5, 4, 6, weights=[ramp("w", 4, 3, 2, 3, 1), ramp("b", 4)], pads=[1, 0, 0, 1, 0, 0],
                           strides=[2, 1, 1], dilations=[2, 1, 1]),
    "conv-3d-deep": lambda: one("Conv", ["x", "w"], 1, 1, 66, 2, 3, weights=[ramp("w", 1, 1, 65, 1, 2)]),
    "conv-3d-column": lambda: one("Conv", ["x", "w"], 2, 3, 5, 4, 6, weights=[ramp("w", 4, 3, 3, 1, 1)], strides=[2, 1, 1], pads=[1, 0, 0, 0, 0, 0]),
    "conv-transpose-3d": lambda: one("ConvTranspose", ["x", "w"], 1, 3, 5, 4, 6, weights=[ramp("w", 3, 2, 3, 1, 2)], strides=[2, 1, 1]),
    "pool-3d": lambda: one("MaxPool", ["x"], 2, 3, 5, 4, 6, kernel_shape=[4, 2, 3], strides=[2, 1, 1], ceil_mode=1),
    "conv-auto-pad": lambda: one("Conv", ["x", "w"], 1, 1, 5, 5, weights=[ramp("w", 1, 1, 2, 2)], auto_pad="SAME_UPPER"),
    "conv-groups": lambda: one("Conv", ["x", "w"], 1, 3, 8, 7, weights=[ramp("w", 4, 2, 3, 3)]),
    "conv-transpose-groups": lambda: one("ConvTranspose", ["x", "w"], 1, 6, 4, 5, weights=[ramp("w", 6, 2, 3, 3)], group=2, strides=[2, 2]),
    "pool-ceil": lambda: one("MaxPool", ["x"], 1, 2, 6, 7, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
    "gemm": lambda: one("Gemm", ["x", "w", "b"], 2, 16, weights=[ramp("w", 8, 16), ramp("b", 8)], transB=1),
    "matmul": lambda: one("MatMul", ["x", "w"], 2, 5, 16, weights=[ramp("w", 16, 8)]),
    "einsum": lambda: model([node("Einsum", ["q", "k"], ["y"], equation="bihd,bjhd->bhij")],
                            [value_info("q", [2, 5, 4, 3]), value_info("k", [2, 7, 4, 3])], [field(1, "y")]),
    "fused-conv": lambda: model([node("FusedConv", ["x", "w", "", "x"], ["y"], "n", "com.microsoft", activation="Relu", pads=[1, 1, 1, 1])],
                                [value_info("x", [1, 3, 8, 7])], [field(1, "y")], [ramp("w", 3, 3, 3, 3)], domains=["com.microsoft"]),
    "attention": lambda: model([node("Attention", ["q", "k", "v"], ["y"], is_causal=1)],
                               [value_info("q", [1, 6, 3, 4]), value_info("k", [1, 2, 5, 4]), value_info("v", [1, 2, 5, 7])], [field(1, "y")], opset=23),
    "blind-attention": lambda: model([node("Attention", ["q", "k", "v"], ["y"], is_causal=1, left_window_size=1)],
                                     [value_info("q", [1, 2, 5, 4]), value_info("k", [1, 2, 3, 4]), value_info("v", [1, 2, 3, 4])], [field(1, "y")], opset=25),
    "projected-attention": projected_attention,
    "projected-attention-flat-past": lambda: projected_attention(past=(2, 2, 8)),
    "projected-attention-past": lambda: projected_attention(past=(2, 2, 2, 4, 3)),
    "projected-attention-bias": lambda: projected_attention(columns=16),
    "projected-attention-sizes": lambda: projected_attention(qkv_hidden_sizes=[8, 6, 10]),
    "projected-attention-rotary": lambda: projected_attention(do_rotary=1),
    "embedding": embedding,
    "embedding-no-segments": lambda: embedding("segments"),
    "embedding-no-table": lambda: embedding("word"),
    "embedding-words": lambda: embedding(words=5),
    "grouped-query-attention": lambda: grouped_query_attention(steps("total", 5)),
    "grouped-query-attention-unknown": lambda: grouped_query_attention(),
    # One of the two that are kept has no third dim.
    "grouped-query-attention-no-past": lambda: grouped_query_attention(steps("total", 2), past=([1, 2, 0, 4], [4])),
    "grouped-query-attention-flat-past": lambda: grouped_query_attention(steps("total", 5), past=([1, 2, 3, 4], [4])),
    "grouped-query-attention-flat-keys": lambda: grouped_query_attention(steps("total", 2), past=([4], [1, 2, 0, 4])),
    "gather-blocks": lambda: gather_blocks([3, 2], [3, 1]),
    "gather-blocks-of-one-zero": lambda: gather_blocks([3, 2], []),
    "gather-blocks-of-one-scale": lambda: gather_blocks([], [3, 1]),
    "gather-blocks-of-flat-zeros": lambda: gather_blocks([3, 2], [3]),
    "sequence": lambda: model(
        [node("SplitToSequence", ["x"], ["parts"], axis=1, keepdims=0), node("SequenceErase", ["parts", "second"], ["two"]),
         node("SequenceInsert", ["two", "b", "first"], ["three"]), node("ConcatFromSequence", ["three"], ["y"], axis=-1, new_axis=1)],
        [value_info("x", [2, 3])], [field(1, "y")], [floats("b", [5, 6]), scalar("second", 1), scalar("first", 0)]),
    "sequence-output": lambda: model([node("SplitToSequence", ["x"], ["y"])], [value_info("x", [2, 3])], [field(1, "y")]),
    "sequence-operand": lambda: model([node("SplitToSequence", ["x"], ["s"]), node("Relu", ["s"], ["y"], "r")], [value_info("x", [2, 3])], [field(1, "y")]),
    "sequence-in-loop": lambda: model(
        [node("SequenceEmpty", [], ["none"]),
         node("Loop", ["count", "", "none"], ["all"], extra=graph_attribute("body", b"".join(
             [field(1, node("Identity", ["go"], ["go_on"])), field(1, node("SequenceInsert", ["s", "x"], ["t"]))]
             + [field(11, field(1, n)) for n in ("i", "go", "s")] + [field(12, field(1, n)) for n in ("go_on", "t")]))),
         node("ConcatFromSequence", ["all"], ["y"], axis=0)],
        [value_info("x", [2, 3])], [field(1, "y")], [scalar("count", 3)]),
    "no-value": lambda: model(
        [node("Optional", [], ["none"]), node("OptionalHasElement", ["none"], ["has"]),
         node("If", ["has"], ["y"], extra=graph_attribute("then_branch", branch("Relu", "a")) + graph_attribute("else_branch", branch("Neg", "b")))],
        [value_info("x", [2, 3])], [field(1, "y")], opset=18),
    "ranks": lambda: one("Add", ["x", "b"], 2, 3, 5, weights=[ramp("b", 5)]),
    "broadcast-6": lambda: one("Add", ["x", "b"], 2, 3, 5, 7, weights=[ramp("b", 3, 5)], opset=6, broadcast=1, axis=1),
    "clip-6": lambda: one("Clip", ["x"], 3, opset=6, min=0.0, max=6.0),
    "clip-13": lambda: one("Clip", ["x", "lo", "hi"], 3, weights=[floats("lo", [0], []), floats("hi", [6], [])]),
    "exp-of-integers": lambda: one("Exp", ["x"], 3, dtype=INT64),
    "softmax-11": lambda: one("Softmax", ["x"], 2, 3, 5, opset=11),
    "softmax-13": lambda: one("Softmax", ["x"], 2, 3, 5, axis=1),
    "reduce": lambda: one("ReduceMean", ["x"], 2, 3, 5, opset=11, axes=[-1, 0], keepdims=0),
    "batch-norm": lambda: one("BatchNormalization", ["x", "s", "b", "m", "v"], 1, 2, 3, 5, epsilon=0.0,
                              weights=[floats("s", [2, 4]), floats("b", [1, 1]), floats("m", [3, 0]), floats("v", [4, 1])]),
    "batch-norm-training-9": lambda: model(
        [node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y", "mean", "variance", "saved_mean", "saved_variance"], "n")],
        [value_info("x", [2, 2, 3, 5])], [field(1, "y"), field(1, "mean")],
        [floats("s", [2, 4]), floats("b", [1, 1]), floats("m", [3, 0]), floats("v", [4, 1])], opset=9),
    "layer-norm-half": lambda: model([node("LayerNormalization", ["x", "s"], ["", "y"], "n")],
                                     [value_info("x", [2, 3], FLOAT16), value_info("s", [3], FLOAT16)], [field(1, "y")], opset=17),
    "lp-norm": lambda: one("LpNormalization", ["x"], 2, 3),
    "reduce-l2-int": lambda: one("ReduceL2", ["x"], 2, 3, axes=[1], dtype=INT64),
    "slice": lambda: one("Slice", ["x", "starts", "ends", "axes", "steps"], 2, 7,
                         weights=[ints("starts", -1), ints("ends", -(1 << 63)), ints("axes", 1), ints("steps", -2)]),
    "split-11": lambda: model([node("Split", ["x"], ["a", "y"], axis=1, split=[3, 4])], [value_info("x", [2, 7])], [field(1, "y")], opset=11),
    "split-18": lambda: model([node("Split", ["x"], ["a", "y"], axis=1, num_outputs=2)], [value_info("x", [2, 7])], [field(1, "y")], opset=18),
    "pad": lambda: one("Pad", ["x", "pads"], 2, 7, weights=[ints("pads", 0, -1, 1, 2)]),
    "gather": lambda: one("Gather", ["x", "i"], 2, 7, 3, weights=[scalar("i", -1)], axis=1),
    "gather-outside": lambda: one("Gather", ["x", "i"], 2, 7, weights=[ints("i", 7)], axis=1),
    "resize": lambda: one("Resize", ["x", "", "scales"], 1, 3, 4, 5, weights=[floats("scales", [1, 1, 2, 3])], mode="linear"),
    "resize-10-shrink": lambda: one("Resize", ["x", "scales"], 1, 3, 4, 5, weights=[floats("scales", [1, 1, 0.5, 1])], opset=10),
    "resize-10-both": lambda: one("Resize", ["x", "scales"], 1, 3, 4, 5, weights=[floats("scales", [1, 1, 0.75, 2])], opset=10),
    "dequantize-half": lambda: model([node("DequantizeLinear", ["x", "s"], ["y"], "n")],
                                     [value_info("x", [2, 3], 6), value_info("s", [], FLOAT16)], [field(1, "y")], opset=19),
    "quantize": lambda: one("QuantizeLinear", ["x", "scale"], 2, 3, weights=[floats("scale", [0.5], [])]),
    "quantize-by-nothing": lambda: one("QuantizeLinear", ["x", "scale"], 2, 3, weights=[floats("scale", [0.0], [])]),
    "quantize-by-less": lambda: one("DequantizeLinear", ["x", "scale"], 3, 2, weights=[floats("scale", [0.5, -1e-9], [2])], dtype=UINT8, axis=1),
    "quantize-other-zero": lambda: one("QuantizeLinear", ["x", "scale", "zero"], 2, 3, weights=[floats("scale", [0.5], []), tensor("zero", [3], bytes(3), UINT8)]),
    "quantize-to-nibbles": lambda: one("QuantizeLinear", ["x", "scale", "zero"], 2, 3, weights=[floats("scale", [0.5], []), tensor("zero", [], b"\7", 21)], opset=21),
    "non-zero": lambda: model([node("Relu", ["x"], ["positive"]), node("NonZero", ["positive"], ["y"], "n")], [value_info("x", [2, 3])], [field(1, "y")]),
    "cast-to-nibbles": lambda: model([field(2, "like") + field(4, "Constant") + field(5, field(1, "value") + field(20, 4) + field(5, tensor("", [1], b"\7", 22))),
                                      node("CastLike", ["x", "like"], ["y"], "n")], [value_info("x", [2, 3])], [field(1, "y")], opset=21),
    # Cut off at the ends of i32, or of the f32 below; the third value is one less.
    "saturated-bias": lambda: model([node("DequantizeLinear", ["bias", "s"], ["real"], "d"), node("Add", ["x", "real"], ["y"])],
                                    [value_info("x", [3, 5])], [field(1, "y")],
                                    [steps("bias", -2**31, 2**31 - 128, 2**31 - 129, 7, 2**31 - 1), floats("s", [0.5], [])]),
    "saturated-bias-of-one": lambda: model([node("DequantizeLinear", ["bias", "s"], ["real"], "d"), node("Add", ["x", "real"], ["y"])],
                                           [value_info("x", [3, 5])], [field(1, "y")], [steps("bias", 2**31 - 1), floats("s", [0.5], [])]),
    "saturated-qlinear-bias": lambda: model(
        [node("QLinearConv", ["x", "s", "z", "w", "s", "zw", "s", "z", "bias"], ["y"], "n")], [value_info("x", [1, 2, 3, 5], UINT8)], [field(1, "y")],
        [floats("s", [0.5], []), tensor("z", [], b"\0", UINT8), tensor("zw", [], b"\0", INT8), tensor("w", [11, 2, 1, 1], bytes(22), INT8),
         steps("bias", *[2**31 - 1] * 11)]),
    "lstm": lambda: model([node("LSTM", ["x", "w", "r"], ["", "h"], hidden_size=4)], [value_info("x", [5, 2, 3])], [field(1, "h")],
                          [ramp("w", 1, 16, 3), ramp("r", 1, 16, 4)]),
}


def main():
    case, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{case}.onnx").write_bytes(CASES[case]())
    done = subprocess.run(["nncc", "compile", f"{case}.onnx", "-o", case, "--emit=mlir", "--stop-after=N1", *sys.argv[3:]], cwd=folder, capture_output=True,
                          text=True, timeout=60)
    if done.returncode == 0:
        print(done.stderr, end="")  # warnings
        text = next((folder / case).glob("*.mlir")).read_text()
        quoted = r'[^()"]|"[^"]*"'
        text = re.sub(rf"^#loc.*\n| loc\((?:{quoted}|\((?:{quoted})*\))*\)", "", text, flags=re.MULTILINE)
        print(re.sub(" +", " ", text))
    elif done.returncode == 1:
        print(done.stderr, end="")
    else:
        sys.exit(f"status {done.returncode}: {done.stderr}")


if __name__ == "__main__":
    main()
