#include "driver.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

driver_settings driver;

/* Functions that return a VkResult. */
#define FALLIBLE(X)                                                                                                    \
  X(vkEnumerateInstanceVersion)                                                                                        \
  X(vkCreateInstance)                                                                                                  \
  X(vkEnumeratePhysicalDevices)                                                                                        \
  X(vkEnumerateDeviceExtensionProperties)                                                                              \
  X(vkCreateDevice)                                                                                                    \
  X(vkCreateBuffer)                                                                                                    \
  X(vkAllocateMemory)                                                                                                  \
  X(vkBindBufferMemory)                                                                                                \
  X(vkMapMemory)                                                                                                       \
  X(vkFlushMappedMemoryRanges)                                                                                         \
  X(vkInvalidateMappedMemoryRanges)                                                                                    \
  X(vkCreateDescriptorSetLayout)                                                                                       \
  X(vkCreatePipelineLayout)                                                                                            \
  X(vkCreatePipelineCache)                                                                                             \
  X(vkGetPipelineCacheData)                                                                                            \
  X(vkCreateShaderModule)                                                                                              \
  X(vkCreateComputePipelines)                                                                                          \
  X(vkCreateDescriptorPool)                                                                                            \
  X(vkAllocateDescriptorSets)                                                                                          \
  X(vkCreateCommandPool)                                                                                               \
  X(vkResetCommandPool)                                                                                                \
  X(vkAllocateCommandBuffers)                                                                                          \
  X(vkBeginCommandBuffer)                                                                                              \
  X(vkEndCommandBuffer)                                                                                                \
  X(vkCreateQueryPool)                                                                                                 \
  X(vkCreateFence)                                                                                                     \
  X(vkResetFences)                                                                                                     \
  X(vkWaitForFences)                                                                                                   \
  X(vkQueueSubmit)
#define INFALLIBLE(X)                                                                                                  \
  X(vkDestroyInstance)                                                                                                 \
  X(vkGetPhysicalDeviceProperties2)                                                                                    \
  X(vkGetPhysicalDeviceQueueFamilyProperties)                                                                          \
  X(vkGetPhysicalDeviceMemoryProperties)                                                                               \
  X(vkGetPhysicalDeviceFeatures2)                                                                                      \
  X(vkGetDeviceProcAddr)                                                                                               \
  X(vkDestroyDevice)                                                                                                   \
  X(vkGetDeviceQueue)                                                                                                  \
  X(vkDestroyBuffer)                                                                                                   \
  X(vkGetBufferMemoryRequirements)                                                                                     \
  X(vkFreeMemory)                                                                                                      \
  X(vkDestroyDescriptorSetLayout)                                                                                      \
  X(vkDestroyPipelineLayout)                                                                                           \
  X(vkDestroyPipelineCache)                                                                                            \
  X(vkDestroyShaderModule)                                                                                             \
  X(vkDestroyPipeline)                                                                                                 \
  X(vkDestroyDescriptorPool)                                                                                           \
  X(vkUpdateDescriptorSets)                                                                                            \
  X(vkDestroyCommandPool)                                                                                              \
  X(vkCmdBindPipeline)                                                                                                 \
  X(vkCmdBindDescriptorSets)                                                                                           \
  X(vkCmdPushConstants)                                                                                                \
  X(vkCmdPipelineBarrier)                                                                                              \
  X(vkCmdDispatch)                                                                                                     \
  X(vkCmdDispatchBase)                                                                                                 \
  X(vkDestroyQueryPool)                                                                                                \
  X(vkCmdResetQueryPool)                                                                                               \
  X(vkCmdWriteTimestamp)                                                                                               \
  X(vkGetQueryPoolResults)                                                                                             \
  X(vkDestroyFence)

#define NUMBER(name) NUMBER_##name,
enum { FALLIBLE(NUMBER) NUM_FALLIBLE };
#define NAME(name) #name,
static const char *const fallible_names[] = {FALLIBLE(NAME)};

static atomic_uint calls, counts[NUM_FALLIBLE], live, complaints, submissions, is_lost, is_hung, barriers, dispatches,
    descriptor_version;
static _Atomic uint64_t live_bytes;
static size_t cache_seen;
static unsigned queue_users; /* no atomic: the queue is one thread's at a time, which sanitizers see, too */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of the list of memories and of the settings' results */

static void complain(const char *what) {
  fprintf(stderr, "complaint: %s\n", what);
  ++complaints;
}
#define RULE(what)                                                                                                     \
  do {                                                                                                                 \
    if (!(what))                                                                                                       \
      complain(__func__), complain(#what);                                                                             \
  } while (0)

/* Begins a function that may fail. */
#define ENTER(name)                                                                                                    \
  do {                                                                                                                 \
    ++counts[NUMBER_##name];                                                                                           \
    if (++calls == driver.fail_at) {                                                                                   \
      if (driver.fail_with == VK_ERROR_DEVICE_LOST)                                                                    \
        lose();                                                                                                        \
      return driver.fail_with;                                                                                         \
    }                                                                                                                  \
  } while (0)
static void lose(void);

typedef struct memory {
  struct memory *next;
  uint8_t *host, *device; /* the same where it is coherent */
  uint64_t bytes;
  unsigned is_mapped;
} memory;
typedef struct buffer {
  uint64_t bytes;
  memory *memory;
} buffer;
typedef struct set {
  struct set *next;
  VkDescriptorBufferInfo places[4];
  unsigned version; /* changes with every update */
} set;
typedef struct pipeline {
  uint32_t function, may_begin_later;
} pipeline;
typedef struct command {
  enum { DISPATCH, BARRIER } kind;
  pipeline *pipeline;
  set *set;
  unsigned version;
  uint32_t push[32];
  uint32_t first_group, groups;
} command;
typedef struct commands {
  struct commands *next;
  unsigned count, is_recording, is_complete;
  command list[64];
  command now; /* what is bound */
} commands;
typedef struct pool {
  commands *commands;
  set *sets;
  unsigned left;
} pool;
typedef struct fence {
  unsigned is_signaled, is_pending;
} fence;

static memory *memories;
static int dummy;

/* VkX of a pointer and back: handles that are not pointers are numbers of 64 bits. */
#define HANDLE(type, pointer) ((type)(uintptr_t)(pointer))
#define OBJECT(type, handle) ((type *)(uintptr_t)(handle))

static void *make(size_t bytes) {
  void *object = calloc(1, bytes);
  if (!object)
    abort();
  ++live;
  return object;
}
static void unmake(void *object) {
  if (!object)
    return;
  --live;
  free(object);
}

/* The contents of memory become undefined; it stays mapped. */
static void lose(void) {
  is_lost = 1;
  pthread_mutex_lock(&mutex);
  for (memory *m = memories; m; m = m->next) {
    memset(m->host, 0xfe, m->bytes);
    memset(m->device, 0xfe, m->bytes);
  }
  pthread_mutex_unlock(&mutex);
}

static VKAPI_ATTR VkResult VKAPI_CALL my_vkEnumerateInstanceVersion(uint32_t *version) {
  ENTER(vkEnumerateInstanceVersion);
  *version = driver.api_version;
  return VK_SUCCESS;
}
static VKAPI_ATTR VkResult VKAPI_CALL my_vkCreateInstance(const VkInstanceCreateInfo *info,
                                                          const VkAllocationCallbacks *a, VkInstance *instance) {
  (void)a;
  ENTER(vkCreateInstance);
  RULE(info->pApplicationInfo->apiVersion <= driver.api_version);
  *instance = (VkInstance)make(8);
  return VK_SUCCESS;
}
static VKAPI_ATTR void VKAPI_CALL my_vkDestroyInstance(VkInstance instance, const VkAllocationCallbacks *a) {
  (void)a;
  unmake(instance);
  RULE(!live);
}
static VKAPI_ATTR VkResult VKAPI_CALL my_vkEnumeratePhysicalDevices(VkInstance instance, uint32_t *count,
                                                                    VkPhysicalDevice *devices) {
  (void)instance;
  ENTER(vkEnumeratePhysicalDevices);
  uint32_t room = *count;
  *count = driver.num_devices < room ? driver.num_devices : room;
  for (uint32_t i = 0; i < *count; ++i)
    devices[i] = (VkPhysicalDevice)&dummy;
  return *count < driver.num_devices ? VK_INCOMPLETE : VK_SUCCESS;
}
static VKAPI_ATTR void VKAPI_CALL my_vkGetPhysicalDeviceProperties2(VkPhysicalDevice device,
                                                                    VkPhysicalDeviceProperties2 *all) {
  (void)device;
  VkPhysicalDeviceProperties *properties = &all->properties;
  *properties = (VkPhysicalDeviceProperties){.apiVersion = driver.api_version,
                                             .driverVersion = driver.driver_version,
                                             .vendorID = driver.vendor_id,
                                             .deviceID = driver.device_id,
                                             .deviceType = driver.is_software ? VK_PHYSICAL_DEVICE_TYPE_CPU
                                                                              : VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU,
                                             .deviceName = "Counter"};
  memset(properties->pipelineCacheUUID, 7, VK_UUID_SIZE);
  properties->limits.minStorageBufferOffsetAlignment = driver.is_minimal ? 256 : 16;
  properties->limits.nonCoherentAtomSize = driver.is_minimal ? 256 : 64;
  properties->limits.maxStorageBufferRange = driver.max_range;
  properties->limits.maxPushConstantsSize = 128;
  properties->limits.timestampPeriod = 2.5f;
  for (VkBaseOutStructure *next = (VkBaseOutStructure *)all->pNext; next; next = next->pNext)
    if (next->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES)
      memset(((VkPhysicalDeviceIDProperties *)next)->driverUUID, 9, VK_UUID_SIZE);
}
static VKAPI_ATTR void VKAPI_CALL my_vkGetPhysicalDeviceQueueFamilyProperties(VkPhysicalDevice device, uint32_t *count,
                                                                              VkQueueFamilyProperties *families) {
  (void)device;
  RULE(*count >= 2);
  *count = 2;
  families[0] = (VkQueueFamilyProperties){.queueFlags = VK_QUEUE_TRANSFER_BIT, .queueCount = 1};
  families[1] = (VkQueueFamilyProperties){
      .queueFlags = VK_QUEUE_COMPUTE_BIT, .queueCount = 1, .timestampValidBits = driver.is_minimal ? 0 : 36};
}
static VKAPI_ATTR void VKAPI_CALL my_vkGetPhysicalDeviceMemoryProperties(VkPhysicalDevice device,
                                                                         VkPhysicalDeviceMemoryProperties *memory) {
  (void)device;
  const VkMemoryPropertyFlags local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
                              coherent = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
                              cached = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
  memset(memory, 0, sizeof *memory);
  memory->memoryHeapCount = 1;
  memory->memoryTypeCount = driver.is_minimal ? 2 : 3;
  memory->memoryTypes[0].propertyFlags = local;
  memory->memoryTypes[1].propertyFlags = local | coherent;
  memory->memoryTypes[2].propertyFlags = local | cached | (driver.is_incoherent ? 0 : coherent);
}
static VKAPI_ATTR void VKAPI_CALL my_vkGetPhysicalDeviceFeatures2(VkPhysicalDevice device,
                                                                  VkPhysicalDeviceFeatures2 *all) {
  (void)device;
  memset(&all->features, driver.is_minimal ? 0 : 1, sizeof all->features);
  for (VkBaseOutStructure *next = (VkBaseOutStructure *)all->pNext; next; next = next->pNext)
    if (next->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES) {
      ((VkPhysicalDeviceShaderFloat16Int8Features *)next)->shaderFloat16 = driver.has_float16;
      ((VkPhysicalDeviceShaderFloat16Int8Features *)next)->shaderInt8 = VK_TRUE;
    }
}
static VKAPI_ATTR VkResult VKAPI_CALL my_vkEnumerateDeviceExtensionProperties(VkPhysicalDevice device,
                                                                              const char *layer, uint32_t *count,
                                                                              VkExtensionProperties *list) {
  (void)device, (void)layer;
  ENTER(vkEnumerateDeviceExtensionProperties);
  if (list)
    *list = (VkExtensionProperties){.extensionName = VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME, .specVersion = 1};
  *count = 1;
  return VK_SUCCESS;
}
static VKAPI_ATTR VkResult VKAPI_CALL my_vkCreateDevice(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                                                        const VkAllocationCallbacks *a, VkDevice *device) {
  (void)physical, (void)a;
  ENTER(vkCreateDevice);
  RULE(info->queueCreateInfoCount == 1 && info->pQueueCreateInfos->queueFamilyIndex == 1);
  driver.enabled_float16 = driver.enabled_anything_else = 0;
  for (const VkBaseInStructure *next = (const VkBaseInStructure *)info->pNext; next; next = next->pNext)
    if (next->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES) {
      const VkPhysicalDeviceShaderFloat16Int8Features *features =
          (const VkPhysicalDeviceShaderFloat16Int8Features *)next;
      driver.enabled_float16 = features->shaderFloat16;
      driver.enabled_anything_else |= features->shaderInt8;
      RULE(info->enabledExtensionCount == 1 &&
           !strcmp(info->ppEnabledExtensionNames[0], VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME));
    } else if (next->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2) {
      VkPhysicalDeviceFeatures none = {0};
      driver.enabled_anything_else |=
          memcmp(&((const VkPhysicalDeviceFeatures2 *)next)->features, &none, sizeof none) != 0;
    }
  *device = (VkDevice)make(8);
  return VK_SUCCESS;
}
static VKAPI_ATTR void VKAPI_CALL my_vkDestroyDevice(VkDevice device, const VkAllocationCallbacks *a) {
  (void)a;
  unmake(device);
}
static VKAPI_ATTR void VKAPI_CALL my_vkGetDeviceQueue(VkDevice device, uint32_t family, uint32_t index,
                                                      VkQueue *queue) {
  (void)device;
  RULE(family == 1 && !index);
  *queue = (VkQueue)&dummy;
}
static VKAPI_ATTR VkResult VKAPI_CALL my_vkCreateBuffer(VkDevice device, const VkBufferCreateInfo *info,
                                                        const VkAllocationCallbacks *a, VkBuffer *made) {
  (void)device, (void)a;
  ENTER(vkCreateBuffer);
  RULE(info->size && info->usage == VK_BUFFER_USAGE_STORAGE_BUFFER_BIT);
  buffer *b = make(sizeof *b);
  b->bytes = info->size;
  *made = HANDLE(VkBuffer, b);
  return VK_SUCCESS;
}
static VKAPI_ATTR void VKAPI_CALL my_vkDestroyBuffer(VkDevice device, VkBuffer b, const VkAllocationCallbacks *a) {
  (void)device, (void)a;
  unmake(OBJECT(buffer, b));
}
static VKAPI_ATTR void VKAPI_CALL my_vkGetBufferMemoryRequirements(VkDevice device, VkBuffer b,
                                                                   VkMemoryRequirements *needs) {
  (void)device;
  *needs = (VkMemoryRequirements){OBJECT(buffer, b)->bytes, 256, driver.is_minimal ? 3 : 7};
}
static VKAPI_ATTR VkResult VKAPI_CALL my_vkAllocateMemory(VkDevice device, const VkMemoryAllocateInfo *info,
                                                          const VkAllocationCallbacks *a, VkDeviceMemory *made) {
  (void)device, (void)a;
  ENTER(vkAllocateMemory);
  RULE(info->memoryTypeIndex < (driver.is_minimal ? 2u : 3u));
  if (is_lost)
    return VK_ERROR_DEVICE_LOST;
  if (driver.memory_limit && live_bytes + info->allocationSize > driver.memory_limit)
    return VK_ERROR_OUT_OF_DEVICE_MEMORY;
  memory *m = make(sizeof *m);
  m->bytes = info->allocationSize;
  m->host = aligned_alloc(4096, (m->bytes + 4095) / 4096 * 4096);
  int is_double = info->memoryTypeIndex == 2 && driver.is_incoherent;
  m->device = is_double ? malloc(m->bytes) : m->host;
  if (!m->host || !m->device)
    abort();
  memset(m->host, 0xfd, m->bytes);
  memset(m->device, 0xfd, m->bytes);
  live_bytes += m->bytes;
  pthread_mutex_lock(&mutex);
  m->next = memories;
  memories = m;
  pthread_mutex_unlock(&mutex);
  *made = HANDLE(VkDeviceMemory, m);
  return VK_SUCCESS;
}
static VKAPI_ATTR void VKAPI_CALL my_vkFreeMemory(VkDevice device, VkDeviceMemory handle,
                                                  const VkAllocationCallbacks *a) {
  (void)device, (void)a;
  memory *m = OBJECT(memory, handle);
  pthread_mutex_lock(&mutex);
  memory **at = &memories;
  while (*at != m)
    at = &(*at)->next;
  *at = m->next;
  pthread_mutex_unlock(&mutex);
  live_bytes -= m->bytes;
  if (m->device != m->host)
    free(m->device);
  free(m->host);
  unmake(m);
}
static VKAPI_ATTR VkResult VKAPI_CALL my_vkBindBufferMemory(VkDevice device, VkBuffer b, VkDeviceMemory m,
                                                            VkDeviceSize offset) {
  (void)device;
  ENTER(vkBindBufferMemory);
  RULE(!offset && OBJECT(memory, m)->bytes >= OBJECT(buffer, b)->bytes);
  OBJECT(buffer, b)->memory = OBJECT(memory, m);
  return VK_SUCCESS;
}
static VKAPI_ATTR VkResult VKAPI_CALL my_vkMapMemory(VkDevice device, VkDeviceMemory handle, VkDeviceSize offset,
                                                     VkDeviceSize size, VkMemoryMapFlags flags, void **address) {
  (void)device, (void)flags;
  ENTER(vkMapMemory);
  memory *m = OBJECT(memory, handle);
  RULE(!offset && size == VK_WHOLE_SIZE && !m->is_mapped);
  m->is_mapped = 1;
  *address = m->host;
  return VK_SUCCESS;
}
static VkResult hand_over(uint32_t count, const VkMappedMemoryRange *ranges, int is_flush) {
  uint64_t atom = driver.is_minimal ? 256 : 64;
  for (uint32_t i = 0; i < count; ++i) {
    memory *m = OBJECT(memory, ranges[i].memory);
    RULE(m->is_mapped && ranges[i].offset % atom == 0 && ranges[i].size &&
         ranges[i].offset + ranges[i].size <= m->bytes &&
         (ranges[i].size % atom == 0 || ranges[i].offset + ranges[i].size == m->bytes));
    uint8_t *host = m->host + ranges[i].offset, *device = m->device + ranges[i].offset;
    if (host != device)
      memcpy(is_flush ? device : host, is_flush ? host : device, ranges[i].size);
  }
  return VK_SUCCESS;
}
static VKAPI_ATTR VkResult VKAPI_CALL my_vkFlushMappedMemoryRanges(VkDevice device, uint32_t count,
                                                                   const VkMappedMemoryRange *ranges) {
  (void)device;
  ENTER(vkFlushMappedMemoryRanges);
  return hand_over(count, ranges, 1);
}
static VKAPI_ATTR VkResult VKAPI_CALL my_vkInvalidateMappedMemoryRanges(VkDevice device, uint32_t count,
                                                                        const VkMappedMemoryRange *ranges) {
  (void)device;
  ENTER(vkInvalidateMappedMemoryRanges);
  return hand_over(count, ranges, 0);
}

/* Objects that are nothing but counted. */
#define PLAIN(Type, Info, rules)                                                                                       \
  static VKAPI_ATTR VkResult VKAPI_CALL my_vkCreate##Type(VkDevice device, const Vk##Info *info,                       \
                                                          const VkAllocationCallbacks *a, Vk##Type *made) {            \
    (void)device, (void)a, (void)info;                                                                                 \
    ENTER(vkCreate##Type);                                                                                             \
    rules;                                                                                                             \
    *made = HANDLE(Vk##Type, make(8));                                                                                 \
    return VK_SUCCESS;                                                                                                 \
  }
#define DESTROY(Type)                                                                                                  \
  static VKAPI_ATTR void VKAPI_CALL my_vkDestroy##Type(VkDevice device, Vk##Type made,                                 \
                                                       const VkAllocationCallbacks *a) {                               \
    (void)device, (void)a;                                                                                             \
    unmake(OBJECT(void, made));                                                                                        \
  }
PLAIN(DescriptorSetLayout, DescriptorSetLayoutCreateInfo, RULE(info->bindingCount <= 4))
PLAIN(PipelineLayout, PipelineLayoutCreateInfo,
      RULE(info->pPushConstantRanges->offset + info->pPushConstantRanges->size <= 128))
PLAIN(PipelineCache, PipelineCacheCreateInfo, cache_seen = info->initialDataSize;
      RULE(!cache_seen || !memcmp(info->pInitialData, "good data", 9)))
DESTROY(DescriptorSetLayout)
DESTROY(PipelineLayout)
DESTROY(PipelineCache)
DESTROY(ShaderModule)
DESTROY(Pipeline)

static VKAPI_ATTR VkResult VKAPI_CALL my_vkGetPipelineCacheData(VkDevice device, VkPipelineCache cache, size_t *bytes,
                                                                void *data) {
  (void)device, (void)cache;
  ENTER(vkGetPipelineCacheData);
  if (data) {
    RULE(*bytes >= 64);
    memset(data, 0, *bytes);
    memcpy(data, "good data", 9);
  }
  *bytes = 64;
  return VK_SUCCESS;
}
static VKAPI_ATTR VkResult VKAPI_CALL my_vkCreateShaderModule(VkDevice device, const VkShaderModuleCreateInfo *info,
                                                              const VkAllocationCallbacks *a, VkShaderModule *made) {
  (void)device, (void)a;
  ENTER(vkCreateShaderModule);
  RULE(info->codeSize % 4 == 0 && (*info->pCode == DRIVER_MUL || *info->pCode == DRIVER_ADD));
  pipeline *p = make(sizeof *p);
  p->function = *info->pCode;
  *made = HANDLE(VkShaderModule, p);
  return VK_SUCCESS;
}
static VKAPI_ATTR VkResult VKAPI_CALL my_vkCreateComputePipelines(VkDevice device, VkPipelineCache cache,
                                                                  uint32_t count,
                                                                  const VkComputePipelineCreateInfo *info,
                                                                  const VkAllocationCallbacks *a, VkPipeline *made) {
  (void)device, (void)cache, (void)a;
  ENTER(vkCreateComputePipelines);
  RULE(count == 1 && !strcmp(info->stage.pName, "main"));
  pipeline *p = make(sizeof *p);
  *p = *OBJECT(pipeline, info->stage.module);
  p->may_begin_later = info->flags & VK_PIPELINE_CREATE_DISPATCH_BASE_BIT;
  *made = HANDLE(VkPipeline, p);
  return VK_SUCCESS;
}
static VKAPI_ATTR VkResult VKAPI_CALL my_vkCreateDescriptorPool(VkDevice device, const VkDescriptorPoolCreateInfo *info,
                                                                const VkAllocationCallbacks *a,
                                                                VkDescriptorPool *made) {
  (void)device, (void)a;
  ENTER(vkCreateDescriptorPool);
  RULE(info->maxSets && info->poolSizeCount == 1 && info->pPoolSizes->descriptorCount >= 4 * info->maxSets);
  pool *p = make(sizeof *p);
  p->left = info->maxSets;
  *made = HANDLE(VkDescriptorPool, p);
  return VK_SUCCESS;
}
static VKAPI_ATTR VkResult VKAPI_CALL my_vkAllocateDescriptorSets(VkDevice device,
                                                                  const VkDescriptorSetAllocateInfo *info,
                                                                  VkDescriptorSet *sets) {
  (void)device;
  ENTER(vkAllocateDescriptorSets);
  pool *p = OBJECT(pool, info->descriptorPool);
  for (uint32_t i = 0; i < info->descriptorSetCount; ++i) {
    RULE(p->left--);
    set *s = make(sizeof *s);
    s->next = p->sets;
    p->sets = s;
    sets[i] = HANDLE(VkDescriptorSet, s);
  }
  return VK_SUCCESS;
}
static VKAPI_ATTR void VKAPI_CALL my_vkDestroyDescriptorPool(VkDevice device, VkDescriptorPool handle,
                                                             const VkAllocationCallbacks *a) {
  (void)device, (void)a;
  pool *p = OBJECT(pool, handle);
  for (set *s = p->sets, *next; s; s = next) {
    next = s->next;
    unmake(s);
  }
  unmake(p);
}
static VKAPI_ATTR void VKAPI_CALL my_vkUpdateDescriptorSets(VkDevice device, uint32_t count,
                                                            const VkWriteDescriptorSet *write, uint32_t num_copies,
                                                            const VkCopyDescriptorSet *copies) {
  (void)device, (void)copies;
  RULE(count == 1 && !num_copies && write->dstBinding + write->descriptorCount <= 4);
  set *s = OBJECT(set, write->dstSet);
  s->version = ++descriptor_version;
  for (uint32_t i = 0; i < write->descriptorCount; ++i) {
    const VkDescriptorBufferInfo *place = &write->pBufferInfo[i];
    RULE(place->offset % (driver.is_minimal ? 256 : 16) == 0);
    RULE(place->range && place->range <= driver.max_range);
    RULE(place->offset + place->range <= OBJECT(buffer, place->buffer)->bytes);
    s->places[write->dstBinding + i] = *place;
  }
}
static VKAPI_ATTR VkResult VKAPI_CALL my_vkCreateCommandPool(VkDevice device, const VkCommandPoolCreateInfo *info,
                                                             const VkAllocationCallbacks *a, VkCommandPool *made) {
  (void)device, (void)a;
  ENTER(vkCreateCommandPool);
  RULE(info->queueFamilyIndex == 1 && info->flags & VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT);
  *made = HANDLE(VkCommandPool, make(sizeof(pool)));
  return VK_SUCCESS;
}
static VKAPI_ATTR void VKAPI_CALL my_vkDestroyCommandPool(VkDevice device, VkCommandPool handle,
                                                          const VkAllocationCallbacks *a) {
  (void)device, (void)a;
  pool *p = OBJECT(pool, handle);
  for (commands *c = p->commands, *next; c; c = next) {
    next = c->next;
    unmake(c);
  }
  unmake(p);
}
static VKAPI_ATTR VkResult VKAPI_CALL my_vkResetCommandPool(VkDevice device, VkCommandPool handle,
                                                            VkCommandPoolResetFlags flags) {
  (void)device, (void)flags;
  ENTER(vkResetCommandPool);
  for (commands *c = OBJECT(pool, handle)->commands; c; c = c->next)
    c->is_complete = c->is_recording = c->count = 0;
  return VK_SUCCESS;
}
static VKAPI_ATTR VkResult VKAPI_CALL my_vkAllocateCommandBuffers(VkDevice device,
                                                                  const VkCommandBufferAllocateInfo *info,
                                                                  VkCommandBuffer *made) {
  (void)device;
  ENTER(vkAllocateCommandBuffers);
  pool *p = OBJECT(pool, info->commandPool);
  for (uint32_t i = 0; i < info->commandBufferCount; ++i) {
    commands *c = make(sizeof *c);
    c->next = p->commands;
    p->commands = c;
    made[i] = (VkCommandBuffer)c;
  }
  return VK_SUCCESS;
}
static VKAPI_ATTR VkResult VKAPI_CALL my_vkBeginCommandBuffer(VkCommandBuffer handle,
                                                              const VkCommandBufferBeginInfo *info) {
  (void)info;
  commands *c = (commands *)handle;
  ENTER(vkBeginCommandBuffer);
  c->count = c->is_complete = 0;
  c->is_recording = 1;
  memset(&c->now, 0, sizeof c->now);
  return VK_SUCCESS;
}
static VKAPI_ATTR VkResult VKAPI_CALL my_vkEndCommandBuffer(VkCommandBuffer handle) {
  commands *c = (commands *)handle;
  ENTER(vkEndCommandBuffer);
  RULE(c->is_recording && c->count && c->list[c->count - 1].kind == BARRIER);
  c->is_recording = 0;
  c->is_complete = 1;
  return VK_SUCCESS;
}
static VKAPI_ATTR void VKAPI_CALL my_vkCmdBindPipeline(VkCommandBuffer c, VkPipelineBindPoint point, VkPipeline p) {
  RULE(point == VK_PIPELINE_BIND_POINT_COMPUTE && ((commands *)c)->is_recording);
  ((commands *)c)->now.pipeline = OBJECT(pipeline, p);
}
static VKAPI_ATTR void VKAPI_CALL my_vkCmdBindDescriptorSets(VkCommandBuffer c, VkPipelineBindPoint point,
                                                             VkPipelineLayout layout, uint32_t first, uint32_t count,
                                                             const VkDescriptorSet *sets, uint32_t num_offsets,
                                                             const uint32_t *offsets) {
  (void)layout, (void)offsets;
  RULE(point == VK_PIPELINE_BIND_POINT_COMPUTE && !first && count == 1 && !num_offsets);
  ((commands *)c)->now.set = OBJECT(set, *sets);
  ((commands *)c)->now.version = OBJECT(set, *sets)->version;
}
static VKAPI_ATTR void VKAPI_CALL my_vkCmdPushConstants(VkCommandBuffer c, VkPipelineLayout layout,
                                                        VkShaderStageFlags stages, uint32_t offset, uint32_t bytes,
                                                        const void *values) {
  (void)layout;
  RULE(stages == VK_SHADER_STAGE_COMPUTE_BIT && offset + bytes <= 128 && bytes % 4 == 0);
  memcpy((uint8_t *)((commands *)c)->now.push + offset, values, bytes);
}
static VKAPI_ATTR void VKAPI_CALL my_vkCmdPipelineBarrier(VkCommandBuffer handle, VkPipelineStageFlags from,
                                                          VkPipelineStageFlags to, VkDependencyFlags flags,
                                                          uint32_t count, const VkMemoryBarrier *barrier,
                                                          uint32_t num_buffers, const VkBufferMemoryBarrier *buffers,
                                                          uint32_t num_images, const VkImageMemoryBarrier *images) {
  (void)to, (void)flags, (void)buffers, (void)images;
  commands *c = (commands *)handle;
  RULE(from == VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT && count == 1 &&
       barrier->srcAccessMask == VK_ACCESS_SHADER_WRITE_BIT && !num_buffers && !num_images);
  c->now.kind = BARRIER;
  c->list[c->count++] = c->now;
}
static VKAPI_ATTR void VKAPI_CALL my_vkCmdDispatch(VkCommandBuffer handle, uint32_t x, uint32_t y, uint32_t z) {
  commands *c = (commands *)handle;
  RULE(c->now.pipeline && c->now.set && y == 1 && z == 1 && x <= 65535);
  c->now.kind = DISPATCH;
  c->now.first_group = 0;
  c->now.groups = x;
  c->list[c->count++] = c->now;
}
static VKAPI_ATTR void VKAPI_CALL my_vkCmdDispatchBase(VkCommandBuffer handle, uint32_t base_x, uint32_t base_y,
                                                       uint32_t base_z, uint32_t x, uint32_t y, uint32_t z) {
  commands *c = (commands *)handle;
  RULE(!base_y && !base_z && c->now.pipeline->may_begin_later);
  my_vkCmdDispatch(handle, x, y, z);
  c->list[c->count - 1].first_group = base_x;
}
/* Every submission takes 1,000 ticks, during which the count wraps around. */
static VKAPI_ATTR VkResult VKAPI_CALL my_vkCreateQueryPool(VkDevice device, const VkQueryPoolCreateInfo *info,
                                                           const VkAllocationCallbacks *a, VkQueryPool *made) {
  (void)device, (void)a;
  ENTER(vkCreateQueryPool);
  RULE(info->queryType == VK_QUERY_TYPE_TIMESTAMP && info->queryCount == 2 && !driver.is_minimal);
  *made = HANDLE(VkQueryPool, make(1));
  return VK_SUCCESS;
}
DESTROY(QueryPool)
static VKAPI_ATTR void VKAPI_CALL my_vkCmdResetQueryPool(VkCommandBuffer handle, VkQueryPool pool, uint32_t first,
                                                         uint32_t count) {
  (void)pool;
  RULE(((commands *)handle)->is_recording && first == 0 && count == 2);
}
static VKAPI_ATTR void VKAPI_CALL my_vkCmdWriteTimestamp(VkCommandBuffer handle, VkPipelineStageFlagBits stage,
                                                         VkQueryPool pool, uint32_t query) {
  (void)pool, (void)stage;
  RULE(((commands *)handle)->is_recording && query < 2);
}
static VKAPI_ATTR VkResult VKAPI_CALL my_vkGetQueryPoolResults(VkDevice device, VkQueryPool pool, uint32_t first,
                                                               uint32_t count, size_t bytes, void *data,
                                                               VkDeviceSize stride, VkQueryResultFlags flags) {
  (void)device, (void)pool;
  RULE(first == 0 && count == 2 && bytes == 16 && stride == 8 && flags == VK_QUERY_RESULT_64_BIT);
  ((uint64_t *)data)[0] = (UINT64_C(1) << 36) - 400;
  ((uint64_t *)data)[1] = 600;
  return VK_SUCCESS;
}
static VKAPI_ATTR VkResult VKAPI_CALL my_vkCreateFence(VkDevice device, const VkFenceCreateInfo *info,
                                                       const VkAllocationCallbacks *a, VkFence *made) {
  (void)device, (void)a, (void)info;
  ENTER(vkCreateFence);
  *made = HANDLE(VkFence, make(sizeof(fence)));
  return VK_SUCCESS;
}
DESTROY(Fence)
static VKAPI_ATTR VkResult VKAPI_CALL my_vkResetFences(VkDevice device, uint32_t count, const VkFence *fences) {
  (void)device;
  ENTER(vkResetFences);
  RULE(count == 1 && !OBJECT(fence, *fences)->is_pending);
  OBJECT(fence, *fences)->is_signaled = 0;
  return VK_SUCCESS;
}
static VKAPI_ATTR VkResult VKAPI_CALL my_vkWaitForFences(VkDevice device, uint32_t count, const VkFence *fences,
                                                         VkBool32 all, uint64_t timeout) {
  (void)device, (void)all;
  ENTER(vkWaitForFences);
  fence *f = OBJECT(fence, *fences);
  RULE(count == 1 && timeout && timeout < UINT64_MAX / 2 && (f->is_pending || f->is_signaled));
  if (is_lost)
    return VK_ERROR_DEVICE_LOST;
  if (f->is_pending && is_hung)
    return VK_TIMEOUT;
  f->is_pending = 0;
  f->is_signaled = 1;
  return VK_SUCCESS;
}

static float *element(const command *c, uint32_t binding, uint64_t index) {
  const VkDescriptorBufferInfo *place = &c->set->places[binding];
  RULE((index + 1) * sizeof(float) <= place->range);
  return (float *)(void *)(OBJECT(buffer, place->buffer)->memory->device + place->offset) + index;
}

static void run(const commands *c) {
  RULE(c->is_complete);
  for (unsigned i = 0; i < c->count; ++i) {
    const command *now = &c->list[i];
    if (now->kind == BARRIER) {
      ++barriers;
      continue;
    }
    ++dispatches;
    RULE(now->version == now->set->version); /* no update since it was recorded */
    for (uint32_t j = now->first_group * 64; j < (now->first_group + now->groups) * 64; ++j)
      if (now->pipeline->function == DRIVER_MUL)
        *element(now, 2, j) = *element(now, 0, j) * *element(now, 1, j);
      else
        *element(now, 2, j) = *element(now, 0, j + now->push[0]) + *element(now, 1, j + now->push[1]);
  }
}

static VKAPI_ATTR VkResult VKAPI_CALL my_vkQueueSubmit(VkQueue queue, uint32_t count, const VkSubmitInfo *info,
                                                       VkFence handle) {
  (void)queue;
  ENTER(vkQueueSubmit);
  if (is_lost)
    return VK_ERROR_DEVICE_LOST;
  RULE(++queue_users == 1); /* one thread at a time */
  fence *f = OBJECT(fence, handle);
  RULE(count == 1 && info->commandBufferCount == 1 && !f->is_signaled && !f->is_pending);
  unsigned number = ++submissions;
  f->is_pending = 1;
  if (number == driver.lose_at)
    lose();
  else if (number == driver.hang_at)
    is_hung = 1;
  else
    run((commands *)*info->pCommandBuffers);
  --queue_users;
  return VK_SUCCESS;
}

static PFN_vkVoidFunction VKAPI_CALL my_vkGetDeviceProcAddr(VkDevice device, const char *name) {
  return device ? driver_get_instance_proc_addr((VkInstance)(void *)device, name) : NULL;
}

PFN_vkVoidFunction VKAPI_CALL driver_get_instance_proc_addr(VkInstance instance, const char *name) {
  (void)instance;
  if ((driver.missing && !strcmp(name, driver.missing)) ||
      (driver.has_no_loader_version && !strcmp(name, "vkEnumerateInstanceVersion")))
    return NULL;
#define FIND(function)                                                                                                 \
  if (!strcmp(name, #function))                                                                                        \
    return (PFN_vkVoidFunction)my_##function;
  FALLIBLE(FIND)
  INFALLIBLE(FIND)
  complain(name);
  return NULL;
}

void driver_reset(void) {
  driver = (driver_settings){.num_devices = 1,
                             .api_version = VK_API_VERSION_1_1,
                             .driver_version = 3,
                             .vendor_id = 0x13b5,
                             .device_id = 1,
                             .max_range = 1u << 27};
  calls = submissions = is_lost = is_hung = queue_users = barriers = dispatches = 0;
  for (int i = 0; i < NUM_FALLIBLE; ++i)
    counts[i] = 0;
}
unsigned driver_calls(void) { return calls; }
unsigned driver_count(const char *function) {
  for (int i = 0; i < NUM_FALLIBLE; ++i)
    if (!strcmp(function, fallible_names[i]))
      return counts[i];
  complain(function);
  return 0;
}
unsigned driver_live(void) { return live; }
unsigned driver_complaints(void) { return complaints; }
uint64_t driver_bytes(void) { return live_bytes; }
unsigned driver_barriers(void) { return barriers; }
unsigned driver_dispatches(void) { return dispatches; }
size_t driver_cache_seen(void) { return cache_seen; }
