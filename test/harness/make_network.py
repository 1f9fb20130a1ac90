"""Well-known convolution networks with seeded weights: `make_network.py resnet50 FILE.onnx`. What speed and time are measured on.

BatchNormalization is already in the weights, as exporters write it. Weights are scaled so that activations neither die nor explode.
"""
import argparse

import numpy as np
import onnx
from onnx import helper, numpy_helper

OPSET = 13


class Network:
    """Nodes and weights of a network that is built from its input to its output."""

    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)
        self.nodes, self.weights = [], []

    def _weight(self, hint: str, values: np.ndarray) -> str:
        name = f"{hint}{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def node(self, op: str, operands: list[str], **attributes) -> str:
        """Adds a node; returns the name of its result."""
        name = f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, operands, [name], name=name, **attributes))
        return name

    def conv(self, value: str, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, activation: str = "relu",
             gain: float = 2) -> str:
        """A convolution with bias that keeps the size at stride 1, and its activation. gain: variance of the result by that of the input."""
        per_group = inputs // groups
        deviation = (gain / (per_group * kernel * kernel)) ** 0.5
        operands = [value, self._weight("w", self.random.normal(0, deviation, [outputs, per_group, kernel, kernel])),
                    self._weight("b", self.random.normal(0, 0.05, [outputs]))]
        value = self.node("Conv", operands, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[kernel // 2] * 4, group=groups)
        if activation == "relu":
            value = self.node("Relu", [value])
        elif activation == "relu6":
            value = self.node("Clip", [value, self._weight("low", np.array(0)), self._weight("high", np.array(6))])
        return value

    def classifier(self, value: str, channels: int, classes: int = 1000) -> str:
        """Global average, one matrix, softmax."""
        value = self.node("Flatten", [self.node("GlobalAveragePool", [value])], axis=1)
        operands = [value, self._weight("w", self.random.normal(0, 4 / channels ** 0.5, [classes, channels])),
                    self._weight("b", np.zeros(classes))]
        return self.node("Softmax", [self.node("Gemm", operands, transB=1)], axis=-1)

    def model(self, name: str, shape: list[int], output: str) -> onnx.ModelProto:
        """The finished model, with the one input 'image'."""
        graph = helper.make_graph(
            self.nodes, name, [helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, [shape[0], 1000])], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8, producer_name="nncc tests")


def resnet50(net: Network) -> tuple[str, int]:
    """He et al. 2016, table 1; the stride in the 3x3 convolution, as all frameworks have it today. 4.1 GMAC."""
    value = net.conv("image", 3, 64, 7, stride=2)
    value, channels = net.node("MaxPool", [value], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4), 64
    for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            step = stride if block == 0 else 1
            inner = net.conv(net.conv(value, channels, width, 1), width, width, 3, stride=step)
            inner = net.conv(inner, width, 4 * width, 1, activation="", gain=0.5)
            if block == 0:
                value = net.conv(value, channels, 4 * width, 1, stride=step, activation="", gain=1)
            value, channels = net.node("Relu", [net.node("Add", [inner, value])]), 4 * width
    return value, channels


def mobilenet_v1(net: Network) -> tuple[str, int]:
    """Howard et al. 2017, table 1. 0.57 GMAC."""
    value, channels = net.conv("image", 3, 32, 3, stride=2, activation="relu6"), 32
    for outputs, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)):
        value = net.conv(value, channels, channels, 3, stride=stride, groups=channels, activation="relu6")
        value, channels = net.conv(value, channels, outputs, 1, activation="relu6"), outputs
    return value, channels


def mobilenet_v2(net: Network) -> tuple[str, int]:
    """Sandler et al. 2018, table 2. 0.30 GMAC."""
    value, channels = net.conv("image", 3, 32, 3, stride=2, activation="relu6"), 32
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
    return net.conv(value, channels, 1280, 1, activation="relu6"), 1280


NETWORKS = {function.__name__: function for function in (resnet50, mobilenet_v1, mobilenet_v2)}


def make_network(name: str, size: int = 224) -> onnx.ModelProto:
    """One of NETWORKS for images of size x size pixels."""
    net = Network(seed=1)
    value, channels = NETWORKS[name](net)
    return net.model(name, [1, 3, size, size], net.classifier(value, channels))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("file")
    parser.add_argument("--size", type=int, default=224, help="pixels of the square image (%(default)s)")
    options = parser.parse_args()
    onnx.save(make_network(options.network, options.size), options.file)


if __name__ == "__main__":
    main()
