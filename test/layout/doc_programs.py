"""Cuts the C programs out of README.md and docs/*.md: one file each, named after the document. Usage: doc_programs.py ROOT FOLDER"""
import pathlib
import re
import sys

root, folder = map(pathlib.Path, sys.argv[1:])
folder.mkdir(parents=True, exist_ok=True)
for old in folder.glob("*.c"):
    old.unlink()
for document in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
    for i, program in enumerate(re.findall(r"^```c\n(.*?)^```", document.read_text(), re.M | re.S)):
        (folder / f"{document.stem.lower()}-{i}.c").write_text(program)
