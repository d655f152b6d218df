// SPDX-License-Identifier: 0BSD
// Where the largest or smallest codes are.
#ifndef QC_RANK_H
#define QC_RANK_H

#include "qc_types.h"

namespace qc {

// The places of the COUNT first codes of each run of SIZE in the order of BEFORE, best first.
template <class BEFORE, int RUNS, int SIZE, int COUNT, class T, class V>
void rank(hls::stream<Word<T, 1> >& in, hls::stream<Word<V, 1> >& out) {
    T best[COUNT];
    V places[COUNT];
#pragma HLS array_partition variable=best complete
#pragma HLS array_partition variable=places complete
    for (int run = 0; run < RUNS; run++) {
        for (int i = 0; i < SIZE; i++) {
#pragma HLS pipeline II=1
            const T code = in.read().lane[0];
            // Whatever comes before moves the rest down, from the last place to the first.
            for (int p = COUNT - 1; p >= 0; p--) {
#pragma HLS unroll
                const bool here = p >= i || BEFORE::test(code, best[p]);
                const bool above = p > 0 && (p - 1 >= i || BEFORE::test(code, best[p > 0 ? p - 1 : 0]));
                if (above) {
                    best[p] = best[p > 0 ? p - 1 : 0];
                    places[p] = places[p > 0 ? p - 1 : 0];
                } else if (here) {
                    best[p] = code;
                    places[p] = i;
                }
            }
        }
        for (int p = 0; p < COUNT; p++) {
#pragma HLS pipeline II=1
            Word<V, 1> word;
            word.lane[0] = places[p];
            out.write(word);
        }
    }
}

// Orders for rank: `test(a, b)` is true where a, the later of the two, comes before b.
struct Larger {
    template <class T> static bool test(const T& a, const T& b) { return a > b; }
};
struct LargerOrLast {
    template <class T> static bool test(const T& a, const T& b) { return a >= b; }
};
struct Smaller {
    template <class T> static bool test(const T& a, const T& b) { return a < b; }
};
struct SmallerOrLast {
    template <class T> static bool test(const T& a, const T& b) { return a <= b; }
};

} // namespace qc

#endif
