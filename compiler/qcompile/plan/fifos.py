"""How many words each stream holds: enough that no cycle is lost, and no more.

Depths come from exact replays of the schedules. A replay that ends shows that the design never
locks up, at any pace of its surroundings (`plan.tokens`); one that keeps the interval of the
slowest process shows that deeper streams would gain nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qcompile.plan.streams import Process, Stream
from qcompile.plan.tokens import Replay

LEAST = 2  # words: what a stream needs to take and give one in each cycle
SURE = 8  # inferences after which a design has settled: the rate shows between the last two
QUICK = 3  # of large designs, for the search; all SURE have the last word
LARGE = 200_000  # cycles of an interval, times processes, where a search takes seconds
EFFORT = 20_000_000_000  # steps of processes that the search for smaller depths may replay


def depths(processes: Sequence[Process]) -> dict[str, int]:
    """A depth for each stream, by its name: no loss of rate, each alone minimal.

    Where a design is so large that the search would take minutes, the depths are those that words
    fill at most where nothing ever waits for room.
    """
    replay = Replay.of(processes)
    interval = max(p.cycles for p in processes)
    frames = SURE if len(processes) * interval < LARGE else QUICK
    while True:
        search = Search(replay, interval, frames)
        search.shrink()
        if frames == SURE or search.sure(SURE):
            return search.depths
        frames = SURE


class Search:
    """Depths on their way down, all of them enough at any time."""

    def __init__(self, replay: Replay, interval: int, frames: int) -> None:
        self._replay = replay
        self._bare = Replay.of(replay.processes, registers=False)
        self._interval = interval
        self._frames = frames
        free = replay.run(frames=frames)
        assert free.done, "a design without bounds never locks up"
        self._fullest = {name: max(words, LEAST) for name, words in free.fullest.items()}
        self.depths = {
            s.name: max(self._fullest[s.name], s.words) for p in replay.processes for s in p.outputs
        }

    def shrink(self) -> None:
        """Make streams as shallow as possible, those of the largest tensors first.

        So the room that a design needs ends up where a word is smallest and there are few of them.
        """
        cost = len(self._replay.processes) * self._interval * self._frames
        ordered = sorted(self._replay.streams, key=lambda s: -s.bits * s.words)
        large = [s for s in ordered if self.depths.get(s.name, 0) > LEAST]
        if cost * 4 * (len(large) + 1) < EFFORT:
            self._shrink(large)
        else:
            self._fits(self._fullest)

    def sure(self, frames: int) -> bool:
        """Whether no rate is lost over more inferences than the search looked at."""
        return self._keeps(self.depths, frames)

    def _shrink(self, streams: Sequence[Stream]) -> None:
        """Half of `streams` after the other; most need but LEAST, and fall together."""
        if not streams or self._fits({s.name: LEAST for s in streams}):
            return
        if len(streams) > 1:
            middle = len(streams) // 2
            self._shrink(streams[:middle])
            self._shrink(streams[middle:])
            return
        name = streams[0].name
        low, high = LEAST, self.depths[name]  # low is too little, high is enough
        while high - low > 1:
            middle = min(2 * low, (low + high) // 2)  # most answers are small
            if self._fits({name: middle}):
                high = middle
            else:
                low = middle

    def _fits(self, depths: Mapping[str, int]) -> bool:
        """Whether these depths do; if so they are taken."""
        tried = self.depths | dict(depths)
        if not self._keeps(tried, self._frames):
            return False
        self.depths = tried
        return True

    def _keeps(self, depths: Mapping[str, int], frames: int) -> bool:
        """Whether an inference ends every interval, inputs coming as fast as they are taken.

        Pipelines of the RTL hold words too, which HLS promises nowhere: none may be needed.
        """
        times = self._replay.run(depths, frames)
        fast = times.done and times.interval <= self._interval
        return fast and self._bare.run(depths, 1).done
