#!/usr/bin/env python3
"""Runs an ONNX model in onnxruntime: the reference of `nncc debug` and `nncc validate`.

    onnxruntime_reference.py MODEL.onnx --input NAME=x.npy ... [--bind NAME=VALUE ...] --output DIR

writes every tensor of the graph, DIR/0.npy, DIR/1.npy ... and DIR/tensors.json, which lists them in the order of the graph, inputs first:

    {"tensors": [{"name": "conv1/out:0", "file": "0.npy", "node": "conv1", "op": "Conv", "dtype": "float32", "shape": [1, 8, 5, 7]}]}

    onnxruntime_reference.py MODEL.onnx --stream NAME=float32:1,3,8,8 ... [--bind NAME=VALUE ...]

runs the model on what standard input brings, the bytes of the arrays of --stream in their order, and again, until it ends. Each run is
answered on standard output by a line of JSON, [{"name": "y", "dtype": "float32", "shape": [1, 10]}], and the bytes of these outputs.

--part FILE is run instead of the model; external data lies beside the model all the same.

Every model input is given, by --input, --stream or --bind (a number, a list `1,2,3`, or a file `x.npy`). NAME ends at the last `=`.
Nothing is optimized, so that every tensor of the file exists; tensors inside If and Loop bodies are not written, and neither are
Constant nodes. Exit status: 0, or 1 with one line on stderr. Needs numpy, onnx and onnxruntime.
"""
import argparse
import json
import sys
from pathlib import Path


def fail(message: str):
    """Ends with status 1 and one line of explanation."""
    print(f"onnxruntime_reference: error: {message}", file=sys.stderr)
    sys.exit(1)


try:
    import numpy as np
    import onnx
    import onnxruntime
except ImportError as missing:
    fail(f"{missing}; install it with: python3 -m pip install onnxruntime onnx numpy (this is {sys.executable})")


def parse_value(text: str, dtype: np.dtype, rank: int) -> np.ndarray:
    """A --bind value: the file it names, or numbers separated by commas, as a scalar where the input is one."""
    if text.endswith(".npy"):
        return np.load(text)
    words = [word for word in text.strip("[]").split(",") if word.strip()]
    booleans = {"true": 1, "false": 0}
    numbers = [booleans[word.strip().lower()] if word.strip().lower() in booleans else
               float(word) if dtype.kind == "f" else int(word) for word in words]
    return np.array(numbers, dtype).reshape(() if rank == 0 else (-1,))


def read_inputs(graph, options) -> dict[str, np.ndarray]:
    """The value of every input of the graph, from --input and --bind."""
    weights = {initializer.name for initializer in graph.initializer} | {s.values.name for s in graph.sparse_initializer}
    ports = {port.name: port.type.tensor_type for port in graph.input}
    values = {}
    for argument in options.input + options.bind:
        name, separator, text = argument.rpartition("=")
        if not separator or name not in ports:
            fail(f"'{argument}' names no input; inputs are {', '.join(name for name in ports if name not in weights)}")
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(ports[name].elem_type))
        try:
            values[name] = parse_value(text, dtype, len(ports[name].shape.dim))
        except (OSError, ValueError) as error:
            fail(f"cannot read the value of input '{name}' from '{text}': {error}")
        if options.cast and values[name].dtype == np.float32:
            values[name] = values[name].astype(dtype)
        if values[name].dtype != dtype:
            fail(f"input '{name}' is {dtype}, but {text} holds {values[name].dtype}")
    streamed = {argument.rpartition("=")[0] for argument in options.stream}
    absent = [name for name in ports if name not in weights and name not in values and name not in streamed]
    if absent:
        fail(f"no value for input {', '.join(absent)}")
    return values


def open_session(model, path: Path):
    """A session without optimization, on one thread."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    settings.log_severity_level = 3  # errors only
    # The model comes from memory: external data is found beside its file.
    settings.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path.resolve().parent))
    return onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])


def cannot_run(path: Path, error: Exception):
    fail(f"onnxruntime cannot run {path}: {str(error).splitlines()[0]}")


def read_exactly(stream, count: int):
    """The next bytes; None at the end of a stream that ends in front of them."""
    data = stream.read(count)
    if not data and count:
        return None
    if len(data) != count:
        fail(f"standard input ended {count - len(data)} bytes before the end of an array")
    return data


def without_maps(model, name: str, result):
    """A result of ZipMap as the tensor of its scores, in the order of the node's classes; any other as it is."""
    node = next((node for node in model.graph.node if name in node.output), None)
    if node is None or node.op_type != "ZipMap" or not isinstance(result, list):
        return result
    lists = [onnx.helper.get_attribute_value(attribute) for attribute in node.attribute if attribute.name.startswith("classlabels_")]
    classes = [label.decode() if isinstance(label, bytes) else label for label in next(labels for labels in lists if labels)]
    return np.array([[row[label] for label in classes] for row in result], np.float32)


def answer_runs(model, values: dict, options):
    """Runs the model on every set of arrays of standard input. `values` holds the inputs that are the same in all."""
    streamed = []
    for argument in options.stream:
        name, _, text = argument.rpartition("=")
        dtype, _, dims = text.partition(":")
        streamed.append((name, np.dtype(dtype), tuple(int(dim) for dim in dims.split(",") if dim)))
    ports = {port.name: np.dtype(onnx.helper.tensor_dtype_to_np_dtype(port.type.tensor_type.elem_type)) for port in model.graph.input}
    try:
        session = open_session(model, options.model)
        while True:
            for name, dtype, shape in streamed:
                data = read_exactly(sys.stdin.buffer, dtype.itemsize * int(np.prod(shape, dtype=np.int64)))
                if data is None:
                    return
                array = np.frombuffer(data, dtype).reshape(shape)
                values[name] = array.astype(ports[name]) if options.cast and dtype == np.float32 else array
            results = session.run(None, values)
            named = [(port.name, without_maps(model, port.name, result)) for port, result in zip(session.get_outputs(), results)]
            arrays = [(name, result) for name, result in named
                      if isinstance(result, np.ndarray) and result.dtype != object]
            line = json.dumps([{"name": name, "dtype": str(array.dtype), "shape": list(array.shape)} for name, array in arrays])
            sys.stdout.buffer.write(line.encode() + b"\n" + b"".join(array.tobytes() for _, array in arrays))
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        return
    except Exception as error:  # onnxruntime's errors have no common base class of their own
        cannot_run(options.model, error)


def expose_tensors(graph) -> list[tuple[str, str, str]]:
    """Makes every result of every node an output; returns (tensor, node, op) of each in graph order."""
    tensors = [(output, node.name, node.op_type) for node in graph.node for output in node.output
               if output and node.op_type != "Constant"]
    outputs = {output.name for output in graph.output}
    for name, _, _ in tensors:
        if name not in outputs:
            graph.output.append(onnx.ValueInfoProto(name=name))  # onnxruntime infers the type
    # An output may also be an input or an initializer; no node makes it then.
    return [(name, "", "") for name in sorted(outputs - {name for name, _, _ in tensors})] + tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--input", action="append", default=[], metavar="NAME=x.npy")
    parser.add_argument("--bind", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--part", type=Path, metavar="PART.onnx", help="what of the model is run")
    parser.add_argument("--cast", action="store_true", help="inputs of float32 become what the model takes")
    parser.add_argument("--stream", action="append", default=[], metavar="NAME=DTYPE:SHAPE")
    parser.add_argument("--output", type=Path, metavar="DIR")
    options = parser.parse_args()
    if bool(options.stream) == bool(options.output):
        parser.error("give --stream, or --output")

    try:
        model = onnx.load(options.part or options.model, load_external_data=False)
    except Exception as error:  # protobuf and OS errors alike
        fail(f"cannot read {options.model}: {error}")
    values = read_inputs(model.graph, options)
    if options.stream:
        return answer_runs(model, values, options)
    tensors = expose_tensors(model.graph)

    try:
        results = open_session(model, options.model).run([name for name, _, _ in tensors], values)
    except Exception as error:
        cannot_run(options.model, error)

    options.output.mkdir(parents=True, exist_ok=True)
    entries = []
    for (name, node, op), value in [((name, "", ""), value) for name, value in values.items()] + list(zip(tensors, results)):
        value = without_maps(model, name, value)
        if not isinstance(value, np.ndarray) or value.dtype == object:  # sequences, optionals, strings
            continue
        file = f"{len(entries)}.npy"
        np.save(options.output / file, value)
        entries.append({"name": name, "file": file, "node": node, "op": op, "dtype": str(value.dtype), "shape": list(value.shape)})
    (options.output / "tensors.json").write_text(json.dumps({"tensors": entries}, indent=1))


main()
