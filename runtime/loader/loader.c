/* A program around one model for machines that nncc itself does not run on:
 * linked with the model's objects and run by an emulator, it serves commands
 * from standard input and answers on standard output. Freestanding: no C
 * library, Linux system calls only. lib/analyze/RunRemote.cpp is the other end
 * and says the same commands; `hello` carries the version of both. */
#include "nncc/abi.h"

#if !defined(__aarch64__)
#error "the loader knows the system calls of AArch64 only"
#endif

/* The linker is told which model this is (--defsym). */
extern const nncc_model nncc_loaded_model;

enum { LOADER_VERSION = 1 };

/* A command is three words: what, and two numbers. */
enum command {
  COMMAND_QUIT = 0,
  COMMAND_INPUTS = 1,  /* all inputs follow; no answer */
  COMMAND_RUN = 2,     /* a: how often; answer: status, then a times in ns */
  COMMAND_OUTPUTS = 3, /* answer: all outputs */
  COMMAND_START = 4,   /* answer: status */
  COMMAND_STEP = 5,    /* one kernel; answer: status, time in ns */
  COMMAND_READ = 6,    /* a: offset in the arena, b: bytes; answer: those */
  COMMAND_FILL = 7     /* a: byte that fills the arena; no answer */
};

/* Numbers: asm-generic/unistd.h. */
enum { CALL_READ = 63, CALL_WRITE = 64, CALL_EXIT_GROUP = 94, CALL_CLOCK_GETTIME = 113, CALL_MMAP = 222 };

static long system_call(long number, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}

static _Noreturn void leave(int status) {
  for (;;)
    system_call(CALL_EXIT_GROUP, status, 0, 0, 0, 0, 0);
}

/* Sixteen bytes at any address. */
typedef __uint128_t __attribute__((aligned(1), may_alias)) block;

/* What code generation may call. */
void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
  uint8_t *t = to;
  const uint8_t *f = from;
  for (; bytes >= 16; bytes -= 16, t += 16, f += 16)
    *(block *)t = *(const block *)f;
  for (; bytes; --bytes)
    *t++ = *f++;
  return to;
}

void *memmove(void *to, const void *from, size_t bytes) {
  uint8_t *t = to;
  const uint8_t *f = from;
  if ((uintptr_t)t - (uintptr_t)f >= bytes)
    return memcpy(to, from, bytes);
  while (bytes--)
    t[bytes] = f[bytes];
  return to;
}

void *memset(void *to, int value, size_t bytes) {
  uint8_t *t = to;
  for (; bytes; --bytes)
    *t++ = (uint8_t)value;
  return to;
}

/* Memory from the system: zero, page-aligned, for ever. */
static void *allocate(uint64_t bytes) {
  enum { READ_WRITE = 3, PRIVATE_ANONYMOUS = 0x22 };
  long address = system_call(CALL_MMAP, 0, (long)(bytes ? bytes : 1), READ_WRITE, PRIVATE_ANONYMOUS, -1, 0);
  if (address < 0 && address > -4096)
    leave(3);
  return (void *)address;
}

/* Reads exactly that much; the end of the input is the end of the program. */
static void receive(void *to, uint64_t bytes) {
  for (uint8_t *t = to; bytes;) {
    long count = system_call(CALL_READ, 0, (long)t, (long)bytes, 0, 0, 0);
    if (count <= 0)
      leave(count ? 2 : 0);
    t += count;
    bytes -= (uint64_t)count;
  }
}

static void answer(const void *from, uint64_t bytes) {
  for (const uint8_t *f = from; bytes;) {
    long count = system_call(CALL_WRITE, 1, (long)f, (long)bytes, 0, 0, 0);
    if (count <= 0)
      leave(2);
    f += count;
    bytes -= (uint64_t)count;
  }
}

static void answer_word(uint64_t word) { answer(&word, sizeof word); }

static uint64_t now_ns(void) {
  int64_t time[2];
  system_call(CALL_CLOCK_GETTIME, /*CLOCK_MONOTONIC=*/1, (long)time, 0, 0, 0, 0);
  return (uint64_t)time[0] * 1000000000u + (uint64_t)time[1];
}

/* Allocates one buffer per tensor. */
static void **allocate_ports(const nncc_tensor *tensors, uint32_t count) {
  void **ports = allocate(count * sizeof *ports);
  for (uint32_t i = 0; i < count; ++i)
    ports[i] = allocate(tensors[i].bytes);
  return ports;
}

static void say_hello(const nncc_model *model) {
  const uint64_t hello[] = {LOADER_VERSION,    model->abi_version, model->arena_bytes,
                            model->num_inputs, model->num_outputs, model->num_kernels};
  answer(hello, sizeof hello);
  for (uint32_t i = 0; i < model->num_inputs; ++i)
    answer_word(model->inputs[i].bytes);
  for (uint32_t i = 0; i < model->num_outputs; ++i)
    answer_word(model->outputs[i].bytes);
}

static _Noreturn void serve(const nncc_model *model) {
  say_hello(model);
  void *context = allocate(model->context_bytes);
  uint8_t *arena = allocate(model->arena_bytes);
  void **inputs = allocate_ports(model->inputs, model->num_inputs);
  void **outputs = allocate_ports(model->outputs, model->num_outputs);
  nncc_status ready = model->init(context, arena, model->arena_bytes, 0);
  for (;;) {
    uint64_t command[3];
    receive(command, sizeof command);
    switch (command[0]) {
    case COMMAND_INPUTS:
      for (uint32_t i = 0; i < model->num_inputs; ++i)
        receive(inputs[i], model->inputs[i].bytes);
      break;
    case COMMAND_RUN: {
      uint64_t runs = command[1];
      uint64_t *times = allocate(runs * sizeof *times);
      nncc_status status = ready;
      for (uint64_t i = 0; i < runs && status == NNCC_OK; ++i) {
        uint64_t begin = now_ns();
        status = model->run(context, (const void *const *)inputs, outputs);
        times[i] = now_ns() - begin;
      }
      answer_word((uint64_t)status);
      answer(times, runs * sizeof *times);
      break;
    }
    case COMMAND_OUTPUTS:
      for (uint32_t i = 0; i < model->num_outputs; ++i)
        answer(outputs[i], model->outputs[i].bytes);
      break;
    case COMMAND_START:
      if (ready == NNCC_OK)
        answer_word((uint64_t)model->start(context, (const void *const *)inputs, outputs));
      else
        answer_word((uint64_t)ready);
      break;
    case COMMAND_STEP: {
      uint64_t begin = now_ns();
      nncc_status status = model->step(context, 1);
      uint64_t time = now_ns() - begin;
      answer_word((uint64_t)status);
      answer_word(time);
      break;
    }
    case COMMAND_READ:
      answer(arena + command[1], command[2]);
      break;
    case COMMAND_FILL:
      memset(arena, (int)command[1], model->arena_bytes);
      break;
    default:
      leave(0);
    }
  }
}

void nncc_loader_main(void) { serve(&nncc_loaded_model); }

/* The kernel enters with a 16-byte aligned stack and no return address. */
__asm__(".globl _start\n"
        ".type _start, %function\n"
        "_start:\n"
        "  mov x29, #0\n"
        "  mov x30, #0\n"
        "  b nncc_loader_main\n");
