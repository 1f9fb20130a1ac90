"""`--input NAME=u8,nhwc,...` against onnxruntime on the path with floats: the same numbers, no transposition, no memory.

    input_format.py digits mobilefacenet --target both
    input_format.py small --target x86_64

`small` are networks made here, for what real ones do not have: other element types, padding around a mean that is not 0, first ops
that are no convolution, sizes that come from the file.
"""
import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import compare
import models
import nncc
import oracle

# Network -> its input, formats, and whether what is left is one kernel and no transposition.
NETWORKS = {
    "digits": ("image", ["u8,nhwc,mean=8,scale=0.0625", "u8,scale=0.0625", "s8,nhwc,mean=-3.5,std=32"]),
    "mobilefacenet": ("input", ["u8,nhwc,mean=127.5,scale=0.0078125", "u8,nhwc,bgr,mean=123.675,116.28,103.53,std=58.395,57.12,57.375"]),
    "blazeface": ("input:0", ["u8,nhwc,model=nhwc,mean=127.5,scale=0.0078431373", "u8,mean=127.5,scale=0.0078431373"]),
    "ultraface": ("input", ["u8,nhwc,bgr,mean=127,scale=0.0078125", "u8,rgbx,mean=127,scale=0.0078125",
                             "u8,bgrx,mean=123.675,116.28,103.53,std=58.395,57.12,57.375", "u8,mean=123.675,116.28,103.53,std=58.395,57.12,57.375"]),
}


def numbers(text: str, name: str) -> np.ndarray | None:
    """The numbers behind `name=` in a format."""
    words = text.split(",")
    at = next((i for i, word in enumerate(words) if word.startswith(name + "=")), None)
    if at is None:
        return None
    values = [words[at].split("=")[1]]
    for word in words[at + 1:]:
        if "=" in word or not word[0].isdigit() and word[0] not in "-.":
            break
        values.append(word)
    return np.array(values, np.float64)


YUV = {"nv12": "planes", "nv21": "planes", "yuyv": "pairs", "uyvy": "pairs"}


def colors(memory: np.ndarray, words: list[str]) -> np.ndarray:
    """N x H x W x 3 of red, green and blue, in doubles, of the bytes of a camera: ITU-R BT.601 or BT.709, chroma repeated."""
    kind = next(word for word in words if word in YUV)
    x = memory.astype(np.float64)
    if YUV[kind] == "planes":
        height = x.shape[1] // 3 * 2
        y, chroma = x[:, :height], x[:, height:].reshape(len(x), height // 2, -1, 2).repeat(2, 1).repeat(2, 2)
        u, v = (chroma[..., 0], chroma[..., 1]) if kind == "nv12" else (chroma[..., 1], chroma[..., 0])
    else:
        y, chroma = (x[..., 0], x[..., 1]) if kind == "yuyv" else (x[..., 1], x[..., 0])
        u, v = chroma[..., 0::2].repeat(2, 2), chroma[..., 1::2].repeat(2, 2)
    red, blue = (0.2126, 0.0722) if "bt709" in words else (0.299, 0.114)
    green = 1 - red - blue
    if "full" in words:
        y, u, v = y / 255, (u - 128) / 255, (v - 128) / 255
    else:
        y, u, v = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    g = (y - red * r - blue * b) / green
    return np.clip(np.stack([r, g, b], -1) * 255, 0, 255)


def model_input(memory: np.ndarray, text: str, element: np.dtype) -> np.ndarray:
    """What the model gets for the memory, in doubles: the meaning of a format, written down a second time."""
    words = text.split(",")
    model_axis = 3 if "model=nhwc" in words else 1
    x = memory.astype(np.float64)
    if any(word in YUV for word in words):
        x, words = colors(memory, words), words + ["nhwc"]
    elif any(word in ("rgbx", "rgba", "bgrx", "bgra") for word in words):
        x, words = x[..., :3], words + (["nhwc", "bgr"] if any(word.startswith("bgr") for word in words) else ["nhwc"])
    if x.ndim == 4:
        axis = 3 if "nhwc" in words else 1 if "nchw" in words else model_axis
        if "bgr" in words:
            x = np.flip(x, axis)
        if axis != model_axis:
            x = np.moveaxis(x, axis, model_axis)
    shape = [-1 if x.ndim == 4 and axis == model_axis else 1 for axis in range(x.ndim)]
    mean, scale, std = (numbers(text, name) for name in ("mean", "scale", "std"))
    if mean is not None:
        x = x - mean.reshape(shape if mean.size > 1 else [1] * x.ndim)
    if scale is not None:
        x = x * scale.reshape(shape if scale.size > 1 else [1] * x.ndim)
    if std is not None:
        x = x / std.reshape(shape if std.size > 1 else [1] * x.ndim)
    return np.ascontiguousarray(x.astype(element))


def memory_shape(shape: list[int], text: str) -> list[int]:
    """The shape of the memory for a model's input."""
    words = text.split(",")
    if len(shape) != 4:
        return shape
    height, width = shape[1:3] if "model=nhwc" in words else shape[2:]
    if any(word in YUV for word in words):
        return [shape[0], height * 3 // 2, width] if "nv12" in words or "nv21" in words else [shape[0], height, width, 2]
    if any(word in ("rgbx", "rgba", "bgrx", "bgra") for word in words):
        return [shape[0], height, width, 4]
    if "nhwc" in words and "model=nhwc" not in words:
        return [shape[0], shape[2], shape[3], shape[1]]
    if "nchw" in words and "model=nhwc" in words:
        return [shape[0], shape[3], shape[1], shape[2]]
    return shape


def conv(c: int, o: int, k: int, pads: int, random) -> tuple[list, list]:
    """A convolution and its weights."""
    weights = random.standard_normal((o, c, k, k)).astype(np.float32)
    return ([helper.make_node("Conv", ["x", "w"], ["y"], "conv", pads=[pads] * 4)], [numpy_helper.from_array(weights, "w")])


def small_cases():
    """(model, input, shape or None where the file decides, formats)."""
    random = np.random.default_rng(5)

    def model(nodes, weights, shape, dtype=TensorProto.FLOAT, out=TensorProto.FLOAT, rank=4):
        graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", dtype, shape)],
                                  [helper.make_tensor_value_info("y", out, [None] * rank)], weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    mean3 = "mean=120,110.5,99,scale=0.017,0.018,0.0185"
    padded = model(*conv(3, 5, 3, 1, random), [1, 3, 7, 11])
    yield padded, [1, 3, 7, 11], [f"u8,nhwc,{mean3}", f"u8,nhwc,bgr,{mean3}", f"u8,bgr,{mean3}", f"f32,nhwc,{mean3}", "f32,nhwc",
                                  "s8,nhwc,mean=1,scale=-0.5", f"u8,{mean3}", "u8,nhwc,mean=7", "u8,nchw,bgr,scale=0.1", "u8"]
    even = model(*conv(3, 5, 3, 1, random), [2, 3, 6, 10])
    yield even, [2, 3, 6, 10], [f"u8,nv12,{mean3}", "u8,nv21,bt709", "u8,yuyv,full,bgr,scale=0.0039", f"u8,uyvy,bt709,full,{mean3}",
                                "u8,bgrx,mean=7", f"u8,rgba,{mean3}"]
    depthwise = [helper.make_node("Conv", ["x", "w"], ["y"], "conv", group=3)]
    yield (model(depthwise, [numpy_helper.from_array(random.standard_normal((3, 1, 3, 3)).astype(np.float32), "w")], [1, 3, 9, 8]),
           [1, 3, 9, 8], [f"u8,nhwc,bgr,{mean3}"])
    nodes, weights = conv(2, 4, 3, 0, random)
    yield model(nodes, weights, ["n", 2, "h", "w"]), [2, 2, 6, 5], ["u8,nhwc,mean=3,5,scale=0.125"]
    normalized = [helper.make_node("Sub", ["x", "m"], ["c"], "sub"), helper.make_node("Relu", ["c"], ["r"], "relu"),
                  helper.make_node("Conv", ["r", "w"], ["y"], "conv")]
    yield (model(normalized, [numpy_helper.from_array(random.standard_normal((4, 3, 1, 1)).astype(np.float32), "w"),
                              numpy_helper.from_array(np.array([.1, .2, .3], np.float32).reshape(1, 3, 1, 1), "m")], [1, 3, 6, 5]),
           [1, 3, 6, 5], ["u8,nhwc,bgr,std=255", "u8,nhwc,scale=0.0039"])
    gemm = [helper.make_node("Gemm", ["x", "w"], ["y"], "gemm")]
    yield (model(gemm, [numpy_helper.from_array(random.standard_normal((13, 4)).astype(np.float32), "w")], [3, 13], rank=2), [3, 13],
           ["u8,mean=100,scale=0.01", "s8"])
    yield model([helper.make_node("Identity", ["x"], ["y"])], [], [1, 3, 4, 5]), [1, 3, 4, 5], [f"u8,nhwc,{mean3}", f"u8,nhwc,bgr,{mean3}"]
    yield (model([helper.make_node("Relu", ["x"], ["y"])], [], [1, 2, 4, 5], TensorProto.FLOAT16, TensorProto.FLOAT16), [1, 2, 4, 5],
           ["u8,nhwc,mean=100,scale=0.01"])
    cast = [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)]
    yield model(cast, [], [1, 3, 4, 5], TensorProto.UINT8), [1, 3, 4, 5], ["u8,nhwc,bgr"]
    nhwc = [helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]), helper.make_node("Conv", ["t", "w"], ["y"], "conv")]
    yield (model(nhwc, [numpy_helper.from_array(random.standard_normal((4, 3, 1, 1)).astype(np.float32), "w")], [1, 8, 7, 3]),
           [1, 8, 7, 3], [f"u8,model=nhwc,{mean3}", f"u8,nchw,model=nhwc,bgr,{mean3}", f"u8,bgra,model=nhwc,{mean3}"])
    tall = [helper.make_node("Relu", ["x"], ["y"])]
    yield model(tall, [], ["n", "h", "w", 3]), [1, 4, 6, 3], ["u8,nv12,model=nhwc,scale=0.01", "u8,uyvy,model=nhwc,bgr"]
    yield model(tall, [], [1, 3, 4, 6], TensorProto.FLOAT16, TensorProto.FLOAT16), [1, 3, 4, 6], ["u8,nv21,scale=0.01"]
    yield model(cast, [], [1, 3, 4, 5], TensorProto.UINT8), [1, 3, 4, 5], ["u8,bgrx"]


def check(target: str, program: Path, path: Path, name: str, shape: list[int], text: str, seed: int) -> str | None:
    """What is wrong with one format of one model, or None."""
    random = np.random.default_rng(seed)
    size = memory_shape(shape, text)
    kind = {"u8": np.uint8, "s8": np.int8, "f32": np.float32}[text.split(",")[0]]
    memory = random.integers(*((-128, 128) if kind == np.int8 else (0, 256)), size).astype(kind)
    element = np.dtype(helper.tensor_dtype_to_np_dtype(onnx.load(path).graph.input[0].type.tensor_type.elem_type))
    runner = nncc.Nncc(program, target, flags=[f"--input={name}={text}"])
    expected = oracle.run(path, {name: model_input(memory, text, element)})
    got = runner.run(path, {name: memory}).outputs
    for output, reference in expected.items():
        wrong = compare.invalid_reference(reference) or compare.difference(got[output], reference)
        if wrong:
            return f"output '{output}': {wrong}"
    return None


def check_kernels(program: Path, path: Path, name: str, text: str) -> str | None:
    """A camera's layout costs one kernel at most, or a part of one, no transposition, and no memory."""
    plain = nncc.Nncc(program).inspect(path)["plan"]
    plan = nncc.Nncc(program, flags=[f"--input={name}={text}"]).inspect(path)["plan"]
    before = [kernel["op"] for kernel in plain["kernels"]]
    after = [kernel["op"] for kernel in plan["kernels"]]
    own = sum(f"input {name}" in kernel["nodes"] for kernel in plan["kernels"])
    if own != 1 or ("nhwc" in text or "x," in text) and "transpose" in after[:2] or len(after) > len(before) + 1:
        return f"kernels {after[:4]} ..., without the format {before[:3]} ..."
    return None if plan["arena_bytes"] <= plain["arena_bytes"] else f"arena {plan['arena_bytes']}, without {plain['arena_bytes']}"


def check_output_layout(program: Path, folder: Path) -> bool:
    """An output in another layout has the same numbers there, and nothing is transposed around a convolution of a few channels."""
    random = np.random.default_rng(6)
    nodes, weights = conv(3, 4, 3, 0, random)
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 7, 9])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 5, 7])], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "out.onnx")
    x = random.standard_normal((1, 3, 7, 9)).astype(np.float32)
    expected = np.moveaxis(oracle.run(folder / "out.onnx", {"x": x})["y"], 1, 3)
    runner = nncc.Nncc(program, flags=["--output-layout=y=nhwc"])
    ops = [kernel["op"] for kernel in runner.inspect(folder / "out.onnx")["plan"]["kernels"]]
    wrong = compare.difference(runner.run(folder / "out.onnx", {"x": x}).outputs["y"], np.ascontiguousarray(expected))
    if ops != ["conv2d"]:
        wrong = wrong or f"kernels {ops}"
    print(f"output layout: {f'FAIL {wrong}' if wrong else 'ok'}")
    return wrong is None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--target", choices=["x86_64", "aarch64", "both"], default="both")
    nncc.add_arguments(parser)
    options = parser.parse_args()
    good, seed = True, 0
    with tempfile.TemporaryDirectory(prefix="nncc-format-") as scratch:
        cases = []
        for model in options.models:
            if model == "small":
                good &= check_output_layout(options.nncc, Path(scratch))
                for number, (proto, shape, formats) in enumerate(small_cases()):
                    path = Path(scratch) / f"small{number}.onnx"
                    onnx.save(proto, path)
                    cases += [(path, "x", shape, text, False) for text in formats]
                continue
            try:
                path = models.model_path(model)
            except models.MissingModel as missing:
                models.skip_or_fail(missing)
            name, formats = NETWORKS[model]
            shape = [dim.dim_value for dim in onnx.load(path).graph.input[0].type.tensor_type.shape.dim]
            cases += [(path, name, shape, text, True) for text in formats]
        for path, name, shape, text, isNetwork in cases:
            seed += 1
            wrong = check_kernels(options.nncc, path, name, text) if isNetwork else None
            for target in nncc.targets_of(options.target):
                try:
                    wrong = wrong or check(target, options.nncc, path, name, shape, text, seed)
                except nncc.NnccError as error:
                    wrong = str(error)
                print(f"{path.stem} {text} on {target}: {f'FAIL {wrong}' if wrong else 'ok'}")
                good &= wrong is None
    sys.exit(0 if good else 1)


main()
