"""Normalizations."""
import numpy as np

from families.node import FLOATS, FUNCTION, ROUNDED, extents, maybe, values
from random_ops import pick

OPS = ("BatchNormalization", "InstanceNormalization", "GroupNormalization", "LayerNormalization", "RMSNormalization",
       "MeanVarianceNormalization", "LRN", "LpNormalization")


def norm(random, node):
    """All of them, with defaults left out, on any rank, with rows of zeros."""
    op = pick(random, OPS)
    dtype = pick(random, FLOATS)
    shape = extents(random, 3 if op in ("InstanceNormalization", "GroupNormalization") else 2, 5, empty=0.0)
    special, node.special = node.special, False
    value = values(random, dtype, shape)
    if special:
        value = (value * (random.random([*shape[:-1], 1]) < 0.6)).astype(dtype)
    channels = [shape[1]]
    attributes = {"epsilon": float(np.float32(pick(random, [1e-5, 1e-3, 0.1])))} if maybe(random) else {}
    slack, scale = 8 * FUNCTION, 4.0

    def vector(extents_, low=-1.0, high=1.0):
        return node.operand(values(random, dtype, extents_, False, low, high))

    if op == "BatchNormalization":
        operands = [node.operand(value), vector(channels, 0.5, 1.5), vector(channels), vector(channels), vector(channels, 0.5, 2)]
        if node.opset >= 14 and maybe(random, 0.2):
            attributes |= {"training_mode": 1} | ({"momentum": 0.75} if maybe(random) else {})
            node.results(op, operands, [dtype] * 3, slack, scale, **attributes)
        else:
            node.result(op, operands, dtype, 16 * ROUNDED, scale, **attributes)
    elif op == "InstanceNormalization":
        node.result(op, [node.operand(value), vector(channels), vector(channels)], dtype, slack, scale, **attributes)
    elif op == "GroupNormalization":
        groups = pick(random, [d for d in range(1, shape[1] + 1) if shape[1] % d == 0])
        own = channels if node.opset >= 21 else [groups]
        node.result(op, [node.operand(value), vector(own), vector(own)], dtype, slack, scale, num_groups=groups, **attributes)
    elif op in ("LayerNormalization", "RMSNormalization"):
        axis = int(random.integers(-len(shape), len(shape)))
        own = shape[axis:]
        if maybe(random, 0.2):
            own = [1 if maybe(random, 0.5) else d for d in own]
        operands = [node.operand(value), vector(own, 0.5, 1.5)]
        dtypes = [dtype]
        if op == "LayerNormalization":
            operands += [vector(own)] if maybe(random) else []
            dtypes = [dtype] + pick(random, [[], [], [np.float32], [np.float32] * 2, [None, np.float32]])
        attributes |= {"axis": axis} if axis != -1 or maybe(random) else {}
        node.results(op, operands, dtypes, slack, scale, **attributes)
    elif op == "MeanVarianceNormalization":
        axes = [int(a) for a in random.choice(len(shape), int(random.integers(1, len(shape) + 1)), replace=False)]
        default = len(shape) == 4 and maybe(random, 0.3)
        value = np.round(values(random, dtype, shape))  # the function's body subtracts means of squares: no variance of tiny differences
        node.result(op, [node.operand(value)], dtype, slack, scale, **({} if default else {"axes": axes}))
    elif op == "LRN":
        attributes = {"alpha": 0.25, "beta": 0.5, "bias": 1.25} if maybe(random) else {}
        node.result(op, [node.operand(value)], dtype, slack, 0.0, size=pick(random, [1, 2, 3, 4, 5]), **attributes)
    else:
        axis = int(random.integers(-len(shape), len(shape)))
        attributes = ({"axis": axis} if axis != -1 or maybe(random) else {}) | ({"p": pick(random, [1, 2])} if maybe(random, 0.8) else {})
        node.result(op, [node.operand(value)], dtype, slack, 0.0, **attributes)
