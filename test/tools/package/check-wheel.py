#!/usr/bin/env python3
"""Makes the wheel and the tarball of a build and checks them without a clean system: size, tag, records, nothing of the build machine, and
that the wheel works in an environment of its own, for CMake too. Usage: check-wheel.py BUILD WORK      leaves WORK/nncc-*.whl and WORK/nncc-*.tar.gz
"""
import base64
import hashlib
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[3]
MOST_BYTES = 100 * 10**6


def check(wheel: Path, build: Path):
    name = re.fullmatch(r"nncc-([\d.]+)-py3-none-(manylinux_2_\d+_\w+)\.whl", wheel.name)
    assert name, wheel.name
    assert wheel.stat().st_size <= MOST_BYTES, f"{wheel.stat().st_size} bytes"
    with zipfile.ZipFile(wheel) as archive:
        info = f"nncc-{name.group(1)}.dist-info"
        assert f"Tag: py3-none-{name.group(2)}\n" in archive.read(f"{info}/WHEEL").decode()
        listed = {}
        for line in archive.read(f"{info}/RECORD").decode().splitlines():
            path, digest, size = line.rsplit(",", 2)
            listed[path] = digest, size
        assert sorted(listed) == sorted(archive.namelist())
        for path, (digest, size) in listed.items():
            data = archive.read(path)
            assert str(build).encode() not in data and str(SOURCE).encode() not in data, f"{path} names a folder of this machine"
            if digest:
                assert digest == "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode(), path
                assert int(size) == len(data), path
        for package in ("libllvm22", "libmlir-22"):
            assert f"{info}/licenses/{package}.copyright" in listed


def main(build: Path, work: Path):
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    print(subprocess.run([sys.executable, SOURCE / "tools" / "package" / "make-wheel.py", build, work], check=True, capture_output=True, text=True).stdout)
    wheel, = work.glob("*.whl")
    check(wheel, build)
    venv.create(work / "venv", with_pip=True)
    python = work / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel], check=True)
    path = f"{work}/venv/bin:/usr/bin:/bin"
    subprocess.run([python, SOURCE / "test" / "tools" / "package" / "inputs" / "wheel.py"], check=True, cwd=work, env={"PATH": path})
    consumer = SOURCE / "test" / "tools" / "install" / "consumer"
    found = subprocess.run([python, "-m", "nncc", "--cmake-dir"], check=True, capture_output=True, text=True).stdout.strip()
    for command in (["cmake", "-S", consumer, "-B", work / "consumer", f"-Dnncc_DIR={found}", f"-DDEMO={SOURCE}/tools/demo"],
                    ["cmake", "--build", work / "consumer"], [work / "consumer" / "program"], [work / "consumer" / "version"]):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(work / "consumer")
    shutil.rmtree(work / "venv")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
