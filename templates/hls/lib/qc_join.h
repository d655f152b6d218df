// SPDX-License-Identifier: 0BSD
// Element by element: sums and products of two streams.
#ifndef QC_JOIN_H
#define QC_JOIN_H

#include "qc_types.h"

namespace qc {

// in0 * P::first + in1 * P::second + P::constant; V wraps, and holds every result.
template <class P, int WORDS, class T, class U, class V, int LANES>
void add(hls::stream<Word<T, LANES> >& in0, hls::stream<Word<U, LANES> >& in1,
         hls::stream<Word<V, LANES> >& out) {
    for (int i = 0; i < WORDS; i++) {
#pragma HLS pipeline II=1
        const Word<T, LANES> x = in0.read();
        const Word<U, LANES> y = in1.read();
        Word<V, LANES> sum;
        for (int lane = 0; lane < LANES; lane++) {
#pragma HLS unroll
            V total = x.lane[lane] * typename P::First(P::first);
            total += y.lane[lane] * typename P::Second(P::second);
            total += typename P::Constant(P::constant);
            sum.lane[lane] = total;
        }
        out.write(sum);
    }
}

// (in0 - P::first) * (in1 - P::second), the differences in P::First and P::Second.
template <class P, int WORDS, class T, class U, class V, int LANES>
void multiply(hls::stream<Word<T, LANES> >& in0, hls::stream<Word<U, LANES> >& in1,
              hls::stream<Word<V, LANES> >& out) {
    for (int i = 0; i < WORDS; i++) {
#pragma HLS pipeline II=1
        const Word<T, LANES> x = in0.read();
        const Word<U, LANES> y = in1.read();
        Word<V, LANES> product;
        for (int lane = 0; lane < LANES; lane++) {
#pragma HLS unroll
            const typename P::First left = x.lane[lane] - typename P::Zero(P::first);
            const typename P::Second right = y.lane[lane] - typename P::Zero(P::second);
            product.lane[lane] = left * right;
        }
        out.write(product);
    }
}

} // namespace qc

#endif
