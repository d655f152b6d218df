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

} // namespace qc

#endif
