"""Writes a model whose only product is in a function of its own: `write_function.py FILE`."""
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

product = helper.make_function("own", "Linear", ["x", "w"], ["y"], [helper.make_node("MatMul", ["x", "w"], ["y"])],
                               [helper.make_opsetid("", 17)])
graph = helper.make_graph([helper.make_node("Linear", ["x", "w"], ["y"], domain="own")], "function",
                          [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
                          [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
                          [numpy_helper.from_array(np.ones((4, 2), np.float32), "w")])
save(helper.make_model(graph, functions=[product], ir_version=8,
                       opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]), sys.argv[1])
