"""Arena sizes: near their lower bound, never larger than the checked-in table says, and far below a plan without fusion.

    arena.py [MODEL ...]      all of the manifest and the demo network without names;
                              --update writes test/expected/arena-bytes.json: lower numbers, and new models
"""
import argparse
import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import shape_inference

import inputs
import models
import nncc

TABLE = models.REPOSITORY / "test" / "expected" / "arena-bytes.json"
MOST_OVER_LOWER_BOUND = 1.02
# What fusion and in-place operation have to save at least, where most of the arena is convolution results.
MOST_OF_UNFUSED = {"mobilefacenet": 0.8}
ALIGN = 64


def greedy_by_size(path: Path) -> int:
    """Arena bytes of the graph as it is in the file: a tensor for each result, placed largest first at the lowest free offset.

    source  Pisarchyk and Lee 2020, "Efficient Memory Management for Deep Neural Net Inference", greedy by size
    """
    graph = shape_inference.infer_shapes(onnx.load(path)).graph
    types = {value.name: value.type.tensor_type for value in graph.value_info}
    constants = {initializer.name for initializer in graph.initializer}
    ports = {port.name for port in (*graph.input, *graph.output)}  # the caller's memory
    tensors = {}  # name -> [bytes, first node, last node]
    for index, node in enumerate(graph.node):
        if node.op_type == "Constant" or (node.input and all(name in constants for name in node.input)):
            constants.update(node.output)
            continue
        for name in node.input:
            if name in tensors:
                tensors[name][2] = index
        for name in node.output:
            if name and name not in ports:
                item = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(types[name].elem_type)).itemsize
                size = item * int(np.prod([dim.dim_value for dim in types[name].shape.dim]))
                tensors[name] = [-(-size // ALIGN) * ALIGN, index, index]
    placed, total = [], 0
    for size, first, last in sorted(tensors.values(), reverse=True):
        offset = 0
        for begin, end, other_first, other_last in sorted(placed):
            if first <= other_last and other_first <= last:
                if begin - offset >= size:
                    break
                offset = max(offset, end)
        placed.append((offset, offset + size, first, last))
        total = max(total, offset + size)
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--update", action="store_true")
    nncc.add_arguments(parser)
    options = parser.parse_args()
    table = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    failures, missing = [], []
    for name in options.models or ["digits", *models.manifest()]:
        try:
            path = models.model_path(name)
        except models.MissingModel as absent:
            missing.append(absent)
            continue
        for target in nncc.TARGETS:
            hint = models.entry_of(name)
            values = inputs.make_inputs(path, 0, hint["input"])
            binds = {key: values[key] for key in hint.get("bind", [])}
            try:
                plan = nncc.Nncc(options.nncc, target).inspect(path, binds, hint.get("dims"))["plan"]
            except nncc.NnccError as error:
                failures.append(f"{name} {target}: {error}")
                continue
            size, bound = plan["arena_bytes"], plan["arena_lower_bound"]
            known = table.get(name, {}).get(target)
            line = f"{name} {target.split('-')[0]}: {size} bytes, {size / max(bound, 1):.3f} x lower bound {bound}"
            if size > MOST_OVER_LOWER_BOUND * bound:
                failures.append(f"{line}: more than {MOST_OVER_LOWER_BOUND} x")
            if name in MOST_OF_UNFUSED:
                unfused = greedy_by_size(path)
                line += f", {size / unfused:.3f} x unfused {unfused}"
                if size > MOST_OF_UNFUSED[name] * unfused:
                    failures.append(f"{line}: more than {MOST_OF_UNFUSED[name]} x")
            if known is None and not options.update:
                failures.append(f"{line}: not in {TABLE.name} (arena.py --update)")
            elif known is not None and size > known:
                failures.append(f"{line}: rose from {known}")
            elif known is not None and size < known:
                line += f", fell from {known}: arena.py --update"
            print(line)
            if options.update:
                table.setdefault(name, {})[target] = min(size, known or size)
    if options.update:
        TABLE.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")
    for failure in failures:
        print(f"FAIL {failure}")
    if missing and not failures:
        models.skip_or_fail(missing[0])
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
