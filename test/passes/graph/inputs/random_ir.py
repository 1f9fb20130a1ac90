#!/usr/bin/env python3
"""Prints random graphs of nn ops, full of transpositions, reshapes and shared values, for passes to survive.

Usage: random_ir.py SEED COUNT. One function @main in each of COUNT modules, separated for --split-input-file.
"""
import math
import random
import sys


class Graph:
    def __init__(self, rng):
        self.rng, self.lines, self.values, self.number = rng, [], [], 0

    def type(self, shape):
        return "tensor<" + "".join(f"{d}x" for d in shape) + "f32>"

    def emit(self, text, shape):
        name = f"%v{self.number}"
        self.lines.append(f'  {name} = {text} -> {self.type(shape)} loc("node{self.number}")')
        self.number += 1
        self.values.append((name, list(shape)))
        return self.values[-1]

    def constant(self, shape):
        name = f"%c{self.number}"
        self.number += 1
        count = math.prod(shape)
        if self.rng.random() < 0.4:
            text = self.rng.choice(["0.0", "1.0", "0.5", "6.0", "-2.0"])
        else:
            flat = [f"{self.rng.randint(-9, 9)}.0" for _ in range(count)]

            def nest(dims, at):
                if not dims:
                    return flat[at]
                step = math.prod(dims[1:])
                return "[" + ", ".join(nest(dims[1:], at + i * step) for i in range(dims[0])) + "]"
            text = nest(shape, 0)
        self.lines.append(f"  {name} = nn.constant dense<{text}> : {self.type(shape)}")
        return name, list(shape)

    def pick(self, rank=None):
        fitting = [v for v in self.values if rank is None or len(v[1]) == rank]
        # Late values more often: long chains are where passes go wrong.
        return self.rng.choice(fitting[-6:] if self.rng.random() < 0.7 else fitting) if fitting else None

    def unary(self):
        x, shape = self.pick()
        kind = self.rng.choice(["relu", "sigmoid", "exp", "neg", "clip", "sqrt", "tanh", "erf"])
        extra = " {alpha = -1.0, beta = 6.0}" if kind == "clip" else ""
        self.emit(f"nn.unary {kind} {x}{extra} : {self.type(shape)}", shape)

    def binary(self):
        x, shape = self.pick()
        partners = [v for v in self.values if len(v[1]) == len(shape) and all(a == b or 1 in (a, b) for a, b in zip(v[1], shape))]
        if self.rng.random() < 0.4:
            y, other = self.constant([d if self.rng.random() < 0.5 else 1 for d in shape])
        else:
            y, other = self.rng.choice(partners)
        if self.rng.random() < 0.5:
            x, shape, y, other = y, other, x, shape
        result = [max(a, b) for a, b in zip(shape, other)]
        kind = self.rng.choice(["add", "mul", "sub", "div", "min", "max", "prelu", "pow"])
        self.emit(f"nn.binary {kind} {x}, {y} : {self.type(shape)}, {self.type(other)}", result)

    def select(self):
        x, shape = self.pick()
        y, other = self.rng.choice([v for v in self.values if len(v[1]) == len(shape)])
        if any(a != b and 1 not in (a, b) for a, b in zip(shape, other)):
            return
        zero, ones = self.constant([1] * len(shape))
        condition = f"%b{self.number}"
        of_booleans = self.type(shape).replace("f32", "i1")
        self.lines.append(f"  {condition} = nn.binary less {x}, {zero} : {self.type(shape)}, {self.type(ones)} -> {of_booleans}")
        z, third = self.constant([d if self.rng.random() < 0.5 else 1 for d in shape])
        self.emit(f"nn.select {condition}, {y}, {z} : {of_booleans}, {self.type(other)}, {self.type(third)}",
                  [max(dims) for dims in zip(shape, other, third)])

    def transpose(self):
        x, shape = self.pick()
        perm = list(range(len(shape)))
        if len(shape) == 4 and self.rng.random() < 0.7:
            perm = self.rng.choice([[0, 2, 3, 1], [0, 3, 1, 2]])
        else:
            self.rng.shuffle(perm)
        self.emit(f"nn.transpose {x} {perm} : {self.type(shape)}", [shape[i] for i in perm])

    def reshape(self):
        x, shape = self.pick()
        rest, dims = math.prod(shape), []
        for _ in range(self.rng.randint(0, 3)):
            dims.append(self.rng.choice([d for d in range(1, rest + 1) if rest % d == 0]))
            rest //= dims[-1]
        dims.append(rest)
        self.emit(f"nn.reshape {x} : {self.type(shape)}", dims)

    def concat(self):
        x, shape = self.pick()
        if not shape:
            return
        axis = self.rng.randrange(len(shape))
        partners = [v for v in self.values if len(v[1]) == len(shape) and all(a == b for i, (a, b) in enumerate(zip(v[1], shape)) if i != axis)]
        y, other = self.rng.choice(partners) if self.rng.random() < 0.7 else self.constant(shape)
        result = list(shape)
        result[axis] += other[axis]
        if result[axis] > 40:
            return
        self.emit(f"nn.concat {x}, {y} axis {axis} : {self.type(shape)}, {self.type(other)}", result)

    def slice(self):
        x, shape = self.pick()
        starts, sizes, steps = [], [], []
        for dim in shape:
            start, step = self.rng.randrange(dim), self.rng.choice([1, 1, 2])
            starts.append(start)
            steps.append(step)
            sizes.append(self.rng.randint(1, (dim - start - 1) // step + 1))
        self.emit(f"nn.slice {x} starts {starts} sizes {sizes} steps {steps} : {self.type(shape)}", sizes)

    def pad(self):
        x, shape = self.pick()
        low, high = ([self.rng.choice([0, 0, 1]) for _ in shape] for _ in range(2))
        self.emit(f"nn.pad constant {x} low {low} high {high} {{value = {self.rng.choice(['0.0', '1.0'])}}} : {self.type(shape)}",
                  [a + d + b for a, d, b in zip(low, shape, high)])

    def reduce(self):
        x, shape = self.pick()
        if not shape:
            return
        axes = sorted(self.rng.sample(range(len(shape)), self.rng.randint(1, len(shape))))
        kind = self.rng.choice(["mean", "sum", "max"])
        self.emit(f"nn.reduce {kind} {x} axes {axes} : {self.type(shape)}", [1 if i in axes else d for i, d in enumerate(shape)])

    def softmax(self):
        x, shape = self.pick()
        if shape:
            self.emit(f"nn.softmax {x} axis {self.rng.randrange(len(shape))} : {self.type(shape)}", shape)

    def conv(self):
        picked = self.pick(4)
        if not picked:
            return
        x, (n, h, w, c) = picked
        outputs, kh, kw = self.rng.randint(1, 5), self.rng.randint(1, min(3, h)), self.rng.randint(1, min(3, w))
        f, _ = self.constant([outputs, kh, kw, c])
        self.emit(f"nn.conv2d {x}, {f} strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 : {self.type([n, h, w, c])}, "
                  f"{self.type([outputs, kh, kw, c])}", [n, h - kh + 1, w - kw + 1, outputs])

    def matmul(self):
        x, shape = self.pick()
        if len(shape) < 2:
            return
        columns, transposed = self.rng.randint(1, 5), self.rng.random() < 0.4
        right = [1] * (len(shape) - 2) + ([columns, shape[-1]] if transposed else [shape[-1], columns])
        w, _ = self.constant(right)
        self.emit(f"nn.matmul {x}, {w}{' transpose_b' if transposed else ''} : {self.type(shape)}, {self.type(right)}",
                  shape[:-1] + [columns])

    def build(self):
        inputs = [[1, 3, 5, 7], [2, 6], [1, 5, 7, 3], [4, 1, 3]]
        if self.rng.random() < 0.3:
            inputs = [[1, 1, 1, 1], [1, 1], [1, 1, 4, 1], [1]]  # where any dim may move, and any reshape is as good
        self.values = [(f"%x{i}", shape) for i, shape in enumerate(inputs)]
        arguments = ", ".join(f"{n}: {self.type(s)}" for n, s in self.values)
        steps = [self.unary, self.binary, self.binary, self.select, self.transpose, self.transpose, self.reshape, self.concat, self.slice,
                 self.pad, self.reduce, self.softmax, self.conv, self.matmul]
        while len(self.values) < 30:
            self.rng.choice(steps)()
        results = [v for v in self.values[-8:] if self.rng.random() < 0.4] or [self.values[-1]]
        names, types = ", ".join(n for n, _ in results), ", ".join(self.type(s) for _, s in results)
        return "\n".join([f"func.func @main({arguments}) -> ({types}) {{", *self.lines, f"  return {names} : {types}", "}"])


def main():
    rng = random.Random(int(sys.argv[1]))
    print("\n\n// -----\n\n".join(Graph(rng).build() for _ in range(int(sys.argv[2]))))


if __name__ == "__main__":
    main()
