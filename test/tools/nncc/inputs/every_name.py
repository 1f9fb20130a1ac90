"""Writes a model whose inputs have all names that are hard for a header, and a program that includes every header of C before it.

Usage: every_name.py COMPILER FOLDER: FOLDER/every.onnx and FOLDER/every.c. The names are the macros of the standard headers
that stand for something without arguments, as the compiler lists them, keywords of C and C++, types, and names of the header itself.
"""
import pathlib
import re
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[3] / "harness"))
from make_model import INT64, model, node, value_info

HEADERS = """assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdbool stddef stdint
stdio stdlib stdnoreturn string time uchar wchar wctype""".split()
WORDS = """alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t char8_t class co_await co_return
co_yield compl concept const const_cast consteval constexpr constinit continue decltype default delete do double dynamic_cast else
enum explicit export extern false float for friend goto if inline int long mutable namespace new noexcept not not_eq nullptr operator
or or_eq private protected public register reinterpret_cast requires restrict return short signed sizeof static static_assert
static_cast struct switch template this thread_local throw true try typedef typeid typename typeof union unsigned using virtual void
volatile wchar_t while xor xor_eq size_t int8_t int16_t int32_t int64_t uint8_t every every_context every_inputs every_outputs
every_init nncc_status NNCC_OK final override import module none _Bool _Complex __func__ x X""".split()


def main(compiler, folder):
    folder = pathlib.Path(folder)
    includes = "".join(f"#include <{name}.h>\n" for name in HEADERS)
    listed = subprocess.run([compiler, "-std=gnu11", "-dM", "-E", "-x", "c", "-"], input=includes, capture_output=True, text=True, check=True).stdout
    macros = re.findall(r"^#define ([A-Za-z]\w*)(?= |$)", listed, re.M)
    names = sorted(set(macros) | set(WORDS)) + ["int32_t ", "a.b", "a/b", "A_B"]
    # int32_t is the type of some, so that a member of this name would change what the next ones mean.
    inputs = [value_info(name, [1], INT64 if index % 2 else 6) for index, name in enumerate(names)]
    nodes = [node("Identity", [name], [name + "'"]) for name in names[:40]]
    outputs = [value_info(name + "'", [1], INT64 if index % 2 else 6) for index, name in enumerate(names[:40])]
    (folder / "every.onnx").write_bytes(model(nodes, inputs, outputs))
    (folder / "every.c").write_text(includes + '#include "every.h"\nint main(void) { every_inputs inputs; every_outputs outputs; '
                                    "return sizeof inputs + sizeof outputs == 0; }\n")
    print(f"{len(macros)} macros, {len(names)} names")


main(*sys.argv[1:])
