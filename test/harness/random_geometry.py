"""Random ops against onnxruntime: `random_geometry.py --family conv --cases 40 --seed 7 [--target both | --cpu x86-64-v4]`.

Many ops share one model, since starting the compiler costs more than running an op; where such a model fails, its ops run alone, and
the report names the seed that makes one failing op again. --keep DIR saves the models that fail.

Libraries run in test/end-to-end/guarded.c: arena and outputs are NaN before, no byte outside of what a library was given may be
touched, and memory placed in another way must give the same bits.
"""
import argparse
import itertools
import re
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

import compare
import nncc
import oracle
import programs
import random_bytes
import random_contractions
import random_ops

PER_MODEL = 12
# Families whose forms depend on what is the most of the memory of a model.
ALONE = {"chain_of_bytes", "long_chain"}
FAMILIES = {**random_contractions.FAMILIES, **random_bytes.FAMILIES, **random_ops.FAMILIES}
GROUPS = {"all": FAMILIES, "contractions": random_contractions.FAMILIES, "bytes": random_bytes.FAMILIES,
          "others": random_ops.FAMILIES}
# What a family is compiled with: forms of kernels that small models would not get.
FORMS = {"winograd": ["--form=winograd"], "winograd_of_bytes": ["--form=winograd"]}
LARGEST_SHARE_NOT_IN_PLACE = 0.2
# Families that try one form of kernels, and the share of cases that has to get it.
LEAST_SHARE = {"prologue": ("strips", 0.2), "attention": ("attention", 0.2), "chain": ("chain", 0.2), "long_chain": ("chain", 0.2), "chain_of_bytes": ("chain", 0.2),
               "prologue_of_bytes": ("strips", 0.2)}
# The largest register tiles of all targets: rows of AVX-512, two of its vectors, and values of k in a vector of NEON. A tail is what is
# left of an extent when it is cut into those.
TILES = {"M": 14, "N": 32, "K": 4}
# An error that says what nncc cannot do is no wrong result.
REFUSAL = re.compile(r"status 1: .*(not supported|unsupported|supported for|has to be known at compile time|must have \d)")


def make_case(family: str, seed: int) -> tuple[random_ops.Graph, dict[str, np.ndarray]]:
    """One random op that onnxruntime accepts and whose result says something, and that result."""
    for attempt in range(100):
        graph = random_ops.Graph(f"{family}{seed}_")
        try:
            FAMILIES[family](np.random.default_rng([seed, attempt, *family.encode()]), graph)
        except ValueError:  # what a generator gives up
            continue
        try:
            expected = oracle.run(random_bytes.unsaturated(graph.model()).SerializeToString(), graph.inputs)
        except Exception:  # attributes that make no sense together: onnxruntime's errors have no common base class
            continue
        if all(value.size and not compare.invalid_reference(value) for value in expected.values()):
            return graph, expected
    raise RuntimeError(f"{family} seed {seed}: 100 attempts made nothing that onnxruntime runs")


def range_before_clip(graph: random_ops.Graph, name: str) -> float:
    """The range of what a Clip makes an output from; 0 where none does."""
    model = graph.model()
    clip = next((node for node in model.graph.node if node.op_type == "Clip" and name in node.output), None)
    if not clip:
        return 0
    del model.graph.output[:]
    model.graph.output.append(onnx.ValueInfoProto(name=clip.input[0]))
    return float(np.ptp(oracle.run(model.SerializeToString(), graph.inputs)[clip.input[0]]))


class Runner:
    """Runs cases on one machine; counts which residuals were updated in place."""

    def __init__(self, program: nncc.Nncc, keep: Path | None):
        self.program, self.keep = program, keep
        self.in_place = self.not_in_place = 0
        self.in_form: dict[str, int] = {}  # kernels by the first word of their form
        self.forms: list[str] = []

    def execute(self, path: Path, folder: Path, values: dict[str, np.ndarray]) -> tuple[dict, dict[str, np.ndarray]]:
        """The manifest of a model that is compiled into a folder, and its outputs."""
        manifest = self.program.compile(path, folder, "--name=first", *self.forms).manifest
        return manifest, programs.run_guarded(folder, self.program.target, manifest, [values], runs=2)[0]

    def difference(self, case, name: str, got: np.ndarray, reference: np.ndarray) -> str | None:
        """What is wrong with an output of a case, or None."""
        limit = self.program.error_of_halves
        if not limit:
            return case[0].difference(got, reference)
        wrong = compare.difference_of_halves(got, reference, limit)
        if wrong and self.program.adds_halves:
            wrong = compare.difference_of_halves(got, reference, limit, range_before_clip(case[0], name))
        return wrong

    def run(self, cases, name: str) -> list[tuple[tuple, str]]:
        """Runs some cases as one model; returns which fail, each with what is wrong: all of them where the failure names none."""
        graphs = [graph for graph, _ in cases]
        values = {k: v for graph in graphs for k, v in graph.inputs.items()}
        with tempfile.TemporaryDirectory(prefix="nncc-random-") as scratch:
            path = Path(scratch) / f"{name}.onnx"
            onnx.save(graphs[0].model(*graphs[1:]), path)
            try:
                manifest, got = self.execute(path, Path(scratch), values)
            except nncc.NnccError as error:
                found = [(case, f"status {error.status}: {line}") for case in cases
                         if (line := next((line for line in error.stderr.splitlines() if f"node '{case[0].prefix}" in line), None))]
                return found or [(case, str(error)) for case in cases]
            except programs.ProgramError as error:
                return [(case, str(error)) for case in cases]
            found = [(case, f"output '{key}': {wrong}") for case in cases for key, reference in case[1].items()
                     if (wrong := self.difference(case, key, got[key], reference))]
            if not found:
                self.count_in_place(graphs, manifest)
        return found

    def faults(self, cases, name: str) -> list[tuple[tuple, str]]:
        """Which of some cases fail alone, each with what is wrong: all as one model, then its suspects, or halves where it names none."""
        if not cases:
            return []
        suspects = self.run(cases, name if len(cases) > 1 else cases[0][0].prefix.rstrip("_"))
        if not suspects or len(cases) == 1:
            return suspects[:1]
        if all(REFUSAL.search(failure) for _, failure in suspects):
            found = suspects
        elif len({id(case) for case, _ in suspects}) == len(cases):
            found = self.faults(cases[:len(cases) // 2], name) + self.faults(cases[len(cases) // 2:], name)
        else:
            found = [fault for case in {id(case): case for case, _ in suspects}.values() for fault in self.faults([case], name)]
        if not found:
            return [(suspects[0][0], f"only beside others, {len(cases)} ops in one model: {suspects[0][1]}")]
        bad = {id(case) for case, _ in found}
        return found + (self.faults([case for case in cases if id(case) not in bad], name) if len(suspects) < len(cases) else [])

    def save(self, case, name: str):
        """Keeps a case that fails."""
        if self.keep:
            self.keep.mkdir(parents=True, exist_ok=True)
            onnx.save(case[0].model(), self.keep / f"{name}.onnx")
            for key, value in case[0].inputs.items():
                np.save(self.keep / f"{name}.{key}.npy", value)

    def count_in_place(self, graphs, manifest: dict):
        """Counts the nodes that should have been computed in place, and the kernels of each form."""
        for kernel in manifest["kernels"]:
            form = kernel.get("form", "").partition(" ")[0].rstrip(",")
            self.in_form[form] = self.in_form.get(form, 0) + 1
        done = {node for kernel in manifest["kernels"] if "in_place_of" in kernel for node in kernel["nodes"]}
        for graph in graphs:
            self.in_place += sum(node in done for node in graph.in_place)
            self.not_in_place += sum(node not in done for node in graph.in_place)

    def run_family(self, family: str, cases, per_model: int = PER_MODEL) -> tuple[int, int]:
        """Runs all cases of a family, given with their seeds, and reports; returns how many failed, and how many of those were refused."""
        failed, refused, reasons = 0, 0, {}
        self.forms = FORMS.get(family, [])
        seeds = {id(case): seed for seed, case in cases}
        for batch in batches([case for _, case in cases], per_model):
            for case, failure in self.faults(batch, family):
                failed += 1
                refused += bool(REFUSAL.search(failure))
                self.save(case, f"{family}-{seeds[id(case)]}")
                reasons.setdefault(nncc.without_details(failure.replace(case[0].prefix, "")), []).append((seeds[id(case)], failure, case[0].nodes[-1].op_type))
        machine = " ".join([self.program.target.split("-")[0], *self.program.flags])
        print(f"{family:14} {machine} {len(cases) - failed} of {len(cases)} right", flush=True)
        for found in sorted(reasons.values(), key=len, reverse=True):
            seed, failure, op = found[0]
            print(f"  FAIL {len(found)}x --family {family} --seed {seed} --cases 1 ({op}): {failure}"
                  + (f"; also seeds {', '.join(str(s) for s, _, _ in found[1:6])}" if len(found) > 1 else ""))
        return failed, refused


def batches(cases, most: int):
    """Neighbours that may share a model: of one opset, and no more than so many."""
    for _, same in itertools.groupby(cases, lambda case: case[0].opset):
        same = list(same)
        for at in range(0, len(same), most):
            yield same[at:at + most]


def missing_tails(graphs) -> dict[str, list[int]]:
    """The remainders of M, N and K by the extents of a register tile that no contraction of some graphs has."""
    seen = {size: {graph.sizes[size] % tile for graph in graphs if size in graph.sizes} for size, tile in TILES.items()}
    return {size: sorted(set(range(tile)) - seen[size]) for size, tile in TILES.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", default="all", help="comma-separated families or groups of them: "
                        + ", ".join(GROUPS) + "; " + ", ".join(FAMILIES))
    parser.add_argument("--cases", type=int, default=24, help="ops of each family")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first op; the others count up")
    parser.add_argument("--keep", type=Path, help="folder for models that fail")
    parser.add_argument("--all-tails", action="store_true", help="fail unless tails of all sizes came up in M, N and K")
    parser.add_argument("--most-refused", type=int, default=0, metavar="N",
                        help="ops that may end in the error 'not supported' (%(default)s); a wrong result is never allowed")
    nncc.add_machine_arguments(parser)
    nncc.add_float_argument(parser)
    options = parser.parse_args()
    families = [family for name in options.family.split(",") for family in GROUPS.get(name, [name])]
    runners = [Runner(program, options.keep) for program in nncc.machines(options)]
    failures = total = refused = 0
    graphs = []
    for family in families:
        cases = [(seed, make_case(family, seed)) for seed in range(options.seed, options.seed + options.cases)]
        graphs += [graph for _, (graph, _) in cases]
        for runner in runners:
            wrong, unsupported = runner.run_family(family, cases, 1 if family in ALONE else PER_MODEL)
            failures, refused, total = failures + wrong, refused + unsupported, total + len(cases)
    in_place, not_in_place = sum(runner.in_place for runner in runners), sum(runner.not_in_place for runner in runners)
    print(f"{total - failures} of {total} right, {refused} refused as not supported, {failures - refused} wrong; "
          f"{in_place} of {in_place + not_in_place} residuals updated in place")
    if not_in_place > LARGEST_SHARE_NOT_IN_PLACE * (in_place + not_in_place):
        print(f"FAIL: more than {LARGEST_SHARE_NOT_IN_PLACE:.0%} of the residuals were not updated in place: the cases do not test it")
        failures += 1
    for family, (form, least) in LEAST_SHARE.items():
        found = sum(runner.in_form.get(form, 0) for runner in runners)
        if family in families and found < least * options.cases * len(runners):
            print(f"FAIL: {found} kernels of {family} have the form {form}, less than {least:.0%}: the cases do not test it")
            failures += 1
    if options.all_tails and any(missing_tails(graphs).values()):
        print(f"FAIL: no case has these tails, by the extent of a tile: {missing_tails(graphs)}")
        failures += 1
    sys.exit(1 if failures > refused or refused > options.most_refused else 0)


if __name__ == "__main__":
    main()
