/* The contract between libraries that nncc generates and the programs that call
 * them: status codes, options, tables. Every generated header carries the text
 * between the two [public] marks, so that it needs no file of nncc. */
#ifndef NNCC_ABI_FILE_H
#define NNCC_ABI_FILE_H
/* [public begin] */
#ifndef NNCC_ABI_VERSION
#define NNCC_ABI_VERSION 1

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What every function returns. The numbers are stable; nncc_status_string() of
 * the runtime archive puts them into words. */
typedef enum nncc_status {
  NNCC_OK = 0,
  /* M_step: kernels are left, call again. */
  NNCC_MORE = 1,
  /* A required pointer is NULL. */
  NNCC_NULL_POINTER = 2,
  /* arena_bytes < M_ARENA_BYTES. */
  NNCC_ARENA_TOO_SMALL = 3,
  /* The arena's address is not a multiple of M_ARENA_ALIGN. */
  NNCC_ARENA_MISALIGNED = 4,
  /* options->size is unknown, or an option is set that this library does not
   * know. */
  NNCC_BAD_OPTIONS = 5,
  /* The code needs a CPU feature that options->cpu_features lacks. */
  NNCC_CPU_UNSUPPORTED = 6,
  /* The context was not initialized by M_init of this model. */
  NNCC_NOT_INITIALIZED = 7,
  /* M_step without a successful M_start, or after the last kernel. */
  NNCC_NOT_STARTED = 8,
  /* An input or output is not aligned to its element. */
  NNCC_POINTER_MISALIGNED = 9,
  /* An output overlaps another output, an input or the arena, or an input
   * overlaps the arena. */
  NNCC_POINTERS_OVERLAP = 10,
  /* M_init of a library whose weights lie outside (--weights=extern):
   * options->weights is NULL. */
  NNCC_WEIGHTS_MISSING = 11,
  /* options->weights is not a multiple of M_WEIGHTS_ALIGN. */
  NNCC_WEIGHTS_MISALIGNED = 12,
  /* options->weights_bytes < M_WEIGHTS_BYTES. */
  NNCC_WEIGHTS_TRUNCATED = 13,
  /* What lies there is no weights file, or one of other code. */
  NNCC_WEIGHTS_OF_ANOTHER_MODEL = 14,
  /* The weights are not those that were written: their hash differs. */
  NNCC_WEIGHTS_CORRUPT = 15,
  /* The arena is no memory that options->device allocated. */
  NNCC_ARENA_NOT_OF_DEVICE = 16,
  /* The device cannot run this model, or failed while it did, and the program
   * wants no answer of the CPU. */
  NNCC_DEVICE_FAILED = 17,
  /* The device was lost, and with it an input that lay in its memory. Written
   * again, the CPU computes with it. */
  NNCC_DEVICE_LOST = 18,
  /* The device did not finish in time, and may yet write to arena and outputs.
   * M_init makes the context usable again. */
  NNCC_DEVICE_HUNG = 19,
  /* M_init: the program's callback of progress said so. */
  NNCC_CANCELLED = 20
} nncc_status;

/* Element types. The elements of a tensor lie in row-major order, no gaps. */
typedef enum nncc_type {
  NNCC_F32 = 1,  /* float */
  NNCC_F16 = 2,  /* uint16_t, the bits of an IEEE binary16 */
  NNCC_BF16 = 3, /* uint16_t, the upper half of a float */
  NNCC_F64 = 4,  /* double */
  NNCC_BOOL = 5, /* uint8_t; read: 0 is false, all else is true; written: 0 or 1 */
  NNCC_I8 = 6,
  NNCC_I16 = 7,
  NNCC_I32 = 8,
  NNCC_I64 = 9,
  NNCC_U8 = 10,
  NNCC_U16 = 11,
  NNCC_U32 = 12,
  NNCC_U64 = 13
} nncc_type;

/* Bits of cpu_features: 0 to 31 are Arm's (by the names of the Arm ARM), 32 to
 * 63 are x86's (levels: x86-64 psABI, table 3.1). */
#define NNCC_CPU_ARM_NEON (UINT64_C(1) << 0)
#define NNCC_CPU_ARM_FP16 (UINT64_C(1) << 1)
#define NNCC_CPU_ARM_DOTPROD (UINT64_C(1) << 2)
#define NNCC_CPU_ARM_I8MM (UINT64_C(1) << 3)
#define NNCC_CPU_ARM_BF16 (UINT64_C(1) << 4)
#define NNCC_CPU_ARM_LSE (UINT64_C(1) << 5)
#define NNCC_CPU_ARM_RDM (UINT64_C(1) << 6)
#define NNCC_CPU_ARM_SVE (UINT64_C(1) << 7)
#define NNCC_CPU_ARM_SVE2 (UINT64_C(1) << 8)
#define NNCC_CPU_X86_64_V2 (UINT64_C(1) << 32)
#define NNCC_CPU_X86_64_V3 (UINT64_C(1) << 33)
#define NNCC_CPU_X86_64_V4 (UINT64_C(1) << 34)
#define NNCC_CPU_X86_AVX512_VNNI (UINT64_C(1) << 35)
#define NNCC_CPU_X86_AVX_VNNI (UINT64_C(1) << 36)
#define NNCC_CPU_X86_AVX512_BF16 (UINT64_C(1) << 37)
#define NNCC_CPU_X86_AVX512_FP16 (UINT64_C(1) << 38)

/* Runs body(argument, i) for every i in [0, count), in any order, on any
 * threads, and returns when all have returned and what they wrote is visible
 * to the caller. The body needs M_STACK_BYTES of the stack that it is called on
 * and calls nothing of the program. A program that wants threads supplies one,
 * or takes nncc_pool_parallel_for of nncc/pool.h; results are the same bits
 * with any. */
typedef void (*nncc_parallel_for)(void *user, uint32_t count, void (*body)(void *argument, uint32_t i), void *argument);

/* Called before (begin = 1) and after (begin = 0) every kernel, on the thread
 * that called M_run or M_step. */
typedef void (*nncc_on_kernel)(void *user, uint32_t kernel, int begin);

/* Runs kernels of a model that was compiled for such a device (--device=...):
 * nncc_vulkan_device() of nncc/vulkan.h gives one. */
typedef struct nncc_device nncc_device;

/* The code and tables of such a model: nncc/abi.h has its members. */
typedef struct nncc_device_program nncc_device_program;

/* Options of M_init. Start from zero and set the size:
 *   nncc_options options = {sizeof(nncc_options)};
 * Later versions append fields. A library reads 0 for what the program does not
 * know yet, and refuses a field that it does not know itself unless it is 0. */
typedef struct nncc_options {
  uint32_t size; /* sizeof(nncc_options) */
  /* Greatest number of parts to give parallel_for; 0 and 1: no parts. Kernels
   * with little work get fewer parts or none. More parts than threads even out
   * cores of different speed. */
  uint32_t threads;
  /* NULL: everything runs on the calling thread. */
  nncc_parallel_for parallel_for;
  /* NULL: no one is told. */
  nncc_on_kernel on_kernel;
  /* Handed to both of them. */
  void *user;
  /* What nncc_cpu_features() said. 0: trust that the CPU is what the model was
   * compiled for; of several CPUs, ask the machine. */
  uint64_t cpu_features;
  /* --weights=extern: the contents of M.weights, aligned to M_WEIGHTS_ALIGN,
   * read as long as the context is in use. NULL for every other library. */
  const void *weights;
  /* How many bytes may be read there, M_WEIGHTS_BYTES at least. */
  uint64_t weights_bytes;
  /* 0: M_init reads all weights and compares their hash with the one in the
   * file. 1: it reads the file's first 64 bytes alone. */
  uint64_t trust_weights;
  /* NULL: the CPU runs all kernels. Otherwise those that were compiled for this
   * kind of device run there, and the arena has to be memory that it allocated.
   * It stays in use until the device releases the context. A model without such
   * kernels takes any arena and does not look at it. */
  nncc_device *device;
  /* A library with code for several CPUs (--cpu=A,B): the name of the one whose
   * code runs, "cortex-a76". NULL: the best whose features are all there, by
   * cpu_features, or where that is 0 by what the machine says; on bare metal the
   * one with the fewest. Other libraries refuse a name. */
  const char *cpu;
} nncc_options;

/* The first bytes of M.weights; the weights follow. A program that wants those
 * weights alone that its header was made with compares hash with M_WEIGHTS_HASH. */
typedef struct nncc_weights_header {
  char magic[8];        /* "nnccwts1" */
  uint64_t bytes;       /* of the file: M_WEIGHTS_BYTES */
  uint64_t layout;      /* M_WEIGHTS_LAYOUT: the same for all weights that fit the code */
  uint64_t hash;        /* XXH64, seed 0, of all that follows this header */
  uint64_t reserved[4]; /* 0 */
} nncc_weights_header;

/* An input or output, as the caller sees it. */
typedef struct nncc_tensor {
  const char *name;       /* in the ONNX model */
  const char *identifier; /* member of M_inputs or M_outputs */
  const int64_t *dims;    /* rank of them; NULL for a scalar */
  uint32_t rank;
  uint32_t type; /* nncc_type */
  uint64_t bytes;
} nncc_tensor;

/* One step of M_step, one pair of calls of on_kernel. */
typedef struct nncc_kernel {
  const char *name; /* "k017_conv1" */
  const char *op;   /* "conv2d" */
  uint64_t macs;    /* multiply-accumulates */
} nncc_kernel;

/* The code for one of the CPUs of a library that has several. */
typedef struct nncc_variant {
  const char *cpu;       /* "cortex-a76" */
  uint64_t cpu_required; /* NNCC_CPU_* bits that it makes use of */
  uint64_t arena_bytes;  /* what it needs; nncc_model.arena_bytes is enough for all */
  uint32_t num_kernels;
  uint32_t reserved;
  const nncc_kernel *kernels;
} nncc_variant;

/* Any model behind one interface: M_model. The arrays inputs and outputs hold
 * one pointer for each tensor, in the order of the tables. */
typedef struct nncc_model {
  uint32_t abi_version; /* NNCC_ABI_VERSION of the compiler that made it */
  uint32_t size;        /* sizeof(nncc_model) there; later versions append */
  const char *name;
  const char *target; /* "aarch64-linux-gnu" */
  const char *cpu;    /* "cortex-a76"; of several: "cortex-a76,cortex-a53" */
  uint64_t arena_bytes;
  uint64_t arena_align;
  uint64_t context_bytes; /* of M_context; align it like uint64_t */
  uint64_t weights_bytes;
  uint64_t cpu_required; /* NNCC_CPU_* bits that the code makes use of; of several CPUs: those that all have */
  uint32_t num_inputs;
  uint32_t num_outputs;
  uint32_t num_kernels;  /* of several CPUs: of the one that has most, as is `kernels` */
  uint32_t num_variants; /* 0: code for one CPU */
  const nncc_tensor *inputs;
  const nncc_tensor *outputs;
  const nncc_kernel *kernels;
  nncc_status (*init)(void *context, void *arena, size_t arena_bytes, const nncc_options *options);
  nncc_status (*run)(void *context, const void *const *inputs, void *const *outputs);
  nncc_status (*start)(void *context, const void *const *inputs, void *const *outputs);
  nncc_status (*step)(void *context, uint32_t max_kernels);
  uint64_t weights_file_bytes; /* what options->weights has to point to; 0: the weights are in the library */
  /* What options->device runs; NULL: all kernels are the CPU's. Of several CPUs
   * each has its own: this is one, which names the features of all. */
  const nncc_device_program *device_program;
  const nncc_variant *variants; /* the first whose features are there is taken */
  /* NULL without variants. Number of the one that M_init chose for a context;
   * num_variants: it is not initialized. */
  uint32_t (*variant)(const void *context);
} nncc_model;

#ifdef __cplusplus
}
#endif
#endif /* NNCC_ABI_VERSION */
/* [public end] */

#if NNCC_ABI_VERSION != 1
#error "a header generated for another nncc ABI came before nncc/abi.h"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The device half of the ABI: what a library compiled with --device tells the
 * device that runs it. Program and device may be of different versions, so all
 * of this only grows at its end, and nncc_device_program.kind says what kind of
 * code it is.
 *
 * Every kernel has code for the CPU as well. Which of them the device runs is
 * the compiler's choice, once for all; a run may leave any of them to the CPU. */

/* Kinds of programs. SPIR-V: modules for Vulkan 1.1, one entry point `main`
 * each, that read and write storage buffers of descriptor set 0. */
#define NNCC_PROGRAM_SPIRV 1

/* Features of a GPU that a variant may need, beyond SPIR-V's capability Shader:
 * Vulkan's name, and the capability that it stands for. */
#define NNCC_GPU_FLOAT16 (UINT64_C(1) << 0)     /* shaderFloat16: Float16 */
#define NNCC_GPU_STORAGE16 (UINT64_C(1) << 1)   /* storageBuffer16BitAccess: StorageBuffer16BitAccess */
#define NNCC_GPU_INT16 (UINT64_C(1) << 2)       /* shaderInt16: Int16 */
#define NNCC_GPU_INT8 (UINT64_C(1) << 3)        /* shaderInt8: Int8 */
#define NNCC_GPU_STORAGE8 (UINT64_C(1) << 4)    /* storageBuffer8BitAccess: StorageBuffer8BitAccess */
#define NNCC_GPU_INT64 (UINT64_C(1) << 5)       /* shaderInt64: Int64 */
#define NNCC_GPU_DOT_PRODUCT (UINT64_C(1) << 6) /* shaderIntegerDotProduct: DotProduct*KHR */

/* Where a binding lies. Arena, every input and every output are memories of
 * their own. Constants are one memory, filled when the model is opened. */
#define NNCC_DEVICE_ARENA 0
#define NNCC_DEVICE_CONSTANTS 1
#define NNCC_DEVICE_INPUT 2
#define NNCC_DEVICE_OUTPUT 3
/* In `give`: an output that no kernel reads, and no CPU kernel writes. It is handed over, but its contents
 * need not be copied. */
#define NNCC_DEVICE_FRESH_OUTPUT 4

/* Bytes [byte_offset, byte_offset + bytes) of a memory. */
typedef struct nncc_device_range {
  uint32_t memory; /* NNCC_DEVICE_ARENA ... */
  uint32_t index;  /* which input or output; else 0 */
  uint64_t byte_offset;
  uint64_t bytes;
} nncc_device_range;

/* One form of a function. */
typedef struct nncc_device_variant {
  uint64_t features;   /* NNCC_GPU_* bits that it needs, all of them */
  uint32_t first_word; /* of its module in nncc_device_program.words */
  uint32_t num_words;
} nncc_device_variant;

/* A function: one pipeline of the device, whatever number of kernels share it. */
typedef struct nncc_device_function {
  uint32_t first_variant; /* best first; the first whose features are there is taken */
  uint32_t num_variants;
  uint32_t num_bindings;       /* at most NNCC_DEVICE_MAX_BINDINGS: binding 0, 1, ... of set 0 */
  uint32_t num_push_constants; /* words of 32 bits, at most NNCC_DEVICE_MAX_PUSH_CONSTANTS */
} nncc_device_function;

/* What every Vulkan device has: VkPhysicalDeviceLimits, "Required Limits". */
#define NNCC_DEVICE_MAX_BINDINGS 4
#define NNCC_DEVICE_MAX_PUSH_CONSTANTS 32
/* The largest minStorageBufferOffsetAlignment there is: bindings begin at
 * multiples of this. */
#define NNCC_DEVICE_OFFSET_ALIGN 256

/* One call of a function. */
typedef struct nncc_device_dispatch {
  uint32_t function;
  uint32_t flags;               /* NNCC_DISPATCH_* bits */
  uint32_t groups[3];           /* workgroups, at most 65535 each */
  uint32_t first_binding;       /* in nncc_device_program.bindings, as many as the function has */
  uint32_t first_push_constant; /* in nncc_device_program.push_constants, likewise */
  uint32_t first_group;         /* NNCC_DISPATCH_PART_*: where it begins; else 0 */
} nncc_device_dispatch;

/* What earlier dispatches of the same segment write is complete and visible,
 * and what they read is read, before this dispatch begins. Not needed by the
 * first of a segment. */
#define NNCC_DISPATCH_BARRIER 1u
/* A kernel that would take long is several dispatches, of workgroups beside each
 * other, with no barrier between them. This one begins at workgroup first_group
 * in x or in y. */
#define NNCC_DISPATCH_PART_X 2u
#define NNCC_DISPATCH_PART_Y 4u
/* No dispatch and no kernel of the CPU reads what it writes: who looks in between
 * may. It is left out where several kernels are submitted as one. */
#define NNCC_DISPATCH_UNREAD 8u

/* Consecutive kernels of the device, no CPU kernel between them: submitted as
 * one, where nobody looks in between.
 *
 * The CPU hands over memory before it, and takes it back behind it. `give` are
 * the ranges that the device reads or writes and that the CPU may have in its
 * caches: those that CPU kernels, or of ports the program, touched since the
 * device had them last, and all of `take`; before the first segment the device
 * takes all of the arena over by itself. `take` are those that the device writes, save
 * what no CPU kernel and not the program touches before the device writes it
 * again, nor anything in the same NNCC_DEVICE_OFFSET_ALIGN bytes: caches know
 * lines, not tensors. More than that is right, too.
 * Of a port that does not lie in the device's memory the `give` ranges are
 * copied there and the `take` ranges copied back: so outputs are in `take` to
 * the byte, and an input is in `give` of the first segment that reads it. */
typedef struct nncc_device_segment {
  uint32_t first_kernel;
  uint32_t num_kernels;
  uint32_t first_range; /* in nncc_device_program.ranges: num_give of them, then num_take */
  uint32_t num_give;
  uint32_t num_take;
  uint32_t reserved; /* 0 */
} nncc_device_segment;

/* A piece of the memory of constants, and where it comes from. */
typedef struct nncc_device_upload {
  uint32_t is_table; /* 0: from the weights; 1: from nncc_device_program.tables */
  uint32_t reserved; /* 0 */
  uint64_t source_offset;
  uint64_t byte_offset; /* in the memory of constants */
  uint64_t bytes;
} nncc_device_upload;

struct nncc_device_program {
  uint32_t size;         /* sizeof(nncc_device_program) of the compiler that made it */
  uint32_t kind;         /* NNCC_PROGRAM_SPIRV */
  uint64_t features;     /* NNCC_GPU_* bits that some variant can make use of */
  const uint32_t *words; /* all modules: section .rodata.nncc.M.spirv */
  const void *weights;   /* in the library; NULL: they lie outside, the core knows where */
  const void *tables;    /* constants that device code alone reads; may be NULL */
  uint64_t constants_bytes;
  uint32_t num_uploads;
  uint32_t num_functions;
  uint32_t num_variants;
  uint32_t num_dispatches;
  uint32_t num_bindings;
  uint32_t num_push_constants;
  uint32_t num_segments;
  uint32_t num_ranges;
  const nncc_device_upload *uploads;
  const nncc_device_function *functions;
  const nncc_device_variant *variants;
  const nncc_device_dispatch *dispatches; /* in the order of kernels */
  const nncc_device_range *bindings;
  const uint32_t *push_constants;
  const nncc_device_segment *segments; /* in the order of kernels; every kernel of the device is in one */
  const nncc_device_range *ranges;
  /* num_kernels + 1 numbers: kernel k is the device's and has the dispatches
   * [first_dispatch[k], first_dispatch[k + 1]); the CPU's, if there is none. */
  const uint32_t *first_dispatch;
};

/* An input or output. */
typedef struct nncc_port {
  uint64_t bytes;
  uint64_t align; /* of one element, a power of two */
} nncc_port;

/* What a device is told of a model that it opens. The tables outlive it. */
typedef struct nncc_device_model {
  uint32_t size; /* sizeof(nncc_device_model) */
  uint32_t num_kernels;
  const nncc_device_program *program;
  void *context; /* M_context, by which the program names the model; its first word is zeroed at release */
  void *arena;
  uint64_t arena_bytes;
  const void *weights;    /* wherever they lie */
  const nncc_port *ports; /* the inputs, then the outputs */
  uint32_t num_inputs;
  uint32_t num_outputs;
  uint32_t state_words; /* of 64 bits: NNCC_DEVICE_STATE_WORDS of the program */
  uint32_t reserved;    /* 0 */
} nncc_device_model;

/* Words of M_context that a device keeps its handles in: it has no heap. */
#define NNCC_DEVICE_STATE_WORDS(functions, dispatches, segments, ports)                                                \
  (64 + (functions) + (dispatches) + (segments) + 4 * (ports))

/* A device. The core of a library calls it, on the threads that call M_init,
 * M_run and M_step; models of several threads may share one. Both functions
 * return NNCC_OK, or NNCC_MORE: the CPU has to do it, or a status for the
 * program. */
struct nncc_device {
  uint32_t size; /* sizeof(nncc_device) */
  uint32_t reserved;
  /* M_init. `state` is uninitialized, or still in use by an earlier open of the
   * same context, which ends here. It stays where it is until the device
   * releases the context. */
  nncc_status (*open)(nncc_device *device, const nncc_device_model *model, uint64_t *state);
  /* Runs kernels [first, first + count) of one segment: all of it, or less where
   * somebody looks in between. What a program may do between two steps: read
   * arena and ports.
   *
   * ports       inputs, then outputs, checked
   * is_watched  1: behind these kernels all memory is the CPU's to look at
   * returns     NNCC_MORE: nothing runs any more and the inputs are what they
   *             were; the arena may be anything. The core begins again, on the CPU */
  nncc_status (*run)(nncc_device *device, uint64_t *state, const void *const *ports, uint32_t first, uint32_t count,
                     uint32_t is_watched);
};

/* Inside a library: what the generic core (runtime/model) knows of its model.
 * codegen/emit writes one, constant and internal. It is no part of the ABI,
 * since both sides come out of the same compiler. Pointers are 8 bytes. */
typedef struct nncc_model_desc {
  uint64_t arena_bytes;
  uint64_t arena_align; /* a power of two */
  uint64_t cpu_required;
  uint32_t num_inputs;
  uint32_t num_outputs;
  uint32_t num_kernels;
  uint32_t reserved;
  const nncc_port *ports;      /* the inputs, then the outputs */
  uint64_t weights_file_bytes; /* of M.weights, a multiple of 64 */
  uint64_t weights_layout;     /* as in its header */
  /* Into how many parts each kernel may be cut at most, 1 for those that stay
   * whole; NULL: all do. */
  const uint32_t *parts;
  const nncc_device_program *device_program; /* NULL: all kernels are the CPU's */
} nncc_model_desc;

/* One CPU of a library that has code for several. */
typedef struct nncc_variant_desc {
  const char *cpu;
  uint32_t first_kernel; /* number of its kernel 0 in the dispatcher, which has the kernels of all */
  uint32_t reserved;
  nncc_model_desc model;
} nncc_variant_desc;

/* All of them, the one with most features first. */
typedef struct nncc_variants_desc {
  uint32_t num_variants;
  uint32_t asks_machine; /* 0: nncc_cpu_features() knows nothing */
  const nncc_variant_desc *variants;
} nncc_variants_desc;

#define NNCC_WEIGHTS_MAGIC "nnccwts1"
#define NNCC_WEIGHTS_ALIGN 64

/* Words of M_context before the pointers that a run keeps there. */
#define NNCC_CONTEXT_FIXED_WORDS 8
/* Behind these pointers, where a model has kernels of a device: the core's own
 * words, then NNCC_DEVICE_STATE_WORDS. */
#define NNCC_CONTEXT_DEVICE_WORDS 2

#ifdef __cplusplus
}
#endif
#endif
