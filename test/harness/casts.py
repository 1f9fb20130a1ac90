"""Casts between all pairs of types: the value that docs/numerics.md states, on each target, and no call of a library.

Float to integer: toward zero, the end of the range where that is outside, 0 for NaN. Integer to integer: modulo 2^n. To a float: rounded
once, to the nearest, ties to even. To a boolean: whether it is not zero. The reference is exact arithmetic in Python.
bfloat16, which numpy does not have, enters and leaves as the f32 of its value.
"""
import argparse
import math
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

import nncc

INTEGERS = {f"{sign}int{bits}": (sign == "", bits) for sign in ("", "u") for bits in (8, 16, 32, 64)}
FLOATS = {"float16": (11, 15), "bfloat16": (8, 127), "float32": (24, 127), "float64": (53, 1023)}  # bits of precision, greatest exponent
TYPES = [*INTEGERS, *FLOATS, "bool"]
LENGTH = 203  # whole vectors of every width, shorter ones, and single elements
MAY_NEED = {"memcpy", "memset", "memmove"}


def onnx_type(name: str) -> int:
    return getattr(TensorProto, {"float32": "FLOAT", "float64": "DOUBLE"}.get(name, name.upper()))


def carrier(name: str) -> str:
    """The numpy type in which values of a type enter and leave."""
    return "float32" if name == "bfloat16" else name


def rounded(value: Fraction, precision: int, greatest: int) -> float:
    """The nearest float of a format, ties to even, as f64."""
    if value == 0:
        return 0.0
    exponent = math.floor(math.log2(abs(value)))  # of a fraction: right but for rounding, which the next lines mend
    while abs(value) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    while abs(value) < Fraction(2) ** exponent:
        exponent -= 1
    unit = Fraction(2) ** (max(exponent, 1 - greatest) - precision + 1)
    result = round(value / unit) * unit  # of a fraction: ties to even
    if abs(result) >= Fraction(2) ** (greatest + 1):
        return math.copysign(math.inf, value)
    return float(result)


def cast(value, target: str):
    """What an element (int, float or bool of Python) becomes."""
    if target == "bool":
        return value != 0
    if target in FLOATS:
        if isinstance(value, float) and (not math.isfinite(value) or value == 0):
            return value
        return rounded(Fraction(value), *FLOATS[target])
    is_signed, bits = INTEGERS[target]
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if is_signed else (0, (1 << bits) - 1)
    if isinstance(value, float):
        if math.isnan(value):
            return 0
        return max(low, min(high, math.trunc(value) if math.isfinite(value) else (high if value > 0 else low)))
    return (int(value) - low) % (1 << bits) + low


def values_of(source: str, random) -> list:
    """Elements around every edge: ends of ranges, ties, infinities, NaN. The first and the last ones lie in tails."""
    if source == "bool":
        return [bool(v) for v in random.integers(0, 2, LENGTH)]
    edges = [sign * ((1 << bits) + step) for bits in (7, 8, 11, 15, 16, 24, 31, 32, 53, 54, 62, 63, 64) for sign in (1, -1) for step in (-1, 0, 1)]
    # Halfway between two bfloat16 or float16 numbers, and a little beside.
    edges += [(1 << 62) + (1 << 54) + step for step in (-1, 0, 1)] + [(1 << 40) + (1 << 32) + step for step in (-1, 0, 1)] + [2049, 2051, 4098]
    if source in FLOATS:
        precision, greatest = FLOATS[source]
        numbers = [0.0, -0.0, 0.4, -0.6, 1.5, -2.5, 127.9, -128.9, 255.5, 65519.9, 65520.0, 3.4e38, 1e-45, 6e-8, 1e-300,
                   1 + 2 ** -8 + 2 ** -30, 1 + 2 ** -11 - 2 ** -40, 1e300, *map(float, edges)]
        numbers += list(random.standard_normal(LENGTH) * 300)
        result = [rounded(Fraction(v), precision, greatest) for v in numbers]
        odd = [math.nan, -math.inf, math.inf, rounded(Fraction(-3 * 10 ** 9), precision, greatest)]
        return (odd + result)[:LENGTH - 3] + [math.nan, rounded(Fraction(10) ** 20, precision, greatest), -math.inf]
    is_signed, bits = INTEGERS[source]
    inside = [cast(v, source) for v in edges]
    return (inside + [cast(int(v), source) for v in random.integers(-(1 << 62), 1 << 62, LENGTH)])[:LENGTH]


def make_model(path: Path) -> list[tuple[str, str]]:
    """A cast for every pair of different types; the pairs, in the order of outputs."""
    nodes, outputs, pairs = [], [], []
    for source in TYPES:
        x = f"in_{source}"
        if source == "bfloat16":
            nodes.append(helper.make_node("Cast", [x], ["x_bfloat16"], to=TensorProto.BFLOAT16))
            x = "x_bfloat16"
        for target in TYPES:
            if source == target:
                continue
            name = f"{source} to {target}"
            result = "narrow " + name if target == "bfloat16" else name
            nodes.append(helper.make_node("Cast", [x], [result], to=onnx_type(target)))
            if target == "bfloat16":
                nodes.append(helper.make_node("Cast", [result], [name], to=TensorProto.FLOAT))
            outputs.append(helper.make_tensor_value_info(name, onnx_type(carrier(target)), [LENGTH]))
            pairs.append((source, target))
    inputs = [helper.make_tensor_value_info(f"in_{source}", onnx_type(carrier(source)), [LENGTH]) for source in TYPES]
    graph = helper.make_graph(nodes, "casts", inputs, outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return pairs


def needed(archive: Path) -> set[str]:
    """Functions of libraries that an archive calls."""
    defined, undefined = set(), set()
    listing = subprocess.run([nncc.LLVM / "llvm-nm", "--extern-only", "--format=posix", archive], capture_output=True, text=True, check=True)
    for line in listing.stdout.splitlines():
        parts = line.split()
        if len(parts) >= 2 and not line.endswith(":"):
            (undefined if parts[1] in "Uwv" else defined).add(parts[0])
    return undefined - defined - MAY_NEED


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    nncc.add_machine_arguments(parser)
    options = parser.parse_args()
    random = np.random.default_rng(1)
    values = {source: values_of(source, random) for source in TYPES}
    failures = 0
    with tempfile.TemporaryDirectory(prefix="nncc-casts-") as scratch:
        model = Path(scratch) / "casts.onnx"
        pairs = make_model(model)
        inputs = {f"in_{source}": np.array(values[source], carrier(source)) for source in TYPES}
        for program in nncc.machines(options):
            program.compile(model, Path(scratch))
            if calls := needed(Path(scratch) / "libcasts.a"):
                failures += 1
                print(f"FAIL {program.target}: the library calls {', '.join(sorted(calls))}")
            got = program.run(model, inputs).outputs
            for source, result in pairs:
                want = np.array([cast(v, result) for v in values[source]], carrier(result))
                have = got[f"{source} to {result}"]
                wrong = np.flatnonzero(~((have == want) | ((have != have) & (want != want))))
                failures += len(wrong) > 0
                for i in wrong[:2]:
                    print(f"FAIL {program.target}: {source} to {result}: element {i}, {values[source][i]!r}, becomes {have[i]}, should be {want[i]}")
    print(f"{failures} casts are wrong")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
