"""Random ops and nodes on a GPU of Vulkan: `gpu_random.py --cases=10 --family=conv,node-gather --seed=7`.

Families are those of random_geometry.py, and of random_nodes.py with `node-` before them. All kernels are placed on the GPU; what it has
no code for runs on the CPU, with a reason that is counted, and so are the kernels that did run there. Runs on lavapipe, at once; ends
with 77 where there is none.
"""
import argparse
import collections
import sys
from pathlib import Path

import numpy as np

import families
import gpu_models
import nncc
import programs
import random_geometry
import random_nodes

NODES = "node-"
FAMILIES = [*random_geometry.FAMILIES, *(NODES + family for family in families.FAMILIES)]
GROUPS = {"all": FAMILIES, "nodes": [NODES + family for family in families.FAMILIES], **random_geometry.GROUPS}


class GpuRunner(random_geometry.Runner):
    """Runs cases on lavapipe; counts kernels, and the reasons of those that the GPU has no code for."""

    def __init__(self, program: nncc.Nncc, keep: Path | None, timeout: float, words: list[str]):
        super().__init__(program, keep)
        self.timeout, self.words = timeout, words  # of the C program, in front of folders
        self.kernels, self.on_gpu = 0, 0
        self.refusals: collections.Counter[str] = collections.Counter()

    def execute(self, path: Path, folder: Path, values: dict[str, np.ndarray]) -> tuple[dict, dict[str, np.ndarray]]:
        manifest = self.program.compile(path, folder, "--name=first", "--place=gpu").manifest
        built, where = gpu_models.build(self.program, folder, manifest, values)
        gpu_models.run(built, [*self.words, "once", where], gpu_models.environment(None, False), self.timeout)
        for kernel in manifest["kernels"]:
            self.kernels += 1
            self.on_gpu += kernel["device"] != "cpu0"
            if kernel["device"] == "cpu0":
                self.refusals[nncc.without_details(kernel.get("placed", "a copy that the plan makes"))] += 1
        return manifest, {port["name"]: programs.read_port(where / f"output{number}", port)
                          for number, port in enumerate(manifest["outputs"])}


def make_cases(family: str, seeds: range) -> tuple[list, int]:
    """The cases of a family, each with its seed, and how many of them share a model."""
    if not family.startswith(NODES):
        return [(seed, random_geometry.make_case(family, seed)) for seed in seeds], random_geometry.PER_MODEL
    # Where the oracles differ is what random_nodes.py tests.
    return random_nodes.make_cases(family.removeprefix(NODES), seeds)[0], random_nodes.PER_MODEL


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", default="all", help="comma-separated families or groups of them: "
                        + ", ".join(GROUPS) + "; " + ", ".join(FAMILIES))
    parser.add_argument("--cases", type=int, default=10, help="ops of each family")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first op; the others count up")
    parser.add_argument("--device", default="mali", help="what code is made for")
    nncc.add_float_argument(parser, "--gpu-float")
    parser.add_argument("--basic", action="store_true", help="without optional features of the GPU")
    parser.add_argument("--keep", type=Path, help="folder for models that fail")
    parser.add_argument("--least-on-gpu", type=float, default=0, metavar="SHARE", help="of all kernels")
    parser.add_argument("--timeout", type=float, default=300)
    nncc.add_arguments(parser)
    options = parser.parse_args()
    gpu_models.require_driver()
    wrong = total = 0
    runner = GpuRunner(nncc.Nncc(options.nncc, flags=[f"--device={options.device}", f"--gpu-float={options.gpu_float}"]), options.keep, options.timeout,
                       ["1", "basic"] if options.basic else ["1"])
    for family in [family for name in options.family.split(",") for family in GROUPS.get(name, [name])]:
        kernels, on_gpu = runner.kernels, runner.on_gpu
        cases, per_model = make_cases(family, range(options.seed, options.seed + options.cases))
        failed, refused = runner.run_family(family, cases, per_model)
        print(f"  {runner.on_gpu - on_gpu} of {runner.kernels - kernels} kernels on the GPU", flush=True)
        wrong, total = wrong + failed - refused, total + len(cases)
    print(f"{total - wrong} of {total} right; {runner.on_gpu} of {runner.kernels} kernels on the GPU")
    for reason, count in runner.refusals.most_common():
        print(f"  {count}x {reason}")
    share = runner.on_gpu / max(runner.kernels, 1)
    if share < options.least_on_gpu:
        print(f"FAIL: {share:.0%} of the kernels are on the GPU, fewer than {options.least_on_gpu:.0%}")
    sys.exit(1 if wrong or share < options.least_on_gpu else 0)


if __name__ == "__main__":
    main()
