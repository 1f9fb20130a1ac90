"""What any_graphs.py, mutate_models.py and mutate_ir.py share: stable choices, limits of a process, and the run over seeds with its report.

A seed means the same case for as long as what it is made of is there: an added test or family takes over a few seeds and leaves the
others alone, so a change that has nothing to do with a mutation cannot find it.
"""
import argparse
import collections
import hashlib
import resource
import tempfile
from pathlib import Path

import nncc

PROCESSOR_SECONDS, WALL_SECONDS, BYTES = 10, 120, 4 << 30


def chosen(key, names):
    """One of some names, by rendezvous hashing: that of the highest hash together with the key."""
    return max(names, key=lambda name: hashlib.blake2b(f"{key}/{name}".encode(), digest_size=8).digest())


def limits():
    """Of the process under test."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))


def add_arguments(parser: argparse.ArgumentParser):
    """The command line of all of them."""
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first case; the others count up")
    parser.add_argument("--keep", type=Path, help="folder for cases that fail")
    nncc.add_arguments(parser)


def run(options, what: str, prepare, complaint) -> int:
    """Runs all seeds and reports alike failures as one; returns how many cases fail.

    what       the cases, for the last line
    prepare    called once with a scratch folder: returns what makes of a seed the case's file name and content
    complaint  of a file: what is wrong with how nncc takes it, or None
    """
    found = collections.defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="nncc-mutated-") as scratch:
        make = prepare(Path(scratch))
        for seed in range(options.seed, options.seed + options.count):
            name, content = make(seed)
            path = Path(scratch) / name
            path.write_bytes(content)
            if wrong := complaint(path):
                found[nncc.without_details(wrong)].append((seed, wrong))
                if options.keep:
                    options.keep.mkdir(parents=True, exist_ok=True)
                    (options.keep / f"{seed}-{name}").write_bytes(content)
    for cases in sorted(found.values(), key=len, reverse=True):
        print(f"  FAIL {len(cases)}x --seed {cases[0][0]} --count 1: {cases[0][1]}; also {[seed for seed, _ in cases[1:6]]}")
    bad = sum(map(len, found.values()))
    print(f"{options.count} {what}: {bad} bad")
    return bad
