/* A plugin of qemu-user that counts how often each block of guest code runs
 * between two marks of the guest (model_worker.c): system calls that no kernel
 * knows. At exit it writes a line for each block: address, runs, and the words
 * of its instructions in hex. Its argument is out=FILE.
 *
 * Build: cc -O2 -fPIC -shared count_instructions.c -o count_instructions.so
 * Use:   qemu-aarch64 -plugin ./count_instructions.so,out=counts PROGRAM ...
 *
 * The declarations are those of QEMU's "TCG Plugins" interface, version 1, that
 * are used here: Debian ships no header of it, and the functions are bound when
 * qemu loads the plugin. Counters are plain additions in the translated code, so
 * they are exact for one guest thread. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;
enum { QEMU_PLUGIN_INLINE_ADD_U64 = 0 };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t,
                                          void (*)(qemu_plugin_id_t, unsigned, int64_t, uint64_t, uint64_t, uint64_t,
                                                   uint64_t, uint64_t, uint64_t, uint64_t, uint64_t));
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int, void *, uint64_t);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;

enum { COUNT_BEGIN = 0x6e6e0001, COUNT_END = 0x6e6e0002 };

/* A block of code: how often it ran since the start, at the begin mark, and between the marks. */
struct block {
  struct block *next;
  uint64_t address, runs, runs_before, counted;
  size_t length;
  uint32_t words[];
};
static struct block *blocks;
static const char *out_path;
static int is_counting;

/* Blocks that are translated again get a counter of their own: the reader adds up. */
static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *translated) {
  size_t length = qemu_plugin_tb_n_insns(translated), i;
  struct block *made = calloc(1, sizeof *made + length * sizeof made->words[0]);
  (void)id;
  if (!made)
    abort();
  made->address = qemu_plugin_tb_vaddr(translated);
  made->length = length;
  for (i = 0; i < length; ++i)
    memcpy(&made->words[i], qemu_plugin_insn_data(qemu_plugin_tb_get_insn(translated, i)), sizeof made->words[0]);
  made->next = blocks;
  blocks = made;
  qemu_plugin_register_vcpu_tb_exec_inline(translated, QEMU_PLUGIN_INLINE_ADD_U64, &made->runs, 1);
}

static void set_counting(int now) {
  struct block *block;
  if (now == is_counting)
    return;
  is_counting = now;
  for (block = blocks; block; block = block->next) {
    if (now)
      block->runs_before = block->runs;
    else
      block->counted += block->runs - block->runs_before;
  }
}

static void on_system_call(qemu_plugin_id_t id, unsigned cpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3,
                           uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8) {
  (void)id, (void)cpu, (void)a1, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
  if (number == COUNT_BEGIN || number == COUNT_END)
    set_counting(number == COUNT_BEGIN);
}

static void on_exit_of_guest(qemu_plugin_id_t id, void *unused) {
  FILE *file = fopen(out_path, "w");
  struct block *block;
  size_t i;
  (void)id, (void)unused;
  if (!file) {
    perror(out_path);
    return;
  }
  set_counting(0);
  for (block = blocks; block; block = block->next) {
    if (!block->counted)
      continue;
    fprintf(file, "%" PRIx64 " %" PRIu64, block->address, block->counted);
    for (i = 0; i < block->length; ++i)
      fprintf(file, " %08" PRIx32, block->words[i]);
    fputc('\n', file);
  }
  fclose(file);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int count, char **arguments) {
  (void)info;
  if (count != 1 || strncmp(arguments[0], "out=", 4)) {
    fprintf(stderr, "count_instructions: expected the one argument out=FILE\n");
    return -1;
  }
  out_path = strdup(arguments[0] + 4);
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
  qemu_plugin_register_vcpu_syscall_cb(id, on_system_call);
  qemu_plugin_register_atexit_cb(id, on_exit_of_guest, NULL);
  return 0;
}
