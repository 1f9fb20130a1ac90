"""Transpositions and other shapes of the same elements."""
import numpy as np

from families.node import ANY, extents, maybe, values
from random_ops import pick


def layout(random, node):
    """Transpose, Reshape, Flatten, Squeeze, Unsqueeze, DepthToSpace, SpaceToDepth of every type."""
    op = pick(random, ["Transpose", "Transpose", "Reshape", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "DepthToSpace", "SpaceToDepth"])
    dtype = pick(random, ANY)
    shape = extents(random)
    if op == "DepthToSpace":
        block = pick(random, [1, 2, 3])
        attributes = {"mode": pick(random, ["DCR", "CRD"])} if node.opset >= 11 and maybe(random, 0.7) else {}
        value = values(random, dtype, [pick(random, [1, 2]), block * block * pick(random, [1, 3]), 5, pick(random, [4, 1])])
        node.result(op, [node.operand(value)], dtype, blocksize=block, **attributes)
        return
    if op == "SpaceToDepth":
        block = pick(random, [1, 2, 3])
        node.result(op, [node.operand(values(random, dtype, [2, pick(random, [1, 3]), 3 * block, 2 * block]))], dtype, blocksize=block)
        return
    if op == "Squeeze":
        for _ in range(int(random.integers(0, 3))):
            shape.insert(int(random.integers(0, len(shape) + 1)), 1)
        shape = shape[:6]
    value = node.operand(values(random, dtype, shape))
    rank = len(shape)
    if op == "Transpose":
        attributes = {"perm": [int(p) for p in random.permutation(rank)]} if maybe(random, 0.8) else {}
        node.result(op, [value], dtype, **attributes)
    elif op == "Reshape":
        count = int(np.prod(shape))
        target, left = [], max(count, 1)
        while left > 1 and len(target) < 5:
            divisor = pick(random, [d for d in range(1, left + 1) if left % d == 0])
            target.append(divisor)
            left //= divisor
        target += [left] if left > 1 else []
        attributes = {}
        if count == 0:
            target = pick(random, [[0], [0, 3], [5, 0, 2]])
            attributes = {"allowzero": 1}
        elif target and maybe(random, 0.4):
            target[int(random.integers(len(target)))] = -1
        elif target and shape and target[0] == shape[0] and maybe(random):
            target[0] = 0
        node.result(op, [value, node.constant(np.array(target, np.int64))], dtype, **attributes)
    elif op == "Flatten":
        attributes = {"axis": int(random.integers(-rank if node.opset >= 11 else 0, rank + 1))} if maybe(random, 0.8) else {}
        node.result(op, [value], dtype, **attributes)
    else:
        if op == "Squeeze":
            ones = [at for at, extent in enumerate(shape) if extent == 1]
            axes = [at - (rank if node.opset >= 11 and maybe(random, 0.3) else 0) for at in ones if maybe(random, 0.7)]
            if not axes and ones:
                axes = None
        else:
            total = rank + int(random.integers(1, 3))
            axes = [int(a) - (total if node.opset >= 11 and maybe(random, 0.3) else 0) for a in random.choice(total, total - rank, replace=False)]
        if axes is None:
            node.result(op, [value], dtype)
        elif node.opset >= 13:
            node.result(op, [value, node.constant(np.array(axes, np.int64))], dtype)
        else:
            node.result(op, [value], dtype, axes=axes)
