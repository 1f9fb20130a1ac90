"""The code that GPUs get, counted: `gpu_kernels.py squeezenet mobilenet_v2`. Needs no GPU.

Of each network, in f32 and computed in f16: every module is right for Vulkan 1.1 (spirv-val), needs no more than it may, and has at most 4
storage buffers; how large they are; kernels that would spill registers; of contractions the share of floats in the arithmetic of their
inner loops, and the multiply-adds for each load of up to 128 bits. No kernel may spill, and nothing may get worse than
test/expected/gpu-kernels.json says; `--update` writes what got better, and networks that the table lacks. Over all networks of the table
modules have at most 6 KB on average. `--kernels` prints a line for each contraction, the worst first.
"""
import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import models
import nncc
from gpu_network import Network

EXPECTED = models.REPOSITORY / "test" / "expected" / "gpu-kernels.json"
CONTRACTIONS = {"conv2d", "conv_transpose2d", "matmul"}
MOST_BUFFERS = 4
MOST_AVERAGE_BYTES = 6144
CAPABILITIES = {"basic": {"Shader"}, "storage16": {"Shader", "StorageBuffer16BitAccess"}, "float16": {"Shader", "StorageBuffer16BitAccess", "Float16"}}
# What is better when it is smaller; the rest when it is larger.
FALLING = {"spilling", "module_bytes"}


def check_module(path: Path) -> list[str]:
    """What is wrong with a module."""
    errors = []
    done = subprocess.run(["spirv-val", "--target-env", "vulkan1.1", path], capture_output=True, text=True)
    if done.returncode:
        errors.append(f"spirv-val: {done.stderr.strip()[:200]}")
    text = subprocess.run(["spirv-dis", "--no-color", path], capture_output=True, text=True, check=True).stdout
    allowed = next((CAPABILITIES[form] for form in CAPABILITIES if path.name.endswith(f".{form}.spv")), CAPABILITIES["basic"])
    if more := set(re.findall(r"OpCapability (\w+)", text)) - allowed:
        errors.append(f"needs {', '.join(sorted(more))}")
    if (buffers := len(set(re.findall(r"OpDecorate \S+ Binding (\d+)", text)))) > MOST_BUFFERS:
        errors.append(f"has {buffers} storage buffers")
    return [f"{path.name} {error}" for error in errors]


def check_modules(compiler: nncc.Nncc, network: Network, *flags: str) -> tuple[list[str], list[int]]:
    """What is wrong with the modules of a network, and their bytes."""
    with tempfile.TemporaryDirectory(prefix="nncc-gpu-kernels-") as scratch:
        network.call(compiler, "compile", Path(scratch), "--device=mali", "--emit=spirv", "-o", scratch, *flags)
        modules = sorted(Path(scratch).glob("*.spv"))
        errors = [error for module in modules for error in check_module(module)]
        return errors, [module.stat().st_size for module in modules]


def describe(kernel: dict) -> str:
    """A line about one kernel."""
    loops = kernel["gpu"]["inner_loops"]
    other = loops["cvt"] + loops["sfu"]
    return (f"  {kernel['name']:32} {kernel['macs'] / 1e6:9.1f}M macs, {kernel['gpu']['registers']:5.1f} registers, "
            f"{share_of([kernel]):6.1%} of arithmetic is floats, {loops['fma'] / max(loops['loads'], 1):5.2f} for a load, "
            f"other arithmetic {other / max(loops['fma'], 1):.2f} of floats")


def share_of(kernels: list[dict]) -> float:
    """The share of floats in the arithmetic of the inner loops."""
    loops = [kernel["gpu"]["inner_loops"] for kernel in kernels]
    floats = sum(loop["fma"] for loop in loops)
    return floats / max(floats + sum(loop["cvt"] + loop["sfu"] for loop in loops), 1)


def average(sizes: list[int]) -> int:
    return round(sum(sizes) / max(len(sizes), 1))


def count(compiler: nncc.Nncc, name: str, wants_kernels: bool) -> tuple[dict[str, float], list[str], list[int]]:
    """What the table says of a network, what is wrong with it, and how many bytes its modules have."""
    network = Network(name)
    errors, sizes = check_modules(compiler, network)
    errors += check_modules(compiler, network, "--gpu-float=f16-arithmetic")[0]
    kernels = [kernel for kernel in network.report(compiler, "estimate", "--device=mali")["kernels"] if "gpu" in kernel]
    contractions = [kernel for kernel in kernels if kernel["op"] in CONTRACTIONS and kernel["gpu"]["inner_loops"]["fma"]]
    if wants_kernels:
        for kernel in sorted(contractions, key=lambda kernel: share_of([kernel])):
            print(describe(kernel))
    counts = {"spilling": sum(kernel["gpu"]["register_class"] == "spill" for kernel in kernels), "module_bytes": average(sizes)}
    if contractions:
        loads = sum(kernel["gpu"]["inner_loops"]["loads"] for kernel in contractions)
        counts["fma_share"] = round(share_of(contractions), 3)
        counts["fma_per_load"] = round(sum(kernel["gpu"]["inner_loops"]["fma"] for kernel in contractions) / loads, 2)
    return counts, errors, sizes


def compare_counts(counts: dict[str, float], known: dict[str, float]) -> tuple[list[str], dict[str, float]]:
    """What got worse, and the better of both."""
    errors, best = [], dict(counts)
    for what, before in known.items():
        better = min if what in FALLING else max
        best[what] = better(counts.get(what, before), before)
        if what not in counts or best[what] != counts[what]:
            errors.append(f"{what} was {before} and is {counts.get(what)}")
    return errors, best


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--kernels", action="store_true", help="a line for each contraction")
    parser.add_argument("--update", action="store_true", help=f"write {EXPECTED.name}")
    nncc.add_arguments(parser)
    options = parser.parse_args()
    compiler = nncc.Nncc(options.nncc, nncc.X86_64)
    table = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}
    good = True
    all_sizes = []
    for name in options.networks:
        try:
            counts, errors, sizes = count(compiler, name, options.kernels)
        except models.MissingModel as missing:
            models.skip_or_fail(missing)
        all_sizes += sizes
        if counts["spilling"]:
            errors.append(f"{counts['spilling']} kernels spill registers")
        if name not in table and not options.update:
            errors.append(f"{EXPECTED.name} lacks it: --update adds it")
        worse, table[name] = compare_counts(counts, table.get(name, {}))
        for error in errors + worse:
            print(f"FAIL {name}: {error}")
        good &= not errors and not worse
        print(f"{name}: {', '.join(f'{number} {what}' for what, number in counts.items())}", flush=True)
    print(f"{len(all_sizes)} modules of {average(all_sizes)} bytes on average")
    if set(table) <= set(options.networks) and average(all_sizes) > MOST_AVERAGE_BYTES:
        print(f"FAIL: more than {MOST_AVERAGE_BYTES}")
        good = False
    if options.update:
        EXPECTED.write_text(json.dumps(dict(sorted(table.items())), indent=1) + "\n")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
