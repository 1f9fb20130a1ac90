"""Functions of single elements, comparisons, choices and casts."""
import numpy as np
from onnx import helper

from families.node import (ANY, BF16, BOOL, EXACT, FLOATS, FUNCTION, INTS, ROUNDED, broadcast, extents, maybe, tensor_type, values)
from random_ops import pick

# Range of arguments, and how exact.
UNARY = {
    "Abs": (-4, 4, EXACT), "Neg": (-4, 4, EXACT), "Floor": (-9, 9, EXACT), "Ceil": (-9, 9, EXACT), "Round": (-9, 9, EXACT),
    "Sign": (-4, 4, EXACT), "Relu": (-4, 4, EXACT), "Identity": (-4, 4, EXACT), "ThresholdedRelu": (-4, 4, EXACT),
    "IsNaN": (-4, 4, EXACT), "IsInf": (-4, 4, EXACT), "Dropout": (-4, 4, EXACT), "Exp": (-60, 60, FUNCTION), "Log": (0, 50, FUNCTION),
    "Sqrt": (0, 90, ROUNDED), "Reciprocal": (-3, 3, ROUNDED), "Erf": (-4, 4, FUNCTION), "Sin": (-40, 40, FUNCTION),
    "Cos": (-40, 40, FUNCTION), "Tan": (-1.5, 1.5, FUNCTION), "Asin": (-1, 1, FUNCTION), "Acos": (-1, 1, FUNCTION),
    "Atan": (-9, 9, FUNCTION), "Sinh": (-9, 9, FUNCTION), "Cosh": (-9, 9, FUNCTION), "Tanh": (-9, 9, FUNCTION), "Asinh": (-9, 9, FUNCTION),
    "Acosh": (1, 9, FUNCTION), "Atanh": (-1, 1, FUNCTION), "Sigmoid": (-30, 30, FUNCTION), "LeakyRelu": (-4, 4, ROUNDED),
    "Elu": (-4, 4, FUNCTION), "Celu": (-4, 4, FUNCTION), "HardSigmoid": (-4, 4, ROUNDED), "HardSwish": (-5, 5, ROUNDED),
    "Mish": (-9, 9, FUNCTION), "Softplus": (-30, 30, FUNCTION), "Softsign": (-9, 9, ROUNDED), "Selu": (-4, 4, FUNCTION),
    "Gelu": (-5, 5, FUNCTION), "Swish": (-9, 9, FUNCTION), "Shrink": (-4, 4, ROUNDED)}
# Sums of parts of size one: near their zeros the error is relative to those.
SUMS = ("Sin", "Cos", "Acos", "Log", "Gelu", "Mish", "Swish", "HardSigmoid", "Softplus", "Selu", "Elu", "Celu", "Tan", "Sinh", "Asinh",
        "Acosh", "HardSwish", "Shrink")


def unary_float(random, node):
    """Functions of one float, with all of their attributes."""
    op = pick(random, list(UNARY))
    low, high, slack = UNARY[op]
    dtype = pick(random, FLOATS)
    if op == "HardSwish" and dtype == np.float64:
        raise ValueError("both oracles have 1/6 in f32")
    attributes = {}
    if op in ("LeakyRelu", "Elu", "Celu", "ThresholdedRelu", "Swish") and maybe(random):
        attributes["alpha"] = float(np.float32(random.uniform(0.1, 2)))
    if op == "HardSigmoid" and maybe(random):
        attributes |= {"alpha": 0.3, "beta": 0.4}
    if op == "Selu" and maybe(random):
        attributes |= {"alpha": 1.5, "gamma": 1.25}
    if op == "Gelu" and maybe(random):
        attributes["approximate"] = pick(random, ["tanh", "none"])
    if op == "Shrink":
        attributes |= {"bias": pick(random, [0.0, 0.5, 1.5]), "lambd": pick(random, [0.5, 1.25])}
    if op == "IsInf" and maybe(random):
        attributes |= {"detect_negative": pick(random, [0, 1]), "detect_positive": pick(random, [0, 1])}
    value = values(random, dtype, extents(random), node.special or op in ("IsNaN", "IsInf"), low, high)
    if op in ("Sin", "Cos", "Tan"):  # which are right up to 1e18
        value = np.where(np.isfinite(value) & (np.abs(value.astype(np.float64)) > 1e18), dtype.type(1000), value)
    node.result(op, [node.operand(value)], BOOL if op in ("IsNaN", "IsInf") else dtype, slack, 1.0 if op in SUMS else 0.0, **attributes)


def unary_int(random, node):
    """Functions of one integer or boolean."""
    op = pick(random, ["Abs", "Neg", "Sign", "Relu", "Identity", "BitwiseNot", "Not", "Shrink"])
    dtype = BOOL if op == "Not" else pick(random, INTS)
    attributes = {"bias": 1.0, "lambd": 2.0} if op == "Shrink" else {}
    special = node.special and op != "Shrink"  # whose bias the reference adds in f64
    node.result(op, [node.operand(values(random, dtype, extents(random), special))], dtype, **attributes)


def two(random, node, dtype, low=-4, high=4, other=None, **how):
    """Two operands that broadcast, sometimes one tensor twice."""
    first, second = broadcast(random, **how)
    a = node.operand(values(random, dtype, first, node.special, low, high))
    if other is None and maybe(random, 0.06):
        return [a, a]
    return [a, node.operand(values(random, other or dtype, second, node.special, low, high))]


def binary_float(random, node):
    """Arithmetic on floats, with broadcasting both ways."""
    op = pick(random, ["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Mod", "PRelu", "Sum", "Mean"])
    dtype = pick(random, FLOATS)
    if op == "Pow":
        exponent = pick(random, [dtype, dtype, *INTS, np.dtype(np.float64)])
        special, (first, second) = node.special, broadcast(random)
        base = node.operand(values(random, dtype, first, special, 0 if exponent == dtype else -3, 3))
        power = np.asarray(pick(random, [0, 1, 2, 3, -1, 0.5]) if maybe(random) else values(random, exponent, second, False, -2, 3))
        if exponent.kind in "iu":
            power = np.maximum(power.astype(np.float64), np.iinfo(exponent).min)
        node.result(op, [base, node.operand(power.astype(exponent))], dtype, FUNCTION)
    elif op == "PRelu":
        node.result(op, two(random, node, dtype, one_way=True), dtype, ROUNDED)
    elif op == "Mod":
        operands = [node.operand(values(random, dtype, shape, False, *limits))
                    for shape, limits in zip(broadcast(random), ((-9, 9), (0.5, 4)))]
        node.result(op, operands, dtype, fmod=1)
    else:
        slack = EXACT if op in ("Max", "Min") else ROUNDED
        node.result(op, two(random, node, dtype), dtype, slack, 4.0 if op in ("Add", "Sub", "Sum", "Mean") else 0.0)


def binary_int(random, node):
    """Arithmetic on integers: they wrap. Divisors are not 0, nor -1 where a quotient could overflow."""
    op = pick(random, ["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Mod", "BitShift", "PRelu"])
    dtype = pick(random, INTS)
    first, second = broadcast(random, one_way=op == "PRelu")
    a, b = values(random, dtype, first, node.special), values(random, dtype, second, node.special)
    attributes = {}
    if op in ("Div", "Mod"):
        b = np.where((b == 0) | (b == np.array(-1).astype(dtype)), np.array(3, dtype), b).astype(dtype)
    if op == "Mod":
        attributes["fmod"] = pick(random, [0, 1])
    if op == "BitShift":
        b = (np.abs(b.astype(np.int64)) % (8 * dtype.itemsize)).astype(dtype)
        attributes["direction"] = pick(random, ["LEFT", "RIGHT"])
    if op == "Pow":
        a, b = values(random, dtype, first, False, -3, 3), values(random, dtype, second, False, 0, 4)
    node.result(op, [node.operand(a), node.operand(b)], dtype, **attributes)


def compare(random, node):
    """Comparisons, logic and bits."""
    op = pick(random, ["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor", "BitwiseAnd", "BitwiseOr", "BitwiseXor"])
    if op in ("And", "Or", "Xor"):
        node.result(op, two(random, node, BOOL), BOOL)
    elif op.startswith("Bitwise"):
        dtype = pick(random, INTS)
        node.result(op, two(random, node, dtype), dtype)
    else:
        dtype = pick(random, ANY if op == "Equal" else (*FLOATS, *INTS))
        first, second = broadcast(random)
        operands = [node.operand(values(random, dtype, shape, node.special, -2, 2)) for shape in (first, second)]
        node.result(op, operands, BOOL)


def choose(random, node):
    """Where, Clip, and Max, Min, Sum, Mean of one to four operands."""
    op = pick(random, ["Where", "Where", "Clip", "Clip", "Clip", "Max", "Min", "Sum", "Mean"])
    dtype = pick(random, ANY if op == "Where" else (*FLOATS, *INTS))
    if op == "Where":
        condition, first, second = broadcast(random, 3)
        operands = [node.operand(values(random, BOOL, condition)), *(node.operand(values(random, dtype, s, node.special)) for s in (first, second))]
        node.result(op, operands, dtype)
    elif op == "Clip":
        value = node.operand(values(random, dtype, extents(random), node.special))
        low, high = sorted(values(random, dtype, [2], False, -3, 3))
        if maybe(random, 0.2):
            low, high = (np.array(np.iinfo(dtype).min, dtype), np.array(np.iinfo(dtype).max, dtype)) if dtype.kind in "iu" else (low, np.array(np.inf, dtype))
        if maybe(random, 0.1) and node.opset >= 13:
            low, high = high, low
        kept = pick(random, ["both", "low", "high", "none"])
        if node.opset < 11:
            attributes = {"min": float(low)} if kept in ("both", "low") else {}
            attributes |= {"max": float(high)} if kept in ("both", "high") else {}
            node.result(op, [value], dtype, ROUNDED if dtype == np.float16 or dtype == BF16 else EXACT, **attributes)
            return
        operands = [value, node.operand(np.array(low, dtype)) if kept in ("both", "low") else ""]
        operands += [node.operand(np.array(high, dtype))] if kept in ("both", "high") else []
        node.result(op, operands[:1] if kept == "none" else operands, dtype)
    else:
        shapes = broadcast(random, int(random.integers(1, 5)))
        operands = [node.operand(values(random, dtype, shape, node.special)) for shape in shapes]
        node.result(op, operands, dtype, EXACT if op in ("Max", "Min") else 2 * ROUNDED, 4.0 if op in ("Sum", "Mean") else 0.0)


def cast(random, node):
    """Every type to every other. Floats stay within the range of integers: beyond it the standard says nothing."""
    source, target = pick(random, ANY), pick(random, ANY)
    shape = extents(random)
    value = values(random, source, shape, node.special, -100, 100)
    if source in FLOATS and target in INTS:
        info = np.iinfo(target)
        most = {8: 2.0**62, 4: 2.0**30}.get(target.itemsize, float(info.max))
        value = values(random, source, shape, False, max(info.min, -300), min(info.max, 300))
        if node.special and source in (np.float32, np.float64):
            value = random.uniform(max(info.min, -most), most, shape).astype(source)
        if info.min == 0:
            value = np.abs(value)
    if source == np.float64 and maybe(random, 0.3) and target in FLOATS:
        value = random.uniform(-1e5, 1e5, shape)
    if node.opset >= 15 and maybe(random, 0.3):
        like = node.operand(values(random, target, [2]))
        node.result("CastLike", [node.operand(value), like], target)
    else:
        node.result("Cast", [node.operand(value)], target, to=tensor_type(target))
