#!/usr/bin/env python3
"""The rules of tools/bazel without Bazel: .bzl files are run as the Python that they nearly are, with what stands in for Bazel's functions.

Usage: bazel_rules.py --rules=INSTALLED/share/nncc/bazel --example=docs/examples/bazel --work=FOLDER. The repository of an installation is
made, nncc_model() of the example called, its action run, and a program built of what came out. Needs plain Python and a C compiler.
"""
import argparse
import ast
import pathlib
import shutil
import subprocess
from types import SimpleNamespace as Bag

SETTING = {"x86_64": "@nncc//:x86_64_linux", "aarch64": "@nncc//:aarch64_linux"}


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def must_fail(act, message):
    try:
        act()
    except AssertionError as error:
        check(message in str(error), str(error))
    else:
        raise AssertionError(f"nothing said '{message}'")


class Package:
    """What a BUILD file or a macro makes: rules by name, with their attributes."""

    def __init__(self):
        self.made = {}

    def maker(self, kind):
        def make(name=None, **attributes):
            check(name not in self.made, f"{name} is made twice")
            self.made[name] = Bag(kind=kind, **attributes)
        return make


class Bazel:
    """Bazel's functions, as far as the rules call them, for one package that is built for one platform."""

    def __init__(self, rules, platform):
        self.rules, self.platform, self.package, self.files = rules, platform, Package(), {}
        attr = Bag(**{kind: lambda **words: words for kind in ("string", "string_list", "label", "label_list")})
        made = self.package.maker
        self.functions = {
            "attr": attr, "Label": lambda label: Bag(label=label), "depset": list, "fail": self.fail, "glob": lambda patterns: patterns,
            "DefaultInfo": Bag, "OutputGroupInfo": Bag, "select": self.select, "load": self.load,
            "repository_rule": lambda **words: Bag(**words), "tag_class": lambda **words: Bag(**words), "module_extension": lambda **words: Bag(**words),
            "native": Bag(filegroup=made("filegroup")), "package": lambda **words: None, "exports_files": lambda names: None,
            "config_setting": made("config_setting")}
        self.rule = None
        self.functions |= {"rule": self.make_rule} | {kind: made(kind) for kind in ("cc_library", "cc_binary", "cc_import")}

    def make_rule(self, **words):
        self.rule = Bag(**words)
        return self.package.maker("rule")

    def fail(self, message):
        raise AssertionError(message)

    def select(self, choices, no_match_error=None):
        return choices.get(self.platform) or self.fail(no_match_error)

    def load(self, label, *names):
        """Makes names of one of the rules' files known; Bazel's own and those of rules_cc are."""
        if not label.startswith("@rules_cc//"):
            made = self.run(self.rules / label.removeprefix("@nncc").removeprefix("//:"))
            self.functions |= {name: made[name] for name in names}

    def run(self, path):
        """Runs a .bzl or BUILD file. Bazel knows less than Python: what it does not know is an error here, too."""
        text = path.read_text()
        for part in ast.walk(ast.parse(text)):
            check(not isinstance(part, (ast.Import, ast.ImportFrom, ast.ClassDef, ast.While, ast.Try, ast.JoinedStr, ast.Set, ast.Raise, ast.With)),
                  f"{path}:{getattr(part, 'lineno', 0)}: {type(part).__name__} is not of Starlark")
        names = dict(self.functions)
        names["load"] = lambda label, *wanted: (self.load(label, *wanted), names.update({name: self.functions[name] for name in wanted}))
        exec(compile(text, path, "exec"), names)
        return names


def make_installation(bazel, folder, path):
    """Runs the repository rule, with links in a folder."""
    def place(name):
        return pathlib.Path(name) if isinstance(name, str) else bazel.rules / name.label.removeprefix("//:")

    def pathlike(name):
        real = place(name)
        return Bag(exists=real.exists(), real=real, realpath=Bag(dirname=real.resolve().parent))

    def symlink(target, name):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(getattr(target, "real", target))

    context = Bag(attr=Bag(path=path), path=pathlike, symlink=symlink, file=lambda name, text: (folder / name).write_text(text))
    bazel.run(bazel.rules / "installation.bzl")["nncc_installation"].implementation(context)


def run_actions(rule, attributes, nncc, example, work):
    """Runs what an instance of a rule does; returns its groups of files."""
    class Arguments(list):
        add = list.append
        add_all = list.extend

    def text(argument):
        return str(argument.path if isinstance(argument, Bag) else argument)

    def run(executable, arguments, inputs, outputs, **words):
        for output in outputs:
            output.path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([executable, *(text(part) for part in arguments[0])], check=True, env={})
        for output in outputs:
            check(output.path.exists(), f"{output.path} was declared and not written")

    def declare_file(name):
        return Bag(path=work / name, dirname=(work / name).parent)

    given = {name: attributes.get(name, "") for name in rule.attrs if not name.startswith("_")}
    unknown = set(attributes) - set(rule.attrs) - {"name", "visibility"}
    check(not unknown, f"the rule has no {unknown}")
    model = Bag(path=example / attributes["model"], short_path=attributes["model"])
    context = Bag(attr=Bag(**given), label=Bag(name=attributes["name"]), file=Bag(model=model), files=Bag(data=[]), executable=Bag(_nncc=nncc),
                  actions=Bag(declare_file=declare_file, args=Arguments, run=run))
    return rule.implementation(context)[1]


def main():
    parser = argparse.ArgumentParser()
    for name in ("rules", "example", "work"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    options = parser.parse_args()
    shutil.rmtree(options.work, ignore_errors=True)
    options.work.mkdir(parents=True)

    for machine, compiler, emulator in (("x86_64", "cc", []), ("aarch64", "aarch64-linux-gnu-gcc", ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"])):
        bazel, folder, built = Bazel(options.rules, SETTING[machine]), options.work / machine / "repository", options.work / machine / "built"
        bazel.run(options.rules / "extension.bzl")
        make_installation(bazel, folder, "")
        settings = Bazel(options.rules, SETTING[machine])
        settings.run(options.rules / "BUILD.bazel")
        check({f"@nncc//:{name}" for name in settings.package.made} >= set(SETTING.values()), "no settings")
        repository = Bazel(options.rules, SETTING[machine])
        repository.run(folder / "BUILD.bazel")
        runtime = repository.package.made["runtime"]
        archive = folder / repository.package.made[runtime.deps[0].removeprefix(":")].static_library
        check(archive.exists(), f"no {archive}")

        bazel.run(options.example / "BUILD.bazel")
        made = bazel.package.made
        library, program = made["digits"], made["digit"]
        check(program.deps == [":digits", "@nncc_installation//:runtime"], "the program's libraries")
        attributes = {name: value for name, value in vars(made["digits_nncc"]).items() if name != "kind"} | {"name": "digits_nncc"}
        groups = vars(run_actions(bazel.rule, attributes, folder / "bin/nncc", options.example, built))
        header, archives = ([file.path for file in groups[made[label].output_group]] for label in (library.hdrs[0], library.srcs[0]))
        check(header == [built / library.includes[0] / "digits.h"], "where the header lies")
        subprocess.run([compiler, options.example / program.srcs[0], f"-I{built / library.includes[0]}", f"-I{folder / runtime.includes[0]}",
                        *archives, archive, "-o", options.work / machine / "digit"], check=True)
        said = subprocess.run([*emulator, options.work / machine / "digit"], check=True, capture_output=True, text=True).stdout
        check("a 2, with probability" in said, said)

        def groups_with(*words):
            return vars(run_actions(bazel.rule, attributes | {"options": list(words)}, folder / "bin/nncc", options.example, built))
        label = made["digits_weights"].output_group
        check(not groups[label], "a file of weights that lie in the library")
        for words in (["--weights=extern"], ["--weights", "extern"]):
            check([file.path.name for file in groups_with(*words)[label]] == ["digits.weights"], f"{words}: no file of weights")
        for word in ("--emit=obj", "-oelsewhere"):
            must_fail(lambda: groups_with(word), f"option '{word}' is not for a cc_library")

    must_fail(lambda: make_installation(Bazel(options.rules, ""), options.work / "nowhere", "/nowhere"), "there is no nncc in")
    print("the rules work with what stands in for Bazel")


main()
