#!/usr/bin/env python3
"""Writes the inputs that fuzzing starts from: make-seeds.py FOLDER makes FOLDER/import, FOLDER/passes and FOLDER/compiler-api;
make-seeds.py FOLDER passes only those.

Models are those of test/harness/make_model.py, and the small ones of ONNX's own tests where the onnx package is there, to compile every
eighth of them; IR is that of the tests of passes, with the passes of their RUN lines.
"""
import hashlib
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAKE_MODEL = ROOT / "test" / "harness" / "make_model.py"
ONNX_TESTS = pathlib.Path("/usr/share/libonnx-testdata/data/node")  # Debian's libonnx-testdata
MOST_BYTES = 4096
IMPORTS_PER_COMPILE = 8  # a compilation takes much longer than an import: a minute of them has to go beyond the seeds
OPTIONS = ("", "target:aarch64-linux-gnu cpu:cortex-a53", "extern name:m", "dim:n=3 dim:batch=2 debug", "input:x=u8,nhwc,mean=127.5 bind:y=1")


def write(folder: pathlib.Path, data: bytes):
    """One seed, named by what is in it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


def models(folder: pathlib.Path):
    """Small ONNX files, one of each kind of node that ONNX's own tests have."""
    for case in subprocess.run([sys.executable, MAKE_MODEL, "--list"], check=True, capture_output=True, text=True).stdout.split():
        path = folder / "case.onnx"
        subprocess.run([sys.executable, MAKE_MODEL, case, path], check=True)
        if path.stat().st_size <= MOST_BYTES:
            yield path.read_bytes()
        path.unlink()
    for path in sorted(ONNX_TESTS.glob("*/model.onnx")):
        if path.stat().st_size <= MOST_BYTES // 4:
            yield path.read_bytes()


def pipeline_of(run: str) -> str | None:
    """The passes of a RUN line that change something, as a pipeline: `--nncc-a=x=1 --nncc-b` is `nncc-a{x=1},nncc-b`."""
    passes = re.findall(r"--(nncc-(?!check)[\w-]+)(?:=(?:\"([^\"]*)\"|(\S+)))?", run)
    return ",".join(f"{name}{{{quoted or bare}}}" if quoted or bare else name for name, quoted, bare in passes) or None


def texts():
    """A pipeline and IR for it, one for each part of each test of passes."""
    for path in sorted((ROOT / "test").rglob("*.mlir")):
        text = path.read_text()
        pipelines = {pipeline for run in re.findall(r"RUN: (.*nncc-opt.*)", text) if (pipeline := pipeline_of(run))}
        for part in re.split(r"^// -----.*$", text, flags=re.MULTILINE):
            code = "\n".join(line for line in part.splitlines() if not line.lstrip().startswith("//")).strip()
            if code and len(code) <= 4 * MOST_BYTES:
                yield from (f"{pipeline}\n{code}\n" for pipeline in sorted(pipelines))


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for text in texts():
        write(folder / "passes", text.encode())
    for index, model in enumerate(models(folder) if sys.argv[2:] != ["passes"] else ()):
        write(folder / "import", model)
        if index % IMPORTS_PER_COMPILE == 0:
            options = OPTIONS[index // IMPORTS_PER_COMPILE % len(OPTIONS)]
            write(folder / "compiler-api", options.encode() + b"\n" + model)


if __name__ == "__main__":
    main()
