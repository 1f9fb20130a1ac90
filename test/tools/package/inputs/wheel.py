"""What an installed Python package of nncc does where there is nothing else: no compiler, no linker, no other package than numpy."""
import importlib.metadata
import subprocess
import sys
import tempfile
import time
from pathlib import Path

begin = time.process_time()
import nncc  # noqa: E402

seconds = time.process_time() - begin
import numpy as np  # noqa: E402


def said(*command) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


package = Path(nncc.__file__).parent
prefix = Path(said(sys.executable, "-m", "nncc", "--prefix"))
print(f"import nncc: {seconds:.2f} s of processor time, from {package}")
assert seconds <= 0.2
if prefix == package:  # of a wheel
    assert importlib.metadata.version("nncc") == nncc.version()
    assert said("nncc", "--version").startswith(f"nncc {nncc.version()} ")
assert said(sys.executable, "-m", "nncc", "--version").startswith(f"nncc {nncc.version()} ")
assert (Path(said(sys.executable, "-m", "nncc", "--cmake-dir")) / "nncc-config.cmake").exists()
for target in ("x86_64-linux-gnu", "aarch64-linux-gnu", "aarch64-linux-android", "aarch64-none-elf"):
    assert (prefix / "lib" / "nncc" / target / "libnncc_runtime.a").exists(), target
assert (prefix / "include" / "nncc" / "compiler.h").exists()

digits = prefix / "share" / "doc" / "nncc" / "examples" / "digits.onnx"
assert nncc.inspect(digits)["inputs"][0]["name"] == "image"
m = nncc.compile(digits, threads=2)
image = np.random.default_rng(1).random((1, 1, 8, 8), np.float32)
probabilities = m(image)
assert abs(probabilities.sum() - 1) < 1e-4
with tempfile.TemporaryDirectory() as folder:
    assert m.save(folder, target="aarch64-linux-gnu", cpu="cortex-a53").name == "libdigits.a"
    assert np.array_equal(nncc.load(m.save(folder, shared=True, cpu="native"))(image), probabilities)
print("the Python package compiles, runs, saves and loads")
