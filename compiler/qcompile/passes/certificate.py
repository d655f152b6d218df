"""What was proved of a requantizer, as the certificate tells it."""

from __future__ import annotations

from typing import Any

from qcompile.model import Proof
from qcompile.ops.requant import Arithmetic, Form, Scale, Steps, Table
from qcompile.passes.requantize import Proved, kinds
from qcompile.qtype import Ints


def proof(node: str, origin: str, proved: Proved, lo: Ints, hi: Ints) -> Proof:
    """One entry: channels with the same form and interval are told once."""
    groups: dict[tuple[int, int, int], dict[str, Any]] = {}
    for c, form in enumerate(proved.forms):
        key = (id(form), int(lo[c]), int(hi[c]))
        entry = groups.setdefault(key, {"channels": [], **described(form)})
        entry["channels"].append(c)
        entry["interval"] = [int(lo[c]), int(hi[c])]
    return Proof(node, origin, kinds(proved.forms), tuple(groups.values()), proved.method)


def described(form: Form) -> dict[str, Any]:
    """The numbers of a form."""
    match form:
        case Scale():
            out: dict[str, Any] = {
                "form": form.arithmetic.value,
                "multiplier": form.multiplier,
                "offset": form.offset,
                "shift": form.shift,
                "clip": [form.low, form.high],
            }
            if form.arithmetic is Arithmetic.SPLIT:
                out["split"] = form.split
            if form.bound is not None:
                out["bound"] = form.bound
            if form.exceptions:
                out["exceptions"] = [list(pair) for pair in form.exceptions]
            return out
        case Steps():
            return {
                "form": "thresholds",
                "breaks": form.breaks.tolist(),
                "values": form.values.tolist(),
            }
        case Table():
            return {"form": "table", "base": form.base, "values": form.values.tolist()}
