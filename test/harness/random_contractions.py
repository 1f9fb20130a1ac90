"""Random convolutions, matrix products and pooling windows: every attribute, tails of every size, what is fused behind them, and where
operands and results lie (in place of a residual, in a part of a concatenation, in a part of a split).

Generators as in random_ops.py. `Graph.in_place` collects the nodes whose kernel should update a residual in place.
"""
import numpy as np
from onnx import TensorProto

from random_ops import CHANNELS, Graph, activation, distinct, numbers, pick

# What one op may cost: qemu runs 0.12 GMAC/s.
MOST_MACS = 3e6
KERNELS = (1, 1, 2, 3, 3, 3, 4, 5, 5, 6, 7)


def extent(random, low: int, high: int) -> int:
    """An integer in [low, high]."""
    return int(random.integers(low, high + 1))


def numbers_per_channel(random, channels: int, spatial: int, low=-0.5, high=0.5) -> np.ndarray:
    """Values [channels, 1, ...] that broadcast over pixels."""
    return numbers(random, [channels] + [1] * spatial, low, high)


def source(random, graph: Graph, shape: list[int]) -> str:
    """A tensor [N, C, ...] to start from: an input, or a part of one that is split along its channels."""
    if random.random() < 0.85:
        return graph.input(numbers(random, shape))
    before, after = extent(random, 1, 5), extent(random, 1, 5)
    whole = graph.input(numbers(random, [shape[0], before + shape[1] + after, *shape[2:]]))
    sizes = graph.constant(np.array([before, shape[1], after], np.int64))
    return graph.node("Split", [whole, sizes], results=3, axis=1)[1]


def weight(random, graph: Graph, value: np.ndarray) -> str:
    """A filter or a bias: mostly a constant, at times known only at run time, which is legal and rare."""
    return graph.constant(value) if random.random() < 0.87 else graph.input(value)


def computed(random, graph: Graph, shape: list[int]) -> str:
    """A tensor that a kernel of its own makes before all others, so that it lies in the arena: what is computed of it and of a later
    result becomes a part of the later kernel."""
    value = graph.input(numbers(random, shape))
    if len(shape) < 3:
        made = graph.node("Softmax", [value], axis=-1)
    else:
        spatial = len(shape) - 2
        made = graph.node("AveragePool", [value], kernel_shape=[3] * spatial, pads=[1] * 2 * spatial)
    graph.nodes.insert(0, graph.nodes.pop())
    return made


def nonlinear(random, graph: Graph, value: str, channels: int, spatial: int) -> str:
    """A function of every element, or none."""
    kind = pick(random, ["", "", "simple", "simple", "clip", "silu", "gelu", "hard-swish", "prelu"])
    if kind == "simple":
        return activation(random, graph, value, channels, 2 + spatial)
    if kind == "clip":
        return graph.node("Clip", [value, graph.constant(np.float32(-0.4)), graph.constant(np.float32(0.7))])
    if kind == "silu":
        return graph.node("Mul", [value, graph.node("Sigmoid", [value])])
    if kind == "gelu":
        scaled = graph.node("Erf", [graph.node("Div", [value, graph.constant(np.float32(2**0.5))])])
        half = graph.node("Mul", [value, graph.node("Add", [scaled, graph.constant(np.float32(1))])])
        return graph.node("Mul", [half, graph.constant(np.float32(0.5))])
    if kind == "hard-swish":
        six = graph.node("Clip", [graph.node("Add", [value, graph.constant(np.float32(3))]), graph.constant(np.float32(0)),
                                  graph.constant(np.float32(6))])
        return graph.node("Div", [graph.node("Mul", [value, six]), graph.constant(np.float32(6))])
    if kind == "prelu":
        return graph.node("PRelu", [value, graph.constant(numbers_per_channel(random, channels, spatial, 0.05, 0.4))])
    return value


def fused(random, graph: Graph, value: str, shape: list[int], channel_axis: int = 1) -> str:
    """Elementwise ops behind a contraction of the given shape, as networks have them, and the place of the result."""
    channels, rank = shape[channel_axis], len(shape)
    spatial = rank - 1 - channel_axis
    if random.random() < 0.5:
        value = nonlinear(random, graph, value, channels, spatial)
    kind = pick(random, ["", "", "", "in place", "in place", "in place", "kept", "input", "gate", "plane"])
    if kind in ("in place", "kept", "input"):
        other = graph.input(numbers(random, shape)) if kind == "input" else computed(random, graph, shape)
        operands = [value, other] if random.random() < 0.5 else [other, value]
        value = graph.node(pick(random, ["Add", "Add", "Add", "Mul", "Sub"]), operands)
        if kind == "in place":
            graph.in_place.append(graph.nodes[-1].name)
        elif kind == "kept":
            graph.output(other)
        value = nonlinear(random, graph, value, channels, spatial)
    elif kind == "gate":  # one value per channel, known at run time
        value = graph.node("Mul", [value, graph.input(numbers(random, [1] * channel_axis + [channels] + [1] * spatial, 0.2, 1))])
    elif kind == "plane" and spatial:  # one value per pixel
        value = graph.node("Add", [value, graph.input(numbers(random, [1] * (channel_axis + 1) + shape[channel_axis + 1:]))])

    if kind != "in place" and random.random() < 0.25:  # the result is a part of something larger
        axis = extent(random, 0, rank - 1) if random.random() < 0.3 else channel_axis
        parts = [value]
        for _ in range(extent(random, 1, 2)):
            other = list(shape)
            other[axis] = extent(random, 1, 9)
            parts.insert(extent(random, 0, len(parts)), graph.input(numbers(random, other)))
        value = graph.node("Concat", parts, axis=axis)
    elif kind == "in place" and spatial == 0:
        # Results in the ONNX layout go to the caller's memory, where nothing is in place: another kernel has to follow.
        axes = [*range(rank - 2), rank - 1, rank - 2]
        value = graph.node("Transpose", [value], perm=axes) if min(shape[-2:]) > 1 else graph.node("Softmax", [value], axis=channel_axis)
    return value


def window_attributes(random, spatial: int, kernel: list[int], dilations: list[int]) -> dict:
    """Strides and pads, even, uneven or automatic."""
    strides = pick(random, [[1] * spatial, [1] * spatial, [2] * spatial, [extent(random, 1, 3) for _ in range(spatial)],
                            [2, 1][:spatial], [1, 2][:spatial]])
    attributes = dict(strides=strides, dilations=dilations)
    padding = pick(random, ["", "same", "same", "pads", "pads", "SAME_UPPER", "SAME_LOWER", "VALID"])
    if padding == "same":  # as PyTorch exports it
        half = [(k - 1) * d // 2 for k, d in zip(kernel, dilations)]
        attributes["pads"] = half * 2
    elif padding == "pads":
        attributes["pads"] = [extent(random, 0, (k - 1) * d) for k, d in zip(kernel * 2, dilations * 2)]
    elif padding.startswith("SAME") and max(dilations) > 1:
        attributes["dilations"] = [1] * spatial  # onnxruntime refuses SAME with dilations for some shapes
        attributes["auto_pad"] = padding
    elif padding:
        attributes["auto_pad"] = padding
    return attributes


def single_pixels_between_rows(random) -> dict:
    """Attributes of a Conv of single pixels whose padding is rows above and below: inner rows by themselves have none."""
    return dict(strides=[1, 1], dilations=[1, 1], pads=[extent(random, 1, 3), 0, extent(random, 0, 3), 0])


def window(random, spatial: int) -> tuple[list[int], list[int], list[int]]:
    """Kernel, dilations and input extents; wide dilations with few taps."""
    kernel = [pick(random, KERNELS) for _ in range(spatial)]
    dilations = [extent(random, 1, 8 if k <= 3 else 2) for k in kernel] if random.random() < 0.3 else [1] * spatial
    return kernel, dilations, [e + (k - 1) * d for e, k, d in zip(distinct(random, spatial, 1, 19), kernel, dilations)]


def output_extents(attributes: dict, kernel: list[int], extents: list[int]) -> list[int]:
    """Extents of the result of a convolution (ONNX Conv-11)."""
    result = []
    for i, (size, taps) in enumerate(zip(extents, kernel)):
        stride, reach = attributes["strides"][i], (taps - 1) * attributes["dilations"][i] + 1
        if attributes.get("auto_pad", "").startswith("SAME"):
            result.append(-(-size // stride))
            continue
        pads = attributes.get("pads", [0] * 2 * len(kernel))
        result.append((size + pads[i] + pads[i + len(kernel)] - reach) // stride + 1)
    return result


def convolution(random, graph: Graph, groups: int, per_group: int, out_per_group: int, spatial: int, pointwise: bool):
    """One Conv of such a form."""
    kernel, dilations, extents = window(random, spatial)
    if pointwise:
        kernel, dilations, extents = [1] * spatial, [1] * spatial, [extent(random, 1, 16) for _ in range(spatial)]
    attributes = window_attributes(random, spatial, kernel, dilations)
    batch, inner, outputs = pick(random, [1, 1, 1, 2, 3]), per_group * groups, out_per_group * groups
    pixels = output_extents(attributes, kernel, extents)
    if min(pixels) < 1 or batch * np.prod(pixels) * outputs * per_group * np.prod(kernel) > MOST_MACS:
        raise ValueError("empty, or too expensive")
    graph.sizes = dict(M=int(np.prod(pixels)) if pointwise else pixels[-1], N=outputs if per_group == 1 else out_per_group, K=per_group)
    if random.random() < 0.5:
        attributes["kernel_shape"] = kernel
    scale = (3 / (per_group * np.prod(kernel))) ** 0.5
    weights = numbers(random, [outputs, per_group, *kernel], -scale, scale)
    operands = [source(random, graph, [batch, inner, *extents]), weight(random, graph, weights)]
    if random.random() < 0.6:
        operands.append(weight(random, graph, numbers(random, [outputs], -0.5, 0.5)))
    value = graph.node("Conv", operands, group=groups, **attributes)
    if random.random() < 0.15:
        ranges = ((0.5, 1.5), (-0.5, 0.5), (-0.5, 0.5), (0.5, 2))
        value = graph.node("BatchNormalization", [value] + [graph.constant(numbers(random, [outputs], *r)) for r in ranges])
    graph.output(fused(random, graph, value, [batch, outputs, *pixels]))


def conv(random, graph: Graph):
    """Conv in one or two spatial dims: dense, pointwise, grouped; three input channels as in the first layer of most networks."""
    kind = pick(random, ["dense", "dense", "pointwise", "pointwise", "image", "grouped"])
    groups, per_group, outputs = 1, extent(random, 1, 40), extent(random, 1, 70)
    if kind == "image":
        per_group = 3
    elif kind == "grouped":
        groups, per_group, outputs = extent(random, 2, 4), extent(random, 1, 12), extent(random, 1, 20)
    convolution(random, graph, groups, per_group, outputs, pick(random, [1, 2, 2, 2, 2]), kind == "pointwise")


def steps_over_pixels(random) -> tuple[list[int], list[int], dict]:
    """Extents of an input and its result, and attributes, of single pixels that strides step over: tiles go on in the next line."""
    pixels, strides = [extent(random, 1, 9), extent(random, 4, 18)], pick(random, [[2, 2], [2, 2], [2, 1], [1, 2], [3, 2]])
    extents = [(count - 1) * stride + extent(random, 1, stride) for count, stride in zip(pixels, strides)]
    return extents, pixels, dict(strides=strides)


def steps(random, graph: Graph):
    """Conv of single pixels with strides, as at the beginning of a stage of a residual network."""
    (extents, pixels, attributes), batch = steps_over_pixels(random), pick(random, [1, 1, 2])
    inner, outputs = extent(random, 1, 70), extent(random, 2, 70)
    operands = [source(random, graph, [batch, inner, *extents]),
                graph.constant(numbers(random, [outputs, inner, 1, 1], -(3 / inner) ** 0.5, (3 / inner) ** 0.5))]
    if random.random() < 0.6:
        operands.append(weight(random, graph, numbers(random, [outputs], -0.5, 0.5)))
    value = graph.node("Conv", operands, **attributes)
    graph.output(fused(random, graph, value, [batch, outputs, *pixels]))


def lines(random, graph: Graph):
    """Conv of windows with enough channels to let tiles go on in the next line, where lines are no whole tiles: between the borders of an
    image, and where strides step over pixels."""
    pixels, strides, batch = [extent(random, 10, 16), extent(random, 9, 17)], pick(random, [[1, 1], [2, 2], [2, 2], [1, 2]]), pick(random, [1, 1, 2])
    inner, outputs = extent(random, 60, 75), extent(random, 112, 136)
    pads = [extent(random, 0, 1) for _ in range(4)]
    extents = [(count - 1) * stride + 3 - pads[i] - pads[i + 2] for i, (count, stride) in enumerate(zip(pixels, strides))]
    scale = (3 / (9 * inner)) ** 0.5
    operands = [source(random, graph, [batch, inner, *extents]), graph.constant(numbers(random, [outputs, inner, 3, 3], -scale, scale))]
    if random.random() < 0.6:
        operands.append(weight(random, graph, numbers(random, [outputs], -0.5, 0.5)))
    value = graph.node("Conv", operands, pads=pads, strides=strides)
    graph.output(fused(random, graph, value, [batch, outputs, *pixels]))


def image(random, graph: Graph):
    """Conv of few channels in long lines, as the first layer of networks: its windows may read the planes of an image."""
    kernel = [extent(random, 1, 5), extent(random, 2, 8)]
    strides, dilations = [extent(random, 1, 3), pick(random, [1, 2, 2, 3])], [pick(random, [1, 1, 2]), 1]
    spans = [(k - 1) * d for k, d in zip(kernel, dilations)]
    pads = [extent(random, 0, span) for span in spans * 2]
    pixels = [extent(random, 1, 6), extent(random, 30, 75)]
    extents = [(count - 1) * stride + 1 + span - pads[i] - pads[i + 2] + extent(random, 0, stride - 1)
               for i, (count, stride, span) in enumerate(zip(pixels, strides, spans))]
    inner, outputs, batch = extent(random, 1, 5), extent(random, 2, 40), pick(random, [1, 1, 2])
    if min(extents) < 1 or batch * np.prod(pixels) * outputs * inner * np.prod(kernel) > MOST_MACS:
        raise ValueError("empty, or too expensive")
    scale = (3 / (inner * np.prod(kernel))) ** 0.5
    operands = [source(random, graph, [batch, inner, *extents]), graph.constant(numbers(random, [outputs, inner, *kernel], -scale, scale))]
    if random.random() < 0.6:
        operands.append(weight(random, graph, numbers(random, [outputs], -0.5, 0.5)))
    value = graph.node("Conv", operands, pads=pads, strides=strides, dilations=dilations)
    graph.output(fused(random, graph, value, [batch, outputs, *pixels]))


def winograd_dilations(random) -> list[int]:
    """Those of both axes, most of them 1: taps far apart leave few lines for each of the images between each other."""
    return [extent(random, 1, 6) for _ in range(2)] if random.random() < 0.3 else [1, 1]


def winograd(random, graph: Graph):
    """Conv with three taps along one axis or both and strides of one, for --form=winograd: images of less than a tile up to several
    strips of tiles, pads of any size, some dilated, with what is fused behind it."""
    kernel, batch = pick(random, [[3, 3], [3, 3], [1, 3], [3, 1]]), pick(random, [1, 1, 1, 2])
    most = pick(random, [12, 12, 12, 60])
    dilations = winograd_dilations(random)
    spans = [(k - 1) * d for k, d in zip(kernel, dilations)]
    pads = [extent(random, 0, 4 if random.random() < 0.2 else span) for span in spans * 2]
    extents = [e + span for e, span in zip(distinct(random, 2, 1, most), spans)]
    pixels = [size + pads[i] + pads[i + 2] - span for i, (size, span) in enumerate(zip(extents, spans))]
    inner, outputs = (extent(random, 1, 40), extent(random, 2, 70)) if most < 60 else (extent(random, 1, 9), extent(random, 2, 12))
    if most < 60 and random.random() < 0.3:
        outputs = pick(random, [32, 64])  # whole panels, which threads may share out
    if batch * np.prod(pixels) * outputs * inner * np.prod(kernel) > MOST_MACS:
        raise ValueError("too expensive")
    scale = (3 / (inner * np.prod(kernel))) ** 0.5
    operands = [source(random, graph, [batch, inner, *extents]),
                graph.constant(numbers(random, [outputs, inner, *kernel], -scale, scale))]
    if random.random() < 0.6:
        operands.append(weight(random, graph, numbers(random, [outputs], -0.5, 0.5)))
    value = graph.node("Conv", operands, pads=pads, dilations=dilations)
    graph.output(fused(random, graph, value, [batch, outputs, *pixels]))


def prologue(random, graph: Graph):
    """Elementwise ops before a Conv of one tap or a MatMul, of an operand that something behind them reads, too, as in dense blocks and
    residual ones: as many pixels as strips take, or fewer. Some results take the place of another operand."""
    inner, outputs, batch = extent(random, 1, 70), extent(random, 2, 40), pick(random, [1, 1, 1, 2])
    is_residual, spatial = random.random() < 0.15, pick(random, [0, 1, 2, 2, 2, 2])
    if is_residual:
        inner = outputs
    pixels = {0: [extent(random, 150, 1200)], 1: [extent(random, 150, 1200)], 2: distinct(random, 2, 13, 36)}[spatial]
    if batch * np.prod(pixels) * inner * outputs > MOST_MACS:
        raise ValueError("too expensive")
    graph.sizes = dict(M=batch * int(np.prod(pixels)), N=outputs, K=inner)
    shape = [batch, inner, *pixels] if spatial else [batch, *pixels, inner]
    value = main = (source if spatial and random.random() < 0.15 else computed)(random, graph, shape)
    for op in ("Mul", "Add"):
        scale = numbers_per_channel(random, inner, spatial, 0.5, 1.5)
        if random.random() < 0.7:
            value = graph.node(op, [value, weight(random, graph, scale if spatial else scale.reshape(inner))])
    value = nonlinear(random, graph, value, inner, spatial) if value != main and spatial else graph.node("Sigmoid", [value])
    reach = (3 / inner) ** 0.5
    if spatial:
        operands = [value, graph.constant(numbers(random, [outputs, inner] + [1] * spatial, -reach, reach))]
        if random.random() < 0.6:
            operands.append(weight(random, graph, numbers(random, [outputs], -0.5, 0.5)))
        value = nonlinear(random, graph, graph.node("Conv", operands), outputs, spatial)
    else:
        value = graph.node("MatMul", [value, graph.constant(numbers(random, [inner, outputs], -reach, reach))])
    if is_residual:
        graph.output(graph.node("Add", [value, main]))
        return
    if spatial and random.random() < 0.25:  # in place of another operand, while `main` is still read behind it
        value = graph.node("Add", [value, computed(random, graph, [batch, outputs, *pixels])])
        graph.in_place.append(graph.nodes[-1].name)
        reach = (3 / outputs) ** 0.5
        back = graph.constant(numbers(random, [inner, outputs] + [1] * spatial, -reach, reach))
        graph.output(graph.node("Mul", [graph.node("Conv", [value, back]), main]))
        return
    joined = graph.node("Concat", [main, value], axis=1 if spatial else 2)
    weights = numbers(random, [5, inner + outputs] + [1] * spatial if spatial else [inner + outputs, 5])
    graph.output(graph.node("Conv" if spatial else "MatMul", [joined, graph.constant(weights)]))


def stored(random, graph: Graph, value: np.ndarray) -> str:
    """A filter as a file may store it: in f32, or in 16 bits, or in 8 with a scale for each channel."""
    kind = pick(random, ["f32", "f32", "f32", "f16", "i8"])
    if kind == "f32":
        return graph.constant(value)
    if kind == "f16":
        return graph.node("Cast", [graph.constant(value.astype(np.float16))], to=TensorProto.FLOAT)
    scales = (np.abs(value).reshape(len(value), -1).max(axis=1) / 127 + 1e-6).astype(np.float32)
    steps = np.round(value / scales.reshape(-1, *[1] * (value.ndim - 1))).astype(np.int8)
    return graph.node("DequantizeLinear", [graph.constant(steps), graph.constant(scales), graph.constant(np.zeros(len(value), np.int8))], axis=0)


def link(random, graph: Graph, value: str, filter_shape: list[int], groups: int, attributes: dict) -> str:
    """A convolution of a chain, perhaps with a bias: what it makes is as large as what it reads."""
    scale = (3 / np.prod(filter_shape[1:])) ** 0.5
    operands = [value, stored(random, graph, numbers(random, filter_shape, -scale, scale))]
    if random.random() < 0.6:
        operands.append(weight(random, graph, numbers(random, filter_shape[:1], -0.5, 0.5)))
    return graph.node("Conv", operands, group=groups, **attributes)


def beginning(random, graph: Graph, shape: list[int]) -> str:
    """The image that a chain begins with: an input, something computed, or what an elementwise kernel makes of a camera's lines or
    planes, or of a part of them."""
    kind = pick(random, ["source", "source", "source", "computed", "computed", "lines", "lines", "planes"] + ["planes"] * (3 if shape[1] <= 4 else 0))
    if kind in ("source", "computed"):
        return (source if kind == "source" else computed)(random, graph, shape)
    batch, channels, *extents = shape
    dtype = pick(random, [np.uint8, np.uint8, np.int8, np.float32])
    memory = [batch, *extents, channels] if kind == "lines" else shape
    # At times a part of what a camera has: rgb of rgbx, an image without its last rows and columns.
    is_part = random.random() < 0.4
    whole = [size + extent(random, 0, pick(random, [0, 1, 3])) * (is_part and axis > 0) for axis, size in enumerate(memory)]
    value = graph.input(numbers(random, whole, 0 if dtype == np.uint8 else -100, 127 if dtype == np.int8 else 255).astype(dtype))
    if whole != memory:
        value = graph.node("Slice", [value, *(graph.constant(np.array(list, np.int64)) for list in ([0] * 4, memory, range(4)))])
    if dtype != np.float32:
        value = graph.node("Cast", [value], to=TensorProto.FLOAT)
    each = pick(random, [[], [], [channels], [extents[1], channels]] if kind == "lines" else [[], [channels, 1, 1], [channels, 1, extents[1]]])
    value = graph.node("Sub", [value, graph.constant(numbers(random, each, 90, 130))])
    value = graph.node("Mul", [value, graph.constant(numbers(random, each, 0.005, 0.02))])
    if random.random() < 0.5:
        value = graph.node(pick(random, ["Relu", "LeakyRelu", "Abs", "Tanh"]), [value])
    return graph.node("Transpose", [value], perm=[0, 3, 1, 2]) if kind == "lines" else value


def chain(random, graph: Graph):
    """A Conv, and a Conv or MaxPool that alone reads it: dense, depthwise, single pixels, with what is fused behind each. What is between
    them is larger than most L2 caches. Some begin with an image of few channels."""
    batch, channels, macs = pick(random, [1, 1, 1, 2]), extent(random, 1, pick(random, [4, 24, 24])), 0
    extents = [extent(random, 100, 320), extent(random, 12, 64)]
    value = beginning(random, graph, [batch, channels, *extents])
    for is_second, kinds in enumerate((["pointwise", "pointwise", "depthwise", "dense"], ["depthwise", "depthwise", "dense", "pointwise", "pool"])):
        kind = pick(random, kinds)
        kernel = [1, 1] if kind == "pointwise" else [pick(random, [1, 2, 3, 3, 3, 5]), pick(random, [1, 2, 3, 3, 3, 5])]
        dilations = [extent(random, 1, 3) for _ in kernel] if random.random() < 0.15 else [1, 1]
        attributes = window_attributes(random, 2, kernel, dilations)
        if not is_second and random.random() < 0.7:
            attributes["strides"] = [1, 1]
        has_one_output = is_second and kind == "pointwise" and random.random() < 0.3
        if has_one_output:
            attributes = single_pixels_between_rows(random)
        extents = output_extents(attributes, kernel, extents)
        if min(extents) < 1:
            raise ValueError("empty")
        groups = channels if kind == "depthwise" else 1
        outputs = 1 if has_one_output else extent(random, 2, 30) if is_second else int(np.clip(random.uniform(1e5, 6e5) / (batch * np.prod(extents)), 2, 96))
        if kind in ("depthwise", "pool"):
            outputs = channels * pick(random, [1, 1, 1, 2] if is_second else [1, 2, 3, 4]) if groups > 1 else channels
        macs += batch * np.prod(extents) * outputs * channels // groups * np.prod(kernel)
        if macs > 20 * MOST_MACS:
            raise ValueError("too expensive")
        if kind == "pool":
            value = graph.node("MaxPool", [value], kernel_shape=kernel, **attributes)
            break
        value, channels = link(random, graph, value, [outputs, channels // groups, *kernel], groups, attributes), outputs
        if not is_second:
            value = nonlinear(random, graph, value, channels, 2)
    graph.output(fused(random, graph, value, [batch, channels, *extents]))


def long_chain(random, graph: Graph):
    """Three or four windows, each of which alone reads the one before: what is between them is most of the memory. Some are inverted residuals:
    single pixels, depthwise, single pixels, and the image added."""
    batch, channels, macs = pick(random, [1, 1, 1, 2]), extent(random, 1, pick(random, [4, 16])), 0
    extents, is_residual = [extent(random, 40, 160), extent(random, 8, 40)], random.random() < 0.35
    image = value = beginning(random, graph, [batch, channels, *extents])
    kinds = [pick(random, ["pointwise", "depthwise", "dense"]) for _ in range(pick(random, [2, 2, 3]))]
    kinds = ["pointwise", "depthwise", "pointwise"] if is_residual else [*kinds, pick(random, ["depthwise", "pointwise", "dense", "pool"])]
    shape = [batch, channels, *extents]
    for number, kind in enumerate(kinds):
        is_last = number == len(kinds) - 1
        kernel = [1, 1] if kind == "pointwise" else [pick(random, [1, 2, 3, 3, 3, 5]), pick(random, [1, 2, 3, 3, 3, 5])]
        dilations = [extent(random, 1, 3) for _ in kernel] if random.random() < 0.1 else [1, 1]
        attributes = window_attributes(random, 2, kernel, dilations)
        if not is_last and random.random() < 0.6:
            attributes["strides"] = [1, 1]
        if is_residual:
            kernel = [3, 3] if kind == "depthwise" else kernel
            attributes = dict(strides=[1, 1], pads=[kernel[0] // 2] * 4, dilations=[1, 1])
        extents = output_extents(attributes, kernel, extents)
        if min(extents) < 1:
            raise ValueError("empty")
        if kind == "pool":
            value = graph.node("MaxPool", [value], kernel_shape=kernel, **attributes)
            break
        groups = channels if kind == "depthwise" else 1
        outputs = channels * (1 if is_residual else pick(random, [1, 1, 2])) if groups > 1 else extent(random, 2, 12) if is_last else extent(random, 24, 70)
        if is_residual and is_last:
            outputs = shape[1]
        macs += batch * np.prod(extents) * outputs * channels // groups * np.prod(kernel)
        if macs > 20 * MOST_MACS:
            raise ValueError("too expensive")
        value, channels = link(random, graph, value, [outputs, channels // groups, *kernel], groups, attributes), outputs
        if not is_last:
            value = nonlinear(random, graph, value, channels, 2)
    if is_residual:
        graph.output(graph.node("Add", [value, image] if random.random() < 0.5 else [image, value]))
    else:
        graph.output(fused(random, graph, value, [batch, channels, *extents]))


def depthwise(random, graph: Graph):
    """Conv with as many groups as channels, some with two outputs for each."""
    convolution(random, graph, extent(random, 2, 70), 1, pick(random, [1, 1, 1, 2]), pick(random, [1, 2, 2, 2, 2]), random.random() < 0.1)


def conv_transpose(random, graph: Graph):
    """ConvTranspose: strides, dilations, pads, output padding or a given output shape, groups."""
    spatial, groups = pick(random, [1, 2, 2]), pick(random, [1, 1, 2, 3])
    per_group, out_per_group = extent(random, 1, 20 // groups), extent(random, 1, 36 // groups)
    if random.random() < 0.2:  # depthwise
        groups, per_group, out_per_group = extent(random, 2, 40), 1, 1
    kernel = [extent(random, 1, 7) for _ in range(spatial)]
    strides = [extent(random, 1, 4) for _ in range(spatial)]
    dilations = [1] * spatial if random.random() < 0.7 else [extent(random, 1, 3) for _ in range(spatial)]
    pads = [extent(random, 0, k - 1) for k in kernel * 2]
    extents = [e + 2 for e in distinct(random, spatial, 1, 12)]
    if random.random() < 0.15:
        # Few channels, no overlap, behind a convolution: the last layer of a segmentation network.
        kernel = [extent(random, 1, 4) for _ in range(spatial)]
        inner, outer = extent(random, 1, 20), extent(random, 1, 5)
        value = graph.node("Conv", [source(random, graph, [1, 3, *extents]),
                                    graph.constant(numbers(random, [inner, 3] + [1] * spatial))])
        operands = [value, graph.constant(numbers(random, [inner, outer, *kernel], -0.6, 0.6))]
        if random.random() < 0.5:
            operands.append(graph.constant(numbers(random, [outer])))
        value = graph.node("ConvTranspose", operands, strides=kernel, kernel_shape=kernel)
        graph.output(fused(random, graph, value, [1, outer, *[e * k for e, k in zip(extents, kernel)]]))
        return
    attributes = dict(group=groups, strides=strides, dilations=dilations, kernel_shape=kernel)
    if random.random() < 0.85:
        output_padding = [extent(random, 0, s - 1) for s in strides]
        attributes.update(pads=pads, output_padding=output_padding)
        pixels = [s * (e - 1) + o + (k - 1) * d + 1 - pads[i] - pads[i + spatial]
                  for i, (e, k, s, d, o) in enumerate(zip(extents, kernel, strides, dilations, output_padding))]
    else:
        if any(k < s for k, s in zip(kernel, strides)):
            raise ValueError("negative padding: ONNX says that the result has input * stride pixels, onnxruntime makes fewer")
        attributes.update(auto_pad=pick(random, ["SAME_UPPER", "SAME_LOWER"]), dilations=[1] * spatial)
        pixels = [e * s for e, s in zip(extents, strides)]
    batch, outputs = pick(random, [1, 2]), out_per_group * groups
    if min(pixels) < 1 or batch * np.prod(extents) * per_group * outputs * np.prod(kernel) > MOST_MACS:
        raise ValueError("empty, or too expensive")
    graph.sizes = dict(M=pixels[-1], N=out_per_group, K=per_group)
    operands = [source(random, graph, [batch, per_group * groups, *extents]),
                weight(random, graph, numbers(random, [per_group * groups, out_per_group, *kernel], -0.6, 0.6))]
    if random.random() < 0.5:
        operands.append(weight(random, graph, numbers(random, [outputs])))
    value = graph.node("ConvTranspose", operands, **attributes)
    graph.output(fused(random, graph, value, [batch, outputs, *pixels]))


def pool(random, graph: Graph):
    """MaxPool, AveragePool, LpPool and the global ones: pads, ceil_mode, dilations, count_include_pad."""
    spatial, channels = pick(random, [1, 2, 2, 2]), extent(random, 1, 70)
    kind = pick(random, ["MaxPool", "MaxPool", "MaxPool", "AveragePool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool"])
    extents = distinct(random, spatial, 6, 19)
    graph.sizes = dict(N=channels)
    value = source(random, graph, [pick(random, [1, 1, 2]), channels, *extents])
    if kind.startswith("Global"):
        graph.output(graph.node(kind, [value]))
        return
    kernel = [pick(random, KERNELS) for _ in range(spatial)]
    attributes = dict(kernel_shape=kernel, strides=[extent(random, 1, 3) for _ in range(spatial)])
    padding = pick(random, ["", "pads", "pads", "SAME_UPPER", "SAME_LOWER"])
    if padding == "pads":
        attributes["pads"] = [extent(random, 0, k - 1) for k in kernel * 2]
    elif padding:
        attributes["auto_pad"] = padding
    if kind == "MaxPool" and not padding.startswith("SAME"):
        attributes["ceil_mode"] = pick(random, [0, 1])
        attributes["dilations"] = [extent(random, 1, 3) for _ in range(spatial)] if max(kernel) < 4 else [1] * spatial
    elif kind == "AveragePool":
        attributes["count_include_pad"] = pick(random, [0, 1])
    elif kind == "LpPool":
        attributes["p"] = 2
    value = graph.node(kind, [value], **attributes)
    graph.output(graph.node(pick(random, ["Relu", "Sigmoid"]), [value]) if random.random() < 0.2 else value)


def matmul(random, graph: Graph):
    """MatMul of rank 1 to 4, batch dims that broadcast, constant or runtime operands, transposed operands."""
    m, n, k = extent(random, 1, 45), pick(random, [1, extent(random, 1, 70), extent(random, 1, 70)]), extent(random, 1, 100)
    graph.sizes = dict(M=m, N=n, K=k)
    batch = distinct(random, extent(random, 0, 2), 2, 5)
    a_shape, b_shape = [*batch, m, k], [*batch, k, n]
    form = pick(random, ["both", "b has no batch", "b has no batch", "a has no batch", "broadcast", "vector a", "vector b"])
    if form == "b has no batch":
        b_shape = [k, n]
    elif form == "a has no batch":
        a_shape = [m, k]
    elif form == "broadcast" and len(batch) == 2:
        a_shape[0], b_shape[1] = 1, 1
    elif form == "vector a":
        a_shape = [k]
    elif form == "vector b":
        b_shape = [k]
    operands = []
    for shape in (a_shape, b_shape):
        value = numbers(random, shape)
        if len(shape) > 1 and random.random() < 0.25:
            axes = [*range(len(shape) - 2), len(shape) - 1, len(shape) - 2]
            operands.append(graph.node("Transpose", [graph.input(np.ascontiguousarray(value.transpose(axes)))], perm=axes))
        else:
            operands.append(graph.constant(value) if len(operands) == 1 and random.random() < 0.6 else graph.input(value))
    value = graph.node("MatMul", operands)
    if form in ("vector a", "vector b"):
        graph.output(graph.node("Relu", [value]) if random.random() < 0.5 else value)
        return
    if random.random() < 0.5:
        value = graph.node("Add", [value, graph.constant(numbers(random, [n]))])
    shape = [*batch, m, n]
    graph.output(fused(random, graph, value, shape, len(shape) - 1))


def gemm(random, graph: Graph):
    """Gemm: both transposes, alpha and beta, every shape of C, constant or runtime weights, one row as in classifiers."""
    m, n, k = pick(random, [1, 1, 2, 3, extent(random, 4, 45)]), extent(random, 1, 70), pick(random, CHANNELS + (64, 97, 200, 515))
    graph.sizes = dict(M=m, N=n, K=k)
    trans_a, trans_b = pick(random, [0, 0, 1]), pick(random, [0, 1, 1])
    weights = numbers(random, [n, k] if trans_b else [k, n])
    operands = [graph.input(numbers(random, [k, m] if trans_a else [m, k])),
                graph.constant(weights) if random.random() < 0.8 else graph.input(weights)]
    c_shape = pick(random, [None, [n], [n], [1, n], [m, 1], [m, n], [1], []])
    if c_shape is not None:
        operands.append(graph.constant(numbers(random, c_shape)) if random.random() < 0.7 else graph.input(numbers(random, c_shape)))
    attributes = dict(transA=trans_a, transB=trans_b)
    if random.random() < 0.4:
        attributes.update(alpha=0.75, beta=1.5)
    graph.output(fused(random, graph, graph.node("Gemm", operands, **attributes), [m, n]))


def heads_of(random, graph: Graph, batch: int, heads: int, length: int, size: int, swapped: bool) -> str:
    """An operand of attention, [batch, heads, length, size] or with the last two swapped: as it is, or transposed from where a layer
    before left it."""
    perm = [0, 2, 3, 1] if swapped else [0, 2, 1, 3]
    kind = pick(random, ["flat", "flat", "heads", "as it is", "swapped"])
    if kind == "flat":
        shape = graph.constant(np.array([batch, length, heads, size], np.int64))
        return graph.node("Transpose", [graph.node("Reshape", [graph.input(numbers(random, [batch, length, heads * size])), shape])], perm=perm)
    if kind == "heads":
        return graph.node("Transpose", [graph.input(numbers(random, [batch, length, heads, size]))], perm=perm)
    shape = [batch, heads, size, length] if swapped else [batch, heads, length, size]
    if kind == "as it is":
        return graph.input(numbers(random, shape))
    return graph.node("Transpose", [graph.input(numbers(random, [*shape[:2], shape[3], shape[2]]))], perm=[0, 1, 3, 2])


def attention(random, graph: Graph):
    """Softmax of a product, multiplied by values, as exporters write attention: scaled and masked in some way, of any lengths, one head
    or several, with what is fused behind."""
    batch, heads = pick(random, [1, 1, 2]), extent(random, 1, 5)
    queries, keys = pick(random, [pick(random, [1, extent(random, 2, 60)]), *(extent(random, 70, 260) for _ in range(4))]), extent(random, 2, 260)
    size, width = (extent(random, 1, pick(random, [12, 12, 40])) for _ in range(2))
    if batch * heads * queries * keys * (size + width) > MOST_MACS:
        raise ValueError("too expensive")
    operands = [heads_of(random, graph, batch, heads, queries, size, False), heads_of(random, graph, batch, heads, keys, size, True)]
    value = graph.node("MatMul", operands)
    if random.random() < 0.7:
        value = graph.node(pick(random, ["Mul", "Div"]), [value, graph.constant(np.float32(size**0.5 / 2))])
    mask = pick(random, [None, [batch, 1, 1, keys], [1, heads, queries, keys], [queries, keys], [batch, 1, queries, 1]])
    if mask:
        value = graph.node("Add", [value, weight(random, graph, numbers(random, mask, -3, 3))])
    if random.random() < 0.2:
        hidden = graph.node("Greater", [graph.input(numbers(random, [batch, 1, 1, keys])), graph.constant(np.float32(0.6))])
        value = graph.node("Where", [hidden, graph.constant(np.float32(-1e4)), value])
    value = graph.node("Softmax", [value], axis=-1)
    if random.random() < 0.2:
        value = graph.node("Mul", [value, graph.input(numbers(random, pick(random, [[1], [batch, 1, queries, 1]]), 0.5, 2))])
    if random.random() < 0.15:  # channels ahead
        values = heads_of(random, graph, batch, heads, keys, width, True)
        value = graph.node("MatMul", [values, graph.node("Transpose", [value], perm=[0, 1, 3, 2])])
        value = graph.node("Transpose", [value], perm=[0, 1, 3, 2])
    else:
        value = graph.node("MatMul", [value, heads_of(random, graph, batch, heads, keys, width, False)])
    if random.random() < 0.3:
        value = graph.node("Add", [value, graph.input(numbers(random, pick(random, [[width], [batch, heads, queries, width]])))])
    if random.random() < 0.6:
        value = graph.node("Transpose", [value], perm=[0, 2, 1, 3])
    graph.output(graph.node("Tanh", [value]) if random.random() < 0.3 else value)


FAMILIES = {generator.__name__: generator
            for generator in (conv, steps, lines, image, depthwise, conv_transpose, pool, matmul, gemm, winograd, prologue, attention, chain,
                              long_chain)}
