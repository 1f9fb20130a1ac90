#!/usr/bin/env python3
"""Checks of the repository itself: who may include whom, dead paths in docs, passes without tests, files in the wrong place, lines of
tests that check nothing.

Usage: check_layout.py CHECK ROOT, with one of the checks below (or `all`). Prints one line for each finding; exit status 1 if any.
The rules are those of docs/architecture.md.
"""
import pathlib
import re
import subprocess
import sys

# A file includes only lower floors or its own folder.
FLOORS = {"lib/support": 0, "dialects": 1, "passes": 2, "lib/import": 2, "lib/data": 3, "codegen": 3, "lib/analyze": 4,
          "lib/estimate": 4, "lib/report": 4, "lib/quantize": 5, "lib/driver": 6, "tools": 7}
TOP_LEVEL = {"lib", "include", "dialects", "passes", "codegen", "runtime", "test", "tools", "docs", ".ci",
             "CMakeLists.txt", "CMakePresets.json", ".clang-format", ".clang-tidy", ".gitignore", ".gitattributes",
             "README.md", "LICENSE", "NOTICE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", ".github"}
FAMILIES = "Conv Pool MatMul Elementwise Reduce Norm Attention Layout Slice Index Quant Resample Recurrent Control Detect Signal".split()
FORBIDDEN_NAMES = {"utils", "util", "common", "misc", "helpers", "conversion"}
SOURCES = {".h", ".cpp", ".c", ".td", ".inc"}


def tracked(root):
    """Files that git tracks or would track, as paths relative to the root; the plain tree where there is no git."""
    if (root / ".git").exists():
        out = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard"], capture_output=True, check=True, text=True).stdout
        names = [n for n in out.splitlines() if (root / n).is_file()]
    else:
        names = [str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()]
    return sorted(n for n in names if not n.startswith(("build", ".cache/", ".git/")))


def floor_of(path):
    """The folder of FLOORS that holds a path, or None."""
    return next((f for f in sorted(FLOORS, key=len, reverse=True) if path.startswith(f + "/")), None)


def target_of(path):
    match = re.match(r"codegen/(?!emit/|cpu/|gpu/|spirv/)(\w+)/", path)
    return match.group(1) if match else None


def include_complaint(me, them):
    """Why the file `me` may not include the path `them`, or None."""
    if me.startswith("runtime/"):
        if them.startswith("runtime/") or them.removeprefix("include/") in ("nncc/runtime.h", "nncc/selftest.h", "nncc/abi.h", "nncc/pool.h", "nncc/vulkan.h", "vulkan/vulkan_core.h") or "/" not in them:
            return None
        return "runtime/ includes only itself, nncc/runtime.h, nncc/selftest.h, nncc/pool.h, nncc/vulkan.h, nncc/abi.h and Vulkan's header"
    if me.startswith("include/"):
        return None if them.startswith("nncc/") else "public headers include only public headers"
    if them.startswith("runtime/"):
        return None if me.startswith("test/") else "only the runtime includes runtime/"
    if them.startswith("nncc/") or them.startswith("include/nncc/"):
        header = them.split("/")[-1]
        if header == "abi.h" and floor_of(me) and FLOORS[floor_of(me)] < FLOORS["codegen"]:
            return "abi.h is for codegen and above"
        return None
    if me.startswith("test/"):
        return None
    mine, theirs = floor_of(me), floor_of(them)
    if mine and theirs and mine != theirs and FLOORS[theirs] >= FLOORS[mine]:
        return f"{mine} is floor {FLOORS[mine]}, {theirs} is floor {FLOORS[theirs]}"
    if target_of(me) and target_of(them) and target_of(me) != target_of(them):
        return "targets may not include each other"
    if me.startswith(("codegen/cpu/", "codegen/gpu/", "codegen/spirv/")) and target_of(them):
        return "/".join(me.split("/")[:2]) + " knows no target"
    return None


def check_floors(root):
    for me in tracked(root):
        if pathlib.Path(me).suffix not in SOURCES or "/" not in me:
            continue
        for number, line in enumerate((root / me).read_text(errors="replace").splitlines(), 1):
            match = re.match(r'\s*#?\s*include\s+"([^"]+)"', line)
            why = match and include_complaint(me, match.group(1))
            if why:
                yield f"{me}:{number}: may not include {match.group(1)}: {why}"


def check_doc_paths(root):
    """Paths in backquotes and link targets in *.md must exist."""
    folders = "|".join(sorted(t for t in TOP_LEVEL if "." not in t and t not in ("LICENSE", "NOTICE")))
    for doc in (n for n in tracked(root) if n.endswith(".md")):
        fenced = False
        for number, line in enumerate((root / doc).read_text().splitlines(), 1):
            if line.startswith("```"):
                fenced = not fenced
            if fenced:
                continue
            for path in re.findall(rf"`((?:\./)?(?:{folders})/[\w./+-]*)`", line):
                if not (root / path).exists():
                    yield f"{doc}:{number}: no such path: {path}"
            for path in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", line):
                if not ((root / doc).parent / path).exists():
                    yield f"{doc}:{number}: link to nowhere: {path}"


def check_pass_tests(root):
    """FuseConvActivation has the flag --nncc-fuse-conv-activation, a source passes/<phase>/FuseConvActivation.cpp and a test fuse-conv-activation.mlir.

    Passes of codegen, in CpuPasses.td and its like, have their sources beside the list.
    """
    files = tracked(root)
    for registry in sorted(n for n in files if re.fullmatch(r"(passes|codegen)/(.*/)?\w*Passes\.td", n)):
        folder, phase = str(pathlib.Path(registry).parent), r"\w+/" if registry.startswith("passes/") else ""
        for name, flag in re.findall(r'^def\s+(\w+)\s*:\s*Pass<\s*"([^"]+)"', (root / registry).read_text(), re.M):
            kebab = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()
            if flag != f"nncc-{kebab}":
                yield f"{registry}: pass {name} has the flag {flag}, by the naming rule nncc-{kebab}"
            sources = [n for n in files if re.fullmatch(rf"{folder}/{phase}{name}\.cpp", n)]
            if not sources:
                yield f"{registry}: pass {name} has no source {folder}/{'<phase>/' if phase else ''}{name}.cpp"
            for source in sources:
                test = f"test/{pathlib.Path(source).parent}/{kebab}.mlir"
                if test not in files:
                    yield f"{source}: no test {test}"


def check_places(root):
    """The top level is fixed; no folder or file called Utils; every source folder has a CMakeLists.txt; banners; long files."""
    files = tracked(root)
    for name in sorted({n.split("/")[0] for n in files} - TOP_LEVEL):
        yield f"{name}: the top level is fixed (docs/architecture.md)"
    for name in files:
        for part in pathlib.Path(name).parts:
            if part.split(".")[0].lower() in FORBIDDEN_NAMES:
                yield f"{name}: say what it is for: no {part}"
        path = pathlib.Path(name)
        top = path.parts[0]
        if path.suffix == ".cpp" and top in ("lib", "dialects", "passes", "codegen") and not (root / path.parent / "CMakeLists.txt").exists():
            yield f"{name}: no CMakeLists.txt beside it"
        if top == "dialects" and path.suffix in (".cpp", ".td") and not re.match(rf"({'|'.join(FAMILIES)}|NN\w*|(Unary|Binary)Kind|Machine|Kernel|Constant|Evaluate|Origin|Memory|Shape)", path.stem):
            yield f"{name}: named after no op family"
        if path.suffix in SOURCES | {".py", ".sh"} and top != "test":
            text = (root / name).read_text(errors="replace")
            lines = text.splitlines()
            first = next((line for line in lines if not line.startswith("#!")), "")
            if text.strip() and not re.match(r'\s*(//|/\*|#(?!include|ifndef|define|pragma)|"""|from __future__)', first):
                yield f"{name}: starts without a banner that says what the file is for"
            if len(lines) > 900 and path.suffix not in (".inc",):
                yield f"{name}: {len(lines)} lines: split it (aim at 300, at most 900)"


def check_headers(root):
    """Every public header compiles alone as C99, C11 and C++17."""
    flags = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I", str(root / "include")]
    compiler = next((c for c in ("clang-22", "clang", "cc") if subprocess.run(["which", c], capture_output=True).returncode == 0), "cc")
    for header in (n for n in tracked(root) if n.startswith("include/") and n.endswith(".h")):
        for language, standard in (("c", "c99"), ("c", "c11"), ("c++", "c++17")):
            source = f'#include "{header.removeprefix("include/")}"\n' + "int nncc_translation_unit_is_not_empty;\n"
            done = subprocess.run([compiler, "-x", language, f"-std={standard}", *flags, "-"], input=source, capture_output=True, text=True)
            if done.returncode:
                yield f"{header}: does not compile alone as {standard}:\n{done.stderr}"


SUFFIX = r"(?:-(?:NEXT|SAME|NOT|DAG|LABEL|EMPTY|COUNT-\d+))?(?:\{LITERAL\})?:"
LIT_KEYWORDS = {"RUN", "REQUIRES", "UNSUPPORTED", "XFAIL", "END", "DEFINE", "REDEFINE", "ALLOW_RETRIES"}


def prefixes_of(text):
    """The prefixes that the FileCheck commands of a test ask for."""
    run = re.sub(r"\\\s*\n[^\n]*?RUN:", "", "\n".join(line for line in text.splitlines() if "RUN:" in line))
    found = set()
    for command in re.findall(r"FileCheck[^|;&\n]*", run):
        named = re.findall(r"-check-prefix(?:es)?[= ](\S+)", command)
        found.update(name for names in named or ["CHECK"] for name in names.split(","))
    return found


def check_filecheck(root):
    """Every line of a test that looks like a check is one that FileCheck reads, and says something."""
    for name in tracked(root):
        if not name.startswith("test/") or pathlib.Path(name).suffix not in (".mlir", ".test"):
            continue
        text = (root / name).read_text(errors="replace")
        known = prefixes_of(text)
        for number, line in enumerate(text.splitlines(), 1):
            word = re.match(r"\s*(?://|#|;|\*)?\s*([A-Z][A-Z0-9_]*(?:-[A-Z0-9_]+)*)(.*)", line)
            if not word:
                continue
            start = word.group(0)[:len(word.group(0)) - len(word.group(2))].lstrip(" \t/#;*")
            rest = start + word.group(2)
            prefix = next((p for p in sorted(known, key=len, reverse=True) if re.match(re.escape(p) + r"(?![A-Za-z0-9_])", rest)), None)
            if prefix:
                check = re.match(re.escape(prefix) + SUFFIX + "(.*)", rest)
                if not check:
                    yield f"{name}:{number}: FileCheck does not read this line: '{prefix}' without a colon or with an unknown suffix"
                elif not re.sub(r"\{\{\.\*\}\}|\[\[\w+:\.\*\]\]|\s", "", check.group(1)) and "-EMPTY" not in rest[:len(prefix) + 6]:
                    yield f"{name}:{number}: matches anything"
            elif re.match(rf"{re.escape(start)}{SUFFIX}", rest) and re.sub(r"-(NEXT|SAME|NOT|DAG|LABEL|EMPTY)$", "", start) not in LIT_KEYWORDS:
                yield f"{name}:{number}: no FileCheck of this file reads the prefix {start}"


CHECKS = {"floors": check_floors, "doc-paths": check_doc_paths, "pass-tests": check_pass_tests, "places": check_places, "headers": check_headers,
          "filecheck": check_filecheck}


def main(which, root):
    root = pathlib.Path(root).resolve()
    findings = [line for name, check in CHECKS.items() if which in (name, "all") for line in check(root)]
    print("\n".join(findings))
    return 1 if findings else 0


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in (*CHECKS, "all"):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
