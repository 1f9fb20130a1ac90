/* Firmware that names handwritten digits: a frame comes from the camera, the network runs in steps, and between two
 * steps the watchdog is fed. Prints sizes, cycles and results on the serial port. */
#include "board.h"
#include "digits.h"
#include "nncc/runtime.h"

/* Frames of the camera, a byte for each pixel: 'a' (97) is white, 'q' black. The library is compiled for that:
 * --input image=u8,mean=97,scale=0.0625. */
static const char *const frames[] = {"aaippcaaacqnmkaaadpbjlaaaaabpiaaaaaknbaaaaiqhaaaagqqnhgbaahfmqpc",
                                     "aaflebaaaapqqlaaacqjcmeaagnaaggaadnaafjaadqaagiaaanmiqhaaaenmkaa",
                                     "aaiqopaaaanlplaaaeobnfaaadhiqedaaaoqqnhaaafncaaaaagkaaaaaakgaaaa",
                                     "abjoiaaaaildhlbaamhadqeaadnmoohaaaaaaghaaaaaajjaaaaacqbaaainofaa"};

/* All memory of the model: its arena in the RAM that the linker script chooses, its context among the variables. The
 * stack is as long as the library's bound, and what main() and an interrupt need beside it. */
static _Alignas(DIGITS_ARENA_ALIGN) unsigned char arena[DIGITS_ARENA_BYTES] __attribute__((section(".arena")));
static digits_context context;
#define OWN_STACK_BYTES 1024
static _Alignas(16) unsigned char stack[DIGITS_STACK_BYTES + OWN_STACK_BYTES] __attribute__((section(".stack"), used));

/* From the linker script. */
extern const unsigned char weights_begin[], weights_room[], code_end[], constants_begin[], constants_end[],
    data_begin[], bss_end[];

/* What the hook around every kernel measures. */
static struct {
  uint64_t started, kernels[DIGITS_KERNELS], longest;
  uint32_t running;
} profile;

static void on_kernel(void *user, uint32_t kernel, int begin) {
  (void)user;
  if (begin) {
    profile.running = kernel;
    profile.started = cycles();
    return;
  }
  uint64_t taken = cycles() - profile.started;
  profile.kernels[kernel] = taken;
  if (taken > profile.longest)
    profile.longest = taken;
}

_Noreturn void watchdog_bites(void) {
  print("watchdog: not fed in kernel ");
  print(digits_model.kernels[profile.running].name);
  print("\n");
  leave(2);
}

static void print_line(const char *what, uint64_t number, const char *unit) {
  print(what);
  print_number(number);
  print(unit);
}

static void print_sizes(void) {
  print_line("flash: code ", (uintptr_t)code_end, "");
  print_line(", constants ", (uintptr_t)(constants_end - constants_begin), "");
  print_line(", weights ", digits_model.weights_bytes, " bytes\n");
  print_line("RAM: arena ", sizeof arena, "");
  print_line(", context ", sizeof context, "");
  print_line(", stack ", sizeof stack, "");
  print_line(", all variables ", (uintptr_t)(bss_end - data_begin), " bytes\n");
}

/* How much of the stack was ever used: start.S filled it with 0x5a. */
static size_t used_stack(void) {
  size_t untouched = 0;
  while (untouched < sizeof stack && ((volatile unsigned char *)stack)[untouched] == 0x5a)
    ++untouched;
  return sizeof stack - untouched;
}

static nncc_status init(void) {
  nncc_options options = {.size = sizeof options, .on_kernel = on_kernel};
  options.cpu_features = nncc_cpu_features(); /* refuses a core that lacks what the code needs */
#ifdef DIGITS_WEIGHTS_BYTES
  /* --weights=extern: the file lies in a flash bank of its own. Its hash is checked here. */
  options.weights = weights_begin;
  options.weights_bytes = (uintptr_t)weights_room;
#endif
  return digits_init(&context, arena, sizeof arena, &options);
}

/* One frame, kernel by kernel. FEED_WATCHDOG=0 shows what a program that hangs gets. */
static nncc_status classify(const unsigned char *frame, float *probabilities) {
  digits_inputs inputs = {.image = frame};
  digits_outputs outputs = {.probabilities = probabilities};
  nncc_status status = digits_start(&context, &inputs, &outputs);
  if (status != NNCC_OK)
    return status;
  while ((status = digits_step(&context, 1)) == NNCC_MORE) {
    /* Room for other work: no more than the longest kernel has passed since the last time. */
    if (FEED_WATCHDOG)
      watchdog_feed();
  }
  return status;
}

int main(void) {
  board_init();
  print_sizes();
  uint64_t begin = cycles();
  nncc_status status = init();
  print_line("init: ", cycles() - begin, " cycles, ");
  print(nncc_status_string(status));
  print("\n");
  if (status != NNCC_OK)
    return 1; /* no model: what the product does then is its own affair */

  watchdog_start(1000);
  for (unsigned i = 0; i < 100 && status == NNCC_OK; ++i) { /* a product has no end here */
    const char *frame = frames[i % (sizeof frames / sizeof frames[0])];
    float probabilities[DIGITS_OUTPUT_PROBABILITIES_ELEMENTS];
    status = classify((const unsigned char *)frame, probabilities);
    unsigned best = 0;
    for (unsigned digit = 1; digit < DIGITS_OUTPUT_PROBABILITIES_ELEMENTS; ++digit)
      if (probabilities[digit] > probabilities[best])
        best = digit;
    if (i >= sizeof frames / sizeof frames[0])
      continue;
    print_line("frame ", i, ": a ");
    print_line("", best, ", ");
    print_line("", (uint64_t)(probabilities[best] * 100), " % sure\n");
  }

  for (unsigned kernel = 0; kernel < DIGITS_KERNELS; ++kernel) {
    print(digits_model.kernels[kernel].name);
    print_line(": ", profile.kernels[kernel], " cycles, ");
    print_line("", digits_model.kernels[kernel].macs, " MACs\n");
  }
  print_line("longest step: ", profile.longest, " cycles\n");
  print_line("stack: ", used_stack(), "");
  print_line(" bytes used, of them at most ", DIGITS_STACK_BYTES, " by the library\n");
  print(nncc_status_string(status));
  print("\n");
  return status != NNCC_OK;
}
