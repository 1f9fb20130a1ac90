"""The repository @nncc_installation: the compiler, the headers and the runtime archives of an installed nncc."""

_TARGETS = ["x86_64-linux-gnu", "aarch64-linux-gnu", "aarch64-linux-android", "aarch64-none-elf"]

_BUILD = """# Of the nncc that is installed in {prefix}.
load("@rules_cc//cc:defs.bzl", "cc_import", "cc_library")

package(default_visibility = ["//visibility:public"])

exports_files(["bin/nncc"])
"""

_RUNTIME = """
cc_import(
    name = "archive-{target}",
    static_library = "archives/{target}/libnncc_runtime.a",
)
"""

_LIBRARY = """
# nncc/runtime.h, for what the build is for.
cc_library(
    name = "runtime",
    hdrs = glob(["include/nncc/*.h"]),
    includes = ["include"],
    deps = select({{
{choices}
    }}),
)
"""

_CHOICE = """        "@nncc//:{setting}": [":archive-{target}"],"""

# Settings of //:BUILD.bazel, in the order of _TARGETS.
_SETTINGS = ["x86_64_linux", "aarch64_linux", "aarch64_android", "aarch64_none"]

def _nncc_installation_impl(repository_ctx):
    prefix = repository_ctx.attr.path
    if not prefix:
        # The rules lie in share/nncc/bazel of the installation.
        prefix = str(repository_ctx.path(Label("//:nncc.bzl")).realpath.dirname) + "/../../.."
    program = repository_ctx.path(prefix + "/bin/nncc")
    if not program.exists:
        fail("there is no nncc in " + str(program) + ": path of nncc.installation() is the folder where it is installed")
    repository_ctx.symlink(program, "bin/nncc")
    repository_ctx.symlink(prefix + "/lib/nncc/include", "include")
    repository_ctx.symlink(prefix + "/lib/nncc", "archives")
    build = _BUILD.format(prefix = prefix)
    for target in _TARGETS:
        build += _RUNTIME.format(target = target)
    choices = [_CHOICE.format(setting = setting, target = target) for setting, target in zip(_SETTINGS, _TARGETS)]
    repository_ctx.file("BUILD.bazel", build + _LIBRARY.format(choices = "\n".join(choices)))

nncc_installation = repository_rule(
    implementation = _nncc_installation_impl,
    attrs = {"path": attr.string(doc = "Where nncc is installed; default: where these rules lie.")},
    doc = "For a WORKSPACE; with a MODULE.bazel the extension of extension.bzl calls it.",
    local = True,
)
