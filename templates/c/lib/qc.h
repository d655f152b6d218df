/* SPDX-License-Identifier: 0BSD
 *
 * qc.h: what all kernels share. Each kernel is a template in a file qc_<kernel>.inc; it is included
 * once for each combination of types that a network needs, with QC_TYPES and the types defined
 * before. All of it is static: networks do not meet when they are linked together.
 *
 * Tensors are integer codes, channels last. Sizes, strides and places count elements. Kernels make
 * accumulators in runs of at most QC_RUN that belong to one channel, and hand each run to a
 * `finish` function, which requantizes and stores it.
 */
#ifndef QC_H
#define QC_H

#include <stddef.h>
#include <stdint.h>

#ifndef QC_CODE
#define QC_CODE /* attributes of every function, such as a section */
#endif

/* QC_ISA_XPULP chooses the encodings of qc_xpulp.h for the kernels of the two others. */
#if defined(QC_ISA_XPULP) && !defined(QC_ISA_MPIC)
#define QC_ISA_MPIC 1
#endif
#if defined(QC_ISA_XPULP) && !defined(QC_ISA_XCV)
#define QC_ISA_XCV 1
#endif

#define QC_RUN 32 /* accumulators that wait on the stack */
#define QC_RANK 8 /* dimensions of a walk */

/* Right shifts of negative numbers must round down, as they do in every compiler for the machines
 * that this code is for. C leaves it to the compiler, so ask it. */
typedef char qc_shifts_round_down[((-3) >> 1) == -2 ? 1 : -1];

/* qc_conv, u8_i8_i32 -> qc_conv_u8_i8_i32 */
#define QC_PASTE(name, types) name##_##types
#define QC_EXPAND(name, types) QC_PASTE(name, types)
#define QC_NAME(name) QC_EXPAND(name, QC_TYPES)

/* What a kernel does with `count` accumulators of `channel`: out[first + i * stride] = f(acc[i]). */
typedef void qc_finish_i32(const void *constants, int32_t channel, const int32_t *acc,
                           int32_t count, void *out, int32_t first, int32_t stride);
typedef void qc_finish_i64(const void *constants, int32_t channel, const int64_t *acc,
                           int32_t count, void *out, int32_t first, int32_t stride);

/* Consecutive output channels whose weights have one stored width; 0 bits: no weights. */
typedef struct {
    int32_t bits;
    int32_t channels;
} qc_group;

/* Packed weights: a row for each output channel, of `bits`-wide two's complement codes, little
 * endian, each row from a byte of its own. A weight is code * step + offset; where `step` is NULL
 * it is the code. */
typedef struct {
    const uint8_t *data;
    const qc_group *groups;
    int32_t group_count;
    const int32_t *step;
    const int32_t *offset;
} qc_weights;

/* A window that slides over an image [images, height, width, channels]. */
typedef struct {
    int32_t images, height, width, channels;
    int32_t out_height, out_width, out_channels;
    int32_t kernel_height, kernel_width;
    int32_t stride_y, stride_x, dilation_y, dilation_x;
    int32_t top, left;               /* padding before the image */
    int32_t inner_left, inner_right; /* output columns whose windows lie within the image's width */
    int32_t group_in, group_out;     /* channels of one group */
} qc_window;

/* The taps of one window that lie within the image, last ones excluded. */
typedef struct {
    int32_t top, bottom, left, right;
} qc_taps;

/* The first k with start + k * step >= 0, at most `count`. */
static inline int32_t qc_first_tap(int32_t start, int32_t step, int32_t count)
{
    int32_t k = 0;
    while (k < count && start + k * step < 0)
        k++;
    return k;
}

/* The first k >= from with start + k * step >= size, at most `count`. */
static inline int32_t qc_last_tap(int32_t start, int32_t step, int32_t count, int32_t size)
{
    int32_t k = count;
    while (k > 0 && start + (k - 1) * step >= size)
        k--;
    return k;
}

/* Places of up to two inputs and an output, dimension by dimension; the last is the innermost. */
typedef struct {
    int32_t rank;
    int32_t by_channel; /* the first dimension is the channel; else all belongs to channel 0 */
    int32_t size[QC_RANK];
    int32_t a[QC_RANK], b[QC_RANK], y[QC_RANK]; /* strides */
} qc_walk;

typedef struct {
    int32_t at[QC_RANK];
    int32_t a, b, y;
} qc_place;

/* To the next innermost line; 0 after the last. */
static inline int qc_next(const qc_walk *walk, qc_place *place)
{
    for (int32_t d = walk->rank - 2; d >= 0; d--) {
        place->a += walk->a[d];
        place->b += walk->b[d];
        place->y += walk->y[d];
        if (++place->at[d] < walk->size[d])
            return 1;
        place->at[d] = 0;
        place->a -= walk->a[d] * walk->size[d];
        place->b -= walk->b[d] * walk->size[d];
        place->y -= walk->y[d] * walk->size[d];
    }
    return 0;
}

static inline int32_t qc_channel(const qc_walk *walk, const qc_place *place)
{
    return walk->by_channel ? place->at[0] : 0;
}

static inline int32_t qc_least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* The upper half of a product: one instruction where there is `mulh`. */
static inline int32_t qc_mulh(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b) >> 32);
}

/* How a channel is requantized. One bit each, so that QC_FORMS says which a network needs. */
#define QC_SHIFT 1        /* clip((a + offset) >> shift) */
#define QC_WORD 2         /* clip((a * multiplier + offset) >> shift), 32 bits */
#define QC_EVEN 4         /* as QC_WORD, but the shift rounds halves to even */
#define QC_SPLIT 8        /* multiplier = upper << split + lower, and clip of
                           * (a * upper + (a * lower >> split) + offset) >> shift */
#define QC_HIGH 16        /* clip((mulh(a << pre, multiplier) + offset) >> shift) */
#define QC_LONG 32        /* as QC_WORD with 64 bits */
#define QC_STEPS 64       /* results[k] of the last k with places[k] <= a */
#define QC_TABLE 128      /* results[a - offset] */
#define QC_EXCEPTIONS 256 /* in QC_FORMS only: results[k] where a == places[k], unless QC_STEPS */
#define QC_BOUND 512      /* in QC_FORMS only: QC_SPLIT clamps a to [-bound - 1, bound] first */

#endif
