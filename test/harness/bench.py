"""Speed of networks as a share of what this core's multiply-add units could do: `bench.py [--cpu x86-64-v3] [--network resnet50]`.

Runs `nncc bench --json`, which measures the peak between the runs of the network, and the share in processor time: other work on the
machine disturbs it little. Fails where a network stays below its bar.
"""
import argparse
import json
import sys
import tempfile
from pathlib import Path

import compile_time
import models
import nncc

# Least share of the multiply-add peak of one core. MobileNets spend a tenth of their time in depthwise convolutions, which the memory
# limits; MobileFaceNet and DenseNet-121 have many small layers.
BARS = {"resnet50": 0.75, "mobilenet_v1": 0.75, "mobilefacenet": 0.60, "densenet121": 0.60}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", action="append", choices=BARS, help="repeatable; default: all")
    parser.add_argument("--cpu", action="append", help="repeatable; default: what `nncc compile` ships")
    parser.add_argument("--rounds", type=int, default=50, help="runs of each network (%(default)s)")
    nncc.add_arguments(parser)
    options = parser.parse_args()
    good, missing = True, []
    with tempfile.TemporaryDirectory(prefix="nncc-bench-") as scratch:
        for name in options.network or BARS:
            try:
                path = compile_time.find_model(name, Path(scratch))
            except models.MissingModel as absent:
                missing.append(absent)
                continue
            for cpu in options.cpu or [nncc.SHIPPED_CPU[nncc.X86_64]]:
                flags = [f"--rounds={options.rounds}", f"--cpu={cpu}"]
                facts = json.loads(nncc.Nncc(options.nncc).call("bench", path, "--json", *flags).stdout)
                reached = facts["peak_share"] >= BARS[name]
                good &= reached
                print(f"{'ok  ' if reached else 'FAIL'} {name:14} {facts['cpu']:10} {facts['macs'] / 1e6:6.0f} MMAC  "
                      f"{facts['ms_busy']:7.2f} ms  {100 * facts['peak_share']:3.0f} % of {facts['peak_gflops']:.0f} GFLOP/s, "
                      f"at least {100 * BARS[name]:.0f} %", flush=True)
    if missing and good:
        models.skip_or_fail(missing[0])
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
