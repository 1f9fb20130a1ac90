/* Optional features of GPUs: enabled where they are wanted, offered, and not
 * known to compute wrong. */
#include "runtime/vulkan/state.h"

#define VENDOR_ARM 0x13b5u
#define VENDOR_IMAGINATION 0x1010u

/* Drivers that offer what they do wrong. */
static const struct {
  uint32_t vendor, device; /* device 0: all of them */
  uint64_t avoid;          /* NNCC_GPU_* bits; 0: do not use the GPU at all */
} drivers[] = {
    /* Midgard (T760, T860, T880): two variables on one binding are mixed up, which our code with its shared bindings
     * has everywhere. source  ncnn, src/gpu.cpp, bug_layout_binding_id_alias */
    {VENDOR_ARM, 0x07500001, 0},
    {VENDOR_ARM, 0x08602000, 0},
    {VENDOR_ARM, 0x08800020, 0},
    /* Rogue GE8320: softmax in f16 is off by 1.9e-2. source  github.com/EdVince/Hey-PowerVR-FP16 */
    {VENDOR_IMAGINATION, 0, NNCC_GPU_FLOAT16},
};
#define NUM_DRIVERS (sizeof drivers / sizeof drivers[0])

static int is_driver(uint32_t row, uint32_t vendor, uint32_t device) {
  return drivers[row].vendor == vendor && (!drivers[row].device || drivers[row].device == device);
}

const char *nncc_vulkan_refuse(const VkPhysicalDeviceProperties *properties) {
  if (properties->apiVersion < VK_API_VERSION_1_1)
    return "the GPU's driver is older than Vulkan 1.1";
  for (uint32_t i = 0; i < NUM_DRIVERS; ++i)
    if (!drivers[i].avoid && is_driver(i, properties->vendorID, properties->deviceID))
      return "this GPU's drivers mix up bindings";
  return NULL;
}

static int is_same(const char *a, const char *b) {
  while (*a && *a == *b)
    ++a, ++b;
  return *a == *b;
}

/* Whether a feature's structure may be asked for: by the version that took it in, or as an extension. */
static int has(const VkPhysicalDeviceProperties *properties, uint32_t version, const VkExtensionProperties *extensions,
               uint32_t count, const char *name, vk_feature_chain *chain) {
  if (properties->apiVersion >= version)
    return 1;
  for (uint32_t i = 0; i < count; ++i)
    if (is_same(extensions[i].extensionName, name)) {
      chain->names[chain->num_names++] = name;
      return 1;
    }
  return 0;
}

uint64_t nncc_vulkan_features(vk_state *vulkan, VkPhysicalDevice device, uint64_t wanted, vk_feature_chain *chain) {
  *chain = (vk_feature_chain){0};
  if (!wanted)
    return 0;
  VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
  vulkan->vk.vkGetPhysicalDeviceProperties2(device, &all);
  VkPhysicalDeviceProperties *properties = &all.properties;
  if (properties->apiVersion > vulkan->instance_version)
    properties->apiVersion = vulkan->instance_version;
  for (uint32_t i = 0; i < NUM_DRIVERS; ++i)
    if (is_driver(i, properties->vendorID, properties->deviceID))
      wanted &= ~drivers[i].avoid;

  uint32_t count = 0;
  vk_allocation list = {0};
  if (vulkan->vk.vkEnumerateDeviceExtensionProperties(device, NULL, &count, NULL) == VK_SUCCESS && count) {
    if (nncc_vulkan_map_system(count * sizeof(VkExtensionProperties), &list) != VK_SUCCESS)
      count = 0;
    else if (vulkan->vk.vkEnumerateDeviceExtensionProperties(device, NULL, &count,
                                                             (VkExtensionProperties *)list.address) != VK_SUCCESS)
      count = 0;
  }
  const VkExtensionProperties *extensions = (const VkExtensionProperties *)list.address;

  chain->basic.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
  chain->basic.pNext = &chain->storage16;
  chain->storage16.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES;
  void **last = &chain->storage16.pNext;
  if (wanted & NNCC_GPU_STORAGE8 &&
      has(properties, VK_API_VERSION_1_2, extensions, count, VK_KHR_8BIT_STORAGE_EXTENSION_NAME, chain)) {
    chain->storage8.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES;
    *last = &chain->storage8;
    last = &chain->storage8.pNext;
  }
  if (wanted & (NNCC_GPU_FLOAT16 | NNCC_GPU_INT8) &&
      has(properties, VK_API_VERSION_1_2, extensions, count, VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME, chain)) {
    chain->float16_int8.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES;
    *last = &chain->float16_int8;
    last = &chain->float16_int8.pNext;
  }
  if (wanted & NNCC_GPU_DOT_PRODUCT &&
      has(properties, VK_API_VERSION_1_3, extensions, count, VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME, chain)) {
    chain->dot_product.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES;
    *last = &chain->dot_product;
  }
  nncc_vulkan_unmap(vulkan, &list);
  vulkan->vk.vkGetPhysicalDeviceFeatures2(device, &chain->basic);

  /* What is offered stays set where it is wanted; nothing else does. */
  uint64_t enabled = 0;
  VkPhysicalDeviceFeatures basic = {0};
#define KEEP(bit, member)                                                                                              \
  do {                                                                                                                 \
    chain->member = wanted & (bit) ? chain->member : VK_FALSE;                                                         \
    enabled |= chain->member ? (bit) : 0;                                                                              \
  } while (0)
  KEEP(NNCC_GPU_INT16, basic.features.shaderInt16);
  KEEP(NNCC_GPU_INT64, basic.features.shaderInt64);
  KEEP(NNCC_GPU_STORAGE16, storage16.storageBuffer16BitAccess);
  KEEP(NNCC_GPU_STORAGE8, storage8.storageBuffer8BitAccess);
  KEEP(NNCC_GPU_FLOAT16, float16_int8.shaderFloat16);
  KEEP(NNCC_GPU_INT8, float16_int8.shaderInt8);
  KEEP(NNCC_GPU_DOT_PRODUCT, dot_product.shaderIntegerDotProduct);
#undef KEEP
  basic.shaderInt16 = chain->basic.features.shaderInt16;
  basic.shaderInt64 = chain->basic.features.shaderInt64;
  chain->basic.features = basic;
  chain->storage16.uniformAndStorageBuffer16BitAccess = VK_FALSE;
  chain->storage16.storagePushConstant16 = VK_FALSE;
  chain->storage16.storageInputOutput16 = VK_FALSE;
  chain->storage8.uniformAndStorageBuffer8BitAccess = VK_FALSE;
  chain->storage8.storagePushConstant8 = VK_FALSE;
  return enabled;
}
