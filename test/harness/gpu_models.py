"""Networks on a GPU of Vulkan against onnxruntime, through the library that `nncc compile` wrote: test/end-to-end/vulkan.c.

    gpu_models.py mobilefacenet squeezenet [--place=alternating] [--width=128] [--validate] [--incoherent] [--gpu-float=f16|f16-arithmetic [--basic]]

Runs on lavapipe, the software device of Mesa. A network is one of models.json or of make_network.py. `--place=alternating` puts every
second kernel on the CPU. `--validate` runs under the Khronos validation layer with synchronization validation: no message may come, and
without barriers one has to. The layer takes a kernel to touch all that is bound, and bindings begin at multiples of 256: they may reach
into a neighbour that the kernel never touches. Where that is all that two kernels share, the layer is given a barrier that the program
does not have; that they share no byte is taken from the manifest, for all kernels that run without a barrier of the program in between.
`--incoherent` runs under a layer that gives CPU and GPU a copy each of their shared memory, until it is handed over.
`--basic` uses no optional feature of the GPU.
Ends with 77 where there is no lavapipe, or a network is missing.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import compare
import models
import nncc
import programs
from gpu_network import Network

DRIVER = Path("/usr/share/vulkan/icd.d/lvp_icd.x86_64.json")
LAYER = "VK_LAYER_KHRONOS_validation"
# What may only fall, of networks with all kernels on the GPU.
EXPECTED = models.REPOSITORY / "test" / "expected" / "gpu-dispatches.json"
SYNCHRONIZATION = "VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT"


def build_layer(folder: Path):
    """Puts the layer whose memory is not coherent into a folder, for VK_LAYER_PATH."""
    sources = models.REPOSITORY / "test/runtime/vulkan/inputs"
    subprocess.run(["cc", "-std=c11", "-O1", "-shared", "-fPIC", sources / "layer.c", "-o", folder / "layer.so"], check=True)
    (folder / "VkLayer_hard.json").write_text((sources / "VkLayer_hard.json").read_text())


def environment(width: int | None, validate: bool, layer: Path | None = None) -> dict[str, str]:
    """What makes Vulkan see lavapipe alone, as its first device, with subgroups of so many bits."""
    variables = dict(os.environ, VK_ICD_FILENAMES=str(DRIVER), VK_DRIVER_FILES=str(DRIVER))
    if width:
        variables["LP_NATIVE_VECTOR_WIDTH"] = str(width)
    if validate:
        variables.update(VK_INSTANCE_LAYERS=LAYER, VK_LAYER_ENABLES=SYNCHRONIZATION)
    if layer:
        variables.update(VK_INSTANCE_LAYERS="VK_LAYER_NNCC_hard", VK_LAYER_PATH=str(layer))
    return variables


def placement(compiler: nncc.Nncc, network: Network, where: str, folder: Path) -> list[str]:
    """The flags that place the kernels: all on the GPU, or every second."""
    if where != "alternating":
        return [f"--place={where}"]
    module = network.call(compiler, "compile", folder, "--device=mali", "--emit=mlir", "--stop-after=N2", "-o", "-")
    kernels = re.findall(r'nn\.kernel "([^"]+)"', module)
    (folder / "place").write_text("gpu\n" + "".join(f"{name}=cpu\n" for name in kernels[1::2]))
    return [f"--place={folder}/place"]


def build(compiler: nncc.Nncc, folder: Path, manifest: dict, values: dict[str, np.ndarray]) -> tuple[Path, Path]:
    """The program around libfirst.a of a folder, and a folder with the inputs of a run."""
    where = folder / "use0"
    where.mkdir()
    for number, port in enumerate(manifest["inputs"]):
        (where / f"input{number}").write_bytes(np.ascontiguousarray(values[port["name"]]).tobytes())
    archive = Path(compiler.program).resolve().parent.parent / "lib" / "nncc" / compiler.target / "libnncc_vulkan.a"
    return programs.build("vulkan", folder, ["first"], compiler.target, [f"-I{models.REPOSITORY / 'include'}", archive, "-ldl"]), where


def require_driver():
    """Ends a test where there is no lavapipe."""
    if not DRIVER.exists():
        print(f"SKIPPED: there is no {DRIVER}; tools/setup.sh installs it")
        sys.exit(models.SKIPPED)


def run(program: Path, arguments, variables: dict[str, str], timeout: float) -> str:
    """Runs the program; returns what it wrote. error: ProgramError"""
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=timeout, env=variables)
    except subprocess.TimeoutExpired:
        raise programs.ProgramError(f"the C program ran longer than {timeout:.0f} s") from None
    if done.returncode:
        raise programs.ProgramError(f"the C program ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout + done.stderr


def compare_counts(name: str, counts: dict[str, int], update: bool) -> bool:
    """Whether a network takes no more dispatches, barriers and segments than is written down; `update` writes them down."""
    table = json.loads(EXPECTED.read_text())
    if update:
        table[name] = {what: counts[what] for what in ("dispatches", "barriers", "segments")}
        EXPECTED.write_text(json.dumps(dict(sorted(table.items())), indent=1) + "\n")
    more = {what: counts.get(what) for what, most in table.get(name, {}).items() if counts.get(what, 0) > most}
    if more:
        print(f"FAIL {name}: more than {EXPECTED.name} says: {more}")
    return not more


# The GPU's memory is at most so many times what a model needs, and so many bytes beside it.
MOST_MEMORY, MEMORY_BESIDE = 1.02, 1e6

# As in nncc/abi.h. Nothing writes constants.
BARRIER, UNREAD = 1, 8
SEGMENT = 1 << 30  # of test/end-to-end/vulkan.c
MEMORIES = {0: "arena", 2: "input", 3: "output"}


def holds(place, operand) -> bool:
    """Whether a place has all bytes of an operand."""
    return place[:2] == operand[:2] and place[2] <= operand[2] and operand[3] <= place[3]


class Dispatch:
    """What one dispatch touches and what it is bound to, as lists of (memory, index, begin, end, is written)."""

    def __init__(self, line: str, kernels: list[dict]):
        self.kernel, self.flags, *numbers = map(int, line.split())
        self.name = kernels[self.kernel]["name"]
        places = [(MEMORIES[kind], index, begin, begin + size) for kind, index, begin, size in zip(*[iter(numbers)] * 4) if kind in MEMORIES]
        operands = [(operand["memory"], operand.get("index", 0), operand["offset"], operand["offset"] + operand["bytes"],
                     operand["output"]) for operand in kernels[self.kernel]["operands"]]
        # The code for the CPU may read others.
        self.touched = [operand for operand in operands if any(holds(place, operand) for place in places)]
        self.bound = [(*place, any(operand[4] and holds(place, operand) for operand in operands)) for place in places]


def conflict(places, others) -> bool:
    """Whether two dispatches share a place that one of them writes."""
    return any(a[:2] == b[:2] and a[2] < b[3] and b[2] < a[3] and (a[4] or b[4]) for a in places for b in others)


def only_bound_together(described: list[str], kernels: list[dict]) -> tuple[list[int], list[str]]:
    """The dispatches that share bytes with others by their bindings alone, so that only the validation layer needs them to wait; and
    the errors: dispatches without a barrier between them that do share bytes."""
    waits, errors = [], []
    unordered: list[Dispatch] = []  # since the last barrier of the program
    seen: list[Dispatch] = []  # since the last barrier that the layer is given
    have_waited: set[int] = set()  # kernels
    for number, line in enumerate(described):
        dispatch = Dispatch(line, kernels)
        is_left_out = dispatch.flags & UNREAD  # of what the program submits, with its barrier
        if dispatch.flags & SEGMENT or dispatch.flags & BARRIER and not is_left_out:
            unordered, seen = [], []
        if dispatch.flags & BARRIER:
            have_waited.add(dispatch.kernel)
        errors += [f"{dispatch.name} does not wait for {other.name}" for other in unordered
                   if dispatch.kernel not in have_waited | {other.kernel} and conflict(dispatch.touched, other.touched)]
        unordered.append(dispatch)
        if is_left_out:
            continue
        if any(conflict(dispatch.bound, other.bound)
               and (other.kernel == dispatch.kernel or not conflict(dispatch.touched, other.touched)) for other in seen):
            waits.append(number)
            seen = []
        seen.append(dispatch)
    return waits, errors


def unnoticed(described: list[str], kernels: list[dict]) -> list[str]:
    """The errors where a barrier that is taken out goes unnoticed."""
    errors = []
    for number, line in enumerate(described):
        kernel, flags, *bindings = line.split()
        without = [*described[:number], " ".join([kernel, str(int(flags) & ~BARRIER), *bindings]), *described[number + 1 :]]
        if int(flags) & BARRIER and not only_bound_together(without, kernels)[1]:
            errors.append(f"{kernels[int(kernel)]['name']} waits for nothing")
    return errors


def memory_needed(manifest: dict) -> int:
    """Weights, arena and ports, once each."""
    ports = sum(port["bytes"] for port in manifest["inputs"] + manifest["outputs"])
    return manifest["weights"]["bytes"] + manifest["arena"]["bytes"] + ports


def check_memory(said: str, manifest: dict) -> str | None:
    """What is wrong with the GPU's memory that a program counted, or None."""
    counted = int(re.search(r"^memory (\d+)$", said, re.M)[1])
    needed = memory_needed(manifest)
    most = MOST_MEMORY * needed + MEMORY_BESIDE
    return None if counted <= most else f"{counted} bytes of the GPU's memory, for {needed} of weights, arena, inputs and outputs"


def complaints(said: str) -> list[str]:
    """The messages of the validation layer in what a program wrote."""
    return re.findall(r".*(?:Validation|SYNC-HAZARD).*", said)


def check(compiler: nncc.Nncc, name: str, options) -> bool:
    """Runs one network and reports; returns whether it is right and all on the GPU."""
    network = Network(name)
    with tempfile.TemporaryDirectory(prefix="nncc-gpu-") as scratch:
        folder = Path(scratch)
        flags = placement(compiler, network, options.place, folder) + [f"--gpu-float={options.gpu_float}"]
        if options.max_dispatch_us is not None:
            flags.append(f"--max-dispatch-us={options.max_dispatch_us}")
        words = ["1", "basic"] if options.basic else ["1"]
        compiled = network.compile(compiler, folder, "--name=first", "--device=mali", *flags)
        kernels = compiled.manifest["kernels"]
        on_cpu = [kernel for kernel in kernels if kernel["device"] == "cpu0"]
        built, where = build(compiler, folder, compiled.manifest, network.values)
        if options.incoherent:
            build_layer(folder)
        good = True
        waits: list[int] = []
        if options.validate:
            described = run(built, ["1", "describe"], dict(os.environ), options.timeout).splitlines()
            waits, errors = only_bound_together(described, kernels)
            errors += unnoticed(described, kernels)
            for error in errors:
                print(f"FAIL {name}: {error}")
                good = False
            if waits:
                print(f"{name}: {len(waits)} dispatches wait for the validation layer's sake: {', '.join(map(str, waits))}")
        for width in options.width or [None]:
            start = time.monotonic()
            variables = environment(width, options.validate, folder if options.incoherent else None)
            said = run(built, [*words, *(f"wait={number}" for number in waits), where], variables, options.timeout)
            seconds = time.monotonic() - start
            if wasted := check_memory(said, compiled.manifest):
                print(f"FAIL {name}: {wasted}")
                good = False
            if options.validate and (messages := complaints(said)):
                print(f"FAIL {name}: {len(messages)} messages of the validation layer: {messages[0]}")
                good = False
            # The layer has to see what is missing, or its silence means nothing.
            if options.validate and options.place == "gpu" and not complaints(
                    run(built, ["1", "unordered"], environment(width, True), options.timeout)):
                print(f"FAIL {name}: the validation layer does not miss the barriers")
                good = False
            for number, port in enumerate(compiled.manifest["outputs"]):
                got, expected = programs.read_port(where / f"output{number}", port), network.reference[port["name"]]
                difference = compare.difference if options.gpu_float == "f32" else compare.difference_of_halves
                wrong = compare.invalid_reference(expected) or difference(got, expected)
                good &= wrong is None
                verdict = f"FAIL {wrong}" if wrong else f"ok   {compare.summary(got, expected)}"
                print(f"{name} on the GPU, {options.place}, width {width or 'default'}, {seconds:.1f} s, output '{port['name']}': {verdict}")
    counts = compiled.manifest.get("gpu_program", {})
    refused = [kernel for kernel in on_cpu if kernel["placed"] != "as asked for"]
    print(f"{name}: {len(kernels) - len(on_cpu)} of {len(kernels)} kernels on the GPU, compiled in {compiled.seconds:.1f} s; "
          f"arena {compiled.manifest['arena']['bytes']}, weights {compiled.manifest['weights']['bytes']} bytes; "
          f"{', '.join(f'{count} {what}' for what, count in counts.items())}")
    for kernel in refused:
        print(f"{name}: {kernel['name']} on the CPU: {kernel['placed']}")
    if options.place == "gpu" and options.gpu_float == "f32" and options.max_dispatch_us is None:
        good &= compare_counts(name, counts, options.update)
    return good and len(refused) <= options.refused


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--place", choices=["gpu", "auto", "alternating"], default="gpu")
    parser.add_argument("--width", type=int, action="append", help="LP_NATIVE_VECTOR_WIDTH; may be repeated")
    parser.add_argument("--validate", action="store_true", help="under the validation layer")
    parser.add_argument("--gpu-float", choices=["f32", "f16", "f16-arithmetic"], default="f32", help="how floats lie in memory")
    parser.add_argument("--max-dispatch-us", type=int, help="cuts kernels that may take longer")
    parser.add_argument("--basic", action="store_true", help="without optional features of the GPU")
    parser.add_argument("--incoherent", action="store_true", help="with memory of which CPU and GPU have a copy each")
    parser.add_argument("--update", action="store_true", help=f"write {EXPECTED.name}")
    parser.add_argument("--refused", type=int, default=0, help="so many kernels may run on the CPU since the GPU has no code for them")
    parser.add_argument("--timeout", type=float, default=900)
    nncc.add_arguments(parser)
    options = parser.parse_args()
    require_driver()
    compiler = nncc.Nncc(options.nncc, nncc.X86_64)
    good = True
    for name in options.networks:
        try:
            good &= check(compiler, name, options)
        except models.MissingModel as missing:
            models.skip_or_fail(missing)
        except (nncc.NnccError, programs.ProgramError) as error:
            print(f"FAIL {name}: {error}")
            good = False
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
