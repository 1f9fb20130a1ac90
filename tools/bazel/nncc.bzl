"""nncc_model(): an ONNX model as a cc_library."""

load("@rules_cc//cc:defs.bzl", "cc_library")

# By the settings of BUILD.bazel.
_TARGET = {
    "@nncc//:aarch64_android": "aarch64-linux-android",
    "@nncc//:aarch64_linux": "aarch64-linux-gnu",
    "@nncc//:aarch64_none": "aarch64-none-elf",
    "@nncc//:x86_64_linux": "x86_64-linux-gnu",
}

def _has_extern_weights(options):
    """Whether options of nncc, in one word or two, put the weights into a file of their own."""
    words = ["=".join(options[i:i + 2]) if options[i] in ["--weights", "-weights"] else options[i] for i in range(len(options))]
    return "--weights=extern" in words or "-weights=extern" in words

def _nncc_compile_impl(ctx):
    for option in ctx.attr.options:
        if option.startswith("--emit") or option.startswith("-emit") or option.startswith("-o"):
            fail("%s: option '%s' is not for a cc_library: the rule says what is written, and where" % (ctx.label.name, option))
    prefix = ctx.attr.prefix
    folder = ctx.label.name + "/"
    library = ctx.actions.declare_file(folder + "lib" + prefix + ".a")
    header = ctx.actions.declare_file(folder + prefix + ".h")
    manifest = ctx.actions.declare_file(folder + prefix + ".json")
    weights = [ctx.actions.declare_file(folder + prefix + ".weights")] if _has_extern_weights(ctx.attr.options) else []
    arguments = ctx.actions.args()
    arguments.add_all(["compile", ctx.file.model, "-o", library.dirname, "--name=" + prefix, "--target=" + ctx.attr.target])
    if ctx.attr.cpu:
        arguments.add("--cpu=" + ctx.attr.cpu)
    arguments.add_all(ctx.attr.options)
    ctx.actions.run(
        executable = ctx.executable._nncc,
        arguments = [arguments],
        inputs = [ctx.file.model] + ctx.files.data,
        outputs = [library, header, manifest] + weights,
        mnemonic = "NnccCompile",
        progress_message = "Compiling %s for %s" % (ctx.file.model.short_path, ctx.attr.target),
    )
    return [
        DefaultInfo(files = depset([library])),
        OutputGroupInfo(header = depset([header]), library = depset([library]), manifest = depset([manifest]), weights = depset(weights)),
    ]

_nncc_compile = rule(
    implementation = _nncc_compile_impl,
    attrs = {
        "cpu": attr.string(),
        "data": attr.label_list(allow_files = True),
        "model": attr.label(allow_single_file = True, mandatory = True),
        "options": attr.string_list(),
        "prefix": attr.string(mandatory = True),
        "target": attr.string(mandatory = True),
        "_nncc": attr.label(default = "@nncc_installation//:bin/nncc", allow_single_file = True, executable = True, cfg = "exec"),
    },
)

def nncc_model(name, model, prefix = None, target = None, cpu = "", data = [], options = [], **kwargs):
    """Compiles an ONNX model to a cc_library: depend on it, include "PREFIX.h".

    Args:
      name: of the library.
      model: the .onnx file.
      prefix: of the C names, and name of the header; default: name.
      target: what the code runs on; default: what the build is for.
      cpu: --cpu; default: the target's baseline.
      data: files that the model or an option refers to: weights, values of --bind.
      options: anything else of `nncc compile --help`: ["--dim=batch=1", "--input=image=u8,nhwc"], but
        for --emit and -o. With "--weights=extern" the target NAME_weights is the file PREFIX.weights, for data of a program.
      **kwargs: of cc_library.
    """
    prefix = prefix or name
    _nncc_compile(
        name = name + "_nncc",
        model = model,
        prefix = prefix,
        target = target or select(_TARGET, no_match_error = "nncc has no target for this platform: see @nncc//:BUILD.bazel"),
        cpu = cpu,
        data = data,
        options = options,
        visibility = ["//visibility:private"],
    )
    native.filegroup(name = name + "_header", srcs = [name + "_nncc"], output_group = "header", visibility = ["//visibility:private"])
    native.filegroup(name = name + "_library", srcs = [name + "_nncc"], output_group = "library", visibility = ["//visibility:private"])
    native.filegroup(name = name + "_weights", srcs = [name + "_nncc"], output_group = "weights", visibility = kwargs.get("visibility"))
    cc_library(
        name = name,
        srcs = [name + "_library"],
        hdrs = [name + "_header"],
        includes = [name + "_nncc"],
        **kwargs
    )
