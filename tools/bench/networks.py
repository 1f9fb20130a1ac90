"""The networks of the benchmark: found, fetched, made or quantized, with numbers for dims, so that all engines read the same file."""
import copy
import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "test" / "harness"))
import inputs as seeded  # noqa: E402
import make_network  # noqa: E402
import models  # noqa: E402
import oracle  # noqa: E402
import quantized_networks  # noqa: E402

GENERATED = ["mobilenet_v1", "mobilenet_v2", "squeezenet", "resnet50", "minilm"]
# What NAME-int8 is: the network as onnxruntime's quantizer writes it for the fastest of its kernels, u8 by s8, a scale for each channel.
QUANTIZED = {"-int8": "qdq-u8s8-channel", **{f"-{kind}": kind for kind in quantized_networks.KINDS}}
_QUANTIZED_OPS = ("QuantizeLinear", "QLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger")


@dataclass
class Network:
    """A model file, without dynamic dims unless it has branches, an input for it and what onnxruntime says to that."""
    name: str
    path: Path
    inputs: dict[str, np.ndarray]
    binds: dict[str, np.ndarray]  # inputs that are constants to nncc
    dims: dict[str, int]  # dims that the file does not say
    reference: dict[str, np.ndarray]
    is_quantized: bool
    subnormal_weights: int  # weights below the smallest normal float, by which some cores multiply a hundred times as slowly

    @property
    def group(self) -> str:
        """What it is counted with in a mean."""
        return "quantized" if self.is_quantized else "generated" if self.name in GENERATED else "trained"

    @property
    def key(self) -> str:
        """What results of this file are kept under."""
        return f"{self.path.stem}"


def default_names() -> list[str]:
    """The generated networks, then those of the tests."""
    return GENERATED + list(models.manifest())


def folder(name: str) -> Path:
    """A folder of the benchmark's own in the cache."""
    path = models.cache_folder() / "bench" / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def find(name: str) -> Network:
    """A network by its name: generated, of models.json, `digits`, one of these with an ending of QUANTIZED, or a file. Raises MissingModel."""
    path, hint = _original(name)
    values = seeded.make_inputs(path, 0, hint["input"])
    model, dims = onnx.load(path), hint.get("dims", {})
    # onnxruntime infers the shapes of branches that are not taken, which fails where the input has those of the other.
    if not any(node.op_type == "If" for node in model.graph.node):
        model, dims = _fixed(model, values), {}
    values = {key: np.array(value, order="C") for key, value in values.items()}
    reference = oracle.run(model.SerializeToString(), values)
    return Network(Path(name).stem, _keep(Path(name).stem, model), values, {key: values[key] for key in hint.get("bind", [])}, dims, reference,
                   any(node.op_type.startswith(_QUANTIZED_OPS) for node in model.graph.node),
                   sum(map(_subnormal, model.graph.initializer)))


def _original(name: str) -> tuple[Path, dict]:
    """The file that a name stands for, and what models.json, or make_network.py, says of its inputs."""
    if name.endswith(".onnx"):
        return Path(name), {"input": {}}
    for ending, kind in QUANTIZED.items():
        if name.endswith(ending):
            network = name.removesuffix(ending)
            hint = _original(network)[1]  # fetches it
            return quantized_networks.file_of(network, kind), hint
    if name in make_network.NETWORKS:
        path = folder("made") / f"{name}.onnx"
        data = make_network.make_network(name).SerializeToString()
        if not path.exists() or path.read_bytes() != data:
            path.write_bytes(data)
        return path, {"input": make_network.INPUTS.get(name, make_network.IMAGE)}
    if name not in models.OWN_MODELS:
        if name not in models.manifest():
            raise models.MissingModel(f"{name}: no such network; known: {', '.join([*default_names(), *models.OWN_MODELS])}")
        models.fetch([name])
    return models.model_path(name), models.entry_of(name)


def _fixed(model: onnx.ModelProto, values: dict[str, np.ndarray]) -> onnx.ModelProto:
    """A copy of a model whose inputs have the shapes of `values`."""
    model = copy.deepcopy(model)
    graph = model.graph
    for value in graph.input:
        if value.name in values:
            value.type.tensor_type.shape.CopyFrom(_shape(values[value.name].shape))
    del graph.value_info[:]  # may name the dims that are numbers now
    return model


def _subnormal(weight: onnx.TensorProto) -> int:
    """How many elements of a weight are subnormal."""
    values = np.abs(onnx.numpy_helper.to_array(weight)) if weight.data_type == onnx.TensorProto.FLOAT else np.zeros(0)
    return int(((values > 0) & (values < np.finfo(np.float32).tiny)).sum())


def _shape(dims) -> onnx.TensorShapeProto:
    return onnx.TensorShapeProto(dim=[onnx.TensorShapeProto.Dimension(dim_value=dim) for dim in dims])


def _keep(name: str, model: onnx.ModelProto) -> Path:
    """Writes a model into the cache, under its name and a hash of it."""
    data = model.SerializeToString(deterministic=True)
    path = folder("models") / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}.onnx"
    if not path.exists():
        temporary = path.with_suffix(".part")
        temporary.write_bytes(data)
        temporary.replace(path)
    return path
