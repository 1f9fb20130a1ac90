"""Nearest resizing takes the elements that onnxruntime takes: all roundings, where positions are halves or integers but for rounding.

One model resizes lines of 1 to 14 elements to sizes that share factors with them; its input counts up, so that results are positions.
"""
import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import nncc
import oracle

LENGTHS = range(1, 15)
SIZES = (1, 2, 3, 7, 12, 18, 28)
COORDINATES = ("asymmetric", "half_pixel", "align_corners")
ROUNDINGS = ("floor", "ceil", "round_prefer_ceil", "round_prefer_floor")


def make_model(path: Path):
    """Every length to every size in every mode, one behind the other in one output."""
    nodes, sizes, total = [], [], 0
    for size in SIZES:
        sizes.append(numpy_helper.from_array(np.array([1, 1, 1, size], np.int64), f"size{size}"))
    for length in LENGTHS:
        for size in SIZES:
            for coordinate in COORDINATES:
                for rounding in ROUNDINGS:
                    nodes.append(helper.make_node(
                        "Resize", [f"x{length}", "", "", f"size{size}"], [f"{length} to {size}, {coordinate}, {rounding}"],
                        coordinate_transformation_mode=coordinate, mode="nearest", nearest_mode=rounding))
                    total += size
    names = [node.output[0] for node in nodes]
    nodes.append(helper.make_node("Concat", names, ["y"], axis=3))
    inputs = [helper.make_tensor_value_info(f"x{length}", TensorProto.FLOAT, [1, 1, 1, length]) for length in LENGTHS]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 1, total])
    graph = helper.make_graph(nodes, "nearest", inputs, [output], sizes)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return names


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    nncc.add_arguments(parser)
    options = parser.parse_args()
    lines = {f"x{length}": np.arange(1, length + 1, dtype=np.float32).reshape(1, 1, 1, length) for length in LENGTHS}
    with tempfile.TemporaryDirectory(prefix="nncc-nearest-") as scratch:
        model = Path(scratch) / "nearest.onnx"
        names = make_model(model)
        expected = oracle.run(str(model), lines)["y"].ravel()
        got = nncc.Nncc(options.nncc).run(model, lines).outputs["y"].ravel()
    wrong, start = 0, 0
    for name in names:
        size = int(name.split(",")[0].split(" to ")[1])
        for i in np.flatnonzero(got[start:start + size] != expected[start:start + size]):
            wrong += 1
            print(f"FAIL {name}: element {i} is that at {got[start + i] - 1:g}, onnxruntime takes {expected[start + i] - 1:g}")
        start += size
    print(f"{start - wrong} of {start} positions right")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
