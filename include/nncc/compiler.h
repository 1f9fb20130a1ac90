/* The compiler as a C library: what `nncc compile` does, called from a program.
 * find_package(nncc), then link the target nncc::compiler. */
#ifndef NNCC_COMPILER_H
#define NNCC_COMPILER_H
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define NNCC_COMPILER_API __attribute__((visibility("default")))
#else
#define NNCC_COMPILER_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum nncc_compile_status {
  NNCC_COMPILE_OK = 0,
  /* The model or an option is wrong; the messages say what. */
  NNCC_COMPILE_ERROR = 1,
  /* The options or a required member are NULL, or their size is unknown. */
  NNCC_COMPILE_BAD_ARGUMENT = 2,
  /* A mistake of nncc's own. */
  NNCC_COMPILE_INTERNAL_ERROR = 3
} nncc_compile_status;

typedef enum nncc_severity { NNCC_NOTE = 0, NNCC_WARNING = 1, NNCC_ERROR = 2 } nncc_severity;

/* Receives one diagnostic, without a line break at its end:
 *   "model.onnx: error: node 'conv1' (Conv, opset 13): ..."
 * The text lives until the function returns. */
typedef void (*nncc_message)(void *user, nncc_severity severity, const char *text);

/* Start from zero, set the size and what is required:
 *   nncc_compile_options options = {sizeof(nncc_compile_options)};
 * NULL and 0 stand for the default. Strings are UTF-8. */
typedef struct nncc_compile_options {
  uint32_t size; /* sizeof(nncc_compile_options) */
  /* 1: the debug information maps code to node names. */
  uint32_t debug_info;
  /* Required: path of the ONNX file. */
  const char *model;
  /* Required: made if it does not exist. */
  const char *output_directory;
  /* Prefix of every symbol. Default: the file name, made a C identifier. */
  const char *name;
  /* "aarch64-linux-gnu". Default: the machine that compiles, or Linux on one that
   * has `cpu`. */
  const char *target;
  /* "cortex-a76", or several, "cortex-a53,cortex-a76": M_init chooses. Default: the
   * target's baseline. */
  const char *cpu;
  /* "NAME=N": values of symbolic dims. */
  const char *const *dims;
  size_t num_dims;
  /* "INPUT=VALUE": inputs that become constants. */
  const char *const *binds;
  size_t num_binds;
  /* NULL: messages are dropped. */
  nncc_message on_message;
  void *user; /* handed to on_message */
  /* "NAME=u8,nhwc,mean=127.5,scale=0.0078125": how inputs lie in the program's
   * memory, as --input of `nncc compile`. */
  const char *const *inputs;
  size_t num_inputs;
  /* 1: the weights go to NAME.weights and not into the library. */
  uint32_t extern_weights;
  /* 1: libNAME.so instead of libNAME.a, for Linux and Android. */
  uint32_t shared_library;
  /* "NAME=nhwc": how outputs lie in the program's memory, as --output-layout of
   * `nncc compile`. */
  const char *const *output_layouts;
  size_t num_output_layouts;
  /* "NAME=1,3,640,640": shapes of inputs, as they lie in memory. */
  const char *const *shapes;
  size_t num_shapes;
  /* "OLD=NEW": other names for inputs and outputs. */
  const char *const *renames;
  size_t num_renames;
  /* A file that `nncc tune` wrote. */
  const char *tuning;
  /* "256kB", "10%": by how much the arena may grow for faster code. Default: not at
   * all. */
  const char *arena_slack;
  /* 1: little code rather than short times, as --optimize=size of `nncc compile`. */
  uint32_t optimize_for_size;
  /* Tensors that the model begins and ends with instead of its own inputs and
   * outputs, as --begin and --end of `nncc compile`. */
  const char *const *begin;
  size_t num_begin;
  const char *const *end;
  size_t num_end;
  /* "f32", "f16", "f16-arithmetic": how floats lie in memory, as --float of
   * `nncc compile`. Default: f32. */
  const char *float_format;
} nncc_compile_options;

/* Compiles a model to libNAME.a (libNAME.so, with shared_library), NAME.h and
 * NAME.json (and NAME.weights, with extern_weights) in the output directory: all
 * files, or none unless the result is NNCC_COMPILE_OK. May be called from several
 * threads at once. */
NNCC_COMPILER_API nncc_compile_status nncc_compile(const nncc_compile_options *options);

/* What `cpu` is the best for the machine that calls: "x86-64-v4". The text lives
 * as long as the program; NULL where nncc has no target for this machine. */
NNCC_COMPILER_API const char *nncc_host_cpu(void);

/* "0.1.0" */
NNCC_COMPILER_API const char *nncc_version(void);

#ifdef __cplusplus
}
#endif
#endif
