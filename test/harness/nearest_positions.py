"""Nearest resizing takes the elements that onnxruntime takes: all roundings, where positions are halves or integers but for rounding.

One model resizes lines of 1 to 14 elements to sizes that share factors with them, by the size or by a scale of f32 that exporters make
of it; its input counts up, so that results are positions.
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


def size_by(scale: np.float32, length: int) -> int:
    """The size that a scale makes of a length: their product in f32, rounded down."""
    return int(np.floor(scale * np.float32(length)))


def make_model(path: Path) -> dict[str, int]:
    """Every length to every size in every mode, one behind the other in one output; the size of each by its name."""
    nodes, constants, found = [], [], {}
    for size in SIZES:
        constants.append(numpy_helper.from_array(np.array([1, 1, 1, size], np.int64), f"size{size}"))
    for length in LENGTHS:
        for size in SIZES:
            scales = np.array([1, 1, 1, size / length], np.float32)
            constants.append(numpy_helper.from_array(scales, f"scales{length}-{size}"))
            for operands, title, result in [(["", "", f"size{size}"], "", size),
                                            (["", f"scales{length}-{size}"], " by scale", size_by(scales[3], length))]:
                for coordinate in COORDINATES:
                    for rounding in ROUNDINGS:
                        name = f"{length} to {size}{title}, {coordinate}, {rounding}"
                        nodes.append(helper.make_node("Resize", [f"x{length}", *operands], [name], mode="nearest",
                                                      coordinate_transformation_mode=coordinate, nearest_mode=rounding))
                        found[name] = result
    nodes.append(helper.make_node("Concat", list(found), ["y"], axis=3))
    inputs = [helper.make_tensor_value_info(f"x{length}", TensorProto.FLOAT, [1, 1, 1, length]) for length in LENGTHS]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 1, sum(found.values())])
    graph = helper.make_graph(nodes, "nearest", inputs, [output], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    nncc.add_arguments(parser)
    options = parser.parse_args()
    lines = {f"x{length}": np.arange(1, length + 1, dtype=np.float32).reshape(1, 1, 1, length) for length in LENGTHS}
    with tempfile.TemporaryDirectory(prefix="nncc-nearest-") as scratch:
        model = Path(scratch) / "nearest.onnx"
        sizes = make_model(model)
        expected = oracle.run(str(model), lines)["y"].ravel()
        got = nncc.Nncc(options.nncc).run(model, lines).outputs["y"].ravel()
    if got.size != expected.size:
        sys.exit(f"FAIL sizes: {got.size} elements in all, {expected.size} in onnxruntime")
    wrong, start = 0, 0
    for name, size in sizes.items():
        for i in np.flatnonzero(got[start:start + size] != expected[start:start + size]):
            wrong += 1
            print(f"FAIL {name}: element {i} is that at {got[start + i] - 1:g}, onnxruntime takes {expected[start + i] - 1:g}")
        start += size
    print(f"{start - wrong} of {start} positions right")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
