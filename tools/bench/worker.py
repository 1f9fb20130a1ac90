"""Runs a model in one other engine for compare_engines.py: `worker.py ENGINE FILE FOLDER`, a process of its own for each engine and model.

Loads FILE, runs it on the inputs of FOLDER (inputs.npz), writes outputs.npz there, and answers with one line of JSON. Then each line of
standard input is a number of milliseconds of processor time, to run for; the answer is a list of the seconds of each run.

What is timed is the same for all engines: from tensors in the program's memory, in the layout of the ONNX model, to tensors there; the
processor time of all threads of the process, of which each engine is asked to use one.
"""
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

FIRST_RUNS = 3


def resident_bytes() -> int:
    """Memory of this process that is in RAM."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def mapped_libraries() -> set[str]:
    """The shared libraries that are loaded."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return {line.split(None, 5)[5] for line in lines if len(line.split(None, 5)) == 6 and ".so" in line}


class OnnxRuntime:
    """ONNX Runtime: CPU provider, all optimizations."""

    def __init__(self, path: Path, inputs: dict[str, np.ndarray]):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        for value in self.session.get_inputs():
            self.binding.bind_cpu_input(value.name, inputs[value.name])
        self.names = [output.name for output in self.session.get_outputs()]
        for name in self.names:
            self.binding.bind_output(name)

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def outputs(self) -> dict[str, np.ndarray]:
        return dict(zip(self.names, self.binding.copy_outputs_to_cpu()))


class OpenVino:
    """OpenVINO: CPU plugin, f32 unless the model is quantized."""

    def __init__(self, path: Path, inputs: dict[str, np.ndarray]):
        import openvino
        model = openvino.Core().read_model(path)
        compiled = openvino.compile_model(model, "CPU", {
            "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False})
        self.request = compiled.create_infer_request()
        self.names = [sorted(output.names) for output in compiled.outputs]
        for port in compiled.inputs:
            name = next(name for name in port.names if name in inputs)
            self.request.set_tensor(port, openvino.Tensor(inputs[name], shared_memory=True))

    def run(self):
        self.request.infer()

    def outputs(self) -> dict[str, np.ndarray]:
        return {name: self.request.get_output_tensor(index).data.copy() for index, names in enumerate(self.names) for name in names}


class Ncnn:
    """ncnn: what pnnx made of the model, in f32. Tensors have no batch there."""

    def __init__(self, path: Path, inputs: dict[str, np.ndarray]):
        import ncnn
        self.net = ncnn.Net()
        options = self.net.opt
        options.num_threads = 1
        options.use_vulkan_compute = options.use_bf16_storage = False
        options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
        if self.net.load_param(str(path / "model.ncnn.param")) or self.net.load_model(str(path / "model.ncnn.bin")):
            raise RuntimeError("ncnn does not load what pnnx wrote")
        values = [value.astype(np.int32) if value.dtype == np.int64 else value for value in inputs.values()]
        values = [np.ascontiguousarray(value[0] if value.ndim > 1 and value.shape[0] == 1 else value) for value in values]
        self.values = [(f"in{index}", ncnn.Mat(value).clone()) for index, value in enumerate(values)]
        self.count = len(self.net.output_names())
        self.names = list(json.loads((path / "outputs.json").read_text()))

    def run(self):
        with self.net.create_extractor() as extractor:
            for name, value in self.values:
                extractor.input(name, value)
            self.results = [extractor.extract(f"out{index}")[1] for index in range(self.count)]

    def outputs(self) -> dict[str, np.ndarray]:
        return {name: np.array(result) for name, result in zip(self.names, self.results)}


class Mnn:
    """MNN: what its converter made of the model. It may overwrite its inputs, so they are copied in before each run."""

    def __init__(self, path: Path, inputs: dict[str, np.ndarray]):
        import MNN
        kinds = {"float32": MNN.Halide_Type_Float, "int32": MNN.Halide_Type_Int, "uint8": MNN.Halide_Type_Uint8}
        self.interpreter = MNN.Interpreter(str(path / "model.mnn"))
        self.session = self.interpreter.createSession({"backend": "CPU", "numThread": 1, "precision": "high"})
        self.copies = []
        for name, value in inputs.items():
            value = value.astype(np.int32) if value.dtype == np.int64 else value
            tensor = self.interpreter.getSessionInput(self.session, name)
            self.interpreter.resizeTensor(tensor, tuple(value.shape))
            self.copies.append((tensor, MNN.Tensor(tuple(value.shape), kinds[value.dtype.name], value, MNN.Tensor_DimensionType_Caffe)))
        self.interpreter.resizeSession(self.session)
        self.results = {}
        for name, tensor in self.interpreter.getSessionOutputAll(self.session).items():
            zeros = np.zeros(tensor.getShape(), np.float32)
            self.results[name] = (tensor, MNN.Tensor(tensor.getShape(), tensor.getDataType(), zeros, MNN.Tensor_DimensionType_Caffe))

    def run(self):
        for tensor, value in self.copies:
            tensor.copyFrom(value)
        self.interpreter.runSession(self.session)
        for tensor, value in self.results.values():
            tensor.copyToHostTensor(value)

    def outputs(self) -> dict[str, np.ndarray]:
        return {name: np.array(value.getNumpyData()) for name, (_, value) in self.results.items()}


class LiteRt:
    """LiteRT with XNNPACK: what onnx2tf made of the model. Images are NHWC there, which is given to it, as its programs would."""

    def __init__(self, path: Path, inputs: dict[str, np.ndarray]):
        from ai_edge_litert.interpreter import Interpreter
        self.interpreter = Interpreter(str(path / "model.tflite"), num_threads=1)
        self.interpreter.allocate_tensors()
        for details, (_, value) in zip(self._in_order(self.interpreter.get_input_details(), list(inputs)), inputs.items()):
            if list(details["shape"]) != list(value.shape) and value.ndim > 2:
                value = np.moveaxis(value, 1, -1)
            self.interpreter.set_tensor(details["index"], np.ascontiguousarray(value.astype(details["dtype"])))
        self.shapes = json.loads((path / "outputs.json").read_text())

    def _in_order(self, details: list[dict], names: list[str]) -> list[dict]:
        """Inputs or outputs in the order of the ONNX model's, where they kept their names."""
        order = {f"serving_default_{name}:0": index for index, name in enumerate(names)}
        return sorted(details, key=lambda one: order.get(one["name"], 0))

    def run(self):
        self.interpreter.invoke()

    def outputs(self) -> dict[str, np.ndarray]:
        results = {}
        details = self.interpreter.get_output_details()
        if signatures := self.interpreter.get_signature_list():
            by_name = self.interpreter.get_signature_runner(next(iter(signatures))).get_output_details()
            details = [by_name[name] for name in self.shapes if name in by_name] if set(self.shapes) <= set(by_name) else details
        for (name, shape), one in zip(self.shapes.items(), details):
            value = self.interpreter.get_tensor(one["index"])
            results[name] = np.moveaxis(value, -1, 1) if list(value.shape) != shape and value.ndim > 2 else value
        return results


ENGINES = {"onnxruntime": OnnxRuntime, "openvino": OpenVino, "ncnn": Ncnn, "mnn": Mnn, "litert": LiteRt}


def set_priority(policy: int, priority: int):
    """The scheduling of all threads of this process; ordinary users may not raise it."""
    for thread in os.listdir("/proc/self/task"):
        try:
            os.sched_setscheduler(int(thread), policy, os.sched_param(priority))
        except (PermissionError, ProcessLookupError):
            pass


def timed(run) -> float:
    """Processor seconds of one run."""
    start = time.process_time_ns()
    run()
    return (time.process_time_ns() - start) * 1e-9


def run_slice(run, milliseconds: float) -> list[float]:
    """One run to warm the caches, then as many as fit."""
    set_priority(os.SCHED_FIFO, 1)
    run()
    seconds = [timed(run)]
    while sum(seconds) < milliseconds * 1e-3:
        seconds.append(timed(run))
    set_priority(os.SCHED_OTHER, 0)
    return seconds


def main():
    engine, path, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    # Engines print what they like; the answers have a file of their own.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    with np.load(folder / "inputs.npz") as file:
        inputs = dict(file)
    before, libraries, start = resident_bytes(), mapped_libraries(), time.process_time()
    loaded = ENGINES[engine](path, inputs)
    load_seconds = time.process_time() - start
    for _ in range(FIRST_RUNS):
        loaded.run()
    resident = resident_bytes() - before
    code = sum(os.stat(name).st_size for name in mapped_libraries() - libraries)
    np.savez(folder / "outputs.npz", **loaded.outputs())
    print(json.dumps({"load_seconds": load_seconds, "resident_bytes": resident, "library_bytes": code}), file=answers)
    for line in sys.stdin:
        print(json.dumps(run_slice(loaded.run, float(line))), file=answers)


if __name__ == "__main__":
    main()
