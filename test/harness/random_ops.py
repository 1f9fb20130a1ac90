"""Random single ops: geometry, attributes and operand forms that nobody would think of writing down, with distinct dims.

Every generator takes a random number source and a Graph, adds one op (with whatever it stands in for: bias, activation, a constant
second operand) and returns nothing: the graph's outputs are what is compared. The generators are the functions of FAMILIES.
"""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import compare
import written_forms

OPSET = 17
# Around the vector widths and register tiles of the targets: below, at, above, and primes.
CHANNELS = (1, 2, 3, 4, 5, 7, 8, 11, 12, 13, 16, 17, 19, 24, 29, 32, 33)
DOMAINS = {"ai.onnx.ml": 3}  # versions of those that have more than one


class Graph:
    """An ONNX graph under construction, with the values of its inputs."""

    def __init__(self, prefix: str = "", opset: int = OPSET):
        self.prefix, self.opset = prefix, opset
        self.nodes, self.weights, self.outputs = [], [], []
        self.in_place: list[str] = []  # nodes whose kernel should overwrite one of its inputs
        self.sizes: dict[str, int] = {}  # M, N and K of a contraction: what register tiles are cut from
        self.inputs: dict[str, np.ndarray] = {}
        self.versions = dict(DOMAINS)  # of other domains
        self.count = 0

    def name(self, hint: str) -> str:
        """A new unique name."""
        self.count += 1
        return f"{self.prefix}{hint}{self.count}"

    def input(self, value: np.ndarray) -> str:
        """A runtime input."""
        name = self.name("in")
        self.inputs[name] = value
        return name

    def constant(self, value) -> str:
        """An initializer."""
        name = self.name("w")
        self.weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, op: str, operands: list[str], results: int = 1, **attributes) -> str | list[str]:
        """Adds a node and returns the name of its result, or a list of several."""
        names = [self.name("t") for _ in range(results)]
        self.add(op, operands, names, **attributes)
        return names[0] if results == 1 else names

    def add(self, op: str, operands: list[str], results: list[str], **attributes):
        """Adds a node whose results have given names; an empty one is a result that is left out."""
        self.nodes.append(helper.make_node(op, operands, results, name=self.name(f"{op.lower()}_"), **attributes))

    def output(self, name: str, dtype=np.float32):
        """Makes a tensor an output; its shape is left to the reader of the file."""
        self.outputs.append((name, dtype))

    def model(self, *others: "Graph") -> onnx.ModelProto:
        """The model of this graph and others beside it."""
        graphs = (self, *others)
        ports = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
                 for graph in graphs for name, value in graph.inputs.items()]
        results = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), None)
                   for graph in graphs for name, dtype in graph.outputs]
        graph = helper.make_graph([node for g in graphs for node in g.nodes], "random", ports, results,
                                  [weight for g in graphs for weight in g.weights])
        domains = {node.domain for node in graph.node if node.domain}
        opsets = [helper.make_opsetid("", self.opset), *(helper.make_opsetid(domain, self.versions.get(domain, 1)) for domain in sorted(domains))]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

    def difference(self, got: np.ndarray, reference: np.ndarray) -> str | None:
        """What is wrong with a result of this graph, in one line, or None."""
        return compare.difference(got, reference)


def numbers(random, shape, low=-1.0, high=1.0) -> np.ndarray:
    """Uniform f32 values."""
    return random.uniform(low, high, shape).astype(np.float32)


def pick(random, options):
    """One of a sequence, as a Python object."""
    return options[int(random.integers(len(options)))]


def distinct(random, count: int, low: int = 2, high: int = 12) -> list[int]:
    """Distinct extents: a swapped dim cannot hide."""
    return [int(v) for v in random.choice(np.arange(low, high), count, replace=False)]


def activation(random, graph: Graph, value: str, channels: int, rank: int) -> str:
    """Maybe an activation, as networks have after a convolution."""
    kind = pick(random, ["", "", "Relu", "Clip", "LeakyRelu", "PRelu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish"])
    if kind == "Clip":
        return graph.node("Clip", [value, graph.constant(np.float32(0)), graph.constant(np.float32(0.9))])
    if kind == "LeakyRelu":
        return graph.node("LeakyRelu", [value], alpha=0.2)
    if kind == "PRelu":
        return graph.node("PRelu", [value, graph.constant(numbers(random, [channels] + [1] * (rank - 2), 0.05, 0.4))])
    if kind == "HardSwish":
        return graph.node("Mul", [value, graph.node("HardSigmoid", [value], alpha=1 / 6, beta=0.5)])
    return graph.node(kind, [value]) if kind else value


def binary(random, graph: Graph):
    """Binary ops on f32 and integers, with broadcasting between ranks."""
    op = pick(random, ["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "PRelu", "Mean", "Sum"])
    shape = distinct(random, int(random.integers(1, 5)), 2, 9)
    a_shape, b_shape = list(shape), list(shape)
    for dim in range(len(shape)):
        if random.random() < 0.3:
            b_shape[dim] = 1
        elif random.random() < 0.2 and op != "PRelu":
            a_shape[dim] = 1
    while len(b_shape) > 1 and random.random() < 0.3:
        b_shape.pop(0)
    low, high = {"Div": (0.5, 2), "Pow": (0.3, 1.7)}.get(op, (-1, 1))
    first = graph.input(numbers(random, a_shape, 0.2 if op == "Pow" else -1, 2))
    value = numbers(random, b_shape, low, high)
    second = graph.constant(value) if random.random() < 0.4 else graph.input(value)
    operands = [second, first] if op in ("Sub", "Max", "Add") and random.random() < 0.4 else [first, second]
    graph.output(graph.node(op, operands))


def unary(random, graph: Graph):
    """Unary float functions over their whole range, extreme values included."""
    op, low, high = pick(random, [("Relu", -1, 1), ("Sigmoid", -30, 30), ("Tanh", -12, 12), ("Exp", -20, 8), ("Log", 1e-3, 50),
                                  ("Sqrt", 0, 90), ("Neg", -1, 1), ("Abs", -1, 1), ("Erf", -4, 4), ("Reciprocal", 0.1, 3),
                                  ("Floor", -9, 9), ("Ceil", -9, 9), ("LeakyRelu", -3, 3), ("HardSigmoid", -4, 4), ("Elu", -4, 4),
                                  ("HardSwish", -4, 4), ("Softplus", -20, 20), ("Softsign", -3, 3), ("Selu", -3, 3), ("Sin", -6, 6),
                                  ("Cos", -6, 6), ("Sign", -2, 2), ("Round", -9, 9)])
    shape = distinct(random, int(random.integers(1, 5)), 2, 9)
    graph.output(graph.node(op, [graph.input(numbers(random, shape, low, high))]))


def reduce(random, graph: Graph):
    """Reductions over any axes, with and without keepdims, and ArgMax, ArgMin, Softmax, LogSoftmax, CumSum."""
    shape = distinct(random, int(random.integers(1, 5)), 2, 19 if random.random() < 0.3 else 9)
    value = graph.input(numbers(random, shape, 0.1, 1.5) * 0 + numbers(random, shape, -1, 1.5))
    kind = pick(random, ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare",
                         "ReduceLogSumExp", "ArgMax", "ArgMin", "Softmax", "LogSoftmax", "CumSum"])
    axis = int(random.integers(-len(shape), len(shape)))
    if kind in ("Softmax", "LogSoftmax"):
        graph.output(graph.node(kind, [value], axis=axis))
    elif kind == "CumSum":
        graph.output(graph.node(kind, [value, graph.constant(np.int64(axis))], exclusive=pick(random, [0, 1]), reverse=pick(random, [0, 1])))
    elif kind.startswith("Arg"):
        graph.output(graph.node(kind, [value], axis=axis, keepdims=pick(random, [0, 1])), np.int64)
    else:
        count = int(random.integers(1, len(shape) + 1))
        axes = [int(a) for a in random.choice(len(shape), count, replace=False)]
        axes = [a - len(shape) if random.random() < 0.3 else a for a in axes]
        keepdims = pick(random, [0, 1])
        if kind == "ReduceSum":
            graph.output(graph.node(kind, [value, graph.constant(np.array(axes, np.int64))], keepdims=keepdims))
        else:
            graph.output(graph.node(kind, [value], axes=axes, keepdims=keepdims))


def rows(random, graph: Graph):
    """Rows much longer or shorter than vectors: softmax, top k, running sums, arithmetic per channel or per pixel, powers."""
    length = pick(random, [2, 3, 4, 5, 6, 7, 12, 31, 64, 101, 200])
    shape = [*distinct(random, int(random.integers(1, 3)), 3, 40 if length < 8 else 9), length]
    value = numbers(random, shape, -3, 3)
    kind = pick(random, ["Softmax", "LogSoftmax", "TopK", "TopK", "CumSum", "ArgMax", "channel", "channel", "pixel", "both", "Pow"])
    if kind in ("Softmax", "LogSoftmax"):
        graph.output(graph.node(kind, [graph.input(value)], axis=-1))
    elif kind == "TopK":
        axis = int(random.integers(len(shape)))
        value = np.round(value, 1) if random.random() < 0.5 else value  # ties
        best, where = graph.node(kind, [graph.input(value), graph.constant(np.array([random.integers(1, shape[axis] + 1)], np.int64))],
                                 results=2, axis=axis, largest=pick(random, [0, 1]))
        graph.output(best)
        graph.output(where, np.int64)
    elif kind == "CumSum":
        graph.output(graph.node(kind, [graph.input(value), graph.constant(np.int64(-1))], exclusive=pick(random, [0, 1]),
                                reverse=pick(random, [0, 1])))
    elif kind == "ArgMax":
        graph.output(graph.node(kind, [graph.input(value)], axis=-1, select_last_index=pick(random, [0, 1])), np.int64)
    elif kind == "Pow":
        exponent = graph.constant(np.float32(pick(random, [0.5, 0.75, 1.5, 2, 3, -1, -0.5, 1.2])))
        graph.output(graph.node(kind, [graph.input(np.abs(value) + 0.1), exponent]))
    else:
        result = graph.input(value)
        for name, extents in (("channel", [length]), ("pixel", [*shape[:-1], 1])):
            if kind in (name, "both"):
                other = numbers(random, extents, 0.5, 2)
                other = graph.constant(other) if random.random() < 0.6 else graph.input(other)
                result = graph.node(pick(random, ["Add", "Mul", "PRelu", "Sub"]), [result, other])
        graph.output(result)


def layout(random, graph: Graph):
    """Transpose, Reshape, Flatten, Squeeze, Unsqueeze, DepthToSpace, SpaceToDepth, Expand, Tile."""
    shape = distinct(random, int(random.integers(2, 6)), 2, 7)
    kind = pick(random, ["Transpose", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "DepthToSpace", "SpaceToDepth",
                         "Expand", "Tile"])
    if kind == "DepthToSpace":
        value = graph.input(numbers(random, [2, 4 * pick(random, [3, 5]), 7, 5]))
        graph.output(graph.node(kind, [value], blocksize=2, mode=pick(random, ["DCR", "CRD"])))
        return
    if kind == "SpaceToDepth":
        graph.output(graph.node(kind, [graph.input(numbers(random, [2, 3, 6, 10]))], blocksize=2))
        return
    if kind == "Squeeze":
        shape.insert(int(random.integers(0, len(shape))), 1)
    value = graph.input(numbers(random, shape))
    if kind == "Transpose" and random.random() < 0.4:
        # Images of few channels, the channels last or first, as any type.
        h, w, channels = *distinct(random, 2, 3, 30), pick(random, [2, 3, 4, 5])
        perm, image = pick(random, [((0, 3, 1, 2), [1, h, w, channels]), ((0, 2, 3, 1), [1, channels, h, w])])
        value = numbers(random, image, -100, 100)
        dtype = pick(random, [np.float32, np.float32, np.int8, np.int64])
        turned = graph.node(kind, [graph.input(value.astype(dtype))], perm=list(perm))
        if dtype == np.float32 and random.random() < 0.5:
            turned = graph.node("Mul", [turned, graph.constant(numbers(random, [image[d] for d in perm][-1:]))])
        graph.output(turned, dtype)
    elif kind == "Transpose":
        graph.output(graph.node(kind, [value], perm=[int(p) for p in random.permutation(len(shape))]))
    elif kind == "Reshape":
        target = [0, -1] if random.random() < 0.3 else [-1, shape[-1]] if random.random() < 0.5 else [shape[-1], 1, -1]
        graph.output(graph.node(kind, [value, graph.constant(np.array(target, np.int64))]))
    elif kind == "Flatten":
        graph.output(graph.node(kind, [value], axis=int(random.integers(-len(shape), len(shape) + 1))))
    elif kind == "Squeeze":
        graph.output(graph.node(kind, [value] if random.random() < 0.5 else [value, graph.constant(np.array([shape.index(1)], np.int64))]))
    elif kind == "Unsqueeze":
        graph.output(graph.node(kind, [value, graph.constant(np.array([0, -1], np.int64))]))
    elif kind == "Expand":
        value = graph.input(numbers(random, [extent if random.random() < 0.6 else 1 for extent in shape]))
        graph.output(graph.node(kind, [value, graph.constant(np.array(([3] if random.random() < 0.3 else []) + shape, np.int64))]))
    else:
        graph.output(graph.node(kind, [value, graph.constant(random.integers(1, 4, len(shape)))]))


def pieces(random, graph: Graph):
    """Concat, Slice with steps of both signs, Split, Pad in all modes, Gather, GatherElements, GatherND, Where."""
    shape = distinct(random, int(random.integers(2, 5)), 3, 9)
    rank, axis = len(shape), int(random.integers(-len(shape), len(shape)))
    value = graph.input(numbers(random, shape))
    kind = pick(random, ["Concat", "Concat", "Slice", "Slice", "Split", "Pad", "Pad", "Gather", "GatherElements", "GatherND", "Where"])
    if kind == "Concat":
        operands = [value]
        for _ in range(int(random.integers(1, 4))):
            other = list(shape)
            other[axis] = int(random.integers(1, 6))
            operands.append(graph.input(numbers(random, other)) if random.random() < 0.8 else graph.constant(numbers(random, other)))
        if random.random() < 0.3:
            operands.append(value)
        graph.output(graph.node(kind, operands, axis=axis))
    elif kind == "Slice":
        axes = sorted(int(a) for a in random.choice(rank, int(random.integers(1, rank + 1)), replace=False))
        starts, ends, steps = [], [], []
        for a in axes:
            step = pick(random, [1, 1, 2, 3, -1, -2])
            low, high = sorted(int(v) for v in random.choice(shape[a] + 1, 2, replace=False))
            starts.append(low if step > 0 else high - 1)
            ends.append(high if step > 0 else (low - 1 if low else -shape[a] - 1))
            steps.append(step)
        if random.random() < 0.2:
            ends = [2**40 if s > 0 else -(2**40) for s in steps]
        graph.output(graph.node(kind, [value] + [graph.constant(np.array(v, np.int64)) for v in (starts, ends, axes, steps)]))
    elif kind == "Split":
        first = int(random.integers(1, shape[axis]))
        parts = graph.node(kind, [value, graph.constant(np.array([first, shape[axis] - first], np.int64))], results=2, axis=axis)
        for part in parts:
            graph.output(part)
    elif kind == "Pad":
        mode = pick(random, ["constant", "constant", "reflect", "edge"])
        pads = random.integers(0, 3, 2 * rank)
        if mode == "constant" and random.random() < 0.3:
            pads[int(random.integers(2 * rank))] = -1
        operands = [value, graph.constant(pads.astype(np.int64))]
        if mode == "constant" and random.random() < 0.5:
            operands.append(graph.constant(np.float32(0.25)))
        graph.output(graph.node(kind, operands, mode=mode))
    elif kind == "Gather":
        indices = random.integers(-shape[axis], shape[axis], distinct(random, int(random.integers(0, 3)), 2, 5))
        graph.output(graph.node(kind, [value, graph.constant(np.asarray(indices, np.int64)) if random.random() < 0.5
                                       else graph.input(np.asarray(indices, pick(random, [np.int64, np.int32])))], axis=axis))
    elif kind == "GatherElements":
        extents = [int(random.integers(1, extent + 1)) for extent in shape]
        graph.output(graph.node(kind, [value, graph.input(random.integers(0, shape[axis], extents).astype(np.int64))], axis=axis))
    elif kind == "GatherND":
        depth = int(random.integers(1, rank + 1))
        indices = np.stack([random.integers(0, extent, [4, 2]) for extent in shape[:depth]], -1)
        graph.output(graph.node(kind, [value, graph.input(indices.astype(np.int64))]))
    else:
        condition = graph.input(random.random([extent if random.random() < 0.6 else 1 for extent in shape]) < 0.5)
        graph.output(graph.node(kind, [condition, value, graph.input(numbers(random, shape[1:]))]))


def norm(random, graph: Graph):
    """LayerNormalization, InstanceNormalization and groups, which may stand behind a convolution, LRN, LpNormalization, also with a
    free-standing BatchNormalization."""
    channels = pick(random, CHANNELS[1:])
    shape = [pick(random, [1, 2]), channels, *distinct(random, int(random.integers(1, 3)), 3, 11)]
    value = graph.input(numbers(random, shape))
    kind = pick(random, ["LayerNormalization", "InstanceNormalization", "groups", "BatchNormalization", "LRN", "LpNormalization"])
    if kind in ("InstanceNormalization", "groups") and random.random() < 0.6:  # channels last inside
        value = graph.node("Conv", [value, graph.constant(numbers(random, [channels, channels] + [1] * (len(shape) - 2)))])
    if kind == "LayerNormalization":
        axis = int(random.integers(1, len(shape)))
        graph.output(graph.node(kind, [value, graph.constant(numbers(random, shape[axis:], 0.5, 1.5)),
                                       graph.constant(numbers(random, shape[axis:]))], axis=axis, epsilon=1e-4))
    elif kind == "InstanceNormalization":
        graph.output(graph.node(kind, [value, graph.constant(numbers(random, [channels])), graph.constant(numbers(random, [channels]))]))
    elif kind == "groups":  # as PyTorch writes them
        groups = pick(random, [count for count in range(1, channels + 1) if channels % count == 0])
        flat = graph.node("Reshape", [value, graph.constant(np.array([0, groups, -1]))])
        flat = graph.node("InstanceNormalization", [flat, graph.constant(np.ones(groups, np.float32)), graph.constant(np.zeros(groups, np.float32))])
        whole = graph.node("Reshape", [flat, graph.constant(np.array(shape))])
        graph.output(graph.node("Mul", [whole, graph.constant(numbers(random, [channels] + [1] * (len(shape) - 2)))]))
    elif kind == "BatchNormalization":
        value = graph.node(kind, [value] + [graph.constant(numbers(random, [channels], *r))
                                            for r in ((0.5, 1.5), (-0.5, 0.5), (-0.5, 0.5), (0.5, 2))])
        graph.output(activation(random, graph, value, channels, len(shape)))
    elif kind == "LRN":
        value = graph.input(numbers(random, [1, channels, 5, 7])) if len(shape) != 4 else value
        graph.output(graph.node(kind, [value], size=pick(random, [3, 5]), alpha=0.3, beta=0.6, bias=1.2))
    else:
        graph.output(graph.node(kind, [value], axis=int(random.integers(0, len(shape))), p=pick(random, [1, 2])))


def resize(random, graph: Graph):
    """Resize: nearest and linear, the usual coordinate rules, scales or sizes, up and down."""
    channels, (h, w) = pick(random, CHANNELS[:3] + CHANNELS), distinct(random, 2, 3, 12)
    if random.random() < 0.3:
        w += 20  # rows of more than a vector
    value = graph.input(numbers(random, [1, channels, h, w]))
    if random.random() < 0.4:  # channels last inside
        value = graph.node("Conv", [value, graph.constant(numbers(random, [channels, channels, 1, 1]))])
    last = (lambda y: graph.node("Abs", [y])) if random.random() < 0.3 else (lambda y: y)
    mode = pick(random, ["nearest", "nearest", "linear", "linear", "cubic"])
    rule = pick(random, ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"])
    attributes = dict(mode=mode, coordinate_transformation_mode=rule)
    if mode == "nearest":
        attributes["nearest_mode"] = pick(random, ["floor", "round_prefer_floor", "ceil", "round_prefer_ceil"])
    empty = graph.constant(np.zeros([0], np.float32))
    if random.random() < 0.5:
        factors = [1, 1, pick(random, [2, 3, 0.5, 1.5]), pick(random, [2, 3, 4, 4, 1, 0.75])]
        if (h * factors[2]) % 1 or (w * factors[3]) % 1:
            # A scale that does not give a whole size: whether rules that ask for the new size mean the exact or the rounded one is
            # disputed (the suite's test_resize_downsample_scales_linear_align_corners against onnxruntime).
            attributes["coordinate_transformation_mode"] = pick(random, ["half_pixel", "asymmetric"])
        graph.output(last(graph.node("Resize", [value, empty, graph.constant(np.array(factors, np.float32))], **attributes)))
    else:
        sizes = [1, channels, *[int(v) for v in random.integers(2, 20, 2)]]
        graph.output(last(graph.node("Resize", [value, empty, "", graph.constant(np.array(sizes, np.int64))], **attributes)))


def written_out(random, graph: Graph):
    """Activations behind a convolution, and normalizations, as exporters write them out."""
    if random.random() < 0.6:
        inner, channels = pick(random, CHANNELS[:8]), pick(random, CHANNELS)
        operands = [graph.input(numbers(random, [1, inner, *distinct(random, 2, 3, 12)], -2, 2)),
                    graph.constant(numbers(random, [channels, inner, 1, 1], -2, 2)), graph.constant(numbers(random, [channels]))]
        graph.output(written_forms.activation(random, graph, graph.node("Conv", operands), channels))
    else:
        shape = [*distinct(random, 2, 2, 9), pick(random, CHANNELS[3:] + (64,))]
        graph.output(written_forms.norm(random, graph, graph.input(numbers(random, shape, -2, 2)), shape[-1]))


FAMILIES = {generator.__name__: generator for generator in
            (binary, unary, reduce, rows, layout, pieces, norm, resize, written_out)}
