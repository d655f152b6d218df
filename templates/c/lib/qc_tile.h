/* SPDX-License-Identifier: 0BSD
 *
 * qc_tile.h: convolutions and dense layers as matrix products in tiles of 4 output channels by 4
 * pixels, or 16 channels by 1 pixel.
 *
 * Output channels are taken four at a time: a quad. Weights and activations are executed with 8, 4
 * or 2 bits, activations with at least as many as weights. A trip takes one 32-bit word of weights
 * of each channel of a quad, and of each pixel the words of activations that go with it; lanes are
 * little endian. The words of a quad are stored in the order of execution: trip after trip, the
 * word of its first, second, third and fourth channel.
 *
 * The trips of a pixel come in segments, stretches of memory of equal length: the rows of a kernel,
 * or a single one where all that a pixel needs lies together. What a segment's last trip reads
 * beyond its end meets weights of 0.
 */
#ifndef QC_TILE_H
#define QC_TILE_H

#include "qc.h"
#ifdef QC_ISA_XCV
#include "qc_xcv.h"
#endif
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "words of weights are for little-endian machines"
#endif

/* Whole loops of assembly are longer strings than C99 asks compilers to take. */
#if defined(__GNUC__) && defined(__riscv)
#pragma GCC diagnostic ignored "-Woverlength-strings"
#endif

/* Machines that the assembly for RV32IM is for: all 32 registers. */
#if defined(__GNUC__) && defined(__riscv_mul) && !defined(__riscv_32e) && !defined(QC_ISA_XCV)
#if __riscv_xlen == 32
#define QC_RV32IM
#endif
#endif

/* How the results of a run become codes; split, shift and clamp are alike for all its channels,
 * the limit for the whole layer. With a = bias + sum of products, clamped to -clamp - 1 .. clamp
 * where the run says so:
 *   QC_BY_WORD   (a * high + offset) >> shift
 *   QC_BY_SPLIT  (a * high + ((a * low) >> split) + offset) >> shift
 *   QC_BY_UNIT   (((int64_t)a * high >> split) + offset) >> shift, one instruction of the unit
 *   QC_BY_HIGH   (mulh(a << split, high) + offset) >> shift
 *   QC_BY_LONG   ((int64_t)a * low + (offset << 32 | high)) >> 32 >> shift, `high` unsigned
 *   QC_BY_CALL   a `finish` function
 * All but the last are clipped to 0 .. limit, to -limit - 1 .. limit where results are signed, or to
 * 0 .. limit before QC_Y_LOW is added. */
#define QC_BY_WORD 1
#define QC_BY_SPLIT 2
#define QC_BY_UNIT 3
#define QC_BY_CALL 4
#define QC_BY_HIGH 5
#define QC_BY_LONG 6

#define QC_SEGMENTS 16 /* at most */
#define QC_CALLED (-1)

/* Constants of one output channel. */
typedef struct {
    int32_t bias, low, high, offset;
} qc_scale;

/* One call of a tile kernel: all quads of a run for some pixels. The assembly knows the places of
 * the fields on a 32-bit machine, see QC_PLACES. */
typedef struct {
    const uint32_t *w;         /* words of the first quad */
    const uint8_t *x;          /* the first pixel's first word */
    const qc_scale *q;         /* constants of the first quad */
    uint8_t *y;                /* results of the first quad and pixel */
    int32_t count;             /* of groups of four pixels, or of pixels */
    int32_t quads;
    int32_t segments, trips;   /* trips of one segment */
    int32_t rest;              /* trips after the first */
    int32_t pixel;             /* bytes from one pixel to the next */
    int32_t back;              /* 4 - 3 * pixel: from the last pixel's word to the first's next */
    int32_t x_step, y_step;    /* bytes from one group of pixels to the next */
    int32_t y_pixel;           /* bytes from one pixel's results to the next */
    int32_t y_back;            /* from the last pixel's results of a quad to the next quad's */
    int32_t split, shift, limit, clamp;
    int32_t next, home;        /* 16 x 1: bytes to the next quad's word, and back to the first's */
    const uint32_t *w_now;     /* working state */
    const qc_scale *q_now;
    uint8_t *y_now;
    int32_t left;
    int32_t saved;
    int32_t *sums;             /* QC_BY_CALL: results of one tile */
    void *scratch;             /* of the layer */
    int32_t pairs;             /* where in it qc_pairs.inc prepares activations */
    /* Bytes from the end of each segment to the start of the next; the assembly, which walks
     * along them, finds its way back by the address of the job after the last. */
    int32_t jumps[QC_SEGMENTS + 1];
    int32_t excess[4];         /* of each pixel, see qc_folded.inc */
} qc_job;

typedef void qc_tile_function(qc_job *job);

/* QC_BY_LONG; the sum fits 64 bits. */
static inline int32_t qc_long_result(int32_t a, int32_t low, int32_t high, int32_t offset,
                                     int32_t shift)
{
    const uint64_t more = (uint64_t)(uint32_t)offset << 32 | (uint32_t)high;
    const uint64_t sum = (uint64_t)((int64_t)a * low) + more;
    return (int32_t)(uint32_t)(sum >> 32) >> shift;
}

/* The places of qc_job's fields for the assembly. */
#define QC_PLACES(field, place) \
    typedef char qc_place_of_##field[sizeof(void *) != 4 || offsetof(qc_job, field) == (place) ? 1 : -1]
QC_PLACES(w, 0);
QC_PLACES(x, 4);
QC_PLACES(q, 8);
QC_PLACES(y, 12);
QC_PLACES(count, 16);
QC_PLACES(quads, 20);
QC_PLACES(segments, 24);
QC_PLACES(trips, 28);
QC_PLACES(rest, 32);
QC_PLACES(pixel, 36);
QC_PLACES(back, 40);
QC_PLACES(x_step, 44);
QC_PLACES(y_step, 48);
QC_PLACES(y_pixel, 52);
QC_PLACES(y_back, 56);
QC_PLACES(split, 60);
QC_PLACES(shift, 64);
QC_PLACES(limit, 68);
QC_PLACES(clamp, 72);
QC_PLACES(next, 76);
QC_PLACES(home, 80);
QC_PLACES(w_now, 84);
QC_PLACES(q_now, 88);
QC_PLACES(y_now, 92);
QC_PLACES(left, 96);
QC_PLACES(saved, 100);
QC_PLACES(sums, 104);
QC_PLACES(jumps, 116);
QC_PLACES(excess, 184);

/* Consecutive quads that are computed alike. */
typedef struct {
    const uint32_t *words;     /* weights in the order of execution; NULL: at the start of scratch */
    qc_tile_function *tiles;   /* for groups of four pixels */
    qc_tile_function *columns; /* for single pixels */
    int32_t jump;              /* bytes from the end of a segment to the start of the next */
    int32_t clamp;             /* of sums; QC_CALLED: results are made by a `finish` function */
    uint16_t channel, quads;
    uint16_t trips;
    uint8_t split, shift;
} qc_run;

/* Pixels that are copied out of rows before they are executed: qc_patches.inc. */
typedef struct {
    int32_t rows;              /* of the kernel */
    int32_t words, bytes;      /* of a kernel row; words, the last perhaps in part */
    int32_t row;               /* bytes of a row of the ring */
    int32_t step;              /* bytes from one pixel to the next there */
    int32_t pixels;            /* at a time, a multiple of 4 */
    int32_t place;             /* of the copies in scratch */
} qc_patches;

/* A layer, or those of its channels whose activations are executed with the same width. */
typedef struct {
    const qc_run *runs;
    int32_t run_count;
    const qc_scale *channels;
    int32_t segments;
    int32_t ring;              /* bytes of all segments where the last is followed by the first */
    int32_t pixel;             /* bytes between neighbouring pixels where they are executed */
    int32_t y_pixel, y_quad;   /* bytes of a pixel's results, and of a quad's among them */
    int32_t limit;
    qc_finish_i32 *finish;     /* QC_BY_CALL */
    const void *constants;
    int32_t out_channels;
    int32_t pairs;             /* as in qc_job */
    const qc_patches *patches; /* NULL: pixels are executed where they lie */
} qc_product;

static inline uint32_t *qc_pairs_of(const qc_job *job)
{
    return (uint32_t *)((uint8_t *)job->scratch + job->pairs);
}

#endif
