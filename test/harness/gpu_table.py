"""What a GPU makes of networks, as the table in docs/gpu.md: `gpu_table.py squeezenet mobilenet_v2 [--update]`.

Of each network, all on the GPU: its dispatches and barriers, the GPU's memory beside what weights, arena and ports need, how far its
outputs are off with tensors of f32 and of f16, and how long it takes to compile. Fails where memory is wasted, where compiling takes
longer than --limit, at the best of three attempts, or where compiling twice does not give the same bytes. The page may not say other
dispatches, barriers and bytes, nor otherwise whether a network bears f16: one that does not is told by its error, a number in brackets.
The errors themselves are those of the driver (lavapipe) that `--update` ran on; where an output is saturated, of the tensor before it, too.
"""
import argparse
import re
import sys
import tempfile
from pathlib import Path

import compare
import gpu_models
import models
import nncc
import programs
from gpu_network import Network

PAGE = models.REPOSITORY / "docs" / "gpu.md"
HEAD = "| network | dispatches | barriers | GPU's memory, kB | of weights, arena, ports | error, f32 | error, f16 |"
ATTEMPTS = 3
FLAGS = ["--name=first", "--device=mali"]


def run(compiler: nncc.Nncc, network: Network, folder: Path, manifest: dict) -> tuple[float, int, str | None]:
    """The largest error of all outputs as a part of their range, the bytes of the GPU's memory, and what is wrong with those."""
    program, where = gpu_models.build(compiler, folder, manifest, network.values)
    said = gpu_models.run(program, ["1", "once", where], gpu_models.environment(None, False), 900)
    errors = [compare.error_of_range(programs.read_port(where / f"output{number}", port), network.reference[port["name"]])
              for number, port in enumerate(manifest["outputs"])]
    return max(errors), int(re.search(r"^memory (\d+)$", said, re.M)[1]), gpu_models.check_memory(said, manifest)


def check_compiling(compiler: nncc.Nncc, network: Network, folder: Path, limit: float) -> tuple[nncc.Compiled, list[str]]:
    """Compiles a network, and again until that was quick enough; all attempts give the same bytes."""
    compiled, errors = network.compile(compiler, folder, *FLAGS), []
    library = (folder / "libfirst.a").read_bytes()
    seconds = min(compiled.seconds, compiled.processor_seconds)
    for attempt in range(1, ATTEMPTS):
        if attempt > 1 and seconds <= limit:
            break
        again = network.compile(compiler, folder, *FLAGS)
        seconds = min(seconds, again.seconds, again.processor_seconds)
        if (folder / "libfirst.a").read_bytes() != library:
            errors.append("compiled again, it is another library")
    if seconds > limit:
        errors.append(f"takes {seconds:.1f} s to compile")
    print(f"{network.name}: compiled in {seconds:.1f} s", flush=True)
    return compiled, errors


def row_of(compiler: nncc.Nncc, network: Network, limit: float) -> tuple[list[str], list[str]]:
    """The cells of a network, and what is wrong with it."""
    with tempfile.TemporaryDirectory(prefix="nncc-gpu-table-") as scratch:
        wide, half = Path(scratch) / "f32", Path(scratch) / "f16"
        compiled, errors = check_compiling(compiler, network, wide, limit)
        error, memory, wasted = run(compiler, network, wide, compiled.manifest)
        tapped, beside = network.tapped(), Path(scratch) / "tapped"
        if tapped is not network:
            error, _, _ = run(compiler, tapped, beside, tapped.compile(compiler, beside, *FLAGS).manifest)
        halves = tapped.compile(compiler, half, *FLAGS, "--gpu-float=f16")
        error_of_halves, _, wasted_by_halves = run(compiler, tapped, half, halves.manifest)
        errors += [f"it takes {what}" for what in (wasted, wasted_by_halves) if what]
        program, needed = compiled.manifest["gpu_program"], gpu_models.memory_needed(compiled.manifest)
        if error > compare.RELATIVE_ERROR:
            errors.append(f"off by {error:.1e}")
        halves_text = f"{error_of_halves:.1e}"
        return [network.name, str(program["dispatches"]), str(program["barriers"]), f"{memory / 1e3:,.0f}", f"{memory / needed:.3f}",
                f"{error:.1e}", halves_text if error_of_halves <= compare.STORED_AS_HALVES else f"({halves_text})"], errors


def what_is_fixed(row: list[str] | None) -> list:
    """What of a row is the same wherever it is measured: its counts, and whether the network bears f16."""
    return [*row[:5], row[6].startswith("(")] if row else []


def rows_on_page() -> dict[str, list[str]]:
    """The rows of the table by their network."""
    _, found, rest = PAGE.read_text().partition(HEAD + "\n")
    rows = {}
    for line in rest.splitlines()[1:] if found else []:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        rows[cells[0]] = cells
    return rows


def write_rows(rows: dict[str, list[str]]):
    before, _, rest = PAGE.read_text().partition(HEAD + "\n")
    lines = rest.splitlines(keepends=True)
    behind = next(number for number, line in enumerate(lines) if not line.startswith("|"))
    table = "".join(f"| {' | '.join(cells)} |\n" for _, cells in sorted(rows.items()))
    PAGE.write_text(before + HEAD + "\n" + lines[0] + table + "".join(lines[behind:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--update", action="store_true", help=f"write {PAGE.name}")
    parser.add_argument("--limit", type=float, default=5, metavar="SECONDS", help="of compiling")
    nncc.add_arguments(parser)
    options = parser.parse_args()
    gpu_models.require_driver()
    compiler, rows, good = nncc.Nncc(options.nncc, nncc.X86_64), rows_on_page(), True
    for name in options.networks:
        try:
            row, errors = row_of(compiler, Network(name), options.limit)
        except models.MissingModel as missing:
            models.skip_or_fail(missing)
        except (nncc.NnccError, programs.ProgramError) as error:
            row, errors = None, [str(error)]
        if row and options.update:
            rows[name] = row
        elif row and what_is_fixed(rows.get(name)) != what_is_fixed(row):
            errors.append(f"{PAGE.name} says {rows.get(name, 'nothing')}, it is {row}: --update writes it")
        if row:
            print(" | ".join(row), flush=True)
        for error in errors:
            print(f"FAIL {name}: {error}", flush=True)
        good &= not errors
    if options.update:
        write_rows(rows)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
