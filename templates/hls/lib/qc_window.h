// SPDX-License-Identifier: 0BSD
// The sliding window: an image in, the taps of every window out, padding included.
#ifndef QC_WINDOW_H
#define QC_WINDOW_H

#include "qc_types.h"

namespace qc {

// S names the geometry: images, height, width, folds (words a pixel), kernel_h, kernel_w, stride_h,
// stride_w, dilation_h, dilation_w, pad_top, pad_left, out_height, out_width, rows (lines kept) and
// pad (what a tap outside the image reads).
//
// Words arrive pixel by pixel. For each window, words leave in the order fold, kernel row, kernel
// column. Image row y is kept in line (y + pad_top) % rows; while one row of windows leaves, the
// image rows that only the next one needs arrive.
template <class S, class T, class U, int LANES>
void slide(hls::stream<Word<T, LANES> >& in, hls::stream<Word<U, LANES> >& out) {
    const int row_words = S::width * S::folds;
    const int window_words = S::out_width * S::folds * S::kernel_h * S::kernel_w;
    const int reach = (S::kernel_h - 1) * S::dilation_h + 1;
    const int last = (S::out_height - 1) * S::stride_h - S::pad_top + reach; // rows ever needed
    Word<T, LANES> lines[S::rows][row_words];
#pragma HLS aggregate variable=lines
#pragma HLS dependence variable=lines type=inter false
    for (int image = 0; image < S::images; image++) {
        int loaded = 0;                     // image rows that have arrived
        int free_line = S::pad_top % S::rows; // where the next one goes
        int base = 0;                       // the line of the window's first row
        for (int oy = -1; oy < S::out_height; oy++) {
            const int next = (oy + 1) * S::stride_h - S::pad_top + reach;
            const int wanted = oy == S::out_height - 1 || next > S::height ? S::height
                               : next < 0                                 ? 0
                                                                          : next;
            const int reads = wanted > loaded ? (wanted - loaded) * row_words : 0;
            const int writes = oy < 0 ? 0 : window_words;
            const int steps = reads > writes ? reads : writes;
            int at = 0; // word of the row that arrives
            int ox = 0, fold = 0, ky = 0, kx = 0;
            for (int step = 0; step < steps; step++) {
#pragma HLS pipeline II=1
                if (step < writes) {
                    const int y = oy * S::stride_h - S::pad_top + ky * S::dilation_h;
                    const int x = ox * S::stride_w - S::pad_left + kx * S::dilation_w;
                    const int past = base + ky * S::dilation_h;
                    const int line = past < S::rows ? past : past - S::rows;
                    Word<U, LANES> word;
                    const bool inside = y >= 0 && y < S::height && x >= 0 && x < S::width;
                    for (int lane = 0; lane < LANES; lane++) {
#pragma HLS unroll
                        word.lane[lane] = S::pad;
                        if (inside) {
                            word.lane[lane] = lines[line][x * S::folds + fold].lane[lane];
                        }
                    }
                    out.write(word);
                    kx++;
                    if (kx == S::kernel_w) {
                        kx = 0;
                        ky++;
                    }
                    if (ky == S::kernel_h) {
                        ky = 0;
                        fold++;
                    }
                    if (fold == S::folds) {
                        fold = 0;
                        ox++;
                    }
                }
                if (step < reads) {
                    const Word<T, LANES> word = in.read();
                    if (loaded < last) {
                        lines[free_line][at] = word;
                    }
                    at++;
                    if (at == row_words) {
                        at = 0;
                        loaded++;
                        free_line = free_line == S::rows - 1 ? 0 : free_line + 1;
                    }
                }
            }
            if (oy >= 0) {
                base = (base + S::stride_h) % S::rows;
            }
        }
    }
}

} // namespace qc

#endif
