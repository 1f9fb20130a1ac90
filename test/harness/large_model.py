"""A model of 200 MB with a single Gemm: weights must not make compiling slow or need their size in memory several times."""
import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

import compare
import nncc

INNER, OUTER = 6400, 7936  # 6400 x 7936 floats: 203 MB
MOST_SECONDS = 6


def write_model(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Writes the model; returns weights [OUTER, INNER] and bias [OUTER]."""
    random = np.random.default_rng(1)
    weights = random.random([OUTER, INNER], np.float32) - np.float32(0.5)
    bias = random.random([OUTER], np.float32)
    tensors = [TensorProto(name=name, data_type=TensorProto.FLOAT, dims=value.shape, raw_data=value.tobytes())
               for name, value in (("weights", weights), ("bias", bias))]
    graph = helper.make_graph([helper.make_node("Gemm", ["x", "weights", "bias"], ["y"], name="gemm", transB=1)], "large",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, INNER])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, OUTER])], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return weights, bias


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    nncc.add_arguments(parser)
    options = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory(prefix="nncc-large-") as scratch:
        path = Path(scratch) / "large.onnx"
        weights, bias = write_model(path)
        most_bytes = 1.5 * path.stat().st_size + 300e6
        for target in nncc.TARGETS:
            try:
                runs = nncc.Nncc(options.nncc, target).compile_within(MOST_SECONDS, path, Path(scratch) / "out")
            except nncc.NnccError as error:
                print(f"FAIL {target}: {error}")
                good = False
                continue
            seconds, peak_bytes = nncc.least_seconds(runs), max(run.peak_bytes for run in runs)
            right = seconds <= MOST_SECONDS and peak_bytes <= most_bytes
            print(f"{'ok  ' if right else 'FAIL'} {target}: {seconds:.2f} s of {MOST_SECONDS}, peak {peak_bytes / 1e6:.0f} MB "
                  f"of {most_bytes / 1e6:.0f}, model {path.stat().st_size / 1e6:.0f} MB")
            good &= right
        x = np.random.default_rng(2).random([1, INNER], np.float32) - np.float32(0.5)
        try:
            wrong = compare.difference(nncc.Nncc(options.nncc).run(path, {"x": x}).outputs["y"],
                                       (x.astype(np.float64) @ weights.T.astype(np.float64) + bias).astype(np.float32))
        except nncc.NnccError as error:
            wrong = str(error)
        print(f"result: {f'FAIL {wrong}' if wrong else 'ok'}")
    sys.exit(0 if good and not wrong else 1)


main()
