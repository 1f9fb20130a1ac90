"""nncc quantize: the file is one that onnxruntime runs, what it computes is close to the float model, and nncc computes the same.

    quantize.py [--case NAME]

`digits` counts right answers on digits that no range was found on. The others are small networks: of old opsets, whose nodes are written
anew, with norms, factors and biases to fold, with contractions of every kind, with a bound that some of them keep only as floats.
"""
import argparse
import json
import re
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference

import compare
import models
import nncc
import oracle
from random_ops import Graph, numbers

CASES: dict = {}
SAMPLES = 16
# A step of a digit is 1 / 360: at most one answer is lost.
DIGITS_LOST = 0.003
LEAST_COSINE = 0.999
MOST_OF_PLAIN = 0.5  # of the error by one way to find ranges, where tensors have grids of their own


def case(build):
    """Registers a function that builds a network: it takes a random number source and returns a Graph."""
    CASES[build.__name__.replace("_", "-")] = build
    return build


def conv(random, g, x, outputs, inputs, size, bias=True, **attributes):
    """A convolution with weights of another scale for each output channel."""
    weights = numbers(random, [outputs, inputs, *size]) * random.uniform(0.1, 1, [outputs] + [1] * (len(size) + 1)).astype(np.float32)
    return g.node("Conv", [x, g.constant(weights)] + ([g.constant(numbers(random, [outputs]))] if bias else []), **attributes)


@case
def old_attributes(random):
    """Opset 9: what became inputs since, a softmax over several dims, Upsample."""
    g = Graph(opset=9)
    x = conv(random, g, g.input(numbers(random, [1, 3, 9, 7])), 8, 3, (3, 3))
    x = g.node("Clip", [x], min=-1.0, max=2.5)
    x = g.node("Pad", [x], pads=[0, 0, 1, 0, 0, 0, 1, 2], value=0.5)
    x = g.node("Slice", [x], starts=[1, 0], ends=[8, 6], axes=[2, 3])
    x = g.node("Upsample", [x, g.constant(np.array([1, 1, 2, 3], np.float32))], mode="nearest")
    left, right = g.node("Split", [x], 2, axis=1, split=[3, 5])
    left = g.node("Softmax", [left], axis=2)
    right = g.node("Unsqueeze", [g.node("ReduceSum", [right], axes=[1], keepdims=0)], axes=[1])
    g.output(conv(random, g, g.node("Concat", [left, right], axis=1), 5, 4, (1, 1), bias=False))
    return g


@case
def folded(random):
    """A norm behind a convolution, one in front of it, the factors of a Gemm, a bias for channels without weights."""
    g = Graph(opset=13)
    def norm(x, channels):
        return g.node("BatchNormalization", [x, *(g.constant(numbers(random, [channels])) for _ in range(3)), g.constant(np.abs(numbers(random, [channels])) + 0.5)])
    x = norm(conv(random, g, g.input(numbers(random, [1, 3, 8, 6])), 6, 3, (3, 3), pads=[1, 1, 1, 1]), 6)
    x = g.node("Relu", [norm(g.node("Relu", [x]), 6)])
    weights = numbers(random, [6, 1, 3, 3])
    weights[2] = 0
    x = g.node("Relu", [g.node("Conv", [x, g.constant(weights), g.constant(numbers(random, [6]))], group=6)])
    x = g.node("Flatten", [x])
    g.output(g.node("Gemm", [x, g.constant(numbers(random, [7, 144])), g.constant(numbers(random, [7]))], transB=1, alpha=0.25, beta=3.0))
    return g


@case
def every_kind(random):
    """ConvTranspose, groups, one tensor read twice, MatMul in three dims, a sum that stays float."""
    g = Graph(opset=17)
    x = g.node("LeakyRelu", [conv(random, g, g.input(numbers(random, [1, 4, 5, 6])), 6, 4, (1, 1))], alpha=0.1)
    y = g.node("Add", [conv(random, g, x, 6, 2, (3, 3), group=3, pads=[1, 1, 1, 1]), conv(random, g, x, 6, 6, (1, 1))])
    y = g.node("ConvTranspose", [y, g.constant(numbers(random, [6, 2, 2, 2])), g.constant(numbers(random, [4]))], strides=[2, 2], group=2)
    y = g.node("Reshape", [g.node("Sigmoid", [y]), g.constant(np.array([1, 4, -1], np.int64))])
    y = g.node("Transpose", [y], perm=[0, 2, 1])
    y = g.node("Add", [g.node("MatMul", [y, g.constant(numbers(random, [4, 9]))]), g.constant(numbers(random, [9]))])
    g.output(y)
    return g


@case
def halves(random):
    """Floats of 16 bits, in and out; a product of floats of 32 whose weights stand behind a Cast; an output that is read inside."""
    def half(*shape):
        return g.constant(numbers(random, shape).astype(np.float16))
    g = Graph(opset=17)
    x = g.node("Conv", [g.input(numbers(random, [1, 3, 7, 5]).astype(np.float16)), half(8, 3, 3, 3), half(8)], pads=[1, 1, 1, 1])
    x = g.node("Relu", [g.node("Mul", [x, g.node("Constant", [], value=numpy_helper.from_array(np.float16(0.75)))])])
    g.output(x, np.float16)
    y = g.node("Cast", [g.node("Conv", [x, half(6, 8, 1, 1)])], to=TensorProto.FLOAT)
    g.output(g.node("MatMul", [y, g.node("Cast", [half(5, 4)], to=TensorProto.FLOAT)]))
    return g


def cosine(a, b) -> float:
    return compare.cosine(np.ravel(a).astype(np.float64), np.ravel(b).astype(np.float64))


def quantize(options, model: Path, data: dict[str, np.ndarray], out: Path, *flags) -> dict:
    """Quantizes a model by samples; twice, since the same samples give the same bytes. Returns the report."""
    program, samples, report = nncc.Nncc(options.nncc), out.with_suffix(".npz"), out.with_suffix(".json")
    np.savez(samples, **data)
    for file in (out, out.with_suffix(".again.onnx")):
        program.call("quantize", model, f"--data={samples}", "-o", file, f"--report={report}", *flags)
    if out.read_bytes() != out.with_suffix(".again.onnx").read_bytes():
        raise AssertionError("two runs write different files")
    return json.loads(report.read_text())


def complain_about_file(path: Path) -> list[str]:
    """What is wrong with the form of a quantized file: contractions read quantized tensors, and ONNX's checker agrees."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    makers = {output: node.op_type for node in model.graph.node for output in node.output}
    return [f"{node.op_type} '{node.name}' reads '{name}', which is not dequantized" for node in model.graph.node
            if node.op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul") for name in node.input if makers.get(name) != "DequantizeLinear"]


def check_small(options, name: str, folder: Path) -> list[str]:
    """A small network: the answers of float, of onnxruntime on the quantized file, and of nncc on that."""
    random = np.random.default_rng(7)
    graph = CASES[name](random)
    path, out = folder / f"{name}.onnx", folder / f"{name}.q.onnx"
    onnx.save(shape_inference.infer_shapes(graph.model()), path)
    (tensor, value), = graph.inputs.items()
    samples = np.concatenate([numbers(random, value.shape) for _ in range(SAMPLES)]).astype(value.dtype)
    report = quantize(options, path, {tensor: samples}, out)
    failures = complain_about_file(out)
    if len(report["outputs"]) != len(graph.outputs):
        failures.append(f"{len(report['outputs'])} of {len(graph.outputs)} outputs are measured")
    if report["quantized"] != report["contractions"]:
        failures.append(f"{report['quantized']} of {report['contractions']} contractions are quantized")
    # What is widened from 16 bits is found to be floats.
    if name == "halves" and not quantize(options, path, {tensor: samples}, folder / "size.q.onnx", "--optimize=size")["stored"]:
        failures.append("made for size, nothing more is stored in 8 bits")
    for index in range(3):
        inputs = {tensor: samples[index:index + 1]}
        float_answers, answers = oracle.run(path.read_bytes(), inputs), oracle.run(out.read_bytes(), inputs)
        ours = nncc.Nncc(options.nncc).run(out, inputs).outputs
        for key, expected in float_answers.items():
            if cosine(answers[key], expected) < LEAST_COSINE:
                failures.append(f"sample {index}, '{key}': cosine {cosine(answers[key], expected):.5f} to float")
            # Where a value lies between two steps, one of them may take the other: a step of one input of one product.
            if cosine(ours[key], answers[key]) < 0.9999:
                failures.append(f"sample {index}, '{key}': cosine {cosine(ours[key], answers[key]):.6f} between nncc and onnxruntime")
    return failures


def check_mixed(options, folder: Path) -> list[str]:
    """A bound that no full quantization keeps: some contractions stay float, those that do most, and the bound holds in onnxruntime."""
    random = np.random.default_rng(8)
    graph = every_kind(random)
    path, out = folder / "mixed.onnx", folder / "mixed.q.onnx"
    onnx.save(shape_inference.infer_shapes(graph.model()), path)
    (tensor, value), = graph.inputs.items()
    samples = np.concatenate([numbers(random, value.shape) for _ in range(SAMPLES)])
    report = quantize(options, path, {tensor: samples}, out, "--recipe=mixed", "--min-sqnr=50")
    shares = {raised: [entry["error_share"] for entry in report["tensors"] if entry["float"] == raised] for raised in (True, False)}
    failures = []
    if not 0 < report["quantized"] < report["contractions"]:
        failures.append(f"{report['quantized']} of {report['contractions']} contractions are quantized")
    elif min(shares[True]) < max(shares[False]):
        failures.append(f"what stays float does {shares[True]} of the error, what does not {shares[False]}")
    right, noise = 0.0, 0.0
    for sample in samples:
        answers = [next(iter(oracle.run(file.read_bytes(), {tensor: sample[None]}).values())).astype(np.float64) for file in (path, out)]
        right, noise = right + (answers[0] ** 2).sum(), noise + ((answers[0] - answers[1]) ** 2).sum()
    if 10 * np.log10(right / noise) < 49.9:
        failures.append(f"signal to noise is {10 * np.log10(right / noise):.2f} dB")
    return failures


def transformer(random) -> Graph:
    """Words and positions, a projection that three products read, a Gemm with factors, a table that a product reads, too."""
    g = Graph(opset=13)
    words = g.input(random.integers(0, 600, (2, 7)))
    table = numbers(random, [600, 24]) * random.uniform(0.1, 3, 24).astype(np.float32)
    tied = g.constant(numbers(random, [300, 24]))
    x = g.node("Add", [g.node("Gather", [g.constant(table), words]), g.node("Gather", [tied, g.node("Mod", [words, g.constant(np.array(300))])])])
    x = g.node("Tanh", [x])
    q, k, v = (g.node("MatMul", [x, g.constant(numbers(random, [24, 12]))]) for _ in range(3))
    scores = g.node("Softmax", [g.node("MatMul", [q, g.node("Transpose", [k], perm=[0, 2, 1])])], axis=-1)
    y = g.node("Reshape", [g.node("MatMul", [scores, v]), g.constant(np.array([14, 12], np.int64))])
    y = g.node("Gemm", [y, g.constant(numbers(random, [24, 12])), g.constant(numbers(random, [24]))], transB=1, alpha=0.5, beta=2.0)
    g.output(g.node("MatMul", [y, g.node("Transpose", [tied], perm=[1, 0])]))
    g.output(y)
    return g


def special_weights(random) -> Graph:
    """What stays float: a sum of steps that could pass 31 bits, weights and rows with infinities; and two products that share weights."""
    g = Graph(opset=13)
    x = g.input(numbers(random, (1, 66400)))
    long = g.node("MatMul", [x, g.constant(np.full((66400, 2), 0.01, np.float32))])
    limits = numbers(random, [2, 16])
    limits[1, 3] = np.inf
    g.output(g.node("Atan", [g.node("MatMul", [long, g.constant(limits)])]))
    mask = np.where(np.tri(80, dtype=bool), 0, -np.inf).astype(np.float32)
    g.output(g.node("Softmax", [g.node("Gather", [g.constant(mask), g.input(random.integers(0, 80, (3,)))])], axis=-1))
    shared = g.constant(numbers(random, [64, 64]) / 8)
    y = g.input(numbers(random, (2, 64)))
    g.output(g.node("MatMul", [g.node("Tanh", [g.node("MatMul", [y, shared])]), shared]))
    return g


def check_special(options, folder: Path) -> list[str]:
    """The dynamic recipe leaves float what steps cannot stand for, and writes shared weights once."""
    graph = special_weights(np.random.default_rng(12))
    path, out = folder / "special.onnx", folder / "special.q.onnx"
    onnx.save(shape_inference.infer_shapes(graph.model()), path)
    nncc.Nncc(options.nncc).call("quantize", path, "--recipe=int8-dynamic", "-o", out)
    ops = [node.op_type for node in onnx.load(out).graph.node]
    stored = sum(len(weight.raw_data) for weight in onnx.load(out).graph.initializer if weight.data_type == onnx.TensorProto.INT8)
    failures = []
    if (ops.count("MatMulInteger"), ops.count("MatMul"), ops.count("Gather"), "DequantizeLinear" in ops, stored) != (2, 2, 1, False, 64 * 64):
        failures.append(f"the file has {ops} and {stored} bytes of integers")
    expected = oracle.run(path.read_bytes(), graph.inputs)
    for file in (path, out):
        got = nncc.Nncc(options.nncc).run(file, graph.inputs).outputs
        failures += [f"{file.name}, '{key}': {got[key]} for {value}" for key, value in expected.items() if not np.allclose(got[key], value, atol=0.05)]
    return failures


def check_alike(options, folder: Path) -> list[str]:
    """Gemms of one name, which ONNX allows and onnxruntime does not, have each its own weights, of one constant with other factors, too."""
    random, graph = np.random.default_rng(14), Graph(opset=13)
    shared = graph.constant(numbers(random, [32, 32]))
    x = graph.input(numbers(random, [3, 32]))
    for weights, alpha in ((shared, 1.0), (shared, 0.25), (graph.constant(numbers(random, [32, 32])), 1.0)):
        graph.output(graph.node("Gemm", [x, weights], alpha=alpha))
    model = shape_inference.infer_shapes(graph.model())
    expected = oracle.run(model.SerializeToString(), graph.inputs)
    for node in model.graph.node:
        node.name = "layer"
    path, out, failures = folder / "alike.onnx", folder / "alike.q.onnx", []
    onnx.save(model, path)
    for recipe, least in (("int8-dynamic", LEAST_COSINE), ("int4-weights", 0.97)):
        nncc.Nncc(options.nncc).call("quantize", path, f"--recipe={recipe}", "-o", out)
        answers = nncc.Nncc(options.nncc).run(out, graph.inputs).outputs
        failures += [f"{recipe}, '{key}': {answers[key]} for {value}" for key, value in expected.items()
                     if cosine(answers[key], value) < least or not np.allclose(np.linalg.norm(answers[key]) / np.linalg.norm(value), 1, atol=0.1)]
    return failures


def check_pixels(options, folder: Path) -> list[str]:
    """Weights of convolutions of many channels stay small in the library, between others that are floats there; a sum of two of them."""
    random, graph = np.random.default_rng(16), Graph(opset=13)
    x = graph.node("Relu", [conv(random, graph, graph.input(numbers(random, [1, 3, 7, 5])), 128, 3, (3, 3), pads=[1, 1, 1, 1])])
    y = graph.node("Relu", [conv(random, graph, x, 136, 128, (1, 1))])
    y = graph.node("Add", [conv(random, graph, y, 128, 136, (1, 1), bias=False), x])
    graph.output(conv(random, graph, graph.node("HardSigmoid", [y]), 6, 128, (1, 1)))
    graph.output(conv(random, graph, y, 90, 128, (1, 1), strides=[2, 2]))
    graph.output(conv(random, graph, y, 64, 128, (3, 3)))
    path, out, program, failures = folder / "pixels.onnx", folder / "pixels.q.onnx", nncc.Nncc(options.nncc), []
    onnx.save(shape_inference.infer_shapes(graph.model()), path)
    floats = 4 * (128 * 27 + 6 * 128 + 128 + 136 + 6 + 90 + 64)  # and biases
    small = 2 * 128 * 136 + 90 * 128 + 64 * 128 * 9
    for recipe, size in (("int8-weights", 1), ("f16", 2), ("bf16", 2)):
        program.call("quantize", path, f"--recipe={recipe}", "-o", out)
        expected, ours = oracle.run(out.read_bytes(), graph.inputs), program.run(out, graph.inputs).outputs
        failures += [f"{recipe}, '{key}': {np.abs(ours[key] - value).max()} from onnxruntime" for key, value in expected.items()
                     if not np.allclose(ours[key], value, rtol=1e-4, atol=1e-4 * np.abs(value).max())]
        program.call("compile", out, "-o", folder / "pixels", "--name=net", "--cpu=x86-64-v3")
        stored = json.loads((folder / "pixels" / "net.json").read_text())["weights"]["bytes"]
        if stored > (floats + small * size) * 1.2:  # panels are filled up
            failures.append(f"{recipe}: the library has {stored} bytes of weights")
    return failures


def branches(random) -> Graph:
    """What lies between contractions: a sum, whose operand is a maximum of windows too, a gate, an activation of two parts, a concatenation with
    an enlarged image, a norm behind that, a mean."""
    g = Graph(opset=13)
    x = g.node("Relu", [conv(random, g, g.input(numbers(random, [1, 3, 32, 24])), 16, 3, (3, 3), pads=[1, 1, 1, 1])])
    y = conv(random, g, g.node("Relu", [conv(random, g, x, 24, 16, (1, 1))]), 16, 24, (3, 3), pads=[1, 1, 1, 1])
    y = g.node("Relu", [g.node("Add", [y, x])])
    gate = g.node("Relu", [conv(random, g, g.node("GlobalAveragePool", [y]), 8, 16, (1, 1))])
    gate = g.node("HardSigmoid", [conv(random, g, gate, 16, 8, (1, 1))])
    y = g.node("Mul", [y, gate])
    half = conv(random, g, g.node("MaxPool", [y], kernel_shape=[2, 2], strides=[2, 2]), 12, 16, (1, 1))
    half = g.node("Mul", [half, g.node("Sigmoid", [half])])
    half = g.node("Resize", [half, "", g.constant(np.array([1, 1, 2, 2], np.float32))], mode="nearest")
    y = g.node("Concat", [x, half, y], axis=1)
    norm = [g.constant(values) for values in (*(numbers(random, [44]) for _ in range(3)), np.abs(numbers(random, [44])) + 0.5)]
    y = g.node("Relu", [g.node("BatchNormalization", [y, *norm])])
    g.output(conv(random, g, y, 4, 44, (3, 3), pads=[1, 1, 1, 1]))
    return g


def check_size(options, folder: Path) -> list[str]:
    """Made for size, nothing as large as an image lies in memory as floats; the answers are nearly onnxruntime's, and the same on every CPU."""
    random = np.random.default_rng(18)
    graph = branches(random)
    path, out, plain, failures = folder / "size.onnx", folder / "size.q.onnx", folder / "plain.q.onnx", []
    onnx.save(shape_inference.infer_shapes(graph.model()), path)
    (tensor, value), = graph.inputs.items()
    data = {tensor: np.concatenate([numbers(random, value.shape) for _ in range(SAMPLES)])}
    report = quantize(options, path, data, out, "--optimize=size")
    failures += complain_about_file(out)
    if report["stored"] <= report["quantized"]:
        failures.append(f"{report['stored']} tensors are stored in 8 bits")
    programs = [nncc.Nncc(options.nncc, flags=["--cpu=x86-64-v3"]), nncc.Nncc(options.nncc, nncc.AARCH64)]
    samples, bound = f"--data={out.with_suffix('.npz')}", folder / "bound.q.onnx"
    programs[0].call("quantize", path, samples, "-o", plain, "--ranges=minmax")
    programs[0].call("quantize", path, samples, "-o", bound, "--ranges=minmax", "--optimize=size", "--recipe=mixed", "--min-cosine=0.9999")
    arenas = {file: programs[0].inspect(file)["plan"]["arena_bytes"] for file in (path, out, plain)}
    if arenas[out] > 0.27 * arenas[path] or arenas[plain] < 0.3 * arenas[path]:
        failures.append(f"arenas of {arenas.values()} bytes: floats, size, int8")
    right, answers, ours = [], [], []
    for index in range(3):
        inputs = {tensor: data[tensor][index:index + 1]}
        (name, expected), = oracle.run(path.read_bytes(), inputs).items()
        results = [program.run(out, inputs).outputs[name] for program in programs]
        right.append(expected), answers.append(oracle.run(out.read_bytes(), inputs)[name]), ours.append(results[0])
        if not np.array_equal(*results):
            failures.append(f"sample {index}: other numbers on AArch64")
    if cosine(answers, right) < 0.998 or cosine(ours, answers) < 0.9999:
        failures.append(f"cosine {cosine(answers, right):.5f} to float, {cosine(ours, answers):.6f} between nncc and onnxruntime")
    bound = [next(iter(oracle.run(bound.read_bytes(), {tensor: sample[None]}).values())) for sample in data[tensor][:3]]
    if cosine(bound, right) < 0.9998:
        failures.append(f"with a bound, cosine {cosine(bound, right):.5f} to float")
    statistics = folder / "size.json"
    programs[0].call("quantize", path, samples, f"--stats-out={statistics}", "--optimize=size")
    programs[0].call("quantize", path, f"--stats={statistics}", "--optimize=size", "-o", plain)
    if programs[0].inspect(plain)["plan"]["arena_bytes"] != arenas[out]:
        failures.append("by statistics alone, another arena")
    return failures


def check_large(options, folder: Path) -> list[str]:
    """Halves cannot hold some weights and a table: they stay floats, and are not counted as written."""
    random, graph = np.random.default_rng(15), Graph(opset=13)
    x = graph.input(numbers(random, [3, 64]))
    large, table = numbers(random, [64, 70]), numbers(random, [100, 70])
    large[5, 7] = table[20, 3] = 1e5
    y = graph.node("MatMul", [graph.node("Tanh", [graph.node("MatMul", [x, graph.constant(numbers(random, [64, 64]))])]), graph.constant(large)])
    graph.output(graph.node("Add", [y, graph.node("Gather", [graph.constant(table), graph.input(np.array([20, 7, 99]))])]))
    path, out, report, failures = folder / "large.onnx", folder / "large.q.onnx", folder / "report.json", []
    onnx.save(shape_inference.infer_shapes(graph.model()), path)
    expected = oracle.run(path.read_bytes(), graph.inputs)
    for recipe, written in (("f16", (1, 0)), ("bf16", (2, 1))):
        nncc.Nncc(options.nncc).call("quantize", path, f"--recipe={recipe}", "-o", out, f"--report={report}")
        said, answers = json.loads(report.read_text()), oracle.run(out.read_bytes(), graph.inputs)
        if (said["quantized"], said["tables"]) != written:
            failures.append(f"{recipe}: the report says {said['quantized']} products and {said['tables']} tables")
        failures += [f"{recipe}, '{key}': {answers[key]} for {value}" for key, value in expected.items() if not cosine(answers[key], value) > LEAST_COSINE]
    return failures


def check_tied(options, folder: Path) -> list[str]:
    """Weights of several products, given on by an Identity, are in a file once, and not as floats beside."""
    random, graph = np.random.default_rng(16), Graph(opset=13)
    x, weights = graph.input(numbers(random, [3, 64])), graph.constant(numbers(random, [64, 64]))
    for layer in range(3):
        x = graph.node("Tanh", [graph.node("MatMul", [x, graph.node("Identity", [weights]) if layer else weights])])
    graph.output(x)
    path, out, failures = folder / "tied.onnx", folder / "tied.q.onnx", []
    onnx.save(shape_inference.infer_shapes(graph.model()), path)
    expected = oracle.run(path.read_bytes(), graph.inputs)
    tensor, = graph.inputs
    np.savez(folder / "tied.npz", **{tensor: np.concatenate([numbers(random, [3, 64]) for _ in range(SAMPLES)])})
    data, keep = f"--data={folder / 'tied.npz'}", f"--keep={tensor}=f32"
    for recipe, size, *more in (("int8", 64 * 64, data), ("int8", 64 * 64, data, keep), ("int8-weights", 64 * 64), ("int8-dynamic", 64 * 64),
                                ("int4-weights", 64 * 64 // 2), ("f16", 64 * 64 * 2)):
        nncc.Nncc(options.nncc).call("quantize", path, f"--recipe={recipe}", "-o", out, *more)
        large = [len(tensor.raw_data) for tensor in onnx.load(out).graph.initializer if len(tensor.raw_data) > 1024]
        answers = oracle.run(out.read_bytes(), graph.inputs)
        floats = [64 * 64 * 4] if len(more) > 1 else []
        if sorted(large) != [size, *floats]:
            failures.append(f"{recipe}: constants of {large} bytes, not of {[size, *floats]}")
        least = 0.97 if recipe == "int4-weights" else LEAST_COSINE
        failures += [f"{recipe}, '{key}': cosine {cosine(answers[key], value):.5f}" for key, value in expected.items() if not cosine(answers[key], value) > least]
    return failures


def check_shared(options, folder: Path) -> list[str]:
    """A table whose rows are words, and the weights of the product that gives words, are in a file once."""
    random, failures = np.random.default_rng(18), []
    for transposed in (1, 0):
        graph = Graph(opset=13)
        words, matrix = graph.input(random.integers(0, 64, [5]).astype(np.int64)), graph.constant(numbers(random, [96, 80]))
        x = graph.node("Gather", [matrix, words], axis=0)
        if not transposed:
            x = graph.node("Tanh", [graph.node("Gemm", [x, graph.constant(numbers(random, [80, 96]))])])
        graph.output(graph.node("Gemm", [graph.node("Tanh", [x]), matrix], transB=transposed))
        path, out = folder / "shared.onnx", folder / "shared.q.onnx"
        onnx.save(shape_inference.infer_shapes(graph.model()), path)
        expected = oracle.run(path.read_bytes(), graph.inputs)
        np.savez(folder / "shared.npz", **{words: random.integers(0, 96, [SAMPLES * 5]).astype(np.int64)})
        for recipe, size, *more in (("int8-weights", 1), ("int8-weights", 1, f"--data={folder / 'shared.npz'}"), ("f16", 2)):
            nncc.Nncc(options.nncc).call("quantize", path, f"--recipe={recipe}", "-o", out, *more)
            large = [len(tensor.raw_data) for tensor in onnx.load(out).graph.initializer if len(tensor.raw_data) > 1024]
            if large != [96 * 80 * size] * (2 - transposed):
                failures.append(f"{recipe}: constants of {large} bytes")
            for answers in (oracle.run(out.read_bytes(), graph.inputs), nncc.Nncc(options.nncc).run(out, graph.inputs).outputs):
                failures += [f"{recipe}, '{key}': cosine {cosine(answers[key], value):.5f}" for key, value in expected.items() if not cosine(answers[key], value) > LEAST_COSINE]
    return failures


def check_outputs(options, folder: Path) -> list[str]:
    """Outputs of 64 bits are measured as others are, of classes what they are chosen by; other integers are not, and have no bounds."""
    random, failures, program = np.random.default_rng(17), [], nncc.Nncc(options.nncc)
    path, out, report = folder / "outputs.onnx", folder / "outputs.q.onnx", folder / "report.json"
    for op, attributes, element, before in (("Cast", {"to": TensorProto.DOUBLE}, np.float64, ""), ("ArgMax", {"axis": 1}, np.int64, ""), ("ArgMax", {"axis": 1}, np.int64, "steps"),
                                            ("ArgMax", {"axis": 1}, np.int64, "f64"), ("ArgMax", {"axis": 1}, np.int64, "mask"), ("Cast", {"to": TensorProto.INT64}, np.int64, "")):
        graph, isMeasured = Graph(opset=13), element != np.int64 or op == "ArgMax"
        values = conv(random, graph, graph.input(numbers(random, [1, 3, 9, 7])), 5, 3, (3, 3))
        if before == "mask":
            values = graph.node("Where", [graph.constant(np.arange(5).reshape(5, 1, 1) == 2), graph.constant(np.float32(-np.inf)), values])
        elif before:
            values = graph.node("Cast", [values], to=TensorProto.INT32 if before == "steps" else TensorProto.DOUBLE)
        chosen = graph.node(op, [values], **attributes)
        if before:
            chosen = graph.node("Gather", [graph.constant(np.array([7, 2, 90, 4, 5])), chosen])
        graph.output(chosen, element)
        onnx.save(graph.model(), path)
        tensor, = graph.inputs
        np.savez(folder / "outputs.npz", **{tensor: numbers(random, [SAMPLES, 3, 9, 7])})
        program.call("quantize", path, f"--data={folder / 'outputs.npz'}", "-o", out, f"--report={report}")
        said = json.loads(report.read_text())
        if isMeasured and not (len(said["outputs"]) == 1 and said["outputs"][0]["cosine"] > LEAST_COSINE):
            failures.append(f"{op} {before}: measured {said['outputs']}")
        if not isMeasured and said["outputs"]:
            failures.append(f"integers are measured: {said['outputs']}")
        if [output.name for output in onnx.load(out).graph.output] != [name for name, _ in graph.outputs]:
            failures.append(f"{op}: the file has other outputs than the model")
    try:
        program.call("quantize", path, "--recipe=mixed", f"--data={folder / 'outputs.npz'}", "-o", out)
        failures.append("integers have bounds")
    except nncc.NnccError as error:
        if "no output of the model is a float" not in error.stderr:
            failures.append(error.stderr)
    return failures


def check_dynamic(options, folder: Path) -> list[str]:
    """Products whose inputs are quantized in every run, and tables, without samples and with them; the Gemm is kept as it is once."""
    failures, random = [], np.random.default_rng(11)
    graph = transformer(random)
    path, out = folder / "words.onnx", folder / "words.q.onnx"
    onnx.save(shape_inference.infer_shapes(graph.model()), path)
    program, report = nncc.Nncc(options.nncc), folder / "report.json"
    gemm = next(node.name or node.output[0] for node in onnx.load(path).graph.node if node.op_type == "Gemm")
    tensor, = graph.inputs
    samples = random.integers(0, 600, (4, 2, 7))
    np.savez(folder / "words.npz", **{tensor: samples.reshape(8, 7)})
    # recipe, flags, what is written: products, tables, and nodes of the file
    for recipe, flags, products, nodes in (("int8-dynamic", [], 4, {"MatMulInteger": 4, "DynamicQuantizeLinear": 2, "Gather": 2, "DequantizeLinear": 1, "Gemm": 0}),
                                           ("int8-dynamic", [f"--keep={gemm}=f32"], 3, {"MatMulInteger": 3, "DynamicQuantizeLinear": 1, "Gemm": 1}),
                                           ("int8-dynamic", ["--keep=*ather*=f32"], 4, {"DequantizeLinear": 0}),
                                           ("int8-weights", [], 4, {"MatMulInteger": 0, "DequantizeLinear": 5, "Gemm": 1}),
                                           ("int4-weights", ["--block=16"], 4, {"MatMulNBits": 4, "DequantizeLinear": 1, "Gemm": 0}),
                                           ("f16", [], 4, {"DequantizeLinear": 0, "Cast": 5, "Gemm": 1}),
                                           ("bf16", [], 4, {"DequantizeLinear": 0, "Cast": 5, "Gemm": 1})):
        program.call("quantize", path, f"--recipe={recipe}", "-o", out, f"--report={report}", *flags)
        least = 0.97 if recipe == "int4-weights" else LEAST_COSINE  # random weights in 16 steps
        what, said = f"{recipe} {' '.join(flags)}", json.loads(report.read_text())
        model = onnx.load(out)
        onnx.checker.check_model(model, full_check=True)
        got = {op: sum(node.op_type == op for node in model.graph.node) for op in nodes}
        if (said["quantized"], said["tables"], said["samples"], said["outputs"], got) != (products, int("*ather*" not in what), 0, [], nodes):
            failures.append(f"{what}: the report says {said['quantized']} products, {said['tables']} tables, the file has {got}")
        for words in samples:
            expected, answers = oracle.run(path.read_bytes(), {tensor: words}), oracle.run(out.read_bytes(), {tensor: words})
            ours = program.run(out, {tensor: words}).outputs
            for key, value in expected.items():
                if cosine(answers[key], value) < least or cosine(ours[key], answers[key]) < 0.9999:
                    failures.append(f"{what}, '{key}': cosine {cosine(answers[key], value):.5f} to float, {cosine(ours[key], answers[key]):.6f} to onnxruntime")
        program.call("quantize", path, f"--recipe={recipe}", f"--data={folder / 'words.npz'}", "-o", folder / "measured.onnx", f"--report={report}", *flags)
        measured = json.loads(report.read_text())
        if measured["samples"] != 4 or any(output["cosine"] < least for output in measured["outputs"]) or len(measured["outputs"]) != 2:
            failures.append(f"{what}: measured {measured['outputs']}")
        if recipe == "int8-dynamic" and (folder / "measured.onnx").read_bytes() != out.read_bytes():
            failures.append(f"{what}: samples change the file")
    return failures


def check_maps(options, folder: Path) -> list[str]:
    """Outputs that are maps of scores, of which nncc makes tensors, stay maps in the file."""
    random, failures = np.random.default_rng(23), []
    path, out = folder / "maps.onnx", folder / "maps.q.onnx"
    scores = helper.make_sequence_type_proto(helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, [])))
    weights = numpy_helper.from_array(numbers(random, [32, 3]), "w")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Softmax", ["h"], ["p"]),
                               helper.make_node("ZipMap", ["p"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[5, 3, 9])],
                              "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 32])], [helper.make_value_info("y", scores)], [weights])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    samples = {"x": numbers(random, [SAMPLES, 4, 32])}
    expected = [row for sample in samples["x"] for row in oracle.run(path.read_bytes(), {"x": sample})["y"]]
    for recipe in ("int8", "int8-dynamic", "int8-weights"):
        quantize(options, path, samples, out, f"--recipe={recipe}")
        answers = [row for sample in samples["x"] for row in oracle.run(out.read_bytes(), {"x": sample})["y"]]
        values = [np.array([[row[label] for label in (5, 3, 9)] for row in rows], np.float32) for rows in (expected, answers)]
        if not cosine(*values) > LEAST_COSINE:
            failures.append(f"{recipe}: cosine {cosine(*values):.5f}")
    return failures


def digits_samples() -> tuple[np.ndarray, np.ndarray]:
    """The digits that the demo network was not trained on, and what they are."""
    text = (models.REPOSITORY / "tools" / "demo" / "digits_samples.h").read_text()
    rows = re.findall(r'\{"([a-q]{64})", (\d)\}', text)
    images = np.array([[ord(c) - ord("a") for c in pixels] for pixels, _ in rows], np.float32).reshape(-1, 1, 8, 8) / 16
    return images, np.array([int(label) for _, label in rows])


def swishes(random) -> Graph:
    """Channels of different scales behind hard swishes, which give all of them the same least value, read by depthwise convolutions, one with
    windows higher than the image."""
    g = Graph(opset=14)
    channels = 16
    x = g.input(numbers(random, [1, 3, 4, 20]))
    for inputs, size in ((3, 3), (channels, 5), (channels, 3)):
        scales = 100 ** random.uniform(0, 1, [channels, 1, 1, 1]).astype(np.float32)
        x = g.node("Conv", [x, g.constant(numbers(random, [channels, inputs, 1, 1]) * scales / inputs ** 0.5)])
        weights = numbers(random, [channels, 1, size, size]) / scales * 6 / size
        x = g.node("Conv", [g.node("HardSwish", [x]), g.constant(weights)], group=channels, pads=[size // 2] * 4)
        x = g.node("HardSwish", [x])
    g.output(conv(random, g, x, 6, channels, (1, 1), bias=False))
    return g


def check_tuned(options, folder: Path) -> list[str]:
    """Tensors get grids of their own where the outputs err less so, in the file, on pictures that were not seen, and with fewer floats for a bound."""
    random, failures = np.random.default_rng(19), []
    graph = swishes(random)
    path, out, plain = folder / "tuned.onnx", folder / "tuned.q.onnx", folder / "tuned-plain.q.onnx"
    onnx.save(shape_inference.infer_shapes(graph.model()), path)
    tensor, = graph.inputs
    pictures = np.repeat(np.repeat(numbers(random, [2 * SAMPLES, 3, 2, 5]), 2, axis=2), 4, axis=3)  # flat in large parts
    samples, others = {tensor: pictures[:SAMPLES]}, pictures[SAMPLES:]
    tuned = "least error of each tensor"
    reports = {file: quantize(options, path, samples, file, *flags) for file, flags in ((out, []), (plain, ["--ranges=minmax"]))}
    mixed = quantize(options, path, samples, folder / "tuned-mixed.q.onnx", "--recipe=mixed", "--min-cosine=0.9995")
    if (reports[out]["ranges"], mixed["ranges"]) != (tuned, tuned):
        failures.append(f"ranges are by {reports[out]['ranges']}, with a bound by {mixed['ranges']}")
    failures += complain_about_file(out)
    right = [oracle.run(path.read_bytes(), {tensor: picture[None]}) for picture in others]
    answers = {file: [oracle.run(file.read_bytes(), {tensor: picture[None]}) for picture in others] for file in (out, plain)}
    name, = right[0]
    errors = {file: 1 - cosine([one[name] for one in right], [one[name] for one in answers[file]]) for file in answers}
    if errors[out] > MOST_OF_PLAIN * errors[plain]:
        failures.append(f"1 - cosine of {errors[out]:.2g}, of {errors[plain]:.2g} with one way to find ranges")
    for program in (nncc.Nncc(options.nncc), nncc.Nncc(options.nncc, nncc.AARCH64)):
        ours = [program.run(out, {tensor: picture[None]}).outputs[name] for picture in others[:2]]
        if cosine(ours, [one[name] for one in answers[out][:2]]) < 0.9999:
            failures.append(f"cosine {cosine(ours, [one[name] for one in answers[out][:2]]):.6f} between nncc and onnxruntime")
    return failures


def check_digits(options, folder: Path) -> list[str]:
    """Right answers, and those of nncc on a few digits."""
    images, labels = digits_samples()
    model, out = models.model_path("digits"), folder / "digits.q.onnx"
    fitted = len(images) // 6
    quantize(options, model, {"image": images[:fitted]}, out)
    right = {path: sum(int(next(iter(oracle.run(path.read_bytes(), {"image": image[None]}).values())).argmax() == label)
                       for image, label in zip(images, labels)) for path in (model, out)}
    print(f"digits: {right[model]} of {len(labels)} right in floats, {right[out]} in integers")
    failures = complain_about_file(out)
    if right[model] - right[out] > DIGITS_LOST * len(labels):
        failures.append(f"{right[out]} right answers, {right[model]} in floats")
    for image in images[-3:]:
        ours, theirs = nncc.Nncc(options.nncc).run(out, {"image": image[None]}).outputs, oracle.run(out.read_bytes(), {"image": image[None]})
        failures += [f"'{key}' is {ours[key]}, in onnxruntime {value}" for key, value in theirs.items() if np.abs(ours[key] - value).max() > 1e-3]
    return failures


CHECKS = {"digits": check_digits, "mixed": check_mixed, "tuned": check_tuned, "maps": check_maps, "dynamic": check_dynamic, "special": check_special, "alike": check_alike, "pixels": check_pixels, "size": check_size, "large": check_large,
          "tied": check_tied, "shared": check_shared, "outputs": check_outputs}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", choices=[*CHECKS, *CASES])
    nncc.add_arguments(parser)
    options = parser.parse_args()
    failed, names = 0, [options.case] if options.case else [*CHECKS, *CASES]
    with tempfile.TemporaryDirectory(prefix="nncc-quantize-") as scratch:
        for name in names:
            try:
                failures = CHECKS[name](options, Path(scratch)) if name in CHECKS else check_small(options, name, Path(scratch))
            except nncc.NnccError as error:
                failures = [error.stderr.strip() or str(error)]
            failed += bool(failures)
            for failure in failures:
                print(f"{name}: {failure}", file=sys.stderr)
    print(f"{len(names) - failed} of {len(names)} models are quantized right")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
