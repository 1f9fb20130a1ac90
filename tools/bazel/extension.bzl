"""The extension of MODULE.bazel that makes @nncc_installation."""

load("//:installation.bzl", "nncc_installation")

def _nncc_impl(module_ctx):
    path = ""
    for module in module_ctx.modules:
        for tag in module.tags.installation:
            if module.is_root:
                path = tag.path
    nncc_installation(name = "nncc_installation", path = path)

nncc = module_extension(
    implementation = _nncc_impl,
    tag_classes = {
        "installation": tag_class(
            attrs = {"path": attr.string(mandatory = True)},
            doc = "Where nncc is installed, where that is not around these rules: of the root module.",
        ),
    },
)
