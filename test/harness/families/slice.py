"""Parts of tensors, tensors of parts, and repetitions."""
import numpy as np

from families.node import ANY, FLOATS, extents, maybe, values
from random_ops import pick


def slices(random, node):
    """Slice, Split, Concat, Pad, Expand, Tile."""
    op = pick(random, ["Slice", "Slice", "Split", "Concat", "Pad", "Pad", "Expand", "Tile"])
    dtype = pick(random, ANY)
    {"Slice": slice_, "Split": split, "Concat": concat, "Pad": pad, "Expand": expand, "Tile": tile}[op](random, node, dtype)


def slice_(random, node, dtype):
    """Starts, ends and steps of both signs, beyond both ends, and slices of nothing."""
    shape = extents(random, 1)
    rank = len(shape)
    axes = [int(a) for a in random.choice(rank, int(random.integers(1, rank + 1)), replace=False)]
    far = [2**31 - 1, 2**63 - 1, -(2**31), -(2**63) + 1]
    starts = [int(random.integers(-shape[a] - 2, shape[a] + 3)) for a in axes]
    ends = [pick(random, far) if maybe(random, 0.15) else int(random.integers(-shape[a] - 2, shape[a] + 3)) for a in axes]
    value = node.operand(values(random, dtype, shape))
    if node.opset < 10:
        node.result("Slice", [value], dtype, starts=starts, ends=ends, **({} if axes == list(range(len(axes))) else {"axes": axes}))
        return
    steps = [pick(random, [1, 1, 2, 3, -1, -2, 5]) for _ in axes]
    kind = pick(random, [np.int32, np.int64]) if all(abs(v) < 2**31 for v in starts + ends) else np.int64
    named = [a - rank if maybe(random, 0.3) else a for a in axes]
    lists = [starts, ends]
    if axes == list(range(len(axes))) and maybe(random, 0.5):
        named = None
    operands = [value] + [node.constant(np.array(v, kind)) for v in lists]
    operands.append("" if named is None else node.constant(np.array(named, kind)))
    operands.append(node.constant(np.array(steps, kind)))
    if maybe(random, 0.2):
        operands = operands[:-1] if named is not None else operands[:3]
    node.result("Slice", operands, dtype)


def split(random, node, dtype):
    """Equal and unequal parts, also empty ones."""
    shape = extents(random, 1)
    axis = int(random.integers(-len(shape) if node.opset >= 11 else 0, len(shape)))
    count = int(random.integers(1, 5))
    cuts = sorted(int(c) for c in random.integers(0, shape[axis] + 1, count - 1))
    parts = [b - a for a, b in zip([0, *cuts], [*cuts, shape[axis]])]
    attributes = {"axis": axis} if axis or maybe(random) else {}
    equal = maybe(random, 0.3)
    if equal:
        extent = shape[axis]
        if node.opset >= 18:
            attributes["num_outputs"] = count
        elif extent % count:
            count = 1
    value = [node.operand(values(random, dtype, shape))]
    if not equal and node.opset >= 13:
        value.append(node.constant(np.array(parts, np.int64)))
    elif not equal:
        attributes["split"] = parts
    node.results("Split", value, [dtype] * count, **attributes)


def concat(random, node, dtype):
    """One to five tensors, some of them twice or empty."""
    shape = extents(random, 1)
    axis = int(random.integers(-len(shape) if node.opset >= 11 else 0, len(shape)))
    operands = []
    for _ in range(int(random.integers(1, 6))):
        own = list(shape)
        own[axis] = int(random.integers(0 if maybe(random, 0.2) else 1, 6))
        operands.append(operands[0] if operands and maybe(random, 0.15) else node.operand(values(random, dtype, own, node.special)))
    node.result("Concat", operands, dtype, axis=axis)


def pad(random, node, dtype):
    """All modes, negative pads, chosen axes, any fill value."""
    mode = pick(random, ["constant", "constant", "reflect", "edge"] + (["wrap"] if node.opset >= 19 else []))
    shape = extents(random, 1, 4, empty=0.04 if mode == "constant" else 0.0)
    rank = len(shape)
    axes = list(range(rank))
    if node.opset >= 18 and maybe(random, 0.4):
        axes = [int(a) for a in random.choice(rank, int(random.integers(1, rank + 1)), replace=False)]
    most = [3 if mode in ("constant", "edge") else min(3, max(shape[a] - 1, 0)) for a in axes]
    pads = [int(random.integers(0, m + 1)) for m in most * 2]
    if mode == "constant" and maybe(random, 0.3):
        at = int(random.integers(len(pads)))
        pads[at] = -min(1, shape[axes[at % len(axes)]])
    attributes = {"mode": mode} if mode != "constant" or maybe(random) else {}
    value = node.operand(values(random, dtype, shape, node.special))
    fill = values(random, dtype, [], node.special)
    if node.opset < 11:
        node.result("Pad", [value], dtype, pads=pads, **attributes, **({"value": float(np.float32(0.75))} if maybe(random) and dtype in FLOATS else {}))
        return
    operands = [value, node.constant(np.array(pads, np.int64))]
    named = len(axes) < rank or axes != list(range(rank)) or (node.opset >= 18 and maybe(random, 0.2))
    if mode == "constant" and maybe(random, 0.6):
        operands.append(node.operand(fill))
    elif named:
        operands.append("")
    if named:
        operands.append(node.constant(np.array([a - rank if maybe(random, 0.3) else a for a in axes], pick(random, [np.int32, np.int64]))))
    node.result("Pad", operands, dtype, **attributes)


def expand(random, node, dtype):
    """To a shape of more dims, or of fewer where the tensor's own hold."""
    shape = extents(random, empty=0.08)
    target = [pick(random, [1, extent]) for extent in shape]
    own = [1 if maybe(random, 0.4) else extent for extent in shape]
    while own and maybe(random, 0.2):
        own.pop(0)
    while target and maybe(random, 0.1):
        target.pop(0)
    node.result("Expand", [node.operand(values(random, dtype, own, node.special)), node.constant(np.array(target, np.int64))], dtype)


def tile(random, node, dtype):
    """Repeats, also none at all."""
    shape = extents(random, 0, 4)
    repeats = random.integers(0 if maybe(random, 0.1) else 1, 4, len(shape))
    node.result("Tile", [node.operand(values(random, dtype, shape, node.special)), node.constant(np.array(repeats, np.int64))], dtype)
