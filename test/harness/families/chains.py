"""Two or three ops that a rewrite might make one: what they compute together is what they compute one after the other."""
import numpy as np
from onnx import TensorProto

from families.node import BF16, BOOL, EXACT, FLOATS, FUNCTION, INTS, ROUNDED, extents, maybe, values
from random_ops import pick


def chains(random, node):
    """Quotients that are rounded, constants that meet, scales behind weights."""
    pick(random, [quotient, quotient, constants, constants, scaled])(random, node)


def quotient(random, node):
    """A quotient by a constant, then what makes an integer or a truth of it: the next float below a whole number is another answer."""
    dtype = np.dtype(pick(random, [np.float32, np.float32, np.float64]))
    divisor = int(random.integers(1, 1000)) if maybe(random, 0.8) else float(np.float32(random.uniform(0.01, 3)))
    count = int(random.integers(3, 60))
    multiples = random.integers(-200, 200, count)
    value = np.asarray(multiples * divisor if maybe(random, 0.7) else multiples * divisor / 2).astype(dtype)
    x, c = node.input(value), node.constant(np.array(divisor, dtype))
    result = node.node("Div", [x, c])
    then = pick(random, ["Floor", "Ceil", "Round", "Cast", "Equal", "Less", "Mod", "Sub"])
    if then == "Cast":
        node.result(then, [result], np.int64, to=TensorProto.INT64)
    elif then in ("Equal", "Less"):
        if node.opset < 11:  # Equal of floats is from then on
            then = "Less"
        node.result(then, [result, node.constant(multiples.astype(dtype))], BOOL)
    elif then == "Mod":
        whole = node.node("Floor", [result])
        # The product and the difference may round once together.
        node.result("Sub", [x, node.node("Mul", [whole, c])], dtype, ROUNDED, float(np.abs(value).max()))
    elif then == "Sub":
        node.result(then, [result, node.node("Floor", [result])], dtype)
    else:
        if then == "Round" and node.opset < 11:
            then = "Floor"
        node.result(then, [result], dtype)


def constants(random, node):
    """(x op a) op b: sums and products of a and b may round and overflow where the steps do not."""
    dtype = np.dtype(pick(random, [np.float32, np.float32, np.float32, np.float64, np.float16, BF16, np.int32, np.int64, np.uint8, np.int8]))
    shape = extents(random, 0, 3)
    if dtype in INTS:
        first, second = (values(random, dtype, [], True) for _ in range(2))
        value, ops = values(random, dtype, shape, True), ["Add", "Sub", "Mul"]
        slack, scale = EXACT, 0.0
    else:
        big = {2: [1.5, 256.0, 0.125], 4: [1e25, 1e-25, 12582912.0, 1e4, 3.0], 8: [1e200, 1e-200, 6755399441055744.0, 3.0]}[dtype.itemsize]
        first, second = (np.array(pick(random, big)).astype(dtype) for _ in range(2))
        value, ops = values(random, dtype, shape, False, -2, 2), ["Add", "Sub", "Mul", "Div"]
        slack, scale = 2 * ROUNDED, 0.0
        node.halves = 3.0
    op = pick(random, ["sum", "product"])
    chosen = [pick(random, [o for o in ops if (o in ("Add", "Sub")) == (op == "sum")]) for _ in range(2)]
    if op == "sum" and dtype not in INTS:
        # The rounding idiom and its like: nothing may be lost, so both steps round as they stand.
        chosen, slack, scale = ["Add", "Sub"], EXACT if dtype.itemsize > 2 else ROUNDED, 0.0
        second = first
        node.halves = 1.0
        if dtype.itemsize == 2:
            first = second = np.array(2.0).astype(dtype)
            scale = 2000.0
    inner = node.node(chosen[0], [node.input(value), node.constant(first)])
    node.result(chosen[1], [inner, node.constant(second)], dtype, slack, scale)


def scaled(random, node):
    """A product of matrices or a convolution, and a scale, a shift or a normalization behind it, of values that 16 bits can just hold."""
    dtype = np.dtype(pick(random, [np.float16, np.float16, np.float32, BF16] if node.opset >= 13 else [np.float16, np.float32]))
    large = pick(random, [1.0, 30.0, 300.0])
    n, k = pick(random, [1, 2, 5, 8]), pick(random, [1, 3, 4, 9])
    if maybe(random):
        x = node.input(values(random, dtype, [3, k], False, 0.001, 0.01))
        inner = node.node("MatMul", [x, node.constant(values(random, dtype, [k, n], False, 0.5 * large, large))])
        channels = [n]
    else:
        x = node.input(values(random, dtype, [1, k, 3, 2], False, 0.001, 0.01))
        inner = node.node("Conv", [x, node.constant(values(random, dtype, [n, k, 1, 1], False, 0.5 * large, large))])
        channels = [n, 1, 1]
    node.halves = 4.0
    then = pick(random, ["Mul", "Mul", "Div", "Add", "BatchNormalization"])
    if then == "BatchNormalization" and len(channels) == 3:
        kind = np.float32 if node.opset >= 15 and dtype == BF16 else dtype
        vectors = [node.constant(values(random, kind, [n], False, low, high)) for low, high in ((1, 40), (-1, 1), (-1, 1), (0.01, 2))]
        node.result(then, [inner, *vectors], dtype, 4 * FUNCTION, 40.0)
        return
    factor = values(random, dtype, channels, False, 0.5 * large, large)
    if then == "Div":
        factor = (1 / factor.astype(np.float32)).astype(dtype)
    node.result(then if then != "BatchNormalization" else "Mul", [inner, node.constant(factor)], dtype, 4 * FUNCTION)
