/* SPDX-License-Identifier: 0BSD
 *
 * qc_planes.h: depthwise convolutions on planes. Four channels at a time are copied apart, a band
 * of rows of each into a padded plane of its own, so that the bytes of a row of taps lie together;
 * then a kernel makes the band's results, channel by channel.
 *
 * Rows and columns are those of the planes: the image's, or its columns and rows where that has
 * less waste. Steps and places count bytes.
 */
#ifndef QC_PLANES_H
#define QC_PLANES_H

#include "qc_tile.h"

#define QC_PLANE_LANES 4 /* channels that are copied together */

/* Constants of one channel, see QC_BY_WORD ...; the bias is part of the offset. */
typedef struct {
    int32_t low, high, offset;
} qc_plane_scale;

/* What is alike for all bands of a layer. */
typedef struct {
    int32_t x_row, x_column;         /* steps in the input */
    int32_t plane, pitch;            /* of a plane, of one of its rows */
    int32_t rows, columns;           /* results of one band */
    int32_t y_row, y_column;         /* steps between results, or sums of QC_BY_CALL */
    int32_t stride, row_stride;      /* input columns and rows from one result to the next */
    int32_t taps_row;                /* of a channel's weights, from one row of taps to the next */
    int32_t taps;                    /* and of all of them */
    int32_t kernel_rows, kernel_columns;
    int32_t start, lead;             /* where the first window and the image begin in their rows */
    int32_t quads, rest;             /* pixels of a row: groups of four, and those left over */
    int32_t flip;                    /* 128 where copies have the other sign, else 0 */
    int32_t split, shift, clamp;
    int32_t status;                  /* of the mixed-precision unit: how to requantize */
    /* How the assembly goes through a band: single columns first, then pairs of columns. */
    int32_t count[2];                /* of singles, of pairs */
    int32_t begin, y_begin;          /* where words and results start, less the first turn */
    int32_t turn[2], y_turn[2];      /* to the first single, from the last one to the first pair */
    int32_t hop[2], y_hop[2];        /* from the last word or result to the next one's first */
    int32_t down[2], y_down[2];      /* from the last one of a row to the first of the next */
} qc_plane_shape;

/* One call of a kernel: for so many groups, copies four channels, then makes the results of a band
 * for the first `channels` of them. The assembly knows the places of the fields. */
typedef struct {
    qc_plane_shape s;
    const uint8_t *x;          /* four channels of the first pixel to copy */
    uint8_t *copy;             /* its place in the first plane */
    int32_t copy_rows;
    const int8_t *w;           /* weights of the first channel */
    const qc_plane_scale *q;
    const uint8_t *plane;      /* the band of the first channel */
    uint8_t *y;                /* its first result, or sum for QC_BY_CALL */
    int32_t groups, channels;  /* several groups only of all their channels */
    int32_t left, saved;       /* working state */
} qc_plane_job;

typedef void qc_plane_function(qc_plane_job *job);

/* Where the fields are on a 32-bit machine. */
#define QC_AT_X_ROW 0
#define QC_AT_X_COLUMN 4
#define QC_AT_PLANE 8
#define QC_AT_PITCH 12
#define QC_AT_ROWS 16
#define QC_AT_Y_COLUMN 28
#define QC_AT_STRIDE 32
#define QC_AT_TAPS_ROW 40
#define QC_AT_KERNEL_ROWS 48
#define QC_AT_QUADS 64
#define QC_AT_REST 68
#define QC_AT_SPLIT 76
#define QC_AT_SHIFT 80
#define QC_AT_CLAMP 84
#define QC_AT_COUNT 92
#define QC_AT_TURN 108
#define QC_AT_Y_TURN 116
#define QC_AT_HOP 124
#define QC_AT_Y_HOP 132
#define QC_AT_DOWN 140
#define QC_AT_Y_DOWN 148
#define QC_AT_X 156
#define QC_AT_COPY 160
#define QC_AT_COPY_ROWS 164
#define QC_AT_W 168
#define QC_AT_Q 172
#define QC_AT_BAND 176
#define QC_AT_Y 180
#define QC_AT_GROUPS 184
#define QC_AT_CHANNELS 188
#define QC_AT_LEFT 192
#define QC_AT_SAVED 196
#define QC_PLANE_FIELD(name, field, place) \
    typedef char qc_place_of_plane_##name \
        [sizeof(void *) != 4 || offsetof(qc_plane_job, field) == (place) ? 1 : -1]
QC_PLANE_FIELD(x_row, s.x_row, QC_AT_X_ROW);
QC_PLANE_FIELD(x_column, s.x_column, QC_AT_X_COLUMN);
QC_PLANE_FIELD(plane, s.plane, QC_AT_PLANE);
QC_PLANE_FIELD(pitch, s.pitch, QC_AT_PITCH);
QC_PLANE_FIELD(rows, s.rows, QC_AT_ROWS);
QC_PLANE_FIELD(y_column, s.y_column, QC_AT_Y_COLUMN);
QC_PLANE_FIELD(stride, s.stride, QC_AT_STRIDE);
QC_PLANE_FIELD(taps_row, s.taps_row, QC_AT_TAPS_ROW);
QC_PLANE_FIELD(kernel_rows, s.kernel_rows, QC_AT_KERNEL_ROWS);
QC_PLANE_FIELD(quads, s.quads, QC_AT_QUADS);
QC_PLANE_FIELD(rest, s.rest, QC_AT_REST);
QC_PLANE_FIELD(split, s.split, QC_AT_SPLIT);
QC_PLANE_FIELD(shift, s.shift, QC_AT_SHIFT);
QC_PLANE_FIELD(clamp, s.clamp, QC_AT_CLAMP);
QC_PLANE_FIELD(count, s.count, QC_AT_COUNT);
QC_PLANE_FIELD(turn, s.turn, QC_AT_TURN);
QC_PLANE_FIELD(y_turn, s.y_turn, QC_AT_Y_TURN);
QC_PLANE_FIELD(hop, s.hop, QC_AT_HOP);
QC_PLANE_FIELD(y_hop, s.y_hop, QC_AT_Y_HOP);
QC_PLANE_FIELD(down, s.down, QC_AT_DOWN);
QC_PLANE_FIELD(y_down, s.y_down, QC_AT_Y_DOWN);
QC_PLANE_FIELD(x, x, QC_AT_X);
QC_PLANE_FIELD(copy, copy, QC_AT_COPY);
QC_PLANE_FIELD(copy_rows, copy_rows, QC_AT_COPY_ROWS);
QC_PLANE_FIELD(w, w, QC_AT_W);
QC_PLANE_FIELD(q, q, QC_AT_Q);
QC_PLANE_FIELD(band, plane, QC_AT_BAND);
QC_PLANE_FIELD(y, y, QC_AT_Y);
QC_PLANE_FIELD(groups, groups, QC_AT_GROUPS);
QC_PLANE_FIELD(channels, channels, QC_AT_CHANNELS);
QC_PLANE_FIELD(left, left, QC_AT_LEFT);
QC_PLANE_FIELD(saved, saved, QC_AT_SAVED);
/* Loads or stores a field of the job that a0 points at, `_2` its second element. */
#define JOB(rd, field) LW(rd, QC_QUOTE(QC_AT_##field), "a0")
#define JOB_2(rd, field) LW(rd, QC_QUOTE(QC_AT_##field) " + 4", "a0")
#define SET_JOB(rs, field) SW(rs, QC_QUOTE(QC_AT_##field), "a0")
#define SET_JOB_2(rs, field) SW(rs, QC_QUOTE(QC_AT_##field) " + 4", "a0")

/* A layer. */
typedef struct {
    qc_plane_shape shape;
    qc_plane_function *function;
    int32_t images, channels;
    int32_t x_image, y_image;
    int32_t y_row, y_column;   /* elements from one result to the next */
    int32_t in_rows, out_rows;
    int32_t top;               /* rows of padding before the image */
    int32_t pad;               /* what padding reads, in copies */
    int32_t singly;            /* the kernel does one channel a call */
    int32_t batch;             /* channels whose weights are unpacked together, whole groups */
    int32_t plain;             /* weights are read where they are stored */
    const int32_t *bias;       /* QC_BY_CALL */
    qc_finish_i32 *finish;
    const void *constants;
} qc_plane_layer;

/* Four pixels of four channels, which lie `step` bytes apart. */
static inline void qc_copy_four(const uint8_t *x, int32_t step, int32_t flip, uint8_t *copy,
                                int32_t plane)
{
    const uint8_t *x1 = x + step, *x2 = x1 + step, *x3 = x2 + step;

    for (int32_t k = 0; k < QC_PLANE_LANES; k++, copy += plane) {
        const uint8_t a = (uint8_t)(x[k] ^ flip), b = (uint8_t)(x1[k] ^ flip);
        const uint8_t c = (uint8_t)(x2[k] ^ flip), d = (uint8_t)(x3[k] ^ flip);
        copy[0] = a;
        copy[1] = b;
        copy[2] = c;
        copy[3] = d;
    }
}

/* What the job says for the first `lanes` channels, byte by byte; `flip` as in its shape. */
static inline void qc_copy_planes(const qc_plane_job *job, int32_t lanes, int32_t flip)
{
    const int32_t plane = job->s.plane, step = job->s.x_column;
    const int32_t count = 4 * job->s.quads + job->s.rest;
    const uint8_t *line = job->x;
    uint8_t *row = job->copy;

    for (int32_t r = 0; r < job->copy_rows; r++, line += job->s.x_row, row += job->s.pitch) {
        const uint8_t *x = line;
        int32_t i = 0;
        if (lanes == QC_PLANE_LANES)
            for (; i + 4 <= count; i += 4, x += 4 * step)
                qc_copy_four(x, step, flip, row + i, plane);
        for (; i < count; i++, x += step)
            for (int32_t k = 0; k < lanes; k++)
                row[k * plane + i] = (uint8_t)(x[k] ^ flip);
    }
}

#endif
