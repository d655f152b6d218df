/* The interrupt handler: everything that the C function qc_interrupt() may change, saved before it and
   restored after it. That is the caller-saved registers, the status of the mixed-precision unit and the
   two hardware loops: the interrupted code may be in the middle of a loop of dot products.

   Hardware-loop CSRs can be read but not written: cv.start, cv.end and cv.count restore them, the
   count last, because a loop is live as soon as its count is not zero. The rules of the core forbid to
   change start or end of a live loop, so both counts are 0 in between. Interrupts do not nest. */

#define FRAME 112

#ifdef QC_ISA_XCV
#define LPSTART0 0xCC0
#define LPEND0   0xCC1
#define LPCOUNT0 0xCC2
#define LPSTART1 0xCC4
#define LPEND1   0xCC5
#define LPCOUNT1 0xCC6
/* custom-1, function 4: the field of rd is 2 * what + loop */
#define CV_START0(rs1) .insn i 0x2B, 4, x2, rs1, 0
#define CV_START1(rs1) .insn i 0x2B, 4, x3, rs1, 0
#define CV_END0(rs1)   .insn i 0x2B, 4, x6, rs1, 0
#define CV_END1(rs1)   .insn i 0x2B, 4, x7, rs1, 0
#define CV_COUNT0(rs1) .insn i 0x2B, 4, x10, rs1, 0
#define CV_COUNT1(rs1) .insn i 0x2B, 4, x11, rs1, 0
#endif

#ifdef QC_ISA_MPIC
#define QC_STATUS(rd, rs1, rs2) .insn r4 0x4B, 0, 0, rd, rs1, rs2, zero
#endif

    .section .start, "ax"               /* beside the trap handler, whose branch reaches 4 kB */
    .globl qc_interrupt_entry
    .balign 4
qc_interrupt_entry:
    csrr t0, mscratch                   /* as it was at the interrupt */
    addi sp, sp, -FRAME
    sw ra, 0(sp)
    sw t0, 4(sp)
    sw t1, 8(sp)
    sw t2, 12(sp)
    sw a0, 16(sp)
    sw a1, 20(sp)
    sw a2, 24(sp)
    sw a3, 28(sp)
    sw a4, 32(sp)
    sw a5, 36(sp)
    sw a6, 40(sp)
    sw a7, 44(sp)
    sw t3, 48(sp)
    sw t4, 52(sp)
    sw t5, 56(sp)
    sw t6, 60(sp)
    csrr t0, mepc
    sw t0, 64(sp)
#ifdef QC_ISA_XCV
    csrr t0, LPSTART0
    csrr t1, LPEND0
    csrr t2, LPCOUNT0
    csrr a0, LPSTART1
    csrr a1, LPEND1
    csrr a2, LPCOUNT1
    sw t0, 68(sp)
    sw t1, 72(sp)
    sw t2, 76(sp)
    sw a0, 80(sp)
    sw a1, 84(sp)
    sw a2, 88(sp)
    CV_COUNT0(zero)
    CV_COUNT1(zero)
#endif
#ifdef QC_ISA_MPIC
    QC_STATUS(t0, zero, zero)           /* read */
    sw t0, 92(sp)
#endif

    call qc_interrupt

#ifdef QC_ISA_MPIC
    lw t0, 92(sp)
    li t1, -1
    QC_STATUS(t2, t0, t1)               /* write */
#endif
#ifdef QC_ISA_XCV
    lw t0, 68(sp)
    lw t1, 72(sp)
    lw t2, 76(sp)
    lw a0, 80(sp)
    lw a1, 84(sp)
    lw a2, 88(sp)
    CV_COUNT0(zero)
    CV_COUNT1(zero)
    CV_START0(t0)
    CV_END0(t1)
    CV_COUNT0(t2)
    CV_START1(a0)
    CV_END1(a1)
    CV_COUNT1(a2)
#endif
    lw t0, 64(sp)
    csrw mepc, t0
    lw ra, 0(sp)
    lw t0, 4(sp)
    lw t1, 8(sp)
    lw t2, 12(sp)
    lw a0, 16(sp)
    lw a1, 20(sp)
    lw a2, 24(sp)
    lw a3, 28(sp)
    lw a4, 32(sp)
    lw a5, 36(sp)
    lw a6, 40(sp)
    lw a7, 44(sp)
    lw t3, 48(sp)
    lw t4, 52(sp)
    lw t5, 56(sp)
    lw t6, 60(sp)
    addi sp, sp, FRAME
    mret

    /* Without one of its own, a program's interrupts are cleared and nothing else. */
    .weak qc_interrupt
qc_interrupt:
    lui t0, 0x30000
    sw zero, 12(t0)                             /* TIMER: none */
    ret
