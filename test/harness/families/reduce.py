"""Reductions, positions of extremes, running sums, softmax."""
import numpy as np

from families.node import BOOL, EXACT, FLOATS, FUNCTION, INTS, extents, maybe, values
from random_ops import pick

REDUCTIONS = ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp",
              "ReduceSumSquare")


def reduce(random, node):
    """Any axes, written in any way, kept or not; types, empty tensors and infinities."""
    op = pick(random, REDUCTIONS)
    dtype = pick(random, (*FLOATS, *FLOATS, *INTS, BOOL))
    shape = extents(random, empty=0.15 if node.opset >= 20 else 0.0)
    special = node.special and op in ("ReduceMax", "ReduceMin")
    low = 0.1 if op == "ReduceLogSum" else -2
    value = values(random, dtype, shape, special, low, 2)
    if op == "ReduceLogSum" and dtype in INTS:
        value = np.maximum(value, np.array(1, dtype))
    operands = [node.operand(value)]
    axes = [int(a) - (len(shape) if maybe(random, 0.3) else 0)
            for a in random.choice(len(shape), int(random.integers(0, len(shape) + 1)), replace=False)] if shape else []
    attributes = {"keepdims": pick(random, [0, 1])} if maybe(random, 0.8) else {}
    as_input = node.opset >= 18 or (op == "ReduceSum" and node.opset >= 13)
    if as_input:
        if axes or maybe(random):
            operands.append(node.constant(np.array(axes, np.int64)))
        if maybe(random, 0.3):
            attributes["noop_with_empty_axes"] = pick(random, [0, 1])
    elif axes:
        attributes["axes"] = axes
    scale = float(np.prod([max(d, 1) for d in shape])) if dtype in FLOATS and op != "ReduceProd" else 0.0
    slack = EXACT if op in ("ReduceMax", "ReduceMin") else FUNCTION
    node.result(op, operands, dtype, slack, min(scale, 64.0) if slack else 0.0, **attributes)


def positions(random, node):
    """ArgMax, ArgMin with ties, CumSum both ways."""
    op = pick(random, ["ArgMax", "ArgMin", "CumSum"])
    dtype = pick(random, (*FLOATS, *INTS))
    shape = extents(random, 1, empty=0.0 if op != "CumSum" else 0.05)
    axis = int(random.integers(-len(shape), len(shape)))
    if op == "CumSum":
        value = node.operand(values(random, dtype, shape, node.special and dtype in INTS))
        where = node.constant(np.array(axis, pick(random, [np.int32, np.int64])))
        node.result(op, [value, where], dtype, FUNCTION, 8.0, exclusive=pick(random, [0, 1]), reverse=pick(random, [0, 1]))
        return
    value = values(random, dtype, shape, node.special and dtype in INTS)
    if dtype in FLOATS and maybe(random):
        value = np.round(value)  # ties
    attributes = {"axis": axis} if maybe(random, 0.8) else {}
    attributes |= {"keepdims": pick(random, [0, 1])} if maybe(random) else {}
    attributes |= {"select_last_index": pick(random, [0, 1])} if node.opset >= 12 and maybe(random) else {}
    node.result(op, [node.operand(value)], np.int64, **attributes)


def softmax(random, node):
    """Softmax, LogSoftmax, Hardmax along one axis, or over all behind it up to opset 12."""
    op = pick(random, ["Softmax", "LogSoftmax", "Hardmax"])
    dtype = pick(random, FLOATS)
    shape = extents(random, 1, empty=0.03)
    value = values(random, dtype, shape, False, *pick(random, [(-4, 4), (-60, 60), (1000, 1010)]))
    if node.special and value.size and op != "Hardmax":
        value = np.where(random.random(shape) < 0.2, np.array(-np.inf, dtype), value).astype(dtype)  # as masks have it
    attributes = {"axis": int(random.integers(-len(shape), len(shape)))} if maybe(random, 0.8) else {}
    node.result(op, [node.operand(value)], dtype, EXACT if op == "Hardmax" else 4 * FUNCTION, 1.0 if op == "LogSoftmax" else 0.0, **attributes)
