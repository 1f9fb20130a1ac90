/* What the example needs of Zephyr's header, for a program of Linux. */
#include <stdint.h>
#include <stdio.h>
#define BUILD_ASSERT(condition, text) _Static_assert(condition, text)
#define __aligned(bytes) __attribute__((aligned(bytes)))
#define printk printf
