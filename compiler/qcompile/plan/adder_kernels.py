"""The compiled inner loops of the adder search: sums of symbols, and what rows of them share.

A symbol is an input (ids below `inputs`) or a row. A row is a sum of digits, a digit is
``± symbol << shift``, packed in one integer. A row of n digits costs n - 1 adders, however it is
summed, so the cost of all rows is the number of adders of the graph. Three moves are made: a pair
of digits that occurs in several rows becomes a row of its own (`share`), a row is written out in
all rows that use it (`write_out`), and an output is derived anew from the values of all other
symbols (`derive`).

All compiled functions are in this one file, because numba looks at the file of a function, and
not at those of the functions that it calls, to decide whether its stored machine code is stale.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

F = TypeVar("F", bound=Callable[..., object])
Ints = NDArray[np.int64]

MAX_SHIFT = 60  # coefficients are int64
UNDONE = 10  # rows written out by a move, at most


def compiled(function: F) -> F:
    """Machine code, kept between runs; typed like the function."""
    made: F = numba.njit(cache=True)(function)
    return made


class Rows(NamedTuple):
    """`length[r]` digits `digits[r]` for row r; a length of -1 is a free row.

    `depth[s]` is an upper bound of the adders on a path to symbol s, `limit[r]` the greatest depth
    that row r may get; neither is used without a limit. A row of n digits has the depth d if the
    sum of 2 to the depth of a digit is at most 2 to the d.
    """

    length: Ints
    digits: Ints  # [rows, most digits]
    depth: Ints
    limit: Ints
    values: Ints  # [symbols, inputs]: what each symbol is of the inputs
    state: Ints


class Table(NamedTuple):
    """How often each pair of digits occurs: a hash table with open addressing."""

    keys: Ints
    counts: Ints
    blocked: Ints  # occurrences that cannot be used
    listed: Ints  # whether a slot is in `hot`
    used: Ints  # slots that are not empty
    hot: Ints  # slots that counted two or more at some time
    state: Ints


class Candidates(NamedTuple):
    """What each symbol gains in a row: kept while the row changes elsewhere."""

    supports: Ints
    gains: Ints
    digits: Ints  # -1: no gain, or no candidate


class Search(NamedTuple):
    rows: Rows  # the present ones
    best: Rows
    trial: Rows
    table: Table
    found: Ints  # [occurrences, 3]: room for `share`
    marks: Ints  # [symbols]


# Places in Rows.state: the numbers of inputs, of inputs and outputs, and of all symbols; the
# greatest depth of an output; whether the rows grew out of their arrays and are void.
INPUTS, PINNED, TOP, LIMIT, OVERFLOW = range(5)
# Places in Table.state: slots used, slots in `hot`, size - 1, elementary steps done, random state.
USED, HOT, MASK, WORK, SEED = range(5)
UNLIMITED = -1


@compiled
def random_below(table: Table, n: int) -> int:
    """A number in 0..n-1, by xorshift: the same on every machine."""
    x = table.state[SEED]
    x ^= (x << 13) & 0x7FFFFFFFFFFFFFFF
    x ^= x >> 7
    x ^= (x << 17) & 0x7FFFFFFFFFFFFFFF
    table.state[SEED] = x
    return (x >> 8) % n


@compiled
def weight(value: int) -> int:
    """The least number of signed digits of a number: those of its canonical form."""
    magnitude = abs(value)
    bits = magnitude ^ (3 * magnitude)
    bits -= (bits >> 1) & 0x5555555555555555
    bits = (bits & 0x3333333333333333) + ((bits >> 2) & 0x3333333333333333)
    bits = (bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0F
    bits += bits >> 8
    bits += bits >> 16
    return (bits + (bits >> 32)) & 127


@compiled
def pair_key(p: int, q: int) -> int:
    """The pattern of two digits: both symbols, the relative shift, whether the signs differ."""
    a, b = p >> 8, q >> 8
    s, t = (p >> 1) & 127, (q >> 1) & 127
    if a > b or (a == b and s > t):
        a, b, s, t = b, a, t, s
    return ((a << 20 | b) << 8 | (t - s + 64)) << 1 | ((p ^ q) & 1)


@compiled
def count_pair(table: Table, key: int, change: int) -> None:
    mask = table.state[MASK]
    mixed = key * 0x1E3779B97F4A7C15
    slot = (mixed ^ (mixed >> 29)) & mask
    while table.keys[slot] != key:
        if table.keys[slot] < 0:
            table.keys[slot] = key
            table.counts[slot] = table.blocked[slot] = table.listed[slot] = 0
            table.used[table.state[USED]] = slot
            table.state[USED] += 1
            break
        slot = (slot + 1) & mask
    table.counts[slot] += change
    if table.counts[slot] >= 2 and not table.listed[slot]:
        table.listed[slot] = 1
        table.hot[table.state[HOT]] = slot
        table.state[HOT] += 1


@compiled
def remove_digit(rows: Rows, table: Table, r: int, index: int, counted: bool) -> None:
    digits = rows.digits[r]
    last = rows.length[r] - 1
    gone = digits[index]
    digits[index] = digits[last]
    rows.length[r] = last
    if counted:
        for j in range(last):
            count_pair(table, pair_key(gone, digits[j]), -1)
        table.state[WORK] += last


@compiled
def append_digit(rows: Rows, table: Table, r: int, digit: int, counted: bool) -> None:
    digits = rows.digits[r]
    n = rows.length[r]
    if n >= digits.size or ((digit >> 1) & 127) >= MAX_SHIFT:
        rows.state[OVERFLOW] = 1
        return
    if counted:
        for j in range(n):
            count_pair(table, pair_key(digit, digits[j]), 1)
        table.state[WORK] += n
    digits[n] = digit
    rows.length[r] = n + 1


@compiled
def append_value(rows: Rows, table: Table, r: int, symbol: int, value: int, counted: bool) -> None:
    """Append value x symbol in a minimal signed digit form, one of all at random."""
    shift = 0
    while value:
        while value & 1 == 0:
            value >>= 1
            shift += 1
        up, down = weight(value + 1), weight(value - 1)
        negative = up < down or (up == down and random_below(table, 2) == 1)
        append_digit(rows, table, r, symbol << 8 | shift << 1 | int(negative), counted)
        value += 1 if negative else -1


@compiled
def add_digit(rows: Rows, table: Table, r: int, digit: int, counted: bool) -> None:
    """Add a digit to a row; what the row had of the same symbol is merged with it if smaller."""
    symbol = digit >> 8
    digits = rows.digits[r]
    value, count, clash = np.int64(0), 1, False
    for j in range(rows.length[r]):
        if digits[j] >> 8 == symbol:
            count += 1
            clash |= (digits[j] >> 1) == (digit >> 1)
            power = np.int64(1) << ((digits[j] >> 1) & 127)
            value += -power if digits[j] & 1 else power
    power = np.int64(1) << ((digit >> 1) & 127)
    value += -power if digit & 1 else power
    if count == 1 or (not clash and weight(value) == count):
        append_digit(rows, table, r, digit, counted)
        return
    for j in range(rows.length[r] - 1, -1, -1):
        if digits[j] >> 8 == symbol:
            remove_digit(rows, table, r, j, counted)
    append_value(rows, table, r, symbol, value, counted)


@compiled
def uses(rows: Rows, r: int, symbol: int) -> bool:
    found = False
    for j in range(rows.length[r]):
        found |= rows.digits[r, j] >> 8 == symbol
    return found


@compiled
def substitute(rows: Rows, table: Table, r: int, gone: int, counted: bool) -> None:
    """Write row `gone` out in row r, wherever r uses it."""
    digits = rows.digits[r]
    j = 0
    while j < rows.length[r]:
        if digits[j] >> 8 != gone:
            j += 1
            continue
        outer = digits[j]
        remove_digit(rows, table, r, j, counted)
        j = 0
        for i in range(rows.length[gone]):
            # Shifts add up, signs multiply, and the symbol is that of the inner digit.
            inner = rows.digits[gone, i]
            moved = (inner + (outer & 0xFE)) ^ (outer & 1)
            if ((inner >> 1) & 127) + ((outer >> 1) & 127) >= MAX_SHIFT:
                rows.state[OVERFLOW] = 1
                return
            add_digit(rows, table, r, moved, counted)
            if rows.state[OVERFLOW]:
                return


@compiled
def write_out(rows: Rows, table: Table, gone: int, counted: bool) -> None:
    """Write row `gone` out in all that use it; it is free then, unless it is an output."""
    for r in range(rows.state[INPUTS], rows.state[TOP]):
        if r != gone and uses(rows, r, gone):
            substitute(rows, table, r, gone, counted)
            if rows.state[OVERFLOW]:
                return
    if gone < rows.state[PINNED]:
        return
    while rows.length[gone] > 0:
        remove_digit(rows, table, gone, rows.length[gone] - 1, counted)
    rows.length[gone] = -1


@compiled
def recount(rows: Rows, table: Table) -> None:
    """Fill an empty table with all pairs of all rows."""
    for i in range(table.state[USED]):
        table.keys[table.used[i]] = -1
    table.state[USED] = table.state[HOT] = 0
    pairs = 0
    first, top = rows.state[INPUTS], rows.state[TOP]
    for r in range(first, top):
        n = max(rows.length[r], 0)
        pairs += n * (n - 1) // 2
    size = 1024
    while size < 4 * pairs and size < table.keys.size:
        size *= 2
    table.state[MASK] = size - 1
    for r in range(first, top):
        for i in range(rows.length[r]):
            for j in range(i):
                count_pair(table, pair_key(rows.digits[r, i], rows.digits[r, j]), 1)
    table.state[WORK] += pairs + top


@compiled
def best_slot(table: Table) -> int:
    """The pattern that occurs most often, a random one of equals; -1 if none occurs twice."""
    best, found, equals, kept = 1, -1, 0, 0
    for i in range(table.state[HOT]):
        slot = table.hot[i]
        if table.counts[slot] < 2:
            table.listed[slot] = 0
            continue
        table.hot[kept] = slot
        kept += 1
        count = table.counts[slot] - table.blocked[slot]
        if count > best:
            best, found, equals = count, slot, 1
        elif count == best and found >= 0:
            equals += 1
            if random_below(table, equals) == 0:
                found = slot
    table.state[WORK] += table.state[HOT] // 4
    table.state[HOT] = kept
    return found


@compiled
def room(rows: Rows, r: int) -> int:
    """How much the sum of 2 to the depth of a digit may grow in row r within its limit."""
    if rows.state[LIMIT] == UNLIMITED:
        return np.int64(1) << 62
    total = np.int64(1) << rows.limit[r]
    for i in range(rows.length[r]):
        total -= np.int64(1) << rows.depth[rows.digits[r, i] >> 8]
    return total


@compiled
def pair_growth(rows: Rows, a: int, b: int) -> int:
    """What merging two digits of symbols a and b takes of that room."""
    if rows.state[LIMIT] == UNLIMITED:
        return 0
    x, y = np.int64(1) << rows.depth[a], np.int64(1) << rows.depth[b]
    return 2 * max(x, y) - x - y


@compiled
def occurrences(rows: Rows, key: int, found: Ints) -> int:
    """Fill `found` [n, 3] with row, digit of a, digit of b, none of them twice; their number."""
    flip, d = key & 1, ((key >> 1) & 0xFF) - 64
    a, b = key >> 29, (key >> 9) & 0xFFFFF
    n = 0
    growth = pair_growth(rows, a, b)
    for r in range(rows.state[INPUTS], rows.state[TOP]):
        start = n
        for i in range(rows.length[r]):
            p = rows.digits[r, i]
            if p >> 8 != a or n == found.shape[0]:
                continue
            q = (p + (b - a) * 256 + 2 * d) ^ flip
            for j in range(rows.length[r]):
                if rows.digits[r, j] == q:
                    found[n, 0], found[n, 1], found[n, 2] = r, p, q
                    n += 1
                    break
        if n > start and a == b:
            n = start + drop_overlaps(found, start, n)
        if n > start and growth > 0:
            n = start + min(n - start, room(rows, r) // growth)
    return n


@compiled
def drop_overlaps(found: Ints, start: int, end: int) -> int:
    """Of pairs of one symbol with itself in a row, keep those that use no digit twice."""
    for i in range(start + 1, end):  # by shift: taken from one end, most pairs fit
        j = i
        while j > start and found[j, 1] < found[j - 1, 1]:
            for k in range(3):
                found[j, k], found[j - 1, k] = found[j - 1, k], found[j, k]
            j -= 1
    kept = start
    for i in range(start, end):
        free = True
        for j in range(start, kept):
            free &= found[j, 2] != found[i, 1]
        if free:
            for k in range(3):
                found[kept, k] = found[i, k]
            kept += 1
    return kept - start


@compiled
def new_row(rows: Rows) -> int:
    top = rows.state[TOP]
    for r in range(rows.state[PINNED], top):
        if rows.length[r] < 0:
            rows.length[r] = 0
            return r
    if top == rows.length.size:
        rows.state[OVERFLOW] = 1
        return -1
    rows.state[TOP] = top + 1
    rows.length[top] = 0
    return top


@compiled
def remove_value(rows: Rows, table: Table, r: int, digit: int) -> None:
    for i in range(rows.length[r]):
        if rows.digits[r, i] == digit:
            remove_digit(rows, table, r, i, True)
            return


@compiled
def extract(rows: Rows, table: Table, key: int, found: Ints, n: int) -> None:
    """Make the pattern a row, or take the row that is it already, and use it everywhere."""
    flip, d = key & 1, ((key >> 1) & 0xFF) - 64
    a, b = key >> 29, (key >> 9) & 0xFFFFF
    base = max(-d, 0)  # the shift of a in the row
    shared, sign = -1, 0
    for i in range(n):
        r = found[i, 0]
        if rows.length[r] == 2 and ((found[i, 1] >> 1) & 127) == base:
            shared, sign = r, found[i, 1] & 1
            break
    if shared < 0:
        shared = new_row(rows)
        if shared < 0:
            return
        add_digit(rows, table, shared, a << 8 | base << 1, True)
        add_digit(rows, table, shared, b << 8 | (base + d) << 1 | flip, True)
        for i in range(rows.state[INPUTS]):
            other = rows.values[b, i] << (base + d)
            rows.values[shared, i] = (rows.values[a, i] << base) + (-other if flip else other)
    rows.depth[shared] = rows.limit[shared] = max(rows.depth[a], rows.depth[b]) + 1
    for i in range(n):
        r, p, q = found[i, 0], found[i, 1], found[i, 2]
        if r == shared:
            continue
        remove_value(rows, table, r, p)
        remove_value(rows, table, r, q)
        moved = shared << 8 | (((p >> 1) & 127) - base) << 1 | ((p & 1) ^ sign)
        add_digit(rows, table, r, moved, True)
    for i in range(n):
        r = found[i, 0]
        if 0 <= rows.length[r] <= 1:
            write_out(rows, table, r, True)


@compiled
def share(rows: Rows, table: Table, found: Ints) -> None:
    """Extract patterns, the most frequent first, until none occurs twice."""
    recount(rows, table)
    while rows.state[OVERFLOW] == 0:
        if 2 * table.state[USED] > table.state[MASK]:
            recount(rows, table)
            if 2 * table.state[USED] > table.state[MASK]:
                rows.state[OVERFLOW] = 1
        slot = best_slot(table)
        if slot < 0:
            return
        key = table.keys[slot]
        n = occurrences(rows, key, found)
        table.state[WORK] += rows.state[TOP]
        count = table.counts[slot]
        if n < 2 or n < count - table.blocked[slot]:
            table.blocked[slot] = count - n
            continue
        extract(rows, table, key, found, n)


@compiled
def cost(rows: Rows) -> int:
    total = 0
    for r in range(rows.state[INPUTS], rows.state[TOP]):
        total += max(rows.length[r] - 1, 0)
    return total


@compiled
def copy(source: Rows, target: Rows) -> None:
    top, inputs = source.state[TOP], source.state[INPUTS]
    target.state[:] = source.state
    target.depth[:top] = source.depth[:top]
    target.limit[:top] = source.limit[:top]
    for r in range(inputs, top):
        n = source.length[r]
        target.length[r] = n
        for i in range(n):
            target.digits[r, i] = source.digits[r, i]
        if n >= 0:
            for i in range(inputs):
                target.values[r, i] = source.values[r, i]


@compiled
def drop_unshared(rows: Rows, table: Table, uses: Ints) -> None:
    """Write out the rows that are used less than twice or are no sum."""
    first, changed = rows.state[INPUTS], True
    while changed and rows.state[OVERFLOW] == 0:
        changed = False
        top = rows.state[TOP]
        uses[:top] = 0
        for r in range(first, top):
            for i in range(rows.length[r]):
                uses[rows.digits[r, i] >> 8] += 1
        for r in range(first, top):
            pinned = r < rows.state[PINNED]
            needless = rows.length[r] <= 1 or (uses[r] <= 1 and not pinned)
            if rows.length[r] < 0 or not needless or (pinned and uses[r] == 0):
                continue
            write_out(rows, table, r, False)
            changed = True
        table.state[WORK] += top


@compiled
def measure_depths(rows: Rows, used: Ints) -> None:
    """Set the depths and limits of all rows; what is too deep is void."""
    first, top, changed = rows.state[INPUTS], rows.state[TOP], True
    limit = rows.state[LIMIT]
    rows.depth[first:top] = used[:top] = 0
    while changed and rows.state[OVERFLOW] == 0:
        changed = False
        for r in range(first, top):
            total, depth = np.int64(0), 0
            for i in range(rows.length[r]):
                symbol = rows.digits[r, i] >> 8
                used[symbol] = 1
                total += np.int64(1) << rows.depth[symbol]
            while np.int64(1) << depth < total:
                depth += 1
            changed |= depth != rows.depth[r]
            rows.depth[r] = depth
            if depth > limit:
                rows.state[OVERFLOW] = 1
    for r in range(first, top):
        # Rows that others use stay as deep as they are: the others rely on it.
        rows.limit[r] = rows.depth[r] if used[r] else limit


@compiled
def disturb(rows: Rows, table: Table) -> None:
    """Write out a few shared rows."""
    pinned, top = rows.state[PINNED], rows.state[TOP]
    if top == pinned:
        return
    wanted = 1 + random_below(table, UNDONE)
    for _ in range(4 * wanted):
        r = pinned + random_below(table, top - pinned)
        if rows.length[r] <= 0:
            continue
        write_out(rows, table, r, False)
        wanted -= 1
        if wanted == 0 or rows.state[OVERFLOW]:
            return


@compiled
def mark_users(rows: Rows, r: int, marks: Ints) -> None:
    """Set marks[s] to 1 for row r and all rows that depend on it, to 0 for others."""
    first, top, changed = rows.state[INPUTS], rows.state[TOP], True
    marks[:top] = 0
    marks[r] = 1
    while changed:
        changed = False
        for s in range(first, top):
            if marks[s]:
                continue
            for i in range(rows.length[s]):
                if marks[rows.digits[s, i] >> 8]:
                    marks[s] = 1
                    changed = True
                    break


@compiled
def supports(rows: Rows, masks: Ints) -> None:
    """Set masks[s] to the inputs that symbol s depends on, 64 inputs apart taken for one."""
    inputs = rows.state[INPUTS]
    for s in range(inputs, rows.state[TOP]):
        masks[s] = 0
        for i in range(inputs):
            if rows.values[s, i] != 0:
                masks[s] |= np.int64(1) << (i & 63)


@compiled
def best_shift(
    rows: Rows, table: Table, s: int, rest: Ints, room: Ints, bound: int, least: int
) -> tuple[int, int]:
    """The best gain above `least` by taking symbol s from `rest`, and its digit, or -1.

    Shifts end where a value of the symbol is greater than `bound`.
    """
    n, before, largest = 0, 0, np.int64(0)
    wanted, offered = room[0], room[1]
    for i in range(rest.size):
        v = rows.values[s, i]
        if v != 0:
            wanted[n], offered[n] = rest[i], v
            n += 1
            before += weight(rest[i])
            largest = max(largest, abs(v))
    best, digit, shift = least, -1, 0
    if before <= least:
        return best, digit
    while largest << shift <= bound:
        plus, minus = before, before
        for j in range(n):
            plus -= weight(wanted[j] - (offered[j] << shift))
            minus -= weight(wanted[j] + (offered[j] << shift))
        if max(plus, minus) > best:
            best, digit = max(plus, minus), s << 8 | shift << 1 | int(minus > plus)
        shift += 1
    table.state[WORK] += 1 + n * shift // 2
    return best, digit


@compiled
def best_digit(rows: Rows, table: Table, candidates: Candidates, left: int) -> int:
    """The digit that gains most, a random one of equals; -1 if none gains.

    A symbol that is too deep for the `left` room is no candidate.
    """
    best, found, equals = 0, -1, 0
    for s in range(rows.state[INPUTS], rows.state[TOP]):
        gain = candidates.gains[s]
        if candidates.digits[s] < 0 or gain < best:
            continue
        if rows.state[LIMIT] != UNLIMITED and (np.int64(1) << rows.depth[s]) > gain + left:
            continue
        equals = equals + 1 if gain == best else 1
        best = gain
        if random_below(table, equals) == 0:
            found = candidates.digits[s]
    return found


@compiled
def derive(rows: Rows, table: Table, r: int, marks: Ints) -> None:
    """Write row r anew, as digits of the symbols whose values fit it best, and of inputs."""
    inputs, top = rows.state[INPUTS], rows.state[TOP]
    mark_users(rows, r, marks)
    rest = rows.values[r].copy()
    left = room_for(rows, rest)
    least = 2 if random_below(table, 4) == 0 else 1
    candidates = Candidates(np.empty(top, np.int64), np.empty(top, np.int64), np.full(top, -1))
    supports(rows, candidates.supports)
    space = np.empty((2, inputs), np.int64)
    changed = np.int64(-1)
    rows.length[r] = 0
    while rows.state[OVERFLOW] == 0:
        bound = 2 * np.abs(rest).max()
        for s in range(inputs, top):
            if rows.length[s] > 1 and not marks[s] and candidates.supports[s] & changed:
                candidates.gains[s], candidates.digits[s] = best_shift(
                    rows, table, s, rest, space, bound, least
                )
        digit = best_digit(rows, table, candidates, left)
        if digit < 0:
            break
        add_digit(rows, table, r, digit, False)
        symbol = digit >> 8
        left += candidates.gains[symbol] - (np.int64(1) << min(rows.depth[symbol], 60))
        changed = candidates.supports[symbol]
        for i in range(inputs):
            v = rows.values[symbol, i] << ((digit >> 1) & 127)
            rest[i] += v if digit & 1 else -v
    for i in range(inputs):
        append_value(rows, table, r, i, rest[i], False)


@compiled
def room_for(rows: Rows, rest: Ints) -> int:
    """What the depth limit leaves above inputs alone: a digit of depth d takes 2 to the d."""
    if rows.state[LIMIT] == UNLIMITED:
        return np.int64(0)
    left = np.int64(1) << rows.state[LIMIT]
    for i in range(rest.size):
        left -= weight(rest[i])
    return left


@compiled
def move(rows: Rows, table: Table, marks: Ints) -> None:
    """Derive one or two outputs, write out some shared rows, or both."""
    first, pinned = rows.state[INPUTS], rows.state[PINNED]
    kind = random_below(table, 4)
    if kind < 2:
        for _ in range(1 + random_below(table, 2)):
            derive(rows, table, first + random_below(table, pinned - first), marks)
    if kind > 0:
        disturb(rows, table)


@compiled
def improve(search: Search, budget: int) -> None:
    """Share the rows, then move and share again for `budget` elementary steps; leave the best."""
    rows, best, trial, table = search.rows, search.best, search.trial, search.table
    share(rows, table, search.found)
    copy(rows, best)
    current = least = cost(rows)
    start = table.state[WORK]
    while table.state[WORK] - start < budget:
        copy(rows, trial)
        move(trial, table, search.marks)
        drop_unshared(trial, table, search.marks)
        if trial.state[LIMIT] != UNLIMITED and trial.state[OVERFLOW] == 0:
            measure_depths(trial, search.marks)
        if trial.state[OVERFLOW] == 0:
            share(trial, table, search.found)
        table.state[WORK] += 100
        if trial.state[OVERFLOW] != 0:
            continue
        # One adder more is accepted now and then, less often towards the end.
        left = 1000 - 1000 * (table.state[WORK] - start) // budget
        worse = cost(trial) - current
        if worse > 1 or (worse == 1 and random_below(table, 8_000_000) >= left * left):
            continue
        current += worse
        copy(trial, rows)
        if current < least:
            least = current
            copy(trial, best)
    copy(best, rows)
