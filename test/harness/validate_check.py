"""nncc validate: every form of data and reference, right and wrong ones, on both targets; 1,000 digit images in 3 s."""
import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import models
import nncc
import oracle

SECONDS = 3


def two_inputs(path: Path) -> Path:
    """p = x * w + y, rows open; q = 2 y: two inputs, two outputs, an open dim."""
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "w"], ["m"]), helper.make_node("Add", ["m", "y.1"], ["p"]), helper.make_node("Add", ["y.1", "y.1"], ["q"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3]), helper.make_tensor_value_info("y.1", TensorProto.FLOAT, [3])],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, ["n", 3]), helper.make_tensor_value_info("q", TensorProto.FLOAT, [3])],
        [numpy_helper.from_array(np.float32([2, 3, 4]), "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def maps_of_scores(path: Path) -> Path:
    """Labels, and scores as scikit-learn's and CatBoost's exporters give them: a map from classes to scores for each row."""
    weights = [float(weight) for weight in np.random.default_rng(2).standard_normal(12)]
    classes = [5, 3, 9]
    scored = helper.make_node("LinearClassifier", ["x"], ["label", "raw"], domain="ai.onnx.ml", coefficients=weights, intercepts=[0.25, 0.0, -0.25],
                              classlabels_ints=classes, multi_class=1, post_transform="SOFTMAX")
    maps = helper.make_node("ZipMap", ["raw"], ["scores"], domain="ai.onnx.ml", classlabels_int64s=classes)
    scores = helper.make_sequence_type_proto(helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, [])))
    graph = helper.make_graph([scored, maps], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
                              [helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]), helper.make_value_info("scores", scores)])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def processor_seconds() -> float:
    """Of all that this program has started and seen end."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Check:
    def __init__(self, program: str, folder: Path):
        self.program, self.folder = program, folder

    def run(self, model: Path, *flags) -> subprocess.CompletedProcess:
        return subprocess.run([self.program, "validate", model, f"--python={sys.executable}", *map(str, flags)], capture_output=True, text=True, cwd=self.folder)

    def outputs(self, model: Path, *flags) -> list[dict]:
        done = self.run(model, *flags, "--json")
        assert done.returncode == 0, f"{flags}: status {done.returncode}\n{done.stderr}"
        return json.loads(done.stdout)["outputs"]

    def refused(self, model: Path, *flags, words: str, status: int = 1):
        done = self.run(model, *flags)
        assert done.returncode == status and words in done.stderr, f"{flags}: status {done.returncode}, not '{words}' in\n{done.stderr}"


def check_digits(check: Check, targets: list[str]):
    model, folder = models.model_path("digits"), check.folder
    x = np.random.default_rng(1).random((1000, 1, 8, 8), np.float32)
    np.savez_compressed(folder / "set.npz", image=x)
    begin, used = time.monotonic(), processor_seconds()
    output, = check.outputs(model, "--data=set.npz")
    # The less of both: the machine may be busy with other work.
    seconds = min(time.monotonic() - begin, processor_seconds() - used)
    assert output["top1"] == 1 and 0 < output["max_error"] < 1e-5 and output["sqnr_db"] > 100 and output["cosine"] > 0.999999, output
    assert seconds <= SECONDS, f"1,000 images took {seconds:.1f} s"

    few = x[:20]
    right = np.concatenate([oracle.run(model, {"image": sample[None]})["probabilities"] for sample in few])
    np.save(folder / "few.npy", few)
    np.save(folder / "right.npy", right)
    right[7, 2] += 0.5
    np.savez(folder / "wrong.npz", probabilities=right)
    np.save(folder / "labels.npy", right.argmax(1))
    for target in targets:
        flag = f"--target={target}"
        assert check.outputs(model, "--data=few.npy", "--reference=right.npy", flag)[0]["max_error"] < 1e-5
        wrong, = check.outputs(model, "--data=few.npy", "--reference=wrong.npz", flag)
        assert abs(wrong["max_error"] - 0.5) < 1e-5 and wrong["worst_sample"] == 7 and wrong["sqnr_db"] < 30, wrong
        assert check.outputs(model, "--data=few.npy", f"--reference={model}", "--samples=5", flag)[0]["max_error"] < 1e-5
    labelled, = check.outputs(model, "--data=few.npy", "--reference=labels.npy")
    assert labelled["top1"] >= 0.95 and "max_error" not in labelled, labelled
    assert check.run(model, "--data=few.npy", "--reference=labels.npy", "--require=top1=0.9").returncode == 0
    check.refused(model, "--data=few.npy", "--reference=wrong.npz", "--require=max_error=1e-3", words="--require max_error=1e-3 allows at most that", status=2)
    check.refused(model, "--data=few.npy", "--require=speed=1", words="is no bound")
    check.refused(model, words="no data given")
    np.save(folder / "many.npy", np.zeros(30, np.int64))
    check.refused(model, "--data=few.npy", "--reference=many.npy", words="'many.npy' has 30 labels, the data has 20 samples")
    np.save(folder / "large.npy", np.full(20, 10))
    check.refused(model, "--data=few.npy", "--reference=large.npy", words="label 0 is 10, output 'probabilities' has the classes 0 to 9")
    check.refused(model, "--data=few.npy", "--reference=none.npz", words="'none.npz': cannot be read")
    check.refused(model, "--data=few.npy", "--python=/bin/false", words="onnxruntime gave no reference")
    # A camera's bytes: the reference gets what the model takes.
    np.save(folder / "bytes.npy", np.random.default_rng(2).integers(0, 256, (9, 8, 8, 1), np.uint8))
    camera, = check.outputs(model, "--data=bytes.npy", "--input=image=u8,nhwc,scale=0.00392157")
    assert 0 < camera["max_error"] < 1e-5, camera
    print(f"1,000 digit images against onnxruntime: {seconds:.1f} s")


def check_two_inputs(check: Check):
    model, folder = two_inputs(check.folder / "two.onnx"), check.folder
    rng = np.random.default_rng(3)
    x, y = rng.random((5, 3), np.float32), rng.random((5, 3), np.float32)
    np.savez(folder / "two.npz", **{"y_1": y, "x": x})
    for output in check.outputs(model, "--data=two.npz"):
        assert output["max_error"] <= 1e-6, output
    np.savez(folder / "one.npz", **{"y.1": y[0], "x": x})  # one y for all x
    assert len(check.outputs(model, "--data=one.npz", "--dim=n=5")) == 2
    data = folder / "test_data_set_0"
    data.mkdir()
    for name, array in {"input_0": x, "input_1": y[0], "output_0": x * np.float32([2, 3, 4]) + y[0], "output_1": y[0] * 2}.items():
        (data / f"{name}.pb").write_bytes(numpy_helper.from_array(array).SerializeToString())
    done = check.run(model, f"--data={folder}", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["reference"] == str(folder), done.stderr
    assert all(output["max_error"] <= 1e-6 for output in json.loads(done.stdout)["outputs"])
    shutil.rmtree(data)
    check.refused(model, "--data=x.npy", words="'x.npy' does not exist")
    np.savez(folder / "other.npz", x=x, z=y)
    check.refused(model, "--data=other.npz", words="'other.npz' has no array for input 'y.1'\nnote: it has 'x' f32[5, 3], 'z' f32[5, 3]")


def check_maps(check: Check):
    """What is a map for each row in onnxruntime is a row of scores here, in the order of the model's classes."""
    model = maps_of_scores(check.folder / "maps.onnx")
    np.save(check.folder / "rows.npy", np.random.default_rng(3).standard_normal((20, 4)).astype(np.float32))
    label, scores = check.outputs(model, "--data=rows.npy")
    assert label["max_error"] == 0 and scores["shape"] == [1, 3] and scores["max_error"] < 1e-6, (label, scores)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    nncc.add_arguments(parser)
    options = parser.parse_args()
    targets = ["x86_64-linux-gnu"] + ["aarch64-linux-gnu"] * bool(shutil.which("qemu-aarch64"))
    with tempfile.TemporaryDirectory(prefix="nncc-validate-") as scratch:
        check = Check(options.nncc, Path(scratch))
        check_digits(check, targets)
        check_two_inputs(check)
        check_maps(check)
    print("ok")


main()
