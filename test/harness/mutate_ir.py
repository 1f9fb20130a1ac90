"""IR in text form, changed where it hurts: `mutate_ir.py --count 500 --seed 1` runs passes on it with nncc-opt.

The texts are those of the passes' own tests, with the passes of their RUN lines or any others. Whatever does not parse or verify is
refused by MLIR; whatever verifies has to be transformed, or refused by the pass: fails where nncc-opt dies of a signal or an assertion,
or takes more than 10 s of processor time or 4 GB.
"""
import argparse
import random
import re
import subprocess
import sys
from pathlib import Path

import models
import mutations
from mutate_models import valid_model
from mutations import WALL_SECONDS, limits

NUMBERS = ("0", "1", "-1", "2", "3", "5", "16", "1000", "65536", "2147483647", "4294967297", "9223372036854775807", "-9223372036854775808")
KINDS = ("add", "div", "max", "less", "logical_and", "relu", "clip", "exp", "is_nan", "sum", "mean", "log_sum_exp", "average", "lp")
TYPES = ("f32", "f16", "bf16", "f64", "i1", "i8", "i16", "i32", "i64", "ui8", "ui32", "ui64", "index", "si8", "i7", "f8E4M3FN")


def seeds(program: Path, folder: Path, count: int) -> dict[str, str]:
    """Texts by name, each behind a line with a pipeline: the tests of passes, and random models at all stages, for passes of any stage."""
    maker = models.REPOSITORY / "tools" / "fuzz" / "make-seeds.py"
    subprocess.run([sys.executable, maker, folder, "passes"], check=True)
    texts = {path.name: path.read_text() for path in sorted((folder / "passes").iterdir())}
    pipelines = pipelines_of(texts)
    for seed in range(count):
        rng = random.Random(seed)
        (folder / "model.onnx").write_bytes(valid_model(rng, seed).SerializeToString())
        for stage in ("N1", "N2", "P", "L1"):
            subprocess.run([program, "compile", "--emit=mlir", f"--stop-after={stage}", folder / "model.onnx", "-o", folder / stage], capture_output=True)
            for path in (folder / stage).glob("*.mlir"):
                text = path.read_text()
                if "__elided__" not in text:
                    name = f"model {seed} {stage}"
                    texts[name] = f"{mutations.chosen(name, pipelines)}\n{text}"
                path.unlink()
    return texts


def pipelines_of(texts: dict[str, str]) -> list[str]:
    """All that stand in front of some texts."""
    return sorted({text.split("\n", 1)[0] for text in texts.values()})


def replaced(rng, text: str, pattern: str, options) -> str:
    """One match of a pattern becomes one of some options."""
    found = list(re.finditer(pattern, text))
    if not found:
        return text
    match = rng.choice(found)
    return text[:match.start()] + rng.choice(options) + text[match.end():]


def without_line(rng, text: str) -> str:
    """Some line is missing, or stands twice."""
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    return "\n".join(lines[:at] + ([] if rng.random() < 0.6 else [lines[at]] * 2) + lines[at + 1:])


def everywhere(rng, text: str) -> str:
    """An extent or a type in all places, so that ops still fit each other."""
    if rng.random() < 0.5:
        extents = sorted(set(re.findall(r"(?<=[<x])\d+(?=x)", text)))
        if extents:
            return re.sub(rf"(?<=[<x]){rng.choice(extents)}(?=x)", rng.choice(("0", "1", "2", "7", "100", "65537")), text)
    kinds = sorted(set(re.findall(r"(?<=x)(?:f|bf|ui|si|i)\d+", text)))
    return re.sub(rf"(?<=x){rng.choice(kinds)}\b", rng.choice(TYPES), text) if kinds else text


def mutated(seed: int, texts: dict[str, str]) -> bytes:
    """The text of a seed with one to three changes, behind a comment with its pipeline or another."""
    rng = random.Random(seed)
    pipeline, code = texts[mutations.chosen(seed, texts)].split("\n", 1)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        how = rng.random()
        if how < 0.35:
            code = everywhere(rng, code)
        elif how < 0.6:
            code = replaced(rng, code, r"(?<=[\[<,: ])-?\d+(?=[\],>])", NUMBERS)
        elif how < 0.75:
            code = replaced(rng, code, r"%\w+", re.findall(r"%\w+", code) or ["%x"])
        elif how < 0.85:
            code = replaced(rng, code, r"(?<=nary |duce |ol2d )[a-z_]+(?= )", KINDS)
        elif how < 0.95:
            # MLIR's own parser dies of array<index: 1>.
            code = replaced(rng, code, r"(?<!array<)\b(?:f|bf|ui|si|i)\d+\b", TYPES)
        else:
            code = without_line(rng, code)
    if rng.random() < 0.4:
        pipeline = mutations.chosen(seed, pipelines_of(texts))
    return f"// {pipeline}\n{code}".encode()


def complaint(program: Path, path: Path) -> str | None:
    """What is wrong with how nncc-opt takes a text by the passes of its first line, or None."""
    pipeline = path.read_text().split("\n", 1)[0]
    passes = [f"--{name}={options}" if options else f"--{name}" for name, options in re.findall(r"([\w-]+)(?:\{([^}]*)\})?,?", pipeline)]
    try:
        done = subprocess.run([program, path, *passes, "-o", "/dev/null"], capture_output=True, text=True, errors="replace", timeout=WALL_SECONDS,
                              preexec_fn=limits)
    except subprocess.TimeoutExpired:
        return f"longer than {WALL_SECONDS} s"
    if done.returncode in (0, 1):
        return None
    lines = done.stderr.splitlines()
    why = [line for line in lines if "internal error" in line or "Assertion" in line or "LLVM ERROR" in line]
    why += [line for line in lines if line.lstrip().startswith("#") and "nncc::" in line]
    return f"status {done.returncode}: {(why or lines or ['no message'])[0][-250:]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=20, help="random models whose IR is changed, too")
    mutations.add_arguments(parser)
    options = parser.parse_args()

    def prepare(folder: Path):
        """Of a seed: one of all texts, changed, behind a line with its passes."""
        texts = seeds(options.nncc, folder, options.models)
        return lambda seed: ("text.mlir", mutated(seed, texts))

    bad = mutations.run(options, "mutated texts", prepare, lambda path: complaint(options.nncc.with_name("nncc-opt"), path))
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
