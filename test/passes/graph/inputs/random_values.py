#!/usr/bin/env python3
"""Compares the values of random graphs before and after passes that may change ops, but never values.

Usage: random_values.py NNCC_OPT SEED COUNT PASS... Inputs become constants once the passes have run; nncc-fold-constants then is the
interpreter of both graphs. Exit status 1, with the graph, where results differ by more than 1e-4 (merged constants round differently).
"""
import math
import random
import re
import struct
import subprocess
import sys

import random_ir

SEPARATOR = "\n// -----\n"
ANY_GROWTH = "--nncc-fold-constants=growth-limit=1000000000"


class FoldableGraph(random_ir.Graph):
    """Only ops that constant folding evaluates, on values that stay finite."""

    def unary(self):
        x, shape = self.pick()
        kind = self.rng.choice(["relu", "neg", "clip", "abs", "leaky_relu"])
        extra = {"clip": " {alpha = -1.0, beta = 6.0}", "leaky_relu": " {alpha = 0.5}"}.get(kind, "")
        self.emit(f"nn.unary {kind} {x}{extra} : {self.type(shape)}", shape)

    def binary(self):
        super().binary()
        self.lines[-1] = re.sub(r"nn\.binary (div|pow)", "nn.binary add", self.lines[-1])

    softmax = conv = matmul = unary


def run(program, passes, modules):
    done = subprocess.run([program, "--split-input-file", "--mlir-print-local-scope", *passes, "-"],
                          input=SEPARATOR.join(modules), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(passes)}:\n{done.stderr[:4000]}")
    return done.stdout.split(SEPARATOR)


def nest(flat, shape):
    if not shape:
        return flat[0]
    step = math.prod(shape[1:])
    return "[" + ", ".join(nest(flat[i * step:(i + 1) * step], shape[1:]) for i in range(shape[0])) + "]"


def bind(module, seed):
    """The module with its arguments as constants, the same for the same seed."""
    rng, lines = random.Random(seed), []
    signature = re.search(r"func\.func @main\((.*?)\) ->", module)
    for argument in signature.group(1).split(", %"):
        name, type = argument.lstrip("%").split(": ")
        shape = [int(dim) for dim in re.findall(r"(\d+)x", type)]
        numbers = [f"{rng.randint(-16, 16) / 4:.2f}" for _ in range(math.prod(shape))]
        lines.append(f"  %{name} = nn.constant dense<{nest(numbers, shape)}> : {type}")
    body = module[signature.end():].replace("{\n", "{\n" + "\n".join(lines) + "\n", 1)
    return module[:signature.start(1)] + module[signature.end(1):signature.end()] + body


def results(module):
    """The values that @main returns; None for one that is too big to be printed."""
    constants = dict(re.findall(r"(%\w+) = nn\.constant (?:\{.*?\} )?dense<(.*?)> :", module))
    values = []
    for name in re.search(r"return (.*?) :", module).group(1).split(", "):
        text = constants.get(name)
        if text is not None and text.startswith('"0x'):
            raw = bytes.fromhex(text[3:-1])
            values.append(list(struct.unpack(f"<{len(raw) // 4}f", raw)))
        else:
            values.append(text and [float(number) for number in re.findall(r"-?\d+\.?\d*(?:[eE][-+]?\d+)?", text)])
    return values


def same(a, b):
    size = max(len(a), len(b))  # a splat prints once
    a, b = a * (size // len(a)), b * (size // len(b))
    return len(a) == len(b) and all(x == y or (x != x and y != y) or abs(x - y) <= 1e-4 * max(1, abs(x)) for x, y in zip(a, b))


def main():
    program, seed, count, passes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    rng = random.Random(seed)
    graphs = [FoldableGraph(rng).build() for _ in range(count)]
    after = run(program, passes, graphs)
    both = run(program, [ANY_GROWTH], [bind(g, i) for i, g in enumerate(graphs)] + [bind(g, i) for i, g in enumerate(after)])
    compared = 0
    for i, graph in enumerate(graphs):
        for number, (a, b) in enumerate(zip(results(both[i]), results(both[count + i]), strict=True)):
            if a is None or b is None:
                continue
            compared += 1
            if not same(a, b):
                sys.exit(f"result {number} differs\n{graph}\n// after {' '.join(passes)}\n{after[i]}")
    print(f"{compared} results compared")
    if compared < count:
        sys.exit("too few results were compared")


main()
