/* Calls the compiler from C: a model that compiles, one that does not, and wrong arguments. Arguments: MODEL.onnx DIR.
 */
#include "nncc/compiler.h"
#include <stdio.h>
#include <string.h>

struct messages {
  int errors;
  char first[512];
};

static void keep(void *user, nncc_severity severity, const char *text) {
  struct messages *messages = user;
  if (severity == NNCC_ERROR && messages->errors++ == 0) {
    strncpy(messages->first, text, sizeof messages->first - 1);
    messages->first[sizeof messages->first - 1] = 0;
  }
}

static int file_exists(const char *folder, const char *name) {
  char path[1024];
  FILE *file;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  file = fopen(path, "rb");
  if (file)
    fclose(file);
  return file != NULL;
}

#define EXPECT(condition)                                                                                              \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      printf("line %d: not so: %s (%s)\n", __LINE__, #condition, messages.first);                                      \
      return 1;                                                                                                        \
    }                                                                                                                  \
  } while (0)

int main(int argc, char **argv) {
  struct messages messages = {0, ""};
  nncc_compile_options options = {.size = sizeof(nncc_compile_options)};
  if (argc != 3)
    return 2;

  EXPECT(nncc_compile(NULL) == NNCC_COMPILE_BAD_ARGUMENT);
  EXPECT(nncc_compile(&options) == NNCC_COMPILE_BAD_ARGUMENT);

  options.model = argv[1];
  options.output_directory = argv[2];
  options.name = "from_c";
  options.on_message = keep;
  options.user = &messages;
  EXPECT(nncc_compile(&options) == NNCC_COMPILE_OK);
  EXPECT(messages.errors == 0);
  EXPECT(file_exists(argv[2], "libfrom_c.a"));
  EXPECT(file_exists(argv[2], "from_c.h"));
  EXPECT(file_exists(argv[2], "from_c.json"));

  options.name = "outside";
  options.extern_weights = 1;
  EXPECT(nncc_compile(&options) == NNCC_COMPILE_OK);
  EXPECT(file_exists(argv[2], "outside.weights"));

  /* A program of the first version: what lies behind its options is not read. */
  options.name = "first_version";
  options.size = offsetof(nncc_compile_options, inputs);
  EXPECT(nncc_compile(&options) == NNCC_COMPILE_OK);
  EXPECT(file_exists(argv[2], "first_version.h") && !file_exists(argv[2], "first_version.weights"));
  options.size = sizeof options;
  options.extern_weights = 0;

  {
    const char *inputs[] = {"photo=u8"};
    options.inputs = inputs;
    options.num_inputs = 1;
    EXPECT(nncc_compile(&options) == NNCC_COMPILE_ERROR);
    EXPECT(messages.errors == 1 && strstr(messages.first, "--input photo=u8") != NULL);
    messages.errors = 0;
    options.num_inputs = 0;
  }

  {
    const char *renames[] = {"image=photo"}, *shapes[] = {"image=1,1,8,9"}, *wrong[] = {"image"};
    options.name = "renamed";
    options.renames = renames;
    options.num_renames = 1;
    EXPECT(nncc_compile(&options) == NNCC_COMPILE_OK);
    options.num_shapes = 1;
    EXPECT(nncc_compile(&options) == NNCC_COMPILE_BAD_ARGUMENT);
    options.shapes = shapes;
    EXPECT(nncc_compile(&options) == NNCC_COMPILE_ERROR);
    EXPECT(messages.errors == 1 && strstr(messages.first, "[1, 1, 8, 9] is given") != NULL);
    messages.errors = 0;
    options.shapes = wrong;
    EXPECT(nncc_compile(&options) == NNCC_COMPILE_ERROR);
    EXPECT(messages.errors == 1 && strstr(messages.first, "'image' is not NAME=N,N,...") != NULL);
    messages.errors = 0;
    options.num_shapes = options.num_renames = 0;
  }

  {
    options.name = "small";
    options.optimize_for_size = 1;
    options.arena_slack = "10%";
    EXPECT(nncc_compile(&options) == NNCC_COMPILE_OK);
    options.arena_slack = "much";
    options.tuning = "/nowhere";
    EXPECT(nncc_compile(&options) == NNCC_COMPILE_ERROR);
    EXPECT(messages.errors == 1 && strstr(messages.first, "--arena-slack=much") != NULL);
    messages.errors = 0;
    options.tuning = options.arena_slack = NULL;
    options.optimize_for_size = 0;
    options.float_format = "f16";
    EXPECT(nncc_compile(&options) == NNCC_COMPILE_OK);
    options.float_format = "f8";
    EXPECT(nncc_compile(&options) == NNCC_COMPILE_ERROR);
    EXPECT(messages.errors == 1 && strstr(messages.first, "'f8' is none of f32, f16, f16-arithmetic") != NULL);
    messages.errors = 0;
    options.float_format = NULL;
  }

  {
    const char *end[] = {"none"};
    options.end = end;
    options.num_end = 1;
    EXPECT(nncc_compile(&options) == NNCC_COMPILE_ERROR);
    EXPECT(messages.errors == 1 && strstr(messages.first, "--end=none: no node of the graph") != NULL);
    messages.errors = 0;
    options.num_end = 0;
  }

  options.name = "loaded";
  options.shared_library = 1;
  EXPECT(nncc_host_cpu() != NULL);
  options.cpu = nncc_host_cpu();
  EXPECT(nncc_compile(&options) == NNCC_COMPILE_OK);
  EXPECT(file_exists(argv[2], "libloaded.so") && !file_exists(argv[2], "libloaded.a"));
  options.cpu = NULL;
  options.target = "aarch64-none-elf";
  EXPECT(nncc_compile(&options) == NNCC_COMPILE_ERROR);
  EXPECT(messages.errors == 1 && strstr(messages.first, "load no shared libraries") != NULL);
  messages.errors = 0;
  options.shared_library = 0;

  options.target = "armv7-linux-gnueabihf";
  options.name = "nothing";
  EXPECT(nncc_compile(&options) == NNCC_COMPILE_ERROR);
  EXPECT(messages.errors == 1 && strstr(messages.first, "armv7") != NULL);
  EXPECT(!file_exists(argv[2], "libnothing.a"));

  messages.errors = 0;
  options.target = NULL;
  options.model = "no such file.onnx";
  EXPECT(nncc_compile(&options) == NNCC_COMPILE_ERROR);
  EXPECT(messages.errors == 1 && strstr(messages.first, "no such file.onnx") != NULL);
  EXPECT(!file_exists(argv[2], "libnothing.a"));

  printf("nncc %s compiles from C\n", nncc_version());
  return 0;
}
