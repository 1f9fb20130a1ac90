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

    def ints(self, *values: int) -> str:
        """A list of positions or sizes; a 0 without dims if there is none."""
        return self.constant("i", np.array(values or 0, np.int64))

    def scalar(self, value: float) -> str:
        """A float without dims."""
        return self.weight("c", np.array(value))

    def matrix(self, value: str, inputs: int, outputs: int, gain: float = 1) -> str:
        """A product with weights; `gain` as in conv."""
        return self.node("MatMul", [value, self.weight("w", self.random.normal(0, (gain / inputs) ** 0.5, [inputs, outputs]))])

    def linear(self, value: str, inputs: int, outputs: int) -> str:
        """A product with weights, and a bias."""
        return self.node("Add", [self.matrix(value, inputs, outputs), self.weight("b", self.random.normal(0, 0.02, [outputs]))])

    def heads(self, value: str, count: int, *order: int) -> str:
        """[1, tokens, hidden] as heads of equal parts, transposed."""
        return self.node("Transpose", [self.node("Reshape", [value, self.ints(0, 0, count, -1)])], perm=order)

    def merged(self, value: str, tokens: int, hidden: int) -> str:
        """Heads [1, heads, tokens, part] side by side again."""
        return self.node("Reshape", [self.node("Transpose", [value], perm=[0, 2, 1, 3]), self.ints(1, tokens, hidden)])

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


def bert(net: Network, size: int, hidden: int, masked) -> tuple[str, list[int]]:
    """Six layers of 12 heads behind embeddings of words and places; `masked(mask)` returns what hides
    scores of what is no token."""
    heads, inner, words = 12, 4 * hidden, 30522

    def norm(value):
        return net.node("LayerNormalization", [value, net.weight("g", np.ones(hidden)), net.weight("b", np.zeros(hidden))],
                        axis=-1, epsilon=1e-12)

    tokens = net.input("input_ids", [1, size], onnx.TensorProto.INT64)
    embedded = net.node("Gather", [net.weight("words", net.random.normal(0, 1, [words, hidden])), tokens])
    value = norm(net.node("Add", [embedded, net.weight("places", net.random.normal(0, 1, [1, size, hidden]))]))
    hide = masked(net.input("attention_mask", [1, size], onnx.TensorProto.INT64))
    for _ in range(6):
        query, keys, values = (net.linear(value, hidden, hidden) for _ in range(3))
        scores = net.node("MatMul", [net.heads(query, heads, 0, 2, 1, 3), net.heads(keys, heads, 0, 2, 3, 1)])
        scores = hide(net.node("Div", [scores, net.scalar((hidden // heads) ** 0.5)]))
        mixed = net.node("MatMul", [net.node("Softmax", [scores], axis=-1), net.heads(values, heads, 0, 2, 1, 3)])
        value = norm(net.node("Add", [net.linear(net.merged(mixed, size, hidden), hidden, hidden), value]))
        wide = net.linear(value, hidden, inner)
        gelu = net.node("Add", [net.node("Erf", [net.node("Div", [wide, net.scalar(2 ** 0.5)])]), net.scalar(1)])
        gelu = net.node("Mul", [net.node("Mul", [wide, gelu]), net.scalar(0.5)])
        value = norm(net.node("Add", [net.linear(gelu, inner, hidden), value]))
    return value, [1, size, hidden]


def minilm(net: Network, size: int) -> tuple[str, list[int]]:
    """MiniLM-L6-H384: Wang et al. 2020, a BERT of 6 layers, as exporters write it; size: tokens of a sequence. 1.4 GMAC for 128."""
    def masked(mask):
        bias = net.node("Cast", [net.node("Unsqueeze", [mask, net.ints(1, 2)])], to=onnx.TensorProto.FLOAT)
        bias = net.node("Mul", [net.node("Sub", [net.scalar(1), bias]), net.scalar(-10000)])
        return lambda scores: net.node("Add", [scores, bias])

    return bert(net, size, 384, masked)


def distilbert(net: Network, size: int) -> tuple[str, list[int]]:
    """DistilBERT: Sanh et al. 2019, a BERT of 6 layers of 768, whose scores are replaced where there is no token. 5.5 GMAC for 128."""
    def masked(mask):
        hidden = net.node("Equal", [net.node("Reshape", [mask, net.ints(1, 1, 1, size)]), net.ints()])
        hidden = net.node("Expand", [hidden, net.ints(1, 12, size, size)])
        return lambda scores: net.node("Where", [hidden, net.scalar(np.finfo(np.float32).min), scores])

    return bert(net, size, 768, masked)


def t5_encoder(net: Network, size: int) -> tuple[str, list[int]]:
    """The encoder of T5-small: Raffel et al. 2020. Root mean squares, a bias by distance that the layers share, no bias elsewhere."""
    hidden, heads, inner, words, buckets = 512, 8, 2048, 32128, 32
    cast = lambda value, kind: net.node("Cast", [value], to=kind)

    def norm(value):
        mean = net.node("ReduceMean", [net.node("Pow", [value, net.scalar(2)])], axes=[-1])
        root = net.node("Sqrt", [net.node("Add", [mean, net.scalar(1e-6)])])
        return net.node("Mul", [net.weight("g", np.ones(hidden)), net.node("Div", [value, root])])

    def distances():
        """Near positions have a bucket each; far ones share buckets by the logarithm of their distance."""
        half, exact = buckets // 2, buckets // 4
        places = net.node("Range", [net.ints(), net.constant("i", np.array(size, np.int64)), net.constant("i", np.array(1, np.int64))])
        distance = net.node("Sub", [net.node("Unsqueeze", [places, net.ints(0)]), net.node("Unsqueeze", [places, net.ints(1)])])
        side = net.node("Mul", [cast(net.node("Greater", [distance, net.ints()]), onnx.TensorProto.INT64), net.ints(half)])
        distance = net.node("Abs", [distance])
        far = net.node("Log", [net.node("Div", [cast(distance, onnx.TensorProto.FLOAT), net.scalar(exact)])])
        far = net.node("Mul", [net.node("Div", [far, net.scalar(np.log(128 / exact))]), net.scalar(half - exact)])
        far = net.node("Min", [net.node("Add", [cast(far, onnx.TensorProto.INT64), net.ints(exact)]), net.ints(half - 1)])
        bucket = net.node("Where", [net.node("Less", [distance, net.ints(exact)]), distance, far])
        table = net.weight("distances", net.random.normal(0, 1, [buckets, heads]))
        bias = net.node("Gather", [table, net.node("Add", [side, bucket])])
        return net.node("Unsqueeze", [net.node("Transpose", [bias], perm=[2, 0, 1]), net.ints(0)])

    tokens = net.input("input_ids", [1, size], onnx.TensorProto.INT64)
    mask = cast(net.input("attention_mask", [1, size], onnx.TensorProto.INT64), onnx.TensorProto.FLOAT)
    mask = net.node("Mul", [net.node("Sub", [net.scalar(1), net.node("Unsqueeze", [mask, net.ints(1, 2)])]), net.scalar(np.finfo(np.float32).min)])
    bias = net.node("Add", [distances(), mask])
    value = net.node("Gather", [net.weight("words", net.random.normal(0, 1, [words, hidden])), tokens])
    for _ in range(6):
        before = norm(value)
        query, keys, values = (net.matrix(before, hidden, hidden, gain) for gain in (1 / 64, 1, 1))
        scores = net.node("MatMul", [net.heads(query, heads, 0, 2, 1, 3), net.heads(keys, heads, 0, 2, 3, 1)])
        weights = net.node("Softmax", [net.node("Add", [scores, bias])], axis=-1)
        mixed = net.merged(net.node("MatMul", [weights, net.heads(values, heads, 0, 2, 1, 3)]), size, hidden)
        value = net.node("Add", [value, net.matrix(mixed, hidden, hidden)])
        wide = net.node("Relu", [net.matrix(norm(value), hidden, inner, 2)])
        value = net.node("Add", [value, net.matrix(wide, inner, hidden)])
    return norm(value), [1, size, hidden]


def ds_cnn(net: Network, size: int) -> tuple[str, list[int]]:
    """DS-CNN small: Zhang et al. 2017, words of a second of speech, `size` frames of 10 coefficients. 5.4 MMAC for 49."""
    channels, words = 64, 12
    operands = [net.input("speech", [1, 1, size, 10]), net.weight("w", net.random.normal(0, (2 / 40) ** 0.5, [channels, 1, 10, 4])),
                net.weight("b", net.random.normal(0, 0.05, [channels]))]
    value = net.node("Relu", [net.node("Conv", operands, kernel_shape=[10, 4], strides=[2, 2], auto_pad="SAME_UPPER")])
    for _ in range(4):
        value = net.conv(net.conv(value, channels, channels, 3, groups=channels), channels, channels, 1)
    return net.classifier(value, channels, words), [1, words]


def yolo_head(net: Network, size: int) -> tuple[str, list[int]]:
    """The head of YOLOv10n: Wang et al. 2024, of an image of size x size: three scales, boxes as distributions, the best 300 of all.

    A row of the result: corners of a box in pixels, score, class.
    """
    bins, classes, best, strides = 16, 80, 300, (8, 16, 32)

    def silu(value):
        return net.node("Mul", [value, net.node("Sigmoid", [value])])

    def conv(value, inputs, outputs, kernel, groups=1):
        return silu(net.conv(value, inputs, outputs, kernel, groups=groups, activation="", gain=3))

    scales, anchors, steps = [], [], []
    for stride, channels in zip(strides, (64, 128, 256)):
        side = size // stride
        value = net.input(f"scale{stride}", [1, channels, side, side])
        boxes = net.conv(conv(conv(value, channels, 64, 3), 64, 64, 3), 64, 4 * bins, 1, activation="", gain=1)
        scores = conv(conv(value, channels, channels, 3, channels), channels, classes, 1)
        scores = conv(conv(scores, classes, classes, 3, classes), classes, classes, 1)
        scores = net.conv(scores, classes, classes, 1, activation="", gain=1)
        scales.append(net.node("Reshape", [net.node("Concat", [boxes, scores], axis=1), net.ints(1, 4 * bins + classes, side * side)]))
        y, x = np.mgrid[0:side, 0:side] + 0.5
        anchors.append(np.stack([x.ravel(), y.ravel()]))
        steps.append(np.full(side * side, stride))
    places = sum(step.size for step in steps)

    def part(value, low, high):
        return net.node("Slice", [value, *(net.constant("i", np.array([at], np.int64)) for at in (low, high, 1))])

    value = net.node("Concat", scales, axis=2)
    boxes, scores = part(value, 0, 4 * bins), net.node("Sigmoid", [part(value, 4 * bins, 4 * bins + classes)])
    boxes = net.node("Transpose", [net.node("Reshape", [boxes, net.ints(1, 4, bins, places)])], perm=[0, 2, 1, 3])
    mean = net.weight("bins", np.arange(bins).reshape([1, bins, 1, 1]))
    boxes = net.node("Reshape", [net.node("Conv", [net.node("Softmax", [boxes], axis=1), mean], kernel_shape=[1, 1]), net.ints(1, 4, places)])
    centers = net.weight("anchors", np.concatenate(anchors, axis=1)[None])
    corners = [net.node("Sub", [centers, part(boxes, 0, 2)]), net.node("Add", [centers, part(boxes, 2, 4)])]
    boxes = net.node("Mul", [net.node("Concat", corners, axis=1), net.weight("steps", np.concatenate(steps)[None, None])])
    boxes, scores = (net.node("Transpose", [value], perm=[0, 2, 1]) for value in (boxes, scores))

    def top(value, axis_extent):
        """The best of the last axis, and where they are."""
        names = [f"{kind}{len(net.nodes)}" for kind in ("top", "at")]
        net.nodes.append(helper.make_node("TopK", [value, net.constant("i", np.array([axis_extent], np.int64))], names, name=names[0], axis=-1))
        return names

    _, at = top(net.node("ReduceMax", [scores], axes=[-1], keepdims=0), best)
    at = net.node("Unsqueeze", [at, net.ints(2)])
    boxes, scores = (net.node("GatherElements", [value, net.node("Expand", [at, net.ints(1, best, extent)])], axis=1)
                     for value, extent in ((boxes, 4), (scores, classes)))
    scores, at = top(net.node("Reshape", [scores, net.ints(1, best * classes)]), best)
    row, label = net.node("Div", [at, net.ints(classes)]), net.node("Mod", [at, net.ints(classes)])
    row = net.node("Expand", [net.node("Unsqueeze", [row, net.ints(2)]), net.ints(1, best, 4)])
    columns = [net.node("Unsqueeze", [column, net.ints(2)]) for column in (scores, net.node("Cast", [label], to=onnx.TensorProto.FLOAT))]
    return net.node("Concat", [net.node("GatherElements", [boxes, row], axis=1), *columns], axis=-1), [1, best, 6]


NETWORKS = {function.__name__: function for function in (resnet50, mobilenet_v1, mobilenet_v2, squeezenet, minilm, distilbert,
                                                             t5_encoder, ds_cnn, yolo_head)}
SIZES = {"minilm": 128, "distilbert": 128, "t5_encoder": 64, "ds_cnn": 49, "yolo_head": 640}  # 224 for images
# What plausible inputs are, as in models.json.
IMAGE = {"kind": "image", "low": -2, "high": 2}
TEXT = {"values": {"attention_mask": 1}}
INPUTS = {"minilm": TEXT, "distilbert": TEXT, "t5_encoder": TEXT}  # IMAGE for others


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
