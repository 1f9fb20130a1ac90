"""Whole networks as onnxruntime's quantizer writes them: they compile, give its bits, and the same ones on every CPU. Where attention
adds up floats between what is quantized, they are as near to onnxruntime as its own runs are to each other.

    quantized_networks.py [NETWORK...] [--kind=qdq-u8s8-channel] [--cpu=x86-64-v4-vnni] [--each]

A kind is a format (qdq, qop, dynamic; torch: as PyTorch exports training with fake quantization), the types of activations and weights, and whether each channel of the weights has a scale of its
own. Files are kept in the cache. onnxruntime runs them with all of its optimizations, as its users do.
"""
import argparse
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnx.version_converter
import onnxruntime
from onnx import numpy_helper
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process

import compare
import fake_quantized
import inputs as seeded
import make_network
import models
import nncc
import oracle
import quantized

NETWORKS = ("mobilefacenet", "ultraface", "blazeface", "ppocr-det", "ppocr-rec", "densenet121", "mlsd", "mobilenet_v2", "resnet50", "minilm", "distilbert",
            "t5_encoder", "ds_cnn", "yolo_head")
TYPES = {"u8": quantization.QuantType.QUInt8, "s8": quantization.QuantType.QInt8}
KINDS = ("qdq-u8s8-channel", "qdq-s8s8-channel", "qdq-u8u8-tensor", "qdq-u8s8-tensor", "qop-u8s8-channel", "qop-s8s8-tensor", "qop-u8u8-tensor",
         "dynamic-u8s8-tensor", "dynamic-u8s8-channel", "dynamic-u8u8-tensor", "torch-u8s8-channel")
CPUS = {"x86-64-v3": nncc.X86_64, "x86-64-v4": nncc.X86_64, "x86-64-v4-vnni": nncc.X86_64, "generic": nncc.AARCH64,
        "cortex-a76": nncc.AARCH64, "cortex-a710": nncc.AARCH64}
LEAST_OPSET = 13  # the first whose DequantizeLinear has an axis
SAMPLES = 4  # that ranges are learned from; the input of the comparison is another one
TESTED = SAMPLES + 1
OF_TORCH = ("mobilenet_v2", "resnet50")  # of convolutions, activations, sums and means, as fake_quantized.py writes them
# Attention adds up floats between products that quantize what they read, in an order that depends on the width of vectors.
FLOAT_SUMS = {"minilm", "distilbert", "t5_encoder"}
# Besides what quantized.py names: sums of floats, and functions of floats that the quantizer leaves so.
INEXACT = quantized.APPROXIMATE | quantized.TIES | {"DynamicQuantizeLinear", "LayerNormalization", "Exp", "Erf", "ReduceL2"}


def original(name: str) -> tuple[Path, dict]:
    """The file of a network of floats, and what its inputs are, as in models.json."""
    if name in make_network.NETWORKS:
        path = models.cache_folder() / "quantized" / f"{name}.onnx"
        data = make_network.make_network(name).SerializeToString()
        if not path.exists() or path.read_bytes() != data:
            keep(path, data)
        return path, make_network.INPUTS.get(name, make_network.IMAGE)
    return models.model_path(name), models.input_hint(name)


def keep(path: Path, data: bytes):
    """Writes a file of the cache, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_bytes(data)
    temporary.replace(path)


class Samples(quantization.CalibrationDataReader):
    """Inputs that ranges are learned from."""

    def __init__(self, path: Path, hint: dict):
        self.left = iter([seeded.make_inputs(path, seed, hint) for seed in range(SAMPLES)])

    def get_next(self):
        return next(self.left, None)


def prepared(name: str) -> Path:
    """The network with numbers for dims, as onnxruntime prepares it for its quantizer."""
    path, hint = original(name)
    made = models.cache_folder() / "quantized" / f"{name}-{models.hash_of(path)[:12]}-{onnxruntime.__version__}.onnx"
    if not made.exists():
        model, values = onnx.load(path), seeded.make_inputs(path, 0, hint)
        del model.graph.value_info[:]  # may name the dims that are numbers now
        for value in model.graph.input:
            if value.name in values:
                dims = [onnx.TensorShapeProto.Dimension(dim_value=dim) for dim in values[value.name].shape]
                value.type.tensor_type.shape.CopyFrom(onnx.TensorShapeProto(dim=dims))
        if model.opset_import[0].version < LEAST_OPSET:
            model = onnx.version_converter.convert_version(model, LEAST_OPSET)
        fixed = made.with_suffix(".fixed.onnx")
        keep(fixed, model.SerializeToString())
        temporary = made.with_suffix(".part.onnx")
        quant_pre_process(str(fixed), str(temporary), skip_symbolic_shape=True)
        fixed.unlink()
        temporary.replace(made)
    return made


def file_of(name: str, kind: str) -> Path:
    """The network, quantized in one way."""
    source, hint = prepared(name), original(name)[1]
    made = source.with_name(f"{source.stem}-{kind}.onnx")
    if made.exists():
        return made
    form, types, scales = kind.split("-")
    activations, weights = TYPES[types[:2]], TYPES[types[2:]]
    temporary = made.with_suffix(".part.onnx")
    if form == "torch":
        onnx.save(fake_quantized.fake_quantize(onnx.load(source), seeded.make_inputs(source, 0, hint)), temporary)
    elif form == "dynamic":
        quantization.quantize_dynamic(source, temporary, per_channel=scales == "channel", weight_type=weights)
    else:
        quantization.quantize_static(source, temporary, Samples(source, hint), per_channel=scales == "channel", activation_type=activations,
                                     quant_format=quantization.QuantFormat.QDQ if form == "qdq" else quantization.QuantFormat.QOperator,
                                     weight_type=weights)
    temporary.replace(made)
    return made


def distance(got: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> tuple[int, int, float]:
    """How many elements differ, of how many, and the least cosine of an output."""
    pairs = [(np.asarray(got[name]), value) for name, value in expected.items()]
    different = sum(int(np.count_nonzero(~((a == b) | ((a != a) & (b != b))))) for a, b in pairs)
    least = min(compare.cosine(a.astype(np.float64).ravel(), b.astype(np.float64).ravel()) for a, b in pairs)
    return different, sum(value.size for _, value in pairs), least


@dataclass
class Case:
    """A quantized network on some CPUs."""
    name: str
    kind: str
    nncc_path: Path

    def check(self, cpus: list[str], each: bool) -> list[str]:
        """Prints how near the outputs are to onnxruntime's; returns what is wrong."""
        path = file_of(self.name, self.kind)
        hint = original(self.name)[1]
        values = seeded.make_inputs(path, TESTED, hint)
        expected = oracle.run(str(path), values, oracle.OPTIMIZED)
        failures, first = [], None
        for cpu in cpus:
            program = nncc.Nncc(self.nncc_path, CPUS[cpu], timeout=900, flags=[f"--cpu={cpu}"])
            try:
                got = program.run(path, values).outputs
            except nncc.NnccError as error:
                failures.append(f"{cpu}: {error}")
                continue
            if first is None:
                first = got
                # torch's biases are floats: rounded to steps of sums they move a result in a thousand by a step.
                failures += [] if self.kind.startswith("torch") else self.compare(got, expected, path, values)
            elif (different := distance(got, first)[0]) != 0:
                if self.kind.startswith("dynamic") and self.name in FLOAT_SUMS:
                    failures += [f"{cpu}: {failure}" for failure in self.compare(got, expected, path, values)]
                else:
                    failures.append(f"{cpu}: {different} elements differ from those on {cpus[0]}")
        if each or self.kind.startswith("torch"):
            ops = Counter()
            program = nncc.Nncc(self.nncc_path, CPUS[cpus[0]], timeout=900, flags=[f"--cpu={cpus[0]}"])
            failures += quantized.check(program, path, values, ops, biases_round=self.kind.startswith("torch"))
            print(f"{self.name} {self.kind}: " + ", ".join(f"{op} {number}" for op, number in sorted(ops.items())))
        return failures

    def compare(self, got: dict, expected: dict, path: Path, values: dict) -> list[str]:
        """What is wrong with outputs: elements that differ where all ops are exact, or a distance that roundings of floats do not make."""
        different, count, least = distance(got, expected)
        text = f"{self.name} {self.kind}: {different} of {count} elements differ from onnxruntime's"
        if not different:
            print(text, flush=True)
            return []
        ops = sorted({node.op_type for node in onnx.load(path).graph.node} & INEXACT)
        allowed = min(distance(other, expected)[2] for other in (oracle.run(str(path), values, oracle.NODE_BY_NODE), self.moved(path, values)))
        print(f"{text}, cosine {least:.7f}; its own differ by {allowed:.7f}; {', '.join(ops)}", flush=True)
        if not ops:
            return [f"{different} of {count} elements differ, and no operator that may"]
        return [f"cosine {least:.7f}, less than {allowed:.7f}"] if 1 - least > max(1 - allowed, 1e-6) else []

    def moved(self, path: Path, values: dict) -> dict:
        """onnxruntime's outputs for inputs, or constants where no input is of floats, that are off by a few roundings: how far these are carried."""
        def off(value):
            return (value * np.float32(1 + 2 ** -20)).astype(value.dtype) if value.dtype.kind == "f" else value

        if any(value.dtype.kind == "f" for value in values.values()):
            return oracle.run(str(path), {name: off(value) for name, value in values.items()}, oracle.OPTIMIZED)
        model = onnx.load(path)
        for weight in model.graph.initializer:
            if weight.data_type == onnx.TensorProto.FLOAT and weight.dims:
                weight.CopyFrom(numpy_helper.from_array(off(numpy_helper.to_array(weight)), weight.name))
        return oracle.run(model.SerializeToString(), values, oracle.OPTIMIZED)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", help=f"of {', '.join(NETWORKS)}; all without")
    parser.add_argument("--kind", action="append", choices=KINDS)
    parser.add_argument("--cpu", action="append", choices=list(CPUS))
    parser.add_argument("--each", action="store_true", help="feed each operator onnxruntime's own tensors, too")
    nncc.add_arguments(parser)
    options = parser.parse_args()
    count, failed = 0, 0
    for name in options.networks or NETWORKS:
        for kind in options.kind or (kind for kind in KINDS if name in OF_TORCH or not kind.startswith("torch")):
            try:
                failures = Case(name, kind, options.nncc).check(options.cpu or list(CPUS), options.each)
            except models.MissingModel as missing:
                models.skip_or_fail(missing)
            count, failed = count + 1, failed + bool(failures)
            for failure in failures:
                print(f"FAIL {name} {kind}: {failure}", file=sys.stderr, flush=True)
    print(f"{count - failed} of {count} files are right")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
