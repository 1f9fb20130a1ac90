"""Operators that onnxruntime's tools write into files, of the domain com.microsoft."""
import numpy as np

from families.node import FUNCTION, ROUNDED, extents, maybe, values
from families.quant import BYTES, points
from random_ops import pick

DOMAIN = "com.microsoft"
F32 = np.dtype(np.float32)


def contrib(random, node):
    """Activations, norms of sums, products and convolutions with what is fused into them, products of quantized values."""
    node.special = False
    pick(random, (activation, norm_of_sum, product, gemm, convolution, integers_to_float, dynamic_product))(random, node)


def operand(random, node, shape, low=-1.0, high=1.0) -> str:
    """Floats of some shape."""
    return node.operand(values(random, F32, shape, False, low, high))


def activation(random, node):
    """With and without a bias of the last dim."""
    op = pick(random, ["Gelu", "FastGelu", "FastGelu", "BiasGelu", "QuickGelu"])
    shape = extents(random, 1, 4)
    operands = [operand(random, node, shape, -4, 4)]
    if op == "BiasGelu" or (op == "FastGelu" and maybe(random)):
        operands.append(operand(random, node, shape[-1:]))
    attributes = {"alpha": pick(random, [1.0, 1.702, 0.5])} if op == "QuickGelu" and maybe(random) else {}
    node.result(op, operands, F32, 4 * FUNCTION, 1.0, domain=DOMAIN, **attributes)


def norm_of_sum(random, node):
    """The sum is a result of its own, where it is asked for."""
    op = pick(random, ["SkipLayerNormalization", "SkipSimplifiedLayerNormalization"])
    shape = [pick(random, [1, 2, 3]), pick(random, [1, 3, 5]), pick(random, [2, 7, 8, 19, 33])]
    skips = [shape, shape, shape[1:], [1, *shape[1:]]]
    operands = [operand(random, node, shape, -4, 4), operand(random, node, pick(random, skips), -4, 4), operand(random, node, shape[-1:], 0.5, 1.5)]
    vectors = ["beta", "bias"] if op == "SkipLayerNormalization" else ["bias"]
    operands += [operand(random, node, shape[-1:]) for _ in range(int(random.integers(0, len(vectors) + 1)))]
    dtypes = pick(random, [[F32], [F32, None, None, F32]])
    node.results(op, operands, dtypes, 8 * FUNCTION, 4.0, domain=DOMAIN, epsilon=pick(random, [1e-5, 1e-3, 0.1]))


def product(random, node):
    """FusedMatMul: matrices transposed in their last two dims, or with the rows in front of the batch."""
    m, k, n = (pick(random, [1, 2, 3, 5, 8, 17]) for _ in range(3))
    batch = [pick(random, [1, 2, 3]) for _ in range(pick(random, [0, 1, 2]))]
    attributes = {"alpha": pick(random, [0.5, 2.0, 1.0])} if maybe(random) else {}
    shapes = []
    for side, (rows, columns) in (("A", (m, k)), ("B", (k, n))):
        swaps, fronts = maybe(random, 0.4), bool(batch) and maybe(random, 0.3)
        attributes |= {f"trans{side}": 1} if swaps else {}
        attributes |= {f"transBatch{side}": 1} if fronts else {}
        own = [columns, rows] if swaps else [rows, columns]
        shapes.append([own[0], *batch, own[1]] if fronts else [*batch, *own])
    operands = [operand(random, node, shape) for shape in shapes]
    node.result("FusedMatMul", operands, F32, FUNCTION, float(k), domain=DOMAIN, **attributes)


def fused_activation(random) -> dict:
    """The activation of a FusedGemm or FusedConv, and its numbers by position."""
    name, numbers = pick(random, [("Relu", []), ("LeakyRelu", [0.3]), ("Tanh", []), ("Sigmoid", []), ("HardSigmoid", [0.3, 0.4]), ("Clip", [-0.5, 0.7])])
    return {"activation": name, "numbers": numbers}


def gemm(random, node):
    """FusedGemm."""
    m, k, n = (pick(random, [1, 2, 3, 5, 8, 17]) for _ in range(3))
    attributes = {name: 1 for name in ("transA", "transB") if maybe(random, 0.4)}
    attributes |= {name: pick(random, [0.5, 2.0]) for name in ("alpha", "beta") if maybe(random, 0.3)}
    then = fused_activation(random)
    if then["activation"] == "Clip":  # which it has no numbers for
        then = {"activation": "Relu", "numbers": []}
    attributes["activation"] = then["activation"]
    attributes |= dict(zip(("activation_alpha", "activation_beta"), then["numbers"]))
    operands = [operand(random, node, [k, m] if "transA" in attributes else [m, k]), operand(random, node, [n, k] if "transB" in attributes else [k, n])]
    if maybe(random, 0.7):
        operands.append(operand(random, node, pick(random, [[m, n], [n], [1, n], [m, 1], [1]])))
    node.result("FusedGemm", operands, F32, FUNCTION, 2.0 * k, domain=DOMAIN, **attributes)


def convolution(random, node):
    """FusedConv, with a bias and an image that is added."""
    channels, filters = pick(random, [1, 2, 3, 8]), pick(random, [1, 2, 4, 9])
    image, kernel = [int(d) for d in random.integers(4, 9, 2)], [int(d) for d in random.integers(1, 4, 2)]
    pads = [int(d) for d in random.integers(0, 2, 4)]
    strides = [int(d) for d in random.integers(1, 3, 2)]
    out = [(extent + before + after - taps) // step + 1
           for extent, before, after, taps, step in zip(image, pads[:2], pads[2:], kernel, strides)]
    then, attributes = fused_activation(random), {"pads": pads, "strides": strides}
    attributes |= {"activation": then["activation"]} | ({"activation_params": then["numbers"]} if then["numbers"] else {})
    operands = [operand(random, node, [2, channels, *image]), operand(random, node, [filters, channels, *kernel])]
    if maybe(random):
        operands.append(operand(random, node, [filters]))
    if maybe(random, 0.4):
        operands += [""] * (3 - len(operands)) + [operand(random, node, [2, filters, *out])]
    node.result("FusedConv", operands, F32, FUNCTION, float(channels * kernel[0] * kernel[1]), domain=DOMAIN, **attributes)


def quantized_operands(random, node, op):
    """Shapes and the operands after A: B, and the scales, zero points and bias that a product of bytes has."""
    m, k, n = (pick(random, [1, 2, 3, 5, 9, 18]) for _ in range(3))
    kind = pick(random, BYTES)
    column = pick(random, [[], [1], [n]])
    scale = np.asarray(random.uniform(0.01, 0.05, column)).astype(np.float32)
    return [*extents(random, 0, 1, empty=0.0), m, k], values(random, kind, [k, n], True), scale, points(random, kind, column), n


def integers_to_float(random, node):
    """MatMulIntegerToFloat."""
    shape, b, scale, zero, n = quantized_operands(random, node, "MatMulIntegerToFloat")
    kind = pick(random, BYTES)
    operands = [node.operand(values(random, kind, shape, True)), node.operand(b), node.operand(np.float32(0.02)), node.operand(scale)]
    if maybe(random):
        operands += [node.operand(points(random, kind, [])), node.operand(zero)]
        if maybe(random):
            operands.append(operand(random, node, [n]))
    node.result("MatMulIntegerToFloat", operands, F32, 4 * ROUNDED, 20.0 * shape[-1], domain=DOMAIN)


def dynamic_product(random, node):
    """DynamicQuantizeMatMul; the range of A decides its scale."""
    shape, b, scale, zero, n = quantized_operands(random, node, "DynamicQuantizeMatMul")
    operands = [operand(random, node, shape, -2, 2), node.operand(b), node.operand(scale)]
    if maybe(random):
        operands.append(node.operand(zero))
        if maybe(random):
            operands.append(operand(random, node, [n]))
    node.result("DynamicQuantizeMatMul", operands, F32, 4 * ROUNDED, 20.0 * shape[-1], domain=DOMAIN)
