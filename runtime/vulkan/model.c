/* Opens a model: constants, pipelines, sets, command buffers. All handles lie in
 * the words of its context. */
#include "runtime/vulkan/state.h"

/* Lays the arrays out behind the fixed words. */
static void lay_out(vk_model *model, const nncc_device_model *opened, uint64_t *words) {
  const nncc_device_program *program = opened->program;
  *model = (vk_model){.model = *opened};
  uint64_t *at = words + 64;
  model->pipelines = (VkPipeline *)at;
  at += program->num_functions;
  model->sets = (VkDescriptorSet *)at;
  at += program->num_dispatches;
  model->commands = (VkCommandBuffer *)at;
  at += program->num_segments;
  model->ports = (vk_port *)at;
  for (uint32_t i = 0; i < program->num_functions; ++i)
    model->pipelines[i] = VK_NULL_HANDLE;
  for (uint32_t i = 0; i < opened->num_inputs + opened->num_outputs; ++i)
    model->ports[i] = (vk_port){0};
  for (uint32_t i = 0; i < program->num_bindings; ++i) {
    vk_port *port = nncc_vulkan_port(model, &program->bindings[i]);
    if (port)
      port->is_used = 1;
  }
}

/* Why this device cannot run a program, or NULL. */
static const char *reason_against(const vk_state *vulkan, const nncc_device_model *opened) {
  const nncc_device_program *program = opened->program;
  if (program->size < sizeof *program || program->kind != NNCC_PROGRAM_SPIRV)
    return "the model has no program for Vulkan";
  if (opened->state_words < NNCC_DEVICE_STATE_WORDS(program->num_functions, program->num_dispatches,
                                                    program->num_segments, opened->num_inputs + opened->num_outputs))
    return "the model's context is too small";
  for (uint32_t i = 0; i < program->num_bindings; ++i)
    if (program->bindings[i].bytes > vulkan->max_range)
      return "a tensor is larger than what the GPU can bind (maxStorageBufferRange)";
  for (uint32_t i = 0; i < program->num_functions; ++i) {
    const nncc_device_function *function = &program->functions[i];
    uint32_t j = 0;
    while (j < function->num_variants && program->variants[function->first_variant + j].features & ~vulkan->features)
      ++j;
    if (j == function->num_variants)
      return "the GPU lacks a feature that the model needs";
  }
  return NULL;
}

static VkResult upload(vk_state *vulkan, vk_model *model) {
  const nncc_device_program *program = model->model.program;
  if (!program->num_uploads)
    return VK_SUCCESS;
  VkResult result = nncc_vulkan_map(vulkan, USE_CONSTANTS, program->constants_bytes, &model->constants);
  for (uint32_t i = 0; result == VK_SUCCESS && i < program->num_uploads; ++i) {
    const nncc_device_upload *piece = &program->uploads[i];
    const void *source = piece->is_table ? program->tables : model->model.weights;
    memcpy(model->constants.address + piece->byte_offset, (const uint8_t *)source + piece->source_offset, piece->bytes);
  }
  return result;
}

static VkResult make_pipeline(vk_state *vulkan, const nncc_device_program *program, uint32_t number,
                              VkPipeline *pipeline) {
  const vk_functions *vk = &vulkan->vk;
  const nncc_device_variant *variant = &program->variants[program->functions[number].first_variant];
  while (variant->features & ~vulkan->features)
    ++variant;
  VkShaderModuleCreateInfo code = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                   .codeSize = variant->num_words * sizeof(uint32_t),
                                   .pCode = program->words + variant->first_word};
  VkShaderModule shader;
  VkResult result = vk->vkCreateShaderModule(vulkan->logical_device, &code, NULL, &shader);
  if (result != VK_SUCCESS)
    return result;
  VkPipelineCreateFlags flags = 0;
  for (uint32_t i = 0; i < program->num_dispatches; ++i)
    if (program->dispatches[i].function == number && program->dispatches[i].first_group)
      flags = VK_PIPELINE_CREATE_DISPATCH_BASE_BIT;
  VkComputePipelineCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
                                      .flags = flags,
                                      .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                                .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                                                .module = shader,
                                                .pName = "main"},
                                      .layout = vulkan->pipeline_layout};
  result = vk->vkCreateComputePipelines(vulkan->logical_device, vulkan->cache, 1, &info, NULL, pipeline);
  if (result != VK_SUCCESS)
    *pipeline = VK_NULL_HANDLE;
  vk->vkDestroyShaderModule(vulkan->logical_device, shader, NULL);
  return result;
}

/* returns  VK_INCOMPLETE where the program cancels */
static VkResult make_pipelines(vk_state *vulkan, vk_model *model) {
  const nncc_vulkan_options *options = &vulkan->options;
  uint32_t total = model->model.program->num_functions;
  VkResult result = VK_SUCCESS;
  for (uint32_t i = 0; result == VK_SUCCESS && i < total; ++i) {
    if (options->on_progress && options->on_progress(options->user, i, total))
      return VK_INCOMPLETE;
    result = make_pipeline(vulkan, model->model.program, i, &model->pipelines[i]);
  }
  if (result == VK_SUCCESS && options->on_progress && options->on_progress(options->user, total, total))
    return VK_INCOMPLETE;
  return result;
}

static VkResult make_sets(vk_state *vulkan, vk_model *model) {
  const vk_functions *vk = &vulkan->vk;
  uint32_t count = model->model.program->num_dispatches;
  VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, count * NNCC_DEVICE_MAX_BINDINGS};
  VkDescriptorPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                     .maxSets = count,
                                     .poolSizeCount = 1,
                                     .pPoolSizes = &size};
  VkResult result = vk->vkCreateDescriptorPool(vulkan->logical_device, &pool, NULL, &model->descriptor_pool);
  if (result != VK_SUCCESS)
    model->descriptor_pool = VK_NULL_HANDLE;
  VkDescriptorSetAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                      .descriptorPool = model->descriptor_pool,
                                      .descriptorSetCount = 1,
                                      .pSetLayouts = &vulkan->set_layout};
  for (uint32_t i = 0; result == VK_SUCCESS && i < count; ++i)
    result = vk->vkAllocateDescriptorSets(vulkan->logical_device, &info, &model->sets[i]);
  return result;
}

static VkResult make_commands(vk_state *vulkan, vk_model *model) {
  const vk_functions *vk = &vulkan->vk;
  VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                  .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                  .queueFamilyIndex = vulkan->queue_family};
  VkResult result = vk->vkCreateCommandPool(vulkan->logical_device, &pool, NULL, &model->command_pool);
  if (result != VK_SUCCESS) {
    model->command_pool = VK_NULL_HANDLE;
    return result;
  }
  VkCommandBufferAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                      .commandPool = model->command_pool,
                                      .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                      .commandBufferCount = model->model.program->num_segments};
  result = vk->vkAllocateCommandBuffers(vulkan->logical_device, &info, model->commands);
  info.commandBufferCount = 1;
  if (result == VK_SUCCESS)
    result = vk->vkAllocateCommandBuffers(vulkan->logical_device, &info, &model->part);
  VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
  if (result == VK_SUCCESS) {
    result = vk->vkCreateFence(vulkan->logical_device, &fence, NULL, &model->fence);
    if (result != VK_SUCCESS)
      model->fence = VK_NULL_HANDLE;
  }
  return result;
}

/* Where the queue has no time stamps, or they cannot be had, fences tell the time. */
static void make_times(vk_state *vulkan, vk_model *model) {
  VkQueryPoolCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO, .queryType = VK_QUERY_TYPE_TIMESTAMP, .queryCount = 2};
  if (vulkan->options.on_times && vulkan->timestamp_bits &&
      vulkan->vk.vkCreateQueryPool(vulkan->logical_device, &info, NULL, &model->times) != VK_SUCCESS)
    model->times = VK_NULL_HANDLE;
}

/* Everything but the place in the list. */
static void destroy(vk_state *vulkan, vk_model *model) {
  const vk_functions *vk = &vulkan->vk;
  VkDevice device = vulkan->logical_device;
  /* What still runs after that much longer is not waited for: a driver ends it
   * together with its objects, and a leak would be for good. */
  if (model->is_pending)
    nncc_vulkan_wait(vulkan, model);
  if (model->times)
    vk->vkDestroyQueryPool(device, model->times, NULL);
  if (model->fence)
    vk->vkDestroyFence(device, model->fence, NULL);
  if (model->command_pool)
    vk->vkDestroyCommandPool(device, model->command_pool, NULL);
  if (model->descriptor_pool)
    vk->vkDestroyDescriptorPool(device, model->descriptor_pool, NULL);
  for (uint32_t i = 0; i < model->model.program->num_functions; ++i)
    if (model->pipelines[i])
      vk->vkDestroyPipeline(device, model->pipelines[i], NULL);
  nncc_vulkan_unmap(vulkan, &model->constants);
  nncc_vulkan_unmap(vulkan, &model->staging);
}

static VkResult make(vk_state *vulkan, vk_model *model) {
  VkResult result = upload(vulkan, model);
  if (result == VK_SUCCESS)
    result = make_pipelines(vulkan, model);
  if (result == VK_SUCCESS)
    result = make_sets(vulkan, model);
  if (result == VK_SUCCESS)
    result = make_commands(vulkan, model);
  if (result == VK_SUCCESS)
    make_times(vulkan, model);
  if (result == VK_ERROR_DEVICE_LOST)
    vulkan->is_lost = 1;
  return result;
}

/* The open model of these words or of this context, or NULL. */
static vk_model *find_model(vk_state *vulkan, const void *words, const void *context) {
  nncc_vulkan_lock(vulkan);
  vk_model *model = vulkan->models;
  while (model && model != words && model->model.context != context)
    model = model->next;
  nncc_vulkan_unlock(vulkan);
  return model;
}

void nncc_vulkan_close_model(vk_state *vulkan, vk_model *model) {
  nncc_vulkan_lock(vulkan);
  vk_model **at = &vulkan->models;
  while (*at != model)
    at = &(*at)->next;
  *at = model->next;
  nncc_vulkan_unlock(vulkan);
  vulkan->num_models--;
  *(uint64_t *)model->model.context = 0;
  destroy(vulkan, model);
}

void nncc_vulkan_release(nncc_vulkan *memory, void *context) {
  vk_state *vulkan = state_of(memory);
  vk_model *model = find_model(vulkan, NULL, context);
  if (model)
    nncc_vulkan_close_model(vulkan, model);
}

static nncc_status left_to_cpu(vk_state *vulkan, const char *reason, VkResult result) {
  vulkan->failures++;
  nncc_vulkan_say(vulkan, "M_init: ", reason, result);
  return vulkan->options.gpu_only ? NNCC_DEVICE_FAILED : NNCC_MORE;
}

nncc_status nncc_vulkan_open_model(nncc_device *device, const nncc_device_model *opened, uint64_t *words) {
  vk_state *vulkan = (vk_state *)device;
  vk_model *model = (vk_model *)words;
  vk_model *before = find_model(vulkan, words, opened->context);
  if (before && before->is_pending && nncc_vulkan_wait(vulkan, before) == VK_TIMEOUT)
    return NNCC_DEVICE_HUNG;
  if (before)
    nncc_vulkan_close_model(vulkan, before);
  if (vulkan->is_lost)
    return left_to_cpu(vulkan, "the device was lost", VK_SUCCESS);
  vk_allocation arena = {0};
  if (opened->arena_bytes) {
    vk_place place = nncc_vulkan_find(vulkan, opened->arena, opened->arena_bytes, &arena);
    if (place != PLACE_BINDABLE)
      return place == PLACE_ELSEWHERE ? NNCC_ARENA_NOT_OF_DEVICE : NNCC_ARENA_MISALIGNED;
  }
  const char *reason = reason_against(vulkan, opened);
  if (reason)
    return left_to_cpu(vulkan, reason, VK_SUCCESS);
  lay_out(model, opened, words);
  model->arena_buffer = arena.buffer;
  model->arena_memory = arena.memory;
  model->arena_offset = (uint64_t)((uintptr_t)opened->arena - (uintptr_t)arena.address);
  VkResult result = make(vulkan, model);
  if (result != VK_SUCCESS) {
    destroy(vulkan, model);
    return result == VK_INCOMPLETE ? NNCC_CANCELLED : left_to_cpu(vulkan, "Vulkan failed", result);
  }
  nncc_vulkan_lock(vulkan);
  model->next = vulkan->models;
  vulkan->models = model;
  nncc_vulkan_unlock(vulkan);
  vulkan->num_models++;
  nncc_vulkan_save_cache(vulkan);
  return NNCC_OK;
}
