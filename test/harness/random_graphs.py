"""Random graphs against onnxruntime: what fusion, layout and the memory plan do to convolutions, additions, concatenations and views.

    random_graphs.py --cases 30 --seed 1 [--target both]

On x86-64 each graph is compiled to a library and runs three times: at once, kernel by kernel with all memory that the plan calls
dead filled with NaN in between, and at once again; then with all kernels cut into parts that run backwards. On AArch64 `nncc run` runs it under qemu. Guards lie around all memory.
"""
import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import shape_inference

import compare
import library
import nncc
import oracle
from random_ops import Graph, numbers, pick


class GraphBuilder:
    """Grows a graph of NCHW tensors step by step; `tensors` maps the names made so far to their shapes."""

    def __init__(self, random, steps: int):
        self.random, self.graph = random, Graph()
        self.tensors: dict[str, tuple[int, ...]] = {}
        self.used: set[str] = set()
        for _ in range(pick(random, [1, 1, 2])):
            shape = (1, pick(random, [3, 4, 8, 16]), *(int(v) for v in random.choice(np.arange(5, 18), 2, replace=False)))
            self.tensors[self.graph.input(numbers(random, shape))] = shape
        for _ in range(steps):
            pick(random, STEPS)(self)
        leaves = [name for name in self.tensors if name not in self.used and name not in self.graph.inputs]
        others = [name for name in self.tensors if name in self.used and name not in self.graph.inputs]
        extra = [pick(random, others)] if others and random.random() < 0.4 else []
        for name in leaves + extra:
            self.graph.output(name)

    def any(self, rank=None, where=lambda shape: True) -> str | None:
        """A tensor made so far, recent ones more often, or None when no one fits."""
        fitting = [name for name, shape in self.tensors.items() if (rank is None or len(shape) == rank) and where(shape)]
        if not fitting:
            return None
        at = int(len(fitting) * (1 - self.random.random() ** 2))
        name = fitting[min(at, len(fitting) - 1)]
        self.used.add(name)
        return name

    def add(self, op: str, operands: list[str], shape, **attributes) -> str:
        """Adds a node whose result has the given shape."""
        name = self.graph.node(op, operands, **attributes)
        self.tensors[name] = tuple(int(extent) for extent in shape)
        return name

    def conv(self):
        """A convolution: 1x1, 3x3, strided, depthwise; often with an activation."""
        value = self.any(4, lambda s: s[2] >= 2 and s[3] >= 2)
        if value is None:
            return
        n, c, h, w = self.tensors[value]
        kind = pick(self.random, ["1x1", "3x3", "3x3", "depthwise", "stride", "valid"])
        outputs = c if kind == "depthwise" else pick(self.random, [3, 4, 8, c, c])
        k = 1 if kind == "1x1" else 3
        stride = 2 if kind == "stride" else 1
        pad = 0 if kind in ("1x1", "valid") else 1
        if h + 2 * pad < k or w + 2 * pad < k:
            return
        per_group = 1 if kind == "depthwise" else c
        scale = (3 / (per_group * k * k)) ** 0.5
        operands = [value, self.graph.constant(numbers(self.random, [outputs, per_group, k, k], -scale, scale))]
        if self.random.random() < 0.7:
            operands.append(self.graph.constant(numbers(self.random, [outputs], -0.2, 0.2)))
        extents = [(e + 2 * pad - k) // stride + 1 for e in (h, w)]
        made = self.add("Conv", operands, [n, outputs, *extents], group=c if kind == "depthwise" else 1, kernel_shape=[k, k],
                        strides=[stride] * 2, pads=[pad] * 4)
        if self.random.random() < 0.5:
            self.used.add(made)
            self.add(pick(self.random, ["Relu", "Relu", "LeakyRelu", "Sigmoid"]), [made], self.tensors[made])

    def unary(self):
        """An activation, of a tensor that others may use, too."""
        value = self.any()
        self.add(pick(self.random, ["Relu", "Sigmoid", "Tanh", "LeakyRelu", "Neg", "Abs"]), [value], self.tensors[value])

    def binary(self):
        """Add, Mul, Sub or Max of equal shapes (possibly one tensor twice), or with a constant or a per-channel vector."""
        value = self.any()
        shape = self.tensors[value]
        other = self.any(where=lambda s: s == shape)
        if self.random.random() < 0.25:
            vector = [1] * len(shape)
            vector[1 % len(shape)] = shape[1 % len(shape)]
            other = self.graph.constant(numbers(self.random, vector, 0.5, 1.5))
        operands = [value, other] if self.random.random() < 0.5 else [other, value]
        self.add(pick(self.random, ["Add", "Add", "Add", "Mul", "Sub", "Max"]), operands, shape)

    def concat(self):
        """Concat of two to four tensors along channels or another axis; one of them may come twice."""
        value = self.any()
        shape = self.tensors[value]
        axis = 1 % len(shape) if self.random.random() < 0.7 else int(self.random.integers(0, len(shape)))
        parts = [value]
        for _ in range(int(self.random.integers(1, 4))):
            parts.append(self.any(where=lambda s: len(s) == len(shape) and all(a == b or i == axis for i, (a, b) in enumerate(zip(s, shape)))))
        total = sum(self.tensors[part][axis] for part in parts)
        if total <= 64:
            self.add("Concat", parts, [total if i == axis else extent for i, extent in enumerate(shape)], axis=axis)

    def slice(self):
        """A slice of channels or rows, sometimes of every second."""
        value = self.any(where=lambda s: max(s) > 2)
        if value is None:
            return
        shape = list(self.tensors[value])
        axis = pick(self.random, [i for i, extent in enumerate(shape) if extent > 2])
        low, high = sorted(int(v) for v in self.random.choice(shape[axis] + 1, 2, replace=False))
        step = pick(self.random, [1, 1, 1, 2])
        operands = [value] + [self.graph.constant(np.array([v], np.int64)) for v in (low, high, axis, step)]
        shape[axis] = -(-(high - low) // step)
        self.add("Slice", operands, shape)

    def split(self):
        """Split in two, both parts used or not."""
        value = self.any(4, lambda s: s[1] >= 2)
        if value is None:
            return
        n, c, h, w = self.tensors[value]
        first = int(self.random.integers(1, c))
        parts = self.graph.node("Split", [value, self.graph.constant(np.array([first, c - first], np.int64))], results=2, axis=1)
        for part, channels in zip(parts, (first, c - first)):
            self.tensors[part] = (n, channels, h, w)

    def transpose(self):
        """Any permutation."""
        value = self.any(where=lambda s: len(s) >= 3)
        if value is None:
            return
        shape = self.tensors[value]
        perm = [0, *(1 + int(p) for p in self.random.permutation(len(shape) - 1))]
        self.add("Transpose", [value], [shape[p] for p in perm], perm=perm)

    def reshape(self):
        """To three dims and back to four, or a flat vector."""
        value = self.any()
        shape = self.tensors[value]
        if len(shape) == 4:
            target = (*shape[:2], shape[2] * shape[3])
        elif len(shape) == 3:
            target = (*shape[:2], 1, shape[2])
        else:
            target = shape
        self.add("Reshape", [value, self.graph.constant(np.array(target, np.int64))], target)

    def pool(self):
        """MaxPool or AveragePool, the shape kept or halved."""
        value = self.any(4, lambda s: s[2] >= 4 and s[3] >= 4)
        if value is None:
            return
        n, c, h, w = self.tensors[value]
        op = pick(self.random, ["MaxPool", "AveragePool"])
        if self.random.random() < 0.5:
            self.add(op, [value], [n, c, h // 2, w // 2], kernel_shape=[2, 2], strides=[2, 2])
        else:
            self.add(op, [value], [n, c, h, w], kernel_shape=[3, 3], pads=[1, 1, 1, 1])

    def pad(self):
        """Zeros around rows and columns, or behind the channels as BlazeFace has them."""
        value = self.any(4)
        if value is None:
            return
        pads = pick(self.random, [[0, 0, 1, 0, 0, 0, 0, 2], [0, 0, 0, 0, 0, 4, 0, 0]])
        shape = [extent + pads[i] + pads[i + 4] for i, extent in enumerate(self.tensors[value])]
        self.add("Pad", [value, self.graph.constant(np.array(pads, np.int64))], shape)

    def squeeze_excite(self):
        """The gate of mobile networks: global average, 1x1, sigmoid, multiplied with what it came from."""
        value = self.any(4)
        if value is None:
            return
        n, c, h, w = self.tensors[value]
        mean = self.graph.node("GlobalAveragePool", [value])
        gate = self.graph.node("Conv", [mean, self.graph.constant(numbers(self.random, [c, c, 1, 1]))], kernel_shape=[1, 1])
        self.add("Mul", [value, self.graph.node("Sigmoid", [gate])], self.tensors[value])

    def batch_norm(self):
        """A BatchNormalization that no convolution takes."""
        value = self.any(4)
        if value is None:
            return
        c = self.tensors[value][1]
        ranges = ((0.5, 1.5), (-0.5, 0.5), (-0.5, 0.5), (0.5, 2))
        self.add("BatchNormalization", [value] + [self.graph.constant(numbers(self.random, [c], *r)) for r in ranges], self.tensors[value])

    def softmax(self):
        """Softmax, or a mean that keeps its dims."""
        value = self.any(where=lambda s: len(s) >= 2)
        shape = list(self.tensors[value])
        axis = int(self.random.integers(1, len(shape)))
        if self.random.random() < 0.5:
            self.add("Softmax", [value], shape, axis=axis)
        else:
            shape[axis] = 1
            self.add("ReduceMean", [value], shape, axes=[axis], keepdims=1)

    def identity(self):
        """Identity: two names for one tensor."""
        value = self.any()
        self.add("Identity", [value], self.tensors[value])


STEPS = ([GraphBuilder.conv] * 6 + [GraphBuilder.unary] * 2 + [GraphBuilder.binary] * 5 + [GraphBuilder.concat] * 4 + [GraphBuilder.slice] * 3
         + [GraphBuilder.split] * 2 + [GraphBuilder.transpose] * 3 + [GraphBuilder.reshape] * 2 + [GraphBuilder.pool] * 2 + [GraphBuilder.pad] * 2
         + [GraphBuilder.squeeze_excite, GraphBuilder.batch_norm, GraphBuilder.softmax, GraphBuilder.identity])


def make_case(seed: int) -> tuple[onnx.ModelProto, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A random model, its inputs, and what onnxruntime makes of them."""
    for attempt in range(100):
        random = np.random.default_rng([seed, attempt])
        graph = GraphBuilder(random, int(random.integers(4, 22))).graph
        if not graph.outputs:
            continue
        model = shape_inference.infer_shapes(graph.model())
        expected = oracle.run(model.SerializeToString(), graph.inputs)
        if all(value.size and not compare.invalid_reference(value) for value in expected.values()):
            return model, graph.inputs, expected
    raise RuntimeError(f"seed {seed}: 100 attempts gave only constant outputs")


def first_difference(got: dict, expected: dict, limit: float | None = None) -> str | None:
    """What is wrong with some outputs, or None. `limit`: of their range, as for difference_of_halves."""
    def difference(value: np.ndarray, reference: np.ndarray) -> str | None:
        return compare.difference_of_halves(value, reference, limit) if limit else compare.difference(value, reference)

    return next((f"output '{name}': {wrong}" for name, reference in expected.items() if (wrong := difference(got[name], reference))), None)


def run_in_process(program: nncc.Nncc, path: Path, folder: Path, inputs: dict, expected: dict, limit: float | None = None) -> str | None:
    """Compiles a model, loads the library and runs it three ways; returns what is wrong, or None. `limit` as for first_difference."""
    manifest = program.compile(path, folder, "--name=random_graph").manifest
    loaded = library.load(folder, "random_graph")
    at_once = loaded.run(inputs)
    wrong = first_difference(at_once, expected, limit)
    if wrong:
        return wrong
    stepped = library.run_spoiling_dead_memory(loaded, inputs, manifest)
    wrong = first_difference(stepped, expected, limit)
    if wrong:
        return f"kernel by kernel, dead memory spoiled: {wrong}"
    if any(not np.array_equal(value, at_once[name]) for name, value in stepped.items()):
        return "kernel by kernel gives other bits than at once"
    wrong = first_difference(loaded.run(inputs), at_once)
    if wrong:
        return f"the second run: {wrong}"
    # All that can be cut is, and runs whole and in parts: the same bits.
    program.compile(path, folder / "cut", "--name=random_graph", "--part-work=1")
    for parts in (1, 2, 3, 7):
        in_parts = library.load(folder / "cut", "random_graph", library.backwards(parts)).run(inputs)
        if any(value.tobytes() != at_once[name].tobytes() for name, value in in_parts.items()):
            return f"in {parts} parts, backwards: other bits than at once"
    return None


def run_case(program: nncc.Nncc, seed: int, keep: Path | None) -> str | None:
    """Runs one random graph; returns what is wrong, or None."""
    model, inputs, expected = make_case(seed)
    with tempfile.TemporaryDirectory(prefix="nncc-graph-") as scratch:
        path = Path(scratch) / f"graph-{seed}.onnx"
        onnx.save(model, path)
        try:
            if program.target == nncc.X86_64:
                failure = run_in_process(program, path, Path(scratch) / "out", inputs, expected)
            else:
                failure = first_difference(program.run(path, inputs).outputs, expected)
        except (nncc.NnccError, RuntimeError) as error:
            failure = str(error)
        if failure and keep:
            keep.mkdir(parents=True, exist_ok=True)
            path.replace(keep / path.name)
            for name, value in inputs.items():
                np.save(keep / f"graph-{seed}.{name}.npy", value)
    return failure


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first graph; the others count up")
    parser.add_argument("--target", choices=["x86_64", "aarch64", "both"], default="x86_64")
    parser.add_argument("--keep", type=Path, help="folder for models that fail")
    nncc.add_arguments(parser)
    options = parser.parse_args()
    failures = 0
    for target in nncc.targets_of(options.target):
        program, reasons = nncc.Nncc(options.nncc, target), {}
        for seed in range(options.seed, options.seed + options.cases):
            failure = run_case(program, seed, options.keep)
            if failure:
                reasons.setdefault(nncc.without_details(failure), []).append((seed, failure))
        failed = sum(len(found) for found in reasons.values())
        print(f"random graphs {target.split('-')[0]}: {options.cases - failed} of {options.cases} right", flush=True)
        for found in sorted(reasons.values(), key=len, reverse=True):
            seed, failure = found[0]
            print(f"  FAIL {len(found)}x --seed {seed} --cases 1: {failure}"
                  + (f"; also seeds {', '.join(str(s) for s, _ in found[1:6])}" if len(found) > 1 else ""))
        failures += failed
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
