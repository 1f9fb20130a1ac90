"""Compares figures in docs/ with what they are figures of.

    figures.py REPOSITORY FOLDER               what compiling into FOLDER gives, and what test/expected/ holds
    figures.py REPOSITORY --firmware OUTPUT    what the firmware example printed

Sizes of code may be 10 % off, and the note on the page says so. A network that is not fetched is left out, unless
NNCC_REQUIRE_MODELS is set.
"""
import json
import os
import pathlib
import re
import subprocess
import sys

CLOSE = 0.10


class Page:
    """A file of the documentation, and what is wrong with its figures."""
    bad = []

    def __init__(self, path):
        self.path, self.text = path, path.read_text()

    def expect(self, pattern, *values, close=0.0):
        """The groups of a pattern, which is on the page once, are these values."""
        found = re.findall(pattern, self.text)
        if len(found) != 1:
            return self.bad.append(f"{self.path}: {len(found)} places say {pattern}")
        said = found[0] if isinstance(found[0], tuple) else (found[0],)
        for text, value in zip(said, values, strict=True):
            if abs(float(text.replace(",", "")) - value) > close * value:
                self.bad.append(f"{self.path}: says {text} in '{pattern}', it is {value}")


def sizes_of(folder, model, *flags):
    subprocess.run(["nncc", "compile", model, "-o", folder, *flags], check=True)
    return json.loads((folder / (model.stem + ".json")).read_text())["sizes"]


def compare_firmware(repository, output):
    """Every line that the page shows of the example's output, number by number."""
    page = Page(repository / "docs/using-in-firmware.md")
    printed = {re.sub(r"(?<!\w)\d+", "N", line): line for line in reversed(output.read_text().splitlines())}
    for line in re.findall(r"^    ((?:flash|RAM|init|frame 0|k003_conv2|longest step|stack): .*)", page.text, re.M):
        is_like = printed.get(re.sub(r"(?<!\w)\d+", "N", line), "")
        numbers = zip(re.findall(r"\d+", line), re.findall(r"\d+", is_like))
        if not is_like or any(abs(int(a) - int(b)) > CLOSE * int(b) for a, b in numbers):
            page.bad.append(f"{page.path}: says '{line}', the example '{is_like}'")


def main(repository, folder, *output):
    repository, folder = pathlib.Path(repository), pathlib.Path(folder)
    if output:
        compare_firmware(repository, pathlib.Path(output[0]))
    else:
        compare_all(repository, folder)
    print("\n".join(Page.bad))
    sys.exit(1 if Page.bad else 0)


def compare_all(repository, folder):
    firmware, status = Page(repository / "docs/using-in-firmware.md"), Page(repository / "docs/status.md")
    target = ["--target=aarch64-none-elf", "--cpu=cortex-a53"]
    command = re.search(r"nncc compile digits.onnx -o out (.*)", firmware.text).group(1).split()
    digits = sizes_of(folder, repository / "docs/examples/digits.onnx", *command)
    for name, value in digits.items():
        firmware.expect(rf"\| `{name}` \| ([\d,]+) \|", value, close=CLOSE if name in ("code", "constants", "stack") else 0)
    status.expect(r"held-out digits right, as in onnxruntime; ([\d,]+) bytes of working memory", digits["arena"])

    network = pathlib.Path.home() / ".cache/nncc/models/mobilefacenet.onnx"
    if network.exists() or os.environ.get("NNCC_REQUIRE_MODELS"):
        sizes = sizes_of(folder, network, *target)
        firmware.expect(r"MobileFaceNet for the same core: ([\d,]+) bytes of code, ([\d,]+) of constants", sizes["code"], sizes["constants"], close=CLOSE)
        firmware.expect(r"([\d.]+) MB of weights, ([\d.]+) MB of arena", round(sizes["weights"] / 1e6, 1), round(sizes["arena"] / 1e6, 1))
        firmware.expect(r"MB of arena, (\d+) of stack", sizes["stack"], close=CLOSE)
        linux = sizes_of(folder, network, "--target=aarch64-linux-gnu")
        status.expect(r"MobileFaceNet for AArch64 is (\d+) kB of code", linux["code"] / 1e3, close=CLOSE)

    arena = json.loads((repository / "test/expected/arena-bytes.json").read_text())
    megabytes = {name: round(max(bytes.values()) / 1e6, 1) for name, bytes in arena.items()}
    status.expect(r"DenseNet-121 ([\d.]+) MB, PP-OCR detection at 640x640 ([\d.]+) MB, MobileFaceNet ([\d.]+) MB",
                  megabytes["densenet121"], megabytes["ppocr-det"], megabytes["mobilefacenet"])
    claimed = (repository / "test/expected/onnx-suite-claimed.txt").read_text().split()
    tiers = [line.split("\t") for line in (repository / "test/expected/onnx-suite-tiers.tsv").read_text().splitlines()[1:]]
    must = {f"{row[0]}/{row[1]}" for row in tiers if row[2].startswith("A")}
    newest = (repository / "test/expected/onnx-wheel-claimed.txt").read_text().split()
    status.expect(r"([\d,]+) of 2,027 cases pass, none is wrong", len(newest))
    status.expect(r"(\d+) cases pass on both targets, (\d+) of the (\d+) that are in scope", len(claimed), len(must & set(claimed)), len(must))


main(*sys.argv[1:])
