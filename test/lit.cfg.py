"""Configuration of lit: which files are tests, and the words that a RUN line may use."""
import os
import shutil
import subprocess
import sys

import lit.formats

config.name = "nncc"
config.test_format = lit.formats.ShTest(True)
config.suffixes = [".mlir", ".test"]
config.test_source_root = os.path.dirname(__file__)
config.excludes = ["inputs", "expected", "harness"]

config.environment["PATH"] = os.pathsep.join(
    [config.nncc_tools_dir, config.llvm_tools_dir, os.environ["PATH"]])
config.environment["FILECHECK_OPTS"] = "--enable-var-scope --allow-unused-prefixes=false"
config.environment["LC_ALL"] = "C.UTF-8"
config.environment["NO_COLOR"] = "1"
for name in ("ASAN_OPTIONS", "HOME", "NNCC_REQUIRE_MODELS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

config.substitutions += [
    ("%src", config.nncc_src),            # the repository
    ("%bin", config.nncc_tools_dir),      # the programs of this build
    ("%lib", config.nncc_lib_dir),        # its libraries
    ("%cc", config.nncc_cc),
    ("%cxx", config.nncc_cxx),
    ("%python", sys.executable),          # plain python3, no packages
    ("%test_python", config.nncc_test_python),  # with test/harness/requirements.txt
    ("%make_model", f"{sys.executable} {config.nncc_src}/test/harness/make_model.py"),      # CASE FILE
    ("%expect_error", f"{sys.executable} {config.nncc_src}/test/harness/expect_error.py"),  # COMMAND that must fail
]

# REQUIRES: words.
for program in ("aarch64-linux-gnu-gcc", "qemu-aarch64", "qemu-x86_64", "qemu-system-aarch64", "clang-format-22"):
    if shutil.which(program):
        config.available_features.add(program)
lavapipe = "/usr/share/vulkan/icd.d/lvp_icd.%s.json" % os.uname().machine  # Mesa's GPU in software
if os.path.exists(lavapipe) and shutil.which("spirv-as"):
    config.available_features.add("lavapipe")
    config.substitutions.append(("%lavapipe", lavapipe))
if subprocess.run(["unshare", "--mount", "--map-root-user", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode == 0:
    config.available_features.add("mount")
try:
    for end in os.openpty():
        os.close(end)
    config.available_features.add("terminal")
except OSError:
    pass  # a change root without /dev/pts
if os.path.exists(os.path.join(config.nncc_tools_dir, "nncc")):
    config.available_features.add("nncc")
if config.nncc_sanitize.upper() in ("ON", "TRUE", "1"):
    config.available_features.add("sanitize")
