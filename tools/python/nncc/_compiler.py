"""Compiling: the C interface of include/nncc/compiler.h, which is loaded when it is first needed."""
from __future__ import annotations

import ctypes
import functools
import json
import os
import platform
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any, Iterable, Mapping, NamedTuple, Optional, Sequence, Union

import numpy as np

from nncc import _abi, _install, _model

# A path of an ONNX file, its bytes, or an onnx.ModelProto.
OnnxModel = Union[str, "os.PathLike[str]", bytes, Any]
Texts = Mapping[str, str]
Shapes = Mapping[str, Sequence[int]]
Names = Union[str, Sequence[str], None]


class CompileError(Exception):
    """A model or an option with which no library can be made; the text is that of `nncc compile`.

    messages  (severity, text) of each: "error", "warning" or "note"
    """

    def __init__(self, messages: list[tuple[str, str]]):
        self.messages = messages
        super().__init__("\n".join(text for _, text in messages) or "the compiler gave no reason")


class Recipe(NamedTuple):
    """What a model was compiled from, to be compiled again for another target."""
    model: Union[Path, bytes]
    dims: dict[str, int]
    bind: dict[str, Any]
    inputs: dict[str, str]
    output_layouts: dict[str, str]
    shapes: dict[str, tuple[int, ...]]
    rename: dict[str, str]
    begin: list[str]
    end: list[str]


class Choices(NamedTuple):
    """What fast and small code are made by."""
    tuning: Union[str, "os.PathLike[str]", None] = None
    optimize: str = "speed"
    arena_slack: Union[str, int, None] = None
    floats: str = "f32"


@functools.lru_cache(maxsize=None)
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(_install.prefix() / "lib" / "libnncc-compiler.so"))
    library.nncc_compile.argtypes = [ctypes.POINTER(_abi.CompileOptions)]
    for function in (library.nncc_version, library.nncc_host_cpu):
        function.argtypes, function.restype = [], ctypes.c_char_p
    return library


def version() -> str:
    """The version of the compiler: "0.1.0"."""
    return _library().nncc_version().decode()


def host_cpu() -> str:
    """What cpu="native" stands for on this machine: "x86-64-v4".

    error  OSError: nncc has no target for this machine, or its CPU is older than every one that nncc knows
    """
    name = _library().nncc_host_cpu()
    if name is None:
        raise OSError("this machine's CPU is none that nncc compiles for")
    return name.decode()


def _strings(values: Iterable[str]) -> tuple[Any, int]:
    encoded = [os.fsencode(value) for value in values]
    return (ctypes.c_char_p * len(encoded))(*encoded), len(encoded)


def _bound(name: str, value: Any, folder: Path, index: int) -> str:
    """A value of `bind` in the words of --bind; arrays become files in a folder."""
    if isinstance(value, str):
        return f"{name}={value}"
    if isinstance(value, (np.ndarray, np.generic)):
        path = folder / f"bind{index}.npy"
        np.save(path, value)
        return f"{name}={path}"
    if isinstance(value, (list, tuple)):
        return f"{name}=[" + ",".join(str(element).lower() for element in value) + "]"
    return f"{name}={str(value).lower()}"  # True is true


def _shape(name: str, shape: Sequence[int]) -> str:
    """A shape in the words of --shape."""
    return f"{name}=" + ",".join(str(size) for size in shape)


def _model_file(model: Union[Path, bytes], folder: Path) -> Path:
    if isinstance(model, Path):
        return model
    path = folder / "model.onnx"
    path.write_bytes(model)
    return path


def _compile_to(output: Path, recipe: Recipe, *, name: Optional[str], target: Optional[str], cpu: Optional[str], shared: bool,
                debug_info: bool, extern_weights: bool, choices: Choices) -> None:
    """`nncc compile` into a folder. error: CompileError; warnings are Python's"""
    if choices.optimize not in ("speed", "size"):
        raise ValueError(f"optimize is 'speed' or 'size', not {choices.optimize!r}")
    messages: list[tuple[str, str]] = []

    def on_message(_user: object, severity: int, text: bytes) -> None:
        messages.append((_abi.SEVERITIES[severity], text.decode(errors="replace")))

    with tempfile.TemporaryDirectory(prefix="nncc-") as scratch:
        folder = Path(scratch)
        options = _abi.CompileOptions(size=ctypes.sizeof(_abi.CompileOptions), debug_info=debug_info, extern_weights=extern_weights,
                                      shared_library=shared, on_message=_abi.Message(on_message))
        options.model = os.fsencode(_model_file(recipe.model, folder))
        options.output_directory = os.fsencode(output)
        for field, text in (("name", name), ("target", target), ("cpu", host_cpu() if cpu == "native" else cpu)):
            setattr(options, field, None if text is None else text.encode())
        options.tuning = None if choices.tuning is None else os.fsencode(choices.tuning)
        options.arena_slack = None if choices.arena_slack is None else str(choices.arena_slack).encode()
        options.optimize_for_size = choices.optimize == "size"
        options.float_format = choices.floats.encode()
        options.dims, options.num_dims = _strings(f"{key}={size}" for key, size in recipe.dims.items())
        options.binds, options.num_binds = _strings(_bound(key, value, folder, index) for index, (key, value) in enumerate(recipe.bind.items()))
        options.inputs, options.num_inputs = _strings(f"{key}={text}" for key, text in recipe.inputs.items())
        options.output_layouts, options.num_output_layouts = _strings(f"{key}={text}" for key, text in recipe.output_layouts.items())
        options.shapes, options.num_shapes = _strings(_shape(key, shape) for key, shape in recipe.shapes.items())
        options.renames, options.num_renames = _strings(f"{old}={new}" for old, new in recipe.rename.items())
        options.begin, options.num_begin = _strings(recipe.begin)
        options.end, options.num_end = _strings(recipe.end)
        status = _library().nncc_compile(options)
    if status != 0:
        raise CompileError(messages)
    for severity, text in messages:
        if severity == "warning":
            warnings.warn(text, stacklevel=4)


def _names(given: Names) -> list[str]:
    """One name, or several."""
    return [given] if isinstance(given, str) else list(given or [])


def _recipe(model: OnnxModel, dims: Optional[Mapping[str, int]], bind: Optional[Mapping[str, Any]], inputs: Optional[Texts],
            output_layouts: Optional[Texts], shapes: Optional[Shapes], begin: Names, end: Names,
            rename: Optional[Texts] = None) -> Recipe:
    if hasattr(model, "SerializeToString"):
        model = model.SerializeToString()
    if not isinstance(model, bytes):
        model = Path(model).absolute()
    return Recipe(model, dict(dims or {}), dict(bind or {}), dict(inputs or {}), dict(output_layouts or {}),
                  {name: tuple(shape) for name, shape in (shapes or {}).items()}, dict(rename or {}), _names(begin), _names(end))


def compile(model: OnnxModel, *, dims: Optional[Mapping[str, int]] = None, bind: Optional[Mapping[str, Any]] = None,  # noqa: A001
            inputs: Optional[Texts] = None, output_layouts: Optional[Texts] = None, shapes: Optional[Shapes] = None,
            begin: Names = None, end: Names = None, rename: Optional[Texts] = None,
            cpu: str = "native", threads: int = 1, tuning: Union[str, "os.PathLike[str]", None] = None, optimize: str = "speed",
            arena_slack: Union[str, int, None] = None, floats: str = "f32") -> "_model.Model":
    """Compiles an ONNX model for this machine and loads it.

    model           path of the file, its bytes, or an onnx.ModelProto (bytes: no external data)
    dims            sizes of symbolic dims: {"batch": 1}
    bind            inputs that become constants: {"sr": 16000}; a number, a list, an array of the input's type, or a text as of --bind
    inputs          how inputs lie in memory: {"image": "u8,nhwc,mean=127.5,scale=0.0078125"}, as --input of `nncc compile`
    output_layouts  {"mask": "nhwc"}, as --output-layout of `nncc compile`
    shapes          shapes of inputs, as they lie in memory: {"image": (1, 3, 640, 640)}; they give symbolic dims their sizes
    begin, end      names of tensors that the model begins and ends with instead of its own inputs and outputs
    rename          other names for inputs and outputs: {"input.1": "image"}; all other arguments take the old ones
    cpu             "native", or a name of the list in `nncc compile --help`
    threads         how many run a large kernel, this one included: 1 to 64; the bits of the results do not depend on it
    tuning          path of a file that `nncc tune` wrote for this CPU
    optimize        "speed", or "size": little code
    arena_slack     by how much the arena may grow for faster code: bytes, "256kB", "10%"
    floats          "f32", or "f16": how floats between inputs and outputs, and weights, lie in memory; "f16-arithmetic": on CPUs that
                    compute with f16, products are added up in it, too
    error           CompileError: what is wrong with the model or an option; ValueError: a wrong number of threads, a wrong `optimize`
    """
    _model.check_threads(threads)
    recipe = _recipe(model, dims, bind, inputs, output_layouts, shapes, begin, end, rename)
    with tempfile.TemporaryDirectory(prefix="nncc-") as folder:
        # It runs here, whatever target has the CPU.
        _compile_to(Path(folder), recipe, name=None, target=f"{platform.machine()}-linux-gnu", cpu=cpu, shared=True, debug_info=False, extern_weights=False,
                    choices=Choices(tuning, optimize, arena_slack, floats))
        # What is loaded stays there when its file is gone.
        library, = Path(folder).glob("lib*.so")
        return _model.load(library, threads=threads, _recipe=recipe)


def save(recipe: Recipe, folder: Union[str, "os.PathLike[str]"], *, name: Optional[str], target: Optional[str], cpu: Optional[str],
         shared: bool, debug_info: bool, extern_weights: bool, choices: Choices) -> Path:
    """See Model.save. Returns the path of the library."""
    output = Path(folder)
    before = _manifests(output)
    _compile_to(output, recipe, name=name, target=target, cpu=cpu, shared=shared, debug_info=debug_info, extern_weights=extern_weights,
                choices=choices)
    # Without `name` the compiler makes one of the file's: it is that of the manifest that is new.
    manifest, = _manifests(output) - before
    return output / json.loads(manifest.path.read_text())["library"]["file"]


class _Manifest(NamedTuple):
    path: Path
    inode: int
    time_ns: int


def _manifests(folder: Path) -> set[_Manifest]:
    found = ((path, path.stat()) for path in folder.glob("*.json"))
    return {_Manifest(path, stat.st_ino, stat.st_mtime_ns) for path, stat in found}


def inspect(model: OnnxModel, *, dims: Optional[Mapping[str, int]] = None, bind: Optional[Mapping[str, Any]] = None,
            inputs: Optional[Texts] = None, output_layouts: Optional[Texts] = None, shapes: Optional[Shapes] = None,
            begin: Names = None, end: Names = None, target: Optional[str] = None,
            cpu: Optional[str] = None) -> dict[str, Any]:
    """What a model needs, without generating code: the document of `nncc inspect --json`.

    returns  "inputs" and "outputs" (name, type, shape: numbers and names of dims), "opsets", "ops", "to_bind" (the dims and inputs that
             `compile` wants to know), and "plan" where nothing is left to bind: kernels, arena_bytes, weights_bytes, ...
    error    CompileError: what is wrong with the model or an option
    """
    recipe = _recipe(model, dims, bind, inputs, output_layouts, shapes, begin, end)
    with tempfile.TemporaryDirectory(prefix="nncc-") as scratch:
        return _document("inspect", recipe, Path(scratch), {"target": target, "cpu": cpu})


def _document(verb: str, recipe: Recipe, folder: Path, options: Mapping[str, Optional[str]]) -> dict[str, Any]:
    """What a command of the program says as JSON.

    folder   for its files
    options  those that are None are left out
    error    CompileError
    """
    command = [str(_install.prefix() / "bin" / "nncc"), verb, str(_model_file(recipe.model, folder)), "--json"]
    command += [f"--dim={key}={size}" for key, size in recipe.dims.items()]
    command += [f"--bind={_bound(key, value, folder, index)}" for index, (key, value) in enumerate(recipe.bind.items())]
    command += [f"--input={key}={text}" for key, text in recipe.inputs.items()]
    command += [f"--output-layout={key}={text}" for key, text in recipe.output_layouts.items()]
    command += [f"--shape={_shape(key, shape)}" for key, shape in recipe.shapes.items()]
    command += [f"--begin={name}" for name in recipe.begin] + [f"--end={name}" for name in recipe.end]
    command += [f"--{key}={text}" for key, text in options.items() if text]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        raise CompileError([("note" if ": note: " in f": {line}" else "error", line) for line in done.stderr.splitlines()])
    return json.loads(done.stdout)


def _set_file(data: Any, path: Path) -> str:
    """A data set in words of --data and --reference: the path that it is, or a file that is written with its arrays."""
    if isinstance(data, (str, os.PathLike)):
        return os.fspath(data)
    if isinstance(data, Mapping):
        np.savez(path.with_suffix(".npz"), **data)
        return str(path.with_suffix(".npz"))
    np.save(path.with_suffix(".npy"), np.asarray(data))
    return str(path.with_suffix(".npy"))


def validate(model: OnnxModel, data: Any, *, reference: Any = None, samples: Optional[int] = None,
             dims: Optional[Mapping[str, int]] = None, bind: Optional[Mapping[str, Any]] = None, inputs: Optional[Texts] = None,
             output_layouts: Optional[Texts] = None, shapes: Optional[Shapes] = None, begin: Names = None,
             end: Names = None, target: Optional[str] = None, cpu: Optional[str] = None) -> dict[str, Any]:
    """Runs a model on a data set and compares its outputs with a reference: the document of `nncc validate --json`.

    data       path of a .npz or .npy file or of a folder of them; or a dict of arrays by input, or the array of the only input,
               each with the samples in its first dim
    reference  None or "onnxruntime" (of this interpreter): what it computes; path of an ONNX file, its bytes or an onnx.ModelProto:
               a model to compare with, the one in floats behind a quantized one; integers [samples]: the right classes; a dict of
               arrays by output, or a path of such files
    samples    how many of them, the first ones; None: all
    target     another one than this machine's runs under qemu
    returns    "samples", "reference", "seconds", and "outputs", for each of them name, type, shape, "max_error", "mean_error",
               "max_value", "cosine", "least_cosine", "sqnr_db" (None: no difference at all where "max_error" is 0,
               else an error without bound, or a reference that is zero), "worst_sample", "invalid", and "top1" and "top5" (None: it decides
               nothing)
    error      CompileError: what is wrong with the model, the data or an option
    """
    recipe = _recipe(model, dims, bind, inputs, output_layouts, shapes, begin, end)
    with tempfile.TemporaryDirectory(prefix="nncc-") as scratch:
        folder = Path(scratch)
        if hasattr(reference, "SerializeToString"):
            reference = reference.SerializeToString()
        if isinstance(reference, bytes):
            (folder / "reference.onnx").write_bytes(reference)
            reference = folder / "reference.onnx"
        return _document("validate", recipe, folder, {
            "data": _set_file(data, folder / "data"),
            "reference": None if reference is None else _set_file(reference, folder / "reference"),
            "samples": None if samples is None else str(samples), "python": sys.executable, "target": target, "cpu": cpu})
