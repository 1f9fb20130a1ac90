"""A library without weights takes those that were written for its code, and no others. Outputs are compared with onnxruntime.

    extern_weights.py digits --target both

Weights of the model itself, and of the same network trained otherwise (its constants are scaled), give onnxruntime's numbers; a
missing, cut off or misaligned file, one of another model, and one with a flipped bit are refused with a status of their own.
"""
import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

import compare
import inputs
import models
import nncc
import oracle
import programs
import random_graphs

OK, MISSING, MISALIGNED, TRUNCATED, ANOTHER_MODEL, CORRUPT = 0, 11, 12, 13, 14, 15  # of include/nncc/abi.h


def retrained(path: Path, folder: Path) -> Path:
    """The same network with other weights."""
    model = onnx.load(path)
    random = np.random.default_rng(7)
    for weight in model.graph.initializer:
        value = numpy_helper.to_array(weight)
        if value.dtype == np.float32 and value.size > 8:  # small ones may decide how the graph is rewritten
            changed = (value * random.uniform(0.9, 1.1, value.shape)).astype(np.float32)
            weight.CopyFrom(numpy_helper.from_array(changed, weight.name))
    onnx.save(model, folder / "retrained.onnx")
    return folder / "retrained.onnx"


class Check:
    """One model on one target."""

    def __init__(self, compiler: nncc.Nncc, path: Path, hint: dict, folder: Path):
        self.compiler, self.path, self.folder = compiler, path, folder
        self.values = inputs.make_inputs(path, 3, hint)
        for index, value in enumerate(self.values.values()):
            (folder / f"input{index}").write_bytes(value.tobytes())

    def compile(self, path: Path, name: str) -> Path:
        """The weights file of a model; the library lies beside it."""
        self.compiler.compile(path, self.folder / name, "--name=first", "--weights=extern")
        return self.folder / name / "first.weights"

    def build(self):
        """Builds the C program with the library of the model."""
        self.program = programs.build("extern_weights", self.folder / "own", ["first"], self.compiler.target)

    def run(self, weights, status: int, offset=0, trust=0):
        """Runs the program; it fails unless M_init returns `status`."""
        try:
            programs.run(self.program, self.compiler.target, [self.folder, weights, str(offset), str(trust), str(status)])
        except programs.ProgramError as error:
            raise AssertionError(f"status {status} of {weights}: {error}") from None

    def compare(self, reference: Path):
        """What the last run wrote against onnxruntime."""
        for index, (name, expected) in enumerate(oracle.run(reference, self.values).items()):
            got = np.fromfile(self.folder / f"output{index}", expected.dtype).reshape(expected.shape)
            wrong = compare.invalid_reference(expected) or compare.difference(got, expected)
            assert not wrong, f"output '{name}': {wrong}"

    def changed(self, content: bytes, at: int) -> Path:
        """A file with one bit flipped."""
        path = self.folder / "flipped"
        path.write_bytes(content[:at] + bytes([content[at] ^ 16]) + content[at + 1:])
        return path

    def check(self):
        own = self.compile(self.path, "own")
        self.build()
        self.run(own, OK)
        self.compare(self.path)
        self.run(own, OK, offset=64)
        self.compare(self.path)

        changed = retrained(self.path, self.folder)
        update = self.compile(changed, "update")
        assert update.read_bytes() != own.read_bytes(), "other weights give the same file"
        self.run(update, OK)
        self.compare(changed)

        self.run("-", MISSING)
        self.run(own, MISALIGNED, offset=32)
        content = own.read_bytes()
        for size in (0, 63, 64, len(content) - 1):
            (self.folder / "short").write_bytes(content[:size])
            self.run(self.folder / "short", TRUNCATED)
        onnx.save(random_graphs.make_case(3)[0], self.folder / "graph.onnx")
        other = self.compile(self.folder / "graph.onnx", "other").read_bytes()
        (self.folder / "padded").write_bytes(other.ljust(len(content), b"\0"))
        self.run(self.folder / "padded", ANOTHER_MODEL)
        (self.folder / "padded").write_bytes(bytes(len(content)))
        self.run(self.folder / "padded", ANOTHER_MODEL)
        for at in (0, 8, 16, 40):
            self.run(self.changed(content, at), ANOTHER_MODEL, trust=1)
        for at in (24, 64, len(content) // 2, len(content) - 1):
            self.run(self.changed(content, at), CORRUPT)
            self.run(self.changed(content, at), OK, trust=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--target", choices=["x86_64", "aarch64", "both"], default="both")
    nncc.add_arguments(parser)
    options = parser.parse_args()
    for target in nncc.targets_of(options.target):
        with tempfile.TemporaryDirectory(prefix="nncc-weights-") as scratch:
            try:
                Check(nncc.Nncc(options.nncc, target), models.model_path(options.model), models.input_hint(options.model), Path(scratch)).check()
            except models.MissingModel as missing:
                models.skip_or_fail(missing)
            except (AssertionError, nncc.NnccError) as wrong:
                sys.exit(f"{options.model} on {target}: {wrong}")
        print(f"{options.model} on {target}: ok")


main()
