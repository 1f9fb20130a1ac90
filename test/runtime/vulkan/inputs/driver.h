/* A Vulkan driver that counts, and fails as it is told. Nothing of it is a GPU:
 * it runs the two functions of toy.h, whose modules are the words DRIVER_MUL and
 * DRIVER_ADD, when they are submitted. Whoever breaks a rule of Vulkan that it
 * knows gets a complaint. Memory that is not coherent has two copies, of which
 * the device sees one. */
#ifndef DRIVER_H
#define DRIVER_H
#define VK_NO_PROTOTYPES
#include <vulkan/vulkan_core.h>

#define DRIVER_MUL 0x4d554cu
#define DRIVER_ADD 0x414444u

/* Functions that may fail are counted together: call number fail_at of them
 * returns fail_with. */
typedef struct driver_settings {
  unsigned fail_at; /* 0: none */
  VkResult fail_with;
  unsigned hang_at;    /* this submission, from 1 on, does not end */
  unsigned lose_at;    /* the device is lost in this submission */
  unsigned is_minimal; /* nothing beyond what Vulkan 1.1 requires; memory is not cached */
  unsigned is_incoherent;
  unsigned has_no_loader_version; /* vkEnumerateInstanceVersion is missing */
  unsigned num_devices;           /* 1 at first */
  unsigned is_software;
  uint32_t api_version, driver_version, vendor_id, device_id;
  uint32_t max_range;
  uint64_t memory_limit; /* bytes that can be allocated; 0: as many as there are */
  const char *missing;   /* name of a function that is not there */
  unsigned has_float16;  /* and whether the program enabled it: */
  unsigned enabled_float16, enabled_anything_else;
} driver_settings;

extern driver_settings driver;

/* Everything back to what it was, settings too; complaints are kept. */
void driver_reset(void);
unsigned driver_calls(void);                 /* of functions that may fail */
unsigned driver_count(const char *function); /* calls of one that may fail */
unsigned driver_live(void);                  /* objects that exist */
unsigned driver_complaints(void);
uint64_t driver_bytes(void); /* of memory that exists */
unsigned driver_barriers(void);
unsigned driver_dispatches(void);
/* What vkCreatePipelineCache saw last: bytes of initial data. */
size_t driver_cache_seen(void);

PFN_vkVoidFunction VKAPI_CALL driver_get_instance_proc_addr(VkInstance instance, const char *name);

#endif
