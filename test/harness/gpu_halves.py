"""Tensors of f16 on lavapipe, with 16-bit storage and without: there two are a word, the last of an odd number is half of one, and what is
stored is rounded to the nearest, ties to even, whatever the driver does.

    gpu_halves.py
"""
import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

import gpu_models
import nncc
import oracle
import programs

# What is rounded to f16: between two of them and in the middle, at both ends of the range, and what is no number.
ROUNDED = np.array([1 + 2**-11, 1 + 3 * 2**-11, 1 + 1.1 * 2**-11, -0.1, 2049, -2051, 65519, 65520, -65520, 1e30, -np.inf, np.nan, 2**-25,
                    1.1 * 2**-25, -3 * 2**-25, 6e-5, 2**-14 * (1 - 2**-12), -0.0, 0], np.float32)
# Name, node, its inputs.
CASES = [
    ("neg", helper.make_node("Neg", ["a"], ["y"]), [(1, 5)]),
    ("add", helper.make_node("Add", ["a", "b"], ["y"]), [(7, 1), (1, 3)]),
    ("transpose", helper.make_node("Transpose", ["a"], ["y"], perm=[1, 0]), [(3, 5)]),
    ("sum", helper.make_node("ReduceSum", ["a"], ["y"], keepdims=0), [(3, 5)]),
    ("concat", helper.make_node("Concat", ["a", "b"], ["y"], axis=1), [(1, 3), (1, 2)]),
    ("cast", helper.make_node("Cast", ["a"], ["y"], to=TensorProto.FLOAT16), [ROUNDED]),
]


def make_values(inputs: list) -> dict[str, np.ndarray]:
    """The inputs, of a shape 1, 2, 3 ... in f16."""
    return {name: given if isinstance(given, np.ndarray) else np.arange(1, np.prod(given) + 1, dtype=np.float16).reshape(given)
            for name, given in zip("ab", inputs)}


def make_model(node: onnx.NodeProto, values: dict[str, np.ndarray]) -> onnx.ModelProto:
    inputs = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape) for name, value in values.items()]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT16, None)
    return helper.make_model(helper.make_graph([node], "halves", inputs, [output]), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def is_same(got: np.ndarray, expected: np.ndarray) -> bool:
    """Bit for bit, but for the signs and payloads of what is no number."""
    is_equal = (got == expected) & (np.signbit(got) == np.signbit(expected))
    return bool(np.all(is_equal | np.isnan(got) & np.isnan(expected)))


def check(compiler: nncc.Nncc, name: str, node: onnx.NodeProto, inputs: list, folder: Path) -> bool:
    path = folder / f"{name}.onnx"
    values = make_values(inputs)
    onnx.save(make_model(node, values), path)
    manifest = compiler.compile(path, folder / name, "--name=first", "--place=gpu").manifest
    if any(kernel["device"] == "cpu0" for kernel in manifest["kernels"]):
        print(f"FAIL {name}: a kernel is on the CPU")
        return False
    program, work = gpu_models.build(compiler, folder / name, manifest, values)
    expected = oracle.run(path, values)["y"]
    good = True
    for words in ([], ["basic"]):
        gpu_models.run(program, ["1", *words, "once", work], gpu_models.environment(None, False), 60)
        got = programs.read_port(work / "output0", manifest["outputs"][0])
        right = is_same(got.reshape(expected.shape), expected)
        print(f"{name} {' '.join(words)}: {'right' if right else f'FAIL: {got.ravel()}, expected {expected.ravel()}'}")
        good &= right
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    nncc.add_arguments(parser)
    options = parser.parse_args()
    gpu_models.require_driver()
    compiler = nncc.Nncc(options.nncc, flags=["--device=mali"])
    with tempfile.TemporaryDirectory(prefix="nncc-gpu-halves-") as scratch:
        results = [check(compiler, *case, Path(scratch)) for case in CASES]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
