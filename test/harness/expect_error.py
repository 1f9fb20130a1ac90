#!/usr/bin/env python3
"""Runs a command that must fail as a user's mistake does, and prints its messages for FileCheck.

Usage: expect_error.py [--status=N] COMMAND... The exit status must be N (default 1: a mistake of the user), standard output
empty, and no file may be left in the folder that follows -o. Printed is standard error with the folder of each file cut off.
"""
import pathlib
import re
import signal
import subprocess
import sys

from inner_words import inner_words


def files_below(folder):
    return sorted(p for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else []


def main(arguments):
    status = 1
    if arguments[0].startswith("--status="):
        status = int(arguments.pop(0).split("=")[1])
    out = pathlib.Path(arguments[arguments.index("-o") + 1]) if "-o" in arguments else None
    before = files_below(out) if out else []
    done = subprocess.run(arguments, capture_output=True, text=True, errors="backslashreplace", timeout=60)
    messages = done.stderr
    for argument in arguments:
        folder = argument.rpartition("/")[0]
        if folder.startswith("/"):
            messages = messages.replace(folder + "/", "")
    print(messages, end="")
    problems = []
    if done.returncode < 0:
        problems.append(f"killed by {signal.Signals(-done.returncode).name}")
    elif done.returncode != status:
        problems.append(f"exit status {done.returncode} instead of {status}")
    if done.stdout:
        problems.append(f"standard output is not empty: {done.stdout[:300]!r}")
    if status != 70 and inner_words(done.stderr):
        problems.append(f"words that no user should read: {inner_words(done.stderr)}")
    if not re.search(r"error: ", done.stderr):
        problems.append("no line says `error: `")
    if out and files_below(out) != before:
        problems.append(f"files left behind: {[str(p) for p in files_below(out)]}")
    for problem in problems:
        print(f"expect_error: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


main(sys.argv[1:])
