"""A compiled model on numpy arrays: loads its library, and calls it through the table M_model of include/nncc/abi.h."""
from __future__ import annotations

import ctypes
import errno
import functools
import os
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple, Optional, Sequence, Union

import _ctypes
import numpy as np

from nncc import _abi, _install

if TYPE_CHECKING:
    from nncc._compiler import Recipe


class Tensor(NamedTuple):
    """An input or output as it lies in memory: row-major, no gaps."""
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    type: str  # of the elements: "f32"; "bf16" lies in arrays of uint16


class KernelTime(NamedTuple):
    """What one kernel of `Model.profile` took."""
    name: str
    op: str
    macs: int  # multiply-accumulates
    time_us: float


class Profile(list[KernelTime]):
    """The times of all kernels, in the order in which they run; printed as a table, the longest first."""

    @property
    def total_us(self) -> float:
        return sum(kernel.time_us for kernel in self)

    def __str__(self) -> str:
        total = self.total_us
        lines = [f"{total:10.1f} us  100.0 %  all {len(self)} kernels"]
        for kernel in sorted(self, key=lambda kernel: -kernel.time_us):
            share = 100 * kernel.time_us / total if total else 0.0
            rate = f"{2e-3 * kernel.macs / kernel.time_us:8.1f} GFLOP/s" if kernel.macs and kernel.time_us else ""
            lines.append(f"{kernel.time_us:10.1f} us  {share:5.1f} %  {kernel.name:32} {kernel.op:14} {rate}".rstrip())
        return "\n".join(lines)


@functools.lru_cache(maxsize=None)
def _runtime() -> ctypes.CDLL:
    """lib/nncc/libnncc-runtime.so: nncc/runtime.h and nncc/pool.h for this machine."""
    library = ctypes.CDLL(str(_install.prefix() / "lib" / "nncc" / "libnncc-runtime.so"))
    library.nncc_cpu_features.argtypes, library.nncc_cpu_features.restype = [], ctypes.c_uint64
    library.nncc_status_string.argtypes, library.nncc_status_string.restype = [ctypes.c_int], ctypes.c_char_p
    library.nncc_pool_create.argtypes = [ctypes.POINTER(_abi.Pool), ctypes.c_uint32]
    library.nncc_pool_destroy.argtypes, library.nncc_pool_destroy.restype = [ctypes.POINTER(_abi.Pool)], None
    return library


class _Library:
    """A loaded libM.so, closed when nobody uses it any more."""

    def __init__(self, path: str, name: Optional[str]):
        handle = ctypes.CDLL(path)
        self.close = weakref.finalize(self, _ctypes.dlclose, handle._handle)
        self.close.atexit = False
        symbol = (name or os.path.basename(path).split(".so")[0].removeprefix("lib")) + "_model"
        try:
            self.model = _abi.Model.in_dll(handle, symbol)
        except ValueError:
            raise ValueError(f"'{path}' has no symbol '{symbol}': it was not made by `nncc compile --emit=shared`, or it was renamed and "
                             "`name` has to say how its symbols begin") from None
        if self.model.abi_version != _abi.ABI_VERSION:
            raise ValueError(f"'{path}' is of ABI version {self.model.abi_version}, this package of version {_abi.ABI_VERSION}: compile the "
                             "model again")
        missing = self.model.cpu_required & ~_runtime().nncc_cpu_features()
        if missing:
            names = [text for bit, text in _abi.CPU_FEATURES.items() if missing >> bit & 1]
            raise ValueError(f"'{path}' was compiled for {self.model.cpu.decode()}: this CPU lacks {', '.join(names)}")


def check_threads(threads: int) -> None:
    """error  ValueError: a number that a pool cannot have"""
    if not 1 <= threads <= 64:
        raise ValueError(f"threads is {threads}; from 1 to 64 can run a model")


class _Pool:
    """A running nncc_pool, whose threads end with this object. error: OSError"""

    def __init__(self, threads: int):
        self.memory = _abi.Pool()
        status = _runtime().nncc_pool_create(self.memory, threads)
        if status:
            raise OSError(status, f"cannot start {threads} threads: {os.strerror(status)}")
        weakref.finalize(self, _runtime().nncc_pool_destroy, self.memory)


def _tensors(table: Any, count: int) -> tuple[Tensor, ...]:
    def tensor(entry: _abi.Tensor) -> Tensor:
        type_name, dtype = _abi.TYPES[entry.type]
        return Tensor(entry.name.decode(errors="replace"), tuple(entry.dims[:entry.rank]) if entry.rank else (), np.dtype(dtype), type_name)
    return tuple(tensor(table[index]) for index in range(count))


def _aligned(count: int, align: int) -> tuple[np.ndarray, int]:
    """Memory and the first address in it that is a multiple of `align`, with `count` bytes behind."""
    memory = np.empty(count + align, np.uint8)
    address = memory.ctypes.data
    return memory, address + -address % align


def _described(tensor: Tensor) -> str:
    return f"{tensor.type}{list(tensor.shape)}"


class Model:
    """A model in machine code, with its own working memory.

    One run at a time: calls from several threads wait for each other. `clone` makes another one for another thread.
    Made by `nncc.compile` and `nncc.load`.
    """

    def __init__(self, library: _Library, threads: int, weights: Optional[np.ndarray], recipe: "Optional[Recipe]"):
        table = library.model
        self._library, self._threads, self._weights, self._recipe = library, threads, weights, recipe
        self._lock = threading.Lock()
        self._inputs = _tensors(table.inputs, table.num_inputs)
        self._outputs = _tensors(table.outputs, table.num_outputs)
        # By the names of the ONNX file; as words of Python, which these need not be, by their C identifiers.
        self._input_index = self._indices(table.inputs, self._inputs)
        self._output_index = self._indices(table.outputs, self._outputs)
        # What a run needs, ready to be passed on.
        self._arena, arena = _aligned(table.arena_bytes, table.arena_align)
        self._context = (ctypes.c_uint64 * (table.context_bytes // 8 + 1))()
        self._context_address = ctypes.addressof(self._context)
        self._input_pointers = (ctypes.c_void_p * max(1, len(self._inputs)))()
        self._output_pointers = (ctypes.c_void_p * max(1, len(self._outputs)))()
        self._run_arguments = (self._context_address, ctypes.addressof(self._input_pointers), ctypes.addressof(self._output_pointers))
        self._run = table.run
        options = _abi.Options(size=ctypes.sizeof(_abi.Options))
        if threads > 1:
            self._pool = _Pool(threads)
            options.threads, options.user = threads, ctypes.addressof(self._pool.memory)
            options.parallel_for = ctypes.cast(_runtime().nncc_pool_parallel_for, ctypes.c_void_p)
        if weights is not None:
            options.weights, options.weights_bytes = weights.ctypes.data, weights.nbytes
        self._check(table.init(self._context_address, arena, table.arena_bytes, options))
        self._variant = table.variants[table.variant(self._context_address)] if table.num_variants else None

    @staticmethod
    def _indices(table: Any, tensors: Sequence[Tensor]) -> dict[str, int]:
        indices = {table[index].identifier.decode(): index for index in range(len(tensors))}
        indices.update((tensor.name, index) for index, tensor in enumerate(tensors))
        return indices

    @property
    def name(self) -> str:
        """What its symbols begin with."""
        return self._library.model.name.decode()

    @property
    def target(self) -> str:
        """ "x86_64-linux-gnu" """
        return self._library.model.target.decode()

    @property
    def cpu(self) -> str:
        """The CPU that it was compiled for: "x86-64-v4"; of several, the one whose code runs here."""
        return (self._variant or self._library.model).cpu.decode()

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Name, shape and type of every input, in the order of the ONNX file."""
        return self._inputs

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """Name, shape and type of every output, in the order of the ONNX file."""
        return self._outputs

    @property
    def arena_bytes(self) -> int:
        """Working memory: all that a run needs beside inputs, outputs and weights."""
        return self._library.model.arena_bytes

    @property
    def weights_bytes(self) -> int:
        """Bytes of the weights, as they are packed."""
        return self._library.model.weights_bytes

    def __repr__(self) -> str:
        def ports(tensors: Sequence[Tensor]) -> str:
            return ", ".join(f"{tensor.name}: {_described(tensor)}" for tensor in tensors)
        return f"<nncc.Model {self.name} ({ports(self._inputs)}) -> ({ports(self._outputs)}), {self.cpu}, arena {self.arena_bytes} bytes>"

    def __call__(self, *arrays: Any, **named: Any) -> Union[np.ndarray, dict[str, np.ndarray]]:
        """Runs the model: m(x), m(x, y), m(image=x), or m({"input.1": x}) for names that are no words of Python.

        Arrays have the shape and type of `inputs`. Where they are contiguous the model works on their memory; others are copied.
        The interpreter's lock is free while the model runs.

        returns  a new array, or for several outputs a dict of name to array, in order
        error    ValueError: too many or few inputs, an unknown name, a wrong shape or type
        """
        results = [np.empty(tensor.shape, tensor.dtype) for tensor in self._outputs]
        self._run_on(self._ordered_inputs(arrays, named), results)
        return results[0] if len(results) == 1 else {tensor.name: result for tensor, result in zip(self._outputs, results)}

    def run_into(self, outputs: Union[np.ndarray, Sequence[np.ndarray], Mapping[str, np.ndarray]], *arrays: Any, **named: Any) -> None:
        """Runs the model and writes its outputs into arrays that are there: m.run_into(y, x).

        outputs  one array, or for several outputs a sequence in order or a mapping by name; contiguous, writeable, of the shape and
                 type of `outputs`, no memory in common with each other or the inputs
        error    ValueError, as of a call, also for outputs that are not so
        """
        inputs = self._ordered_inputs(arrays, named)
        if isinstance(outputs, Mapping):
            results = self._by_name("output", outputs, self._outputs, self._output_index)
        else:
            results = [outputs] if isinstance(outputs, np.ndarray) else list(outputs)
            if len(results) != len(self._outputs):
                raise ValueError(self._wrong_count("output", len(results), self._outputs))
        for tensor, result in zip(self._outputs, results):
            if not isinstance(result, np.ndarray):
                raise ValueError(f"output '{tensor.name}' is written into a numpy array of {_described(tensor)}, not into "
                                 f"{type(result).__name__}")
            self._check_array("output", tensor, result)
            if not result.flags.carray:
                raise ValueError(f"the array for output '{tensor.name}' is not contiguous, aligned and writeable")
        self._run_on(inputs, results)

    def profile(self, *arrays: Any, runs: int = 20, **named: Any) -> Profile:
        """Times every kernel, as the median of some runs: print(m.profile()).

        Without inputs: random floats in [0, 1), zeros for all other types.
        """
        if arrays or named:
            inputs = self._ordered_inputs(arrays, named)
        else:
            random = np.random.default_rng(0)
            inputs = [random.random(tensor.shape, np.float32).astype(tensor.dtype) if tensor.dtype.kind == "f" else
                      np.zeros(tensor.shape, tensor.dtype) for tensor in self._inputs]
        results = [np.empty(tensor.shape, tensor.dtype) for tensor in self._outputs]
        table, now, context = self._library.model, time.perf_counter_ns, self._context_address
        code = self._variant or table
        times = np.empty((max(1, runs), code.num_kernels))
        with self._lock:
            self._point_at(inputs, results)
            step = table.step
            for row in times:
                self._check(table.start(*self._run_arguments))
                begin = now()
                step(context, 0)  # no kernel: what a call takes
                call_ns = now() - begin
                for kernel in range(code.num_kernels):
                    begin = now()
                    status = step(context, 1)
                    row[kernel] = max(0, now() - begin - call_ns)
                    if status != _abi.MORE:
                        self._check(status)
        medians = np.median(times, axis=0) / 1000
        kernels = (code.kernels[index] for index in range(code.num_kernels))
        return Profile(KernelTime(kernel.name.decode(errors="replace"), kernel.op.decode(), kernel.macs, float(median))
                       for kernel, median in zip(kernels, medians))

    def clone(self) -> "Model":
        """The same code with a working memory of its own, to be run at the same time."""
        return Model(self._library, self._threads, self._weights, self._recipe)

    def save(self, folder: "Union[str, os.PathLike[str]]", *, name: Optional[str] = None, target: Optional[str] = None,
             cpu: Optional[str] = None, shared: bool = False, debug_info: bool = False, extern_weights: bool = False,
             tuning: "Union[str, os.PathLike[str], None]" = None, optimize: str = "speed",
             arena_slack: Union[str, int, None] = None, floats: str = "f32") -> Path:
        """Compiles the same model, with the same dims, bindings and formats, to files for a C program, as `nncc compile` does.

        folder  gets libNAME.a (with `shared` libNAME.so), NAME.h, NAME.json and, with `extern_weights`, NAME.weights: all or none
        name    what symbols and files begin with; default: the name of the file
        target  "aarch64-linux-gnu", ...; default: this machine's, or Linux on one that has `cpu`
        cpu     "cortex-a53", or "native"; default: the baseline of the target
        tuning, optimize, arena_slack, floats  as of nncc.compile(), of which nothing is taken over
        returns the path of the library
        error   CompileError; ValueError: the model was loaded from a library
        """
        from nncc import _compiler
        if self._recipe is None:
            raise ValueError("this model was loaded from a library, not compiled: save what nncc.compile() gives")
        return _compiler.save(self._recipe, folder, name=name, target=target, cpu=cpu, shared=shared, debug_info=debug_info,
                              extern_weights=extern_weights, choices=_compiler.Choices(tuning, optimize, arena_slack, floats))

    @staticmethod
    def _wrong_count(kind: str, count: int, tensors: Sequence[Tensor]) -> str:
        expected = ", ".join(f"'{tensor.name}' {_described(tensor)}" for tensor in tensors)
        return f"{count} {kind}{'s' if count != 1 else ''} given; the model has {len(tensors)}: {expected or 'none'}"

    def _by_name(self, kind: str, given: Mapping[str, Any], tensors: Sequence[Tensor], indices: Mapping[str, int]) -> list[Any]:
        found: dict[int, Any] = {}
        for name, value in given.items():
            index = indices.get(name)
            if index is None:
                raise ValueError(f"no {kind} is called '{name}'; the model has " + ", ".join(f"'{tensor.name}'" for tensor in tensors))
            if index in found:
                raise ValueError(f"{kind} '{tensors[index].name}' is given twice")
            found[index] = value
        if len(found) != len(tensors):
            missing = ", ".join(f"'{tensor.name}' {_described(tensor)}" for index, tensor in enumerate(tensors) if index not in found)
            raise ValueError(f"{kind} {missing} is missing")
        return [found[index] for index in range(len(tensors))]

    @staticmethod
    def _check_array(kind: str, tensor: Tensor, array: np.ndarray) -> None:
        if array.dtype != tensor.dtype:
            raise ValueError(f"{kind} '{tensor.name}' is {_described(tensor)}: an array of {tensor.dtype} is expected, not of {array.dtype}")
        if array.shape != tensor.shape:
            raise ValueError(f"{kind} '{tensor.name}' has the shape {list(tensor.shape)}, not {list(array.shape)}")

    def _ordered_inputs(self, arrays: Sequence[Any], named: Mapping[str, Any]) -> list[np.ndarray]:
        """Inputs in order, checked, contiguous."""
        if named or (len(arrays) == 1 and isinstance(arrays[0], dict)):
            if named and arrays:
                raise ValueError("inputs are given by place or by name, not both")
            arrays = self._by_name("input", named or arrays[0], self._inputs, self._input_index)
        elif len(arrays) != len(self._inputs):
            raise ValueError(self._wrong_count("input", len(arrays), self._inputs))
        checked = []
        for tensor, array in zip(self._inputs, arrays):
            if type(array) is not np.ndarray:
                array = np.asarray(array)
            if array.dtype != tensor.dtype or array.shape != tensor.shape:
                self._check_array("input", tensor, array)
            flags = array.flags
            if not (flags.c_contiguous and flags.aligned):
                array = array.copy()
            checked.append(array)
        return checked

    def _point_at(self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> None:
        for index, array in enumerate(inputs):
            self._input_pointers[index] = array.__array_interface__["data"][0]
        for index, array in enumerate(outputs):
            self._output_pointers[index] = array.__array_interface__["data"][0]

    def _run_on(self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> None:
        with self._lock:
            self._point_at(inputs, outputs)
            status = self._run(*self._run_arguments)
        if status:
            self._check(status)

    @staticmethod
    def _check(status: int) -> None:
        """error  ValueError: a status of M_init, M_run or M_step that is no success"""
        if status != _abi.OK:
            raise ValueError(_runtime().nncc_status_string(status).decode())


def load(path: "Union[str, os.PathLike[str]]", *, name: Optional[str] = None, weights: "Union[str, os.PathLike[str], None]" = None,
         threads: int = 1, _recipe: "Optional[Recipe]" = None) -> Model:
    """Loads a library that `nncc compile --emit=shared` or `Model.save(shared=True)` wrote.

    path     libNAME.so
    name     what its symbols begin with, where the file was renamed
    weights  NAME.weights, of a library that was compiled with --weights=extern
    threads  how many run a large kernel, this one included: 1 to 64
    error    OSError: no such file, or one of another machine; ValueError: no library of nncc, a CPU that cannot run it, other weights
    """
    check_threads(threads)
    path = os.path.abspath(os.fspath(path))
    if not os.path.exists(path):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    # Mapped pages are more than aligned enough.
    contents = None if weights is None else np.memmap(weights, np.uint8, "r")
    return Model(_Library(path, name), threads, contents, _recipe)
