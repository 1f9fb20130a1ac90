"""Time and memory of compiling: `compile_time.py mobilefacenet ... --limit=3`, seconds for each model and target, best of three."""
import argparse
import sys
import tempfile
from pathlib import Path

import inputs
import models
import nncc


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--limit", type=float, default=3, metavar="SECONDS")
    nncc.add_arguments(parser)
    options = parser.parse_args()
    failures, missing = 0, []
    for name in options.models:
        try:
            path = models.model_path(name)
        except models.MissingModel as absent:
            missing.append(absent)
            continue
        hint = models.entry_of(name)
        values = inputs.make_inputs(path, 0, hint["input"])
        binds = {key: values[key] for key in hint.get("bind", [])}
        for target in nncc.TARGETS:
            with tempfile.TemporaryDirectory(prefix="nncc-compile-") as scratch:
                try:
                    runs = [nncc.Nncc(options.nncc, target).compile(path, Path(scratch), "--name=timed", dims=hint.get("dims"), binds=binds)
                            for _ in range(3)]
                except nncc.NnccError as error:
                    print(f"FAIL {name} {target}: {error}")
                    failures += 1
                    continue
                size = (Path(scratch) / "libtimed.a").stat().st_size
            best = min(run.seconds for run in runs)
            failures += best > options.limit
            print(f"{'FAIL' if best > options.limit else 'ok  '} {name:18} {target.split('-')[0]:8} {best:6.2f} s of {options.limit:g}, "
                  f"peak {max(run.peak_bytes for run in runs) / 1e6:6.0f} MB, archive {size / 1e3:7.0f} kB, "
                  f"arena {runs[0].manifest['arena']['bytes'] / 1e3:7.0f} kB, {len(runs[0].manifest['kernels'])} kernels")
    if missing and not failures:
        models.skip_or_fail(missing[0])
    sys.exit(1 if failures else 0)


main()
