/* Weights that lie outside of the library, in a mapped file. Arguments: a folder
 * of inputs and outputs, the weights file ("-": none), where in a page the file
 * begins in memory, 1 to trust it, the status that M_init has to return. */
#include "job.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Maps a file; away from the beginning of a page it has to be copied. */
static const void *map(const char *path, size_t offset, uint64_t *bytes) {
  struct stat file;
  char *memory;
  int descriptor = open(path, O_RDONLY);
  REQUIRE(descriptor >= 0 && fstat(descriptor, &file) == 0);
  *bytes = (uint64_t)file.st_size;
  memory = mmap(NULL, *bytes + 1, PROT_READ, MAP_PRIVATE, descriptor, 0);
  REQUIRE(memory != MAP_FAILED);
  if (!offset)
    return memory;
  return memcpy((char *)allocate(*bytes + offset, 4096) + offset, memory, *bytes);
}

int main(int argc, char **argv) {
  job todo;
  nncc_options options = {sizeof options};
  nncc_status expected;
  REQUIRE(argc == 6);
  expected = (nncc_status)atoi(argv[5]);
  REQUIRE(first_model.weights_file_bytes == FIRST_WEIGHTS_BYTES);
  if (strcmp(argv[2], "-"))
    options.weights = map(argv[2], (size_t)atoi(argv[3]), &options.weights_bytes);
  options.trust_weights = (uint64_t)atoi(argv[4]);
  todo = make_job_with(&first_model, argv[1], &options, expected);
  if (expected != NNCC_OK) {
    REQUIRE(run_job(&todo) == NNCC_NOT_INITIALIZED);
    return 0;
  }
  REQUIRE(((const nncc_weights_header *)options.weights)->layout == FIRST_WEIGHTS_LAYOUT);
  REQUIRE(run_job(&todo) == NNCC_OK);
  write_outputs(&todo, argv[1]);
  return 0;
}
