"""Where `--place=auto` puts kernels: `gpu_place.py squeezenet minilm [--device=mali-g610]`. Needs no GPU.

For each network and each GPU (all that `nncc compile --device=x` lists): the GPU has at most 3 segments, the estimate is no more than that
of all kernels on the CPU or all on the GPU, and a manifest without kernels of the GPU says why.
"""
import argparse
import re
import sys
import tempfile
from pathlib import Path

import models
import nncc
from gpu_network import Network

MOST_SEGMENTS = 3
ESTIMATE = re.compile(r"estimated: ([\d.]+) ms as it is, ([\d.]+) ms all on the CPU, ([\d.]+) ms on the GPU")


def gpus(compiler: nncc.Nncc) -> list[str]:
    """The names of all GPUs whose numbers are known: a refused name lists them."""
    try:
        compiler.call("compile", models.model_path("digits"), "--device=x")
    except nncc.NnccError as refused:
        return sorted(set(re.findall(r"mali-g\d+", refused.stderr)))
    raise AssertionError("--device=x is a GPU")


def check_places(manifest: dict) -> tuple[str, list[str]]:
    """What was chosen, in words, and what is wrong with it."""
    kernels = manifest["kernels"]
    on_gpu = [kernel["device"] != "cpu0" for kernel in kernels]
    segments = sum(here and not before for before, here in zip([False, *on_gpu], on_gpu))
    said = {kernel["placed"] for kernel in kernels if ESTIMATE.match(kernel["placed"])}
    if len(said) != 1:
        return "", [f"kernels give {len(said)} estimates: {sorted(said)[:2]}"]
    chosen, cpu, gpu = map(float, ESTIMATE.match(said.pop()).groups())
    text = f"{sum(on_gpu)} of {len(kernels)} kernels in {segments} segments, {chosen:.3f} ms; CPU {cpu:.3f} ms, GPU {gpu:.3f} ms"
    errors = [f"{segments} segments"] if segments > MOST_SEGMENTS else []
    # As rounded to microseconds.
    if chosen > min(cpu, gpu) + 0.001:
        errors.append(f"an estimate of {chosen} ms is more than of one place alone")
    return text, errors


def check(compiler: nncc.Nncc, name: str, devices: list[str]) -> bool:
    network, good = Network(name), True
    for device in devices:
        with tempfile.TemporaryDirectory(prefix="nncc-gpu-place-") as scratch:
            compiled = network.compile(compiler, Path(scratch), f"--device={device}", "--place=auto")
        text, errors = check_places(compiled.manifest)
        for error in errors:
            print(f"FAIL {name}, {device}: {error}")
        print(f"{name}, {device}: {text}", flush=True)
        good &= not errors
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--device", action="append", help="may be repeated; all without it")
    nncc.add_arguments(parser)
    options = parser.parse_args()
    compiler = nncc.Nncc(options.nncc, nncc.AARCH64)
    good = True
    for name in options.networks:
        try:
            good &= check(compiler, name, options.device or gpus(compiler))
        except models.MissingModel as missing:
            models.skip_or_fail(missing)
        except nncc.NnccError as error:
            print(f"FAIL {name}: {error}")
            good = False
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
