"""The plain-text summary that ends a compile, and the table of `inspect`."""

from __future__ import annotations

from typing import Any

Table = dict[str, Any]

RESEARCH_CORE = (
    "{name} is a research core; for boards: --target esp32c3, gd32vf103, ch32v307, ch32v203."
)


def summary(report: Table, folder: str = "") -> str:
    """What a compile gives, for a person: one fact a line."""
    totals = report["totals"]
    name = report["target"]["name"]
    lines = [RESEARCH_CORE.format(name=name)] if name in ("mpic", "mpic-q") else []
    lines += [
        pair(
            "model",
            f"{report['model']['name']}, {report['model']['dialect']}, "
            f"semantics {report['model']['semantics']}",
        ),
        pair("target", f"{report['target']['name']}, {report['target']['title']}"),
        pair(
            "layers",
            f"{sum(row['op'] != 'copy' for row in report['layers'])}, "
            f"{count(totals['macs'])} MACs, "
            f"{count(totals['bops'])} bit operations",
        ),
        pair("weights", weights_line(report)),
        pair("requantizers", counted(totals["forms"], "channels")),
    ]
    lines += [pair("input", port_line(row)) for row in report["inputs"]]
    lines += [pair("output", port_line(row)) for row in report["outputs"]]
    lines += [pair(key, text) for key, text in memory_lines(report)]
    lines += cycle_lines(report)
    lines += [pair("verified", text) for text in verify_lines(report)]
    lines += [pair("note", text) for text in report.get("notes", ())]
    lines += [pair("warning", text) for text in report.get("warnings", ())]
    if folder:
        lines.append(pair("written", f"{folder}: report.json, certificate.json, the code"))
    return "\n".join(lines)


def pair(key: str, text: str) -> str:
    return f"{key:>12}  {text}"


def port_line(row: Table) -> str:
    """Name, type, shape as stored; for an output behind a float tail, what it is codes of."""
    sign = "i" if row["signed"] else "u"
    text = f"{row['name']}: {sign}{row['bits']} {row['shape']}"
    return f"{text}, codes of {row['tensor']}" if row["tensor"] != row["name"] else text


def weights_line(report: Table) -> str:
    """Stored bits by channel width, and the bytes that they take."""
    widths: dict[str, int] = {}
    for row in report["layers"]:
        for width, channels in row.get("weight_bits", {}).items():
            widths[width] = widths.get(width, 0) + channels
    totals = report["totals"]
    by_width = ", ".join(f"{widths[w]} of {w}" for w in sorted(widths, key=int))
    where = f"; channels by bits: {by_width}" if widths else ""
    return f"{count(totals['weights'])} in {size(totals['weight_bytes'])}{where}"


def memory_lines(report: Table) -> list[tuple[str, str]]:
    """Flash and RAM against what the target has."""
    limits = report["target"].get("limits", {})
    lines = []
    for key, label in (("flash_bytes", "flash"), ("ram_bytes", "RAM")):
        if key in report["totals"]:
            has = f" of {size(limits[key])}" if key in limits else ""
            lines.append((label, f"{size(report['totals'][key])}{has}"))
    if "bands" in report["totals"]:
        lines.append(("in bands", bands_line(report["totals"])))
    if "stack_bytes" in report["totals"]:
        lines.append(("stack", f"{size(report['totals']['stack_bytes'])}, apart from RAM"))
    if "ii_cycles" in report["totals"]:
        lines.append(("interval", interval_line(report)))
        lines.append(("FIFOs", fifo_line(report["totals"])))
    if "lut" in report["totals"]:
        lines.append(("cells", cells_line(report)))
    return lines


def bands_line(totals: Table) -> str:
    """What running layers in bands of rows gives, and its price."""
    row = totals["bands"]
    without = {key: totals.get(f"{key}_without_bands") for key in ("flash_bytes", "cycles")}
    parts = [
        f"{row['layers']} layers in {row['bands']} bands: arena "
        f"{size(totals['arena_bytes_without_bands'])} -> {size(totals['arena_bytes'])}",
        f"{share(row['macs_more'], totals['macs'])} MACs",
    ]
    if without["cycles"] and "cycles" in totals:
        more = share(totals["cycles"] - without["cycles"], without["cycles"])
        parts.append(f"{more} cycles (from {count(without['cycles'])})")
    if without["flash_bytes"] and "flash_bytes" in totals:
        parts.append(f"{size(totals['flash_bytes'] - without['flash_bytes'])} more flash")
    return ", ".join(parts)


def share(more: int, of: int) -> str:
    return f"{100 * more / max(of, 1):+.1f} %"


def cycle_lines(report: Table) -> list[str]:
    """The measured cycles: a table of the layers, and what the whole comes to."""
    totals, sources = report["totals"], report["sources"]
    if "cycles" not in totals:
        return [pair("cycles", sources["cycles"])] if "cycles" in sources else []
    rows = [row for row in report["layers"] if "cycles" in row]
    cells = [("", "cycles", "MAC/cycle"), *((row["name"], *rate_cells(row)) for row in rows)]
    widths = [max(len(cell[i]) for cell in cells) for i in range(3)]
    lines = [
        f"{'':>12}  {a:{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}".rstrip()
        for a, b, c in cells
    ]
    lines[0] = pair("by layer", lines[0][14:])
    lines.append(pair("cycles", cycles_line(totals, report["target"])))
    lines.append(pair("", sources["cycles"]))
    if "slow_flash" in totals:
        slow = totals["slow_flash"]
        states = "wait state" if slow["wait_cycles"] == 1 else "wait states"
        text = f"{count(slow['cycles'])} cycles with {slow['wait_cycles']} {states}"
        lines.append(pair("slow flash", text))
    return lines


def rate_cells(row: Table) -> tuple[str, str]:
    """Cycles, and multiply-accumulates a cycle where there are any."""
    rate = f"{row['macs_per_cycle']:.2f}" if "macs_per_cycle" in row else ""
    return count(row["cycles"]), rate


def cycles_line(totals: Table, target: Table) -> str:
    """The whole: cycles, their rate, time and energy where the target has them."""
    parts = [count(totals["cycles"])]
    if "macs_per_cycle" in totals:
        parts.append(f"{totals['macs_per_cycle']:.2f} MAC/cycle")
    if "latency_ms" in totals:
        parts.append(f"{totals['latency_ms']:.3g} ms at {target['clock_mhz']:g} MHz")
    if "energy_uj" in totals:
        parts.append(f"{totals['energy_uj']:.3g} uJ (model)")
    return ", ".join(parts)


def interval_line(report: Table) -> str:
    """Cycles between two inferences and of one; the RTL, where it ran, took as many."""
    totals, clock = report["totals"], report["target"].get("clock_mhz")
    ran = "latency_us" in totals
    text = f"{count(totals['ii_cycles'])} cycles, latency {count(totals['latency_cycles'])}"
    text += " (RTL in Verilator)" if ran else " (exact model)"
    if clock is None:
        return text
    rate, micro = clock * 1e6 / totals["ii_cycles"], totals["latency_cycles"] / clock
    source = report["tools"]["clock_source"]
    return f"{text}; {count(int(rate))} inferences/s, {micro:.4g} us at {clock:g} MHz ({source})"


def fifo_line(totals: Table) -> str:
    """What the streams hold."""
    words, bits = count(totals["fifo_words"]), count(totals["fifo_bits"])
    return f"{words} words, {bits} bits: no rate lost"


def cells_line(report: Table) -> str:
    """What Yosys makes of it, beside what the device has."""
    names = {"lut": "LUT", "ff": "FF", "bram36": "BRAM36", "dsp": "DSP"}
    limits = report["target"].get("limits", {})
    parts = []
    for key, name in names.items():
        whole = f" of {count(limits[key])}" if key in limits else ""
        parts.append(f"{report['totals'][key]:g}{whole} {name}")
    return f"{', '.join(parts)} (Yosys, modules added up)"


def verify_lines(report: Table) -> list[str]:
    """One line a level: what it was compared with, and how it went."""
    levels = report["verify"]["levels"]
    if not levels:
        return ["no: --no-verify"]
    return [level_line(name, level) for name, level in levels.items()]


def level_line(name: str, level: Table) -> str:
    if not level["ran"]:
        return f"{name}: not run: {level['why']}"
    probes = f", {count(level['probes'])} codes around steps" if level["probes"] else ""
    if level["undriven"]:
        probes += f" ({level['undriven']} requantizers by vectors only)"
    vectors = f"{count(level['vectors'])} vector{'s' if level['vectors'] != 1 else ''}"
    return f"{name}: {vectors}{probes}, {level['mismatches']} mismatches"


def counted(counts: dict[str, int], what: str) -> str:
    """`12 shift, 80 32-bit channels`, or `none`."""
    return ", ".join(f"{n} {key}" for key, n in counts.items()) + f" {what}" if counts else "none"


def count(n: int) -> str:
    """A number with thin groups: 12 501 632."""
    return f"{n:,}".replace(",", " ")


def size(n: int) -> str:
    """Bytes, in kB where that reads better: 1 kB is 1024 bytes."""
    return f"{n} B" if n < 10_240 else f"{n / 1024:.1f} kB"


def table(report: Table) -> str:
    """The layers of a network, one line each, and their sum."""
    rows: list[tuple[str, ...]] = [("layer", "op", "MACs", "BOPs", "in", "weights", "out", "bytes")]
    rows += [layer_cells(row) for row in report["layers"]]
    totals = report["totals"]
    rows.append(
        (
            "total",
            "",
            count(totals["macs"]),
            count(totals["bops"]),
            "",
            count(totals["weights"]),
            "",
            count(totals["weight_bytes"]),
        )
    )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(aligned(row, widths) for row in rows)


def layer_cells(row: Table) -> tuple[str, ...]:
    bits = row.get("weight_bits", {})
    spelled = next(iter(bits)) if len(bits) == 1 else "{" + ",".join(bits) + "}" if bits else ""
    return (
        row["name"],
        row["op"],
        count(row["macs"]),
        count(row["bops"]),
        str(row["input_bits"]),
        spelled,
        str(row["output_bits"]),
        count(row["weight_bytes"]) if "weight_bytes" in row else "",
    )


def aligned(row: tuple[str, ...], widths: list[int]) -> str:
    """Names to the left, numbers to the right."""
    cells = [
        c.ljust(w) if i < 2 else c.rjust(w)
        for i, (c, w) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()
