"""Branches and loops whose conditions are constants."""
import numpy as np
from onnx import helper

from families.node import FLOATS, FUNCTION, INTS, extents, maybe, tensor_type, values
from random_ops import pick


def control(random, node):
    """If, whose branches use what is around them, and Loop with carried and collected values."""
    dtype = pick(random, [np.dtype(np.float32), *FLOATS, np.dtype(np.int32), np.dtype(np.int64)])
    shape = extents(random, 0, 3, empty=0.0)
    outer = node.operand(values(random, dtype, shape))
    other = node.operand(values(random, dtype, shape))
    kind = tensor_type(dtype)
    op = pick(random, ["Add", "Sub", "Mul"])
    if maybe(random):
        made = [node.name("branch") for _ in range(2)]
        branches = [helper.make_graph([helper.make_node(o, [outer, other], [name])], name, [],
                                      [helper.make_tensor_value_info(name, kind, shape)])
                    for o, name in zip((op, pick(random, ["Add", "Sub"])), made)]
        condition = node.constant(np.array(maybe(random)) if maybe(random) else np.array([maybe(random)]))
        node.result("If", [condition], dtype, FUNCTION, 4.0, then_branch=branches[0], else_branch=branches[1])
        return
    if dtype.itemsize == 2:
        raise ValueError("every trip rounds to 16 bits")
    trips = int(random.integers(0, 5))
    i, go, state, kept, after, scan = (node.name("loop") for _ in range(6))
    nodes = [helper.make_node("Identity", [go], [kept]), helper.make_node(op, [state, other], [after]),
             helper.make_node("Identity", [after], [scan])]
    inputs = [helper.make_tensor_value_info(i, 7, []), helper.make_tensor_value_info(go, 9, []),
              helper.make_tensor_value_info(state, kind, shape)]
    outputs = [helper.make_tensor_value_info(kept, 9, []), helper.make_tensor_value_info(after, kind, shape)]
    collects = trips > 0 and maybe(random)
    outputs += [helper.make_tensor_value_info(scan, kind, shape)] if collects else []
    graph = helper.make_graph(nodes if collects else nodes[:2], node.name("body"), inputs, outputs)
    count = node.constant(np.array(trips, np.int64))
    forever = node.constant(np.array(True)) if maybe(random) else ""
    node.results("Loop", [count, forever, outer], [dtype] + ([dtype] if collects else []), FUNCTION, 64.0, body=graph)
