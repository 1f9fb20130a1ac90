"""Runs the nncc program and brings its results back as numpy arrays."""
import json
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import ml_dtypes
import numpy as np

import compare
import models
from inner_words import inner_words

X86_64, AARCH64 = "x86_64-linux-gnu", "aarch64-linux-gnu"
TARGETS = (X86_64, AARCH64)
LLVM = Path("/usr/lib/llvm-22/bin")  # its tools have no names without a version on the path


def without_details(failure: str) -> str:
    """A failure without what differs from case to case, to count by."""
    failure = re.sub(r"^(status 1: )?\S*\.onnx(:\S*)?: error: ", "", failure)
    failure = re.sub(r"node ('[^']*'|#\d+( \(output '[^']*'\))?) ", "", failure)
    failure = re.sub(r"'[^']*'", "'..'", failure)
    failure = re.sub(r"\[[^\]]*\]|0x[0-9a-f]+|-?\b\d+(\.\d+)?([eE][-+]?\d+)?\b", "N", failure)
    return re.sub(r"max.error. N.*", "max|error|", failure)[:160]


class NnccError(Exception):
    """nncc ended with another status than 0, or with words that no user should read.

    `status` < 0 is a signal, `message` the first line of error; `is_internal`: a mistake of nncc's own, no refusal.
    """

    def __init__(self, command, status, stderr):
        self.command, self.status, self.stderr = command, status, stderr
        lines = [line for line in stderr.splitlines() if line.strip()]
        errors = [line for line in lines if "error:" in line or "Assertion" in line]
        if status not in (1, 2):  # of a crash: the innermost function of ours on the stack
            frames = [line for line in lines if line.lstrip().startswith("#") and "nncc::" in line]
            errors = [re.sub(r"^.*?(nncc::[^(]*(\(anonymous namespace\)[^(]*)?).*", r"\1", line) for line in frames[:1]] + errors
        words = inner_words(stderr)
        self.is_internal = status not in (1, 2) or words is not None
        if words and words not in errors[:1]:
            errors = [words] + errors
        self.message = (errors or lines or ["no message"])[0]
        super().__init__(f"status {status}: {self.message}")


@dataclass
class Run:
    """What one `nncc run` gave."""
    outputs: dict[str, np.ndarray]
    stdout: str
    seconds: float


# What `nncc compile` makes code for where no CPU is named; `run` and `bench` would take this machine's.
SHIPPED_CPU = {X86_64: "x86-64-v3", AARCH64: "generic"}


@dataclass
class Nncc:
    """The program under test, for one target."""
    program: Path = models.REPOSITORY / "build" / "bin" / "nncc"
    target: str = X86_64
    timeout: float = 300
    flags: list[str] = field(default_factory=list)

    @property
    def error_of_halves(self) -> float | None:
        """By how much of their range results may be off where what is f32 in a model is stored as f16; None where it is not."""
        if "--float=f16-arithmetic" in self.flags:
            return compare.ADDED_AS_HALVES
        return compare.STORED_AS_HALVES if any(re.fullmatch("--(gpu-)?float=f16.*", flag) for flag in self.flags) else None

    @property
    def adds_halves(self) -> bool:
        """True where products of floats are added up in f16."""
        return any(re.fullmatch("--(gpu-)?float=f16-arithmetic", flag) for flag in self.flags)

    def call(self, *arguments, cwd=None) -> subprocess.CompletedProcess:
        """Runs nncc with arguments; raises NnccError where it fails."""
        command = [str(self.program), *map(str, arguments)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=self.timeout, cwd=cwd)
        except subprocess.TimeoutExpired as late:
            raise NnccError(command, -1, f"timed out after {late.timeout:.0f} s") from None
        if done.returncode != 0 or inner_words(done.stderr):
            raise NnccError(command, done.returncode, done.stderr)
        return done

    def common(self, binds: dict | None, folder: Path) -> list[str]:
        """The arguments that the commands share."""
        arguments = [f"--target={self.target}", *self.flags]
        for index, (name, value) in enumerate((binds or {}).items()):
            np.save(folder / f"bind{index}.npy", value)
            arguments.append(f"--bind={name}={folder}/bind{index}.npy")
        return arguments

    def run(self, model: Path, inputs: dict[str, np.ndarray], binds: dict[str, np.ndarray] | None = None) -> Run:
        """`nncc run` on the given inputs; `binds` are constants, baked in when compiling."""
        with tempfile.TemporaryDirectory(prefix="nncc-run-") as scratch:
            folder = Path(scratch)
            arguments = ["run", model, *self.common(binds, folder)]
            if not any(flag.startswith("--cpu") for flag in self.flags):
                arguments.append(f"--cpu={SHIPPED_CPU[self.target]}")
            for index, (name, value) in enumerate(inputs.items()):
                np.save(folder / f"input{index}.npy", value)
                arguments.append(f"--input={name}={folder}/input{index}.npy")
            start = time.monotonic()
            done = self.call(*arguments, f"--output={folder}/out")
            return Run(read_outputs(folder / "out"), done.stdout, time.monotonic() - start)

    def inspect(self, model: Path, binds=None, dims: dict[str, int] | None = None) -> dict:
        """`nncc inspect --json`."""
        return self.report("inspect", model, binds=binds, dims=dims)

    def report(self, command: str, model: Path, *flags, binds=None, dims: dict[str, int] | None = None) -> dict:
        """What a command says with `--json`."""
        with tempfile.TemporaryDirectory(prefix=f"nncc-{command}-") as scratch:
            done = self.call(command, model, "--json", *self.common(binds, Path(scratch)), *dim_flags(dims), *flags)
            return json.loads(done.stdout)

    def compile(self, model: Path, out: Path, *flags, dims: dict[str, int] | None = None, binds=None) -> "Compiled":
        """`nncc compile`, with the time and memory that it took."""
        with tempfile.TemporaryDirectory(prefix="nncc-compile-") as scratch:
            command = [str(self.program), "compile", str(model), "-o", str(out), *self.common(binds, Path(scratch)),
                       *dim_flags(dims), *map(str, flags)]
            measured = [sys.executable, str(Path(__file__).with_name("measure.py")), str(self.timeout), *command]
            done = subprocess.run(measured, capture_output=True, text=True, errors="replace")
            facts = json.loads(done.stdout.splitlines()[-1])
            if facts["status"] != 0 or inner_words(done.stderr):
                raise NnccError(command, facts["status"], done.stderr)
        manifests = sorted(Path(out).glob("*.json"), key=lambda path: path.stat().st_mtime)
        return Compiled(json.loads(manifests[-1].read_text()), facts["seconds"], facts["processor_seconds"], facts["peak_bytes"])

    def compile_within(self, limit: float, *arguments, **options) -> list["Compiled"]:
        """compile(), up to three times, until least_seconds() are no more than a limit: others may use the machine, too."""
        runs = []
        while len(runs) < 3 and (not runs or least_seconds(runs) > limit):
            runs.append(self.compile(*arguments, **options))
        return runs


@dataclass
class Compiled:
    """What one `nncc compile` gave: the manifest M.json, wall and processor time, and peak resident memory."""
    manifest: dict
    seconds: float
    processor_seconds: float
    peak_bytes: int


def least_seconds(runs: list[Compiled]) -> float:
    """The least time of some runs, of wall and processor."""
    return min(min(run.seconds, run.processor_seconds) for run in runs)


def dim_flags(dims: dict[str, int] | None) -> list[str]:
    """`--dim` flags for named dims."""
    return [f"--dim={name}={value}" for name, value in (dims or {}).items()]


def read_outputs(folder: Path) -> dict[str, np.ndarray]:
    """The outputs that `nncc run --output` wrote, by name, in output order."""
    entries = json.loads((folder / "outputs.json").read_text())
    entries = entries["outputs"] if isinstance(entries, dict) else entries
    result = {}
    for index, entry in enumerate(entries):
        entry = {"name": entry} if isinstance(entry, str) else entry
        value = np.load(folder / entry.get("file", f"{index}.npy"))
        result[entry["name"]] = value.view(ml_dtypes.bfloat16) if value.dtype == "V2" else value
    return result


def add_arguments(parser):
    """The command line arguments that every test script has."""
    parser.add_argument("--nncc", type=Path, default=Nncc.program, help="the nncc program to test")


def targets_of(option: str) -> list[str]:
    """`x86_64`, `aarch64` or `both` as target triples."""
    return {"x86_64": [X86_64], "aarch64": [AARCH64], "both": list(TARGETS)}[option]


def add_machine_arguments(parser, target: str = "x86_64"):
    """The arguments of a test that runs on any machine: `machines` makes programs of them."""
    parser.add_argument("--target", choices=["x86_64", "aarch64", "both"], default=target)
    parser.add_argument("--cpu", help="of the target, instead of its generic one")
    add_arguments(parser)


def add_float_argument(parser, option: str = "--float"):
    """The argument of a test whose comparisons ask Nncc.error_of_halves."""
    parser.add_argument(option, choices=["f32", "f16", "f16-arithmetic"], default="f32", help="how floats lie in memory")


def require_cpu(name: str | None):
    """Ends a test whose code this machine cannot run."""
    avx512 = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
    needed = {"x86-64-v3-vnni": {"avx_vnni"}, "x86-64-v4": avx512, "x86-64-v4-vnni": avx512 | {"avx512_vnni"}}
    if missing := needed.get(name, set()) - set(Path("/proc/cpuinfo").read_text().split()):
        print(f"SKIPPED: this machine lacks {', '.join(sorted(missing))}")
        sys.exit(models.SKIPPED)


def machines(options) -> list[Nncc]:
    """The program under test, for each machine that the arguments name; ends a test whose code this machine cannot run."""
    require_cpu(options.cpu)
    flags = [f"--cpu={options.cpu}"] if options.cpu else []
    if (floats := getattr(options, "float", "f32")) != "f32":
        flags.append(f"--float={floats}")
    return [Nncc(options.nncc, target, flags=flags) for target in targets_of(options.target)]
