#!/usr/bin/env python3
"""Checks an archive that nncc wrote: what it needs and what it shows to a linker.

Usage: check_archive.py ARCHIVE PREFIX. Undefined symbols: memcpy, memset, memmove at most. Global symbols: PREFIX_ only, the public ones
with default visibility, others hidden. No static constructors, no writable data, a read-only weights section aligned to 64 bytes, a
.note.GNU-stack in every member. Needs llvm-nm and llvm-readelf.
"""
import re
import subprocess
import sys

ALLOWED = {"memcpy", "memset", "memmove"}
PUBLIC = {"init", "run", "start", "step", "model"}


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main(archive, prefix):
    problems = []
    defined, undefined = set(), set()
    for line in run("llvm-nm", "--extern-only", "--format=posix", archive).splitlines():
        parts = line.split()
        if len(parts) >= 2 and not line.endswith(":"):
            (undefined if parts[1] in "Uwv" else defined).add(parts[0])
    for name in sorted(undefined - defined - ALLOWED):
        problems.append(f"needs {name}")
    for name in sorted(n for n in defined if not n.startswith(prefix + "_")):
        problems.append(f"global symbol without the prefix: {name}")
    visibility = {}
    for line in run("llvm-readelf", "--symbols", "--wide", archive).splitlines():
        match = re.match(r"\s*\d+:\s+\w+\s+\w+\s+(\w+)\s+(GLOBAL|WEAK)\s+(\w+)\s+(\S+)\s+(\S+)", line)
        if match and match.group(4) != "UND":
            visibility[match.group(5)] = match.group(3)
    for name, kind in visibility.items():
        public = name.removeprefix(prefix + "_") in PUBLIC
        if kind != ("DEFAULT" if public else "HIDDEN"):
            problems.append(f"{name} has visibility {kind}")
    for name in PUBLIC:
        if f"{prefix}_{name}" not in defined:
            problems.append(f"{prefix}_{name} is missing")
    sections = run("llvm-readelf", "--sections", "--wide", archive)
    members = sections.count("There are ")
    if sections.count(".note.GNU-stack") != members:
        problems.append(".note.GNU-stack is missing in a member: the program's stack would become executable")
    weights = []
    for line in sections.splitlines():
        match = re.match(r"\s*\[\s*\d+\]\s+(\S+)\s+(\S+)\s+\w+\s+\w+\s+(\w+)\s+\w+\s+(\w*)\s+\d+\s+\d+\s+(\d+)$", line)
        if not match:
            continue
        name, kind, size, flags, align = match.groups()
        if name.startswith((".init_array", ".ctors", ".preinit_array", ".fini_array")):
            problems.append(f"static constructors: {name}")
        if "W" in flags and int(size, 16) and not name.startswith(".data.rel.ro"):
            problems.append(f"writable data: {name}, {int(size, 16)} bytes")
        if name == f".rodata.nncc.{prefix}.weights":
            weights.append(int(align))
    if weights and (len(weights) != 1 or weights[0] != 64):
        problems.append(f"weights sections have the alignments {weights}, expected one of 64")
    for problem in problems:
        print(f"{archive}: {problem}")
    print(f"{archive}: {members} members, {len(defined)} global symbols, needs {', '.join(sorted(undefined - defined)) or 'nothing'}")
    sys.exit(1 if problems else 0)


if len(sys.argv) != 3:
    sys.exit(__doc__)
main(*sys.argv[1:])
