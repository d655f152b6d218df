// SPDX-License-Identifier: 0BSD
// The product of two matrices that both arrive on streams.
#ifndef QC_PRODUCT_H
#define QC_PRODUCT_H

#include "qc_types.h"

namespace qc {

// S::batches products of [M, K] and [K, P]; P comes in folds of LANES. S names the sizes (batches,
// rows, depth, folds) and the zero points (first, second) with the types of the differences.
template <class S, class T, class U, class V, int LANES>
void multiply_matrices(hls::stream<Word<T, 1> >& in0, hls::stream<Word<U, LANES> >& in1,
                       hls::stream<Word<V, LANES> >& out) {
    Word<U, LANES> right[S::depth][S::folds];
#pragma HLS aggregate variable=right
    T left[S::depth];
    for (int batch = 0; batch < S::batches; batch++) {
        for (int k = 0; k < S::depth; k++) {
            for (int fold = 0; fold < S::folds; fold++) {
#pragma HLS pipeline II=1
                right[k][fold] = in1.read();
            }
        }
        for (int m = 0; m < S::rows; m++) {
            for (int fold = 0; fold < S::folds; fold++) {
                Word<V, LANES> sums;
                for (int k = 0; k < S::depth; k++) {
#pragma HLS pipeline II=1
                    if (fold == 0) {
                        left[k] = in0.read().lane[0];
                    }
                    const typename S::First x = left[k] - typename S::Zero(S::first);
                    const Word<U, LANES> column = right[k][fold];
                    for (int lane = 0; lane < LANES; lane++) {
#pragma HLS unroll
                        const typename S::Second y = column.lane[lane] - typename S::Zero(S::second);
                        const V product = x * y;
                        sums.lane[lane] = k == 0 ? product : V(sums.lane[lane] + product);
                    }
                    if (k == S::depth - 1) {
                        out.write(sums);
                    }
                }
            }
        }
    }
}

} // namespace qc

#endif
