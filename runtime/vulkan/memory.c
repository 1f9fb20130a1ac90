/* Memory that CPU and GPU share, and the GPU's own for constants: a buffer and a
 * mapped memory each. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "runtime/vulkan/state.h"

static uint64_t round_up(uint64_t bytes, uint64_t align) { return (bytes + align - 1) / align * align; }

/* How good a type of memory is, 0: not at all.
 *
 * Shared memory is read by CPU kernels and the program, which is slow where the
 * CPU does not cache it; coherent memory spares flushing (Arm 101897, "Vulkan CPU
 * memory mapping"). Constants are written once, by the CPU, and read by the GPU. */
static uint32_t rate(VkMemoryPropertyFlags flags, vk_use use) {
  const VkMemoryPropertyFlags coherent = VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
                              cached = VK_MEMORY_PROPERTY_HOST_CACHED_BIT, local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
  if (!(flags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) ||
      flags & ~(VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | coherent | cached | local))
    return 0;
  if (use == USE_CONSTANTS)
    return flags & coherent ? 1 + 2 * !!(flags & local) + !(flags & cached) : 0;
  return 1 + 4 * !!(flags & cached) + 2 * !!(flags & coherent) + !!(flags & local);
}

/* The best type among `types` that is worse than `below`; ties go to the first. */
static uint32_t best_type(const vk_state *vulkan, uint32_t types, vk_use use, uint32_t below, uint32_t *rating) {
  uint32_t best = 0;
  *rating = 0;
  for (uint32_t i = 0; i < vulkan->memories.memoryTypeCount; ++i) {
    uint32_t rated = rate(vulkan->memories.memoryTypes[i].propertyFlags, use);
    if (types >> i & 1 && rated < below && rated > *rating) {
      best = i;
      *rating = rated;
    }
  }
  return best;
}

static VkResult allocate(vk_state *vulkan, vk_use use, vk_allocation *allocation) {
  const vk_functions *vk = &vulkan->vk;
  VkDevice device = vulkan->logical_device;
  VkMemoryRequirements needs;
  vk->vkGetBufferMemoryRequirements(device, allocation->buffer, &needs);
  VkResult result = VK_ERROR_OUT_OF_DEVICE_MEMORY;
  /* A heap that the CPU sees of a card's memory may be small. */
  for (uint32_t rating = UINT32_MAX;;) {
    uint32_t type = best_type(vulkan, needs.memoryTypeBits, use, rating, &rating);
    if (!rating)
      return result;
    VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                 .allocationSize = round_up(needs.size, ALLOCATION_ALIGN),
                                 .memoryTypeIndex = type};
    result = vk->vkAllocateMemory(device, &info, NULL, &allocation->memory);
    if (result == VK_SUCCESS) {
      allocation->memory_bytes = info.allocationSize;
      vulkan->memory_bytes += info.allocationSize;
      if (use == USE_SHARED &&
          !(vulkan->memories.memoryTypes[type].propertyFlags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT))
        vulkan->needs_flush = 1;
      break;
    }
    allocation->memory = VK_NULL_HANDLE;
    if (result != VK_ERROR_OUT_OF_DEVICE_MEMORY)
      return result;
  }
  result = vk->vkBindBufferMemory(device, allocation->buffer, allocation->memory, 0);
  void *address = NULL;
  if (result == VK_SUCCESS)
    result = vk->vkMapMemory(device, allocation->memory, 0, VK_WHOLE_SIZE, 0, &address);
  allocation->address = (uint8_t *)address;
  return result;
}

/* Of an allocation: no buffer may be empty. 0: more than there can be. */
static uint64_t size_of(uint64_t bytes) {
  return bytes > UINT64_MAX / 2 ? 0 : bytes ? round_up(bytes, ALLOCATION_ALIGN) : ALLOCATION_ALIGN;
}

VkResult nncc_vulkan_map_system(uint64_t bytes, vk_allocation *allocation) {
  *allocation = (vk_allocation){0};
  uint64_t size = size_of(bytes);
  void *address = size ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
  if (address == MAP_FAILED)
    return VK_ERROR_OUT_OF_HOST_MEMORY;
  allocation->address = (uint8_t *)address;
  allocation->bytes = size;
  return VK_SUCCESS;
}

VkResult nncc_vulkan_map(vk_state *vulkan, vk_use use, uint64_t bytes, vk_allocation *allocation) {
  *allocation = (vk_allocation){.bytes = size_of(bytes)};
  if (!allocation->bytes)
    return VK_ERROR_OUT_OF_DEVICE_MEMORY;
  VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                             .size = allocation->bytes,
                             .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
                             .sharingMode = VK_SHARING_MODE_EXCLUSIVE};
  VkResult result = vulkan->vk.vkCreateBuffer(vulkan->logical_device, &info, NULL, &allocation->buffer);
  if (result != VK_SUCCESS) {
    *allocation = (vk_allocation){0};
    return result;
  }
  result = allocate(vulkan, use, allocation);
  if (result != VK_SUCCESS)
    nncc_vulkan_unmap(vulkan, allocation);
  return result;
}

void nncc_vulkan_unmap(vk_state *vulkan, vk_allocation *allocation) {
  if (allocation->buffer)
    vulkan->vk.vkDestroyBuffer(vulkan->logical_device, allocation->buffer, NULL);
  if (allocation->memory) { /* freed memory is unmapped */
    vulkan->vk.vkFreeMemory(vulkan->logical_device, allocation->memory, NULL);
    vulkan->memory_bytes -= allocation->memory_bytes;
  } else if (allocation->address)
    munmap(allocation->address, allocation->bytes);
  *allocation = (vk_allocation){0};
}

vk_place nncc_vulkan_find(vk_state *vulkan, const void *address, uint64_t bytes, vk_allocation *allocation) {
  vk_place place = PLACE_ELSEWHERE;
  uintptr_t begin = (uintptr_t)address;
  nncc_vulkan_lock(vulkan);
  for (uint32_t i = 0; i < NNCC_VULKAN_MAX_ALLOCATIONS; ++i) {
    const vk_allocation *candidate = &vulkan->allocations[i];
    uintptr_t start = (uintptr_t)candidate->address;
    if (!candidate->memory || begin < start || begin - start >= candidate->bytes)
      continue;
    *allocation = *candidate;
    place = bytes > candidate->bytes - (begin - start) || (begin - start) % vulkan->offset_align ? PLACE_UNBINDABLE
                                                                                                 : PLACE_BINDABLE;
  }
  nncc_vulkan_unlock(vulkan);
  return place;
}

void *nncc_vulkan_allocate(nncc_vulkan *memory, uint64_t bytes) {
  vk_state *vulkan = state_of(memory);
  void *address = NULL;
  VkResult result = VK_ERROR_TOO_MANY_OBJECTS;
  nncc_vulkan_lock(vulkan);
  for (uint32_t i = 0; i < NNCC_VULKAN_MAX_ALLOCATIONS; ++i)
    if (!vulkan->allocations[i].address) {
      result = vulkan->logical_device && !vulkan->is_lost
                   ? nncc_vulkan_map(vulkan, USE_SHARED, bytes, &vulkan->allocations[i])
                   : nncc_vulkan_map_system(bytes, &vulkan->allocations[i]);
      address = vulkan->allocations[i].address;
      vulkan->generation++;
      break;
    }
  nncc_vulkan_unlock(vulkan);
  if (!address)
    nncc_vulkan_say(vulkan, "nncc_vulkan_allocate", "", result);
  return address;
}

void nncc_vulkan_free(nncc_vulkan *memory, void *address) {
  vk_state *vulkan = state_of(memory);
  nncc_vulkan_lock(vulkan);
  for (uint32_t i = 0; address && i < NNCC_VULKAN_MAX_ALLOCATIONS; ++i)
    if (vulkan->allocations[i].address == address) {
      nncc_vulkan_unmap(vulkan, &vulkan->allocations[i]);
      vulkan->generation++;
    }
  nncc_vulkan_unlock(vulkan);
}
