"""Products of matrices."""
import numpy as np

from families.node import FLOATS, FUNCTION, INTS, extents, maybe, values
from random_ops import pick


def matmul(random, node):
    """MatMul of any ranks, with batches that broadcast, and Gemm with all of its forms; dims of 1 and 0, and integers."""
    dtype = pick(random, (*FLOATS, *FLOATS, np.dtype(np.int32), np.dtype(np.int64), np.dtype(np.uint32), np.dtype(np.uint64)))
    m, k, n = (pick(random, [1, 2, 3, 5, 8, 17, 33]) for _ in range(3))
    if maybe(random, 0.06):
        m, k, n = pick(random, [(0, k, n), (m, 0, n), (m, k, 0)])
    scale = float(max(k, 1)) / 2
    if maybe(random):
        trans_a, trans_b = maybe(random, 0.4), maybe(random, 0.4)
        operands = [node.operand(values(random, dtype, [k, m] if trans_a else [m, k], False, -1, 1)),
                    node.operand(values(random, dtype, [n, k] if trans_b else [k, n], False, -1, 1))]
        if node.opset < 11 or maybe(random, 0.7):
            operands.append(node.operand(values(random, dtype, pick(random, [[m, n], [n], [1, n], [m, 1], [1], [1, 1], []]), False, -1, 1)))
        attributes = {"transA": 1} if trans_a else {}
        attributes |= {"transB": 1} if trans_b else {}
        if maybe(random, 0.3):
            attributes["alpha"] = pick(random, [0.5, 2.0, 1.0] if dtype in FLOATS else [1.0, 2.0])
        if maybe(random, 0.3):
            attributes["beta"] = pick(random, [0.5, 2.0, 0.0] if dtype in FLOATS else [1.0, 2.0, 0.0])
        node.result("Gemm", operands, dtype, FUNCTION, scale, **attributes)
        return
    batch = extents(random, 0, 2)
    a, b = [*batch, m, k], [*batch, k, n]
    for own in (a, b):
        for at in range(len(batch)):
            if maybe(random, 0.2):
                own[at] = 1
        while len(own) > 2 and maybe(random, 0.3):
            own.pop(0)
    if maybe(random, 0.12):
        a = [k]
    if maybe(random, 0.12):
        b = [k]
    node.result("MatMul", [node.operand(values(random, dtype, a, False, -1, 1)), node.operand(values(random, dtype, b, False, -1, 1))],
                dtype, FUNCTION, scale)


EQUATIONS = ("ij,jk->ik", "ij,jk", "bij,bjk->bik", "ij->ji", "ij->i", "ij->", "i,j->ij", "i,i->", "ij,ij->", "bhid,bhjd->bhij",
             "bhij,bhjd->bhid", "ii->i", "ii", "...ij,...jk->...ik", "...i->...", "bij,jk->bik", "ij,kj,lj->ikl", "abc,cd,de->abe",
             "bi,bj->bij", "bij,bj->bi", "i->ii" , "ij,jk->ki", "ba,b->a", "a...,b...->ab...", " i j , j k -> i k ", "aij,ajk->k")


def einsum(random, node):
    """Sums of products by an equation."""
    equation = pick(random, EQUATIONS)
    dtype = pick(random, (*FLOATS, np.dtype(np.int32), np.dtype(np.int64)))
    if equation.count(",") > 1 and dtype.itemsize == 2:
        dtype = np.dtype(np.float32)  # what is between two products is rounded to 16 bits
    sizes, ellipsis = {}, [int(d) for d in random.integers(1, 4, int(random.integers(0, 3)))]
    operands = []
    for term in equation.split("->")[0].replace(" ", "").split(","):
        letters = term.replace("...", ".")
        shape = []
        for letter in letters:
            if letter == ".":
                shape += ellipsis
            else:
                shape.append(sizes.setdefault(letter, pick(random, [1, 2, 3, 4, 5, 7])))
        operands.append(node.operand(values(random, dtype, shape, False, -1, 1)))
    node.result("Einsum", operands, dtype, FUNCTION, 8.0, equation=equation)
    node.halves = 2.0  # sums over several dims may be of two steps
