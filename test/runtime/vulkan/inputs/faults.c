/* The Vulkan half with the driver that counts and fails: whatever fails, a status or the right numbers, and nothing
 * left behind. */
#include "driver.h"
#include "toy.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(what)                                                                                                  \
  do {                                                                                                                 \
    if (!(what)) {                                                                                                     \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, doing, #what);                                            \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)

static char doing[200]; /* for messages */
static char last_message[200];
static nncc_vulkan vulkan;
static nncc_vulkan_options wanted;
static toy_context context;
/* Ports of the program's own, and in memory of the device. */
typedef struct ports {
  float *x, *y, *s, *t;
} ports;
static float memory[2 * TOY_N + 2 * TOY_S], other_memory[2 * TOY_N + 2 * TOY_S];
static const ports own = {memory, memory + TOY_N, memory + 2 * TOY_N, memory + 2 * TOY_N + TOY_S};
static const ports other_own = {other_memory + 2 * TOY_S, other_memory + 2 * TOY_S + TOY_N, other_memory,
                                other_memory + TOY_S};
static float *shared_memory;
static ports shared;

static void on_message(void *user, const char *text) {
  (void)user;
  snprintf(last_message, sizeof last_message, "%s", text);
}

/* What the driver's clock says of each submission, where it has one. */
static unsigned times_seen;
static uint64_t gpu_time;
static void on_times(void *user, const nncc_vulkan_times *times) {
  (void)user;
  ++times_seen;
  REQUIRE(times->num_kernels && times->first_kernel + times->num_kernels <= TOY_KERNELS);
  gpu_time = times->gpu;
}

/* A fresh driver; settings are changed after this and before create(). */
static void begin(const char *what) {
  snprintf(doing, sizeof doing, "%s", what);
  driver_reset();
  last_message[0] = 0;
  toy_cpu_kernels = 0;
  times_seen = 0;
  wanted = (nncc_vulkan_options){.size = sizeof wanted, .on_message = on_message, .timeout_ms = 5};
  *(void **)&wanted.get_instance_proc_addr = *(void **)&(PFN_vkGetInstanceProcAddr){driver_get_instance_proc_addr};
}

static nncc_status create(void) { return nncc_vulkan_create(&vulkan, &wanted); }

static void end(void) {
  nncc_vulkan_destroy(&vulkan);
  REQUIRE(driver_live() == 0 && driver_bytes() == 0 && driver_complaints() == 0);
}

static nncc_status init_at(void *arena) {
  nncc_options options = {.size = sizeof options, .device = nncc_vulkan_device(&vulkan)};
  return toy_init(&context, arena, TOY_ARENA_BYTES, &options);
}

static void *arena_of_device(void) {
  void *arena = nncc_vulkan_allocate(&vulkan, TOY_ARENA_BYTES);
  if (arena)
    memset(arena, 0xff, TOY_ARENA_BYTES); /* NaN */
  return arena;
}

static int share_ports(void) {
  shared_memory = nncc_vulkan_allocate(&vulkan, 1024 * sizeof(float));
  if (!shared_memory)
    return 0;
  shared = (ports){shared_memory, shared_memory + 256, shared_memory + 512, shared_memory + 768};
  return 1;
}

/* Runs once; if that is said to be fine, the numbers are right. */
static void fill(uint32_t seed, ports at) {
  toy_fill(at.x, seed);
  memset(at.y, 0xff, TOY_N * 4);
  memset(at.s, 0xff, TOY_S * 4);
  memset(at.t, 0xff, TOY_S * 4);
}

static nncc_status run(uint32_t seed, ports at) {
  fill(seed, at);
  nncc_status status = toy_run(&context, at.x, at.y, at.s, at.t);
  REQUIRE(status != NNCC_OK || toy_is_right(seed, at.y, at.s, at.t));
  return status;
}

/* What the program keeps of the cache. */
static uint64_t blob[64];
static uint64_t blob_bytes;
static unsigned stores;

static const void *load_cache(void *user, uint64_t *bytes) {
  (void)user;
  *bytes = blob_bytes;
  return blob_bytes ? blob : NULL;
}

static void store_cache(void *user, const void *data, uint64_t bytes) {
  (void)user;
  REQUIRE(bytes <= sizeof blob);
  memcpy(blob, data, bytes);
  blob_bytes = bytes;
  ++stores;
}

/* Everything that a program does, as far as it comes. */
static unsigned whole_life(int is_shared) {
  unsigned bad = 0;
  if (create() > NNCC_DEVICE_FAILED)
    return 1;
  void *arena = arena_of_device();
  if (share_ports() && arena && init_at(arena) == NNCC_OK) {
    for (uint32_t seed = 0; seed < 3; ++seed) {
      nncc_status status = run(seed, is_shared ? shared : own);
      REQUIRE(status == NNCC_OK || status == NNCC_DEVICE_LOST || status == NNCC_DEVICE_HUNG);
      REQUIRE(status != NNCC_DEVICE_LOST || is_shared);
      bad += status != NNCC_OK;
    }
    nncc_vulkan_release(&vulkan, &context);
  } else
    bad = 3;
  nncc_vulkan_free(&vulkan, arena);
  end();
  return bad;
}

static void every_failure(void) {
  const VkResult codes[] = {VK_ERROR_OUT_OF_HOST_MEMORY,
                            VK_ERROR_OUT_OF_DEVICE_MEMORY,
                            VK_ERROR_INITIALIZATION_FAILED,
                            VK_ERROR_DEVICE_LOST,
                            VK_ERROR_UNKNOWN,
                            VK_ERROR_TOO_MANY_OBJECTS,
                            VK_ERROR_MEMORY_MAP_FAILED,
                            VK_ERROR_FEATURE_NOT_PRESENT};
  static const nncc_model *const models[] = {&toy_model};
  unsigned cases = 0;
  toy_program.features = NNCC_GPU_FLOAT16;
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; ++i)
    for (int is_shared = 0; is_shared < 2; ++is_shared)
      for (int is_incoherent = 0; is_incoherent < 2; ++is_incoherent)
        for (unsigned call = 1;; ++call, ++cases) {
          begin("every failure");
          snprintf(doing, sizeof doing, "call %u returns %d%s%s", call, codes[i], is_shared ? ", shared ports" : "",
                   is_incoherent ? ", incoherent" : "");
          driver.fail_at = call;
          driver.fail_with = codes[i];
          driver.is_incoherent = is_incoherent;
          wanted.load_cache = load_cache;
          wanted.store_cache = store_cache;
          wanted.on_times = on_times;
          blob_bytes = 0;
          wanted.models = models;
          wanted.num_models = 1;
          unsigned bad = whole_life(is_shared);
          if (driver_calls() < call) {
            REQUIRE(!bad && last_message[0] == 0);
            break;
          }
          /* One failure spoils one run at most, save where there was no memory for the arena. */
          REQUIRE(bad <= 1 || bad == 3);
        }
  printf("%s failures\n", cases > 1000 ? "over 1000" : "too few");
}

static void plain(void) {
  begin("plain");
  REQUIRE(create() == NNCC_OK && strstr(nncc_vulkan_message(&vulkan), "Counter (Vulkan 1.1.0, driver 0x3)"));
  REQUIRE(share_ports());
  REQUIRE(init_at(arena_of_device()) == NNCC_OK);
  for (uint32_t seed = 0; seed < 3; ++seed)
    REQUIRE(run(seed, shared) == NNCC_OK);
  REQUIRE(toy_cpu_kernels == 3 * 2 && driver_dispatches() == 3 * TOY_DISPATCHES);
  /* Recorded once; for each segment a submission, a wait, and a reset but for the first. */
  REQUIRE(driver_count("vkBeginCommandBuffer") == TOY_SEGMENTS && driver_count("vkQueueSubmit") == 9);
  REQUIRE(driver_count("vkWaitForFences") == 9 && driver_count("vkResetFences") == 8);
  REQUIRE(driver_barriers() == 3 * (1 + TOY_SEGMENTS)); /* the program's one, and one behind each segment */
  REQUIRE(nncc_vulkan_count(&vulkan).copied == 0);
  /* Coherent memory is not flushed. */
  REQUIRE(!driver_count("vkFlushMappedMemoryRanges") && !driver_count("vkInvalidateMappedMemoryRanges"));
  /* Weights, arena and ports, rounded up to 256 bytes each. */
  REQUIRE(driver_bytes() == 1792 + 2304 + 4096 && nncc_vulkan_count(&vulkan).memory == driver_bytes());

  /* Other ports: recorded again, once, wherever those that are copied lie. x, y and s, which are read, are copied
   * there, y and t back. */
  snprintf(doing, sizeof doing, "moved ports");
  REQUIRE(run(3, own) == NNCC_OK && run(4, other_own) == NNCC_OK);
  REQUIRE(driver_count("vkBeginCommandBuffer") == 2 * TOY_SEGMENTS);
  REQUIRE(nncc_vulkan_count(&vulkan).copied == 2 * (768 + 2 * 768 + 256 + 256));
  /* Memory that was freed and comes back at the same address is other memory. */
  REQUIRE(run(5, shared) == NNCC_OK);
  nncc_vulkan_free(&vulkan, shared_memory);
  REQUIRE(share_ports());
  REQUIRE(run(6, shared) == NNCC_OK);
  /* An address that no binding may begin at, then one beside ports of the program's own. */
  unsigned recorded = driver_count("vkBeginCommandBuffer");
  REQUIRE(run(7, (ports){shared.x + 1, shared.y, shared.s, shared.t}) == NNCC_OK);
  REQUIRE(run(8, (ports){own.x, shared.y, shared.s, shared.t}) == NNCC_OK);
  REQUIRE(driver_count("vkBeginCommandBuffer") == recorded + TOY_SEGMENTS);
  REQUIRE(run(9, (ports){own.x, own.y, shared.s, shared.t}) == NNCC_OK);
  REQUIRE(driver_count("vkBeginCommandBuffer") == recorded + 2 * TOY_SEGMENTS);
  end();
}

/* A model all of whose kernels are the device's: what M_run costs. */
static void one_segment(int is_incoherent) {
  begin("one segment");
  driver.is_incoherent = is_incoherent;
  REQUIRE(create() == NNCC_OK);
  REQUIRE(share_ports());
  REQUIRE(init_at(arena_of_device()) == NNCC_OK);
  toy_fill(shared.x, 1);
  const void *ports[] = {shared.x, shared.y, shared.s, shared.t};
  for (int i = 0; i < 2; ++i) {
    nncc_device *device = nncc_vulkan_device(&vulkan);
    unsigned before[] = {driver_calls(),
                         driver_count("vkQueueSubmit"),
                         driver_count("vkWaitForFences"),
                         driver_count("vkResetFences"),
                         driver_count("vkFlushMappedMemoryRanges"),
                         driver_count("vkInvalidateMappedMemoryRanges")};
    uint64_t *state = context.words + NNCC_CONTEXT_FIXED_WORDS + TOY_PORTS + NNCC_CONTEXT_DEVICE_WORDS;
    REQUIRE(device->run(device, state, ports, 0, 2, 0) == NNCC_OK);
    if (i == 0)
      continue;
    REQUIRE(driver_count("vkQueueSubmit") - before[1] == 1 && driver_count("vkWaitForFences") - before[2] == 1);
    REQUIRE(driver_count("vkResetFences") - before[3] == 1);
    REQUIRE(driver_count("vkFlushMappedMemoryRanges") - before[4] == (unsigned)is_incoherent);
    REQUIRE(driver_count("vkInvalidateMappedMemoryRanges") - before[5] == (unsigned)is_incoherent);
    REQUIRE(driver_calls() - before[0] == 3 + 2 * (unsigned)is_incoherent); /* nothing else that may fail */
  }
  end();
}

static void on_kernel(void *user, uint32_t kernel, int begin) { *(uint32_t *)user += begin * (kernel + 1); }

/* The three ways of running, with memory that CPU and device see differently until it is handed over. */
static void ways_of_running(int is_minimal, int is_incoherent) {
  begin("ways of running");
  driver.is_minimal = is_minimal;
  driver.is_incoherent = is_incoherent;
  wanted.on_times = on_times;
  REQUIRE(create() == NNCC_OK);
  REQUIRE(share_ports());
  void *arena = arena_of_device();
  for (int is_shared = 0; is_shared < 2; ++is_shared) {
    ports at = is_shared ? shared : own;
    REQUIRE(init_at(arena) == NNCC_OK);
    REQUIRE(run(1, at) == NNCC_OK);
    for (uint32_t most = 1; most < 4; ++most) {
      fill(most, at);
      REQUIRE(toy_start(&context, at.x, at.y, at.s, at.t) == NNCC_OK);
      while (toy_step(&context, most) == NNCC_MORE)
        ;
      REQUIRE(toy_is_right(most, at.y, at.s, at.t));
    }
    uint32_t sum = 0;
    nncc_options options = {
        .size = sizeof options, .device = nncc_vulkan_device(&vulkan), .on_kernel = on_kernel, .user = &sum};
    REQUIRE(toy_init(&context, arena, TOY_ARENA_BYTES, &options) == NNCC_OK);
    REQUIRE(run(7, at) == NNCC_OK && sum == 21);
  }
  /* 1,000 ticks of 2.5 ns, where there are time stamps. */
  REQUIRE(times_seen == nncc_vulkan_count(&vulkan).submissions && gpu_time == (is_minimal ? 0 : 2500));
  end();
}

/* A submission that does not end: a status, until M_init, which waits once more. */
static void hanging(void) {
  for (unsigned at = 1; at <= TOY_SEGMENTS; ++at) {
    begin("hanging");
    driver.hang_at = at;
    REQUIRE(create() == NNCC_OK);
    void *arena = arena_of_device();
    REQUIRE(init_at(arena) == NNCC_OK);
    REQUIRE(run(1, own) == NNCC_DEVICE_HUNG && strcmp(last_message, "M_run: no answer in time") == 0);
    REQUIRE(run(2, own) == NNCC_DEVICE_HUNG);
    REQUIRE(init_at(arena) == NNCC_DEVICE_HUNG && run(3, own) == NNCC_NOT_INITIALIZED);
    end();
  }
}

/* The device is lost in each submission: the CPU answers, except where an input lay in its memory, once. */
static void losing(void) {
  for (unsigned at = 1; at <= 2 * TOY_SEGMENTS; ++at)
    for (int is_shared = 0; is_shared < 2; ++is_shared)
      for (int gpu_only = 0; gpu_only < 2; ++gpu_only) {
        begin("losing");
        driver.lose_at = at;
        wanted.gpu_only = gpu_only;
        REQUIRE(create() == NNCC_OK);
        void *arena = arena_of_device();
        REQUIRE(share_ports() && init_at(arena) == NNCC_OK);
        ports ports = is_shared ? shared : own;
        nncc_status lost = gpu_only ? NNCC_DEVICE_FAILED : is_shared ? NNCC_DEVICE_LOST : NNCC_OK;
        REQUIRE(run(1, ports) == (at <= TOY_SEGMENTS ? lost : NNCC_OK));
        REQUIRE(run(2, ports) == (at > TOY_SEGMENTS ? lost : gpu_only ? NNCC_DEVICE_FAILED : NNCC_OK));
        REQUIRE(run(3, ports) == (gpu_only ? NNCC_DEVICE_FAILED : NNCC_OK));
        REQUIRE(strcmp(last_message, "M_run: the device was lost") == 0);
        /* Models that come now run on the CPU, with any arena. */
        REQUIRE(init_at(arena) == (gpu_only ? NNCC_DEVICE_FAILED : NNCC_OK));
        REQUIRE(gpu_only || run(4, ports) == NNCC_OK);
        end();
      }
}

static void refused(const char *what, const char *message) {
  snprintf(doing, sizeof doing, "%s", what);
  REQUIRE(create() == NNCC_DEVICE_FAILED);
  REQUIRE(strcmp(nncc_vulkan_message(&vulkan), message) == 0 && strcmp(last_message, message) == 0);
  REQUIRE(nncc_vulkan_device(&vulkan) == NULL);
  /* The program goes on as ever, on the CPU. */
  toy_cpu_kernels = 0;
  REQUIRE(share_ports() && init_at(arena_of_device()) == NNCC_OK && run(5, shared) == NNCC_OK);
  REQUIRE(toy_cpu_kernels == TOY_KERNELS);
  nncc_vulkan_release(&vulkan, &context);
  end();
}

static void without_gpu(void) {
  begin("");
  driver.num_devices = 0;
  refused("no device", "no GPU: Vulkan has no device");
  begin("");
  driver.is_software = 1;
  refused("software alone", "no GPU: there is software alone");
  begin("");
  wanted.device_number = 2;
  refused("no second device", "no GPU: Vulkan has no device of that number");
  begin("");
  driver.has_no_loader_version = 1;
  refused("a loader of Vulkan 1.0", "no GPU: the Vulkan loader is older than 1.1");
  begin("");
  driver.api_version = VK_API_VERSION_1_0;
  refused("Vulkan 1.0", "no GPU: the Vulkan loader is older than 1.1");
  begin("");
  driver.device_id = 0x08602000;
  refused("Midgard", "no GPU: this GPU's drivers mix up bindings");
  begin("");
  driver.missing = "vkGetPhysicalDeviceProperties2";
  refused("a missing function of the instance",
          "no GPU: vkGetPhysicalDeviceProperties2 is missing: Vulkan 1.1 is needed");
  begin("");
  driver.missing = "vkQueueSubmit";
  refused("a missing function of the device", "no GPU: vkQueueSubmit is missing: Vulkan 1.1 is needed");
  /* With software that is asked for, there is a GPU. */
  begin("software by its number");
  driver.is_software = 1;
  wanted.device_number = 1;
  REQUIRE(create() == NNCC_OK && nncc_vulkan_device(&vulkan));
  end();
}

/* What a model needs and this GPU lacks: the CPU, with a sentence, or a status where only the GPU will do. */
static void unfit_models(void) {
  static const nncc_device_variant needy[] = {{NNCC_GPU_FLOAT16, 0, 1}, {NNCC_GPU_FLOAT16, 1, 1}};
  const nncc_device_program whole = toy_program;
  for (int gpu_only = 0; gpu_only < 2; ++gpu_only)
    for (int i = 0; i < 4; ++i) {
      begin("an unfit model");
      wanted.gpu_only = gpu_only;
      if (i == 0)
        driver.max_range = 831;
      else if (i == 1)
        toy_program.variants = needy;
      else if (i == 2)
        toy_program.kind = 2;
      else
        toy_program.size -= 8;
      REQUIRE(create() == NNCC_OK);
      REQUIRE(init_at(arena_of_device()) == (gpu_only ? NNCC_DEVICE_FAILED : NNCC_OK));
      REQUIRE(strcmp(last_message, i == 0
                                       ? "M_init: a tensor is larger than what the GPU can bind (maxStorageBufferRange)"
                                   : i == 1 ? "M_init: the GPU lacks a feature that the model needs"
                                            : "M_init: the model has no program for Vulkan") == 0);
      REQUIRE(gpu_only || (run(1, own) == NNCC_OK && toy_cpu_kernels == TOY_KERNELS));
      end();
      toy_program = whole;
    }
}

/* Features are enabled where models want them and the GPU has them, and no others. */
static void features(void) {
  static const nncc_device_variant variants[] = {{NNCC_GPU_FLOAT16, 0, 1}, {0, 0, 1}, {0, 1, 1}};
  static const nncc_device_function functions[] = {{0, 2, 3, 0}, {2, 1, 3, 2}};
  static const nncc_model *const models[] = {&toy_model};
  const nncc_device_program whole = toy_program;
  toy_program.variants = variants;
  toy_program.functions = functions;
  toy_program.features = NNCC_GPU_FLOAT16;
  for (unsigned i = 0; i < 8; ++i) {
    begin("features");
    driver.has_float16 = i & 1;
    wanted.models = i & 2 ? models : NULL;
    wanted.num_models = i >> 1 & 1;
    driver.vendor_id = i & 4 ? 0x1010 : 0x13b5; /* whose f16 is not to be trusted */
    REQUIRE(create() == NNCC_OK && init_at(arena_of_device()) == NNCC_OK && run(1, own) == NNCC_OK);
    REQUIRE(driver.enabled_float16 == (i == 3) && !driver.enabled_anything_else);
    end();
  }
  toy_program = whole;
}

static void arenas(void) {
  begin("arenas");
  REQUIRE(create() == NNCC_OK);
  static _Alignas(256) uint8_t elsewhere[TOY_ARENA_BYTES];
  REQUIRE(init_at(elsewhere) == NNCC_ARENA_NOT_OF_DEVICE && run(1, own) == NNCC_NOT_INITIALIZED);
  /* Two models may lie in one allocation. */
  uint8_t *both = nncc_vulkan_allocate(&vulkan, 2 * TOY_ARENA_BYTES);
  REQUIRE(init_at(both + TOY_ARENA_BYTES) == NNCC_OK && run(1, own) == NNCC_OK);
  REQUIRE(init_at(both + TOY_ARENA_BYTES + 256) == NNCC_ARENA_MISALIGNED); /* its end is not there any more */
  REQUIRE(init_at(both) == NNCC_OK && run(1, own) == NNCC_OK);
  /* Ports that overlap, in memory of the device too. */
  REQUIRE(toy_run(&context, (float *)(void *)(both + 256), own.y, own.s, own.t) == NNCC_POINTERS_OVERLAP);
  REQUIRE(share_ports());
  REQUIRE(toy_run(&context, shared.x, shared.x + 64, own.s, own.t) == NNCC_POINTERS_OVERLAP);
  /* As many as there is room for. */
  unsigned count = 2;
  while (nncc_vulkan_allocate(&vulkan, 1))
    ++count;
  REQUIRE(count == NNCC_VULKAN_MAX_ALLOCATIONS && strstr(last_message, "nncc_vulkan_allocate"));
  end();
  begin("no memory for weights");
  driver.memory_limit = 3000;
  REQUIRE(create() == NNCC_OK && init_at(arena_of_device()) == NNCC_OK);
  REQUIRE(strcmp(last_message, "M_init: Vulkan failed: out of memory") == 0);
  REQUIRE(run(1, own) == NNCC_OK && toy_cpu_kernels == TOY_KERNELS);
  end();
  begin("no memory for ports");
  driver.memory_limit = 4500;
  REQUIRE(create() == NNCC_OK && init_at(arena_of_device()) == NNCC_OK);
  REQUIRE(run(1, own) == NNCC_OK && toy_cpu_kernels == TOY_KERNELS);
  driver.memory_limit = 0;
  REQUIRE(run(2, own) == NNCC_OK && toy_cpu_kernels == TOY_KERNELS + 2);
  end();
}

/* A context that is initialized again, released, released again. */
static void lives_of_contexts(void) {
  begin("contexts");
  REQUIRE(create() == NNCC_OK);
  void *arena = arena_of_device();
  for (int i = 0; i < 3; ++i)
    REQUIRE(init_at(arena) == NNCC_OK && run(1, own) == NNCC_OK && nncc_vulkan_count(&vulkan).models == 1);
  static toy_context other;
  nncc_vulkan_release(&vulkan, &other); /* never seen */
  nncc_vulkan_release(&vulkan, &context);
  nncc_vulkan_release(&vulkan, &context);
  REQUIRE(run(1, own) == NNCC_NOT_INITIALIZED && nncc_vulkan_count(&vulkan).models == 0);
  nncc_vulkan_free(&vulkan, arena);
  nncc_vulkan_free(&vulkan, NULL);
  REQUIRE(driver_bytes() == 0);
  end();
}

static void start_with_cache(uint32_t driver_version, unsigned expected_seen, unsigned expected_stores) {
  begin("cache");
  driver.driver_version = driver_version;
  wanted.load_cache = load_cache;
  wanted.store_cache = store_cache;
  stores = 0;
  REQUIRE(create() == NNCC_OK);
  void *arena = arena_of_device();
  REQUIRE(init_at(arena) == NNCC_OK && init_at(arena) == NNCC_OK && run(1, own) == NNCC_OK);
  REQUIRE(driver_count("vkCreatePipelineCache") == 1 && driver_cache_seen() == expected_seen);
  REQUIRE(stores == expected_stores);
  end();
}

static void cache(void) {
  start_with_cache(3, 0, 1);
  start_with_cache(3, 64, 0);
  uint64_t good[64], good_bytes = blob_bytes;
  memcpy(good, blob, sizeof good);
  start_with_cache(4, 0, 1); /* another driver: stored anew, */
  start_with_cache(3, 0, 1); /* and back */
  for (uint64_t bit = 0; bit < good_bytes * 8; bit += 3) {
    memcpy(blob, good, sizeof good);
    blob_bytes = good_bytes;
    ((uint8_t *)blob)[bit / 8] ^= (uint8_t)(1 << bit % 8);
    start_with_cache(3, 0, 1);
  }
  for (uint64_t bytes = 0; bytes < good_bytes; bytes += 5) {
    blob_bytes = bytes;
    start_with_cache(3, 0, 1);
  }
}

static int cancel_at(void *user, uint32_t done, uint32_t total) {
  REQUIRE(total == TOY_FUNCTIONS);
  return done == *(uint32_t *)user;
}

static void cancelling(void) {
  for (uint32_t at = 0; at <= TOY_FUNCTIONS + 1; ++at) {
    begin("cancelling");
    wanted.on_progress = cancel_at;
    wanted.user = &at;
    REQUIRE(create() == NNCC_OK);
    REQUIRE(init_at(arena_of_device()) == (at <= TOY_FUNCTIONS ? NNCC_CANCELLED : NNCC_OK));
    REQUIRE(run(1, own) == (at <= TOY_FUNCTIONS ? NNCC_NOT_INITIALIZED : NNCC_OK));
    end();
  }
}

static int locked, locks;
static void lock(void *user) {
  (void)user;
  REQUIRE(!locked);
  locked = 1;
  ++locks;
}
static void unlock(void *user) {
  (void)user;
  REQUIRE(locked);
  locked = 0;
}

/* The program's own instance, device and queue, with its lock. */
static void borrowed_device(void) {
  begin("borrowed");
  PFN_vkCreateInstance make = (PFN_vkCreateInstance)driver_get_instance_proc_addr(NULL, "vkCreateInstance");
  VkInstance instance;
  VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .apiVersion = VK_API_VERSION_1_1};
  VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &application};
  REQUIRE(make(&info, NULL, &instance) == VK_SUCCESS);
#define GET(name) PFN_##name name = (PFN_##name)driver_get_instance_proc_addr(instance, #name)
  GET(vkEnumeratePhysicalDevices);
  GET(vkCreateDevice);
  GET(vkGetDeviceQueue);
  GET(vkDestroyDevice);
  GET(vkDestroyInstance);
  VkPhysicalDevice physical;
  uint32_t one = 1;
  REQUIRE(vkEnumeratePhysicalDevices(instance, &one, &physical) == VK_SUCCESS);
  VkDeviceQueueCreateInfo family = {
      .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO, .queueFamilyIndex = 1, .queueCount = 1};
  VkDeviceCreateInfo made = {
      .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO, .queueCreateInfoCount = 1, .pQueueCreateInfos = &family};
  VkDevice device;
  VkQueue queue;
  REQUIRE(vkCreateDevice(physical, &made, NULL, &device) == VK_SUCCESS);
  vkGetDeviceQueue(device, 1, 0, &queue);

  wanted.instance = instance;
  wanted.physical_device = physical;
  wanted.queue = queue;
  wanted.queue_family = 1;
  REQUIRE(create() == NNCC_BAD_OPTIONS); /* all of them, or none */
  wanted.logical_device = device;
  wanted.lock_queue = lock;
  REQUIRE(create() == NNCC_BAD_OPTIONS); /* both, or none */
  wanted.unlock_queue = unlock;
  REQUIRE(create() == NNCC_OK && init_at(arena_of_device()) == NNCC_OK && run(1, own) == NNCC_OK);
  REQUIRE(locks == TOY_SEGMENTS && driver_count("vkCreateInstance") == 1 && driver_count("vkCreateDevice") == 1);
  nncc_vulkan_destroy(&vulkan);
  REQUIRE(driver_live() == 2); /* still the program's */
  vkDestroyDevice(device, NULL);
  vkDestroyInstance(instance, NULL);
  REQUIRE(driver_live() == 0 && driver_complaints() == 0);
}

static void bad_arguments(void) {
  begin("bad arguments");
  REQUIRE(nncc_vulkan_create(NULL, NULL) == NNCC_NULL_POINTER);
  wanted.size = 8;
  REQUIRE(create() == NNCC_BAD_OPTIONS);
  struct {
    nncc_vulkan_options known;
    uint64_t later;
  } newer = {.known = wanted};
  newer.known.size = sizeof newer;
  newer.later = 1;
  REQUIRE(nncc_vulkan_create(&vulkan, &newer.known) == NNCC_BAD_OPTIONS);
  newer.later = 0;
  nncc_vulkan_options older = wanted;
  older.size = offsetof(nncc_vulkan_options, on_times);
  REQUIRE(nncc_vulkan_create(&vulkan, &older) == NNCC_OK);
  end();
  REQUIRE(nncc_vulkan_create(&vulkan, &newer.known) == NNCC_OK);
  end();
}

int main(void) {
  const uint32_t mul = DRIVER_MUL, add = DRIVER_ADD;
  toy_set_code(&mul, 1, &add, 1);
  plain();
  ways_of_running(0, 0);
  ways_of_running(0, 1);
  ways_of_running(1, 0);
  one_segment(0);
  one_segment(1);
  hanging();
  losing();
  without_gpu();
  unfit_models();
  features();
  arenas();
  lives_of_contexts();
  cache();
  cancelling();
  borrowed_device();
  bad_arguments();
  every_failure();
  puts("all as it should be");
  return 0;
}
