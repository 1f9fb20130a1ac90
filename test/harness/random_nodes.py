"""Random single nodes of every operator, type and opset against two oracles: `random_nodes.py --family reduce --cases 200 [--target both]`.

A case is one node (families/), its operands inputs or constants. It is computed by onnxruntime, without any optimization, and by ONNX's
reference evaluator. Where both say the same, that is the right result; where they differ, verdicts.py says which of them follows the
text of the operator, and why; a difference without a verdict fails the test. Emitted code runs as in random_geometry.py.

Cases whose seeds lie in one batch share an opset and a model. --report lists which operators, types and opsets came up.
"""
import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

import nncc
import oracle
import verdicts
from families import FAMILIES
from families.node import Node
from random_geometry import Runner
from random_ops import pick

PER_MODEL = 25
OPSETS = range(7, 27)  # 26 is the newest that onnxruntime runs
FIRST_OPSET = {"deform_conv": 19, "einsum": 12, "quantize": 10, "integer_products": 10, "scatter": 9, "attention": 23}
MOST_ELEMENTS = 20000


class Unsettled(Exception):
    """The oracles differ, and no verdict says which is right."""


def ask_onnxruntime(graph: Node) -> dict[str, np.ndarray] | None:
    """What onnxruntime makes of a node, or None where it has no kernel for it."""
    model = graph.model()
    if any(port.type.tensor_type.elem_type == onnx.TensorProto.BFLOAT16 for port in (*model.graph.input, *model.graph.output)):
        return None  # which its Python interface cannot pass
    try:
        return oracle.run(model.SerializeToString(), graph.inputs, oracle.NODE_BY_NODE)
    except Exception:  # onnxruntime's errors have no common base class
        return None


def ask_reference(graph: Node) -> dict[str, np.ndarray] | None:
    """What ONNX's reference evaluator makes of a node, or None where it cannot, or gives other types than the standard."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = dict(zip([name for name, _ in graph.outputs], ReferenceEvaluator(graph.model()).run(None, graph.inputs)))
        right = all(np.asarray(values[name]).dtype == np.dtype(dtype) for name, dtype in graph.outputs)
        return {name: np.asarray(value) for name, value in values.items()} if right else None
    except Exception:  # whatever Python says of what it has no code for
        return None


def answers(graph: Node) -> dict[str, list[np.ndarray]] | None:
    """The results that are right, by output: of both oracles, or of the one that runs it or has the better reasons; None without any.

    Floats of 16 bits are stored so and computed in f32, as nncc has it: the oracles compute the same node in f32 and the result is
    rounded, since their own arithmetic on 16 bits rounds every step. Quantization is left as it is: it rounds to integers.
    """
    wide = graph if graph.nodes[-1].op_type == "QuantizeLinear" else graph.in_f32()
    found = {verdicts.ORT: ask_onnxruntime(wide), verdicts.REFERENCE: ask_reference(wide)}
    found = {oracle_: graph.narrowed(values) for oracle_, values in found.items() if values is not None}
    if any(value.size > MOST_ELEMENTS for values in found.values() for value in values.values()):
        return None
    facts = verdicts.Facts(graph.nodes[-1], graph)
    differs = None
    if len(found) == 2:
        first, second = found.values()
        differs = next((wrong for name, _ in graph.outputs if (wrong := graph.difference(first[name], [second[name]]))), None)
    if differs or len(found) == 1:
        verdict = verdicts.find(verdicts.VERDICTS, facts)
        if differs and not verdict:
            raise Unsettled(f"{facts.op}, opset {graph.opset}: onnxruntime against the reference: {differs}")
        if verdict:
            found = {oracle_: values for oracle_, values in found.items() if oracle_ in verdict.right}
    return {name: [values[name] for values in found.values()] for name, _ in graph.outputs} if found else None


def is_valid(graph: Node) -> bool:
    """Whether the standard allows the node in its opset, as far as ONNX's checker and shape inference know."""
    model, context = graph.model(), onnx.checker.C.CheckerContext()
    context.ir_version, context.opset_imports = model.ir_version, {opset.domain: opset.version for opset in model.opset_import}
    try:
        if not any(attribute.HasField("g") for attribute in graph.nodes[-1].attribute):  # which may use what is around them
            onnx.checker.check_node(graph.nodes[-1], context)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except Exception:  # of several kinds
        return False
    return True


def make_case(family: str, seed: int) -> tuple[Node, dict]:
    """The random node of a seed, and its right results."""
    opsets = [opset for opset in OPSETS if opset >= FIRST_OPSET.get(family, 0)]
    opset = pick(np.random.default_rng([seed // PER_MODEL, *family.encode()]), opsets)
    for attempt in range(500):
        random = np.random.default_rng([seed, attempt, *family.encode()])
        graph = Node(f"{family}{seed}_", random, opset)
        try:
            FAMILIES[family](random, graph)
        except ValueError:  # an operand that nothing can be drawn for
            continue
        if not is_valid(graph):
            continue
        if verdicts.find(verdicts.OFF_ALIKE, verdicts.Facts(graph.nodes[-1], graph)):
            continue
        expected = answers(graph)
        if expected is not None and not verdicts.find(verdicts.KNOWN, verdicts.Facts(graph.nodes[-1], graph, expected)):
            return graph, expected
    raise RuntimeError(f"{family} seed {seed}: 500 attempts made nothing that an oracle runs")


def make_cases(family: str, seeds) -> tuple[list, list[str]]:
    """The cases of some seeds, and the differences between the oracles that are not settled."""
    cases, unsettled = [], []
    for seed in seeds:
        try:
            cases.append((seed, make_case(family, seed)))
        except Unsettled as difference:
            unsettled.append(f"--family {family} --seed {seed}: {difference}")
    return cases, unsettled


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", default="all", help="comma-separated, or all: " + ", ".join(FAMILIES))
    parser.add_argument("--cases", type=int, default=50, help="nodes of each family")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first node; the others count up")
    parser.add_argument("--keep", type=Path, help="folder for models that fail")
    parser.add_argument("--oracles", action="store_true", help="only compare the oracles with each other")
    nncc.add_machine_arguments(parser)
    options = parser.parse_args()
    runners = [Runner(program, options.keep) for program in nncc.machines(options)]
    wrong = refused = total = 0
    for family in FAMILIES if options.family == "all" else options.family.split(","):
        cases, unsettled = make_cases(family, range(options.seed, options.seed + options.cases))
        for line in unsettled:
            print(f"  UNSETTLED {line}")
        wrong += len(unsettled)
        for runner in [] if options.oracles else runners:
            failed, unsupported = runner.run_family(family, cases, PER_MODEL)
            wrong, refused, total = wrong + failed - unsupported, refused + unsupported, total + len(cases)
    print(f"{total - wrong - refused} of {total} right, {refused} refused as not supported, {wrong} wrong or unsettled")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
