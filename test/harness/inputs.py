"""Seeded inputs for a model: seed 0 is structured (an image with gradients and shapes, a tone, smooth features), others are random."""
import numpy as np
import onnx

NUMPY_OF_ONNX = onnx.helper.tensor_dtype_to_np_dtype


def model_inputs(path, shapes=None) -> dict[str, tuple[np.dtype, list[int]]]:
    """Element type and shape of each input of a model; `shapes` fixes dynamic ones, by input name."""
    graph = onnx.load(path, load_external_data=False).graph
    constants = {initializer.name for initializer in graph.initializer}
    result = {}
    for value in graph.input:
        if value.name in constants:  # IR 3 lists the weights as inputs, too
            continue
        tensor = value.type.tensor_type
        shape = (shapes or {}).get(value.name) or [dim.dim_value for dim in tensor.shape.dim]
        if any(dim <= 0 for dim in shape):
            raise ValueError(f"{path}: input '{value.name}' has dynamic dims: give its shape")
        result[value.name] = (np.dtype(NUMPY_OF_ONNX(tensor.elem_type)), shape)
    return result


def make_inputs(path, seed: int, hint: dict) -> dict[str, np.ndarray]:
    """One value for each input of a model.

    hint  what a plausible input is, as in models.json: `kind` (image, tone, features), `low`, `high`, `shapes`
    """
    result = {}
    for index, (name, (dtype, shape)) in enumerate(model_inputs(path, hint.get("shapes")).items()):
        random = np.random.default_rng([seed, index])
        if name in hint.get("values", {}):
            result[name] = np.full(shape, hint["values"][name], dtype)
            continue
        if dtype.kind != "f":
            high = 2 if dtype.kind == "b" else 100
            result[name] = random.integers(0, high, shape).astype(dtype)
            continue
        low, high = hint.get("low", -1), hint.get("high", 1)
        unit = structured(hint.get("kind", "features"), shape) if seed == 0 else random.random(shape)
        result[name] = (low + (high - low) * unit).astype(dtype)
    return result


def structured(kind: str, shape) -> np.ndarray:
    """An array of values in [0, 1] that looks like what a network of that kind is made for."""
    if kind == "image" and len(shape) == 4:
        channels_last = shape[3] in (1, 3, 4) and shape[1] not in (1, 3, 4)
        n, h, w, c = (shape[i] for i in ((0, 1, 2, 3) if channels_last else (0, 2, 3, 1)))
        image = np.broadcast_to(_picture(h, w, c), (n, h, w, c))
        return image if channels_last else image.transpose(0, 3, 1, 2)
    if kind == "tone":
        time = np.arange(shape[-1]) / 16000  # seconds, at the sampling rate of all speech models here
        tone = 0.3 * np.sin(2 * np.pi * 440 * time) + 0.15 * np.sin(2 * np.pi * (1200 + 900 * time) * time)
        return np.broadcast_to(0.5 + tone * (0.6 + 0.4 * np.cos(2 * np.pi * 7 * time)), shape)
    # Features: waves of another frequency along every axis.
    wave = np.zeros(shape)
    for axis, extent in enumerate(shape):
        grid = np.arange(extent).reshape([-1 if a == axis else 1 for a in range(len(shape))])
        wave = wave + np.sin(0.37 * (axis + 1) * grid + axis)
    return 0.5 + 0.5 * np.sin(wave)


def _picture(h: int, w: int, c: int) -> np.ndarray:
    """A picture [h, w, c]: a two-way gradient, a bright disc with two dark spots and a bar (a poor man's face), another hue per channel."""
    y, x = np.mgrid[0:h, 0:w]
    y, x = y / max(h - 1, 1), x / max(w - 1, 1)
    planes = []
    for channel in range(c):
        plane = 0.2 + 0.3 * x + 0.2 * y
        plane = np.where((x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.11, 0.9 - 0.15 * channel, plane)
        for eye in (0.38, 0.62):
            plane = np.where((x - eye) ** 2 + (y - 0.42) ** 2 < 0.003, 0.1 + 0.05 * channel, plane)
        plane = np.where((abs(x - 0.5) < 0.13) & (abs(y - 0.66) < 0.025), 0.45 - 0.2 * channel, plane)
        planes.append(plane + 0.03 * np.sin(40 * x + 25 * y + channel))
    return np.clip(np.stack(planes, axis=-1), 0, 1)
