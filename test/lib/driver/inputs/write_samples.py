"""Writes samples of the demo network, good ones and some that are wrong in one way, and the network with an open dim. Usage: write_samples.py FOLDER."""
import sys
from pathlib import Path

import numpy as np
import onnx


def main(folder: Path):
    image = np.random.default_rng(0).random((12, 1, 8, 8), dtype=np.float32)
    nan, huge = image.copy(), image.copy()
    nan[4, 0, 2, 3], huge[7, 0, 0, 0] = np.nan, 3e38
    sets = {"good": {"image": image}, "few": {"image": image[[0, 0, 0]]}, "name": {"picture": image, "label": image},
            "shape": {"image": image[:, :, :7]}, "type": {"image": image.astype(np.float64)}, "nan": {"image": nan}, "huge": {"image": huge},
            "large": {"image": image * 100}}
    pixels = np.random.default_rng(1).integers(0, 17, (12, 8, 8, 1)).astype(np.uint8)
    sets |= {"bytes": {"image": pixels}, "floats": {"image": pixels.reshape(12, 1, 8, 8).astype(np.float32) / 16}}
    model = onnx.load(Path(__file__).parents[4] / "tools" / "demo" / "digits.onnx")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "n"  # and its output stays [1, 10]
    onnx.save(model, folder / "open.onnx")
    sets |= {f"part{i}": {"image": image[3 * i:3 * i + 3]} for i in range(4)}
    for name, arrays in sets.items():
        np.savez(folder / f"{name}.npz", **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
