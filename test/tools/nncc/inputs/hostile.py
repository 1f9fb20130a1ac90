"""Every command on hostile files, and on hostile values of its options: nothing but exit statuses 0, 1 and 2, messages, and no leftovers.

    hostile.py files FOLDER                       the cases of test/harness/make_model.py, with every command
    hostile.py options FOLDER --count=N --seed=N  random command lines

Fails where nncc dies of a signal, takes too long or too much memory, refuses without a line `error: `, says words that no user
should read, or leaves a file in the folder of -o although it refused. Needs no Python package.
"""
import argparse
import pathlib
import random
import resource
import shutil
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[3] / "harness"))
from inner_words import inner_words

MAKE_MODEL = pathlib.Path(__file__).resolve().parents[3] / "harness" / "make_model.py"
SECONDS, GIGABYTES = 60, 16
# Nothing to compile: 200 MB of weights take their time in every command.
SLOW = {"big-gemm"}
COMMANDS = {
    "inspect": [], "compile": [], "run": [], "debug": ["--reference=nowhere"], "bench": ["--rounds=1", "--warmup=0"],
}

NUMBERS = ["0", "-1", "1", "2", "3", "007", "1e3", "0x10", "1.5", "", " ", "two", "--", "2147483647", "2147483648", "4294967295", "4294967296",
           "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616", "-9223372036854775808",
           "9" * 400, "1;2", "NaN", "inf", "１"]
NAMES = ["batch", "width", "x", "", "=", "a=b", "a/b", "nope", "x" * 5000, "%s%n", "..", "名", "batch ", "\\", "'", '"', "$(id)", "x\ny"]
TEXTS = NAMES + NUMBERS
FORMATS = ["u8", "s8", "f32", "nhwc", "nchw", "bgr", "mean=127.5", "mean=1,2,3", "mean=", "mean=NaN", "mean=1e400", "scale=0", "scale=2",
           "scale=-inf", "scale=1,2", "std=0", "std=58", "std=1e-45", "std=1;2", "u9", ""]
FILES = ["good.npy", "short.npy", "header.npy", "huge.npy", "int.npy", "fortran.npy", "empty.npy", "nowhere.npy", ".", "/dev/null", "/", "",
         "f" * 300, "good.npy/x"]


def npy(description: str, data: bytes) -> bytes:
    """A file of numpy's format, version 1.0, with any header text."""
    header = description.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


def write_arrays(folder: pathlib.Path):
    """Arrays for --input and --bind, one good and others broken."""
    form = "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }"
    (folder / "good.npy").write_bytes(npy(form % ("<f4", "False", "(2, 3)"), bytes(24)))
    (folder / "short.npy").write_bytes(npy(form % ("<f4", "False", "(2, 3)"), bytes(20)))
    (folder / "huge.npy").write_bytes(npy(form % ("<f4", "False", "(4611686018427387904, 4)"), bytes(24)))
    (folder / "int.npy").write_bytes(npy(form % ("<i8", "False", "(2, 3)"), bytes(48)))
    (folder / "fortran.npy").write_bytes(npy(form % ("<f4", "True", "(2, 3)"), bytes(24)))
    (folder / "header.npy").write_bytes(npy("{'descr': '<f4', 'shape': (", b"")[:-3])
    (folder / "empty.npy").write_bytes(b"")


class Trial:
    """Runs command lines in a folder and counts what goes wrong."""

    def __init__(self, folder: pathlib.Path, sanitize: bool):
        self.folder, self.sanitize, self.bad, self.refused, self.count = folder, sanitize, 0, 0, 0

    def limits(self):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if not self.sanitize:  # whose shadow memory is larger than any limit
            resource.setrlimit(resource.RLIMIT_AS, (GIGABYTES << 30, GIGABYTES << 30))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))

    def run(self, arguments: list[str]):
        self.count += 1
        out = self.folder / f"out{self.count}"
        arguments = [str(out) if argument == "OUT" else argument for argument in arguments]
        try:
            done = subprocess.run(["nncc", *arguments], capture_output=True, text=True, errors="backslashreplace", timeout=SECONDS * (5 if self.sanitize else 1),
                                  cwd=self.folder, preexec_fn=self.limits)
        except subprocess.TimeoutExpired:
            self.report(arguments, f"longer than {SECONDS} s", "")
            return
        except ValueError:  # a null byte: no shell could say it
            return
        self.refused += done.returncode == 1
        if done.returncode not in (0, 1, 2):
            self.report(arguments, f"exit status {done.returncode}", done.stderr)
        elif done.returncode == 1 and "error: " not in done.stderr:
            self.report(arguments, "refused without a message", done.stderr)
        elif inner_words(done.stderr):
            self.report(arguments, f"words that no user should read: {inner_words(done.stderr)}", done.stderr)
        elif done.returncode == 1 and out.is_dir() and any(out.iterdir()):
            self.report(arguments, f"left {[path.name for path in out.iterdir()]}", done.stderr)

    def report(self, arguments: list[str], why: str, stderr: str):
        self.bad += 1
        line = " ".join(argument if argument.isprintable() and len(argument) < 200 else ascii(argument[:60]) for argument in arguments)
        print(f"{why}: nncc {line}\n{stderr[-1500:]}", flush=True)

    def finish(self):
        print(f"{self.count} commands: {self.refused} refused, {self.bad} bad")
        sys.exit(1 if self.bad else 0)


def try_files(trial: Trial):
    """All files with all commands."""
    cases = subprocess.run([sys.executable, MAKE_MODEL, "--list"], check=True, capture_output=True, text=True).stdout.split()
    for case in cases:
        if case in SLOW:
            continue
        subprocess.run([sys.executable, MAKE_MODEL, case, trial.folder / f"{case}.onnx"], check=True)
        for command, options in COMMANDS.items():
            trial.run([command, f"{case}.onnx", *options, *(["-o", "OUT"] if command == "compile" else [])])


def random_option(command: str, rng: random.Random) -> list[str]:
    """One option of a command with a value that may be anything."""
    shared = ["--dim", "--dim", "--dim", "--bind", "--target", "--cpu", "--print-after", "--remarks", "--arena-slack", "--tuning", "--optimize"]
    own = {"inspect": ["--json"], "compile": ["--input", "--input", "--weights", "--name", "--emit", "--stop-after", "--depfile", "-o"],
           "run": ["--input", "--runs", "--seed", "--rtol", "--atol", "--check", "--output"],
           "bench": ["--input", "--rounds", "--warmup"],
           "debug": ["--input", "--seed", "--rtol", "--kernel", "--dump", "--reference", "--python"]}[command]
    option = rng.choice(shared + own)
    if option == "--json":
        return [option]
    if option == "--dim":
        value = f"{rng.choice(['batch', 'width', 'batch', 'width', rng.choice(NAMES)])}={rng.choice(NUMBERS)}"
    elif option == "--input" and rng.random() < 0.6:
        value = f"{rng.choice(['x', 'x', 'x', rng.choice(NAMES)])}={','.join(rng.choices(FORMATS, k=rng.choice([1, 2, 3, 4, 50])))}"
    elif option == "--weights":
        value = rng.choice(["extern", *TEXTS])
    elif option in ("--bind", "--input"):
        value = f"{rng.choice(['x', 'x', rng.choice(NAMES)])}={rng.choice(FILES + NUMBERS + ['[1,2', '[' * 3000, '1,2,3,4,5,6'])}"
    elif option in ("--runs", "--rounds", "--warmup"):
        value = rng.choice([number for number in NUMBERS if len(number) < 5])  # more would only take long
    elif option in ("--seed", "--rtol", "--atol", "--kernel"):
        value = rng.choice(NUMBERS)
    elif option == "--emit":
        value = rng.choice(["lib", "obj", "asm", "llvm", "mlir", *TEXTS])
    elif option == "--stop-after":
        value = rng.choice(["N1", "N2", "P", "L1", "L2", *TEXTS])
    elif option in ("--check", "--output", "--dump", "--depfile", "--reference", "-o"):
        value = rng.choice([name for name in NAMES + FILES if not name.startswith("/")] + ["/dev/full/x", "/proc/none", "good.npy"])
    else:
        value = rng.choice(TEXTS)
    return [option, value] if option == "-o" or rng.random() < 0.3 else [f"{option}={value}"]


def try_options(trial: Trial, count: int, seed: int):
    """Random command lines on models with two symbolic dims, with fixed ones, and broken."""
    for case in ("dynamic-dim", "valid", "short-weight"):
        subprocess.run([sys.executable, MAKE_MODEL, case, trial.folder / f"{case}.onnx"], check=True)
    rng = random.Random(seed)
    sizes = ["1", "2", "65536", "2147483647", "4294967296", "3037000500", "9223372036854775807", "1000000007"]
    for _ in range(count):
        command = rng.choice(list(COMMANDS))
        model = rng.choice(["dynamic-dim"] * 3 + ["valid"] * 2 + ["short-weight"])
        arguments = [command, f"{model}.onnx", *COMMANDS[command]]
        if command == "compile":
            arguments += ["-o", "OUT"]
        if model == "dynamic-dim" and rng.random() < 0.6:  # sizes, huge ones and huge products among them
            arguments += [f"--dim=batch={rng.choice(sizes)}", f"--dim=width={rng.choice(sizes)}"]
        for _ in range(rng.choice([0, 1, 1, 2, 3])):
            arguments += random_option(command, rng)
        if rng.random() < 0.1:
            arguments.remove(f"{model}.onnx")
        trial.run(arguments)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["files", "options"])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sanitize", action="store_true", help="nncc is built with sanitizers")
    options = parser.parse_args()
    shutil.rmtree(options.folder, ignore_errors=True)
    options.folder.mkdir(parents=True)
    write_arrays(options.folder)
    trial = Trial(options.folder.resolve(), options.sanitize)
    if options.what == "files":
        try_files(trial)
    else:
        try_options(trial, options.count, options.seed)
    trial.finish()


main()
