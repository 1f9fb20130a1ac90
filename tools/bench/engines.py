"""What is compared: each engine as a process that answers how long its runs took, on a file converted for it."""
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import numpy as np

import networks  # first: it finds the harness
import compare
import models
import nncc
import programs

HERE = Path(__file__).resolve().parent
# Peers, with the packages of peers.txt whose versions decide what they do.
PEERS = {"onnxruntime": ["onnxruntime"], "openvino": ["openvino"], "ncnn": ["ncnn", "pnnx"], "mnn": ["MNN"], "litert": ["ai-edge-litert"]}
# Other engines sum in other orders and by Winograd's algorithm, and quantized ones round elsewhere: what a result may be off,
# relative to the largest element of the reference. A step of 8 bits is a fifth of the largest element of an almost flat distribution.
PEER_ERROR, QUANTIZED_ERROR = 1e-3, 0.25
QUANTIZED_COSINE = 0.95
PEAK_BITS = [512, 256, 128]  # peak.cpp's numbers
PATIENCE = 1800  # seconds for a conversion or a load: onnx2tf takes minutes on a busy machine


class Refused(Exception):
    """An engine cannot take a model, or computes something else. The message is for the report."""


@dataclass
class Facts:
    """What is known of an engine and a network beside its times."""
    load_seconds: float
    resident_bytes: int
    disk_bytes: int
    error: float
    macs: int = 0
    arena_bytes: int = 0
    vector_bits: int = 512  # of the widest registers that it may use


@dataclass
class Worker:
    """A process that measures: model_worker.c, worker.py or peak.cpp."""
    command: list
    scratch: tempfile.TemporaryDirectory
    process: subprocess.Popen = field(init=False)
    first: dict = field(init=False)

    def __post_init__(self):
        self.log = open(Path(self.scratch.name) / "log", "w+")
        self.process = subprocess.Popen(list(map(str, self.command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
                                        text=True, bufsize=1)
        self.first = self._answer()

    def _answer(self):
        """The next line of JSON."""
        line = ""
        if select.select([self.process.stdout], [], [], PATIENCE)[0]:
            line = self.process.stdout.readline()
        if not line:
            self.stop()
            self.log.seek(0)
            said = [text.strip() for text in self.log.read().splitlines() if text.strip()]
            raise Refused(said[-1][:160] if said else f"ended with status {self.process.returncode}")
        return json.loads(line)

    def slice(self, milliseconds: float) -> list[float]:
        """Lets it measure for so long."""
        self.process.stdin.write(f"{milliseconds}\n")
        return self._answer()

    def stop(self):
        """Ends it."""
        self.process.kill()
        self.process.wait()


def largest_error(got: dict[str, np.ndarray], network: networks.Network, is_peer: bool) -> float:
    """The largest error of all outputs relative to the largest element of each; raises Refused where the result is another one."""
    worst = 0.0
    for name, reference in network.reference.items():
        if name not in got:
            raise Refused(f"no output '{name}'")
        value = got[name].reshape(reference.shape) if got[name].size == reference.size else got[name]
        if value.shape != reference.shape:
            raise Refused(f"output '{name}' has shape {list(value.shape)}, expected {list(reference.shape)}")
        if not is_peer and not network.is_quantized:
            # What comes out of a saturated sigmoid is compared as a number between 0 and 1.
            if wrong := compare.difference(value, reference, least_scale=1 if np.abs(reference).max(initial=0) < 1 else 0):
                raise Refused(f"wrong result: {wrong}")
        a, b = value.astype(np.float64), reference.astype(np.float64)
        error = float(np.abs(a - b).max(initial=0) / max(np.abs(b).max(initial=0), 1e-30)) if np.isfinite(a).all() else np.inf
        limit = QUANTIZED_ERROR if network.is_quantized else PEER_ERROR
        if error > limit or (network.is_quantized and compare.cosine(a.ravel(), b.ravel()) < QUANTIZED_COSINE):
            raise Refused(f"wrong result: max|error| {error:.2g} of max|reference|")
        worst = max(worst, error)
    return worst


def _call(command, folder: Path):
    """Runs a converter; raises Refused with its last words."""
    try:
        done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, errors="replace", timeout=PATIENCE)
    except (subprocess.TimeoutExpired, OSError) as error:
        raise Refused(f"the converter: {error}"[:160]) from None
    if done.returncode:
        said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise Refused(f"the converter ends with status {done.returncode}: {said[-1] if said else ''}"[:160])


def _convert_ncnn(network: networks.Network, folder: Path, _):
    (folder / "model.onnx").symlink_to(network.path)
    pnnx = Path(metadata.distribution("pnnx").locate_file("pnnx/pnnx"))
    kinds = {"float32": "f32", "int64": "i64", "int32": "i32", "uint8": "u8"}
    shapes = ",".join(f"[{','.join(map(str, value.shape))}]{kinds[value.dtype.name]}" for value in network.inputs.values())
    _call([pnnx, "model.onnx", f"inputshape={shapes}", "fp16=0"], folder)
    text = (folder / "model.ncnn.param").read_text()
    if unknown := sorted({line.split()[0] for line in text.splitlines()[2:] if re.match(r"(pnnx|aten|onnx|prim|torch|F|nn|Tensor)[.:]", line)}):
        raise Refused(f"ncnn has no layer for {', '.join(unknown)}"[:160])


def _convert_mnn(network: networks.Network, folder: Path, _):
    _call([Path(sys.executable).with_name("mnnconvert"), "-f", "ONNX", "--modelFile", network.path, "--MNNModel", "model.mnn",
           "--bizCode", "nncc"], folder)
    if not (folder / "model.mnn").exists():
        raise Refused("the converter wrote no model")


def _convert_litert(network: networks.Network, folder: Path, converter: Path):
    shutil.copy(network.path, folder / "model.onnx")
    # It checks itself on pictures, which it would fetch.
    pictures = np.random.default_rng(0).random((20, 128, 128, 3), dtype=np.float32)
    np.save(folder / "calibration_image_sample_data_20x128x128x3_float32.npy", pictures)
    try:
        _call([converter / "onnx2tf", "-i", "model.onnx", "-o", "out", "-n", "-nuo", "-coion"], folder)
        written = folder / "out" / "model_float32.tflite"
        if not written.exists():
            raise Refused("the converter wrote no model")
        written.rename(folder / "model.tflite")
    finally:
        for left in [*folder.glob("*.npy"), folder / "model.onnx"]:
            left.unlink()
        shutil.rmtree(folder / "out", ignore_errors=True)


CONVERTERS = {"ncnn": _convert_ncnn, "mnn": _convert_mnn, "litert": _convert_litert}


def converted(peer: str, network: networks.Network, converter: Path | None) -> Path:
    """The model as a peer reads it, converted once; why it cannot be is kept, too."""
    if peer not in CONVERTERS:
        return network.path
    if network.is_quantized:
        raise Refused("takes no quantized ONNX model")
    if peer == "litert" and (converter is None or not (converter / "onnx2tf").exists()):
        raise Refused("the converter is not installed")  # which is not kept: it may be, next time
    folder = networks.folder("converted") / f"{network.key}-{peer}-{'-'.join(map(version_of, PEERS[peer]))}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "outputs.json").write_text(json.dumps({name: list(value.shape) for name, value in network.reference.items()}))
        try:
            CONVERTERS[peer](network, folder, converter)
            (folder / "complete").write_text("")
        except Refused as why:
            (folder / "complete").write_text(str(why))
    if why := (folder / "complete").read_text():
        raise Refused(why)
    return folder


def version_of(package: str) -> str:
    """The version of an installed package; raises Refused where it is not."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        raise Refused(f"{package} is not installed") from None


def start_peer(peer: str, network: networks.Network, converter: Path | None) -> tuple[Worker, Facts]:
    """A process of a peer that has loaded a network and computed the right result."""
    for package in PEERS[peer]:
        version_of(package)
    path = converted(peer, network, converter)
    scratch = tempfile.TemporaryDirectory(prefix="nncc-bench-")
    np.savez(Path(scratch.name) / "inputs.npz", **network.inputs)
    worker = Worker([sys.executable, HERE / "worker.py", peer, path, scratch.name], scratch)
    try:
        with np.load(Path(scratch.name) / "outputs.npz") as file:
            error = largest_error(dict(file), network, is_peer=True)
    except Refused:
        worker.stop()
        raise
    files = [path] if path.is_file() else [file for file in path.iterdir() if file.suffix in (".bin", ".mnn", ".tflite")
                                           or file.name.endswith("ncnn.param")]
    files = [file for file in files if ".pnnx." not in file.name]
    disk = worker.first["library_bytes"] + sum(file.stat().st_size for file in files)
    return worker, Facts(worker.first["load_seconds"], worker.first["resident_bytes"], disk, error)


def build_nncc(program: nncc.Nncc, network: networks.Network, folder: Path) -> tuple[Path, dict]:
    """Compiles a network and links model_worker.c with it; returns the program, its inputs beside it, and the manifest."""
    compiled = program.compile(network.path, folder, "--name=first", binds=network.binds, dims=network.dims)
    for index, port in enumerate(compiled.manifest["inputs"]):
        (folder / f"input{index}").write_bytes(np.ascontiguousarray(network.inputs[port["name"]]).tobytes())
    built = folder / "worker"
    command = [*programs.C_COMPILERS[program.target], "-std=gnu11", "-O2", f"-I{folder}", f"-I{programs.SOURCES}", HERE / "model_worker.c",
               folder / "libfirst.a", "-o", built]
    subprocess.run(list(map(str, command)), check=True)
    return built, compiled.manifest


def nncc_outputs(folder: Path, manifest: dict) -> dict[str, np.ndarray]:
    """What model_worker.c wrote."""
    return {port["name"]: programs.read_port(folder / f"output{index}", port) for index, port in enumerate(manifest["outputs"])}


def start_nncc(program: nncc.Nncc, network: networks.Network) -> tuple[Worker, Facts]:
    """A process of a library that nncc made, which has computed the right result."""
    scratch = tempfile.TemporaryDirectory(prefix="nncc-bench-")
    folder = Path(scratch.name)
    try:
        built, manifest = build_nncc(program, network, folder)
    except nncc.NnccError as error:
        raise Refused(error.message[:160]) from None
    worker = Worker([built, folder], scratch)
    try:
        error = largest_error(nncc_outputs(folder, manifest), network, is_peer=False)
    except Refused:
        worker.stop()
        raise
    sizes = manifest["sizes"]
    return worker, Facts(worker.first["load_seconds"], worker.first["resident_bytes"],
                         sizes["code"] + sizes["constants"] + sizes["weights"], error,
                         sum(kernel["macs"] for kernel in manifest["kernels"]), manifest["arena"]["bytes"],
                         vector_bits(program))


def vector_bits(program: nncc.Nncc) -> int:
    """Of the registers of the CPU that a program of nncc compiles for; of the widest where it is too old to say."""
    facts = program.call("bench", HERE.parent / "demo" / "digits.onnx", *program.flags, "--rounds=1", "--json")
    return json.loads(facts.stdout).get("vector_bits", max(PEAK_BITS))


def start_peak() -> Worker:
    """The process that measures this core's multiply-add peaks, with registers of PEAK_BITS."""
    scratch = tempfile.TemporaryDirectory(prefix="nncc-bench-")
    built = Path(scratch.name) / "peak"
    subprocess.run(["clang++-22", "-std=c++20", "-O2", f"-I{models.REPOSITORY}", HERE / "peak.cpp",
                    models.REPOSITORY / "lib" / "analyze" / "PeakFlops.cpp", "-o", built], check=True)
    return Worker([built], scratch)


def measure(workers: dict[str, Worker], rounds: int, milliseconds: float, core: int) -> dict[str, list[list[float]]]:
    """Lets all of them run in turns on one core, each round beginning with another one: name -> for each round what it answered."""
    for worker in workers.values():
        for thread in Path(f"/proc/{worker.process.pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), [core])
    names, answers = list(workers), {name: [] for name in workers}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            answers[name].append(workers[name].slice(milliseconds))
    return answers
