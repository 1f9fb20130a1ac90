"""One real network against onnxruntime: three seeded inputs, one or both targets. Ends with 77 where the model is missing.

    run_model.py --model=mobilefacenet [--target=both] [--cpu=cortex-a76 --float=f16-arithmetic]

The library that `nncc compile` wrote is linked into a C program (test/end-to-end/guarded.c), which runs all inputs, NaN in all memory
before each, and under qemu where the target is AArch64.
"""
import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx

import compare
import inputs
import models
import nncc
import oracle
import programs

SEEDS = (0, 1, 2)  # 0 is the structured one
# qemu runs f32 vector code at about 0.12 GMAC/s.
TIMEOUT = 900


def with_taps(path: Path, taps: dict[str, str]) -> Path:
    """A copy of a model that also returns the tensors that `taps` names, in the cache."""
    copy = models.cache_folder() / "tapped" / f"{path.stem}-{models.hash_of(path)[:16]}.onnx"
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        model = onnx.load(path)
        for name in taps.values():
            model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
        inferred = onnx.shape_inference.infer_shapes(onnx.load(path))
        types = {value.name: value for value in inferred.graph.value_info}
        for output in model.graph.output:
            if output.name in taps.values():
                output.CopyFrom(types[output.name])
        temporary = copy.with_suffix(".part")
        onnx.save(model, temporary)
        temporary.replace(copy)
    return copy


def check(program: nncc.Nncc, name: str, entry: dict) -> bool:
    """Runs one network on one target and reports; returns whether all outputs are right."""
    original, taps = models.model_path(name), entry.get("taps", {})
    if not taps:
        return check_file(program, original, name, entry, SEEDS)
    # What is saturated says little of the original, whatever the input: once is enough.
    good = check_file(program, original, name, entry, SEEDS[:1])
    return check_file(program, with_taps(original, taps), f"{name} with taps", entry, SEEDS) and good


def check_file(program: nncc.Nncc, path: Path, title: str, entry: dict, seeds) -> bool:
    """The same for one file: the network as it is, or its copy with taps."""
    good, seen, saturated = True, {}, entry.get("taps", {})
    values = [inputs.make_inputs(path, seed, entry["input"]) for seed in seeds]
    binds = {key: values[0][key] for key in entry.get("bind", [])}
    references = [oracle.reference(path, seed, value) for seed, value in zip(seeds, values)]
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="nncc-model-") as scratch:
        try:
            compiled = program.compile(path, Path(scratch), "--name=first", dims=entry.get("dims"), binds=binds)
            runs = 2 if program.target == nncc.X86_64 else 1  # a second time in parts, where that costs little
            results = programs.run_guarded(Path(scratch), program.target, compiled.manifest, values, runs, TIMEOUT)
        except (nncc.NnccError, programs.ProgramError) as error:
            print(f"FAIL {title} {program.target}: {error}")
            return False
    macs = sum(kernel["macs"] for kernel in compiled.manifest["kernels"])
    print(f"{title} {program.target}: {macs / 1e6:.0f} MMAC, {time.monotonic() - start:.1f} s, {compiled.seconds:.1f} s of it compiling")
    for seed, expected, got in zip(seeds, references, results):
        if list(got) != list(expected):
            print(f"FAIL {title} {program.target}: outputs {list(got)}, expected {list(expected)}")
            return False
        for output, reference in expected.items():
            wrong = None
            if output not in saturated:
                wrong = compare.invalid_reference(reference)
                if any(np.array_equal(reference, other) for other in seen.get(output, [])):
                    wrong = "the reference is the same for other inputs"
            seen.setdefault(output, []).append(reference)
            if wrong:
                wrong = f"invalid test: {wrong}"
            elif limit := program.error_of_halves:
                wrong = compare.difference_of_halves(got[output], reference, limit)
            else:
                wrong = compare.difference(got[output], reference, least_scale=1 if output in saturated else 0)
            good &= wrong is None
            verdict = f"FAIL {wrong}" if wrong else f"ok   {compare.summary(got[output], reference)}"
            print(f"{title} {program.target} seed {seed} output '{output}' {list(reference.shape)}: {verdict}")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    nncc.add_machine_arguments(parser, target="both")
    nncc.add_float_argument(parser)
    options = parser.parse_args()
    entry = models.entry_of(options.model)
    try:
        results = [check(program, options.model, entry) for program in nncc.machines(options)]
    except models.MissingModel as missing:
        models.skip_or_fail(missing)
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
