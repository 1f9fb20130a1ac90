"""Random single ops against onnxruntime: `random_geometry.py --family conv --cases 40 --seed 7 [--target both]`.

Many ops share one model, since starting the compiler costs more than running an op; where such a model fails, its ops run alone, and
the report names the seed that makes one failing op again. --keep DIR saves the models that fail.
"""
import argparse
import re
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

import compare
import nncc
import oracle
import random_ops
from onnx_suite import reason

PER_MODEL = 12
# An error that says what nncc cannot do is no wrong result.
REFUSAL = re.compile(r"status 1: .*(not supported|unsupported)")


def make_case(family: str, seed: int) -> tuple[random_ops.Graph, dict[str, np.ndarray]]:
    """One random op that onnxruntime accepts and whose result says something, and that result."""
    for attempt in range(50):
        graph = random_ops.Graph(f"{family}{seed}_")
        random = np.random.default_rng([seed, attempt, list(random_ops.FAMILIES).index(family)])
        random_ops.FAMILIES[family](random, graph)
        try:
            expected = oracle.run(graph.model().SerializeToString(), graph.inputs)
        except Exception:  # attributes that make no sense together: onnxruntime's errors have no common base class
            continue
        if all(value.size and not compare.invalid_reference(value) for value in expected.values()):
            return graph, expected
    raise RuntimeError(f"{family} seed {seed}: 50 attempts made nothing that onnxruntime runs")


def run_graphs(program: nncc.Nncc, cases, keep: Path | None, name: str) -> str | None:
    """Runs some cases as one model; returns what is wrong, or None."""
    graphs = [graph for graph, _ in cases]
    with tempfile.TemporaryDirectory(prefix="nncc-random-") as scratch:
        path = Path(scratch) / f"{name}.onnx"
        onnx.save(graphs[0].model(*graphs[1:]), path)
        try:
            got = program.run(path, {k: v for graph in graphs for k, v in graph.inputs.items()}).outputs
        except nncc.NnccError as error:
            failure = str(error)
        else:
            failure = next((f"output '{key}': {wrong}" for _, expected in cases for key, reference in expected.items()
                            if (wrong := compare.difference(got[key], reference))), None)
        if failure and keep and len(cases) == 1:
            keep.mkdir(parents=True, exist_ok=True)
            path.replace(keep / path.name)
            for key, value in graphs[0].inputs.items():
                np.save(keep / f"{name}.{key}.npy", value)
    return failure


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", default=",".join(random_ops.FAMILIES), help="comma-separated: %(default)s")
    parser.add_argument("--cases", type=int, default=24, help="ops of each family")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first op; the others count up")
    parser.add_argument("--target", choices=["x86_64", "aarch64", "both"], default="x86_64")
    parser.add_argument("--keep", type=Path, help="folder for models that fail")
    parser.add_argument("--most-refused", type=int, default=0, metavar="N",
                        help="ops that may end in the error 'not supported' (%(default)s); a wrong result is never allowed")
    nncc.add_arguments(parser)
    options = parser.parse_args()
    failures = total = refused = 0
    for family in options.family.split(","):
        cases = [(seed, make_case(family, seed)) for seed in range(options.seed, options.seed + options.cases)]
        for target in nncc.targets_of(options.target):
            program, failed, reasons = nncc.Nncc(options.nncc, target), 0, {}
            for at in range(0, len(cases), PER_MODEL):
                group = cases[at:at + PER_MODEL]
                if run_graphs(program, [case for _, case in group], None, family) is None:
                    continue
                alone = [(seed, run_graphs(program, [case], options.keep, f"{family}-{seed}"), case) for seed, case in group]
                for seed, failure, case in alone:
                    refused += bool(failure and REFUSAL.search(failure))
                    if failure:
                        failed += 1
                        reasons.setdefault(reason(failure), []).append((seed, failure, case[0].nodes[0].op_type))
                if not any(failure for _, failure, _ in alone):
                    failed += 1
                    reasons["fails only beside others"] = [(group[0][0], f"seeds {group[0][0]} to {group[-1][0]} in one model", family)]
            print(f"{family:14} {target.split('-')[0]:8} {len(cases) - failed} of {len(cases)} right", flush=True)
            for found in sorted(reasons.values(), key=len, reverse=True):
                seed, failure, op = found[0]
                print(f"  FAIL {len(found)}x --family {family} --seed {seed} --cases 1 ({op}): {failure}"
                      + (f"; also seeds {', '.join(str(s) for s, _, _ in found[1:6])}" if len(found) > 1 else ""))
            failures, total = failures + failed, total + len(cases)
    print(f"{total - failures} of {total} right, {refused} refused as not supported, {failures - refused} wrong")
    sys.exit(1 if failures > refused or refused > options.most_refused else 0)


if __name__ == "__main__":
    main()
