"""The numeric debugger: agrees with onnxruntime where all is right, and names the kernel where a reference was falsified."""
import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import gpu_models
import inputs
import models
import nncc

DUMPER = models.REPOSITORY / "lib" / "analyze" / "onnxruntime_reference.py"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    nncc.add_arguments(parser)
    options = parser.parse_args()
    model = models.model_path("digits")
    with tempfile.TemporaryDirectory(prefix="nncc-debug-") as scratch:
        folder = Path(scratch)
        (name, value), = inputs.make_inputs(model, 0, models.input_hint("digits")).items()
        np.save(folder / "image.npy", value)
        given = f"--input={name}={folder}/image.npy"
        reference = folder / "reference"
        subprocess.run([sys.executable, DUMPER, model, given, "--output", reference], check=True)

        def debug(*flags) -> subprocess.CompletedProcess:
            return subprocess.run([options.nncc, "debug", model, given, f"--python={sys.executable}", *map(str, flags)], capture_output=True, text=True, cwd=folder,
                                  env=gpu_models.environment(None, False))

        def expect(condition: bool, what: str, run: subprocess.CompletedProcess):
            if not condition:
                sys.exit(f"FAIL {what}; status {run.returncode}\n{run.stdout}{run.stderr}")

        right = debug(f"--reference={reference}", "--all")
        expect(right.returncode == 0 and re.search(r"\b0 diverge", right.stdout), "the right reference agrees", right)
        if gpu_models.DRIVER.exists():
            halves = debug(f"--reference={reference}", "--all", "--device=vulkan:0", "--gpu-float=f16", "--rtol=8e-3")
            expect(halves.returncode == 0 and re.search(r"[4-9] of \d+ tensors compared, 0 diverge", halves.stdout),
                   "what is stored as f16 is compared with the reference", halves)
        # Falsify one tensor that the network computes: the last one but the result, whatever fusion left of those before.
        tensors = [t for t in json.loads((reference / "tensors.json").read_text())["tensors"] if f"'{t['name']}'" in right.stdout]
        expect(len(tensors) >= 3, "at least three tensors are compared", right)
        wrong = tensors[1]
        values = np.load(reference / wrong["file"])
        values.reshape(-1)[values.size // 2] += 0.5
        np.save(reference / wrong["file"], values)
        found = debug(f"--reference={reference}")
        expect(found.returncode == 2 and f"'{wrong['name']}'" in found.stdout and re.search(r"\b1 diverge", found.stdout),
               f"only '{wrong['name']}' diverges", found)
        number = re.search(r"--kernel=(\d+)", found.stdout)
        expect(number is not None, "the message says how to look at the kernel", found)
        dumped = debug(f"--reference={reference}", f"--kernel={number.group(1)}", f"--dump={folder}/operands")
        expect(len(list((folder / "operands").glob("*.npy"))) >= 1, "the operands are written", dumped)
        itself = debug("--reference=onnxruntime")
        expect(itself.returncode == 0, "nncc asks onnxruntime itself", itself)
    print(f"ok: {len(tensors)} tensors compared, the falsified one found")


main()
