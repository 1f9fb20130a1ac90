"""The oracle of the numeric tests: onnxruntime on the original file, one thread, its results kept by model and seed."""
import hashlib

import numpy as np
import onnxruntime

import models

# Results of another version of the oracle are other results.
_VERSION = f"{onnxruntime.__version__}"


_LEVELS = onnxruntime.GraphOptimizationLevel
# The first that can run a model counts: some types have kernels only before, others only after optimization.
FOLDED = (_LEVELS.ORT_ENABLE_BASIC, _LEVELS.ORT_DISABLE_ALL, _LEVELS.ORT_ENABLE_ALL)
NODE_BY_NODE = (_LEVELS.ORT_DISABLE_ALL,)
# As its users run it: what is quantized runs on integers.
OPTIMIZED = (_LEVELS.ORT_ENABLE_ALL,)


def session(model, levels=FOLDED) -> onnxruntime.InferenceSession:
    """A session on a file or on serialized bytes, at the first optimization level that can run the model."""
    for level in levels:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.graph_optimization_level = level
        # What is i8 stays so, as on Arm: for x86 it would become u8, which rounds some constants of a sum otherwise.
        options.add_session_config_entry("session.qdqisint8allowed", "1")
        options.log_severity_level = 4  # it warns about unused initializers, and errors come as exceptions, too
        try:
            return onnxruntime.InferenceSession(str(model) if not isinstance(model, bytes) else model, options,
                                                providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no common base class of their own
            failure = error
    raise failure


def run(model, inputs: dict[str, np.ndarray], levels=FOLDED) -> dict[str, np.ndarray]:
    """The outputs of a model (file or bytes) by name."""
    runner = session(model, levels)
    names = [output.name for output in runner.get_outputs()]
    known = {value.name for value in runner.get_inputs()}
    return dict(zip(names, runner.run(names, {k: v for k, v in inputs.items() if k in known})))


def reference(path, seed: int, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Like `run`, but computed once for a file, a seed and inputs."""
    digest = hashlib.sha256()
    for name, value in sorted(inputs.items()):
        digest.update(name.encode() + str(value.dtype).encode() + str(value.shape).encode() + value.tobytes())
    folder = models.cache_folder() / "references"
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{models.hash_of(path)[:24]}-{seed}-{digest.hexdigest()[:16]}-{_VERSION}.npz"
    if kept.exists():
        with np.load(kept) as file:
            return {str(name): file[f"value{index}"] for index, name in enumerate(file["names"])}
    outputs = run(path, inputs)
    temporary = kept.with_name(f"{kept.stem}.{digest.hexdigest()[16:24]}.part.npz")
    np.savez(temporary, names=np.array(list(outputs)), **{f"value{i}": v for i, v in enumerate(outputs.values())})
    temporary.replace(kept)
    return outputs
