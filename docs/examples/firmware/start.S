// Start-up on one 64-bit Arm core without an operating system: what has to be done before C, and before a compiled model.
// Entered at EL1 or EL2; a chip that comes out of reset at EL3 has its boot loader or trusted firmware before this.
// Arm ARM: D19.2 (system registers), D8.3 (translation tables), D1.3 (exception vectors).

  .section .text.start, "ax"
  .global _start
_start:
  mrs x0, mpidr_el1                 // all cores but the first sleep
  tst x0, #0xff
  b.ne park

  mrs x0, currentel
  cmp x0, #(2 << 2)
  b.ne at_el1
  mov x0, #(1 << 31)                // from EL2: HCR_EL2.RW, EL1 is 64-bit; nothing traps to EL2
  msr hcr_el2, x0
  mov x0, #0x33ff                   // CPTR_EL2: neither does floating point
  msr cptr_el2, x0
  mov x0, #3                        // CNTHCTL_EL2: nor do the timers
  msr cnthctl_el2, x0
  msr cntvoff_el2, xzr
  mrs x0, pmcr_el0                  // MDCR_EL2.HPMN: all counters are EL1's
  ubfx x0, x0, #11, #5
  msr mdcr_el2, x0
  ldr x0, =0x30d00800               // SCTLR_EL1: its fixed ones, all else off
  msr sctlr_el1, x0
  mov x0, #0x3c5                    // SPSR_EL2: EL1 with its own stack, interrupts masked
  msr spsr_el2, x0
  adr x0, at_el1
  msr elr_el2, x0
  eret
at_el1:

  // 1. Floating point and NEON: every kernel uses them, and they trap after reset.
  mov x0, #(3 << 20)                // CPACR_EL1.FPEN
  msr cpacr_el1, x0
  isb

  // 2. Memory of type Normal, so the MMU: with it off all data is Device memory, which refuses vector loads that are
  //    aligned to their elements alone. Caches: without them a model is many times slower.
  adrp x0, vectors
  add x0, x0, :lo12:vectors
  msr vbar_el1, x0
  mov x0, #0xff00                   // MAIR: 0 = Device-nGnRnE, 1 = Normal, write-back
  msr mair_el1, x0
  ldr x0, =0x80803519               // TCR: T0SZ = 25 (39-bit addresses), 4 KiB granule, cached walks, TTBR0 alone
  msr tcr_el1, x0
  adrp x0, table_of_gigabytes
  msr ttbr0_el1, x0
  dsb sy
  tlbi vmalle1
  ic iallu
  dsb sy
  isb
  mrs x0, sctlr_el1
  mov x1, #0x1005                   // MMU, data cache, instruction cache
  orr x0, x0, x1
  bic x0, x0, #2                    // A: no alignment checks
  msr sctlr_el1, x0
  isb

  // 3. Variables: .data comes from flash, .bss is zero. The arena needs neither.
  ldr x0, =data_begin
  ldr x1, =data_end
  ldr x2, =data_in_flash
1:
  cmp x0, x1
  b.hs 2f
  ldr x3, [x2], #8
  str x3, [x0], #8
  b 1b
2:
  ldr x0, =bss_begin
  ldr x1, =bss_end
3:
  cmp x0, x1
  b.hs 4f
  str xzr, [x0], #8
  b 3b

  // 4. The stack, filled with a pattern: main() says how much of it was used.
4:
  ldr x0, =stack_begin
  ldr x1, =stack_end
  ldr x2, =0x5a5a5a5a5a5a5a5a
5:
  str x2, [x0], #8
  cmp x0, x1
  b.lo 5b
  mov sp, x1

  bl main
  b leave

park:
  wfi
  b park

// leave(status) ends the emulation by semihosting: SYS_EXIT, ADP_Stopped_ApplicationExit. On a board: reset.
  .global leave
leave:
  sub sp, sp, #16
  ldr x2, =0x20026
  stp x2, x0, [sp]
  mov x1, sp
  mov w0, #0x18
  hlt #0xf000
  b park

// Exceptions: the timer's interrupt is the watchdog, everything else a fault. Neither returns.
  .balign 2048
vectors:
  .rept 5
  b fault
  .balign 128
  .endr
  b watchdog_bites                  // 0x280: IRQ, from this level with its own stack
  .balign 128
  .rept 10
  b fault
  .balign 128
  .endr
fault:
  mrs x0, esr_el1
  mrs x1, elr_el1
  mrs x2, far_el1
  b report_fault

// The address space, address for address. It is constant, so it lies in flash.
  .section .tables, "a"
  .equ NORMAL, 0x705                // block, access flag, inner shareable, MAIR attribute 1
  .equ DEVICE, 0x401                // block, access flag, MAIR attribute 0
  .equ READ_ONLY, 0x80
  .equ NO_CODE, 0x0060000000000000  // UXN, PXN
  .balign 4096
table_of_gigabytes:
  .quad table_of_blocks + 3         // GiB 0 in blocks of 2 MiB
  .quad 0x40000000 + NORMAL + NO_CODE // GiB 1: RAM
  .fill 510, 8, 0
table_of_blocks:
  .set at, 0
  .rept 64                          // 128 MiB of flash, two banks
  .quad at + NORMAL + READ_ONLY
  .set at, at + 0x200000
  .endr
  .rept 64                          // interrupt controller, UART
  .quad at + DEVICE + NO_CODE
  .set at, at + 0x200000
  .endr
  .fill 384, 8, 0
