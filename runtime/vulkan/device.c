/* Finds a GPU, or says why there is none: the interface of nncc/vulkan.h. */
#define _GNU_SOURCE /* what <dlfcn.h> and <sys/mman.h> hide from strict C11 */
#include "runtime/vulkan/state.h"
#include <stddef.h>

/* A text that grows at its end and is cut where there is no room. */
typedef struct text {
  char *at, *end;
} text;

static void add(text *to, const char *words) {
  while (*words && to->at < to->end)
    *to->at++ = *words++;
  *to->at = 0;
}

static void add_number(text *to, uint64_t number, uint32_t base) {
  char digits[24];
  char *at = digits + sizeof digits - 1;
  *at = 0;
  do {
    *--at = "0123456789abcdef"[number % base];
    number /= base;
  } while (number);
  add(to, at);
}

static void add_result(text *to, VkResult result) {
  switch (result) {
  case VK_SUCCESS:
    return;
  case VK_ERROR_OUT_OF_HOST_MEMORY:
  case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    add(to, ": out of memory");
    return;
  case VK_ERROR_DEVICE_LOST:
    add(to, ": the device was lost");
    return;
  case VK_ERROR_INCOMPATIBLE_DRIVER:
    add(to, ": there is no driver");
    return;
  case VK_TIMEOUT:
    add(to, ": no answer in time");
    return;
  default:
    add(to, ": VkResult ");
    add(to, result < 0 ? "-" : "");
    add_number(to, result < 0 ? 0 - (uint64_t)(int64_t)result : (uint64_t)result, 10);
  }
}

void nncc_vulkan_say(const vk_state *vulkan, const char *subject, const char *words, VkResult result) {
  char message[200];
  text to = {message, message + sizeof message - 1};
  add(&to, subject);
  add(&to, words);
  add_result(&to, result);
  if (vulkan->options.on_message)
    vulkan->options.on_message(vulkan->options.user, message);
}

/* Why everything runs on the CPU. */
static nncc_status refuse(vk_state *vulkan, const char *subject, const char *words, VkResult result) {
  text to = {vulkan->message, vulkan->message + sizeof vulkan->message - 1};
  add(&to, "no GPU: ");
  add(&to, subject);
  add(&to, words);
  add_result(&to, result);
  if (vulkan->options.on_message)
    vulkan->options.on_message(vulkan->options.user, vulkan->message);
  return NNCC_DEVICE_FAILED;
}

static void describe(vk_state *vulkan, const VkPhysicalDeviceProperties *properties) {
  text to = {vulkan->message, vulkan->message + sizeof vulkan->message - 1};
  add(&to, properties->deviceName);
  add(&to, " (Vulkan ");
  add_number(&to, VK_API_VERSION_MAJOR(properties->apiVersion), 10);
  add(&to, ".");
  add_number(&to, VK_API_VERSION_MINOR(properties->apiVersion), 10);
  add(&to, ".");
  add_number(&to, VK_API_VERSION_PATCH(properties->apiVersion), 10);
  add(&to, ", driver 0x");
  add_number(&to, properties->driverVersion, 16);
  add(&to, ")");
}

void nncc_vulkan_lock(vk_state *vulkan) { pthread_mutex_lock(&vulkan->mutex); }
void nncc_vulkan_unlock(vk_state *vulkan) { pthread_mutex_unlock(&vulkan->mutex); }

static nncc_status read_options(nncc_vulkan_options *known, const nncc_vulkan_options *options) {
  if (!options)
    return NNCC_OK;
  uint32_t size = (uintptr_t)options % _Alignof(nncc_vulkan_options) ? 0 : options->size;
  const uint32_t shortest = offsetof(nncc_vulkan_options, on_times); /* the first version */
  if (size < shortest)
    return NNCC_BAD_OPTIONS;
  for (uint32_t i = sizeof *known; i < size; ++i)
    if (((const uint8_t *)options)[i])
      return NNCC_BAD_OPTIONS;
  memcpy(known, options, size < sizeof *known ? size : sizeof *known);
  int given = !!known->instance + !!known->physical_device + !!known->logical_device + !!known->queue;
  if ((given && given != 4) || (known->num_models && !known->models) || !known->lock_queue != !known->unlock_queue)
    return NNCC_BAD_OPTIONS;
  return NNCC_OK;
}

static PFN_vkGetInstanceProcAddr find_entry(vk_state *vulkan) {
  if (vulkan->options.get_instance_proc_addr)
    return (PFN_vkGetInstanceProcAddr)(void (*)(void))vulkan->options.get_instance_proc_addr;
  static const char *const names[] = {"libvulkan.so.1", "libvulkan.so"}; /* Linux; Android, or a board's own */
  for (uint32_t i = 0; i < 2 && !vulkan->library; ++i)
    vulkan->library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  if (!vulkan->library)
    return NULL;
  PFN_vkGetInstanceProcAddr entry;
  *(void **)&entry = dlsym(vulkan->library, "vkGetInstanceProcAddr");
  return entry;
}

static nncc_status make_instance(vk_state *vulkan, PFN_vkGetInstanceProcAddr entry) {
  PFN_vkEnumerateInstanceVersion get_version =
      (PFN_vkEnumerateInstanceVersion)entry(NULL, "vkEnumerateInstanceVersion");
  PFN_vkCreateInstance create = (PFN_vkCreateInstance)entry(NULL, "vkCreateInstance");
  uint32_t version = VK_API_VERSION_1_0;
  VkResult result = get_version ? get_version(&version) : VK_SUCCESS;
  if (!create || result != VK_SUCCESS || version < VK_API_VERSION_1_1)
    return refuse(vulkan, "the Vulkan loader", " is older than 1.1", result);
  VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                   .pEngineName = "nncc",
                                   .apiVersion = version < VK_API_VERSION_1_3 ? version : VK_API_VERSION_1_3};
  vulkan->instance_version = application.apiVersion;
  VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &application};
  result = create(&info, NULL, &vulkan->instance);
  if (result != VK_SUCCESS) {
    vulkan->instance = NULL;
    return refuse(vulkan, "vkCreateInstance", "", result);
  }
  return NNCC_OK;
}

/* The first family that computes, or -1. */
static int find_queue_family(vk_state *vulkan, VkPhysicalDevice device) {
  VkQueueFamilyProperties families[16];
  uint32_t count = 16;
  vulkan->vk.vkGetPhysicalDeviceQueueFamilyProperties(device, &count, families);
  for (uint32_t i = 0; i < count && i < 16; ++i)
    if (families[i].queueCount && families[i].queueFlags & VK_QUEUE_COMPUTE_BIT)
      return (int)i;
  return -1;
}

static nncc_status choose_device(vk_state *vulkan) {
  VkPhysicalDevice devices[16];
  uint32_t count = 16, number = vulkan->options.device_number;
  VkResult result = vulkan->vk.vkEnumeratePhysicalDevices(vulkan->instance, &count, devices);
  if (result != VK_SUCCESS && result != VK_INCOMPLETE)
    return refuse(vulkan, "vkEnumeratePhysicalDevices", "", result);
  if (!count || number > count)
    return refuse(vulkan, count ? "Vulkan has no device of that number" : "Vulkan has no device", "", VK_SUCCESS);
  const char *reason = "there is software alone";
  for (uint32_t i = number ? number - 1 : 0; i < (number ? number : count); ++i) {
    VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    vulkan->vk.vkGetPhysicalDeviceProperties2(devices[i], &properties);
    if (!number && properties.properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU)
      continue;
    int family = find_queue_family(vulkan, devices[i]);
    const char *refused = nncc_vulkan_refuse(&properties.properties);
    if (!refused && family >= 0) {
      vulkan->physical_device = devices[i];
      vulkan->queue_family = (uint32_t)family;
      return NNCC_OK;
    }
    reason = refused ? refused : "the GPU has no queue that computes";
  }
  return refuse(vulkan, reason, "", VK_SUCCESS);
}

static void read_properties(vk_state *vulkan) {
  VkPhysicalDeviceIDProperties ids = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES};
  VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &ids};
  vulkan->vk.vkGetPhysicalDeviceProperties2(vulkan->physical_device, &all);
  vulkan->vk.vkGetPhysicalDeviceMemoryProperties(vulkan->physical_device, &vulkan->memories);
  vulkan->offset_align = all.properties.limits.minStorageBufferOffsetAlignment;
  vulkan->atom = all.properties.limits.nonCoherentAtomSize;
  vulkan->max_range = all.properties.limits.maxStorageBufferRange;
  vulkan->vendor_id = all.properties.vendorID;
  vulkan->device_id = all.properties.deviceID;
  vulkan->driver_version = all.properties.driverVersion;
  vulkan->api_version = all.properties.apiVersion;
  memcpy(vulkan->cache_uuid, all.properties.pipelineCacheUUID, VK_UUID_SIZE);
  memcpy(vulkan->driver_uuid, ids.driverUUID, VK_UUID_SIZE);
  memcpy(vulkan->device_uuid, ids.deviceUUID, VK_UUID_SIZE);
  describe(vulkan, &all.properties);
  VkQueueFamilyProperties families[16];
  uint32_t count = 16;
  vulkan->vk.vkGetPhysicalDeviceQueueFamilyProperties(vulkan->physical_device, &count, families);
  vulkan->timestamp_bits = vulkan->queue_family < count ? families[vulkan->queue_family].timestampValidBits : 0;
  vulkan->timestamp_period = all.properties.limits.timestampPeriod;
}

static nncc_status make_device(vk_state *vulkan) {
  uint64_t wanted = 0;
  for (uint64_t i = 0; i < vulkan->options.num_models; ++i)
    if (vulkan->options.models[i]->size >= sizeof(nncc_model) && vulkan->options.models[i]->device_program)
      wanted |= vulkan->options.models[i]->device_program->features;
  vk_feature_chain chain;
  vulkan->features = nncc_vulkan_features(vulkan, vulkan->physical_device, wanted, &chain);
  float priority = 1;
  VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                   .queueFamilyIndex = vulkan->queue_family,
                                   .queueCount = 1,
                                   .pQueuePriorities = &priority};
  VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                             .pNext = vulkan->features ? &chain.basic : NULL,
                             .queueCreateInfoCount = 1,
                             .pQueueCreateInfos = &queue,
                             .enabledExtensionCount = chain.num_names,
                             .ppEnabledExtensionNames = chain.names};
  VkResult result = vulkan->vk.vkCreateDevice(vulkan->physical_device, &info, NULL, &vulkan->logical_device);
  if (result != VK_SUCCESS) {
    vulkan->logical_device = NULL;
    return refuse(vulkan, "vkCreateDevice", "", result);
  }
  return NNCC_OK;
}

static const char *const instance_names[] = {
#define NAME(name) #name,
    NNCC_VK_INSTANCE_FUNCTIONS(NAME)};
static const char *const device_names[] = {NNCC_VK_DEVICE_FUNCTIONS(NAME)};
#undef NAME
#define NUM_INSTANCE_NAMES (sizeof instance_names / sizeof instance_names[0])
#define NUM_DEVICE_NAMES (sizeof device_names / sizeof device_names[0])
_Static_assert(sizeof(vk_functions) == (NUM_INSTANCE_NAMES + NUM_DEVICE_NAMES) * sizeof(PFN_vkVoidFunction),
               "the members are in the order of the names");

/* Finds the functions of the instance, or, without an entry, those of the device. */
static nncc_status load(vk_state *vulkan, PFN_vkGetInstanceProcAddr entry) {
  PFN_vkVoidFunction *functions = (PFN_vkVoidFunction *)&vulkan->vk + (entry ? 0 : NUM_INSTANCE_NAMES);
  const char *const *names = entry ? instance_names : device_names;
  for (size_t i = 0; i < (entry ? NUM_INSTANCE_NAMES : NUM_DEVICE_NAMES); ++i) {
    functions[i] =
        entry ? entry(vulkan->instance, names[i]) : vulkan->vk.vkGetDeviceProcAddr(vulkan->logical_device, names[i]);
    if (!functions[i])
      return refuse(vulkan, names[i], " is missing: Vulkan 1.1 is needed", VK_SUCCESS);
  }
  return NNCC_OK;
}

/* Layouts that all functions share: what one does not use of them is not read. */
static VkResult make_layouts(vk_state *vulkan) {
  VkDescriptorSetLayoutBinding bindings[NNCC_DEVICE_MAX_BINDINGS];
  for (uint32_t i = 0; i < NNCC_DEVICE_MAX_BINDINGS; ++i)
    bindings[i] =
        (VkDescriptorSetLayoutBinding){i, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_COMPUTE_BIT, NULL};
  VkDescriptorSetLayoutCreateInfo sets = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                          .bindingCount = NNCC_DEVICE_MAX_BINDINGS,
                                          .pBindings = bindings};
  VkResult result = vulkan->vk.vkCreateDescriptorSetLayout(vulkan->logical_device, &sets, NULL, &vulkan->set_layout);
  if (result != VK_SUCCESS) {
    vulkan->set_layout = VK_NULL_HANDLE;
    return result;
  }
  VkPushConstantRange range = {VK_SHADER_STAGE_COMPUTE_BIT, 0, NNCC_DEVICE_MAX_PUSH_CONSTANTS * sizeof(uint32_t)};
  VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                       .setLayoutCount = 1,
                                       .pSetLayouts = &vulkan->set_layout,
                                       .pushConstantRangeCount = 1,
                                       .pPushConstantRanges = &range};
  result = vulkan->vk.vkCreatePipelineLayout(vulkan->logical_device, &layout, NULL, &vulkan->pipeline_layout);
  if (result != VK_SUCCESS)
    vulkan->pipeline_layout = VK_NULL_HANDLE;
  return result;
}

/* The program's own device, or one of ours. */
static nncc_status open_device(vk_state *vulkan) {
  PFN_vkGetInstanceProcAddr entry = find_entry(vulkan);
  if (!entry)
    return refuse(vulkan, "there is no libvulkan.so", "", VK_SUCCESS);
  nncc_vulkan_options *given = &vulkan->options;
  vulkan->instance = (VkInstance)given->instance;
  nncc_status status = vulkan->instance ? NNCC_OK : make_instance(vulkan, entry);
  if (status == NNCC_OK)
    status = load(vulkan, entry);
  if (status != NNCC_OK)
    return status;
  if (given->instance) {
    vulkan->physical_device = (VkPhysicalDevice)given->physical_device;
    vulkan->logical_device = (VkDevice)given->logical_device;
    vulkan->queue_family = given->queue_family;
    vulkan->features = given->features;
  } else {
    status = choose_device(vulkan);
    if (status == NNCC_OK)
      status = make_device(vulkan);
    if (status != NNCC_OK)
      return status;
  }
  status = load(vulkan, NULL);
  if (status != NNCC_OK)
    return status;
  vulkan->queue = (VkQueue)given->queue;
  if (!vulkan->queue)
    vulkan->vk.vkGetDeviceQueue(vulkan->logical_device, vulkan->queue_family, 0, &vulkan->queue);
  read_properties(vulkan);
  VkResult result = make_layouts(vulkan);
  if (result != VK_SUCCESS)
    return refuse(vulkan, "layouts", "", result);
  nncc_vulkan_open_cache(vulkan);
  return NNCC_OK;
}

/* Destroys what open_device made, as far as it came. */
static void close_device(vk_state *vulkan) {
  const vk_functions *vk = &vulkan->vk;
  VkDevice device = vulkan->logical_device;
  if (vulkan->cache)
    vk->vkDestroyPipelineCache(device, vulkan->cache, NULL);
  if (vulkan->pipeline_layout)
    vk->vkDestroyPipelineLayout(device, vulkan->pipeline_layout, NULL);
  if (vulkan->set_layout)
    vk->vkDestroyDescriptorSetLayout(device, vulkan->set_layout, NULL);
  if (!vulkan->options.instance) {
    /* By name, since functions may be missing that were to be loaded first. */
    if (device && vk->vkGetDeviceProcAddr) {
      PFN_vkDestroyDevice destroy = (PFN_vkDestroyDevice)vk->vkGetDeviceProcAddr(device, "vkDestroyDevice");
      if (destroy)
        destroy(device, NULL);
    }
    if (vulkan->instance && vk->vkDestroyInstance)
      vk->vkDestroyInstance(vulkan->instance, NULL);
  }
  vulkan->logical_device = NULL;
  vulkan->instance = NULL;
  vulkan->cache = VK_NULL_HANDLE;
  vulkan->pipeline_layout = VK_NULL_HANDLE;
  vulkan->set_layout = VK_NULL_HANDLE;
  if (vulkan->library)
    dlclose(vulkan->library);
  vulkan->library = NULL;
}

nncc_status nncc_vulkan_create(nncc_vulkan *memory, const nncc_vulkan_options *options) {
  if (!memory)
    return NNCC_NULL_POINTER;
  nncc_vulkan_options known = {0};
  nncc_status status = read_options(&known, options);
  if (status != NNCC_OK)
    return status;
  vk_state *vulkan = state_of(memory);
  *vulkan = (vk_state){0};
  vulkan->options = known;
  vulkan->device = (nncc_device){sizeof(nncc_device), 0, nncc_vulkan_open_model, nncc_vulkan_run_model};
  pthread_mutex_init(&vulkan->mutex, NULL);
  pthread_mutex_init(&vulkan->queue_mutex, NULL);
  status = open_device(vulkan);
  vulkan->options.models = NULL; /* the table of them is not kept */
  if (status != NNCC_OK)
    close_device(vulkan);
  return status;
}

void nncc_vulkan_destroy(nncc_vulkan *memory) {
  vk_state *vulkan = state_of(memory);
  while (vulkan->models)
    nncc_vulkan_close_model(vulkan, vulkan->models);
  for (uint32_t i = 0; i < NNCC_VULKAN_MAX_ALLOCATIONS; ++i)
    nncc_vulkan_unmap(vulkan, &vulkan->allocations[i]);
  close_device(vulkan);
  pthread_mutex_destroy(&vulkan->queue_mutex);
  pthread_mutex_destroy(&vulkan->mutex);
}

const char *nncc_vulkan_message(const nncc_vulkan *vulkan) { return ((const vk_state *)vulkan)->message; }

nncc_device *nncc_vulkan_device(nncc_vulkan *vulkan) {
  return state_of(vulkan)->logical_device ? &state_of(vulkan)->device : NULL;
}

nncc_vulkan_counters nncc_vulkan_count(nncc_vulkan *memory) {
  vk_state *vulkan = state_of(memory);
  return (nncc_vulkan_counters){vulkan->num_models, vulkan->submissions, vulkan->copied, vulkan->failures,
                                vulkan->memory_bytes};
}
