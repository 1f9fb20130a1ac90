"""Operators that onnxruntime's tools write into files (domain com.microsoft), of transformers and signals, against onnxruntime.

One model holds all of them, each with inputs and outputs of its own; a case is a line of `cases()`.
"""
import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import compare
import nncc
import oracle

MICROSOFT = "com.microsoft"


class Model:
    """Collects nodes. Operands are arrays: constants where `constant` says so, inputs of the model otherwise."""

    def __init__(self):
        self.random = np.random.default_rng(1)
        self.nodes, self.ports, self.weights, self.outputs, self.values = [], [], [], [], {}

    def floats(self, *shape, scale=1.0, dtype=np.float32):
        return (self.random.standard_normal(shape) * scale).astype(dtype)

    def bytes(self, dtype, *shape):
        limits = np.iinfo(dtype)
        return self.random.integers(limits.min, limits.max + 1, shape).astype(dtype)

    def operand(self, value, constant: bool) -> str:
        """The name of an operand; "" for one that is absent."""
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        name = f"t{len(self.ports) + len(self.weights)}"
        if isinstance(value, TensorProto):
            self.weights.append(value)
            value.name = name
        elif constant:
            self.weights.append(numpy_helper.from_array(np.asarray(value), name))
        else:
            element = helper.np_dtype_to_tensor_dtype(value.dtype)
            self.ports.append(helper.make_tensor_value_info(name, element, value.shape))
            self.values[name] = value
        return name

    def add(self, op: str, inputs, constants=(), outputs=1, domain="", of=np.float32, **attributes):
        """A node whose `constants` are positions of inputs; it is named by operator, place and attributes."""
        words = ",".join(f"{key}={value}" for key, value in attributes.items() if not isinstance(value, list))
        name = f"{op}#{len(self.nodes)} {words}".strip()
        names = [f"{name} out {i}" for i in range(outputs)]
        operands = [self.operand(value, i in constants) for i, value in enumerate(inputs)]
        self.nodes.append(helper.make_node(op, operands, names, domain=domain, **attributes))
        element = helper.np_dtype_to_tensor_dtype(np.dtype(of))
        self.outputs += [helper.make_tensor_value_info(output, element, None) for output in names]

    def inner(self, op: str, constants, **attributes) -> str:
        """A node of constants (arrays, or tensors of ONNX) and names; the name of its result."""
        name = f"{op} inside {len(self.nodes)}"
        self.nodes.append(helper.make_node(op, [self.operand(value, True) for value in constants], [name], **attributes))
        return name

    def save(self, path: Path):
        graph = helper.make_graph(self.nodes, "fused", self.ports, self.outputs, self.weights)
        opsets = [helper.make_opsetid("", 23), helper.make_opsetid(MICROSOFT, 1)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=11), path)


def activations(m: Model):
    x = m.floats(2, 3, 7)
    m.add("Gelu", [x], domain=MICROSOFT)
    m.add("BiasGelu", [x, m.floats(7)], domain=MICROSOFT)
    m.add("FastGelu", [x], domain=MICROSOFT)
    m.add("FastGelu", [x, m.floats(7)], domain=MICROSOFT)
    m.add("QuickGelu", [x], domain=MICROSOFT)
    m.add("QuickGelu", [x], domain=MICROSOFT, alpha=1.0)


def norms(m: Model):
    x, skip, gamma, beta, bias = m.floats(2, 3, 7), m.floats(2, 3, 7), m.floats(7), m.floats(7), m.floats(7)
    m.add("SkipLayerNormalization", [x, skip, gamma, beta, bias], {2, 3, 4}, domain=MICROSOFT, epsilon=1e-5)
    m.add("SkipLayerNormalization", [x, m.floats(3, 7), gamma], {2}, domain=MICROSOFT)
    m.add("SkipSimplifiedLayerNormalization", [x, skip, gamma, bias], {2, 3}, domain=MICROSOFT, epsilon=1e-3)
    m.add("SkipSimplifiedLayerNormalization", [x, m.floats(1, 3, 7), gamma], domain=MICROSOFT, epsilon=1e-5)
    m.add("SimplifiedLayerNormalization", [x, gamma], {1}, epsilon=1e-3)
    m.add("SimplifiedLayerNormalization", [x, m.floats(3, 7)], {1}, axis=1)
    m.add("RMSNormalization", [x, gamma], {1}, epsilon=1e-3)


def sums_beside_norms(m: Model):
    """The sum that was normalized is the fourth output."""
    x, skip, gamma = m.floats(2, 3, 7), m.floats(2, 3, 7), m.floats(7)
    for op, rest in (("SkipLayerNormalization", [m.floats(7), m.floats(7)]), ("SkipSimplifiedLayerNormalization", [m.floats(7)])):
        names = [f"{op} of sum", "", "", f"{op} sum"]
        operands = [m.operand(value, i > 1) for i, value in enumerate([x, skip, gamma, *rest])]
        m.nodes.append(helper.make_node(op, operands, names, domain=MICROSOFT, epsilon=1e-5))
        m.outputs += [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names if name]


def products(m: Model):
    m.add("FusedMatMul", [m.floats(2, 3, 5), m.floats(2, 5, 7)], domain=MICROSOFT, alpha=0.5)
    m.add("FusedMatMul", [m.floats(2, 5, 3), m.floats(2, 7, 5)], domain=MICROSOFT, transA=1, transB=1)
    m.add("FusedMatMul", [m.floats(3, 2, 5), m.floats(5, 2, 7)], domain=MICROSOFT, transBatchA=1, transBatchB=1)
    m.add("FusedMatMul", [m.floats(5, 2, 4, 3), m.floats(2, 4, 7, 5)], {1}, domain=MICROSOFT, transBatchA=1, transA=1, transB=1)
    m.add("FusedGemm", [m.floats(3, 5), m.floats(5, 7), m.floats(7)], {1, 2}, domain=MICROSOFT, activation="Relu", alpha=0.5)
    m.add("FusedGemm", [m.floats(5, 3), m.floats(7, 5), m.floats(3, 1)], domain=MICROSOFT, activation="LeakyRelu",
          activation_alpha=0.3, transA=1, transB=1, beta=2.0)
    m.add("FusedGemm", [m.floats(3, 5), m.floats(5, 7), m.floats(7)], {1}, domain=MICROSOFT, activation="Tanh")


def convolutions(m: Model):
    def conv(*rest, **attributes):
        m.add("FusedConv", [m.floats(2, 3, 6, 5), m.floats(4, 3, 3, 2), *rest], {1}, domain=MICROSOFT, **attributes)
    conv(m.floats(4), activation="Relu", pads=[1, 0, 1, 1], strides=[2, 1])
    conv(activation="LeakyRelu", activation_params=[0.3])
    conv(m.floats(4), m.floats(2, 4, 4, 4), activation="Clip", activation_params=[-0.5, 0.7])
    conv(None, m.floats(2, 4, 4, 4), activation="Tanh")
    conv(m.floats(4), activation="HardSigmoid", activation_params=[0.3, 0.4])
    conv(m.floats(4), activation="Sigmoid", auto_pad="SAME_UPPER")


def integers(m: Model):
    for left, right in ((np.uint8, np.int8), (np.uint8, np.uint8), (np.int8, np.int8)):
        a, b = m.bytes(left, 2, 3, 5), m.bytes(right, 5, 7)
        scales = np.array(0.02, np.float32), (abs(m.floats(7)) + 0.01).astype(np.float32)
        m.add("MatMulIntegerToFloat", [a, b, *scales, m.bytes(left), m.bytes(right, 7), m.floats(7)], {1, 3, 5, 6}, domain=MICROSOFT)
        m.add("MatMulIntegerToFloat", [a, b, scales[0], np.float32([0.03])], {1}, domain=MICROSOFT)
    for right in (np.int8, np.uint8):
        b, scales = m.bytes(right, 5, 7), (abs(m.floats(7)) * 0.01 + 0.001).astype(np.float32)
        m.add("DynamicQuantizeMatMul", [m.floats(2, 3, 5), b, scales, m.bytes(right, 7), m.floats(7)], {1, 2, 3, 4}, domain=MICROSOFT)
        m.add("DynamicQuantizeMatMul", [m.floats(3, 5), b, np.float32([0.01])], {1, 2}, domain=MICROSOFT)
    for kind in (np.uint8, np.int8):
        scales, zeros = (abs(m.floats(3)) * 0.01 + 0.005).astype(np.float32), m.bytes(kind, 3)
        x, y = ((m.bytes(kind, 2, 3, 5), scales[0], zeros[0]), (m.bytes(kind, 5), scales[1], zeros[1]))
        m.add("QLinearWhere", [m.random.random((3, 1)) < 0.5, *x, *y, scales[2], zeros[2]], {2, 3, 5, 6, 7, 8}, domain=MICROSOFT, of=kind)
    # Blocks that do not divide K; zero points of several values in a byte, of one each, and none.
    for bits, k, n, block in ((4, 40, 7, 16), (8, 32, 5, 16), (4, 200, 23, 16), (4, 96, 70, 32), (8, 300, 33, 128), (2, 515, 9, 16)):
        blocks = -(-k // block)
        b, scales = m.bytes(np.uint8, n, blocks, block * bits // 8), (abs(m.floats(n * blocks)) * 0.1 + 0.01).astype(np.float32)
        size = dict(K=k, N=n, bits=bits, block_size=block)
        # Scales of 32 bits, those that f16 holds, and, too small for that, those that bf16 holds.
        halves = scales.astype(np.float16).astype(np.float32), (scales.view(np.uint32) & 0xFFFF0000).view(np.float32) * np.float32(2**-20)
        for held in (scales, *halves):
            m.add("MatMulNBits", [m.floats(2, 3, k), b, held], {1, 2}, domain=MICROSOFT, **size)
            m.add("MatMulNBits", [m.floats(3, k), b, held, m.bytes(np.uint8, n * -(-blocks * bits // 8)), None, m.floats(n)], {1, 2, 3, 5},
                  domain=MICROSOFT, **size)
        m.add("MatMulNBits", [m.floats(19, k), b, halves[0]], {1, 2}, domain=MICROSOFT, **size)


def channels_last(m: Model):
    """What onnxruntime saves of quantized networks with all its optimizations."""
    for kind in (np.uint8, np.int8):
        x, scale, zero = m.bytes(kind, 2, 7, 5, 6), np.array(0.02, np.float32), m.bytes(kind, 1).reshape(()) // 4
        for outputs, channels, size, attributes in ((4, 6, (3, 2), dict(pads=[1, 0, 1, 1], strides=[2, 1])), (6, 1, (3, 3), dict(group=6, dilations=[1, 2])),
                                                    (9, 6, (1, 1), {})):
            each = (abs(m.floats(outputs)) * 0.004 + 0.002).astype(np.float32)
            m.add("QLinearConv", [x, scale, zero, m.bytes(np.int8, outputs, channels, *size), each, np.zeros(outputs, np.int8), np.array(0.6, np.float32), zero,
                                  m.random.integers(-9999, 9999, outputs).astype(np.int32)], {1, 2, 3, 4, 5, 6, 7, 8}, domain=MICROSOFT, of=kind, channels_last=1,
                  **attributes)
        m.add("NhwcMaxPool", [x], domain=MICROSOFT, of=kind, kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1])
        m.add("NhwcMaxPool", [x], domain=MICROSOFT, of=kind, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)


def tables(m: Model):
    """Rows of tables in 4 and 8 bits, in blocks that do and do not divide them."""
    ids = m.random.integers(0, 30, (2, 4))
    for element, low, columns, block in ((TensorProto.INT4, -8, 64, 32), (TensorProto.UINT4, 0, 64, 16), (TensorProto.INT4, -8, 48, 32)):
        def integers(*dims):
            return helper.make_tensor("", element, dims, m.random.integers(low, low + 16, dims).flatten())
        blocks = -(-columns // block)
        for more in ([], [integers(30, blocks)]):
            m.add("GatherBlockQuantized", [integers(30, columns), ids, abs(m.floats(30, blocks)), *more], {0, 2, 3}, domain=MICROSOFT, block_size=block)
    for bits in (4, 8):
        packed, scales = m.bytes(np.uint8, 30, 64 * bits // 8), abs(m.floats(30, 4))
        m.add("GatherBlockQuantized", [packed, ids, scales], {0, 2}, domain=MICROSOFT, block_size=16, bits=bits)
        m.add("GatherBlockQuantized", [packed, ids, scales, m.bytes(np.uint8, 30, 4 * bits // 8)], {0, 2, 3}, domain=MICROSOFT, block_size=16, bits=bits)


def small_weights(m: Model):
    """Constants that stay in 4, 8 or 16 bits: scales of columns and of blocks, few and many rows, panels of all widths."""
    def parameters(element, *shape, block):
        limits = {TensorProto.INT4: (-8, 7), TensorProto.UINT4: (0, 15), TensorProto.INT8: (-128, 127), TensorProto.UINT8: (0, 255)}[element]
        def integers(*dims):
            return helper.make_tensor("", element, dims, m.random.integers(limits[0], limits[1] + 1, dims).flatten())
        of_scales = (-(-shape[0] // block), shape[1]) if block else (shape[1],)
        scales = (abs(m.floats(*of_scales)) * 0.1 + 0.01).astype(np.float32)
        return integers(*shape), scales, integers(*of_scales)
    for element, rows, k, n, block in ((TensorProto.INT8, 1, 50, 139, 0), (TensorProto.UINT4, 3, 48, 94, 8), (TensorProto.INT4, 33, 64, 70, 32),
                                       (TensorProto.UINT8, 9, 300, 40, 100), (TensorProto.INT4, 2, 1030, 8, 0), (TensorProto.INT8, 1, 1024, 20, 512), (TensorProto.INT8, 2, 1024, 68, 512)):
        constants = parameters(element, k, n, block=block)
        weights = m.inner("DequantizeLinear", constants, axis=0 if block else 1, **({"block_size": block} if block else {}))
        m.add("MatMul", [m.floats(2, rows, k), weights])
    # Weights of floats behind pairs, beyond what 4 bits hold, too.
    for element, zero, more in ((TensorProto.INT4, -2, {"axis": 1}), (TensorProto.UINT4, 7, {"axis": 0, "block_size": 16})):
        scales = (abs(m.floats(*((4, 48) if "block_size" in more else (48,)))) * 0.1 + 0.1).astype(np.float32)
        zeros = [helper.make_tensor("", element, scales.shape, [zero] * scales.size) for _ in range(2)]
        pair = m.inner("QuantizeLinear", [m.floats(64, 48), scales, zeros[0]], **more)
        m.add("MatMul", [m.floats(5, 64), m.inner("DequantizeLinear", [pair, scales, zeros[1]], **more)])
    # The scale is read by what follows, too: loops.
    values, scales, zeros = parameters(TensorProto.INT8, 130, 39, block=0)
    scales = m.operand(scales, True)
    product = m.inner("MatMul", [m.operand(m.floats(3, 130), False), m.inner("DequantizeLinear", [values, scales, zeros], axis=1)])
    m.add("Mul", [product, scales])
    # Filters: steps, pads, dilations, groups; the last has so many kinds of borders that loops run it.
    for element, zero, outputs, channels, window, x, attributes in (
            (TensorProto.INT8, 0, 40, 48, (3, 3), (9, 7), dict(pads=[1, 1, 1, 1])), (TensorProto.UINT8, 128, 9, 16, (1, 1), (9, 7), dict(strides=[2, 2])),
            (TensorProto.INT8, 0, 32, 32, (3, 2), (9, 7), dict(group=2, pads=[2, 2, 1, 0], dilations=[2, 1], strides=[1, 2])),
            (None, 0, 70, 64, (3, 3), (9, 7), dict(pads=[0, 1, 1, 0], strides=[2, 1])), (TensorProto.INT8, 0, 37, 37, (3, 3), (9, 7), dict(group=37, pads=[1, 1, 1, 1])),
            (TensorProto.UINT8, 128, 24, 24, (1, 5), (9, 7), dict(group=24, dilations=[1, 2], pads=[0, 2, 0, 1])), (None, 0, 160, 160, (11, 10), (13, 12), dict(group=160)),
            (TensorProto.INT8, 0, 16, 16, (5, 5), (9, 8), dict(group=16, strides=[3, 2])), (TensorProto.INT8, 0, 8, 16, (33, 33), (20, 19), dict(pads=[32] * 4))):
        shape = outputs, channels // attributes.get("group", 1), *window
        if element:
            values = helper.make_tensor("", element, shape, m.random.integers(zero - 128, zero + 128, shape).flatten())
            constants = values, (abs(m.floats(outputs)) * 0.1 + 0.01).astype(np.float32), helper.make_tensor("", element, [outputs], [zero] * outputs)
            filters = m.inner("DequantizeLinear", constants, axis=0)
        else:
            filters = m.inner("Cast", [m.floats(*shape, dtype=np.float16)], to=TensorProto.FLOAT)
        m.add("Conv", [m.floats(2, channels, *x), filters, m.floats(outputs)], {2}, **attributes)
    halves = m.floats(150, 120, dtype=np.float16)  # fewer are folded
    m.add("Gemm", [m.floats(5, 150), m.inner("Cast", [halves], to=TensorProto.FLOAT), m.floats(120)])


def recurrent(m: Model):
    steps, batch, inputs, hidden = 3, 2, 5, 4
    for directions, direction, weight in ((1, "forward", np.int8), (1, "reverse", np.uint8), (2, "bidirectional", np.int8)):
        columns = 4 * hidden
        state = [m.floats(directions, batch, hidden, scale=0.5) for _ in range(2)]
        shape = (directions, columns) if direction == "bidirectional" else (directions,)
        scales = [(abs(m.floats(*shape)) * 0.002 + 0.002).astype(np.float32) for _ in range(2)]
        zeros = [np.full(shape, 0 if weight == np.int8 else 128, weight)] * 2
        m.add("DynamicQuantizeLSTM",
              [m.floats(steps, batch, inputs), m.bytes(weight, directions, inputs, columns), m.bytes(weight, directions, hidden, columns),
               m.floats(directions, 2 * columns), None, *(state if directions == 1 else [None, None]),
               m.floats(directions, 3 * hidden) if direction == "reverse" else None, scales[0], zeros[0], scales[1], zeros[1]],
              {1, 2, 3, 7, 8, 9, 10, 11}, outputs=3, domain=MICROSOFT, direction=direction, hidden_size=hidden)


def attention(m: Model):
    def unpacked(heads, keyHeads, queries=3, keys=5, size=4, valueSize=6):
        return [m.floats(2, heads, queries, size), m.floats(2, keyHeads, keys, size), m.floats(2, keyHeads, keys, valueSize)]
    m.add("Attention", unpacked(2, 2))
    m.add("Attention", unpacked(4, 2), scale=0.7, softcap=2.0)
    m.add("Attention", unpacked(2, 2, queries=5), is_causal=1)
    m.add("Attention", [*unpacked(2, 2), m.floats(3, 5)])
    m.add("Attention", [*unpacked(2, 2), m.random.random((2, 1, 3, 5)) < 0.6])
    m.add("Attention", [*unpacked(6, 2), m.random.random((2, 6, 3, 5)) < 0.6], softcap=3.0)
    m.add("Attention", [m.floats(2, 3, 8), m.floats(2, 5, 8), m.floats(2, 5, 6)], q_num_heads=2, kv_num_heads=2)
    m.add("Attention", [m.floats(2, 3, 16), m.floats(2, 5, 8), m.floats(2, 5, 6)], q_num_heads=4, kv_num_heads=2, is_causal=1)
    # Scores of so many queries and keys are computed in blocks.
    m.add("Attention", unpacked(2, 2, queries=131, keys=151))
    m.add("Attention", unpacked(2, 2, queries=140, keys=140), is_causal=1)
    m.add("Attention", [*unpacked(2, 2, queries=133, keys=149), m.floats(133, 149)])
    m.add("Attention", [m.floats(2, 121, 16), m.floats(2, 143, 16), m.floats(2, 143, 12)], q_num_heads=2, kv_num_heads=2, softcap=2.0)
    past = [m.floats(2, 2, 7, 4), m.floats(2, 2, 7, 6)]
    m.add("Attention", [*unpacked(2, 2, keys=3), None, *past], outputs=3, is_causal=1)
    for mode in (0, 1, 2, 3):
        m.add("Attention", [*unpacked(2, 2, keys=3), m.floats(3, 10), *past], outputs=4, softcap=1.5, qk_matmul_output_mode=mode)
    angles = [m.floats(9, 2), m.floats(9, 2)]
    ids = m.random.integers(0, 9, (2, 5)).astype(np.int64)
    for interleaved in (0, 1):
        m.add("RotaryEmbedding", [m.floats(2, 3, 5, 4), *angles, ids], {1, 2}, interleaved=interleaved)
        m.add("RotaryEmbedding", [m.floats(2, 5, 18), *angles, ids], {1, 2}, interleaved=interleaved, num_heads=3, rotary_embedding_dim=4)
        m.add("RotaryEmbedding", [m.floats(2, 3, 5, 4), m.floats(2, 5, 2), m.floats(2, 5, 2)], interleaved=interleaved)


def attention_of_tools(m: Model):
    """GroupQueryAttention with a cache that grows or has room, MultiHeadAttention, RotaryEmbedding, of com.microsoft."""
    def grouped(batch, fresh, kept, total, lengths, heads=4, key_heads=2, size=16, more=(), packed=False, **attributes):
        width, key_width = heads * size, key_heads * size
        qkv = [m.floats(batch, fresh, width + 2 * key_width), None, None] if packed else [m.floats(batch, fresh, width), m.floats(batch, fresh, key_width), m.floats(batch, fresh, key_width)]
        past = [m.floats(batch, key_heads, kept, size) for _ in range(2)] if kept else [None, None]
        caches = [m.floats(40, size // 2) for _ in range(2)] if attributes.get("do_rotary") else [None, None]
        m.add("GroupQueryAttention", [*qkv, *past, np.int32(lengths) - 1, np.array(total, np.int32), *caches, *more], {6, 7, 8}, outputs=3,
              domain=MICROSOFT, num_heads=heads, kv_num_heads=key_heads, **attributes)
    grouped(1, 5, 0, 5, [5])
    grouped(2, 5, 9, 5, [5, 5], do_rotary=1)
    grouped(1, 1, 7, 8, [8], do_rotary=1, rotary_interleaved=1, scale=0.5)
    grouped(3, 1, 12, 12, [4, 12, 9], do_rotary=1, packed=True)
    grouped(1, 3, 6, 9, [9], softcap=2.0)
    grouped(2, 1, 20, 20, [17, 3], local_window_size=4, do_rotary=1)
    grouped(1, 9, 0, 9, [9], local_window_size=3, heads=6, key_heads=1)
    grouped(1, 2, 6, 8, [8], smooth_softmax=1)
    grouped(1, 1, 6, 7, [7], more=[np.array([[6]]), m.floats(1, 4, 1, 7), m.floats(4)], do_rotary=1)
    def multi(inputs, **attributes):
        m.add("MultiHeadAttention", inputs, domain=MICROSOFT, num_heads=2, **attributes)
    q, kv = m.floats(2, 3, 8), lambda: m.floats(2, 5, 8)
    multi([q, kv(), kv()])
    multi([q, kv(), m.floats(2, 5, 12), m.floats(28)], scale=0.7)
    multi([q, kv(), kv(), None, np.int32([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])])
    multi([q, kv(), kv(), None, None, m.floats(1, 2, 3, 5)])
    multi([q, q, q, m.floats(24)], unidirectional=1)
    multi([q, m.floats(2, 2, 5, 4), m.floats(2, 2, 5, 4)])
    multi([q, q, q, None, np.int32([[0, 1, 0], [1, 0, 1]])], unidirectional=1, mask_filter_value=float(np.finfo(np.float32).min))
    caches = [m.floats(9, 2), m.floats(9, 2)]
    for interleaved in (0, 1):
        m.add("RotaryEmbedding", [m.floats(2, 5, 12), m.random.integers(0, 9, (2, 5)), *caches], {2, 3}, domain=MICROSOFT, interleaved=interleaved)
        m.add("RotaryEmbedding", [m.floats(2, 3, 5, 4), np.array([3]), *caches], {2, 3}, domain=MICROSOFT, interleaved=interleaved)
    m.add("RotaryEmbedding", [m.floats(1, 5, 18), np.arange(5)[None], *caches], {2, 3}, domain=MICROSOFT, num_heads=3, rotary_embedding_dim=4)


def projected_attention(m: Model):
    """Attention of com.microsoft, which multiplies by its weights itself, and QAttention, whose input and weights are bytes."""
    batch, steps, inputs, heads, size, kept = 2, 3, 5, 2, 4, 2
    x, weights, bias = m.floats(batch, steps, inputs), m.floats(inputs, 3 * heads * size), m.floats(3 * heads * size)
    past = m.floats(2, batch, heads, kept, size)

    def attend(mask=None, past=None, added=None, constants=frozenset({1, 2}), weights=weights, bias=bias, **attributes):
        m.add("Attention", [x, weights, bias, mask, past, added], constants, outputs=1 if past is None else 2, domain=MICROSOFT, num_heads=heads, **attributes)
    attend()
    attend(constants=frozenset(), scale=0.3)
    attend(np.int32([3, 1]))
    attend(np.int32([3, 2, 1, 0]))
    attend(np.int32([[1, 1, 0], [0, 1, 1]]))
    attend(np.int32([[1, 0, 1], [0, 1, 1]]), mask_filter_value=-20.0, unidirectional=1)
    # Padding in front, of a decoder: its first queries see nothing else.
    for filter in (-1e4, float(np.finfo(np.float32).min)):
        attend(np.int32([[0, 1, 0], [1, 0, 1]]), mask_filter_value=filter, unidirectional=1)
    attend(np.int32([3, 2, 0, 3, 5, 0, 3, 5]))
    lowest = np.full((1, 1, steps, steps), np.finfo(np.float32).min, np.float32)
    lowest[..., 1:] = 0
    attend(None, None, np.broadcast_to(lowest, (1, heads, steps, steps)).copy(), unidirectional=1)
    attend((m.random.random((batch, steps, steps)) < 0.6).astype(np.int32))
    attend(np.int32([[0], [1]]))
    attend(np.int32([[0]]), unidirectional=1)
    attend(None, past)
    attend(np.int32([[0, 1, 1, 1, 1], [1, 1, 1, 1, 0]]), past, unidirectional=1)
    attend(np.int32([4, 5]), past)
    attend(None, None, m.floats(1, heads, steps, steps))
    attend(weights=m.floats(inputs, 2 * heads * size + 12), bias=m.floats(2 * heads * size + 12), qkv_hidden_sizes=[8, 8, 12])
    mask = np.int32([[1, 1, 0], [0, 1, 1]])
    for kind in (np.int8, np.uint8):
        bytes, columns = m.bytes(kind, inputs, 3 * heads * size), 3 * heads * size
        each = (abs(m.floats(columns)) * 0.004 + 0.001).astype(np.float32)
        for scale, zero, state, more in ((np.float32(0.004), np.array(3, kind), None, {}), (each, m.bytes(kind, columns) // 8, None, dict(scale=0.3)),
                                         (each, None, past, dict(unidirectional=1))):
            m.add("QAttention", [m.bytes(np.uint8, batch, steps, inputs), bytes, bias, np.array(0.02, np.float32), scale, mask if state is None else None,
                                 np.array(120, np.uint8), zero, state], {1, 2, 4, 7}, outputs=1 if state is None else 2, domain=MICROSOFT, num_heads=heads, **more)


def embeddings(m: Model):
    """Rows of tables that are added up and normalized, as floats and as bytes; words that a mask leaves are counted."""
    words, segments = m.random.integers(0, 9, (2, 4)).astype(np.int32), m.random.integers(0, 2, (2, 4)).astype(np.int32)
    positions, masks = m.random.integers(0, 5, (2, 4)).astype(np.int32), np.int32([[1, 1, 0, 1], [2, 1, 0, 0]])

    def embed(op, operands, constants, kinds):
        names = [f"{op}#{len(m.nodes)} out {i}" for i in range(len(kinds))]
        m.nodes.append(helper.make_node(op, [m.operand(value, i in constants) for i, value in enumerate(operands)], names, domain=MICROSOFT, epsilon=1e-5,
                                       **({} if len(kinds) > 1 else {"mask_index_type": 0})))
        m.outputs += [helper.make_tensor_value_info(name, kind, None) for name, kind in zip(names, kinds)]
    tables, vectors = [m.floats(9, 6), m.floats(5, 6), m.floats(2, 6)], [m.floats(6), m.floats(6)]
    real, whole = TensorProto.FLOAT, TensorProto.INT32
    embed("EmbedLayerNormalization", [words, segments, *tables, *vectors, masks], {2, 3, 4, 5, 6}, [real, whole, real])
    embed("EmbedLayerNormalization", [words, None, *tables[:2], None, *vectors, None, positions], {2, 3, 5, 6}, [real])
    embed("EmbedLayerNormalization", [words, None, *tables[:2], None, *vectors, None, positions[:1]], {5, 6}, [real])
    for kind in (np.int8, np.uint8):
        tables, vectors = [m.bytes(kind, 9, 6), m.bytes(kind, 5, 6), m.bytes(kind, 2, 6)], [m.bytes(kind, 6), m.bytes(kind, 6)]
        scales, zeros = [np.array(value, np.float32) for value in (0.01, 0.02, 0.03, 0.04, 0.05)], [m.bytes(kind, 1).reshape(()) for _ in range(5)]
        embed("QEmbedLayerNormalization", [words, segments, *tables, *vectors, masks, *scales, *zeros], set(range(2, 7)) | set(range(8, 18)), [real, whole])
        embed("QEmbedLayerNormalization", [words, None, *tables[:2], None, *vectors, None, *scales[:2], None, *scales[3:], *zeros[:2], None, *zeros[3:]],
              set(range(2, 7)) | set(range(8, 18)), [real, whole])


def signals(m: Model):
    m.add("DFT", [m.floats(2, 5, 3, 1), np.array(7, np.int64), np.array(1, np.int64)], {1, 2}, onesided=1)
    m.add("DFT", [m.floats(2, 6, 2), np.array(4, np.int64)], {1}, inverse=1)
    m.add("STFT", [m.floats(2, 23, 1), np.array(3, np.int64), m.floats(8)], {1, 2})
    m.add("STFT", [m.floats(2, 23, 1), np.array(5, np.int64), None, np.array(7, np.int64)], {1, 3}, onesided=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="NAME", help="one group of cases: activations, norms, ...")
    nncc.add_machine_arguments(parser, "both")
    options = parser.parse_args()
    model = Model()
    for group in (activations, norms, sums_beside_norms, products, convolutions, integers, channels_last, tables, small_weights, recurrent, attention,
                  attention_of_tools, projected_attention, embeddings, signals):
        if options.only in ("", group.__name__):
            group(model)
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="nncc-fused-") as scratch:
        file = Path(scratch) / "fused.onnx"
        model.save(file)
        expected = oracle.run(str(file), model.values)
        for program in nncc.machines(options):
            got = program.run(file, model.values).outputs
            for name, reference in expected.items():
                problem = compare.invalid_reference(reference) or compare.difference(got[name], reference)
                if problem:
                    wrong += 1
                    print(f"FAIL {name} on {program.target}: {problem}")
            print(f"{program.target}: {len(expected)} outputs of {len(model.nodes)} nodes compared")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
