"""Where the files of nncc lie around this package: in a wheel inside of it, in an installation or a build tree above it."""
from __future__ import annotations

import functools
from pathlib import Path


@functools.lru_cache(maxsize=None)
def prefix() -> Path:
    """The folder with nncc's bin/ and lib/.

    error  FileNotFoundError: there is none
    """
    package = Path(__file__).resolve().parent
    # A wheel; PREFIX/share/nncc/python/nncc; the build tree of REPOSITORY/tools/python/nncc.
    places = [package, package.parents[3], package.parents[2] / "build"]
    for place in places:
        if (place / "lib" / "nncc" / "libnncc-runtime.so").exists():
            return place
    raise FileNotFoundError("the package nncc has lost its libraries: no lib/nncc/libnncc-runtime.so in "
                            + ", ".join(map(str, places)))
