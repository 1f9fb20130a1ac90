/* GPUs for models that were compiled with --device=...: through Vulkan 1.1, on
 * Linux and Android. Link lib/nncc/TARGET/libnncc_vulkan.a (and -ldl -pthread,
 * where the C library is older than glibc 2.34). libvulkan.so is opened when the
 * program runs: a system without it runs everything on the CPU.
 *
 *   static nncc_vulkan vulkan;
 *   nncc_vulkan_create(&vulkan, NULL);
 *   puts(nncc_vulkan_message(&vulkan));       which GPU, or why there is none
 *   void *arena = nncc_vulkan_allocate(&vulkan, M_ARENA_BYTES);
 *   nncc_options options = {.size = sizeof options, .device = nncc_vulkan_device(&vulkan)};
 *   M_init(&context, arena, M_ARENA_BYTES, &options) ... M_run ...
 *   nncc_vulkan_destroy(&vulkan);
 *
 * The same program runs on the CPU where there is no GPU, where a driver lacks
 * what the model needs, and from the moment that it fails.
 *
 * An nncc_vulkan lies in the program's memory and takes none from a heap. Its
 * functions may be called from several threads, except create and destroy. */
#ifndef NNCC_VULKAN_H
#define NNCC_VULKAN_H
#include "nncc/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nncc_vulkan {
  uint64_t opaque[1024];
} nncc_vulkan;

/* The most memories that nncc_vulkan_allocate hands out at a time. */
#define NNCC_VULKAN_MAX_ALLOCATIONS 64

/* Where the time of consecutive kernels of the GPU went, in nanoseconds. */
typedef struct nncc_vulkan_times {
  uint32_t first_kernel, num_kernels;
  uint64_t give;   /* handing memory over: copies, and what caches need */
  uint64_t submit; /* from the submission until its end is known */
  uint64_t gpu;    /* of that, the GPU's work by its own time stamps; 0: it has none */
  uint64_t take;   /* taking memory back */
} nncc_vulkan_times;

/* Options of nncc_vulkan_create. Start from zero and set the size:
 *   nncc_vulkan_options options = {sizeof(nncc_vulkan_options)};
 * Pointers to Vulkan's objects are VkInstance, VkPhysicalDevice, VkDevice,
 * VkQueue and PFN_vkGetInstanceProcAddr, so that this file needs no other. */
typedef struct nncc_vulkan_options {
  uint32_t size; /* sizeof(nncc_vulkan_options) */
  /* 0: the first GPU that can compute. N: number N of all devices, from 1 on in
   * the order of vkEnumeratePhysicalDevices, also one that is software. */
  uint32_t device_number;
  /* The models that will run, for the optional features of a GPU that their
   * code can make use of. NULL: none, every model runs its basic code. */
  const nncc_model *const *models;
  uint64_t num_models;
  /* How long a submission may take. 0: 10,000 ms. */
  uint32_t timeout_ms;
  /* 1: the CPU is not wanted. M_init and M_run return NNCC_DEVICE_FAILED where
   * they would run on the CPU. */
  uint32_t gpu_only;
  /* NULL: that of libvulkan.so. */
  void (*(*get_instance_proc_addr)(void *instance, const char *name))(void);
  /* The program's own Vulkan 1.1 device and a queue of it that can compute; all
   * of them, or none. They stay the program's. The features that it enabled are
   * NNCC_GPU_* bits. */
  void *instance;
  void *physical_device;
  void *logical_device;
  void *queue;
  uint32_t queue_family;
  uint32_t reserved; /* 0 */
  uint64_t features;
  /* Called around every use of the queue, for programs that submit to it
   * themselves. NULL: a lock of nncc's. */
  void (*lock_queue)(void *user);
  void (*unlock_queue)(void *user);
  /* Compiled pipelines, kept by the program from one start to the next: in
   * nncc_vulkan_create it gives what it was last told to store, aligned to 8
   * bytes, or NULL; it stays until that function returns. What is damaged, or of
   * another GPU or driver, no driver sees. M_init stores when it compiled
   * anything that was not there. */
  const void *(*load_cache)(void *user, uint64_t *bytes);
  void (*store_cache)(void *user, const void *data, uint64_t bytes);
  /* M_init: `done` of `total` pipelines are compiled. Not 0: stop, M_init
   * returns NNCC_CANCELLED. */
  int (*on_progress)(void *user, uint32_t done, uint32_t total);
  /* A sentence, without a line break, whenever the CPU takes over. */
  void (*on_message)(void *user, const char *text);
  /* Handed to all of them. */
  void *user;
  /* M_run, M_step: after each submission, where its time went. NULL: nothing is
   * measured. */
  void (*on_times)(void *user, const nncc_vulkan_times *times);
} nncc_vulkan_options;

/* Finds a GPU.
 *
 * vulkan   stays where it is until it is destroyed
 * options  NULL = all defaults
 * returns  NNCC_OK; NNCC_DEVICE_FAILED: there is no GPU to use, everything runs
 *          on the CPU, and all functions below may be called as ever;
 *          NNCC_NULL_POINTER, NNCC_BAD_OPTIONS: there is nothing to destroy
 */
nncc_status nncc_vulkan_create(nncc_vulkan *vulkan, const nncc_vulkan_options *options);

/* Ends the use of all contexts (nncc_vulkan_release), frees all memory, and
 * closes what nncc_vulkan_create opened. No model may be running. */
void nncc_vulkan_destroy(nncc_vulkan *vulkan);

/* "Mali-G610 (Vulkan 1.3.278, driver 0x9400000)", or why there is no GPU. Never
 * NULL. */
const char *nncc_vulkan_message(const nncc_vulkan *vulkan);

/* For options.device of M_init; NULL if there is no GPU. */
nncc_device *nncc_vulkan_device(nncc_vulkan *vulkan);

/* Memory that CPU and GPU share, for arenas, inputs and outputs; from the
 * operating system if there is no GPU. Inputs and outputs that lie there, at
 * multiples of NNCC_VULKAN_ALIGN from its start, are used in place; others are
 * copied. One allocation may hold several.
 *
 * returns  aligned to a page; NULL: no memory, or more than
 *          NNCC_VULKAN_MAX_ALLOCATIONS
 */
void *nncc_vulkan_allocate(nncc_vulkan *vulkan, uint64_t bytes);
#define NNCC_VULKAN_ALIGN NNCC_DEVICE_OFFSET_ALIGN

/* Frees what nncc_vulkan_allocate gave; NULL is nothing. No initialized context
 * has it as its arena any more, and no model is running with it. */
void nncc_vulkan_free(nncc_vulkan *vulkan, void *memory);

/* Destroys what M_init made for a context, which is not initialized afterwards.
 * A context that this device never saw, or not any more, is none of its
 * business.
 *
 * context  M_context, not running
 */
void nncc_vulkan_release(nncc_vulkan *vulkan, void *context);

/* What happened so far, for tests and tools. */
typedef struct nncc_vulkan_counters {
  uint64_t models;      /* contexts whose kernels run on the GPU */
  uint64_t submissions; /* of all contexts */
  uint64_t copied;      /* bytes of inputs and outputs that were not in place */
  uint64_t failures;    /* runs and M_inits that the CPU took over, or that ended with a status */
  uint64_t memory;      /* bytes of the GPU's memory now: arenas, constants, inputs and outputs; not the driver's own */
} nncc_vulkan_counters;

nncc_vulkan_counters nncc_vulkan_count(nncc_vulkan *vulkan);

#ifdef __cplusplus
}
#endif
#endif
