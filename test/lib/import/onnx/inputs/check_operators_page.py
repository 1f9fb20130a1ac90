#!/usr/bin/env python3
"""Holds docs/operators.md against the tables of lib/import/onnx: every operator is on the page, and no other. Wherever the
documents speak of opsets from one to another, they are those of lib/import/onnx/Import.h.

Usage: check_operators_page.py REPOSITORY
"""
import pathlib
import re
import sys

repository = pathlib.Path(sys.argv[1])
rows = re.findall(r"^\| [A-Z]\w* \|([^|]*)\|", (repository / "docs" / "operators.md").read_text(), re.MULTILINE)
on_page = {name.strip() for row in rows for name in row.split(",")}
in_tables = {name for source in (repository / "lib" / "import" / "onnx").glob("*.cpp") if source.name != "Families.cpp"  # names of families
             for name in re.findall(r'\{"([A-Z]\w*)",', source.read_text())}
for name in sorted(in_tables - on_page):
    print(f"docs/operators.md does not list {name}")
for name in sorted(on_page - in_tables):
    print(f"docs/operators.md lists {name}, which no table has")
oldest, newest = (re.search(rf"{name} = (\d+)", (repository / "lib" / "import" / "onnx" / "Import.h").read_text())[1]
                  for name in ("kOldestOpset", "kNewestOpset"))
texts = [repository / "README.md", repository / "CHANGELOG.md", *sorted((repository / "docs").glob("*.md"))]
wrong = [(text, words) for text in texts for words in re.findall(r"opsets \d+ to \d+", text.read_text())
         if words != f"opsets {oldest} to {newest}"]
for text, words in wrong:
    print(f"{text.relative_to(repository)} says {words}, nncc reads {oldest} to {newest}")
sys.exit(bool(wrong) or on_page != in_tables)
