// SPDX-License-Identifier: 0BSD
// Multiply-accumulate: PE rows at once, SIMD products for each.
#ifndef QC_MATRIX_H
#define QC_MATRIX_H

#include "qc_types.h"

namespace qc {

// sums[i] += sum over s of x[s] * weights[i][s]; W is the type of a stored weight.
template <class W, class A, int PE, class X, int SIMD, class R>
void accumulate(Word<A, PE>& sums, const Word<X, SIMD>& x, const R (&weights)[PE][SIMD]) {
#pragma HLS inline
    for (int row = 0; row < PE; row++) {
#pragma HLS unroll
        A sum = sums.lane[row];
        for (int s = 0; s < SIMD; s++) {
#pragma HLS unroll
            const W weight = weights[row][s];
            sum += x.lane[s] * weight;
        }
        sums.lane[row] = sum;
    }
}

// The same where a stored weight s means STEP * s + offsets[row]; D is the type of what it means.
template <class W, class D, int STEP, class A, int PE, class X, int SIMD, class R, class O>
void accumulate_coded(Word<A, PE>& sums, const Word<X, SIMD>& x, const R (&weights)[PE][SIMD],
                      const O (&offsets)[PE]) {
#pragma HLS inline
    for (int row = 0; row < PE; row++) {
#pragma HLS unroll
        A sum = sums.lane[row];
        for (int s = 0; s < SIMD; s++) {
#pragma HLS unroll
            const W stored = weights[row][s];
            const D weight = STEP * stored + offsets[row];
            sum += x.lane[s] * weight;
        }
        sums.lane[row] = sum;
    }
}

// Depthwise: lane FIRST + i of x meets its own weight: sums[i] += x[FIRST + i] * weights[i].
template <class W, int FIRST, class A, int PE, class X, int LANES, class R>
void accumulate_lanes(Word<A, PE>& sums, const Word<X, LANES>& x, const R (&weights)[PE][1]) {
#pragma HLS inline
    for (int row = 0; row < PE; row++) {
#pragma HLS unroll
        const W weight = weights[row][0];
        sums.lane[row] += x.lane[FIRST + row] * weight;
    }
}

template <class W, class D, int STEP, int FIRST, class A, int PE, class X, int LANES, class R,
          class O>
void accumulate_lanes_coded(Word<A, PE>& sums, const Word<X, LANES>& x,
                            const R (&weights)[PE][1], const O (&offsets)[PE]) {
#pragma HLS inline
    for (int row = 0; row < PE; row++) {
#pragma HLS unroll
        const W stored = weights[row][0];
        const D weight = STEP * stored + offsets[row];
        sums.lane[row] += x.lane[FIRST + row] * weight;
    }
}

// Copies a group's sums to its lanes of the word that leaves.
template <int FIRST, class A, int PE, class T, int LANES>
void place(Word<T, LANES>& word, const Word<A, PE>& sums) {
#pragma HLS inline
    for (int row = 0; row < PE; row++) {
#pragma HLS unroll
        word.lane[FIRST + row] = sums.lane[row];
    }
}

// Sets sums to a row of constants.
template <class A, int PE, class B> void start(Word<A, PE>& sums, const B (&bias)[PE]) {
#pragma HLS inline
    for (int row = 0; row < PE; row++) {
#pragma HLS unroll
        sums.lane[row] = bias[row];
    }
}

} // namespace qc

#endif
