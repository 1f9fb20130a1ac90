/* QEMU's `virt` board: PL011 serial port, GICv2 interrupt controller, the timer and the cycle counter of the core. */
#include "board.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define SERIAL_DATA REGISTER(0x09000000)      /* UARTDR */
#define GIC_CONTROL REGISTER(0x08000000)      /* GICD_CTLR */
#define GIC_ENABLE REGISTER(0x08000100)       /* GICD_ISENABLER0 */
#define GIC_CPU_CONTROL REGISTER(0x08010000)  /* GICC_CTLR */
#define GIC_CPU_PRIORITY REGISTER(0x08010004) /* GICC_PMR */
#define TIMER_INTERRUPT 27                    /* of the virtual timer */

#define READ(name)                                                                                                     \
  __extension__({                                                                                                      \
    uint64_t value;                                                                                                    \
    __asm__ volatile("mrs %0, " name : "=r"(value));                                                                   \
    value;                                                                                                             \
  })
#define WRITE(name, value) __asm__ volatile("msr " name ", %0" ::"r"((uint64_t)(value)) : "memory")

static uint64_t watchdog_ticks;

void board_init(void) {
  /* PMCR_EL0: E, C, LC = count, from 0, in 64 bits. PMCCFILTR_EL0: at every level. PMCNTENSET_EL0: the cycle counter.
   */
  WRITE("pmcr_el0", 0x45);
  WRITE("pmccfiltr_el0", 0);
  WRITE("pmcntenset_el0", UINT64_C(1) << 31);
}

uint64_t cycles(void) {
  __asm__ volatile("isb" ::: "memory");
  return READ("pmccntr_el0");
}

void watchdog_start(uint64_t microseconds) {
  watchdog_ticks = READ("cntfrq_el0") * microseconds / 1000000;
  GIC_CONTROL = 1;
  GIC_ENABLE = 1u << TIMER_INTERRUPT;
  GIC_CPU_CONTROL = 1;
  GIC_CPU_PRIORITY = 0xff;
  watchdog_feed();
  WRITE("cntv_ctl_el0", 1);
  __asm__ volatile("msr daifclr, #2" ::: "memory");
}

void watchdog_feed(void) { WRITE("cntv_tval_el0", watchdog_ticks); }

void print(const char *text) {
  while (*text)
    SERIAL_DATA = (uint32_t)*text++;
}

void print_number(uint64_t number) {
  char digits[21], *at = digits + 20;
  *at = 0;
  do
    *--at = (char)('0' + number % 10);
  while (number /= 10);
  print(at);
}

/* An exception that nobody expected: what kind (ESR), where (ELR), at which address (FAR). */
_Noreturn void report_fault(uint64_t syndrome, uint64_t where, uint64_t address);
_Noreturn void report_fault(uint64_t syndrome, uint64_t where, uint64_t address) {
  print("fault: esr ");
  print_number(syndrome);
  print(", pc ");
  print_number(where);
  print(", address ");
  print_number(address);
  print("\n");
  leave(3);
}
