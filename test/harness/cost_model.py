"""What is chosen for a kernel without tuning, against the best of all that can be chosen, measured here: 30 shapes.

    cost_model.py [--time=600] [--cpu=x86-64-v4] [--most=1.05]

The geometric mean of (time as chosen) / (time of the best candidate) over all shapes is at most --most. For a quiet machine.
"""
import argparse
import json
import math
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

import nncc
from random_ops import Graph, numbers

# Output channels, input channels, height, width, window, step: layers of MobileNet, ResNet, SqueezeNet, detectors, and what lies between.
CONVOLUTIONS = [
    (32, 3, 112, 112, 3, 2), (64, 32, 56, 56, 1, 1), (24, 96, 56, 56, 1, 1), (144, 24, 56, 56, 1, 1), (32, 144, 28, 28, 1, 1),
    (192, 32, 28, 28, 1, 1), (64, 192, 14, 14, 1, 1), (384, 64, 14, 14, 1, 1), (96, 384, 14, 14, 1, 1), (160, 576, 7, 7, 1, 1),
    (960, 160, 7, 7, 1, 1), (256, 64, 56, 56, 1, 1), (128, 512, 28, 28, 1, 1), (1024, 256, 14, 14, 1, 1), (2048, 512, 7, 7, 1, 1),
    (64, 64, 56, 56, 3, 1), (128, 128, 28, 28, 3, 1), (256, 256, 14, 14, 3, 1), (512, 512, 7, 7, 3, 1), (64, 16, 55, 55, 3, 1),
    (48, 24, 80, 80, 3, 1), (16, 16, 96, 96, 3, 1), (24, 24, 48, 48, 5, 1), (128, 64, 40, 40, 3, 2), (20, 36, 33, 47, 1, 1)]
# Rows, values of k, columns.
PRODUCTS = [(128, 384, 384), (128, 384, 1536), (128, 1536, 384), (1, 1280, 1000), (16, 512, 512)]


def network() -> Graph:
    random, g = np.random.default_rng(3), Graph()
    for outputs, channels, height, width, window, step in CONVOLUTIONS:
        pad = window // 2
        x = g.input(numbers(random, [1, channels, height, width]))
        filters = g.constant(numbers(random, [outputs, channels, window, window]))
        g.output(g.node("Relu", [g.node("Conv", [x, filters, g.constant(numbers(random, [outputs]))], strides=[step, step], pads=[pad] * 4)]))
    for rows, depth, columns in PRODUCTS:
        g.output(g.node("MatMul", [g.input(numbers(random, [rows, depth])), g.constant(numbers(random, [depth, columns]))]))
    return g


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--time", type=float, default=600, help="seconds of measuring")
    parser.add_argument("--cpu")
    parser.add_argument("--most", type=float, default=1.05)
    nncc.add_arguments(parser)
    options = parser.parse_args()
    program = nncc.Nncc(options.nncc, timeout=options.time + 600)
    with tempfile.TemporaryDirectory(prefix="nncc-cost-") as folder:
        model, tuning = Path(folder) / "shapes.onnx", Path(folder) / "tuning.json"
        onnx.save(network().model(), model)
        cpu = [f"--cpu={options.cpu}"] if options.cpu else []
        print(program.call("tune", model, "-o", tuning, f"--time={options.time}", *cpu).stdout)
        document = json.loads(tuning.read_text())
    kernels, candidates = (document["measured"][name] for name in ("kernels", "candidates"))
    gains = [entry["us_default"] / entry["us"] for entry in document["kernels"]]
    mean = math.exp(sum(map(math.log, gains)) / kernels)
    for entry, gain in sorted(zip(document["kernels"], gains), key=lambda pair: -pair[1]):
        print(f"{gain:5.2f} x  {entry['kernel'].split(' {')[0]}: {', '.join(f'{k} {v}' for k, v in entry.items() if k not in ('cpu', 'kernel', 'us', 'us_default'))}")
    print(f"{kernels} shapes, {candidates / kernels:.0f} candidates of each: {mean:.3f} times as long as the best, geometric mean")
    return mean > options.most


if __name__ == "__main__":
    sys.exit(main())
