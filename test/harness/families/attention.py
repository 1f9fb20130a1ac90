"""Attention and rotary embeddings."""
import numpy as np

from families.node import FLOATS, FUNCTION, maybe, values
from random_ops import pick


def mask(random, node, dtype, shape) -> str:
    """What is added to products, or which of them count: at least one in each row."""
    own = [1 if extent != shape[-1] and maybe(random, 0.3) else extent for extent in shape]
    own[-2:] = shape[-2:]
    while len(own) > 2 and maybe(random, 0.4):
        own.pop(0)
    if maybe(random):
        return node.operand(values(random, dtype, own, False, -2, 2))
    counts = random.random(own) < 0.6
    counts[..., 0] = True
    return node.operand(counts)


def attention(random, node):
    """Attention in both layouts, with shared heads, masks, windows of the past, and its further results; RotaryEmbedding in all forms."""
    if maybe(random, 0.3):
        return rotary_embedding(random, node)
    dtype = pick(random, FLOATS)
    batch, key_heads, group = (pick(random, [1, 2, 3]) for _ in range(3))
    queries, keys, size, value_size = (pick(random, [1, 2, 3, 5, 8, 17]) for _ in range(4))
    heads, past = key_heads * group, pick(random, [0, 0, 0, 1, 4])
    attributes = {}
    if maybe(random):
        attributes["is_causal"] = 1
    for name, options in (("scale", (0.5, 1.0, 0.125)), ("softcap", (0.0, 2.0, 5.0))):
        if maybe(random, 0.3):
            attributes[name] = pick(random, options)
    shapes = [[batch, heads, queries, size], [batch, key_heads, keys, size], [batch, key_heads, keys, value_size]]
    is_packed = maybe(random, 0.4)
    if is_packed:
        shapes = [[b, rows, n * columns] for b, n, rows, columns in shapes]
        attributes |= {"q_num_heads": heads, "kv_num_heads": key_heads}
    operands = [node.operand(values(random, dtype, shape, False, -1, 1)) for shape in shapes]
    has_mask = maybe(random, 0.4)
    if has_mask:
        operands.append(mask(random, node, dtype, [batch, heads, queries, past + keys]))
    if past:
        operands += ([] if has_mask else [""]) + [node.operand(values(random, dtype, [batch, key_heads, past, columns], False, -1, 1)) for columns in (size, value_size)]
    dtypes = pick(random, [[dtype], [dtype] * 3] if past else [[dtype]])
    if maybe(random, 0.3):
        attributes["qk_matmul_output_mode"] = int(random.integers(0, 4))
        dtypes = (dtypes + [None, None])[:3] + [dtype]
    node.results("Attention", operands, dtypes, 4 * FUNCTION, 4.0, **attributes)
    node.halves = 4.0


def rotary_embedding(random, node):
    """Angles by position or by row, whole and partial, interleaved or in halves."""
    dtype = pick(random, FLOATS)
    batch, heads, rows = (pick(random, [1, 2, 3, 5]) for _ in range(3))
    half = pick(random, [1, 2, 3, 5])
    size = 2 * half + pick(random, [0, 0, 2, 4])
    attributes = {"interleaved": 1} if maybe(random) else {}
    if size != 2 * half:
        attributes["rotary_embedding_dim"] = 2 * half
    shape = [batch, heads, rows, size]
    if maybe(random):
        shape = [batch, rows, heads * size]
        attributes["num_heads"] = heads
    positions = maybe(random)
    own = [pick(random, [7, 11]), half] if positions else [batch, rows, half]
    operands = [node.operand(values(random, dtype, shape, False, -2, 2))]
    operands += [node.operand(values(random, dtype, own, False, -1, 1)) for _ in range(2)]
    if positions:
        operands.append(node.operand(random.integers(0, own[0], [batch, rows]).astype(np.int64)))
    node.result("RotaryEmbedding", operands, dtype, 4 * FUNCTION, 2.0, **attributes)
    node.halves = 4.0
