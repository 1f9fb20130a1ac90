"""Writes a model with one weight of a node changed: `change-weight.py MODEL NODE OUT`."""
import sys
from pathlib import Path

import onnx
from onnx import numpy_helper

model = onnx.load(sys.argv[1])
node = next(node for node in model.graph.node if node.name == sys.argv[2])
weight = next(tensor for tensor in model.graph.initializer if tensor.name == node.input[1])
values = numpy_helper.to_array(weight).copy()
values.flat[0] += 0.5
weight.CopyFrom(numpy_helper.from_array(values, weight.name))
Path(sys.argv[3]).parent.mkdir(parents=True)
onnx.save(model, sys.argv[3])
