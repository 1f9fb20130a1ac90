"""The networks that GPU code is tested with: those of models.json and of make_network.py."""
import os
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx

import inputs
import make_network
import models
import nncc
import oracle
import run_model


def find_network(name: str) -> tuple[Path, dict]:
    """The file of a network and its entry, as in models.json."""
    if name not in make_network.NETWORKS:
        entry = models.entry_of(name)
        return models.model_path(name), entry
    path = models.cache_folder() / "bench" / f"gpu-{name}.onnx"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.part")
        onnx.save(make_network.make_network(name), temporary)
        temporary.replace(path)
    return path, {"input": make_network.INPUTS.get(name, make_network.IMAGE)}


class Network:
    """A network, its inputs, and what onnxruntime makes of them."""

    def __init__(self, name: str, path: Path | None = None):
        """path  the file, where it is another one than the network's own"""
        self.name = name
        own_path, self.entry = find_network(name)
        self.path = path or own_path
        self.values = inputs.make_inputs(self.path, 0, self.entry["input"])
        self.dims: dict[str, int] | None = self.entry.get("dims")
        self.binds = {key: self.values[key] for key in self.entry.get("bind", [])}

    @cached_property
    def reference(self) -> dict[str, np.ndarray]:
        return oracle.reference(self.path, 0, self.values)

    def tapped(self) -> "Network":
        """The network with what is before its saturated outputs as outputs of their own; itself where there are none."""
        taps = self.entry.get("taps")
        return Network(self.name, run_model.with_taps(self.path, taps)) if taps else self

    def compile(self, compiler: nncc.Nncc, folder: Path, *flags) -> nncc.Compiled:
        """`nncc compile` of it, with its dims and bindings."""
        return compiler.compile(self.path, folder, *flags, dims=self.dims, binds=self.binds)

    def call(self, compiler: nncc.Nncc, command: str, folder: Path, *flags) -> str:
        """What a command writes about it; the folder takes the values that are bound."""
        return compiler.call(command, self.path, *flags, *compiler.common(self.binds, folder), *nncc.dim_flags(self.dims)).stdout

    def report(self, compiler: nncc.Nncc, command: str, *flags) -> dict:
        """What a command says of it with `--json`."""
        return compiler.report(command, self.path, *flags, binds=self.binds, dims=self.dims)
