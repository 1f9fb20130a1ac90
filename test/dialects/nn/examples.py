"""Turns the examples in the descriptions of ops into one MLIR module: every op of the dialect must have one that parses.

Usage: examples.py NNCC_ROOT. Prints a function for each example; values that it uses and does not define come from a
test.value op, with the types that its signature lists in order. Fails when an op has no example.
"""
import pathlib
import re
import sys


def split_types(text):
    """`tensor<2xf32>, (i32, i32) -> f32` cut at commas outside brackets."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += c in "<([{"
        depth -= c in ">)]}" and not (c == ">" and text[i - 1] == "-")
        if c == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [p.strip() for p in parts + [text[start:]] if p.strip()]


def types_of(line):
    """The types of a line's operands: what follows the colon, or the colons inside ins(...), outs(...), scratch(...)."""
    groups = re.findall(r"\b(?:ins|outs|scratch)\s*\(([^:()]*):([^()]*)\)", line)
    if groups:
        return [t for _, types in groups for t in split_types(types)]
    # Words between the types of contractions, and of sums of quantized values.
    signature = re.sub(r" zero_points \((.*?)\)| \* | (?:scale|zero_point) (?=tensor)", r", \1", line.rpartition(" : ")[2])
    return split_types(re.split(r"->|\bto\b", signature)[0])


def main(root):
    problems = []
    for file in sorted((root / "dialects/nn").glob("*.td")):
        for op, body in re.findall(r'^def \w+ : NN_\w*Op<"(\w+)"(.*?)(?=^def |\Z)', file.read_text(), re.M | re.S):
            match = re.search(r"```mlir\n(.*?)```", body, re.S)
            if not match:
                if op != "yield":  # shown in the example of nn.kernel
                    problems.append(f"{file.relative_to(root)}: nn.{op} has no example")
                continue
            lines = match.group(1).rstrip().splitlines()
            defined, needed, depth = set(), [], 0
            for line in lines:
                if depth == 0:
                    left, _, right = line.partition(" = ") if re.match(r"\s*%", line) else ("", "", line)
                    head = right.split("{")[0] if right.rstrip().endswith("{") else right
                    inline = re.findall(r"(%\w+) : (tensor<[^>]*>)(?= [a-z])", head)  # `bias %b : tensor<4xf32> axis 1`
                    needed += [(n, t) for n, t in inline if n not in defined]
                    head = re.sub(r"%\w+ : tensor<[^>]*>(?= [a-z])", "", head)
                    names = list(dict.fromkeys(re.findall(r"%\w+", head)))
                    needed += [(n, t) for n, t in zip(names, types_of(head)) if n not in defined]
                    defined |= set(re.findall(r"%\w+", left)) | {n for n, _ in needed}
                depth += line.count("{") - line.count("}")
            for callee in re.findall(r" @(\w+)\(", match.group(1)):
                print(f"func.func private @{callee}({', '.join(kind for _, kind in needed)})")
            print(f"func.func @{op}() {{")
            for name, kind in needed:
                print(f'  {name} = "test.value"() : () -> {kind}')
            print("\n".join("  " + line.strip() for line in lines))
            print("  return\n}")
    print("\n".join(problems), file=sys.stderr)
    sys.exit(1 if problems else 0)


main(pathlib.Path(sys.argv[1]))
