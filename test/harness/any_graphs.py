"""Graphs of any operators with any operands: `any_graphs.py --count 5500 --seed 1`.

A graph has one to four nodes. Their operators are all that ONNX ever had, of its other domains too, and those of com.microsoft that
`nncc ops` lists; operands are inputs, constants or earlier results, of types that the operator mostly allows and of any shape. What nncc
compiles is few of them; what it says of the others is the test: it fails where mutate_models.py fails.
"""
import argparse
import json
import random
import string
import sys
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.capi import onnxruntime_pybind11_state as onnxruntime_state

import mutations
import nncc
from mutate_models import INTEGERS, NUMBERS, TYPES, WORDS, complaint

NEWEST = onnx.defs.onnx_opset_version()
MOST_CONSTANT = 5000  # elements; a larger tensor is an input
LEAST_COMPILED = 0.02  # of all graphs: fewer prove nothing about what is behind the importer

# Domains whose operators have versions of their own, and the newest of them.
DOMAINS = {domain: max(schema.since_version for schema in onnx.defs.get_all_schemas_with_history() if schema.domain == domain)
           for domain in ("ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training")} | {"com.microsoft": 1}

# Words that attributes of a name may have; of other names any.
KNOWN_WORDS = {
    "activation": ("Relu", "LeakyRelu", "Clip"),
    "activations": ("Relu", "Tanh", "Sigmoid", "HardSigmoid", "Affine"),
    "approximate": ("none", "tanh"),
    "auto_pad": ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"),
    "coordinate_transformation_mode": ("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel", "tf_crop_and_resize", "half_pixel_symmetric"),
    "direction": ("forward", "reverse", "bidirectional", "LEFT", "RIGHT"),
    "equation": ("ij,jk->ik", "i,i->", "...ij->...ji", "ab,bc", "ii->i"),
    "keep_aspect_ratio_policy": ("stretch", "not_larger", "not_smaller"),
    "mode": ("linear", "nearest", "cubic", "constant", "reflect", "edge", "wrap", "bilinear", "DCR", "CRD"),
    "nearest_mode": ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"),
    "padding_mode": ("zeros", "border", "reflection"),
    "reduction": ("none", "add", "mul", "max", "min", "mean", "sum"),
    "update_rule": ("linear", "gated", "delta"),
}
# Operands that say where or how much: small numbers, one for each dim or axis.
POSITIONS = ("axes", "axis", "shape", "starts", "ends", "steps", "split", "pads", "repeats", "k", "sizes", "indices", "start", "limit", "delta", "depth",
             "output_shape", "position", "M", "trip_count", "max_output_boxes_per_class", "roi", "scales", "diagonal", "size", "target_shape")


@dataclass
class Operator:
    """A version of an operator; `schema` says what it takes, in the words of onnx.defs."""
    domain: str
    name: str
    since: int
    until: int  # opset
    schema: object


def versions() -> dict[str, Operator]:
    """All operators in all versions, by `domain/name/version`."""
    schemas = sorted(onnx.defs.get_all_schemas_with_history(), key=lambda schema: (schema.domain, schema.name, schema.since_version))
    found = {}
    for schema, following in zip(schemas, [*schemas[1:], None]):
        newer = following is not None and (following.domain, following.name) == (schema.domain, schema.name)
        last = following.since_version - 1 if newer else DOMAINS.get(schema.domain, NEWEST)
        found[f"{schema.domain}/{schema.name}/{schema.since_version}"] = Operator(schema.domain, schema.name, schema.since_version, last, schema)
    return found


def of_onnxruntime(names: set[str]) -> dict[str, Operator]:
    """Operators of com.microsoft with some names: onnxruntime knows what they take."""
    return {f"com.microsoft/{schema.name}/1": Operator(schema.domain, schema.name, 1, 1, schema)
            for schema in onnxruntime_state.get_all_operator_schema() if schema.domain == "com.microsoft" and schema.name in names}


def type_named(name: str) -> int | None:
    """The number of `tensor(float16)`; None of sequences, optionals and what ONNX has no number for."""
    inner = name.removeprefix("tensor(").removesuffix(")")
    return getattr(TensorProto, {"double": "DOUBLE"}.get(inner, inner.upper()), None) if name.startswith("tensor(") else None


class Graphs:
    """Makes the graph of a seed."""

    def __init__(self, operators: dict[str, Operator]):
        self.operators = operators

    def model(self, seed: int) -> onnx.ModelProto:
        """One node of an operator of any version, and up to three of the same opset behind or beside it."""
        rng = random.Random(seed)
        first = self.operators[mutations.chosen(seed, self.operators)]
        opset = rng.randint(first.since, first.until) if not first.domain else rng.choice((NEWEST, rng.randint(7, NEWEST)))
        graph = AnyGraph(rng, opset)
        graph.add(first)
        for index in range(rng.choice((0, 0, 1, 1, 2, 3))):
            graph.add(self.of_opset(f"{seed} {index}", opset))
        return graph.model()

    def of_opset(self, key, opset: int) -> Operator:
        """Any operator, in the version that an opset has."""
        alive = {name for name, operator in self.operators.items() if operator.domain or operator.since <= opset <= operator.until}
        return self.operators[mutations.chosen(key, alive)]


class AnyGraph:
    """Grows node by node. Types and shapes of results are guesses: they need only be right often."""

    def __init__(self, rng: random.Random, opset: int, depth: int = 0):
        self.rng, self.opset, self.depth = rng, opset, depth
        self.prefix = f"{'body' * depth}t"
        self.inputs, self.weights, self.nodes = [], [], []
        self.known: dict[str, tuple[int, list[int]]] = {}  # results: type and shape
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"{self.prefix}{self.count}"

    def dims(self, rank: int) -> list[int]:
        """Extents: mostly small, distinct ones; sometimes 1, 0 or far too many."""
        dims = self.rng.sample((2, 3, 4, 5, 6, 7, 8), rank) if rank else []
        for at in range(rank):
            how = self.rng.random()
            if how < 0.2:
                dims[at] = 1 if how < 0.13 else 0 if how < 0.17 else self.rng.choice((64, 1000, 70000)) if how < 0.19 else self.rng.choice(INTEGERS)
        return dims

    def alike(self, shape: list[int]) -> list[int]:
        """A shape that may go with another one: the same, one that broadcasts, a part of it, its transpose, or any."""
        rng, how = self.rng, self.rng.random()
        if how < 0.4 or not shape:
            return list(shape)
        if how < 0.52:
            return [1 if rng.random() < 0.4 else extent for extent in shape][rng.randrange(len(shape)):]
        if how < 0.68:
            return [rng.choice(shape)]
        if how < 0.76:
            return []
        if how < 0.84:
            return rng.sample(shape, len(shape))
        if how < 0.92:  # a weight: some outputs of as many channels
            return [rng.randint(1, 6), *shape[1:2], *(rng.randint(1, 3) for _ in shape[2:])]
        return self.dims(rng.randrange(7))

    def tensor(self, element_type: int, shape: list[int], constants: float = 0.4, most: int | None = None) -> str:
        """A new input or constant; `most`: its elements are integers up to that, for positions."""
        rng, name = self.rng, self.name()
        elements = int(np.prod(shape, dtype=object)) if all(extent >= 0 for extent in shape) else MOST_CONSTANT + 1
        if rng.random() < constants and elements <= MOST_CONSTANT and (weight := self.constant(name, element_type, shape, elements, most)):
            self.weights.append(weight)
        else:
            dims = [rng.choice(("n", "n", None)) if rng.random() < 0.03 else extent for extent in shape]
            self.inputs.append(helper.make_tensor_value_info(name, element_type, dims if rng.random() < 0.97 else None))
        self.known[name] = element_type, shape
        return name

    def constant(self, name: str, element_type: int, shape: list[int], elements: int, most: int | None) -> TensorProto | None:
        """Numbers of a type, hard ones among them; None for types that numpy and its companions do not hold."""
        if element_type == TensorProto.STRING:
            return helper.make_tensor(name, element_type, shape, [b"word"] * elements)
        try:
            dtype = helper.tensor_dtype_to_np_dtype(element_type)
            rng = np.random.default_rng(self.rng.randrange(2**32))
            value = rng.integers(-2 if most is None else -1, (4 if most is None else most) + 1, shape)
            with np.errstate(all="ignore"):
                value = np.asarray(value).astype(dtype)
                if value.size and self.rng.random() < 0.12:
                    hard = self.rng.choice(INTEGERS if value.dtype.kind in "iu" else NUMBERS)
                    value.reshape(-1)[self.rng.randrange(value.size)] = np.array(hard, dtype=object if isinstance(hard, int) else None).astype(dtype)
            return numpy_helper.from_array(value, name)
        except (KeyError, TypeError, ValueError, OverflowError):
            return None

    def result(self, element_type: int) -> str | None:
        """An earlier result, of a type if there is one."""
        made = [name for node in self.nodes for name in node.output if name]
        fitting = [name for name in made if self.known[name][0] == element_type]
        return self.rng.choice(fitting or made) if made else None

    def operand(self, parameter, bound: dict[str, int], base: list[int]) -> str:
        """An operand of a parameter: `bound` are the types chosen so far for the type variables of the node."""
        rng, variable = self.rng, getattr(parameter, "type_str", None) or parameter.typeStr
        allowed = sorted(number for name in parameter.types if (number := type_named(name)) is not None)
        if variable not in bound:
            bound[variable] = TensorProto.FLOAT if TensorProto.FLOAT in allowed and rng.random() < 0.5 else rng.choice(allowed or TYPES)
        element_type = bound[variable] if rng.random() < 0.97 else rng.choice(TYPES[:-2])
        if not allowed:
            return self.packed(parameter.types, element_type, base)
        if parameter.name in POSITIONS and rng.random() < 0.85:
            shape = rng.choice(([], [1], [len(base)], [2 * len(base)], [2]))
            return self.tensor(element_type, shape, 0.85, rng.choice((1, max(len(base) - 1, 0), 3, 8)))
        if self.nodes and rng.random() < 0.6 and (name := self.result(element_type)):
            return name
        return self.tensor(element_type, self.alike(base))

    def packed(self, types, element_type: int, base: list[int]) -> str:
        """A sequence or an optional, made of tensors by a node, or a plain tensor."""
        elements = [self.tensor(element_type, self.alike(base)) for _ in range(self.rng.randint(1, 3))]
        if self.rng.random() < 0.1:
            return elements[0]
        name = self.name()
        if any(kind.startswith("seq") for kind in types):
            self.nodes.append(helper.make_node("SequenceConstruct", elements, [name]))
        else:
            self.nodes.append(helper.make_node("Optional", elements[:1], [name]))
        self.known[name] = element_type, base
        return name

    def add(self, operator: Operator):
        """A node of an operator, its optional operands and results present or not."""
        rng, schema, bound = self.rng, operator.schema, {}
        base = self.dims(rng.choice((0, 1, 2, 2, 3, 3, 4, 4, 4, 5, 6)))
        if self.known and rng.random() < 0.7:
            base = rng.choice(list(self.known.values()))[1]
        operands = [self.operand(parameter, bound, base) for parameter in self.present(schema.inputs, schema.min_input)]
        # Optional operands in the middle are left out by an empty name.
        for at, parameter in enumerate(schema.inputs[:len(operands)]):
            if (at >= schema.min_input and rng.random() < 0.3) or rng.random() < 0.01:
                operands[at] = ""
        if rng.random() < 0.02:
            operands.append(self.tensor(TensorProto.FLOAT, base))
        attributes = [attribute for known in schema.attributes.values() if (attribute := self.attribute(known, len(base)))]
        results = []
        for at, parameter in enumerate(self.present(schema.outputs, schema.min_output)):
            results.append(self.name() if at == 0 or rng.random() < 0.95 else "")
            if results[-1]:
                self.known[results[-1]] = self.type_of(parameter, bound), base
        node = helper.make_node(operator.name, operands, results, domain=operator.domain)
        node.attribute.extend(attributes)
        if rng.random() < 0.03:
            node.attribute.append(helper.make_attribute(rng.choice(("axis", "axes", "".join(rng.choices(string.ascii_letters, k=6)))), rng.choice(INTEGERS)))
        self.nodes.append(node)

    def type_of(self, parameter, bound: dict[str, int]) -> int:
        """The type of a result, by the types of operands."""
        variable = getattr(parameter, "type_str", None) or parameter.typeStr
        allowed = [number for name in sorted(parameter.types) if (number := type_named(name)) is not None]
        return bound.get(variable) or (allowed[0] if len(allowed) == 1 else next(iter(bound.values()), TensorProto.FLOAT))

    def present(self, parameters, least: int):
        """The parameters that get a tensor: those that are required, some optional ones, the last one repeatedly if it is variadic."""
        rng, count = self.rng, least
        while count < len(parameters) and rng.random() < 0.6:
            count += 1
        if count and rng.random() < 0.02:
            count -= 1
        chosen = list(parameters[:count])
        if parameters and parameters[-1].option.name == "Variadic":
            chosen += [parameters[-1]] * rng.randint(0, 3)
        return chosen

    def attribute(self, known, rank: int) -> onnx.AttributeProto | None:
        """An attribute as a schema has it, or None: optional ones are mostly left out."""
        rng = self.rng
        if rng.random() > (0.98 if known.required else 0.35):
            return None
        kind = known.type.name if rng.random() < 0.98 else rng.choice(("INT", "INTS", "FLOAT", "FLOATS", "STRING", "STRINGS", "TENSOR"))
        value = self.attribute_value(known.name, kind, rank)
        try:
            return helper.make_attribute(known.name, value, attr_type=getattr(onnx.AttributeProto, kind))
        except (TypeError, ValueError):  # what the protocol does not hold
            return None

    def attribute_value(self, name: str, kind: str, rank: int):
        """A value of a kind of attributes: mostly one that the operator may take."""
        rng = self.rng
        one = {"INT": self.number_for, "FLOAT": self.float_for, "STRING": self.word_for}
        if kind in one:
            return one[kind](name, rank)
        if kind == "INTS" and name == "perm" and rng.random() < 0.8:
            return rng.sample(range(rank), rank)
        if kind.removesuffix("S") in one:
            count = rng.choice((rank, max(rank - 2, 0), max(rank - 2, 0), 2 * max(rank - 2, 0), 1, 2, 0))
            return [one[kind.removesuffix("S")](name, rank) for _ in range(count)]
        if kind == "TENSOR":
            shape = rng.choice(([], [1], [2], [2, 3], [0]))
            element_type = rng.choice((TensorProto.FLOAT, TensorProto.INT64, rng.choice(TYPES[:-2])))
            return self.constant("", element_type, shape, int(np.prod(shape)), None) or helper.make_tensor("", TensorProto.FLOAT, [1], [1.0])
        if kind == "GRAPH":
            return self.body()
        if kind == "SPARSE_TENSOR":
            places = helper.make_tensor("", TensorProto.INT64, [2], [0, self.number_for(name, rank)])
            return helper.make_sparse_tensor(helper.make_tensor("", TensorProto.FLOAT, [2], [1.0, 2.0]), places, [5])
        return helper.make_tensor_type_proto(rng.choice(TYPES[:-2]), self.dims(rng.randrange(3)))

    def number_for(self, name: str, rank: int) -> int:
        """An integer for an attribute: a type, an axis, a count, rarely an extreme."""
        if self.rng.random() < 0.04:
            return self.rng.choice(INTEGERS)
        if name in ("to", "dtype", "output_dtype", "stash_type"):
            return self.rng.choice(TYPES)
        return self.rng.choice((0, 0, 1, 1, 1, 2, 2, 3, -1, max(rank - 1, 0)))

    def float_for(self, name: str, rank: int) -> float:
        """A float for an attribute, rarely a hard one."""
        return self.rng.choice(NUMBERS) if self.rng.random() < 0.15 else self.rng.choice((0.0, 1.0, 0.5, 1e-5, 0.25, 2.0))

    def word_for(self, name: str, rank: int) -> bytes:
        """A string for an attribute: mostly one that it knows."""
        known = name in KNOWN_WORDS and self.rng.random() < 0.9
        return self.rng.choice(KNOWN_WORDS[name]).encode() if known else self.rng.choice(WORDS)

    def body(self) -> onnx.GraphProto:
        """The graph of a branch or a loop: an elementwise node or two on inputs of its own and on tensors from outside."""
        rng = self.rng
        inner = AnyGraph(rng, self.opset, self.depth + 1)
        inner.known = dict(self.known)
        outside = list(self.known) or [inner.tensor(TensorProto.FLOAT, [2, 3], 1)]
        for _ in range(rng.randint(0, 3)):
            inner.tensor(rng.choice((TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL)), rng.choice(([], [1], [2, 3])), 0)
        for _ in range(rng.randint(1, 3)):
            op = rng.choice(("Identity", "Add", "Neg", "Not", "Mul", "Relu"))
            operands = rng.choices([*outside, *(port.name for port in inner.inputs)], k=2 if op in ("Add", "Mul") else 1)
            name = inner.name()
            inner.nodes.append(helper.make_node(op, operands, [name]))
            inner.known[name] = self.known.get(operands[0], (TensorProto.FLOAT, [2, 3]))
        return inner.graph("body", rng.sample(range(len(inner.nodes)), rng.randint(1, len(inner.nodes))))

    def graph(self, name: str, which) -> onnx.GraphProto:
        """The graph, with the results of some nodes as outputs: of a type that is guessed, rarely of a shape."""
        outputs = [helper.make_tensor_value_info(result, self.known[result][0], self.known[result][1] if self.rng.random() < 0.1 else None)
                   for at in which for result in self.nodes[at].output if result]
        return helper.make_graph(self.nodes, name, self.inputs, outputs, self.weights)

    def model(self) -> onnx.ModelProto:
        """The last node's results are outputs, and those of some others."""
        which = [at for at in range(len(self.nodes)) if at == len(self.nodes) - 1 or self.rng.random() < 0.5]
        opsets = [helper.make_opsetid("", self.opset)]
        opsets += [helper.make_opsetid(domain, version) for domain, version in DOMAINS.items() if any(node.domain == domain for node in self.nodes)]
        return helper.make_model(self.graph("any", which), opset_imports=opsets, ir_version=10)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    mutations.add_arguments(parser)
    options = parser.parse_args()
    listed = json.loads(nncc.Nncc(options.nncc).call("ops", "--json").stdout)["operators"]
    graphs = Graphs(versions() | of_onnxruntime({operator["name"] for operator in listed if operator["domain"] == "com.microsoft"}))
    compiled = 0

    def complaint_of(path):
        nonlocal compiled
        wrong = complaint(options.nncc, path)
        compiled += any(path.with_suffix("").glob("*.a"))
        return wrong

    bad = mutations.run(options, "graphs of any operators", lambda _: lambda seed: ("model.onnx", graphs.model(seed).SerializeToString()), complaint_of)
    print(f"{compiled} of them compiled")
    sys.exit(bad > 0 or compiled < LEAST_COMPILED * options.count)


if __name__ == "__main__":
    main()
