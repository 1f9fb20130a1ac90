"""ONNX's own test suite: runs every case in scope, and holds the result against the list of cases that nncc claims to pass.

    onnx_suite.py              red when a claimed case fails on a target, or one passes on all targets and is not claimed
    onnx_suite.py --report     also says why the others fail, the most frequent reason first
    onnx_suite.py --update     writes the claimed list anew (only cases that pass on both targets)

A case is one model and its expected outputs. Some cases feed a shape (of a Reshape, the starts of a Slice ...) at run time,
which a compiler of static shapes cannot take: the column `bind` of onnx-suite-tiers.tsv names those inputs. They, and no others,
are constants to the compiler. So that nobody folds a whole case away, every other input has to be read by a kernel.
"""
import argparse
import collections
import concurrent.futures
import csv
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

import compare
import models
import nncc

EXPECTED = models.REPOSITORY / "test" / "expected"
TIERS = EXPECTED / "onnx-suite-tiers.tsv"
CLAIMED = EXPECTED / "onnx-suite-claimed.txt"
DATA = Path("/usr/share/libonnx-testdata/data")  # Debian's libonnx-testdata
SCOPE = "ABC"  # must pass, second wave, third wave

# Operands of which only shape or type matter, or nothing at inference: an input that feeds only these is read by no kernel.
UNREAD_OPERANDS = {"Shape": {0}, "Size": {0}, "EyeLike": {0}, "CastLike": {1}, "Dropout": {1, 2}}


@dataclass
class Case:
    """One case of the suite. `bind` are the inputs that are constants to the compiler."""
    category: str
    name: str
    tier: str
    bind: list[str]

    @property
    def key(self) -> str:
        return f"{self.category}/{self.name}"


@dataclass
class Outcome:
    """What became of a case on a target: `failure` is None when it passed."""
    case: Case
    target: str
    failure: str | None
    seconds: float


def read_tensor(path: Path, value_type) -> np.ndarray:
    """An `input_0.pb` or `output_0.pb` as an array. Raises ValueError for what is not a tensor."""
    if value_type.WhichOneof("value") != "tensor_type":
        raise ValueError(f"{path.name} is a {value_type.WhichOneof('value')}")
    return numpy_helper.to_array(onnx.load_tensor(path))


def feeds_only_shapes(graph, name: str) -> bool:
    """True when the values of a graph input cannot matter to a kernel: nobody uses them, or only their shape or type."""
    uses = [(node.op_type, index) for node in graph.node for index, operand in enumerate(node.input) if operand == name]
    return all(index in UNREAD_OPERANDS.get(op, ()) for op, index in uses)


def dims_of(ports, values: dict[str, np.ndarray]) -> dict[str, int]:
    """The `--dim` of every symbolic dim of the inputs; one without a name is called by its input and position."""
    return {dim.dim_param or f"{port.name}.{axis}": values[port.name].shape[axis] for port in ports if port.name in values
            for axis, dim in enumerate(port.type.tensor_type.shape.dim) if not dim.HasField("dim_value")}


def run_case(program: nncc.Nncc, data: Path, case: Case, check_reads: bool) -> str | None:
    """Runs all data sets of a case; returns the reason why it fails, or None."""
    folder = data / case.category / case.name
    model = onnx.load(folder / "model.onnx")
    weights = {initializer.name for initializer in model.graph.initializer}
    ports = [port for port in model.graph.input if port.name not in weights]
    binds = {}
    for data_set in sorted(folder.glob("test_data_set_*")):
        values = {port.name: read_tensor(data_set / f"input_{i}.pb", port.type) for i, port in enumerate(ports)
                  if (data_set / f"input_{i}.pb").exists()}
        expected = {port.name: read_tensor(data_set / f"output_{i}.pb", port.type) for i, port in enumerate(model.graph.output)}
        binds = {name: values.pop(name) for name in case.bind if name in values}
        got = program.run(folder / "model.onnx", values, binds).outputs
        if list(got) != list(expected):
            return f"outputs are {list(got)}, expected {list(expected)}"
        for name, reference in expected.items():
            wrong = compare.difference(got[name], reference)
            if wrong:
                return f"wrong result: output '{name}': {wrong}"
        if check_reads:
            must_read = [name for name, value in values.items() if value.size and not feeds_only_shapes(model.graph, name)]
            read = program.inspect(folder / "model.onnx", binds, dims_of(ports, values))["plan"]["inputs_read"]
            unread = [name for name in must_read if name not in read]
            if unread:
                return f"folded away: no kernel reads input {', '.join(unread)}"
    return None


def outcome_of(program: nncc.Nncc, data: Path, case: Case, check_reads: bool) -> Outcome:
    """Like run_case, but every way to fail becomes a reason."""
    start = time.monotonic()
    try:
        failure = run_case(program, data, case, check_reads)
    except nncc.NnccError as error:
        failure = f"CRASH (status {error.status}): {error.message}" if error.is_internal else error.message
    except (OSError, ValueError, KeyError) as error:
        failure = f"harness: {type(error).__name__}: {error}"
    return Outcome(case, program.target, failure, time.monotonic() - start)


def read_cases(data: Path) -> tuple[list[Case], list[str]]:
    """The cases of the table that this machine has, and the names of cases that the table doesn't know."""
    with open(TIERS) as file:
        rows = [Case(row["category"], row["test"], row["tier"], row["bind"].split()) for row in csv.DictReader(file, delimiter="\t")]
    known = {case.key for case in rows}
    present = [case for case in rows if (data / case.category / case.name / "model.onnx").exists()]
    categories = sorted({case.category for case in rows} - {"real"})
    new = [f"{c}/{path.name}" for c in categories if (data / c).is_dir() for path in sorted((data / c).iterdir())
           if f"{c}/{path.name}" not in known]
    return present, new


def print_report(cases: list[Case], outcomes: dict[str, list[Outcome]]):
    """Counts by tier, then the reasons for failure, the most frequent first."""
    by_tier = collections.defaultdict(lambda: [0, 0])
    reasons = collections.defaultdict(list)
    for case in cases:
        failures = [outcome for outcome in outcomes[case.key] if outcome.failure]
        by_tier[case.tier][0] += not failures
        by_tier[case.tier][1] += 1
        for outcome in failures[:1]:
            reasons[case.tier[0], nncc.without_details(outcome.failure)].append(outcome)
    print("\nwhy cases fail (tier, cases, reason; example):")
    for (tier, why), found in sorted(reasons.items(), key=lambda item: (item[0][0], -len(item[1]))):
        example = found[0]
        print(f"  {tier} {len(found):4}  {why}\n           {example.case.key} {example.target.split('-')[0]}: {example.failure[:200]}")
        if len(found) > 1:
            print(f"           also {', '.join(outcome.case.name for outcome in found[1:8])}{' ...' if len(found) > 8 else ''}")
    print("\npassing by tier:")
    for tier, (passed, total) in sorted(by_tier.items()):
        print(f"  {passed:4} of {total:4}  {tier}")
    slow = sorted((outcome for found in outcomes.values() for outcome in found), key=lambda outcome: -outcome.seconds)[:5]
    print("\nslowest: " + ", ".join(f"{outcome.case.name} ({outcome.target.split('-')[0]}) {outcome.seconds:.1f} s" for outcome in slow))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", choices=["x86_64", "aarch64", "both"], default="both")
    parser.add_argument("--jobs", type=int, default=2, help="cases that run at a time")
    parser.add_argument("--filter", default="", metavar="REGEX", help="only cases whose category/name matches")
    parser.add_argument("--tier", default=SCOPE, help=f"first letters of the tiers to run (default {SCOPE})")
    parser.add_argument("--report", action="store_true", help="say why cases fail")
    parser.add_argument("--update", action="store_true", help="write the claimed list anew")
    parser.add_argument("--claimed-only", action="store_true", help="run only what the list claims")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the suite")
    nncc.add_arguments(parser)
    options = parser.parse_args()
    if not options.data.is_dir():
        models.skip_or_fail(models.MissingModel(f"the ONNX suite: {options.data} does not exist; install libonnx-testdata"))

    present, new = read_cases(options.data)
    claimed = {line for line in CLAIMED.read_text().split() if line}
    cases = [case for case in present if case.tier[0] in options.tier and re.search(options.filter, case.key)
             and (case.key in claimed or not options.claimed_only)]
    start = time.monotonic()
    outcomes = collections.defaultdict(list)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for number, target in enumerate(nncc.targets_of(options.target)):
            program = nncc.Nncc(options.nncc, target, timeout=120)
            # What does not work on the first target is not tried on the second, unless it is claimed.
            todo = [case for case in cases if not any(o.failure for o in outcomes[case.key]) or case.key in claimed]
            for outcome in pool.map(lambda case: outcome_of(program, options.data, case, number == 0), todo):
                outcomes[outcome.case.key].append(outcome)
            passed = sum(not found[-1].failure for found in outcomes.values() if found[-1].target == target)
            print(f"{target}: {passed} of {len(cases)} cases pass, {len(todo)} tried ({time.monotonic() - start:.0f} s)", flush=True)

    passing = {case.key for case in cases if not any(outcome.failure for outcome in outcomes[case.key])}
    if options.report:
        print_report(cases, outcomes)
    if new:
        print(f"new: {len(new)} cases are not in {TIERS.name}, as {', '.join(new[:3])}")
    if options.update:
        if options.target != "both":
            parser.error("--update needs both targets")
        kept = claimed - {case.key for case in cases}  # not tried now
        CLAIMED.write_text("".join(f"{key}\n" for key in sorted(kept | passing)))
        print(f"{CLAIMED.name}: {len(claimed)} -> {len(kept | passing)} cases")
        return
    broken = [case.key for case in cases if case.key in claimed - passing]
    for key in broken:
        failed = next(outcome for outcome in outcomes[key] if outcome.failure)
        print(f"FAIL {key} is claimed, but {failed.target}: {failed.failure}")
    unclaimed = sorted(passing - claimed)
    if unclaimed:
        print(f"FAIL {len(unclaimed)} cases pass and are not claimed (test/harness/onnx_suite.py --update): {', '.join(unclaimed[:10])}"
              + (" ..." if len(unclaimed) > 10 else ""))
    in_a = sum(case.key in passing for case in cases if case.tier[0] == "A")
    print(f"claimed: {len(claimed)}; passing on {options.target}: {len(passing)}, of these {in_a} in tier A; {time.monotonic() - start:.0f} s")
    sys.exit(1 if broken or unclaimed else 0)


if __name__ == "__main__":
    main()
