"""Convolutions of one to three dims, and their transposed form."""
import numpy as np

from families.node import FLOATS, FUNCTION, maybe, values
from families.window import RANKS, window
from random_ops import pick


def conv(random, node):
    """Groups, strides, dilations, all rules of padding, filters that are constants or inputs."""
    rank = pick(random, RANKS)
    attributes, kernel, image = window(random, rank)
    dtype = pick(random, FLOATS)
    group = pick(random, [1, 1, 1, 2, 3])
    per_group = pick(random, [1, 2, 3, 4, 5])
    outputs = group * pick(random, [1, 2, 3, 4, 7])
    batch = pick(random, [1, 1, 2, 0] if maybe(random, 0.2) else [1, 2])
    operands = [node.operand(values(random, dtype, [batch, group * per_group, *image], False, -1, 1)),
                node.operand(values(random, dtype, [outputs, per_group, *kernel], False, -1, 1))]
    if maybe(random):
        operands.append(node.operand(values(random, dtype, [outputs], False, -1, 1)))
    attributes |= {"group": group} if group > 1 or maybe(random, 0.2) else {}
    attributes |= {"kernel_shape": kernel} if maybe(random, 0.7) else {}
    node.result("Conv", operands, dtype, FUNCTION, 8.0, **attributes)


def deform_conv(random, node):
    """Groups of channels and of offsets, with and without mask and bias; taps beside the image and between its pixels."""
    attributes, kernel, image = window(random, 2, names=False)
    dtype = pick(random, FLOATS)
    group, offset_group = pick(random, [1, 1, 2]), pick(random, [1, 1, 2, 3])
    inputs, outputs, batch = group * offset_group * pick(random, [1, 2, 3]), group * pick(random, [1, 2, 5]), pick(random, [1, 2])
    strides, dilations = attributes.get("strides", [1, 1]), attributes.get("dilations", [1, 1])
    pads = attributes.setdefault("pads", [0, 0, 0, 0])
    sizes = [(image[i] + pads[i] + pads[2 + i] - dilations[i] * (kernel[i] - 1) - 1) // strides[i] + 1 for i in range(2)]
    taps = offset_group * kernel[0] * kernel[1]
    operands = [node.operand(values(random, dtype, [batch, inputs, *image], False, -1, 1)),
                node.operand(values(random, dtype, [outputs, inputs // group, *kernel], False, -1, 1)),
                node.operand(values(random, dtype, [batch, 2 * taps, *sizes], False, -2, 2)),
                node.operand(values(random, dtype, [outputs], False, -1, 1)) if maybe(random) else ""]
    if maybe(random, 0.6):
        operands.append(node.operand(values(random, dtype, [batch, taps, *sizes], False, 0, 1)))
    attributes |= {"group": group} if group > 1 or maybe(random, 0.2) else {}
    attributes |= {"offset_group": offset_group} if offset_group > 1 or maybe(random, 0.2) else {}
    attributes |= {"kernel_shape": kernel} if maybe(random, 0.7) else {}
    # The reference finds positions in f32, of f64 as well.
    node.result("DeformConv", operands, dtype, (40 if dtype != np.float64 else 4e8) * FUNCTION, 8.0, **attributes)


def conv_transpose(random, node):
    """The same with output padding and output shapes."""
    rank = pick(random, RANKS)
    attributes, kernel, _ = window(random, rank)
    dtype = pick(random, FLOATS)
    group = pick(random, [1, 1, 2, 3])
    inputs, per_group = group * pick(random, [1, 2, 3]), pick(random, [1, 2, 3, 5])
    image = [int(e) for e in random.integers(1, {1: 12, 2: 7}.get(rank, 4), rank)]
    strides = attributes.get("strides", [1] * rank)
    if maybe(random, 0.3):
        attributes["output_padding"] = [int(random.integers(0, max(s, d))) for s, d in zip(strides, attributes.get("dilations", [1] * rank))]
    if maybe(random, 0.15) and "pads" not in attributes:
        attributes["output_shape"] = [e * s + int(random.integers(0, 2)) for e, s in zip(image, strides)]
    operands = [node.operand(values(random, dtype, [pick(random, [1, 2]), inputs, *image], False, -1, 1)),
                node.operand(values(random, dtype, [inputs, per_group, *kernel], False, -1, 1))]
    if maybe(random):
        operands.append(node.operand(values(random, dtype, [group * per_group], False, -1, 1)))
    attributes |= {"group": group} if group > 1 or maybe(random, 0.2) else {}
    attributes |= {"kernel_shape": kernel} if maybe(random, 0.7) else {}
    node.result("ConvTranspose", operands, dtype, FUNCTION, 8.0, **attributes)
