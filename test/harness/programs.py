"""C programs around generated libraries: built for a target, run natively or under qemu."""
import os
import signal
import subprocess
from pathlib import Path

import numpy as np

import library
import models
import nncc

SOURCES = models.REPOSITORY / "test" / "end-to-end"
C_COMPILERS = {nncc.X86_64: ["clang-22"], nncc.AARCH64: ["aarch64-linux-gnu-gcc", "-static"]}
EMULATORS = {nncc.X86_64: [], nncc.AARCH64: ["qemu-aarch64"]}
# Zeroing an nncc_options but for its size is what abi.h recommends, and what -Wextra of clang warns about.
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers"]


class ProgramError(Exception):
    """A program does not build, or ended with another status than 0."""


def build(source: str, folder: Path, names: list[str], target: str, also=()) -> Path:
    """Builds test/end-to-end/SOURCE.c with libNAME.a of a folder for each name, into that folder; `also` may be sources, archives, flags."""
    command = [*C_COMPILERS[target], "-std=gnu11", "-O1", *WARNINGS, f"-I{folder}", f"-I{SOURCES}", SOURCES / f"{source}.c",
               *(folder / f"lib{name}.a" for name in names), *also, "-pthread", "-o", folder / source]
    built = subprocess.run(command, capture_output=True, text=True)
    if built.returncode:
        raise ProgramError(f"the C program does not build: {built.stderr}")
    return folder / source


def run(program: Path, target: str, arguments, timeout: float = 300):
    """Runs a program that `build` made."""
    try:
        ran = subprocess.run([*EMULATORS[target], program, *arguments], capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise ProgramError(f"the C program ran longer than {timeout:.0f} s") from None
    if ran.returncode:
        ending = signal.Signals(-ran.returncode).name if ran.returncode < 0 else ran.returncode
        raise ProgramError(f"the C program ended with {ending}: {ran.stderr}")


def run_guarded(folder: Path, target: str, manifest: dict, inputs: list[dict[str, np.ndarray]], runs: int = 1,
                timeout: float = 300) -> list[dict[str, np.ndarray]]:
    """The outputs of libfirst.a of a folder for some inputs, in one process of test/end-to-end/guarded.c.

    manifest  first.json: the names and types of inputs and outputs
    runs      2: each again in parts, with its memory placed in another way, which must give the same bits
    error     ProgramError, also where the library touched what is not its own
    """
    built = build("guarded", folder, ["first"], target)
    folders = []
    for index, values in enumerate(inputs):
        folders.append(folder / f"use{index}")
        folders[-1].mkdir(exist_ok=True)
        for number, port in enumerate(manifest["inputs"]):
            (folders[-1] / f"input{number}").write_bytes(np.ascontiguousarray(values[port["name"]]).tobytes())
    run(built, target, [str(runs), *folders], timeout)
    return [{port["name"]: read_port(where / f"output{number}", port) for number, port in enumerate(manifest["outputs"])}
            for where in folders]


def read_port(path: Path, port: dict) -> np.ndarray:
    """A file of raw bytes as the tensor that the manifest says it is."""
    return np.fromfile(path, library.dtype_of(port["type"])).reshape(port["shape"])
