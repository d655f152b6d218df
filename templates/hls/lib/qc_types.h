// SPDX-License-Identifier: 0BSD
// Words that travel on streams, and how constants are kept.
#ifndef QC_TYPES_H
#define QC_TYPES_H

#include "ap_int.h"
#include "hls_stream.h"

namespace qc {

// Several channels that travel together; lane 0 is the first of them.
template <class T, int LANES> struct Word {
    T lane[LANES];
};

#ifdef __SYNTHESIS__
template <int BITS> using rom_int = ap_int<BITS>;
template <int BITS> using rom_uint = ap_uint<BITS>;
#else
// In C simulation constants stay plain integers, because ap_int would run one constructor for each
// of them before main(). Whoever reads one cuts it to its width: `const ap_int<BITS> w = rom[i]`.
template <int BYTES> struct Plain;
template <> struct Plain<1> {
    typedef signed char Signed;
    typedef unsigned char Unsigned;
};
template <> struct Plain<2> {
    typedef short Signed;
    typedef unsigned short Unsigned;
};
template <> struct Plain<4> {
    typedef int Signed;
    typedef unsigned int Unsigned;
};
template <> struct Plain<8> {
    typedef long long Signed;
    typedef unsigned long long Unsigned;
};
constexpr int bytes_for(int bits) { return bits <= 8 ? 1 : bits <= 16 ? 2 : bits <= 32 ? 4 : 8; }
template <int BITS> using rom_int = typename Plain<bytes_for(BITS)>::Signed;
template <int BITS> using rom_uint = typename Plain<bytes_for(BITS)>::Unsigned;
#endif

} // namespace qc

#endif
