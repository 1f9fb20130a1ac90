/* What the files of the Vulkan half share: the contents of nncc_vulkan, and of
 * the words of M_context that a model's handles lie in. */
#ifndef NNCC_RUNTIME_VULKAN_STATE_H
#define NNCC_RUNTIME_VULKAN_STATE_H
#include "nncc/vulkan.h"
#include "runtime/vulkan/system.h"
#include <stdatomic.h>
#define VK_NO_PROTOTYPES
#include <vulkan/vulkan_core.h>

#define HIDDEN __attribute__((visibility("hidden")))

/* Functions of Vulkan 1.1, found by name. */
#define NNCC_VK_INSTANCE_FUNCTIONS(X)                                                                                  \
  X(vkDestroyInstance)                                                                                                 \
  X(vkEnumeratePhysicalDevices)                                                                                        \
  X(vkGetPhysicalDeviceProperties2)                                                                                    \
  X(vkGetPhysicalDeviceQueueFamilyProperties)                                                                          \
  X(vkGetPhysicalDeviceMemoryProperties)                                                                               \
  X(vkGetPhysicalDeviceFeatures2)                                                                                      \
  X(vkEnumerateDeviceExtensionProperties)                                                                              \
  X(vkCreateDevice)                                                                                                    \
  X(vkGetDeviceProcAddr)
#define NNCC_VK_DEVICE_FUNCTIONS(X)                                                                                    \
  X(vkDestroyDevice)                                                                                                   \
  X(vkGetDeviceQueue)                                                                                                  \
  X(vkCreateBuffer)                                                                                                    \
  X(vkDestroyBuffer)                                                                                                   \
  X(vkGetBufferMemoryRequirements)                                                                                     \
  X(vkAllocateMemory)                                                                                                  \
  X(vkFreeMemory)                                                                                                      \
  X(vkBindBufferMemory)                                                                                                \
  X(vkMapMemory)                                                                                                       \
  X(vkFlushMappedMemoryRanges)                                                                                         \
  X(vkInvalidateMappedMemoryRanges)                                                                                    \
  X(vkCreateDescriptorSetLayout)                                                                                       \
  X(vkDestroyDescriptorSetLayout)                                                                                      \
  X(vkCreatePipelineLayout)                                                                                            \
  X(vkDestroyPipelineLayout)                                                                                           \
  X(vkCreatePipelineCache)                                                                                             \
  X(vkDestroyPipelineCache)                                                                                            \
  X(vkGetPipelineCacheData)                                                                                            \
  X(vkCreateShaderModule)                                                                                              \
  X(vkDestroyShaderModule)                                                                                             \
  X(vkCreateComputePipelines)                                                                                          \
  X(vkDestroyPipeline)                                                                                                 \
  X(vkCreateDescriptorPool)                                                                                            \
  X(vkDestroyDescriptorPool)                                                                                           \
  X(vkAllocateDescriptorSets)                                                                                          \
  X(vkUpdateDescriptorSets)                                                                                            \
  X(vkCreateCommandPool)                                                                                               \
  X(vkDestroyCommandPool)                                                                                              \
  X(vkResetCommandPool)                                                                                                \
  X(vkAllocateCommandBuffers)                                                                                          \
  X(vkBeginCommandBuffer)                                                                                              \
  X(vkEndCommandBuffer)                                                                                                \
  X(vkCmdBindPipeline)                                                                                                 \
  X(vkCmdBindDescriptorSets)                                                                                           \
  X(vkCmdPushConstants)                                                                                                \
  X(vkCmdPipelineBarrier)                                                                                              \
  X(vkCmdDispatch)                                                                                                     \
  X(vkCmdDispatchBase)                                                                                                 \
  X(vkCreateQueryPool)                                                                                                 \
  X(vkDestroyQueryPool)                                                                                                \
  X(vkCmdResetQueryPool)                                                                                               \
  X(vkCmdWriteTimestamp)                                                                                               \
  X(vkGetQueryPoolResults)                                                                                             \
  X(vkCreateFence)                                                                                                     \
  X(vkDestroyFence)                                                                                                    \
  X(vkResetFences)                                                                                                     \
  X(vkWaitForFences)                                                                                                   \
  X(vkQueueSubmit)

typedef struct vk_functions {
#define NNCC_VK_MEMBER(name) PFN_##name name;
  NNCC_VK_INSTANCE_FUNCTIONS(NNCC_VK_MEMBER)
  NNCC_VK_DEVICE_FUNCTIONS(NNCC_VK_MEMBER)
#undef NNCC_VK_MEMBER
} vk_functions;

/* A buffer that has a memory of its own, mapped as long as it lives. Without a
 * device it is the operating system's, and both handles are 0. */
typedef struct vk_allocation {
  VkDeviceMemory memory;
  VkBuffer buffer;
  uint8_t *address; /* NULL: none */
  uint64_t bytes;   /* of the buffer, a multiple of ALLOCATION_ALIGN */
  uint64_t memory_bytes;
} vk_allocation;

/* The largest nonCoherentAtomSize there is: ranges rounded to it stay within. */
#define ALLOCATION_ALIGN 256

struct vk_model;

/* The contents of nncc_vulkan. */
typedef struct vk_state {
  nncc_device device; /* first: options.device points here */
  nncc_vulkan_options options;
  vk_functions vk;
  void *library; /* what dlopen gave */
  VkInstance instance;
  VkPhysicalDevice physical_device;
  VkDevice logical_device; /* 0: there is no GPU */
  VkQueue queue;
  VkDescriptorSetLayout set_layout; /* NNCC_DEVICE_MAX_BINDINGS storage buffers: all functions use it */
  VkPipelineLayout pipeline_layout;
  VkPipelineCache cache;
  uint64_t stored_bytes; /* of the cache, in the program's hands */
  uint64_t features;     /* NNCC_GPU_* bits that are enabled */
  uint64_t offset_align; /* minStorageBufferOffsetAlignment */
  uint64_t atom;         /* nonCoherentAtomSize */
  uint64_t max_range;    /* maxStorageBufferRange */
  uint32_t queue_family;
  uint32_t timestamp_bits;   /* that count, of the queue; 0: it has no time stamps */
  float timestamp_period;    /* nanoseconds */
  uint32_t instance_version; /* no feature is newer */
  VkPhysicalDeviceMemoryProperties memories;
  /* Who the cache belongs to. */
  uint32_t vendor_id, device_id, driver_version, api_version;
  uint8_t cache_uuid[VK_UUID_SIZE], driver_uuid[VK_UUID_SIZE], device_uuid[VK_UUID_SIZE];
  pthread_mutex_t mutex;       /* of allocations, models and the cache's storage */
  pthread_mutex_t queue_mutex; /* where the program has no lock of its own */
  struct vk_model *models;     /* list of those that are open */
  vk_allocation allocations[NNCC_VULKAN_MAX_ALLOCATIONS];
  _Atomic uint64_t generation; /* counts changes of allocations: addresses may come back with other handles */
  _Atomic uint64_t submissions, copied, failures, num_models, memory_bytes;
  _Atomic uint32_t is_lost;
  _Atomic uint32_t needs_flush; /* some memory that CPU and GPU share is not coherent */
  char message[256 + 64];
} vk_state;

_Static_assert(sizeof(vk_state) <= sizeof(nncc_vulkan), "nncc/vulkan.h says how large it is");

/* An input or output, where the GPU sees it. */
typedef struct vk_port {
  const void *address; /* that it was bound for */
  VkBuffer buffer;
  VkDeviceMemory memory; /* 0: its place in the model's own memory of ports, to and from which is copied */
  uint64_t offset : 63;
  uint64_t is_used : 1; /* some kernel of the device has it */
} vk_port;

/* The words of M_context: this, then the arrays. */
typedef struct vk_model {
  struct vk_model *next;
  nncc_device_model model;
  VkBuffer arena_buffer;
  VkDeviceMemory arena_memory;
  uint64_t arena_offset;
  vk_allocation constants;
  vk_allocation staging; /* for ports that do not lie in memory of the device; made when one comes */
  VkDescriptorPool descriptor_pool;
  VkCommandPool command_pool;
  VkFence fence;
  VkCommandBuffer part; /* of a segment, recorded when it is run */
  VkQueryPool times;    /* begin and end of a submission; 0: not measured */
  uint64_t generation;
  uint32_t is_recorded;
  uint32_t is_signaled;      /* the fence */
  uint32_t is_pending;       /* a submission that was not seen to end */
  uint32_t knows_loss;       /* of the device */
  VkPipeline *pipelines;     /* one for each function */
  VkDescriptorSet *sets;     /* one for each dispatch */
  VkCommandBuffer *commands; /* one for each segment */
  vk_port *ports;
} vk_model;

_Static_assert(sizeof(vk_model) <= 64 * sizeof(uint64_t) && sizeof(vk_port) == 4 * sizeof(uint64_t),
               "NNCC_DEVICE_STATE_WORDS of nncc/abi.h says so");

/* device.c: a sentence for the program, of two parts and what Vulkan said. */
HIDDEN void nncc_vulkan_say(const vk_state *vulkan, const char *subject, const char *text, VkResult result);
HIDDEN void nncc_vulkan_lock(vk_state *vulkan);
HIDDEN void nncc_vulkan_unlock(vk_state *vulkan);

/* features.c: enables NNCC_GPU_* bits, as far as they are wanted, offered and not known to be wrong.
 *
 * wanted   bits that models can make use of
 * next     gets the chain for VkDeviceCreateInfo.pNext
 * names    gets names of extensions that they need, at most 4
 */
typedef struct vk_feature_chain {
  VkPhysicalDeviceFeatures2 basic;
  VkPhysicalDevice16BitStorageFeatures storage16;
  VkPhysicalDevice8BitStorageFeatures storage8;
  VkPhysicalDeviceShaderFloat16Int8Features float16_int8;
  VkPhysicalDeviceShaderIntegerDotProductFeatures dot_product;
  const char *names[4];
  uint32_t num_names;
} vk_feature_chain;
HIDDEN uint64_t nncc_vulkan_features(vk_state *vulkan, VkPhysicalDevice device, uint64_t wanted,
                                     vk_feature_chain *chain);
/* Why a GPU is not to be used at all, or NULL. */
HIDDEN const char *nncc_vulkan_refuse(const VkPhysicalDeviceProperties *properties);

/* memory.c */
typedef enum vk_use { USE_SHARED, USE_CONSTANTS } vk_use;
HIDDEN VkResult nncc_vulkan_map(vk_state *vulkan, vk_use use, uint64_t bytes, vk_allocation *allocation);
/* Memory of the operating system. */
HIDDEN VkResult nncc_vulkan_map_system(uint64_t bytes, vk_allocation *allocation);
HIDDEN void nncc_vulkan_unmap(vk_state *vulkan, vk_allocation *allocation);
typedef enum vk_place { PLACE_ELSEWHERE, PLACE_UNBINDABLE, PLACE_BINDABLE } vk_place;
/* Whether an allocation holds an address, and all of `bytes` from a place on that
 * a binding may begin at. Copies it out, since others may come and go. */
HIDDEN vk_place nncc_vulkan_find(vk_state *vulkan, const void *address, uint64_t bytes, vk_allocation *allocation);

/* cache.c */
HIDDEN void nncc_vulkan_open_cache(vk_state *vulkan);
HIDDEN void nncc_vulkan_save_cache(vk_state *vulkan);

/* model.c */
HIDDEN nncc_status nncc_vulkan_open_model(nncc_device *device, const nncc_device_model *model, uint64_t *words);
HIDDEN void nncc_vulkan_close_model(vk_state *vulkan, vk_model *model);

/* record.c: binds ports and records the segments, where anything has moved. */
HIDDEN VkResult nncc_vulkan_record(vk_state *vulkan, vk_model *model, const void *const *ports);
/* Kernels [first, first + count). Nobody looks in between several of them. */
HIDDEN VkResult nncc_vulkan_record_part(vk_state *vulkan, vk_model *model, VkCommandBuffer commands, uint32_t first,
                                        uint32_t count);
/* The port of a range, or NULL for the arena's and the constants'. */
HIDDEN vk_port *nncc_vulkan_port(vk_model *model, const nncc_device_range *range);

/* run.c */
HIDDEN nncc_status nncc_vulkan_run_model(nncc_device *device, uint64_t *words, const void *const *ports, uint32_t first,
                                         uint32_t count, uint32_t is_watched);
/* Waits for what was submitted, as long as it may take. */
HIDDEN VkResult nncc_vulkan_wait(vk_state *vulkan, vk_model *model);

static inline vk_state *state_of(nncc_vulkan *vulkan) { return (vk_state *)vulkan; }

#endif
