#!/usr/bin/env python3
"""Trains the demo network: handwritten digits, 8x8 grey pixels, to ten probabilities. Writes digits.onnx and digits_samples.h.

Conv 3x3 (12) - ReLU - MaxPool - Conv 3x3 (24) - ReLU - MaxPool - Gemm (48) - ReLU - Gemm (10) - Softmax, trained by Adam in
numpy on 1,437 of scikit-learn's 1,797 digits, shifted by up to a pixel; the other 360 are the samples of the demo.
Same seed, same machine: same file. Needs numpy, onnx, scikit-learn. Usage: train_digits.py [FOLDER]
"""
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits

SEED = 7
EPOCHS = 60
BATCH = 64
HELD_OUT = 360
LEVELS = 16  # the data set counts 0..16 dark pixels of a 4x4 block


def columns(x):
    """x [N, C, H, W] -> the 3x3 neighbourhoods of every pixel, zero padded: [N, H, W, C * 9]."""
    n, c, h, w = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(n, h, w, c * 9)


def spread(gradient, c):
    """The transpose of `columns`: gradient [N, H, W, C * 9] -> [N, C, H, W]."""
    n, h, w, _ = gradient.shape
    gradient = gradient.reshape(n, h, w, c, 3, 3)
    out = np.zeros((n, c, h + 2, w + 2), gradient.dtype)
    for dy in range(3):
        for dx in range(3):
            out[:, :, dy:dy + h, dx:dx + w] += gradient[..., dy, dx].transpose(0, 3, 1, 2)
    return out[:, :, 1:-1, 1:-1]


class Conv:
    def __init__(self, random, inputs, outputs):
        self.parameters = [random.normal(0, np.sqrt(2 / (inputs * 9)), (outputs, inputs * 9)).astype(np.float32), np.zeros(outputs, np.float32)]

    def forward(self, x):
        self.channels, self.seen = x.shape[1], columns(x)
        return (self.seen @ self.parameters[0].T + self.parameters[1]).transpose(0, 3, 1, 2)

    def backward(self, gradient):
        gradient = gradient.transpose(0, 2, 3, 1)
        flat = gradient.reshape(-1, gradient.shape[-1])
        self.gradients = [flat.T @ self.seen.reshape(len(flat), -1), flat.sum(0)]
        return spread(gradient @ self.parameters[0], self.channels)


class Gemm:
    def __init__(self, random, inputs, outputs):
        self.parameters = [random.normal(0, np.sqrt(2 / inputs), (outputs, inputs)).astype(np.float32), np.zeros(outputs, np.float32)]

    def forward(self, x):
        self.shape, self.seen = x.shape, x.reshape(len(x), -1)
        return self.seen @ self.parameters[0].T + self.parameters[1]

    def backward(self, gradient):
        self.gradients = [gradient.T @ self.seen, gradient.sum(0)]
        return (gradient @ self.parameters[0]).reshape(self.shape)


class Relu:
    parameters = ()

    def forward(self, x):
        self.alive = x > 0
        return x * self.alive

    def backward(self, gradient):
        return gradient * self.alive


class MaxPool:
    parameters = ()

    def forward(self, x):
        n, c, h, w = x.shape
        blocks = x.reshape(n, c, h // 2, 2, w // 2, 2)
        best = blocks.max((3, 5), keepdims=True)
        self.won = blocks == best
        self.won = self.won / self.won.sum((3, 5), keepdims=True, dtype=np.float32)  # ties share the gradient
        return best[:, :, :, 0, :, 0]

    def backward(self, gradient):
        out = self.won * gradient[:, :, :, None, :, None]
        n, c, h, _, w, _ = out.shape
        return out.reshape(n, c, h * 2, w * 2)


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def forward(layers, x):
    for layer in layers:
        x = layer.forward(x)
    return x


def shifted(random, x):
    """Each image moved by -1, 0 or 1 pixels in both directions, zeros moving in."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    moves = random.integers(0, 3, (len(x), 2))
    return np.stack([image[:, dy:dy + 8, dx:dx + 8] for image, (dy, dx) in zip(padded, moves)])


def train(layers, x, labels, random):
    """Adam (Kingma and Ba 2015) on the cross entropy, with a learning rate that falls as a half cosine, and weight decay."""
    trainable = [layer for layer in layers if len(layer.parameters)]
    moments = [[(np.zeros_like(p), np.zeros_like(p)) for p in layer.parameters] for layer in trainable]
    step, steps = 0, EPOCHS * (len(x) // BATCH)
    for epoch in range(EPOCHS):
        order = random.permutation(len(x))
        loss = 0.0
        for start in range(0, len(x) - BATCH + 1, BATCH):
            batch = order[start:start + BATCH]
            probabilities = softmax(forward(layers, shifted(random, x[batch])))
            picked = probabilities[np.arange(BATCH), labels[batch]]
            loss -= float(np.log(picked + 1e-9).mean())
            gradient = probabilities.copy()
            gradient[np.arange(BATCH), labels[batch]] -= 1
            gradient /= BATCH
            for layer in reversed(layers):
                gradient = layer.backward(gradient)
            step += 1
            rate = 4e-3 * 0.5 * (1 + np.cos(np.pi * step / steps))
            for layer, layer_moments in zip(trainable, moments):
                for p, g, (m, v) in zip(layer.parameters, layer.gradients, layer_moments):
                    m += 0.1 * (g - m)
                    v += 0.001 * (g * g - v)
                    p -= (rate * ((m / (1 - 0.9 ** step)) / (np.sqrt(v / (1 - 0.999 ** step)) + 1e-8) + 1e-3 * p)).astype(np.float32)
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1:3}: loss {loss / (len(x) // BATCH):.4f}")


def write_model(layers, file, accuracy):
    """The trained layers as an ONNX graph, opset 13."""
    conv1, conv2, gemm1, gemm2 = (layer for layer in layers if len(layer.parameters))
    weights = {"conv1.weight": conv1.parameters[0].reshape(-1, 1, 3, 3), "conv1.bias": conv1.parameters[1],
               "conv2.weight": conv2.parameters[0].reshape(-1, len(conv1.parameters[0]), 3, 3), "conv2.bias": conv2.parameters[1],
               "gemm1.weight": gemm1.parameters[0], "gemm1.bias": gemm1.parameters[1],
               "gemm2.weight": gemm2.parameters[0], "gemm2.bias": gemm2.parameters[1]}
    pads = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
    node = helper.make_node
    nodes = [
        node("Conv", ["image", "conv1.weight", "conv1.bias"], ["conv1.out"], name="conv1", **pads),
        node("Relu", ["conv1.out"], ["relu1.out"], name="relu1"),
        node("MaxPool", ["relu1.out"], ["pool1.out"], name="pool1", **pool),
        node("Conv", ["pool1.out", "conv2.weight", "conv2.bias"], ["conv2.out"], name="conv2", **pads),
        node("Relu", ["conv2.out"], ["relu2.out"], name="relu2"),
        node("MaxPool", ["relu2.out"], ["pool2.out"], name="pool2", **pool),
        node("Flatten", ["pool2.out"], ["flat.out"], name="flat", axis=1),
        node("Gemm", ["flat.out", "gemm1.weight", "gemm1.bias"], ["gemm1.out"], name="gemm1", transB=1),
        node("Relu", ["gemm1.out"], ["relu3.out"], name="relu3"),
        node("Gemm", ["relu3.out", "gemm2.weight", "gemm2.bias"], ["gemm2.out"], name="gemm2", transB=1),
        node("Softmax", ["gemm2.out"], ["probabilities"], name="softmax", axis=1),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "digits", [value("image", TensorProto.FLOAT, [1, 1, 8, 8])],
                              [value("probabilities", TensorProto.FLOAT, [1, 10])],
                              [numpy_helper.from_array(w, name) for name, w in weights.items()])
    model = helper.make_model(graph, producer_name="tools/demo/train_digits.py", ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    model.doc_string = f"Handwritten digits, 8x8 pixels in [0, 1]; {accuracy:.1%} right of 360 held-out digits."
    onnx.checker.check_model(model, full_check=True)
    file.write_bytes(model.SerializeToString(deterministic=True))


def write_samples(pixels, labels, file):
    """The held-out digits as C: one letter a pixel, 'a' is white, 'q' is black."""
    lines = [f'    {{"{"".join(chr(ord("a") + int(p)) for p in image.ravel())}", {label}}},' for image, label in zip(pixels, labels)]
    file.write_text("/* The digits that digits.onnx was not trained on: 8x8 pixels, 'a' is white, 'q' (16 steps further) is black.\n"
                    "   Written by train_digits.py from scikit-learn's copy of the UCI digits (CC BY 4.0). */\n"
                    "#ifndef DIGITS_SAMPLES_H\n#define DIGITS_SAMPLES_H\n\n"
                    f"#define DIGITS_SAMPLES {len(lines)}\n"
                    "static const struct {\n  char pixels[65];\n  unsigned char label;\n} digits_samples[DIGITS_SAMPLES] = {\n"
                    + "\n".join(lines) + "\n};\n\n#endif\n")


def main(folder):
    random = np.random.default_rng(SEED)
    data = load_digits()
    order = random.permutation(len(data.images))
    images, labels = data.images[order], data.target[order]
    x = (images / LEVELS).astype(np.float32)[:, None]
    layers = [Conv(random, 1, 12), Relu(), MaxPool(), Conv(random, 12, 24), Relu(), MaxPool(), Gemm(random, 96, 48), Relu(), Gemm(random, 48, 10)]
    train(layers, x[HELD_OUT:], labels[HELD_OUT:], random)
    right = forward(layers, x[:HELD_OUT]).argmax(1) == labels[:HELD_OUT]
    print(f"held-out: {right.sum()} of {HELD_OUT} right ({right.mean():.1%})")
    write_model(layers, folder / "digits.onnx", right.mean())
    write_samples(images[:HELD_OUT], labels[:HELD_OUT], folder / "digits_samples.h")
    print(f"wrote {folder / 'digits.onnx'} ({(folder / 'digits.onnx').stat().st_size} bytes) and digits_samples.h")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
