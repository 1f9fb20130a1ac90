"""Tuning files of any numbers: each is used, ignored with a warning or refused, and the results are right.

    tuned_forms.py [--cases=30] [--seed=1] [--target both]

A case is a model of a few kernels, and a file that says something of each: tiles, panels, blocks, tiles and strips of Winograd's form,
within what registers hold and beyond. Every tenth file is broken elsewhere.
"""
import argparse
import json
import re
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

import compare
import nncc
import oracle
from random_ops import Graph, numbers

NUMBERS = {"direct": ("panel", "rows", "block"), "winograd": ("tile_h", "tile_w", "strip")}
WRONG = ["", "{", "[]", "null", '{"schema": "nncc-tuning"}', '{"schema": "nncc-tuning", "version": 2, "kernels": []}',
         '{"schema": "nncc-tuning", "version": 1, "kernels": {}}', '{"schema": "nncc-tuning", "version": 1, "kernels": [7]}', '{"schema": "nncc-tuning", "version": 1, "kernels": [], "note": 1}', "[" * 1000000]


def network() -> Graph:
    """Kernels of every kind that can be tuned, side by side."""
    random, g = np.random.default_rng(7), Graph()
    x = g.input(numbers(random, [1, 12, 19, 23]))
    a = g.node("Conv", [x, g.constant(numbers(random, [40, 12, 3, 3])), g.constant(numbers(random, [40]))], pads=[1, 1, 1, 1])
    b = g.node("Conv", [g.node("Relu", [a]), g.constant(numbers(random, [56, 40, 1, 1]))])
    g.output(g.node("Conv", [b, g.constant(numbers(random, [56, 1, 3, 3]))], pads=[1, 1, 1, 1], group=56))
    g.output(g.node("Conv", [b, g.constant(numbers(random, [33, 56, 3, 3]))], strides=[2, 2], pads=[1, 0, 1, 1]))
    g.output(g.node("AveragePool", [a], kernel_shape=[3, 3], strides=[2, 1], pads=[1, 1, 1, 1], count_include_pad=1))
    g.output(g.node("MatMul", [g.input(numbers(random, [29, 17])), g.constant(numbers(random, [17, 72]))]))
    g.output(g.node("MatMul", [g.input(numbers(random, [2, 9, 17])), g.input(numbers(random, [2, 17, 24]))]))
    # As tiles of Winograd's form these are few: strips of any length, up to all of them, which are then cut at edges.
    y, shape = g.input(numbers(random, [2, 16, 7, 11])), [2, 24, 7, 11]
    c = g.node("Conv", [y, g.constant(numbers(random, [24, 16, 3, 3])), g.constant(numbers(random, [24]))], pads=[1, 1, 1, 1])
    g.output(g.node("Relu", [g.node("Add", [c, g.input(numbers(random, shape))])]))
    z = [g.input(random.integers(0, 256, [1, 15, 7, 11]).astype(np.uint8)), g.constant(random.integers(-60, 61, [20, 15, 3, 3]).astype(np.int8)), g.constant(np.array(7, np.uint8))]
    g.output(g.node("ConvInteger", z, pads=[1, 1, 1, 1]), np.int32)
    g.output(g.node("MatMulInteger", [g.input(random.integers(0, 256, [29, 80]).astype(np.uint8)), g.constant(random.integers(-60, 61, [80, 40]).astype(np.int8))]), np.int32)
    return g


def kernels_of(program: nncc.Nncc, model: Path) -> list[str]:
    """What the kernels of a model are, as tuning files name them."""
    done = program.call("compile", model, "--emit=mlir", "--stop-after=N2", f"--target={program.target}", *program.flags, "--remarks=nncc-apply-tuning")
    return sorted(set(re.findall(r"k\d+_\S* is (\w+\(.*\) -> [^\"\n]*?)(?:\"|$)", done.stderr, re.MULTILINE)))


def any_number(random, name: str) -> int:
    if name == "block":
        return int(random.choice([0, 0, 1, 7, 60, 100, 437, 5000]))
    if name in ("tile_h", "tile_w"):
        return int(random.choice([1, 2, 2, 4, 4, 4, 3]))
    if name == "strip" and random.random() < 0.6:
        return int(random.choice([6, 12, 24, 48]))
    return int(random.choice([1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 40, *([0, -1, 1 << 31] if random.random() < 0.02 else [])]))


def any_file(random, kernels: list[str], cpu: str) -> str:
    if random.random() < 0.1:
        return str(random.choice(WRONG))
    entries = []
    for kernel in kernels:
        form = str(random.choice(["direct", "direct", "winograd"])) if "3x3" in kernel else "direct"
        entry = {"cpu": cpu, "kernel": kernel, "form": form}
        entry.update((name, any_number(random, name)) for name in NUMBERS[form] if random.random() < 0.7)
        entries.append(entry)
    return json.dumps({"schema": "nncc-tuning", "version": 1, "kernels": entries})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    nncc.add_machine_arguments(parser)
    options = parser.parse_args()
    graph, failed, used, refused = network(), 0, 0, 0
    with tempfile.TemporaryDirectory(prefix="nncc-tuned-") as scratch:
        folder = Path(scratch)
        model = folder / "model.onnx"
        onnx.save(graph.model(), model)
        expected = oracle.run(model, graph.inputs)
        for program in nncc.machines(options):
            cpu = options.cpu or nncc.SHIPPED_CPU[program.target]
            kernels = kernels_of(program, model)
            assert len(kernels) == 10, kernels
            for seed in range(options.seed, options.seed + options.cases):
                random = np.random.default_rng(seed)
                (folder / "tuning.json").write_text(any_file(random, kernels, cpu))
                tuned = nncc.Nncc(program.program, program.target, flags=[*program.flags, f"--tuning={folder}/tuning.json", "--arena-slack=1MB"])
                try:
                    outputs = tuned.run(model, graph.inputs).outputs
                except nncc.NnccError as error:
                    refused += not error.is_internal
                    wrong = [str(error)] if error.is_internal or "is no tuning file" not in error.message else []
                else:
                    used += 1
                    wrong = [f"{name}: {what}" for name, value in expected.items() if (what := compare.difference(outputs[name], value))]
                failed += bool(wrong)
                for what in wrong:
                    print(f"{program.target} seed {seed}: {what}", file=sys.stderr)
    print(f"{used} files used, {refused} refused, {failed} wrong")
    return failed > 0 or used < refused


if __name__ == "__main__":
    sys.exit(main())
