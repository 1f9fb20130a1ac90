"""What `nncc estimate` says against what happens: `estimate.py mobilefacenet digits`.

Instructions: those of the estimate against those that one run executes under qemu, with what the estimate leaves out: the dispatcher
and the C library's memcpy. With --time: the time on this machine against `nncc bench`, at the clock that the measured multiply-add peak
tells, at the best of some attempts: others may use the machine, too.
"""
import argparse
import sys
import tempfile
from pathlib import Path

import models
import nncc

sys.path.insert(0, str(models.REPOSITORY / "tools" / "bench"))
import aarch64  # noqa: E402
import engines  # noqa: E402
import networks  # noqa: E402

MOST_INSTRUCTIONS_OFF = 0.05
MOST_TIME_OFF = 0.15
ATTEMPTS = 4
FLOPS_PER_CYCLE = {"x86-64-v3": 32, "x86-64-v4": 64}  # two multiply-adds of 8 or 16 floats


def estimate(program: nncc.Nncc, network: networks.Network, *flags: str) -> dict:
    """The document of `nncc estimate --json`."""
    return program.report("estimate", network.path, *flags, binds=network.binds, dims=network.dims)


def check_instructions(program: nncc.Nncc, network: networks.Network) -> bool:
    """Compares instructions and prints a line."""
    told = sum(kernel["instructions"] for kernel in estimate(program, network)["kernels"])
    with tempfile.TemporaryDirectory(prefix="nncc-estimate-") as scratch:
        built, _ = engines.build_nncc(program, network, Path(scratch))
        executed = sum(block.instructions for block in aarch64.run_counted(built, Path(scratch)))
    off = told / executed - 1
    good = abs(off) <= MOST_INSTRUCTIONS_OFF
    print(f"{'ok  ' if good else 'FAIL'} {network.name:20} {' '.join(program.flags):16} {told:12} instructions estimated, {executed:12} "
          f"executed, {100 * off:+.2f} %", flush=True)
    return good


def check_time(program: nncc.Nncc, network: networks.Network, cpu: str) -> bool:
    """Compares times on this machine and prints a line."""
    best = None
    for _ in range(ATTEMPTS):
        measured = program.report("bench", network.path, "--rounds=15", binds=network.binds, dims=network.dims)
        mhz = measured["peak_gflops"] * 1e3 / FLOPS_PER_CYCLE[cpu]
        told = estimate(program, network, f"--mhz={mhz:.0f}")["time"]["us"] * 1e-3
        off = told / measured["ms_busy"] - 1
        if best is None or abs(off) < abs(best[0]):
            best = off, told, measured["ms_busy"], mhz
        if abs(off) <= MOST_TIME_OFF:
            break
    off, told, busy, mhz = best
    good = abs(off) <= MOST_TIME_OFF
    print(f"{'ok  ' if good else 'FAIL'} {network.name:20} {cpu:10} {told:8.3f} ms estimated, {busy:8.3f} measured, {100 * off:+.0f} % at "
          f"{mhz:.0f} MHz", flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="+", metavar="NETWORK")
    parser.add_argument("--cpu", action="append", help="repeatable; default: cortex-a53 and cortex-a76, with --time x86-64-v3")
    parser.add_argument("--time", action="store_true", help="compare times on this machine")
    nncc.add_arguments(parser)
    options = parser.parse_args()
    if options.time and (unknown := set(options.cpu or ()) - FLOPS_PER_CYCLE.keys()):
        parser.error(f"--time: the peak of {', '.join(sorted(unknown))} is not known")
    good = True
    for name in options.networks:
        try:
            network = networks.find(name)
        except models.MissingModel as missing:
            models.skip_or_fail(missing)
        for cpu in options.cpu or (["x86-64-v3"] if options.time else ["cortex-a53", "cortex-a76"]):
            if options.time:
                good &= check_time(nncc.Nncc(options.nncc, nncc.X86_64, flags=[f"--cpu={cpu}"]), network, cpu)
            else:
                good &= check_instructions(nncc.Nncc(options.nncc, nncc.AARCH64, flags=[f"--cpu={cpu}"]), network)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
