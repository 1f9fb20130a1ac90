"""python -m nncc ...: the program nncc that this package has; with --cmake-dir the folder that find_package(nncc) wants, with --prefix
the folder with bin, lib and include."""
from __future__ import annotations

import os
import sys

from nncc import _install


def main() -> None:
    prefix = _install.prefix()
    if sys.argv[1:] == ["--cmake-dir"]:
        print(prefix / "lib" / "cmake" / "nncc")
    elif sys.argv[1:] == ["--prefix"]:
        print(prefix)
    else:
        program = str(prefix / "bin" / "nncc")
        os.execv(program, [program, *sys.argv[1:]])


if __name__ == "__main__":
    main()
