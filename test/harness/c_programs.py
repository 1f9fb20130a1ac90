"""C programs that link generated libraries: several models, several threads, step by step. Outputs are compared with onnxruntime.

    c_programs.py three_models --models digits,graph:3,graph:5 --target both

PROGRAM.c lies in test/end-to-end. A model is a name of test/harness/models.json or `graph:SEED`, a random graph.
"""
import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

import compare
import inputs
import models
import nncc
import oracle
import programs
import random_graphs

# Program -> (libraries it links: index into --models each, uses: index of the library each).
PROGRAMS = {"three_models": ([0, 1, 2], [0, 1, 2]), "two_names": ([0, 0], [0, 1]), "two_threads": ([0], [0, 0]), "steps": ([0], [0]),
            "threads": ([0], [0])}
NAMES = ["first", "second", "third"]


def find_model(name: str, folder: Path) -> tuple[Path, dict]:
    """The file of a model and what its inputs should look like."""
    if name.startswith("graph:"):
        path = folder / f"{name.replace(':', '')}.onnx"
        onnx.save(random_graphs.make_case(int(name.split(":")[1]))[0], path)
        return path, {"kind": "features"}
    return models.model_path(name), models.input_hint(name)


def run_program(program: str, names: list[str], compiler: nncc.Nncc, folder: Path, sanitize: bool) -> str | None:
    """Builds and runs one program on one target; returns what is wrong, or None."""
    libraries, uses = PROGRAMS[program]
    found = [find_model(name, folder) for name in names]
    cut = ["--part-work=1"] if program == "threads" else []
    for name, model in zip(NAMES, libraries):
        compiler.compile(found[model][0], folder, f"--name={name}", *cut)
    also = []
    if program == "threads":
        headers = f"-I{models.REPOSITORY / 'include'}"
        pool = Path(compiler.program).resolve().parent.parent / "lib" / "nncc" / compiler.target / "libnncc_pool.a"
        # The sanitizer sees the pool and the program; the code of the model is not instrumented.
        also = [headers, "-fsanitize=thread", models.REPOSITORY / "runtime" / "pool" / "pool.c"] if sanitize else [headers, pool]
    built = programs.build(program, folder, NAMES[:len(libraries)], compiler.target, also)
    folders, expected = [], []
    for seed, use in enumerate(uses):
        path, hint = found[libraries[use]]
        values = inputs.make_inputs(path, seed, hint)
        expected.append(oracle.run(path, values))
        folders.append(folder / f"use{seed}")
        folders[-1].mkdir()
        for index, value in enumerate(values.values()):
            (folders[-1] / f"input{index}").write_bytes(value.tobytes())
    programs.run(built, compiler.target, folders)
    for where, references in zip(folders, expected):
        for index, (name, reference) in enumerate(references.items()):
            got = np.fromfile(where / f"output{index}", reference.dtype).reshape(reference.shape)
            wrong = compare.invalid_reference(reference) or compare.difference(got, reference)
            if wrong:
                return f"{where.name} output '{name}': {wrong}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", choices=PROGRAMS)
    parser.add_argument("--models", required=True, type=lambda text: text.split(","))
    parser.add_argument("--target", choices=["x86_64", "aarch64", "both"], default="both")
    parser.add_argument("--sanitize", action="store_true", help="threads: the pool and the program under the thread sanitizer, on x86-64")
    nncc.add_arguments(parser)
    options = parser.parse_args()
    good = True
    for target in nncc.targets_of(options.target):
        with tempfile.TemporaryDirectory(prefix="nncc-program-") as scratch:
            try:
                wrong = run_program(options.program, options.models, nncc.Nncc(options.nncc, target), Path(scratch), options.sanitize)
            except models.MissingModel as missing:
                models.skip_or_fail(missing)
            except (nncc.NnccError, programs.ProgramError) as error:
                wrong = str(error)
        print(f"{options.program} of {', '.join(options.models)} on {target}: {f'FAIL {wrong}' if wrong else 'ok'}")
        good &= wrong is None
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
