"""A network as PyTorch exports it from training with fake quantization: floats through QuantizeLinear and DequantizeLinear everywhere.

Weights are float constants behind both, with scales and zero points that are results of Identity nodes. Norms are not folded: torch
quantizes weights times a factor per channel, divides the convolution's result by it, and normalizes. What convolutions, sums and means
give is quantized once, behind its activation. Ranges are those of one input.
"""
import numpy as np
import onnx
from onnx import helper, numpy_helper

import oracle

QUANTIZED = ("Conv", "Add", "GlobalAveragePool", "Gemm")  # whose results are, or those of the activations behind them
ACTIVATIONS = ("Relu", "Clip")
EPSILON = 1e-5


class _Writer:
    def __init__(self, model: onnx.ModelProto, ranges: dict[str, tuple[float, float]], random):
        self.model, self.ranges, self.random = model, ranges, random
        self.weights = {weight.name: numpy_helper.to_array(weight) for weight in model.graph.initializer}
        self.readers: dict[str, list] = {}
        for node in model.graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
        self.nodes, self.constants = [], []
        self.renamed: dict[str, str] = {}  # tensors of the float network: what stands for them

    def constant(self, value, hint: str) -> str:
        name = f"{hint}_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, op: str, inputs: list[str], hint: str, **attributes) -> str:
        name = f"{hint}/{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def through_steps(self, x: str, scale: np.ndarray, zero_point: np.ndarray, hint: str, **axis) -> str:
        parameters = [self.node("Identity", [self.constant(value, hint)], hint) for value in (scale, zero_point)]
        return self.node("DequantizeLinear", [self.node("QuantizeLinear", [x, *parameters], hint, **axis), *parameters], hint, **axis)

    def fake_quantize(self, x: str, tensor: str) -> str:
        low, high = min(self.ranges[tensor][0], 0), max(self.ranges[tensor][1], 0)
        scale = np.float32(max((high - low) / 255, 1e-6))
        return self.through_steps(x, scale, np.uint8(np.clip(round(-low / scale), 0, 255)), tensor)

    def fake_weights(self, weights: np.ndarray, hint: str) -> str:
        scale = np.maximum(np.abs(weights).reshape(len(weights), -1).max(1) / 127, 1e-8).astype(np.float32)
        return self.through_steps(self.constant(weights, hint), scale, np.zeros(len(weights), np.int8), hint, axis=0)

    def convolution(self, node: onnx.NodeProto) -> str:
        """Weights times a factor, the division by it, and a norm that adds the bias."""
        weights, name = self.weights[node.input[1]], node.output[0]
        channels = len(weights)
        factor, deviation = (self.random.uniform(0.5, 2, channels).astype(np.float32) for _ in range(2))
        mean = self.random.uniform(-0.1, 0.1, channels).astype(np.float32)
        bias = self.weights[node.input[2]] if len(node.input) > 2 else np.zeros(channels, np.float32)
        attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        x = [self.renamed[node.input[0]], self.fake_weights(weights * factor.reshape(-1, 1, 1, 1), name), self.constant(np.zeros(channels, np.float32), name)]
        y = self.node("Div", [self.node("Conv", x, name, **attributes), self.constant(factor.reshape(1, -1, 1, 1), name)], name)
        variance = (deviation ** 2 - EPSILON).astype(np.float32)
        return self.node("BatchNormalization", [y, *(self.constant(value, name) for value in (deviation, bias + mean, mean, variance))], name, epsilon=EPSILON)

    def is_followed(self, name: str) -> bool:
        return [node.op_type for node in self.readers.get(name, [])] in [[op] for op in ACTIVATIONS]

    def write(self) -> onnx.ModelProto:
        graph = self.model.graph
        for value in graph.input:
            self.renamed[value.name] = self.fake_quantize(value.name, value.name)
        for node in graph.node:
            name, behind = node.output[0], node.op_type in ACTIVATIONS
            if node.op_type == "Conv":
                result = self.convolution(node)
            else:
                inputs = [self.renamed.get(each, each) for each in node.input]
                if node.op_type == "Gemm":
                    inputs[1] = self.fake_weights(self.weights[node.input[1]], name)
                attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
                result = self.node(node.op_type, inputs, name, **attributes)
            if behind or (node.op_type in QUANTIZED and not self.is_followed(name)):
                result = self.fake_quantize(result, name)
            self.renamed[name] = result
        for value in graph.output:
            # A softmax belongs to the loss.
            maker = next(node for node in graph.node if value.name in node.output)
            result = self.renamed[maker.input[0] if maker.op_type == "Softmax" else value.name]
            self.nodes.append(helper.make_node("Identity", [result], [value.name]))
        written = onnx.ModelProto()
        written.CopyFrom(self.model)
        del written.graph.node[:], written.graph.value_info[:]
        written.graph.node.extend(self.nodes)
        read = {name for node in self.nodes for name in node.input}
        kept = [weight for weight in graph.initializer if weight.name in read]
        del written.graph.initializer[:]
        written.graph.initializer.extend(kept + self.constants)
        return written


def fake_quantize(model: onnx.ModelProto, inputs: dict[str, np.ndarray]) -> onnx.ModelProto:
    """Writes a network of convolutions with constant weights as torch does.

    model   shapes are fixed; convolutions have biases instead of norms
    inputs  one sample, whose ranges are taken
    """
    observed = onnx.ModelProto()
    observed.CopyFrom(model)
    names = [node.output[0] for node in model.graph.node if node.op_type in (*QUANTIZED, *ACTIVATIONS)]
    known = {value.name for value in model.graph.output}
    observed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    values = inputs | oracle.run(observed.SerializeToString(), inputs)
    ranges = {name: (float(value.min()), float(value.max())) for name, value in values.items()}
    return _Writer(model, ranges, np.random.default_rng(5)).write()
