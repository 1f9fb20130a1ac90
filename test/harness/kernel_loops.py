"""The inner loops of micro-kernels for AArch64, as LLVM compiled them: no spills, and near the peak of multiply-add.

    kernel_loops.py [--cpu cortex-a76] [--network resnet50] [--model digits] [--list]

A network is compiled to assembly. In every micro-kernel the innermost loops that accumulate are found: those in which a register is
written by nothing but multiply-adds. None may load or store by the stack pointer (or a frame pointer): that would be a spill. The
loops of full register tiles are timed by llvm-mca for Neoverse N1, which stands for the cores of that family (the scheduling model
of cortex-a76 in LLVM is another core's): the share of the 2 vector multiply-adds per cycle that they could start.
"""
import argparse
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import onnx

import make_network
import models
import nncc

LEAST_SHARE = 0.88
FMA_PER_CYCLE = 2  # Neoverse N1: two vector pipes (Arm Neoverse N1 Software Optimization Guide, 3.1)
# Tiles with fewer accumulators than this are what is left at the borders, and cannot hide the latency of the loads.
FULL_TILE = 16
# Code that is scheduled for cores that issue in order is not what Neoverse N1 would run: its time is only reported.
IN_ORDER = {"cortex-a53", "cortex-a55"}
KERNELS = re.compile(r"nncc_(gemm|depthwise)_")
BRANCH = re.compile(r"\s+(?:b|b\.\w+|cbn?z\s+\w+,|tbn?z\s+\w+,\s*#\d+,)\s+(\.L\w+)")
DESTINATION = re.compile(r"\s+(\w+)\s+\{?\s*[vqds](\d+)\b")


@dataclass
class Loop:
    """One innermost loop of a function."""
    function: str
    body: list[str]
    uses_frame_pointer: bool
    cycles: float = 0
    fmas: int = field(init=False)
    accumulators: int = field(init=False)
    spills: list[str] = field(init=False)

    def __post_init__(self):
        self.fmas = sum(line.split()[0] == "fmla" for line in self.body)
        writers: dict[str, set[str]] = {}
        for line in self.body:
            if (found := DESTINATION.match(line)) and not found[1].startswith("st"):
                writers.setdefault(found[2], set()).add(found[1])
        self.accumulators = sum(ops == {"fmla"} for ops in writers.values())
        stack = r"\[(sp|x29)\b" if self.uses_frame_pointer else r"\[sp\b"
        self.spills = [line.strip() for line in self.body if re.search(stack, line)]

    def share_of_peak(self) -> float:
        """Multiply-adds per cycle as a share of what the core can start."""
        return self.fmas / FMA_PER_CYCLE / self.cycles if self.cycles else 0


def functions_of(assembly: str) -> dict[str, list[str]]:
    """Instructions and labels of each function of an assembly file."""
    functions, current = {}, None
    for line in assembly.splitlines():
        if started := re.match(r"([\w.$]+):", line):
            if not started[1].startswith(".L"):
                current = functions.setdefault(started[1], [])
                continue
        if line.startswith("\t.size"):
            current = None
        elif current is not None and (started or re.match(r"\s+[a-z]", line)):
            current.append(line.split("//")[0].rstrip())
    return functions


def innermost_loops(name: str, lines: list[str]) -> list[Loop]:
    """The loops of a function that hold no other loop: from a label to a branch back to it."""
    labels = {line[:-1]: at for at, line in enumerate(lines) if line.endswith(":")}
    loops = {(labels[branch[1]], at) for at, line in enumerate(lines)
             if (branch := BRANCH.match(line)) and labels.get(branch[1], at) < at}
    innermost = [loop for loop in sorted(loops) if not any(loop[0] <= a and b <= loop[1] and (a, b) != loop for a, b in loops)]
    frame = any(re.match(r"\s+(mov\s+x29, sp|add\s+x29, sp,)", line) for line in lines)
    return [Loop(name, [line for line in lines[begin + 1:end + 1] if not line.endswith(":")], frame) for begin, end in innermost]


def time_loops(loops: list[Loop]):
    """Sets `cycles`, per iteration, by llvm-mca."""
    iterations = 200
    text = "".join(f"# LLVM-MCA-BEGIN loop{i}\n" + "\n".join(loop.body) + f"\n# LLVM-MCA-END loop{i}\n" for i, loop in enumerate(loops))
    # Branch targets lie outside of the regions: any label does.
    text = re.sub(r"\.L\w+", "nowhere", text)
    done = subprocess.run([nncc.LLVM / "llvm-mca", "-mtriple=aarch64-linux-gnu", "-mcpu=neoverse-n1", f"-iterations={iterations}",
                           "-instruction-info=0", "-resource-pressure=0"], input=text, capture_output=True, text=True)
    found = re.findall(r"Code Region - loop(\d+)\n.*?Total Cycles:\s+(\d+)", done.stdout, re.S)
    if done.returncode or len(found) != len(loops):
        raise RuntimeError(f"llvm-mca: {done.stderr or done.stdout}")
    for index, cycles in found:
        loops[int(index)].cycles = int(cycles) / iterations


def check(program: nncc.Nncc, path: Path, title: str, cpu: str, listing: bool) -> bool:
    """Compiles a model, prints a table of its kernels' loops, and returns whether they are as they should be."""
    assembly = program.call("compile", path, f"--target={program.target}", *program.flags, "--emit=asm", "-o", "-").stdout
    kernels = {name: lines for name, lines in functions_of(assembly).items() if KERNELS.match(name)}
    # Sliding windows pass their sums from register to register: any loop of theirs with multiply-adds is one to show.
    loops = [loop for name, lines in sorted(kernels.items()) for loop in innermost_loops(name, lines)
             if loop.accumulators or ("_depthwise_" in name and loop.fmas)]
    if not loops:
        print(f"FAIL {title}: no loop that accumulates was found in {len(kernels)} micro-kernels")
        return False
    time_loops(loops)
    print(f"{title}, {' '.join(program.flags)}: {len(loops)} loops in {len(kernels)} micro-kernels")
    print(f"  {'':44}  insns  fmla  accumulators  stack  cycles  % of peak")
    good = full = 0
    for name in sorted(kernels):
        own = [loop for loop in loops if loop.function == name]
        for loop in own:
            # The loop of a full tile; behind it comes one for what is left of k.
            is_main = "_gemm_" in name and loop.accumulators >= FULL_TILE and loop.fmas == max(other.fmas for other in own)
            wrong = []
            if loop.spills and "_gemm_" in name:
                wrong.append(f"refers to the stack: {'; '.join(loop.spills)}")
            if is_main and cpu not in IN_ORDER and loop.share_of_peak() < LEAST_SHARE:
                wrong.append(f"below {LEAST_SHARE:.0%} of the peak")
            full += is_main
            good += not wrong
            print(f"  {name:44}  {len(loop.body):5}  {loop.fmas:4}  {loop.accumulators:12}  {len(loop.spills):5}  {loop.cycles:6.1f}  "
                  f"{100 * loop.share_of_peak():8.0f} {'full tile' if is_main else ''}{''.join(f'  FAIL {reason}' for reason in wrong)}")
            if listing or wrong:
                print("\n".join(f"    {line.strip()}" for line in loop.body))
    if not full:
        print(f"FAIL {title}: no loop of a full tile was found")
    return good == len(loops) and full > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cpu", action="append", help="repeatable; default: cortex-a76, cortex-a55 and generic")
    parser.add_argument("--network", action="append", choices=make_network.NETWORKS, help="a generated network; repeatable")
    parser.add_argument("--model", action="append", help="a network of models.json; repeatable")
    parser.add_argument("--list", action="store_true", help="print the instructions of all loops")
    nncc.add_arguments(parser)
    options = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory(prefix="nncc-loops-") as scratch:
        paths = {}
        for name in options.network or []:
            paths[name] = Path(scratch) / f"{name}.onnx"
            onnx.save(make_network.make_network(name), paths[name])
        try:
            paths.update({name: models.model_path(name) for name in options.model or []})
        except models.MissingModel as missing:
            models.skip_or_fail(missing)
        for name, path in paths.items():
            for cpu in options.cpu or ["cortex-a76", "cortex-a55", "generic"]:
                good &= check(nncc.Nncc(options.nncc, nncc.AARCH64, flags=[f"--cpu={cpu}"]), path, name, cpu, options.list)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
