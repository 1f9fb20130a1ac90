"""Well-known networks with seeded weights: `make_network.py resnet50 FILE.onnx`. What speed and time are measured on.

BatchNormalization is already in the weights, as exporters write it. Weights are scaled so that activations neither die nor explode.
"""
import argparse

import numpy as np
import onnx
from onnx import helper, numpy_helper

OPSET = 17  # the first with LayerNormalization


class Network:
    """Nodes and weights of a network that is built from its input to its output."""

    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)
        self.nodes, self.weights, self.inputs = [], [], []

    def input(self, name: str, shape: list[int], kind: int = onnx.TensorProto.FLOAT) -> str:
        """Adds an input; returns its name."""
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def constant(self, hint: str, values: np.ndarray) -> str:
        """Adds a tensor of integers; returns its name."""
        name = f"{hint}{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def weight(self, hint: str, values: np.ndarray) -> str:
        """Adds a tensor of floats; returns its name."""
        return self.constant(hint, values.astype(np.float32))

    def node(self, op: str, operands: list[str], **attributes) -> str:
        """Adds a node; returns the name of its result."""
        name = f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, operands, [name], name=name, **attributes))
        return name

    def conv(self, value: str, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, activation: str = "relu",
             gain: float = 2, pad: int | None = None) -> str:
        """A convolution with bias and its activation; it keeps the size at stride 1 unless padded otherwise.

        gain  variance of the result by that of the input
        """
        per_group = inputs // groups
        deviation = (gain / (per_group * kernel * kernel)) ** 0.5
        operands = [value, self.weight("w", self.random.normal(0, deviation, [outputs, per_group, kernel, kernel])),
                    self.weight("b", self.random.normal(0, 0.05, [outputs]))]
        value = self.node("Conv", operands, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[kernel // 2 if pad is None else pad] * 4,
                          group=groups)
        if activation == "relu":
            value = self.node("Relu", [value])
        elif activation == "relu6":
            value = self.node("Clip", [value, self.weight("low", np.array(0)), self.weight("high", np.array(6))])
        return value

    def classifier(self, value: str, channels: int, classes: int = 1000) -> str:
        """Global average, one matrix, softmax."""
        value = self.node("Flatten", [self.node("GlobalAveragePool", [value])], axis=1)
        operands = [value, self.weight("w", self.random.normal(0, 4 / channels ** 0.5, [classes, channels])),
                    self.weight("b", np.zeros(classes))]
        return self.node("Softmax", [self.node("Gemm", operands, transB=1)], axis=-1)

    def model(self, name: str, output: str, shape: list[int]) -> onnx.ModelProto:
        """The finished model, with one output of floats."""
        graph = helper.make_graph(self.nodes, name, self.inputs,
                                  [helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, shape)], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8, producer_name="nncc tests")


def resnet50(net: Network, size: int) -> tuple[str, list[int]]:
    """He et al. 2016, table 1; the stride in the 3x3 convolution, as all frameworks have it today. 4.1 GMAC."""
    value = net.conv(net.input("image", [1, 3, size, size]), 3, 64, 7, stride=2)
    value, channels = net.node("MaxPool", [value], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4), 64
    for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            step = stride if block == 0 else 1
            inner = net.conv(net.conv(value, channels, width, 1), width, width, 3, stride=step)
            inner = net.conv(inner, width, 4 * width, 1, activation="", gain=0.5)
            if block == 0:
                value = net.conv(value, channels, 4 * width, 1, stride=step, activation="", gain=1)
            value, channels = net.node("Relu", [net.node("Add", [inner, value])]), 4 * width
    return net.classifier(value, channels), [1, 1000]


def mobilenet_v1(net: Network, size: int) -> tuple[str, list[int]]:
    """Howard et al. 2017, table 1. 0.57 GMAC."""
    value, channels = net.conv(net.input("image", [1, 3, size, size]), 3, 32, 3, stride=2, activation="relu6"), 32
    for outputs, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)):
        value = net.conv(value, channels, channels, 3, stride=stride, groups=channels, activation="relu6")
        value, channels = net.conv(value, channels, outputs, 1, activation="relu6"), outputs
    return net.classifier(value, channels), [1, 1000]


def mobilenet_v2(net: Network, size: int) -> tuple[str, list[int]]:
    """Sandler et al. 2018, table 2. 0.30 GMAC."""
    value, channels = net.conv(net.input("image", [1, 3, size, size]), 3, 32, 3, stride=2, activation="relu6"), 32
    for expansion, outputs, blocks, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
                                               (6, 320, 1, 1)):
        for block in range(blocks):
            hidden, step, before = channels * expansion, stride if block == 0 else 1, value
            if expansion > 1:
                value = net.conv(value, channels, hidden, 1, activation="relu6")
            value = net.conv(value, hidden, hidden, 3, stride=step, groups=hidden, activation="relu6")
            value = net.conv(value, hidden, outputs, 1, activation="", gain=1)
            if step == 1 and channels == outputs:
                value = net.node("Add", [before, value])
            channels = outputs
    return net.classifier(net.conv(value, channels, 1280, 1, activation="relu6"), 1280), [1, 1000]


def squeezenet(net: Network, size: int) -> tuple[str, list[int]]:
    """SqueezeNet 1.1: Iandola et al. 2016, as its authors revised it. 0.35 GMAC."""
    def pool(value):
        return net.node("MaxPool", [value], kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)

    value, channels = pool(net.conv(net.input("image", [1, 3, size, size]), 3, 64, 3, stride=2, pad=0)), 64
    for fire, (squeeze, expand) in enumerate(((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))):
        if fire in (2, 4):
            value = pool(value)
        inner = net.conv(value, channels, squeeze, 1)
        value = net.node("Concat", [net.conv(inner, squeeze, expand, 1), net.conv(inner, squeeze, expand, 3)], axis=1)
        channels = 2 * expand
    value = net.node("GlobalAveragePool", [net.conv(value, channels, 1000, 1)])
    return net.node("Softmax", [net.node("Flatten", [value], axis=1)], axis=-1), [1, 1000]


def minilm(net: Network, size: int) -> tuple[str, list[int]]:
    """MiniLM-L6-H384: Wang et al. 2020, a BERT of 6 layers, as exporters write it; size: tokens of a sequence. 1.4 GMAC for 128."""
    hidden, heads, inner, words = 384, 12, 1536, 30522
    ints = lambda *values: net.constant("i", np.array(values, np.int64))
    scalar = lambda value: net.weight("c", np.array(value))
    tokens, mask = (net.input(name, [1, size], onnx.TensorProto.INT64) for name in ("input_ids", "attention_mask"))

    def linear(value, inputs, outputs):
        value = net.node("MatMul", [value, net.weight("w", net.random.normal(0, inputs ** -0.5, [inputs, outputs]))])
        return net.node("Add", [value, net.weight("b", net.random.normal(0, 0.02, [outputs]))])

    def norm(value):
        return net.node("LayerNormalization", [value, net.weight("g", np.ones(hidden)), net.weight("b", np.zeros(hidden))],
                        axis=-1, epsilon=1e-12)

    def split(value, *order):
        return net.node("Transpose", [net.node("Reshape", [value, ints(1, size, heads, hidden // heads)])], perm=order)

    embedded = net.node("Gather", [net.weight("words", net.random.normal(0, 1, [words, hidden])), tokens])
    value = norm(net.node("Add", [embedded, net.weight("places", net.random.normal(0, 1, [1, size, hidden]))]))
    bias = net.node("Cast", [net.node("Unsqueeze", [mask, ints(1, 2)])], to=onnx.TensorProto.FLOAT)
    bias = net.node("Mul", [net.node("Sub", [scalar(1), bias]), scalar(-10000)])
    for _ in range(6):
        query, keys, values = (linear(value, hidden, hidden) for _ in range(3))
        scores = net.node("MatMul", [split(query, 0, 2, 1, 3), split(keys, 0, 2, 3, 1)])
        scores = net.node("Add", [net.node("Div", [scores, scalar((hidden // heads) ** 0.5)]), bias])
        mixed = net.node("MatMul", [net.node("Softmax", [scores], axis=-1), split(values, 0, 2, 1, 3)])
        mixed = net.node("Reshape", [net.node("Transpose", [mixed], perm=[0, 2, 1, 3]), ints(1, size, hidden)])
        value = norm(net.node("Add", [linear(mixed, hidden, hidden), value]))
        wide = linear(value, hidden, inner)
        gelu = net.node("Add", [net.node("Erf", [net.node("Div", [wide, scalar(2 ** 0.5)])]), scalar(1)])
        gelu = net.node("Mul", [net.node("Mul", [wide, gelu]), scalar(0.5)])
        value = norm(net.node("Add", [linear(gelu, inner, hidden), value]))
    return value, [1, size, hidden]


NETWORKS = {function.__name__: function for function in (resnet50, mobilenet_v1, mobilenet_v2, squeezenet, minilm)}
SIZES = {"minilm": 128}  # 224 for images
# What plausible inputs are, as in models.json.
IMAGE = {"kind": "image", "low": -2, "high": 2}
INPUTS = {"minilm": {"values": {"attention_mask": 1}}}  # IMAGE for others


def make_network(name: str, size: int | None = None) -> onnx.ModelProto:
    """One of NETWORKS, for images of size x size pixels or texts of as many tokens."""
    net = Network(seed=1)
    output, shape = NETWORKS[name](net, size or SIZES.get(name, 224))
    return net.model(name, output, shape)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("file")
    parser.add_argument("--size", type=int, help="pixels of a side of the image (224), tokens of the text (128)")
    options = parser.parse_args()
    onnx.save(make_network(options.network, options.size), options.file)


if __name__ == "__main__":
    main()
