"""Roundings that show: what is rounded, compared or cast behind a division, a chain of sums and products, or folded weights of halves.

One model of small graphs; numpy computes them op by op in the type of the model, and integers that come of it have to be the same. Where
docs/decisions/0009-exact-arithmetic.md lets a rewrite round differently, floats are compared within the tolerance.
"""
import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

import compare
import nncc
from random_ops import Graph

F32, F16 = np.float32, np.float16
DIVISORS = (3, 7, 41, 49, 255, 0.013)
ROUND = F32(1.5 * 2**23)


class Cases:
    """Graphs of one model and what they should give."""

    def __init__(self):
        self.graph, self.expected = Graph(), {}

    def add(self, idea: str, result: str, value):
        """Names a result."""
        value = np.asarray(value)
        self.graph.node("Identity", [result])
        self.graph.nodes[-1].output[0] = idea
        self.graph.output(idea, value.dtype)
        self.expected[idea] = value

    def op(self, name, *operands, **attributes):
        """A node whose operands are names or constants."""
        return self.graph.node(name, [v if isinstance(v, str) else self.graph.constant(v) for v in operands], **attributes)


def quotients(cases: Cases):
    """Multiples of a divisor, and what lies beside them: floor, ceil, cast, comparison, remainder, ties of quantization."""
    for number in DIVISORS:
        c = F32(number)
        values = (np.arange(-64, 65, dtype=F32) * c).astype(F32)
        values = np.concatenate([values, np.nextafter(values, F32(np.inf)), np.nextafter(values, F32(-np.inf))])
        x = cases.graph.input(values)
        quotient = values / c
        cases.add(f"floor of x / {number}", cases.op("Floor", cases.op("Div", x, c)), np.floor(quotient))
        cases.add(f"ceil of x / {number}, reshaped and negated",
                  cases.op("Ceil", cases.op("Neg", cases.op("Reshape", cases.op("Div", x, c), np.array([-1, 3])))),
                  np.ceil(-quotient.reshape(-1, 3)))
        cases.add(f"cast of x / {number}", cases.op("Cast", cases.op("Div", x, c), to=TensorProto.INT64), np.trunc(quotient).astype(np.int64))
        cases.add(f"x / {number} = y", cases.op("Equal", cases.op("Div", x, c), np.round(quotient)), quotient == np.round(quotient))
        whole = np.floor(quotient) * c
        rest = cases.op("Sub", x, cases.op("Mul", cases.op("Floor", cases.op("Div", x, c)), c))
        cases.add(f"x - floor(x / {number}) * {number} = 0", cases.op("Equal", rest, F32(0)), values - whole == 0)
        cases.add(f"floor of x * {number} + 0.3", cases.op("Floor", cases.op("Add", cases.op("Mul", x, c), F32(0.3))), np.floor(values * c + F32(0.3)))
        ties = ((np.arange(-100, 100, dtype=F32) + F32(0.5)) * c).astype(F32)
        cases.add(f"quantized by {number}", cases.op("QuantizeLinear", cases.graph.input(ties), c, np.int8(0)),
                  np.clip(np.rint(ties / c), -128, 127).astype(np.int8))
        cases.add(f"x / {number} + 1", cases.op("Add", cases.op("Div", x, c), F32(1)), quotient + F32(1))


def means(cases: Cases):
    """Means of equal integers are that integer."""
    for count in (7, 41, 49):
        values = np.repeat(np.arange(-20, 21, dtype=F32)[:, None], count, 1)
        x = cases.graph.input(values)
        norm = cases.op("LayerNormalization", x, np.ones(count, F32), np.full(count, 3, F32), epsilon=1e-12)
        cases.add(f"layer normalization of {count} equal", norm, np.full_like(values, 3))
        cases.add(f"floor of the mean of {count}", cases.op("Floor", cases.op("ReduceMean", x, axes=[1], keepdims=0)), values[:, 0])
        total = cases.op("ReduceSum", x, np.array([1]), keepdims=0)
        cases.add(f"floor of the sum of {count} / {count}", cases.op("Floor", cases.op("Div", total, F32(count))), values[:, 0])
        cases.add(f"floor of the sum of {count} * 1/{count}", cases.op("Floor", cases.op("Mul", total, F32(1 / count))),
                  np.floor(values.sum(1) * F32(1 / count)))


def chains(cases: Cases):
    """Sums that round, products that leave the range."""
    values = np.array([0, 0.4, 0.5, 0.6, 1.5, -2.5, 1e-6, 7.25], F32)
    x = cases.graph.input(values)
    cases.add("rounded by adding", cases.op("Sub", cases.op("Add", x, ROUND), ROUND), (values + ROUND) - ROUND)
    weights = np.diag(np.ones(8, F32))
    product = cases.op("MatMul", cases.op("Reshape", x, np.array([1, 8])), weights)
    cases.add("a product rounded by adding", cases.op("Sub", cases.op("Add", product, ROUND), ROUND), ((values + ROUND) - ROUND).reshape(1, 8))
    big = np.array([0, 1e-30, -1e-38, 1e-25], F32)
    with np.errstate(over="ignore"):
        for a, b in ((1e25, 1e25), (1e25, 1e-25), (1e-25, 1e25)):
            cases.add(f"x * {a} * {b}", cases.op("Mul", cases.op("Mul", cases.graph.input(big), F32(a)), F32(b)), big * F32(a) * F32(b))
    half = np.array([0, 0.5, 0.001, -0.25], F16)
    cases.add("half * 256 * 256", cases.op("Mul", cases.op("Mul", cases.graph.input(half), F16(256)), F16(256)), half * F16(256) * F16(256))
    least = np.array([-np.inf, 0, 4, np.inf], F32)
    cases.add("x^0.5", cases.op("Pow", cases.graph.input(least), F32(0.5)), np.array([np.inf, 0, 2, np.inf], F32))


def halves(cases: Cases):
    """Scales behind contractions of halves, whose product with the weights is no half."""
    values = np.array([[0.01, 0.02, -0.03, 0.04]], F16)
    weights = np.full([4, 3], 300, F16)
    cases.add("half product * 300", cases.op("Mul", cases.op("MatMul", cases.graph.input(values), weights), F16(300)),
              ((values.astype(F32) @ weights.astype(F32)).astype(F16) * F16(300)))
    for alpha in (1e-6, 3.0, 1e5):
        left, right, c = F16([[0.01, 0.02, 0.03]]) * F16(1 / alpha if alpha > 1 else 100), F16([[0.5, 2], [1, 3], [2, 1]]), F16([0.25, -0.5])
        wide = F32(alpha) * (left.astype(F32) @ right.astype(F32)) + F32(alpha / 8) * c.astype(F32)
        for name, b in (("constant", right), ("computed", cases.graph.input(right))):
            cases.add(f"half {name} product * {alpha}", cases.op("Gemm", cases.graph.input(left), b, c, alpha=alpha, beta=alpha / 8), wide.astype(F16))
    image = np.linspace(-0.01, 0.02, 18, dtype=F32).astype(F16).reshape(1, 2, 3, 3)
    filters = np.array([[200, 100], [50, -200]], F16).reshape(2, 2, 1, 1)
    scale, shift, mean, variance = F16([40, 2]), F16([1, 0]), F16([0, 0.5]), F16([0.01, 1])
    sums = np.einsum("oi,nihw->nohw", filters[:, :, 0, 0].astype(F32), image.astype(F32))
    factor = (scale.astype(F32) / np.sqrt(variance.astype(F32) + F32(1e-5))).reshape(1, 2, 1, 1)
    normal = (sums - mean.astype(F32).reshape(1, 2, 1, 1)) * factor + shift.astype(F32).reshape(1, 2, 1, 1)
    convolved = cases.op("Conv", cases.graph.input(image), filters)
    cases.add("half batch normalization", cases.op("BatchNormalization", convolved, scale, shift, mean, variance), normal.astype(F16))
    large = np.array([[300, -400, 250, 100]], F16)
    cases.add("half instance normalization", cases.op("InstanceNormalization", cases.graph.input(large[None]), F16([2]), F16([0])),
              (2 * (large - large.astype(F32).mean()) / large.astype(F32).std()).astype(F16)[None])
    cases.add("half from int32", cases.op("DequantizeLinear", cases.graph.input(np.array([100000, -100000, 5], np.int32)), F16(0.01)),
              (np.array([100000, -100000, 5], F32) * F32(F16(0.01))).astype(F16))


def difference(got: np.ndarray, expected: np.ndarray) -> str | None:
    """What is wrong with a result: integers and booleans exactly, floats that are whole numbers or special ones, too."""
    if expected.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            exact = np.array_equal(expected, np.round(expected), equal_nan=True)
        if not exact:
            return compare.difference(got, expected)
    return None if np.array_equal(got, expected, equal_nan=expected.dtype.kind == "f") else f"{got.ravel()[:8]}, expected {expected.ravel()[:8]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    nncc.add_machine_arguments(parser)
    options = parser.parse_args()
    cases = Cases()
    for family in (quotients, means, chains, halves):
        family(cases)
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="nncc-exact-") as scratch:
        model = Path(scratch) / "exact.onnx"
        onnx.save(cases.graph.model(), model)
        for program in nncc.machines(options):
            outputs = program.run(model, cases.graph.inputs).outputs
            for idea, expected in cases.expected.items():
                if problem := difference(outputs[idea], expected):
                    wrong += 1
                    print(f"FAIL {program.target} {idea}: {problem}")
    print(f"{len(cases.expected)} ideas, {wrong} wrong")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
