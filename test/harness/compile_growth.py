"""Time and memory of compiling grow as the number of kernels: four times as many distinct ones take at most seven times as long."""
import argparse
import sys
import tempfile
from pathlib import Path

import onnx
from onnx import TensorProto, helper

import nncc

FEW, FACTOR = 250, 4
MOST_GROWTH = 7.0  # linear: 4, by the square: 16; caches and the heap cost a part of it
MOST_BYTES_A_KERNEL = 400e3


def write_model(path: Path, kernels: int):
    """A model of one-op kernels of as many lengths: no two share a function."""
    ports = [[helper.make_tensor_value_info(f"{name}{i}", TensorProto.FLOAT, [2 + i]) for i in range(kernels)] for name in "xy"]
    nodes = [helper.make_node("Relu", [f"x{i}"], [f"y{i}"]) for i in range(kernels)]
    onnx.save(helper.make_model(helper.make_graph(nodes, "many", *ports), opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    nncc.add_arguments(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nncc-growth-") as scratch:
        runs = []
        for kernels in (FEW, FACTOR * FEW):
            path = Path(scratch) / f"{kernels}.onnx"
            write_model(path, kernels)
            runs.append(nncc.Nncc(options.nncc).compile(path, Path(scratch) / "out", "--name=many"))
    few, many = runs
    kernels = len(many.manifest["kernels"])
    growth, each = many.processor_seconds / few.processor_seconds, (many.peak_bytes - few.peak_bytes) / ((FACTOR - 1) * FEW)
    good = kernels == FACTOR * FEW and growth <= MOST_GROWTH and each <= MOST_BYTES_A_KERNEL
    print(f"{'ok  ' if good else 'FAIL'} {FEW} kernels in {few.processor_seconds:.2f} s, {kernels} in {many.processor_seconds:.2f} s: "
          f"{growth:.1f} times as long (at most {MOST_GROWTH:g}), {each / 1e3:.0f} kB a kernel (at most {MOST_BYTES_A_KERNEL / 1e3:.0f})")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
