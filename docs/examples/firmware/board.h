/* The board: serial port, cycle counter, watchdog. board.c is for QEMU's `virt` board with a 64-bit Arm core. */
#ifndef BOARD_H
#define BOARD_H
#include <stdint.h>

void board_init(void);

/* Serial port. */
void print(const char *text);
void print_number(uint64_t number);

/* Clock cycles of the core. QEMU counts instructions (-icount) or its own time; a board counts cycles. */
uint64_t cycles(void);

/* From now on, the board is reset unless watchdog_feed() is called every `microseconds`. The virt board has no
 * watchdog: the core's timer stands in for it, whose interrupt calls watchdog_bites() instead of pulling the reset
 * line. */
void watchdog_start(uint64_t microseconds);
void watchdog_feed(void);
_Noreturn void watchdog_bites(void);

/* Ends the emulation. */
_Noreturn void leave(int status);
#endif
