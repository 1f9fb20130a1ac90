"""Tensors made of shapes and numbers."""
import numpy as np
from onnx import numpy_helper

from families.node import ANY, FLOATS, INTS, ROUNDED, extents, maybe, tensor_type, values
from random_ops import pick


def fill(random, node):
    """ConstantOfShape, Range, EyeLike, Trilu, Shape, Size, Constant."""
    op = pick(random, ["ConstantOfShape", "Range", "EyeLike", "Trilu", "Trilu", "Shape", "Size", "Constant"])
    dtype = pick(random, ANY)
    shape = extents(random, 0, 4, empty=0.1)
    if op == "ConstantOfShape":
        attributes = {"value": numpy_helper.from_array(values(random, dtype, [1], node.special))} if maybe(random, 0.8) else {}
        node.result(op, [node.constant(np.array(shape, np.int64))], dtype if attributes else np.float32, **attributes)
    elif op == "Range":
        dtype = pick(random, [np.float32, np.float64, np.int16, np.int32, np.int64])
        start, step = np.array(random.integers(-9, 9), dtype), np.array(pick(random, [1, 2, 3, -1, -2]), dtype)
        if np.dtype(dtype).kind == "f":
            step = (step * 0.3).astype(dtype)
        if node.special and dtype == np.int64:
            start = np.array(2**62 + 1, dtype)
        limit = (start + step * int(random.integers(-1, 12))).astype(dtype)
        node.result(op, [node.constant(v) for v in (start, limit, step)], dtype, 4 * ROUNDED, 8.0)
    elif op == "EyeLike":
        shape = extents(random, 2, 2, empty=0.05)
        attributes = {"k": int(random.integers(-4, 5))} if maybe(random) else {}
        target = pick(random, ANY)
        attributes |= {"dtype": tensor_type(target)} if maybe(random) else {}
        node.result(op, [node.operand(values(random, dtype, shape))], target if "dtype" in attributes else dtype, **attributes)
    elif op == "Trilu":
        shape = extents(random, 2, 4, empty=0.05)
        operands = [node.operand(values(random, dtype, shape, node.special))]
        operands += [node.constant(np.array(random.integers(-9, 10), np.int64))] if maybe(random, 0.7) else []
        node.result(op, operands, dtype, **({"upper": pick(random, [0, 1])} if maybe(random, 0.7) else {}))
    elif op == "Shape":
        attributes = {}
        if node.opset >= 15 and maybe(random):
            attributes = {"start": int(random.integers(-5, 5)), "end": int(random.integers(-5, 6))}
        node.result(op, [node.operand(values(random, dtype, shape))], np.int64, **attributes)
    elif op == "Size":
        node.result(op, [node.operand(values(random, dtype, shape))], np.int64)
    else:
        form = pick(random, ["value", "value", "value_int", "value_ints", "value_float", "value_floats"]) if node.opset >= 12 else "value"
        if form == "value":
            node.result(op, [], dtype, value=numpy_helper.from_array(values(random, dtype, shape, node.special)))
        else:
            number = [3, -7, 2**40] if "int" in form else [0.5, -2.25]
            node.result(op, [], np.int64 if "int" in form else np.float32, **{form: number if form.endswith("s") else number[0]})
