"""The inner loop of the token simulator: every process and every stream, cycle by cycle.

The rules are those of templates/rtl: a stream takes a word while it holds fewer than its depth and
shows it one cycle later; a process does at most one step a cycle, its words appear `latency` cycles
later, and its whole pipeline stands still while the last stage waits for room.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.int64]
Bits = NDArray[np.bool_]

NEVER = np.int64(1 << 60)


@njit(cache=True)
def simulate(
    ins: Array,  # [processes + 1]: where the inputs of each begin in `in_streams`
    in_streams: Array,
    outs: Array,
    out_streams: Array,
    latency: Array,  # [processes]
    phases: Array,  # [processes + 1]: where the phases of each begin
    repeats: Array,  # [phases]
    runs: Array,  # [phases + 1]: where the runs of each begin
    steps: Array,  # [runs]
    reads: Array,  # [runs] bit i: reads input i
    writes: Array,  # [runs] 1 or 0
    depth: Array,  # [streams] words that each holds
    sources: Array,  # streams that words come from, of the test bench
    sent: Array,  # [sources] words in all
    sinks: Array,
    wanted: Array,  # [sinks] words in all
    offers: Bits,  # [cycles, sources] whether a word that waits is offered from now on; or empty
    takes: Bits,  # [cycles, sinks]; or empty: always
    limit: int,  # cycles at most
    log: Array,  # [n, 2] room for (stream, cycle) of each word that a process writes; may be empty
) -> tuple[int, Array, Array, Array, int]:
    """Cycles, the cycle of each word that sources gave and sinks took, fullest, entries of log."""
    processes, streams = latency.size, depth.size
    count = np.zeros(streams, np.int64)
    fullest = np.zeros(streams, np.int64)
    change = np.zeros(streams, np.int64)
    phase = phases[:-1].copy()
    round_ = np.zeros(processes, np.int64)
    run = runs[phase]
    step = np.zeros(processes, np.int64)
    clock = np.zeros(processes, np.int64)
    longest = latency.max() + 1
    pending = np.zeros((processes, longest), np.int64)  # clock at which each word was computed
    head = np.zeros(processes, np.int64)
    flying = np.zeros(processes, np.int64)
    gave_first = np.zeros(sources.size + 1, np.int64)
    took_first = np.zeros(sinks.size + 1, np.int64)
    for i in range(sources.size):
        gave_first[i + 1] = gave_first[i] + sent[i]
    for i in range(sinks.size):
        took_first[i + 1] = took_first[i] + wanted[i]
    gave_at = np.full(gave_first[-1], -1, np.int64)
    took_at = np.full(took_first[-1], -1, np.int64)
    gave = np.zeros(sources.size, np.int64)
    took = np.zeros(sinks.size, np.int64)
    offered = np.zeros(sources.size, np.bool_)
    logged = 0
    left = took_first[-1]
    cycle = 0
    # A process that waits sleeps until a stream beside it changes: `wake` is its next cycle.
    wake = np.zeros(processes, np.int64)
    writer = np.full(streams, -1, np.int64)
    reader = np.full(streams, -1, np.int64)
    for p in range(processes):
        for i in range(ins[p], ins[p + 1]):
            reader[in_streams[i]] = p
        for o in range(outs[p], outs[p + 1]):
            writer[out_streams[o]] = p
    patient = offers.size == 0 and takes.size == 0
    touched = np.zeros(2 * streams, np.int64)
    # The streams of sources and sinks stand for ports: no words are stored in them.
    is_source = np.full(streams, -1, np.int64)
    is_sink = np.full(streams, -1, np.int64)
    for i in range(sources.size):
        is_source[sources[i]] = i
    for i in range(sinks.size):
        is_sink[sinks[i]] = i
    while left > 0 and cycle < limit:
        changes = 0
        for i in range(sources.size):
            if not offered[i] and gave[i] < sent[i]:
                offered[i] = offers.size == 0 or (
                    offers[cycle, i] if cycle < offers.shape[0] else True
                )
        for p in range(processes):
            if wake[p] > cycle:
                continue
            wake[p] = cycle + 1
            room = True
            for o in range(outs[p], outs[p + 1]):
                s = out_streams[o]
                if is_sink[s] >= 0:
                    ready = takes.size == 0 or (
                        takes[cycle, is_sink[s]] if cycle < takes.shape[0] else True
                    )
                    room = room and ready and took[is_sink[s]] < wanted[is_sink[s]]
                else:
                    room = room and count[s] < depth[s]
            deep = latency[p]
            arrives = deep > 0 and flying[p] > 0 and pending[p, head[p]] + deep == clock[p]
            if arrives and not room:
                if patient:
                    wake[p] = NEVER
                continue
            here = run[p]
            fires = True
            for i in range(ins[p], ins[p + 1]):
                if (reads[here] >> (i - ins[p])) & 1:
                    s = in_streams[i]
                    if is_source[s] >= 0:
                        fires = fires and offered[is_source[s]]
                    else:
                        fires = fires and count[s] > 0
            if deep == 0 and writes[here] and not room:
                fires = False
            emits = arrives or (deep == 0 and fires and writes[here] == 1)
            if arrives:
                head[p] = (head[p] + 1) % longest
                flying[p] -= 1
            if emits:
                for o in range(outs[p], outs[p + 1]):
                    s = out_streams[o]
                    if logged < log.shape[0]:
                        log[logged, 0] = s
                        log[logged, 1] = cycle
                    logged += 1
                    if is_sink[s] >= 0:
                        k = is_sink[s]
                        took_at[took_first[k] + took[k]] = cycle
                        took[k] += 1
                        left -= 1
                    else:
                        change[s] += 1
                        touched[changes] = s
                        changes += 1
            if fires:
                for i in range(ins[p], ins[p + 1]):
                    if (reads[here] >> (i - ins[p])) & 1:
                        s = in_streams[i]
                        if is_source[s] >= 0:
                            k = is_source[s]
                            gave_at[gave_first[k] + gave[k]] = cycle
                            gave[k] += 1
                            offered[k] = False
                        else:
                            change[s] -= 1
                            touched[changes] = s
                            changes += 1
                if deep > 0 and writes[here]:
                    pending[p, (head[p] + flying[p]) % longest] = clock[p]
                    flying[p] += 1
                step[p] += 1
                if step[p] == steps[here]:
                    step[p] = 0
                    run[p] += 1
                    if run[p] == runs[phase[p] + 1]:
                        round_[p] += 1
                        if round_[p] == repeats[phase[p]]:
                            round_[p] = 0
                            phase[p] += 1
                            if phase[p] == phases[p + 1]:
                                phase[p] = phases[p]
                        run[p] = runs[phase[p]]
                here = run[p]
                rest = steps[here] - step[p] - 1
                if patient and flying[p] == 0 and rest > 0 and reads[here] + writes[here] == 0:
                    step[p] += rest  # nothing to be seen before the last step of the run
                    wake[p] = cycle + 1 + rest
            elif patient and flying[p] == 0:
                wake[p] = NEVER
            clock[p] += 1
        for i in range(changes):
            s = touched[i]
            if change[s] != 0:
                count[s] += change[s]
                fullest[s] = max(fullest[s], count[s])
                change[s] = 0
            # Whoever waits at this stream looks again, but not before what it is busy with ends.
            if wake[reader[s]] == NEVER:
                wake[reader[s]] = cycle + 1
            if wake[writer[s]] == NEVER:
                wake[writer[s]] = cycle + 1
        cycle += 1
        if patient:
            soonest = NEVER
            for p in range(processes):
                soonest = min(soonest, wake[p])
            if soonest == NEVER:
                break  # nothing will ever move again
            cycle = soonest
    return cycle, gave_at, took_at, fullest, logged
