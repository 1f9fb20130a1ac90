"""Writes models whose products are in functions of their own: `write_function.py FILE [OPSET]`.

A function calls another one, takes an attribute or its default, has a branch, lacks an operand, gives an input and a result twice back; two
calls have no name. With an opset, functions are of that one, the model is of 17.
"""
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

OPSETS = [helper.make_opsetid("", int(sys.argv[2]) if len(sys.argv) > 2 else 17), helper.make_opsetid("own", 1)]


def with_reference(node, attribute, name):
    """The node takes an attribute from the call."""
    reference = node.attribute.add()
    reference.name, reference.ref_attr_name, reference.type = attribute, name, 1
    return node


def branch(op):
    """A graph that reads `y` of the function around it."""
    return helper.make_graph([helper.make_node(op, ["y"], ["chosen"], "choice")], op, [], [helper.make_empty_tensor_value_info("chosen")])


inner = helper.make_function("own", "Linear", ["x", "w", "b"], ["y"], [
    helper.make_node("MatMul", ["x", "w"], ["product"], "product"), with_reference(helper.make_node("LeakyRelu", ["product"], ["bent"], "bent"), "alpha", "slope"),
    helper.make_node("Max", ["bent", "b"], ["y"], "most")], OPSETS, attribute_protos=[helper.make_attribute("slope", 0.5)])
outer = helper.make_function("own", "Block", ["x", "v", "w", "flag"], ["out", "x", "out"], [
    with_reference(helper.make_node("Linear", ["x", "v", "x"], ["t"], "first", domain="own"), "slope", "bend"),
    helper.make_node("Linear", ["t", "w", "t"], ["y"], domain="own"),
    helper.make_node("If", ["flag"], ["out"], "if", then_branch=branch("Neg"), else_branch=branch("Abs"))], OPSETS, ["bend"])
random = np.random.default_rng(1)
weights = [numpy_helper.from_array((random.integers(-127, 128, (4, 4)) / 64).astype(np.float32), name) for name in ("v", "w")]
for tensor in weights:  # 8 bits hold them
    values = numpy_helper.to_array(tensor).copy()
    values[0] = 127 / 64
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
graph = helper.make_graph(
    [helper.make_node("Block", ["x", "v", "w", "flag"], ["a", "same", "twice"], "", domain="own", bend=0.25),
     helper.make_node("Sub", ["a", "same"], ["d"]), helper.make_node("Block", ["d", "w", "v", "flag"], ["e"], "", domain="own", bend=2.0),
     helper.make_node("Add", ["e", "twice"], ["y"])],
    "function", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4]), helper.make_tensor_value_info("flag", TensorProto.BOOL, [])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 4])], weights)
save(helper.make_model(graph, functions=[inner, outer], ir_version=9, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]),
     sys.argv[1])
