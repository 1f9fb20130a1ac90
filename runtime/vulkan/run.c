/* Runs kernels: hands memory over, submits, waits, takes memory back. */
#include "runtime/vulkan/state.h"

/* Ranges that are flushed or invalidated by one call. */
typedef struct vk_ranges {
  PFN_vkFlushMappedMemoryRanges call; /* both functions have this type */
  uint32_t count;
  VkMappedMemoryRange list[16];
} vk_ranges;

static VkResult call_ranges(const vk_state *vulkan, vk_ranges *ranges) {
  uint32_t count = ranges->count;
  ranges->count = 0;
  return count && vulkan->needs_flush ? ranges->call(vulkan->logical_device, count, ranges->list) : VK_SUCCESS;
}

static VkResult add_range(const vk_state *vulkan, vk_ranges *ranges, VkDeviceMemory memory, uint64_t begin,
                          uint64_t bytes) {
  VkResult result =
      ranges->count == sizeof ranges->list / sizeof ranges->list[0] ? call_ranges(vulkan, ranges) : VK_SUCCESS;
  uint64_t start = begin / vulkan->atom * vulkan->atom,
           end = (begin + bytes + vulkan->atom - 1) / vulkan->atom * vulkan->atom;
  ranges->list[ranges->count++] = (VkMappedMemoryRange){
      .sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE, .memory = memory, .offset = start, .size = end - start};
  return result;
}

static VkResult add_arena(const vk_state *vulkan, vk_ranges *ranges, const vk_model *model) {
  uint64_t bytes = model->model.arena_bytes;
  return bytes ? add_range(vulkan, ranges, model->arena_memory, model->arena_offset, bytes) : VK_SUCCESS;
}

static VkResult add_hand_over(const vk_state *vulkan, vk_ranges *ranges, vk_model *model,
                              const nncc_device_range *range) {
  const vk_port *port = nncc_vulkan_port(model, range);
  if (port && !port->is_used)
    return VK_SUCCESS; /* an operand that no function reads has no place */
  if (!port)
    return add_range(vulkan, ranges, model->arena_memory, model->arena_offset + range->byte_offset, range->bytes);
  return add_range(vulkan, ranges, port->memory ? port->memory : model->staging.memory,
                   port->offset + range->byte_offset, range->bytes);
}

/* Copies the part of a port that does not lie in memory of the device, there or back. */
static void copy(vk_state *vulkan, vk_model *model, const nncc_device_range *range, int is_back) {
  const vk_port *port = nncc_vulkan_port(model, range);
  if (!port || port->memory || !port->is_used)
    return;
  uint8_t *outside = (uint8_t *)(uintptr_t)port->address + range->byte_offset,
          *inside = model->staging.address + port->offset + range->byte_offset;
  memcpy(is_back ? outside : inside, is_back ? inside : outside, range->bytes);
  vulkan->copied += range->bytes;
}

/* Before the first segment, all of the arena: programs and other models may have
 * written there, and caches would write that back over what the device writes. */
static VkResult give(vk_state *vulkan, vk_model *model, const nncc_device_segment *segment, int is_first,
                     uint32_t is_watched) {
  vk_ranges ranges = {.call = vulkan->vk.vkFlushMappedMemoryRanges};
  int is_all = is_watched || segment == model->model.program->segments;
  VkResult result = is_all ? add_arena(vulkan, &ranges, model) : VK_SUCCESS;
  const nncc_device_range *range = model->model.program->ranges + segment->first_range;
  for (uint32_t i = 0; is_first && i < segment->num_give && result == VK_SUCCESS; ++i, ++range) {
    if (range->memory != NNCC_DEVICE_FRESH_OUTPUT)
      copy(vulkan, model, range, 0);
    result = add_hand_over(vulkan, &ranges, model, range);
  }
  return result == VK_SUCCESS ? call_ranges(vulkan, &ranges) : result;
}

static VkResult take(vk_state *vulkan, vk_model *model, const nncc_device_segment *segment, int is_last,
                     uint32_t is_watched) {
  vk_ranges ranges = {.call = vulkan->vk.vkInvalidateMappedMemoryRanges};
  VkResult result = is_watched ? add_arena(vulkan, &ranges, model) : VK_SUCCESS;
  const nncc_device_range *first = model->model.program->ranges + segment->first_range + segment->num_give;
  uint32_t count = is_last || is_watched ? segment->num_take : 0;
  for (uint32_t i = 0; i < count && result == VK_SUCCESS; ++i)
    result = add_hand_over(vulkan, &ranges, model, first + i);
  if (result == VK_SUCCESS)
    result = call_ranges(vulkan, &ranges);
  for (uint32_t i = 0; i < count && result == VK_SUCCESS; ++i)
    copy(vulkan, model, first + i, 1);
  return result;
}

VkResult nncc_vulkan_wait(vk_state *vulkan, vk_model *model) {
  uint64_t milliseconds = vulkan->options.timeout_ms ? vulkan->options.timeout_ms : 10000;
  for (int i = 0;; ++i) {
    VkResult result =
        vulkan->vk.vkWaitForFences(vulkan->logical_device, 1, &model->fence, VK_TRUE, milliseconds * 1000000);
    if (result == VK_SUCCESS || result == VK_ERROR_DEVICE_LOST) {
      model->is_pending = 0;
      model->is_signaled = 1;
      return result;
    }
    if (result == VK_TIMEOUT || i == 3)
      return VK_TIMEOUT; /* it runs on, as far as anybody knows */
  }
}

static VkResult submit(vk_state *vulkan, vk_model *model, VkCommandBuffer commands) {
  const nncc_vulkan_options *options = &vulkan->options;
  VkResult result =
      model->is_signaled ? vulkan->vk.vkResetFences(vulkan->logical_device, 1, &model->fence) : VK_SUCCESS;
  if (result != VK_SUCCESS)
    return result;
  model->is_signaled = 0;
  VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &commands};
  if (options->lock_queue)
    options->lock_queue(options->user);
  else
    pthread_mutex_lock(&vulkan->queue_mutex);
  result = vulkan->vk.vkQueueSubmit(vulkan->queue, 1, &info, model->fence);
  if (options->lock_queue)
    options->unlock_queue(options->user);
  else
    pthread_mutex_unlock(&vulkan->queue_mutex);
  vulkan->submissions++;
  if (result != VK_SUCCESS)
    return result;
  model->is_pending = 1;
  return nncc_vulkan_wait(vulkan, model);
}

/* Nanoseconds; 0 where nobody wants to know. */
static uint64_t now(const vk_state *vulkan) {
  struct timespec time;
  if (!vulkan->options.on_times || clock_gettime(CLOCK_MONOTONIC, &time) != 0)
    return 0;
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Nanoseconds of the last submission by the GPU's clock; 0: it has none. */
static uint64_t gpu_time(vk_state *vulkan, vk_model *model) {
  uint64_t stamps[2], valid = vulkan->timestamp_bits < 64 ? (UINT64_C(1) << vulkan->timestamp_bits) - 1 : UINT64_MAX;
  if (!model->times || vulkan->vk.vkGetQueryPoolResults(vulkan->logical_device, model->times, 0, 2, sizeof stamps,
                                                        stamps, sizeof stamps[0], VK_QUERY_RESULT_64_BIT) != VK_SUCCESS)
    return 0;
  return (uint64_t)((double)((stamps[1] - stamps[0]) & valid) * vulkan->timestamp_period);
}

static uint32_t find_segment(const nncc_device_program *program, uint32_t kernel) {
  uint32_t low = 0, high = program->num_segments;
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    *(program->segments[middle].first_kernel <= kernel ? &low : &high) = middle;
  }
  return low;
}

static VkResult run(vk_state *vulkan, vk_model *model, const void *const *ports, uint32_t first, uint32_t count,
                    uint32_t is_watched) {
  VkResult result = nncc_vulkan_record(vulkan, model, ports);
  if (result != VK_SUCCESS)
    return result;
  uint32_t number = find_segment(model->model.program, first);
  const nncc_device_segment *segment = &model->model.program->segments[number];
  int is_first = first == segment->first_kernel,
      is_last = first + count == segment->first_kernel + segment->num_kernels;
  VkCommandBuffer commands = model->commands[number];
  if (!is_first || !is_last) {
    commands = model->part;
    result = nncc_vulkan_record_part(vulkan, model, commands, first, count);
  }
  nncc_vulkan_times times = {.first_kernel = first, .num_kernels = count};
  uint64_t start = now(vulkan);
  if (result == VK_SUCCESS)
    result = give(vulkan, model, segment, is_first, is_watched);
  uint64_t given = now(vulkan);
  if (result == VK_SUCCESS)
    result = submit(vulkan, model, commands);
  uint64_t done = now(vulkan);
  if (result == VK_SUCCESS)
    result = take(vulkan, model, segment, is_last, is_watched);
  if (result == VK_SUCCESS && vulkan->options.on_times) {
    times.give = given - start;
    times.submit = done - given;
    times.gpu = gpu_time(vulkan, model);
    times.take = now(vulkan) - done;
    vulkan->options.on_times(vulkan->options.user, &times);
  }
  return result;
}

/* Whether an input lay where a lost device may have left anything. */
static int has_lost_input(vk_state *vulkan, const vk_model *model, const void *const *ports) {
  vk_allocation found;
  for (uint32_t i = 0; i < model->model.num_inputs; ++i)
    if (model->model.ports[i].bytes && nncc_vulkan_find(vulkan, ports[i], 1, &found) != PLACE_ELSEWHERE)
      return 1;
  return 0;
}

nncc_status nncc_vulkan_run_model(nncc_device *device, uint64_t *words, const void *const *ports, uint32_t first,
                                  uint32_t count, uint32_t is_watched) {
  vk_state *vulkan = (vk_state *)device;
  vk_model *model = (vk_model *)words;
  if (model->is_pending)
    return NNCC_DEVICE_HUNG;
  VkResult result = vulkan->is_lost ? VK_ERROR_DEVICE_LOST : run(vulkan, model, ports, first, count, is_watched);
  if (result == VK_SUCCESS)
    return NNCC_OK;
  vulkan->failures++;
  /* The first run that notices a loss: what is written from now on stays. */
  int is_lost = result == VK_ERROR_DEVICE_LOST, is_news = is_lost && !model->knows_loss;
  if (is_news || !is_lost)
    nncc_vulkan_say(vulkan, "M_run", "", result);
  if (is_lost)
    vulkan->is_lost = model->knows_loss = 1;
  if (model->is_pending)
    return NNCC_DEVICE_HUNG;
  if (vulkan->options.gpu_only)
    return NNCC_DEVICE_FAILED;
  return is_news && has_lost_input(vulkan, model, ports) ? NNCC_DEVICE_LOST : NNCC_MORE;
}
