// Entry of a program without an operating system on QEMU's `virt` board: floating point on, memory mapped as memory, then main().
// Arm ARM: D17.2 (system registers), D8.3 (translation tables). The kernel of generated libraries needs both: NEON registers, and
// memory of type Normal, since vector loads are aligned to elements only and Device memory refuses that.
  .section .text.start, "ax"
  .global _start
_start:
  mov x0, #(3 << 20)              // CPACR_EL1.FPEN: floating point and NEON do not trap
  msr cpacr_el1, x0
  isb

  adrp x0, table                  // entry i maps GiB i to itself
  add x0, x0, :lo12:table
  mov x1, #0x401                  // GiB 0, the devices: block, access flag, MAIR attribute 0
  str x1, [x0]
  movz x1, #0x0705                // GiB 1, the memory: block, access flag, inner shareable, MAIR attribute 1
  movk x1, #0x4000, lsl #16
  str x1, [x0, #8]
  mov x1, #0xff00                 // MAIR: 0 = Device-nGnRnE, 1 = Normal, write-back
  msr mair_el1, x1
  ldr x1, =0x80803519             // TCR: T0SZ = 25 (39-bit addresses), 4 KiB granule, write-back walks, no TTBR1, 32-bit physical
  msr tcr_el1, x1
  msr ttbr0_el1, x0
  dsb sy
  tlbi vmalle1
  dsb sy
  isb
  mrs x1, sctlr_el1
  mov x2, #0x1005                 // MMU, data cache, instruction cache
  orr x1, x1, x2
  msr sctlr_el1, x1
  isb

  adrp x0, stack_top
  add sp, x0, :lo12:stack_top
  bl main

  ldr x2, =exit_block             // semihosting SYS_EXIT: ADP_Stopped_ApplicationExit, status
  str x0, [x2, #8]
  mov x1, x2
  mov w0, #0x18
  hlt #0xf000
1:
  wfi
  b 1b

  .section .data
  .balign 16
exit_block:
  .quad 0x20026, 0

  .section .bss
  .balign 4096
table:
  .skip 4096
stack:
  .skip 16384
stack_top:
