"""ONNX's own tests: runs every case in scope, and holds the result against the list of cases that nncc claims to pass.

    onnx_suite.py                 red when a claimed case fails on a target, or one passes on all targets and is not claimed
    onnx_suite.py --suite=wheel   the cases of the newest ONNX, which come with its Python package, instead of Debian's
    onnx_suite.py --report        also says why the others fail, the most frequent reason first
    onnx_suite.py --update        writes the claimed list anew (only cases that pass on both targets)

A case is one model and its expected outputs. Some cases feed a shape (of a Reshape, the starts of a Slice ...) at run time,
which a compiler of static shapes cannot take: those inputs, and no others, are constants to the compiler (`bound_inputs` in
onnx_cases.py). So that nobody folds a whole case away, every other input has to be read by a kernel.
Under qemu, the newest suite runs a fixed fifth of its cases.
"""
import argparse
import collections
import concurrent.futures
import re
import sys
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

import compare
import models
import nncc
import onnx_cases
from onnx_cases import Case

CLAIMED = {"debian": onnx_cases.EXPECTED / "onnx-suite-claimed.txt", "wheel": onnx_cases.EXPECTED / "onnx-wheel-claimed.txt"}
WRONG = "wrong result"  # how such a failure begins
SCOPE = "ABC"  # must pass, second wave, third wave

# Operands of which only shape or type matter, or nothing at inference: an input that feeds only these is read by no kernel.
# So is a tensor that went into a sequence and was not taken out of it.
UNREAD_OPERANDS = {**onnx_cases.SHAPE_READERS, "SequenceConstruct": range(100), "SequenceInsert": {1}, "SplitToSequence": {0}}


@dataclass
class Outcome:
    """What became of a case on a target: `failure` is None when it passed."""
    case: Case
    target: str
    failure: str | None
    seconds: float


def feeds_only_shapes(graph, name: str) -> bool:
    """True when the values of a graph input cannot matter to a kernel: nobody uses them, or only their shape or type."""
    uses = [(node.op_type, index) for node in graph.node for index, operand in enumerate(node.input) if operand == name]
    return all(index in UNREAD_OPERANDS.get(op, ()) for op, index in uses)


def dims_of(ports, values: dict[str, np.ndarray]) -> dict[str, int]:
    """The `--dim` of every symbolic dim of the inputs; one without a name is called by its input and position."""
    return {dim.dim_param or f"{port.name}.{axis}": values[port.name].shape[axis] for port in ports if port.name in values
            for axis, dim in enumerate(port.type.tensor_type.shape.dim) if not dim.HasField("dim_value")}


def run_case(program: nncc.Nncc, case: Case, check_reads: bool) -> str | None:
    """Runs all data sets of a case; returns the reason why it fails, or None."""
    file = case.folder / "model.onnx"
    model = onnx.load(file)
    bound = onnx_cases.bound_inputs(model.graph)
    weights = {initializer.name for initializer in model.graph.initializer}
    ports = [port for port in model.graph.input if port.name not in weights]
    binds = {}
    for data_set in sorted(case.folder.glob("test_data_set_*")):
        values = {port.name: onnx_cases.read_value(data_set / f"input_{i}.pb", port.type) for i, port in enumerate(ports)
                  if (data_set / f"input_{i}.pb").exists()}
        expected = {port.name: onnx_cases.read_value(data_set / f"output_{i}.pb", port.type) for i, port in enumerate(model.graph.output)}
        binds = {name: values.pop(name) for name in bound if name in values}
        got = program.run(file, values, binds).outputs
        if list(got) != list(expected):
            return f"outputs are {list(got)}, expected {list(expected)}"
        for name, reference in expected.items():
            wrong = compare.difference(got[name], reference)
            if wrong:
                return f"{WRONG}: output '{name}': {wrong}"
        if check_reads and any(np.size(reference) for reference in expected.values()):  # of nothing, nothing is computed
            must_read = [name for name, value in values.items() if value.size and not feeds_only_shapes(model.graph, name)]
            read = program.inspect(file, binds, dims_of(ports, values))["plan"]["inputs_read"]
            unread = [name for name in must_read if name not in read]
            if unread:
                return f"folded away: no kernel reads input {', '.join(unread)}"
    return None


def outcome_of(program: nncc.Nncc, case: Case, check_reads: bool) -> Outcome:
    """Like run_case, but every way to fail becomes a reason."""
    start = time.monotonic()
    try:
        failure = run_case(program, case, check_reads)
    except nncc.NnccError as error:
        failure = f"CRASH (status {error.status}): {error.message}" if error.is_internal else error.message
    except (OSError, ValueError, KeyError) as error:
        failure = f"harness: {type(error).__name__}: {error}"
    return Outcome(case, program.target, failure, time.monotonic() - start)


def reason(failure: str) -> str:
    """A failure without what differs from case to case, to count by."""
    failure = re.sub(r"^(status 1: )?\S*\.onnx(:\S*)?: error: ", "", failure)
    failure = re.sub(r"node ('[^']*'|#\d+( \(output '[^']*'\))?) ", "", failure)
    failure = re.sub(r"'[^']*'", "'..'", failure)
    failure = re.sub(r"\[[^\]]*\]|0x[0-9a-f]+|-?\b\d+(\.\d+)?([eE][-+]?\d+)?\b", "N", failure)
    return re.sub(r"max.error. N.*", "max|error|", failure)[:160]


def cases_of(suite: str) -> tuple[list[Case], list[str]]:
    """The cases of a suite that this machine has, and the names of those of which nothing is known."""
    if suite == "wheel":
        return onnx_cases.wheel_cases(), []
    if not onnx_cases.DEBIAN_DATA.is_dir():
        models.skip_or_fail(models.MissingModel(f"the ONNX suite: {onnx_cases.DEBIAN_DATA} does not exist; install libonnx-testdata"))
    return onnx_cases.debian_cases(onnx_cases.DEBIAN_DATA)


def runs_on(case: Case, target: str, suite: str) -> bool:
    """Whether a case runs on a target: emulated, every fifth of the newest suite, whichever others there are."""
    return suite == "debian" or target == nncc.X86_64 or zlib.crc32(case.key.encode()) % 5 == 0


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
    parser.add_argument("--suite", choices=list(CLAIMED), default="debian", help="whose cases to run")
    nncc.add_arguments(parser)
    options = parser.parse_args()
    present, new = cases_of(options.suite)
    list_file = CLAIMED[options.suite]
    claimed = {line for line in list_file.read_text().split() if line}
    cases = [case for case in present if case.tier[0] in options.tier and re.search(options.filter, case.key)
             and (case.key in claimed or not options.claimed_only)]
    start = time.monotonic()
    outcomes = collections.defaultdict(list)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for number, target in enumerate(nncc.targets_of(options.target)):
            program = nncc.Nncc(options.nncc, target, timeout=120)
            # What does not work on the first target is not tried on the second, unless it is claimed.
            todo = [case for case in cases if runs_on(case, target, options.suite)
                    and (case.key in claimed or not any(o.failure for o in outcomes[case.key]))]
            for outcome in pool.map(lambda case: outcome_of(program, case, number == 0), todo):
                outcomes[outcome.case.key].append(outcome)
            passed = sum(not found[-1].failure for found in outcomes.values() if found[-1].target == target)
            print(f"{target}: {passed} of {len(cases)} cases pass, {len(todo)} tried ({time.monotonic() - start:.0f} s)", flush=True)

    passing = {case.key for case in cases if not any(outcome.failure for outcome in outcomes[case.key])}
    if options.report:
        print_report(cases, outcomes)
    if new:
        print(f"new: {len(new)} cases are not in {onnx_cases.TIERS.name}, as {', '.join(new[:3])}")
    if options.update:
        if options.target != "both":
            parser.error("--update needs both targets")
        kept = claimed - {case.key for case in cases}  # not tried now
        list_file.write_text("".join(f"{key}\n" for key in sorted(kept | passing)))
        print(f"{list_file.name}: {len(claimed)} -> {len(kept | passing)} cases")
        return
    broken = [case.key for case in cases if case.key in claimed - passing]
    for key in broken:
        failed = next(outcome for outcome in outcomes[key] if outcome.failure)
        print(f"FAIL {key} is claimed, but {failed.target}: {failed.failure}")
    unclaimed = sorted(passing - claimed)
    if unclaimed:
        print(f"FAIL {len(unclaimed)} cases pass and are not claimed (test/harness/onnx_suite.py --suite={options.suite} --update): "
              f"{', '.join(unclaimed[:10])}{' ...' if len(unclaimed) > 10 else ''}")
    # What is not claimed may be refused, but not compiled to something else.
    wrong = [outcome for found in outcomes.values() for outcome in found
             if outcome.failure and outcome.failure.startswith(WRONG) and outcome.case.key not in claimed]
    for outcome in wrong:
        print(f"FAIL {outcome.case.key} {outcome.target}: {outcome.failure}")
    in_a = sum(case.key in passing for case in cases if case.tier[0] == "A")
    print(f"claimed: {len(claimed)}; passing on {options.target}: {len(passing)}, of these {in_a} in tier A; {time.monotonic() - start:.0f} s")
    sys.exit(1 if broken or unclaimed or wrong else 0)


if __name__ == "__main__":
    main()
