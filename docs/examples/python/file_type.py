#!/usr/bin/env python3
"""Says what kind of file a file is, by Google's network Magika, compiled by nncc when the program starts.

    pip install nncc-*.whl
    pip install --no-deps magika==1.0.3          # for the network in it: nothing of its code runs here
    python3 file_type.py FILE...
"""
import importlib.util
import json
import sys
from pathlib import Path

import nncc
import numpy as np

FOLDER = Path(importlib.util.find_spec("magika").submodule_search_locations[0]) / "models" / "standard_v3_3"
CONFIG = json.loads((FOLDER / "config.min.json").read_text())


def ends(contents: bytes) -> np.ndarray:
    """The first and last bytes of a file, blanks around them cut off and what is missing filled up: [1, 2048] int32."""
    padding, block = CONFIG["padding_token"], CONFIG["block_size"]
    first = list(contents[:block].lstrip()[:CONFIG["beg_size"]])
    last = list(contents[-block:].rstrip()[-CONFIG["end_size"]:])
    return np.array([first + [padding] * (CONFIG["beg_size"] - len(first)) + [padding] * (CONFIG["end_size"] - len(last)) + last], np.int32)


def main():
    (batch,) = nncc.inspect(FOLDER / "model.onnx")["to_bind"]["dims"]
    model = nncc.compile(FOLDER / "model.onnx", dims={batch: 1})
    for name in sys.argv[1:]:
        probabilities = model(ends(Path(name).read_bytes()))[0]
        best = probabilities.argmax()
        print(f"{name}: {CONFIG['target_labels_space'][best]}, {100 * probabilities[best]:.1f} %")


if __name__ == "__main__":
    main()
