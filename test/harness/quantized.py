"""What onnxruntime's quantizer writes, each op fed onnxruntime's own tensors: the bits of docs/quantization.md.

    quantized.py [--network NAME] [--target both]

Networks of a few layers are quantized by quantize_static in both formats and all types. Every quantized tensor of such a file becomes
an output, and whoever reads it reads an input that holds what onnxruntime computed: one wrong step is one wrong op.
"""
import argparse
import itertools
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, shape_inference
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

import fake_quantized
import nncc
import oracle
from random_ops import Graph, numbers

NETWORKS: dict = {}
# A table is right in f64 and rounded once; onnxruntime computes these in f32. A softmax is floats on both sides.
APPROXIMATE = {"Sigmoid", "QLinearSigmoid", "LeakyRelu", "QLinearLeakyRelu", "Tanh", "HardSwish", "HardSigmoid", "Softmax", "QLinearSoftmax",
               "ReduceMean", "Resize", "Gelu"}
RARELY = 1e-5
# Where input and result have one scale a quarter of the means are ties; onnxruntime's fall as its sums of floats were rounded.
TIES = {"AveragePool", "QLinearAveragePool"}
FEW = 0.05
# A bias that is rounded to a step of sums moves a result by half a step of those: how many of its own steps that takes to the next one.
SELDOM = 0.01
OF_TORCH = {"residual"}  # networks that are written as fake_quantized.py does, too


def network(build):
    """Registers a function that builds a network: it takes a random number source and a Graph."""
    NETWORKS[build.__name__.replace("_", "-")] = build
    return build


def conv(random, g, x, outputs, inputs, size, bias=True, **attributes):
    """A convolution with weights of another scale for each output channel."""
    weights = numbers(random, [outputs, inputs, *size]) * random.uniform(0.1, 1, [outputs] + [1] * (len(size) + 1)).astype(np.float32)
    return g.node("Conv", [x, g.constant(weights)] + ([g.constant(numbers(random, [outputs]))] if bias else []), **attributes)


@network
def residual(random, g):
    """Borders, strides, a depthwise convolution, a sum, limits, a global mean, a product of matrices."""
    x = g.node("Relu", [conv(random, g, g.input(numbers(random, [1, 3, 9, 7])), 10, 3, (3, 3), pads=[1, 1, 1, 1])])
    y = g.node("Clip", [conv(random, g, x, 10, 1, (3, 3), group=10, pads=[1, 0, 2, 1], strides=[2, 1]), g.constant(np.float32(0)), g.constant(np.float32(1.5))])
    y = conv(random, g, y, 10, 10, (1, 1), bias=False)
    z = conv(random, g, x, 10, 10, (2, 2), pads=[1, 0, 1, 1], strides=[2, 1], dilations=[1, 2], bias=False)
    x = g.node("Relu", [g.node("Add", [y, z])])
    flat = g.node("Flatten", [g.node("GlobalAveragePool", [x])])
    g.output(g.node("Gemm", [flat, g.constant(numbers(random, [5, 10])), g.constant(numbers(random, [5]))], transB=1))


@network
def pieces(random, g):
    """Pools, pieces joined and cut, gates, functions of one value."""
    x = conv(random, g, g.input(numbers(random, [2, 3, 8, 6])), 4, 3, (1, 1))
    most, mean = g.node("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2]), g.node("AveragePool", [x], kernel_shape=[2, 2], strides=[2, 2])
    x = g.node("Concat", [g.node("Sigmoid", [most]), g.node("LeakyRelu", [mean], alpha=0.1)], axis=1)
    gate = g.node("Sigmoid", [conv(random, g, g.node("GlobalAveragePool", [x]), 8, 8, (1, 1))])
    x = g.node("Mul", [x, gate])
    x = conv(random, g, x, 6, 4, (3, 1), group=2)
    x = g.node("Transpose", [g.node("Mul", [x, g.node("HardSigmoid", [x])])], perm=[0, 2, 3, 1])
    g.output(g.node("Softmax", [g.node("Reshape", [x, g.constant(np.array([2, 6, -1], np.int64))])], axis=-1))


@network
def attention(random, g):
    """Products of two tensors that are computed, a bias behind one, rows of a sequence in one dimension."""
    x = g.input(numbers(random, [2, 5, 12]))
    q, k = (g.node("Add", [g.node("MatMul", [x, g.constant(numbers(random, [12, 8]))]), g.constant(numbers(random, [8]))]) for _ in range(2))
    scores = g.node("Softmax", [g.node("MatMul", [q, g.node("Transpose", [k], perm=[0, 2, 1])])], axis=-1)
    y = g.node("MatMul", [scores, q])
    g.output(g.node("Relu", [conv(random, g, g.node("Transpose", [y], perm=[0, 2, 1]), 6, 8, (3,), pads=[1, 1])]))


@network
def slopes(random, g):
    """A slope for each channel behind a convolution of images, a depthwise one and products whose lengths end trips in the middle."""
    x = g.input(numbers(random, [1, 3, 9, 8]))
    for weights in ({"outputs": 22, "inputs": 3, "size": (3, 3), "pads": [1, 1, 1, 1], "strides": [1, 1]},
                    {"outputs": 22, "inputs": 1, "size": (3, 3), "pads": [1, 1, 1, 1], "group": 22}, {"outputs": 13, "inputs": 22, "size": (1, 1)},
                    {"outputs": 5, "inputs": 13, "size": (1, 1)}):
        x = conv(random, g, x, **weights)
        x = g.node("PRelu", [x, g.constant(numbers(random, [weights["outputs"], 1, 1]))])
    g.output(x)


class Samples(CalibrationDataReader):
    """Inputs like those of a graph, and these themselves."""

    def __init__(self, random, inputs, count=3):
        others = [{name: numbers(random, value.shape) for name, value in inputs.items()} for _ in range(count)]
        self.samples = iter([inputs, *others])

    def get_next(self):
        return next(self.samples, None)


def is_quantized(node) -> bool:
    """True for a node whose result is a quantized tensor that onnxruntime's kernel makes by itself."""
    return node.op_type in ("QuantizeLinear", "QGemm") or node.op_type.startswith("QLinear")


def with_outputs(model: onnx.ModelProto, names) -> onnx.ModelProto:
    """The model with these tensors as its outputs."""
    known = {value.name: value for value in shape_inference.infer_shapes(model).graph.value_info} | {v.name: v for v in model.graph.output}
    result = onnx.ModelProto()
    result.CopyFrom(model)
    del result.graph.output[:]
    result.graph.output.extend(known.get(name, onnx.ValueInfoProto(name=name)) for name in names)
    return result


def cut(model: onnx.ModelProto, values: dict[str, np.ndarray]) -> onnx.ModelProto:
    """The model in which whoever reads one of the tensors reads an input of its own, `NAME.given`."""
    result = with_outputs(model, values)
    del result.graph.output[:], result.graph.value_info[:]
    for name, value in values.items():
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        result.graph.output.append(helper.make_tensor_value_info(name, kind, value.shape))
        result.graph.input.append(helper.make_tensor_value_info(f"{name}.given", kind, value.shape))
    for node in result.graph.node:
        for index, name in enumerate(node.input):
            if name in values:
                node.input[index] = f"{name}.given"
    read = {name for node in result.graph.node for name in node.input}
    kept = [value for value in result.graph.input if value.name in read]
    del result.graph.input[:]
    result.graph.input.extend(kept)
    return result


def op_behind(model: onnx.ModelProto, name: str) -> str:
    """The operator that a quantized tensor is the result of: what a QuantizeLinear reads, or the node itself."""
    makers = {output: node for node in model.graph.node for output in node.output}
    node = makers[name]
    return makers[node.input[0]].op_type if node.op_type == "QuantizeLinear" and node.input[0] in makers else node.op_type


def check(program: nncc.Nncc, path: Path, inputs: dict, ops: Counter, biases_round: bool = False) -> list[str]:
    """What is wrong with a quantized file.

    biases_round  what is added behind a convolution is floats in the file, and steps of its sums in the library
    """
    model = onnx.load(path)
    constants = {weight.name for weight in model.graph.initializer}
    names = [output for node in model.graph.node if is_quantized(node) and node.input[0] not in constants for output in node.output]
    values = oracle.run(with_outputs(model, names).SerializeToString(), inputs, oracle.OPTIMIZED)
    each = cut(model, values)
    given = inputs | {f"{name}.given": value for name, value in values.items()}
    # Its kernel for a softmax of bytes cuts off instead of rounding; its operators one by one do not.
    real = oracle.run(each.SerializeToString(), given, oracle.NODE_BY_NODE)
    values = {name: real[name] if op_behind(model, name) in APPROXIMATE else value for name, value in values.items()}
    file = path.with_suffix(".cut.onnx")
    onnx.save(each, file)
    try:
        outputs = program.run(file, {value.name: given[value.name] for value in each.graph.input}).outputs
    except nncc.NnccError as error:
        return [str(error)]
    failures = []
    for name, expected in values.items():
        op, steps = op_behind(model, name), outputs[name].astype(int) - expected.astype(int)
        ops[op] += 1
        allowed = max(1, RARELY * steps.size) if op in APPROXIMATE else FEW * steps.size if op in TIES else SELDOM * steps.size if biases_round else 0
        if np.count_nonzero(steps) > allowed or np.abs(steps).max() > 1:
            failures.append(f"{name} ({op}): {np.count_nonzero(steps)} of {steps.size} elements differ, by up to {np.abs(steps).max()} steps")
    return failures


def halves(program: nncc.Nncc, path: Path) -> list[str]:
    """What is wrong with QuantizeLinear next to numbers whose quotients lie halfway between steps, and at the ends."""
    graph, expected = Graph(opset=21), {}
    for scale, zero in ((0.1, np.uint8(7)), (1, np.uint8(0)), (0.5, np.int8(-3)), (0.0039215689, np.uint8(255)), (3e-33, np.int8(5)), (0.7, np.int16(-9)),
                        (1.3e-4, np.uint16(40000))):
        scale, kind = np.float32(scale), np.iinfo(type(zero))
        steps = np.unique(np.concatenate([np.arange(kind.min, kind.max, max(1, (kind.max - kind.min) // 300)), [kind.min - 1, kind.max]]) - int(zero))
        x = ((steps + 0.5) * np.float64(scale)).astype(np.float32)
        below, above = np.nextafter(x, np.float32(-np.inf)), np.nextafter(x, np.float32(np.inf))
        x = np.concatenate([x, below, above, np.float32([0, -0.0, np.inf, -np.inf, np.nan, 3e38, -3e38, 1e-40])])
        with np.errstate(over="ignore"):
            quotient = np.nan_to_num(np.rint(x / scale).astype(np.float64), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
        name = graph.node("QuantizeLinear", [graph.input(x), graph.constant(scale), graph.constant(zero)])
        graph.output(name, zero.dtype)
        expected[name] = np.clip(quotient + int(zero), kind.min, kind.max).astype(zero.dtype)
    onnx.save(graph.model(), path)
    outputs = program.run(path, graph.inputs).outputs
    return [f"{name}: {np.count_nonzero(outputs[name] != value)} of {value.size} halves differ" for name, value in expected.items()
            if not np.array_equal(outputs[name], value)]


def complain_about_floats(program: nncc.Nncc, path: Path) -> list[str]:
    """Convolutions and products that the compiler leaves to floats."""
    text = program.call("compile", path, "--emit=mlir", "--stop-after=N2", f"--target={program.target}", *program.flags).stdout
    floats = [line for line in text.splitlines() if re.search(r"nn\.(conv2d|matmul) .*-> tensor<[0-9x]*f32>", line)]
    return [f"{len(floats)} convolutions and products are floats: {floats[0].strip()}"] if floats else []


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=list(NETWORKS))
    parser.add_argument("--target", choices=["x86_64", "aarch64", "both"], default="x86_64")
    parser.add_argument("--cpu")
    nncc.add_arguments(parser)
    options = parser.parse_args()
    count, failed, ops = 0, 0, Counter()
    kinds = [(QuantType.QUInt8, QuantType.QInt8, True), (QuantType.QInt8, QuantType.QInt8, False), (QuantType.QUInt8, QuantType.QUInt8, False)]
    with tempfile.TemporaryDirectory(prefix="nncc-quantized-") as folder:
        for target in nncc.targets_of(options.target):
            program = nncc.Nncc(options.nncc, target, flags=[f"--cpu={options.cpu}"] if options.cpu else [])
            failures = halves(program, Path(folder) / "halves.onnx")
            count, failed = count + 1, failed + bool(failures)
            for failure in failures:
                print(f"{target} {failure}", file=sys.stderr)
        for name, build in NETWORKS.items():
            if options.network not in (None, name):
                continue
            random, graph = np.random.default_rng(1), Graph(opset=17)
            build(random, graph)
            path = Path(folder) / f"{name}.onnx"
            onnx.save(shape_inference.infer_shapes(graph.model()), path)
            for form, (activations, weights, per_channel) in itertools.product((QuantFormat.QDQ, QuantFormat.QOperator), kinds):
                case = f"{name} {form.name} {activations.name} {weights.name}"
                quantized = Path(folder) / f"{case.replace(' ', '-')}.onnx"
                quantize_static(path, quantized, Samples(random, graph.inputs), quant_format=form, activation_type=activations,
                                weight_type=weights, per_channel=per_channel, calibrate_method=CalibrationMethod.MinMax)
                for target in nncc.targets_of(options.target):
                    program = nncc.Nncc(options.nncc, target, flags=[f"--cpu={options.cpu}"] if options.cpu else [])
                    failures = check(program, quantized, graph.inputs, ops)
                    count, failed = count + 1, failed + bool(failures)
                    for failure in failures:
                        print(f"{target} {case}: {failure}", file=sys.stderr)
            if name in OF_TORCH:
                quantized = Path(folder) / f"{name}-torch.onnx"
                onnx.save(fake_quantized.fake_quantize(onnx.load(path), graph.inputs), quantized)
                for target in nncc.targets_of(options.target):
                    program = nncc.Nncc(options.nncc, target, flags=[f"--cpu={options.cpu}"] if options.cpu else [])
                    failures = check(program, quantized, graph.inputs, ops, biases_round=True)
                    failures += complain_about_floats(program, quantized)
                    count, failed = count + 1, failed + bool(failures)
                    for failure in failures:
                        print(f"{target} {name} torch: {failure}", file=sys.stderr)
    print(", ".join(f"{op} {number}" for op, number in sorted(ops.items())))
    print(f"{count - failed} of {count} files are right")
    sys.exit(failed > 0 or not count)


if __name__ == "__main__":
    main()
