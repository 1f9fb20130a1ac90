"""Writes a chain of 60 ops, a pool2d among them. Usage: write_graph.py FILE.mlir"""
import sys

BIG, SMALL = "tensor<1x6x8x4xf32>", "tensor<1x3x4x4xf32>"
lines, last, before = [], "%a", "%b"
for i in range(58):
    if i == 29:
        lines += [f"%p = nn.pool2d max {last} kernel [2, 2] strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] overhang [0, 0] : {BIG} -> {SMALL}",
                  f"%q = nn.unary exp %p : {SMALL} -> {SMALL}"]
    op = f"nn.unary relu {last} : {BIG} -> {BIG}" if i % 3 else f"nn.binary add {last}, {before} : {BIG}, {BIG} -> {BIG}"
    lines.append(f"%{i} = {op}")
    last, before = f"%{i}", last
with open(sys.argv[1], "w") as file:
    file.write(f"func.func @main(%a: {BIG}, %b: {BIG}) -> ({BIG}, {SMALL}) {{\n" + "".join(f"  {line}\n" for line in lines)
               + f"  return {last}, %q : {BIG}, {SMALL}\n}}\n")
