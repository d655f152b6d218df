/* SPDX-License-Identifier: 0BSD
 *
 * qc_codes.h: what the kernels for bytes share. Hints tell a compiler what it cannot see; without
 * them the code means the same.
 */
#ifndef QC_CODES_H
#define QC_CODES_H

#include "qc.h"
#ifdef QC_ISA_XCV
#include "qc_xcv.h"
#endif

#ifdef __GNUC__
#define QC_RARELY(x) __builtin_expect((x), 0)
#define QC_KEEP(x) __asm__("" : "+r"(x)) /* in a register, of unknown value */
#else
#define QC_RARELY(x) (x)
#define QC_KEEP(x) (void)0
#endif

/* Whether bytes may be handled four at a time, in words of memory that are aligned. */
#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define QC_WORDS 1

static inline uint32_t qc_load_word(const void *p)
{
    uint32_t word;
    __builtin_memcpy(&word, __builtin_assume_aligned(p, 4), 4);
    return word;
}

static inline void qc_store_word(void *p, uint32_t word)
{
    __builtin_memcpy(__builtin_assume_aligned(p, 4), &word, 4);
}
#else
#define QC_WORDS 0
#endif

/* v between low and high; the upper limit is met less often. */
static inline int32_t qc_clipped(int32_t v, int32_t low, int32_t high)
{
    if (v < low)
        v = low;
    QC_KEEP(v);
    if (QC_RARELY(v > high))
        v = high;
    return v;
}

#endif
