// SPDX-License-Identifier: 0BSD
// In a trace build of the C simulation, every layer's words are kept for the testbench.
#ifndef QC_TRACE_H
#define QC_TRACE_H

#if defined(QC_TRACE) && !defined(__SYNTHESIS__)
#include <string>
#include <vector>

#include "qc_types.h"

namespace qc {

struct Traced {
    std::string name;
    std::vector<long long> values;
};

// What the last call of the top function sent, in the order of execution.
inline std::vector<Traced> traced;

// Keeps the words that wait in `stream`, and leaves them there.
template <class T, int LANES>
void keep(hls::stream<Word<T, LANES> >& stream, const char* name) {
    Traced kept = {name, {}};
    const size_t words = stream.size();
    for (size_t i = 0; i < words; i++) {
        const Word<T, LANES> word = stream.read();
        for (int lane = 0; lane < LANES; lane++) {
            kept.values.push_back(word.lane[lane].to_int64());
        }
        stream.write(word);
    }
    traced.push_back(kept);
}

} // namespace qc

#define QC_KEEP(stream, name) qc::keep(stream, name)
#else
#define QC_KEEP(stream, name)
#endif

#endif
