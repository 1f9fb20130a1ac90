"""The Python package nncc: what it computes, what it refuses and in which words, what it promises of memory and threads.

    python_package.py                 all checks, on small models and the digits
    python_package.py --bench         times: import, and a call against M_run alone

The package is that of the repository around the program under test, or the one that is installed (--installed).
"""
import argparse
import ctypes
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

import compare
import models
import oracle

DIGITS = models.REPOSITORY / "tools" / "demo" / "digits.onnx"
PACKAGE = models.REPOSITORY / "tools" / "python"
IMPORT_SECONDS, CALL_US = 0.2, 10


def graph(path: Path, nodes, inputs, outputs, weights=()) -> Path:
    """Writes a model; inputs and outputs are (name, type, shape)."""
    def values(ports):
        return [helper.make_tensor_value_info(*port) for port in ports]
    made = helper.make_graph(nodes, "g", values(inputs), values(outputs), list(weights))
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def refused(kind, call, *words: str):
    """Fails unless a call raises an error of a kind whose text has all of the words. Returns the error."""
    try:
        call()
    except kind as error:
        missing = [word for word in words if word not in str(error)]
        assert not missing, f"'{error}' does not say {missing}"
        return error
    raise AssertionError(f"no {kind.__name__}: expected {words}")


def image(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((1, 1, 8, 8), np.float32)


def check_numbers(nncc, folder: Path):
    m = nncc.compile(DIGITS)
    x = image(1)
    expected = oracle.run(DIGITS, {"image": x})["probabilities"]
    for got in (m(x), m(image=x), m({"image": x}), nncc.compile(DIGITS.read_bytes())(x), nncc.compile(onnx.load(DIGITS))(x)):
        assert not compare.difference(got, expected), compare.difference(got, expected)
    assert (m.name, m.target, m.cpu) == ("digits", "x86_64-linux-gnu", nncc.host_cpu()), m
    assert m.inputs == (nncc.Tensor("image", (1, 1, 8, 8), np.dtype("float32"), "f32"),), m.inputs
    assert m.outputs[0].shape == (1, 10) and m.arena_bytes > 0 and m.weights_bytes > 0
    assert nncc.__version__ == nncc.version() and "digits (image: f32[1, 1, 8, 8])" in repr(m), repr(m)


def check_memory(nncc, folder: Path):
    """The model works on the caller's arrays where they are contiguous, and on copies elsewhere."""
    m = nncc.compile(DIGITS)
    x, y = image(2), np.full((1, 10), np.nan, np.float32)
    x.flags.writeable = False
    m.run_into(y, x)
    assert (m._input_pointers[0], m._output_pointers[0]) == (x.ctypes.data, y.ctypes.data)
    expected = m(x)
    assert np.array_equal(y, expected)
    wide = np.zeros((1, 1, 8, 16), np.float32)
    wide[..., ::2] = x
    shifted = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(x.shape)
    for copied in (wide[..., ::2], shifted):
        assert np.array_equal(m(copied), expected) and m._input_pointers[0] != copied.ctypes.data
    for outputs in ([y], {"probabilities": y}):
        y[:] = 0
        m.run_into(outputs, image=x)
        assert np.array_equal(y, expected)
    refused(ValueError, lambda: m.run_into(np.empty((1, 20), np.float32)[:, ::2], x), "'probabilities' is not contiguous")
    refused(ValueError, lambda: m.run_into(np.empty((10, 1), np.float32), x), "output 'probabilities' has the shape [1, 10], not [10, 1]")
    refused(ValueError, lambda: m.run_into([0.0] * 1, x), "a numpy array of f32[1, 10]", "float")
    refused(ValueError, lambda: m.run_into([], x), "0 outputs given; the model has 1")
    shared = np.zeros(64, np.float32)
    refused(ValueError, lambda: m.run_into(shared[:10].reshape(1, 10), shared.reshape(x.shape)), "overlaps")


def check_refusals(nncc, folder: Path):
    m = nncc.compile(DIGITS)
    x = image(3)
    refused(ValueError, lambda: m(), "0 inputs given; the model has 1: 'image' f32[1, 1, 8, 8]")
    refused(ValueError, lambda: m(x, x), "2 inputs given")
    refused(ValueError, lambda: m(picture=x), "no input is called 'picture'; the model has 'image'")
    refused(ValueError, lambda: m({}), "input 'image' f32[1, 1, 8, 8] is missing")
    refused(ValueError, lambda: m(x, image=x), "not both")
    refused(ValueError, lambda: m(x.astype(np.float64)), "input 'image' is f32[1, 1, 8, 8]: an array of float32 is expected, not of float64")
    refused(ValueError, lambda: m(x.astype(">f4")), "an array of float32 is expected, not of >f4")
    refused(ValueError, lambda: m(x[0]), "input 'image' has the shape [1, 1, 8, 8], not [1, 8, 8]")
    refused(ValueError, lambda: nncc.compile(DIGITS, threads=0), "threads is 0; from 1 to 64")
    error = refused(nncc.CompileError, lambda: nncc.compile("no such.onnx"), "no such.onnx")
    assert error.messages[0][0] == "error"
    refused(nncc.CompileError, lambda: nncc.compile(b"no model"), "error: ")
    refused(nncc.CompileError, lambda: nncc.compile(DIGITS, cpu="cortex-a53"), "cortex-a53")
    refused(nncc.CompileError, lambda: nncc.compile(DIGITS, dims={"batch": 0}), "dim 'batch=0'")


def check_types(nncc, folder: Path):
    """Every element type, scalars, tensors without elements, several outputs, names that are no words of Python."""
    kinds = ["FLOAT", "FLOAT16", "DOUBLE", "BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "BFLOAT16"]
    ports = [(f"in.{kind}", getattr(TensorProto, kind), [2, 3]) for kind in kinds]
    path = graph(folder / "types.onnx", [helper.make_node("Identity", [name], [name.replace("in", "out")]) for name, _, _ in ports], ports,
                 [(name.replace("in", "out"), kind, shape) for name, kind, shape in ports])
    m = nncc.compile(path)
    given = {tensor.name: np.arange(6).reshape(2, 3).astype(tensor.dtype) for tensor in m.inputs}
    got = m(given)
    assert list(got) == [tensor.name for tensor in m.outputs] == [f"out.{kind}" for kind in kinds]
    for name, value in given.items():
        assert np.array_equal(got[name.replace("in", "out")], value), name
    assert [tensor.type for tensor in m.inputs][-1] == "bf16" and m.inputs[-1].dtype == np.uint16
    assert np.array_equal(m(**{"in_" + kind: value for kind, value in zip(kinds, given.values())})["out.INT64"], given["in.INT64"])

    path = graph(folder / "scalar.onnx", [helper.make_node("Neg", ["x"], ["y"]), helper.make_node("Neg", ["e"], ["f"])],
                 [("x", TensorProto.FLOAT, []), ("e", TensorProto.INT64, [0, 3])], [("y", TensorProto.FLOAT, []), ("f", TensorProto.INT64, [0, 3])])
    got = nncc.compile(path)(np.float32(2), np.empty((0, 3), np.int64))
    assert got["y"] == -2 and got["y"].shape == () and got["f"].shape == (0, 3)


def check_choices(nncc, folder: Path):
    """dims, bind and formats; what inspect says of them."""
    path = graph(folder / "open.onnx", [helper.make_node("Mul", ["x", "s"], ["y"])],
                 [("x", TensorProto.FLOAT, ["batch", 3, 2, 2]), ("s", TensorProto.FLOAT, [1])], [("y", TensorProto.FLOAT, ["batch", 3, 2, 2])])
    assert nncc.inspect(path)["to_bind"]["dims"] == ["batch"]
    assert nncc.inspect(path, dims={"batch": 2})["plan"]["arena_bytes"] == 0
    refused(nncc.CompileError, lambda: nncc.compile(path), "batch")
    x = np.random.default_rng(1).random((2, 3, 2, 2), np.float32)
    for value in (3, 3.0, [3.0], "3", np.array([3], np.float32)):
        m = nncc.compile(path, dims={"batch": 2}, bind={"s": value})
        assert [tensor.name for tensor in m.inputs] == ["x"] and np.allclose(m(x), 3 * x), value
    m = nncc.compile(path, dims={"batch": 2}, bind={"s": 1}, inputs={"x": "u8,nhwc"}, output_layouts={"y": "nhwc"}, cpu="x86-64-v3")
    photo = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
    assert m.cpu == "x86-64-v3" and np.array_equal(m(photo), photo.astype(np.float32))
    # Code for several CPUs: that of the best which fits.
    several = nncc.compile(DIGITS, cpu="x86-64-v3,x86-64-v3-vnni")
    assert several.cpu in ("x86-64-v3", "x86-64-v3-vnni") and len(several.profile(runs=1)) > 3, several
    m = nncc.compile(path, shapes={"x": [2, 3, 2, 2]}, bind={"s": 2}, rename={"x": "photo", "y": "double"})
    assert [tensor.name for tensor in (*m.inputs, *m.outputs)] == ["photo", "double"] and np.allclose(m(photo=x), 2 * x)
    assert nncc.inspect(path, shapes={"x": (4, 3, 2, 2)})["plan"]["kernels"]
    refused(nncc.CompileError, lambda: nncc.compile(path, shapes={"x": (2, 4, 2, 2)}), "[2, 4, 2, 2] is given")
    refused(nncc.CompileError, lambda: nncc.compile(path, dims={"batch": 1}, rename={"z": "y"}), "--rename z=y")
    refused(nncc.CompileError, lambda: nncc.compile(path, dims={"batch": 1}, tuning=path), "is no tuning file")
    refused(ValueError, lambda: nncc.compile(path, dims={"batch": 1}, optimize="fast"), "'speed' or 'size'")
    refused(nncc.CompileError, lambda: nncc.inspect(folder / "none.onnx"), "none.onnx")
    inner = onnx.load(DIGITS).graph.node[-1].input[0]
    part = nncc.compile(DIGITS, end=[inner])
    assert [tensor.name for tensor in part.outputs] == [inner] == [port["name"] for port in nncc.inspect(DIGITS, end=[inner])["outputs"]]
    rest = nncc.compile(DIGITS, begin=[inner], shapes={inner: part.outputs[0].shape})
    assert np.array_equal(rest(part(image(4))), nncc.compile(DIGITS)(image(4)))


def check_files(nncc, folder: Path):
    """save and load."""
    m, x = nncc.compile(DIGITS), image(4)
    expected = m(x)
    assert m.save(folder / "arm", target="aarch64-linux-gnu", cpu="cortex-a53") == folder / "arm" / "libdigits.a"
    assert (folder / "arm" / "digits.h").exists()
    library = m.save(folder / "out", shared=True, cpu="native", name="mine")
    assert m.save(folder / "out", shared=True, cpu="native") == folder / "out" / "libdigits.so"
    loaded = nncc.load(library)
    assert loaded.name == "mine" and np.array_equal(loaded(x), expected)
    refused(ValueError, lambda: loaded.save(folder), "was loaded from a library")
    moved = library.rename(folder / "renamed.so")
    refused(ValueError, lambda: nncc.load(moved), "no symbol 'renamed_model'", "`name`")
    assert np.array_equal(nncc.load(moved, name="mine")(x), expected)
    refused(FileNotFoundError, lambda: nncc.load(folder / "none.so"), "none.so")
    refused(OSError, lambda: nncc.load(folder / "arm" / "libdigits.a"), "libdigits.a")
    library = m.save(folder / "extern", shared=True, cpu="native", extern_weights=True)
    assert np.array_equal(nncc.load(library, weights=library.with_name("digits.weights"))(x), expected)
    refused(ValueError, lambda: nncc.load(library), "weights")
    library = m.save(folder / "cpus", shared=True, cpu="x86-64-v3,x86-64-v4", extern_weights=True)
    assert np.allclose(nncc.load(library, weights=library.with_name("digits.weights"))(x), expected, rtol=1e-5, atol=1e-6)
    path = graph(folder / "conv-bn.onnx", [helper.make_node("Neg", ["x"], ["y"])], [("x", TensorProto.FLOAT, [3])], [("y", TensorProto.FLOAT, [3])])
    assert nncc.compile(path).save(folder / "out").name == "libconv_bn.a"


def large(nncc, folder: Path, **options):
    """A model that takes milliseconds."""
    path = folder / "large.onnx"
    if not path.exists():
        graph(path, [helper.make_node("MatMul", ["x", "w"], ["y"])], [("x", TensorProto.FLOAT, [400, 700]), ("w", TensorProto.FLOAT, [700, 600])],
              [("y", TensorProto.FLOAT, [400, 600])])
    random = np.random.default_rng(5)
    return nncc.compile(path, **options), random.random((400, 700), np.float32), random.random((700, 600), np.float32)


def check_threads(nncc, folder: Path):
    """The interpreter goes on while a model runs; parts on threads, clones and shared models give the same bits."""
    m, x, w = large(nncc, folder)
    expected = m(x, w)
    ticks, is_running = 0, threading.Event()

    def run():
        is_running.set()
        for _ in range(5):
            m(x, w)
        is_running.clear()

    worker = threading.Thread(target=run)
    switch = sys.getswitchinterval()
    sys.setswitchinterval(60)  # whoever does not let go of the lock keeps it
    try:
        worker.start()
        is_running.wait()
        while is_running.is_set():
            ticks += 1
            time.sleep(0)
    finally:
        sys.setswitchinterval(switch)
    worker.join()
    assert ticks > 5, f"{ticks} steps of the interpreter during five runs"
    assert np.array_equal(large(nncc, folder, threads=3)[0](x, w), expected)
    compiled: list = []
    workers = [threading.Thread(target=lambda: compiled.append(nncc.compile(DIGITS)(image(6)))) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(compiled) == 3 and all(np.array_equal(result, compiled[0]) for result in compiled)
    clone, results = m.clone(), []
    workers = [threading.Thread(target=lambda model=model: results.append(model(x, w))) for model in (m, m, clone, clone)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 4 and all(np.array_equal(result, expected) for result in results)


def check_profile(nncc, folder: Path):
    m = nncc.compile(DIGITS)
    profile = m.profile(runs=3)
    kernels = nncc.inspect(DIGITS)["plan"]["kernels"]
    assert [(kernel.name, kernel.macs) for kernel in profile] == [(kernel["name"], kernel["macs"]) for kernel in kernels]
    assert profile.total_us > 0 and str(profile).startswith(f"{profile.total_us:10.1f} us  100.0 %") and profile[0].name in str(profile)
    assert len(m.profile(image(1), runs=1)) == len(kernels)


def check_validate(nncc, folder: Path):
    x = np.concatenate([image(seed) for seed in range(12)])
    probabilities = np.concatenate([nncc.compile(DIGITS)(sample[None]) for sample in x])
    for data, reference in ((x, None), ({"image": x}, DIGITS.read_bytes()), (x, onnx.load(DIGITS)), (x, {"probabilities": probabilities})):
        said = nncc.validate(DIGITS, data, reference=reference)
        output, = said["outputs"]
        assert said["samples"] == 12 and output["top1"] == 1 and output["max_error"] < 1e-5 * output["max_value"], said
    wrong = probabilities.argmax(1)
    wrong[:3] = (wrong[:3] + 1) % 10
    output, = nncc.validate(DIGITS, x, reference=wrong, samples=12)["outputs"]
    assert output["top1"] == 0.75, output
    refused(nncc.CompileError, lambda: nncc.validate(DIGITS, x.astype(np.float64)), "f64[12, 1, 8, 8]", "array.astype(numpy.float32)")


def check_lifetime(nncc, folder: Path):
    """A model that nobody has any more leaves neither its library nor its files behind."""
    def mapped() -> int:
        return Path("/proc/self/maps").read_text().count("libdigits.so")
    before = mapped()
    models_ = [nncc.compile(DIGITS) for _ in range(3)]
    assert mapped() > before
    del models_
    assert mapped() == before, f"{mapped() - before} mappings are left"


def check_warnings(nncc, folder: Path):
    """Warnings of the compiler are Python's; a good model has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nncc.compile(DIGITS)


def check_program(nncc, folder: Path):
    """python -m nncc is the program nncc."""
    def said(*arguments):
        return subprocess.run([sys.executable, "-m", "nncc", *arguments], capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)})
    assert said("--version").stdout.startswith(f"nncc {nncc.version()} ")
    assert said("run", "none.onnx").returncode == 1
    assert Path(said("--cmake-dir").stdout.strip()).parts[-3:] == ("lib", "cmake", "nncc")


def bench(nncc, folder: Path):
    """Prints and limits the seconds of `import nncc` and the microseconds of a call beyond those of M_run, as processor time."""
    def import_seconds(package: str) -> float:
        code = f"import sys, time; sys.path[:] = {sys.path!r}; begin = time.process_time(); import {package}; print(time.process_time() - begin)"
        return min(float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout) for _ in range(7))

    seconds, numpy_seconds = import_seconds("nncc"), import_seconds("numpy")
    m = nncc.compile(DIGITS)
    x, y = image(1), np.empty((1, 10), np.float32)

    def microseconds(call, calls=2000) -> float:
        best = float("inf")
        for _ in range(15):
            begin = time.process_time()
            for _ in range(calls):
                call()
            best = min(best, (time.process_time() - begin) / calls * 1e6)
        return best

    m(x)
    # M_run as C calls it: the same pointers each time, and what a call of any function takes taken off.
    run, arguments = m._run, m._run_arguments
    nothing = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(
        ctypes.cast(ctypes.CDLL(None).abs, ctypes.c_void_p).value)
    alone = microseconds(lambda: run(*arguments)) - microseconds(lambda: nothing(*arguments))
    call, into = microseconds(lambda: m(x)), microseconds(lambda: m.run_into(y, x))
    print(f"import nncc: {seconds:.3f} s ({numpy_seconds:.3f} s of them numpy); at most {IMPORT_SECONDS}")
    print(f"digits: M_run {alone:.1f} us, m(x) {call - alone:.1f} us more, m.run_into(y, x) {into - alone:.1f} us more; at most {CALL_US}")
    assert seconds <= IMPORT_SECONDS and max(call, into) - alone <= CALL_US


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nncc", type=Path, help="ignored: the package finds the program of its build tree")
    parser.add_argument("--bench", action="store_true")
    parser.add_argument("--installed", action="store_true", help="the package that this Python has")
    options = parser.parse_args()
    if not options.installed:
        sys.path.insert(0, str(PACKAGE))
    import nncc
    checks = [bench] if options.bench else [check for name, check in globals().items() if name.startswith("check_")]
    failures = 0
    for check in checks:
        with tempfile.TemporaryDirectory(prefix="nncc-python-") as folder:
            try:
                check(nncc, Path(folder))
            except Exception as error:
                failures += 1
                if not isinstance(error, AssertionError):
                    import traceback
                    traceback.print_exc()
                print(f"FAILED {check.__name__}: {error}")
    print(f"{len(checks) - failures} of {len(checks)} checks of the Python package pass")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
