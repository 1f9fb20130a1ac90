/* Where ports lie, and the command buffers that come of it. */
#include "runtime/vulkan/state.h"

vk_port *nncc_vulkan_port(vk_model *model, const nncc_device_range *range) {
  if (range->memory == NNCC_DEVICE_INPUT)
    return &model->ports[range->index];
  if (range->memory == NNCC_DEVICE_OUTPUT || range->memory == NNCC_DEVICE_FRESH_OUTPUT)
    return &model->ports[model->model.num_inputs + range->index];
  return NULL;
}

/* Follows the program's ports where they are copied: what is recorded knows where they lie for the device, and there
 * they stay. Returns whether that is not enough, and all is to be recorded again. */
static int follow_ports(vk_state *vulkan, vk_model *model, const void *const *ports, uint64_t generation) {
  if (!model->is_recorded || model->generation != generation)
    return 1;
  for (uint32_t i = 0; i < model->model.num_inputs + model->model.num_outputs; ++i) {
    vk_port *port = &model->ports[i];
    vk_allocation found = {0};
    if (!port->is_used || port->address == ports[i])
      continue;
    if (port->memory || nncc_vulkan_find(vulkan, ports[i], model->model.ports[i].bytes, &found) == PLACE_BINDABLE)
      return 1;
    port->address = ports[i];
  }
  return 0;
}

static uint64_t staged_bytes(uint64_t bytes) {
  return (bytes + NNCC_DEVICE_OFFSET_ALIGN - 1) / NNCC_DEVICE_OFFSET_ALIGN * NNCC_DEVICE_OFFSET_ALIGN;
}

/* Ports that do not lie in memory of the device get a place in one of the
 * model's own, with room for all, so that it is made once. */
static VkResult place_ports(vk_state *vulkan, vk_model *model, const void *const *ports) {
  const nncc_port *described = model->model.ports;
  uint64_t offset = 0;
  int is_staged = 0;
  for (uint32_t i = 0; i < model->model.num_inputs + model->model.num_outputs; ++i) {
    vk_port *port = &model->ports[i];
    vk_allocation found = {0};
    if (!port->is_used)
      continue;
    port->address = ports[i];
    if (nncc_vulkan_find(vulkan, ports[i], described[i].bytes, &found) == PLACE_BINDABLE) {
      port->buffer = found.buffer;
      port->memory = found.memory;
      port->offset = (uint64_t)((uintptr_t)ports[i] - (uintptr_t)found.address);
    } else {
      port->memory = VK_NULL_HANDLE;
      port->offset = offset;
      is_staged = 1;
    }
    offset += staged_bytes(described[i].bytes);
  }
  if (!is_staged)
    return VK_SUCCESS;
  if (!model->staging.address) {
    VkResult result = nncc_vulkan_map(vulkan, USE_SHARED, offset, &model->staging);
    if (result != VK_SUCCESS)
      return result;
  }
  for (uint32_t i = 0; i < model->model.num_inputs + model->model.num_outputs; ++i)
    if (model->ports[i].is_used && !model->ports[i].memory)
      model->ports[i].buffer = model->staging.buffer;
  return VK_SUCCESS;
}

static VkDescriptorBufferInfo place_of(vk_model *model, const nncc_device_range *range) {
  const vk_port *port = nncc_vulkan_port(model, range);
  if (port)
    return (VkDescriptorBufferInfo){port->buffer, port->offset + range->byte_offset, range->bytes};
  if (range->memory == NNCC_DEVICE_CONSTANTS)
    return (VkDescriptorBufferInfo){model->constants.buffer, range->byte_offset, range->bytes};
  return (VkDescriptorBufferInfo){model->arena_buffer, model->arena_offset + range->byte_offset, range->bytes};
}

static void bind(vk_state *vulkan, vk_model *model, uint32_t number) {
  const nncc_device_program *program = model->model.program;
  const nncc_device_dispatch *dispatch = &program->dispatches[number];
  VkDescriptorBufferInfo places[NNCC_DEVICE_MAX_BINDINGS];
  uint32_t count = program->functions[dispatch->function].num_bindings;
  for (uint32_t i = 0; i < count; ++i)
    places[i] = place_of(model, &program->bindings[dispatch->first_binding + i]);
  VkWriteDescriptorSet write = {.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                .dstSet = model->sets[number],
                                .descriptorCount = count, /* goes on to the next bindings */
                                .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                .pBufferInfo = places};
  if (count)
    vulkan->vk.vkUpdateDescriptorSets(vulkan->logical_device, 1, &write, 0, NULL);
}

static void wait_for_writes(const vk_state *vulkan, VkCommandBuffer commands, VkPipelineStageFlags stages,
                            VkAccessFlags accesses) {
  VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                             .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
                             .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT | accesses};
  vulkan->vk.vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                                  VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | stages, 0, 1, &barrier, 0, NULL, 0, NULL);
}

VkResult nncc_vulkan_record_part(vk_state *vulkan, vk_model *model, VkCommandBuffer commands, uint32_t first,
                                 uint32_t count) {
  const vk_functions *vk = &vulkan->vk;
  const nncc_device_program *program = model->model.program;
  uint32_t bound = UINT32_MAX;
  VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
  VkResult result = vk->vkBeginCommandBuffer(commands, &begin);
  if (result != VK_SUCCESS)
    return result;
  if (model->times) {
    vk->vkCmdResetQueryPool(commands, model->times, 0, 2);
    vk->vkCmdWriteTimestamp(commands, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, model->times, 0);
  }
  for (uint32_t i = program->first_dispatch[first]; i < program->first_dispatch[first + count]; ++i) {
    const nncc_device_dispatch *dispatch = &program->dispatches[i];
    uint32_t num_push_constants = program->functions[dispatch->function].num_push_constants;
    if (count > 1 && dispatch->flags & NNCC_DISPATCH_UNREAD)
      continue; /* several kernels at once: nobody looks in between */
    if (dispatch->flags & NNCC_DISPATCH_BARRIER)
      wait_for_writes(vulkan, commands, 0, 0);
    if (dispatch->function != bound)
      vk->vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, model->pipelines[dispatch->function]);
    bound = dispatch->function;
    vk->vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, vulkan->pipeline_layout, 0, 1,
                                &model->sets[i], 0, NULL);
    if (num_push_constants)
      vk->vkCmdPushConstants(commands, vulkan->pipeline_layout, VK_SHADER_STAGE_COMPUTE_BIT, 0,
                             num_push_constants * sizeof(uint32_t),
                             program->push_constants + dispatch->first_push_constant);
    if (dispatch->first_group)
      vk->vkCmdDispatchBase(commands, dispatch->flags & NNCC_DISPATCH_PART_X ? dispatch->first_group : 0,
                            dispatch->flags & NNCC_DISPATCH_PART_Y ? dispatch->first_group : 0, 0, dispatch->groups[0],
                            dispatch->groups[1], dispatch->groups[2]);
    else
      vk->vkCmdDispatch(commands, dispatch->groups[0], dispatch->groups[1], dispatch->groups[2]);
  }
  if (model->times)
    vk->vkCmdWriteTimestamp(commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, model->times, 1);
  /* For the CPU, and for what is submitted later. */
  wait_for_writes(vulkan, commands, VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT | VK_ACCESS_HOST_WRITE_BIT);
  return vk->vkEndCommandBuffer(commands);
}

VkResult nncc_vulkan_record(vk_state *vulkan, vk_model *model, const void *const *ports) {
  const nncc_device_program *program = model->model.program;
  uint64_t generation = vulkan->generation;
  if (!follow_ports(vulkan, model, ports, generation))
    return VK_SUCCESS;
  model->is_recorded = 0;
  VkResult result = place_ports(vulkan, model, ports);
  if (result == VK_SUCCESS)
    result = vulkan->vk.vkResetCommandPool(vulkan->logical_device, model->command_pool, 0);
  if (result != VK_SUCCESS)
    return result;
  for (uint32_t i = 0; i < program->num_dispatches; ++i)
    bind(vulkan, model, i);
  for (uint32_t i = 0; i < program->num_segments && result == VK_SUCCESS; ++i)
    result = nncc_vulkan_record_part(vulkan, model, model->commands[i], program->segments[i].first_kernel,
                                     program->segments[i].num_kernels);
  model->is_recorded = result == VK_SUCCESS;
  model->generation = generation;
  return result;
}
