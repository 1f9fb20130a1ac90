"""One node under test: its operands as inputs or constants, and how exact its results have to be."""
import copy

import ml_dtypes
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from random_ops import Graph, pick

BF16 = np.dtype(ml_dtypes.bfloat16)
HALVES = (np.dtype(np.float16), BF16)
FLOATS = tuple(np.dtype(t) for t in (np.float32, np.float32, np.float32, np.float16, np.float64)) + (BF16,)
INTS = tuple(np.dtype(t) for t in (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64))
BOOL = np.dtype(np.bool_)
ANY = (*FLOATS, *INTS, BOOL)

# How far a result may be from the right one, relative to itself: a few roundings of its type, more for functions by polynomials and
# for sums, whose terms are added in another order.
ROUNDING = {np.dtype(np.float64): 2e-15, np.dtype(np.float32): 5e-7, np.dtype(np.float16): 1.5e-3, BF16: 1.2e-2}
EXACT, ROUNDED, FUNCTION = 0.0, 1.0, 24.0


class Node(Graph):
    """A graph of one node (and what brings its operands).

    opset      of the model
    constants  the share of operands that are initializers; the others are inputs of the run
    special    whether floats may be NaN, infinite or denormal, and integers the extremes of their type
    slack      the roundings that floats may be off by, relative to each element
    scale      of the numbers that are added up: floats may be off by roundings of it, too
    halves     roundings to 16 bits on the way to a result: of steps whose results are tensors
    """

    def __init__(self, prefix: str, random, opset: int):
        super().__init__(prefix, opset)
        self.random = random
        self.constants = pick(random, [0, 0, 0, 0.4, 1])
        self.special = random.random() < 0.25
        self.slack, self.scale, self.halves = EXACT, 0.0, 1.0

    def operand(self, value) -> str:
        """An input of the run or a constant."""
        value = np.asarray(value)
        return self.constant(value) if self.random.random() < self.constants else self.input(value)

    def result(self, op: str, operands: list[str], dtype, slack: float = EXACT, scale: float = 0.0, /, **attributes):
        """Adds the node under test with one result, and makes that an output."""
        self.results(op, operands, [dtype], slack, scale, **attributes)

    def results(self, op: str, operands: list[str], dtypes, slack: float = EXACT, scale: float = 0.0, /, **attributes):
        """Adds the node under test with several results, all of them outputs; None is a result that is left out."""
        names = [self.name("t") if dtype is not None else "" for dtype in dtypes]
        self.add(op, operands, names, **attributes)
        for name, dtype in zip(names, dtypes):
            if name:
                self.output(name, dtype)
        self.slack, self.scale = slack, scale

    def values(self) -> dict[str, np.ndarray]:
        """All operands that are known, inputs and constants."""
        return self.inputs | {weight.name: numpy_helper.to_array(weight) for weight in self.weights}

    def in_f32(self) -> "Node":
        """The same node on f32 where it has floats of 16 bits; itself where types are written in attributes."""
        if any(attribute.name in ("to", "dtype", "output_dtype", "value") for node in self.nodes for attribute in node.attribute):
            return self
        other = copy.copy(self)
        other.inputs = {name: widened(value) for name, value in self.inputs.items()}
        other.weights = [numpy_helper.from_array(widened(numpy_helper.to_array(weight)), weight.name) for weight in self.weights]
        other.outputs = [(name, np.float32 if np.dtype(dtype) in HALVES else dtype) for name, dtype in self.outputs]
        other.nodes = copy.deepcopy(self.nodes)
        for node in other.nodes:
            for attribute in node.attribute:
                for port in (*attribute.g.input, *attribute.g.output) if attribute.HasField("g") else ():
                    if port.type.tensor_type.elem_type in (TensorProto.FLOAT16, TensorProto.BFLOAT16):
                        port.type.tensor_type.elem_type = TensorProto.FLOAT
        return other

    def narrowed(self, results: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Results of `in_f32` in the types of this node."""
        with np.errstate(all="ignore"):
            return {name: results[name].astype(dtype) for name, dtype in self.outputs}

    def limits(self, reference: np.ndarray) -> np.ndarray:
        """By how much each element of a float result may be off."""
        values, kind = np.abs(reference.astype(np.float64)), reference.dtype
        finite = np.where(np.isfinite(values), values, 0)
        tiny = 6e-8 if kind == np.float16 else 2e-38  # what may be flushed to zero, or rounded to a denormal
        # 16 bits are only stored: the computation is in f32.
        slack = min(self.slack, self.halves) if kind in HALVES else self.slack
        computed = ROUNDING[np.dtype(np.float32) if kind in HALVES else kind]
        stored = (self.halves - 1) * ROUNDING[kind] / 3 * self.scale if kind in HALVES else 0.0
        return slack * ROUNDING[kind] * finite + (tiny if slack else 0.0) + self.slack * computed * self.scale + stored

    def difference(self, got: np.ndarray, references) -> str | None:
        """What is wrong with a result, in one line, or None where it is one of those that are right."""
        wrong = [self.difference_from(got, reference) for reference in references]
        return None if None in wrong else wrong[0]

    def difference_from(self, got: np.ndarray, reference: np.ndarray) -> str | None:
        """What is wrong with a result, compared with one reference."""
        if reference.dtype == BF16 and got.dtype == np.uint16:
            got = got.view(BF16)
        if got.dtype != reference.dtype or got.shape != reference.shape:
            return f"{got.dtype}{list(got.shape)}, expected {reference.dtype}{list(reference.shape)}"
        if reference.dtype not in ROUNDING:
            wrong = got != reference
        else:
            a, b, limits = got.astype(np.float64), reference.astype(np.float64), self.limits(reference)
            largest = float(ml_dtypes.finfo(reference.dtype).max)
            with np.errstate(all="ignore"):
                close = np.abs(a - b) <= limits
                # Beyond the largest number a rounding decides whether it is infinite.
                over = np.isinf(b) & (np.abs(a) >= largest * (1 - self.slack * ROUNDING[reference.dtype])) & (np.sign(a) == np.sign(b))
                over |= np.isinf(a) & (np.abs(b) >= largest * (1 - self.slack * ROUNDING[reference.dtype])) & (np.sign(a) == np.sign(b))
            wrong = ~(close | (a == b) | (np.isnan(a) & np.isnan(b)) | (over if self.slack else False))
        if not wrong.any():
            return None
        at = tuple(int(i) for i in np.argwhere(wrong)[0]) if reference.ndim else ()
        return f"{int(wrong.sum())} of {reference.size} elements differ, first at {list(at)}: {got[at]!r}, expected {reference[at]!r}"


def widened(value: np.ndarray) -> np.ndarray:
    """A float of 16 bits as f32, anything else as it is."""
    return value.astype(np.float32) if value.dtype in HALVES else value


def extents(random, low: int = 0, high: int = 6, empty: float = 0.04) -> list[int]:
    """A shape of any rank, mostly of distinct dims, sometimes with a dim of 1 or 0."""
    rank = int(random.integers(low, high + 1))
    longest = {0: 1, 1: 40, 2: 13, 3: 9, 4: 8}.get(rank, 8)
    dims = [int(d) for d in random.choice(np.arange(2, max(longest, rank + 2) + 1), rank, replace=False)]
    if rank > 4:
        dims = [min(d, 4) for d in dims]
    for at in range(rank):
        if random.random() < 0.1:
            dims[at] = 1
        elif random.random() < empty / max(rank, 1):
            dims[at] = 0
    return dims


def broadcast(random, count: int = 2, one_way: bool = False, empty: float = 0.04) -> list[list[int]]:
    """Shapes that broadcast with each other; with `one_way`, the others to the first."""
    shape = extents(random, empty=empty)
    shapes = []
    for index in range(count):
        own = list(shape) if (one_way and index == 0) else [1 if random.random() < 0.25 else extent for extent in shape]
        while own and not (one_way and index == 0) and random.random() < 0.2:
            own.pop(0)
        shapes.append(own)
    return shapes


def values(random, dtype, shape, special: bool = False, low: float = -4, high: float = 4) -> np.ndarray:
    """Values of a type: floats in a range, integers in it or of all bits; with `special` the ones that are hard."""
    dtype = np.dtype(dtype)
    if dtype == BOOL:
        return random.random(shape) < 0.5
    if dtype in ROUNDING:
        made = random.uniform(low, high, shape)
        if random.random() < 0.3:
            made = np.round(made * 2) / 2  # ties
        made = np.asarray(made).astype(dtype)
        if special and made.size:
            info = ml_dtypes.finfo(dtype)
            hard = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, float(info.max), -float(info.max), float(info.tiny), 1.0, -1.0], np.float64)
            chosen = random.random(shape) < 0.3
            made = np.where(chosen, random.choice(hard, shape).astype(dtype), made).astype(dtype)
        return made
    info = np.iinfo(dtype)
    least, most = max(int(low) if low != -4 else -9, info.min), min(int(high) if high != 4 else 9, info.max)
    made = np.asarray(random.integers(least, most + 1, shape)).astype(dtype)
    if special and made.size:
        hard = np.array([info.min, info.max, 0, 1, info.max - 1, info.min + 1, info.max // 2 + 1], dtype)
        made = np.where(random.random(shape) < 0.4, random.choice(hard, shape), made).astype(dtype)
    return made


def maybe(random, share: float = 0.5) -> bool:
    """True with a probability."""
    return bool(random.random() < share)


def tensor_type(dtype) -> int:
    """The number of ONNX for a type."""
    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
