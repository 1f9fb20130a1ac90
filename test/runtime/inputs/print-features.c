/* Prints the names of the CPU features that the runtime finds. */
#include "nncc/runtime.h"
#include <stdio.h>

int main(void) {
  static const char *const names[] = {"neon", "fp16", "dotprod", "i8mm", "bf16", "lse", "rdm", "sve", "sve2"};
  uint64_t features = nncc_cpu_features();
  const char *separator = "";
  for (unsigned i = 0; i < sizeof names / sizeof *names; ++i)
    if (features >> i & 1) {
      printf("%s%s", separator, names[i]);
      separator = " ";
    }
  printf("\n");
  return 0;
}
