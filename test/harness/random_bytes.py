"""Random convolutions and matrix products of bytes: both signs, zero points that are constants or known at run time, one for each
channel, sums that are results themselves or are quantized again.

onnxruntime's kernels of weights with a sign saturate sums of two products on machines without VNNI. Weights are of 7 bits where it runs
these; for constants of ConvInteger and MatMulInteger that bytes without a sign are multiplied by it gets others (`unsaturated`), and they
are of 8 bits. Generators as in random_ops.py.
"""
import numpy as np
import onnx
from onnx import numpy_helper

from random_contractions import (MOST_MACS, extent, output_extents, single_pixels_between_rows, steps_over_pixels, window,
                                 window_attributes, winograd_dilations)
from random_ops import Graph, distinct, numbers, pick


def integers(random, shape, dtype) -> np.ndarray:
    """Values of the whole range, its ends included."""
    limits = np.iinfo(dtype)
    low, high = (-64, 63) if dtype is np.int8 else (limits.min, limits.max)
    return random.integers(low, high + 1, shape).astype(dtype)


def whole_bytes(random, shape) -> np.ndarray:
    """Weights with a sign of all 8 bits: few that are large, as networks have, or any, or large ones alone."""
    kind = pick(random, ["few", "few", "any", "large"])
    if kind == "any":
        return random.integers(-128, 128, shape).astype(np.int8)
    if kind == "large":
        return np.where(random.random(shape) < 0.1, random.choice([-128, 127], shape), 0).astype(np.int8)
    value = np.clip(np.round(random.normal(0, 25, shape)), -128, 127)
    return np.where(random.random(shape) < 0.003, random.choice([-128, -100, 100, 127], shape), value).astype(np.int8)


def unsaturated(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with constant weights of 8 bits and a sign as ones without a sign and a zero point of 128: the same sums, by kernels of
    onnxruntime that saturate nowhere."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    constants = {weight.name: weight for weight in result.graph.initializer}
    for node in result.graph.node:
        weight = constants.get(node.input[1]) if node.op_type in ("ConvInteger", "MatMulInteger") else None
        if weight is None or weight.data_type != onnx.TensorProto.INT8:
            continue
        value = numpy_helper.to_array(weight)
        if np.all((value >= -64) & (value < 64)):
            continue
        weight.CopyFrom(numpy_helper.from_array((value.astype(np.int16) + 128).astype(np.uint8), weight.name))
        zero = numpy_helper.from_array(np.uint8(128), f"{weight.name}_zero")
        result.graph.initializer.append(zero)
        node.input[2:] = [node.input[2] if len(node.input) > 2 else "", zero.name]
    return result


def activations(random, shape, dtype) -> np.ndarray:
    """Values of the whole range."""
    limits = np.iinfo(dtype)
    return random.integers(limits.min, limits.max + 1, shape).astype(dtype)


def zero_point(random, graph: Graph, dtype, may_vary: bool) -> str:
    """Of activations: any byte, often the one that is 0; at times known only at run time."""
    value = np.array(pick(random, [0, 128 if dtype is np.uint8 else -128, extent(random, 1, 100)]), dtype)
    return graph.input(value) if may_vary and random.random() < 0.3 else graph.constant(value)


def scale(random, low: float, high: float) -> np.ndarray:
    """A positive number."""
    return np.float32(random.uniform(low, high))


def quantized_operands(random, graph: Graph, value: np.ndarray, weights: np.ndarray, channel_axis: int, taps: int) -> list[str]:
    """x, its scale and zero point, w, its scale (one, or one for each output) and zero point, those of the result."""
    outputs = weights.shape[channel_axis]
    per_channel = random.random() < 0.5 and weights.dtype == np.int8
    of_weights = random.uniform(0.002, 0.01, outputs if per_channel else ()).astype(np.float32)
    zero_of_weights = np.full(of_weights.shape, 128 if weights.dtype == np.uint8 else 0, weights.dtype)
    # Results that use their range, and saturate at times.
    of_result = np.float32(0.02 * 0.006 * taps**0.5 * pick(random, [20, 50, 200]))
    return [graph.input(value), graph.constant(scale(random, 0.01, 0.03)), zero_point(random, graph, value.dtype.type, False),
            graph.constant(weights), graph.constant(of_weights), graph.constant(zero_of_weights),
            graph.constant(of_result), zero_point(random, graph, value.dtype.type, False)]


def conv_of_bytes(random, graph: Graph):
    """ConvInteger and QLinearConv: dense, pointwise, grouped, depthwise."""
    kind = pick(random, ["dense", "dense", "pointwise", "pointwise", "image", "grouped", "depthwise"])
    groups, per_group, out_per_group = 1, extent(random, 1, 40), extent(random, 1, 70)
    if kind == "image":
        per_group = 3
    elif kind == "grouped":
        groups, per_group, out_per_group = extent(random, 2, 4), extent(random, 1, 12), extent(random, 1, 20)
    elif kind == "depthwise":
        groups, per_group, out_per_group = extent(random, 2, 70), 1, pick(random, [1, 1, 1, 2])
    kernel, dilations, extents = window(random, 2)
    if kind == "pointwise":
        kernel, dilations = [1, 1], [1, 1]
    attributes = window_attributes(random, 2, kernel, dilations)
    if kind == "pointwise" and random.random() < 0.2:
        extents, attributes = single_line_behind_padding(random, extents)
    pixels, batch, outputs = output_extents(attributes, kernel, extents), pick(random, [1, 1, 2]), out_per_group * groups
    taps = per_group * int(np.prod(kernel))
    if min(pixels) < 1 or batch * np.prod(pixels) * outputs * taps > MOST_MACS:
        raise ValueError("empty, or too expensive")
    graph.sizes = dict(M=int(np.prod(pixels)) if kind == "pointwise" else pixels[-1], N=out_per_group, K=per_group)
    output_of_bytes(random, graph, [batch, per_group * groups, *extents], [outputs, per_group, *kernel], dict(group=groups, **attributes))


def single_line_behind_padding(random, extents: list[int]) -> tuple[list[int], dict]:
    """Extents and attributes of a convolution of single pixels that reads padding before all that there is along one axis, or both: nothing
    else in most cases."""
    extents, strides, pads = list(extents), [1, 1], [0] * 4
    for axis in pick(random, [[0], [1], [0, 1]]):
        extents[axis], strides[axis], pads[axis] = 1, extent(random, 2, 3), 1
        pads[2 + axis] = pick(random, [0, 0, 1])
    return extents, dict(strides=strides, dilations=[1, 1], pads=pads)


def steps_of_bytes(random, graph: Graph):
    """Conv of single pixels with strides."""
    extents, _, attributes = steps_over_pixels(random)
    inner, outputs = extent(random, 1, 70), extent(random, 2, 70)
    output_of_bytes(random, graph, [pick(random, [1, 1, 2]), inner, *extents], [outputs, inner, 1, 1], attributes)


def image_of_bytes(random, graph: Graph):
    """The same with an image of three channels, taps of which a line fills 16 bytes, or nearly, and steps."""
    kernel, strides = [extent(random, 1, 6), pick(random, [5, 5, 5, 10, 4, 7])], pick(random, [[2, 2], [2, 2], [1, 2], [2, 1], [3, 3]])
    has_pads = random.random() < 0.8
    attributes = dict(strides=strides, dilations=[1, 1], pads=[extent(random, 0, k - 1) * has_pads for k in kernel * 2])
    extents, outputs, batch = [extent(random, k, 24 + k) for k in kernel], extent(random, 6, 50), pick(random, [1, 1, 1, 2])
    pixels = output_extents(attributes, kernel, extents)
    if batch * np.prod(pixels) * outputs * 3 * np.prod(kernel) > MOST_MACS:
        raise ValueError("too expensive")
    graph.sizes = dict(M=pixels[-1], N=outputs, K=3 * kernel[1])
    output_of_bytes(random, graph, [batch, 3, *extents], [outputs, 3, *kernel], attributes)


def winograd_of_bytes(random, graph: Graph):
    """The same with three taps along one axis or both and strides of one, for --form=winograd: images of less than a tile up to several
    strips of tiles, pads of any size, some dilated."""
    kernel, batch = pick(random, [[3, 3], [3, 3], [1, 3], [3, 1]]), pick(random, [1, 1, 1, 2])
    most = pick(random, [12, 12, 12, 60])
    attributes = dict(strides=[1, 1], dilations=winograd_dilations(random))
    spans = [(k - 1) * d for k, d in zip(kernel, attributes["dilations"])]
    attributes["pads"] = [extent(random, 0, 4 if random.random() < 0.2 else span) for span in spans * 2]
    extents = [e + span for e, span in zip(distinct(random, 2, 1, most), spans)]
    pixels = output_extents(attributes, kernel, extents)
    inner, outputs = (extent(random, 1, 40), extent(random, 2, 70)) if most < 60 else (extent(random, 1, 9), extent(random, 2, 12))
    if batch * np.prod(pixels) * outputs * inner * np.prod(kernel) > MOST_MACS:
        raise ValueError("too expensive")
    graph.sizes = dict(M=pixels[-1], N=outputs, K=inner)
    output_of_bytes(random, graph, [batch, inner, *extents], [outputs, inner, *kernel], attributes)


def output_of_bytes(random, graph: Graph, shape: list[int], filter_shape: list[int], attributes: dict):
    """A convolution of that input with that filter: its sums, or these quantized again."""
    outputs, taps = filter_shape[0], int(np.prod(filter_shape[1:]))
    if random.random() < 0.4:
        value = activations(random, shape, np.uint8)
        weights = whole_bytes(random, filter_shape) if random.random() < 0.6 else integers(random, filter_shape, pick(random, [np.int8, np.uint8]))
        operands = [graph.input(value), graph.constant(weights)]
        if random.random() < 0.7:
            operands.append(zero_point(random, graph, np.uint8, True))
        graph.output(graph.node("ConvInteger", operands, **attributes), np.int32)
        return
    dtype = pick(random, [np.uint8, np.int8])
    of_weights = np.uint8 if dtype is np.uint8 and random.random() < 0.2 else np.int8
    value, weights = activations(random, shape, dtype), integers(random, filter_shape, of_weights)
    operands = quantized_operands(random, graph, value, weights, 0, taps)
    if random.random() < 0.7:
        operands.append(graph.constant(random.integers(-9000, 9000, outputs).astype(np.int32)))
    graph.output(graph.node("QLinearConv", operands, **attributes), dtype)


def chain_of_bytes(random, graph: Graph):
    """One to three QLinearConv, and a QLinearConv, ConvInteger or MaxPool, each of which alone reads the one before, where what is between is
    most of the memory: dense, depthwise, single pixels. Rows that read padding alone are among them."""
    batch, channels, macs = pick(random, [1, 1, 1, 2]), extent(random, 1, pick(random, [4, 24])), 0
    extents, dtype = [extent(random, 100, 320), extent(random, 6, 40)], pick(random, [np.uint8, np.uint8, np.int8])
    zero, scale_of_value = zero_point(random, graph, dtype, False), scale(random, 0.01, 0.03)
    if random.random() < 0.7:
        value = graph.input(activations(random, [batch, channels, *extents], dtype))
    else:  # a camera's lines, quantized by an elementwise kernel
        lines = graph.input(numbers(random, [batch, *extents, channels], -2, 2))
        value = graph.node("Transpose", [graph.node("QuantizeLinear", [lines, graph.constant(scale_of_value), zero])], perm=[0, 3, 1, 2])
    kinds = [pick(random, ["pointwise", "pointwise", "depthwise", "dense"]) for _ in range(pick(random, [1, 1, 2, 3]))]
    kinds.append(pick(random, ["depthwise", "depthwise", "dense", "pointwise", "pool"]))
    for number, kind in enumerate(kinds):
        is_last = number == len(kinds) - 1
        kernel = [1, 1] if kind == "pointwise" else [pick(random, [1, 2, 3, 3, 3, 5]), pick(random, [1, 2, 3, 3, 3, 5])]
        dilations = [extent(random, 1, 3) for _ in kernel] if random.random() < 0.15 else [1, 1]
        attributes = window_attributes(random, 2, kernel, dilations)
        if not is_last and random.random() < 0.7:
            attributes["strides"] = [1, 1]
        if kind != "pool" and "auto_pad" not in attributes and random.random() < 0.1:
            attributes["pads"] = [extent(random, 0, 4) for _ in range(4)]
        has_one_output = is_last and kind == "pointwise" and random.random() < 0.3
        if has_one_output:
            attributes = single_pixels_between_rows(random)
        extents = output_extents(attributes, kernel, extents)
        if min(extents) < 1:
            raise ValueError("empty")
        if kind == "pool":
            graph.output(graph.node("MaxPool", [value], kernel_shape=kernel, **attributes), dtype)
            return
        groups = channels if kind == "depthwise" else 1
        outputs = 1 if has_one_output else extent(random, 2, 16) if is_last else extent(random, 2 * channels, 2 * channels + 60)
        if 0 < number and not is_last:
            outputs = extent(random, 20, 60)
        if groups > 1:
            outputs = channels * pick(random, [1, 1, 1, 2] if is_last else [2, 3, 4])
        taps = channels // groups * int(np.prod(kernel))
        macs += batch * np.prod(extents) * outputs * taps
        if macs > 10 * MOST_MACS:
            raise ValueError("too expensive")
        weights = integers(random, [outputs, channels // groups, *kernel], np.int8)
        if is_last and random.random() < 0.2 and dtype is np.uint8:
            operands = [value, graph.constant(whole_bytes(random, weights.shape))] + ([zero_point(random, graph, dtype, True)] if random.random() < 0.7 else [])
            graph.output(graph.node("ConvInteger", operands, group=groups, **attributes), np.int32)
            return
        of_weights = random.uniform(0.002, 0.01, outputs if random.random() < 0.5 else ()).astype(np.float32)
        of_result, zero_of_result = np.float32(0.02 * 0.006 * taps**0.5 * pick(random, [20, 50, 200])), zero_point(random, graph, dtype, False)
        operands = [value, graph.constant(scale_of_value), zero, graph.constant(weights), graph.constant(of_weights),
                    graph.constant(np.zeros(of_weights.shape, np.int8)), graph.constant(of_result), zero_of_result]
        if random.random() < 0.7:
            operands.append(graph.constant(random.integers(-9000, 9000, outputs).astype(np.int32)))
        value, channels, zero, scale_of_value = graph.node("QLinearConv", operands, group=groups, **attributes), outputs, zero_of_result, of_result
    graph.output(value, dtype)


def prologue_of_bytes(random, graph: Graph):
    """Bytes that are scaled and shifted by channel in floats and quantized again, as a norm behind a concatenation is, and a QLinearConv of
    single pixels that reads them, as many as strips take, or fewer. The bytes are joined with what it gives, as in dense blocks."""
    inner, outputs, batch, dtype = extent(random, 1, 70), extent(random, 2, 70), pick(random, [1, 1, 1, 2]), pick(random, [np.uint8, np.uint8, np.int8])
    pixels = distinct(random, 2, 13, 36)
    if batch * np.prod(pixels) * inner * outputs > MOST_MACS:
        raise ValueError("too expensive")
    graph.sizes = dict(M=batch * int(np.prod(pixels)), N=outputs, K=inner)
    given, zero, before = extent(random, 1, 9), zero_point(random, graph, dtype, False), graph.constant(scale(random, 0.01, 0.03))

    def of_single_pixels(value, inputs, outputs):
        """Operands of a QLinearConv but for the scale and zero point of its result."""
        per_channel = random.random() < 0.5
        return [value, before, zero, graph.constant(integers(random, [outputs, inputs, 1, 1], np.int8)),
                graph.constant(random.uniform(0.002, 0.01, outputs if per_channel else ()).astype(np.float32)),
                graph.constant(np.zeros(outputs if per_channel else (), np.int8))]
    steps = graph.node("QLinearConv", [*of_single_pixels(graph.input(activations(random, [batch, given, *pixels], dtype)), given, inner), before, zero])
    value = graph.node("DequantizeLinear", [steps, before, zero])
    for op, low, high in (("Mul", 0.5, 1.5), ("Add", -1, 1)):
        if random.random() < 0.8:
            value = graph.node(op, [value, graph.constant(random.uniform(low, high, [inner, 1, 1]).astype(np.float32))])
    if random.random() < 0.7:
        value = graph.node("Relu", [value])
    of_result = graph.constant(np.float32(0.02 * 0.006 * inner**0.5 * pick(random, [20, 50, 200])))
    operands = [*of_single_pixels(graph.node("QuantizeLinear", [value, before, zero]), inner, outputs), of_result, zero_point(random, graph, dtype, False)]
    if random.random() < 0.7:
        operands.append(graph.constant(random.integers(-9000, 9000, outputs).astype(np.int32)))
    joined = graph.node("Concat", [steps, graph.node("QLinearConv", operands)], axis=1)
    graph.output(graph.node("QLinearConv", [*of_single_pixels(joined, inner + outputs, 5), of_result, zero]), dtype)


def matmul_of_bytes(random, graph: Graph):
    """MatMulInteger and QLinearMatMul: constant and runtime weights, batches, one row as in classifiers."""
    m, n, k = pick(random, [1, 2, 3, extent(random, 4, 45)]), extent(random, 1, 70), pick(random, [extent(random, 1, 100), 515])
    graph.sizes = dict(M=m, N=n, K=k)
    shape = [*distinct(random, extent(random, 0, 2), 2, 5), m, k]
    dtype = pick(random, [np.uint8, np.int8])
    value, weights = activations(random, shape, dtype), integers(random, [k, n], np.int8)
    if random.random() < 0.6:
        if dtype is np.uint8 and random.random() < 0.6:
            operands = [graph.input(value), graph.constant(whole_bytes(random, [k, n]))]
        else:
            operands = [graph.input(value), graph.constant(weights) if random.random() < 0.8 else graph.input(weights)]
        if random.random() < 0.7:
            operands.append(zero_point(random, graph, dtype, True))
        graph.output(graph.node("MatMulInteger", operands), np.int32)
        return
    operands = quantized_operands(random, graph, value, weights, 1, k)
    graph.output(graph.node("QLinearMatMul", operands), dtype)


FAMILIES = {generator.__name__: generator for generator in (conv_of_bytes, steps_of_bytes, image_of_bytes, winograd_of_bytes,
                                                            matmul_of_bytes, chain_of_bytes, prologue_of_bytes)}
