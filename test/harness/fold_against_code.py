"""What is folded at compile time is what the code computes: every foldable op on the same data, once as constants, once as inputs.

All element types, with NaN, infinities, signed zeros, subnormal numbers and the ends of every type. The same bits (a NaN is a NaN,
and either zero may win a minimum or maximum); functions that run as polynomials within 4 units in the last place (Gelu: of its
operand), sums within 1e-6.
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

OPSET = 21
BF16 = np.dtype(ml_dtypes.bfloat16)
FLOATS = [np.dtype(t) for t in (np.float32, np.float64, np.float16)] + [BF16]
SIGNED = [np.dtype(t) for t in (np.int8, np.int16, np.int32, np.int64)]
UNSIGNED = [np.dtype(t) for t in (np.uint8, np.uint16, np.uint32, np.uint64)]
INTEGERS, NUMBERS, BOOL = SIGNED + UNSIGNED, FLOATS + SIGNED + UNSIGNED, np.dtype(bool)
EXACT, EITHER_ZERO, SUM = "the same bits", "the same bits, zeros alike", "1e-6"
POWER = "1e-13"  # of f64: passes/lower/MathFunctions.h
CLOSE, GATED = "4 units in the last place", "4 units in the last place of the operand"


def values(dtype: np.dtype, few: bool = False) -> np.ndarray:
    """The numbers of a type that are special, and some that are not; `few` of them for pairs of all."""
    if dtype == BOOL:
        return np.array([False, True])
    random = np.random.default_rng(7)
    if dtype.kind in "iu":
        ends = np.iinfo(dtype)
        special = [0, 1, 2, 3, 7, 63, 64, ends.max, ends.max - 1, ends.min, ends.min + 1] + ([-1, -2, -7] if ends.min else [])
        more = [] if few else random.integers(ends.min, ends.max, 20, dtype, endpoint=True).tolist()
        return np.array(special + more, dtype)
    ends = ml_dtypes.finfo(dtype)
    special = [0.0, -0.0, 1, -1, 0.5, 2.5, -2.5, 41, -7.25, np.nan, np.inf, -np.inf, float(ends.max), -float(ends.max),
               float(ends.smallest_normal), float(ends.smallest_subnormal), 255, 1e-3]
    more = [] if few else [1.5, -0.5, 0.49999997, 127.5, -128.5, 300, 65520, -70000, 2.0**24 + 2, 2.0**31, -2.0**31 - 4096, 2.0**32,
                           2.0**53 + 2, 2.0**63, -2.0**63, 2.0**64, 1e10, -1e19, 1e-20] + random.uniform(-20, 20, 20).tolist()
    with np.errstate(over="ignore"):
        return np.array(special + more, np.float64).astype(dtype)


class Cases:
    """Pairs of nodes, one on initializers and one on inputs of the same values."""

    def __init__(self):
        self.nodes, self.weights, self.ports, self.outputs, self.inputs = [], [], [], [], {}
        self.rules: dict[str, tuple[str, np.ndarray]] = {}
        self.known: dict[bytes, int] = {}

    def operand(self, value: np.ndarray) -> int:
        """The number of an array: `c<number>` is the initializer, `x<number>` the input."""
        key = value.tobytes() + str((value.dtype, value.shape)).encode()
        if key not in self.known:
            number = self.known[key] = len(self.known)
            kind = helper.np_dtype_to_tensor_dtype(value.dtype)
            raw = helper.make_tensor(f"c{number}", kind, value.shape, value.tobytes(), raw=True)
            self.weights.append(raw)
            self.ports.append(helper.make_tensor_value_info(f"x{number}", kind, value.shape))
            self.inputs[f"x{number}"] = value
        return self.known[key]

    def add(self, rule: str, op: str, operands: list, constants: list = (), result=None, **attributes):
        """An op on operands that are folded or read, and on constants that always are."""
        numbers = [self.operand(np.ascontiguousarray(value)) for value in operands]
        extra = []
        for value in constants:
            extra.append(f"k{len(self.weights)}")
            self.weights.append(numpy_helper.from_array(np.asarray(value), extra[-1]))
        name = f"{len(self.rules)}: {op}({', '.join(str(value.dtype) for value in operands)}) {attributes or ''}"
        self.rules[name] = rule, operands[0]
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(result or operands[-1].dtype))
        for letter in "cx":
            output = f"{letter} {name}"
            names = [f"{letter}{number}" for number in numbers]
            self.nodes.append(helper.make_node(op, names + extra, [output], **attributes))
            self.outputs.append(helper.make_tensor_value_info(output, kind, None))

    def run(self, tester: nncc.Nncc) -> int:
        """How many pairs differ, after printing the first difference of each."""
        graph = helper.make_graph(self.nodes, "fold", self.ports, self.outputs, self.weights)
        with tempfile.TemporaryDirectory(prefix="nncc-fold-") as scratch:
            path = Path(scratch) / "fold.onnx"
            onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10), path)
            got = tester.run(path, self.inputs).outputs
            kernels = {result.get("tensor") for kernel in tester.compile(path, Path(scratch) / "out").manifest["kernels"]
                       for result in kernel["results"] if kernel["op"] != "copy"}
        wrong = 0
        for name, (rule, operand) in self.rules.items():
            if f"c {name}" in kernels:
                print(f"FAIL {tester.target} {name}: not folded")
                wrong += 1
            elif fault := difference(got[f"c {name}"], got[f"x {name}"], rule, operand):
                print(f"FAIL {tester.target} {name}: {fault}")
                wrong += 1
        return wrong


def difference(folded: np.ndarray, run: np.ndarray, rule: str, operand: np.ndarray) -> str | None:
    """How a folded result differs from a computed one, in words."""
    if folded.dtype != run.dtype or folded.shape != run.shape:
        return f"{folded.dtype}{folded.shape} folded, {run.dtype}{run.shape} computed"
    if folded.dtype.kind == "V":  # as .npy files hold bf16
        folded, run = folded.view(BF16), run.view(BF16)
    if folded.dtype.kind in "iub":
        unequal = folded != run
    else:
        a, b = folded.astype(np.float64), run.astype(np.float64)
        ends = ml_dtypes.finfo(folded.dtype)
        unequal = ~((a == b) & ((np.signbit(a) == np.signbit(b)) | (rule != EXACT)) | np.isnan(a) & np.isnan(b))
        with np.errstate(invalid="ignore", over="ignore"):
            if rule in (CLOSE, GATED):
                # What is no normal number may be 0.
                scale = np.abs(b) if rule == CLOSE else np.maximum(np.abs(b), np.abs(operand.astype(np.float64)))
                unit = np.maximum(scale * float(ends.eps), float(ends.smallest_normal))
                unequal &= ~(np.abs(a - b) <= 4 * unit)
            elif rule in (SUM, POWER):
                unequal &= ~(np.abs(a - b) <= max(float(rule), float(ends.eps)) * np.abs(b))
    if not unequal.any():
        return None
    at = tuple(int(i) for i in np.argwhere(unequal)[0])
    return f"{int(unequal.sum())} of {folded.size} differ ({rule}), first at {list(at)}: {folded[at]!r} folded, {run[at]!r} computed"


def unary() -> Cases:
    cases = Cases()
    for dtype in FLOATS:
        x = values(dtype)
        for op in ("Abs", "Neg", "Sqrt", "Reciprocal", "Floor", "Ceil", "Round", "Sign", "Softsign"):
            cases.add(EXACT, op, [x])
        for op in ("IsNaN", "IsInf"):
            cases.add(EXACT, op, [x], result=BOOL)
        cases.add(EITHER_ZERO, "Relu", [x])
        cases.add(EITHER_ZERO, "Clip", [x], [np.array(-1.5, dtype), np.array(2, dtype)])
        cases.add(EXACT, "LeakyRelu", [x], alpha=0.3)
        cases.add(EXACT, "ThresholdedRelu", [x], alpha=1.0)
        moderate = x[np.isnan(x) | (np.abs(x.astype(np.float64)) < 2.0**20)]
        for op in ("Sin", "Cos", "Tan"):
            cases.add(CLOSE, op, [moderate])
        for op in ("Exp", "Log", "Erf", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Tanh", "Asinh", "Acosh", "Atanh", "Sigmoid", "Softplus",
                   "Elu", "Selu", "Celu", "HardSigmoid", "HardSwish", "Mish"):
            cases.add(CLOSE, op, [x])
        for approximate in ("none", "tanh"):
            cases.add(GATED, "Gelu", [x], approximate=approximate)
    for dtype in INTEGERS:
        for op in ("Abs", "Sign", "Relu", "BitwiseNot") + (("Neg",) if dtype in SIGNED else ()):
            cases.add(EXACT, op, [values(dtype)])
    cases.add(EXACT, "Not", [values(BOOL)])
    return cases


def binary() -> Cases:
    cases = Cases()
    for dtype in NUMBERS:
        x = values(dtype, few=True)
        pair = [x[:, None], x[None]]
        for op in ("Add", "Sub", "Mul", "Div"):
            cases.add(EXACT, op, pair)
        for op in ("Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal"):
            cases.add(EXACT, op, pair, result=BOOL)
        for op in ("Min", "Max"):
            cases.add(EITHER_ZERO, op, pair)
        cases.add(EXACT, "Mod", pair, fmod=1)
        if dtype in FLOATS:
            cases.add(POWER if dtype == np.float64 else CLOSE, "Pow", pair)
            cases.add(EXACT, "PRelu", [np.repeat(pair[0], len(x), 1), pair[1]])
            continue
        cases.add(EXACT, "Pow", pair)
        cases.add(EXACT, "Mod", pair, fmod=0)
        for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
            cases.add(EXACT, op, pair)
        if dtype in UNSIGNED:
            for direction in ("LEFT", "RIGHT"):
                cases.add(EXACT, "BitShift", pair, direction=direction)
    for op in ("And", "Or", "Xor", "Equal"):
        cases.add(EXACT, op, [values(BOOL)[:, None], values(BOOL)[None]], result=BOOL)
    return cases


def casts() -> Cases:
    cases = Cases()
    for source in NUMBERS + [BOOL]:
        for target in NUMBERS + [BOOL]:
            if source != target:
                cases.add(EXACT, "Cast", [values(source)], result=target, to=helper.np_dtype_to_tensor_dtype(target))
    return cases


def others() -> Cases:
    """Layout, indices, choices and reductions."""
    cases = Cases()
    for dtype in NUMBERS + [BOOL]:
        x = np.resize(values(dtype), (3, 4, 5))
        i = np.array([[3, -1], [0, 2]], np.int64)
        cases.add(EXACT, "Transpose", [x], perm=[2, 0, 1])
        cases.add(EXACT, "Slice", [x], [np.array([2, 0]), np.array([-9, 5]), np.array([0, 2]), np.array([-1, 2])])
        cases.add(EXACT, "Concat", [x, x[:, :2]], axis=1)
        cases.add(EXACT, "Expand", [x[:, :1]], [np.array([3, 2, 5])])
        cases.add(EXACT, "Tile", [x], [np.array([1, 2, 3])])
        cases.add(EXACT, "Pad", [x], [np.array([0, 1, 2, 1, 0, 1]), values(dtype)[-1]])
        for mode in ("reflect", "edge", "wrap"):
            cases.add(EXACT, "Pad", [x], [np.array([0, 1, 2, 1, 0, 1])], mode=mode)
        cases.add(EXACT, "Where", [np.resize([True, False, False], (1, 4, 1)), x, x[:1]])
        cases.add(EXACT, "Gather", [i, x][::-1], result=dtype, axis=1)
        cases.add(EXACT, "GatherElements", [x, np.resize(i, (3, 2, 5))], result=dtype, axis=1)
        cases.add(EXACT, "GatherND", [x, np.array([[2, 3], [-1, 0]])], result=dtype)
        cases.add(EXACT, "ScatterND", [x, np.array([[2, 3], [-1, 0]]), x[0, :2]])
        cases.add(EXACT, "ScatterElements", [x, np.resize(i, (3, 2, 5)) % 2 - np.array([[[2], [0]]]), x[:, :2]], axis=1)
        if dtype == BOOL:
            continue
        for how in ("add", "mul"):
            cases.add(SUM if dtype in FLOATS else EXACT, "ScatterND", [x, np.array([[2, 3], [-1, 0]]), x[0, :2]], reduction=how)
        for how in ("min", "max"):
            cases.add(EITHER_ZERO, "ScatterND", [x, np.array([[2, 3], [-1, 0]]), x[0, :2]], reduction=how)
        for op in ("ReduceMax", "ReduceMin"):
            cases.add(EITHER_ZERO, op, [x], [np.array([1])])
        finite = np.resize(np.arange(-9, 12), (3, 4, 5)).astype(dtype)
        rule = SUM if dtype in FLOATS else EXACT
        for op in ("ReduceSum", "ReduceProd", "ReduceL1", "ReduceSumSquare", "ReduceMean"):
            cases.add(rule, op, [finite], [np.array([0, 2])])
        cases.add(rule, "CumSum", [finite], [np.array(1)])
        cases.add(rule, "CumSum", [finite], [np.array(2)], exclusive=1, reverse=1)
        if dtype in FLOATS:
            for op in ("ReduceL2", "ReduceLogSum", "ReduceLogSumExp"):
                cases.add(CLOSE, op, [np.abs(finite)], [np.array([0, 2])])
    return cases


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    nncc.add_machine_arguments(parser, "both")
    parser.add_argument("--family", choices=("unary", "binary", "casts", "others"), help="one family only")
    options = parser.parse_args()
    wrong = count = 0
    for family in (unary, binary, casts, others):
        if options.family in (None, family.__name__):
            cases = family()
            for program in nncc.machines(options):
                wrong += cases.run(program)
                count += len(cases.rules)
    print(f"{count - wrong} of {count} pairs alike")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
