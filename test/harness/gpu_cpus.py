"""Code for several CPUs beside one GPU: `gpu_cpus.py digits mobilefacenet [--cpu=x86-64-v3,x86-64-v4]`.

A library of several CPUs gives for each of them, named in the options, the bits of the library for that CPU alone, and what onnxruntime
gives: with all kernels on the GPU and with every second one on the CPU, in all ways of running that test/end-to-end/vulkan.c has. Its
modules are no larger than those of all libraries, and where CPUs pack weights alike, than those of one. Runs on lavapipe; ends with 77
where there is none.
"""
import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

import compare
import gpu_models
import models
import nncc
import programs
from gpu_network import Network


def run(compiler: nncc.Nncc, network: Network, folder: Path, flags: list[str], cpus: list[str]) -> tuple[dict, list[dict[str, np.ndarray]]]:
    """Compiles for some CPUs; the manifest, and the outputs beside each of them."""
    manifest = network.compile(compiler, folder, "--name=first", "--device=mali", "--cpu=" + ",".join(cpus), *flags).manifest
    built, where = gpu_models.build(compiler, folder, manifest, network.values)
    results = []
    for cpu in cpus:
        words = [f"cpu={cpu}"] if len(cpus) > 1 else []
        gpu_models.run(built, ["1", *words, where], gpu_models.environment(None, False), timeout=900)
        results.append({port["name"]: programs.read_port(where / f"output{number}", port) for number, port in enumerate(manifest["outputs"])})
    return manifest, results


def check(compiler: nncc.Nncc, name: str, place: str, cpus: list[str]) -> bool:
    network, good = Network(name), True
    with tempfile.TemporaryDirectory(prefix="nncc-gpu-cpus-") as scratch:
        folder = Path(scratch)
        flags = gpu_models.placement(compiler, network, place, folder)
        manifest, results = run(compiler, network, folder / "all", flags, cpus)
        programs_of = {variant["cpu"]: variant["gpu_program"] for variant in manifest["variants"]}
        alone_bytes = []
        for cpu, got in zip(cpus, results):
            alone, (expected,) = run(compiler, network, folder / cpu, flags, [cpu])
            alone_bytes.append(alone["gpu_program"]["spirv_bytes"])
            counts = {what: number for what, number in alone["gpu_program"].items() if what != "spirv_bytes"}
            if not counts.items() <= programs_of[cpu].items():
                print(f"FAIL {name} beside {cpu}: {programs_of[cpu]} is not what it has alone, {counts}")
                good = False
            for output, value in got.items():
                wrong = compare.invalid_reference(network.reference[output]) or compare.difference(value, network.reference[output])
                if not wrong and value.tobytes() != expected[output].tobytes():
                    wrong = "other bits than of a library for this CPU alone"
                good &= wrong is None
                print(f"{name} beside {cpu}, {place}, output '{output}': " + (f"FAIL {wrong}" if wrong else "ok"), flush=True)
        spirv_bytes = next(iter(programs_of.values()))["spirv_bytes"]
        print(f"{name}, {place}: {spirv_bytes} bytes of modules, alone {alone_bytes}; {manifest['weights']['bytes']} bytes of weights")
        if spirv_bytes > sum(alone_bytes):
            print(f"FAIL {name}: modules are there more than once")
            good = False
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--cpu", default="x86-64-v3,x86-64-v4", help="the CPUs, parted by commas")
    nncc.add_arguments(parser)
    options = parser.parse_args()
    gpu_models.require_driver()
    for cpu in options.cpu.split(","):
        nncc.require_cpu(cpu)
    compiler = nncc.Nncc(options.nncc, nncc.X86_64)
    good = True
    for name in options.networks:
        for place in ("gpu", "alternating"):
            try:
                good &= check(compiler, name, place, options.cpu.split(","))
            except models.MissingModel as missing:
                models.skip_or_fail(missing)
            except (nncc.NnccError, programs.ProgramError) as error:
                print(f"FAIL {name}: {error}")
                good = False
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
