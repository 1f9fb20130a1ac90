"""Small graphs whose right values numpy states: kinds of mistakes that compilers make silently.

A case adds nodes to a graph and returns what its outputs have to be. Cases of one opset share a model, which is one more test: an empty
constant must not take the weight that lies behind it. Integers are exact, floats within a rounding of their type.
"""
import argparse
import collections
import math
import sys

import numpy as np
from onnx import numpy_helper

import nncc
from families.node import BF16, FUNCTION, ROUNDED, Node
from random_geometry import Runner

CASES = []


def case(opset: int = 13):
    """Registers a function as a case."""
    def register(function):
        CASES.append((opset, function))
        return function
    return register


def f32(*values) -> np.ndarray:
    return np.array(values, np.float32)


def one(graph: Node, name: str, value: np.ndarray) -> dict:
    """The only output of a case."""
    graph.output(name, value.dtype)
    return {name: value}


@case()
def empty_constant_before_a_convolution(graph):
    """Both constants begin at one offset; only one of them has bytes."""
    rows = graph.node("Gather", [graph.input(np.arange(8, dtype=np.float32).reshape(4, 2)), graph.constant(np.zeros([0], np.int64))])
    weights = np.arange(12, dtype=np.float32).reshape(4, 3)
    x = np.arange(1, 7, dtype=np.float32).reshape(2, 3)
    product = graph.node("MatMul", [graph.input(x), graph.constant(weights.T.copy())])
    graph.output(product)
    return {product: x @ weights.T, **one(graph, rows, np.zeros([0, 2], np.float32))}


@case()
def empty_constant_as_an_output(graph):
    empty = graph.node("Identity", [graph.constant(np.zeros([0, 4], np.float32))])
    kept = graph.node("Identity", [graph.constant(f32(1, 2, 3))])
    graph.output(empty)
    return {empty: np.zeros([0, 4], np.float32), **one(graph, kept, f32(1, 2, 3))}


@case(11)
def dynamic_quantization(graph):
    x = f32(4, 1, 3.5, 2, 7, 0)
    names = graph.node("DynamicQuantizeLinear", [graph.input(x)], results=3)
    scale = np.float32(7) / np.float32(255)
    wanted = [np.round(x / scale).astype(np.uint8), np.array(scale), np.array(0, np.uint8)]
    for name, value in zip(names, wanted):
        graph.output(name, value.dtype)
    return dict(zip(names, wanted))


@case()
def bytes_at_their_ends(graph):
    """16 bits hold the sum of two products of bytes, unless all four are -128."""
    expected = {}
    random = np.random.default_rng(0)
    zero = graph.constant(np.uint8(128))
    for lowest in (-127, -128):
        rows = random.choice(np.uint8([0, 255]), (5, 41))
        rows[0] = 0
        columns = random.choice(np.int8([lowest, 127]), (41, 19))
        columns[:, 0] = lowest
        product = graph.node("MatMulInteger", [graph.input(rows), graph.constant(columns), zero])
        expected |= one(graph, product, (rows.astype(np.int32) - 128) @ columns.astype(np.int32))
        image = random.choice(np.uint8([0, 255]), (1, 9, 5, 6))
        image[0, 0] = 0
        window = random.choice(np.int8([lowest, 127]), (9, 1, 3, 3))
        window[0] = lowest
        swept = graph.node("ConvInteger", [graph.input(image), graph.constant(window), zero], group=9)
        views = np.lib.stride_tricks.sliding_window_view(image.astype(np.int32) - 128, (3, 3), (2, 3))
        expected |= one(graph, swept, np.einsum("nchwij,cij->nchw", views, window[:, 0].astype(np.int32)).astype(np.int32))
    return expected


@case()
def zero_points_for_each_matrix(graph):
    """As many matrices as columns: a zero point for each of either. Less the wrong ones, all weights would be 0."""
    rows = np.full([3, 2, 130], 255, np.uint8)
    zeros = np.array([100, -100, 0], np.int8)
    columns = np.broadcast_to(zeros, [3, 130, 3]).copy()
    weights, of_matrices = graph.constant(columns), graph.constant(zeros.reshape(3, 1, 1))
    sums = rows.astype(np.int32) @ (columns.astype(np.int32) - zeros.reshape(3, 1, 1))
    a, none = graph.input(rows), graph.constant(np.uint8(0))
    product = graph.node("MatMulInteger", [a, weights, none, of_matrices])
    one_scale = graph.constant(np.float32(1))
    scale, zero = graph.constant(np.float32(2**-6)), graph.constant(np.uint8(20))
    steps = graph.node("QLinearMatMul", [a, scale, none, weights, one_scale, of_matrices, one_scale, zero])
    wanted = np.clip(np.rint(sums * 2.0**-6) + 20, 0, 255).astype(np.uint8)
    return {**one(graph, product, sums), **one(graph, steps, wanted)}


@case(18)
def sizes_by_scales_of_floats(graph):
    """Scales are f32, and so is what they make of a dim: 10/3 of 3 is 10, 3/22 of 55 is 7.5, which is rounded up, 7/6 of 27 is less than 31.5."""
    expected = {}
    for dim, size in ((3, 10), (7, 13), (41, 23)):
        x, scale = np.arange(dim, dtype=np.float32), np.float32(size / dim)
        resized = graph.node("Resize", [graph.input(x), "", graph.constant(f32(scale))], mode="nearest", nearest_mode="floor",
                             coordinate_transformation_mode="asymmetric")
        expected |= one(graph, resized, x[(np.arange(size, dtype=np.float32) / scale).astype(int)])
    for height, rows, width, columns in ((22, 3, 55, 8), (6, 7, 27, 31)):
        image = np.arange(height * width, dtype=np.float32).reshape(height, width)
        scale = np.float32(rows) / np.float32(height)
        resized = graph.node("Resize", [graph.input(image), "", "", graph.constant(np.int64([rows, 99]))], mode="nearest", nearest_mode="floor",
                             coordinate_transformation_mode="asymmetric", keep_aspect_ratio_policy="not_larger")
        of_rows, of_columns = ((np.arange(count, dtype=np.float32) / scale).astype(int) for count in (rows, columns))
        expected |= one(graph, resized, image[np.ix_(of_rows, of_columns)])
    return expected


@case()
def largest_integer_as_a_fill(graph):
    fill = graph.node("ConstantOfShape", [graph.constant(np.array([2]))], value=numpy_helper.from_array(np.array([2**63 - 1])))
    chosen = graph.node("Where", [graph.input(np.array([True, False])), graph.input(np.array([5, 6])), fill])
    return one(graph, chosen, np.array([5, 2**63 - 1]))


@case()
def large_integer_as_a_pad(graph):
    operands = [graph.input(np.array([1, 2])), graph.constant(np.array([1, 1])), graph.constant(np.int64(2**62 + 1))]
    return one(graph, graph.node("Pad", operands), np.array([2**62 + 1, 1, 2, 2**62 + 1]))


@case()
def range_of_large_integers(graph):
    first = 2**53
    return one(graph, graph.node("Range", [graph.constant(np.int64(v)) for v in (first, first + 3, 1)]), np.arange(first, first + 3))


@case()
def norm_of_a_row_of_zeros(graph):
    graph.slack = ROUNDED
    return one(graph, graph.node("LpNormalization", [graph.input(f32(0, 0, 0, 3, 4, 0).reshape(2, 3))], axis=1, p=2), f32(0, 0, 0, 0.6, 0.8, 0).reshape(2, 3))


@case(21)
def integers_that_half_does_not_hold(graph):
    x = np.array([100000, -100000, 70000, 5], np.int32)
    graph.slack = ROUNDED
    value = (x * np.float32(np.float16(0.01))).astype(np.float16)
    return one(graph, graph.node("DequantizeLinear", [graph.input(x), graph.constant(np.float16(0.01))]), value)


@case(10)
def nearest_of_a_smaller_image(graph):
    """Positions 0 and 1.67 of the original: opset 10 leaves the rounding open, and models are made for onnxruntime's, up when shrinking."""
    x = np.arange(1, 9, dtype=np.float32).reshape(1, 1, 2, 4)
    return one(graph, graph.node("Resize", [graph.input(x), graph.constant(f32(1, 1, 0.6, 0.6))], mode="nearest"), x[:, :, :1, [0, 2]])


@case()
def largest_of_numbers_and_nan(graph):
    x = f32(1, np.nan, 2, 3, 4, 5, 6, 7, 8).reshape(1, 1, 9)
    pooled = graph.node("MaxPool", [graph.input(x)], kernel_shape=[3], strides=[3])
    reduced = graph.node("ReduceMax", [graph.constant(x)], axes=[2], keepdims=0)
    graph.output(pooled)
    return {pooled: f32(np.nan, 5, 8).reshape(1, 1, 3), **one(graph, reduced, f32(np.nan).reshape(1, 1))}


@case()
def product_with_a_single_column(graph):
    a, b = np.arange(8, dtype=np.float32).reshape(2, 4), f32(1, 2, 3, 4).reshape(4, 1)
    return one(graph, graph.node("Gemm", [graph.input(a), graph.constant(b), graph.constant(np.float32(0.5))]), a @ b + np.float32(0.5))


@case()
def part_without_elements(graph):
    parts = graph.node("Split", [graph.input(f32(1, 2, 3, 4)), graph.constant(np.array([4, 0]))], results=2)
    graph.output(parts[0])
    return {parts[0]: f32(1, 2, 3, 4), **one(graph, parts[1], f32())}


@case()
def slice_of_nothing(graph):
    x = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    return one(graph, graph.node("Slice", [graph.input(x), *(graph.constant(np.array([v])) for v in (6, 2, -1))]), x[:, :, :0])


@case()
def slice_backwards_from_before_the_start(graph):
    """'start values are clamped to [0, dims[axes[i]] - 1]' where steps are negative: one element, not none."""
    x = f32(1, 2, 3)
    return one(graph, graph.node("Slice", [graph.input(x), *(graph.constant(np.array([v])) for v in (-5, -4, 0, -2))]), x[:1])


@case()
def error_function_of_doubles(graph):
    graph.slack = FUNCTION
    x = np.array([-1.5, 0.25, 3])
    return one(graph, graph.node("Erf", [graph.input(x)]), np.array([math.erf(v) for v in x]))


@case()
def powers_by_large_exponents(graph):
    """All bits of an exponent count, of constants and inputs."""
    x, y = np.array([0, 2, 3, -3, 1], np.int32), np.array([64, 128, 2**30 + 1, 67, -2**31], np.int32)
    want = np.array([(pow(int(a), int(b), 2**32) + 2**31) % 2**32 - 2**31 if b > 0 else 1 for a, b in zip(x, y)], np.int32)
    folded = graph.node("Pow", [graph.constant(x), graph.constant(y)])
    graph.output(folded, np.int32)
    return {folded: want, **one(graph, graph.node("Pow", [graph.input(x), graph.input(y)]), want)}


@case(15)
def crop_that_keeps_the_extent(graph):
    """The first and the last position are those of the region, also where as many pixels come out as go in."""
    graph.slack = ROUNDED
    operands = [graph.constant(v) for v in (f32(0, 0.25, 1, 0.75), f32(), np.array([1, 3]))]
    resized = graph.node("Resize", [graph.input(f32(0, 4, 6).reshape(1, 3)), *operands], mode="linear",
                         coordinate_transformation_mode="tf_crop_and_resize")
    return one(graph, resized, f32(2, 4, 5).reshape(1, 3))


@case(10)
def bytes_of_a_single_channel(graph):
    """Nothing is written behind the last of them, where vectors end in the middle."""
    x, w = np.arange(27, dtype=np.uint8).reshape(1, 3, 9), np.ones([1, 3, 2], np.int8)
    scale, zero = graph.constant(np.float32(1)), graph.constant(np.uint8(0))
    operands = [graph.input(x), scale, zero, graph.constant(w), scale, graph.constant(np.int8(0)), graph.constant(np.float32(2)), zero,
                graph.constant(np.zeros([1], np.int32) + 2)]
    sums = np.pad(x.sum(1, keepdims=True), [(0, 0), (0, 0), (1, 0)])
    return one(graph, graph.node("QLinearConv", operands, pads=[1, 0]), np.round((sums[..., 1:] + sums[..., :-1]) / 2 + 1).astype(np.uint8))


@case(22)
def brain_floats_of_three_channels(graph):
    """Vectors of them are filled and stored in parts."""
    x, w, bias = np.arange(8).reshape(1, 2, 4), np.array([1, 2, 3, 4, 5, 6]).reshape(2, 3, 1), np.array([1, 2, 3])
    sums = (w[:, :, 0].T @ x[0] + bias[:, None])[None].astype(BF16)
    product = graph.node("ConvTranspose", [graph.input(v.astype(BF16)) for v in (x, w, bias)])
    graph.slack = ROUNDED
    return one(graph, product, sums)


@case()
def hardmax_of_nothing(graph):
    return one(graph, graph.node("Hardmax", [graph.input(np.zeros([3, 0], np.float32))]), np.zeros([3, 0], np.float32))


@case()
def product_of_no_terms(graph):
    product = graph.node("MatMul", [graph.input(np.zeros([2, 0], np.float32)), graph.constant(np.zeros([0, 3], np.float32))])
    return one(graph, product, np.zeros([2, 3], np.float32))


@case()
def length_of_integers(graph):
    x = np.arange(6, dtype=np.int32).reshape(2, 3)
    return one(graph, graph.node("ReduceL2", [graph.input(x)], axes=[1]), np.array([[2], [7]], np.int32))


@case(17)
def statistics_of_halves(graph):
    """The mean that a normalization returns has the type that it is computed in."""
    x = np.array([[0.125, -0.25, 0.5, 1], [1, 2, 3, 5]], np.float16)
    y, mean = graph.node("LayerNormalization", [graph.input(x), graph.constant(np.ones([4], np.float16))], results=2)
    graph.slack = FUNCTION
    wide = x.astype(np.float32)
    average = wide.mean(1, keepdims=True)
    graph.output(y, np.float16)
    return {y: ((wide - average) / np.sqrt(wide.var(1, keepdims=True) + 1e-5)).astype(np.float16), **one(graph, mean, average)}


@case(20)
def gelu_by_tanh_in_f64(graph):
    """sqrt(2 / pi) and 0.044715 are f64 as well."""
    x = np.array([-4.5, -2.25, -0.7, -0.0, 0.3, 1, 2.670930943993161, 9])
    graph.slack, graph.scale = FUNCTION, 1.0
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return one(graph, graph.node("Gelu", [graph.input(x)], approximate="tanh"), 0.5 * x * (1 + np.tanh(inner)))


@case(20)
def gelu_by_erf_in_f64(graph):
    x = np.array([-4.5, -2.25, -0.7, -0.0, 0.3, 1, 2.670930943993161, 9])
    graph.slack, graph.scale = FUNCTION, 1.0
    wanted = np.array([0.5 * v * math.erfc(-v / math.sqrt(2)) for v in x])
    return one(graph, graph.node("Gelu", [graph.input(x)]), wanted)


@case(21)
def group_normalization_in_f64(graph):
    """A mean, a variance and quotients in f64, whatever the stash_type."""
    x = np.sin(np.arange(2 * 4 * 5, dtype=np.float64) * 1.7).reshape(2, 4, 5)
    scale, bias = np.array([1, 0.3, -2, 0.5]), np.array([0.1, 0, 1, -0.5])
    graph.slack, graph.scale = FUNCTION, 4.0
    y = graph.node("GroupNormalization", [graph.input(v) for v in (x, scale, bias)], num_groups=2, epsilon=0.125)
    rows = x.reshape(2, 2, 10)
    normal = ((rows - rows.mean(2, keepdims=True)) / np.sqrt(rows.var(2, keepdims=True) + 0.125)).reshape(x.shape)
    return one(graph, y, normal * scale[:, None] + bias[:, None])


@case(23)
def attention_in_f64(graph):
    """The scale multiplies scores as it is given: its root has no finite number of digits."""
    q, k, v = (np.sin(np.arange(rows * columns) * step).reshape(1, 1, rows, columns) for rows, columns, step in ((2, 3, 1.7), (5, 3, 2.3), (5, 4, 0.9)))
    graph.slack, graph.scale = FUNCTION, 1.0
    y = graph.node("Attention", [graph.input(x) for x in (q, k, v)], scale=0.125)
    weights = np.exp(0.125 * q @ k.swapaxes(2, 3))
    return one(graph, y, weights / weights.sum(3, keepdims=True) @ v)


@case(21)
def quantized_in_blocks_beyond_integers(graph):
    """What no 32-bit integer holds saturates; NaN is the lowest value."""
    x = f32(1e30, np.inf, -1e30, -np.inf, np.nan, 5e9, 2, 3)[:, None].repeat(3, 1)
    results = {}
    for dtype in (np.uint16, np.int16, np.uint8, np.int8):
        info = np.iinfo(dtype)
        operands = [graph.input(x), graph.input(np.full([4, 3], 0.5, np.float32)), graph.input(np.full([4, 3], 3, dtype))]
        y = graph.node("QuantizeLinear", operands, axis=0, block_size=2)
        column = np.array([info.max, info.max, info.min, info.min, info.min, info.max, 7, 9], dtype)
        results |= one(graph, y, column[:, None].repeat(3, 1))
    return results


@case(20)
def grid_of_f64(graph):
    """Positions with more digits than f32 holds, between two pixels of a row."""
    x = np.array([[3.0, 1e6, -5, 8]]).reshape(1, 1, 1, 4)
    places = np.array([0.125 + 2.0 ** -40, 1.5, 1.75 - 2.0 ** -36, 2.5])
    grid = np.stack([places * 2 / 3 - 1, 0 * places], -1).reshape(1, 1, 4, 2)
    graph.slack, graph.scale = ROUNDED, 1e6
    y = graph.node("GridSample", [graph.input(x), graph.input(grid)], mode="linear", align_corners=1)
    return one(graph, y, np.interp(places, np.arange(4), x.ravel()).reshape(1, 1, 1, 4))


@case(19)
def nearest_at_whole_positions(graph):
    """3 elements become 11: element 5 lies at 5.5 * 3 / 11 - 0.5 = 1."""
    x = f32(10, 20, 30)
    y = graph.node("Resize", [graph.input(x), "", "", graph.constant(np.array([11]))], coordinate_transformation_mode="half_pixel_symmetric",
                   mode="nearest", nearest_mode="floor")
    return one(graph, y, x[[0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2]])


@case()
def bytes_between_pixels(graph):
    """What lies between integers is cut off: 10.75 and 14.25, -9.25."""
    x = np.array([10, 15, -11, -4], np.int8)
    y = graph.node("Resize", [graph.input(x), "", graph.constant(f32(2))], mode="linear")
    return one(graph, y, np.array([10, 11, 13, 8, -4, -9, -5, -4], np.int8))


@case()
def written_out_functions_of_large_numbers(graph):
    """exp(x) / sum(exp(x)) and relu(x) + a (x - |x|) / 2 are a softmax and a leaky rectifier, also where the nodes overflow."""
    x = graph.input(np.array([[200, 200, 200, 200], [np.inf, -2, 3e38, -3e38]], np.float32))
    exponentials = graph.node("Exp", [x])
    softmax = graph.node("Div", [exponentials, graph.node("ReduceSum", [exponentials, graph.constant(np.array([-1]))])])
    below = graph.node("Mul", [graph.node("Sub", [x, graph.node("Abs", [x])]), graph.constant(f32(0.25))])
    below = graph.node("Mul", [below, graph.constant(f32(0.5))])
    leaky = graph.node("Add", [graph.node("Relu", [x]), below])
    graph.output(softmax)
    return {softmax: np.array([[0.25] * 4, [np.nan] * 4], np.float32),
            **one(graph, leaky, np.array([[200] * 4, [np.inf, -0.5, 3e38, -7.5e37]], np.float32))}


@case()
def tables_of_all_bytes(graph):
    """Distances and negatives of bytes: in whole registers, and in a rest of every length of 2^n."""
    x = (np.arange(256 + 127) * 37 % 256).astype(np.uint8)
    signed = x.view(np.int8)

    def steps(x, zero, function, zero_of_result):
        value = graph.node("DequantizeLinear", [graph.input(x), graph.constant(np.float32(0.5)), graph.constant(zero)])
        y = graph.node("QuantizeLinear", [graph.node(function, [value]), graph.constant(np.float32(0.5)), graph.constant(zero_of_result)])
        graph.output(y, zero_of_result.dtype)
        return y

    distance = np.abs(x.astype(int) - 128).astype(np.uint8)
    negative = np.minimum(-signed.astype(int), 127).astype(np.int8)
    return {steps(x, np.uint8(128), "Abs", np.uint8(0)): distance, steps(signed, np.int8(0), "Neg", np.int8(0)): negative}


@case(18)
def sums_of_updates_in_16_bits(graph):
    """An update reads and writes an element of the result, which has 16 bits: each one rounds, at run time and in folding."""
    expected = {}
    for dtype in (np.dtype(np.float16), BF16):
        data, updates = np.array([0.363281, 1, 2]).astype(dtype), np.array([-2, 1.953125, 1 / 3, 3.0078125]).astype(dtype)
        where = np.array([0, 0, 2, 0])
        right = data.copy()
        for i, update in zip(where, updates):
            right[i] = right[i] + update
        for held in (graph.input, graph.constant):
            elements = graph.node("ScatterElements", [held(data), held(where), held(updates)], reduction="add")
            tuples = graph.node("ScatterND", [held(data), held(where[:, None]), held(updates)], reduction="add")
            expected |= one(graph, elements, right) | one(graph, tuples, right)
    return expected


@case()
def einsum_of_diagonals_and_of_dims_of_one(graph):
    """An index that repeats in an operand is a diagonal; one of size 1 broadcasts to that of another operand."""
    x, y, z = (np.arange(1, 1 + np.prod(s), dtype=np.float32).reshape(s) for s in ([2, 3, 3], [1, 3], [2, 2, 2]))
    expected = {}
    for equation, operands in (("bii->ib", [x]), ("bii,bi->b", [x, y]), ("iii", [z]), ("...i,ci->...c", [x, y]), ("bij,bj->bi", [x, y])):
        name = graph.node("Einsum", [graph.input(operand) for operand in operands], equation=equation)
        expected |= one(graph, name, np.asarray(np.einsum(equation, *operands)))
    return expected


@case(14)
def lengths_of_sequences_in_both_directions(graph):
    """In reverse a row begins at its last step: what lies behind is 0, and the initial state is that of its first step."""
    steps, lengths, initial = 3, np.array([2, 3], np.int32), np.array([[[5], [7]], [[1], [2]]], np.float32)
    x = np.arange(1, 7, dtype=np.float32).reshape(steps, 2, 1)
    ones = graph.constant(np.ones([2, 1, 1], np.float32))
    y, h = graph.node("RNN", [graph.input(x), ones, ones, "", graph.input(lengths), graph.input(initial)], results=2, hidden_size=1,
                      direction="bidirectional", activations=["Relu", "Relu"])
    sums, last = np.zeros([steps, 2, 2, 1], np.float32), initial.copy()
    for direction, order in enumerate((range(steps), reversed(range(steps)))):
        for t in order:
            for row in range(2):
                if t < lengths[row]:
                    last[direction, row] += x[t, row]
                    sums[t, direction, row] = last[direction, row]
    return one(graph, y, sums) | one(graph, h, last)


@case(12)
def positions_of_maxima(graph):
    """Pads are never the largest, of the lowest values either; in a volume positions count planes, too."""
    expected = {}
    lowest, volume = np.zeros([2, 3], np.uint8), np.random.default_rng(0).permutation(24).astype(np.float32).reshape(2, 3, 4)
    for x, pads in ((lowest, 1), (volume, 0)):
        for column_major in (0, 1):
            order = "F" if column_major else "C"
            positions = np.arange(x.size).reshape(x.shape, order=order)
            values = np.full(np.array(x.shape) + 2 * pads, -1.0)
            inner = tuple(slice(pads, pads + size) for size in x.shape)
            values[inner], padded = x, np.zeros(values.shape, np.int64)
            padded[inner] = positions
            views = [np.lib.stride_tricks.sliding_window_view(a, [2] * x.ndim).reshape(*(s - 1 for s in a.shape), -1) for a in (values, padded)]
            right = np.take_along_axis(views[1], np.argmax(views[0], -1)[..., None], -1)[..., 0]
            y, where = graph.node("MaxPool", [graph.input(x[None, None])], results=2, kernel_shape=[2] * x.ndim, pads=[pads] * 2 * x.ndim,
                                  storage_order=column_major)
            expected |= one(graph, y, views[0].max(-1).astype(x.dtype)[None, None]) | one(graph, where, right[None, None])
    return expected


@case(18)
def blocks_of_images(graph):
    """Blocks that lie apart or over each other; what is infinite stays where it is."""
    expected = {}
    # image, block, strides, dilations
    for image, block, strides, dilations in (([7], [2], [2], [2]), ([3, 5], [2, 3], [1, 2], [1, 1]), ([2, 3, 4], [1, 2, 2], [1, 1, 3], [1, 2, 1])):
        counts = [(i - d * (b - 1) - 1) // s + 1 for i, b, s, d in zip(image, block, strides, dilations)]
        x = np.arange(1, 1 + 2 * np.prod(block + counts), dtype=np.float32).reshape([1, 2, *block, *counts])
        x.flat[0] = np.inf
        y = np.zeros([1, 2, *image], np.float32)
        for step in np.ndindex(*block):
            under = tuple(slice(k * d, k * d + (n - 1) * s + 1, s) for k, d, n, s in zip(step, dilations, counts, strides))
            y[(0, slice(None), *under)] += x[(0, slice(None), *step)]
        operands = [graph.input(x.reshape(1, 2 * np.prod(block), -1)), graph.constant(np.array(image)), graph.constant(np.array(block))]
        expected |= one(graph, graph.node("Col2Im", operands, strides=strides, dilations=dilations), y)
    return expected


@case(9)
def nothing_but_empty_results(graph):
    """The only case of its opset: the whole model has no element to compute, and no kernel."""
    expected = {}
    for op, shape in (("Relu", [0, 3]), ("Identity", [1, 0])):
        expected |= one(graph, graph.node(op, [graph.input(np.zeros(shape, np.float32))]), np.zeros(shape, np.float32))
    return expected


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    nncc.add_machine_arguments(parser, "both")
    options = parser.parse_args()
    made = collections.defaultdict(list)
    for opset, function in CASES:
        graph = Node(f"{function.__name__}_", np.random.default_rng(0), opset)
        made[opset].append((graph, {name: [value] for name, value in function(graph).items()}))
    wrong = 0
    for program in nncc.machines(options):
        runner = Runner(program, None)
        found = [fault for cases in made.values() for fault in runner.faults(cases, "cases")]
        for (graph, _), why in found:
            print(f"  FAIL {program.target.split('-')[0]} {graph.prefix.rstrip('_')}: {why}")
        wrong += len(found)
        print(f"exact values {program.target.split('-')[0]}: {len(CASES) - len(found)} of {len(CASES)} right", flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
