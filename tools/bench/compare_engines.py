"""Compares nncc with other engines on this machine: one run, one thread, f32, in turns, by processor time, results checked.

Every engine is a process of its own, on the same core. A round is a short slice of each, beginning with another one every time, under
real-time priority where that is allowed; the multiply-add peak of the core is measured in every round, too. An engine's time counts only
if its result is that of onnxruntime. Printed for each network and engine: the least time and the middle half, by which factor it is slower
than the best peer, its share of the multiply-add peak of the same rounds (direct multiplications counted, whatever the algorithm; the
peak of the registers that its CPU has: x86-64-v3 has 256 bits), resident memory, time to load, bytes on disk (code and model), largest error.

With --aarch64 also the instructions that AArch64 code executes under qemu, and cycles by llvm-mca: no Arm machine is needed.
--write puts all of it into docs/benchmarks.md and docs/benchmarks.svg, and says where nncc loses.
"""
import argparse
import json
import os
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEER_NAMES = ["onnxruntime", "openvino", "ncnn", "mnn", "litert"]


def arguments():
    parser = argparse.ArgumentParser(prog="compare.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", metavar="NAME,...", help="networks (default: the generated ones and all of the tests); `generated`, "
                        "`tests`, `digits`; NAME-int8 is NAME quantized, NAME-dynamic-u8s8-tensor and the like in another way; or FILE.onnx")
    parser.add_argument("--peers", metavar="NAME,...", help=f"default: {','.join(PEER_NAMES)}")
    parser.add_argument("--nncc", metavar="[LABEL=]PATH", action="append", help="the nncc program; repeatable, to compare builds")
    parser.add_argument("--cpu", metavar="CPU,...", default="native,x86-64-v3", help="what nncc compiles for; the first is what peers are "
                        "compared with (%(default)s)")
    parser.add_argument("--flag", metavar="FLAG", action="append", default=[], help="another flag of `nncc compile`; repeatable")
    parser.add_argument("--rounds", type=int, default=20, help="rounds for each network (%(default)s)")
    parser.add_argument("--slice", type=float, default=40, metavar="MS", help="processor time of an engine in a round (%(default)s)")
    parser.add_argument("--core", type=int, help="the core to run on (default: the last)")
    parser.add_argument("--aarch64", action="store_true", help="also count instructions of the generated networks, under qemu")
    parser.add_argument("--only-aarch64", action="store_true", help="nothing but that")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the results as JSON, too")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md and docs/benchmarks.svg")
    parser.add_argument("--from", metavar="FILE", type=Path, dest="sources", action="append", help="measure nothing: print and write what "
                        "--json wrote; repeatable, for runs that measured other networks")
    parser.add_argument("--converter", metavar="FOLDER", type=Path, help="programs that convert models for LiteRT")
    parser.add_argument("--self-test", action="store_true", help="seconds: the demo network, onnxruntime only; for the tests")
    return parser.parse_args()


def network_names(option: str | None) -> list[str]:
    """The networks that --models names."""
    import models
    import networks
    names = []
    for name in option.split(",") if option else ["generated", "tests"]:
        names += {"generated": networks.GENERATED, "tests": list(models.manifest())}.get(name, [name])
    return names


def programs_of(options) -> list:
    """(label, nncc program) for each --nncc and --cpu; the first is the one that peers are compared with."""
    import nncc
    result = []
    for build in options.nncc or [str(nncc.Nncc.program)]:
        label, path = build.split("=", 1) if "=" in build else ("nncc", build)
        program, seen = nncc.Nncc(Path(path)), []
        for cpu in options.cpu.split(","):
            if cpu == "native":
                facts = program.call("bench", HERE.parent / "demo" / "digits.onnx", "--cpu=native", "--rounds=1", "--warmup=0", "--json")
                cpu = json.loads(facts.stdout)["cpu"]
            if cpu not in seen:
                seen.append(cpu)
                result.append((f"{label} {cpu}", nncc.Nncc(Path(path), flags=[f"--cpu={cpu}", *options.flag])))
    return result


def measure_network(name: str, builds: list, peers: list[str], options) -> dict:
    """Everything that is known of one network, as report.py prints it. Raises MissingModel."""
    import engines
    import networks
    import report
    network = networks.find(name)
    workers, facts, refused = {"peak": engines.start_peak()}, {}, {}
    try:
        for engine, start in ([(label, lambda program=program: engines.start_nncc(program, network)) for label, program in builds]
                              + [(peer, lambda peer=peer: engines.start_peer(peer, network, options.converter)) for peer in peers]):
            try:
                workers[engine], facts[engine] = start()
            except engines.Refused as why:
                refused[engine] = str(why)
        core = options.core if options.core is not None else max(os.sched_getaffinity(0))
        answers = engines.measure(workers, options.rounds, options.slice, core)
    finally:
        for worker in workers.values():
            worker.stop()
    macs = max((fact.macs for fact in facts.values()), default=0)
    peaks = [dict(zip(engines.PEAK_BITS, answer)) for answer in answers.pop("peak")]
    entry = {"name": network.name, "macs": macs, "group": network.group,
             "subnormal_weights": network.subnormal_weights, "peak_gflops": max(max(peak.values()) for peak in peaks), "refused": refused,
             "engines": {engine: summary(answers[engine], peaks, macs, facts[engine]) for engine in answers}}
    ratio = report.lead(entry, builds[0][0])
    if ratio and ratio < 1:
        entry["slowest"] = slowest_kernels(builds[0][1], network)
    return entry


def slowest_kernels(program, network, most: int = 3) -> list[dict]:
    """The kernels that lose most against the peak, as `nncc bench` measures them."""
    import nncc
    binds = [f"--bind={name}={value.item()}" for name, value in network.binds.items()] + nncc.dim_flags(network.dims)
    facts = json.loads(program.call("bench", network.path, "--per-kernel", "--json", "--rounds=10", *program.flags, *binds).stdout)
    peak, total = facts["peak_gflops"] * 1e3, sum(kernel["us_least"] for kernel in facts["kernels"])
    lost = sorted(facts["kernels"], key=lambda kernel: 2 * kernel["macs"] / peak - kernel["us_least"])
    return [{"name": kernel["name"], "op": kernel["op"], "share_of_time": kernel["us_least"] / total,
             "share_of_peak": 2 * kernel["macs"] / peak / kernel["us_least"] if kernel["macs"] else 0} for kernel in lost[:most]]


def summary(rounds: list[list[float]], peaks: list[dict[int, float]], macs: int, facts) -> dict:
    """The times of an engine in ms, its share of the peak of the registers that it may use, and its facts. `peaks`: by bits, in GFLOP/s."""
    times = sorted(1e3 * seconds for round in rounds for seconds in round)
    mine = [max(gflops for bits, gflops in peak.items() if bits <= facts.vector_bits) for peak in peaks]
    shares = [2e-9 * macs / min(round) / peak for round, peak in zip(rounds, mine)]
    return {"least_ms": times[0], "low_ms": times[len(times) // 4], "high_ms": times[len(times) - 1 - len(times) // 4], "runs": len(times),
            "share": statistics.median(shares), **vars(facts)}


def machine() -> dict:
    """What it was measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return {"cpu": next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")}


def versions(peers: list[str]) -> dict[str, str]:
    """The versions of the peers; why one is not there."""
    import engines
    result = {}
    for peer in peers:
        try:
            result[peer] = engines.version_of(engines.PEERS[peer][0])
        except engines.Refused as why:
            result[peer] = str(why)
    return result


def run(options) -> dict:
    """Measures what the options ask for; --json is up to date after each network."""
    import aarch64
    import models
    import report
    peers = options.peers.split(",") if options.peers else PEER_NAMES
    if unknown := [peer for peer in peers if peer not in PEER_NAMES]:
        sys.exit(f"compare: no such peer: {', '.join(unknown)}; known: {', '.join(PEER_NAMES)}")
    builds = programs_of(options)
    results = {"machine": machine(), "versions": versions(peers), "rounds": options.rounds, "slice_ms": options.slice,
               "first": builds[0][0], "networks": [], "missing": {}, "aarch64": []}
    print(", ".join(f"{peer} {version}" for peer, version in results["versions"].items()), flush=True)

    def take(part: str, entry: dict, text: str):
        results[part].append(entry)
        print(text, flush=True)
        if options.json:
            options.json.write_text(json.dumps(results, indent=1) + "\n")

    for name in [] if options.only_aarch64 else network_names(options.models):
        try:
            entry = measure_network(name, builds, peers, options)
            take("networks", entry, report.network_text(entry))
        except models.MissingModel as missing:
            results["missing"][name] = str(missing)
            print(f"{name}: {missing}", flush=True)
    print(report.summary_text(results))
    for name in network_names(options.models or "generated") if options.aarch64 or options.only_aarch64 else []:
        entry = aarch64.count(name, builds[0][1].program, options.flag)
        take("aarch64", entry, report.aarch64_text(entry))
    return results


def merged(files: list[Path]) -> dict:
    """The results of several runs; of a network that several measured, the last."""
    runs = [json.loads(file.read_text()) for file in files]
    timed = [run for run in runs if run["networks"]] or runs
    result = runs[-1] | {"runs": len(runs), "rounds": min(run["rounds"] for run in timed), "missing": {name: why for run in runs for name, why in run["missing"].items()},
                         "versions": {peer: version for run in runs for peer, version in run["versions"].items()}}
    for part in ("networks", "aarch64"):
        result[part] = list({entry["name"]: entry for run in runs for entry in run[part]}.values())
    return result


def self_test(options):
    """The demo network, one peer: everything that a comparison does, in seconds. Fails where nothing was compared."""
    options.models, options.peers, options.rounds, options.slice, options.cpu = "digits", "onnxruntime", 2, 1, "x86-64-v3"
    options.aarch64 = True
    results = run(options)
    import report
    report.markdown(results)
    report.svg(results)
    if set(results["networks"][0]["engines"]) != {results["first"], "onnxruntime"}:
        sys.exit(f"compare: the self-test compared nothing: {results['networks'][0]['refused']}")


def main():
    options = arguments()
    sys.path.insert(0, str(HERE.parents[1] / "test" / "harness"))
    if options.self_test:
        return self_test(options)
    import report
    results = merged(options.sources) if options.sources else run(options)
    if options.sources:
        print("\n".join([*map(report.network_text, results["networks"]), report.summary_text(results),
                         *map(report.aarch64_text, results["aarch64"])]))
    if options.write:
        docs = HERE.parents[1] / "docs"
        (docs / "benchmarks.md").write_text(report.markdown(results))
        (docs / "benchmarks.svg").write_text(report.svg(results))


if __name__ == "__main__":
    main()
