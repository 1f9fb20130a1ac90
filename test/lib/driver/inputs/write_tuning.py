"""Writes a tuning file with one entry: write_tuning.py KERNEL NAME=VALUE...; the kernel as the demo network names it."""
import json
import pathlib
import re
import subprocess
import sys

MODEL = pathlib.Path(__file__).resolve().parents[4] / "tools" / "demo" / "digits.onnx"

command = ["nncc", "compile", MODEL, "--emit=mlir", "--stop-after=N2", "--remarks=nncc-apply-tuning"]
remarks = subprocess.run(command, capture_output=True, text=True, check=True).stderr
kernel = re.search(rf"{sys.argv[1]} is (.*\}})", remarks).group(1)
entry = {"cpu": "x86-64-v3", "kernel": kernel}
for argument in sys.argv[2:]:
    name, value = argument.split("=")
    entry[name] = int(value) if value.isdigit() else value
print(json.dumps({"schema": "nncc-tuning", "version": 1, "kernels": [entry]}))
