/* Start of every firmware: stack, variables, traps, main, end. */

#define DEVICES 0x30000

    .section .start, "ax"
    .globl _start
_start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    la sp, __stack_top
    la t0, qc_trap
    csrw mtvec, t0                      /* direct mode: every trap enters qc_trap */
    csrwi 0x320, 0                      /* mcountinhibit: mcycle and minstret count */

    la t0, __bss_start
    la t1, __bss_end
1:  bgeu t0, t1, 2f
    sw zero, 0(t0)
    addi t0, t0, 4
    j 1b

2:  la t0, __data_start
    la t1, __data_end
    la t2, __data_load
3:  bgeu t0, t1, 4f
    lw t3, 0(t2)
    sw t3, 0(t0)
    addi t0, t0, 4
    addi t2, t2, 4
    j 3b

4:  li a0, 0
    li a1, 0
    call main
    lui t0, DEVICES
    sw a0, 4(t0)                        /* EXIT */
5:  j 5b

    /* Interrupts go on to qc_interrupt_entry (interrupt.S); anything else is an error, which the
       harness reports with its cause and place. */
    .balign 256
    .globl qc_trap
qc_trap:
    csrw mscratch, t0
    csrr t0, mcause
    bltz t0, qc_interrupt_entry
    addi sp, sp, -16
    sw t1, 0(sp)
    lui t1, DEVICES
    sw t0, 16(t1)                       /* CAUSE */
    csrr t0, mepc
    sw t0, 20(t1)                       /* TRAP */
6:  j 6b
