/* A Vulkan layer that makes a device harder than it is, and counts what a program asks of it.
 *
 * The memory that CPU and device share is not coherent: it has two copies, of which each side sees one until ranges are
 * flushed or invalidated, in blocks of 256 bytes (the largest nonCoherentAtomSize). What was forgotten stays NaN, and
 * a block that the CPU has written and not flushed is written back at the worst time: over what the device wrote.
 * Counts are written to stderr when the device is destroyed. With NNCC_ONLY_COUNT in the environment memory is the
 * driver's, as it is.
 *
 *   cc -shared -fPIC layer.c -o layer.so, VkLayer_hard.json beside it names it and the functions hard_*
 *   VK_LAYER_PATH=. VK_INSTANCE_LAYERS=VK_LAYER_NNCC_hard program */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define VK_NO_PROTOTYPES
#include <vulkan/vk_layer.h>
#include <vulkan/vulkan_core.h>

#define ATOM 256

static PFN_vkGetInstanceProcAddr next_instance;
static PFN_vkGetDeviceProcAddr next_device;
static PFN_vkGetPhysicalDeviceMemoryProperties next_memory_properties;
static PFN_vkGetPhysicalDeviceProperties2 next_properties;
static PFN_vkCreateDevice next_create_device;
static VkDevice the_device;

static struct {
  unsigned dispatches, barriers, submissions, flushes, invalidations;
  unsigned long long memory, alive, most;
} counts;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* Memory of our own type has two copies. */
typedef struct hard_memory {
  struct hard_memory *next;
  VkDeviceMemory handle;
  unsigned char *seen_by_device, *seen_by_cpu;
  unsigned char *clean; /* what the CPU's caches need not write back */
  VkDeviceSize bytes;
  int is_ours;
} hard_memory;
static hard_memory *memories;
static unsigned our_type = ~0u, real_type; /* numbers of types */

#define NEXT(name) ((PFN_##name)next_device(the_device, #name))

static hard_memory **find(VkDeviceMemory handle) {
  hard_memory **at = &memories;
  while (*at && (*at)->handle != handle)
    at = &(*at)->next;
  return at;
}

static int only_counts(void) { return getenv("NNCC_ONLY_COUNT") != NULL; }

/* The last type is ours. No other is cached, so that shared memory is of it. */
static VKAPI_ATTR void VKAPI_CALL hard_memory_properties(VkPhysicalDevice device,
                                                         VkPhysicalDeviceMemoryProperties *memory) {
  const VkMemoryPropertyFlags shared = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  next_memory_properties(device, memory);
  if (only_counts())
    return;
  for (unsigned i = 0; i < memory->memoryTypeCount; ++i) {
    if ((memory->memoryTypes[i].propertyFlags & shared) == shared)
      real_type = i;
    memory->memoryTypes[i].propertyFlags &= ~(VkMemoryPropertyFlags)VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
  }
  our_type = memory->memoryTypeCount++;
  memory->memoryTypes[our_type] = memory->memoryTypes[real_type];
  memory->memoryTypes[our_type].propertyFlags =
      VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
}

static VKAPI_ATTR void VKAPI_CALL hard_properties(VkPhysicalDevice device, VkPhysicalDeviceProperties2 *properties) {
  next_properties(device, properties);
  if (only_counts())
    return;
  properties->properties.limits.nonCoherentAtomSize = ATOM;
  properties->properties.limits.minStorageBufferOffsetAlignment = 256;
}

static VKAPI_ATTR void VKAPI_CALL hard_requirements(VkDevice device, VkBuffer buffer, VkMemoryRequirements *needs) {
  NEXT(vkGetBufferMemoryRequirements)(device, buffer, needs);
  if (our_type != ~0u && needs->memoryTypeBits >> real_type & 1)
    needs->memoryTypeBits |= 1u << our_type;
}

static VKAPI_ATTR VkResult VKAPI_CALL hard_allocate(VkDevice device, const VkMemoryAllocateInfo *info,
                                                    const VkAllocationCallbacks *callbacks, VkDeviceMemory *made) {
  VkMemoryAllocateInfo real = *info;
  if (info->memoryTypeIndex == our_type)
    real.memoryTypeIndex = real_type;
  VkResult result = NEXT(vkAllocateMemory)(device, &real, callbacks, made);
  if (result != VK_SUCCESS)
    return result;
  pthread_mutex_lock(&mutex);
  counts.memory += info->allocationSize;
  counts.alive += info->allocationSize;
  if (counts.alive > counts.most)
    counts.most = counts.alive;
  hard_memory *memory = calloc(1, sizeof *memory);
  memory->next = memories;
  memory->handle = *made;
  memory->bytes = info->allocationSize;
  memory->is_ours = info->memoryTypeIndex == our_type;
  memories = memory;
  pthread_mutex_unlock(&mutex);
  return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL hard_map(VkDevice device, VkDeviceMemory handle, VkDeviceSize offset,
                                               VkDeviceSize size, VkMemoryMapFlags flags, void **address) {
  VkResult result = NEXT(vkMapMemory)(device, handle, offset, size, flags, address);
  pthread_mutex_lock(&mutex);
  hard_memory *memory = *find(handle);
  if (result == VK_SUCCESS && memory && memory->is_ours) {
    memory->seen_by_device = *address;
    memory->seen_by_cpu = aligned_alloc(4096, (memory->bytes + 4095) / 4096 * 4096);
    memory->clean = malloc(memory->bytes);
    memset(memory->seen_by_device, 0xff, memory->bytes); /* NaN */
    memset(memory->clean, 0xff, memory->bytes);
    memset(memory->seen_by_cpu, 0xff, memory->bytes);
    *address = memory->seen_by_cpu;
  }
  pthread_mutex_unlock(&mutex);
  return result;
}

static VKAPI_ATTR void VKAPI_CALL hard_free(VkDevice device, VkDeviceMemory handle,
                                            const VkAllocationCallbacks *callbacks) {
  pthread_mutex_lock(&mutex);
  hard_memory **at = find(handle), *memory = *at;
  if (memory) {
    *at = memory->next;
    counts.alive -= memory->bytes;
    free(memory->seen_by_cpu);
    free(memory->clean);
    free(memory);
  }
  pthread_mutex_unlock(&mutex);
  NEXT(vkFreeMemory)(device, handle, callbacks);
}

static VkResult hand_over(unsigned count, const VkMappedMemoryRange *ranges, int to_device) {
  pthread_mutex_lock(&mutex);
  ++*(to_device ? &counts.flushes : &counts.invalidations);
  for (unsigned i = 0; i < count; ++i) {
    hard_memory *memory = *find(ranges[i].memory);
    if (!memory || !memory->is_ours)
      continue;
    if (ranges[i].offset % ATOM || ranges[i].size % ATOM || ranges[i].offset + ranges[i].size > memory->bytes) {
      fprintf(stderr, "hard: a range that is not made of whole blocks\n");
      abort();
    }
    unsigned char *device = memory->seen_by_device + ranges[i].offset, *cpu = memory->seen_by_cpu + ranges[i].offset;
    memcpy(to_device ? device : cpu, to_device ? cpu : device, ranges[i].size);
    memcpy(memory->clean + ranges[i].offset, cpu, ranges[i].size);
  }
  pthread_mutex_unlock(&mutex);
  return VK_SUCCESS;
}
static VKAPI_ATTR VkResult VKAPI_CALL hard_flush(VkDevice device, uint32_t count, const VkMappedMemoryRange *ranges) {
  (void)device;
  return hand_over(count, ranges, 1);
}
static VKAPI_ATTR VkResult VKAPI_CALL hard_invalidate(VkDevice device, uint32_t count,
                                                      const VkMappedMemoryRange *ranges) {
  (void)device;
  return hand_over(count, ranges, 0);
}

static VKAPI_ATTR void VKAPI_CALL hard_dispatch(VkCommandBuffer commands, uint32_t x, uint32_t y, uint32_t z) {
  ++counts.dispatches;
  NEXT(vkCmdDispatch)(commands, x, y, z);
}
static VKAPI_ATTR void VKAPI_CALL hard_barrier(VkCommandBuffer commands, VkPipelineStageFlags from,
                                               VkPipelineStageFlags to, VkDependencyFlags flags, uint32_t count,
                                               const VkMemoryBarrier *barriers, uint32_t num_buffers,
                                               const VkBufferMemoryBarrier *buffers, uint32_t num_images,
                                               const VkImageMemoryBarrier *images) {
  ++counts.barriers;
  NEXT(vkCmdPipelineBarrier)(commands, from, to, flags, count, barriers, num_buffers, buffers, num_images, images);
}
static VKAPI_ATTR VkResult VKAPI_CALL hard_submit(VkQueue queue, uint32_t count, const VkSubmitInfo *info,
                                                  VkFence fence) {
  ++counts.submissions;
  return NEXT(vkQueueSubmit)(queue, count, info, fence);
}
/* Caches run full. */
static void write_back(void) {
  pthread_mutex_lock(&mutex);
  for (hard_memory *memory = memories; memory; memory = memory->next)
    for (VkDeviceSize i = 0; memory->clean && i + ATOM <= memory->bytes; i += ATOM)
      if (memcmp(memory->seen_by_cpu + i, memory->clean + i, ATOM)) {
        memcpy(memory->seen_by_device + i, memory->seen_by_cpu + i, ATOM);
        memcpy(memory->clean + i, memory->seen_by_cpu + i, ATOM);
      }
  pthread_mutex_unlock(&mutex);
}
static VKAPI_ATTR VkResult VKAPI_CALL hard_wait(VkDevice device, uint32_t count, const VkFence *fences, VkBool32 all,
                                                uint64_t timeout) {
  VkResult result = NEXT(vkWaitForFences)(device, count, fences, all, timeout);
  write_back();
  return result;
}
static VKAPI_ATTR void VKAPI_CALL hard_destroy_device(VkDevice device, const VkAllocationCallbacks *callbacks) {
  fprintf(stderr,
          "hard: recorded %u dispatches and %u barriers; %u submissions, %u flushes, %u invalidations; %llu bytes of "
          "memory, %llu at once\n",
          counts.dispatches, counts.barriers, counts.submissions, counts.flushes, counts.invalidations, counts.memory,
          counts.most);
  NEXT(vkDestroyDevice)(device, callbacks);
}

PFN_vkVoidFunction VKAPI_CALL hard_get_device_proc(VkDevice device, const char *name);
PFN_vkVoidFunction VKAPI_CALL hard_get_instance_proc(VkInstance instance, const char *name);

/* The next link of the loader's chain, of an instance or a device: the chain goes on behind it. */
static void *next_link(const void *chain, VkStructureType type) {
  VkLayerInstanceCreateInfo *info = (VkLayerInstanceCreateInfo *)(size_t)chain;
  while (info->sType != type || info->function != VK_LAYER_LINK_INFO)
    info = (VkLayerInstanceCreateInfo *)(size_t)info->pNext;
  return info;
}

static VKAPI_ATTR VkResult VKAPI_CALL hard_create_device(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                                                         const VkAllocationCallbacks *callbacks, VkDevice *device) {
  VkLayerDeviceCreateInfo *link = next_link(info->pNext, VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO);
  next_device = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
  link->u.pLayerInfo = link->u.pLayerInfo->pNext;
  VkResult result = next_create_device(physical, info, callbacks, device);
  the_device = *device;
  return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL hard_create_instance(const VkInstanceCreateInfo *info,
                                                           const VkAllocationCallbacks *callbacks,
                                                           VkInstance *instance) {
  VkLayerInstanceCreateInfo *link = next_link(info->pNext, VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO);
  next_instance = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
  PFN_vkCreateInstance create = (PFN_vkCreateInstance)next_instance(NULL, "vkCreateInstance");
  link->u.pLayerInfo = link->u.pLayerInfo->pNext;
  VkResult result = create(info, callbacks, instance);
  if (result != VK_SUCCESS)
    return result;
  /* Now: later the loader leads back to the first layer. */
  next_memory_properties =
      (PFN_vkGetPhysicalDeviceMemoryProperties)next_instance(*instance, "vkGetPhysicalDeviceMemoryProperties");
  next_properties = (PFN_vkGetPhysicalDeviceProperties2)next_instance(*instance, "vkGetPhysicalDeviceProperties2");
  next_create_device = (PFN_vkCreateDevice)next_instance(*instance, "vkCreateDevice");
  return result;
}

#define OURS(theirs, ours)                                                                                             \
  if (!strcmp(name, #theirs))                                                                                          \
    return (PFN_vkVoidFunction)ours;

PFN_vkVoidFunction VKAPI_CALL hard_get_device_proc(VkDevice device, const char *name) {
  OURS(vkGetDeviceProcAddr, hard_get_device_proc)
  OURS(vkDestroyDevice, hard_destroy_device)
  OURS(vkGetBufferMemoryRequirements, hard_requirements)
  OURS(vkAllocateMemory, hard_allocate)
  OURS(vkFreeMemory, hard_free)
  OURS(vkMapMemory, hard_map)
  OURS(vkFlushMappedMemoryRanges, hard_flush)
  OURS(vkInvalidateMappedMemoryRanges, hard_invalidate)
  OURS(vkCmdDispatch, hard_dispatch)
  OURS(vkCmdPipelineBarrier, hard_barrier)
  OURS(vkQueueSubmit, hard_submit)
  OURS(vkWaitForFences, hard_wait)
  return next_device(device, name);
}

PFN_vkVoidFunction VKAPI_CALL hard_get_instance_proc(VkInstance instance, const char *name) {
  OURS(vkGetInstanceProcAddr, hard_get_instance_proc)
  OURS(vkCreateInstance, hard_create_instance)
  OURS(vkCreateDevice, hard_create_device)
  OURS(vkGetDeviceProcAddr, hard_get_device_proc)
  OURS(vkGetPhysicalDeviceMemoryProperties, hard_memory_properties)
  OURS(vkGetPhysicalDeviceProperties2, hard_properties)
  return next_instance ? next_instance(instance, name) : NULL;
}
