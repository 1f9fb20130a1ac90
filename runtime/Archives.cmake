# The runtime archive of each target; what differs is how the CPU is asked what it can do.
nncc_add_archive(runtime x86_64-linux-gnu status.c lookup.c selftest.c cpu_x86_64.c)
nncc_add_archive(runtime aarch64-linux-gnu status.c lookup.c selftest.c cpu_aarch64_linux.c)
nncc_add_archive(runtime aarch64-linux-android status.c lookup.c selftest.c cpu_aarch64_linux.c)
nncc_add_archive(runtime aarch64-none-elf status.c lookup.c selftest.c cpu_aarch64_none.c)

# The thread pool, where there are POSIX threads.
nncc_add_archive(pool x86_64-linux-gnu pool/pool.c)
nncc_add_archive(pool aarch64-linux-gnu pool/pool.c)
nncc_add_archive(pool aarch64-linux-android pool/pool.c)

# GPUs through Vulkan, where there is a dynamic loader that may find one.
set(vulkan_sources vulkan/device.c vulkan/features.c vulkan/memory.c vulkan/cache.c vulkan/model.c vulkan/record.c vulkan/run.c)
if(NNCC_VULKAN_INCLUDE)
  nncc_add_archive(vulkan x86_64-linux-gnu ${vulkan_sources})
  nncc_add_archive(vulkan aarch64-linux-gnu ${vulkan_sources})
  nncc_add_archive(vulkan aarch64-linux-android ${vulkan_sources})
endif()
