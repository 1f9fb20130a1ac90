"""Pooling."""
import numpy as np

from families.node import EXACT, FLOATS, FUNCTION, maybe, values
from families.window import RANKS, window
from random_ops import pick


def pool(random, node):
    """Maxima with and without their indices, averages and norms, of windows of one to three dims and of the whole image."""
    op = pick(random, ["MaxPool", "MaxPool", "AveragePool", "AveragePool", "LpPool", "GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool"])
    dtype = pick(random, (*FLOATS, np.int8, np.uint8) if op == "MaxPool" and node.opset >= 12 else FLOATS)
    dtype = np.dtype(dtype)
    rank = pick(random, RANKS)
    attributes, kernel, image = window(random, rank)
    value = values(random, dtype, [pick(random, [1, 2]), pick(random, [1, 3, 4, 9]), *image], node.special and op.endswith("MaxPool"), -3, 3)
    if dtype in FLOATS:
        value = np.where(np.isnan(value), dtype.type(np.inf), value)  # exact_values.py has NaN, which both oracles skip in some windows
    value = node.operand(value)
    slack, scale = (EXACT, 0.0) if op.endswith("MaxPool") else (FUNCTION, 3.0)
    if op.startswith("Global"):
        attributes = {"p": pick(random, [1, 2, 3])} if op == "GlobalLpPool" and maybe(random) else {}
        node.result(op, [value], dtype, slack, scale, **attributes)
        return
    attributes["kernel_shape"] = kernel
    if node.opset < {"MaxPool": 10, "AveragePool": 19, "LpPool": 18}[op]:
        attributes.pop("dilations", None)
    if attributes.get("auto_pad", "").startswith("SAME") and "strides" in attributes:
        # Where windows lie that leave gaps, and need pads below 0, is not said: onnxruntime's kernels differ among themselves.
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, attributes.get("dilations", [1] * rank))]
        attributes["strides"] = [min(s, r) for s, r in zip(attributes["strides"], reach)]
    if node.opset >= {"MaxPool": 10, "AveragePool": 10, "LpPool": 18}[op] and maybe(random, 0.4):
        attributes["ceil_mode"] = pick(random, [0, 1])
    if op == "AveragePool" and maybe(random):
        attributes["count_include_pad"] = pick(random, [0, 1])
    if op == "LpPool" and maybe(random):
        attributes["p"] = pick(random, [1, 2, 3])
    if op == "MaxPool" and node.opset >= 8 and maybe(random, 0.3):
        attributes |= {"storage_order": pick(random, [0, 1])} if maybe(random) else {}
        node.results(op, [value], [dtype, np.int64], **attributes)
    else:
        node.result(op, [value], dtype, slack, scale, **attributes)
