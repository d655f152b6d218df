/* SPDX-License-Identifier: 0BSD
 *
 * qc_walks.h: how the tile kernels in C go through quads and pixels, for all widths and results.
 */
#ifndef QC_WALKS_H
#define QC_WALKS_H

#include "qc_tile.h"

/* A function that is there once, however often it is called; one that is part of its callers. */
#ifdef __GNUC__
#define QC_WITHIN static inline __attribute__((always_inline))
#define QC_APART static QC_CODE __attribute__((noinline, unused))
#else
#define QC_WITHIN static inline
#define QC_APART static inline QC_CODE
#endif

/* Sums of the quad at job->w_now and job->q_now for the pixels at job->x, to job->sums. */
typedef void qc_sums_function(qc_job *job);
/* Codes from them; qc_put.inc. */
typedef void qc_put_function(const qc_job *job, const int32_t *sums, int32_t step, uint8_t *y);

/* From a quad's results to the next one's. */
static inline int32_t qc_y_quad(const qc_job *job)
{
    return job->y_back + 3 * job->y_pixel;
}

/* All quads for groups of four pixels. Without `put` sums are all that is wanted. */
QC_APART void qc_walk_tiles(qc_job *job, qc_sums_function *sums, qc_put_function *put)
{
    const int32_t quad = 4 * job->segments * job->trips; /* words */

    for (int32_t g = 0; g < job->count; g++) {
        uint8_t *y = job->y;
        job->w_now = job->w;
        job->q_now = job->q;
        for (int32_t k = 0; k < job->quads; k++) {
            sums(job);
            if (put != NULL) {
                put(job, job->sums, 4, y);
                y += qc_y_quad(job);
            }
            job->w_now += quad;
            job->q_now += 4;
        }
        job->x += job->x_step;
        job->y += job->y_step;
    }
}

/* All quads for single pixels: `four` quads at a time where there is a function for that, else
 * one. */
QC_APART void qc_walk_columns(qc_job *job, qc_sums_function *four, qc_sums_function *one,
                              qc_put_function *put)
{
    const int32_t quad = 4 * job->segments * job->trips; /* words */

    for (int32_t g = 0; g < job->count; g++) {
        uint8_t *y = job->y;
        job->w_now = job->w;
        job->q_now = job->q;
        for (int32_t left = job->quads; left > 0;) {
            const int32_t count = four != NULL && left >= 4 ? 4 : 1;
            const int32_t step = count == 4 ? 1 : 4;
            (count == 4 ? four : one)(job);
            for (int32_t k = 0; k < count; k++, job->q_now += 4) {
                if (put != NULL) {
                    put(job, job->sums + 4 * k, step, y);
                    y += qc_y_quad(job);
                }
            }
            job->w_now += count * quad;
            left -= count;
        }
        job->x += job->x_step;
        job->y += job->y_step;
    }
}

#endif
