"""nncc from Python: compiles ONNX models to machine code and runs them on numpy arrays.

    import nncc
    m = nncc.compile("digits.onnx")     # for this machine
    m.inputs                            # (Tensor(name='image', shape=(1, 64), dtype=dtype('float32'), type='f32'),)
    probabilities = m(image)            # or m(image=image)
    m.save("out", target="aarch64-linux-gnu", cpu="cortex-a53")

`compile` and `load` give a `Model`; `inspect` says what a file needs before it is compiled, `validate`
how far its outputs are from a reference on a data set. A model that cannot be compiled is a
`CompileError`; an array with a wrong name, shape or type is a ValueError that says what is expected.
"""
from __future__ import annotations

from nncc._compiler import CompileError, compile, host_cpu, inspect, validate, version
from nncc._model import KernelTime, Model, Profile, Tensor, load

__all__ = ["CompileError", "KernelTime", "Model", "Profile", "Tensor", "compile", "host_cpu", "inspect", "load", "validate", "version"]


def __getattr__(name: str) -> str:
    if name == "__version__":  # asks the compiler, which takes longer to load than all else
        return version()
    raise AttributeError(f"module 'nncc' has no attribute '{name}'")
