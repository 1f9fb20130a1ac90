"""Time and memory of compiling, and size of what comes out: `compile_time.py mobilefacenet resnet50 ... --limit=6`.

Seconds for each model and target, at the first of three attempts that is quick enough, and the less of wall and processor time: others
may use the machine, too. A model is one of models.json, or a network of make_network.py. --most-code=BYTES fails where a library has more code and constants.
"""
import argparse
import sys
import tempfile
from pathlib import Path

import onnx

import inputs
import make_network
import models
import nncc


def find_model(name: str, folder: Path) -> Path:
    """The file of a model, made in a folder where it is a generated one."""
    if name not in make_network.NETWORKS:
        return models.model_path(name)
    path = folder / f"{name}.onnx"
    onnx.save(make_network.make_network(name), path)
    return path


def check(program: nncc.Nncc, name: str, path: Path, limit: float, most_code: int | None) -> bool:
    """Compiles one model for one target and prints a line; returns whether it stays within the limits."""
    hint = models.entry_of(name) if name not in make_network.NETWORKS else {"input": {}}
    values = inputs.make_inputs(path, 0, hint["input"])
    binds = {key: values[key] for key in hint.get("bind", [])}
    with tempfile.TemporaryDirectory(prefix="nncc-compile-") as scratch:
        try:
            runs = program.compile_within(limit, path, Path(scratch), "--name=timed", dims=hint.get("dims"), binds=binds)
        except nncc.NnccError as error:
            print(f"FAIL {name} {program.target}: {error}")
            return False
        size = (Path(scratch) / "libtimed.a").stat().st_size
    best, sizes = nncc.least_seconds(runs), runs[0].manifest["sizes"]
    code, constants = sizes["code"], sizes["constants"]
    good = best <= limit and (most_code is None or code + constants <= most_code)
    print(f"{'ok  ' if good else 'FAIL'} {name:18} {program.target.split('-')[0]:8} {best:6.2f} s of {limit:g}, "
          f"peak {max(run.peak_bytes for run in runs) / 1e6:6.0f} MB, archive {size / 1e3:7.0f} kB, "
          f"code {code / 1e3:5.1f} kB, constants {constants / 1e3:4.1f} kB, arena {runs[0].manifest['arena']['bytes'] / 1e3:7.0f} kB, {len(runs[0].manifest['kernels'])} kernels", flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--limit", type=float, default=6, metavar="SECONDS")
    parser.add_argument("--most-code", type=int, metavar="BYTES")
    nncc.add_machine_arguments(parser, target="both")
    options = parser.parse_args()
    good, missing = True, []
    with tempfile.TemporaryDirectory(prefix="nncc-networks-") as scratch:
        for name in options.models:
            try:
                path = find_model(name, Path(scratch))
            except models.MissingModel as absent:
                missing.append(absent)
                continue
            for program in nncc.machines(options):
                good &= check(program, name, path, options.limit, options.most_code)
    if missing and good:
        models.skip_or_fail(missing[0])
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
