"""Holds what nncc prints and writes as JSON against docs/schemas: every document names its schema, and is what that says.

The words of JSON Schema that the files use are type, properties, required, additionalProperties, items, enum and const.
"""
import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import models
import nncc

SCHEMAS = models.REPOSITORY / "docs" / "schemas"
WORDS = {"$schema", "title", "description", "type", "properties", "required", "additionalProperties", "items", "enum", "const"}
TYPES = {"object": dict, "array": list, "string": str, "number": (int, float), "integer": int, "boolean": bool, "null": type(None)}


def problems(value, schema: dict, where: str = "document"):
    """What of a value is not as its schema says."""
    for word in schema.keys() - WORDS:
        yield f"{where}: the schema's word '{word}' is none that is checked"
    if "const" in schema and value != schema["const"]:
        yield f"{where} is {value!r}, not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where} is {value!r}, none of {schema['enum']}"
    kinds = schema.get("type", list(TYPES))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not any(isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool)) for kind in kinds):
        yield f"{where} is {value!r}, not of type {' or '.join(kinds)}"
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from problems(item, schema.get("items", {}), f"{where}[{index}]")
    if isinstance(value, dict):
        for name in schema.get("required", []):
            if name not in value:
                yield f"{where} lacks '{name}'"
        for name, item in value.items():
            known = schema.get("properties", {}).get(name, schema.get("additionalProperties", {}))
            if known is False:
                yield f"{where} has '{name}', which the schema does not know"
            else:
                yield from problems(item, known or {}, f"{where}.{name}")


def documents(program: Path, folder: Path):
    """Every kind of document: (command, its JSON)."""
    digits = models.model_path("digits")
    np.save(folder / "x.npy", np.random.default_rng(1).random((40, 1, 8, 8), np.float32))
    np.save(folder / "0.npy", np.zeros((1, 10), np.float32))
    python, qemu = f"--python={sys.executable}", shutil.which("qemu-aarch64")
    commands = [["inspect", digits], ["inspect", digits, "--device=mali"], ["bench", digits, "--rounds=2"], ["bench", digits, "--rounds=2", "--per-kernel"],
                ["run", digits], ["run", digits, f"--check={folder}"], *([["run", digits, "--target=aarch64-linux-gnu"]] if qemu else []),
                ["debug", digits, python], ["debug", digits, "--bisect"], ["validate", digits, "--data=x.npy", python], ["validate", digits, "--data=x.npy", f"--reference={digits}"],
                ["estimate", digits], ["estimate", digits, "--flash=1MB", "--ram=1kB"],
                ["estimate", digits, "--device=mali-g610"], ["report", digits], ["report", digits, "--bench", "--rounds=2", "--data=x.npy", python],
                ["targets"], ["ops"], ["doctor"]]
    for command in commands:
        done = subprocess.run([program, *command, "--json"], cwd=folder, capture_output=True, text=True)
        assert done.returncode in (0, 2), f"{command}: status {done.returncode}\n{done.stderr}"
        document = json.loads(done.stdout)
        yield command, document
        # A report holds those of other commands.
        yield from ((command, part) for part in document.values() if isinstance(part, dict) and "schema" in part)
    for command, file in ((["compile", digits, "-o", "out"], "out/digits.json"),
                          (["compile", digits, "-o", "cpus", "--cpu=cortex-a53,cortex-a76"], "cpus/digits.json"),
                          (["compile", digits, "-o", "gpu", "--device=mali"], "gpu/digits.json"),
                          (["quantize", digits, "--data=x.npy", "-o", "q.onnx", "--report=q.json"], "q.json"),
                          (["quantize", digits, "--data=x.npy", "--stats-out=s.json"], "s.json"),
                          (["tune", digits, "--time=1s", "-o", "t.json"], "t.json")):
        subprocess.run([program, *command], cwd=folder, check=True, capture_output=True)
        yield command, json.loads((folder / file).read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    nncc.add_arguments(parser)
    options = parser.parse_args()
    schemas = {f"nncc-{path.stem}": json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")}
    seen, wrong = set(), []
    with tempfile.TemporaryDirectory(prefix="nncc-json-") as folder:
        for command, document in documents(options.nncc, Path(folder)):
            name = document.get("schema")
            seen.add(name)
            what = " ".join(map(str, command[:1] + command[2:]))
            wrong += [f"{what}: {problem}" for problem in problems(document, schemas[name])] if name in schemas else [f"{what} names the schema {name}"]
    wrong += [f"no document of {name} was seen" for name in schemas.keys() - seen]
    # Words that nobody reads check nothing: a document that is spoiled is found.
    assert list(problems({"schema": "nncc-ops", "version": 1, "more": 0}, schemas["nncc-ops"])), "a wrong document passes"
    print("\n".join(wrong) or f"ok: {len(schemas)} schemas")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
