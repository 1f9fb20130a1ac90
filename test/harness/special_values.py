"""What docs/numerics.md promises of NaN, subnormal numbers, very large angles, and integers at the ends of their ranges: on each target.

NaN stays NaN in every maximum and minimum, in windows of every form that the compiler has code for. Integers wrap, and divisions by zero
and shifts by the width have results. The reference is numpy, or Python's own integers.
"""
import argparse
import sys
import tempfile
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
from onnx import helper, numpy_helper

import nncc

FLOATS = (np.float32, np.float16, np.float64, ml_dtypes.bfloat16)
INTEGERS = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64)


def numbers(shape, dtype, seed) -> np.ndarray:
    """Random numbers of both signs, one of 23 of them NaN or infinite."""
    random = np.random.default_rng(seed)
    x = random.standard_normal(shape).astype(dtype)
    flat = x.reshape(-1)
    places = random.permutation(flat.size)[:max(flat.size // 23, 3)]
    flat[places] = np.resize(np.array([np.nan, np.inf, -np.inf, np.nan], dtype), places.size)
    return x


def windows(x, kernel, strides, dilations=None, pads=0) -> np.ndarray:
    """The largest elements of the windows of an N, C, spatial tensor."""
    rank = len(kernel)
    dilations = dilations or [1] * rank
    x = np.pad(x, [(0, 0)] * 2 + [(pads, pads)] * rank, constant_values=-np.inf)
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations)]
    view = np.lib.stride_tricks.sliding_window_view(x, spans, tuple(range(2, 2 + rank)))
    view = view[(slice(None),) * 2 + tuple(slice(None, None, s) for s in strides) + tuple(slice(None, None, d) for d in dilations)]
    return view.max(tuple(range(-rank, 0)))


def wrapped(values, dtype) -> np.ndarray:
    """Integers of Python modulo 2^n."""
    bits, low = np.iinfo(dtype).bits, int(np.iinfo(dtype).min)
    return np.array([(v - low) % (1 << bits) + low for v in values], dtype)


def quotient(a: int, b: int) -> int:
    """Toward zero; by zero it is a."""
    return a if b == 0 else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def integer_cases():
    """The same as `cases`, of integers."""
    random = np.random.default_rng(2)
    for dtype in INTEGERS:
        low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
        edges = [low, low + 1, 0, 1, 2, high - 1, high, *([-1, -2] if low else [3])]
        x = np.array([a for a in edges for _ in edges] + [int(v) for v in random.integers(low, high, 50, dtype)], dtype)
        y = np.array([b for _ in edges for b in edges] + [int(v) for v in random.integers(max(low, -9), 9, 50)], dtype)
        pairs = [(int(a), int(b)) for a, b in zip(x, y)]
        every = lambda function: wrapped([function(a, b) for a, b in pairs], dtype)
        yield "Add", x, {}, [y], every(lambda a, b: a + b), 0
        yield "Sub", x, {}, [y], every(lambda a, b: a - b), 0
        yield "Mul", x, {}, [y], every(lambda a, b: a * b), 0
        yield "Div", x, {}, [y], every(quotient), 0
        yield "Mod", x, {}, [y], every(lambda a, b: a % b if b else a), 0
        yield "Mod", x, {"fmod": 1}, [y], every(lambda a, b: a - quotient(a, b) * b), 0
        if low:
            yield "Neg", x, {}, [], every(lambda a, b: -a), 0
            yield "Abs", x, {}, [], every(lambda a, b: abs(a)), 0
        else:
            bits = np.iinfo(dtype).bits
            yield "BitShift", x, {"direction": "LEFT"}, [y], every(lambda a, b: a << b if b < bits else 0), 0
            yield "BitShift", x, {"direction": "RIGHT"}, [y], every(lambda a, b: a >> b if b < bits else 0), 0


def flushes(program) -> bool:
    """Whether contractions for a machine take subnormal numbers for zeros."""
    return program.target.startswith("x86_64")


def subnormal_cases():
    """As `cases`; where the result is one, the second is that of machines whose contractions take subnormal numbers for zeros."""
    for dtype, tolerance in ((np.float32, 2.0 ** -23), (np.float64, 2.0 ** -52)):
        tiny = np.finfo(dtype).tiny / dtype(1024)
        small = np.arange(-3, 4, dtype=dtype) * tiny  # each a whole number of the smallest steps
        for op, operands, want in (("Add", [small[::-1]], small * 0), ("Mul", [np.full(7, 2, dtype)], 2 * small), ("Abs", [], abs(small)),
                                   ("Sign", [], np.sign(small)), ("Ceil", [], np.ceil(small)), ("Sqrt", [], np.sqrt(np.maximum(small, 0)))):
            yield op, np.maximum(small, 0) if op == "Sqrt" else small, {}, operands, want, tolerance
        rows, columns = 5, 19
        normal = (np.arange(rows * columns, dtype=dtype) % 13 + 1).reshape(rows, columns)
        weights = np.full((columns, 11), tiny, dtype)
        yield "MatMul", normal, {}, [weights], (normal @ weights, np.zeros((rows, 11), dtype)), tolerance
        mixed = np.where(np.arange(columns)[:, None] % 2, weights, dtype(1))  # what is lost does not show beside the rest
        yield "MatMul", normal, {}, [mixed], normal @ mixed, 8 * tolerance
        image = (np.arange(6 * 8 * 9, dtype=dtype) % 11 + 1).reshape(1, 6, 8, 9)
        taps = np.full((4, 6, 1, 1), tiny, dtype)
        sums = np.broadcast_to(image.sum(1, keepdims=True) * tiny, (1, 4, 8, 9))
        yield "Conv", image, {}, [taps], (sums, 0 * sums), 8 * tolerance
        yield "Conv", image, {"group": 6}, [taps[0].reshape(6, 1, 1, 1)], (image * tiny, 0 * image), tolerance


def cases():
    """(op, input, attributes, further operands, expected, tolerance)"""
    for seed, dtype in enumerate(FLOATS):
        for shape, kernel, strides, dilations, pads in (
                ((1, 19, 13, 17), [3, 3], [1, 1], None, 1), ((1, 8, 13, 17), [3, 3], [2, 2], None, 1), ((2, 5, 12, 14), [2, 2], [2, 2], None, 0),
                ((1, 16, 13, 11), [5, 5], [1, 1], None, 2), ((1, 3, 19, 23), [4, 6], [3, 2], None, 0), ((1, 7, 17, 19), [3, 3], [1, 2], [2, 3], 0),
                ((1, 4, 40, 50), [20, 21], [10, 7], None, 0), ((2, 3, 29), [4], [3], None, 0), ((1, 1, 9), [3], [3], None, 0)):
            x = numbers(shape, dtype, seed)
            attributes = {"kernel_shape": kernel, "strides": strides, "pads": [pads] * 2 * len(kernel), "dilations": dilations or [1] * len(kernel)}
            yield "MaxPool", x, attributes, [], windows(x, kernel, strides, dilations, pads), 0
        x = numbers((2, 5, 7, 9), dtype, seed)
        yield "GlobalMaxPool", x, {}, [], x.max((2, 3), keepdims=True), 0
        for axes in ((1,), (3,), (0, 2), (2, 3)):
            yield "ReduceMax", x, {}, [np.array(axes)], x.max(axes, keepdims=True), 0
            yield "ReduceMin", x, {}, [np.array(axes)], x.min(axes, keepdims=True), 0
        x = x.copy()
        x[0, :, 3, 4] = np.nan  # nothing else: position 0
        first = np.where(np.isnan(x), -np.inf, x).argmax(1)
        yield "ArgMax", x, {"axis": 1, "keepdims": 0}, [], np.where(np.isnan(x).all(1), 0, first), 0
        y = numbers((7, 9), dtype, seed + 10)
        yield "Max", x, {}, [y], np.maximum(x, y), 0
        yield "Min", x, {}, [y], np.minimum(x, y), 0
        yield "Clip", x, {}, [np.array(-0.5, dtype), np.array(0.75, dtype)], np.clip(x, dtype(-0.5), dtype(0.75)), 0
        yield "Clip", x, {}, [np.array(-0.5, dtype)], np.maximum(x, dtype(-0.5)), 0
        yield "Relu", x, {}, [], np.maximum(x, dtype(0)), 0
    random = np.random.default_rng(1)
    for dtype, ulps in ((np.float32, 4 * 2.0 ** -24), (np.float64, 4 * 2.0 ** -53)):
        x = (random.uniform(-1, 1, 301) * 10.0 ** random.uniform(-3, 18, 301)).astype(dtype)
        x[-3:] = 1e18, np.inf, np.nan
        with np.errstate(invalid="ignore"):
            for op, function in (("Sin", np.sin), ("Cos", np.cos), ("Tan", np.tan)):
                yield op, x, {}, [], function(x.astype(np.float64)), ulps


def make_model(path: Path) -> dict:
    """All cases in one model; their inputs, and (expected, tolerance) by the name of the output."""
    nodes, inputs, constants, outputs, values, expected = [], [], [], [], {}, {}
    for number, (op, x, attributes, operands, want, tolerance) in enumerate([*cases(), *subnormal_cases(), *integer_cases()]):
        name, element = f"{op} of {x.dtype}{list(x.shape)}, {attributes} ({number})", helper.np_dtype_to_tensor_dtype(x.dtype)
        values[f"x{number}"] = x
        inputs.append(helper.make_tensor_value_info(f"x{number}", element, x.shape))
        constants += [numpy_helper.from_array(value, f"operand{number}_{i}") for i, value in enumerate(operands)]
        nodes.append(helper.make_node(op, [f"x{number}", *(f"operand{number}_{i}" for i in range(len(operands)))], [name], **attributes))
        exact = want[0] if isinstance(want, tuple) else want
        result = element if exact.dtype.kind in "fV" else helper.np_dtype_to_tensor_dtype(exact.dtype)
        outputs.append(helper.make_tensor_value_info(name, result, exact.shape))
        expected[name] = want, tolerance
    graph = helper.make_graph(nodes, "special", inputs, outputs, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    return values, expected


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    nncc.add_machine_arguments(parser)
    options = parser.parse_args()
    np.seterr(invalid="ignore")  # ml_dtypes warns of NaN
    failures = 0
    with tempfile.TemporaryDirectory(prefix="nncc-special-") as scratch:
        model = Path(scratch) / "special.onnx"
        values, expected = make_model(model)
        for program in nncc.machines(options):
            got = program.run(model, values).outputs
            for name, (want, tolerance) in expected.items():
                if isinstance(want, tuple):
                    want = want[flushes(program)]
                have, want = (v if v.dtype.kind in "iu" else v.astype(np.float64) for v in (got[name], want))
                isRight = have == want if want.dtype.kind in "iu" else np.isclose(have, want, rtol=tolerance, atol=0, equal_nan=True)
                wrong = np.argwhere(~isRight)
                if len(wrong):
                    failures += 1
                    at = tuple(wrong[0])
                    print(f"FAIL {program.target}: {name}: {len(wrong)} elements, first at {list(map(int, at))}: {have[at]!r}, should be {want[at]!r}")
    print(f"{len(expected)} ops, {failures} wrong")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
