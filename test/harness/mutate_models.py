"""Models changed where it hurts: `mutate_models.py --count 500 --seed 1` mutates dims, attributes, types, operators and edges.

Each model is compiled by `nncc compile`. Fails where that ends with another status than 0 or 1, takes more than 10 s of processor time
or 4 GB, refuses without a message, or with words of the compiler's own, or leaves files behind although it refused. Models that are
only changed are broken in one place, so that everything behind the first check is reached, too.
"""
import argparse
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

import mutations
from families import FAMILIES
from families.node import Node
from inner_words import inner_words
from mutations import WALL_SECONDS, limits
from random_graphs import GraphBuilder
from random_nodes import OPSETS, is_valid

INTEGERS = (0, 1, -1, 2, 3, 7, 64, 1000, 65536, 2**31 - 1, 2**31, -2**31, 2**32 + 1, 2**40, 2**62, 2**63 - 1, -2**63)
NUMBERS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 1e30, -1e38, float("inf"), float("-inf"), float("nan"))
WORDS = (b"", b"SAME_UPPER", b"VALID", b"NOTSET", b"linear", b"nearest", b"cubic", b"reflect", b"wrap", b"reverse", b"bidirectional", b"ij,jk->ik",
         b"...", b"max", b"mul", b"\xff\xfe", b"x" * 3000)
TYPES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 21, 0, 99)
OPERATORS = ("Add", "Concat", "Reshape", "Transpose", "Slice", "Gather", "Conv", "MatMul", "Gemm", "Cast", "Resize", "Pad", "Split", "TopK", "Where",
             "Expand", "Tile", "LSTM", "ReduceSum", "Softmax", "MaxPool", "AveragePool", "ConvTranspose", "Einsum", "Loop", "If", "ScatterND",
             "GatherND", "OneHot", "NonZero", "Range", "ConstantOfShape", "Shape", "Squeeze", "Unsqueeze", "Flatten", "QuantizeLinear",
             "DequantizeLinear", "BatchNormalization", "LayerNormalization", "LRN", "CumSum", "Clip", "Identity", "Nowhere")


def valid_model(rng: random.Random, seed: int) -> onnx.ModelProto:
    """A graph of a few random nodes of any operators, or one of layers."""
    numbers = np.random.default_rng([seed, 7])
    if rng.random() < 0.2:
        builder = GraphBuilder(numbers, rng.randrange(2, 9))
        if builder.graph.outputs:
            return builder.graph.model()
    opset, graphs = mutations.chosen(seed, OPSETS), []
    while len(graphs) < rng.choice((1, 1, 2, 3)):
        graph = Node(f"n{len(graphs)}_", numbers, opset)
        try:
            FAMILIES[mutations.chosen(f"{seed} {rng.random()}", FAMILIES)](numbers, graph)
        except ValueError:
            continue
        if is_valid(graph):
            graphs.append(graph)
    return graphs[0].model(*graphs[1:])


def change_dim(rng, model):
    """A dim of an input, or of a constant whose data stays as it is."""
    graph = model.graph
    ports = [port.type.tensor_type.shape for port in (*graph.input, *graph.output) if port.type.tensor_type.HasField("shape")]
    places = [(shape, at) for shape in ports for at in range(len(shape.dim))]
    if places and rng.random() < 0.7:
        shape, at = rng.choice(places)
        how = rng.random()
        if how < 0.6:
            shape.dim[at].dim_value = rng.choice(INTEGERS)
        elif how < 0.75:
            del shape.dim[at]
        elif how < 0.9:
            shape.dim.add().dim_value = rng.choice((1, 2, 5))
        else:
            shape.dim[at].dim_param = "n"
    elif graph.initializer:
        weight = rng.choice(graph.initializer)
        if weight.dims and rng.random() < 0.7:
            weight.dims[rng.randrange(len(weight.dims))] = rng.choice(INTEGERS)
        else:
            weight.dims.append(rng.choice((0, 1, 2)))


def change_constant(rng, model):
    """The values of a constant, its form kept: extremes, or another count of elements."""
    if not model.graph.initializer:
        return
    weight = rng.choice(model.graph.initializer)
    try:
        value = np.array(numpy_helper.to_array(weight))
    except Exception:  # an earlier change broke it
        return
    if value.size and value.dtype.kind in "iu":
        info = np.iinfo(value.dtype)
        value.reshape(-1)[rng.randrange(value.size)] = min(max(rng.choice(INTEGERS), info.min), info.max)
    elif value.size and value.dtype.kind in "fV":
        with np.errstate(all="ignore"):
            value.reshape(-1)[rng.randrange(value.size)] = np.array(rng.choice(NUMBERS)).astype(value.dtype)
    if rng.random() < 0.2:
        value = value.reshape(-1)[:rng.randrange(value.size + 1)]
    weight.CopyFrom(numpy_helper.from_array(value, weight.name))


def change_type(rng, model):
    """The element type of an input, an output or a constant."""
    graph = model.graph
    holders = [port.type.tensor_type for port in (*graph.input, *graph.output)]
    if holders and rng.random() < 0.7:
        rng.choice(holders).elem_type = rng.choice(TYPES)
    elif graph.initializer:
        rng.choice(graph.initializer).data_type = rng.choice(TYPES)


def change_attribute(rng, model):
    """An attribute: its value, type or length; one that is missing, doubled or new."""
    node = rng.choice(model.graph.node)
    if not node.attribute or rng.random() < 0.15:
        name = rng.choice(("axis", "axes", "perm", "pads", "kernel_shape", "strides", "dilations", "group", "to", "mode", "keepdims", "alpha"))
        node.attribute.append(helper.make_attribute(name, rng.choice((rng.choice(INTEGERS), [rng.choice(INTEGERS)] * 3, rng.choice(NUMBERS), rng.choice(WORDS)))))
        return
    attribute = rng.choice(node.attribute)
    how = rng.random()
    if how < 0.1:
        node.attribute.remove(attribute)
    elif how < 0.15:
        node.attribute.append(attribute)
    elif how < 0.2:
        attribute.type = rng.choice((1, 2, 3, 4, 6, 7, 8, 0, 77))
    elif attribute.type == AttributeProto.INT:
        attribute.i = rng.choice(INTEGERS)
    elif attribute.type == AttributeProto.FLOAT:
        attribute.f = rng.choice(NUMBERS)
    elif attribute.type == AttributeProto.STRING:
        attribute.s = rng.choice(WORDS)
    elif attribute.type == AttributeProto.INTS:
        if attribute.ints and rng.random() < 0.7:
            attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(INTEGERS)
        else:
            attribute.ints.append(rng.choice(INTEGERS))
    elif attribute.type == AttributeProto.FLOATS:
        attribute.floats.append(rng.choice(NUMBERS))
    elif attribute.type == AttributeProto.TENSOR and attribute.t.dims:
        attribute.t.dims[0] = rng.choice(INTEGERS)


def change_operator(rng, model):
    """Another operator with the operands of this one, or one of another domain."""
    node = rng.choice(model.graph.node)
    if rng.random() < 0.9:
        node.op_type = rng.choice(OPERATORS)
    else:
        node.domain = rng.choice(("com.microsoft", "ai.onnx.ml", "nowhere"))


def rewire(rng, model):
    """An operand becomes another tensor, its own result, nothing, or a name that nobody makes."""
    node = rng.choice(model.graph.node)
    names = [port.name for port in model.graph.input] + [w.name for w in model.graph.initializer]
    names += [name for other in model.graph.node for name in other.output] + ["", "nobody"]
    if node.input and rng.random() < 0.7:
        node.input[rng.randrange(len(node.input))] = rng.choice(names)
    elif rng.random() < 0.6:
        node.input.append(rng.choice(names))
    elif node.input:
        del node.input[-1]


def change_results(rng, model):
    """Results that are missing, doubled or outputs; outputs of other tensors."""
    node = rng.choice(model.graph.node)
    how = rng.random()
    if how < 0.3:
        node.output.append(rng.choice(("more", "", node.output[0] if node.output else "x")))
    elif how < 0.5 and node.output:
        del node.output[-1]
    elif model.graph.output:
        names = [port.name for port in model.graph.input] + [w.name for w in model.graph.initializer]
        names += [name for other in model.graph.node for name in other.output if name] + ["nobody"]
        if names:
            rng.choice(model.graph.output).name = rng.choice(names)


def double(rng, model):
    """A node twice: with results of its own that replace an operand elsewhere, or with the same results."""
    node = rng.choice(model.graph.node)
    copy = model.graph.node.add()
    copy.CopyFrom(node)
    if rng.random() < 0.8:
        for at, name in enumerate(copy.output):
            copy.output[at] = f"{name}_again"
        if copy.output and copy.output[0]:
            model.graph.output.add().CopyFrom(helper.make_tensor_value_info(copy.output[0], TensorProto.FLOAT, None))


def change_form(rng, model):
    """The opset, or where an operand comes from: a constant becomes an input, an input disappears."""
    how = rng.random()
    if how < 0.4:
        model.opset_import[0].version = rng.choice((*range(1, 29), *INTEGERS))
    elif how < 0.8 and model.graph.initializer:
        weight = rng.choice(model.graph.initializer)
        model.graph.input.add().CopyFrom(helper.make_tensor_value_info(weight.name, weight.data_type, list(weight.dims)))
        if rng.random() < 0.7:
            model.graph.initializer.remove(weight)
    elif model.graph.input:
        model.graph.input.remove(rng.choice(model.graph.input))


MUTATIONS = (change_dim, change_dim, change_constant, change_constant, change_type, change_attribute, change_attribute, change_attribute, change_operator,
             rewire, rewire, change_results, double, change_form)


def mutated(seed: int) -> onnx.ModelProto:
    """The model of a seed: valid but for one to three changes, one in ten without any."""
    rng = random.Random(seed)
    model = valid_model(rng, seed)
    for _ in range(rng.choice((0, 1, 1, 1, 1, 1, 2, 2, 3, 3))):
        try:
            rng.choice(MUTATIONS)(rng, model)
        except (ValueError, TypeError, OverflowError, IndexError):  # what protobuf or numpy do not hold
            continue
    return model


def complaint(program: Path, path: Path) -> str | None:
    """What is wrong with how nncc takes a model, or None."""
    out = path.with_suffix("")
    shutil.rmtree(out, ignore_errors=True)
    try:
        done = subprocess.run([program, "compile", path, "-o", out], capture_output=True, text=True, errors="replace", timeout=WALL_SECONDS, preexec_fn=limits)
    except subprocess.TimeoutExpired:
        return f"longer than {WALL_SECONDS} s"
    last = (done.stderr.strip().splitlines() or [""])[0][-300:]
    if done.returncode not in (0, 1):
        return f"status {done.returncode}: {last}"
    if inner_words(done.stderr):
        return f"says {inner_words(done.stderr)[-300:]}"
    if done.returncode == 1 and "error: " not in done.stderr:
        return "refuses without a message"
    if done.returncode == 1 and out.is_dir() and any(out.iterdir()):
        return f"refuses, and leaves {[file.name for file in out.iterdir()]}: {last}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    mutations.add_arguments(parser)
    options = parser.parse_args()
    bad = mutations.run(options, "mutated models", lambda _: lambda seed: ("model.onnx", mutated(seed).SerializeToString()),
                        lambda path: complaint(options.nncc, path))
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
