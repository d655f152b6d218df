/* SPDX-License-Identifier: 0BSD
 *
 * qc_xpulp.h: the macros of qc_xcv.h for RI5CY (Xpulp, version 1) with the status-based
 * mixed-precision dot products of the public MPIC-type cores. Encodings are those of their decoder
 * and status registers: rtl/riscv_decoder.sv, rtl/riscv_cs_registers.sv, rtl/include/
 * riscv_defines.sv and rtl/mixed_precision_controller.sv of the repositories pulp-platform/flex-v
 * and AlSaqr-platform/riscv_nn.
 *
 * Every SIMD instruction takes its width from a status register, whatever width its own bits say.
 * Kernels with SIMD instructions on bytes say QC_SET_BYTES() first; within products of mixed
 * widths, and for halves of words, bits are inserted instead. Macros are one instruction, but for
 * PACKLO, PACKHI, PACK_LOW and PACK_HIGH.
 *
 * No package has the RTL of these cores: this is assembled and emulated only. Assemblers want the
 * extension zicsr. Not here: the requantizer of the mixed-precision unit. The counter of dot
 * products within a slice cannot be read or written, so a handler of interrupts must leave dot
 * products alone.
 */
#ifndef QC_XPULP_H
#define QC_XPULP_H

#ifdef QC_ISA_MPIC_Q
#error "these cores have no instruction that requantizes"
#endif

/* lp.setup: the loop ends with the instruction at pc + 2 * immediate. */
#define LOOP_0(count, length) ".insn i 0x7B, 4, x0, " count ", 2 * (" length ")\n"
#define LOOP_1(count, length) ".insn i 0x7B, 4, x1, " count ", 2 * (" length ")\n"

/* p.lb ... p.sw with post-increment by an immediate or a register, and with a register as offset;
 * stores have the number of that register where others have rd. */
#define LB_POST(rd, rs, step) ".insn i 0x0B, 0, " rd ", " step "(" rs ")\n"
#define LH_POST(rd, rs, step) ".insn i 0x0B, 1, " rd ", " step "(" rs ")\n"
#define LW_POST(rd, rs, step) ".insn i 0x0B, 2, " rd ", " step "(" rs ")\n"
#define LBU_POST(rd, rs, step) ".insn i 0x0B, 4, " rd ", " step "(" rs ")\n"
#define LHU_POST(rd, rs, step) ".insn i 0x0B, 5, " rd ", " step "(" rs ")\n"
#define LW_BY(rd, rs, step) ".insn r 0x0B, 7, 0x10, " rd ", " rs ", " step "\n"
#define LBU_BY(rd, rs, step) ".insn r 0x0B, 7, 0x20, " rd ", " rs ", " step "\n"
#define LW_AT(rd, rs, place) ".insn r 0x03, 7, 0x10, " rd ", " rs ", " place "\n"
#define LBU_AT(rd, rs, place) ".insn r 0x03, 7, 0x20, " rd ", " rs ", " place "\n"
#define SB_POST(rs2, rs, step) ".insn s 0x2B, 0, " rs2 ", " step "(" rs ")\n"
#define SW_POST(rs2, rs, step) ".insn s 0x2B, 2, " rs2 ", " step "(" rs ")\n"
#define SB_BY(rs2, rs, step) ".insn r 0x2B, 4, 0, " step ", " rs ", " rs2 "\n"
#define SH_BY(rs2, rs, step) ".insn r 0x2B, 5, 0, " step ", " rs ", " rs2 "\n"
#define SW_BY(rs2, rs, step) ".insn r 0x2B, 6, 0, " step ", " rs ", " rs2 "\n"
#define SW_AT(rs2, rs, place) ".insn r 0x23, 6, 0, " place ", " rs ", " rs2 "\n"

/* p.mac, p.addNr, p.clip, p.clipu, p.clipr, p.clipur, p.min, p.max, p.insert, p.extractr */
#define MAC(rd, a, b) ".insn r 0x33, 0, 0x21, " rd ", " a ", " b "\n"
#define ADDNR(rd, a, b) ".insn r 0x5B, 2, 0x20, " rd ", " a ", " b "\n"
#define CLIP(rd, a, bits) ".insn r 0x33, 1, 0x0A, " rd ", " a ", x" bits "\n"
#define CLIPU(rd, a, bits) ".insn r 0x33, 2, 0x0A, " rd ", " a ", x" bits "\n"
#define CLIPR(rd, a, b) ".insn r 0x33, 5, 0x0A, " rd ", " a ", " b "\n"
#define CLIPUR(rd, a, b) ".insn r 0x33, 6, 0x0A, " rd ", " a ", " b "\n"
#define MIN(rd, a, b) ".insn r 0x33, 4, 0x02, " rd ", " a ", " b "\n"
#define MAX(rd, a, b) ".insn r 0x33, 6, 0x02, " rd ", " a ", " b "\n"
#define INSERT(rd, a, bits, place) \
    ".insn r 0x33, 2, 0x5F + " #bits ", " rd ", " a ", x" #place "\n"
#define EXTRACTR(rd, a, b) ".insn r 0x33, 0, 0x40, " rd ", " a ", " b "\n"

/* pv.dotup, pv.dotusp, pv.dotsp, and with accumulator pv.sdotup, pv.sdotusp, pv.sdotsp */
#define XCV_PRODUCT_UU(rd, a, w) ".insn r 0x57, 1, 0x40, " rd ", " a ", " w "\n"
#define XCV_PRODUCT_U(rd, a, w) ".insn r 0x57, 1, 0x44, " rd ", " a ", " w "\n"
#define XCV_PRODUCT_S(rd, a, w) ".insn r 0x57, 1, 0x4C, " rd ", " a ", " w "\n"
#define XCV_DOT_U(acc, a, w) ".insn r 0x57, 1, 0x54, " acc ", " a ", " w "\n"
#define XCV_DOT_S(acc, a, w) ".insn r 0x57, 1, 0x5C, " acc ", " a ", " w "\n"
#define MPIC_DOT_U(acc, a, w) XCV_DOT_U(acc, a, w)
#define MPIC_DOT_S(acc, a, w) XCV_DOT_S(acc, a, w)

/* pv.max.b, pv.maxu.b, pv.srl.sci.b, pv.sra.sci.b, pv.sll.sci.b, pv.shuffle2.b, pv.packlo.b,
 * pv.packhi.b */
#define MAX_BYTES_S(rd, a, b) ".insn r 0x57, 1, 0x18, " rd ", " a ", " b "\n"
#define MAX_BYTES_U(rd, a, b) ".insn r 0x57, 1, 0x1C, " rd ", " a ", " b "\n"
#define SRA_BYTES(rd, rs, half) ".insn r 0x57, 7, 0x24, " rd ", " rs ", x" #half "\n"
#define SLL_BYTES(rd, rs, half) ".insn r 0x57, 7, 0x28, " rd ", " rs ", x" #half "\n"
#define SHUFFLE_BYTES(rd, a, order) ".insn r 0x57, 1, 0x64, " rd ", " a ", " order "\n"
#define PACK_BYTES_HIGH(rd, a, b) ".insn r 0x57, 1, 0x6C, " rd ", " a ", " b "\n"
#define PACK_BYTES_LOW(rd, a, b) ".insn r 0x57, 1, 0x70, " rd ", " a ", " b "\n"

/* Whatever the status is. */
#define PACKLO(rd, a, b) INSERT(rd, b, 8, 0) INSERT(rd, a, 8, 8)
#define PACKHI(rd, a, b) INSERT(rd, b, 8, 16) INSERT(rd, a, 8, 24)
#define PACK_LOW(rd, a, b) INSERT(rd, b, 16, 0) INSERT(rd, a, 16, 16)
#define PACK_HIGH(rd, a, b) SRLI(rd, b, "16") SRLI(a, a, "16") INSERT(rd, a, 16, 16)
#define PACK_LOW_LENGTH "2"
#define PACK_HIGH_LENGTH "3"

/* The order of SIMD instructions and of writes to the status must be kept. */
#define QC_SIMD_ASM __asm__ volatile
#define QC_SET_BYTES() qc_set_format(2U, 1U)

/* Legacy mode off; which slice of the weights; dot products for each slice; the format: 2, 3 and 4
 * for 8, 4 and 2 bits, 5, 6 and 8 for 2 bits by 4, 2 by 8 and 4 by 8. */
static inline void qc_set_format(uint32_t format, uint32_t skip)
{
    __asm__ volatile("csrw 0x010, zero\ncsrw 0x00E, zero\ncsrw 0x00F, %0\ncsrw 0x00D, %1"
                     : : "rK"(skip), "rK"(format));
}

/* As on the other mixed-precision unit: codes of the widths of activations and weights (0, 1, 2 for
 * 8, 4, 2 bits) at bits 0 and 2, one less than the dot products for each slice at bit 4. */
static inline void qc_set_status(uint32_t status)
{
    const uint32_t a = status & 3U, w = status >> 2 & 3U;
    const uint32_t mixed = a == 1U ? 5U : w == 2U ? 6U : 8U;

    qc_set_format(a == w ? 2U + a : mixed, (status >> 4 & 31U) + 1U);
}

#endif
