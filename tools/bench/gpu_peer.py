"""Sets nncc's code for GPUs beside that of ncnn, on lavapipe: `compare.sh --gpu squeezenet,resnet50 [--f16]`.

Both run the same network once, in f32 or with arithmetic in f16, under a layer that counts what the driver is asked for: dispatches and barriers of a run, the
most memory at once, seconds to load and for the second run. Lavapipe is software: what it takes says nothing about a GPU.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "test" / "harness"))
import engines  # noqa: E402
import gpu_models  # noqa: E402
import models  # noqa: E402
import networks  # noqa: E402
import nncc  # noqa: E402
import numpy as np  # noqa: E402

COUNTED = re.compile(r"hard: recorded (\d+) dispatches and (\d+) barriers;.* (\d+) at once")
HEAD = f"{'network':18} {'engine':6} {'dispatches':>10} {'barriers':>9} {'memory, MB':>11} {'load, s':>8} {'run, ms':>9}  largest error"


def run_ncnn(folder: Path, values: dict[str, np.ndarray], runs: int, halves: bool):
    """Runs ncnn's model so often and prints seconds and results: in a process of its own, for a layer to count."""
    import ncnn
    if ncnn.create_gpu_instance("libvulkan.so.1"):  # else it opens the driver, past all layers
        raise RuntimeError("ncnn has no Vulkan")
    start = time.monotonic()
    net = ncnn.Net()
    net.opt.use_vulkan_compute = True
    net.opt.use_bf16_storage = False
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = halves
    if net.load_param(str(folder / "model.ncnn.param")) or net.load_model(str(folder / "model.ncnn.bin")):
        raise RuntimeError("ncnn does not load what pnnx wrote")
    load = time.monotonic() - start
    seconds, results = 0.0, []
    for _ in range(runs):
        start = time.monotonic()
        with net.create_extractor() as extractor:
            for index, value in enumerate(values.values()):
                value = value.astype(np.int32) if value.dtype == np.int64 else value
                extractor.input(f"in{index}", ncnn.Mat(np.ascontiguousarray(value[0] if value.shape[0] == 1 else value)).clone())
            results = [np.array(extractor.extract(f"out{index}")[1]) for index in range(len(net.output_names()))]
        seconds = time.monotonic() - start
    np.savez(folder / "gpu-results.npz", *results)
    net.clear()
    ncnn.destroy_gpu_instance()
    print(json.dumps([load, seconds]))


def counted(said: str) -> tuple[int, int, int]:
    """Dispatches, barriers and bytes that the layer saw."""
    return tuple(map(int, COUNTED.findall(said)[-1]))


def measure_ncnn(network: networks.Network, variables: dict[str, str], scratch: Path, halves: bool) -> tuple[list, list[np.ndarray]]:
    folder = engines.converted("ncnn", network, None)
    np.savez(scratch / "values.npz", **network.inputs)
    counts = []
    for runs in (1, 2):
        command = [sys.executable, __file__, f"--worker={folder}", f"--values={scratch / 'values.npz'}", f"--runs={runs}", *["--f16"] * halves]
        done = subprocess.run(command, env=variables, capture_output=True, text=True)
        if done.returncode:
            raise engines.Refused(f"ncnn ends with {done.returncode}")
        counts.append(counted(done.stderr))
    load, seconds = json.loads(done.stdout.splitlines()[-1])
    with np.load(folder / "gpu-results.npz") as results:
        outputs = [results[name] for name in results.files]
    # What is recorded to load the model is in both.
    return [counts[1][0] - counts[0][0], counts[1][1] - counts[0][1], counts[1][2], load, seconds], outputs


def measure_nncc(program: nncc.Nncc, network: networks.Network, variables: dict[str, str], scratch: Path,
                 halves: bool) -> tuple[list, list[np.ndarray]]:
    floats = "--gpu-float=f16-arithmetic" if halves else "--gpu-float=f32"
    manifest = program.compile(network.path, scratch, "--name=first", "--device=mali", floats, binds=network.binds, dims=network.dims).manifest
    built, where = gpu_models.build(program, scratch, manifest, network.inputs)
    said = gpu_models.run(built, ["1", "once", where], variables, 900)
    load, seconds = map(float, re.search(r"^seconds ([\d.]+) ([\d.]+)$", said, re.M).groups())
    outputs = [gpu_models.programs.read_port(where / f"output{number}", port) for number, port in enumerate(manifest["outputs"])]
    return [*counted(said), load, seconds], outputs


def error_of(results: list[np.ndarray], network: networks.Network) -> str:
    """Of the largest output, as a part of its largest element."""
    expected = max(network.reference.values(), key=lambda value: value.size)
    same = [result for result in results if result.size == expected.size]
    if not same:
        return "other outputs"
    return f"{min(np.abs(result.ravel() - expected.ravel()).max() for result in same) / np.abs(expected).max():.1e}"


def main():
    parser = argparse.ArgumentParser(prog="compare.sh --gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="?", metavar="NAME,...")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--values", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--f16", action="store_true", help="tensors, weights and arithmetic in f16")
    parser.add_argument("--runs", type=int, help=argparse.SUPPRESS)
    nncc.add_arguments(parser)
    options = parser.parse_args()
    if options.worker:
        with np.load(options.values) as values:
            return run_ncnn(options.worker, dict(values), options.runs, options.f16)
    if not options.networks:
        parser.error("names of networks are missing")
    gpu_models.require_driver()
    print(HEAD)
    for name in options.networks.split(","):
        with tempfile.TemporaryDirectory(prefix="nncc-gpu-peer-") as folder:
            scratch = Path(folder)
            gpu_models.build_layer(scratch)
            variables = dict(gpu_models.environment(None, False, scratch), NNCC_ONLY_COUNT="1")
            try:
                network = networks.find(name)
            except models.MissingModel as missing:
                models.skip_or_fail(missing)
            for engine, measure in (("nncc", lambda *rest: measure_nncc(nncc.Nncc(options.nncc), *rest)), ("ncnn", measure_ncnn)):
                try:
                    (dispatches, barriers, memory, load, seconds), results = measure(network, variables, scratch, options.f16)
                except engines.Refused as why:
                    print(f"{name:18} {engine:6} {why}", flush=True)
                    continue
                print(f"{name:18} {engine:6} {dispatches:10} {barriers:9} {memory / 1e6:11.1f} {load:8.2f} {seconds * 1e3:9.1f}  "
                      f"{error_of(results, network)}", flush=True)


if __name__ == "__main__":
    main()
