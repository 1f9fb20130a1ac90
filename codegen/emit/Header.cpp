// The C header of a generated library: M.h.
#include "codegen/emit/Header.h"
#include "codegen/emit/Embedded.h"
#include "codegen/emit/ModelEntry.h"
#include "codegen/emit/PortType.h"
#include "codegen/emit/WeightsObject.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace nncc {

std::string commentText(StringRef text) {
  std::string result;
  for (char c : text) {
    if (c < 0x20 || c > 0x7e) {
      result += "\\x" + utohexstr(uint8_t(c), /*LowerCase=*/true, 2);
      continue;
    }
    // "*/" ends a comment; compilers warn of "/*" and of trigraphs in one.
    char before = result.empty() ? '\0' : result.back();
    if ((before == '*' && c == '/') || (before == '/' && c == '*') || (before == '?' && c == '?'))
      result += ' ';
    result += c;
  }
  return result;
}

std::string shapeText(ArrayRef<int64_t> shape) {
  if (shape.empty())
    return "scalar";
  std::string result = "[";
  raw_string_ostream os(result);
  interleaveComma(shape, os);
  return result + "]";
}

/// The part of abi.h that headers of models carry.
static StringRef publicAbi() {
  StringRef text = embedded::abiHeader;
  StringRef begin = "/* [public begin] */\n", end = "/* [public end] */\n";
  return text.split(begin).second.split(end).first;
}

static void writePorts(ArrayRef<PortPlan> ports, StringRef constness, raw_ostream &os) {
  for (const PortPlan &port : ports) {
    PortType type = *portType(port.elementType);
    os << "  /* '" << commentText(port.name) << "': " << type.name << ' ' << shapeText(port.shape) << ", row-major, "
       << portBytes(port) << " bytes";
    if (type.id == NNCC_F16)
      os << "; IEEE binary16 bits";
    else if (type.id == NNCC_BF16)
      os << "; upper halves of floats";
    else if (type.id == NNCC_BOOL)
      os << "; 0 or 1";
    os << " */\n  " << constness << type.cType << " *" << port.identifier << ";\n";
  }
  if (ports.empty())
    os << "  " << constness << "void *none; /* there are none */\n";
}

/// M_INPUT_X_ELEMENTS for every input, and the same for outputs.
static void writeElementCounts(ArrayRef<PortPlan> ports, StringRef prefix, raw_ostream &os) {
  StringSet<> used;
  for (const PortPlan &port : ports) {
    std::string macro = StringRef(port.identifier).upper();
    while (!used.insert(macro).second)
      macro += "_"; // `x` beside `X`
    os << "#define " << prefix << macro << "_ELEMENTS " << portBytes(port) / portType(port.elementType)->bytes << '\n';
  }
}

void writeHeader(const ModelPlan &plan, raw_ostream &os) {
  const std::string &name = plan.name;
  std::string upper = StringRef(name).upper();

  os << "/* " << name << ": a neural network, compiled by nncc " NNCC_VERSION << " for " << commentText(plan.target)
     << ", " << commentText(plan.cpu) << ".\n"
     << " * Link lib" << name << ".a; it needs memcpy, memset and memmove at "
     << "most.\n";
  if (!plan.sourceHash.empty())
    os << " * SHA-256 of the ONNX file: " << commentText(plan.sourceHash) << "\n";
  os << " *\n"
     << " *   static _Alignas(" << upper << "_ARENA_ALIGN) unsigned char arena[" << upper << "_ARENA_BYTES];\n"
     << " *   " << name << "_context context;\n"
     << " *   nncc_status status =\n"
     << " *       " << name << "_init(&context, arena, sizeof arena, NULL);\n"
     << " *   if (status == NNCC_OK)\n"
     << " *     status = " << name << "_run(&context, &inputs, &outputs);\n"
     << " */\n"
     << "#ifndef NNCC_LIBRARY_" << name << "_H\n"
     << "#define NNCC_LIBRARY_" << name << "_H\n\n"
     << "/* ---- What all libraries of nncc share, once in each program ---- "
     << "*/\n"
     << publicAbi() << '\n'
     << "#if NNCC_ABI_VERSION != " << NNCC_ABI_VERSION << '\n'
     << "#error \"" << name << ".h is of nncc ABI " << NNCC_ABI_VERSION
     << ", a header before it is not: compile all models with one nncc\"\n"
     << "#endif\n\n"
     << "/* ---- " << name << " ---- */\n"
     << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
     << "#define " << upper << "_ABI_VERSION " << NNCC_ABI_VERSION << '\n'
     << "/* Working memory that the caller gives to " << name
     << "_init, and its alignment. */\n"
     // An array of no elements is no C.
     << "#define " << upper << "_ARENA_BYTES " << std::max<int64_t>(plan.arenaBytes, 1) << '\n'
     << "#define " << upper << "_ARENA_ALIGN " << plan.arenaAlign << '\n'
     << "/* Steps of a run, for " << name << "_step and on_kernel. */\n"
     << "#define " << upper << "_KERNELS " << plan.kernels.size() << '\n';
  if (plan.stackBytes >= 0)
    os << "/* Stack that a call uses at most, beside that of memcpy, memset "
          "and "
       << "on_kernel. */\n"
       << "#define " << upper << "_STACK_BYTES " << plan.stackBytes << '\n';
  os << "/* Elements of each input and output. */\n";
  writeElementCounts(plan.inputs, upper + "_INPUT_", os);
  writeElementCounts(plan.outputs, upper + "_OUTPUT_", os);

  os << "\n/* All state of one user of the model beside the arena. Two threads "
     << "need two of each. */\n"
     << "typedef struct " << name << "_context {\n"
     << "  uint64_t opaque[" << contextWords(plan) << "];\n} " << name << "_context;\n\n"
     << "/* What a run reads. The memory is the caller's; elements are "
     << "aligned. */\n"
     << "typedef struct " << name << "_inputs {\n";
  writePorts(plan.inputs, "const ", os);
  os << "} " << name << "_inputs;\n\n"
     << "/* Where a run writes. The memory is the caller's and overlaps "
        "neither "
     << "the inputs\n * nor the arena nor one another. */\n"
     << "typedef struct " << name << "_outputs {\n";
  writePorts(plan.outputs, "", os);
  os << "} " << name << "_outputs;\n\n";

  os << "/* Prepares a context. The arena stays in use as long as the context "
     << "does;\n"
     << " * between two runs its contents do not matter.\n"
     << " *\n"
     << " * arena        arena_bytes >= " << upper << "_ARENA_BYTES bytes, aligned to " << upper << "_ARENA_ALIGN\n"
     << " * options      NULL = all defaults\n"
     << " */\n"
     << "nncc_status " << name << "_init(" << name << "_context *context, void *arena,\n"
     << "                        size_t arena_bytes, const nncc_options "
     << "*options);\n\n"
     << "/* Runs the model once, on the calling thread. */\n"
     << "nncc_status " << name << "_run(" << name << "_context *context,\n"
     << "                       const " << name << "_inputs *inputs,\n"
     << "                       " << name << "_outputs *outputs);\n\n"
     << "/* Begins a run that " << name << "_step carries out: for watchdogs and "
     << "cooperative\n"
     << " * schedulers. The pointers are copied; what they point to has to "
        "stay "
     << "until the\n * last step. */\n"
     << "nncc_status " << name << "_start(" << name << "_context *context,\n"
     << "                         const " << name << "_inputs *inputs,\n"
     << "                         " << name << "_outputs *outputs);\n\n"
     << "/* Runs the next kernels, at most max_kernels. NNCC_MORE: call again; "
     << "NNCC_OK: the\n * outputs are complete. */\n"
     << "nncc_status " << name << "_step(" << name << "_context *context, uint32_t max_kernels);\n\n"
     << "/* The same model behind the interface that all models share. */\n"
     << "extern const nncc_model " << name << "_model;\n\n"
     << "#ifdef __cplusplus\n}\n#endif\n#endif\n";
}

} // namespace nncc
