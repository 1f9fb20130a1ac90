// The C header of a generated library: M.h.
#include "codegen/emit/Header.h"
#include "codegen/emit/Embedded.h"
#include "codegen/emit/ModelEntry.h"
#include "codegen/emit/PortType.h"
#include "codegen/emit/TextTemplate.h"
#include "codegen/emit/WeightsFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Format.h"
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
      os << (constness.empty() ? "; 0 or 1" : "; 0 is false, all else is true");
    if (!port.format.empty())
      os << ";\n   * " << (constness.empty() ? "written as " : "read as ") << commentText(port.format);
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

/// What a program has to know of M.weights, when there is one.
static void writeWeightsMacros(const ModelPlan &plan, StringRef upper, raw_ostream &os) {
  if (!plan.externWeights)
    return;
  os << "/* The weights are not in the library: options->weights of " << plan.name
     << "_init points to\n * the contents of " << weightsFileName(plan)
     << ". Its header holds these numbers: LAYOUT is that of all\n"
     << " * weights that fit this code, HASH that of the weights this file was written\n * with. */\n"
     << "#define " << upper << "_WEIGHTS_BYTES " << weightsFileBytes(plan) << "\n#define " << upper << "_WEIGHTS_ALIGN "
     << NNCC_WEIGHTS_ALIGN << "\n#define " << upper << "_WEIGHTS_LAYOUT "
     << format("UINT64_C(0x%016llx)", (unsigned long long)plan.weightsLayout) << "\n#define " << upper
     << "_WEIGHTS_HASH " << format("UINT64_C(0x%016llx)", (unsigned long long)plan.weightsHash) << '\n';
}

/// Whose code runs, where there is code for several CPUs.
static std::string choiceText(const ModelPlan &plan) {
  if (plan.variants.empty())
    return "";
  std::string begin = " * " + plan.name + "_init chooses ";
  if (asksMachine(plan))
    return begin + "the first of these CPUs all of whose features the machine has:\n"
                   " * it asks, or obeys options->cpu and cpu_features.\n";
  return begin + "by options->cpu and cpu_features; nobody asks the machine.\n * Without them the code for " +
         commentText(plan.variants.back().cpu) + " runs, which needs the fewest features.\n";
}

/// The text of a header. `@m` stands for the model's name, `@M` for it in capitals, the other words for what
/// writeHeader() puts there.
static const char *const headerText = R"(/* @m: a neural network, compiled by nncc @version for @target, @cpu.
@choice * Link lib@m.a; it needs memcpy, memset@needs and memmove at most.
 * SHA-256 of the ONNX file: @source
 *
 *   static _Alignas(@M_ARENA_ALIGN) unsigned char arena[@M_ARENA_BYTES];
 *   @m_context context;
@options *   nncc_status status = @m_init(&context, arena, sizeof arena, @given);
 *   if (status == NNCC_OK)
 *     status = @m_run(&context, &inputs, &outputs);
 */
#ifndef NNCC_LIBRARY_@m_H
#define NNCC_LIBRARY_@m_H

/* ---- What all libraries of nncc share: once in each program ---- */
@abi
#if NNCC_ABI_VERSION != @version_of_abi
#error "@m.h is of nncc ABI @version_of_abi, a header before it is not: compile all models with one nncc"
#endif

/* ---- @m ---- */
#ifdef __cplusplus
extern "C" {
#endif

#define @M_ABI_VERSION @version_of_abi
/* Working memory that @m_init is given, and its alignment. */
#define @M_ARENA_BYTES @arena_bytes
#define @M_ARENA_ALIGN @arena_align
/* Steps of a run, for @m_step and on_kernel. */
#define @M_KERNELS @kernels
@stack@weights/* Elements of each input and output. */
@elements
/* All state of one user of the model, beside the arena. Two threads need two of
 * each. */
typedef struct @m_context {
  uint64_t opaque[@context_words];
} @m_context;

/* What a run reads. The memory is the caller's, aligned to the element; that of
 * a tensor without elements may be NULL. */
typedef struct @m_inputs {
@inputs} @m_inputs;

/* Where a run writes. The memory is the caller's, aligned to the element; it
 * overlaps neither the inputs nor the arena nor another output. A run keeps
 * other tensors there, too, and reads them, until it writes the results. */
typedef struct @m_outputs {
@outputs} @m_outputs;

/* Prepares a context. The arena stays in use as long as the context does;
 * between two runs its contents do not matter.
 *
 * arena        arena_bytes >= @M_ARENA_BYTES bytes, aligned to
 *              @M_ARENA_ALIGN
 * options      @meaning
 */
nncc_status @m_init(@m_context *context, void *arena, size_t arena_bytes,
    const nncc_options *options);

/* Runs the model once, on the calling thread. A refused run changes nothing. */
nncc_status @m_run(@m_context *context, const @m_inputs *inputs,
    @m_outputs *outputs);

/* Begins a run that @m_step carries out: for watchdogs and cooperative
 * schedulers. The pointers are copied; what they point to has to stay until
 * the last step, and until then the caller changes neither inputs nor
 * outputs. */
nncc_status @m_start(@m_context *context, const @m_inputs *inputs,
    @m_outputs *outputs);

/* Runs the next kernels, at most max_kernels of them. NNCC_MORE: call again.
 * NNCC_OK: the outputs are complete. */
nncc_status @m_step(@m_context *context, uint32_t max_kernels);

/* The same model behind the interface that all models share. */
extern const nncc_model @m_model;

#ifdef __cplusplus
}
#endif
#endif
)";

void writeHeader(const ModelPlan &plan, raw_ostream &os) {
  std::string upper = StringRef(plan.name).upper();
  const TemplateWord words[] = {
      {"version_of_abi", std::to_string(NNCC_ABI_VERSION)},
      {"version", NNCC_VERSION},
      {"target", commentText(plan.target)},
      {"cpu", commentText(plan.cpu)},
      {"choice", choiceText(plan)},
      {"needs", asksLibraryOfC(plan) ? ", getauxval" : ""},
      {"source", plan.sourceHash.empty() ? "unknown" : commentText(plan.sourceHash)},
      {"abi", publicAbi().str()},
      // An array of no elements is no C.
      {"arena_bytes", std::to_string(std::max<int64_t>(plan.arenaBytes, 1))},
      {"arena_align", std::to_string(plan.arenaAlign)},
      {"kernels", std::to_string(plan.numSteps())},
      {"stack", plan.stackBytes < 0
                    ? ""
                    : "/* Stack that a call uses at most, beside that of memcpy, memset, memmove (at\n"
                      " * their first call also of a dynamic linker that binds lazily) and on_kernel. */\n#define " +
                          upper + "_STACK_BYTES " + std::to_string(plan.stackBytes) + "\n"},
      {"options", plan.externWeights
                      ? " *   nncc_options options = {sizeof options};\n"
                        " *   options.weights = ...; // the contents of " +
                            weightsFileName(plan) + "\n *   options.weights_bytes = " + upper + "_WEIGHTS_BYTES;\n"
                      : ""},
      {"given", plan.externWeights ? "&options" : "NULL"},
      {"meaning", plan.externWeights ? "weights and weights_bytes are required" : "NULL = all defaults"},
      {"weights", textOf([&](raw_ostream &text) { writeWeightsMacros(plan, upper, text); })},
      {"elements", textOf([&](raw_ostream &text) {
         writeElementCounts(plan.inputs, upper + "_INPUT_", text);
         writeElementCounts(plan.outputs, upper + "_OUTPUT_", text);
       })},
      {"context_words", std::to_string(contextWords(plan))},
      {"inputs", textOf([&](raw_ostream &text) { writePorts(plan.inputs, "const ", text); })},
      {"outputs", textOf([&](raw_ostream &text) { writePorts(plan.outputs, "", text); })},
      {"m", plan.name},
      {"M", upper}};
  writeTemplate(headerText, words, os);
}

} // namespace nncc
