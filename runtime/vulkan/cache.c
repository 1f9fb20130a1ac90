/* Compiled pipelines that outlive the program. Drivers have crashed on blobs of
 * their own that were damaged or of another version: what is not exactly what
 * this driver gave, it never sees. */
#include "runtime/vulkan/state.h"

typedef struct cache_header {
  char magic[8]; /* "nnccvkc1" */
  uint64_t bytes;
  uint64_t hash; /* of all that follows */
  uint32_t vendor_id, device_id, driver_version, api_version;
  uint8_t cache_uuid[VK_UUID_SIZE], driver_uuid[VK_UUID_SIZE], device_uuid[VK_UUID_SIZE];
} cache_header;
_Static_assert(sizeof(cache_header) % sizeof(uint64_t) == 0, "the driver's own data is as aligned as the whole");
#define HASHED offsetof(cache_header, vendor_id)

/* FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv */
static uint64_t hash_of(const uint8_t *bytes, uint64_t count) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (uint64_t i = 0; i < count; ++i)
    hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
  return hash;
}

static void fill(const vk_state *vulkan, cache_header *header, uint64_t bytes) {
  *header = (cache_header){{'n', 'n', 'c', 'c', 'v', 'k', 'c', '1'},
                           bytes,
                           0,
                           vulkan->vendor_id,
                           vulkan->device_id,
                           vulkan->driver_version,
                           vulkan->api_version,
                           {0},
                           {0},
                           {0}};
  memcpy(header->cache_uuid, vulkan->cache_uuid, VK_UUID_SIZE);
  memcpy(header->driver_uuid, vulkan->driver_uuid, VK_UUID_SIZE);
  memcpy(header->device_uuid, vulkan->device_uuid, VK_UUID_SIZE);
}

static int is_ours(const vk_state *vulkan, const uint8_t *data, uint64_t bytes) {
  if (!data || (uintptr_t)data % sizeof(uint64_t) || bytes <= sizeof(cache_header))
    return 0;
  cache_header expected;
  fill(vulkan, &expected, bytes);
  expected.hash = hash_of(data + HASHED, bytes - HASHED);
  const uint8_t *wanted = (const uint8_t *)&expected;
  for (uint32_t i = 0; i < sizeof expected; ++i)
    if (data[i] != wanted[i])
      return 0;
  return 1;
}

void nncc_vulkan_open_cache(vk_state *vulkan) {
  const nncc_vulkan_options *options = &vulkan->options;
  if (!options->load_cache && !options->store_cache)
    return;
  uint64_t bytes = 0;
  const uint8_t *data = options->load_cache ? (const uint8_t *)options->load_cache(options->user, &bytes) : NULL;
  VkPipelineCacheCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
  if (is_ours(vulkan, data, bytes)) {
    info.initialDataSize = bytes - sizeof(cache_header);
    info.pInitialData = data + sizeof(cache_header);
  }
  VkResult result = vulkan->vk.vkCreatePipelineCache(vulkan->logical_device, &info, NULL, &vulkan->cache);
  if (result != VK_SUCCESS) {
    vulkan->cache = VK_NULL_HANDLE; /* pipelines are compiled all the same */
    nncc_vulkan_say(vulkan, "vkCreatePipelineCache", "", result);
    return;
  }
  vulkan->stored_bytes = info.initialDataSize;
}

/* Caches only grow: the same size is the same contents. */
void nncc_vulkan_save_cache(vk_state *vulkan) {
  const nncc_vulkan_options *options = &vulkan->options;
  if (!options->store_cache || !vulkan->cache)
    return;
  nncc_vulkan_lock(vulkan);
  size_t bytes = 0;
  vk_allocation blob = {0};
  VkResult result = vulkan->vk.vkGetPipelineCacheData(vulkan->logical_device, vulkan->cache, &bytes, NULL);
  if (result == VK_SUCCESS && bytes != vulkan->stored_bytes) {
    result = nncc_vulkan_map_system(sizeof(cache_header) + bytes, &blob);
    if (result == VK_SUCCESS)
      result = vulkan->vk.vkGetPipelineCacheData(vulkan->logical_device, vulkan->cache, &bytes,
                                                 blob.address + sizeof(cache_header));
    if (result == VK_SUCCESS) {
      cache_header *header = (cache_header *)blob.address;
      fill(vulkan, header, sizeof *header + bytes);
      header->hash = hash_of(blob.address + HASHED, header->bytes - HASHED);
      options->store_cache(options->user, blob.address, header->bytes);
      vulkan->stored_bytes = bytes;
    }
    nncc_vulkan_unmap(vulkan, &blob);
  }
  nncc_vulkan_unlock(vulkan);
  if (result != VK_SUCCESS)
    nncc_vulkan_say(vulkan, "the cache of pipelines is not stored", "", result);
}
