"""Sums over a million values of one sign are right to 2e-6: reductions, pooling, normalizations, products, running sums.

Every sum reads the same million numbers in another shape. They are random once, and once all the same, where the roundings of a plain
sum all go one way. The reference is numpy in f64.
"""
import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import nncc

COUNT = 1_000_000
LIMIT = 2e-6
EPSILON = 1e-5


def normalized(x, axes):
    """What layer and instance normalization make of x."""
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + EPSILON)


def windows(x, kernel, strides):
    """All windows of an NCHW tensor, as two more dims."""
    return np.lib.stride_tricks.sliding_window_view(x, kernel, (2, 3))[:, :, ::strides[0], ::strides[1]]


def sums():
    """(op, shape that x is seen in, attributes, further operands, reference): operands are constants, or "x" for x again."""
    ones = np.ones
    axes = lambda *numbers: [np.array(numbers, np.int64)]
    yield "ReduceSum", (1, COUNT), {}, axes(1), lambda x: x.sum(1, keepdims=True)
    yield "ReduceSum", (COUNT, 1), {}, axes(0), lambda x: x.sum(0, keepdims=True)
    yield "ReduceSum", (125_000, 8), {}, axes(0), lambda x: x.sum(0, keepdims=True)
    yield "ReduceMean", (1, 400, 500, 5), {}, axes(1, 2), lambda x: x.mean((1, 2), keepdims=True)
    yield "ReduceMean", (1, 4, 500, 500), {}, axes(2, 3), lambda x: x.mean((2, 3), keepdims=True)
    yield "ReduceL1", (100, 4, 2500), {}, axes(0, 2), lambda x: np.abs(x).sum((0, 2), keepdims=True)
    yield "ReduceL2", (2, 500_000), {}, axes(1), lambda x: np.sqrt((x * x).sum(1, keepdims=True))
    yield "ReduceSumSquare", (500_000, 2), {}, axes(0), lambda x: (x * x).sum(0, keepdims=True)
    yield "ReduceLogSumExp", (1, COUNT), {}, axes(1), lambda x: np.log(np.exp(x).sum(1, keepdims=True))
    yield "CumSum", (1, COUNT), {}, axes(1), lambda x: np.cumsum(x, 1)
    yield "CumSum", (200_000, 5), {}, axes(0), lambda x: np.cumsum(x, 0)
    yield "GlobalAveragePool", (1, 4, 400, 625), {}, [], lambda x: x.mean((2, 3), keepdims=True)
    yield ("AveragePool", (1, 4, 400, 625), {"kernel_shape": [300, 301], "strides": [100, 300]}, [],
           lambda x: windows(x, (300, 301), (100, 300)).mean((-2, -1)))
    yield ("AveragePool", (1, 10, 250, 400), {"kernel_shape": [9, 10], "strides": [8, 9]}, [],
           lambda x: windows(x, (9, 10), (8, 9)).mean((-2, -1)))
    yield ("LpPool", (1, 10, 250, 400), {"kernel_shape": [40, 11], "strides": [70, 90]}, [],
           lambda x: np.sqrt((windows(x, (40, 11), (70, 90)) ** 2).sum((-2, -1))))
    yield "Softmax", (1, COUNT), {"axis": 1}, [], lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True)
    yield "Softmax", (200_000, 5), {"axis": 0}, [], lambda x: np.exp(x) / np.exp(x).sum(0, keepdims=True)
    yield "LayerNormalization", (2, 500_000), {}, [ones(500_000, np.float32)], lambda x: normalized(x, (1,))
    yield "InstanceNormalization", (1, 4, 500, 500), {}, [ones(4, np.float32), 0 * ones(4, np.float32)], lambda x: normalized(x, (2, 3))
    yield "MatMul", (1, COUNT), {}, [np.full((COUNT, 1), 0.7, np.float32)], lambda x: 0.7 * x.sum(1, keepdims=True)
    yield "MatMul", (10, 100_000), {}, [np.full((100_000, 1), 0.7, np.float32)], lambda x: 0.7 * x.sum(1, keepdims=True)
    yield "MatMul", (10, 100_000), {}, [np.full((100_000, 3), 0.7, np.float32)], lambda x: 0.7 * x.sum(1, keepdims=True).repeat(3, 1)
    yield "MatMul", (1, COUNT), {}, [np.full((COUNT, 2), 0.7, np.float32)], lambda x: 0.7 * x.sum(1, keepdims=True).repeat(2, 1)
    yield "Gemm", (2, 500_000), {"transB": 1}, [np.full((5, 500_000), 0.7, np.float32)], lambda x: 0.7 * x.sum(1, keepdims=True).repeat(5, 1)
    yield ("Conv", (1, 250, 80, 50), {}, [np.full((2, 250, 80, 50), 0.7, np.float32)],
           lambda x: 0.7 * x.sum((1, 2, 3), keepdims=True).repeat(2, 1))
    yield ("Conv", (1, 4, 400, 625), {"group": 4, "strides": [100, 100]}, [np.full((4, 1, 61, 63), 0.7, np.float32)],
           lambda x: 0.7 * windows(x, (61, 63), (100, 100)).sum((-2, -1)))
    # Windows of which no two see the same part of the signal: these have plain loops.
    part = lambda x: np.lib.stride_tricks.sliding_window_view(np.pad(x, [(0, 0), (0, 0), (1024, 1024)]), 2049, 2)
    yield ("AveragePool", (1, 3, 2000), {"kernel_shape": [2049], "pads": [1024, 1024], "count_include_pad": 1}, [],
           lambda x: part(x).mean(-1))
    yield ("Conv", (1, 3, 2000), {"pads": [1024, 1024]}, [np.full((2, 3, 2049), 0.7, np.float32)],
           lambda x: 0.7 * part(x).sum((1, 3))[:, None].repeat(2, 1))


def make_model(path: Path) -> dict:
    """All sums in one model; the reference of each output."""
    nodes, constants, outputs, references = [], [], [], {}
    for number, (op, shape, attributes, operands, reference) in enumerate(sums()):
        name = f"{op} of {list(shape)} ({number})"
        constants.append(numpy_helper.from_array(np.array(shape, np.int64), f"shape{number}"))
        count = int(np.prod(shape))
        constants += [numpy_helper.from_array(np.array([n], np.int64), f"{what}{number}") for what, n in (("from", 0), ("to", count))]
        nodes.append(helper.make_node("Slice", ["x", f"from{number}", f"to{number}"], [f"part{number}"]))
        nodes.append(helper.make_node("Reshape", [f"part{number}", f"shape{number}"], [f"x{number}"]))
        for i, value in enumerate(operands):
            constants.append(numpy_helper.from_array(value, f"operand{number}_{i}"))
        nodes.append(helper.make_node(op, [f"x{number}", *(f"operand{number}_{i}" for i in range(len(operands)))], [name], **attributes))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
        references[name] = lambda x, shape=shape, reference=reference: reference(x[:np.prod(shape)].reshape(shape))
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [COUNT])]
    graph = helper.make_graph(nodes, "sums", inputs, outputs, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    return references


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    nncc.add_machine_arguments(parser)
    options = parser.parse_args()
    failures = 0
    with tempfile.TemporaryDirectory(prefix="nncc-sums-") as scratch:
        model = Path(scratch) / "sums.onnx"
        references = make_model(model)
        for program in nncc.machines(options):
            for what, x in (("random", np.random.default_rng(1).random(COUNT, np.float32)), ("equal", np.full(COUNT, 0.1, np.float32))):
                got = program.run(model, {"x": x}).outputs
                for name, reference in references.items():
                    want = reference(x.astype(np.float64))
                    # What is normalized is near 0 here and there, and nothing but roundings where all numbers are equal.
                    isNormalized = "Normalization" in name
                    if isNormalized and what == "equal":
                        continue
                    error = np.abs(got[name] - want).max() if isNormalized else np.abs(got[name] / want - 1).max()
                    if error > LIMIT or not np.isfinite(error):
                        failures += 1
                        print(f"FAIL {program.target}, {what} numbers: {name}: error {error:.2e}, at most {LIMIT:g}")
    print(f"{failures} sums are wrong")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
