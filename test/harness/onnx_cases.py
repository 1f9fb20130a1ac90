"""The cases of ONNX's own tests: of Debian's package, which is of an older ONNX, and of the Python package, the newest.

A case is a folder with `model.onnx`, and `input_0.pb`, `output_0.pb` ... in a folder for each data set.
"""
import csv
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
from onnx import numpy_helper

import models

EXPECTED = models.REPOSITORY / "test" / "expected"
TIERS = EXPECTED / "onnx-suite-tiers.tsv"
DEBIAN_DATA = Path("/usr/share/libonnx-testdata/data")  # Debian's libonnx-testdata

# Operands that decide a shape, which branch is taken, or whether anything is random.
SHAPE_OPERANDS = {
    "AffineGrid": {1}, "BlackmanWindow": {0}, "CenterCropPad": {1}, "Col2Im": {1, 2}, "ConstantOfShape": {0}, "CumProd": {1}, "CumSum": {1},
    "DFT": {1, 2}, "Dropout": {1, 2}, "Expand": {1}, "HammingWindow": {0}, "HannWindow": {0}, "Loop": {0, 1}, "MaxUnpool": {2},
    "MelWeightMatrix": {0, 1, 2, 3, 4}, "NonMaxSuppression": {2, 3, 4}, "OneHot": {1}, "Pad": {1, 3}, "Range": {0, 1, 2}, "ReduceL1": {1},
    "ReduceL2": {1}, "ReduceLogSum": {1}, "ReduceLogSumExp": {1}, "ReduceMax": {1}, "ReduceMean": {1}, "ReduceMin": {1}, "ReduceProd": {1},
    "ReduceSum": {1}, "ReduceSumSquare": {1}, "Reshape": {1}, "Resize": {1, 2, 3}, "STFT": {1, 3}, "SequenceAt": {1}, "SequenceErase": {1},
    "SequenceInsert": {2}, "Slice": {1, 2, 3, 4}, "Split": {1}, "SplitToSequence": {1}, "Squeeze": {1}, "Tile": {1}, "TopK": {1},
    "Trilu": {1}, "Unsqueeze": {1}, "Upsample": {1},
}
# Operators whose result depends on an operand's shape or type alone.
SHAPE_READERS = {"Shape": {0}, "Size": {0}, "EyeLike": {0}, "CastLike": {1}}


# Cases of the Python package whose expected values are not what the operator's text says.
DISPUTED = {
    "test_averagepool_2d_ceil_last_window_starts_on_pad": "D: expected values are written with four digits",
}


@dataclass
class Case:
    """One case. `tier` says by its first letter whether it is in scope, and then why."""
    folder: Path
    category: str
    name: str
    tier: str

    @property
    def key(self) -> str:
        return f"{self.category}/{self.name}"


def deciding_values(graph, outputs: set[str] = frozenset()) -> set[str]:
    """The values of a graph, and around it, on which a shape or a branch depends, or one of `outputs`."""
    deciding = set(outputs)
    for node in reversed(graph.node):  # cases are in topological order
        flows = any(output in deciding for output in node.output)
        for index, name in enumerate(node.input):
            if index in SHAPE_OPERANDS.get(node.op_type, ()) or flows and index not in SHAPE_READERS.get(node.op_type, ()):
                deciding.add(name)
        for body in (attribute.g for attribute in node.attribute if attribute.HasField("g")):
            inner = deciding_values(body, {output.name for output in body.output} if flows else set())
            deciding |= inner
            # What a loop carries stands at the same place of the node and of its body.
            deciding |= {name for name, port in zip(node.input, body.input) if port.name in inner}
    return deciding


def bound_inputs(graph) -> list[str]:
    """The inputs of a case that are constants to the compiler: shapes or branches depend on their values."""
    deciding = deciding_values(graph)
    return [port.name for port in graph.input if port.name in deciding]


def read_value(path: Path, value_type):
    """An `input_0.pb` or `output_0.pb` as an array. Raises ValueError for what is no tensor."""
    if value_type.WhichOneof("value") != "tensor_type":
        raise ValueError(f"{path.name} is a {value_type.WhichOneof('value')}")
    value = numpy_helper.to_array(onnx.load_tensor(path))
    # ONNX 1.12 wrote bf16 as its bits.
    is_bits = value_type.tensor_type.elem_type == onnx.TensorProto.BFLOAT16 and value.dtype == np.uint16
    return value.view(ml_dtypes.bfloat16) if is_bits else value


def debian_cases(data: Path) -> tuple[list[Case], list[str]]:
    """The cases of the table that this machine has, and the names of cases that the table doesn't know."""
    with open(TIERS) as file:
        rows = [Case(data / row["category"] / row["test"], row["category"], row["test"], row["tier"])
                for row in csv.DictReader(file, delimiter="\t")]
    known = {case.key for case in rows}
    present = [case for case in rows if (case.folder / "model.onnx").exists()]
    categories = sorted({case.category for case in rows} - {"real"})
    new = [f"{c}/{path.name}" for c in categories if (data / c).is_dir() for path in sorted((data / c).iterdir())
           if f"{c}/{path.name}" not in known]
    return present, new


def wheel_cases() -> list[Case]:
    """The cases of the installed Python package, all in scope. Those that it only makes in memory are written to the cache once."""
    packaged = Path(onnx.__file__).parent / "backend" / "test" / "data"
    folders = [path.parent for path in sorted(packaged.glob("*/*/model.onnx"))]
    folders += [path.parent for path in sorted(written_cases().glob("*/*/model.onnx"))]
    # Some are in both places: the package's files come first.
    by_key = {(folder.parent.name, folder.name): folder for folder in reversed(folders)}
    return [Case(folder, category, name, DISPUTED.get(name, "A")) for (category, name), folder in sorted(by_key.items())]


def written_cases() -> Path:
    """The folder in the cache with the cases that the Python package makes in memory."""
    folder = models.cache_folder() / f"onnx-suite-{onnx.__version__}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=folder.name, dir=folder.parent) as scratch:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the package computes with infinities on purpose
                from onnx.backend.test.case import model, node
                for case in [*node.collect_testcases(None), *model.collect_testcases()]:
                    if case.model is not None:
                        write_case(case, Path(scratch) / "data" / case.kind / case.name)
            try:
                (Path(scratch) / "data").rename(folder)
            except OSError:  # another process was faster
                if not folder.exists():
                    raise
    return folder


def write_case(case, folder: Path):
    """Writes a case of the Python package as `cmd_tools generate-data` of the package does."""
    folder.mkdir(parents=True)
    onnx.save(case.model, folder / "model.onnx")
    for index, (inputs, outputs) in enumerate(case.data_sets):
        data_set = folder / f"test_data_set_{index}"
        data_set.mkdir()
        for kind, values, ports in (("input", inputs, case.model.graph.input), ("output", outputs, case.model.graph.output)):
            for position, (value, port) in enumerate(zip(values, ports)):
                (data_set / f"{kind}_{position}.pb").write_bytes(to_proto(value, port).SerializeToString())


def to_proto(value, port):
    """A value of a case as the message that its declared type asks for."""
    if isinstance(value, onnx.TensorProto):
        return value
    makers = {"sequence_type": numpy_helper.from_list, "optional_type": numpy_helper.from_optional, "map_type": numpy_helper.from_dict}
    make = makers.get(port.type.WhichOneof("value"))
    return make(value, port.name) if make else numpy_helper.from_array(np.asarray(value), port.name)
