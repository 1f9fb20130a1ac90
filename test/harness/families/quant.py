"""Quantization, and products of quantized values."""
import numpy as np
from onnx import helper

from families.node import BF16, EXACT, ROUNDED, extents, maybe, tensor_type, values
from families.window import window
from random_ops import pick

BYTES = (np.dtype(np.int8), np.dtype(np.uint8))
SCALES = (0.5, 0.25, 1 / 255, 0.1, 0.0123, 2.0, 1 / 3)


def scales(random, shape, dtype=np.float32) -> np.ndarray:
    """Powers of two, whose quotients tie, and other scales."""
    return np.asarray(random.choice(SCALES, shape)).astype(dtype)


def points(random, dtype, shape, zero: bool = False) -> np.ndarray:
    """Zero points in the middle of a type and at its ends."""
    info = np.iinfo(dtype)
    return np.zeros(shape, dtype) if zero else np.asarray(random.choice([info.min, info.max, 0, 3, info.max // 2], shape)).astype(dtype)


def quantize(random, node):
    """QuantizeLinear and DequantizeLinear, per tensor, per axis and in blocks, with ties, and DynamicQuantizeLinear."""
    op = pick(random, ["QuantizeLinear", "QuantizeLinear", "DequantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"])
    shape = extents(random, 1, 4, empty=0.03 if op != "DynamicQuantizeLinear" else 0.0)
    if op == "DynamicQuantizeLinear":
        value = values(random, np.float32, shape, False, *pick(random, [(-4, 4), (0, 4), (-4, -1), (1, 2)]))
        node.results(op, [node.operand(value)], [np.uint8, np.float32, np.uint8], 2 * ROUNDED)
        return
    real = pick(random, [np.dtype(np.float32)] * 4 + [np.dtype(np.float16), BF16]) if node.opset >= 19 else np.dtype(np.float32)
    kinds = [*BYTES, *BYTES] + ([np.dtype(np.int16), np.dtype(np.uint16)] if node.opset >= 21 else [])
    kind = pick(random, kinds + ([np.dtype(np.int32)] if op == "DequantizeLinear" else []))
    axis = int(random.integers(-len(shape), len(shape)))
    form = pick(random, ["tensor", "tensor", "axis", "blocks"] if node.opset >= 21 else ["tensor", "axis"] if node.opset >= 13 else ["tensor"])
    own, attributes = [], {}
    if form == "axis":
        own, attributes = [shape[axis]], {"axis": axis}
    elif form == "blocks" and shape[axis] > 1:
        block = int(random.integers(1, shape[axis] + 1))
        own = list(shape)
        own[axis] = -(-shape[axis] // block)
        attributes = {"axis": axis, "block_size": block}
    scale = scales(random, own, real)
    if op == "QuantizeLinear":
        source = pick(random, [real, real, np.dtype(np.int32)]) if real == np.float32 and form == "tensor" else real
        value = values(random, source, shape, False, *pick(random, [(-4, 4), (-300, 300)]))
        if source != np.int32 and maybe(random) and form == "tensor":
            value = ((np.round(value) + 0.5) * scale).astype(source)  # ties
        if node.special and source == np.float32:  # of halves both oracles lose infinities
            value = np.where(random.random(shape) < 0.2, np.array(pick(random, [np.inf, -np.inf, 1e30]), np.float32), value).astype(source)
        operands = [node.operand(value), node.operand(scale)]
        if kind != np.uint8 or maybe(random):
            operands.append(node.operand(points(random, kind, own)))
        node.result(op, operands, kind, **attributes)
    else:
        value = values(random, kind, shape, True)
        operands = [node.operand(value), node.operand(scale)]
        if maybe(random, 0.7):
            operands.append(node.operand(points(random, kind, own, kind == np.int32)))
        node.result(op, operands, real, 2 * ROUNDED, **attributes)


def integer_products(random, node):
    """MatMulInteger, ConvInteger, QLinearMatMul, QLinearConv, with zero points of every form."""
    op = pick(random, ["MatMulInteger", "ConvInteger", "QLinearMatMul", "QLinearConv"])
    a_type, b_type = pick(random, BYTES), pick(random, BYTES)
    if op in ("MatMulInteger", "QLinearMatMul"):
        m, k, n = (pick(random, [1, 2, 3, 5, 9, 18]) for _ in range(3))
        batch = extents(random, 0, 2, empty=0.0)
        shapes = [*batch, m, k], ([*batch, k, n] if maybe(random) else [k, n])
        a, b = (node.operand(values(random, t, s, True)) for t, s in zip((a_type, b_type), shapes))
        rows, columns = pick(random, [[], [], [m]]) if not batch else [], pick(random, [[], [], [n]]) if len(shapes[1]) == 2 else []
        if op == "MatMulInteger":
            operands = [a, b]
            form = pick(random, ["none", "a", "b", "both"])
            if form != "none":
                operands.append(node.operand(points(random, a_type, [])) if form in ("a", "both") else "")
            if form in ("b", "both"):
                operands.append(node.operand(points(random, b_type, columns)))
            node.result(op, operands, np.int32)
            return
        y_type = a_type
        operands = [a, node.operand(scales(random, [])), node.operand(points(random, a_type, [])),
                    b, node.operand(scales(random, columns)), node.operand(points(random, b_type, columns)),
                    node.operand(np.asarray(np.float32(random.uniform(1, 40)))), node.operand(points(random, y_type, []))]
        node.result(op, operands, y_type)
        return
    rank = pick(random, [1, 2, 2, 3])
    attributes, kernel, image = window(random, rank)
    group, per_group = pick(random, [1, 1, 2]), pick(random, [1, 2, 3])
    outputs = group * pick(random, [1, 2, 3])
    attributes |= {"group": group} if group > 1 else {}
    x = node.operand(values(random, a_type, [pick(random, [1, 2]), group * per_group, *image], True))
    w = node.operand(values(random, b_type, [outputs, per_group, *kernel], True))
    if op == "ConvInteger":
        operands = [x, w]
        form = pick(random, ["none", "x", "both"])
        if form != "none":
            operands.append(node.operand(points(random, a_type, [])))
        if form == "both":
            operands.append(node.operand(points(random, b_type, pick(random, [[], [outputs]]))))
        node.result(op, operands, np.int32, **attributes)
        return
    own = pick(random, [[], [outputs]])
    y_type = a_type
    operands = [x, node.operand(scales(random, [])), node.operand(points(random, a_type, [])), w, node.operand(scales(random, own)),
                node.operand(points(random, b_type, own)), node.operand(np.asarray(np.float32(random.uniform(1, 40)))),
                node.operand(points(random, y_type, []))]
    if maybe(random):
        operands.append(node.operand(random.integers(-500, 500, [outputs]).astype(np.int32)))
    node.result(op, operands, y_type, **attributes)
