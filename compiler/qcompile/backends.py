"""The backends: for each family of targets what it emits, how that is run, what it measures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from qcompile.emit.c import emit_plan
from qcompile.emit.hls import emit_hls, namespace
from qcompile.emit.rtl import emit_rtl
from qcompile.errors import CompileError
from qcompile.model import IntegerModel
from qcompile.names import identifier
from qcompile.passes.sort_outputs import sort_outputs
from qcompile.plan.bands import Mode, Wish, plan_in_bands
from qcompile.plan.c_plan import plan_c
from qcompile.plan.folding_file import FILE, folding_text
from qcompile.plan.rate import RateWish, plan_for_rate
from qcompile.report.cells import measure_cells
from qcompile.report.fpga import measure_pace, measure_schedules
from qcompile.report.measured import Measured
from qcompile.report.riscv import measure_bytes, measure_cycles
from qcompile.rtl import Isa
from qcompile.target import Family, Target
from qcompile.verify.csim import CSim, ap_types, cxx_compiler
from qcompile.verify.design_bench import DesignBench
from qcompile.verify.host import HostLibrary
from qcompile.verify.rtl_bench import FirmwareBench
from qcompile.verify.run import Bench, FastBench, Level, Missing, Project, Runner
from qcompile.verify.toolchain import host_compiler
from qcompile.verify.vectors import Codes, vectors

STORED_VECTORS = 8  # vectors that go into a project with its code


@dataclass(frozen=True)
class Wishes:
    """What the user asks of a project, besides the target."""

    bands: Wish = field(default_factory=Wish)
    rate: RateWish = field(default_factory=RateWish)


NONE = Wishes()


class Emit(Protocol):
    """Makes a project of a model: its name, vectors to go with it, the target, and wishes."""

    def __call__(
        self, model: IntegerModel, name: str, codes: Codes, target: Target, wishes: Wishes, /
    ) -> Project: ...


@dataclass(frozen=True)
class Backend:
    """What is done for one family of targets."""

    emit: Emit
    benches: Callable[[Target, int], tuple[Bench, ...]]
    """The ways to run it, the fastest first; the number is of flash wait states, 0 for none."""
    measure: Callable[[Project], Measured]
    """What needs no run."""
    measure_run: Callable[[Project, Target, tuple[Level, ...]], Measured]
    """What the levels of verification measured while they ran."""
    measure_cells: Callable[[Project, Target], Measured]
    """What mapping it to the cells of an FPGA gives."""


def emit_for_c(model: IntegerModel, name: str, codes: Codes, isa: Isa = Isa.RV32IMC) -> Project:
    plan = plan_c(sort_outputs(model), identifier(name), isa)
    return Project(plan, emit_plan(plan, codes))


def emit_for_fpga(
    model: IntegerModel,
    name: str,
    codes: Codes,
    rate: RateWish = NONE.rate,
    clock_mhz: float | None = None,
) -> Project:
    """HLS C++ and, in the folder `rtl`, SystemVerilog: two spellings of one plan."""
    plan = plan_for_rate(model, rate, clock_mhz)
    twin = emit_rtl(namespace(name), plan)
    files = emit_hls(model, namespace(name), plan, codes)
    files |= {f"rtl/{path}": text for path, text in twin.items()}
    return Project(plan, files | {FILE: folding_text(plan.target, plan.folds)})


def build_c(model: IntegerModel, project: Project) -> Runner:
    needed(host_compiler)
    return HostLibrary(project.plan, project.files)


def build_hls(model: IntegerModel, project: Project) -> Runner:
    needed(cxx_compiler)
    needed(ap_types)
    return CSim(model, project.plan, project.files)


def needed(find: Callable[[], object]) -> None:
    """Raises Missing where `find` does not find its tool."""
    try:
        find()
    except CompileError as error:
        raise Missing(error.what) from None


def riscv_project(
    model: IntegerModel, name: str, codes: Codes, target: Target, wishes: Wishes = NONE
) -> Project:
    """A microcontroller runs one layer after the other: there is nothing to fold."""
    if wishes.rate != NONE.rate:
        raise CompileError(
            "a microcontroller has no processes to fold",
            at="--fps, --folding",
            help="leave them out, or compile for an FPGA",
        )
    limit = target.limits.ram_bytes
    plan = plan_in_bands(sort_outputs(model), identifier(name), isa_of(target), wishes.bands, limit)
    return Project(plan, emit_plan(plan, codes))


def fpga_project(
    model: IntegerModel, name: str, codes: Codes, target: Target, wishes: Wishes = NONE
) -> Project:
    """Every layer works on a stream of pixels: there are no bands to choose."""
    if wishes.bands.mode not in (Mode.AUTO, Mode.NO):
        raise CompileError(
            "the layers of an FPGA work on streams, not in bands",
            at="--bands",
            help="leave it out",
        )
    return emit_for_fpga(model, name, codes, wishes.rate, target.clock_mhz)


def riscv_benches(target: Target, flash_wait: int = 0) -> tuple[Bench, ...]:
    """The host's compiler, then the target's on the RTL of the core."""
    isa = isa_of(target)

    def probes(model: IntegerModel) -> Project:
        return emit_for_c(model, "probes", {}, isa)

    return (
        FastBench("host", probes, build_c, 6_000_000_000),
        FirmwareBench(isa, probes, flash_wait),
    )


def fpga_benches(target: Target, flash_wait: int = 0) -> tuple[Bench, ...]:
    def probes(model: IntegerModel) -> Project:
        return emit_for_fpga(model, "probes", vectors(model, 1))

    return (FastBench("csim", probes, build_hls, 600_000_000), DesignBench(probes))


def no_cells(project: Project, target: Target) -> Measured:
    raise CompileError("a microcontroller has no cells", at="--measure", help="leave it out")


def isa_of(target: Target) -> Isa:
    assert target.isa is not None, "a RISC-V target without instructions"
    return target.isa


BACKENDS = {
    Family.RISCV: Backend(riscv_project, riscv_benches, measure_bytes, measure_cycles, no_cells),
    Family.FPGA: Backend(
        fpga_project, fpga_benches, measure_schedules, measure_pace, measure_cells
    ),
}
