"""Inspects damaged copies of an ONNX file. Fails, and keeps the file, when nncc dies of a signal, takes over 20 s, exits with another
status than 0 or 1, refuses without a message, or says inner words. Usage: mutate.py [--count=N] [--seed=N] MODEL FOLDER"""
import argparse
import pathlib
import random
import resource
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[4] / "harness"))
from inner_words import inner_words


def damaged(data, rng):
    """A few random edits, most of them where the structure is: weights are long and dull."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        at = rng.randrange(len(data)) if rng.random() < 0.2 else rng.randrange(min(len(data), 1500))
        if rng.random() < 0.3:
            at = len(data) - 1 - rng.randrange(min(len(data), 300))
        kind = rng.randrange(5)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 2:
            del data[at:at + rng.randrange(1, 30)]
        elif kind == 3:
            data[at:at] = data[at:at + rng.randrange(1, 60)]
        else:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 12)))
    return bytes(data)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    original = options.model.read_bytes()
    rng = random.Random(options.seed)
    bad = refused = 0
    for i in range(options.count):
        file = options.folder / f"{options.seed}-{i}.onnx"
        file.write_bytes(damaged(original, rng))
        try:
            done = subprocess.run(["nncc", "inspect", file], capture_output=True, text=True, errors="backslashreplace", timeout=20,
                                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
            why = None
            if done.returncode not in (0, 1):
                why = f"exit status {done.returncode}"
            elif done.returncode == 1 and "error: " not in done.stderr:
                why = "refused without a message"
            elif inner_words(done.stderr):
                why = "words that no user should read"
            refused += done.returncode == 1
        except subprocess.TimeoutExpired:
            done, why = None, "over 20 s"
        if why:
            bad += 1
            print(f"{file}: {why}\n{done.stderr[-1500:] if done else ''}")
        else:
            file.unlink()
    print(f"{options.count} damaged files: {refused} refused, {options.count - refused - bad} accepted, {bad} bad")
    sys.exit(1 if bad else 0)


main()
