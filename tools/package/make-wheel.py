#!/usr/bin/env python3
"""Makes what people download: a wheel for `pip install`, and a tarball of the same files. Both carry the compiler with LLVM inside, the
runtime archives of all targets, headers, CMake files and the Python package, and need glibc and libstdc++ alone (and Python's numpy).

Usage: make-wheel.py BUILD OUT      a configured and built tree, and the folder for nncc-VERSION-py3-none-PLATFORM.whl and
                                    nncc-VERSION-linux-MACHINE.tar.gz

The platform is manylinux_2_N of the newest version of glibc that any of the libraries asks for (PEP 600): 2.36 for those of Debian 12, on
the kind of machine that this runs on. The same build gives the same bytes. Needs cmake, binutils (nm, readelf, strip), a C compiler, dpkg.
"""
import base64
import gzip
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

MACHINE = platform.machine()
# What every system with this glibc has: PEP 600, and the list of manylinux.
SYSTEM = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libgcc_s.so.1", "libstdc++.so.6", "libz.so.1",
          "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
# What LLVM links for tools that nncc does not have (Z3's solver, a line editor, manifests of Windows), with what these need in turn 60 MB:
# in their place stand libraries with the functions that LLVM names, which end the program. No way through nncc leads there.
STOOD_IN_FOR = {"libz3.so.4", "libedit.so.2", "libxml2.so.2"}
MEGABYTE = 10**6


def run(*command, **options) -> str:
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def needed(library: Path) -> list[str]:
    return re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-dW", library))


def places_of(program: Path) -> dict[str, Path]:
    """Where the loader finds each library of a program on this machine, by name."""
    return {name: Path(path) for name, path in re.findall(r"^\s*(\S+) => (/\S+)", run("ldd", program), re.M)}


def symbols(library: Path, which: str) -> dict[str, tuple[str, str]]:
    """The dynamic symbols that a library defines or not (--defined-only, --undefined-only): name to kind and version."""
    found = {}
    for line in run("nm", "-D", which, library).splitlines():
        *_, kind, symbol = line.split()
        name, _, version = symbol.partition("@")
        found[name] = kind, version.lstrip("@")
    return found


def stand_in(name: str, original: Path, users: list[Path], folder: Path):
    """Makes a library that defines what the users take of another one, in the versions that they ask for."""
    defined = symbols(original, "--defined-only")
    wanted = {symbol: version for user in users for symbol, (_, version) in symbols(user, "--undefined-only").items() if symbol in defined}
    code = "".join(f"void {symbol}(void) {{ __builtin_trap(); }}\n" if defined[symbol][0] in "TW" else f"void *{symbol};\n"
                   for symbol in sorted(wanted))
    script = "".join(f"{version} {{ global: {' '.join(f'{symbol};' for symbol in sorted(wanted) if wanted[symbol] == version)} }};\n"
                     for version in sorted(set(wanted.values()) - {""}))
    with tempfile.NamedTemporaryFile("w", suffix=".map") as versions:
        versions.write(script)
        versions.flush()
        run("cc", "-x", "c", "-shared", "-nostdlib", "-fPIC", "-O1", f"-Wl,-soname,{name}", "-Wl,--build-id=none",
            *([f"-Wl,--version-script={versions.name}"] if script else []), "-o", folder / name, "-", input=code)


def add_libraries(prefix: Path, build: Path):
    """Copies the libraries that the installed programs need, and lets all of them find each other."""
    lib, places = prefix / "lib", places_of(build / "bin" / "nncc")
    compiler = (lib / "libnncc-compiler.so").resolve()
    waiting, copied = needed(prefix / "bin" / "nncc") + needed(compiler), {}
    while waiting:
        name = waiting.pop()
        if name in SYSTEM or name in STOOD_IN_FOR or name in copied:
            continue
        copied[name] = lib / name
        shutil.copy(places[name].resolve(), copied[name])
        os.chmod(copied[name], 0o644)
        run("strip", "--strip-unneeded", copied[name])
        waiting += needed(copied[name])
    for name in sorted(STOOD_IN_FOR):
        users = [path for path in copied.values() if name in needed(path)]
        if users:
            stand_in(name, places[name], users, lib)
    # The run path of the installation, LLVM's folder, gives way to a shorter one. LLVM's libraries have $ORIGIN/../lib already.
    for binary, path in ((prefix / "bin" / "nncc", "$ORIGIN/../lib"), (compiler, "$ORIGIN")):
        old = re.search(r"\(RUNPATH\).*\[(.*)\]", run("readelf", "-dW", binary)).group(1)
        with tempfile.NamedTemporaryFile("w", suffix=".cmake") as script:
            script.write(f'file(RPATH_CHANGE FILE "{binary}" OLD_RPATH "{old}" NEW_RPATH "{path.replace("$", chr(92) + "$")}")\n')
            script.flush()
            run("cmake", "-P", script.name)
    return copied, places


def add_licenses(copied: dict[str, Path], places: dict[str, Path], source: Path, folder: Path):
    """LICENSE and NOTICE, and the licenses of the libraries inside."""
    folder.mkdir(parents=True)
    for file in ("LICENSE", "NOTICE"):
        shutil.copy(source / file, folder)
    packages = set()
    for name in copied:
        # Debian's packages name files in /usr, also where the loader says /lib.
        path = str(places[name].resolve())
        owner = subprocess.run(["dpkg", "-S", path], capture_output=True, text=True).stdout or run("dpkg", "-S", path.removeprefix("/usr"))
        packages.add(owner.split(":")[0])
    for package in sorted(packages):
        shutil.copy(f"/usr/share/doc/{package}/copyright", folder / f"{package}.copyright")


def platform_tag(prefix: Path) -> str:
    binaries = [path for path in prefix.rglob("*") if path.is_file() and not path.is_symlink() and path.read_bytes()[:4] == b"\x7fELF"]
    versions = {tuple(map(int, version)) for path in binaries for version in re.findall(r"GLIBC_(\d+)\.(\d+)", run("readelf", "-VW", path))}
    return "manylinux_{}_{}_{}".format(*max(versions), MACHINE)


def all_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file())


def write_tarball(prefix: Path, name: str, out: Path) -> Path:
    def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.uid = info.gid = info.mtime = 0
        info.uname = info.gname = "root"
        return info

    path = out / f"{name}.tar.gz"
    with path.open("wb") as file, gzip.GzipFile("", "wb", 6, file, mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for file in all_files(prefix):
            archive.add(file, f"{name}/{file.relative_to(prefix)}", recursive=False, filter=plain)
    return path


PROGRAM = """#!python
import importlib.util, os, sys
program = os.path.join(importlib.util.find_spec("nncc").submodule_search_locations[0], "bin", "nncc")
os.execv(program, [program, *sys.argv[1:]])
"""


def write_wheel(prefix: Path, source: Path, version: str, tag: str, out: Path) -> Path:
    """The wheel: the package, with bin, lib, include and share inside of it."""
    info = f"nncc-{version}.dist-info"
    contents: dict[str, bytes | Path] = {}
    for file in all_files(prefix):
        name = file.relative_to(prefix)
        if name.parts[:3] == ("share", "nncc", "python"):
            contents["/".join(name.parts[3:])] = file
        elif name.parts[0] == "licenses":
            contents[f"{info}/{name}"] = file
        elif not (file.is_symlink() and name.name.endswith(f".{version}")):
            contents[f"nncc/{name}"] = file.resolve()  # wheels have no links
    contents.pop(f"nncc/lib/libnncc-compiler.so.{version}", None)  # it goes by its other two names
    contents[f"nncc-{version}.data/scripts/nncc"] = PROGRAM.encode()
    contents[f"{info}/METADATA"] = (f"Metadata-Version: 2.1\nName: nncc\nVersion: {version}\n"
                                    "Summary: An ahead-of-time compiler for neural networks: ONNX to machine code\n"
                                    "License: Apache-2.0 WITH LLVM-exception\nRequires-Python: >=3.9\nRequires-Dist: numpy\n"
                                    "Description-Content-Type: text/markdown\n\n" + (source / "docs/using-in-python.md").read_text()).encode()
    contents[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: nncc\nRoot-Is-Purelib: false\nTag: py3-none-{tag}\n".encode()
    record = ""
    path = out / f"nncc-{version}-py3-none-{tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        def add(name: str, data: bytes, mode: int):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)

        for name, value in sorted(contents.items()):
            data = value.read_bytes() if isinstance(value, Path) else value
            is_program = "/scripts/" in name or (isinstance(value, Path) and value.parent.name == "bin")
            add(name, data, 0o755 if is_program else 0o644)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record += f"{name},sha256={digest},{len(data)}\n"
        add(f"{info}/RECORD", (record + f"{info}/RECORD,,\n").encode(), 0o644)
    return path


def main(build: Path, out: Path):
    source = Path(__file__).resolve().parents[2]
    version = run(build / "bin" / "nncc", "--version").split()[1]
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="nncc-wheel-") as folder:
        prefix = Path(folder) / "prefix"
        subprocess.run(["cmake", "--install", build, "--prefix", prefix, "--strip"], check=True, stdout=subprocess.DEVNULL)
        copied, places = add_libraries(prefix, build)
        add_licenses(copied, places, source, prefix / "licenses")
        tag = platform_tag(prefix)
        made = [write_wheel(prefix, source, version, tag, out), write_tarball(prefix, f"nncc-{version}-linux-{MACHINE}", out)]
    for path in made:
        print(f"{path}: {path.stat().st_size / MEGABYTE:.1f} MB")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__.split("\n\n")[1])
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
