"""Elements by their indices: gathered, scattered, chosen."""
import numpy as np

from families.node import ANY, BOOL, EXACT, FLOATS, INTS, ROUNDED, extents, maybe, values
from random_ops import pick

INDEX = (np.int64, np.int64, np.int32)


def indices(random, node, most: int, shape) -> np.ndarray:
    """Indices below `most`, negative ones among them where the opset has them."""
    low = -most if node.opset >= 11 and maybe(random) else 0
    return random.integers(low, most, shape).astype(pick(random, INDEX))


def gather(random, node):
    """Gather, GatherElements, GatherND, of any type and by indices of any shape, also by none."""
    op = pick(random, ["Gather", "Gather", "GatherElements", "GatherND"])
    dtype = pick(random, ANY)
    shape = extents(random, 1, 5, empty=0.0)
    value = node.operand(values(random, dtype, shape, node.special))
    axis = int(random.integers(-len(shape), len(shape)))
    attributes = {"axis": axis} if axis or maybe(random) else {}
    if op == "Gather":
        where = indices(random, node, shape[axis], extents(random, 0, 2, empty=0.1))
        node.result(op, [value, node.operand(where)], dtype, **attributes)
    elif op == "GatherElements":
        other = [int(random.integers(0 if maybe(random, 0.05) else 1, extent + 1)) for extent in shape]
        other[axis] = int(random.integers(1, 6))
        node.result(op, [value, node.operand(indices(random, node, shape[axis], other))], dtype, **attributes)
    else:
        batch = int(random.integers(0, len(shape))) if node.opset >= 12 and maybe(random, 0.4) else 0
        depth = int(random.integers(1, len(shape) - batch + 1))
        outer = shape[:batch] + [int(d) for d in random.integers(1, 4, int(random.integers(0, 3)))]
        if not outer:
            outer = [2]
        low = [-extent if maybe(random, 0.3) else 0 for extent in shape]
        parts = [random.integers(low[batch + d], shape[batch + d], outer) for d in range(depth)]
        node.result(op, [value, node.operand(np.stack(parts, -1).astype(np.int64))], dtype, **({"batch_dims": batch} if batch else {}))


def roundings(reduction, places) -> float:
    """How often an element of the result is rounded: an update reads and writes it, and several may meet in one."""
    return float(np.bincount(places).max()) if reduction in ("add", "mul") else 1.0


def scatter(random, node):
    """ScatterElements and ScatterND; without a reduction all places are distinct, since the standard says nothing of a winner."""
    op = pick(random, ["ScatterElements", "ScatterND"] + (["Scatter"] if node.opset < 11 else []))
    dtype = pick(random, ANY)
    reduction = pick(random, ["none", "add", "mul"] + (["max", "min"] if node.opset >= 18 else [])) if node.opset >= 16 else "none"
    if dtype == BOOL:
        reduction = "none"
    shape = extents(random, 1, 4, empty=0.0)
    data = values(random, dtype, shape, node.special and reduction == "none")
    attributes = {"reduction": reduction} if reduction != "none" or (node.opset >= 16 and maybe(random, 0.2)) else {}
    slack = EXACT if reduction in ("none", "max", "min") else 4 * ROUNDED
    if op == "ScatterND":
        depth = int(random.integers(1, len(shape) + 1))
        places = int(np.prod(shape[:depth]))
        count = int(random.integers(1, min(places, 6) + 1))
        flat = random.choice(places, count, replace=False) if reduction == "none" else random.integers(0, places, count)
        where = np.stack(np.unravel_index(flat, shape[:depth]), -1).astype(np.int64)
        if maybe(random, 0.2):
            where = where - np.array(shape[:depth]) * (random.random(where.shape) < 0.5)
        updates = values(random, dtype, [count, *shape[depth:]], False, -2, 2)
        node.halves = roundings(reduction, flat)
        node.result(op, [node.operand(data), node.operand(where.astype(np.int64)), node.operand(updates)], dtype, slack, 8.0, **attributes)
        return
    axis = int(random.integers(-len(shape), len(shape)))
    own = [int(random.integers(1, extent + 1)) for extent in shape]
    where = np.argsort(random.random(shape), axis)[tuple(slice(0, e) for e in own)]
    if reduction != "none" and maybe(random):
        where = random.integers(0, shape[axis], own)
    places = list(np.indices(own))
    places[axis] = where
    node.halves = roundings(reduction, np.ravel_multi_index(places, shape).ravel())
    if node.opset >= 11 and maybe(random, 0.3):
        where = where - shape[axis]
    updates = values(random, dtype, own, False, -2, 2)
    attributes |= {"axis": axis} if axis or maybe(random) else {}
    node.result(op, [node.operand(data), node.operand(where.astype(pick(random, INDEX))), node.operand(updates)], dtype, slack, 8.0, **attributes)


def select(random, node):
    """TopK with ties and extremes, OneHot, and Compress and NonZero, whose decisions are constants."""
    op = pick(random, ["TopK", "TopK", "OneHot", "Compress", "NonZero"])
    if op == "TopK":
        dtype = pick(random, (*FLOATS, *INTS) if node.opset >= 11 else FLOATS)
        shape = extents(random, 1, 5, empty=0.02)
        axis = int(random.integers(-len(shape), len(shape)))
        value = values(random, dtype, shape, node.special and dtype in INTS)
        k = int(random.integers(0 if maybe(random, 0.1) else 1, shape[axis] + 1)) if shape[axis] else 0
        attributes = {"axis": axis} if axis != -1 or maybe(random) else {}
        if node.opset >= 11:
            attributes |= {"largest": pick(random, [0, 1])} if maybe(random) else {}
            attributes |= {"sorted": 1} if maybe(random) else {}
        operands = [node.operand(value)]
        if node.opset >= 10:
            operands.append(node.constant(np.array([k], np.int64)))
        else:
            attributes["k"] = k
        node.results(op, operands, [dtype, np.int64], **attributes)
    elif op == "OneHot":
        kind, dtype = pick(random, (np.int64, np.int64, np.int32, np.float32)), pick(random, ANY)
        depth = int(random.integers(1, 8))
        where = values(random, kind, extents(random, 0, 3), False, -depth - 2, depth + 2)
        where = np.round(where).astype(kind)
        pair = node.operand(values(random, dtype, [2], node.special))
        extent = node.constant(np.array(pick(random, [depth, [depth]]), pick(random, [np.int64, np.int32, np.float32])))
        attributes = {"axis": int(random.integers(-where.ndim - 1, where.ndim + 1))} if maybe(random) else {}
        node.result(op, [node.operand(where), extent, pair], dtype, **attributes)
    elif op == "Compress":
        dtype, shape = pick(random, ANY), extents(random, 1, 4, empty=0.0)
        axis = int(random.integers(-len(shape) if node.opset >= 11 else 0, len(shape)))
        flat = maybe(random, 0.3)
        length = int(np.prod(shape)) if flat else shape[axis]
        chosen = random.random(int(random.integers(1, length + 1))) < 0.5
        node.result(op, [node.operand(values(random, dtype, shape)), node.constant(chosen)], dtype, **({} if flat else {"axis": axis}))
    else:
        dtype = pick(random, ANY)
        value = np.where(random.random(shape := extents(random, 0, 4)) < 0.5, 0, values(random, dtype, shape, node.special)).astype(dtype)
        node.result(op, [node.constant(value)], np.int64)
