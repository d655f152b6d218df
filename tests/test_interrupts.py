"""A network that is interrupted anywhere, with another network run inside, computes the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builder import Builder
from cases import Case, residual
from qcompile.emit.c import emit_plan
from qcompile.plan.c_plan import CPlan, plan_c
from qcompile.rtl import Interrupts, Isa, compile_firmware, run


def network(seed: int) -> Case:
    return residual(Builder(f"net{seed}", seed))


FIRMWARE = """
#include "qc_system.h"
#include "outer.h"
#include "inner.h"

static outer_input_t outer_in;
static outer_output_t outer_out;
static inner_input_t inner_in;
static inner_output_t inner_out;
static uint64_t outer_arena[OUTER_ARENA_BYTES / 8 + 1], inner_arena[INNER_ARENA_BYTES / 8 + 1];
static unsigned interrupts;

static void copy(void *to, const volatile void *from, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        ((uint8_t *)to)[i] = ((const volatile uint8_t *)from)[i];
}

void qc_interrupt(void)
{
    interrupts++;
    inner_run(&inner_in, &inner_out, inner_arena);
    copy((void *)(QC_EXCHANGE + 0x30000), &inner_out, sizeof inner_out);
    qc_timer(0);
}

int main(void)
{
    copy(&outer_in, QC_EXCHANGE, sizeof outer_in);
    copy(&inner_in, QC_EXCHANGE + 0x10000, sizeof inner_in);
    inner_run(&inner_in, &inner_out, inner_arena);
    copy((void *)(QC_EXCHANGE + 0x30000), &inner_out, sizeof inner_out);
    qc_interrupts_on();
    outer_run(&outer_in, &outer_out, outer_arena);
    qc_interrupts_off();
    copy((void *)(QC_EXCHANGE + 0x20000), &outer_out, sizeof outer_out);
    *(volatile unsigned *)(QC_EXCHANGE + 0x40000) = interrupts;
    return 0;
}
"""


def written(folder: Path, plan: CPlan) -> list[Path]:
    """The project's sources in the folder, which both networks share."""
    for path, text in emit_plan(plan, {}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return [folder / f"{plan.prefix}.c", folder / f"{plan.prefix}_weights.c"]


@pytest.mark.parametrize("isa", [Isa.CV32E40P, Isa.MPIC, Isa.MPIC_Q], ids=lambda i: i.value)
def test_interrupted_networks_compute_the_same(isa: Isa, tmp_path: Path) -> None:
    outer, inner = network(3), network(4)
    plans = [plan_c(outer.model, "outer", isa), plan_c(inner.model, "inner", isa)]
    sources = [p for plan in plans for p in written(tmp_path, plan)]
    (tmp_path / "main.c").write_text(FIRMWARE)
    firmware = compile_firmware([tmp_path / "main.c", *sources], isa, include=[tmp_path])

    exchange = bytearray(0x20000)
    for start, plan, case in ((0, plans[0], outer), (0x10000, plans[1], inner)):
        (port,) = plan.inputs
        data = case.inputs[port.port.name][0].astype(port.type.dtype).tobytes()
        exchange[start : start + len(data)] = data

    total = 0
    for seed in range(2):
        often = Interrupts(shortest=1, longest=60000, seed=seed)
        done = run(firmware, exchange=bytes(exchange), output=(0x20000, 0x20004), interrupts=often)
        total += int(np.frombuffer(done.output, "<u4", 1, 0x20000)[0])
        for start, plan, case in ((0, plans[0], outer), (0x10000, plans[1], inner)):
            (port,) = plan.outputs
            wanted = case.model.run(case.inputs)[port.port.name][0].reshape(-1)
            made = np.frombuffer(done.output, port.type.dtype, wanted.size, start)
            np.testing.assert_array_equal(made.astype(np.int64), wanted)
    assert total > 5, "hardly an interrupt"
