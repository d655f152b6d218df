// SPDX-License-Identifier: 0BSD
// Window sums as a float32 accumulator holds them: 24 significant bits after each step.
#ifndef QC_ROUNDED_H
#define QC_ROUNDED_H

#include "qc_types.h"

namespace qc {

// The 24 leading bits of a number, ties to even.
template <int BITS> ap_int<BITS> rounded(const ap_int<BITS>& value) {
#pragma HLS inline
    const ap_uint<BITS> size = value < 0 ? ap_uint<BITS>(-value) : ap_uint<BITS>(value);
    int drop = 0;
    for (int bit = 24; bit < BITS; bit++) {
#pragma HLS unroll
        if (size[bit]) {
            drop = bit - 23;
        }
    }
    const ap_int<BITS> down = value >> drop;
    const ap_int<BITS> kept = down << drop;
    const ap_int<BITS + 1> twice = (value - kept) * 2;
    const ap_int<BITS + 1> one = ap_int<BITS + 1>(1) << drop;
    const bool up = twice > one || (twice == one && down[0]);
    const ap_int<BITS> result = (up ? ap_int<BITS>(down + 1) : down) << drop;
    return result;
}

// One more tap: sum and term are rounded; P has the multiplier and the zero point.
template <class P, int BITS, class T> ap_int<BITS> add_rounded(const ap_int<BITS>& total, const T& x) {
#pragma HLS inline
    const ap_int<BITS> exact = (x - typename P::Zero(P::zero)) * typename P::Factor(P::factor);
    const ap_int<BITS + 1> sum = total + rounded(exact);
    return rounded(sum);
}

// COUNT times, TAPS words become one.
template <class P, int COUNT, int TAPS, class T, int BITS, int LANES>
void rounded_windows(hls::stream<Word<T, LANES> >& in,
                     hls::stream<Word<ap_int<BITS>, LANES> >& out) {
    Word<ap_int<BITS>, LANES> total;
    for (int i = 0; i < COUNT; i++) {
        for (int tap = 0; tap < TAPS; tap++) {
#pragma HLS pipeline II=1
            const Word<T, LANES> word = in.read();
            for (int lane = 0; lane < LANES; lane++) {
#pragma HLS unroll
                const ap_int<BITS> before = tap == 0 ? ap_int<BITS>(0) : total.lane[lane];
                total.lane[lane] = add_rounded<P>(before, word.lane[lane]);
            }
            if (tap == TAPS - 1) {
                out.write(total);
            }
        }
    }
}

} // namespace qc

#endif
