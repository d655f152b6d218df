// SPDX-License-Identifier: 0BSD
// Requantizers: one code from one accumulator.
#ifndef QC_REQUANT_H
#define QC_REQUANT_H

#include "qc_types.h"

namespace qc {

// clip((multiplier * a + offset) >> shift, low, high); P holds the sum and the limits.
template <class P, class A, class M, class B, class L>
P scale(const A& a, const M& multiplier, const B& offset, int shift, const L& low, const L& high) {
#pragma HLS inline
    const P sum = a * multiplier + offset;
    const P raw = sum >> shift;
    const P least = low;
    const P most = high;
    return raw < least ? least : raw > most ? most : raw;
}

// The same, but where `even` is 1 the shift rounds to nearest, halves to even.
template <class P, class A, class M, class B, class E, class L>
P scale_even(const A& a, const M& multiplier, const B& offset, int shift, const E& even,
             const L& low, const L& high) {
#pragma HLS inline
    const P sum = a * multiplier + offset;
    P extra = 0;
    if (even != 0) {
        const P one = 1;
        const P below = (one << (shift - 1)) - one;
        extra = below + ((sum >> shift) & one);
    }
    const P raw = (sum + extra) >> shift;
    const P least = low;
    const P most = high;
    return raw < least ? least : raw > most ? most : raw;
}

} // namespace qc

#endif
