// SPDX-License-Identifier: 0BSD
// Pooling: over windows that qc_window.h sends, or over a whole image.
#ifndef QC_POOL_H
#define QC_POOL_H

#include "qc_types.h"

namespace qc {

// What a pool does with one more code.
struct Largest {
    template <class A, class T> static A join(A best, T x) {
#pragma HLS inline
        const A candidate = x;
        return candidate > best ? candidate : best;
    }
};

struct Sum {
    template <class A, class T> static A join(A total, T x) {
#pragma HLS inline
        const A grown = total + x;
        return grown;
    }
};

// COUNT times, TAPS words become one.
template <class F, int COUNT, int TAPS, class T, class A, int LANES>
void pool_windows(hls::stream<Word<T, LANES> >& in, hls::stream<Word<A, LANES> >& out) {
    Word<A, LANES> result;
    for (int i = 0; i < COUNT; i++) {
        for (int tap = 0; tap < TAPS; tap++) {
#pragma HLS pipeline II=1
            const Word<T, LANES> word = in.read();
            for (int lane = 0; lane < LANES; lane++) {
#pragma HLS unroll
                const A first = word.lane[lane];
                result.lane[lane] = tap == 0 ? first : F::join(result.lane[lane], word.lane[lane]);
            }
            if (tap == TAPS - 1) {
                out.write(result);
            }
        }
    }
}

// As pool_windows<Sum>, and each sum times the factor of its place.
template <int IMAGES, int PLACES, int FOLDS, int TAPS, class M, class T, class A, int LANES,
          class R>
void sum_windows_scaled(hls::stream<Word<T, LANES> >& in, hls::stream<Word<A, LANES> >& out,
                        const R (&factors)[PLACES]) {
    Word<A, LANES> total;
    for (int image = 0; image < IMAGES; image++) {
        for (int place = 0; place < PLACES; place++) {
            for (int fold = 0; fold < FOLDS; fold++) {
                for (int tap = 0; tap < TAPS; tap++) {
#pragma HLS pipeline II=1
                    const Word<T, LANES> word = in.read();
                    const M factor = factors[place];
                    for (int lane = 0; lane < LANES; lane++) {
#pragma HLS unroll
                        const A first = word.lane[lane];
                        total.lane[lane] = tap == 0 ? first : A(total.lane[lane] + first);
                    }
                    if (tap == TAPS - 1) {
                        Word<A, LANES> scaled;
                        for (int lane = 0; lane < LANES; lane++) {
#pragma HLS unroll
                            scaled.lane[lane] = total.lane[lane] * factor;
                        }
                        out.write(scaled);
                    }
                }
            }
        }
    }
}

// PLACES pixels of FOLDS words become one pixel.
template <class F, int IMAGES, int PLACES, int FOLDS, class T, class A, int LANES>
void pool_all(hls::stream<Word<T, LANES> >& in, hls::stream<Word<A, LANES> >& out) {
    Word<A, LANES> results[FOLDS];
#pragma HLS aggregate variable=results
    for (int image = 0; image < IMAGES; image++) {
        for (int place = 0; place < PLACES; place++) {
            for (int fold = 0; fold < FOLDS; fold++) {
#pragma HLS pipeline II=1
                const Word<T, LANES> word = in.read();
                Word<A, LANES> result = results[fold];
                for (int lane = 0; lane < LANES; lane++) {
#pragma HLS unroll
                    const A first = word.lane[lane];
                    result.lane[lane] =
                        place == 0 ? first : F::join(result.lane[lane], word.lane[lane]);
                }
                results[fold] = result;
                if (place == PLACES - 1) {
                    out.write(result);
                }
            }
        }
    }
}

} // namespace qc

#endif
