"""Runs the sessions in README.md and docs/*.md and compares what the commands print with what the page says.

Usage: doc_sessions.py ROOT FOLDER [--update] [PAGE.md...]

A session is a block of the language `console`: lines that begin with `$ ` are commands for sh, what follows is what they print, both
streams, exit status 0. The sessions of a page run one after the other in an empty folder under FOLDER, which has the demo network as
digits.onnx. A line `...` stands for any lines, `<...>` for any text within one: for times and paths. --update writes what was printed into
the blocks that differ.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)


def steps_of(block):
    """The commands of a block, each with the text that it is said to print."""
    commands = re.split(r"^\$ ", block, flags=re.M)
    if commands[0]:
        raise ValueError(f"a session begins with a command, not with {commands[0].splitlines()[0]!r}")
    return [command.split("\n", 1) for command in commands[1:]]


def is_said(said, printed):
    """Whether what was printed is what the page says, wildcards taken for what they stand for."""
    pattern = "".join(r"(?:.*\n)*?" if line == "...\n" else re.escape(line).replace(re.escape("<...>"), ".*?")
                      for line in said.splitlines(keepends=True))
    return re.fullmatch(pattern, printed) is not None


def run(command, folder):
    result = subprocess.run(["sh", "-c", command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    note = f"(exit status {result.returncode})\n" if result.returncode else ""
    return re.sub(r"[ \t]+$", "", result.stdout, flags=re.M) + note


def check_page(page, folder, update):
    """Runs the sessions of a page; returns its complaints."""
    shutil.rmtree(folder, ignore_errors=True)
    complaints = []

    def rerun(match):
        steps = steps_of(match[1])
        if not folder.exists():
            folder.mkdir(parents=True)
            shutil.copy(root / "tools/demo/digits.onnx", folder)
        for step in steps:
            printed = run(step[0], folder)
            if not is_said(step[1], printed):
                complaints.append(f"{page}: $ {step[0]}\n--- the page says\n{step[1]}--- it prints\n{printed}")
                step[1] = printed
        return "```console\n" + "".join(f"$ {command}\n{said}" for command, said in steps) + "```"

    text = BLOCK.sub(rerun, page.read_text())
    if update:
        page.write_text(text)
    return complaints


arguments = argparse.ArgumentParser()
arguments.add_argument("root", type=pathlib.Path)
arguments.add_argument("folder", type=pathlib.Path)
arguments.add_argument("--update", action="store_true")
arguments.add_argument("pages", nargs="*", type=pathlib.Path)
options = arguments.parse_intermixed_args()
root = options.root.resolve()
pages = options.pages or [root / "README.md", *sorted((root / "docs").glob("*.md"))]
complaints = [complaint for page in pages for complaint in check_page(page, options.folder.resolve() / page.stem, options.update)]
print("\n".join(complaints))
sys.exit(bool(complaints) and not options.update)
