"""Kernels with the encodings of RI5CY and MPIC-type cores, bit for bit in the emulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

import qcompile
import test_c_depthwise
import test_c_elementwise
from benchmarks import kernels_elementwise
from benchmarks.kernels_products import ENDINGS
from benchmarks.steps import WARNINGS, Program, Trial, connected
from qcompile.backends import emit_for_c
from qcompile.export import Model, Quantizer
from qcompile.ops import Conv
from qcompile.passes import lower
from qcompile.plan import c_fast, c_product_layout
from qcompile.qtype import QType, Shape
from qcompile.resources import folder
from qcompile.rtl import Firmware, FirmwareError, Isa, compile_firmware
from qcompile.verify.firmware import HEAD_BYTES, Window, firmware_sources
from qcompile.verify.host import pack, structure, unpack
from qcompile.verify.toolchain import write_files
from qcompile.verify.vectors import vectors
from rtl_programs import assembly
from tiny import cnn, mlp, noise
from xpulp import EXCHANGE, FORMATS, Fault, Machine

XPULP = "-DQC_ISA_XPULP=1"
WINDOW = EXCHANGE >> 28
RANGES = {8: ((0, 255), (-128, 127)), 4: ((0, 15), (-8, 7)), 2: ((0, 3), (-2, 1))}
MAX, SRA, SHUFFLE, PACK_HIGH, PACK_LOW = 12, 18, 50, 54, 56


def compiled(sources: Sequence[Path], *flags: str) -> Firmware:
    """Without XCV instructions, which the compiler would use by itself."""
    include = [folder("templates") / "c"]
    return compile_firmware(sources, Isa.RV32IMC, include=include, flags=[*WARNINGS, XPULP, *flags])


def emulated(firmware: Firmware, exchange: bytes = b"") -> Machine:
    machine = Machine(firmware.image, exchange)
    machine.run()
    assert machine.exit_code == 0
    return machine


def layer(
    random: np.random.Generator, x: tuple[int, int], bits: int, ending: int, shape: Shape
) -> Trial:
    """A convolution of a row of seven pixels: four of them, and three others."""
    half = 1 << (bits - 1)
    weight = random.integers(-half, half, shape)
    pads = (0, 1, 0, 1) if shape[2] > 1 else (0, 0, 0, 0)
    op = Conv(weight, random.integers(-90, 90, shape[0]), (bits,) * shape[0], pads=pads)
    kind = QType.of((1, 1, 7, shape[3]), *x)
    made = ENDINGS[ending]
    requant = made(random, op.result(kind)) if made else None
    codes = random.integers(*x, kind.shape, endpoint=True)
    return Trial(f"{x} {bits} {ending} {shape}", op, requant, (kind,), (codes,))


def layers() -> Iterator[Trial]:
    """Every format with both signs, few channels and many; all kinds of results."""
    random = np.random.default_rng(23)
    endings = cycle(range(len(ENDINGS)))
    lines = cycle(range(6))  # endings that kernels do themselves
    for wide, narrow in FORMATS.values():
        for x in RANGES[wide]:
            yield layer(random, x, narrow, next(lines), (21, 1, 1, 40))
            yield layer(random, x, narrow, next(endings), (18, 1, 3, 19))


def same(made: Program, home: Path) -> tuple[Machine, set[str]]:
    """Every bit of every trial; also the functions that were entered."""
    source = home / "steps.c"
    source.write_text(
        f'#include "qc_system.h"\n{made.source()}\n'
        f"static uint32_t scratch[{made.scratch // 4 + 1}];\n"
        "int main(void)\n{\n"
        f"    run_all((unsigned char *){EXCHANGE:#x}u, scratch);\n    return 0;\n}}\n"
    )
    firmware = compiled([source])
    machine = emulated(firmware, made.memory.tobytes())
    for o in made.judged(bytes(machine.memory[WINDOW][: len(made.memory)])):
        assert not o.touched, f"{o.trial.name} writes outside its result"
        np.testing.assert_array_equal(o.made, o.wanted, err_msg=o.trial.name)
    return machine, {s.name for s in firmware.symbols if s.address in machine.blocks}


def test_products_of_every_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c_product_layout, "SIXTEEN", 0)
    some = list(layers())
    made = Program(some, connected(lambda op, site: c_fast.build(op, site, Isa.MPIC)))
    machine, entered = same(made, tmp_path)
    assert {d for d in machine.dots if d[1] != 0} == {(f, s) for f in FORMATS for s in (1, 3)}
    for kernel in ("qc_tiles", "qc_column_4", "qc_column_16"):
        for wide, narrow in FORMATS.values():
            for sign in "iu":
                name = f"{kernel}_{sign}{wide}_w{narrow}_"
                assert any(e.startswith(name) for e in entered), name


def many(home: Path) -> Path:
    """Depthwise layers, poolings, a sum, and activations of all widths."""

    def act(bits: int, scale: float) -> Quantizer:
        return Quantizer(scale=scale, bits=bits, signed=False)

    model = Model("many")
    x = model.quantize(model.input("x", (1, 8, 9, 10)), Quantizer(scale=1 / 32, bits=8))
    x = model.conv(
        x, noise(1, 8, 1, 3, 3), Quantizer(scale=1 / 32, bits=8), pads=(1,) * 4, groups=8
    )
    x = model.quantize(model.relu(x), act(8, 1 / 32))
    skip = x
    x = model.conv(x, noise(2, 8, 1, 5, 5), Quantizer(scale=1 / 8, bits=4), pads=(2,) * 4, groups=8)
    x = model.quantize(x, Quantizer(scale=1 / 4, bits=8))
    x = model.quantize(model.add(x, skip), Quantizer(scale=1 / 4, bits=8))
    x = model.max_pool(x, (2, 2))
    x = model.conv(x, noise(3, 16, 8, 1, 1), Quantizer(scale=1 / 16, bits=6))
    x = model.quantize(model.relu(x), act(4, 1))
    x = model.conv(x, noise(4, 32, 16, 1, 1), Quantizer(scale=1 / 2, bits=2))
    x = model.quantize(model.relu(x), act(2, 4))
    x = model.conv(x, noise(5, 16, 32, 1, 1), Quantizer(scale=1 / 16, bits=8))
    x = model.quantize(x, Quantizer(scale=1, bits=4))
    mixed = Quantizer(scale=1 / 16, bits=[8] * 8 + [4] * 8)
    x = model.conv(x, noise(6, 16, 16, 1, 1), mixed)
    x = model.quantize(model.relu(x), act(8, 1 / 16))
    x = model.conv(x, noise(8, 12, 16, 1, 1), Quantizer(scale=1 / 4, bits=4))
    x = model.quantize(model.relu(x), act(8, 1 / 8))
    x = model.quantize(model.average_pool(x, (4, 5)), act(8, 1 / 16))
    x = model.dense(model.flatten(x), noise(7, 5, 12), Quantizer(scale=1 / 16, bits=5))
    model.output(model.quantize(x, Quantizer(scale=1, bits=8), name="y"))
    model.save(home / "many.onnx")
    return home / "many.onnx"


def ran(path: Path, isa: Isa, home: Path) -> Machine:
    """The network on a few vectors."""
    model = lower(qcompile.read(path))
    project = emit_for_c(model, "net", {}, isa)
    plan = project.plan
    write_files(home, {**project.files, **firmware_sources(plan)})
    sources = [home / name for name in ("net.c", "net_weights.c", "verify/firmware.c")]
    firmware = compiled(sources, "-include", str(home / "verify/mark.h"))
    codes = vectors(model, 2)
    given = pack(plan.inputs, structure(plan.inputs), codes)
    kind = structure(plan.outputs)
    window = Window(len(given), given.nbytes, len(given) * kind.itemsize)
    machine = emulated(firmware, window.head.ljust(HEAD_BYTES) + given.tobytes())
    made = np.frombuffer(machine.memory[WINDOW], kind, len(given), window.outputs)
    found = unpack(plan.outputs, made)
    for name, values in model.run(codes).items():
        np.testing.assert_array_equal(found[name], values)
    return machine


@pytest.mark.parametrize("network", [cnn, mlp])
def test_networks(network: Callable[[Path], Path], tmp_path: Path) -> None:
    assert ran(network(tmp_path), Isa.MPIC, tmp_path).dots


def test_depthwise_layers(tmp_path: Path) -> None:
    some = test_c_depthwise.trials(np.random.default_rng(5))[::3]
    same(Program(some, connected(test_c_depthwise.build(Isa.MPIC))), tmp_path)


@pytest.mark.parametrize("name", test_c_elementwise.SETS)
def test_elementwise_layers(name: str, tmp_path: Path) -> None:
    make, _ = test_c_elementwise.SETS[name]
    some = list(make(np.random.default_rng(7)))[::5]
    same(Program(some, connected(kernels_elementwise.fast)), tmp_path)


def test_a_network_of_many_kernels(tmp_path: Path) -> None:
    machine = ran(many(tmp_path), Isa.MPIC, tmp_path)
    assert {MAX, SHUFFLE, PACK_HIGH, PACK_LOW} <= machine.others
    assert (2, 0) in machine.dots  # pv.dotup: qc_take


def test_without_mixed_widths(tmp_path: Path) -> None:
    """A project for cv32e40p: weights become bytes, or several of them are one."""
    machine = ran(many(tmp_path), Isa.CV32E40P, tmp_path)
    assert {f for f, _ in machine.dots} == {2}
    assert {MAX, SRA, SHUFFLE, PACK_HIGH, PACK_LOW} <= machine.others


def test_there_is_no_requantizer(tmp_path: Path) -> None:
    source = tmp_path / "main.c"
    source.write_text('#include "lib/qc_tile.h"\nint main(void) { return 0; }\n')
    compiled([source])
    with pytest.raises(FirmwareError, match="no instruction that requantizes"):
        compiled([source], "-DQC_ISA_MPIC_Q=1")


def emulate_lines(home: Path, *lines: str) -> Machine:
    return emulated(assembly(home, lines))


def test_instructions_by_hand(tmp_path: Path) -> None:
    """Words written out by hand; a0 must become 0."""
    emulate_lines(
        tmp_path,
        "li a0, -200\nli a1, 100",
        ".4byte 0x14B55533",  # p.clipr a0, a0, a1: -101
        "addi a0, a0, 101",
        "li a2, 3",
        ".4byte 0x42C58533",  # p.mac a0, a1, a2: 300
        "li a3, 2",
        ".4byte 0x40D6255B",  # p.addNr a0, a2, a3: (300 + 3) >> 2 = 75
        "addi a0, a0, -75",
        "csrwi 0x010, 0\ncsrwi 0x00D, 8\ncsrwi 0x00E, 1\ncsrwi 0x00F, 1",
        "li a1, 0x01020304\nli a2, 0x87F10000",
        ".4byte 0xA8C59557",  # pv.sdotusp a0, a1, a2: second half, 4 * 1 - 3 + 2 * 7 - 8
        "addi a0, a0, -7",
        "li t0, 5",
        ".4byte 0x0062C07B",  # lp.setup 0, t0, 3 instructions: ends at the third
        "nop\nnop\naddi a0, a0, 1\naddi a0, a0, -5",
    )


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ((".4byte 0xA8C59557",), "legacy mode"),
        (("csrwi 0x010, 0", "csrwi 0x00D, 8", ".4byte 0xE0C59557"), "SIMD of format 8"),
        ((".4byte 0x0042C07B", "nop", "nop"), "against the rules"),
        ((".4byte 0x0062C07B", "nop", "bne a0, a1, .", "nop"), "against the rules"),
        ((".insn r4 0x43, 0, 0, a0, a1, a2, a0",), "no instruction"),
    ],
)
def test_what_no_core_defines_is_a_fault(
    lines: tuple[str, ...], fault: str, tmp_path: Path
) -> None:
    with pytest.raises(Fault, match=fault):
        emulate_lines(tmp_path, *lines)
