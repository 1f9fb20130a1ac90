"""What AArch64 code costs, without an Arm machine: instructions executed under qemu, cycles by llvm-mca.

Cycles: for each block of code that makes up 99 % of what is executed, runs x what llvm-mca says of one pass, scaled to all of it. A block
that branches to itself, and any block on an in-order core, is timed in a loop, so that its dependences count; the others of out-of-order
cores by their resources alone, since the next block overlaps there. Caches and mispredicted branches are in none of it.
"""
import json
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import engines
import networks
import nncc

PASSES, REGIONS = 100, 300  # of a block in llvm-mca; blocks that it is given at once
COVERED = 0.99


@dataclass
class Core:
    """A core that code is compiled for and timed on."""
    cpu: str
    model: str             # the scheduling model of LLVM 22 that is nearest: its cortex-a76 is that of the A57
    fma_per_cycle: int     # 128-bit multiply-adds that it starts (Arm's software optimization guides)
    is_in_order: bool


CORES = [Core("cortex-a76", "neoverse-n1", 2, False), Core("cortex-a55", "cortex-a55", 1, True)]
# Written back stores, whose new address llvm-mca makes wait for the stored data, which no core does.
_WRITE_BACK = re.compile(r"^(st\w+\s.*\[(\w+))(?:\],\s*#(-?)(\w+)|,\s*#(-?)(\w+)\]!)$")


@dataclass
class Block:
    """Instructions that run one after the other."""
    address: int
    runs: int
    words: list[int]
    text: list[str] = field(default_factory=list)

    @property
    def instructions(self) -> int:
        return self.runs * len(self.words)

    def loops(self) -> bool:
        """True where its last instruction may branch to its first."""
        word, at = self.words[-1], 4 * (len(self.words) - 1)
        for mask, value, low, bits in ((0xFF000010, 0x54000000, 5, 19), (0x7E000000, 0x34000000, 5, 19),  # b.cond, cbz
                                       (0x7E000000, 0x36000000, 5, 14), (0xFC000000, 0x14000000, 0, 26)):  # tbz, b
            if word & mask == value:
                offset = (word >> low) & ((1 << bits) - 1)
                return at + 4 * (offset - (1 << bits if offset >> (bits - 1) else 0)) == 0
        return False


def count(name: str, program: Path, flags: list[str]) -> dict:
    """Instructions and cycles of one run of a network, compiled for each of CORES, as report.py prints them."""
    network, result = networks.find(name), {"name": name, "cores": {}}
    for core in CORES:
        with tempfile.TemporaryDirectory(prefix="nncc-bench-") as scratch:
            folder = Path(scratch)
            built, manifest = engines.build_nncc(nncc.Nncc(program, nncc.AARCH64, flags=[f"--cpu={core.cpu}", *flags]), network, folder)
            blocks = run_counted(built, folder)
            engines.largest_error(engines.nncc_outputs(folder, manifest), network, is_peer=False)
        total = sum(block.instructions for block in blocks)
        hot, covered = [], 0
        for block in sorted(blocks, key=lambda block: -block.instructions):
            if covered >= COVERED * total:
                break
            hot.append(block)
            covered += block.instructions
        disassemble(hot)
        cycles = sum(block.runs * each for block, each in zip(hot, cycles_of(hot, core))) * total / covered
        result["macs"] = sum(kernel["macs"] for kernel in manifest["kernels"])
        result["cores"][core.cpu] = {"instructions": total, "cycles": cycles, "code_bytes": manifest["sizes"]["code"],
                                     "constant_bytes": manifest["sizes"]["constants"], "arena_bytes": manifest["arena"]["bytes"],
                                     "least_cycles": result["macs"] / 4 / core.fma_per_cycle}
    return result


def run_counted(built: Path, folder: Path) -> list[Block]:
    """The blocks that one run of a network executes."""
    plugin, counts = folder / "count_instructions.so", folder / "counts"
    subprocess.run(["clang-22", "-std=c11", "-D_DEFAULT_SOURCE", "-O2", "-fPIC", "-shared", "-fvisibility=hidden",
                    engines.HERE / "count_instructions.c", "-o", plugin], check=True)
    subprocess.run(["qemu-aarch64", "-plugin", f"{plugin},out={counts}", built, folder, "count"], check=True)
    blocks: dict[tuple, Block] = {}
    for line in counts.read_text().splitlines():
        address, runs, *words = line.split()
        block = blocks.setdefault((address, *words), Block(int(address, 16), 0, [int(word, 16) for word in words]))
        block.runs += int(runs)
    return _joined(list(blocks.values()))


def _joined(blocks: list[Block]) -> list[Block]:
    """The blocks, with those whole again that qemu cuts, at the end of a page or after some 80 instructions: a loop would be timed as
    pieces, each beside copies of itself."""
    by_address: dict[int, list[Block]] = {}
    for block in blocks:
        by_address.setdefault(block.address, []).append(block)
    rest = set()
    for block in sorted(blocks, key=lambda block: -block.address):
        if block.words[-1] & 0x1C000000 == 0x14000000:  # branches, exceptions, system (Arm ARM, C4.1)
            continue
        for after in by_address.get(block.address + 4 * len(block.words), []):
            if after.runs == block.runs and id(after) not in rest:
                block.words += after.words
                rest.add(id(after))
                break
    return [block for block in blocks if id(block) not in rest]


def disassemble(blocks: list[Block]):
    """Sets the text of blocks. A `brk` behind each word keeps the lines apart where one is not an instruction."""
    words = sorted({word for block in blocks for word in block.words})
    mark = 0x4242
    source = "\n".join(" ".join(f"0x{byte:02x}" for byte in word.to_bytes(4, "little") + (0xD4200000 | mark << 5).to_bytes(4, "little"))
                       for word in words)
    done = subprocess.run([nncc.LLVM / "llvm-mc", "--disassemble", "--triple=aarch64", "-mattr=+all"], input=source, capture_output=True,
                          text=True)
    text, current, index = {}, "", 0
    for line in map(str.strip, done.stdout.splitlines()):
        if re.fullmatch(rf"brk\s+#{mark:#x}", line):
            text[words[index]], current, index = current, "", index + 1
        elif line and not line.startswith("."):
            current = line
    for block in blocks:
        block.text = [text.get(word, "") for word in block.words]


def _split_write_back(line: str) -> list[str]:
    """A store that also moves its address, as a store and an addition."""
    found = _WRITE_BACK.match(line)
    if not found:
        return [line]
    sign, amount = (found[3], found[4]) if found[4] else (found[5], found[6])
    return [found[1] + "]", f"{'sub' if sign else 'add'} {found[2]}, {found[2]}, #{amount}"]


def cycles_of(blocks: list[Block], core: Core) -> list[float]:
    """Cycles of one pass of each block."""
    result = []
    for first in range(0, len(blocks), REGIONS):
        part = blocks[first:first + REGIONS]
        source = "\n".join(f"# LLVM-MCA-BEGIN b{index}\n" + "\n".join(line for text in block.text if text for line in _split_write_back(text))
                           + f"\n# LLVM-MCA-END b{index}" for index, block in enumerate(part))
        done = subprocess.run([nncc.LLVM / "llvm-mca", "-mtriple=aarch64", f"-mcpu={core.model}", "-mattr=+all", f"-iterations={PASSES}",
                               "-json", "-skip-unsupported-instructions=any", "-call-latency=1"], input=source + "\n", capture_output=True,
                              text=True)
        if not done.stdout:
            raise RuntimeError(f"llvm-mca: {done.stderr[:2000]}")
        views = {region["Name"]: region["SummaryView"] for region in json.loads(done.stdout)["CodeRegions"]}
        for index, block in enumerate(part):
            view = views.get(f"b{index}", {"TotalCycles": 0, "Iterations": 1, "BlockRThroughput": 0})
            timed = view["TotalCycles"] / view["Iterations"] if core.is_in_order or block.loops() else view["BlockRThroughput"]
            # LLVM's model of the A55 starts two 128-bit multiply-adds a cycle; the core has two pipes of 64 bits.
            result.append(max(timed, sum(text.startswith("fmla") for text in block.text) / core.fma_per_cycle))
    return result
