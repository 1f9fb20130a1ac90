"""Loads a generated library into this process and calls it through its uniform table `M_model`, with guards around all memory.

For what `nncc run` cannot do: stepping kernel by kernel, spoiling dead memory in between, looking at what a bad call answers.
"""
import ctypes
import subprocess
from pathlib import Path

import numpy as np

GUARD = 256  # bytes before and after every buffer that a library is given
PATTERN = 0xA5
# By nncc_type of include/nncc/abi.h, and by the names of types in a manifest; bf16 as its bits.
DTYPES = {1: np.float32, 2: np.float16, 3: np.uint16, 4: np.float64, 5: np.bool_, 6: np.int8, 7: np.int16, 8: np.int32, 9: np.int64,
          10: np.uint8, 11: np.uint16, 12: np.uint32, 13: np.uint64}
DTYPE_NAMES = {"f32": np.float32, "f16": np.float16, "bf16": np.uint16, "f64": np.float64, "bool": np.bool_}
OK, MORE = 0, 1


def dtype_of(name: str) -> np.dtype:
    """The numpy type of a type name of a manifest."""
    return np.dtype(DTYPE_NAMES[name] if name in DTYPE_NAMES else {"i": "int", "u": "uint"}[name[0]] + name[1:])


class Tensor(ctypes.Structure):
    """nncc_tensor of include/nncc/abi.h."""
    _fields_ = [("name", ctypes.c_char_p), ("identifier", ctypes.c_char_p), ("dims", ctypes.POINTER(ctypes.c_int64)),
                ("rank", ctypes.c_uint32), ("type", ctypes.c_uint32), ("bytes", ctypes.c_uint64)]


class Kernel(ctypes.Structure):
    """nncc_kernel of include/nncc/abi.h."""
    _fields_ = [("name", ctypes.c_char_p), ("op", ctypes.c_char_p), ("macs", ctypes.c_uint64)]


PARALLEL_BODY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32)
PARALLEL_FOR = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, PARALLEL_BODY, ctypes.c_void_p)


class Options(ctypes.Structure):
    """nncc_options of include/nncc/abi.h."""
    _fields_ = [("size", ctypes.c_uint32), ("threads", ctypes.c_uint32), ("parallel_for", PARALLEL_FOR), ("on_kernel", ctypes.c_void_p),
                ("user", ctypes.c_void_p), ("cpu_features", ctypes.c_uint64)]


_POINTERS = ctypes.POINTER(ctypes.c_void_p)
_CALL = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, _POINTERS, _POINTERS)


class Model(ctypes.Structure):
    """nncc_model of include/nncc/abi.h."""
    _fields_ = [("abi_version", ctypes.c_uint32), ("size", ctypes.c_uint32), ("name", ctypes.c_char_p), ("target", ctypes.c_char_p),
                ("cpu", ctypes.c_char_p), ("arena_bytes", ctypes.c_uint64), ("arena_align", ctypes.c_uint64),
                ("context_bytes", ctypes.c_uint64), ("weights_bytes", ctypes.c_uint64), ("cpu_required", ctypes.c_uint64),
                ("num_inputs", ctypes.c_uint32), ("num_outputs", ctypes.c_uint32), ("num_kernels", ctypes.c_uint32),
                ("reserved", ctypes.c_uint32), ("inputs", ctypes.POINTER(Tensor)), ("outputs", ctypes.POINTER(Tensor)),
                ("kernels", ctypes.POINTER(Kernel)),
                ("init", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)),
                ("run", _CALL), ("start", _CALL), ("step", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32))]


class Buffer:
    """Memory of exactly `size` usable bytes at a given alignment, between guards that must keep their pattern."""

    def __init__(self, size: int, align: int = 64):
        self.size = size
        self._memory = np.full(size + 2 * GUARD + 2 * align, PATTERN, np.uint8)
        self._begin = GUARD + (-(self._memory.ctypes.data + GUARD)) % align
        self.address = self._memory.ctypes.data + self._begin

    def bytes(self) -> np.ndarray:
        """The usable bytes."""
        return self._memory[self._begin:self._begin + self.size]

    def is_intact(self) -> bool:
        """True while nobody wrote outside."""
        return bool((self._memory[:self._begin] == PATTERN).all() and (self._memory[self._begin + self.size:] == PATTERN).all())


def backwards(parts: int) -> Options:
    """Options that cut kernels into up to so many parts and run them one after the other, the last one first."""
    def run(_, count, body, argument):
        for part in reversed(range(count)):
            body(argument, part)
    return Options(ctypes.sizeof(Options), parts, PARALLEL_FOR(run), None, None, 0)


def load(folder: Path, name: str, options: Options | None = None) -> "Library":
    """Links libNAME.a of a folder into a shared library and loads it."""
    shared = folder / f"lib{name}.so"
    if not shared.exists():
        subprocess.run(["clang-22", "-shared", "-o", shared, "-Wl,--whole-archive", folder / f"lib{name}.a", "-Wl,--no-whole-archive"],
                       check=True)
    return Library(ctypes.CDLL(str(shared)), name, options)


class Library:
    """One model. Buffers are made anew for every start, so that a read of what an earlier run left is a wrong result."""

    def __init__(self, handle: ctypes.CDLL, name: str, options: Options | None = None):
        self._handle, self._options = handle, options  # keeps the library loaded, and its callback alive
        self.model = Model.in_dll(handle, f"{name}_model")
        self.arena = Buffer(self.model.arena_bytes, max(self.model.arena_align, 1))
        self.context = Buffer(self.model.context_bytes, 8)
        self.arena.bytes()[:] = 0xFF  # NaN in every float type
        status = self.model.init(self.context.address, self.arena.address or None, self.arena.size,
                                 ctypes.addressof(options) if options else None)
        if status != OK:
            raise RuntimeError(f"{name}_init returned {status}")

    def _ports(self, count: int, tensors) -> list[Tensor]:
        return [tensors[i] for i in range(count)]

    def start(self, inputs: dict[str, np.ndarray]):
        """M_start on copies of the inputs, each as weakly aligned as the ABI allows."""
        self._inputs = []
        for port in self._ports(self.model.num_inputs, self.model.inputs):
            value = np.ascontiguousarray(inputs[port.name.decode()])
            buffer = Buffer(value.nbytes, value.itemsize)
            buffer.bytes()[:] = value.reshape(-1).view(np.uint8)
            self._inputs.append(buffer)
        ports = self._ports(self.model.num_outputs, self.model.outputs)
        self._outputs = [Buffer(port.bytes, np.dtype(DTYPES[port.type]).itemsize) for port in ports]
        for buffer in self._outputs:
            buffer.bytes()[:] = 0xFF
        status = self.model.start(self.context.address, _pointers(self._inputs), _pointers(self._outputs))
        if status != OK:
            raise RuntimeError(f"start returned {status}")

    def step(self, kernels: int) -> bool:
        """M_step; returns whether kernels are left."""
        status = self.model.step(self.context.address, kernels)
        if status not in (OK, MORE):
            raise RuntimeError(f"step returned {status}")
        return status == MORE

    def outputs(self) -> dict[str, np.ndarray]:
        """What was computed; raises when anything was written outside a buffer."""
        for what, buffers in (("input", self._inputs), ("output", self._outputs), ("arena", [self.arena]), ("context", [self.context])):
            for index, buffer in enumerate(buffers):
                if not buffer.is_intact():
                    raise RuntimeError(f"memory around {what} {index} was written")
        ports = self._ports(self.model.num_outputs, self.model.outputs)
        return {port.name.decode(): buffer.bytes().view(DTYPES[port.type]).reshape([port.dims[i] for i in range(port.rank)])
                for port, buffer in zip(ports, self._outputs)}

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """All kernels at once."""
        self.start(inputs)
        self.step(2**32 - 1)
        return self.outputs()


def _pointers(buffers: list[Buffer]):
    return (ctypes.c_void_p * max(len(buffers), 1))(*(buffer.address for buffer in buffers))


def live_bytes(manifest: dict) -> list[np.ndarray]:
    """For every kernel, which bytes of the arena hold what it or a later kernel reads, before it runs.

    Told from the operands alone, not from the plan's own list of lifetimes: going backwards, a write ends the life of exactly the bytes
    of its elements (a result may lie in a larger tensor, with gaps), a read begins one.
    """
    live = np.zeros(manifest["arena"]["bytes"], bool)
    before = []
    for kernel in reversed(manifest["kernels"]):
        for result in kernel["results"]:
            if result["memory"] == "arena":
                live[element_bytes(result)] = False
        for operand in kernel["operands"]:
            if operand["memory"] == "arena" and not operand["output"]:
                live[operand["offset"]:operand["offset"] + operand["bytes"]] = True
        before.append(live.copy())
    return before[::-1]


def element_bytes(result: dict) -> np.ndarray:
    """The places in the arena of all bytes of a result."""
    item = {"bool": 1}.get(result["type"]) or int(result["type"].lstrip("buif")) // 8
    strides = result.get("strides")
    if strides is None:
        strides = [int(np.prod(result["shape"][dim + 1:])) for dim in range(len(result["shape"]))]
    places = np.array([result["offset"]])
    for extent, stride in zip(result["shape"], strides):
        places = (places[:, None] + np.arange(extent) * stride * item).reshape(-1)
    return (places[:, None] + np.arange(item)).reshape(-1)


def run_spoiling_dead_memory(library: Library, inputs: dict[str, np.ndarray], manifest: dict) -> dict[str, np.ndarray]:
    """Runs kernel by kernel, and fills with NaN before each all of the arena that nobody will read before writing it."""
    library.start(inputs)
    for live in live_bytes(manifest):
        library.arena.bytes()[~live] = 0xFF
        library.step(1)
    return library.outputs()
