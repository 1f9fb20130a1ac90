"""Time and memory of compiling grow as the number of kernels: four times as many take at most seven times as long."""
import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import nncc

FACTOR = 4
MOST_GROWTH = 7.0  # linear: 4, by the square: 16; caches and the heap cost a part of it
MOST_BYTES_A_KERNEL = 400e3


def save(path: Path, nodes, inputs, outputs, weights=()):
    graph = helper.make_graph(nodes, "many", inputs, outputs, weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def write_lengths(path: Path, kernels: int):
    """Kernels of one op, of as many lengths: no two share a function."""
    ports = [[helper.make_tensor_value_info(f"{name}{i}", TensorProto.FLOAT, [2 + i]) for i in range(kernels)] for name in "xy"]
    save(path, [helper.make_node("Relu", [f"x{i}"], [f"y{i}"]) for i in range(kernels)], *ports)


def write_blocks(path: Path, blocks: int):
    """Inverted residuals, all equal: none makes the arena smaller by itself, whatever it is joined to."""
    random = np.random.default_rng(0)
    weights = [numpy_helper.from_array(random.standard_normal(shape).astype(np.float32) / 16, name)
               for name, shape in (("expand", [96, 16, 1, 1]), ("depthwise", [96, 1, 3, 3]), ("project", [16, 96, 1, 1]))]
    nodes = []
    for i in range(blocks):
        nodes += [helper.make_node("Conv", [f"x{i}", "expand"], [f"e{i}"]), helper.make_node("Relu", [f"e{i}"], [f"r{i}"]),
                  helper.make_node("Conv", [f"r{i}", "depthwise"], [f"d{i}"], group=96, pads=[1, 1, 1, 1]),
                  helper.make_node("Conv", [f"d{i}", "project"], [f"p{i}"]), helper.make_node("Add", [f"x{i}", f"p{i}"], [f"x{i + 1}"])]
    ports = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 16, 64, 64])] for name in ("x0", f"x{blocks}")]
    save(path, nodes, *ports, weights)


# The smaller number of each.
MODELS = {"ops of many lengths": (write_lengths, 250), "inverted residuals": (write_blocks, 60)}


def check(program: nncc.Nncc, what: str, write, few: int) -> bool:
    """Whether growth from `few` to FACTOR times as many is what it may be; says how large it is."""
    with tempfile.TemporaryDirectory(prefix="nncc-growth-") as scratch:
        paths = {count: Path(scratch) / f"{count}.onnx" for count in (few, FACTOR * few)}
        for count, path in paths.items():
            write(path, count)
        small, large = [], []
        # Others may use the machine, too.
        while len(small) < 3 and (not small or nncc.least_seconds(large) > MOST_GROWTH * nncc.least_seconds(small)):
            for runs, path in zip((small, large), paths.values()):
                runs.append(program.compile(path, Path(scratch) / "out", "--name=many"))
    kernels = [len(runs[0].manifest["kernels"]) for runs in (small, large)]
    seconds = [nncc.least_seconds(runs) for runs in (small, large)]
    growth, each = seconds[1] / seconds[0], (large[0].peak_bytes - small[0].peak_bytes) / (kernels[1] - kernels[0])
    good = kernels[1] >= FACTOR * few and growth <= MOST_GROWTH and each <= MOST_BYTES_A_KERNEL
    print(f"{'ok  ' if good else 'FAIL'} {what}: {kernels[0]} kernels in {seconds[0]:.2f} s, {kernels[1]} in {seconds[1]:.2f} s: "
          f"{growth:.1f} times as long (at most {MOST_GROWTH:g}), {each / 1e3:.0f} kB a kernel (at most {MOST_BYTES_A_KERNEL / 1e3:.0f})")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    nncc.add_arguments(parser)
    program = nncc.Nncc(parser.parse_args().nncc)
    sys.exit(0 if all([check(program, what, *model) for what, model in MODELS.items()]) else 1)


if __name__ == "__main__":
    main()
