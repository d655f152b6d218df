// SPDX-License-Identifier: 0BSD
// Buffered movement, and streams one after the other.
#ifndef QC_MOVE_H
#define QC_MOVE_H

#include "qc_types.h"

namespace qc {

// Keeps the words of a tensor for whoever sends them in another order.
template <int WORDS, class T, int LANES>
void load(hls::stream<Word<T, LANES> >& in, Word<T, LANES> (&memory)[WORDS]) {
#pragma HLS inline
    for (int i = 0; i < WORDS; i++) {
#pragma HLS pipeline II=1
        memory[i] = in.read();
    }
}

// The same elements in another type.
template <class T, class U, int LANES>
void widen_lanes(Word<U, LANES>& to, const Word<T, LANES>& from) {
#pragma HLS inline
    for (int lane = 0; lane < LANES; lane++) {
#pragma HLS unroll
        to.lane[lane] = from.lane[lane];
    }
}

// Every lane the same constant.
template <class T, int LANES> void fill(Word<T, LANES>& word, const T& value) {
#pragma HLS inline
    for (int lane = 0; lane < LANES; lane++) {
#pragma HLS unroll
        word.lane[lane] = value;
    }
}

} // namespace qc

#endif
