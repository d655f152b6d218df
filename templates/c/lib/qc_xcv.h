/* SPDX-License-Identifier: 0BSD
 *
 * qc_xcv.h: instructions of CV32E40P (CORE-V XCV, version 2) and of the mixed-precision unit, spelt
 * as `.insn`, so that any RISC-V assembler takes them. Each macro is one instruction of 32 bits.
 * With QC_ISA_XPULP they have the encodings of qc_xpulp.h instead, which says what is more than one.
 */
#ifndef QC_XCV_H
#define QC_XCV_H

#define QC_TEXT(x) #x
#define QC_QUOTE(x) QC_TEXT(x)

/* Between these, every instruction has 32 bits, as hardware loops need. */
#define QC_ASM_BEGIN ".option push\n.option norvc\n.balign 4\n"
#define QC_ASM_END ".option pop\n"

#define LW(rd, place, rs) "lw " rd ", " place "(" rs ")\n"
#define SW(rs2, place, rs) "sw " rs2 ", " place "(" rs ")\n"
#define MV(rd, rs) "addi " rd ", " rs ", 0\n"
#define ADD(rd, a, b) "add " rd ", " a ", " b "\n"
#define ADDI(rd, a, b) "addi " rd ", " a ", " b "\n"
#define MUL(rd, a, b) "mul " rd ", " a ", " b "\n"
#define MULH(rd, a, b) "mulh " rd ", " a ", " b "\n"
#define SLTU(rd, a, b) "sltu " rd ", " a ", " b "\n"
#define SLL(rd, a, b) "sll " rd ", " a ", " b "\n"
#define SRA(rd, a, b) "sra " rd ", " a ", " b "\n"
#define SLLI(rd, a, places) "slli " rd ", " a ", " places "\n"
#define SRLI(rd, a, places) "srli " rd ", " a ", " places "\n"
#define XOR(rd, a, b) "xor " rd ", " a ", " b "\n"

#ifdef QC_ISA_XPULP
#include "qc_xpulp.h"
#else
/* The SIMD instructions of qc_xpulp.h take their width from a status. */
#define QC_SIMD_ASM __asm__
#define QC_SET_BYTES() (void)0

/* Repeats the next `length` instructions as often as register `count` says, at least once. Level 0
 * is the inner loop, level 1 the outer, which must end two instructions or more later. */
#define LOOP_0(count, length) ".insn i 0x2B, 4, x14, " count ", (" length ") + 1\n"
#define LOOP_1(count, length) ".insn i 0x2B, 4, x15, " count ", (" length ") + 1\n"
/* The same in parts: the addresses of the first instruction and of that after the last, which stay,
 * then the count. */
#define LOOP_1_START(rs) ".insn i 0x2B, 4, x3, " rs ", 0\n"
#define LOOP_1_END(rs) ".insn i 0x2B, 4, x7, " rs ", 0\n"
#define LOOP_1_COUNT(rs) ".insn i 0x2B, 4, x11, " rs ", 0\n"

/* rd = *rs or *rs = rs2, then rs += step; `_BY` takes the step from a register. */
#define LW_POST(rd, rs, step) ".insn i 0x0B, 2, " rd ", " step "(" rs ")\n"
#define SW_POST(rs2, rs, step) ".insn s 0x2B, 2, " rs2 ", " step "(" rs ")\n"
#define LW_BY(rd, rs, step) ".insn r 0x2B, 3, 0x02, " rd ", " rs ", " step "\n"
#define SB_BY(rs2, rs, step) ".insn r 0x2B, 3, 0x10, " step ", " rs ", " rs2 "\n"
#define SH_BY(rs2, rs, step) ".insn r 0x2B, 3, 0x11, " step ", " rs ", " rs2 "\n"
#define SW_BY(rs2, rs, step) ".insn r 0x2B, 3, 0x12, " step ", " rs ", " rs2 "\n"

#define MAC(rd, a, b) ".insn r 0x2B, 3, 0x48, " rd ", " a ", " b "\n"     /* rd += a * b */
#define ADDNR(rd, a, b) ".insn r 0x2B, 3, 0x40, " rd ", " a ", " b "\n"   /* rd = (rd + a) >> b */
#define CLIPR(rd, a, b) ".insn r 0x2B, 3, 0x3A, " rd ", " a ", " b "\n"   /* to -b - 1 .. b */
#define CLIPUR(rd, a, b) ".insn r 0x2B, 3, 0x3B, " rd ", " a ", " b "\n"  /* to 0 .. b */
/* Bits place .. place + bits - 1 of rd = the low bits of a. */
#define INSERT(rd, a, bits, place) \
    ".insn r 0x5B, 0, 0x3F + " #bits ", " rd ", " a ", x" #place "\n"

/* The lower, the upper two bytes of rd = the low bytes of b and a. */
#define PACKLO(rd, a, b) ".insn r 0x7B, 1, 0x7C, " rd ", " a ", " b "\n"
#define PACKHI(rd, a, b) ".insn r 0x7B, 1, 0x7D, " rd ", " a ", " b "\n"

/* acc += the dot product of four unsigned or signed bytes `a` and four signed bytes `w`. */
#define XCV_DOT_U(acc, a, w) ".insn r 0x7B, 1, 0x50, " acc ", " a ", " w "\n"
#define XCV_DOT_S(acc, a, w) ".insn r 0x7B, 1, 0x54, " acc ", " a ", " w "\n"

/* The same with the operands' widths of the mixed-precision unit's status. */
#define MPIC_DOT_U(acc, a, w) ".insn r4 0x43, 0, 0, " acc ", " a ", " w ", " acc "\n"
#define MPIC_DOT_S(acc, a, w) ".insn r4 0x47, 0, 0, " acc ", " a ", " w ", " acc "\n"
/* rd = from + the dot product. */
#define MPIC_DOT_FROM_U(rd, a, w, from) ".insn r4 0x43, 0, 0, " rd ", " a ", " w ", " from "\n"
#define MPIC_DOT_FROM_S(rd, a, w, from) ".insn r4 0x47, 0, 0, " rd ", " a ", " w ", " from "\n"
#define MPIC_REQUANT(rd, a, m, b) ".insn r4 0x4F, 0, 0, " rd ", " a ", " m ", " b "\n"

/* Bytes and half words, as LW_POST and LW_BY; `_AT` adds a register to the address, which stays. */
#define LB_POST(rd, rs, step) ".insn i 0x0B, 0, " rd ", " step "(" rs ")\n"
#define LH_POST(rd, rs, step) ".insn i 0x0B, 1, " rd ", " step "(" rs ")\n"
#define LBU_POST(rd, rs, step) ".insn i 0x0B, 4, " rd ", " step "(" rs ")\n"
#define LHU_POST(rd, rs, step) ".insn i 0x0B, 5, " rd ", " step "(" rs ")\n"
#define LBU_BY(rd, rs, step) ".insn r 0x2B, 3, 0x08, " rd ", " rs ", " step "\n"
#define LBU_AT(rd, rs, place) ".insn r 0x2B, 3, 0x0C, " rd ", " rs ", " place "\n"
#define LW_AT(rd, rs, place) ".insn r 0x2B, 3, 0x06, " rd ", " rs ", " place "\n"
#define SW_AT(rs2, rs, place) ".insn r 0x2B, 3, 0x16, " place ", " rs ", " rs2 "\n"
#define SB_POST(rs2, rs, step) ".insn s 0x2B, 0, " rs2 ", " step "(" rs ")\n"

#define MIN(rd, a, b) ".insn r 0x2B, 3, 0x2B, " rd ", " a ", " b "\n"
#define MAX(rd, a, b) ".insn r 0x2B, 3, 0x2D, " rd ", " a ", " b "\n"
/* The larger of each two bytes. */
#define MAX_BYTES_S(rd, a, b) ".insn r 0x7B, 1, 0x18, " rd ", " a ", " b "\n"
#define MAX_BYTES_U(rd, a, b) ".insn r 0x7B, 1, 0x1C, " rd ", " a ", " b "\n"

/* Dot products of four unsigned or signed bytes `a` and four signed bytes `w`. */
#define XCV_PRODUCT_U(rd, a, w) ".insn r 0x7B, 1, 0x44, " rd ", " a ", " w "\n"
#define XCV_PRODUCT_S(rd, a, w) ".insn r 0x7B, 1, 0x48, " rd ", " a ", " w "\n"

/* Bytes 0 and 1, or 2 and 3, of rd = the low bytes of b and a. */
#define PACK_BYTES_LOW(rd, a, b) ".insn r 0x7B, 1, 0x7C, " rd ", " a ", " b "\n"
#define PACK_BYTES_HIGH(rd, a, b) ".insn r 0x7B, 1, 0x7D, " rd ", " a ", " b "\n"
/* rd = the low halves, or the high halves, of b and, above it, a, which may be lost and is not in
 * the place of rd; how many instructions that takes. */
#define PACK_LOW(rd, a, b) ".insn r 0x7B, 0, 0x78, " rd ", " a ", " b "\n"
#define PACK_HIGH(rd, a, b) ".insn r 0x7B, 0, 0x79, " rd ", " a ", " b "\n"
#define PACK_LOW_LENGTH "1"
#define PACK_HIGH_LENGTH "1"
/* Each byte of `order` chooses one for rd: 0 to 3 of rd, 4 to 7 of a. */
#define SHUFFLE_BYTES(rd, a, order) ".insn r 0x7B, 1, 0x70, " rd ", " a ", " order "\n"

/* To -2^(bits - 1) .. 2^(bits - 1) - 1, or 0 .. 2^(bits - 1) - 1. */
#define CLIP(rd, a, bits) ".insn r 0x2B, 3, 0x38, " rd ", " a ", x" bits "\n"
#define CLIPU(rd, a, bits) ".insn r 0x2B, 3, 0x39, " rd ", " a ", x" bits "\n"
#define LAST_ONE(rd, a) ".insn r 0x2B, 3, 0x22, " rd ", " a ", x0\n" /* the highest bit set */
/* The field of `a` that b names, its sign spread: bits b % 32 .. and (b >> 5) more. */
#define EXTRACTR(rd, a, b) ".insn r 0x2B, 3, 0x18, " rd ", " a ", " b "\n"

/* Shifts of each byte by twice `half` bits, to the left, and to the right with their signs. */
#define SLL_BYTES(rd, rs, half) ".insn r 0x7B, 7, 0x28, " rd ", " rs ", x" #half "\n"
#define SRA_BYTES(rd, rs, half) ".insn r 0x7B, 7, 0x24, " rd ", " rs ", x" #half "\n"
/* As XCV_PRODUCT_U, of unsigned bytes alone. */
#define XCV_PRODUCT_UU(rd, a, w) ".insn r 0x7B, 1, 0x40, " rd ", " a ", " w "\n"
#endif

#define SHUFFLE_2(rd, a, order) SHUFFLE_BYTES(rd, a, order)
#define PACK(rd, a, b) PACK_LOW(rd, a, b)
#define PACK_UPPER(rd, a, b) PACK_HIGH(rd, a, b)

/* The word at *from, which may lie anywhere; *from moves on. */
static inline uint32_t qc_take_word(const uint8_t **from)
{
    uint32_t word;
    __asm__ volatile(QC_ASM_BEGIN LW_POST("%0", "%1", "4") QC_ASM_END
                     : "=&r"(word), "+&r"(*from) : : "memory");
    return word;
}

static inline void qc_put_word(uint8_t **to, uint32_t word)
{
    __asm__ volatile(QC_ASM_BEGIN SW_POST("%1", "%0", "4") QC_ASM_END
                     : "+&r"(*to) : "r"(word) : "memory");
}

/* The dot product of unsigned bytes. */
static inline uint32_t qc_dot_bytes(uint32_t a, uint32_t b)
{
    uint32_t sum;
    QC_SIMD_ASM(XCV_PRODUCT_UU("%0", "%1", "%2") : "=r"(sum) : "r"(a), "r"(b));
    return sum;
}

/* `word` with the low byte of `byte` at bit `place`, a constant. */
#define qc_insert_byte(word, byte, place) qc_insert_byte_##place(word, byte)
#define QC_INSERT_BYTE(place) \
    static inline uint32_t qc_insert_byte_##place(uint32_t word, uint32_t byte) \
    { \
        __asm__(INSERT("%0", "%1", 8, place) : "+r"(word) : "r"(byte)); \
        return word; \
    }
QC_INSERT_BYTE(8)
QC_INSERT_BYTE(16)
QC_INSERT_BYTE(24)

/* Each byte of `order` chooses one: 0 to 3 of `low`, 4 to 7 of `high`. */
static inline uint32_t qc_shuffle_bytes(uint32_t low, uint32_t high, uint32_t order)
{
    QC_SIMD_ASM(SHUFFLE_BYTES("%0", "%1", "%2") : "+r"(low) : "r"(high), "r"(order));
    return low;
}

/* The sign of each byte's low four bits, or low two, spread over it. */
static inline uint32_t qc_extend_4(uint32_t bytes)
{
    QC_SIMD_ASM(SLL_BYTES("%0", "%0", 2) SRA_BYTES("%0", "%0", 2) : "+r"(bytes));
    return bytes;
}

static inline uint32_t qc_extend_2(uint32_t bytes)
{
    QC_SIMD_ASM(SLL_BYTES("%0", "%0", 3) SRA_BYTES("%0", "%0", 3) : "+r"(bytes));
    return bytes;
}

#if defined(QC_ISA_MPIC) && !defined(QC_ISA_XPULP)
/* Widths, slices and requantizer of the mixed-precision unit; its counters start anew. */
static inline void qc_set_status(uint32_t status)
{
    __asm__ volatile(".insn r4 0x4B, 0, 0, x0, %0, %1, x0" : : "r"(status), "r"(-1));
}

/* The part of the status that qc.requant uses: clip to 0 .. limit, or -limit - 1 .. limit. */
static inline uint32_t qc_requant_status(int32_t split, int32_t shift, int32_t limit, int is_signed)
{
    uint32_t bits = is_signed ? 0U : (uint32_t)-1; /* less one */
    if (limit > 0) {
        uint32_t place;
        __asm__(LAST_ONE("%0", "%1") : "=r"(place) : "r"(limit));
        bits += place + 1U;
    }
    return (uint32_t)split << 16 | (uint32_t)shift << 21 | bits << 26 |
           (is_signed ? 1U << 29 : 0U);
}
#endif

#endif
