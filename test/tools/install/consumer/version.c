/* Calls the compiler as a C library. */
#include "nncc/compiler.h"
#include <stdio.h>

int main(void) { return printf("compiler %s\n", nncc_version()) < 0; }
