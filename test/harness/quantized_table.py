"""What quantizing costs and saves, beside other quantizers: the tables of docs/quantization.md.

    quantized_table.py [NETWORK...] [--nncf=PYTHON] [--write]

Each quantizer is given the same 24 pictures, and its file runs in onnxruntime on 24 others. An error is 1 - cosine to the answers of the
float model, of all pictures together, in the mean of all outputs. `--nncf` is a Python with NNCF and its packages. Without networks all are
measured; --write puts the tables into the page. Bounds that are not kept fail.
"""
import argparse
import json
import resource
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnxruntime import quantization

import compare
import models
import nncc
import oracle
import pictures
import quantized_networks

PAGE = models.REPOSITORY / "docs" / "quantization.md"
BEGIN, END = "<!-- measured by test/harness/quantized_table.py -->", "<!-- end of what is measured -->"
FITTED, TESTED, SAMPLES = 1, 2, 24  # seeds and number of pictures
# Kind of picture, height, width: of networks that are compared, then of those whose sizes alone are told.
COMPARED = {"mobilefacenet": ("face", 112, 112), "ultraface": ("people", 240, 320), "blazeface": ("people", 128, 128),
            "ppocr-det": ("signs", 320, 320), "ppocr-rec": ("line", 48, 320), "densenet121": ("face", 224, 224)}
WEIGHED = {"mobilenet_v2": ("photo", 224, 224), "resnet50": ("photo", 224, 224)}
NETWORKS = {**COMPARED, **WEIGHED}
MEMORY = "memory"  # of quantizing, and whether statistics in parts are those of the whole
TORCH = "torch-u8s8-channel"
MOST_OF_PEERS, MOST_OF_PEERS_MEAN, LEAST_MIXED, MOST_RAISED = 1.0, 0.25, 0.99, 0.1
MOST_WEIGHTS = {"resnet50": 0.255, "mobilenet_v2": 0.265, "mobilefacenet": 0.275}
MOST_LIBRARY = {"resnet50": 0.3, "mobilenet_v2": 0.3, "mobilefacenet": 0.3}
MOST_ARENA = {"resnet50": 0.27, "mobilenet_v2": 0.27, "mobilefacenet": 0.27, "ultraface": 0.27}
MOST_ARENA_FOR_SIZE = {**MOST_ARENA, "blazeface": 0.27, "densenet121": 0.27, "ppocr-det": 0.27, "ppocr-rec": 0.27}
LEAST_FOR_SIZE, LEAST_OF_RECOGNITION = 0.98, 0.97  # recognition, which has attention, has 0.985 by default
MOST_MORE_MEMORY = 50 << 20


def make_samples(name: str, seed: int, count: int = SAMPLES) -> tuple[str, np.ndarray]:
    """The input of a network, and pictures as it takes them."""
    path, hint = quantized_networks.original(name)
    graph, (kind, height, width) = onnx.load(path, load_external_data=False).graph, NETWORKS[name]
    constants = {initializer.name for initializer in graph.initializer}
    port, = (value for value in graph.input if value.name not in constants)
    images = pictures.samples(kind, count, seed, height, width, hint.get("low", -1), hint.get("high", 1))
    channels_last = port.type.tensor_type.shape.dim[3].dim_value == 3
    return port.name, images if channels_last else np.ascontiguousarray(images.transpose(0, 3, 1, 2))


class Reader(quantization.CalibrationDataReader):
    """Samples for onnxruntime's quantizer."""

    def __init__(self, name: str, images: np.ndarray):
        self.left = iter([{name: image[None]} for image in images])

    def get_next(self):
        return next(self.left, None)


def with_fixed_dims(name: str, folder: Path, shape) -> Path:
    """The network as onnxruntime prepares it for its quantizer, for pictures of this size."""
    source, made = quantized_networks.original(name)[0], folder / f"{name}-prepared.onnx"
    model = onnx.load(source)
    del model.graph.value_info[:]
    constants = {initializer.name for initializer in model.graph.initializer}
    for value in model.graph.input:
        if value.name not in constants:
            dims = [onnx.TensorShapeProto.Dimension(dim_value=dim) for dim in (1, *shape[1:])]
            value.type.tensor_type.shape.CopyFrom(onnx.TensorShapeProto(dim=dims))
    if model.opset_import[0].version < quantized_networks.LEAST_OPSET:
        model = onnx.version_converter.convert_version(model, quantized_networks.LEAST_OPSET)
    fixed = folder / f"{name}-fixed.onnx"
    onnx.save(model, fixed)
    quantization.shape_inference.quant_pre_process(str(fixed), str(made), skip_symbolic_shape=True)
    return made


def by_onnxruntime(source: Path, made: Path, name: str, images: np.ndarray, method: str) -> Path:
    calibration = {"minmax": quantization.CalibrationMethod.MinMax, "percentile": quantization.CalibrationMethod.Percentile}[method]
    quantization.quantize_static(source, made, Reader(name, images), per_channel=True, activation_type=quantization.QuantType.QUInt8,
                                 weight_type=quantization.QuantType.QInt8, quant_format=quantization.QuantFormat.QDQ, calibrate_method=calibration)
    return made


NNCF_SCRIPT = """
import sys, numpy, onnx, nncf
source, made, name, data = sys.argv[1:]
images = numpy.load(data)
onnx.save(nncf.quantize(onnx.load(source), nncf.Dataset([{name: image[None]} for image in images]), subset_size=len(images)), made)
"""


def by_nncf(python: Path, source: Path, made: Path, name: str, images: np.ndarray) -> Path | None:
    data = made.with_suffix(".npy")
    np.save(data, images)
    done = subprocess.run([python, "-c", NNCF_SCRIPT, source, made, name, data], capture_output=True, text=True)
    if done.returncode:
        print(f"NNCF: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
    return None if done.returncode else made


def answers(path: Path, name: str, images: np.ndarray) -> list[dict[str, np.ndarray]]:
    session = oracle.session(path, oracle.OPTIMIZED)
    names = [output.name for output in session.get_outputs()]
    return [dict(zip(names, session.run(names, {name: image[None]}))) for image in images]


def error(right: list[dict], got: list[dict]) -> float:
    """1 - cosine of all pictures together, the mean of the outputs."""
    return float(np.mean([1 - compare.cosine(*(np.concatenate([one[key].ravel() for one in all]).astype(np.float64) for all in (right, got)))
                          for key in right[0]]))


@dataclass
class Accuracy:
    """Errors of one network, quantized in several ways."""
    name: str
    own: float
    minmax: float
    percentile: float
    nncf: float | None
    mixed: float
    raised: float  # share of the tensors that stay float in `mixed`

    @property
    def of_peers(self) -> float:
        return self.own / min(self.minmax, self.percentile)


@dataclass
class Sizes:
    """Bytes of the int8 library by those of the float one."""
    name: str
    weights: float
    library: float
    arena: float  # contractions read bytes, the rest is float
    arena_of_all: float  # of a file in which all operators are quantized
    arena_for_size: float | None = None  # of --optimize=size
    error_for_size: float | None = None
    torch: list | None = None  # weights, library and arena of a file as PyTorch exports training with fake quantization


def own(options, folder: Path, source: Path, name: str, images: np.ndarray, *flags) -> tuple[Path, dict]:
    data, made, report = folder / "samples.npz", folder / f"own{''.join(flags)}.onnx", folder / "report.json"
    np.savez(data, **{name: images})
    nncc.Nncc(options.nncc, timeout=3600).call("quantize", source, f"--data={data}", "-o", made, f"--report={report}", *flags)
    return made, json.loads(report.read_text())


def measure_accuracy(options, name: str, folder: Path, made: dict) -> Accuracy:
    source = quantized_networks.original(name)[0]
    port, images = make_samples(name, FITTED)
    tested = make_samples(name, TESTED)[1]
    right = answers(made["prepared"], port, tested)
    files = {"own": made["own"], "minmax": made["minmax"], "percentile": by_onnxruntime(made["prepared"], folder / "percentile.onnx", port, images, "percentile")}
    files["mixed"], report = made["own"], made["report"]
    if min(output["cosine"] for output in report["outputs"]) < LEAST_MIXED:  # above that, nothing is raised: it is the same file
        files["mixed"], report = own(options, folder, source, port, images, "--recipe=mixed", f"--min-cosine={LEAST_MIXED}")
    errors = {key: error(right, answers(path, port, tested)) for key, path in files.items()}
    raised = [tensor["float"] for tensor in report["tensors"]]
    nncf = error_of_nncf(options, name, folder, made["prepared"], port, images, tested, right) if options.nncf else None
    return Accuracy(name, errors["own"], errors["minmax"], errors["percentile"], nncf, errors["mixed"], sum(raised) / len(raised))


def error_of_nncf(options, name: str, folder: Path, source: Path, port: str, images: np.ndarray, tested: np.ndarray, right: list[dict]) -> float | None:
    """None where it does not quantize the network, or onnxruntime does not run what it wrote."""
    made = by_nncf(options.nncf, source, folder / "nncf.onnx", port, images)
    try:
        return error(right, answers(made, port, tested)) if made else None
    except Exception as refused:  # onnxruntime's errors have no common base class of their own
        print(f"{name} by NNCF: {str(refused)[:200]}", file=sys.stderr)
        return None


def compiled(options, path: Path, folder: Path, images: np.ndarray, port: str) -> tuple[int, int, int]:
    """Bytes of weights, library and arena; those of Winograd's form are four times as many, and would flatter."""
    shape = f"--shape={port}=" + ",".join(map(str, (1, *images.shape[1:])))
    nncc.Nncc(options.nncc, timeout=1800).call("compile", path, "-o", folder, "--name=net", f"--cpu={options.cpu}", "--form=direct", shape)
    manifest = json.loads((folder / "net.json").read_text())
    return manifest["weights"]["bytes"], (folder / "libnet.a").stat().st_size, manifest["arena"]["bytes"]


def measure_sizes(options, name: str, folder: Path, made: dict) -> Sizes:
    port, images = make_samples(name, FITTED, 1)
    whole = compiled(options, quantized_networks.original(name)[0], folder / "float", images, port)
    ours, theirs = (compiled(options, made[key], folder / key, images, port) for key in ("own", "minmax"))
    sizes = Sizes(name, ours[0] / whole[0], ours[1] / whole[1], ours[2] / whole[2], theirs[2] / whole[2])
    small, tested = own(options, folder, quantized_networks.original(name)[0], port, make_samples(name, FITTED)[1], "--optimize=size")[0], make_samples(name, TESTED)[1]
    sizes.arena_for_size = compiled(options, small, folder / "small", images, port)[2] / whole[2]
    sizes.error_for_size = error(answers(made["prepared"], port, tested), answers(small, port, tested))
    if name in quantized_networks.OF_TORCH:
        exported = compiled(options, quantized_networks.file_of(name, TORCH), folder / "torch", images, port)
        sizes.torch = [bytes / before for bytes, before in zip(exported, whole)]
    return sizes


def measure(options, name: str) -> dict:
    with tempfile.TemporaryDirectory(prefix="nncc-table-") as scratch:
        folder = Path(scratch)
        port, images = make_samples(name, FITTED)
        made = {"prepared": with_fixed_dims(name, folder, images.shape)}
        made["own"], made["report"] = own(options, folder, quantized_networks.original(name)[0], port, images)
        made["minmax"] = by_onnxruntime(made["prepared"], folder / "minmax.onnx", port, images, "minmax")
        row = {"sizes": asdict(measure_sizes(options, name, folder, made))}
        if name in COMPARED:
            row["accuracy"] = asdict(measure_accuracy(options, name, folder, made))
        return row


def most_memory(command) -> int:
    """Bytes that a command had at most."""
    script = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); " \
             "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    return 1024 * int(subprocess.run([sys.executable, "-c", script, *map(str, command)], check=True, capture_output=True, text=True).stdout)


def measure_shards(options) -> dict:
    """Memory with 20 and with 500 samples; whether statistics in four parts give the same file."""
    with tempfile.TemporaryDirectory(prefix="nncc-table-") as scratch:
        folder, source = Path(scratch), quantized_networks.original("blazeface")[0]
        port, images = make_samples("blazeface", FITTED, 500)
        memory = []
        for count in (20, 500):
            np.savez(folder / "samples.npz", **{port: images[:count]})
            memory.append(most_memory([options.nncc, "quantize", source, f"--data={folder / 'samples.npz'}", "-o", folder / "memory.onnx"]))
        program, parts = nncc.Nncc(options.nncc), [slice(0, SAMPLES)] + [slice(i, i + SAMPLES // 4) for i in range(0, SAMPLES, SAMPLES // 4)]
        for number, part in enumerate(parts):
            np.savez(folder / "samples.npz", **{port: images[part]})
            program.call("quantize", source, f"--data={folder / 'samples.npz'}", f"--stats-out={folder / f'{number}.json'}")
        statistics = [str(folder / f"{number}.json") for number in range(5)]
        program.call("quantize", source, f"--stats={statistics[0]}", "-o", folder / "whole.onnx")
        program.call("quantize", source, f"--stats={','.join(statistics[1:])}", "-o", folder / "parts.onnx")
        return {"memory": memory, "are_equal": (folder / "whole.onnx").read_bytes() == (folder / "parts.onnx").read_bytes()}


def table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows))


def mean(values) -> float:
    return float(np.exp(np.mean(np.log(list(values)))))


def text_of(results: dict, cpu: str) -> str:
    accuracies = [Accuracy(**row["accuracy"]) for row in results["networks"].values() if "accuracy" in row]
    sizes = [Sizes(**row["sizes"]) for row in results["networks"].values()]
    parts = []
    if accuracies:
        rows = [[a.name, f"{a.own:.2g}", f"{a.minmax:.2g}", f"{a.percentile:.2g}", f"{a.nncf:.2g}" if a.nncf is not None else "-", f"{a.of_peers:.2f}",
                 f"{1 - a.mixed:.4f}", f"{100 * a.raised:.0f} %"] for a in accuracies]
        rows.append(["geometric mean", "", "", "", "", f"{mean(a.of_peers for a in accuracies):.2f}", "", ""])
        by_nncf = [a.own / a.nncf for a in accuracies if a.nncf]
        parts += ["Error of the outputs, 1 - cosine to the float model, on 24 pictures that no quantizer was given (it was given 24 others); all of them run in onnxruntime. "
                  "Peers are onnxruntime's quantize_static, u8 and s8 per channel, and NNCF by its defaults. "
                  + (f"Of NNCF's errors, those of `nncc quantize` are {mean(by_nncf):.2f} in the geometric mean of {len(by_nncf)}."
                     if by_nncf else "NNCF was not there."), "",
                  table(["network", "nncc", "onnxruntime, min-max", "percentile", "NNCF", "nncc / the better of onnxruntime's", "mixed, cosine", "of it float"], rows), ""]
    rows = [[s.name, f"{s.weights:.3f}", f"{s.library:.3f}", f"{s.arena:.3f}",
             *([f"{s.arena_for_size:.3f}", f"{s.error_for_size:.2g}"] if s.arena_for_size is not None else ["-", "-"]), f"{s.arena_of_all:.3f}",
             ", ".join(f"{share:.3f}" for share in s.torch) if s.torch else "-"] for s in sizes]
    parts += [f"Bytes in 8 bits by those in floats, for {cpu}. Where onnxruntime's quantizer wrote the file, all operators are in 8 bits; so they are in "
              "files as PyTorch exports them.", "",
              table(["network", "weights", "library", "arena", "for size", "its error", "arena, file of onnxruntime", "weights, library, arena, file of PyTorch"], rows), ""]
    if missing := [name for name in NETWORKS if name not in results["networks"]]:
        parts += [f"Not measured in this run: {', '.join(missing)}.", ""]
    shards = results.get("shards")
    if shards:
        few, many = (round(bytes / 2**20) for bytes in shards["memory"])
        parts += [f"Quantizing BlazeFace takes {few} MB with 20 samples, {many} MB with 500. Statistics in four parts give "
                  + ("the file of those in one." if shards["are_equal"] else "another file than those in one."), ""]
    return "\n".join(parts)


def complaints(results: dict):
    """Bounds that are not kept."""
    accuracies = [Accuracy(**row["accuracy"]) for row in results["networks"].values() if "accuracy" in row]
    for a in accuracies:
        if a.of_peers > MOST_OF_PEERS:
            yield f"{a.name}: the error is {a.of_peers:.2f} of onnxruntime's"
        if 1 - a.mixed < LEAST_MIXED or a.raised > MOST_RAISED:
            yield f"{a.name}: mixed has a cosine of {1 - a.mixed:.4f}, with {100 * a.raised:.0f} % of the tensors float"
    if accuracies and mean(a.of_peers for a in accuracies) > MOST_OF_PEERS_MEAN:
        yield f"errors are {mean(a.of_peers for a in accuracies):.2f} of onnxruntime's"
    for row in results["networks"].values():
        s = Sizes(**row["sizes"])
        of_torch = s.torch or [0, 0, 0]
        least = LEAST_OF_RECOGNITION if s.name == "ppocr-rec" else LEAST_FOR_SIZE
        if s.arena_for_size is not None and (s.arena_for_size > MOST_ARENA_FOR_SIZE[s.name] or 1 - s.error_for_size < least):
            yield f"{s.name}: for size, the arena is {s.arena_for_size:.3f} of that of floats, with a cosine of {1 - s.error_for_size:.4f}"
        for what, share, most in (("weights", max(s.weights, of_torch[0]), MOST_WEIGHTS), ("library", s.library, MOST_LIBRARY), ("arena", min(s.arena, s.arena_of_all), MOST_ARENA)):
            if share > most.get(s.name, 1):
                yield f"{s.name}: {what} are {share:.3f} of those in floats, more than {most.get(s.name, 1)}"
    if shards := results.get("shards"):
        if shards["memory"][1] - shards["memory"][0] > MOST_MORE_MEMORY or not shards["are_equal"]:
            yield f"memory {shards['memory']}, statistics in parts give {'the same file' if shards['are_equal'] else 'another file'}"


def write_page(text: str):
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    PAGE.write_text(before + BEGIN + "\n\n" + text + "\n" + END + rest.split(END)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"of {', '.join(NETWORKS)}, or {MEMORY}; all without")
    parser.add_argument("--nncf", type=Path, metavar="PYTHON", help="an interpreter with NNCF")
    parser.add_argument("--cpu", default="x86-64-v4-vnni", help="what sizes are of")
    parser.add_argument("--results", type=Path, metavar="FILE.json", help="keep what is measured there, and add to what it has: networks one after another")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/quantization.md")
    nncc.add_arguments(parser)
    options = parser.parse_args()
    onnxruntime.set_default_logger_severity(3)  # it warns of weights that its own quantizer leaves unused
    results = json.loads(options.results.read_text()) if options.results and options.results.exists() else {"networks": {}}
    try:
        for name in options.networks or [*NETWORKS, MEMORY]:
            if name == MEMORY:
                results["shards"] = measured = measure_shards(options)
            else:
                results["networks"][name] = measured = measure(options, name)
            print(name, json.dumps(measured), flush=True)
            if options.results:
                options.results.write_text(json.dumps(results))
    except models.MissingModel as missing:
        models.skip_or_fail(missing)
    results["networks"] = {name: results["networks"][name] for name in NETWORKS if name in results["networks"]}
    text = text_of(results, options.cpu)
    print(text)
    if options.write:
        write_page(text)
    failures = list(complaints(results))
    for failure in failures:
        print(failure, file=sys.stderr)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
