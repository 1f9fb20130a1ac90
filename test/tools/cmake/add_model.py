#!/usr/bin/env python3
"""nncc_add_model() of an installed nncc: what is compiled when, by which generator, for which target, and what mistakes say.

Usage: add_model.py --prefix=INSTALLED --source=NNCC --model=digits.onnx --work=FOLDER [CASE...]. A case is a function below. Needs plain Python.
"""
import argparse
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "harness"))
import make_model  # noqa: E402  (of test/harness: files without a package)

GENERATORS = ("Ninja", "Unix Makefiles", "Ninja Multi-Config")
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


class Project:
    """A CMake project in a folder of its own."""

    def __init__(self, options, name, lists, languages="C", generator="Ninja", main=None):
        self.options, self.generator = options, generator
        self.source, self.build = options.work / name / "source", options.work / name / "build"
        shutil.rmtree(options.work / name, ignore_errors=True)
        self.source.mkdir(parents=True)
        head = f"cmake_minimum_required(VERSION 3.22)\nproject(test LANGUAGES {languages})\nfind_package(nncc REQUIRED NO_CMAKE_FIND_ROOT_PATH)\n"
        self.write("CMakeLists.txt", head + lists)
        if main:
            self.write("main.c", main)

    def write(self, path, text):
        (self.source / path).parent.mkdir(parents=True, exist_ok=True)
        (self.source / path).write_text(text)

    def run(self, *command, fails=False):
        done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        if (done.returncode != 0) != fails:
            raise AssertionError(f"{command}: exit status {done.returncode}\n{done.stdout}")
        return done.stdout

    def configure(self, *arguments, fails=False):
        return self.run("cmake", "-G", self.generator, "-S", self.source, "-B", self.build,
                        f"-DCMAKE_PREFIX_PATH={self.options.prefix}", *arguments, fails=fails)

    def make(self, *arguments, fails=False):
        return self.run("cmake", "--build", self.build, "-j2", *arguments, fails=fails)

    def compiled(self):
        """How many models a build compiles."""
        return self.make().count("Compiling ")


def age(path):
    """Makes a file newer than all that was built from it."""
    later = time.time() + 5
    os.utime(path, (later, later))


def check(condition, message):
    if not condition:
        raise AssertionError(message)


PROGRAM = '#include "M.h"\nint main(void) { return M_model.num_kernels == 0; }\n'


def program(name):
    return PROGRAM.replace("M", name)


@case
def recompiles_what_changed(options):
    """The model, a file with its weights, nncc itself: a newer one compiles the model again, nothing else does."""
    for generator in GENERATORS:
        project = Project(options, "changes in " + generator, """
nncc_add_model(external MODEL models/external-valid.onnx)
add_executable(program main.c)
target_link_libraries(program PRIVATE external)
""", generator=generator, main=program("external"))
        models = project.source / "models"
        models.mkdir()
        (models / "external-valid.onnx").write_bytes(make_model.CASES["external-valid"]())
        (models / "weights.bin").write_bytes(struct.pack("<8f", *range(8)))
        project.configure()
        check(project.compiled() == 1, generator + ": not compiled at first")
        check(project.compiled() == 0, generator + ": compiled again without a reason")
        for path in (models / "external-valid.onnx", models / "weights.bin", options.prefix / "bin/nncc"):
            before = path.stat()
            age(path)
            check(project.compiled() == 1, f"{generator}: not compiled again when {path.name} is newer")
            os.utime(path, (before.st_atime, before.st_mtime))
            project.make()
            check(project.compiled() == 0, f"{generator}: compiled again without a reason after {path.name}")


@case
def shares_a_model(options):
    """One model in two folders and three programs, built in parallel; another one with the same prefix beside it; blanks in paths."""
    for generator in GENERATORS:
        outside = options.work / "models of others"
        outside.mkdir(exist_ok=True)
        shutil.copy(options.model, outside / "a digit.onnx")
        project = Project(options, "shared in " + generator, f"""
add_subdirectory(model)
add_executable(one main.c)
target_link_libraries(one PRIVATE my-digits)
add_executable(two main.c)
target_link_libraries(two PRIVATE my-digits nncc::runtime)
nncc_add_model(other MODEL [[{outside}/a digit.onnx]] NAME my_digits OPTIONS -g)
add_executable(three main.c)
target_link_libraries(three PRIVATE other)
""", generator=generator, main=program("my_digits"))
        project.write("model/CMakeLists.txt", f"nncc_add_model(my-digits MODEL [[{outside}/a digit.onnx]])\n")
        project.configure()
        check(project.compiled() == 2, generator + ": two models are compiled once each")
        check(project.compiled() == 0, generator + ": compiled again without a reason")


@case
def compiles_for_two_cpus(options):
    project = Project(options, "cpus", f"""
nncc_add_model(digits_v3 MODEL {options.model} CPU x86-64-v3)
nncc_add_model(digits_v4 MODEL {options.model} CPU x86-64-v4)
nncc_add_model(digits_arm MODEL {options.model} TARGET aarch64-linux-gnu CPU cortex-a76)
add_executable(program main.c)
target_link_libraries(program PRIVATE digits_v3 digits_v4)
add_custom_target(arm ALL DEPENDS digits_arm-nncc)
""", main="""
#include "digits_v3.h"
#include "digits_v4.h"
int main(void) { return digits_v3_model.cpu_required == digits_v4_model.cpu_required; }
""")
    project.configure()
    project.make()
    project.run(project.build / "program")
    check('"cortex-a76"' in (project.build / "nncc_models/digits_arm/digits_arm.json").read_text(), "CPU is not cortex-a76")


@case
def takes_dims_and_values(options):
    project = Project(options, "dims", """
nncc_add_model(m MODEL valid.onnx BIND x=value.npy)
add_custom_command(OUTPUT made.onnx COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_CURRENT_SOURCE_DIR}/dynamic.onnx made.onnx DEPENDS dynamic.onnx)
nncc_add_model(d MODEL ${CMAKE_CURRENT_BINARY_DIR}/made.onnx DIM batch=3 INPUT x=u8,scale=0.5 RENAME x=picture y=answer)
add_executable(program main.c)
target_link_libraries(program PRIVATE m d)
""", main="""
#include "d.h"
#include "m.h"
int main(void) { (void)(d_inputs){.picture = 0}; (void)(d_outputs){.answer = 0}; return !(m_model.num_inputs == 0 && d_model.inputs[0].dims[0] == 3 && d_model.inputs[0].type == NNCC_U8); }
""")
    (project.source / "valid.onnx").write_bytes(make_model.CASES["valid"]())
    x, y = (make_model.value_info(n, ["batch", 5]) for n in "xy")
    (project.source / "dynamic.onnx").write_bytes(make_model.model([make_model.node("Relu", ["x"], ["y"])], [x], [y]))
    value = project.source / "value.npy"
    project.run(sys.executable, HERE.parent / "nncc/inputs/write_npy.py", value)
    project.configure()
    check(project.compiled() == 2, "two models")
    project.run(project.build / "program")
    age(value)
    check(project.compiled() == 1, "not compiled again when a bound value is newer")


@case
def puts_weights_into_a_file(options):
    for generator in GENERATORS:
        project = Project(options, "weights in " + generator, f"""
nncc_add_model(digits MODEL {options.model} WEIGHTS extern)
get_target_property(weights digits NNCC_WEIGHTS_FILE)
add_custom_command(OUTPUT copy.weights COMMAND ${{CMAKE_COMMAND}} -E copy ${{weights}} copy.weights DEPENDS ${{weights}} digits-nncc)
add_custom_target(image ALL DEPENDS copy.weights)
""", generator=generator)
        project.configure()
        check(project.compiled() == 1, generator + ": not compiled at first")
        check((project.build / "copy.weights").stat().st_size > 10000, "no weights")
        check(project.compiled() == 0, generator + ": compiled again without a reason")


@case
def installs_with_a_library(options):
    """A library that links a model is installed, moved, and found by another project that does not know nncc."""
    project = Project(options, "installed library", f"""
nncc_add_model(my-digits MODEL {options.model} WEIGHTS extern)
add_library(reader STATIC reader.c)
target_link_libraries(reader PRIVATE my-digits)
include(GNUInstallDirs)
install(TARGETS reader EXPORT reader)
install(EXPORT reader NAMESPACE reader:: DESTINATION ${{CMAKE_INSTALL_LIBDIR}}/cmake/reader)
nncc_install_model(my-digits DESTINATION ${{CMAKE_INSTALL_LIBDIR}}/cmake/reader)
file(WRITE ${{CMAKE_CURRENT_BINARY_DIR}}/reader-config.cmake [[
include(${{CMAKE_CURRENT_LIST_DIR}}/my-digits-model.cmake)
include(${{CMAKE_CURRENT_LIST_DIR}}/reader.cmake)
]])
install(FILES ${{CMAKE_CURRENT_BINARY_DIR}}/reader-config.cmake DESTINATION ${{CMAKE_INSTALL_LIBDIR}}/cmake/reader)
""")
    project.write("reader.c", '#include "my_digits.h"\nint kernels(void) { return (int)my_digits_model.num_kernels; }\n')
    project.configure(f"-DCMAKE_INSTALL_PREFIX={project.build}/first")
    project.make()
    project.run("cmake", "--install", project.build)
    (project.build / "first").rename(project.build / "moved")
    user = Project(options, "user of the library", """
find_package(reader REQUIRED)
add_executable(program main.c)
target_link_libraries(program PRIVATE reader::reader)
add_executable(direct direct.c)
target_link_libraries(direct PRIVATE my-digits)
get_target_property(weights my-digits NNCC_WEIGHTS_FILE)
file(SIZE ${weights} bytes)
message(STATUS "weights of ${bytes} bytes")
""", main="int kernels(void);\nint main(void) { return kernels() == 0; }\n")
    user.write("direct.c", program("my_digits"))
    lists = user.source / "CMakeLists.txt"
    lists.write_text(lists.read_text().replace("find_package(nncc REQUIRED NO_CMAKE_FIND_ROOT_PATH)\n", ""))
    said = user.configure(f"-DCMAKE_PREFIX_PATH={project.build}/moved")
    check(re.search(r"weights of \d{5} bytes", said), said)
    user.make()
    user.run(user.build / "program")
    user.run(user.build / "direct")
    for call, message in (("(m)", r"no model of this name here; nncc_add_model\(m MODEL file.onnx\)"), ("(m EXPORT x)", "what is 'EXPORT'"),
                          ("(m DESTINATION)", "no value after DESTINATION")):
        mistake = Project(options, "mistake", f"nncc_install_model{call}\n", languages="NONE")
        check(re.search(r"nncc_install_model\(m\): " + message, " ".join(mistake.configure(fails=True).split())), call)


@case
def links_runtime_pool_and_vulkan(options):
    """The same targets installed and from a subdirectory; pkg-config names the same archives."""
    main = """
#include "digits.h"
#include "nncc/pool.h"
#include "nncc/runtime.h"
#include "nncc/vulkan.h"
int main(void) {
  static nncc_pool pool;
  static nncc_vulkan vulkan;
  int failed = nncc_pool_create(&pool, 2) != 0 || nncc_status_string(NNCC_OK) == 0 || digits_model.num_kernels == 0;
  nncc_vulkan_create(&vulkan, 0); /* there may be no GPU */
  failed |= !nncc_vulkan_allocate(&vulkan, 1);
  nncc_vulkan_destroy(&vulkan);
  nncc_pool_destroy(&pool);
  return failed;
}
"""
    rest = f"""
nncc_add_model(digits MODEL {options.model})
add_executable(program main.c)
target_link_libraries(program PRIVATE digits nncc::pool nncc::vulkan nncc::runtime)
"""
    for name, find in (("installed", "find_package(nncc REQUIRED)"),
                       ("subdirectory", f"set(NNCC_EXECUTABLE {options.prefix}/bin/nncc)\nadd_subdirectory({options.source} nncc EXCLUDE_FROM_ALL)")):
        project = Project(options, "pool " + name, rest, main=main)
        lists = project.source / "CMakeLists.txt"
        lists.write_text(lists.read_text().replace("find_package(nncc REQUIRED NO_CMAKE_FIND_ROOT_PATH)", find))
        project.configure()
        project.make()
        project.run(project.build / "program")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "nncc-pool", "nncc-vulkan"], check=True, capture_output=True, text=True,
                           env={**os.environ, "PKG_CONFIG_PATH": f"{options.prefix}/share/pkgconfig"}).stdout.split()
    models = project.build / "nncc_models/digits"
    project.run("cc", project.source / "main.c", "-I", models, models / "libdigits.a", *flags, "-o", project.build / "by-pkg-config")
    project.run(project.build / "by-pkg-config")


@case
def explains_mistakes(options):
    """At configuration where CMake can know it, else in nncc's own words when the model is compiled."""
    digits = f"MODEL {options.model}"
    for call, message in (
        (f"(m {options.model})", r"what is '.*digits.onnx'\? The model's file comes after MODEL: nncc_add_model\(m MODEL .*digits.onnx\)"),
        ("(m)", r"no model given: nncc_add_model\(m MODEL file.onnx\)"),
        ("(m MODEL)", "no value after MODEL"),
        ("(m MODEL nowhere.onnx)", "no such file: .*/source/nowhere.onnx"),
        ("(m MODEL .)", ".*/source is a folder, not a file"),
        (f"(m {digits} CPPU x)", r"what is 'CPPU'\? The keywords are MODEL, NAME, TARGET, CPU, DIM"),
        (f"(m {digits} NAME 2fast)", "NAME '2fast' is no C identifier"),
        (f"(m {digits} TARGET sparc)", "TARGET 'sparc' is unknown; nncc's targets are x86_64-linux-gnu, aarch64"),
        (f"(m {digits})\nnncc_add_model(m {digits})", "there is a target of this name already"),
    ):
        project = Project(options, "mistake", f"set(NNCC_TARGET x86_64-linux-gnu)\nnncc_add_model{call}\n", languages="NONE")
        said = " ".join(project.configure(fails=True).split())
        check(re.search(r"nncc_add_model\(m\): " + message, said), f"{call}: {said}")
    for call, message in (
        (f"(m {digits} CPU cortex-a99)", r"--cpu=cortex-a99 is unknown for x86_64-linux-gnu\nnote: its CPUs are x86-64-v3, x86-64-v3-vnni, x86-64-v4, x86-64-v4-vnni"),
        (f"(m {digits} WEIGHTS none)", "--weights=none is none of its values"),
        (f"(m {digits} DIM batch)", r"--dim=batch is not NAME=N"),
        (f"(m {digits} BIND image=@nowhere.npy)", r"'.*/source/nowhere.npy' "),
    ):
        project = Project(options, "mistake", f"set(NNCC_TARGET x86_64-linux-gnu)\nnncc_add_model{call}\n", languages="NONE")
        project.configure()
        said = project.make("--target", "m-nncc", fails=True)
        check(re.search("error: .*" + message, said), f"{call}: {said}")


@case
def detects_the_target(options):
    """What tool chains say of themselves, and nncc's name for it."""
    gcc = {"CMAKE_C_COMPILER": "cc", "CMAKE_C_COMPILER_ID": "Clang"}
    for variables, expected in (
        ({"CMAKE_SYSTEM_NAME": "Linux", "CMAKE_SYSTEM_PROCESSOR": "x86_64"}, "x86_64-linux-gnu"),
        ({"CMAKE_SYSTEM_NAME": "Linux", "CMAKE_SYSTEM_PROCESSOR": "AMD64"}, "x86_64-linux-gnu"),
        ({"CMAKE_SYSTEM_NAME": "Linux", "CMAKE_SYSTEM_PROCESSOR": "aarch64"}, "aarch64-linux-gnu"),
        ({"CMAKE_SYSTEM_NAME": "Generic", "CMAKE_SYSTEM_PROCESSOR": "aarch64"}, "aarch64-none-elf"),
        ({"CMAKE_SYSTEM_NAME": "Android", "ANDROID_ABI": "arm64-v8a", "CMAKE_SYSTEM_PROCESSOR": "aarch64"}, "aarch64-linux-android"),
        # The compiler's word weighs more than the kernel's.
        ({**gcc, "CMAKE_SYSTEM_NAME": "Linux", "CMAKE_SYSTEM_PROCESSOR": "x86_64", "CMAKE_C_COMPILER_TARGET": "aarch64-unknown-linux-musl"},
         "aarch64-linux-gnu"),
        ({**gcc, "CMAKE_SYSTEM_NAME": "Linux", "CMAKE_SYSTEM_PROCESSOR": "aarch64", "CMAKE_C_COMPILER_TARGET": "armv7l-linux-gnueabihf"}, None),
        ({**gcc, "CMAKE_SYSTEM_NAME": "Generic", "CMAKE_C_COMPILER_TARGET": "aarch64-none-elf"}, "aarch64-none-elf"),
        ({**gcc, "CMAKE_SYSTEM_NAME": "Generic", "CMAKE_C_COMPILER_TARGET": "thumbv7em-none-eabihf"}, None),
        ({"CMAKE_C_COMPILER": "aarch64-linux-gnu-gcc", "CMAKE_C_COMPILER_ID": "GNU", "CMAKE_SYSTEM_NAME": "Linux"}, "aarch64-linux-gnu"),
        ({"NNCC_TARGET": "aarch64-none-elf", "CMAKE_SYSTEM_NAME": "Linux", "CMAKE_SYSTEM_PROCESSOR": "x86_64"}, "aarch64-none-elf"),
        ({"CMAKE_SYSTEM_NAME": "Linux", "CMAKE_SYSTEM_PROCESSOR": "x86_64", "CMAKE_SIZEOF_VOID_P": "4"}, None),
        ({"CMAKE_SYSTEM_NAME": "Linux", "CMAKE_SYSTEM_PROCESSOR": "aarch64_be"}, None),
        ({"CMAKE_SYSTEM_NAME": "Linux", "CMAKE_SYSTEM_PROCESSOR": "riscv64"}, None),
        ({"CMAKE_SYSTEM_NAME": "Darwin", "CMAKE_SYSTEM_PROCESSOR": "arm64"}, None),
        ({"CMAKE_SYSTEM_NAME": "Windows", "CMAKE_SYSTEM_PROCESSOR": "AMD64"}, None),
        ({"CMAKE_SYSTEM_NAME": "Android", "ANDROID_ABI": "armeabi-v7a"}, None),
        ({"CMAKE_SYSTEM_NAME": "Android", "ANDROID_ABI": "x86_64"}, None),
    ):
        script = options.work / "detect.cmake"
        script.write_text("".join(f"set({name} {value})\n" for name, value in variables.items())
                          + f'include({options.prefix}/lib/cmake/nncc/NnccAddModel.cmake)\nnncc_detect_target(found)\n'
                          + 'message("found <${found}>\\n${found_PROBLEM}")\n')
        said = subprocess.run(["cmake", "-P", script], capture_output=True, text=True, check=True).stderr
        check(f"found <{expected or ''}>" in said, f"{variables}: {said}")
        if expected is None:
            machine = variables.get("CMAKE_C_COMPILER_TARGET", "").split("-")[0] or variables.get("ANDROID_ABI") or variables["CMAKE_SYSTEM_PROCESSOR"]
            check(f"system '{variables['CMAKE_SYSTEM_NAME']}', processor '{machine.lower()}'" in said, f"{variables}: {said}")
            check("Its targets are x86_64-linux-gnu, aarch64-linux-gnu" in said, said)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prefix", type=pathlib.Path, required=True)
    parser.add_argument("--source", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("cases", nargs="*", metavar="CASE", choices=[*CASES, []])
    options = parser.parse_args()
    shutil.rmtree(options.work, ignore_errors=True)
    options.work.mkdir(parents=True)
    failed = 0
    for name in options.cases or CASES:
        try:
            CASES[name](options)
            print(f"passed: {name}")
        except AssertionError as error:
            failed += 1
            print(f"FAILED: {name}: {error}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
