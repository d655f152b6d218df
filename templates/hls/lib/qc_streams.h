// SPDX-License-Identifier: 0BSD
// Ports, width converters and channel orders: processes that move words and compute nothing.
#ifndef QC_STREAMS_H
#define QC_STREAMS_H

#include "qc_types.h"

namespace qc {

// Unpacks AXI words: lane i of a word is in bits [i * SLOT, i * SLOT + width of T).
template <int WORDS, int SLOT, class T, int LANES>
void read_port(hls::stream<ap_uint<SLOT * LANES> >& in, hls::stream<Word<T, LANES> >& out) {
    for (int i = 0; i < WORDS; i++) {
#pragma HLS pipeline II=1
        const ap_uint<SLOT * LANES> packed = in.read();
        Word<T, LANES> word;
        for (int lane = 0; lane < LANES; lane++) {
#pragma HLS unroll
            const ap_uint<SLOT> slot = packed.range(lane * SLOT + SLOT - 1, lane * SLOT);
            word.lane[lane] = slot;
        }
        out.write(word);
    }
}

// Packs AXI words; each lane is sign- or zero-extended to its slot.
template <int WORDS, int SLOT, class T, int LANES>
void write_port(hls::stream<Word<T, LANES> >& in, hls::stream<ap_uint<SLOT * LANES> >& out) {
    for (int i = 0; i < WORDS; i++) {
#pragma HLS pipeline II=1
        const Word<T, LANES> word = in.read();
        ap_uint<SLOT * LANES> packed = 0;
        for (int lane = 0; lane < LANES; lane++) {
#pragma HLS unroll
            const ap_uint<SLOT> slot = word.lane[lane];
            packed.range(lane * SLOT + SLOT - 1, lane * SLOT) = slot;
        }
        out.write(packed);
    }
}

// TO / FROM narrow words become one wide word.
template <int WORDS, class T, int FROM, int TO>
void widen(hls::stream<Word<T, FROM> >& in, hls::stream<Word<T, TO> >& out) {
    const int parts = TO / FROM;
    Word<T, TO> wide;
    for (int i = 0; i < WORDS; i++) {
        for (int part = 0; part < parts; part++) {
#pragma HLS pipeline II=1
            const Word<T, FROM> narrow = in.read();
            for (int lane = 0; lane < FROM; lane++) {
#pragma HLS unroll
                wide.lane[part * FROM + lane] = narrow.lane[lane];
            }
            if (part == parts - 1) {
                out.write(wide);
            }
        }
    }
}

// One wide word becomes FROM / TO narrow words.
template <int WORDS, class T, int FROM, int TO>
void narrow(hls::stream<Word<T, FROM> >& in, hls::stream<Word<T, TO> >& out) {
    const int parts = FROM / TO;
    Word<T, FROM> wide;
    for (int i = 0; i < WORDS; i++) {
        for (int part = 0; part < parts; part++) {
#pragma HLS pipeline II=1
            if (part == 0) {
                wide = in.read();
            }
            Word<T, TO> word;
            for (int lane = 0; lane < TO; lane++) {
#pragma HLS unroll
                word.lane[lane] = wide.lane[part * TO + lane];
            }
            out.write(word);
        }
    }
}

// Takes the FROM channels of each pixel in and sends TO channels out: channel i is channel order[i],
// or the constant fixed[i] where order[i] < 0. A pixel is read while the one before it is sent.
template <int PIXELS, int FROM, int TO, class T, int IN, class U, int OUT, class ORDER, class FIXED>
void select_channels(hls::stream<Word<T, IN> >& in, hls::stream<Word<U, OUT> >& out,
                     const ORDER (&order)[TO], const FIXED (&fixed)[TO]) {
    const int reads = FROM / IN;
    const int writes = TO / OUT;
    const int steps = reads > writes ? reads : writes;
    T pixels[2][FROM];
#pragma HLS array_partition variable=pixels complete dim=0
#pragma HLS array_partition variable=order cyclic factor=OUT
#pragma HLS array_partition variable=fixed cyclic factor=OUT
    for (int pixel = 0; pixel <= PIXELS; pixel++) {
        for (int step = 0; step < steps; step++) {
#pragma HLS pipeline II=1
            if (pixel < PIXELS && step < reads) {
                const Word<T, IN> word = in.read();
                for (int lane = 0; lane < IN; lane++) {
#pragma HLS unroll
                    pixels[pixel & 1][step * IN + lane] = word.lane[lane];
                }
            }
            if (pixel > 0 && step < writes) {
                Word<U, OUT> word;
                for (int lane = 0; lane < OUT; lane++) {
#pragma HLS unroll
                    const int place = order[step * OUT + lane];
                    word.lane[lane] = fixed[step * OUT + lane];
                    if (place >= 0) {
                        word.lane[lane] = pixels[(pixel - 1) & 1][place];
                    }
                }
                out.write(word);
            }
        }
    }
}

// Reads what nobody needs.
template <int WORDS, class T, int LANES> void drain(hls::stream<Word<T, LANES> >& in) {
    for (int i = 0; i < WORDS; i++) {
#pragma HLS pipeline II=1
        in.read();
    }
}

} // namespace qc

#endif
